"""One matrix out of a .mat file, whatever wrote it.

MATLAB 4 files are read by SciPy, MATLAB 7.3 files, which are HDF5, by h5py, and
so are those of Octave and of h5py's users. MATLAB 5-7.2 files are read here:
SciPy's list of variables ends at a table or string, its reader crashes at an
unknown type of number, and both take a file that ends between two variables
for a whole one. Nothing is ever executed or unpickled, no other file is opened,
and sizes are checked before anything is unpacked.

Which variable is taken, in this order:

1. Usable are real (numeric or logical) 2-D variables with enough columns;
   MATLAB's unnamed and opaque ones are no variables.
2. The preferred name, where it is usable.
3. The only usable variable.
4. Of several, the last in the file, where the caller asks for that and the
   format keeps an order (HDF5 does not); otherwise the file is refused.

MATLAB and Octave show HDF5 every array transposed. Of an array that neither
wrote, the shape must say which axis is that of the columns.
"""

import contextlib
import itertools
import math
import os
import struct
import warnings
import zlib
from collections.abc import Collection
from typing import NamedTuple

import h5py
import numpy as np

from keras_pain.corpora.base import StrPath
from keras_pain.errors import BadFileError, reading

SIMULATED_MARK = b"SIMULATED by keras_pain"
MAX_COLUMNS = 400  # far beyond any layout with its undocumented extras
_MAX_BYTES = 2**28  # of a matrix: an hour of 160 columns at 60 Hz
_HEAD_BYTES = 4096  # of a variable: flags, shape and name
_HEADER_TEXT = 116  # bytes of free text at the head of a .mat file
_HDF5 = b"\x89HDF\r\n\x1a\n"
# The MATLAB 5 format: types of elements, those of numbers, and classes from 1.
_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = dict(zip((*range(1, 8), 9, 12, 13), "bBhHiIfdqQ", strict=True))
_CLASSES = (
    "cell struct object char sparse double single int8 uint8 int16 uint16 "
    "int32 uint32 int64 uint64 function opaque"
).split()
_NUMERIC = {*_CLASSES[5:15], "logical"}
_LOGICAL = 0x200  # flag of a MATLAB 5 array
# HDF5's filters whose output can be told: deflate, shuffle, fletcher32, lzf.
_DEFLATE, _FILTERS = 1, {1, 2, 3, 32000}
_COPY = "copy it again from its source"


class Variable(NamedTuple):
    """Name, shape and MATLAB class of a variable."""

    name: str
    shape: tuple[int, ...]
    kind: str
    turned: bool | None = False  # kept transposed; None: nobody knows

    def __str__(self) -> str:
        size = "x".join(str(n) for n in self.shape)
        return f"{self.name!r} ({f'{size} {self.kind}'.strip()})"


class Matrix(NamedTuple):
    """The chosen matrix, `(rows, columns)` float64, and where it is from."""

    values: np.ndarray
    variable: str
    others: tuple[str, ...]  # further usable variables
    version: str  # "4", "5" or "7.3", or "HDF5" that is not transposed
    simulated: bool  # whether the header says so
    behind: int = 0  # bytes behind the last variable that are no padding


def load_matrix(
    path: StrPath,
    *,
    min_columns: int = 1,
    widths: Collection[int] = (),
    prefer: str | None = None,
    several: str = "refuse",
) -> Matrix:
    """Loads the matrix of a .mat file, rows as MATLAB shows them.

    Fewer than `min_columns` are unusable; `widths` are usual numbers of them,
    to tell them from rows in HDF5 that MATLAB did not write; `prefer` is a
    name. Of several usable variables `several` takes the `"last"`, or none,
    `"refuse"`. Raises BadFileError where none is chosen, or cannot be read.
    """
    version, behind = mat_version(path), 0
    with _undamaged(path):
        wanted = min_columns, widths, prefer, several
        chosen, others = _choose(path, version, *wanted)
        if 8 * math.prod(chosen.shape) > _MAX_BYTES:
            raise _too_large(path, str(chosen))
        # HDF5 has the shape in place of an empty matrix.
        values = np.zeros(0)
        if 0 not in chosen.shape:
            values = _READ[version](path, chosen)
        if np.iscomplexobj(values):
            problem = f"variable {chosen.name!r} is complex"
            cure = "save its real part, frames x columns"
            raise _refusal(path, problem, "missing_variable", cure)
        # MATLAB keeps integers and logicals apart; here all become float64.
        values = np.ascontiguousarray(values, np.float64).reshape(chosen.shape)
        with open(path, "rb") as stream:
            simulated = SIMULATED_MARK in stream.read(_HEADER_TEXT)
            if version == "5":
                *_, (_, (_, _, end)) = _variables_5(path)
                stream.seek(end)
                behind = len(stream.read(_MAX_BYTES).strip(b"\0"))
    if version == "7.3" and not chosen.turned:
        version = "HDF5"
    return Matrix(values, chosen.name, others, version, simulated, behind)


