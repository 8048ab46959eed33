"""Faces beside what a network's attention weighs in them."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_pain.reports.canvas import save_figure

_SIDE = 2.1  # inches a picture


@dataclasses.dataclass(frozen=True)
class AttendedFace:
    """One face and the maps over it.

    Args:
        title: What is known of it.
        picture: `(H, W, 3)` uint8, RGB.
        maps: Name to `(h, w)` weights; each covers the whole picture.
    """

    title: str
    picture: np.ndarray
    maps: Mapping[str, np.ndarray]


def plot_attended_faces(
    faces: Sequence[AttendedFace],
    title: str,
    path,
    *,
    simulated: bool = False,
) -> pathlib.Path:
    """A row for each face: the picture, and each map laid over it.

    The maps of a column share their colours, so that faces can be compared.

    Args:
        faces: The faces, all with the same maps.
        title: Title of the figure.
        path: Where to write; `_SIMULATED` is put before the suffix where
            that holds.
        simulated: Whether the data are simulated.

    Returns:
        The path written.

    Raises:
        ValueError: There is no face, or their maps differ.
    """
    if not faces or len({tuple(face.maps) for face in faces}) != 1:
        raise ValueError(
            "plot_attended_faces needs a face, and the same maps of all"
        )
    names = list(faces[0].maps)
    columns = 1 + len(names)
    figure = Figure(
        (_SIDE * columns + 1.0, _SIDE * len(faces) + 0.9), layout="constrained"
    )
    axes = figure.subplots(len(faces), columns, squeeze=False)
    for row, face in zip(axes, faces, strict=True):
        height, width = face.picture.shape[:2]
        for axis in row:
            axis.imshow(face.picture, extent=(0, width, height, 0))
            axis.set_xticks([])
            axis.set_yticks([])
        row[0].set_ylabel(face.title, fontsize=9)
    axes[0, 0].set_title("face", fontsize=9)
    for number, name in enumerate(names, start=1):
        maps = [np.asarray(face.maps[name]) for face in faces]
        low = min(float(m.min()) for m in maps)
        high = max(float(m.max()) for m in maps)
        for axis, weights, face in zip(
            axes[:, number], maps, faces, strict=True
        ):
            height, width = face.picture.shape[:2]
            image = axis.imshow(
                weights,
                extent=(0, width, height, 0),
                cmap="inferno",
                alpha=0.55,
                vmin=low,
                vmax=high if high > low else low + 1e-6,
            )
        axes[0, number].set_title(name, fontsize=9)
        _scale(figure, image, axes[:, number])
    # The first column is as large as the others if it has one, too.
    _scale(figure, image, axes[:, 0]).set_visible(False)
    return save_figure(figure, title, path, simulated)


def _scale(figure: Figure, image, column) -> Axes:
    bar = figure.colorbar(
        image, ax=column.tolist(), location="bottom", shrink=0.85
    )
    bar.ax.tick_params(labelsize=7)
    bar.ax.locator_params(nbins=3)
    return bar.ax
