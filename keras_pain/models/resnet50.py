"""ResNet-50 v1.5 without its classes: the residual network of AACSFNet.

He et al., "Deep residual learning for image recognition", in the variant that
torchvision has: the 3x3 convolution of a block strides, not the first 1x1, and
no convolution has a bias. `keras.applications.ResNet50` is the original one,
whose weights do not fit.
"""

import hashlib
import os
import warnings
from pathlib import Path

import keras

from keras_pain.errors import BadFileError, ConfigurationError
from keras_pain.models.torch_files import assign_tensors, read_tensors

BLOCKS = (3, 4, 6, 3)
EXPANSION = 4  # a block puts out four times its width

IMAGENET_FILE = "resnet50-11ad3fa6.pth"  # torchvision's IMAGENET1K_V2
IMAGENET_URL = f"https://download.pytorch.org/models/{IMAGENET_FILE}"
_DIGEST = "11ad3fa6"  # start of the file's SHA-256, as its name says

_SUFFIXES = (".pth", ".weights.h5")
_LAST = "channels_last"  # whatever the user's Keras configuration says
_CURE = (
    "take torchvision's ResNet-50 (.pth), or a .weights.h5 that a ResNet50 "
    "with the same width and blocks has saved"
)
_CLASSES = ("fc.weight", "fc.bias")


def ResNet50(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    *,
    width: int = 64,
    blocks: tuple[int, int, int, int] = BLOCKS,
    weights: str | os.PathLike | None = None,
    name: str = "resnet50",
) -> keras.Model:
    """ResNet-50 up to its last feature maps.

    23,508,032 trained parameters at the defaults; besides, 53,120 statistics
    of the batch normalisations.

    Args:
        input_shape: `(height, width, channels)`; either of the first two may
            be None.
        width: Filters of the first convolution, which all others are
            multiples of.
        blocks: Residual blocks of the four stages.
        weights: None, start as torchvision does; a path, see `load_resnet50`;
            or `"imagenet"`, torchvision's second set of ImageNet weights,
            which are fetched once, or taken from Keras' cache if somebody put
            the file there.
        name: Name of the model.

    Returns:
        A model from `(batch, height, width, channels)`, normalised, to
        `(batch, height / 32, width / 32, 32 * width)`, sizes rounded up.

    Raises:
        ConfigurationError: An argument is impossible, or the weights cannot
            be fetched.
        BadFileError: The weights do not fit.
    """
    if width < 1 or len(blocks) != len(BLOCKS) or min(blocks) < 1:
        raise ConfigurationError(
            f"{name}: needs a width of 1 or more and {len(BLOCKS)} numbers of "
            f"blocks, not width={width}, blocks={tuple(blocks)}"
        )
    inputs = keras.Input(input_shape, name="images")
    x = _convolution(inputs, width, 7, 2, "conv1")
    x = keras.layers.ReLU(name="relu")(_norm(x, "bn1"))
    # What is padded is zero, and after a ReLU no maximum is.
    x = keras.layers.ZeroPadding2D(1, data_format=_LAST, name="pool_pad")(x)
    x = keras.layers.MaxPooling2D(3, 2, data_format=_LAST, name="pool")(x)
    for stage, count in enumerate(blocks, start=1):
        for i in range(count):
            stride = 2 if i == 0 and stage > 1 else 1
            filters = width * 2 ** (stage - 1)
            x = _block(x, filters, stride, f"layer{stage}_{i}")
    model = keras.Model(inputs, x, name=name)
    if weights is not None:
        load_resnet50(model, weights)
    return model


