"""What a published table consists of, declared once."""

import dataclasses
import pathlib

from keras_pain.experiments.metrics import CLASS_METRICS, SCALAR_METRICS
from keras_pain.experiments.regression import REGRESSION_METRICS

# The row without which no number means anything, of classes and intensities.
MAJORITY = "majority"
TRAIN_MEAN = "train_mean"


@dataclasses.dataclass(frozen=True)
class RowSpec:
    """A row: a method under one evaluation.

    Args:
        label: What readers call it, e.g. `"ALANet"`.
        method: Its name in the result store.
        evaluation: `"holdout"`, `"loso"` or `"cv5"`.
        literature: A row that the paper took from elsewhere: shown, never
            run.
    """

    label: str
    method: str
    evaluation: str
    literature: bool = False


@dataclasses.dataclass(frozen=True)
class ColumnSpec:
    """A column: a metric of `keras_pain.experiments.metrics`.

    Args:
        label: Its heading.
        metric: One of `SCALAR_METRICS`, or of `CLASS_METRICS` with a class; or
            of `REGRESSION_METRICS`, where intensities are predicted.
        class_index: The class of a per-class metric.
    """

    label: str
    metric: str
    class_index: int | None = None


@dataclasses.dataclass(frozen=True)
class TableSpec:
    """A table: rows, columns, and where the paper's numbers are.

    Args:
        name: Short name, e.g. `"alanet_table1"`.
        title: Its title.
        paper: The paper, as cited below the title.
        rows: Rows; every evaluation among them has one of the method
            `"majority"` (`"train_mean"` where intensities are predicted),
            since no number means anything without it.
        columns: Columns.
        class_names: Name of every class; empty where intensities are
            predicted.
        published: CSV file with the paper's numbers (see `read_published`),
            or None.
        notes: Lines below the table.
        reference: Method that training times are put in ratio to.
        samples: What the numbers are of: windows, clips or frames.
    """

    name: str
    title: str
    paper: str
    rows: tuple[RowSpec, ...]
    columns: tuple[ColumnSpec, ...]
    class_names: tuple[str, ...]
    published: pathlib.Path | None = None
    notes: tuple[str, ...] = ()
    reference: str = "banet"
    samples: str = "windows"

    def __post_init__(self):
        pairs = [(row.method, row.evaluation) for row in self.rows]
        if len(set(pairs)) < len(pairs):
            raise ValueError(f"table {self.name} repeats a row: {pairs}")
        for evaluation in self.evaluations:
            trivial = MAJORITY if self.class_names else TRAIN_MEAN
            if (trivial, evaluation) not in pairs:
                raise ValueError(
                    f"table {self.name} has no {trivial!r} row for "
                    f"{evaluation!r}"
                )
        scalars = SCALAR_METRICS if self.class_names else REGRESSION_METRICS
        for column in self.columns:
            index = column.class_index
            fits = (
                column.metric in scalars
                if index is None
                else column.metric in CLASS_METRICS
                and 0 <= index < len(self.class_names)
            )
            if not fits:
                raise ValueError(f"table {self.name} has no such {column}")

    @property
    def methods(self) -> tuple[RowSpec, ...]:
        """The rows that are run."""
        return tuple(row for row in self.rows if not row.literature)

    @property
    def evaluations(self) -> tuple[str, ...]:
        """Evaluations of the rows, in order."""
        return tuple(dict.fromkeys(row.evaluation for row in self.rows))

    def class_name(self, column: ColumnSpec) -> str:
        """Name of the column's class; "" where it has none."""
        if column.class_index is None:
            return ""
        return self.class_names[column.class_index]
