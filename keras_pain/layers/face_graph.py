"""Layers for 68 facial landmarks: normalisation, features of neighbours."""

import keras
import numpy as np
from keras import ops

from keras_pain.layers.base import BaseLayer
from keras_pain.signals.face_graph import adjacency, mean_weights
from keras_pain.signals.landmarks import PARTS

_SLOPE = 0.2  # of the leaky ReLU before the softmax; released code
_NOSE = range(PARTS["nose_bridge"].start, PARTS["nose_base"].stop)


class NormalizeLandmarks(BaseLayer):
    """`keras_pain.signals.landmarks.normalise_clip` inside a network.

    One shift and one scale a clip: the median over frames of the centre of the
    nose, and of the distance between the centres of the eyes. It computes in
    single precision whatever the policy, for half precision knows no tenth of
    a pixel beyond pixel 128; only the result is cast.

    Takes `(batch, time, 68, 2)` in any unit, returns the same in distances
    between the eyes. A clip whose eyes are in one place comes out as zeros.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def call(self, inputs):
        inputs = ops.cast(inputs, "float32")
        right, left, nose = (
            ops.mean(inputs[:, :, part.start : part.stop], axis=2)
            for part in (PARTS["right_eye"], PARTS["left_eye"], _NOSE)
        )
        distance = ops.sqrt(ops.sum(ops.square(left - right), axis=-1))
        scale = ops.median(distance, axis=1)[:, None, None, None]
        centre = ops.median(nose, axis=1)[:, None, None]
        exists = scale > 0
        points = (inputs - centre) / ops.where(exists, scale, 1.0)
        return ops.cast(ops.where(exists, points, 0.0), self.compute_dtype)


class _GraphLayer(BaseLayer):
    graph: str = "corrected"
    hops: int = 1

    def set_up(self):
        self._near = adjacency(self.graph, self.hops)


class GraphMean(_GraphLayer):
    """Every point's mean over its neighbourhood, itself included.

    One matrix product for all points, frames and examples. The matrix is a
    constant of the `graph`, one of `keras_pain.signals.face_graph.GRAPHS`, no
    weight; the neighbourhood reaches `hops` steps along its edges.

    Takes `(batch, time, 68, features)`, returns the means, same shape. Raises
    ConfigurationError where the graph or the number of steps is impossible.
    """

    def call(self, inputs):
        mean = mean_weights(self.graph, self.hops)
        return ops.matmul(ops.convert_to_tensor(mean, inputs.dtype), inputs)


class GraphAttention(_GraphLayer):
    """The released STGCN-LSTM's weighted sum over neighbourhoods.

    A GRU reads all features of a frame and puts out one logit a point. The
    logits are laid out by the point that asks, `(batch, time, 68, 1)`, and the
    softmax is over the points that are asked, along which they are constant:
    they cancel, so that the result is `GraphMean`'s and the GRU's weights,
    however many, have no effect and no gradient. Kept to show just that.

    Arguments, shapes and errors are those of `GraphMean`.
    """

    def build(self, input_shape):
        batch, time, points, features = input_shape
        options = {"return_sequences": True, "dtype": self.dtype_policy}
        self.gru = keras.layers.GRU(points, name="gru", **options)
        self.gru.build((batch, time, points * features))

    def call(self, inputs):
        _, time, points, features = inputs.shape
        frames = ops.reshape(inputs, (-1, time, points * features))
        logits = ops.cast(self.gru(frames)[..., None], "float32")
        logits = ops.leaky_relu(logits, _SLOPE)
        logits += np.where(self._near, 0.0, -1e9).astype(np.float32)
        weights = ops.cast(ops.softmax(logits, axis=-1), inputs.dtype)
        return ops.matmul(weights, inputs)
