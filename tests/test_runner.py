"""Folds x seeds x methods: preparation, resume, parallel runs, bad input."""

import os
import tempfile

import numpy as np
import pytest
from fake_recordings import make_people
from joblib.externals.loky import get_reusable_executor

from keras_pain.data.windows import sliding_windows
from keras_pain.errors import ConfigurationError, KerasPainError
from keras_pain.experiments import optim, runner
from keras_pain.experiments.baselines import CLASSICAL
from keras_pain.experiments.folds import prepare_fold
from keras_pain.experiments.method_registry import (
    fed,
    registered_methods,
    resolve_method,
)
from keras_pain.experiments.protocols import (
    AS_PUBLISHED,
    Protocol,
    make_folds,
    subjects_of,
)
from keras_pain.experiments.store import ResultStore
from keras_pain.models.registry import WINDOWS

FAKE = "fake_methods:MeanMethod"
METHOD = """
from fake_methods import MeanMethod
class Mine(MeanMethod):
    name = {!r}
"""


@pytest.fixture(scope="module")
def recordings():
    return make_people("PC")


@pytest.fixture(scope="module")
def windows(recordings):
    return sliding_windows(recordings)


@pytest.fixture(scope="module")
def subjects(recordings, windows):
    return subjects_of(recordings, windows.subject)


@pytest.fixture(scope="module")
def tasks_of(subjects):
    def plan(*methods, **changes):
        settings = {
            "evaluations": {"loso": list(methods or [FAKE])},
            "protocols": ["leak_free"],
            "seeds": [0],
            "dataset": {"fingerprint": "abc"},
            **changes,
        }
        return runner.plan(subjects, **settings)

    return plan


def test_every_fold_is_stored(tasks_of, windows, store):
    tasks = tasks_of(seeds=[0, 1])
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


def test_finished_folds_are_not_run_again(tasks_of, windows, store):
    tasks = tasks_of()

    def times(keys):
        paths = [store.path(key) / "result.json" for key in keys]
        return [path.stat().st_mtime_ns for path in paths]

    runner.run(tasks, windows, store, folds=slice(0, 4))
    first = store.completed()
    before = times(first)
    assert len(first) == 4
    runner.run(tasks, windows, store)
    assert len(store.completed()) == 10
    assert times(first) == before


def test_order_and_processes_change_no_prediction(tasks_of, windows, tmp_path):
    tasks = tasks_of(protocols=["as_published"])
    one, two = ResultStore(tmp_path / "1"), ResultStore(tmp_path / "2")
    runner.run(tasks, windows, one)
    runner.run(tasks[::-1], windows, two, jobs=2)
    for task in tasks:
        path = task.key.path / "predictions.npz"
        assert (one.root / path).read_bytes() == (two.root / path).read_bytes()


def test_processes_that_grow_are_kept(tasks_of, windows, store, monkeypatch):
    """What grows are their networks, which others would trace again."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setenv("PROCESSES", folder)
        # Those of other tests do not know it.
        get_reusable_executor().shutdown(wait=True)
        tasks = tasks_of("fake_methods:GrowingMethod")
        runner.run(tasks, windows, store, jobs=2)
        assert len(os.listdir(folder)) == 2


def test_a_dask_worker_that_dies_is_made_good(
    tasks_of, windows, tmp_path, monkeypatch
):
    distributed = pytest.importorskip("distributed")
    marker = tmp_path / "died"
    monkeypatch.setenv("DIES_ONCE", str(marker))
    tasks = tasks_of("fake_methods:DyingMethod")
    one, two = ResultStore(tmp_path / "1"), ResultStore(tmp_path / "2")
    settings = {"threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(n_workers=2, **settings) as cluster:
        runner.run(tasks, windows, two, dask=cluster.scheduler_address)
    assert marker.exists()
    runner.run(tasks, windows, one)
    for task in tasks:
        path = task.key.path / "predictions.npz"
        assert (one.root / path).read_bytes() == (two.root / path).read_bytes()


def test_no_dask_scheduler_is_one_line(tasks_of, windows, store):
    pytest.importorskip("distributed")
    with pytest.raises(ConfigurationError, match="--dask nonsense: no"):
        runner.run(tasks_of(), windows, store, dask="nonsense")


def test_another_configuration_is_refused(tasks_of, windows, store):
    runner.run(tasks_of(), windows, store)
    other = tasks_of(dataset={"fingerprint": "xyz"})
    with pytest.raises(ConfigurationError, match="abc.*xyz") as error:
        runner.run(other, windows, store)
    assert "--results_dir" in str(error.value)


def test_determinism_is_part_of_a_configuration(
    tasks_of, windows, store, monkeypatch
):
    plain, asked = tasks_of()[0], tasks_of(deterministic=True)[:2]
    assert asked[0].config == {**plain.config, "deterministic": True}
    told = []
    monkeypatch.setattr(runner, "start_tensorflow", told.append)
    runner.run(asked, windows, store)
    assert told == [True, True]


def test_folds_are_the_same_for_every_seed(tasks_of):
    one, two = tasks_of(seeds=[0]), tasks_of(seeds=[1])
    assert [t.fold for t in one] == [t.fold for t in two]


def test_a_newer_defect_leaves_the_folds_of_others_alone(tasks_of):
    """Unmasked padding is told by BANet's arguments, and by nothing else."""
    names = "banet", "banet_bodily", "alanet", FAKE
    old, new = [
        tasks_of(*names, protocols=[Protocol("p", "as_published", defects)])
        for defects in (("epoch_on_test",), AS_PUBLISHED.defects)
    ]
    for before, after in zip(old[:4], new[:4], strict=True):
        method = before.config["method"]
        if after.method.startswith("banet"):
            arguments = {**method["arguments"], "mask_value": None}
            method = {**method, "arguments": arguments}
        assert after.config == {**before.config, "method": method}
    assert {t.fold.validation == t.fold.test for t in new} == {True}


