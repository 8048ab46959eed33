"""Writes `dummy_data/`: tiny marker files as the owners name them.

    python tfds_builders/ui_prmd/make_dummy_data.py

Every number is invented: a stick figure of round measures bends its knees.
"""

import gzip
import pathlib

import numpy as np

from keras_pain.corpora.base import SIMULATED_NOTE
from keras_pain.corpora.ui_prmd import layout
from tfds_builders.dummy_data import NOTE, run

FRAMES = 60
# mm, z up, of a figure that faces +x; its left is +y.
_MIDDLE = {
    "C7": (-80, 0, 1450),
    "T10": (-120, 0, 1200),
    "CLAV": (60, 0, 1380),
    "STRN": (90, 0, 1200),
    "RBAK": (-120, -80, 1300),
}
_LEFT = {
    "FHD": (80, 70, 1600),
    "BHD": (-90, 70, 1600),
    "SHO": (-20, 180, 1420),
    "UPA": (-20, 220, 1300),
    "ELB": (-20, 240, 1120),
    "FRM": (10, 260, 1000),
    "WRA": (60, 220, 880),
    "WRB": (10, 270, 880),
    "FIN": (40, 250, 790),
    "ASI": (90, 120, 1000),
    "PSI": (-100, 50, 1020),
    "THI": (40, 180, 750),
    "KNE": (20, 170, 500),
    "TIB": (20, 170, 300),
    "ANK": (0, 160, 90),
    "HEE": (-60, 140, 50),
    "TOE": (150, 150, 50),
}
_FOOT = ("ANK", "HEE", "TOE")
_KNEE = ("KNE", "TIB", "THI")


def markers(depth: float, frames: int = FRAMES) -> np.ndarray:
    """`(T, 39, 3)` mm of a figure that sinks by `depth` mm and rises again."""
    sink = depth * np.sin(np.pi * np.linspace(0, 1, frames)) ** 2
    out = np.empty((frames, len(layout.MARKERS), 3))
    for index, name in enumerate(layout.MARKERS):
        if name in _MIDDLE:
            rest = np.array(_MIDDLE[name], float)
        else:
            mirror = 1 if name[0] == "L" else -1
            rest = np.array(_LEFT[name[1:]], float) * (1, mirror, 1)
        out[:, index] = rest
        if name.endswith(_KNEE):
            out[:, index, 0] += sink  # knees go forward
        elif not name.endswith(_FOOT):
            out[:, index, 2] -= sink
    return out


def write(path: pathlib.Path, values: np.ndarray) -> None:
    """Writes `(T, 39, 3)` mm as the owners do; gzip where the name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = values.reshape(len(values), -1)
    text = "".join(",".join(f"{v:.1f}" for v in row) + "\n" for row in rows)
    data = text.encode()
    if path.suffix == ".gz":
        data = gzip.compress(data, mtime=0)
    path.write_bytes(data)


def main(out: pathlib.Path) -> None:
    """Writes five episodes of two people; one of them has a single frame."""
    out.mkdir(parents=True, exist_ok=True)
    (out / SIMULATED_NOTE).write_text(NOTE, "utf-8")
    correct, incorrect = (out / folder for folder in layout.FOLDERS.values())
    write(correct / "m05_s01_e01_positions.txt.gz", markers(300))
    lost = markers(320)
    lost[10:20, layout.MARKERS.index("LASI")] = 0
    write(correct / "m05_s02_e01_positions.txt", lost)
    write(incorrect / "m05_s01_e01_positions_inc.txt.gz", markers(150))
    write(incorrect / "m05_s02_e01_positions_inc.txt.gz", markers(180))
    write(incorrect / "m05_s02_e02_positions_inc.txt.gz", markers(180, 1))


if __name__ == "__main__":
    run(__file__, main)
