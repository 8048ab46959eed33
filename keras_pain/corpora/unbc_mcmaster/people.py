"""Whose a sequence of UNBC is, and which one is read of several of a name.

The name tells, not the folder: a sequence that was put with somebody else
would make one person part of the training and of the test data.
"""

from collections.abc import Iterable

from keras_pain.corpora.files import Finding, RawFile
from keras_pain.corpora.folders import with_findings
from keras_pain.corpora.survey import shorten
from keras_pain.corpora.unbc_mcmaster import layout as facts

_MISPLACED = "subject_against_folder"


def whose(
    place: str, name: str
) -> tuple[str, list[Finding], tuple[str, str, str] | None]:
    """The person that a sequence is of.

    Args:
        place: Folder of a person, in which it lies.
        name: Folder of the sequence.

    Returns:
        The subject; what is odd about it; and rule, problem and cure where it
        must be refused, else None.
    """
    match = facts.SEQUENCE.fullmatch(name)
    if match is None:
        problem = "its name is not <subject>t<test><movement><aff|unaff>"
        cure = "give it the name its owners gave it, or move it out of here"
        return place, [], ("unknown_name", problem, cure)
    code = match["code"].lower()
    if code == place.partition("-")[2]:
        if place in facts.SUBJECTS:
            return place, [], None
        detail = f"{place} is none of the 25 subjects; kept"
        return place, [Finding("unknown_subject", "noted", detail)], None
    if code not in facts.SUBJECT_OF:
        problem = f"its name says {code}, none of the 25, its folder {place}"
        cure = "put it with the person it is of"
        return place, [], (_MISPLACED, problem, cure)
    detail = f"lies with {place}; its name is believed"
    return facts.SUBJECT_OF[code], [Finding(_MISPLACED, "noted", detail)], None


def without_duplicates(files: Iterable[RawFile]) -> list[RawFile]:
    """One file of each name, which tells where the others lie.

    Args:
        files: Files of the archive.

    Returns:
        By subject and name, those that can be read and lie with their person
        before others.
    """
    by_name: dict[str, list[RawFile]] = {}
    for file in files:
        by_name.setdefault(file.name, []).append(file)
    chosen = []
    for same in by_name.values():
        same.sort(key=_unfitness)
        first, others = same[0], [file.relative for file in same[1:]]
        if others:
            detail = f"is also there as {shorten(others)}; this one is read"
            finding = Finding("duplicate", "noted", detail)
            first = with_findings(first, [*first.findings, finding])
        chosen.append(first)
    return sorted(chosen, key=lambda file: (file.subject_id, file.name))


def _unfitness(file: RawFile) -> tuple:
    """Lowest for the one that can be read and lies with its person."""
    misplaced = any(f.rule == _MISPLACED for f in file.findings)
    return file.refusal is not None, misplaced, file.relative
