"""A user's own folder: its tables, after BIDS, and what they have to say.

    dataset_description.json   Name, and Kind: signals, landmarks or faces
    participants.tsv           participant_id, group and whatever else is known
    recordings.tsv             file, participant_id, start, end, labels
    channels.tsv               signals: name, type, units, sampling_frequency,
                               part
    <file>_labels.tsv          labels of each frame, where there are any

Names are those of the Brain Imaging Data Structure (BIDS 1.10) where it has
them; `recordings.tsv` is ours. An empty cell, n/a, NA and NaN are missing.
"""

import collections
import contextlib
import csv
import dataclasses
import json
import pathlib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from keras_pain import errors
from keras_pain.corpora import base as raw
from keras_pain.corpora.base import Findings, StrPath
from keras_pain.corpora.media import OTHER_VIDEOS
from keras_pain.errors import BadFileError, KerasPainError, reading
from keras_pain.io import read_text

KINDS = ("signals", "landmarks", "faces")
DESCRIPTION = "dataset_description.json"
PARTICIPANTS, RECORDINGS = "participants.tsv", "recordings.tsv"
CHANNELS = "channels.tsv"
LABELS = "_labels.tsv"
MISSING = ("", "n/a", "nan", "na", "n.a.", "null", "#n/a")
_CORE = ("file", "participant_id", "start", "end")
_LONGEST = 60  # characters of a participant's id, which names a fold
_AGES = 20  # years of a band
# BIDS' types of channels, and those that BIDS has no name for.
TYPES = (
    *("EMG", "ENVELOPE", "JNTANG", "POS", "VEL", "ACCEL", "GYRO", "ANGACCEL"),
    *("ORNT", "MAGN", "ECG", "EDA", "PPG", "RESP", "TEMP", "EEG", "EOG"),
    *("PUPIL", "MISC"),
)
VIDEOS = (".mp4", ".mov", ".m4v", *OTHER_VIDEOS)
PICTURES = (".jpg", ".jpeg", ".png")
ENDINGS = {
    "signals": (".csv", ".tsv", ".txt", ".npz", ".mat", ".parquet"),
    "landmarks": (".csv",),
    "faces": (*VIDEOS, *PICTURES),
}


