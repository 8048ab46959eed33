"""Figures of a comparison of methods, drawn as `reports.figures` says."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from keras_pain.reports import statistics as stats
from keras_pain.reports.figures import BLUE, ORANGE, new_figure, saved
from keras_pain.reports.statistics import LEVEL, METRIC_NAMES, counted

_INK, _FAINT = "#222222", "#8a8a8a"
_ROW = 0.3  # inches between two lines of text


@saved
def plot_critical_difference(
    ranking: stats.Ranking,
    comparisons: Sequence[stats.Comparison],
    *,
    labels: Mapping[str, str],
) -> Figure:
    """Average ranks, and which neighbours do not differ.

    Arranged as by Demsar (JMLR 7, 2006); bars are of paired tests with Holm's
    correction, as Benavoli et al. recommend (JMLR 17, 2016): Nemenyi's verdict
    on two methods depends on the others in the pool, its distance is a ruler
    only. `labels` are what readers call the methods, their names by default.
    """
    ranks, count = list(ranking.ranks.values()), len(ranking.ranks)
    runs, unjoined = stats.indistinct_runs(list(ranking.ranks), comparisons)
    caption = _rank_caption(ranking, comparisons, runs, unjoined)
    # Vertical places in lines of text below the axis.
    bars = [0.55 + 0.42 * number for number in range(len(runs))]
    first = max(bars, default=0.2) + 0.8
    rows = -(-count // 2)
    figure, axis = _captioned(_ROW * (first + rows + 2.6) + 0.7, *caption)
    axis.axis("off")
    high = max(count, 1 + (length := ranking.critical_difference))
    margin = 0.04 * (high - 1)
    axis.set(xlim=(1 - margin, high + margin), ylim=(first + rows - 0.5, -2.6))
    style, words = {"color": _INK, "lw": 1.2}, {"va": "bottom", "fontsize": 9}
    # The axis of ranks, at height 0, and Nemenyi's distance above it.
    axis.plot([1, high], [0, 0], **style)
    for rank in range(1, int(high) + 1):
        axis.plot([rank, rank], [0, -0.25], **style)
        axis.text(rank, -0.35, str(rank), ha="center", **words)
    axis.plot([1, 1 + length], [-1.8, -1.8], **style)
    for end in (1, 1 + length):
        axis.plot([end, end], [-2.0, -1.6], **style)
    text = f"Nemenyi's critical difference: {length:.2f}"
    axis.text(1, -2.05, text, ha="left", **words)
    for number, (method, rank) in enumerate(ranking.ranks.items()):
        row, end, side = number, 1 - margin, "right"
        text = f"{labels.get(method, method)}  {rank:.2f} "
        if number >= rows:
            row, end, side = count - 1 - number, high + margin, "left"
            text = f" {rank:.2f}  {labels.get(method, method)}"
        row += first
        axis.plot([rank, rank, end], [0, row, row], color=_FAINT, lw=0.9)
        axis.plot(rank, 0, "o", color=_INK, ms=4, clip_on=False)
        axis.text(end, row, text, ha=side, va="center", fontsize=10)
    style = {"color": BLUE, "lw": 4.5, "solid_capstyle": "round"}
    more = 0.008 * (high - 1)  # tied methods would leave a bar without length
    for (start, stop), level in zip(runs, bars, strict=True):
        ends = [ranks[start] - more, ranks[stop] + more]
        axis.plot(ends, [level, level], **style)
    return figure


@saved
def plot_forest(
    scores: Sequence[stats.SubjectScores], *, labels: Mapping[str, str]
) -> Figure:
    """Mean over people, largest at the top, interval, people and seeds behind.

    A baseline's is a line through all rows. Raises as `align` does.
    """
    scores, dropped = stats.align(scores)
    scores = sorted(scores, key=lambda score: (-score.mean, score.method))
    metric, people = METRIC_NAMES[scores[0].metric], len(scores[0].subjects)
    seeds = len(scores[0].seeds)
    figure, axis = _captioned(
        0.44 * len(scores) + 1.7,
        f"Each person counts once, with the mean over "
        f"{counted(seeds, 'seed')}; the interval is a bootstrap over people.",
        seeds > 1
        and "The thin mark below each row reaches from the worst seed's mean "
        "over people to the best one's.",
        dropped
        and f"Left out of all rows, as {metric} is undefined there: "
        f"{counted(len(dropped), 'person', 'people')}.",
    )
    names = [labels.get(score.method, score.method) for score in scores]
    dashes = iter(("--", ":"))
    for score, name in zip(scores, names, strict=True):
        if score.method in ("majority", "stratified"):
            style = {"color": _INK, "ls": next(dashes), "lw": 1.1, "zorder": 1}
            axis.axvline(score.mean, label=f"mean of {name}", **style)
    for row, score in enumerate(scores):
        _forest_row(axis, row, score)
    axis.set_yticks(range(len(scores)), names)
    axis.set_ylim(len(scores) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x")
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.set_xlabel(f"{metric}, mean over {people} people")
    place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "ncols": 3}
    axis.legend(**place, fontsize=8.5, frameon=False)
    return figure


def _forest_row(axis, row, score):
    people, seeds, interval = score.by_subject, score.by_seed, score.interval
    # Equal scores are common, so dots of neighbours in size lie apart.
    lift, order = np.empty(len(people)), np.argsort(people, kind="stable")
    lift[order] = np.resize([0.0, 0.12, -0.12, 0.06, -0.06], len(people))

    def draw(x, y, label, marker="", **style):
        label = None if row else label  # the legend has each once
        axis.plot(x, y, marker, label=label, **style)

    style = {"color": _FAINT, "alpha": 0.6, "ms": 4.5, "mew": 0, "zorder": 2}
    draw(people, row + lift, "a person", "o", **style)
    style = {"color": BLUE, "lw": 2.4, "zorder": 3}
    draw(interval, [row, row], f"{LEVEL:.0%} interval over people", **style)
    draw(score.mean, row, "mean", "D", color=BLUE, ms=5.5, zorder=4)
    if len(seeds) > 1:
        ends, place = [seeds.min(), seeds.max()], [row + 0.27] * 2
        style = {"color": ORANGE, "lw": 1, "ms": 5, "zorder": 3}
        draw(ends, place, "range over seeds", "-|", **style)
    text = f"{score.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
    place = axis.get_yaxis_transform()
    axis.text(1.01, row, text, transform=place, va="center", fontsize=9)


def _captioned(height, *caption):
    """A figure of this height and one axis in it, with a caption of texts."""
    caption = " ".join(filter(None, caption))
    figure = new_figure(9.5, height + 0.19)
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.06)
    figure.supxlabel(caption, fontsize=8)
    return figure, figure.add_subplot()


def _rank_caption(ranking, comparisons, joined, unjoined):
    """What the figure of average ranks shows, in parts."""
    tests = sorted({pair.by_person.test for pair in comparisons})
    metric = METRIC_NAMES[comparisons[0].metric]
    bars = "there is no bar, since all neighbours differ."
    if joined:
        bars = "a bar joins methods among which no pair differs."
    return [
        f"Average ranks over {ranking.num_subjects} people, 1 is best. "
        f"Paired tests of {metric} by person ({' or '.join(tests)}, Holm over "
        f"{counted(len(comparisons), 'pair')}, level {1 - LEVEL:.0%}): {bars}",
        unjoined
        and f"{counted(unjoined, 'further pair')} cannot be told apart "
        "either, but a method between the two differs from one.",
        "The ruler is for comparison; no bar depends on it.",
        ranking.p is not None
        and f"Friedman's test: {ranking.friedman:.1f} with "
        f"{len(ranking.ranks) - 1} degrees of freedom, p = {ranking.p:.2g}.",
        stats.too_few_people(comparisons),
    ]
