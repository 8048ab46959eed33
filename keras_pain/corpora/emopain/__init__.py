"""EmoPain: the movement corpus of people with chronic low back pain.

What a file's name says: `<C|P>` healthy control or patient, the participant's
number, `<D|N>` difficult or normal trial. One public copy of the coordinate
package has one file per participant instead, `1.mat` to `30.mat`, 13 to 30
patients.
"""

import collections
import re

from keras_pain.corpora import base as raw
from keras_pain.corpora.base import RawFile, StrPath
from keras_pain.corpora.emopain.layout import LAYOUTS, Fame
from keras_pain.corpora.emopain.reader import (
    parse_challenge_columns as parse_challenge_columns,
)
from keras_pain.corpora.emopain.reader import read_file as read_file
from keras_pain.corpora.emopain.rules import WIDTHS, layout_of_width
from keras_pain.corpora.mat import matrix_shape
from keras_pain.errors import BadFileError, KerasPainError, check_choice

# Split and group of the files in folders of these names.
_SPLITS = {name: (name, None) for name in ("train", "validation", "test")}
_SPLITS["valid"] = _SPLITS["validation"]
_GROUPS = {name.lower(): ("", group) for group, name in Fame.folders.items()}
_NAME = re.compile(r"([CP])(\d+)_?([DN])\.mat", re.IGNORECASE)
_FAME_NAME = re.compile(r"([CP])(\d+)_([DN])\.mat", re.IGNORECASE)
_NUMBER = re.compile(r"0*([1-9]\d*)\.mat", re.IGNORECASE)
_PATTERN = {"fame": "<C|P><id>_<D|N>.mat"}
_PATTERN["challenge2020"] = "<C|P><id><D|N>.mat"
_LOOKED_FOR = {"fame": "'randomised C|P'/C1_N.mat"}
_LOOKED_FOR["challenge2020"] = "train|validation/C1N.mat"
for _texts in (_PATTERN, _LOOKED_FOR):
    _texts["coordinates"] = _texts["challenge2020"] + " or 1.mat ... 30.mat"
_LAST_HEALTHY, _LAST_PATIENT = 12, 30
_GROUP = {"C": "healthy", "P": "patient"}
_PEEKS = 5  # files opened, at most, to tell the two train/ layouts apart


def detect_layout(root: StrPath) -> str:
    """The one layout that a folder holds, see `find_layouts`.

    Raises KerasPainError where none fits, or several do.
    """
    found = find_layouts(root)
    if not found:
        raise _nothing_found(root, "no EmoPain files", LAYOUTS)
    if len(found) > 1:
        several = f"holds several layouts ({', '.join(found)})"
        where = raw.require_folder(root)
        raise KerasPainError(f"{where}: {several}; choose one with --layout")
    return found[0]


def find_layouts(root: StrPath) -> list[str]:
    """Every layout that a folder holds, in the order of `LAYOUTS`.

    Names decide where they can; the two layouts with `train/` folders are told
    apart by the columns of one file. For `root` see `find_files`. Raises
    KerasPainError where there is no folder, or no such file tells.
    """
    root = raw.require_folder(root)
    found = {name for name in LAYOUTS if _bases(raw.child(root, name), name)}
    if _bases(root, "fame"):
        found.add("fame")
    for base in _bases(root, "coordinates")[:1]:
        found.add(_tell_apart(base))
    return [layout for layout in LAYOUTS if layout in found]


def find_files(root: StrPath, layout: str) -> list[RawFile]:
    """The files of one layout, without opening them.

    Files that do not belong are listed too, with the reason to refuse them. The
    order is that of folder, group, participant and difficulty. `root` is the
    layout's own folder, or the parent that holds `<layout>/`. Raises
    KerasPainError where no file is found, or there is no such layout.
    """
    check_choice("layout", layout, LAYOUTS)
    root = raw.require_folder(root)
    bases = _bases(raw.child(root, layout), layout) + _bases(root, layout)
    if not bases:
        raise _nothing_found(root, f"no files of layout {layout}", [layout])
    base = bases[0]
    index = _index(base, layout)
    files = [_raw_file(path, base, layout, *index[path]) for path in index]
    for path in _mat_files(base):
        if path not in index and _match(path, layout):
            file = _raw_file(path, base, layout, "", None)
            problem = "lies beside the folders of its layout, in none of them"
            cure = "move it into the right one, or out of here"
            file.refusal = "misplaced", problem, cure
            files.append(file)
    files.sort(key=_order)
    _compare(files)
    raw.note_doubled(files)
    return files


