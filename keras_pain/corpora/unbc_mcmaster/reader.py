"""A sequence of UNBC to a recording: pictures, labels, landmarks."""

import dataclasses
import functools
import pathlib

import numpy as np

from keras_pain.corpora.faces.curves import pspi
from keras_pain.corpora.files import Finding, RawFile
from keras_pain.corpora.stills import read_still
from keras_pain.corpora.survey import Survey, shorten
from keras_pain.corpora.unbc_mcmaster import layout as facts
from keras_pain.corpora.unbc_mcmaster.labels import LabelReader
from keras_pain.corpora.unbc_mcmaster.points import check_points
from keras_pain.corpora.video import VideoRecording
from keras_pain.errors import BadFileError

MIN_FRAMES = 2  # one picture shows no movement
_TOLERANCE = 0.5  # intensities are whole numbers


@dataclasses.dataclass
class UnbcRecording(VideoRecording):
    """A sequence of UNBC.

    Labels `vas`, `opr`, `aff`, `sen`, NaN where one is missing; frame labels
    `pspi`, `(T,)`, as the files say, and `aus`, `(T, 10)`, intensities of
    `layout.CODED_UNITS`, NaN where a frame's file is missing.

    Args:
        frame_numbers: `(T,)` int32, of the pictures' names; a gap is a frame
            that is missing.
        affected: Whether the affected arm was moved.
    """

    frame_numbers: np.ndarray = dataclasses.field(
        default_factory=lambda: np.zeros(0, np.int32)
    )
    affected: bool = False


def read_file(
    raw_file: RawFile,
    *,
    min_frames: int = MIN_FRAMES,
    look_at_frames: bool = True,
) -> tuple[UnbcRecording, list[Finding]]:
    """Reads the labels of a sequence and looks at its pictures.

    Args:
        raw_file: A file of `find_files`.
        min_frames: Fewest frames; shorter sequences are refused by the rule
            `too_few_frames`.
        look_at_frames: Decode each picture once, to find those that are
            broken, dark, grey, or of another size. Without, `frames()` alone
            finds the broken ones.

    Returns:
        The recording, without a frame rate, and what was found. The PSPI of
        the files is kept, also where the action units say otherwise. Only
        pictures, PSPI and VAS are needed: of other files that cannot be used
        the labels are unknown.

    Raises:
        BadFileError: A picture, or a file of PSPI or VAS that is not empty,
            cannot be used.
    """
    raw_file.check_refusal()
    info = raw_file.info
    images: dict[int, pathlib.Path] = info["images"]
    if len(images) < min_frames:
        raise BadFileError(
            raw_file.path,
            f"has {len(images)} frame(s), fewer than {min_frames}",
            "leave it out with --on_bad_file=skip",
            rule="too_few_frames",
        )
    numbers = list(images)
    labels = LabelReader()
    findings = [*raw_file.findings, *_about_numbers(numbers)]
    scales, bad_scales = _scales(info["scales"], labels)
    scores = _scores(info["pspi"], numbers, labels)
    units, others, bad_units = _units(info["facs"], numbers, labels)
    findings += [*bad_scales, *bad_units]
    points, bad_points = _points(info["aam"], numbers, labels)
    findings += _about_labels(info, numbers, labels, others, bad_points)
    findings += _compare(numbers, scores, units)
    paths = list(images.values())
    size = None
    if look_at_frames:
        survey = Survey().watch(map(read_still, paths))
        findings += [*_about_channels(paths), *survey.findings()]
        size = next(iter(survey.sizes))
    points, about_points = check_points(points, size)
    recording = UnbcRecording(
        name=raw_file.name,
        subject_id=raw_file.subject_id,
        group=raw_file.group,
        num_frames=len(images),
        decode=functools.partial(_decode, paths),
        labels=scales,
        frame_labels={"pspi": scores, "aus": units},
        landmarks=points,
        findings=[*findings, *about_points],
        simulated=info["simulated"],
        frame_numbers=np.array(numbers, np.int32),
        affected=not raw_file.name.endswith("unaff"),
    )
    return recording, recording.findings


def _decode(paths):
    return [read_still(path) for path in paths]


def _about_numbers(numbers: list[int]) -> list[Finding]:
    missing = sorted(set(range(1, numbers[-1] + 1)) - set(numbers))
    if not missing:
        return []
    detail = (
        f"{len(missing)} of {numbers[-1]} frames missing: {shorten(missing)}; "
        "read without them, labels go by number"
    )
    return [Finding("missing_frames", "noted", detail)]


