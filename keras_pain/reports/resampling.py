"""Bootstrap over people, without a loop.

Windows of one person resemble each other, so people are drawn with
replacement, never windows. A pooled score depends on the windows only through
the confusion matrix: a draw is a weighted sum of one matrix a person, and all
draws together are one matrix product (Efron and Tibshirani, An Introduction to
the Bootstrap, 1993, chapter 13: percentile intervals).
"""

import dataclasses
import functools
import warnings

import numpy as np
from scipy import stats

from keras_pain.errors import ConfigurationError
from keras_pain.reports.confusions import (
    POOLED_METRICS,
    confusions_by_subject,
    scores_of,
)

__all__ = [
    "DRAWS",
    "LEVEL",
    "POOLED_METRICS",
    "Interval",
    "confusions_by_subject",
    "draw",
    "mean_interval",
    "percentile_interval",
    "pooled_draws",
    "pooled_interval",
    "pooled_samples",
    "scores_of",
]

LEVEL = 0.95
DRAWS = 9999


@dataclasses.dataclass(frozen=True)
class Interval:
    """A confidence interval.

    Args:
        low: Lower end.
        high: Upper end.
        how: `"BCa"`, `"percentile"`, or `"constant"` where nothing varies.
        undefined: Draws that do not define the score and were left out.
    """

    low: float
    high: float
    how: str
    undefined: int = 0


def draw(
    num_subjects: int, num_draws: int, rng: np.random.Generator
) -> np.ndarray:
    """How often each person is in each bootstrap draw.

    Args:
        num_subjects: Number of people S.
        num_draws: Number of draws.
        rng: Source of randomness.

    Returns:
        `(num_draws, S)` int64; every row sums to S.

    Raises:
        ConfigurationError: There are fewer than two people.
    """
    _check_people(num_subjects)
    chances = np.full(num_subjects, 1 / num_subjects)
    return rng.multinomial(num_subjects, chances, size=num_draws)


def pooled_draws(
    confusions: np.ndarray,
    counts: np.ndarray,
    metric: str = "macro_f1",
    class_index: int | None = None,
) -> np.ndarray:
    """A pooled score in every draw, the mean over seeds.

    Methods scored with the same `counts` are paired: the difference of two
    results is the difference of the methods on the same people.

    Args:
        confusions: `(seeds, S, K, K)` or `(S, K, K)`.
        counts: `(draws, S)`, from `draw`; a row of ones is the score itself.
        metric: A name that `scores_of` returns.
        class_index: The class of a metric per class.

    Returns:
        `(draws,)`, NaN where a seed does not define the score.
    """
    confusions = np.asarray(confusions, dtype=np.float64)
    people, classes = confusions.shape[-3:-1]
    flat = confusions.reshape(-1, people, classes * classes)
    summed = (counts @ flat).reshape(len(flat), -1, classes, classes)
    values = scores_of(summed)[metric]
    if class_index is not None:
        values = values[..., class_index]
    return values.mean(axis=0)


def percentile_interval(
    samples: np.ndarray, level: float = LEVEL
) -> Interval | None:
    """The percentile interval of bootstrap draws.

    Args:
        samples: `(draws,)`; NaN ones are left out and counted.
        level: Confidence level.

    Returns:
        The interval; None where no draw defines the score.
    """
    defined = samples[np.isfinite(samples)]
    if not len(defined):
        return None
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(defined, [tail, 100 - tail])
    how = "percentile" if np.ptp(defined) else "constant"
    return Interval(
        float(low), float(high), how, int(len(samples) - len(defined))
    )


def pooled_samples(
    confusions: np.ndarray,
    metric: str = "macro_f1",
    *,
    class_index: int | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> tuple[float, np.ndarray]:
    """A pooled score and its bootstrap draws, the mean over seeds.

    The same people, number of draws and seed give the same draws of people,
    so that methods can be subtracted from each other.

    Args:
        confusions: `(seeds, S, K, K)` or `(S, K, K)` of a method.
        metric: A name that `scores_of` returns.
        class_index: The class of a metric per class.
        draws: Number of bootstrap draws.
        seed: Seed of the draws.

    Returns:
        The score, and `(draws,)` scores; NaN where they are undefined.

    Raises:
        ConfigurationError: There are fewer than two people.
    """
    counts = _everyone_and_draws(np.shape(confusions)[-3], draws, seed)
    values = pooled_draws(confusions, counts, metric, class_index)
    return float(values[0]), values[1:]


def pooled_interval(
    confusions: np.ndarray,
    metric: str = "macro_f1",
    *,
    minus: np.ndarray | None = None,
    level: float = LEVEL,
    **options,
) -> tuple[float | None, Interval | None]:
    """A pooled score, or the difference of two, with its interval by people.

    Args:
        confusions: `(seeds, S, K, K)` or `(S, K, K)` of a method.
        metric: A name that `scores_of` returns.
        minus: The same of a second method on the same people, in the same
            order; its score is subtracted, within every draw.
        level: Confidence level.
        **options: `class_index`, `draws` and `seed` of `pooled_samples`.

    Returns:
        The score, the mean over seeds, or None where it is undefined; and its
        percentile interval, or None where no draw defines it.

    Raises:
        ConfigurationError: There are fewer than two people.
    """
    value, samples = pooled_samples(confusions, metric, **options)
    if minus is not None:
        other, others = pooled_samples(minus, metric, **options)
        value, samples = value - other, samples - others
    defined = value if np.isfinite(value) else None
    return defined, percentile_interval(samples, level)


def mean_interval(
    values: np.ndarray, *, level: float = LEVEL, seed: int = 0
) -> Interval:
    """Bootstrap interval of a mean over people.

    Args:
        values: `(S,)`, one a person.
        level: Confidence level.
        seed: Seed of the draws.

    Returns:
        The bias-corrected and accelerated interval; the percentile interval
        where that one does not exist; a point where all values are equal.

    Raises:
        ConfigurationError: There are fewer than two people.
    """
    values = np.asarray(values, dtype=float)
    _check_people(len(values))
    if not np.ptp(values):
        return Interval(float(values[0]), float(values[0]), "constant")
    for how in ("BCa", "percentile"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", stats.DegenerateDataWarning)
            low, high = stats.bootstrap(
                (values,),
                np.mean,
                n_resamples=DRAWS,
                confidence_level=level,
                method=how,
                rng=np.random.default_rng(seed),
            ).confidence_interval
        if np.isfinite([low, high]).all():
            break
    return Interval(float(low), float(high), how)


@functools.lru_cache(maxsize=4)
def _everyone_and_draws(people: int, draws: int, seed: int) -> np.ndarray:
    """`(1 + draws, people)` weights; the first row is everyone once."""
    counts = draw(people, draws, np.random.default_rng(seed))
    counts = np.concatenate([np.ones((1, people), counts.dtype), counts])
    counts.flags.writeable = False
    return counts


def _check_people(number: int) -> None:
    if number < 2:
        raise ConfigurationError(
            f"cannot resample {number} subject: an interval over people needs "
            "at least two; use an evaluation that tests more people, e.g. loso"
        )
