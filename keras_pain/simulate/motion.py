"""What the participants do: exercises, walking, their order, and sway.

An exercise lasts about `seconds`: the movement takes the time that the
person's tempo and behaviours give it, what is left is spent in the end
posture. The activity columns of the full release tell which exercises there
are and how often; their order differs from person to person. Between two
exercises people shift their weight, look around, and listen: "other".
"""

from math import tau

import numpy as np
import scipy.fft

from keras_pain.corpora.emopain.layout import BEHAVIOURS, FRAME_RATE, Fame
from keras_pain.simulate import rows_of
from keras_pain.simulate.body import CONTACTS, DOF, SIDES, columns_of
from keras_pain.simulate.movers import Mover, Person, minimum_jerk

_KIND = dict(Fame.activity_columns)
# 1-based activity column of the full release, by its printed name.
COLUMN = {name: number for number, name in enumerate(_KIND, start=1)}
# Exercises in blocks.
_BLOCKS = {
    "full": """
    Standing Still;
    One Leg Stand 1, One Leg Stand 2, One Leg Stand 3;
    One Leg Stand 4, One Leg Stand 5, One Leg Stand 6;
    Reach Forward 1, Reach Forward 2;
    Bend 1;
    Bend 2;
    Other Major: Bend to pick up;
    Walk;
    Stand to Sit Instructed 1, Sit to Stand Instructed 1,
        Stand to Sit Instructed 2, Sit to Stand Instructed 2;
    Stand to Sit Instructed 3, Sit to Stand Instructed 3,
        Stand to Sit Instructed 4, Sit to Stand Instructed 4;
    Stand to Sit Not Instructed, Sitting Still, Sit to Stand Not Instructed
    """,
    # Enough of everything for a recording of a minute and a half.
    "small": """
    Standing Still; One Leg Stand 1; Reach Forward 1; Bend 1;
    Other Major: Bend to pick up; Walk;
    Stand to Sit Instructed 1, Sitting Still, Sit to Stand Instructed 1
    """,
}
_SMALL_STILL = 0.45
_PAUSE = 4.4  # seconds after a block
# Chance of a pause between two exercises of a block.
_PAUSE_WITHIN = 0.25
_TURN_SECONDS = 2.0
_FREE_HANDS = " on_thigh=0 on_chair=0"
_UPRIGHT = (
    "pelvis_pitch+0 lumbar_flex+0 thorax_flex+0 neck_flex+0 thigh_flex+0 knee+0"
)
# Standard deviation of natural sway in degrees, by degree of freedom.
_SWAY = """
pelvis_pitch 0.7; pelvis_roll 0.4; lumbar_flex 0.6; lumbar_side 0.6
lumbar_twist 0.5; thorax_flex 0.7; thorax_twist 0.7; neck_flex 1.2
neck_side 0.8; neck_twist 1.6; head_flex 1.0; thigh_flex 0.5; knee 0.7
shrug 0.6; arm_flex 1.3; arm_abduct 0.9; elbow 1.6
"""


def move_through_exercises(
    person: Person, difficulty: str, scale: str, rng
) -> Mover:
    """Moves a person through a recording, of `person.frames` if they suffice.

    Difficulty is `"N"` or `"D"`; the scale, `"small"` or `"full"`, tells which
    exercises there are.
    """
    mover, frames = Mover(person, difficulty, rng), person.frames[difficulty]
    blocks = [block.split(",") for block in _BLOCKS[scale].split(";")]
    blocks = [[name.strip() for name in block] for block in blocks]
    small = scale == "small"
    # A personal order that starts with standing still.
    order = [0, *(1 + rng.permutation(len(blocks) - 1)).tolist()]

    def nominal(name):
        kind = _KIND[name]
        still = kind in ("sitting_still", "standing_still", "walking")
        return _EXERCISES[kind][1] * (_SMALL_STILL if still and small else 1)

    pause = _PAUSE / 2 if small else _PAUSE
    planned = sum(nominal(name) for number in order for name in blocks[number])
    planned += (len(blocks) + 1) * pause
    # Leave a sixth for movements that take longer than planned.
    stretch = 0.83 * frames / FRAME_RATE / planned
    _fidget(mover, 1.5)
    for number in order:
        block = blocks[number]
        for name in block:
            seconds = nominal(name) * stretch * rng.uniform(0.85, 1.15)
            exercise, _, wait = _EXERCISES[_KIND[name]]
            mover.begin(_KIND[name], COLUMN[name], wait)
            exercise(mover, seconds)
            if exercise is not _walk:
                mover.rest(seconds)
            mover.end()
            if name != block[-1] and rng.random() < _PAUSE_WITHIN:
                _fidget(mover, rng.uniform(1.0, 3.0))
        _fidget(mover, pause * rng.uniform(0.5, 1.5))
    _fidget(mover, max((frames - mover.frames) / FRAME_RATE, 1.0))
    return mover


