"""The score of a recording: poses over time, and what happens when.

A movement from one pose to the next follows the minimum-jerk course of
natural point-to-point movements (Flash and Hogan, J. Neurosci. 5(7), 1985).
"""

import numpy as np

from keras_pain.corpora.emopain.layout import BEHAVIOURS, FRAME_RATE
from keras_pain.corpora.emopain.simulation.pose import (
    DOF,
    LIMB_DOFS,
    SIDES,
)


def minimum_jerk(progress: np.ndarray) -> np.ndarray:
    """Covered share of the way at a share of the time.

    Args:
        progress: Shares of the duration; clipped to [0, 1].

    Returns:
        Shares of the distance, same shape.
    """
    u = np.clip(progress, 0, 1)
    return u**3 * (10 - 15 * u + 6 * u**2)


def abrupt(progress: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A course broken into a few sudden jumps with stops between.

    Args:
        progress: `(n,)` shares of the duration.
        rng: Source of the jumps' times and sizes.

    Returns:
        `(n,)` shares of the distance, from 0 to 1.
    """
    jumps = rng.integers(2, 4)
    starts = np.linspace(0.02, 0.78, jumps) + rng.uniform(-0.04, 0.06, jumps)
    sizes = rng.uniform(0.6, 1.4, jumps)
    steps = minimum_jerk((progress[:, None] - starts) / 0.16)
    return steps @ (sizes / sizes.sum())


class Score:
    """Poses, activities and behaviours of one recording, as they are written.

    Args:
        start: `(len(DOFS),)` first pose.

    Attributes:
        pose: The pose reached so far.
        frames: The number of frames so far.
        activities: `(first, stop, type, column)` of each activity; `column`
            is the 1-based activity column of the full release.
        episodes: `(behaviour, first, stop, intensity)` of each protective
            behaviour; the behaviour is an index into `BEHAVIOURS`.
    """

    def __init__(self, start: np.ndarray):
        self.pose = start.copy()
        self.frames = 0
        self.activities: list[tuple[int, int, int, int]] = []
        self.episodes: list[tuple[int, int, int, float]] = []
        self._blocks: list[np.ndarray] = []

    def poses(self) -> np.ndarray:
        """All poses so far: `(frames, len(DOFS))`."""
        return np.concatenate(self._blocks)

    def add(self, block: np.ndarray) -> None:
        """Appends `(n, len(DOFS))` poses."""
        if len(block):
            self._blocks.append(block)
            self.frames += len(block)
            self.pose = block[-1].copy()

    def hold(self, seconds: float) -> None:
        """Stays in the pose reached so far."""
        frames = max(0, round(seconds * FRAME_RATE))
        self.add(np.repeat(self.pose[None], frames, axis=0))

    def move(
        self,
        seconds: float,
        targets: dict[str, float],
        *,
        delays: dict[str, float] | None = None,
        course=minimum_jerk,
    ) -> None:
        """Moves to a pose.

        Args:
            seconds: Duration.
            targets: Degrees of freedom that change, by name; a limb's name
                without its side moves both.
            delays: Share of the duration by which a degree of freedom starts
                late; negative: by which it ends early.
            course: Share of the distance as a function of the share of time.
        """
        frames = max(2, round(seconds * FRAME_RATE))
        time = np.arange(1, frames + 1) / frames
        block = np.repeat(self.pose[None], frames, axis=0)
        for name, target in targets.items():
            delay = (delays or {}).get(name, 0.0)
            part = 1 - abs(delay)
            share = course((time - max(delay, 0)) / part)
            for column in _columns(name):
                change = target - self.pose[column]
                block[:, column] = self.pose[column] + share * change
        # A course may stop short of its end; the pose may not.
        for name, target in targets.items():
            block[-1, _columns(name)] = target
        self.add(block)

    def mark_activity(self, first: int, kind: int, column: int) -> None:
        """Notes that everything since frame `first` was one activity."""
        self.activities.append((first, self.frames, kind, column))

    def mark(
        self, behaviour: str, first: int, intensity: float, stop: int = 0
    ) -> None:
        """Notes a behaviour from frame `first` to `stop` (default: now)."""
        stop = stop or self.frames
        if intensity > 0 and stop > first:
            self.episodes.append(
                (BEHAVIOURS.index(behaviour), first, stop, float(intensity))
            )

    def intensity(self) -> np.ndarray:
        """Strength of each behaviour in each frame: `(frames, 7)`."""
        track = np.zeros((self.frames, len(BEHAVIOURS)))
        for behaviour, first, stop, strength in self.episodes:
            part = track[first:stop, behaviour]
            np.maximum(part, strength, out=part)
        return track


def _columns(name):
    if name in LIMB_DOFS:
        return [DOF[f"{side}_{name}"] for side in SIDES]
    return [DOF[name]]
