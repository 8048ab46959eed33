"""Result figures: confusions, trainings, and predicted intensities.

Drawn without pyplot and in `STYLE`: no window opens, and the user's settings
stay. The same input gives the same bytes. Every `plot_` function takes what
`saved` says; it raises ValueError where there is nothing to draw.
"""

import functools
import io
import itertools
import math
import pathlib
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from keras_pain.experiments.defects import TEST_BATCH, scored_intensities
from keras_pain.experiments.metrics import compute_regression
from keras_pain.experiments.store import FoldKey, FoldResult, ResultStore
from keras_pain.io import csv_text, marked_title, rounded, write_marked
from keras_pain.reports.table import Scores, TableSpec, all_rows, read_scores

LEAK_FREE = "leak_free"  # of both protocols, the one worth looking at
_RUN = ("method", "evaluation", "protocol", "seed")
LEVEL_COLUMNS = (*_RUN, "level", "samples", "mae", "mse", "bias")
PERSON_COLUMNS = (
    *(*_RUN, "person", "samples", "lowest", "highest"),
    *("mae", "mse", "pcc", "icc"),
)

BLUE, ORANGE, GREEN, PURPLE = "#1f5a99", "#d1662a", "#2a8f6d", "#8a4fa3"
COLOURS, _GREY = (BLUE, ORANGE, GREEN, PURPLE), "#777777"
TILTED = {"rotation": 60, "ha": "right", "rotation_mode": "anchor"}
_BOTH = ("", "training", BLUE), ("val_", "validation", ORANGE)
_DASHED = {"color": "#555555", "linestyle": "--", "linewidth": 1}
_MARKERS = "osD^vP"
_MOST_LEVELS = 17  # PSPI has 17, VAS 11
# Matplotlib's defaults instead of the user's matplotlibrc, and what is ours.
STYLE = {
    name: value
    for name, value in matplotlib.rcParamsDefault.items()
    if not name.startswith("backend")
}
STYLE |= {"axes.axisbelow": True, "axes.titlesize": 10, "figure.dpi": 130}
STYLE |= {"figure.constrained_layout.use": True, "grid.alpha": 0.3}
STYLE |= {"legend.fontsize": 8, "text.parse_math": False}  # names may hold a $
# As papers call the methods that are not called so in the store.
_NAMES = dict(
    pair.strip().split(": ")
    for pair in """
    majority: Majority class; stratified: Stratified random; knn: KNN;
    svm: SVM; rf_frames: Random forest;
    stacked_lstm: Stacked-LSTM; bi_lstm: Bi-LSTM; conv_lstm: Conv-LSTM;
    dual_stream_lstm: Dual-stream LSTM; banet: BANet;
    banet_temporal: BANet, temporal; banet_bodily: BANet, bodily;
    alanet: ALANet; alanet_parts: ALANet, per body part; lsfan: L-SFAN;
    cnn_tap: 2D-CNN-TAP; cnn_sap: 2D-CNN-SAP; aacsfnet: AACSFNet;
    resnet50_ham: ResNet50-HAM; biscale_cross_vit: BiScaleCrossViT; c3d: C3D;
    l3d: L3D; l3d_multi_scale: L3D + multi-scale fusion; l3d_full: L3D + both;
    l3d_se: L3D + improved SE; resnet18_lstm: ResNet18-LSTM;
    resnet18_gru: ResNet18-GRU; stgcn_lstm: STGCN-LSTM
    """.split(";")
)


def paper_name(label: str) -> str:
    """What papers call a method; unknown ones keep what they are called."""
    return _NAMES.get(label, label)


def evenly_spread(count: int, most: int) -> np.ndarray:
    """At most so many of the positions 0 to `count - 1`, evenly spread."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(int)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of a size in inches, whose parts keep apart."""
    return Figure((width, height), layout="constrained")


def subplots(width: float, height: float, *shape: int, **options):
    """A `new_figure` and its axes, as of `Figure.subplots`."""
    figure = new_figure(width, height)
    return figure, figure.subplots(*shape, **options)


def save_figure(
    figure: Figure, title: str, path, simulated: bool, note: str = ""
) -> pathlib.Path:
    """Writes a figure, see `png_of` and `write_marked`; returns its path.

    The note is a line at the bottom, below what stands there.
    """
    if note:
        words = filter(None, [figure.get_supxlabel(), note])
        figure.supxlabel("\n".join(words), fontsize=9)
    return write_marked(path, png_of(figure, title, simulated), simulated)


