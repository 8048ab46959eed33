"""The reproduce scripts: they run, resume after a kill, refuse bad input."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT, dummy, strip_timings
from scripts import (
    FORKS,
    REPRODUCE,
    TABLES,
    experiments_of,
    rows_of,
    run_script,
)
from test_tables import CSV_COLUMNS

from keras_pain.cli import main
from keras_pain.errors import ConfigurationError, KerasPainError
from keras_pain.experiments.method_registry import fed
from keras_pain.reproduction import Options, reproduce
from keras_pain.reproduction.jobs import submit
from keras_pain.simulate import simulate

EXERCISES = {"m03": "inline lunge", "m05": "sit to stand"}
# Those that declare an experiment; another one counts without any data.
RUN = [name for name in TABLES if experiments_of(name)]
# Nothing of simulated data is compared with the paper.
COLUMNS = tuple(name for name in CSV_COLUMNS if name != "difference")


@pytest.fixture
def small(smoked, tmp_path, monkeypatch):
    """Runs a table in this process, with few methods."""
    monkeypatch.chdir(smoked.place)

    def run(name, **flags):
        flags = {"results_dir": str(tmp_path), "methods": ["svm"], **flags}
        return reproduce(experiments_of(name)[0], Options(smoke=True, **flags))

    return run


@pytest.mark.parametrize("name", RUN)
def test_smoke(name, smoked):
    begin = time.perf_counter()
    done, folders = smoked(name)
    # A minute on an idle machine; here other tests run beside it.
    assert time.perf_counter() - begin < 300
    assert "SIMULATED" in done.stdout and "SMOKE RUN" in done.stdout
    for experiment, folder in zip(experiments_of(name), folders, strict=True):
        rows = rows_of(folder / "table_SIMULATED.csv")
        assert tuple(rows[0]) == COLUMNS
        assert {row["simulated"].lower() for row in rows} == {"true"}
        methods = [row.method for row in experiment.table.rows]
        written = {row["method"] for row in rows}
        assert methods[0] in ("majority", "train_mean", "constant_0")
        shown = [m for m in experiment.attention[-1:] if m in written]
        few = methods if shown else methods[:1]
        assert {m for m in few if not fed(m)} <= written
        assert shown or name not in ("table1_protective", "table2_body_parts")
        assert name != "table1_protective" or written == {"majority", *methods}
        assert {row["protocol"] for row in rows} == {
            f"{evaluation}/{protocol}"
            for evaluation in experiment.table.evaluations
            for protocol in ("as_published", "leak_free")
        }
        for row in rows:
            if row["metric"] == "pooled_accuracy":
                assert 0 <= float(row["ours"]) <= 1, row
        for suffix in ("md", "tex", "json"):
            text = (folder / f"table_SIMULATED.{suffix}").read_text()
            assert "SIMULATED" in text
        figures = [path.name for path in (folder / "figures").iterdir()]
        assert figures and all("SIMULATED" in name for name in figures)
        for method in shown:
            assert f"attention_{method}_SIMULATED.png" in figures


@pytest.mark.parametrize("name", RUN)
def test_every_smoke_run_can_be_explained(name, smoked, capsys):
    """Its first network's; without one it says so in a line."""
    for folder in smoked(name)[1]:
        networks = sorted(folder.glob("folds/*/leak_free/*/seed0/*/*.keras"))
        method = [p.parts[-4] for p in networks[:1]] or ["train_mean"]
        flags = ["--no_checks", f"--method={method[0]}"]
        code = main(["explain", str(folder), *flags])
        out, err = capsys.readouterr()
        assert code == (not networks), err
        drawn = out.strip().splitlines()
        assert all("SIMULATED" in line for line in drawn if "/" in line)
        assert (
            networks and drawn or "has no network" in err or "has no fin" in err
        )


@pytest.mark.parametrize("name", RUN)
def test_the_methods_of_a_table_fit_it(name):
    for experiment in experiments_of(name):
        for row in experiment.table.methods:
            experiment.check_method(row.method)


def finished_folds(folder):
    """Results of whole folds; those being written have a hidden folder."""
    found = folder.glob("folds/**/result.json")
    return [path for path in found if not path.parent.name.startswith(".")]


