"""The grids of a leaderboard."""

from collections.abc import Mapping

from keras_pain.reports import access
from keras_pain.reports.document import Block, Cell
from keras_pain.reports.pooled_test import EXCHANGE
from keras_pain.reports.resampling import LEVEL, Interval
from keras_pain.reports.standings import Standing, Standings
from keras_pain.reports.statistics import Comparison
from keras_pain.reports.statistics_words import METRIC_NAMES, p_text

COLUMNS = ("macro_f1", "mcc", "accuracy", "balanced_accuracy", "roc_auc")
_INTERVAL = f"[{LEVEL:.0%} over people]"


def scores_grid(table: Standings) -> Block:
    """One row a method: scores, p-values, size."""
    metric = METRIC_NAMES[table.metric]
    shown = dict.fromkeys((table.metric, *COLUMNS))
    everybody = table.finished + table.unfinished
    labels = {standing.method: standing.label for standing in everybody}
    reference = labels.get(table.reference, "the best")
    rows = [
        _cells(
            str(place),
            standing.label,
            *(_score(standing, name) for name in shown),
            _range(standing.scores.mean, standing.interval),
            f"{table.ranking.of[standing.method]:.2f}"
            if table.ranking
            else access.NOTHING,
            *_p(table, standing, table.reference),
            *_p(table, standing, table.baseline),
            *_size(standing),
        )
        for place, standing in enumerate(table.finished, start=1)
    ]
    for standing in table.unfinished:
        empty = [access.NOTHING] * (len(shown) + 5)
        progress = access.progress(standing.group)
        rows.append(
            _cells("", standing.label, progress, *empty, *_size(standing))
        )
    return Block(
        title=Cell("Pooled over the windows of all people, and over people"),
        columns=(
            "#",
            "Method",
            *(METRIC_NAMES[name] for name in shown),
            f"{metric}, mean over people [{LEVEL:.0%}]",
            "Average rank",
            f"Holm p to {reference}: by person",
            "pooled",
            "Holm p to majority: by person",
            "pooled",
            "Parameters",
            "FLOPs",
        ),
        groups=(tuple(rows),),
    )


def spread_grid(table: Standings) -> Block:
    """What varies over seeds, apart from what varies over people."""
    rows = []
    for standing in table.finished:
        pooled, scores = standing.pooled(table.metric), standing.scores
        interval = table.pooled_intervals.get((standing.method, table.metric))
        rows.append(
            _cells(
                standing.label,
                _range(pooled.mean, interval),
                _number(pooled.sd),
                _range(scores.mean, standing.interval),
                _number(scores.seed_sd),
                _number(scores.subject_sd),
            )
        )
    return Block(
        title=Cell(
            f"{METRIC_NAMES[table.metric]}: spread over people and over seeds"
        ),
        columns=(
            "Method",
            f"Pooled {_INTERVAL}",
            "sd over seeds",
            f"Mean over people {_INTERVAL}",
            "sd over seeds",
            "sd over people",
        ),
        groups=(tuple(rows),),
        left=1,
    )


def times_grid(table: Standings) -> Block:
    """Training and prediction times, which differ between equal runs."""
    rows = []
    for standing in table.finished + table.unfinished:
        seconds = access.score(standing.group, "fit_seconds")
        known = seconds is not None and seconds.mean is not None
        rows.append(
            _cells(
                standing.label,
                access.number(seconds, 1) if known else access.NOTHING,
                _short(standing.cost.latency_ms_single),
                _short(standing.cost.latency_ms_batch),
            )
        )
    return Block(
        title=Cell("Times"),
        columns=(
            "Method",
            "Training, seconds a fold",
            "Latency, ms a window: one by one",
            "512 at once",
        ),
        groups=(tuple(rows),),
        left=1,
        remarks=_time_remarks(table),
        timing=True,
    )


def _time_remarks(table: Standings) -> tuple[str, ...]:
    groups = table.groups
    text = (
        "Training: wall-clock seconds, pre-training included, the one-time "
        "tracing of networks left out, mean over folds. Latency: median "
        "wall-clock time of a prediction from scaled windows, after warm-up."
    )
    hardware = sorted(
        {e["hardware"] for e in access.environments(groups) if "hardware" in e}
    )
    if hardware:
        text += f" Training on: {'; '.join(hardware)}."
    if len(hardware) > 1:
        text += " Times from different hardware do not compare."
    jobs = max(group.jobs for group in groups.values())
    if jobs > 1:
        text += (
            f" Up to {jobs} folds ran at once and slowed each other down: "
            "training times do not compare."
        )
    return (text,)


def pairs_grid(table: Standings) -> Block:
    """One row a pair of methods."""
    labels = {standing.method: standing.label for standing in table.finished}
    groups: dict[str, list] = {}
    for pair in table.comparisons:
        groups.setdefault(pair.first, []).append(_pair(pair, labels))
    tests = f"Test of means over people: {table.comparisons[0].test}."
    if table.comparisons[0].pooled_p is not None:
        tests += f" Test of pooled differences: {EXCHANGE}."
    return Block(
        title=Cell(
            f"All pairs: {METRIC_NAMES[table.metric]} of the first minus the "
            "second"
        ),
        columns=(
            "First",
            "Second",
            f"Mean over people {_INTERVAL}",
            "Rank-biserial",
            "d_z",
            "p",
            "Holm p",
            f"Pooled {_INTERVAL}",
            "p",
            "Holm p",
        ),
        groups=tuple(tuple(rows) for rows in groups.values()),
        remarks=(tests,),
    )


def _pair(pair: Comparison, labels: Mapping[str, str]) -> tuple[Cell, ...]:
    return _cells(
        labels[pair.first],
        labels[pair.second],
        _range(pair.difference, pair.interval, sign="+"),
        f"{pair.rank_biserial:+.2f}",
        access.NOTHING if pair.cohens_dz is None else f"{pair.cohens_dz:+.2f}",
        p_text(pair.p),
        p_text(pair.p_holm),
        _range(pair.pooled_difference, pair.pooled_interval, sign="+"),
        p_text(pair.pooled_p),
        p_text(pair.pooled_p_holm),
    )


def _cells(*texts: str) -> tuple[Cell, ...]:
    return tuple(map(Cell, texts))


def _score(standing: Standing, metric: str) -> str:
    score = standing.pooled(metric)
    return "undefined" if score.mean is None else access.number(score, 3)


def _p(
    table: Standings, standing: Standing, other: str | None
) -> tuple[str, str]:
    pair = table.against(standing.method, other)
    if pair is None:
        return access.NOTHING, access.NOTHING
    return p_text(pair.p_holm), p_text(pair.pooled_p_holm)


def _size(standing: Standing) -> tuple[str, str]:
    counts = standing.cost.parameters, standing.cost.flops
    return tuple("" if n is None else f"{n:,}" for n in counts)


def _range(
    value: float | None, interval: Interval | None, sign: str = ""
) -> str:
    if value is None:
        return access.NOTHING
    # Adding zero turns -0.0 into 0.0.
    text = f"{round(value, 3) + 0.0:{sign}.3f}"
    if interval is None:
        return text
    low, high = (
        f"{round(end, 3) + 0.0:{sign}.3f}"
        for end in (interval.low, interval.high)
    )
    return f"{text} [{low}, {high}]"


def _number(value: float | None) -> str:
    return access.NOTHING if value is None else f"{value:.3f}"


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
