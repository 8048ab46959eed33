"""Maps and their sanity checks from the finished folds of a results folder."""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

from keras_pain.errors import ConfigurationError
from keras_pain.experiments.quiet import start_tensorflow
from keras_pain.experiments.store import FoldKey, ResultStore
from keras_pain.reports.checks import plot_checks, reading
from keras_pain.reproduction.explain_checks import (
    check_maps,
    num_steps,
    write_numbers,
)
from keras_pain.reproduction.explain_draw import draw_maps
from keras_pain.reproduction.gallery import TITLES, Gallery
from keras_pain.reproduction.rebuild import (
    FinishedFold,
    finished_folds,
    rebuild_fold,
)

MODEL_FILE = "model.keras"


@dataclasses.dataclass(frozen=True)
class ExplainOptions:
    """What is explained, and how.

    Args:
        methods: Names of networks; None takes all that have a finished fold.
        protocol: Protocol of the folds.
        fold: Name of the fold. None takes the first that has test windows of
            every class, else the first.
        seed: Seed of the folds.
        out: Folder for the files; None takes `explanations` in the results
            folder.
        checks: Whether to run the sanity checks.
        check_epochs: Epochs of the trainings that the label check needs; None
            takes the fold's own number, but no more than
            `explain_checks.CHECK_EPOCHS`.
        axis_labels: `"real"`, or `"as_released"` for the labels of the
            released L-SFAN figure (its defect `misordered_axis_labels`).
    """

    methods: Sequence[str] | None = None
    protocol: str = "leak_free"
    fold: str | None = None
    seed: int = 0
    out: str | Path | None = None
    checks: bool = True
    check_epochs: int | None = None
    axis_labels: str = "real"


@dataclasses.dataclass(frozen=True)
class Explained:
    """What was written of one fold.

    Args:
        key: The fold.
        paths: The files.
        reading: The checks in numbers, one line; "" without them.
    """

    key: FoldKey
    paths: tuple[Path, ...]
    reading: str


def explain(results_dir, options: ExplainOptions) -> list[Explained]:
    """Draws the maps of a results folder's networks, and checks them.

    Args:
        results_dir: Results folder of a reproduce script.
        options: What is explained, and how.

    Returns:
        One entry a network.

    Raises:
        KerasPainError: A folder, a fold, a network or the data are missing.
    """
    keys = choose_folds(results_dir, options)
    if options.check_epochs is not None and options.check_epochs < 1:
        raise ConfigurationError(
            f"--check_epochs must be 1 or more, got {options.check_epochs}; "
            "--no_checks leaves the checks out"
        )
    start_tensorflow()
    import tensorflow as tf

    # It warns of many traced functions; here every network has its own.
    tf.get_logger().setLevel("ERROR")
    out = Path(options.out or Path(results_dir) / "explanations")
    explained = []
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    ) as progress:
        for key in keys:
            task = progress.add_task(f"{key.method}: reading data", total=None)
            finished = rebuild_fold(results_dir, key, with_joints=True)
            explained.append(
                explain_fold(
                    finished,
                    out / key.method,
                    options,
                    lambda text, done, total, task=task: progress.update(
                        task, description=text, completed=done, total=total
                    ),
                )
            )
    return explained


def choose_folds(results_dir, options: ExplainOptions) -> list[FoldKey]:
    """The fold of each network that is explained.

    Raises:
        ConfigurationError: There is none, or one that was asked for is not
            finished or has no network.
    """
    keys = finished_folds(results_dir)
    store = ResultStore(results_dir)
    chosen = [
        key
        for key in keys
        if key.protocol == options.protocol
        and key.seed == options.seed
        and options.fold in (None, key.fold)
    ]
    wanted = f"protocol {options.protocol}, seed {options.seed}"
    if options.fold is not None:
        wanted += f", fold {options.fold}"
    networks: dict[str, list[FoldKey]] = {}
    for key in chosen:
        if (store.path(key) / MODEL_FILE).is_file():
            networks.setdefault(key.method, []).append(key)
    for method in options.methods or ():
        if method in networks:
            continue
        if method in {key.method for key in chosen}:
            raise ConfigurationError(
                f"{results_dir}: {method} has no network ({MODEL_FILE}), so "
                f"there is no map to draw; networks: {_listed(networks)}"
            )
        raise ConfigurationError(
            f"{results_dir}: has no finished fold of {method} ({wanted}); it "
            f"has folds of {_listed(key.method for key in keys)}"
        )
    if not networks:
        protocols = _listed(f"{k.protocol} seed {k.seed}" for k in keys)
        raise ConfigurationError(
            f"{results_dir}: has no finished fold of a network ({wanted}); "
            f"there are folds of {_listed(k.method for k in keys)} under "
            f"{protocols}"
        )
    names = dict.fromkeys(options.methods or networks)
    return [_best_fold(store, networks[name]) for name in names]


def _best_fold(store: ResultStore, keys: Sequence[FoldKey]) -> FoldKey:
    """The first whose test windows hold every class, else the first."""
    for key in keys:
        predictions = store.read(key).predictions
        classes = predictions["probabilities"].shape[1]
        if len(np.unique(predictions["y_true"])) == classes:
            return key
    return keys[0]


def explain_fold(
    finished: FinishedFold,
    folder: Path,
    options: ExplainOptions,
    on_progress=lambda text, done, total: None,
) -> Explained:
    """Draws the maps of one finished fold's network, and checks them.

    Args:
        finished: The fold; `recordings` with joints draws skeletons, too.
        folder: Folder for the files.
        options: Labels and checks.
        on_progress: Called with (what is done, steps done, steps in all).

    Returns:
        What was written.
    """
    import keras

    # Its layers register themselves when the registry is imported.
    import keras_pain.models.registry  # noqa: F401
    from keras_pain.interpret.maps import explanations

    key = finished.key
    model = keras.models.load_model(finished.result.path / MODEL_FILE)
    kinds = explanations(model)
    total = len(kinds) + (num_steps(kinds) if options.checks else 0)
    done = 0

    def step(text):
        nonlocal done
        on_progress(f"{key.method}: {text}", done, total)
        done += 1

    gallery = Gallery(finished, model, folder, options.axis_labels)
    paths = []
    for kind in kinds:
        step(f"drawing {TITLES[kind.name]}")
        paths += draw_maps(gallery, kind)
    if not options.checks:
        return Explained(key, tuple(paths), "")
    panels, note = check_maps(
        finished, model, kinds, options.check_epochs, step
    )
    for kind, panel in zip(kinds, panels, strict=True):
        paths.append(
            plot_checks(
                [panel],
                f"{key.method}: sanity checks of {panel.title}",
                folder / f"{kind.name}_checks.png",
                simulated=finished.simulated,
                note=note,
            )
        )
    paths.append(write_numbers(folder / "checks.csv", panels))
    return Explained(key, tuple(paths), reading(panels))


def _listed(names) -> str:
    return ", ".join(sorted(set(names))) or "none"
