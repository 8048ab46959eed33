"""A list of a corpus' raw files with their hashes, and a fingerprint of it.

It lies beside them and says which bytes a dataset was built from; the
fingerprint travels with the dataset and with every result.
"""

import csv
import functools
import hashlib
import io
import os
import pathlib
from collections.abc import Sequence

from keras_pain.corpora.base import RawFile, StrPath, files_below, is_leaving
from keras_pain.errors import KerasPainError, reading
from keras_pain.io import sha256_of, sha256_of_content, write_file

Files = Sequence[RawFile | os.PathLike]
MANIFEST = "keras_pain_manifest.csv"
COPY = "same_content"  # refusal of what two people are said to have recorded
_HEADER = ("path", "size", "sha256")


def manifest_path(root: StrPath, files: Files = ()) -> pathlib.Path:
    """Where the manifest of these files in the folder `root` lies.

    Of a corpus' raw files it lies where their layout begins, and its paths are
    relative to that: a layout keeps its fingerprint, whether the user names
    its folder or the parent.
    """
    roots = (file.root for file in files if isinstance(file, RawFile))
    return next(roots, pathlib.Path(root).expanduser()) / MANIFEST


def fingerprint(root: StrPath, files: Files) -> str:
    """One SHA-256 for all files: their relative paths, sizes and contents."""
    return _digest(_entries(*_listed(root, files)))


def hashes(files: Sequence[RawFile]) -> dict[str, str]:
    """SHA-256 of what each recording is read from, see `input_hash`."""
    there = (file for file in files if file.path.exists())
    return {file.name: input_hash(file.path) for file in there}


def input_hash(path: pathlib.Path) -> str:
    """SHA-256 of a file's content, unpacked, or of a folder's files.

    Of these it is of their names and contents.
    """
    if not path.is_dir():
        about = _asked(os.stat, path)
        return _content(path, about.st_size, about.st_mtime_ns)
    parts = [p for p in files_below(path) if not is_leaving(p, path)]
    return _digest(_entries(path, {p.name: [p] for p in parts}))


def content_hash(path: StrPath, ending: str) -> str:
    """One SHA-256 of what a file or a folder holds, whatever its own name.

    Only files with the ending count in a folder, e.g. `".csv"`. Raises
    KerasPainError where one cannot be read.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        found = sorted(path.rglob(f"*{ending}"))
        return fingerprint(path, [p for p in found if not is_leaving(p, path)])
    return _asked(sha256_of, path)


def write_manifest(root: StrPath, files: Files) -> str:
    """Writes `keras_pain_manifest.csv` beside the files.

    Returns their fingerprint; raises KerasPainError where the folder cannot
    be written to.
    """
    entries = _entries(*_listed(root, files))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_HEADER, *entries])
    cure = "make the folder writable or leave out --write_manifest"
    data = text.getvalue().encode(errors="surrogateescape")
    write_file(manifest_path(root, files), data, cure)
    return _digest(entries)


def verify_manifest(root: StrPath, files: Files) -> str | None:
    """Compares the files with the manifest beside them, if there is one.

    Returns their fingerprint, or None where no manifest was written. Raises
    KerasPainError where a file differs, is missing or is not listed (the first
    one, by path, is named), or the manifest cannot be read.
    """
    path = manifest_path(root, files)
    if not path.exists():
        return None
    base, parts = _listed(root, files)
    expected = {name: facts for name, *facts in _read(path)}
    for name in sorted(expected.keys() | parts.keys()):
        if name not in parts:
            kept = (base / name).exists()  # e.g. a copy of another's
            problem = (
                f"is in the manifest but not {'read' if kept else 'on disk'}"
            )
        elif name not in expected:
            problem = "is on disk but not in the manifest"
        # The size comes first: it costs nothing.
        elif (size := _size(parts[name])) != expected[name][0]:
            problem = f"has {size} bytes, not {expected[name][0]}"
        elif _sha256(base, parts[name]) != expected[name][1]:
            problem = "has other contents than it had"
        else:
            continue
        raise KerasPainError(
            f"{base / name}: {problem} (manifest {path.name}); restore the "
            "file, or accept the change with "
            "`keras-pain check --write_manifest`"
        )
    return _digest((name, *expected[name]) for name in sorted(expected))


def _listed(root, files):
    """Folder of the manifest; and by path below it what counts for a file."""
    base, listed = manifest_path(root, files).parent, {}
    for file in files:
        path, parts = file, ()
        if isinstance(file, RawFile):
            path, parts = file.path, file.parts
            lost = not parts and not path.exists()  # a list has it alone
            if file.refusal and (lost or file.refusal[0] == COPY):
                continue
        path = pathlib.Path(path)
        if path.is_dir() and not parts:
            # Nothing counts for an empty one; the corpus says what is wrong.
            parts = [p for p in files_below(path) if not is_leaving(p, path)]
        elif not parts:
            parts = [path]
        listed[path.relative_to(base).as_posix()] = sorted(parts)
    return base, listed


def _entries(base, listed):
    items = sorted(listed.items())
    return [(name, _size(of), _sha256(base, of)) for name, of in items]


def _digest(entries):
    lines = (f"{name}\t{size}\t{digest}\n" for name, size, digest in entries)
    data = "".join(lines).encode(errors="surrogateescape")
    return hashlib.sha256(data).hexdigest()


def _size(paths):
    return sum(_asked(os.path.getsize, path) for path in paths)


def _sha256(base, paths):
    """Hash of a file; of several files, that of a list of their hashes."""
    if len(paths) == 1:
        about = _asked(os.stat, paths[0])
        return _hash(paths[0], about.st_size, about.st_mtime_ns)
    named = ((path.relative_to(base).as_posix(), [path]) for path in paths)
    return _digest((name, _size(p), _sha256(base, p)) for name, p in named)


@functools.lru_cache(maxsize=100_000)
def _hash(path, size, changed):
    """Files are asked for several times in a run, and may be large."""
    return _asked(sha256_of, path)


@functools.lru_cache(maxsize=100_000)
def _content(path, size, changed):
    if path.suffix.lower() != ".gz":
        return _hash(path, size, changed)
    return _asked(sha256_of_content, path)


def _asked(question, path):
    cure = "restore it, or check its link and permissions"
    with reading(path, cure=cure, rule="unreadable"):
        return question(path)


def _read(path):
    cure = "write it anew with `keras-pain check --write_manifest`"
    with reading(path, "is no manifest", cure, "bad_manifest"):
        text = path.read_text("utf-8-sig", "surrogateescape")
        rows = [row for row in csv.reader(io.StringIO(text, "")) if row]
        if not rows or tuple(rows[0]) != _HEADER:
            raise ValueError("its header is not path,size,sha256")
        return [(name, int(size), digest) for name, size, digest in rows[1:]]
