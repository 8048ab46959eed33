"""Finished clips on disk, each whole or not there at all."""

import contextlib
import io
import json
import os
import pathlib
import tempfile
import zipfile
from typing import Any

import numpy as np

from keras_pain.errors import KerasPainError

_NOTES, _PICTURES = "notes.json", "pictures"


def save(
    path: pathlib.Path, example: dict[str, Any] | None, report: dict[str, Any]
) -> None:
    """Writes a finished clip under another name, then renames it.

    Args:
        path: The file.
        example: Arrays, numbers, texts, and `frames`, a list of coded
            pictures; None of a clip that was refused.
        report: What was found in it, as JSON can hold it.

    Raises:
        KerasPainError: It cannot be written.
    """
    arrays, plain = {}, {}
    for name, value in (example or {}).items():
        if name == "frames":
            arrays[_PICTURES] = np.frombuffer(b"".join(value), np.uint8)
            plain["sizes"] = [len(picture) for picture in value]
        elif isinstance(value, np.ndarray):
            arrays[f"array_{name}"] = value
        else:
            plain[name] = value
    notes = {"report": report, "plain": plain, "refused": example is None}
    content = io.BytesIO()
    np.savez(content, **arrays)
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr(_NOTES, json.dumps(notes))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            dir=path.parent, suffix=".tmp", delete=False
        ) as temporary:
            temporary.write(content.getvalue())
        os.replace(temporary.name, path)
    except OSError as error:
        with contextlib.suppress(OSError, NameError):
            os.unlink(temporary.name)
        raise KerasPainError(
            f"{path.parent}: finished clips cannot be kept there "
            f"({error.strerror or error}); free space or choose another "
            "--data_dir; those that are there will not be made again"
        ) from error


def load(
    path: pathlib.Path,
) -> tuple[dict[str, Any] | None, dict[str, Any]] | None:
    """Reads a finished clip.

    Args:
        path: The file.

    Returns:
        Example and report as they were saved; None where there is no such
        file, or a damaged one.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            notes = json.loads(archive.read(_NOTES))
        if notes["refused"]:
            return None, notes["report"]
        with np.load(path) as arrays:
            example = {
                name.removeprefix("array_"): arrays[name]
                for name in arrays.files
                if name.startswith("array_")
            }
            if "sizes" in notes["plain"]:
                ends = np.cumsum(notes["plain"].pop("sizes"))
                pictures = np.split(arrays[_PICTURES], ends[:-1])
                example["frames"] = [part.tobytes() for part in pictures]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    return example | notes["plain"], notes["report"]


def load_report(path: pathlib.Path) -> dict[str, Any] | None:
    """The report of a finished clip, without its pictures.

    Args:
        path: The file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read(_NOTES))["report"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def remove(paths: list[pathlib.Path]) -> None:
    """Deletes finished clips, and their folders where nothing else is left.

    Args:
        paths: Their files, three folders below `data_dir`.
    """
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink()
    for level in range(3):
        for folder in {path.parents[level] for path in paths}:
            with contextlib.suppress(OSError):  # other clips are there
                folder.rmdir()
