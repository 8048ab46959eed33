"""UNBC-McMaster shoulder pain archive: filmed patients, pain frame by frame.

A raw file of this corpus is a sequence: the folder of its pictures, and the
label files that belong to them. Its name tells who is filmed, not the folder:
a sequence that was put with somebody else would make one person part of the
training and of the test data.
"""

import collections

from keras_pain.corpora.base import (
    Findings,
    RawFile,
    StrPath,
    child,
    find_base,
    group_by_name,
    is_leaving,
    nothing_found,
    report_with_first,
    shorten,
)
from keras_pain.corpora.media import STILL_ENDINGS
from keras_pain.corpora.unbc_mcmaster.layout import (
    FOLDER,
    FRAME_NUMBER,
    LAYOUTS,
    SCALES,
    SEQUENCE,
    SEQUENCE_LABELS,
    SUBJECT,
    SUBJECT_OF,
    SUBJECTS,
    TREES,
)
from keras_pain.corpora.unbc_mcmaster.reader import read_file as read_file

# What names of files end with behind the frame's number.
_SUFFIXES = {"images": "", "pspi": "_facs", "facs": "_facs", "aam": "_aam"}
_MISPLACED = "subject_against_folder"
_PLACES = ((), (FOLDER,), LAYOUTS)
_NOTHING = (
    "no UNBC-McMaster sequences Images/<subject>/<sequence>/<sequence>001.png "
    "here (it holds {}); give the folder that holds Images with --manual_dir"
)


def detect_layout(root: StrPath) -> str:
    """`"archive"`, the only layout; raises as `find_files` does."""
    find_base(root, _PLACES, _has_people, _NOTHING)
    return LAYOUTS[0]


def find_files(root: StrPath, layout: str = LAYOUTS[0]) -> list[RawFile]:
    """The sequences of the archive, by subject and name; no file is opened.

    Of several of one name one is read. `info` has `images`, `pspi`, `facs`,
    `aam` (number to path each) and `scales` (scale to path). What is odd about
    the folder as a whole is reported with the first that can be read. `root`
    holds `Images`, or is the parent of such a folder called `unbc_mcmaster` or
    `archive`. Raises KerasPainError where there are no sequences.
    """
    base = find_base(root, _PLACES, _has_people, _NOTHING)
    search = _Search(base)
    sequences = group_by_name(
        search.raw_files(),
        # Those that can be read and lie with their person come first.
        lambda file: (
            file.refusal is not None,
            _MISPLACED in [finding.rule for finding in file.findings],
            file.relative,
        ),
    )
    if not sequences:
        raise nothing_found(root, _NOTHING)
    for file, *others in sequences:
        if others:
            shown = shorten(other.relative for other in others)
            detail = f"is also there as {shown}; this one is read"
            file.findings.noted("duplicate", detail)
    files = [same[0] for same in sequences]
    files.sort(key=lambda file: (file.subject_id, file.name))
    about_all, strays = Findings(), len(search.odd["stray_files"])
    for rule, text in (
        ("doubled_folder", "read in {}"),
        ("other_case", "named {}; read"),
        ("missing_folder", "no folder {}; read without"),
        ("stray_files", f"{strays} other files: {{}}; skipped"),
    ):
        about_all.listed(rule, dict.fromkeys(search.odd[rule]), text)
    report_with_first(files, about_all)
    return files


def _has_people(base):
    images = child(base, *TREES["images"])
    if images is None or not images.is_dir():
        return False
    again = child(images, images.name)
    folders = [images, again] if again and again.is_dir() else [images]
    return any(
        SUBJECT.fullmatch(path.name)
        for folder in folders
        for path in folder.iterdir()
    )


