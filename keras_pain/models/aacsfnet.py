"""AACSFNet: pain intensity from one picture of a face, by two sub-networks.

Gao et al., "Enhancing pain intensity evaluation via an attention-driven
channel-spatial fusion network", submitted to The Visual Computer. The channel
sub-network is a ResNet-50 and three kinds of attention over its maps, the
spatial one a vision transformer for each of some patch sizes, and an exchange
between them. Sizes and defects are those of the released code; the paper's text
was not at hand.
"""

import math
import os

from keras import Model, layers

from keras_pain import layers as own
from keras_pain.layers.base import check_choice, require, torch_start
from keras_pain.models import blocks as common
from keras_pain.models import registry
from keras_pain.models.blocks import LAST, Sizes
from keras_pain.models.registry import FRAMES, Recipe, register
from keras_pain.models.resnet import BLOCKS, ResNet50

MODES = ("corrected", "as_coded")
TWO_SCALES = (32, 16)  # figure and name
THREE_SCALES = (32, 16, 8)  # released code

# Of face crops of UNBC-McMaster, RGB from 0 to 1; released AACSFNet code.
MEAN = (0.48766823, 0.34021825, 0.30166676)
STD = (0.15309834, 0.13826898, 0.12866308)

# All of the released code: what each branch gives to the fusion; the layers
# before; encoder layers of the fusion; heads, one for each row of the 7 x 7
# maps; hidden units of the transformer by its width.
_FEATURE_UNITS = 16
_REDUCED_UNITS = (256, 128)
_FUSION_LAYERS = 2
_HEADS = 7
_MLP_RATIO = 4
_SMALLEST = 32  # pixels; the residual network halves an image five times
_CODE = "released AACSFNet code"

AACSFNET_RECIPE = Recipe.of(
    learning_rate=(1e-4, "ours: 0.04 is far too high for a pretrained network"),
    batch_size=(32, f"{_CODE}, 32"),
    epochs=(80, f"{_CODE}, 80, as the most"),
    loss=("mean_squared_error", f"{_CODE}, mean squared error"),
    optimizer=("adamw", "ours: AdamW, Keras' weight decay of 0.004"),
    monitor=("val_loss", "ours: the loss on training persons set aside for it"),
    schedule=(("cosine",), "ours: down to zero over all epochs"),
    patience=(10, "ours: the released code imports early stopping, unused"),
)

AACSFNET_RELEASED_RECIPE = Recipe.of(
    learning_rate=(0.04, f"{_CODE}, 0.04"),
    batch_size=(32, f"{_CODE}, 32"),
    epochs=(80, f"{_CODE}, 80"),
    loss=("mean_squared_error", f"{_CODE}, mean squared error"),
    optimizer=("adam", f"{_CODE}, Adam"),
    monitor=(
        "val_loss",
        "unsaid: the released code chooses no epoch, its last one stands, as "
        "in as_published; where one is chosen, by the loss",
    ),
    schedule=(
        ("multistep", (10, 20, 30), 0.1),
        f"{_CODE}, a tenth at epochs 10, 20 and 30",
    ),
    optimizer_options=(
        {"weight_decay": 5e-4},
        f"{_CODE}, weight decay 5e-4; PyTorch's Adam adds it to the gradient, "
        "Keras' takes it off the weights",
    ),
)

_ENTRY = {"paper": registry.AACSFNET, "task": registry.PAIN_INTENSITY}
# 1 lacked dropout on the tokens and in the cross attention.
_SPATIAL = {**_ENTRY, "version": 2}


