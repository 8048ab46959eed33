"""The authors' L-SFAN checkpoints as Keras models.

Their files are PyTorch state dicts of 54 tensors: 38 map to the network (four
convolutions and batch normalisations, the encoder, the classes); 4 count
batches and 12 belong to an encoder that is registered but never called, and
are left out by name. Anything else is refused.
"""

import dataclasses
import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from keras_pain.errors import BadFileError, ConfigurationError
from keras_pain.models.lsfan import LSFAN

NOTE = (
    "It takes 4 sEMG channels, 13 angles, 13 energies, in this order. "
    "The released weights come without a licence: keep them to yourself. "
    "Their convolutions went on training from fold to fold, so that only "
    "fold 0's network (model0) has never seen its left-out subject."
)

_CURE = "take a .pth file of the released L-SFAN networks, unchanged"
_SAFE_TORCH = (2, 6)  # `weights_only=True` of earlier ones can be broken
# Positions in the released code's nn.Sequential.
_CONVOLUTIONS, _BATCH_NORMS = (0, 3, 7, 10), (1, 4, 8, 11)
_ENCODER = tuple(
    f"{layer}.{kind}"
    for layer in (
        "self_attn.out_proj",
        "linear1",
        "linear2",
        "norm1",
        "norm2",
    )
    for kind in ("weight", "bias")
) + ("self_attn.in_proj_weight", "self_attn.in_proj_bias")

IGNORED = frozenset(
    [f"FrameFeatureExtractor.{i}.num_batches_tracked" for i in _BATCH_NORMS]
    + [f"encoderlayer.{name}" for name in _ENCODER]
)
"""Tensors of a released file that no part of the network needs."""


@dataclasses.dataclass(frozen=True)
class Conversion:
    """What `convert_lsfan` did.

    Args:
        model: The Keras network.
        mapped: Tensors of the file that are in it.
        ignored: Tensors of the file that are known and not needed.
    """

    model: keras.Model
    mapped: int
    ignored: int

    def summary(self) -> str:
        """One paragraph for people."""
        weights = self.model.trainable_weights
        trained = sum(int(np.prod(w.shape)) for w in weights)
        rest = self.model.count_params() - trained
        return (
            f"{self.mapped} tensors mapped, {self.ignored} ignored (batch "
            f"counters and the unused encoder); {trained:,} trained "
            f"parameters, {rest} batch-norm statistics. {NOTE}"
        )


def convert_lsfan(source: str | os.PathLike) -> Conversion:
    """Reads a released L-SFAN checkpoint.

    Only tensors are read: a file whose loading would run code is refused.

    Args:
        source: A `.pth` file, at 180 frames, 30 sensors and two classes.

    Returns:
        The model, from `LSFAN()`, and what was mapped.

    Raises:
        ConfigurationError: PyTorch is missing or too old.
        BadFileError: The file is missing, is no state dict, or its tensors
            are not exactly those of L-SFAN.
    """
    torch, source = _import_torch(), Path(source)
    state = _load(torch, source)
    needed = {k: v for k, v in state.items() if k not in IGNORED}
    model = LSFAN()
    targets = _targets(model)
    problems = _problems(torch, needed, targets)
    if problems:
        raise BadFileError(source, _list(problems, "; "), _CURE)
    for name, (variable, axes) in targets.items():
        array = needed[name].detach().to(torch.float32).numpy()
        variable.assign(array.transpose(axes))
    return Conversion(model, len(needed), len(state) - len(needed))


def save_conversion(conversion: Conversion, target: str | os.PathLike) -> None:
    """Writes the converted model, whole or not at all.

    Args:
        conversion: From `convert_lsfan`.
        target: A new `.keras` file.

    Raises:
        ConfigurationError: See `check_target`; or it cannot be written.
    """
    target = check_target(target)
    # In the same folder, so that the last step is a mere renaming.
    temporary = target.with_name(f".{target.stem}.tmp-{os.getpid()}.keras")
    try:
        conversion.model.save(temporary)
        os.replace(temporary, target)
    except OSError as error:
        raise ConfigurationError(
            f"{target}: cannot be written ({error.strerror or error}); give "
            "another output file"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def check_target(target: str | os.PathLike) -> Path:
    """Refuses an output file that cannot be made.

    Args:
        target: The output file.

    Returns:
        The same as a path.

    Raises:
        ConfigurationError: It has another suffix, is there already, or its
            folder is missing.
    """
    target = Path(target)
    if target.suffix != ".keras":
        problem = "the output must end with .keras"
    elif os.path.lexists(target):
        problem = "is there already and is kept; give a new name"
    elif not target.parent.is_dir():
        problem = "its folder does not exist; make it first"
    else:
        return target
    raise ConfigurationError(f"{target}: {problem}")


def _targets(model: keras.Model) -> dict[str, tuple[keras.Variable, tuple]]:
    """PyTorch's name -> Keras variable, and the axes' order in Keras."""
    keep, swap, kernel = (0,), (1, 0), (2, 3, 1, 0)
    found = {}

    def linear(name, layer, separator="."):
        found[f"{name}{separator}weight"] = layer.kernel, swap
        found[f"{name}{separator}bias"] = layer.bias, keep

    positions = zip(_CONVOLUTIONS, _BATCH_NORMS, strict=True)
    for i, (conv, norm) in enumerate(positions, start=1):
        layer = model.get_layer(f"conv_{i}")
        name = f"FrameFeatureExtractor.{conv}"
        found[f"{name}.weight"] = layer.kernel, kernel
        found[f"{name}.bias"] = layer.bias, keep
        layer = model.get_layer(f"batch_norm_{i}")
        name = f"FrameFeatureExtractor.{norm}"
        found[f"{name}.weight"] = layer.gamma, keep
        found[f"{name}.bias"] = layer.beta, keep
        found[f"{name}.running_mean"] = layer.moving_mean, keep
        found[f"{name}.running_var"] = layer.moving_variance, keep
    encoder, name = model.get_layer("encoder"), "encoder.layers.0"
    linear(f"{name}.self_attn.in_proj", encoder.in_proj, "_")
    linear(f"{name}.self_attn.out_proj", encoder.out_proj)
    linear(f"{name}.linear1", encoder.linear1)
    linear(f"{name}.linear2", encoder.linear2)
    for norm in ("norm1", "norm2"):
        layer = getattr(encoder, norm)
        found[f"{name}.{norm}.weight"] = layer.gamma, keep
        found[f"{name}.{norm}.bias"] = layer.beta, keep
    linear("Classifier.1", model.get_layer("probabilities"))
    return found


def _load(torch, source: Path) -> Mapping:
    if not source.is_file():
        raise BadFileError(source, "no such file", _CURE)
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
            source, "cannot be read as a PyTorch file of tensors", _CURE
        ) from error
    if not isinstance(state, Mapping):
        raise BadFileError(
            source, f"holds a {type(state).__name__}, no state dict", _CURE
        )
    return state


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
            problems.append(f"{word} tensors: {_list(shown)}")
    for name in sorted(targets.keys() & tensors.keys()):
        variable, axes = targets[name]
        expected = [0] * len(axes)
        for size, axis in zip(variable.shape, axes, strict=True):
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


def _list(items: list[str], separator: str = ", ", most: int = 3) -> str:
    more = len(items) - most
    tail = f"{separator}{more} more" if more > 0 else ""
    return separator.join(items[:most]) + tail
