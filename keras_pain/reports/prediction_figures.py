"""Figures of predictions on a new recording: over time, on faces, on video.

A `table` of predictions has a row a window, sorted by `start`; that and `end`
are in seconds, or in frames where the rate is unknown. Of classes it has the
probabilities `p_<class>` and `predicted`, of intensities `intensity`; of
several networks these are means, `sd_<class>` or `sd` standard deviations.
`valid` is the share of the window's frames that are valid, 0 to 1. Values are
drawn at their window's middle. `class_names` are by default the table's.
"""

import pathlib
import textwrap
from collections.abc import Iterable, Iterator, Sequence

import cv2
import matplotlib
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageDraw, ImageFont

from keras_pain.io import SIMULATED
from keras_pain.reports import figures as drawing
from keras_pain.reports.figures import ORANGE, STYLE

_FEW = 20  # windows up to which each has a point
_HALF = 0.5  # of a window's frames are valid where it is joined to others
# Lines of classes differ without colour, too.
_MARKERS = "osD^vPX*"
_DASHES = ("-", "--", "-.", ":", (0, (8, 2)))
_GAP = {"facecolor": "0.93", "edgecolor": "0.7", "hatch": "////", "lw": 0}
_INK, _SIGNAL = (30, 30, 30), (209, 102, 42)  # the latter is ORANGE


def _scores(table, class_names) -> list[str]:
    """The columns of all scores."""
    if table.empty:
        raise ValueError("a figure of predictions needs at least one window")
    if "intensity" in table:
        return ["intensity"]
    named = [f"p_{name}" for name in class_names]
    return named or [name for name in table if name.startswith("p_")]


def shown_score(table: pd.DataFrame, class_names: Sequence[str] = ()) -> str:
    """The column of the score that stands for all: the intensity, or a class'.

    That is the last of two, of more the one predicted most often.
    """
    columns = _scores(table, class_names)
    if len(columns) < 3:
        return columns[-1]
    valid = table.valid >= _HALF
    often = table.predicted[valid if any(valid) else ~valid].value_counts()
    return f"p_{often.idxmax()}"


def connected(
    table: pd.DataFrame, gaps: Iterable[tuple[float, float]] = ()
) -> pd.DataFrame:
    """Numbers of a table and each `middle`; NaN where a line breaks.

    It does at windows that are hardly valid, and in a further row where a gap
    parts two windows. A single window has three rows: start, middle, end.
    """
    found = table.select_dtypes("number").astype(float).reset_index(drop=True)
    apart = [
        row - 0.5
        for row in range(1, len(found))
        for gap in gaps
        if max(found.end[row - 1], gap[0]) < min(found.start[row], gap[1])
    ]
    found["middle"] = (found.start + found.end) / 2
    if len(found) == 1:
        found = pd.concat([found] * 3, ignore_index=True)
        found["middle"] = [found.start[0], found.middle[0], found.end[0]]
    found[found.valid < _HALF] = np.nan
    return found.reindex(sorted({*found.index, *apart}))


@matplotlib.rc_context(STYLE)
def plot_timeline(
    table: pd.DataFrame,
    path,
    title: str,
    *,
    class_names: Sequence[str] = (),
    attention: np.ndarray | None = None,
    frame_rate: float | None = None,
    gaps: Sequence[tuple[float, float]] = (),
    unit: str = "s",
    simulated: bool = False,
    note: str = "",
) -> pathlib.Path:
    """Predictions over time: the last of two classes, all of more, intensity.

    A line has a band of a standard deviation to either side. Windows that are
    hardly valid are hollow points. Attention is `(frames,)`, the rate in frames
    a second; gaps are spans without valid frames. `unit`, "s" or "frame", is
    that of table and gaps. Returns the path written; raises ValueError where
    nothing is to be drawn, or the rate is missing.
    """
    if attention is not None and unit == "s" and not frame_rate:
        raise ValueError("attention over seconds needs a frame rate")
    columns, below = _scores(table, class_names), attention is not None
    figure, several = drawing.new_figure(9.5, 3.3 + below), len(columns) > 2
    shape = {"sharex": True, "height_ratios": (3, 1)[: 1 + below]}
    axes = figure.subplots(1 + below, 1, squeeze=False, **shape)[:, 0]
    for number, column in enumerate(columns if several else columns[-1:]):
        _draw_line(axes[0], table, column, gaps, number, several)
    score = columns[-1].replace("p_", "probability of\n", 1)
    axes[0].set_ylabel("probability" if several else score)
    ends = [table.start.min(), table.end.max(), *np.ravel(gaps)]
    if below:
        rate = frame_rate if unit == "s" else 1
        middles = (np.arange(len(attention)) + 0.5) / rate
        ends.append(len(attention) / rate)
        axes[1].fill_between(middles, attention, color=ORANGE, alpha=0.35)
        axes[1].plot(middles, attention, color=ORANGE, linewidth=1)
        axes[1].set_ylim(0, 1.15 * np.nan_to_num(attention).max() or 1)
        axes[1].set_ylabel("attention")
        axes[1].yaxis.set_major_locator(MaxNLocator(2))
    for axis in axes:
        for number, gap in enumerate(gaps):
            label = "_" * bool(number) + "invalid frames"  # once in the legend
            axis.axvspan(*gap, label=label, zorder=0.5, **_GAP)
        axis.grid()
    axes[0].set_xlim(min(ends), max(max(ends), min(ends) + 1e-3))
    axes[-1].set_xlabel("time (s)" if unit == "s" else "frame")
    if axes[0].get_legend_handles_labels()[0]:
        place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": 4}
        if several:
            place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.02)}
        axes[0].legend(**place, frameon=False, handlelength=3)
    return drawing.save_figure(figure, title, path, simulated, note)


