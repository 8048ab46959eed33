"""Which EmoPain layouts lie in a folder, and which files belong to them.

What a name says: `<C|P>` healthy control or patient, the participant's number,
`<D|N>` difficult or normal trial. One public copy of the coordinate package
has one file per participant instead, `1.mat` to `30.mat`, 13 to 30 patients.
"""

import dataclasses
import os
import pathlib
import re

from keras_pain.corpora.emopain.layout import LAYOUTS, Fame
from keras_pain.corpora.emopain.table import layout_of_width
from keras_pain.corpora.files import (
    Finding,
    RawFile,
    describe_folder,
    require_folder,
)
from keras_pain.corpora.matfile import matrix_shape
from keras_pain.errors import BadFileError, KerasPainError

SPLIT_FOLDERS = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "test": "test",
}
_FAME_FOLDERS = {name.lower(): group for group, name in Fame.folders.items()}
_NAME = {
    "fame": re.compile(r"([CP])(\d+)_([DN])\.mat", re.IGNORECASE),
    "coordinates": re.compile(r"([CP])(\d+)_?([DN])\.mat", re.IGNORECASE),
    "challenge2020": re.compile(r"([CP])(\d+)_?([DN])\.mat", re.IGNORECASE),
}
_PATTERN = {
    "fame": "<C|P><id>_<D|N>.mat",
    "coordinates": "<C|P><id><D|N>.mat or 1.mat ... 30.mat",
    "challenge2020": "<C|P><id><D|N>.mat",
}
_NUMBER = re.compile(r"(\d+)\.mat", re.IGNORECASE)
_LAST_HEALTHY, _LAST_PATIENT = 12, 30
_GROUP = {"C": "healthy", "P": "patient"}
_LOOKED_FOR = {
    "fame": "'randomised C|P'/C1_N.mat",
    "coordinates": "train|validation/C1N.mat or 1.mat ... 30.mat",
    "challenge2020": "train|validation/C1N.mat",
}
_PEEKS = 5  # files opened, at most, to tell the two train/ layouts apart


def detect_layout(root: str | os.PathLike) -> str:
    """The one layout that a folder holds.

    Names decide where they can; the two layouts with `train/` folders are told
    apart by the number of columns of one file.

    Args:
        root: A layout's own folder, or the parent that holds `<layout>/`.

    Returns:
        One of `LAYOUTS`.

    Raises:
        KerasPainError: None fits (says what was looked for and what was
            found), or several do (names them).
    """
    root = require_folder(root)
    found = find_layouts(root)
    if not found:
        raise _nothing_found(root, "no EmoPain files", LAYOUTS)
    if len(found) > 1:
        raise KerasPainError(
            f"{root}: holds several layouts ({', '.join(found)}); choose one "
            "with --layout"
        )
    return found[0]


def find_layouts(root: str | os.PathLike) -> list[str]:
    """Every layout that a folder holds, in the order of `LAYOUTS`.

    Args:
        root: A layout's own folder, or the parent that holds `<layout>/`.

    Raises:
        KerasPainError: There is no such folder, or there are `train/` files
            none of which says which layout it is.
    """
    root = require_folder(root)
    found = {layout for layout in LAYOUTS if _fits(root / layout, layout)}
    if _fits(root, "fame"):
        found.add("fame")
    if _fits(root, "coordinates"):
        found.add(_tell_apart(root))
    return [layout for layout in LAYOUTS if layout in found]


def find_files(root: str | os.PathLike, layout: str) -> list[RawFile]:
    """The files of one layout, without opening them.

    Files that do not belong (a name that no rule reads, a second file of the
    same trial) are listed too, with the reason to refuse them.

    Args:
        root: The layout's own folder, or the parent that holds `<layout>/`.
        layout: One of `LAYOUTS`.

    Returns:
        Files in the order of folder, group, participant and difficulty.

    Raises:
        KerasPainError: No file of this layout was found.
    """
    root = require_folder(root)
    if layout not in LAYOUTS:
        raise KerasPainError(
            f"{layout!r} is no EmoPain layout; known are {', '.join(LAYOUTS)}"
        )
    bases = [b for b in (root / layout, root) if _fits(b, layout)]
    if not bases:
        raise _nothing_found(root, f"no files of layout {layout}", (layout,))
    base = bases[0]
    folders = _data_folders(base, layout)
    files = [
        _raw_file(path, base, layout, split, group)
        for folder, split, group in folders
        for path in _mat_files(folder)
    ]
    if base not in [folder for folder, _, _ in folders]:
        files += [
            _refuse(
                _raw_file(path, base, layout, "", None),
                "misplaced",
                "lies beside the folders of its layout, in none of them",
                "move it into the right one, or out of here",
            )
            for path in _mat_files(base)
            if _NAME[layout].fullmatch(path.name)
        ]
    files.sort(key=_order)
    return _note_shared_participants(_refuse_duplicates(files))


def _nothing_found(root, what, layouts) -> KerasPainError:
    looked = "; ".join(f"{name}: {_LOOKED_FOR[name]}" for name in layouts)
    return KerasPainError(
        f"{root}: {what} here (looked for {looked}; found "
        f"{describe_folder(root)}); give the folder that holds them with "
        "--manual_dir"
    )


