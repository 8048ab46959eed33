"""Files of a user's folder to recordings: signals, landmarks, faces.

Rules, each named in the report: `time_column`: a column of times is looked at
and left out; `short_gap`: up to a quarter of a second without a number is
bridged by straight lines; `long_gap`, `two_rates` and others refuse the file.
"""

import contextlib
import csv
import functools
import gzip
import io
import pathlib
import zipfile

import numpy as np

from keras_pain.corpora import media
from keras_pain.corpora.base import LEAVE_OUT, Findings, RawFile
from keras_pain.corpora.folder import layout, timing
from keras_pain.corpora.mat import load_matrix
from keras_pain.corpora.recording import (
    SignalRecording,
    VideoRecording,
    bridge_gaps,
)
from keras_pain.errors import BadFileError, KerasPainError, reading
from keras_pain.io import decoded, load_object
from keras_pain.signals.landmarks import fill_missing, read_csv

_MOST = 1 << 30  # bytes of one recording, unpacked
_LARGEST = 1e12  # of a signal, whatever its unit
_COPY = "copy it anew or leave it out with --on_bad_file=skip"


def read_file(
    raw_file: RawFile, reader: str | None = None
) -> tuple[SignalRecording | VideoRecording, Findings]:
    """Reads one recording: all of a file, or the part that its row says.

    `reader` is the user's own, `package.module:function`, of signals or
    landmarks: it gets the path and the row of the table as a dict, and returns
    `(T, C)` samples of the channels, or `(T, 68, 2)` points, of the whole
    file; or a recording, which is taken as it is.

    Raises BadFileError where it cannot be used, and ConfigurationError where
    there is no such reader.
    """
    own = load_object(reader, "--reader") if reader else None
    if not (own and raw_file.refusal and raw_file.refusal[0] == "ending"):
        raw_file.check_refusal()
    if own is None:
        return READ[raw_file.layout](raw_file)
    with reading(raw_file.path, f"{reader} cannot read it", "mend the reader"):
        made = own(raw_file.path, dict(raw_file.info["row"]))
        if isinstance(made, SignalRecording | VideoRecording):
            return made, Findings(raw_file.findings)
        return READ[raw_file.layout](raw_file, np.asarray(made, np.float64))


def _signals(raw_file, values=None):
    found, info = Findings(raw_file.findings), raw_file.info
    channels = [layout.Channel(*channel) for channel in info["channels"]]
    names, rate = [c.name for c in channels], channels[0].rate
    path, times = raw_file.path, None
    with reading(path, "cannot be read as signals", _COPY):
        if values is None:
            values, times = read_table(path, names)
        else:
            values = _of_matrix(path, values, names)
    values = _part(raw_file, values, rate)
    if times is not None:
        times = times._replace(values=_part(raw_file, times.values, rate))
        _check_times(found, path, times, rate)
    raw_file.check_frames(len(values))
    finite = np.isfinite(values)
    largest = np.abs(values, where=finite, out=np.zeros_like(values)).max()
    if np.isinf(values).any() or largest > _LARGEST:
        largest = np.inf if np.isinf(values).any() else largest
        problem = f"a signal reaches {largest:.3g}, beyond {_LARGEST:g}"
        raise BadFileError(path, problem, _COPY, "out_of_range")
    if not finite.all():
        most = max(round(timing.GAP * rate), 1)
        bridged = bridge_gaps(values, ~finite, most)
        lost = np.isnan(values)
        if lost.any():
            channel = names[int(lost.any(axis=0).argmax())]
            problem = f"{channel} is missing in {lost.any(1).sum()} rows, more "
            problem += f"than {most} of them in a row"
            raise BadFileError(path, problem, LEAVE_OUT, "long_gap")
        found.repaired("short_gap", f"{bridged.sum()} missing numbers bridged")
    return SignalRecording(
        **raw_file.person,
        signals=values,
        frame_rate=rate,
        labels=info["labels"],
        simulated=raw_file.simulated,
    ), found


