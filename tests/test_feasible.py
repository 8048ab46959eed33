"""Which confusion matrices fit printed metrics: against all that there are."""

import csv
import itertools
import time

import numpy as np
import pytest
from conftest import ROOT
from sklearn import metrics as sk

from keras_pain import cli
from keras_pain.cli import main
from keras_pain.errors import ConfigurationError
from keras_pain.reports import audit, feasible

NAMES = (*feasible.SCALAR, *feasible.BY_CLASS)


def all_matrices(counts):
    """Hits and predictions of every matrix with these rows."""
    rows = [
        [
            r
            for r in itertools.product(range(n + 1), repeat=len(counts))
            if sum(r) == n
        ]
        for n in counts
    ]
    matrices = np.array(list(itertools.product(*rows)))
    hits = [matrices[:, k, k] for k in range(len(counts))]
    return hits, list(matrices.sum(axis=1).T)


def printed_of(counts, hits, predicted, index, rng):
    """A few metrics of one matrix, rounded, some of them a little wrong."""
    printed, off = {}, rng.random() < 0.5
    for name in rng.choice(NAMES, rng.integers(1, 4), replace=False).tolist():
        values = [
            float(feasible.metric(name, k, counts, hits, predicted)[index])
            for k in range(len(counts))
        ]
        digits = rng.integers(1, 4)
        values = values[:1] if name in feasible.SCALAR else values
        printed[name] = [
            f"{min(v + off * rng.choice([0, 0.04]), 1):.{digits}f}"
            for v in values
        ]
    return printed


@pytest.mark.parametrize("classes,most,times", [(2, 25, 150), (3, 4, 40)])
def test_the_search_finds_what_there_is(classes, most, times):
    rng, numbers = np.random.default_rng(classes), []
    for _ in range(times):
        counts = rng.integers(1, most, classes).tolist()
        hits, predicted = all_matrices(counts)
        index = rng.integers(len(hits[0]))
        printed = printed_of(counts, hits, predicted, index, rng)
        claims = feasible.claims_of(counts, printed)
        fits = feasible._fits(claims, counts, hits, predicted)
        there = np.stack([*hits, *predicted], axis=1)[fits]
        found = feasible.feasible(counts, claims)
        assert found.number == len(np.unique(there, axis=0)), (counts, printed)
        numbers.append(found.number)
    assert min(numbers) == 0 < max(numbers)


def test_metrics_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [20, 13, 7])
    said = rng.permutation(y)
    confusion = sk.confusion_matrix(y, said)
    counts = confusion.sum(axis=1).tolist()
    given = counts, np.diag(confusion)[:, None], confusion.sum(0)[:, None]
    expected = {
        "accuracy": sk.accuracy_score(y, said),
        "balanced_accuracy": sk.balanced_accuracy_score(y, said),
        "macro_f1": sk.f1_score(y, said, average="macro"),
        "weighted_f1": sk.f1_score(y, said, average="weighted"),
        "mcc": sk.matthews_corrcoef(y, said),
    }
    for name in feasible.SCALAR:
        found = feasible.metric(name, None, *given)[0]
        assert found == pytest.approx(expected[name]), name
    for name in feasible.BY_CLASS:
        each = getattr(sk, f"{name}_score")(y, said, average=None)
        found = [feasible.metric(name, k, *given)[0] for k in range(3)]
        np.testing.assert_allclose(found, each)


def test_the_command_has_every_metric():
    assert cli._SCALAR == feasible.SCALAR
    assert cli._BY_CLASS == feasible.BY_CLASS


