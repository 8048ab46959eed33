"""The registry as a table: parameters and operations of every model.

`python -m keras_pain.models.summary` prints it, with `--write` it is generated
anew. The table is kept twice: inside the package, so that an installed one can
print it without importing TensorFlow, and as `models/summary.csv` at the root
of the source tree, where readers of the repository look. Both are written by
the same call, and a test compares both with the registry.
"""

import argparse
import csv
import io
from pathlib import Path
from typing import TextIO

PACKAGED = Path(__file__).with_name("summary.csv")
ROOT = Path(__file__).resolve().parents[2]
COLUMNS = (
    "model",
    "paper",
    "task",
    "call",
    "input_shape",
    "parameters",
    "published_parameters",
    "flops",
    "note",
)
_WIDTH = 132  # of the printed table where no terminal sets it


def registry_rows() -> list[dict]:
    """One row a model, computed by building it.

    Returns:
        Dictionaries with the keys `COLUMNS`. `flops` is for one window, see
        `keras_pain.models.flops` for the counting rule.
    """
    from keras_pain.models.flops import count_flops
    from keras_pain.models.registry import MODELS
    from keras_pain.models.weightless import weightless

    rows = []
    for entry in MODELS.values():
        with weightless():
            model = entry.build()
        published = entry.published_parameters
        rows.append(
            {
                "model": entry.name,
                "paper": entry.paper,
                "task": entry.task,
                "call": entry.call,
                "input_shape": "x".join(map(str, entry.input_shape)),
                "parameters": model.count_params(),
                "published_parameters": "" if published is None else published,
                "flops": count_flops(model),
                "note": entry.note,
            }
        )
    return rows


def to_csv(rows: list[dict]) -> str:
    """The table as CSV text.

    Args:
        rows: From `registry_rows`.

    Returns:
        CSV with a header line.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def summary_paths() -> list[Path]:
    """Where the table is kept; a source tree has the second file, too."""
    if (ROOT / "setup.cfg").is_file():
        return [PACKAGED, ROOT / "models" / "summary.csv"]
    return [PACKAGED]


def write_summary() -> list[Path]:
    """Generates the table anew.

    Returns:
        The files written.
    """
    text = to_csv(registry_rows())
    for path in summary_paths():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return summary_paths()


def print_registry(file: TextIO | None = None) -> None:
    """Prints the stored table; imports neither Keras nor TensorFlow.

    Args:
        file: Where to print; standard output by default.
    """
    from rich.console import Console
    from rich.table import Table

    with PACKAGED.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    table = Table(
        caption="FLOPs of one sample: matrix products only, "
        "a multiply-add is two"
    )
    table.add_column("model", no_wrap=True)
    table.add_column("paper", min_width=16)
    table.add_column("task", min_width=14)
    for title in ("input", "parameters", "in paper", "FLOPs"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        published = row["published_parameters"]
        table.add_row(
            row["model"],
            row["paper"],
            row["task"],
            row["input_shape"],
            f"{int(row['parameters']):,}",
            f"{int(published):,}" if published else "",
            f"{int(row['flops']):,}",
        )
    console = Console(file=file)
    if not console.is_terminal:
        console.width = _WIDTH
    console.print(table)


def main(argv: list[str] | None = None) -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description="The models of the suite.")
    parser.add_argument(
        "--write", action="store_true", help="generate summary.csv anew"
    )
    if parser.parse_args(argv).write:
        for path in write_summary():
            print(f"wrote {path}")
    print_registry()


if __name__ == "__main__":
    main()
