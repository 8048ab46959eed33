"""Maps and their sanity checks from the finished folds of a results folder."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
from rich import progress
from rich.console import Console

from keras_pain import load_model
from keras_pain.data import clips
from keras_pain.data.feed import frame_numbers
from keras_pain.data.prepare import load_recordings
from keras_pain.errors import ConfigurationError, KerasPainError
from keras_pain.experiments.defects import apply_defects
from keras_pain.experiments.folds import FoldData, prepare_fold
from keras_pain.experiments.method_registry import resolve_method
from keras_pain.experiments.network import MODEL_FILE, fitted_windows
from keras_pain.experiments.pemf import options_of
from keras_pain.experiments.protocols import Fold
from keras_pain.experiments.runner import fold_seed
from keras_pain.experiments.store import FoldKey, ResultStore
from keras_pain.explain.run import (
    Explained,
    ExplainOptions,
    FaceFold,
    FinishedFold,
    explain_fold,
)
from keras_pain.models.registry import MODELS
from keras_pain.reproduction.experiment import chosen_recordings, chosen_windows
from keras_pain.reproduction.flags import Options, OwnOptions
from keras_pain.reproduction.own import own_experiment
from keras_pain.reproduction.pemf import SHUFFLED
from keras_pain.reproduction.run import OWN, RUN_FILE, read_note


def explain(results_dir, options: ExplainOptions) -> list[Explained]:
    """Draws the maps of each network of a results folder, and checks them.

    Raises KerasPainError where a folder, fold, network or the data are missing.
    """
    keys = choose_folds(results_dir, options)
    if options.check_epochs is not None and options.check_epochs < 1:
        raise ConfigurationError(
            f"--check_epochs must be 1 or more, got {options.check_epochs}; "
            "--no_checks leaves the checks out"
        )
    # It warns of many traced functions; here every network has its own.
    tf.get_logger().setLevel("ERROR")
    out = Path(options.out or Path(results_dir) / "explanations")
    explained = []
    with progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    ) as bars:
        for key in keys:
            bar = bars.add_task(f"{key.method}: reading data", total=None)

            def show(text, done, total, bar=bar):
                bars.update(bar, description=text, completed=done, total=total)

            fold, folder = rebuild_fold(results_dir, key), out / key.method
            explained.append(explain_fold(fold, folder, options, show))
    return explained


def finished_folds(results_dir) -> list[FoldKey]:
    """Keys of the finished folds of a results folder.

    Raises ConfigurationError where there is no such folder or no fold in it.
    """
    problem = "there is no such folder"
    if Path(results_dir).is_dir():
        problem = "holds no finished fold"
        if keys := ResultStore(results_dir).completed():
            return keys
    raise ConfigurationError(
        f"{results_dir}: {problem}; give the results folder of a reproduce "
        "script, e.g. results/table8_lsfan"
    )


def choose_folds(results_dir, options: ExplainOptions) -> list[FoldKey]:
    """The fold of each network that is explained.

    Raises ConfigurationError where there is none, or one that was asked for is
    not finished or has no network.
    """
    keys = finished_folds(results_dir)
    store = ResultStore(results_dir)
    wanted = (options.protocol, options.seed)
    chosen, networks = set(), {}
    for key in keys:
        if (key.protocol, key.seed) != wanted:
            continue
        if options.fold not in (None, key.fold):
            continue
        chosen.add(key.method)
        if (store.path(key) / MODEL_FILE).is_file():
            networks.setdefault(key.method, []).append(key)
    names = list(dict.fromkeys(options.methods or networks))
    for name in names or ["a network"]:
        if name in networks:
            continue
        if name in chosen:
            raise ConfigurationError(
                f"{results_dir}: {name} has no network ({MODEL_FILE}), so "
                f"there is no map to draw; networks: {_listed(networks)}"
            )
        fold = "" if options.fold is None else f", fold {options.fold}"
        raise ConfigurationError(
            f"{results_dir}: has no finished fold of {name} (protocol "
            f"{options.protocol}, seed {options.seed}{fold}); there are folds "
            f"of {_listed(key.method for key in keys)} under "
            f"{_listed(f'{key.protocol} seed {key.seed}' for key in keys)}"
        )

    def variety(key):
        return len(np.unique(store.read(key).predictions["y_true"]))

    return [max(networks[name], key=variety) for name in names]


def rebuild_fold(results_dir, key: FoldKey) -> FinishedFold | FaceFold:
    """Cuts, splits and scales the data of a finished fold as its run did.

    Raises KerasPainError where the fold, the note on its data, or the data are
    not there, or the data were built anew from other files.
    """
    result = ResultStore(results_dir).read(key)
    note = read_note(results_dir)
    place, simulated = Path(note["dataset"]), note["simulated"]
    fingerprint = note["fingerprint"]
    further = [Path(part) for part in note["further"]]
    dataset = result.config["dataset"]
    if dataset["fingerprint"] != fingerprint:
        raise KerasPainError(
            f"{results_dir}: fold {key.fold} was run on other data than "
            f"{RUN_FILE} names; run the script again"
        )
    smoke, where = dataset.get("smoke", False), dataset.get("where", {})
    settings, loaded = dataset["windows"], None
    if OWN in note:
        given = {**note[OWN], "own": OwnOptions(**note[OWN]["own"])}
        own = own_experiment(**given, methods=())
        options = Options(given["folder"], str(place.parents[2]), smoke=smoke)
        loaded = own.load(own.prepare(options, Console(stderr=True)), smoke)
    if "cut" not in settings:
        frames = loaded or clips.open_frames(place)
        for part in () if loaded else further:
            frames = clips.LandmarkedFrames(frames, clips.read_landmarks(part))
        return _face_fold(key, result, frames, simulated)
    fold = Fold(**result.config["subjects"])
    if loaded:
        recordings, windows = loaded, own.cut(loaded, settings, smoke)
    else:
        recordings = load_recordings(place, with_joints=True)
        recordings = chosen_recordings(recordings, where, smoke=False)
        if smoke:
            people = {*fold.train, *fold.validation, *fold.test}
            recordings = [r for r in recordings if r["subject_id"] in people]
        windows = chosen_windows(recordings, settings, smoke)
    defects = result.config.get("defects", ())
    windows = apply_defects(defects, "samples", windows, key.seed)
    data = prepare_fold(
        windows,
        fold,
        fold_seed(key.seed, result.result["fold_number"]),
        dataset.get("augmentation", "balanced"),
        # Copies of test windows say nothing more about a network.
        [name for name in defects if name != "augmented_copies_tested"],
    )
    entry = MODELS.get(key.method)

    def seen(windows):
        return fitted_windows(entry, windows)[0] if entry else windows

    return FinishedFold(
        key,
        result,
        FoldData(*map(seen, data.parts)),
        raw_test=seen(windows.of_subjects(fold.test)),
        recordings={r["recording"]: r for r in recordings},
        simulated=simulated,
    )


def _face_fold(key, result, frames, simulated) -> FaceFold:
    """Its test samples are told by the names that the fold stored."""
    settings = {**result.config["dataset"]["windows"]}
    settings.pop(SHUFFLED, None)
    samples, found = clips.cut_clips(frames, **settings), result.predictions
    places = {name: place for place, name in enumerate(samples.window_id)}
    try:
        chosen = [places[name] for name in found["window_id"].tolist()]
    except KeyError as error:
        raise KerasPainError(
            f"{frames.path}: lacks {error}, which fold {key.fold} was tested "
            "on; run the reproduce script again"
        ) from None
    test = dataclasses.replace(samples.take(chosen), y=found["y_true"])
    model = load_model(result.path / MODEL_FILE)
    method = result.config["method"]
    # Frames' features, or landmarks; others see pictures.
    if not {"network", "landmarks"} & method.keys():
        return FaceFold(key, result, test, model, pictures_of, simulated)
    # Its last layer is the network, and those before scale what it sees.
    _, *scales, model = model.layers
    method = resolve_method(key.method, options=options_of(method))

    def sequences(samples):
        x = method.sequences(samples)
        for layer in scales:
            x = np.asarray(layer(x))
        return x

    return FaceFold(key, result, test, model, sequences, simulated)


def pictures_of(samples: clips.ClipSet) -> np.ndarray:
    """What networks see of clips or frames: float32, RGB from 0 to 255."""
    numbers = frame_numbers(samples, np.arange(len(samples)), "uniform")
    frames = samples.frames, numbers.ravel(), samples.size
    pictures = np.concatenate(list(clips.decoded_frames(*frames)))
    pictures = pictures.astype(np.float32)
    return pictures.reshape(len(samples), *samples.input_shape)


def _listed(names) -> str:
    return ", ".join(sorted(set(names))) or "none"
