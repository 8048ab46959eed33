"""A leaderboard drawn from the result store: scores, costs and statistics.

Methods are ordered by a metric pooled over all windows, and tested by person:
every pair, with Holm's correction. A method whose folds are not all there is
listed with how many are, and is in no test.
"""

import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from keras_pain import io
from keras_pain.errors import ConfigurationError, check_choice
from keras_pain.experiments.metrics import RULES, SCALAR_METRICS
from keras_pain.experiments.store import FoldKey, ResultStore
from keras_pain.reports import statistics as stats
from keras_pain.reports import statistics_figures as plots
from keras_pain.reports import table as tables
from keras_pain.reports.figures import paper_name
from keras_pain.reports.statistics import LEVEL, METRIC_NAMES, counted, p_text
from keras_pain.reports.table import MAJORITY, NOTHING, Grid, Sheet, number

CSV_COLUMNS = (
    *("method", "against", "protocol", "metric", "value"),
    *("sd_seeds", "sd_people", "low", "high", "p", "p_holm", "test"),
    *("n_people", "n_folds", "n_seeds", "corpus", "simulated"),
)
_SHOWN = ("macro_f1", "mcc", "accuracy", "balanced_accuracy", "roc_auc")
_TESTS = {
    stats.PERMUTATION: "Test: sign-flip permutation of the mean paired "
    "difference, exact over all sign changes, as there are at most "
    f"{stats.MOST_EXACT} people.",
    stats.WILCOXON: "Test: Wilcoxon's signed-rank test on paired differences; "
    "those of zero are dropped (zero_method wilcox). Exact where no two "
    "differences are equal in size or at most 13 are left, else the normal "
    "approximation corrected for ties.",
}
_INTERVAL = f"[{LEVEL:.0%} over people]"


class Cost(NamedTuple):
    """What using a method costs; None is unknown or does not apply.

    Parameters are all, FLOPs and latencies of one window, see
    `keras_pain.models.flops`; windows come one by one, or 512 at once.
    """

    parameters: int | None = None
    flops: int | None = None
    latency_ms_single: float | None = None
    latency_ms_batch: float | None = None


class Standings(NamedTuple):
    """All methods under one evaluation and protocol.

    `people` are scores by person of the methods with all folds, best pooled
    metric first, on the people who define the metric; `comparisons` all pairs
    of these. Intervals are by method and metric, over people.
    """

    metric: str
    place: tuple[str, str]  # evaluation and protocol
    scores: tables.Scores
    people: dict[str, stats.SubjectScores]
    unfinished: list[str]  # the other methods, in the order wanted
    reference: str | None  # to compare with; None where none is finished
    comparisons: list[stats.Comparison]
    ranking: stats.Ranking | None
    pooled_intervals: dict[tuple[str, str], stats.Interval | None]

    @property
    def methods(self) -> list[str]:
        """The finished ones, best first, and the others."""
        return [*self.people, *self.unfinished]

    def score(self, method: str, metric: str) -> pd.Series | None:
        """Mean and spread over seeds of a metric; None is not run."""
        return self.scores.get((*self.place, method), metric)

    def state(self, method: str) -> str:
        """How many folds of an unfinished method are there."""
        return self.scores.state((*self.place, method))

    def against(self, one: str, other: str | None) -> stats.Comparison | None:
        """The comparison of two methods, whichever came first."""
        both = {one, other}
        pairs = (p for p in self.comparisons if {p.first, p.second} == both)
        return next(pairs, None)


