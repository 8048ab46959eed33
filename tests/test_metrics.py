"""Metrics against numbers worked out by hand."""

import json

import numpy as np
import pytest
from scipy import stats

from keras_pain.experiments import metrics
from keras_pain.experiments.metrics import (
    average,
    compute_metrics,
    compute_regression,
    icc_3_1,
    pool,
)


def certain(predicted, num_classes: int = 2) -> np.ndarray:
    """Probabilities of a method that has no doubts."""
    return np.eye(num_classes)[np.asarray(predicted)]


def test_two_classes_by_hand():
    # TP 2, FN 1, FP 1, TN 4.
    truth = np.array([1, 1, 1, 0, 0, 0, 0, 0])
    positive = np.array([0.9, 0.8, 0.3, 0.6, 0.4, 0.2, 0.1, 0.05])
    probabilities = np.stack([1 - positive, positive], axis=1)
    found = compute_metrics(truth, probabilities, 2)
    assert found["confusion"] == [[4, 1], [1, 2]]
    assert found["support"] == [5, 3]
    assert found["accuracy"] == 6 / 8
    assert found["recall"] == pytest.approx([4 / 5, 2 / 3])
    assert found["precision"] == pytest.approx([4 / 5, 2 / 3])
    assert found["f1"] == pytest.approx([4 / 5, 2 / 3])
    assert found["macro_f1"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert found["balanced_accuracy"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    # Each class by its share of the truth.
    for name in ("precision", "recall", "f1"):
        expected = (5 * 4 / 5 + 3 * 2 / 3) / 8
        assert found[f"weighted_{name}"] == pytest.approx(expected)
    # (TP TN - FP FN) / sqrt(3 * 3 * 5 * 5)
    assert found["mcc"] == pytest.approx((2 * 4 - 1 * 1) / 15)
    # 13 of 15 pairs in order: 0.3 lies below 0.6 and 0.4.
    assert found["roc_auc"] == pytest.approx(13 / 15)
    # Precision at the ranks of the positives: 1/1, 2/2, 3/5.
    assert found["pr_auc"] == pytest.approx((1 + 1 + 3 / 5) / 3)
    assert found["undefined"] == {}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_three_classes_by_hand():
    truth = np.array([0, 0, 1, 1, 2, 2])
    found = compute_metrics(truth, certain([0, 1, 1, 1, 0, 2], 3), 3)
    assert found["confusion"] == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert found["f1"] == pytest.approx([2 / 4, 4 / 5, 2 / 3])
    assert found["macro_f1"] == pytest.approx((2 / 4 + 4 / 5 + 2 / 3) / 3)
    assert found["balanced_accuracy"] == pytest.approx((0.5 + 1 + 0.5) / 3)
    # One cut a class, so each ROC is (sensitivity + specificity) / 2.
    one_cut = [(0.5 + 0.75) / 2, (1 + 0.75) / 2, (0.5 + 1) / 2]
    assert found["roc_auc"] == pytest.approx(np.mean(one_cut))
    # Precision x recall at the cut, the rest at the base rate 1/3.
    ranked = [0.5 * 0.5 + 0.5 / 3, 2 / 3, 1 * 0.5 + 0.5 / 3]
    assert found["pr_auc"] == pytest.approx(np.mean(ranked))


def test_a_fold_without_positives():
    found = compute_metrics(np.zeros(4, int), certain([0, 0, 0, 0]), 2)
    assert found["accuracy"] == found["macro_f1"] == 1
    assert found["f1"] == [1, None]
    undefined = found["undefined"]
    for name in ("balanced_accuracy", "mcc", "roc_auc", "pr_auc"):
        assert found[name] is None and undefined[name] == "one_class"
    assert undefined["f1[1]"] == undefined["recall[1]"] == "absent_class"
    assert set(undefined.values()) <= metrics.RULES.keys()


def test_a_false_alarm_in_a_fold_without_positives_counts():
    found = compute_metrics(np.zeros(4, int), certain([0, 0, 0, 1]), 2)
    assert found["f1"] == pytest.approx([6 / 7, 0])
    assert found["macro_f1"] == pytest.approx(3 / 7)
    assert found["precision"] == [1, 0]
    assert found["recall"] == [0.75, None]


def test_constant_predictions_and_absent_classes():
    found = compute_metrics(np.array([0, 0, 0, 1]), certain([0] * 4), 2)
    assert found["mcc"] == 0
    assert found["roc_auc"] == found["balanced_accuracy"] == 0.5
    assert found["precision"] == [0.75, None]
    found = compute_metrics(np.array([0, 0, 2]), certain([0, 2, 2], 3), 3)
    assert found["f1"] == [pytest.approx(2 / 3), None, pytest.approx(2 / 3)]
    assert found["macro_f1"] == pytest.approx(2 / 3)
    assert found["roc_auc"] == found["balanced_accuracy"] == 0.75


def test_pooled_and_averaged_differ_and_are_named():
    folds = [
        {"y_true": np.array([0, 1]), "probabilities": certain([0, 0])},
        {"y_true": np.zeros(8, int), "probabilities": certain([0] * 8)},
    ]
    pooled = pool(folds, 2)
    assert pooled["pooled_accuracy"] == 0.9
    assert pooled["pooled_confusion"] == [[9, 0], [1, 0]]
    assert pooled["pooled_f1"] == pytest.approx([18 / 19, 0])
    assert all(name.startswith("pooled_") for name in pooled)

    mean = average([compute_metrics(**f, num_classes=2) for f in folds])
    assert mean["fold_mean_accuracy"] == pytest.approx((0.5 + 1) / 2)
    # The healthy fold says nothing on class 1, nor on the AUC.
    assert mean["fold_mean_f1"] == pytest.approx([(2 / 3 + 1) / 2, 0])
    assert mean["fold_mean_n"]["f1"] == [2, 1]
    assert mean["fold_mean_n"]["roc_auc"] == 1
    assert mean["fold_mean_precision"] == [0.75, None]
    assert mean["fold_mean_n"]["precision"] == [2, 0]
    assert all(name.startswith("fold_mean_") for name in mean)
    json.dumps(mean, allow_nan=False)


@pytest.mark.parametrize(
    "truth, probabilities, says",
    [
        ([0, 1], [[1, 0]], r"\(2, 2\), got \(1, 2\)"),
        ([0, 1], [[0.5, 0.5, 0], [1, 0, 0]], r"got \(2, 3\)"),
        ([0, 1], [[1, 0], [np.nan, 0]], r"row 1 is \[nan, 0.0\]"),
        ([0, 1], [[1, 0], [np.inf, 0]], "row 1"),
        ([0, 1], [[1.5, -0.5], [1, 0]], "row 0"),
        ([0, 1], [[0.5, 0.1], [1, 0]], "row 0"),
        ([0, 2], [[1, 0], [1, 0]], r"\[0, 2\), got 0 to 2"),
        ([0, -1], [[1, 0], [1, 0]], "-1"),
        ([0.0, 1.0], [[1, 0], [1, 0]], "integers, got float64"),
        ([], np.zeros((0, 2)), "non-empty"),
    ],
)
def test_input_that_does_not_fit(truth, probabilities, says):
    with pytest.raises(ValueError, match=says):
        compute_metrics(np.array(truth), np.array(probabilities), 2)


def test_no_folds_and_mixed_folds_are_refused():
    with pytest.raises(ValueError, match="at least one fold"):
        pool([], 2)
    with pytest.raises(ValueError, match="at least one fold"):
        average([])
    two = compute_metrics(np.array([0, 1]), certain([0, 1]), 2)
    three = compute_metrics(np.array([0, 1]), certain([0, 1], 3), 3)
    with pytest.raises(ValueError, match=r"\[2, 3\]"):
        average([two, three])


# ---- Intensities -----------------------------------------------------------

# Shrout and Fleiss, Psychological Bulletin 86 (1979), table 2: six targets,
# four judges; ICC(3,1) of all four is .71.
JUDGES = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9],
     [6, 2, 4, 7]],
    float,
)  # fmt: skip


