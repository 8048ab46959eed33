"""Do methods differ over people, by how much, and how sure is that?

Each person counts once, with the mean over seeds: seeds repeat the training,
not the sample of people, and would only pretend more data. Differences are
paired by person. Recommended for classifiers by Demsar (JMLR 7, 2006); for the
few people of this field the permutation test is exact. Windows of one person
resemble each other, so the bootstrap draws people, never windows (Efron and
Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).
"""

import dataclasses
import functools
import itertools
import warnings
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from keras_pain.errors import ConfigurationError, check_choice
from keras_pain.experiments.metrics import (
    SCALAR_METRICS,
    compute_metrics,
    stacked,
)
from keras_pain.experiments.store import FoldResult

LEVEL = 0.95
DRAWS = 9999
MOST_EXACT = 14  # 2^14 exchanges take some 50 ms
PERMUTATION, WILCOXON = "sign-flip permutation", "Wilcoxon"
EXCHANGE = "exchange of people"
# Of the scalar metrics, those that depend on the confusion matrix alone.
POOLED_METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "mcc")
METRIC_NAMES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro-F1",
    "mcc": "MCC",
    "roc_auc": "ROC-AUC",
    "pr_auc": "PR-AUC",
}
# Means over seeds of equal numbers in another order differ in the last digit;
# ranks and tests must not see that.
_DIGITS = 12
_TOLERANCE = 1e-12


def confusions_by_subject(
    y_true: np.ndarray,
    y_pred: np.ndarray,
    subject: np.ndarray,
    subjects: Sequence[str],
    num_classes: int,
) -> np.ndarray:
    """`(S, K, K)` counts of windows, one matrix a person, rows true.

    Of n windows each. Raises ConfigurationError where the S sorted `subjects`
    are not those of the windows, ValueError where a class is out of range.
    """
    names, row = np.unique(subject, return_inverse=True)
    if odd := sorted({*names.tolist()} ^ {*subjects}):
        raise ConfigurationError(
            f"predictions and the list of subjects differ in {', '.join(odd)};"
            " give the subjects that were tested, and all of their windows"
        )
    classes = np.stack([y_true, y_pred]).astype(np.int64)
    low, high = classes.min(), classes.max()
    if not 0 <= low <= high < num_classes:
        got = f"got {low} to {high}"
        raise ValueError(f"classes must lie in [0, {num_classes}), {got}")
    shape = (len(names), num_classes, num_classes)
    flat = np.ravel_multi_index((row, *classes), shape)
    return np.bincount(flat, minlength=np.prod(shape)).reshape(shape)


def scores_of(confusions: np.ndarray) -> dict[str, np.ndarray]:
    """Scores of `(..., K, K)` confusion matrices, rows true, none all zero.

    They are those of `keras_pain.experiments.metrics.compute_metrics`, NaN
    where it says None: `POOLED_METRICS`, each of shape `(...)`, and
    `precision`, `recall` and `f1`, each `(..., K)`.
    """
    counts = np.asarray(confusions, dtype=np.float64)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    true, predicted = counts.sum(axis=-1), counts.sum(axis=-2)
    total, correct = true.sum(axis=-1), hits.sum(axis=-1)
    recall = _ratio(hits, true)
    f1 = _ratio(2 * hits, true + predicted)
    several = (true > 0).sum(axis=-1) > 1
    # Gorodkin's R_K (2004), which is MCC for two classes.
    covariance = correct * total - (true * predicted).sum(axis=-1)
    spread_true = total**2 - (true**2).sum(axis=-1)
    spread_predicted = total**2 - (predicted**2).sum(axis=-1)
    scale = np.sqrt(spread_true * spread_predicted)
    mcc = np.where(spread_predicted == 0, 0.0, _ratio(covariance, scale))
    return {
        "accuracy": _ratio(correct, total),
        "balanced_accuracy": np.where(several, _present_mean(recall), np.nan),
        "macro_f1": _present_mean(f1),
        "mcc": np.where(several, mcc, np.nan),
        "precision": _ratio(hits, predicted),
        "recall": recall,
        "f1": f1,
    }


