"""Raw files of a corpus: where they lie, what was found in them, reading them.

A corpus is a folder here. Its package has `LAYOUTS`, `detect_layout(root)`,
`find_files(root, layout)` and `read_file(raw_file)`; one that several layouts
of may lie in one folder has `find_layouts(root)`, and one with files beside
those that are read has `check_further(raw_file, recording)`.
"""

import collections
import dataclasses
import functools
import importlib
import os
import pathlib
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from keras_pain.errors import BadFileError, KerasPainError, check_choice

if TYPE_CHECKING:  # NumPy is not needed to print --help
    from keras_pain.corpora.recording import Recording, VideoRecording

StrPath = str | os.PathLike
ON_BAD_FILE = ("fail", "skip")
LEAVE_OUT = "leave it out with --on_bad_file=skip"
RENAME = "give it the name its owners gave it, or move it out of here"
# In the folder in which a layout begins: a simulator wrote the files.
SIMULATED_NOTE = "SIMULATED.txt"
# The corpora by name, imported when asked for.
CORPORA = {
    path.parent.name: f"{__package__}.{path.parent.name}"
    for path in sorted(pathlib.Path(__file__).parent.glob("*/__init__.py"))
}


@dataclasses.dataclass(frozen=True)
class Finding:
    """One rule that had something to say about one file."""

    rule: str  # its name, e.g. "nan_first_energy_row"
    action: str  # "checked" (all is well), "noted", "repaired" or "refused"
    detail: str  # what was found and what was done, as a phrase


class Findings(list[Finding]):
    """What was found so far."""

    def add(self, action: str, rule: str, detail: str) -> None:
        self.append(Finding(rule, action, detail))

    checked = functools.partialmethod(add, "checked")
    noted = functools.partialmethod(add, "noted")
    repaired = functools.partialmethod(add, "repaired")

    def listed(
        self, rule: str, items: Iterable, text: str, action: str = "noted"
    ) -> None:
        """One finding about all items, none where there are none.

        `text` has `{}` for the first few of them, and `{n}` for their number.
        """
        items = list(items)
        if items:
            self.add(action, rule, text.format(shorten(items), n=len(items)))


@dataclasses.dataclass
class RawFile:
    """A file of a corpus and what its name and folder say.

    Its layout begins in `root`; paths in reports and manifests are relative to
    that. `info` are further facts that only this corpus has, `findings` what
    the name or the folder already gave away. `refusal`, of a file that must
    not be read, is the rule, the problem and the cure; `parts` are all files
    that the recording is read from, where that is not `path` alone.
    """

    path: pathlib.Path  # of a sequence of pictures their folder
    layout: str
    name: str  # of its recording, unique in the layout
    root: pathlib.Path
    subject_id: str = ""  # participant
    group: str = ""  # "patient", "healthy" or ""
    difficulty: str = ""  # "N", "D" or ""
    split: str = ""  # the owners', or ""
    info: dict[str, Any] = dataclasses.field(default_factory=dict)
    findings: Findings = dataclasses.field(default_factory=Findings)
    refusal: tuple[str, str, str] | None = None
    parts: tuple[pathlib.Path, ...] = ()

    @property
    def relative(self) -> str:
        """Path below `root`, with forward slashes."""
        return self.path.relative_to(self.root).as_posix()

    @property
    def simulated(self) -> bool:
        """Whether the note of a simulator lies beside the files."""
        return (self.root / SIMULATED_NOTE).exists()

    @property
    def person(self) -> dict[str, str]:
        """What a recording takes over from the file."""
        names = ("name", "subject_id", "group", "difficulty", "split")
        return {name: getattr(self, name) for name in names}

    def check_refusal(self) -> None:
        """Raises BadFileError where the name alone rules the file out."""
        if self.refusal is not None:
            rule, problem, cure = self.refusal
            raise BadFileError(self.path, problem, cure, rule=rule)

    def check_frames(self, count: int, least: int = 2) -> None:
        """Raises BadFileError where there are fewer than `least` frames."""
        if count < least:
            problem = f"has {count} frame(s), fewer than {least}"
            raise BadFileError(self.path, problem, LEAVE_OUT, "too_few_frames")

    def refused(self, error: BadFileError) -> Finding:
        """The error that refuses the file, as a finding.

        Where it is about one of several files, e.g. a picture of a folder, it
        begins with that file's path, below `path` or else below `root`.
        """
        detail = f"{error.problem}; {error.cure}"
        part = pathlib.Path(error.path)
        if part != self.path:
            bases = filter(part.is_relative_to, (self.path, self.root))
            base = next(bases, part.parent)
            detail = f"{part.relative_to(base).as_posix()}: {detail}"
        return Finding(error.rule, "refused", detail)


