"""The result store: whole folds or none, resumable, told apart by config."""

import errno
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from keras_pain import io
from keras_pain.errors import BadFileError, ConfigurationError, KerasPainError
from keras_pain.experiments.store import FoldKey, ResultStore, config_hash

KEY = FoldKey("loso", "leak_free", "alanet", 0, "P01")
CONFIG = {"epochs": 80, "method": {"units": 8}, "subjects": ["C01", "P01"]}


def predictions(n: int = 6) -> dict:
    positive = np.linspace(0.1, 0.9, n)
    return {
        "y_true": np.arange(n) % 2,
        "probabilities": np.stack([1 - positive, positive], axis=1),
        "subject": np.array(["P01"] * n),
        "window_id": np.array([f"P01_D/{i}" for i in range(n)]),
    }


def write(store, key=KEY, config=CONFIG, **arguments):
    result = {"timings": {"fit_seconds": 1.5}}
    return store.write(key, config, result, predictions(), **arguments)


def edit(folder, name, value):
    path = folder / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))


def everything_below(folder: pathlib.Path) -> list[str]:
    return sorted(
        str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()
    )


def test_a_written_fold_is_read_back(store):
    assert store.status(KEY, CONFIG) == "missing"
    folder = write(
        store, save=lambda path: (path / "model.keras").write_bytes(b"weights")
    )
    path = "folds/loso/leak_free/alanet/seed0/P01"
    assert folder.relative_to(store.root).as_posix() == path
    assert store.status(KEY, CONFIG) == "complete"
    assert store.completed() == [KEY]
    read = store.read(KEY)
    assert (read.key, read.config) == (KEY, CONFIG)
    assert read.result == {"timings": {"fit_seconds": 1.5}}
    for name, array in predictions().items():
        np.testing.assert_array_equal(read.predictions[name], array)
    names = ["model.keras", "predictions.npz", "result.json"]
    assert everything_below(folder) == names
    record = json.loads((folder / "result.json").read_text())
    assert record["config_sha256"] == config_hash(CONFIG)
    assert record["files"]["model.keras"]["bytes"] == len(b"weights")


def test_the_same_predictions_are_the_same_bytes(tmp_path):
    folders = [write(ResultStore(tmp_path / name)) for name in "ab"]
    first, second = [(f / "predictions.npz").read_bytes() for f in folders]
    assert first == second


def test_names_that_need_quoting_come_back(store):
    key = FoldKey("loso", "leak_free", "my.module:me/thod", 3, "P 01é")
    write(store, key)
    assert store.completed() == [key]


@pytest.mark.parametrize("name", ["", ".hidden", "..", " x"])
def test_names_that_are_no_folders_are_refused(name):
    with pytest.raises(ValueError):
        FoldKey("loso", "leak_free", name, 0, "P01")


@pytest.mark.parametrize(
    "change, shown",
    [
        ({"epochs": 2}, "epochs: 80 -> 2"),
        ({"method": {"units": 16}}, "method.units: 8 -> 16"),
        ({"subjects": ["C01", "P02"]}, 'subjects.1: "P01" -> "P02"'),
        ({"new": True}, "new: (unset) -> true"),
    ],
)
def test_another_configuration_is_refused(tmp_path, store, change, shown):
    write(store)
    before = (store.path(KEY) / "result.json").read_bytes()
    for action in (store.status, lambda k, c: write(store, k, c)):
        with pytest.raises(ConfigurationError) as error:
            action(KEY, {**CONFIG, **change})
        text = str(error.value)
        assert shown in text and str(tmp_path) in text
        assert "another --results_dir or delete" in text
        assert "\n" not in text
    assert (store.path(KEY) / "result.json").read_bytes() == before
    assert everything_below(tmp_path) == everything_below(store.root)
    assert not list(store.path(KEY).parent.glob(".*"))


def test_equal_configurations_hash_equal():
    spelled = {"b": (1, 2), "a": np.float64(0.5)}
    assert config_hash(spelled) == config_hash({"a": 0.5, "b": [1, 2]})
    assert config_hash({"a": 1}) != config_hash({"a": 2})


