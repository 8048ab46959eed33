"""How much each place of the body weighs, drawn on the skeleton.

An angle and its energy belong to the angle's vertex: both full-body and both
inner-body flexions to the hip, an elbow to the joint called lower arm, and so
on. An sEMG probe belongs to its muscle, which lies between joints.
"""

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_pain.reports.canvas import save_figure
from keras_pain.reports.skeleton import draw_skeleton, joint_names, project
from keras_pain.signals.kinematics import ANGLE_NAMES, ANGLE_TRIPLETS

_PART_SITES = {
    name: triplet[1]
    for name, triplet in zip(ANGLE_NAMES, ANGLE_TRIPLETS, strict=True)
}
# Lower probes lie on the lumbar muscles, upper ones on the trapezius: each
# halfway between these two joints.
_MUSCLES = {
    f"{height}_{side}": (trunk, limb.format(side=side))
    for height, trunk, limb in (
        ("lower", "spine", "{side}_upper_leg"),
        ("upper", "neck", "{side}_shoulder"),
    )
    for side in ("left", "right")
}
_COLOURS = "YlOrRd"
_SMALLEST, _LARGEST = 12.0, 420.0  # area of a dot, points^2
_HEIGHT = 3.6  # of a picture, inches
_FEET = 20.0  # room below the feet, cm
_TEXT = 75.0  # room for names, cm


