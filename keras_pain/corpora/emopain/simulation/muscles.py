"""sEMG envelopes that follow what the body carries.

Lower back: the load of the leaning trunk, the effort of straightening up, the
steps of walking. Healthy lumbar muscles fall silent in full flexion, where
ligaments take over (flexion-relaxation); in chronic low-back pain they do
not, and their resting activity is raised (Geisser et al., J. Pain 6(11),
2005; Colloca and Hinrichs, JMPT 28(8), 2005). Upper trapezius: raised arms
and shoulders, and the tension of guarding.
"""

import numpy as np

from keras_pain.corpora.emopain.layout import BEHAVIOURS, FRAME_RATE
from keras_pain.corpora.emopain.simulation.noise import (
    smooth_noise,
    smooth_steps,
)
from keras_pain.corpora.emopain.simulation.people import Person
from keras_pain.corpora.emopain.simulation.pose import DOF

# Activity in the unit of the recordings; typical values are 0.01 to 0.1.
_REST = np.array([0.010, 0.010, 0.011, 0.011])
_LOAD = 0.036
_EFFORT = 0.018
_ARM = 0.025
_GUARD = np.array([0.015, 0.015, 0.019, 0.019])
_FLOOR = 0.0015
# Lumbar flexion, as a share of the person's own, at which the muscles start
# to fall silent.
_SILENT_FROM = 0.72
_FULL_LUMBAR_FLEXION = 42.0


def envelopes(
    person: Person,
    difficulty: str,
    pose: np.ndarray,
    intensity: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """sEMG envelopes of a recording.

    Args:
        person: Whose muscles.
        difficulty: `"D"` adds hand weights.
        pose: `(T, len(DOFS))` poses.
        intensity: `(T, 7)` strength of each behaviour.
        rng: Source of the envelope's ripple.

    Returns:
        `(T, 4)` positive float64: lumbar right and left, upper trapezius
        right and left.
    """

    def of(name):
        return pose[:, DOF[name]]

    weight = 1.18 if difficulty == "D" else 1.0
    guard = smooth_steps(intensity[:, BEHAVIOURS.index("guarding_stiffness")],
                         0.5)  # fmt: skip
    jerk = smooth_steps(intensity[:, BEHAVIOURS.index("jerky_motion")], 0.3)

    lean = of("pelvis_pitch") + 0.6 * of("lumbar_flex")
    rising = np.clip(-_rate(lean), 0, 80) / 80
    extending = sum(np.clip(-_rate(of(f"{s}_knee")), 0, 120) / 240
                    for s in ("left", "right"))  # fmt: skip
    arms = sum(_lift(of(f"{s}_arm_flex"), of(f"{s}_arm_abduct"))
               for s in ("left", "right"))  # fmt: skip
    load = np.clip(np.sin(np.deg2rad(np.clip(lean, 0, 110))), 0, 1)
    load = weight * (load + 0.18 * arms)
    # Only a bend that goes down relaxes: leaning with a straight back does
    # not, which is why guarding keeps the muscles at work.
    share = (of("lumbar_flex") - person.carriage["lumbar_flex"]) / (
        _FULL_LUMBAR_FLEXION * person.reach
    )
    deep = 1 / (1 + np.exp(-np.clip((share - _SILENT_FROM) / 0.055, -30, 30)))
    silence = 1 - person.relaxation * smooth_steps(deep, 0.2)

    steps = _steps(pose)
    channels = np.zeros((len(pose), 4))
    for index, side in enumerate(("right", "left")):
        out = 1 if side == "left" else -1
        tilt = of("lumbar_side") + of("pelvis_roll")
        tilt = np.clip(1 + 0.03 * out * tilt, 0.5, 1.6)
        channels[:, index] = (
            _LOAD * load * silence * tilt
            + _EFFORT * (rising + extending)
            + 0.012 * steps[index]
        )
        lift = _lift(of(f"{side}_arm_flex"), of(f"{side}_arm_abduct"))
        shrug = np.clip(of(f"{side}_shrug"), 0, 20) / 20
        held = of(f"{side}_on_thigh") + of(f"{side}_on_chair")
        channels[:, 2 + index] = _ARM * weight * lift + 0.02 * shrug
        channels[:, 2 + index] += 0.008 * np.clip(held, 0, 1)
    channels += _GUARD * guard[:, None] + 0.02 * jerk[:, None]
    channels += _REST * person.muscle_rest
    channels *= person.muscle_gain
    # The ripple of an envelope is proportional to it; slow drift of the
    # electrodes comes on top.
    ripple = 0.2 * smooth_noise(rng, len(pose), 4, 0.5, 4.0)
    drift = 0.1 * smooth_noise(rng, len(pose), 4, 0.01, 0.05)
    floor = _FLOOR * (1 + 0.3 * smooth_noise(rng, len(pose), 4, 0.5, 6.0))
    return np.maximum(
        smooth_steps(channels, 0.12) * np.exp(ripple + drift) + floor, 4e-4
    )


def _rate(degrees):
    return np.gradient(degrees) * FRAME_RATE


def _lift(flex, abduct):
    """How far an arm is raised: 0 hanging, 1 horizontal or higher."""
    return np.clip(np.hypot(flex, np.maximum(abduct - 12, 0)) - 15, 0, 75) / 75


def _steps(pose):
    """Bursts of the lower back at the loading of each leg, right and left."""
    left = pose[:, DOF["left_thigh_flex"]]
    right = pose[:, DOF["right_thigh_flex"]]
    apart = smooth_steps((left - right) / 40, 0.1)
    walking = smooth_steps(
        (np.abs(pose[:, DOF["thorax_twist"]]) > 1.5).astype(float), 0.8
    )
    walking = walking * (np.abs(left + right) < 75)
    return (
        walking * np.clip(apart, 0, 1),
        walking * np.clip(-apart, 0, 1),
    )
