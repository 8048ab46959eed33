"""ALANet: an LSTM autoencoder, then attention over its encoder's sequence."""

import keras

from keras_pain.errors import ConfigurationError
from keras_pain.layers import (
    FrameMasking,
    GroupedDense,
    GroupedLSTM,
    JoinBodyParts,
    SplitBodyParts,
)
from keras_pain.models import blocks
from keras_pain.models.recipe import Recipe

ALANET_AUTOENCODER_RECIPE = Recipe(
    learning_rate=1e-3,
    batch_size=32,
    epochs=20,
    loss="mean_squared_error",
    optimizer="adam",
    monitor="loss",
    sources={
        "learning_rate": 'ALANet, section V.A, "default sizes of Keras": 0.001',
        "batch_size": 'ALANet, section V.A, "default sizes of Keras": 32',
        "epochs": "unsaid: the paper only bounds both stages together, by 30 "
        "minutes; 20 is our choice",
        "loss": "ALANet, section V.A, MSE",
        "optimizer": "ALANet, section V.A, Adam",
        "monitor": "unsaid: no validation of this stage is described, so "
        "every epoch counts and the last weights are used",
    },
)

ALANET_RECIPE = Recipe(
    learning_rate=3e-3,
    batch_size=40,
    epochs=80,
    loss="binary_crossentropy",
    optimizer="adam",
    monitor="val_accuracy",
    sources={
        "learning_rate": "ALANet, section V.A, 0.003",
        "batch_size": "ALANet, section V.A, 40",
        "epochs": "unsaid: as in the released BANet code, whose attention "
        'part is taken over "without changing other parameter settings"',
        "loss": "unsaid: as in the released BANet code, binary cross-entropy "
        "on one-hot targets; for three classes see Recipe.loss_for",
        "optimizer": "ALANet, section V.A, Adam",
        "monitor": "unsaid: as in the released BANet code",
    },
)


def ALANet(
    input_shape: tuple[int, int] = (180, 30),
    num_classes: int = 2,
    *,
    units: int = 8,
    body_parts: bool = False,
    trainable_encoder: bool = False,
    dropout: float = 0.0,
    recurrent_activation: str = "sigmoid",
    mask_value: float = 0.0,
    name: str = "alanet",
) -> keras.Model:
    """ALANet's second stage: temporal and bodily attention over the codes.

    Yuan and Mahmoud, "ALANet: Autoencoder-LSTM for pain and protective
    behaviour detection", sections III and V.A. The encoder's weights come
    from `ALANetAutoencoder` through `transfer_encoder`; RepeatVector needs
    one code a window there, attention one a frame here, so that the same LSTM
    serves with its last state first and with its sequence now.

    1,419 parameters at the defaults: encoder 1,248, head 171.

    Args:
        input_shape: `(time, channels)`.
        num_classes: Number of classes.
        units: Units of the encoder. Unsaid: 8 is the width of the BANet
            encoder whose settings are kept, and below the 30 channels, as
            "reducing the dimensionality" asks.
        body_parts: Whether every body part (angle c, energy c) has its own
            encoder, followed by BANet's attention (Table II). Unsaid whether
            these encoders share weights; here they do not.
        trainable_encoder: Whether the second stage trains the encoder, too.
            Unsaid: frozen, because two optimiser settings suggest two separate
            trainings, of which the second has features "passed to" it.
        dropout: Dropout rate on the codes. Unsaid: none is named.
        recurrent_activation: Activation of the gates. Unsaid: Keras' default;
            any other loses the cuDNN kernel.
        mask_value: Value of padded frames. Unsaid: the Masking layer's
            default; windows are padded with zeros.
        name: Name of the model.

    Returns:
        A model from `(batch, time, channels)` to `(batch, num_classes)`. The
        attention maps are the outputs of its layers `"temporal_attention"`,
        `(batch, time)`, and `"bodily_attention"`, `(batch, units)`; with
        `body_parts`, `(batch, time, 13)` and `(batch, units, 13)`.

    Raises:
        ConfigurationError: The input shape or number of classes is impossible.
    """
    _check(name, input_shape, num_classes, body_parts)
    inputs = keras.Input(input_shape, name="windows")
    codes, _ = _encode(
        inputs, units, body_parts, recurrent_activation, mask_value
    )
    outputs = _head(codes, num_classes, dropout)
    model = keras.Model(inputs, outputs, name=name)
    model.get_layer("encoder").trainable = trainable_encoder
    return model


