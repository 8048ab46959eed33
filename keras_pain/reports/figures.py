"""Result figures: confusions, trainings, and predicted intensities.

Each is drawn without pyplot, so that no window opens and a notebook's settings
stay as they are. The same input gives the same bytes. Every `plot_` function
takes what `saved` says; it raises ValueError where there is nothing to draw.
"""

import functools
import io
import itertools
import math
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from keras_pain.experiments.defects import TEST_BATCH, scored_intensities
from keras_pain.experiments.metrics import compute_regression
from keras_pain.experiments.store import FoldKey, FoldResult, ResultStore
from keras_pain.io import csv_text, marked_title, rounded, write_marked
from keras_pain.reports.table import (
    Scores,
    TableSpec,
    all_rows,
    read_scores,
    write_texts,
)

LEAK_FREE = "leak_free"  # of both protocols, the one worth looking at
LEVEL_COLUMNS = (
    "method evaluation protocol seed level samples mae mse bias".split()
)
PERSON_COLUMNS = (
    "method evaluation protocol seed person samples lowest highest mae mse "
    "pcc icc"
).split()

BLUE, ORANGE, _GREY = "#1f5a99", "#d1662a", "#777777"
TILTED = {"rotation": 60, "ha": "right", "rotation_mode": "anchor"}
_COLOURS = (BLUE, ORANGE, "#3a8a4d", "#8b4a9c")
_BOTH = ("", "training", BLUE), ("val_", "validation", ORANGE)
_DASHED = {"color": "#555555", "linestyle": "--", "linewidth": 1}
_MARKERS = "osD^vP"
_MOST_LEVELS = 17  # PSPI has 17, VAS 11


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of a size in inches, whose parts keep apart."""
    return Figure((width, height), layout="constrained")


def save_figure(
    figure: Figure, title: str, path, simulated: bool
) -> pathlib.Path:
    """Gives a figure its title and writes it whole.

    Args:
        figure: A `new_figure`.
        title: Its title.
        path: PNG file. Of simulated data the name gets `_SIMULATED` before the
            suffix and the title says so; the file of the other kind is removed.
        simulated: Whether the data are simulated.

    Returns:
        The path written.

    Raises:
        KerasPainError: The file cannot be written.
    """
    figure.suptitle(marked_title(title, simulated))
    buffer = io.BytesIO()
    # The default metadata names Matplotlib's version.
    figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    return write_marked(path, buffer.getvalue(), simulated)


def saved(draw: Callable[..., Figure]) -> Callable[..., pathlib.Path]:
    """Saves the figure that a function draws.

    Behind what is drawn, the function takes `title` and `path`; and by name
    `simulated`, all three as in `save_figure`, and `note`, a further line. It
    returns the path written.
    """

    @functools.wraps(draw)
    def plot(*what, simulated=False, note="", **style):
        *what, title, path = what
        figure = draw(*what, **style)
        if note:
            figure.supxlabel(note, fontsize=9, color="0.3")
        return save_figure(figure, title, path, simulated)

    return plot


def write_figures(
    table: TableSpec,
    store: ResultStore,
    expected: Mapping[FoldKey, Mapping],
    out_dir: pathlib.Path,
    *,
    simulated: bool,
) -> list[pathlib.Path]:
    """Confusion matrices and training curves of a table; returns their paths.

    Where intensities are predicted, scatters stand for the matrices. Curves
    are of the first finished fold of each network and protocol; the rest
    pools all folds of the finished rows. `expected` are the table's folds and
    their configurations, `out_dir` is the folder for the PNG files.
    """
    paths, title, classes = [], table.title, table.class_names
    if not classes:
        if runs := intensity_panels(table, store, expected):
            place = f"{title}: predicted intensity", out_dir / "intensity.png"
            paths = [plot_intensities(runs, *place, simulated=simulated)]
    elif panels := confusion_panels(
        table, read_scores(store, expected, len(classes))
    ):
        place = f"{title}: pooled {table.samples}", out_dir / "confusion.png"
        options = {"simulated": simulated, "samples": table.samples}
        paths = [plot_confusions(panels, classes, *place, **options)]
    labels = {row.method: row.label for row in table.rows}
    curves = []
    for key in first_folds(store, expected):
        place = f"{key.evaluation}, {key.protocol}, fold {key.fold}"
        words = f"{labels[key.method]}; {place}, seed {key.seed}"
        curves += training_curves(store.read(key), words)
    if curves:
        place = f"{title}: training", out_dir / "training.png"
        paths.append(plot_training_curves(curves, *place, simulated=simulated))
    return paths


def first_folds(store: ResultStore, expected: Iterable[FoldKey]) -> list:
    """One finished fold of each evaluation, protocol and method."""
    firsts: dict[tuple, FoldKey] = {}
    for key in expected:
        name = (key.evaluation, key.protocol, key.method)
        if name not in firsts and store.contains(key):
            firsts[name] = key
    return list(firsts.values())


def tiles(
    count: int,
    across: int,
    size: tuple[float, float],
    frame: tuple[float, float],
    **shared,
) -> tuple[Figure, np.ndarray]:
    """A figure and its grid of axes for `count` tiles, the others hidden.

    At most `across` are in a row; `size` of each and `frame` around all are in
    inches. What is `shared` is as for Matplotlib's `subplots`.
    """
    across = min(across, count)
    down = math.ceil(count / across)
    figure = new_figure(frame[0] + size[0] * across, frame[1] + size[1] * down)
    axes = figure.subplots(down, across, squeeze=False, **shared)
    for axis in axes.flat[count:]:
        axis.set_visible(False)
    return figure, axes


def _side_by_side(count, side, margins, x, y, **shared):
    """A figure and its `(count,)` axes, at most four in a row."""
    figure, grid = tiles(count, 4, (side, side), margins, **shared)
    for axis in grid[:, 0]:
        axis.set_ylabel(y)
    axes = grid.ravel()[:count]
    for axis in axes[-grid.shape[1] :]:
        axis.set_xlabel(x)
        axis.tick_params(labelbottom=True)
    return figure, axes


# --- Confusion matrices ---


def confusion_panels(
    spec: TableSpec, scores: Scores
) -> list[tuple[str, np.ndarray]]:
    """Every finished row and protocol of a table: title and `(K, K)` counts."""
    several = len({evaluation for evaluation, _, _ in scores.rows.index}) > 1
    panels = []
    for (evaluation, method), row in all_rows(spec, scores).items():
        for protocol in scores.protocols(evaluation):
            counts = scores.confusions.get((evaluation, protocol, method))
            if counts is not None:
                place = f"{evaluation}, {protocol}" if several else protocol
                panels.append((f"{row.label}\n{place}", counts))
    return panels


@saved
def plot_confusions(
    panels: Sequence[tuple[str, np.ndarray]],
    class_names: Sequence[str],
    *,
    samples: str = "windows",
) -> Figure:
    """Confusion matrices with counts and row shares.

    Args:
        panels: A title and `(K, K)` counts each, rows true; counts averaged
            over seeds may be fractions.
        class_names: Name of every class.
        samples: What is counted.
    """
    if not panels:
        raise ValueError("plot_confusions needs at least one panel, got none")
    labels = f"predicted ({samples})", f"true ({samples})"
    side = 1.1 + 0.75 * len(class_names)
    figure, axes = _side_by_side(len(panels), side, (0.8, 0.9), *labels)
    for axis, panel in zip(axes, panels, strict=True):
        image = _confusion(axis, *panel, class_names)
    words = "share of the true class"
    figure.colorbar(image, ax=axes.tolist(), label=words, shrink=0.8)
    return figure


def _confusion(axis, title, counts, names):
    size = len(names)
    if np.shape(counts) != (size, size):
        raise ValueError(
            f"{title!r} must be {size} x {size}, got {np.shape(counts)}"
        )
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.where(totals == 0, 1, totals)
    image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    digits = 0 if np.all(counts == np.round(counts)) else 1
    style = {"ha": "center", "va": "center", "fontsize": 9}
    for (row, column), count in np.ndenumerate(counts):
        share = f"{shares[row, column]:.0%}" if totals[row, 0] else "none"
        text = f"{count:,.{digits}f}\n{share}"
        color = "white" if shares[row, column] > 0.6 else "black"
        axis.text(column, row, text, color=color, **style)
    axis.set_xticks(range(size), names, rotation=30, ha="right")
    axis.set_yticks(range(size), names)
    # White gaps keep equal neighbours apart.
    for edge in np.arange(1, size) - 0.5:
        axis.axhline(edge, color="white", linewidth=2)
        axis.axvline(edge, color="white", linewidth=2)
    axis.set_title(title, fontsize=10)
    return image


# --- Trainings ---


class TrainingCurve(NamedTuple):
    """What one training logged.

    Args:
        label: Method and fold, as readers know them.
        history: Name (`loss`, `accuracy` or `mae`, and both with `val_`;
            others are left out) to one value an epoch.
        chosen_epoch: Epoch, from 1, whose weights were kept; None where there
            was no choice.
    """

    label: str
    history: Mapping[str, Sequence[float]]
    chosen_epoch: int | None = None


def training_curves(fold: FoldResult, label: str) -> list[TrainingCurve]:
    """Curves of a stored fold, one a training stage, in order.

    The fold's result holds `history`, one dict an epoch with the logged values
    and the name of its `stage`, and `chosen_epoch` of the last stage; without a
    history there are no curves. `label` is what readers call the fold.
    """
    stages: dict[str, dict[str, list]] = {}
    for epoch in fold.result.get("history") or ():
        logged = stages.setdefault(epoch.get("stage", ""), {})
        for name in epoch.keys() - {"stage", "epoch"}:
            logged.setdefault(name, []).append(epoch[name])
    curves = [
        TrainingCurve(f"{label}, {stage}" if len(stages) > 1 else label, logged)
        for stage, logged in stages.items()
    ]
    if curves:
        chosen = fold.result.get("chosen_epoch") or None
        curves[-1] = curves[-1]._replace(chosen_epoch=chosen)
    return curves


@saved
def plot_training_curves(curves: Sequence[TrainingCurve]) -> Figure:
    """Loss and accuracy (or mean absolute error) over epochs, a row a curve."""
    if not curves:
        raise ValueError("plot_training_curves needs a curve, got none")
    figure = new_figure(9.0, 2.5 * len(curves) + 0.7)
    axes = figure.subplots(len(curves), 2, squeeze=False, sharex="row")
    for (left, right), curve in zip(axes, curves, strict=True):
        _curve(left, curve, "loss")
        _curve(right, curve, "mae" if "mae" in curve.history else "accuracy")
        left.set_title(curve.label, loc="left", fontsize=10)
    for axis in axes[-1]:
        axis.set_xlabel("epoch")
    return figure


def _curve(axis, curve, name):
    for start, words, color in _BOTH:
        values = np.asarray(curve.history.get(start + name, ()), dtype=float)
        if np.isfinite(values).any():
            epochs = np.arange(1, len(values) + 1)
            # One epoch is a point, which a line would not show.
            marker = "o" if len(values) == 1 else None
            axis.plot(epochs, values, color=color, label=words, marker=marker)
    if chosen := curve.chosen_epoch:
        axis.axvline(chosen, label=f"chosen epoch {chosen}", **_DASHED)
    axis.set_ylabel(name)
    axis.grid(alpha=0.3)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if name == "accuracy":
        axis.set_ylim(0, 1.02)
    if axis.get_legend_handles_labels()[0]:
        axis.legend(fontsize=8)
    else:
        axis.text(0.5, 0.5, "not logged", ha="center", transform=axis.transAxes)


class RelativeLoss(NamedTuple):
    """The mean squared errors of one training, beside a constant's.

    `(epochs,)` on the training samples, and on those that choose the epoch;
    the constants are what the mean of the training samples, always predicted,
    has on either.
    """

    label: str
    training: Sequence[float]
    validation: Sequence[float]
    training_constant: float
    validation_constant: float


@saved
def plot_relative_losses(losses: Sequence[RelativeLoss]) -> Figure:
    """Training and validation error, each in parts of the constant's.

    One line each in either panel; of several with one label the lines are
    thin, and a thick one is their median.
    """
    if not losses:
        raise ValueError("plot_relative_losses needs a training, got none")
    figure = new_figure(9.5, 4.0)
    axes = figure.subplots(1, 2, sharey=True)
    labels = list(dict.fromkeys(loss.label for loss in losses))
    for axis, name in zip(axes, ("training", "validation"), strict=True):
        for number, label in enumerate(labels):
            curves = [
                np.asarray(getattr(loss, name), float)
                / getattr(loss, f"{name}_constant")
                for loss in losses
                if loss.label == label
            ]
            _with_median(axis, label, _COLOURS[number % 4], curves)
        axis.axhline(1, label="mean of training, always", **_DASHED)
        axis.set_title(name, fontsize=10)
        axis.set(xlabel="epoch", yscale="log")
        axis.yaxis.set_major_formatter(ScalarFormatter())
        axis.yaxis.set_minor_formatter(ScalarFormatter())
        axis.tick_params(axis="y", which="both", labelsize=8)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(alpha=0.3, which="both")
    axes[0].set_ylabel("mean squared error / a constant's")
    axes[0].legend(fontsize=8)
    return figure


def _with_median(axis, label, colour, curves):
    longest, style = max(map(len, curves)), {"color": colour}
    # A training that was stopped stays where it was.
    whole = [np.pad(c, (0, longest - len(c)), mode="edge") for c in curves]
    epochs, median = np.arange(1, longest + 1), np.median(whole, axis=0)
    words = f"{label}: median" if len(curves) > 1 else label
    axis.plot(epochs, median, "o-", label=words, markersize=3.5, **style)
    for curve in curves if len(curves) > 1 else ():
        axis.plot(epochs[: len(curve)], curve, lw=0.7, alpha=0.6, **style)


# --- Intensities ---


class IntensityRun(NamedTuple):
    """All folds of one method, protocol and seed.

    Args:
        label: What readers call the method.
        run: Method, evaluation, protocol and seed.
        y_true, y_pred: `(n,)` intensities.
        person: `(n,)` participants.
        scored: `(n,)` truth and prediction as the protocol scores them.
    """

    label: str
    run: tuple[str, str, str, int]
    y_true: np.ndarray
    y_pred: np.ndarray
    person: np.ndarray
    scored: Sequence[np.ndarray]


def scored_runs(
    spec: TableSpec, store: ResultStore, expected: Iterable[FoldKey]
) -> list[IntensityRun]:
    """The runs of a table's expected folds all of whose folds are there."""
    labels = {(row.method, row.evaluation): row.label for row in spec.rows}
    groups: dict[tuple, list[FoldKey]] = {}
    for key in expected:
        run = (key.method, key.evaluation, key.protocol, key.seed)
        groups.setdefault(run, []).append(key)
    runs = []
    for run, keys in groups.items():
        if not all(map(store.contains, keys)):
            continue
        parts = []
        for fold in map(store.read, keys):
            found = fold.predictions
            y_true, y_pred = found["y_true"], found["y_pred"]
            defects = fold.config.get("defects", ())
            batch = fold.config.get("test_batch", TEST_BATCH)
            scored = scored_intensities(y_true, y_pred, defects, batch)
            parts.append((y_true, y_pred, found["subject"], *scored))
        *found, truth, predicted = map(np.concatenate, zip(*parts, strict=True))
        label = labels.get(run[:2], run[0])
        runs.append(IntensityRun(label, run, *found, (truth, predicted)))
    return runs


