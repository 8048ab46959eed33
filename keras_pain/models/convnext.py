"""ConvNeXt networks of `keras.applications` as encoders of single frames.

Liu et al., "A ConvNet for the 2020s", CVPR 2022. Keras' networks normalise
their pictures themselves and want them from 0 to 255.
"""

import os
import pathlib
import warnings

import keras

from keras_pain.errors import BadFileError, ConfigurationError

BACKBONES: dict[str, str] = {
    f"ConvNeXt{size}": f"convnext_{size.lower()}"
    for size in ("Tiny", "Small", "Base", "Large", "XLarge")
}
"""Name in `keras.applications`, and how Keras' files of weights begin."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_URL = (
    "https://storage.googleapis.com/tensorflow/keras-applications/convnext/"
    "{}_notop.h5"
)
_LEAST_SIDE = 32  # pixels; the network halves a picture five times


def FrameEncoder(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    backbone: str = "ConvNeXtXLarge",
    *,
    weights: str | os.PathLike | None = None,
    normalise_twice: bool = False,
    name: str | None = None,
) -> keras.Model:
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
        name: Name of the model; by default Keras' of the backbone.

    Returns:
        A model from `(batch, height, width, 3)`, RGB from 0 to 255, to
        `(batch, features)`.

    Raises:
        ConfigurationError: An argument is impossible, or the ImageNet weights
            cannot be fetched.
        BadFileError: The file is missing or holds other weights.
    """
    check_backbone("frame encoder", backbone)
    shape = tuple(input_shape)
    if len(shape) != 3 or shape[2] != 3 or min(shape[:2]) < _LEAST_SIDE:
        raise ConfigurationError(
            f"{backbone} needs pictures (height, width, 3) of at least "
            f"{_LEAST_SIDE} pixels a side, not {shape}"
        )
    network = _network(backbone, shape, weights)
    network = _with_depthwise_layers(network, copy=weights is not None)
    if name is None and not normalise_twice:
        return network
    inputs = x = keras.Input(shape, name="pictures")
    if normalise_twice:
        x = keras.layers.Rescaling(
            [1 / (255 * std) for std in IMAGENET_STD],
            [
                -mean / std
                for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)
            ],
            name="first_normalisation",
        )(x)
    return keras.Model(inputs, network(x), name=name or f"{network.name}_twice")


def check_backbone(who: str, backbone: str) -> None:
    """Refuses a backbone that there is not.

    Raises:
        ConfigurationError: Naming those that there are.
    """
    if backbone not in BACKBONES:
        raise ConfigurationError(
            f"{who}: backbone must be one of {', '.join(BACKBONES)}, not "
            f"{backbone!r}"
        )


def _network(backbone, shape, weights) -> keras.Model:
    build = getattr(keras.applications, backbone)
    options = {"include_top": False, "pooling": "avg", "input_shape": shape}
    if weights is None:
        return build(weights=None, **options)
    if weights == "imagenet":
        try:
            return build(weights="imagenet", **options)
        except Exception as error:  # Keras raises plain ones without internet
            raise _cannot_be_fetched(backbone, error) from error
    path = pathlib.Path(weights)
    if not path.is_file():
        raise BadFileError(
            path,
            f"no such file of weights of {backbone}",
            f"download {_URL.format(BACKBONES[backbone])} and give its path, "
            "or give 'imagenet'",
        )
    network = build(weights=None, **options)
    try:
        with warnings.catch_warnings():
            # Keras would leave parts that the file lacks as they start.
            warnings.filterwarnings(
                "error", category=UserWarning, module="keras"
            )
            network.load_weights(path)
    except Exception as error:  # of many kinds, according to what differs
        reason = " ".join(str(error).split())[:160]
        raise BadFileError(
            path,
            f"does not hold the weights of {backbone} without its classes "
            f"({reason})",
            "name the backbone that the file is of; Keras' own files end in "
            "_notop.h5",
        ) from error
    return network


def _with_depthwise_layers(network: keras.Model, copy: bool) -> keras.Model:
    """The same network with depthwise layers for its grouped convolutions.

    On TensorFlow, Keras compiles every convolution in groups with XLA, which
    on a CPU takes tens of times as long as the depthwise kernel does.
    """

    def new(layer):
        if isinstance(layer, keras.layers.Conv2D) and layer.groups > 1:
            return keras.layers.DepthwiseConv2D(
                layer.kernel_size,
                padding=layer.padding,
                dtype=layer.dtype_policy,
                name=layer.name,
            )
        return type(layer).from_config(layer.get_config())

    pictures = keras.Input(network.input_shape[1:], name="pictures")
    twin = keras.models.clone_model(network, pictures, clone_function=new)
    pairs = zip(network.layers, twin.layers, strict=True)
    for old, layer in pairs if copy else ():
        values = old.get_weights()
        if isinstance(old, keras.layers.Conv2D) and old.groups > 1:
            # (*window, 1, channels) to (*window, channels, 1)
            values[0] = values[0].swapaxes(-1, -2)
        layer.set_weights(values)
    return twin


def _cannot_be_fetched(backbone, error) -> ConfigurationError:
    home = os.environ.get("KERAS_HOME") or pathlib.Path.home() / ".keras"
    # Keras names the address first, which follows anyway.
    reason = " ".join(str(error).rpartition(" -- ")[2].split())[:160]
    return ConfigurationError(
        f"the ImageNet weights of {backbone} cannot be fetched ({reason}): "
        f"download {_URL.format(BACKBONES[backbone])} elsewhere and put it "
        f"into {pathlib.Path(home) / 'models'}, or give the path of the file"
    )
