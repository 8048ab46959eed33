"""Loading the matrix of any .mat file."""

import gzip
import struct
import zlib

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse
from emopain_files import save, save_73

from keras_pain.corpora import mat
from keras_pain.corpora.mat import (
    SIMULATED_MARK,
    load_matrix,
    mat_version,
    matrix_shape,
)
from keras_pain.errors import BadFileError

VALUES = np.arange(60.0).reshape(12, 5)


def refused(path, **options):
    with pytest.raises(BadFileError) as caught:
        load_matrix(path, **options)
    line = str(caught.value)
    assert line.startswith(f"{path}: ") and "\n" not in line
    assert caught.value.cure and caught.value.rule != "bad_file"
    return line


@pytest.mark.parametrize("version", ["5", "5 compressed", "4", "7.3"])
def test_each_format(tmp_path, version):
    path = tmp_path / "a.mat"
    if version == "7.3":
        save_73(path, {"anything": VALUES})
    elif version == "4":
        scipy.io.savemat(path, {"anything": VALUES}, format="4")
    else:
        save(path, VALUES, "anything", compress="compressed" in version)
    matrix = load_matrix(path, prefer="data")
    np.testing.assert_array_equal(matrix.values, VALUES)
    assert matrix.variable == "anything" and not matrix.simulated
    assert matrix.version == mat_version(path) == version.split()[0]
    assert matrix_shape(path) == (12, 5)


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.uint16, bool])
def test_other_number_types(tmp_path, dtype):
    values = VALUES.astype(dtype)
    for path in (
        save(tmp_path / "a.mat", values),
        save_73(tmp_path / "b.mat", {"data": values}),
    ):
        matrix = load_matrix(path)
        assert matrix.values.dtype == np.float64
        np.testing.assert_array_equal(matrix.values, values)


def test_simulated_mark_in_both_formats(tmp_path):
    mark = SIMULATED_MARK.decode()
    old = save(tmp_path / "a.mat", VALUES, header=f"MATLAB 5.0 {mark}")
    new = save_73(tmp_path / "b.mat", {"data": VALUES}, f"MATLAB 7.3 {mark}")
    assert load_matrix(old).simulated and load_matrix(new).simulated


def test_which_of_several_matrices_is_taken(tmp_path):
    variables = {"data": VALUES, "other": VALUES + 1, "note": "text"}
    path = save(tmp_path / "a.mat", variables)
    matrix = load_matrix(path, prefer="data", several="last")
    np.testing.assert_array_equal(matrix.values, VALUES)
    assert matrix.others == ("other",)
    save(path, {"id": 3.0, "P33": VALUES, "n": [1, 2]})
    assert load_matrix(path, min_columns=5).variable == "P33"
    save(path, {"z": VALUES, "b": VALUES + 1})
    assert load_matrix(path, several="last").variable == "b"
    assert "several matrices (z, b)" in refused(path)
    save_73(path, {"z": VALUES, "b": VALUES})  # which keeps no order
    assert "several matrices" in refused(path, several="last")


def test_zero_rows_are_a_matrix(tmp_path):
    path = save(tmp_path / "a.mat", np.zeros((0, 5)))
    assert load_matrix(path, min_columns=5).values.shape == (0, 5)
    path = save_73(tmp_path / "b.mat", {"data": np.array([0, 5])})
    with h5py.File(path, "r+") as file:
        file["data"].attrs["MATLAB_empty"] = 1
        file["data"].attrs["MATLAB_class"] = np.bytes_(b"double")
    assert load_matrix(path, min_columns=5).values.shape == (0, 5)