def _ratio(above, below):
    """`above / below`, NaN where `below` is zero."""
    return above / np.where(below == 0, np.nan, below)


def _present_mean(values):
    """Mean over the last axis of what is not NaN; NaN where all is."""
    return _ratio(np.nansum(values, axis=-1), np.isfinite(values).sum(axis=-1))


class Interval(NamedTuple):
    """A confidence interval, of the level `LEVEL`."""

    low: float
    high: float


def draw(
    num_subjects: int, num_draws: int, rng: np.random.Generator
) -> np.ndarray:
    """`(num_draws, S)` times that each of S people is drawn; rows sum to S.

    Raises ConfigurationError below two people.
    """
    _check_people(num_subjects)
    chances = np.full(num_subjects, 1 / num_subjects)
    return rng.multinomial(num_subjects, chances, size=num_draws)


def pooled_draws(
    confusions: np.ndarray, counts: np.ndarray
) -> dict[str, np.ndarray]:
    """By metric, `(draws,)` pooled means over seeds; NaN where one lacks it.

    A draw is a weighted sum of one matrix a person, `confusions` being `(seeds,
    S, K, K)` or `(S, K, K)`, and all draws are one matrix product. Of `counts`
    `(draws, S)`, from `draw`, a row of ones is the score itself; methods scored
    with the same ones are paired.
    """
    confusions = np.asarray(confusions, dtype=np.float64)
    people, classes = confusions.shape[-3:-1]
    flat = confusions.reshape(-1, people, classes * classes)
    scores = scores_of((counts @ flat).reshape(len(flat), -1, classes, classes))
    return {name: scores[name].mean(axis=0) for name in POOLED_METRICS}


def percentile_interval(samples: np.ndarray) -> Interval | None:
    """Of `(draws,)` bootstrap draws, NaN left out; None where all are NaN."""
    if not np.isfinite(samples).any():
        return None
    tail = 100 * (1 - LEVEL) / 2
    return Interval(*np.nanpercentile(samples, [tail, 100 - tail]).tolist())


def smallest_effect(samples: np.ndarray, people: int) -> float | None:
    """The smallest true change that so many people would likely show.

    At 5 % (two-sided), in four of five repetitions, by the spread of its
    `(draws,)` bootstrap draws over these people: (t_0.975 + t_0.8) standard
    errors, with `people - 1` degrees of freedom. None where nothing varies.
    """
    error = np.nanstd(samples) * np.sqrt(people / (people - 1))
    quantiles = stats.t.ppf([(1 + LEVEL) / 2, 0.8], people - 1)
    return float(quantiles.sum() * error) or None


