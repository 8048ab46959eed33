"""One EmoPain file of any layout -> the canonical recording.

Angles, energies, sEMG and labels come out alike from all three layouts: see
`keras_pain.corpora.recording`. What is repaired, noted or refused on the way
is in `rules`.
"""

import dataclasses

import numpy as np

from keras_pain.corpora.base import Findings, RawFile
from keras_pain.corpora.emopain import layout as facts
from keras_pain.corpora.emopain.layout import Challenge, Coordinates, Fame
from keras_pain.corpora.emopain.rules import Rules
from keras_pain.corpora.recording import NUM_BEHAVIOURS, UNKNOWN, Recording
from keras_pain.errors import ConfigurationError
from keras_pain.signals import kinematics

_TYPES = [facts.ACTIVITIES.index(kind) for _, kind in Fame.activity_columns]
_TYPE_OF_FLAG = np.array([0, *_TYPES])
# Smallest and largest value of the labels, and what they are in messages.
_LABELS = {
    "exercise": (0, len(facts.ACTIVITIES) - 1, "exercise"),
    "pain": (UNKNOWN, 2, "pain level"),
    "protective": (UNKNOWN, 1, "protective label"),
}


def parse_challenge_columns(text: str) -> facts.ChallengeColumns:
    """Label columns from a flag's text.

    For example `"exercise=30,pain=none,protective=31"`: 0-based columns; those
    not named keep their defaults. What cannot be raises ConfigurationError.
    """
    known = [field.name for field in dataclasses.fields(facts.ChallengeColumns)]
    columns = {}
    for part in filter(None, text.split(",")):
        name, _, number = (piece.strip() for piece in part.partition("="))
        free = number.isdigit() and int(number) >= Challenge.num_channels
        if name not in known or not (free or number == "none"):
            raise ConfigurationError(
                f"challenge_columns: cannot read {part!r}; write name=column "
                f"with names {', '.join(known)} and 0-based columns from "
                f"{Challenge.num_channels}, or none"
            )
        columns[name] = None if number == "none" else int(number)
    chosen = facts.ChallengeColumns(**columns)
    taken = [c for c in dataclasses.astuple(chosen) if c is not None]
    if len(set(taken)) < len(taken):
        problem = f"challenge_columns: {chosen} has two labels in one column"
        cure = "write name=none for a label that the files do not have"
        raise ConfigurationError(f"{problem}; {cure}")
    return chosen


def read_file(
    raw_file: RawFile,
    *,
    challenge_columns: facts.ChallengeColumns | None = None,
) -> tuple[Recording, Findings]:
    """Reads one file: the recording and everything that the rules had to say.

    A label whose column in `challenge_columns` the file does not have is
    unknown; None takes the inferred default, of which a file must have all or
    none. Raises BadFileError where the file was refused.
    """
    raw_file.check_refusal()
    found = Rules(raw_file)
    if raw_file.layout == "fame":
        arrays = _read_fame(found)
    elif raw_file.layout == "coordinates":
        arrays = _read_coordinates(found)
    else:
        arrays = _read_challenge(found, challenge_columns)
    more = {"frame_rate": facts.FRAME_RATE, "simulated": found.simulated}
    return Recording(**raw_file.person, **more, **arrays), found


def _read_fame(found):
    # The variable's name differs from file to file; where there are several,
    # the released code takes the last.
    values = found.load_table(several="last")
    values = found.extra_columns(values, Fame.num_columns)
    arrays = _movement(found, values[:, Fame.positions], kinematics.JOINTS_26)
    values = values[: len(arrays["joints"])]
    energies = found.nan_first_energy_row(values[:, Fame.energies])
    found.stored_columns("angles", values[:, Fame.angles], arrays["angles"])
    found.stored_columns("energies", energies, arrays["energies"])
    raters = found.integer_labels(values[:, Fame.raters], 0, 2, "ratings")
    raters = raters.reshape(-1, facts.NUM_RATERS, NUM_BEHAVIOURS)
    flags = values[:, Fame.activities]
    flags = found.integer_labels(flags, 0, 1, "activity flags")
    instance = found.activity_flicker(found.overlapping_flags(flags))
    healthy = found.file.group == "healthy"
    return {
        **arrays,
        "semg": _semg(found, values[:, Fame.semg]),
        "protective": found.merge_raters(raters),
        "pain_level": np.full(len(values), 0 if healthy else UNKNOWN),
        "activity": _TYPE_OF_FLAG[instance],
        "activity_instance": instance,
        "raters": raters,
    }


