"""Errors of predicted intensities at each true level, and of each person.

Most faces show no pain, so that one number over all of them says little about
pain. At one level the truth is constant: there are errors there, and no
correlation.
"""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_pain.experiments.atomic import write_file
from keras_pain.experiments.defects import TEST_BATCH, scored_intensities
from keras_pain.experiments.regression import compute_regression
from keras_pain.experiments.store import FoldKey, ResultStore
from keras_pain.reports.canvas import SIMULATED, save_figure
from keras_pain.reports.longform import csv_text, rounded
from keras_pain.reports.spec import TableSpec

_RUN = ("method", "evaluation", "protocol", "seed")
LEVEL_COLUMNS = (*_RUN, "level", "samples", "mae", "mse", "bias")
PERSON_COLUMNS = (
    *_RUN, "person", "samples", "lowest", "highest", "mae", "mse", "pcc", "icc",
)  # fmt: skip
_FIGURE_PROTOCOL = "leak_free"
_MARKERS = "osD^vP"


@dataclasses.dataclass(frozen=True)
class ScoredRun:
    """All folds of one method, protocol and seed, as its protocol scores them.

    Args:
        label: What readers call the method.
        run: Method, evaluation, protocol and seed.
        y_true: `(n,)` true intensities.
        y_pred: `(n,)` predicted ones.
        person: `(n,)` participants.
    """

    label: str
    run: tuple[str, str, str, int]
    y_true: np.ndarray
    y_pred: np.ndarray
    person: np.ndarray


def scored_runs(
    spec: TableSpec, store: ResultStore, expected: Mapping[FoldKey, Mapping]
) -> list[ScoredRun]:
    """The runs all of whose folds are there.

    Args:
        spec: The table.
        store: Where its folds are.
        expected: Its folds and their configurations.
    """
    labels = {(row.method, row.evaluation): row.label for row in spec.rows}
    groups: dict[tuple, list[FoldKey]] = {}
    for key in expected:
        run = (key.method, key.evaluation, key.protocol, key.seed)
        groups.setdefault(run, []).append(key)
    runs = []
    for run, keys in groups.items():
        if not all(store.contains(key) for key in keys):
            continue
        folds = [store.read(key) for key in keys]
        pairs = [
            scored_intensities(
                fold.predictions["y_true"],
                fold.predictions["y_pred"],
                fold.config.get("defects", ()),
                fold.config.get("test_batch", TEST_BATCH),
            )
            for fold in folds
        ]
        runs.append(
            ScoredRun(
                labels.get(run[:2], run[0]),
                run,
                *(np.concatenate(part) for part in zip(*pairs, strict=True)),
                np.concatenate([fold.predictions["subject"] for fold in folds]),
            )
        )
    return runs


def level_rows(run: ScoredRun) -> list[dict]:
    """Errors at each true level, rounded to whole numbers.

    Returns:
        Rows of `LEVEL_COLUMNS` in order of level; `bias` is the mean of
        prediction minus truth.
    """
    rows = []
    levels = np.round(run.y_true)
    error = run.y_pred.astype(np.float64) - run.y_true
    for level in np.unique(levels):
        here = error[levels == level]
        values = (
            int(level),
            len(here),
            rounded(float(np.mean(np.abs(here)))),
            rounded(float(np.mean(here**2))),
            rounded(float(np.mean(here))),
        )
        rows.append(dict(zip(LEVEL_COLUMNS, (*run.run, *values), strict=True)))
    return rows


def person_rows(run: ScoredRun) -> list[dict]:
    """Every metric of each person.

    Returns:
        Rows of `PERSON_COLUMNS` by name; `pcc` and `icc` are None where the
        person's truth or prediction is constant.
    """
    rows = []
    for person in np.unique(run.person):
        mine = run.person == person
        truth = run.y_true[mine]
        found = compute_regression(truth, run.y_pred[mine])
        values = (
            str(person),
            len(truth),
            rounded(float(truth.min())),
            rounded(float(truth.max())),
            *(rounded(found[m]) if found[m] is not None else None
              for m in ("mae", "mse", "pcc", "icc")),
        )  # fmt: skip
        rows.append(dict(zip(PERSON_COLUMNS, (*run.run, *values), strict=True)))
    return rows


