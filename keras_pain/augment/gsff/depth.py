"""Where the depth map comes from that the generator keeps to."""

import functools
import os
import pathlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from keras_pain.corpora.manifest import content_hash
from keras_pain.errors import BadFileError, ConfigurationError

_CURE = "store one array of distances a picture, (height, width), as .npy"


class DepthSource(Protocol):
    """What every source of depth can do."""

    def maps(
        self, names: Sequence[str], shape: tuple[int, int]
    ) -> np.ndarray | None:
        """The depth of some pictures.

        Args:
            names: Names of the pictures, n of them.
            shape: Height and width that the maps are wanted in.

        Returns:
            `(n, height, width)` float32, larger is nearer; only differences
            count. None leaves it to the generator to estimate the depth.

        Raises:
            BadFileError: The depth of a picture cannot be read.
        """

    def describe(self) -> str:
        """What it is, as the manifest says it; of files with their hash."""


class PipelineDepth:
    """The generator's own estimate, as in the released code (MiDaS/DPT)."""

    def maps(self, names, shape) -> None:
        """None: the generator estimates."""
        return None

    def describe(self) -> str:
        """See `DepthSource.describe`."""
        return "pipeline"


class NoDepth:
    """A plane: the picture and the prompt alone guide the generator."""

    def maps(self, names, shape) -> np.ndarray:
        """A plane for every picture, but for one pixel of a corner.

        The generator divides by the range of the depth, so that a plane
        without that pixel becomes NaN.
        """
        planes = np.zeros((len(names), *shape), np.float32)
        planes[:, -1, -1] = 1
        return planes

    def describe(self) -> str:
        """See `DepthSource.describe`."""
        return "none"


class StoredDepth:
    """Arrays that somebody measured or estimated before.

    Args:
        folder: Holds `<name>.npy` of every picture: `(H, W)`, larger is
            nearer.

    Raises:
        BadFileError: There is no such folder.
    """

    def __init__(self, folder: str | os.PathLike):
        self.folder = pathlib.Path(folder)
        if not self.folder.is_dir():
            raise BadFileError(folder, "is no folder", _CURE)

    def maps(self, names, shape) -> np.ndarray:
        """Reads the pictures' files, see `DepthSource.maps`."""
        return np.stack([self._map(name, shape) for name in names])

    def _map(self, name: str, shape) -> np.ndarray:
        import cv2

        path = self.folder / f"{name}.npy"
        try:
            depth = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "no .npy array"
            raise BadFileError(
                path, f"cannot be read as depth ({reason})", _CURE
            ) from error
        if depth.ndim != 2 or depth.dtype.kind not in "fiu":
            raise BadFileError(
                path, f"is {depth.shape} {depth.dtype}, not a map", _CURE
            )
        depth = depth.astype(np.float32)
        if not np.isfinite(depth).all() or np.ptp(depth) == 0:
            raise BadFileError(
                path,
                "has gaps, or the same depth everywhere",
                "fill the gaps, or go without depth (--depth none)",
            )
        height, width = shape
        return cv2.resize(depth, (width, height), interpolation=cv2.INTER_AREA)

    def describe(self) -> str:
        """See `DepthSource.describe`."""
        return f"npy, sha256 {self._sha256}"

    @functools.cached_property
    def _sha256(self) -> str:
        return content_hash(self.folder, ".npy")


def open_depth(text: str) -> DepthSource:
    """The source that a flag names.

    Args:
        text: `pipeline`, `none` or `npy:FOLDER`.

    Returns:
        The source.

    Raises:
        ConfigurationError: No such source.
        BadFileError: There is no such folder.
    """
    kind, _, path = text.partition(":")
    if kind == "npy" and path:
        return StoredDepth(path)
    if text == "pipeline":
        return PipelineDepth()
    if text == "none":
        return NoDepth()
    raise ConfigurationError(
        f"depth comes from pipeline, none or npy:FOLDER, not from {text!r}"
    )