def intensity_panels(
    spec: TableSpec, store: ResultStore, expected: Iterable[FoldKey]
) -> list[IntensityRun]:
    """The finished runs of the first seed, see `scored_runs`."""
    expected = list(expected)
    first = {
        (k.method, k.evaluation, k.protocol): k.seed for k in expected[::-1]
    }
    firsts = [
        key
        for key in expected
        if first[key.method, key.evaluation, key.protocol] == key.seed
    ]
    return scored_runs(spec, store, firsts)


@saved
def plot_intensities(runs: Sequence[IntensityRun]) -> Figure:
    """Scatters of prediction over truth, with medians of the true levels."""
    if not runs:
        raise ValueError("plot_intensities needs a run, got none")
    shared = {"sharex": True, "sharey": True}
    labels = ("true", "predicted")
    figure, axes = _side_by_side(len(runs), 2.9, (0.6, 0.8), *labels, **shared)
    values = [part for run in runs for part in (run.y_true, run.y_pred)]
    low, high = (float(end(list(map(end, values)))) for end in (min, max))
    margin = 0.05 * max(high - low, 1.0)
    ends = (low - margin, high + margin)
    for axis, run in zip(axes, runs, strict=True):
        _scatter(axis, run)
        axis.set(xlim=ends, ylim=ends)
    axes[0].legend(fontsize=7, loc="upper left")
    return figure


