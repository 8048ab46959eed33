"""The sources of landmarks, by name; any of them can stand for any other."""

import os
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from keras_pain.errors import ConfigurationError
from keras_pain.signals.landmarks.csv_files import CSVFolder
from keras_pain.signals.landmarks.dlib_points import DlibPredictor
from keras_pain.signals.landmarks.face_mesh import TFLiteFaceMesh


class LandmarkSource(Protocol):
    """What every source can do."""

    def clip(
        self,
        frames: Sequence[np.ndarray],
        boxes: np.ndarray | None = None,
        name: str = "",
    ) -> np.ndarray:
        """The landmarks of one clip.

        Args:
            frames: `T` pictures, uint8 `(H, W, 3)` RGB.
            boxes: `(T, 4)` faces as x0, y0, x1, y1 in pixels, a NaN row where
                there is none; not used by files.
            name: The clip's name; only used by files, and in messages.

        Returns:
            `(T, 68, 2)` float32, x and y in pixels; NaN in frames without.

        Raises:
            KerasPainError: Something the source needs is missing or wrong.
        """


SOURCES = {
    "csv": CSVFolder,
    "tflite": TFLiteFaceMesh,
    "dlib": DlibPredictor,
}


def open_source(text: str | os.PathLike) -> LandmarkSource:
    """The source that a flag names.

    Args:
        text: `csv:FOLDER`, `tflite:FILE` or `dlib:FILE`.

    Returns:
        The source.

    Raises:
        ConfigurationError: No such kind of source, or no path.
        BadFileError: The path does not hold what that kind needs.
    """
    kind, _, path = os.fspath(text).partition(":")
    if kind not in SOURCES or not path:
        raise ConfigurationError(
            f"landmarks come from {', '.join(f'{k}:PATH' for k in SOURCES)}, "
            f"not from {os.fspath(text)!r}"
        )
    return SOURCES[kind](path)
