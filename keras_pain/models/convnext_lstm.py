"""ConvNeXt-LSTM: features of every frame, then LSTM layers over them.

Ridouan et al., "Improving pain classification using spatio-temporal deep
learning approaches with facial expressions", arXiv 2501.06787, first model. The
sizes are those of the released code, which has four heads; which one the
paper's numbers are of is unsaid, its main program calls c.

The backbone is frozen, so that the features of a clip never change: they are
computed once (`keras_pain.experiments.features`), and `ConvNeXtHead` is what
is trained. It is a network of `keras.applications` (Liu et al., "A ConvNet for
the 2020s", CVPR 2022), which normalises its pictures itself and wants them from
0 to 255.
"""

import os
import pathlib

import keras
from keras import Model, layers

from keras_pain.errors import BadFileError
from keras_pain.layers import FoldFrames, UnfoldFrames
from keras_pain.layers.base import check_choice, require
from keras_pain.models import blocks, registry
from keras_pain.models.checkpoints import fetching, load_weights
from keras_pain.models.registry import FEATURES, Recipe, register

BACKBONES: dict[str, str] = {
    f"ConvNeXt{size}": f"convnext_{size.lower()}"
    for size in ("Tiny", "Small", "Base", "Large", "XLarge")
}
"""Name in `keras.applications`, and how Keras' files of weights begin."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_URL = "https://storage.googleapis.com/tensorflow/keras-applications/"
_URL += "convnext/{}_notop.h5"
_LEAST_SIDE = 32  # pixels; the network halves a picture five times

VARIANTS = ("a", "b", "c", "d")

CONVNEXT_LSTM_RECIPE = Recipe.of(
    learning_rate=(1e-3, "released code, 0.001"),
    batch_size=(8, "released code, 8"),
    epochs=(100, "released code, 100"),
    loss=("categorical_crossentropy", "released code, cross-entropy"),
    optimizer=("adam", "released code, Adam"),
    monitor=(
        "val_loss",
        "unsaid: the released code defines a callback that keeps "
        "an epoch, but leaves it out and tests the last one",
    ),
    class_weights=("balanced", "released code, balanced"),
    schedule=(
        ("exponential", 0.96, 1000),
        "released code, times 0.96 after every 1000 steps, in stairs",
    ),
)

_ENTRY = {
    "paper": registry.PEMF_2025,
    "task": registry.PAIN,
    "recipe": CONVNEXT_LSTM_RECIPE,
    "note": "behind the released code's frozen ConvNeXt XLarge, which has "
    "348147968",
}


@register("convnext_lstm_a", FEATURES, arguments={"variant": "a"}, **_ENTRY)
@register("convnext_lstm_b", FEATURES, arguments={"variant": "b"}, **_ENTRY)
@register("convnext_lstm_c", FEATURES, arguments={"variant": "c"}, **_ENTRY)
@register("convnext_lstm_d", FEATURES, arguments={"variant": "d"}, **_ENTRY)
def ConvNeXtHead(
    input_shape: blocks.Sizes = (20, 2048),
    num_classes: int = 2,
    *,
    variant: str = "c",
    units: int = 128,
    dropout: float = 0.25,
    name: str = "convnext_head",
) -> Model:
    """The part of ConvNeXt-LSTM behind the features of the frames.

    At the defaults and 2,048 features:

    * a: LSTM 128, LSTM 64, dense 128; 1,172,610 parameters.
    * b: the LSTM layers of a in both directions; 2,410,370.
    * c: both directions, then one more LSTM 64 and dropout behind the dense
      layer; 2,451,586. The released code also computes an attention that
      nothing reads; it is left out.
    * d: a with dot-product attention between the LSTM layers; 1,172,610.

    Args:
        input_shape: `(frames, features)`; the number of frames may be None.
        variant: One of `VARIANTS`.
        units: Of the first LSTM layer and of the dense layer; the other LSTM
            layers have half as many.

    Returns a model from `(batch, frames, features)` to `(batch, num_classes)`.
    """
    blocks.check_input(name, input_shape, num_classes)
    check_choice(name, "variant", variant, VARIANTS)
    inputs = layers.Input(input_shape, name="features")
    sizes = (num_classes, variant, units, dropout)
    return _with_head(name, inputs, inputs, *sizes)


def ConvNeXtLSTM(
    input_shape: blocks.Sizes = (20, 224, 224, 3),
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
) -> Model:
    """ConvNeXt-LSTM from pictures to classes.

    Args:
        input_shape: `(frames, height, width, 3)`.
        backbone, weights, normalise_twice: See `FrameEncoder`.
        variant, units, dropout: See `ConvNeXtHead`.

    Returns a model from `(batch, frames, height, width, 3)`, RGB from 0 to 255,
    to `(batch, num_classes)`. Its layer `"frame_features"` puts out
    `(batch, frames, features)`. Raises ConfigurationError, BadFileError as
    `FrameEncoder` does.
    """
    check_choice(name, "variant", variant, VARIANTS)
    check_backbone(name, backbone)
    shape = tuple(input_shape)
    text = "needs an input_shape (frames, height, width, 3) with a fixed "
    text += "number of frames and 2 or more classes, not "
    text += f"{shape} and {num_classes}"
    require(len(shape) == 4 and shape[0] and num_classes != 1, name, text)
    options = {"weights": weights, "normalise_twice": normalise_twice}
    encoder = FrameEncoder(shape[1:], backbone, name="encoder", **options)
    encoder.trainable = trainable_backbone
    inputs = layers.Input(shape, name="clips")
    x = FoldFrames(name="frames")(inputs)
    x = UnfoldFrames(shape[0], name="frame_features")(encoder(x))
    return _with_head(name, inputs, x, num_classes, variant, units, dropout)


def _with_head(name, inputs, x, num_classes, variant, units, dropout):
    """The layers of one variant, from `(batch, frames, features)`."""

    def lstm(number, width, sequences=False):
        name = f"lstm_{number}"
        layer = layers.LSTM(width, return_sequences=sequences, name=name)
        if variant in ("b", "c") and number < 3:
            return layers.Bidirectional(layer, name=f"bi_lstm_{number}")
        return layer

    x = lstm(1, units, sequences=True)(x)
    if variant == "d":
        x = layers.Attention(name="attention")([x, x])
    x = lstm(2, units // 2, sequences=variant == "c")(x)
    if variant == "c":
        x = lstm(3, units // 2)(x)
    x = layers.Dense(units, activation="relu", name="dense")(x)
    if variant == "c":
        x = layers.Dropout(dropout, name="dropout")(x)
    return blocks.classifier(inputs, x, num_classes, name, "classes")


def FrameEncoder(
    input_shape: blocks.Sizes = (224, 224, 3),
    backbone: str = "ConvNeXtXLarge",
    *,
    weights: str | os.PathLike | None = None,
    normalise_twice: bool = False,
    name: str | None = None,
) -> Model:
    """A ConvNeXt without its classes, averaged over the picture.

    Parameters and features: Tiny 27,820,128 and 768, Small 49,454,688 and 768,
    Base 87,566,464 and 1024, Large 196,230,336 and 1536, XLarge 348,147,968
    and 2048.

    Args:
        input_shape: `(height, width, 3)`, at least 32 pixels a side.
        backbone: One of `BACKBONES`.
        weights: None for random ones; `"imagenet"`, which Keras fetches once
            or finds in its cache; or the path of a file, Keras' own
            `convnext_*_notop.h5` or one that `save_weights` of a network of
            `keras.applications` without its classes has written.
        normalise_twice: Whether the pictures are standardised before the
            network standardises them again, as the released ConvNeXt-LSTM
            code does, which shrinks their contrast about 58 times. The layer
            is called `"first_normalisation"`.

    Returns a model from `(batch, height, width, 3)`, RGB from 0 to 255, to
    `(batch, features)`. Raises ConfigurationError where an argument is
    impossible, or the ImageNet weights cannot be fetched; BadFileError where
    the file is missing or holds other weights.
    """
    check_backbone("frame encoder", backbone)
    shape = tuple(input_shape)
    fits = len(shape) == 3 and shape[2] == 3 and min(shape[:2]) >= _LEAST_SIDE
    text = f"needs pictures (height, width, 3) of at least {_LEAST_SIDE} pixels"
    require(fits, backbone, f"{text} a side, not {shape}")
    network = _network(backbone, shape, weights)
    network = _with_depthwise_layers(network, copy=weights is not None)
    if name is None and not normalise_twice:
        return network
    inputs = x = layers.Input(shape, name="pictures")
    if normalise_twice:
        scales = (IMAGENET_MEAN, IMAGENET_STD)
        x = blocks.standardise(x, *scales, "first_normalisation")
    return Model(inputs, network(x), name=name or f"{network.name}_twice")


def check_backbone(who: str, backbone: str) -> None:
    """Refuses a backbone that there is not; raises ConfigurationError."""
    check_choice(who, "backbone", backbone, BACKBONES)


def _network(backbone, shape, weights) -> Model:
    build = getattr(keras.applications, backbone)
    options = {"include_top": False, "pooling": "avg", "input_shape": shape}
    if weights is None:
        return build(weights=None, **options)
    url = _URL.format(BACKBONES[backbone])
    if weights == "imagenet":
        with fetching(backbone, url):
            return build(weights="imagenet", **options)
    path = pathlib.Path(weights)
    if not path.is_file():
        cure = f"download {url} and give its path, or give 'imagenet'"
        raise BadFileError(path, f"no such file of weights of {backbone}", cure)
    network = build(weights=None, **options)
    cure = "name the backbone of the file; Keras' own files end in _notop.h5"
    load_weights(network, path, f"{backbone} without its classes", cure)
    return network


def _with_depthwise_layers(network: Model, copy: bool) -> Model:
    """The same network with depthwise layers for its grouped convolutions.

    On TensorFlow, Keras compiles every convolution in groups with XLA, which
    on a CPU takes tens of times as long as the depthwise kernel does.
    """

    def new(layer):
        if isinstance(layer, layers.Conv2D) and layer.groups > 1:
            options = {"padding": layer.padding, "dtype": layer.dtype_policy}
            size = layer.kernel_size
            return layers.DepthwiseConv2D(size, name=layer.name, **options)
        return type(layer).from_config(layer.get_config())

    pictures = layers.Input(network.input_shape[1:], name="pictures")
    twin = keras.models.clone_model(network, pictures, clone_function=new)
    pairs = zip(network.layers, twin.layers, strict=True)
    for old, layer in pairs if copy else ():
        values = old.get_weights()
        if isinstance(old, layers.Conv2D) and old.groups > 1:
            # (*window, 1, channels) to (*window, channels, 1)
            values[0] = values[0].swapaxes(-1, -2)
        layer.set_weights(values)
    return twin
