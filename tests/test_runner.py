"""Folds x seeds x methods: preparation, resume, parallel runs, bad input."""

import numpy as np
import pytest
from fake_recordings import make_recording

from keras_pain.data.windows import sliding_windows
from keras_pain.errors import ConfigurationError, KerasPainError
from keras_pain.experiments import classical, neural, runner
from keras_pain.experiments.methods import resolve_method
from keras_pain.experiments.protocols import make_folds, subjects_of
from keras_pain.experiments.store import ResultStore

FAKE = "fake_methods:MeanMethod"


@pytest.fixture(scope="module")
def recordings():
    protective = np.repeat([0, 1, 0], [300, 400, 300])
    return [
        make_recording(
            f"{group}{n}_N",
            protective=protective * (group == "P"),
            seed=n + 50 * (group == "P"),
            split="train" if n < 3 else "validation",
        )
        for group in "PC"
        for n in range(5)
    ]


@pytest.fixture(scope="module")
def windows(recordings):
    return sliding_windows(recordings)


def tasks_of(recordings, windows, methods=(FAKE,), **changes):
    settings = {
        "evaluations": {"loso": list(methods)},
        "protocols": ["leak_free"],
        "seeds": [0],
        "dataset": {"fingerprint": "abc"},
        **changes,
    }
    return runner.plan(subjects_of(recordings, windows.subject), **settings)


def test_every_fold_is_stored(recordings, windows, tmp_path):
    tasks = tasks_of(recordings, windows, seeds=[0, 1])
    store = ResultStore(tmp_path)
    runner.run(tasks, windows, store)
    assert sorted(store.completed()) == sorted(task.key for task in tasks)
    assert len(tasks) == 20
    result = store.read(tasks[0].key)
    fold = result.result["subjects"]
    assert set(result.predictions["subject"]) == set(fold["test"])
    assert not set(fold["train"]) & set(fold["test"] + fold["validation"])
    counts = result.result["windows"]
    assert counts["fitted_on"][1] == 7 * counts["train"][1]
    np.testing.assert_allclose(
        result.predictions["probabilities"].sum(1), 1, atol=1e-6
    )


def test_finished_folds_are_not_run_again(recordings, windows, tmp_path):
    tasks = tasks_of(recordings, windows)
    store = ResultStore(tmp_path)
    runner.run(tasks, windows, store, folds=slice(0, 4))
    first = store.completed()
    assert len(first) == 4
    times = {
        k: (store.path(k) / "result.json").stat().st_mtime_ns for k in first
    }
    runner.run(tasks, windows, store)
    assert len(store.completed()) == 10
    for key, time in times.items():
        assert (store.path(key) / "result.json").stat().st_mtime_ns == time


def test_order_and_processes_do_not_change_predictions(
    recordings, windows, tmp_path
):
    tasks = tasks_of(recordings, windows, protocols=["as_published"])
    one, two = ResultStore(tmp_path / "1"), ResultStore(tmp_path / "2")
    runner.run(tasks, windows, one)
    runner.run(tasks[::-1], windows, two, jobs=2)
    for task in tasks:
        path = task.key.path / "predictions.npz"
        assert (one.root / path).read_bytes() == (two.root / path).read_bytes()


def test_another_configuration_is_refused(recordings, windows, tmp_path):
    store = ResultStore(tmp_path)
    runner.run(tasks_of(recordings, windows), windows, store)
    other = tasks_of(recordings, windows, dataset={"fingerprint": "xyz"})
    with pytest.raises(ConfigurationError, match="abc.*xyz") as error:
        runner.run(other, windows, store)
    assert "--results_dir" in str(error.value)


def test_a_broken_method_loses_no_finished_fold(recordings, windows, tmp_path):
    store = ResultStore(tmp_path)
    methods = (FAKE, "fake_methods:FailingMethod")
    named = (
        "fake_methods:FailingMethod, fold .*: RuntimeError: the method broke"
    )
    with pytest.raises(KerasPainError, match=named):
        runner.run(tasks_of(recordings, windows, methods), windows, store)
    assert len(store.completed()) == 1
    runner.run(tasks_of(recordings, windows), windows, store)
    assert len(store.completed()) == 10


def test_scaling_uses_training_subjects_only(recordings, windows):
    subjects = subjects_of(recordings, windows.subject)
    (fold,) = make_folds(subjects, "holdout", "leak_free")
    shifted = windows.take(np.arange(len(windows)))
    shifted.x = windows.x.copy()
    others = ~np.isin(windows.subject, fold.train)
    shifted.x[others] += 1000 * shifted.mask[others][:, :, None]
    before = runner.prepare_fold(windows, fold, 0)
    after = runner.prepare_fold(shifted, fold, 0)
    np.testing.assert_array_equal(before.train.x, after.train.x)
    np.testing.assert_array_equal(before.augmented.x, after.augmented.x)
    assert not np.array_equal(before.test.x, after.test.x)


def test_augmented_copies_stay_in_training(recordings, windows):
    subjects = subjects_of(recordings, windows.subject)
    for fold in make_folds(subjects, "loso", "leak_free"):
        data = runner.prepare_fold(windows, fold, 0)
        assert set(data.augmented.subject) == set(fold.train)
        for part, ids in (
            (data.validation, fold.validation),
            (data.test, fold.test),
        ):
            assert len(part) == np.isin(windows.subject, ids).sum()
        held_out = set(data.test.window_id) | set(data.validation.window_id)
        assert not held_out & set(data.augmented.window_id)