def png_of(figure: Figure, title: str, simulated: bool) -> bytes:
    """Gives a figure its title, which says whether data are simulated.

    Title and caption are wrapped to the figure's width, which grows in height.
    """
    with matplotlib.rc_context(STYLE):
        FigureCanvasAgg(figure)
        _wrap(figure, figure.suptitle(marked_title(title, simulated)))
        if figure.get_supxlabel():
            _wrap(figure, figure._supxlabel)
        buffer = io.BytesIO()
        # The default metadata names Matplotlib's version.
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _wrap(figure, words):
    """Breaks lines that are too wide; Matplotlib keeps long words whole."""
    lines = words.get_text().splitlines()
    room, columns = 0.97 * figure.bbox.width, max(map(len, lines), default=1)
    one_line = words.get_window_extent().height / len(lines)
    while (of := words.get_window_extent()).width > room and columns > 1:
        columns = int(columns * min(0.95, room / of.width)) or 1
        wrapped = [textwrap.fill(line, columns) for line in lines]
        words.set_text("\n".join(wrapped))
    more = (of.height - one_line) / figure.dpi
    if np.isfinite(more):  # text of which nothing can be seen has no height
        figure.set_figheight(figure.get_figheight() + more)


def saved(draw: Callable[..., Figure | None]):
    """Saves the figure that a function draws, all of it in `STYLE`.

    Behind what is drawn it takes `title` and `path`, and by name `simulated`,
    as `save_figure`, and `note`, a further line. It returns the path written,
    None where nothing was drawn.
    """

    @functools.wraps(draw)
    @matplotlib.rc_context(STYLE)
    def plot(*what, simulated=False, note="", **style):
        *what, title, path = what
        if (figure := draw(*what, **style)) is None:
            return None
        return save_figure(figure, title, path, simulated, note)

    plot.draw = draw  # the figure alone
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

    Of intensities there are scatters instead. Curves are of the first finished
    fold of each network and protocol; the rest pools those of finished rows.
    """
    paths, title, classes = [], table.title, table.class_names
    if not classes:
        if runs := intensity_panels(table, store, expected):
            place = f"{title}: predicted intensity", out_dir / "intensity.png"
            paths = [plot_intensities(runs, *place, simulated=simulated)]
    else:
        scores = read_scores(store, expected, len(classes))
        place = f"{title}: pooled {table.samples}", out_dir / "confusion.png"
        options = {"simulated": simulated, "samples": table.samples}
        if panels := confusion_panels(table, scores):
            paths = [plot_confusions(panels, classes, *place, **options)]
    labels = {row.method: paper_name(row.label) for row in table.rows}
    curves = []
    for key in first_folds(store, expected):
        fold = f", fold {key.fold}".replace("fold fold", "fold ")
        if key.fold == key.evaluation:  # of a hold-out, which has one
            fold = ""
        words = f"{key.evaluation}, {key.protocol}{fold}, seed {key.seed}"
        words = f"{labels[key.method]}; {words}"
        curves += training_curves(store.read(key), words)
    if curves:
        place = f"{title}: training", out_dir / "training.png"
        paths.append(plot_training_curves(curves, *place, simulated=simulated))
    return paths


def first_folds(store: ResultStore, expected: Iterable[FoldKey]) -> list:
    """One finished fold of each evaluation, protocol and method."""
    firsts: dict[tuple, FoldKey] = {}
    for key in filter(store.contains, expected):
        firsts.setdefault(_place(key), key)
    return list(firsts.values())


def tiles(count, across, size, frame, x="", y="", **shared):
    """A figure and its grid of axes for `count` tiles, the others hidden.

    At most `across` are in a row; `size` of each and `frame` around all are
    width and height in inches; `x`, `y` name outer axes; the rest is shared.
    """
    across = min(across, count)
    down = math.ceil(count / across)
    figure = new_figure(frame[0] + size[0] * across, frame[1] + size[1] * down)
    axes = figure.subplots(down, across, squeeze=False, **shared)
    for axis in axes.flat[count:]:
        axis.set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel(y)
    for axis in axes.flat[max(count - across, 0) : count]:
        axis.set_xlabel(x)
        axis.tick_params(labelbottom=True)
    return figure, axes


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
                panels.append((f"{paper_name(row.label)}\n{place}", counts))
    return panels


@saved
def plot_confusions(
    panels: Sequence[tuple[str, np.ndarray]],
    class_names: Sequence[str],
    *,
    samples: str = "windows",
) -> Figure:
    """Confusion matrices with row shares, of titles and `(K, K)` counts.

    Rows are true, counts may be fractions; `samples` says what is counted.
    """
    if not panels:
        raise ValueError("plot_confusions needs at least one panel, got none")
    labels = {"x": f"predicted ({samples})", "y": f"true ({samples})"}
    side = 1.1 + 0.75 * len(class_names)
    place = len(panels), 4, (side, side + 1.0), (2.0, 0.8)
    figure, axes = tiles(*place, **labels, sharex=True, sharey=True)
    for axis, panel in zip(axes.flat, panels, strict=False):
        image = _confusion(axis, *panel, class_names)
    figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
    return figure


def _confusion(axis, title, counts, names):
    size, got = len(names), np.shape(counts)
    if got != (size, size):
        raise ValueError(f"{title!r} must be {size} x {size}, got {got}")
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
    axis.set_title(title)
    return image


class TrainingCurve(NamedTuple):
    """What one training logged; the weights of the chosen epoch were kept.

    The history has columns `loss`, `accuracy` or `mae`, and both with `val_`
    (others are not drawn), over epochs from 1; NaN where one did not log it.
    """

    label: str
    history: pd.DataFrame
    chosen_epoch: int | None = None


def training_curves(fold: FoldResult, label: str) -> list[TrainingCurve]:
    """Curves of a stored fold, one a training stage; none without a history.

    `chosen_epoch` is of the last stage. `label` is what readers call the fold.
    """
    history = pd.DataFrame(fold.result.get("history") or [], dtype=object)
    if history.empty:
        return []
    if "stage" not in history:
        history["stage"] = ""
    if "epoch" not in history:
        history["epoch"] = history.groupby("stage").cumcount() + 1
    curves = []
    for stage, logged in history.groupby("stage", sort=False):
        values = logged.drop(columns="stage").set_index("epoch").astype(float)
        words = f"{label}, {stage}" if history.stage.nunique() > 1 else label
        curves.append(TrainingCurve(words, values.dropna(axis=1, how="all")))
    chosen = fold.result.get("chosen_epoch") or None
    return [*curves[:-1], curves[-1]._replace(chosen_epoch=chosen)]


@saved
def plot_training_curves(curves: Sequence[TrainingCurve]) -> Figure:
    """Loss at the left, accuracy or mean absolute error at the right."""
    if not curves:
        raise ValueError("plot_training_curves needs a curve, got none")
    across = math.ceil(math.sqrt(len(curves) / 3))
    down = math.ceil(len(curves) / across)
    size = min(max(9.0, 5.2 * across), 21.0), min(2.3 * down, 14.0) + 0.7
    figure = new_figure(*size)
    kinds = ("loss",), ("mae", "accuracy")
    for half, names in zip(figure.subfigures(1, 2), kinds, strict=True):
        axes = half.subplots(down, across, squeeze=False).ravel()
        for axis in axes[len(curves) :]:
            axis.set_visible(False)
        for axis, curve in zip(axes, curves, strict=False):
            logged = [name for name in names if name in curve.history]
            name, columns = [*logged, names[-1]][0], 60 if across < 2 else 36
            _curve(axis, curve, name, columns)
        axes[len(curves) - 1].set_xlabel("epoch")
        legends = [axis.get_legend_handles_labels() for axis in axes]
        most = max(legends, key=lambda found: len(found[1]))
        half.legend(*most, ncols=3, loc="outside upper right")
    return figure


def _curve(axis, curve, name, columns):
    for start, words, color in _BOTH:
        values = curve.history.get(start + name, pd.Series(dtype=float))
        values = values.dropna()
        # One epoch is a point, which a line would not show.
        marker = "o" if len(values) < 30 else None
        style = {"color": color, "marker": marker, "markersize": 3.5}
        if len(values):
            axis.plot(values.index, values, label=words, **style)
    if chosen := curve.chosen_epoch:
        axis.axvline(chosen, label="chosen epoch", **_DASHED)
    title = "\n".join(textwrap.wrap(curve.label, columns))
    axis.set_title(title, loc="left", fontsize=7)
    axis.set_ylabel(name)
    axis.tick_params(labelsize=7)
    axis.grid()
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if name == "accuracy":
        axis.set_ylim(0, 1.02)
    if not axis.lines:
        axis.text(0.5, 0.5, "not logged", ha="center", transform=axis.transAxes)


class RelativeLoss(NamedTuple):
    """Mean squared errors, `(epochs,)`, and of always the training mean."""

    label: str
    training: Sequence[float]
    validation: Sequence[float]
    training_constant: float
    validation_constant: float


@saved
def plot_relative_losses(losses: Sequence[RelativeLoss]) -> Figure:
    """Errors in parts of the constant's; thick is the median of one label."""
    if not losses:
        raise ValueError("plot_relative_losses needs a training, got none")
    figure, axes = subplots(9.5, 4.0, 1, 2, sharey=True)
    labels = list(dict.fromkeys(loss.label for loss in losses))
    for axis, name in zip(axes, ("training", "validation"), strict=True):
        for number, label in enumerate(labels):
            found = [loss for loss in losses if loss.label == label]
            curves = [pd.Series(getattr(loss, name)) for loss in found]
            constants = [getattr(loss, f"{name}_constant") for loss in found]
            curves = pd.concat(curves, axis=1) / constants
            curves.index += 1  # epochs
            # A training that was stopped stays where it was.
            median = curves.ffill().median(axis=1)
            style, several = {"color": COLOURS[number % 4]}, len(found) > 1
            words = f"{label}: median" if several else label
            axis.plot(median, "o-", label=words, ms=3.5, **style)
            if several:
                axis.plot(curves, lw=0.7, alpha=0.6, **style)
        axis.axhline(1, label="mean of training, always", **_DASHED)
        axis.set(title=name, xlabel="epoch", yscale="log")
        axis.yaxis.set_major_formatter(ScalarFormatter())
        axis.yaxis.set_minor_formatter(ScalarFormatter())
        axis.tick_params(axis="y", which="both", labelsize=8)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(which="both")
    axes[0].set_ylabel("mean squared error / a constant's")
    axes[0].legend()
    return figure


