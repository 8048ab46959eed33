"""Custom Keras layers that the papers' architectures need.

Written with `keras.ops` and `keras.layers` only, so they run on the TensorFlow,
JAX and torch backends. Importing this package imports Keras.
"""

from keras_pain.layers.attention import (
    AttentionPooling,
    MaskedSumPooling,
    TemporalAttention,
)
from keras_pain.layers.body_parts import (
    FoldBodyParts,
    JoinBodyParts,
    SplitBodyParts,
    UnfoldBodyParts,
)
from keras_pain.layers.channels import SelectChannels
from keras_pain.layers.grouped import (
    GroupedDense,
    GroupedLSTM,
    GroupedLSTMCell,
)
from keras_pain.layers.masking import FrameMasking
from keras_pain.layers.pooling import OrientedPooling
from keras_pain.layers.transformer import TransformerEncoder

__all__ = [
    "AttentionPooling",
    "FoldBodyParts",
    "FrameMasking",
    "GroupedDense",
    "GroupedLSTM",
    "GroupedLSTMCell",
    "JoinBodyParts",
    "MaskedSumPooling",
    "OrientedPooling",
    "SelectChannels",
    "SplitBodyParts",
    "TemporalAttention",
    "TransformerEncoder",
    "UnfoldBodyParts",
]
