"""Each known defect does what it says, and leak_free has none of them."""

import dataclasses
import inspect
import random

import numpy as np
import pytest
from fake_recordings import make_people

from keras_pain.data.windows import sliding_windows
from keras_pain.errors import ConfigurationError
from keras_pain.experiments import defects, runner
from keras_pain.experiments.defects import (
    AACSFNET_AS_CODED,
    DEFECTS,
    LEAKS,
    apply_defects,
    resolve_defects,
    scored_intensities,
)
from keras_pain.experiments.folds import prepare_fold
from keras_pain.experiments.method_registry import resolve_method
from keras_pain.experiments.metrics import compute_metrics, compute_regression
from keras_pain.experiments.protocols import (
    LEAK_FREE,
    STANDARD_PROTOCOLS,
    Fold,
    Protocol,
    make_folds,
    subjects_of,
)
from keras_pain.experiments.store import ResultStore
from keras_pain.models.registry import MODELS

FAKE = "fake_methods:MeanMethod"
WITHOUT_EFFECT = (
    "scheduler_never_stepped misordered_axis_labels misnamed_logs".split()
)


@pytest.fixture(scope="module")
def recordings():
    return make_people("P")


@pytest.fixture(scope="module")
def windows(recordings):
    return sliding_windows(recordings)


@pytest.fixture(scope="module")
def subjects(recordings, windows):
    return subjects_of(recordings, windows.subject)


@pytest.fixture(scope="module")
def plan(subjects):
    def tasks(*names, method=FAKE):
        return runner.plan(
            subjects,
            evaluations={"loso": [method]},
            protocols=[Protocol("tested", defects=names)],
            seeds=[0],
            dataset={"fingerprint": "abc"},
        )

    return tasks


@pytest.fixture(scope="module")
def fold(subjects):
    return make_folds(subjects, "loso", "leak_free")[0]


def test_leak_free_has_no_defect_and_every_defect_an_effect():
    assert LEAK_FREE.defects == () and LEAK_FREE in STANDARD_PROTOCOLS
    for name, defect in DEFECTS.items():
        assert bool(defect.changes) is (name not in WITHOUT_EFFECT), name
        assert defect.says and defect.source


def test_unknown_defect_is_named():
    with pytest.raises(ConfigurationError, match="nonsense"):
        resolve_defects(["nonsense"])


def test_epoch_on_test_changes_only_who_chooses(plan):
    clean, leaky = (plan(*names)[0].fold for names in ((), ("epoch_on_test",)))
    assert leaky.validation == leaky.test == clean.test
    assert leaky.train == clean.train
    assert not set(clean.validation) & set(clean.test)


def test_a_classical_method_never_trains_on_test_people(plan):
    for task in plan("epoch_on_test", method="svm"):
        assert not set(task.fold.train) & set(task.fold.test)
        assert len(task.fold.train) == 4


def test_scaler_on_everyone_sees_the_test_people(fold, windows):
    moved = dataclasses.replace(windows, x=windows.x.copy())
    tested = np.isin(windows.subject, fold.test)
    moved.x[tested] += 100 * moved.mask[tested][:, :, None]

    def train_of(given, *names):
        return prepare_fold(given, fold, 0, "none", names).train.x

    np.testing.assert_array_equal(train_of(windows), train_of(moved))
    leaky = train_of(moved, "scaler_on_everyone")
    assert np.abs(leaky - train_of(moved)).max() > 0.1


def test_augmented_copies_are_tested(fold, windows):
    clean = prepare_fold(windows, fold, 0)
    leaky = prepare_fold(windows, fold, 0, defects=["augmented_copies_tested"])
    assert len(leaky.test) == 7 * len(clean.test)
    np.testing.assert_array_equal(leaky.augmented.x, clean.augmented.x)
    np.testing.assert_array_equal(leaky.test.x[: len(clean.test)], clean.test.x)


def test_augmentation_before_scaling_vanishes_on_degrees(fold, windows):

    def noise(*names):
        data = prepare_fold(windows, fold, 0, "all_copies", names)
        n = len(data.train)
        return np.abs(data.augmented.x[n : 2 * n] - data.augmented.x[:n])

    real = prepare_fold(windows, fold, 0, "none").train.mask
    first, after = noise("augmented_before_scaling")[real], noise()[real]
    # Angles span degrees, sEMG hundredths: the same noise is nothing or much.
    assert first[:, :13].mean() < 0.01 < after[:, :13].mean()
    assert first[:, 26:].mean() > 3 * after[:, 26:].mean()