class IntensityRun(NamedTuple):
    """All folds of a run; arrays are `(n,)`."""

    label: str
    run: tuple[str, str, str, int]  # method, evaluation, protocol, seed
    y_true: np.ndarray
    y_pred: np.ndarray
    person: np.ndarray
    scored: Sequence[np.ndarray]  # both as the protocol scores them


def scored_runs(
    spec: TableSpec, store: ResultStore, expected: Iterable[FoldKey]
) -> list[IntensityRun]:
    """The runs of a table's expected folds all of whose folds are there."""
    labels = {(row.method, row.evaluation): row.label for row in spec.rows}
    groups, runs = {}, []
    for key in expected:
        run = (key.method, key.evaluation, key.protocol, key.seed)
        groups.setdefault(run, []).append(key)
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
    first = {_place(key): key.seed for key in expected[::-1]}
    firsts = [key for key in expected if first[_place(key)] == key.seed]
    return scored_runs(spec, store, firsts)


def _place(key):
    return key.evaluation, key.protocol, key.method


@saved
def plot_intensities(runs: Sequence[IntensityRun]) -> Figure:
    """Scatters of prediction over truth, with medians of the true levels."""
    if not runs:
        raise ValueError("plot_intensities needs a run, got none")
    place = len(runs), 4, (2.9, 2.9), (0.6, 0.8), "true", "predicted"
    figure, axes = tiles(*place, sharex=True, sharey=True)
    values = [part for run in runs for part in (run.y_true, run.y_pred)]
    low, high = (float(end(list(map(end, values)))) for end in (min, max))
    margin = 0.05 * max(high - low, 1.0)
    ends = (low - margin, high + margin)
    for axis, run in zip(axes.flat, runs, strict=False):
        _scatter(axis, run)
        axis.set(xlim=ends, ylim=ends)
    axes[0, 0].legend(fontsize=7, loc="upper left")
    return figure


