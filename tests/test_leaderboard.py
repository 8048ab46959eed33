"""Leaderboards from a store of invented folds: 4 methods, 6 people, 2 seeds."""

import json
import re

import numpy as np
import pytest
from conftest import strip_timings
from test_tables import check_latex, rows_of

from keras_pain.errors import ConfigurationError
from keras_pain.experiments.store import FoldKey, ResultStore
from keras_pain.reports.leaderboard import (
    CSV_COLUMNS,
    Cost,
    read_standings,
    write_leaderboard,
)
from keras_pain.reports.statistics import compare, subject_scores

PEOPLE = tuple(f"P{n}" for n in range(6))
# Share of windows that a method gets right; None says the first class always.
SKILL = {"good": 0.9, "fair": 0.75, "poor": 0.6, "majority": None}
LABELS = {"good": "Good | one", "majority": "Majority class"}
COSTS = {
    "good": Cost(2131, 1234567, 12.3456, 0.1234),
    "poor": Cost(latency_ms_single=0.5),
}
ENVIRONMENT = {"versions": {"keras": "3.15.1"}, "hardware": "Test, 2 cores"}


def put(store, method, seed, person, seconds=2.0, healthy=(), **changes):
    """One fold of 80 windows; the truth is the same for all methods."""
    key = FoldKey("loso", "leak_free", method, seed, person)
    number = PEOPLE.index(person)
    truth = np.random.default_rng(number).random(80) < 0.4
    truth &= person not in healthy
    rng = np.random.default_rng([number, seed, list(SKILL).index(method)])
    if SKILL[method] is None:
        guess = np.zeros(80, int)
    else:
        guess = np.where(rng.random(80) < SKILL[method], truth, ~truth)
    config = {"seed": seed, "dataset": {"fingerprint": "abc"}, **changes}
    store.write(
        key,
        config,
        {"timings": {"fit_seconds": seconds}, "environment": ENVIRONMENT},
        {
            "y_true": truth.astype(int),
            "probabilities": np.eye(2)[guess.astype(int)] * 0.8 + 0.1,
            "subject": np.full(80, person),
            "window_id": np.arange(80),
        },
    )
    return key, config


def fill(store, methods=tuple(SKILL), people=PEOPLE, seeds=(0, 1), **options):
    return dict(
        put(store, method, seed, person, **options)
        for method in methods
        for seed in seeds
        for person in people
    )


