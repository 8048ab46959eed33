"""Do methods differ over people, by how much, and how sure is that?

Each person counts once, with the mean over seeds: seeds repeat the training,
not the sample of people, and would only pretend more data. Differences are
paired by person. Recommended for classifiers by Demsar (JMLR 7, 2006); for the
few people of this field the permutation test is exact.
"""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
from scipy import stats

from keras_pain.errors import ConfigurationError
from keras_pain.reports.pooled_test import MOST_EXACT, pooled_test
from keras_pain.reports.resampling import (
    LEVEL,
    POOLED_METRICS,
    Interval,
    mean_interval,
    percentile_interval,
    pooled_samples,
)
from keras_pain.reports.subject_scores import (
    DIGITS,
    SubjectScores,
    align,
    subject_scores,
)

__all__ = [
    "ALTERNATIVES",
    "Comparison",
    "SubjectScores",
    "align",
    "compare",
    "compare_all",
    "effect_sizes",
    "holm",
    "mean_interval",
    "paired_test",
    "subject_scores",
]

ALTERNATIVES = ("two-sided", "greater", "less")
PERMUTATION, WILCOXON = "sign-flip permutation", "Wilcoxon"


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two methods on the same people.

    Args:
        first: Name of the first method.
        second: Name of the second.
        metric: What both are scored by.
        alternative: `"two-sided"`; or `"greater"`: the first is better;
            or `"less"`.
        num_subjects: People in the test.
        dropped: People who do not define the metric.
        difference: Mean over people of first minus second.
        interval: Bootstrap interval of it, by people.
        pooled_difference: First minus second of the metric pooled over the
            windows of all people; None for metrics that rank windows.
        pooled_interval: Bootstrap interval of it, by people.
        pooled_p: p-value of the randomisation test of the pooled difference,
            see `keras_pain.reports.pooled_test`.
        rank_biserial: Matched-pairs rank-biserial correlation, from -1 to 1.
        cohens_dz: Mean difference over its standard deviation; None where all
            differences are equal and not zero.
        p: p-value of the test of the difference by person.
        test: `"sign-flip permutation"` or `"Wilcoxon"`.
        p_holm: `p` after Holm's correction; None for a single comparison.
        pooled_p_holm: The same of `pooled_p`.
    """

    first: str
    second: str
    metric: str
    alternative: str
    num_subjects: int
    dropped: tuple[str, ...]
    difference: float
    interval: Interval
    pooled_difference: float | None
    pooled_interval: Interval | None
    pooled_p: float | None
    rank_biserial: float
    cohens_dz: float | None
    p: float
    test: str
    p_holm: float | None = None
    pooled_p_holm: float | None = None


def compare(
    a: SubjectScores,
    b: SubjectScores,
    alternative: str = "two-sided",
    *,
    level: float = LEVEL,
    seed: int = 0,
) -> Comparison:
    """Compare two methods on the people both were tested on.

    Args:
        a: Scores of the first method.
        b: Scores of the second.
        alternative: `"two-sided"`; `"greater"`: `a` is better; `"less"`.
        level: Confidence level of the intervals.
        seed: Seed of the bootstrap.

    Returns:
        The comparison.

    Raises:
        ConfigurationError: The alternative is unknown, the methods are of
            different people or metrics, or fewer than two people are left.
    """
    align([a, b])  # says what is wrong before the draws do
    pooled = _pooled(a, seed), _pooled(b, seed)
    return _compare(a, b, pooled, alternative, level, seed)


def _compare(a, b, pooled, alternative, level, seed) -> Comparison:
    everyone = a.confusions, b.confusions
    (a, b), dropped = align([a, b])
    differences = np.round(a.by_subject - b.by_subject, DIGITS)
    p, test = paired_test(differences, alternative)
    rank_biserial, cohens_dz = effect_sizes(differences)
    pooled_difference, around_pooled, pooled_p = None, None, None
    if None not in pooled:
        (value, samples), (other, others) = pooled
        pooled_difference = (
            value - other if np.isfinite(value - other) else None
        )
        around_pooled = percentile_interval(samples - others, level)
        pooled_p = pooled_test(*everyone, a.metric, alternative, seed=seed)
    return Comparison(
        first=a.method,
        second=b.method,
        metric=a.metric,
        alternative=alternative,
        num_subjects=len(differences),
        dropped=dropped,
        difference=float(differences.mean()),
        interval=mean_interval(differences, level=level, seed=seed),
        pooled_difference=pooled_difference,
        pooled_interval=around_pooled,
        pooled_p=pooled_p,
        rank_biserial=rank_biserial,
        cohens_dz=cohens_dz,
        p=p,
        test=test,
    )


def compare_all(
    scores: Sequence[SubjectScores],
    alternative: str = "two-sided",
    *,
    level: float = LEVEL,
    seed: int = 0,
) -> list[Comparison]:
    """Compare every pair of methods, with Holm's correction over all pairs.

    Args:
        scores: One entry a method, in the order wanted.
        alternative: See `compare`; of the earlier against the later method.
        level: Confidence level of the intervals, which are not corrected.
        seed: Seed of the bootstrap.

    Returns:
        All pairs in order; none for a single method.

    Raises:
        ConfigurationError: See `compare`.
    """
    align(scores)  # names what differs before the first of many pairs
    pooled = [_pooled(score, seed) for score in scores]
    pairs = [
        _compare(*methods, samples, alternative, level, seed)
        for methods, samples in zip(
            itertools.combinations(scores, 2),
            itertools.combinations(pooled, 2),
            strict=True,
        )
    ]
    for name in ("p", "pooled_p"):
        values = [getattr(pair, name) for pair in pairs]
        if None in values:
            continue
        pairs = [
            dataclasses.replace(pair, **{f"{name}_holm": float(p)})
            for pair, p in zip(pairs, holm(values), strict=True)
        ]
    return pairs


def paired_test(
    differences: np.ndarray, alternative: str = "two-sided"
) -> tuple[float, str]:
    """Whether paired differences are centred at zero.

    Args:
        differences: `(S,)` differences, one a person.
        alternative: One of `ALTERNATIVES`.

    Returns:
        The p-value, 1 where all differences are zero, and the test's name:
        the exact permutation test up to 14 people, else Wilcoxon's.

    Raises:
        ConfigurationError: The alternative is unknown.
    """
    if alternative not in ALTERNATIVES:
        raise ConfigurationError(
            f"alternative must be one of {', '.join(ALTERNATIVES)}, got "
            f"{alternative!r}"
        )
    differences = np.asarray(differences, dtype=float)
    few = len(differences) <= MOST_EXACT
    test = PERMUTATION if few else WILCOXON
    # Flipping the sign of a zero changes nothing, and Wilcoxon drops them.
    moved = differences[differences != 0]
    if not len(moved):
        return 1.0, test
    if few:
        # SciPy refuses a single number; a zero beside it changes no p-value.
        found = stats.permutation_test(
            (moved if len(moved) > 1 else np.append(moved, 0.0),),
            np.mean,
            permutation_type="samples",
            vectorized=True,
            n_resamples=np.inf,
            alternative=alternative,
        )
    else:
        found = stats.wilcoxon(moved, alternative=alternative)
    return float(found.pvalue), test


def effect_sizes(differences: np.ndarray) -> tuple[float, float | None]:
    """How large paired differences are, apart from how sure.

    Args:
        differences: `(S,)` differences, one a person.

    Returns:
        The matched-pairs rank-biserial correlation (Kerby, Comprehensive
        Psychology 3, 2014): share of the ranks of non-zero differences that
        speak for the first, minus the share that speak against; and Cohen's
        d_z, None where the differences are equal and not zero. Both are 0
        where all are zero.
    """
    differences = np.asarray(differences, dtype=float)
    moved = differences[differences != 0]
    if not len(moved):
        return 0.0, 0.0
    ranks = stats.rankdata(np.abs(moved))
    rank_biserial = float((np.sign(moved) * ranks).sum() / ranks.sum())
    if not np.ptp(differences):
        return rank_biserial, None
    return rank_biserial, float(differences.mean() / differences.std(ddof=1))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm's step-down correction (Scandinavian J. of Statistics 6, 1979).

    Args:
        p_values: `(m,)` p-values of one family.

    Returns:
        `(m,)` corrected p-values in the same order, at most 1.
    """
    p_values = np.asarray(p_values, dtype=float)
    order = np.argsort(p_values, kind="stable")
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty_like(p_values)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected


def _pooled(score: SubjectScores, seed: int):
    """Pooled metric and its draws; None where it ranks windows."""
    if score.metric not in POOLED_METRICS:
        return None
    return pooled_samples(score.confusions, score.metric, seed=seed)
