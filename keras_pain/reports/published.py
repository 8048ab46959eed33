"""The papers' own numbers, as data with notes on what is odd about them."""

import csv
import dataclasses
import io
import pathlib

from keras_pain.errors import BadFileError

COLUMNS = ("method", "evaluation", "metric", "class", "value", "note")

# In the method column: the row's note is about the whole table.
WHOLE_TABLE = "*"

# Values of this metric are text, as printed, e.g. "> 10 hours".
TRAINING_TIME = "training_time"


@dataclasses.dataclass(frozen=True)
class PublishedValue:
    """One cell of a published table.

    Args:
        method: Name of the method, as in the result store.
        evaluation: `"holdout"` or `"loso"`.
        metric: `accuracy`, `f1`, `macro_f1`, ... or `training_time`.
        class_index: Class of a per-class metric, else None.
        text: The value as printed; "" where the paper leaves it unsaid.
        note: What a reader has to know about it, or "".
    """

    method: str
    evaluation: str
    metric: str
    class_index: int | None
    text: str
    note: str

    @property
    def value(self) -> float | None:
        """The number, or None where there is none."""
        if not self.text or self.metric == TRAINING_TIME:
            return None
        return float(self.text)


class Published:
    """The cells of one published table.

    Args:
        values: Cells, at most one for each method, evaluation, metric and
            class.
        notes: Evaluation and text of the notes on the whole table.
    """

    def __init__(
        self,
        values: list[PublishedValue] | tuple = (),
        notes: list[tuple[str, str]] | tuple = (),
    ):
        self.values = tuple(values)
        self.notes = tuple(notes)
        self._index = {
            (v.method, v.evaluation, v.metric, v.class_index): v
            for v in self.values
        }

    def get(
        self,
        method: str,
        evaluation: str,
        metric: str,
        class_index: int | None = None,
    ) -> PublishedValue | None:
        """The cell, or None where the file has no such row."""
        return self._index.get((method, evaluation, metric, class_index))

    def methods(self, evaluation: str) -> set[str]:
        """Methods that the paper gives at least one value for."""
        return {
            v.method
            for v in self.values
            if v.evaluation == evaluation and v.text
        }


def read_published(path) -> Published:
    """Read one of `reproduce/published/*.csv`.

    Args:
        path: CSV file with the columns of `COLUMNS`. An empty value is one
            that the paper leaves unsaid. A row of the method `*` holds a note
            on the whole table.

    Returns:
        Its cells and notes.

    Raises:
        BadFileError: The file is missing or not of this form.
    """
    path = pathlib.Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFileError(
            path,
            f"cannot be read ({getattr(error, 'strerror', error)})",
            "restore it from the project's repository",
        ) from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise BadFileError(
            path,
            f"its columns are {reader.fieldnames}",
            f"name them {', '.join(COLUMNS)}",
        )
    values, notes, seen = [], [], set()
    for number, row in enumerate(reader, start=2):
        try:
            value = _value(row)
        except (TypeError, ValueError) as error:
            raise BadFileError(
                path,
                f"line {number} is not a published value ({error})",
                "give class as an index or empty, value as a number or empty",
            ) from error
        identity = dataclasses.replace(value, text="", note="")
        if value.method == WHOLE_TABLE:
            notes.append((value.evaluation, value.note))
        elif identity in seen:
            raise BadFileError(
                path,
                f"line {number} repeats an earlier cell",
                "keep one of the two",
            )
        else:
            seen.add(identity)
            values.append(value)
    return Published(values, notes)


def _value(row: dict) -> PublishedValue:
    if None in row or None in row.values():
        raise ValueError(f"it does not have {len(COLUMNS)} columns")
    cell = {name: text.strip() for name, text in row.items()}
    if cell["value"] and cell["metric"] != TRAINING_TIME:
        float(cell["value"])  # raises where it is no number
    return PublishedValue(
        cell["method"],
        cell["evaluation"],
        cell["metric"],
        int(cell["class"]) if cell["class"] else None,
        cell["value"],
        cell["note"],
    )
