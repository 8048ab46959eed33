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
from keras_pain.layers.cross_attention import (
    ClassTokenAndPositions,
    CrossAttention,
)
from keras_pain.layers.frames import FoldFrames, UnfoldFrames
from keras_pain.layers.graph import GraphAttention, GraphMean
from keras_pain.layers.grouped import (
    GroupedDense,
    GroupedLSTM,
    GroupedLSTMCell,
)
from keras_pain.layers.hybrid_attention import (
    ChannelAttention,
    SpatialAttention,
)
from keras_pain.layers.improved_se import ImprovedSE
from keras_pain.layers.landmarks import NormalizeLandmarks
from keras_pain.layers.masking import FrameMasking
from keras_pain.layers.pooling import OrientedPooling
from keras_pain.layers.transformer import TransformerEncoder
from keras_pain.layers.trilinear import TrilinearUpsampling

__all__ = [
    "AttentionPooling",
    "ChannelAttention",
    "ClassTokenAndPositions",
    "CrossAttention",
    "FoldBodyParts",
    "FoldFrames",
    "FrameMasking",
    "GraphAttention",
    "GraphMean",
    "GroupedDense",
    "GroupedLSTM",
    "GroupedLSTMCell",
    "ImprovedSE",
    "JoinBodyParts",
    "MaskedSumPooling",
    "NormalizeLandmarks",
    "OrientedPooling",
    "SelectChannels",
    "SpatialAttention",
    "SplitBodyParts",
    "TemporalAttention",
    "TransformerEncoder",
    "TrilinearUpsampling",
    "UnfoldBodyParts",
    "UnfoldFrames",
]
