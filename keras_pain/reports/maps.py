"""One window's map over channels, body parts or tokens, and time."""

import pathlib
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_pain.data.windows import CHANNEL_NAMES
from keras_pain.errors import ConfigurationError
from keras_pain.reports.canvas import save_figure

AXIS_LABELS = ("real", "as_released")
COLOURS = "Oranges"
LINE = "#d1662a"
ROW = 0.165  # height of a row of a map, inches


def channel_labels(
    channel_names: Sequence[str], axis_labels: str = "real"
) -> list[str]:
    """What to write beside the channels of a map.

    The released L-SFAN code labels its Grad-CAM figure angles 0-12, energies
    13-25, sEMG 26-29, while its windows have sEMG first, so that no
    label is right. That is its known defect `misordered_axis_labels`;
    `"as_released"` switches it on.

    Args:
        channel_names: The real names, in order (`WindowSet.channel_names`).
        axis_labels: `"real"` or `"as_released"`.

    Returns:
        One label a channel.

    Raises:
        ConfigurationError: `axis_labels` is neither.
    """
    if axis_labels not in AXIS_LABELS:
        raise ConfigurationError(
            f"axis_labels must be one of {', '.join(AXIS_LABELS)}, got "
            f"{axis_labels!r}"
        )
    names = list(channel_names)
    if axis_labels == "as_released":
        names = list(CHANNEL_NAMES[: len(names)])
    return [words(name) for name in names]


def words(name: str) -> str:
    """`"angle_left_knee"` -> `"angle left knee"`."""
    return name.replace("semg", "sEMG").replace("_", " ")


def plot_time_map(
    values: np.ndarray,
    length: int,
    labels: Sequence[str],
    title: str,
    path,
    *,
    simulated: bool = False,
    frame_rate: float | None = 60.0,
    quantity: str = "weight",
    note: str = "",
) -> pathlib.Path:
    """One window's map over time and channels, and its mean over time.

    Args:
        values: `(T, K)`, not negative.
        length: Real frames; later ones are not drawn.
        labels: One label a column, from `channel_labels`.
        title: Title of the figure.
        path: Where to write; see `save_figure`.
        simulated: Whether the data are simulated.
        frame_rate: Frames per second; None where samples are resampled to
            one length, so that frames are shares of it.
        quantity: What the values are.
        note: A line above the map.

    Returns:
        The path written.

    Raises:
        ValueError: Shapes do not fit.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or values.shape[1] != len(labels):
        raise ValueError(
            f"values must be (T, {len(labels)}), got {values.shape}"
        )
    values = values[:length]
    height = 1.6 + ROW * len(labels)
    figure = Figure((10.5, height), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2.6, 1.0), sharey=True)
    image = draw_heat(left, values, labels, frame_rate)
    figure.colorbar(image, ax=left, label=quantity, pad=0.01)
    if not values.any():
        left.text(
            0.5,
            0.5,
            "zero everywhere",
            transform=left.transAxes,
            ha="center",
            va="center",
            color="0.3",
        )
    left.set_title(note, fontsize=9, color="0.3")
    right.barh(range(len(labels)), values.mean(axis=0), color=LINE)
    right.set_xlabel(f"{quantity},\nmean over time")
    right.tick_params(labelleft=False)
    right.grid(axis="x", alpha=0.3)
    return save_figure(figure, title, path, simulated)


def plot_token_map(
    values: np.ndarray, title: str, path, *, simulated: bool = False
) -> pathlib.Path:
    """Self-attention among tokens.

    Args:
        values: `(tokens, tokens)`, every row summing to one.
        title: Title of the figure.
        path: Where to write; see `save_figure`.
        simulated: Whether the data are simulated.

    Returns:
        The path written.
    """
    values = np.asarray(values, dtype=float)
    figure = Figure((5.6, 4.8), layout="constrained")
    axis = figure.subplots()
    image = draw_tokens(axis, values)
    figure.colorbar(
        image,
        ax=axis,
        label=f"attention (share; even: {1 / len(values):.3f})",
    )
    return save_figure(figure, title, path, simulated)


def draw_tokens(axis: Axes, values: np.ndarray, largest: float | None = None):
    """Self-attention `(tokens, tokens)`; returns the image."""
    image = axis.imshow(values, cmap=COLOURS, vmin=0, vmax=largest)
    numbers = range(len(values))
    axis.set_xticks(numbers, [n + 1 for n in numbers], fontsize=7)
    axis.set_yticks(numbers, [n + 1 for n in numbers], fontsize=7)
    axis.set_xlabel("to feature map (no sensor)")
    axis.set_ylabel("from feature map")
    return image


def time_axis(frames: int, frame_rate: float | None) -> tuple[np.ndarray, str]:
    """Where frames lie on a time axis, and the axis' name.

    Args:
        frames: Number of frames.
        frame_rate: Frames per second; None where samples are resampled to
            one length.

    Returns:
        `(frames,)` seconds or percent, and a label.
    """
    if frame_rate is None:
        return np.arange(frames) * 100 / frames, "time (% of the sample)"
    return np.arange(frames) / frame_rate, "time (s)"


def draw_heat(
    axis: Axes,
    values: np.ndarray,
    labels: Sequence[str],
    frame_rate: float | None,
    largest: float | None = None,
):
    """A map over time, one row a label; returns the image.

    Args:
        axis: Axes.
        values: `(T, K)`, not negative; NaN stays blank.
        labels: K labels.
        frame_rate: As for `time_axis`.
        largest: Value of the darkest colour; None takes the map's largest.
    """
    times, name = time_axis(len(values), frame_rate)
    image = axis.imshow(
        values.T,
        aspect="auto",
        cmap=COLOURS,
        vmin=0,
        vmax=largest or np.nanmax(values) or 1.0,
        extent=(0, 2 * times[-1] - times[-2], len(labels) - 0.5, -0.5),
        interpolation="nearest",
    )
    axis.set_yticks(range(len(labels)), labels, fontsize=7)
    axis.set_xlabel(name)
    separate_kinds(axis, labels)
    return image


def separate_kinds(axis: Axes, labels: Sequence[str]) -> None:
    """A line where angles end and energies begin, and so on."""
    kinds = [label.partition(" ")[0] for label in labels]
    if not set(kinds) <= {"angle", "energy", "sEMG"}:
        return
    for row in range(1, len(kinds)):
        if kinds[row] != kinds[row - 1]:
            axis.axhline(row - 0.5, color="0.3", linewidth=0.8)