def test_a_broken_method_loses_no_finished_fold(tasks_of, windows, store):
    methods = (FAKE, "fake_methods:FailingMethod")
    named = f"{methods[1]}, fold .*: RuntimeError: the method broke"
    with pytest.raises(KerasPainError, match=named):
        runner.run(tasks_of(*methods), windows, store)
    assert len(store.completed()) == 1
    runner.run(tasks_of(), windows, store)
    assert len(store.completed()) == 10


def test_scaling_uses_training_subjects_only(subjects, windows):
    (fold,) = make_folds(subjects, "holdout", "leak_free")
    shifted = windows.take(np.arange(len(windows)))
    shifted.x = windows.x.copy()
    others = ~np.isin(windows.subject, fold.train)
    shifted.x[others] += 1000 * shifted.mask[others][:, :, None]
    before = prepare_fold(windows, fold, 0)
    after = prepare_fold(shifted, fold, 0)
    np.testing.assert_array_equal(before.train.x, after.train.x)
    np.testing.assert_array_equal(before.augmented.x, after.augmented.x)
    assert not np.array_equal(before.test.x, after.test.x)


def test_augmented_copies_stay_in_training(subjects, windows):
    for fold in make_folds(subjects, "loso", "leak_free"):
        data = prepare_fold(windows, fold, 0)
        assert set(data.augmented.subject) == set(fold.train)
        for part in ("validation", "test"):
            of_part = np.isin(windows.subject, getattr(fold, part))
            assert len(getattr(data, part)) == of_part.sum()
        held_out = set(data.test.window_id) | set(data.validation.window_id)
        assert not held_out & set(data.augmented.window_id)


def test_what_cannot_be_run_is_one_clear_line(tasks_of, windows, store):
    tasks = tasks_of()
    healthy = windows.take(windows.y == 0)
    lines = "all .* are 'non-protective', so there is nothing to learn"
    with pytest.raises(ConfigurationError, match=lines):
        runner.run(tasks, healthy, store)
    without = windows.take(windows.subject != tasks[0].fold.test[0])
    with pytest.raises(ConfigurationError, match="test subjects"):
        runner.run(tasks[:1], without, store)
    with pytest.raises(ConfigurationError, match="there are 10"):
        runner.run(tasks, windows, store, folds=slice(20, 25))


@pytest.mark.parametrize("jobs", [1, 2])
def test_prepared_data_belong_to_the_samples_asked_for(
    tasks_of, windows, tmp_path, jobs
):
    """Same configuration, other windows: nothing of the first comes back."""
    tasks = tasks_of()[:2]
    other = windows.take(np.arange(len(windows)))
    other.y = 1 - windows.y
    for name, samples in (("one", windows), ("two", other)):
        store = ResultStore(tmp_path / name)
        runner.run(tasks, samples, store, jobs=jobs)
        for task in tasks:
            test = samples.of_subjects(task.fold.test)
            found = store.read(task.key).predictions["y_true"]
            np.testing.assert_array_equal(found, test.y)


