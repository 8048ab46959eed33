"""A published table beside ours: from stored folds to Markdown, LaTeX, CSV.

Rows are methods; cells are ours (mean and standard deviation over seeds), the
paper's, and the difference. Metrics are pooled over the samples of all folds
and, where there are several folds, also averaged over folds; both are named.
A row whose folds are not all there shows how many are, never a mean of them.
Everything is computed from the stored predictions, so that a table can be
drawn again without training.
"""

import csv
import dataclasses
import functools
import io
import itertools
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from keras_pain.errors import BadFileError, ConfigurationError
from keras_pain.experiments.defects import (
    TEST_BATCH,
    score,
    scored_intensities,
)
from keras_pain.experiments.metrics import (
    CLASS_METRICS,
    REGRESSION_METRICS,
    REGRESSION_RULES,
    RULES,
    SCALAR_METRICS,
    average,
    pool,
)
from keras_pain.experiments.store import (
    FoldKey,
    ResultStore,
    canonical_json,
)
from keras_pain.io import (
    csv_text,
    json_text,
    marked_title,
    rounded,
    write_marked,
)

# The row without which no number means anything, of classes and intensities.
MAJORITY = "majority"
TRAIN_MEAN = "train_mean"
# Values of this metric are text, as printed, e.g. "> 10 hours".
TRAINING_TIME = "training_time"
NOTHING = "–"
EVALUATIONS = {
    "holdout": "Hold-out",
    "loso": "Leave one subject out",
    "cv5": "Five-fold cross-validation",
}
_ROW = ["evaluation", "protocol", "method"]
_PROTOCOLS = ("as_published", "leak_free")
_PUBLISHED = ["method", "evaluation", "metric", "class", "value", "note"]
_SECONDS, _RATIO = "fit_seconds", "fit_seconds_ratio"
_TIMES_BEGIN, _TIMES_END = "training times", "end of training times"
_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\textquotedbl{}",
        "±": r"$\pm$",
        "−": r"$-$",
        "×": r"$\times$",
        "–": "--",
        "—": "---",
        "²": r"$^2$",
        **{character: f"\\{character}" for character in "{}&%$#_"},
    }
)


# --- What a table consists of ---


class RowSpec(NamedTuple):
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


class ColumnSpec(NamedTuple):
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
            `"majority"` (`"train_mean"` where intensities are predicted).
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
        trivial, scalars = TRAIN_MEAN, REGRESSION_METRICS
        if self.class_names:
            trivial, scalars = MAJORITY, SCALAR_METRICS
        for evaluation in self.evaluations:
            if (trivial, evaluation) not in pairs:
                raise ValueError(
                    f"table {self.name} has no {trivial!r} row for "
                    f"{evaluation!r}"
                )
        classes = range(len(self.class_names))
        allowed = [
            *itertools.product(scalars, [None]),
            *itertools.product(CLASS_METRICS, classes),
        ]
        for column in self.columns:
            if (column.metric, column.class_index) not in allowed:
                raise ValueError(f"table {self.name} has no such {column}")

    @property
    def methods(self) -> tuple[RowSpec, ...]:
        """The rows that are run."""
        return tuple(row for row in self.rows if not row.literature)

    @property
    def evaluations(self) -> tuple[str, ...]:
        """Evaluations of the rows, in order."""
        return tuple(dict.fromkeys(row.evaluation for row in self.rows))


# --- The paper's numbers ---


