"""The sanity checks of a finished fold's maps."""

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_pain.experiments.atomic import write_file
from keras_pain.experiments.methods import registered_methods
from keras_pain.experiments.runner import fold_seed
from keras_pain.reports.checks import CheckPanel, CheckPoint
from keras_pain.reproduction.gallery import TITLES
from keras_pain.reproduction.rebuild import FinishedFold

if TYPE_CHECKING:
    import keras

    from keras_pain.interpret.maps import Explanation

CHECK_EPOCHS = 5  # our choice: every map is checked against two trainings
CHECK_WINDOWS = 24  # our choice: enough for a mean, few enough to be quick


def num_steps(kinds: Sequence["Explanation"]) -> int:
    """Steps of `check_maps`: one a kind, and two trainings."""
    return len(kinds) + 2


def check_maps(
    finished: FinishedFold,
    model: "keras.Model",
    kinds: Sequence["Explanation"],
    check_epochs: int | None,
    step: Callable[[str], None],
) -> tuple[list[CheckPanel], str]:
    """Runs both checks of every kind of map.

    Args:
        finished: The fold.
        model: Its network.
        kinds: The kinds of maps.
        check_epochs: See `ExplainOptions`.
        step: Called with what is done before each of
            `num_steps(kinds)` steps.

    Returns:
        A panel a kind of map, and a line that says what was compared.
    """
    from keras_pain.interpret.sanity import (
        cascading_randomisation,
        label_randomisation,
    )

    test, result = finished.data.test, finished.result
    windows = test.take(check_windows(test.y, test.num_classes))
    classes = model.predict(windows.x, verbose=0).argmax(axis=-1)
    common = {"length": windows.length, "class_index": classes}
    cascades = {}
    for kind in kinds:
        step(f"drawing weights anew for {TITLES[kind.name]}")
        cascades[kind.name] = cascading_randomisation(
            model, windows.x, kind, **common
        )
    labels = {}
    method = result.config["method"]
    epochs = check_epochs or min(method["epochs"], CHECK_EPOCHS)
    # A user's own network cannot be trained from its name in the store.
    if finished.key.method in registered_methods():
        train = finished.data.augmented
        seed = fold_seed(finished.key.seed, result.result["fold_number"])
        labels = label_randomisation(
            model,
            windows.x,
            kinds,
            finished.key.method,
            train,
            finished.data.validation,
            seed=seed,
            epochs=epochs,
            arguments=method.get("arguments"),
            on_training=step,
            **common,
        )
    panels = [
        check_panel(kind.name, cascades[kind.name], labels.get(kind.name))
        for kind in kinds
    ]
    note = f"mean over {len(windows)} windows; bars: 10 to 90 %"
    return panels, note


def check_windows(y: np.ndarray, num_classes: int) -> np.ndarray:
    """Positions of `CHECK_WINDOWS` windows, as many of each class."""
    present = [c for c in range(num_classes) if (y == c).any()]
    chosen = [
        _spread(np.flatnonzero(y == c), -(-CHECK_WINDOWS // len(present)))
        for c in present
    ]
    return np.sort(np.concatenate(chosen))


def _spread(index: np.ndarray, count: int) -> np.ndarray:
    places = np.linspace(0, len(index) - 1, min(count, len(index)))
    return index[places.round().astype(int)]


def check_panel(name: str, cascade, labels=None) -> CheckPanel:
    """The checks of one kind of map, ready to be plotted.

    Args:
        name: The kind.
        cascade: From `cascading_randomisation`.
        labels: The kind's entry of `label_randomisation`, if it was run.

    Returns:
        The panel.
    """
    points = [
        CheckPoint(
            step.layer.replace("_", " ") or "as trained",
            step.similarity.spearman,
            step.similarity.ssim,
        )
        for step in cascade
    ]
    trained = []
    if labels is not None:
        for what, found in (
            ("true labels", labels.true),
            ("permuted labels", labels.permuted),
        ):
            if found is None:
                continue
            count = labels.epochs
            label = f"{what}, {count} epoch{'s' * (count != 1)}"
            trained.append(CheckPoint(label, found.spearman, found.ssim))
    return CheckPanel(TITLES[name], points, trained)


def write_numbers(path: Path, panels: Sequence[CheckPanel]) -> Path:
    """Every point of the plots: mean, and how many windows showed nothing."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(
        ("map", "change", "spearman", "ssim", "compared", "empty_maps")
    )
    for panel in panels:
        for point in (*panel.cascade, *panel.trained):
            empty = int(np.isnan(point.spearman).sum())
            compared = point.spearman.size - empty
            means = [
                f"{np.nanmean(values):.4f}" if compared else ""
                for values in (point.spearman, point.ssim)
            ]
            writer.writerow((panel.title, point.label, *means, compared, empty))
    return write_file(path, buffer.getvalue().encode())