def _check_times(found, path, times, rate):
    """Raises BadFileError where a column of times says another rate."""
    said = timing.rate_of(path, times, rate)
    if said is None:
        found.noted("time_column", f"{times.name} says no rate; left out")
    elif 0.98 < said / rate < 1.02:
        detail = f"{times.name} has {1 / said:g} s a row, as {rate:g} Hz; "
        found.noted("time_column", f"{detail}looked at and left out")
    else:
        problem = f"its column {times.name} has {1 / said:g} s a row, "
        problem += f"{layout.CHANNELS} says {rate:g} Hz"
        cure = f"mend sampling_frequency there, or {timing.RENAME}"
        raise BadFileError(path, problem, cure, "two_rates")


def _landmarks(raw_file, points=None):
    found = Findings(raw_file.findings)
    if points is None:
        points = read_csv(raw_file.path, None)
    rate = raw_file.info["rate"]
    points = _part(raw_file, points, rate)
    raw_file.check_frames(len(points))
    try:
        clip = fill_missing(points)
    except KerasPainError as error:
        problem = f"has {str(error).partition(';')[0]}"
        path = raw_file.path
        raise BadFileError(path, problem, LEAVE_OUT, "no_landmarks") from error
    if missing := int((~clip.found).sum()):
        detail = f"{missing} of {len(points)} frames have none, interpolated"
        found.repaired("missing_landmarks", detail)
    return VideoRecording(
        **raw_file.person,
        num_frames=len(points),
        frames=list,
        frame_rate=rate,
        labels=raw_file.info["labels"],
        frame_labels={"found": clip.found},
        landmarks=clip.points,
        simulated=raw_file.simulated,
    ), found


def _faces(raw_file):
    info, path = raw_file.info, raw_file.path
    whole = (info["start"], info["end"]) == (0.0, None)
    still = path.suffix.lower() in layout.PICTURES
    source, rate = path, info["rate"]
    if still:
        source = [path]
    elif not path.is_dir():
        rate = media.frame_rate(path) or rate
    if not whole and not rate:
        problem = "its row has start or end, but nobody says its frame rate"
        cure = f"write SamplingFrequency into {layout.DESCRIPTION}"
        raise BadFileError(path, problem, cure, "no_rate")
    found = Findings(raw_file.findings)
    count, _, odd = media.survey(media.iterate_frames(source, found))
    if count == 0:
        raise BadFileError(path, "holds no picture", LEAVE_OUT, "empty")
    begin, end = _span(raw_file, count, rate or 1.0)
    raw_file.check_frames(end - begin, least=1 if whole else 2)
    recording = VideoRecording(
        **raw_file.person,
        num_frames=end - begin,
        frames=functools.partial(_frames, source, begin, end),
        frame_rate=rate,
        labels=info["labels"],
        simulated=raw_file.simulated,
    )
    found += odd
    return recording, found


def _frames(source, begin, end):
    return media.read_frames(source)[begin:end]


READ = {"signals": _signals, "landmarks": _landmarks, "faces": _faces}


def _part(raw_file, values, rate):
    """The frames that the row is about."""
    info = raw_file.info
    if (info["start"], info["end"]) == (0.0, None):
        return values
    if not rate:
        problem = "its row has start or end, but nobody says its frame rate"
        cure = f"write SamplingFrequency into {layout.DESCRIPTION}"
        raise BadFileError(raw_file.path, problem, cure, "no_rate")
    begin, end = _span(raw_file, len(values), rate)
    return values[begin:end]


def _span(raw_file, count, rate):
    """First frame and end of the row's part of `count` frames."""
    start, end = raw_file.info["start"], raw_file.info["end"]
    begin = round(start * rate)
    stop = count if end is None else round(end * rate)
    if begin >= count or stop > count + 1:
        problem = f"its row goes from {start:g} s to "
        problem += "its end" if end is None else f"{end:g} s"
        problem += f", but it has {count / rate:.3f} s"
        cure = f"mend start and end in {layout.RECORDINGS}"
        raise BadFileError(raw_file.path, problem, cure, "beyond_end")
    return begin, min(stop, count)


def read_table(
    path: pathlib.Path, names: list[str]
) -> tuple[np.ndarray, timing.Times | None]:
    """`(T, C)` float64 of the named channels; times, if a column has them.

    Raises BadFileError, by the rule `channels` where some are not there.
    """
    ending = pathlib.PurePath(path.name.lower().removesuffix(".gz")).suffix
    if ending == ".npz":
        return _of_npz(path, names)
    if ending == ".mat":
        return _of_mat(path, names)
    if ending == ".parquet":
        return _of_parquet(path, names)
    return _of_text(path, names)