# How far people shift about as they wait, and as they keep still, degrees.
_FIDGETS = "lumbar_side 2.5; pelvis_pitch 2; neck_twist 16; arm_flex 6; elbow 8"
_SHIFTS = "lumbar_flex 2.5; lumbar_side 2; neck_twist 12; arm_flex 3"


def _about(posture, sizes, draws):
    return {
        name: posture.get(name, 0.0) + float(size) * draw
        for (name, size), draw in zip(rows_of(sizes), draws, strict=True)
    }


def _fidget(mover, seconds):
    """Shifts about in the posture reached, rubbing the back if it hurts."""
    mover.begin("other")
    rng, posture = mover.rng, mover.posture
    mover.rub()
    stop = mover.first + round(seconds * FRAME_RATE)
    while mover.frames < stop:
        left = (stop - mover.frames) / FRAME_RATE
        shift = rng.normal(0, 1 - 0.6 * mover.guarding, 5)
        shift[4] = abs(shift[4])
        targets = _about(posture, _FIDGETS, shift)
        mover.go(max(0.5, min(rng.uniform(0.7, 1.5), left)), targets)
        mover.hold(min(rng.uniform(0.2, 2.5), left / 2))
    mover.go(0.5, _about(posture, _FIDGETS, np.zeros(5)))
    mover.end()


def _keep_still(mover, seconds):
    """Shifts the weight now and then; some lean on the chair or a thigh."""
    rng, posture = mover.rng, mover.posture
    mover.hold(rng.uniform(0.5, 1.5))
    sits = posture is mover.sitting
    brace = mover.support("on_chair" if sits else "on_thigh")
    if brace:
        start = mover.frames
        mover.go(1.0, brace | mover.aim("lumbar_side+4", posture))
        mover.hold(min(0.45 * seconds, rng.uniform(3, 7)))
        mover.mark("support_bracing", start)
        mover.go(1.0, mover.aim("lumbar_side+0" + _FREE_HANDS, posture))
    mover.rub()
    while mover.frames - mover.first < (seconds - 3) * 60:
        shift = rng.normal(0, 1 - 0.7 * mover.guarding, 4)
        mover.go(rng.uniform(0.8, 1.6), _about(posture, _SHIFTS, shift))
        mover.hold(min(rng.uniform(1.5, 5), seconds))
    mover.go(0.8, _about(posture, _SHIFTS, np.zeros(4)))


# In the exercises the order of the targets matters: a jerky movement draws
# random numbers for one after the other.


def _one_leg_stand(mover, seconds):
    """Lifts one foot, balances, and puts it down."""
    side = "left" if mover.column % 2 else "right"
    out, legs = SIDES[side], f"{side}_thigh_flex{{}} {side}_knee{{}} "
    lift = legs.format("=48r", "=82r") + f"{side}_foot_pitch=-22r pelvis_roll="
    lift += f"{4 * out}r lumbar_side{-4 * out:+} arm_abduct+9r wobble=2.6"
    mover.move(1.0, mover.aim(lift) | mover.support("on_thigh"))
    mover.hold(max(mover.left(seconds) - mover.duration(1.2), 1.0))
    drop = legs.format("+0", "+0") + f"{side}_foot_pitch=0 pelvis_roll=0 "
    drop += "lumbar_side+0 arm_abduct+0 wobble=1" + _FREE_HANDS
    mover.move(0.9, mover.aim(drop))
    mover.mark("support_bracing")


