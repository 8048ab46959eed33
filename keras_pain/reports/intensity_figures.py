"""Predicted against true intensity, one panel a row of the table."""

import dataclasses
import math
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_pain.experiments.regression import compute_regression
from keras_pain.experiments.store import FoldKey, ResultStore
from keras_pain.reports.canvas import save_figure
from keras_pain.reports.spec import TableSpec

_POINTS, _LEVELS, _TRUTH = "#1f5a99", "#d1662a", "#777777"
_MOST_LEVELS = 17  # PSPI has 17, VAS 11


@dataclasses.dataclass(frozen=True)
class IntensityPanel:
    """Samples of all folds of one method, protocol and seed.

    Args:
        title: What the panel shows.
        y_true: `(n,)` true intensities.
        y_pred: `(n,)` predicted ones.
    """

    title: str
    y_true: np.ndarray
    y_pred: np.ndarray


def intensity_panels(
    spec: TableSpec,
    store: ResultStore,
    expected: Mapping[FoldKey, Mapping],
) -> list[IntensityPanel]:
    """Panels of the finished rows, of the first seed.

    Args:
        spec: The table.
        store: Where its folds are.
        expected: Its folds and their configurations.

    Returns:
        One panel for each row and protocol all of whose folds are there.
    """
    labels = {(row.method, row.evaluation): row.label for row in spec.rows}
    groups: dict[tuple, list[FoldKey]] = {}
    for key in expected:
        name = (key.method, key.evaluation, key.protocol)
        of_row = groups.setdefault(name, [])
        if not of_row or of_row[0].seed == key.seed:
            of_row.append(key)
    panels = []
    for (method, evaluation, protocol), keys in groups.items():
        if not all(store.contains(key) for key in keys):
            continue
        folds = [store.read(key).predictions for key in keys]
        panels.append(
            IntensityPanel(
                f"{labels.get((method, evaluation), method)}\n{protocol}",
                np.concatenate([fold["y_true"] for fold in folds]),
                np.concatenate([fold["y_pred"] for fold in folds]),
            )
        )
    return panels


def plot_intensities(
    panels: Sequence[IntensityPanel],
    title: str,
    path,
    *,
    simulated: bool = False,
) -> pathlib.Path:
    """Scatter of prediction over truth, with the median of each true level.

    Args:
        panels: The panels; all get the same axes.
        title: Title of the figure.
        path: Where to write; `_SIMULATED` is put before the suffix where
            that holds.
        simulated: Whether the data are simulated.

    Returns:
        The path written.

    Raises:
        ValueError: There is no panel.
    """
    if not panels:
        raise ValueError("plot_intensities needs a panel, got none")
    columns = min(len(panels), 4)
    rows = math.ceil(len(panels) / columns)
    figure = Figure(
        (2.9 * columns + 0.6, 2.9 * rows + 0.8), layout="constrained"
    )
    axes = figure.subplots(
        rows, columns, squeeze=False, sharex=True, sharey=True
    ).ravel()
    values = np.concatenate([np.r_[p.y_true, p.y_pred] for p in panels])
    low, high = float(values.min()), float(values.max())
    margin = 0.05 * max(high - low, 1.0)
    for axis, panel in zip(axes, panels, strict=False):
        _panel(axis, panel)
        axis.set_xlim(low - margin, high + margin)
        axis.set_ylim(low - margin, high + margin)
    for number, axis in enumerate(axes[: len(panels)]):
        if number % columns == 0:
            axis.set_ylabel("predicted")
        if number + columns >= len(panels):
            axis.set_xlabel("true")
            axis.tick_params(labelbottom=True)
    axes[0].legend(fontsize=7, loc="upper left")
    for axis in axes[len(panels) :]:
        axis.remove()
    return save_figure(figure, title, path, simulated)


def _panel(axis: Axes, panel: IntensityPanel) -> None:
    metrics = compute_regression(panel.y_true, panel.y_pred)
    axis.plot(
        [0, 1], [0, 1], transform=axis.transAxes, color=_TRUTH, linewidth=1,
        linestyle="--", label="prediction = truth",
    )  # fmt: skip
    axis.scatter(
        panel.y_true, panel.y_pred, s=9, alpha=0.35, color=_POINTS, linewidth=0
    )
    levels = np.unique(panel.y_true)
    if len(levels) <= _MOST_LEVELS:
        medians = [np.median(panel.y_pred[panel.y_true == v]) for v in levels]
        axis.plot(
            levels, medians, color=_LEVELS, marker="o", markersize=4,
            label="median of each level",
        )  # fmt: skip
    text = f"MAE {metrics['mae']:.2f}"
    if metrics["pcc"] is not None:
        text += f", PCC {metrics['pcc']:.2f}"
    axis.set_title(f"{panel.title}\n{text}", fontsize=9)
    axis.grid(alpha=0.3)
