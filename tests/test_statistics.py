"""Statistics over people, against SciPy, scikit-learn and brute force."""

import dataclasses
import itertools
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from keras_pain.errors import ConfigurationError
from keras_pain.experiments.metrics import compute_metrics
from keras_pain.experiments.store import FoldKey, FoldResult
from keras_pain.reports.pooled_test import pooled_test
from keras_pain.reports.ranking import (
    critical_difference,
    indistinct_runs,
    rank_methods,
)
from keras_pain.reports.resampling import (
    confusions_by_subject,
    draw,
    mean_interval,
    percentile_interval,
    pooled_draws,
    pooled_interval,
    scores_of,
)
from keras_pain.reports.statistics import (
    SubjectScores,
    compare,
    compare_all,
    effect_sizes,
    holm,
    paired_test,
    subject_scores,
)

PEOPLE = tuple(f"P{n:02}" for n in range(6))


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def windows(seed=0, count=200, classes=2, people=PEOPLE):
    """Truth, probabilities and person of invented windows."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, count)
    subject = rng.permutation(np.resize(people, count))
    guess = np.where(
        rng.random(count) < 0.6, y, rng.integers(0, classes, count)
    )
    probabilities = 0.6 * np.eye(classes)[guess] + 0.4 * rng.dirichlet(
        np.ones(classes), count
    )
    return y, probabilities, subject


def fold(y, probabilities, subject, method="m", seed=0, name="a"):
    predictions = {
        "y_true": y,
        "probabilities": probabilities.astype(np.float32),
        "subject": subject,
        "window_id": np.arange(len(y)),
    }
    key = FoldKey("loso", "leak_free", method, seed, name)
    return FoldResult(key, {}, {}, predictions, Path())


def scores(values, method="m", subjects=None, metric="macro_f1"):
    """Scores of one method from `(seeds, S)` or `(S,)` values."""
    values = np.atleast_2d(np.asarray(values, dtype=float))
    seeds, people = values.shape
    subjects = subjects or tuple(f"P{n:02}" for n in range(people))
    confusions = np.zeros((seeds, people, 2, 2), int) + 1
    confusions[..., 0, 0] += np.nan_to_num(100 * values).astype(int)
    return SubjectScores(
        method=method,
        metric=metric,
        subjects=subjects,
        seeds=tuple(range(seeds)),
        values=values,
        pooled=scores_of(confusions.sum(axis=1))["macro_f1"],
        confusions=confusions,
    )


# ---- confusion matrices and their scores ------------------------------------


@pytest.mark.parametrize("classes", [2, 3])
def test_scores_of_confusions_are_those_of_the_metrics(classes):
    y, p, subject = windows(classes=classes)
    confusions = confusions_by_subject(y, p.argmax(1), subject, PEOPLE, classes)
    found = scores_of(confusions)
    assert found["accuracy"].shape == (6,) and found["f1"].shape == (6, classes)
    for index, name in enumerate(PEOPLE):
        mine = subject == name
        expected = compute_metrics(y[mine], p[mine], classes)
        assert confusions[index].tolist() == expected["confusion"]
        for metric, values in found.items():
            np.testing.assert_allclose(
                values[index], expected[metric], atol=1e-12, err_msg=metric
            )
    everyone = scores_of(confusions.sum(axis=0))
    assert everyone["mcc"] == pytest.approx(
        compute_metrics(y, p, classes)["mcc"]
    )


@pytest.mark.parametrize(
    ("truth", "guess"),
    [
        ([0, 0, 0], [0, 0, 0]),  # one class, all recognised
        ([0, 0, 0], [0, 1, 0]),  # false alarm of an absent class
        ([0, 1, 1], [1, 1, 1]),  # constant prediction
        ([0, 1, 2], [0, 0, 0]),
        ([1, 1, 1], [0, 0, 0]),
    ],
)
def test_scores_that_do_not_exist_are_nan_by_the_rules(truth, guess):
    truth, guess = np.array(truth), np.array(guess)
    expected = compute_metrics(truth, np.eye(3)[guess], 3)
    confusion = confusions_by_subject(truth, guess, ["a"] * 3, ["a"], 3)
    for metric, value in scores_of(confusion).items():
        wanted = np.array(expected[metric], dtype=float)
        np.testing.assert_allclose(value[0], wanted, err_msg=metric)


def test_windows_and_subjects_must_fit():
    y, p, subject = windows()
    with pytest.raises(ConfigurationError, match="differ in P05;"):
        confusions_by_subject(y, p.argmax(1), subject, PEOPLE[:5], 2)
    with pytest.raises(ConfigurationError, match="differ in X;"):
        confusions_by_subject(y, p.argmax(1), subject, (*PEOPLE, "X"), 2)
    with pytest.raises(ValueError, match="classes must lie in"):
        confusions_by_subject(y, p.argmax(1) + 1, subject, PEOPLE, 2)


# ---- bootstrap ---------------------------------------------------------------


def test_pooled_draws_are_metrics_of_the_drawn_peoples_windows():
    y, p, subject = windows()
    confusions = confusions_by_subject(y, p.argmax(1), subject, PEOPLE, 2)
    counts = draw(6, 40, np.random.default_rng(0))
    assert counts.shape == (40, 6) and set(counts.sum(axis=1)) == {6}
    for metric, index in (("macro_f1", None), ("mcc", None), ("precision", 1)):
        found = pooled_draws(confusions, counts, metric, index)
        for row, value in zip(counts, found, strict=True):
            picked = np.concatenate(
                [
                    np.flatnonzero(subject == name)
                    for name, times in zip(PEOPLE, row, strict=True)
                    for _ in range(times)
                ]
            )
            expected = compute_metrics(y[picked], p[picked], 2)[metric]
            expected = expected if index is None else expected[index]
            assert value == pytest.approx(expected)


def test_pooled_interval_averages_seeds_and_pairs_methods():
    parts = []
    for seed in (0, 1):
        y, p, subject = windows(seed)
        parts.append(confusions_by_subject(y, p.argmax(1), subject, PEOPLE, 2))
    both = np.stack(parts)
    value, interval = pooled_interval(both, "macro_f1")
    each = [float(scores_of(c.sum(axis=0))["macro_f1"]) for c in parts]
    assert value == pytest.approx(np.mean(each))
    assert interval.low < value < interval.high
    assert interval == pooled_interval(both, "macro_f1")[1]
    # Paired: a method against itself does not differ in any draw.
    zero, point = pooled_interval(both, "macro_f1", minus=both)
    assert (zero, point.low, point.high, point.how) == (0, 0, 0, "constant")
    value, interval = pooled_interval(parts[0], "mcc", minus=parts[1])
    assert interval.low < value < interval.high


def test_draws_that_define_nothing_are_counted():
    # One person only has class 1: draws without that person have no MCC.
    confusions = np.array([[[5, 1], [0, 0]]] * 2 + [[[3, 1], [1, 3]]])
    value, interval = pooled_interval(confusions, "mcc", draws=1000)
    assert 0.2 < value < 1
    assert interval.undefined == pytest.approx(1000 * (2 / 3) ** 3, rel=0.2)
    assert percentile_interval(np.full(9, np.nan)) is None
    lone = confusions[:2]
    assert pooled_interval(lone, "mcc", draws=10) == (None, None)


def test_mean_intervals_cover_the_mean_as_often_as_they_say():
    rng = np.random.default_rng(0)
    samples = rng.beta(5, 2, (150, 20))
    hits = 0
    for sample in samples:
        interval = mean_interval(sample)
        assert interval.how == "BCa"
        hits += interval.low <= 5 / 7 <= interval.high
    assert 0.88 <= hits / 150 <= 0.98
    assert mean_interval(samples[0]) == mean_interval(samples[0])
    narrow, wide = (mean_interval(samples[0], level=v) for v in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_an_interval_without_spread_is_a_point():
    interval = mean_interval(np.full(5, 0.25))
    assert (interval.low, interval.high, interval.how) == (
        0.25,
        0.25,
        "constant",
    )
    with pytest.raises(ConfigurationError, match="cannot resample 1 subject"):
        mean_interval(np.array([0.5]))
    with pytest.raises(ConfigurationError, match="cannot resample 1 subject"):
        draw(1, 10, np.random.default_rng(0))


# ---- scores by person --------------------------------------------------------


@pytest.mark.parametrize("metric", ["macro_f1", "roc_auc"])
def test_it_does_not_matter_how_people_are_put_into_folds(metric):
    folds, loso = [], []
    for seed in (0, 1):
        y, p, subject = windows(seed)
        folds.append(fold(y, p, subject, seed=seed))
        for name in PEOPLE:
            i = subject == name
            loso.append(fold(y[i], p[i], subject[i], seed=seed, name=name))
    found = subject_scores(folds, metric)
    assert found.subjects == PEOPLE and found.seeds == (0, 1)
    for seed, row in enumerate(found.values):
        y, p, subject = windows(seed)
        for name, value in zip(PEOPLE, row, strict=True):
            mine = subject == name
            expected = compute_metrics(y[mine], p[mine], 2)[metric]
            assert value == pytest.approx(expected, abs=1e-6)
        expected = compute_metrics(y, p, 2)[metric]
        assert found.pooled[seed] == pytest.approx(expected, abs=1e-6)
    other = subject_scores(loso[::-1], metric)
    np.testing.assert_allclose(other.values, found.values)
    np.testing.assert_allclose(other.pooled, found.pooled)
    assert (other.confusions == found.confusions).all()


def test_spread_over_seeds_stands_apart_from_spread_over_people():
    found = scores([[0.2, 0.6, 1.0], [0.4, 0.8, 1.2]])
    assert found.by_subject.tolist() == [0.3, 0.7, 1.1]
    assert found.mean == pytest.approx(0.7)
    assert found.subject_sd == pytest.approx(0.4)
    assert found.seed_sd == pytest.approx(0.1 * np.sqrt(2))
    assert scores([0.1, 0.2]).seed_sd is None
    assert scores([0.1, 0.2]).pooled_sd is None


def test_folds_of_several_methods_or_with_gaps_are_refused():
    y, p, subject = windows()
    one = fold(y, p, subject)
    with pytest.raises(ConfigurationError, match="loso/leak_free/n"):
        subject_scores([one, fold(y, p, subject, method="n")])
    part = subject != "P03"
    gap = fold(y[part], p[part], subject[part], seed=1)
    with pytest.raises(ConfigurationError, match="seed 1 lacks P03"):
        subject_scores([one, gap])
    with pytest.raises(ConfigurationError, match="no fold"):
        subject_scores([])
    with pytest.raises(ConfigurationError, match="'f1' is not one of"):
        subject_scores([one], "f1")


def test_people_who_do_not_define_the_metric_are_dropped_for_all():
    y, p, subject = windows()
    y = np.where(subject == "P02", 0, y)
    found = subject_scores([fold(y, p, subject)], "mcc")
    assert found.undefined == ("P02",) and np.isfinite(found.pooled).all()
    pair = compare(found, found)
    assert (pair.num_subjects, pair.dropped) == (5, ("P02",))
    assert (pair.p, pair.difference) == (1, 0)
    ranking = rank_methods([found, scores(np.ones(6), "n", metric="mcc")])
    assert ranking.num_subjects == 5
    y[:] = 0
    healthy = subject_scores([fold(y, p, subject)], "mcc")
    with pytest.raises(ConfigurationError, match="nobody has a defined mcc"):
        compare(healthy, healthy)


# ---- tests -------------------------------------------------------------------


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_the_permutation_test_equals_brute_force(alternative):
    rng = np.random.default_rng(1)
    cases = [rng.normal(0.3, 1, n) for n in (1, 2, 5, 8)]
    # Ties and zeros, as scores of healthy people give them.
    cases.append(np.array([0.1, 0.1, -0.1, 0.3, 0.0, 0.0, 0.2]))
    for d in cases:
        signs = np.array(list(itertools.product((1, -1), repeat=len(d))))
        null, mean = (signs * d).mean(axis=1), d.mean()
        extreme = {
            "greater": null >= mean - 1e-12,
            "less": null <= mean + 1e-12,
            "two-sided": np.abs(null) >= abs(mean) - 1e-12,
        }[alternative]
        p, test = paired_test(d, alternative)
        assert test == "sign-flip permutation"
        assert p == pytest.approx(extreme.mean())


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_the_pooled_test_exchanges_people_between_methods(alternative):
    y, p, subject = windows(3, people=PEOPLE[:5])
    other = windows(4, people=PEOPLE[:5])[1]
    guesses = [p.argmax(1), np.where(subject < "P03", other.argmax(1), 0)]

    def score(choice):
        mine = np.choose(choice[np.searchsorted(PEOPLE[:5], subject)], guesses)
        return compute_metrics(y, np.eye(2)[mine], 2)["macro_f1"]

    choices = np.array(list(itertools.product((0, 1), repeat=5)))
    null = np.array([score(choice) - score(1 - choice) for choice in choices])
    observed = null[0]
    extreme = {
        "greater": null >= observed - 1e-12,
        "less": null <= observed + 1e-12,
        "two-sided": np.abs(null) >= abs(observed) - 1e-12,
    }[alternative]
    a, b = (
        confusions_by_subject(y, guess, subject, PEOPLE[:5], 2)[None]
        for guess in guesses
    )
    found = pooled_test(a, b, "macro_f1", alternative)
    assert found == pytest.approx(extreme.mean())
    # Repeating a deterministic method's seed changes nothing.
    again = pooled_test(np.tile(a, (3, 1, 1, 1)), b, "macro_f1", alternative)
    assert again == found


def test_many_people_are_exchanged_at_random():
    people = tuple(f"P{n:02}" for n in range(30))
    y, p, subject = windows(1, 3000, people=people)
    good = confusions_by_subject(y, p.argmax(1), subject, people, 2)[None]
    constant = confusions_by_subject(y, 0 * y, subject, people, 2)[None]
    p = pooled_test(good, constant, "mcc", draws=999)
    assert p == pooled_test(good, constant, "mcc", draws=999) == 1 / 1000
    assert pooled_test(good, constant, "mcc", "less", draws=999) == 1
    assert pooled_test(good, good) == 1
    healthy = confusions_by_subject(0 * y, 0 * y, subject, people, 2)[None]
    assert pooled_test(healthy, healthy, "mcc") is None


def test_people_of_one_class_do_not_hide_a_useless_baseline():
    # Half of them are healthy: there the constant prediction is perfect.
    people = tuple(f"P{n:02}" for n in range(12))
    y, p, subject = windows(1, 1200, people=people)
    y = np.where(subject < "P06", 0, y)
    p = np.where((subject < "P06")[:, None], [0.9, 0.1], p)
    p[::10] = p[::10, ::-1]
    good = subject_scores([fold(y, p, subject)])
    constant = np.tile([0.9, 0.1], (len(y), 1))
    majority = subject_scores([fold(y, constant, subject, "majority")])
    pair = compare(good, majority, "greater")
    assert pair.difference < 0 and pair.p > 0.5
    assert pair.pooled_difference > 0.2 and pair.pooled_interval.low > 0
    assert pair.pooled_p < 0.05


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_many_people_are_tested_by_wilcoxon(alternative):
    d = np.round(np.random.default_rng(2).normal(0.2, 1, 30), 6)
    d[:4] = 0
    p, test = paired_test(d, alternative)
    assert test == "Wilcoxon"
    # Exact distribution of the rank sum, by counting subsets of ranks.
    moved = d[4:]
    ranks = stats.rankdata(np.abs(moved)).astype(int)
    ways = np.array([1])
    for rank in range(1, 27):
        ways = np.convolve(ways, [1, *[0] * (rank - 1), 1])
    share = ways / 2**26
    plus = ranks[moved > 0].sum()
    greater, less = share[plus:].sum(), share[: plus + 1].sum()
    expected = {
        "greater": greater,
        "less": less,
        "two-sided": min(1, 2 * min(greater, less)),
    }
    assert p == pytest.approx(expected[alternative])


def test_effect_sizes_by_hand():
    # Ranks of |d|: 0.3 -> 3, -0.1 -> 1, 0.2 -> 2; zero has none.
    rank_biserial, d_z = effect_sizes(np.array([0.3, -0.1, 0.2, 0.0]))
    assert rank_biserial == pytest.approx((3 + 2 - 1) / 6)
    assert d_z == pytest.approx(0.1 / np.std([0.3, -0.1, 0.2, 0], ddof=1))
    assert effect_sizes(np.full(4, 0.2)) == (1, None)
    assert effect_sizes(np.full(4, -0.2)) == (-1, None)
    assert effect_sizes(np.zeros(4)) == (0, 0)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx(
        [0.03, 0.06, 0.06, 0.02]
    )
    assert holm([0.6, 0.7]).tolist() == [1, 1]
    assert holm([]).tolist() == []


def test_a_better_method_is_found_and_the_sides_are_right():
    rng = np.random.default_rng(0)
    low = rng.uniform(0.4, 0.6, (2, 10))
    high = scores(low + rng.uniform(0.05, 0.15, (2, 10)), "high")
    low = scores(low, "low")
    pair = compare(high, low)
    assert (pair.first, pair.second, pair.num_subjects) == ("high", "low", 10)
    assert pair.p == pytest.approx(2 / 2**10)
    assert pair.difference == pytest.approx(high.mean - low.mean)
    assert 0.05 < pair.interval.low < pair.difference < pair.interval.high
    assert pair.rank_biserial == 1 and pair.cohens_dz > 2
    expected = float(np.mean(high.pooled - low.pooled))
    assert pair.pooled_difference == pytest.approx(expected)
    assert pair.pooled_interval.low <= expected <= pair.pooled_interval.high
    assert compare(high, low, "greater").p == pytest.approx(1 / 2**10)
    assert compare(high, low, "less").p == 1
    back = compare(low, high)
    assert (back.p, back.difference) == (pair.p, -pair.difference)
    assert compare(high, low) == pair  # seeded


def test_all_pairs_are_corrected_together():
    rng = np.random.default_rng(0)
    methods = [scores(rng.random((2, 8)), name) for name in "abcd"]
    pairs = compare_all(methods)
    names = [pair.first + pair.second for pair in pairs]
    assert names == ["ab", "ac", "ad", "bc", "bd", "cd"]
    assert [pair.p_holm for pair in pairs] == holm(
        [pair.p for pair in pairs]
    ).tolist()
    assert [pair.pooled_p_holm for pair in pairs] == holm(
        [pair.pooled_p for pair in pairs]
    ).tolist()
    assert compare_all(methods[:1]) == []


# ---- bad input ---------------------------------------------------------------


def test_one_subject_is_one_clear_line():
    one = scores([[0.5], [0.6]])
    for call in (
        lambda: compare(one, one),
        lambda: compare_all([one]),
        lambda: rank_methods([one, one]),
    ):
        with pytest.raises(ConfigurationError) as error:
            call()
        assert "need at least two: only P00" in str(error.value)
        assert "loso" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("people", [2, 10, 30])
def test_constant_and_identical_scores_are_no_difference(people):
    a = scores(np.full((3, people), 0.5), "a")
    # The same numbers in another order of seeds, equal but for the last digit.
    values = np.random.default_rng(0).random((3, people))
    b, c = scores(values, "b"), scores(values[[2, 0, 1]], "c")
    for pair in (compare(a, a), compare(b, c)):
        assert pair.p == 1 and pair.difference == 0
        assert (pair.interval.low, pair.interval.high) == (0, 0)
        assert pair.rank_biserial == 0 and pair.cohens_dz == 0
        assert pair.pooled_difference == pytest.approx(0, abs=1e-9)
        assert pair.pooled_p == 1
    ranking = rank_methods([a, a, a])
    assert ranking.ranks == (2, 2, 2)
    assert (ranking.friedman, ranking.p) == (0, 1)
    assert rank_methods([b, c]).ranks == (1.5, 1.5)


def test_a_constant_difference_has_no_standardised_size():
    a = scores(np.linspace(0.2, 0.4, 10), "a")
    pair = compare(scores(a.values + 0.1, "b"), a)
    assert pair.cohens_dz is None and pair.rank_biserial == 1
    assert pair.interval.low == pair.interval.high == pytest.approx(0.1)


def test_what_differs_between_methods_is_named():
    a = scores(np.arange(4), "a")
    b = scores(np.arange(4), "b", subjects=("P00", "P01", "P02", "P09"))
    with pytest.raises(ConfigurationError, match="'a' and 'b'.* P03, P09;"):
        compare(a, b)
    with pytest.raises(ConfigurationError, match="mcc of 'c'"):
        compare_all([a, a, scores(np.arange(4), "c", metric="mcc")])
    with pytest.raises(ConfigurationError, match="alternative must be one of"):
        compare(a, a, "bigger")
    with pytest.raises(ConfigurationError, match="at least two methods"):
        rank_methods([a])
    with pytest.raises(ConfigurationError, match="no method"):
        compare_all([])


# ---- ranks -------------------------------------------------------------------


def test_ranks_friedman_and_critical_difference():
    table = np.array([[3, 3, 3, 2], [2, 2, 1, 3], [1, 1, 2, 1]]) / 10
    ranking = rank_methods(
        [scores(row, name) for name, row in zip("cab", table, strict=True)]
    )
    assert ranking.methods == ("c", "a", "b")
    assert ranking.ranks == (1.25, 2, 2.75)
    assert ranking.of["a"] == 2
    assert ranking.p == pytest.approx(stats.friedmanchisquare(*table).pvalue)
    assert rank_methods([scores(row) for row in table[:2]]).friedman is None
    # Demsar (2006), table 5: q is 2.343 for 3 methods and 3.164 for 10.
    for methods, q in ((3, 2.343), (10, 3.164)):
        scale = np.sqrt(methods * (methods + 1) / (6 * 30))
        expected = pytest.approx(q * scale, abs=1e-3)
        assert critical_difference(methods, 30) == expected


def test_bars_join_only_methods_that_do_not_differ():
    def pairs(different):
        return [
            dataclasses.replace(
                compare(scores([0, 1], a), scores([0, 1], b)),
                p_holm=0.01 if a + b in different else 0.6,
            )
            for a, b in itertools.combinations("abcd", 2)
        ]

    assert indistinct_runs("abcd", pairs([])) == ([(0, 3)], 0)
    found = indistinct_runs("abcd", pairs(["ac", "ad", "bd"]))
    assert found == ([(0, 1), (1, 2), (2, 3)], 0)
    # a and c do not differ, but b stands between and differs from c.
    found = indistinct_runs("abcd", pairs(["bc", "bd", "ad", "cd"]))
    assert found == ([(0, 1)], 1)
    everything = [a + b for a, b in itertools.combinations("abcd", 2)]
    assert indistinct_runs("abcd", pairs(everything)) == ([], 0)