def test_methods_of_a_fold_share_its_data(tasks_of, windows):
    task, again, other = tasks_of(FAKE, FAKE)[:3]
    data = runner._prepared(task, windows)
    assert runner._prepared(again, windows) is data
    assert runner._prepared(other, windows) is not data


def test_who_chooses_no_epoch_trains_on_everyone(tasks_of, windows, store):
    tasks = tasks_of(
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
    tasks_of, windows, tmp_path, monkeypatch
):
    code = METHOD.format("mine")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_module.py").write_text(code)
    store = ResultStore(tmp_path / "store")
    tasks = tasks_of("my_module:Mine")
    runner.run(tasks, windows, store, folds=slice(0, 1))
    (tmp_path / "my_module.py").write_text(code + "# edited\n")
    tasks = tasks_of("my_module:Mine")
    with pytest.raises(ConfigurationError, match="source_sha256"):
        runner.run(tasks, windows, store)


def test_methods_resolve(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "impostor.py").write_text(METHOD.format("alanet"))
    assert resolve_method("knn").name == "knn"
    assert resolve_method(FAKE).name == "mean_method"
    (tmp_path / "unwritten.py").write_text("def method(:\n")
    (tmp_path / "leaves.py").write_text("import sys\n\nsys.exit(3)\n")
    for number, line in enumerate(("float(())", "int('x')", "import no.such")):
        (tmp_path / f"faulty{number}.py").write_text(f"import os\n{line}\n")
    for number, name in enumerate(("SVM (rbf)", "k-NN, k=3", "C4.5: [a]")):
        (tmp_path / f"fine-{number}.py").write_text(METHOD.format(name))
        assert resolve_method(f"fine-{number}:Mine").name == name
    for name, says in (
        ("bananet", "not one of"),
        ("", "not one of"),
        ("..", "not one of"),
        ("no_such_module:thing", "cannot load"),
        ("..:thing", "cannot load"),
        (":thing", "cannot load"),
        ("fake_methods:", "cannot load"),
        ("fake_methods:[red]\u00fc", "cannot load"),
        ("x" * 400 + ":thing", "cannot load 'x{80}'"),
        ("os:system", "without arguments"),
        ("os:abort", "without arguments"),
        ("sklearn.pipeline:Pipeline", "'steps'"),
        ("fake_methods:not_a_method", "lacks name, fit"),
        ("fake_methods:named", "has the name 'x+'; up to 60"),
        ("fake_methods:dotted", "has the name"),
        ("fake_methods:marked", "has the name"),
        ("impostor:Mine", "name of its own"),
        ("unwritten:method", "SyntaxError.*unwritten.py, line 1"),
        ("faulty0:method", r"TypeError: float.*faulty0.py:2"),
        ("faulty1:method", r"ValueError: invalid.*faulty1.py:2"),
        ("faulty2:method", r"NotFoundError: No module.*faulty2.py:2"),
        ("fine-0:mine", "cannot load 'fine-0:mine'.*give package.module"),
        ("leaves:method", r"SystemExit: 3 \(.*leaves.py:3"),
    ):
        with pytest.raises(KerasPainError, match=says) as caught:
            resolve_method(name)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 900


@pytest.mark.parametrize(
    "form", ["column", "narrow", "lists", "frame", "turned", "Labels", "Digits"]
)
def test_own_methods_may_have_scikit_learns_habits(form, folds):
    """An instance is fitted anew for each fold, and asked in any form."""
    for data in folds:
        methods = [
            resolve_method(f"fake_methods:{n}") for n in ("instance", form)
        ]
        assert methods[1].name == form and not methods[1].chooses_epoch
        reports = [m.fit(data.train, data.validation, 7) for m in methods]
        assert reports[1].stages["fit"] > 0 and np.isfinite(data.train.x).all()
        expected, found = (m.predict_proba(data.train) for m in methods)
        if form in ("Labels", "Digits"):
            expected = np.eye(2)[expected.argmax(axis=1)]
        np.testing.assert_allclose(found, expected, atol=1e-6)
        assert len(set(expected.argmax(axis=1))) == 2


@pytest.mark.parametrize("name", ["forest", "pipeline", "machine", "network"])
def test_estimators_and_networks_are_own_methods(name, folds):
    def predict():
        method = resolve_method(f"fake_methods:{name}")
        method.fit(folds[0].train, folds[0].validation, 7)
        return method.predict_proba(folds[0].test)

    found = predict()
    assert found.shape == (len(folds[0].test), 2)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(found, predict())  # it is seeded