def test_random_split_tests_each_window_once(plan, windows, tmp_path):
    store = ResultStore(tmp_path)
    tasks = plan("windows_at_random")
    runner.run(tasks, windows, store)
    found = [store.read(task.key).predictions for task in tasks]
    ids = np.concatenate([p["window_id"] for p in found])
    assert sorted(ids) == sorted(windows.window_id)
    # Stored under the person who moved, several in each random fold.
    assert all(len(set(p["subject"])) > 1 for p in found)
    true = dict(zip(windows.window_id, windows.subject, strict=True))
    for p in found:
        assert [true[i] for i in p["window_id"]] == p["subject"].tolist()


def test_a_network_goes_on_from_the_fold_before(plan, windows, tmp_path):
    store = ResultStore(tmp_path)
    method = "fake_methods:ContinuingMethod"
    tasks = plan("network_shared", method=method)
    assert tasks[0].previous is None
    assert [t.previous for t in tasks[1:]] == [t.key for t in tasks[:-1]]
    with pytest.raises(ConfigurationError, match="fold before"):
        runner.run(tasks, windows, store, folds=slice(2, 4))
    runner.run(tasks, windows, store, jobs=2)
    counts = [
        int((store.path(task.key) / "fits.txt").read_text()) for task in tasks
    ]
    assert counts == [1, 2, 3, 4, 5]
    clean = plan(method=method)
    assert {task.previous for task in clean} == {None}


def test_fm_takes_precision_for_f1():
    y = np.array([0, 0, 0, 1, 1, 1, 1])
    positive = np.array([0.1, 0.2, 0.3, 0.9, 0.4, 0.4, 0.4])
    p = np.stack([1 - positive, positive], axis=1)
    clean = compute_metrics(y, p, 2)
    leaky = defects.score(y, p, 2, ["precision_as_f1"])
    assert clean["f1"][1] == pytest.approx(0.4)
    assert leaky.pop("fm") == pytest.approx((6 / 9 + 1) / 2)
    assert leaky == clean  # F1, accuracy and MCC are right
    # Windows of the class, none predicted: scikit-learn's precision is 0.
    never = defects.score(y, p * 0 + [0.9, 0.1], 2, ["precision_as_f1"])
    assert never["fm"] == pytest.approx(never["f1"][0] / 2)
    assert defects.distorted_metrics(["precision_as_f1"]) == {"fm"}


