"""What the networks of face clips share: input, convolutions, pools, head."""

import math

import keras

from keras_pain.errors import ConfigurationError

# Whatever the user's Keras configuration says.
LAST = "channels_last"
_KERNEL = 3  # along time, height and width: C3D and L3D papers


def clip_input(name: str, input_shape: tuple) -> tuple:
    """The input, and the same from -1 to 1 after the layer `"normalise"`.

    How the papers scale pictures is unsaid.

    Args:
        name: Model to name in the message.
        input_shape: `(time, height, width, 3)`, fixed.

    Returns:
        Two tensors `(batch, time, height, width, 3)`: RGB from 0 to 255, and
        scaled.

    Raises:
        ConfigurationError: The shape is another one.
    """
    shape = tuple(input_shape)
    if len(shape) != 4 or shape[-1] != 3 or None in shape or min(shape) < 1:
        raise ConfigurationError(
            f"{name}: input_shape must be (time, height, width, 3), fixed and "
            f"of colour clips, not {shape}"
        )
    inputs = keras.Input(shape, name="clips")
    normalise = keras.layers.Rescaling(1 / 127.5, offset=-1, name="normalise")
    return inputs, normalise(inputs)


def convolution(x, filters: int, tag, batch_norm: bool):
    """3x3x3 convolution, batch normalisation if wanted, ReLU.

    Args:
        x: `(batch, time, height, width, channels)`.
        filters: Number of filters.
        tag: End of the layers' names: `conv_<tag>`, `batch_norm_<tag>`,
            `relu_<tag>`.
        batch_norm: Whether to normalise, with PyTorch's settings.

    Returns:
        `(batch, time, height, width, filters)`.
    """
    x = keras.layers.Conv3D(
        filters,
        _KERNEL,
        padding="same",
        data_format=LAST,
        # Unsaid: He et al. 2015, meant for layers with a ReLU.
        kernel_initializer="he_normal",
        name=f"conv_{tag}",
    )(x)
    if batch_norm:
        x = keras.layers.BatchNormalization(
            momentum=0.9, epsilon=1e-5, name=f"batch_norm_{tag}"
        )(x)
    return keras.layers.ReLU(name=f"relu_{tag}")(x)


def max_pool(x, window: tuple[int, int, int], name: str):
    """Max-pooling that leaves at least one place of every axis.

    At the papers' sizes every window is as said. On smaller clips an axis
    that has a single place left is not pooled further; where a window does
    not divide an axis, the rest is cut off, as in PyTorch.

    Args:
        x: `(batch, time, height, width, channels)`.
        window: Places joined along time, height and width.
        name: Name of the layer.

    Returns:
        The pooled maps.
    """
    fits = tuple(
        min(wanted, left)
        for wanted, left in zip(window, x.shape[1:4], strict=True)
    )
    return keras.layers.MaxPooling3D(fits, data_format=LAST, name=name)(x)


def feature_maps(x):
    """Names the last maps before the head, for Grad-CAM."""
    return keras.layers.Identity(name="feature_maps")(x)


def hidden(x, units: int, name: str, dropout: float = 0.0):
    """A dense layer with ReLU, and dropout if there is any."""
    x = keras.layers.Dense(
        units, activation="relu", kernel_initializer="he_normal", name=name
    )(x)
    if dropout:
        x = keras.layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return x


def intensity(x, scaled: bool = False):
    """The predicted intensity, `(batch, 1)`, linear and in float32.

    Args:
        x: `(batch, features)`.
        scaled: Whether n features are divided by the root of n, and weights
            start that much larger, as in Karras et al. (ICLR 2018, section
            4.1, equalized learning rate). The layer can express the same, and
            starts alike. But a step of Adam, which moves every weight by
            about the learning rate whatever its gradient, no longer moves the
            output by n times that.

    Returns:
        `(batch, 1)`.
    """
    start = "glorot_uniform"
    if scaled:
        start = keras.initializers.RandomNormal(stddev=1.0)
        x = keras.layers.Rescaling(
            1 / math.sqrt(x.shape[-1]), dtype="float32", name="head_scale"
        )(x)
    return keras.layers.Dense(
        1, kernel_initializer=start, dtype="float32", name="intensity"
    )(x)
