"""Hashes that tell whether two runs read the same files."""

import hashlib
import os
import pathlib

from keras_pain.corpora.manifest import fingerprint


def content_hash(path: str | os.PathLike, ending: str) -> str:
    """One hash of what a file or a folder holds, whatever its own name.

    Args:
        path: The file or folder.
        ending: Of the files that count in a folder, e.g. `".csv"`.

    Returns:
        SHA-256, 64 hexadecimal digits.

    Raises:
        KerasPainError: A file of the folder cannot be read.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        return fingerprint(path, sorted(path.rglob(f"*{ending}")))
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
