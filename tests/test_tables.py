"""Tables from a store of folds whose numbers are known."""

import csv
import dataclasses
import json
import re

import numpy as np
import pytest
from conftest import ROOT, strip_timings

from keras_pain.errors import ConfigurationError, KerasPainError
from keras_pain.experiments.store import FoldKey, ResultStore
from keras_pain.io import csv_text
from keras_pain.reports.table import (
    ColumnSpec,
    Grid,
    RowSpec,
    Sheet,
    TableSpec,
    escape_latex,
    write_table,
)

PUBLISHED = ROOT / "reproduce" / "published"
CSV_COLUMNS = (
    "method protocol metric class ours ours_sd by_defect_of_scoring paper "
    "difference n_folds n_seeds corpus simulated"
).split()
DEFECT = "by_defect_of_scoring"
PROTOCOLS = ("as_published", "leak_free")
COLUMNS = (
    ColumnSpec("Accuracy", "accuracy"),
    ColumnSpec("F1 other", "f1", 0),
    ColumnSpec("F1 protective", "f1", 1),
    ColumnSpec("Macro-F1", "macro_f1"),
    ColumnSpec("MCC", "mcc"),
)
SPEC = TableSpec(
    name="alanet_table1",
    title="Protective behaviour, hold-out",
    paper="Yuan and Mahmoud, Table I",
    rows=(
        RowSpec("Majority class", "majority", "holdout"),
        RowSpec("BANet", "banet", "holdout"),
        RowSpec("ALANet", "alanet", "holdout"),
    ),
    columns=COLUMNS,
    class_names=("other", "protective"),
    published=PUBLISHED / "alanet_table1.csv",
    notes=("A note with 100 % & $.",),
)
LOSO = TableSpec(
    name="loso",
    title="Leave one subject out",
    paper="none",
    rows=(
        RowSpec("Majority class", "majority", "loso"),
        RowSpec("ALANet", "alanet", "loso"),
    ),
    columns=COLUMNS,
    class_names=("other", "protective"),
)
ENVIRONMENT = {
    "versions": {"keras": "3.15.1", "python": "3.11.7"},
    "hardware": "Test processor, 2 cores",
    "git_commit": "",
}

# Truth and predictions of one fold: accuracy 0.7, F1 0.8 and 0.4.
TRUTH = [1, 1, 0, 0, 0, 0, 0, 0, 0, 1]
GUESS = [1, 0, 0, 0, 0, 0, 0, 0, 1, 0]


def put(store, key, *, truth=TRUTH, guess=GUESS, seconds=2.0, **changes):
    config = {"seed": key.seed, "dataset": {"fingerprint": "abc"}}
    config.update(changes.get("config", {}))
    result = {
        "timings": {"fit_seconds": seconds, "jobs": changes.get("jobs", 1)},
        "environment": ENVIRONMENT | changes.get("environment", {}),
    }
    predictions = {
        "y_true": np.array(truth),
        "probabilities": np.eye(2, dtype=np.float32)[guess],
        "subject": np.array([key.fold] * len(truth)),
        "window_id": np.arange(len(truth)),
    }
    store.write(key, config, result, predictions)
    return config


def holdout_keys(methods=("majority", "banet", "alanet"), seeds=(0, 1)):
    return [
        FoldKey("holdout", protocol, method, seed, "holdout")
        for protocol in PROTOCOLS
        for method in methods
        for seed in seeds
    ]


def fill(store, keys, scale=1.0):
    for key in keys:
        guess = {"majority": [0] * 10}.get(key.method, GUESS)
        if key.method == "alanet" and key.seed == 1:
            guess = TRUTH
        seconds = {"majority": 0.1, "banet": 8.0, "alanet": 2.0}[key.method]
        put(store, key, guess=guess, seconds=seconds * scale)


