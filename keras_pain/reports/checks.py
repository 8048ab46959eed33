"""The sanity checks of a map, plotted beside it."""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from keras_pain.reports.canvas import save_figure

_MEASURES = {
    "Spearman": ("#1f5a99", "o"),
    "SSIM": ("#d1662a", "s"),
}


@dataclasses.dataclass(frozen=True)
class CheckPoint:
    """Similarity of a changed network's maps to the trained network's.

    Args:
        label: What was changed.
        spearman: Rank correlation of each window, any shape; NaN is left out.
        ssim: Structural similarity of each window.
    """

    label: str
    spearman: np.ndarray
    ssim: np.ndarray


@dataclasses.dataclass(frozen=True)
class CheckPanel:
    """The checks of one kind of map.

    Args:
        title: The kind.
        cascade: Layers from the output down; each point has the weights of
            its own layer and of all before it drawn anew.
        trained: Networks that were trained anew; drawn apart.
    """

    title: str
    cascade: Sequence[CheckPoint]
    trained: Sequence[CheckPoint] = ()


def plot_checks(
    panels: Sequence[CheckPanel],
    title: str,
    path,
    *,
    simulated: bool = False,
    note: str = "",
) -> pathlib.Path:
    """Similarity to the trained network's map, layer by layer.

    Lines are means over windows and draws; bars reach from their tenth to
    their ninetieth percentile.

    Args:
        panels: One kind of map each.
        title: Title of the figure.
        path: Where to write; see `save_figure`.
        simulated: Whether the data are simulated.
        note: A line below.

    Returns:
        The path written.
    """
    most = max(len(p.cascade) + len(p.trained) for p in panels)
    figure = Figure(
        ((1.0 + 0.42 * most) * len(panels) + 0.8, 4.6), layout="constrained"
    )
    subplots = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, panel in zip(subplots, panels, strict=True):
        _panel(axis, panel)
        if len(panels) > 1:
            axis.set_title(panel.title, fontsize=10)
    subplots[0].set_ylabel("similarity to the trained network's map")
    subplots[0].legend(fontsize=8, loc="lower left")
    if note:
        figure.supxlabel(note, fontsize=9, color="0.3")
    return save_figure(figure, title, path, simulated)


def _panel(axis, panel: CheckPanel) -> None:
    steps = np.arange(len(panel.cascade))
    others = len(steps) + 0.6 + np.arange(len(panel.trained))
    for number, (name, (colour, marker)) in enumerate(_MEASURES.items()):
        shift = 0.12 * (2 * number - 1)  # bars of both stay apart
        style = {"color": colour, "marker": marker, "markersize": 5}
        mean, spread = _summary(panel.cascade, name)
        axis.errorbar(
            steps + shift,
            mean,
            yerr=spread,
            label=name,
            elinewidth=0.8,
            **style,
        )
        mean, spread = _summary(panel.trained, name)
        axis.errorbar(
            others + shift,
            mean,
            yerr=spread,
            linestyle="none",
            elinewidth=0.8,
            **style,
        )
    if len(others):
        axis.axvline(len(steps) - 0.2, color="0.6", linewidth=0.8)
    for height in (0, 1):
        axis.axhline(height, color="0.6", linestyle=":", linewidth=0.8)
    labels = [point.label for point in (*panel.cascade, *panel.trained)]
    axis.set_xticks(
        [*steps, *others],
        labels,
        rotation=60,
        ha="right",
        rotation_mode="anchor",
        fontsize=8,
    )
    axis.grid(axis="y", alpha=0.3)


def _summary(points: Sequence[CheckPoint], measure: str):
    """Means `(k,)` and their distances to two percentiles, `(2, k)`."""
    means, spread = [], []
    for point in points:
        values = point.spearman if measure == "Spearman" else point.ssim
        shown = values[~np.isnan(values)]
        if not shown.size:
            means.append(np.nan)
            spread.append((0.0, 0.0))
            continue
        low, mean, high = (
            np.percentile(shown, 10),
            shown.mean(),
            np.percentile(shown, 90),
        )
        means.append(mean)
        # A mean may lie beyond a percentile where few windows are far off.
        spread.append((max(mean - low, 0), max(high - mean, 0)))
    return np.array(means), np.array(spread).reshape(-1, 2).T


def reading(panels: Sequence[CheckPanel]) -> str:
    """The checks in one line of numbers (Spearman/SSIM), without a verdict.

    Of the cascade, the first and the last layer are read out.
    """
    parts = []
    for panel in panels:
        found = [f"{panel.title}:"]
        chosen = [*panel.cascade[1:2], *panel.cascade[2:][-1:], *panel.trained]
        for point in chosen:
            found.append(f"{point.label} {_numbers(point)},")
        parts.append(" ".join(found).rstrip(","))
    return "; ".join(parts)


def _numbers(point: CheckPoint) -> str:
    values = []
    for measured in (point.spearman, point.ssim):
        shown = measured[~np.isnan(measured)]
        values.append(f"{shown.mean():.2f}" if shown.size else "none")
    return "/".join(values)
