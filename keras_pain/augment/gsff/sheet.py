"""A contact sheet: sources beside what was made from them."""

import io
import pathlib
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from keras_pain.augment.gsff.manifest import (
    REJECTED,
    SIMULATED,
    OutputFolder,
    write_file,
)
from keras_pain.augment.gsff.pictures import decode
from keras_pain.augment.gsff.sources import Source

_CELL = 1.9  # inches a side of a picture
_DPI = 110
_TITLES = {
    "gsff": "GSFF: sources and generated pictures",
    "geometric": "Geometric changes of outline, light and background",
}


def contact_sheet(
    folder: OutputFolder,
    sources: Sequence[Source],
    *,
    rows: int = 4,
    columns: int = 6,
) -> pathlib.Path:
    """Draws some sources, each with its first pictures to its right.

    Args:
        folder: What a run has put out.
        sources: Its frames.
        rows: Rows of pictures at most.
        columns: Pictures in a row at most.

    Returns:
        The PNG file in the folder.

    Raises:
        BadFileError: A source is gone.
        KerasPainError: The folder cannot be written to.
    """
    lines = folder.finished()
    copies = min(1 + max(copy for _, copy in lines), columns - 1)
    beside = columns // (1 + copies)  # groups in a row
    made = [s for s in sources if any(s.name == name for name, _ in lines)]
    # Evenly spread over the frames, so that people and levels differ.
    count = min(len(made), rows * beside)
    chosen = [made[i] for i in np.linspace(0, len(made) - 1, count).astype(int)]
    beside = min(beside, count)
    rows = -(-count // beside)
    figure = Figure(
        figsize=(beside * (1 + copies) * _CELL, rows * (_CELL + 0.35) + 0.5),
        layout="constrained",
    )
    axes = figure.subplots(rows, beside * (1 + copies), squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for index, source in enumerate(chosen):
        row, group = divmod(index, beside)
        cells = axes[row, group * (1 + copies) :]
        pixels = decode(source.read(), source.name, min_side=1).pixels
        _show(cells[0], pixels, _label(source), "black")
        for copy in range(copies):
            line = lines.get((source.name, copy))
            if line is None:
                continue
            path = folder.path / line["file"]
            output = decode(path.read_bytes(), line["file"], min_side=1)
            bad = line["status"] == REJECTED
            text = line["reason"].replace("_", " ")
            text = f"rejected: {text}" if bad else f"overlap {line['iou']:.2f}"
            _show(cells[1 + copy], output.pixels, text, "red" if bad else "0.4")
    method = next(iter(lines.values()))["method"]
    title = _TITLES.get(method, method)
    simulated = folder.simulated
    figure.suptitle(f"{SIMULATED}: {title}" if simulated else title)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    mark = f"_{SIMULATED}" if simulated else ""
    path = folder.path / f"contact_sheet{mark}.png"
    write_file(path, buffer.getvalue())
    return path


def _label(source: Source) -> str:
    name = source.frame_id or source.name
    name = name if len(name) <= 22 else f"…{name[-21:]}"
    return name if source.pspi is None else f"{name}\nPSPI {source.pspi:g}"


def _show(axis, pixels: np.ndarray, text: str, colour: str) -> None:
    axis.imshow(pixels)
    axis.set_title(text, fontsize=8, color=colour)
    if colour == "red":
        axis.set_axis_on()
        axis.set(xticks=[], yticks=[])
        for side in axis.spines.values():
            side.set(color=colour, linewidth=2)
