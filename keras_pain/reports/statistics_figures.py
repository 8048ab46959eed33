"""Figures of a comparison of methods: critical difference and forest.

Both draw without pyplot and give the same bytes for the same input.
"""

import pathlib
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_pain.reports.canvas import save_figure
from keras_pain.reports.ranking import Ranking, indistinct_runs
from keras_pain.reports.resampling import LEVEL, mean_interval
from keras_pain.reports.statistics import Comparison
from keras_pain.reports.statistics_words import (
    METRIC_NAMES,
    forest_caption,
    rank_caption,
)
from keras_pain.reports.subject_scores import SubjectScores, align

_INK, _FAINT, _ACCENT, _SEEDS = "#222222", "#8a8a8a", "#1f5a99", "#d1662a"
_DASHES = ("--", ":", "-.")
_ROW = 0.3  # inches between two lines of text
_CAPTION_WIDTH = 150  # characters


def plot_critical_difference(
    ranking: Ranking,
    comparisons: Sequence[Comparison],
    title: str,
    path,
    *,
    labels: Mapping[str, str] | None = None,
    alpha: float = 1 - LEVEL,
    simulated: bool = False,
) -> pathlib.Path:
    """Average ranks, and which neighbours do not differ.

    The arrangement is Demsar's (JMLR 7, 2006); the bars are of paired tests
    with Holm's correction, as Benavoli et al. recommend (JMLR 17, 2016), since
    Nemenyi's verdict on two methods depends on the others in the pool. Its
    distance is drawn as a ruler only.

    Args:
        ranking: From `rank_methods`.
        comparisons: All pairs, from `compare_all`.
        title: Title of the figure.
        path: Where to write; `_SIMULATED` is put before the suffix where
            that holds.
        labels: What readers call the methods; their names by default.
        alpha: Level of significance.
        simulated: Whether the data are simulated.

    Returns:
        The path written.
    """
    labels = labels or {}
    count = len(ranking.methods)
    runs, unjoined = indistinct_runs(ranking.methods, comparisons, alpha)
    caption = textwrap.wrap(
        rank_caption(ranking, comparisons, bool(runs), unjoined, alpha),
        _CAPTION_WIDTH,
    )
    # Vertical places in lines of text below the axis.
    bars = [0.55 + 0.42 * number for number in range(len(runs))]
    first = (bars[-1] if bars else 0.2) + 0.8
    rows = -(-count // 2)
    height = _ROW * (first + rows + 2.6) + 0.19 * len(caption) + 0.7
    figure = _new_figure(height)
    axis = figure.add_subplot()
    axis.axis("off")
    high = max(count, 1 + ranking.critical_difference)
    margin = 0.04 * (high - 1)
    axis.set_xlim(1 - margin, high + margin)
    axis.set_ylim(first + rows - 0.5, -2.6)
    _scale(axis, high)
    _ruler(axis, ranking.critical_difference)
    for number, (method, rank) in enumerate(
        zip(ranking.methods, ranking.ranks, strict=True)
    ):
        left = number < rows
        row = first + (number if left else count - 1 - number)
        end = 1 - margin if left else high + margin
        axis.plot([rank, rank, end], [0, row, row], color=_FAINT, lw=0.9)
        axis.plot(rank, 0, "o", color=_INK, ms=4, clip_on=False)
        name = labels.get(method, method)
        axis.text(
            end,
            row,
            f"{name}  {rank:.2f} " if left else f" {rank:.2f}  {name}",
            ha="right" if left else "left",
            va="center",
            fontsize=10,
        )
    for (start, stop), level in zip(runs, bars, strict=True):
        ends = np.array([ranking.ranks[start], ranking.ranks[stop]])
        # Tied methods would leave a bar without length.
        ends += np.array([-1, 1]) * 0.008 * (high - 1)
        axis.plot(
            ends, [level, level], color=_ACCENT, lw=4.5, solid_capstyle="round"
        )
    _write_caption(figure, caption)
    return save_figure(figure, title, path, simulated)


def plot_forest(
    scores: Sequence[SubjectScores],
    title: str,
    path,
    *,
    labels: Mapping[str, str] | None = None,
    baselines: Sequence[str] = ("majority", "stratified"),
    level: float = LEVEL,
    simulated: bool = False,
) -> pathlib.Path:
    """Mean over people with its interval, people and seeds behind it.

    Args:
        scores: One row each, from top to bottom.
        title: Title of the figure.
        path: Where to write; `_SIMULATED` is put before the suffix where
            that holds.
        labels: What readers call the methods; their names by default.
        baselines: Methods whose mean is drawn as a line through all rows,
            where they are among `scores`.
        level: Confidence level.
        simulated: Whether the data are simulated.

    Returns:
        The path written.

    Raises:
        ConfigurationError: See `keras_pain.reports.subject_scores.align`.
    """
    scores, dropped = align(scores)
    labels = labels or {}
    caption = textwrap.wrap(forest_caption(scores, dropped), _CAPTION_WIDTH)
    height = 0.44 * len(scores) + 0.19 * len(caption) + 1.7
    figure = _new_figure(height)
    axis = figure.add_subplot()
    lines = [score for score in scores if score.method in baselines]
    for number, score in enumerate(lines):
        axis.axvline(
            score.mean,
            color=_INK,
            ls=_DASHES[number % len(_DASHES)],
            lw=1.1,
            label=f"mean of {labels.get(score.method, score.method)}",
            zorder=1,
        )
    for row, score in enumerate(scores):
        _forest_row(axis, row, score, level)
    names = [labels.get(score.method, score.method) for score in scores]
    axis.set_yticks(range(len(scores)), names)
    axis.set_ylim(len(scores) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x", alpha=0.25)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.set_xlabel(
        f"{METRIC_NAMES[scores[0].metric]}, mean over "
        f"{len(scores[0].subjects)} people"
    )
    axis.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=3,
        fontsize=8.5,
        frameon=False,
    )
    _write_caption(figure, caption)
    return save_figure(figure, title, path, simulated)