def test_a_killed_run_resumes_to_the_same_table(smoked, tmp_path):
    """Kill -9 in the middle: finished folds stay, the table is the same."""
    common = ["--smoke", "--methods=knn,svm,alanet"]

    def run(folder):
        flags = [*common, f"--results_dir={tmp_path / folder}"]
        return run_script("table1_protective", *flags, cwd=smoked.place)

    # A run of all of the table's methods has the slow half of these folds.
    _, (all_methods,) = smoked("table1_protective")
    shutil.copytree(all_methods / "folds", tmp_path / "whole" / "folds")
    assert "4 of 8 folds are finished and kept" in run("whole").stderr
    script = str(REPRODUCE / "table1_protective.py")
    process = subprocess.Popen(
        [sys.executable, script, *common, f"--results_dir={tmp_path}/killed"],
        cwd=smoked.place,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    killed = tmp_path / "killed"
    deadline = time.monotonic() + 120
    while len(finished_folds(killed)) < 4:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in finished_folds(killed)}
    assert 4 <= len(kept) < 8 and not list(killed.glob("table*"))
    run("killed")
    for path, written in kept.items():
        assert path.stat().st_mtime_ns == written, "a finished fold ran again"
    for suffix in ("csv", "md", "tex"):
        one, two = (
            (tmp_path / folder / f"table_SIMULATED.{suffix}").read_text()
            for folder in ("whole", "killed")
        )
        assert strip_timings(one) == strip_timings(two)
        assert len(strip_timings(one)) > 500
    paths = list(killed.glob("folds/**/predictions.npz"))
    assert len(paths) == 8
    for path in paths:
        twin = tmp_path / "whole" / path.relative_to(killed)
        assert path.read_bytes() == twin.read_bytes()


def test_an_incomplete_table_says_so(small):
    table, *_ = small("table3_pain_level", protocol="leak_free", folds="0:1")
    text = table.read_text()
    assert "INCOMPLETE" in text
    assert re.search(r"1/\d folds", text)


@pytest.mark.parametrize(
    "arguments,message",
    [
        (["--manual_dir=nowhere"], r"nowhere: no such folder"),
        (["--seeds=a,b"], "--seeds"),
        (["--folds=first"], "--folds"),
        (["--methods=bananet"], "bananet"),
        (["--methods="], "--methods: names no method"),
        (["--methods=knn,,svm"], "--methods: names no method, or an empty"),
        (["--layout=fame"], "fame"),
        (["surplus"], "surplus"),
    ],
)
def test_bad_flags_get_one_line(arguments, message, smoked):
    done = run_script(
        "table1_protective", *arguments, cwd=smoked.place, check=False
    )
    assert done.returncode == 1
    assert re.search(message, done.stderr)
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("error: ")


def test_another_configuration_is_refused(small, tmp_path):
    small("table1_protective")
    # Another method: the folds lie side by side.
    small("table2_body_parts", methods=["knn"], epochs=3)
    assert list(tmp_path.glob("folds/**/svm/**/result.json"))
    with pytest.raises(ConfigurationError, match="another config") as caught:
        small("table3_pain_level")
    assert "--results_dir" in str(caught.value)


def test_label_columns_reach_the_builder(small):
    small("table1_protective")
    with pytest.raises(KerasPainError, match="with other options .challenge"):
        small("table1_protective", challenge_columns="pain=none")
    assert "KERAS_PAIN_CHALLENGE_COLUMNS" not in os.environ


def test_another_backend_is_refused_in_one_line(smoked):
    """Before the long work; tables import Keras early or late."""
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    options = {"cwd": smoked.place, "env": environment, "timeout": 60}
    options |= {"capture_output": True, "text": True}
    for name in ("table1_protective", "leaks"):
        command = [sys.executable, REPRODUCE / f"{name}.py", "--smoke"]
        done = subprocess.run(command, **options)
        assert done.returncode == 1
        assert done.stderr.startswith("error: the backend of Keras is torch")
        assert done.stderr.count("\n") == 1


def test_a_drawn_holdout_says_so(small, tmp_path, capsys):
    simulate("emopain", tmp_path / "raw", layout="fame", progress=False)
    small("table1_protective", manual_dir=str(tmp_path / "raw"))
    assert "drawn by us" in capsys.readouterr().out