def _compare(files):
    """Refuses second files of a trial; notes people in several splits."""
    first, splits = {}, collections.defaultdict(set)
    for file in files:
        if file.refusal is not None:
            continue
        subject, difficulty = key = (file.subject_id, file.difficulty)
        other = first.setdefault(key, file)
        if other is file:
            splits[subject].add(file.split)
        else:
            who = f"participant {subject}, difficulty {difficulty or 'unknown'}"
            said = f"is a second recording of {who}, beside {other.relative}"
            file.refusal = "duplicate", said, "keep the right one of the two"
    for file in first.values():
        shared = splits[file.subject_id]
        if len(shared) > 1:  # a leak
            detail = f"participant is in {' and '.join(sorted(shared))}"
            file.findings.noted("participant_in_two_splits", detail)


def _nothing_found(root, what, layouts):
    looked = "; ".join(f"{name}: {_LOOKED_FOR[name]}" for name in layouts)
    what += f" here (looked for {looked}; found {{}}); "
    what += "give the folder that holds them with --manual_dir"
    return raw.nothing_found(root, what)


def _match(path, layout):
    return (_FAME_NAME if layout == "fame" else _NAME).fullmatch(path.name)


def _number(path, layout):
    return layout == "coordinates" and _NUMBER.fullmatch(path.name)


def _mat_files(folder):
    # Names with a leading dot are leavings of macOS archives.
    named = [p for p in sorted(folder.iterdir()) if p.name[0] != "."]
    return [p for p in named if p.suffix.lower() == ".mat" and not p.is_dir()]


def _index(base, layout):
    """The files of a layout, with the split and the group of their folders."""
    places = _GROUPS if layout == "fame" else _SPLITS
    index = {
        path: places[folder.name.lower()]
        for folder in sorted(base.iterdir())
        if folder.name.lower() in places
        for inner in raw.doubled(folder)
        for path in _mat_files(inner)
    }
    if not index and layout != "fame":
        index = dict.fromkeys(_mat_files(base), ("", None))
    return index


def _bases(folder, layout):
    """Where a layout begins: in a folder or in one of the same name in it."""
    return [
        base
        for base in raw.doubled(folder)
        # The names of the folders of fame leave no doubt.
        if any(
            layout == "fame" or _match(path, layout) or _number(path, layout)
            for path in _index(base, layout)
        )
    ]


def _tell_apart(base):
    """Coordinates or challenge2020, by the columns of a file."""
    reasons = []
    for path in list(_index(base, "coordinates"))[:_PEEKS]:
        try:
            columns = matrix_shape(path, "data", sum(WIDTHS.values(), ()))[1]
        except BadFileError as error:
            reasons.append(f"{path.name} {error.problem}")
            continue
        layout = layout_of_width(columns)
        if layout in ("coordinates", "challenge2020"):
            return layout
        reasons.append(f"{path.name} has {columns} columns")
    if base.name in ("coordinates", "challenge2020"):
        return base.name
    raise KerasPainError(
        f"{base}: cannot tell the layouts coordinates (78 columns) and "
        f"challenge2020 (30 and labels) apart, as {reasons[0]}; choose one "
        "with --layout"
    )


def _raw_file(path, base, layout, split, group):
    match, number = _match(path, layout), _number(path, layout)
    letter, identity, difficulty, name = "", path.stem, "", path.stem
    refusal = None
    if match:
        letter, identity, difficulty = (part.upper() for part in match.groups())
        name = path.stem.upper()
    elif number and int(number[1]) <= _LAST_PATIENT:
        identity = number[1]
        letter = "C" if int(identity) <= _LAST_HEALTHY else "P"
        name = f"{letter}{identity}"
    else:
        problem = f"its name is not {_PATTERN[layout]}"
        refusal = "unknown_name", problem, raw.RENAME
    if letter and group not in (None, _GROUP[letter]):
        problem = f"its name says {_GROUP[letter]}, its folder {group}"
        cure = f"move it to {Fame.folders[_GROUP[letter]]!r}"
        refusal = "wrong_folder", problem, cure
    group = _GROUP.get(letter, group or "")
    who = (letter + identity, group, difficulty, split)
    return RawFile(path, layout, name, base, *who, refusal=refusal)


def _order(file):
    letter, number = file.subject_id[:1], file.subject_id[1:]
    who = letter, int(number) if number.isdigit() else 0, file.difficulty
    return file.path.parent.name.lower(), *who, file.path.name
