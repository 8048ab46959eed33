"""Who is simulated, what they feel in each sequence, and what their faces do.

How much of what is seen and what is felt belong together is made up; that most
frames show nothing (PSPI 0) and most reports are low is as in the archive.
"""

import dataclasses

import numpy as np

from keras_pain.corpora.faces.curves import (
    draw_expression,
    intensity_curve,
    pspi,
)
from keras_pain.corpora.faces.landmarks import MAX_INTENSITY
from keras_pain.corpora.unbc_mcmaster import layout as facts

_MOVEMENTS = ("aa", "af", "ae", "ai")
_SIDES = ("aff", "unaff")
_VAS_MAX = facts.SCALES["vas"][1]


@dataclasses.dataclass(frozen=True)
class Person:
    """A patient.

    Args:
        name: One of `layout.SUBJECTS`.
        seed: Of the face and of all that the person does.
        bias: How much more than others the person reports, VAS points.
    """

    name: str
    seed: int
    bias: float


@dataclasses.dataclass(frozen=True)
class Performance:
    """A sequence of T frames.

    Args:
        name: Of the sequence.
        units: `(T,)` by action unit, as shown: 0 to 5; 43 from 0 to 1.
        coded: The same as a coder writes them down: whole numbers, no blinks.
        shift: `(T, 2)`, of the head, as shares of the picture's size.
        roll: `(T,)`, degrees.
        scales: The four reports of the sequence.
    """

    name: str
    units: dict[int, np.ndarray]
    coded: dict[int, np.ndarray]
    shift: np.ndarray
    roll: np.ndarray
    scales: dict[str, float]

    @property
    def pspi(self) -> np.ndarray:
        """`(T,)`, of the coded units."""
        return pspi(self.coded)


def cast(subjects: int, seed: int) -> list[Person]:
    """People in the order of their number.

    Args:
        subjects: How many, 1 to 25; a smaller cast is part of a larger one.
        seed: Same seed, same people.
    """
    rng = np.random.default_rng((seed, 0x0BC))
    names = rng.permutation(facts.SUBJECTS)[:subjects].tolist()
    people = []
    for name in sorted(names):
        own = np.random.default_rng((seed, facts.SUBJECTS.index(name)))
        bias = float(np.clip(own.normal(0, 0.4), -0.8, 0.8))
        people.append(Person(name, int(own.integers(2**31)), bias))
    return people


def sequence_names(person: Person, count: int) -> list[str]:
    """Names of a person's sequences: tests of both arms, active and passive."""
    code = person.name.partition("-")[2]
    names = [
        f"{code}t{test}{movement}{side}"
        for movement in _MOVEMENTS
        for test in (1, 2)
        for side in _SIDES
    ]
    rng = np.random.default_rng((person.seed, 1))
    return sorted(rng.permutation(names)[:count].tolist())


def felt(person: Person, count: int) -> np.ndarray:
    """Pain of a person's sequences, `(count,)`, 0 to 1, two fifths of it 0.

    The others are spread over the scale, so that a few people already cover
    it; in the archive high values are rarer.
    """
    rng = np.random.default_rng((person.seed, 2))
    painful = int(np.ceil(0.6 * count))
    spread = (np.arange(painful) + rng.uniform(0, 1, painful)) / painful
    pain = np.concatenate([0.1 + 0.9 * spread, np.zeros(count - painful)])
    return rng.permutation(pain)


def perform(person: Person, name: str, pain: float, frames: int) -> Performance:
    """One sequence.

    Args:
        person: Who.
        name: Of the sequence.
        pain: 0 to 1.
        frames: T.
    """
    rng = np.random.default_rng([person.seed, *name.encode()])
    onset = rng.uniform(0.15, 0.4)
    apex = onset + rng.uniform(0.08, 0.12)
    release = apex + 0.05 + 0.15 * pain
    curve = intensity_curve(
        frames,
        pain,
        onset=onset,
        apex=apex,
        release=release,
        offset=release + 0.12,
    )
    units = draw_expression(person.seed).units(curve)
    units[12] = np.maximum(units[12], _passing_smile(frames, rng))
    coded = {
        unit: np.round(values) if MAX_INTENSITY[unit] > 1 else values >= 0.5
        for unit, values in units.items()
    }
    units[43] = np.maximum(units[43], _blinks(frames, rng))
    sway = 1 + pain
    drift = np.stack([_drift(frames, rng) for _ in range(3)], axis=-1)
    return Performance(
        name=name,
        units=units,
        coded={u: v.astype(np.float64) for u, v in coded.items()},
        shift=drift[:, :2] * (0.012 * sway),
        roll=drift[:, 2] * (1.5 * sway),
        scales=_reports(pain, person, rng),
    )


def _reports(pain, person, rng) -> dict[str, float]:
    """What the person and an observer say about the sequence."""

    def report(scale, bias, spread):
        low, high = facts.SCALES[scale]
        said = high * pain + bias + rng.normal(0, spread)
        return float(np.clip(np.round(said), low, high)) + 0.0  # no -0

    # Who feels nothing says so.
    bias = person.bias if pain > 0 else 0.0
    vas = report("vas", bias, 0.3)
    opr = report("opr", 0.0, 0.3)
    aff = report("aff", bias * 15 / _VAS_MAX, 1.0)
    sen = report("sen", bias * 15 / _VAS_MAX, 1.0)
    return {"vas": vas, "opr": opr, "aff": aff, "sen": sen}


def _passing_smile(frames, rng) -> np.ndarray:
    """In one sequence of six, in pain or not."""
    peak = rng.uniform(0.8, 2.5) * (rng.random() < 1 / 6)
    onset = rng.uniform(0, 0.7)
    return intensity_curve(
        frames,
        peak,
        onset=onset,
        apex=onset + 0.08,
        release=onset + 0.16,
        offset=onset + 0.25,
    )


def _blinks(frames, rng) -> np.ndarray:
    """Two frames shut, one half open; coders of pain leave blinks out."""
    closed = np.zeros(frames + 3)
    starts = np.flatnonzero(rng.random(frames) < 1 / 60)
    closed[starts] = closed[starts + 1] = 1.0
    closed[starts + 2] = np.maximum(closed[starts + 2], 0.5)
    return closed[:frames]


def _drift(frames, rng) -> np.ndarray:
    """Slow movement about 0, of standard deviation near 1."""
    time = np.arange(frames)
    periods = rng.uniform(25, 120, 3)
    phases = rng.uniform(0, 2 * np.pi, 3)
    waves = np.sin(2 * np.pi * time / periods[:, None] + phases[:, None])
    return waves.sum(axis=0) * np.sqrt(2 / 3)
