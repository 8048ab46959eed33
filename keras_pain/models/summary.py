"""The registry as a table: parameters and operations of every model.

`python -m keras_pain.models.summary` prints it, with `--write` it is generated
anew. The table is kept twice: inside the package, which prints it without
TensorFlow, and as `models/summary.csv` at the root of the source tree, where
readers of the repository look. A test compares both with the registry.
"""

import argparse
import csv
from pathlib import Path

from keras_pain.io import csv_text, write_file

PACKAGED = Path(__file__).with_name("summary.csv")
_ROOT = Path(__file__).resolve().parents[2]
_WIDTH = 132  # of the printed table where no terminal sets it


def summary_csv() -> str:
    """The table as CSV, computed by building every model.

    Operations are for one example, see `keras_pain.models.flops`.
    """
    from keras_pain.models.flops import count_flops, weightless
    from keras_pain.models.registry import MODELS

    rows = []
    for entry in MODELS.values():
        with weightless():
            model = entry.build()
        rows.append(
            {
                "model": entry.name,
                "paper": entry.paper,
                "task": entry.task,
                "call": entry.call,
                "input_shape": "x".join(map(str, entry.input_shape)),
                "parameters": model.count_params(),
                "published_parameters": entry.published_parameters,
                "flops": count_flops(model),
                "note": entry.note,
            }
        )
    return csv_text(list(rows[0]), rows)


def summary_paths() -> list[Path]:
    """Where the table is kept; a source tree has the second file, too."""
    beside = [_ROOT / "models" / "summary.csv"]
    return [PACKAGED, *(beside if (_ROOT / "setup.cfg").is_file() else ())]


def print_registry() -> None:
    """Prints the stored table; imports neither Keras nor TensorFlow."""
    from rich.console import Console
    from rich.table import Table

    with PACKAGED.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    caption = "FLOPs of one sample: matrix products only, a multiply-add is two"
    table = Table(caption=caption)
    table.add_column("model", no_wrap=True)
    table.add_column("paper", min_width=16)
    table.add_column("task", min_width=14)
    for title in ("input", "parameters", "in paper", "FLOPs"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        counts = (
            f"{int(row[name]):,}" if row[name] else ""
            for name in ("parameters", "published_parameters", "flops")
        )
        names = ("model", "paper", "task", "input_shape")
        table.add_row(*(row[name] for name in names), *counts)
    console = Console()
    if not console.is_terminal:
        console.width = _WIDTH
    console.print(table)


def main(argv: list[str] | None = None) -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description="The models of the suite.")
    text = "generate summary.csv anew"
    parser.add_argument("--write", action="store_true", help=text)
    if parser.parse_args(argv).write:
        content = summary_csv().encode()
        for path in summary_paths():
            print(f"wrote {write_file(path, content)}")
    print_registry()


if __name__ == "__main__":
    main()
