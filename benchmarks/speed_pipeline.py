"""What feeding costs: training steps on tf.data against steps on one batch.

    python benchmarks/speed_pipeline.py

Each network trains on invented windows in three ways: fed by the suite's
pipeline (shuffled anew every epoch, gathered, prefetched); on arrays in memory,
in order, by `fit` itself; and on one batch over and over, so that feeding costs
nothing at all. They alternate in one run, as the machine's speed drifts; the
ratio of the median step times is what counts. Needs no data; some minutes on
2 CPU cores.
"""

import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags
from rich.console import Console
from rich.table import Table

from keras_pain.data.feed import training_batches
from keras_pain.models.registry import MODELS
from keras_pain.reproduction.flags import parse_flags

_WINDOWS = flags.DEFINE_integer("windows", 6000, "Windows in memory.")
_SECONDS = flags.DEFINE_float("seconds", 4.0, "Length of a measurement.")
_NETWORKS = flags.DEFINE_list("networks", None, "Only these networks.")
_REPEATS = flags.DEFINE_integer("repeats", 7, "Measurements of each kind.")

# The autoencoder is where ALANet's LSTM trains; its head trains on codes.
NETWORKS = ("stacked_lstm", "banet", "alanet_autoencoder", "alanet_head")


def make(name: str, x: np.ndarray, y: np.ndarray):
    """A compiled model, its recipe's batch size, and its arrays."""
    if name == "alanet_head":
        from keras_pain.models.alanet import alanet_head

        entry = MODELS["alanet"]
        model, arrays = alanet_head(entry.build()), (x[:, :, :8], y)
    else:
        entry = MODELS[name]
        model = entry.build()
        arrays = (x, x) if name == "alanet_autoencoder" else (x, y)
    model.compile(optimizer="adam", loss=entry.recipe.loss)
    return model, entry.recipe.batch_size, arrays


def step_seconds(model: keras.Model, dataset, steps: int) -> float:
    """Seconds a training step over `steps` steps."""
    start = time.perf_counter()
    model.fit(dataset, steps_per_epoch=steps, shuffle=False, verbose=0)
    return (time.perf_counter() - start) / steps


def array_seconds(model, arrays, batch_size: int, steps: int) -> float:
    """Seconds a training step of `fit` on arrays in memory, in order."""
    count = min(steps * batch_size, len(arrays[0]))
    count -= count % batch_size
    epochs = max(steps * batch_size // count, 1)
    part = [array[:count] for array in arrays]
    start = time.perf_counter()
    model.fit(
        *part, batch_size=batch_size, epochs=epochs, shuffle=False, verbose=0
    )
    return (time.perf_counter() - start) / (epochs * count // batch_size)


def measure(name: str, x: np.ndarray, y: np.ndarray) -> tuple[float, ...]:
    """Median seconds a step: (pipeline, arrays in memory, one batch)."""
    model, batch_size, arrays = make(name, x, y)
    batch = tuple(tf.constant(array[:batch_size]) for array in arrays)
    datasets = {
        "fed": training_batches(arrays, batch_size, seed=0),
        "memory": tf.data.Dataset.from_tensors(batch).repeat(),
    }
    for dataset in datasets.values():  # traces and warms up
        step_seconds(model, dataset, 3)
    # A measurement spans many steps, as an epoch does: starting an iterator is
    # paid once a training, not once a step.
    once = step_seconds(model, datasets["memory"], 3)
    steps = max(int(_SECONDS.value / once), 1)
    array_seconds(model, arrays, batch_size, 3)
    seconds = {kind: [] for kind in (*datasets, "arrays")}
    for _ in range(_REPEATS.value):
        for kind, dataset in datasets.items():
            seconds[kind].append(step_seconds(model, dataset, steps))
        value = array_seconds(model, arrays, batch_size, steps)
        seconds["arrays"].append(value)
    kinds = ("fed", "arrays", "memory")
    return tuple(statistics.median(seconds[kind]) for kind in kinds)


def main(_):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((_WINDOWS.value, 180, 30), dtype=np.float32)
    y = np.eye(2, dtype=np.float32)[rng.integers(0, 2, len(x))]
    table = Table(
        "network", "fed, ms", "arrays, ms", "added", "one batch, ms", "added"
    )
    for name in _NETWORKS.value or NETWORKS:
        fed, in_arrays, one = measure(name, x, y)
        table.add_row(
            name,
            f"{1e3 * fed:.1f}",
            f"{1e3 * in_arrays:.1f}",
            f"{100 * (fed / in_arrays - 1):+.1f} %",
            f"{1e3 * one:.1f}",
            f"{100 * (fed / one - 1):+.1f} %",
        )
    Console(width=100).print(table)


if __name__ == "__main__":
    app.run(main, flags_parser=parse_flags)
