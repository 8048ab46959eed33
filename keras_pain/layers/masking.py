"""Finding the padded frames of a sequence whose frames have any rank."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_pain")
class FrameMasking(keras.layers.Layer):
    """Masks the frames whose every feature equals `mask_value`.

    `keras.layers.Masking` looks at the last axis only; this layer looks at all
    axes after time, so it also serves `(batch, time, parts, features)`.

    Args:
        mask_value: Value that padded frames hold.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, time, ...)`.

    Returns:
        The inputs, zero on masked frames, with a `(batch, time)` mask.
    """

    def __init__(self, mask_value: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.mask_value = mask_value

    def call(self, inputs):
        mask = self.compute_mask(inputs)
        extra = len(inputs.shape) - 2
        mask = ops.reshape(mask, (*ops.shape(mask), *[1] * extra))
        return ops.where(mask, inputs, ops.zeros_like(inputs))

    def compute_mask(self, inputs, mask=None):
        axes = tuple(range(2, len(inputs.shape)))
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=axes)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "mask_value": self.mask_value}
