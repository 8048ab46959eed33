"""Maps over a face clip: on its frames, and their mean over time."""

import pathlib
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from keras_pain.reports.canvas import save_figure

_COLOURS = "inferno"
_OPAQUE = 0.75  # of the largest value; zero shows the face alone
_MAP, _TRUTH = "#d1662a", "#1f5a99"
_MOST = 8  # frames in a row
_SIDE = 1.25  # of a frame, inches
_BAR = 0.07  # width of a colour scale, in frames


def plot_clip_map(
    frames: np.ndarray,
    values: np.ndarray,
    title: str,
    path,
    *,
    numbers: np.ndarray | None = None,
    curve: np.ndarray | None = None,
    curve_name: str = "PSPI",
    simulated: bool = False,
    quantity: str = "Grad-CAM",
    note: str = "",
) -> pathlib.Path:
    """A clip, its map on the frames, and the map's mean over the face.

    Args:
        frames: `(T, H, W, 3)`, RGB from 0 to 255; of more than eight, eight
            spread evenly are drawn.
        values: `(T, H, W)`, not negative, on one scale for all frames.
        title: Title of the figure.
        path: Where to write; see `save_figure`.
        numbers: `(T,)` places of the frames in their recording; None counts
            from 0.
        curve: `(F,)` intensity in every frame of the recording, drawn beside
            the map's mean; None draws none.
        curve_name: What it is.
        simulated: Whether the data are simulated.
        quantity: What the values are.
        note: A line below.

    Returns:
        The path written.

    Raises:
        ValueError: Shapes do not fit.
    """
    shown = _shown(frames, {quantity: values})
    if numbers is None:
        numbers = np.arange(len(frames))
    figure = Figure(
        (_SIDE * len(shown) + 1.8, 2 * _SIDE + 3.1), layout="constrained"
    )
    top, bottom = figure.subfigures(2, 1, height_ratios=(2 * _SIDE + 0.5, 2.0))
    axes = _grid(top, 2, frames, shown, numbers)
    _draw_row(top, axes[1], frames, values, shown, quantity)

    # --- Over time ---
    axis = bottom.subplots()
    mean = np.asarray(values, float).mean(axis=(1, 2))
    axis.plot(numbers, mean, color=_MAP, marker="o", markersize=4)
    axis.set_ylim(0, (mean.max() or 1.0) * 1.15)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_xlabel("frame")
    axis.set_ylabel(f"{quantity},\nmean over the face", color=_MAP)
    axis.grid(alpha=0.3)
    if curve is not None:
        other = axis.twinx()
        other.plot(np.arange(len(curve)), curve, color=_TRUTH)
        other.set_ylim(0, max(float(np.nanmax(curve)), 1.0) * 1.15)
        other.set_ylabel(curve_name, color=_TRUTH)
    if note:
        figure.supxlabel(note, fontsize=9, color="0.3")
    return save_figure(figure, title, path, simulated)


def plot_scale_maps(
    frames: np.ndarray,
    maps: Mapping[str, np.ndarray],
    title: str,
    path,
    *,
    numbers: np.ndarray | None = None,
    simulated: bool = False,
    quantity: str = "mean of the channels",
    note: str = "",
) -> pathlib.Path:
    """A clip and several maps of it below each other, each on its own scale.

    Args:
        frames: As for `plot_clip_map`.
        maps: Name of each row to its `(T, H, W)`, not negative.
        title: Title of the figure.
        path: Where to write; see `save_figure`.
        numbers: As for `plot_clip_map`.
        simulated: Whether the data are simulated.
        quantity: What the values are.
        note: A line below.

    Returns:
        The path written.

    Raises:
        ValueError: Shapes do not fit.
    """
    shown = _shown(frames, maps)
    if numbers is None:
        numbers = np.arange(len(frames))
    rows = 1 + len(maps)
    figure = Figure(
        (_SIDE * len(shown) + 2.0, (_SIDE + 0.1) * rows + 0.9),
        layout="constrained",
    )
    axes = _grid(figure, rows, frames, shown, numbers)
    for row, (name, values) in zip(axes[1:], maps.items(), strict=True):
        _draw_row(figure, row, frames, values, shown, "")
        row[0].set_ylabel(name, fontsize=9)
    figure.supxlabel(note or quantity, fontsize=9, color="0.3")
    return save_figure(figure, title, path, simulated)


def _shown(frames: np.ndarray, maps: Mapping[str, np.ndarray]) -> np.ndarray:
    """Indices of the frames to draw."""
    shape = np.shape(frames)
    for name, values in maps.items():
        if len(shape) != 4 or np.shape(values) != shape[:3]:
            raise ValueError(
                f"{name} must be (T, H, W) of frames (T, H, W, 3), got "
                f"{np.shape(values)} and {shape}"
            )
    count = shape[0]
    return np.linspace(0, count - 1, min(count, _MOST)).round().astype(int)


def _grid(figure, rows: int, frames, shown, numbers) -> np.ndarray:
    """Axes without ticks: frames above, and at the right room for scales."""
    axes = figure.subplots(
        rows, len(shown) + 1, width_ratios=[1] * len(shown) + [_BAR]
    )
    for axis in axes[:, :-1].ravel():
        axis.set_xticks([])
        axis.set_yticks([])
    for axis, index in zip(axes[0], shown, strict=False):
        axis.imshow(_picture(frames[index]))
        axis.set_title(f"frame {numbers[index]}", fontsize=8)
    axes[0, -1].set_axis_off()
    return axes


def _draw_row(figure, axes, frames, values, shown, label: str) -> None:
    """The map over grey frames, and its scale at the right."""
    *axes, bar = axes
    largest = float(np.max(values)) or 1.0
    for axis, index in zip(axes, shown, strict=True):
        _overlay(axis, frames[index], values[index], largest)
    if not np.any(values):
        axes[0].text(
            0.5, 0.05, "zero\neverywhere", transform=axes[0].transAxes,
            ha="center", fontsize=8,
            bbox={"facecolor": "white", "linewidth": 0},
        )  # fmt: skip
    scale = ScalarMappable(Normalize(0, largest), _COLOURS)
    figure.colorbar(scale, cax=bar, label=label)
    bar.tick_params(labelsize=7)


def _overlay(axis: Axes, frame, values, largest: float) -> None:
    grey = _picture(frame).mean(axis=-1)
    axis.imshow(grey, cmap="gray", vmin=0, vmax=255)
    axis.imshow(
        values,
        cmap=_COLOURS,
        vmin=0,
        vmax=largest,
        alpha=_OPAQUE * np.clip(values / largest, 0, 1),
    )


def _picture(frame) -> np.ndarray:
    return np.clip(np.asarray(frame), 0, 255).astype(np.uint8)
