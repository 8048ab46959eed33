"""One matrix out of a .mat file, whatever MATLAB wrote it.

MATLAB 4 and 5-7.2 files are read by SciPy, MATLAB 7.3 files, which are HDF5,
by h5py. Nothing in them is ever executed or unpickled.

Which variable is taken, in this order:

1. Usable are real (numeric or logical) 2-D variables with enough columns.
2. The preferred name, where it is usable.
3. The only usable variable.
4. Of several, the last in the file, where the caller asks for that and the
   format keeps an order (7.3 does not); otherwise the file is refused.
"""

import os
import struct
import zlib
from typing import NamedTuple

import numpy as np

from keras_pain.corpora.base import StrPath, reading
from keras_pain.errors import BadFileError

SIMULATED_MARK = b"SIMULATED by keras_pain"
_HEADER_TEXT = 116  # bytes of free text at the head of a .mat file
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_MI_MATRIX = 14  # type numbers of the MATLAB 5 format
_MI_TYPES = {*range(1, 8), 9, *range(12, 19)}
_NUMERIC = {
    *("double", "single", "logical"),
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
}
# What SciPy and h5py raise at damaged bytes.
_UNREADABLE = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, ArithmeticError),
    *(MemoryError, NotImplementedError, AttributeError, RuntimeError),
    *(struct.error, zlib.error),
)
_COPY = "copy it again from its source"


class Variable(NamedTuple):
    """Name, shape and MATLAB class of a variable."""

    name: str
    shape: tuple[int, ...]
    kind: str

    def __str__(self) -> str:
        size = "x".join(str(n) for n in self.shape)
        return f"{self.name!r} ({f'{size} {self.kind}'.strip()})"


class Matrix(NamedTuple):
    """The chosen matrix.

    Args:
        values: `(rows, columns)` float64.
        variable: Its name.
        others: Names of further usable variables, which were not taken.
        version: Format of the file: `"4"`, `"5"` or `"7.3"`.
        simulated: Whether the header says that a simulator wrote it.
    """

    values: np.ndarray
    variable: str
    others: tuple[str, ...]
    version: str
    simulated: bool


def load_matrix(
    path: StrPath,
    *,
    min_columns: int = 1,
    prefer: str | None = None,
    several: str = "refuse",
) -> Matrix:
    """Loads the matrix of a .mat file, rows as MATLAB shows them.

    Args:
        path: The file.
        min_columns: Fewer columns make a variable unusable.
        prefer: Name of the variable to take where it is usable.
        several: `"last"` takes the last of several usable variables,
            `"refuse"` does not choose.

    Raises:
        BadFileError: The file is empty, truncated, damaged or not a .mat
            file, or holds no matrix that the rules above can choose.
    """
    version = mat_version(path)
    chosen, others = _choose(path, version, min_columns, prefer, several)
    with _undamaged(path):
        if version != "7.3":
            values = _scipy_io().loadmat(path, variable_names=[chosen.name])
            # MATLAB keeps integers and logicals apart; here all become float64.
            values = values[chosen.name]
        elif 0 in chosen.shape:
            values = np.zeros(chosen.shape)
        else:
            with _hdf5(path) as file:
                values = file[chosen.name][()].T
    if np.iscomplexobj(values):
        problem = f"variable {chosen.name!r} is complex"
        cure = "save its real part, frames x columns"
        raise BadFileError(path, problem, cure, "missing_variable")
    with open(path, "rb") as stream:
        simulated = SIMULATED_MARK in stream.read(_HEADER_TEXT)
    values = np.ascontiguousarray(values, dtype=np.float64)
    return Matrix(values, chosen.name, others, version, simulated)


def matrix_shape(path: StrPath, prefer: str | None = None) -> tuple[int, int]:
    """Shape of the matrix that `load_matrix` would take, without loading it."""
    return _choose(path, mat_version(path), 1, prefer, "last")[0].shape


def mat_version(path: StrPath) -> str:
    """Format of a .mat file, found from its bytes: 4, 5 or 7.3.

    Raises BadFileError where it cannot be opened, is empty, truncated, text,
    or of another format.
    """
    cure = _COPY
    try:
        size = os.path.getsize(path)
        with open(path, "rb") as stream:
            head = stream.read(4096)
    except OSError as error:
        problem = f"cannot be opened ({error.strerror})"
        cure = "check the link and the permissions"
        raise BadFileError(path, problem, cure, "unreadable") from error
    if size == 0:
        problem = "is empty (0 bytes)"
    # HDF5 begins after a user block of 0, 512, 1024, ... bytes.
    elif any(
        head.startswith(_HDF5_SIGNATURE, at) for at in (0, 512, 1024, 2048)
    ):
        return "7.3"
    elif head.startswith(b"MATLAB 7.3"):
        problem = "is a damaged MATLAB 7.3 file (no HDF5 inside)"
    elif head[126:128] in (b"IM", b"MI"):
        problem = _matlab_5_fault(path, size, head[126:127])
        if problem is None:
            return "5"
    elif head.startswith(b"MATLAB 5"):
        problem = "is truncated within its header"
    elif b"\0" in head[:4]:
        return "4"
    else:
        text = all(byte in b"\t\n\r" or byte >= 32 for byte in head[:512])
        kind = "is text" if text else "is of another format"
        problem = f"{kind}, not a MATLAB file, in spite of its name"
        cure = "take the .mat file as its owners distribute it"
    raise BadFileError(path, problem, cure, "unreadable")


