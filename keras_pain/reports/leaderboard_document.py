"""How a leaderboard reads: what stands above and below its grids."""

from collections.abc import Sequence

from keras_pain.experiments.metrics import RULES
from keras_pain.reports import access
from keras_pain.reports.document import Document
from keras_pain.reports.leaderboard_grids import (
    pairs_grid,
    scores_grid,
    spread_grid,
    times_grid,
)
from keras_pain.reports.standings import Standings
from keras_pain.reports.statistics_words import (
    METRIC_NAMES,
    counted,
    p_text,
    statistics_remarks,
)


def leaderboard_document(
    table: Standings,
    *,
    title: str,
    corpus: str,
    simulated: bool,
    header: Sequence[str],
    class_names: Sequence[str],
) -> Document:
    """The leaderboard as a document.

    Args:
        table: The standings.
        title: Its title.
        corpus: Name of the corpus.
        simulated: Whether it is simulated.
        header: Lines above the grids.
        class_names: Name of every class.

    Returns:
        The document.
    """
    [(evaluation, protocol, _), *_] = table.groups
    lines = [
        f"Corpus: {corpus}",
        f"{access.evaluation_name(evaluation)}, protocol {protocol}.",
        f"Classes: {', '.join(class_names)}.",
        *header,
    ]
    if table.unfinished:
        title = f"{title} (INCOMPLETE)"
        missing = "; ".join(
            f"{standing.method} {access.progress(standing.group)}"
            for standing in table.unfinished
        )
        lines.append(f"INCOMPLETE, not in any test: {missing}")
    blocks = [scores_grid(table)]
    if table.finished:
        blocks.append(spread_grid(table))
    blocks.append(times_grid(table))
    if table.comparisons:
        blocks.append(pairs_grid(table))
    return Document(
        name="leaderboard",
        title=f"SIMULATED: {title}" if simulated else title,
        lines=tuple(lines),
        blocks=tuple(blocks),
        footnotes=(),
        remarks=_remarks(table, simulated),
    )


def _remarks(table: Standings, simulated: bool) -> tuple[str, ...]:
    remarks = []
    if simulated:
        remarks.append(
            "SIMULATED: measured on simulated recordings. It shows that the "
            "pipeline runs; the order of the methods says nothing about people."
        )
    groups = table.groups
    seeds = max(group.num_seeds for group in groups.values())
    folds = max(group.num_folds for group in groups.values())
    remarks.append(
        f"Order: pooled {METRIC_NAMES[table.metric]}; pooled metrics are means "
        f"over {counted(seeds, 'seed')} (± standard deviation) of "
        f"{counted(folds, 'fold')} each."
    )
    if table.finished:
        remarks += statistics_remarks(
            [standing.scores for standing in table.finished],
            table.comparisons,
        )
        if table.ranking and table.ranking.p is not None:
            ranking = table.ranking
            remarks.append(
                f"Friedman's test over {len(ranking.methods)} methods: "
                f"{ranking.friedman:.2f}, p {_equals(ranking.p)}; Nemenyi's "
                "critical difference of average ranks at 5%: "
                f"{ranking.critical_difference:.2f}."
            )
    else:
        remarks.append("No method is finished: there is nothing to compare.")
    remarks.append(
        "FLOPs are of one window: matrix products only, a multiply-add is two. "
        "Classical methods have neither parameters nor FLOPs in that sense."
    )
    remarks += RULES.values()
    if data := access.fingerprint(groups):
        remarks.append(f"Fingerprint of the data: {data}.")
    for environment in access.environments(groups):
        versions = environment.get("versions") or {}
        software = [f"{n} {v}" for n, v in sorted(versions.items()) if v]
        if commit := environment.get("git_commit"):
            software.append(f"commit {commit}")
        if software:
            remarks.append(f"Software: {', '.join(software)}.")
    return tuple(dict.fromkeys(remarks))


def _equals(p: float) -> str:
    text = p_text(p)
    return text if text.startswith("<") else f"= {text}"
