"""Hands that touch something: thigh, lower back or chair.

The contact decides where the wrist is; the elbow follows from the lengths of
the two bones (the two-bone problem, solved in closed form), so that bones keep
their length whatever the hand does.
"""

import numpy as np

from keras_pain.corpora.emopain.simulation.pose import DOF, JOINT


def _unit(vectors):
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(length, 1e-9)


def place_hands(body, joints, pose, heading, pelvis, thighs) -> None:
    """Moves arms whose hands are in contact, in place.

    Args:
        body: The `Body` (lengths).
        joints: `(T, 26, 3)` joints relative to the hip; the arms of frames
            with a contact are overwritten.
        pose: `(T, len(DOFS))`; its `on_*` columns weigh the contacts.
        heading: `(T, 3, 3)` frame of the person's heading.
        pelvis: `(T, 3, 3)` frame of the pelvis.
        thighs: The `(T, 3, 3)` frames of the thighs, by side.
    """
    for side, out in (("left", 1), ("right", -1)):
        weights = np.stack(
            [
                pose[:, DOF[f"{side}_{name}"]]
                for name in ("on_thigh", "on_back", "on_chair")
            ],
            axis=1,
        )
        rows = np.flatnonzero(weights.max(axis=1) > 1e-4)
        if rows.size == 0:
            continue
        weights = weights[rows]
        weights = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1)
        chain = [
            JOINT[f"{side}_{name}"]
            for name in ("upper_arm", "lower_arm", "wrist", "fingertip")
        ]
        shoulder, elbow, wrist, tip = (joints[rows, j] for j in chain)
        targets = _targets(
            body, joints, pose[:, DOF[f"{side}_rub"]], heading, pelvis,
            thighs[side], side, out, rows,
        )  # fmt: skip
        weight = weights.sum(axis=1)[:, None]
        goal = wrist + np.sum(
            weights[..., None] * (targets - wrist[:, None]), axis=1
        )
        # The elbow leaves the trunk: outwards and backwards.
        outwards = heading[rows] @ np.array([0.8 * out, 0.0, -0.9])
        pole = (elbow - shoulder) + weight * body.upper_arm * outwards
        new_elbow, new_wrist = _two_bones(
            shoulder,
            wrist,
            goal,
            pole,
            body.upper_arm,
            body.forearm,
            weight,
        )
        hand = np.linalg.norm(tip - wrist, axis=-1, keepdims=True)
        along = _unit(new_wrist - new_elbow)
        inwards = heading[rows] @ np.array([-0.7 * out, -0.4, 0.2])
        joints[rows, chain[1]] = new_elbow
        joints[rows, chain[2]] = new_wrist
        straight = _unit(tip - wrist)
        joints[rows, chain[3]] = new_wrist + hand * _unit(
            (1 - weight) * straight + weight * (along + 0.8 * inwards)
        )


def _targets(body, joints, rub, heading, pelvis, thigh, side, out, rows):
    """Wrist positions of the three contacts: (rows, 3, 3)."""
    size = body.stature
    hip_joint = joints[rows, JOINT[f"{side}_upper_leg"]]
    knee = joints[rows, JOINT[f"{side}_lower_leg"]]
    on_thigh = hip_joint + 0.5 * (knee - hip_joint)
    on_thigh += thigh[rows] @ (size * np.array([0.01 * out, 0, 0.045]))
    back = size * np.array([0.06 * out, 0.05, -0.085])
    on_back = pelvis[rows] @ back
    on_back += (pelvis[rows] @ np.array([0.35 * out, 1.0, 0.0])) * rub[
        rows, None
    ]
    on_chair = heading[rows] @ (
        size * np.array([0.135 * out * body.breadth, 0.02, 0.0])
    )
    return np.stack([on_thigh, on_back, on_chair], axis=1)


def _two_bones(root, wrist, goal, pole, first, second, weight):
    """Middle and end of a two-bone chain that reaches for a goal."""
    reach = goal - root
    distance = np.linalg.norm(reach, axis=-1, keepdims=True)
    axis = reach / np.maximum(distance, 1e-9)
    length = first + second
    # A goal out of reach stretches the arm softly: at full stretch the elbow
    # would snap straight within a frame. The softness comes and goes with the
    # contact, as an arm that hangs free may be straighter.
    free = np.linalg.norm(wrist - root, axis=-1, keepdims=True)
    soft = free + weight * np.minimum(0.85 * length - free, 0)
    margin = np.maximum(0.98 * length, free + 0.002 * length) - soft
    excess = np.maximum(distance - soft, 0) / margin
    distance = np.minimum(distance, soft) + margin * (1 - np.exp(-excess))
    distance = np.clip(
        distance, 1.02 * abs(first - second) + 1, 0.9999 * length
    )
    along = (first**2 - second**2 + distance**2) / (2 * distance)
    height = np.sqrt(np.maximum(first**2 - along**2, 0))
    side = _unit(pole - np.sum(pole * axis, axis=-1, keepdims=True) * axis)
    return root + along * axis + height * side, root + distance * axis
