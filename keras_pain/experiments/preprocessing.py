"""What a stored fold needs beside its model to predict a new recording.

`preprocessing.json` says how samples were read, cut and scaled, and what was
trained on them.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from sklearn.preprocessing import StandardScaler

from keras_pain.data.augment import apply_scaler
from keras_pain.data.windows import WindowSet
from keras_pain.errors import BadFileError, reading
from keras_pain.experiments.defects import Samples
from keras_pain.experiments.folds import FoldData, kept
from keras_pain.experiments.methods import Method
from keras_pain.experiments.provenance import environment

PREPROCESSING_FILE = "preprocessing.json"
# In a dataset's entry of a configuration: folds may lack classes.
ABSENT = "absent_classes"
_FORMAT = 1
_NEEDED = {
    "method": dict,
    "settings": dict,
    "class_names": list,
    "seen": list,
    "input": dict,
    "people": dict,
    "simulated": bool,
}


def describe(
    task, data: FoldData, method: Method, about: Mapping, simulated: bool
) -> dict:
    """What is written of a fold, a `runner.Task` with its samples; JSON values.

    `about` is what the run's experiment tells of the data: `corpus`, `input`
    (how recordings are read), `hashes` of raw files by recording, and `groups`
    of people.
    """
    dataset, test = task.config["dataset"], data.test
    classes = test.num_classes
    parts = {k: getattr(data, k) for k in ("train", "validation", "test")}
    people = {
        name: np.unique(getattr(part, "person", part.subject)).tolist()
        for name, part in parts.items()
    }
    trained = {*data.train.recording.tolist(), *data.validation.recording}
    tested = {*test.recording.tolist()}
    hashes, groups = about.get("hashes", {}), about.get("groups", {})
    seen = np.bincount(data.train.y, minlength=classes) if classes else []
    scaler = None
    if data.scaler is not None:
        scaler = {
            "mean": data.scaler.mean_.tolist(),
            "scale": data.scaler.scale_.tolist(),
            "leaking": "scaler_on_everyone" in task.config["defects"],
        }
    return {
        "format": _FORMAT,
        "simulated": simulated,
        "key": dataclasses.asdict(task.key),
        "corpus": about.get("corpus", ""),
        "layout": dataset.get("layout", ""),
        "fingerprint": dataset.get("fingerprint", ""),
        "input": dict(about.get("input", {})),
        "settings": dataset.get("windows", {}),
        "label": dataset.get("label") or dataset["windows"].get("label", ""),
        "task": dataset.get("task", "class" if classes else "intensity"),
        "class_names": list(test.class_names),
        "seen": np.flatnonzero(seen).tolist(),
        "channels": list(getattr(test, "channel_names", ())),
        "scaler": scaler,
        ABSENT: ABSENT in dataset,
        "method": {"called": str(task.method), **method.config()},
        "defects": list(task.config["defects"]),
        "people": {name: len(who) for name, who in people.items()},
        "tested_groups": {who: groups.get(who, "") for who in people["test"]},
        "training_files": sorted({hashes[k] for k in trained & hashes.keys()}),
        "tested_files": sorted({hashes[k] for k in tested & hashes.keys()}),
        # Prepared once for all methods of a fold, and so looked at once.
        "identical_windows": kept("twins", data, None, lambda: _twins(data)),
        "environment": environment(),
    }


def _twins(data):
    """Tested windows that hold what one trained on does; None of pictures."""
    if not isinstance(data.test, WindowSet):
        return None

    def digests(part):
        return [hashlib.blake2b(x.tobytes()).digest() for x in part.x]

    trained = {*digests(data.train)}
    return sum(digest in trained for digest in digests(data.test))


def write(folder: Path, about: Mapping, indent: int | None = 1) -> None:
    """Writes what `describe` returned beside a stored model."""
    text = json.dumps(about, indent=indent, allow_nan=False) + "\n"
    (folder / PREPROCESSING_FILE).write_text(text, encoding="utf-8")


def read(folder: Path) -> dict:
    """What a stored fold says, see `describe`.

    Raises BadFileError where it is missing, as in folds of before there was
    such a file, damaged, or of another version.
    """
    path = folder / PREPROCESSING_FILE
    again = "run the script again with another --results_dir"
    if folder.is_dir() and not path.exists():
        problem = f"lacks {PREPROCESSING_FILE}: it was stored by a version "
        raise BadFileError(folder, problem + "that could not predict", again)
    with reading(path, "does not say how to predict", again):
        about = json.loads(path.read_text(encoding="utf-8"))
        if (found := about["format"]) != _FORMAT:
            problem = f"is of format {found}, this version reads {_FORMAT}"
            raise BadFileError(path, problem, "use the version that wrote it")
        for name, kind in _NEEDED.items():
            if not isinstance(about[name], kind):
                raise ValueError(f"{name} is {about[name]!r}")
    return about


def scaled(about: Mapping, samples: Samples) -> Samples:
    """Samples scaled as those that the fold's method was trained on."""
    if about["scaler"] is None or not isinstance(samples, WindowSet):
        return samples
    scaler = StandardScaler()
    scaler.mean_ = np.array(about["scaler"]["mean"])
    scaler.scale_ = np.array(about["scaler"]["scale"])
    return apply_scaler(scaler, samples)


def without_unseen(
    predicted: np.ndarray, seen: np.ndarray, classes: int
) -> np.ndarray:
    """Probabilities in which a class that no one trained on has none."""
    if not classes or len(seen) == classes:
        return predicted
    kept = np.zeros_like(predicted)
    kept[:, seen] = predicted[:, seen]
    total = kept.sum(axis=1, keepdims=True)
    even = np.isin(np.arange(classes), seen) / len(seen)
    return np.where(total > 0, kept / np.where(total > 0, total, 1), even)