def matrix_shape(
    path: StrPath, prefer: str | None = None, widths: Collection[int] = ()
) -> tuple[int, int]:
    """Shape of the matrix that `load_matrix` would take, without loading it."""
    version = mat_version(path)
    with _undamaged(path):
        return _choose(path, version, 1, widths, prefer, "last")[0].shape


def mat_version(path: StrPath) -> str:
    """Format of a .mat file, from its first bytes: 4, 5 or 7.3 (HDF5).

    Raises BadFileError where it cannot be opened, or is of another format.
    """
    cure = _COPY
    try:
        with open(path, "rb") as stream:
            head = stream.read(4096)
    except OSError as error:
        problem = f"cannot be opened ({error.strerror})"
        cure = "check the link and the permissions"
        raise _refusal(path, problem, cure=cure) from error
    if not head:
        problem = "is empty (0 bytes)"
    # HDF5 begins after a user block of 0, 512, 1024, ... bytes.
    elif any(head[at:].startswith(_HDF5) for at in (0, 512, 1024, 2048)):
        return "7.3"
    elif head.startswith(b"MATLAB 7.3"):
        problem = "is a damaged MATLAB 7.3 file (no HDF5 inside)"
    elif head[126:128] in (b"IM", b"MI"):
        return "5"
    elif head.startswith(b"MATLAB 5"):
        problem = "is truncated within its header"
    elif head.startswith(b"\x1f\x8b"):
        problem, cure = "is gzip-compressed", "unpack it"
    elif b"\0" in head[:4]:
        return "4"
    else:
        text = all(byte in b"\t\n\r" or byte >= 32 for byte in head[:512])
        kind = "is text" if text else "is of another format"
        problem = f"{kind}, not a MATLAB file, in spite of its name"
        cure = "take the .mat file as its owners distribute it"
    raise _refusal(path, problem, cure=cure)


@contextlib.contextmanager
def _undamaged(path):
    # SciPy warns of numbers that it cannot read.
    whole = warnings.catch_warnings(action="error", category=UserWarning)
    with reading(path, "is truncated or damaged", _COPY, "unreadable"), whole:
        yield


def _refusal(path, problem, rule="unreadable", cure=_COPY):
    return BadFileError(path, problem, cure, rule)


def _too_large(path, what):
    problem = f"{what} takes more than {_MAX_BYTES:,} bytes"
    return _refusal(path, problem, "too_large", "save one recording in it")


def _choose(path, version, min_columns, widths, prefer, several):
    """The variable to take, and the names of the other usable ones."""
    if version == "7.3":
        variables = list(_variables_73(path, min_columns, widths))
    elif version == "5":
        variables = [variable for variable, _ in _variables_5(path)]
    else:
        import scipy.io  # late: --help gets this far

        variables = [Variable(*v) for v in scipy.io.whosmat(path)]
    # MATLAB's unnamed variable, its function workspace, holds no data.
    variables = [v for v in variables if v.name and v.kind != "opaque"]
    usable, doubtful = [], []
    for variable in variables:
        if variable.kind in _NUMERIC and len(variable.shape) == 2:
            if variable.turned is None:
                doubtful.append(variable)
            elif variable.shape[1] >= min_columns:
                usable.append(variable)
    names = [v.name for v in usable]
    last = several == "last" and version != "7.3"
    if prefer in names:
        chosen = usable[names.index(prefer)]
    elif usable and (last or len(usable) == 1):
        chosen = usable[-1]
    elif usable:
        shown = ", ".join(names)
        problem = f"holds several matrices ({shown}), and no rule chooses one"
        cure = f"save only the right one, as {prefer or 'data'!r}"
        raise _refusal(path, problem, "wrong_variable", cure)
    elif doubtful:
        rule = "HDF5 that MATLAB did not write: frames must be the last axis"
        problem = f"is {rule} of {doubtful[0]}, and nothing says that they are"
        cure = "give it MATLAB's attribute MATLAB_class, or use savemat"
        raise _refusal(path, problem, "frames_axis", cure)
    else:
        shown = ", ".join(str(v) for v in variables[:4])
        wanted = "numeric 2-D matrix"
        if min_columns > 1:
            wanted = f"matrix of {min_columns} or more columns"
        problem = f"holds no {wanted}: {shown}"
        if not variables:
            problem = "holds no variable"
        cure = "check that it belongs here, one matrix of frames x columns"
        raise _refusal(path, problem, "missing_variable", cure)
    return chosen, tuple(name for name in names if name != chosen.name)


