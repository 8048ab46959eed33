"""Plans and runs folds x seeds x methods, each stored the moment it ends.

The fold is the unit of work and of resume: what is in the store is not run
again, what is interrupted starts over.
"""

import collections
import contextlib
import dataclasses
import itertools
import sys
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence

import joblib
import numpy as np
from joblib.externals.loky import process_executor
from rich import progress
from rich.console import Console

from keras_pain.errors import ConfigurationError, KerasPainError
from keras_pain.experiments import preprocessing
from keras_pain.experiments.defects import (
    TEST_BATCH,
    Samples,
    apply_defects,
    resolve_defects,
    score,
    settings_with,
)
from keras_pain.experiments.folds import class_counts, kept, prepare_fold
from keras_pain.experiments.method_registry import own_code, resolve_method
from keras_pain.experiments.methods import FitReport, plain_name
from keras_pain.experiments.preprocessing import ABSENT
from keras_pain.experiments.protocols import (
    STANDARD_PROTOCOLS,
    Fold,
    Protocol,
    Subject,
    make_folds,
)
from keras_pain.experiments.provenance import environment, start_tensorflow
from keras_pain.experiments.store import FoldKey, ResultStore, canonical_json

AllSamples = Samples | Mapping[str, Samples]  # or by protocol


@dataclasses.dataclass(frozen=True)
class Task:
    """One fold of one method and seed; `config` is all it depends on.

    `fold` has the people as the method uses them under the protocol,
    `outer_fold` those of the protocol, the same for all methods. `method` and
    `options` are arguments of `resolve_method`. A network may go on with that
    of a `previous` fold.
    """

    key: FoldKey
    method: str
    fold: Fold
    outer_fold: Fold
    number: int
    config: dict
    options: dict
    previous: FoldKey | None = None

    @property
    def name(self) -> str:
        """What readers call it."""
        key = self.key
        return f"{key.evaluation}/{key.protocol}/{key.method}/{key.fold}"


def plan(
    subjects: Sequence[Subject] | Mapping[str, Sequence[Subject]],
    *,
    evaluations: Mapping[str, Iterable[str]],
    protocols: Iterable[Protocol | str],
    seeds: Iterable[int],
    dataset: Mapping,
    epochs: int | None = None,
    extra: Mapping | Callable[[str], Mapping] | None = None,
    num_folds: int | None = None,
    split: Mapping[str, Mapping] | None = None,
    deterministic: bool = False,
) -> list[Task]:
    """All folds that a table needs, in the order in which they run.

    Folds and the people who choose epochs are the same for all seeds: what
    differs between seeds is the training alone.

    Args:
        subjects: Subjects with windows; a mapping has them by protocol, where
            protocols differ in their windows.
        evaluations: For each evaluation, the names of its methods.
        protocols: Protocols, or names of the two standard ones.
        seeds: What the trainings of a fold differ in.
        dataset: What identifies the data; its entry `windows` are the windows'
            settings without any defect.
        epochs: Replaces the recipes' epochs where given.
        extra: Further arguments of every method of the suite, or what returns
            them by its name.
        num_folds: See `make_folds`.
        split: Folds by name instead of these, see `read_folds`.
        deterministic: See `start_tensorflow`; part of the configuration, as
            it may move results.

    Returns:
        Tasks; those that share a fold's data follow each other.
    """
    standard = {protocol.name: protocol for protocol in STANDARD_PROTOCOLS}
    versions = environment()["versions"]
    # One traced network serves all folds of a process.
    shared = {"epochs": epochs, "reuse": True}
    more = extra if callable(extra) else lambda name: extra or {}
    seeds, tasks = tuple(seeds), []
    for evaluation, protocol in itertools.product(evaluations, protocols):
        protocol = standard.get(protocol, protocol)
        defects, people = protocol.defects, subjects
        resolved = resolve_defects(defects)
        if isinstance(subjects, Mapping):
            people = subjects[protocol.name]
        given = people, evaluation, protocol.base, 0, num_folds, split
        folds = make_folds(*given)
        folds = apply_defects(defects, "folds", folds)
        settings = settings_with(defects, dataset.get("windows", {}))
        common = {
            "dataset": {**dataset, "windows": settings},
            "evaluation": evaluation,
            "protocol": protocol.name,
            "defects": [d.name for d in resolved if d.in_config],
            # Others may change a result: folds of different versions do not
            # share a table.
            "versions": versions,
            **({"deterministic": True} if deterministic else {}),
        }
        if any("intensities" in defect.changes for defect in resolved):
            # As many samples are tested at once as are trained on.
            batch = getattr(more("").get("options"), "batch_size", None)
            common["test_batch"] = batch or TEST_BATCH
        methods = []
        # Own ones first: what is wrong with them shows before the long work.
        for name in sorted(evaluations[evaluation], key=lambda n: ":" not in n):
            plain = plain_name(name)
            given = shared | more(plain)
            options = apply_defects(defects, "arguments", given, plain)
            methods.append((name, options, resolve_method(name, **options)))
        for seed, (number, fold), (name, options, method) in itertools.product(
            seeds, enumerate(folds), methods
        ):
            place = (evaluation, protocol.name, method.name, seed)
            previous, used = None, fold
            goes_on = getattr(method, "continue_from", None) is not None
            if number and goes_on and "network_shared" in defects:
                previous = FoldKey(*place, folds[number - 1].name)
            if protocol.base == "leak_free" and not method.chooses_epoch:
                # It trains on all, so that its two protocols do not differ.
                train = tuple(sorted({*fold.train, *fold.validation}))
                used = dataclasses.replace(fold, train=train)
            used = apply_defects(defects, "fold", used)
            config = {
                **common,
                "subjects": dataclasses.asdict(used),
                "method": method.config(),
                "seed": seed,
            }
            key = FoldKey(*place, fold.name)
            tasks.append(
                Task(key, name, used, fold, number, config, options, previous)
            )
    return tasks


