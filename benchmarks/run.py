"""How fast the suite is: one harness, every row a ratio measured in turns.

    python benchmarks/run.py --videos FOLDER     # all, on an idle machine
    python benchmarks/run.py --list
    python benchmarks/run.py --rows banet_training,xla
    python benchmarks/run.py --rows xla --write_compile

The last writes the gains of XLA into `keras_pain/models/compile.csv`, which
decides what is compiled.

A row has a reference (`references.py`) and the suite's own way to the same
result. They take turns, short measurements many times over, as a machine's
speed drifts; what counts is the ratio within a round: its median, on the clock
and of processor time, and its spread, the distance between the quartiles over
the median (the larger of both). Above 15 % no ratio is quoted.

A run of all rows writes `docs/benchmarks/DATE-COMMIT.md`, anew after every row;
a choice of rows, or `--quick`, which is for tests, writes only where `--out`
names a folder. `growth` is a table of its own: the path from raw files to a
fold for 1, 4 and 16 times as many recordings.
"""

import argparse
import collections
import csv
import gc
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# As the package does, which is imported after TensorFlow here.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import numpy as np
import tensorflow as tf
from absl import logging
from rows import (
    CEILINGS,
    LSFAN_CUT,
    Row,
    Run,
    Sides,
    Skipped,
    all_rows,
    built,
    corpus,
    folds_of,
    kernel,
    timed,
)

from keras_pain.data.prepare import load_recordings
from keras_pain.data.windows import cut_windows
from keras_pain.errors import KerasPainError, exit_code
from keras_pain.experiments import optim, runner
from keras_pain.experiments.provenance import environment, start_tensorflow
from keras_pain.experiments.store import ResultStore
from keras_pain.io import write_file
from keras_pain.models.registry import LANDMARKS, MODELS, WINDOWS

ROOT = pathlib.Path(__file__).resolve().parents[1]
MOST = 0.15  # spread, above which no ratio is quoted
COMPILE = pathlib.Path(optim.registry.__file__).with_name("compile.csv")
FIELDS = ("network", "step_ms", "gain", "compile_s", "spread")
TIMES = (1, 4, 16)  # how many times as many recordings


class Result(NamedTuple):
    """A measured row: medians, and the load of the machine before and after."""

    ratio: tuple[float, float]  # on the clock, of processor time
    spread: float
    seconds: tuple[float, float]  # a call of the reference, and of ours
    load: tuple[float, float]
    note: str = ""
    first: float = 0.0


# --- Statistics ---


def measure(sides: Sides, run: Run) -> Result:
    """Both sides in turns, after a call of each that traces and warms up."""
    rounds, least = run.size((9, 1.0), (3, 0.01))
    load, times = [os.getloadavg()[0]], []
    for call in sides[:2]:
        call()
        once = least if sides.once else timed(call, 1)[0]
        times.append(max(1, math.ceil(least / once)))
    gc.collect()
    seconds = [
        [timed(call, n) for call, n in zip(sides[:2], times, strict=True)]
        for _ in range(rounds)
    ]
    sides.check()
    load.append(os.getloadavg()[0])
    return summary(np.array(seconds), sides.work)._replace(
        load=tuple(load), note=sides.note, first=sides.first
    )


def summary(seconds: np.ndarray, work: Sequence[float] = (1, 1)) -> Result:
    """Medians and spread of `(rounds, sides, clocks)` seconds a call."""
    of_work = seconds / np.reshape(work, (1, 2, 1))
    ratio = of_work[:, 0] / of_work[:, 1]
    low, middle, high = np.percentile(ratio, [25, 50, 75], axis=0)
    spread = float(np.max((high - low) / middle))
    clock = np.median(seconds[:, :, 0], axis=0).tolist()
    return Result(tuple(middle.tolist()), spread, tuple(clock), (0, 0))


def line_fit(x: Sequence[float], y: Sequence[float]) -> tuple[float, ...]:
    """Slope, intercept and R^2 of a straight line through points."""
    slope, intercept = np.polyfit(x, y, 1)
    missed = np.var(y - (slope * np.asarray(x) + intercept))
    return float(slope), float(intercept), float(1 - missed / np.var(y))


# --- Ceilings and growth ---


