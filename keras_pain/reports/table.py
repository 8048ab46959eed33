"""A published table beside ours: from stored folds to Markdown, LaTeX, CSV.

Rows are methods; cells are ours (mean and standard deviation over seeds), the
paper's, and the difference. Metrics are pooled over the samples of all folds
and, where there are several folds, also averaged over folds; both are named.
A row whose folds are not all there shows how many are, never a mean of them.
All is computed from stored predictions, without training again.
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

from keras_pain import io as files
from keras_pain.errors import BadFileError, ConfigurationError, reading
from keras_pain.experiments import defects as scoring
from keras_pain.experiments import metrics as measures
from keras_pain.experiments.protocols import GROUP_KFOLD
from keras_pain.experiments.store import FoldKey, ResultStore, canonical_json

# The row without which no number means anything, of classes and intensities.
MAJORITY = "majority"
TRAIN_MEAN = "train_mean"
# Values of this metric are text, as printed, e.g. "> 10 hours".
TRAINING_TIME = "training_time"
NOTHING = "–"
DAGGER = "†"
BY_DEFECT = (
    f"{DAGGER} is made by a known defect of scoring: it is what the released "
    "code prints there, and not the metric as it is defined."
)
EVALUATIONS = {
    "holdout": "Hold-out",
    "loso": "Leave one subject out",
    "cv5": "Five-fold cross-validation",
}


def evaluation_title(evaluation: str) -> str:
    """What readers call an evaluation."""
    folds = evaluation.removeprefix(GROUP_KFOLD)
    usual = f"{folds} folds of people" if folds != evaluation else evaluation
    return EVALUATIONS.get(evaluation, usual)


_ROW = ["evaluation", "protocol", "method"]
_PROTOCOLS = ("as_published", "leak_free")
_PUBLISHED = ["method", "evaluation", "metric", "class", "value", "note"]
_DIFFERENCE = "difference"
_LONG = (
    *("method", "protocol", "metric", "class", "ours", "ours_sd"),
    *("by_defect_of_scoring", "paper", _DIFFERENCE, "n_folds", "n_seeds"),
)
_SECONDS, _RATIO = "fit_seconds", "fit_seconds_ratio"
_PACKAGES = r"\usepackage{booktabs,graphicx,rotating} and [T1]{fontenc}"
_ACROSS, _SIDEWAYS = 80, 120  # most characters of \small on a page
_TIMES_BEGIN, _TIMES_END = "training times", "end of training times"
_PAIRS = r"""
\ \textbackslash{}  ~ \textasciitilde{}  ^ \textasciicircum{}  < \textless{}
> \textgreater{}  | \textbar{}  " \textquotedbl{}  ± $\pm$  − $-$
† $^{\dagger}$  × $\times$  – --  — ---  ² $^2$
""".split()
_LATEX = {character: f"\\{character}" for character in "{}&%$#_"} | {"\n": " "}
_LATEX |= zip(_PAIRS[::2], _PAIRS[1::2], strict=True)
_LATEX = str.maketrans(_LATEX)
_MARKUP = r"[\\|`*]|(?<![^\W_])_|_(?![^\W_])"  # of cells in Markdown


class RowSpec(NamedTuple):
    """A method; `literature`, which the paper took over, is never run."""

    label: str
    method: str
    evaluation: str
    literature: bool = False


class ColumnSpec(NamedTuple):
    """A heading and a metric; those of `metrics.CLASS_METRICS` have a class.

    Where intensities are predicted, there are `REGRESSION_METRICS` only.
    """

    label: str
    metric: str
    class_index: int | None = None


@dataclasses.dataclass(frozen=True)
class TableSpec:
    """A table: rows, columns, and where the paper's numbers are.

    Every evaluation of the rows has one of the method `"majority"`
    (`"train_mean"` where intensities are predicted).
    """

    name: str
    title: str
    paper: str
    rows: tuple[RowSpec, ...]
    columns: tuple[ColumnSpec, ...]
    class_names: tuple[str, ...]  # empty where intensities are predicted
    published: pathlib.Path | None = None  # CSV file for `read_published`
    notes: tuple[str, ...] = ()  # lines below the table
    reference: str = "banet"  # whom training times are put in ratio to
    samples: str = "windows"  # what numbers are of, or "clips" or "frames"

    def __post_init__(self):
        pairs = [(row.method, row.evaluation) for row in self.rows]
        if len(set(pairs)) < len(pairs):
            raise ValueError(f"table {self.name} repeats a row: {pairs}")
        trivial, scalars = TRAIN_MEAN, measures.REGRESSION_METRICS
        if self.class_names:
            trivial = MAJORITY
            scalars = measures.SCALAR_METRICS + measures.WEIGHTED_METRICS
            scalars += measures.DEFECT_METRICS + measures.ORDINAL_METRICS
        if lacking := {(trivial, e) for e in self.evaluations} - {*pairs}:
            raise ValueError(f"table {self.name} lacks rows {lacking}")
        classes = (None, *range(len(self.class_names)))
        for column in self.columns:
            _, metric, index = column
            known = scalars if index is None else measures.CLASS_METRICS
            if metric not in known or index not in classes:
                raise ValueError(f"table {self.name} has no such {column}")

    @property
    def methods(self) -> tuple[RowSpec, ...]:
        """The rows that are run."""
        return tuple(row for row in self.rows if not row.literature)

    @property
    def evaluations(self) -> tuple[str, ...]:
        """Evaluations of the rows, in order."""
        return tuple(dict.fromkeys(row.evaluation for row in self.rows))


class PublishedValue(NamedTuple):
    """One cell: `text` as printed, "" where it is unsaid, and a `note` or "".

    `evaluation` may be `"complexity"`, `metric` also `training_time`.
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

    def get(self, *place: str | int | None) -> PublishedValue | None:
        """The cell of this method, evaluation, metric and class, or None."""
        place += (None,) * (4 - len(place))  # a class may be left out
        return next((v for v in self.values if v[:4] == place), None)