def table(spec, store, expected, out, **changes):
    arguments = {"corpus": "emopain", "simulated": False, "header": ["H"]}
    paths = write_table(spec, store, expected, out, **arguments | changes)
    return {path.suffix[1:]: path.read_text() for path in paths}


def rows_of(text: str) -> list[dict]:
    return list(csv.DictReader(text.splitlines()))


def find(rows, method, metric, class_="", protocol="holdout/leak_free"):
    wanted = (method, metric, class_, protocol)
    names = ("method", "metric", "class", "protocol")
    [row] = [r for r in rows if tuple(r[name] for name in names) == wanted]
    return row


@pytest.fixture
def store(tmp_path):
    return ResultStore(tmp_path / "store")


HEADER, LISTS = ["50% of a_b"], ["subjects/holdout.json"]


def whole_table(folder, keys=None, scale=1.0) -> dict:
    """The files of a whole hold-out table, its folds written in this order."""
    store = ResultStore(folder / "store")
    fill(store, keys or holdout_keys(), scale)
    options = {"header": HEADER, "subject_lists": LISTS}
    return table(SPEC, store, holdout_keys(), folder / "out", **options)


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    return whole_table(tmp_path_factory.mktemp("table"))


def test_cells_are_ours_the_papers_and_the_difference(texts):
    rows = rows_of(texts["csv"])
    assert list(rows[0]) == CSV_COLUMNS
    # ALANet: 0.7 with one seed, 1.0 with the other.
    row = find(rows, "alanet", "pooled_accuracy")
    assert row["ours"] == "0.850000"
    assert float(row["ours_sd"]) == pytest.approx(0.3 / np.sqrt(2), abs=1e-6)
    assert (row["paper"], row["difference"]) == ("0.85", "0.000000")
    assert (row["n_folds"], row["n_seeds"]) == ("1", "2")
    assert (row["corpus"], row["simulated"]) == ("emopain", "false")
    # F1 of class 1 by hand: TP 1, FP 1, FN 2.
    row = find(rows, "banet", "pooled_f1", "protective")
    assert row["ours"] == "0.400000" and row["ours_sd"] == "0.000000"
    assert (row["paper"], row["difference"]) == ("0.28", "0.120000")
    # Unknown paper values stay empty cells.
    row = find(rows, "majority", "pooled_accuracy")
    shown = (row["ours"], row["paper"], row["difference"])
    assert shown == ("0.700000", "", "")
    assert find(rows, "alanet", "pooled_mcc")["paper"] == ""
    # One fold: nothing to average.
    assert not [r for r in rows if r["metric"].startswith("fold_mean")]
    lines = texts["md"].splitlines()
    [ours, *_] = [x for x in lines if x.startswith("| ALANet ")]
    assert "0.850 ± 0.212" in ours and "ours, as_published" in ours
    assert any("| paper" in x and "0.85 [" in x for x in lines)
    assert any("difference, leak_free" in x and "+0.120" in x for x in lines)


def test_json_holds_the_rows_of_the_csv(texts):
    report = json.loads(texts["json"])
    assert len(report["rows"]) == len(rows_of(texts["csv"]))
    assert list(report["rows"][0]) == CSV_COLUMNS
    assert report["header"] == HEADER and report["complete"] is True
    assert report["provenance"] == [ENVIRONMENT]
    assert report["fingerprint"] == "abc"
    assert report["subject_lists"] == LISTS
    assert any("0.587" in note for note in report["notes"])


def test_training_time_and_its_ratio(texts):
    rows = rows_of(texts["csv"])
    row = find(rows, "alanet", "fit_seconds")
    shown = (row["ours"], row["paper"], row["difference"])
    assert shown == ("2.000000", "< 30 minutes", "")
    assert find(rows, "alanet", "fit_seconds_ratio")["ours"] == "0.250000"
    assert find(rows, "banet", "fit_seconds_ratio")["ours"] == "1.000000"
    assert "Ratio to BANet" in texts["md"]
    assert "Hardware: Test processor, 2 cores." in texts["md"]
    assert "at once" not in texts["md"]


