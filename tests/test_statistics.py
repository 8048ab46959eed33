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
from keras_pain.reports.statistics import (
    DRAWS,
    Difference,
    SubjectScores,
    align,
    compare,
    compare_all,
    confusions_by_subject,
    critical_difference,
    draw,
    effect_sizes,
    holm,
    indistinct_runs,
    mean_interval,
    paired_test,
    percentile_interval,
    pooled_draws,
    pooled_test,
    rank_methods,
    scores_of,
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
    right, other = rng.random(count) < 0.6, rng.integers(0, classes, count)
    guess = np.eye(classes)[np.where(right, y, other)]
    noise = rng.dirichlet(np.ones(classes), count)
    return y, 0.6 * guess + 0.4 * noise, subject


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
            close = {"atol": 1e-12, "err_msg": metric}
            np.testing.assert_allclose(values[index], expected[metric], **close)
    everyone = scores_of(confusions.sum(axis=0))["mcc"]
    expected = compute_metrics(y, p, classes)["mcc"]
    assert everyone == pytest.approx(expected)


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
    people = (*PEOPLE, "X")
    for more, subjects, error, says in (
        (0, PEOPLE[:5], ConfigurationError, "differ in P05;"),
        (0, people, ConfigurationError, "differ in X;"),
        (1, PEOPLE, ValueError, "classes must lie in"),
    ):
        with pytest.raises(error, match=says):
            confusions_by_subject(y, p.argmax(1) + more, subject, subjects, 2)


# ---- bootstrap ---------------------------------------------------------------


def test_pooled_draws_are_metrics_of_the_drawn_peoples_windows():
    y, p, subject = windows()
    confusions = confusions_by_subject(y, p.argmax(1), subject, PEOPLE, 2)
    counts = draw(6, 40, np.random.default_rng(0))
    assert counts.shape == (40, 6) and set(counts.sum(axis=1)) == {6}
    for metric in ("macro_f1", "mcc", "accuracy"):
        found = pooled_draws(confusions, counts)[metric]
        for row, value in zip(counts, found, strict=True):
            picked = np.concatenate(
                [
                    np.flatnonzero(subject == name)
                    for name, times in zip(PEOPLE, row, strict=True)
                    for _ in range(times)
                ]
            )
            expected = compute_metrics(y[picked], p[picked], 2)[metric]
            assert value == pytest.approx(expected)


def pooled_samples(confusions, metric):
    people = confusions.shape[-3]
    counts = draw(people, DRAWS, np.random.default_rng(0))
    counts = np.concatenate([np.ones((1, people), int), counts])
    value, *samples = pooled_draws(confusions, counts)[metric]
    return value, np.array(samples)


def test_pooled_interval_averages_seeds_and_pairs_methods():
    parts = []
    for seed in (0, 1):
        y, p, subject = windows(seed)
        parts.append(confusions_by_subject(y, p.argmax(1), subject, PEOPLE, 2))
    both = np.stack(parts)
    value, samples = pooled_samples(both, "macro_f1")
    interval = percentile_interval(samples)
    each = [float(scores_of(c.sum(axis=0))["macro_f1"]) for c in parts]
    assert value == pytest.approx(np.mean(each))
    assert interval.low < value < interval.high
    assert (samples == pooled_samples(both, "macro_f1")[1]).all()
    # Paired: a method against itself does not differ in any draw.
    point = percentile_interval(samples - pooled_samples(both, "macro_f1")[1])
    assert point == (0, 0)
    (value, samples), (other, others) = (
        pooled_samples(part, "mcc") for part in parts
    )
    interval = percentile_interval(samples - others)
    assert interval.low < value - other < interval.high


def test_draws_that_define_nothing_are_counted():
    # One person only has class 1: draws without that person have no MCC.
    confusions = np.array([[[5, 1], [0, 0]]] * 2 + [[[3, 1], [1, 3]]])
    value, samples = pooled_samples(confusions, "mcc")
    assert 0.2 < value < 1
    undefined = np.isnan(samples).sum()
    assert percentile_interval(samples) is not None
    assert undefined == pytest.approx(DRAWS * (2 / 3) ** 3, rel=0.1)
    assert percentile_interval(np.full(9, np.nan)) is None
    lone = confusions[:2]
    value, samples = pooled_samples(lone, "mcc")
    assert np.isnan(value) and percentile_interval(samples) is None


def test_mean_intervals_cover_the_mean_as_often_as_they_say():
    rng = np.random.default_rng(0)
    samples = rng.beta(5, 2, (150, 20))
    hits = 0
    for sample in samples:
        interval = mean_interval(sample)
        bca = stats.bootstrap((sample,), np.mean, rng=np.random.default_rng(0))
        assert interval == pytest.approx(tuple(bca.confidence_interval))
        hits += interval.low <= 5 / 7 <= interval.high
    assert 0.88 <= hits / 150 <= 0.98
    assert mean_interval(samples[0]) == mean_interval(samples[0])


def test_an_interval_without_spread_is_a_point():
    assert mean_interval(np.full(5, 0.25)) == (0.25, 0.25)
    for call in (
        lambda: mean_interval(np.array([0.5])),
        lambda: draw(1, 10, np.random.default_rng(0)),
    ):
        with pytest.raises(ConfigurationError, match="cannot resample 1 subj"):
            call()


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


def test_folds_of_several_methods_or_with_gaps_are_refused():
    y, p, subject = windows()
    one = fold(y, p, subject)
    part = subject != "P03"
    gap = fold(y[part], p[part], subject[part], seed=1)
    for folds, metric, says in (
        ([one, fold(y, p, subject, "n")], "macro_f1", "loso/leak_free/n"),
        ([one, gap], "macro_f1", "seed 1 lacks P03"),
        ([], "macro_f1", "no fold"),
        ([one], "f1", "metric must be one of"),
    ):
        with pytest.raises(ConfigurationError, match=says):
            subject_scores(folds, metric)


def test_people_who_do_not_define_the_metric_are_dropped_for_all():
    y, p, subject = windows()
    y = np.where(subject == "P02", 0, y)
    found = subject_scores([fold(y, p, subject)], "mcc")
    assert align([found])[1] == ("P02",) and np.isfinite(found.pooled).all()
    pair = compare(found, found)
    assert (pair.num_subjects, pair.dropped) == (5, ("P02",))
    assert (pair.by_person.p, pair.by_person.value) == (1, 0)
    ranking = rank_methods([found, scores(np.ones(6), "n", metric="mcc")])
    assert ranking.num_subjects == 5
    y[:] = 0
    healthy = subject_scores([fold(y, p, subject)], "mcc")
    with pytest.raises(ConfigurationError, match="nobody has a defined mcc"):
        compare(healthy, healthy)


# ---- tests -------------------------------------------------------------------


def test_the_permutation_test_equals_brute_force():
    rng = np.random.default_rng(1)
    cases = [rng.normal(0.3, 1, n) for n in (1, 2, 5, 8)]
    # Ties and zeros, as scores of healthy people give them.
    cases.append(np.array([0.1, 0.1, -0.1, 0.3, 0.0, 0.0, 0.2]))
    for d in cases:
        signs = np.array(list(itertools.product((1, -1), repeat=len(d))))
        null, mean = (signs * d).mean(axis=1), d.mean()
        extreme = np.abs(null) >= abs(mean) - 1e-12
        p, test = paired_test(d)
        assert test == "sign-flip permutation"
        assert p == pytest.approx(extreme.mean())


def test_the_pooled_test_exchanges_people_between_methods():
    y, p, subject = windows(3, people=PEOPLE[:5])
    other = windows(4, people=PEOPLE[:5])[1]
    guesses = [p.argmax(1), np.where(subject < "P03", other.argmax(1), 0)]

    def score(choice):
        mine = np.choose(choice[np.searchsorted(PEOPLE[:5], subject)], guesses)
        return compute_metrics(y, np.eye(2)[mine], 2)["macro_f1"]

    choices = np.array(list(itertools.product((0, 1), repeat=5)))
    null = np.array([score(choice) - score(1 - choice) for choice in choices])
    extreme = np.abs(null) >= abs(null[0]) - 1e-12
    a, b = (
        confusions_by_subject(y, guess, subject, PEOPLE[:5], 2)[None]
        for guess in guesses
    )
    found = pooled_test(a, b)
    assert found == pytest.approx(extreme.mean())
    # Repeating a deterministic method's seed changes nothing.
    again = pooled_test(np.tile(a, (3, 1, 1, 1)), b)
    assert again == found


def test_many_people_are_exchanged_at_random():
    people = tuple(f"P{n:02}" for n in range(30))
    y, p, subject = windows(1, 3000, people=people)
    good = confusions_by_subject(y, p.argmax(1), subject, people, 2)[None]
    constant = confusions_by_subject(y, 0 * y, subject, people, 2)[None]
    p = pooled_test(good, constant, "mcc")
    assert p == pooled_test(good, constant, "mcc") == 1 / (1 + DRAWS)
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
    pair = compare(good, majority)
    assert pair.by_person.value < 0 and pair.by_person.p > 0.5
    assert pair.pooled.value > 0.2 and pair.pooled.interval.low > 0
    assert pair.pooled.p < 0.05


def test_many_people_are_tested_by_wilcoxon():
    d = np.round(np.random.default_rng(2).normal(0.2, 1, 30), 6)
    d[:4] = 0
    p, test = paired_test(d)
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
    assert p == pytest.approx(min(1, 2 * min(greater, less)))


def test_effect_sizes_by_hand():
    # Ranks of |d|: 0.3 -> 3, -0.1 -> 1, 0.2 -> 2; zero has none.
    rank_biserial, d_z = effect_sizes(np.array([0.3, -0.1, 0.2, 0.0]))
    assert rank_biserial == pytest.approx((3 + 2 - 1) / 6)
    assert d_z == pytest.approx(0.1 / np.std([0.3, -0.1, 0.2, 0], ddof=1))
    assert effect_sizes(np.full(4, 0.2)) == (1, None)
    assert effect_sizes(np.full(4, -0.2)) == (-1, None)
    assert effect_sizes(np.zeros(4)) == (0, 0)


def test_holm_by_hand():
    corrected = holm([0.01, 0.04, 0.03, 0.005]).tolist()
    assert corrected == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]).tolist() == [1, 1]
    assert holm([]).tolist() == []