def _scatter(axis, run):
    y_true, y_pred = run.y_true, run.y_pred
    metrics = compute_regression(y_true, y_pred)
    style = {"transform": axis.transAxes, **_DASHED, "color": _GREY}
    axis.plot([0, 1], [0, 1], label="prediction = truth", **style)
    axis.scatter(y_true, y_pred, s=9, alpha=0.35, color=BLUE, linewidth=0)
    levels = np.unique(y_true)
    if len(levels) <= _MOST_LEVELS:
        medians = [np.median(y_pred[y_true == level]) for level in levels]
        style = {"color": ORANGE, "markersize": 4}
        axis.plot(levels, medians, "o-", label="median of each level", **style)
    text = f"{run.label}\n{run.run[2]}\nMAE {metrics['mae']:.2f}"
    if metrics["pcc"] is not None:
        text += f", PCC {metrics['pcc']:.2f}"
    axis.set_title(text, fontsize=9)
    axis.grid(alpha=0.3)


# Most faces show no pain, so that one number over all of them says little
# about pain; and at one level the truth is constant: there are errors there,
# and no correlation.


def level_rows(run: IntensityRun) -> list[dict]:
    """Errors at each true level, rounded to whole numbers.

    Rows of `LEVEL_COLUMNS` in order of level; `bias` is the mean of prediction
    minus truth.
    """
    y_true, y_pred = run.scored
    levels, error = np.round(y_true), y_pred.astype(np.float64) - y_true
    rows = []
    for level in np.unique(levels):
        here = error[levels == level]
        means = (np.abs(here).mean(), (here**2).mean(), here.mean())
        place = (*run.run, int(level), len(here))
        rows.append(_row(LEVEL_COLUMNS, place, means))
    return rows


