"""The frames that pictures are made from, with their labels."""

import csv
import dataclasses
import os
import pathlib
import re
from collections.abc import Callable, Iterator

import numpy as np

from keras_pain.augment.gsff.released import PSPI_RANGE
from keras_pain.corpora.files import guess_corpus
from keras_pain.data.clips import ClipSet, cut_clips
from keras_pain.data.frames import open_frames
from keras_pain.errors import BadFileError, ConfigurationError, KerasPainError

LABELS_FILE = "labels.csv"
_DATASET_FILE = "dataset_info.json"  # of TFDS
_ENDINGS = (".jpg", ".jpeg", ".png")
_COLUMNS = ("file", "subject", "clip", "frame", "pspi")
_HEADER = f"a first line {','.join(_COLUMNS)}"


@dataclasses.dataclass(frozen=True)
class Source:
    """A frame to make pictures from.

    Args:
        name: Unique; becomes the path of the outputs, without ending.
        read: Returns the coded picture.
        subject: Participant; "" where unknown.
        clip: Clip or sequence; "" where unknown.
        frame: Its number in the clip; "" where unknown.
        pspi: Label, 0 to 16; None where there is none.
        points: `(68, 2)` or `(66, 2)` landmarks, x and y in pixels of the
            picture, where they came with it.
    """

    name: str
    read: Callable[[], bytes]
    subject: str = ""
    clip: str = ""
    frame: str = ""
    pspi: float | None = None
    points: np.ndarray | None = None

    @property
    def frame_id(self) -> str:
        """`clip:frame`, as `ClipSet.window_id` has it."""
        return f"{self.clip}:{self.frame}" if self.clip else ""


def check_pspi(value: object, where: str) -> float:
    """A label that can be a PSPI.

    Args:
        value: A number or its text.
        where: What a message calls its place.

    Returns:
        The number.

    Raises:
        ConfigurationError: It is none, or not from 0 to 16.
    """
    low, high = PSPI_RANGE
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not low <= number <= high:
        raise ConfigurationError(
            f"{where}: PSPI must be a number from {low:g} to {high:g}, got "
            f"{str(value)!r}; mend the label or leave the frame out"
        )
    return number


