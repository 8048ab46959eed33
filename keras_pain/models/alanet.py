"""ALANet: an LSTM autoencoder, then attention over its encoder's sequence."""

from keras import Model, layers

from keras_pain import layers as own
from keras_pain.layers.base import require
from keras_pain.models import blocks, registry
from keras_pain.models.registry import Recipe, register

ALANET_AUTOENCODER_RECIPE = Recipe.of(
    learning_rate=(
        1e-3,
        'ALANet, section V.A, "default sizes of Keras": 0.001',
    ),
    batch_size=(32, 'ALANet, section V.A, "default sizes of Keras": 32'),
    epochs=(20, "unsaid: ours; the paper allows both stages 30 minutes"),
    loss=(
        "mean_squared_error",
        "ALANet, section V.A, MSE; that padded frames carry no weight, and "
        "that augmented copies are reproduced with their noise and zeroed "
        "blocks, is our choice",
    ),
    optimizer=("adam", "ALANet, section V.A, Adam"),
    monitor=(
        "loss",
        "unsaid: no validation is described, so that the last epoch counts",
    ),
)

ALANET_RECIPE = Recipe.of(
    learning_rate=(3e-3, "ALANet, section V.A, 0.003"),
    batch_size=(40, "ALANet, section V.A, 40"),
    epochs=(
        80,
        "unsaid: as in the released BANet code, whose attention "
        'part is taken over "without changing other parameter settings"',
    ),
    loss=(
        "binary_crossentropy",
        "unsaid: as in the released BANet code, binary cross-entropy "
        "on one-hot targets; for three classes see Recipe.loss_for",
    ),
    optimizer=("adam", "ALANet, section V.A, Adam"),
    monitor=(
        "val_accuracy",
        "unsaid: as in the released BANet code, whose settings it keeps; that "
        "the tested people choose, in as_published, is assumed, as section V.A "
        "names no others who could",
    ),
)


@register(
    "alanet",
    paper=registry.ALANET,
    task=registry.PROTECTIVE_AND_PAIN,
    recipe=ALANET_RECIPE,
    autoencoder="alanet_autoencoder",
    note="frozen encoder 1248, trained head 171",
)
@register(
    "alanet_parts",
    paper=registry.ALANET,
    task=registry.PROTECTIVE,
    recipe=ALANET_RECIPE,
    arguments={"body_parts": True},
    autoencoder="alanet_parts_autoencoder",
    note="13 frozen encoders 4576, trained head 691; uses channels 0-25",
)
def ALANet(
    input_shape: blocks.Sizes = (180, 30),
    num_classes: int = 2,
    *,
    units: int = 8,
    body_parts: bool = False,
    trainable_encoder: bool = False,
    dropout: float = 0.0,
    recurrent_activation: str = "sigmoid",
    mask_value: float = 0.0,
    body: blocks.Sizes = (blocks.NUM_PARTS, 2),
    name: str = "alanet",
) -> Model:
    """ALANet's second stage: temporal and bodily attention over the codes.

    Yuan and Mahmoud, "ALANet: Autoencoder-LSTM for pain and protective
    behaviour detection", sections III and V.A. The encoder's weights come
    from `ALANetAutoencoder` through `transfer_encoder`; RepeatVector needs
    one code a window there, attention one a frame here, so that the same LSTM
    serves with its last state first and with its sequence now.

    1,419 parameters at the defaults: encoder 1,248, head 171.

    Args:
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
        body: Body parts, and channels of each; see `SplitBodyParts`.

    Returns a model from `(batch, time, channels)` to `(batch, num_classes)`.
    The attention maps are the outputs of its layers `"temporal_attention"`,
    `(batch, time)`, and `"bodily_attention"`, `(batch, units)`; with
    `body_parts`, `(batch, time, 13)` and `(batch, units, 13)`.
    """
    gates = {"recurrent_activation": recurrent_activation}
    body = body if body_parts else None
    given = name, input_shape, num_classes, mask_value, units, body, gates
    inputs, codes, _ = _encode(*given)
    x = own.FrameMasking(name="code_mask")(codes)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = blocks.temporal_attention(x)
    if body_parts:
        x = layers.Permute((2, 1), name="parts_last")(x)
    x = blocks.bodily_attention(x)
    if body_parts:
        x = layers.Flatten(name="flatten")(x)
    model = blocks.classifier(inputs, x, num_classes, name)
    model.get_layer("encoder").trainable = trainable_encoder
    return model


