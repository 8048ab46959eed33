"""A sequence of UNBC to a recording: pictures, labels, landmarks."""

import collections
import functools
import pathlib
from collections.abc import Mapping

import numpy as np

from keras_pain.corpora.base import Findings, RawFile
from keras_pain.corpora.media import iterate_frames, read_frames, survey
from keras_pain.corpora.recording import VideoRecording
from keras_pain.corpora.unbc_mcmaster import layout as facts
from keras_pain.errors import BadFileError, reading
from keras_pain.io import number_lines, read_text
from keras_pain.signals.landmarks import FARTHEST

_TOLERANCE = 0.5  # intensities are whole numbers
_COPY = "copy it anew or leave the sequence out with --on_bad_file=skip"
_EYES, _MOUTH = slice(36, 48), slice(48, 66)
_OUTSIDE = 0.1  # of a picture's side; a chin may well leave the picture
# What is said of odd label files, by rule.
_ODD = {
    "empty_label": "{n} label files empty: {}; unknown",
    "comma_decimal": "{n} label files with decimal commas: {}; read as points",
    "other_units": "{n} further action units: {}; left out",
    "landmark_count": f"{{n}} landmark files without {facts.NUM_LANDMARKS} "
    f"lines of x and y up to {FARTHEST:,}: frames {{}}; unknown there",
}


def pspi(units: Mapping[int, np.ndarray | float]) -> np.ndarray:
    """Prkachin and Solomon's pain intensity (Pain 139, 2008), 0..16.

    AU4 + max(AU6, AU7) + max(AU9, AU10) + AU43, each a number or an array;
    missing ones are 0.
    """

    def at(unit):
        return np.asarray(units.get(unit, 0.0), np.float64)

    return at(4) + np.maximum(at(6), at(7)) + np.maximum(at(9), at(10)) + at(43)


def read_file(
    raw_file: RawFile, *, look_at_frames: bool = True
) -> tuple[VideoRecording, Findings]:
    """Reads the labels of a sequence and looks at its pictures.

    With `look_at_frames` each picture is decoded once, to find those that are
    broken, dark, grey, or of another size; without, `frames()` alone finds the
    broken ones.

    Returns the recording, without a frame rate, and what was found. Its labels
    are those of `layout.SCALES`; its frame labels `pspi`, `(T,)`, as the files
    say, also where the action units say otherwise, and `aus`, `(T, 10)`,
    intensities of `layout.CODED_UNITS`. What is missing, and labels but PSPI
    and VAS in files that cannot be used, is NaN. Raises BadFileError where a
    picture, or a file of PSPI or VAS, cannot be used.
    """
    raw_file.check_refusal()
    images = raw_file.info["images"]
    raw_file.check_frames(len(images))
    numbers, paths = list(images), list(images.values())
    found, last = Findings(raw_file.findings), numbers[-1]
    missing = sorted(set(range(1, last + 1)) - set(numbers))
    said = f"{{n}} of {last} frames missing: {{}}; read without them, labels "
    found.listed("missing_frames", missing, said + "go by number")
    scales, scores, units, points = _read_labels(raw_file.info, numbers, found)
    _compare(found, numbers, scores, units)
    size = None
    if look_at_frames:
        _, (size, *_), odd = survey(iterate_frames(paths, found))
        found += odd
    return VideoRecording(
        **raw_file.person,
        num_frames=len(paths),
        frames=functools.partial(read_frames, paths),
        labels=scales,
        frame_labels={"pspi": scores, "aus": units},
        landmarks=check_points(found, points, size),
        simulated=raw_file.simulated,
    ), found


def _read_labels(info, numbers, found):
    """Labels of the sequence by scale, PSPI, units and landmarks by frame.

    A decimal comma is repaired, as no number here has another use for it; an
    empty file is a missing label (of units: says that there are none);
    anything else that is no number raises an error, or is unknown where the
    file is not needed.
    """
    odd = collections.defaultdict(list)  # rule of `_ODD` to what it is about
    scales = dict.fromkeys(facts.SCALES, np.nan)
    for scale, path in info["scales"].items():
        try:
            scales[scale] = _number(path, *facts.SCALES[scale], odd)
        except BadFileError as error:
            if scale == facts.NEEDED_SCALE:
                raise
            detail = f"{scale.upper()} file: {error.problem}; unknown"
            found.noted(error.rule, detail)
    count, errors = len(numbers), []
    scores = np.full(count, np.nan, np.float32)
    units = np.full((count, len(facts.CODED_UNITS)), np.nan, np.float32)
    points = np.full((count, facts.NUM_LANDMARKS, 2), np.nan, np.float32)
    for row, number in enumerate(numbers):
        if number in info["pspi"]:
            scores[row] = _number(info["pspi"][number], 0, facts.PSPI_MAX, odd)
        if number in info["facs"]:
            try:
                coded = _coded(info["facs"][number], odd)
                units[row] = [coded.pop(u, 0.0) for u in facts.CODED_UNITS]
                odd["other_units"] += coded
            except BadFileError as error:
                errors.append(error)
        if number in info["aam"]:
            try:
                rows = _rows(info["aam"][number], odd)
            except BadFileError:
                rows = []
            if (
                list(map(len, rows)) == [2] * facts.NUM_LANDMARKS
                and np.abs(rows).max() <= FARTHEST
            ):
                points[row] = rows
            else:
                odd["landmark_count"].append(number)
    if errors:
        first, name = errors[0], pathlib.Path(errors[0].path).name
        detail = f"{len(errors)} FACS files cannot be used, the first {name}: "
        found.noted(first.rule, f"{detail}{first.problem}; unknown there")
    frames = set(numbers)
    for name in ("pspi", "facs", "aam"):
        here, title = set(info[name]), name.upper()
        said = f"{{n}} frames without {title} file: {{}}; unknown there"
        found.listed("missing_labels", sorted(frames - here), said)
        said = f"{{n}} {title} files without frame: {{}}; left out"
        found.listed("labels_without_frame", sorted(here - frames), said)
    missing = sorted(s.upper() for s in facts.SCALES if s not in info["scales"])
    said = "{n} scales without file: {}; unknown"
    found.listed("missing_scale", missing, said)
    odd["other_units"] = set(odd["other_units"])
    for rule, text in _ODD.items():
        action = "repaired" if rule == "comma_decimal" else "noted"
        found.listed(rule, sorted(odd[rule]), text, action)
    return scales, scores, units, points