def read_published(path) -> Published:
    """Reads one of `reproduce/published/*.csv`; raises BadFileError.

    A row of the method `*` holds a note on the whole table.
    """
    found = Published([], [])
    with reading(path, cure="restore it from the project's repository"):
        text = pathlib.Path(path).read_text(encoding="utf-8-sig")
    rows = csv.reader(io.StringIO(text, newline=""))
    head = f"the {len(_PUBLISHED)} columns {', '.join(_PUBLISHED)}"
    cure = f"name {head}"
    try:
        if (columns := next(rows, [])) != _PUBLISHED:
            raise ValueError(f"its columns are {columns}")
        cure = "give class as an index or empty, value as a number or empty"
        for row in filter(None, rows):  # not the blank lines
            if len(row) != len(_PUBLISHED):
                cure = f"fill {head}"
                raise ValueError(f"it has {len(row)} columns")
            *place, index, text, note = map(str.strip, row)
            index = int(index) if index else None
            cell = PublishedValue(*place, index, text, note)
            _ = cell.value  # raises where it is not a number
            if cell.method == "*":
                found.notes.append((cell.evaluation, note))
            elif found.get(*cell[:4]):
                cure = "keep one of the two"
                raise ValueError("it repeats an earlier cell")
            else:
                found.values.append(cell)
    except (ValueError, csv.Error) as error:
        line = max(rows.line_num, 1)
        problem = f"line {line} is not a published value ({error})"
        raise BadFileError(path, problem, cure) from error
    return found


