"""What each evaluation defect is worth: ledgers of leaks and of disputes.

A score with a defect on, minus the score without any, on the same people and
seeds. Predictions are reduced to one confusion matrix a seed, person and
threshold; from there every change and its interval is arithmetic.
"""

import collections
import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from keras_pain.errors import ConfigurationError, KerasPainError
from keras_pain.experiments import defects as known
from keras_pain.experiments.baselines import TRIVIAL
from keras_pain.experiments.metrics import stacked
from keras_pain.experiments.protocols import LEAK_FREE, Protocol
from keras_pain.io import marked_title, rounded
from keras_pain.reports import calibration, figures, statistics
from keras_pain.reports.figures import BLUE, ORANGE, paper_name
from keras_pain.reports.statistics import METRIC_NAMES
from keras_pain.reports.table import BY_DEFECT, DAGGER, Grid, Sheet

METRICS = ("macro_f1", "mcc", "accuracy")
DRAWS = 2000

_THRESHOLDS = np.linspace(0.01, 0.99, 99)
_NONE = "none"
_NULL = known.ANOTHER_SEED.name
_NAMES = tuple(defect.name for defect in known.LEAKS)
_SCORING = tuple(defect.name for defect in known.LEAKS if defect.distorts)
# The released code prints one or the other, never both in one number.
_ALL = {f"all, with {name}": (name,) for name in _SCORING}

_OF_LEAKS = (
    "threshold_on_test (Fm best) and precision_as_f1 (Fm) change the mean "
    "F1 only, which the released code prints one way or the other: all "
    "defects together are therefore given with either.",
    "threshold_on_test tunes the thresholds in every draw, too: its "
    "macro-F1 cannot fall, its interval cannot reach below zero, and "
    "with few people it is shifted upwards, since draws have fewer "
    "different people to fit. Tuned are 99 thresholds, 0.01 to 0.99.",
    "no_mask_padding is of BANet, and zero by construction where windows "
    "are whole, as those of EmoPain are here.",
    "With one epoch there is no epoch to choose: epoch_on_test is zero "
    "then by construction.",
    "epoch_on_test keeps the training people of leak_free: only who "
    "chooses the epoch changes.",
    BY_DEFECT,
    f"The leaks of scoring, {' and '.join(_SCORING)}, are applied to the "
    "leak-free predictions.",
    *(f"{defect.name}: {defect.says}." for defect in known.LEAKS),
)
_OF_DISPUTES = (
    "A dispute and what it is set against are scored on the windows that both "
    "tested, so that a change is not of other windows."
)


class Condition(NamedTuple):
    """Scored predictions of one method under one set of defects.

    Confusions are `(seeds, S, T, K, K)`, a person and threshold; the first
    threshold is 0.5, of others each class takes its best. `precision` says
    whether the last class's precision stands for its F1.
    """

    confusions: np.ndarray
    precision: bool


class Change(NamedTuple):
    """The pooled score `with_defect`, mean over seeds, and its change.

    That is to the score without it, with its paired 95 % interval, and the
    smallest change that so many people would likely show.
    """

    with_defect: float
    change: float
    low: float
    high: float
    smallest: float | None = None


def condition(
    seeds: Sequence[Sequence[Mapping[str, np.ndarray]]],
    defects: Sequence[str],
    subjects: Sequence[str],
) -> Condition:
    """Reduces all folds of every seed; of the defects those of scoring matter.

    Raises ConfigurationError where such need two classes, and there are more.
    """
    tuned = "threshold_on_test" in defects
    thresholds = np.append(0.5, _THRESHOLDS if tuned else [])
    confusions = []
    for folds in seeds:
        y_true, probabilities, subject = stacked(folds)
        classes = probabilities.shape[1]
        if classes == 2:
            above = probabilities[:, 1].astype(np.float64) > thresholds[:, None]
        elif {*_SCORING} & {*defects}:
            raise ConfigurationError("leaks of scoring are of two classes")
        else:
            above = [probabilities.argmax(axis=1)]
        count = statistics.confusions_by_subject
        of_seed = [count(y_true, y, subject, subjects, classes) for y in above]
        confusions.append(np.stack(of_seed, axis=1))
    return Condition(np.stack(confusions), "precision_as_f1" in defects)


