"""Figures of a table: confusion matrices and training curves.

One function a figure; each draws without pyplot, so that no window opens and a
notebook's settings stay as they are. The same input gives the same bytes.
"""

import dataclasses
import math
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from keras_pain.experiments.store import FoldResult
from keras_pain.reports import access
from keras_pain.reports.aggregate import Group
from keras_pain.reports.canvas import save_figure
from keras_pain.reports.spec import TableSpec

_TRAIN, _VALIDATION, _CHOSEN = "#1f5a99", "#d1662a", "#555555"


@dataclasses.dataclass(frozen=True)
class ConfusionPanel:
    """One confusion matrix: a title and `(K, K)` counts, rows true."""

    title: str
    counts: np.ndarray


@dataclasses.dataclass(frozen=True)
class TrainingCurve:
    """What one training logged.

    Args:
        label: Method and fold, as readers know them.
        history: Name (`loss`, `accuracy` or `mae`, and both with `val_`;
            others are left out) to one value an epoch.
        chosen_epoch: Epoch, from 1, whose weights were kept; None where there
            was no choice.
    """

    label: str
    history: Mapping[str, Sequence[float]]
    chosen_epoch: int | None = None


def plot_confusions(
    panels: Sequence[ConfusionPanel],
    class_names: Sequence[str],
    title: str,
    path,
    *,
    simulated: bool = False,
    samples: str = "windows",
) -> pathlib.Path:
    """Confusion matrices with counts and row shares.

    Args:
        panels: The matrices; counts averaged over seeds may be fractions.
        class_names: Name of every class.
        title: Title of the figure.
        path: Where to write; `_SIMULATED` is put before the suffix where
            that holds.
        simulated: Whether the data are simulated.
        samples: What is counted.

    Returns:
        The path written.

    Raises:
        ValueError: There is no panel, or its shape does not fit the classes.
    """
    if not panels:
        raise ValueError("plot_confusions needs at least one panel, got none")
    columns = min(len(panels), 4)
    rows = math.ceil(len(panels) / columns)
    side = 1.1 + 0.75 * len(class_names)
    figure = Figure(
        (side * columns + 0.8, side * rows + 0.9), layout="constrained"
    )
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, panel in zip(axes, panels, strict=False):
        image = _confusion(axis, panel, class_names)
    for number, axis in enumerate(axes[: len(panels)]):
        if number % columns == 0:
            axis.set_ylabel(f"true ({samples})")
        if number + columns >= len(panels):
            axis.set_xlabel(f"predicted ({samples})")
    for axis in axes[len(panels) :]:
        axis.remove()
    figure.colorbar(
        image,
        ax=axes[: len(panels)].tolist(),
        label="share of the true class",
        shrink=0.8,
    )
    return save_figure(figure, title, path, simulated)


def confusion_panels(
    spec: TableSpec, groups: access.Groups
) -> list[ConfusionPanel]:
    """Panels of every finished row and protocol of a table.

    Args:
        spec: The table.
        groups: From `keras_pain.reports.aggregate.collect`.

    Returns:
        Panels in the order of the rows; none for unfinished rows.
    """
    several = len({evaluation for evaluation, _, _ in groups}) > 1
    panels = []
    for row in access.all_rows(spec, groups):
        for protocol in access.protocols(groups, row.evaluation):
            group: Group | None = groups.get(
                (row.evaluation, protocol, row.method)
            )
            if group is None or group.confusion is None:
                continue
            place = f"{row.evaluation}, {protocol}" if several else protocol
            panels.append(
                ConfusionPanel(f"{row.label}\n{place}", group.confusion)
            )
    return panels