class Scores(NamedTuple):
    """Every metric of the finished rows (evaluation, protocol, method).

    Args:
        cells: By row, metric (as `pool` and `average` name them, and
            `fit_seconds`) and class (-1 where it has none): `mean` over the
            seeds that define it, `sd` (NaN below two), `folds` of one seed
            behind it (when averaged, those that define it, the fewest of any
            seed) and `seeds`.
        rows: By row: folds `found` and `wanted`, `folds` of one seed, `seeds`,
            `jobs` (most folds that ran at once), `hardware`, and `distorted`,
            the metrics that its defects score otherwise than defined.
        confusions: By row: `(K, K)` pooled counts, mean over seeds.
        environments: What `environment()` said in all folds.
        fingerprint: Of the data behind all folds, or "".
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

    @property
    def provenance(self) -> dict:
        """What the head of a report in JSON says of the data and software."""
        said = {"fingerprint": self.fingerprint}
        return said | {"provenance": self.environments}

    def protocols(self, evaluation: str) -> list[str]:
        """Those of one evaluation, `as_published` first."""
        found = {name for e, name, _ in self.rows.index if e == evaluation}
        return sorted(found, key=lambda name: (name not in _PROTOCOLS, name))


def read_scores(
    store: ResultStore,
    expected: Mapping[FoldKey, Mapping] | Iterable[FoldKey],
    num_classes: int,
) -> Scores:
    """Reads all expected folds and computes every metric; rows keep the order.

    `num_classes` is 0 for intensities. Raises ConfigurationError where a fold
    is of other data, or of another configuration than `expected` maps it to.
    """

    def read(key):
        done = store.contains(key)
        if isinstance(expected, Mapping):
            done = store.status(key, expected[key]) == "complete"
        return store.read(key) if done else None

    keys = list(dict.fromkeys(expected))
    names = [field.name for field in dataclasses.fields(FoldKey)]
    folds = pd.DataFrame(keys, columns=names)
    folds["read"] = pd.Series(list(map(read, keys)), dtype=object)
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
        jobs=("read", lambda f: max(_entries(f, "timings", "jobs"), default=1)),
        hardware=("read", lambda f: {*_entries(f, "environment", "hardware")}),
        distorted=("read", lambda f: scoring.distorted_metrics(_defects(f))),
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
    cells = cells.astype({"value": float}).groupby(names)
    moments = {"mean": ("value", "mean"), "sd": ("value", "std")}
    counts = {"folds": ("folds", "min"), "seeds": ("value", "count")}
    cells = cells.agg(**moments, **counts)
    said = [fold.result.get("environment") for fold in found]
    said = {canonical_json(one): one for one in said if one}
    environments = [said[text] for text in sorted(said)]
    data = max(fingerprints, default="")
    return Scores(cells, rows, confusions, environments, data)


def _defects(folds):
    """Those that are on, of one row."""
    first = next((fold.config for fold in folds if fold is not None), {})
    return first.get("defects", ())


def _entries(folds, part, name):
    """What folds say in a part of their result or configuration."""
    folds = [fold for fold in folds if fold is not None]
    parts = [f.result.get(part) or f.config.get(part) or {} for f in folds]
    return [found[name] for found in parts if found.get(name) is not None]


def _seed_metrics(folds, num_classes):
    predictions, config = [fold.predictions for fold in folds], folds[0].config
    # Some known defects are of the scoring, not of the training.
    how = _defects(folds), config.get("test_batch", scoring.TEST_BATCH)
    of = config.get("dataset", {}).get("task") == "ordinal"
    more = {"defects": how[0], "batch_size": how[1], "ordinal": of}
    scored = functools.partial(scoring.score, **more)
    kind = "probabilities" if num_classes else "y_pred"
    pairs = [(p["y_true"], p[kind]) for p in predictions]
    metrics = measures.average([scored(*pair, num_classes) for pair in pairs])
    if not num_classes:
        pairs = [scoring.scored_intensities(*pair, *how) for pair in pairs]
        predictions = [{"y_true": y, kind: guess} for y, guess in pairs]
    metrics = measures.pool(predictions, num_classes, scored) | metrics
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
    sources = {e.get("sources_sha256", "") for e in scores.environments}
    if len(sources) > 1:
        names = ", ".join(s[:12] or "unknown" for s in sorted(sources))
        remarks.append(
            f"The folds come from {len(sources)} states of the package's "
            f"sources ({names})."
        )
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
    """On what `label` was measured, and whether `what` compare; None: all."""
    rows = scores.rows if evaluation is None else scores.rows.loc[[evaluation]]
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


class Grid(NamedTuple):
    """One grid of a sheet.

    Groups are of rows that belong together, e.g. of one method; a row has a
    text for each of the headings `columns`, of which the `left` first ones hold
    words. Training times (`timing`), which differ between equal runs, stand
    between two marker lines. `sources` say for each row, over all groups, whose
    folds its numbers come from: `(evaluation, protocol, method)`, none or
    several.
    """

    title: str
    columns: Sequence[str]
    groups: Sequence[Sequence[Sequence[str]]]
    left: int = 2
    remarks: Sequence[str] = ()
    timing: bool = False
    sources: Sequence[Sequence[tuple[str, str, str]]] = ()


@dataclasses.dataclass
class Sheet:
    """A whole report; the same sheet gives the same bytes.

    Of a short name, for labels; a title; lines to know before reading; grids;
    footnotes, `[1]` at the end of a cell or of a grid's title being the first
    one, see `marked`; and remarks after all.
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
        parts = [f"# {_plain(self.title)}", _bullets(self.lines)]
        for grid in self.grids:
            texts = [f"## {_plain(grid.title)}", _aligned(grid)]
            texts += map(_plain, grid.remarks)
            if grid.timing:
                begin, end = _TIMES_BEGIN, _TIMES_END
                texts = [f"<!-- {begin} -->", *texts, f"<!-- {end} -->"]
            parts += texts
        if self.footnotes:
            numbered = enumerate(map(_plain, self.footnotes), start=1)
            parts.append("## Notes on the paper's numbers")
            parts.append("\n".join(f"{n}. {text}" for n, text in numbered))
        if self.remarks:
            parts += ["## Remarks", _bullets(self.remarks)]
        return "\n\n".join(filter(None, parts)) + "\n"

    def latex(self) -> str:
        """One escaped `table` environment a grid, notes after the last."""
        label = re.sub(r"[^A-Za-z0-9-]+", "-", self.name)
        lines = [f"% needs {_PACKAGES}"]
        for number, grid in enumerate(self.grids, start=1):
            title = escape_latex(f"{self.title}. ") + _tex(grid.title, ".")
            numbers = "r" * (len(grid.columns) - grid.left)
            width = len(_aligned(grid).partition("\n")[0])
            kind = "table" if width <= _ACROSS else "sidewaystable"
            fit = (r"\resizebox{\linewidth}{!}{", "}")
            begin, end = fit if width > _SIDEWAYS else ("", "")
            table = [
                rf"\begin{{{kind}}}[htbp]",
                r"\centering\small\setlength{\tabcolsep}{3pt}",
                rf"\caption{{{title}}}",
                rf"\label{{tab:{label}-{number}}}",
                rf"{begin}\begin{{tabular}}{{{'l' * grid.left}{numbers}}}",
                r"\toprule",
                _tex_row(grid.columns),
            ]
            for group in grid.groups:
                table += [r"\midrule", *map(_tex_row, group)]
            table += [r"\bottomrule", rf"\end{{tabular}}{end}"]
            table += [rf"\par {escape_latex(text)}" for text in grid.remarks]
            table.append(rf"\end{{{kind}}}")
            if grid.timing:
                table = [f"% {_TIMES_BEGIN}", *table, f"% {_TIMES_END}"]
            lines += table
        lines.append(r"{\footnotesize\noindent")
        for n, text in enumerate(self.footnotes, start=1):
            lines.append(rf"\textsuperscript{{{n}}} {escape_latex(text)}\par")
        for text in (*self.lines, *self.remarks):
            lines.append(rf"{escape_latex(text)}\par")
        return "\n".join(lines) + "\n}\n"

    def write(self, out_dir, stem, columns, rows, simulated, head=None):
        """Writes it as `stem.md` and `.tex`, and rows as `.csv`; returns paths.

        In `.json` are the rows, `head`, and the sheet itself, from which
        `keras_pain.reports.page` is made, with `times` on a line of its own;
        for names see `write_marked`.
        """
        texts = {"md": self.markdown(), "tex": self.latex()}
        texts["csv"] = files.csv_text(columns, rows)
        head = {"name": self.name, "title": self.title, **(head or {})}
        grids = [g._asdict() for g in self.grids if not g.timing]
        head["sheet"] = vars(self) | {"grids": grids}
        head["times"] = [g._asdict() for g in self.grids if g.timing]
        texts["json"] = files.json_text(head, rows)
        paths = []
        for kind, text in texts.items():
            path = pathlib.Path(out_dir, f"{stem}.{kind}")
            paths.append(files.write_marked(path, text.encode(), simulated))
        return paths