def _number(path, low, high, odd):
    """The one number of a file; NaN where the file is empty."""
    values = sum(_rows(path, odd), [])
    if not values:
        odd["empty_label"].append(path.name)
        return np.nan
    if len(values) > 1:
        problem = f"holds {len(values)} numbers, not one"
        raise BadFileError(path, problem, _COPY, "wrong_count")
    return _in_range(path, values[0], low, high)


def _in_range(path, value, low, high):
    """The value; BadFileError by rule `label_range` where it is no label."""
    if not low <= value <= high:
        problem = f"holds {value:g}, not {low} to {high}"
        cure = "correct it, or leave the sequence out with --on_bad_file=skip"
        raise BadFileError(path, problem, cure, "label_range")
    return value


def _coded(path, odd):
    """Action unit to intensity."""
    units = {}
    for row in _rows(path, odd):
        if len(row) not in (2, 4) or row[0] not in range(100):
            problem = "has a line that is not 'unit intensity', or that and two"
            problem += " further numbers"
            raise BadFileError(path, problem, _COPY, "wrong_count")
        unit, value = int(row[0]), row[1]
        if unit in facts.CODED_UNITS:
            _in_range(path, value, 0, facts.INTENSITY_MAX)
        units[unit] = max(units.get(unit, 0.0), value)
    return units


def _rows(path, odd):
    """The numbers of a file, see `number_lines`, line by line."""
    with reading(path, "is not a text file", _COPY, "not_numbers"):
        text = read_text(path)
    rows = []
    for number, values in number_lines(path, text.replace(",", "."), _COPY):
        if not np.isfinite(values).all():
            problem = f"line {number} holds NaN or infinity, no number"
            raise BadFileError(path, problem, _COPY, "not_numbers")
        rows.append(values)
    if "," in text:
        odd["comma_decimal"].append(path.name)
    return rows


def _compare(found, numbers, scores, units):
    """Compares the files' PSPI with that of the action units."""
    columns = dict(zip(facts.CODED_UNITS, units.T, strict=True))
    columns[43] = np.minimum(columns[43], 1)  # closed or not
    own = pspi(columns)
    known = np.isfinite(own) & np.isfinite(scores)
    if not known.any():
        return
    differs = np.flatnonzero(known & (np.abs(own - scores) > _TOLERANCE))
    if not len(differs):
        detail = f"{known.sum()} frames: PSPI equals that of the action units"
        found.checked("pspi", detail)
        return
    at = differs[0]
    said = f"{len(differs)} of {known.sum()} frames: PSPI is not that of the "
    said += f"action units, first frame {numbers[at]} with {scores[at]:g} "
    said += f"against {own[at]:g}; the file is believed"
    found.noted("pspi_disagrees", said)


def check_points(
    found: Findings, points: np.ndarray, size: tuple[int, int] | None
) -> np.ndarray:
    """Repairs exchanged columns and notes points far out of the picture.

    Some readers of these files take them as row and column. In a face whose
    head is not laid on its side, the mouth lies below the eyes: where it lies
    beside them in most frames, the columns are exchanged. Points are `(T, 66,
    2)`, x and y in pixels, NaN where unknown; `size` is height and width of
    the pictures, or None.
    """
    known = np.isfinite(points).all(axis=(1, 2))
    if not known.any():
        return points
    down = points[:, _MOUTH].mean(axis=1) - points[:, _EYES].mean(axis=1)
    if (np.abs(down[known, 0]) > np.abs(down[known, 1])).mean() > 0.5:
        points, down = points[..., ::-1].copy(), down[..., ::-1]
        detail = "the columns are y and x; exchanged"
        found.repaired("landmarks_exchanged", detail)
    if (down[known, 1] < 0).mean() > 0.5:
        detail = "the mouth lies above the eyes; kept"
        found.noted("landmarks_upside_down", detail)
    if size is not None:
        side = np.array(size[::-1])
        far = (points < -_OUTSIDE * side) | (points > (1 + _OUTSIDE) * side)
        count = int(far[known].any(axis=(1, 2)).sum())
        if count:
            detail = f"{count} frames with points far out of the picture; kept"
            found.noted("landmarks_outside", detail)
    return points