def find_sources(
    folder: str | os.PathLike, labels: str | os.PathLike | None = None
) -> list[Source]:
    """The pictures below a folder.

    Args:
        folder: Where to look, also in its folders.
        labels: A CSV file with the columns file (relative to the folder),
            subject, clip, frame and pspi; None takes `labels.csv` of the
            folder, if there is one. With labels, only the files that they
            list are taken; without, pictures can be made, but none can go
            into a training fold.

    Returns:
        Sources sorted by name.

    Raises:
        BadFileError: The folder or a listed file is missing, there are no
            pictures, or the labels cannot be read.
        ConfigurationError: The folder is that of a corpus' raw files, and
            there are no labels; two pictures differ in their ending only; or
            a PSPI is not from 0 to 16.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise BadFileError(folder, "is no folder", "give a folder of pictures")
    if labels is None and (folder / LABELS_FILE).is_file():
        labels = folder / LABELS_FILE
    if labels is not None:
        rows = dict(_labels(pathlib.Path(labels), folder))
    elif corpus := guess_corpus(folder):
        raise ConfigurationError(
            f"{folder}: looks like the raw files of the corpus {corpus}; make "
            "a dataset with PSPI of them first (`tfds build`) and give the "
            "folder of its version, or list pictures and PSPI with --labels"
        )
    else:
        rows = {
            path.relative_to(folder): {}
            for path in folder.rglob("*")
            if path.suffix.lower() in _ENDINGS and path.name[0] != "."
        }
    if not rows:
        raise BadFileError(
            folder,
            "holds no pictures",
            "give a folder of JPEG or PNG files, or that of a dataset's "
            "version, e.g. unbc_mcmaster/c224/1.0.0",
        )
    sources = {}
    for path, row in sorted(rows.items()):
        name = path.with_suffix("").as_posix()
        if name in sources:
            raise ConfigurationError(
                f"{folder}: two pictures are called {name} but for their "
                "ending; rename one"
            )
        sources[name] = Source(name, _reader(folder / path), **row)
    return list(sources.values())


def is_dataset(folder: str | os.PathLike) -> bool:
    """Whether a folder is a version of a dataset that was built."""
    return (pathlib.Path(folder) / _DATASET_FILE).is_file()


def is_simulated(folder: str | os.PathLike) -> bool:
    """Whether pictures are simulated.

    Args:
        folder: A dataset, which notes it; or a folder of pictures, where a
            simulator of a corpus left its note there or above.
    """
    folder = pathlib.Path(folder).resolve()
    if is_dataset(folder):
        import tensorflow_datasets as tfds

        return tfds.builder_from_directory(folder).info.metadata["simulated"]
    places = (folder, *folder.parents)
    return any((place / "SIMULATED.txt").exists() for place in places)


def of_dataset(
    folder: str | os.PathLike, every: int = 1, all_frames: bool = False
) -> list[Source]:
    """Frames of a dataset of faces, those that table 10 can train on.

    Args:
        folder: Folder of its version, as `tfds build` writes it.
        every: Every so many frames of a sequence.
        all_frames: Also those without pain, which are most. Unsaid: which
            frames the paper's pictures are made from.

    Returns:
        The frames in which a face was found, see `from_clips`.

    Raises:
        ConfigurationError: The dataset has no PSPI, or `every` is below 1.
        KerasPainError: No frame is left, or the dataset cannot be read.
    """
    clips = cut_clips(
        open_frames(folder),
        label="pspi",
        level="frame",
        every=every,
        faces_only=True,
    )
    if not all_frames:
        clips = clips.take(clips.y > 0)
    if not len(clips):
        raise KerasPainError(
            f"{folder}: none of the chosen frames shows pain; take those "
            "without pain, too (--all_frames), or a smaller --every"
        )
    return list(from_clips(clips))


def from_clips(clips: ClipSet) -> Iterator[Source]:
    """The labelled frames of a dataset of faces.

    Landmarks that the dataset holds come along.

    Args:
        clips: Of single frames with their PSPI (`cut_clips` with the level
            "frame"), e.g. those of the training subjects.

    Yields:
        One source a frame; its `frame_id` is the frame's `window_id`.

    Raises:
        ConfigurationError: The samples are clips, or a PSPI is not from 0 to
            16.
    """
    if clips.num_frames:
        raise ConfigurationError(
            "pictures are made from single frames; cut the dataset on the "
            "level of frames"
        )
    store = clips.frames
    of_clip = np.searchsorted(store.first, clips.first, "right") - 1
    for index, window in enumerate(clips.window_id.tolist()):
        number = int(clips.first[index])
        clip, _, frame = window.rpartition(":")
        info = store.clips[of_clip[index]]
        points = info.frame_labels.get("landmarks")
        folder = re.sub(r"[^\w.-]", "_", clip)  # no sign that disks refuse
        yield Source(
            name=f"{folder}/{int(frame):06d}",
            read=lambda number=number: bytes(store.coded([number])[0]),
            subject=str(clips.person[index]),
            clip=clip,
            frame=frame,
            pspi=check_pspi(clips.y[index], window),
            points=None if points is None else points[int(frame)],
        )


def _reader(path: pathlib.Path) -> Callable[[], bytes]:
    def read() -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise BadFileError(
                path,
                f"cannot be read ({error.strerror})",
                "look whether it is there and may be read",
                rule="unreadable",
            ) from error

    return read


def _labels(path: pathlib.Path, folder: pathlib.Path):
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            missing = set(_COLUMNS) - set(reader.fieldnames or ())
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadFileError(
            path, f"cannot be read as labels ({reason})", f"write {_HEADER}"
        ) from error
    if missing:
        raise BadFileError(
            path, f"lacks {', '.join(sorted(missing))}", f"write {_HEADER}"
        )
    for line, row in enumerate(rows, 2):
        name = pathlib.PurePosixPath(row["file"] or "")
        if name.is_absolute() or ".." in name.parts or not name.name:
            raise BadFileError(
                path,
                f"line {line}: {row['file']!r} is no file below {folder}",
                "write paths relative to the folder of pictures",
            )
        yield (
            pathlib.Path(name),
            {
                **{key: row[key] or "" for key in _COLUMNS[1:4]},
                "pspi": check_pspi(row["pspi"], f"{path}: line {line}"),
            },
        )
