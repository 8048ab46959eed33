"""From channels to body parts and back.

A movement input holds the channels A1..A13, E1..E13, sEMG1..sEMG4; a body part
is the pair (angle c, energy c) (BANet, section III.B). The layers below turn
the channels into an axis of parts, and that axis into more rows of the batch,
so that a shared encoder runs over all parts in one pass instead of one branch
a part.
"""

import keras
from keras import ops


class _BodyPartsLayer(keras.layers.Layer):
    """Keeps the number of parts in the configuration."""

    def __init__(self, parts: int = 13, **kwargs):
        super().__init__(**kwargs)
        self.parts = parts

    def get_config(self) -> dict:
        return {**super().get_config(), "parts": self.parts}


@keras.saving.register_keras_serializable(package="keras_pain")
class SplitBodyParts(_BodyPartsLayer):
    """`(batch, time, channels)` to `(batch, time, parts, 2)`.

    Channels after the energies (sEMG) are left out.

    Args:
        parts: Number of angles, which is also the number of energies.
        **kwargs: Passed to `keras.layers.Layer`.
    """

    def build(self, input_shape):
        if input_shape[-1] < 2 * self.parts:
            raise ValueError(
                f"{self.name} needs {self.parts} angles and {self.parts} "
                f"energies, but its input has {input_shape[-1]} channels."
            )

    def call(self, inputs):
        angles = inputs[..., : self.parts]
        energies = inputs[..., self.parts : 2 * self.parts]
        return ops.stack([angles, energies], axis=-1)

    def compute_mask(self, inputs, mask=None):
        return mask

    def compute_output_shape(self, input_shape):
        return (*input_shape[:2], self.parts, 2)


@keras.saving.register_keras_serializable(package="keras_pain")
class JoinBodyParts(_BodyPartsLayer):
    """`(batch, time, parts, 2)` to `(batch, time, 2 * parts)`.

    The inverse of `SplitBodyParts`: angles first, then energies.

    Args:
        parts: Number of body parts.
        **kwargs: Passed to `keras.layers.Layer`.
    """

    def call(self, inputs):
        return ops.concatenate([inputs[..., 0], inputs[..., 1]], axis=-1)

    def compute_mask(self, inputs, mask=None):
        return mask

    def compute_output_shape(self, input_shape):
        return (*input_shape[:2], 2 * self.parts)


@keras.saving.register_keras_serializable(package="keras_pain")
class FoldBodyParts(SplitBodyParts):
    """`(batch, time, channels)` to `(batch * parts, time, 2)`.

    The parts of one window are neighbouring rows, and each row carries its
    window's mask.

    Args:
        parts: Number of angles, which is also the number of energies.
        **kwargs: Passed to `keras.layers.Layer`.
    """

    def call(self, inputs):
        split = ops.transpose(super().call(inputs), (0, 2, 1, 3))
        return ops.reshape(split, (-1, *ops.shape(split)[2:]))

    def compute_mask(self, inputs, mask=None):
        return None if mask is None else ops.repeat(mask, self.parts, axis=0)

    def compute_output_shape(self, input_shape):
        batch = input_shape[0]
        rows = None if batch is None else batch * self.parts
        return (rows, input_shape[1], 2)


@keras.saving.register_keras_serializable(package="keras_pain")
class UnfoldBodyParts(_BodyPartsLayer):
    """`(batch * parts, time, features)` to `(batch, time, parts, features)`.

    Args:
        parts: Number of body parts that `FoldBodyParts` put into the batch.
        **kwargs: Passed to `keras.layers.Layer`.
    """

    def call(self, inputs):
        shape = (-1, self.parts, *ops.shape(inputs)[1:])
        return ops.transpose(ops.reshape(inputs, shape), (0, 2, 1, 3))

    def compute_mask(self, inputs, mask=None):
        if mask is None:
            return None
        return ops.reshape(mask, (-1, self.parts, ops.shape(mask)[1]))[:, 0]

    def compute_output_shape(self, input_shape):
        rows, time, features = input_shape
        batch = None if rows is None else rows // self.parts
        return (batch, time, self.parts, features)