class PublishedValue(NamedTuple):
    """One cell of a published table.

    Args:
        method: Name of the method, as in the result store.
        evaluation: As in `RowSpec`, or `"complexity"`.
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
        known = self.text and self.metric != TRAINING_TIME
        return float(self.text) if known else None


class Published(NamedTuple):
    """The cells of a published table; evaluation and text of notes on it."""

    values: list[PublishedValue]
    notes: list[tuple[str, str]]

    def get(
        self,
        method: str,
        evaluation: str,
        metric: str,
        class_index: int | None = None,
    ) -> PublishedValue | None:
        """The cell, or None where the file has no such row."""
        place = (method, evaluation, metric, class_index)
        return next((v for v in self.values if v[:4] == place), None)


def read_published(path) -> Published:
    """Reads one of `reproduce/published/*.csv`.

    Its columns are method, evaluation, metric, class, value and note. An empty
    value is one that the paper leaves unsaid. A row of the method `*` holds a
    note on the whole table.

    Raises:
        BadFileError: The file is missing or not of this form.
    """
    found, number = Published([], []), 1
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8")
        columns, *rows = csv.reader(io.StringIO(text, newline=""))
        if columns != _PUBLISHED:
            raise ValueError(f"it names the columns {columns}")
        for row in rows:
            number += 1
            *place, index, text, note = map(str.strip, row)
            index = int(index) if index else None
            cell = PublishedValue(*place, index, text, note)
            _ = cell.value  # raises where it is not a number
            if cell.method == "*":
                found.notes.append((cell.evaluation, note))
            elif found.get(*cell[:4]):
                raise ValueError("it repeats an earlier one")
            else:
                found.values.append(cell)
    except (OSError, ValueError, TypeError) as error:
        problem = (
            f"line {number} is not a published value of the "
            f"{len(_PUBLISHED)} columns {', '.join(_PUBLISHED)} ({error})"
        )
        if isinstance(error, OSError):
            problem = f"cannot be read ({error.strerror})"
        cure = "restore it from the project's repository"
        raise BadFileError(path, problem, cure) from error
    return found


# --- Our numbers ---


class Scores(NamedTuple):
    """Every metric of the finished rows, and what is known of all rows.

    A row is an evaluation, a protocol and a method, as in `FoldKey`.

    Args:
        cells: By row, metric (as `pool` and `average` name them, and
            `fit_seconds`) and class (-1 where it has none): `mean` over the
            seeds that define it, `sd` (NaN below two), `folds` of one seed
            behind it (when averaged, those that define it, the fewest of any
            seed) and `seeds`.
        rows: By row: folds `found` and `wanted`, `folds` of one seed, `seeds`,
            `jobs` (most folds that ran at once) and `hardware`.
        confusions: By row: `(K, K)` pooled counts, mean over seeds.
        environments: What `environment()` said in all folds.
        fingerprint: Fingerprint of the data behind all folds, or "".
    """

    cells: pd.DataFrame
    rows: pd.DataFrame
    confusions: dict[tuple, np.ndarray]
    environments: list[dict]
    fingerprint: str

    def get(self, row: tuple, metric: str, index: int | None = None):
        """One of `cells`, or None where the row is not finished."""
        place = (*row, metric, -1 if index is None else index)
        return self.cells.loc[place] if place in self.cells.index else None

    def state(self, row: tuple) -> str:
        """`"not run"`, `"12/30 folds"`, or "" of a finished row."""
        if row not in self.rows.index:
            return "not run"
        of = self.rows.loc[row]
        return f"{of.found}/{of.wanted} folds" if of.found < of.wanted else ""

    def protocols(self, evaluation: str) -> list[str]:
        """Those of one evaluation, `as_published` first."""
        found = {name for e, name, _ in self.rows.index if e == evaluation}
        return sorted(found, key=lambda name: (name not in _PROTOCOLS, name))


def read_scores(
    store: ResultStore,
    expected: Mapping[FoldKey, Mapping] | Iterable[FoldKey],
    num_classes: int,
) -> Scores:
    """Reads all expected folds and computes every metric.

    Rows are in order of appearance. Where `expected`, the folds that make the
    table complete, maps them to their configurations, folds of another one are
    refused. `num_classes` is 0 where intensities are predicted.

    Raises:
        ConfigurationError: A fold is of another configuration, or folds come
            from different data.
        KerasPainError: A fold cannot be read.
    """

    def read(key):
        done = store.contains(key)
        if isinstance(expected, Mapping):
            done = store.status(key, expected[key]) == "complete"
        return store.read(key) if done else None

    keys = list(dict.fromkeys(expected))
    folds = pd.DataFrame(keys)
    folds["read"] = list(map(read, keys))
    found = list(folds.read.dropna())
    if len(fingerprints := set(_entries(found, "dataset", "fingerprint"))) > 1:
        raise ConfigurationError(
            f"{store.root}: its folds come from different data (fingerprints "
            f"{', '.join(f[:12] for f in sorted(fingerprints))}); choose "
            "another --results_dir or delete this one"
        )
    of_rows = folds.groupby(_ROW, sort=False)
    rows = of_rows.agg(
        found=("read", "count"),
        wanted=("read", "size"),
        folds=("fold", "nunique"),
        seeds=("seed", "nunique"),
        jobs=(
            "read",
            lambda of: max(_entries(of, "timings", "jobs"), default=1),
        ),
        hardware=(
            "read",
            lambda of: set(_entries(of, "environment", "hardware")),
        ),
    )
    cells, confusions = [], {}
    for row, of_row in of_rows.read:
        if of_row.isna().any():
            continue
        counts = []
        for _, of_seed in of_row.groupby(folds.seed):
            metrics = _seed_metrics(list(of_seed), num_classes)
            counts.append(metrics.pop("pooled_confusion", ()))
            cells += [(*row, *cell) for cell in _cells(metrics, len(of_seed))]
        if num_classes:
            confusions[row] = np.mean(counts, axis=0)
    names = [*_ROW, "metric", "class"]
    cells = pd.DataFrame(cells, columns=[*names, "value", "folds"])
    cells = (
        cells.astype({"value": float})
        .groupby(names)
        .agg(
            mean=("value", "mean"),
            sd=("value", "std"),
            folds=("folds", "min"),
            seeds=("value", "count"),
        )
    )
    said = [fold.result.get("environment") for fold in found]
    said = {canonical_json(one): one for one in said if one}
    environments = [said[text] for text in sorted(said)]
    data = max(fingerprints, default="")
    return Scores(cells, rows, confusions, environments, data)


def _entries(folds, part, name):
    """What folds say in a part of their result or configuration."""
    parts = [
        (fold.result.get(part) or fold.config.get(part) or {})
        for fold in folds
        if fold is not None
    ]
    return [found[name] for found in parts if found.get(name) is not None]


def _seed_metrics(folds, num_classes):
    predictions = [fold.predictions for fold in folds]
    # Some known defects are of the scoring, not of the training.
    defects = folds[0].config.get("defects", ())
    batch = folds[0].config.get("test_batch", TEST_BATCH)
    scored = functools.partial(score, defects=defects, batch_size=batch)
    kind = "probabilities" if num_classes else "y_pred"
    per_fold = [scored(p["y_true"], p[kind], num_classes) for p in predictions]
    if not num_classes:
        pairs = [
            scored_intensities(p["y_true"], p[kind], defects, batch)
            for p in predictions
        ]
        predictions = [{"y_true": y, kind: guess} for y, guess in pairs]
    metrics = pool(predictions, num_classes, scored) | average(per_fold)
    seconds = _entries(folds, "timings", _SECONDS)
    metrics[_SECONDS] = float(np.mean(seconds)) if seconds else None
    metrics["fold_mean_n"][_SECONDS] = len(seconds)
    return metrics


def _cells(metrics, num_folds):
    """Metric, class, value and the number of folds behind it."""
    counts = metrics["fold_mean_n"]
    for name, value in metrics.items():
        count = counts.get(name.removeprefix("fold_mean_"), num_folds)
        if isinstance(value, list):  # one a class
            each = np.broadcast_to(count, len(value)).tolist()
            for index, pair in enumerate(zip(value, each, strict=True)):
                yield name, index, *pair
        elif not isinstance(value, dict):
            yield name, -1, value, count


def all_rows(spec: TableSpec, scores: Scores) -> dict[tuple, RowSpec]:
    """By `(evaluation, method)`, the table's and further ones that were run."""
    rows = {(row.evaluation, row.method): row for row in spec.rows}
    for evaluation, _, method in scores.rows.index:
        own = RowSpec(method, method, evaluation)
        rows.setdefault((evaluation, method), own)
    return rows


