"""Writes simulated EmoPain releases, file by file as their owners lay them out.

The real recordings are under a signed agreement. This simulator lets the way
from raw file to table run anywhere: people of their own size, tempo and habit
move a 26-joint skeleton through the exercises of the corpus; patients protect
themselves; muscles follow the load; four raters disagree.

Every oddity of `QUIRKS` was seen in the real releases by somebody who read
them, and every reader of these corpora has to cope with it. Which file has
which is listed in the `SIMULATED.txt` of each folder.
"""

import collections
import dataclasses
import os
import pathlib

import numpy as np
from numpy.random import default_rng

from keras_pain.corpora.emopain import layout as facts
from keras_pain.corpora.emopain.layout import Challenge, Coordinates, Fame
from keras_pain.corpora.mat import SIMULATED_MARK
from keras_pain.errors import ConfigurationError
from keras_pain.io import whole_file
from keras_pain.signals import kinematics
from keras_pain.simulate import folder, rows_of
from keras_pain.simulate.motion import add_sway, move_through_exercises
from keras_pain.simulate.movers import Person, draw_people, ids_of
from keras_pain.simulate.muscles import envelopes

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
_KEPT = [kinematics.JOINTS_26.index(name) for name in kinematics.JOINTS_22]
# The coordinate package has no columns for limping and "other".
_FIVE = [0, 1, 2, 3, 5]
# The variable's name differs from file to file in the full release.
_FAME_NAMES = ("{stem}", "data_{id}", "{id}{level}_all", "{id}_new")
_MARKER = SIMULATED_MARK.decode()
_TEXT_BYTES = 116  # of a MATLAB file's header
_USER_BLOCK = 512
_PREAMBLE = f"""SIMULATED, NOT REAL

These files were written by the simulator of keras_pain. They have
the layout of the EmoPain release named by this folder and hold no
data of any person. Results obtained on them say nothing about
people. Every file carries the words
"{_MARKER}" in its header.

"""


@dataclasses.dataclass
class SimulatedRecording:
    """One simulated recording of T frames, before it takes a layout."""

    person: Person
    difficulty: str  # "N" or "D"
    joints: np.ndarray  # (T, 26, 3) positions in cm
    semg: np.ndarray  # (T, 4) envelopes
    ratings: np.ndarray  # (T, 4, 7) uint8
    activity: np.ndarray  # (T,) int32 activity types
    instance: np.ndarray  # (T,) int32 activity columns, 1-based, 0 for none
    strengths: np.ndarray  # (T, 7) true strength of each behaviour


def simulate(
    out: str | os.PathLike,
    *,
    layout: str = "all",
    scale: str = "small",
    seed: int = 0,
    subjects: int | None = None,
    with_test: bool = False,
    progress: bool = True,
) -> list[pathlib.Path]:
    """Writes simulated releases. See also `keras_pain.simulate.simulate`.

    Every layout gets a sub-folder of its name. A person moves in the same way
    in every one, but has another id in each, as in the real ones.

    Args:
        scale: `"small"`: 12 people, a recording of about 5,500 frames each;
            `"full"`: 30 people, 46 recordings, about 680,000 frames.
        subjects: Limits the number of people (at least 4), keeping patients
            and healthy people in training and validation.
        with_test: Also write the `test` split of the coordinates and the
            challenge layout, which the owners withhold (scale "full" only;
            the full release has no splits and always holds everybody).
    """
    layouts = folder.check_arguments(layout, facts.LAYOUTS, seed=(seed, 0))
    if with_test and scale != "full":
        text = "only scale 'full' has a test split; drop with_test or use it"
        raise ConfigurationError(text)
    people = draw_people(scale, seed, subjects)
    tasks, notes = {}, {}
    for person in people:
        for level in person.frames:
            tasks[person.number, level] = person, level, scale, seed, []
    for name in layouts:
        base = pathlib.Path(out, name)
        ids = ids_of(draw_people(scale, seed), name, seed)
        quirks = planted_quirks(people, name, scale)
        files = {}
        for key, (person, level, *_, written) in tasks.items():
            number = ids[person.number]
            if name == "fame":
                place, stem = Fame.folders[person.group], f"{number}_{level}"
                variable = _FAME_NAMES[person.number % len(_FAME_NAMES)]
                variable = variable.format(stem=stem, id=number, level=level)
            elif person.split == "test" and not with_test:
                continue
            else:
                place, stem = person.split, f"{number}{level}"
                variable = Challenge.key
            path = base / place / f"{stem}.mat"
            files[path] = quirks[key]
            written.append((path, variable, name, quirks[key]))
        note = f"scale: {scale}; seed: {seed}; subjects: {subjects or 'all'}"
        note += "\n\nOddities of the real files, planted on purpose:\n"
        for path in sorted(files):
            place = path.relative_to(base).as_posix()
            for quirk in files[path]:
                note += f"- {place}: {quirk}: {QUIRKS[quirk]}\n"
        # Never mixes with, or overwrites, recordings of people.
        for path in sorted(base.rglob("*.mat")):
            with open(path, "rb") as stream:
                simulated = SIMULATED_MARK in stream.read(_TEXT_BYTES)
            if path not in files or not simulated:
                folder.refuse(base, f"recordings ({path.name})")
        notes[base] = (files, _PREAMBLE + note)
    for base, (files, note) in notes.items():
        folder.make_folder(base, files, note)
    needed = [task for task in tasks.values() if task[-1]]
    folder.write_all(_write, needed, "EmoPain", out, 1, progress)
    return sorted(path for files, _ in notes.values() for path in files)


