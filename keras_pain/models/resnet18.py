"""ResNet-18 without its last layers, for frames of a clip.

He et al., "Deep residual learning for image recognition", CVPR 2016, table 1,
with paddings, starts and normalisation as torchvision has them. 11,176,512
trained parameters.
"""

import keras

from keras_pain.models.clip_blocks import LAST

WIDTHS: tuple[int, ...] = (64, 128, 256, 512)
_BLOCKS = 2  # of every width


def resnet18_maps(x, widths: tuple[int, ...] = WIDTHS):
    """Feature maps of pictures, 32 times smaller than they.

    Args:
        x: `(pictures, height, width, 3)`.
        widths: Filters of the four stages; the first convolution has as many
            as the first of them.

    Returns:
        `(pictures, height / 32, width / 32, widths[-1])`, rounded up.
    """
    x = _convolution(x, widths[0], 7, 2, "stem")
    x = keras.layers.ReLU(name="stem_relu")(x)
    # Zeros beside ReLUs never win against what is there.
    x = keras.layers.ZeroPadding2D(1, data_format=LAST, name="stem_pool_pad")(x)
    x = keras.layers.MaxPooling2D(3, 2, data_format=LAST, name="stem_pool")(x)
    for stage, filters in enumerate(widths, start=1):
        for block in range(1, _BLOCKS + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            x = _block(x, filters, stride, f"block_{stage}_{block}")
    return x


def _block(x, filters, stride, name):
    shortcut = x
    if stride > 1 or x.shape[-1] != filters:
        shortcut = _convolution(x, filters, 1, stride, f"{name}_shortcut")
    x = _convolution(x, filters, 3, stride, f"{name}_1")
    x = keras.layers.ReLU(name=f"{name}_1_relu")(x)
    x = _convolution(x, filters, 3, 1, f"{name}_2")
    x = keras.layers.Add(name=f"{name}_add")([x, shortcut])
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def _convolution(x, filters, size, stride, name):
    """Convolution without bias, and batch normalisation."""
    padding = "same"
    if size > 1 and stride > 1:
        # Keras' own padding would sit on one side only.
        padding = "valid"
        x = keras.layers.ZeroPadding2D(
            size // 2, data_format=LAST, name=f"{name}_pad"
        )(x)
    x = keras.layers.Conv2D(
        filters,
        size,
        stride,
        padding=padding,
        use_bias=False,
        data_format=LAST,
        # He et al. 2015, over the outputs, as torchvision's.
        kernel_initializer=keras.initializers.VarianceScaling(
            2.0, "fan_out", "untruncated_normal"
        ),
        name=f"{name}_conv",
    )(x)
    return keras.layers.BatchNormalization(
        axis=-1, momentum=0.9, epsilon=1e-5, name=f"{name}_norm"
    )(x)
