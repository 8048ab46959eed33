"""Face Research Lab London Set: photographs of adults, neutral and smiling.

DeBruine and Jones, figshare 5047666, 2017 (CC BY 4.0). Read are the folders
`neutral` and `smiling` of pictures NNN_03.jpg and NNN_08.jpg, in one folder or
in several beside each other, and `london_info.csv`, if it is there.
"""

import re
from pathlib import Path

from keras_pain.corpora.base import StrPath, find_base
from keras_pain.corpora.folder import corpus_of
from keras_pain.corpora.folder import layout as lists

EXPRESSIONS = {"neutral": "03", "smiling": "08"}
INFO = "london_info.csv"
HASHES = Path(__file__).with_name("sha256.csv")
_NAME = re.compile(r"(\d{3})_(03|08)\.jpe?g", re.IGNORECASE)
_NOTHING = (
    "no pictures neutral/NNN_03.jpg and smiling/NNN_08.jpg here (it holds {}); "
    "give the folder of the London set"
)


def tables(root: StrPath) -> lists.Tables:
    """The pictures, with the label `expression`; raises KerasPainError."""
    base = find_base(root, ((), ("faces_london",)), _folders, _NOTHING)
    groups, rows, folders = {}, [], _folders(base)
    for info in base.rglob(INFO):
        for row in lists.read_rows(info, ["face_id", "face_gender"]):
            groups[row["face_id"]] = row["face_gender"]
    for folder in folders:
        for path in sorted(folder.iterdir()):
            match = _NAME.fullmatch(path.name)
            if match and EXPRESSIONS[folder.name] == match[2]:
                place = path.relative_to(base).as_posix()
                label = {"expression": folder.name}
                rows.append(lists.row_of(base, place, match[1], label))
    people = sorted({row.subject for row in rows})
    groups = {person: groups.get(person, "") for person in people}
    listing = " or ".join(EXPRESSIONS)
    return lists.make_tables(base, "faces", rows, groups, listing=listing)


def _folders(base):
    """Those of both expressions, at most one folder down."""
    return [
        folder
        for name in EXPRESSIONS
        for folder in sorted([*base.glob(name), *base.glob(f"*/{name}")])
        if folder.is_dir()
        and any(_NAME.fullmatch(path.name) for path in folder.iterdir())
    ]


_CORPUS = corpus_of(tables, "faces", HASHES)
LAYOUTS, detect_layout, find_files, read_file = _CORPUS
