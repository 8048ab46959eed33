"""What XLA gains in a training step of each network of windows or landmarks.

    python benchmarks/compile.py --write

On the CPU, steps with and without XLA in turns, medians of many short rounds.
`--write` puts them into `keras_pain/models/compile.csv`, which decides what is
compiled. Run it on an idle machine.
"""

import argparse
import csv
import os
import pathlib
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from keras_pain.experiments import optim
from keras_pain.experiments.provenance import start_tensorflow
from keras_pain.models.registry import LANDMARKS, MODELS, WINDOWS

PATH = pathlib.Path(optim.registry.__file__).with_name("compile.csv")
ROUNDS, STEPS = 9, 5
FIELDS = ("network", "step_ms", "gain", "compile_s", "spread")


def compiled(entry, xla: bool):
    """A network, its batch, and the seconds of its first step."""
    recipe = entry.recipe.of_task(2)
    model = entry.build(input_shape=entry.input_shape)
    shape = (min(recipe.batch_size, 40), *model.input_shape[1:])
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    y = np.zeros((len(x), *model.output_shape[1:]), "float32")
    model.compile(
        optimizer=optim.make_optimizer(recipe, 1, 1),
        loss="mse",
        jit_compile=xla,
    )
    start = time.perf_counter()
    model.train_on_batch(x, y)
    return model, (x, y), time.perf_counter() - start


def measure(name: str) -> dict:
    """One row: medians over rounds, and the spread of the ratio."""
    pairs = [compiled(MODELS[name], xla) for xla in (False, True)]
    rounds = []
    for _ in range(ROUNDS):
        times = []
        for model, batch, _ in pairs:
            start = time.perf_counter()
            for _ in range(STEPS):
                model.train_on_batch(*batch)
            times.append((time.perf_counter() - start) / STEPS)
        rounds.append(times)
    plain, fast = np.array(rounds[1:]).T
    gain = plain / fast
    low, high = np.percentile(gain, [25, 75])
    return {
        "network": name,
        "step_ms": round(1000 * float(np.median(plain)), 2),
        "gain": round(float(np.median(gain)), 2),
        "compile_s": round(pairs[1][2], 1),
        "spread": round(float((high - low) / np.median(gain)), 2),
    }


def main():
    """Prints a row a network, and writes them if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--networks", type=lambda t: t.split(","))
    args = parser.parse_args()
    start_tensorflow()
    names = args.networks or MODELS.fed(WINDOWS, LANDMARKS)
    rows = []
    for name in names:
        keras.backend.clear_session()
        rows.append(measure(name))
        print(*(f"{k} {v}" for k, v in rows[-1].items()), flush=True)
    if args.write:
        with open(PATH, "w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, FIELDS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