def test_alanets_table_fits_and_its_text_does_not(capsys):
    command = ["audit-metrics", "--counts=2651,182", "--f1=.91,.26"]
    assert main([*command, "--accuracy=.85", "--macro-f1=.59"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "can hold: 28 confusion matrices fit"
    main([*command, "--accuracy=0.851"])
    *_, alone, last = capsys.readouterr().out.splitlines()
    assert last == "cannot hold: no confusion matrix fits"
    assert "accuracy 0.851" in alone


def test_a_hundred_thousand_samples_take_seconds():
    begin = time.perf_counter()
    printed = {"accuracy": ["0.851"], "f1": ["0.88", "0.80"], "mcc": [".69"]}
    assert "can hold" in feasible.report((60_000, 40_000), printed)
    assert time.perf_counter() - begin < 2


def test_means_over_folds_bind_only_the_accuracy():
    printed = {"accuracy": ["0.51"], "f1": ["0.99", "0.99"]}
    text = feasible.report((50, 50), printed, folds=10)
    assert "not looked at, as a mean over folds: f1 of class 0" in text
    assert text.splitlines()[-1].startswith("can hold")
    text = feasible.report((50, 50), {"f1": ["0.9", "0.9"]}, folds=10)
    assert text.splitlines()[-1].startswith("cannot be checked")


@pytest.mark.parametrize(
    "counts,printed,words",
    [
        ((5, 5), {"accuracy": ["85.1"]}, "write 85.1% for a percentage"),
        ((5, 5), {"accuracy": ["high"]}, "no number as it is printed"),
        ((5, 5), {"accuracy": ["nan"]}, "no number as it is printed"),
        ((5, 5), {"f1": ["0.5"]}, "write - for one"),
        ((5, 5), {"mcc": ["-1.5"]}, "not between -1 and 1"),
        ((5,), {"accuracy": ["0.5"]}, "two or three classes"),
        ((5, 0), {"accuracy": ["0.5"]}, "two or three classes"),
    ],
)
def test_what_cannot_be_is_one_line(counts, printed, words):
    with pytest.raises(ConfigurationError, match=words):
        feasible.report(counts, printed)


def test_percentages_and_gaps_are_read():
    claims = feasible.claims_of((10, 5), {"f1": ["85.1%", "-"]})
    assert [str(claim) for claim in claims] == ["f1 of class 0 85.1%"]
    assert claims[0].low == pytest.approx(0.8505)
    assert claims[0].high == pytest.approx(0.8515)


# --- The ledger of claims ---

VERDICTS = {
    "text on Table I": audit.CANNOT,
    "Table III": audit.CANNOT,
    "Table 1, UNBC, both": audit.CANNOT,
    "Table 1, UNBC, L3D": audit.HOLDS,
    "Table 1, BioVid, L3D": audit.CANNOT,
    "Table 3, BioVid, ResNet18-LSTM": audit.CANNOT,
    "Table 1, BioVid, both": audit.HOLDS,
    "released weights": audit.UNKNOWN,
    "STGCN-LSTM": audit.CANNOT,
}


def test_claims_are_recomputed(monkeypatch):
    """But for the sizes of Table 4, whose networks take long to build."""
    light = [row for row in audit.ROWS if row.place != "Table 4"]
    assert len(audit.ROWS) - len(light) == 6
    monkeypatch.setattr(audit, "ROWS", light)
    rows = audit.run()
    known = {audit.HOLDS, audit.CANNOT, audit.UNKNOWN}
    assert {row["verdict"] for row in rows} == known
    assert all(len(row["evidence"]) > 10 for row in rows)
    for place, verdict in VERDICTS.items():
        found = {row["verdict"] for row in rows if row["place"] == place}
        assert found == {verdict}, place
    text = audit.sheet(rows).markdown()
    assert text.count("\n| ") == 2 + len(rows)  # names, rule
    assert "28 confusion matrices of 2,833 samples" in text


def test_the_ledger_has_the_printed_numbers():
    """Those of `reproduce/published`, which the tables show."""
    printed = set()
    for path in (ROOT / "reproduce" / "published").glob("l3d_table[123]*.csv"):
        with open(path, encoding="utf-8") as stream:
            printed |= {row["value"] for row in csv.DictReader(stream)}
    for _, mse, rmse in audit._ERRORS:
        assert mse in printed and rmse in printed
