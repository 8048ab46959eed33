"""BANet: attention over time and over body parts, all parts in one pass."""

import keras

from keras_pain.errors import ConfigurationError
from keras_pain.layers import (
    FoldBodyParts,
    MaskedSumPooling,
    UnfoldBodyParts,
)
from keras_pain.models import blocks
from keras_pain.models.recipe import Recipe

ATTENTION = ("both", "temporal", "bodily")

BANET_RECIPE = Recipe(
    learning_rate=3e-3,
    batch_size=40,
    epochs=80,
    loss="binary_crossentropy",
    optimizer="adam",
    monitor="val_accuracy",
    sources={
        "learning_rate": "BANet paper and released code, 0.003",
        "batch_size": "BANet paper and released code, 40",
        "epochs": "BANet released code, 80",
        "loss": "BANet released code, binary cross-entropy on one-hot targets",
        "optimizer": "BANet paper and released code, Adam",
        "monitor": "BANet released code, best validation binary accuracy, "
        "which on a softmax of two classes is the accuracy",
    },
)


def BANet(
    input_shape: tuple[int, int] = (180, 30),
    num_classes: int = 2,
    *,
    units: int = 8,
    num_layers: int = 3,
    dropout: float = 0.5,
    attention: str = "both",
    recurrent_activation: str = "sigmoid",
    mask_value: float | None = 0.0,
    name: str = "banet",
) -> keras.Model:
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
        num_classes: Number of classes.
        units: Units of every LSTM layer.
        num_layers: Number of LSTM layers in the shared encoder.
        dropout: Dropout rate after every LSTM layer.
        attention: `"both"`, `"temporal"` (parts are only concatenated) or
            `"bodily"` (frames are only summed).
        recurrent_activation: Activation of the gates. Unsaid: Keras changed
            its default between the paper's time and ours; any other than
            "sigmoid" loses the cuDNN kernel.
        mask_value: Value of padded frames, which are masked; None feeds them
            to the network, as the released code does.
        name: Name of the model.

    Returns:
        A model from `(batch, time, channels)` to `(batch, num_classes)`. The
        attention maps are the outputs of its layers `"temporal_attention"`,
        `(batch, time, 13)`, and `"bodily_attention"`, `(batch, units, 13)`.

    Raises:
        ConfigurationError: An argument is impossible.
    """
    parts = blocks.NUM_PARTS
    blocks.check_input(name, input_shape, num_classes, channels=2 * parts)
    if attention not in ATTENTION:
        raise ConfigurationError(
            f"{name}: attention must be one of {', '.join(ATTENTION)}, "
            f"not {attention!r}"
        )

    # --- Encoder, shared by all parts ---
    inputs = keras.Input(input_shape, name="windows")
    x = inputs
    if mask_value is not None:
        # On all channels, before parts are split off: one part can be zero
        # in a frame that is not padding (random discarding does that).
        x = keras.layers.Masking(mask_value, name="masking")(x)
    x = FoldBodyParts(parts, name="fold_parts")(x)
    for i in range(1, num_layers + 1):
        x = keras.layers.LSTM(
            units,
            recurrent_activation=recurrent_activation,
            return_sequences=True,
            name=f"lstm_{i}",
        )(x)
        x = keras.layers.Dropout(dropout, name=f"dropout_{i}")(x)
    x = UnfoldBodyParts(parts, name="unfold_parts")(x)

    # --- Attention over time, then over parts ---
    if attention == "bodily":
        x = MaskedSumPooling(name="temporal_sum")(x)
    else:
        x = blocks.temporal_attention(x)
    x = keras.layers.Permute((2, 1), name="parts_last")(x)
    if attention != "temporal":
        x = blocks.bodily_attention(x)
    x = keras.layers.Flatten(name="flatten")(x)
    outputs = blocks.probabilities(x, num_classes)
    return keras.Model(inputs, outputs, name=name)