def test_one_class_only_gets_a_clear_line(recordings, windows, tmp_path):
    healthy = windows.take(windows.y == 0)
    tasks = tasks_of(recordings, windows)
    with pytest.raises(ConfigurationError, match="nothing to learn") as error:
        runner.run(tasks, healthy, ResultStore(tmp_path))
    assert "non-protective" in str(error.value)


def test_a_subject_without_windows_is_named(recordings, windows, tmp_path):
    tasks = tasks_of(recordings, windows)
    without = windows.take(windows.subject != tasks[0].fold.test[0])
    with pytest.raises(ConfigurationError, match="test subjects"):
        runner.run(tasks[:1], without, ResultStore(tmp_path))


def test_prepared_data_belong_to_the_windows_asked_for(recordings, windows):
    """Same configuration, other windows: nothing of the first comes back."""
    (task, *_) = tasks_of(recordings, windows)
    before = runner._fold_data(task, windows, shared=False)
    other = windows.take(np.arange(len(windows)))
    other.x = windows.x + np.float32(1) * windows.mask[:, :, None]
    other.y = 1 - windows.y
    after = runner._fold_data(task, other, shared=False)
    assert not np.array_equal(before.test.y, after.test.y)
    again = runner._fold_data(task, other, shared=False)
    assert again is after


def test_who_chooses_no_epoch_trains_on_everyone(recordings, windows, tmp_path):
    store = ResultStore(tmp_path)
    tasks = tasks_of(
        recordings,
        windows,
        ("svm", FAKE),
        evaluations={"holdout": ["svm", FAKE]},
        protocols=["as_published", "leak_free"],
    )
    runner.run(tasks, windows, store)
    results = {(t.key.protocol, t.key.method): store.read(t.key) for t in tasks}
    one = results["as_published", "svm"].predictions["probabilities"]
    two = results["leak_free", "svm"].predictions["probabilities"]
    np.testing.assert_array_equal(one, two)
    used = results["leak_free", "svm"].result["subjects"]
    assert not set(used["train"]) & set(used["test"])
    inner = results["leak_free", "mean_method"].result["subjects"]
    assert not set(inner["train"]) & set(inner["validation"])
    assert set(used["train"]) == {*inner["train"], *inner["validation"]}


def test_an_edited_method_is_not_taken_for_the_old_one(
    recordings, windows, tmp_path, monkeypatch
):
    code = (
        "from fake_methods import MeanMethod\n"
        "class Mine(MeanMethod):\n    name = 'mine'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_module.py").write_text(code)
    store = ResultStore(tmp_path / "store")
    tasks = tasks_of(recordings, windows, ["my_module:Mine"])
    runner.run(tasks, windows, store, folds=slice(0, 1))
    (tmp_path / "my_module.py").write_text(code + "# edited\n")
    tasks = tasks_of(recordings, windows, ["my_module:Mine"])
    with pytest.raises(ConfigurationError, match="source_sha256"):
        runner.run(tasks, windows, store)


def test_a_name_of_the_suite_is_refused(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "impostor.py").write_text(
        "from fake_methods import MeanMethod\n"
        "class Mine(MeanMethod):\n    name = 'alanet'\n"
    )
    with pytest.raises(ConfigurationError, match="name of its own"):
        resolve_method("impostor:Mine")


def test_folds_that_do_not_exist(recordings, windows, tmp_path):
    tasks = tasks_of(recordings, windows)
    with pytest.raises(ConfigurationError, match="there are 10"):
        runner.run(tasks, windows, ResultStore(tmp_path), folds=slice(20, 25))


def test_methods_resolve():
    assert resolve_method("knn").name == "knn"
    assert resolve_method(FAKE).name == "mean_method"
    with pytest.raises(ConfigurationError, match="not one of"):
        resolve_method("bananet")
    with pytest.raises(ConfigurationError, match="cannot load"):
        resolve_method("no_such_module:thing")
    with pytest.raises(ConfigurationError, match="lacks name, fit"):
        resolve_method("fake_methods:not_a_method")


@pytest.fixture(scope="module")
def folds(recordings, windows):
    """Two folds of short windows, ready to train on."""
    short = windows.take(np.arange(0, len(windows), 4))
    short.x = np.ascontiguousarray(short.x[:, :72])
    short.length = np.minimum(short.length, 72)
    subjects = subjects_of(recordings, windows.subject)
    made = make_folds(subjects, "loso", "leak_free")
    return [runner.prepare_fold(short, fold, 0) for fold in made[-2:]]


# Methods of clips have tests of their own.
OF_WINDOWS = sorted({**classical.METHODS, **neural.METHODS})


@pytest.mark.parametrize("name", OF_WINDOWS)
def test_a_method_alone_equals_it_after_another_fold(name, folds):
    """A kept network is as good as new: same bytes, whatever came before."""

    def predict(data, **options):
        method = resolve_method(name, epochs=2, **options)
        assert method.name == name
        report = method.fit(data.augmented, data.validation, 7)
        assert sum(report.stages.values()) > 0
        return method.predict_proba(data.test)

    alone = predict(folds[0])
    assert alone.shape == (len(folds[0].test), 2)
    np.testing.assert_allclose(alone.sum(1), 1, atol=1e-5)
    predict(folds[1], reuse=True)
    np.testing.assert_array_equal(predict(folds[0], reuse=True), alone)