@register(
    "alanet_autoencoder",
    paper=registry.ALANET,
    task=registry.RECONSTRUCTION,
    recipe=ALANET_AUTOENCODER_RECIPE,
    note="first stage of alanet",
)
@register(
    "alanet_parts_autoencoder",
    paper=registry.ALANET,
    task=registry.RECONSTRUCTION,
    recipe=ALANET_AUTOENCODER_RECIPE,
    arguments={"body_parts": True},
    note="first stage of alanet_parts; reconstructs channels 0-25",
)
def ALANetAutoencoder(
    input_shape: blocks.Sizes = (180, 30),
    *,
    units: int = 8,
    body_parts: bool = False,
    recurrent_activation: str = "sigmoid",
    mask_value: float = 0.0,
    body: blocks.Sizes = (blocks.NUM_PARTS, 2),
    name: str = "alanet_autoencoder",
) -> Model:
    """ALANet's first stage: Masking, LSTM, RepeatVector, LSTM, dense.

    The paper's last layer is TimeDistributed; a dense layer on a sequence is
    the same function, without Keras' Python loop over frames. 2,062 parameters
    at the defaults.

    RepeatVector ends the mask, so that without sample weights the loss also
    counts padded frames.

    Args:
        units, recurrent_activation, mask_value, body: See `ALANet`.
        body_parts: Whether every body part has its own autoencoder. All 13
            train in one pass: their losses share no weights, and Adam does
            not care for the factor 1/13.

    Returns a model from `(batch, time, channels)` to its reconstruction: all
    channels, or with `body_parts` the first 26 (angles and energies); see
    `reconstruction_target`.
    """
    gates = {"recurrent_activation": recurrent_activation}
    body = body if body_parts else None
    given = name, input_shape, 2, mask_value, units, body, gates
    inputs, _, code = _encode(*given)
    gates["name"] = "decoder"
    time, channels = input_shape
    repeat = layers.RepeatVector(time, name="repeat_code")
    if not body_parts:
        x = layers.LSTM(units, return_sequences=True, **gates)(repeat(code))
        dense = layers.Dense(channels, dtype="float32", name="reconstruction")
        return Model(inputs, dense(x), name=name)
    parts, features = body
    x = repeat(layers.Flatten(name="flat_code")(code))
    x = layers.Reshape((time, parts, units), name="part_codes")(x)
    x = own.GroupedLSTM(units, parts, **gates)(x)
    x = own.GroupedDense(features, dtype="float32", name="reconstruction")(x)
    options = {"dtype": "float32", "name": "join_parts"}
    outputs = own.JoinBodyParts(parts, features, **options)(x)
    return Model(inputs, outputs, name=name)


def reconstruction_target(autoencoder: Model, x):
    """The channels of `x` that the autoencoder reconstructs.

    Args:
        x: `(n, time, channels)` array or tensor.

    Returns `x`, or its first 26 channels for an autoencoder of body parts.
    """
    return x[..., : autoencoder.output_shape[-1]]


def transfer_encoder(autoencoder: Model, classifier: Model) -> None:
    """Copies the autoencoder's encoder into the classifier.

    Args:
        classifier: From `ALANet`, with the same units, channels and parts.

    Raises ConfigurationError where the two encoders differ in shape.
    """
    models = (autoencoder, classifier)
    source, target = (model.get_layer("encoder") for model in models)
    weights = source.get_weights(), target.get_weights()
    theirs, ours = ([w.shape for w in of] for of in weights)
    text = f"its encoder has weights {ours}, that of {autoencoder.name} "
    text += f"{theirs}; build both with the same input_shape, units and "
    require(theirs == ours, classifier.name, f"{text}body_parts")
    target.set_weights(weights[0])


def alanet_encoder(classifier: Model) -> Model:
    """The part of an `ALANet` from the windows to the codes.

    Returns a model to `(batch, time[, 13], units)`, zero on padded frames. It
    shares the classifier's layers.
    """
    codes = classifier.get_layer("encoder").output[0]
    return Model(classifier.input, codes, name=f"{classifier.name}_encoder")


def alanet_head(classifier: Model) -> Model:
    """The part of an `ALANet` from the codes to the classes.

    With a frozen encoder the codes of a window never change: compute them
    once, train the head on them, and the classifier is trained. The head finds
    padded frames by their zero codes.

    Returns a model from `alanet_encoder`'s output to `(batch, num_classes)`. It
    shares the classifier's layers.
    """
    codes = classifier.get_layer("encoder").output[0]
    return Model(codes, classifier.output, name=f"{classifier.name}_head")


def _encode(name, input_shape, num_classes, mask_value, units, body, gates):
    """The input; codes, zero on padded frames; the last real frame's code.

    `body` are parts and channels of each; None takes the body as a whole.
    """
    channels = body[0] * body[1] if body else 1
    given = name, input_shape, num_classes, mask_value, channels
    inputs, x = blocks.masked_input(*given, frames=1)
    # What cuDNN's kernel does anyway; said so that all backends agree.
    options = {**gates, "zero_output_for_mask": True, "name": "encoder"}
    if body:
        x = own.SplitBodyParts(*body, name="split_parts")(x)
        lstm = own.GroupedLSTM(units, body[0], return_state=True, **options)
    else:
        options |= {"return_sequences": True, "return_state": True}
        lstm = layers.LSTM(units, **options)
    codes, code, _ = lstm(x)
    return inputs, codes, code
