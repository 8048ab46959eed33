"""A published table drawn anew from the result store.

Rows are methods; cells are ours (mean and standard deviation over seeds), the
paper's, and the difference. Metrics are pooled over the windows of all folds
and, where there are several folds, also averaged over folds; both are named.
A row whose folds are not all there shows how many are, never a mean of them.
"""

import csv
import io
import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence

from keras_pain.experiments.atomic import write_file
from keras_pain.experiments.keys import FoldKey
from keras_pain.experiments.store import ResultStore
from keras_pain.reports import access
from keras_pain.reports.aggregate import Group, Score, collect
from keras_pain.reports.layout import table_document
from keras_pain.reports.published import (
    TRAINING_TIME,
    Published,
    read_published,
)
from keras_pain.reports.render import latex, markdown, strip_timings
from keras_pain.reports.spec import ColumnSpec, RowSpec, TableSpec
from keras_pain.reports.timing import has_reference, time_ratio

__all__ = [
    "CSV_COLUMNS",
    "ColumnSpec",
    "RowSpec",
    "TableSpec",
    "read_published",
    "strip_timings",
    "table_rows",
    "write_table",
]

CSV_COLUMNS = (
    "method",
    "protocol",
    "metric",
    "class",
    "ours",
    "ours_sd",
    "paper",
    "difference",
    "n_folds",
    "n_seeds",
    "corpus",
    "simulated",
)
_SIMULATED = "_SIMULATED"


def write_table(
    spec: TableSpec,
    store: ResultStore,
    expected: Mapping[FoldKey, Mapping] | Iterable[FoldKey],
    out_dir,
    *,
    corpus: str,
    simulated: bool,
    header: Sequence[str] = (),
    subject_lists: Sequence[str] = (),
) -> list[pathlib.Path]:
    """Write `table.md`, `.tex`, `.csv` and `.json`.

    The same folds give the same bytes. Of a simulated corpus the files are
    called `table_SIMULATED.*`; those of the other kind are removed, so that
    old and new never lie side by side.

    Args:
        spec: The table.
        store: Where the folds are.
        expected: All folds that make the table complete; as a mapping, with
            the configuration each must have been run under.
        out_dir: Folder for the files.
        corpus: Name of the corpus.
        simulated: Whether the corpus is simulated.
        header: Lines to print above the table.
        subject_lists: Files with the subjects of every fold, relative to
            `out_dir`.

    Returns:
        The paths of the four files.

    Raises:
        ConfigurationError: A fold is of another configuration or other data.
        KerasPainError: A file cannot be read or written.
    """
    groups = collect(store, expected, len(spec.class_names))
    published = (
        read_published(spec.published) if spec.published else Published()
    )
    document = table_document(
        spec,
        groups,
        published,
        corpus=corpus,
        simulated=simulated,
        header=tuple(header),
        subject_lists=tuple(subject_lists),
    )
    rows = table_rows(
        spec, groups, published, corpus=corpus, simulated=simulated
    )
    texts = {
        "md": markdown(document),
        "tex": latex(document),
        "csv": _csv(rows),
        "json": _json(
            {
                "name": spec.name,
                "title": document.title,
                "paper": spec.paper,
                "corpus": corpus,
                "simulated": simulated,
                "complete": all(group.complete for group in groups.values()),
                "header": list(header),
                "notes": list(document.footnotes),
                "remarks": list(document.remarks),
                "subject_lists": list(subject_lists),
                "fingerprint": access.fingerprint(groups),
                "provenance": access.environments(groups),
            },
            rows,
        ),
    }
    out_dir = pathlib.Path(out_dir)
    mark, other = (_SIMULATED, "") if simulated else ("", _SIMULATED)
    paths = []
    for suffix, text in texts.items():
        path = out_dir / f"table{mark}.{suffix}"
        paths.append(write_file(path, text.encode()))
        (out_dir / f"table{other}.{suffix}").unlink(missing_ok=True)
    return paths


def table_rows(
    spec: TableSpec,
    groups: Mapping[tuple[str, str, str], Group],
    published: Published,
    *,
    corpus: str,
    simulated: bool,
) -> list[dict]:
    """The table in long form, one dict of `CSV_COLUMNS` a number.

    Args:
        spec: The table.
        groups: From `collect`.
        published: The paper's numbers.
        corpus: Name of the corpus.
        simulated: Whether it is simulated.

    Returns:
        Rows; None stands for what is unknown. `n_folds` of unfinished rows
        is text such as `"12/30"`, and their `ours` is None.
    """
    rows = []

    def add(row, protocol, group, metric, column, score, paper):
        name = "" if column is None else spec.class_name(column)
        ours = score.mean if score else None
        value = paper.value if paper else None
        known = ours is not None and value is not None
        n_folds = score.n_folds if score else None
        if group is not None and not group.complete:
            n_folds = f"{group.found}/{group.wanted}"
        n_seeds = score.n_seeds if score else None
        rows.append(
            dict(
                zip(
                    CSV_COLUMNS,
                    (
                        row.method,
                        f"{row.evaluation}/{protocol}",
                        metric,
                        name,
                        _rounded(ours),
                        _rounded(score.sd if score else None),
                        paper.text if paper and paper.text else None,
                        _rounded(ours - value) if known else None,
                        n_folds,
                        n_seeds,
                        corpus,
                        simulated,
                    ),
                    strict=True,
                )
            )
        )

    for row in access.all_rows(spec, groups):
        for protocol in access.protocols(groups, row.evaluation):
            group = groups.get((row.evaluation, protocol, row.method))
            kinds = ["pooled"]
            if access.has_several_folds(groups, row.evaluation):
                kinds.append("fold_mean")
            for kind in kinds:
                for column in spec.columns:
                    metric = f"{kind}_{column.metric}"
                    score = access.score(group, metric, column.class_index)
                    paper = published.get(
                        row.method,
                        row.evaluation,
                        column.metric,
                        column.class_index,
                    )
                    add(row, protocol, group, metric, column, score, paper)
            seconds = access.score(group, "fit_seconds")
            time = published.get(row.method, row.evaluation, TRAINING_TIME)
            add(row, protocol, group, "fit_seconds", None, seconds, time)
            if not has_reference(spec, groups, row.evaluation):
                continue
            ratio = time_ratio(spec, groups, group)
            if ratio is not None:
                ratio = Score(ratio, None, seconds.n_folds, seconds.n_seeds)
            add(row, protocol, group, "fit_seconds_ratio", None, ratio, None)
    return rows


def _rounded(value: float | None) -> float | None:
    # Adding zero turns -0.0 into 0.0.
    return None if value is None else round(value, 6) + 0.0


def _csv(rows: Sequence[Mapping]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for row in rows:
        writer.writerow(_text(row[name]) for name in CSV_COLUMNS)
    return out.getvalue()


def _text(value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6f}" if isinstance(value, float) else str(value)


def _json(head: Mapping, rows: Sequence[Mapping]) -> str:
    """JSON with one line a row of the table, so that lines can be compared."""
    entries = [
        f" {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}"
        for name, value in head.items()
    ]
    lines = [f"  {json.dumps(row, ensure_ascii=False)}" for row in rows]
    entries.append(' "rows": [\n' + ",\n".join(lines) + "\n ]")
    return "{\n" + ",\n".join(entries) + "\n}\n"
