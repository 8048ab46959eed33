"""Landmarks from dlib's predictor of 68 points, where dlib is installed.

dlib is no dependency of the project, and the usual predictor file was trained
on iBUG 300-W, whose terms exclude commercial use.
"""

import os
import pathlib
from collections.abc import Sequence

import numpy as np

from keras_pain.errors import BadFileError, ConfigurationError
from keras_pain.signals.landmarks.boxes import checked_boxes
from keras_pain.signals.landmarks.points import NUM_POINTS


class DlibPredictor:
    """dlib's regression trees on the box of a detected face.

    Args:
        path: The file, e.g. shape_predictor_68_face_landmarks.dat.

    Raises:
        ConfigurationError: dlib is not installed.
        BadFileError: The file is missing or no predictor of 68 points.
    """

    def __init__(self, path: str | os.PathLike):
        try:
            import dlib
        except ImportError as error:
            raise ConfigurationError(
                "landmarks from dlib need the package dlib (pip install "
                "dlib); or take them from a face mesh (tflite:FILE)"
            ) from error
        self.path = pathlib.Path(path)
        self._dlib = dlib
        if not self.path.is_file():
            raise BadFileError(
                path, "is no file", "give dlib's predictor of 68 points"
            )
        try:
            self._predictor = dlib.shape_predictor(os.fspath(path))
        except RuntimeError as error:
            raise BadFileError(
                path,
                "dlib cannot read it",
                "give dlib's predictor of 68 points, unpacked",
            ) from error

    def clip(
        self,
        frames: Sequence[np.ndarray],
        boxes: np.ndarray | None = None,
        name: str = "",
    ) -> np.ndarray:
        """Fits every face, see `sources.LandmarkSource.clip`."""
        points = np.full((len(frames), NUM_POINTS, 2), np.nan, np.float32)
        boxes = checked_boxes(boxes, len(frames), "dlib's predictor", name)
        for i, (frame, box) in enumerate(zip(frames, boxes, strict=True)):
            if np.isfinite(box).all():
                points[i] = self._fit(frame, box)
        return points

    def _fit(self, frame: np.ndarray, box: np.ndarray) -> list:
        corners = (round(float(v)) for v in box)
        face = self._dlib.rectangle(*corners)
        shape = self._predictor(np.ascontiguousarray(frame), face)
        if shape.num_parts != NUM_POINTS:
            raise BadFileError(
                self.path,
                f"predicts {shape.num_parts} points instead of {NUM_POINTS}",
                "give dlib's predictor of 68 points",
            )
        return [(shape.part(i).x, shape.part(i).y) for i in range(NUM_POINTS)]
