"""The matrix of an EmoPain file, once its shape fits the layout."""

import numpy as np

from keras_pain.corpora.emopain import quirks
from keras_pain.corpora.emopain.layout import Challenge, Coordinates, Fame
from keras_pain.corpora.files import RawFile
from keras_pain.corpora.matfile import load_matrix

# Narrowest file of each layout, widest layout first: a width belongs to the
# first layout that it reaches.
WIDTHS = {
    "fame": Fame.num_columns,
    "coordinates": Coordinates.num_columns[0],
    "challenge2020": Challenge.num_channels,
}
_MAX_COLUMNS = 400  # far beyond any layout with its undocumented extras


class Findings(list):
    """Findings so far; passes repaired arrays through."""

    def keep(self, result):
        """Notes the finding of a rule's result and returns its arrays."""
        *arrays, finding = result
        if finding is not None:
            self.append(finding)
        return arrays[0] if len(arrays) == 1 else arrays


def layout_of_width(columns: int) -> str | None:
    """The layout whose files have so many columns; None below 30."""
    for layout, narrowest in WIDTHS.items():
        if columns >= narrowest:
            return layout
    return None


def load_table(
    raw_file: RawFile,
    findings: Findings,
    *,
    prefer: str | None = None,
    several: str = "refuse",
) -> tuple[np.ndarray, bool]:
    """Loads the matrix and refuses what cannot be this layout's.

    Args:
        raw_file: The file.
        findings: Gets what there is to note.
        prefer: Name of the variable that the layout prescribes.
        several: Which of several matrices to take, see `load_matrix`.

    Returns:
        `(T, K)` float64, T at least 2 and K at least the layout's width, and
        whether a simulator wrote it.

    Raises:
        BadFileError: No such matrix.
        quirks.Refusal: Its shape is not this layout's, or it is all NaN.
    """
    matrix = load_matrix(
        raw_file.path,
        min_columns=WIDTHS[raw_file.layout],
        prefer=prefer,
        several=several,
    )
    _check_shape(matrix, raw_file.layout)
    findings.keep(quirks.matlab_73(matrix.version))
    findings.keep(quirks.wrong_variable(matrix.variable, prefer, matrix.others))
    return matrix.values, matrix.simulated


def _check_shape(matrix, layout):
    rows, columns = matrix.values.shape
    transposed = rows in WIDTHS.values() and columns > 2 * rows
    if columns > _MAX_COLUMNS or transposed:
        raise quirks.Refusal(
            "wrong_shape",
            f"{matrix.variable!r} is {rows} x {columns}, so rows and columns "
            "are exchanged",
            "save it with one frame a row",
        )
    fitting = layout_of_width(columns)
    if fitting != layout:
        raise quirks.Refusal(
            "wrong_shape",
            f"{matrix.variable!r} has {columns} columns, as in layout "
            f"{fitting}, not {layout}",
            f"move it to a folder of its own and give --layout={fitting}",
        )
    if rows < 2:
        raise quirks.Refusal(
            "too_short",
            f"{matrix.variable!r} has {rows} rows, a recording needs 2",
            "copy the file again from its source",
        )
    if not np.isfinite(matrix.values).any():
        raise quirks.Refusal(
            "nan_rows",
            f"{matrix.variable!r} holds no number, only NaN",
            "take the file as its owners distribute it",
        )
