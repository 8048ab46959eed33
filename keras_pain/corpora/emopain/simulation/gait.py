"""Walking to and fro, and limping.

Joint courses over a stride follow normative gait curves in their main
features (Perry, Gait Analysis): hip +30 to -10 degrees, a small knee flexion
at loading and 60 degrees in swing, heel strike and push-off at the ankle.
"""

import numpy as np

from keras_pain.corpora.emopain.layout import FRAME_RATE
from keras_pain.corpora.emopain.simulation.performer import Performer
from keras_pain.corpora.emopain.simulation.pose import DOF, SIDES
from keras_pain.corpora.emopain.simulation.score import minimum_jerk

_TURN_SECONDS = 2.0


def _bump(cycle, centre, width):
    """A bump around a share of the stride, periodic."""
    distance = (cycle - centre + 0.5) % 1 - 0.5
    return np.exp(-0.5 * (distance / width) ** 2)


def walking(performer: Performer, seconds: float, column: int) -> None:
    """Walks up and down for about `seconds`, starting and ending upright."""
    first = performer.begin("walking")
    performer.score.hold(0.3)
    seconds = max(seconds - 0.8, 4.0)
    performer.score.add(_strides(performer, seconds))
    settle = {**performer.standing, "pelvis_roll": 0.0, "thorax_twist": 0.0}
    performer.score.move(0.5, {**settle, "foot_pitch": 0.0})
    performer.end("walking", first, column)


def _strides(performer, seconds):
    person, style, rng = performer.person, performer.style, performer.rng
    limp = style.limping
    frames = round(seconds * FRAME_RATE)
    time = np.arange(frames) / FRAME_RATE
    ramp = minimum_jerk(np.minimum(time, seconds - time) / 0.9)
    rate = person.cadence * (1 - 0.3 * style.guarding_stiffness - 0.15 * limp)
    rate *= 1 + 0.02 * np.cumsum(rng.normal(0, 1, frames)) / FRAME_RATE
    cycle = np.cumsum(rate) / FRAME_RATE + rng.uniform(0, 1)
    # Guarding shortens the stride less than it does a bend.
    stride = (0.4 + 0.6 * performer.reach) * (1 - 0.25 * limp) * ramp

    block = np.repeat(performer.score.pose[None], frames, axis=0)

    def add(name, values):
        block[:, DOF[name]] += values

    lift = np.zeros(frames)
    for side in SIDES:
        own = cycle + (0.0 if side == "left" else 0.5)
        sore = side == performer.sore
        # A limp hurries over the sore leg and spares its knee.
        if limp:
            own = own + (0.055 if sore else -0.055) * limp * np.sin(
                2 * np.pi * own
            )
        weak = 1 - 0.45 * limp * sore
        swing = 3 + 22 * np.cos(2 * np.pi * (own + 0.05))
        knee = 13 * weak * _bump(own, 0.14, 0.065)
        knee = knee + 56 * weak * _bump(own, 0.73, 0.085)
        foot = 17 * _bump(own, 0.99, 0.05) - 42 * _bump(own, 0.63, 0.075)
        add(f"{side}_thigh_flex", stride * weak * swing)
        add(f"{side}_knee", stride * knee)
        add(f"{side}_foot_pitch", stride * weak * foot)
        arm = -(15 - 9 * style.guarding_stiffness) * np.cos(2 * np.pi * own)
        add(f"{side}_arm_flex", stride * arm)
        add(f"{side}_elbow", stride * (8 - 0.4 * arm))
        # The trunk falls over the sore leg while it carries.
        if sore:
            out = 1 if side == "left" else -1
            lift = -out * 11 * limp * _bump(own, 0.25, 0.13) * ramp
    wave = np.cos(2 * np.pi * cycle)
    add("pelvis_roll", stride * 2.5 * np.sin(2 * np.pi * cycle))
    add("thorax_twist", stride * 5 * wave)
    add("lumbar_twist", -stride * 3 * wave)
    add("lumbar_side", lift)
    add("thorax_side", 0.5 * lift)
    add("pelvis_pitch", 2 * ramp * (1 + limp))
    add("yaw", _turns(seconds, time, rng))
    return block


def _turns(seconds, time, rng):
    """Half turns every few seconds, away from start and end."""
    yaw = np.zeros(len(time))
    start = rng.uniform(3.5, 5.0)
    while start + _TURN_SECONDS + 1.5 < seconds:
        way = 180 if rng.random() < 0.5 else -180
        yaw += way * minimum_jerk((time - start) / _TURN_SECONDS)
        start += _TURN_SECONDS + rng.uniform(4.0, 6.0)
    return yaw
