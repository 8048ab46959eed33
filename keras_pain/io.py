"""Files: written whole or not at all, hashed, named by what they hold.

The bottom layer, so that every other one writes and hashes in one way.
"""

import contextlib
import csv
import errno
import hashlib
import io
import json
import math
import os
import pathlib
import re
import secrets
import shutil
import socket
import time
import urllib.parse
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from keras_pain.errors import KerasPainError

SIMULATED = "SIMULATED"

# A writer on another machine cannot be asked whether it lives; no fold takes
# a day to copy.
_ABANDONED_SECONDS = 24 * 3600

_HOST = urllib.parse.quote(socket.gethostname() or "host", safe="")
_TEMPORARY = re.compile(
    r"\..+\.tmp-(?P<host>.+)-(?P<pid>\d+)-[0-9a-f]{8}", re.DOTALL
)


def npz_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """An `.npz` file whose bytes depend on nothing but the arrays.

    Args:
        arrays: Name to array; no object arrays.

    Returns:
        The file's content, not compressed, with a fixed date in every entry.

    Raises:
        ValueError: An array holds objects.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            entry = io.BytesIO()
            array = np.ascontiguousarray(arrays[name])
            np.lib.format.write_array(entry, array, allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            archive.writestr(info, entry.getvalue())
    return buffer.getvalue()


@contextlib.contextmanager
def whole_file(path, cure: str | None = None) -> Iterator[pathlib.Path]:
    """A temporary file that becomes `path` when the block ends well.

    For writers that want a name, e.g. `model.save` and OpenCV: the temporary
    one has the same suffix.

    Args:
        path: The file; its folder is made where it is missing.
        cure: What the user can do when it cannot be written; left out, what
            helps with a results folder.

    Raises:
        KerasPainError: The file cannot be written; the old one stays then.
    """
    path = pathlib.Path(path)
    temporary = _temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path.parent)
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    except OSError as error:
        raise unwritable(path, error, cure) from error
    finally:
        _remove(temporary)


def write_file(path, content: bytes, cure: str | None = None) -> pathlib.Path:
    """Writes or replaces one file, see `whole_file`.

    Args:
        path: The file; its folder is made where it is missing.
        content: Its bytes.
        cure: What the user can do when it cannot be written.

    Returns:
        The path.
    """
    with whole_file(path, cure) as temporary:
        temporary.write_bytes(content)
    return pathlib.Path(path)


def write_marked(path, content: bytes, simulated: bool) -> pathlib.Path:
    """Writes a file whose name says whether its data are simulated.

    Args:
        path: The name for real data, see `marked`; the file of the other kind
            is removed.
        content: Its bytes.
        simulated: Whether the data are simulated.

    Returns:
        The path written.
    """
    path, other = marked(path, simulated), marked(path, not simulated)
    write_file(path, content)
    other.unlink(missing_ok=True)
    return path


def marked(path, simulated: bool) -> pathlib.Path:
    """`table.md`, or `table_SIMULATED.md` of simulated data."""
    path = pathlib.Path(path)
    return path.with_stem(f"{path.stem}_{SIMULATED}") if simulated else path


def marked_title(title: str, simulated: bool) -> str:
    """The title, with `SIMULATED: ` before it where the data are."""
    return f"{SIMULATED}: {title}" if simulated else title


def sha256_of(path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits; raises OSError."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def rounded(value: float | None) -> float | None:
    """Six digits after the point; None for what is unknown or not finite."""
    if value is None or not math.isfinite(value):
        return None
    return round(value, 6) + 0.0  # adding zero turns -0.0 into 0.0


def csv_text(columns: Sequence[str], rows: Iterable[Mapping]) -> str:
    """Rows as CSV with a header line; None is an empty cell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row[name]) for name in columns] for row in rows)
    return out.getvalue()


def json_text(head: Mapping, rows: Iterable[Mapping]) -> str:
    """JSON of `head` and its entry `rows`, with one line a row."""
    entries = [
        f" {_dump(name)}: {_dump(value)}" for name, value in head.items()
    ]
    lines = ",\n".join(f"  {_dump(row)}" for row in rows)
    return "{\n" + ",\n".join([*entries, f' "rows": [\n{lines}\n ]']) + "\n}\n"


def _dump(value) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _cell(value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6f}" if isinstance(value, float) else str(value)


def write_folder(
    folder: pathlib.Path,
    fill: Callable[[pathlib.Path], None],
    *,
    is_complete: Callable[[], bool],
    cure: str | None = None,
) -> pathlib.Path:
    """Makes a folder under a temporary name, then rename it.

    Args:
        folder: The folder to make.
        fill: Called with the temporary folder; writes the files into it.
        is_complete: Whether a folder that is already there is to be kept. One
            that is not, e.g. a damaged one, gives way to the new one.
        cure: What the user can do when it cannot be written.

    Returns:
        The folder.

    Raises:
        KerasPainError: The folder cannot be written; nothing of it is left
            then, and a folder that was there is still there.
    """
    temporary = _temporary(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder.parent)
        temporary.mkdir()
        fill(temporary)
        for path in sorted(temporary.rglob("*")):
            _sync(path)
        _sync(temporary)
        _rename(temporary, folder, is_complete)
        _sync(folder.parent)
    except OSError as error:
        raise unwritable(folder, error, cure) from error
    finally:
        _remove(temporary)
    return folder


def remove_leftovers(parent: pathlib.Path) -> None:
    """Delete what killed writers left behind in one folder.

    Only temporaries of this machine's dead processes go, and such as nobody
    has touched for a day. Failures are ignored: leftovers do no harm.

    Args:
        parent: The folder to look in, not below.
    """
    for path in parent.glob(".*.tmp-*"):
        match = _TEMPORARY.fullmatch(path.name)
        if match is None:
            continue
        with contextlib.suppress(OSError):
            idle = time.time() - path.stat().st_mtime
            local = match["host"] == _HOST
            dead = local and not _is_alive(int(match["pid"]))
            if dead or idle > _ABANDONED_SECONDS:
                _remove(path)


def _temporary(path: pathlib.Path) -> pathlib.Path:
    tail = f"tmp-{_HOST}-{os.getpid()}-{secrets.token_hex(4)}"
    return path.with_name(f".{path.name}.{tail}")


def _rename(
    temporary: pathlib.Path,
    folder: pathlib.Path,
    is_complete: Callable[[], bool],
) -> None:
    try:
        os.replace(temporary, folder)
        return
    except OSError as error:
        # Something is there: another process' fold, or a damaged one.
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise
    if is_complete():
        return
    aside = _temporary(folder)
    os.replace(folder, aside)
    try:
        os.replace(temporary, folder)
    except OSError:
        os.replace(aside, folder)
        raise
    _remove(aside)


def _sync(path: pathlib.Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: pathlib.Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def unwritable(path, error: OSError, cure: str | None = None):
    """The error of a file or folder that cannot be written."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    full = full or os.strerror(errno.ENOSPC) in str(error)
    if cure is None:
        what = (
            "free some space there" if full else "check that it can be written"
        )
        cure = (
            f"{what} or choose another --results_dir; finished folds are kept, "
            "and the same command goes on from them"
        )
    reason = " ".join(str(error.strerror or error).split())
    return KerasPainError(f"{path}: cannot be written ({reason}); {cure}")
