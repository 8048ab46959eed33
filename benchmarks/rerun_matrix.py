"""Whether a second run predicts the same: one network of each family.

The same folds again under one changed condition at a time, each in a process
of its own, and the largest difference of any prediction to the first run.

    python benchmarks/rerun_matrix.py --out docs/rerun_matrix_2026-11.md

All on simulated people, a few folds of `--epochs` epochs with few samples: it
says how reproducible a training is, and nothing about its scores.
"""

import contextlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from absl import app, flags
from rich.console import Console

from keras_pain.errors import KerasPainError, exit_code
from keras_pain.io import write_file
from keras_pain.reproduction.flags import parse_flags

_ROOT = Path(__file__).resolve().parents[1]
_OUT = flags.DEFINE_string("out", None, "Markdown file to write as well.")
_EPOCHS = flags.DEFINE_integer("epochs", 2, "Epochs a fold.", lower_bound=1)
_PLACE = flags.DEFINE_string(
    "work_dir", None, "Folder that keeps data and folds. Default: temporary."
)
_METHODS = flags.DEFINE_list("methods", None, "Of the columns. Default: all.")
_ONLY = flags.DEFINE_string(
    "only", None, "A condition; --work_dir has the one it is compared to."
)
# By method: its column, and the script whose smoke run has it.
FAMILIES = {
    "lsfan": ("L-SFAN (movement)", "table8_lsfan"),
    "stgcn_lstm": ("STGCN-LSTM (landmarks)", "table9_pemf"),
    "l3d_full": ("L3D (clips)", "table5_unbc"),
    "biscale_cross_vit": ("BiScaleCrossViT (frames)", "table10_aacsfnet"),
    "rf_frames": ("Random forest (classical)", "table8_lsfan"),
}
_SETS = {"deterministic": True}
# Each a condition: calls, one after another in one results folder, of options,
# environment and cores; and the condition it is compared to, if not the first.
_CALL = ({}, {}, None)
CONDITIONS = {
    "serial": ([_CALL], None),
    "serial, again": ([_CALL], "serial"),
    "`--jobs 2`": ([({"jobs": 2}, {}, None)], "serial"),
    "resumed after a fold": ([({"folds": "0:1"}, {}, None), _CALL], "serial"),
    "from another folder": ([({"elsewhere": True}, {}, None)], "serial"),
    "`PYTHONHASHSEED=12345`": (
        [({}, {"PYTHONHASHSEED": "12345"}, None)],
        "serial",
    ),
    "one core": ([({}, {}, 1)], "serial"),
    "`TF_ENABLE_ONEDNN_OPTS=0`": (
        [({}, {"TF_ENABLE_ONEDNN_OPTS": "0"}, None)],
        "serial",
    ),
    "`--deterministic`": ([(_SETS, {}, None)], "serial"),
    "`--deterministic`, again": ([(_SETS, {}, None)], "`--deterministic`"),
    "`--deterministic`, one core": ([(_SETS, {}, 1)], "`--deterministic`"),
}


def work(given: dict) -> None:
    """Trains what one call asks for, in this process."""
    if given["cores"]:
        os.sched_setaffinity(
            0, sorted(os.sched_getaffinity(0))[: given["cores"]]
        )
    from keras_pain.experiments.provenance import start_tensorflow

    sys.path.insert(0, str(_ROOT / "reproduce"))
    start_tensorflow(given["options"].get("deterministic", False))
    from keras_pain.reproduction import Experiment, Options, reproduce

    for method in given["methods"]:
        script = importlib.import_module(FAMILIES[method][1])
        [experiment, *_] = [
            value
            for value in vars(script).values()
            if isinstance(value, Experiment)
        ]
        options = Options(
            methods=[method],
            protocol="leak_free",
            smoke=True,
            epochs=given["epochs"],
            results_dir=str(Path(given["results"], method)),
            share="1/1",  # no table, which would take longer than training
            **given["options"],
        )
        reproduce(experiment, options)


def run_condition(name: str, place: Path) -> None:
    """Runs the calls of a condition; KerasPainError where one fails."""
    for options, environment, cores in CONDITIONS[name][0]:
        options, folder = dict(options), place
        if options.pop("elsewhere", False):
            folder = place / "another" / "folder"
            folder.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                (folder / "data").symlink_to(place / "data")
        given = {
            "options": options,
            "cores": cores,
            "epochs": _EPOCHS.value,
            "methods": _METHODS.value or list(FAMILIES),
            "results": str(place / "results" / name.replace("/", "_")),
        }
        done = subprocess.run(
            [sys.executable, __file__, "--work", json.dumps(given)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(_ROOT), **environment},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise KerasPainError(f"{name}: {done.stderr.strip()[-1000:]}")


def differences(name: str, place: Path) -> list[str]:
    """What a condition changes in each family, as cells."""
    from keras_pain.experiments.store import ResultStore
    from keras_pain.reproduction.rerun import compared

    cells = []
    for method in _METHODS.value or FAMILIES:
        stores = [
            ResultStore(place / "results" / one.replace("/", "_") / method)
            for one in (CONDITIONS[name][1], name)
        ]
        keys = [key for key in stores[0].completed() if key.method == method]
        found = [compared(*(s.read(key) for s in stores)) for key in keys]
        worst = max(found, key=lambda one: one.largest)
        others = sum(one.other_classes for one in found)
        text = f"{worst.largest:.1e}" if worst.largest else "equal"
        if others:
            text += f", {others} other classes"
        cells.append(text)
    return cells


def main(_) -> None:
    """Runs all conditions, prints the matrix and writes it."""
    console, began = Console(stderr=True), time.perf_counter()
    names = [FAMILIES[method][0] for method in _METHODS.value or list(FAMILIES)]
    rows = [("Condition", "compared to", *names)]
    rows.append(("---",) * len(rows[0]))
    with contextlib.ExitStack() as stack:
        place = _PLACE.value and os.path.abspath(_PLACE.value)
        if place is None:
            place = stack.enter_context(tempfile.TemporaryDirectory())
        os.makedirs(place, exist_ok=True)
        for name, (_, base) in CONDITIONS.items():
            if _ONLY.value not in (None, name):
                continue
            console.print(
                f"{time.perf_counter() - began:.0f} s: {name}", markup=False
            )
            run_condition(name, Path(place))
            if base:
                rows.append((name, base, *differences(name, Path(place))))
                console.print(*rows[-1], sep=" | ", markup=False)
    from keras_pain.experiments.provenance import environment

    about = environment()
    versions = ", ".join(f"{k} {v}" for k, v in about["versions"].items())
    lines = [
        "# SIMULATED: does a second run predict the same?",
        "",
        f"`python benchmarks/rerun_matrix.py`, {time.strftime('%d %B %Y')}, "
        f"{about['hardware']}; {versions}.",
        "",
        "Largest difference of any predicted probability (L3D and frames: "
        "intensity) between two runs of the same folds, of "
        f"{_EPOCHS.value} epochs, and how many predicted classes are others. "
        "Other work on the machine was not held off.",
        "",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    if _OUT.value:
        write_file(_OUT.value, text.encode())
    console.print(f"took {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        sys.exit(exit_code(lambda: work(json.loads(sys.argv[2])), "error"))
    app.run(
        lambda argv: sys.exit(exit_code(lambda: main(argv), "error")),
        flags_parser=parse_flags,
    )