def _reach_forward(mover, seconds):
    """Stretches both arms forward at shoulder height as far as it goes."""
    arms = mover.aim("arm_flex=84 elbow=10 arm_abduct=3 shrug=5")
    mover.go(mover.duration(0.9), arms | mover.support("on_thigh"))
    lean = "pelvis_pitch+34r lumbar_flex+15r thorax_flex+9r neck_flex-26r "
    lean += f"arm_flex={78 + 12 * mover.reach} thigh_flex+7r wobble=1.4"
    mover.move(1.4, mover.aim(lean))
    mover.hold(mover.rng.uniform(0.8, 1.8))
    mover.move(1.3, mover.aim(_UPRIGHT), {"neck_flex": -0.2})
    arms = "arm_flex+0 elbow+0 arm_abduct+0 shrug=0 wobble=1" + _FREE_HANDS
    mover.go(mover.duration(0.9), mover.aim(arms))
    mover.mark("support_bracing")
    mover.rub()


def _bend(mover, seconds):
    """Bends down towards the floor and comes up again.

    A guarded bend keeps the back straight and lowers the body by the knees.
    """
    brace = mover.support("on_thigh")
    knee = mover.standing["knee"] + 12 + 40 * mover.guarding
    down = "pelvis_pitch+50r lumbar_flex+42r thorax_flex+16r neck_flex-8r "
    down += f"thigh_flex={10 + 0.55 * knee} knee={knee} "
    down += "arm_flex=12 elbow=11 arm_abduct=4 wobble=1.3"
    delays = {"pelvis_pitch": -0.12, "lumbar_flex": 0.12, "knee": 0.15}
    mover.move(1.6, mover.aim(down) | brace, delays)
    mover.hold(mover.rng.uniform(0.5, 1.2))
    up = mover.aim(_UPRIGHT + " arm_flex+0 elbow+0 arm_abduct+0 wobble=1")
    mover.move(1.6, up, {"lumbar_flex": -0.15, "pelvis_pitch": 0.1})
    mover.mark("support_bracing")
    if brace:
        mover.go(mover.duration(0.6), mover.aim(_FREE_HANDS))
    mover.rub()


def _sit_to_stand(mover, seconds):
    """Leans forward, rises over the feet, and straightens.

    A guarded rise keeps the trunk upright and takes its time; a braced one
    pushes off the chair or the thighs.
    """
    chair = mover.rng.random() < 0.5
    brace = mover.support("on_chair" if chair else "on_thigh")
    lean = "pelvis_pitch+34r lumbar_flex+6r neck_flex-14r"
    lean = mover.aim(lean + " knee=101 arm_flex=30 elbow=40", mover.sitting)
    mover.move(0.8, lean | brace, {"knee": 0.1})
    delays = {"pelvis_pitch": 0.2, "lumbar_flex": 0.15, "neck_flex": 0.1}
    release = dict.fromkeys(brace, 0.0) if chair else {}
    delays |= dict.fromkeys(release, -0.55)  # hands leave it as the body rises
    mover.move(1.15, mover.standing | release, delays)
    mover.mark("support_bracing")
    if brace:
        mover.go(0.6, mover.aim(_FREE_HANDS))
    mover.rub()


def _stand_to_sit(mover, seconds):
    """Leans forward, lowers the body onto the chair, and sits back."""
    where = "on_chair" if mover.rng.random() < 0.5 else "on_thigh"
    lean, seat = "pelvis_pitch+36r lumbar_flex+10r neck_flex-12r", mover.sitting
    lean += " thigh_flex={thigh_flex} thigh_abduct={thigh_abduct}"
    lean = mover.aim(lean.format(**seat) + " knee=99 arm_flex=32 elbow=38")
    mover.move(1.35, lean | mover.support(where), {"pelvis_pitch": -0.15})
    mover.move(0.9, seat | mover.aim(_FREE_HANDS))
    mover.mark("support_bracing")


