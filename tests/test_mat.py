"""Loading the matrix of any .mat file."""

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse
from emopain_files import save, save_73

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


def test_not_a_mat_file(tmp_path):
    path = tmp_path / "a.mat"
    path.write_bytes(b"")
    assert "is empty (0 bytes)" in refused(path)
    path.write_text("angle,energy\n1,2\n" * 50)
    assert "is text, not a MATLAB file" in refused(path)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    assert "another format" in refused(path)
    path.write_bytes(b"PK\x00\x04" + bytes(range(256)) * 4)
    assert refused(path)
    path.unlink()
    assert "cannot be opened (No such file" in refused(path)
