"""A report as plain data, between the numbers and Markdown or LaTeX."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Cell:
    """Text of a cell or heading, with the numbers of its footnotes."""

    text: str
    marks: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class Block:
    """One grid.

    Args:
        title: What the grid shows.
        columns: Headings.
        groups: Rows that belong together, e.g. those of one method; each row
            has one cell a column.
        left: How many of the first columns hold words, not numbers.
        remarks: Lines below the grid.
        timing: Whether the grid holds training times, which differ between
            runs that are otherwise equal.
    """

    title: Cell
    columns: tuple[str, ...]
    groups: tuple[tuple[tuple[Cell, ...], ...], ...]
    left: int = 2
    remarks: tuple[str, ...] = ()
    timing: bool = False


@dataclasses.dataclass(frozen=True)
class Document:
    """A whole report.

    Args:
        name: Short name, for labels.
        title: Its title.
        lines: What to know before reading.
        blocks: The grids.
        footnotes: Their texts, the first one numbered 1.
        remarks: What to know after reading.
    """

    name: str
    title: str
    lines: tuple[str, ...]
    blocks: tuple[Block, ...]
    footnotes: tuple[str, ...]
    remarks: tuple[str, ...]


class Footnotes:
    """Numbers notes in the order in which they are first used."""

    def __init__(self):
        self.texts: list[str] = []

    def mark(self, text: str) -> tuple[int, ...]:
        """The note's number as a tuple; empty for an empty note."""
        if not text:
            return ()
        if text not in self.texts:
            self.texts.append(text)
        return (self.texts.index(text) + 1,)