def _of_matrix(path, values, names):
    values = np.asarray(values)
    if np.iscomplexobj(values):
        cure = "save its real part"
        raise BadFileError(path, "its matrix is complex", cure, "channels")
    values = values.astype(np.float64)
    if values.ndim != 2 or values.shape[1] != len(names):
        shape = " x ".join(map(str, values.shape)) or "one number"
        problem = f"its matrix is {shape}, but "
        problem += f"{layout.CHANNELS} lists {len(names)} channels"
        cure = "save one row a sample and one column a channel"
        if values.ndim == 2 and values.shape[0] == len(names):
            cure = f"transpose it: {cure}"
        raise BadFileError(path, problem, cure, "channels")
    return values


def _of_vectors(path, names, known, load):
    """A vector a channel, by names, of those that are `known` in a file."""
    if not set(names) <= set(known):
        raise _lacking(path, names, known)
    columns = {name: np.asarray(load(name)) for name in names}
    for name, of in columns.items():
        first = columns[names[0]].size
        if of.size != first or of.size != max(of.shape, default=0):
            problem = f"{name} is {' x '.join(map(str, of.shape))}, "
            problem += f"{names[0]} has {first} samples"
            cure = "save a vector a channel, all of one length"
            raise BadFileError(path, problem, cure, "channels")
    values = np.stack([of.ravel() for of in columns.values()], axis=1)
    return _of_matrix(path, values, names), _beside(
        path, names, known, load, len(values)
    )


def _beside(path, names, known, load, count):
    """The times of `count` rows, if something known in the file has them."""
    import pandas as pd

    for name in timing.time_column(known, names):
        cells = np.ravel(load(name))
        if len(cells) == count:
            return timing.read_times(path, name, pd.Series(cells))
        if len(cells) > 1:  # one may be how long it took
            problem = f"{name} has {len(cells)} times, the signals {count} rows"
            cure = "give each row a time, or rename it"
            raise BadFileError(path, problem, cure, "two_rates")
    return None


def _of_mat(path, names):
    def load(name):
        return load_matrix(path, prefer=name, several="last").values

    known, widths = [], [len(names)]
    with contextlib.suppress(BadFileError):
        given = {"prefer": names[0], "several": "last", "widths": widths}
        matrix = load_matrix(path, **given)
        known = [matrix.variable, *matrix.others]
    if set(names) & set(known):
        return _of_vectors(path, names, known, load)
    if len(known) != 1:
        # What stands beside it, e.g. the rate, has fewer columns.
        matrix = load_matrix(path, min_columns=len(names), widths=widths)
    values = _of_matrix(path, matrix.values, names)
    return values, _beside(path, names, known, load, len(values))


def _of_npz(path, names):
    with zipfile.ZipFile(path) as archive:
        _check_bytes(path, sum(entry.file_size for entry in archive.infolist()))
    with np.load(path, allow_pickle=False) as arrays:
        found = [arrays[name] for name in arrays.files]
        found = [a for a in found if a.ndim == 2] or found
        if len(found) != 1 or set(names) <= set(arrays.files):
            return _of_vectors(path, names, arrays.files, arrays.get)
        values = _of_matrix(path, found[0], names)
        of = arrays.files, arrays.get, len(values)
        return values, _beside(path, names, *of)


def _of_parquet(path, names):
    from pyarrow import parquet

    about = parquet.ParquetFile(path)
    known = about.schema_arrow.names
    if not set(names) <= set(known):
        raise _lacking(path, names, known)
    times = timing.time_column(known, names)
    _check_bytes(path, 8 * about.metadata.num_rows * len(names))
    table = about.read(columns=[*names, *times])
    columns = [table.column(name).to_numpy() for name in names]
    values = np.stack([column.astype(np.float64) for column in columns], axis=1)
    if not times:
        return values, None
    return values, timing.read_times(
        path, *times, table.column(times[0]).to_pandas()
    )