@pytest.mark.parametrize(
    "value, words",
    [
        (np.zeros((3, 4, 5)), "3x4x5 double"),
        ("some text", "char"),
        ({"data": {"inside": VALUES}}, "struct"),
        (np.array([VALUES, "x"], dtype=object), "cell"),
        (scipy.sparse.csc_matrix(VALUES), "sparse"),
        (scipy.sparse.csc_matrix(VALUES > 9), "sparse"),
        (np.zeros((9, 3)), "9x3 double"),
    ],
)
def test_no_matrix_in_it(tmp_path, value, words):
    line = refused(save(tmp_path / "a.mat", value), min_columns=4)
    assert "'data'" in line and words in line


def test_complex_is_refused(tmp_path):
    assert "is complex" in refused(save(tmp_path / "a.mat", VALUES * 1j))
    path = save_73(tmp_path / "b.mat", {})
    pair = np.dtype([("real", "f8"), ("imag", "f8")])
    with h5py.File(path, "r+") as file:
        file["data"] = np.zeros((5, 12), pair)
    assert "12x5 complex" in refused(path)


def test_cells_structs_text_and_sparse_of_73(tmp_path):
    path = save_73(tmp_path / "a.mat", {})
    with h5py.File(path, "r+") as file:
        file["s/x"] = VALUES
        file["s"].attrs["MATLAB_class"] = np.bytes_(b"struct")
        file["t"] = np.zeros((5, 1), np.uint16)
        file["t"].attrs["MATLAB_class"] = np.bytes_(b"char")
        file.create_dataset("c", (5, 5), h5py.ref_dtype)
        file["p/data"] = VALUES
        file["p"].attrs["MATLAB_sparse"] = 12
        file["#refs#/a"] = VALUES
    line = refused(path)
    for words in ("'s' (struct)", "char", "'c' (5x5 object)", "sparse"):
        assert words in line
    assert "#refs#" not in line


@pytest.mark.parametrize("compress", [False, True])
def test_truncated_anywhere(tmp_path, compress):
    whole = save(tmp_path / "a.mat", VALUES, compress=compress).read_bytes()
    for size in (1, 60, 127, 130, 180, len(whole) - 1):
        path = tmp_path / f"cut{size}.mat"
        path.write_bytes(whole[:size])
        line = refused(path)
        assert "truncated" in line or "not a MATLAB file" in line
        assert ("truncated" in line) or size < 100
    path.write_bytes(whole[:128])
    assert "holds no variable" in refused(path)


def test_truncated_73_and_damaged_bytes(tmp_path):
    values = np.random.default_rng(0).normal(size=(400, 20))
    whole = save_73(tmp_path / "a.mat", {"data": values}).read_bytes()
    path = tmp_path / "b.mat"
    path.write_bytes(whole[:3000])
    assert "truncated or damaged" in refused(path)
    path.write_bytes(whole[:300])
    assert "damaged MATLAB 7.3" in refused(path)
    path.write_bytes(whole[:520] + b"\xff" * (len(whole) - 520))
    assert "truncated or damaged" in refused(path)
    whole = bytearray(save(path, VALUES, compress=True).read_bytes())
    whole[140:170] = b"\xaa" * 30
    path.write_bytes(whole)
    assert "truncated or damaged" in refused(path)


def part(kind, data):
    padding = bytes(-len(data) % 8)
    return struct.pack("<II", kind, len(data)) + data + padding


def variable(kind, shape, name, numbers, data):
    """A variable of the MATLAB 5 format, byte by byte."""
    flags, dims = struct.pack("<II", kind, 0), np.array(shape, "<i4").tobytes()
    parts = part(6, flags) + part(5, dims) + part(1, name)
    return part(14, parts + part(numbers, data))


def save_bytes(path, *variables):
    head = b"MATLAB 5.0".ljust(116) + bytes(8) + b"\x00\x01IM"
    path.write_bytes(head + b"".join(variables))
    return path


