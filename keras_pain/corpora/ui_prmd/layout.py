"""UI-PRMD on disk: folders, names, markers, and which joint each one gives.

Sources: Vakanski et al., Data 3(1):2, 2018 (exercises, subjects, 100 Hz, 39
markers); the marker order is that of the owners' description; the joints are
those of EmoPain, so that one set of 13 angles serves both corpora.
"""

import dataclasses
import re

FRAME_RATE = 100.0
LAYOUTS = ("vicon",)

# Sub-folder of each label, below the folder that the user names.
FOLDERS = {
    "correct": "Segmented Movements/Vicon/Positions",
    "incorrect": "Incorrect Segmented Movements/Vicon/Positions",
}
LABELS = tuple(FOLDERS)
# Beside these folders it says that the files are none of the owners'.
SIMULATED_NOTE = "SIMULATED.txt"
FILE_NAME = re.compile(
    r"m(?P<exercise>\d\d)_s(?P<subject>\d\d)_e(?P<repetition>\d\d)"
    r"_positions(?P<incorrect>_inc)?\.txt(\.gz)?"
)

# Index = exercise number; 0 is the "other" of every corpus.
EXERCISES = (
    "other",
    "deep_squat",
    "hurdle_step",
    "inline_lunge",
    "side_lunge",
    "sit_to_stand",
    "standing_active_straight_leg_raise",
    "standing_shoulder_abduction",
    "standing_shoulder_extension",
    "standing_shoulder_rotation",
    "standing_shoulder_scaption",
)

# Plug-in-Gait markers in column order, x, y, z each, in mm, z up.
MARKERS = (
    *("LFHD", "RFHD", "LBHD", "RBHD"),
    *("C7", "T10", "CLAV", "STRN", "RBAK"),
    *("LSHO", "LUPA", "LELB", "LFRM", "LWRA", "LWRB", "LFIN"),
    *("RSHO", "RUPA", "RELB", "RFRM", "RWRA", "RWRB", "RFIN"),
    *("LASI", "RASI", "LPSI", "RPSI"),
    *("LTHI", "LKNE", "LTIB", "LANK", "LHEE", "LTOE"),
    *("RTHI", "RKNE", "RTIB", "RANK", "RHEE", "RTOE"),
)

# Markers that move together closely enough for one to tell where another is.
# The forearm's own twist makes it the least rigid of them.
CLUSTERS = {
    "head": ("LFHD", "RFHD", "LBHD", "RBHD"),
    "thorax": ("C7", "T10", "CLAV", "STRN"),
    "pelvis": ("LASI", "RASI", "LPSI", "RPSI"),
    "left_forearm": ("LELB", "LFRM", "LWRA", "LWRB", "LFIN"),
    "right_forearm": ("RELB", "RFRM", "RWRA", "RWRB", "RFIN"),
}
MIRRORED = {
    "left_forearm": "right_forearm",
    "right_forearm": "left_forearm",
}


@dataclasses.dataclass(frozen=True)
class Source:
    """Where a joint comes from.

    Args:
        weights: Marker to weight; the weights of a joint sum to one.
        reason: Why these.
        estimate: Name of the estimate in `joints.py` that moves the weighted
            mean to the joint, `""` where the mean is the joint.
    """

    weights: dict[str, float]
    reason: str
    estimate: str = ""


def _mean(*markers: str) -> dict[str, float]:
    return dict.fromkeys(markers, 1 / len(markers))


def _side(side: str, s: str) -> dict[str, Source]:
    """Joints of one side; `s` is the markers' L or R."""
    wrist = _mean(f"{s}WRA", f"{s}WRB")
    sources = {
        "upper_leg": Source(
            _mean(f"{s}ASI"),
            "hip joint centre: 14 % of the distance between the ASIS medial, "
            "30 % distal and 22 % posterior of the ASIS (Bell et al., Human "
            "Movement Science 8, 1989; J. Biomechanics 23, 1990)",
            estimate="hip_centre",
        ),
        "lower_leg": Source(
            _mean(f"{s}KNE"),
            "lateral epicondyle; the centre lies half a knee width medially, "
            "which the files do not give, and the ankle's marker is offset to "
            "the same side, so that the knee angle keeps",
        ),
        "ankle": Source(_mean(f"{s}ANK"), "lateral malleolus"),
        "heel": Source(_mean(f"{s}HEE"), "calcaneus"),
        "toes": Source(_mean(f"{s}TOE"), "second metatarsal head"),
        "shoulder": Source(
            {"CLAV": 0.85, f"{s}SHO": 0.15},
            "root of the clavicle (the skeleton's joint between neck and upper "
            "arm): the sternoclavicular joint, 2-3 cm beside the jugular notch",
        ),
        "upper_arm": Source(
            _mean(f"{s}SHO"),
            "shoulder joint centre: below the acromion by 17 % of the distance "
            "between the acromia (Rab et al., Gait & Posture 15, 2002)",
            estimate="shoulder_centre",
        ),
        "lower_arm": Source(_mean(f"{s}ELB"), "lateral epicondyle"),
        "wrist": Source(wrist, "middle of the thumb's and the little finger's"),
        "fingertip": Source(
            {f"{s}FIN": 2.0, **{m: -w for m, w in wrist.items()}},
            "the knuckle's marker is about half way from wrist to fingertip",
        ),
    }
    return {f"{side}_{name}": source for name, source in sources.items()}


# A third of the way from C7's spinous process to the jugular notch.
_DEPTH = {"CLAV": 1 / 3, "C7": -1 / 3}

# The 26 joints of `keras_pain.signals.kinematics.JOINTS_26`.
JOINTS = {
    "hip": Source(
        _mean("LASI", "RASI", "LPSI", "RPSI"), "centre of the pelvis' markers"
    ),
    **_side("left", "L"),
    **_side("right", "R"),
    "spine": Source(
        {"T10": 1.0, **_DEPTH},
        "tenth thoracic vertebra, as far ahead of its spinous process as the "
        "neck of C7; STRN, its true front, is missing throughout some files",
    ),
    "spine_1": Source(
        {"T10": 1 / 2, "C7": 1 / 2 - 1 / 3, "CLAV": 1 / 3},
        "middle of the thoracic spine: half way between spine and neck",
    ),
    "neck": Source(
        {"C7": 2 / 3, "CLAV": 1 / 3},
        "the body of the seventh cervical vertebra lies about a third of the "
        "way from its spinous process to the jugular notch",
    ),
    "head": Source(
        _mean("LFHD", "RFHD", "LBHD", "RBHD"), "centre of the head band"
    ),
    "crown": Source(
        _mean("LFHD", "RFHD", "LBHD", "RBHD"),
        "extrapolated: half a head band's length above its centre, along the "
        "band's normal",
        estimate="crown",
    ),
}

# Markers that the estimates need beside the weighted ones.
ESTIMATE_MARKERS = {
    "hip_centre": ("LASI", "RASI", "LPSI", "RPSI"),
    "shoulder_centre": ("LSHO", "RSHO", "C7", "T10"),
    "crown": ("LFHD", "RFHD", "LBHD", "RBHD"),
}

NEEDED_MARKERS = tuple(
    marker
    for marker in MARKERS
    if any(
        marker in source.weights
        or marker in ESTIMATE_MARKERS.get(source.estimate, ())
        for source in JOINTS.values()
    )
)
