"""BioVid Heat Pain Database, Part A: heat at four levels, filmed faces.

The owners' list of clips, `samples.csv`, is checked, never trusted: the class
of a clip is the one in its name.
"""

import collections
import csv

from keras_pain.corpora import base as raw
from keras_pain.corpora import media
from keras_pain.corpora.base import Findings, RawFile, StrPath
from keras_pain.corpora.biovid import layout as facts
from keras_pain.corpora.biovid.layout import LAYOUTS
from keras_pain.corpora.recording import VideoRecording
from keras_pain.errors import BadFileError, reading
from keras_pain.io import read_text

_PLACES = ((), (facts.FOLDER,), LAYOUTS, ("biovid",), ("biovid", facts.FOLDER))
_NOTHING = (
    "no BioVid clips video/<subject>/<subject>-<class>-<number>.mp4 here (it "
    "holds {}); give the folder PartA with --manual_dir"
)


def detect_layout(root: StrPath) -> str:
    """`"part_a"`, the only layout; raises as `find_files` does."""
    raw.find_base(root, _PLACES, _has_clips, _NOTHING)
    return LAYOUTS[0]


def find_files(root: StrPath, layout: str = LAYOUTS[0]) -> list[RawFile]:
    """The clips of Part A, by subject, class and number, without opening them.

    Biosignals are left alone. What is odd about the folder as a whole (stray
    files, people missing) is reported with the first clip.

    `root` is the folder `PartA`, its parent, or that one's parent if it is
    called `biovid`. Raises KerasPainError where there are no clips.
    """
    base = raw.find_base(root, _PLACES, _has_clips, _NOTHING)
    video = raw.child(base, facts.VIDEO_FOLDER)
    found, strays = [], []
    for path in raw.files_below(video):
        if path.suffix.lower() == ".mp4" and not raw.is_leaving(path, video):
            found.append(_raw_file(path, base, video))
        else:
            strays.append(path.name)
    # The shallowest of one name is the one where the owners put it.
    clips = raw.group_by_name(found, lambda f: (len(f.path.parts), f.relative))
    clips.sort(key=lambda same: _order(same[0]))
    files = [same[0] for same in clips]
    about_all = Findings()
    samples = _read_samples(raw.child(base, *facts.SAMPLES), about_all)
    said = "{n} files are no clips: {}; skipped"
    about_all.listed("stray_files", strays, said)
    places = collections.Counter(
        file.path.relative_to(base).parent.parent.as_posix()
        for file in files
        if file.path.parent.parent != video
    )
    for place, n in places.items():
        said = f"{n} clips lie in {place}/<subject>; read there"
        about_all.noted("nested_folder", said)
    _compare(samples, files)
    for file, *others in clips:
        also = sorted(other.relative for other in others)
        times = len(others) + 1
        said = f"is there {times} times, also as {{}}; this one is read"
        file.findings.listed("duplicate", also, said)
    raw.report_with_first(files, about_all)
    return files


def _has_clips(base):
    video = raw.child(base, facts.VIDEO_FOLDER)
    return video is not None and any(
        path.suffix.lower() == ".mp4" and facts.CLIP_NAME.fullmatch(path.stem)
        for path in raw.files_below(video)
    )


def _raw_file(path, base, video):
    file = RawFile(path, LAYOUTS[0], path.stem, base, info={"level": None})
    match = facts.CLIP_NAME.fullmatch(path.stem)
    if match is None:
        problem = "its name is not <subject>-<class>-<number>.mp4"
        file.refusal = "unknown_name", problem, raw.RENAME
        return file
    subject, label = match["subject"].lower(), match["class"].upper()
    file.name = f"{subject}-{label}-{match['number']}"
    file.subject_id, file.group = subject, "healthy"
    if label in facts.CLASSES:
        file.info["level"] = facts.CLASSES.index(label)
    else:
        problem = f"{label} is no class of Part A ({', '.join(facts.CLASSES)})"
        file.refusal = "unknown_class", problem, "move it out of here"
    folders = {part.lower() for part in path.relative_to(video).parts[:-1]}
    others = sorted((folders - {subject}) & set(facts.SUBJECTS))
    if others:
        detail = f"lies with {', '.join(others)}; its name is believed"
        file.findings.noted("subject_against_folder", detail)
    return file


def _order(file):
    level = file.info["level"]
    rank = len(facts.CLASSES) if level is None else level
    return file.subject_id, rank, file.name


