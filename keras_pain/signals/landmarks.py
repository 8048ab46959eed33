"""68 facial landmarks: numbering, where they come from, what is made of them.

The points of the iBUG 300-W annotation, counted from 0. "Right" and "left" are
the person's: the right eye is on the left of a picture that is not mirrored.
Sources are CSV files, a TFLite face mesh, and dlib; any can stand for another.
"""

import csv
import itertools
import os
import pathlib
import re
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from keras_pain import errors
from keras_pain.io import read_text

NUM_POINTS = 68

PARTS = {
    "jaw": range(17),
    "right_brow": range(17, 22),
    "left_brow": range(22, 27),
    "nose_bridge": range(27, 31),
    "nose_base": range(31, 36),
    "right_eye": range(36, 42),
    "left_eye": range(42, 48),
    "outer_lips": range(48, 60),
    "inner_lips": range(60, 68),
}

_MIRROR = """
16 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 0  26 25 24 23 22 21 20 19 18 17
27 28 29 30  35 34 33 32 31  45 44 43 42 47 46  39 38 37 36 41 40
54 53 52 51 50 49 48 59 58 57 56 55  64 63 62 61 60 67 66 65"""
# Number of every point's counterpart on the other side of the face.
MIRROR = tuple(map(int, _MIRROR.split()))

# One point of each pair and the midline, in distances between the centres of
# the eyes, x to the right and y down from the middle between the eyes.
# Schematic: a frontal face at rest with the lips a little apart.
_HALF = """
 0 -1.10 0.10    1 -1.09 0.34    2 -1.07 0.58    3 -1.03 0.83    4 -0.87 1.29
 5 -0.76 1.44    6 -0.48 1.66    7 -0.20 1.78    8  0.00 1.80
17 -0.91 -0.24  18 -0.81 -0.34  19 -0.65 -0.40  20 -0.45 -0.39  21 -0.20 -0.23
27  0.00 -0.10  28  0.00 0.12   29  0.00 0.33   30  0.00 0.47
31 -0.26 0.67   32 -0.11 0.69   33  0.00 0.70
36 -0.72 -0.01  37 -0.61 -0.07  38 -0.44 -0.08
39 -0.28 0.01   40 -0.43 0.04   41 -0.59 0.04
48 -0.41 1.04   49 -0.32 0.98   50 -0.12 0.91   51  0.00 0.92
57  0.00 1.20   58 -0.13 1.18   59 -0.30 1.11
60 -0.35 1.03   61 -0.09 0.99   62  0.00 0.99   66  0.00 1.07   67 -0.10 1.07
"""


def front_face() -> np.ndarray:
    """A schematic, symmetric face seen from the front.

    `(68, 2)` float32, x to the right and y down, in distances between the
    centres of the eyes, from the middle between them.
    """
    face = np.empty((NUM_POINTS, 2), np.float32)
    for point, *place in np.array(_HALF.split(), float).reshape(-1, 3):
        face[MIRROR[int(point)]] = np.multiply(place, (-1, 1))
        face[int(point)] = place
    return face


# Of the many points that MediaPipe's face mesh has on every contour, the
# symmetric map takes those nearest to where annotators put the 68. Jaw: steps
# of equal length along the mesh's oval from ear to chin. Brows: the upper
# border, at the inner end the lower one. Bridge: from between the eyes to the
# tip in equal steps. Lips: where the contour is as far from the middle.
MESH_POINTS = 468
# Jaw from the right ear over the chin (152) to the left ear; right brow from
# its outer end, left brow from its inner end; bridge of the nose downwards, its
# base; right eye from its outer corner, left eye from its inner corner; outer
# lips from the right corner over the upper lip, inner lips likewise.
_MESH = """
127 234 93 132 172 136 149 148 152 377 378 365 397 361 323 454 356
70 63 105 66 55  285 296 334 293 300  168 197 5 4  98 97 2 326 327
33 160 158 133 153 144  362 385 387 263 373 380
61 40 37 0 267 270 291 321 314 17 84 91  78 82 13 312 308 317 14 87"""
MESH_TO_68 = tuple(map(int, _MESH.split()))


