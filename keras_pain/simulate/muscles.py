"""sEMG envelopes that follow what the body carries.

Lower back: the load of the leaning trunk, the effort of straightening up, the
steps of walking. Healthy lumbar muscles fall silent in full flexion, where
ligaments take over (flexion-relaxation); in chronic low-back pain they do
not, and their resting activity is raised (Geisser et al., J. Pain 6(11),
2005; Colloca and Hinrichs, JMPT 28(8), 2005). Upper trapezius: raised arms
and shoulders, and the tension of guarding.
"""

import numpy as np

from keras_pain.corpora.emopain.layout import FRAME_RATE
from keras_pain.simulate.body import DOF, SIDES
from keras_pain.simulate.motion import smooth_noise, smooth_steps, strength_of
from keras_pain.simulate.movers import Person

# Activity in the unit of the recordings; typical values are 0.01 to 0.1.
_REST = np.array([0.010, 0.010, 0.011, 0.011])
_GUARD = np.array([0.015, 0.015, 0.019, 0.019])
_LOAD, _EFFORT, _ARM = 0.036, 0.018, 0.025
_FLOOR = 0.0015
# Lumbar flexion, as a share of the person's own, at which the muscles start
# to fall silent.
_SILENT_FROM = 0.72
_FULL_LUMBAR_FLEXION = 42.0


def envelopes(
    person: Person,
    difficulty: str,
    pose: np.ndarray,
    strengths: np.ndarray,
    rng,
) -> np.ndarray:
    """sEMG envelopes of a recording, `(T, 4)` float64.

    These are lumbar right and left, upper trapezius right and left. The
    difficulty `"D"` adds hand weights to `"N"`; poses are `(T, len(DOFS))`,
    strengths of behaviours `(T, 7)`.
    """

    def of(name):
        return pose[:, DOF[name]]

    def raised(side):
        """How far an arm is raised: 0 hanging, 1 horizontal or higher."""
        out = np.maximum(of(f"{side}_arm_abduct") - 12, 0)
        return np.clip(np.hypot(of(f"{side}_arm_flex"), out) - 15, 0, 75) / 75

    def rate(degrees):
        return np.gradient(degrees) * FRAME_RATE

    weight = 1.18 if difficulty == "D" else 1.0
    guard = strength_of("guarding_stiffness", strengths, 0.5)
    jerk = strength_of("jerky_motion", strengths, 0.3)
    lean = of("pelvis_pitch") + 0.6 * of("lumbar_flex")
    straightening = np.clip(-rate(lean), 0, 80) / 80
    knees = (-rate(of(f"{side}_knee")) for side in SIDES)
    extending = sum(np.clip(knee, 0, 120) / 240 for knee in knees)
    load = np.clip(np.sin(np.deg2rad(np.clip(lean, 0, 110))), 0, 1)
    load = weight * (load + 0.18 * sum(map(raised, SIDES)))
    # Only a bend that goes down relaxes: leaning with a straight back does
    # not, which is why guarding keeps the muscles at work.
    full = _FULL_LUMBAR_FLEXION * person.reach
    share = (of("lumbar_flex") - person.carriage["lumbar_flex"]) / full
    deep = 1 / (1 + np.exp(-np.clip((share - _SILENT_FROM) / 0.055, -30, 30)))
    silence = 1 - person.relaxation * smooth_steps(deep, 0.2)
    # Bursts of the lower back at the loading of each leg.
    left, right = of("left_thigh_flex"), of("right_thigh_flex")
    apart = smooth_steps((left - right) / 40, 0.1)
    walks = (np.abs(of("thorax_twist")) > 1.5).astype(float)
    walks = smooth_steps(walks, 0.8) * (np.abs(left + right) < 75)

    channels = np.zeros((len(pose), 4))
    for index, side in enumerate(("right", "left")):
        out = SIDES[side]
        tilt = of("lumbar_side") + of("pelvis_roll")
        tilt = np.clip(1 + 0.03 * out * tilt, 0.5, 1.6)
        back = _LOAD * load * silence * tilt
        back = back + _EFFORT * (straightening + extending)
        bursts = walks * np.clip(-out * apart, 0, 1)
        channels[:, index] = back + 0.012 * bursts
        shrug = np.clip(of(f"{side}_shrug"), 0, 20) / 20
        held = of(f"{side}_on_thigh") + of(f"{side}_on_chair")
        channels[:, 2 + index] = _ARM * weight * raised(side) + 0.02 * shrug
        channels[:, 2 + index] += 0.008 * np.clip(held, 0, 1)
    channels += _GUARD * guard[:, None] + 0.02 * jerk[:, None]
    channels += _REST * person.muscle_rest
    channels *= person.muscle_gain
    # The ripple of an envelope is proportional to it; slow drift of the
    # electrodes comes on top.
    ripple = 0.2 * smooth_noise(rng, len(pose), 4, 0.5, 4.0)
    drift = 0.1 * smooth_noise(rng, len(pose), 4, 0.01, 0.05)
    floor = _FLOOR * (1 + 0.3 * smooth_noise(rng, len(pose), 4, 0.5, 6.0))
    channels = smooth_steps(channels, 0.12) * np.exp(ripple + drift) + floor
    return np.maximum(channels, 4e-4)
