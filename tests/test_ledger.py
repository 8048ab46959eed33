"""The ledger's arithmetic: changes, intervals, and agreement with `score`."""

import numpy as np
import pytest

from keras_pain.errors import ConfigurationError
from keras_pain.experiments.defects import score
from keras_pain.reports.ledger import change, condition, pooled_scores

SUBJECTS = [f"P{n}" for n in range(6)]


def predictions(seed, shift=0.0):
    """Folds of one seed: a person each, 20 windows."""
    folds = []
    for number, subject in enumerate(SUBJECTS):
        rng = np.random.default_rng([seed, number])
        y = (rng.random(20) < 0.4).astype(int)
        positive = np.clip(0.35 * y + 0.6 * rng.random(20) + shift, 0, 1)
        folds.append(
            {
                "y_true": y,
                "probabilities": np.stack([1 - positive, positive], axis=1),
                "subject": np.full(20, subject),
            }
        )
    return folds


PRECISION, THRESHOLD = "precision_as_f1", "threshold_on_test"


@pytest.mark.parametrize(
    "names", [(), (PRECISION,), (THRESHOLD,), (THRESHOLD, PRECISION)]
)
def test_scores_are_those_of_the_runner(names):
    folds = predictions(0)
    joined = {k: np.concatenate([f[k] for f in folds]) for k in folds[0]}
    expected = score(joined["y_true"], joined["probabilities"], 2, names)
    once = np.ones((1, len(SUBJECTS)), int)
    found = pooled_scores(condition([folds], names, SUBJECTS), once)
    for metric in ("macro_f1", "mcc", "accuracy"):
        assert found[metric][0, 0] == pytest.approx(expected[metric])


def test_no_defect_changes_nothing():
    side = condition([predictions(0), predictions(1)], (), SUBJECTS)
    for one in change(side, side).values():
        assert (one.change, one.low, one.high) == (0, 0, 0)


def test_a_better_side_has_a_positive_interval():
    base = condition([predictions(s, -0.3) for s in (0, 1)], (), SUBJECTS)
    tuned = condition([predictions(s, 0.1) for s in (0, 1)], (), SUBJECTS)
    found = change(base, tuned)["macro_f1"]
    assert 0 < found.low <= found.change <= found.high < 1
    again = change(base, tuned)["macro_f1"]
    assert found == again  # the draws are seeded


def test_other_seeds_or_classes_are_refused():
    one = condition([predictions(0)], (), SUBJECTS)
    two = condition([predictions(0), predictions(1)], (), SUBJECTS)
    with pytest.raises(ConfigurationError, match="same seeds"):
        change(one, two)
    folds = predictions(0)
    for fold in folds:
        fold["probabilities"] = np.full((20, 3), 1 / 3)
    with pytest.raises(ConfigurationError, match="two classes"):
        condition([folds], (), SUBJECTS)