def share_of(tasks: Sequence[Task], number: int, count: int) -> list[Task]:
    """The `number`-th, from 1, of `count` shares of tasks; some may be empty.

    They are dealt at random, always alike, so that shares take about as long;
    tasks that go on with each other's network stay together.
    """
    chains = _chains(tasks)
    dealt = np.random.default_rng(0).permutation(len(chains))[
        number - 1 :: count
    ]
    chosen = {task.key for index in dealt for task in chains[index]}
    return [task for task in tasks if task.key in chosen]


def _chains(tasks):
    """Tasks that go on with each other's network, and the others singly."""
    chains = {}
    for task in tasks:
        chains[task.key] = chains.get(task.previous, [])
        chains[task.key].append(task)
    return [chain for key, chain in chains.items() if chain[0].key == key]


def run(
    tasks: Sequence[Task],
    samples: AllSamples,
    store: ResultStore,
    *,
    folds: slice | None = None,
    jobs: int = 1,
    dask: str | None = None,
    about: Mapping | None = None,
) -> None:
    """Runs the tasks that the store does not hold yet.

    Args:
        tasks: From `plan`.
        samples: Unscaled samples of every subject, or these by protocol.
        store: Where results go.
        folds: Only these fold numbers; the others stay open.
        jobs: Processes; training times of parallel folds disturb each other.
        dask: Address of a Dask scheduler, whose workers train instead.
        about: The data, for `preprocessing.describe`.

    Raises:
        ConfigurationError: The store holds a fold of another configuration, or
            a fold cannot be trained on; or no scheduler answers.
    """
    if not tasks:  # a share of few
        return
    numbers = range(max(task.number for task in tasks) + 1)
    chosen = numbers[folds or slice(None)]
    if not chosen:
        raise ConfigurationError(
            f"--folds: there is no such fold; there are {len(numbers)}, from "
            f"0 to {numbers[-1]}"
        )
    missing = {
        task.key: task.number
        for task in tasks
        if store.status(task.key, task.config) == "missing"
    }
    wanted = [task for task in tasks if task.number in chosen]
    todo = [task for task in wanted if task.key in missing]
    for task in todo:
        before = missing.get(task.previous)
        if before is not None and before not in chosen:
            raise ConfigurationError(
                f"{task.name}: this protocol goes on with the network of the "
                "fold before, which is not finished; run it without --folds, "
                "or from the first open fold on"
            )
    console = Console(stderr=True, markup=False)
    if done := len(wanted) - len(todo):
        console.print(f"{done} of {len(wanted)} folds are finished and kept")
    if not todo:
        return
    workers = _on_dask(dask) if dask else contextlib.nullcontext(jobs)
    with workers as jobs, _Progress(console, len(todo)) as shown:
        if jobs == 1:
            for task in todo:
                epoch = shown.on_epoch(task)
                shown.done(
                    task, run_task(task, samples, store, 1, epoch, about)
                )
            return
        shared = (samples, store, jobs, uuid.uuid4(), about)
        calls = [
            joblib.delayed(_run_chain)(chain, *shared)
            for chain in _chains(todo)
        ]
        how = {"return_as": "generator_unordered", "batch_size": 1}
        for finished in joblib.Parallel(jobs, **how)(calls):
            for task, metrics in finished:
                shown.done(task, metrics)


