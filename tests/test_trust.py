"""The leakage sheet, copies for publishing, and notes without paths."""

import dataclasses
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from fake_methods import MeanMethod
from fake_recordings import make_people
from own_folders import write_signals

import keras_pain
from keras_pain.cli import main
from keras_pain.data.windows import sliding_windows
from keras_pain.errors import ConfigurationError, KerasPainError
from keras_pain.experiments import runner
from keras_pain.experiments.preprocessing import PREPROCESSING_FILE
from keras_pain.experiments.protocols import Protocol, subjects_of
from keras_pain.experiments.store import ResultStore
from keras_pain.io import (
    hidden_argument,
    hidden_place,
    shown_argument,
    shown_place,
)
from keras_pain.reports.leakage import NO, OPEN, QUESTIONS, YES, leakage_sheet
from keras_pain.reproduction.run import read_note
from keras_pain.reproduction.share import MAP_FILE, share

MARK = "zebra"
ABSOLUTE = re.compile(rb"(?<![\w.:/])/(?:home|tmp|work|root|opt|usr|var)/")


# --- The leakage sheet ---


class Chooser(MeanMethod):
    """Says that it chose an epoch."""

    name = "chooser"

    def fit(self, train, validation, seed):
        return dataclasses.replace(
            super().fit(train, validation, seed), chosen_epoch=2
        )


@pytest.fixture(scope="module")
def people():
    recordings = make_people("PC", 3)
    return recordings, sliding_windows(recordings, step=90)


def sheet_of(people, folder, *defects, base="leak_free", windows=None):
    recordings, samples = people
    samples = samples if windows is None else windows
    tasks = runner.plan(
        subjects_of(recordings, samples.subject),
        evaluations={"loso": [f"{__name__}:Chooser"]},
        protocols=[Protocol("tried", base, defects)],
        seeds=[0],
        dataset={"fingerprint": "abc", "windows": {}, "augmentation": "none"},
        num_folds=2,
    )
    runner.run(tasks, samples, ResultStore(folder), folds=slice(0, 2))
    return answers_of(folder)


def answers_of(folder):
    frame = leakage_sheet(folder)
    assert [text.partition(" ")[0] for text in frame.question] == [*QUESTIONS]
    return {
        row.question.partition(" ")[0]: (row.answer, row.evidence)
        for row in frame.itertuples()
    }


def edited(folder, **changes):
    """Takes a declaration back, so that only stored evidence is left."""
    for path in folder.glob(f"folds/*/*/*/*/*/{PREPROCESSING_FILE}"):
        told = json.loads(path.read_text())
        told["scaler"]["leaking"] = False
        told |= changes
        text = json.dumps(told)
        old = path.stat().st_size
        path.write_text(text + " " * (old - len(text)))
    for path in folder.glob("folds/*/*/*/*/*/result.json"):
        told = json.loads(path.read_text())
        told["config"]["defects"] = []
        path.write_text(json.dumps(told))


def test_a_leak_free_table_has_no_leak(people, tmp_path, capsys):
    assert main(["leakage", str(tmp_path)]) == 1
    assert "no finished fold" in capsys.readouterr().err
    found = sheet_of(people, tmp_path)
    answers = {number: answer for number, (answer, _) in found.items()}
    assert answers == {
        **dict.fromkeys(("L1.1", "L1.2", "L1.4", "L3.1", "L3.2"), NO),
        **dict.fromkeys(("L1.3", "L2", "L3.3"), OPEN),
    }
    assert main(["leakage", str(tmp_path)]) == 0
    assert "2 of no group" in capsys.readouterr().out
    rows = json.loads((tmp_path / "leakage.json").read_text())["rows"]
    assert len(rows) == len(QUESTIONS)


@pytest.mark.parametrize(
    ("defect", "numbers", "words"),
    [
        ("epoch_on_test", ("L1.1",), "its epoch was chosen on P0, tested"),
        ("scaler_on_everyone", ("L1.2",), "have the same scaler"),
        (
            "windows_at_random",
            ("L1.1", "L3.1", "L3.2"),
            "trained on and tested",
        ),
        ("augmented_copies_tested", ("L1.4",), "have the name of another"),
    ],
)
def test_leaks_are_found_without_their_declaration(
    people, tmp_path, defect, numbers, words
):
    declared = sheet_of(people, tmp_path, defect)
    assert all(declared[number][0] == YES for number in numbers)
    assert defect in declared[numbers[-1]][1]
    edited(tmp_path)
    found = answers_of(tmp_path)
    leaks = [number for number, (answer, _) in found.items() if answer == YES]
    assert leaks == [*numbers]
    assert words in found[numbers[-1]][1]


def test_a_copied_window_is_found(people, tmp_path):
    recordings, windows = people
    x = windows.x.copy()
    first, last = (
        np.flatnonzero(windows.subject == who)[0] for who in ("P0", "P1")
    )
    x[first] = x[last]
    changed = dataclasses.replace(windows, x=x)
    found = sheet_of(people, tmp_path, windows=changed)
    assert found["L1.4"][0] == YES
    assert "equal one that was trained on" in found["L1.4"][1]