def test_fm_best_has_a_threshold_for_each_class():
    y = np.array([0, 0, 0, 1, 1])
    positive = np.array([0.1, 0.2, 0.2, 0.35, 0.3])
    p = np.stack([1 - positive, positive], axis=1)
    clean = compute_metrics(y, p, 2)
    leaky = defects.score(y, p, 2, ["threshold_on_test"])
    assert clean["macro_f1"] < 0.5 and leaky.pop("fm_best") == 1
    assert leaky == clean  # accuracy, MCC and F1 are of the arg max
    # Best for class 0 are the first five (precision 4/5, recall 1), for class
    # 1 the last one (1 and 1/2) or all but three (2/3 and 1).
    y = np.array([0, 0, 0, 1, 0, 1])
    positive = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.9])
    p = np.stack([1 - positive, positive], axis=1)
    both = defects.score(y, p, 2, ["precision_as_f1", "threshold_on_test"])
    assert both["fm_best"] == pytest.approx((8 / 9 + 4 / 5) / 2)
    assert both["fm"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    with pytest.raises(ValueError, match="probabilities must be"):
        defects.score(y, positive, 2, ["threshold_on_test"])


def test_settings_of_the_released_parser():
    plain = {"label_rule": "papers_per_frame"}
    rules = {
        "": "papers_per_frame",
        "shifted_rater_columns": "lsfan_shifted",
        "same_behaviour_agreement": "lsfan_same_behaviour",
        "shifted_rater_columns same_behaviour_agreement": "lsfan_as_coded",
        "same_behaviour_agreement shifted_rater_columns": "lsfan_as_coded",
        "wrong_rater_slice": "lsfan_parser",
    }
    for names, rule in rules.items():
        settings = defects.settings_with(names.split(), plain)
        assert settings["label_rule"] == rule
    other = {"label_rule": "merged_majority"}
    with pytest.raises(ConfigurationError, match="merged_majority"):
        defects.settings_with(["wrong_rater_slice"], other)
    dropped = defects.settings_with(["unfinished_activity_dropped"], {})
    assert dropped == {"unfinished": "drop"}


def test_model_arguments_reach_the_method(plan):
    (task, *_) = plan("pooling_over_time", method="cnn_sap")
    assert task.options["pooling"] == "as_coded"
    assert task.config["method"]["arguments"] == {"pooling": "as_coded"}
    (other, *_) = plan("pooling_over_time", method="lsfan")
    assert "pooling" not in other.options


def test_unmasked_padding_is_of_banet_and_of_short_windows_only(plan, windows):
    entry = MODELS["banet"]
    (task, *_) = plan("no_mask_padding", method="banet")
    assert task.config["method"]["arguments"] == {"mask_value": None}
    assert task.config["defects"] == []
    (other, *_) = plan("no_mask_padding", method="alanet")
    assert other.config == plan(method="alanet")[0].config
    x = np.random.default_rng(0).normal(size=(2, 40, 30)).astype("float32")
    x[1, 10:] = 0
    random.seed(3)  # Keras draws initial weights from it
    masked = entry.build(input_shape=x.shape[1:])
    fed = entry.build(input_shape=x.shape[1:], mask_value=None)
    fed.set_weights(masked.get_weights())
    difference = np.abs(masked(x) - fed(x)).max(axis=1)
    assert difference[0] < 1e-6 < 1e-4 < difference[1]


def test_all_leaks_are_in_the_ledger():
    from keras_pain.reports.ledger import ledger_protocols

    protocols = {p.name: p for p in ledger_protocols()}
    assert protocols["leak_free"].defects == ()
    run = {d for p in protocols.values() for d in p.defects}
    assert run == {defect.name for defect in LEAKS} | {"another_seed"}
    assert all(p.base == "leak_free" for p in protocols.values())


# ---- Of the released AACSFNet code -----------------------------------------


def test_defects_plug_into_the_models():
    assert set(AACSFNET_AS_CODED) <= set(DEFECTS)
    # That each argument changes its network is in the models' contract.
    for name in (
        "channels_across_batch",
        "mean_of_normed",
        "class_token_keys",
        "branches_across_batch",
        "three_scales",
    ):
        changed = []
        for method, entry in MODELS.items():
            arguments = apply_defects([name], "arguments", {}, method)
            known = inspect.signature(entry.builder).parameters
            assert set(arguments) <= set(known), (name, method)
            changed += [method] * bool(arguments)
        assert "aacsfnet" in changed


def test_defects_of_labels_and_people(windows):
    samples = windows.take(np.arange(4))
    samples.y = np.array([0.9, 2.5, 7.0, 15.99])
    samples.subject = np.array(["b", "a", "b", "a"])
    cut = apply_defects(["integer_labels"], "samples", samples, 0)
    np.testing.assert_array_equal(cut.y, [0, 2, 7, 15])
    twice = apply_defects(["first_trained_twice"], "train", samples)
    assert sorted(twice.subject) == ["a"] * 4 + ["b"] * 2
    people = ("a", "b", "c", "d")
    folds = [Fold(p, tuple({*people} - {p}), (p,), (p,)) for p in people[::-1]]
    run = apply_defects(["first_person_untested"], "folds", folds)
    assert [fold.name for fold in run] == ["d", "c", "b"]
    assert all("a" in fold.train for fold in run)


def test_defects_of_scoring():
    rng = np.random.default_rng(0)
    truth = rng.uniform(2, 16, size=70)
    predicted = truth + rng.normal(0, 2, size=70)
    honest = compute_regression(truth, predicted)
    zeroed = scored_intensities(truth, predicted, ["tail_as_zeros"], 32)
    assert not zeroed[0][64:].any() and not zeroed[1][64:].any()
    np.testing.assert_array_equal(zeroed[1][:64], predicted[:64])
    flattered = compute_regression(*zeroed)
    assert flattered["mae"] < honest["mae"]
    assert flattered["pcc"] > honest["pcc"]
    full = scored_intensities(truth, predicted, ["tail_as_zeros"], 35)
    np.testing.assert_array_equal(full, [truth, predicted])
    _, low = scored_intensities(
        truth, np.linspace(-3, 20, 70), ["predictions_clipped"]
    )
    assert (low.min(), low.max()) == (0, 15)
    constant = compute_regression(np.zeros(5), np.arange(5.0))
    assert constant["pcc"] is None
    printed = apply_defects(["constant_correlates_zero"], "metrics", constant)
    assert printed["pcc"] == 0.0 and "pcc" not in printed["undefined"]


def test_released_schedule():
    for name in ("aacsfnet", "resnet50_ham", "biscale_cross_vit"):
        found = apply_defects(["released_schedule"], "arguments", {}, name)
        recipe = resolve_method(name, **found).recipe
        assert recipe is MODELS["aacsfnet_as_coded"].recipe
    assert not apply_defects(["released_schedule"], "arguments", {}, "l3d_full")
    assert (recipe.learning_rate, recipe.epochs) == (0.04, 80)
    assert recipe.schedule == ("multistep", (10, 20, 30), 0.1)