def load_resnet50(model: keras.Model, source: str | os.PathLike) -> None:
    """Puts weights into a network that `ResNet50` has built.

    A `.pth` needs PyTorch (`pip install "keras-pain[torch]"`); to do without
    it elsewhere, save the network once with Keras' `save_weights`.

    Args:
        model: From `ResNet50`.
        source: A torchvision state dict, `.pth`, whose classes are left out;
            Keras weights of this layout, `.weights.h5`; or `"imagenet"`.

    Raises:
        ConfigurationError: PyTorch is missing, or the ImageNet weights cannot
            be fetched.
        BadFileError: The file is missing, of another kind, or does not fit.
    """
    source = _imagenet() if source == "imagenet" else Path(source)
    if not source.name.endswith(_SUFFIXES):
        problem = f"is no {' or '.join(_SUFFIXES)} file"
        raise BadFileError(source, problem, _CURE)
    if not source.is_file():
        raise BadFileError(source, "no such file", _CURE)
    if source.suffix == ".pth":
        tensors = {
            name: tensor
            for name, tensor in read_tensors(source, _CURE).items()
            if not str(name).endswith("num_batches_tracked")
            and name not in _CLASSES
        }
        assign_tensors(source, tensors, _targets(model), _CURE)
        return
    try:
        with warnings.catch_warnings():
            # Keras only warns of layers that the file does not have.
            warnings.simplefilter("error")
            model.load_weights(source)
    except Exception as error:  # of many kinds, according to what is broken
        raise BadFileError(
            source, "does not hold the weights of this network", _CURE
        ) from error


def _imagenet() -> Path:
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    folder = home / "models"
    try:
        path = keras.utils.get_file(
            IMAGENET_FILE,
            IMAGENET_URL,
            cache_dir=home,
            cache_subdir=folder.name,
        )
    except Exception as error:  # of many kinds, according to the network
        raise ConfigurationError(
            f"the ImageNet weights cannot be fetched: download {IMAGENET_URL} "
            f"elsewhere and put it into {folder}, or give its path instead "
            "of 'imagenet'"
        ) from error
    path = Path(path)
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if not digest.startswith(_DIGEST):
        raise BadFileError(
            path,
            f"is not the file that its name says (SHA-256 {digest[:8]}...)",
            "delete it and fetch it anew",
        )
    return path


def _block(x, filters: int, stride: int, name: str):
    shortcut = x
    x = _convolution(x, filters, 1, 1, f"{name}_conv1")
    x = keras.layers.ReLU(name=f"{name}_relu1")(_norm(x, f"{name}_bn1"))
    x = _convolution(x, filters, 3, stride, f"{name}_conv2")
    x = keras.layers.ReLU(name=f"{name}_relu2")(_norm(x, f"{name}_bn2"))
    x = _convolution(x, EXPANSION * filters, 1, 1, f"{name}_conv3")
    x = _norm(x, f"{name}_bn3")
    if shortcut.shape[-1] != x.shape[-1] or stride > 1:
        shortcut = _convolution(
            shortcut, x.shape[-1], 1, stride, f"{name}_downsample_0"
        )
        shortcut = _norm(shortcut, f"{name}_downsample_1")
    x = keras.layers.Add(name=f"{name}_add")([x, shortcut])
    return keras.layers.ReLU(name=f"{name}_relu3")(x)


def _convolution(x, filters: int, size: int, stride: int, name: str):
    padding = "same"
    if size > 1 and stride > 1:
        # Keras' own padding would sit on one side only.
        padding = "valid"
        x = keras.layers.ZeroPadding2D(
            size // 2, data_format=_LAST, name=f"{name}_pad"
        )(x)
    return keras.layers.Conv2D(
        filters,
        size,
        stride,
        padding=padding,
        use_bias=False,
        data_format=_LAST,
        # He et al. 2015, over the outputs, as torchvision's.
        kernel_initializer=keras.initializers.VarianceScaling(
            2.0, "fan_out", "untruncated_normal"
        ),
        name=name,
    )(x)


def _norm(x, name: str):
    return keras.layers.BatchNormalization(
        axis=-1, momentum=0.9, epsilon=1e-5, name=name
    )(x)


def _targets(model: keras.Model) -> dict[str, keras.Variable]:
    """Variable by torchvision's name of the tensor."""
    found = {}
    for layer in model.layers:
        # layer1_0_downsample_0 is layer1.0.downsample.0 there.
        name = layer.name.replace("_", ".")
        if isinstance(layer, keras.layers.Conv2D):
            found[f"{name}.weight"] = layer.kernel
        elif isinstance(layer, keras.layers.BatchNormalization):
            found[f"{name}.weight"] = layer.gamma
            found[f"{name}.bias"] = layer.beta
            found[f"{name}.running_mean"] = layer.moving_mean
            found[f"{name}.running_var"] = layer.moving_variance
    return found
