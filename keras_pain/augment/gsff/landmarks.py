"""Sources of 68 landmarks beside those of `keras_pain.signals.landmarks`.

`csv:FILE` reads points that somebody stored with the pictures, so that no
model file is needed; `mtcnn` puts a schematic face in place where nothing
better is at hand.
"""

import csv
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from keras_pain.augment.gsff.sources import Source
from keras_pain.corpora.manifest import content_hash
from keras_pain.errors import BadFileError, ConfigurationError
from keras_pain.signals.landmarks.points import NUM_POINTS, PARTS, front_face
from keras_pain.signals.landmarks.sources import LandmarkSource, open_source

LANDMARKS_FILE = "landmarks.csv"
_INNER_CORNERS = (60, 64)
_OUTER_CORNERS = (48, 54)
# The lips' thickness at their corners, as a share of half the mouth; as in
# `points.front_face`.
_LIP = 0.15
_MAX_SIDE = 400  # pixels of the picture in which MTCNN looks for five points
_CURE = (
    "write a first line file,x0,y0,...,x67,y67 and one line a picture, in "
    "pixels"
)


def complete(points: np.ndarray) -> np.ndarray:
    """68 points from the 66 of UNBC-McMaster's tracker.

    Those lack the inner corners of the mouth, which are put just inside of
    the outer ones.

    Args:
        points: `(66, 2)` or `(68, 2)`.

    Returns:
        `(68, 2)` float32.

    Raises:
        ConfigurationError: Another number of points.
    """
    points = np.asarray(points, np.float32)
    if points.shape == (NUM_POINTS, 2):
        return points
    if points.shape != (NUM_POINTS - 2, 2):
        raise ConfigurationError(
            f"landmarks of a face are (68, 2) or (66, 2), got {points.shape}"
        )
    full = np.empty((NUM_POINTS, 2), np.float32)
    full[np.delete(np.arange(NUM_POINTS), _INNER_CORNERS)] = points
    corners = full[list(_OUTER_CORNERS)]
    full[list(_INNER_CORNERS)] = corners + _LIP * (
        corners.mean(axis=0) - corners
    )
    return full


class StoredPoints:
    """Landmarks of many pictures in one text file.

    Args:
        path: CSV with a first line `file,x0,y0,...,x67,y67` (or up to
            `x65,y65`, see `complete`); empty cells where there are none.

    Raises:
        BadFileError: It cannot be read as such.
    """

    measured = True

    def __init__(self, path: str | os.PathLike):
        self.path = pathlib.Path(path)
        self._points: dict[str, np.ndarray] = {}
        try:
            with open(path, newline="", encoding="utf-8-sig") as stream:
                rows = list(csv.reader(stream))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise BadFileError(
                path, f"cannot be read as landmarks ({reason})", _CURE
            ) from error
        count = (len(rows[0]) - 1) // 2 if rows else 0
        header = ["file", *(f"{a}{i}" for i in range(count) for a in "xy")]
        if count not in (NUM_POINTS, NUM_POINTS - 2) or rows[0] != header:
            raise BadFileError(path, "has no line of columns", _CURE)
        for line, row in enumerate(rows[1:], 2):
            name = pathlib.PurePosixPath(row[0] if row else "")
            try:
                values = [float(cell or "nan") for cell in row[1:]]
                points = np.reshape(values, (count, 2))
            except ValueError as error:
                raise BadFileError(
                    path, f"line {line} has no {count} points", _CURE
                ) from error
            self._points[name.with_suffix("").as_posix()] = complete(points)

    def clip(
        self,
        frames: Sequence[np.ndarray],
        boxes: np.ndarray | None = None,
        name: str = "",
    ) -> np.ndarray:
        """The stored points of one picture, NaN where there are none."""
        missing = np.full((NUM_POINTS, 2), np.nan, np.float32)
        return self._points.get(name, missing)[None]


