"""Columns of times beside signals: their rate, and where they pause."""

import functools
import pathlib
import warnings
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from keras_pain.corpora.folder import layout
from keras_pain.errors import BadFileError

GAP = 0.25  # seconds that may lack numbers, or be off
# Names, the best first, and units in seconds; None where nobody says it.
_NAMES = {"time_s": 1.0, "seconds": 1.0, "time_ms": 1e-3}
_NAMES |= dict.fromkeys(("time", "timestamp", "t"))
_UNITS = (1.0, 1e-3, 1e-6, 1e-9)
_DAY = 86_400.0  # seconds
RENAME = "rename the column, which is then not looked at"


class Times(NamedTuple):
    """`(T,)` times of rows, NaN where a cell is empty."""

    name: str
    values: np.ndarray
    unit: float | None  # seconds; None where nobody says it


def time_column(known: Iterable[str], channels: Iterable[str]) -> list[str]:
    """The column of times, or none, of those that are known in a file."""
    # T is a temperature.
    lower = {name if name == "T" else name.lower(): name for name in known}
    found = [lower[name] for name in _NAMES if name in lower]
    return [name for name in found if name not in channels][:1]


def read_times(path: pathlib.Path, name: str, cells) -> Times | None:
    """`Times` of a pandas column of numbers, of moments, or texts of either.

    None where all are empty. Raises BadFileError where one is no time.
    """
    import pandas as pd

    unit, found = _NAMES[name.lower()], cells
    if cells.dtype.kind not in "biufmM":
        texts = cells.astype("str").str.strip()
        texts = texts.mask(texts.str.lower().isin((*layout.MISSING, "nat")))
        points = texts.str.replace(r"(\d),(\d+)$", r"\1.\2", regex=True)
        found = pd.to_numeric(points, errors="coerce")
        if 2 * found.notna().sum() < texts.notna().sum():
            found = _moments(points)
        if len(odd := np.flatnonzero(texts.notna() & found.isna())):
            problem = f"row {odd[0] + 1} of its column {name} is "
            problem += f"{texts[odd[0]]!r}, no number and no clock time"
            cure = f"write seconds or 12:34:56.7, or {RENAME}"
            raise BadFileError(path, problem, cure, "not_numbers")
    if not found.notna().any():
        return None
    if found.dtype.kind in "mM":
        dates = found.dropna()
        found, unit = (found - found.min()).dt.total_seconds(), 1.0
        # Without a date midnight goes back by a day.
        if dates.dtype.kind == "m" or dates.dt.normalize().nunique() == 1:
            found += _DAY * (found.diff() < -_DAY / 2).cumsum()
    return Times(name, found.to_numpy(np.float64, na_value=np.nan), unit)


def _moments(texts):
    """Clock times, with a date or without, whatever comes first in the date."""
    import pandas as pd

    tried = [pd.to_timedelta(texts, errors="coerce")]
    for form in (None, "mixed"):  # the second takes its time
        how = {"errors": "coerce", "format": form, "utc": True}
        if min(of.isna().sum() for of in tried) > texts.isna().sum():
            with warnings.catch_warnings(action="ignore"):
                both = (False, True)
                tried += [
                    pd.to_datetime(texts, dayfirst=x, **how) for x in both
                ]
    # Days and months that are mixed up lie far apart.
    best = min(tried, key=lambda of: (of.isna().sum(), of.max() - of.min()))
    # Without a date hours and minutes, or minutes and seconds: nobody knows.
    dated = texts.str.contains(r"\d[-/. ]+\w+[-/. ]+\d", na=False)
    return best.where(dated | (texts.str.count(":") != 1))


def rate_of(path: pathlib.Path, times: Times, usual: float) -> float | None:
    """Rows a second by a column of times, near the usual rate if no unit says.

    None where it has fewer than two times, or numbers of rows. Rows may be a
    quarter of a second off, or a second where many have the same time; raises
    BadFileError where they are more, or go back.
    """
    rows = np.flatnonzero(np.isfinite(times.values))
    if len(rows) < 2:
        return None
    values = times.values[rows]
    step = (values[-1] - values[0]) / (rows[-1] - rows[0])
    size = np.log10(max(abs(step) * usual, 1e-99))
    units = [times.unit] if times.unit else _UNITS
    unit = min(units, key=lambda unit: abs(np.log10(unit) + size))
    if not times.unit and step == 1 and not _near(unit, 1 / usual):
        return None
    step, seconds = unit * step, unit * values
    each = np.diff(seconds) / np.diff(rows)
    more, usually, worst = each[each > 0], np.median(each), np.argmax(each)
    if len(each) > 2 * len(more) > 0:  # such as whole seconds
        off = (rows[-1] - rows[0]) / usual - np.ptp(seconds)
        if abs(off) <= min(np.median(more), 1.0) and not np.any(each < 0):
            return usual
    off = np.abs(seconds - seconds[0] - step * (rows - rows[0])).max()
    if step <= 0 or each.min() < 0:
        row = rows[np.argmin(each)] + 1
        problem = f"goes back, or stands still, after row {row}"
    elif off > max(GAP, 2 * step) or (
        _near(usually, 1 / usual) and not _near(step, 1 / usual)
    ):
        problem = f"has no even steps: rows are up to {off:.3g} s off"
        if each[worst] > 3 * usually:
            problem += f", after row {rows[worst] + 1} come {each[worst]:.3g} s"
    else:
        return 1 / step
    problem = f"its column {times.name} {problem}"
    cure = "resample it to one rate, cut it there by start and end of rows, "
    raise BadFileError(path, problem, f"{cure}or {RENAME}", "two_rates")


_near = functools.partial(np.isclose, rtol=0.02)
