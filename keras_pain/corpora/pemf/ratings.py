"""The sheet of PEMF's ratings, written by hand."""

import contextlib
import math
import pathlib
import re
import unicodedata
import zipfile

from keras_pain.corpora.base import Findings, StrPath, reading, shorten
from keras_pain.corpora.pemf import layout as facts
from keras_pain.errors import BadFileError

# "5,20 (2,516)": mean and standard deviation, decimal commas.
_MEAN_SD = re.compile(
    r"\s*(-?\d+(?:[.,]\d+)?)\s*(?:\(\s*\d+(?:[.,]\d+)?\s*\))?\s*"
)
_CLIP = re.compile(r"S(\d{1,3})([A-Z])", re.IGNORECASE)
_KIND_OF_SUFFIX = {kind.suffix: i for i, kind in enumerate(facts.KINDS)}


def parse_mean(cell: object) -> float:
    """Mean out of `"5,20 (2,516)"`, `"5.20"` or a number; NaN without one."""
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return float(cell)
    match = _MEAN_SD.fullmatch(cell) if isinstance(cell, str) else None
    return float(match[1].replace(",", ".")) if match else math.nan


def read_ratings(
    path: StrPath | None,
) -> tuple[dict[tuple[str, int], tuple[float, Findings]], Findings]:
    """Reads the sheet, whose numbers are partly text; None is no sheet.

    Returns:
        By subject (`"S001"`) and type (index into `KINDS`) the mean pain
        rating, or NaN, and what was odd about its row; and what was wrong with
        the workbook as a whole. One that cannot be used gives no ratings.
    """
    found = Findings()
    if path is None:
        detail = f"no {facts.RATINGS_FILE}: intensity is unknown"
        found.noted("no_ratings", detail)
        return {}, found
    path = pathlib.Path(path)
    try:
        rows = _rows(path)
    except BadFileError as error:
        detail = f"{path.name} {error.problem}: intensity is unknown"
        found.noted("bad_ratings", detail)
        return {}, found
    ratings, unknown, twice = {}, [], []
    for row in rows:
        clip = str(row.get("clip") or "").strip()
        match = _CLIP.fullmatch(clip)
        kind = _KIND_OF_SUFFIX.get(match[2].upper()) if match else None
        if kind is None:
            unknown += [clip] if clip else []
            continue
        key = f"S{int(match[1]):03d}", kind
        if key in ratings:
            twice.append(clip)
        else:
            ratings[key] = _rating(row, kind)
    name = path.name
    found.listed(
        "ratings_rows", unknown, f"rows of {name} name no clip: {{}}; skipped"
    )
    found.listed(
        "ratings_rows", twice, f"{name} has two rows of {{}}; first taken"
    )
    return ratings, found


def _rows(path):
    """Rows of the sheet by lower-case column name."""
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    def unusable(problem):
        return BadFileError(path, problem, "take the owners' workbook")

    with reading(
        path,
        "take the owners' workbook",
        (zipfile.BadZipFile, "is empty, cut off or no workbook", "bad_ratings"),
        (
            (OSError, KeyError, ValueError, InvalidFileException),
            "cannot be read ({})",
            "bad_ratings",
        ),
    ):
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    with contextlib.closing(book):
        names = {_plain(name): name for name in book.sheetnames}
        name = names.get(_plain(facts.RATINGS_SHEET))
        if name is None:
            raise unusable(
                f"has no sheet {facts.RATINGS_SHEET!r}, only "
                f"{shorten(map(repr, book.sheetnames))}"
            )
        values = iter(book[name].iter_rows(values_only=True))
        header = [_plain(cell) for cell in next(values, ())]
        missing = [c for c in ("clip", "intensity") if c not in header]
        if missing:
            raise unusable(f"has no column {' or '.join(missing)}")
        return [dict(zip(header, row, strict=False)) for row in values]


def _plain(text):
    """Lower case without accents and blanks: sheets are named by hand."""
    parts = unicodedata.normalize("NFKD", str(text or ""))
    return "".join(c for c in parts if c.isalnum()).lower()


def _rating(row, kind):
    found = Findings()
    intensity = parse_mean(row["intensity"])
    low, high = facts.RATING_RANGE
    if math.isnan(intensity):
        detail = f"intensity {row['intensity']!r} is no rating: unknown"
        found.noted("unreadable_rating", detail)
    elif not low <= intensity <= high:
        detail = (
            f"intensity {intensity:g} is not in {low:g} to {high:g}: unknown"
        )
        found.noted("rating_out_of_range", detail)
        intensity = math.nan
    written = str(row.get("kind") or "").strip()
    if written and facts.kind_of(written) != kind:
        found.noted(
            "kind_against_suffix",
            f"the sheet's Kind says {written!r}, the clip's suffix "
            f"{facts.KINDS[kind].suffix}: the suffix is believed",
        )
    return intensity, found
