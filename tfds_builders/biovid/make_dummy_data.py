"""Writes `dummy_data/`: ten tiny clips of two simulated faces.

python tfds_builders/biovid/make_dummy_data.py
"""

import pathlib

from tfds_builders.dummy_data import copy_simulated, run


def main(out: pathlib.Path) -> None:
    """Writes a clip of four frames for each level of two people."""
    copy_simulated("biovid", out, subjects=2, clips=1, frames=4, size=(96, 128))


if __name__ == "__main__":
    run(__file__, main)