class Channel(NamedTuple):
    """A row of `channels.tsv`; `part` is the body part, `""` of none."""

    name: str
    type: str  # one of `TYPES`
    units: str
    rate: float  # samples a second
    part: str


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of `recordings.tsv`: a recording, and the labels of all of it."""

    name: str  # of the recording, unique
    path: pathlib.Path
    subject: str
    start: float = 0.0  # seconds
    end: float | None = None  # None is the file's end
    cells: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Tables:
    """What the tables of a folder say."""

    root: pathlib.Path
    kind: str  # one of `KINDS`
    rows: tuple[Row, ...]  # in the order of their names
    groups: Mapping[str, str]  # of each participant, "" where none is said
    # Sex and band of age likewise, by column, for results by groups.
    others: Mapping[str, Mapping[str, str]] = dataclasses.field(
        default_factory=dict
    )
    channels: tuple[Channel, ...] = ()  # of signals
    rate: float | None = None  # frames a second of landmarks and pictures
    listing: str = RECORDINGS  # what lists them, as messages call it
    findings: Findings = dataclasses.field(default_factory=Findings)

    @property
    def columns(self) -> list[str]:
        """Labels of whole recordings, in the order of the table."""
        return list(dict.fromkeys(k for row in self.rows for k in row.cells))

    def frame_columns(self) -> list[str]:
        """Labels of frames, of the first recording that has any."""
        files = (labels_file(row.path) for row in self.rows)
        first = next((file for file in files if file.exists()), None)
        rows = read_rows(first, ()) if first else []
        return [name for name in rows[0] if name != "time"] if rows else []

    def identity(self) -> list:
        """What a dataset depends on beside the files, as JSON; not labels.

        These are read in every run: no reason to look for all faces again.
        """
        rows = []
        for row in self.rows:
            place = row.path.relative_to(self.root).as_posix()
            rows.append((row.name, place, row.subject, row.start, row.end))
        return [self.kind, rows, [tuple(c) for c in self.channels], self.rate]


class Label(NamedTuple):
    """One label of all recordings.

    `of` has, by recording, a number, or `(n,)` of rows that are frames, or have
    `times` in seconds: NaN where it is missing, and an index into `classes`
    where the table has words.
    """

    name: str
    of: dict[str, np.ndarray]
    classes: tuple[str, ...] = ()
    times: Mapping[str, np.ndarray] = {}
    by_frame: bool = False
    task: str = ""  # once it is known

    def frames(
        self, name: str, count: int, rate: float | None, start: float = 0.0
    ) -> np.ndarray:
        """`(count,)` labels of frames at `rate`, each that of the nearest row.

        `start` is the first frame's time in the file, in seconds. Frames that
        are farther from any row than rows from each other have NaN.
        """
        values, rows = self.of[name], np.arange(count)
        if not self.by_frame:
            return np.full(count, values)
        if not len(values):
            return np.full(count, np.nan)
        if name in self.times:
            order = np.argsort(self.times[name], kind="stable")
            times, wanted = self.times[name][order], start + rows / (rate or 1)
            step = np.diff(times).max(initial=0) or np.inf
            index = np.searchsorted((times[1:] + times[:-1]) / 2, wanted)
            near = np.abs(times[index] - wanted) <= step
            return np.where(near, values[order[index]], np.nan)
        nearest = values[np.minimum(rows, len(values) - 1)]
        return np.where(rows < len(values), nearest, np.nan)

    def check(self, row: Row, count: int, rate: float | None) -> None:
        """Raises BadFileError where labels do not fit a recording's frames.

        Those are `count`, at `rate`, from the start that its row says.
        """
        name, whole = row.name, row.end is None
        rows = len(np.atleast_1d(self.of[name]))
        end = round(row.start * (rate or 0)) + count
        if not (self.by_frame and rows):
            return
        if name in self.times:
            times = self.times[name]
            step = np.diff(np.sort(times)).max(initial=0)
            if not (rate and whole):
                return
            if times.max() <= end / rate + min(step, end / rate) + 1e-6:
                return
            problem = f"its times reach {times.max():g} s, the recording "
            problem += f"{end / rate:g} s"
            cure = "give seconds of the file"
        elif rows == end or (rows > end and not whole):
            return
        else:
            problem = f"has {rows} rows, the recording {end} frames"
            cure = "give one row a frame, or a column time in seconds"
        raise BadFileError(labels_file(row.path), problem, cure, "label_rows")

    def at_rate(self, rate: float | None) -> "Label":
        """The same, with times for rows that are frames at this rate."""
        if not (self.by_frame and rate):
            return self
        times = {k: np.arange(len(v)) / rate for k, v in self.of.items()}
        return self._replace(times={**times, **self.times})


def read_tables(root: StrPath) -> Tables:
    """Reads the tables of a folder, without its recordings.

    Raises KerasPainError, of one line, where one is missing or is no table, a
    person is in two groups or spelled in two ways, or nothing is listed.
    """
    root = _base(root)
    about, path = {}, root / DESCRIPTION
    if path.exists():
        cure = 'write a JSON object such as {"Name": ..., "Kind": ...}'
        with reading(path, "is no JSON object", cure):
            about = json.loads(read_text(path))
            if not isinstance(about, dict):
                raise ValueError(f"a {type(about).__name__}")
    people = read_rows(root / PARTICIPANTS, ["participant_id"])
    if not people:
        of = root / PARTICIPANTS
        raise BadFileError(of, "lists no participants", "add a row for each")
    path = root / RECORDINGS
    listed = read_rows(path, ["file", "participant_id"])
    kind = _kind(root, about, listed)
    groups, others = {}, {"sex": {}, "age": {}}
    for line, row in enumerate(people, start=2):
        person = row["participant_id"]
        for name, of in others.items():
            text = _known(row.get(name, "")).lower()
            if value := _age_band(text) if name == "age" else text:
                of.setdefault(person, value)
        group = _known(row.get("group", ""))
        if (other := groups.setdefault(person, group)) != group:
            problem = f"line {line}: {person} is in the group {group!r} and in "
            cure = "a person is in one group: mend one of the rows"
            raise BadFileError(root / PARTICIPANTS, f"{problem}{other!r}", cure)
    rows = []
    for line, row in enumerate(listed, start=2):
        try:
            rows.append(_row(root, row))
        except ValueError as error:
            cure = "mend this row"
            raise BadFileError(path, f"line {line}: {error}", cure) from error
    channels = _channels(root / CHANNELS) if kind == "signals" else ()
    rate = about.get("SamplingFrequency")
    if not (rate is None or isinstance(rate, int | float) and 0 < rate < 1e6):
        problem = f"SamplingFrequency is {rate!r}"
        cure = "give a number of frames a second"
        raise BadFileError(root / DESCRIPTION, problem, cure)
    more = {"channels": channels, "rate": rate, "others": others}
    return make_tables(root, kind, rows, groups, **more)


def _age_band(text: str) -> str:
    """`"47"` as `"40 to 59"`; what is no age as unknown."""
    number = text.partition(".")[0].strip()
    if not number.isdecimal():
        return ""
    first = int(number) // _AGES * _AGES
    return f"{first} to {first + _AGES - 1}"


def make_tables(
    root: pathlib.Path,
    kind: str,
    rows: Iterable[Row],
    groups: Mapping[str, str],
    **more,
) -> Tables:
    """`Tables` of rows, checked as `read_tables` does."""
    rows, found = sorted(rows, key=lambda row: row.name), Findings()
    path = root / more.get("listing", RECORDINGS)
    if not rows:
        raise BadFileError(path, "lists no recordings", "add a row for each")
    counts = collections.Counter(row.name for row in rows)
    if twice := next((name for name, n in counts.items() if n > 1), None):
        cure = "give a file once, or parts of it with other start and end"
        raise BadFileError(path, f"lists {twice} twice", cure)
    spelled: dict[str, str] = {}
    for person in dict.fromkeys([*groups, *(row.subject for row in rows)]):
        if not person or len(person) > _LONGEST or person.strip(". ") != person:
            raise KerasPainError(
                f"{root}: {person[:80]!r} is no participant_id: give up to "
                f"{_LONGEST} characters, no dot first or last"
            )
        other = spelled.setdefault(_folded(person), person)
        if other != person:
            raise KerasPainError(
                f"{root}: {other!r} and {person!r} differ in case, blanks or "
                "Unicode only; spell a participant_id in one way"
            )
    unknown = {row.subject for row in rows} - groups.keys()
    if groups and unknown:
        raise KerasPainError(
            f"{root}: {raw.shorten(sorted(unknown))} of {RECORDINGS} is not in "
            f"{PARTICIPANTS}; add the row"
        )
    absent = sorted(groups.keys() - {row.subject for row in rows})
    found.listed("no_recording", absent, "{n} participants without one: {}")
    return Tables(root, kind, tuple(rows), groups, findings=found, **more)


def read_label(tables: Tables, name: str) -> Label:
    """A label by the name of its column.

    Of recordings from `recordings.tsv`, or else of their frames from the files
    `<file>_labels.tsv`, one row a frame or with a column `time` in seconds.
    Raises ConfigurationError where nothing has this label, and BadFileError
    where a file cannot be read or a column mixes words and numbers.
    """
    path, by_frame = tables.root / RECORDINGS, name not in tables.columns
    texts, times, known = {}, {}, set()
    for row in tables.rows:
        texts[row.name] = [_known(row.cells.get(name, ""))]
        if by_frame:
            path = labels_file(row.path)
            table = read_rows(path, ()) if path.exists() else []
            known.update(*table)
            texts[row.name] = [_known(of.get(name, "")) for of in table]
            if table and "time" in table[0]:
                found = [number(of["time"]) for of in table]
                if None in found:
                    problem = f"line {found.index(None) + 2}: time is no number"
                    raise BadFileError(path, problem, "give seconds")
                times[row.name] = np.array(found)
    if by_frame and name not in known:
        raise errors.ConfigurationError(
            f"--label: nothing here is called {name!r}; labels of recordings "
            f"are {', '.join(tables.columns) or 'none'}, of frames "
            f"{', '.join(sorted(known - {'time'})) or 'none'}"
        )
    said = sorted({text for of in texts.values() for text in of} - {""})
    values, classes = {text: number(text) for text in said}, ()
    if words := [text for text, value in values.items() if value is None]:
        if len(words) < len(said):
            one = next(t for t in said if values[t] is not None)
            problem = f"label {name} has words ({words[0]!r}) and numbers "
            cure = "write either, and leave a cell empty that is not known"
            raise BadFileError(path, f"{problem}({one})", cure)
        points = [number(text.replace(",", ".")) for text in said]
        ways = {_folded(text): text for text in said}
        problem, cure = "", "write each in one way"
        if None not in points:
            problem, cure = "has decimal commas", "write 0.5 with a point"
        elif len(ways) < len(said):
            other = next(t for t in said if ways[_folded(t)] != t)
            problem = f"has {other!r} and {ways[_folded(other)]!r}"
        if problem:
            raise BadFileError(path, f"label {name} {problem}", cure)
        classes = tuple(said)
        values = {text: float(i) for i, text in enumerate(said)}
    values[""] = np.nan
    of = {k: np.array([values[t] for t in v]) for k, v in texts.items()}
    if not by_frame:
        of = {k: v[0] for k, v in of.items()}
    return Label(name, of, classes, times, by_frame)


def read_labels(tables: Tables) -> dict[str, Label]:
    """The labels of whole recordings by name, columns of notes left out.

    Those are columns that mix words and numbers.
    """
    found = {}
    for name in tables.columns:
        with contextlib.suppress(BadFileError):
            found[name] = read_label(tables, name)
    return found


def labels_file(path: pathlib.Path) -> pathlib.Path:
    """Where the labels of a file's frames are."""
    stem = path.name if path.is_dir() else _stem(path.name)
    return path.with_name(f"{stem}{LABELS}")


