"""The frames that pictures are made from: labels, landmarks, pixels."""

import contextlib
import csv
import dataclasses
import functools
import io
import itertools
import os
import pathlib
import re
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps

from keras_pain.augment import PSPI_RANGE
from keras_pain.corpora.base import SIMULATED_NOTE, guess_corpus
from keras_pain.corpora.media import STILL_ENDINGS, decoding
from keras_pain.data.clips import ClipSet, cut_clips, open_frames
from keras_pain.errors import BadFileError, ConfigurationError, reading
from keras_pain.io import read_text
from keras_pain.signals import landmarks
from keras_pain.signals.faces import find_faces
from keras_pain.signals.landmarks import NUM_POINTS

COLUMNS = ("file", "subject", "clip", "frame", "pspi")  # of labels


@dataclasses.dataclass(frozen=True)
class Source:
    """A frame to make pictures from; what is unknown is "" or None."""

    name: str  # unique; becomes the path of the outputs, without ending
    read: Callable[[], bytes]  # returns the coded picture
    subject: str = ""
    clip: str = ""  # or sequence
    frame: str = ""  # its number in the clip
    pspi: float | None = None  # 0 to 16
    # `(68, 2)` landmarks, x and y in pixels, where they came with the picture
    points: np.ndarray | None = None

    @property
    def frame_id(self) -> str:
        """`clip:frame`, as `ClipSet.window_id` has it."""
        return f"{self.clip}:{self.frame}" if self.clip else ""


def check_pspi(value: object, where: str) -> float:
    """A number, or its text, as PSPI.

    Raises ConfigurationError where it is none, or not from 0 to 16; `where` is
    what the message calls its place.
    """
    low, high = PSPI_RANGE
    with contextlib.suppress(TypeError, ValueError):
        if low <= (number := float(value)) <= high:
            return number
    text = f"{where}: PSPI must be a number from {low:g} to {high:g}, got "
    text += f"{str(value)!r}; mend the label or leave the frame out"
    raise ConfigurationError(text)


def find_sources(
    folder: str | os.PathLike, labels: str | os.PathLike | None = None
) -> list[Source]:
    """The pictures below a folder, sorted by name.

    Labels are a CSV with the columns file (relative to the folder), subject,
    clip, frame and pspi; None takes `labels.csv` of the folder, if it is there.
    With labels, only the files that they list are taken; without, no picture
    can go into a training fold.

    Raises BadFileError where the folder or a listed file is missing, there are
    no pictures, or the labels cannot be read; ConfigurationError where the
    folder is that of a corpus' raw files and there are no labels, two pictures
    differ in their ending only, or a PSPI is not from 0 to 16.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise BadFileError(folder, "is no folder", "give a folder of pictures")
    if labels is None and (folder / "labels.csv").is_file():
        labels = folder / "labels.csv"
    if labels is not None:
        rows = _labels(labels, folder)
    elif corpus := guess_corpus(folder):
        raise ConfigurationError(
            f"{folder}: looks like the raw files of the corpus {corpus}; make "
            "a dataset with PSPI of them first (`tfds build`) and give the "
            "folder of its version, or list pictures and PSPI with --labels"
        )
    else:
        seen = (path for path in folder.rglob("*") if path.name[0] != ".")
        seen = (path for path in seen if path.suffix.lower() in STILL_ENDINGS)
        rows = {path.relative_to(folder): {} for path in seen}
    if not rows:
        example = "a dataset's version, e.g. unbc_mcmaster/c224/1.0.0"
        cure = f"give a folder of JPEG or PNG files, or that of {example}"
        raise BadFileError(folder, "holds no pictures", cure)
    sources = {}
    for path, row in sorted(rows.items()):
        name = path.with_suffix("").as_posix()
        if name in sources:
            problem = f"two pictures are called {name} but for their ending"
            raise ConfigurationError(f"{folder}: {problem}; rename one")
        read = functools.partial(_read, folder / path)
        sources[name] = Source(name, read, **row)
    return list(sources.values())


def _read(path):
    with reading(path, cure="look whether it is there and may be read"):
        return path.read_bytes()


def _csv_rows(path, what, cure):
    """Lines that are not empty, with their numbers; columns' names first."""
    with reading(path, f"cannot be read as {what}", cure):
        rows = csv.reader(io.StringIO(read_text(path), newline=""))
        found = [(rows.line_num, row) for row in rows if row]
    return found or [(1, [])]