def _walk(mover, seconds):
    """Walks up and down, starting and ending upright.

    Joint courses over a stride follow normative gait curves in their main
    features (Perry, Gait Analysis): hip +30 to -10 degrees, a small knee
    flexion at loading and 60 degrees in swing, heel strike and push-off at the
    ankle.
    """
    seconds = max(seconds - 0.8, 4.0)
    person, rng, limp = mover.person, mover.rng, mover.strengths["limping"]
    frames = round(seconds * FRAME_RATE)
    time = np.arange(frames) / FRAME_RATE
    ramp = minimum_jerk(np.minimum(time, seconds - time) / 0.9)
    rate = person.cadence * (1 - 0.3 * mover.guarding - 0.15 * limp)
    rate *= 1 + 0.02 * np.cumsum(rng.normal(0, 1, frames)) / FRAME_RATE
    cycle = np.cumsum(rate) / FRAME_RATE + rng.uniform(0, 1)
    # Guarding shortens the stride less than it does a bend.
    stride = (0.4 + 0.6 * mover.reach) * (1 - 0.25 * limp) * ramp
    block = mover.repeated(frames)

    def add(name, values):
        block[:, DOF[name]] += values

    def bump(own, centre, width):
        """A bump around a share of the stride, periodic."""
        return np.exp(-0.5 * (((own - centre + 0.5) % 1 - 0.5) / width) ** 2)

    for side, out in SIDES.items():
        own = cycle + (0.0 if side == "left" else 0.5)
        sore = side == person.sore_side
        # A limp hurries over the sore leg and spares its knee.
        if limp:
            own = own + (0.055 if sore else -0.055) * limp * np.sin(tau * own)
        weak = 1 - 0.45 * limp * sore
        swing = 3 + 22 * np.cos(tau * (own + 0.05))
        knee = 13 * weak * bump(own, 0.14, 0.065)
        knee = knee + 56 * weak * bump(own, 0.73, 0.085)
        foot = 17 * bump(own, 0.99, 0.05) - 42 * bump(own, 0.63, 0.075)
        add(f"{side}_thigh_flex", stride * weak * swing)
        add(f"{side}_knee", stride * knee)
        add(f"{side}_foot_pitch", stride * weak * foot)
        arm = -(15 - 9 * mover.guarding) * np.cos(tau * own)
        add(f"{side}_arm_flex", stride * arm)
        add(f"{side}_elbow", stride * (8 - 0.4 * arm))
        # The trunk falls over the sore leg while it carries.
        if sore:
            lift = -out * 11 * limp * bump(own, 0.25, 0.13) * ramp
    wave = np.cos(tau * cycle)
    add("pelvis_roll", stride * 2.5 * np.sin(tau * cycle))
    add("thorax_twist", stride * 5 * wave)
    add("lumbar_twist", -stride * 3 * wave)
    add("lumbar_side", lift)
    add("thorax_side", 0.5 * lift)
    add("pelvis_pitch", 2 * ramp * (1 + limp))
    # Half turns every few seconds, away from start and end.
    start = rng.uniform(3.5, 5.0)
    while start + _TURN_SECONDS + 1.5 < seconds:
        way = 180 if rng.random() < 0.5 else -180
        add("yaw", way * minimum_jerk((time - start) / _TURN_SECONDS))
        start += _TURN_SECONDS + rng.uniform(4.0, 6.0)
    mover.add(block)
    level = mover.aim("pelvis_roll=0 thorax_twist=0 foot_pitch=0")
    mover.go(0.5, mover.standing | level)


