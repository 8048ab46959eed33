"""A user's own recordings in a folder: signals, landmarks or faces.

See `layout` for its form; `keras-pain template` writes an example. Corpora
whose files only have another list read them the same way, see `corpus_of`.
"""

import collections
import contextlib
import functools
import hashlib
import itertools
import pathlib
from collections.abc import Callable

from keras_pain.corpora import base as raw
from keras_pain.corpora.base import Findings, RawFile, StrPath
from keras_pain.corpora.folder import layout as facts
from keras_pain.corpora.folder import reader
from keras_pain.corpora.folder.layout import KINDS as LAYOUTS
from keras_pain.corpora.folder.layout import Tables, read_tables
from keras_pain.corpora.manifest import COPY, input_hash
from keras_pain.errors import BadFileError, ConfigurationError, check_choice
from keras_pain.io import sha256_of_content, tracked

read_file = reader.read_file
tables = read_tables
NOTHING = hashlib.sha256().hexdigest()  # of an empty file
SHARED = "shared_content"  # rule, of what a release is read without


def detect_layout(root: StrPath) -> str:
    """The kind of the recordings; raises as `read_tables` does."""
    return read_tables(root).kind


def find_files(root: StrPath, layout: str | None = None) -> list[RawFile]:
    """The recordings that the tables list, by name.

    Those that are not there are refused; files that are not listed are noted
    with the first. Raises KerasPainError where the tables cannot be used, or
    the folder is of another kind.
    """
    return files_of(read_tables(root), layout)


def files_of(
    tables: Tables, layout: str | None = None, released: bool = False
) -> list[RawFile]:
    """The files of `Tables`, see `find_files`.

    Copies, see `_check_copies`, are refused; nobody can mend those of a corpus
    that is `released`, they are left out with a note.
    """
    if layout not in (None, tables.kind):
        check_choice("layout", layout, LAYOUTS)
        problem = f"{tables.root}: holds {tables.kind}, not {layout}"
        raise ConfigurationError(problem)
    labels = {k: label.of for k, label in facts.read_labels(tables).items()}
    files = []
    for row in tables.rows:
        who = row.subject, tables.groups.get(row.subject, "")
        file = RawFile(row.path, tables.kind, row.name, tables.root, *who)
        file.info = {"start": row.start, "end": row.end, "rate": tables.rate}
        file.info["row"] = {**row.cells, "participant_id": row.subject}
        of_row = {k: float(of[row.name]) for k, of in labels.items()}
        file.info["labels"] = of_row
        if tables.kind == "signals":
            file.info["channels"] = [tuple(c) for c in tables.channels]
        _check_place(file, tables.listing)
        files.append(file)
    _check_copies(files)
    about = Findings(tables.findings)
    if released:
        copies = [f for f in files if f.refusal and f.refusal[0] == COPY]
        files = [file for file in files if file not in copies]
        said = "{n} recordings have the content of another person's: {}; left "
        names = [file.name for file in copies]
        about.listed(SHARED, names, f"{said}out, as nobody knows whose it is")
    said = f"{{n}} files are not in {tables.listing}: {{}}; left out"
    about.listed("not_listed", _not_listed(tables), said)
    raw.report_with_first(files, about)
    return files


def corpus_of(
    find_tables: Callable[[StrPath], Tables], kind: str, hashes: pathlib.Path
) -> tuple:
    """`LAYOUTS`, `detect_layout`, `find_files`, `read_file` of another list.

    For a corpus of this kind that has tables of its own: `find_tables` makes
    `Tables` of its folder. For `hashes` see `note_release`.
    """

    def read_own(raw_file, reader=None):
        recording, found = read_file(raw_file, reader)
        note_release(found, raw_file, hashes)
        return recording, found

    return (
        (kind,),
        lambda root: find_tables(root).kind,
        lambda root, layout=None: files_of(find_tables(root), layout, True),
        read_own,
    )


def note_release(found: Findings, raw_file: RawFile, hashes: pathlib.Path):
    """Adds whether a file holds what it holds in the release.

    `hashes` is a table of names (`file`) and SHA-256 of contents, unpacked;
    of a file that it does not name nothing is said.
    """
    known = _released(hashes).get(raw_file.path.name.removesuffix(".gz"))
    if known is None:
        return
    if sha256_of_content(raw_file.path) == known:
        found.checked("release", "the content is that of the release")
    else:
        found.noted("release", "its content is not that of the release")


@functools.cache
def _released(hashes):
    rows = facts.read_rows(hashes, ["file", "sha256"])
    return {row["file"].rpartition("/")[2]: row["sha256"] for row in rows}


def _check_place(file, listing):
    path = file.path
    ending = pathlib.PurePath(path.name.lower().removesuffix(".gz")).suffix
    known = facts.ENDINGS[file.layout]
    if not path.exists():
        other = path.with_name(path.name + ".gz")
        if other.exists() and file.layout != "faces":
            file.path = other
            return
        problem = f"is in {listing} and not here"
        file.refusal = "missing_file", problem, "add it or remove its row"
    elif file.layout == "faces" and path.is_dir():
        return
    elif ending not in known:
        problem = f"is no file of {file.layout}"
        file.refusal = "ending", problem, f"give {', '.join(known)}"


def _check_copies(files):
    """Refuses files of one content that are of two people.

    A fold would train on what it tests. Of one person they are noted. Other
    times of one content are other recordings.
    """
    contents = collections.defaultdict(list)
    for file in tracked(files, "comparing contents", transient=True):
        # What is not there or cannot be read is refused elsewhere.
        with contextlib.suppress(BadFileError):
            if file.path.exists() and file.refusal is None:
                contents[input_hash(file.path)].append(file)
    contents.pop(NOTHING, None)
    for alike in contents.values():
        if len({(file.path, file.subject_id) for file in alike}) == 1:
            continue  # parts of a file
        for one, other in itertools.permutations(alike, 2):
            ends = (of.info["end"] or float("inf") for of in (one, other))
            if max(of.info["start"] for of in (one, other)) >= min(ends):
                continue
            problem = f"has the content of {other.name}"
            if one.subject_id != other.subject_id:
                problem += f", which is of {other.subject_id}"
                cure = "a recording is of one person: mend the row or the file"
                one.refusal = COPY, problem, cure
            elif one.path != other.path and one.name > other.name:
                one.findings.noted(COPY, problem)


def _not_listed(tables):
    listed = {row.path for row in tables.rows}
    endings, found = facts.ENDINGS[tables.kind], []
    for path in raw.files_below(tables.root):
        name = path.name.lower().removesuffix(".gz")
        ours = raw.is_leaving(path, tables.root) or name.endswith(facts.LABELS)
        if ours or pathlib.PurePath(name).suffix not in endings:
            continue
        about = path.parent == tables.root
        if about and name.endswith((".tsv", ".txt", tables.listing)):
            continue
        if not listed & {path, path.with_suffix(""), *path.parents}:
            found.append(path.relative_to(tables.root).as_posix())
    return found