def _matlab_5_fault(path, size, first_letter):
    """Walks the elements of a MATLAB 5 file: what is wrong with them, if any.

    SciPy crashes at an unknown type of element, and takes a file that ends
    between two elements for a whole one of fewer variables.
    """
    order = "<" if first_letter == b"I" else ">"
    position = 128
    with open(path, "rb") as stream:
        while position < size:
            kind, length, start = _element(stream, position, order)
            position = start + length
            if position > size:
                return "is truncated: its last variable is incomplete"
            if kind == _MI_MATRIX:
                while start < position:  # the parts of an uncompressed one
                    kind, length, start = _element(stream, start, order)
                    start += length
                    if kind not in _MI_TYPES or start > position:
                        return "is damaged: a variable's header makes no sense"
                    start += -start % 8  # parts are padded to eight bytes
    return None


def _element(stream, position, order):
    """Type and length of an element and where its data start."""
    stream.seek(position)
    tag = stream.read(8)
    if len(tag) < 8:
        return 0, 8, position + 8
    kind, length = struct.unpack(f"{order}II", tag)
    if kind >> 16:  # up to four bytes are kept in the tag itself
        return kind & 0xFFFF, 4, position + 4
    return kind, length, position + 8


def _choose(path, version, min_columns, prefer, several):
    """The variable to take, and the names of the other usable ones."""
    with _undamaged(path):
        if version == "7.3":
            with _hdf5(path) as file:
                variables = [
                    _describe(name, node)
                    for name, node in file.items()
                    if not name.startswith("#")  # MATLAB's own bookkeeping
                ]
        else:
            variables = [Variable(*v) for v in _scipy_io().whosmat(path)]
    usable = [
        v
        for v in variables
        if v.kind in _NUMERIC
        and len(v.shape) == 2
        and v.shape[1] >= min_columns
    ]
    names = [v.name for v in usable]
    if prefer in names:
        chosen = usable[names.index(prefer)]
    elif len(usable) == 1 or (
        usable and several == "last" and version != "7.3"
    ):
        chosen = usable[-1]
    elif usable:
        problem = (
            f"holds several matrices ({', '.join(names)}) and no rule says "
            "which is meant"
        )
        cure = f"save only the right one, as {prefer or 'data'!r}"
        raise BadFileError(path, problem, cure, "wrong_variable")
    else:
        shown = ", ".join(str(v) for v in variables[:4])
        wanted = "numeric 2-D matrix"
        if min_columns > 1:
            wanted = f"matrix of {min_columns} or more columns"
        problem = f"holds no {wanted}: {shown}"
        if not variables:
            problem = "holds no variable"
        cure = (
            "check that the file belongs here, one matrix of frames x columns"
        )
        raise BadFileError(path, problem, cure, "missing_variable")
    return chosen, tuple(name for name in names if name != chosen.name)


def _undamaged(path):
    from scipy.io.matlab import MatReadError

    kinds = (*_UNREADABLE, MatReadError)
    fault = (kinds, "is truncated or damaged ({})", "unreadable")
    return reading(path, _COPY, fault)


def _scipy_io():
    import scipy.io

    return scipy.io


def _hdf5(path):
    import h5py

    return h5py.File(path, "r")


def _describe(name, node):
    kind = node.attrs.get("MATLAB_class", b"")
    kind = kind.decode() if isinstance(kind, bytes) else str(kind)
    if "MATLAB_sparse" in node.attrs:
        return Variable(name, (), "sparse")
    if not hasattr(node, "shape"):
        return Variable(name, (), kind or "struct")
    if node.attrs.get("MATLAB_empty", 0):
        return Variable(name, tuple(int(n) for n in node[()]), kind)
    if node.dtype.names:
        kind = "complex"
    elif not kind:
        kinds = {"f": "double", "i": "int64", "u": "uint64", "b": "logical"}
        kind = kinds.get(node.dtype.kind, "object")
    # MATLAB stores columns first, so HDF5 shows every array transposed.
    return Variable(name, node.shape[::-1], kind)
