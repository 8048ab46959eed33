"""Datasets are built once, from the files they say, and read back."""

import os
import pathlib
import shutil
import time

import pytest

import tfds_builders
from keras_pain.corpora import emopain, manifest
from keras_pain.data import prepare
from keras_pain.data.prepare import load_recordings, prepare_dataset
from keras_pain.errors import KerasPainError

DUMMY = pathlib.Path(tfds_builders.__file__).parent / "emopain" / "dummy_data"


@pytest.fixture
def raw(tmp_path):
    """A copy of the dummy fame files."""
    return shutil.copytree(DUMMY / "fame", tmp_path / "raw")


def prepare_fame(raw, tmp_path, **kwargs):
    return prepare_dataset(
        "emopain", manual_dir=raw, data_dir=tmp_path / "tfds", **kwargs
    )


def test_a_dataset_is_built_once_and_only_from_the_same_files(
    raw, tmp_path, capsys
):
    first = prepare_fame(raw, tmp_path)
    assert not first.reused
    assert "SIMULATED" in capsys.readouterr().err
    again = prepare_fame(raw, tmp_path)
    assert again.reused and again.path == first.path
    assert again.fingerprint == first.fingerprint
    assert again.report == first.report
    assert "reused" in capsys.readouterr().err
    (raw / "randomised P" / "P2_D.mat").unlink()
    with pytest.raises(KerasPainError, match="was built from other files"):
        prepare_fame(raw, tmp_path)
    prepare_fame(raw, tmp_path / "elsewhere")


def test_a_manifest_is_verified(raw, tmp_path):
    files = emopain.find_files(raw, "fame")
    manifest.write_manifest(raw, files)
    assert prepare_fame(raw, tmp_path).fingerprint == manifest.fingerprint(
        raw, files
    )
    shutil.copy(files[1].path, files[2].path)
    with pytest.raises(KerasPainError, match=files[2].path.name):
        prepare_fame(raw, tmp_path / "elsewhere")


def test_a_build_that_broke_off_does_not_stop_the_next(
    raw, tmp_path, monkeypatch
):
    home = tmp_path / "tfds" / "emopain" / "fame"
    for name, age in (("OLD", 2 * prepare._STALE), ("NEW", 0)):
        left_over = home / f"incomplete.{name}_1.0.0"
        left_over.mkdir(parents=True)
        (left_over / "emopain-full.tfrecord-00000").write_bytes(b"half")
        for path in (left_over / "emopain-full.tfrecord-00000", left_over):
            os.utime(path, (time.time() - age, time.time() - age))
    read_file, calls = emopain.read_file, []

    def interrupted(raw_file, **options):
        calls.append(raw_file)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return read_file(raw_file, **options)

    monkeypatch.setattr(emopain, "read_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepare_fame(raw, tmp_path)
    assert not (home / "1.0.0").exists()
    prepared = prepare_fame(raw, tmp_path)
    assert len(load_recordings(prepared.path)) == len(prepared.report) == 3
    # Another process may still be at the new one.
    assert [p.name for p in home.glob("incomplete*")] == [
        "incomplete.NEW_1.0.0"
    ]


def test_an_unfinished_version_folder_gets_one_line(raw, tmp_path):
    (tmp_path / "tfds" / "emopain" / "fame" / "1.0.0").mkdir(parents=True)
    with pytest.raises(KerasPainError, match="is no finished dataset"):
        prepare_fame(raw, tmp_path)


def test_a_data_dir_that_cannot_be_written_gets_one_line(raw, tmp_path):
    (tmp_path / "tfds").write_text("a file where a folder should be")
    with pytest.raises(KerasPainError, match="cannot be built") as caught:
        prepare_fame(raw, tmp_path)
    assert "\n" not in str(caught.value)


def test_label_columns_of_the_challenge_can_be_given(tmp_path, monkeypatch):
    raw = DUMMY / "challenge2020"
    path = prepare_fame(raw, tmp_path).path
    given = [r["pain_level"] for r in load_recordings(path)]
    assert all((pain >= 0).all() for pain in given)
    monkeypatch.setenv("KERAS_PAIN_CHALLENGE_COLUMNS", "pain=none")
    with pytest.raises(KerasPainError, match="with other options"):
        prepare_fame(raw, tmp_path)
    path = prepare_fame(raw, tmp_path / "elsewhere").path
    patients = [
        r["pain_level"]
        for r in load_recordings(path)
        if r["group"] == "patient"
    ]
    assert patients and all((pain == -1).all() for pain in patients)


def test_loading_leaves_out_what_is_not_asked_for(raw, tmp_path):
    path = prepare_fame(raw, tmp_path).path
    assert "joints" not in load_recordings(path)[0]
    whole = load_recordings(path, with_joints=True)
    assert "joints" in whole[0] and whole[0]["raters"].shape[1:] == (4, 7)
    assert [r["recording"] for r in whole] == ["C1_N", "P2_D", "P2_N"]
    assert [r["group"] for r in whole] == ["healthy", "patient", "patient"]


def test_loading_keeps_the_owners_order_of_splits(tmp_path):
    path = prepare_fame(DUMMY / "coordinates", tmp_path).path
    splits = load_recordings(path)
    assert [r["split"] for r in splits] == 2 * ["train"] + 2 * ["validation"]


def test_a_folder_without_a_dataset_gets_one_line(tmp_path):
    with pytest.raises(KerasPainError, match="is no TFDS dataset"):
        load_recordings(tmp_path)
