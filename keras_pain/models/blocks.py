"""What networks share: inputs, LSTM layers, attention, convolutions, heads."""

import math
from collections.abc import Sequence

from keras import Model, initializers, layers

from keras_pain.layers import AttentionPooling, TemporalAttention
from keras_pain.layers.base import require
from keras_pain.signals.kinematics import ANGLE_NAMES

Sizes = tuple[int, ...]  # a shape, or numbers of filters, units and the like

NUM_PARTS = len(ANGLE_NAMES)

# Whatever the user's Keras configuration says.
LAST = "channels_last"
_KERNEL = 3  # along time, height and width: C3D and L3D papers


def check_input(
    name: str,
    input_shape: tuple,
    num_classes: int,
    channels: int = 1,
    frames: int = 0,
) -> None:
    """Refuses a shape `(time, channels)` or classes that the model cannot take.

    Raises ConfigurationError unless there are two classes or more, or none of
    an intensity, so many `channels` and, if any are given, `frames`.
    """
    shape = tuple(input_shape)
    text = f"be (time, channels) with at least {channels} channels"
    fits = len(shape) == 2 and shape[1] >= channels
    require(fits, name, f"input_shape must {text}, not {shape}")
    text = f"fix the number of frames, at least {frames}"
    fits = not frames or (shape[0] or 0) >= frames
    require(fits, name, f"input_shape must {text}, not {shape}")
    check_classes(name, num_classes)


def check_classes(name: str, num_classes: int) -> None:
    """Raises ConfigurationError at one class; 0 means an intensity."""
    text = "num_classes must be 2 or more, or 0 of an intensity, not "
    require(num_classes == 0 or num_classes >= 2, name, text + str(num_classes))


def masked_input(
    name: str,
    input_shape: tuple,
    num_classes: int,
    mask_value: float | None,
    channels: int = 1,
    frames: int = 0,
) -> tuple:
    """The checked input `(batch, time, channels)`, and the same with its mask.

    The mask looks at all channels: those that a network takes can be zero in a
    real frame (sEMG, or a body part after random discarding). A `mask_value`
    of None masks nothing.
    """
    check_input(name, input_shape, num_classes, channels, frames)
    inputs = layers.Input(input_shape, name="windows")
    if mask_value is None:
        return inputs, inputs
    return inputs, layers.Masking(mask_value, name="masking")(inputs)


def lstm_layers(
    x,
    units: Sequence[int],
    dropout: float,
    recurrent_activation: str = "sigmoid",
    *,
    sequences: bool = False,
    both_directions: bool = False,
    prefix: str = "",
):
    """LSTM layers with dropout after each, `lstm_1`, `dropout_1` and so on.

    Args:
        x: `(batch, time, features)`.
        units: Of each layer, and direction.
        sequences: Whether the last layer, too, puts out all steps:
            `(batch, time, units)` instead of `(batch, units)`.
    """
    options = {"recurrent_activation": recurrent_activation}
    for i, width in enumerate(units, start=1):
        options["return_sequences"] = sequences or i < len(units)
        layer = layers.LSTM(width, name=f"{prefix}lstm_{i}", **options)
        if both_directions:
            layer = layers.Bidirectional(layer, name=f"bi_lstm_{i}")
        x = layer(x)
        x = layers.Dropout(dropout, name=f"{prefix}dropout_{i}")(x)
    return x


def temporal_attention(features):
    """Weighted sum over time; weights are the layer "temporal_attention".

    `(batch, time[, parts], features)` to `(batch[, parts], features)`.
    """
    weights = TemporalAttention(name="temporal_attention")(features)
    return AttentionPooling(name="temporal_pooling")([weights, features])


def bodily_attention(x):
    """Reweights the last axis; weights are the layer "bodily_attention".

    Source: BANet, section III.B: "two fully-connected layers", the first with
    tanh, the second with softmax. Its equation 4 prints a single matrix; the
    released code and the parameter count have two.
    """
    first = layers.Dense(x.shape[-1], "tanh", name="bodily_hidden")
    second = layers.Dense(x.shape[-1], "softmax", name="bodily_attention")
    return layers.Multiply(name="bodily_weighting")([x, second(first(x))])


def classifier(
    inputs, x, num_classes: int, name: str, layer="probabilities", **options
) -> Model:
    """A model to the softmax, in float32 also under mixed precision.

    Where there are no classes, to one intensity.
    """
    if not num_classes:
        return Model(inputs, intensity(x), name=name)
    options |= {"activation": "softmax", "dtype": "float32", "name": layer}
    return Model(inputs, layers.Dense(num_classes, **options)(x), name=name)