def ceilings(run: Run) -> list[tuple]:
    """Cells: the kernel, its median rate and the spread of it."""
    rows = [("kernel", "median", "spread")]
    for kind in CEILINGS:
        call, work = kernel(kind, run)
        call()
        times = run.size(9, 3), run.size(3, 1)
        rates = [work / timed(call, times[1])[0] / 1e9 for _ in range(times[0])]
        low, middle, high = np.percentile(rates, [25, 50, 75])
        unit = "GB/s" if kind == "memory" else "GFLOP/s"
        spread = (high - low) / middle
        rate = quoted(f"{middle:.1f} {unit}", spread)
        rows.append((kind, rate, percent(spread)))
    return rows


def grow(raw: str) -> dict:
    """From raw files to a fold, in this process, which does nothing else."""
    clock, found = time.perf_counter(), {}

    def lap(name):
        nonlocal clock
        found[name], clock = time.perf_counter() - clock, time.perf_counter()

    path = built(pathlib.Path(raw), pathlib.Path(raw, "tfds"))
    lap("build, s")
    recordings = load_recordings(path)
    windows = cut_windows(recordings, LSFAN_CUT)
    lap("preparation, s")
    task = folds_of(recordings, windows, LSFAN_CUT, "lsfan", 1)[0]
    runner.run_task(task, windows, ResultStore(pathlib.Path(raw, "results")))
    lap("fold of one epoch, s")
    # Of this program alone: `ru_maxrss` would begin with its parent's.
    status = pathlib.Path("/proc/self/status").read_text(encoding="ascii")
    [peak] = [line for line in status.splitlines() if "VmHWM" in line]
    found["memory at most, MB"] = int(peak.split()[1]) / 1024
    found["frames"] = sum(len(one["angles"]) for one in recordings)
    return {"recordings": len(recordings), **found}


def growth(run: Run) -> list[tuple]:
    """Cells: what each size takes, and a straight line through it."""
    found = []
    for times in run.size(TIMES, (1, 2, 3)):
        raw = corpus(run.place / f"x{times}", times, run.size(8, 4))
        command = [sys.executable, __file__, "--grow", os.fspath(raw)]
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.fspath(ROOT)},
        )
        if done.returncode:
            raise KerasPainError(f"growth stopped at {times} x")
        found.append(json.loads(done.stdout.splitlines()[-1]))
    sizes = [one["recordings"] for one in found]
    rows = [("", *(f"{n} recordings" for n in sizes), "a recording", "R^2")]
    for name in list(found[0])[1:]:
        values = [one[name] for one in found]
        slope, _, fit = line_fit(sizes, values)
        shown = (f"{value:,.1f}".removesuffix(".0") for value in values)
        rows.append((name, *shown, f"{slope:.3g}", f"{fit:.4f}"))
    return rows


PARTS = {
    "ceilings": (ceilings, "what the machine reaches in dense kernels"),
    "growth": (growth, "raw files to a fold, for ever more recordings"),
}

# --- The document ---


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def quoted(text: str, spread: float) -> str:
    """A measured value as text, unless its spread is too large."""
    return text if spread <= MOST else f"not quoted (spread {percent(spread)})"


def cells(name: str, row: Row, result: Result | str) -> tuple[str, ...]:
    """A row of the table; no ratio where its spread is too large."""
    target = f"{row.target:g} x" if row.target else ""
    first = (f"`{name}`: {row.what}", row.reference)
    if isinstance(result, str):
        return (*first, f"not measured: {result}", "", "", target, "")
    form = percent if row.share else "{:.2f} x".format
    ratios = [quoted(form(ratio), result.spread) for ratio in result.ratio]
    if result.note:
        ratios[0] += f" ({result.note})"
    load = "{:.1f} to {:.1f}".format(*result.load)
    return (*first, *ratios, percent(result.spread), target, load)


HEAD = "what|reference|ratio|of processor time|spread|target|load".split("|")


def markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table, its head first."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [lines[0], "|---" * len(rows[0]) + "|", *lines[1:], ""]


def document(command: str, tables: Mapping[str, Sequence]) -> str:
    """The page of a run."""
    about = environment()
    versions = ", ".join(f"{k} {v}" for k, v in about["versions"].items())
    tiny = ", TINY: no result" if "--quick" in command else ""
    lines = [
        f"# Benchmarks of {time.strftime('%d %B %Y')}{tiny}",
        "",
        f"`{command}`, commit {about['git_commit'] or 'unknown'}, "
        f"{about['hardware']}; {versions}.",
        "",
        "Reference and suite in turns within one run; a ratio is the median of "
        "the rounds, how many times as fast the suite is, or its share of a "
        "ceiling. Spread is the distance between the quartiles over the "
        f"median; above {100 * MOST:.0f} % no ratio is quoted. Load is the "
        "machine's average of a minute, before and after. People and their "
        "recordings are SIMULATED, other inputs are random, unless they are "
        "videos.",
        "",
    ]
    for title, rows in tables.items():
        lines += [f"## {title}", "", *markdown(rows)]
    return "\n".join(lines)


