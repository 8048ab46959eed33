"""The attention blocks that BANet and ALANet share."""

from collections.abc import Callable

import keras

from keras_pain.errors import ConfigurationError
from keras_pain.layers import AttentionPooling, TemporalAttention
from keras_pain.signals.kinematics import ANGLE_NAMES

NUM_PARTS = len(ANGLE_NAMES)


def new_layer(kind: type, *args, name: str, **kwargs) -> keras.layers.Layer:
    """A new layer.

    The blocks get their layers from a function with this signature, so that
    the same code can wire the layers of an existing model a second time.

    Args:
        kind: Class of the layer.
        *args: Passed to the class.
        name: Name of the layer.
        **kwargs: Passed to the class.

    Returns:
        The layer.
    """
    return kind(*args, name=name, **kwargs)


def temporal_attention(
    features: keras.KerasTensor, layer: Callable = new_layer
) -> keras.KerasTensor:
    """Weighted sum over time; weights are the layer "temporal_attention".

    Args:
        features: `(batch, time[, parts], features)`.
        layer: Where layers come from.

    Returns:
        `(batch[, parts], features)`.
    """
    weights = layer(TemporalAttention, name="temporal_attention")(features)
    pool = layer(AttentionPooling, name="temporal_pooling")
    return pool([weights, features])


def bodily_attention(
    x: keras.KerasTensor, layer: Callable = new_layer
) -> keras.KerasTensor:
    """Reweights the last axis; weights are the layer "bodily_attention".

    Source: BANet, section III.B: "two fully-connected layers", the first with
    tanh, the second with softmax. Its equation 4 prints a single matrix; the
    released code and the parameter count have two.

    Args:
        x: `(batch, ..., width)`.
        layer: Where layers come from.

    Returns:
        The reweighted input, same shape.
    """
    dense, width = keras.layers.Dense, x.shape[-1]
    hidden = layer(dense, width, activation="tanh", name="bodily_hidden")(x)
    weights = layer(
        dense, width, activation="softmax", name="bodily_attention"
    )(hidden)
    return layer(keras.layers.Multiply, name="bodily_weighting")([x, weights])


def probabilities(
    x: keras.KerasTensor, num_classes: int, layer: Callable = new_layer
) -> keras.KerasTensor:
    """Softmax over classes, in float32 also under mixed precision.

    Args:
        x: `(batch, features)`.
        num_classes: Number of classes.
        layer: Where layers come from.

    Returns:
        `(batch, num_classes)`.
    """
    return layer(
        keras.layers.Dense,
        num_classes,
        activation="softmax",
        dtype="float32",
        name="probabilities",
    )(x)


def check_input(
    name: str, input_shape: tuple, num_classes: int, channels: int = 1
) -> None:
    """Refuses an input or a number of classes that the model cannot take.

    Args:
        name: Model to name in the message.
        input_shape: `(time, channels)`.
        num_classes: Number of classes.
        channels: Channels that the model needs at least.

    Raises:
        ConfigurationError: Naming what was given and what is needed.
    """
    if len(input_shape) != 2 or input_shape[1] < channels:
        raise ConfigurationError(
            f"{name}: input_shape must be (time, channels) with at least "
            f"{channels} channels, not {tuple(input_shape)}"
        )
    if num_classes < 2:
        raise ConfigurationError(
            f"{name}: num_classes must be 2 or more, not {num_classes}"
        )