# A pair as text, its numbers perhaps as NumPy 2 prints them, none as `1_0`.
_NUMBER = r"\s*(?:(?:np|numpy)\.\w+\()?([^\s,()_]+)\)?\s*"
_PAIR = re.compile(rf"[(\[]{_NUMBER},{_NUMBER}[)\]]")
# A column's name; a pair, whatever its form, has two numbers.
_NAME = re.compile(r"[^\d()\[\]]*\d*[^\d()\[\]]*")
_XY = tuple((f"x_{i}", f"y_{i}") for i in range(MESH_POINTS))
_FRAME = re.compile(r"^(?!-)\D*(\d+)(?:\.0*|\D*)$")  # 7.0, frame_07.jpg
_MESH_HINT = "give the 68 of iBUG, or MediaPipe's 468 without its ten of irises"
_CSV_CURE = "write one row a frame with 68 cells such as (312, 205)"
FARTHEST = 100_000  # pixels; no picture is as large


def read_csv(
    path: str | os.PathLike, num_frames: int | None = 20
) -> np.ndarray:
    """Reads one clip in the form of the released STGCN-LSTM code.

    One row a frame, 68 cells, each a pair as text: `"(312, 205)"`. A first row
    of names that all differ, one a column, or a comment (#) is a header; the
    first of 69 columns is an index, if it holds no pairs. OpenFace is read by
    its columns `x_0` to `y_67`; frames of `success` 0 or False have none. Of
    MediaPipe's 468 points, in either form, the 68 of `MESH_TO_68` are taken.

    Returns `(T, 68, 2)` float32, x and y in pixels; NaN in frames without.
    Raises BadFileError where the file cannot be read, or has another number of
    points or of frames (than `num_frames`, if given), frames out of order, or a
    cell that is no pair of numbers (rule `bad_file`), or points that are in no
    picture or were scaled to 0 to 1 (`landmark_range`).
    """
    path = pathlib.Path(path)
    with errors.reading(path, "cannot be read as text", _CSV_CURE):
        text = read_text(path)
        mark = next((mark for mark in ";\t" if mark in text), ",")
        lines = filter(str.strip, text.splitlines())
        cells = csv.reader(lines, delimiter=mark, skipinitialspace=True)
        rows = [[cell.strip() for cell in row] for row in cells]
        if all(row[-1] == "" for row in rows[1:]):  # a mark ends each row
            rows = [row if row[-1] else row[:-1] for row in rows]
        points = _points_of(path, rows, num_frames)
    # Lost frames, as others write them: all points are 0, or one place.
    points[(points == points[:, :1]).all(axis=(1, 2))] = np.nan
    return points


def _points_of(path, rows, num_frames):
    def bad(problem, cure=_CSV_CURE, rule="bad_file"):
        return errors.BadFileError(path, problem, cure, rule)

    names, lost, order = rows[0] if rows else [], [], []
    width = max(map(len, rows[1:]), default=len(names))
    # R gives an index no name, and some headers end in a mark.
    fits = abs(len(names) - width) < 2 or "".join(names).startswith("#")
    fits = fits and len(set(names)) == len(names)
    if not (fits and all(map(_NAME.fullmatch, names))):
        names = []
    first = 1 + bool(names)
    rows = rows[first - 1 :]
    if not rows:
        raise bad("has no frames")
    if "x_0" in names:  # of OpenFace
        count = sum(re.fullmatch(r"x_\d+", name) is not None for name in names)
        if count not in (NUM_POINTS, MESH_POINTS):
            raise bad(f"has {count} points instead of 68", _MESH_HINT)
        pairs = _XY[:count]
        if lacking := sorted(set(sum(pairs, ())) - set(names)):
            raise bad(f"has no column {lacking[0]}")
        table = [dict(zip(names, row, strict=False)) for row in rows]
        order = [_FRAME.sub(r"\1", row.get("frame", "")) for row in table]
        zero = re.compile(r"0+(\.0*)?|false", re.IGNORECASE).fullmatch
        lost = [bool(zero(row.get("success", ""))) for row in table]
        text = "({}, {})".format
        rows = [[text(r.get(x), r.get(y)) for x, y in pairs] for r in table]
        for line in np.flatnonzero(lost):
            rows[line] = ["(0, 0)"] * count  # whatever stands there
    elif width in (NUM_POINTS + 1, MESH_POINTS + 1):
        first_cells = [row[0] for row in rows]
        if not any(map(_PAIR.fullmatch, first_cells)):
            rows = [row[1:] for row in rows]
            if len(set(first_cells)) > 1:  # else it numbers the clip
                order = first_cells
    if all(map(str.isdecimal, order)):
        for before, after in itertools.pairwise(map(int, order)):
            if after != before + 1:
                problem = f"has frame {after} behind frame {before}"
                raise bad(problem, "write each frame of one face, in order")
    points = []
    for line, row in enumerate(rows, first):
        if len(row) == MESH_POINTS:
            row = [row[point] for point in MESH_TO_68]
        if len(row) != NUM_POINTS:
            problem = f"row {line} has {len(row)} points instead of 68"
            raise bad(problem, _CSV_CURE if len(row) < 99 else _MESH_HINT)
        for column, cell in enumerate(row):
            match = _PAIR.fullmatch(cell)
            try:
                pair = float(match[1]), float(match[2])
            except (TypeError, ValueError):
                pair = np.nan, np.nan
            place = f"row {line}, point {column}: {cell[:40]!r}"
            if not np.isfinite(pair).all():
                raise bad(f"{place} is no pair of numbers")
            if max(map(abs, pair)) > FARTHEST:
                problem = f"{place} lies more than {FARTHEST:,} pixels away"
                raise bad(problem, rule="landmark_range")
            points += pair
    if num_frames is not None and len(rows) != num_frames:
        problem = f"has {len(rows)} frames instead of {num_frames}"
        raise bad(problem, "give every clip the same number of frames")
    points = np.reshape(points, (-1, NUM_POINTS, 2)).astype(np.float32)
    if 0 < np.abs(points).max() <= 1.5:  # pixels; no face is as small
        raise bad("is scaled to 0 to 1", "give pixels", "landmark_range")
    points[np.flatnonzero(lost)] = np.nan
    return points