def read_standings(
    store: ResultStore,
    expected: Mapping[FoldKey, Mapping] | Sequence[FoldKey],
    *,
    num_classes: int,
    reference: str | None = None,
    metric: str = "macro_f1",
) -> Standings:
    """Reads all folds, and compares the finished methods with the reference.

    None takes the best by the metric, one of `SCALAR_METRICS`; see also
    `read_scores`. Raises ConfigurationError where folds are not of one place,
    the reference is unknown, or methods cannot be compared.
    """
    keys: dict[str, list[FoldKey]] = {}
    for key in expected:
        keys.setdefault(key.method, []).append(key)
    places = sorted({(key.evaluation, key.protocol) for key in expected})
    if len(places) != 1:
        got = ", ".join(map("/".join, places)) or "none"
        problem = f"a leaderboard is of one evaluation and protocol, got {got}"
        raise ConfigurationError(f"{problem}; write one for each")
    if reference is not None:
        check_choice("reference", reference, keys)
    scores = tables.read_scores(store, expected, num_classes)
    everyone = [
        stats.subject_scores(map(store.read, keys[row[2]]), metric, num_classes)
        for row in scores.rows.index
        if not scores.state(row)
    ]
    everyone.sort(key=lambda found: found.method)
    # What is undefined comes last.
    everyone.sort(key=lambda f: np.nan_to_num(-f.pooled.mean(), nan=np.inf))
    kept = stats.align(everyone)[0] if everyone else []
    finished, intervals = [found.method for found in everyone], {}
    for found in everyone:
        for name, draws in found.pooled_draws.items():
            intervals[found.method, name] = stats.percentile_interval(draws)
    return Standings(
        *(metric, places[0], scores, {found.method: found for found in kept}),
        unfinished=[method for method in keys if method not in finished],
        reference=reference or next(iter(finished), None),
        comparisons=stats.compare_all(everyone) if everyone else [],
        ranking=stats.rank_methods(everyone) if len(everyone) > 1 else None,
        pooled_intervals=intervals,
    )


def write_leaderboard(
    store: ResultStore,
    expected: Mapping[FoldKey, Mapping] | Sequence[FoldKey],
    out_dir,
    *,
    labels: Mapping[str, str],
    class_names: Sequence[str],
    title: str,
    corpus: str,
    simulated: bool,
    header: Sequence[str] = (),
    costs: Mapping[str, Cost],
    reference: str | None = None,
    metric: str = "macro_f1",
) -> list[pathlib.Path]:
    """Writes `leaderboard.md`, `.tex`, `.csv`, `.json` and two figures.

    See `read_standings` and `keras_pain.reports.table.write_table`. `labels`
    are what readers call the methods, their names by default; `costs` are by
    method, where known. Figures go into `figures`, as far as there is something
    to draw. Returns all paths.
    """
    chosen = {"reference": reference, "metric": metric}
    chosen["num_classes"] = len(class_names)
    standings = read_standings(store, expected, **chosen)
    labels = {name: labels.get(name, name) for name in standings.methods}
    costs = {method: costs.get(method, Cost()) for method in standings.methods}
    evaluation, protocol = standings.place
    lines = [
        f"Corpus: {corpus}",
        f"{tables.evaluation_title(evaluation)}, protocol {protocol}.",
        f"Classes: {', '.join(class_names)}.",
        *header,
    ]
    whole_title = title
    if standings.unfinished:
        whole_title += " (INCOMPLETE)"
        states = [f"{m} {standings.state(m)}" for m in standings.unfinished]
        lines.append(f"INCOMPLETE, not in any test: {'; '.join(states)}")
    grids = [
        _scores(standings, labels, costs),
        standings.people and _spread(standings, labels),
        _times(standings, labels, costs),
        standings.comparisons and _pairs(standings, labels),
    ]
    title_said = io.marked_title(whole_title, simulated)
    parts = "leaderboard", title_said, lines, [*filter(None, grids)]
    sheet = Sheet(*parts, remarks=_remarks(standings, simulated))
    of_corpus = {"corpus": corpus, "simulated": simulated}
    rows = [
        dict.fromkeys(CSV_COLUMNS)
        | {k: io.rounded(v) if isinstance(v, float) else v for k, v in row}
        | {"protocol": "/".join(standings.place), **of_corpus}
        for row in map(dict.items, _long_rows(standings, costs))
    ]
    ranking, friedman = standings.ranking, None
    if ranking and ranking.p is not None:
        friedman = {"statistic": io.rounded(ranking.friedman), "p": ranking.p}
    distance = ranking and io.rounded(ranking.critical_difference)
    head = {**of_corpus, "complete": not standings.unfinished}
    head |= {"metric": metric, "reference": standings.reference}
    head |= {"class_names": class_names, "header": header}
    head |= {"friedman": friedman, "critical_difference": distance}
    head |= {"remarks": sheet.remarks, **standings.scores.provenance}
    paths = sheet.write(out_dir, sheet.name, CSV_COLUMNS, rows, simulated, head)
    names = {method: paper_name(label) for method, label in labels.items()}
    options = {"labels": names, "simulated": simulated}
    folder, scores = pathlib.Path(out_dir, "figures"), standings.people.values()
    ranks, forest = folder / "critical_difference.png", folder / "forest.png"
    for path in (ranks, forest):  # those that cannot be drawn are removed
        path.unlink(missing_ok=True)
        io.marked(path, True).unlink(missing_ok=True)
    if ranking:
        found = ranking, standings.comparisons, title
        paths.append(plots.plot_critical_difference(*found, ranks, **options))
    if scores:
        paths.append(plots.plot_forest([*scores], title, forest, **options))
    return paths