# --- Copies for publishing ---


@pytest.fixture(scope="module")
def marked_run(tmp_path_factory):
    """Own recordings whose folder, people and files have a marked name."""
    place = tmp_path_factory.mktemp("share")
    root = place / f"{MARK}_folder"
    write_signals(root)
    for path in root.glob("P*"):
        path.rename(root / f"{MARK}{path.name}")
    for name in ("recordings.tsv", "participants.tsv"):
        text = (root / name).read_text()
        (root / name).write_text(re.sub(r"\bP(?=\d)", f"{MARK}P", text))
    keras_pain.evaluate(
        root,
        label="pain",
        methods=["lsfan", "svm"],
        epochs=1,
        window_seconds=1.0,
        folds="0:2",
        results_dir=str(place / "results"),
        data_dir=str(place.parent / "elsewhere" / "tfds"),
    )
    (place / "results" / "report.html").write_text(f"<p>{MARK}P1</p>")
    return root, place / "results"


def contents(path):
    """Bytes of a file, and of all that is packed in it."""
    data = path.read_bytes()
    yield data
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield name.encode() + archive.read(name)
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            for name in arrays.files:
                yield str(arrays[name].tolist()).encode()


def marks_in(folder):
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        parts = [name.encode()]
        parts += contents(path) if path.is_file() else []
        wide = MARK.encode("utf-32-le")
        if any(MARK.encode() in p or wide in p for p in parts):
            found.append(f"mark in {name}")
        texts = parts if path.suffix in (".json", ".md", ".csv") else parts[2:]
        if any(ABSOLUTE.search(part) for part in texts):
            found.append(f"path in {name}")
    return found


def test_no_mark_is_in_a_shared_copy(marked_run, tmp_path, capsys):
    root, folder = marked_run
    assert f"mark in {MAP_FILE}" not in marks_in(folder)
    assert len(marks_in(folder)) > 10  # the search finds what is there
    command = ["share", str(folder), "--out", str(tmp_path / "copy")]
    assert main(command) == 0
    assert marks_in(tmp_path / "copy") == []
    said = capsys.readouterr().out
    for words in ("true labels", "hashes of raw files", "svm/estimator.skops"):
        assert words in said
    names = {p.name for p in (tmp_path / "copy").rglob("*")}
    assert names >= {"table.md", "model.keras", PREPROCESSING_FILE}
    assert not names & {"report.html", MAP_FILE, "training.png"}
    assert len([*(tmp_path / "copy").rglob("estimator.skops")]) == 4
    with np.load(next((tmp_path / "copy").rglob("predictions.npz"))) as file:
        assert "y_true" not in file.files
    with pytest.raises(KerasPainError, match="shared without labels"):
        leakage_sheet(tmp_path / "copy")
    # Its networks predict, and a copy with labels is a results folder.
    predictor = keras_pain.load(tmp_path / "copy", method="lsfan")
    assert len(predictor.predict(next(root.glob("*_0.csv")))) > 0
    share(folder, tmp_path / "labels", labels=True)
    assert marks_in(tmp_path / "labels") == []
    assert answers_of(tmp_path / "labels")["L3.2"][0] == NO
    old, new = (
        json.loads(path.read_text())["rows"]
        for path in (folder / "table.json", tmp_path / "labels" / "table.json")
    )
    assert old == new
    again = [
        {key.fold for key in ResultStore(tmp_path / name).completed()}
        for name in ("copy", "labels")
    ]
    assert again[0] == again[1]


def test_places_that_do_not_fit_are_one_line(marked_run, tmp_path):
    _, folder = marked_run
    with pytest.raises(ConfigurationError, match="is inside of"):
        share(folder, folder / "copy")
    (tmp_path / "note").write_text("mine")
    with pytest.raises(ConfigurationError, match="not empty"):
        share(folder, tmp_path)


# --- Notes without paths ---


def test_a_run_keeps_no_absolute_path(marked_run):
    root, folder = marked_run
    text = (folder / "run.json").read_bytes()
    assert not ABSOLUTE.search(text)
    note = read_note(folder)
    assert Path(note["own"]["folder"]) == root
    assert (Path(note["dataset"]) / "dataset_info.json").is_file()


def test_hidden_places_are_shown_to_their_user_only(tmp_path, monkeypatch):
    base = tmp_path / "results" / "table"
    assert hidden_place(tmp_path / "data", base) == "../../data"
    assert shown_place("../../data", base) == str(tmp_path / "data")
    word = "--landmarks=csv:/far/away"
    hidden = hidden_argument(word)
    assert "away" not in hidden and hidden.startswith("--landmarks=csv:place:")
    assert shown_argument(hidden, base) == word
    assert hidden_argument(hidden) == hidden
    assert hidden_argument("reproduce/x.py") == "reproduce/x.py"
    monkeypatch.setenv("KERAS_PAIN_PLACES", str(tmp_path))
    with pytest.raises(ConfigurationError, match="--keep_paths"):
        shown_argument(hidden, base)