def test_the_first_of_two_equal_folds_stays(store):
    for who in ("first", "second"):
        write(store, save=lambda path, w=who: (path / "who").write_text(w))
    assert (store.path(KEY) / "who").read_text() == "first"
    assert not list(store.path(KEY).parent.glob(".*"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda f: (f / "result.json").write_bytes(b'{"format": 1, "key'),
        lambda f: (f / "result.json").write_bytes(b""),
        lambda f: (f / "result.json").write_bytes(b"\xff\xfe"),
        lambda f: (f / "result.json").write_text("[]"),
        lambda f: (f / "result.json").write_text("[" * 100_000),
        lambda f: edit(f, "result", []),
        lambda f: edit(f, "result", {"timings": {"fit_seconds": "x"}}),
        lambda f: edit(f, "config", {"dataset": {"fingerprint": {}}}),
        lambda f: (f / "result.json").unlink(),
        lambda f: (f / "predictions.npz").write_bytes(b""),
        lambda f: (f / "predictions.npz").unlink(),
    ],
)
def test_a_damaged_fold_is_missing_and_written_anew(store, caplog, damage):
    damage(write(store))
    assert store.status(KEY, CONFIG) == "missing"
    assert store.completed() == []
    [warning, *_] = caplog.messages
    assert str(store.path(KEY)) in warning and "\n" not in warning
    with pytest.raises(KerasPainError, match="run it again"):
        store.read(KEY)
    write(store)
    assert store.status(KEY, CONFIG) == "complete"
    assert not list(store.path(KEY).parent.glob(".*"))


def test_changed_predictions_are_noticed(store):
    path = write(store) / "predictions.npz"
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    with pytest.raises(KerasPainError, match="was changed"):
        store.read(KEY)


@pytest.mark.parametrize(
    "change",
    [
        {"y_true": np.zeros(5, int)},
        {"y_true": np.full(6, "x")},
        {"probabilities": np.zeros(6)},
        {"probabilities": np.full((6, 2), np.nan)},
        {"subject": np.array([["P01"]] * 6)},
    ],
)
def test_arrays_that_are_no_predictions_are_refused(store, change):
    store.write(KEY, CONFIG, {}, predictions() | change)
    with pytest.raises(BadFileError, match="holds no predictions") as error:
        store.read(KEY)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("simulated", [True, False])
def test_a_copied_fold_says_whether_it_is_simulated(tmp_path, simulated):
    folder = write(ResultStore(tmp_path, simulated))
    record = json.loads((folder / "result.json").read_text())
    with np.load(folder / "predictions.npz") as arrays:
        assert record["simulated"] is arrays["simulated"].item() is simulated
    # Outside of the configuration, so that older folds are taken over.
    store = ResultStore(tmp_path, not simulated)
    assert store.status(KEY, CONFIG) == "complete"
    assert record["config_sha256"] == config_hash(CONFIG)
    assert store.read(KEY).predictions.keys() == predictions().keys()


def test_results_that_are_not_json_and_objects_are_refused(tmp_path, store):
    with pytest.raises(ValueError):
        store.write(KEY, CONFIG, {"loss": float("nan")}, predictions())
    with pytest.raises(TypeError):
        store.write(KEY, CONFIG, {"path": pathlib.Path("x")}, predictions())
    objects = {"subject": np.array(["P01"] * 6, dtype=object)}
    with pytest.raises(ValueError):
        store.write(KEY, CONFIG, {}, {**predictions(), **objects})
    assert not any(tmp_path.iterdir())


# ---- Interruptions and full disks ------------------------------------------


