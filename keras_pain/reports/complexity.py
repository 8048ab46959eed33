"""Parameters and operations of networks beside a paper's numbers."""

import csv
import dataclasses
import io
import math
import pathlib
from collections.abc import Callable, Mapping, Sequence

import keras

from keras_pain.experiments.atomic import write_file
from keras_pain.models.flops_elements import count_work
from keras_pain.models.weightless import weightless
from keras_pain.reports.document import Block, Cell, Document, Footnotes
from keras_pain.reports.published import Published
from keras_pain.reports.render import latex, markdown

PARAMETERS, OPERATIONS = "parameters_m", "flops_g"
EVALUATION = "complexity"
CSV_COLUMNS = (
    "network",
    "method",
    "quantity",
    "rule",
    "ours",
    "paper",
    "difference",
    "difference_percent",
)
_UNCOUNTED = ("moving_mean", "moving_variance")
_HEAD = (
    "Parameters (M), paper",
    "ours",
    "difference",
    "Operations (G), paper",
    "ours",
    "difference",
)


@dataclasses.dataclass(frozen=True)
class Rule:
    """What counts as an operation.

    Args:
        tag: A letter to call it by in grids.
        label: In words.
        weights: Operations for each kind of work in
            `keras_pain.models.flops_elements.KINDS`; others count nothing.
    """

    tag: str
    label: str
    weights: Mapping[str, int]

    def __str__(self) -> str:
        return f"({self.tag}) {self.label}"

    def operations(self, work: Mapping[str, int]) -> int:
        """Operations of one example, from `count_work`."""
        return sum(n * work[kind] for kind, n in self.weights.items())


ONE = Rule("a", "1 per multiply-add", {"multiply_adds": 1})
TWO = Rule("b", "2 per multiply-add", {"multiply_adds": 2})


@dataclasses.dataclass(frozen=True)
class Network:
    """A network whose complexity is shown.

    Args:
        label: What readers call it.
        method: Its name in the published file and in the registry.
        build: Function of no arguments that returns the model.
        rule: How its operations are counted where rules differ by row.
        parameters: Parameters that a paper prints, where the published file
            has none.
    """

    label: str
    method: str
    build: Callable[[], keras.Model]
    rule: Rule = TWO
    parameters: int | None = None


@dataclasses.dataclass(frozen=True)
class Complexity:
    """What was counted of one network."""

    network: Network
    parameters: int
    work: Mapping[str, int]


def measure(network: Network) -> Complexity:
    """Counts one network; its weights are never in memory.

    Args:
        network: The network.

    Returns:
        Parameters without the statistics of batch normalisations, which no
        training moves and PyTorch's counters leave out; and the work of one
        example.
    """
    with weightless():
        model = network.build()
        parameters = sum(
            math.prod(weight.shape)
            for weight in model.weights
            if weight.name not in _UNCOUNTED
        )
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
    """Writes `table.md`, `.tex` and `.csv`.

    Args:
        name: Short name.
        title: Title.
        paper: The paper, as cited below the title.
        compared: Networks that the paper prints numbers of, in its order.
        others: Other networks.
        published: The paper's numbers, metrics `parameters_m` and `flops_g`
            of the evaluation `"complexity"`.
        rules: Rules that all of `compared` are counted by, each on its own.
        out_dir: Folder for the files.
        remarks: Lines below the table.

    Returns:
        The files written.

    Raises:
        KerasPainError: A file cannot be written.
    """
    footnotes = Footnotes()
    blocks = (
        _closest(compared, published, footnotes),
        _one_rule(compared, published, rules),
        _others(others),
    )
    notes = tuple(text for _, text in published.notes)
    document = Document(
        name=name,
        title=title,
        lines=(f"Paper: {paper}", *notes),
        blocks=blocks,
        footnotes=tuple(footnotes.texts),
        remarks=tuple(remarks),
    )
    rows = _rows(compared, others, published, rules)
    out_dir = pathlib.Path(out_dir)
    return [
        write_file(out_dir / f"table.{suffix}", text.encode())
        for suffix, text in (
            ("md", markdown(document)),
            ("tex", latex(document)),
            ("csv", _csv(rows)),
        )
    ]


# --- Grids ---


