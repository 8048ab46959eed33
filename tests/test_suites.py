"""Frozen suites, verifying them, and folds of somebody else."""

import importlib.util
import json

import pytest
from conftest import ROOT
from own_folders import write_signals
from scripts import experiments_of

import keras_pain
from keras_pain.cli import main
from keras_pain.errors import ConfigurationError, KerasPainError
from keras_pain.experiments import runner
from keras_pain.experiments.protocols import Subject
from keras_pain.experiments.store import ResultStore, first_difference
from keras_pain.reproduction import suites
from keras_pain.reproduction.flags import Options
from keras_pain.reproduction.run import read_note

# sha256 of released suites and references: they are frozen.
RELEASED = json.loads((ROOT / "tests/golden/suites.json").read_text())
FROM_SCRIPTS = [
    name
    for name in suites.suite_names()
    if not suites.read_suite(name)["script"].endswith(("buhmap.py", "emg.py"))
]


def freezer():
    """The script that writes suites, as a module."""
    path = ROOT / "tools" / "freeze_suite.py"
    spec = importlib.util.spec_from_file_location("freeze_suite", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on a small folder, and the suite and reference made of it."""
    base = tmp_path_factory.mktemp("suites")
    write_signals(base / "raw")
    given = {"label": "pain", "methods": ["knn"], "folder": base / "raw"}
    given["data_dir"] = str(base / "tfds")
    made = keras_pain.evaluate(**given, results_dir=str(base / "first")).run
    path = base / "mine_v1.toml"
    suite = {"script": "reproduce/own_data.py"}
    suite |= suites.described(made.table, made.tasks)
    path.write_text(freezer().toml(suite))
    methods = {}
    for name in ("majority", "stratified", "knn"):
        folds = [t.key for t in made.tasks if t.key.method == name]
        methods[name] = suites.summary([made.store.read(key) for key in folds])
        methods[name]["tolerance"] = {"people": 0.1, "pooled": 0.05}
    text = json.dumps({"methods": methods})
    path.with_suffix(".json").write_text(text)
    again = keras_pain.evaluate(
        **given, results_dir=str(base / "second"), suite=str(path)
    )
    return given, path, base, again


def test_suites_are_frozen():
    files = {
        path.name: suites._sha256(path.read_bytes())
        for path in sorted((ROOT / "suites").iterdir())
    }
    assert files == RELEASED
    assert len(suites.suite_names()) >= 10


@pytest.mark.parametrize("name", FROM_SCRIPTS)
def test_scripts_still_run_the_suite(name, tmp_path):
    """Without data: the settings of today's script are those of the suite."""
    suite = suites.read_suite(name)
    script = ROOT / suite["script"]
    flags = dict(f.lstrip("-").split("=") for f in suite["flags"])
    found = [
        one
        for one in experiments_of(script.stem)
        if one.corpus == suite["data"]["corpus"]
        and one.table.title == suite["title"]
    ]
    experiment, options = found[0], Options(manual_dir="raw")
    evaluation = suite["evaluation"]
    methods = flags["methods"].split(",") if "methods" in flags else []
    methods = (
        ["majority", "stratified", *methods]
        if methods
        else [
            row.method
            for row in experiment.table.methods
            if row.evaluation == evaluation
        ]
    )
    people = [
        Subject(f"P{number}", "a0", ("train", "validation")[number % 2])
        for number in range(12)
    ]

    tasks = runner.plan(
        people,
        evaluations={evaluation: methods},
        protocols=[p for p in experiment.protocols if p.name == "leak_free"],
        seeds=experiment.seeds,
        dataset={
            "corpus": experiment.corpus,
            "layout": suite["data"]["layout"],
            "smoke": False,
            "where": {k: list(v) for k, v in experiment.where.items()},
            "augmentation": experiment.augmentation,
            "windows": experiment.settings_for(options),
            **{
                name: suite["data"][name]
                for name in suites._OF_FILES
                if name in suite["data"]
            },
        },
        epochs=experiment.epochs,
        extra=experiment.method_arguments(options, []),
    )
    store = ResultStore(tmp_path)
    found = [*suites.deviations(suite, experiment.table, tasks, store)]
    allowed = ("people:", "folds.", f"{len(tasks)} of {len(tasks)} folds")
    assert [text for text in found if not text.startswith(allowed)] == []


def test_a_run_says_which_suite_it_may_cite(run):
    given, path, base, again = run
    text = again.paths[0].read_text()
    assert "no deviation; this table may be cited as it" in text
    told = read_note(base / "second")["suite"]
    assert told == {"name": "mine_v1", "deviations": []}
    # One's own method joins; another seed is named.
    made = keras_pain.evaluate(
        **{**given, "methods": ["knn", "svm"], "seeds": (1,)},
        results_dir=str(base / "third"),
        suite=str(path),
    )
    text = made.paths[0].read_text()
    assert "must not be cited as it, it deviates: seeds.0: 0 -> 1." in text
    # Without being asked, only a run that fits is told.
    first = (base / "first").glob("*.md")
    assert not any("may be cited" in file.read_text() for file in first)
    assert suites.fitting_suite(*_parts(made)) is None


def _parts(made):
    return made.run.table, made.run.tasks, made.run.store


def test_a_fitting_suite_is_found(run, monkeypatch):
    _, path, base, again = run
    monkeypatch.setattr(suites, "folders", lambda: [path.parent])
    # What else lies in such a folder, does not matter.
    (path.parent / "a_note.toml").write_text("x = 1")
    assert suites.fitting_suite(*_parts(again))["name"] == "mine_v1"
    (path.parent / "a_note.toml").unlink()


def test_unfinished_folds_and_simulated_data_deviate(run, tmp_path):
    _, path, _, again = run
    table, tasks, _ = _parts(again)
    suite = suites.read_suite(str(path))
    store = ResultStore(tmp_path, True)
    assert [*suites.deviations(suite, table, tasks, store)] == [
        "its data are simulated",
        f"{len(tasks)} of {len(tasks)} folds are not finished",
    ]
    other = {**suite, "evaluation": "cv5"}
    assert [*suites.deviations(other, table, tasks, store)] == [
        "it has no folds of cv5 leak_free"
    ]


def test_verify(run, capsys, monkeypatch):
    _, path, base, _ = run
    words = ["verify", str(path), "--results_dir", str(base / "second")]
    assert main(words) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "knn: equal to the last byte"
    assert out[-1] == "mine_v1: this machine agrees in 3 of 3 methods"
    reference = path.with_suffix(".json")
    whole = reference.read_text()
    told = json.loads(whole)
    knn, stratified = (told["methods"][n] for n in ("knn", "stratified"))
    knn["predictions_sha256"] = ""
    stratified["predictions_sha256"] = stratified["classes_sha256"] = ""
    stratified["people"]["P1"] += 0.08
    told["methods"]["svm"] = told["methods"].pop("majority")
    reference.write_text(json.dumps(told))
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "knn: the same classes" in out
    assert "a person by up to 0.080 (allowed 0.100)" in out
    assert "svm: not run" in out and "agrees in 2 of 3" in out
    stratified["people"]["P1"] += 0.08
    reference.write_text(json.dumps(told))
    assert main(words) == 1
    found = capsys.readouterr()
    assert "stratified: NOT within the tolerance" in found.out
    assert "does not agree" in found.err
    stratified["people"]["P99"] = 1.0
    assert suites.differences(stratified, knn)["people"] == float("inf")
    knn |= {"classes_sha256": "", "folds": 2}
    reference.write_text(json.dumps(told))
    assert main(words) == 1
    assert "the reference 2" in capsys.readouterr().out
    reference.write_text(whole)


def test_verify_says_what_is_missing(run, tmp_path, capsys):
    _, path, base, _ = run
    for words, text in (
        ([str(path), "--results_dir", str(tmp_path)], "holds no run of the"),
        (["nonsense_v1"], "there are biovid_cv5_v1, "),
        (["emopain_loso_v1"], "has no reference"),
    ):
        assert main(["verify", *words]) == 1
        assert text in capsys.readouterr().err
    broken = tmp_path / "broken_v1.toml"
    made = path.read_text()
    odd = (made.replace("seeds = [0]", f"seeds = {n}") for n in ("[]", '["x"]'))
    for text in ("x = [", 'script = "a"', *odd):
        broken.write_text(text)
        with pytest.raises(KerasPainError, match="broken_v1.toml: is no suite"):
            suites.read_suite(str(broken))


def split_of(base):
    path = next((base / "first").glob("subjects_*.json"))
    return path, json.loads(path.read_text())


@pytest.mark.parametrize("kind", ["json", "csv", "ssv", "tsv"])
def test_somebody_elses_folds(run, tmp_path, kind):
    given, _, base, again = run
    path, folds = split_of(base)
    two = dict(list(folds.items())[:2])
    if kind == "json":
        path = tmp_path / "split.json"
        path.write_text(json.dumps(two))
    else:
        path = tmp_path / f"split.{kind}"
        rows = ["fold part participant_id".split()]
        rows += [
            [name, part, person]
            for name, of in two.items()
            for part in ("train", "validation", "test")
            for person in of[part]
        ]
        mark = {"csv": ",", "ssv": ";", "tsv": "\t"}[kind]
        path.write_text("\n".join(mark.join(row) for row in rows))
    made = keras_pain.evaluate(
        **given, results_dir=str(tmp_path / "out"), subjects_file=str(path)
    )
    assert f"those of split.{kind} (sha256" in made.paths[0].read_text()
    expected = {t.key: t.config["subjects"] for t in again.run.tasks}
    found = {t.key: t.config["subjects"] for t in made.run.tasks}
    assert found == {k: v for k, v in expected.items() if k.fold in two}


@pytest.mark.parametrize("tested_alone", [False, True])
def test_people_who_choose_are_drawn(run, tmp_path, tested_alone):
    given, _, base, _ = run
    _, folds = split_of(base)
    for of in folds.values():
        of["train"] += of.pop("validation")
    path = tmp_path / "split.json"
    path.write_text(json.dumps(folds))
    if tested_alone:
        rows = [f"{name},{of['test'][0]}\n" for name, of in folds.items()]
        path.write_text("fold,participant_id\n" + "".join(rows))
    made = keras_pain.evaluate(
        **given, results_dir=str(tmp_path / "out"), subjects_file=str(path)
    )
    for task in made.run.tasks:
        fold = task.outer_fold
        assert fold.validation and not {*fold.validation} & {*fold.test}
        parts = {*fold.train, *fold.validation, *fold.test}
        assert parts == {f"P{number}" for number in range(4)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "needs the columns fold, participant_id, and part"),
        ("{}", "it names no fold"),
        ('{"a": {"test": [7]}}', "fold a: '7' has no samples here"),
        ('{"..": {"test": ["P1"]}}', r"a fold cannot be called '..'"),
        ("fold,participant_id\na", "fold a: '' has no samples here"),
        ("{", "holds no folds of people"),
        ('{"a": {"train": ["P1"]}}', "fold 'a' tests nobody"),
        ('{"a": {"tests": ["P1"]}}', "has a part 'tests'"),
        ("fold,person\na,P1", "needs the columns"),
        (
            '{"a": {"train": ["P1", "P2"], "test": ["P77"]}}',
            "fold a: 'P77' has no samples here; there are P0",
        ),
        (
            '{"a": {"train": ["P1", "P2", "P3"], "test": ["P3"]}}',
            "in both train and test",
        ),
    ],
)
def test_folds_that_cannot_be_used(run, tmp_path, text, words):
    path = tmp_path / "split.csv"
    path.write_text(text)
    out = tmp_path / "out"
    with pytest.raises(KerasPainError, match=words):
        keras_pain.evaluate(
            **run[0], results_dir=str(out), subjects_file=str(path)
        )


def test_one_fold_is_of_the_hold_out():
    from keras_pain.reproduction.run import _of_one_evaluation

    table = experiments_of("table3_pain_level")[0].table
    assert table.evaluations == ("holdout", "loso")
    for folds, evaluation in ((1, "holdout"), (5, "loso")):
        left = _of_one_evaluation(table, folds)
        assert left.evaluations == (evaluation,)


def test_unknown_suite_ends_before_the_long_work(run, tmp_path):
    with pytest.raises(ConfigurationError, match="there is no suite 'x_v1'"):
        keras_pain.evaluate(**run[0], suite="x_v1", results_dir=str(tmp_path))


def test_first_difference_of_a_suite_is_named():
    one, other = {"windows": {"length": 180}}, {"windows": {"length": 90}}
    assert first_difference(one, other) == "windows.length: 180 -> 90"
