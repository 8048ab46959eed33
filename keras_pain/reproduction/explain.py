"""Maps and their sanity checks from the finished folds of a results folder."""

import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.progress import Progress

from keras_pain.data.prepare import load_recordings
from keras_pain.data.windows import arranged
from keras_pain.errors import ConfigurationError, KerasPainError
from keras_pain.experiments.defects import apply_defects
from keras_pain.experiments.folds import FoldData, prepare_fold
from keras_pain.experiments.protocols import Fold
from keras_pain.experiments.runner import fold_seed
from keras_pain.experiments.store import FoldKey, ResultStore
from keras_pain.explain.run import (
    MODEL_FILE,
    Explained,
    ExplainOptions,
    FinishedFold,
    explain_fold,
)
from keras_pain.models.registry import MODELS
from keras_pain.reproduction.experiment import chosen_recordings, chosen_windows
from keras_pain.reproduction.run import RUN_FILE


def explain(results_dir, options: ExplainOptions) -> list[Explained]:
    """Draws the maps of a results folder's networks, and checks them.

    Returns an entry for each network.

    Raises:
        KerasPainError: A folder, a fold, a network or the data are missing.
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
    console = Console(stderr=True)
    with Progress(console=console, disable=not sys.stderr.isatty()) as progress:
        for key in keys:
            task = progress.add_task(f"{key.method}: reading data", total=None)

            def show(text, done, total, task=task):
                of_task = {"completed": done, "total": total}
                progress.update(task, description=text, **of_task)

            fold = rebuild_fold(results_dir, key)
            folder = out / key.method
            explained.append(explain_fold(fold, folder, options, show))
    return explained


def finished_folds(results_dir) -> list[FoldKey]:
    """Keys of the finished folds of a results folder.

    Raises:
        ConfigurationError: There is no such folder, or no finished fold in it.
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

    Raises:
        ConfigurationError: There is none, or one that was asked for is not
            finished or has no network.
    """
    keys = finished_folds(results_dir)
    store = ResultStore(results_dir)
    wanted = (options.protocol, options.seed)
    chosen = [
        key
        for key in keys
        if (key.protocol, key.seed) == wanted
        and options.fold in (None, key.fold)
    ]
    networks = {}
    for key in chosen:
        if (store.path(key) / MODEL_FILE).is_file():
            networks.setdefault(key.method, []).append(key)
    names = list(dict.fromkeys(options.methods or networks))
    for name in names or ["a network"]:
        if name in networks:
            continue
        if name in {key.method for key in chosen}:
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

    def has_every_class(key):
        found = store.read(key).predictions
        classes = found["probabilities"].shape[1]
        return len(np.unique(found["y_true"])) == classes

    return [
        next(filter(has_every_class, networks[name]), networks[name][0])
        for name in names
    ]


def rebuild_fold(results_dir, key: FoldKey) -> FinishedFold:
    """Cuts, splits and scales the data of a finished fold as its run did.

    Raises:
        KerasPainError: The fold, the note on its data, or the data are not
            there, or the data were built anew from other files.
    """
    result = ResultStore(results_dir).read(key)
    path, again = Path(results_dir) / RUN_FILE, "run the reproduce script again"
    try:
        note = json.loads(path.read_text())
    except FileNotFoundError:
        raise KerasPainError(
            f"{path}: is missing, so it is not known where the data are; "
            f"{again} (finished folds are kept)"
        ) from None
    except ValueError as error:
        raise KerasPainError(
            f"{path}: cannot be read ({error}); {again}"
        ) from error
    dataset = result.config["dataset"]
    if dataset["fingerprint"] != note["fingerprint"]:
        raise KerasPainError(
            f"{results_dir}: fold {key.fold} was run on other data than "
            f"{RUN_FILE} names; run the script again"
        )
    smoke = dataset.get("smoke", False)
    recordings = chosen_recordings(
        load_recordings(note["dataset"], with_joints=True),
        dataset.get("where", {}),
        smoke,
    )
    windows = chosen_windows(recordings, dataset["windows"], smoke)
    defects = result.config.get("defects", ())
    windows = apply_defects(defects, "samples", windows, key.seed)
    fold = Fold(**result.config["subjects"])
    data = prepare_fold(
        windows,
        fold,
        fold_seed(key.seed, result.result["fold_number"]),
        dataset.get("augmentation", "balanced"),
        # Copies of test windows say nothing more about a network.
        [name for name in defects if name != "augmented_copies_tested"],
    )
    entry = MODELS.get(key.method)
    order = entry.channel_order if entry else "canonical"
    return FinishedFold(
        key,
        result,
        FoldData(**{k: arranged(v, order) for k, v in vars(data).items()}),
        raw_test=arranged(windows.of_subjects(fold.test), order),
        recordings={r["recording"]: r for r in recordings},
        simulated=note["simulated"],
    )


def _listed(names) -> str:
    return ", ".join(sorted(set(names))) or "none"
