"""Contact sheets: what a simulated corpus of faces looks like."""

import os
import pathlib

import cv2
import numpy as np

from keras_pain.corpora.base import get_corpus
from keras_pain.errors import KerasPainError
from keras_pain.io import write_file
from keras_pain.simulate.folder import CURE

_GAP, _LINE = 4, 18  # pixels
_HEIGHT = 120  # of a picture, pixels
_MOST = 10  # recordings of a person that are looked at
_PEOPLE, _COLUMNS = 8, 8  # most rows; frames of each
_PAPER, _INK = 250, (30, 30, 30)


def write_corpus_sheet(name: str, out: str | os.PathLike) -> pathlib.Path:
    """Writes the contact sheet of a simulated corpus beside it.

    Of each person, eight at most, the recording with the highest label, of ten
    at most, is shown at times spread evenly over it. The corpus was simulated
    into `out`; returned is `out/contact_sheet_<name>_SIMULATED.png`. Raises
    KerasPainError where no recording can be read, or the sheet not be written.
    """
    corpus = get_corpus(name)
    chosen = {}
    for file in corpus.find_files(out, corpus.detect_layout(out)):
        if file.refusal is None:
            chosen.setdefault(file.subject_id, []).append(file)
    if not chosen:
        raise KerasPainError(f"{out}: no recording for a contact sheet")
    rows = {}
    for subject, files in list(chosen.items())[:_PEOPLE]:
        picks = np.linspace(0, len(files) - 1, min(len(files), _MOST))
        clips = [corpus.read_file(files[int(i)])[0] for i in picks]
        labels = [next(iter(c.labels.items()), ("", np.nan)) for c in clips]
        best = int(np.argmax(np.nan_to_num([v for _, v in labels], nan=-1.0)))
        frames = clips[best].frames()
        picks = np.linspace(0, len(frames) - 1, _COLUMNS).round().astype(int)
        label, value = labels[best]
        height, width = frames[0].shape[:2]
        size = max(1, round(width * (_HEIGHT / height))), _HEIGHT
        how = {"interpolation": cv2.INTER_AREA}
        shown = [cv2.resize(frames[i], size, **how) for i in picks]
        rows[f"{subject} {label} {value:g}"] = shown
    title = f"SIMULATED {name}: the strongest recording of each, over its time"
    _, data = cv2.imencode(".png", _table(rows, title)[..., ::-1])
    path = pathlib.Path(out, f"contact_sheet_{name}_SIMULATED.png")
    return write_file(path, data.tobytes(), CURE)


def _table(rows, title):
    """Pictures of one size in a table, uint8 `(H, W, 3)`, RGB."""
    from PIL import Image, ImageDraw, ImageFont

    width = next(iter(rows.values()))[0].shape[1] + _GAP
    height = _HEIGHT + _GAP
    font = ImageFont.load_default(size=12)
    left = 12 + max(int(font.getlength(text)) for text in rows)
    top = 2 * _LINE + 8
    large = ImageFont.load_default(size=15)
    room = 12 + int(large.getlength(title))  # of narrow pictures the wider
    size = (max(left + _COLUMNS * width, room), top + len(rows) * height)
    image = Image.new("RGB", size, (_PAPER,) * 3)
    draw = ImageDraw.Draw(image)
    draw.text((6, 4), title, _INK, font=large)
    for c, share in enumerate(np.linspace(0, 1, _COLUMNS)):
        at = left + c * width + (width - _GAP) / 2, top - 4
        draw.text(at, f"{share:.0%}", _INK, font=font, anchor="ms")
    for r, (text, pictures) in enumerate(rows.items()):
        y = top + r * height
        draw.text((6, y + _HEIGHT / 2), text, _INK, font=font, anchor="lm")
        for c, picture in enumerate(pictures):
            image.paste(Image.fromarray(picture), (left + c * width, y))
    return np.asarray(image)
