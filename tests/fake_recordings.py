"""Small invented recordings for tests of the data path."""

import numpy as np


def make_recording(
    name="P1_N",
    frames=1000,
    activity=None,
    protective=None,
    seed=0,
    **changes,
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
