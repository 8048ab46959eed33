"""L3D, a light 3D convolutional network, and what it is compared with.

"Pain detection based on improved 3D convolutional neural network", Computer
Systems & Applications 2024, 33(2):291-298 (in Chinese), called the L3D paper
here. Its text fixes eight 3x3x3 convolutions with batch normalisation, six
max-poolings and the layers 512 and 1; the number of channels and the length
of a clip are unsaid and fitted to its table 4, see `WIDTHS`.
"""

from collections.abc import Sequence

from keras import Model, layers

from keras_pain import layers as own
from keras_pain.layers.base import require
from keras_pain.models import blocks as common
from keras_pain.models import registry
from keras_pain.models.blocks import LAST, Sizes
from keras_pain.models.registry import CLIPS, Recipe, register
from keras_pain.models.resnet import WIDTHS as RESNET_WIDTHS
from keras_pain.models.resnet import resnet18_maps

WIDTHS: dict[str, Sizes] = {
    "fitted": (6, 16, 32, 32, 64, 64, 96, 96),
    "plain": (8, 16, 32, 32, 32, 64, 64, 128),
}
"""Filters of the eight convolutions, by name. Both read clips of 32 frames:
five halvings of time need that many.

"fitted" (X) meets the printed 1.07 M and 3.04 M parameters, and 10.62 G of L3D
if biases, normalisations and ReLUs are counted beside multiply-adds. Its first
width, 6, is there because it fits; 102 tuples print the same two numbers, so
that the authors' widths are not known. "plain" (Y) is the only tuple of powers
of two within 3 % of both numbers of L3D: 1.05 M, 10.58 G; its full model has
3.28 M."""

L3D_RECIPE = Recipe.of(
    learning_rate=(
        1e-3,
        "L3D paper, section 3.2, 0.001; its momentum of 0.9 is Adam's first, "
        "Keras' default",
    ),
    batch_size=(100, "L3D paper, section 3.2, 100"),
    epochs=(100, "unsaid: the most; training stops far earlier, see patience"),
    loss=("huber", "L3D paper, section 3.2, Huber"),
    optimizer=("adam", "L3D paper, section 3.2, Adam"),
    monitor=(
        "val_loss",
        "unsaid: the loss on clips held out of the training part; as_published "
        "assumes that these are the tested ones, as no third set is named",
    ),
    loss_options=({"delta": 0.7}, "L3D paper, section 3.2, delta 0.7"),
    patience=(10, "unsaid: long beside the noise between two epochs"),
)

_SCALES = (4, 6, 8)  # figure 4: features B, M and S are of these convolutions
_POOLED = (1, 2, 4, 6)  # convolutions before a pooling, beside the eighth

# Tran et al., ICCV 2015, figure 3: filters of each block of convolutions.
C3D_BLOCKS = ((64,), (128,), (256, 256), (512, 512), (512, 512))

_ENTRY = {"paper": registry.L3D_2024, "recipe": L3D_RECIPE}
_ENTRY["task"] = registry.PAIN_INTENSITY


