"""Custom Keras layers that the papers' architectures need.

Written with `keras.ops` and `keras.layers` only, so they run on the TensorFlow,
JAX and torch backends. Importing this package imports Keras, and makes every
class known that a saved network names.
"""

# ruff: noqa: F401  what is imported here is what the package offers

from keras_pain.layers.face_graph import (
    GraphAttention,
    GraphMean,
    NormalizeLandmarks,
)
from keras_pain.layers.movement import (
    AttentionPooling,
    BatchNormalization,
    FoldBodyParts,
    FrameMasking,
    GroupedDense,
    GroupedLSTM,
    GroupedLSTMCell,
    JoinBodyParts,
    MaskedSumPooling,
    OrientedPooling,
    SelectChannels,
    SplitBodyParts,
    TemporalAttention,
    TimeMaxPooling,
    UnfoldBodyParts,
)
from keras_pain.layers.transformer import (
    ClassTokenAndPositions,
    CrossAttention,
    TransformerEncoder,
)
from keras_pain.layers.vision import (
    ChannelAttention,
    FoldFrames,
    ImprovedSE,
    SpatialAttention,
    TrilinearUpsampling,
    UnfoldFrames,
)

__all__ = [name for name, kind in globals().items() if isinstance(kind, type)]
