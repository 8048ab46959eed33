"""Landmarks in the text files of the released STGCN-LSTM code.

One row a frame, 68 cells, each a pair as text: `"(312, 205)"`.
"""

import csv
import io
import os
import pathlib
import re
from collections.abc import Sequence

import numpy as np

from keras_pain.errors import BadFileError
from keras_pain.signals.landmarks.points import NUM_POINTS

_PAIR = re.compile(r"\s*[(\[]\s*([^\s,()]+)\s*,\s*([^\s,()]+)\s*[)\]]\s*")
_CURE = "write one row a frame with 68 cells such as (312, 205)"


def read_csv(
    path: str | os.PathLike, num_frames: int | None = 20
) -> np.ndarray:
    """Reads the landmarks of one clip.

    A first row without pairs is a header, a first column without them an
    index; both are passed over.

    Args:
        path: The file.
        num_frames: Frames that it must have; None for any number.

    Returns:
        `(T, 68, 2)` float32, x and y in pixels.

    Raises:
        BadFileError: It cannot be read, or has another number of points or of
            frames, or a cell that is no pair of finite numbers.
    """
    path = pathlib.Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = [row for row in csv.reader(io.StringIO(text)) if any(row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadFileError(
            path, f"cannot be read as text ({reason})", _CURE
        ) from error
    first = 1
    if rows and not any(_PAIR.fullmatch(cell) for cell in rows[0]):
        rows, first = rows[1:], 2
    if not rows:
        raise BadFileError(path, "has no frames", _CURE)
    if all(not _PAIR.fullmatch(row[0]) and len(row) > 1 for row in rows):
        rows = [row[1:] for row in rows]
    points = np.array(
        [_frame(path, row, line) for line, row in enumerate(rows, first)],
        np.float32,
    )
    if num_frames is not None and len(points) != num_frames:
        raise BadFileError(
            path,
            f"has {len(points)} frames instead of {num_frames}",
            "give every clip the same number of frames",
        )
    return points


def _frame(path, row: list[str], line: int) -> list[tuple[float, float]]:
    if len(row) != NUM_POINTS:
        raise BadFileError(
            path, f"row {line} has {len(row)} points instead of 68", _CURE
        )
    points = []
    for column, cell in enumerate(row):
        match = _PAIR.fullmatch(cell)
        try:
            pair = float(match[1]), float(match[2])
        except (TypeError, ValueError):
            pair = (np.nan, np.nan)
        if not np.isfinite(pair).all():
            raise BadFileError(
                path,
                f"row {line}, point {column}: {cell[:40]!r} is no pair of "
                "numbers",
                _CURE,
            )
        points.append(pair)
    return points


def csv_text(points: np.ndarray) -> str:
    """The text of such a file.

    Args:
        points: `(T, 68, 2)`, without gaps.

    Returns:
        What `read_csv` reads back, to a hundredth of a pixel.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    for frame in np.asarray(points, float).round(2).tolist():
        writer.writerow([f"({x:g}, {y:g})" for x, y in frame])
    return stream.getvalue()


class CSVFolder:
    """A folder with one file a clip, `<name>.csv`.

    Args:
        path: The folder.

    Raises:
        BadFileError: There is no such folder.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = pathlib.Path(path)
        if not self.path.is_dir():
            raise BadFileError(
                path, "is no folder", "give the folder of the clips' CSV files"
            )

    def clip(
        self,
        frames: Sequence[np.ndarray],
        boxes: np.ndarray | None = None,
        name: str = "",
    ) -> np.ndarray:
        """Reads the clip's file, see `sources.LandmarkSource.clip`."""
        return read_csv(self.path / f"{name}.csv", num_frames=len(frames))