@register(
    "l3d",
    CLIPS,
    published_parameters=1_070_000,
    note="trained 1069769, batch-norm statistics 812; channels fitted to "
    "the paper's sizes",
    **_ENTRY,
)
@register(
    "l3d_multi_scale",
    CLIPS,
    arguments={"multi_scale": True},
    note="trained 3034825, batch-norm statistics 812",
    **_ENTRY,
)
@register(
    "l3d_se",
    CLIPS,
    arguments={"attention": True},
    note="trained 1071765, batch-norm statistics 812",
    **_ENTRY,
)
@register(
    "l3d_full",
    CLIPS,
    arguments={"multi_scale": True, "attention": True},
    published_parameters=3_040_000,
    note="trained 3041633, batch-norm statistics 812; a pooling before "
    "the last layer is fitted to the paper's size",
    **_ENTRY,
)
def L3D(
    input_shape: Sizes = (32, 224, 224, 3),
    num_classes: int = 0,
    *,
    widths: str | Sequence[int] = "fitted",
    multi_scale: bool = False,
    attention: bool = False,
    units: int = 512,
    ratio: int = 16,
    shared: bool = True,
    head_pool: Sizes = (1, 2, 2),
    scaled_head: bool = True,
    batch_norm: bool = True,
    name: str = "l3d",
) -> Model:
    """The L3D paper's network and its ablations.

    Trained parameters at the defaults: L3D 1,069,769 (paper 1.07 M), with
    both additions 3,041,633 (3.04 M). Besides, 812 statistics of the batch
    normalisations.

    With `multi_scale` the features of convolutions 4, 6 and 8 are brought to
    the size of the first by trilinear interpolation (factors 1, 2 and 4) and
    joined; the last two poolings and the layer of 512 fall away, and one layer
    from the joined features to the intensity remains (figures 1 and 4). With
    `attention` every scale and the joined features pass an improved SE block.

    Unsaid, and chosen here:

    * `attention` alone (third row of the paper's table 1): the SE blocks
      stand behind convolutions 4, 6 and 8, in the trunk.
    * `head_pool`, invented: the paper goes from 192 joined channels, 16 x 56 x
      56 places, to one number. That alone would be 9.6 M weights, where the
      whole model has 3.04 M. A max-pooling of 1x2x2 before it leaves 2.4 M and
      meets the printed sum; nothing in the text suggests it.
    * Where the poolings stand: behind convolutions 1, 2, 4, 6, 8 and 8, as in
      C3D, the last two being those that the paper adds.

    Args:
        input_shape: `(time, height, width, 3)`. Every pooling leaves at least
            one place, so that small clips run.
        num_classes: Classes to tell apart instead; 0, as in the paper, is an
            intensity. So in all networks here.
        widths: Filters of the eight convolutions: a key of `WIDTHS`, or eight
            numbers.
        units: Of the layer before the last, without `multi_scale`.
        ratio, shared: See `ImprovedSE`.
        head_pool: Window of the max-pooling before the last layer, with
            `multi_scale`; (1, 1, 1) leaves it out.
        scaled_head: With `multi_scale`, whether the 2.4 million features are
            scaled before the last layer, see `blocks.intensity`. Unsaid;
            without it one step of Adam at 0.001 moves the output by hundreds,
            where intensities end at 10, and training has to find back.
        batch_norm: Whether convolutions are followed by batch normalisation,
            as in the paper. Its statistics are of the batch in memory: k
            micro-batches whose gradients are accumulated are no substitute for
            the paper's batch of 100 then; without it they are, exactly.

    Returns a model from `(batch, time, height, width, 3)`, RGB from 0 to 255,
    to `(batch, 1)` or `(batch, num_classes)`. Layers to look at: `relu_4`,
    `relu_6`, `relu_8` (scales B, M, S), `attention_*`, and `feature_maps`, the
    last maps before pooling and head: S, or the joined ones.
    """
    filters = _filters(name, widths)
    fits = len(head_pool) == 3 and min(*head_pool, units, ratio) > 0
    text = "head_pool must be three positive numbers, units and ratio positive"
    require(fits, name, f"{text}, not {head_pool}, {units} and {ratio}")

    def attend(x, tag):
        if not attention:
            return x
        return own.ImprovedSE(ratio, shared, name=f"attention_{tag}")(x)

    common.check_classes(name, num_classes)
    inputs, x = common.clip_input(name, input_shape)
    scales = []
    for i, width in enumerate(filters, start=1):
        x = common.convolution(x, width, i, batch_norm)
        if i in _SCALES:
            scales.append(x)
            if not multi_scale:
                x = attend(x, i)
        if i in _POOLED:
            x = common.max_pool(x, (1 if i == 1 else 2, 2, 2), f"pool_{i}")
    if multi_scale:
        x = common.feature_maps(attend(_join(scales, attend), "joined"))
        if tuple(head_pool) != (1, 1, 1):
            x = common.max_pool(x, tuple(head_pool), "head_pool")
        x = layers.Flatten(name="flatten")(x)
    else:
        x = common.feature_maps(x)
        x = common.max_pool(x, (2, 2, 2), "pool_8a")
        x = common.max_pool(x, (2, 2, 2), "pool_8b")
        x = layers.Flatten(name="flatten")(x)
        x = common.hidden(x, units, "fc_1")
    x = common.intensity(x, num_classes, scaled=multi_scale and scaled_head)
    return Model(inputs, x, name=name)