def ALANetAutoencoder(
    input_shape: tuple[int, int] = (180, 30),
    *,
    units: int = 8,
    body_parts: bool = False,
    recurrent_activation: str = "sigmoid",
    mask_value: float = 0.0,
    name: str = "alanet_autoencoder",
) -> keras.Model:
    """ALANet's first stage: Masking, LSTM, RepeatVector, LSTM, dense.

    The paper's last layer is TimeDistributed; a dense layer on a sequence is
    the same function, without Keras' Python loop over frames. 2,062 parameters
    at the defaults.

    RepeatVector ends the mask, so that without sample weights the loss also
    counts padded frames.

    Args:
        input_shape: `(time, channels)`.
        units: Units of both LSTM layers. Unsaid, see `ALANet`.
        body_parts: Whether every body part has its own autoencoder. All 13
            train in one pass: their losses share no weights, and Adam does
            not care for the factor 1/13.
        recurrent_activation: Activation of the gates. Unsaid, see `ALANet`.
        mask_value: Value of padded frames. Unsaid, see `ALANet`.
        name: Name of the model.

    Returns:
        A model from `(batch, time, channels)` to its reconstruction: all
        channels, or with `body_parts` the first 26 (angles and energies); see
        `reconstruction_target`.

    Raises:
        ConfigurationError: The input shape is impossible.
    """
    _check(name, input_shape, 2, body_parts)
    time, channels = input_shape
    inputs = keras.Input(input_shape, name="windows")
    _, code = _encode(
        inputs, units, body_parts, recurrent_activation, mask_value
    )
    gates = {"recurrent_activation": recurrent_activation, "name": "decoder"}
    repeat = keras.layers.RepeatVector(time, name="repeat_code")
    if not body_parts:
        x = keras.layers.LSTM(units, return_sequences=True, **gates)(
            repeat(code)
        )
        outputs = keras.layers.Dense(
            channels, dtype="float32", name="reconstruction"
        )(x)
        return keras.Model(inputs, outputs, name=name)
    parts = blocks.NUM_PARTS
    x = repeat(keras.layers.Flatten(name="flat_code")(code))
    x = keras.layers.Reshape((time, parts, units), name="part_codes")(x)
    x = GroupedLSTM(units, parts, **gates)(x)
    x = GroupedDense(2, dtype="float32", name="reconstruction")(x)
    outputs = JoinBodyParts(parts, dtype="float32", name="join_parts")(x)
    return keras.Model(inputs, outputs, name=name)


def reconstruction_target(autoencoder: keras.Model, x):
    """The channels of `x` that the autoencoder reconstructs.

    Args:
        autoencoder: From `ALANetAutoencoder`.
        x: `(n, time, channels)` array or tensor.

    Returns:
        `x`, or its first 26 channels for an autoencoder of body parts.
    """
    return x[..., : autoencoder.output_shape[-1]]


def transfer_encoder(autoencoder: keras.Model, classifier: keras.Model) -> None:
    """Copies the autoencoder's encoder into the classifier.

    Args:
        autoencoder: From `ALANetAutoencoder`.
        classifier: From `ALANet`, with the same units, channels and parts.

    Raises:
        ConfigurationError: The two encoders differ in shape.
    """
    source = autoencoder.get_layer("encoder").get_weights()
    target = classifier.get_layer("encoder")
    shapes = [w.shape for w in source], [tuple(w.shape) for w in target.weights]
    if shapes[0] != shapes[1]:
        raise ConfigurationError(
            f"the encoder of {autoencoder.name} has weights {shapes[0]}, that "
            f"of {classifier.name} {shapes[1]}; build both with the same "
            "input_shape, units and body_parts"
        )
    target.set_weights(source)


def alanet_encoder(classifier: keras.Model) -> keras.Model:
    """The part of ALANet from the windows to the codes.

    Args:
        classifier: From `ALANet`.

    Returns:
        A model to `(batch, time[, 13], units)`, zero on padded frames. It
        shares the classifier's layers.
    """
    codes = classifier.get_layer("encoder").output[0]
    name = f"{classifier.name}_encoder"
    return keras.Model(classifier.input, codes, name=name)


def alanet_head(classifier: keras.Model) -> keras.Model:
    """The part of ALANet from the codes to the classes.

    With a frozen encoder the codes of a window never change: compute them
    once, train the head on them, and the classifier is trained. The head finds
    padded frames by their zero codes.

    Args:
        classifier: From `ALANet`.

    Returns:
        A model from `alanet_encoder`'s output to `(batch, num_classes)`. It
        shares the classifier's layers.
    """
    shape = classifier.get_layer("encoder").output[0].shape[1:]
    codes = keras.Input(shape, name="codes")

    def existing(kind, *args, name, **kwargs):
        return classifier.get_layer(name)

    outputs = _head(codes, classifier.output_shape[-1], 0.0, existing)
    return keras.Model(codes, outputs, name=f"{classifier.name}_head")


def _check(name, input_shape, num_classes, body_parts) -> None:
    channels = 2 * blocks.NUM_PARTS if body_parts else 1
    blocks.check_input(name, input_shape, num_classes, channels)
    if not input_shape[0]:
        raise ConfigurationError(
            f"{name}: input_shape must fix the number of frames, "
            f"not {tuple(input_shape)}"
        )


def _encode(inputs, units, body_parts, recurrent_activation, mask_value):
    """Codes of all frames, zero on padded ones, and the last real frame's."""
    x = keras.layers.Masking(mask_value, name="masking")(inputs)
    options = {
        "recurrent_activation": recurrent_activation,
        "return_state": True,
        # What cuDNN's kernel does anyway; said so that all backends agree.
        "zero_output_for_mask": True,
        "name": "encoder",
    }
    if body_parts:
        parts = blocks.NUM_PARTS
        x = SplitBodyParts(parts, name="split_parts")(x)
        codes, last, _ = GroupedLSTM(units, parts, **options)(x)
    else:
        lstm = keras.layers.LSTM(units, return_sequences=True, **options)
        codes, last, _ = lstm(x)
    return codes, last


def _head(codes, num_classes, dropout, layer=blocks.new_layer):
    """Attention over time and over features or body parts, then classes."""
    x = layer(FrameMasking, name="code_mask")(codes)
    x = layer(keras.layers.Dropout, dropout, name="dropout")(x)
    x = blocks.temporal_attention(x, layer)
    if len(codes.shape) == 4:
        x = layer(keras.layers.Permute, (2, 1), name="parts_last")(x)
    x = blocks.bodily_attention(x, layer)
    if len(codes.shape) == 4:
        x = layer(keras.layers.Flatten, name="flatten")(x)
    return blocks.probabilities(x, num_classes, layer)
