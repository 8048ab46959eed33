"""The order of the exercises in a recording, and what lies between them.

The activity columns of the full release tell which exercises there are and
how often; their order differs from person to person. Between two exercises
people shift their weight, look around, and listen: "other".
"""

import numpy as np

from keras_pain.corpora.emopain.layout import FRAME_RATE, Fame
from keras_pain.corpora.emopain.simulation import activities, seat
from keras_pain.corpora.emopain.simulation.gait import walking
from keras_pain.corpora.emopain.simulation.people import Person
from keras_pain.corpora.emopain.simulation.performer import Performer
from keras_pain.corpora.emopain.simulation.pose import DOF
from keras_pain.corpora.emopain.simulation.score import Score

# 1-based activity column of the full release, by its printed name.
COLUMN = {
    name: index + 1 for index, (name, _) in enumerate(Fame.activity_columns)
}
_KIND = dict(Fame.activity_columns)
# Nominal seconds of an exercise, and of the pause after it.
_SECONDS = {
    "one_leg_stand": 6.5,
    "reach_forward": 9.5,
    "bend": 9.0,
    "sit_to_stand": 5.5,
    "stand_to_sit": 5.5,
    "sitting_still": 22.0,
    "standing_still": 20.0,
    "walking": 24.0,
    "other": 4.4,
}
_FULL = (
    ("Standing Still",),
    ("One Leg Stand 1", "One Leg Stand 2", "One Leg Stand 3"),
    ("One Leg Stand 4", "One Leg Stand 5", "One Leg Stand 6"),
    ("Reach Forward 1", "Reach Forward 2"),
    ("Bend 1",),
    ("Bend 2",),
    ("Other Major: Bend to pick up",),
    ("Walk",),
    (
        "Stand to Sit Instructed 1",
        "Sit to Stand Instructed 1",
        "Stand to Sit Instructed 2",
        "Sit to Stand Instructed 2",
    ),
    (
        "Stand to Sit Instructed 3",
        "Sit to Stand Instructed 3",
        "Stand to Sit Instructed 4",
        "Sit to Stand Instructed 4",
    ),
    (
        "Stand to Sit Not Instructed",
        "Sitting Still",
        "Sit to Stand Not Instructed",
    ),
)
# Enough of everything for a recording of a minute and a half.
_SMALL = (
    ("Standing Still",),
    ("One Leg Stand 1",),
    ("Reach Forward 1",),
    ("Bend 1",),
    ("Other Major: Bend to pick up",),
    ("Walk",),
    ("Stand to Sit Instructed 1", "Sitting Still", "Sit to Stand Instructed 1"),
)
PROTOCOLS = {"full": _FULL, "small": _SMALL}
_SMALL_STILL = 0.45
# Chance of a pause between two exercises of a block.
_PAUSE_WITHIN = 0.25


def perform_protocol(
    person: Person,
    difficulty: str,
    frames: int,
    scale: str,
    rng: np.random.Generator,
) -> Score:
    """A whole recording as a score.

    Args:
        person: Who performs.
        difficulty: `"N"` or `"D"`.
        frames: Length to aim at; movements that need more time take it.
        scale: `"small"` or `"full"`: which exercises there are.
        rng: Source of randomness.

    Returns:
        The finished score.
    """
    performer = Performer(person, difficulty, rng)
    blocks = [PROTOCOLS[scale][i] for i in _order(len(PROTOCOLS[scale]), rng)]
    pause = _SECONDS["other"] * (0.5 if scale == "small" else 1.0)
    names = [name for block in blocks for name in block]
    planned = sum(_nominal(_KIND[name], scale) for name in names)
    planned += (len(blocks) + 1) * pause
    # Leave a sixth for movements that take longer than planned.
    stretch = 0.83 * frames / FRAME_RATE / planned
    _between(performer, 1.5)
    for block in blocks:
        for name in block:
            seconds = _nominal(_KIND[name], scale) * stretch
            seconds *= rng.uniform(0.85, 1.15)
            _exercise(performer, name, seconds)
            if name != block[-1] and rng.random() < _PAUSE_WITHIN:
                _between(performer, rng.uniform(1.0, 3.0))
        _between(performer, pause * rng.uniform(0.5, 1.5))
    left = (frames - performer.score.frames) / FRAME_RATE
    _between(performer, max(left, 1.0))
    return performer.score


def _order(blocks, rng):
    """A personal order that starts with standing still."""
    return [0, *(1 + rng.permutation(blocks - 1)).tolist()]


def _nominal(kind, scale):
    still = kind in ("sitting_still", "standing_still", "walking")
    factor = _SMALL_STILL if still and scale == "small" else 1.0
    return factor * _SECONDS[kind]


def _exercise(performer, name, seconds):
    kind, column = _KIND[name], COLUMN[name]
    if kind == "one_leg_stand":
        side = "left" if column % 2 else "right"
        activities.one_leg_stand(performer, seconds, column, side)
        return
    perform = {
        "reach_forward": activities.reach_forward,
        "bend": activities.bend,
        "sitting_still": activities.sitting_still,
        "standing_still": activities.standing_still,
        "sit_to_stand": seat.sit_to_stand,
        "stand_to_sit": seat.stand_to_sit,
        "walking": walking,
    }[kind]
    perform(performer, seconds, column)


def _between(performer, seconds):
    """Fidgets in the posture reached, rubbing the back if it hurts."""
    first = performer.begin("other")
    score, rng = performer.score, performer.rng
    sits = score.pose[DOF["left_knee"]] > 60
    posture = performer.sitting if sits else performer.standing
    performer.rub()
    frames = round(seconds * FRAME_RATE)
    while score.frames - first < frames:
        left = (frames - (score.frames - first)) / FRAME_RATE
        shift = rng.normal(0, 1 - 0.6 * performer.style.guarding_stiffness, 5)
        score.move(
            max(0.5, min(rng.uniform(0.7, 1.5), left)),
            {
                "lumbar_side": posture["lumbar_side"] + 2.5 * shift[0],
                "pelvis_pitch": posture["pelvis_pitch"] + 2.0 * shift[1],
                "neck_twist": 16 * shift[2],
                "arm_flex": posture["arm_flex"] + 6 * shift[3],
                "elbow": posture["elbow"] + 8 * abs(shift[4]),
            },
        )
        score.hold(min(rng.uniform(0.2, 2.5), left / 2))
    names = ("lumbar_side", "pelvis_pitch", "arm_flex", "elbow")
    score.move(
        0.5, {**{name: posture[name] for name in names}, "neck_twist": 0.0}
    )
    performer.end("other", first)
