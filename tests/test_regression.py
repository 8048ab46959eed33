"""Metrics of intensities against SciPy and textbook values."""

import numpy as np
import pytest
from scipy import stats

from keras_pain.experiments.regression import (
    average_regression,
    compute_regression,
    icc_3_1,
    pool_regression,
)

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


def test_the_reference_gives_the_published_value():
    assert anova_icc(JUDGES) == pytest.approx(0.71, abs=0.005)


@pytest.mark.parametrize("seed", range(3))
def test_metrics_against_references(seed):
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


def test_consistency_forgives_a_shift_but_not_a_scale():
    y = np.arange(10.0)
    assert icc_3_1(y, y + 3) == pytest.approx(1)
    assert icc_3_1(y, 0.2 * y) < 0.5


def test_a_constant_has_no_correlation():
    y = np.arange(5.0)
    found = compute_regression(y, np.full(5, 2.0))
    assert found["pcc"] is None and found["icc"] is None
    assert set(found["undefined"]) == {"pcc", "icc"}
    assert found["mae"] == pytest.approx(1.2)
    assert found["mse"] == pytest.approx(2.0)


def test_pooled_and_averaged_differ_and_folds_are_counted():
    folds = [
        {"y_true": np.array([0.0, 4.0]), "y_pred": np.array([1.0, 2.0])},
        {"y_true": np.array([3.0]), "y_pred": np.array([7.0])},
    ]
    pooled = pool_regression(folds)
    assert pooled["pooled_mae"] == pytest.approx(7 / 3)
    assert pooled["pooled_rmse"] == pytest.approx(np.sqrt(21 / 3))
    mean = average_regression([compute_regression(**fold) for fold in folds])
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
