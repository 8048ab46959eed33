"""Layers for pictures and clips: frames, attention over maps, resizing."""

import keras
import numpy as np
from keras import ops

from keras_pain.layers.base import BaseLayer, require, torch_start


class FoldFrames(BaseLayer):
    """`(batch, time, ...)` to `(batch * time, ...)`.

    `keras.layers.TimeDistributed` calls its layer in a Python loop, once a
    frame: 32 small convolutions instead of one large, and batch normalisation
    over the pictures of one frame alone. Folded, a clip's frames run in one
    pass.
    """

    def call(self, inputs):
        return ops.reshape(inputs, (-1, *inputs.shape[2:]))

    def compute_output_shape(self, input_shape):
        batch, time, *rest = input_shape
        return (batch and time and batch * time, *rest)


class UnfoldFrames(BaseLayer):
    """`(batch * time, ...)` to `(batch, time, ...)`; undoes `FoldFrames`."""

    time: int

    def call(self, inputs):
        return ops.reshape(inputs, (-1, self.time, *inputs.shape[1:]))

    def compute_output_shape(self, input_shape):
        rows, *rest = input_shape
        return (rows and rows // self.time, self.time, *rest)


class ChannelAttention(BaseLayer):
    """One weight a channel, between 0 and 1, from the channels' means.

    Two dense layers without biases, a ReLU between them, a sigmoid at the
    end; the hidden one has the channels divided by `reduction`, and at least
    one unit. Source: Woo et al., "CBAM: Convolutional block attention module";
    the released AACSFNet code, whose sizes these are, pools by the mean alone.

    Takes `(batch, height, width, channels)`, returns `(batch, 1, 1, channels)`.
    Raises ConfigurationError where `reduction` is less than one.
    """

    reduction: int = 16

    def set_up(self):
        text = f"reduction must be 1 or more, not {self.reduction}"
        require(self.reduction >= 1, self.name, text)

    def build(self, input_shape):
        channels = input_shape[-1]
        self.units = max(1, channels // self.reduction)
        sizes = channels, self.units, channels
        for name, *size in (("squeeze", *sizes[:2]), ("excite", *sizes[1:])):
            start = torch_start(size[0], ["kernel"])
            dense = self.dense(name, *size, use_bias=False, **start)
            setattr(self, name, dense)

    def call(self, inputs):
        x = ops.mean(inputs, axis=(1, 2), keepdims=True)
        return ops.sigmoid(self.excite(ops.relu(self.squeeze(x))))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 1, 1, input_shape[-1])


class SpatialAttention(BaseLayer):
    """One weight a place, between 0 and 1; the output *is* the map.

    The mean and the maximum over channels are two maps, over which one
    convolution runs, with a square window of an odd number `kernel_size` of
    places a side. Source: see `ChannelAttention`.

    Takes `(batch, height, width, channels)`, returns `(batch, height, width,
    1)`. Raises ConfigurationError where `kernel_size` is even.
    """

    kernel_size: int = 7

    def set_up(self):
        text = f"kernel_size must be odd, not {self.kernel_size}"
        require(self.kernel_size > 0 and self.kernel_size % 2, self.name, text)

    def build(self, input_shape):
        options = {"padding": "same", "data_format": "channels_last"}
        options |= torch_start(2 * self.kernel_size**2)
        options |= {"dtype": self.dtype_policy, "name": "conv"}
        self.conv = keras.layers.Conv2D(1, self.kernel_size, **options)
        self.conv.build((*input_shape[:-1], 2))

    def call(self, inputs):
        maps = [f(inputs, axis=-1, keepdims=True) for f in (ops.mean, ops.max)]
        return ops.sigmoid(self.conv(ops.concatenate(maps, -1)))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 1)


