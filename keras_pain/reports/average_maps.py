"""Mean maps of groups of windows: by class, and by activity and class."""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_pain.reports.canvas import save_figure
from keras_pain.reports.maps import (
    COLOURS,
    LINE,
    ROW,
    draw_heat,
    draw_tokens,
    separate_kinds,
    time_axis,
    words,
)

_GROUP_COLOURS = ("#1f5a99", "#d1662a", "#2a8f6d", "#8a4fa3")


@dataclasses.dataclass(frozen=True)
class MapPanel:
    """The mean map of a group of windows.

    Args:
        row: The group's first name, e.g. of the activity; "" if it has none.
        column: Its second, e.g. of the class.
        windows: How many windows it has.
        values: `(T,)`, `(T, K)` or `(K,)`; NaN where no window is real.
    """

    row: str
    column: str
    windows: int
    values: np.ndarray


def plot_average_maps(
    panels: Sequence[MapPanel],
    axes: Sequence[str],
    labels: Sequence[str],
    title: str,
    path,
    *,
    simulated: bool = False,
    frame_rate: float | None = 60.0,
    quantity: str = "weight",
    note: str = "",
) -> pathlib.Path:
    """Mean maps of groups of windows, side by side on one scale.

    Args:
        panels: The groups, all in one `row`.
        axes: `("time",)`, `("time", K)` or `(K,)` with any name for K, or
            `("token", "token")`.
        labels: Labels of K; unused where there is none.
        title: Title of the figure.
        path: Where to write; see `save_figure`.
        simulated: Whether the data are simulated.
        frame_rate: As for `maps.time_axis`.
        quantity: What the values are.
        note: A line below.

    Returns:
        The path written.
    """
    tokens = axes == ("token", "token")
    heat = len(axes) == 2
    rows = 14 if axes == ("time",) else len(labels)
    figure = Figure(
        (2.2 + 3.6 * len(panels), 1.7 + ROW * rows), layout="constrained"
    )
    subplots = figure.subplots(
        1, len(panels), sharex=True, sharey=True, squeeze=False
    )[0]
    largest = max(np.nanmax(panel.values) for panel in panels) or 1.0
    image = None
    for axis, panel in zip(subplots, panels, strict=True):
        if tokens:
            image = draw_tokens(axis, panel.values, largest)
        elif heat:
            image = draw_heat(axis, panel.values, labels, frame_rate, largest)
        elif axes == ("time",):
            _curve(axis, panel.values, frame_rate, LINE)
            axis.set_ylim(0, largest * 1.1)
        else:
            _bars(axis, panel.values, labels, quantity)
        single = len(panels) == panel.windows == 1
        name = panel.column if single else _named(panel.column, panel.windows)
        axis.set_title(name, fontsize=10)
    if heat:
        figure.colorbar(image, ax=subplots, label=quantity, pad=0.01)
    elif axes == ("time",):
        subplots[0].set_ylabel(quantity)
    if note:
        figure.supxlabel(note, fontsize=9, color="0.3")
    return save_figure(figure, title, path, simulated)


def plot_activity_maps(
    panels: Sequence[MapPanel],
    axes: Sequence[str],
    labels: Sequence[str],
    columns: Sequence[str],
    title: str,
    path,
    *,
    simulated: bool = False,
    frame_rate: float | None = 60.0,
    quantity: str = "weight",
    note: str = "",
) -> pathlib.Path:
    """Mean maps by activity (`row`) and class (`column`) of the windows.

    Over time: a picture an activity, a line a class. Over time and body parts
    (whose attention over time sums to one): a picture each. Else: a column an
    activity, averaged over time, a picture a class.

    Args:
        panels: The groups, in the order of their rows.
        axes: As for `plot_average_maps`.
        labels: As for `plot_average_maps`.
        columns: Names of the columns in their order.
        title: Title of the figure.
        path: Where to write; see `save_figure`.
        simulated: Whether the data are simulated.
        frame_rate: As for `maps.time_axis`.
        quantity: What the values are.
        note: A line below.

    Returns:
        The path written.
    """
    rows = list(dict.fromkeys(panel.row for panel in panels))
    columns = [c for c in columns if any(p.column == c for p in panels)]
    found = {(panel.row, panel.column): panel for panel in panels}
    if axes == ("time",):
        figure = _time_by_activity(rows, columns, found, frame_rate, quantity)
    elif axes == ("time", "part"):
        figure = _parts_by_activity(panels, labels, frame_rate, quantity)
    else:
        figure = _channels_by_activity(
            rows, columns, found, axes, labels, quantity
        )
    if note:
        figure.supxlabel(note, fontsize=9, color="0.3")
    return save_figure(figure, title, path, simulated)


