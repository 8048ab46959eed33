"""PEMF, Pain E-Motion Faces: neutral faces, and three kinds of pain.

The clips lie there as folders of stills, or as mp4 files.
"""

import itertools
import pathlib
import re

from keras_pain.corpora import base as raw
from keras_pain.corpora import media
from keras_pain.corpora.base import Findings, RawFile, StrPath
from keras_pain.corpora.pemf import layout as facts
from keras_pain.corpora.pemf.layout import LAYOUTS, kind_of
from keras_pain.corpora.pemf.ratings import Rating, read_ratings
from keras_pain.corpora.recording import VideoRecording
from keras_pain.errors import BadFileError, check_choice
from keras_pain.signals.landmarks import read_csv

_SUBJECT = re.compile(r"S(\d{1,3})", re.IGNORECASE)
_COLOURED = re.compile("col", re.IGNORECASE)
_COPY = re.compile(r"-(\d+)\b")


def detect_layout(root: StrPath) -> str:
    """`"pictures"` where there are stills, else `"clips"`.

    `root` holds `Pictures/` or `Clips/`, or is the parent of such a folder
    named `pemf`. Raises KerasPainError where there is neither.
    """
    return _find_archive(root, LAYOUTS)[0]


def find_files(root: StrPath, layout: str = LAYOUTS[0]) -> list[RawFile]:
    """One file for each model (person) and type, in this order, unopened.

    Of duplicates the first by name is taken and the others are reported with
    it; a folder of no known type is refused. What is odd about the folder as a
    whole is reported with the first.

    For `root` see `detect_layout`; of the layout `"pictures"` a file is a
    folder of stills, of `"clips"` an mp4. Raises KerasPainError where there
    are no clips of this layout.
    """
    check_choice("layout", layout, LAYOUTS)
    _, base, archive = _find_archive(root, [layout])
    sheet = raw.child(base, facts.RATINGS_FILE)
    ratings, about_all = read_ratings(sheet)
    files = []
    for folder in _subject_folders(archive):
        clips = [
            _raw_file(paths, base, layout, folder, kind, sheet)
            for kind, paths in _types(folder, layout)
        ]
        lacking = {i: kind.folder for i, kind in enumerate(facts.KINDS)}
        for file in clips:
            lacking.pop(file.info["kind"], None)
        about_model = Findings()
        said = "no clip of the type {}"
        about_model.listed("missing_clips", list(lacking.values()), said)
        raw.report_with_first(clips, about_model)
        files += clips
    for file in files:
        key = file.subject_id, file.info["kind"]
        rating = ratings.get(key, Rating())
        file.info["intensity"] = rating.intensity
        if ratings and key not in ratings:  # else it is said once for all
            detail = f"{facts.RATINGS_FILE} has no row of it: unknown"
            file.findings.noted("no_rating", detail)
        file.findings += rating.findings
    absent = {subject for subject, _ in ratings}
    absent -= {file.subject_id for file in files}
    said = f"{{n}} models of {facts.RATINGS_FILE} have no clip here: {{}}"
    about_all.listed("missing_subjects", sorted(absent), said)
    usual = [f"{facts.ARCHIVES[layout]}/{name}" for name in facts.VERSIONS]
    place = archive.relative_to(base).as_posix()
    if place not in usual:
        detail = f"clips are read from {place}, not {usual[0]}"
        about_all.noted("folder_name", detail)
    raw.report_with_first(files, about_all)
    return files


def _find_archive(root, layouts):
    """Layout, folder of the corpus, and the one of the models' folders.

    Each of them may be doubled, see `_inner`.
    """
    root = raw.require_folder(root)
    bases = map(_inner, filter(None, (root, raw.child(root, "pemf"))))
    places = itertools.product(layouts, bases, facts.VERSIONS)
    for layout, base, version in places:
        archive = raw.child(base, facts.ARCHIVES[layout])
        archive = archive and raw.child(_inner(archive), version)
        archive = archive and _inner(archive)
        folders = _subject_folders(archive) if archive else ()
        if any(_types(folder, layout) for folder in folders):
            return layout, base, archive
    names = [facts.ARCHIVES[layout] for layout in layouts]
    wanted = " or ".join(f"{name}/Modified/S001/Neutral/" for name in names)
    text = f"no PEMF clips here (looked for {wanted}; it holds {{}}); give the "
    text += "folder in which the owners' archives were unpacked with "
    raise raw.nothing_found(root, text + "--manual_dir")


def _inner(folder):
    """An archive unpacked into a folder of its own name makes `Clips/Clips`."""
    return (raw.doubled(folder) or [folder])[-1]