def mean_interval(values: np.ndarray) -> Interval:
    """Bootstrap interval of the mean of `(S,)` values, one a person.

    Bias-corrected and accelerated (BCa), a percentile interval where that does
    not exist, and a point where all values are equal.
    """
    _check_people(len(values))
    if not np.ptp(values):
        return Interval(*values[[0, 0]].tolist())
    options = {"n_resamples": DRAWS, "confidence_level": LEVEL}
    for how in ("BCa", "percentile"):
        options |= {"method": how, "rng": np.random.default_rng(0)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", stats.DegenerateDataWarning)
            found = stats.bootstrap((values,), np.mean, **options)
        if np.isfinite(found.confidence_interval).all():
            break
    return Interval(*map(float, found.confidence_interval))


def _check_people(number):
    if number < 2:
        raise ConfigurationError(
            f"cannot resample {number} subject: an interval over people needs "
            "at least two; use an evaluation that tests more people, e.g. loso"
        )


@dataclasses.dataclass(frozen=True)
class SubjectScores:
    """Scores of one method by one of `SCALAR_METRICS`; all is sorted."""

    method: str
    metric: str
    subjects: tuple[str, ...]
    seeds: tuple[int, ...]
    values: np.ndarray  # (seeds, S); NaN where a person does not define it
    pooled: np.ndarray  # (seeds,), over the windows of all people, or NaN
    confusions: np.ndarray  # (seeds, S, K, K) counts of windows, rows true

    @property
    def by_subject(self) -> np.ndarray:
        """`(S,)`: one score a person, the mean over seeds."""
        return np.round(self.values.mean(axis=0), _DIGITS)

    @property
    def by_seed(self) -> np.ndarray:
        """`(seeds,)`: the mean over people, one a seed."""
        return self.values.mean(axis=1)

    @property
    def mean(self) -> float:
        """Mean over people, each the mean over seeds."""
        return float(self.by_subject.mean())

    @functools.cached_property
    def interval(self) -> Interval:
        """Of the mean over people."""
        return mean_interval(self.by_subject)

    @functools.cached_property
    def pooled_draws(self) -> dict[str, np.ndarray]:
        """`(DRAWS,)` bootstrap draws of every pooled score, the same people."""
        people = self.confusions.shape[-3]
        counts = draw(people, DRAWS, np.random.default_rng(0))
        return pooled_draws(self.confusions, counts)

    def of_people(self, kept: np.ndarray) -> "SubjectScores":
        """Those of some people, `(S,)` bool; pooled ones are taken anew."""
        confusions = self.confusions[:, kept]
        return dataclasses.replace(
            self,
            subjects=tuple(np.array(self.subjects)[kept].tolist()),
            values=self.values[:, kept],
            confusions=confusions,
            pooled=scores_of(confusions.sum(axis=1))[self.metric],
        )

    @property
    def subject_sd(self) -> float | None:
        """Spread over people of their means over seeds; None below two."""
        return _sd(self.by_subject)

    @property
    def seed_sd(self) -> float | None:
        """Spread over seeds of the mean over people; None below two."""
        return _sd(self.by_seed)


def subject_scores(
    results: Iterable[FoldResult],
    metric: str = "macro_f1",
    num_classes: int = 2,
) -> SubjectScores:
    """Scores of every person, from all folds and seeds of one method.

    Windows are grouped by the stored `subject`, so that it does not matter
    how people were put into folds. Raises ConfigurationError where there is no
    fold, of several methods, or where seeds lack people that others have.
    """
    check_choice("metric", metric, SCALAR_METRICS)
    folds = list(results)
    places = {(f.key.evaluation, f.key.protocol, f.key.method) for f in folds}
    names = sorted(map("/".join, places))
    if len(names) != 1:
        got = ", ".join(names) or "no fold"
        problem = f"subject scores are of one method at a time, got {got}"
        cure = "give the finished folds of one method, evaluation and protocol"
        raise ConfigurationError(f"{problem}; {cure}")
    truth, probabilities, subject = stacked([f.predictions for f in folds])
    sizes = [len(fold.predictions["y_true"]) for fold in folds]
    seed = np.repeat([fold.key.seed for fold in folds], sizes)
    guess, seeds = probabilities.argmax(axis=1), np.unique(seed).tolist()
    subjects, confusions = np.unique(subject).tolist(), []
    for one in seeds:
        mine = seed == one
        if lacking := sorted({*subjects}.difference(subject[mine].tolist())):
            raise ConfigurationError(
                f"{names[0]}: seed {one} lacks {_listed(lacking)}, "
                "whom other seeds have; run the missing folds"
            )
        windows = (truth[mine], guess[mine], subject[mine])
        found = confusions_by_subject(*windows, subjects, num_classes)
        confusions.append(found)
    confusions = np.stack(confusions)
    if metric in POOLED_METRICS:
        values = scores_of(confusions)[metric]
        pooled = scores_of(confusions.sum(axis=1))[metric]
    else:

        def score(part):
            windows = truth[part], probabilities[part]
            return compute_metrics(*windows, num_classes)[metric]

        of_seeds, of_people = seed == np.c_[seeds], subject == np.c_[subjects]
        values = [[score(s & p) for p in of_people] for s in of_seeds]
        pooled = list(map(score, of_seeds))
    who = folds[0].key.method, metric, tuple(subjects), tuple(seeds)
    # None becomes NaN.
    values, pooled = (np.array(found, float) for found in (values, pooled))
    return SubjectScores(*who, values, pooled, confusions)


def align(
    scores: Sequence[SubjectScores],
) -> tuple[list[SubjectScores], tuple[str, ...]]:
    """Scores of methods on the people who define all; and the people left out.

    Raises ConfigurationError where the metrics or people of methods differ, or
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
            both = f"{first.method!r} and {other.method!r}"
            raise ConfigurationError(
                f"{both} were tested on different subjects: only one of them "
                f"has {_listed(odd)}; run both on the same folds"
            )
    values = np.concatenate([score.values for score in scores])
    defined, names = np.isfinite(values).all(axis=0), np.array(first.subjects)
    kept, dropped = names[defined].tolist(), names[~defined].tolist()
    if len(kept) < 2:
        left = f"only {kept[0]}" if kept else "nobody"
        why = f" once {len(dropped)} without it are dropped" if dropped else ""
        raise ConfigurationError(
            f"statistics over subjects need at least two: {left} has a "
            f"defined {first.metric}{why}; use an evaluation that tests more "
            "people, e.g. loso, or another metric"
        )
    aligned = []
    for score in scores:
        parts = {"subjects": tuple(kept), "values": score.values[:, defined]}
        parts["confusions"] = score.confusions[:, defined]
        aligned.append(dataclasses.replace(score, **parts))
    return aligned, tuple(dropped)


def _listed(names):
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return ", ".join(names[:6]) + more


def _sd(values):
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


class Difference(NamedTuple):
    """One score of the first of two methods minus that of the second.

    None where it is undefined; `p_holm` of a single comparison, too. The
    interval is a bootstrap by people.
    """

    value: float | None = None
    interval: Interval | None = None
    p: float | None = None
    test: str | None = None  # `PERMUTATION`, `WILCOXON` or `EXCHANGE`
    p_holm: float | None = None


class Comparison(NamedTuple):
    """Two methods on the same people; for effect sizes see `effect_sizes`.

    Differences are of means over people (`paired_test`), and of the metric
    pooled over the windows of all people (`pooled_test`), without values for
    metrics that rank windows.
    """

    first: str
    second: str
    metric: str
    num_subjects: int
    dropped: tuple[str, ...]  # people who do not define the metric
    by_person: Difference
    pooled: Difference
    rank_biserial: float
    cohens_dz: float | None


def compare(a: SubjectScores, b: SubjectScores) -> Comparison:
    """Compares two methods on the people both were tested on; see `align`."""
    (first, second), dropped = align([a, b])
    each = np.round(first.by_subject - second.by_subject, _DIGITS)
    interval = mean_interval(each)
    by_person = Difference(float(each.mean()), interval, *paired_test(each))
    pooled = Difference()
    if a.metric in POOLED_METRICS:
        value = float(a.pooled.mean() - b.pooled.mean())
        value = value if np.isfinite(value) else None
        draws = a.pooled_draws[a.metric] - b.pooled_draws[a.metric]
        p = pooled_test(a.confusions, b.confusions, a.metric)
        test = None if p is None else EXCHANGE
        pooled = Difference(value, percentile_interval(draws), p, test)
    return Comparison(
        *(a.method, b.method, a.metric, len(each), dropped),
        *(by_person, pooled, *effect_sizes(each)),
    )


def compare_all(scores: Sequence[SubjectScores]) -> list[Comparison]:
    """Compares all pairs in order, with Holm's correction; see `compare`."""
    align(scores)  # names what differs before the first of many pairs
    pairs = list(itertools.starmap(compare, itertools.combinations(scores, 2)))
    for kind in ("by_person", "pooled"):
        values = [getattr(pair, kind).p for pair in pairs]
        if None not in values:
            pairs = [
                pair._replace(**{kind: getattr(pair, kind)._replace(p_holm=p)})
                for pair, p in zip(pairs, holm(values).tolist(), strict=True)
            ]
    return pairs


def compare_errors(everyone: dict[str, Sequence[FoldResult]]):
    """All pairs of methods of intensities, by each person's absolute error.

    Of folds by method: a table with a row a pair, of the mean difference over
    people, its interval, p of `paired_test` and by Holm, and the rank-biserial
    effect size.
    """
    import pandas as pd

    errors = {}
    for name, folds in everyone.items():
        parts = []
        for of in (fold.predictions for fold in folds):
            error = np.abs(of["y_true"] - of["y_pred"])
            parts.append(pd.Series(error, of["subject"]))
        errors[name] = pd.concat(parts).groupby(level=0).mean()
    rows = []
    for first, second in itertools.combinations(errors, 2):
        differences = (errors[first] - errors[second]).to_numpy()
        low, high = mean_interval(differences)
        row = {"first": first, "second": second}
        row |= {"difference": differences.mean(), "low": low, "high": high}
        row["p"] = paired_test(differences)[0]
        row["rank_biserial"] = effect_sizes(differences)[0]
        rows.append({**row, "people": len(differences)})
    table = pd.DataFrame(rows)
    table.insert(6, "p_holm", holm(table["p"]))
    return table


def paired_test(differences: np.ndarray) -> tuple[float, str]:
    """Whether `(S,)` paired differences, one a person, are centred at zero.

    The two-sided p-value, 1 where all are zero, and the test's name: the exact
    permutation test up to 14 people, else Wilcoxon's.
    """
    few = len(differences) <= MOST_EXACT
    test = PERMUTATION if few else WILCOXON
    # Flipping the sign of a zero changes nothing, and Wilcoxon drops them.
    moved = differences[differences != 0]
    if not len(moved):
        return 1.0, test
    if not few:
        return float(stats.wilcoxon(moved).pvalue), test
    # SciPy refuses a single number; a zero beside it changes no p-value.
    moved = moved if len(moved) > 1 else np.append(moved, 0.0)
    how = {"permutation_type": "samples", "n_resamples": np.inf}
    found = stats.permutation_test((moved,), np.mean, vectorized=True, **how)
    return float(found.pvalue), test


def pooled_test(
    a: np.ndarray, b: np.ndarray, metric: str = "macro_f1"
) -> float | None:
    """Paired randomisation test of a score pooled over windows.

    A test of means over people is blind where people have one class only: a
    method that always says that class is perfect there. The pooled score is
    not. Under the null hypothesis it does not matter which of two methods made
    the predictions for a person, so they are exchanged, a whole person at a
    time (approximate randomisation: Noreen, Computer-Intensive Methods for
    Testing Hypotheses, 1989; for F1: Yeh, COLING 2000).

    Of `(seeds, S, K, K)` confusion matrices of both methods on the same people
    (numbers of seeds may differ) and one of `POOLED_METRICS`, the two-sided
    p-value: exact up to 14 people, else of `DRAWS` random exchanges; None where
    the score is undefined.
    """
    people = np.shape(a)[1]
    if people <= MOST_EXACT:
        swap = np.arange(2**people)[:, None] >> np.arange(people) & 1
    else:
        swap = np.random.default_rng(0).integers(0, 2, (DRAWS, people))
        # The exchange of nobody is one of them: Phipson and Smyth (2010).
        swap = np.concatenate([np.zeros((1, people), int), swap])
    seeds = np.lcm(len(a), len(b))  # of a deterministic method one will do
    both = np.hstack([np.tile(m, (seeds // len(m), 1, 1, 1)) for m in (a, b)])
    first, second = np.hstack([1 - swap, swap]), np.hstack([swap, 1 - swap])
    null = pooled_draws(both, first)[metric]
    null = abs(null - pooled_draws(both, second)[metric])
    # Sums in another order differ in the last digits.
    extreme = null >= null[0] - _TOLERANCE
    return float(extreme.mean()) if np.isfinite(null).all() else None


def effect_sizes(differences: np.ndarray) -> tuple[float, float | None]:
    """How large `(S,)` paired differences are, apart from how sure.

    The matched-pairs rank-biserial correlation (Kerby, Comprehensive
    Psychology 3, 2014): share of the ranks of non-zero differences that speak
    for the first, minus the share that speak against; and Cohen's d_z, None
    where the differences are equal and not zero. Both are 0 where all are zero.
    """
    moved = differences[differences != 0]
    if not len(moved):
        return 0.0, 0.0
    ranks = stats.rankdata(np.abs(moved))
    rank_biserial = float((np.sign(moved) * ranks).sum() / ranks.sum())
    if not np.ptp(differences):
        return rank_biserial, None
    return rank_biserial, float(differences.mean() / _sd(differences))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm's step-down correction (Scandinavian J. of Statistics 6, 1979).

    Of `(m,)` p-values of one family, in the same order, at most 1.
    """
    p_values = np.asarray(p_values, dtype=float)
    order = np.argsort(p_values, kind="stable")
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty_like(p_values)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected


class Ranking(NamedTuple):
    """Average ranks of methods over people."""

    ranks: dict[str, float]  # the best, lowest, first; equal scores share
    num_subjects: int
    friedman: float | None  # Friedman's statistic; None below three methods
    p: float | None  # of it
    critical_difference: float  # Nemenyi's, see `critical_difference`


def rank_methods(scores: Sequence[SubjectScores]) -> Ranking:
    """Ranks at least two methods on every person and averages.

    Raises ConfigurationError for a single method, and as `align`.
    """
    scores, _ = align(scores)
    if len(scores) < 2:
        text = f"ranks need at least two methods, got only {scores[0].method!r}"
        raise ConfigurationError(f"{text}; add one to --methods")
    table = np.stack([score.by_subject for score in scores])
    ranks = stats.rankdata(-table, axis=0).mean(axis=1)
    order = np.argsort(ranks, kind="stable")
    by_method = {scores[i].method: float(ranks[i]) for i in order}
    friedman = None, None
    if len(table) > 2:
        friedman = 0.0, 1.0  # everything tied, which SciPy divides by
        if np.ptp(table, axis=0).any():
            friedman = map(float, stats.friedmanchisquare(*table))
    distance = critical_difference(*table.shape)
    return Ranking(by_method, table.shape[1], *friedman, distance)


def critical_difference(num_methods: int, num_subjects: int) -> float:
    """Nemenyi's: average ranks that differ by less are not told apart at 5 %.

    q sqrt(k (k + 1) / (6 N)) of k methods and N people, q being the quantile
    of the Studentised range over sqrt(2) (Demsar, JMLR 7, 2006, section 3.2.2).
    """
    quantile = stats.studentized_range.ppf(LEVEL, num_methods, np.inf)
    scale = np.sqrt(num_methods * (num_methods + 1) / (6 * num_subjects))
    return float(quantile / np.sqrt(2) * scale)


def indistinct_runs(
    methods: Sequence[str], comparisons: Sequence[Comparison]
) -> tuple[list[tuple[int, int]], int]:
    """First and last position of the longest runs in which no pair differs.

    Methods are by rank, best first. And the number of pairs that do not differ
    but share no run, since a method between them differs from one of them.
    """
    same = {
        frozenset((pair.first, pair.second))
        for pair in comparisons
        if pair.by_person.p_holm >= 1 - LEVEL
    }

    def pairs(run):
        of_run = itertools.combinations(methods[run[0] : run[1] + 1], 2)
        return set(map(frozenset, of_run))

    runs, ends = [], itertools.combinations(range(len(methods)), 2)
    for first, last in sorted(ends, key=lambda run: (run[0], -run[1])):
        if (not runs or last > runs[-1][1]) and pairs((first, last)) <= same:
            runs.append((first, last))
    return runs, len(same.difference(*map(pairs, runs)))


def counted(count: int, one: str, many: str | None = None) -> str:
    """A number and its noun, e.g. `"1 pair"` or `"3 pairs"`."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def p_text(p: float | None) -> str:
    """A p-value as readers want it."""
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def least_p(comparison: Comparison) -> float:
    """The smallest p-value that the permutation test can give."""
    return 2 / 2**comparison.num_subjects


def too_few_people(comparisons: Sequence[Comparison]) -> str:
    """A warning where no p-value could come out below 5 %; else ""."""
    first, pairs = comparisons[0], len(comparisons)
    least = least_p(first)
    if first.by_person.test != PERMUTATION or least * pairs < 1 - LEVEL:
        return ""
    return (
        f"With {first.num_subjects} people no p-value can be below "
        f"{p_text(least)}, which Holm's correction over "
        f"{counted(pairs, 'pair')} makes {p_text(min(1.0, least * pairs))}: "
        "no difference could come out as significant, however large."
    )