def test_parallel_folds_are_said_to_spoil_the_times(store, tmp_path):
    key = FoldKey("loso", "leak_free", "majority", 0, "P01")
    put(store, key, jobs=4)
    text = table(LOSO, store, [key], tmp_path)["md"]
    assert "Up to 4 folds ran at once" in text


def test_pooled_and_fold_mean_are_both_named(store, tmp_path):
    healthy = FoldKey("loso", "leak_free", "alanet", 0, "C01")
    patient = FoldKey("loso", "leak_free", "alanet", 0, "P01")
    put(store, healthy, truth=[0] * 30, guess=[0] * 30, seconds=3.0)
    put(store, patient, seconds=1.0)
    texts = table(LOSO, store, [healthy, patient], tmp_path)
    rows = rows_of(texts["csv"])
    place = {"protocol": "loso/leak_free"}
    pooled = find(rows, "alanet", "pooled_accuracy", **place)
    mean = find(rows, "alanet", "fold_mean_accuracy", **place)
    assert pooled["ours"] == "0.925000" and mean["ours"] == "0.850000"
    f1 = find(rows, "alanet", "fold_mean_f1", "protective", **place)
    assert (f1["ours"], f1["n_folds"]) == ("0.400000", "1")
    assert "0.400 (1/2)" in texts["md"]
    assert find(rows, "alanet", "fit_seconds", **place)["ours"] == "2.000000"
    assert "pooled over the windows" in texts["md"]
    assert "mean over folds" in texts["md"]
    # The baseline's row is there although nobody ran it.
    assert find(rows, "majority", "pooled_accuracy", **place)["ours"] == ""
    assert re.search(r"Majority class .*not run", texts["md"])


def test_a_seed_without_a_defined_fold_is_counted(store, tmp_path):
    keys = [
        FoldKey("loso", "leak_free", "alanet", seed, fold)
        for fold in ("P01", "P02")
        for seed in (0, 1)
    ]
    for key in keys:
        one_class = {"truth": [0] * 10, "guess": [0] * 10}
        put(store, key, **(one_class if key.seed or key.fold == "P02" else {}))
    lines = table(LOSO, store, keys, tmp_path)["md"].splitlines()
    pooled, mean = [x for x in lines if x.startswith("| ALANet ")][:2]
    assert "(0/2)" in mean and "(" not in pooled


def test_an_incomplete_row_shows_no_number(store, tmp_path):
    keys = [
        FoldKey("loso", "leak_free", "alanet", seed, f"P{n:02}")
        for seed in (0, 1)
        for n in range(15)
    ]
    done = FoldKey("loso", "leak_free", "majority", 0, "P00")
    put(store, done)
    for key in keys[:12]:
        put(store, key)
    texts = table(LOSO, store, [*keys, done], tmp_path)
    rows = rows_of(texts["csv"])
    row = find(rows, "alanet", "pooled_accuracy", protocol="loso/leak_free")
    assert (row["ours"], row["ours_sd"]) == ("", "")
    assert row["n_folds"] == "12/30"
    ours = [x for x in texts["md"].splitlines() if x.startswith("| ALANet")]
    assert len(ours) == 3 and all("12/30 folds" in x for x in ours)
    assert not any(re.search(r"0\.\d", x) for x in ours)
    assert "(INCOMPLETE)" in texts["md"].splitlines()[0]
    assert "12/30 folds" in texts["tex"]
    assert json.loads(texts["json"])["complete"] is False
    # What is complete has its numbers all the same.
    assert re.search(r"Majority class .*0\.700", texts["md"])