def _remarks(standings, simulated):
    rows, ranking = standings.scores.rows, standings.ranking
    remarks = [
        simulated
        and "SIMULATED: measured on simulated recordings. It shows that the "
        "pipeline runs; the order of the methods says nothing about people.",
        f"Order: pooled {METRIC_NAMES[standings.metric]}; pooled metrics are "
        f"means over {counted(rows.seeds.max(), 'seed')} (± standard "
        f"deviation) of {counted(rows.folds.max(), 'fold')} each.",
        *_statistics_remarks(standings),
    ]
    if ranking and ranking.p is not None:
        p = p_text(ranking.p)
        remarks.append(
            f"Friedman's test over {len(ranking.ranks)} methods: "
            f"{ranking.friedman:.2f}, p {'' if p[0] == '<' else '= '}{p}; "
            "Nemenyi's critical difference of average ranks at 5%: "
            f"{ranking.critical_difference:.2f}."
        )
    remarks += [
        "FLOPs are of one window: matrix products only, a multiply-add is two. "
        "Classical methods have neither parameters nor FLOPs in that sense.",
        *RULES.values(),
        *tables.software_remarks(standings.scores),
    ]
    return list(dict.fromkeys(filter(None, remarks)))


def _statistics_remarks(standings):
    """How the comparisons were made, and what they cannot show."""
    if not standings.people:
        return ["No method is finished: there is nothing to compare."]
    scores = next(iter(standings.people.values()))
    metric = METRIC_NAMES[standings.metric]
    people, comparisons = len(scores.subjects), standings.comparisons
    classes = (scores.confusions[0].sum(axis=-1) > 0).sum(axis=-1)
    remarks = [
        f"Statistics are over people: each of the {people} counts once, with "
        f"the mean of {metric} over {counted(len(scores.seeds), 'seed')}. The "
        "± of pooled metrics is the standard deviation over seeds and says "
        "nothing about other people; the intervals are over people.",
        f"Intervals: {LEVEL:.0%}, bootstrap of people, {stats.DRAWS} draws; of "
        "means over people bias-corrected and accelerated (BCa), of pooled "
        "metrics percentile. They are not corrected for the number of "
        "comparisons, and take the trained networks as given: that the folds "
        "of different people share training data is in none of them.",
        1 in classes
        and f"{(classes == 1).sum()} of the {people} people have windows of "
        "one class only. A method that always says that class is perfect "
        f"there, so that means of {metric} over people favour the majority "
        "baseline: read the pooled differences and their tests beside them.",
    ]
    if not comparisons:
        end = "A single finished method: there is no pair to compare."
        return [*remarks, end]
    first, dropped = comparisons[0], comparisons[0].dropped
    exact = people + len(dropped) <= stats.MOST_EXACT
    how = "in every possible way" if exact else f"{stats.DRAWS} times at random"
    few, advice = stats.too_few_people(comparisons), "More people are needed."
    if stats.least_p(first) < 1 - LEVEL:
        advice = "Compare fewer methods."
    tests = dict.fromkeys(pair.by_person.test for pair in comparisons)
    return [
        *remarks,
        *(_TESTS[test] for test in tests),
        first.pooled.test
        and "Test of pooled differences: the predictions of two methods are "
        f"exchanged, a whole person at a time, {how}.",
        "p-values are two-sided; Holm's correction is over "
        f"{counted(len(comparisons), 'pair')} of methods. Effect size: "
        "matched-pairs rank-biserial correlation, from -1 to 1, and Cohen's "
        "d_z, mean difference over its standard deviation (– where all "
        "differences are equal).",
        dropped
        and f"{counted(len(dropped), 'person', 'people')} left out of "
        f"statistics over people, of all methods alike, as {metric} is "
        f"undefined there: {', '.join(dropped)}.",
        few
        and f"{few} {advice} Intervals over so few people are too narrow "
        "to stand in for a test, and Friedman's test says only that not "
        "all methods are alike.",
    ]


