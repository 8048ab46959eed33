"""Recordings drawn as skeletons: one frame, a strip of frames, a movie."""

import os
from collections.abc import Sequence

import numpy as np

from keras_pain.signals.kinematics import JOINTS_22, JOINTS_26

# Chains of joints; a joint that a layout lacks is left out of its chain.
_LIMBS = (
    ("hip", "{side}_upper_leg", "{side}_lower_leg", "{side}_ankle"),
    ("{side}_ankle", "{side}_heel", "{side}_toes", "{side}_ankle"),
    ("spine_1", "{side}_shoulder", "{side}_upper_arm", "{side}_lower_arm"),
    ("{side}_lower_arm", "{side}_wrist", "{side}_fingertip"),
)
CHAINS = {
    "trunk": (("hip", "spine", "spine_1", "neck", "head", "crown"),),
    **{
        side: tuple(
            tuple(name.format(side=side) for name in chain) for chain in _LIMBS
        )
        for side in ("left", "right")
    },
}
COLOURS = {"trunk": "#333333", "left": "#1f77b4", "right": "#d62728"}


def draw_skeleton(
    joints_frame: np.ndarray,
    ax,
    *,
    azimuth: float = 65.0,
    offset: float = 0.0,
    alpha: float = 1.0,
    linewidth: float = 2.0,
) -> list:
    """Draws one frame, seen from the side and a little from the front.

    Args:
        joints_frame: `(26, 3)` or `(22, 3)` positions, Y up.
        ax: A Matplotlib axes.
        azimuth: Where the viewer stands, degrees: 0 in front of a person who
            looks along Z, 90 to the person's left.
        offset: Added to the horizontal coordinate.
        alpha: Opacity.
        linewidth: Width of the bones.

    Returns:
        The drawn lines, one for each chain of joints in `CHAINS`.

    Raises:
        ValueError: Neither 26 nor 22 joints.
    """
    lines = []
    for side, across, up in _project(joints_frame, azimuth):
        lines += ax.plot(
            across + offset,
            up,
            color=COLOURS[side],
            alpha=alpha,
            linewidth=linewidth,
            solid_capstyle="round",
            solid_joinstyle="round",
        )
    return lines


def plot_recording_strip(
    joints: np.ndarray,
    frames: Sequence[int],
    path: str | os.PathLike | None = None,
    *,
    title: str = "",
    frame_rate: float = 60.0,
    azimuth: float = 65.0,
    spacing: float = 75.0,
    ax=None,
):
    """Draws frames of a recording side by side, with their times.

    Args:
        joints: `(T, 26, 3)` or `(T, 22, 3)` positions in cm.
        frames: Frames to draw.
        path: Where to save the figure; None to keep it open.
        title: Heading.
        frame_rate: Frames per second, for the times.
        azimuth: As for `draw_skeleton`.
        spacing: Distance between two skeletons in cm.
        ax: Axes to draw into; a new figure when None.

    Returns:
        The Matplotlib figure.
    """
    import matplotlib.pyplot as plt

    joints = np.asarray(joints)
    if ax is None:
        size = (max(4.0, 1.05 * len(frames)), 3.0)
        figure, ax = plt.subplots(figsize=size, layout="constrained")
    figure = ax.figure
    for place, frame in enumerate(frames):
        skeleton = joints[frame] - joints[frame, :1] * np.array([1, 0, 1])
        draw_skeleton(skeleton, ax, azimuth=azimuth, offset=place * spacing)
        ax.text(
            place * spacing,
            -14,
            f"{(frame - frames[0]) / frame_rate:.1f} s",
            ha="center",
            va="top",
            fontsize=8,
        )
    ax.axhline(0, color="#999999", linewidth=0.8, zorder=0)
    ax.set_aspect("equal")
    ax.set_xlim(-0.8 * spacing, (len(frames) - 0.2) * spacing)
    ax.set_ylim(-30, max(185.0, float(joints[list(frames), :, 1].max()) + 5))
    ax.set_axis_off()
    ax.set_title(title, fontsize=10)
    if path is not None:
        figure.savefig(path, dpi=130)
        plt.close(figure)
    return figure


def animate_skeleton(
    joints: np.ndarray,
    fps: float = 15.0,
    path_or_none: str | os.PathLike | None = None,
    *,
    frame_rate: float = 60.0,
    azimuth: float = 65.0,
    title: str = "",
):
    """A recording as a moving skeleton.

    Args:
        joints: `(T, 26, 3)` or `(T, 22, 3)` positions in cm.
        fps: Pictures per second; the recording is thinned out to it, so that
            it plays at its own speed.
        path_or_none: A `.gif` to write, or None to only return the animation
            (in a notebook, `animation.to_jshtml()` shows it).
        frame_rate: Frames per second of the recording.
        azimuth: As for `draw_skeleton`.
        title: Heading.

    Returns:
        A `matplotlib.animation.FuncAnimation`.
    """
    import matplotlib.pyplot as plt
    from matplotlib.animation import FuncAnimation, PillowWriter

    step = max(1, round(frame_rate / fps))
    # The viewer walks along, so that a walking person stays in the picture.
    joints = np.asarray(joints)[::step]
    joints = joints - joints[:, :1] * np.array([1, 0, 1])
    figure, ax = plt.subplots(figsize=(3.2, 3.8), layout="constrained")
    lines = draw_skeleton(joints[0], ax, azimuth=azimuth)
    ax.axhline(0, color="#999999", linewidth=0.8, zorder=0)
    ax.set(xlim=(-90, 90), ylim=(-15, 205), aspect="equal")
    ax.set_axis_off()
    ax.set_title(title, fontsize=10)
    clock = ax.text(-85, 195, "", fontsize=8)

    def show(index):
        parts = _project(joints[index], azimuth)
        for line, (_, across, up) in zip(lines, parts, strict=True):
            line.set_data(across, up)
        clock.set_text(f"{index * step / frame_rate:.1f} s")
        return [*lines, clock]

    animation = FuncAnimation(
        figure, show, frames=len(joints), interval=1000 / fps, blit=True
    )
    plt.close(figure)
    if path_or_none is not None:
        animation.save(path_or_none, writer=PillowWriter(fps=round(fps)))
    return animation


def joint_names(count: int) -> tuple[str, ...]:
    """Names of a skeleton's joints.

    Raises:
        ValueError: It has neither 26 nor 22 of them.
    """
    names = {26: JOINTS_26, 22: JOINTS_22}.get(count)
    if names is None:
        raise ValueError(f"a skeleton has 26 or 22 joints, not {count}")
    return names


def project(
    points: np.ndarray, azimuth: float = 65.0
) -> tuple[np.ndarray, np.ndarray]:
    """`(..., 3)` points as the viewer of `draw_skeleton` sees them.

    Returns:
        Their places across and up, each `(...)`.
    """
    angle = np.deg2rad(azimuth)
    across = points @ np.array([np.cos(angle), 0, -np.sin(angle)])
    return across, points[..., 1]


def _project(joints, azimuth):
    """`(part, across, up)` of every chain of bones as the viewer sees it."""
    names = joint_names(len(joints))
    place = {name: number for number, name in enumerate(names)}
    across, up = project(joints, azimuth)
    parts = []
    for part, chains in CHAINS.items():
        for chain in chains:
            rows = [place[name] for name in chain if name in place]
            parts.append((part, across[rows], up[rows]))
    return parts
