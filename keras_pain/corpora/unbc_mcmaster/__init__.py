"""UNBC-McMaster shoulder pain archive: filmed patients, pain frame by frame.

A raw file of this corpus is a sequence: the folder of its pictures, and the
label files that belong to them. Its name tells who is filmed, not the folder:
a sequence that was put with somebody else would make one person part of the
training and of the test data.
"""

import collections

from keras_pain.corpora import base as raw
from keras_pain.corpora.base import Findings, RawFile, StrPath
from keras_pain.corpora.media import STILL_ENDINGS
from keras_pain.corpora.unbc_mcmaster import layout as facts
from keras_pain.corpora.unbc_mcmaster.layout import LAYOUTS, SCALES, SUBJECTS
from keras_pain.corpora.unbc_mcmaster.reader import read_file as read_file

# What names of files end with behind the frame's number.
_SUFFIXES = {"images": "", "pspi": "_facs", "facs": "_facs", "aam": "_aam"}
_MISPLACED = "subject_against_folder"
_PLACES = ((), (facts.FOLDER,), LAYOUTS)
_NOTHING = (
    "no UNBC-McMaster sequences Images/<subject>/<sequence>/<sequence>001.png "
    "here (it holds {}); give the folder that holds Images with --manual_dir"
)


def detect_layout(root: StrPath) -> str:
    """`"archive"`, the only layout; raises as `find_files` does."""
    raw.find_base(root, _PLACES, _has_people, _NOTHING)
    return LAYOUTS[0]


def find_files(root: StrPath, layout: str = LAYOUTS[0]) -> list[RawFile]:
    """The sequences of the archive, by subject and name; no file is opened.

    Of several of one name one is read. `info` has `images`, `pspi`, `facs`,
    `aam` (number to path each) and `scales` (scale to path). What is odd about
    the folder as a whole is reported with the first that can be read. `root`
    holds `Images`, or is the parent of such a folder called `unbc_mcmaster` or
    `archive`. Raises KerasPainError where there are no sequences.
    """
    search = _Search(raw.find_base(root, _PLACES, _has_people, _NOTHING))
    sequences = raw.group_by_name(
        search.raw_files(),
        # Those that can be read and lie with their person come first.
        lambda file: (
            file.refusal is not None,
            _MISPLACED in [finding.rule for finding in file.findings],
            file.relative,
        ),
    )
    if not sequences:
        raise raw.nothing_found(root, _NOTHING)
    for file, *others in sequences:
        also = [other.relative for other in others]
        said = "is also there as {}; this one is read"
        file.findings.listed("duplicate", also, said)
    files = [same[0] for same in sequences]
    files.sort(key=lambda file: (file.subject_id, file.name))
    about_all, strays = Findings(), len(search.odd["stray_files"])
    for rule, text in (
        ("doubled_folder", "read in {}"),
        ("other_case", "named {}; read"),
        ("missing_folder", "no folder {}; read without"),
        ("duplicate_files", "of frames that have another: {}; left out"),
        ("stray_files", f"{strays} other files: {{}}; skipped"),
    ):
        about_all.listed(rule, dict.fromkeys(search.odd[rule]), text)
    raw.report_with_first(files, about_all)
    return files


def _has_people(base):
    return any(
        facts.SUBJECT.fullmatch(path.name)
        for folder in raw.doubled(raw.child(base, *facts.TREES["images"]))
        for path in folder.iterdir()
    )


class _Search:
    """Finds folders in spite of their quirks, and remembers the quirks."""

    def __init__(self, base):
        self._base = base
        self.odd = collections.defaultdict(list)  # by rule

    def raw_files(self):
        """Every sequence, in the order of the folders."""
        places = dict(facts.TREES)
        for scale in SCALES:
            places[scale] = (facts.SEQUENCE_LABELS, scale.upper())
        trees = {name: self._walk(steps) for name, steps in places.items()}
        images, strays = trees["images"], self.odd["stray_files"]
        for place in sorted(images.iterdir()):
            if not place.is_dir() or raw.is_leaving(place, images):
                strays.append(place.name)
                continue
            if facts.SUBJECT.fullmatch(place.name) is None:
                strays.append(f"{place.name}/")
                continue
            inner = self._inner(place)
            for folder in sorted(inner.iterdir()):
                if folder.is_dir() and not raw.is_leaving(folder, inner):
                    yield self._raw_file(place.name.lower(), folder, trees)
                else:
                    strays.append(folder.name)

    def _walk(self, steps):
        """Folder `base/step/step`, where each may be there twice over."""
        folder = self._base
        for step in steps:
            found = raw.child(folder, step)
            if found is None or not found.is_dir():
                self.odd["missing_folder"].append("/".join(steps))
                return None
            if found.name != step:
                self.odd["other_case"].append(f"{found.name} for {step}")
            folder = self._inner(found)
        return folder

    def _inner(self, folder):
        """The innermost of a folder and those of its own name in it."""
        folders = raw.doubled(folder) or [folder]
        places = (p.relative_to(self._base).as_posix() for p in folders[1:])
        self.odd["doubled_folder"] += places
        return folders[-1]

    def _raw_file(self, place, folder, trees):
        name = folder.name.lower()
        file = RawFile(folder, LAYOUTS[0], name, self._base, place, "patient")
        _name_person(file, place)
        people = dict.fromkeys((file.subject_id, place))

        def belonging(tree, name):
            """What a tree of labels holds for it, with any of the people."""
            base = trees[tree]
            folders = (base and raw.child(base, person) for person in people)
            found = (f and raw.child(self._inner(f), name) for f in folders)
            return next(filter(None, found), None)

        for tree in facts.TREES:
            where = folder if tree == "images" else belonging(tree, folder.name)
            there = where and where.is_dir()
            file.info[tree] = self._numbered(where, name, tree) if there else {}
        scales = file.info["scales"] = {}
        for scale in SCALES:
            label = belonging(scale, f"{folder.name}.txt")
            if label and label.is_file():
                scales[scale] = label
        if file.refusal is not None:
            # Two people may each have a folder of a name that says nothing.
            file.name = f"{place} {name}"
        elif not file.info["images"]:
            problem = "holds no pictures <sequence>001.png"
            cure = "copy the sequence anew, or move it out of here"
            file.refusal = "no_pictures", problem, cure
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
            stem = stem.removesuffix(suffix)
            match = fits and facts.FRAME_NUMBER.fullmatch(stem)
            if match and match["sequence"] == sequence and path.is_file():
                if numbered.setdefault(int(match["number"]), path) != path:
                    self.odd["duplicate_files"].append(path.name)
            else:
                self.odd["stray_files"].append(path.name)
        return dict(sorted(numbered.items()))


def _name_person(file, place):
    """Sets the person that a sequence is of, or refuses the sequence.

    `place` is the folder of a person, in which it lies.
    """
    match = facts.SEQUENCE.fullmatch(file.name)
    code = match and match["code"]
    if match is None:
        problem = "its name is not <subject>t<test><movement><aff|unaff>"
        file.refusal = "unknown_name", problem, raw.RENAME
    elif code == place.partition("-")[2]:
        if place not in SUBJECTS:
            detail = f"{place} is none of the 25 subjects; kept"
            file.findings.noted("unknown_subject", detail)
    elif code not in facts.SUBJECT_OF:
        problem = f"its name says {code}, none of the 25, its folder {place}"
        file.refusal = _MISPLACED, problem, "put it with the person it is of"
    else:
        file.subject_id = facts.SUBJECT_OF[code]
        detail = f"lies with {place}; its name is believed"
        file.findings.noted(_MISPLACED, detail)
