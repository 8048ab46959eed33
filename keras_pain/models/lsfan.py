"""L-SFAN and its two ablations: 2D convolutions, oriented pooling, attention.

Ortigoso-Narro et al., "L-SFAN: Lightweight spatially-focused attention network
for pain behavior detection", arXiv 2406.16913. The sizes are those of the
released code. As there, weights start as PyTorch's do, and padded frames are
not masked: the networks see them as they see any other frame.
"""

import functools
import math

import keras

from keras_pain.errors import ConfigurationError
from keras_pain.layers import OrientedPooling, TransformerEncoder
from keras_pain.layers.torch_init import torch_uniform
from keras_pain.models.blocks import check_input, new_layer, probabilities
from keras_pain.models.recipe import Recipe

FEATURE_LAYERS: tuple[str, ...] = tuple(
    f"{kind}_{i}" for i in range(1, 5) for kind in ("conv", "batch_norm")
)
"""Layers of the convolutional part that have weights: what the released code
builds once and goes on training in every fold."""

POOLINGS = ("sensors", "as_coded")

_KERNEL = 3  # frames and sensors; released code
_LAYERS = 4  # a max-pooling after every second one; released code

LSFAN_RECIPE = Recipe(
    learning_rate=1e-3,
    batch_size=40,
    epochs=5,
    loss="categorical_crossentropy",
    optimizer="adam",
    monitor="val_accuracy",
    class_weights="complement",
    sources={
        "learning_rate": "released code, default of its command line, 0.001",
        "batch_size": "released code, 40",
        "epochs": "released code, default of its command line, 5; the "
        "released weights are of one epoch a fold",
        "loss": "released code, cross-entropy",
        "optimizer": "released code, Adam",
        "class_weights": "released code, one minus the class's share of the "
        "fold's augmented training windows",
        "monitor": "unsaid: the released code saves and tests the weights of "
        "every epoch and chooses none; as in the released BANet code",
    },
)


def LSFAN(
    input_shape: tuple[int, int] = (180, 30),
    num_classes: int = 2,
    *,
    filters: tuple[int, int, int, int] = (2, 4, 8, 16),
    num_heads: int = 5,
    ff_units: int = 30,
    dropout: float = 0.2,
    name: str = "lsfan",
) -> keras.Model:
    """L-SFAN: mean over time, then self-attention among the feature maps.

    The tokens of its transformer encoder are the 16 feature maps, each
    described by one number a sensor. 8,282 trained parameters at the defaults:
    convolutions 1,620, encoder 5,700, classes 962; besides, 60 statistics of
    the batch normalisations.

    Args:
        input_shape: `(time, channels)`, at least 16 frames. The channels are
            the sensors; the released data have the four sEMG channels first.
        num_classes: Number of classes.
        filters: Of the four convolutions.
        num_heads: Attention heads. Each has `ceil(sensors / num_heads)`
            features: 6 at 30 sensors, as released, and also 6 at 26, where
            PyTorch, which needs a divisor of the sensors, would refuse 5.
        ff_units: Hidden units of the encoder's feed-forward part.
        dropout: Dropout rate inside the encoder.
        name: Name of the model.

    Returns:
        A model from `(batch, time, channels)` to `(batch, num_classes)`. Its
        layer `"feature_maps"` puts out `(batch, time / 4, sensors, maps)`, the
        last maps before pooling; `"encoder"` its tokens and the attention
        among them, `(batch, heads, maps, maps)`.

    Raises:
        ConfigurationError: An argument is impossible.
    """
    inputs, x = _features(name, input_shape, num_classes, filters)
    x = OrientedPooling("time", name="oriented_pooling")(x)
    x = keras.layers.Permute((2, 1), name="tokens")(x)
    x, _ = TransformerEncoder(
        num_heads=num_heads,
        key_dim=math.ceil(input_shape[1] / num_heads),
        ff_units=ff_units,
        dropout=dropout,
        name="encoder",
    )(x, return_attention_scores=True)
    return keras.Model(inputs, _classes(x, num_classes), name=name)


def CNN_TAP(
    input_shape: tuple[int, int] = (180, 30),
    num_classes: int = 2,
    *,
    filters: tuple[int, int, int, int] = (2, 4, 8, 16),
    name: str = "cnn_tap",
) -> keras.Model:
    """2D-CNN-TAP: L-SFAN without its encoder (temporal average pooling).

    2,582 trained parameters at the defaults, and 60 statistics.

    Args:
        input_shape: See `LSFAN`.
        num_classes: Number of classes.
        filters: Of the four convolutions.
        name: Name of the model.

    Returns:
        A model from `(batch, time, channels)` to `(batch, num_classes)`.

    Raises:
        ConfigurationError: An argument is impossible.
    """
    inputs, x = _features(name, input_shape, num_classes, filters)
    x = OrientedPooling("time", name="oriented_pooling")(x)
    x = keras.layers.Permute((2, 1), name="tokens")(x)
    return keras.Model(inputs, _classes(x, num_classes), name=name)