def test_a_better_method_is_found_and_the_sides_are_right():
    rng = np.random.default_rng(0)
    low = rng.uniform(0.4, 0.6, (2, 10))
    high = scores(low + rng.uniform(0.05, 0.15, (2, 10)), "high")
    low = scores(low, "low")
    pair = compare(high, low)
    assert (pair.first, pair.second, pair.num_subjects) == ("high", "low", 10)
    assert pair.rank_biserial == 1 and pair.cohens_dz > 2
    found = pair.by_person
    assert found.p == pytest.approx(2 / 2**10)
    assert found.value == pytest.approx(high.mean - low.mean)
    assert 0.05 < found.interval.low < found.value < found.interval.high
    expected = float(np.mean(high.pooled - low.pooled))
    assert pair.pooled.value == pytest.approx(expected)
    assert pair.pooled.interval.low <= expected <= pair.pooled.interval.high
    back = compare(low, high).by_person
    assert (back.p, back.value) == (found.p, -found.value)
    assert compare(high, low) == pair  # seeded


def test_all_pairs_are_corrected_together():
    rng = np.random.default_rng(0)
    methods = [scores(rng.random((2, 8)), name) for name in "abcd"]
    pairs = compare_all(methods)
    names = [pair.first + pair.second for pair in pairs]
    assert names == ["ab", "ac", "ad", "bc", "bd", "cd"]
    for kind in ("by_person", "pooled"):
        found = [getattr(pair, kind) for pair in pairs]
        expected = holm([one.p for one in found]).tolist()
        assert [one.p_holm for one in found] == expected
    assert compare_all(methods[:1]) == []