def _stem(name):
    """The name without its ending, nor that of a packed file."""
    plain = name[:-3] if name.lower().endswith(".gz") else name
    return pathlib.PurePath(plain).stem


def read_rows(
    path: pathlib.Path, needed: Sequence[str]
) -> list[dict[str, str]]:
    """Rows of a table with a header, cells stripped.

    Tabs divide cells, or else commas or semicolons, whatever the header has.
    Raises BadFileError where the file is no such table or lacks a column.
    """
    cure = f"write a header line with {', '.join(needed) or 'names'}"
    with reading(path, "cannot be read as a table", cure):
        lines = read_text(path).splitlines()
        marks = [m for m in "\t,;" if lines and m in lines[0]]
        mark = marks[0] if marks else "\t"
        # An open quote must not swallow the lines behind it.
        cells = csv.reader(filter(str.strip, lines), delimiter=mark)
        table = [[cell.strip() for cell in row] for row in cells]
        table = [row for row in table if any(row)]
    header = table[0] if table else []
    lacking = [name for name in needed if name not in header]
    problem = f"has no column {lacking[0]}" if lacking else ""
    if not problem and len(set(header)) < len(header):
        problem = "has two columns of one name"
    for number, row in enumerate(table[1:], start=2):
        if not problem and len(row) != len(header):
            problem = f"row {number} has {len(row)} cells, the header "
            problem += str(len(header))
    if problem:
        raise BadFileError(path, problem, cure)
    return [dict(zip(header, row, strict=True)) for row in table[1:]]


