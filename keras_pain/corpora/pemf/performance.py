"""What simulated models' faces do in each of the four types of clip.

All numbers are made up: no distribution of the real clips is known here. The
types differ in course and in the units they are shown with, so that they can
be told apart: posed pain is there from the start and overdone; pressure grows
slowly and stays around brows and lids; a laser pulse startles and is over.
"""

import dataclasses

import numpy as np

from keras_pain.corpora.faces.curves import draw_expression, intensity_curve
from keras_pain.corpora.faces.landmarks import MAX_INTENSITY

_BLINK = 45


@dataclasses.dataclass(frozen=True)
class Course:
    """How pain of one type runs and looks.

    Args:
        peak: Lowest and highest apex, 0 to 1.
        onset: Earliest and latest begin of the rise, as a share of the clip.
        rise: Shortest and longest rise.
        hold: Shortest and longest apex.
        fall: Duration of the fall.
        factors: Action unit to how much stronger it is than in pain at large.
    """

    peak: tuple[float, float]
    onset: tuple[float, float]
    rise: tuple[float, float]
    hold: tuple[float, float]
    fall: float
    factors: dict[int, float] = dataclasses.field(default_factory=dict)


# In the order of `layout.KINDS`: neutral, posed, algometer, laser.
COURSES = (
    Course((0, 0), (0, 0.1), (0.2, 0.3), (0.2, 0.3), 0.3),
    Course(
        *((0.85, 1.0), (-0.1, 0.1), (0.2, 0.3), (1.0, 1.0), 0.5),
        factors={12: 1.3, 25: 1.4, 26: 1.8},
    ),
    Course(
        *((0.45, 0.85), (0.0, 0.15), (0.5, 0.7), (1.0, 1.0), 0.5),
        factors={9: 0.6, 10: 0.6, 12: 0.3, 25: 0.2, 26: 0.0},
    ),
    Course(
        *((0.5, 0.95), (0.1, 0.35), (0.05, 0.12), (0.1, 0.3), 0.4),
        factors={9: 1.3, 10: 1.2, 12: 0.5, 26: 0.6, 43: 1.3},
    ),
)


@dataclasses.dataclass(frozen=True)
class Performance:
    """What a face does in a clip of T frames.

    Args:
        units: `(T,)` by action unit, 0 to 5; 43 from 0 to 1.
        blinked: Whether the eyes closed for a moment without pain.
        shift: `(T, 2)`, right and down, as shares of the picture's size.
        roll: `(T,)`, degrees.
    """

    units: dict[int, np.ndarray]
    blinked: bool
    shift: np.ndarray
    roll: np.ndarray


def perform(person_seed: int, kind: int, frames: int) -> Performance:
    """One clip.

    Args:
        person_seed: Whose face.
        kind: Index into `layout.KINDS`.
        frames: T.
    """
    rng = np.random.default_rng([person_seed, 3, kind])
    course = COURSES[kind]
    onset = rng.uniform(*course.onset)
    apex = onset + rng.uniform(*course.rise)
    release = apex + rng.uniform(*course.hold)
    curve = intensity_curve(
        frames,
        rng.uniform(*course.peak),
        onset=onset,
        apex=apex,
        release=release,
        offset=release + course.fall,
    )
    units = draw_expression(person_seed).units(curve)
    # Nobody's face is quite still, and some look friendly at rest.
    units[12] = units[12] + rng.uniform(0, 0.8)
    for unit, values in units.items():
        values = values * course.factors.get(unit, 1.0)
        units[unit] = np.clip(values, 0, MAX_INTENSITY[unit])
    blinked = bool(rng.random() < 0.3)
    if blinked:
        first = int(rng.integers(max(1, frames - 2)))
        units[43][first : first + 2] = 1.0
    sway = rng.normal(0, 1, 3) * (1 + curve.max())
    course_of_head = np.sin(
        np.linspace(0, np.pi * rng.uniform(0.3, 1.2), frames)
    )
    return Performance(
        units=units,
        blinked=blinked,
        shift=0.01 * np.outer(course_of_head, sway[:2]),
        roll=1.5 * course_of_head * sway[2],
    )


def coders_votes(
    acted: Performance, units: tuple[int, ...], coders: int, seed: int
) -> list[int]:
    """How many coders would mark each unit: the stronger it was, the more.

    Args:
        acted: The clip.
        units: Action units of the sheet.
        coders: Their number.
        seed: Of the coders' doubts.

    Returns:
        One number a unit.
    """
    rng = np.random.default_rng([seed, 4])
    votes = []
    for unit in units:
        seen = np.max(acted.units.get(unit, 0.0)) / MAX_INTENSITY.get(unit, 5)
        if unit == _BLINK:
            seen = float(acted.blinked)
        votes.append(int(rng.binomial(coders, np.clip(1.6 * seen, 0, 0.95))))
    return votes
