"""Every method of a task on one corpus, and the report on them."""

from pathlib import Path

from rich.console import Console

from keras_pain.data.windows import arranged
from keras_pain.experiments.baselines import CLASSICAL
from keras_pain.experiments.folds import prepare_fold
from keras_pain.experiments.latency import keras_predictor, measure_latency
from keras_pain.experiments.method_registry import resolve_method
from keras_pain.experiments.protocols import LEAK_FREE
from keras_pain.experiments.runner import Task, task_samples
from keras_pain.models.flops import count_flops
from keras_pain.models.registry import MODELS, PROTECTIVE
from keras_pain.reports.leaderboard import Cost, write_leaderboard
from keras_pain.reproduction.run import FinishedRun, stored_network

_BATCHES = (1, 512)


def movement_methods(channels: int) -> tuple[str, ...]:
    """Methods for windows of movement with 26 (no sEMG) or 30 channels.

    Trivial and classical ones come first.
    """
    known = [e for e in MODELS.values() if PROTECTIVE in e.task]
    return (*CLASSICAL, *[e.name for e in known if e.min_channels <= channels])


def leaderboard_report(run: FinishedRun) -> list[Path]:
    """Writes a finished run's leaderboard, with measured costs, `.md` first."""
    given = run.expected.items()
    expected = {k: v for k, v in given if k.protocol == LEAK_FREE.name}
    firsts: dict[str, Task] = {}
    for task in run.tasks:
        if task.key in expected and run.store.contains(task.key):
            firsts.setdefault(task.key.method, task)
    Console(stderr=True).print("measuring how long predictions take")
    return write_leaderboard(
        run.store,
        expected,
        run.results_dir,
        labels={row.method: row.label for row in run.table.rows},
        class_names=run.table.class_names,
        title=run.table.title,
        corpus=run.prepared.corpus,
        simulated=run.prepared.simulated,
        header=(*run.header, *run.table.notes),
        costs={method: _cost(run, task) for method, task in firsts.items()},
    )


def _cost(run, task) -> Cost:
    """Size and speed of a method, measured on one of its folds."""
    data = prepare_fold(task_samples(task, run.samples), task.fold, 0, "none")
    # Full batches take a recurrent network seconds a call.
    batches = _BATCHES[:1] if task.config["dataset"]["smoke"] else _BATCHES
    model = stored_network(run.store, task.key)
    if model is not None:
        entry = MODELS.get(task.key.method)
        order = entry.channel_order if entry else "canonical"
        seen = arranged(data.test, order)
        latency = measure_latency(keras_predictor(model), seen, batches)
        return Cost(model.count_params(), count_flops(model), *latency.values())
    if task.key.method not in CLASSICAL:
        return Cost()
    # Classical methods store no model; fitting one again takes no time.
    method = resolve_method(task.method, **task.options)
    train = data.augmented if method.augment else data.train
    method.fit(train, data.validation, 0)
    latency = measure_latency(method.predict_proba, data.test, batches)
    return Cost(None, None, *latency.values())