def _write(task):
    person, difficulty, scale, seed, files = task
    clean = simulate_recording(person, difficulty, scale, seed)
    for path, variable, layout, quirks in files:
        table = table_of(with_quirks(clean, quirks, seed), layout, quirks)
        with whole_file(path, folder.CURE) as temporary:
            _write_mat(temporary, variable, table, "matlab_7_3" in quirks)


def simulate_recording(
    person: Person, difficulty: str, scale: str, seed: int
) -> SimulatedRecording:
    """Simulates a recording, the same whatever layout it is written in."""
    streams = default_rng([seed, 4, person.number, ord(difficulty)]).spawn(4)
    mover = move_through_exercises(person, difficulty, scale, streams[0])
    pose = np.concatenate(mover.blocks)
    strengths = np.zeros((mover.frames, len(facts.BEHAVIOURS)))
    for behaviour, first, stop, strength in mover.episodes:
        part = strengths[first:stop, behaviour]
        np.maximum(part, strength, out=part)
    add_sway(pose, strengths, person, streams[1])
    activity, instance = np.zeros((2, mover.frames), np.int32)
    for first, stop, kind, column in mover.activities:
        activity[first:stop] = kind
        instance[first:stop] = column
    patient = person.group == "patient"
    return SimulatedRecording(
        *(person, difficulty, person.body.place(pose)),
        envelopes(person, difficulty, pose, strengths, streams[2]),
        _rate(mover.episodes, mover.frames, patient, streams[3]),
        *(activity, instance, strengths),
    )


def planted_quirks(
    people: list[Person], layout: str, scale: str
) -> dict[tuple[int, str], list[str]]:
    """Names from `QUIRKS` by recording (the person's number, the difficulty).

    In a small corpus an oddity that costs a whole channel stays out of the
    layouts that models are trained on by default.
    """
    keys, members = [], collections.defaultdict(list)
    for person in people:
        own = [(person.number, level) for level in person.frames]
        keys += own
        members[person.group].append(own)
        members[person.group, person.split].append(own)
    patients, healthy = members["patient", "train"], members["healthy", "train"]
    full, where = scale == "full", {}
    if layout == "fame":
        where["nan_first_energy"] = keys
        where["extra_columns"] = healthy[0][:1]
    if full or layout == "fame":
        where["zero_semg"] = (patients if full else members["patient"])[-1][:1]
    where["collapsed_end"] = healthy[-1][-1:]
    where["activity_flicker"] = keys[::3]
    where["matlab_7_3"] = patients[0][-1:]
    if full and layout == "coordinates":
        where["appended_columns"] = healthy[0] + patients[0]
        low = patients[-1] + members["patient", "validation"][-1]
        where["pain_not_reported"] = low
    return {key: [q for q in where if key in where[q]] for key in keys}


