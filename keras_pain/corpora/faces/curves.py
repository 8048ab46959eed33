"""How strongly a simulated face shows pain over time, and with which units."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from keras_pain.corpora.faces.landmarks import ACTION_UNITS, MAX_INTENSITY


def intensity_curve(
    frames: int,
    peak: float = 1.0,
    *,
    onset: float = 0.3,
    apex: float = 0.5,
    release: float = 0.65,
    offset: float = 0.85,
) -> np.ndarray:
    """Rest, smooth rise, apex, smooth fall, rest.

    Args:
        frames: Number of frames T.
        peak: Height of the apex.
        onset: When the rise begins, as a share of the clip.
        apex: When it ends.
        release: When the fall begins.
        offset: When it ends; beyond 1 the clip ends before the face rests.

    Returns:
        `(T,)` float64 in 0..peak.
    """
    if not onset < apex <= release < offset:
        raise ValueError("onset < apex <= release < offset is needed")
    time = (np.arange(frames) + 0.5) / max(frames, 1)
    rise = np.clip((time - onset) / (apex - onset), 0, 1)
    fall = np.clip((time - release) / (offset - release), 0, 1)
    return peak * _smooth(rise) * (1 - _smooth(fall))


def _smooth(share: np.ndarray) -> np.ndarray:
    return share * share * (3 - 2 * share)


@dataclasses.dataclass(frozen=True)
class Expression:
    """Which units a person shows pain with.

    Args:
        gains: Unit to its intensity at full pain, on the unit's own scale.
        starts: Unit to the pain, 0..1, at which it first appears.
    """

    gains: Mapping[int, float]
    starts: Mapping[int, float]

    def units(self, intensity: np.ndarray) -> dict[int, np.ndarray]:
        """Action units of a pain curve.

        Args:
            intensity: `(T,)`, 0 no pain to 1 the strongest.

        Returns:
            Each of `ACTION_UNITS` to `(T,)` float64 in its range.
        """
        intensity = np.clip(np.asarray(intensity, np.float64), 0, 1)
        units = {}
        for unit in ACTION_UNITS:
            start = self.starts[unit]
            share = np.clip((intensity - start) / (1 - start), 0, 1)
            units[unit] = np.clip(
                self.gains[unit] * share, 0, MAX_INTENSITY[unit]
            )
        return units


def draw_expression(seed: int) -> Expression:
    """A person's way of showing pain: same seed, same person.

    The units of the PSPI (4, 6, 7, 9, 10, 43) come with everybody, in varying
    strength; the mouth's (12, 25, 26) with some.
    """
    rng = np.random.default_rng((seed, 0xFACE5))
    means = {4: 4.4, 6: 4.2, 7: 4.4, 9: 3.0, 10: 3.6, 12: 2.0, 25: 3.4, 26: 1.5}
    gains = {
        unit: float(np.clip(rng.normal(mean, 0.8), 0.4, 5.0))
        for unit, mean in means.items()
    }
    gains[43] = 1.0
    starts = {unit: float(rng.uniform(0.0, 0.15)) for unit in (4, 6, 7)}
    starts |= {unit: float(rng.uniform(0.1, 0.35)) for unit in (9, 10)}
    starts |= {unit: float(rng.uniform(0.15, 0.4)) for unit in (12, 25, 26)}
    starts[43] = float(rng.uniform(0.55, 0.75))
    return Expression(gains, starts)


def pspi(units: Mapping[int, np.ndarray | float]) -> np.ndarray:
    """Prkachin and Solomon's pain intensity (Pain 139, 2008), 0..16.

    AU4 + max(AU6, AU7) + max(AU9, AU10) + AU43.

    Args:
        units: Action unit to intensity, a number or an array; missing ones
            are 0.
    """

    def at(unit):
        return np.asarray(units.get(unit, 0.0), np.float64)

    return at(4) + np.maximum(at(6), at(7)) + np.maximum(at(9), at(10)) + at(43)