def test_matlabs_own_entries_are_no_variables(tmp_path):
    sound = variable(6, (12, 5), b"data", 9, VALUES.T.tobytes())
    # What a table or string leaves: an object, and an unnamed workspace.
    names = part(1, b"t") + part(1, b"MCOS") + part(1, b"table")
    inner = variable(13, (6, 1), b"", 6, bytes(24))
    opaque = part(14, part(6, struct.pack("<II", 17, 0)) + names + inner)
    workspace = variable(9, (1, 300), b"", 2, bytes(300))
    path = tmp_path / "a.mat"
    save_bytes(path, opaque, sound, workspace, bytes(20))
    matrix = load_matrix(path, several="last")
    assert (matrix.variable, matrix.others) == ("data", ())
    np.testing.assert_array_equal(matrix.values, VALUES)


@pytest.mark.parametrize("behind", [b"\n", b"\0\0\r\n", b"text\n" * 9])
def test_other_bytes_behind_the_last_variable(tmp_path, behind):
    path = tmp_path / "a.mat"
    matrix = load_matrix(save_bytes(path, SOUND, bytes(16)))
    assert matrix.behind == 0
    matrix = load_matrix(save_bytes(path, SOUND, behind))
    np.testing.assert_array_equal(matrix.values, VALUES)
    assert matrix.behind == len(behind.strip(b"\0"))
    assert matrix_shape(path) == (12, 5)
    # What may be a variable, or was one, is damaged.
    for end in (SOUND[:3], SOUND[:40], b"\1" + SOUND[1:]):
        assert "truncated" in refused(save_bytes(path, SOUND, end))


SOUND = variable(6, (12, 5), b"data", 9, VALUES.T.tobytes())
BOMB = variable(6, (12, 5), b"data", 9, bytes(2**21))


def test_matlab_5_files_are_unpacked_once_and_for_their_shape_not_at_all(
    tmp_path, monkeypatch
):
    path = save(tmp_path / "a.mat", np.zeros((9000, 5)), compress=True)
    sizes, unpack = [], mat._inflated

    def count(packed, most):
        data = unpack(packed, most)
        sizes.append(len(data))
        return data

    monkeypatch.setattr(mat, "_inflated", count)
    assert matrix_shape(path) == (9000, 5)
    assert sum(sizes) < 5000
    assert load_matrix(path).values.shape == (9000, 5)
    assert sum(size > 5000 for size in sizes) == 1


@pytest.mark.parametrize(
    "content, rule",
    [
        *(
            (variable(6, (12, 5), b"data", kind, bytes(60)), "unreadable")
            for kind in (0, 16, 20)
        ),
        (variable(6, (12, 5), b"data", 14, VALUES.tobytes()), "unreadable"),
        (variable(6, (12, 6), b"data", 9, VALUES.tobytes()), "unreadable"),
        (variable(6, (2**30, 5), b"data", 9, bytes(8)), "too_large"),
        (part(15, zlib.compress(b"x" * 99)), "unreadable"),
        (part(15, zlib.compress(BOMB)), "too_large"),
        (part(15, zlib.compress(BOMB[:-9])), "too_large"),
        (part(15, zlib.compress(SOUND[:-9])), "unreadable"),
    ],
)
def test_what_a_matlab_5_file_says_is_not_believed(
    tmp_path, content, rule, monkeypatch
):
    monkeypatch.setattr(mat, "_MAX_BYTES", 2**20)
    path = save_bytes(tmp_path / "a.mat", content)
    with pytest.raises(BadFileError) as caught:
        load_matrix(path)
    assert caught.value.rule == rule


def hdf5(path, fill):
    with h5py.File(path, "w") as file:
        fill(file)
    return path


