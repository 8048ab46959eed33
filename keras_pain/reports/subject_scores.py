"""One score a person and seed, from stored predictions.

People are what statistics count: windows of one person are not independent,
and folds are people only where one is left out at a time.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from keras_pain.errors import ConfigurationError
from keras_pain.experiments.metrics import SCALAR_METRICS, compute_metrics
from keras_pain.experiments.store import FoldResult
from keras_pain.reports.resampling import (
    POOLED_METRICS,
    confusions_by_subject,
    scores_of,
)

# Means over seeds of equal numbers in another order differ in the last digit;
# ranks and tests must not see that.
DIGITS = 12


@dataclasses.dataclass(frozen=True)
class SubjectScores:
    """Scores of one method.

    Args:
        method: Name of the method.
        metric: One of `keras_pain.experiments.metrics.SCALAR_METRICS`.
        subjects: The S people, sorted.
        seeds: The seeds, sorted.
        values: `(seeds, S)`; NaN where a person does not define the metric.
        pooled: `(seeds,)`: the metric over the windows of all people; NaN
            where they do not define it.
        confusions: `(seeds, S, K, K)` counts of windows, rows true.
    """

    method: str
    metric: str
    subjects: tuple[str, ...]
    seeds: tuple[int, ...]
    values: np.ndarray
    pooled: np.ndarray
    confusions: np.ndarray

    @property
    def by_subject(self) -> np.ndarray:
        """`(S,)`: one score a person, the mean over seeds."""
        return np.round(self.values.mean(axis=0), DIGITS)

    @property
    def by_seed(self) -> np.ndarray:
        """`(seeds,)`: the mean over people, one a seed."""
        return self.values.mean(axis=1)

    @property
    def mean(self) -> float:
        """Mean over people, each the mean over seeds."""
        return float(self.by_subject.mean())

    @property
    def subject_sd(self) -> float | None:
        """Spread over people of their means over seeds; None below two."""
        return _sd(self.by_subject)

    @property
    def seed_sd(self) -> float | None:
        """Spread over seeds of the mean over people; None below two."""
        return _sd(self.by_seed)

    @property
    def pooled_sd(self) -> float | None:
        """Spread over seeds of the pooled metric; None below two."""
        return _sd(self.pooled)

    @property
    def undefined(self) -> tuple[str, ...]:
        """People who do not define the metric in every seed."""
        bad = ~np.isfinite(self.values).all(axis=0)
        return tuple(np.asarray(self.subjects)[bad].tolist())

    def of_subjects(self, subjects: Iterable[str]) -> "SubjectScores":
        """The same scores, of the given people only.

        `pooled` stays: it is of all people.
        """
        wanted = set(subjects)
        index = [i for i, name in enumerate(self.subjects) if name in wanted]
        return dataclasses.replace(
            self,
            subjects=tuple(self.subjects[i] for i in index),
            values=self.values[:, index],
            confusions=self.confusions[:, index],
        )


def subject_scores(
    results: Iterable[FoldResult],
    metric: str = "macro_f1",
    num_classes: int = 2,
) -> SubjectScores:
    """Scores of every person under one method.

    Windows are grouped by the stored `subject`, so that it does not matter
    how people were put into folds.

    Args:
        results: All folds and seeds of one method under one evaluation and
            protocol.
        metric: One of `SCALAR_METRICS`. Where a person does not define it, by
            `keras_pain.experiments.metrics.RULES`, the value is NaN.
        num_classes: Number of classes.

    Returns:
        The scores.

    Raises:
        ConfigurationError: The metric is unknown, there is no fold, folds are
            of several methods, or seeds lack people that others have.
    """
    if metric not in SCALAR_METRICS:
        raise ConfigurationError(
            f"metric {metric!r} is not one of {', '.join(SCALAR_METRICS)}"
        )
    seeds: dict[int, list[FoldResult]] = {}
    names = set()
    for result in results:
        key = result.key
        names.add(f"{key.evaluation}/{key.protocol}/{key.method}")
        seeds.setdefault(key.seed, []).append(result)
    if len(names) != 1:
        raise ConfigurationError(
            f"subject scores are of one method at a time, got "
            f"{', '.join(sorted(names)) or 'no fold'}; give the finished folds "
            "of one method, evaluation and protocol"
        )
    [name] = names
    windows = {seed: _windows(seeds[seed]) for seed in sorted(seeds)}
    subjects = _subjects(windows, name)
    values, pooled, confusions = [], [], []
    for truth, probabilities, subject in windows.values():
        confusions.append(
            confusions_by_subject(
                truth,
                probabilities.argmax(axis=1),
                subject,
                subjects,
                num_classes,
            )
        )
        everyone = confusions[-1].sum(axis=0)
        if metric in POOLED_METRICS:
            values.append(scores_of(confusions[-1])[metric])
            pooled.append(scores_of(everyone)[metric])
            continue
        parts = [subject == one for one in subjects]
        *values_of_seed, pooled_of_seed = (
            compute_metrics(truth[part], probabilities[part], num_classes)
            for part in (*parts, slice(None))
        )
        values.append([_number(found[metric]) for found in values_of_seed])
        pooled.append(_number(pooled_of_seed[metric]))
    return SubjectScores(
        method=name.split("/", 2)[2],
        metric=metric,
        subjects=subjects,
        seeds=tuple(windows),
        values=np.array(values, dtype=float),
        pooled=np.array(pooled, dtype=float),
        confusions=np.stack(confusions),
    )


def align(
    scores: Sequence[SubjectScores],
) -> tuple[list[SubjectScores], tuple[str, ...]]:
    """Scores of several methods on the people who define all of them.

    Args:
        scores: One entry a method.

    Returns:
        The scores on the people kept; and the people left out, of all methods
        alike, since one of them leaves the metric undefined there.

    Raises:
        ConfigurationError: Methods are of different metrics or people, or
            fewer than two people are left.
    """
    if not scores:
        raise ConfigurationError("no method to compare: no fold is finished")
    first = scores[0]
    for other in scores[1:]:
        if other.metric != first.metric:
            raise ConfigurationError(
                f"cannot compare {first.metric} of {first.method!r} with "
                f"{other.metric} of {other.method!r}; score both alike"
            )
        if odd := sorted(set(first.subjects) ^ set(other.subjects)):
            raise ConfigurationError(
                f"{first.method!r} and {other.method!r} were tested on "
                f"different subjects: only one of them has "
                f"{_listed(odd)}; run both on the same folds"
            )
    dropped = {name for score in scores for name in score.undefined}
    kept = [name for name in first.subjects if name not in dropped]
    if len(kept) < 2:
        left = f"only {kept[0]}" if kept else "nobody"
        why = f" once {len(dropped)} without it are dropped" if dropped else ""
        raise ConfigurationError(
            f"statistics over subjects need at least two: {left} has a "
            f"defined {first.metric}{why}; use an evaluation that tests more "
            "people, e.g. loso, or another metric"
        )
    return (
        [score.of_subjects(kept) for score in scores],
        tuple(sorted(dropped)),
    )


def _windows(folds: Sequence[FoldResult]) -> tuple[np.ndarray, ...]:
    """Truth, probabilities and subject of all windows of one seed."""
    return tuple(
        np.concatenate([fold.predictions[name] for fold in folds])
        for name in ("y_true", "probabilities", "subject")
    )


def _subjects(windows: dict[int, tuple], name: str) -> tuple[str, ...]:
    people = {seed: set(part[2].tolist()) for seed, part in windows.items()}
    everyone = sorted(set().union(*people.values()))
    for seed, found in people.items():
        if lacking := [one for one in everyone if one not in found]:
            raise ConfigurationError(
                f"{name}: seed {seed} lacks {_listed(lacking)}, whom other "
                "seeds have; run the missing folds"
            )
    return tuple(everyone)


def _listed(names: Sequence[str], most: int = 6) -> str:
    shown = ", ".join(map(str, names[:most]))
    more = len(names) - most
    return shown if more <= 0 else f"{shown} and {more} more"


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _sd(values: np.ndarray) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None
