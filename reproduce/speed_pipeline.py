"""What feeding costs: training steps on tf.data against steps on one batch.

    python reproduce/speed_pipeline.py

Each network trains on invented windows twice: fed by the suite's pipeline
(shuffled anew every epoch, gathered, prefetched), and on one batch that lies in
memory already, so that feeding costs nothing. Both alternate in one run, as the
machine's speed drifts; the ratio of the median step times is what counts. Needs
no data; about 3 minutes on 2 CPU cores.
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

_WINDOWS = flags.DEFINE_integer("windows", 6000, "Windows in memory.")
_STEPS = flags.DEFINE_integer("steps", 40, "Training steps a measurement.")
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


def measure(name: str, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Median seconds a step: (fed by the pipeline, on one batch)."""
    model, batch_size, arrays = make(name, x, y)
    batch = tuple(tf.constant(array[:batch_size]) for array in arrays)
    datasets = {
        "fed": training_batches(arrays, batch_size, seed=0),
        "memory": tf.data.Dataset.from_tensors(batch).repeat(),
    }
    seconds = {kind: [] for kind in datasets}
    for repeat in range(_REPEATS.value + 1):
        for kind, dataset in datasets.items():
            value = step_seconds(model, dataset, _STEPS.value)
            if repeat:  # the first round traces and warms up
                seconds[kind].append(value)
    return tuple(statistics.median(seconds[k]) for k in ("fed", "memory"))


def main(_):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((_WINDOWS.value, 180, 30), dtype=np.float32)
    y = np.eye(2, dtype=np.float32)[rng.integers(0, 2, len(x))]
    table = Table("network", "fed, ms", "in memory, ms", "added")
    for name in NETWORKS:
        fed, memory = measure(name, x, y)
        table.add_row(
            name,
            f"{1e3 * fed:.1f}",
            f"{1e3 * memory:.1f}",
            f"{100 * (fed / memory - 1):+.1f} %",
        )
    Console().print(table)


if __name__ == "__main__":
    app.run(main)