def body_sites(weights: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """Mean weight of the channels or body parts at each place.

    A mean, not a sum: eight of thirty channels lie at the hip, which would
    look important on a map that is the same everywhere.

    Args:
        weights: `(C,)`.
        names: Names of the C channels (`WindowSet.channel_names`), or of
            body parts (`ANGLE_NAMES`).

    Returns:
        Name of a joint, or `"muscle <probe>"`, to the mean of its weights.

    Raises:
        ValueError: A name has no place on the body.
    """
    sites: dict[str, list[float]] = {}
    for weight, name in zip(weights, names, strict=True):
        kind, _, rest = name.partition("_")
        if kind == "semg" and rest in _MUSCLES:
            site = f"muscle {rest}"
        else:
            part = rest if kind in ("angle", "energy") else name
            if part not in _PART_SITES:
                raise ValueError(f"{name!r} has no place on the body")
            site = _PART_SITES[part]
        sites.setdefault(site, []).append(float(weight))
    return {site: float(np.mean(values)) for site, values in sites.items()}


def plot_body_weights(
    joints: np.ndarray,
    weights: np.ndarray,
    names: Sequence[str],
    title: str,
    path,
    *,
    simulated: bool = False,
    frame_rate: float = 60.0,
    pictures: int = 6,
    quantity: str = "weight",
    azimuth: float = 50.0,
) -> pathlib.Path:
    """Weights on the skeleton: of the whole window and, if over time, a strip.

    Args:
        joints: `(T, 26, 3)` or `(T, 22, 3)` positions of the window's real
            frames, cm.
        weights: `(C,)`, or `(T, C)` over time; not negative.
        names: As for `body_sites`.
        title: Title of the figure.
        path: Where to write; see `save_figure`.
        simulated: Whether the data are simulated.
        frame_rate: Frames per second.
        pictures: Skeletons in the strip; each shows the weights of its part
            of the window.
        quantity: What the weights are, for the caption.
        azimuth: Where the viewer stands, degrees: 0 in front of the person,
            90 to the left.

    Returns:
        The path written.

    Raises:
        ValueError: Shapes do not fit.
    """
    joints, weights = np.asarray(joints), np.asarray(weights, dtype=float)
    over_time = weights.ndim == 2
    if over_time and len(weights) != len(joints):
        raise ValueError(
            f"{len(weights)} frames of weights, but {len(joints)} of joints"
        )
    joints = joints - joints[:, :1] * np.array([1, 0, 1])
    middle = joints[len(joints) // 2]
    if not over_time:
        joints = middle[None]
    azimuth += _heading(middle)
    across, up = project(joints, azimuth)
    left, right = np.nanmin(across) - 8, np.nanmax(across) + 8
    spacing = max(70.0, 0.85 * (right - left))
    top = float(np.nanmax(up)) + 12
    parts = np.array_split(np.arange(len(joints)), pictures if over_time else 1)
    parts = [part for part in parts if len(part)]
    # One scale for both pictures, as wide as they are in the room.
    widths = [right - left + _TEXT]
    if over_time:
        widths.append((len(parts) - 1) * spacing + max(right, 40.0) - left)
    scale = _HEIGHT / (top + _FEET)
    figure = Figure(
        (max(scale * sum(widths) + 0.4, 5.2), _HEIGHT + 1.0),
        layout="constrained",
    )
    axes = figure.subplots(1, len(widths), squeeze=False, width_ratios=widths)
    whole = weights.sum(axis=0) if over_time else weights
    _draw(
        axes[0, 0],
        middle,
        body_sites(whole, names),
        even=float(whole.mean()),
        azimuth=azimuth,
        labelled=4,
        text=right + 5,
    )
    _finish(axes[0, 0], (left, right + _TEXT), top)
    axes[0, 0].set_title(
        f"{quantity}, whole window\n(x1: as much as the mean channel)",
        fontsize=10,
    )
    if over_time:
        sums = [body_sites(weights[part].sum(axis=0), names) for part in parts]
        largest = max(max(sites.values()) for sites in sums)
        for place, (part, sites) in enumerate(zip(parts, sums, strict=True)):
            _draw(
                axes[0, 1],
                joints[part[len(part) // 2]],
                sites,
                azimuth=azimuth,
                largest=largest,
                offset=place * spacing,
            )
            begin, end = part[0] / frame_rate, (part[-1] + 1) / frame_rate
            axes[0, 1].text(
                place * spacing,
                -8,
                f"{begin:.1f} to {end:.1f} s",
                ha="center",
                va="top",
                fontsize=8,
            )
        end = (len(parts) - 1) * spacing + max(right, 40.0)
        _finish(axes[0, 1], (left, end), top)
        axes[0, 1].set_title(f"{quantity}, part by part", fontsize=10)
    return save_figure(figure, title, path, simulated)


def _draw(
    ax: Axes,
    joints: np.ndarray,
    sites: Mapping[str, float],
    *,
    azimuth: float,
    largest: float | None = None,
    even: float = 1.0,
    offset: float = 0.0,
    labelled: int = 0,
    text: float = 0.0,
) -> None:
    """One skeleton with a dot at every place, as large and dark as its weight.

    The `labelled` largest weights get their name and ratio to `even`, written
    from `text` on. Places whose joints have no position (NaN) are left out.
    """
    for line in draw_skeleton(joints, ax, azimuth=azimuth, offset=offset):
        line.set(color="0.7", linewidth=2.5)
    names = sorted(sites, key=sites.get, reverse=True)  # small ones on top
    values = np.array([sites[name] for name in names])
    largest = values.max() if largest is None else largest
    share = values / largest if largest else values
    places = np.array([_place(joints, name) for name in names])
    across, up = project(places, azimuth)
    across = across + offset
    ax.scatter(
        across,
        up,
        s=_SMALLEST + (_LARGEST - _SMALLEST) * share,
        c=share,
        cmap=_COLOURS,
        vmin=0,
        vmax=1,
        alpha=0.9,
        edgecolors="0.3",
        linewidths=0.6,
        zorder=3,
    )
    seen = [i for i in range(len(names)) if np.isfinite(up[i])]
    chosen = sorted(seen[:labelled], key=lambda i: up[i])
    heights = _apart([up[i] for i in chosen])
    for i, height in zip(chosen, heights, strict=True):
        ax.annotate(
            f"{names[i].replace('_', ' ')}\nx{values[i] / (even or 1.0):.1f}",
            (across[i], up[i]),
            xytext=(text, height),
            va="center",
            fontsize=8,
            arrowprops={
                "arrowstyle": "-",
                "color": "0.5",
                "linewidth": 0.7,
                "relpos": (0, 0.5),
            },
        )


def _heading(joints: np.ndarray) -> float:
    """Degrees by which a person is turned from looking along Z."""
    names = joint_names(len(joints))
    left, right = (
        joints[names.index(f"{side}_upper_leg")] for side in ("left", "right")
    )
    across = left - right  # of a person who looks along Z: along X
    return float(np.degrees(np.arctan2(-across[2], across[0])))


def _place(joints: np.ndarray, site: str) -> np.ndarray:
    """`(3,)` position of a joint or a muscle."""
    names = joint_names(len(joints))
    probe = site.removeprefix("muscle ")
    ends = _MUSCLES[probe] if probe != site else (site,)
    return np.mean([joints[names.index(name)] for name in ends], axis=0)


def _apart(heights: Sequence[float], distance: float = 21.0) -> list[float]:
    """Rising heights, moved up where two texts would overlap."""
    placed: list[float] = []
    for height in heights:
        lowest = placed[-1] + distance if placed else height
        placed.append(max(height, lowest))
    return placed


def _finish(axis: Axes, across: tuple[float, float], top: float) -> None:
    axis.axhline(0, color="#999999", linewidth=0.8, zorder=0)
    axis.set_aspect("equal")
    axis.set(xlim=across, ylim=(-_FEET, top))
    axis.set_axis_off()