def _sources(standings):
    """Whose folds the row of each method is of."""
    return [[(*standings.place, method)] for method in standings.methods]


def _scores(standings, labels, costs):
    """One row a method: scores, p-values, size."""
    metric = METRIC_NAMES[standings.metric]
    shown = dict.fromkeys((standings.metric, *_SHOWN))
    rows = []
    for place, (method, scores) in enumerate(standings.people.items(), start=1):
        found = [standings.score(method, f"pooled_{name}") for name in shown]
        rank = standings.ranking and f"{standings.ranking.ranks[method]:.2f}"
        row = [
            *(str(place), labels[method]),
            *(number(score, 3, "undefined") for score in found),
            *(_range(scores.mean, scores.interval), rank or NOTHING),
        ]
        for other in (standings.reference, MAJORITY):
            pair = standings.against(method, other)
            tests = (pair.by_person, pair.pooled) if pair else ()
            row += [p_text(test.p_holm) for test in tests] or [NOTHING] * 2
        rows.append(row)
    for method in standings.unfinished:
        row = ["", labels[method], standings.state(method)]
        rows.append(row + [NOTHING] * (len(shown) + 5))
    for row, method in zip(rows, standings.methods, strict=True):
        row += ["" if n is None else f"{n:,}" for n in costs[method][:2]]
    best = labels.get(standings.reference, "the best")
    columns = [
        *("#", "Method", *(METRIC_NAMES[name] for name in shown)),
        *(f"{metric}, mean over people [{LEVEL:.0%}]", "Average rank"),
        *(f"Holm p to {best}: by person", "pooled"),
        *("Holm p to majority: by person", "pooled", "Parameters", "FLOPs"),
    ]
    title = "Pooled over the windows of all people, and over people"
    return Grid(title, columns, [rows], sources=_sources(standings))


def _spread(standings, labels):
    """What varies over seeds, apart from what varies over people."""
    rows = []
    for method, scores in standings.people.items():
        pooled = standings.score(method, f"pooled_{standings.metric}")
        interval = standings.pooled_intervals.get((method, standings.metric))
        mean = _range(scores.mean, scores.interval)
        spreads = map(_range, (scores.seed_sd, scores.subject_sd))
        row = [labels[method], _range(pooled["mean"], interval)]
        rows.append([*row, _range(float(pooled.sd)), mean, *spreads])
    columns = [
        *("Method", f"Pooled {_INTERVAL}", "sd over seeds"),
        *(f"Mean over people {_INTERVAL}", "sd over seeds", "sd over people"),
    ]
    metric = METRIC_NAMES[standings.metric]
    title = f"{metric}: spread over people and over seeds"
    sources = _sources(standings)[: len(rows)]
    return Grid(title, columns, [rows], left=1, sources=sources)


def _times(standings, labels, costs):
    """Training and prediction times, which differ between equal runs."""
    rows = []
    for method in standings.methods:
        seconds = number(standings.score(method, "fit_seconds"), 1)
        latencies = ["" if n is None else f"{n:.3g}" for n in costs[method][2:]]
        rows.append([labels[method], seconds, *latencies])
    latencies = "Latency, ms a window: one by one", "512 at once"
    columns = ["Method", "Training, seconds a fold", *latencies]
    training = "Training on", "training times"
    text = (
        "Training: wall-clock seconds, pre-training included, the one-time "
        "tracing of networks left out, mean over folds. Latency: median "
        "wall-clock time of a prediction from scaled windows, after warm-up."
        + tables.hardware_remarks(standings.scores, *training)
    )
    more = {"timing": True, "sources": _sources(standings)}
    return Grid("Times", columns, [rows], left=1, remarks=(text,), **more)