class _Search:
    """Finds folders in spite of their quirks, and remembers the quirks."""

    def __init__(self, base):
        self._base = base
        self.odd = collections.defaultdict(list)  # by rule

    def raw_files(self):
        """Every sequence, in the order of the folders."""
        scales = {scale: (SEQUENCE_LABELS, scale.upper()) for scale in SCALES}
        places = TREES | scales
        trees = {name: self._walk(steps) for name, steps in places.items()}
        images, strays = trees["images"], self.odd["stray_files"]
        for place in sorted(images.iterdir()):
            if not place.is_dir() or is_leaving(place, images):
                strays.append(place.name)
            elif SUBJECT.fullmatch(place.name) is None:
                strays.append(f"{place.name}/")
            else:
                inner = self._inner(place)
                for folder in sorted(inner.iterdir()):
                    if folder.is_dir() and not is_leaving(folder, inner):
                        name = place.name.lower()
                        yield self._raw_file(name, folder, trees)
                    else:
                        strays.append(folder.name)

    def _walk(self, steps):
        """Folder `base/step/step`, where each may be there twice over."""
        folder = self._base
        for step in steps:
            found = child(folder, step)
            if found is None or not found.is_dir():
                self.odd["missing_folder"].append("/".join(steps))
                return None
            if found.name != step:
                self.odd["other_case"].append(f"{found.name} for {step}")
            folder = self._inner(found)
        return folder

    def _inner(self, folder):
        """The folder of the same name in it, where it holds one."""
        while (again := child(folder, folder.name)) and again.is_dir():
            folder = again
            place = folder.relative_to(self._base).as_posix()
            self.odd["doubled_folder"].append(place)
        return folder

    def _raw_file(self, place, folder, trees):
        name = folder.name.lower()
        file = RawFile(folder, LAYOUTS[0], name, self._base, place, "patient")
        _name_person(file, place)
        people = dict.fromkeys((file.subject_id, place))

        def belonging(tree, name):
            """What a tree of labels holds for it, with any of the people."""
            folders = (trees[tree] and child(trees[tree], p) for p in people)
            found = (f and child(self._inner(f), name) for f in folders)
            return next(filter(None, found), None)

        for tree in TREES:
            where = folder if tree == "images" else belonging(tree, folder.name)
            there = where and where.is_dir()
            file.info[tree] = self._numbered(where, name, tree) if there else {}
        labels = {s: belonging(s, f"{folder.name}.txt") for s in SCALES}
        file.info["scales"] = {
            scale: label
            for scale, label in labels.items()
            if label and label.is_file()
        }
        if file.refusal is not None:
            # Two people may each have a folder of a name that says nothing.
            file.name = f"{place} {name}"
        elif not file.info["images"]:
            file.refusal = (
                "no_pictures",
                "holds no pictures <sequence>001.png",
                "copy the sequence anew, or move it out of here",
            )
        tables = file.info.values()
        file.parts = tuple(path for table in tables for path in table.values())
        return file

    def _numbered(self, folder, sequence, tree):
        """Number of a frame to its file; others are strays."""
        numbered, suffix = {}, _SUFFIXES[tree]
        endings = (".txt",) if suffix else STILL_ENDINGS
        for path in sorted(self._inner(folder).iterdir()):
            stem = path.stem.lower()
            fits = path.suffix.lower() in endings and stem.endswith(suffix)
            match = fits and FRAME_NUMBER.fullmatch(stem.removesuffix(suffix))
            if match and match["sequence"] == sequence and path.is_file():
                numbered.setdefault(int(match["number"]), path)
            else:
                self.odd["stray_files"].append(path.name)
        return dict(sorted(numbered.items()))


def _name_person(file, place):
    """Sets the person that a sequence is of, or refuses the sequence.

    `place` is the folder of a person, in which it lies.
    """
    match = SEQUENCE.fullmatch(file.name)
    code = match and match["code"]
    if match is None:
        file.refusal = (
            "unknown_name",
            "its name is not <subject>t<test><movement><aff|unaff>",
            "give it the name its owners gave it, or move it out of here",
        )
    elif code == place.partition("-")[2]:
        if place not in SUBJECTS:
            detail = f"{place} is none of the 25 subjects; kept"
            file.findings.noted("unknown_subject", detail)
    elif code not in SUBJECT_OF:
        file.refusal = (
            _MISPLACED,
            f"its name says {code}, none of the 25, its folder {place}",
            "put it with the person it is of",
        )
    else:
        file.subject_id = SUBJECT_OF[code]
        detail = f"lies with {place}; its name is believed"
        file.findings.noted(_MISPLACED, detail)
