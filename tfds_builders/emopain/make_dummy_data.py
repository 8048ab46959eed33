"""Writes `dummy_data/`: tiny files in the owners' three layouts.

    python tfds_builders/emopain/make_dummy_data.py

Every number is invented: a stick figure of round measures leans forward and
back. The header of each file says so, as the simulator's files do.
"""

import pathlib

import numpy as np
import scipy.io

from keras_pain.corpora.emopain import layout
from keras_pain.signals.kinematics import (
    JOINTS_22,
    JOINTS_26,
    angle_energies,
    joint_angles,
)
from tfds_builders.dummy_data import run

FRAMES = 48
HEADER = b"SIMULATED by keras_pain: dummy data, every number invented"
# cm, Y up, of a figure that faces +Z; left is +X.
_MIDDLE = {
    "hip": (0, 100, 0),
    "spine": (0, 115, -2),
    "spine_1": (0, 130, -3),
    "neck": (0, 150, -2),
    "head": (0, 160, 2),
    "crown": (0, 175, 2),
}
_LEFT = {
    "upper_leg": (10, 95, 0),
    "lower_leg": (11, 50, 2),
    "ankle": (12, 10, 0),
    "heel": (12, 5, -5),
    "toes": (13, 2, 15),
    "shoulder": (5, 148, 0),
    "upper_arm": (20, 145, -2),
    "lower_arm": (24, 115, 0),
    "wrist": (25, 90, 5),
    "fingertip": (25, 75, 8),
}
_LEGS = ("upper_leg", "lower_leg", "ankle", "heel", "toes")
# Recordings of the layouts: fame, and those with a split.
FAME = ("C1_N", "P2_N", "P2_D")
SPLITS = {"train": ("C1N", "P2N"), "validation": ("C3N", "P4D")}


def figure(seed: int) -> np.ndarray:
    """`(T, 26, 3)` cm of a figure that leans forward and back."""
    rest = {name: np.array(at, float) for name, at in _MIDDLE.items()}
    for name, at in _LEFT.items():
        rest[f"left_{name}"] = np.array(at, float)
        rest[f"right_{name}"] = np.array(at, float) * (-1, 1, 1)
    time = np.arange(FRAMES) / FRAMES
    lean = np.radians(20 + 5 * seed) * np.sin(np.pi * time) ** 2
    cosine, sine = np.cos(lean), np.sin(lean)
    joints = np.empty((FRAMES, len(JOINTS_26), 3))
    for index, name in enumerate(JOINTS_26):
        x, y, z = rest[name] - rest["hip"]
        joints[:, index] = rest["hip"] + (x, y, z)
        if not name.endswith(_LEGS):
            joints[:, index, 1] = 100 + y * cosine - z * sine
            joints[:, index, 2] = y * sine + z * cosine
    return np.round(joints, 2)


def _table(width, kind, joints=None):
    """`(T, width)`, with sEMG and the positions of the joints."""
    table = np.zeros((FRAMES, width))
    table[:, kind.semg] = 0.02
    if joints is not None:
        columns = joints.transpose(0, 2, 1).reshape(FRAMES, -1)
        table[:, kind.positions] = columns
    return table


def fame(name: str, seed: int) -> np.ndarray:
    """A `(T, 160)` table of the full release."""
    kind = layout.Fame
    joints = figure(seed)
    angles = joint_angles(joints)
    energies = angle_energies(angles)
    energies[0] = np.nan  # as in the release
    table = _table(kind.num_columns, kind, joints)
    if name.startswith("P"):
        # Two raters see guarding (the first behaviour) in the second half.
        first = kind.raters.start
        table[FRAMES // 2 :, [first, first + 7]] = 1
    bend = [n for n, _ in kind.activity_columns].index("Bend 1")
    table[8:40, kind.activities.start + bend] = 1
    table[:, kind.angles], table[:, kind.energies] = angles, energies
    return table


def _add_labels(table, name, columns):
    patient, time = name.startswith("P"), np.arange(FRAMES)
    bend = layout.ACTIVITIES.index("bend")
    table[:, columns.exercise] = np.where((time >= 8) & (time < 40), bend, 0)
    table[:, columns.pain] = 1 if patient else 0
    table[:, columns.protective] = (time >= FRAMES // 2) & patient
    return table


def coordinates(name: str, seed: int) -> np.ndarray:
    """A `(T, 78)` table of the coordinate package."""
    kind = layout.Coordinates
    joints = figure(seed)[:, [JOINTS_26.index(n) for n in JOINTS_22]]
    return _add_labels(_table(kind.num_columns[0], kind, joints), name, kind)


def challenge(name: str, seed: int) -> np.ndarray:
    """A `(T, 33)` table of the challenge: 30 channels, three labels."""
    kind = layout.Challenge
    table = _table(kind.num_channels + 3, kind)
    table[:, kind.angles] = angles = joint_angles(figure(seed))
    table[:, kind.energies] = angle_energies(angles)
    return _add_labels(table, name, layout.ChallengeColumns())


def _save(path, variable, table):
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, {variable: table}, do_compression=True)
    with open(path, "r+b") as stream:
        stream.write(HEADER.ljust(116))


def main(out: pathlib.Path) -> None:
    """Writes all layouts below a folder."""
    groups = {"C": "healthy", "P": "patient"}
    for seed, name in enumerate(FAME):
        folder = layout.Fame.folders[groups[name[0]]]
        path = out / "fame" / folder / f"{name}.mat"
        _save(path, name.split("_")[0], fame(name, seed))
    tables = {"coordinates": coordinates, "challenge2020": challenge}
    for kind, table in tables.items():
        for split, names in SPLITS.items():
            for seed, name in enumerate(names):
                path = out / kind / split / f"{name}.mat"
                _save(path, layout.Coordinates.key, table(name, seed))


if __name__ == "__main__":
    run(__file__, main)
