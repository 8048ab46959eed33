"""The ledger of leaks as a table and a figure."""

import csv
import io
import json
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from keras_pain.experiments.atomic import write_file
from keras_pain.reports.canvas import save_figure
from keras_pain.reports.document import Block, Cell, Document
from keras_pain.reports.ledger import METRICS, Change
from keras_pain.reports.render import markdown

METRIC_LABELS = {"macro_f1": "Macro-F1", "mcc": "MCC", "accuracy": "Accuracy"}
CSV_COLUMNS = (
    "method",
    "defect",
    "metric",
    "with_defect",
    "change",
    "low",
    "high",
    "corpus",
    "simulated",
)
_BAR, _ALL = "#1f5a99", "#8c2d19"

# Method label -> defect name -> metric -> change; the first defect is none.
Ledger = Mapping[str, Mapping[str, Mapping[str, Change]]]


def write_ledger(
    ledger: Ledger,
    says: Mapping[str, str],
    out_dir,
    *,
    title: str,
    corpus: str,
    simulated: bool,
    header: Sequence[str],
    remarks: Sequence[str],
) -> list[pathlib.Path]:
    """Writes `ledger.md`, `.csv`, `.json` and the figure.

    Args:
        ledger: For each method and defect, what the defect changes; its first
            entry is the protocol without defects, with a change of zero.
        says: What each defect is, in one line.
        out_dir: Folder for the files.
        title: Title.
        corpus: Name of the corpus.
        simulated: Whether it is simulated.
        header: Lines above the table.
        remarks: Lines below it.

    Returns:
        Paths of the files, the Markdown first.
    """
    out_dir = pathlib.Path(out_dir)
    mark = "_SIMULATED" if simulated else ""
    other = "" if simulated else "_SIMULATED"
    rows = _rows(ledger, corpus, simulated)
    document = Document(
        name="leaks",
        title=f"SIMULATED: {title}" if simulated else title,
        lines=tuple(header),
        blocks=tuple(_block(m, changes) for m, changes in ledger.items()),
        footnotes=(),
        remarks=(*remarks, *(f"{k}: {v}." for k, v in says.items())),
    )
    texts = {
        "md": markdown(document),
        "csv": _csv(rows),
        "json": json.dumps(
            {"title": document.title, "header": list(header), "rows": rows},
            indent=1,
        )
        + "\n",
    }
    paths = []
    for suffix, text in texts.items():
        path = out_dir / f"ledger{mark}.{suffix}"
        paths.append(write_file(path, text.encode()))
        (out_dir / f"ledger{other}.{suffix}").unlink(missing_ok=True)
    figure = out_dir / "figures" / "leaks.png"
    paths.append(plot_leaks(ledger, title, figure, simulated=simulated))
    return paths


def plot_leaks(
    ledger: Ledger, title: str, path, *, simulated: bool = False
) -> pathlib.Path:
    """One bar a leak: what it adds to a score, with its interval.

    Args:
        ledger: As for `write_ledger`.
        title: Title of the figure.
        path: Where to write the PNG.
        simulated: Whether the data are simulated.

    Returns:
        The path written.
    """
    methods = list(ledger)
    names = list(next(iter(ledger.values())))[1:]
    figure = Figure(
        figsize=(4.2 + 3.1 * len(METRICS), 1.6 + len(methods) * 0.42 * 9),
        layout="constrained",
    )
    grid = figure.subplots(
        len(methods), len(METRICS), squeeze=False, sharey=True, sharex="col"
    )
    for row, method in zip(grid, methods, strict=True):
        for axes, metric in zip(row, METRICS, strict=True):
            _bars(axes, [ledger[method][name][metric] for name in names])
            axes.set_title(f"{method}: {METRIC_LABELS[metric]}", fontsize=10)
        row[0].set_yticks(
            range(len(names)), [name.replace("_", " ") for name in names]
        )
    grid[0, 0].invert_yaxis()  # of all: the axis is shared
    for axes in grid[-1]:
        axes.set_xlabel("change against leak-free")
    return save_figure(figure, title, path, simulated)


def _bars(axes, changes: Sequence[Change]) -> None:
    values = np.array([c.change for c in changes])
    # A percentile interval need not hold the value itself.
    below = np.maximum(values - [c.low for c in changes], 0)
    above = np.maximum([c.high for c in changes] - values, 0)
    colours = [_BAR] * (len(changes) - 1) + [_ALL]
    axes.barh(
        np.arange(len(changes)),
        values,
        xerr=[below, above],
        color=colours,
        error_kw={"ecolor": "#222222", "capsize": 2.5, "lw": 1},
    )
    axes.axvline(0, color="black", lw=0.8)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=9)


def _block(method: str, changes) -> Block:
    groups = []
    for number, (name, by_metric) in enumerate(changes.items()):
        cells = [Cell(name)]
        for metric in METRICS:
            change = by_metric[metric]
            text = f"{change.value:.3f}"
            if number:
                text += (
                    f" ({change.change:+.3f} "
                    f"[{change.low:+.3f}, {change.high:+.3f}])"
                )
            cells.append(Cell(text))
        groups.append((tuple(cells),))
    return Block(
        title=Cell(
            f"{method}: pooled score (change against leak_free, 95 % interval)"
        ),
        columns=("Defect that is on", *METRIC_LABELS.values()),
        groups=tuple(groups),
        left=1,
    )


def _rows(ledger: Ledger, corpus: str, simulated: bool) -> list[dict]:
    rows = []
    for method, changes in ledger.items():
        for number, (name, by_metric) in enumerate(changes.items()):
            for metric in METRICS:
                change = by_metric[metric]
                numbers = [change.change, change.low, change.high]
                values = [change.value, *(numbers if number else [None] * 3)]
                values = [None if v is None else round(v, 6) for v in values]
                rows.append(
                    dict(
                        zip(
                            CSV_COLUMNS,
                            (method, name, metric, *values, corpus, simulated),
                            strict=True,
                        )
                    )
                )
    return rows


def _csv(rows: Sequence[Mapping]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: "" if v is None else v for k, v in row.items()})
    return out.getvalue()