# With their nominal seconds, and how many pass before anything happens.
_EXERCISES = {
    "one_leg_stand": (_one_leg_stand, 6.5, 0.4),
    "reach_forward": (_reach_forward, 9.5, 0.4),
    "bend": (_bend, 9.0, 0.4),
    "sit_to_stand": (_sit_to_stand, 5.5, 0.4),
    "stand_to_sit": (_stand_to_sit, 5.5, 0.4),
    "sitting_still": (_keep_still, 22.0, 0.0),
    "standing_still": (_keep_still, 20.0, 0.0),
    "walking": (_walk, 24.0, 0.3),
}


def add_sway(
    pose: np.ndarray, strengths: np.ndarray, person: Person, rng
) -> None:
    """Adds what nobody plans to `(T, len(DOFS))` poses, in place.

    That is sway, breath, tension and tremor; `strengths` is `(T, 7)`.
    """
    guard = strength_of("guarding_stiffness", strengths, 0.6)
    jerk = strength_of("jerky_motion", strengths, 0.2)
    frames = len(pose)
    columns, sizes = [], []
    for name, size in rows_of(_SWAY):
        columns += columns_of(name)
        sizes += [float(size)] * len(columns_of(name))
    loose = person.sway * (1 - 0.55 * guard) * pose[:, DOF["wobble"]]
    sway = smooth_noise(rng, frames, len(columns), 0.08, 0.7)
    shake = smooth_noise(rng, frames, len(columns), 3.0, 8.0)
    sway = sway * loose[:, None] + shake * (0.05 + 1.1 * jerk[:, None])
    pose[:, columns] += sway * np.array(sizes)

    breath = np.cumsum(0.25 + 0.03 * smooth_noise(rng, frames, 1, 0.02, 0.1))
    breath = np.sin(tau * breath / 60)
    pose[:, DOF["thorax_flex"]] -= 0.5 * breath * (1 - 0.5 * guard)
    pose[:, DOF["neck_flex"]] += 5 * guard
    # Joints do not bend backwards; contacts stay between 0 and 1.
    for name, more, *bounds in (
        ("shrug", 0.4 * breath + 7 * guard),
        ("elbow", 16 * guard, 6, 150),
        ("arm_abduct", 3 * guard),
        ("knee", 0 * guard, 0.5, np.inf),
        *((name, 0 * guard, 0, 1) for name in CONTACTS),
    ):
        columns = columns_of(name)
        pose[:, columns] += more[:, None]
        if bounds:
            pose[:, columns] = pose[:, columns].clip(*bounds)


def smooth_noise(
    rng, frames: int, columns: int, low: float, high: float
) -> np.ndarray:
    """Gaussian noise, `(frames, columns)`, between two frequencies in Hz.

    Its standard deviation is about 1.
    """
    # Padded by two seconds, as the transform is periodic: without it the last
    # frame would continue in the first one.
    size = scipy.fft.next_fast_len(frames + 2 * int(FRAME_RATE), real=True)
    spectrum = scipy.fft.rfft(rng.standard_normal((size, columns)), axis=0)
    frequency = scipy.fft.rfftfreq(size, 1 / FRAME_RATE)
    band = 1 / np.sqrt(1 + (frequency / high) ** 8)
    band *= (frequency / (frequency + low)) ** 2
    gain = np.sqrt(np.mean(band**2))
    curves = scipy.fft.irfft(spectrum * band[:, None], size, axis=0)
    return curves[:frames] / gain


def smooth_steps(track: np.ndarray, seconds: float) -> np.ndarray:
    """Two passes of a moving average over a `(T,)` or `(T, K)` track."""
    width = max(1, round(seconds * FRAME_RATE) | 1)
    half = width // 2
    edges = [(half + 1, half)] + [(0, 0)] * (track.ndim - 1)
    for _ in range(2):
        total = np.cumsum(np.pad(track, edges, "edge"), axis=0)
        track = (total[width:] - total[:-width]) / width
    return track


def strength_of(
    behaviour: str, strengths: np.ndarray, seconds: float
) -> np.ndarray:
    """Smoothed strength `(T,)` of one behaviour, from the `(T, 7)` of all."""
    return smooth_steps(strengths[:, BEHAVIOURS.index(behaviour)], seconds)
