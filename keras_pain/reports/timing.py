"""The grid of training times, the one part that differs between equal runs."""

from collections.abc import Sequence

from keras_pain.reports.access import (
    NOTHING,
    Groups,
    all_rows,
    evaluation_name,
    number,
    progress,
    protocols,
    score,
)
from keras_pain.reports.aggregate import Group
from keras_pain.reports.document import Block, Cell, Footnotes
from keras_pain.reports.published import (
    TRAINING_TIME,
    Published,
    PublishedValue,
)
from keras_pain.reports.spec import RowSpec, TableSpec


def has_reference(spec: TableSpec, groups: Groups, evaluation: str) -> bool:
    """Whether the reference method has a row to compare with."""
    return (spec.reference, evaluation) in {
        (row.method, row.evaluation) for row in all_rows(spec, groups)
    }


def time_ratio(
    spec: TableSpec, groups: Groups, group: Group | None
) -> float | None:
    """Training time in ratio to the reference method's in the same run.

    Args:
        spec: The table, which names the reference.
        groups: All groups of the run.
        group: The group in question.

    Returns:
        The ratio of seconds a fold; None where one of them is unknown.
    """
    if group is None:
        return None
    reference = groups.get((group.evaluation, group.protocol, spec.reference))
    mine, base = score(group, "fit_seconds"), score(reference, "fit_seconds")
    if mine is None or base is None or mine.mean is None or not base.mean:
        return None
    return mine.mean / base.mean


def timing_blocks(
    spec: TableSpec,
    groups: Groups,
    published: Published,
    footnotes: Footnotes,
    evaluation: str,
) -> list[Block]:
    """Training times of one evaluation.

    Args:
        spec: The table.
        groups: All groups of the run.
        published: The paper's numbers, for the times it prints.
        footnotes: Gets the notes on these times.
        evaluation: `"holdout"` or `"loso"`.

    Returns:
        One block, or none where neither we nor the paper have a time.
    """
    rows = [
        r
        for r in all_rows(spec, groups)
        if r.evaluation == evaluation and not r.literature
    ]
    names = protocols(groups, evaluation)
    papers = {
        row.method: published.get(row.method, evaluation, TRAINING_TIME)
        for row in rows
    }
    times = [
        score(groups.get((evaluation, name, row.method)), "fit_seconds")
        for row in rows
        for name in names
    ]
    known = any(time is not None and time.mean is not None for time in times)
    if not known and not any(p is not None and p.text for p in papers.values()):
        return []
    columns = ["Method", "", "Seconds a fold", "Paper"]
    with_ratio = has_reference(spec, groups, evaluation)
    if with_ratio:
        [label] = [r.label for r in rows if r.method == spec.reference]
        columns.insert(3, f"Ratio to {label}")
    lines = [
        _lines(spec, groups, row, names, papers[row.method], footnotes)
        for row in rows
    ]
    if not with_ratio:
        lines = [[line[:3] + line[4:] for line in group] for group in lines]
    return [
        Block(
            title=Cell(f"{evaluation_name(evaluation)}, training time"),
            columns=tuple(columns),
            groups=tuple(tuple(group) for group in lines if group),
            remarks=_remarks(groups, evaluation),
            timing=True,
        )
    ]


def _lines(
    spec: TableSpec,
    groups: Groups,
    row: RowSpec,
    names: Sequence[str],
    paper: PublishedValue | None,
    footnotes: Footnotes,
) -> list[tuple[Cell, ...]]:
    lines = []
    for name in names:
        group = groups.get((row.evaluation, name, row.method))
        ratio = time_ratio(spec, groups, group)
        label, printed = Cell(""), Cell("")
        if not lines:
            label = Cell(row.label)
            text = paper.text if paper else ""
            marks = footnotes.mark(paper.note) if paper else ()
            printed = Cell(text or NOTHING, marks)
        lines.append(
            (
                label,
                Cell(name),
                Cell(_seconds(group)),
                Cell(NOTHING if ratio is None else f"{ratio:.2f}"),
                printed,
            )
        )
    return lines


def _seconds(group: Group | None) -> str:
    if group is not None and not group.complete:
        return progress(group)
    seconds = score(group, "fit_seconds")
    if seconds is None or seconds.mean is None:
        return NOTHING
    return number(seconds, 1)


def _remarks(groups: Groups, evaluation: str) -> tuple[str, ...]:
    mine = [g for g in groups.values() if g.evaluation == evaluation]
    hardware = sorted(
        {e["hardware"] for g in mine for e in g.environments if "hardware" in e}
    )
    text = (
        "Wall-clock seconds of training, pre-training included, the one-time "
        "tracing of networks left out, mean over folds; ratios are within "
        "this run."
    )
    if hardware:
        text += f" Hardware: {'; '.join(hardware)}."
    if len(hardware) > 1:
        text += " Times from different hardware do not compare."
    jobs = max((g.jobs for g in mine), default=1)
    if jobs > 1:
        text += (
            f" Up to {jobs} folds ran at once and slowed each other down: "
            "these times do not compare."
        )
    return (text,)
