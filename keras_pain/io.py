"""Files: written whole or not at all, hashed, named by what they hold.

The bottom layer, so that every other one writes and hashes in one way.
"""

import codecs
import contextlib
import csv
import errno
import functools
import gzip
import hashlib
import importlib
import io
import json
import math
import operator
import os
import pathlib
import re
import secrets
import shutil
import socket
import sys
import time
import urllib.parse
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from keras_pain.errors import BadFileError, ConfigurationError, KerasPainError

SIMULATED = "SIMULATED"

# A writer on another machine cannot be asked whether it lives; no fold takes
# a day to copy.
_ABANDONED_SECONDS = 24 * 3600
# Writers from before a boot are dead, but another machine may have our name.
_REBOOTED_SECONDS = 3600
_MOST_TEXT = 32 << 20
# Containers may share a hostname and a folder, but no process ids.
_HOST = urllib.parse.quote(socket.gethostname() or "host", safe="")
_ANY_BOOT = f"{_HOST}-boot-"
with contextlib.suppress(OSError):
    _BOOT = pathlib.Path("/proc/sys/kernel/random/boot_id").read_bytes()[:8]
    _ANY_BOOT = f"{_HOST}-{os.stat('/proc/self/ns/pid').st_ino}-"
    _HOST = f"{_ANY_BOOT}{_BOOT.decode()}"
_TEMPORARY = re.compile(
    r"\..+\.tmp-(?P<host>.+)-(?P<pid>\d+)-[0-9a-f]{8}(\.[^.]*)?", re.DOTALL
)
_FORMULA = re.compile(r"[=@\t]|[+-](?![\d.e+-]*( ?%)?$)")
_dump = functools.partial(json.dumps, ensure_ascii=False, allow_nan=False)


def npz_bytes(arrays: Mapping) -> bytes:
    """An `.npz` file, not compressed, whose bytes depend on the arrays only.

    Raises ValueError where an array holds objects.
    """
    import numpy as np  # slow, and not needed to print --help

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
    user can do when the file cannot be written, which raises KerasPainError
    and keeps the old one; left out, what helps with a results folder.
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


def read_text(path) -> str:
    """A small text file: UTF-8, or UTF-16 by its mark, as Notepad writes it.

    One that ends in .gz is unpacked. Raises OSError, EOFError or zlib.error,
    or ValueError where it is no such text, or too large.
    """
    opened = gzip.open if os.fspath(path).lower().endswith(".gz") else open
    with opened(path, "rb") as stream:
        content = stream.read(_MOST_TEXT + 1)
    if len(content) > _MOST_TEXT:
        raise ValueError(f"more than {_MOST_TEXT:,} bytes")
    return decoded(content)


def read_json(path):
    """What a JSON file holds; raises OSError, or ValueError if it is none."""
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))


def decoded(content: bytes) -> str:
    """What `read_text` makes of bytes."""
    wide = content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    return content.decode("utf-16" if wide else "utf-8-sig")