def _pairs(standings, labels):
    """One row a pair of methods."""
    groups = {}
    for pair in standings.comparisons:
        d_z = pair.cohens_dz
        (person, *p_person), pooled = (
            (_range(d.value, d.interval, "+"), p_text(d.p), p_text(d.p_holm))
            for d in (pair.by_person, pair.pooled)
        )
        row = [labels[pair.first], labels[pair.second], person]
        row.append(f"{pair.rank_biserial:+.2f}")
        row.append(NOTHING if d_z is None else f"{d_z:+.2f}")
        groups.setdefault(pair.first, []).append([*row, *p_person, *pooled])
    first = standings.comparisons[0]
    tests = f"Test of means over people: {first.by_person.test}."
    if first.pooled.test:
        tests += f" Test of pooled differences: {stats.EXCHANGE}."
    columns = [
        *("First", "Second", f"Mean over people {_INTERVAL}"),
        *("Rank-biserial", "d_z", "p", "Holm p"),
        *(f"Pooled {_INTERVAL}", "p", "Holm p"),
    ]
    metric = METRIC_NAMES[standings.metric]
    title = f"All pairs: {metric} of the first minus the second"
    names = [(pair.first, pair.second) for pair in standings.comparisons]
    sources = [[(*standings.place, name) for name in pair] for pair in names]
    more = {"remarks": (tests,), "sources": sources}
    return Grid(title, columns, list(groups.values()), **more)


def _range(value, interval=None, sign=""):
    if pd.isna(value):
        return NOTHING
    first, *ends = (f"{v:{sign}z.3f}" for v in (value, *(interval or ())))
    return f"{first} [{', '.join(ends)}]" if ends else first


def _long_rows(standings, costs):
    """What `CSV_COLUMNS` say of each number: of methods, then of pairs."""
    rows = []

    def add(method, metric, value, interval=None, **more):
        low, high = interval or (None, None)
        row = {"method": method, "metric": metric, "value": value}
        rows.append({**row, "low": low, "high": high, **more})

    def add_score(method, metric, interval=None):
        score = standings.score(method, metric)
        n_folds, n_seeds = int(score.folds), int(score.seeds)
        more = {"n_folds": n_folds, "n_seeds": n_seeds, "sd_seeds": score.sd}
        add(method, metric, score["mean"], interval, **more)

    for method in standings.methods:
        if scores := standings.people.get(method):
            for metric in SCALAR_METRICS:
                interval = standings.pooled_intervals.get((method, metric))
                add_score(method, f"pooled_{metric}", interval)
            people, seeds = len(scores.subjects), len(scores.seeds)
            counts = {"n_people": people, "n_seeds": seeds}
            sds = {"sd_seeds": scores.seed_sd, "sd_people": scores.subject_sd}
            mean = (f"subject_mean_{standings.metric}", scores.mean)
            add(method, *mean, scores.interval, **counts, **sds)
            if standings.ranking:
                rank = standings.ranking.ranks[method]
                add(method, "average_rank", rank, **counts)
            add_score(method, "fit_seconds")
        else:
            folds = standings.state(method).removesuffix(" folds")
            add(method, f"pooled_{standings.metric}", None, n_folds=folds)
        for name, value in costs[method]._asdict().items():
            add(method, name, value)
    for pair in standings.comparisons:
        both = {"against": pair.second, "n_people": pair.num_subjects}
        kinds = {"subject_mean": pair.by_person, "pooled": pair.pooled}
        for kind, found in kinds.items():
            name = f"difference_{kind}_{pair.metric}"
            add(pair.first, name, **found._asdict(), **both)
        for name in ("rank_biserial", "cohens_dz"):
            add(pair.first, name, getattr(pair, name), **both)
    return rows
