"""Joint angles and their energies, as the EmoPain papers define them.

Source: ALANet, Fig. 2 (angle triplets); BANet, section III.A ("energy" is the
squared angular velocity). The unit of the energy, degrees^2 / frame^2, was
recovered from printed rows of the full release.
"""

import numpy as np

_JOINTS = """
hip left_upper_leg left_lower_leg left_ankle left_heel left_toes
right_upper_leg right_lower_leg right_ankle right_heel right_toes spine spine_1
left_shoulder left_upper_arm left_lower_arm left_wrist left_fingertip
right_shoulder right_upper_arm right_lower_arm right_wrist right_fingertip
neck head crown"""
JOINTS_26 = tuple(_JOINTS.split())
# The 22-joint package leaves out heels and toes and renumbers the rest.
JOINTS_22 = tuple(n for n in JOINTS_26 if not n.endswith(("_heel", "_toes")))

# An angle, and its end point, vertex and end point.
_ANGLES = """
left_full_body_flexion    crown           hip              left_ankle
right_full_body_flexion   crown           hip              right_ankle
left_inner_body_flexion   spine           hip              left_lower_leg
right_inner_body_flexion  spine           hip              right_lower_leg
left_knee                 left_upper_leg  left_lower_leg   left_ankle
right_knee                right_upper_leg right_lower_leg  right_ankle
left_elbow                left_upper_arm  left_lower_arm   left_wrist
right_elbow               right_upper_arm right_lower_arm  right_wrist
left_shoulder             neck            left_shoulder    left_upper_arm
right_shoulder            neck            right_shoulder   right_upper_arm
left_lateral_bend         left_lower_arm  left_shoulder    left_upper_leg
right_lateral_bend        right_lower_arm right_shoulder   right_upper_leg
neck                      spine           neck             crown
"""
_ROWS = [line.split() for line in _ANGLES.strip().splitlines()]
ANGLE_NAMES = tuple(row[0] for row in _ROWS)
ANGLE_TRIPLETS = tuple(tuple(row[1:]) for row in _ROWS)


def joint_angles(
    joints: np.ndarray, joint_names: tuple[str, ...] = JOINTS_26
) -> np.ndarray:
    """Thirteen included angles, `(T, 13)` float64 degrees in [0, 180].

    An angle whose end point lies on its vertex is undefined: NaN. The joints
    are `(T, J, 3)` positions in any unit, of J names that hold all those of
    `ANGLE_TRIPLETS`; anything else raises ValueError.
    """
    joints = np.asarray(joints, dtype=np.float64)
    if joints.ndim != 3 or joints.shape[1:] != (len(joint_names), 3):
        shape = f"(T, {len(joint_names)}, 3)"
        raise ValueError(f"joints must be {shape}, got {joints.shape}")
    triplets = np.vectorize(joint_names.index)(ANGLE_TRIPLETS)
    first, vertex, second = joints[:, triplets.T].swapaxes(0, 1)
    first, second = first - vertex, second - vertex
    # The arctangent form keeps its precision at 0 and 180 degrees, where the
    # arccosine of the papers loses half the digits.
    sine = np.linalg.norm(np.cross(first, second), axis=-1)
    cosine = np.sum(first * second, axis=-1)
    undefined = (np.linalg.norm([first, second], axis=-1) == 0).any(axis=0)
    return np.where(undefined, np.nan, np.degrees(np.arctan2(sine, cosine)))


def angle_energies(angles: np.ndarray) -> np.ndarray:
    """Squared frame-to-frame differences of `(T, K)` angles in degrees.

    `(T, K)` degrees^2 / frame^2; the first row, which has no predecessor, is
    zero.
    """
    angles = np.asarray(angles)
    return np.diff(angles, axis=0, prepend=angles[:1]) ** 2
