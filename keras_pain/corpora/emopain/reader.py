"""One EmoPain file of any layout -> the canonical recording.

Angles, energies, sEMG and labels come out alike from all three layouts: see
`keras_pain.corpora.recording`. What is repaired, noted or refused on the way
is in `quirks` and `checks`.
"""

import dataclasses

import numpy as np

from keras_pain.corpora.emopain import checks, quirks
from keras_pain.corpora.emopain.layout import (
    ACTIVITIES,
    FRAME_RATE,
    NUM_RATERS,
    Challenge,
    ChallengeColumns,
    Coordinates,
    Fame,
)
from keras_pain.corpora.emopain.table import Findings, load_table
from keras_pain.corpora.files import Finding, RawFile
from keras_pain.corpora.recording import NUM_BEHAVIOURS, UNKNOWN, Recording
from keras_pain.errors import BadFileError, ConfigurationError
from keras_pain.signals.kinematics import (
    JOINTS_22,
    JOINTS_26,
    angle_energies,
    joint_angles,
)

_TYPE_OF_FLAG = np.array(
    [0] + [ACTIVITIES.index(t) for _, t in Fame.activity_columns]
)


@dataclasses.dataclass(frozen=True)
class _Options:
    challenge_columns: ChallengeColumns
    angles_from: str
    zero_semg: str
    max_gap: int

    def __post_init__(self):
        for name, choices in (
            ("angles_from", ("joints", "columns")),
            ("zero_semg", ("keep", "refuse")),
        ):
            if getattr(self, name) not in choices:
                raise ConfigurationError(
                    f"{name} must be {' or '.join(choices)}, got "
                    f"{getattr(self, name)!r}"
                )


def parse_challenge_columns(text: str) -> ChallengeColumns:
    """Label columns from a flag's text.

    Args:
        text: For example `"exercise=30,pain=none,protective=31"`: 0-based
            columns; those not named keep their defaults.

    Raises:
        ConfigurationError: An unknown name, or no column number.
    """
    known = [field.name for field in dataclasses.fields(ChallengeColumns)]
    columns: dict[str, int | None] = {}
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
    return ChallengeColumns(**columns)


def read_file(
    raw_file: RawFile,
    *,
    challenge_columns: ChallengeColumns | None = None,
    angles_from: str = "joints",
    zero_semg: str = "keep",
    max_gap: int = quirks.MAX_GAP,
) -> tuple[Recording, list[Finding]]:
    """Reads one file.

    Args:
        raw_file: A file from `find_files`.
        challenge_columns: Where the challenge2020 files keep their labels; a
            column that a file does not have leaves its label unknown. None
            takes the inferred default.
        angles_from: `"joints"` recomputes angles and energies (see `checks`
            for the reasons); `"columns"` takes those that the fame layout
            stores.
        zero_semg: `"keep"` or `"refuse"` files without any sEMG.
        max_gap: Longest gap (NaN), in frames, that is interpolated.

    Returns:
        The recording and everything that the rules had to say.

    Raises:
        BadFileError: The file was refused.
        ConfigurationError: An option has no such value.
    """
    columns = challenge_columns or ChallengeColumns()
    options = _Options(columns, angles_from, zero_semg, max_gap)
    raw_file.check_refusal()
    findings = Findings(raw_file.findings)
    try:
        arrays, simulated = _READ[raw_file.layout](raw_file, options, findings)
    except quirks.Refusal as error:
        raise BadFileError(
            raw_file.path, error.problem, error.cure, rule=error.rule
        ) from None
    recording = Recording(
        name=raw_file.name,
        subject_id=raw_file.subject_id,
        group=raw_file.group,
        difficulty=raw_file.difficulty,
        split=raw_file.split,
        frame_rate=FRAME_RATE,
        simulated=simulated,
        **{
            name: np.ascontiguousarray(arrays[name], dtype=dtype)
            for name, dtype in _DTYPES.items()
        },
    )
    return recording, list(findings)


_DTYPES = {
    "angles": np.float32,
    "energies": np.float32,
    "semg": np.float32,
    "protective": np.int8,
    "pain_level": np.int8,
    "activity": np.int32,
    "activity_instance": np.int32,
    "raters": np.uint8,
    "joints": np.float32,
}


def _movement(positions, joint_names, options, findings):
    """Joints `(T, J, 3)` of the sound rows, their angles and energies."""
    gap = options.max_gap
    positions = findings.keep(quirks.nan_rows(positions, "positions", gap))
    joints = positions.reshape(len(positions), 3, -1).transpose(0, 2, 1)
    joints = findings.keep(quirks.collapsed_skeleton(joints, joint_names))
    angles = joint_angles(joints, joint_names)
    angles = findings.keep(quirks.nan_rows(angles, "angles", gap))
    return joints, angles, angle_energies(angles)


def _semg(values, options, findings):
    values = findings.keep(quirks.nan_rows(values, "sEMG", options.max_gap))
    values = findings.keep(quirks.negative_semg(values))
    return findings.keep(quirks.zero_semg(values, options.zero_semg))


def _labels(values, low, high, what, options, findings):
    return findings.keep(
        quirks.integer_labels(values, low, high, what, options.max_gap)
    )


