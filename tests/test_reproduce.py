"""The reproduce scripts: they run, resume after a kill, refuse bad input."""

import csv
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT

from keras_pain.corpora import emopain
from keras_pain.reports.tables import strip_timings

TABLES = ("table1_protective", "table2_body_parts", "table3_pain_level")
SCRIPTS = sorted(p.stem for p in (ROOT / "reproduce").glob("*.py"))
# Scripts that need other recordings, or none; each has a test of its own.
OTHERS = (
    "figure_simulated_bend",
    "leaderboard_movement",
    "leaks",
    "open_ui_prmd",
    "speed_clips",
    "speed_faces",
    "speed_features",
    "speed_pipeline",
    "speed_runner",
    "table10_aacsfnet",
    "table4_l3d_ablation",
    "table5_unbc",
    "table6_biovid",
    "table7_complexity",
    "table8_lsfan",
    "table9_pemf",
)


def run_script(name, *arguments, cwd, check=True, **options):
    command = [sys.executable, ROOT / "reproduce" / f"{name}.py", *arguments]
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        **options,
    )
    if check and done.returncode:
        pytest.fail(f"{name} failed:\n{done.stdout}\n{done.stderr}")
    return done


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with a raw corpus and its TFRecords, shared by the tests."""
    folder = tmp_path_factory.mktemp("reproduce")
    emopain.simulate(
        folder / "raw", layout="challenge2020", scale="small", progress=False
    )
    return folder


@pytest.fixture
def flags(workplace):
    return [
        f"--manual_dir={workplace / 'raw'}",
        f"--data_dir={workplace / 'tfds'}",
    ]


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_every_script_is_tested_here():
    assert sorted(SCRIPTS) == sorted(TABLES + OTHERS)


@pytest.mark.parametrize("name", TABLES)
def test_smoke(name, flags, tmp_path):
    begin = time.perf_counter()
    done = run_script(name, "--smoke", *flags, cwd=tmp_path)
    # A minute on an idle machine; here other tests run beside it.
    assert time.perf_counter() - begin < 300
    folder = tmp_path / "results" / f"{name}_smoke"
    assert "SIMULATED" in done.stdout and "SMOKE RUN" in done.stdout
    rows = rows_of(folder / "table_SIMULATED.csv")
    assert list(rows[0]) == [
        "method",
        "protocol",
        "metric",
        "class",
        "ours",
        "ours_sd",
        "paper",
        "difference",
        "n_folds",
        "n_seeds",
        "corpus",
        "simulated",
    ]
    assert {row["simulated"].lower() for row in rows} == {"true"}
    assert "majority" in {row["method"] for row in rows}
    protocols = {row["protocol"].split("/")[-1] for row in rows}
    assert protocols == {"as_published", "leak_free"}
    for row in rows:
        if row["metric"] == "pooled_accuracy":
            assert 0 <= float(row["ours"]) <= 1, row
        scored = row["metric"].startswith(("pooled_", "fold_mean_"))
        if scored and row["paper"] and row["ours"]:
            gap = float(row["ours"]) - float(row["paper"])
            assert float(row["difference"]) == pytest.approx(gap, abs=1e-5)
    for suffix in ("md", "tex", "json"):
        assert "SIMULATED" in (folder / f"table_SIMULATED.{suffix}").read_text()
    figures = sorted(p.name for p in (folder / "figures").iterdir())
    assert figures and all("SIMULATED" in name for name in figures)


def finished_folds(folder):
    """Results of whole folds; those being written have a hidden folder."""
    found = folder.glob("folds/**/result.json")
    return [path for path in found if not path.parent.name.startswith(".")]


def test_a_killed_run_resumes_to_the_same_table(flags, tmp_path):
    """Kill -9 in the middle: finished folds stay, the table is the same."""
    common = [
        "--epochs=1",
        "--smoke",
        "--methods=knn,svm,alanet",
        "--protocol=both",
        "--seeds=0,1",
        *flags,
    ]
    run_script(
        "table1_protective", *common, "--results_dir=whole", cwd=tmp_path
    )
    command = [sys.executable, str(ROOT / "reproduce/table1_protective.py")]
    process = subprocess.Popen(
        [*command, *common, "--results_dir=killed"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    killed = tmp_path / "killed"
    deadline = time.monotonic() + 120
    while len(finished_folds(killed)) < 6:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in finished_folds(killed)}
    assert 6 <= len(kept) < 16 and not list(killed.glob("table*"))
    run_script(
        "table1_protective", *common, "--results_dir=killed", cwd=tmp_path
    )
    for path, written in kept.items():
        assert path.stat().st_mtime_ns == written, "a finished fold ran again"
    for suffix in ("csv", "md", "tex"):
        one, two = (
            (tmp_path / folder / f"table_SIMULATED.{suffix}").read_text()
            for folder in ("whole", "killed")
        )
        assert strip_timings(one) == strip_timings(two)
        assert len(strip_timings(one)) > 500
    for path in (tmp_path / "whole").glob("folds/**/predictions.npz"):
        twin = killed / path.relative_to(tmp_path / "whole")
        assert path.read_bytes() == twin.read_bytes()


def test_an_incomplete_table_says_so(flags, tmp_path):
    run_script(
        "table3_pain_level",
        "--smoke",
        "--methods=svm",
        "--protocol=leak_free",
        "--folds=0:1",
        *flags,
        cwd=tmp_path,
    )
    text = (
        tmp_path / "results/table3_pain_level_smoke/table_SIMULATED.md"
    ).read_text()
    assert "INCOMPLETE" in text
    assert re.search(r"1/\d folds", text)


@pytest.mark.parametrize(
    "arguments,message",
    [
        (["--manual_dir=nowhere"], r"nowhere: no such folder"),
        (["--seeds=a,b"], "--seeds"),
        (["--folds=first"], "--folds"),
        (["--methods=bananet"], "bananet"),
        (["--layout=fame"], "fame"),
        (["surplus"], "surplus"),
    ],
)
def test_bad_flags_get_one_line(arguments, message, flags, tmp_path):
    done = run_script(
        "table1_protective", *flags, *arguments, cwd=tmp_path, check=False
    )
    assert done.returncode == 1
    assert re.search(message, done.stderr)
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("error: ")


def test_another_configuration_is_refused(flags, tmp_path):
    common = ["--smoke", "--methods=svm", "--results_dir=out", *flags]
    run_script("table1_protective", *common, cwd=tmp_path)
    done = run_script(
        "table2_body_parts",
        *common[:-2],
        *flags,
        "--results_dir=out",
        "--epochs=3",
        "--methods=knn",
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0  # another method: the folds lie side by side
    folder = tmp_path / "out"
    results = list(folder.glob("folds/**/svm/**/result.json"))
    assert results
    done = run_script("table3_pain_level", *common, cwd=tmp_path, check=False)
    assert done.returncode == 1
    (line,) = [x for x in done.stderr.splitlines() if x.startswith("error")]
    assert "another configuration" in line and "--results_dir" in line


def test_a_drawn_holdout_says_so(tmp_path):
    emopain.simulate(tmp_path / "raw", layout="fame", progress=False)
    done = run_script(
        "table1_protective",
        "--smoke",
        "--methods=svm",
        f"--manual_dir={tmp_path / 'raw'}",
        cwd=tmp_path,
    )
    assert "drawn by us" in done.stdout


def test_other_rows_leave_no_figures_of_the_last_call(flags, tmp_path):
    common = ["--smoke", "--results_dir=out", *flags]
    run_script("table1_protective", "--methods=svm", *common, cwd=tmp_path)
    assert (tmp_path / "out/subjects_holdout_as_published.json").exists()
    run_script(
        "table1_protective",
        "--methods=svm",
        "--protocol=leak_free",
        *common,
        cwd=tmp_path,
    )
    assert not (tmp_path / "out/subjects_holdout_as_published.json").exists()
    assert (tmp_path / "out/subjects_holdout_leak_free.json").exists()


def test_help_shows_the_flags():
    done = run_script("table1_protective", "--help", cwd=ROOT, check=False)
    for flag in ("manual_dir", "protocol", "smoke", "jobs", "on_bad_file"):
        assert f"--{flag}" in done.stdout or f"]{flag}" in done.stdout
    assert "python reproduce/table1_protective.py" in done.stdout


def test_open_recordings_smoke(open_data, tmp_path):
    run_script(
        "open_ui_prmd",
        "--smoke",
        "--methods=svm",
        f"--manual_dir={open_data / 'ui_prmd'}",
        cwd=tmp_path,
    )
    for exercise in ("m05", "m10"):
        folder = tmp_path / "results" / f"open_ui_prmd_{exercise}_smoke"
        text = (folder / "table.md").read_text()
        assert "SIMULATED" not in text
        rows = rows_of(folder / "table.csv")
        assert {row["simulated"].lower() for row in rows} == {"false"}


def test_pipeline_speed_script(tmp_path):
    done = run_script(
        "speed_pipeline",
        "--windows=80",
        "--seconds=0.01",
        "--repeats=1",
        cwd=tmp_path,
    )
    for network in ("stacked_lstm", "banet", "alanet_autoencoder"):
        assert network in done.stdout


def test_bend_figures(tmp_path):
    run_script("figure_simulated_bend", "--out=out", cwd=tmp_path)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [
        "bend_healthy_SIMULATED.png",
        "bend_protective_SIMULATED.png",
    ]