@register(
    "c3d",
    CLIPS,
    published_parameters=77_980_000,
    note="layers 1000 and 150 fitted to the paper's size",
    **_ENTRY,
)
def C3D(
    input_shape: Sizes = (32, 224, 224, 3),
    num_classes: int = 0,
    *,
    blocks: tuple[Sizes, ...] = C3D_BLOCKS,
    units: Sizes = (1000, 150),
    dropout: float = 0.5,
    batch_norm: bool = False,
    name: str = "c3d",
) -> Model:
    """C3D with one output, as the L3D paper compares with it.

    Tran et al., "Learning spatiotemporal features with 3D convolutional
    networks", ICCV 2015: eight 3x3x3 convolutions, five max-poolings, of which
    the first leaves time as it is. 77,983,237 parameters, as the L3D paper's
    table 4 prints (77.98 M).

    The usual layers 4096 - 4096 - 1 on clips of 16 frames and 112 pixels have
    78.00 M. On the paper's 224 pixels, where 512 x 2 x 7 x 7 features leave the
    last pooling, layers of 1000 and 150 meet its number; the paper does not
    name them. Four other pairs do too, so that they are fitted, not known.

    Args:
        input_shape: As for `L3D`.
        blocks: Filters of the convolutions, a pooling after each block.
        dropout: Rate after each of these; unsaid in the L3D paper, 0.5 in
            C3D's.
        batch_norm: Whether convolutions are followed by batch normalisation;
            L3D's figure 2 shows C3D without.

    Returns a model from `(batch, time, height, width, 3)`, RGB from 0 to 255,
    to `(batch, 1)`. Its layer `"feature_maps"` puts out the last maps before
    the last pooling.
    """
    fits = min((*units, *sum(map(tuple, blocks), ())), default=0) > 0
    text = f"must hold positive numbers, not {blocks} and {units}"
    require(fits, name, f"blocks and units {text}")
    common.check_classes(name, num_classes)
    inputs, x = common.clip_input(name, input_shape)
    for number, block in enumerate(blocks, start=1):
        for part, filters in enumerate(block):
            # conv_1, conv_3a, conv_3b, ...: as the paper's figure has them.
            tag = f"{number}{'ab'[part] if len(block) == 2 else part or ''}"
            x = common.convolution(x, filters, tag, batch_norm)
        if number == len(blocks):
            x = common.feature_maps(x)
        window = (1 if number == 1 else 2, 2, 2)
        x = common.max_pool(x, window, f"pool_{number}")
    x = layers.Flatten(name="flatten")(x)
    for number, width in enumerate(units, start=1):
        x = common.hidden(x, width, f"fc_{number}", dropout)
    return Model(inputs, common.intensity(x, num_classes), name=name)


