"""How a table reads: its grids, footnotes and remarks."""

from keras_pain.experiments.metrics import RULES
from keras_pain.experiments.regression import REGRESSION_RULES
from keras_pain.reports.access import (
    NOTHING,
    Groups,
    all_rows,
    environments,
    evaluation_name,
    fingerprint,
    has_several_folds,
    number,
    progress,
    protocols,
    score,
)
from keras_pain.reports.aggregate import Group, Score
from keras_pain.reports.document import Block, Cell, Document, Footnotes
from keras_pain.reports.published import Published
from keras_pain.reports.spec import TableSpec
from keras_pain.reports.timing import timing_blocks


def table_document(
    spec: TableSpec,
    groups: Groups,
    published: Published,
    *,
    corpus: str,
    simulated: bool,
    header: tuple[str, ...],
    subject_lists: tuple[str, ...] = (),
) -> Document:
    """The table as a document.

    Args:
        spec: The table.
        groups: From `keras_pain.reports.aggregate.collect`.
        published: The paper's numbers.
        corpus: Name of the corpus.
        simulated: Whether it is simulated.
        header: Lines above the table.
        subject_lists: Files with the subjects of every fold.

    Returns:
        The document.
    """
    footnotes = Footnotes()
    blocks = []
    evaluations = dict.fromkeys(
        row.evaluation for row in all_rows(spec, groups)
    )
    for evaluation in evaluations:
        kinds = {"pooled": f"over the test {spec.samples}"}
        if has_several_folds(groups, evaluation):
            kinds = {
                "pooled": f"pooled over the {spec.samples} of all folds",
                "fold_mean": "mean over folds",
            }
        for kind, words in kinds.items():
            title = f"{evaluation_name(evaluation)}, {words}"
            blocks.append(
                _metric_block(
                    spec, groups, published, footnotes, evaluation, kind, title
                )
            )
    for evaluation in evaluations:
        blocks += timing_blocks(spec, groups, published, footnotes, evaluation)
    missing = [
        f"{g.method} {g.evaluation}/{g.protocol} {g.found}/{g.wanted} folds"
        for g in groups.values()
        if not g.complete
    ]
    title = spec.title
    lines = [f"Paper: {spec.paper}", f"Corpus: {corpus}", *header]
    if missing:
        title = f"{title} (INCOMPLETE)"
        lines.append(f"INCOMPLETE: {'; '.join(missing)}")
    if simulated:
        title = f"SIMULATED: {title}"
    return Document(
        name=spec.name,
        title=title,
        lines=tuple(lines),
        blocks=tuple(blocks),
        footnotes=tuple(footnotes.texts),
        remarks=_remarks(spec, groups, simulated, subject_lists),
    )


def _metric_block(
    spec, groups, published, footnotes, evaluation, kind, title
) -> Block:
    notes = [text for name, text in published.notes if name == evaluation]
    marks = tuple(m for text in notes for m in footnotes.mark(text))
    rows = [r for r in all_rows(spec, groups) if r.evaluation == evaluation]
    return Block(
        title=Cell(title, marks),
        columns=("Method", "", *(column.label for column in spec.columns)),
        groups=tuple(
            _method_lines(spec, groups, published, footnotes, row, kind)
            for row in rows
        ),
    )


def _method_lines(spec, groups, published, footnotes, row, kind):
    """One method's lines: ours, the paper's, the differences."""
    papers = [
        published.get(row.method, row.evaluation, c.metric, c.class_index)
        for c in spec.columns
    ]
    names = protocols(groups, row.evaluation)
    if row.literature:
        names = []
    per_protocol = {
        name: groups.get((row.evaluation, name, row.method)) for name in names
    }
    scores = {
        name: [
            score(group, f"{kind}_{c.metric}", c.class_index)
            for c in spec.columns
        ]
        for name, group in per_protocol.items()
    }
    lines = []
    for name, group in per_protocol.items():
        if group is not None and group.complete:
            cells = [_ours(s, group, kind) for s in scores[name]]
        else:
            state = "not run" if group is None else progress(group)
            cells = [state] + [NOTHING] * (len(spec.columns) - 1)
        lines.append([f"ours, {name}", *map(Cell, cells)])
    if not names and not row.literature:
        lines.append(["ours", Cell("not run")])
        lines[-1] += [Cell(NOTHING)] * (len(spec.columns) - 1)
    if any(paper and (paper.text or paper.note) for paper in papers):
        cells = [
            Cell(paper.text or NOTHING, footnotes.mark(paper.note))
            if paper
            else Cell(NOTHING)
            for paper in papers
        ]
        lines.append(["paper", *cells])
    for name in names:
        cells = [
            _difference(s, paper)
            for s, paper in zip(scores[name], papers, strict=True)
        ]
        if any(cells):
            texts = (Cell(text or NOTHING) for text in cells)
            lines.append([f"difference, {name}", *texts])
    return tuple(
        (Cell(row.label if index == 0 else ""), Cell(words), *cells)
        for index, (words, *cells) in enumerate(lines)
    )


def _remarks(spec, groups, simulated, subject_lists) -> tuple[str, ...]:
    remarks = list(spec.notes)
    if simulated:
        remarks.append(
            "SIMULATED: ours is measured on simulated recordings. It shows "
            "that the pipeline runs; the differences say nothing about the "
            "paper."
        )
    several = [
        has_several_folds(groups, evaluation)
        for evaluation in dict.fromkeys(e for e, _, _ in groups)
    ]
    seeds = max((g.num_seeds for g in groups.values()), default=0)
    if seeds > 1:
        remarks.append(f"Ours: mean ± standard deviation over {seeds} seeds.")
    elif seeds:
        remarks.append("Ours is from one seed.")
    if any(several):
        rules = RULES if spec.class_names else REGRESSION_RULES
        remarks += rules.values()
        remarks.append(
            "Mean over folds: (18/30) says that 18 of 30 folds define the "
            "metric."
        )
    if subject_lists:
        remarks.append(f"Subjects of every fold: {', '.join(subject_lists)}.")
    data = fingerprint(groups)
    if data:
        remarks.append(f"Fingerprint of the data: {data}.")
    for environment in environments(groups):
        versions = environment.get("versions") or {}
        software = [f"{n} {v}" for n, v in sorted(versions.items()) if v]
        if commit := environment.get("git_commit"):
            software.append(f"commit {commit}")
        if software:
            remarks.append(f"Software: {', '.join(software)}.")
    return tuple(dict.fromkeys(remarks))


def _ours(value: Score | None, group: Group, kind: str) -> str:
    if value is None or value.mean is None:
        return "undefined"
    text = number(value, 3)
    if kind == "fold_mean" and value.n_folds < group.num_folds:
        text += f" ({value.n_folds}/{group.num_folds})"
    return text


def _difference(ours: Score | None, paper) -> str:
    known = ours is not None and ours.mean is not None
    if not known or paper is None or paper.value is None:
        return ""
    # Adding zero turns -0.0 into 0.0.
    return f"{round(ours.mean - paper.value, 3) + 0.0:+.3f}"
