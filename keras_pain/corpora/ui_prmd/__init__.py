"""UI-PRMD: ten healthy people, rehabilitation exercises, Vicon markers.

Nobody here is in pain and no recording carries a pain label: the corpus shows
that loaders, windows, splits and metrics work on real movement.
"""

import os
import pathlib

from keras_pain.corpora.files import (
    Finding,
    RawFile,
    describe_folder,
    require_folder,
)
from keras_pain.corpora.ui_prmd.layout import (
    EXERCISES,
    FILE_NAME,
    FOLDERS,
    LABELS,
    LAYOUTS,
    SIMULATED_NOTE,
)
from keras_pain.corpora.ui_prmd.reader import UiPrmdRecording, read_file
from keras_pain.errors import KerasPainError

__all__ = (
    "EXERCISES",
    "LABELS",
    "LAYOUTS",
    "UiPrmdRecording",
    "detect_layout",
    "find_files",
    "read_file",
)


def detect_layout(root: str | os.PathLike) -> str:
    """The layout of the files below a folder.

    Args:
        root: Folder that holds `Segmented Movements/` and `Incorrect Segmented
            Movements/`, or the parent of such a folder named `vicon` or
            `ui_prmd`.

    Returns:
        `"vicon"`, the only one.

    Raises:
        KerasPainError: The folder holds neither.
    """
    if _find_base(root) is None:
        raise KerasPainError(_nothing_found(root))
    return LAYOUTS[0]


def find_files(
    root: str | os.PathLike, layout: str = LAYOUTS[0]
) -> list[RawFile]:
    """The episodes of the release, sorted by name, the correct ones first.

    Args:
        root: As for `detect_layout`.
        layout: `"vicon"`.

    Returns:
        One `RawFile` a recording. Where a file is there both plain and
        compressed, the plain one is taken. Files of other names are skipped.

    Raises:
        KerasPainError: No such file is there.
    """
    base = _find_base(root)
    files = [] if base is None else list(_files(base, layout))
    if not files:
        raise KerasPainError(_nothing_found(root))
    return files


def _find_base(root: str | os.PathLike) -> pathlib.Path | None:
    root = require_folder(root)
    for base in (root, root / LAYOUTS[0], root / "ui_prmd"):
        if any((base / folder).is_dir() for folder in FOLDERS.values()):
            return base
    return None


def _nothing_found(root: str | os.PathLike) -> str:
    wanted = " or ".join(f"'{folder}/'" for folder in FOLDERS.values())
    return (
        f"{root}: no UI-PRMD files mMM_sSS_eEE_positions.txt[.gz] in {wanted} "
        f"(it holds {describe_folder(root)}); give the folder in which the "
        "owners' archives were unpacked"
    )


def _files(base: pathlib.Path, layout: str):
    for label in LABELS:
        taken = {}  # recording -> the file it was read from
        # "x.txt" sorts before "x.txt.gz".
        for path in sorted((base / FOLDERS[label]).glob("*.txt*")):
            match = FILE_NAME.fullmatch(path.name)
            if match is None:
                continue
            key = match["exercise"], match["subject"], match["repetition"]
            first = taken.setdefault(key, path.name)
            if f"{first}.gz" != path.name:
                yield _raw_file(path, match, base, layout, label, first)


def _raw_file(path, match, base, layout, label, first) -> RawFile:
    exercise, subject = int(match["exercise"]), f"s{match['subject']}"
    repetition = int(match["repetition"])
    findings, refusal = (), None
    if path.name != first:
        refusal = (
            "duplicate",
            f"is the same recording as {first} by its name",
            "remove one of them",
        )
    if bool(match["incorrect"]) != (label == "incorrect"):
        findings = (
            Finding(
                "name_against_folder",
                "noted",
                f"its name says otherwise, the folder says {label}: believed",
            ),
        )
    if not 0 < exercise < len(EXERCISES):
        refusal = (
            "unknown_exercise",
            f"there is no exercise m{exercise:02d}, only m01 to m10",
            "remove or rename the file",
        )
    # Text files have no header that could say it.
    simulated = (base / SIMULATED_NOTE).exists()
    return RawFile(
        path=path,
        layout=layout,
        name=f"m{exercise:02d}_{subject}_e{repetition:02d}_{label}",
        subject_id=subject,
        group="healthy",
        root=base,
        info={
            "label": label,
            "exercise": f"m{exercise:02d}",
            "repetition": repetition,
            "simulated": simulated,
        },
        findings=findings,
        refusal=refusal,
    )