def _read_samples(path, found):
    """The rows of the list by lower-case clip name; none of an unfit list."""
    if path is None:
        found.noted("no_samples", "no samples.csv: nothing to compare")
        return {}
    try:
        with reading(path):
            lines = read_text(path).splitlines()
            delimiter = max("\t;,", key=lines[0].count) if lines else "\t"
            # An open quote must not swallow the lines behind it.
            reader = csv.DictReader(lines, delimiter=delimiter, strict=True)
            header = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = header
            rows = [(reader.line_num, row) for row in reader]
        missing = [c for c in facts.SAMPLES_COLUMNS if c not in header]
        if missing:
            problem = f"has no column {', '.join(missing)}"
            raise BadFileError(path, problem if lines else "is empty", "")
    except BadFileError as error:
        said = f"{path.name} {error.problem}: nothing to compare the clips with"
        found.noted("bad_samples", said)
        return {}
    samples, broken, twice = {}, [], []
    for line, row in rows:
        row = {c: (row[c] or "").strip() for c in facts.SAMPLES_COLUMNS}
        name = row["sample_name"]
        if not all(row.values()):
            broken.append(line)
        elif name.lower() in samples:
            twice.append(name)
        else:
            samples[name.lower()] = row
    commas = [repr(delimiter)] if delimiter != "\t" else []
    for items, text in (
        (broken, "{}: values missing in line {{}}"),
        (twice, "{} lists clips twice: {{}}"),
        (commas, "{} has {{}} between columns, not tabs"),
    ):
        found.listed("samples_format", items, text.format(path.name))
    return samples


def _compare(samples, files):
    """Notes what the owners' lists of clips and people say against the files.

    Extra clips and other classes are noted with the clip, missing clips with
    the first clip of the subject, missing subjects with the first of all.
    """
    sound = [file for file in files if file.refusal is None]
    first = {file.subject_id: file for file in reversed(sound)}
    if samples:
        for file in sound:
            sample, note = samples.get(file.name.lower()), file.findings.noted
            if sample is None:
                note("not_in_samples", "samples.csv does not list it; kept")
                continue
            level, person = file.info["level"], sample["subject_name"]
            named, number = sample["class_name"], sample["class_id"]
            if (named.upper(), number) != (facts.CLASSES[level], str(level)):
                own = f"{facts.CLASSES[level]} ({level})"
                said = f"samples.csv says {named} ({number}), its name {own}"
                note("class_against_samples", f"{said}: its name is believed")
            if person.lower() != file.subject_id:
                said = f"samples.csv says {person}, its name {file.subject_id}"
                note("subject_against_samples", f"{said}: its name is believed")
        there = {file.name.lower() for file in files}
        absent = collections.defaultdict(list)
        for name, sample in samples.items():
            if name not in there:
                subject = sample["subject_name"].lower()
                absent[subject].append(sample["sample_name"])
        listed = "that samples.csv lists"
        for subject in first.keys() & absent.keys():
            said = f"{{n}} clips of {subject} {listed} are not here: {{}}"
            clips, findings = absent.pop(subject), first[subject].findings
            findings.listed("missing_clips", clips, said)
        for file in sound[:1]:
            said = f"{{n}} people {listed} have no clip here: {{}}"
            file.findings.listed("missing_subjects", sorted(absent), said)
    for subject in first.keys() - set(facts.SUBJECTS):
        detail = f"{subject} is none of the 87 people; kept"
        first[subject].findings.noted("unknown_subject", detail)


def read_file(raw_file: RawFile) -> tuple[VideoRecording, Findings]:
    """Reads one clip to its end, holding one frame at a time.

    Returns the recording, whose label `level` is the stimulus level 0 (none)
    to 4, and what was found; raises BadFileError where it cannot be used.
    """
    raw_file.check_refusal()
    labels = {"level": float(raw_file.info["level"])}
    recording, odd = media.read_clip(raw_file, labels, facts.FRAME_RATE)
    count, found = len(recording), Findings(raw_file.findings)
    usual = f"{count} frames, not {facts.NUM_FRAMES}"
    low, *_, high = facts.TOLERATED_FRAMES
    if not low <= count <= high:
        detail = f"{usual}, nor {low} to {high}; kept"
        found.noted("unusual_frame_count", detail)
    elif count != facts.NUM_FRAMES:
        found.noted("frame_count", f"{usual}: tolerated")
    rate = media.frame_rate(raw_file.path)
    if abs(rate - facts.FRAME_RATE) >= 0.01:
        detail = f"{rate:g} frames a second by its header, not 25; taken as 25"
        found.noted("frame_rate", detail)
    found += odd
    return recording, found