def person_rows(run: IntensityRun) -> list[dict]:
    """Every metric of each person: rows of `PERSON_COLUMNS`, by name.

    `pcc` and `icc` are None where the person's truth or prediction is constant.
    """
    rows = []
    for person in np.unique(run.person):
        y_true, y_pred = (part[run.person == person] for part in run.scored)
        found = compute_regression(y_true, y_pred)
        values = [float(y_true.min()), float(y_true.max())]
        values += (found[name] for name in PERSON_COLUMNS[-4:])
        place = (*run.run, str(person), len(y_true))
        rows.append(_row(PERSON_COLUMNS, place, values))
    return rows


def _row(columns, place, values):
    return dict(zip(columns, (*place, *map(rounded, values)), strict=True))


def write_levels(
    runs: Sequence[IntensityRun], out_dir: pathlib.Path, *, simulated: bool
) -> list[pathlib.Path]:
    """Writes `levels.csv` and `persons.csv` of `scored_runs`."""
    paths = []
    for name, columns, rows_of in (
        ("levels", LEVEL_COLUMNS, level_rows),
        ("persons", PERSON_COLUMNS, person_rows),
    ):
        text = csv_text(columns, itertools.chain(*map(rows_of, runs)))
        paths += write_texts(out_dir, name, {"csv": text}, simulated)
    return paths


