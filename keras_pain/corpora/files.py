"""Raw files of a corpus, what was found in them, and reading them one by one.

Nothing here knows a particular corpus: the modules named in `registry` find
and read their own files.
"""

import collections
import dataclasses
import os
import pathlib
import types
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_pain.corpora import registry
from keras_pain.corpora.recording import Recording
from keras_pain.errors import BadFileError, ConfigurationError, KerasPainError

if TYPE_CHECKING:
    from keras_pain.corpora.video import VideoRecording

ON_BAD_FILE = ("fail", "skip")
ACTIONS = ("checked", "noted", "repaired", "refused")


@dataclasses.dataclass(frozen=True)
class Finding:
    """One rule that had something to say about one file.

    Args:
        rule: Name of the rule, e.g. `"nan_first_energy_row"`.
        action: `"checked"` (all is well, here is the number), `"noted"`
            (kept as it is), `"repaired"` or `"refused"`.
        detail: What was found and what was done, as a phrase.
    """

    rule: str
    action: str
    detail: str

    def __post_init__(self):
        if self.action not in ACTIONS:
            raise ValueError(f"action must be one of {ACTIONS}: {self.action}")


@dataclasses.dataclass(frozen=True)
class RawFile:
    """A file of a corpus and what its name and folder say.

    Args:
        path: The file; of a sequence of pictures their folder.
        layout: The corpus' layout that it belongs to.
        name: Name of its recording, unique in the layout.
        subject_id: Participant.
        group: `"patient"` or `"healthy"`.
        difficulty: `"N"`, `"D"` or `""`.
        split: The owners' split, or `""`.
        root: Folder in which the layout begins; paths in reports and
            manifests are relative to it.
        info: Further facts that only this corpus has.
        findings: What the name or the folder already gave away.
        refusal: `(rule, problem, cure)` of a file that must not be read.
        parts: Every file that the recording is read from, where that is not
            `path` alone.
    """

    path: pathlib.Path
    layout: str
    name: str
    subject_id: str
    group: str
    difficulty: str = ""
    split: str = ""
    root: pathlib.Path | None = None
    info: dict[str, Any] = dataclasses.field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    refusal: tuple[str, str, str] | None = None
    parts: tuple[pathlib.Path, ...] = ()

    @property
    def relative(self) -> str:
        """Path below `root`, with forward slashes."""
        if self.root is None:
            return self.path.name
        return self.path.relative_to(self.root).as_posix()

    def check_refusal(self) -> None:
        """Raises BadFileError where the name alone rules the file out."""
        if self.refusal is not None:
            rule, problem, cure = self.refusal
            raise BadFileError(self.path, problem, cure, rule=rule)

    def refused(self, error: BadFileError) -> Finding:
        """The error that refuses the file, as a finding.

        Args:
            error: Where it is about one of several files, e.g. a picture of
                a folder, the finding begins with that file's path, below
                `path` or else below `root`.
        """
        detail = f"{error.problem}; {error.cure}"
        part = pathlib.Path(error.path)
        if part != self.path:
            bases = (b for b in (self.path, self.root) if b is not None)
            base = next(filter(part.is_relative_to, bases), part.parent)
            detail = f"{part.relative_to(base).as_posix()}: {detail}"
        return Finding(error.rule, "refused", detail)


@dataclasses.dataclass
class FileReport:
    """What became of one raw file.

    Args:
        path: The file, relative to the layout's folder.
        layout: Layout it was read as.
        name: Name of its recording.
        subject_id: Participant.
        group: `"patient"` or `"healthy"`.
        difficulty: `"N"`, `"D"` or `""`.
        split: The owners' split, or `""`.
        frames: Rows of the recording after repairs; 0 where refused.
        seconds: Its duration; 0 where the frame rate is not known.
        protective: Share of frames with protective behaviour among those
            whose label is known; None where none is.
        labels: Labels of the recording as a whole, by name; NaN is left out.
        simulated: Whether a simulator wrote the file.
        findings: Every rule that had something to say.
    """

    path: str
    layout: str
    name: str
    subject_id: str
    group: str
    difficulty: str = ""
    split: str = ""
    frames: int = 0
    seconds: float = 0.0
    protective: float | None = None
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
    def of(
        cls,
        raw_file: RawFile,
        recording: "Recording | VideoRecording | None",
        findings: list[Finding],
    ) -> "FileReport":
        """Report on a file that was read, or refused (`recording` is None)."""
        names = ("layout", "name", "subject_id", "group", "difficulty", "split")
        report = cls(
            path=raw_file.relative,
            findings=list(findings),
            **{name: getattr(raw_file, name) for name in names},
        )
        if recording is None:
            return report
        report.frames = len(recording)
        report.simulated = recording.simulated
        if recording.frame_rate is not None:
            report.seconds = round(len(recording) / recording.frame_rate, 3)
        if isinstance(recording, Recording):
            known = recording.protective[recording.protective >= 0]
            report.protective = float(np.mean(known)) if len(known) else None
        else:
            report.labels = {
                name: float(value)
                for name, value in recording.labels.items()
                if np.isfinite(value)
            }
        return report


