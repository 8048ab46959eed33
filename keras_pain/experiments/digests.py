"""What a file of pretrained weights is, wherever it lies."""

import functools
import hashlib
import os
import pathlib

from keras_pain.errors import BadFileError


def weights_identity(source: str | os.PathLike, imagenet: str) -> dict:
    """What tells pretrained weights from others, JSON-able.

    Args:
        source: `"imagenet"` or the path of a file.
        imagenet: Which ImageNet weights `"imagenet"` stands for.

    Returns:
        Their name, or the file's SHA-256: it may lie elsewhere tomorrow.

    Raises:
        BadFileError: The file is missing.
    """
    if source == "imagenet":
        return {"imagenet": imagenet}
    path = pathlib.Path(source)
    if not path.is_file():
        raise BadFileError(
            path, "no such file of weights", "give the path of one"
        )
    about = path.stat()
    return {"sha256": _digest(path, about.st_size, about.st_mtime_ns)}


@functools.lru_cache
def _digest(path: pathlib.Path, size: int, changed: int) -> str:
    """Files of weights have gigabytes, and are asked for in every fold."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
