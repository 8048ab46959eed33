"""Where a network looked in one window: over time and over body parts."""

import pathlib
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_pain.reports.canvas import save_figure
from keras_pain.signals.kinematics import ANGLE_NAMES

_NUM_PARTS = len(ANGLE_NAMES)
_ATTENTION = "#d1662a"
_HIGHLIGHTS = ("#1f5a99", "#2a8f6d", "#8a4fa3")


def plot_attention(
    window: np.ndarray,
    length: int,
    temporal: np.ndarray,
    bodily: np.ndarray | None,
    channel_names: Sequence[str],
    title: str,
    path,
    *,
    simulated: bool = False,
    frame_rate: float = 60.0,
    unit: str = "degrees",
) -> pathlib.Path:
    """Attention over time and body parts, on the angles it was paid to.

    The three angles with the most attention are coloured, or those that move
    most where the attention is not over body parts; the others are grey.
    Padded frames are not drawn.

    Args:
        window: `(T, C)` window; its angles are the channels called `A1` to
            `A13`, or by `ANGLE_NAMES` with or without `angle_` before them.
        length: Valid frames.
        temporal: `(T,)` weights over time, or `(T, 13)`, one column a body
            part.
        bodily: `(13,)` weights over body parts, or `(units, 13)`, of which
            the mean over units is shown. Any other width is drawn as weights
            over code units, which are no body parts. None leaves them out.
        channel_names: Names of the C channels.
        title: Title of the figure.
        path: Where to write; `_SIMULATED` is put before the suffix where
            that holds.
        simulated: Whether the data are simulated.
        frame_rate: Frames per second.
        unit: Unit of the angles, e.g. `"scaled"` after scaling.

    Returns:
        The path written.

    Raises:
        ValueError: Shapes do not fit, or a weight is not finite.
    """
    window, temporal = np.asarray(window), np.asarray(temporal, dtype=float)
    bodily = None if bodily is None else np.asarray(bodily, dtype=float)
    _check(window, length, temporal, bodily, channel_names)
    angles = window[:length, _angle_columns(channel_names)]
    seconds = np.arange(length) / frame_rate
    weights = None if bodily is None else np.atleast_2d(bodily).mean(axis=0)
    over_parts = weights is not None and len(weights) == _NUM_PARTS
    order = np.argsort(weights if over_parts else np.ptp(angles, axis=0))
    top = order[::-1][: len(_HIGHLIGHTS)]

    heat = temporal.ndim == 2
    grid = {
        "nrows": 2,
        "ncols": 1 if weights is None else 2,
        "height_ratios": (1.0, 0.9 if heat else 0.5),
    }
    if weights is not None:
        grid["width_ratios"] = (2.2, 1.0)
    figure = Figure(
        (8.0 if weights is None else 11.0, 6.4 if heat else 5.4),
        layout="constrained",
    )
    layout = figure.add_gridspec(**grid)
    above = figure.add_subplot(layout[0, 0])
    below = figure.add_subplot(layout[1, 0], sharex=above)
    _angles(above, seconds, angles, top, unit)
    above.tick_params(labelbottom=False)
    if heat:
        image = _heat(below, seconds, temporal[:length])
        figure.colorbar(
            image, ax=below, label="attention (share per frame)", pad=0.01
        )
    else:
        _line(below, above, seconds, temporal[:length])
    above.legend(fontsize=8, ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
    below.set_xlabel("time (s)")
    if weights is not None:
        _bars(figure.add_subplot(layout[:, 1]), weights, top)
    return save_figure(figure, title, path, simulated)


def _check(window, length, temporal, bodily, channel_names) -> None:
    if window.ndim != 2 or window.shape[1] != len(channel_names):
        raise ValueError(
            f"window must be (T, {len(channel_names)}), got {window.shape}"
        )
    frames = len(window)
    if not 0 < length <= frames:
        raise ValueError(f"length must lie in 1 to {frames}, got {length}")
    if temporal.shape not in ((frames,), (frames, _NUM_PARTS)):
        raise ValueError(
            f"temporal must be ({frames},) or ({frames}, {_NUM_PARTS}), got "
            f"{temporal.shape}"
        )
    if bodily is not None and bodily.ndim not in (1, 2):
        raise ValueError(
            f"bodily must be (parts,) or (units, parts), got {bodily.shape}"
        )
    for name, weights in (("temporal", temporal), ("bodily", bodily)):
        if weights is not None and not np.isfinite(weights).all():
            raise ValueError(f"{name} attention is not finite: {weights}")


def _angle_columns(channel_names: Sequence[str]) -> list[int]:
    names = list(channel_names)
    for wanted in (
        [f"A{number + 1}" for number in range(_NUM_PARTS)],
        [f"angle_{name}" for name in ANGLE_NAMES],
        ANGLE_NAMES,
    ):
        if set(wanted) <= set(names):
            return [names.index(name) for name in wanted]
    raise ValueError(
        f"channel_names hold neither A1 to A13 nor the names of the angles: "
        f"{names}"
    )


def _words(name: str) -> str:
    return name.replace("_", " ")


def _angles(axis: Axes, seconds, angles, top, unit: str) -> None:
    for index in range(_NUM_PARTS):
        if index not in top:
            axis.plot(seconds, angles[:, index], color="0.8", linewidth=1)
    for index, color in zip(top, _HIGHLIGHTS, strict=True):
        axis.plot(
            seconds,
            angles[:, index],
            color=color,
            linewidth=1.8,
            label=_words(ANGLE_NAMES[index]),
        )
    axis.set_ylabel(f"joint angles ({unit})")
    axis.grid(alpha=0.3)


def _line(axis: Axes, above: Axes, seconds, weights) -> None:
    axis.fill_between(seconds, weights, color=_ATTENTION, alpha=0.35)
    axis.plot(seconds, weights, color=_ATTENTION)
    even = 1 / len(weights)
    axis.axhline(even, color="0.4", linestyle=":", linewidth=1)
    axis.annotate(
        "even",
        (1, even),
        xycoords=axis.get_yaxis_transform(),
        xytext=(3, 0),
        textcoords="offset points",
        va="center",
        fontsize=8,
        color="0.4",
    )
    axis.set_ylim(0, max(weights.max(), even) * 1.1)
    axis.set_ylabel("attention\n(share per frame)")
    axis.grid(alpha=0.3)
    # The frames with more than an even share, on the movement itself.
    above.fill_between(
        seconds,
        0,
        1,
        where=weights > even * (1 + 1e-6),
        transform=above.get_xaxis_transform(),
        color=_ATTENTION,
        alpha=0.12,
        linewidth=0,
        label="above even attention",
    )


def _heat(axis: Axes, seconds, weights):
    image = axis.imshow(
        weights.T,
        aspect="auto",
        cmap="Oranges",
        vmin=0,
        extent=(seconds[0], max(seconds[-1], 1e-9), _NUM_PARTS - 0.5, -0.5),
        interpolation="nearest",
    )
    names = [_words(name) for name in ANGLE_NAMES]
    axis.set_yticks(range(_NUM_PARTS), names, fontsize=8)
    return image


def _bars(axis: Axes, weights: np.ndarray, top) -> None:
    parts = len(weights) == _NUM_PARTS
    names = (
        [_words(name) for name in ANGLE_NAMES]
        if parts
        else [f"code unit {index + 1}" for index in range(len(weights))]
    )
    colors = ["0.7"] * len(weights)
    if parts:
        for index, color in zip(top, _HIGHLIGHTS, strict=True):
            colors[index] = color
    axis.barh(range(len(weights)), weights, color=colors)
    axis.axvline(1 / len(weights), color="0.4", linestyle=":", linewidth=1)
    axis.set_yticks(range(len(weights)), names, fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("attention (share); dotted: even")
    axis.set_title(
        "Body parts" if parts else "Code units (not body parts)", fontsize=10
    )