def require_folder(root: str | os.PathLike) -> pathlib.Path:
    """The folder, once it is sure that it exists and holds something.

    Raises:
        KerasPainError: It does not exist, is a file, or is empty.
    """
    folder = pathlib.Path(root).expanduser()
    cure = "give the folder of the raw files with --manual_dir"
    if not folder.exists():
        raise KerasPainError(f"{folder}: no such folder; {cure}")
    if not folder.is_dir():
        raise KerasPainError(f"{folder}: is a file, not a folder; {cure}")
    if not any(folder.iterdir()):
        raise KerasPainError(f"{folder}: the folder is empty; {cure}")
    return folder


def describe_folder(root: str | os.PathLike, limit: int = 2000) -> str:
    """What a folder holds, in a few words, for error messages.

    Args:
        root: The folder.
        limit: Stop counting after this many files.
    """
    root = pathlib.Path(root)
    folders = sorted(p.name for p in root.iterdir() if p.is_dir())
    endings: collections.Counter[str] = collections.Counter()
    for _, _, names in os.walk(root):
        endings.update(pathlib.Path(n).suffix.lower() for n in names)
        if endings.total() >= limit:
            break
    counts = [
        f"{count} {ending or 'extensionless'}"
        for ending, count in endings.most_common(3)
    ]
    shown = ", ".join(repr(name) for name in folders[:4])
    more = ", ..." if len(folders) > 4 else ""
    files = f"{' and '.join(counts)} files" if counts else "no files"
    return f"{files} in folders {shown}{more}" if folders else files


def resolve_layout(
    corpus: types.ModuleType, root: str | os.PathLike, layout: str | None
) -> str:
    """The layout to read: the given one, or the one found in the folder.

    Args:
        corpus: Module of the corpus.
        root: Folder that the user gave.
        layout: A layout of the corpus, or None to detect it.

    Raises:
        ConfigurationError: The corpus has no such layout.
        KerasPainError: None or several layouts fit; a folder of another
            corpus is named as such.
    """
    if layout is not None:
        if layout not in corpus.LAYOUTS:
            raise ConfigurationError(
                f"{layout!r} is no layout of this corpus; known are "
                f"{', '.join(corpus.LAYOUTS)}"
            )
        return layout
    try:
        return corpus.detect_layout(root)
    except KerasPainError as error:
        other = guess_corpus(root)
        if other is None:
            raise
        raise KerasPainError(
            f"{error} (this looks like the corpus {other})"
        ) from error


def guess_corpus(root: str | os.PathLike) -> str | None:
    """The first corpus whose raw files a folder holds; None where none is."""
    for name in registry.CORPORA:
        try:
            registry.get_corpus(name).detect_layout(root)
        except KerasPainError:
            continue
        return name
    return None


def read_corpus(
    corpus: str | types.ModuleType,
    root: str | os.PathLike,
    layout: str | None = None,
    on_bad_file: str = "fail",
    files: Sequence[RawFile] | None = None,
    **options: Any,
) -> "Iterator[tuple[Recording | VideoRecording | None, FileReport]]":
    """Reads a corpus file by file; only one recording is held at a time.

    Args:
        corpus: Name of the corpus, or its module.
        root: Folder of the layout, or the parent that holds `<layout>/`.
        layout: Which layout to read; None detects it.
        on_bad_file: `"fail"` raises at the first file that is refused,
            `"skip"` reports it and goes on.
        files: Read only these of the layout's files; None reads all.
        **options: Given to the corpus' `read_file`.

    Returns:
        An iterator of `(recording, report)`, in the order of the files; the
        recording of a refused file is None. Unfit arguments and folders are
        reported by the call itself, before the first file is read.

    Raises:
        BadFileError: A file was refused and `on_bad_file` is `"fail"`.
        KerasPainError: No folder, no layout, or every file was refused.
    """
    if on_bad_file not in ON_BAD_FILE:
        raise ConfigurationError(
            f"on_bad_file must be fail or skip, got {on_bad_file!r}"
        )
    module = registry.get_corpus(corpus) if isinstance(corpus, str) else corpus
    if files is None:
        layout = resolve_layout(module, root, layout)
        files = module.find_files(root, layout)
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
        raise KerasPainError(
            f"{root}: all {len(files)} files were refused, the first because "
            f"{refused[0]}"
        )
