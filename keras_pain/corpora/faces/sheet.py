"""Contact sheets: what simulated faces and corpora look like."""

import os
import pathlib
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from keras_pain.corpora.faces.curves import draw_expression, pspi
from keras_pain.corpora.faces.identity import draw_identity
from keras_pain.corpora.faces.landmarks import ACTION_UNITS, MAX_INTENSITY
from keras_pain.corpora.faces.render import FaceRenderer
from keras_pain.errors import KerasPainError

_GAP, _LINE = 4, 18  # pixels
_MOST = 10  # recordings of a person that are looked at
_PAPER, _INK = 250, (30, 30, 30)


def contact_sheet(
    rows: Sequence[Sequence[np.ndarray]],
    titles: Sequence[str],
    row_titles: Sequence[str],
    title: str,
) -> np.ndarray:
    """Pictures in a table.

    Args:
        rows: Pictures of one size, uint8 `(h, w, 3)` RGB; as many in each row.
        titles: Of the columns.
        row_titles: Of the rows.
        title: Of the sheet.

    Returns:
        uint8 `(H, W, 3)`, RGB.
    """
    from PIL import Image, ImageDraw, ImageFont

    height, width = rows[0][0].shape[:2]
    font = ImageFont.load_default(size=12)
    left = 12 + max(int(font.getlength(text)) for text in row_titles)
    top = 2 * _LINE + 8
    shape = (
        top + len(rows) * (height + _GAP),
        left + len(rows[0]) * (width + _GAP),
    )
    sheet = np.full((*shape, 3), _PAPER, np.uint8)
    for r, row in enumerate(rows):
        for c, picture in enumerate(row):
            y, x = top + r * (height + _GAP), left + c * (width + _GAP)
            sheet[y : y + height, x : x + width] = picture
    image = Image.fromarray(sheet)
    draw = ImageDraw.Draw(image)
    draw.text((6, 4), title, _INK, font=ImageFont.load_default(size=15))
    for c, text in enumerate(titles):
        middle = left + c * (width + _GAP) + width / 2
        draw.text((middle, top - 4), text, _INK, font=font, anchor="ms")
    for r, text in enumerate(row_titles):
        middle = top + r * (height + _GAP) + height / 2
        draw.text((6, middle), text, _INK, font=font, anchor="lm")
    return np.asarray(image)


def action_unit_sheet(
    people: int = 8, size: tuple[int, int] = (132, 176), seed: int = 0
) -> np.ndarray:
    """Simulated people: at rest, each unit at its highest, rising pain.

    Args:
        people: Number of rows.
        size: Height and width of a picture.
        seed: Of the first person.

    Returns:
        uint8 `(H, W, 3)`, RGB.
    """
    curve = np.array([0.25, 0.5, 0.75, 1.0])
    titles = ["rest", *(f"AU {unit}" for unit in ACTION_UNITS)]
    titles += [f"pain {share:.0%}" for share in curve]
    rows, names = [], []
    for number in range(seed, seed + people):
        renderer = FaceRenderer(draw_identity(number), size)
        faces: list[dict[int, float]] = [{}]
        faces += [{unit: MAX_INTENSITY[unit]} for unit in ACTION_UNITS]
        units = draw_expression(number).units(curve)
        faces += [
            {unit: float(values[i]) for unit, values in units.items()}
            for i in range(len(curve))
        ]
        rows.append([_middle(renderer.draw(face)[0]) for face in faces])
        names.append(f"PSPI to {pspi(faces[-1]):.0f}")
    title = "SIMULATED faces: action units at their highest, rising pain"
    return contact_sheet(rows, titles, names, title)


def _middle(picture):
    """The square in the middle of a wide picture."""
    height, width = picture.shape[:2]
    spare = max(0, width - height) // 2
    return picture[:, spare : width - spare]


def corpus_sheet(
    corpus: Any, root: str | os.PathLike, people: int = 8, columns: int = 8
) -> np.ndarray:
    """A video corpus: frames of one recording of each of a few people.

    Of each person the recording with the highest label, of ten at most, is
    shown at times spread evenly over it.

    Args:
        corpus: Module of the corpus.
        root: Folder of its files.
        people: Most rows.
        columns: Frames of each.

    Returns:
        uint8 `(H, W, 3)`, RGB.

    Raises:
        KerasPainError: No recording can be read.
    """
    layout = corpus.detect_layout(root)
    chosen: dict[str, Any] = {}
    for file in corpus.find_files(root, layout):
        if file.refusal is None and (
            file.subject_id in chosen or len(chosen) < people
        ):
            chosen.setdefault(file.subject_id, []).append(file)
    rows, names, height = [], [], 120
    simulated = False
    for subject, files in chosen.items():
        picks = np.linspace(0, len(files) - 1, min(len(files), _MOST))
        recordings = [corpus.read_file(files[int(i)])[0] for i in picks]
        shown = max(recordings, key=_first_label)
        simulated |= shown.simulated
        frames = shown.frames()
        picks = np.linspace(0, len(frames) - 1, columns).round().astype(int)
        rows.append([_thumbnail(frames[i], height) for i in picks])
        label = next(iter(shown.labels.items()), ("", np.nan))
        names.append(f"{subject} {label[0]} {label[1]:g}")
    if not rows:
        raise KerasPainError(f"{root}: no recording for a contact sheet")
    titles = [f"{share:.0%}" for share in np.linspace(0, 1, columns)]
    name = corpus.__name__.rpartition(".")[2]
    mark = "SIMULATED " if simulated else ""
    title = f"{mark}{name}: the strongest recording of each, over its time"
    return contact_sheet(rows, titles, names, title)


def _first_label(recording) -> float:
    value = next(iter(recording.labels.values()), np.nan)
    return value if np.isfinite(value) else -1.0


def _thumbnail(picture: np.ndarray, height: int) -> np.ndarray:
    ratio = height / picture.shape[0]
    width = max(1, round(picture.shape[1] * ratio))
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def write_corpus_sheet(
    name: str, out: str | os.PathLike, **options: Any
) -> pathlib.Path:
    """Writes the contact sheet of a simulated corpus beside it.

    Args:
        name: Name of the corpus.
        out: Folder that it was simulated into.
        **options: Of `corpus_sheet`.

    Returns:
        `out/contact_sheet_<name>_SIMULATED.png`.
    """
    from keras_pain.corpora.registry import get_corpus

    sheet = corpus_sheet(get_corpus(name), out, **options)
    path = pathlib.Path(out, f"contact_sheet_{name}_SIMULATED.png")
    return write_sheet(sheet, path)


def write_sheet(sheet: np.ndarray, path: str | os.PathLike) -> pathlib.Path:
    """Writes a sheet as PNG.

    Args:
        sheet: uint8 `(H, W, 3)`, RGB.
        path: The file.

    Raises:
        KerasPainError: It cannot be written.
    """
    path = pathlib.Path(path)
    _, data = cv2.imencode(".png", sheet[..., ::-1])
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise KerasPainError(
            f"{path}: could not be written ({error.strerror}); free space or "
            "choose another folder"
        ) from error
    return path