def _read_coordinates(found):
    columns, appended = Coordinates.num_columns
    values = found.load_table(Coordinates.key)
    positions = values[:, Coordinates.positions]
    arrays = _movement(found, positions, kinematics.JOINTS_22)
    values = values[: len(arrays["joints"])]
    if values.shape[1] == appended:
        # Their users' convention: the supplement of the included angle in
        # radians, and (60 x its difference)^2.
        angles = 180.0 - np.degrees(values[:, Coordinates.appended_angles])
        energies = values[:, Coordinates.appended_energies]
        energies = np.degrees(1 / facts.FRAME_RATE) ** 2 * energies
        found.stored_columns("angles", angles, arrays["angles"])
        found.stored_columns("energies", energies, arrays["energies"])
    else:
        values = found.extra_columns(values, columns)
    labels = {name: getattr(Coordinates, name) for name in _LABELS}
    arrays["semg"] = _semg(found, values[:, Coordinates.semg])
    return arrays | _given_labels(found, values, labels)


def _read_challenge(found, challenge_columns):
    columns = dataclasses.asdict(challenge_columns or facts.ChallengeColumns())
    columns = {n: c for n, c in columns.items() if c is not None}
    width = max([Challenge.num_channels, *(c + 1 for c in columns.values())])
    values = found.extra_columns(found.load_table(Challenge.key), width)
    present = {n: c for n, c in columns.items() if c < values.shape[1]}
    missing = sorted(_LABELS.keys() - present.keys())
    if missing:
        shown = ", ".join(f"{n}={c}" for n, c in present.items()) or "none"
        detail = f"no column for {', '.join(missing)}: unknown; label columns "
        found.noted("label_columns", f"{detail}read: {shown}")
    angles = found.nan_rows(values[:, Challenge.angles], "angles")
    energies = found.nan_first_energy_row(values[:, Challenge.energies])
    energies = found.nan_rows(energies, "energies")
    angles, energies = found.angle_unit(angles, energies)
    labels = _given_labels(found, values, present)
    if missing and present and challenge_columns is None:
        problem = f"has {values.shape[1]} columns, and nothing says which of "
        problem += "the labels exercise, pain, protective it lacks"
        cure = "exercise=none,pain=none,protective=30"
        cure = f"say it, e.g. with --challenge_columns={cure}"
        found.refuse("label_columns", problem, cure)
    semg = _semg(found, values[:, Challenge.semg])
    return {"angles": angles, "energies": energies, "semg": semg, **labels}


def _movement(found, positions, joint_names):
    """Joints `(T, J, 3)` of the sound rows, their angles and energies."""
    positions = found.nan_rows(positions, "positions")
    joints = positions.reshape(len(positions), 3, -1).transpose(0, 2, 1)
    joints = found.collapsed_skeleton(joints, joint_names)
    angles = kinematics.joint_angles(joints, joint_names)
    angles = found.nan_rows(angles, "angles")
    energies = kinematics.angle_energies(angles)
    return {"joints": joints, "angles": angles, "energies": energies}


def _semg(found, values):
    values = found.negative_semg(found.nan_rows(values, "sEMG"))
    return found.zero_semg(values)


def _given_labels(found, values, columns):
    """Labels of the layouts that carry them merged, one column each.

    `columns` says in which column of the `(T, K)` values each is, if any.
    """
    rows, group, given = len(values), found.file.group, {}
    for name, limits in _LABELS.items():
        given[name] = np.full(rows, 0 if name == "exercise" else UNKNOWN)
        if name in columns:
            label = values[:, columns[name]]
            given[name] = found.integer_labels(label, *limits)
        if name == "exercise":
            given[name] = found.activity_flicker(given[name])
    count = int((given["protective"] == 1).sum())
    if group != "patient" and count:
        detail = f"{count} protective rows of a control, kept as given"
        found.noted("healthy_protective", detail)
    pain = found.given_pain(given["pain"])
    labels = {"protective": given["protective"], "pain_level": pain}
    return labels | {"activity": given["exercise"]}
