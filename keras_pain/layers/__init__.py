"""Custom Keras layers that the papers' architectures need.

Written with `keras.ops` and `keras.layers` only, so they run on the TensorFlow,
JAX and torch backends. Importing this package imports Keras, and makes every
class known that a saved network names.
"""

# ruff: noqa: F403  the package offers all layers of these modules

from keras_pain.layers.base import BaseLayer
from keras_pain.layers.face_graph import *
from keras_pain.layers.movement import *
from keras_pain.layers.transformer import *
from keras_pain.layers.vision import *

_KINDS = [x for x in globals().values() if isinstance(x, type)]
__all__ = [x.__name__ for x in _KINDS if BaseLayer in x.__mro__[1:]]
