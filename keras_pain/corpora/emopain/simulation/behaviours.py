"""Protective behaviour: who shows what, how strongly, in which activity.

Kinds and meaning follow Keefe and Block (Behavior Therapy 13, 1982) as
adapted by EmoPain (Aung et al., IEEE Trans. Affective Computing 7(4), 2016):
guarding or stiffness (slow, rigid, interrupted), hesitation (a stop within a
movement), support or bracing (a limb carries weight it need not carry),
abrupt or jerky motion, limping, rubbing. Fear of pain makes all of them more
frequent at the difficult variant of an exercise.

Strengths are continuous: most are mild, which is what raters disagree about.
"""

import dataclasses

import numpy as np

from keras_pain.corpora.emopain.simulation.people import HABITS, Person

# How readily an activity provokes each of `HABITS`; from what the literature
# reports as hard for people with low-back pain: bending and rising most,
# keeping still least.
_PROVOKES = {
    "one_leg_stand": (0.85, 0.30, 0.20, 0.35, 0.0, 0.05),
    "reach_forward": (0.95, 0.35, 0.25, 0.20, 0.0, 0.10),
    "bend": (1.15, 0.45, 0.50, 0.25, 0.0, 0.25),
    "sit_to_stand": (0.95, 0.40, 0.60, 0.30, 0.0, 0.10),
    "stand_to_sit": (0.90, 0.40, 0.55, 0.30, 0.0, 0.05),
    "sitting_still": (0.45, 0.0, 0.30, 0.0, 0.0, 0.30),
    "standing_still": (0.45, 0.0, 0.15, 0.0, 0.0, 0.30),
    "walking": (0.80, 0.15, 0.0, 0.0, 0.95, 0.10),
    "other": (0.35, 0.0, 0.05, 0.0, 0.0, 0.12),
}
_DIFFICULTY = {"N": 0.85, "D": 1.2}


@dataclasses.dataclass(frozen=True)
class Style:
    """How one activity is performed: the strength of each behaviour, 0 to 1."""

    guarding_stiffness: float = 0.0
    hesitation: float = 0.0
    support_bracing: float = 0.0
    jerky_motion: float = 0.0
    limping: float = 0.0
    rubbing_stimulation: float = 0.0


def reach_of(person: Person, style: Style) -> float:
    """Range of trunk movement: 1 is average, guarding takes up to 60 %."""
    return person.reach * (1 - 0.6 * style.guarding_stiffness)


def pace_of(person: Person, style: Style) -> float:
    """Speed of movement: 1 is average, guarding takes up to 55 %."""
    return person.tempo * (1 - 0.55 * style.guarding_stiffness)


def draw_style(
    person: Person,
    difficulty: str,
    activity: str,
    luck: float,
    rng: np.random.Generator,
) -> Style:
    """How a person performs one activity this time.

    Args:
        person: Who.
        difficulty: `"N"` or `"D"`.
        activity: One of the corpus' activity types.
        luck: Standard normal: how stiff this time, compared with the
            person's average.
        rng: Source of all other randomness.

    Returns:
        The strengths; nearly always zero for healthy people.
    """
    if person.group == "healthy":
        # People without pain also stiffen or pause now and then.
        guard = max(0.0, 0.08 * luck - 0.05)
        pause = 0.25 if rng.random() < 0.02 else 0.0
        return Style(guarding_stiffness=guard, hesitation=pause)
    drive = person.severity * _DIFFICULTY[difficulty]
    strengths = {}
    for index, name in enumerate(HABITS):
        weight = _PROVOKES[activity][index] * person.habits[index]
        if name == "guarding_stiffness":
            strength = 0.62 * drive * weight + 0.2 * luck
            strengths[name] = 0.0 if strength < 0.08 else min(strength, 1.0)
        elif rng.random() < 0.55 * drive * weight:
            strength = rng.normal(0.4 + 0.4 * drive, 0.2)
            strengths[name] = float(np.clip(strength, 0.15, 1))
    return Style(**{name: float(value) for name, value in strengths.items()})
