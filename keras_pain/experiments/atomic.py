"""Files and folders that appear on the disk whole or not at all."""

import contextlib
import errno
import io
import os
import pathlib
import re
import secrets
import shutil
import socket
import time
import urllib.parse
import zipfile
from collections.abc import Callable, Mapping

import numpy as np

from keras_pain.errors import KerasPainError

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


def write_file(path, content: bytes) -> pathlib.Path:
    """Write or replace one file.

    Args:
        path: The file; its folder is made where it is missing.
        content: Its bytes.

    Returns:
        The path.

    Raises:
        KerasPainError: The file cannot be written; the old one stays then.
    """
    path = pathlib.Path(path)
    temporary = _temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path.parent)
        temporary.write_bytes(content)
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        _remove(temporary)
    return path


def write_folder(
    folder: pathlib.Path,
    fill: Callable[[pathlib.Path], None],
    *,
    is_complete: Callable[[], bool],
) -> pathlib.Path:
    """Make a folder under a temporary name, then rename it.

    Args:
        folder: The folder to make.
        fill: Called with the temporary folder; writes the files into it.
        is_complete: Whether a folder that is already there is to be kept. One
            that is not, e.g. a damaged one, gives way to the new one.

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
        raise _unwritable(folder, error) from error
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


def _unwritable(path: pathlib.Path, error: OSError) -> KerasPainError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    full = full or os.strerror(errno.ENOSPC) in str(error)
    cure = (
        "free some space there or choose another --results_dir"
        if full
        else "check that it can be written or choose another --results_dir"
    )
    reason = " ".join(str(error.strerror or error).split())
    return KerasPainError(
        f"{path}: cannot be written ({reason}); {cure}; "
        "finished folds are kept, and the same command goes on from them"
    )