def _draw_line(axis, table, column, gaps=(), number=0, several=False):
    """A score over time, of several without a band; they differ by number."""
    joined, share = connected(table, gaps), column.startswith("p_")
    x, y, rows = joined.middle, joined[column], np.arange(len(joined))
    step = -(-len(table) // _FEW)
    # No line shows these.
    dots = y.notna() & y.shift().isna() & y.shift(-1).isna()
    if len(table) == 1:
        dots = rows == 1
    elif several or step == 1:
        dots |= rows % step == number % step
    marker = _MARKERS[number % len(_MARKERS)]
    style = {"color": drawing.COLOURS[number % 4], "markersize": 4}
    dashes = {"linestyle": _DASHES[number % len(_DASHES)]}
    dashes |= {"marker": marker if any(dots) else "", "markevery": list(dots)}
    spread = "sd" + column[1:] * share
    band = spread in joined and any(y.notna())
    label = column[2:] if several else "mean" if band else None
    axis.plot(x, y, label=label, **style, **dashes)
    if band:
        ends = y - joined[spread], y + joined[spread]
        ends = [end.clip(0, 1) if share else end for end in ends]
        fill = {"color": style["color"], "alpha": 0.2 - 0.1 * several}
        said = "_" * bool(number) + "± standard deviation"  # once
        axis.fill_between(x, *ends, label=said, linewidth=0, **fill)
    if len(hidden := table[table.valid < _HALF]):
        middles = (hidden.start + hidden.end) / 2
        label = "_" * several + "window mostly invalid"
        style |= {"linestyle": "none", "markerfacecolor": "none", "alpha": 0.6}
        axis.plot(middles, hidden[column], marker, label=label, **style)
    if share:
        axis.set_ylim(-0.03, 1.03)  # points at the ends are whole
    if share and not several:
        axis.axhline(0.5, color="0.5", linewidth=0.8)


@matplotlib.rc_context(STYLE)
def contact_sheet(
    pictures: np.ndarray,
    texts: Sequence[str],
    path,
    title: str,
    *,
    found: Sequence[bool] | None = None,
    simulated: bool = False,
    most: int = 24,
    note: str = "",
) -> pathlib.Path:
    """Faces with a text below each; of more than `most` those evenly spread.

    Pictures are `(n, side, side, 3)` uint8 RGB; those whose face was not
    `found` have a dashed frame. Returns the path written; raises ValueError
    where there is no picture.
    """
    if not len(pictures):
        raise ValueError("contact_sheet needs a picture, got none")
    chosen = drawing.evenly_spread(len(pictures), most)
    frame = max(0.2, 4.0 - 1.3 * len(chosen)), 0.4  # wide enough for a title
    figure, axes = drawing.tiles(len(chosen), 8, (1.3, 1.6), frame)
    for axis, index in zip(axes.flat, chosen, strict=False):
        axis.imshow(pictures[index])
        axis.set(xticks=[], yticks=[])
        text = textwrap.fill(texts[index], 20)
        if found is not None and not found[index]:
            text += "\nnot found"
            axis.spines[:].set(color=ORANGE, ls=(0, (3, 2)), lw=2.5)
        axis.set_xlabel(text, fontsize=8)
    return drawing.save_figure(figure, title, path, simulated, note)


def annotated_frames(
    frames: Iterable[np.ndarray],
    times: Sequence[float],
    table: pd.DataFrame,
    *,
    boxes: np.ndarray | None = None,
    landmarks: np.ndarray | None = None,
    class_names: Sequence[str] = (),
    unit: str = "s",
    simulated: bool = False,
    note: str = "",
) -> Iterator[np.ndarray]:
    """Frames with face and score drawn in, for `write_mp4`; holds one of them.

    Below each is the curve of `shown_score`, in which its time is marked, and
    the note. All have the first one's size, made even.

    Frames are `(H, W, 3)` uint8 RGB, times `(n,)` in the table's `unit`, "s" or
    "frame". Boxes are `(n, 4)` x0, y0, x1, y1 and landmarks `(n, P, 2)` x, y in
    pixels, NaN where there is none.
    """
    column, strip = shown_score(table, class_names), None
    no_points = np.empty((len(times), 0, 2))
    boxes = np.full((len(times), 4), np.nan) if boxes is None else boxes
    landmarks = no_points if landmarks is None else landmarks
    for frame, time, *face in zip(frames, times, boxes, landmarks, strict=True):
        picture = frame.copy()
        _draw_face(picture, *face)
        if strip is None:
            height, width = (side + side % 2 for side in frame.shape[:2])
            below = max(48, height // 4 // 2 * 2)
            ends = min(*times, *table.start), max(*times, *table.end)
            strip, place = _draw_strip(table, column, ends, (width, below))
            if note:
                size = min(below // 4, int(1.6 * width / len(note)))
                line = np.full((size + 8 + size % 2, width, 3), 255, np.uint8)
                strip = np.concatenate([strip, _write(line, size, note)])
        picture = cv2.resize(picture, (width, height))
        if simulated:
            rim = {"fill": "white", "stroke_width": 2, "stroke_fill": "black"}
            picture = _write(picture, max(10, height // 20), SIMULATED, **rim)
        x, marked, thick = round(place(time)), strip.copy(), 1 + below // 60
        cv2.line(marked, (x, below // 3), (x, below - 3), _SIGNAL, thick)
        clock = f"{time:.1f} s" if unit == "s" else f"frame {time:.0f}"
        words = f"{column.removeprefix('p_')}: {_value(table, column, time)}"
        # A letter is about half as wide as it is high.
        size = min(below // 4, int(1.6 * width / len(words + clock)))
        yield np.concatenate([picture, _write(marked, size, words, clock)])


def _draw_face(picture, box, points):
    """Box and points with a dark rim, as far as they are known."""
    thick = round(max(picture.shape) / 400)
    points = np.rint(points[np.isfinite(points).all(axis=1)]).astype(int)
    for colour, rim in ((_INK, 1), (_SIGNAL, 0)):
        if np.isfinite(box).all():
            corners = np.rint(np.reshape(box, (2, 2))).astype(int).tolist()
            cv2.rectangle(picture, *corners, colour, max(thick, 1) + 2 * rim)
        for point in points.tolist():
            cv2.circle(picture, point, thick + rim, colour, -1)


@matplotlib.rc_context(STYLE)
def _draw_strip(table, column, ends, size):
    """The curve, `(height, width, 3)` uint8, and what gives a time's column."""
    # Half a pixel more, as Matplotlib rounds down; lines as for the height.
    dpi = 1.2 * size[1]
    figure = Figure((np.array(size) + 0.5) / dpi, dpi=dpi, layout="none")
    axis = figure.add_axes((0.02, 0.08, 0.96, 0.56))
    _draw_line(axis, table, column)
    axis.set(xlim=(ends[0], max(ends[1], ends[0] + 1e-3)), xticks=[], yticks=[])
    FigureCanvasAgg(figure).draw()
    picture = np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()
    return picture, lambda time: axis.transData.transform((time, 0))[0]


def _value(table, column, time) -> str:
    """Of the nearest window that holds the time, "-" if it is hardly valid."""
    row = table.iloc[np.argmin(np.abs((table.start + table.end) / 2 - time))]
    known = row.start - 1e-6 <= time <= row.end + 1e-6 and row.valid >= _HALF
    return f"{row[column]:.2f}" if known else "-"


def _write(picture, size, left, right="", fill="black", **style):
    """The picture with words at both ends of its first line, or the left."""
    image = Image.fromarray(picture)
    style["font"] = font = ImageFont.load_default(size=max(8, size))
    draw, end = ImageDraw.Draw(image), picture.shape[1] - 5
    draw.text((5, 3), left, fill, anchor="la", **style)
    if font.getlength(left + right) < end - 12:
        draw.text((end, 3), right, fill, anchor="ra", **style)
    return np.asarray(image)
