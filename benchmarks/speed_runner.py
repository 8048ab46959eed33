"""How much faster folds run when networks and data are kept.

The same folds of leave-one-subject-out twice in one run: in a plain loop, as a
script of one's own would have it, and by the suite's runner. The plain loop
reads, cuts, scales and augments the data for every fold, builds and compiles
the network with Keras' defaults, fits, predicts and saves. Both train on the
same batches, so that their predictions must be the same, which is checked.
They take turns fold by fold, as the machine's speed drifts.

    python benchmarks/speed_runner.py

What is kept saves the same seconds in every fold, however long it trains: the
ratio falls with the number of training steps. It is printed for one epoch, as
the released L-SFAN was trained; `--num_epochs=5` is its recipe.
"""

import dataclasses
import logging
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from absl import app, flags
from absl import logging as absl_logging
from rich.console import Console
from rich.table import Table

from keras_pain.experiments.provenance import start_tensorflow
from keras_pain.reproduction.flags import parse_flags

_FOLDS = flags.DEFINE_integer("num_folds", 10, "Folds.", lower_bound=2)
_EPOCHS = flags.DEFINE_integer("num_epochs", 1, "Epochs a fold.", lower_bound=1)
_NETWORK = flags.DEFINE_string("network", "lsfan", "Network.")


def networks() -> list[str]:
    """Networks over windows that are trained in one stage."""
    from keras_pain.models.registry import MODELS, RECONSTRUCTION, WINDOWS

    return [
        name
        for name, entry in MODELS.items()
        if entry.data == WINDOWS
        and entry.task != RECONSTRUCTION
        and not entry.autoencoder
    ]


@dataclasses.dataclass
class Lap:
    """Seconds of one fold: on the clock, and of all its processor cores."""

    clock: float
    processor: float


def timed(function: Callable, *arguments) -> Lap:
    """Calls a function and times it."""
    clock, processor = time.perf_counter(), time.process_time()
    function(*arguments)
    return Lap(time.perf_counter() - clock, time.process_time() - processor)


def plain_fold(load, settings, task, epochs: int, folder: Path) -> None:
    """One fold with nothing kept: data, network, training, prediction."""
    import numpy as np

    from keras_pain.data.feed import evaluation_batches
    from keras_pain.data.windows import arranged, cut_windows
    from keras_pain.experiments.folds import prepare_fold
    from keras_pain.experiments.methods import FitReport
    from keras_pain.experiments.metrics import compute_metrics
    from keras_pain.experiments.network import WindowMethod, one_hot
    from keras_pain.experiments.optim import class_weights, set_seeds
    from keras_pain.experiments.runner import fold_seed
    from keras_pain.models.registry import MODELS

    # `clear_session` and Keras' own seeding would throw away what the runner
    # keeps, in its turn; a network that is built anew has nothing to lose.
    entry, seed = MODELS[task.method], fold_seed(task.key.seed, task.number)
    set_seeds(seed)
    data = prepare_fold(cut_windows(load(), settings), task.fold, seed)
    train, validation, test = (
        arranged(part, entry.channel_order)
        for part in (data.augmented, data.validation, data.test)
    )
    method = WindowMethod(task.method, epochs)
    method.build(train.x.shape[1:], train.num_classes)
    model = method.model
    # Else it would be traced apart, to time that; here `fit` traces it.
    model.make_train_function()
    weights = class_weights(train.y, train.num_classes, entry.recipe)
    held = (validation.x, one_hot(validation))
    method.train_arrays(
        FitReport(), train.x, one_hot(train), weights, held, seed
    )
    probabilities = model.predict(
        evaluation_batches((test.x,), len(test)), verbose=0
    )
    compute_metrics(test.y, probabilities, test.num_classes)
    folder.mkdir()
    model.save(folder / "model.keras")
    np.save(folder / "probabilities.npy", probabilities)


