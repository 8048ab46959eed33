"""A leaderboard drawn from the result store: scores, costs and statistics.

Methods are ordered by a metric pooled over all windows, and tested by person:
every pair, with Holm's correction. A method whose folds are not all there is
listed with how many are, and is in no test.
"""

import pathlib
from collections.abc import Iterable, Mapping, Sequence

from keras_pain.experiments.atomic import write_file
from keras_pain.experiments.keys import FoldKey
from keras_pain.experiments.store import ResultStore
from keras_pain.reports import access, render
from keras_pain.reports.canvas import SIMULATED
from keras_pain.reports.leaderboard_document import leaderboard_document
from keras_pain.reports.leaderboard_rows import (
    CSV_COLUMNS,
    LATENCIES,
    leaderboard_rows,
)
from keras_pain.reports.longform import csv_text, json_text, rounded
from keras_pain.reports.standings import Cost, Standings, standings
from keras_pain.reports.statistics_figures import (
    plot_critical_difference,
    plot_forest,
)

__all__ = [
    "CSV_COLUMNS",
    "Cost",
    "leaderboard_rows",
    "strip_timings",
    "write_leaderboard",
]


def write_leaderboard(
    store: ResultStore,
    expected: Mapping[FoldKey, Mapping] | Iterable[FoldKey],
    out_dir,
    *,
    labels: Mapping[str, str],
    class_names: Sequence[str],
    title: str,
    corpus: str,
    simulated: bool,
    header: Sequence[str] = (),
    costs: Mapping[str, Cost] | None = None,
    reference: str | None = None,
    metric: str = "macro_f1",
) -> list[pathlib.Path]:
    """Write `leaderboard.md`, `.csv`, `.json` and two figures.

    The same folds give the same bytes, times apart. Of a simulated corpus the
    files end in `_SIMULATED`; those of the other kind are removed.

    Args:
        store: Where the folds are.
        expected: All folds of one evaluation and protocol; as a mapping, with
            the configuration each must have been run under.
        out_dir: Folder for the files; figures go into `figures` below it.
        labels: What readers call the methods; their names by default.
        class_names: Name of every class.
        title: Its title.
        corpus: Name of the corpus.
        simulated: Whether the corpus is simulated.
        header: Lines to print above the grids.
        costs: Parameters, operations and latency by method.
        reference: Method to show everybody's p-value against; None takes the
            best one.
        metric: What orders the methods and is tested.

    Returns:
        The paths of the files: `.md` first, then figures as far as there is
        something to draw.

    Raises:
        ConfigurationError: See `keras_pain.reports.standings.standings`.
        KerasPainError: A file cannot be read or written.
    """
    expected = expected if isinstance(expected, Mapping) else tuple(expected)
    table = standings(
        store,
        expected,
        labels=labels,
        costs=costs or {},
        num_classes=len(class_names),
        reference=reference,
        metric=metric,
    )
    document = leaderboard_document(
        table,
        title=title,
        corpus=corpus,
        simulated=simulated,
        header=header,
        class_names=class_names,
    )
    rows = leaderboard_rows(table, corpus=corpus, simulated=simulated)
    head = {
        "name": document.name,
        "title": document.title,
        "corpus": corpus,
        "simulated": simulated,
        "complete": not table.unfinished,
        "metric": metric,
        "reference": table.reference,
        "class_names": list(class_names),
        "header": list(header),
        **_ranking(table),
        "remarks": list(document.remarks),
        "fingerprint": access.fingerprint(table.groups),
        "provenance": access.environments(table.groups),
    }
    texts = {
        "md": render.markdown(document),
        "csv": csv_text(CSV_COLUMNS, rows),
        "json": json_text(head, rows),
    }
    out_dir = pathlib.Path(out_dir)
    mark, other = (f"_{SIMULATED}", "") if simulated else ("", f"_{SIMULATED}")
    paths = []
    for suffix, text in texts.items():
        path = out_dir / f"leaderboard{mark}.{suffix}"
        paths.append(write_file(path, text.encode()))
        (out_dir / f"leaderboard{other}.{suffix}").unlink(missing_ok=True)
    return paths + _figures(table, title, out_dir / "figures", simulated)


def strip_timings(text: str) -> str:
    """A leaderboard file without times, for comparisons.

    Args:
        text: A `.md`, `.csv` or `.json` file of `write_leaderboard`.

    Returns:
        The other lines. What is left of a `.json` file need not parse.
    """
    return "".join(
        line
        for line in render.strip_timings(text).splitlines(keepends=True)
        if not any(name in line for name in LATENCIES)
    )


def _ranking(table: Standings) -> dict:
    ranking = table.ranking
    if ranking is None:
        return {"friedman": None, "critical_difference": None}
    friedman = {"statistic": rounded(ranking.friedman), "p": ranking.p}
    return {
        "friedman": None if ranking.friedman is None else friedman,
        "critical_difference": rounded(ranking.critical_difference),
    }


def _figures(
    table: Standings, title: str, folder: pathlib.Path, simulated: bool
) -> list[pathlib.Path]:
    """Both figures; those that cannot be drawn are removed."""
    labels = {standing.method: standing.label for standing in table.finished}
    options = {"labels": labels, "simulated": simulated}
    paths = []
    ranks, forest = folder / "critical_difference.png", folder / "forest.png"
    if table.ranking:
        paths.append(
            plot_critical_difference(
                table.ranking, table.comparisons, title, ranks, **options
            )
        )
    if table.finished:
        scores = [standing.scores for standing in table.finished]
        paths.append(plot_forest(scores, title, forest, **options))
    for path in (ranks, forest):
        marked = path.with_stem(f"{path.stem}_{SIMULATED}")
        for stale in {path, marked} - set(paths):
            stale.unlink(missing_ok=True)
    return paths