def _read_4(path, chosen):
    import scipy.io

    return scipy.io.loadmat(path, variable_names=[chosen.name])[chosen.name]


def _variables_5(path):
    """The variables of a MATLAB 5 file, and where they lie, not unpacked."""
    size, end = os.path.getsize(path), 128
    with open(path, "rb") as stream:
        order = "<" if stream.read(end)[126:127] == b"I" else ">"
        # Zeros behind the last one are padding.
        while (tag := stream.read(8)).strip(b"\0"):
            kind, length = struct.unpack(f"{order}II", tag.ljust(8, b"\0"))
            begin, end = end, end + 8 + length
            if end > size:
                if begin > 128 and kind not in (_MATRIX, _COMPRESSED):
                    return  # another program's bytes
                problem = "is truncated: its last variable is incomplete"
                raise _refusal(path, problem)
            place = order, begin, end
            yield _variable_5(_parts_5(path, *place, _HEAD_BYTES)), place
            stream.seek(end)


def _variable_5(parts):
    """A variable; an opaque one, an object of MATLAB's, has a name only."""
    flags, shape, name = itertools.islice(parts, 3)
    flags = int(flags[0])
    kind = _CLASSES[(flags & 0xFF) - 1]
    if kind == "opaque":
        shape, name = (), shape
    elif flags & _LOGICAL and kind != "sparse":
        kind = "logical"
    return Variable(name.tobytes().decode("latin-1"), (*map(int, shape),), kind)


def _parts_5(path, order, begin, end, most):
    """Parts of a variable: flags, shape, name, values, imaginary values.

    Of it no more than `most` bytes are unpacked.
    """
    most += 8  # its own tag
    with open(path, "rb") as stream:
        stream.seek(begin)
        data = stream.read(min(end - begin, most + 1))
    kind, length = struct.unpack_from(f"{order}II", data)
    if kind == _COMPRESSED:
        data = _inflated(data[8:], most)
        kind, length = struct.unpack_from(f"{order}II", data)
    if kind != _MATRIX:
        raise ValueError("a variable has no header")
    position, end, data = 8, 8 + length, memoryview(data)
    while position < end:
        kind, length = struct.unpack_from(f"{order}II", data, position)
        position += 8
        if kind >> 16:  # up to four bytes are kept in the tag itself
            kind, length = kind & 0xFFFF, kind >> 16
            position -= 4
        if position + length > min(end, len(data)):
            if len(data) > most:
                raise _too_large(path, "a variable")
            raise ValueError("a part is longer than its variable")
        whole = data[position : position + length]
        yield np.frombuffer(whole, order + _NUMBERS.get(kind, "V1"))
        position += length
        position += -position % 8


def _read_5(path, chosen):
    place = next(place for v, place in _variables_5(path) if v == chosen)
    _, _, _, values, *more = _parts_5(path, *place, _MAX_BYTES)
    if values.dtype.kind == "V":
        raise ValueError("the values of a matrix are of no type of numbers")
    values = values.reshape(chosen.shape, order="F")
    return values.astype(complex) if more else values


def _inflated(packed, most):
    """What is packed, or a byte more than there may be."""
    return zlib.decompressobj().decompress(packed, most + 1)


def _variables_73(path, min_columns, widths):
    with open(path, "rb") as stream:
        headed = stream.read(10) == b"MATLAB 7.3"
    with h5py.File(path) as file:
        for name in file:
            if not name.startswith("#"):  # MATLAB's own books
                variable = _describe(path, file, name)
                if variable.turned is None and len(variable.shape) == 2:
                    variable = _turn(variable, headed, min_columns, widths)
                yield variable