def _plain(text, commands=r"(?!)"):
    """Text on one line in which nothing is HTML, a link or of `commands`."""
    text = re.sub(commands, r"\\\g<0>", " ".join(text.split()))
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text).replace("](", r"]\(")


def _bullets(lines):
    return "\n".join(f"- {_plain(line)}" for line in lines)


def _aligned(grid):
    """The grid in Markdown, its columns as wide as their widest cell."""
    rows = [grid.columns, *itertools.chain(*grid.groups)]
    columns = []
    for index, column in enumerate(zip(*rows, strict=True)):
        cells = [_plain(cell, _MARKUP) for cell in column]
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
    """Text in which no character is a LaTeX command, and a minus is one."""
    text = re.sub(r"(?<![\w.)-])-(?=\.?\d)", "−", text).translate(_LATEX)
    # What T1 does not have would stop LaTeX; it has Europe's letters.
    return re.sub(r"[^\x00-\x7f\u00c0-\u017f]", "?", text)


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

    The same folds give the same bytes; see `read_scores` for what is raised.
    `header` are lines above the table, `subject_lists` files relative to
    `out_dir` with the subjects of every fold.
    """
    scores = read_scores(store, expected, len(spec.class_names))
    states = [(*row, scores.state(row)) for row in scores.rows.index]
    missing = [f"{m} {e}/{p} {state}" for e, p, m, state in states if state]
    title, lines = spec.title, [f"Paper: {spec.paper}", f"Corpus: {corpus}"]
    lines += header
    if missing:
        title += " (INCOMPLETE)"
        lines.append(f"INCOMPLETE: {'; '.join(missing)}")
    title = files.marked_title(title, simulated)
    remarks = _remarks(spec, scores, simulated, subject_lists)
    sheet = Sheet(spec.name, title, lines, remarks=remarks)
    of_corpus = {"corpus": corpus, "simulated": simulated}
    table = _Table(spec, scores, sheet, simulated)
    rows = [row | of_corpus for row in table.fill()]
    head = {"name": spec.name, "title": title, "paper": spec.paper, **of_corpus}
    head |= {"complete": not missing, "header": header}
    head |= {"notes": sheet.footnotes, "remarks": remarks}
    head["published"] = spec.published and spec.published.name
    head["subject_lists"], columns = subject_lists, [*table.columns, *of_corpus]
    head |= scores.provenance
    return sheet.write(out_dir, "table", columns, rows, simulated, head)


def _sources(row, protocol):
    """Whose folds a line of a method is of; none of a paper's."""
    return [(row.evaluation, protocol, row.method)] if protocol else []