def pooled_scores(side: Condition, counts: np.ndarray) -> dict[str, np.ndarray]:
    """Pooled `METRICS` of every seed, each `(draws, seeds)`.

    `counts` `(draws, S)` says how often each person is in each draw; thresholds
    are tuned anew in every one. A mean F1 of the released code (`fm`,
    `fm_best`) stands as `macro_f1`.
    """
    summed = np.einsum("ds,estkl->detkl", counts, side.confusions)
    scores = statistics.scores_of(summed[:, :, 0])
    if summed.shape[2] > 1:
        best = np.nan_to_num(statistics.scores_of(summed)["f1"]).max(axis=2)
        present = summed[:, :, 0].any(axis=-1)
        scores["macro_f1"] = best.mean(axis=-1, where=present)
    if side.precision:
        first, last = np.moveaxis(scores["f1"], -1, 0)
        precision = scores["precision"][..., -1]
        # scikit-learn's 0 for a class that exists and is never predicted.
        unused = np.isfinite(last) & np.isnan(precision)
        precision = np.where(unused, 0.0, precision)
        scores["macro_f1"] = np.nanmean([first, precision], axis=0)
    return {name: scores[name] for name in METRICS}


def change(base: Condition, side: Condition) -> dict[str, Change]:
    """What defects change in each of `METRICS`.

    95 % intervals: people and seeds drawn with replacement, the same without
    (`base`) and with (`side`) the defects. Raises ConfigurationError where the
    two are of other seeds or people.
    """
    num_seeds, people = shape = base.confusions.shape[:2]
    if side.confusions.shape[:2] != shape:
        raise ConfigurationError(
            f"the ledger compares the same seeds and people; got {shape} and "
            f"{side.confusions.shape[:2]} of them"
        )
    rng = np.random.default_rng(0)
    counts = statistics.draw(people, DRAWS, rng)
    equal = np.full(num_seeds, 1 / num_seeds)
    of_seeds = rng.multinomial(num_seeds, equal, size=DRAWS)
    once = np.ones((1, people), np.int64)
    before, after = (pooled_scores(one, once) for one in (base, side))
    others, drawn = (pooled_scores(one, counts) for one in (base, side))
    changes = {}
    for name in METRICS:
        value = float(after[name].mean())
        samples = (drawn[name] - others[name]) * of_seeds
        samples = samples.sum(axis=1) / num_seeds
        ends = statistics.percentile_interval(samples)
        least = statistics.smallest_effect(samples, people)
        moved = value - float(before[name].mean())
        changes[name] = Change(value, moved, *ends, least)
    return changes


def ledger_protocols() -> tuple[Protocol, ...]:
    """Leak-free, each leak that is not of scoring alone, and all together.

    Another seed, which is the null row, comes last.
    """
    own_runs = [name for name in _NAMES if name not in _SCORING]
    *single, null = _singles([*own_runs, _NULL])
    return (LEAK_FREE, *single, Protocol("leak_free+all", defects=_NAMES), null)


def dispute_protocols(*without: str) -> tuple[Protocol, ...]:
    """Leak-free, another seed, and each of the disputes but for some."""
    names = [d.name for d in known.DISPUTES if d.name not in without]
    return (LEAK_FREE, *_singles([_NULL, *names]))


def _singles(names):
    return [Protocol(f"leak_free+{name}", defects=(name,)) for name in names]