def write_compile(results: Mapping[str, Result]) -> None:
    """`compile.csv` anew; a network without a quotable gain keeps its row."""
    with open(COMPILE, encoding="utf-8", newline="") as stream:
        rows = {row["network"]: row for row in csv.DictReader(stream)}
    for name in MODELS.fed(WINDOWS, LANDMARKS):
        result = results.get(f"xla_{name}")
        if result is None or result.spread > MOST:
            print(f"{name}: as before")
            continue
        step_ms, gain = 1000 * result.seconds[0], result.ratio[0]
        values = round(step_ms, 2), round(gain, 2), round(result.first, 1)
        values = (name, *values, round(result.spread, 2))
        rows[name] = dict(zip(FIELDS, values, strict=True))
    with open(COMPILE, "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows.values())


def run_rows(names: Sequence[str], run: Run, save: Callable) -> dict:
    """Measures rows and parts, prints each, and calls `save(tables)` after it.

    Returns the results by row.
    """
    rows, results = all_rows(), {}
    tables = collections.defaultdict(list)
    for name in names:
        if name in PARTS:
            table = tables[name.title()] = PARTS[name][0](run)
            for line in table:
                print(*line, sep=" | ", flush=True)
        else:
            keras.backend.clear_session()
            try:
                result = results[name] = measure(rows[name].sides(run), run)
                raw = "{:.3g} and {:.3g} s a call".format(*result.seconds)
            except Skipped as reason:
                result, raw = str(reason), ""
            line = cells(name, rows[name], result)
            tables["Ratios"] = tables["Ratios"] or [HEAD]
            tables["Ratios"].append(line)
            print(*line, raw, sep=" | ", flush=True)
        save(tables)
    return results


def main(argv: Sequence[str] | None = None) -> None:
    """Lists or measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--rows", help="names, or how they begin: banet,xla; default: all")
    add("--list", action="store_true", help="names, references, targets")
    add("--quick", action="store_true", help="tiny, to see that it works")
    add("--videos", help="folder of videos of single people, for faces")
    add("--out", help="folder of the document; default: docs/benchmarks")
    add("--write_compile", action="store_true", help="models/compile.csv")
    add("--grow", help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    rows = all_rows()
    names = [*rows, *PARTS]
    if given.list:
        for name, row in rows.items():
            target = f"; target {row.target:g} x" if row.target else ""
            print(f"{name}: {row.what}, against {row.reference}{target}")
        print(
            *(f"{name}: {what}" for name, (_, what) in PARTS.items()), sep="\n"
        )
        return
    start_tensorflow()
    logging.set_verbosity(logging.ERROR)  # of tracing, which is measured here
    tf.get_logger().setLevel("ERROR")
    for message in ("Layer 'temporal_attention", "enable_nested_tensor"):
        warnings.filterwarnings("ignore", message)  # of the references
    if given.grow:
        print(json.dumps(grow(given.grow)))
        return
    chosen, folder = names, given.out
    if given.rows:
        chosen = []
        for wanted in given.rows.split(","):
            begun = [n for n in names if f"{n}_".startswith(f"{wanted}_")]
            if not begun:
                raise KerasPainError(f"{wanted}: no such row; see --list")
            chosen += begun
    elif folder is None and not given.quick:
        folder = ROOT / "docs" / "benchmarks"
    command = f"python benchmarks/run.py{' --quick' * given.quick}"
    command += f" --rows {given.rows}" if given.rows else ""
    command += " --videos VIDEOS" if given.videos else ""
    commit, _, dirty = environment()["git_commit"].partition("-")
    stem = f"{time.strftime('%Y-%m-%d')}-{commit[:8] or 'unknown'}"

    def save(tables):
        if folder:
            path = pathlib.Path(folder, f"{stem}{'-dirty' * bool(dirty)}.md")
            write_file(path, document(command, tables).encode())

    with tempfile.TemporaryDirectory() as place:
        run = Run(pathlib.Path(place), given.quick, given.videos)
        results = run_rows(chosen, run, save)
    if given.write_compile:
        write_compile(results)


if __name__ == "__main__":
    sys.exit(exit_code(main, "error"))
