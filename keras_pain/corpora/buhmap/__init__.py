"""BUHMAP-DB as OpenFace features: faces of sign language, eight classes.

Aran et al., "A database of non-manual signs in Turkish sign language", SIU
2007; features from the GrammaticalFacialExpressions repository (MIT). Read is a
folder of one CSV a sequence, plain or .gz, and their list `sequences.csv` with
the columns file, person and class.
"""

from pathlib import Path

from keras_pain.corpora.base import StrPath, find_base
from keras_pain.corpora.folder import corpus_of
from keras_pain.corpora.folder import layout as lists

LIST = "sequences.csv"
RATE = 30.0  # frames a second
HASHES = Path(__file__).with_name("sha256.csv")
_NOTHING = (
    f"no {LIST} here (it holds {{}}); give the folder of BUHMAP's OpenFace "
    "files and their list"
)


def tables(root: StrPath) -> lists.Tables:
    """The sequences, with the label `class`; raises KerasPainError."""
    places, rows = ((), ("buhmap",)), []
    base = find_base(root, places, lambda f: (f / LIST).is_file(), _NOTHING)
    for row in lists.read_rows(base / LIST, ["file", "person", "class"]):
        label = {"class": row["class"]}
        rows.append(lists.row_of(base, row["file"], row["person"], label))
    groups = dict.fromkeys(sorted({row.subject for row in rows}), "")
    more = {"rate": RATE, "listing": LIST}
    return lists.make_tables(base, "landmarks", rows, groups, **more)


_CORPUS = corpus_of(tables, "landmarks", HASHES)
LAYOUTS, detect_layout, find_files, read_file = _CORPUS