def _remarks(spec, scores, simulated, subject_lists):
    seeds, several = scores.rows.seeds.max(), scores.rows.folds.max() > 1
    rules = measures.RULES if spec.class_names else measures.REGRESSION_RULES
    remarks = [
        *spec.notes,
        set.union(set(), *scores.rows.distorted) and BY_DEFECT,
        simulated
        and "SIMULATED: ours is measured on simulated recordings. It shows "
        "that the pipeline runs and says nothing about the paper's numbers, so "
        "there are no differences to them.",
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

    def __init__(self, spec, scores, sheet, simulated):
        self.spec, self.scores, self.sheet = spec, scores, sheet
        self.simulated = simulated  # then nothing is compared with the paper
        self.columns = [c for c in _LONG if not simulated or c != _DIFFERENCE]
        self.rows = all_rows(spec, scores)
        self.published = Published([], [])
        if spec.published:
            self.published = read_published(spec.published)

    def fill(self):
        """Fills the sheet; returns the long form, see `long`."""
        columns = ("Method", "", *(c.label for c in self.spec.columns))
        evaluations = {}
        for row in self.rows.values():
            evaluations.setdefault(row.evaluation, []).append(row)
        for evaluation, of in evaluations.items():
            notes = [t for e, t in self.published.notes if e == evaluation]
            for kind, words in self.kinds(evaluation).items():
                title = f"{evaluation_title(evaluation)}, {words}"
                title = self.sheet.marked(title, *notes)
                lines = [self.method_lines(row, kind) for row in of]
                sources = [
                    _sources(row, line[1].partition(", ")[2])
                    for row, group in zip(of, lines, strict=True)
                    for line in group
                ]
                grid = Grid(title, columns, lines, sources=sources)
                self.sheet.grids.append(grid)
        for evaluation, of in evaluations.items():
            self.add_times(evaluation, of)
        return [cell for row in self.rows.values() for cell in self.long(row)]

    def kinds(self, evaluation):
        """How folds are put together, in words."""
        samples, folds = self.spec.samples, self.scores.rows.folds
        kinds = {"pooled": f"over the test {samples}"}
        if evaluation in folds and (folds[evaluation] > 1).any():
            kinds["pooled"] = f"pooled over the {samples} of all folds"
            kinds["fold_mean"] = "mean over folds"
        return kinds

    def protocols(self, row):
        """Those of a row that is run, with what its folds lack."""
        for protocol in self.scores.protocols(row.evaluation):
            place = (row.evaluation, protocol, row.method)
            yield protocol, self.scores.state(place)

    def names(self, kind):
        """Name in the scores, metric and class of each column."""
        columns = [(c.metric, c.class_index) for c in self.spec.columns]
        return [(f"{kind}_{metric}", metric, i) for metric, i in columns]

    def method_lines(self, row, kind):
        """One method's lines: ours, the paper's, the differences."""
        columns, lines, differences = self.names(kind), [], []
        papers = [self.paper(row, *column[1:]) for column in columns]
        for protocol, state in () if row.literature else self.protocols(row):
            cells = [self.cell(row, protocol, *column) for column in columns]
            ours = [state] if state else [self.ours(c, kind) for c, *_ in cells]
            lines.append([f"ours, {protocol}", *ours])
            texts = ["" if pd.isna(d) else f"{d:+z.3f}" for *_, d in cells]
            differences.append([f"difference, {protocol}", *texts])
        if not lines and not row.literature:
            lines.append(["ours", "not run"])
        if any(paper and (paper.text or paper.note) for paper in papers):
            lines.append(["paper", *map(self.paper_text, papers)])
        if not self.simulated:
            lines += [line for line in differences if any(line[1:])]
        for first, line in enumerate(lines):
            line[:] = [cell or NOTHING for cell in line]
            line += [NOTHING] * (len(columns) + 1 - len(line))
            line.insert(0, "" if first else row.label)
        return lines

    def add_times(self, evaluation, rows):
        """The grid of training times, where we or the paper have one."""
        columns = ["Method", "", "Seconds a fold", "Paper"]
        if reference := self.reference(evaluation):
            columns.insert(3, f"Ratio to {reference.label}")
        groups, sources, known = [], [], False
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
                sources.append(_sources(row, protocol))
            if lines:
                groups.append(lines)
        if known:
            what = ("Hardware", "these times", evaluation)
            text = (
                "Wall-clock seconds of training, pre-training included, the "
                "one-time tracing of networks left out, mean over folds."
                + " Ratios are within this run." * bool(reference)
                + hardware_remarks(self.scores, *what)
            )
            title = f"{evaluation_title(evaluation)}, training time"
            more = {"remarks": [text], "timing": True, "sources": sources}
            self.sheet.grids.append(Grid(title, columns, groups, **more))

    def reference(self, evaluation):
        """The row that times are put in ratio to; None of simulated data."""
        if not self.simulated:
            return self.rows.get((evaluation, self.spec.reference))

    def long(self, row):
        """The long form of a row: one dict a number, None for the unknown."""
        names = sum(map(self.names, self.kinds(row.evaluation)), [])
        names.append((_SECONDS, TRAINING_TIME, None))
        if self.reference(row.evaluation):
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
                place = (row.evaluation, protocol, row.method)
                values = (
                    *(row.method, f"{row.evaluation}/{protocol}", name),
                    *(classes[index], *map(files.rounded, (mean, sd))),
                    metric in self.scores.rows.distorted.get(place, ()),
                    (paper and paper.text) or None,
                    files.rounded(difference),
                    *(None if folds == "" else folds, seeds),
                )
                cell = dict(zip(_LONG, values, strict=True))
                yield {name: cell[name] for name in self.columns}

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
        if cell is None:  # of a defect that this protocol does not have
            return NOTHING
        text = number(cell, 3, "undefined")
        wanted = self.scores.rows.folds[cell.name[:3]]
        if kind == "fold_mean" and cell.folds < wanted and cell.seeds:
            text += f" ({cell.folds:.0f}/{wanted})"
        metric = cell.name[3].removeprefix(f"{kind}_")
        if metric in self.scores.rows.distorted[cell.name[:3]]:
            text += f" {DAGGER}"
        return text

    def paper(self, row, metric, index=None):
        return self.published.get(row.method, row.evaluation, metric, index)

    def paper_text(self, paper):
        if paper is None:
            return NOTHING
        return self.sheet.marked(paper.text or NOTHING, paper.note)
