"""Files of weights, of PyTorch and Keras; the authors' L-SFAN checkpoints.

PyTorch's are read without running what they may hold. An L-SFAN file is a state
dict of 54 tensors: 38 map to the network (four convolutions and batch
normalisations, the encoder, the classes); 4 count batches and 12 belong to an
encoder that is registered but never called, and are left out by name. Anything
else is refused.
"""

import contextlib
import math
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from keras import Model, Variable, layers

from keras_pain.errors import BadFileError, ConfigurationError, reading
from keras_pain.io import whole_file
from keras_pain.layers.base import require
from keras_pain.models.lsfan import LSFAN

NOTE = (
    "It takes 4 sEMG channels, 13 angles, 13 energies, in this order. "
    "The released weights come without a licence: keep them to yourself. "
    "Their convolutions went on training from fold to fold, so that only "
    "fold 0's network (model0) has never seen its left-out subject."
)

_SAFE_TORCH = (2, 6)  # `weights_only=True` of earlier ones can be broken
_AXES = {
    1: (0,),
    2: (1, 0),  # (units, features) to (features, units)
    4: (2, 3, 1, 0),  # (filters, channels, *window)
}
_NAMES = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}

_MOST = 3  # problems that a message names
_CURE = "take a .pth file of the released L-SFAN networks, unchanged"
# Positions in the released code's nn.Sequential.
_CONVOLUTIONS, _BATCH_NORMS = (0, 3, 7, 10), (1, 4, 8, 11)
_PARTS = ("self_attn.out_proj", "linear1", "linear2", "norm1", "norm2")

IGNORED = frozenset(
    [f"FrameFeatureExtractor.{i}.num_batches_tracked" for i in _BATCH_NORMS]
    + [
        f"encoderlayer.{part}{kind}"
        for part in (*(f"{p}." for p in _PARTS), "self_attn.in_proj_")
        for kind in ("weight", "bias")
    ]
)
"""Tensors of a released file that no part of the network needs."""


def convert_lsfan(source: str | os.PathLike) -> tuple[Model, str]:
    """Reads a released L-SFAN checkpoint.

    Args:
        source: A `.pth` file, at 180 frames, 30 sensors and two classes.

    Returns the model, from `LSFAN()`, and for people what was mapped. Raises
    ConfigurationError where PyTorch is missing or too old; BadFileError where
    the file is missing, is no state dict, or its tensors are not exactly those
    of L-SFAN.
    """
    state = read_tensors(source, _CURE)
    needed = {k: v for k, v in state.items() if k not in IGNORED}
    model = LSFAN()
    assign_tensors(source, needed, _lsfan_variables(model), _CURE)
    trained = sum(math.prod(w.shape) for w in model.trainable_weights)
    return model, (
        f"{len(needed)} tensors mapped, {len(state) - len(needed)} ignored "
        f"(batch counters and the unused encoder); {trained:,} trained "
        f"parameters, {model.count_params() - trained} batch-norm statistics. "
        f"{NOTE}"
    )


def save_new(model: Model, target: str | os.PathLike) -> None:
    """Writes a model to a new `.keras` file, whole or not at all.

    Raises KerasPainError as `check_target` does, or where it cannot be written.
    """
    check_target(target)
    with whole_file(target, "give another output file") as temporary:
        model.save(temporary)


def check_target(target: str | os.PathLike) -> None:
    """Refuses an output file that cannot be made.

    Raises ConfigurationError where it has another suffix, is there already, or
    its folder is missing.
    """
    target = Path(target)
    text = "the output must end with .keras"
    require(target.suffix == ".keras", str(target), text)
    text = "is there already and is kept; give a new name"
    require(not os.path.lexists(target), str(target), text)
    text = "its folder does not exist; make it first"
    require(target.parent.is_dir(), str(target), text)


def _lsfan_variables(model):
    """Variable by the tensor's name in a released file."""
    encoder, name = model.get_layer("encoder"), "encoder.layers.0"
    found = {
        f"{name}.{part}": getattr(encoder, part.rpartition(".")[2])
        for part in _PARTS
    }
    found["Classifier.1"] = model.get_layer("probabilities")
    places = {"conv": _CONVOLUTIONS, "batch_norm": _BATCH_NORMS}
    for kind, numbers in places.items():
        for i, place in enumerate(numbers, start=1):
            layer = model.get_layer(f"{kind}_{i}")
            found[f"FrameFeatureExtractor.{place}"] = layer
    packed = f"{name}.self_attn.in_proj"
    return {
        **named_variables(found),
        f"{packed}_weight": encoder.in_proj.kernel,
        f"{packed}_bias": encoder.in_proj.bias,
    }


