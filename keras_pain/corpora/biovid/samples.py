"""The owners' list of clips, `samples.csv`, and what it says against the disk.

The list is checked, never trusted: the class of a clip is the one in its name.
"""

import csv
import dataclasses
import pathlib

from keras_pain.corpora.biovid.layout import CLASSES, SAMPLES_COLUMNS
from keras_pain.corpora.files import Finding, RawFile
from keras_pain.corpora.survey import shorten


@dataclasses.dataclass(frozen=True)
class Sample:
    """One row of the list.

    Args:
        name: `sample_name`, which is the clip's name without `.mp4`.
        subject: `subject_name`.
        class_name: `"BL1"`, `"PA1"` ... `"PA4"`.
        class_id: `"0"` to `"4"`, as it is written.
    """

    name: str
    subject: str
    class_name: str
    class_id: str


def read_samples(
    path: pathlib.Path | None,
) -> tuple[dict[str, Sample], list[Finding]]:
    """Reads the list.

    Args:
        path: `samples.csv`, or None where there is none.

    Returns:
        The rows by lower-case clip name, and what was wrong with the list;
        one that cannot be used gives no rows.
    """
    if path is None:
        return {}, [_noted("no_samples", "no samples.csv: nothing to compare")]
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return _useless(path, f"cannot be read ({error})")
    lines = text.splitlines()
    if not lines:
        return _useless(path, "is empty")
    delimiter = max("\t;,", key=lines[0].count)
    rows = list(csv.DictReader(lines, delimiter=delimiter))
    header = rows[0].keys() if rows else lines[0].split(delimiter)
    missing = [c for c in SAMPLES_COLUMNS if c not in header]
    if missing:
        return _useless(path, f"has no column {', '.join(missing)}")
    samples, findings = _samples(rows, path.name)
    if delimiter != "\t":
        detail = f"{path.name} has {delimiter!r} between columns, not tabs"
        findings.append(_noted("samples_format", detail))
    return samples, findings


def _samples(rows, file_name) -> tuple[dict[str, Sample], list[Finding]]:
    samples, broken, twice = {}, [], []
    for line, row in enumerate(rows, start=2):
        values = [row[column] for column in SAMPLES_COLUMNS]
        if None in values or not all(map(str.strip, values)):
            broken.append(line)
            continue
        _, subject, class_id, class_name, _, name = map(str.strip, values)
        if name.lower() in samples:
            twice.append(name)
            continue
        samples[name.lower()] = Sample(name, subject, class_name, class_id)
    findings = []
    if broken:
        detail = f"{file_name}: values missing in line {shorten(broken)}"
        findings.append(_noted("samples_format", detail))
    if twice:
        detail = f"{file_name} lists clips twice: {shorten(twice)}"
        findings.append(_noted("samples_format", detail))
    return samples, findings


def compare(
    samples: dict[str, Sample], files: list[RawFile]
) -> dict[int, list[Finding]]:
    """What the list says against the files.

    Args:
        samples: Rows of `read_samples`; where there are none, nothing is said.
        files: The clips on disk.

    Returns:
        Findings by index of the file that they are reported with: extra clips
        and other classes with the clip, missing clips with the first clip of
        the subject, missing subjects with the first clip of all.
    """
    if not samples:
        return {}
    found: dict[int, list[Finding]] = {}
    first: dict[str, int] = {}
    for index, file in enumerate(files):
        if file.refusal is None:
            first.setdefault(file.subject_id, index)
            found[index] = _against(samples.get(file.name.lower()), file)
    there = {file.name.lower() for file in files}
    absent: dict[str, list[str]] = {}
    for key, sample in samples.items():
        if key not in there:
            absent.setdefault(sample.subject.lower(), []).append(sample.name)
    for subject in [subject for subject in absent if subject in first]:
        names = absent.pop(subject)
        detail = (
            f"{len(names)} clips of {subject} that samples.csv lists are not "
            f"here: {shorten(names)}"
        )
        found[first[subject]].append(_noted("missing_clips", detail))
    if absent and first:
        detail = (
            f"{len(absent)} people that samples.csv lists have no clip here: "
            f"{shorten(sorted(absent))}"
        )
        found[min(first.values())].append(_noted("missing_subjects", detail))
    return found


def _against(sample: Sample | None, file: RawFile) -> list[Finding]:
    if sample is None:
        return [_noted("not_in_samples", "samples.csv does not list it; kept")]
    level = file.info["level"]
    findings = []
    if (sample.class_name.upper(), sample.class_id) != (
        CLASSES[level],
        str(level),
    ):
        detail = (
            f"samples.csv says {sample.class_name} ({sample.class_id}), its "
            f"name {CLASSES[level]} ({level}): its name is believed"
        )
        findings.append(_noted("class_against_samples", detail))
    if sample.subject.lower() != file.subject_id:
        detail = (
            f"samples.csv says {sample.subject}, its name {file.subject_id}: "
            "its name is believed"
        )
        findings.append(_noted("subject_against_samples", detail))
    return findings


def _useless(path, problem) -> tuple[dict[str, Sample], list[Finding]]:
    detail = f"{path.name} {problem}: nothing to compare the clips with"
    return {}, [_noted("bad_samples", detail)]


def _noted(rule: str, detail: str) -> Finding:
    return Finding(rule, "noted", detail)