def csv_rate(path: str | os.PathLike) -> float | None:
    """Frames a second by OpenFace's column `timestamp`; None without one.

    The mean over the file, as OpenFace writes milliseconds.
    """
    path = pathlib.Path(path)
    with errors.reading(path, "cannot be read as text", _CSV_CURE):
        lines = csv.DictReader(read_text(path).splitlines())
        names = {name.strip(): name for name in lines.fieldnames or ()}
        if "timestamp" not in names or "x_0" not in names:
            return None
        times = [row[names["timestamp"]] for row in lines]
    steps = np.diff(pd.to_numeric(times, errors="coerce"))
    # Where frames or times are missing there is no one rate.
    if len(steps) and 0 < steps.min() <= steps.max() < 2 * steps.mean():
        return float(1 / steps.mean())
    return None


def csv_text(points: np.ndarray) -> str:
    """What `read_csv` reads back, of `(T, 68, 2)` points without gaps.

    They are rounded to a hundredth of a pixel.
    """
    frames = np.asarray(points, float).round(2).tolist()
    rows = ([f'"({x:g}, {y:g})"' for x, y in frame] for frame in frames)
    return "".join(",".join(row) + "\n" for row in rows)


_MESH_CURE = "take face_landmark.tflite from mediapipe/modules/face_landmark"
_MESH_CURE += " of the wheel mediapipe 0.10.21"
_MESH_MARGIN = 0.25  # of the box's longer side; the mesh was trained with it
_MESH_SCORE = 0.5  # least probability of a face's presence
_DLIB_CURE = "give dlib's predictor of 68 points"