def CNN_SAP(
    input_shape: tuple[int, int] = (180, 30),
    num_classes: int = 2,
    *,
    filters: tuple[int, int, int, int] = (2, 4, 8, 16),
    pooling: str = "sensors",
    name: str = "cnn_sap",
) -> keras.Model:
    """2D-CNN-SAP: mean over sensors instead of time (spatial pooling).

    2,966 trained parameters at the defaults, and 60 statistics, with either
    pooling.

    Args:
        input_shape: See `LSFAN`.
        num_classes: Number of classes.
        filters: Of the four convolutions.
        pooling: `"sensors"`, the mean over sensors that the name promises, or
            `"as_coded"`: the released code's `AdaptiveAvgPool2d((1, 42))` has
            its axes the wrong way round, so that it averages time and spreads
            the 30 sensors over as many parts as there are frames left, 42.
        name: Name of the model.

    Returns:
        A model from `(batch, time, channels)` to `(batch, num_classes)`.

    Raises:
        ConfigurationError: An argument is impossible.
    """
    if pooling not in POOLINGS:
        raise ConfigurationError(
            f"{name}: pooling must be one of {', '.join(POOLINGS)}, "
            f"not {pooling!r}"
        )
    inputs, x = _features(name, input_shape, num_classes, filters)
    if pooling == "sensors":
        pool = OrientedPooling("sensors", name="oriented_pooling")
    else:
        frames = x.shape[1]
        pool = OrientedPooling("time", bins=frames, name="oriented_pooling")
    x = keras.layers.Permute((2, 1), name="tokens")(pool(x))
    return keras.Model(inputs, _classes(x, num_classes), name=name)


def _features(name, input_shape, num_classes, filters):
    """The input and the feature maps, `(batch, time, sensors, maps)`."""
    check_input(name, input_shape, num_classes)
    if len(filters) != _LAYERS:
        raise ConfigurationError(
            f"{name}: filters must be {_LAYERS} numbers, not {tuple(filters)}"
        )
    frames = input_shape[0]
    if frames is None or _frames_left(frames) < 1:
        raise ConfigurationError(
            f"{name}: input_shape must fix the number of frames, at least 16, "
            f"not {tuple(input_shape)}"
        )
    inputs = keras.Input(input_shape, name="windows")
    x = keras.layers.Reshape((*input_shape, 1), name="image")(inputs)
    last = "channels_last"  # whatever the user's Keras configuration says
    for i, count in enumerate(filters, start=1):
        # Sensors are padded, frames are not.
        x = keras.layers.ZeroPadding2D(
            (0, _KERNEL // 2), data_format=last, name=f"pad_{i}"
        )(x)
        fan_in = _KERNEL**2 * x.shape[-1]
        x = keras.layers.Conv2D(
            count,
            _KERNEL,
            data_format=last,
            kernel_initializer=torch_uniform(fan_in),
            bias_initializer=torch_uniform(fan_in),
            name=f"conv_{i}",
        )(x)
        # PyTorch's momentum of 0.1 is the complement. Its running variance
        # is unbiased, Keras' is not: 1 + 1e-5 of it at a batch of 40.
        x = keras.layers.BatchNormalization(
            momentum=0.9, epsilon=1e-5, name=f"batch_norm_{i}"
        )(x)
        x = keras.layers.ReLU(name=f"relu_{i}")(x)
        if i % 2 == 0:
            pool = "feature_maps" if i == _LAYERS else "max_pool"
            x = keras.layers.MaxPooling2D((2, 1), data_format=last, name=pool)(
                x
            )
    return inputs, x


def _frames_left(frames: int) -> int:
    for _ in range(_LAYERS // 2):
        frames = (frames - 2 * (_KERNEL - 1)) // 2
    return frames


def _classes(x, num_classes):
    x = keras.layers.Flatten(name="flatten")(x)
    start = {
        f"{weight}_initializer": torch_uniform(x.shape[-1])
        for weight in ("kernel", "bias")
    }
    layer = functools.partial(new_layer, **start)
    return probabilities(x, num_classes, layer)
