"""What `keras-pain check` finds out about a folder, and how it is shown."""

import collections
import dataclasses
import os
import sys
import types
from typing import Any

from keras_pain.corpora import manifest
from keras_pain.corpora.files import (
    FileReport,
    Finding,
    RawFile,
    read_corpus,
    resolve_layout,
)
from keras_pain.errors import BadFileError, KerasPainError


@dataclasses.dataclass
class LayoutCheck:
    """The outcome for one layout.

    Args:
        corpus: Name of the corpus.
        layout: The layout.
        folder: Folder in which it begins.
        reports: One per file.
        manifest: `"absent"`, `"verified"`, `"written"`, `"differs"` or
            `"not written"`.
        fingerprint: Hash of the files; None where no manifest was read or
            written.
        error: Why the check as a whole failed, or None.
    """

    corpus: str
    layout: str
    folder: str
    reports: list[FileReport]
    manifest: str = "absent"
    fingerprint: str | None = None
    error: str | None = None

    @property
    def refused(self) -> int:
        return sum(report.refused for report in self.reports)

    @property
    def failed(self) -> bool:
        return self.error is not None or self.refused > 0

    def counts(self) -> dict[str, Any]:
        """Files, people, frames and findings, in numbers."""
        read = [report for report in self.reports if not report.refused]
        people = {report.subject_id: report.group for report in read}
        groups = collections.Counter(people.values())
        findings = collections.Counter(
            finding.rule
            for report in self.reports
            for finding in report.findings
            if finding.action != "checked"
        )
        return {
            "files": len(self.reports),
            "read": len(read),
            "refused": self.refused,
            "subjects": len(people),
            "patients": groups["patient"],
            "healthy": groups["healthy"],
            "frames": sum(report.frames for report in read),
            "seconds": round(sum(report.seconds for report in read), 3),
            "simulated": sum(report.simulated for report in read),
            "findings": dict(sorted(findings.items())),
        }

    def to_dict(self) -> dict[str, Any]:
        """The check as plain Python values, ready for JSON."""
        return {
            "corpus": self.corpus,
            "layout": self.layout,
            "folder": self.folder,
            "manifest": self.manifest,
            "fingerprint": self.fingerprint,
            "error": self.error,
            "counts": self.counts(),
            "files": [report.to_dict() for report in self.reports],
        }


def layouts_to_check(
    corpus: types.ModuleType, root: str | os.PathLike, layout: str | None
) -> list[str]:
    """The given layout, or each one that the folder holds.

    Raises:
        KerasPainError: None is there, or the corpus has no such layout.
    """
    if layout is None and hasattr(corpus, "find_layouts"):
        found = corpus.find_layouts(root)
        if len(found) > 1:
            return found
    return [resolve_layout(corpus, root, layout)]


def check_layout(
    corpus: types.ModuleType,
    root: str | os.PathLike,
    layout: str,
    *,
    on_bad_file: str = "skip",
    write_manifest: bool = False,
    progress: bool = True,
    **options: Any,
) -> LayoutCheck:
    """Reads every file of one layout and compares it with its manifest.

    Args:
        corpus: Module of the corpus. If it has `check_further(raw_file,
            recording)`, the findings that this returns about files beside
            those that are read, e.g. landmarks, are reported, too.
        root: Folder that the user gave.
        layout: The layout.
        on_bad_file: `"fail"` raises at the first refused file.
        write_manifest: Write the manifest anew instead of comparing.
        progress: Show a progress bar where stderr is a terminal.
        **options: Given to the corpus' `read_file`.

    Raises:
        BadFileError: A file was refused and `on_bad_file` is `"fail"`.
        KerasPainError: There are no files.
    """
    files = corpus.find_files(root, layout)
    folder = manifest.manifest_path(root, files).parent
    check = LayoutCheck(corpus.__name__.split(".")[-1], layout, str(folder), [])
    recordings = read_corpus(
        corpus, root, layout, on_bad_file, files, **options
    )
    try:
        bar = _with_bar(recordings, layout, len(files), progress)
        for (recording, report), file in zip(bar, files, strict=True):
            if recording is not None and hasattr(corpus, "check_further"):
                report.findings += corpus.check_further(file, recording)
            check.reports.append(report)
    except BadFileError:
        raise
    except KerasPainError as error:  # every file was refused
        check.error = str(error)
    _check_manifest(check, root, files, write_manifest)
    return check