def _labels(path, folder):
    cure = f"write a first line {','.join(COLUMNS)}"
    (_, header), *rows = _csv_rows(path, "labels", cure)
    if missing := set(COLUMNS) - set(header):
        raise BadFileError(path, f"lacks {', '.join(sorted(missing))}", cure)
    labels = {}
    for line, cells in rows:
        row = dict(itertools.zip_longest(header, cells, fillvalue=""))
        name = pathlib.PurePosixPath(row["file"])
        if name.is_absolute() or ".." in name.parts or not name.name:
            problem = f"line {line}: {row['file']!r} is no file below {folder}"
            cure = "write paths relative to the folder of pictures"
            raise BadFileError(path, problem, cure)
        pspi = check_pspi(row["pspi"], f"{path}: line {line}")
        facts = {key: row[key] for key in COLUMNS[1:]}
        labels[pathlib.Path(name)] = {**facts, "pspi": pspi}
    return labels


def is_dataset(folder: str | os.PathLike) -> bool:
    """Whether a folder is a version of a dataset that was built."""
    return (pathlib.Path(folder) / "dataset_info.json").is_file()


def is_simulated(folder: str | os.PathLike) -> bool:
    """Whether a dataset notes that it is simulated.

    Of a folder of pictures: whether a simulator left its note there or above.
    """
    folder = pathlib.Path(folder).resolve()
    if is_dataset(folder):
        import tensorflow_datasets as tfds

        return tfds.builder_from_directory(folder).info.metadata["simulated"]
    above = (folder, *folder.parents)
    return any((place / SIMULATED_NOTE).exists() for place in above)


def of_dataset(
    folder: str | os.PathLike, every: int = 1, all_frames: bool = False
) -> list[Source]:
    """Frames of a dataset of faces, those that table 10 can train on.

    The folder is that of its version, as `tfds build` writes it. Taken are
    `every` so many frames of a sequence, in which a face was found; with
    `all_frames` also those without pain, which are most. Unsaid: which frames
    the paper's pictures are made from.

    Raises ConfigurationError where the dataset has no PSPI, `every` is below 1,
    or no frame is left; KerasPainError where the dataset cannot be read.
    """
    options = {"label": "pspi", "level": "frame", "faces_only": True}
    clips = cut_clips(open_frames(folder), every=every, **options)
    if not all_frames:
        clips = clips.take(clips.y > 0)
    if not len(clips):
        raise ConfigurationError(
            f"{folder}: none of the chosen frames shows pain; take those "
            "without pain, too (--all_frames), or a smaller --every"
        )
    return from_clips(clips)


def from_clips(clips: ClipSet) -> list[Source]:
    """The labelled frames of a dataset of faces, with landmarks if it has any.

    The samples must be single frames (`cut_clips` with the level "frame"); the
    `frame_id` of each is its `window_id`. Raises ConfigurationError where they
    are clips, or a PSPI is not from 0 to 16.
    """
    if clips.num_frames:
        text = "pictures are made from single frames; cut the dataset on the "
        raise ConfigurationError(text + "level of frames")
    store = clips.frames
    of_clip = np.searchsorted(store.first, clips.first, "right") - 1
    sources = []
    for index, window in enumerate(clips.window_id.tolist()):
        number = int(clips.first[index])
        clip, _, frame = window.rpartition(":")
        points = store.clips[of_clip[index]].frame_labels.get("landmarks")
        points = None if points is None else _complete(points[int(frame)])
        folder = re.sub(r"[^\w.-]", "_", clip)  # no sign that disks refuse
        name, pspi = f"{folder}/{int(frame):06d}", clips.y[index]
        facts = str(clips.person[index]), clip, frame, check_pspi(pspi, window)
        read = functools.partial(_coded, store, number)
        sources.append(Source(name, read, *facts, points))
    return sources


def _coded(store, number):
    return bytes(store.coded([number])[0])


# Pixels of the shorter side below which a face has too little to go by.
MIN_SIDE = 64
# What Pillow turns into RGB without loss of what matters here.
_CONVERTED = {
    "L": "grey, the three channels are equal",
    "LA": "grey with transparency, which is dropped",
    "RGBA": "with transparency, which is dropped",
    "P": "in a palette, converted to RGB",
    "CMYK": "in CMYK, converted to RGB without a colour profile",
}


def decode(coded: bytes, name: str) -> tuple[np.ndarray, list[str]]:
    """Decodes a JPEG or PNG picture, which messages call `name`.

    Returns `(H, W, 3)` uint8, RGB, upright; and what had to be changed, as
    phrases. Raises BadFileError where it is no picture, cut off, too small, or
    of another kind.
    """
    cure = "copy it anew or take it out"
    with decoding(name, cure), Image.open(io.BytesIO(coded)) as image:
        mode = image.mode
        if mode != "RGB" and mode not in _CONVERTED:
            problem = f"has pixels of the kind {mode}"
            cure = "convert it to RGB with 8 bits a channel"
            raise BadFileError(name, problem, cure, "colour")
        pixels = np.array(ImageOps.exif_transpose(image).convert("RGB"))
    height, width, _ = pixels.shape
    if min(height, width) < MIN_SIDE:
        problem = f"is too small ({width}x{height} pixels)"
        cure = f"give faces of at least {MIN_SIDE} pixels a side"
        raise BadFileError(name, problem, cure, "too_small")
    return pixels, [_CONVERTED[mode]] if mode != "RGB" else []