def test_a_damaged_fold_makes_the_row_incomplete(store, tmp_path, caplog):
    keys = [FoldKey("loso", "leak_free", "majority", 0, f) for f in "AB"]
    for key in keys:
        put(store, key)
    (store.path(keys[1]) / "result.json").write_text("{")
    assert "1/2 folds" in table(LOSO, store, keys, tmp_path)["md"]
    assert "damaged" in caplog.text


def test_folds_that_are_not_expected_stay_out(store, tmp_path):
    fill(store, holdout_keys())
    alone = table(SPEC, store, holdout_keys(seeds=(0,)), tmp_path / "a")
    row = find(rows_of(alone["csv"]), "alanet", "pooled_accuracy")
    shown = (row["ours"], row["ours_sd"], row["n_seeds"])
    assert shown == ("0.700000", "", "1")


def test_a_users_own_method_gets_a_row(store, tmp_path):
    key = FoldKey("holdout", "leak_free", "my.module:mine", 0, "holdout")
    put(store, key)
    texts = table(SPEC, store, [key], tmp_path)
    assert find(rows_of(texts["csv"]), "my.module:mine", "pooled_accuracy")
    assert "| my.module:mine" in texts["md"]


def test_the_same_folds_give_the_same_bytes(texts, tmp_path):
    assert whole_table(tmp_path / "a") == texts
    assert whole_table(tmp_path / "b", holdout_keys()[::-1]) == texts


def test_training_times_apart_two_runs_are_equal(texts, tmp_path):
    first, second = texts, whole_table(tmp_path, scale=3.3)
    for kind in ("md", "tex", "csv", "json"):
        assert first[kind] != second[kind]
        stripped = strip_timings(first[kind])
        assert stripped == strip_timings(second[kind])
        assert "0.85" in stripped and len(stripped) > 0.6 * len(first[kind])


def test_simulated_tables_say_so_and_replace_the_others(store, tmp_path):
    fill(store, holdout_keys())
    out = tmp_path / "out"
    table(SPEC, store, holdout_keys(), out)
    real = {f"table.{kind}" for kind in ("md", "tex", "csv", "json")}
    assert {p.name for p in out.iterdir()} == real
    texts = table(SPEC, store, holdout_keys(), out, simulated=True)
    assert {p.name for p in out.iterdir()} == {
        name.replace(".", "_SIMULATED.") for name in real
    }
    assert texts["md"].startswith("# SIMULATED: ")
    assert r"\caption{SIMULATED: " in texts["tex"]
    assert all(row["simulated"] == "true" for row in rows_of(texts["csv"]))
    assert json.loads(texts["json"])["simulated"] is True
    table(SPEC, store, holdout_keys(), out)
    assert {p.name for p in out.iterdir()} == real


def test_simulated_tables_are_not_compared_with_the_paper(store, tmp_path):
    fill(store, holdout_keys())
    keys = holdout_keys()
    for kind, text in table(SPEC, store, keys, tmp_path / "real").items():
        assert "difference" in text and "atio" in text, kind
    texts = table(SPEC, store, keys, tmp_path, simulated=True)
    for kind, text in texts.items():
        said = text.replace("there are no differences to them", "")
        assert "difference" not in said, kind
        assert "Ratio" not in text and "_ratio" not in text, kind
        assert "0.85" in text and "30 minutes" in text  # of the paper
    row = find(rows_of(texts["csv"]), "alanet", "pooled_accuracy")
    assert (row["ours"], row["paper"]) == ("0.850000", "0.85")


