"""What a reproduce script declares."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from keras_pain.data.windows import WindowSet
from keras_pain.experiments.methods import resolve_method
from keras_pain.reports.tables import RowSpec, TableSpec

_TRIVIAL = ("majority", "stratified")


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One table: what it is of, and how its windows are cut.

    Args:
        table: Rows, columns, and where the paper's numbers are.
        corpus: Name of the corpus.
        layouts: Layouts that can fill the table, best first.
        windows: Recordings to unscaled windows.
        settings: What `windows` does, as JSON values: part of every fold's
            configuration.
        augmentation: `"balanced"` or `"none"`, see
            `keras_pain.experiments.runner.prepare_fold`.
        epochs: Epochs of every training stage; None leaves them to the
            recipes.
        simulated_epochs: The same where no raw corpus is given.
        attention: Methods whose attention is drawn for one window.
        select: Which recordings take part; None takes all.
    """

    table: TableSpec
    corpus: str
    layouts: tuple[str, ...]
    windows: Callable[[Sequence[Mapping]], WindowSet]
    settings: Mapping
    augmentation: str = "balanced"
    epochs: int | None = None
    simulated_epochs: int | None = 10
    attention: tuple[str, ...] = ()
    select: Callable[[Mapping], bool] | None = None


def with_methods(table: TableSpec, methods: Sequence[str] | None) -> TableSpec:
    """The table with the user's methods; trivial rows always stay."""
    if not methods:
        return table
    labels = {row.method: row.label for row in table.rows}
    rows = []
    for evaluation in table.evaluations:
        trivial = [
            row.method
            for row in table.rows
            if row.evaluation == evaluation and row.method in _TRIVIAL
        ]
        for method in dict.fromkeys([*trivial, *methods]):
            label = labels.get(method, method)
            rows.append(RowSpec(label, method, evaluation))
    return dataclasses.replace(table, rows=tuple(rows))


def named_rows(table: TableSpec) -> TableSpec:
    """The table with the names of methods that were given as a path."""
    rows = []
    for row in table.rows:
        if ":" in row.method:
            name = resolve_method(row.method).name
            row = dataclasses.replace(row, method=name, label=name)
        rows.append(row)
    return dataclasses.replace(table, rows=tuple(rows))