# ---- bad input ---------------------------------------------------------------


def test_one_subject_is_one_clear_line():
    one = scores([[0.5], [0.6]])
    says = r"^.*need at least two: only P00.*loso.*\Z"
    for call, found in (
        (compare, (one, one)),
        (compare_all, ([one],)),
        (rank_methods, ([one, one],)),
    ):
        with pytest.raises(ConfigurationError, match=says):
            call(*found)


@pytest.mark.parametrize("people", [2, 10, 30])
def test_constant_and_identical_scores_are_no_difference(people):
    a = scores(np.full((3, people), 0.5), "a")
    # The same numbers in another order of seeds, equal but for the last digit.
    values = np.random.default_rng(0).random((3, people))
    b, c = scores(values, "b"), scores(values[[2, 0, 1]], "c")
    for pair in (compare(a, a), compare(b, c)):
        assert pair.by_person[:3] == (0, (0, 0), 1)
        assert pair.rank_biserial == 0 and pair.cohens_dz == 0
        assert pair.pooled.value == pytest.approx(0, abs=1e-9)
        assert pair.pooled.p == 1
    same = [dataclasses.replace(a, method=name) for name in "abc"]
    ranking = rank_methods(same)
    assert ranking.ranks == {"a": 2, "b": 2, "c": 2}
    assert (ranking.friedman, ranking.p) == (0, 1)
    assert rank_methods([b, c]).ranks == {"b": 1.5, "c": 1.5}