def _read_fame(raw_file, options, findings):
    # The variable's name differs from file to file; where there are several,
    # the released code takes the last.
    values, simulated = load_table(raw_file, findings, several="last")
    values = findings.keep(quirks.extra_columns(values, Fame.num_columns))
    joints, angles, energies = _movement(
        values[:, Fame.positions], JOINTS_26, options, findings
    )
    values = values[: len(joints)]
    stored = values[:, Fame.angles]
    stored_energies = findings.keep(
        quirks.nan_first_energy_row(values[:, Fame.energies])
    )
    used = "stored" if options.angles_from == "columns" else "recomputed"
    findings.keep(checks.stored_angles(stored, angles, used))
    findings.keep(checks.stored_energies(stored_energies, energies, used))
    if options.angles_from == "columns":
        gap = options.max_gap
        angles = findings.keep(quirks.nan_rows(stored, "angles", gap))
        energies = findings.keep(
            quirks.nan_rows(stored_energies, "energies", gap)
        )
    raters = _labels(values[:, Fame.raters], 0, 2, "ratings", options, findings)
    raters = raters.reshape(-1, NUM_RATERS, NUM_BEHAVIOURS)
    flags = values[:, Fame.activities]
    flags = _labels(flags, 0, 1, "activity flags", options, findings)
    instance = findings.keep(quirks.overlapping_flags(flags))
    instance = findings.keep(quirks.activity_flicker(instance))
    healthy = raw_file.group == "healthy"
    return {
        "angles": angles,
        "energies": energies,
        "semg": _semg(values[:, Fame.semg], options, findings),
        "protective": findings.keep(
            checks.merge_raters(raters, raw_file.group)
        ),
        "pain_level": np.full(len(values), 0 if healthy else UNKNOWN),
        "activity": _TYPE_OF_FLAG[instance],
        "activity_instance": instance,
        "raters": raters,
        "joints": joints,
    }, simulated


def _read_coordinates(raw_file, options, findings):
    columns, appended = Coordinates.num_columns
    values, simulated = load_table(raw_file, findings, prefer=Coordinates.key)
    joints, angles, energies = _movement(
        values[:, Coordinates.positions], JOINTS_22, options, findings
    )
    values = values[: len(joints)]
    if values.shape[1] == appended:
        stored, stored_energies = checks.from_appended(
            values[:, Coordinates.appended_angles],
            values[:, Coordinates.appended_energies],
        )
        findings.keep(checks.stored_angles(stored, angles))
        findings.keep(checks.stored_energies(stored_energies, energies))
    else:
        values = findings.keep(quirks.extra_columns(values, columns))
    labels = ChallengeColumns(
        exercise=Coordinates.exercise,
        pain=Coordinates.pain,
        protective=Coordinates.protective,
    )
    return {
        "angles": angles,
        "energies": energies,
        "semg": _semg(values[:, Coordinates.semg], options, findings),
        "joints": joints,
        **_given_labels(raw_file, values, labels, options, findings),
    }, simulated


def _read_challenge(raw_file, options, findings):
    where = options.challenge_columns
    wanted = dataclasses.asdict(where)
    width = 1 + max(
        Challenge.num_channels - 1,
        *(number for number in wanted.values() if number is not None),
        0,
    )
    values, simulated = load_table(raw_file, findings, prefer=Challenge.key)
    if values.shape[1] > width:
        values = findings.keep(quirks.extra_columns(values, width))
    present = {
        name: number
        for name, number in wanted.items()
        if number is not None and number < values.shape[1]
    }
    if len(present) < len(wanted):
        missing = sorted(wanted.keys() - present.keys())
        shown = ", ".join(f"{n}={c}" for n, c in present.items()) or "none"
        detail = (
            f"no column for {', '.join(missing)}: unknown; label columns "
            f"read: {shown}"
        )
        findings.append(Finding("label_columns", "noted", detail))
    gap = options.max_gap
    angles = values[:, Challenge.angles]
    angles = findings.keep(quirks.nan_rows(angles, "angles", gap))
    energies = values[:, Challenge.energies]
    energies = findings.keep(quirks.nan_first_energy_row(energies))
    energies = findings.keep(quirks.nan_rows(energies, "energies", gap))
    angles, energies = findings.keep(checks.angle_unit(angles, energies))
    findings.keep(
        checks.stored_energies(energies, angle_energies(angles), "stored")
    )
    columns = ChallengeColumns(**{n: present.get(n) for n in wanted})
    return {
        "angles": angles,
        "energies": energies,
        "semg": _semg(values[:, Challenge.semg], options, findings),
        "joints": np.zeros((len(values), 0, 3)),
        **_given_labels(raw_file, values, columns, options, findings),
    }, simulated


def _given_labels(raw_file, values, columns, options, findings):
    """Labels of the layouts that carry them merged, one column each."""
    rows = len(values)
    activity = np.zeros(rows, np.int64)
    if columns.exercise is not None:
        activity = values[:, columns.exercise]
        last = len(ACTIVITIES) - 1
        activity = _labels(activity, 0, last, "exercise", options, findings)
        activity = findings.keep(quirks.activity_flicker(activity))
    pain = np.full(rows, UNKNOWN)
    if columns.pain is not None:
        pain = values[:, columns.pain]
        pain = _labels(pain, UNKNOWN, 2, "pain level", options, findings)
    protective = np.full(rows, UNKNOWN)
    if columns.protective is not None:
        protective = values[:, columns.protective]
        protective = _labels(
            protective, UNKNOWN, 1, "protective label", options, findings
        )
    group = raw_file.group
    return {
        "protective": findings.keep(checks.given_protective(protective, group)),
        "pain_level": findings.keep(checks.given_pain(pain, group)),
        "activity": activity,
        "activity_instance": np.zeros(rows),
        "raters": np.zeros((rows, 0, NUM_BEHAVIOURS)),
    }


_READ = {
    "fame": _read_fame,
    "coordinates": _read_coordinates,
    "challenge2020": _read_challenge,
}
