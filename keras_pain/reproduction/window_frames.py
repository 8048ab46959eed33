"""Which frames of its recording a window of a finished fold was cut from."""

import numpy as np

from keras_pain.corpora.emopain.layout import FRAME_RATE
from keras_pain.data.segments import activity_segments
from keras_pain.reproduction.rebuild import FinishedFold

__all__ = ["FRAME_RATE", "resampled", "window_joints", "window_rate"]


def resampled(finished: FinishedFold) -> bool:
    """Whether the fold's samples were brought to one length."""
    settings = finished.result.config["dataset"]["windows"]
    if settings["cut"] == "activity_instances":
        return settings.get("fit", "resample") == "resample"
    return settings["cut"] == "whole_recordings"


def window_rate(finished: FinishedFold, index: int) -> float:
    """Frames a second of a test window, also where it was resampled."""
    begin, end = _span(finished, index)
    return FRAME_RATE * int(finished.data.test.length[index]) / (end - begin)


def window_joints(finished: FinishedFold, index: int) -> np.ndarray | None:
    """Joint positions of a test window's real frames.

    Args:
        finished: The fold.
        index: Position of the window in the test windows.

    Returns:
        `(frames, J, 3)` cm, of resampled windows those of the nearest frames;
        None where the recording has none.
    """
    test = finished.data.test
    recording = finished.recordings[str(test.recording[index])]
    joints = recording.get("joints")
    if joints is None or not np.shape(joints)[1]:
        return None
    begin, end = _span(finished, index)
    frames = np.linspace(begin, end - 1, int(test.length[index]))
    return np.asarray(joints)[frames.round().astype(int)]


def _span(finished: FinishedFold, index: int) -> tuple[int, int]:
    """First frame of a window in its recording, and the one after its last."""
    test = finished.data.test
    begin = int(test.start[index])
    if not resampled(finished):
        return begin, begin + int(test.length[index])
    recording = finished.recordings[str(test.recording[index])]
    settings = finished.result.config["dataset"]["windows"]
    if settings["cut"] == "whole_recordings":
        return 0, len(recording["angles"])
    flicker = {k: settings[k] for k in ("max_flicker",) if k in settings}
    begins, ends, _ = activity_segments(recording["activity"], **flicker)
    return begin, int(ends[begins == begin][0])