def software_remarks(scores: Scores) -> list[str]:
    """The data and the software behind all folds."""
    remarks = []
    if scores.fingerprint:
        remarks.append(f"Fingerprint of the data: {scores.fingerprint}.")
    for environment in scores.environments:
        versions = environment.get("versions") or {}
        software = [f"{n} {v}" for n, v in sorted(versions.items()) if v]
        if commit := environment.get("git_commit"):
            software.append(f"commit {commit}")
        if software:
            remarks.append(f"Software: {', '.join(software)}.")
    return remarks


def hardware_remarks(
    scores: Scores, label: str, what: str, evaluation: str | None = None
) -> str:
    """On what `label` was measured, and whether `what` compare.

    `evaluation` says of which rows to tell; None takes all.
    """
    rows = scores.rows
    if evaluation is not None:
        rows = rows.loc[[evaluation]]
    hardware, jobs = sorted(set().union(*rows.hardware)), rows.jobs.max()
    texts = [
        hardware and f" {label}: {'; '.join(hardware)}.",
        len(hardware) > 1 and " Times from different hardware do not compare.",
        jobs > 1
        and f" Up to {jobs} folds ran at once and slowed each other down: "
        f"{what} do not compare.",
    ]
    return "".join(filter(None, texts))


def number(cell: pd.Series | None, digits: int, unknown: str = NOTHING) -> str:
    """Mean of one of `Scores.cells`, and standard deviation if it has one."""
    if cell is None or np.isnan(cell["mean"]):
        return unknown
    text = f"{cell['mean']:.{digits}f}"
    return text if np.isnan(cell.sd) else f"{text} ± {cell.sd:.{digits}f}"