def _closest(compared, published, footnotes) -> Block:
    lines = []
    for found in compared:
        network = found.network
        cells = [Cell(network.label)]
        for metric, ours, digits in (
            (PARAMETERS, found.parameters / 1e6, 4),
            (OPERATIONS, network.rule.operations(found.work) / 1e9, 3),
        ):
            paper = published.get(network.method, EVALUATION, metric)
            cells += [
                Cell(paper.text, footnotes.mark(paper.note)),
                Cell(f"{ours:.{digits}f}"),
                Cell(percent(ours, paper.value)),
            ]
        lines.append((*cells, Cell(f"({network.rule.tag})")))
    return Block(
        title=Cell(
            "Each row counted by the rule that fits it (units differ "
            "between rows)"
        ),
        columns=("Network", *_HEAD, "rule"),
        groups=(tuple(lines),),
        left=1,
        remarks=(_legend([found.network.rule for found in compared]),),
    )


def _one_rule(compared, published, rules) -> Block:
    lines = []
    for found in compared:
        method = found.network.method
        paper = published.get(method, EVALUATION, OPERATIONS)
        cells = [Cell(found.network.label), Cell(paper.text)]
        for rule in rules:
            ours = rule.operations(found.work) / 1e9
            cells += [Cell(f"{ours:.3f}"), Cell(percent(ours, paper.value))]
        lines.append(tuple(cells))
    titles = [
        text for rule in rules for text in (f"({rule.tag})", "difference")
    ]
    return Block(
        title=Cell("Operations (G), one rule for all rows"),
        columns=("Network", "paper", *titles),
        groups=(tuple(lines),),
        left=1,
        remarks=(_legend(rules),),
    )


def _others(others) -> Block:
    lines = []
    for found in others:
        paper = found.network.parameters
        lines.append(
            (
                Cell(found.network.label),
                Cell("" if paper is None else f"{paper / 1e6:.6f}"),
                Cell(f"{found.parameters / 1e6:.6f}"),
                Cell(percent(found.parameters, paper)),
                Cell(""),
                Cell(f"{TWO.operations(found.work) / 1e9:.6f}"),
                Cell(""),
                Cell(f"({TWO.tag})"),
            )
        )
    return Block(
        title=Cell("The other networks of the suite"),
        columns=("Network", *_HEAD, "rule"),
        groups=(tuple(lines),),
        left=1,
        remarks=(_legend([TWO]),),
    )


def _legend(rules) -> str:
    """What the letters mean, in their order."""
    used = {rule.tag: str(rule) for rule in rules}
    return "Operations counted: " + "; ".join(
        text for _, text in sorted(used.items())
    )


def percent(ours: float, paper: float | None) -> str:
    """Difference as a share of the paper's number; "" without one."""
    if paper is None:
        return ""
    # Adding zero turns -0.0 into 0.0.
    return f"{round(100 * (ours / paper - 1), 2) + 0.0:+.2f} %"


# --- The long form ---


def _rows(compared, others, published, rules) -> list[dict]:
    rows = []

    def add(found, quantity, rule, ours, paper):
        known = paper is not None
        rows.append(
            {
                "network": found.network.label,
                "method": found.network.method,
                "quantity": quantity,
                "rule": rule,
                "ours": f"{ours:.6f}",
                "paper": paper if known else "",
                "difference": f"{ours - paper:.6f}" if known else "",
                "difference_percent": (
                    f"{100 * (ours / paper - 1):.4f}" if known else ""
                ),
            }
        )

    weights = "without batch-norm statistics"
    for found in compared:
        network = found.network
        cell = published.get(network.method, EVALUATION, PARAMETERS)
        add(found, PARAMETERS, weights, found.parameters / 1e6, cell.value)
        cell = published.get(network.method, EVALUATION, OPERATIONS)
        for rule in {r.tag: r for r in (network.rule, *rules)}.values():
            counted = rule.operations(found.work) / 1e9
            add(found, OPERATIONS, rule.label, counted, cell.value)
    for found in others:
        paper = found.network.parameters
        known = None if paper is None else paper / 1e6
        add(found, PARAMETERS, weights, found.parameters / 1e6, known)
        counted = TWO.operations(found.work) / 1e9
        add(found, OPERATIONS, TWO.label, counted, None)
    return rows


def _csv(rows: Sequence[Mapping]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
