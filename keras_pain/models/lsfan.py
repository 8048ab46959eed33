"""L-SFAN and its two ablations: 2D convolutions, oriented pooling, attention.

Ortigoso-Narro et al., "L-SFAN: Lightweight spatially-focused attention network
for pain behavior detection", arXiv 2406.16913. The sizes are those of the
released code. As there, weights start as PyTorch's do, and padded frames are
not masked: the networks see them as they see any other frame.
"""

import math

from keras import Model, layers

from keras_pain import layers as own
from keras_pain.layers.base import check_choice, require, torch_start
from keras_pain.models import blocks
from keras_pain.models.blocks import LAST
from keras_pain.models.registry import LSFAN_2024, PROTECTIVE, Recipe, register

FEATURE_LAYERS: tuple[str, ...] = tuple(
    f"{kind}_{i}" for i in range(1, 5) for kind in ("conv", "batch_norm")
)
"""Layers of the convolutional part that have weights: what the released code
builds once and goes on training in every fold."""

POOLINGS = ("sensors", "as_coded")

_KERNEL = 3  # frames and sensors; released code
_LAYERS = 4  # a max-pooling after every second one; released code
_LEAST_FRAMES = 16  # one is left after all of them

LSFAN_RECIPE = Recipe.of(
    learning_rate=(1e-3, "released code, default of its command line, 0.001"),
    batch_size=(40, "released code, 40"),
    epochs=(
        5,
        "released code, default of its command line, 5; the "
        "released weights are of one epoch a fold",
    ),
    loss=("categorical_crossentropy", "released code, cross-entropy"),
    optimizer=("adam", "released code, Adam"),
    monitor=(
        "val_accuracy",
        "of leak_free only, as in the released BANet code: that of L-SFAN "
        "tests and saves every epoch and chooses none, and as_published tests "
        "the last",
    ),
    class_weights=(
        "complement",
        "released code, 1 - the class's share of augmented training windows",
    ),
)

_ENTRY = {
    "paper": LSFAN_2024,
    "task": PROTECTIVE,
    "recipe": LSFAN_RECIPE,
    "shared_layers": FEATURE_LAYERS,
    "channel_order": "semg_first",
}


@register(
    "lsfan",
    note="trained 8282, batch-norm statistics 60; the released network "
    "counts 13982, an encoder that it never calls included",
    **_ENTRY,
)
def LSFAN(
    input_shape: blocks.Sizes = (180, 30),
    num_classes: int = 2,
    *,
    filters: blocks.Sizes = (2, 4, 8, 16),
    num_heads: int = 5,
    ff_units: int = 30,
    dropout: float = 0.2,
    name: str = "lsfan",
) -> Model:
    """L-SFAN: mean over time, then self-attention among the feature maps.

    The tokens of its transformer encoder are the 16 feature maps, each
    described by one number a sensor. 8,282 trained parameters at the defaults:
    convolutions 1,620, encoder 5,700, classes 962; besides, 60 statistics of
    the batch normalisations.

    Args:
        input_shape: `(time, channels)`, at least 16 frames. The channels are
            the sensors; the released data have the four sEMG channels first.
        num_heads: Attention heads. Each has `ceil(sensors / num_heads)`
            features: 6 at 30 sensors, as released, and also 6 at 26, where
            PyTorch, which needs a divisor of the sensors, would refuse 5.

    Returns a model from `(batch, time, channels)` to `(batch, num_classes)`.
    Its layer `"feature_maps"` puts out `(batch, time / 4, sensors, maps)`, the
    last maps before pooling; `"encoder"` its tokens and the attention among
    them, `(batch, heads, maps, maps)`.
    """
    inputs, x = _tokens(name, input_shape, num_classes, filters)
    x, _ = own.TransformerEncoder(
        num_heads=num_heads,
        key_dim=math.ceil(input_shape[1] / num_heads),
        ff_units=ff_units,
        dropout=dropout,
        name="encoder",
    )(x, return_attention_scores=True)
    return _classes(inputs, x, num_classes, name)


@register("cnn_tap", note="trained 2582, batch-norm statistics 60", **_ENTRY)
def CNN_TAP(
    input_shape: blocks.Sizes = (180, 30),
    num_classes: int = 2,
    *,
    filters: blocks.Sizes = (2, 4, 8, 16),
    name: str = "cnn_tap",
) -> Model:
    """2D-CNN-TAP: L-SFAN without its encoder (temporal average pooling).

    2,582 trained parameters at the defaults, and 60 statistics. Arguments and
    shapes are those of `LSFAN`.
    """
    inputs, x = _tokens(name, input_shape, num_classes, filters)
    return _classes(inputs, x, num_classes, name)


@register(
    "cnn_sap",
    note="trained 2966, batch-norm statistics 60; pooling='as_coded' for "
    "the released code's, which averages time",
    **_ENTRY,
)
def CNN_SAP(
    input_shape: blocks.Sizes = (180, 30),
    num_classes: int = 2,
    *,
    filters: blocks.Sizes = (2, 4, 8, 16),
    pooling: str = "sensors",
    name: str = "cnn_sap",
) -> Model:
    """2D-CNN-SAP: mean over sensors instead of time (spatial pooling).

    2,966 trained parameters at the defaults, and 60 statistics, with either
    pooling. Other arguments and the shapes are those of `LSFAN`.

    Args:
        pooling: `"sensors"`, the mean over sensors that the name promises, or
            `"as_coded"`: the released code's `AdaptiveAvgPool2d((1, 42))` has
            its axes the wrong way round, so that it averages time and spreads
            the 30 sensors over as many parts as there are frames left, 42.
    """
    check_choice(name, "pooling", pooling, POOLINGS)
    inputs, x = _tokens(name, input_shape, num_classes, filters, pooling)
    return _classes(inputs, x, num_classes, name)


def _tokens(name, input_shape, num_classes, filters, pooling="time"):
    """The input, and the pooled feature maps `(batch, maps, what is left)`."""
    blocks.check_input(name, input_shape, num_classes, frames=_LEAST_FRAMES)
    text = f"filters must be {_LAYERS} numbers, not {tuple(filters)}"
    require(len(filters) == _LAYERS, name, text)
    inputs = layers.Input(input_shape, name="windows")
    x = layers.Reshape((*input_shape, 1), name="image")(inputs)
    for i, count in enumerate(filters, start=1):
        # Sensors are padded, frames are not.
        x = layers.ZeroPadding2D((0, _KERNEL // 2), LAST, name=f"pad_{i}")(x)
        options = torch_start(_KERNEL**2 * x.shape[-1])
        options |= {"data_format": LAST, "name": f"conv_{i}"}
        x = layers.Conv2D(count, _KERNEL, **options)(x)
        x = own.BatchNormalization(name=f"batch_norm_{i}")(x)
        if i % 2 == 0:  # released code: after the ReLU, which is the same
            x = own.TimeMaxPooling(name=f"max_pool_{i}")(x)
        last = "feature_maps" if i == _LAYERS else f"relu_{i}"
        x = layers.ReLU(name=last)(x)
    # As coded, time is pooled and the sensors are spread over its places.
    how = ("time", x.shape[1]) if pooling == "as_coded" else (pooling, None)
    x = own.OrientedPooling(*how, name="oriented_pooling")(x)
    return inputs, layers.Permute((2, 1), name="tokens")(x)


def _classes(inputs, x, num_classes, name):
    x = layers.Flatten(name="flatten")(x)
    start = torch_start(x.shape[-1])
    return blocks.classifier(inputs, x, num_classes, name, **start)