def test_a_constant_difference_has_no_standardised_size():
    a = scores(np.linspace(0.2, 0.4, 10), "a")
    pair = compare(scores(a.values + 0.1, "b"), a)
    assert pair.cohens_dz is None and pair.rank_biserial == 1
    assert pair.by_person.interval == pytest.approx((0.1, 0.1))


def test_what_differs_between_methods_is_named():
    a = scores(np.arange(4), "a")
    b = scores(np.arange(4), "b", subjects=("P00", "P01", "P02", "P09"))
    c = scores(np.arange(4), "c", metric="mcc")
    for call, found, says in (
        (compare, (a, b), "'a' and 'b'.* P03, P09;"),
        (compare_all, ([a, a, c],), "mcc of 'c'"),
        (rank_methods, ([a],), "at least two methods"),
        (compare_all, ([],), "no method"),
    ):
        with pytest.raises(ConfigurationError, match=says):
            call(*found)


# ---- ranks -------------------------------------------------------------------


def test_ranks_friedman_and_critical_difference():
    table = np.array([[3, 3, 3, 2], [2, 2, 1, 3], [1, 1, 2, 1]]) / 10
    methods = map(scores, table, "cab")
    ranking = rank_methods(list(methods))
    assert list(ranking.ranks.items()) == [("c", 1.25), ("a", 2), ("b", 2.75)]
    assert ranking.p == pytest.approx(stats.friedmanchisquare(*table).pvalue)
    assert rank_methods([scores(row) for row in table[:2]]).friedman is None
    # Demsar (2006), table 5: q is 2.343 for 3 methods and 3.164 for 10.
    for methods, q in ((3, 2.343), (10, 3.164)):
        scale = np.sqrt(methods * (methods + 1) / (6 * 30))
        expected = pytest.approx(q * scale, abs=1e-3)
        assert critical_difference(methods, 30) == expected


def test_bars_join_only_methods_that_do_not_differ():
    pair = compare(scores([0, 1]), scores([0, 1]))

    def pairs(different):
        p = {True: Difference(p_holm=0.01), False: Difference(p_holm=0.6)}
        return [
            pair._replace(first=a, second=b, by_person=p[a + b in different])
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
