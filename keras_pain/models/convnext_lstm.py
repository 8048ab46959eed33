"""ConvNeXt-LSTM: features of every frame, then LSTM layers over them.

Ridouan et al., "Improving pain classification using spatio-temporal deep
learning approaches with facial expressions", arXiv 2501.06787, first model. The
sizes are those of the released code, which has four heads; which one the
paper's numbers are of is unsaid, its main program calls c.

The backbone is frozen, so that the features of a clip never change: they are
computed once (`keras_pain.experiments.features`), and `ConvNeXtHead` is what
is trained.
"""

import os

import keras

from keras_pain.errors import ConfigurationError
from keras_pain.layers import FoldFrames, UnfoldFrames
from keras_pain.models.blocks import check_input
from keras_pain.models.convnext import FrameEncoder, check_backbone
from keras_pain.models.recipe import Recipe

VARIANTS = ("a", "b", "c", "d")

CONVNEXT_LSTM_RECIPE = Recipe(
    learning_rate=1e-3,
    batch_size=8,
    epochs=100,
    loss="categorical_crossentropy",
    optimizer="adam",
    monitor="val_loss",
    class_weights="balanced",
    schedule=("exponential", 0.96, 1000),
    sources={
        "learning_rate": "released code, 0.001",
        "batch_size": "released code, 8",
        "epochs": "released code, 100",
        "loss": "released code, cross-entropy",
        "optimizer": "released code, Adam",
        "monitor": "unsaid: the released code defines a callback that keeps "
        "an epoch, but leaves it out and tests the last one",
        "class_weights": "released code, balanced",
        "schedule": "released code, times 0.96 after every 1000 steps, in "
        "stairs",
    },
)


def ConvNeXtHead(
    input_shape: tuple[int, int] = (20, 2048),
    num_classes: int = 2,
    *,
    variant: str = "c",
    units: int = 128,
    dropout: float = 0.25,
    name: str = "convnext_head",
) -> keras.Model:
    """The part of ConvNeXt-LSTM behind the features of the frames.

    At the defaults and 2,048 features:

    a: LSTM 128, LSTM 64, dense 128; 1,172,610 parameters.
    b: the LSTM layers of a in both directions; 2,410,370.
    c: both directions, then one more LSTM 64 and dropout behind the dense
        layer; 2,451,586. The released code also computes an attention that
        nothing reads; it is left out.
    d: a with dot-product attention between the LSTM layers; 1,172,610.

    Args:
        input_shape: `(frames, features)`; the number of frames may be None.
        num_classes: Number of classes.
        variant: One of `VARIANTS`.
        units: Of the first LSTM layer and of the dense layer; the other LSTM
            layers have half as many.
        dropout: Dropout rate of variant c.
        name: Name of the model.

    Returns:
        A model from `(batch, frames, features)` to `(batch, num_classes)`.

    Raises:
        ConfigurationError: An argument is impossible.
    """
    check_input(name, input_shape, num_classes)
    _check_variant(name, variant)
    inputs = keras.Input(input_shape, name="features")
    outputs = _head(inputs, num_classes, variant, units, dropout)
    return keras.Model(inputs, outputs, name=name)


def ConvNeXtLSTM(
    input_shape: tuple[int, int, int, int] = (20, 224, 224, 3),
    num_classes: int = 2,
    *,
    backbone: str = "ConvNeXtXLarge",
    variant: str = "c",
    weights: str | os.PathLike | None = None,
    trainable_backbone: bool = False,
    normalise_twice: bool = False,
    units: int = 128,
    dropout: float = 0.25,
    name: str = "convnext_lstm",
) -> keras.Model:
    """ConvNeXt-LSTM from pictures to classes.

    Args:
        input_shape: `(frames, height, width, 3)`.
        num_classes: Number of classes.
        backbone: See `FrameEncoder`.
        variant: See `ConvNeXtHead`.
        weights: Of the backbone, see `FrameEncoder`.
        trainable_backbone: Whether the backbone is trained, too.
        normalise_twice: See `FrameEncoder`.
        units: See `ConvNeXtHead`.
        dropout: See `ConvNeXtHead`.
        name: Name of the model.

    Returns:
        A model from `(batch, frames, height, width, 3)`, RGB from 0 to 255, to
        `(batch, num_classes)`. Its layer `"frame_features"` puts out
        `(batch, frames, features)`.

    Raises:
        ConfigurationError: An argument is impossible, or the weights cannot
            be fetched.
        BadFileError: The file of weights is missing or of another network.
    """
    _check_variant(name, variant)
    check_backbone(name, backbone)
    shape = tuple(input_shape)
    if len(shape) != 4 or not shape[0] or num_classes < 2:
        raise ConfigurationError(
            f"{name}: needs an input_shape (frames, height, width, 3) with a "
            f"fixed number of frames and 2 or more classes, not {shape} and "
            f"{num_classes}"
        )
    encoder = FrameEncoder(
        shape[1:],
        backbone,
        weights=weights,
        normalise_twice=normalise_twice,
        name="encoder",
    )
    encoder.trainable = trainable_backbone
    inputs = keras.Input(shape, name="clips")
    x = FoldFrames(name="frames")(inputs)
    x = UnfoldFrames(shape[0], name="frame_features")(encoder(x))
    outputs = _head(x, num_classes, variant, units, dropout)
    return keras.Model(inputs, outputs, name=name)


def transfer_head(head: keras.Model, model: keras.Model) -> None:
    """Copies a head that was trained on features into the whole network.

    Args:
        head: From `ConvNeXtHead`.
        model: From `ConvNeXtLSTM`, of the same variant and units.

    Raises:
        ConfigurationError: The two differ.
    """
    layers = [layer for layer in head.layers if layer.weights]
    targets = {layer.name: layer for layer in model.layers if layer.weights}
    shapes = [
        [[tuple(w.shape) for w in layer.weights] for layer in some]
        for some in (layers, [targets.get(x.name, x) for x in layers])
    ]
    names = {layer.name for layer in layers}
    if shapes[0] != shapes[1] or names | {"encoder"} != set(targets):
        raise ConfigurationError(
            f"the head {head.name} does not fit {model.name}; build both with "
            "the same variant, units, number of classes and a backbone with "
            f"{head.input_shape[-1]} features"
        )
    for layer in layers:
        targets[layer.name].set_weights(layer.get_weights())


def _head(x, num_classes, variant, units, dropout):
    """The layers of one variant, from `(batch, frames, features)`."""

    def lstm(number, width, sequences=False):
        layer = keras.layers.LSTM(
            width, return_sequences=sequences, name=f"lstm_{number}"
        )
        if variant in ("b", "c") and number < 3:
            return keras.layers.Bidirectional(layer, name=f"bi_lstm_{number}")
        return layer

    x = lstm(1, units, sequences=True)(x)
    if variant == "d":
        x = keras.layers.Attention(name="attention")([x, x])
    x = lstm(2, units // 2, sequences=variant == "c")(x)
    if variant == "c":
        x = lstm(3, units // 2)(x)
    x = keras.layers.Dense(units, activation="relu", name="dense")(x)
    if variant == "c":
        x = keras.layers.Dropout(dropout, name="dropout")(x)
    return keras.layers.Dense(
        num_classes, activation="softmax", dtype="float32", name="classes"
    )(x)


def _check_variant(name, variant):
    if variant not in VARIANTS:
        raise ConfigurationError(
            f"{name}: variant must be one of {', '.join(VARIANTS)}, not "
            f"{variant!r}"
        )