def test_other_rows_leave_no_figures_of_the_last_call(small, tmp_path):
    small("table1_protective")
    assert (tmp_path / "subjects_holdout_as_published.json").exists()
    small("table1_protective", protocol="leak_free")
    assert not list(tmp_path.glob("figures/*as_published*"))
    # The lists of subjects belong to folds, which stay.
    for protocol in ("as_published", "leak_free"):
        path = tmp_path / f"subjects_holdout_{protocol}.json"
        lists = json.loads(path.read_text())
        assert {people["simulated"] for people in lists.values()} == {True}


CHECK = """
import runpy, sys
del sys.argv[0]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    print(*sys.modules, file=sys.stderr)
"""


def modules_of(*command):
    """Output of a script, and the modules that it had imported in the end."""
    done = subprocess.run(
        [sys.executable, "-c", CHECK, *map(str, command)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, set(done.stderr.splitlines()[-1].split())


def test_help_is_quick_and_shows_what_the_table_has():
    script = REPRODUCE / "table1_protective.py"
    text, modules = modules_of(script, "--help")
    assert not {"tensorflow", "keras", "tensorflow_datasets"} & modules
    assert not {"sklearn", "scipy", "matplotlib"} & modules
    flags = "manual_dir protocol [no]smoke challenge_columns jobs on_bad_file"
    for flag in flags.split():
        assert f"--{flag}:" in text
    assert "--micro_batch" not in text and "--landmarks" not in text
    assert "python reproduce/table1_protective.py" in text
    text, _ = modules_of(script, "--helpfull")
    assert "--micro_batch" in text
    text, modules = modules_of(REPRODUCE / "table4_l3d_ablation.py", "--help")
    assert "--micro_batch" in text and "--corpus: <all|" in text
    assert "tensorflow" not in modules


def test_a_table_imports_nothing_of_gsff(smoked, tmp_path):
    """Nor does anything that a fork has imported before."""
    (tmp_path / "check.py").write_text(CHECK)
    command = [tmp_path / "check.py", REPRODUCE / "table1_protective.py"]
    command += ["--smoke", "--methods=majority", "--protocol=leak_free"]
    results = tmp_path / "results"
    done = FORKS.run([*command, f"--results_dir={results}"], smoked.place)
    assert done.returncode == 0, done.stderr
    modules = done.stderr.splitlines()[-1].split()
    ours = [name for name in modules if name.startswith("keras_pain.")]
    assert ours and not [name for name in ours if "augment." in name]


def test_shares_make_the_table_of_a_serial_run(small, tmp_path, capsys):
    tables = []
    for shares in (["2/2", "1/2"], []):
        place = {"results_dir": str(tmp_path / str(len(shares)))}
        for share in shares:
            assert small("table1_protective", **place, share=share) == []
        small("table1_protective", **place, share="list")
        left = "4 of 4" if not shares else "0 of 4"
        assert f"{left} folds are open" in capsys.readouterr().out
        more = {"collect": True} if shares else {}
        path = small("table1_protective", **place, **more)[0]
        tables.append(strip_timings(path.with_suffix(".csv").read_text()))
    assert tables[0] == tables[1]


def stand_in(folder, name, text):
    """A program of this name, before all others on the path."""
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def test_the_array_script_runs_its_share(tmp_path):
    script = ROOT / "examples" / "slurm" / "shares.sbatch"
    subprocess.run(["bash", "-n", script], check=True)
    told = stand_in(tmp_path, "python", 'echo "$@"')
    told |= {"SLURM_ARRAY_TASK_COUNT": "8"}
    for i in ("1", "8"):
        told["SLURM_ARRAY_TASK_ID"] = i
        command = ["bash", script, "table.py", "--smoke"]
        done = subprocess.check_output(command, env=told, text=True)
        assert done == f"table.py --smoke --share {i}/8\n"


def test_shares_are_submitted_to_slurm(tmp_path, monkeypatch):
    utils = pytest.importorskip("submitit.core.utils")
    stand_in(tmp_path, "srun", "")
    copied = f'cp "$1" {tmp_path}/$(date +%s%N).sbatch'
    told = stand_in(tmp_path, "sbatch", f"{copied}; echo batch job 77")
    monkeypatch.setenv("PATH", told["PATH"])
    flags = ["--submit", "slurm,slurm_partition=cpu,mem_gb=16", "--jobs=3"]
    done = run_script("table1_protective", "--smoke", *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "3 shares are submitted" in done.stdout
    array, last = sorted(tmp_path.glob("*.sbatch"))
    assert "--array=0-2" in array.read_text()
    for line in ("--partition=cpu", "--mem=16GB"):
        assert line in array.read_text() and line in last.read_text()
    assert "--dependency=afterany:77_0:77_1:77_2" in last.read_text()
    pickles = sorted(tmp_path.glob("results/table1_protective/jobs/*.pkl"))
    runs = [utils.DelayedSubmission.load(path).args[0] for path in pickles]
    script = [sys.executable, str(REPRODUCE / "table1_protective.py")]
    script += ["--smoke", *flags, "--submit=", "--jobs=1"]
    ends = [f"--share={i}/3" for i in (1, 2, 3)] + ["--collect"]
    assert sorted(runs) == sorted([*script, end] for end in ends)


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ("slurm", "srun"),
        ("loadleveler", "loadleveler"),
        ("local,mem_gb=much", "mem_gb"),
    ],
)
def test_submitting_in_vain_is_one_line(asked, error, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    options = Options(submit=asked.split(","), results_dir=str(tmp_path))
    with pytest.raises(ConfigurationError, match=f"--submit: .*{error}"):
        submit(options, ["table.py"])


def test_open_recordings_smoke(open_data, tmp_path):
    """Of a folder with other exercises than those that we were given."""
    for path in (open_data / "ui_prmd").rglob("m05_s0[1-4]_e0[12]_*.txt*"):
        for name in (path.name, path.name.replace("m05", "m03")):
            folder = path.parent.relative_to(open_data)
            copy = tmp_path / folder / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    flags = ("--smoke", "--methods=svm", "--manual_dir=ui_prmd")
    run_script("open_ui_prmd", *flags, cwd=tmp_path)
    for exercise in ("m03", "m05"):
        folder = tmp_path / "results" / f"open_ui_prmd_{exercise}_smoke"
        text = (folder / "table.md").read_text()
        assert "SIMULATED" not in text and EXERCISES[exercise] in text
        rows = rows_of(folder / "table.csv")
        assert {row["simulated"].lower() for row in rows} == {"false"}
    found = {path.name for path in (tmp_path / "results").iterdir()}
    places = ("m03", "m05", "all")
    assert found == {f"open_ui_prmd_{place}_smoke" for place in places}
    flags = (*flags, "--exercises=m05,m10")
    done = run_script("open_ui_prmd", *flags, cwd=tmp_path, check=False)
    assert "--exercises must be one of m03, m05; got 'm10'" in done.stderr


FOLDERS = """
import runpy, sys
import keras_pain.reproduction
keras_pain.reproduction.reproduce = lambda _, own, *_c: print(own.results_dir)
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize(
    "name,flags,folders",
    [
        ("open_ui_prmd", ["--exercises=m05"], ["R/open_ui_prmd_m05"]),
        ("table1_protective", [], ["R"]),
        ("leaderboard_movement", ["--corpus=ui_prmd"], ["R"]),
        ("table4_l3d_ablation", ["--corpus=biovid"], ["R"]),
        ("table4_l3d_ablation", [], ["R/table4_unbc", "R/table4_biovid"]),
    ],
)
def test_tables_do_not_share_a_results_folder(name, flags, folders, tmp_path):
    """Nor does that of an exercise depend on which others are run."""
    if name == "open_ui_prmd":
        flags = [*flags, f"--manual_dir={dummy('ui_prmd')}"]
    (tmp_path / "folders.py").write_text(FOLDERS)
    command = [tmp_path / "folders.py", REPRODUCE / f"{name}.py", *flags]
    done = FORKS.run([*command, "--results_dir=R"], cwd=tmp_path)
    assert done.stdout.split() == folders, done.stderr


def test_bend_figures(tmp_path):
    run_script("figure_simulated_bend", "--out=out", cwd=tmp_path)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    kinds = "healthy", "protective"
    assert names == [f"bend_{kind}_SIMULATED.png" for kind in kinds]
