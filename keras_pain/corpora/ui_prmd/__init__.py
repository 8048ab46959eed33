"""UI-PRMD: ten healthy people, rehabilitation exercises, Vicon markers.

Nobody here is in pain and no recording carries a pain label: the corpus shows
that loaders, windows, splits and metrics work on real movement.
"""

from keras_pain.corpora.base import RawFile, StrPath, find_base, nothing_found
from keras_pain.corpora.ui_prmd.layout import (
    EXERCISES,
    FILE_NAME,
    FOLDERS,
    LAYOUTS,
)
from keras_pain.corpora.ui_prmd.reader import read_file as read_file

_NOTHING = (
    "no UI-PRMD files mMM_sSS_eEE_positions.txt[.gz] in "
    + " or ".join(f"'{folder}/'" for folder in FOLDERS.values())
    + " (it holds {}); give the folder in which the owners' archives were "
    "unpacked"
)


def detect_layout(root: StrPath) -> str:
    """`"vicon"`, the only layout; raises as `find_files` does."""
    _base(root)
    return LAYOUTS[0]


def find_files(root: StrPath, layout: str = LAYOUTS[0]) -> list[RawFile]:
    """The episodes of the release, sorted by name, the correct ones first.

    Where a file is there both plain and compressed, the plain one is taken.
    Files of other names are skipped. `root` holds `Segmented Movements/` and
    `Incorrect Segmented Movements/`, or is the parent of such a folder named
    `vicon` or `ui_prmd`. Raises KerasPainError where no such file is there.
    """
    base = _base(root)
    files = []
    for label, folder in FOLDERS.items():
        taken = {}  # recording -> the file it was read from
        # "x.txt" sorts before "x.txt.gz".
        for path in sorted((base / folder).glob("*.txt*")):
            if match := FILE_NAME.fullmatch(path.name):
                key = match["exercise"], match["subject"], match["repetition"]
                first = taken.setdefault(key, path.name)
                if f"{first}.gz" != path.name:
                    files.append(_raw_file(path, match, base, label, first))
    if not files:
        raise nothing_found(root, _NOTHING)
    return files


def _base(root):
    def fits(base):
        return any((base / folder).is_dir() for folder in FOLDERS.values())

    return find_base(root, ((), LAYOUTS, ("ui_prmd",)), fits, _NOTHING)


def _raw_file(path, match, base, label, first):
    exercise, repetition = int(match["exercise"]), int(match["repetition"])
    subject = f"s{match['subject']}"
    file = RawFile(
        path,
        LAYOUTS[0],
        f"m{exercise:02d}_{subject}_e{repetition:02d}_{label}",
        base,
        subject,
        "healthy",
        info={
            "label": label,
            "exercise": f"m{exercise:02d}",
            "repetition": repetition,
        },
    )
    if path.name != first:
        file.refusal = (
            "duplicate",
            f"is the same recording as {first} by its name",
            "remove one of them",
        )
    if bool(match["incorrect"]) != (label == "incorrect"):
        file.findings.noted(
            "name_against_folder",
            f"its name says otherwise, the folder says {label}: believed",
        )
    if not 0 < exercise < len(EXERCISES):
        file.refusal = (
            "unknown_exercise",
            f"there is no exercise m{exercise:02d}, only m01 to m10",
            "remove or rename the file",
        )
    return file
