"""Runs folds x seeds x methods, each stored the moment it ends.

The fold is the unit of work and of resume: what is in the store is not run
again, what is interrupted starts over.
"""

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence

import joblib
import numpy as np
from rich.console import Console

from keras_pain.errors import ConfigurationError, KerasPainError
from keras_pain.experiments.defects import (
    TEST_BATCH,
    resolve_defects,
    score,
)
from keras_pain.experiments.fold_data import (
    FoldData,
    Samples,
    class_counts,
    prepare_fold,
    scale_fold,
)
from keras_pain.experiments.keys import canonical_json
from keras_pain.experiments.methods import (
    resolve_method,
)
from keras_pain.experiments.progress import RunProgress
from keras_pain.experiments.provenance import environment
from keras_pain.experiments.quiet import start_tensorflow
from keras_pain.experiments.store import FoldKey, ResultStore
from keras_pain.experiments.tasks import Task, method_fold, plan

__all__ = [
    "FoldData",
    "Task",
    "class_counts",
    "fold_seed",
    "method_fold",
    "plan",
    "prepare_fold",
    "run",
    "run_task",
    "scale_fold",
    "task_windows",
]

Windows = Samples | Mapping[str, Samples]


def run(
    tasks: Sequence[Task],
    windows: Windows,
    store: ResultStore,
    *,
    folds: slice | None = None,
    jobs: int = 1,
) -> None:
    """Runs the tasks that the store does not hold yet.

    Args:
        tasks: From `plan`.
        windows: Unscaled windows of every subject; a mapping has them by
            protocol.
        store: Where results go.
        folds: Only these fold numbers; the others stay open.
        jobs: Processes; training times of parallel folds disturb each other.

    Raises:
        ConfigurationError: The store holds a fold of another configuration, or
            a fold cannot be trained on.
    """
    numbers = range(max(task.number for task in tasks) + 1)
    chosen = set(numbers[folds or slice(None)])
    if not chosen:
        raise ConfigurationError(
            f"--folds: there is no such fold; there are {len(numbers)}, from "
            f"0 to {numbers[-1]}"
        )
    wanted = [task for task in tasks if task.number in chosen]
    open_ = {
        task.key: store.status(task.key, task.config) == "missing"
        for task in tasks
    }
    todo = [task for task in wanted if open_[task.key]]
    coming = {task.key for task in todo}
    for task in todo:
        if task.previous in open_.keys() - coming and open_[task.previous]:
            raise ConfigurationError(
                f"{_name(task.key)}: this protocol goes on with the network "
                "of the fold before, which is not finished; run it without "
                "--folds, or from the first open fold on"
            )
    console = Console(stderr=True)
    if len(todo) < len(wanted):
        console.print(
            f"{len(wanted) - len(todo)} of {len(wanted)} folds are finished "
            "and kept"
        )
    if not todo:
        return
    with RunProgress(console, len(todo)) as progress:
        if jobs == 1:
            for task in todo:
                on_epoch = progress.on_epoch(_name(task.key))
                key, metrics = run_task(task, windows, store, 1, on_epoch)
                progress.done(key, _name(key), metrics)
            return
        results = joblib.Parallel(
            n_jobs=jobs, return_as="generator_unordered", batch_size=1
        )(
            joblib.delayed(_run_chain)(chain, windows, store, jobs)
            for chain in _chains(todo)
        )
        for finished in results:
            for key, metrics in finished:
                progress.done(key, _name(key), metrics)


def _chains(tasks: Sequence[Task]) -> list[list[Task]]:
    """Tasks that go on with each other's network, and the others singly."""
    chains: list[list[Task]] = []
    of_key: dict[FoldKey, list[Task]] = {}
    for task in tasks:
        chain = of_key.get(task.previous)
        if chain is None:
            chains.append(chain := [])
        chain.append(task)
        of_key[task.key] = chain
    return chains


def _run_chain(chain, windows, store, jobs) -> list[tuple[FoldKey, dict]]:
    return [run_task(task, windows, store, jobs) for task in chain]


