"""The ratings sheet of PEMF: an .xlsx whose numbers are partly text."""

import dataclasses
import math
import os
import pathlib
import re
import zipfile

from keras_pain.corpora.files import Finding
from keras_pain.corpora.pemf import layout as facts
from keras_pain.corpora.survey import shorten

# "5,20 (2,516)": mean and standard deviation, decimal commas.
_MEAN_SD = re.compile(
    r"\s*(?P<mean>-?\d+(?:[.,]\d+)?)\s*(?:\(\s*(?P<sd>\d+(?:[.,]\d+)?)\s*\))?\s*"
)
_CLIP = re.compile(r"S(\d{1,3})([A-Z])", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Rating:
    """What the sheet says about one clip.

    Args:
        intensity: Mean pain rating of the observers, 0 to 8; NaN where the
            sheet has none that can be read.
        intensity_sd: Its standard deviation over observers, or NaN.
        age: In years, or NaN.
        gender: As it is written.
        votes: How many of the six coders marked an action unit, by its number.
        findings: What was odd about the row.
    """

    intensity: float = math.nan
    intensity_sd: float = math.nan
    age: float = math.nan
    gender: str = ""
    votes: dict[int, int] = dataclasses.field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def parse_mean_sd(value: object) -> tuple[float, float]:
    """Mean and standard deviation out of a cell.

    Args:
        value: `"5,20 (2,516)"`, `"5.20"` or a number.

    Returns:
        Both as floats, NaN for what is not there.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value), math.nan
    match = _MEAN_SD.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return math.nan, math.nan
    mean, sd = (
        math.nan if text is None else float(text.replace(",", "."))
        for text in match.groups()
    )
    return mean, sd


def read_ratings(
    path: str | os.PathLike | None,
) -> tuple[dict[tuple[str, int], Rating], list[Finding]]:
    """Reads the sheet.

    Args:
        path: The workbook, or None where there is none.

    Returns:
        Ratings by subject (`"S001"`) and type (index into `KINDS`), and what
        was wrong with the workbook as a whole; one that cannot be used gives
        no ratings.
    """
    if path is None:
        detail = f"no {facts.RATINGS_FILE}: intensity is unknown"
        return {}, [Finding("no_ratings", "noted", detail)]
    path = pathlib.Path(path)
    try:
        rows = _rows(path)
    except _Unusable as error:
        detail = f"{path.name} {error}: intensity is unknown"
        return {}, [Finding("bad_ratings", "noted", detail)]
    ratings, unknown, twice = {}, [], []
    for row in rows:
        clip = str(row.get("clip") or "").strip()
        match = _CLIP.fullmatch(clip)
        suffixes = [kind.suffix for kind in facts.KINDS]
        if match is None or match[2].upper() not in suffixes:
            if clip:
                unknown.append(clip)
            continue
        key = f"S{int(match[1]):03d}", suffixes.index(match[2].upper())
        if key in ratings:
            twice.append(clip)
        else:
            ratings[key] = _rating(row, key[1])
    findings = []
    if unknown:
        detail = (
            f"rows of {path.name} name no clip: {shorten(unknown)}; skipped"
        )
        findings.append(Finding("ratings_rows", "noted", detail))
    if twice:
        detail = f"{path.name} has two rows of {shorten(twice)}; first taken"
        findings.append(Finding("ratings_rows", "noted", detail))
    return ratings, findings


class _Unusable(Exception):
    """What keeps a workbook from being used, as a phrase."""


def _rows(path: pathlib.Path) -> list[dict[str, object]]:
    """Rows of the sheet by lower-case column name."""
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (OSError, KeyError, ValueError, InvalidFileException) as error:
        raise _Unusable(f"cannot be read ({error})") from error
    except zipfile.BadZipFile as error:
        raise _Unusable("is empty, cut off or no workbook") from error
    try:
        names = {_plain(name): name for name in book.sheetnames}
        name = names.get(_plain(facts.RATINGS_SHEET))
        if name is None:
            raise _Unusable(
                f"has no sheet {facts.RATINGS_SHEET!r}, only "
                f"{shorten(map(repr, book.sheetnames))}"
            )
        values = iter(book[name].iter_rows(values_only=True))
        header = [_plain(cell) for cell in next(values, ())]
        missing = [c for c in ("clip", "intensity") if c not in header]
        if missing:
            raise _Unusable(f"has no column {' or '.join(missing)}")
        return [dict(zip(header, row, strict=False)) for row in values]
    finally:
        book.close()


def _plain(text: object) -> str:
    """Lower case without accents and blanks: sheets are named by hand."""
    import unicodedata

    parts = unicodedata.normalize("NFKD", str(text or ""))
    return "".join(c for c in parts if c.isalnum()).lower()


def _rating(row: dict[str, object], kind: int) -> Rating:
    findings = []
    intensity, sd = parse_mean_sd(row["intensity"])
    low, high = facts.RATING_RANGE
    if math.isnan(intensity):
        detail = f"intensity {row['intensity']!r} is no rating: unknown"
        findings.append(Finding("unreadable_rating", "noted", detail))
    elif not low <= intensity <= high:
        detail = (
            f"intensity {intensity:g} is not in {low:g} to {high:g}: unknown"
        )
        findings.append(Finding("rating_out_of_range", "noted", detail))
        intensity = sd = math.nan
    written = str(row.get("kind") or "").strip()
    if written and facts.kind_of(written) != kind:
        detail = (
            f"the sheet's Kind says {written!r}, the clip's suffix "
            f"{facts.KINDS[kind].suffix}: the suffix is believed"
        )
        findings.append(Finding("kind_against_suffix", "noted", detail))
    votes = {}
    for number in facts.ACTION_UNITS:
        count = parse_mean_sd(row.get(f"au{number}"))[0]
        if count == count // 1 and 0 <= count <= facts.NUM_CODERS:
            votes[number] = int(count)
    return Rating(
        intensity=intensity,
        intensity_sd=sd,
        age=parse_mean_sd(row.get("age"))[0],
        gender=str(row.get("gender") or ""),
        votes=votes,
        findings=tuple(findings),
    )
