"""Are probabilities what they say, and for whom: Brier, ECE, groups.

Everything is summed by person first, so that intervals over people are one
matrix product, as in `keras_pain.reports.statistics`.
"""

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from keras_pain.experiments.metrics import stacked
from keras_pain.experiments.store import FoldResult
from keras_pain.io import marked_title
from keras_pain.reports import figures, statistics
from keras_pain.reports.table import Grid, Sheet

BINS = 10
FEW = 5  # people, below which a group's interval says little
_COLUMNS = ("Accuracy", "Brier", "ECE")


def sums_by_person(
    folds: Sequence[FoldResult], people: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """What scores of probabilities are made of, over all seeds.

    Returns `(S, 3)`: of each of the S `people` the samples, right ones, and
    squared errors; and `(S, BINS, 3)`: the samples, confidence and right ones
    whose most probable class has a probability in that tenth.
    """
    truth, probabilities, subject = stacked([f.predictions for f in folds])
    row = np.searchsorted(people, subject)
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == truth
    error = probabilities - np.eye(probabilities.shape[1])[truth]
    error = (error.astype(np.float64) ** 2).sum(axis=1)
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    one = np.ones(len(truth))
    whole = np.zeros((len(people), 3))
    np.add.at(whole, row, np.stack([one, right, error], axis=1))
    binned = np.zeros((len(people), BINS, 3))
    np.add.at(binned, (row, place), np.stack([one, confidence, right], axis=1))
    return whole, binned


def scores(
    whole: np.ndarray, binned: np.ndarray, counts: np.ndarray
) -> dict[str, np.ndarray]:
    """Pooled accuracy, Brier score and ECE, each `(draws,)`.

    The Brier score is the mean squared error over all classes (Brier, Monthly
    Weather Review 78, 1950: 0 to 2); the expected calibration error the mean
    distance of confidence and accuracy over ten equal bins (Guo et al., ICML
    2017, equation 3). `counts` `(draws, S)` says how often each person counts.
    """
    total, right, error = (counts @ whole).T
    sizes = np.einsum("ds,sbk->kdb", counts, binned)
    gap = np.abs(sizes[1] - sizes[2]).sum(axis=1)
    values = right / total, error / total, gap / total
    return dict(zip(_COLUMNS, values, strict=True))


def write_calibration(
    methods: Mapping[str, Sequence[FoldResult]],
    attributes: Mapping[str, Mapping[str, str]],
    title: str,
    results_dir: pathlib.Path,
    *,
    simulated: bool,
) -> list[pathlib.Path]:
    """Writes `calibration.md`, `.tex`, `.csv`, `.json` and a figure.

    Methods are finished folds of classes by the method's label. By the values
    of attributes of people, e.g. `{"sex": {"P01": "female"}}`, results are also
    given, where there are two or more; the title is that of the run.
    """
    first = next(iter(methods.values()))
    people = np.unique(stacked([fold.predictions for fold in first])[2])
    parts = {"all people": np.ones(len(people), bool)}
    for name, of in attributes.items():
        values = np.array([of.get(person, "") for person in people.tolist()])
        known = np.unique(values[values != ""]).tolist()
        for value in known if known[1:] else ():
            parts[f"{name} {value}"] = values == value
    rows, curves = [], {}
    for label, folds in methods.items():
        sums = sums_by_person(folds, people)
        curves[label] = sums[1].sum(axis=0)
        for part, mine in parts.items():
            chosen, number = [of[mine] for of in sums], int(mine.sum())
            found = scores(*chosen, np.ones((1, number)))
            drawn = dict.fromkeys(_COLUMNS)
            if number > 1:
                rng = np.random.default_rng(0)
                drawn = scores(*chosen, statistics.draw(number, 2000, rng))
            cells = [label, part, str(number)]
            for name, value in found.items():
                text = f"{value[0]:.3f}"
                if drawn[name] is not None:
                    ends = statistics.percentile_interval(drawn[name])
                    text += " [{:.3f}, {:.3f}]".format(*ends)
                cells.append(text)
            rows.append([*cells, "few people" if number < FEW else ""])
    columns = ["Method", "Of", "People", *_COLUMNS, "Warning"]
    lines = [
        "Leak-free; pooled over all samples and seeds. 95 % intervals: people "
        "drawn with replacement 2,000 times, trained networks as given.",
        "Brier score: over all classes, 0 to 2. ECE: ten equal bins of the "
        "most probable class's probability.",
        f"Few people: below {FEW}, an interval over so few says little.",
        "Intervals of groups that overlap do not show that groups are alike.",
    ]
    grid = Grid("All people and groups", columns, [rows], left=2)
    title = f"Calibration and groups. {title}"
    sheet = Sheet("calibration", marked_title(title, simulated), lines, [grid])
    long = [dict(zip(columns, row, strict=True)) for row in rows]
    paths = sheet.write(results_dir, "calibration", columns, long, simulated)
    place = title, results_dir / "figures" / "reliability.png"
    return [*paths, plot_reliability(curves, *place, simulated=simulated)]


@figures.saved
def plot_reliability(curves: Mapping[str, np.ndarray]) -> Figure:
    """Accuracy by confidence; `(BINS, 3)` sums of each method's samples."""
    names = "confidence (bars: share of samples)", "accuracy"
    place = len(curves), 4, (3.4, 3.4), (0.6, 0.4)
    figure, grid = figures.tiles(*place, *names, sharex=True, sharey=True)
    for axes, (label, binned) in zip(grid.flat, curves.items(), strict=False):
        size, confidence, right = binned[binned[:, 0] > 0].T
        share = size / size.sum()
        axes.plot([0, 1], [0, 1], color="#777777", linestyle="--", lw=1)
        axes.bar(confidence / size, share, 0.03, color="#cccccc")
        axes.plot(confidence / size, right / size, "o-", color=figures.BLUE)
        axes.set_title(figures.paper_name(label))
        axes.set_xlim(0, 1.03)
        axes.set_ylim(0, 1.03)
        axes.grid()
    return figure
