"""Table 8, the ledger, the leaderboard, and explanations of their folds."""

import dataclasses
import json

import pytest
from predicted import assert_predicts_again
from scripts import experiments_of, rows_of, run_script

from keras_pain.cli import main
from keras_pain.errors import KerasPainError
from keras_pain.experiments.protocols import AS_PUBLISHED
from keras_pain.experiments.store import ResultStore
from keras_pain.models.registry import MODELS
from keras_pain.reproduction import Options, reproduce
from keras_pain.reproduction.explain import finished_folds, rebuild_fold
from keras_pain.reproduction.rerun import Rerun, compared, rerun
from keras_pain.reproduction.run import _protocol_line

OWN = """
import numpy as np


class Mine:
    name = "mine"

    def fit(self, train, validation, seed):
        from keras_pain.experiments.methods import FitReport

        self.share = train.y.mean()
        return FitReport()

    def predict_proba(self, windows):
        return np.tile([1 - self.share, self.share], (len(windows), 1))
"""


@pytest.fixture
def smoke(smoked):
    """Runs a script on the simulated corpora that the tables have made."""

    def run(name, *arguments, **options):
        flags = ("--smoke", "--seeds=0", *arguments)
        return run_script(name, *flags, cwd=smoked.place, **options)

    return run


@pytest.fixture(scope="module")
def table8(smoked):
    _, (folder,) = smoked("table8_lsfan")
    return folder


def test_table8_lists_the_defects_that_are_on(table8):
    document = json.loads((table8 / "table_SIMULATED.json").read_text())
    (published,) = [x for x in document["header"] if "as_published:" in x[:24]]
    (clean,) = [x for x in document["header"] if "Protocol leak_free:" in x]
    for name in ("shifted_rater_columns", "network_shared", "precision_as_f1"):
        assert name in published and name not in clean
    assert "last_epoch" in published and "epoch_on_test" not in published
    assert "No known defect" in clean
    rows = rows_of(table8 / "table_SIMULATED.csv")
    assert not any(row["paper"] for row in rows)
    assert {row["method"] for row in rows} == {"majority", "cnn_sap"}
    of_defects = [r for r in rows if r["metric"] == "pooled_fm" and r["ours"]]
    assert {r["protocol"] for r in of_defects} == {"loso/as_published"}


def test_headers_tell_what_is_known_from_what_is_assumed():
    line = _protocol_line(AS_PUBLISHED)
    known, assumed = line.split(" Assumed, not known: ")
    assert "no_mask_padding" in known and "epoch_on_test" not in known
    assert assumed.startswith("epoch_on_test (the epoch is chosen on the")
    assert "no code of theirs was released" in assumed


def test_a_fold_predicts_its_test_windows_again(table8):
    assert_predicts_again(table8, "cnn_sap")


def test_a_fold_is_rebuilt_as_its_run_cut_it(table8):
    for key in finished_folds(table8):
        fold = rebuild_fold(table8, key)
        ids = fold.result.predictions["window_id"][: len(fold.raw_test)]
        assert fold.raw_test.window_id.tolist() == ids.tolist()
        counts = fold.result.result["windows"]["fitted_on"]
        if key.method == "cnn_sap":
            assert len(fold.data.augmented) == sum(counts)
            assert fold.raw_test.channel_names[0].startswith("semg")
        else:
            assert fold.raw_test.channel_names[0].startswith("angle")
    with pytest.raises(KerasPainError, match="no such folder"):
        finished_folds(table8 / "nothing")


def test_explain_draws_a_finished_fold(table8, capsys):
    assert main(["explain", str(table8), "--no_checks"]) == 0
    drawn = list((table8 / "explanations" / "cnn_sap").glob("*.png"))
    assert drawn and all("SIMULATED" in path.name for path in drawn)
    assert any("skeleton" in path.name for path in drawn)
    assert main(["explain", str(table8 / "nothing")]) == 1
    assert main(["explain", str(table8), "--method", "majority"]) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert all(line.startswith("keras-pain: ") for line in lines[-2:])


def test_ledger(smoke, smoked, monkeypatch):
    done = smoke("leaks", "--methods=cnn_tap")
    folder = smoked.place / "results" / "leaks_emopain_smoke"
    assert "windows_at_random" in done.stdout and "SIMULATED" in done.stdout
    rows = rows_of(folder / "ledger_SIMULATED.csv")
    assert len(rows) == 3 * (2 + 8 + 2)  # none, another seed, each, all
    still = [row for row in rows if row["defect"] == "no_mask_padding"]
    assert {float(row["change"]) for row in still} == {0}  # of L-SFAN
    for row in rows:
        assert -1 <= float(row["with_defect"]) <= 1
        if row["defect"] != "none":
            assert float(row["low"]) <= float(row["high"])
    assert (folder / "figures" / "leaks_SIMULATED.png").stat().st_size > 10_000
    monkeypatch.chdir(smoked.place)
    part = Options(methods=["svm"], folds="0:1", results_dir="part", smoke=True)
    with pytest.raises(KerasPainError, match="not run yet"):
        reproduce(experiments_of("leaks")[0], part)


def test_a_method_of_ones_own_joins_the_leaderboard(smoke, smoked):
    (smoked.place / "mine.py").write_text(OWN)
    smoke("leaderboard_movement", "--methods=svm,cnn_tap,mine:Mine")
    (experiment, *_) = experiments_of("leaderboard_movement")
    # Tracing a network takes seconds: a few, but one of each paper.
    assert 4 == sum(name in MODELS for name in experiment.smoke_methods)
    folder = smoked.place / "results" / "leaderboard_emopain_smoke"
    document = json.loads((folder / "leaderboard_SIMULATED.json").read_text())
    methods = {row["method"] for row in document["rows"] if row["method"]}
    assert {"mine", "majority", "stratified", "svm", "cnn_tap"} <= methods
    names = {path.name for path in (folder / "figures").iterdir()}
    assert any("critical_difference" in name for name in names), names


def test_a_users_locale_and_paths(smoke, smoked):
    """ASCII only; a home folder with brackets and an umlaut."""
    home = smoked.place / "h[/b]ome [x] \u00fc"
    home.mkdir(parents=True)
    env = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = smoke(
        "table1_protective",
        *("--methods=majority", "--protocol=leak_free", "--results_dir=~/res"),
        env={**env, "HOME": str(home)},
    )
    assert (home / "res" / "table_SIMULATED.md").is_file()
    assert "h[/b]ome [x]" in done.stderr


def test_a_fold_runs_again_and_is_the_same(table8, smoked, monkeypatch):
    monkeypatch.chdir(smoked.place)
    store = ResultStore(table8)
    of = ("leak_free", "cnn_sap")
    key = next(k for k in store.completed() if (k.protocol, k.method) == of)
    again = rerun(store.path(key))
    assert again == Rerun("equal")
    first = store.read(key)
    changed = {**first.predictions}
    changed["probabilities"] = changed["probabilities"][:, ::-1]
    config = {**first.config, "seed": 5}
    other = dataclasses.replace(first, config=config, predictions=changed)
    found = compared(first, other)
    assert "predicted classes are others" in found.verdict
    assert found.reasons == ("configuration: seed: 0 -> 5",)