def test_cells_by_a_defect_of_scoring_are_marked(store, tmp_path):
    columns = (*COLUMNS, ColumnSpec("Fm", "fm"))
    spec = dataclasses.replace(LOSO, columns=columns)
    config = {"defects": ["precision_as_f1"]}
    keys = [FoldKey("loso", name, "alanet", 0, "P01") for name in PROTOCOLS]
    put(store, keys[0], config=config)
    put(store, keys[1])
    texts = table(spec, store, keys, tmp_path)
    lines = [x for x in texts["md"].splitlines() if "| ours, " in x]
    # Precision of class 1 is 1/2, F1 of class 0 is 0.8.
    assert "0.650 † |" in lines[2] and lines[2].count("†") == 1
    assert lines[3].rstrip(" |").endswith("–")  # leak_free has no Fm
    assert r"0.650 $^{\dagger}$" in texts["tex"]
    assert "† is made by a known defect of scoring" in texts["md"]
    marked = [r for r in rows_of(texts["csv"]) if r[DEFECT] == "true"]
    names = [(r["protocol"], r["metric"]) for r in marked]
    assert names == [("loso/as_published", "pooled_fm")]
    assert [r for r in json.loads(texts["json"])["rows"] if r[DEFECT]]
    clean = table(spec, store, keys[1:], tmp_path)
    assert not any("†" in text for text in clean.values())


def test_a_table_of_two_states_of_the_sources_says_so(store, tmp_path):
    keys = [FoldKey("loso", "leak_free", "majority", 0, f) for f in "AB"]
    for key, sources in zip(keys, ("1" * 64, "2" * 64), strict=True):
        put(store, key, environment={"sources_sha256": sources})
    text = table(LOSO, store, keys, tmp_path)["md"]
    assert "2 states of the package's sources (111111111111, 2222" in text
    text = table(LOSO, store, keys[:1], tmp_path)["md"]
    assert "states of" not in text


def test_a_table_of_no_folds_says_that_nothing_is_run(store, tmp_path):
    texts = table(LOSO, store, [], tmp_path)
    assert texts["md"].count("not run") == 2
    assert rows_of(texts["csv"]) == []
    assert json.loads(texts["json"])["rows"] == []


def test_folds_of_another_configuration_or_data_are_refused(store, tmp_path):
    keys = [FoldKey("loso", "leak_free", "majority", 0, f) for f in "AB"]
    config = put(store, keys[0])
    table(LOSO, store, {keys[0]: config}, tmp_path)
    with pytest.raises(ConfigurationError, match="seed: 0 -> 9"):
        table(LOSO, store, {keys[0]: {**config, "seed": 9}}, tmp_path)
    put(store, keys[1], config={"dataset": {"fingerprint": "def"}})
    with pytest.raises(ConfigurationError, match="different data"):
        table(LOSO, store, keys, tmp_path)


def test_a_place_that_cannot_be_written_is_one_line(store, tmp_path):
    fill(store, holdout_keys())
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(KerasPainError) as error:
        table(SPEC, store, holdout_keys(), tmp_path / "out")
    assert "\n" not in str(error.value)


def test_a_table_needs_its_baseline():
    with pytest.raises(ValueError, match="majority"):
        TableSpec("t", "t", "p", SPEC.rows[1:], COLUMNS, ("a", "b"))
    for column in (
        ColumnSpec("x", "f1"),
        ColumnSpec("x", "f1", 2),
        ColumnSpec("x", "acc"),
        ColumnSpec("x", "accuracy", 0),
    ):
        with pytest.raises(ValueError, match="no such"):
            TableSpec("t", "t", "p", SPEC.rows, (column,), ("a", "b"))


# ---- names that are no text -------------------------------------------------

EVIL = "<script>x</script>|`a`[b](c)\n__d__ \\"


def test_names_are_no_commands_in_markdown():
    grid = Grid(EVIL, ["Method", "A < B"], [[[EVIL, "< 0.001"]]], left=1)
    text = Sheet("n", EVIL, [EVIL], [grid], [EVIL], [EVIL]).markdown()
    assert not re.search(r"<(?=[a-z/])", text) and "](c" not in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 3
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {3}
    assert r"\|\`a\`[b]\(c) \_\_d\_\_ \\ |" in lines[2]
    assert "< 0.001" in lines[2] and "A < B" in lines[0]
    # Every other line starts as it is meant to.
    other = [line for line in text.splitlines() if line and line[0] != "|"]
    assert {line.split()[0] for line in other} <= {"#", "##", "-", "1."}


