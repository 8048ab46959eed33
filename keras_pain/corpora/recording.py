"""The canonical recording: what every movement reader returns.

One participant x one trial, unwindowed. Windows, scaling and augmentation are
choices of a protocol and belong to `keras_pain.data`.
"""

import dataclasses

import numpy as np

NUM_ANGLES = 13
NUM_SEMG = 4
NUM_BEHAVIOURS = 7
UNKNOWN = -1


@dataclasses.dataclass
class Recording:
    """One movement recording of T frames.

    Args:
        name: Name of the recording, unique in its corpus, e.g. `"P33_D"`.
        subject_id: Participant, e.g. `"P33"`.
        group: `"patient"` or `"healthy"`.
        difficulty: `"N"` (normal), `"D"` (difficult) or `""`.
        split: The owners' split: `"train"`, `"validation"`, `"test"`, or
            `""` where the release has none.
        angles: `(T, 13)` float32, included joint angles in degrees.
        energies: `(T, 13)` float32, squared angle differences in
            degrees^2 / frame^2; the first row is zero.
        semg: `(T, 4)` float32, rectified upper envelopes: lower back right and
            left, upper trapezius right and left.
        protective: `(T,)` int8, merged protective behaviour, 0 / 1, or -1
            where it is unknown.
        pain_level: `(T,)` int8, 0 healthy, 1 low, 2 high, -1 unknown.
        activity: `(T,)` int32, index into the corpus' activity types; 0 is
            "other".
        activity_instance: `(T,)` int32, which of the release's activity
            columns is on (1-based); 0 where the release has none.
        raters: `(T, R, 7)` uint8, per-frame behaviour ratings 0 / 1 / 2;
            R is 0 where the release has none.
        joints: `(T, J, 3)` float32, joint positions in cm, Y up; J is 0 where
            the release has none.
        frame_rate: Frames per second.
        simulated: Whether the raw file was written by a simulator.
    """

    name: str
    subject_id: str
    group: str
    difficulty: str
    split: str
    angles: np.ndarray
    energies: np.ndarray
    semg: np.ndarray
    protective: np.ndarray
    pain_level: np.ndarray
    activity: np.ndarray
    activity_instance: np.ndarray
    raters: np.ndarray
    joints: np.ndarray
    frame_rate: float = 60.0
    simulated: bool = False

    def __len__(self) -> int:
        return len(self.angles)
