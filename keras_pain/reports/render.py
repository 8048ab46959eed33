"""Documents as Markdown and LaTeX.

The same document gives the same bytes: nothing here asks for the time.
Training times stand between two marker lines, so that tables can be compared
without them.
"""

import re

from keras_pain.reports.document import Block, Cell, Document

TIMING_METRICS = (
    "fit_seconds",
    "fit_seconds_ratio",
    "latency_ms_single",
    "latency_ms_batch",
)

_BEGIN, _END = "training times", "end of training times"
_TIMING_ROW = re.compile(rf'(,|"metric": ")({"|".join(TIMING_METRICS)})(,|")')

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
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
}


def markdown(document: Document) -> str:
    """Markdown that also reads well in a terminal.

    Args:
        document: The report.

    Returns:
        The text, ending in a newline.
    """
    parts = [f"# {document.title}"]
    if document.lines:
        parts.append("\n".join(f"- {line}" for line in document.lines))
    for block in document.blocks:
        grid = [f"## {_marked(block.title)}", _grid(block), *block.remarks]
        if block.timing:
            grid = [f"<!-- {_BEGIN} -->", *grid, f"<!-- {_END} -->"]
        parts += grid
    if document.footnotes:
        numbered = enumerate(document.footnotes, start=1)
        parts.append("## Notes on the paper's numbers")
        parts.append("\n".join(f"{n}. {text}" for n, text in numbered))
    if document.remarks:
        parts.append("## Remarks")
        parts.append("\n".join(f"- {text}" for text in document.remarks))
    return "\n\n".join(parts) + "\n"


def latex(document: Document) -> str:
    """One `table` environment a grid, with the notes after the last.

    Args:
        document: The report.

    Returns:
        The text, ending in a newline; everything from outside is escaped.
    """
    label = re.sub(r"[^A-Za-z0-9-]+", "-", document.name)
    lines = [r"% needs \usepackage{booktabs} and \usepackage[T1]{fontenc}"]
    for number, block in enumerate(document.blocks, start=1):
        title = escape_latex(f"{document.title}. {block.title.text}.")
        table = [
            r"\begin{table}[htbp]",
            r"\centering\small\setlength{\tabcolsep}{4pt}",
            rf"\caption{{{title}{_superscript(block.title)}}}",
            rf"\label{{tab:{label}-{number}}}",
            *_tabular(block),
            *(rf"\par {escape_latex(text)}" for text in block.remarks),
            r"\end{table}",
        ]
        if block.timing:
            table = [f"% {_BEGIN}", *table, f"% {_END}"]
        lines += table
    notes = [
        rf"\textsuperscript{{{number}}} {escape_latex(text)}"
        for number, text in enumerate(document.footnotes, start=1)
    ]
    notes += [escape_latex(t) for t in document.lines + document.remarks]
    lines.append(r"{\footnotesize\noindent")
    lines += [rf"{note}\par" for note in notes]
    lines.append("}")
    return "\n".join(lines) + "\n"


def escape_latex(text: str) -> str:
    """Text in which no character is a LaTeX command.

    Args:
        text: Any text.

    Returns:
        The text to put into a LaTeX source.
    """
    return "".join(_LATEX.get(character, character) for character in text)


def strip_timings(text: str) -> str:
    """A table file without its training times, for comparisons.

    Args:
        text: A `.md`, `.tex`, `.csv` or `.json` file of `write_table`.

    Returns:
        The other lines. What is left of a `.json` file need not parse.
    """
    kept, inside = [], False
    for line in text.splitlines(keepends=True):
        marker = line.strip("<>!-% \n")
        if marker in (_BEGIN, _END):
            inside = marker == _BEGIN
        elif not inside and not _TIMING_ROW.search(line):
            kept.append(line)
    return "".join(kept)


def _grid(block: Block) -> str:
    rows = [[_marked(cell) for cell in row] for g in block.groups for row in g]
    rows = [[_plain(text) for text in row] for row in [block.columns, *rows]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = [
        "-" * width if index < block.left else "-" * (width - 1) + ":"
        for index, width in enumerate(widths)
    ]
    lines = []
    for row in [rows[0], rule, *rows[1:]]:
        cells = [
            text.ljust(width) if index < block.left else text.rjust(width)
            for index, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _plain(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


def _marked(cell: Cell) -> str:
    return " ".join([cell.text, *(f"[{mark}]" for mark in cell.marks)])


def _marked_latex(cell: Cell) -> str:
    return escape_latex(cell.text) + _superscript(cell)


def _superscript(cell: Cell) -> str:
    marks = ",".join(map(str, cell.marks))
    return rf"\textsuperscript{{{marks}}}" if marks else ""


def _tabular(block: Block) -> list[str]:
    numbers = len(block.columns) - block.left
    lines = [
        rf"\begin{{tabular}}{{{'l' * block.left}{'r' * numbers}}}",
        r"\toprule",
        _row([escape_latex(name) for name in block.columns]),
    ]
    for group in block.groups:
        lines.append(r"\midrule")
        lines += [_row([_marked_latex(cell) for cell in row]) for row in group]
    return [*lines, r"\bottomrule", r"\end{tabular}"]


def _row(cells: list[str]) -> str:
    return rf"{' & '.join(cells)} \\"
