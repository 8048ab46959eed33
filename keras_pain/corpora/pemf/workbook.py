"""Writes the ratings sheet as the owners did: the inverse of `ratings`."""

import io
import pathlib
import re
import zipfile
from collections.abc import Iterable

from keras_pain.corpora.pemf import layout as facts

_STAMP = "1980-01-01T00:00:00Z"  # the earliest that a zip archive can hold


def mean_sd_text(mean: float, sd: float) -> str:
    """`"5,20 (2,516)"`.

    Args:
        mean: Mean rating.
        sd: Its standard deviation.
    """
    return f"{mean:.2f} ({sd:.3f})".replace(".", ",")


def write_ratings(path: pathlib.Path, rows: Iterable[tuple]) -> pathlib.Path:
    """Writes the workbook: same rows, same bytes.

    Args:
        path: The .xlsx file.
        rows: Values in the order of `RATINGS_COLUMNS`.

    Returns:
        The path.
    """
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = facts.RATINGS_SHEET
    sheet.append(facts.RATINGS_COLUMNS)
    for row in rows:
        sheet.append(row)
    written = io.BytesIO()
    book.save(written)
    path.write_bytes(_without_clock(written))
    return path


def _without_clock(workbook: io.BytesIO) -> bytes:
    """The workbook without the time at which it was written."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(workbook) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            data = source.read(name)
            if name == "docProps/core.xml":
                text = re.sub(
                    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", _STAMP, data.decode()
                )
                data = text.encode()
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(info, data)
    return out.getvalue()
