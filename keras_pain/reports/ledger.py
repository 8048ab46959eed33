"""What each evaluation defect is worth: the ledger's numbers.

A score with a defect on, minus the score without any, on the same people and
seeds. Predictions are reduced to one confusion matrix a seed, person and
threshold; from there every change and its interval is arithmetic.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from keras_pain.errors import ConfigurationError
from keras_pain.experiments.defects import resolve_defects
from keras_pain.reports.confusions import confusions_by_subject, scores_of
from keras_pain.reports.resampling import draw

METRICS = ("macro_f1", "mcc", "accuracy")
DRAWS = 2000
LEVEL = 0.95

_THRESHOLDS = np.linspace(0.01, 0.99, 99)  # those of `best_threshold`
_HALF = np.array([0.5])


@dataclasses.dataclass(frozen=True)
class Condition:
    """Scored predictions of one method under one set of defects.

    Args:
        confusions: `(seeds, S, T, K, K)` a person and threshold.
        tuned: Whether the threshold with the best macro-F1 is taken.
        precision: Whether the last class's precision stands for its F1.
    """

    confusions: np.ndarray
    tuned: bool
    precision: bool


@dataclasses.dataclass(frozen=True)
class Change:
    """What a defect does to one score.

    Args:
        value: The pooled score with the defect on, mean over seeds.
        change: That minus the score without it.
        low: Lower end of the paired 95 % interval of the change.
        high: Upper end.
    """

    value: float
    change: float
    low: float
    high: float


def condition(
    seeds: Sequence[Sequence[Mapping[str, np.ndarray]]],
    defects: Sequence[str],
    subjects: Sequence[str],
) -> Condition:
    """Reduces stored predictions to confusion matrices.

    Args:
        seeds: For every seed, the predictions of all folds as the store holds
            them (two classes).
        defects: The defects that are on; only those of scoring matter here.
        subjects: All people.

    Returns:
        The condition.

    Raises:
        ConfigurationError: There are not two classes.
    """
    chosen = resolve_defects(defects)
    tuned = any(d.probabilities is not None for d in chosen)
    thresholds = _THRESHOLDS if tuned else _HALF
    confusions = []
    for folds in seeds:
        joined = {
            name: np.concatenate([fold[name] for fold in folds])
            for name in ("y_true", "probabilities", "subject")
        }
        if joined["probabilities"].shape[1] != 2:
            raise ConfigurationError("the ledger is for two classes")
        positive = joined["probabilities"][:, 1].astype(np.float64)
        confusions.append(
            np.stack(
                [
                    confusions_by_subject(
                        joined["y_true"],
                        (positive > cut).astype(np.int64),
                        joined["subject"],
                        subjects,
                        2,
                    )
                    for cut in thresholds
                ],
                axis=1,
            )
        )
    return Condition(
        np.stack(confusions),
        tuned,
        any(d.metrics is not None for d in chosen),
    )


def pooled_scores(
    with_defects: Condition, counts: np.ndarray
) -> dict[str, np.ndarray]:
    """Pooled scores of every seed, with people counted so often.

    Args:
        with_defects: The condition.
        counts: `(draws, S)` how often each person is in each draw.

    Returns:
        `METRICS`, each `(draws, seeds)`. A threshold that is tuned is tuned
        anew in every draw, as it would be on those people.
    """
    summed = np.einsum("ds,estkl->detkl", counts, with_defects.confusions)
    scores = scores_of(summed)
    best = np.zeros(summed.shape[:2], np.int64)
    if with_defects.tuned:
        order = np.lexsort(
            (
                np.broadcast_to(np.abs(_THRESHOLDS - 0.5), summed.shape[:3]),
                -np.round(scores["macro_f1"], 12),
            ),
            axis=-1,
        )
        best = order[..., 0]
    at = {
        name: np.take_along_axis(scores[name], best[..., None], -1)[..., 0]
        for name in METRICS
    }
    if with_defects.precision:
        at["macro_f1"] = _with_precision(
            np.take_along_axis(
                summed, best[..., None, None, None], axis=2
            ).squeeze(2)
        )
    return at


def change(
    base: Condition, with_defects: Condition, draws: int = DRAWS, seed: int = 0
) -> dict[str, Change]:
    """What the defects change, with intervals over people and seeds.

    People and seeds are drawn with replacement, the same ones on both sides.

    Args:
        base: Without defects.
        with_defects: With them; the same seeds and people.
        draws: Number of bootstrap draws.
        seed: Seed of the draws.

    Returns:
        One change for each of `METRICS`.

    Raises:
        ConfigurationError: The two are of other seeds or people.
    """
    shape = base.confusions.shape[:2]
    if with_defects.confusions.shape[:2] != shape:
        raise ConfigurationError(
            f"the ledger compares the same seeds and people; got {shape} and "
            f"{with_defects.confusions.shape[:2]} of them"
        )
    num_seeds, people = shape
    rng = np.random.default_rng(seed)
    once = np.ones((1, people), np.int64)
    counts = draw(people, draws, rng)
    of_seeds = rng.multinomial(
        num_seeds, np.full(num_seeds, 1 / num_seeds), size=draws
    )
    whole = [pooled_scores(side, once) for side in (base, with_defects)]
    drawn = [pooled_scores(side, counts) for side in (base, with_defects)]
    tails = [50 * (1 - LEVEL), 100 - 50 * (1 - LEVEL)]
    changes = {}
    for name in METRICS:
        difference = drawn[1][name] - drawn[0][name]
        samples = (difference * of_seeds).sum(axis=1) / num_seeds
        low, high = np.percentile(samples[np.isfinite(samples)], tails)
        value = float(whole[1][name].mean())
        before = float(whole[0][name].mean())
        changes[name] = Change(value, value - before, float(low), float(high))
    return changes


def _with_precision(confusions: np.ndarray) -> np.ndarray:
    """Mean of the first class's F1 and the last one's precision."""
    scores = scores_of(confusions)
    precision = scores["precision"][..., -1]
    # scikit-learn's 0, where windows of a class exist and none is predicted.
    known = np.isfinite(scores["f1"][..., -1])
    precision = np.where(known & np.isnan(precision), 0.0, precision)
    parts = np.stack([scores["f1"][..., 0], precision])
    defined = np.isfinite(parts)
    return np.where(defined, parts, 0).sum(axis=0) / defined.sum(axis=0)