def write_levels(
    runs: Sequence[ScoredRun], out_dir: pathlib.Path, *, simulated: bool
) -> list[pathlib.Path]:
    """Writes `levels.csv` and `persons.csv`.

    Args:
        runs: From `scored_runs`.
        out_dir: Folder for the files.
        simulated: Whether the data are simulated; the names say so.

    Returns:
        The two paths.
    """
    mark, other = (f"_{SIMULATED}", "") if simulated else ("", f"_{SIMULATED}")
    paths = []
    for name, columns, rows_of in (
        ("levels", LEVEL_COLUMNS, level_rows),
        ("persons", PERSON_COLUMNS, person_rows),
    ):
        text = csv_text(columns, (row for run in runs for row in rows_of(run)))
        path = out_dir / f"{name}{mark}.csv"
        paths.append(write_file(path, text.encode()))
        (out_dir / f"{name}{other}.csv").unlink(missing_ok=True)
    return paths


def plot_levels(
    runs: Sequence[ScoredRun], title: str, path, *, simulated: bool = False
) -> pathlib.Path | None:
    """Mean absolute error by level, and correlation by person.

    Args:
        runs: From `scored_runs`; those of the protocol `leak_free` are drawn,
            of each method its first seed.
        title: Title of the figure.
        path: Where to write; `_SIMULATED` is put before the suffix where
            that holds.
        simulated: Whether the data are simulated.

    Returns:
        The path written, None where there is no such run.
    """
    firsts: dict[str, ScoredRun] = {}
    for run in runs:
        if run.run[2] == _FIGURE_PROTOCOL:
            firsts.setdefault(run.run[0], run)
    if not firsts:
        return None
    figure = Figure((10.5, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for number, run in enumerate(firsts.values()):
        style = {
            "marker": _MARKERS[number % len(_MARKERS)],
            "color": f"C{number}",
            "markersize": 4.5,
        }
        rows = level_rows(run)
        left.plot(
            [row["level"] for row in rows],
            [row["mae"] for row in rows],
            label=run.label,
            linewidth=1.2,
            **style,
        )
        _persons(right, run, number, len(firsts), style)
    counts = {row["level"]: row["samples"] for row in rows}
    left.set_xticks(
        list(counts), [f"{v}\n{n}" for v, n in counts.items()], fontsize=7
    )
    left.set_xlabel("true intensity, and how many samples have it")
    left.set_ylabel("mean absolute error")
    left.set_title("by level", fontsize=10)
    left.legend(fontsize=8, loc="upper left")
    for axis in (left, right):
        axis.grid(alpha=0.3)
    return save_figure(figure, f"{title}, {_FIGURE_PROTOCOL}", path, simulated)


def _persons(axis: Axes, run: ScoredRun, number: int, count: int, style):
    """Correlations side by side; a gap where there is none."""
    rows = person_rows(run)
    places = np.arange(len(rows)) + 0.7 * ((number + 0.5) / count - 0.5)
    values = [np.nan if r["pcc"] is None else r["pcc"] for r in rows]
    if np.isfinite(values).any():
        axis.plot(places, values, linestyle="none", **style)
    axis.set_xticks(
        range(len(rows)),
        [row["person"] for row in rows],
        rotation=60,
        ha="right",
        rotation_mode="anchor",
        fontsize=7,
    )
    axis.axhline(0, color="#777777", linewidth=0.8)
    axis.set_xlim(-0.5, len(rows) - 0.5)
    axis.set_ylim(-1.05, 1.05)
    axis.set_ylabel("PCC")
    axis.set_title("by person; none where one of both is constant", fontsize=10)
