"""Joint angles and their energies, as the EmoPain papers define them.

Source: ALANet, Fig. 2 (angle triplets); BANet, section III.A ("energy" is the
squared angular velocity). The unit of the energy, degrees^2 / frame^2, was
recovered from printed rows of the full release.
"""

import numpy as np

JOINTS_26 = (
    "hip",
    "left_upper_leg",
    "left_lower_leg",
    "left_ankle",
    "left_heel",
    "left_toes",
    "right_upper_leg",
    "right_lower_leg",
    "right_ankle",
    "right_heel",
    "right_toes",
    "spine",
    "spine_1",
    "left_shoulder",
    "left_upper_arm",
    "left_lower_arm",
    "left_wrist",
    "left_fingertip",
    "right_shoulder",
    "right_upper_arm",
    "right_lower_arm",
    "right_wrist",
    "right_fingertip",
    "neck",
    "head",
    "crown",
)

# The 22-joint package leaves out heels and toes and renumbers the rest.
_FEET = ("left_heel", "left_toes", "right_heel", "right_toes")
JOINTS_22 = tuple(name for name in JOINTS_26 if name not in _FEET)

ANGLE_NAMES = (
    "left_full_body_flexion",
    "right_full_body_flexion",
    "left_inner_body_flexion",
    "right_inner_body_flexion",
    "left_knee",
    "right_knee",
    "left_elbow",
    "right_elbow",
    "left_shoulder",
    "right_shoulder",
    "left_lateral_bend",
    "right_lateral_bend",
    "neck",
)

# End point, vertex, end point.
ANGLE_TRIPLETS = (
    ("crown", "hip", "left_ankle"),
    ("crown", "hip", "right_ankle"),
    ("spine", "hip", "left_lower_leg"),
    ("spine", "hip", "right_lower_leg"),
    ("left_upper_leg", "left_lower_leg", "left_ankle"),
    ("right_upper_leg", "right_lower_leg", "right_ankle"),
    ("left_upper_arm", "left_lower_arm", "left_wrist"),
    ("right_upper_arm", "right_lower_arm", "right_wrist"),
    ("neck", "left_shoulder", "left_upper_arm"),
    ("neck", "right_shoulder", "right_upper_arm"),
    ("left_lower_arm", "left_shoulder", "left_upper_leg"),
    ("right_lower_arm", "right_shoulder", "right_upper_leg"),
    ("spine", "neck", "crown"),
)


def joint_angles(
    joints: np.ndarray, joint_names: tuple[str, ...] = JOINTS_26
) -> np.ndarray:
    """Thirteen included angles from joint positions.

    Args:
        joints: `(T, J, 3)` positions, any length unit.
        joint_names: Names of the J joints; must hold every joint of
            `ANGLE_TRIPLETS`.

    Returns:
        `(T, 13)` float64 degrees in [0, 180]. An angle whose end point lies on
        its vertex is undefined and comes back as NaN.

    Raises:
        ValueError: A joint is missing, or the shape is not `(T, J, 3)`.
    """
    joints = np.asarray(joints, dtype=np.float64)
    if joints.ndim != 3 or joints.shape[1:] != (len(joint_names), 3):
        raise ValueError(
            f"joints must be (T, {len(joint_names)}, 3), got {joints.shape}"
        )
    index = {name: number for number, name in enumerate(joint_names)}
    missing = {n for t in ANGLE_TRIPLETS for n in t} - index.keys()
    if missing:
        raise ValueError(f"joints are missing: {sorted(missing)}")
    triplets = np.array([[index[n] for n in t] for t in ANGLE_TRIPLETS])
    vertex = joints[:, triplets[:, 1]]
    first = joints[:, triplets[:, 0]] - vertex
    second = joints[:, triplets[:, 2]] - vertex
    # The arctangent form keeps its precision at 0 and 180 degrees, where the
    # arccosine of the papers loses half the digits.
    sine = np.linalg.norm(np.cross(first, second), axis=-1)
    cosine = np.sum(first * second, axis=-1)
    undefined = (np.linalg.norm(first, axis=-1) == 0) | (
        np.linalg.norm(second, axis=-1) == 0
    )
    return np.where(undefined, np.nan, np.degrees(np.arctan2(sine, cosine)))


def angle_energies(angles: np.ndarray) -> np.ndarray:
    """Squared frame-to-frame angle differences.

    Args:
        angles: `(T, K)` degrees.

    Returns:
        `(T, K)` degrees^2 / frame^2; the first row, which has no predecessor,
        is zero.
    """
    angles = np.asarray(angles)
    return np.diff(angles, axis=0, prepend=angles[:1]) ** 2
