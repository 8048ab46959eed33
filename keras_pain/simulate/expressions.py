"""What simulated faces do: action units over a clip, and how heads move.

No distribution of the real corpora is known here: the numbers are made up.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from keras_pain.simulate import rows_of
from keras_pain.simulate.face import MAX_INTENSITY

# Action unit, its mean intensity at full pain, and the least and most pain
# (0..1) from which it shows.
_SHOWS_PAIN = """
4 4.4 0 0.15;    6 4.2 0 0.15;     7 4.4 0 0.15
9 3 0.1 0.35;    10 3.6 0.1 0.35
12 2 0.15 0.4;   25 3.4 0.15 0.4;  26 1.5 0.15 0.4
43 1 0.55 0.75
"""


@dataclasses.dataclass(frozen=True)
class FaceMotion:
    """What a face does in a clip of T frames."""

    units: dict[int, np.ndarray]  # action unit to (T,), 0 to 5; 43 from 0 to 1
    shift: np.ndarray  # (T, 2), right and down, shares of the picture's size
    roll: np.ndarray  # (T,), degrees
    blinked: bool = False  # PEMF: whether the eyes closed without pain
    # UNBC: units as a coder notes them, without blinks, their PSPI (T,), and
    # the four reports
    coded: dict[int, np.ndarray] | None = None
    pspi: np.ndarray | None = None
    scales: dict[str, float] | None = None


def intensity_curve(
    frames: int,
    peak: float,
    onset: float,
    apex: float,
    release: float,
    offset: float,
) -> np.ndarray:
    """Rest, smooth rise, apex, smooth fall, rest: `(T,)` in 0..`peak`.

    The rise goes from `onset` to `apex`, the fall from `release` to `offset`,
    as shares of the clip; beyond 1 the clip ends before the face rests.
    """
    if not onset < apex <= release < offset:
        raise ValueError("onset < apex <= release < offset is needed")
    time = (np.arange(frames) + 0.5) / frames

    def smooth(first, last):
        share = np.clip((time - first) / (last - first), 0, 1)
        return share * share * (3 - 2 * share)

    return peak * smooth(onset, apex) * (1 - smooth(release, offset))


def pain_units(seed: int, intensity: np.ndarray) -> dict[int, np.ndarray]:
    """Action units with which a person (a seed) shows pain.

    The units of the PSPI (4, 6, 7, 9, 10, 43) come with everybody, in varying
    strength; the mouth's (12, 25, 26) with some. The intensity, `(T,)`, goes
    from 0, no pain, to 1; each of `ACTION_UNITS` is `(T,)` in its range.
    """
    rng = np.random.default_rng((seed, 0xFACE5))
    unit, mean, low, high = np.array(rows_of(_SHOWS_PAIN), float).T
    # All but the last one, whether the eyes close, differ in strength.
    gains = np.clip(rng.normal(mean[:-1], 0.8), 0.4, 5.0).tolist()
    starts = rng.uniform(low, high).tolist()
    intensity = np.clip(intensity, 0, 1)
    units = {}
    rows = zip(unit, [*gains, mean[-1]], starts, strict=True)
    for number, gain, start in rows:
        share = np.clip((intensity - start) / (1 - start), 0, 1)
        units[int(number)] = np.clip(gain * share, 0, MAX_INTENSITY[number])
    return units


def head_drift(
    rng: np.random.Generator, angles: Callable, sway: float, sizes: tuple
) -> tuple[np.ndarray, np.ndarray]:
    """Slow movements of a head about its place, `shift` and `roll`.

    Right, down and roll have a standard deviation near their `sizes` times
    `sway`; each is the sum of three waves, `(T, 3)` `angles()` and phases.
    """
    drift = []
    for size in sizes:
        waves = np.sin(angles() + rng.uniform(0, 2 * np.pi, 3)).sum(axis=1)
        drift.append(size * sway * (waves * np.sqrt(2 / 3)))
    return np.stack(drift[:2], axis=-1), drift[2]


def add_smile(
    unit: np.ndarray,
    rng: np.random.Generator,
    peak: tuple[float, float],
    chance: float,
    latest: float,
    *times: float,
) -> None:
    """Adds a smile that comes by chance to action unit 12, `(T,)`, in place.

    Its apex lies between two values of `peak`; it begins at `latest`, as a
    share of the clip, at the latest, and `times` go from there to apex, release
    and offset.
    """
    peak = rng.uniform(*peak) * (rng.random() < chance)
    onset = rng.uniform(0, latest)
    times = (onset + time for time in (0, *times))
    np.maximum(unit, intensity_curve(len(unit), peak, *times), out=unit)