def read_tensors(source: str | os.PathLike, cure: str) -> Mapping:
    """The tensors of a state dict.

    A file whose loading would run code is refused.

    Args:
        cure: What a user can do where it cannot be used.

    Returns tensors by name, on the CPU. Raises ConfigurationError where PyTorch
    is missing or too old; BadFileError where the file is missing, or is no
    state dict.
    """
    torch, source = _import_torch(), Path(source)
    if not source.is_file():
        raise BadFileError(source, "no such file", cure)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state = torch.load(source, weights_only=True, map_location="cpu")
    except Exception as error:  # of many kinds, according to what is broken
        # PyTorch's own text advises to load the file unsafely.
        problem = "cannot be read as a PyTorch file of tensors"
        if forbidden := re.search(r"GLOBAL (\S+)", str(error)):
            why = "which could run code, and is refused"
            problem = f"would load {forbidden[1]}, {why}"
            cure = "save the network's state_dict(), which holds only tensors"
        raise BadFileError(source, problem, cure) from error
    if not isinstance(state, Mapping):
        problem = f"holds a {type(state).__name__}, no state dict"
        raise BadFileError(source, problem, cure)
    return state


def named_variables(named: Mapping[str, layers.Layer]) -> dict[str, Variable]:
    """Variables by tensor names, of layers by their names in PyTorch.

    Dense layers, convolutions and normalisations, that is.
    """
    return {
        f"{name}.{theirs}": getattr(layer, ours)
        for name, layer in named.items()
        for ours, theirs in _NAMES.items()
        if getattr(layer, ours, None) is not None
    }


def assign_tensors(
    source: str | os.PathLike,
    tensors: Mapping,
    targets: Mapping[str, Variable],
    cure: str,
) -> None:
    """Puts every tensor into its variable; all of them or none.

    Kernels change the order of their axes: a dense layer's are swapped, a
    convolution's go from `(filters, channels, *window)` to `(*window,
    channels, filters)`.

    Args:
        tensors: From `read_tensors`, without what is not needed.
        cure: What a user can do where they do not fit.

    Raises BadFileError where they are not exactly those of the targets.
    """
    import torch

    problems, wanted, given = [], targets.keys(), tensors.keys()
    wrong = {"missing": wanted - given, "unexpected": given - wanted}
    for word, names in wrong.items():
        if names:
            shown = _shorten(sorted(map(repr, names)), ", ")
            problems.append(f"{word} tensors: {shown}")
    for name in sorted(wanted & given):
        tensor, shape = tensors[name], targets[name].shape
        # Back to PyTorch's order of axes.
        expected = tuple(shape[i] for i in np.argsort(_AXES[len(shape)]))
        if not (
            isinstance(tensor, torch.Tensor)
            and tensor.layout is torch.strided
            and tensor.device.type == "cpu"
            and tensor.is_floating_point()
        ):
            problems.append(f"{name} is no dense tensor of real numbers")
        elif tuple(tensor.shape) != expected:
            text = f"{name} has the shape {tuple(tensor.shape)}, not {expected}"
            problems.append(text)
        elif not torch.isfinite(tensor).all():
            problems.append(f"{name} holds values that are not finite")
    if problems:
        raise BadFileError(source, _shorten(problems, "; "), cure)
    for name, variable in targets.items():
        array = tensors[name].detach().to(torch.float32).numpy()
        variable.assign(np.transpose(array, _AXES[array.ndim]))


def _shorten(items, separator):
    """The first of a long list of phrases, and how many more there are."""
    more = [f"{len(items) - _MOST} more"] * (len(items) > _MOST)
    return separator.join([*items[:_MOST], *more])


def _import_torch():
    cure = 'pip install "keras-pain[torch]"'
    try:
        import torch
    except ImportError as error:
        text = f"reading .pth files needs PyTorch: {cure}"
        raise ConfigurationError(text) from error
    version, text = torch.__version__, "cannot read untrusted files safely"
    require(version >= _SAFE_TORCH, f"PyTorch {version}", f"{text}; {cure}")
    return torch


def load_weights(
    model: Model, path: str | os.PathLike, what: str, cure: str
) -> None:
    """Puts a file of Keras' `save_weights` into a model, all of it.

    Raises BadFileError where it does not hold the weights of `what`.
    """
    problem = f"does not hold the weights of {what}"
    with reading(path, problem, cure), warnings.catch_warnings():
        # Keras would leave parts that the file lacks as they start.
        warnings.filterwarnings("error", category=UserWarning, module="keras")
        model.load_weights(path)


def keras_home() -> Path:
    """Keras' folder, whose `models` it keeps fetched weights in."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")


@contextlib.contextmanager
def fetching(what: str, url: str) -> Iterator[None]:
    """Raises ConfigurationError where ImageNet weights cannot be fetched."""
    try:
        yield
    except Exception as error:  # Keras raises plain ones without internet
        # Keras names the address first, which follows anyway.
        reason = " ".join(str(error).rpartition(" -- ")[2].split())[:160]
        raise ConfigurationError(
            f"the ImageNet weights of {what} cannot be fetched ({reason}): "
            f"download {url} elsewhere and put it into "
            f"{keras_home() / 'models'}, or give the path of the file instead "
            "of 'imagenet'"
        ) from error