@pytest.mark.parametrize(
    "name,says",
    [
        ("logits", "at least 0 and sum to 1.*row 0 is"),
        ("nan", "NaN"),
        ("short", "must be .*, got"),
        ("texts", "could not convert string to float: .*yes"),
        ("Broken", r"Error: my bug \(.*fake_methods.py:\d+, traceback in"),
    ],
)
def test_what_an_own_method_returns_is_checked(
    name, says, tasks_of, windows, store, monkeypatch
):
    """One line, before the methods of the suite are trained."""
    monkeypatch.setattr(tempfile, "tempdir", str(store.root))
    with pytest.raises(KerasPainError, match=says) as caught:
        runner.run(tasks_of("svm", f"fake_methods:{name}"), windows, store)
    line = str(caught.value)
    assert name in line and "\n" not in line and "folds are kept" in line
    assert not store.completed()
    for log in store.root.glob("*.log"):
        assert log.name in line and "Traceback" in log.read_text()


@pytest.fixture(scope="module")
def folds(subjects, windows):
    """Two folds of short windows, ready to train on."""
    short = windows.take(np.arange(0, len(windows), 8))
    short.x = np.ascontiguousarray(short.x[:, :72])
    short.length = np.minimum(short.length, 72)
    made = make_folds(subjects, "loso", "leak_free")
    return [prepare_fold(short, fold, 0) for fold in made[-2:]]


# Methods of clips have tests of their own.
NETWORKS = [name for name in registered_methods() if fed(name) == WINDOWS]
OF_WINDOWS = sorted([*CLASSICAL, *NETWORKS])


@pytest.mark.parametrize("name", OF_WINDOWS)
def test_a_method_alone_equals_it_after_another_fold(name, folds, monkeypatch):
    """A kept network is as good as new: same bytes, whatever came before."""
    monkeypatch.setattr("keras_pain.experiments.optim._kept", {})

    def predict(data):
        method = resolve_method(name, epochs=1, reuse=True)
        assert method.name == name
        report = method.fit(data.augmented, data.validation, 7)
        assert sum(report.stages.values()) > 0
        return method.predict_proba(data.test)

    alone = predict(folds[0])  # none is kept, so that it is a new one
    assert alone.shape == (len(folds[0].test), 2)
    np.testing.assert_allclose(alone.sum(1), 1, atol=1e-5)
    predict(folds[1])
    np.testing.assert_array_equal(predict(folds[0]), alone)


def test_a_compiled_training_ends_where_a_plain_one_does(folds, monkeypatch):
    """With a last batch that is filled up, and without dropout."""
    data, ends = folds[0], []
    for xla in (False, True):
        monkeypatch.setattr(optim, "worth_compiling", lambda *_, xla=xla: xla)
        method = resolve_method("bi_lstm", epochs=2, dropout=0.0)
        assert method.config().get("xla", False) == xla
        method.fit(data.train, data.validation, 0)
        ends.append(method.predict_proba(data.test))
        assert len(data.train) % method.recipe.batch_size
    np.testing.assert_allclose(*ends, atol=1e-4)


def test_short_trainings_are_not_compiled(monkeypatch):
    row = {"gain": "2.5", "step_ms": "80", "compile_s": "15"}
    rows = {"stacked_lstm": row, "lsfan": row | {"gain": "0.6"}}
    monkeypatch.setattr(optim, "_measured_compilers", lambda: rows)
    monkeypatch.setattr(optim, "on_cpu_only", lambda: True)
    assert not optim.worth_compiling("stacked_lstm", 1)
    assert optim.worth_compiling("stacked_lstm", 40)
    assert not optim.worth_compiling("lsfan", 400)
    assert not optim.worth_compiling("banet", 400)
    monkeypatch.setattr(optim, "on_cpu_only", lambda: False)
    assert not optim.worth_compiling("stacked_lstm", 40)


def test_shares_have_each_fold_once_and_keep_chains(tasks_of):
    shared = Protocol("shared", "leak_free", ("network_shared",))
    tasks = tasks_of("knn", "svm", "lsfan", protocols=[shared])
    shares = [runner.share_of(tasks, number, 3) for number in (1, 2, 3)]
    keys = [task.key for share in shares for task in share]
    assert sorted(keys) == sorted(task.key for task in tasks)
    for share in shares:
        here = {task.key for task in share}
        assert all(t.previous is None or t.previous in here for t in share)
    assert any(task.previous for task in tasks)
    assert runner.share_of(tasks[:1], 1, 2) + runner.share_of(
        tasks[:1], 2, 2
    ) == list(tasks[:1])
