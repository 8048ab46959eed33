"""Points of a face exchange features with their neighbours in a graph."""

import keras
import numpy as np
from keras import ops

from keras_pain.signals.landmarks.graph import adjacency, mean_weights

_SLOPE = 0.2  # of the leaky ReLU before the softmax; released code


@keras.saving.register_keras_serializable(package="keras_pain")
class GraphMean(keras.layers.Layer):
    """Every point's mean over its neighbourhood, itself included.

    One matrix product for all points, frames and examples. The matrix is a
    constant of the graph, no weight.

    Args:
        graph: One of `keras_pain.signals.landmarks.GRAPHS`.
        hops: Steps along edges that the neighbourhood reaches.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, time, 68, features)`.

    Returns:
        The means, same shape.

    Raises:
        ConfigurationError: The graph or the number of steps is impossible.
    """

    def __init__(self, graph: str = "corrected", hops: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.graph = graph
        self.hops = hops
        self._weights_of_mean = mean_weights(graph, hops)

    def call(self, inputs):
        mean = ops.convert_to_tensor(self._weights_of_mean, inputs.dtype)
        return ops.matmul(mean, inputs)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "graph": self.graph,
            "hops": self.hops,
        }


@keras.saving.register_keras_serializable(package="keras_pain")
class GraphAttention(keras.layers.Layer):
    """The released STGCN-LSTM's weighted sum over neighbourhoods.

    A GRU reads all features of a frame and puts out one logit a point. The
    logits are laid out by the point that asks, `(batch, time, 68, 1)`, and the
    softmax is over the points that are asked, along which they are constant:
    they cancel, so that the result is `GraphMean`'s and the GRU's weights,
    however many, have no effect and no gradient. Kept to show just that.

    Args:
        graph: One of `keras_pain.signals.landmarks.GRAPHS`.
        hops: Steps along edges that the neighbourhood reaches.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, time, 68, features)`.

    Returns:
        The sums, same shape.

    Raises:
        ConfigurationError: The graph or the number of steps is impossible.
    """

    def __init__(self, graph: str = "corrected", hops: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.graph = graph
        self.hops = hops
        near = adjacency(graph, hops)
        self._far = np.where(near, 0.0, -1e9).astype(np.float32)
        self.gru = keras.layers.GRU(
            len(near),
            return_sequences=True,
            dtype=self.dtype_policy,
            name="gru",
        )

    def build(self, input_shape):
        batch, time, points, features = input_shape
        self.gru.build((batch, time, points * features))

    def call(self, inputs):
        _, time, points, features = inputs.shape
        frames = ops.reshape(inputs, (-1, time, points * features))
        logits = ops.cast(self.gru(frames)[..., None], "float32")
        logits = ops.leaky_relu(logits, _SLOPE) + self._far
        weights = ops.cast(ops.softmax(logits, axis=-1), inputs.dtype)
        return ops.matmul(weights, inputs)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "graph": self.graph,
            "hops": self.hops,
        }
