"""Trilinear resizing of clips and volumes, which Keras does not have."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="keras_pain")
class TrilinearUpsampling(keras.layers.Layer):
    """Linear interpolation along time, height and width.

    One matrix product an axis with the two neighbours' shares of every new
    place, so that gradients flow and repeat bit by bit on a GPU. Equal to
    `scipy.ndimage.zoom` with `order=1, mode="nearest"` and, for
    `align_corners=False`, `grid_mode=True`.

    Args:
        size: Factor for each of the three axes, or one for all.
        output_size: New `(time, height, width)`, instead of factors.
        align_corners: False: values are centres of cells, and the borders of
            the volume stay where they are (PyTorch's default). True: the
            first and the last values stay where they are.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, time, height, width, channels)`, the three sizes
            fixed.

    Returns:
        `(batch, new time, new height, new width, channels)`.
    """

    def __init__(
        self,
        size: int | tuple[int, int, int] = 2,
        output_size: tuple[int, int, int] | None = None,
        align_corners: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        factors = (size,) * 3 if isinstance(size, int) else tuple(size)
        wanted = None if output_size is None else tuple(output_size)
        for sizes in (factors, wanted or (1, 1, 1)):
            if len(sizes) != 3 or min(sizes) < 1:
                raise ValueError(
                    f"{self.name}: size and output_size must be one positive "
                    f"number for each of three axes, not {sizes}"
                )
        self.size = factors
        self.output_size = wanted
        self.align_corners = align_corners

    def call(self, inputs):
        x = inputs
        new = self._places(inputs.shape)
        for axis, count in enumerate(new, start=1):
            old = x.shape[axis]
            if count == old:
                continue
            shares = interpolation_matrix(old, count, self.align_corners)
            before = tuple(x.shape[1:axis])
            after = tuple(x.shape[axis + 1 :])
            x = ops.reshape(x, (-1, old, int(np.prod(after))))
            x = ops.matmul(ops.convert_to_tensor(shares, x.dtype), x)
            x = ops.reshape(x, (-1, *before, count, *after))
        return x

    def _places(self, shape) -> tuple[int, ...]:
        if self.output_size is not None:
            return self.output_size
        return tuple(
            None if old is None else old * factor
            for old, factor in zip(shape[1:4], self.size, strict=True)
        )

    def build(self, input_shape):
        if len(input_shape) != 5 or None in input_shape[1:]:
            raise ValueError(
                f"{self.name} needs inputs (batch, time, height, width, "
                f"channels) of fixed sizes, not {tuple(input_shape)}"
            )

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self._places(input_shape), input_shape[-1])

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "size": self.size,
            "output_size": self.output_size,
            "align_corners": self.align_corners,
        }


def interpolation_matrix(
    old: int, new: int, align_corners: bool = False
) -> np.ndarray:
    """Shares of old places in new ones along one axis.

    Args:
        old: Places before.
        new: Places after.
        align_corners: See `TrilinearUpsampling`.

    Returns:
        `(new, old)` float32, rows sum to one.
    """
    if align_corners:
        position = np.linspace(0, old - 1, new)
    else:
        position = (np.arange(new) + 0.5) * old / new - 0.5
    position = np.clip(position, 0, old - 1)
    lower = np.floor(position).astype(int)
    upper = np.minimum(lower + 1, old - 1)
    share = position - lower
    shares = np.zeros((new, old), np.float32)
    np.add.at(shares, (np.arange(new), lower), 1 - share)
    np.add.at(shares, (np.arange(new), upper), share)
    return shares
