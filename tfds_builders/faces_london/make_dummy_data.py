"""Writes `dummy_data/`: four photographs of simulated faces.

python tfds_builders/faces_london/make_dummy_data.py
"""

import io
import pathlib

import numpy as np
from PIL import Image

from keras_pain.corpora import faces_london as layout
from keras_pain.simulate.expressions import FaceMotion
from keras_pain.simulate.face import draw_frames
from tfds_builders.dummy_data import run, write_files

PEOPLE = {1: "female", 2: "male"}
SMILE = {6: 4.0, 12: 4.5}


def photograph(person: int, expression: str) -> bytes:
    """A face as JPEG; no person's picture is in it."""
    units = SMILE if expression == "smiling" else {}
    still = FaceMotion(
        {unit: np.full(1, value) for unit, value in units.items()},
        shift=np.zeros((1, 2)),
        roll=np.zeros(1),
    )
    [(picture, _)] = draw_frames(person, (180, 180), still, [person])
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=85)
    return stream.getvalue()


def main(out: pathlib.Path) -> None:
    """Writes both expressions of each of two people, and who they are."""
    rows = ["face_id,face_age,face_gender,face_eth"]
    rows += [f"{p:03d},30,{gender},n/a" for p, gender in PEOPLE.items()]
    pictures = {
        f"{expression}/{person:03d}_{number}.jpg": photograph(
            person, expression
        )
        for expression, number in layout.EXPRESSIONS.items()
        for person in PEOPLE
    }
    write_files(out, {layout.INFO: "\n".join([*rows, ""]), **pictures})


if __name__ == "__main__":
    run(__file__, main)
