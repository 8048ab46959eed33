"""BANet: attention over time and over body parts, all parts in one pass."""

from keras import Model, layers

from keras_pain.layers import FoldBodyParts, MaskedSumPooling, UnfoldBodyParts
from keras_pain.layers.base import check_choice
from keras_pain.models import blocks
from keras_pain.models.registry import BANET_2019, PROTECTIVE, Recipe, register

ATTENTION = ("both", "temporal", "bodily")

BANET_RECIPE = Recipe.of(
    learning_rate=(3e-3, "BANet paper and released code, 0.003"),
    batch_size=(
        40,
        "BANet paper and released code, 40, there always in the same order "
        "(shuffle=False), here drawn anew in every epoch",
    ),
    epochs=(80, "BANet released code, 80"),
    loss=("binary_crossentropy", "BANet released code, on one-hot targets"),
    optimizer=("adam", "BANet paper and released code, Adam"),
    monitor=(
        "val_accuracy",
        "BANet released code, binary accuracy; of two classes the same",
    ),
)

_ENTRY = {"paper": BANET_2019, "task": PROTECTIVE, "recipe": BANET_RECIPE}


@register(
    "banet", published_parameters=2131, note="uses channels 0-25", **_ENTRY
)
@register(
    "banet_temporal",
    arguments={"attention": "temporal"},
    published_parameters=1767,
    note="uses channels 0-25",
    **_ENTRY,
)
@register(
    "banet_bodily",
    arguments={"attention": "bodily"},
    published_parameters=2023,
    note="built as in the released code, which has 2014; the paper's 9 "
    "more are one 1x1 convolution over 8 features; uses channels 0-25",
    **_ENTRY,
)
def BANet(
    input_shape: blocks.Sizes = (180, 30),
    num_classes: int = 2,
    *,
    units: int = 8,
    num_layers: int = 3,
    dropout: float = 0.5,
    attention: str = "both",
    recurrent_activation: str = "sigmoid",
    mask_value: float | None = 0.0,
    body: blocks.Sizes = (blocks.NUM_PARTS, 2),
    name: str = "banet",
) -> Model:
    """BANet, the body attention network, and its two ablations.

    Wang et al., "Learning temporal and bodily attention in protective movement
    behavior detection", ACIIW 2019, arXiv 1904.10824. Every body part (angle
    c, energy c) passes the same LSTM encoder; each part has its own temporal
    attention; then bodily attention weighs the parts. The encoder runs once,
    with the parts folded into the batch axis, instead of once a part.

    2,131 parameters; "temporal" 1,767, both as in the paper; "bodily" 2,014 as
    in the released code. The paper prints 2,023 for it: the 9 are one more
    1x1 convolution over 8 features.

    Args:
        input_shape: `(time, channels)`; channels 0-12 are the angles, 13-25
            the energies, and later ones (sEMG) serve only to find padding.
        attention: `"both"`, `"temporal"` (parts are only concatenated) or
            `"bodily"` (frames are only summed).
        recurrent_activation: See `StackedLSTM`.
        mask_value: Value of padded frames, which are masked; None feeds them
            to the network, as the released code and `as_published` do.
        body: Body parts, and channels of each; see `FoldBodyParts`.

    Returns a model from `(batch, time, channels)` to `(batch, num_classes)`.
    The attention maps are the outputs of its layers `"temporal_attention"`,
    `(batch, time, 13)`, and `"bodily_attention"`, `(batch, units, 13)`.
    """
    parts, features = body
    check_choice(name, "attention", attention, ATTENTION)
    inputs, x = blocks.masked_input(
        name, input_shape, num_classes, mask_value, channels=features * parts
    )
    x = FoldBodyParts(parts, features, name="fold_parts")(x)
    options = ([units] * num_layers, dropout, recurrent_activation)
    x = blocks.lstm_layers(x, *options, sequences=True)
    x = UnfoldBodyParts(parts, name="unfold_parts")(x)
    if attention == "bodily":
        x = MaskedSumPooling(name="temporal_sum")(x)
    else:
        x = blocks.temporal_attention(x)
    x = layers.Permute((2, 1), name="parts_last")(x)
    if attention != "temporal":
        x = blocks.bodily_attention(x)
    x = layers.Flatten(name="flatten")(x)
    return blocks.classifier(inputs, x, num_classes, name)
