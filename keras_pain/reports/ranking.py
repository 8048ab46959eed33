"""Methods ranked on every person: Friedman's test and Nemenyi's distance."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from keras_pain.errors import ConfigurationError
from keras_pain.reports.resampling import LEVEL
from keras_pain.reports.statistics import Comparison
from keras_pain.reports.subject_scores import SubjectScores, align


@dataclasses.dataclass(frozen=True)
class Ranking:
    """Average ranks of methods over people.

    Args:
        methods: Names of the methods, best average rank first.
        ranks: Their average ranks, 1 being best; equal scores share a rank.
        num_subjects: People ranked over.
        friedman: Friedman's statistic; None below three methods.
        p: Its p-value; None below three methods.
        critical_difference: Nemenyi's: average ranks that differ by less are
            not told apart by that test.
    """

    methods: tuple[str, ...]
    ranks: tuple[float, ...]
    num_subjects: int
    friedman: float | None
    p: float | None
    critical_difference: float

    @property
    def of(self) -> Mapping[str, float]:
        """Average rank by method."""
        return dict(zip(self.methods, self.ranks, strict=True))


def rank_methods(
    scores: Sequence[SubjectScores], level: float = LEVEL
) -> Ranking:
    """Rank methods on every person and average.

    Args:
        scores: One entry a method, at least two; higher is better.
        level: 1 minus the level of significance of the critical difference.

    Returns:
        The ranking.

    Raises:
        ConfigurationError: There is a single method, the methods are of
            different people, or fewer than two people are left.
    """
    scores, _ = align(scores)
    if len(scores) < 2:
        raise ConfigurationError(
            f"ranks need at least two methods, got only {scores[0].method!r}; "
            "add one to --methods"
        )
    table = np.stack([score.by_subject for score in scores])
    ranks = stats.rankdata(-table, axis=0).mean(axis=1)
    order = np.argsort(ranks, kind="stable")
    friedman = _friedman(table)
    count, people = table.shape
    return Ranking(
        methods=tuple(scores[i].method for i in order),
        ranks=tuple(ranks[order].tolist()),
        num_subjects=people,
        friedman=friedman[0],
        p=friedman[1],
        critical_difference=critical_difference(count, people, level),
    )


def critical_difference(
    num_methods: int, num_subjects: int, level: float = LEVEL
) -> float:
    """Nemenyi's critical difference of average ranks.

    Args:
        num_methods: Number of methods k.
        num_subjects: Number of people N.
        level: 1 minus the level of significance.

    Returns:
        q sqrt(k (k + 1) / (6 N)), q being the quantile of the Studentised
        range over sqrt(2) (Demsar, JMLR 7, 2006, section 3.2.2).
    """
    quantile = stats.studentized_range.ppf(level, num_methods, np.inf)
    scale = np.sqrt(num_methods * (num_methods + 1) / (6 * num_subjects))
    return float(quantile / np.sqrt(2) * scale)


def indistinct_runs(
    methods: Sequence[str],
    comparisons: Sequence[Comparison],
    alpha: float = 1 - LEVEL,
) -> tuple[list[tuple[int, int]], int]:
    """Neighbours in a ranking among whom no pair differs.

    Args:
        methods: Names, best first.
        comparisons: All pairs of them, with corrected p-values.
        alpha: Level of significance.

    Returns:
        First and last position of each longest run of at least two methods;
        and the number of pairs that do not differ but share no run, since a
        method between them differs from one of them.
    """
    same = {
        frozenset((pair.first, pair.second))
        for pair in comparisons
        if pair.p_holm >= alpha
    }
    count = len(methods)

    def alike(first: int, last: int) -> bool:
        names = methods[first : last + 1]
        return all(
            frozenset((a, b)) in same
            for i, a in enumerate(names)
            for b in names[i + 1 :]
        )

    runs: list[tuple[int, int]] = []
    for first in range(count):
        last = first
        while last + 1 < count and alike(first, last + 1):
            last += 1
        if last > first and (not runs or last > runs[-1][1]):
            runs.append((first, last))
    joined = {
        frozenset((methods[i], methods[j]))
        for first, last in runs
        for i in range(first, last + 1)
        for j in range(i + 1, last + 1)
    }
    return runs, len(same - joined)


def _friedman(table: np.ndarray) -> tuple[float | None, float | None]:
    """Statistic and p-value over `(methods, people)` scores."""
    if len(table) < 3:
        return None, None
    if not np.ptp(table, axis=0).any():
        return 0.0, 1.0  # everything tied, which SciPy divides by
    found = stats.friedmanchisquare(*table)
    return float(found.statistic), float(found.pvalue)
