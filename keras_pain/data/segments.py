"""Runs of one activity inside a recording.

The movement papers cut windows inside one activity at a time (Stacked-LSTM,
ISWC 2019, section 3). ALANet does not say how it segments; its window counts
only fit segments of one exercise, transitions included, so that is the
default here.
"""

import numpy as np

# Single-row flicker of the activity label breaks segments. Users of the data
# merged runs of up to 12 rows (0.2 s), far shorter than any exercise.
MAX_FLICKER = 12


def activity_segments(
    activity: np.ndarray, *, max_flicker: int = MAX_FLICKER
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Splits a recording where its activity changes.

    Args:
        activity: `(T,)` activity of each frame.
        max_flicker: Runs of at most this many frames join the run before them
            (at the start: the run after them). Zero keeps every run.

    Returns:
        `(starts, stops, values)`, three `(S,)` arrays; segments are half-open,
        in order, and cover all T frames.

    Raises:
        ValueError: `activity` is not one-dimensional or is empty.
    """
    activity = np.asarray(activity)
    if activity.ndim != 1 or not len(activity):
        raise ValueError(f"activity must be (T,), T > 0; got {activity.shape}")
    starts, stops = _runs(activity)
    lengths = stops - starts
    kept = lengths > max_flicker
    if not kept.any():
        kept[np.argmax(lengths)] = True
    # Each short run takes the value of the last kept run before it.
    source = np.where(kept, np.arange(len(starts)), -1)
    source = np.maximum.accumulate(source)
    source[source < 0] = np.flatnonzero(kept)[0]
    merged = np.repeat(activity[starts][source], lengths)
    starts, stops = _runs(merged)
    return starts, stops, merged[starts]


def _runs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Starts and stops of runs of equal values."""
    changes = np.flatnonzero(values[1:] != values[:-1]) + 1
    starts = np.concatenate([[0], changes])
    stops = np.concatenate([changes, [len(values)]])
    return starts, stops
