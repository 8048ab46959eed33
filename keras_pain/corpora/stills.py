"""Single pictures on disk: their order, and decoding with clear errors."""

import os
import pathlib
import re

import numpy as np

from keras_pain.errors import BadFileError

ENDINGS = (".jpg", ".jpeg", ".png")
_DOWNLOAD = "copy it anew or leave the clip out with --on_bad_file=skip"


def natural_key(path: str | os.PathLike) -> list[tuple[int, int, str]]:
    """Sort key by which `frame 9` comes before `frame 10`.

    Args:
        path: A file; its name counts.
    """
    name = os.path.basename(os.fspath(path)).lower()
    return [
        (0, int(part), "") if part.isdigit() else (1, 0, part)
        for part in re.split(r"(\d+)", name)
        if part
    ]


def list_stills(folder: pathlib.Path) -> list[pathlib.Path]:
    """The pictures of a folder in natural order.

    Args:
        folder: The folder; leavings of archive tools (`._x.jpg`) are skipped.
    """
    return sorted(
        (
            path
            for path in folder.iterdir()
            if path.suffix.lower() in ENDINGS and not path.name.startswith(".")
        ),
        key=natural_key,
    )


def read_still(path: str | os.PathLike) -> np.ndarray:
    """Decodes one picture.

    Pillow, unlike OpenCV, says when a file is cut off; OpenCV paints the rest
    grey.

    Args:
        path: A JPEG or PNG file.

    Returns:
        `(H, W, 3)` uint8, RGB, turned upright as its EXIF data say; grey
        pictures get three equal channels, an alpha channel is dropped.

    Raises:
        BadFileError: By rule `empty`, `truncated`, `undecodable` or
            `unreadable`.
    """
    from PIL import Image, ImageOps

    try:
        if os.path.getsize(path) == 0:
            raise BadFileError(path, "is empty", _DOWNLOAD, rule="empty")
        with Image.open(path) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        problem, rule = _unreadable(error)
        raise BadFileError(path, problem, _DOWNLOAD, rule=rule) from error


def _unreadable(error: Exception) -> tuple[str, str]:
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read ({error.strerror})", "unreadable"
    if "truncated" in str(error) or "premature" in str(error):
        return "is cut off", "truncated"
    return "is no picture that can be decoded", "undecodable"
