#!/usr/bin/env python3
"""Runs everything small, and compares two such runs number by number.

The release check: what a change is not meant to change stays the same. From
the root of each of two checkouts, on one machine:

    python tools/golden.py run before        # of the old code
    python tools/golden.py run after         # of the new code
    python tools/golden.py compare before after

`run` takes names of steps (the keys of `STEPS`) to run only these. All take
about twelve minutes on two idle cores; what is there already is resumed, so a
run that broke off goes on. `compare` looks at tables (Markdown, LaTeX, CSV,
JSON, without training times, software, command and commit), lists of subjects,
errors by level and person, the arrays of every fold's predictions, hashes of
simulated corpora, what `keras-pain check`, `explain` and `gsff` wrote; it names
each difference and simulation that broke off, and exits 1 if there is one.
"""

import difflib
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np

MAIN = "from keras_pain.cli import main; raise SystemExit(main())"
CORPORA = ("emopain", "unbc_mcmaster", "biovid", "pemf")
SMOKE = (
    "--smoke",
    "--data_dir={out}/data/{name}",
    "--results_dir={out}/{name}",
)
# Name to the arguments of a script of reproduce/, or of keras-pain.
STEPS = {
    "table1_protective": SMOKE,
    "table2_body_parts": SMOKE,
    "table3_pain_level": SMOKE,
    "table4_l3d_ablation": (*SMOKE, "--corpus=unbc_mcmaster"),
    "table5_unbc": SMOKE,
    "table6_biovid": SMOKE,
    "table7_complexity": ("--results_dir={out}/{name}",),  # has no --smoke
    "table8_lsfan": SMOKE,
    "table9_pemf": SMOKE,
    "table10_aacsfnet": SMOKE,
    "leaks": (*SMOKE, "--methods=lsfan"),
    "leaderboard_movement": (
        *SMOKE,
        "--methods=majority,knn,cnn_tap,stacked_lstm",
    ),
    **{
        f"simulate_{corpus}": ("simulate", corpus, "--out={out}/{name}/raw")
        for corpus in CORPORA
    },
    **{
        f"check_{corpus}": (
            "check",
            corpus,
            "--manual_dir={out}/simulate_" + corpus + "/raw",
        )
        for corpus in CORPORA
    },
    "explain": (
        "explain",
        "{out}/table8_lsfan",
        "--out={out}/{name}",
        "--method=lsfan",
        "--check_epochs=1",
    ),
    "gsff": (
        "gsff",
        "--input={unbc}",
        "--output={out}/{name}",
        "--generator=geometric",
        "--all_frames",
        "--every=40",
    ),
}
TIMED = re.compile(
    r"fit_seconds|trace_seconds|latency|seconds|hardware|software|commit|"
    r"provenance|keras_pain 0\.|milliseconds|\"(simulated|command)\":|"
    r"states of the",
    re.IGNORECASE,
)
WANTED = re.compile(
    r"(table|ledger|leaderboard|levels|persons|checks)[^/]*"
    r"\.(md|tex|csv|json)|subjects_.*\.json|predictions\.npz|hashes\.txt|"
    r"check\.txt|manifest\.jsonl"
)


def run(out: pathlib.Path, names) -> int:
    """Runs steps; returns the exit code."""
    root = pathlib.Path.cwd()
    work = out / "work"  # corpora of tables are simulated in it
    work.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "PYTHONPATH": str(root),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "COLUMNS": "120",
    }
    failed = 0
    for name in names or STEPS:
        script = root / "reproduce" / f"{name}.py"
        start = [str(script)] if script.exists() else ["-c", MAIN]
        unbc = sorted(out.glob("data/table5_unbc/**/dataset_info.json"))
        fields = {"out": out, "name": name, "unbc": unbc and unbc[0].parent}
        call = [argument.format(**fields) for argument in STEPS[name]]
        log = out / f"{name}.log"
        if name.startswith("simulate_"):
            if (out / name / "hashes.txt").exists():
                continue
            shutil.rmtree(out / name, ignore_errors=True)  # it was killed
        with log.open("w", encoding="utf-8") as stream:
            code = subprocess.run(
                [sys.executable, *start, *call],
                stdout=stream,
                stderr=subprocess.STDOUT,
                cwd=work,
                env=environment,
            ).returncode
        print(f"{name}: {'ok' if not code else f'exit {code}, see {log}'}")
        failed += bool(code)
        if name.startswith("simulate_") and not code:
            _write_hashes(out / name)
        if name.startswith("check_"):
            text = log.read_text("utf-8").replace(str(out), "OUT")
            (out / name).mkdir(exist_ok=True)
            (out / name / "check.txt").write_text(text, "utf-8")
    return 1 if failed else 0