def _scale(axis: Axes, high: float) -> None:
    """The axis of ranks, at height 0."""
    axis.plot([1, high], [0, 0], color=_INK, lw=1.2)
    for rank in range(1, int(high) + 1):
        axis.plot([rank, rank], [0, -0.25], color=_INK, lw=1.2)
        axis.text(rank, -0.35, str(rank), ha="center", va="bottom", fontsize=9)


def _ruler(axis: Axes, length: float) -> None:
    """Nemenyi's critical difference, above the axis."""
    place = -1.8
    axis.plot([1, 1 + length], [place, place], color=_INK, lw=1.2)
    for end in (1, 1 + length):
        axis.plot([end, end], [place - 0.2, place + 0.2], color=_INK, lw=1.2)
    axis.text(
        1,
        place - 0.25,
        f"Nemenyi's critical difference: {length:.2f}",
        ha="left",
        va="bottom",
        fontsize=9,
    )


def _forest_row(axis: Axes, row: int, score: SubjectScores, level: float):
    first = row == 0
    people, seeds = score.by_subject, score.by_seed
    # Equal scores are common, so dots of neighbours in size lie apart.
    lift = np.empty(len(people))
    lift[np.argsort(people, kind="stable")] = np.resize(
        [0.0, 0.12, -0.12, 0.06, -0.06], len(people)
    )
    axis.plot(
        people,
        row + lift,
        "o",
        color=_FAINT,
        alpha=0.45,
        ms=3.5,
        mew=0,
        label="a person" if first else None,
        zorder=2,
    )
    interval = mean_interval(people, level=level)
    axis.plot(
        [interval.low, interval.high],
        [row, row],
        color=_ACCENT,
        lw=2.4,
        label=f"{level:.0%} interval over people" if first else None,
        zorder=3,
    )
    axis.plot(
        score.mean,
        row,
        "D",
        color=_ACCENT,
        ms=5.5,
        label="mean" if first else None,
        zorder=4,
    )
    if len(seeds) > 1:
        axis.plot(
            [seeds.min(), seeds.max()],
            [row + 0.27] * 2,
            color=_SEEDS,
            lw=1,
            marker="|",
            ms=5,
            label="range over seeds" if first else None,
            zorder=3,
        )
    axis.text(
        1.01,
        row,
        f"{score.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]",
        transform=axis.get_yaxis_transform(),
        va="center",
        fontsize=9,
    )


def _new_figure(height: float) -> Figure:
    figure = Figure((9.5, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.06)
    return figure


def _write_caption(figure: Figure, lines: Sequence[str]) -> None:
    # Constrained layout keeps this place free.
    figure.supxlabel(
        "\n".join(lines), fontsize=8, x=0.02, ha="left", color="#444444"
    )