def _base(root):
    """The folder that holds the tables: this one, or one in it."""
    nothing = f"no {RECORDINGS} here (it holds {{}}); `keras-pain template "
    nothing += "signals FOLDER` writes an example of such a folder"

    def fits(folder):
        return (folder / RECORDINGS).is_file()

    return raw.find_base(root, ((), ("folder",)), fits, nothing)


def _kind(root, about, listed):
    kind = str(about.get("Kind", "")).lower()
    if kind in KINDS:
        return kind
    if kind:
        problem, cure = f"Kind is {kind[:40]!r}", f"give {', '.join(KINDS)}"
        raise BadFileError(root / DESCRIPTION, problem, cure)
    if (root / CHANNELS).exists():
        return "signals"
    for row in listed[:1]:
        if row["file"].lower().removesuffix(".gz").endswith(".csv"):
            return "landmarks"
    return "faces"


def row_of(
    root: pathlib.Path, file: str, subject: str, cells: Mapping[str, str]
) -> Row:
    """The row of a whole file, by its path below the folder."""
    found = {"file": file, "participant_id": subject}
    return dataclasses.replace(_row(root, found), cells=dict(cells))


def _row(root, row):
    place = pathlib.PurePosixPath(row["file"].replace("\\", "/"))
    absolute = place.is_absolute() or place.parts[:1] and ":" in place.parts[0]
    if not row["file"] or absolute or ".." in place.parts:
        raise ValueError(f"{row['file'][:80]!r} is no path below the folder")
    start, end = (_seconds(row, name) for name in ("start", "end"))
    if end is not None and end <= (start or 0):
        raise ValueError(f"end {end:g} is not behind start {start or 0:g}")
    name = place.with_name(_stem(place.name)).as_posix()
    if (start, end) != (None, None):
        name += f"@{start or 0:g}-{'end' if end is None else f'{end:g}'}"
    cells = {k: v for k, v in row.items() if k and k not in _CORE}
    path = root.joinpath(*place.parts)
    return Row(name, path, row["participant_id"], start or 0.0, end, cells)


