"""What `keras-pain check` finds out about a folder, and how it is shown."""

import collections
import dataclasses
import sys
import types
from typing import Any

from keras_pain.corpora import base, manifest
from keras_pain.corpora.base import FileReport, StrPath
from keras_pain.errors import BadFileError, KerasPainError
from keras_pain.io import tracked


@dataclasses.dataclass
class LayoutCheck:
    """The outcome for one layout."""

    corpus: str
    layout: str
    folder: str  # in which the layout begins
    reports: list[FileReport]  # one per file
    # Or "verified", "written", "differs", "not written".
    manifest: str = "absent"
    fingerprint: str | None = None  # where a manifest was read or written
    error: str | None = None  # why the check as a whole failed

    @property
    def failed(self) -> bool:
        return self.error is not None or any(r.refused for r in self.reports)

    def counts(self) -> dict[str, Any]:
        """Files, people, frames and findings, in numbers."""
        read = [report for report in self.reports if not report.refused]
        people = {report.subject_id: report.group for report in read}
        groups = list(people.values())
        rules = sorted(
            finding.rule
            for report in self.reports
            for finding in report.findings
            if finding.action != "checked"
        )
        return {
            "files": len(self.reports),
            "read": len(read),
            "refused": len(self.reports) - len(read),
            "subjects": len(people),
            "patients": groups.count("patient"),
            "healthy": groups.count("healthy"),
            "frames": sum(report.frames for report in read),
            "seconds": round(sum(report.seconds for report in read), 3),
            "simulated": sum(report.simulated for report in read),
            "findings": dict(collections.Counter(rules)),
        }

    def to_dict(self) -> dict[str, Any]:
        """The check as plain Python values, ready for JSON."""
        files = [report.to_dict() for report in self.reports]
        facts = vars(self) | {"counts": self.counts(), "files": files}
        del facts["reports"]
        return facts


def layouts_to_check(
    corpus: types.ModuleType, root: StrPath, layout: str | None
) -> list[str]:
    """The given layout, or each one that the folder holds.

    Raises KerasPainError where none is there, or the corpus has no such one.
    """
    if layout is None and hasattr(corpus, "find_layouts"):
        found = corpus.find_layouts(root)
        if len(found) > 1:
            return found
    return [base.resolve_layout(corpus, root, layout)]


def check_layout(
    corpus: types.ModuleType,
    root: StrPath,
    layout: str,
    *,
    on_bad_file: str = "skip",
    write_manifest: bool = False,
    **options: Any,
) -> LayoutCheck:
    """Reads every file of one layout and compares it with its manifest.

    For `root` and the options see `base.read_corpus`; with `write_manifest` the
    manifest is written anew. Raises KerasPainError where there are no files.
    """
    files = corpus.find_files(root, layout)
    folder = manifest.manifest_path(root, files).parent
    check = LayoutCheck(corpus.__name__.split(".")[-1], layout, str(folder), [])
    how = root, layout, on_bad_file, files
    recordings = base.read_corpus(corpus, *how, **options)
    shown = {"total": len(files), "transient": True}
    recordings = tracked(recordings, f"reading {layout}", **shown)
    try:
        for (recording, report), file in zip(recordings, files, strict=True):
            if recording is not None and hasattr(corpus, "check_further"):
                report.findings += corpus.check_further(file, recording)
            check.reports.append(report)
    except BadFileError:
        raise
    except KerasPainError as error:  # every file was refused
        check.error = str(error)
    try:
        if write_manifest:
            check.fingerprint = manifest.write_manifest(root, files)
            check.manifest = "written"
        else:
            check.fingerprint = manifest.verify_manifest(root, files)
            if check.fingerprint is not None:
                check.manifest = "verified"
    except KerasPainError as error:
        check.manifest = "not written" if write_manifest else "differs"
        check.error = check.error or str(error)
    return check


def print_check(check: LayoutCheck) -> None:
    """Prints a table of the files and a line of counts."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # A pipe has no width; lines that wrap at 80 are hard to search.
    width = None if sys.stdout.isatty() else 160
    console = Console(width=width, highlight=False, markup=False)
    title = f"{check.corpus} / {check.layout} in {check.folder}"
    table = Table(title=Text(title), title_justify="left")
    # What a corpus labels goes for all of its files.
    labelled = any(report.labels for report in check.reports)
    table.add_column("file", overflow="fold")
    for name in ("subject", "group", "split"):
        table.add_column(name)
    for name in ("frames", "seconds", *(() if labelled else ("protective %",))):
        table.add_column(name, justify="right")
    if labelled:
        table.add_column("labels")
    table.add_column("findings", overflow="fold")  # names of files are long
    for report in check.reports:
        labels = [f"{name} {value:g}" for name, value in report.labels.items()]
        if report.protective is not None:
            labels = [f"{100 * report.protective:.1f}"]
        findings = [
            f"{finding.action} {finding.rule}: {finding.detail}"
            for finding in report.findings
            if finding.action != "checked"
        ]
        table.add_row(
            Text(report.path),
            report.subject_id,
            report.group or "-",
            report.split or "-",
            f"{report.frames:,}",
            f"{report.seconds:.1f}" if report.seconds else "-",
            ", ".join(labels) or "-",
            Text("\n".join(findings)),
            style="red" if report.refused else None,
        )
    console.print(table)
    counts = check.counts()
    line = "{files} files: {read} read, {refused} refused; {subjects} people"
    if counts["patients"] + counts["healthy"]:  # the corpus says who is what
        line += " ({patients} patients, {healthy} healthy)"
    line += "; {frames:,} frames"
    if counts["seconds"]:
        line += f" ({counts['seconds'] / 60:.1f} min)"
    line += f"; {sum(counts['findings'].values())} findings"
    line += f"; manifest {check.manifest}"
    if check.fingerprint:
        line += f"; fingerprint {check.fingerprint[:16]}"
    if counts["simulated"]:
        line += "; SIMULATED: {simulated} files"
    console.print(Text(line.format(**counts)))