class DetectorPoints:
    """A schematic face, moved to where MTCNN sees five points of a face.

    The eyes, the tip of the nose and the corners of the mouth fix the
    affinity. What brows, lids and lips do is not measured.
    """

    measured = False

    def __init__(self):
        self._mtcnn = None
        face = front_face()
        eyes = [list(PARTS[eye]) for eye in ("right_eye", "left_eye")]
        five = [*(face[eye].mean(axis=0) for eye in eyes), *face[[30, 48, 54]]]
        self._face = np.column_stack([face, np.ones(len(face))])
        self._five = np.column_stack([five, np.ones(5)])

    def clip(
        self,
        frames: Sequence[np.ndarray],
        boxes: np.ndarray | None = None,
        name: str = "",
    ) -> np.ndarray:
        """Detects in every frame, see `LandmarkSource.clip`."""
        return np.stack([self._place(frame) for frame in frames])

    def _place(self, frame: np.ndarray) -> np.ndarray:
        import cv2

        if self._mtcnn is None:
            from mtcnn import MTCNN  # imports TensorFlow

            self._mtcnn = MTCNN(device="CPU:0")
        scale = min(_MAX_SIDE / max(frame.shape[:2]), 1.0)
        small = cv2.resize(
            frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
        )
        # Rows: number of the picture, box, confidence, five x, five y.
        rows = self._mtcnn.detect_faces(
            [small], box_format="xyxy", output_type="numpy"
        )
        if not len(rows):
            return np.full((NUM_POINTS, 2), np.nan, np.float32)
        row = max(rows, key=lambda r: (r[3] - r[1]) * (r[4] - r[2]))
        seen = row[6:16].reshape(2, 5).T / scale
        affinity = np.linalg.lstsq(self._five, seen, rcond=None)[0]
        return (self._face @ affinity).astype(np.float32)


def open_landmarks(
    text: str | None, folder: str | os.PathLike | None = None
) -> LandmarkSource:
    """The source that a flag names.

    Args:
        text: `csv:FILE`, `mtcnn`, or what `signals.landmarks.open_source`
            takes (`csv:FOLDER`, `tflite:FILE`, `dlib:FILE`); None takes
            `landmarks.csv` of the folder, and `mtcnn` without one.
        folder: The folder of the pictures.

    Returns:
        The source.

    Raises:
        ConfigurationError: No such kind of source.
        BadFileError: A file is missing or cannot be read.
    """
    if text is None:
        stored = None if folder is None else pathlib.Path(folder)
        if stored is None or not (stored / LANDMARKS_FILE).is_file():
            return DetectorPoints()
        return StoredPoints(stored / LANDMARKS_FILE)
    kind, _, path = text.partition(":")
    if text == "mtcnn":
        return DetectorPoints()
    if kind == "csv" and path and not pathlib.Path(path).is_dir():
        return StoredPoints(path)
    try:
        return open_source(text)
    except ConfigurationError as error:
        raise ConfigurationError(f"{error}, and from mtcnn") from error


def describe_landmarks(landmarks: LandmarkSource) -> dict:
    """What a source is, so that a run is not gone on with from another.

    Args:
        landmarks: The source.

    Returns:
        Its kind and, where it reads files, their hash; JSON-able.
    """
    kind = {"kind": type(landmarks).__name__}
    path = getattr(landmarks, "path", None)
    if path is None:
        return kind
    return {**kind, "sha256": content_hash(path, ".csv")}


def points_of(
    source: Source,
    pixels: np.ndarray,
    box: np.ndarray,
    landmarks: LandmarkSource,
) -> np.ndarray:
    """The landmarks of one picture.

    Args:
        source: The frame; points that came with it go first.
        pixels: `(H, W, 3)` uint8.
        box: `(4,)` face, x0, y0, x1, y1 in pixels; NaN without one.
        landmarks: Where points come from that did not.

    Returns:
        `(68, 2)` float32.

    Raises:
        BadFileError: There are none.
    """
    if source.points is not None:
        points = complete(source.points)
    else:
        points = landmarks.clip([pixels], box[None], source.name)[0]
    if not np.isfinite(points).all():
        raise BadFileError(
            source.name,
            "no landmarks were found",
            "see whether it shows a face, or take another source with "
            "--landmarks",
            rule="no_landmarks",
        )
    return points
