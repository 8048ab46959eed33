"""Writes `dummy_data/`: a few frames of simulated faces, as OpenFace has them.

python tfds_builders/buhmap/make_dummy_data.py
"""

import pathlib

import numpy as np

from keras_pain.corpora import buhmap as layout
from keras_pain.signals.landmarks import NUM_POINTS
from keras_pain.simulate.face import draw_frames
from keras_pain.simulate.pemf import motion_of
from tfds_builders.dummy_data import run, write_files

FRAMES = 6
CLASSES = {"1": "neutral", "5": "sadness"}  # by their numbers in the names


def openface(person: int, kind: int) -> str:
    """The columns that are read, of one face; the last frame was lost."""
    motion = motion_of(person, kind, FRAMES)
    _, points = zip(
        *draw_frames(person, (160, 160), motion, range(FRAMES)), strict=True
    )
    names = ["frame", "face_id", "timestamp", "confidence", "success"]
    names += [f"{axis}_{i}" for axis in "xy" for i in range(NUM_POINTS)]
    lines = [", ".join(names)]
    for index, of_frame in enumerate(np.stack(points).round(1)):
        seen = int(index < FRAMES - 1)
        cells = [index + 1, 0, f"{index / layout.RATE:.3f}", 0.98 * seen, seen]
        cells += [f"{value:.1f}" for value in of_frame.T.flat]
        lines.append(",  ".join(map(str, cells)))
    return "\n".join([*lines, ""])


def main(out: pathlib.Path) -> None:
    """Writes two sequences of each of two people, and their list."""
    files, rows = {}, ["file,person,class"]
    for person in (1, 2):
        for kind, (number, name) in enumerate(CLASSES.items()):
            file = f"S0{person}_{number}_1.csv" + ".gz" * kind
            rows.append(f"{file},S0{person},{name}")
            files[file] = openface(person, kind)
    write_files(out, {layout.LIST: "\n".join([*rows, ""]), **files})


if __name__ == "__main__":
    run(__file__, main)
