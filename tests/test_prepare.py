"""Datasets are built once, from the files they say, and read back."""

import errno
import os
import pathlib
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow_datasets as tfds

import keras_pain.io
import tfds_builders
from keras_pain.corpora import emopain, manifest
from keras_pain.data import prepare
from keras_pain.data.prepare import load_recordings, prepare_dataset
from keras_pain.errors import BadFileError, KerasPainError
from keras_pain.simulate.folder import write_all
from tfds_builders.emopain import emopain_dataset_builder

BASE = tfds.core.GeneratorBasedBuilder
DUMMY = pathlib.Path(tfds_builders.__file__).parent / "emopain" / "dummy_data"


@pytest.fixture
def raw(tmp_path):
    """A copy of the dummy fame files."""
    return shutil.copytree(DUMMY / "fame", tmp_path / "raw")


def prepare_fame(raw, tmp_path, **kwargs):
    kwargs = {"data_dir": tmp_path / "tfds", **kwargs}
    return prepare_dataset("emopain", manual_dir=raw, **kwargs)


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
    expected = manifest.fingerprint(raw, files)
    assert prepare_fame(raw, tmp_path).fingerprint == expected
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
    left = [path.name for path in home.glob("incomplete*")]
    assert left == ["incomplete.NEW_1.0.0"]


def test_an_unfinished_version_folder_gets_one_line(raw, tmp_path):
    (tmp_path / "tfds" / "emopain" / "fame" / "1.0.0").mkdir(parents=True)
    with pytest.raises(KerasPainError, match="is no finished dataset"):
        prepare_fame(raw, tmp_path)
    builder = emopain_dataset_builder.Builder(
        config="fame", data_dir=tmp_path / "tfds"
    )
    with pytest.raises(KerasPainError, match="is no finished dataset"):
        builder.download_and_prepare()


def test_a_data_dir_that_cannot_be_written_gets_one_line(raw, tmp_path):
    (tmp_path / "tfds").write_text("a file where a folder should be")
    with pytest.raises(KerasPainError, match="cannot be written") as caught:
        prepare_fame(raw, tmp_path)
    assert "\n" not in str(caught.value)


BUILD = """
import pathlib, sys, time
from keras_pain.data.prepare import prepare_dataset
verify = prepare_dataset.__globals__["identify"]
def identify(*arguments):  # here both know that there is no dataset yet
    pathlib.Path(sys.argv[3]).touch()
    while len(list(pathlib.Path(sys.argv[3]).parent.glob("at_*"))) < 2:
        time.sleep(0.01)
    return verify(*arguments)
prepare_dataset.__globals__["identify"] = identify
found = prepare_dataset("emopain", manual_dir=sys.argv[1], data_dir=sys.argv[2])
print(found.fingerprint, len(found.report), found.reused)
"""


def test_two_processes_that_build_together_end_well(raw, tmp_path):
    command = [sys.executable, "-c", BUILD, str(raw), str(tmp_path / "tfds")]
    builds = [
        subprocess.Popen(
            [*command, str(tmp_path / f"at_{number}")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    told = [build.communicate(timeout=120) for build in builds]
    assert [build.returncode for build in builds] == [0, 0], told
    assert told[0][0] == told[1][0] and told[0][0].endswith(" 3 False\n")
    said = [err.count("another process has built it") for _, err in told]
    assert sorted(said) == [0, 1]
    assert prepare_fame(raw, tmp_path).reused


def no_locks(*arguments):
    raise OSError(errno.ENOLCK, "No locks available")


def test_the_first_to_finish_wins_on_a_disk_without_locks(
    raw, tmp_path, monkeypatch, capsys
):
    make = BASE._download_and_prepare
    done = []

    def slower(builder, *arguments, **options):
        make(builder, *arguments, **options)
        if not done:
            done.append(True)
            prepare_fame(raw, tmp_path)

    monkeypatch.setattr("fcntl.flock", no_locks)
    monkeypatch.setattr(BASE, "_download_and_prepare", slower)
    assert len(prepare_fame(raw, tmp_path).report) == 3
    assert "another process has built it" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error", [BadFileError("a.mat", "mine", "cure"), OSError(errno.EIO, "mine")]
)
def test_a_build_s_own_error_is_not_hidden_by_another_s_dataset(
    raw, tmp_path, monkeypatch, error
):
    make, done = BASE._download_and_prepare, []

    def fails(builder, *arguments, **options):
        make(builder, *arguments, **options)
        if not done:
            done.append(True)
            prepare_fame(raw, tmp_path)
            raise error

    monkeypatch.setattr("fcntl.flock", no_locks)
    monkeypatch.setattr(BASE, "_download_and_prepare", fails)
    with pytest.raises(KerasPainError, match="mine"):
        prepare_fame(raw, tmp_path)


@pytest.mark.parametrize("of", ["Python", "TensorFlow"])
def test_a_full_disk_is_named_in_one_line(raw, tmp_path, monkeypatch, of):
    def full(*arguments, **options):
        words = os.strerror(errno.ENOSPC)
        if of == "Python":
            raise OSError(errno.ENOSPC, words)
        import tensorflow as tf

        raise tf.errors.ResourceExhaustedError(None, None, f"shard; {words}")

    monkeypatch.setattr(BASE, "_download_and_prepare", full)
    with pytest.raises(KerasPainError) as caught:
        prepare_fame(raw, tmp_path)
    line = str(caught.value)
    assert str(tmp_path / "tfds" / "emopain" / "fame") in line
    assert "No space left" in line and "free space there" in line
    assert "\n" not in line
    assert not list((tmp_path / "tfds").rglob("incomplete*"))


def test_another_file_format_is_read_too(raw, tmp_path):
    path = prepare_fame(raw, tmp_path).path
    builder = emopain_dataset_builder.Builder(
        config="fame", data_dir=tmp_path / "other", file_format="array_record"
    )
    config = tfds.download.DownloadConfig(manual_dir=raw)
    builder.download_and_prepare(download_config=config)
    other = prepare_fame(raw, tmp_path, data_dir=tmp_path / "other")
    assert other.reused
    for joints in (False, True):
        found = load_recordings(other.path, joints)
        np.testing.assert_equal(found, load_recordings(path, joints))
    with pytest.raises(KerasPainError, match="array_record.*=tfrecord"):
        next(prepare.read_examples(other.path, coded=["angles"]))


def test_label_columns_of_the_challenge_can_be_given(tmp_path, monkeypatch):
    raw = DUMMY / "challenge2020"
    path = prepare_fame(raw, tmp_path).path
    given = [r["pain_level"] for r in load_recordings(path)]
    assert all((pain >= 0).all() for pain in given)
    monkeypatch.setenv("KERAS_PAIN_CHALLENGE_COLUMNS", "pain=none")
    with pytest.raises(KerasPainError, match="with other options"):
        prepare_fame(raw, tmp_path)
    path = prepare_fame(raw, tmp_path / "elsewhere").path
    patients = [r for r in load_recordings(path) if r["group"] == "patient"]
    assert patients and all((r["pain_level"] == -1).all() for r in patients)


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


def test_a_simulation_removes_what_a_killed_one_left(tmp_path):
    (tmp_path / "video").mkdir()
    host, dead = keras_pain.io._HOST, 2**22 + 1  # no process has this number
    left = tmp_path / "video" / f".a.tmp-{host}-{dead}-0123abcd.mp4"
    left.touch()
    assert write_all(str, [1], "nothing", tmp_path, 1, False) == ["1"]
    assert not left.exists()
