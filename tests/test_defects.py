"""Each known defect does what it says, and leak_free has none of them."""

import dataclasses

import numpy as np
import pytest
from fake_recordings import make_recording

from keras_pain.data.windows import sliding_windows
from keras_pain.errors import ConfigurationError
from keras_pain.experiments import defects, runner
from keras_pain.experiments.defects import DEFECTS, LEAKS, resolve_defects
from keras_pain.experiments.metrics import compute_metrics
from keras_pain.experiments.protocols import (
    LEAK_FREE,
    STANDARD_PROTOCOLS,
    Protocol,
    make_folds,
    subjects_of,
)
from keras_pain.experiments.store import ResultStore

FAKE = "fake_methods:MeanMethod"
WITHOUT_EFFECT = {"scheduler_never_stepped", "misordered_axis_labels"}


@pytest.fixture(scope="module")
def recordings():
    return [
        make_recording(
            f"P{n}_N",
            protective=np.repeat([0, 1, 0], [300, 400, 300]),
            seed=n,
        )
        for n in range(5)
    ]


@pytest.fixture(scope="module")
def windows(recordings):
    return sliding_windows(recordings)


def plan(recordings, windows, *names, method=FAKE, **changes):
    protocol = Protocol("tested", defects=names)
    settings = {
        "evaluations": {"loso": [method]},
        "protocols": [protocol],
        "seeds": [0],
        "dataset": {"fingerprint": "abc"},
        **changes,
    }
    return runner.plan(subjects_of(recordings, windows.subject), **settings)


def fold_of(recordings, windows):
    return make_folds(
        subjects_of(recordings, windows.subject), "loso", "leak_free"
    )[0]


def test_leak_free_has_no_defect_and_every_defect_an_effect():
    assert LEAK_FREE.defects == () and LEAK_FREE in STANDARD_PROTOCOLS
    plain = dataclasses.asdict(defects.Defect("x", "x", "x"))
    for name, defect in DEFECTS.items():
        fields = dataclasses.asdict(defect)
        changed = {
            k
            for k in fields
            if k not in ("name", "says", "source") and fields[k] != plain[k]
        }
        assert bool(changed) is (name not in WITHOUT_EFFECT), name
        assert defect.says and defect.source


def test_unknown_defect_is_named():
    with pytest.raises(ConfigurationError, match="nonsense"):
        resolve_defects(["nonsense"])


def test_epoch_on_test_changes_only_who_chooses(recordings, windows):
    clean, leaky = (
        plan(recordings, windows, *names)[0].fold
        for names in ((), ("epoch_on_test",))
    )
    assert leaky.validation == leaky.test == clean.test
    assert leaky.train == clean.train
    assert not set(clean.validation) & set(clean.test)


def test_a_classical_method_never_trains_on_test_people(recordings, windows):
    for task in plan(recordings, windows, "epoch_on_test", method="svm"):
        assert not set(task.fold.train) & set(task.fold.test)
        assert len(task.fold.train) == 4


def test_scaler_on_everyone_sees_the_test_people(recordings, windows):
    fold = fold_of(recordings, windows)
    moved = dataclasses.replace(windows, x=windows.x.copy())
    tested = np.isin(windows.subject, fold.test)
    moved.x[tested] += 100 * moved.mask[tested][:, :, None]

    def train_of(given, *names):
        return runner.prepare_fold(given, fold, 0, "none", names).train.x

    np.testing.assert_array_equal(train_of(windows), train_of(moved))
    leaky = train_of(moved, "scaler_on_everyone")
    assert np.abs(leaky - train_of(moved)).max() > 0.1


def test_augmented_copies_are_tested(recordings, windows):
    fold = fold_of(recordings, windows)
    clean = runner.prepare_fold(windows, fold, 0)
    leaky = runner.prepare_fold(
        windows, fold, 0, defects=["augmented_copies_tested"]
    )
    assert len(leaky.test) == 7 * len(clean.test)
    np.testing.assert_array_equal(leaky.augmented.x, clean.augmented.x)
    np.testing.assert_array_equal(leaky.test.x[: len(clean.test)], clean.test.x)


def test_augmentation_before_scaling_vanishes_on_degrees(recordings, windows):
    fold = fold_of(recordings, windows)

    def noise(*names):
        data = runner.prepare_fold(windows, fold, 0, "all_copies", names)
        n = len(data.train)
        return np.abs(data.augmented.x[n : 2 * n] - data.augmented.x[:n])

    real = runner.prepare_fold(windows, fold, 0, "none").train.mask
    first, after = noise("augmented_before_scaling")[real], noise()[real]
    # Angles span degrees, sEMG hundredths: the same noise is nothing or much.
    assert first[:, :13].mean() < 0.01 < after[:, :13].mean()
    assert first[:, 26:].mean() > 3 * after[:, 26:].mean()


