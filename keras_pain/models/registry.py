"""Every network of the suite: builder, paper, task, recipe.

To add a model: one file with its builder and recipe, one entry here, one row in
`tests/test_models.py`, then `python -m keras_pain.models.summary --write`.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import keras

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
from keras_pain.models.lsfan import (
    CNN_SAP,
    CNN_TAP,
    FEATURE_LAYERS,
    LSFAN,
    LSFAN_RECIPE,
)
from keras_pain.models.recipe import Recipe
from keras_pain.models.stacked_lstm import STACKED_LSTM_RECIPE, StackedLSTM

PROTECTIVE = "protective behaviour"
PROTECTIVE_AND_PAIN = "protective behaviour; pain level"
RECONSTRUCTION = "reconstruction"

# Windows of movement `(time, channels)`; face clips `(time, height, width, 3)`
# and frames `(height, width, 3)` in RGB from 0 to 255; 68 facial landmarks
# `(time, 68, 2)`; features of a clip's frames `(time, features)`.
WINDOWS, CLIPS, FRAMES = "windows", "clips", "frames"
LANDMARKS, FEATURES = "landmarks", "features"
DATA = (WINDOWS, CLIPS, FRAMES, LANDMARKS, FEATURES)

ISWC_2019 = "Wang et al., ISWC 2019"
BANET_2019 = "Wang et al., ACIIW 2019 (arXiv 1904.10824)"
ALANET = "Yuan and Mahmoud, ALANet"
LSFAN_2024 = "Ortigoso-Narro et al., arXiv 2406.16913"


@dataclasses.dataclass(frozen=True)
class ModelEntry:
    """One model.

    Args:
        name: Key in `MODELS`.
        builder: Function that returns the model.
        paper: Whose architecture it is.
        task: What it predicts.
        input_shape: `(time, channels)` in the paper.
        recipe: How it is trained.
        arguments: Arguments of the builder that make this entry, over its
            defaults.
        published_parameters: Parameter count that the paper prints, if any.
        note: What a reader of the count has to know.
        autoencoder: Entry of the model whose encoder this one takes over, or
            "".
        min_channels: Channels that a corpus must have for the model to be one
            of its methods: 26 for angles and energies, 30 with sEMG.
        shared_layers: Layers that the released code does not build anew for
            every fold; none named means the whole network, where somebody
            measures that defect.
        channel_order: Order of the channels that it is fed, see
            `keras_pain.data.channels`.
        data: What it is fed, one of `DATA`.
    """

    name: str
    builder: Callable[..., keras.Model]
    paper: str
    task: str
    input_shape: tuple[int, ...]
    recipe: Recipe
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    published_parameters: int | None = None
    note: str = ""
    autoencoder: str = ""
    min_channels: int = 26
    shared_layers: tuple[str, ...] = ()
    channel_order: str = "canonical"
    data: str = WINDOWS

    def build(self, **overrides: Any) -> keras.Model:
        """A new, untrained model.

        Args:
            **overrides: Arguments of the builder, over the entry's own.

        Returns:
            The model.
        """
        arguments = {
            "input_shape": self.input_shape,
            **self.arguments,
            "name": self.name,
        }
        return self.builder(**{**arguments, **overrides})

    @property
    def call(self) -> str:
        """The Python call that builds the entry's model."""
        arguments = {"input_shape": self.input_shape, **self.arguments}
        inside = ", ".join(f"{k}={v!r}" for k, v in arguments.items())
        return f"{self.builder.__name__}({inside})"


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
)

MODELS: dict[str, ModelEntry] = {entry.name: entry for entry in _ENTRIES}
