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

import dataclasses
import os
import pathlib
import struct
import zlib

import numpy as np

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


@dataclasses.dataclass(frozen=True)
class Variable:
    """Name, shape and MATLAB class of a variable."""

    name: str
    shape: tuple[int, ...]
    kind: str

    def __str__(self) -> str:
        size = "x".join(str(n) for n in self.shape)
        return f"{self.name!r} ({f'{size} {self.kind}'.strip()})"


@dataclasses.dataclass(frozen=True)
class Matrix:
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
    path: str | os.PathLike,
    *,
    min_columns: int = 1,
    prefer: str | None = None,
    several: str = "refuse",
) -> Matrix:
    """Loads the matrix of a .mat file.

    Args:
        path: The file.
        min_columns: Fewer columns make a variable unusable.
        prefer: Name of the variable to take where it is usable.
        several: `"last"` takes the last of several usable variables,
            `"refuse"` does not choose.

    Returns:
        The matrix, rows as MATLAB shows them.

    Raises:
        BadFileError: The file is empty, truncated, damaged or not a .mat
            file, or holds no matrix that the rules above can choose.
    """
    path = pathlib.Path(path)
    version = mat_version(path)
    chosen, others = _choose(path, version, min_columns, prefer, several)
    values = _guarded(path, _LOAD[version], path, chosen)
    if np.iscomplexobj(values):
        raise BadFileError(
            path,
            f"variable {chosen.name!r} is complex",
            "save its real part, frames x columns",
            rule="missing_variable",
        )
    with open(path, "rb") as stream:
        simulated = SIMULATED_MARK in stream.read(_HEADER_TEXT)
    values = np.ascontiguousarray(values, dtype=np.float64)
    return Matrix(values, chosen.name, others, version, simulated)


def matrix_shape(
    path: str | os.PathLike, prefer: str | None = None
) -> tuple[int, int]:
    """Shape of the matrix that `load_matrix` would take, without loading it.

    Args:
        path: The file.
        prefer: Name of the variable to take where it is usable.

    Raises:
        BadFileError: As `load_matrix`.
    """
    path = pathlib.Path(path)
    version = mat_version(path)
    return _choose(path, version, 1, prefer, "last")[0].shape


def mat_version(path: str | os.PathLike) -> str:
    """Format of a .mat file, found from its bytes: 4, 5 or 7.3.

    Raises:
        BadFileError: It cannot be opened, is empty, truncated, text, or of
            another format.
    """
    path = pathlib.Path(path)
    copy = "copy it again from its source"
    try:
        size = path.stat().st_size
        with open(path, "rb") as stream:
            head = stream.read(4096)
    except OSError as error:
        raise BadFileError(
            path,
            f"cannot be opened ({error.strerror})",
            "check the link and the permissions",
            rule="unreadable",
        ) from error
    if size == 0:
        raise BadFileError(path, "is empty (0 bytes)", copy, rule="unreadable")
    # HDF5 begins after a user block of 0, 512, 1024, ... bytes.
    if any(head.startswith(_HDF5_SIGNATURE, at) for at in (0, 512, 1024, 2048)):
        return "7.3"
    if head.startswith(b"MATLAB 7.3"):
        problem = "is a damaged MATLAB 7.3 file (no HDF5 inside)"
        raise BadFileError(path, problem, copy, rule="unreadable")
    if head[126:128] in (b"IM", b"MI"):
        order = "<" if head[126:128] == b"IM" else ">"
        problem = _matlab_5_fault(path, size, order)
        if problem is not None:
            raise BadFileError(path, problem, copy, rule="unreadable")
        return "5"
    if head.startswith(b"MATLAB 5"):
        problem = "is truncated within its header"
        raise BadFileError(path, problem, copy, rule="unreadable")
    if b"\0" in head[:4]:
        return "4"
    text = all(byte in b"\t\n\r" or byte >= 32 for byte in head[:512])
    problem = "is text" if text else "is of another format"
    raise BadFileError(
        path,
        f"{problem}, not a MATLAB file, in spite of its name",
        "take the .mat file as its owners distribute it",
        rule="unreadable",
    )


