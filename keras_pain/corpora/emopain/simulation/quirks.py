"""Oddities of the real files, planted in a few simulated ones.

Every oddity here was seen in the real releases by somebody who read them, and
every reader of these corpora has to cope with it.
"""

import dataclasses

import numpy as np

from keras_pain.corpora.emopain.layout import ACTIVITIES
from keras_pain.corpora.emopain.simulation.people import Person
from keras_pain.corpora.emopain.simulation.performance import Performance

QUIRKS = {
    "nan_first_energy": "the first row of the energy columns is NaN",
    "zero_semg": "all four sEMG channels are zero throughout",
    "collapsed_end": "the skeleton of the last 3 rows collapses to the origin",
    "activity_flicker": "the activity label drops out for single rows",
    "extra_columns": "three columns too many",
    "matlab_7_3": "written as MATLAB 7.3 (HDF5)",
    "appended_columns": "104 columns: angles and energies in radians and "
    "seconds appended",
    "pain_not_reported": "the pain level is -1, not reported",
}
COLLAPSED_ROWS = 3

# A recording: the person's number and the difficulty.
Key = tuple[int, str]


def planted_quirks(
    people: list[Person], layout: str, scale: str
) -> dict[Key, tuple[str, ...]]:
    """Which recordings of a release get which oddities.

    Args:
        people: The people who are simulated.
        layout: One of the corpus' layouts.
        scale: `"small"` or `"full"`. In a small corpus an oddity that costs
            a whole channel stays out of the layouts that models are trained
            on by default.

    Returns:
        Names from `QUIRKS` by recording, for every recording of `people`.
    """
    planted: dict[Key, list[str]] = {
        (person.number, difficulty): []
        for person in people
        for difficulty in person.difficulties
    }

    def plant(quirk, person, difficulties):
        for difficulty in difficulties:
            planted[person.number, difficulty].append(quirk)

    def members(group, split=None):
        return [
            p for p in people if p.group == group and split in (None, p.split)
        ]

    patients = members("patient", "train")
    healthy = members("healthy", "train")
    full = scale == "full"
    if layout == "fame":
        for person in people:
            plant("nan_first_energy", person, person.difficulties)
        plant("extra_columns", healthy[0], healthy[0].difficulties[:1])
    if full or layout == "fame":
        silent = patients[-1] if full else members("patient")[-1]
        plant("zero_semg", silent, silent.difficulties[:1])
    plant("collapsed_end", healthy[-1], healthy[-1].difficulties[-1:])
    for index, key in enumerate(planted):
        if index % 3 == 0:
            planted[key].append("activity_flicker")
    plant("matlab_7_3", patients[0], patients[0].difficulties[-1:])
    if full and layout == "coordinates":
        for person in (healthy[0], patients[0]):
            plant("appended_columns", person, person.difficulties)
        for person in (patients[-1], members("patient", "validation")[-1]):
            plant("pain_not_reported", person, person.difficulties)
    return {key: tuple(names) for key, names in planted.items()}


def spoiled(
    performance: Performance, quirks: tuple[str, ...], seed: int
) -> Performance:
    """A copy of a recording with the oddities of its signals and labels.

    Args:
        performance: The clean recording.
        quirks: Names from `QUIRKS`; those of the file itself are left to its
            writer.
        seed: Seed of the corpus.

    Returns:
        The recording as it will be written, the same in every layout.
    """
    number = performance.person.number
    rng = np.random.default_rng([seed, 5, number, ord(performance.difficulty)])
    changes = {}
    if "zero_semg" in quirks:
        changes["semg"] = np.zeros_like(performance.semg)
    if "collapsed_end" in quirks:
        changes["joints"] = _collapsed(performance.joints, rng)
    if "activity_flicker" in quirks:
        activity = performance.activity.copy()
        instance = performance.instance.copy()
        for row in _flickers(activity, rng):
            activity[row] = ACTIVITIES.index("other")
            instance[row] = 0
        changes.update(activity=activity, instance=instance)
    return dataclasses.replace(performance, **changes)


def _collapsed(joints, rng):
    joints = joints.copy()
    for row, scale in zip(
        range(len(joints) - COLLAPSED_ROWS, len(joints)),
        (0.6, 0.3, 0.08),
        strict=True,
    ):
        joints[row] *= scale
        joints[row] += rng.normal(0, 3.0, joints[row].shape)
    return joints


def _flickers(activity, rng):
    """Single rows well inside activities."""
    same = np.ones(len(activity), bool)
    for shift in range(-40, 41):
        same &= np.roll(activity, shift) == activity
    same[:40] = same[-40:] = False
    inside = np.flatnonzero(same & (activity > 0))
    return rng.choice(inside, size=min(3, len(inside)), replace=False)