def ledger_report(run, disputes: bool = False) -> list[pathlib.Path]:
    """Writes `ledger.md`, `.tex`, `.csv`, `.json` and the figure.

    `run` is the `FinishedRun` of an experiment under `ledger_protocols`, or,
    with `disputes`, `dispute_protocols`: then `calibration`, with results by
    group, stands beside it. Raises KerasPainError where folds are missing.
    """
    missing = [key for key in run.expected if not run.store.contains(key)]
    if missing:
        raise KerasPainError(
            f"{run.results_dir}: {len(missing)} of {len(run.expected)} folds "
            "are not run yet; the ledger is written when the same command "
            "without --folds has run them"
        )
    measured = [r for r in run.table.rows if r.method not in TRIVIAL]
    ledger = {r.label: _changes(run, r.method, disputes) for r in measured}
    corpus, simulated = run.prepared.corpus, run.prepared.simulated
    header = [line for line in run.header if "Protocol leak_free+" not in line]
    seeds = len({key.seed for key in run.expected})
    drawn = f" and seeds ({seeds})" if seeds > 1 else " (one seed)"
    shown = set().union(*ledger.values())
    said = [f"{d.name}: {d.says}." for d in known.DISPUTES if d.name in shown]
    remarks = (
        *run.table.notes,
        f"Intervals: people{drawn} drawn with replacement 2,000 times, the "
        "same ones with and without the defect; predictions are grouped by "
        "the person who moved, also where windows were split at random.",
        "Intervals take the trained networks as given: where a defect needs "
        "networks of its own, part of a change is what any training anew "
        "would move, and one or two seeds hardly tell them apart.",
        "Smallest: the change that so many people would likely show at 5 %, in "
        "four of five repetitions.",
        f"{_NULL}: {known.ANOTHER_SEED.says}.",
        *([_OF_DISPUTES, *said] if disputes else _OF_LEAKS),
    )
    title = marked_title(run.table.title, simulated)
    grids = [_grid(row, ledger[row.label]) for row in measured]
    kind = "disputes" if disputes else "leaks"
    sheet = Sheet(kind, title, header, grids, remarks=remarks)
    rows = []
    for method, changes in ledger.items():
        for name, by_metric in changes.items():
            for metric, found in by_metric.items():
                row = {"method": method, "defect": name, "metric": metric}
                numbers = found._asdict()
                if name == _NONE:
                    numbers |= dict.fromkeys([*numbers][1:])
                row |= {k: rounded(v) for k, v in numbers.items()}
                row["by_defect_of_scoring"] = _by_defect(name, metric)
                rows.append(row | {"corpus": corpus, "simulated": simulated})
    head = {"title": title, "header": header}
    what = "ledger", list(rows[0]), rows, simulated, head
    paths = sheet.write(run.results_dir, *what)
    place = run.table.title, run.results_dir / "figures" / f"{kind}.png"
    paths.append(plot_ledger(ledger, *place, simulated=simulated))
    if disputes:
        found = {
            row.label: [
                run.store.read(key)
                for key in run.expected
                if (key.protocol, key.method) == (LEAK_FREE.name, row.method)
            ]
            for row in measured
        }
        groups = {f["subject_id"]: f["group"] for f in run.prepared.report}
        what = found, {"group": groups}, run.table.title, run.results_dir
        paths += calibration.write_calibration(*what, simulated=simulated)
    return paths


def _changes(run, method, disputes):
    """What each switch changes for one method; the first is none."""
    subjects = sorted({*run.samples[LEAK_FREE.name].subject.tolist()})
    predictions = collections.defaultdict(lambda: collections.defaultdict(list))
    for key in run.expected:
        if key.method == method:
            of_seed = predictions[key.protocol][key.seed]
            of_seed.append(run.store.read(key).predictions)

    def folds(protocol):
        seeds = predictions[protocol]
        return [seeds[s] for s in sorted(seeds)]

    def side(protocol, names):
        return condition(folds(protocol), names, subjects)

    def disputed(name):
        other = known.AGAINST.get(name)
        other = f"leak_free+{other}" if other else "leak_free"
        pair = _tested_by_both(folds(other), folds(f"leak_free+{name}"))
        return change(*(condition(one, (), subjects) for one in pair))

    base = side("leak_free", ())
    found = {_NONE: change(base, base)}
    found[_NULL] = change(base, side(f"leak_free+{_NULL}", ()))
    if disputes:
        names = [d.name for d in known.DISPUTES]
        names = [n for n in names if f"leak_free+{n}" in predictions]
        return found | {name: disputed(name) for name in names}
    sides = {n: side(_protocol_of(n), (n,)) for n in _NAMES}
    sides |= {k: side("leak_free+all", names) for k, names in _ALL.items()}
    return found | {name: change(base, one) for name, one in sides.items()}