@dataclasses.dataclass
class FileReport:
    """What became of one raw file; for what is not said here see `RawFile`."""

    path: str  # below the layout's folder
    layout: str
    name: str
    subject_id: str
    group: str
    difficulty: str
    split: str
    frames: int = 0  # rows after repairs; 0 where refused
    seconds: float = 0.0  # 0 where the frame rate is not known
    protective: float | None = None  # share among the known; None of none
    # Of the recording as a whole, by name; NaN is left out.
    labels: dict[str, float] = dataclasses.field(default_factory=dict)
    simulated: bool = False
    findings: list[Finding] = dataclasses.field(default_factory=list)

    @property
    def refused(self) -> bool:
        return any(finding.action == "refused" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain Python values, ready for JSON."""
        return {"refused": self.refused, **dataclasses.asdict(self)}

    @classmethod
    def of(cls, raw_file: RawFile, recording, findings) -> "FileReport":
        """Report on a file that was read, or refused (`recording` is None)."""
        facts = raw_file.person | {"findings": list(findings)}
        if recording is not None:
            facts |= recording.summary()
        return cls(raw_file.relative, raw_file.layout, **facts)


def get_corpus(name: str) -> types.ModuleType:
    """The package of a corpus; ConfigurationError where none has this name."""
    check_choice("corpus", name, CORPORA)
    return importlib.import_module(CORPORA[name])


def resolve_layout(
    corpus: types.ModuleType, root: StrPath, layout: str | None
) -> str:
    """The layout to read: the given one, or the one found in the folder.

    Raises KerasPainError where none or several fit; names another corpus.
    """
    if layout is not None:
        check_choice("layout", layout, corpus.LAYOUTS)
        return layout
    try:
        return corpus.detect_layout(root)
    except KerasPainError as error:
        if (other := guess_corpus(root)) is None:
            raise
        said = f"{error} (this looks like the corpus {other})"
        raise KerasPainError(said) from error


def guess_corpus(root: StrPath) -> str | None:
    """The first corpus whose raw files a folder holds; None where none is."""
    for name in CORPORA:
        try:
            get_corpus(name).detect_layout(root)
        except KerasPainError:
            continue
        return name
    return None


def read_corpus(
    corpus: str | types.ModuleType,
    root: StrPath,
    layout: str | None = None,
    on_bad_file: str = "fail",
    files: Sequence[RawFile] | None = None,
    **options: Any,
) -> "Iterator[tuple[Recording | VideoRecording | None, FileReport]]":
    """Reads a corpus file by file; only one recording is held at a time.

    The call itself reports unfit arguments and folders. The recording of a
    refused file is None: with `on_bad_file="fail"` the first one raises
    BadFileError, `"skip"` reports it and raises only where all are.

    `root` is the folder of the layout, or the parent that holds `<layout>/`;
    None detects the layout, and reads all files. Options are given to the
    corpus' `read_file`.
    """
    check_choice("on_bad_file", on_bad_file, ON_BAD_FILE)
    module = get_corpus(corpus) if isinstance(corpus, str) else corpus
    if files is None:
        files = module.find_files(root, resolve_layout(module, root, layout))
    return _read_files(module, root, files, on_bad_file, options)


def _read_files(module, root, files, on_bad_file, options):
    refused = []
    for raw_file in files:
        try:
            recording, findings = module.read_file(raw_file, **options)
        except BadFileError as error:
            if on_bad_file == "fail":
                raise
            refused.append(error)
            recording, findings = None, [raw_file.refused(error)]
        yield recording, FileReport.of(raw_file, recording, findings)
    if len(refused) == len(files):
        problem = f"all {len(files)} files were refused, the first because"
        raise KerasPainError(f"{root}: {problem} {refused[0]}")


def require_folder(root: StrPath) -> pathlib.Path:
    """The folder; KerasPainError where it is missing, a file, or empty."""
    folder = pathlib.Path(root).expanduser()
    if not folder.exists():
        problem = "no such folder"
    elif not folder.is_dir():
        problem = "is a file, not a folder"
    elif not any(folder.iterdir()):
        problem = "the folder is empty"
    else:
        return folder
    cure = "give the folder of the raw files with --manual_dir"
    raise KerasPainError(f"{folder}: {problem}; {cure}")


def find_base(
    root: StrPath,
    places: Iterable[Sequence[str]],
    fits: Callable[[pathlib.Path], Any],
    nothing: str,
) -> pathlib.Path:
    """The folder in which a corpus begins; KerasPainError where none does.

    It `fits`, in `places` below `root`, one name for each step down, or in
    doubled folders; `nothing` is what to say if not, see `nothing_found`.
    """
    folder = require_folder(root)
    for place in places:
        for base in doubled(child(folder, *place)):
            if fits(base):
                return base
    raise nothing_found(folder, nothing)


def nothing_found(root: StrPath, text: str) -> KerasPainError:
    """The error of a folder without raw files.

    The text is what was looked for and what to do; `{}` is what it holds.
    """
    root = pathlib.Path(root).expanduser()
    folders = sorted(p.name for p in root.iterdir() if p.is_dir())
    endings = collections.Counter()
    for _, _, names in os.walk(root):
        endings.update(pathlib.Path(n).suffix.lower() for n in names)
        if endings.total() >= 2000:  # enough to tell
            break
    counts = [f"{n} {e or 'extensionless'}" for e, n in endings.most_common(3)]
    holds = f"{' and '.join(counts)} files" if counts else "no files"
    if folders:
        holds += f" in folders {shorten(map(repr, folders))}"
    return KerasPainError(f"{root}: {text.format(holds)}")


def child(folder: pathlib.Path, *names: str) -> pathlib.Path | None:
    """What lies at `folder/name/name`, whatever the case of the names.

    A folder on the way may be doubled.
    """
    found, places = folder, [folder]
    for name in names:
        found = next(filter(None, (_named(p, name) for p in places)), None)
        places = doubled(found)
    return found


def doubled(folder: pathlib.Path | None) -> list[pathlib.Path]:
    """A folder and those of its own name in it, `x`, `x/x`; none of a file.

    An archive that is unpacked into a folder of its own name leaves such ones.
    """
    places = {}
    while folder is not None and (real := folder.resolve()) not in places:
        places[real] = folder
        folder = _named(folder, folder.name)
    return [place for place in places.values() if place.is_dir()]


def _named(folder, name):
    if name in ("", "..") or not folder.is_dir():
        return None
    if (folder / name).exists():
        return folder / name
    same = (p for p in folder.iterdir() if p.name.lower() == name.lower())
    return min(same, default=None)


def is_leaving(path: pathlib.Path, base: pathlib.Path) -> bool:
    """Whether an archive tool or file browser left this file behind.

    Names above the folder `base` do not count.
    """
    parts = path.relative_to(base).parts
    hidden = any(p.startswith(".") or p == "__MACOSX" for p in parts)
    return hidden or path.name.lower() in ("thumbs.db", "desktop.ini")


def files_below(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Every file at any depth, sorted by folder, then by name.

    A link to a folder is followed, but no folder is entered twice.
    """
    entered = set()
    for where, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(where)
        if real in entered:
            folders.clear()
            continue
        entered.add(real)
        folders.sort()
        for name in sorted(names):
            yield pathlib.Path(where, name)


def report_with_first(
    files: Iterable[RawFile], findings: Iterable[Finding]
) -> None:
    """Adds what concerns a whole folder to the first file that can be read."""
    first = next((file for file in files if file.refusal is None), None)
    if first is not None:
        first.findings[:0] = findings


def note_doubled(files: Sequence[RawFile]) -> None:
    """Notes which files lie in a folder of a folder's own name, `x/x`.

    What lies above the layout's folder is the user's and is not said.
    """
    twice = [
        place.as_posix()
        for place in {file.path.parent.relative_to(file.root) for file in files}
        if any(a.lower() == b.lower() for a, b in pairwise(place.parts))
    ]
    found = Findings()
    found.listed("doubled_folder", sorted(twice), "read in {}")
    report_with_first(files, found)


def group_by_name(
    files: Iterable[RawFile], key: Callable[[RawFile], Any]
) -> list[list[RawFile]]:
    """The files of each name, the one to be read first, by `key`."""
    groups = {}
    for file in sorted(files, key=key):
        groups.setdefault(file.name, []).append(file)
    return list(groups.values())


def shorten(items: Iterable) -> str:
    """`1, 2, 3, 4, ...`: the first few of a list, for a message."""
    items = [str(item) for item in items]
    return ", ".join(items[:4] + ["..."] * (len(items) > 4))