def with_quirks(
    recording: SimulatedRecording, quirks: list[str], seed: int
) -> SimulatedRecording:
    """A copy with the oddities of signals and labels, alike in every layout."""
    who = recording.person.number, ord(recording.difficulty)
    rng = default_rng([seed, 5, *who])
    changes = {}
    if "zero_semg" in quirks:
        changes["semg"] = np.zeros_like(recording.semg)
    if "collapsed_end" in quirks:
        joints = changes["joints"] = recording.joints.copy()
        joints[-COLLAPSED_ROWS:] *= np.reshape([0.6, 0.3, 0.08], (-1, 1, 1))
        joints[-COLLAPSED_ROWS:] += rng.normal(0, 3.0, (COLLAPSED_ROWS, 26, 3))
    if "activity_flicker" in quirks:
        activity = recording.activity.copy()
        instance = recording.instance.copy()
        # Single rows well inside activities.
        around = np.lib.stride_tricks.sliding_window_view(activity, 81)
        low, high = around.min(axis=1), around.max(axis=1)
        inside = 40 + np.flatnonzero((low > 0) & (low == high))
        rows = rng.choice(inside, size=min(3, len(inside)), replace=False)
        activity[rows], instance[rows] = facts.ACTIVITIES.index("other"), 0
        changes.update(activity=activity, instance=instance)
    return dataclasses.replace(recording, **changes)


def table_of(
    recording: SimulatedRecording, layout: str, quirks: list[str]
) -> np.ndarray:
    """The matrix of a release, `(T, columns)` float64, with its oddities."""
    length = len(recording.joints)
    appended = "appended_columns" in quirks
    if layout == "fame":
        places = Fame
        extra = 3 if "extra_columns" in quirks else 0
        table = np.zeros((length, Fame.num_columns + extra))
        table[:, Fame.positions] = _blocks(recording.joints)
        table[:, Fame.raters] = recording.ratings.reshape(length, -1)
        on = np.flatnonzero(recording.instance)
        table[on, Fame.activities.start + recording.instance[on] - 1] = 1
        # What the surplus columns hold is not known; a clock is harmless.
        clock = np.arange(length) / facts.FRAME_RATE
        table[:, Fame.num_columns :] = clock[:, None]
    elif layout == "coordinates":
        places = labels = Coordinates
        table = np.zeros((length, Coordinates.num_columns[appended]))
        table[:, Coordinates.positions] = _blocks(recording.joints[:, _KEPT])
        # Each behaviour merged by itself: marked by at least two raters.
        marks = (recording.ratings > 0).sum(axis=1) >= 2
        table[:, Coordinates.behaviours] = marks[:, _FIVE]
    else:
        places, labels = Challenge, facts.ChallengeColumns()
        table = np.zeros((length, Challenge.num_channels + 3))
    table[:, places.semg] = recording.semg
    if layout != "fame":
        unknown = "pain_not_reported" in quirks
        table[:, labels.pain] = -1 if unknown else recording.person.pain_level
        table[:, labels.exercise] = recording.activity
        table[:, labels.protective] = merged(recording.ratings)
    angles = kinematics.joint_angles(recording.joints)
    if layout != "coordinates":
        table[:, places.angles] = angles
        table[:, places.energies] = kinematics.angle_energies(angles)
    elif appended:
        angles = np.deg2rad(180 - angles)
        table[:, Coordinates.appended_angles] = angles
        speed = facts.FRAME_RATE * np.diff(angles, axis=0, prepend=angles[:1])
        table[:, Coordinates.appended_energies] = speed**2
    if "nan_first_energy" in quirks:
        table[0, places.energies] = np.nan
    return table


def _blocks(joints):
    """X block, Y block, Z block: `(T, 3 J)`."""
    return joints.transpose(0, 2, 1).reshape(len(joints), -1)