def plot_levels(
    runs: Sequence[IntensityRun], title: str, path, simulated: bool = False
) -> pathlib.Path | None:
    """Mean absolute error by level, and correlation by person.

    Drawn are the first seeds of the methods under `leak_free`; None is
    returned where there is none among the runs, which are of `scored_runs`.
    """
    firsts: dict[str, IntensityRun] = {}
    for run in runs:
        if run.run[2] == LEAK_FREE:
            firsts.setdefault(run.run[0], run)
    if not firsts:
        return None
    figure = new_figure(10.5, 4.4)
    left, right = figure.subplots(1, 2)
    for number, run in enumerate(firsts.values()):
        marker = _MARKERS[number % len(_MARKERS)]
        style = {"marker": marker, "color": f"C{number}", "markersize": 4.5}
        levels, people = map(pd.DataFrame, (level_rows(run), person_rows(run)))
        words = {"label": run.label, "linewidth": 1.2}
        left.plot(levels.level, levels.mae, **words, **style)
        # Side by side; a gap where there is no correlation.
        places = np.arange(len(people)) + 0.7 * (
            (number + 0.5) / len(firsts) - 0.5
        )
        if people.pcc.notna().any():
            pcc = people.pcc.astype(float)
            right.plot(places, pcc, linestyle="none", **style)
    pairs = zip(levels.level, levels.samples, strict=True)
    left.set_xticks(levels.level, [f"{v}\n{n}" for v, n in pairs], fontsize=7)
    words = "true intensity, and how many samples have it"
    left.set(xlabel=words, ylabel="mean absolute error")
    left.set_title("by level", fontsize=10)
    left.legend(fontsize=8, loc="upper left")
    right.set_xticks(range(len(people)), people.person, fontsize=7, **TILTED)
    right.axhline(0, color=_GREY, linewidth=0.8)
    right.set(xlim=(-0.5, len(people) - 0.5), ylim=(-1.05, 1.05), ylabel="PCC")
    words = "by person; none where one of both is constant"
    right.set_title(words, fontsize=10)
    for axis in (left, right):
        axis.grid(alpha=0.3)
    return save_figure(figure, f"{title}, {LEAK_FREE}", path, simulated)
