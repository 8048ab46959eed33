"""Every network of the suite: builder, paper, task, recipe.

To add a model: one file with its builder and recipe, one entry here, one row in
`tests/test_models.py`, then `python -m keras_pain.models.summary --write`. What
sees faces has its entry in `registry_faces.py`, its row in
`tests/test_face_models.py`.
"""

from keras_pain.models.alanet import (
    ALANET_AUTOENCODER_RECIPE,
    ALANET_RECIPE,
    ALANet,
    ALANetAutoencoder,
)
from keras_pain.models.banet import BANET_RECIPE, BANet
from keras_pain.models.bi_lstm import BI_LSTM_RECIPE, BiLSTM
from keras_pain.models.conv_lstm import CONV_LSTM_RECIPE, ConvLSTM
from keras_pain.models.dual_stream_lstm import (
    DUAL_STREAM_LSTM_RECIPE,
    DualStreamLSTM,
)
from keras_pain.models.entry import (
    CLIPS,
    DATA,
    FEATURES,
    FRAMES,
    LANDMARKS,
    WINDOWS,
    ModelEntry,
)
from keras_pain.models.lsfan import (
    CNN_SAP,
    CNN_TAP,
    FEATURE_LAYERS,
    LSFAN,
    LSFAN_RECIPE,
)
from keras_pain.models.registry_faces import FACE_ENTRIES, PAIN_INTENSITY
from keras_pain.models.schedule import (
    EpochSchedule,  # noqa: F401  saved networks name it
)
from keras_pain.models.stacked_lstm import STACKED_LSTM_RECIPE, StackedLSTM

__all__ = [
    "CLIPS",
    "DATA",
    "FEATURES",
    "FRAMES",
    "LANDMARKS",
    "MODELS",
    "PAIN_INTENSITY",
    "WINDOWS",
    "ModelEntry",
]

PROTECTIVE = "protective behaviour"
PROTECTIVE_AND_PAIN = "protective behaviour; pain level"
RECONSTRUCTION = "reconstruction"

ISWC_2019 = "Wang et al., ISWC 2019"
BANET_2019 = "Wang et al., ACIIW 2019 (arXiv 1904.10824)"
ALANET = "Yuan and Mahmoud, ALANet"
LSFAN_2024 = "Ortigoso-Narro et al., arXiv 2406.16913"


_ENTRIES = (
    ModelEntry(
        name="stacked_lstm",
        builder=StackedLSTM,
        paper=ISWC_2019,
        task=PROTECTIVE,
        input_shape=(180, 30),
        recipe=STACKED_LSTM_RECIPE,
        note="as BANet's comparator, input_shape=(180, 26) and units=28, "
        "18986 parameters, which the BANet paper prints",
    ),
    ModelEntry(
        name="banet",
        builder=BANet,
        paper=BANET_2019,
        task=PROTECTIVE,
        input_shape=(180, 30),
        recipe=BANET_RECIPE,
        published_parameters=2131,
        note="uses channels 0-25",
    ),
    ModelEntry(
        name="banet_temporal",
        builder=BANet,
        paper=BANET_2019,
        task=PROTECTIVE,
        input_shape=(180, 30),
        recipe=BANET_RECIPE,
        arguments={"attention": "temporal"},
        published_parameters=1767,
        note="uses channels 0-25",
    ),
    ModelEntry(
        name="banet_bodily",
        builder=BANet,
        paper=BANET_2019,
        task=PROTECTIVE,
        input_shape=(180, 30),
        recipe=BANET_RECIPE,
        arguments={"attention": "bodily"},
        published_parameters=2023,
        note="built as in the released code, which has 2014; the paper's 9 "
        "more are one 1x1 convolution over 8 features; uses channels 0-25",
    ),
    ModelEntry(
        name="alanet",
        builder=ALANet,
        paper=ALANET,
        task=PROTECTIVE_AND_PAIN,
        input_shape=(180, 30),
        recipe=ALANET_RECIPE,
        autoencoder="alanet_autoencoder",
        note="frozen encoder 1248, trained head 171",
    ),
    ModelEntry(
        name="alanet_parts",
        builder=ALANet,
        paper=ALANET,
        task=PROTECTIVE,
        input_shape=(180, 30),
        recipe=ALANET_RECIPE,
        arguments={"body_parts": True},
        autoencoder="alanet_parts_autoencoder",
        note="13 frozen encoders 4576, trained head 691; uses channels 0-25",
    ),
    ModelEntry(
        name="alanet_autoencoder",
        builder=ALANetAutoencoder,
        paper=ALANET,
        task=RECONSTRUCTION,
        input_shape=(180, 30),
        recipe=ALANET_AUTOENCODER_RECIPE,
        note="first stage of alanet",
    ),
    ModelEntry(
        name="alanet_parts_autoencoder",
        builder=ALANetAutoencoder,
        paper=ALANET,
        task=RECONSTRUCTION,
        input_shape=(180, 30),
        recipe=ALANET_AUTOENCODER_RECIPE,
        arguments={"body_parts": True},
        note="first stage of alanet_parts; reconstructs channels 0-25",
    ),
    ModelEntry(
        name="lsfan",
        builder=LSFAN,
        paper=LSFAN_2024,
        task=PROTECTIVE,
        input_shape=(180, 30),
        recipe=LSFAN_RECIPE,
        note="trained 8282, batch-norm statistics 60; the released network "
        "counts 13982, an encoder that it never calls included",
        shared_layers=FEATURE_LAYERS,
        channel_order="semg_first",
    ),
    ModelEntry(
        name="cnn_tap",
        builder=CNN_TAP,
        paper=LSFAN_2024,
        task=PROTECTIVE,
        input_shape=(180, 30),
        recipe=LSFAN_RECIPE,
        note="trained 2582, batch-norm statistics 60",
        shared_layers=FEATURE_LAYERS,
        channel_order="semg_first",
    ),
    ModelEntry(
        name="cnn_sap",
        builder=CNN_SAP,
        paper=LSFAN_2024,
        task=PROTECTIVE,
        input_shape=(180, 30),
        recipe=LSFAN_RECIPE,
        note="trained 2966, batch-norm statistics 60; pooling='as_coded' for "
        "the released code's, which averages time",
        shared_layers=FEATURE_LAYERS,
        channel_order="semg_first",
    ),
    ModelEntry(
        name="conv_lstm",
        builder=ConvLSTM,
        paper=BANET_2019,
        task=PROTECTIVE,
        input_shape=(180, 26),
        recipe=CONV_LSTM_RECIPE,
        published_parameters=40_940,
        note="uses channels 0-25",
    ),
    ModelEntry(
        name="bi_lstm",
        builder=BiLSTM,
        paper=BANET_2019,
        task=PROTECTIVE,
        input_shape=(180, 26),
        recipe=BI_LSTM_RECIPE,
        published_parameters=14_282,
        note="uses channels 0-25",
    ),
    ModelEntry(
        name="dual_stream_lstm",
        builder=DualStreamLSTM,
        paper=ISWC_2019,
        task=PROTECTIVE,
        input_shape=(180, 30),
        recipe=DUAL_STREAM_LSTM_RECIPE,
        note="26 channels of movement, 4 of sEMG",
        min_channels=30,
    ),
    *FACE_ENTRIES,
)

MODELS: dict[str, ModelEntry] = {entry.name: entry for entry in _ENTRIES}