def encode_png(pixels: np.ndarray) -> bytes:
    """A picture, `(H, W, 3)` uint8 RGB, as the bytes of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


# The lips' thickness at their corners, as a share of half the mouth; as in
# `landmarks.front_face`.
_LIP = 0.15
_MAX_SIDE = 400  # pixels of the picture in which MTCNN looks for five points
_POINTS_CURE = "write a first line file,x0,y0,...,x67,y67 and one line a "
_POINTS_CURE += "picture, in pixels"


def _complete(points):
    """`(68, 2)` float32 of such points or the 66 of UNBC-McMaster's tracker.

    Those lack the inner corners of the mouth, which are put just inside of
    the outer ones.
    """
    points = np.asarray(points, np.float32)
    if points.shape == (NUM_POINTS - 2, 2):
        corners = points[[48, 54]]
        inner = corners + _LIP * (corners.mean(axis=0) - corners)
        points = np.insert(points, [60, 63], inner, axis=0)  # as 60 and 64
    if points.shape != (NUM_POINTS, 2):
        text = f"landmarks of a face are (68, 2) or (66, 2), got {points.shape}"
        raise ConfigurationError(text)
    return points


class StoredPoints:
    """Landmarks of many pictures in one text file.

    It is a CSV with a first line `file,x0,y0,...,x67,y67` (or up to `x65,y65`,
    of which 68 are made); empty cells where there are none. Raises BadFileError
    where it cannot be read as such.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = pathlib.Path(path)
        self._points: dict[str, np.ndarray] = {}
        (_, header), *rows = _csv_rows(path, "landmarks", _POINTS_CURE)
        count = (len(header) - 1) // 2
        columns = ["file", *(f"{a}{i}" for i in range(count) for a in "xy")]
        if count not in (NUM_POINTS, NUM_POINTS - 2) or header != columns:
            raise BadFileError(path, "has no line of columns", _POINTS_CURE)
        for line, (file, *cells) in rows:
            problem = f"line {line} has no {count} points"
            with reading(path, problem, _POINTS_CURE):
                name = pathlib.PurePosixPath(file).with_suffix("").as_posix()
                values = [float(cell or "nan") for cell in cells]
                self._points[name] = _complete(np.reshape(values, (count, 2)))

    def clip(self, frames, boxes=None, name=""):
        """The stored points of one picture, NaN where there are none."""
        missing = np.full((NUM_POINTS, 2), np.nan, np.float32)
        return self._points.get(name, missing)[None]


class DetectorPoints:
    """A schematic face, moved to where MTCNN sees five points of a face.

    The eyes, the tip of the nose and the corners of the mouth fix the
    affinity. What brows, lids and lips do is not measured.
    """

    def clip(self, frames, boxes=None, name=""):
        """Detects in every frame, see `LandmarkSource.clip`."""
        return np.stack([self._place(frame) for frame in frames])

    def _place(self, frame):
        scale = min(_MAX_SIDE / max(frame.shape[:2]), 1.0)
        small = cv2.resize(frame, None, None, scale, scale, cv2.INTER_AREA)
        rows = find_faces([small])
        if not len(rows):
            return np.full((NUM_POINTS, 2), np.nan, np.float32)
        sides = rows[:, 3:5] - rows[:, 1:3]
        seen = rows[sides.prod(axis=1).argmax(), 6:16].reshape(2, 5).T / scale
        face = np.insert(landmarks.front_face(), 2, 1, axis=1)  # x, y, 1
        eyes = (face[first : first + 6].mean(axis=0) for first in (36, 42))
        five = np.array([*eyes, *face[[30, 48, 54]]], float)
        affinity = np.linalg.lstsq(five, seen, rcond=None)[0]
        return (face @ affinity).astype(np.float32)


def open_landmarks(
    text: str | None, folder: str | os.PathLike | None = None
) -> Any:
    """The source that a flag names.

    The text is `csv:FILE`, `mtcnn`, or what `signals.landmarks.LandmarkSource`
    takes (`csv:FOLDER`, `tflite:FILE`, `dlib:FILE`); None takes `landmarks.csv`
    of the folder of pictures, and `mtcnn` without. Raises ConfigurationError
    where there is no such kind of source; BadFileError where a file is missing
    or cannot be read.
    """
    if text is None:
        stored = pathlib.Path(folder or "", "landmarks.csv")
        text = f"csv:{stored}" if folder and stored.is_file() else "mtcnn"
    if text == "mtcnn":
        return DetectorPoints()
    kind, _, path = text.partition(":")
    if kind == "csv" and path and not pathlib.Path(path).is_dir():
        return StoredPoints(path)
    try:
        return landmarks.LandmarkSource(text)
    except ConfigurationError as error:
        raise ConfigurationError(f"{error}, and from mtcnn") from error