@contextlib.contextmanager
def _on_dask(address):
    """The number of a scheduler's workers, on which joblib runs; at least 2.

    A worker that dies takes nothing with it but the fold that it was at, which
    the scheduler gives to another one.
    """
    try:
        from distributed import Client, KilledWorker
    except ImportError as error:
        text = "--dask: needs pip install keras-pain[cluster]"
        raise ConfigurationError(text) from error
    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError) as error:
        text = (
            f"--dask {address}: no scheduler answers; `dask scheduler` is one"
        )
        raise ConfigurationError(text) from error
    with client, joblib.parallel_config("dask", client=client):
        try:
            yield max(2, len(client.nthreads()))
        except (KilledWorker, TimeoutError) as error:  # no worker left
            raise KerasPainError(f"--dask: {error}") from error


def _run_chain(chain, samples, store, jobs, this_run, about):
    # joblib ends a worker whose memory has grown by 300 MB. Here it grows by
    # networks that are kept: to trace them again takes longer than a fold.
    process_executor._MAX_MEMORY_LEAK_SIZE = sys.maxsize
    # Every job brings another copy of the samples; a process uses one of them
    # for all, so that it knows for which it has prepared folds.
    samples = kept("samples", None, this_run, lambda: samples)
    given = {"jobs": jobs, "about": about}
    return [(task, run_task(task, samples, store, **given)) for task in chain]


def run_task(
    task: Task,
    samples: AllSamples,
    store: ResultStore,
    jobs: int = 1,
    on_epoch: Callable | None = None,
    about: Mapping | None = None,
) -> dict:
    """Trains and tests one method on one fold, stores it, returns metrics."""
    # In a process of its own this is the first to use it.
    start_tensorflow(task.config.get("deterministic", False))
    method = resolve_method(task.method, **task.options)
    if task.previous is not None:
        method.continue_from(store.path(task.previous))
    if on_epoch is not None:
        method.on_epoch = on_epoch
    data, defects = _prepared(task, samples), task.config["defects"]
    train = data.augmented if method.augment else data.train
    test, boundary = data.test, contextlib.nullcontext()
    if ":" in task.method:
        boundary = own_code(f"{task.method}, fold {task.key.fold}")
    with boundary:
        seed = apply_defects(defects, "seed", task.key.seed)
        seed = fold_seed(seed, task.number)
        seen = np.flatnonzero(class_counts(train))
        learns = not test.num_classes or len(seen) > 1
        if not learns:
            report = FitReport()
            predicted = np.eye(test.num_classes)[np.full(len(test), seen[0])]
        else:
            report = method.fit(train, data.validation, seed)
            classes = test.num_classes
            predict = method.predict_proba if classes else method.predict
            predicted = np.asarray(predict(test))
        if ABSENT in task.config["dataset"] and learns:
            predicted = preprocessing.without_unseen(
                predicted, seen, test.num_classes
            )
        if not np.isfinite(predicted).all():
            raise KerasPainError(
                f"{task.name}: predictions are NaN or infinite, its training "
                "diverged; finished folds are kept. Leave it out with "
                "--methods or --folds, or train in full precision"
            )
        batch = task.config.get("test_batch", TEST_BATCH)
        ordinal = task.config["dataset"].get("task") == "ordinal"
        scored = test.y, predicted, test.num_classes, defects, batch, ordinal
        metrics = score(*scored)
    result = {
        "metrics": metrics,
        "timings": {
            **report.stages,
            "fit_seconds": sum(report.stages.values()),
            "trace_seconds": report.trace_seconds,
            "jobs": jobs,
        },
        "history": report.history,
        "chosen_epoch": report.chosen_epoch,
        "subjects": dataclasses.asdict(task.fold),
        "fold_number": task.number,
        "windows": {
            "train": class_counts(data.train),
            "fitted_on": class_counts(train),
            "test": class_counts(test),
        },
        "environment": environment(),
    }
    people = getattr(test, "person", None)
    if people is None:
        # Who was recorded, also where a defect dealt windows at random.
        whole = _of_protocol(task, samples)
        names, first = np.unique(whole.recording, return_index=True)
        people = whole.subject[first[np.searchsorted(names, test.recording)]]
    kind = "probabilities" if test.num_classes else "y_pred"
    predictions = {
        "y_true": test.y,
        kind: predicted.astype(np.float32),
        "subject": people.astype(str),
        "window_id": test.window_id,
    }
    if method.holds_samples:
        result["holds_samples_of_people"] = True
    given = (task, data, method, about or {}, store.simulated)
    told = preprocessing.describe(*given)

    def save(folder):
        if learns:
            method.save(folder)
        preprocessing.write(folder, told)

    store.write(task.key, task.config, result, predictions, save)
    return metrics


