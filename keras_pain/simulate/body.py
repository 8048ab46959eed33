"""A body of 26 joints: what a pose is, and where it puts the joints.

World axes: X to the person's left (at yaw 0), Y up, Z forward; centimetres
and degrees. Segment lengths are fractions of stature after the usual
anthropometric tables (Winter, Biomechanics and Motor Control of Human
Movement, fig. 4.1), placed so that the hip of a standing adult is at about
92 cm, as in the recordings.
"""

import dataclasses

import numpy as np

from keras_pain.signals.kinematics import JOINTS_26
from keras_pain.simulate import rows_of

# Sides of the body, and which way along X is outwards.
SIDES = {"left": 1, "right": -1}
# A pose is a row of `len(DOFS)` numbers, degrees unless said otherwise. `on_*`
# are weights from 0 to 1 of a hand's contact; `rub` is the hand's excursion
# along the back in cm; `wobble` scales the natural sway.
CONTACTS = ("on_thigh", "on_back", "on_chair")
_TRUNK = """yaw pelvis_pitch pelvis_roll lumbar_flex lumbar_side lumbar_twist
thorax_flex thorax_side thorax_twist neck_flex neck_side neck_twist head_flex"""
_LIMBS = "thigh_flex thigh_abduct knee foot_pitch shrug arm_flex arm_abduct"
_LIMBS = (*_LIMBS.split(), "elbow", *CONTACTS, "rub")
_LIMBS_OF_SIDES = [f"{side}_{name}" for side in SIDES for name in _LIMBS]
DOFS = (*_TRUNK.split(), *_LIMBS_OF_SIDES, "wobble")
DOF = {name: number for number, name in enumerate(DOFS)}
_JOINT = {name: number for number, name in enumerate(JOINTS_26)}
_FEET = [[_JOINT[f"{s}_heel"], _JOINT[f"{s}_toes"]] for s in SIDES]

# Frame of a segment, the frame that it is turned from, and the turns: axis,
# degree of freedom, factor. Arms and legs hang from the heading, not from the
# leaning trunk: gravity keeps them upright while the trunk bends.
_TRUNK_FRAMES = """
pelvis    heading  x pelvis_pitch 1    z pelvis_roll 1
lumbar    pelvis   x lumbar_flex 1     z lumbar_side 1    y lumbar_twist 1
thorax    lumbar   x thorax_flex 1     z thorax_side 1    y thorax_twist 1
neck      thorax   x neck_flex 1       z neck_side 1      y neck_twist 1
head      neck     x head_flex 1
carried   heading  y lumbar_twist 0.7  y thorax_twist 0.7
"""
# Of each side; `out` is 1 on the left and -1 on the right.
_LIMB_FRAMES = """
thigh     heading  x thigh_flex -1     z thigh_abduct out
shank     thigh    x knee 1
foot      toed_out x foot_pitch -1
clavicle  thorax   z shrug out
arm       carried  x arm_flex -1       z arm_abduct out
forearm   arm      x elbow -1
"""
# Joint, the one it hangs on, the segment between, and where it is in the
# segment's frame: to the left, up, forward, in statures or as named in `place`.
_TRUNK_JOINTS = """
spine      hip        pelvis    0          0.055   -0.010
spine_1    spine      lumbar    0          0.075    0
neck       spine_1    thorax    0          0.165    0.005
head       neck       neck      0          0.055    0.008
crown      head       head      0          0.095    0
"""
_LIMB_JOINTS = """
upper_leg  hip        pelvis    hips      -0.010    0
lower_leg  upper_leg  thigh     0          leg      0
ankle      lower_leg  shank     0          shank    0
heel       ankle      foot      0         -0.045   -0.035
toes       ankle      foot      0         -0.045    0.105
shoulder   spine_1    thorax    collar     0.14     0
upper_arm  shoulder   clavicle  shoulders  0        0
lower_arm  upper_arm  arm       0          upper    0
wrist      lower_arm  forearm   0          lower    0
fingertip  wrist      forearm   0          hand     0.012
"""


def columns_of(name: str) -> list[int]:
    """Columns of a degree of freedom; `knee` without its side means both."""
    if name in DOF:
        return [DOF[name]]
    return [DOF[f"{side}_{name}"] for side in SIDES]