def _scatter(axis, run):
    y_true, y_pred = run.y_true, run.y_pred
    metrics = compute_regression(y_true, y_pred)
    style = {"transform": axis.transAxes, **_DASHED, "color": _GREY}
    axis.plot([0, 1], [0, 1], label="prediction = truth", **style)
    axis.scatter(y_true, y_pred, s=14, alpha=0.45, color=BLUE, linewidth=0)
    levels = np.unique(y_true)
    if len(levels) <= _MOST_LEVELS:
        medians = [np.median(y_pred[y_true == level]) for level in levels]
        style = {"color": ORANGE, "markersize": 4}
        axis.plot(levels, medians, "o-", label="median of each level", **style)
    text = f"{run.label}\n{run.run[2]}\nMAE {metrics['mae']:.2f}"
    if metrics["pcc"] is not None:
        text += f", PCC {metrics['pcc']:.2f}"
    axis.set_title(text, fontsize=9)
    axis.grid()


# Most faces show no pain, so that one number over all of them says little
# about pain; at one level the truth is constant: there is no correlation.


def level_rows(run: IntensityRun) -> list[dict]:
    """Rows of `LEVEL_COLUMNS`: errors at each true level, rounded to integers.

    In order of level; `bias` is the mean of prediction minus truth.
    """
    y_true, y_pred = run.scored
    levels, error = np.round(y_true), y_pred.astype(np.float64) - y_true
    rows = []
    for level in np.unique(levels):
        here = error[levels == level]
        means = np.abs(here).mean(), (here**2).mean(), here.mean()
        values = (*run.run, int(level), len(here), *map(rounded, means))
        rows.append(dict(zip(LEVEL_COLUMNS, values, strict=True)))
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
        values += [found[name] for name in PERSON_COLUMNS[-4:]]
        values = (*run.run, str(person), len(y_true), *map(rounded, values))
        rows.append(dict(zip(PERSON_COLUMNS, values, strict=True)))
    return rows