def _mat_files(folder: pathlib.Path) -> list[pathlib.Path]:
    # Names with a leading dot are leavings of macOS archives.
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() == ".mat"
        and not path.name.startswith(".")
        and not path.is_dir()
    )


def _data_folders(base, layout) -> list[tuple[pathlib.Path, str, str | None]]:
    """Folders that hold the files, with their split and group."""
    if not base.is_dir():
        return []
    children = sorted(child for child in base.iterdir() if child.is_dir())
    if layout == "fame":
        return [
            (child, "", _FAME_FOLDERS[child.name.lower()])
            for child in children
            if child.name.lower() in _FAME_FOLDERS
        ]
    folders = [
        (child, SPLIT_FOLDERS[child.name.lower()], None)
        for child in children
        if child.name.lower() in SPLIT_FOLDERS and _mat_files(child)
    ]
    return folders or [(base, "", None)]


def _fits(base, layout) -> bool:
    names = [
        path.name
        for folder, _, _ in _data_folders(base, layout)
        for path in _mat_files(folder)
    ]
    if layout == "fame":  # its folders' names leave no doubt
        return bool(names)
    return any(
        _NAME[layout].fullmatch(n) or _numbered(n, layout) for n in names
    )


def _numbered(name: str, layout: str) -> int | None:
    match = _NUMBER.fullmatch(name) if layout == "coordinates" else None
    return int(match[1]) if match else None


def _tell_apart(base: pathlib.Path) -> str:
    """Coordinates or challenge2020, by the columns of a file."""
    paths = [
        path
        for folder, _, _ in _data_folders(base, "coordinates")
        for path in _mat_files(folder)
    ]
    reason = ""
    for path in paths[:_PEEKS]:
        try:
            columns = matrix_shape(path, prefer="data")[1]
        except BadFileError as error:
            reason = reason or f"{path.name} {error.problem}"
            continue
        layout = layout_of_width(columns)
        if layout in ("coordinates", "challenge2020"):
            return layout
        reason = reason or f"{path.name} has {columns} columns"
    if base.name in ("coordinates", "challenge2020"):
        return base.name
    raise KerasPainError(
        f"{base}: cannot tell the layouts coordinates (78 columns) and "
        f"challenge2020 (30 and labels) apart, as {reason}; choose one with "
        "--layout"
    )


def _raw_file(path, base, layout, split, group) -> RawFile:
    match = _NAME[layout].fullmatch(path.name)
    number = _numbered(path.name, layout)
    refusal = None
    if match:
        letter, identity, difficulty = (part.upper() for part in match.groups())
        name = path.stem.upper()
    elif number is not None and 1 <= number <= _LAST_PATIENT:
        letter = "C" if number <= _LAST_HEALTHY else "P"
        identity, difficulty = str(number), ""
        name = f"{letter}{number}"
    else:
        letter, identity, difficulty, name = "", path.stem, "", path.stem
        refusal = (
            "unknown_name",
            f"its name is not {_PATTERN[layout]}",
            "give it the name its owners gave it, or move it out of here",
        )
    if letter and group not in (None, _GROUP[letter]):
        refusal = (
            "wrong_folder",
            f"its name says {_GROUP[letter]}, its folder {group}",
            f"move it to {Fame.folders[_GROUP[letter]]!r}",
        )
    return RawFile(
        path=path,
        layout=layout,
        name=name,
        subject_id=letter + identity,
        group=_GROUP.get(letter, group or ""),
        difficulty=difficulty,
        split=split,
        root=base,
        refusal=refusal,
    )


def _order(file: RawFile) -> tuple:
    number = file.subject_id[1:]
    return (
        file.path.parent.name.lower(),
        file.subject_id[:1],
        int(number) if number.isdigit() else 0,
        file.difficulty,
        file.path.name,
    )


def _refuse(file, rule, problem, cure) -> RawFile:
    return dataclasses.replace(file, refusal=(rule, problem, cure))


def _refuse_duplicates(files: list[RawFile]) -> list[RawFile]:
    """Refuses the second file of a participant and difficulty."""
    first: dict[tuple[str, str], RawFile] = {}
    checked = []
    for file in files:
        key = (file.subject_id, file.difficulty)
        if file.refusal is None and key in first:
            file = _refuse(
                file,
                "duplicate",
                f"is a second recording of participant {key[0]}, difficulty "
                f"{key[1] or 'unknown'}, beside {first[key].relative}",
                "keep the right one of the two",
            )
        elif file.refusal is None:
            first[key] = file
        checked.append(file)
    return checked


def _note_shared_participants(files: list[RawFile]) -> list[RawFile]:
    """Notes participants that lie in several splits: a leak."""
    splits: dict[str, set[str]] = {}
    for file in files:
        if file.refusal is None:
            splits.setdefault(file.subject_id, set()).add(file.split)
    noted = []
    for file in files:
        shared = splits.get(file.subject_id, set())
        if file.refusal is None and len(shared) > 1:
            detail = f"participant is in {' and '.join(sorted(shared))}"
            finding = Finding("participant_in_two_splits", "noted", detail)
            file = dataclasses.replace(file, findings=(finding,))
        noted.append(file)
    return noted