@register(
    "aacsfnet",
    FRAMES,
    recipe=AACSFNET_RECIPE,
    note="trained 29637115, batch-norm statistics 54976",
    **_SPATIAL,
)
@register(
    "aacsfnet_as_coded",
    FRAMES,
    recipe=AACSFNET_RELEASED_RECIPE,
    arguments={"mode": "as_coded"},
    note="trained 31162845, batch-norm statistics 54976; the released "
    "network counts 32918377, decoders that it never calls included",
    **_SPATIAL,
)
def AACSFNet(
    input_shape: Sizes = (224, 224, 3),
    num_classes: int = 0,
    *,
    patch_sizes: Sizes | None = None,
    mode: str = "corrected",
    resnet_weights: str | os.PathLike | None = None,
    channels_across_batch: bool | None = None,
    mean_of_normed: bool | None = None,
    class_token_keys: bool | None = None,
    branches_across_batch: bool | None = None,
    width: int = 64,
    blocks: Sizes = BLOCKS,
    maps: int = 512,
    global_layers: int = 3,
    ff_units: int = 2048,
    embed_dim: int = 192,
    vit_layers: int = 3,
    vit_heads: int = 6,
    dropout: float = 0.1,
    name: str = "aacsfnet",
) -> Model:
    """The residual network with hybrid attention, the transformer, a fusion.

    As coded 31,162,845 trained parameters with three scales and 29,637,213
    with two, the decoders that the released code builds and never calls left
    out; as corrected 29,637,115: no final normalisation of the channels.
    Besides, 54,976 statistics of batch normalisations.

    The released code takes batches of 32 only; this takes any.

    Args:
        input_shape: `(height, width, 3)`, at least 32 x 32, multiples of
            every patch size.
        num_classes: Classes to tell apart instead; 0, as in the paper, is an
            intensity. So in both parts alone.
        patch_sizes: Sides of the patches in pixels; None is `(32, 16)`, as
            coded `(32, 16, 8)`.
        mode: `"corrected"`, or `"as_coded"`, which turns every switch on that
            is left at None. What they do: `keras_pain.experiments.defects`.
        resnet_weights: None, `"imagenet"` or a path, see `weights` of
            `keras_pain.models.resnet.ResNet50`.
        channels_across_batch, mean_of_normed: See `ResNet50HAM`.
        class_token_keys: See `BiScaleCrossViT`.
        branches_across_batch: The fusion's attention sees the batch as its
            tokens. Mended, its tokens are the two branches.
        width, blocks: Of the residual network, see `ResNet50`.
        maps: Channels that the global attention compares.
        ff_units: Hidden units of its and the fusion's feed-forward parts.
        embed_dim: Width of the transformer's tokens.
        vit_heads: Heads of its attention, a divisor of `embed_dim`.
        dropout: Dropout rate everywhere but in the head, which has 0.5.

    Returns a model from `(batch, height, width, 3)`, RGB from 0 to 255, to
    `(batch, 1)`. For its attention see
    `keras_pain.explain.attention.face_attention`. Raises BadFileError where the
    weights do not fit.
    """
    *hybrid, class_keys, fused_across = _switches(
        *(name, mode, channels_across_batch, mean_of_normed),
        *(class_token_keys, branches_across_batch),
    )
    if patch_sizes is None:
        patch_sizes = THREE_SCALES if mode == "as_coded" else TWO_SCALES
    inputs, x = _frames_input(name, input_shape, num_classes)
    sizes = (embed_dim, vit_layers, vit_heads)
    spatial = _spatial_branch(x, name, patch_sizes, class_keys, sizes, dropout)
    spatial = _linear(spatial, _FEATURE_UNITS, "spatial_features")
    network = (width, blocks, resnet_weights)
    sizes = (maps, global_layers, ff_units)
    channels = _channel_branch(x, name, network, hybrid, sizes, dropout)
    # Each branch beside what the attention made of it.
    tokens = [
        layers.Reshape((1, _FEATURE_UNITS), name=f"{part}_token")(y)
        for part, y in (("channel", channels), ("spatial", spatial))
    ]
    x = branches = layers.Concatenate(axis=1, name="branches")(tokens)
    options = {"torch_init": "xavier", "across_batch": fused_across}
    sizes = (1, _FEATURE_UNITS, ff_units)
    x = _encoders(x, _FUSION_LAYERS, "fusion", *sizes, dropout, **options)
    x = layers.LayerNormalization(epsilon=1e-5, name="fusion_norm")(x)
    x = layers.Concatenate(axis=-1, name="fused")([branches, x])
    x = layers.Flatten(name="flatten")(x)
    x = _intensity(x, 2 * _FEATURE_UNITS, num_classes)
    return Model(inputs, x, name=name)


