"""Writes `dummy_data/`: four tiny clips of a simulated face.

python tfds_builders/pemf/make_dummy_data.py
"""

import pathlib

from tfds_builders.dummy_data import copy_simulated, run


def main(out: pathlib.Path) -> None:
    """Writes the stills, the landmarks and the sheet of one person."""
    copy_simulated(
        "pemf",
        out,
        layout="pictures",
        subjects=1,
        size=(80, 66),
        landmarks=True,
    )


if __name__ == "__main__":
    run(__file__, main)
