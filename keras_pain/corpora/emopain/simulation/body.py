"""A 26-joint body moved by forward kinematics.

World axes: X to the person's left (at yaw 0), Y up, Z forward; centimetres
and degrees. Segment lengths are fractions of stature after the usual
anthropometric tables (Winter, Biomechanics and Motor Control of Human
Movement, fig. 4.1), placed so that the hip of a standing adult is at about
92 cm, as in the recordings.
"""

import dataclasses

import numpy as np

from keras_pain.corpora.emopain.simulation.contacts import place_hands
from keras_pain.corpora.emopain.simulation.pose import (
    DOF,
    JOINT,
    SIDES,
    rotation,
)

_FOOT = {side: [JOINT[f"{side}_heel"], JOINT[f"{side}_toes"]] for side in SIDES}


@dataclasses.dataclass(frozen=True)
class Body:
    """Segment lengths of one person.

    Args:
        stature: Height in cm.
        leg: Leg length relative to the average of that stature.
        arm: The same for the arms.
        breadth: The same for hips and shoulders.
        toe_out: Degrees by which the feet point outwards.
    """

    stature: float
    leg: float = 1.0
    arm: float = 1.0
    breadth: float = 1.0
    toe_out: float = 7.0

    @property
    def upper_arm(self) -> float:
        """Length of the upper arm in cm."""
        return 0.175 * self.arm * self.stature

    @property
    def forearm(self) -> float:
        """Length of the forearm in cm."""
        return 0.15 * self.arm * self.stature

    def place(self, pose: np.ndarray) -> np.ndarray:
        """Joint positions of a sequence of poses.

        The feet carry the body: the lowest point of the lower foot is on the
        floor, and the foot that carries does not slide.

        Args:
            pose: `(T, len(DOFS))`.

        Returns:
            `(T, 26, 3)` positions in cm, in the order of `JOINTS_26`.
        """

        def turn(parent, *steps):
            for axis, name, sign in steps:
                parent = parent @ rotation(axis, sign * pose[:, DOF[name]])
            return parent

        size, frames = self.stature, len(pose)
        joints = np.zeros((frames, 26, 3))

        def attach(name, parent, frame, offset):
            joints[:, JOINT[name]] = joints[:, JOINT[parent]] + frame @ (
                size * np.asarray(offset)
            )

        heading = rotation("y", pose[:, DOF["yaw"]])
        pelvis = turn(
            heading, ("x", "pelvis_pitch", 1), ("z", "pelvis_roll", 1)
        )
        lumbar = turn(pelvis, *_segment("lumbar"))
        thorax = turn(lumbar, *_segment("thorax"))
        neck = turn(thorax, *_segment("neck"))
        head = turn(neck, ("x", "head_flex", 1))
        attach("spine", "hip", pelvis, (0, 0.055, -0.010))
        attach("spine_1", "spine", lumbar, (0, 0.075, 0.0))
        attach("neck", "spine_1", thorax, (0, 0.165, 0.005))
        attach("head", "neck", neck, (0, 0.055, 0.008))
        attach("crown", "head", head, (0, 0.095, 0.0))

        # Arms and legs hang from the heading, not from the leaning trunk:
        # gravity keeps them upright while the trunk bends.
        carried = turn(
            heading, ("y", "lumbar_twist", 0.7), ("y", "thorax_twist", 0.7)
        )
        thighs = {}
        for side, out in (("left", 1), ("right", -1)):
            attach(
                f"{side}_upper_leg",
                "hip",
                pelvis,
                (out * 0.052 * self.breadth, -0.010, 0),
            )
            thigh = turn(
                heading,
                ("x", f"{side}_thigh_flex", -1),
                ("z", f"{side}_thigh_abduct", out),
            )
            shank = turn(thigh, ("x", f"{side}_knee", 1))
            foot = rotation("y", np.full(frames, out * self.toe_out))
            foot = turn(heading @ foot, ("x", f"{side}_foot_pitch", -1))
            thighs[side] = thigh
            leg = -0.245 * self.leg
            attach(f"{side}_lower_leg", f"{side}_upper_leg", thigh, (0, leg, 0))
            attach(
                f"{side}_ankle", f"{side}_lower_leg", shank, (0, leg - 0.001, 0)
            )
            attach(f"{side}_heel", f"{side}_ankle", foot, (0, -0.045, -0.035))
            attach(f"{side}_toes", f"{side}_ankle", foot, (0, -0.045, 0.105))

            clavicle = turn(thorax, ("z", f"{side}_shrug", out))
            attach(f"{side}_shoulder", "spine_1", thorax, (out * 0.02, 0.14, 0))
            attach(
                f"{side}_upper_arm",
                f"{side}_shoulder",
                clavicle,
                (out * 0.095 * self.breadth, 0, 0),
            )
            arm = turn(
                carried,
                ("x", f"{side}_arm_flex", -1),
                ("z", f"{side}_arm_abduct", out),
            )
            forearm = turn(arm, ("x", f"{side}_elbow", -1))
            upper, lower = self.upper_arm / size, self.forearm / size
            hand = f"{side}_fingertip"
            attach(
                f"{side}_lower_arm", f"{side}_upper_arm", arm, (0, -upper, 0)
            )
            attach(
                f"{side}_wrist", f"{side}_lower_arm", forearm, (0, -lower, 0)
            )
            attach(
                hand, f"{side}_wrist", forearm, (0, -0.095 * self.arm, 0.012)
            )
        place_hands(self, joints, pose, heading, pelvis, thighs)
        return joints + _carried_by_feet(joints)[:, None]


def _segment(name):
    return (
        ("x", f"{name}_flex", 1),
        ("z", f"{name}_side", 1),
        ("y", f"{name}_twist", 1),
    )


def _carried_by_feet(joints):
    """Where the hip is, given joints relative to it."""
    low = np.stack(
        [joints[:, _FOOT[side], 1].min(axis=1) for side in SIDES], axis=1
    )
    # The lower foot carries; the weight passes within about a centimetre.
    carries = 1 / (1 + np.exp(np.clip(low - low[:, ::-1], -20, 20) / 0.6))
    soles = np.stack(
        [joints[:, _FOOT[side]].mean(axis=1) for side in SIDES], axis=1
    )
    step = np.diff(soles, axis=0, prepend=soles[:1])
    hip = -np.cumsum(np.sum(step * carries[..., None], axis=1), axis=0)
    hip[:, 1] = -low.min(axis=1)
    return hip
