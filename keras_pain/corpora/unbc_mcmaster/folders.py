"""Which UNBC sequences lie in a folder, and what is odd about where they lie.

A raw file of this corpus is a sequence: the folder of its pictures, and the
label files that belong to them.
"""

import os
import pathlib

from keras_pain.corpora.files import (
    Finding,
    RawFile,
    describe_folder,
    require_folder,
)
from keras_pain.corpora.folders import child, is_leaving, report_with_first
from keras_pain.corpora.simulated import is_simulated
from keras_pain.corpora.survey import shorten
from keras_pain.corpora.unbc_mcmaster import layout as facts
from keras_pain.corpora.unbc_mcmaster.people import whose, without_duplicates
from keras_pain.errors import KerasPainError


def detect_layout(root: str | os.PathLike) -> str:
    """The layout of the sequences below a folder.

    Args:
        root: The folder that holds `Images`, or its parent where that folder
            is called `unbc_mcmaster` or `archive`.

    Returns:
        `"archive"`, the only one.

    Raises:
        KerasPainError: There are no sequences.
    """
    root = require_folder(root)
    if _find_base(root) is None:
        raise _nothing_found(root)
    return facts.LAYOUTS[0]


def find_files(
    root: str | os.PathLike, layout: str = facts.LAYOUTS[0]
) -> list[RawFile]:
    """The sequences of the archive, without opening a file.

    Args:
        root: As for `detect_layout`.
        layout: `"archive"`.

    Returns:
        One file a sequence, by subject and name. Its name tells whose it is,
        not its folder; of several of one name one is read. `info` has `images`
        (number to path), `pspi`, `facs`, `aam` (number to path each) and
        `scales` (scale to path). What is odd about the folder as a whole
        (doubled folders, other case, stray files) is reported with the first
        sequence that can be read.

    Raises:
        KerasPainError: There are no sequences.
    """
    root = require_folder(root)
    base = _find_base(root)
    if layout not in facts.LAYOUTS or base is None:
        raise _nothing_found(root)
    search = _Search(base)
    places = {
        name: search.walk(*steps)
        for name, steps in (
            ("images", facts.IMAGES),
            ("pspi", facts.PSPI),
            ("facs", facts.FACS),
            ("aam", facts.AAM),
            *((s, (facts.SEQUENCE_LABELS, s.upper())) for s in facts.SCALES),
        )
    }
    simulated = is_simulated(base)
    files = without_duplicates(
        _raw_file(base, place, folder, places, search, simulated)
        for place, folder in search.sequences(places["images"])
    )
    if not files:
        raise _nothing_found(root)
    return report_with_first(files, search.findings())


