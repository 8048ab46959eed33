"""Trained networks to keep and to share: presets, model cards, exports."""

import json
import shutil
from pathlib import Path

import keras
import numpy as np

from keras_pain import __version__
from keras_pain.errors import (
    BadFileError,
    ConfigurationError,
    KerasPainError,
    check_choice,
    reading,
)
from keras_pain.experiments import preprocessing
from keras_pain.experiments.network import MODEL_FILE
from keras_pain.experiments.store import (
    PREDICTIONS_FILE,
    RESULT_FILE,
    FoldKey,
    FoldResult,
)
from keras_pain.io import marked_title, read_json, sha256_of, write_folder
from keras_pain.reports import statistics

PRESET_FILE, CARD_FILE = "preset.json", "MODEL_CARD.md"
_FORMAT = 1
FORMATS = ("onnx", "saved_model")
NOT_MEDICAL = (
    "Research software, not a medical device; it says nothing about people "
    "unlike those that it was trained on."
)
_AGREEMENT = (
    "given out under a signed agreement: what was trained on it may not be "
    "passed on without its owners' consent"
)
# Of the recordings; what was trained on them is bound by it.
LICENCES = {
    "biovid": _AGREEMENT,
    "buhmap": "MIT, as in the repository GrammaticalFacialExpressions",
    "emg_lower_limb": "CC BY 4.0",
    "emopain": _AGREEMENT,
    "faces_london": "CC BY 4.0",
    "folder": "that of whoever gives the recordings",
    "pemf": "see its page on OSF (project 3hgca)",
    "ui_prmd": "Open Data Commons Public Domain Dedication and License 1.0",
    "unbc_mcmaster": _AGREEMENT,
}


def save_to_preset(predictor, folder) -> Path:
    """Writes networks, what they need, a model card, and all hashes.

    Names of people are left out: counts take their place. Returns the new
    folder; raises KerasPainError where it is there, or nothing can be saved.
    """
    folder = Path(folder)
    if folder.exists():
        problem = f"{folder}: is there already and is kept; give a new folder"
        raise ConfigurationError(problem)
    if predictor.store is None:
        raise ConfigurationError(
            f"{folder}: only results of this machine's own runs can be saved, "
            "as the card tells their scores; copy a preset as it is"
        )
    scores = scores_by_group(predictor)

    def fill(new):
        members = {}
        for number, member in enumerate(predictor.members):
            place = new / f"network{number}"
            place.mkdir()
            files = read_json(member.folder / RESULT_FILE)["files"]
            # Only what the run wrote: a user may have put more there.
            for name in files.keys() - {PREDICTIONS_FILE}:
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(member.folder / name, place / name)
            preprocessing.write(place, _nameless(member.about), indent=None)
            model = getattr(member.method, "model", None)
            if isinstance(model, keras.Model):  # without the optimiser's state
                given = model.inputs, model.outputs
                keras.Model(*given, name=model.name).save(place / MODEL_FILE)
            members[place.name] = {
                path.relative_to(place).as_posix(): {"sha256": sha256_of(path)}
                for path in sorted(place.rglob("*"))
                if path.is_file()
            }
        card = model_card(predictor, scores)
        (new / CARD_FILE).write_text(card, encoding="utf-8")
        note = {
            "format": _FORMAT,
            "keras_pain": __version__,
            "simulated": predictor.simulated,
            "members": members,
            "card_sha256": sha256_of(new / CARD_FILE),
            "scores": scores,
        }
        text = json.dumps(note, indent=1, allow_nan=False) + "\n"
        (new / PRESET_FILE).write_text(text, encoding="utf-8")

    there, cure = (folder / PRESET_FILE).exists, "give another folder"
    return write_folder(folder, fill, is_complete=there, cure=cure)


def read_preset(folder: Path) -> dict:
    """What a preset says of itself.

    Raises BadFileError where it is damaged or of another version.
    """
    path = folder / PRESET_FILE
    with reading(path, "is no preset", "save it anew"):
        about = read_json(path)
        if about["format"] != _FORMAT:
            problem = f"is of format {about['format']}, this version reads "
            cure = "use the version that wrote it"
            raise BadFileError(path, f"{problem}{_FORMAT}", cure)
        if sha256_of(folder / CARD_FILE) != about["card_sha256"]:
            problem = "was changed after it was written (its SHA-256)"
            raise BadFileError(folder / CARD_FILE, problem, "save it anew")
        if not about["members"]:
            raise ValueError("it has no members")
    return about


