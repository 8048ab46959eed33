"""Runs folds x seeds x methods, each stored the moment it ends.

The fold is the unit of work and of resume: what is in the store is not run
again, what is interrupted starts over.
"""

import dataclasses
import sys
from collections.abc import Iterable, Mapping, Sequence

import joblib
import numpy as np
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from keras_pain.data.augment import augment, balanced_multiplicity
from keras_pain.data.scaling import apply_scaler, fit_scaler
from keras_pain.data.windows import WindowSet
from keras_pain.errors import ConfigurationError
from keras_pain.experiments.keys import canonical_json
from keras_pain.experiments.methods import (
    Method,
    method_config,
    resolve_method,
)
from keras_pain.experiments.metrics import compute_metrics
from keras_pain.experiments.protocols import Fold, Subject, make_folds
from keras_pain.experiments.provenance import environment
from keras_pain.experiments.quiet import start_tensorflow
from keras_pain.experiments.store import FoldKey, ResultStore


@dataclasses.dataclass(frozen=True)
class Task:
    """One fold of one method and seed.

    `method` is as `resolve_method` takes it; `fold` is the protocol's, of which
    `training_fold` is what this method trains on.
    """

    key: FoldKey
    method: str
    fold: Fold
    number: int
    config: dict
    options: dict


@dataclasses.dataclass(frozen=True)
class FoldData:
    """Scaled windows of one fold; `augmented` is what `augment` adds to."""

    train: WindowSet
    augmented: WindowSet
    validation: WindowSet
    test: WindowSet


def plan(
    subjects: Sequence[Subject],
    *,
    evaluations: Mapping[str, Iterable[str]],
    protocols: Iterable[str],
    seeds: Iterable[int],
    dataset: dict,
    epochs: int | None = None,
) -> list[Task]:
    """All folds that a table needs, in the order in which they run.

    Args:
        subjects: Subjects with windows.
        evaluations: For each evaluation, the names of its methods.
        protocols: Protocol names.
        seeds: Seeds.
        dataset: What identifies the data and the windows, for the config.
        epochs: Replaces the recipes' epochs where given.

    Returns:
        Tasks; those that share a fold's data follow each other.
    """
    # One traced network serves all folds of a process.
    options = {"epochs": epochs, "reuse": True}
    versions = environment()["versions"]
    tasks = []
    for evaluation, names in evaluations.items():
        methods = [(name, resolve_method(name, **options)) for name in names]
        for protocol in protocols:
            folds = make_folds(subjects, evaluation, protocol)
            for seed in seeds:
                for number, fold in enumerate(folds):
                    for name, method in methods:
                        used = training_fold(fold, method, protocol)
                        config = {
                            "dataset": dataset,
                            "evaluation": evaluation,
                            "protocol": protocol,
                            "subjects": dataclasses.asdict(used),
                            "method": method_config(method, name),
                            "seed": seed,
                            # Others may change a result: folds of different
                            # versions do not share a table.
                            "versions": versions,
                        }
                        key = FoldKey(
                            evaluation, protocol, method.name, seed, fold.name
                        )
                        tasks.append(
                            Task(key, name, fold, number, config, options)
                        )
    return tasks


def run(
    tasks: Sequence[Task],
    windows: WindowSet,
    store: ResultStore,
    *,
    folds: slice | None = None,
    jobs: int = 1,
) -> None:
    """Runs the tasks that the store does not hold yet.

    Args:
        tasks: From `plan`.
        windows: Unscaled windows of every subject.
        store: Where results go.
        folds: Only these fold numbers; the others stay open.
        jobs: Processes; training times of parallel folds disturb each other.

    Raises:
        ConfigurationError: The store holds a fold of another configuration, or
            a fold cannot be trained on.
    """
    numbers = range(max(task.number for task in tasks) + 1)
    chosen = numbers[folds or slice(None)]
    if not chosen:
        raise ConfigurationError(
            f"--folds: there is no such fold; there are {len(numbers)}, from "
            f"0 to {numbers[-1]}"
        )
    todo = [
        task
        for task in tasks
        if store.status(task.key, task.config) == "missing"
        and task.number in chosen
    ]
    console = Console(stderr=True)
    wanted = sum(task.number in chosen for task in tasks)
    if len(todo) < wanted:
        console.print(
            f"{wanted - len(todo)} of {wanted} folds are finished and kept"
        )
    if not todo:
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not sys.stderr.isatty(),
    ) as progress:
        bar = progress.add_task("folds", total=len(todo))

        def done(key: FoldKey, metrics: dict) -> None:
            score = metrics["macro_f1"]
            shown = "undefined" if score is None else f"{score:.3f}"
            progress.update(bar, advance=1, description=f"{_name(key)} {shown}")
            if progress.disable:
                console.print(
                    f"{_name(key)}: macro-F1 {shown}", highlight=False
                )

        if jobs == 1:
            for task in todo:
                name = _name(task.key)

                def on_epoch(stage, epoch, epochs, name=name):
                    text = f"{name} {stage} {epoch}/{epochs}"
                    progress.update(bar, description=text)

                done(*run_task(task, windows, store, 1, on_epoch))
            return
        results = joblib.Parallel(
            n_jobs=jobs, return_as="generator_unordered", batch_size=1
        )(joblib.delayed(run_task)(task, windows, store, jobs) for task in todo)
        for result in results:
            done(*result)


