"""Landmarks in pixels made independent of the face's place and size."""

import keras
from keras import ops

from keras_pain.signals.landmarks.points import PARTS

_NOSE = (PARTS["nose_bridge"].start, PARTS["nose_base"].stop)


@keras.saving.register_keras_serializable(package="keras_pain")
class NormalizeLandmarks(keras.layers.Layer):
    """`keras_pain.signals.landmarks.normalise_clip` inside a network.

    One shift and one scale a clip: the median over frames of the centre of the
    nose, and of the distance between the centres of the eyes. It computes in
    single precision whatever the policy, for half precision knows no tenth of
    a pixel beyond pixel 128; only the result is cast.

    Args:
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, time, 68, 2)` in any unit.

    Returns:
        The same in distances between the eyes. A clip whose eyes are in one
        place comes out as zeros.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def call(self, inputs):
        inputs = ops.cast(inputs, "float32")
        right, left = (
            ops.mean(inputs[:, :, PARTS[eye].start : PARTS[eye].stop], axis=2)
            for eye in ("right_eye", "left_eye")
        )
        nose = ops.mean(inputs[:, :, _NOSE[0] : _NOSE[1]], axis=2)
        distance = ops.sqrt(ops.sum(ops.square(left - right), axis=-1))
        scale = ops.median(distance, axis=1)[:, None, None, None]
        centre = ops.median(nose, axis=1)[:, None, None]
        exists = scale > 0
        points = (inputs - centre) / ops.where(exists, scale, 1.0)
        return ops.cast(ops.where(exists, points, 0.0), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape
