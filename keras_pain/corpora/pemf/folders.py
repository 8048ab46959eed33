"""Which PEMF clips lie in a folder: as folders of stills, or as mp4 files."""

import os
import pathlib
import re

from keras_pain.corpora.files import (
    Finding,
    RawFile,
    describe_folder,
    require_folder,
)
from keras_pain.corpora.folders import (
    child,
    is_leaving,
    report_with_first,
    with_findings,
)
from keras_pain.corpora.pemf import layout as facts
from keras_pain.corpora.pemf.ratings import Rating, read_ratings
from keras_pain.corpora.simulated import is_simulated
from keras_pain.corpora.stills import list_stills, natural_key
from keras_pain.corpora.survey import shorten
from keras_pain.errors import KerasPainError

_SUBJECT = re.compile(r"S(\d{1,3})", re.IGNORECASE)
_COPY = re.compile(r"-(\d+)\b")
_PLACES = ((), ("pemf",))


def detect_layout(root: str | os.PathLike) -> str:
    """The layout of the clips below a folder.

    Args:
        root: Folder that holds `Pictures/` or `Clips/`, or the parent of such
            a folder named `pemf`.

    Returns:
        `"pictures"` where there are stills, else `"clips"`.

    Raises:
        KerasPainError: There is neither.
    """
    root = require_folder(root)
    for layout in facts.LAYOUTS:
        if _find_base(root, layout) is not None:
            return layout
    raise _nothing_found(root, facts.LAYOUTS)


def find_files(
    root: str | os.PathLike, layout: str = facts.LAYOUTS[0]
) -> list[RawFile]:
    """One file for each model (person) and type, without opening any.

    Args:
        root: As for `detect_layout`.
        layout: `"pictures"`: a file is a folder of stills; `"clips"`: an mp4.

    Returns:
        Files by subject and type. Of duplicates the first by name is taken and
        the others are reported with it; a folder of no known type is refused.
        What is odd about the folder as a whole is reported with the first.

    Raises:
        KerasPainError: There are no clips of this layout.
    """
    root = require_folder(root)
    found = _find_base(root, layout) if layout in facts.LAYOUTS else None
    if found is None:
        raise _nothing_found(root, (layout,))
    base, archive = found
    sheet = child(base, facts.RATINGS_FILE)
    ratings, about_all = read_ratings(sheet)
    simulated = is_simulated(base)
    files = []
    for folder in _subject_folders(archive):
        found_here = []
        for kind, paths in _types(folder, layout):
            file = _raw_file(paths, base, layout, folder, kind, sheet)
            file.info["simulated"] = simulated
            found_here.append(file)
        files += _about_types(found_here)
    files = [_rated(file, ratings) for file in files]
    about_all += _not_here(ratings, files)
    usual = [f"{facts.ARCHIVES[layout]}/{name}" for name in facts.VERSIONS]
    place = archive.relative_to(base).as_posix()
    if place not in usual:
        detail = f"clips are read from {place}, not {usual[0]}"
        about_all.append(Finding("folder_name", "noted", detail))
    return report_with_first(files, about_all)


def _find_base(
    root: pathlib.Path, layout: str
) -> tuple[pathlib.Path, pathlib.Path] | None:
    """Folder of the corpus, and the one in it that holds the models' folders.

    An archive unpacked into a folder of its own name makes `Clips/Clips`.
    """
    name = facts.ARCHIVES[layout]
    for place in _PLACES:
        base = child(root, *place)
        for nested in ((name,), (name, name)) if base else ():
            for version in facts.VERSIONS:
                archive = child(base, *nested, version)
                if archive and any(
                    paths
                    for folder in _subject_folders(archive)
                    for _, paths in _types(folder, layout)
                ):
                    return base, archive
    return None


def _subject_folders(archive: pathlib.Path) -> list[pathlib.Path]:
    """Folders S001 ... S068."""
    return sorted(
        path
        for path in archive.iterdir()
        if path.is_dir() and _SUBJECT.fullmatch(path.name)
    )


def _types(
    folder: pathlib.Path, layout: str
) -> list[tuple[int | None, list[pathlib.Path]]]:
    """What there is of each type, in order; the type None is each unknown one.

    Args:
        folder: Folder of one model.
        layout: `"pictures"` or `"clips"`.
    """
    known: dict[int, list[pathlib.Path]] = {}
    unknown = []
    for path in sorted(folder.iterdir(), key=natural_key):
        if not path.is_dir() or is_leaving(path, folder):
            continue
        clips = _stills(path) if layout == "pictures" else _videos(path)
        kind = facts.kind_of(path.name)
        if kind is not None:
            known.setdefault(kind, []).extend(clips)
        elif clips:
            unknown.append((None, clips))
    return [(k, paths) for k, paths in sorted(known.items()) if paths] + unknown


def _stills(folder: pathlib.Path) -> list[pathlib.Path]:
    """The folder of a type's coloured stills, if it has any."""
    inner = [p for p in sorted(folder.iterdir()) if p.is_dir()]
    coloured = [p for p in inner if p.name.lower().startswith("col")]
    return [p for p in (*coloured, folder) if list_stills(p)][:1]


def _videos(folder: pathlib.Path) -> list[pathlib.Path]:
    return [
        path
        for path in sorted(folder.iterdir(), key=natural_key)
        if path.suffix.lower() == ".mp4" and not is_leaving(path, folder)
    ]


def _raw_file(paths, base, layout, folder, kind, sheet) -> RawFile:
    subject = f"S{int(_SUBJECT.fullmatch(folder.name)[1]):03d}"
    findings, refusal = [], None
    # "Algometer Pain S019" before "Algometer Pain-1 S019".
    paths = sorted(
        paths, key=lambda p: (_copy_number(p, folder), natural_key(p))
    )
    pictures = list_stills(paths[0]) if layout == "pictures" else paths[:1]
    inside = [path.relative_to(folder) for path in paths]
    if kind is None:
        type_name = inside[0].parts[0]
        suffix = f" {type_name}"
        kinds = ", ".join(k.folder for k in facts.KINDS)
        refusal = (
            "unknown_type",
            f"{type_name!r} is none of the types {kinds}",
            "give it the name its owners gave it, or move it out of here",
        )
    else:
        suffix, usual = facts.KINDS[kind].suffix, facts.KINDS[kind].folder
        if _COPY.sub("", inside[0].parts[0]) != usual:
            detail = f"folder {inside[0].parts[0]!r} is taken for {usual!r}"
            findings.append(Finding("folder_name", "noted", detail))
        if len(paths) > 1:
            others = [path.as_posix() for path in inside[1:]]
            detail = f"{inside[0]} is read, not {shorten(others)}"
            findings.append(Finding("duplicate", "noted", detail))
    return RawFile(
        path=paths[0],
        layout=layout,
        name=f"{subject}{suffix}",
        subject_id=subject,
        group="",
        root=base,
        info={"kind": kind},
        findings=tuple(findings),
        refusal=refusal,
        parts=(*pictures, *([] if sheet is None else [sheet])),
    )


def _copy_number(path: pathlib.Path, folder: pathlib.Path) -> int:
    """2 of `Algometer Pain-2 S019`, 0 where no copy is numbered."""
    names = path.relative_to(folder).parts
    numbers = [int(m[1]) for n in names if (m := _COPY.search(n))]
    return max(numbers, default=0)


def _about_types(files: list[RawFile]) -> list[RawFile]:
    """Notes the types that one model lacks."""
    there = {file.info["kind"] for file in files}
    lacking = [
        kind.folder
        for index, kind in enumerate(facts.KINDS)
        if index not in there
    ]
    if not lacking:
        return files
    detail = f"no clip of the type {', '.join(lacking)}"
    return report_with_first(files, [Finding("missing_clips", "noted", detail)])


def _rated(file: RawFile, ratings: dict[tuple[str, int], Rating]) -> RawFile:
    """Adds what the sheet says about a clip."""
    rating = ratings.get((file.subject_id, file.info["kind"]))
    findings = list(file.findings)
    if rating is None:
        rating = Rating()
        if ratings:  # else it is said once for all
            detail = f"{facts.RATINGS_FILE} has no row of it: unknown"
            findings.append(Finding("no_rating", "noted", detail))
    file.info["rating"] = rating
    return with_findings(file, [*findings, *rating.findings])


def _not_here(ratings, files) -> list[Finding]:
    """Notes people who have been rated, but have no clip here."""
    absent = {subject for subject, _ in ratings}
    absent -= {file.subject_id for file in files}
    if not absent:
        return []
    detail = (
        f"{len(absent)} models of {facts.RATINGS_FILE} have no clip here: "
        f"{shorten(sorted(absent))}"
    )
    return [Finding("missing_subjects", "noted", detail)]


def _nothing_found(root, layouts) -> KerasPainError:
    wanted = " or ".join(
        f"{facts.ARCHIVES.get(name, name)}/Modified/S001/Neutral/"
        for name in layouts
    )
    return KerasPainError(
        f"{root}: no PEMF clips here (looked for {wanted}; it holds "
        f"{describe_folder(root)}); give the folder in which the owners' "
        "archives were unpacked with --manual_dir"
    )
