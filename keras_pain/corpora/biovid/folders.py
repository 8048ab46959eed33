"""Which BioVid clips lie in a folder, and what is odd about where they lie."""

import collections
import os
import pathlib

from keras_pain.corpora.biovid import layout as facts
from keras_pain.corpora.biovid.samples import compare, read_samples
from keras_pain.corpora.files import (
    Finding,
    RawFile,
    describe_folder,
    require_folder,
)
from keras_pain.corpora.folders import (
    child,
    files_below,
    is_leaving,
    report_with_first,
    with_findings,
)
from keras_pain.corpora.simulated import is_simulated
from keras_pain.corpora.survey import shorten
from keras_pain.errors import KerasPainError


def detect_layout(root: str | os.PathLike) -> str:
    """The layout of the clips below a folder.

    Args:
        root: The folder `PartA`, its parent, or that one's parent if it is
            called `biovid`.

    Returns:
        `"part_a"`, the only one.

    Raises:
        KerasPainError: There are no clips.
    """
    root = require_folder(root)
    if _find_base(root) is None:
        raise _nothing_found(root)
    return facts.LAYOUTS[0]


def find_files(
    root: str | os.PathLike,
    layout: str = facts.LAYOUTS[0],
    *,
    exclude_low_expressive: bool = False,
) -> list[RawFile]:
    """The clips of Part A, without opening them.

    Biosignals are left alone. What is odd about the folder as a whole (stray
    files, people missing) is reported with the first clip.

    Args:
        root: As for `detect_layout`.
        layout: `"part_a"`.
        exclude_low_expressive: Leave out the 20 people who hardly show pain
            (`layout.LOW_EXPRESSIVE`).

    Returns:
        One file a clip, by subject, class and number.

    Raises:
        KerasPainError: There are no clips.
    """
    root = require_folder(root)
    base = _find_base(root)
    if layout not in facts.LAYOUTS or base is None:
        raise _nothing_found(root)
    video = child(base, facts.VIDEO_FOLDER)
    clips, strays = _clips(video)
    files, duplicates = _without_duplicates(
        _raw_file(path, base, video) for path in clips
    )
    samples, about_all = read_samples(child(base, *facts.SAMPLES))
    about_all += _about_folders(files, strays, video)
    findings = compare(samples, files)
    for index, finding in _unknown_people(files):
        findings.setdefault(index, []).append(finding)
    for index, paths in duplicates.items():
        detail = f"is there {1 + len(paths)} times, also as {shorten(paths)}"
        findings.setdefault(index, []).append(
            Finding("duplicate", "noted", f"{detail}; this one is read")
        )
    files = [
        with_findings(file, [*file.findings, *findings.get(index, ())])
        for index, file in enumerate(files)
    ]
    if exclude_low_expressive:
        files = [f for f in files if not f.info["low_expressive"]]
        if not files:
            raise KerasPainError(
                f"{root}: all people here are among the 20 of low "
                "expressiveness; read them without exclude_low_expressive"
            )
    return report_with_first(files, about_all)


def _find_base(root: pathlib.Path) -> pathlib.Path | None:
    places = [(), (facts.FOLDER,), facts.LAYOUTS, ("biovid",)]
    for place in (*places, ("biovid", facts.FOLDER)):
        base = child(root, *place)
        video = base and child(base, facts.VIDEO_FOLDER)
        if video and any(
            facts.CLIP_NAME.fullmatch(path.stem)
            for path in files_below(video)
            if path.suffix.lower() == ".mp4"
        ):
            return base
    return None


def _clips(video: pathlib.Path) -> tuple[list[pathlib.Path], list[str]]:
    """The mp4 files, and the names of what else lies there."""
    clips, strays = [], []
    for path in files_below(video):
        if path.suffix.lower() == ".mp4" and not is_leaving(path, video):
            clips.append(path)
        else:
            strays.append(path.name)
    return clips, strays


def _raw_file(path, base, video) -> RawFile:
    match = facts.CLIP_NAME.fullmatch(path.stem)
    refusal, findings, level = None, (), None
    if match is None:
        subject, name = "", path.stem
        refusal = (
            "unknown_name",
            "its name is not <subject>-<class>-<number>.mp4",
            "give it the name its owners gave it, or move it out of here",
        )
    else:
        subject, label = match["subject"].lower(), match["class"].upper()
        name = f"{subject}-{label}-{match['number']}"
        if label in facts.CLASSES:
            level = facts.CLASSES.index(label)
        else:
            refusal = (
                "unknown_class",
                f"{label} is no class of Part A ({', '.join(facts.CLASSES)})",
                "move it out of here",
            )
        findings = _about_place(path.relative_to(video), subject)
    return RawFile(
        path=path,
        layout=facts.LAYOUTS[0],
        name=name,
        subject_id=subject,
        group="healthy" if subject else "",
        root=base,
        info={
            "level": level,
            "low_expressive": subject in facts.LOW_EXPRESSIVE,
            "simulated": is_simulated(base),
        },
        findings=findings,
        refusal=refusal,
    )


def _about_place(path: pathlib.PurePath, subject: str) -> tuple[Finding, ...]:
    """Notes a clip in the folder of another person."""
    others = {folder.lower() for folder in path.parts[:-1]} - {subject}
    others &= set(facts.SUBJECTS)
    if not others:
        return ()
    detail = f"lies with {', '.join(sorted(others))}; its name is believed"
    return (Finding("subject_against_folder", "noted", detail),)


def _about_folders(files, strays, video) -> list[Finding]:
    """Stray files, and clips that lie deeper or higher than they should."""
    findings = []
    if strays:
        detail = f"{len(strays)} files are no clips: {shorten(strays)}; skipped"
        findings.append(Finding("stray_files", "noted", detail))
    places = collections.Counter(
        file.path.relative_to(video.parent).parent.parent.as_posix()
        for file in files
        if file.path.parent.parent != video
    )
    for place, count in places.items():
        detail = f"{count} clips lie in {place}/<subject>; read there"
        findings.append(Finding("nested_folder", "noted", detail))
    return findings


def _unknown_people(files):
    """Names outside the list of 87, each with its first clip."""
    seen = set(facts.SUBJECTS)
    for index, file in enumerate(files):
        if file.refusal is None and file.subject_id not in seen:
            seen.add(file.subject_id)
            detail = f"{file.subject_id} is none of the 87 people; kept"
            yield index, Finding("unknown_subject", "noted", detail)


def _without_duplicates(
    files,
) -> tuple[list[RawFile], dict[int, list[str]]]:
    """The files sorted, one of each name, and where the others lie."""
    by_name = collections.defaultdict(list)
    for file in files:
        by_name[file.name].append(file)
    # The shallowest is the one where the owners put it.
    chosen = [
        min(same, key=lambda f: (len(f.path.parts), f.relative))
        for same in by_name.values()
    ]
    chosen.sort(key=_order)
    others = {
        index: sorted(f.relative for f in by_name[file.name] if f is not file)
        for index, file in enumerate(chosen)
        if len(by_name[file.name]) > 1
    }
    return chosen, others


def _order(file: RawFile) -> tuple:
    level = file.info["level"]
    return (
        file.subject_id,
        len(facts.CLASSES) if level is None else level,
        (file.name),
    )


def _nothing_found(root) -> KerasPainError:
    return KerasPainError(
        f"{root}: no BioVid clips video/<subject>/<subject>-<class>-<number>"
        f".mp4 here (it holds {describe_folder(root)}); give the folder PartA "
        "with --manual_dir"
    )