def measure(
    load: Callable[[], Sequence[Mapping]],
    settings: Mapping,
    folds: int,
    epochs: int,
    network: str,
) -> tuple[list[Lap], list[Lap]]:
    """Times the same folds in the plain loop and by the runner.

    Args:
        load: Reads the recordings.
        settings: How windows are cut, see
            `keras_pain.data.windows.cut_windows`.
        folds: Folds of leave-one-subject-out to run.
        epochs: Epochs a fold.
        network: One of `networks()`.

    Returns:
        The laps of the plain loop and those of the runner; its first one
        holds all that it does once.

    Raises:
        RuntimeError: Their predictions differ.
    """
    import numpy as np

    from keras_pain.data.windows import cut_windows
    from keras_pain.experiments import runner
    from keras_pain.experiments.protocols import subjects_of
    from keras_pain.experiments.store import ResultStore

    tasks, windows = [], None

    def prepare():
        nonlocal tasks, windows
        recordings = load()
        windows = cut_windows(recordings, settings)
        tasks = runner.plan(
            subjects_of(recordings, windows.subject),
            evaluations={"loso": [network]},
            protocols=["leak_free"],
            seeds=[0],
            dataset={"fingerprint": "", "windows": dict(settings)},
            epochs=epochs,
        )[:folds]

    once = timed(prepare)
    plain, kept = [], []
    with tempfile.TemporaryDirectory() as folder:
        store = ResultStore(f"{folder}/store")
        # What TensorFlow does at its first use is neither one's share.
        plain_fold(load, settings, tasks[0], epochs, Path(folder, "first"))
        for task in tasks:
            own = Path(folder, str(task.number))
            plain.append(timed(plain_fold, load, settings, task, epochs, own))
            kept.append(timed(runner.run_task, task, windows, store))
            one = np.load(own / "probabilities.npy")
            two = store.read(task.key).predictions["probabilities"]
            if not np.allclose(one, two, atol=1e-4):
                raise RuntimeError(f"fold {task.key.fold} differs")
    kept[0].clock += once.clock
    kept[0].processor += once.processor
    return plain, kept


def table_of(plain: Sequence[Lap], kept: Sequence[Lap], title: str) -> Table:
    """Sums and ratios over all folds, and over those after the first."""
    table = Table(title=title, title_justify="left")
    for name in ("", "plain loop", "runner", "ratio"):
        table.add_column(name, justify="right" if name else "left")
    for field, unit in (("clock", "s"), ("processor", "s of processor time")):
        for start, what in ((0, "all folds"), (1, "without the first")):
            one, two = (
                sum(getattr(lap, field) for lap in laps[start:])
                for laps in (plain, kept)
            )
            row = f"{one:.1f}", f"{two:.1f}", f"{one / two:.2f}"
            table.add_row(f"{what}, {unit}", *row)
    return table


def main(_) -> None:
    start_tensorflow()
    # It warns of tracing in a loop, which is what is measured here.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    absl_logging.set_verbosity(absl_logging.WARNING)

    from keras_pain.data.prepare import load_recordings
    from keras_pain.experiments.network import WindowMethod
    from keras_pain.reproduction import Options
    from keras_pain.reproduction.experiment import Experiment

    console = Console()
    if _NETWORK.value not in networks():
        raise app.UsageError(f"--network: one of {', '.join(networks())}")
    experiment = Experiment(
        table=None, corpus="emopain", layouts=("fame",), settings={}
    )
    prepared = experiment.prepare(Options(), Console(stderr=True))
    name = _NETWORK.value
    plain, kept = measure(
        lambda: load_recordings(prepared.path),
        {"cut": "lsfan_windows"},
        _FOLDS.value,
        _EPOCHS.value,
        name,
    )
    method = WindowMethod(name)
    method.build(method.entry.input_shape, 2)
    xla = "on" if method.model.jit_compile else "off"
    console.print(
        table_of(
            plain,
            kept,
            f"{name}, SIMULATED {prepared.corpus}, {len(kept)} folds of "
            f"{_EPOCHS.value} epoch(s), {os.cpu_count()} cores; "
            f"XLA is {xla} in both, as Keras chooses here",
        )
    )


if __name__ == "__main__":
    app.run(main, flags_parser=parse_flags)