def _nameless(about):
    """What a fold says of itself, without names of people."""
    key = {k: v for k, v in about["key"].items() if k != "fold"}
    return {**about, "key": key, "tested_groups": {}}


def scores_by_group(predictor) -> list[dict]:
    """Scores of the people that networks were not trained on, and of groups.

    Pooled over samples, with a 95 % interval over people where there are two
    or more: a row for everyone, and one for each group of participants.
    """
    results: list[FoldResult] = []
    groups: dict[str, str] = {}
    for member in predictor.members:
        groups |= member.about["tested_groups"]
        results.append(predictor.store.read(FoldKey(**member.about["key"])))
    classes, rows = len(predictor.class_names), []
    names = sorted(set(groups.values()))
    for group in [None, *names] if len(names) > 1 else [None]:
        people = [who for who, of in groups.items() if group in (None, of)]
        row = {"group": group or "all", "people": len(people)}
        if classes:
            row |= _of_classes(results, people, classes)
        else:
            row |= _of_intensities(results, people)
        rows.append(row)
    return rows


def _of_classes(results, people, classes):
    found = statistics.subject_scores(results, "accuracy", classes)
    found = found.of_people(np.isin(found.subjects, people))
    pooled, row = statistics.scores_of(found.confusions.sum(axis=1)), {}
    for metric in statistics.POOLED_METRICS:
        value, interval = float(pooled[metric].mean()), None
        if len(found.subjects) > 1:
            draws = found.pooled_draws[metric]
            interval = statistics.percentile_interval(draws)
        row[metric] = value if np.isfinite(value) else None
        row[f"{metric}_interval"] = list(interval) if interval else None
    return row


def _of_intensities(results, people):
    predictions = [result.predictions for result in results]
    errors = [np.abs(of["y_true"] - of["y_pred"]) for of in predictions]
    errors = np.concatenate(errors)
    whose = np.concatenate([of["subject"] for of in predictions])
    means = np.array([errors[whose == who].mean() for who in people])
    interval = statistics.mean_interval(means) if len(means) > 1 else None
    return {
        "mae": float(means.mean()),
        "mae_interval": list(interval) if interval else None,
    }


def model_card(predictor, scores) -> str:
    """A model card in Markdown; see Mitchell et al., FAT* 2019."""
    about, key = predictor.about, predictor.about["key"]
    counts = [m.about["people"] for m in predictor.members]
    trained = sorted({of["train"] for of in counts})
    others = max(of["validation"] for of in counts)
    others *= getattr(predictor.members[0].method, "chooses_epoch", False)
    asked = ", ".join(predictor.class_names) or "an intensity"
    licence = LICENCES.get(about["corpus"], "unknown")
    title = f"{predictor.name} on {about['corpus']}"
    title = marked_title(title, predictor.simulated)
    lines = [f"# {title}", "", NOT_MEDICAL, "", "| | |", "|---|---|"]
    facts = {
        "networks": f"{len(predictor.members)}, whose mean is taken; method "
        f"{predictor.name} of keras_pain {__version__}",
        "predicts": f"{about['label'] or about['task']}: {asked}",
        "input": _input(about),
        "data": f"{about['corpus']}, fingerprint {about['fingerprint'][:12]}; "
        f"licence of the recordings: {licence}",
        "people": f"{' to '.join(map(str, {trained[0], trained[-1]}))} trained "
        "each network"
        + f", up to {others} more chose its epoch"
        * bool(others),
        "protocol": f"{key['evaluation']}, {key['protocol']}"
        + f" (defects: {', '.join(about['defects'])})" * bool(about["defects"]),
        "holds": "samples of people, as neighbours or support vectors do"
        if getattr(predictor.members[0].method, "holds_samples", False)
        else "weights alone, no recording",
    }
    lines += [f"| {name} | {text} |" for name, text in facts.items()]
    text = "Each person was tested by networks that had not seen them."
    if about["defects"]:
        text = "Under a protocol that leaks: the tested people may have been "
        text += "seen in training, or have chosen the epoch."
    lines += ["", "## Scores", "", text, ""]
    metrics = [k for k in scores[0] if f"{k}_interval" in scores[0]]
    lines.append(f"| group | people | {' | '.join(metrics)} |")
    lines.append("|---|---|" + "---|" * len(metrics))
    for row in scores:
        cells = [_cell(row, metric) for metric in metrics]
        line = f"| {row['group']} | {row['people']} | {' | '.join(cells)} |"
        lines.append(line)
    lines += ["", "Intervals: 95 %, bootstrap of people.", "", "## Limits", ""]
    lines += [f"- {note}." for note in predictor.notes]
    lines += [
        "- Scores are of people recorded as those of the training were; other "
        "devices, rooms, tasks and people were not tested.",
        "- Groups with few people tell little; ages, sexes and skin tones were "
        "not looked at.",
    ]
    return "\n".join(lines) + "\n"