def run_task(
    task: Task,
    windows: WindowSet,
    store: ResultStore,
    jobs: int = 1,
    on_epoch=None,
) -> tuple[FoldKey, dict]:
    """Trains and tests one method on one fold, and stores the result."""
    start_tensorflow()  # in a process of its own this is the first to use it
    method = resolve_method(task.method, **task.options)
    fold = training_fold(task.fold, method, task.key.protocol)
    data = _fold_data(task, fold, windows, shared=jobs > 1)
    if on_epoch is not None:
        method.on_epoch = on_epoch
    seed = fold_seed(task.key.seed, task.number)
    augmented = getattr(method, "augment", False)
    train = data.augmented if augmented else data.train
    report = method.fit(train, data.validation, seed)
    probabilities = np.asarray(method.predict_proba(data.test))
    metrics = compute_metrics(data.test.y, probabilities, data.test.num_classes)
    result = {
        "metrics": metrics,
        "timings": {
            **report.stages,
            "fit_seconds": sum(report.stages.values()),
            "trace_seconds": getattr(report, "trace_seconds", 0.0),
            "jobs": jobs,
        },
        "history": report.history,
        "chosen_epoch": report.chosen_epoch,
        "subjects": dataclasses.asdict(fold),
        "windows": {
            "train": class_counts(data.train),
            "fitted_on": class_counts(train),
            "test": class_counts(data.test),
        },
        "environment": environment(),
    }
    predictions = {
        "y_true": data.test.y,
        "probabilities": probabilities.astype(np.float32),
        "subject": data.test.subject.astype(str),
        "window_id": data.test.window_id,
    }
    store.write(
        task.key,
        task.config,
        result,
        predictions,
        save=getattr(method, "save", None),
    )
    return task.key, metrics


def class_counts(windows: WindowSet) -> list[int]:
    """Windows of each class."""
    return np.bincount(windows.y, minlength=windows.num_classes).tolist()


def fold_seed(seed: int, number: int) -> int:
    """Seed of everything random in one fold, below 2^31."""
    state = np.random.SeedSequence([seed, number]).generate_state(1)
    return int(state[0] % 2**31)


def training_fold(fold: Fold, method: Method, protocol: str) -> Fold:
    """The fold as a method uses it.

    Who chooses no epoch has no use for subjects set aside for that: it trains
    on them, so that its two protocols differ by nothing.
    """
    if protocol != "leak_free" or getattr(method, "chooses_epoch", True):
        return fold
    train = tuple(sorted({*fold.train, *fold.validation}))
    return dataclasses.replace(fold, train=train)


# The prepared data of a fold as networks use it, and as the others do.
_PREPARED_FOLDS = 2
_prepared: dict[str, tuple[WindowSet, FoldData]] = {}


def _fold_data(
    task: Task, fold: Fold, windows: WindowSet, shared: bool
) -> FoldData:
    """Scaled and augmented windows; those of the last folds are kept.

    Every task of a process of its own gets another copy of the windows
    (`shared`), all of the same configuration. Elsewhere only the very same
    object will do.
    """
    dataset = task.config["dataset"]
    key = canonical_json([dataset, dataclasses.asdict(fold), task.key.seed])
    kept, data = _prepared.get(key, (None, None))
    if data is None or not (shared or kept is windows):
        data = prepare_fold(
            windows,
            fold,
            fold_seed(task.key.seed, task.number),
            dataset.get("augmentation", "balanced"),
        )
        _prepared.pop(key, None)
        while len(_prepared) >= _PREPARED_FOLDS:
            del _prepared[next(iter(_prepared))]
        _prepared[key] = (windows, data)
    return data


def prepare_fold(
    windows: WindowSet, fold: Fold, seed: int, augmentation: str = "balanced"
) -> FoldData:
    """Windows of one fold, scaled and with augmented training copies.

    Args:
        windows: Unscaled windows of every subject.
        fold: Subjects of each part.
        seed: Seed of the augmentation.
        augmentation: `"balanced"` (ALANet, section IV.B) or `"none"`.

    Raises:
        ConfigurationError: A part has no windows, or training has one class.
    """
    scaled = scale_fold(windows, fold)
    counts = class_counts(scaled["train"])
    if np.count_nonzero(counts) < 2:
        only = windows.class_names[int(np.argmax(counts))]
        raise ConfigurationError(
            f"fold {fold.name}: all {sum(counts)} training windows are "
            f"{only!r}, so there is nothing to learn; use more subjects, or "
            "another label rule"
        )
    augmented = scaled["train"]
    if augmentation == "balanced":
        times = balanced_multiplicity(counts)
        augmented = augment(augmented, times, seed=seed)
    return FoldData(augmented=augmented, **scaled)


def scale_fold(windows: WindowSet, fold: Fold) -> dict[str, WindowSet]:
    """`train`, `validation` and `test`, scaled on training subjects only.

    Raises:
        ConfigurationError: A part has no windows.
    """
    parts = {}
    for name in ("train", "validation", "test"):
        parts[name] = windows.of_subjects(getattr(fold, name))
        if not len(parts[name]):
            raise ConfigurationError(
                f"fold {fold.name}: its {name} subjects have no windows"
            )
    scaler = fit_scaler(parts["train"])
    return {name: apply_scaler(scaler, part) for name, part in parts.items()}


def _name(key: FoldKey) -> str:
    return f"{key.evaluation}/{key.protocol}/{key.method}/{key.fold}"