def number_lines(path, text: str, cure: str) -> Iterator[tuple[int, list]]:
    """Number of each line of a file and the numbers in it, if any.

    Blanks or commas divide them; what follows # is a comment. Raises
    BadFileError of the file by rule `not_numbers`.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.partition("#")[0]
        words = line.split("," if "," in line else None)
        try:
            values = list(map(float, words))
            if "_" in line:  # Python takes 1_0 for 10
                word = next(word for word in words if "_" in word)
                raise ValueError(f"no number: {word!r}")
        except ValueError as error:
            word = str(error).partition(": ")[2][:22]
            problem = f"line {number} holds {word}, no number"
            raise BadFileError(path, problem, cure, "not_numbers") from error
        if values:
            yield number, values


def sha256_of(path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits; raises OSError."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_of_content(path) -> str:
    """SHA-256 of what a file holds, unpacked if it is a .gz; raises OSError."""
    opened = gzip.open if os.fspath(path).lower().endswith(".gz") else open
    with opened(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def rounded(value: float | None) -> float | None:
    """Six digits after the point; None for what is unknown or not finite."""
    if value is None or not math.isfinite(value):
        return None
    return round(value, 6) + 0.0  # adding zero turns -0.0 into 0.0


def csv_text(columns: Sequence[str], rows: Iterable[Mapping]) -> str:
    """Rows as CSV with a header line; None is an empty cell.

    Text that a spreadsheet would run gets an apostrophe before it.
    """
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
    if isinstance(value, str):
        value = " ".join(value.splitlines())
        # Spreadsheets run such text; a number stays one.
        return f"'{value}" if _FORMULA.match(value) else value
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

    Raises KerasPainError where the folder cannot be written; nothing of it is
    left then, and a folder that was there is still there.
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
    except (OSError, RuntimeError) as error:
        # HDF5 raises the latter where a disk is full as a file is closed.
        if not isinstance(error, OSError) and not _is_full(error):
            raise
        raise unwritable(path, error, cure) from error
    finally:
        _remove(temporary)


def remove_leftovers(parent: pathlib.Path) -> None:
    """Deletes what killed writers left behind in this folder, not below.

    That is temporaries of this machine's dead processes, those from before it
    was booted after an hour untouched, all others after a day. Failures are
    ignored: leftovers do no harm.
    """
    for path in parent.glob(".*.tmp-*"):
        if match := _TEMPORARY.fullmatch(path.name):
            with contextlib.suppress(OSError):
                idle = time.time() - path.stat().st_mtime
                local = match["host"] == _HOST
                dead = local and not _is_alive(int(match["pid"]))
                if not local and match["host"].startswith(_ANY_BOOT):
                    dead = idle > _REBOOTED_SECONDS
                if dead or idle > _ABANDONED_SECONDS:
                    _remove(path)


def _temporary(path):
    # Long names stay within what a disk allows, with the tail as well.
    tail = f"tmp-{_HOST}-{os.getpid()}-{secrets.token_hex(4)}"
    suffix = path.suffix if len(path.suffix) < 12 else ""
    return path.with_name(f".{path.stem[:30]}.{tail}{suffix}")


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


def _is_full(error):
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return True
    # HDF5 gives no number, and NumPy only how much it has written.
    words = (os.strerror(errno.ENOSPC), " requested and ")
    return any(word in str(error) for word in words)


def unwritable(path, error: Exception, cure: str | None = None):
    """The error of a file or folder that cannot be written."""
    full = os.strerror(errno.ENOSPC) if _is_full(error) else ""
    if cure is None:
        what = "check that it can be written"
        if full:
            what = "free some space there"
        cure = f"{what} or choose another --results_dir; finished folds are "
        cure += "kept, and the same command goes on from them"
    reason = getattr(error, "strerror", None) or full or str(error)
    reason = " ".join(reason.split())
    return KerasPainError(f"{path}: cannot be written ({reason}); {cure}")


_PLACE = "place:"
_ABSOLUTE = re.compile(r"(--\w+=)?(\w+:)?(/.+)", re.DOTALL)


def _places() -> pathlib.Path:
    home = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
    folder = os.environ.get("KERAS_PAIN_PLACES")
    return pathlib.Path(folder or pathlib.Path(home, "keras_pain_places"))


def hidden_place(path, base=None) -> str:
    """A path for a note in the folder `base` that others may see.

    Relative to `base` where it lies beside it, at most two levels up; else a
    mark, whose path is kept for `shown_place` in `~/.keras/keras_pain_places`
    (or where `KERAS_HOME`, `KERAS_PAIN_PLACES` say).
    """
    path = pathlib.Path(path).resolve()
    if base is not None:
        base = pathlib.Path(base).resolve()
        above = (base, *base.parents)[:3][-1]
        # Not from one user's home folder to that of another.
        if len(above.parts) > 2 and path.is_relative_to(above):
            return os.path.relpath(path, base)
    mark = hashlib.sha256(os.fspath(path).encode()).hexdigest()[:16]
    with contextlib.suppress(KerasPainError):  # a home without write access
        write_file(_places() / mark, os.fspath(path).encode())
    return f"{_PLACE}{mark}"


def shown_place(text: str, base) -> str:
    """The path that `hidden_place` made a note of; absolute paths stay.

    Raises ConfigurationError where this machine's user has not made it.
    """
    if not text.startswith(_PLACE):
        return os.path.normpath(pathlib.Path(base).resolve() / text)
    try:
        return (_places() / text.removeprefix(_PLACE)).read_text("utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{base}: keeps no path outside of itself, and {text} is unknown "
            "to this user: run its script again (finished folds are kept), "
            "with --keep_paths for other users"
        ) from error


def hidden_argument(text: str) -> str:
    """A word of a command, its path hidden where it is absolute."""
    if not (found := _ABSOLUTE.fullmatch(text)):
        return text
    flag, kind, path = found.groups(default="")
    return f"{flag}{kind}{hidden_place(path)}"


def shown_argument(text: str, base) -> str:
    """What `hidden_argument` was given."""
    before, mark, after = text.partition(_PLACE)
    return before + shown_place(mark + after, base) if mark else text


def tracked(items: Iterable, text: str, shown=True, **options) -> Iterable:
    """The items, with a bar of rich where standard error is a terminal."""
    from rich.console import Console  # not needed to print --help
    from rich.progress import track

    options["disable"] = not (shown and sys.stderr.isatty())
    return track(items, text, console=Console(stderr=True), **options)


def source_sha256(path: str) -> str:
    """SHA-256 of the module's file that `package.module:object` names.

    `""` of Python's own modules, which have none.
    """
    module = importlib.import_module(path.partition(":")[0])
    file = getattr(module, "__file__", None)
    return sha256_of(pathlib.Path(file)) if file else ""


def load_object(path: str, flag: str):
    """The user's own object that `package.module:object` names.

    Modules in the current folder are found. Raises ConfigurationError, which
    names the flag, where there is none; what a module itself raises passes.
    """
    module, _, attribute = path.partition(":")
    try:
        if module.startswith(".") or not module:
            raise ModuleNotFoundError("no name of a module", name=module)
        if "" not in sys.path:
            sys.path.insert(0, "")
        loaded = importlib.import_module(module)
    except ModuleNotFoundError as error:
        # Another one may be missing: that is for the user's file to say.
        if not f"{module}.".startswith(f"{error.name}."):
            raise
        problem = error
    else:
        try:
            return operator.attrgetter(attribute)(loaded)
        except AttributeError as error:
            problem = error
    text = f"{flag}: cannot load {path[:80]!r}: {str(problem)[:200]}"
    raise ConfigurationError(f"{text}; give package.module:object") from problem