def plot_training_curves(
    curves: Sequence[TrainingCurve],
    title: str,
    path,
    *,
    simulated: bool = False,
) -> pathlib.Path:
    """Loss and accuracy (or mean absolute error) over epochs.

    Args:
        curves: One row of the figure each.
        title: Title of the figure.
        path: Where to write; `_SIMULATED` is put before the suffix where
            that holds.
        simulated: Whether the data are simulated.

    Returns:
        The path written.

    Raises:
        ValueError: There is no curve.
    """
    if not curves:
        raise ValueError("plot_training_curves needs a curve, got none")
    figure = Figure((9.0, 2.5 * len(curves) + 0.7), layout="constrained")
    axes = figure.subplots(len(curves), 2, squeeze=False, sharex="row")
    for (left, right), curve in zip(axes, curves, strict=True):
        _curve(left, curve, "loss")
        second = "mae" if "mae" in curve.history else "accuracy"
        _curve(right, curve, second)
        left.set_title(curve.label, loc="left", fontsize=10)
    for axis in axes[-1]:
        axis.set_xlabel("epoch")
    return save_figure(figure, title, path, simulated)


def training_curves(fold: FoldResult, label: str) -> list[TrainingCurve]:
    """Curves of a stored fold, one a training stage.

    Args:
        fold: A fold whose result holds `history`, one dict an epoch with the
            logged values and the name of its `stage`, and `chosen_epoch` of
            the last stage.
        label: Method and fold, as readers know them.

    Returns:
        The curves in order; none where nothing was logged.
    """
    stages: dict[str, list[Mapping]] = {}
    for row in fold.result.get("history") or ():
        stages.setdefault(row.get("stage", ""), []).append(row)
    curves = []
    for number, (stage, rows) in enumerate(stages.items(), start=1):
        names = dict.fromkeys(name for row in rows for name in row)
        last = number == len(stages)
        curves.append(
            TrainingCurve(
                f"{label}, {stage}" if len(stages) > 1 else label,
                {
                    name: [row.get(name, math.nan) for row in rows]
                    for name in names
                    if name not in ("stage", "epoch")
                },
                fold.result.get("chosen_epoch") or None if last else None,
            )
        )
    return curves


def _confusion(axis: Axes, panel: ConfusionPanel, names: Sequence[str]):
    counts = np.asarray(panel.counts, dtype=float)
    if counts.shape != (len(names), len(names)):
        raise ValueError(
            f"{panel.title!r} must be {len(names)} x {len(names)}, got "
            f"{counts.shape}"
        )
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.where(totals == 0, 1, totals)
    image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    whole = np.all(counts == np.round(counts))
    for (row, column), count in np.ndenumerate(counts):
        share = f"{shares[row, column]:.0%}" if totals[row, 0] else "none"
        axis.text(
            column,
            row,
            f"{count:,.{0 if whole else 1}f}\n{share}",
            ha="center",
            va="center",
            fontsize=9,
            color="white" if shares[row, column] > 0.6 else "black",
        )
    axis.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axis.set_yticks(range(len(names)), names)
    # White gaps keep equal neighbours apart.
    for edge in np.arange(1, len(names)) - 0.5:
        axis.axhline(edge, color="white", linewidth=2)
        axis.axvline(edge, color="white", linewidth=2)
    axis.set_title(panel.title, fontsize=10)
    return image


def _curve(axis: Axes, curve: TrainingCurve, name: str) -> None:
    for key, color, words in (
        (name, _TRAIN, "training"),
        (f"val_{name}", _VALIDATION, "validation"),
    ):
        values = np.asarray(curve.history.get(key, ()), dtype=float)
        if not np.isfinite(values).any():
            continue
        epochs = np.arange(1, len(values) + 1)
        # One epoch is a point, which a line would not show.
        marker = "o" if len(values) == 1 else None
        axis.plot(epochs, values, color=color, label=words, marker=marker)
    if curve.chosen_epoch:
        axis.axvline(
            curve.chosen_epoch,
            color=_CHOSEN,
            linestyle="--",
            linewidth=1,
            label=f"chosen epoch {curve.chosen_epoch}",
        )
    axis.set_ylabel(name)
    axis.grid(alpha=0.3)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if name == "accuracy":
        axis.set_ylim(0, 1.02)
    if axis.get_legend_handles_labels()[0]:
        axis.legend(fontsize=8)
    else:
        axis.text(0.5, 0.5, "not logged", ha="center", transform=axis.transAxes)
