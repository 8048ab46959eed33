"""Drawings of maps: over time, on the skeleton, on faces; and of checks.

Every `plot_...` takes what `keras_pain.reports.figures.saved` says. `quantity`
is what is drawn, `frame_rate` in frames a second, None of resampled samples.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.animation import FuncAnimation
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from keras_pain.data.windows import CHANNEL_NAMES
from keras_pain.errors import check_choice
from keras_pain.reports import figures as drawing
from keras_pain.reports.figures import ORANGE, evenly_spread, saved, subplots
from keras_pain.signals import kinematics
from keras_pain.signals.kinematics import ANGLE_NAMES

AXIS_LABELS = ("real", "as_released")

_EVEN = {"color": "0.4", "linestyle": ":", "linewidth": 1}
_ROW = 0.165  # height of a row of a map, inches


def channel_labels(
    channel_names: Sequence[str], axis_labels: str = "real"
) -> list[str]:
    """What to write beside the channels of a map, given their real names.

    The released L-SFAN code labels its Grad-CAM figure angles 0-12, energies
    13-25, sEMG 26-29, while its windows have sEMG first, so that no
    label is right. That is its known defect `misordered_axis_labels`;
    `"as_released"` switches it on. Raises ConfigurationError where
    `axis_labels` is none of `AXIS_LABELS`.
    """
    check_choice("axis_labels", axis_labels, AXIS_LABELS)
    if axis_labels == "as_released":
        channel_names = CHANNEL_NAMES[: len(channel_names)]
    return [words(name) for name in channel_names]


def words(name: str) -> str:
    """`"angle_left_knee"` -> `"angle left knee"`."""
    return name.replace("semg", "sEMG").replace("_", " ")


PART_LABELS = [words(name) for name in ANGLE_NAMES]


@saved
def plot_time_map(
    values: np.ndarray,
    length: int,
    labels: Sequence[str],
    *,
    frame_rate: float | None = 60.0,
    quantity: str = "weight",
) -> Figure:
    """One window's map `(T, K)`, not negative, and its mean over time.

    Drawn are frames of the real `length`; labels are from `channel_labels`.
    """
    values = np.asarray(values[:length], dtype=float)
    figure = drawing.new_figure(10.5, 1.6 + _ROW * len(labels))
    left, right = figure.subplots(1, 2, width_ratios=(2.6, 1.0), sharey=True)
    image = _draw_heat(left, values, labels, frame_rate, _scale(values))
    figure.colorbar(image, ax=left, label=quantity, pad=0.01)
    if not values.any():
        left.set_title("zero everywhere")
    right.barh(range(len(labels)), values.mean(axis=0), color=ORANGE)
    right.set_xlabel(f"{quantity},\nmean over time")
    right.tick_params(labelleft=False)
    right.grid(axis="x")
    return figure


@saved
def plot_token_map(values: np.ndarray) -> Figure:
    """Self-attention among tokens, `(tokens, tokens)`; rows sum to one."""
    (figure, axis), even = subplots(5.6, 4.8), 1 / len(values)
    image = _draw_tokens(axis, values, _scale(values, even))
    label = f"attention (share; even: {even:.3f})"
    figure.colorbar(image, ax=axis, label=label)
    return figure


class MapPanel(NamedTuple):
    """The mean map of so many windows."""

    row: str  # the group's first name, e.g. of the activity, or ""
    column: str  # its second, e.g. of the class
    windows: int
    values: np.ndarray  # `(T,)`, `(T, K)` or `(K,)`; NaN of padding alone


@saved
def plot_average_maps(
    panels: Sequence[MapPanel],
    axes: Sequence[str],
    labels: Sequence[str],
    *,
    frame_rate: float | None = 60.0,
    quantity: str = "weight",
) -> Figure:
    """Mean maps of groups of windows, side by side on one scale.

    `axes` are `("time",)`, `("time", K)` or `(K,)` with any name for K, or
    `("token", "token")`; labels are of K, unused where there is none.
    """
    rows = 14 if axes == ("time",) else len(labels)
    place = len(panels), 3, (3.6, 0.6 + _ROW * rows), (2.2, 1.1)
    figure, grid = drawing.tiles(*place, sharex=True, sharey=True)
    even, values = _even_share(axes, panels), [p.values for p in panels]
    scale = _scale(values, even)
    for axis, panel in zip(grid.flat, panels, strict=False):
        if axes == ("token", "token"):
            image = _draw_tokens(axis, panel.values, scale)
        elif len(axes) == 2:
            image = _draw_heat(axis, panel.values, labels, frame_rate, scale)
        elif axes == ("time",):
            end, name = _time_axis(rows := len(panel.values), frame_rate)
            _draw_curve(axis, panel.values, np.arange(rows) * end / rows)
            axis.set_xlabel(f"{name}; dotted: even")
            axis.set_ylim(0, np.nanmax(values) * 1.1 or 1.0)
        else:
            _draw_bars(axis, panel.values, labels, quantity)
        title = panel.column
        if not len(panels) == panel.windows == 1:
            count = f"{panel.windows} window{'s' * (panel.windows != 1)}"
            activity = f"{words(panel.row)}, " * bool(panel.row)
            title = f"{activity}{title} ({count})"
        axis.set_title(title, fontsize=9)
    if len(axes) == 2:
        label = quantity if even is None else f"{quantity}; even: {even:.4f}"
        figure.colorbar(image, ax=grid, label=label, pad=0.01)
    elif axes == ("time",):
        for axis in grid[:, 0]:
            axis.set_ylabel(quantity)
    return figure


@saved
def plot_activity_maps(
    panels: Sequence[MapPanel],
    axes: Sequence[str],
    labels: Sequence[str],
    columns: Sequence[str],
    *,
    frame_rate: float | None = 60.0,
    quantity: str = "weight",
) -> Figure:
    """Mean maps by activity (`row`) and class (`column`) of the windows.

    Attention over time, which sums to one there, has a picture each. Other
    maps have a column an activity, averaged over time, and a picture a class.
    See also `plot_average_maps`.
    """
    even = _even_share(axes, panels)
    if axes[0] == "time" and even is not None:
        style = {"frame_rate": frame_rate, "quantity": quantity}
        return plot_average_maps.draw(panels, axes, labels, **style)
    columns = [c for c in columns if any(p.column == c for p in panels)]
    rows = list(dict.fromkeys(panel.row for panel in panels))
    grids = np.full((len(columns), len(labels), len(rows)), np.nan)
    counts = np.zeros((len(columns), len(rows)), int)
    for row, column, windows, values in panels:
        at, place = columns.index(column), rows.index(row)
        over_time = axes[0] == "time"
        grids[at, :, place] = np.nanmean(values, 0) if over_time else values
        counts[at, place] = windows
    size = 0.5 + 0.45 * len(rows), 1.6 + _ROW * len(labels)
    place = len(columns), len(columns), size, (3.0, 1.0)
    figure, grid = drawing.tiles(*place, sharey=True)
    scale = _scale(grids, even)
    for i, axis in enumerate(grid.flat):
        image = _draw_grid(axis, grids[i], labels, scale, aspect="auto")
        axis.set_facecolor("0.85")  # a class without such windows
        named = zip(map(words, rows), counts[i], strict=True)
        ticks = [f"{row} ({windows})" for row, windows in named]
        axis.set_xticks(range(len(rows)), ticks, fontsize=8, **drawing.TILTED)
        axis.set_title(columns[i])
    figure.supxlabel("in brackets: windows; grey where there are none")
    label = "" if even is None else f";\neven: {even:.4f}"
    label = f"{quantity}, mean over windows{label}"
    figure.colorbar(image, ax=grid, label=label, pad=0.01)
    return figure


def _even_share(axes, panels) -> float | None:
    """What attention that is the same everywhere gives; None of other maps."""
    if {"channel", "point"} & set(axes):
        return None
    return 1 / len(panels[0].values)


def _scale(values, even=None) -> dict:
    """Colours for `imshow`: from least to most, or around the even share.

    At least a tenth of it to either side: next to nothing must look like it.
    """
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if even is None:
        low = min(low, 0.9 * high)
        return {"cmap": "Oranges", "norm": Normalize(low, high or 1.0)}
    ends = min(low, 0.9 * even), even, max(high, 1.1 * even)
    norm = TwoSlopeNorm(vmin=ends[0], vcenter=ends[1], vmax=ends[2])
    return {"cmap": "PuOr_r", "norm": norm}


def _time_axis(frames, frame_rate) -> tuple[float, str]:
    """The end of a time axis, in seconds or percent, and its name."""
    if frame_rate is None:
        return 100.0, "time (% of the sample)"
    return frames / frame_rate, "time (s)"


def _draw_grid(axis, values, labels, scale, **options):
    """`(rows, columns)` as colours, a label a row; NaN stays blank."""
    image = axis.imshow(values, **scale, **options)
    axis.set_yticks(range(len(labels)), labels, fontsize=7)
    # A line where angles end and energies begin, and so on.
    kinds = [str(label).partition(" ")[0] for label in labels]
    if {"angle", "energy", "sEMG"}.issuperset(kinds):
        for row, (above, below) in enumerate(itertools.pairwise(kinds)):
            if above != below:
                axis.axhline(row + 0.5, color="0.3", linewidth=0.8)
    return image


def _draw_heat(axis, values, labels, frame_rate, scale):
    """`(T, K)` over time."""
    end, name = _time_axis(len(values), frame_rate)
    axis.set_xlabel(name)
    place = {"aspect": "auto", "extent": (0, end, len(labels) - 0.5, -0.5)}
    place["interpolation"] = "nearest"
    return _draw_grid(axis, values.T, labels, scale, **place)


def _draw_tokens(axis, values, scale):
    numbers = np.arange(1, 1 + len(values))
    image = _draw_grid(axis, values, numbers, scale)
    axis.set_xticks(numbers - 1, numbers, fontsize=7)
    axis.set(xlabel="to feature map (no sensor)", ylabel="from feature map")
    return image


def _draw_curve(axis, values, times):
    axis.plot(times, values, color=ORANGE)
    axis.axhline(1 / len(values), **_EVEN)
    axis.grid()


def _draw_bars(axis, values, labels, quantity, colours=ORANGE):
    axis.barh(range(len(labels)), values, color=colours)
    axis.axvline(1 / len(labels), **_EVEN)
    axis.set_yticks(range(len(labels)), labels, fontsize=7)
    if not axis.yaxis_inverted():
        axis.invert_yaxis()
    axis.set_xlabel(f"{quantity}; dotted: even")


@saved
def plot_attention(
    window: np.ndarray,
    length: int,
    temporal: np.ndarray,
    bodily: np.ndarray | None,
    channel_names: Sequence[str],
    *,
    frame_rate: float = 60.0,
) -> Figure:
    """Attention over time and body parts, on the angles it was paid to.

    Coloured are the three angles with most attention, or, where it is not over
    body parts, most movement. Frames behind `length` are not drawn. Raises
    ValueError where shapes or weights (not finite) are wrong.

    Args:
        window: `(T, C)` in degrees; its angles are the channels called `A1` to
            `A13`, or by `ANGLE_NAMES` with or without `angle_` before them.
        temporal: `(T,)` weights over time, or `(T, 13)`, a column a body part.
        bodily: `(13,)` weights over body parts, or `(units, 13)` for their
            mean; of another width over code units. None leaves them out.
    """
    window, temporal = np.asarray(window), np.asarray(temporal, dtype=float)
    frames, parts = len(window), len(ANGLE_NAMES)
    _check("window", window, (frames, len(channel_names)))
    _check("temporal", temporal, (frames,), (frames, parts))
    if bodily is not None:
        bodily = np.asarray(bodily, dtype=float)
        if bodily.ndim not in (1, 2):
            _check("bodily", bodily, ("parts",), ("units", "parts"))
        bodily = np.atleast_2d(bodily).mean(axis=0)
    for weights in (temporal, bodily):
        if weights is not None and not np.isfinite(weights).all():
            raise ValueError(f"attention is not finite: {weights}")
    if not 0 < length <= frames:
        raise ValueError(f"length must lie in 1 to {frames}, got {length}")
    known = {f"A{number}": name for number, name in enumerate(ANGLE_NAMES, 1)}
    names = [known.get(n, n.removeprefix("angle_")) for n in channel_names]
    if not set(ANGLE_NAMES).issubset(names):
        wanted = "neither A1 to A13 nor the names of the angles"
        raise ValueError(f"channel_names hold {wanted}: {list(channel_names)}")
    angles = window[:length, [names.index(name) for name in ANGLE_NAMES]]
    over_parts = bodily is not None and len(bodily) == parts
    order = np.argsort(bodily if over_parts else np.ptp(angles, axis=0))
    palette = (drawing.BLUE, drawing.GREEN, drawing.PURPLE)
    colours = dict(zip(order[::-1], palette, strict=False))
    heat = temporal.ndim == 2
    below, height = (0.9, 6.4) if heat else (0.5, 5.4)
    width, columns = (8.0, (1,)) if bodily is None else (11.0, (2.2, 1.0))
    figure = drawing.new_figure(width, height)
    ratios = {"height_ratios": (1.0, below), "width_ratios": columns}
    grid = figure.add_gridspec(2, len(columns), **ratios)
    above = figure.add_subplot(grid[0, 0])
    below = figure.add_subplot(grid[1, 0], sharex=above)
    seconds = np.arange(length) / frame_rate
    others = [i for i in range(parts) if i not in colours]
    above.plot(seconds, angles[:, others], color="0.8", linewidth=1)
    for i, colour in colours.items():
        style = {"color": colour, "linewidth": 1.8, "label": PART_LABELS[i]}
        above.plot(seconds, angles[:, i], **style)
    above.set_ylabel("joint angles (degrees)")
    above.grid()
    above.tick_params(labelbottom=False)
    if heat:
        shown, even = temporal[:length], 1 / length
        what = shown, PART_LABELS, frame_rate, _scale(shown, even)
        image = _draw_heat(below, *what)
        label = f"attention (share per frame; even: {even:.4f})"
        figure.colorbar(image, ax=below, label=label, pad=0.01)
    else:
        weights, even = temporal[:length], 1 / length
        below.fill_between(seconds, weights, color=ORANGE, alpha=0.35)
        _draw_curve(below, weights, seconds)
        below.set_ylim(0, max(weights.max(), even) * 1.1)
        below.set_ylabel("attention (share\nper frame; dotted: even)")
        # Where it is above even, on the movement.
        style = {"color": ORANGE, "alpha": 0.12, "linewidth": 0}
        style |= {"transform": above.get_xaxis_transform()}
        style |= {"label": "above even attention"}
        above.fill_between(seconds, 0, 1, weights > even * (1 + 1e-6), **style)
    above.legend(ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
    below.set_xlabel("time (s)")
    if bodily is not None:
        side = figure.add_subplot(grid[:, 1])
        labels, title = PART_LABELS, "Body parts"
        bars = [colours.get(i, "0.7") for i in range(parts)]
        if not over_parts:
            labels = [f"code unit {index + 1}" for index in range(len(bodily))]
            title, bars = "Code units (not body parts)", "0.7"
        side.set_title(title)
        _draw_bars(side, bodily, labels, "attention (share)", bars)
    return figure


def _check(name, values, *shapes):
    if np.shape(values) not in shapes:
        wanted = " or ".join(str(s).replace("'", "") for s in shapes)
        raise ValueError(f"{name} must be {wanted}, got {np.shape(values)}")


_BELOW = {"ha": "center", "va": "top", "fontsize": 8}  # times, their text
# Chains of joints; a joint that a layout lacks is left out of its chain.
_LIMBS = """hip {0}_upper_leg {0}_lower_leg {0}_ankle
{0}_ankle {0}_heel {0}_toes {0}_ankle
spine_1 {0}_shoulder {0}_upper_arm {0}_lower_arm
{0}_lower_arm {0}_wrist {0}_fingertip"""
_CHAINS = [("#333333", "hip spine spine_1 neck head crown".split())]
for _side, _colour in (("left", "#1f77b4"), ("right", "#d62728")):
    for _chain in _LIMBS.format(_side).splitlines():
        _CHAINS.append((_colour, _chain.split()))


@saved
def plot_recording_strip(joints: np.ndarray, frames: Sequence[int]) -> Figure:
    """Frames of a recording at 60 Hz side by side, with their times.

    Joints are `(T, 26, 3)` or `(T, 22, 3)` positions in cm.
    """
    spacing = 75.0  # cm
    points = _seen(_in_place(joints)[list(frames)])
    figure, ax = subplots(max(4.0, 1.05 * len(frames)), 3.0)
    for place, frame in enumerate(frames):
        _draw_bones(points[place] + (place * spacing, 0), ax)
        time = f"{(frame - frames[0]) / 60:.1f} s"
        ax.text(place * spacing, -14, time, **_BELOW)
    top = max(185.0, float(points[..., 1].max()) + 5)
    _finish(ax, (-0.8 * spacing, (len(frames) - 0.2) * spacing), (-30, top))
    return figure


@matplotlib.rc_context(drawing.STYLE)
def animate_skeleton(
    joints: np.ndarray, fps: float = 15.0, path=None, *, title: str = ""
) -> FuncAnimation:
    """A recording at 60 Hz as a moving skeleton, `fps` pictures a second.

    Joints are `(T, 26, 3)` or `(T, 22, 3)` positions in cm. `path` is a `.gif`
    to write, or None (notebooks show `animation.to_jshtml()`).
    """
    step = max(1, round(60 / fps))
    # The viewer walks along, so that a walking person stays in the picture.
    points = _seen(_in_place(joints)[::step])
    figure, ax = subplots(3.2, 3.8)
    lines = _draw_bones(points[0], ax)
    _finish(ax, (-90, 90), (-15, 205))
    ax.set_title(title, wrap=True)
    clock = ax.text(-85, 195, "", fontsize=8)

    def show(index):
        for line, (_, bones) in zip(lines, _bones(points[index]), strict=True):
            line.set_data(*bones.T)
        clock.set_text(f"{index * step / 60:.1f} s")
        return [*lines, clock]

    timing = {"frames": len(points), "interval": 1000 / fps}
    animation = FuncAnimation(figure, show, blit=True, **timing)
    if path is not None:
        animation.save(path, writer="pillow", fps=round(fps))
    return animation


def _joint_names(count) -> tuple[str, ...]:
    for names in (kinematics.JOINTS_26, kinematics.JOINTS_22):
        if len(names) == count:
            return names
    raise ValueError(f"a skeleton has 26 or 22 joints, not {count}")


def _in_place(joints):
    """Movements `(T, J, 3)` with the hip above the origin."""
    joints = np.asarray(joints)
    return joints - joints[:, :1] * np.array([1, 0, 1])


def _seen(joints, azimuth=65.0):
    """`(..., J, 2)`: where the viewer sees joints, across and up.

    At 0 degrees from the front of who looks along Z, at 90 from the left.
    """
    angle = np.deg2rad(azimuth)
    across = joints @ np.array([np.cos(angle), 0, -np.sin(angle)])
    return np.stack([across, joints[..., 1]], axis=-1)


def _bones(points):
    """Colour and points of every chain of bones, from `(J, 2)` points."""
    names = _joint_names(len(points))
    for colour, chain in _CHAINS:
        yield colour, points[[names.index(n) for n in chain if n in names]]


def _draw_bones(points, ax) -> list:
    style = {"solid_capstyle": "round", "solid_joinstyle": "round"}
    style["linewidth"], bones = 2.0, _bones(points)
    return [ax.plot(*b.T, color=colour, **style)[0] for colour, b in bones]


def _finish(ax, across, up):
    ax.axhline(0, color="#999999", linewidth=0.8, zorder=0)
    ax.set(xlim=across, ylim=up, aspect="equal")
    ax.set_axis_off()


# An angle and its energy belong to the angle's vertex: both full-body and both
# inner-body flexions to the hip, an elbow to the joint called lower arm, and so
# on. An sEMG probe belongs to its muscle, which lies halfway between two
# joints: lower probes on the lumbar muscles, upper ones on the trapezius.
_VERTICES = [triplet[1] for triplet in kinematics.ANGLE_TRIPLETS]
_SITES = dict(zip(ANGLE_NAMES, _VERTICES, strict=True))
_MUSCLES, _PLACES = {}, {}  # the latter are what clinicians call the places
for _side in ("left", "right"):
    _MUSCLES[f"muscle lower_{_side}"] = "spine", f"{_side}_upper_leg"
    _MUSCLES[f"muscle upper_{_side}"] = "neck", f"{_side}_shoulder"
    _PLACES |= {
        f"{_side}_lower_leg": f"{_side} knee",
        f"{_side}_lower_arm": f"{_side} elbow",
        f"muscle lower_{_side}": f"{_side} lumbar muscle",
        f"muscle upper_{_side}": f"{_side} trapezius",
    }
_HEIGHT = 3.6  # of a picture, inches
_FEET = 20.0  # room below the feet, cm
_TEXT = 75.0  # room for names, cm


def body_sites(weights: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """Mean weight of the channels or body parts at each place.

    A mean, not a sum: eight of thirty channels lie at the hip. Names are those
    of channels (`WindowSet.channel_names`) or body parts (`ANGLE_NAMES`),
    places joints, or `"muscle <probe>"`. Raises ValueError where there is none.
    """
    sites: dict[str, list[float]] = {}
    for weight, name in zip(weights, names, strict=True):
        part = name.removeprefix("angle_").removeprefix("energy_")
        site = _SITES.get(part, part.replace("semg_", "muscle "))
        if site not in _MUSCLES and part not in _SITES:
            raise ValueError(f"{name!r} has no place on the body")
        sites.setdefault(site, []).append(float(weight))
    return {site: float(np.mean(values)) for site, values in sites.items()}


@saved
def plot_body_weights(
    joints: np.ndarray,
    weights: np.ndarray,
    names: Sequence[str],
    *,
    frame_rate: float = 60.0,
    quantity: str = "weight",
) -> Figure:
    """Weights on the skeleton: of the whole window and, if over time, a strip.

    They are multiples of the mean channel's; the strip has six skeletons, one
    for each part of the window. Joints are `(T, 26, 3)` or `(T, 22, 3)`
    positions of the window's real frames, cm; weights `(C,)`, or `(T, C)` over
    time, not negative; names as for `body_sites`. Raises ValueError where
    shapes do not fit.
    """
    joints, over_time = _in_place(joints), np.ndim(weights) == 2
    weights = np.atleast_2d(np.asarray(weights, float))
    if over_time and len(weights) != len(joints):
        got = f"{len(weights)} frames of weights, but {len(joints)} of joints"
        raise ValueError(got)
    middle = joints[len(joints) // 2]
    place = _joint_names(len(middle)).index
    x, _, z = middle[place("left_upper_leg")] - middle[place("right_upper_leg")]
    # Of a person who looks along Z, from one leg to the other is along X.
    azimuth = 50.0 + np.degrees(np.arctan2(-z, x))
    points = _seen(joints if over_time else middle[None], azimuth)
    left, right = np.nanmin(points[..., 0]) - 8, np.nanmax(points[..., 0]) + 8
    height = (-_FEET, float(np.nanmax(points[..., 1])) + 12)
    parts = np.array_split(np.arange(len(points)), min(6, len(points)))
    spacing = max(70.0, 0.85 * (right - left))
    end = (len(parts) - 1) * spacing + max(right, 40.0)
    # One scale for both pictures, as wide as they are in the room.
    widths = [right - left + _TEXT, end - left][: 1 + over_time]
    scale = _HEIGHT / (height[1] + _FEET)
    size = max(scale * sum(widths) + 1.2, 5.2), _HEIGHT + 1.0
    shape = {"squeeze": False, "width_ratios": widths}
    figure, [[first, *strip]] = subplots(*size, 1, len(widths), **shape)
    weights = weights / (float(weights.mean()) or 1.0)
    whole = body_sites(weights.mean(axis=0), names)
    each = [body_sites(weights[part].mean(axis=0), names) for part in parts]
    found = [value for sites in (whole, *each) for value in sites.values()]
    colours = _scale(found, 1.0)
    places = _draw_sites(first, points[len(points) // 2], whole, colours)
    _name_largest(first, whole, places, right + 5)
    _finish(first, (left, right + _TEXT), height)
    first.set_title("whole window")
    for ax in strip:
        for number, (part, sites) in enumerate(zip(parts, each, strict=True)):
            offset = number * spacing
            body = points[part[len(part) // 2]] + (offset, 0)
            _draw_sites(ax, body, sites, colours)
            since, until = part[0] / frame_rate, (part[-1] + 1) / frame_rate
            ax.text(offset, -8, f"{since:.1f} to {until:.1f} s", **_BELOW)
        _finish(ax, (left, end), height)
        ax.set_title("part by part")
    label = f"{quantity},\ntimes the mean channel's"
    figure.colorbar(ScalarMappable(**colours), ax=[first, *strip], label=label)
    return figure


def _draw_sites(ax, points, sites, scale) -> dict[str, np.ndarray]:
    """One skeleton with a dot at every place, as large as its weight.

    Returns the dots' places by name; a joint without position (NaN) has none.
    """
    for line in _draw_bones(points, ax):
        line.set(color="0.7", linewidth=2.5)
    place = dict(zip(_joint_names(len(points)), points, strict=True))
    names = sorted(sites, key=sites.get, reverse=True)  # small ones on top
    joints = ([place[j] for j in _MUSCLES.get(n, [n])] for n in names)
    dots = [np.mean(ends, axis=0) for ends in joints]
    weights = np.array([sites[name] for name in names])
    style = {"alpha": 0.9, "edgecolors": "0.3", "linewidths": 0.6, "zorder": 3}
    style |= {"s": np.clip(110 * weights, 15, 400), "c": weights}
    ax.scatter(*np.transpose(dots), **scale, **style)
    return dict(zip(names, dots, strict=True))


def _name_largest(ax, sites, places, text):
    """The four largest weights by name."""
    seen = [name for name, place in places.items() if np.isfinite(place[1])]
    height = -np.inf
    line = {"arrowstyle": "-", "color": "0.5", "linewidth": 0.7}
    line["relpos"] = (0, 0.5)
    for name in sorted(seen[:4], key=lambda name: places[name][1]):
        height = max(places[name][1], height + 21.0)  # texts do not overlap
        label = f"{_PLACES.get(name, words(name))}\nx{sites[name]:.1f}"
        style = {"xytext": (text, height), "va": "center", "fontsize": 8}
        ax.annotate(label, places[name], arrowprops=line, **style)


_SIDE = 1.25  # of a frame, inches


@saved
def plot_clip_map(
    frames: np.ndarray,
    values: np.ndarray,
    *,
    numbers: np.ndarray | None = None,
    curve: np.ndarray | None = None,
    quantity: str = "Grad-CAM",
) -> Figure:
    """A clip, its map on at most eight frames, and its mean over the face.

    Frames are `(T, H, W, 3)`, RGB from 0 to 255, `numbers` `(T,)` theirs in the
    recording, None counts from 0; values `(T, H, W)`, not negative; `curve`
    `(F,)` PSPI of the recording. Raises ValueError where shapes do not fit.
    """
    width = _SIDE * min(len(frames), 8) + 1.8
    figure = drawing.new_figure(width, 2 * _SIDE + 3.1)
    top, bottom = figure.subfigures(2, 1, height_ratios=(2 * _SIDE + 0.5, 2))
    numbers = range(len(frames)) if numbers is None else numbers
    _draw_clip(top, frames, {quantity: values}, numbers, quantity)
    axis = bottom.subplots()
    mean = np.asarray(values, float).mean(axis=(1, 2))
    axis.plot(numbers, mean, "o-", color=ORANGE, markersize=4)
    axis.set(xlabel="frame", ylim=(0, (mean.max() or 1.0) * 1.15))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_ylabel(f"{quantity},\nmean over the face", color=ORANGE)
    axis.grid()
    if curve is not None:
        other = axis.twinx()
        other.plot(np.arange(len(curve)), curve, color=drawing.BLUE)
        other.set_ylim(0, max(float(np.nanmax(curve)), 1.0) * 1.15)
        other.set_ylabel("PSPI", color=drawing.BLUE)
    return figure


@saved
def plot_scale_maps(
    frames: np.ndarray,
    maps: Mapping[str, np.ndarray],
    *,
    numbers: np.ndarray | None = None,
) -> Figure:
    """A clip and its `scale_maps` below each other, each on its own scale.

    Maps are `(T, H, W)` by names of rows, the rest as for `plot_clip_map`.
    """
    width = _SIDE * min(len(frames), 8) + 2.0
    figure = drawing.new_figure(width, (_SIDE + 0.1) * (1 + len(maps)) + 0.9)
    numbers = range(len(frames)) if numbers is None else numbers
    axes = _draw_clip(figure, frames, maps, numbers)
    for axis, name in zip(axes[1:, 0], maps, strict=True):
        axis.set_ylabel(name, fontsize=9)
    figure.supxlabel("mean of the channels", fontsize=9, color="0.3")
    return figure


def _draw_clip(figure, frames, maps, numbers, label="") -> np.ndarray:
    """Frames above, each map over grey ones below, scales at the right."""
    for name, values in maps.items():
        _check(name, values, np.shape(frames)[:3])
    shown = evenly_spread(len(frames), 8)
    pictures = np.clip(np.asarray(frames)[shown], 0, 255).astype(np.uint8)
    ratios = [1] * len(shown) + [0.07]
    axes = figure.subplots(1 + len(maps), len(ratios), width_ratios=ratios)
    for axis in axes[:, :-1].flat:
        axis.set(xticks=[], yticks=[])
    for axis, picture, index in zip(axes[0], pictures, shown, strict=False):
        axis.imshow(picture)
        axis.set_title(f"frame {numbers[index]}", fontsize=8)
    axes[0, -1].set_axis_off()
    for row, values in zip(axes[1:], maps.values(), strict=True):
        norm = Normalize(0, float(np.max(values)) or 1.0)
        scale = ScalarMappable(norm, "inferno")
        for axis, picture, index in zip(row, pictures, shown, strict=False):
            axis.imshow(picture.mean(axis=-1), cmap="gray", vmin=0, vmax=255)
            # Zero shows the face alone.
            alpha = 0.75 * np.clip(values[index] / norm.vmax, 0, 1)
            axis.imshow(values[index], scale.cmap, norm, alpha=alpha)
        if not np.any(values):
            row[0].set_title("zero everywhere", fontsize=8)
        figure.colorbar(scale, cax=row[-1], label=label)
        row[-1].tick_params(labelsize=7)
    return axes


class AttendedFace(NamedTuple):
    """A face, `(H, W, 3)` uint8 in RGB, and `(h, w)` weights of all of it."""

    title: str
    picture: np.ndarray
    maps: Mapping[str, np.ndarray]


@saved
def plot_attended_faces(faces: Sequence[AttendedFace]) -> Figure:
    """A row for each face: the picture, and each map laid over it.

    Maps of one name share their colours, white at the mean of all places.
    """
    columns = 1 + len(faces[0].maps)
    size = 2.1 * columns + 1.0, 2.1 * len(faces) + 0.9
    figure, axes = subplots(*size, len(faces), columns, squeeze=False)
    axes[0, 0].set_title("face", fontsize=9)
    images = []
    for row, face in zip(axes, faces, strict=True):
        height, width = face.picture.shape[:2]
        for axis in row:
            axis.imshow(face.picture, extent=(0, width, height, 0))
            axis.set(xticks=[], yticks=[])
        row[0].set_ylabel(face.title, fontsize=9)
    for column, name in zip(axes.T[1:], faces[0].maps, strict=True):
        maps = np.array([face.maps[name] for face in faces])
        style = {"alpha": 0.55, **_scale(maps, float(maps.mean()) or None)}
        for axis, weights in zip(column, maps, strict=True):
            style["extent"] = axis.images[0].get_extent()
            image = axis.imshow(weights, **style)
        column[0].set_title(name, fontsize=9)
        images.append(image)
    # The first column is as large as the others if it has a scale, too.
    place = {"location": "bottom", "shrink": 0.85}
    for column, of_column in zip(axes.T, [image, *images], strict=True):
        bar = figure.colorbar(of_column, ax=column.tolist(), **place).ax
        bar.tick_params(labelsize=7)
        bar.set_xlabel("white: mean of all places", fontsize=7)
        bar.set_visible(column[0] is not axes[0, 0])
    return figure


class CheckPanel(NamedTuple):
    """The checks of one kind of map: what was changed, and its `Similarity`.

    Of the `cascade` of layers from the output down each network has all so far
    drawn anew; those `trained` anew are drawn apart.
    """

    title: str
    cascade: Mapping[str, Sequence[np.ndarray]]
    trained: Mapping[str, Sequence[np.ndarray]]


@saved
def plot_checks(panels: Sequence[CheckPanel]) -> Figure:
    """Similarity to the trained network's map, layer by layer.

    Lines are means over windows and draws, bars their 10 to 90 percentiles.
    """
    most = max(len(p.cascade) + len(p.trained) for p in panels)
    place = len(panels), len(panels), (1.0 + 0.42 * most, 4.6), (0.8, 0)
    words = {"y": "similarity to the trained network's map"}
    figure, [axes] = drawing.tiles(*place, **words, sharey=True)
    for axis, panel in zip(axes, panels, strict=True):
        _draw_checks(axis, panel)
        if len(panels) > 1:
            axis.set_title(panel.title)
    axes[0].legend(loc="lower left")
    return figure


def _draw_checks(axis, panel):
    found = [*panel.cascade.values(), *panel.trained.values()]
    deep, places = len(panel.cascade), np.arange(len(found), dtype=float)
    places[deep:] += 0.6
    kinds = ("Spearman", drawing.BLUE, "o"), ("SSIM", ORANGE, "s")
    for measure, (label, colour, marker) in enumerate(kinds):
        values = (pd.Series(np.ravel(similar[measure])) for similar in found)
        values = pd.concat(values, axis=1)
        means, (low, high) = values.mean(), values.quantile([0.1, 0.9]).values
        # A mean may lie beyond a percentile where few windows are far off.
        spread = np.maximum([means - low, high - means], 0)
        style = {"color": colour, "marker": marker, "elinewidth": 0.8}
        beside = places + 0.12 * (2 * measure - 1)  # bars of both stay apart
        for part in (slice(deep), slice(deep, None)):
            bars = beside[part], means[part], spread[:, part]
            axis.errorbar(*bars, label=label, **style)
            style["linestyle"], label = "none", None  # of those trained anew
    if panel.trained:
        axis.axvline(deep - 0.2, color="0.6", linewidth=0.8)
    for height in (0, 1):
        axis.axhline(height, color="0.6", linestyle=":", linewidth=0.8)
    labels = [*panel.cascade, *panel.trained]
    axis.set_xticks(places, labels, fontsize=8, **drawing.TILTED)
    axis.grid(axis="y")


def reading(panels: Sequence[CheckPanel]) -> str:
    """First and last layer of each check in numbers, Spearman/SSIM."""
    parts = []
    for panel in panels:
        _, *cascade = panel.cascade.items()
        chosen = [*cascade[:1], *cascade[1:][-1:], *panel.trained.items()]
        found = []
        for label, similar in chosen:
            means = (pd.Series(np.ravel(values)).mean() for values in similar)
            found.append(f"{label} {'/'.join(f'{m:.2f}' for m in means)}")
        parts.append(f"{panel.title}: {', '.join(found)}")
    return "; ".join(parts).replace("nan", "none")