class ImprovedSE(BaseLayer):
    """Squeeze-and-excitation with a branch of maxima beside that of means.

    L3D paper (Computer Systems & Applications 2024, 33(2):291-298), section
    2.3, equations 1-5: the global maximum and the global mean of every channel
    each pass FC1, ReLU, FC2 and a sigmoid; the sum of both weights, between 0
    and 2, multiplies the channel. Its figure 3 and equations name one FC1 and
    one FC2 for both branches.

    The `ratio` of channels to units of FC1, which has one at least, is unsaid
    in the paper: 16, as in squeeze-and-excitation (Hu et al., CVPR 2018). Of 32
    channels that leaves two units; where both start on the dead side of their
    ReLU (2 of 12 seeds in L3D), the block is a constant until the layers before
    it move. Unless `shared`, each branch has its own FC1 and FC2.

    Takes `(batch, ..., channels)`, returns the weighted input, same shape.
    """

    ratio: int = 16
    shared: bool = True

    def build(self, input_shape):
        channels = input_shape[-1]
        self.units = max(channels // self.ratio, 1)
        sizes = (channels, self.units, channels)
        self.branches = [
            [
                self.dense(f"fc1{end}", *sizes[:2], activation="relu"),
                self.dense(f"fc2{end}", *sizes[1:], activation="sigmoid"),
            ]
            for end in ([""] if self.shared else ["_max", "_mean"])
        ]

    def channel_weights(self, inputs):
        """`(batch, channels)` from 0 to 2: equations 1-4 and the sum in 5."""
        places = tuple(range(1, len(inputs.shape) - 1))
        # A mean of 50,000 places in float16 would overflow.
        mean = ops.mean(ops.cast(inputs, "float32"), axis=places)
        mean = ops.cast(mean, self.compute_dtype)
        (max_1, max_2), (mean_1, mean_2) = self.branches[0], self.branches[-1]
        largest = max_2(max_1(ops.max(inputs, axis=places)))
        return largest + mean_2(mean_1(mean))

    def call(self, inputs):
        weights = self.channel_weights(inputs)
        places = tuple(range(1, len(inputs.shape) - 1))
        return inputs * ops.expand_dims(weights, places)


class TrilinearUpsampling(BaseLayer):
    """Linear interpolation along time, height and width.

    One matrix product an axis with the two neighbours' shares of every new
    place, so that gradients flow and repeat bit by bit on a GPU. Equal to
    `scipy.ndimage.zoom` with `order=1, mode="nearest"` and, for
    `align_corners=False`, `grid_mode=True`.

    The `size` is a factor for each of the three axes, or one for all;
    `output_size` gives the new `(time, height, width)` instead. With
    `align_corners` the first and the last values stay where they are; without,
    as PyTorch's default, values are centres of cells, and the volume's borders
    stay.

    Takes `(batch, time, height, width, channels)`, the three sizes fixed,
    returns `(batch, new time, new height, new width, channels)`.
    """

    size: int | tuple[int, int, int] = 2
    output_size: tuple[int, int, int] | None = None
    align_corners: bool = False

    def set_up(self):
        if isinstance(self.size, int):
            self.size = (self.size,) * 3
        for sizes in (self.size, self.output_size or (1, 1, 1)):
            if len(sizes) != 3 or min(sizes) < 1:
                raise ValueError(
                    f"{self.name}: size and output_size must be one positive "
                    f"number for each of three axes, not {sizes}"
                )

    def call(self, inputs):
        x = inputs
        for axis, count in enumerate(self._places(inputs.shape), start=1):
            _, *before, old = x.shape[: axis + 1]
            after = tuple(x.shape[axis + 1 :])
            if count != old:
                shares = _interpolation_matrix(old, count, self.align_corners)
                x = ops.reshape(x, (-1, old, int(np.prod(after))))
                x = ops.matmul(ops.convert_to_tensor(shares, x.dtype), x)
                x = ops.reshape(x, (-1, *before, count, *after))
        return x

    def _places(self, shape):
        pairs = zip(shape[1:4], self.size, strict=True)
        return self.output_size or tuple(old * n for old, n in pairs)

    def build(self, input_shape):
        if len(input_shape) != 5 or None in input_shape[1:]:
            raise ValueError(
                f"{self.name} needs inputs (batch, time, height, width, "
                f"channels) of fixed sizes, not {tuple(input_shape)}"
            )

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self._places(input_shape), input_shape[-1])


def _interpolation_matrix(old, new, align_corners):
    """Shares of old places in new ones, `(new, old)`, rows sum to one."""
    position = np.linspace(0, old - 1, new)
    if not align_corners:
        position = ((np.arange(new) + 0.5) * old / new - 0.5).clip(0, old - 1)
    distance = np.abs(position[:, None] - np.arange(old))
    return np.maximum(1 - distance, 0).astype(np.float32)
