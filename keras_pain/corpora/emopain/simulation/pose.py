"""What a pose is: the degrees of freedom of the simulated body.

Degrees, unless said otherwise. A pose is a row of `len(DOFS)` numbers, a
movement an array of such rows.
"""

import numpy as np

from keras_pain.signals.kinematics import JOINTS_26

SIDES = ("left", "right")
TRUNK_DOFS = (
    "yaw",
    "pelvis_pitch",
    "pelvis_roll",
    "lumbar_flex",
    "lumbar_side",
    "lumbar_twist",
    "thorax_flex",
    "thorax_side",
    "thorax_twist",
    "neck_flex",
    "neck_side",
    "neck_twist",
    "head_flex",
)
# `on_*` are weights from 0 to 1 of a hand's contact; `rub` is the hand's
# excursion along the back in cm.
LIMB_DOFS = (
    "thigh_flex",
    "thigh_abduct",
    "knee",
    "foot_pitch",
    "shrug",
    "arm_flex",
    "arm_abduct",
    "elbow",
    "on_thigh",
    "on_back",
    "on_chair",
    "rub",
)
# `wobble` scales the natural sway; it moves no joint by itself.
DOFS = (
    TRUNK_DOFS
    + tuple(f"{side}_{name}" for side in SIDES for name in LIMB_DOFS)
    + ("wobble",)
)
DOF = {name: number for number, name in enumerate(DOFS)}
JOINT = {name: number for number, name in enumerate(JOINTS_26)}


def pose_of(**values: float) -> np.ndarray:
    """A pose that is zero but for the named degrees of freedom.

    Args:
        **values: Degrees of freedom by name; a limb's name without its side
            (`knee`) sets both sides.

    Returns:
        `(len(DOFS),)` float64.
    """
    return changed(np.zeros(len(DOFS)), **values)


def changed(pose: np.ndarray, **values: float) -> np.ndarray:
    """A copy of a pose with some degrees of freedom set.

    Args:
        pose: `(len(DOFS),)`.
        **values: As for `pose_of`.

    Returns:
        `(len(DOFS),)` float64.
    """
    pose = pose.copy()
    for name, value in values.items():
        if name in LIMB_DOFS:
            for side in SIDES:
                pose[DOF[f"{side}_{name}"]] = value
        else:
            pose[DOF[name]] = value
    return pose


def rotation(axis: str, degrees: np.ndarray) -> np.ndarray:
    """Rotation matrices about a coordinate axis.

    Args:
        axis: `"x"`, `"y"` or `"z"`.
        degrees: `(T,)` angles; positive about X tips an upright body forward.

    Returns:
        `(T, 3, 3)` matrices.
    """
    radians = np.deg2rad(degrees)
    cosine, sine = np.cos(radians), np.sin(radians)
    matrix = np.zeros((len(radians), 3, 3))
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    k = 3 - i - j
    matrix[:, k, k] = 1
    matrix[:, i, i] = matrix[:, j, j] = cosine
    matrix[:, i, j] = -sine
    matrix[:, j, i] = sine
    return matrix