def _of_text(path, names):
    import pandas as pd

    opened = gzip.open if path.suffix.lower() == ".gz" else open
    with opened(path, "rb") as stream:
        content = stream.read(_MOST + 1)
    _check_bytes(path, len(content))
    with reading(path, "is not a text file", _COPY, "not_text"):
        content = decoded(content).encode()
    if not content.strip():
        raise BadFileError(path, "is empty", _COPY, "empty")
    lines = content[: 1 << 20].decode(errors="replace").splitlines()
    first = next(filter(str.strip, lines), "")
    # A decimal comma is none that divides cells.
    mark = next((mark for mark in "\t;," if mark in first), r"\s+")
    by = None if mark == r"\s+" else mark
    header = [cell.strip().strip('"') for cell in first.split(by)]
    headed = set(names) <= set(header)
    if not headed:
        # A row of numbers is data, never a header.
        numbers = (cell.replace(",", ".") for cell in header if cell)
        if None in map(layout.number, numbers):
            raise _lacking(path, names, header)
        if len(header) != len(names):
            problem = f"has no header and {len(header)} columns, but "
            problem += f"{layout.CHANNELS} lists {len(names)}"
            cure = "write a header line with the names of the channels"
            raise BadFileError(path, problem, cure, "channels")
        header = names
    elif len(set(header) - {""}) < len([name for name in header if name]):
        cure = "give each column a name of its own"
        raise BadFileError(path, "has two columns of one name", cure)
    times = timing.time_column(header, names)
    numbers = [header.index(name) for name in [*names, *times]]
    _check_cells(path, content, by)
    types = dict.fromkeys(numbers, np.float64)
    if times:
        types[numbers[-1]] = str
    some = [line.split(by) for line in lines[headed:1000] if line.strip()]
    of_channels = numbers[: len(names)]
    cells = (row[i] for row in some for i in of_channels if i < len(row))
    commas = mark in ";\t" and any("," in cell for cell in cells)
    try:
        table = pd.read_csv(
            io.BytesIO(content),
            sep=mark,
            header=None,
            skiprows=lines.index(first) + 1 if headed else 0,
            names=list(range(len(header))),
            usecols=numbers,
            index_col=False,
            dtype=types,
            decimal="," if commas else ".",
            skipinitialspace=True,
            encoding="utf-8",
        )
    except ValueError as error:
        problem = f"has a cell that is no number ({error})"
        cure = "give numbers only, below one header line"
        raise BadFileError(path, problem, cure, "not_numbers") from error
    values = table[of_channels].to_numpy()
    if not times:
        return values, None
    return values, timing.read_times(path, *times, table[numbers[-1]])


def _check_cells(path, content, mark):
    """Raises BadFileError where a row has more cells, or fewer, than others.

    But for the last one, which may be cut off. `mark` is None of blanks.
    """
    data = np.frombuffer(content, np.uint8)
    if mark is None or b'"' in content:
        lines = content.decode().splitlines()
        rows = map(str.split, lines)
        if mark:
            rows = csv.reader(lines, delimiter=mark)
        counts = np.array([count for count in map(len, rows) if count])
    else:
        ends = np.flatnonzero(data == ord("\n"))
        total = np.cumsum(data == ord(mark))
        before = total[ends] if len(ends) else total[:0]
        counts = np.diff(np.concatenate([[0], before, total[-1:]])) + 1
        sizes = np.diff(np.concatenate([[-1], ends, [len(data)]])) - 1
        counts = counts[sizes > 1]
    odd = np.flatnonzero(counts != counts[:1])
    if len(odd) and not (len(odd) == 1 and odd[0] == len(counts) - 1):
        problem = f"row {odd[0] + 1} has {counts[odd[0]]} cells, row 1 "
        problem += str(counts[0])
        raise BadFileError(path, problem, "give each row as many", "ragged")


def _lacking(path, names, known):
    gone = next(name for name in names if name not in known)
    some = ", ".join(map(str, list(known)[:8]))[:120]
    problem = f"has no channel {gone!r} (it has {some or 'none'})"
    cure = f"mend the names there or in {layout.CHANNELS}"
    return BadFileError(path, problem, cure, "channels")


def _check_bytes(path, size):
    if size > _MOST:
        problem = f"holds {size / 2**30:.1f} GiB, more than {_MOST >> 30}"
        raise BadFileError(path, problem, "cut it into parts", "too_large")