def _write_hashes(folder: pathlib.Path) -> None:
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  "
        f"{path.relative_to(folder)}\n"
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "hashes.txt"
    ]
    (folder / "hashes.txt").write_text("".join(lines), "utf-8")


def text_of(path: pathlib.Path) -> list[str]:
    """The lines of a file without what differs from run to run."""
    kept, inside = [], False
    for line in path.read_text(encoding="utf-8").splitlines():
        marker = line.strip("<>!-% ")
        if marker in ("training times", "end of training times"):
            inside = marker == "training times"
        elif not inside and not TIMED.search(line):
            kept.append(line)
    return kept


def files_of(root: pathlib.Path) -> dict[pathlib.Path, pathlib.Path]:
    """Files that are compared, by their path below the run."""
    return {
        path.relative_to(root): path
        for path in root.rglob("*")
        if WANTED.fullmatch(path.name)
        and not {"data", "work", "raw"} & set(path.relative_to(root).parts)
    }


def differences(name, first: pathlib.Path, second: pathlib.Path) -> list[str]:
    """What differs between two files, a line each."""
    if first.suffix != ".npz":
        pair = text_of(first), text_of(second)
        found = difflib.unified_diff(*pair, "before", "after", "", "", 0, "")
        return [f"{name}: {line}" for line in list(found)[2:]]
    with np.load(first) as x, np.load(second) as y:
        names = [sorted({*of.files} - {"simulated"}) for of in (x, y)]
        if names[0] != names[1]:
            return [f"{name}: arrays {names[0]} and {names[1]}"]
        odd = [key for key in names[0] if not np.array_equal(x[key], y[key])]
        return [f"{name}: {key} differs{_worst(x[key], y[key])}" for key in odd]


def _worst(x: np.ndarray, y: np.ndarray) -> str:
    if x.shape != y.shape or x.dtype.kind != "f":
        return ""
    return f", by up to {np.abs(x - y).max():.2g}"


def compare(first: pathlib.Path, second: pathlib.Path) -> int:
    """Prints the differences of two runs; returns the exit code."""
    a, b = files_of(first), files_of(second)
    faults = [f"only in one: {name}" for name in sorted(a.keys() ^ b.keys())]
    for folder in (*first.glob("simulate_*/"), *second.glob("simulate_*/")):
        if folder.is_dir() and not (folder / "hashes.txt").exists():
            faults.append(f"{folder}: this simulation broke off; run it again")
    both = sorted(a.keys() & b.keys())
    for name in both:
        faults += differences(name, a[name], b[name])
    print(*faults, sep="\n")
    print(f"{len(both)} files compared, {len(faults)} differences")
    return 1 if faults or not both else 0


def main(arguments: list[str]) -> int:
    """Command line."""
    if len(arguments) >= 2 and arguments[0] == "run":
        unknown = set(arguments[2:]) - STEPS.keys()
        if unknown:
            print(f"no such step: {', '.join(unknown)}; {json.dumps([*STEPS])}")
            return 2
        return run(pathlib.Path(arguments[1]).resolve(), arguments[2:])
    if len(arguments) == 3 and arguments[0] == "compare":
        return compare(*map(pathlib.Path, arguments[1:]))
    print(__doc__)
    return 0 if arguments in (["-h"], ["--help"]) else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