def _node(path, group, name):
    """What HDF5 keeps under a name; other files are never opened."""
    node = None
    if isinstance(group.get(name, getlink=True), h5py.HardLink):
        node = group[name]
        if "OCTAVE_NEW_FORMAT" in node.attrs and "value" in node:
            return _node(path, node, "value")  # of a group called by the name
    stored = isinstance(node, h5py.Dataset)
    if node is None or (stored and (node.is_virtual or node.external)):
        problem = f"the values of {name!r} lie in another place or file"
        cure = "save the values themselves under this name"
        raise _refusal(path, problem, "values_elsewhere", cure)
    return node


def _describe(path, file, name):
    node = _node(path, file, name)
    kind = node.attrs.get("MATLAB_class", b"")
    kind = kind.decode() if isinstance(kind, bytes) else str(kind)
    octave = node.name != f"/{name}"
    turned = octave or bool(kind) or None
    if "MATLAB_sparse" in node.attrs:
        return Variable(name, (), "sparse")
    if not hasattr(node, "shape"):
        return Variable(name, (), kind or "struct")
    if node.attrs.get("MATLAB_empty", 0):
        shape = tuple(int(n) for n in node[()]) if node.size < 9 else ()
        return Variable(name, shape, kind if 0 in shape else "damaged", True)
    numbers = {"f": "double", "i": "int64", "u": "uint64", "b": "logical"}
    if node.dtype.names:
        kind = "complex"
    elif octave and node.dtype == np.int8:
        kind = "char"
    elif not kind or node.dtype.kind not in numbers:
        kind = numbers.get(node.dtype.kind, "object")  # texts, links, lists
    # A scalar has no axis, and some have no space for values at all.
    return Variable(name, (node.shape or ())[::-1], kind, turned)


def _turn(variable, headed, min_columns, widths):
    """Finds out which axis of an array is that of the columns, if it shows.

    A usual number says more than a possible one, in doubt MATLAB's header.
    """

    def columns(n):
        return (n in widths) + (min_columns <= n <= MAX_COLUMNS)

    last, first = map(columns, variable.shape)
    turned = first > last if first != last else headed or None
    shape = variable.shape[::-1] if turned is False else variable.shape
    return variable._replace(shape=shape, turned=turned)


def _read_73(path, chosen):
    with h5py.File(path) as file:
        node = _node(path, file, chosen.name)
        _check_storage(path, node, repr(chosen.name))
        return node[()].T if chosen.turned else node[()]


def _check_storage(path, node, name):
    """Refuses a dataset whose values are not all there, or that blows up.

    HDF5 makes up what was never written, and unpacks a chunk to whatever size
    comes out.
    """
    if not node.chunks:
        if node.id.get_storage_size() < node.nbytes:
            raise ValueError(f"{name} was never written")
        return
    properties, stored = node.id.get_create_plist(), []
    count = properties.get_nfilters()
    filters = [properties.get_filter(i)[0] for i in range(count)]
    if not _FILTERS.issuperset(filters) or filters.count(_DEFLATE) > 1:
        raise ValueError(f"{name} is packed by an unknown filter")
    most = math.prod(node.chunks) * node.dtype.itemsize + 8  # and a checksum
    if most > _MAX_BYTES:
        raise _too_large(path, f"a chunk of {name}")
    node.id.chunk_iter(stored.append)
    axes = zip(node.shape, node.chunks, strict=True)
    if len(stored) < math.prod(-(-size // piece) for size, piece in axes):
        raise ValueError(f"{name} was never written as a whole")
    for chunk in stored if _DEFLATE in filters else ():
        # Deflating makes nothing twice as long.
        fits = chunk.size <= 2 * most + 64
        if fits and not chunk.filter_mask >> filters.index(_DEFLATE) & 1:
            _, packed = node.id.read_direct_chunk(chunk.chunk_offset)
            fits = len(_inflated(packed, most)) <= most
        if not fits:
            problem = f"a chunk of {name} unpacks to more than it may hold"
            raise _refusal(path, problem, "too_large")


_READ = {"4": _read_4, "5": _read_5, "7.3": _read_73}