def _input(about):
    settings, kind = about["settings"], about["input"].get("kind", "")
    if kind in ("movement", "signals"):
        rate = about["input"]["rate"]
        return (
            f"{len(about['channels'])} channels at {rate:g} Hz, windows of "
            f"{settings.get('length', 180)} frames"
        )
    frames = settings.get("num_frames")
    clip = "single frames" if settings.get("level") == "frame" else "clips"
    return f"{kind}, {clip}" + (f" of {frames} frames" if frames else "")


def _cell(row, metric):
    if row.get(metric) is None:
        return "–"
    interval = row[f"{metric}_interval"]
    text = f"{row[metric]:.3f}"
    return text + (" [{:.3f}, {:.3f}]".format(*interval) if interval else "")


def export(predictor, form: str, folder) -> list[tuple[Path, float]]:
    """Writes each network for other programs, from scaled samples to scores.

    Returns paths, and the greatest difference to Keras on random samples.
    Raises KerasPainError where a network, or a package, is not there.
    """
    check_choice("--format", form, FORMATS)
    folder, written = Path(folder), []
    for number, member in enumerate(predictor.members):
        path = member.folder / MODEL_FILE
        model = getattr(member.method, "model", None)
        if not path.exists() or not isinstance(model, keras.Model):
            raise ConfigurationError(
                f"{member.folder}: {predictor.name} is no single network of "
                "Keras, so that it cannot be exported; a preset can hold it"
            )
        name = f"{predictor.name}{number}" + "_SIMULATED" * predictor.simulated
        target = folder / (f"{name}.onnx" if form == "onnx" else name)
        if target.exists():
            raise ConfigurationError(f"{target}: is there already and is kept")
        folder.mkdir(parents=True, exist_ok=True)
        shape = (3, *model.input_shape[1:])
        x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        if len(shape) > 3 and shape[-1] == 3:
            x = np.clip(x * 60 + 128, 0, 255)
        expected = model.predict(x, verbose=0)
        found = (_onnx if form == "onnx" else _saved_model)(model, target, x)
        written.append((target, float(np.abs(found - expected).max())))
        text = json.dumps(_nameless(member.about), indent=1) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
    return written


def _saved_model(model, target, x):
    import tensorflow as tf

    model.export(target, format="tf_saved_model", verbose=False)
    loaded = tf.saved_model.load(target)  # kept: it owns the variables
    return np.asarray(loaded.serve(x))


def _onnx(model, target, x):
    try:
        import onnxruntime
        import tf2onnx  # noqa: F401  Keras' exporter needs it

        model.export(target, format="onnx", verbose=False)
    except ImportError as error:
        text = f"--format onnx needs {error.name}"
        raise KerasPainError(f"{text}: pip install keras-pain[onnx]") from error
    try:
        session = onnxruntime.InferenceSession(target)
        return session.run(None, {session.get_inputs()[0].name: x})[0]
    except Exception as error:
        target.unlink()  # it cannot be run
        problem = f"{target}: ONNX cannot express this network"
        raise KerasPainError(f"{problem}; take --format saved_model") from error
