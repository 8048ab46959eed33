"""The ledger's arithmetic: changes, intervals, and agreement with `score`."""

from types import SimpleNamespace

import numpy as np
import pytest
from scripts import rows_of
from test_tables import check_latex

from keras_pain.errors import ConfigurationError
from keras_pain.experiments.defects import score
from keras_pain.experiments.store import FoldKey, ResultStore
from keras_pain.reports import calibration, ledger
from keras_pain.reports.ledger import change, condition, pooled_scores
from keras_pain.reports.table import RowSpec

SUBJECTS = [f"P{n}" for n in range(6)]


def predictions(seed, shift=0.0):
    """Folds of one seed: a person each, 20 windows."""
    folds = []
    for number, subject in enumerate(SUBJECTS):
        rng = np.random.default_rng([seed, number])
        y = (rng.random(20) < 0.4).astype(int)
        positive = np.clip(0.35 * y + 0.6 * rng.random(20) + shift, 0, 0.99)
        # Between two thresholds each, so that the ledger's are all there are.
        positive = positive.round(2) + 0.005
        folds.append(
            {
                "y_true": y,
                "probabilities": np.stack([1 - positive, positive], axis=1),
                "subject": np.full(20, subject),
            }
        )
    return folds


PRECISION, THRESHOLD = "precision_as_f1", "threshold_on_test"


@pytest.mark.parametrize(
    "names, mean_f1",
    [((), "macro_f1"), ((PRECISION,), "fm"), ((THRESHOLD,), "fm_best")],
)
def test_scores_are_those_of_the_runner(names, mean_f1):
    folds = predictions(0)
    joined = {k: np.concatenate([f[k] for f in folds]) for k in folds[0]}
    expected = score(joined["y_true"], joined["probabilities"], 2, names)
    once = np.ones((1, len(SUBJECTS)), int)
    found = pooled_scores(condition([folds], names, SUBJECTS), once)
    for name, of in (("macro_f1", mean_f1), ("mcc", "mcc")):
        assert found[name][0, 0] == pytest.approx(expected[of])
    assert found["accuracy"][0, 0] == pytest.approx(expected["accuracy"])


def test_either_mean_f1_of_the_released_code_stands_beside_all_others():
    rows = {"all, with precision_as_f1", "all, with threshold_on_test"}
    assert ledger._ALL.keys() == rows
    assert all(len(scoring) == 1 for scoring in ledger._ALL.values())


def test_no_defect_changes_nothing():
    side = condition([predictions(0), predictions(1)], (), SUBJECTS)
    for one in change(side, side).values():
        assert (one.change, one.low, one.high) == (0, 0, 0)


def test_a_better_side_has_a_positive_interval():
    base = condition([predictions(s, -0.3) for s in (0, 1)], (), SUBJECTS)
    tuned = condition([predictions(s, 0.1) for s in (0, 1)], (), SUBJECTS)
    found = change(base, tuned)["macro_f1"]
    assert 0 < found.low <= found.change <= found.high < 1
    assert found == change(base, tuned)["macro_f1"]  # the draws are seeded


def test_other_seeds_or_classes_are_refused():
    one = condition([predictions(0)], (), SUBJECTS)
    two = condition([predictions(0), predictions(1)], (), SUBJECTS)
    with pytest.raises(ConfigurationError, match="same seeds"):
        change(one, two)
    folds = predictions(0)
    for fold in folds:
        fold["probabilities"] = np.full((20, 3), 1 / 3)
    with pytest.raises(ConfigurationError, match="two classes"):
        condition([folds], (THRESHOLD,), SUBJECTS)
    assert condition([folds], (), SUBJECTS).confusions.shape[-1] == 3


def test_the_report_marks_what_scoring_makes(tmp_path, drawn):
    store, keys = ResultStore(tmp_path / "store"), []
    for protocol in ledger.ledger_protocols():
        for subject, found in zip(SUBJECTS, predictions(0), strict=True):
            key = FoldKey("loso", protocol.name, "lsfan", 0, subject)
            store.write(key, {}, {}, found)
            keys.append(key)
    run = SimpleNamespace(
        expected=dict.fromkeys(keys),
        store=store,
        results_dir=tmp_path,
        table=SimpleNamespace(
            rows=[RowSpec("L_SFAN", "lsfan", "loso")], title="T", notes=()
        ),
        prepared=SimpleNamespace(corpus="emopain", simulated=True),
        header=["<b>"],
        samples={"leak_free": SimpleNamespace(subject=np.array(SUBJECTS))},
    )
    paths = ledger.ledger_report(run)
    assert [path.name for path in paths] == [
        *(f"ledger_SIMULATED.{kind}" for kind in ("md", "tex", "csv", "json")),
        "leaks_SIMULATED.png",
    ]
    check_latex(paths[1].read_text())
    assert "<b>" not in paths[0].read_text()
    rows = rows_of(paths[2])
    marked = [r for r in rows if r["by_defect_of_scoring"] == "true"]
    assert len(marked) == 4 and {r["metric"] for r in marked} == {"macro_f1"}
    lines = paths[0].read_text().splitlines()
    [line] = [x for x in lines if x.startswith(f"| {THRESHOLD}")]
    assert line.count("†") == 1 and "†" in line.split("|")[2]
    assert drawn[-1].get_suptitle() == "SIMULATED: T"


def test_disputes_are_compared_on_the_windows_that_both_tested():
    sides = []
    for ids in (["a:0", "a:45", "a:90"], ["a:0", "a:90"]):
        sides.append(
            [[{"window_id": np.array(ids), "y_true": np.arange(len(ids))}]]
        )
    one, other = ledger._tested_by_both(*sides)
    assert one[0][0]["y_true"].tolist() == [0, 2]
    assert other[0][0]["y_true"].tolist() == [0, 1]


def test_brier_and_calibration_error():
    fold = SimpleNamespace(
        predictions={
            "y_true": np.array([0, 0, 1, 1]),
            "probabilities": np.array([[0.85, 0.15]] * 4),
            "subject": np.array(["A", "A", "B", "B"]),
        }
    )
    sums = calibration.sums_by_person([fold], np.array(["A", "B"]))
    found = calibration.scores(*sums, np.array([[1, 1], [2, 0]]))
    assert found["Accuracy"] == pytest.approx([0.5, 1.0])
    assert found["Brier"] == pytest.approx([0.745, 0.045])
    assert found["ECE"] == pytest.approx([0.35, 0.15])
