"""PyTorch files of tensors, read without running what they may hold."""

import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from keras_pain.errors import BadFileError, ConfigurationError

_SAFE_TORCH = (2, 6)  # `weights_only=True` of earlier ones can be broken
_AXES = {
    1: (0,),
    2: (1, 0),  # (units, features) to (features, units)
    4: (2, 3, 1, 0),  # (filters, channels, *window)
    5: (2, 3, 4, 1, 0),
}


def read_tensors(source: str | os.PathLike, cure: str) -> Mapping:
    """The tensors of a state dict.

    A file whose loading would run code is refused.

    Args:
        source: A `.pth` file.
        cure: What a user can do where it cannot be used.

    Returns:
        Tensors by name, on the CPU.

    Raises:
        ConfigurationError: PyTorch is missing or too old.
        BadFileError: The file is missing, or is no state dict.
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
        forbidden = re.search(r"GLOBAL (\S+)", str(error))
        if forbidden:
            raise BadFileError(
                source,
                f"would load {forbidden[1]}, which could run code, and is "
                "refused",
                "save the network's state_dict(), which holds only tensors",
            ) from error
        raise BadFileError(
            source, "cannot be read as a PyTorch file of tensors", cure
        ) from error
    if not isinstance(state, Mapping):
        raise BadFileError(
            source, f"holds a {type(state).__name__}, no state dict", cure
        )
    return state


def assign_tensors(
    source: str | os.PathLike,
    tensors: Mapping,
    targets: Mapping[str, keras.Variable],
    cure: str,
) -> None:
    """Puts every tensor into its variable; all of them or none.

    Kernels change the order of their axes: a dense layer's are swapped, a
    convolution's go from `(filters, channels, *window)` to `(*window,
    channels, filters)`.

    Args:
        source: The file, for messages.
        tensors: From `read_tensors`, without what is not needed.
        targets: Variable by tensor name.
        cure: What a user can do where they do not fit.

    Raises:
        BadFileError: They are not exactly those of the targets.
    """
    torch = _import_torch()
    problems = _problems(torch, tensors, targets)
    if problems:
        raise BadFileError(source, shorten(problems, "; "), cure)
    for name, variable in targets.items():
        array = tensors[name].detach().to(torch.float32).numpy()
        variable.assign(np.transpose(array, _AXES[array.ndim]))


def shorten(items: list[str], separator: str = ", ", most: int = 3) -> str:
    """The first of a long list of phrases, and how many more there are."""
    more = len(items) - most
    tail = f"{separator}{more} more" if more > 0 else ""
    return separator.join(items[:most]) + tail


def _import_torch():
    try:
        import torch
    except ImportError as error:
        raise ConfigurationError(
            'reading .pth files needs PyTorch: pip install "keras-pain[torch]"'
        ) from error
    if torch.__version__ < _SAFE_TORCH:
        raise ConfigurationError(
            f"PyTorch {torch.__version__} cannot read untrusted files safely: "
            'pip install "keras-pain[torch]"'
        )
    return torch


def _problems(torch, tensors: Mapping, targets: Mapping) -> list[str]:
    """What keeps the tensors from being exactly the expected ones."""
    problems = []
    for word, names in (
        ("missing", targets.keys() - tensors.keys()),
        ("unexpected", tensors.keys() - targets.keys()),
    ):
        if names:
            shown = sorted(map(repr, names))
            problems.append(f"{word} tensors: {shorten(shown)}")
    for name in sorted(targets.keys() & tensors.keys()):
        shape = targets[name].shape
        expected = [0] * len(shape)
        for size, axis in zip(shape, _AXES[len(shape)], strict=True):
            expected[axis] = size
        tensor = tensors[name]
        if not _is_plain(torch, tensor):
            problems.append(f"{name} is no dense tensor of real numbers")
        elif list(tensor.shape) != expected:
            problems.append(
                f"{name} has the shape {tuple(tensor.shape)}, not "
                f"{tuple(expected)}"
            )
        elif not torch.isfinite(tensor).all():
            problems.append(f"{name} holds values that are not finite")
    return problems


def _is_plain(torch, value) -> bool:
    return (
        isinstance(value, torch.Tensor)
        and value.layout is torch.strided
        and value.device.type == "cpu"
        and value.is_floating_point()
    )
