"""MATLAB files whose bytes depend on nothing but their content.

MATLAB and SciPy write the platform and the time into the 116 bytes of text
that open a file. Here they say that the file is simulated.
"""

import os
from pathlib import Path

import h5py
import numpy as np
import scipy.io

from keras_pain.errors import KerasPainError

MARKER = "SIMULATED by keras_pain"
_TEXT_BYTES = 116
_USER_BLOCK = 512


def write_mat(
    path: Path, name: str, table: np.ndarray, *, hdf5: bool = False
) -> None:
    """Writes one matrix; the file appears complete or not at all.

    Args:
        path: The file; its folder must be there.
        name: MATLAB variable name.
        table: `(T, columns)` float64.
        hdf5: Write MATLAB 7.3, which is HDF5, instead of MATLAB 5.

    Raises:
        KerasPainError: The disk refuses.
    """
    part = path.with_name(path.name + ".part")
    try:
        (_write_hdf5 if hdf5 else _write_matlab5)(part, name, table)
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise KerasPainError(
            f"{path}: could not be written ({error.strerror or error}); "
            f"free space or choose another folder"
        ) from error


def is_simulated(path: Path) -> bool:
    """Whether a file says in its header that it is simulated."""
    with open(path, "rb") as file:
        return MARKER.encode() in file.read(_TEXT_BYTES)


def _header(version):
    text = f"MATLAB {version} MAT-file, {MARKER}"
    return text.ljust(_TEXT_BYTES).encode("ascii")


def _write_matlab5(path, name, table):
    with open(path, "wb") as file:
        scipy.io.savemat(file, {name: table}, format="5")
        file.seek(0)
        file.write(_header("5.0"))


def _write_hdf5(path, name, table):
    with h5py.File(path, "w", userblock_size=_USER_BLOCK) as file:
        # MATLAB is column-major: the file holds the transposed matrix.
        matrix = file.create_dataset(
            name, data=np.ascontiguousarray(table.T), track_times=False
        )
        matrix.attrs["MATLAB_class"] = np.bytes_("double")
    # Text, no subsystem data, version 0x0200, byte order mark.
    block = _header("7.3") + bytes(8) + b"\x00\x02IM"
    with open(path, "r+b") as file:
        file.write(block.ljust(_USER_BLOCK, b"\0"))