def batch_norm(x, name: str):
    """Batch normalisation with PyTorch's settings.

    PyTorch's momentum of 0.1 is the complement. Its running variance is
    unbiased, Keras' is not: 1 + 1e-5 of it at a batch of 40.
    """
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)


def standardise(x, mean: Sequence[float], std: Sequence[float], name: str):
    """RGB from 0 to 255, standardised by numbers for RGB from 0 to 1."""
    return layers.Rescaling(
        scale=[1 / (255 * s) for s in std],
        offset=[-m / s for m, s in zip(mean, std, strict=True)],
        name=name,
    )(x)


def colour_input(name: str, input_shape: tuple, axes: str, what: str):
    """The input for `what`, pictures or clips of fixed sizes.

    Raises:
        ConfigurationError: The shape is not that of `axes` and three colours.
    """
    shape = tuple(input_shape)
    fits = len(shape) == len(axes.split()) + 1 and shape[-1] == 3
    fits = fits and None not in shape and min(shape) >= 1
    text = f"input_shape must be ({axes}, 3), fixed and of colour {what}"
    require(fits, name, f"{text}, not {shape}")
    return layers.Input(shape, name=what)


def clip_input(name: str, input_shape: tuple) -> tuple:
    """The input, and the same from -1 to 1 after the layer `"normalise"`.

    RGB from 0 to 255 comes in; how the papers scale pictures is unsaid.
    """
    inputs = colour_input(name, input_shape, "time, height, width", "clips")
    normalise = layers.Rescaling(1 / 127.5, offset=-1, name="normalise")
    return inputs, normalise(inputs)


def convolution(x, filters: int, tag, normalised: bool):
    """3x3x3 convolution, batch normalisation if wanted, ReLU.

    The layers are called `conv_<tag>`, `batch_norm_<tag>`, `relu_<tag>`.
    """
    options = {"padding": "same", "data_format": LAST, "name": f"conv_{tag}"}
    # Unsaid: He et al. 2015, meant for layers with a ReLU.
    options["kernel_initializer"] = "he_normal"
    x = layers.Conv3D(filters, _KERNEL, **options)(x)
    if normalised:
        x = batch_norm(x, f"batch_norm_{tag}")
    return layers.ReLU(name=f"relu_{tag}")(x)


def max_pool(x, window: Sizes, name: str):
    """Max-pooling that leaves at least one place of every axis.

    At the papers' sizes every window is as said. On smaller clips an axis
    that has a single place left is not pooled further; where a window does
    not divide an axis, the rest is cut off, as in PyTorch.
    """
    fits = tuple(map(min, window, x.shape[1:4]))
    return layers.MaxPooling3D(fits, data_format=LAST, name=name)(x)


def feature_maps(x):
    """Names the last maps before the head, for Grad-CAM."""
    return layers.Identity(name="feature_maps")(x)


def hidden(x, units: int, name: str, dropout: float = 0.0):
    """A dense layer with ReLU, and dropout if there is any."""
    start = {"kernel_initializer": "he_normal"}
    x = layers.Dense(units, "relu", name=name, **start)(x)
    if dropout:
        x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return x


def intensity(x, num_classes: int = 0, scaled: bool = False):
    """The predicted intensity, `(batch, 1)`, linear and in float32.

    With `num_classes`, which no paper of intensities has, the softmax over
    these, `(batch, num_classes)`, in its place.

    Args:
        x: `(batch, features)`.
        scaled: Whether n features are divided by the root of n, and weights
            start that much larger, as in Karras et al. (ICLR 2018, section
            4.1, equalized learning rate). The layer can express the same, and
            starts alike. But a step of Adam, which moves every weight by
            about the learning rate whatever its gradient, no longer moves the
            output by n times that.
    """
    start = "glorot_uniform"
    if scaled:
        start = initializers.RandomNormal(stddev=1.0)
        share = 1 / math.sqrt(x.shape[-1])
        x = layers.Rescaling(share, dtype="float32", name="head_scale")(x)
    options = {"kernel_initializer": start, "dtype": "float32"}
    return output(x, num_classes, **options)


def output(x, num_classes: int, **options):
    """The last layer: an intensity, or the softmax over classes."""
    options["name"] = "probabilities" if num_classes else "intensity"
    activation = "softmax" if num_classes else None
    return layers.Dense(num_classes or 1, activation, **options)(x)
