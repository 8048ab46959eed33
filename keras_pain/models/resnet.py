"""Residual networks without their classes: ResNet-18, ResNet-50 v1.5.

He et al., "Deep residual learning for image recognition", CVPR 2016, table 1,
with paddings, starts and normalisation as torchvision has them. In version 1.5
the 3x3 convolution of a block strides, not the first 1x1;
`keras.applications.ResNet50` is the original one, whose weights do not fit.
"""

import os
from pathlib import Path

import keras
from keras import Model, layers

from keras_pain.errors import BadFileError
from keras_pain.io import sha256_of
from keras_pain.layers.base import require
from keras_pain.models import checkpoints
from keras_pain.models.blocks import LAST, Sizes, batch_norm

WIDTHS: Sizes = (64, 128, 256, 512)  # of ResNet-18's stages
BLOCKS = (3, 4, 6, 3)  # of ResNet-50's stages

IMAGENET_FILE = "resnet50-11ad3fa6.pth"  # torchvision's IMAGENET1K_V2
IMAGENET_URL = f"https://download.pytorch.org/models/{IMAGENET_FILE}"
_DIGEST = "11ad3fa6"  # start of the file's SHA-256, as its name says

_SUFFIXES = (".pth", ".weights.h5")
_CURE = (
    "take torchvision's ResNet-50 (.pth), or a .weights.h5 that a ResNet50 "
    "with the same width and blocks has saved"
)
_UNUSED = ("num_batches_tracked", "fc.weight", "fc.bias")


def resnet18_maps(x, widths: Sizes = WIDTHS):
    """Feature maps of pictures, 32 times smaller than they.

    11,176,512 trained parameters at the published widths.

    Args:
        widths: Filters of the four stages; the first convolution has as many
            as the first of them.

    Returns `(pictures, height / 32, width / 32, widths[-1])`, rounded up.
    """

    def normed(x, filters, size, stride, name):
        names = (f"{name}_conv", f"{name}_norm", name)
        return _normed(x, filters, size, stride, *names)

    x = _pool(normed(x, widths[0], 7, 2, "stem"), "stem_")
    for stage, filters in enumerate(widths, start=1):
        for block in (1, 2):
            stride = 2 if stage > 1 and block == 1 else 1
            name = f"block_{stage}_{block}"
            shortcut = x
            if stride > 1 or x.shape[-1] != filters:
                shortcut = normed(x, filters, 1, stride, f"{name}_shortcut")
            x = normed(x, filters, 3, stride, f"{name}_1")
            x = layers.ReLU(name=f"{name}_1_relu")(x)
            x = normed(x, filters, 3, 1, f"{name}_2")
            x = layers.Add(name=f"{name}_add")([x, shortcut])
            x = layers.ReLU(name=f"{name}_relu")(x)
    return x


def ResNet50(
    input_shape: Sizes = (224, 224, 3),
    *,
    width: int = 64,
    blocks: Sizes = BLOCKS,
    weights: str | os.PathLike | None = None,
    name: str = "resnet50",
) -> Model:
    """ResNet-50 up to its last feature maps.

    23,508,032 trained parameters at the defaults; besides, 53,120 statistics
    of the batch normalisations.

    Args:
        input_shape: `(height, width, channels)`; either of the first two may
            be None.
        width: Filters of the first convolution, which all others are
            multiples of.
        weights: None, start as torchvision does; a path, see `load_resnet50`;
            or `"imagenet"`, torchvision's second set of ImageNet weights,
            which are fetched once, or taken from Keras' cache if somebody put
            the file there.

    Returns a model from `(batch, height, width, channels)`, normalised, to
    `(batch, height / 32, width / 32, 32 * width)`, sizes rounded up. Raises
    ConfigurationError where an argument is impossible, or the weights cannot be
    fetched; BadFileError where the weights do not fit.
    """
    fits = len(blocks) == 4 and min(width, *blocks) >= 1
    text = "needs a width of 1 or more and 4 numbers of blocks, not "
    text += f"width={width}, blocks={tuple(blocks)}"
    require(fits, name, text)
    inputs = layers.Input(input_shape, name="images")
    x = _pool(_normed(inputs, width, 7, 2, "conv1", "bn1"), "")
    for stage, count in enumerate(blocks):
        filters = width * 2**stage
        for i in range(count):
            stride = 2 if i == 0 and stage else 1
            block, shortcut = f"layer{stage + 1}_{i}", x
            parts = (1, 1, filters), (3, stride, filters), (1, 1, 4 * filters)
            for number, (size, step, wide) in enumerate(parts, start=1):
                names = (f"{block}_conv{number}", f"{block}_bn{number}")
                x = _normed(x, wide, size, step, *names)
                if number < 3:
                    x = layers.ReLU(name=f"{block}_relu{number}")(x)
            if shortcut.shape[-1] != x.shape[-1] or stride > 1:
                names = [f"{block}_downsample_{n}" for n in (0, 1)]
                shortcut = _normed(shortcut, x.shape[-1], 1, stride, *names)
            x = layers.Add(name=f"{block}_add")([x, shortcut])
            x = layers.ReLU(name=f"{block}_relu3")(x)
    model = Model(inputs, x, name=name)
    if weights is not None:
        load_resnet50(model, weights)
    return model


