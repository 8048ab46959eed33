"""Who takes part in the simulation, and what their faces do in a clip.

All numbers are made up: no distribution of the real corpus is known here.
"""

import dataclasses

import numpy as np

from keras_pain.corpora.biovid import layout as facts
from keras_pain.corpora.faces.curves import draw_expression, intensity_curve

MAX_LEVEL = len(facts.CLASSES) - 1
SECONDS = facts.NUM_FRAMES / facts.FRAME_RATE
_EYES_CLOSED, _SMILE = 43, 12


@dataclasses.dataclass(frozen=True)
class Person:
    """Somebody who takes part.

    Args:
        name: One of `layout.SUBJECTS`.
        seed: Of the face and of everything the person does.
        expressiveness: How much of the strongest pain shows, 0 to 1.
    """

    name: str
    seed: int
    expressiveness: float

    @property
    def number(self) -> int:
        """The corpus' `subject_id`, from 1."""
        return facts.SUBJECTS.index(self.name) + 1


def cast(subjects: int, seed: int) -> list[Person]:
    """People, as many of low expressiveness among them as in the corpus.

    Args:
        subjects: Their number, 1 to 87.
        seed: Same seed, same people; a smaller cast is part of a larger one
            but for the share of low expressiveness.

    Returns:
        In the order of the corpus' `subject_id`.
    """
    rng = np.random.default_rng([seed, 0])
    names = rng.permutation(facts.SUBJECTS).tolist()
    low = [name for name in names if name in facts.LOW_EXPRESSIVE]
    high = [name for name in names if name not in facts.LOW_EXPRESSIVE]
    few = round(subjects * len(low) / len(names))
    chosen = low[:few] + high[: subjects - few]
    return [_person(name, seed) for name in sorted(chosen)]


def _person(name: str, seed: int) -> Person:
    number = facts.SUBJECTS.index(name) + 1
    rng = np.random.default_rng([seed, 1, number])
    low = name in facts.LOW_EXPRESSIVE
    return Person(
        name=name,
        seed=int(rng.integers(2**31)),
        expressiveness=rng.uniform(0.1, 0.3) if low else rng.uniform(0.7, 1),
    )


@dataclasses.dataclass(frozen=True)
class Performance:
    """What a face does in a clip of T frames.

    Args:
        units: `(T,)` by action unit, 0 to 5; 43 from 0 to 1.
        shift: `(T, 2)`, right and down, as shares of the picture's size.
        roll: `(T,)`, degrees.
    """

    units: dict[int, np.ndarray]
    shift: np.ndarray
    roll: np.ndarray


def perform(
    person: Person, level: int, number: int, frames: int
) -> Performance:
    """One clip.

    Heat rises for a second or two and stays, so that the face answers in the
    second half of the window. Blinks, a passing smile and small movements of
    the head happen at any level.

    Args:
        person: Who.
        level: Stimulus level, 0 to 4.
        number: Of the clip, for what varies between clips.
        frames: T; the whole window is always 5.5 s long.
    """
    rng = np.random.default_rng([person.seed, level, number])
    time = np.linspace(0, SECONDS, frames)
    felt = (level / MAX_LEVEL) ** 1.3
    shown = min(1.0, person.expressiveness * felt * rng.uniform(0.7, 1.25))
    onset = rng.uniform(0.1, 0.3)
    apex = onset + rng.uniform(0.1, 0.2)
    release = apex + rng.uniform(0.2, 0.4)
    curve = intensity_curve(
        frames,
        shown,
        onset=onset,
        apex=apex,
        release=release,
        offset=release + 0.2,
    )
    units = draw_expression(person.seed).units(curve)
    closed, smile = units[_EYES_CLOSED], units[_SMILE]
    units[_EYES_CLOSED] = np.maximum(closed, _blinks(time, rng))
    units[_SMILE] = np.maximum(smile, _passing_smile(frames, rng))
    sway = 1 + 2 * shown
    return Performance(
        units=units,
        shift=0.006 * sway * np.stack([_drift(time, rng) for _ in "xy"], -1),
        roll=1.2 * sway * _drift(time, rng),
    )


def _blinks(time, rng) -> np.ndarray:
    """Closures of a quarter of a second, about one in three seconds."""
    starts = np.cumsum(rng.exponential(3, size=6)) - rng.uniform(0, 2)
    since = time - starts[:, None]
    closure = np.minimum(since / 0.08, (0.25 - since) / 0.1)
    return np.clip(closure, 0, 1).max(axis=0)


def _passing_smile(frames, rng) -> np.ndarray:
    """Happens in one clip of seven, in pain or not."""
    peak = rng.uniform(0.5, 2) * (rng.random() < 1 / 7)
    onset = rng.uniform(0, 0.6)
    return intensity_curve(
        frames,
        peak,
        onset=onset,
        apex=onset + 0.1,
        release=onset + 0.25,
        offset=onset + 0.4,
    )


def _drift(time, rng) -> np.ndarray:
    """Slow movement about 0, of standard deviation near 1."""
    rates, phases = rng.uniform(0.05, 0.4, 3), rng.uniform(0, 2 * np.pi, 3)
    waves = np.sin(2 * np.pi * rates * time[:, None] + phases)
    return waves.sum(axis=1) * np.sqrt(2 / 3)