def write(store, expected, out, **changes):
    options = {
        "labels": LABELS,
        "class_names": ("other", "protective"),
        "title": "Movement",
        "corpus": "emopain",
        "simulated": False,
        "header": ["Seeds: 0, 1."],
        "costs": COSTS,
    }
    paths = write_leaderboard(store, expected, out, **options | changes)
    files = [path for path in paths if path.suffix != ".png"]
    return {path.suffix[1:]: path.read_text() for path in files}, paths


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A store, what is expected of it, and its leaderboard."""
    folder = tmp_path_factory.mktemp("leaderboard")
    store = ResultStore(folder / "store")
    expected = fill(store)
    return store, expected, *write(store, expected, folder / "out")


@pytest.fixture
def store(tmp_path):
    return ResultStore(tmp_path / "store")


def find(rows, method, metric, against=""):
    [row] = [
        row
        for row in rows
        if (row["method"], row["metric"]) == (method, metric)
        and row["against"] == against
    ]
    return row


def close(row, **numbers):
    for name, number in numbers.items():
        assert float(row[name]) == pytest.approx(number, abs=1e-6)


def scores(store, expected, method):
    keys = [key for key in expected if key.method == method]
    return subject_scores(map(store.read, keys))


def test_methods_are_ordered_and_have_their_numbers(filled):
    store, expected, texts, paths = filled
    check_latex(paths[1].read_text())
    names = "leaderboard.md leaderboard.tex leaderboard.csv leaderboard.json"
    names += " critical_difference.png forest.png"
    assert [path.name for path in paths] == names.split()
    assert paths[4].parent.name == "figures"
    lines = [x for x in texts["md"].splitlines() if re.match(r"\| \d ", x)]
    order = ["Good \\| one", "fair", "poor", "Majority class"]
    assert len(lines) == 4
    for line, label in zip(lines, order, strict=True):
        assert line[4:].startswith(f"| {label} ")
    rows = rows_of(texts["csv"])
    assert tuple(rows[0]) == CSV_COLUMNS
    good = scores(store, expected, "good")
    row = find(rows, "good", "pooled_macro_f1")
    close(row, value=good.pooled.mean(), sd_seeds=good.pooled.std(ddof=1))
    assert float(row["low"]) < float(row["value"]) < float(row["high"])
    assert (row["n_folds"], row["n_seeds"]) == ("6", "2")
    assert (row["protocol"], row["simulated"]) == ("loso/leak_free", "false")
    row = find(rows, "good", "subject_mean_macro_f1")
    spread = {"sd_people": good.subject_sd, "sd_seeds": good.seed_sd}
    close(row, value=good.mean, **spread)
    assert row["n_people"] == "6"
    assert find(rows, "good", "average_rank")["value"] == "1.000000"
    assert find(rows, "majority", "pooled_mcc")["value"] == "0.000000"
    assert find(rows, "good", "pooled_roc_auc")["low"] == ""


def test_every_pair_is_tested_once_and_corrected(filled):
    store, expected, texts, _ = filled
    rows = rows_of(texts["csv"])
    metric = "difference_subject_mean_macro_f1"
    pairs = [row for row in rows if row["metric"] == metric]
    assert len(pairs) == 6
    row = find(rows, "good", metric, "majority")
    both = (scores(store, expected, name) for name in ("good", "majority"))
    pair = compare(*both)
    found = pair.by_person
    p = 2 / 2**6
    close(row, value=found.value, low=found.interval.low, p=p, p_holm=6 * p)
    assert row["test"] == "sign-flip permutation"
    row = find(rows, "good", "difference_pooled_macro_f1", "majority")
    close(row, value=pair.pooled.value, p=pair.pooled.p)
    assert row["test"] == "exchange of people"
    row = find(rows, "good", "rank_biserial", "majority")
    assert row["value"] == "1.000000"
    assert find(rows, "good", "cohens_dz", "poor")["value"] != ""
    for words in (
        "Holm p to Good",
        "Holm p to majority",
        "0.188",  # 6 * 2 / 2^6
        "With 6 people no p-value can be below 0.031",
        "Holm's correction is over 6 pairs",
        "each of the 6 counts once",
        "2 seeds",
    ):
        assert words in texts["md"]


def test_costs_are_columns_and_unknown_ones_are_empty(filled):
    *_, texts, _ = filled
    [good, *_] = [x for x in texts["md"].splitlines() if "| Good" in x]
    assert "2,131 | 1,234,567 |" in good
    rows = rows_of(texts["csv"])
    for method, name, value in (
        ("good", "parameters", "2131"),
        ("poor", "flops", ""),
        ("poor", "latency_ms_single", "0.500000"),
        ("majority", "latency_ms_batch", ""),
        ("majority", "fit_seconds", "2.000000"),
    ):
        assert find(rows, method, name)["value"] == value
    times = texts["md"].split("## Times")[1].split("##")[0]
    assert re.search(r"Good.* 2\.0 ± 0\.0 \| +12\.3 \| +0\.123 \|", times)
    assert "Training on: Test, 2 cores." in times


def test_json_says_the_same_and_where_it_comes_from(filled):
    *_, texts, _ = filled
    report = json.loads(texts["json"])
    rows = rows_of(texts["csv"])
    assert len(report["rows"]) == len(rows)
    assert list(report["rows"][0]) == list(CSV_COLUMNS)
    assert report["complete"] is True and report["reference"] == "good"
    assert report["header"] == ["Seeds: 0, 1."]
    assert report["provenance"] == [ENVIRONMENT]
    assert report["fingerprint"] == "abc"
    assert report["friedman"]["p"] < 0.01
    assert report["critical_difference"] == pytest.approx(1.915, abs=1e-3)
    assert "Software: keras 3.15.1." in texts["md"]


def test_the_same_folds_give_the_same_bytes_times_apart(filled, tmp_path):
    _, expected, texts, paths = filled
    store = ResultStore(tmp_path / "again")
    fill(store, methods=tuple(SKILL)[::-1], seconds=3.5)
    costs = {
        "good": Cost(2131, 1234567, 99.0, 9.0),
        "poor": Cost(latency_ms_single=7.0),
    }
    again, others = write(store, expected, tmp_path / "out", costs=costs)
    for kind, text in texts.items():
        assert again[kind] != text
        stripped = strip_timings(text)
        assert strip_timings(again[kind]) == stripped
        assert len(stripped) > 0.6 * len(text)
    for path, other in zip(paths[4:], others[4:], strict=True):
        assert path.read_bytes() == other.read_bytes()


def test_simulated_files_say_so_and_replace_the_others(filled, tmp_path):
    store, expected, *_ = filled
    expected = {
        key: config
        for key, config in expected.items()
        if key.method in ("good", "majority") and key.seed == 0
    }
    _, real = write(store, expected, tmp_path)
    texts, marked = write(store, expected, tmp_path, simulated=True)
    assert all("_SIMULATED." in path.name for path in marked)
    assert len(marked) == len(real) == 6
    assert texts["md"].startswith("# SIMULATED: Movement")
    assert all(row["simulated"] == "true" for row in rows_of(texts["csv"]))
    assert not any(path.exists() for path in real)
    write(store, expected, tmp_path)
    assert not any(path.exists() for path in marked)


def test_unfinished_methods_are_listed_and_in_no_test(store, tmp_path):
    expected = fill(store, methods=("good", "poor"))
    late = [
        FoldKey("loso", "leak_free", "fair", seed, person)
        for seed in (0, 1)
        for person in PEOPLE
    ]
    put(store, "fair", 0, "P0")
    keys = {**expected, **{key: {"seed": key.seed} for key in late[1:]}}
    keys[late[0]] = {"seed": 0, "dataset": {"fingerprint": "abc"}}
    texts, _ = write(store, keys, tmp_path)
    assert texts["md"].startswith("# Movement (INCOMPLETE)")
    assert re.search(r"\| +\| fair +\| +1/12 folds \|", texts["md"])
    assert "INCOMPLETE, not in any test: fair 1/12 folds" in texts["md"]
    rows = rows_of(texts["csv"])
    row = find(rows, "fair", "pooled_macro_f1")
    assert (row["value"], row["n_folds"]) == ("", "1/12")
    assert {row["against"] for row in rows} == {"", "poor"}
    assert json.loads(texts["json"])["complete"] is False
    # The baseline is not here: there is nothing to put into its column.
    assert "Holm p to majority" in texts["md"]
    # A reference that is not finished is named all the same.
    texts, _ = write(store, keys, tmp_path, reference="fair")
    assert "Holm p to fair" in texts["md"]


def test_a_single_method_has_no_pairs_and_that_is_said(store, tmp_path):
    both = fill(store, methods=("good", "poor"))
    _, paths = write(store, both, tmp_path)
    assert len(paths) == 6
    one = {key: c for key, c in both.items() if key.method == "good"}
    texts, paths = write(store, one, tmp_path)
    assert "no pair to compare" in texts["md"]
    assert "All pairs" not in texts["md"]
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert names == {"forest.png"} and len(paths) == 5
    # Nothing is finished at all.
    nothing = [FoldKey("loso", "leak_free", "fair", 0, "P0")]
    texts, paths = write(store, nothing, tmp_path)
    assert "0/1 folds" in texts["md"] and len(paths) == 4
    assert "No method is finished" in texts["md"]
    assert not list((tmp_path / "figures").iterdir())


def test_another_metric_orders_and_is_tested(filled, tmp_path):
    store, expected, *_ = filled
    expected = {key: c for key, c in expected.items() if key.seed == 0}
    options = {"metric": "roc_auc", "reference": "fair"}
    texts, _ = write(store, expected, tmp_path, **options)
    rows = rows_of(texts["csv"])
    row = find(rows, "good", "difference_subject_mean_roc_auc", "majority")
    assert float(row["p"]) == pytest.approx(2 / 2**6)
    row = find(rows, "good", "difference_pooled_roc_auc", "majority")
    assert (row["value"], row["p"], row["test"]) == ("", "", "")
    assert "Holm p to fair" in texts["md"]
    assert re.search(r"\| # \| Method +\| +ROC-AUC \|", texts["md"])
    assert json.loads(texts["json"])["metric"] == "roc_auc"


def test_people_of_one_class_are_counted_and_said(store, tmp_path):
    expected = fill(store, ("good", "majority"), healthy=("P1", "P4"))
    texts, _ = write(store, expected, tmp_path)
    said = "2 of the 6 people have windows of one class only"
    assert said in texts["md"] and "favour the majority" in texts["md"]
    # By MCC these two are in no test, of no method.
    texts, _ = write(store, expected, tmp_path, metric="mcc")
    assert said not in texts["md"]
    assert "2 people left out of statistics over people" in texts["md"]
    assert "undefined there: P1, P4." in texts["md"]
    row = find(rows_of(texts["csv"]), "good", "subject_mean_mcc")
    assert row["n_people"] == "4"


def test_the_order_is_by_the_pooled_metric(filled):
    store, expected, *_ = filled
    found = read_standings(store, expected, num_classes=2, metric="accuracy")
    scores = [found.score(name, "pooled_accuracy") for name in found.people]
    values = [score["mean"] for score in scores]
    assert len(values) == 4
    assert values == sorted(values, reverse=True)
    pair = found.against("majority", "good")
    assert (pair.first, pair.second) == ("good", "majority")
    assert found.against("good", None) is None


def test_what_does_not_belong_together_is_refused(store, tmp_path):
    expected = fill(store, methods=("good",), seeds=(0,))
    changed = {key: {**c, "seed": 9} for key, c in expected.items()}
    other = FoldKey("loso", "as_published", "good", 0, "P0")
    alone = {key: c for key, c in expected.items() if key.fold == "P0"}
    for keys, says, options in (
        (changed, "seed: 0 -> 9", {}),
        ([*expected, other], "one evaluation and proto", {}),
        ([], "got none", {}),
        (expected, "ence must be one of .* got 'best'", {"reference": "best"}),
        (expected, "metric must be one of", {"metric": "f1"}),
        (alone, "only P0 has a defined", {}),
    ):
        with pytest.raises(ConfigurationError, match=says):
            write(store, keys, tmp_path, **options)
    assert not list(tmp_path.glob("*.md"))


def test_methods_tested_on_different_people_are_refused(store, tmp_path):
    expected = fill(store, methods=("good",))
    expected |= fill(store, methods=("poor",), people=PEOPLE[:5])
    with pytest.raises(ConfigurationError, match="different subjects.*P5"):
        write(store, expected, tmp_path)