def _scales(files, labels) -> tuple[dict[str, float], list[Finding]]:
    values, findings = dict.fromkeys(facts.SCALES, np.nan), []
    for scale, path in files.items():
        try:
            values[scale] = labels.number(path, facts.SCALES[scale])
        except BadFileError as error:
            if scale == facts.NEEDED_SCALE:
                raise
            detail = f"{scale.upper()} file: {error.problem}; unknown"
            findings.append(Finding(error.rule, "noted", detail))
    return values, findings


def _scores(files, numbers, labels) -> np.ndarray:
    limits = (0, facts.PSPI_MAX)
    values = [
        labels.number(files[n], limits) if n in files else np.nan
        for n in numbers
    ]
    return np.array(values, np.float32)


def _units(
    files, numbers, labels
) -> tuple[np.ndarray, set[int], list[Finding]]:
    units = np.full((len(numbers), len(facts.CODED_UNITS)), np.nan, np.float32)
    others, errors = set(), []
    for row, number in enumerate(numbers):
        if number not in files:
            continue
        try:
            coded = labels.units(files[number])
        except BadFileError as error:
            errors.append(error)
            continue
        units[row] = [coded.pop(unit, 0.0) for unit in facts.CODED_UNITS]
        others |= coded.keys()
    if not errors:
        return units, others, []
    first = errors[0]
    detail = (
        f"{len(errors)} FACS files cannot be used, the first "
        f"{pathlib.Path(first.path).name}: {first.problem}; "
        "unknown there"
    )
    return units, others, [Finding(first.rule, "noted", detail)]


def _points(files, numbers, labels) -> tuple[np.ndarray, list[int]]:
    points = np.full((len(numbers), facts.NUM_LANDMARKS, 2), np.nan, np.float32)
    bad = []
    for row, number in enumerate(numbers):
        if number in files:
            found = labels.points(files[number])
            if found is None:
                bad.append(number)
            else:
                points[row] = found
    return points, bad


def _about_labels(info, numbers, labels, others, bad_points) -> list[Finding]:
    findings = []

    def note(rule, items, text, action="noted"):
        if items:
            count = len(items)
            detail = f"{count} {text.format(shorten(sorted(items)))}"
            findings.append(Finding(rule, action, detail))

    for name in ("pspi", "facs", "aam"):
        here = set(info[name])
        note(
            "missing_labels",
            set(numbers) - here,
            f"frames without {name.upper()} file: {{}}; unknown there",
        )
        note(
            "labels_without_frame",
            here - set(numbers),
            f"{name.upper()} files without frame: {{}}; left out",
        )
    note(
        "missing_scale",
        [s.upper() for s in facts.SCALES if s not in info["scales"]],
        "scales without file: {}; unknown",
    )
    note("empty_label", labels.empty, "label files empty: {}; unknown")
    note(
        "comma_decimal",
        labels.commas,
        "label files with decimal commas: {}; read as points",
        "repaired",
    )
    note("other_units", others, "further action units: {}; left out")
    note(
        "landmark_count",
        bad_points,
        f"landmark files without {facts.NUM_LANDMARKS} lines of x and y: "
        "frames {}; unknown there",
    )
    return findings


def _compare(numbers, scores, units) -> list[Finding]:
    """The files' PSPI against that of the action units."""
    columns = dict(zip(facts.CODED_UNITS, units.T, strict=True))
    columns[43] = np.minimum(columns[43], 1)  # closed or not
    own = pspi(columns)
    known = np.isfinite(own) & np.isfinite(scores)
    if not known.any():
        return []
    differs = np.flatnonzero(known & (np.abs(own - scores) > _TOLERANCE))
    if not len(differs):
        detail = f"{known.sum()} frames: PSPI equals that of the action units"
        return [Finding("pspi", "checked", detail)]
    first = differs[0]
    detail = (
        f"{len(differs)} of {known.sum()} frames: PSPI is not that of the "
        f"action units, first frame {numbers[first]} with {scores[first]:g} "
        f"against {own[first]:g}; the file is believed"
    )
    return [Finding("pspi_disagrees", "noted", detail)]


def _about_channels(paths) -> list[Finding]:
    from PIL import Image

    modes: dict[str, int] = {}
    for path in paths:
        with Image.open(path) as image:  # reads the header only
            modes[image.mode] = modes.get(image.mode, 0) + 1
    return [
        Finding(
            "channels",
            "repaired",
            f"{count} of {len(paths)} pictures are {mode}, read as RGB",
        )
        for mode, count in sorted(modes.items())
        if mode != "RGB"
    ]