# --- What is written ---


class Grid(NamedTuple):
    """One grid of a sheet.

    Args:
        title: What it shows.
        columns: Headings.
        groups: Rows that belong together, e.g. those of one method; each has
            one text a column.
        left: How many of the first columns hold words, not numbers.
        remarks: Lines below the grid.
        timing: Whether it holds training times, which differ between equal
            runs: they stand between two marker lines.
    """

    title: str
    columns: Sequence[str]
    groups: Sequence[Sequence[Sequence[str]]]
    left: int = 2
    remarks: Sequence[str] = ()
    timing: bool = False


@dataclasses.dataclass
class Sheet:
    """A whole report; the same sheet gives the same bytes.

    Args:
        name: Short name, for labels.
        title: Its title.
        lines: What to know before reading.
        grids: The grids.
        footnotes: Their texts; `[1]` at the end of a cell or of a grid's
            title is the first one, see `marked`.
        remarks: What to know after reading.
    """

    name: str
    title: str
    lines: Sequence[str] = ()
    grids: list[Grid] = dataclasses.field(default_factory=list)
    footnotes: list[str] = dataclasses.field(default_factory=list)
    remarks: Sequence[str] = ()

    def marked(self, text: str, *notes: str) -> str:
        """The text and `[1] [2]`, numbers of its notes by their first use."""
        for note in filter(None, notes):
            if note not in self.footnotes:
                self.footnotes.append(note)
            text += f" [{self.footnotes.index(note) + 1}]"
        return text

    def markdown(self) -> str:
        """Markdown that also reads well in a terminal."""
        parts = [f"# {self.title}", _bullets(self.lines)]
        for grid in self.grids:
            texts = [f"## {grid.title}", _aligned(grid), *grid.remarks]
            if grid.timing:
                begin, end = _TIMES_BEGIN, _TIMES_END
                texts = [f"<!-- {begin} -->", *texts, f"<!-- {end} -->"]
            parts += texts
        if self.footnotes:
            numbered = enumerate(self.footnotes, start=1)
            parts.append("## Notes on the paper's numbers")
            parts.append("\n".join(f"{n}. {text}" for n, text in numbered))
        if self.remarks:
            parts += ["## Remarks", _bullets(self.remarks)]
        return "\n\n".join(filter(None, parts)) + "\n"

    def latex(self) -> str:
        """One escaped `table` environment a grid, notes after the last."""
        label = re.sub(r"[^A-Za-z0-9-]+", "-", self.name)
        lines = [r"% needs \usepackage{booktabs} and \usepackage[T1]{fontenc}"]
        for number, grid in enumerate(self.grids, start=1):
            title = escape_latex(f"{self.title}. ") + _tex(grid.title, ".")
            numbers = "r" * (len(grid.columns) - grid.left)
            table = [
                r"\begin{table}[htbp]",
                r"\centering\small\setlength{\tabcolsep}{4pt}",
                rf"\caption{{{title}}}",
                rf"\label{{tab:{label}-{number}}}",
                rf"\begin{{tabular}}{{{'l' * grid.left}{numbers}}}",
                r"\toprule",
                _tex_row(grid.columns),
            ]
            for group in grid.groups:
                table += [r"\midrule", *map(_tex_row, group)]
            table += [r"\bottomrule", r"\end{tabular}"]
            table += [rf"\par {escape_latex(text)}" for text in grid.remarks]
            table.append(r"\end{table}")
            if grid.timing:
                table = [f"% {_TIMES_BEGIN}", *table, f"% {_TIMES_END}"]
            lines += table
        notes = [
            rf"\textsuperscript{{{number}}} {escape_latex(text)}"
            for number, text in enumerate(self.footnotes, start=1)
        ]
        notes += map(escape_latex, (*self.lines, *self.remarks))
        lines.append(r"{\footnotesize\noindent")
        lines += [rf"{note}\par" for note in notes]
        return "\n".join(lines) + "\n}\n"