def task_samples(task: Task, samples: AllSamples) -> Samples:
    """The samples as the task's protocol splits them."""
    samples = _of_protocol(task, samples)
    defects = task.config["defects"]
    return apply_defects(defects, "samples", samples, task.key.seed)


def _of_protocol(task, samples):
    by_protocol = isinstance(samples, Mapping)
    return samples[task.key.protocol] if by_protocol else samples


def fold_seed(seed: int, number: int) -> int:
    """Seed of everything random in one fold, below 2^31."""
    state = np.random.SeedSequence([seed, number]).generate_state(1)
    return int(state[0] % 2**31)


def _prepared(task, samples):
    """The fold's data, kept for the methods that share it."""
    dataset, defects = task.config["dataset"], task.config["defects"]
    people, seed = task.config["subjects"], task.key.seed
    return kept(
        "fold",
        samples,
        canonical_json([dataset, people, seed, task.number, defects]),
        lambda: prepare_fold(
            task_samples(task, samples),
            task.fold,
            fold_seed(seed, task.number),
            dataset.get("augmentation", "balanced"),
            defects,
            1 if ABSENT in dataset else 2,
        ),
        most=2,  # as networks use it, and as the others do
    )


class _Progress(progress.Progress):
    """A bar on a terminal, one line a fold elsewhere."""

    def __init__(self, console, total):
        super().__init__(
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._bar = self.add_task("folds", total=total)
        self._confusions = collections.defaultdict(list)

    def on_epoch(self, task):
        """A callback that shows the epoch of the fold that is running."""
        return lambda stage, epoch, epochs: self.update(
            self._bar, description=f"{task.name} {stage} {epoch}/{epochs}"
        )

    def done(self, task, metrics):
        """Shows a finished fold: its macro-F1, and that of all so far."""
        if "confusion" not in metrics:
            text = f"{task.name}: MAE {metrics['mae']:.3f}"
        else:
            text = f"{task.name}: macro-F1 {metrics['macro_f1']:.3f}"
            of_row = self._confusions[dataclasses.replace(task.key, fold="all")]
            of_row.append(np.asarray(metrics["confusion"]))
            if len(of_row) > 1:
                counts = sum(of_row)
                seen = counts.sum(axis=0) + counts.sum(axis=1)
                f1 = 2 * counts.diagonal()[seen > 0] / seen[seen > 0]
                text += f"; of these {len(of_row)} folds {f1.mean():.3f}"
        self.update(self._bar, advance=1, description=text)
        if self.disable:
            self.console.print(text, highlight=False, soft_wrap=True)