def run_task(
    task: Task,
    windows: Windows,
    store: ResultStore,
    jobs: int = 1,
    on_epoch=None,
) -> tuple[FoldKey, dict]:
    """Trains and tests one method on one fold, and stores the result."""
    start_tensorflow()  # in a process of its own this is the first to use it
    method = resolve_method(task.method, **task.options)
    if task.previous is not None:
        method.continue_from(store.path(task.previous))
    if on_epoch is not None:
        method.on_epoch = on_epoch
    data = _fold_data(task, windows, shared=jobs > 1)
    augment = getattr(method, "augment", False)
    train = data.augmented if augment else data.train
    seed = fold_seed(task.key.seed, task.number)
    kind = "probabilities" if data.test.num_classes else "y_pred"
    with _named(task):
        report = method.fit(train, data.validation, seed)
        if data.test.num_classes:
            predicted = method.predict_proba(data.test)
        else:
            predicted = method.predict(data.test)
        predicted = np.asarray(predicted)
        if not np.isfinite(predicted).all():
            raise KerasPainError(
                f"{_name(task.key)}: predictions are no numbers, its training "
                "diverged; finished folds are kept. Leave it out with "
                "--methods or --folds, or train in full precision"
            )
        metrics = score(
            data.test.y,
            predicted,
            data.test.num_classes,
            task.config["defects"],
            task.config.get("test_batch", TEST_BATCH),
        )
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
        "subjects": dataclasses.asdict(task.fold),
        "fold_number": task.number,
        "windows": {
            "train": class_counts(data.train),
            "fitted_on": class_counts(train),
            "test": class_counts(data.test),
        },
        "environment": environment(),
    }
    predictions = {
        "y_true": data.test.y,
        kind: predicted.astype(np.float32),
        "subject": _true_subjects(data.test, _of_protocol(task, windows)),
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


@contextlib.contextmanager
def _named(task: Task):
    """Says whose fault it is when a user's own method fails."""
    try:
        yield
    except KerasPainError:
        raise
    except Exception as error:
        if ":" not in task.method:
            raise
        raise KerasPainError(
            f"--methods: {task.method}, fold {task.key.fold}: "
            f"{type(error).__name__}: {error}; finished folds are kept"
        ) from error


def task_windows(task: Task, windows: Windows) -> Samples:
    """The windows as the task's protocol splits them."""
    windows = _of_protocol(task, windows)
    for defect in resolve_defects(task.config["defects"]):
        if defect.windows is not None:
            windows = defect.windows(windows, task.key.seed)
    return windows


def _of_protocol(task: Task, windows: Windows) -> Samples:
    if isinstance(windows, Mapping):
        return windows[task.key.protocol]
    return windows


def _true_subjects(test: Samples, windows: Samples) -> np.ndarray:
    """Who the samples are of, also where a defect dealt them at random."""
    if hasattr(test, "person"):
        return test.person.astype(str)
    names, first = np.unique(windows.recording, return_index=True)
    found = np.searchsorted(names, test.recording)
    return windows.subject[first[found]].astype(str)


def fold_seed(seed: int, number: int) -> int:
    """Seed of everything random in one fold, below 2^31."""
    state = np.random.SeedSequence([seed, number]).generate_state(1)
    return int(state[0] % 2**31)


# The prepared data of a fold as networks use it, and as the others do.
_PREPARED_FOLDS = 2
_prepared: dict[str, tuple[Windows, FoldData]] = {}


def _fold_data(task: Task, windows: Windows, shared: bool) -> FoldData:
    """Scaled and augmented windows; those of the last folds are kept.

    Every task of a process of its own gets another copy of the windows
    (`shared`), all of the same configuration. Elsewhere only the very same
    object will do.
    """
    dataset, defects = task.config["dataset"], task.config["defects"]
    key = canonical_json(
        [dataset, task.config["subjects"], task.key.seed, task.number, defects]
    )
    kept, data = _prepared.get(key, (None, None))
    if data is None or not (shared or kept is windows):
        data = prepare_fold(
            task_windows(task, windows),
            task.fold,
            fold_seed(task.key.seed, task.number),
            dataset.get("augmentation", "balanced"),
            defects,
        )
        _prepared.pop(key, None)
        while len(_prepared) >= _PREPARED_FOLDS:
            del _prepared[next(iter(_prepared))]
        _prepared[key] = (windows, data)
    return data


def _name(key: FoldKey) -> str:
    return f"{key.evaluation}/{key.protocol}/{key.method}/{key.fold}"
