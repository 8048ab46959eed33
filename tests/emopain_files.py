"""Tiny EmoPain files for the tests, made without the simulator."""

import pathlib

import h5py
import numpy as np
import scipy.io

from keras_pain.signals.kinematics import (
    JOINTS_22,
    JOINTS_26,
    angle_energies,
    joint_angles,
)

# A standing person: x to the left, y up, z ahead, in cm.
_POSE = {
    "hip": (0, 92, 0),
    "spine": (0, 105, -2),
    "spine_1": (0, 120, -3),
    "neck": (0, 145, -1),
    "head": (0, 155, 2),
    "crown": (0, 172, 1),
}
for _side, _x in (("left", 1), ("right", -1)):
    _POSE |= {
        f"{_side}_upper_leg": (9 * _x, 90, 0),
        f"{_side}_lower_leg": (10 * _x, 50, 2),
        f"{_side}_ankle": (10 * _x, 9, -2),
        f"{_side}_heel": (10 * _x, 2, -6),
        f"{_side}_toes": (11 * _x, 2, 14),
        f"{_side}_shoulder": (15 * _x, 142, -1),
        f"{_side}_upper_arm": (20 * _x, 140, -2),
        f"{_side}_lower_arm": (26 * _x, 113, -1),
        f"{_side}_wrist": (28 * _x, 88, 4),
        f"{_side}_fingertip": (28 * _x, 70, 6),
    }


def joints(frames: int, names: tuple[str, ...] = JOINTS_26) -> np.ndarray:
    """`(T, J, 3)`: the upper body bends forward and back, elbows too."""
    pose = np.array([_POSE[name] for name in names], float)
    moved = np.repeat(pose[None], frames, axis=0)
    time = np.arange(frames) / 60

    def turn(members, pivot, angle):
        index = [names.index(name) for name in members if name in names]
        centre = moved[:, names.index(pivot)][:, None].copy()
        arm = moved[:, index] - centre
        cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
        y = arm[..., 1] * cos - arm[..., 2] * sin
        z = arm[..., 1] * sin + arm[..., 2] * cos
        moved[:, index] = centre + np.stack([arm[..., 0], y, z], axis=-1)

    for side in ("left", "right"):
        hand = [f"{side}_wrist", f"{side}_fingertip"]
        turn(hand, f"{side}_lower_arm", 0.3 + 0.3 * np.sin(9 * time))
    upper = [n for n in names if _POSE[n][1] > 60 and n not in ("hip",)]
    upper = [n for n in upper if not n.endswith("leg")]
    turn(upper, "hip", 0.6 - 0.6 * np.cos(3 * time))
    return moved


def _columns(positions: np.ndarray) -> np.ndarray:
    return positions.transpose(0, 2, 1).reshape(len(positions), -1)


def _semg(frames: int) -> np.ndarray:
    return 0.03 + 0.02 * np.sin(np.arange(frames * 4).reshape(frames, 4) / 50)


def fame(frames: int = 120) -> np.ndarray:
    """`(T, 160)`: one leg stand, other, bend; rater marks in rows 20-39."""
    positions = joints(frames)
    angles = joint_angles(positions)
    energies = angle_energies(angles)
    energies[0] = np.nan
    raters = np.zeros((frames, 4, 7))
    raters[20:40, 0, 0] = 1  # guarding, first rater
    raters[30:50, 2, 1] = 2  # hesitation, third rater: both in 30-39
    flags = np.zeros((frames, 24))
    flags[10:50, 0] = 1
    flags[60:100, 18] = 1  # Bend 2
    return np.concatenate(
        [
            _columns(positions),
            _semg(frames),
            raters.reshape(frames, 28),
            flags,
            angles,
            energies,
        ],
        axis=1,
    )


def coordinates(
    frames: int = 120, pain: int = 1, appended: bool = False
) -> np.ndarray:
    """`(T, 78)`, or 104 with the columns that users appended."""
    positions = joints(frames, JOINTS_22)
    labels = np.zeros((frames, 8))
    labels[10:50, 0] = 1
    labels[60:100, 0] = 3
    labels[:, 1] = pain
    labels[30:40, 2] = 1
    parts = [_columns(positions), _semg(frames), labels]
    if appended:
        theta = np.pi - np.radians(joint_angles(positions, JOINTS_22))
        parts += [theta, angle_energies(60 * theta)]
    return np.concatenate(parts, axis=1)


def challenge(frames: int = 120, pain: int = 1) -> np.ndarray:
    """`(T, 33)`: 30 channels, exercise, pain, protective."""
    angles = joint_angles(joints(frames))
    labels = coordinates(frames, pain)[:, 70:73]
    parts = [angles, angle_energies(angles), _semg(frames), labels]
    return np.concatenate(parts, axis=1)


def save(path, values, name="data", header=None, compress=False):
    """Writes a MATLAB 5 file, with a header text if one is given."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    variables = values if isinstance(values, dict) else {name: values}
    scipy.io.savemat(path, variables, do_compression=compress)
    if header is not None:
        with open(path, "r+b") as stream:
            stream.write(header.ljust(116).encode())
    return path


def save_73(path, variables, header="MATLAB 7.3 MAT-file"):
    """Writes a MATLAB 7.3 file: a user block, arrays stored transposed."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            value = np.asarray(value)
            dataset = file.create_dataset(name, data=value.T)
            if value.dtype == np.float64:
                dataset.attrs["MATLAB_class"] = np.bytes_(b"double")
    with open(path, "r+b") as stream:
        stream.write(header.ljust(116).encode() + bytes(8) + b"\x00\x02IM")
    return path