def _bullets(lines):
    return "\n".join(f"- {line}" for line in lines)


def _aligned(grid):
    """The grid in Markdown, its columns as wide as their widest cell."""
    rows = [grid.columns, *itertools.chain(*grid.groups)]
    columns = []
    for index, column in enumerate(zip(*rows, strict=True)):
        cells = [c.replace("|", r"\|").replace("\n", " ") for c in column]
        width = max(map(len, cells))
        fill, rule = str.ljust, "-" * width
        if index >= grid.left:
            fill, rule = str.rjust, "-" * (width - 1) + ":"
        head, *cells = (fill(cell, width) for cell in cells)
        columns.append([head, rule, *cells])
    lines = zip(*columns, strict=True)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _tex(cell, end=""):
    text, marks = re.fullmatch(r"(?s)(.*?)((?: \[\d+\])*)", cell).groups()
    numbers = ",".join(re.findall(r"\d+", marks))
    mark = rf"\textsuperscript{{{numbers}}}" if marks else ""
    return escape_latex(text + end) + mark


def _tex_row(row):
    return rf"{' & '.join(map(_tex, row))} \\"


def escape_latex(text: str) -> str:
    """Text in which no character is a LaTeX command."""
    return text.translate(_LATEX)


def write_texts(
    out_dir, stem: str, texts: Mapping[str, str], simulated: bool
) -> list[pathlib.Path]:
    """Writes `stem.suffix` for each suffix and text, see `write_marked`."""
    out_dir = pathlib.Path(out_dir)
    return [
        write_marked(out_dir / f"{stem}.{suffix}", text.encode(), simulated)
        for suffix, text in texts.items()
    ]


# --- The table ---


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
    """Writes `table.md`, `.tex`, `.csv` and `.json`; returns their paths.

    The same folds give the same bytes. Of a simulated corpus the files are
    called `table_SIMULATED.*`; those of the other kind are removed, so that
    old and new never lie side by side.

    Args:
        spec: The table.
        store, expected: See `read_scores`.
        out_dir: Folder for the files.
        corpus: Name of the corpus.
        simulated: Whether the corpus is simulated.
        header: Lines to print above the table.
        subject_lists: Files with the subjects of every fold, relative to
            `out_dir`.

    Raises:
        ConfigurationError: A fold is of another configuration or other data.
        KerasPainError: A file cannot be read or written.
    """
    scores = read_scores(store, expected, len(spec.class_names))
    missing = [
        f"{row[2]} {row[0]}/{row[1]} {state}"
        for row in scores.rows.index
        if (state := scores.state(row))
    ]
    title, lines = spec.title, [f"Paper: {spec.paper}", f"Corpus: {corpus}"]
    lines += header
    if missing:
        title += " (INCOMPLETE)"
        lines.append(f"INCOMPLETE: {'; '.join(missing)}")
    title = marked_title(title, simulated)
    remarks = _remarks(spec, scores, simulated, subject_lists)
    sheet = Sheet(spec.name, title, lines, remarks=remarks)
    of_corpus = {"corpus": corpus, "simulated": simulated}
    rows = [row | of_corpus for row in _Table(spec, scores, sheet).fill()]
    head = {
        "name": spec.name,
        "title": title,
        "paper": spec.paper,
        **of_corpus,
        "complete": not missing,
        "header": header,
        "notes": sheet.footnotes,
        "remarks": remarks,
        "subject_lists": subject_lists,
        "fingerprint": scores.fingerprint,
        "provenance": scores.environments,
    }
    texts = {
        "md": sheet.markdown(),
        "tex": sheet.latex(),
        "csv": csv_text(list(rows[0]), rows),
        "json": json_text(head, rows),
    }
    return write_texts(out_dir, "table", texts, simulated)


