"""The graph of STGCN-LSTM drawn over a face, corrected and as released."""

import os
import pathlib

import numpy as np

from keras_pain.signals.landmarks.graph import BROW_DIAGONAL, GRAPHS, edges
from keras_pain.signals.landmarks.points import front_face

_TITLES = {
    "corrected": "corrected",
    "as_coded": "as released",
}
_PLAIN, _WRONG = "#1f77b4", "#d62728"
_DOTS = "#222222"
# Corners of the mouth, whose numbers would lie on each other.
_BESIDE = {48: (-9, -2), 54: (3, -2), 60: (1, -7), 64: (-8, -7)}
_MARGIN = 0.12  # round the face, as a share of its width


def draw_landmark_graph(
    points: np.ndarray,
    ax,
    *,
    graph: str = "corrected",
    picture: np.ndarray | None = None,
    numbers: bool = False,
) -> None:
    """Draws the edges and points of one face.

    Edges that the corrected graph has not are red; the corrected graph's brow
    diagonal, its only edge without a mirrored one, is dashed.

    Args:
        points: `(68, 2)`, x to the right and y down.
        ax: A Matplotlib axes.
        graph: One of `keras_pain.signals.landmarks.GRAPHS`.
        picture: `(height, width, 3)` uint8 RGB that the points are pixels of.
        numbers: Whether every point has its number beside it.

    Raises:
        ConfigurationError: The graph is unknown.
    """
    from matplotlib.collections import LineCollection

    points = np.asarray(points, float)
    right = edges("corrected")
    for chosen, colour, style in (
        (edges(graph) & right - {BROW_DIAGONAL}, _PLAIN, "-"),
        (edges(graph) - right, _WRONG, "-"),
        (edges(graph) & {BROW_DIAGONAL}, _PLAIN, "--"),
    ):
        lines = [points[list(edge)] for edge in sorted(chosen)]
        ax.add_collection(
            LineCollection(lines, colors=colour, linestyles=style, lw=0.9)
        )
    ax.scatter(*points.T, s=9, color=_DOTS, zorder=3, linewidths=0)
    if numbers:
        for number, (x, y) in enumerate(points):
            ax.annotate(
                str(number),
                (x, y),
                xytext=_BESIDE.get(number, (2, 2)),
                textcoords="offset points",
                fontsize=5,
            )
    if picture is not None:
        ax.imshow(picture, alpha=0.6)
    low, high = points.min(axis=0), points.max(axis=0)
    room = _MARGIN * (high - low)[0]
    ax.set_xlim(low[0] - room, high[0] + room)
    ax.set_ylim(high[1] + room, low[1] - room)
    ax.set_aspect("equal")
    ax.set_axis_off()


def plot_landmark_graphs(
    path: str | os.PathLike,
    points: np.ndarray | None = None,
    picture: np.ndarray | None = None,
    *,
    simulated: bool = False,
) -> pathlib.Path:
    """Writes a figure of both graphs over the same face.

    Args:
        path: A PNG file to write.
        points: `(68, 2)` landmarks; None for a schematic face.
        picture: The face, see `draw_landmark_graph`.
        simulated: Whether the face is drawn by a simulator.

    Returns:
        The path written, see `keras_pain.reports.canvas.save_figure`.

    Raises:
        KerasPainError: The file cannot be written.
    """
    import matplotlib.pyplot as plt

    from keras_pain.reports.canvas import save_figure

    points = front_face() if points is None else points
    figure, axes = plt.subplots(1, 2, figsize=(9.6, 5.4), layout="constrained")
    for ax, graph in zip(axes, GRAPHS, strict=True):
        wrong = len(edges(graph) - edges("corrected"))
        draw_landmark_graph(
            points,
            ax,
            graph=graph,
            picture=picture,
            numbers=picture is None,
        )
        count = f"{len(edges(graph))} edges"
        if wrong:
            count += f", {wrong} between other points (red)"
        ax.set_title(f"{_TITLES[graph]}: {count}", fontsize=9)
    saved = save_figure(
        figure, "Graph of the 68 facial landmarks", path, simulated
    )
    plt.close(figure)
    return saved
