"""Temporal attention and pooling over time, blind to padded frames.

Source: BANet, section III.B (temporal attention) and its released code, where
the attention is a convolution with one filter of width one, followed by a
softmax over time.
"""

import keras
from keras import ops

from keras_pain.layers.grouped import per_group

# Far below any score, yet finite: exp of it is exactly zero in float32.
_MASKED_SCORE = -1e9


@keras.saving.register_keras_serializable(package="keras_pain")
class TemporalAttention(keras.layers.Layer):
    """One weight a frame; the output *is* the attention map.

    The score of a frame is a 1x1 convolution of its features, with own
    weights for every group (body part). Padded frames weigh exactly zero and
    the other frames sum to one. A softmax ignores what is added to all of its
    inputs, so the bias cannot be trained; it is here because the papers count
    it.

    Args:
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, time, features)` or `(batch, time, groups, features)`.
        mask: `(batch, time)`, true on real frames.

    Returns:
        `(batch, time)` or `(batch, time, groups)` weights.
    """

    def build(self, input_shape):
        groups = input_shape[2] if len(input_shape) == 4 else 1
        features = input_shape[-1]
        # Conv1D's own start: fans of a kernel (1, features, 1).
        draw = per_group("glorot_uniform")
        self.kernel = self.add_weight(
            shape=(groups, features),
            initializer=lambda shape, dtype: ops.reshape(
                draw((groups, features, 1), dtype), shape
            ),
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=(groups,), initializer="zeros", name="bias"
        )

    def call(self, inputs, mask=None):
        kernel, bias = self.kernel, self.bias
        if len(inputs.shape) == 3:
            kernel, bias = kernel[0], bias[0]
        scores = ops.sum(inputs * kernel, axis=-1) + bias
        # In float16, 180 exponentials and their sum lose too much.
        scores = ops.cast(scores, "float32")
        if mask is not None:
            mask = ops.reshape(
                mask, (*ops.shape(mask), *[1] * (len(scores.shape) - 2))
            )
            scores = ops.where(mask, scores, _MASKED_SCORE)
        weights = ops.softmax(scores, axis=1)
        if mask is not None:
            # A window without a single real frame gets no weight at all.
            weights = ops.where(mask, weights, 0.0)
        return ops.cast(weights, self.compute_dtype)

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return input_shape[:-1]


@keras.saving.register_keras_serializable(package="keras_pain")
class AttentionPooling(keras.layers.Layer):
    """Weighted sum over time.

    Args:
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: A list of weights `(batch, time[, groups])`, as
            `TemporalAttention` returns them, and features
            `(batch, time[, groups], features)`.

    Returns:
        `(batch[, groups], features)`.
    """

    def call(self, inputs):
        weights, features = inputs
        return ops.sum(ops.expand_dims(weights, -1) * features, axis=1)

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        batch, _, *rest = input_shape[1]
        return (batch, *rest)


@keras.saving.register_keras_serializable(package="keras_pain")
class MaskedSumPooling(keras.layers.Layer):
    """Plain sum over the real frames.

    What the released BANet code does in its variant without temporal
    attention.

    Args:
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, time, ...)`.
        mask: `(batch, time)`, true on real frames.

    Returns:
        `(batch, ...)`.
    """

    def call(self, inputs, mask=None):
        if mask is not None:
            extra = len(inputs.shape) - 2
            mask = ops.reshape(mask, (*ops.shape(mask), *[1] * extra))
            inputs = ops.where(mask, inputs, ops.zeros_like(inputs))
        return ops.sum(inputs, axis=1)

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *input_shape[2:])