@register(
    "resnet18_lstm",
    CLIPS,
    published_parameters=15_030_000,
    note="trained 15031613, batch-norm statistics 9600; head fitted to "
    "the paper's size",
    **_ENTRY,
)
def ResNetLSTM(
    input_shape: Sizes = (32, 224, 224, 3),
    num_classes: int = 0,
    *,
    widths: Sizes = RESNET_WIDTHS,
    frame_units: int = 1000,
    units: int = 150,
    head_units: Sizes = (500, 500),
    name: str = "resnet18_lstm",
) -> Model:
    """ResNet18-LSTM, a comparator of the L3D paper.

    The paper names the two parts and prints 15.03 M parameters and 58.79 G
    (table 4). A plain LSTM with one output behind the network's 512 features
    cannot have so many; among 57,456 heads one meets this sum and the GRU's:
    ResNet-18 with its layer of 1000, an LSTM of 150 whose steps are all kept,
    500 - 500 - 1. Here 15,031,613 trained parameters, and 9,600 statistics of
    batch normalisations. The operations fit 32 frames, a multiply-add as one.
    Fitted, not known; so is that weights are not pretrained.

    All frames of a batch pass the residual network at once, so that its batch
    normalisation averages over clips and frames.

    Args:
        input_shape: `(time, height, width, 3)`.
        widths: Filters of the four stages of the residual network.
        frame_units: Features of a frame, ResNet-18's own last layer.
        head_units: Of the layers between it and the output.

    Returns a model from `(batch, time, height, width, 3)`, RGB from 0 to 255,
    to `(batch, 1)`. Its layer `"feature_maps"` puts out the residual network's
    last maps, `(batch, time, height / 32, width / 32, 512)`.
    """
    sizes = (num_classes, widths, frame_units, units, head_units)
    return _build(layers.LSTM, name, input_shape, *sizes)


@register(
    "resnet18_gru",
    CLIPS,
    published_parameters=14_860_000,
    note="trained 14859413, batch-norm statistics 9600; head fitted to "
    "the paper's size",
    **_ENTRY,
)
def ResNetGRU(
    input_shape: Sizes = (32, 224, 224, 3),
    num_classes: int = 0,
    *,
    widths: Sizes = RESNET_WIDTHS,
    frame_units: int = 1000,
    units: int = 150,
    head_units: Sizes = (500, 500),
    name: str = "resnet18_gru",
) -> Model:
    """ResNet18-GRU, a comparator of the L3D paper.

    As `ResNetLSTM`, also in its arguments, with a GRU: 14,859,413 trained
    parameters (paper 14.86 M).
    """
    sizes = (num_classes, widths, frame_units, units, head_units)
    return _build(layers.GRU, name, input_shape, *sizes)


def _build(
    kind, name, input_shape, num_classes, widths, frame_units, units, head_units
):
    others = (frame_units, units, *head_units)
    fits = len(widths) == 4 and min(*widths, *others) > 0
    text = "widths must be four positive numbers, frame_units, units and "
    text += f"head_units positive, not {widths} and {others}"
    require(fits, name, text)
    common.check_classes(name, num_classes)
    inputs, x = common.clip_input(name, input_shape)
    time = input_shape[0]
    x = resnet18_maps(own.FoldFrames(name="frames")(x), tuple(widths))
    x = common.feature_maps(own.UnfoldFrames(time, name="clip")(x))
    x = own.FoldFrames(name="frame_maps")(x)
    x = layers.GlobalAveragePooling2D(data_format=LAST, name="frame_pool")(x)
    x = own.UnfoldFrames(time, name="frame_features")(x)
    x = layers.Dense(frame_units, name="frame_fc")(x)
    x = kind(units, return_sequences=True, name=kind.__name__.lower())(x)
    x = layers.Flatten(name="flatten")(x)
    for number, width in enumerate(head_units, start=1):
        x = common.hidden(x, width, f"fc_{number}")
    return Model(inputs, common.intensity(x, num_classes), name=name)


def _filters(name, widths) -> tuple[int, ...]:
    filters = WIDTHS.get(widths, ()) if isinstance(widths, str) else widths
    fits = all(isinstance(n, int) and n > 0 for n in filters)
    names = " or ".join(map(repr, WIDTHS))
    text = f"widths must be {names}, or 8 positive numbers, not {widths!r}"
    require(fits and len(filters) == 8, name, text)
    return tuple(filters)


def _join(scales, attend):
    """Scales B, M and S at the size of B, `(batch, ..., sum of channels)`."""
    size = {"output_size": scales[0].shape[1:4]}
    same = [attend(x, i) for i, x in zip(_SCALES, scales, strict=True)]
    for place, i in enumerate(_SCALES[1:], start=1):
        resize = own.TrilinearUpsampling(**size, name=f"upsample_{i}")
        same[place] = resize(same[place])
    return layers.Concatenate(name="joined")(same)