@dataclasses.dataclass(frozen=True)
class Body:
    """Segment lengths of one person, ratios of what that stature has."""

    stature: float  # cm
    leg: float
    arm: float
    breadth: float  # of hips and shoulders
    toe_out: float  # degrees by which the feet point outwards

    def place(self, pose: np.ndarray) -> np.ndarray:
        """Joints, `(T, 26, 3)` in cm as `JOINTS_26`, of `(T, len(DOFS))` poses.

        The feet carry the body: the lowest point of the lower foot is on the
        floor, and the foot that carries does not slide.
        """
        size, wide, leg = self.stature, self.breadth, -0.245 * self.leg
        # Upper arm and forearm, cm.
        bones = upper, lower = 0.175 * self.arm * size, 0.15 * self.arm * size
        heading = _rotation("y", pose[:, DOF["yaw"]])
        frames = {"heading": heading}
        joints = np.zeros((len(pose), 26, 3))
        named = {"leg": leg, "shank": leg - 0.001, "hand": -0.095 * self.arm}
        named |= {"upper": -upper / size, "lower": -lower / size}

        def build(turns, segments, side=""):
            def own(table, name):
                return table[name if name in table else f"{side}_{name}"]

            def number(word):
                return named[word] if word in named else float(word)

            for name, start, *steps in rows_of(turns):
                frame = frames[start]
                for axis, dof, factor in zip(*[iter(steps)] * 3, strict=True):
                    angle = number(factor) * pose[:, own(DOF, dof)]
                    frame = frame @ _rotation(axis, angle)
                frames[name] = frame
            for name, parent, frame, *offset in rows_of(segments):
                offset = size * np.array([number(word) for word in offset])
                start = joints[:, own(_JOINT, parent)]
                joints[:, own(_JOINT, name)] = start + frames[frame] @ offset

        build(_TRUNK_FRAMES, _TRUNK_JOINTS)
        for side, out in SIDES.items():
            toes = np.full(len(pose), out * self.toe_out)
            frames["toed_out"] = heading @ _rotation("y", toes)
            named |= {"out": out, "hips": out * 0.052 * wide}
            named |= {"collar": out * 0.02, "shoulders": out * 0.095 * wide}
            build(_LIMB_FRAMES, _LIMB_JOINTS, side)
            self._touch(side, joints, pose, frames, bones)
        return joints + _hip(joints)[:, None]

    def _touch(self, side, joints, pose, frames, bones):
        """Moves an arm whose hand touches thigh, lower back or chair, in place.

        The contact decides where the wrist is; the elbow follows from the
        lengths of the two bones, so that bones keep their length whatever the
        hand does.
        """
        contacts = [DOF[f"{side}_{name}"] for name in CONTACTS]
        rows = np.flatnonzero(pose[:, contacts].max(axis=1) > 1e-4)
        if rows.size == 0:
            return
        weights = pose[rows][:, contacts]
        weights = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1)
        size, out = self.stature, SIDES[side]
        names = "upper_arm lower_arm wrist fingertip upper_leg lower_leg"
        chain = [_JOINT[f"{side}_{name}"] for name in names.split()]
        parts = (joints[rows, joint] for joint in chain)
        shoulder, elbow, wrist, tip, hip, knee = parts
        names = ("heading", "pelvis", "thigh")
        heading, pelvis, thigh = (frames[name][rows] for name in names)
        on_thigh = hip + 0.5 * (knee - hip)
        on_thigh += thigh @ (size * np.array([0.01 * out, 0, 0.045]))
        on_back = pelvis @ (size * np.array([0.06 * out, 0.05, -0.085]))
        rub = pose[rows, DOF[f"{side}_rub"], None]
        on_back += (pelvis @ np.array([0.35 * out, 1.0, 0.0])) * rub
        seat = np.array([0.135 * out * self.breadth, 0.02, 0.0])
        targets = np.stack([on_thigh, on_back, heading @ (size * seat)], axis=1)

        weight = weights.sum(axis=1)[:, None]
        way = weights[..., None] * (targets - wrist[:, None])
        # The elbow leaves the trunk: outwards and backwards.
        away = heading @ np.array([0.8 * out, 0.0, -0.9])
        pole = (elbow - shoulder) + weight * bones[0] * away
        new_elbow, new_wrist = _two_bones(
            shoulder, wrist, wrist + np.sum(way, axis=1), pole, bones, weight
        )
        hand = np.linalg.norm(tip - wrist, axis=-1, keepdims=True)
        inwards = heading @ np.array([-0.7 * out, -0.4, 0.2])
        bent = _unit(new_wrist - new_elbow) + 0.8 * inwards
        along = (1 - weight) * _unit(tip - wrist) + weight * bent
        moved = (new_elbow, new_wrist, new_wrist + hand * _unit(along))
        joints[np.ix_(rows, chain[1:4])] = np.stack(moved, axis=1)


def _rotation(axis, degrees):
    """`(T, 3, 3)`; positive about X tips an upright body forward."""
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


def _unit(vectors):
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(length, 1e-9)


def _two_bones(root, wrist, goal, pole, bones, weight):
    """Middle and end of a two-bone chain that reaches for a goal."""
    first, second = bones
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
    distance = distance.clip(1.02 * abs(first - second) + 1, 0.9999 * length)
    along = (first**2 - second**2 + distance**2) / (2 * distance)
    height = np.sqrt(np.maximum(first**2 - along**2, 0))
    side = _unit(pole - np.sum(pole * axis, axis=-1, keepdims=True) * axis)
    return root + along * axis + height * side, root + distance * axis


def _hip(joints):
    """Where the hip is, given joints relative to it."""
    feet = joints[:, _FEET]  # frame, side, heel and toes, axis
    low = feet[..., 1].min(axis=2)
    # The lower foot carries; the weight passes within about a centimetre.
    carries = 1 / (1 + np.exp(np.clip(low - low[:, ::-1], -20, 20) / 0.6))
    soles = feet.mean(axis=2)
    step = np.diff(soles, axis=0, prepend=soles[:1])
    hip = -np.cumsum(np.sum(step * carries[..., None], axis=1), axis=0)
    hip[:, 1] = -low.min(axis=1)
    return hip
