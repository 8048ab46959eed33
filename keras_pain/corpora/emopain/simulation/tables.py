"""A recording as the numeric table that each release stores."""

import numpy as np

from keras_pain.corpora.emopain.layout import (
    BEHAVIOURS,
    FRAME_RATE,
    Challenge,
    ChallengeColumns,
    Coordinates,
    Fame,
)
from keras_pain.corpora.emopain.simulation.performance import Performance
from keras_pain.corpora.emopain.simulation.raters import (
    merged,
    merged_behaviours,
)
from keras_pain.signals.kinematics import (
    JOINTS_22,
    JOINTS_26,
    angle_energies,
    joint_angles,
)

_KEPT = [JOINTS_26.index(name) for name in JOINTS_22]
# The coordinate package has no columns for limping and "other".
_FIVE = [
    BEHAVIOURS.index(name)
    for name in (
        "guarding_stiffness",
        "hesitation",
        "support_bracing",
        "jerky_motion",
        "rubbing_stimulation",
    )
]
_EXTRA = 3


def table_of(
    performance: Performance, layout: str, quirks: tuple[str, ...]
) -> np.ndarray:
    """The matrix that a release stores for a recording.

    Args:
        performance: The recording.
        layout: One of the corpus' layouts.
        quirks: The file's oddities; those of the table are applied here.

    Returns:
        `(T, columns)` float64.
    """
    make = {
        "fame": _fame,
        "coordinates": _coordinates,
        "challenge2020": _challenge,
    }[layout]
    return make(performance, quirks)


def _blocks(joints):
    """X block, Y block, Z block: `(T, 3 J)`."""
    return joints.transpose(0, 2, 1).reshape(len(joints), -1)


def _fame(performance, quirks):
    extra = _EXTRA if "extra_columns" in quirks else 0
    table = np.zeros((len(performance), Fame.num_columns + extra))
    angles = joint_angles(performance.joints)
    table[:, Fame.positions] = _blocks(performance.joints)
    table[:, Fame.semg] = performance.semg
    table[:, Fame.raters] = performance.ratings.reshape(len(table), -1)
    on = np.flatnonzero(performance.instance)
    table[on, Fame.activities.start + performance.instance[on] - 1] = 1
    table[:, Fame.angles] = angles
    table[:, Fame.energies] = angle_energies(angles)
    if "nan_first_energy" in quirks:
        table[0, Fame.energies] = np.nan
    # What the surplus columns hold is not known; a clock is harmless.
    table[:, Fame.num_columns :] = np.arange(len(table))[:, None] / FRAME_RATE
    return table


def _coordinates(performance, quirks):
    narrow, wide = Coordinates.num_columns
    appended = "appended_columns" in quirks
    table = np.zeros((len(performance), wide if appended else narrow))
    table[:, Coordinates.positions] = _blocks(performance.joints[:, _KEPT])
    table[:, Coordinates.semg] = performance.semg
    table[:, Coordinates.exercise] = performance.activity
    table[:, Coordinates.pain] = (
        -1 if "pain_not_reported" in quirks else performance.person.pain_level
    )
    table[:, Coordinates.protective] = merged(performance.ratings)
    table[:, Coordinates.behaviours] = merged_behaviours(performance.ratings)[
        :, _FIVE
    ]
    if appended:
        angles = np.deg2rad(180 - joint_angles(performance.joints))
        table[:, Coordinates.appended_angles] = angles
        speed = FRAME_RATE * np.diff(angles, axis=0, prepend=angles[:1])
        table[:, Coordinates.appended_energies] = speed**2
    return table


def _challenge(performance, quirks):
    labels = ChallengeColumns()
    table = np.zeros((len(performance), Challenge.num_channels + 3))
    angles = joint_angles(performance.joints)
    table[:, Challenge.angles] = angles
    table[:, Challenge.energies] = angle_energies(angles)
    table[:, Challenge.semg] = performance.semg
    table[:, labels.exercise] = performance.activity
    table[:, labels.pain] = performance.person.pain_level
    table[:, labels.protective] = merged(performance.ratings)
    return table