def _write_mat(path, variable, table, hdf5):
    """A MATLAB 5 or 7.3 file whose bytes depend on nothing but its content.

    MATLAB and SciPy write the platform and the time into the 116 bytes of text
    that open a file. Here they say that the file is simulated.
    """
    import h5py
    import scipy.io

    version = "7.3" if hdf5 else "5.0"
    header = f"MATLAB {version} MAT-file, {_MARKER}".ljust(_TEXT_BYTES).encode()
    if hdf5:
        with h5py.File(path, "w", userblock_size=_USER_BLOCK) as file:
            # MATLAB is column-major: the file holds the transposed matrix.
            options = {"data": table.T, "track_times": False}
            matrix = file.create_dataset(variable, **options)
            matrix.attrs["MATLAB_class"] = np.bytes_("double")
        # No subsystem data, version 0x0200, byte order mark.
        header = (header + bytes(8) + b"\x00\x02IM").ljust(_USER_BLOCK, b"\0")
    else:
        scipy.io.savemat(path, {variable: table}, appendmat=False)
    with open(path, "r+b") as file:
        file.write(header)


_GUARDING = facts.BEHAVIOURS.index("guarding_stiffness")
# Four raters watch the same person and do not agree. Measured on the released
# recordings: they mark guarding on 4 %, 22 %, 10 % and 29 % of the patients'
# rows, rater 2 almost never uses the value 1, and agreement is low (Wang et
# al., ACM HEALTH 2021: ICC .215 for a single rater, .523 for the average of
# four). Of each rater: strength from which guarding is marked; the same for all
# other behaviours; spread of the impression of one episode; strength from which
# 2 is given instead of 1; false marks per minute of a patient's recording.
_RATERS = """
0.75  0.88  0.20  1.10  0.04
0.43  0.68  0.21  0.00  0.40
0.61  0.78  0.20  0.95  0.12
0.32  0.62  0.21  0.80  0.55
"""


def _rate(episodes, frames, patient, rng):
    """What four raters write down, `(frames, 4, 7)` uint8, values 0, 1, 2.

    They knew who was a patient, and hardly ever marked healthy people.
    """
    raters = rows_of(_RATERS)
    ratings = np.zeros((frames, len(raters), len(facts.BEHAVIOURS)), np.uint8)

    def mark(marks, start, end, value):
        part = marks[max(0, round(start)) : max(0, round(end))]
        np.maximum(part, value, out=part)

    for marks, row in zip(ratings.swapaxes(0, 1), raters, strict=True):
        guarding, brief, noise, strong, invents = map(float, row)
        for behaviour, first, stop, strength in episodes:
            seen = strength + rng.normal(0, noise)
            if not patient:
                seen -= 0.25
            if seen <= (guarding if behaviour == _GUARDING else brief):
                continue
            # Raters notice late and lose interest early.
            length = stop - first
            start = first + rng.exponential(0.12) * length + rng.normal(0, 12)
            end = stop - rng.exponential(0.15) * length + rng.normal(0, 18)
            # A rater does not always name the behaviour that another would.
            if rng.random() < 0.08:
                behaviour = int(rng.choice([_GUARDING, 1, 2, 3]))
            mark(marks[:, behaviour], start, end, 1 + (seen > strong))
        # Marks where nothing was meant.
        each_minute = invents * (1 if patient else 0.06)
        minutes = frames / facts.FRAME_RATE / 60
        for _ in range(rng.poisson(each_minute * minutes)):
            start = rng.uniform(0, frames)
            guards = rng.random() < 0.75
            behaviour = _GUARDING if guards else int(rng.integers(1, 7))
            end = start + rng.uniform(2, 8) * facts.FRAME_RATE
            seen = rng.uniform(0.4, 0.9)
            mark(marks[:, behaviour], start, end, 1 + (seen > strong))
    return ratings


def merged(ratings: np.ndarray) -> np.ndarray:
    """`(T,)` int8: 1 where at least two raters marked any behaviour."""
    return ((ratings > 0).any(axis=2).sum(axis=1) >= 2).astype(np.int8)