def full_disk(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full_disk_of_hdf5(*_, **__):
    raise RuntimeError("error message = 'No space left on device'")


def full_disk_of_numpy(*_, **__):
    raise OSError("1000000 requested and 51184 written")


SAVES = {
    "save": full_disk, "h5": full_disk_of_hdf5, "npy": full_disk_of_numpy
}  # fmt: skip


@pytest.mark.parametrize("call", ["os.fsync", "os.replace", *SAVES])
def test_a_full_disk_leaves_nothing_of_the_fold(store, monkeypatch, call):
    other = FoldKey("loso", "leak_free", "alanet", 0, "C01")
    kept = write(store, other)
    before = {p: p.read_bytes() for p in kept.iterdir()}
    save = SAVES.get(call)
    if save is None:
        monkeypatch.setattr(call, full_disk)
    with pytest.raises(KerasPainError) as error:
        write(store, save=save)
    monkeypatch.undo()
    text = str(error.value)
    assert str(store.path(KEY)) in text and "\n" not in text
    assert "No space left" in text and "free some space" in text
    assert list(kept.parent.iterdir()) == [kept]
    assert {p: p.read_bytes() for p in kept.iterdir()} == before
    assert store.status(KEY, CONFIG) == "missing"


def test_no_place_or_an_interrupt_leaves_nothing(tmp_path, store):
    def interrupted(folder):
        (folder / "half").write_bytes(b"x")
        raise KeyboardInterrupt

    (tmp_path / "file").write_text("")
    with pytest.raises(KerasPainError, match="check that it can be written"):
        write(ResultStore(tmp_path / "file"))
    (tmp_path / "file").unlink()
    with pytest.raises(KeyboardInterrupt):
        write(store, save=interrupted)
    assert everything_below(tmp_path) == []
    assert not list(store.path(KEY).parent.iterdir())


def test_a_damaged_fold_survives_a_failed_rewrite(store, monkeypatch):
    folder = write(store)
    (folder / "result.json").write_bytes(b"")
    replace, calls = os.replace, []

    def second_fails(source, target):
        calls.append(target)
        # 1: target exists, 2: old one aside, 3: new one in place.
        if len(calls) == 3:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        replace(source, target)

    monkeypatch.setattr("os.replace", second_fails)
    with pytest.raises(KerasPainError):
        write(store)
    monkeypatch.undo()
    assert list(folder.parent.iterdir()) == [folder]


KILLED = """
import os, sys, time
import numpy as np
from keras_pain.experiments.store import FoldKey, ResultStore

def hang(descriptor):
    print("writing", flush=True)
    time.sleep(60)

os.fsync = hang
ResultStore(sys.argv[1]).write(
    FoldKey("loso", "leak_free", "alanet", 0, "P01"), {}, {},
    {"y_true": np.zeros(2, int), "probabilities": np.full((2, 2), 0.5),
     "subject": np.array(["P01"] * 2), "window_id": np.arange(2)})
"""


def test_kill_9_in_the_middle_of_a_write(tmp_path, store):
    other = FoldKey("loso", "leak_free", "alanet", 0, "C01")
    kept = write(store, other)
    writer = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert writer.stdout.readline().strip() == "writing"
        [temporary] = kept.parent.glob(".P01.tmp-*")
        # A living writer's temporary is nobody else's to delete.
        io.remove_leftovers(kept.parent)
        assert temporary.is_dir()
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
    assert temporary.is_dir()
    assert store.completed() == [other]
    assert store.status(KEY, CONFIG) == "missing"
    write(store)
    assert not temporary.exists()
    assert store.completed() == [other, KEY]


def test_only_dead_writers_leftovers_are_cleaned(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    host, here = io._HOST, os.getpid()
    booted = f"{io._ANY_BOOT}0abcdef0-{here}"
    names = {
        f".P01.tmp-{booted}-00000000": True,
        f".P01.tmp-{booted}-11111111": False,
        f".P01.tmp-{host}-{here}-00000000": True,
        f".P01.tmp-{host}-{dead.pid}-00000000": False,
        f".P01.tmp-another-host-{dead.pid}-00000000": True,
        f".P01.tmp-another-host-{dead.pid}-11111111": False,
        ".P01.tmp-mine": True,
    }
    for name in names:
        (tmp_path / name).mkdir()
    for name, age in ((list(names)[1], 4000), (list(names)[5], 1e6)):
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    io.remove_leftovers(tmp_path)
    assert {name: (tmp_path / name).exists() for name in names} == names


def test_the_longest_name_can_be_written(tmp_path):
    path = tmp_path / f"{'é' * 125}.json"  # 255 bytes
    io.write_file(path, b"{}")
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(KerasPainError, match="name too long") as error:
        io.write_file(tmp_path / ("x" * 300), b"")
    assert "\n" not in str(error.value)


def test_files_are_replaced_as_a_whole(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "table.md"
    with io.whole_file(path) as temporary:
        assert temporary.suffix == ".md" and temporary.parent == path.parent
        assert io._TEMPORARY.fullmatch(temporary.name)
        temporary.write_bytes(b"older")
    assert path.read_bytes() == b"older"
    io.write_file(path, b"old")
    monkeypatch.setattr("os.replace", full_disk)
    with pytest.raises(KerasPainError, match="free some space"):
        io.write_file(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]