@register(
    "resnet50_ham",
    FRAMES,
    recipe=AACSFNET_RECIPE,
    note="trained 25888139, batch-norm statistics 54928; the channel "
    "branch alone",
    **_ENTRY,
)
def ResNet50HAM(
    input_shape: Sizes = (224, 224, 3),
    num_classes: int = 0,
    *,
    mode: str = "corrected",
    resnet_weights: str | os.PathLike | None = None,
    channels_across_batch: bool | None = None,
    mean_of_normed: bool | None = None,
    width: int = 64,
    blocks: Sizes = BLOCKS,
    maps: int = 512,
    global_layers: int = 3,
    ff_units: int = 2048,
    dropout: float = 0.1,
    name: str = "resnet50_ham",
) -> Model:
    """Pain intensity from a face, by the channel sub-network alone.

    25,888,237 trained parameters at the defaults as coded (ResNet-50
    23,508,032, hybrid attention 2,212,988, reduction 167,056, head 161), and
    98 less as corrected: no final normalisation.

    Args:
        input_shape: `(height, width, 3)`, at least 32 x 32.
        mode: `"corrected"`, or `"as_coded"`, which turns both switches below
            on where they are left at None.
        resnet_weights: See `AACSFNet`.
        channels_across_batch: The global attention sees the batch as its
            tokens, so that a face's score depends on the faces beside it.
            Mended, the tokens are the channels, each described by its map.
        mean_of_normed: Layer normalisations over a channel's map are the last
            step before the mean over the same map: exactly zero until their
            scales and offsets differ, so that the branch is mute at first.
            Leaving the final one out would not do, since the encoder's own come
            last in every layer. Mended, its normalisations come before
            attention ("pre-norm") and there is no final one.
        width: See `AACSFNet`, as for all that follow.

    Returns a model from `(batch, height, width, 3)`, RGB from 0 to 255, to
    `(batch, 1)`. Its layer `"spatial_attention"` puts out a map
    `(batch, height / 32, width / 32, 1)` over the face, `"channel_attention"`
    `(batch, 1, 1, channels)`. Raises BadFileError where the weights do not fit.
    """
    hybrid = _switches(name, mode, channels_across_batch, mean_of_normed)
    inputs, x = _frames_input(name, input_shape, num_classes)
    network = (width, blocks, resnet_weights)
    sizes = (maps, global_layers, ff_units)
    x = _channel_branch(x, name, network, hybrid, sizes, dropout)
    x = _intensity(x, _FEATURE_UNITS // 2, num_classes)
    return Model(inputs, x, name=name)


@register(
    "biscale_cross_vit",
    FRAMES,
    recipe=AACSFNET_RECIPE,
    note="the spatial branch alone",
    **_SPATIAL,
)
def BiScaleCrossViT(
    input_shape: Sizes = (224, 224, 3),
    num_classes: int = 0,
    *,
    patch_sizes: Sizes = TWO_SCALES,
    mode: str = "corrected",
    class_token_keys: bool | None = None,
    embed_dim: int = 192,
    vit_layers: int = 3,
    vit_heads: int = 6,
    dropout: float = 0.1,
    name: str = "biscale_cross_vit",
) -> Model:
    """Pain intensity from a face, by the spatial sub-network alone.

    3,603,649 trained parameters at the defaults, in either mode. As in the
    released code's stand-alone network, a single dense unit follows the
    exchange.

    Args:
        input_shape: `(height, width, 3)`, multiples of every patch size.
        patch_sizes: Sides of the square patches in pixels, at least two.
        mode: `"corrected"`, or `"as_coded"`, which turns the switch below on
            where it is left at None.
        class_token_keys: The class token of a scale asks nothing but the class
            tokens of the others. With two scales this is one key, of weight
            one: no attention, and query and key are never trained. Mended, it
            asks all tokens of the others, as in CrossViT.
        embed_dim: See `AACSFNet`, as for all that follow.

    Returns a model from `(batch, height, width, 3)`, RGB from 0 to 255, to
    `(batch, 1)`. Its layer `"cross_attention"` also puts out what each scale
    asks of the others, see `CrossAttention`.
    """
    (class_keys,) = _switches(name, mode, class_token_keys)
    inputs, x = _frames_input(name, input_shape, num_classes)
    sizes = (embed_dim, vit_layers, vit_heads)
    x = _spatial_branch(x, name, patch_sizes, class_keys, sizes, dropout)
    return Model(inputs, _output(x, num_classes), name=name)


def _switches(name, mode, *values):
    """The defects' switches: as said, or else as the mode has them."""
    check_choice(name, "mode", mode, MODES)
    return [mode == "as_coded" if v is None else bool(v) for v in values]


def _frames_input(name, input_shape, num_classes):
    """The input, and the same normalised by the layer `"normalise"`."""
    common.check_classes(name, num_classes)
    inputs = common.colour_input(name, input_shape, "height, width", "frames")
    return inputs, common.standardise(inputs, MEAN, STD, "normalise")


def _channel_branch(x, name, network, hybrid, sizes, dropout):
    """Residual network, hybrid attention and reduction, to `(batch, 16)`."""
    filters, blocks, weights = network
    across_batch, muted = hybrid
    maps, global_layers, ff_units = sizes
    height, width = x.shape[1:3]
    least = f"{_SMALLEST} x {_SMALLEST}"
    text = f"images must be {least} or larger, not {height} x {width}"
    require(min(height, width) >= _SMALLEST, name, text)
    x = ResNet50(x.shape[1:], width=filters, blocks=blocks, weights=weights)(x)
    # Which channels, which places, and how the channels go together.
    weights = own.ChannelAttention(name="channel_attention")(x)
    x = layers.Multiply(name="channel_weighting")([x, weights])
    weights = own.SpatialAttention(name="spatial_attention")(x)
    x = layers.Multiply(name="spatial_weighting")([x, weights])
    x = _norm_relu(_patches(x, 1, maps, "maps"), "maps")
    places = x.shape[1] * x.shape[2]
    x = layers.Reshape((places, maps), name="places")(x)
    x = layers.Permute((2, 1), name="channel_tokens")(x)
    x = _encoders(
        *(x, global_layers, "global_attention"),
        *(_HEADS, math.ceil(places / _HEADS), ff_units, dropout),
        norm="post" if muted else "pre",
        torch_init="xavier",
        across_batch=across_batch,
    )
    if muted:
        x = layers.LayerNormalization(epsilon=1e-5, name="global_norm")(x)
    # The last axis is what "channels first" calls steps.
    x = layers.GlobalAveragePooling1D(
        data_format="channels_first", name="channel_means"
    )(x)
    for i, units in enumerate(_REDUCED_UNITS, start=1):
        x = _norm_relu(_linear(x, units, f"reduction_{i}"), f"reduction_{i}")
        x = layers.Dropout(dropout, name=f"reduction_{i}_dropout")(x)
    return _linear(x, _FEATURE_UNITS, "channel_features")


def _spatial_branch(x, name, patch_sizes, class_keys, transformer, dropout):
    """What the scales answer each other, `(batch, scales * embed_dim)`."""
    embed_dim, count, heads = transformer
    _, height, width, _ = x.shape
    sizes = tuple(patch_sizes)
    fits = len(set(sizes)) == max(len(sizes), 2) and min(sizes) > 0
    text = "patch_sizes must be two or more different sizes in pixels, not "
    require(fits, name, f"{text}{sizes}")
    for size in sizes:
        text = f"an image of {height} x {width} cannot be cut into patches of "
        text += f"{size} x {size}; take multiples of {math.lcm(*sizes)} pixels,"
        text += f" or other patch_sizes than {sizes}"
        require(height % size == width % size == 0, name, text)
    text = f"embed_dim must be a multiple of the {heads} heads, not {embed_dim}"
    require(embed_dim % heads == 0, name, text)
    norm = layers.LayerNormalization(epsilon=1e-5, name="token_norm")
    drop = layers.Dropout(dropout, name="token_dropout")
    scales = []
    for size in patch_sizes:
        tokens = _patches(x, size, embed_dim, f"patches_{size}")
        places = tokens.shape[1] * tokens.shape[2]
        flat = layers.Reshape((places, embed_dim), name=f"flat_{size}")(tokens)
        tokens = drop(own.ClassTokenAndPositions(name=f"tokens_{size}")(flat))
        tokens = _encoders(
            *(tokens, count, f"encoder_{size}"),
            *(heads, embed_dim // heads, _MLP_RATIO * embed_dim, dropout),
            norm="pre",
            activation="gelu",
            torch_init="linear",
        )
        scales.append(norm(tokens))
    keys = "class_tokens" if class_keys else "tokens"
    cross = own.CrossAttention(heads, keys, dropout, name="cross_attention")
    answers, *_ = cross(scales)
    return layers.Flatten(name="scales")(answers)


def _encoders(x, count, name, heads, size, hidden, dropout, **options):
    """Encoder layers `<name>_1` and so on."""
    for i in range(1, count + 1):
        x = own.TransformerEncoder(
            heads, size, hidden, dropout, name=f"{name}_{i}", **options
        )(x)
    return x


def _patches(x, size, filters, name):
    """One convolution whose windows lie side by side."""
    options = torch_start(size**2 * x.shape[-1])
    options |= {"data_format": LAST, "name": name}
    return layers.Conv2D(filters, size, size, **options)(x)


def _linear(x, units, name, **options):
    options.update(torch_start(x.shape[-1]))
    return layers.Dense(units, name=name, **options)(x)


def _norm_relu(x, name):
    x = common.batch_norm(x, f"{name}_norm")
    return layers.ReLU(name=f"{name}_relu")(x)


def _intensity(x, units, num_classes):
    """A hidden layer, and what `_output` makes of it."""
    x = _norm_relu(_linear(x, units, "head"), "head")
    x = layers.Dropout(0.5, name="head_dropout")(x)  # released code
    return _output(x, num_classes)


def _output(x, num_classes):
    """The pain intensity in float32, not bounded, or classes."""
    start = torch_start(x.shape[-1])
    return common.output(x, num_classes, dtype="float32", **start)
