"""Runs one stored fold again, and says whether it comes out the same."""

import dataclasses
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from keras_pain.errors import ConfigurationError, KerasPainError, reading
from keras_pain.experiments import preprocessing
from keras_pain.experiments import store as stores
from keras_pain.experiments.protocols import STANDARD_PROTOCOLS
from keras_pain.io import read_json
from keras_pain.reproduction.run import COMMAND, RUN_FILE, read_note

_CLOSE = 1e-5  # of probabilities: what another order of sums makes


@dataclasses.dataclass(frozen=True)
class Rerun:
    """What came of a fold's second run.

    `reasons`, which may explain a difference, are the first differences of
    configuration and environment.
    """

    verdict: str  # "equal", "equal within ..." or "differs by ..."
    reasons: tuple[str, ...] = ()
    largest: float = 0.0  # difference of any prediction
    other_classes: int = 0  # samples whose predicted class is another


def rerun(folder) -> Rerun:
    """Runs the command of a fold's run again, for this fold alone.

    `folder` is that of the fold. It is run from the current folder, as the run
    was, and leaves nothing behind. Raises KerasPainError where the fold or its
    run's note is not there, or the command fails.
    """
    folder = Path(folder).resolve()
    with reading(folder / stores.RESULT_FILE, "is no result of a fold"):
        told = read_json(folder / stores.RESULT_FILE)
        key = stores.FoldKey(**told["key"])
    root = folder.parents[len(key.path.parts) - 1]
    first = stores.ResultStore(root).read(key)
    command = read_note(root)[COMMAND]
    if not command:
        raise ConfigurationError(
            f"{root / RUN_FILE}: names no script: the run was started from "
            "Python, or by an older version; run it again from there"
        )
    begin = number = first.result["fold_number"]
    if "network_shared" in first.config.get("defects", ()):
        begin = 0  # it goes on with the networks of those before
    flags = {"folds": f"{begin}:{number + 1}", "seeds": key.seed, "jobs": 1}
    flags["methods"] = preprocessing.read(folder)["method"]["called"]
    if key.protocol in {protocol.name for protocol in STANDARD_PROTOCOLS}:
        flags["protocol"] = key.protocol
    with tempfile.TemporaryDirectory() as place:
        flags["results_dir"] = place
        flags = [f"--{name}={value}" for name, value in flags.items()]
        done = subprocess.run(
            # A last call may only have collected.
            [sys.executable, *command, *flags, "--nocollect"],
            capture_output=True,
            text=True,
        )
        found = sorted(Path(place).glob(f"**/{key.path}"))
        if done.returncode or not found:
            lines = done.stderr.strip().splitlines() or ["it made no such fold"]
            raise KerasPainError(f"{folder}: cannot be run again: {lines[-1]}")
        below = found[0].parents[len(key.path.parts) - 1]
        return compared(first, stores.ResultStore(below).read(key))


def compared(first: stores.FoldResult, second: stores.FoldResult) -> Rerun:
    """Whether two runs of a fold predicted the same."""
    kind = "y_pred" if "y_pred" in first.predictions else "probabilities"
    pair = [
        dict(zip(of["window_id"].tolist(), of[kind], strict=True))
        for of in (first.predictions, second.predictions)
    ]
    reasons = []
    if text := stores.first_difference(first.config, second.config):
        reasons.append(f"configuration: {text}")
    around = (of.result.get("environment", {}) for of in (first, second))
    if text := stores.first_difference(*around):
        reasons.append(f"environment: {text}")
    if pair[0].keys() != pair[1].keys():
        text = "differs in the samples that are tested"
        return Rerun(text, tuple(reasons), np.inf)
    a, b = (np.array([of[name] for name in sorted(of)]) for of in pair)
    most = float(np.abs(a - b).max())
    if most == 0:
        return Rerun("equal", tuple(reasons))
    text, other = f"equal within {most:.1e}", 0
    if kind == "probabilities":
        other = int((a.argmax(1) != b.argmax(1)).sum())
    if most > _CLOSE:
        text = f"differs by up to {most:.2g}"
        if kind == "probabilities":
            text += f"; {other} of {len(a)} predicted classes are others"
    return Rerun(text, tuple(reasons), most, other)
