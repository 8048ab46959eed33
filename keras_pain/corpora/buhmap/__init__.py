"""BUHMAP-DB as OpenFace features: faces of sign language, eight classes.

Aran et al., "A database of non-manual signs in Turkish sign language", SIU
2007; features from the GrammaticalFacialExpressions repository (MIT). Read is a
folder of one CSV a sequence, plain or .gz, and their list `sequences.csv` with
the columns file, person and class.
"""

from pathlib import Path

from keras_pain.corpora.base import StrPath, find_base
from keras_pain.corpora.folder import corpus_of
from keras_pain.corpora.folder.layout import (
    Tables,
    make_tables,
    read_rows,
    row_of,
)

LIST = "sequences.csv"
RATE = 30.0  # frames a second
HASHES = Path(__file__).with_name("sha256.csv")
_NOTHING = (
    f"no {LIST} here (it holds {{}}); give the folder of BUHMAP's OpenFace "
    "files and their list"
)


def tables(root: StrPath) -> Tables:
    """The sequences, with the label `class`; raises KerasPainError."""
    base = find_base(
        root, ((), ("buhmap",)), lambda f: (f / LIST).is_file(), _NOTHING
    )
    rows = [
        row_of(base, row["file"], row["person"], {"class": row["class"]})
        for row in read_rows(base / LIST, ["file", "person", "class"])
    ]
    groups = dict.fromkeys(sorted({row.subject for row in rows}), "")
    return make_tables(base, "landmarks", rows, groups, rate=RATE, listing=LIST)


LAYOUTS, detect_layout, find_files, read_file = corpus_of(
    tables, "landmarks", HASHES
)