class _Search:
    """Finds folders in spite of their quirks, and remembers the quirks."""

    def __init__(self, base: pathlib.Path):
        self.base = base
        self._doubled: list[str] = []
        self._other_case: list[str] = []
        self._absent: list[str] = []
        self.strays: list[str] = []

    def walk(self, *steps: str) -> pathlib.Path | None:
        """Folder `base/step/step`, where each may be there twice over."""
        folder = self.base
        for step in steps:
            found = child(folder, step)
            if found is None or not found.is_dir():
                self._absent.append("/".join(steps))
                return None
            if found.name != step:
                self._other_case.append(f"{found.name} for {step}")
            folder = self.inner(found)
        return folder

    def inner(self, folder: pathlib.Path) -> pathlib.Path:
        """The folder of the same name in it, where it holds one."""
        while (again := child(folder, folder.name)) and again.is_dir():
            folder = again
            self._doubled.append(folder.relative_to(self.base).as_posix())
        return folder

    def sequences(self, images: pathlib.Path):
        """Whose folder each sequence lies in, and its own."""
        for person in _listed(images):
            if not person.is_dir() or is_leaving(person, images):
                self.strays.append(person.name)
                continue
            if facts.SUBJECT.fullmatch(person.name) is None:
                self.strays.append(f"{person.name}/")
                continue
            inner = self.inner(person)
            for folder in _listed(inner):
                if folder.is_dir() and not is_leaving(folder, inner):
                    yield person.name.lower(), folder
                else:
                    self.strays.append(folder.name)

    def belonging(self, tree, people, name: str) -> pathlib.Path | None:
        """What a tree of labels holds for a sequence, with any of them."""
        folders = (tree and child(tree, person) for person in people)
        found = (f and child(self.inner(f), name) for f in folders)
        return next(filter(None, found), None)

    def numbered(self, folder, sequence, endings, suffix="") -> dict:
        """Number of a frame to its file; others are strays."""
        numbered = {}
        for path in _listed(folder):
            stem = path.stem.lower()
            fits = path.suffix.lower() in endings and stem.endswith(suffix)
            match = fits and facts.FRAME_NUMBER.fullmatch(
                stem.removesuffix(suffix)
            )
            if match and match["sequence"] == sequence and path.is_file():
                numbered.setdefault(int(match["number"]), path)
            else:
                self.strays.append(path.name)
        return dict(sorted(numbered.items()))

    def findings(self) -> list[Finding]:
        """What was odd about the folders."""
        found = []
        for rule, items, text in (
            ("doubled_folder", self._doubled, "read in {}"),
            ("other_case", self._other_case, "named {}; read"),
            ("missing_folder", self._absent, "no folder {}; read without"),
        ):
            if items:
                items = list(dict.fromkeys(items))
                found.append(
                    Finding(rule, "noted", text.format(shorten(items)))
                )
        if self.strays:
            detail = (
                f"{len(self.strays)} other files: "
                f"{shorten(dict.fromkeys(self.strays))}; skipped"
            )
            found.append(Finding("stray_files", "noted", detail))
        return found


def _listed(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(folder.iterdir())


def _find_base(root: pathlib.Path) -> pathlib.Path | None:
    for place in ((), (facts.FOLDER,), facts.LAYOUTS):
        base = child(root, *place)
        images = base and child(base, *facts.IMAGES)
        if images is None or not images.is_dir():
            continue
        again = child(images, images.name)
        folders = [images, again] if again and again.is_dir() else [images]
        if any(
            facts.SUBJECT.fullmatch(path.name)
            for folder in folders
            for path in folder.iterdir()
        ):
            return base
    return None


def _raw_file(base, place, folder, places, search, simulated) -> RawFile:
    sequence = folder.name.lower()
    subject, findings, refusal = whose(place, folder.name)
    info = {"simulated": simulated, "scales": {}}
    info["images"] = search.numbered(
        search.inner(folder), sequence, facts.IMAGE_ENDINGS
    )
    people = dict.fromkeys((subject, place))
    for name, suffix in (("pspi", "_facs"), ("facs", "_facs"), ("aam", "_aam")):
        labels = search.belonging(places[name], people, folder.name)
        info[name] = (
            search.numbered(search.inner(labels), sequence, (".txt",), suffix)
            if labels and labels.is_dir()
            else {}
        )
    for scale in facts.SCALES:
        label = search.belonging(places[scale], people, f"{folder.name}.txt")
        if label and label.is_file():
            info["scales"][scale] = label
    # Two people may each have a folder of a name that says nothing.
    name = sequence if refusal is None else f"{place} {sequence}"
    if not info["images"] and refusal is None:
        refusal = (
            "no_pictures",
            "holds no pictures <sequence>001.png",
            "copy the sequence anew, or move it out of here",
        )
    tables = (info[name] for name in ("images", "pspi", "facs", "aam"))
    return RawFile(
        path=folder,
        layout=facts.LAYOUTS[0],
        name=name,
        subject_id=subject,
        group="patient",
        root=base,
        info=info,
        findings=tuple(findings),
        refusal=refusal,
        parts=(
            *(path for table in tables for path in table.values()),
            *info["scales"].values(),
        ),
    )


def _nothing_found(root) -> KerasPainError:
    return KerasPainError(
        f"{root}: no UNBC-McMaster sequences Images/<subject>/<sequence>/"
        f"<sequence>001.png here (it holds {describe_folder(root)}); give the "
        "folder that holds Images with --manual_dir"
    )
