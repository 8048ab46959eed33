"""How much faster folds run when networks and data are kept.

L-SFAN on ten folds, twice in one run: naively (for every fold the data are
prepared, the network is built, compiled and traced anew) and as the suite's
runner does. The same predictions come out of both, which is checked.

    python reproduce/speed_runner.py
"""

import tempfile
import time

from absl import app, flags
from rich.console import Console

from keras_pain.data.cut import cut_windows
from keras_pain.data.prepare import load_recordings
from keras_pain.reproduction import Options
from keras_pain.reproduction.corpus import prepare
from keras_pain.reproduction.experiment import Experiment

_FOLDS = flags.DEFINE_integer("num_folds", 10, "Folds.", lower_bound=2)
_EPOCHS = flags.DEFINE_integer("num_epochs", 1, "Epochs a fold.", lower_bound=1)
_METHOD = flags.DEFINE_string("network", "lsfan", "Network.")


def measure(folds: int, epochs: int, method: str) -> tuple[float, float]:
    """Seconds of the naive loop and of the runner, on the same folds.

    Raises:
        RuntimeError: Their predictions differ.
    """
    import keras
    import numpy as np

    from keras_pain.experiments import runner
    from keras_pain.experiments.protocols import subjects_of
    from keras_pain.experiments.store import ResultStore

    experiment = Experiment(
        table=None, corpus="emopain", layouts=("fame",), settings={}
    )
    prepared = prepare(experiment, Options(), Console(stderr=True))
    recordings = load_recordings(prepared.path)
    settings = {"cut": "lsfan_windows"}
    windows = cut_windows(recordings, settings)
    tasks = runner.plan(
        subjects_of(recordings, windows.subject),
        evaluations={"loso": [method]},
        protocols=["leak_free"],
        seeds=[0],
        dataset={
            "fingerprint": prepared.fingerprint,
            "windows": settings,
            "augmentation": "balanced",
        },
        epochs=epochs,
    )[:folds]

    def seconds(store, naive):
        begin = time.perf_counter()
        for task in tasks:
            if naive:
                task.options["reuse"] = False
                runner._prepared.clear()
                keras.backend.clear_session()
                task_windows = cut_windows(recordings, settings)
            else:
                task.options["reuse"] = True
                task_windows = windows
            runner.run_task(task, task_windows, store)
        return time.perf_counter() - begin

    with tempfile.TemporaryDirectory() as folder:
        stores = ResultStore(f"{folder}/naive"), ResultStore(f"{folder}/kept")
        naive, kept = seconds(stores[0], True), seconds(stores[1], False)
        for task in tasks:
            one, two = (
                store.read(task.key).predictions["probabilities"]
                for store in stores
            )
            if not np.allclose(one, two, atol=1e-4):
                raise RuntimeError(f"fold {task.key.fold} differs")
    return naive, kept


def main(_) -> None:
    naive, kept = measure(_FOLDS.value, _EPOCHS.value, _METHOD.value)
    print(
        f"{_METHOD.value}, {_FOLDS.value} folds of {_EPOCHS.value} epoch(s): "
        f"naive {naive:.1f} s, runner {kept:.1f} s, ratio {naive / kept:.1f}"
    )


if __name__ == "__main__":
    app.run(main)
