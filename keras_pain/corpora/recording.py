"""What every reader returns: one person in one trial, not cut into windows."""

import dataclasses
from collections.abc import Callable
from dataclasses import field
from typing import Any

import numpy as np

NUM_BEHAVIOURS = 7
UNKNOWN = -1
# Single-row flicker of the activity label breaks segments. Users of the data
# merged runs of up to 12 rows (0.2 s), far shorter than any exercise.
MAX_FLICKER = 12
# Arrays of a `Recording`: type, shape of a frame, value where there is none.
_ARRAYS = {
    **dict.fromkeys(("angles", "energies"), (np.float32, (13,), 0)),
    "semg": (np.float32, (4,), 0),
    **dict.fromkeys(("protective", "pain_level"), (np.int8, (), UNKNOWN)),
    **dict.fromkeys(("activity", "activity_instance"), (np.int32, (), 0)),
    "raters": (np.uint8, (0, NUM_BEHAVIOURS), 0),
    "joints": (np.float32, (0, 3), 0),
}


@dataclasses.dataclass(kw_only=True)
class _Recording:
    """What recordings of movement and of video have in common."""

    name: str  # unique in its corpus, e.g. "P33_D"
    subject_id: str  # participant, e.g. "P33"
    group: str  # "patient", "healthy" or ""
    difficulty: str = ""  # "N" (normal), "D" (difficult) or ""
    split: str = ""  # the owners': "train", "validation", "test" or ""
    frame_rate: float | None = None  # a second; None where nobody says
    simulated: bool = False  # whether a simulator wrote the raw file

    def summary(self) -> dict[str, Any]:
        """What a `FileReport` says about the recording."""
        count, rate = len(self), self.frame_rate
        seconds = round(count / rate, 3) if rate else 0.0
        labels = getattr(self, "labels", {}).items()
        labels = {k: float(v) for k, v in labels if np.isfinite(v)}
        said = {"frames": count, "seconds": seconds, "labels": labels}
        return said | {"simulated": self.simulated}


@dataclasses.dataclass(kw_only=True)
class Recording(_Recording):
    """One movement recording of T frames.

    Arrays get the type that is said here; None stands for what the release
    does not have, -1 for what is unknown. Energies are squared angle
    differences in degrees^2 / frame^2, the first row zero; `semg` are rectified
    upper envelopes: lower back right and left, upper trapezius right and left;
    `activity_instance` says which of the release's activity columns is on
    (1-based), 0 where it has none; R and J are 0 where it has no raters or
    joints.
    """

    angles: np.ndarray  # (T, 13) float32, included joint angles in degrees
    energies: np.ndarray  # (T, 13) float32
    activity: np.ndarray  # (T,) int32, index of the activity type, 0 "other"
    semg: np.ndarray | None = None  # (T, 4) float32
    protective: np.ndarray | None = None  # (T,) int8, merged behaviour, 0 or 1
    pain_level: np.ndarray | None = None  # (T,) int8, 0 healthy, 1 low, 2 high
    activity_instance: np.ndarray | None = None  # (T,) int32
    raters: np.ndarray | None = None  # (T, R, 7) uint8, ratings 0, 1 or 2
    joints: np.ndarray | None = None  # (T, J, 3) float32, cm, Y up

    def __post_init__(self):
        for name, (dtype, shape, missing) in _ARRAYS.items():
            values = getattr(self, name)
            if values is None:
                values = np.full((len(self.angles), *shape), missing)
            setattr(self, name, np.ascontiguousarray(values, dtype))

    def __len__(self) -> int:
        return len(self.angles)

    def summary(self) -> dict[str, Any]:
        known = self.protective[self.protective >= 0]
        share = float(np.mean(known)) if len(known) else None
        return super().summary() | {"protective": share}


@dataclasses.dataclass(kw_only=True)
class SignalRecording(_Recording):
    """One recording of T samples of any C channels, as they were given."""

    signals: np.ndarray  # (T, C) float32, in the channels' units
    # Of the whole recording, NaN where one is missing.
    labels: dict[str, float] = field(default_factory=dict)

    def __post_init__(self):
        self.signals = np.ascontiguousarray(self.signals, np.float32)

    def __len__(self) -> int:
        return len(self.signals)


@dataclasses.dataclass(kw_only=True)
class VideoRecording(_Recording):
    """One video of T frames of one person; pictures stay on disk until asked.

    Args:
        frames: Decodes all T pictures, uint8 `(H, W, 3)` RGB each; raises
            BadFileError where one cannot be.
        labels: Labels of the whole video, NaN where one is missing: UNBC
            `vas`, `opr`, `aff`, `sen`; BioVid `level`; PEMF `pain`, `kind`,
            `intensity`.
        frame_labels: Labels of each frame, `(T, ...)`: UNBC `pspi`, `(T,)`
            float32, and `aus`, `(T, n)` float32.
        landmarks: `(T, 66, 2)` float32, x and y in pixels, NaN where a frame
            has none; None where the corpus has none.
    """

    num_frames: int
    frames: Callable[[], list[np.ndarray]]
    labels: dict[str, float]
    frame_labels: dict[str, np.ndarray] = field(default_factory=dict)
    landmarks: np.ndarray | None = None

    def __len__(self) -> int:
        return self.num_frames


def activity_segments(
    activity: np.ndarray, *, max_flicker: int = MAX_FLICKER
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Splits `(T,)` activities of frames where they change.

    Runs of at most `max_flicker` frames join the run before them (at the
    start: the run after them); zero keeps every run. T is at least 1.

    Returns starts, stops and values, three `(S,)` arrays; segments are
    half-open, in order, and cover all T frames.
    """
    activity = np.asarray(activity)
    starts, stops = _runs(activity)
    lengths = stops - starts
    kept = lengths > max_flicker
    if not kept.any():
        kept[np.argmax(lengths)] = True
    # Each short run takes the value of the last kept run before it.
    source = np.where(kept, np.arange(len(starts)), np.argmax(kept))
    source = np.maximum.accumulate(source)
    merged = np.repeat(activity[starts][source], lengths)
    starts, stops = _runs(merged)
    return starts, stops, merged[starts]


def run_lengths(flags: np.ndarray) -> np.ndarray:
    """Rows of the run that each of `(T, K)` flags is part of; 0 where none is.

    Every column has runs of its own.
    """
    from scipy import ndimage

    runs, _ = ndimage.label(flags, [[0, 1, 0]] * 3)
    return np.where(flags, np.bincount(runs.ravel())[runs], 0)


def bridge_gaps(
    values: np.ndarray, gaps: np.ndarray, max_gap: int
) -> np.ndarray:
    """Bridges gaps of up to `max_gap` rows by straight lines, in place.

    At the ends of a column the nearest value is held. Values and gaps are
    `(T, K)`; returns `(T, K)` flags of what was bridged.
    """
    bridged = gaps & (run_lengths(gaps) <= max_gap) & ~gaps.all(axis=0)
    rows = np.arange(len(values))
    for column in np.flatnonzero(bridged.any(axis=0)):
        bad, good = bridged[:, column], ~gaps[:, column]
        line = np.interp(rows[bad], rows[good], values[good, column])
        values[bad, column] = line
    return bridged


def _runs(values):
    """Starts and stops of runs of equal values."""
    changes = np.flatnonzero(values[1:] != values[:-1]) + 1
    return np.append(0, changes), np.append(changes, len(values))
