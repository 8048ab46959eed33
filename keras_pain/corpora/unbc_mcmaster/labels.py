"""Label files of UNBC: numbers as text, one file a frame or sequence."""

import pathlib

import numpy as np

from keras_pain.corpora.unbc_mcmaster import layout as facts
from keras_pain.errors import BadFileError

_CURE = "copy it anew or leave the sequence out with --on_bad_file=skip"


class LabelReader:
    """Reads label files and counts what had to be repaired.

    A decimal comma is repaired, as no number here has another use for it; an
    empty file is a missing label; anything else that is no number raises an
    error, or is None where landmarks are asked for.
    """

    def __init__(self):
        self.commas: list[str] = []
        self.empty: list[str] = []

    def rows(self, path: pathlib.Path) -> list[list[float]]:
        """The numbers of a file, line by line; blank lines are left out.

        Raises:
            BadFileError: By rule `unreadable` or `not_numbers`.
        """
        try:
            text = path.read_text(encoding="ascii")
        except UnicodeDecodeError as error:
            raise BadFileError(
                path, "is not a text file", _CURE, rule="not_numbers"
            ) from error
        except OSError as error:
            raise BadFileError(
                path,
                f"cannot be read ({error.strerror})",
                _CURE,
                rule="unreadable",
            ) from error
        commas = "," in text
        text = text.replace(",", ".")
        rows = []
        for number, line in enumerate(text.splitlines(), start=1):
            try:
                values = [float(word) for word in line.split()]
            except ValueError:
                values = [np.nan]
            if not np.isfinite(values).all():
                raise BadFileError(
                    path,
                    f"line {number} is {line.strip()[:30]!r}, no numbers",
                    _CURE,
                    rule="not_numbers",
                )
            if values:
                rows.append(values)
        if commas:
            self.commas.append(path.name)
        return rows

    def number(self, path: pathlib.Path, limits: tuple[float, float]) -> float:
        """The one number of a file; NaN where the file is empty.

        Args:
            path: The file.
            limits: Lowest and highest value of the scale.

        Raises:
            BadFileError: By rule `wrong_count` or `label_range`.
        """
        values = [value for row in self.rows(path) for value in row]
        if not values:
            self.empty.append(path.name)
            return np.nan
        if len(values) > 1:
            raise BadFileError(
                path,
                f"holds {len(values)} numbers, not one",
                _CURE,
                rule="wrong_count",
            )
        low, high = limits
        if not low <= values[0] <= high:
            raise BadFileError(
                path,
                f"holds {values[0]:g}, not {low} to {high}",
                "correct it, or leave the sequence out with --on_bad_file=skip",
                rule="label_range",
            )
        return values[0]

    def units(self, path: pathlib.Path) -> dict[int, float]:
        """Action unit to intensity; an empty file says that there is none.

        Raises:
            BadFileError: By rule `wrong_count` where a line is no unit and
                intensity.
        """
        units: dict[int, float] = {}
        for row in self.rows(path):
            if len(row) not in (2, 4) or row[0] != int(row[0]):
                raise BadFileError(
                    path,
                    "has a line that is not 'unit intensity', with or "
                    "without two further numbers",
                    _CURE,
                    rule="wrong_count",
                )
            unit = int(row[0])
            units[unit] = max(units.get(unit, 0.0), row[1])
        return units

    def points(self, path: pathlib.Path) -> np.ndarray | None:
        """`(66, 2)` float32, or None where the file does not hold 66 pairs."""
        try:
            rows = self.rows(path)
        except BadFileError:
            return None
        if len(rows) != facts.NUM_LANDMARKS or {len(r) for r in rows} != {2}:
            return None
        return np.array(rows, np.float32)
