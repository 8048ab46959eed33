"""A list of a corpus' raw files with their hashes, and a fingerprint of it.

Data that users place by hand is verified by nobody. A manifest beside the raw
files says which bytes a dataset was built from; its fingerprint travels with
the dataset and with every result.
"""

import csv
import hashlib
import os
import pathlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from keras_pain.corpora.files import RawFile
from keras_pain.corpora.folders import files_below, is_leaving
from keras_pain.errors import KerasPainError

MANIFEST = "keras_pain_manifest.csv"
_HEADER = ("path", "size", "sha256")
_Entry = tuple[str, int, str]


def manifest_path(
    root: str | os.PathLike, files: Sequence[RawFile | os.PathLike] = ()
) -> pathlib.Path:
    """Where the manifest of these files lies.

    Args:
        root: Folder that the user gave.
        files: Files found in it. Where they say in which folder their layout
            begins, the manifest lies there, and its paths are relative to it:
            a layout keeps its fingerprint, whether the user names its folder
            or the parent.
    """
    return _base(root, files) / MANIFEST


def fingerprint(
    root: str | os.PathLike, files: Sequence[RawFile | os.PathLike]
) -> str:
    """One hash for all files: their relative paths, sizes and contents.

    Args:
        root: Folder that the user gave.
        files: The files.

    Returns:
        SHA-256, 64 hexadecimal digits.
    """
    return _digest(_entries(root, files))


def content_hash(path: str | os.PathLike, ending: str) -> str:
    """One hash of what a file or a folder holds, whatever its own name.

    Args:
        path: The file or folder.
        ending: Of the files that count in a folder, e.g. `".csv"`.

    Returns:
        SHA-256, 64 hexadecimal digits.

    Raises:
        KerasPainError: A file cannot be read.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        return fingerprint(path, sorted(path.rglob(f"*{ending}")))
    return _asked(path, _sha256_of)


def write_manifest(
    root: str | os.PathLike, files: Sequence[RawFile | os.PathLike]
) -> pathlib.Path:
    """Writes `keras_pain_manifest.csv` beside the raw files.

    Args:
        root: Folder that the user gave.
        files: The files.

    Returns:
        Path of the manifest.

    Raises:
        KerasPainError: The folder cannot be written to.
    """
    path = manifest_path(root, files)
    entries = _entries(root, files)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(_HEADER)
            writer.writerows(entries)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise KerasPainError(
            f"{path}: the manifest cannot be written ({error.strerror}); make "
            "the folder writable or leave out --write_manifest"
        ) from error
    return path


def verify_manifest(
    root: str | os.PathLike, files: Sequence[RawFile | os.PathLike]
) -> str | None:
    """Compares the files with the manifest beside them, if there is one.

    Args:
        root: Folder that the user gave.
        files: The files found now.

    Returns:
        The files' fingerprint, or None where no manifest was written.

    Raises:
        KerasPainError: A file differs, is missing or is not listed (the first
            one, by path, is named), or the manifest cannot be read.
    """
    path = manifest_path(root, files)
    if not path.exists():
        return None
    expected = {entry[0]: entry for entry in _read(path)}
    base = _base(root, files)
    parts = {_relative(base, file): _parts(file) for file in files}
    entries = []
    for name in sorted(expected.keys() | parts.keys()):
        if name not in parts:
            _differs(path, base / name, "is in the manifest but not on disk")
        if name not in expected:
            _differs(path, base / name, "is on disk but not in the manifest")
        size = _size(parts[name])
        if size != expected[name][1]:
            problem = f"has {size} bytes, not {expected[name][1]}"
            _differs(path, base / name, problem)
        entry = (name, size, _sha256(base, parts[name]))
        if entry != expected[name]:
            _differs(path, base / name, "has other contents than it had")
        entries.append(entry)
    return _digest(entries)


def recorded_fingerprint(path: str | os.PathLike) -> str:
    """The fingerprint that a manifest records, without reading the files.

    Args:
        path: Path of the manifest.

    Raises:
        KerasPainError: It is no manifest.
    """
    return _digest(sorted(_read(pathlib.Path(path))))


def _differs(manifest: pathlib.Path, file: pathlib.Path, problem: str):
    raise KerasPainError(
        f"{file}: {problem} (manifest {manifest.name}); restore the file, or "
        "accept the change with `keras-pain check --write_manifest`"
    )


def _base(root, files) -> pathlib.Path:
    for file in files:
        if isinstance(file, RawFile) and file.root is not None:
            return file.root
    return pathlib.Path(root).expanduser()


def _parts(file: RawFile | os.PathLike) -> list[pathlib.Path]:
    """The files whose bytes count for one entry."""
    path = _path(file)
    parts = file.parts if isinstance(file, RawFile) else ()
    if not parts and path.is_dir():
        parts = [p for p in files_below(path) if not is_leaving(p, path)]
    # Nothing counts for an empty folder; the corpus says what is wrong there.
    return sorted(parts) or ([] if path.is_dir() else [path])


def _path(file: RawFile | os.PathLike) -> pathlib.Path:
    return file.path if isinstance(file, RawFile) else pathlib.Path(file)


def _relative(base: pathlib.Path, file: RawFile | os.PathLike) -> str:
    return _path(file).relative_to(base).as_posix()


def _entries(root, files) -> list[_Entry]:
    base = _base(root, files)
    return sorted(
        (_relative(base, file), _size(parts), _sha256(base, parts))
        for file, parts in ((file, _parts(file)) for file in files)
    )


def _digest(entries: Iterable[_Entry]) -> str:
    lines = (f"{name}\t{size}\t{digest}\n" for name, size, digest in entries)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _size(paths: list[pathlib.Path]) -> int:
    return sum(_asked(path, _size_of) for path in paths)


def _sha256(base: pathlib.Path, paths: list[pathlib.Path]) -> str:
    """Hash of a file; of several files, that of a list of their hashes."""
    if len(paths) == 1:
        return _asked(paths[0], _sha256_of)
    return _digest(
        (path.relative_to(base).as_posix(), size, digest)
        for path in paths
        for size, digest in [(_size([path]), _asked(path, _sha256_of))]
    )


def _size_of(path: pathlib.Path) -> int:
    return path.stat().st_size


def _sha256_of(path: pathlib.Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _asked(path: pathlib.Path, question: Callable[[pathlib.Path], Any]) -> Any:
    try:
        return question(path)
    except OSError as error:
        raise KerasPainError(
            f"{path}: cannot be read ({error.strerror}); restore it, or check "
            "its link and permissions"
        ) from error


def _read(path: pathlib.Path) -> list[_Entry]:
    try:
        with open(path, newline="", encoding="utf-8") as stream:
            rows = list(csv.reader(stream))
        if not rows or tuple(rows[0]) != _HEADER:
            raise ValueError("its header is not path,size,sha256")
        return [(name, int(size), digest) for name, size, digest in rows[1:]]
    except (OSError, ValueError, csv.Error) as error:
        raise KerasPainError(
            f"{path}: is no manifest ({error}); write it anew with "
            "`keras-pain check --write_manifest`"
        ) from error