def _matlab_5_fault(path: pathlib.Path, size: int, order: str) -> str | None:
    """Walks the elements of a MATLAB 5 file: what is wrong with them, if any.

    SciPy crashes at an unknown type of element, and takes a file that ends
    between two elements for a whole one of fewer variables.
    """
    position = 128
    with open(path, "rb") as stream:
        while position < size:
            kind, length, start = _element(stream, position, order)
            if start + length > size:
                return "is truncated: its last variable is incomplete"
            if kind == _MI_MATRIX and not _parts_sound(
                stream, start, start + length, order
            ):
                return "is damaged: a variable's header makes no sense"
            position = start + length
    return None


def _parts_sound(stream, position, end, order) -> bool:
    """Whether the parts of an uncompressed variable are of known types."""
    while position < end:
        kind, length, start = _element(stream, position, order)
        if kind not in _MI_TYPES or start + length > end:
            return False
        position = start + length
        position += -position % 8  # parts are padded to eight bytes
    return True


def _element(stream, position, order) -> tuple[int, int, int]:
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
    variables = _guarded(path, _LIST[version], path)
    usable = [
        v
        for v in variables
        if v.kind in _NUMERIC
        and len(v.shape) == 2
        and v.shape[1] >= min_columns
    ]
    if not usable:
        raise _nothing_usable(path, variables, min_columns)
    names = [v.name for v in usable]
    if prefer in names:
        chosen = usable[names.index(prefer)]
    elif len(usable) == 1 or (several == "last" and version != "7.3"):
        chosen = usable[-1]
    else:
        raise BadFileError(
            path,
            f"holds several matrices ({', '.join(names)}) and no rule says "
            "which is meant",
            f"save only the right one, as {prefer or 'data'!r}",
            rule="wrong_variable",
        )
    return chosen, tuple(name for name in names if name != chosen.name)


def _nothing_usable(path, variables, min_columns) -> BadFileError:
    shown = ", ".join(str(v) for v in variables[:4])
    if not variables:
        problem = "holds no variable"
    elif min_columns > 1:
        problem = f"holds no matrix of {min_columns} or more columns: {shown}"
    else:
        problem = f"holds no numeric 2-D matrix: {shown}"
    cure = "check that the file belongs here, one matrix of frames x columns"
    return BadFileError(path, problem, cure, rule="missing_variable")


def _guarded(path, function, *args):
    from scipy.io.matlab import MatReadError

    try:
        return function(*args)
    except (*_UNREADABLE, MatReadError) as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise BadFileError(
            path,
            f"is truncated or damaged ({reason})",
            "copy it again from its source",
            rule="unreadable",
        ) from error


def _list_scipy(path) -> list[Variable]:
    import scipy.io

    return [Variable(*entry) for entry in scipy.io.whosmat(path)]


def _load_scipy(path, variable) -> np.ndarray:
    import scipy.io

    # MATLAB keeps integers and logicals apart; here all become float64.
    return scipy.io.loadmat(path, variable_names=[variable.name])[variable.name]


def _list_hdf5(path) -> list[Variable]:
    import h5py

    with h5py.File(path, "r") as file:
        return [
            _describe_hdf5(name, node)
            for name, node in file.items()
            if not name.startswith("#")  # MATLAB's own bookkeeping
        ]


def _describe_hdf5(name, node) -> Variable:
    import h5py

    kind = node.attrs.get("MATLAB_class", b"")
    kind = kind.decode() if isinstance(kind, bytes) else str(kind)
    if "MATLAB_sparse" in node.attrs:
        return Variable(name, (), "sparse")
    if not isinstance(node, h5py.Dataset):
        return Variable(name, (), kind or "struct")
    if node.attrs.get("MATLAB_empty", 0):
        return Variable(name, tuple(int(n) for n in node[()]), kind)
    if node.dtype.names:
        kind = "complex"
    elif not kind:
        kind = {"f": "double", "i": "int64", "u": "uint64", "b": "logical"}.get(
            node.dtype.kind, "object"
        )
    # MATLAB stores columns first, so HDF5 shows every array transposed.
    return Variable(name, node.shape[::-1], kind)


def _load_hdf5(path, variable) -> np.ndarray:
    import h5py

    if 0 in variable.shape:
        return np.zeros(variable.shape)
    with h5py.File(path, "r") as file:
        return file[variable.name][()].T


_LIST = {"4": _list_scipy, "5": _list_scipy, "7.3": _list_hdf5}
_LOAD = {"4": _load_scipy, "5": _load_scipy, "7.3": _load_hdf5}
