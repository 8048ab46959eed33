"""Looking for files in folders that others packed, unpacked and copied."""

import dataclasses
import os
import pathlib
from collections.abc import Iterator, Sequence

from keras_pain.corpora.files import Finding, RawFile


def child(folder: pathlib.Path, *names: str) -> pathlib.Path | None:
    """What lies at `folder/name/name`, whatever the case of the names.

    Args:
        folder: Where to begin.
        *names: One name for each step down.

    Returns:
        The path, or None where there is nothing.
    """
    for name in names:
        exact = folder / name
        if exact.exists():
            folder = exact
            continue
        if not folder.is_dir():
            return None
        same = sorted(
            p for p in folder.iterdir() if p.name.lower() == name.lower()
        )
        if not same:
            return None
        folder = same[0]
    return folder


def is_leaving(path: pathlib.Path, base: pathlib.Path) -> bool:
    """Whether an archive tool or file browser left this file behind.

    Args:
        path: The file.
        base: Folder above which names do not count.
    """
    parts = path.relative_to(base).parts
    return any(
        part.startswith(".") or part == "__MACOSX" for part in parts
    ) or path.name.lower() in ("thumbs.db", "desktop.ini")


def files_below(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Every file at any depth, sorted by folder, then by name.

    Args:
        folder: Where to look; a link to a folder is followed, but no folder
            is entered twice.
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
    files: Sequence[RawFile], findings: Sequence[Finding]
) -> list[RawFile]:
    """Adds what concerns a whole folder to the first file that can be read.

    Args:
        files: Files of a corpus.
        findings: What was found about their folder.
    """
    files = list(files)
    for index, file in enumerate(files):
        if file.refusal is None:
            files[index] = with_findings(file, [*findings, *file.findings])
            break
    return files


def with_findings(file: RawFile, findings: Sequence[Finding]) -> RawFile:
    """The file with other findings.

    Args:
        file: A file of a corpus.
        findings: All of its findings.
    """
    return dataclasses.replace(file, findings=tuple(findings))
