"""One person, one recording: joints, muscles and labels."""

import dataclasses

import numpy as np

from keras_pain.corpora.emopain.layout import BEHAVIOURS
from keras_pain.corpora.emopain.simulation import muscles, raters
from keras_pain.corpora.emopain.simulation.noise import (
    smooth_noise,
    smooth_steps,
)
from keras_pain.corpora.emopain.simulation.people import Person
from keras_pain.corpora.emopain.simulation.pose import DOF, DOFS, SIDES
from keras_pain.corpora.emopain.simulation.protocol import perform_protocol

# Standard deviation of natural sway in degrees, by degree of freedom.
_SWAY = {
    "pelvis_pitch": 0.7,
    "pelvis_roll": 0.4,
    "lumbar_flex": 0.6,
    "lumbar_side": 0.6,
    "lumbar_twist": 0.5,
    "thorax_flex": 0.7,
    "thorax_twist": 0.7,
    "neck_flex": 1.2,
    "neck_side": 0.8,
    "neck_twist": 1.6,
    "head_flex": 1.0,
    "thigh_flex": 0.5,
    "knee": 0.7,
    "shrug": 0.6,
    "arm_flex": 1.3,
    "arm_abduct": 0.9,
    "elbow": 1.6,
}


@dataclasses.dataclass
class Performance:
    """One simulated recording of T frames, before it takes a layout.

    Args:
        person: Who.
        difficulty: `"N"` or `"D"`.
        joints: `(T, 26, 3)` positions in cm.
        semg: `(T, 4)` envelopes.
        ratings: `(T, 4, 7)` uint8.
        activity: `(T,)` int32 activity types.
        instance: `(T,)` int32 activity columns, 1-based, 0 for none.
        intensity: `(T, 7)` true strength of each behaviour.
    """

    person: Person
    difficulty: str
    joints: np.ndarray
    semg: np.ndarray
    ratings: np.ndarray
    activity: np.ndarray
    instance: np.ndarray
    intensity: np.ndarray

    def __len__(self) -> int:
        return len(self.joints)


def perform(
    person: Person, difficulty: str, scale: str, seed: int
) -> Performance:
    """Simulates a recording, the same whatever layout it is written in.

    Args:
        person: Who.
        difficulty: One of the person's difficulties.
        scale: `"small"` or `"full"`.
        seed: Seed of the corpus.

    Returns:
        The recording.
    """
    rng = np.random.default_rng([seed, 4, person.number, ord(difficulty)])
    streams = rng.spawn(4)
    frames = person.frames[person.difficulties.index(difficulty)]
    score = perform_protocol(person, difficulty, frames, scale, streams[0])
    intensity = score.intensity()
    pose = score.poses()
    _alive(pose, intensity, person, streams[1])
    activity = np.zeros(score.frames, np.int32)
    instance = np.zeros(score.frames, np.int32)
    for first, stop, kind, column in score.activities:
        activity[first:stop] = kind
        instance[first:stop] = column
    patient = person.group == "patient"
    return Performance(
        person=person,
        difficulty=difficulty,
        joints=person.body.place(pose),
        semg=muscles.envelopes(person, difficulty, pose, intensity, streams[2]),
        ratings=raters.rate(score.episodes, score.frames, patient, streams[3]),
        activity=activity,
        instance=instance,
        intensity=intensity,
    )


def _alive(pose, intensity, person, rng):
    """Adds what no score holds: sway, breath, tension, tremor; in place."""
    guard = smooth_steps(
        intensity[:, BEHAVIOURS.index("guarding_stiffness")], 0.6
    )
    jerk = smooth_steps(intensity[:, BEHAVIOURS.index("jerky_motion")], 0.2)
    frames = len(pose)
    columns, sizes = [], []
    for name, size in _SWAY.items():
        names = [name] if name in DOF else [f"{side}_{name}" for side in SIDES]
        columns += [DOF[n] for n in names]
        sizes += [size] * len(names)
    loose = person.sway * (1 - 0.55 * guard) * pose[:, DOF["wobble"]]
    sway = smooth_noise(rng, frames, len(columns), 0.08, 0.7)
    shake = smooth_noise(rng, frames, len(columns), 3.0, 8.0)
    sway = sway * loose[:, None] + shake * (0.05 + 1.1 * jerk[:, None])
    pose[:, columns] += sway * np.array(sizes)

    breath = np.cumsum(0.25 + 0.03 * smooth_noise(rng, frames, 1, 0.02, 0.1))
    breath = np.sin(2 * np.pi * breath / 60)
    pose[:, DOF["thorax_flex"]] -= 0.5 * breath * (1 - 0.5 * guard)
    for side in SIDES:
        pose[:, DOF[f"{side}_shrug"]] += 0.4 * breath + 7 * guard
        pose[:, DOF[f"{side}_elbow"]] += 16 * guard
        pose[:, DOF[f"{side}_arm_abduct"]] += 3 * guard
    pose[:, DOF["neck_flex"]] += 5 * guard
    np.clip(pose, _LOWEST, _HIGHEST, out=pose)


def _bounds():
    """Joints do not bend backwards; contacts stay between 0 and 1."""
    lowest = np.full(len(DOFS), -1e9)
    highest = np.full(len(DOFS), 1e9)
    for side in SIDES:
        lowest[DOF[f"{side}_knee"]] = 0.5
        lowest[DOF[f"{side}_elbow"]] = 6.0
        highest[DOF[f"{side}_elbow"]] = 150.0
        for name in ("on_thigh", "on_back", "on_chair"):
            lowest[DOF[f"{side}_{name}"]] = 0.0
            highest[DOF[f"{side}_{name}"]] = 1.0
    return lowest, highest


_LOWEST, _HIGHEST = _bounds()
