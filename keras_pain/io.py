"""Files: written whole or not at all, hashed, named by what they hold.

The bottom layer, so that every other one writes and hashes in one way.
"""

import contextlib
import csv
import errno
import functools
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
    r"\..+\.tmp-(?P<host>.+)-(?P<pid>\d+)-[0-9a-f]{8}(\.[^.]*)?", re.DOTALL
)
_dump = functools.partial(json.dumps, ensure_ascii=False, allow_nan=False)


def npz_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """An `.npz` file, not compressed, whose bytes depend on the arrays only.

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
    one has the same suffix. A missing folder is made. `cure` says what the
    user can do when the file cannot be written; left out, what helps with a
    results folder.

    Raises:
        KerasPainError: The file cannot be written; the old one stays then.
    """
    path = pathlib.Path(path)
    with _beside(path, cure) as temporary:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)


def write_file(path, content: bytes, cure: str | None = None) -> pathlib.Path:
    """Writes or replaces one file, see `whole_file`; returns its path."""
    with whole_file(path, cure) as temporary:
        temporary.write_bytes(content)
    return pathlib.Path(path)


def write_marked(path, content: bytes, simulated: bool) -> pathlib.Path:
    """Writes a file whose name says whether its data are simulated.

    The file of the other kind is removed; `path` is the name for real data,
    see `marked`. Returns the path written.
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
    entries = [f" {_dump(k)}: {_dump(value)}" for k, value in head.items()]
    lines = ",\n".join(f"  {_dump(row)}" for row in rows)
    return "{\n" + ",\n".join([*entries, f' "rows": [\n{lines}\n ]']) + "\n}\n"


def _cell(value):
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6f}" if isinstance(value, float) else value


def write_folder(
    folder: pathlib.Path,
    fill: Callable[[pathlib.Path], None],
    *,
    is_complete: Callable[[], bool],
    cure: str | None = None,
) -> pathlib.Path:
    """Makes a folder under a temporary name, then renames it; returns it.

    `fill` writes into the temporary folder. A folder that is already there
    stays if `is_complete()`; else it gives way. For `cure` see `whole_file`.

    Raises:
        KerasPainError: The folder cannot be written; nothing of it is left
            then, and a folder that was there is still there.
    """
    with _beside(folder, cure) as temporary:
        temporary.mkdir()
        fill(temporary)
        for path in (*temporary.rglob("*"), temporary):
            _sync(path)
        try:
            os.replace(temporary, folder)
        except OSError as error:
            # Something is there: another process' fold, or a damaged one.
            taken = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)
            if error.errno not in taken:
                raise
            if is_complete():
                return folder
            # The new one takes the old one's place, which comes back if not.
            aside = _temporary(folder)
            os.replace(folder, aside)
            try:
                os.replace(temporary, folder)
            except OSError:
                os.replace(aside, folder)
                raise
            _remove(aside)
    return folder


@contextlib.contextmanager
def _beside(path, cure):
    """A temporary name beside `path`, of which nothing is left afterwards."""
    temporary = _temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path.parent)
        yield temporary
        _sync(path.parent)
    except OSError as error:
        raise unwritable(path, error, cure) from error
    finally:
        _remove(temporary)


def remove_leftovers(parent: pathlib.Path) -> None:
    """Deletes what killed writers left behind in this folder, not below.

    That is temporaries of this machine's dead processes, and those untouched
    for a day. Failures are ignored: leftovers do no harm.
    """
    for path in parent.glob(".*.tmp-*"):
        if match := _TEMPORARY.fullmatch(path.name):
            with contextlib.suppress(OSError):
                idle = time.time() - path.stat().st_mtime
                local = match["host"] == _HOST
                dead = local and not _is_alive(int(match["pid"]))
                if dead or idle > _ABANDONED_SECONDS:
                    _remove(path)


def _temporary(path):
    tail = f"tmp-{_HOST}-{os.getpid()}-{secrets.token_hex(4)}"
    return path.with_name(f".{path.stem}.{tail}{path.suffix}")


def _sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path):
    shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        path.unlink()


def _is_alive(pid):
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True


def unwritable(path, error: OSError, cure: str | None = None):
    """The error of a file or folder that cannot be written."""
    if cure is None:
        what = "check that it can be written"
        full = os.strerror(errno.ENOSPC) in str(error)
        if full or error.errno in (errno.ENOSPC, errno.EDQUOT):
            what = "free some space there"
        cure = (
            f"{what} or choose another --results_dir; finished folds are kept, "
            "and the same command goes on from them"
        )
    reason = " ".join(str(error.strerror or error).split())
    return KerasPainError(f"{path}: cannot be written ({reason}); {cure}")