def write_levels(
    runs: Sequence[IntensityRun], out_dir: pathlib.Path, *, simulated: bool
) -> list[pathlib.Path]:
    """Writes `levels.csv` and `persons.csv` of `scored_runs`."""
    levels, persons = map(level_rows, runs), map(person_rows, runs)
    levels = csv_text(LEVEL_COLUMNS, itertools.chain(*levels)).encode()
    persons = csv_text(PERSON_COLUMNS, itertools.chain(*persons)).encode()
    return [
        write_marked(out_dir / "levels.csv", levels, simulated),
        write_marked(out_dir / "persons.csv", persons, simulated),
    ]


@saved
def plot_levels(runs: Sequence[IntensityRun]) -> Figure | None:
    """Mean absolute error by level, and correlation by person.

    Of the `scored_runs` those of the first seeds under `leak_free`, if any.
    """
    firsts = {}
    for run in runs:
        if run.run[2] == LEAK_FREE:
            firsts.setdefault(run.run[0], run)
    if not firsts:
        return None
    figure, (left, right) = subplots(10.5, 4.4, 1, 2)
    for number, run in enumerate(firsts.values()):
        marker = _MARKERS[number % len(_MARKERS)]
        style = {"marker": marker, "color": f"C{number}", "markersize": 4.5}
        levels, people = map(pd.DataFrame, (level_rows(run), person_rows(run)))
        words = {"label": run.label, "linewidth": 1.2}
        left.plot(levels.level, levels.mae, **words, **style)
        # Side by side; a gap where there is no correlation.
        aside = 0.7 * ((number + 0.5) / len(firsts) - 0.5)
        places = np.arange(len(people)) + aside
        if people.pcc.notna().any():
            pcc = people.pcc.astype(float)
            right.plot(places, pcc, linestyle="none", **style)
    pairs = zip(levels.level, levels.samples, strict=True)
    left.set_xticks(levels.level, [f"{v}\n{n}" for v, n in pairs], fontsize=7)
    words = "true intensity, and how many samples have it"
    left.set(xlabel=words, ylabel="mean absolute error")
    left.set_title(f"by level, {LEAK_FREE}")
    left.legend(loc="upper left")
    right.set_xticks(range(len(people)), people.person, fontsize=7, **TILTED)
    right.axhline(0, color=_GREY, linewidth=0.8)
    right.set(xlim=(-0.5, len(people) - 0.5), ylim=(-1.05, 1.05), ylabel="PCC")
    right.set_title("by person; none where one of both is constant")
    for axis in (left, right):
        axis.grid()
    return figure