def _seconds(row, name):
    text = _known(row.get(name, ""))
    if not text:
        return None
    value = number(text)
    if value is None or not 0 <= value < 1e7:
        raise ValueError(f"{name} {text[:40]!r} is no number of seconds")
    return value


def _channels(path):
    names = ("name", "type", "units", "sampling_frequency")
    rows, cure = read_rows(path, names), "mend this row"
    if not rows:
        raise BadFileError(path, "lists no channels", "add a row for each")
    channels = []
    for line, row in enumerate(rows, start=2):
        rate, kind = number(row["sampling_frequency"]), row["type"].upper()
        part = _known(row.get("part", ""))
        if rate is None or not 0 < rate <= 1e6:
            problem = f"sampling_frequency {row['sampling_frequency'][:40]!r}"
        elif kind not in TYPES:
            problem = f"type {row['type'][:40]!r} is none of {', '.join(TYPES)}"
        elif not row["name"] or row["name"] in {c.name for c in channels}:
            problem = f"the name {row['name'][:40]!r} is empty or taken"
        elif channels and channels[0].rate != rate:
            problem = f"{row['name']} has {rate:g} Hz, {channels[0].name} "
            problem += f"{channels[0].rate:g}"
            cure = "a file has one row a sample: give channels of another "
            cure += "rate files, and a folder, of their own, or resample them"
        else:
            given = row["name"], kind, row["units"], rate, part
            channels.append(Channel(*given))
            continue
        raise BadFileError(path, f"line {line}: {problem}", cure)
    return tuple(channels)


def number(text):
    """A finite number, or None."""
    try:
        value = float(text) if "_" not in text else np.nan
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _known(text):
    """The cell, `""` where it is missing."""
    return "" if text.strip().lower() in MISSING else text.strip()


def _folded(text):
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())
