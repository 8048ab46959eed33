"""Rows of numbers as CSV and JSON, one number a row, the same bytes always."""

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence


def rounded(value: float | None) -> float | None:
    """Six digits after the point; None for what is unknown or not finite."""
    if value is None or not math.isfinite(value):
        return None
    return round(value, 6) + 0.0  # adding zero turns -0.0 into 0.0


def csv_text(columns: Sequence[str], rows: Iterable[Mapping]) -> str:
    """Rows as CSV; None is an empty cell.

    Args:
        columns: Names of the columns.
        rows: Each with a value for every column.

    Returns:
        The text, with a header line.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(_cell(row[name]) for name in columns)
    return out.getvalue()


def json_text(head: Mapping, rows: Iterable[Mapping]) -> str:
    """JSON with one line a row, so that lines can be compared.

    Args:
        head: What holds for all rows.
        rows: The rows; they become the entry `rows`.

    Returns:
        The text, ending in a newline.
    """
    entries = [
        f" {_dump(name)}: {_dump(value)}" for name, value in head.items()
    ]
    lines = ",\n".join(f"  {_dump(row)}" for row in rows)
    return "{\n" + ",\n".join([*entries, f' "rows": [\n{lines}\n ]']) + "\n}\n"


def _dump(value) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _cell(value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6f}" if isinstance(value, float) else str(value)