def _subject_folders(archive):
    """Folders S001 ... S068."""
    return sorted(
        _inner(path)
        for path in archive.iterdir()
        if path.is_dir() and _SUBJECT.fullmatch(path.name)
    )


def _types(folder, layout):
    """What there is of each type, in order; the type None is each unknown one.

    That is folders of stills, or mp4 files, in the folder of one model.
    """
    known, unknown = {}, []
    for path in sorted(folder.iterdir(), key=media.natural_key):
        if not path.is_dir() or raw.is_leaving(path, folder):
            continue
        path = _inner(path)
        inside = sorted(path.iterdir(), key=media.natural_key)
        inside = [p for p in inside if not raw.is_leaving(p, path)]
        if layout == "clips":
            clips = [p for p in inside if p.suffix.lower() == ".mp4"]
        else:  # of a type's folders of stills that of the coloured ones
            coloured = [p for p in sorted(inside) if _COLOURED.match(p.name)]
            folders = [_inner(p) for p in (*coloured, path) if p.is_dir()]
            clips = [p for p in folders if media.list_stills(p)][:1]
        kind = kind_of(path.name)
        if clips and kind is None:
            unknown.append((None, clips))
        elif clips:
            known.setdefault(kind, []).extend(clips)
    return sorted(known.items()) + unknown


def _raw_file(paths, base, layout, folder, kind, sheet):
    """The clip of one type of one model, of which there are these `paths`."""

    def place(path):
        return path.relative_to(folder).as_posix()

    def order(path):  # "Algometer Pain S019" before "Algometer Pain-1 S019"
        copy = max(map(int, _COPY.findall(place(path))), default=0)
        return copy, media.natural_key(path)

    paths = sorted(paths, key=order)
    first, *others = map(place, paths)
    type_name = pathlib.PurePosixPath(first).parts[0]
    subject = f"S{int(_SUBJECT.fullmatch(folder.name)[1]):03d}"
    pictures = paths[:1] if layout == "clips" else media.list_stills(paths[0])
    name = f"{subject} {type_name}"
    file = RawFile(paths[0], layout, name, base, subject, info={"kind": kind})
    file.parts = tuple(filter(None, (*pictures, sheet)))
    if kind is None:
        kinds = ", ".join(k.folder for k in facts.KINDS)
        problem = f"{type_name!r} is none of the types {kinds}"
        file.refusal = "unknown_type", problem, raw.RENAME
        return file
    file.name = f"{subject}{facts.KINDS[kind].suffix}"
    usual = facts.KINDS[kind].folder
    if _COPY.sub("", type_name) != usual:
        detail = f"folder {type_name!r} is taken for {usual!r}"
        file.findings.noted("folder_name", detail)
    if others:
        detail = f"{first} is read, not {raw.shorten(others)}"
        file.findings.noted("duplicate", detail)
    return file


def read_file(raw_file: RawFile) -> tuple[VideoRecording, Findings]:
    """Reads one clip to its end, holding one picture at a time.

    Returns the recording, without a frame rate: the owners do not say it.
    Other numbers of frames than 20 are kept and reported. Its labels are
    `pain`, 1 but for the neutral type; `kind`, index into `KINDS`;
    `intensity`, mean rating of the observers, 0 to 8, or NaN. Raises
    BadFileError where a picture or the video cannot be used.
    """
    raw_file.check_refusal()
    kind = raw_file.info["kind"]
    labels = {
        "pain": float(facts.KINDS[kind].pain),
        "kind": float(kind),
        "intensity": raw_file.info["intensity"],
    }
    recording, odd = media.read_clip(raw_file, labels)
    count, found = len(recording), Findings(raw_file.findings)
    if count != facts.NUM_FRAMES:
        detail = f"{count} frames, not {facts.NUM_FRAMES}; kept"
        found.noted("frame_count", detail)
    found += odd
    return recording, found


def check_further(raw_file: RawFile, recording: VideoRecording) -> Findings:
    """Why a dataset of landmarks would refuse those of the clip, if any.

    The pictures are of use without; there may be no folder of landmarks.
    """
    found = Findings()
    folder = raw_file.root / facts.LANDMARKS
    if folder.is_dir():
        path = folder / f"{raw_file.name}.csv"
        try:
            read_csv(path, min(len(recording), facts.NUM_FRAMES))
        except BadFileError as error:
            place = path.relative_to(raw_file.root).as_posix()
            detail = f"{place}: {error.problem}; {error.cure}"
            found.noted("landmark_file", detail)
    return found