def test_axes_of_hdf5_that_matlab_did_not_write(tmp_path):
    path = tmp_path / "a.mat"
    for values, version in ((VALUES, "HDF5"), (VALUES.T, "7.3")):
        hdf5(path, lambda file, v=values: file.update({"data": v}))
        matrix = load_matrix(path, min_columns=4, widths=(5,))
        np.testing.assert_array_equal(matrix.values, VALUES)
        assert matrix.version == version
    assert "frames must be the last axis" in refused(path)
    line = refused(path, widths=(5, 12))
    assert "'data' (12x5 double)" in line and "MATLAB_class" in line

    def octave(file):
        file["data/value"] = VALUES.T
        file["data/type"] = np.bytes_("matrix")
        file["data"].attrs["OCTAVE_NEW_FORMAT"] = np.uint8(1)
        file["note"] = h5py.Empty("f8")

    np.testing.assert_array_equal(
        load_matrix(hdf5(path, octave)).values, VALUES
    )


def virtual(file):
    layout = h5py.VirtualLayout((12, 5), "f8")
    layout[:] = h5py.VirtualSource("other.mat", "data", (12, 5))
    file.create_virtual_dataset("data", layout)


def bomb(file):
    data = file.create_dataset("data", (12, 5), "f8", compression=9)
    data.id.write_direct_chunk((0, 0), zlib.compress(bytes(2**24)))


def big_chunk(file):
    options = {"chunks": (10**5, 5), "maxshape": (None, 5), "compression": 9}
    file.create_dataset("data", data=VALUES, **options)


def lies(file):
    file["data"] = np.array([10**9, 5])
    file["data"].attrs.update({"MATLAB_empty": 1, "MATLAB_class": b"double"})


HDF5 = {
    "external": (lambda f: f.update({"data": h5py.ExternalLink("b", "/c")})),
    "soft": (lambda f: f.update({"data": h5py.SoftLink("/other")})),
    "virtual": virtual,
    "raw": lambda f: f.create_dataset(
        "data", (12, 5), "f8", external=[("raw.bin", 0, 480)]
    ),
    "huge": lambda f: f.create_dataset("data", (10**9, 5), "f8", chunks=True),
    "big chunk": big_chunk,
    "bomb": bomb,
    "unwritten": lambda f: f.create_dataset("data", (12, 5), "f8"),
    "partly": lambda f: f.create_dataset(
        "data", (12, 5), "f8", chunks=(6, 5)
    ).write_direct(VALUES, np.s_[:6], np.s_[:6]),
    "lies": lies,
    "texts": lambda f: f.create_dataset("data", (12, 5), "S4"),
    "lists": lambda f: f.create_dataset("data", (12, 5), h5py.vlen_dtype("f8")),
}
RULES = ["values_elsewhere"] * 4 + ["too_large"] * 3 + ["unreadable"] * 2


@pytest.mark.parametrize(
    "name, rule",
    [*zip(HDF5, [*RULES, *["missing_variable"] * 3], strict=True)],
)
def test_hdf5_that_is_not_all_there_or_too_much(
    tmp_path, name, rule, monkeypatch
):
    monkeypatch.setattr(mat, "_MAX_BYTES", 2**20)
    path = hdf5(tmp_path / "a.mat", HDF5[name])
    with pytest.raises(BadFileError) as caught:
        load_matrix(path, widths=(5,))
    assert caught.value.rule == rule and "\n" not in str(caught.value)


def test_not_a_mat_file(tmp_path):
    path = tmp_path / "a.mat"
    path.write_bytes(b"")
    assert "is empty (0 bytes)" in refused(path)
    path.write_text("angle,energy\n1,2\n" * 50)
    assert "is text, not a MATLAB file" in refused(path)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    assert "another format" in refused(path)
    save(path, VALUES)
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert "is gzip-compressed; unpack it" in refused(path)
    path.write_bytes(b"PK\x00\x04" + bytes(range(256)) * 4)
    assert refused(path)
    path.unlink()
    assert "cannot be opened (No such file" in refused(path)
    vax = struct.pack("<5i", 2000, 12, 5, 0, 5) + b"data\0" + VALUES.tobytes()
    path.write_bytes(vax)  # SciPy only warns that it may be wrong
    assert "damaged" in refused(path)
