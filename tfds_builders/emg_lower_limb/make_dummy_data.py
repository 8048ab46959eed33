"""Writes `dummy_data/`: 0.6 s of two men's thighs, in the release's columns.

    python tfds_builders/emg_lower_limb/make_dummy_data.py

Every number is invented: noise, the stronger the faster the knee moves.
"""

import pathlib

import numpy as np

from keras_pain.corpora import emg_lower_limb as layout
from tfds_builders.dummy_data import csv_of, run, write_files

PEOPLE = {"A01": "knee_abnormality", "N01": "healthy"}
TURNS = {"gait": 2.0, "sitting": 0.5}  # of the knee
SAMPLES = 600


def signals(seed: int, turns: float) -> np.ndarray:
    """`(T, 5)`: EMG of four muscles in mV, and the angle in degrees."""
    phase = 2 * np.pi * turns * np.linspace(0, 1, SAMPLES)
    angle = -30 * (1 - np.cos(phase))
    effort = 0.02 + 0.05 * np.abs(np.sin(phase))
    noise = np.random.default_rng(seed).normal(0, 1, (SAMPLES, 4))
    return np.column_stack([noise * effort[:, None], angle])


def main(out: pathlib.Path) -> None:
    """Writes two activities of each of two men, and their list."""
    header = ",".join(channel.name for channel in layout.CHANNELS)
    files, rows = {}, ["file,person,group,activity"]
    for person, group in PEOPLE.items():
        for activity, turns in TURNS.items():
            file = f"{person}_{activity}.csv" + ".gz" * bool(files)
            rows.append(f"{file},{person},{group},{activity}")
            files[file] = csv_of(header, signals(len(files), turns), 3)
    write_files(out, {layout.LIST: "\n".join([*rows, ""]), **files})


if __name__ == "__main__":
    run(__file__, main)