def test_names_are_no_formulas_in_csv():
    cells = ["=cmd()", "+1+cmd", "-a", "@x", "-0.5", "+2.31 %", "-1e-05"]
    shown = [f"'{cell}" for cell in cells[:4]] + cells[4:] + ["a b"]
    rows = [{"a": cell, "b": -0.5} for cell in [*cells, "a\nb"]]
    read = list(csv.reader(csv_text(["a", "b"], rows).splitlines()))
    assert read[1:] == [[text, "-0.500000"] for text in shown]


# ---- LaTeX ------------------------------------------------------------------


def check_latex(text: str) -> None:
    """Structure of a report: environments, braces, columns, specials."""
    text.encode("ascii")
    lines = [x for x in text.splitlines() if not x.startswith("%")]
    opened, columns = [], 0
    for line in lines:
        assert not re.search(r"(?<!\\)[%#_~]", line), line
        assert len(re.findall(r"(?<!\\)\$", line)) % 2 == 0, line
        for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", line):
            if kind == "begin":
                opened.append(name)
            else:
                assert opened.pop() == name
        if found := re.search(r"\\begin\{tabular\}\{(\w+)\}", line):
            columns = len(found[1])
        separators = len(re.findall(r"(?<!\\)&", line))
        if opened[-1:] == ["tabular"] and line.endswith(r"\\"):
            assert separators == columns - 1, line
            # A minus is no hyphen.
            assert not re.search(r"(^|[ (\[])-\d", line), line
        else:
            assert not separators, line
    assert not opened and columns
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")


def test_latex_is_sound_whatever_the_names(texts):
    check_latex(texts["tex"])
    assert r"$-$" in texts["tex"]
    wide = ["-0.5 [-0.6, -.4]", "+1", "a-b 2020-01", "5 %"] * 5
    grid = Grid(EVIL, [EVIL, "# & $", "^ ~"] + ["x"] * 18, [], left=2)
    grid = grid._replace(groups=[[[EVIL, *wide]]])
    text = Sheet("n", EVIL, ["ж"], [grid], [EVIL], ["%"]).latex()
    check_latex(text)
    assert r"$-$0.5 [$-$0.6, $-$.4]" in text and "a-b 2020-01" in text
    assert r"\begin{sidewaystable}" in text
    assert r"\resizebox{\linewidth}" in text
    narrow = Sheet("n", "t", [], [Grid("g", ["a", "b"], [[["c", "-1"]]])])
    text = narrow.latex()
    assert r"\begin{table}" in text and "resizebox" not in text


def test_latex_is_escaped(texts):
    text = texts["tex"]
    assert r"ours, as\_published" in text
    assert r"0.850 $\pm$ 0.212" in text
    assert r"A note with 100 \% \& \$." in text
    assert r"50\% of a\_b" in text
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 2


def test_every_special_character_is_escaped():
    assert escape_latex(r"a\b{c}_d^e~f & 5% $1 #2 < > |") == (
        r"a\textbackslash{}b\{c\}\_d\textasciicircum{}e\textasciitilde{}f "
        r"\& 5\% \$1 \#2 \textless{} \textgreater{} \textbar{}"
    )


def test_bars_do_not_break_the_markdown_grid(store, tmp_path):
    rows = (RowSpec("a|b", "majority", "loso"),)
    spec = TableSpec("t", "t", "p", rows, COLUMNS, ("x", "y"))
    key = FoldKey("loso", "leak_free", "majority", 0, "P01")
    put(store, key)
    text = table(spec, store, [key], tmp_path)["md"]
    grid = [x for x in text.splitlines() if x.startswith("|")]
    bars = {len(re.findall(r"(?<!\\)\|", line)) for line in grid}
    assert bars == {len(COLUMNS) + 3, 5}  # metrics, training times
