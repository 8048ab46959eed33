"""The networks that see faces: clips, pictures, landmarks, features of frames.

See `keras_pain.models.registry`, which takes them in.
"""

from keras_pain.models.aacsfnet import (
    AACSFNET_RECIPE,
    AACSFNET_RELEASED_RECIPE,
    AACSFNet,
)
from keras_pain.models.biscale_cross_vit import BiScaleCrossViT
from keras_pain.models.c3d import C3D
from keras_pain.models.convnext_lstm import (
    CONVNEXT_LSTM_RECIPE,
    VARIANTS,
    ConvNeXtHead,
)
from keras_pain.models.entry import (
    CLIPS,
    FEATURES,
    FRAMES,
    LANDMARKS,
    ModelEntry,
)
from keras_pain.models.l3d import L3D, L3D_RECIPE
from keras_pain.models.resnet50_ham import ResNet50HAM
from keras_pain.models.resnet_rnn import ResNetGRU, ResNetLSTM
from keras_pain.models.stgcn_lstm import STGCN_LSTM_RECIPE, STGCNLSTM

PAIN_INTENSITY = "pain intensity"
PAIN = "pain"

L3D_2024 = "improved 3D CNN (L3D), Comput. Syst. Appl. 2024, 33(2)"
AACSFNET = "Gao et al., AACSFNet"
PEMF_2025 = "Ridouan et al., arXiv 2501.06787"

_CLIP = (32, 224, 224, 3)

FACE_ENTRIES: tuple[ModelEntry, ...] = (
    ModelEntry(
        name="l3d",
        builder=L3D,
        paper=L3D_2024,
        task=PAIN_INTENSITY,
        input_shape=_CLIP,
        recipe=L3D_RECIPE,
        published_parameters=1_070_000,
        note="trained 1069769, batch-norm statistics 812; channels fitted to "
        "the paper's sizes",
        data=CLIPS,
    ),
    ModelEntry(
        name="l3d_multi_scale",
        builder=L3D,
        paper=L3D_2024,
        task=PAIN_INTENSITY,
        input_shape=_CLIP,
        recipe=L3D_RECIPE,
        arguments={"multi_scale": True},
        note="trained 3034825, batch-norm statistics 812",
        data=CLIPS,
    ),
    ModelEntry(
        name="l3d_se",
        builder=L3D,
        paper=L3D_2024,
        task=PAIN_INTENSITY,
        input_shape=_CLIP,
        recipe=L3D_RECIPE,
        arguments={"attention": True},
        note="trained 1071765, batch-norm statistics 812",
        data=CLIPS,
    ),
    ModelEntry(
        name="l3d_full",
        builder=L3D,
        paper=L3D_2024,
        task=PAIN_INTENSITY,
        input_shape=_CLIP,
        recipe=L3D_RECIPE,
        arguments={"multi_scale": True, "attention": True},
        published_parameters=3_040_000,
        note="trained 3041633, batch-norm statistics 812; a pooling before "
        "the last layer is fitted to the paper's size",
        data=CLIPS,
    ),
    ModelEntry(
        name="c3d",
        builder=C3D,
        paper=L3D_2024,
        task=PAIN_INTENSITY,
        input_shape=_CLIP,
        recipe=L3D_RECIPE,
        published_parameters=77_980_000,
        note="layers 1000 and 150 fitted to the paper's size",
        data=CLIPS,
    ),
    ModelEntry(
        name="resnet18_lstm",
        builder=ResNetLSTM,
        paper=L3D_2024,
        task=PAIN_INTENSITY,
        input_shape=_CLIP,
        recipe=L3D_RECIPE,
        published_parameters=15_030_000,
        note="trained 15031613, batch-norm statistics 9600; head fitted to "
        "the paper's size",
        data=CLIPS,
    ),
    ModelEntry(
        name="resnet18_gru",
        builder=ResNetGRU,
        paper=L3D_2024,
        task=PAIN_INTENSITY,
        input_shape=_CLIP,
        recipe=L3D_RECIPE,
        published_parameters=14_860_000,
        note="trained 14859413, batch-norm statistics 9600; head fitted to "
        "the paper's size",
        data=CLIPS,
    ),
    ModelEntry(
        name="aacsfnet",
        builder=AACSFNet,
        paper=AACSFNET,
        task=PAIN_INTENSITY,
        input_shape=(224, 224, 3),
        recipe=AACSFNET_RECIPE,
        note="trained 29637115, batch-norm statistics 54976",
        data=FRAMES,
    ),
    ModelEntry(
        name="aacsfnet_as_coded",
        builder=AACSFNet,
        paper=AACSFNET,
        task=PAIN_INTENSITY,
        input_shape=(224, 224, 3),
        recipe=AACSFNET_RELEASED_RECIPE,
        arguments={"mode": "as_coded"},
        note="trained 31162845, batch-norm statistics 54976; the released "
        "network counts 32918377, decoders that it never calls included",
        data=FRAMES,
    ),
    ModelEntry(
        name="resnet50_ham",
        builder=ResNet50HAM,
        paper=AACSFNET,
        task=PAIN_INTENSITY,
        input_shape=(224, 224, 3),
        recipe=AACSFNET_RECIPE,
        note="trained 25888139, batch-norm statistics 54928; the channel "
        "branch alone",
        data=FRAMES,
    ),
    ModelEntry(
        name="biscale_cross_vit",
        builder=BiScaleCrossViT,
        paper=AACSFNET,
        task=PAIN_INTENSITY,
        input_shape=(224, 224, 3),
        recipe=AACSFNET_RECIPE,
        note="the spatial branch alone",
        data=FRAMES,
    ),
    *(
        ModelEntry(
            name=f"convnext_lstm_{variant}",
            builder=ConvNeXtHead,
            paper=PEMF_2025,
            task=PAIN,
            input_shape=(20, 2048),
            recipe=CONVNEXT_LSTM_RECIPE,
            arguments={"variant": variant},
            note="behind the released code's frozen ConvNeXt XLarge, which has "
            "348147968",
            data=FEATURES,
        )
        for variant in VARIANTS
    ),
    ModelEntry(
        name="stgcn_lstm",
        builder=STGCNLSTM,
        paper=PEMF_2025,
        task=PAIN,
        input_shape=(20, 68, 2),
        recipe=STGCN_LSTM_RECIPE,
        data=LANDMARKS,
    ),
    ModelEntry(
        name="stgcn_lstm_as_coded",
        builder=STGCNLSTM,
        paper=PEMF_2025,
        task=PAIN,
        input_shape=(20, 68, 2),
        recipe=STGCN_LSTM_RECIPE,
        arguments={"graph": "as_coded", "aggregation": "attention"},
        note="of these, 5745456 of the GRUs have no effect",
        data=LANDMARKS,
    ),
)