def anova_icc(table):
    """ICC(3,1) from the sums of squares of a two-way layout."""
    targets, judges = table.shape
    rows = judges * ((table.mean(1) - table.mean()) ** 2).sum()
    columns = targets * ((table.mean(0) - table.mean()) ** 2).sum()
    rest = ((table - table.mean()) ** 2).sum() - rows - columns
    between = rows / (targets - 1)
    error = rest / ((targets - 1) * (judges - 1))
    return (between - error) / (between + (judges - 1) * error)


@pytest.mark.parametrize("seed", range(3))
def test_metrics_against_references(seed):
    assert anova_icc(JUDGES) == pytest.approx(0.71, abs=0.005)
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 11, 40).astype(float)
    p = 0.5 * y + rng.normal(0, 1, 40) + 2
    found = compute_regression(y, p)
    assert found["mae"] == pytest.approx(np.abs(y - p).mean())
    assert found["mse"] == pytest.approx(((y - p) ** 2).mean())
    assert found["rmse"] ** 2 == pytest.approx(found["mse"])
    assert found["pcc"] == pytest.approx(stats.pearsonr(y, p).statistic)
    assert found["icc"] == pytest.approx(anova_icc(np.stack([y, p], 1)))
    assert found["undefined"] == {}


def test_consistency_forgives_a_shift_but_not_a_scale_nor_a_constant():
    y = np.arange(10.0)
    assert icc_3_1(y, y + 3) == pytest.approx(1)
    assert icc_3_1(y, 0.2 * y) < 0.5
    found = compute_regression(y[:5], np.full(5, 2.0))
    assert found["pcc"] is None and found["icc"] is None
    assert set(found["undefined"]) == {"pcc", "icc"}
    assert found["mae"] == pytest.approx(1.2)
    assert found["mse"] == pytest.approx(2.0)


def test_pooled_and_averaged_differ_and_folds_are_counted():
    folds = [
        {"y_true": np.array([0.0, 4.0]), "y_pred": np.array([1.0, 2.0])},
        {"y_true": np.array([3.0]), "y_pred": np.array([7.0])},
    ]
    pooled = pool(folds)
    assert pooled["pooled_mae"] == pytest.approx(7 / 3)
    assert pooled["pooled_rmse"] == pytest.approx(np.sqrt(21 / 3))
    mean = average([compute_regression(**fold) for fold in folds])
    assert mean["fold_mean_mae"] == pytest.approx((1.5 + 4) / 2)
    assert mean["fold_mean_rmse"] == pytest.approx((np.sqrt(2.5) + 4) / 2)
    assert mean["fold_mean_n"]["pcc"] == 1
    assert mean["fold_mean_n"]["mae"] == 2


@pytest.mark.parametrize(
    "y, p", [([], []), ([1.0], [1.0, 2.0]), ([1.0, 2.0], [1.0, np.nan])]
)
def test_what_does_not_fit_is_refused(y, p):
    with pytest.raises(ValueError):
        compute_regression(np.array(y), np.array(p))
