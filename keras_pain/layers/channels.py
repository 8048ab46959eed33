"""Picking some channels of every frame."""

import keras


@keras.saving.register_keras_serializable(package="keras_pain")
class SelectChannels(keras.layers.Layer):
    """Keeps the channels from `start` up to, not including, `stop`.

    The mask of the frames goes on unchanged.

    Args:
        start: First channel kept.
        stop: End of the channels kept; None keeps all from `start` on.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, ..., channels)`.

    Returns:
        `(batch, ..., kept channels)`.
    """

    def __init__(self, start: int = 0, stop: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.start = start
        self.stop = stop
        self.supports_masking = True

    def call(self, inputs):
        return inputs[..., self.start : self.stop]

    def compute_output_shape(self, input_shape):
        kept = range(input_shape[-1])[self.start : self.stop]
        return (*input_shape[:-1], len(kept))

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "start": self.start,
            "stop": self.stop,
        }