def _channels_by_activity(rows, columns, found, axes, labels, quantity):
    grids = []
    for column in columns:
        grid = np.full((len(labels), len(rows)), np.nan)
        for place, row in enumerate(rows):
            if (row, column) in found:
                values = found[row, column].values
                if axes[0] == "time":
                    values = np.nanmean(values, axis=0)
                grid[:, place] = values
        grids.append(grid)
    largest = np.nanmax(grids) or 1.0
    figure = Figure(
        (
            3.0 + (0.5 + 0.45 * len(rows)) * len(columns),
            2.6 + ROW * len(labels),
        ),
        layout="constrained",
    )
    subplots = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
    for axis, column, grid in zip(subplots, columns, grids, strict=True):
        image = axis.imshow(
            grid, aspect="auto", cmap=COLOURS, vmin=0, vmax=largest
        )
        axis.set_facecolor("0.85")  # a class without such windows
        counts = [
            found[row, column].windows if (row, column) in found else 0
            for row in rows
        ]
        axis.set_xticks(
            range(len(rows)),
            [f"{words(r)} ({n})" for r, n in zip(rows, counts, strict=True)],
            rotation=60,
            ha="right",
            rotation_mode="anchor",
            fontsize=8,
        )
        axis.set_yticks(range(len(labels)), labels, fontsize=7)
        separate_kinds(axis, labels)
        axis.set_title(column, fontsize=10)
    figure.colorbar(
        image, ax=subplots, label=f"{quantity}, mean over windows", pad=0.01
    )
    return figure


def _parts_by_activity(panels, labels, frame_rate, quantity):
    across = min(2, len(panels))
    down = -(-len(panels) // across)
    figure = Figure(
        (2.4 + 3.4 * across, 0.9 + 1.45 * down), layout="constrained"
    )
    subplots = figure.subplots(down, across, sharey=True, squeeze=False)
    largest = max(np.nanmax(panel.values) for panel in panels) or 1.0
    for axis in subplots.ravel()[len(panels) :]:
        axis.set_visible(False)
    for axis, panel in zip(subplots.ravel(), panels, strict=False):
        image = draw_heat(axis, panel.values, labels, frame_rate, largest)
        axis.tick_params(axis="y", labelsize=5.5)
        axis.set_xlabel("")
        named = _named(panel.column, panel.windows)
        axis.set_title(f"{words(panel.row)}, {named}", fontsize=8)
    figure.colorbar(image, ax=subplots, label=quantity, pad=0.01, aspect=60)
    figure.supxlabel(time_axis(2, frame_rate)[1], fontsize=10)
    return figure


def _time_by_activity(rows, columns, found, frame_rate, quantity):
    across = min(4, len(rows))
    down = -(-len(rows) // across)
    figure = Figure(
        (2.9 * across + 0.6, 2.1 * down + 0.9), layout="constrained"
    )
    subplots = figure.subplots(down, across, sharey=True, squeeze=False)
    for axis in subplots.ravel()[len(rows) :]:
        axis.set_visible(False)
    largest = max(np.nanmax(panel.values) for panel in found.values())
    for axis, row in zip(subplots.ravel(), rows, strict=False):
        for column, colour in zip(columns, _GROUP_COLOURS, strict=False):
            if (row, column) in found:
                panel = found[row, column]
                label = _named(column, panel.windows)
                _curve(axis, panel.values, frame_rate, colour, label)
        axis.set_title(words(row), fontsize=10)
        axis.set_xlabel("")
        axis.set_ylim(0, largest * 1.4)
        axis.legend(fontsize=7, loc="upper right")
    for axis in subplots[:, 0]:
        axis.set_ylabel(quantity, fontsize=8)
    name = time_axis(2, frame_rate)[1]
    figure.supxlabel(f"{name}; dotted: even", fontsize=10)
    return figure


def _named(column: str, windows: int) -> str:
    return f"{column} ({windows} window{'s' * (windows != 1)})"


def _curve(axis: Axes, values, frame_rate, colour, label=None) -> None:
    times, name = time_axis(len(values), frame_rate)
    axis.plot(times, values, color=colour, label=label)
    even = 1 / len(values)
    axis.axhline(even, color="0.4", linestyle=":", linewidth=1)
    axis.set_xlabel(f"{name}; dotted: even")
    axis.grid(alpha=0.3)


def _bars(axis: Axes, values, labels, quantity) -> None:
    axis.barh(range(len(labels)), values, color=LINE)
    axis.axvline(1 / len(labels), color="0.4", linestyle=":", linewidth=1)
    axis.set_yticks(range(len(labels)), labels, fontsize=7)
    if not axis.yaxis_inverted():
        axis.invert_yaxis()
    axis.set_xlabel(f"{quantity}; dotted: even")
