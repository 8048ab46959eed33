"""What the parts of AACSFNet have in common: input, dense layers, output."""

import keras

from keras_pain.errors import ConfigurationError
from keras_pain.layers.torch_init import torch_uniform

MODES = ("corrected", "as_coded")

# Of face crops of UNBC-McMaster, RGB from 0 to 1; released AACSFNet code.
MEAN = (0.48766823, 0.34021825, 0.30166676)
STD = (0.15309834, 0.13826898, 0.12866308)

_SMALLEST = 32  # pixels; the residual network halves an image five times


def frames_input(name: str, input_shape: tuple) -> tuple:
    """The input, and the same after the named layer `"normalise"`.

    Args:
        name: Model to name in messages.
        input_shape: `(height, width, 3)`, fixed.

    Returns:
        Two tensors `(batch, height, width, 3)`: RGB from 0 to 255, and with
        the released code's mean taken off and divided by its deviation.

    Raises:
        ConfigurationError: The shape is another one.
    """
    shape = tuple(input_shape)
    if len(shape) != 3 or None in shape or shape[-1] != 3:
        raise ConfigurationError(
            f"{name}: input_shape must be (height, width, 3), fixed and of "
            f"colour images, not {shape}"
        )
    inputs = keras.Input(shape, name="frames")
    normalise = keras.layers.Rescaling(
        scale=[1 / (255 * std) for std in STD],
        offset=[-mean / std for mean, std in zip(MEAN, STD, strict=True)],
        name="normalise",
    )
    return inputs, normalise(inputs)


def check_residual_input(name: str, input_shape: tuple) -> None:
    """Refuses images that the residual network would halve to nothing.

    Raises:
        ConfigurationError: A side is less than 32 pixels.
    """
    if min(input_shape[:2]) < _SMALLEST:
        raise ConfigurationError(
            f"{name}: images must be {_SMALLEST} x {_SMALLEST} or larger, "
            f"not {input_shape[0]} x {input_shape[1]}"
        )


def switch(name: str, mode: str, value: bool | None) -> bool:
    """A defect's switch: as said, or else as the mode has it.

    Raises:
        ConfigurationError: The mode is unknown.
    """
    if mode not in MODES:
        raise ConfigurationError(
            f"{name}: mode must be one of {', '.join(MODES)}, not {mode!r}"
        )
    return mode == "as_coded" if value is None else bool(value)


def linear(x, units: int, name: str, **options):
    """A dense layer that starts as PyTorch's linear layer does."""
    fan_in = x.shape[-1]
    return keras.layers.Dense(
        units,
        kernel_initializer=torch_uniform(fan_in),
        bias_initializer=torch_uniform(fan_in),
        name=name,
        **options,
    )(x)


def norm_relu(x, name: str):
    """Batch normalisation, with PyTorch's settings, and a ReLU."""
    x = keras.layers.BatchNormalization(
        axis=-1, momentum=0.9, epsilon=1e-5, name=f"{name}_norm"
    )(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def intensity(x, units: int, dropout: float = 0.5):
    """A hidden layer, and the pain intensity, in float32.

    Args:
        x: `(batch, features)`.
        units: Of the hidden layer.
        dropout: Rate after it; released code, 0.5.

    Returns:
        `(batch, 1)`, not bounded.
    """
    x = norm_relu(linear(x, units, "head"), "head")
    x = keras.layers.Dropout(dropout, name="head_dropout")(x)
    return linear(x, 1, "intensity", dtype="float32")
