"""What a leaderboard knows, before it is written."""

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence

from keras_pain.errors import ConfigurationError
from keras_pain.experiments.keys import FoldKey
from keras_pain.experiments.store import ResultStore
from keras_pain.reports.aggregate import Group, Score, collect
from keras_pain.reports.ranking import Ranking, rank_methods
from keras_pain.reports.resampling import (
    POOLED_METRICS,
    Interval,
    mean_interval,
    pooled_interval,
)
from keras_pain.reports.spec import MAJORITY
from keras_pain.reports.statistics import Comparison, compare_all
from keras_pain.reports.subject_scores import (
    SubjectScores,
    align,
    subject_scores,
)


@dataclasses.dataclass(frozen=True)
class Cost:
    """What using a method costs; None is unknown or does not apply.

    Args:
        parameters: Trained and frozen parameters of a network.
        flops: Operations of one window, see `keras_pain.models.flops`.
        latency_ms_single: Milliseconds a window, windows one by one.
        latency_ms_batch: Milliseconds a window, 512 windows at once.
    """

    parameters: int | None = None
    flops: int | None = None
    latency_ms_single: float | None = None
    latency_ms_batch: float | None = None


@dataclasses.dataclass(frozen=True)
class Standing:
    """A method on the leaderboard.

    Args:
        method: Its name.
        label: What readers call it.
        group: Its folds and pooled scores.
        cost: What using it costs.
        scores: Its scores by person; None until all folds are there.
    """

    method: str
    label: str
    group: Group
    cost: Cost
    scores: SubjectScores | None = None

    def pooled(self, metric: str) -> Score:
        """The metric over the windows of all people."""
        return self.group.scores[f"pooled_{metric}", None]

    @functools.cached_property
    def interval(self) -> Interval:
        """Of the mean over people."""
        return mean_interval(self.scores.by_subject)


@dataclasses.dataclass(frozen=True)
class Standings:
    """All methods under one evaluation and protocol.

    Args:
        metric: What they are ranked and tested by.
        finished: Methods with all folds, best pooled metric first; their
            `scores` are of the people who define the metric.
        unfinished: The others, in the order wanted.
        reference: The method to compare with; None where none is finished.
        baseline: The majority baseline; None where it is not finished.
        comparisons: All pairs of the finished ones, in their order.
        ranking: Their average ranks; None below two.
        pooled_intervals: By method and metric, over people.
    """

    metric: str
    finished: tuple[Standing, ...]
    unfinished: tuple[Standing, ...]
    reference: str | None
    baseline: str | None
    comparisons: tuple[Comparison, ...]
    ranking: Ranking | None
    pooled_intervals: Mapping[tuple[str, str], Interval | None]

    @property
    def groups(self) -> dict[tuple[str, str, str], Group]:
        """All groups, as `keras_pain.reports.access` wants them."""
        return {
            (group.evaluation, group.protocol, group.method): group
            for group in (s.group for s in self.finished + self.unfinished)
        }

    def against(self, method: str, other: str | None) -> Comparison | None:
        """The comparison of two methods, whichever came first."""
        for pair in self.comparisons:
            if {pair.first, pair.second} == {method, other}:
                return pair
        return None


def standings(
    store: ResultStore,
    expected: Mapping[FoldKey, Mapping] | Iterable[FoldKey],
    *,
    labels: Mapping[str, str],
    costs: Mapping[str, Cost],
    num_classes: int,
    reference: str | None = None,
    metric: str = "macro_f1",
) -> Standings:
    """Read all folds, and compare the methods that are finished.

    Args:
        store: Where the folds are.
        expected: See `keras_pain.reports.aggregate.collect`.
        labels: What readers call the methods; their names by default.
        costs: By method; unknown for those that are not there.
        num_classes: Number of classes.
        reference: Method to compare the others with; None takes the best.
        metric: One of `keras_pain.experiments.metrics.SCALAR_METRICS`.

    Returns:
        The standings.

    Raises:
        ConfigurationError: Folds are expected of no or several evaluations or
            protocols, are of another configuration or other data; the
            reference is unknown; or methods cannot be compared.
        KerasPainError: A fold cannot be read.
    """
    groups = collect(store, expected, num_classes)
    _check(groups, reference)
    keys: dict[str, list[FoldKey]] = {}
    for key in dict.fromkeys(expected):
        keys.setdefault(key.method, []).append(key)
    finished, unfinished = [], []
    for (_, _, method), group in groups.items():
        standing = Standing(
            method, labels.get(method, method), group, costs.get(method, Cost())
        )
        if not group.complete:
            unfinished.append(standing)
            continue
        scores = subject_scores(
            map(store.read, keys[method]), metric, num_classes
        )
        finished.append(dataclasses.replace(standing, scores=scores))
    finished.sort(key=lambda s: (-_value(s.pooled(metric)), s.method))
    everyone = [standing.scores for standing in finished]
    names = [standing.method for standing in finished]
    if finished:
        kept, _ = align(everyone)
        finished = [
            dataclasses.replace(standing, scores=scores)
            for standing, scores in zip(finished, kept, strict=True)
        ]
    return Standings(
        metric=metric,
        finished=tuple(finished),
        unfinished=tuple(unfinished),
        reference=reference or (names[0] if names else None),
        baseline=MAJORITY if MAJORITY in names else None,
        comparisons=tuple(compare_all(everyone)) if everyone else (),
        ranking=rank_methods(everyone) if len(everyone) > 1 else None,
        pooled_intervals=_intervals(everyone),
    )


def _check(groups: Mapping[tuple[str, str, str], Group], reference) -> None:
    places = sorted({f"{name[0]}/{name[1]}" for name in groups})
    if len(places) != 1:
        raise ConfigurationError(
            "a leaderboard is of one evaluation and protocol, got "
            f"{', '.join(places) or 'none'}; write one for each"
        )
    methods = [name[2] for name in groups]
    if reference is not None and reference not in methods:
        raise ConfigurationError(
            f"reference {reference!r} is none of the methods: "
            f"{', '.join(methods)}"
        )


def _intervals(everyone: Sequence[SubjectScores]) -> dict:
    return {
        (scores.method, metric): pooled_interval(scores.confusions, metric)[1]
        for scores in everyone
        for metric in POOLED_METRICS
    }


def _value(score: Score) -> float:
    return float("-inf") if score.mean is None else score.mean
