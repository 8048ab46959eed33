"""The sheet of PEMF's ratings, written by hand."""

import contextlib
import io
import math
import pathlib
import re
import unicodedata
import warnings
import zipfile
from typing import NamedTuple
from xml.etree import ElementTree

from keras_pain.corpora.base import Findings, StrPath, shorten
from keras_pain.corpora.pemf import layout as facts
from keras_pain.errors import BadFileError, reading

_CURE = "take the owners' workbook"
# The owners' sheet has 273 rows; a workbook of this size is read in seconds.
_MOST_BYTES, _MOST_ROWS, _MOST_COLUMNS = 32 << 20, 10_000, 100

# "5,20 (2,516)": mean and standard deviation, decimal commas.
_MEAN_SD = re.compile(
    r"\s*(-?\d+(?:[.,]\d+)?)\s*(?:\(\s*\d+(?:[.,]\d+)?\s*\))?\s*"
)
_CLIP = re.compile(r"S(\d{1,3})([A-Z])", re.IGNORECASE)
_KIND_OF_SUFFIX = {kind.suffix: i for i, kind in enumerate(facts.KINDS)}


class Rating(NamedTuple):
    """What the sheet says about one clip."""

    intensity: float = math.nan  # mean of the observers, 0 to 8, or NaN
    age: float = math.nan  # in years
    gender: str = ""
    findings: Findings = Findings()  # what was odd about the row


def parse_mean(cell: object) -> float:
    """Mean out of `"5,20 (2,516)"`, `"5.20"` or a number; NaN without one."""
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return float(cell)
    match = _MEAN_SD.fullmatch(cell) if isinstance(cell, str) else None
    return float(match[1].replace(",", ".")) if match else math.nan


def read_ratings(
    path: StrPath | None,
) -> tuple[dict[tuple[str, int], Rating], Findings]:
    """Reads the sheet, whose numbers are partly text; None is no sheet.

    Returns the rating by subject (`"S001"`) and type (index into `KINDS`), and
    what was wrong with the workbook as a whole. One that cannot be used gives
    no ratings.
    """
    found = Findings()
    if path is None:
        detail = f"no {facts.RATINGS_FILE}: intensity is unknown"
        found.noted("no_ratings", detail)
        return {}, found
    name = pathlib.Path(path).name
    try:
        with reading(path, "cannot be read as a workbook", _CURE):
            return _ratings(name, _rows(path, found), found)
    except BadFileError as error:
        detail = f"{name} {error.problem}: intensity is unknown"
        found.noted("bad_ratings", detail)
        return {}, found


def _ratings(name, rows, found):
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
    rule = "ratings_rows"
    found.listed(rule, unknown, f"rows of {name} name no clip: {{}}; skipped")
    found.listed(rule, twice, f"{name} has two rows of {{}}; first taken")
    return ratings, found


def _rows(path, found):
    """Rows of the sheet by lower-case column name."""
    import openpyxl
    from openpyxl.utils import range_boundaries

    def unusable(problem):
        return BadFileError(path, problem, _CURE)

    with zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
        if size > _MOST_BYTES:
            raise unusable(f"has {size:,} bytes when unpacked, too many")
        # Without its styles, on which openpyxl fails where Excel does not.
        bare = io.BytesIO()
        with zipfile.ZipFile(bare, "w") as copy:
            for entry in archive.infolist():
                if not entry.filename.endswith("styles.xml"):
                    copy.writestr(entry.filename, archive.read(entry))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it thinks of odd parts
            book = openpyxl.load_workbook(bare, read_only=True, data_only=True)
        with contextlib.closing(book):
            names = {_plain(name): name for name in book.sheetnames}
            name = names.get(_plain(facts.RATINGS_SHEET))
            if name is None:
                raise unusable(
                    f"has no sheet {facts.RATINGS_SHEET!r}, only "
                    f"{shorten(map(repr, book.sheetnames))}"
                )
            # The size that the sheet states of itself is not believed; read
            # row by row, it says nothing of merged cells.
            rows = book[name].iter_rows(1, _MOST_ROWS, 1, _MOST_COLUMNS, True)
            rows = list(map(list, rows))
            sheet, merged = archive.open(book[name]._worksheet_path), []
            for _, node in ElementTree.iterparse(sheet):
                if node.tag.rpartition("}")[2] == "mergeCell":
                    merged.append(node.get("ref"))
                node.clear()  # no more than a row is held
    for place in merged[:_MOST_ROWS]:
        left, top, right, bottom = range_boundaries(place)
        value = rows[top - 1][left - 1] if top <= len(rows) else None
        for row in rows[top - 1 : bottom]:
            row[left - 1 : right] = [value] * len(row[left - 1 : right])
    said = "merged cells {}: each row has their value"
    found.listed("merged_cells", merged, said)
    header = [_plain(cell) for cell in rows[0]] if rows else []
    for column in ("clip", "intensity"):
        if (count := header.count(column)) != 1:
            ending = "s" * (count > 1)
            raise unusable(f"has {count or 'no'} column{ending} {column}")
    return [dict(zip(header, row, strict=True)) for row in rows[1:]]


def _plain(text):
    """Lower case without accents and blanks: sheets are named by hand."""
    parts = unicodedata.normalize("NFKD", str(text or ""))
    return "".join(c for c in parts if c.isalnum()).lower()


def _rating(row, kind):
    found, values = Findings(), []
    limits = {"intensity": facts.RATING_RANGE, "age": facts.AGE_RANGE}
    for column, (low, high) in limits.items():
        cell = row.get(column)
        value = parse_mean(cell)
        if math.isnan(value) and (cell or column == "intensity"):
            detail = f"{column} {cell!r} is no number: unknown"
            found.noted("unreadable_rating", detail)
        elif not math.isnan(value) and not low <= value <= high:
            odd = f"{column} {value:g} is not in {low:g} to {high:g}"
            found.noted("rating_out_of_range", f"{odd}: unknown")
            value = math.nan
        values.append(value)
    written = str(row.get("kind") or "").strip()
    if written and facts.kind_of(written) != kind:
        suffix = facts.KINDS[kind].suffix
        said = f"the sheet's Kind says {written!r}, the clip's suffix {suffix}"
        found.noted("kind_against_suffix", f"{said}: the suffix is believed")
    return Rating(*values, str(row.get("gender") or "").strip(), found)
