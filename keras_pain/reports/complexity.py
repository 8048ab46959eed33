"""Parameters and operations of networks beside a paper's numbers."""

import math
import pathlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import keras

from keras_pain.experiments.provenance import environment
from keras_pain.io import hidden_argument
from keras_pain.models.flops import count_work, weightless
from keras_pain.reports.table import Grid, Published, PublishedValue, Sheet

PARAMETERS, OPERATIONS = "parameters_m", "flops_g"
EVALUATION = "complexity"

_COLUMNS = (
    "network method quantity rule ours paper difference difference_percent"
).split()
_UNCOUNTED = ("moving_mean", "moving_variance")
_HEAD = (
    *("Network", "Parameters (M), paper", "ours", "difference"),
    *("Operations (G), paper", "ours", "difference", "rule"),
)


class Rule(NamedTuple):
    """What counts as an operation, by a letter `tag` and in words.

    `weights` are operations for each kind of work in
    `keras_pain.models.flops.KINDS`; others count nothing.
    """

    tag: str
    label: str
    weights: Mapping[str, int]

    def operations(self, work: Mapping[str, int]) -> int:
        """Operations of one example, from `count_work`."""
        return sum(n * work[kind] for kind, n in self.weights.items())


ONE = Rule("a", "1 per multiply-add", {"multiply_adds": 1})
TWO = Rule("b", "2 per multiply-add", {"multiply_adds": 2})


class Network(NamedTuple):
    """A network whose complexity is shown.

    `method` names it in the published file and the registry, `rule` is of its
    own row, and `parameters` what a paper prints that the file does not have.
    """

    label: str
    method: str
    build: Callable[[], keras.Model]
    rule: Rule = TWO
    parameters: int | None = None


class Complexity(NamedTuple):
    """What was counted of one network."""

    network: Network
    parameters: int
    work: Mapping[str, int]

    def count(self, rule: Rule | None) -> float:
        """10^9 operations of one example, or without a rule 10^6 parameters."""
        if rule is None:
            return self.parameters / 1e6
        return rule.operations(self.work) / 1e9


def measure(network: Network) -> Complexity:
    """Counts one network; its weights are never in memory.

    Parameters are without the statistics of batch normalisations, which no
    training moves and PyTorch's counters leave out; work is of one example.
    """
    with weightless():
        model = network.build()
        counted = [w for w in model.weights if w.name not in _UNCOUNTED]
        parameters = sum(math.prod(weight.shape) for weight in counted)
        return Complexity(network, parameters, count_work(model))


def write_complexity(
    name: str,
    title: str,
    paper: str,
    compared: Sequence[Complexity],
    others: Sequence[Complexity],
    published: Published,
    rules: Sequence[Rule],
    out_dir,
    remarks: Sequence[str] = (),
) -> list[pathlib.Path]:
    """Writes `table.md`, `.tex`, `.csv` and `.json`; returns their paths.

    The networks `compared` are those that the paper prints numbers of, in its
    order; all of them are counted by each of `rules`. The paper's numbers are
    metrics `parameters_m` and `flops_g` of the evaluation `"complexity"`.
    """
    notes = [text for _, text in published.notes]
    sheet = Sheet(name, title, [f"Paper: {paper}", *notes], remarks=remarks)
    own = "Each row counted by the rule that fits it"
    own += " (units differ between rows)"
    more = "The other networks of the suite"
    sheet.grids = [
        _grid(own, compared, (4, 3), published, sheet),
        _one_rule(compared, published, rules),
        _grid(more, others, (6, 6), published, sheet),
    ]
    rows = [*_long_rows(compared, published, rules)]
    rows += _long_rows(others, published, ())
    head = {"paper": paper, "command": list(map(hidden_argument, sys.argv))}
    head["provenance"] = [environment()]
    return sheet.write(out_dir, "table", _COLUMNS, rows, False, head)


def _papers(network, published):
    """What papers print of a network: parameters and operations."""
    size = network.parameters
    size = "" if size is None else f"{size / 1e6:.6f}"
    for metric, text in ((PARAMETERS, size), (OPERATIONS, "")):
        place = (network.method, EVALUATION, metric, None)
        yield published.get(*place) or PublishedValue(*place, text, "")


def _grid(title, networks, digits, published, sheet):
    """Both numbers of every network, counted by its own rule."""
    lines, used = [], [found.network.rule for found in networks]
    for found, rule in zip(networks, used, strict=True):
        line = [found.network.label]
        papers = _papers(found.network, published)
        for paper, by, places in zip(papers, (None, rule), digits, strict=True):
            ours = found.count(by)
            line.append(sheet.marked(paper.text, paper.note))
            line += [f"{ours:.{places}f}", percent(ours, paper.value)]
        lines.append([*line, f"({rule.tag})"])
    return Grid(title, _HEAD, [lines], left=1, remarks=[_legend(used)])


def _one_rule(networks, published, rules):
    heads = [text for r in rules for text in (f"({r.tag})", "difference")]
    columns, lines = ["Network", "paper", *heads], []
    for found in networks:
        _, paper = _papers(found.network, published)
        line = [found.network.label, paper.text]
        for rule in rules:
            ours = found.count(rule)
            line += [f"{ours:.3f}", percent(ours, paper.value)]
        lines.append(line)
    title = "Operations (G), one rule for all rows"
    return Grid(title, columns, [lines], left=1, remarks=[_legend(rules)])


def _legend(rules):
    """What the letters mean, in their order."""
    used = sorted({f"({rule.tag}) {rule.label}" for rule in rules})
    return f"Operations counted: {'; '.join(used)}"


def percent(ours: float, paper: float | None) -> str:
    """Difference as a share of the paper's number; "" without one."""
    return "" if paper is None else f"{100 * (ours / paper - 1):+z.2f} %"


def _long_rows(networks, published, rules):
    for found in networks:
        network = found.network
        size, work = _papers(network, published)
        by_tag = {rule.tag: rule for rule in (network.rule, *rules)}
        for rule in (None, *by_tag.values()):
            ours, paper = found.count(rule), (work if rule else size).value
            words = rule.label if rule else "without batch-norm statistics"
            kind = OPERATIONS if rule else PARAMETERS
            row = [network.label, network.method, kind, words, ours]
            if paper is not None:
                percents = f"{100 * (ours / paper - 1):.4f}"
                row += [str(paper), ours - paper, percents]
            row += [None] * (len(_COLUMNS) - len(row))
            yield dict(zip(_COLUMNS, row, strict=True))