def _check_manifest(
    check: LayoutCheck, root: Any, files: list[RawFile], write: bool
) -> None:
    try:
        if write:
            path = manifest.write_manifest(root, files)
            check.fingerprint = manifest.recorded_fingerprint(path)
            check.manifest = "written"
            return
        check.fingerprint = manifest.verify_manifest(root, files)
        if check.fingerprint is not None:
            check.manifest = "verified"
    except KerasPainError as error:
        check.manifest = "not written" if write else "differs"
        check.error = check.error or str(error)


def _with_bar(iterator, layout, total, enabled):
    from rich.console import Console
    from rich.progress import track

    yield from track(
        iterator,
        description=f"reading {layout}",
        total=total,
        console=Console(stderr=True),
        transient=True,
        disable=not (enabled and sys.stderr.isatty()),
    )


def print_check(check: LayoutCheck, console: Any = None) -> None:
    """Prints a table of the files and a line of counts.

    Args:
        check: The outcome.
        console: A `rich.console.Console`; None writes to stdout.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if console is None:
        # A pipe has no width; lines that wrap at 80 are hard to search.
        width = None if sys.stdout.isatty() else 160
        console = Console(width=width, highlight=False)
    title = f"{check.corpus} / {check.layout} in {check.folder}"
    table = Table(title=Text(title), title_justify="left")
    table.add_column("file", overflow="fold")
    for name in ("subject", "group", "split"):
        table.add_column(name)
    # What a corpus labels goes for all of its files.
    labelled = any(report.labels for report in check.reports)
    table.add_column("frames", justify="right")
    table.add_column("seconds", justify="right")
    if labelled:
        table.add_column("labels")
    else:
        table.add_column("protective %", justify="right")
    table.add_column("findings", overflow="fold")  # names of files are long
    for report in check.reports:
        table.add_row(
            Text(report.path),
            report.subject_id,
            report.group or "-",
            report.split or "-",
            f"{report.frames:,}",
            f"{report.seconds:.1f}" if report.seconds else "-",
            _labels(report) if labelled else _protective(report),
            Text("\n".join(_shown(f) for f in report.findings if _visible(f))),
            style="red" if report.refused else None,
        )
    console.print(table)
    console.print(Text(summary_line(check)))


def _protective(report: FileReport) -> str:
    share = report.protective
    return "-" if share is None else f"{100 * share:.1f}"


def _labels(report: FileReport) -> str:
    named = (f"{name} {value:g}" for name, value in report.labels.items())
    return ", ".join(named) or "-"


def _visible(finding: Finding) -> bool:
    return finding.action != "checked"


def _shown(finding: Finding) -> str:
    return f"{finding.action} {finding.rule}: {finding.detail}"


def _people(counts: dict[str, Any]) -> str:
    subjects, patients, healthy = (
        counts[name] for name in ("subjects", "patients", "healthy")
    )
    if not patients + healthy:  # the corpus does not say
        return f"{subjects} people"
    return f"{subjects} people ({patients} patients, {healthy} healthy)"


def _minutes(seconds: float) -> str:
    return f" ({seconds / 60:.1f} min)" if seconds else ""


def summary_line(check: LayoutCheck) -> str:
    """The counts of a check in one line."""
    counts = check.counts()
    found = sum(counts["findings"].values())
    parts = [
        f"{counts['files']} files: {counts['read']} read, "
        f"{counts['refused']} refused",
        _people(counts),
        f"{counts['frames']:,} frames{_minutes(counts['seconds'])}",
        f"{found} findings",
        f"manifest {check.manifest}",
    ]
    if check.fingerprint:
        parts.append(f"fingerprint {check.fingerprint[:16]}")
    if counts["simulated"]:
        parts.append(f"SIMULATED: {counts['simulated']} files")
    return "; ".join(parts)
