"""Writes `dummy_data/`: two tiny sequences of two simulated faces.

python tfds_builders/unbc_mcmaster/make_dummy_data.py
"""

import pathlib

from tfds_builders.dummy_data import copy_simulated, run


def main(out: pathlib.Path) -> None:
    """Writes a sequence of a few frames for each of two people."""
    copy_simulated(
        "unbc_mcmaster", out, subjects=2, sequences=2, frames=5, size=(72, 96)
    )


if __name__ == "__main__":
    run(__file__, main)