def _remarks(spec, scores, simulated, subject_lists):
    seeds, several = scores.rows.seeds.max(), scores.rows.folds.max() > 1
    rules = RULES if spec.class_names else REGRESSION_RULES
    remarks = [
        *spec.notes,
        simulated
        and "SIMULATED: ours is measured on simulated recordings. It shows "
        "that the pipeline runs; the differences say nothing about the paper.",
        f"Ours: mean ± standard deviation over {seeds} seeds."
        if seeds > 1
        else "Ours is from one seed.",
        *(rules.values() if several else ()),
        several
        and "Mean over folds: (18/30) says that 18 of 30 folds define the "
        "metric.",
        subject_lists
        and f"Subjects of every fold: {', '.join(subject_lists)}.",
        *software_remarks(scores),
    ]
    return list(dict.fromkeys(filter(None, remarks)))


class _Table:
    """Lays out the numbers of a table: as grids, and in long form."""

    def __init__(self, spec, scores, sheet):
        self.spec, self.scores, self.sheet = spec, scores, sheet
        self.rows = all_rows(spec, scores)
        self.published = Published([], [])
        if spec.published:
            self.published = read_published(spec.published)

    def fill(self):
        """Fills the sheet; returns the long form, see `long`."""
        grids, rows = self.sheet.grids, list(self.rows.values())
        columns = ("Method", "", *(c.label for c in self.spec.columns))
        evaluations = {
            name: [row for row in rows if row.evaluation == name]
            for name in dict.fromkeys(row.evaluation for row in rows)
        }
        for evaluation, of in evaluations.items():
            notes = [t for e, t in self.published.notes if e == evaluation]
            for kind, words in self.kinds(evaluation).items():
                title = f"{EVALUATIONS.get(evaluation, evaluation)}, {words}"
                title = self.sheet.marked(title, *notes)
                lines = [self.method_lines(row, kind) for row in of]
                grids.append(Grid(title, columns, lines))
        for evaluation, of in evaluations.items():
            self.add_times(evaluation, of)
        return [cell for row in rows for cell in self.long(row)]

    def kinds(self, evaluation):
        """How folds are put together, in words."""
        samples, folds = self.spec.samples, self.scores.rows.folds
        if evaluation in folds and (folds[evaluation] > 1).any():
            return {
                "pooled": f"pooled over the {samples} of all folds",
                "fold_mean": "mean over folds",
            }
        return {"pooled": f"over the test {samples}"}

    def protocols(self, row):
        """Those of a row that is run, with what its folds lack."""
        for protocol in self.scores.protocols(row.evaluation):
            place = (row.evaluation, protocol, row.method)
            yield protocol, self.scores.state(place)

    def method_lines(self, row, kind):
        """One method's lines: ours, the paper's, the differences."""
        columns = [(c.metric, c.class_index) for c in self.spec.columns]
        papers = [self.paper(row, *column) for column in columns]
        lines, differences = [], []
        for protocol, state in () if row.literature else self.protocols(row):
            cells = [
                self.cell(row, protocol, f"{kind}_{metric}", metric, index)
                for metric, index in columns
            ]
            ours = [state] if state else [self.ours(c, kind) for c, *_ in cells]
            lines.append([f"ours, {protocol}", *ours])
            # Adding zero turns -0.0 into 0.0.
            texts = [
                "" if pd.isna(value) else f"{round(value, 3) + 0.0:+.3f}"
                for *_, value in cells
            ]
            differences.append([f"difference, {protocol}", *texts])
        if not lines and not row.literature:
            lines.append(["ours", "not run"])
        if any(paper and (paper.text or paper.note) for paper in papers):
            lines.append(["paper", *map(self.paper_text, papers)])
        lines += [line for line in differences if any(line[1:])]
        for first, line in enumerate(lines):
            line[:] = [cell or NOTHING for cell in line]
            line += [NOTHING] * (len(columns) + 1 - len(line))
            line.insert(0, "" if first else row.label)
        return lines

    def add_times(self, evaluation, rows):
        """The grid of training times, where we or the paper have one."""
        columns = ["Method", "", "Seconds a fold", "Paper"]
        if reference := self.rows.get((evaluation, self.spec.reference)):
            columns.insert(3, f"Ratio to {reference.label}")
        groups, known = [], False
        for row in (row for row in rows if not row.literature):
            paper, lines = self.paper(row, TRAINING_TIME), []
            known |= bool(paper and paper.text)
            for protocol, state in self.protocols(row):
                found, *_ = self.cell(row, protocol, _SECONDS)
                seconds = number(found, 1)
                known |= seconds != NOTHING
                if state not in ("", "not run"):
                    seconds = state
                line = [row.label, protocol, seconds, self.paper_text(paper)]
                if lines:
                    line[0] = line[-1] = ""
                if reference:
                    ratio, *_ = self.cell(row, protocol, _RATIO)
                    line.insert(3, number(ratio, 2))
                lines.append(line)
            if lines:
                groups.append(lines)
        if known:
            what = ("Hardware", "these times", evaluation)
            text = (
                "Wall-clock seconds of training, pre-training included, the "
                "one-time tracing of networks left out, mean over folds; "
                "ratios are within this run."
                + hardware_remarks(self.scores, *what)
            )
            title = f"{EVALUATIONS.get(evaluation, evaluation)}, training time"
            grid = Grid(title, columns, groups, remarks=[text], timing=True)
            self.sheet.grids.append(grid)

    def long(self, row):
        """The long form of a row: one dict a number, None for the unknown."""
        names = [
            (f"{kind}_{column.metric}", column.metric, column.class_index)
            for kind in self.kinds(row.evaluation)
            for column in self.spec.columns
        ]
        names.append((_SECONDS, TRAINING_TIME, None))
        if (row.evaluation, self.spec.reference) in self.rows:
            names.append((_RATIO, "", None))
        classes = {None: "", **dict(enumerate(self.spec.class_names))}
        for protocol, state in self.protocols(row):
            for name, metric, index in names:
                cell = self.cell(row, protocol, name, metric, index)
                found, paper, difference = cell
                mean = sd = seeds = None
                folds = state.replace("not run", "").removesuffix(" folds")
                if found is not None:
                    mean, sd = found["mean"], found.sd
                    folds, seeds = int(found.folds), int(found.seeds)
                yield {
                    "method": row.method,
                    "protocol": f"{row.evaluation}/{protocol}",
                    "metric": name,
                    "class": classes[index],
                    "ours": rounded(mean),
                    "ours_sd": rounded(sd),
                    "paper": (paper and paper.text) or None,
                    "difference": rounded(difference),
                    "n_folds": None if folds == "" else folds,
                    "n_seeds": seeds,
                }

    def cell(self, row, protocol, name, metric="", index=None):
        """Ours, the paper's and the difference; None is unknown.

        The number `_RATIO` is to the reference's time.
        """
        place, of = (row.evaluation, protocol), self.scores
        plain = _SECONDS if name == _RATIO else name
        ours = of.get((*place, row.method), plain, index)
        if name == _RATIO and ours is not None:
            base = of.get((*place, self.spec.reference), plain)
            known = base is not None and base["mean"]
            ratio = known and {"mean": ours["mean"] / known, "sd": np.nan}
            ours = pd.Series({**ours, **ratio}) if ratio else None
        paper = self.paper(row, metric, index) if metric else None
        known = ours is not None and paper and paper.value is not None
        return ours, paper, ours["mean"] - paper.value if known else None

    def ours(self, cell, kind):
        text = number(cell, 3, "undefined")
        wanted = self.scores.rows.folds[cell.name[:3]]
        if kind == "fold_mean" and 0 < cell.folds < wanted:
            text += f" ({cell.folds:.0f}/{wanted})"
        return text

    def paper(self, row, metric, index=None):
        return self.published.get(row.method, row.evaluation, metric, index)

    def paper_text(self, paper):
        if paper is None:
            return NOTHING
        return self.sheet.marked(paper.text or NOTHING, paper.note)
