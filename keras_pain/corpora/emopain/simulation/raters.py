"""Four raters who watch the same person and do not agree.

Measured on the released recordings: the raters mark guarding on 4 %, 22 %,
10 % and 29 % of the patients' rows, rater 2 almost never uses the value 1,
and agreement is low (Wang et al., ACM HEALTH 2021: ICC .215 for a single
rater, .523 for the average of four).
"""

import dataclasses

import numpy as np

from keras_pain.corpora.emopain.layout import (
    BEHAVIOURS,
    FRAME_RATE,
    NUM_RATERS,
)

_GUARDING = BEHAVIOURS.index("guarding_stiffness")
_OTHER = BEHAVIOURS.index("other")


@dataclasses.dataclass(frozen=True)
class Rater:
    """One rater.

    Args:
        guarding: Strength of guarding from which it is marked.
        brief: The same for all other behaviours.
        noise: Spread of the impression of one episode.
        strong: Strength from which 2 is given instead of 1.
        invents: False marks per minute of a patient's recording.
    """

    guarding: float
    brief: float
    noise: float
    strong: float
    invents: float


RATERS = (
    Rater(guarding=0.75, brief=0.88, noise=0.20, strong=1.10, invents=0.04),
    Rater(guarding=0.43, brief=0.68, noise=0.21, strong=0.00, invents=0.40),
    Rater(guarding=0.61, brief=0.78, noise=0.20, strong=0.95, invents=0.12),
    Rater(guarding=0.32, brief=0.62, noise=0.21, strong=0.80, invents=0.55),
)


def rate(
    episodes: list[tuple[int, int, int, float]],
    frames: int,
    patient: bool,
    rng: np.random.Generator,
) -> np.ndarray:
    """What four raters write down.

    Args:
        episodes: `(behaviour, first, stop, intensity)` as in a `Score`.
        frames: Length T of the recording.
        patient: Whether the person is a patient; raters knew, and hardly
            ever marked healthy people.
        rng: Source of disagreement.

    Returns:
        `(T, 4, 7)` uint8, values 0, 1, 2.
    """
    ratings = np.zeros((frames, NUM_RATERS, len(BEHAVIOURS)), np.uint8)
    for number, rater in enumerate(RATERS):
        column = ratings[:, number]
        for behaviour, first, stop, intensity in episodes:
            bar = rater.guarding if behaviour == _GUARDING else rater.brief
            seen = intensity + rng.normal(0, rater.noise)
            if not patient:
                seen -= 0.25
            if seen > bar:
                _mark(column, rater, behaviour, first, stop, seen, rng)
        _invent(column, rater, frames, patient, rng)
    return ratings


def merged(ratings: np.ndarray) -> np.ndarray:
    """The merged protective label of every frame.

    Args:
        ratings: `(T, 4, 7)`.

    Returns:
        `(T,)` int8: 1 where at least two raters marked any behaviour.
    """
    return ((ratings > 0).any(axis=2).sum(axis=1) >= 2).astype(np.int8)


def merged_behaviours(ratings: np.ndarray) -> np.ndarray:
    """Each behaviour merged by itself: marked by at least two raters.

    Args:
        ratings: `(T, 4, 7)`.

    Returns:
        `(T, 7)` int8, in the order of `BEHAVIOURS`.
    """
    return ((ratings > 0).sum(axis=1) >= 2).astype(np.int8)


def _mark(column, rater, behaviour, first, stop, seen, rng):
    """Marks an episode: raters notice late and lose interest early."""
    length = stop - first
    start = first + rng.exponential(0.12) * length + rng.normal(0, 12)
    end = stop - rng.exponential(0.15) * length + rng.normal(0, 18)
    # A rater does not always name the behaviour that another one would.
    if rng.random() < 0.08:
        behaviour = int(rng.choice([_GUARDING, 1, 2, 3]))
    _write(column, rater, behaviour, start, end, seen)


def _invent(column, rater, frames, patient, rng):
    """Marks where nothing was meant."""
    minutes = frames / FRAME_RATE / 60
    rate_per_minute = rater.invents * (1 if patient else 0.06)
    for _ in range(rng.poisson(rate_per_minute * minutes)):
        start = rng.uniform(0, frames)
        kind = _GUARDING if rng.random() < 0.75 else int(rng.integers(1, 7))
        end = start + rng.uniform(2, 8) * FRAME_RATE
        _write(column, rater, kind, start, end, rng.uniform(0.4, 0.9))


def _write(column, rater, behaviour, start, end, seen):
    value = 2 if seen > rater.strong else 1
    rows = slice(max(0, round(start)), max(0, round(end)))
    part = column[rows, behaviour]
    np.maximum(part, value, out=part)
