"""Small invented recordings for tests of the data path."""

import numpy as np

from keras_pain.data.windows import PROTECTIVE_CLASSES, WindowSet


def make_recording(
    name="P1_N", frames=1000, activity=None, protective=None, seed=0, **changes
):
    """A recording as the builders yield them, with random signals."""
    rng = np.random.default_rng(seed)
    if activity is None:
        activity = np.zeros(frames, np.int32)
    frames = len(activity)
    if protective is None:
        protective = np.zeros(frames, np.int8)
    return {
        "recording": name,
        "subject_id": name.split("_")[0],
        "group": "patient" if name.startswith("P") else "healthy",
        "split": "",
        "angles": rng.uniform(20, 170, (frames, 13)).astype(np.float32),
        "energies": rng.exponential(2.0, (frames, 13)).astype(np.float32),
        "semg": rng.uniform(0.01, 0.1, (frames, 4)).astype(np.float32),
        "activity": np.asarray(activity, np.int32),
        "activity_instance": np.zeros(frames, np.int32),
        "protective": np.asarray(protective, np.int8),
        "pain_level": np.zeros(frames, np.int8),
        "raters": np.zeros((frames, 4, 7), np.uint8),
        **changes,
    }


def make_windows(x, y, **changes):
    """`(n, T, 30)` windows of one recording, all their frames real."""
    n, frames = x.shape[:2]
    fields = {
        "length": np.full(n, frames, np.int32),
        "subject": np.full(n, "P1"),
        "recording": np.full(n, "P1_N"),
        "start": np.arange(n),
        "activity": np.arange(n, dtype=np.int32) % 2,
        "class_names": PROTECTIVE_CLASSES,
    }
    return WindowSet(x, np.asarray(y), **{**fields, **changes})


def make_people(groups, people=5, runs=(300, 400, 300)):
    """A recording of each of some people; patients move protectively."""
    protective = np.repeat([0, 1, 0], runs)
    return [
        make_recording(
            f"{group}{n}_N",
            frames=sum(runs),
            protective=protective * (group == "P"),
            seed=n + 50 * (group == "P"),
            split="train" if n < 3 else "validation",
        )
        for group in groups
        for n in range(people)
    ]