def _tested_by_both(*sides):
    """Predictions of windows that both sides have, by seed and fold."""
    ids = [[f["window_id"] for seed in side for f in seed] for side in sides]
    both = np.intersect1d(*map(np.concatenate, ids))

    def kept(fold):
        mine = np.isin(fold["window_id"], both)
        return {name: values[mine] for name, values in fold.items()}

    return [[list(map(kept, seed)) for seed in side] for side in sides]


def _protocol_of(name):
    """Whose folds a row of the ledger is scored on."""
    if name in _ALL:
        return "leak_free+all"
    return "leak_free" if name in (_NONE, *_SCORING) else f"leak_free+{name}"


def _by_defect(name, metric):
    """Whether it is a mean F1 of the released code that stands there."""
    return metric == "macro_f1" and name in (*_SCORING, *_ALL)


def _grid(row_of, changes):
    method, rows = row_of.label, []
    for name, by_metric in changes.items():
        other = known.AGAINST.get(name)
        against = f" against {other}" if other else ""
        row, text = [name + against], "{:.3f} ({:+.3f} [{:+.3f}, {:+.3f}]{})"
        if name == _NONE:
            text = "{:.3f}"
        for metric, found in by_metric.items():
            mark = f" {DAGGER}" if _by_defect(name, metric) else ""
            least = "" if found.smallest is None else f"; {found.smallest:.3f}"
            row.append(text.format(*found[:4], least) + mark)
        rows.append(row)
    title = f"{method}: pooled score (change, 95 % interval; smallest)"
    columns = ["What is on", *(METRIC_NAMES[name] for name in METRICS)]
    protocols = map(_protocol_of, changes)
    sources = [[(row_of.evaluation, p, row_of.method)] for p in protocols]
    return Grid(title, columns, [rows], left=1, sources=sources)


@figures.saved
def plot_ledger(ledger: Mapping[str, Mapping[str, Mapping]]) -> Figure:
    """One bar a leak: what `change` returned, by method and defect."""
    height = 0.6 + len(ledger) * (0.8 + 0.3 * max(map(len, ledger.values())))
    figure = figures.new_figure(4.2 + 3.1 * len(METRICS), height)
    shared = {"squeeze": False, "sharey": True, "sharex": "col"}
    grid = figure.subplots(len(ledger), len(METRICS), **shared)
    for row, (method, changes) in zip(grid, ledger.items(), strict=True):
        names = [name for name in changes if name != _NONE]
        colours = [ORANGE if name.startswith("all") else BLUE for name in names]
        for axes, metric in zip(row, METRICS, strict=True):
            of_names = [changes[name][metric] for name in names]
            _, values, low, high = np.transpose([one[:4] for one in of_names])
            # A percentile interval need not hold the value itself.
            ends = np.maximum([values - low, high - values], 0)
            style = {"ecolor": "#222222", "capsize": 2.5, "color": colours}
            axes.barh(range(len(names)), values, xerr=ends, **style)
            axes.axvline(0, color="black", lw=0.8)
            axes.grid(axis="x")
            axes.set_title(f"{paper_name(method)}: {METRIC_NAMES[metric]}")
        words = [name.replace("_", " ") for name in names]
        row[0].set_yticks(range(len(names)), words)
    grid[0, 0].invert_yaxis()  # of all: the axis is shared
    for axes in grid[-1]:
        axes.set_xlabel("change (against what: see the table)")
    return figure