def test_random_split_tests_each_window_once(recordings, windows, tmp_path):
    store = ResultStore(tmp_path)
    tasks = plan(recordings, windows, "windows_at_random")
    runner.run(tasks, windows, store)
    found = [store.read(task.key).predictions for task in tasks]
    ids = np.concatenate([p["window_id"] for p in found])
    assert sorted(ids) == sorted(windows.window_id)
    # Stored under the person who moved, several in each random fold.
    assert all(len(set(p["subject"])) > 1 for p in found)
    true = dict(zip(windows.window_id, windows.subject, strict=True))
    for p in found:
        assert [true[i] for i in p["window_id"]] == p["subject"].tolist()


def test_a_network_goes_on_from_the_fold_before(recordings, windows, tmp_path):
    store = ResultStore(tmp_path)
    method = "fake_methods:ContinuingMethod"
    tasks = plan(recordings, windows, "network_shared", method=method)
    assert tasks[0].previous is None
    assert [t.previous for t in tasks[1:]] == [t.key for t in tasks[:-1]]
    with pytest.raises(ConfigurationError, match="fold before"):
        runner.run(tasks, windows, store, folds=slice(2, 4))
    runner.run(tasks, windows, store, jobs=2)
    counts = [
        int((store.path(task.key) / "fits.txt").read_text()) for task in tasks
    ]
    assert counts == [1, 2, 3, 4, 5]
    clean = plan(recordings, windows, method=method)
    assert {task.previous for task in clean} == {None}


def test_precision_is_printed_as_f1():
    y = np.array([0, 0, 0, 1, 1, 1, 1])
    positive = np.array([0.1, 0.2, 0.3, 0.9, 0.4, 0.4, 0.4])
    p = np.stack([1 - positive, positive], axis=1)
    clean = compute_metrics(y, p, 2)
    leaky = defects.score(y, p, 2, ["precision_as_f1"])
    assert clean["f1"][1] == pytest.approx(0.4)
    assert leaky["f1"] == [clean["f1"][0], 1.0]
    assert leaky["macro_f1"] == pytest.approx((clean["f1"][0] + 1) / 2)
    assert leaky["accuracy"] == clean["accuracy"]
    # Windows of the class, none predicted: scikit-learn's precision is 0.
    never = defects.score(y, p * 0 + [0.9, 0.1], 2, ["precision_as_f1"])
    assert never["f1"][1] == 0


def test_threshold_is_tuned_on_test():
    y = np.array([0, 0, 0, 1, 1])
    positive = np.array([0.1, 0.2, 0.2, 0.35, 0.3])
    p = np.stack([1 - positive, positive], axis=1)
    clean = compute_metrics(y, p, 2)
    leaky = defects.score(y, p, 2, ["threshold_on_test"])
    assert clean["macro_f1"] < 0.5 and leaky["macro_f1"] == 1
    assert leaky["roc_auc"] == clean["roc_auc"]
    assert 0.2 < defects.best_threshold(y, positive) < 0.3
    with pytest.raises(ConfigurationError, match="two classes"):
        defects.score(y, np.full((5, 3), 1 / 3), 3, ["threshold_on_test"])


def test_settings_of_the_released_parser():
    rules = {
        (): "papers_per_frame",
        ("shifted_rater_columns",): "lsfan_shifted",
        ("same_behaviour_agreement",): "lsfan_same_behaviour",
        (
            "shifted_rater_columns",
            "same_behaviour_agreement",
        ): "lsfan_as_coded",
        (
            "same_behaviour_agreement",
            "shifted_rater_columns",
        ): "lsfan_as_coded",
        ("wrong_rater_slice",): "lsfan_parser",
    }
    for names, rule in rules.items():
        settings = defects.settings_with(
            names, {"label_rule": "papers_per_frame"}
        )
        assert settings["label_rule"] == rule
    with pytest.raises(ConfigurationError, match="merged_majority"):
        defects.settings_with(
            ["wrong_rater_slice"], {"label_rule": "merged_majority"}
        )
    dropped = defects.settings_with(["unfinished_activity_dropped"], {})
    assert dropped == {"unfinished": "drop"}


def test_model_arguments_reach_the_method(recordings, windows):
    (task, *_) = plan(
        recordings, windows, "pooling_over_time", method="cnn_sap"
    )
    assert task.options["pooling"] == "as_coded"
    assert task.config["method"]["arguments"] == {"pooling": "as_coded"}
    (other, *_) = plan(recordings, windows, "pooling_over_time", method="lsfan")
    assert "pooling" not in other.options


def test_all_leaks_are_in_the_ledger():
    from keras_pain.reproduction.leaks import ledger_protocols

    protocols = {p.name: p for p in ledger_protocols()}
    assert protocols["leak_free"].defects == ()
    run = {d for p in protocols.values() for d in p.defects}
    assert run == {defect.name for defect in LEAKS}
    assert all(p.base == "leak_free" for p in protocols.values())
