"""UI-PRMD: ten healthy people, rehabilitation exercises, Vicon markers.

Nobody here is in pain and no recording carries a pain label: the corpus shows
that loaders, windows, splits and metrics work on real movement.
"""

from keras_pain.corpora import base as raw
from keras_pain.corpora.base import RawFile, StrPath
from keras_pain.corpora.ui_prmd import layout as facts
from keras_pain.corpora.ui_prmd.layout import EXERCISES, LAYOUTS
from keras_pain.corpora.ui_prmd.reader import read_file as read_file

_NOTHING = (
    "no UI-PRMD files mMM_sSS_eEE_positions.txt[.gz] in "
    + " or ".join(f"'{folder}/'" for folder in facts.FOLDERS.values())
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
    for label in facts.FOLDERS:
        taken = {}  # recording -> the path it is read from
        for folder in _folders(base, label):
            for path in sorted(folder.iterdir()):  # "x.txt" before "x.txt.gz"
                if match := facts.FILE_NAME.fullmatch(path.name):
                    key = match.group("exercise", "subject", "repetition")
                    first = taken.setdefault(key, path)
                    if first.with_name(f"{first.name}.gz") != path:
                        files.append(_raw_file(path, match, base, label, first))
    if not files:
        raise raw.nothing_found(root, _NOTHING)
    raw.note_doubled(files)
    return files


def _folders(base, label):
    return raw.doubled(raw.child(base, *facts.FOLDERS[label].split("/")))


def _base(root):
    def fits(base):
        return any(_folders(base, label) for label in facts.FOLDERS)

    return raw.find_base(root, ((), LAYOUTS, ("ui_prmd",)), fits, _NOTHING)


def _raw_file(path, match, base, label, first):
    number, repetition = int(match["exercise"]), int(match["repetition"])
    exercise, subject = f"m{number:02d}", f"s{match['subject']}"
    name = f"{exercise}_{subject}_e{repetition:02d}_{label}"
    file = RawFile(path, LAYOUTS[0], name, base, subject, "healthy")
    file.info = dict(label=label, exercise=exercise, repetition=repetition)
    if path != first:
        other = first.relative_to(base).as_posix()
        problem = f"is the same recording as {other} by its name"
        file.refusal = "duplicate", problem, "remove one of them"
    if bool(match["incorrect"]) != (label == "incorrect"):
        detail = f"its name says otherwise, the folder says {label}: believed"
        file.findings.noted("name_against_folder", detail)
    if not 0 < number < len(EXERCISES):
        problem = f"there is no exercise {exercise}, only m01 to m10"
        file.refusal = "unknown_exercise", problem, "remove or rename the file"
    return file
