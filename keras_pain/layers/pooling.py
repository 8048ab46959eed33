"""Oriented global pooling: over time or over sensors, never over both."""

import keras
import numpy as np
from keras import ops

from keras_pain.errors import ConfigurationError

AXES = ("time", "sensors")


@keras.saving.register_keras_serializable(package="keras_pain")
class OrientedPooling(keras.layers.Layer):
    """Mean over one axis of feature maps over time and sensors.

    Source: L-SFAN (arXiv 2406.16913), abstract ("oriented global pooling
    layer"), and its released code.

    Args:
        axis: `"time"` or `"sensors"`, the axis that the mean removes.
        bins: None, or how many equal parts the axis that is left is spread
            over: every part is the mean of the positions that it touches, so
            that there may be more parts than positions. PyTorch's
            `AdaptiveAvgPool2d((1, bins))` on (time, sensors) is
            `axis="time"` with `bins`.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, time, sensors, channels)`.

    Returns:
        `(batch, sensors, channels)` for `axis="time"`, `(batch, time,
        channels)` for `axis="sensors"`; with `bins`, `(batch, bins,
        channels)`.

    Raises:
        ConfigurationError: `axis` is unknown.
    """

    def __init__(self, axis: str, bins: int | None = None, **kwargs):
        super().__init__(**kwargs)
        if axis not in AXES:
            raise ConfigurationError(
                f"{self.name}: axis must be one of {', '.join(AXES)}, "
                f"not {axis!r}"
            )
        self.axis = axis
        self.bins = bins

    def call(self, inputs):
        x = ops.mean(inputs, axis=1 + AXES.index(self.axis))
        if self.bins is None:
            return x
        spread = ops.convert_to_tensor(
            adaptive_bins(x.shape[1], self.bins), dtype=x.dtype
        )
        return ops.einsum("bpc,pn->bnc", x, spread)

    def compute_output_shape(self, input_shape):
        batch, time, sensors, channels = input_shape
        left = sensors if self.axis == "time" else time
        return (batch, self.bins or left, channels)

    def get_config(self) -> dict:
        return {**super().get_config(), "axis": self.axis, "bins": self.bins}


def adaptive_bins(size: int, bins: int) -> np.ndarray:
    """Weights of adaptive average pooling along one axis.

    Part i covers the positions from floor(i * size / bins) up to, not
    including, ceil((i + 1) * size / bins).

    Args:
        size: Positions.
        bins: Parts.

    Returns:
        `(size, bins)` float32; every column sums to one.
    """
    part, position = np.arange(bins), np.arange(size)[:, None]
    start, stop = part * size // bins, -(-(part + 1) * size // bins)
    covered = (position >= start) & (position < stop)
    return (covered / covered.sum(axis=0)).astype(np.float32)
