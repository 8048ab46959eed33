"""The authors' L-SFAN checkpoints as Keras models.

Their files are PyTorch state dicts of 54 tensors: 38 map to the network (four
convolutions and batch normalisations, the encoder, the classes); 4 count
batches and 12 belong to an encoder that is registered but never called, and
are left out by name. Anything else is refused.
"""

import dataclasses
import os
from pathlib import Path

import keras
import numpy as np

from keras_pain.errors import ConfigurationError
from keras_pain.models.lsfan import LSFAN
from keras_pain.models.torch_files import assign_tensors, read_tensors

NOTE = (
    "It takes 4 sEMG channels, 13 angles, 13 energies, in this order. "
    "The released weights come without a licence: keep them to yourself. "
    "Their convolutions went on training from fold to fold, so that only "
    "fold 0's network (model0) has never seen its left-out subject."
)

_CURE = "take a .pth file of the released L-SFAN networks, unchanged"
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
    state = read_tensors(source, _CURE)
    needed = {k: v for k, v in state.items() if k not in IGNORED}
    model = LSFAN()
    assign_tensors(source, needed, _targets(model), _CURE)
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


def _targets(model: keras.Model) -> dict[str, keras.Variable]:
    """PyTorch's name -> Keras variable."""
    found = {}

    def linear(name, layer, separator="."):
        found[f"{name}{separator}weight"] = layer.kernel
        found[f"{name}{separator}bias"] = layer.bias

    positions = zip(_CONVOLUTIONS, _BATCH_NORMS, strict=True)
    for i, (conv, norm) in enumerate(positions, start=1):
        layer = model.get_layer(f"conv_{i}")
        name = f"FrameFeatureExtractor.{conv}"
        found[f"{name}.weight"] = layer.kernel
        found[f"{name}.bias"] = layer.bias
        layer = model.get_layer(f"batch_norm_{i}")
        name = f"FrameFeatureExtractor.{norm}"
        found[f"{name}.weight"] = layer.gamma
        found[f"{name}.bias"] = layer.beta
        found[f"{name}.running_mean"] = layer.moving_mean
        found[f"{name}.running_var"] = layer.moving_variance
    encoder, name = model.get_layer("encoder"), "encoder.layers.0"
    linear(f"{name}.self_attn.in_proj", encoder.in_proj, "_")
    linear(f"{name}.self_attn.out_proj", encoder.out_proj)
    linear(f"{name}.linear1", encoder.linear1)
    linear(f"{name}.linear2", encoder.linear2)
    for norm in ("norm1", "norm2"):
        layer = getattr(encoder, norm)
        found[f"{name}.{norm}.weight"] = layer.gamma
        found[f"{name}.{norm}.bias"] = layer.beta
    linear("Classifier.1", model.get_layer("probabilities"))
    return found