def load_resnet50(model: Model, source: str | os.PathLike) -> None:
    """Puts weights into a network that `ResNet50` has built.

    A `.pth` needs PyTorch (`pip install "keras-pain[torch]"`); to do without
    it elsewhere, save the network once with Keras' `save_weights`.

    Args:
        source: A torchvision state dict, `.pth`, whose classes are left out;
            Keras weights of this layout, `.weights.h5`; or `"imagenet"`.

    Raises ConfigurationError where PyTorch is missing, or the ImageNet weights
    cannot be fetched; BadFileError where the file is missing, of another kind,
    or does not fit.
    """
    source = _imagenet() if source == "imagenet" else Path(source)
    if not source.name.endswith(_SUFFIXES):
        problem = f"is no {' or '.join(_SUFFIXES)} file"
        raise BadFileError(source, problem, _CURE)
    if not source.is_file():
        raise BadFileError(source, "no such file", _CURE)
    if source.suffix != ".pth":
        checkpoints.load_weights(model, source, "this network", _CURE)
        return
    state = checkpoints.read_tensors(source, _CURE)
    used = {k: v for k, v in state.items() if not str(k).endswith(_UNUSED)}
    # layer1_0_downsample_0 is layer1.0.downsample.0 there.
    named = {x.name.replace("_", "."): x for x in model.layers}
    targets = checkpoints.named_variables(named)
    checkpoints.assign_tensors(source, used, targets, _CURE)


def _imagenet():
    where = {"cache_dir": checkpoints.keras_home(), "cache_subdir": "models"}
    with checkpoints.fetching("ResNet-50", IMAGENET_URL):
        path = keras.utils.get_file(IMAGENET_FILE, IMAGENET_URL, **where)
    digest = sha256_of(path)
    if not digest.startswith(_DIGEST):
        found = f"SHA-256 {digest[:8]}..."
        problem = f"is not the file that its name says ({found})"
        raise BadFileError(path, problem, "delete it and fetch it anew")
    return Path(path)


def _normed(x, filters, size, stride, name, norm, place=None):
    """Without bias; padded by a layer `<place>_pad` where it strides."""
    padding = "same"
    if size > 1 and stride > 1:
        # Keras' own padding would sit on one side only.
        padding, pad = "valid", f"{place or name}_pad"
        x = layers.ZeroPadding2D(size // 2, data_format=LAST, name=pad)(x)
    # He et al. 2015, over the outputs, as torchvision's.
    start = 2.0, "fan_out", "untruncated_normal"
    start = keras.initializers.VarianceScaling(*start)
    options = {"kernel_initializer": start, "use_bias": False}
    options |= {"padding": padding, "data_format": LAST, "name": name}
    x = layers.Conv2D(filters, size, stride, **options)(x)
    return batch_norm(x, norm)


def _pool(x, prefix):
    """ReLU, and max-pooling: no zero of the padding beats what a ReLU gives."""
    x = layers.ReLU(name=f"{prefix}relu")(x)
    x = layers.ZeroPadding2D(1, data_format=LAST, name=f"{prefix}pool_pad")(x)
    return layers.MaxPooling2D(3, 2, data_format=LAST, name=f"{prefix}pool")(x)