def _mesh(path):
    """A face mesh of 468 points, run on the crop round a detected face."""
    if not path.is_file():
        raise errors.BadFileError(path, "is no file", _MESH_CURE)
    import cv2
    import tensorflow as tf

    cannot = errors.reading(path, "TensorFlow Lite cannot run it", _MESH_CURE)
    with cannot, warnings.catch_warnings():
        # tf.lite's successor is a package of its own.
        warnings.filterwarnings("ignore", message=r"\s*Warning: tf.lite")
        run = tf.lite.Interpreter(os.fspath(path))
        run.allocate_tensors()
    picture, *more = run.get_input_details()
    tensors = picture, *run.get_output_details()
    shape, *given = (tuple(tensor["shape"].tolist()) for tensor in tensors)
    outputs = {np.prod(t["shape"]).item(): t["index"] for t in tensors[1:]}
    fits = len(shape) == 4 and shape[1:] == (shape[1], shape[1], 3)
    fits = fits and picture["dtype"] == np.float32 and not more
    if not (fits and {3 * MESH_POINTS, 1} <= set(outputs)):
        raise errors.ConfigurationError(
            f"{path}: takes {shape} and puts out {given}; a face mesh takes "
            f"(1, 192, 192, 3) and puts out {3 * MESH_POINTS} numbers and a "
            f"score; {_MESH_CURE}"
        )
    size = shape[1]

    def fit(frame, box):
        x0, y0, x1, y1 = np.asarray(box, float)
        side = (1 + 2 * _MESH_MARGIN) * max(x1 - x0, y1 - y0)
        step = side / size  # pixels of the frame in one of the crop
        corner = np.array([x0 + x1 - side, y0 + y1 - side]) / 2
        # Pixels count from their centres, the mesh from the crop's corner.
        shift = corner + step / 2 - 0.5
        warp = np.array([[step, 0, shift[0]], [0, step, shift[1]]])
        how = {"flags": cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP}
        frame = np.ascontiguousarray(frame)
        crop = cv2.warpAffine(frame, warp, (size, size), **how)
        run.set_tensor(picture["index"], crop[None].astype(np.float32) / 255)
        run.invoke()
        logit = float(run.get_tensor(outputs[1]).squeeze())
        if not 1 / (1 + np.exp(-logit)) >= _MESH_SCORE:
            return None
        mesh = run.get_tensor(outputs[3 * MESH_POINTS]).reshape(-1, 3)
        return mesh[list(MESH_TO_68), :2] * step + (corner - 0.5)

    return fit


def _dlib(path):
    """dlib's regression trees on the box of a detected face."""
    try:
        import dlib
    except ImportError as error:
        text = "landmarks from dlib need the package dlib (pip install dlib)"
        cure = "or take them from a face mesh (tflite:FILE)"
        raise errors.ConfigurationError(f"{text}; {cure}") from error
    if not path.is_file():
        raise errors.BadFileError(path, "is no file", _DLIB_CURE)
    with errors.reading(path, "dlib cannot read it", f"{_DLIB_CURE}, unpacked"):
        predictor = dlib.shape_predictor(os.fspath(path))

    def fit(frame, box):
        face = dlib.rectangle(*(round(float(v)) for v in box))
        shape = predictor(np.ascontiguousarray(frame), face)
        if shape.num_parts != NUM_POINTS:
            problem = f"predicts {shape.num_parts} points instead of 68"
            raise errors.BadFileError(path, problem, _DLIB_CURE)
        return [(shape.part(i).x, shape.part(i).y) for i in range(NUM_POINTS)]

    return fit


def _folder(path):
    if not path.is_dir():
        cure = "give the folder of the clips' CSV files"
        raise errors.BadFileError(path, "is no folder", cure)


# Kind to its name in messages, and to what makes, of a path, a function from a
# frame and a box to `(68, 2)` points or None.
_SOURCES = {
    "csv": ("a CSV file", _folder),
    "tflite": ("a face mesh", _mesh),
    "dlib": ("dlib's predictor", _dlib),
}


class LandmarkSource:
    """Where the landmarks of clips are from.

    The text is `csv:FOLDER` with one file a clip, `<name>.csv`; `tflite:FILE`,
    a face mesh of 468 points; or `dlib:FILE`. Raises ConfigurationError where
    there is no such source, no path, no such face mesh, or no dlib, and
    BadFileError where the path does not hold what the source needs.

    The project ships no face mesh. `face_landmark.tflite` of MediaPipe (Apache
    2.0) is one: it lies in the wheels of mediapipe 0.10.9 to 0.10.21, in the
    folder mediapipe/modules/face_landmark, and runs without the package. It
    takes pictures `(1, side, side, 3)` from 0 to 1 and puts out 1404 numbers
    (x, y, z in pixels of the crop) and the logit of a face's presence. dlib is
    no dependency, and its usual predictor was trained on iBUG 300-W, whose
    terms exclude commercial use.
    """

    def __init__(self, text: str | os.PathLike):
        kind, _, path = os.fspath(text).partition(":")
        if kind not in _SOURCES or not path:
            known = ", ".join(f"{kind}:PATH" for kind in _SOURCES)
            raise errors.ConfigurationError(
                f"landmarks come from {known}, not from {os.fspath(text)!r}"
            )
        self._what, opened = _SOURCES[kind]
        self.kind, self.path = kind, pathlib.Path(path)
        self._fit = opened(self.path)

    def clip(
        self,
        frames: Sequence[np.ndarray],
        boxes: np.ndarray | None = None,
        name: str = "",
    ) -> np.ndarray:
        """The landmarks of one clip of T frames, uint8 `(H, W, 3)` RGB.

        Boxes are `(T, 4)` faces as x0, y0, x1, y1 in pixels, a NaN row where
        there is none; files do not use them, but the clip's name. Returned are
        `(T, 68, 2)` float32, x and y in pixels; NaN in frames without. Raises
        KerasPainError where something the source needs is missing or wrong.
        """
        if self._fit is None:
            return read_csv(self.path / f"{name}.csv", len(frames))
        shape = None if boxes is None else np.shape(boxes)
        if shape != (len(frames), 4):
            raise errors.ConfigurationError(
                f"{name or 'clip'}: {self._what} needs a box of the face, x0 "
                f"y0 x1 y1, for each of its {len(frames)} frames, not {shape}"
            )
        boxes = np.asarray(boxes, float)
        points = np.full((len(frames), NUM_POINTS, 2), np.nan, np.float32)
        for i in np.flatnonzero(np.isfinite(boxes).all(axis=1)):
            found = self._fit(frames[i], boxes[i])
            if found is not None:
                points[i] = found
        return points


class LandmarkClip(NamedTuple):
    points: np.ndarray  # (T, 68, 2) float32, x and y in pixels, without gaps
    found: np.ndarray  # (T,) bool, False where a frame was interpolated


def landmark_clip(
    source: LandmarkSource,
    frames: Sequence[np.ndarray],
    boxes: np.ndarray | None = None,
    *,
    name: str = "",
) -> LandmarkClip:
    """The landmarks of a clip, see `LandmarkSource.clip`, gaps filled.

    Raises KerasPainError where no frame has any, or the source lacks the clip.
    """
    points = source.clip(frames, boxes, name)
    try:
        return fill_missing(points)
    except errors.KerasPainError as error:
        raise errors.KerasPainError(f"{name or 'clip'}: {error}") from error


def fill_missing(points: np.ndarray) -> LandmarkClip:
    """Interpolates frames without landmarks, linearly in time.

    Before the first and after the last frame that has some, the nearest
    frame's stand in. Points are `(T, 68, 2)`; a frame with any NaN counts as
    missing. Raises KerasPainError where they are no clip of 68 points, or no
    frame has landmarks.
    """
    points = np.array(points, np.float32, order="C")
    if points.ndim != 3 or points.shape[1:] != (NUM_POINTS, 2):
        text = f"landmarks of a clip are (frames, {NUM_POINTS}, 2) numbers"
        raise errors.KerasPainError(f"{text}, not {points.shape}")
    found = np.isfinite(points).all(axis=(1, 2))
    if not found.any():
        text = "no landmarks in any frame; look whether the clip shows a face, "
        raise errors.KerasPainError(text + "or take another source")
    time, known = np.arange(len(points)), np.flatnonzero(found)
    for row in points.reshape(len(points), -1).T:  # a view
        row[:] = np.interp(time, known, row[known])
    return LandmarkClip(points, found)


def normalise_clip(points: np.ndarray) -> np.ndarray:
    """Removes where the face is in the picture and how large it is.

    One shift and one scale for the whole clip, so that movements of the head
    stay in: the median over frames of the centre of the nose, and of the
    distance between the centres of the eyes. The paper's code standardises
    over all clips instead; this needs no other clip.

    Of points `(T, 68, 2)` without gaps: `(T, 68, 2)` float32, in distances
    between the eyes. Raises KerasPainError where both are in the same place.
    """
    points = np.asarray(points, np.float32)
    right, left = points[:, 36:42].mean(axis=1), points[:, 42:48].mean(axis=1)
    scale = np.median(np.linalg.norm(left - right, axis=-1))
    if not scale > 0:
        text = "the landmarks of both eyes are in the same place, so that the "
        raise errors.KerasPainError(text + "face has no size")
    centre = np.median(points[:, 27:36].mean(axis=1), axis=0)
    return ((points - centre) / scale).astype(np.float32)
