"""UI-PRMD on disk: folders, names, markers, and which joint each one gives.

Sources: Vakanski et al., Data 3(1):2, 2018 (exercises, subjects, 100 Hz, 39
markers); the marker order is that of the owners' description; the joints are
those of EmoPain, so that one set of 13 angles serves both corpora.
"""

import re

FRAME_RATE = 100.0
LAYOUTS = ("vicon",)

# Sub-folder of each label, below the folder that the user names.
FOLDERS = {
    "correct": "Segmented Movements/Vicon/Positions",
    "incorrect": "Incorrect Segmented Movements/Vicon/Positions",
}
LABELS = tuple(FOLDERS)
FILE_NAME = re.compile(
    r"m(?P<exercise>\d\d)_s(?P<subject>\d\d)_e(?P<repetition>\d\d)"
    r"_positions(?P<incorrect>_inc)?\.txt(\.gz)?",
    re.IGNORECASE,
)

# Index = exercise number; 0 is the "other" of every corpus.
EXERCISES = tuple(
    """
    other deep_squat hurdle_step inline_lunge side_lunge sit_to_stand
    standing_active_straight_leg_raise standing_shoulder_abduction
    standing_shoulder_extension standing_shoulder_rotation
    standing_shoulder_scaption
    """.split()
)

# Plug-in-Gait markers in column order, x, y, z each, in mm, z up.
MARKERS = tuple(
    """
    LFHD RFHD LBHD RBHD C7 T10 CLAV STRN RBAK
    LSHO LUPA LELB LFRM LWRA LWRB LFIN RSHO RUPA RELB RFRM RWRA RWRB RFIN
    LASI RASI LPSI RPSI
    LTHI LKNE LTIB LANK LHEE LTOE RTHI RKNE RTIB RANK RHEE RTOE
    """.split()
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
MIRRORED = {"left_forearm": "right_forearm", "right_forearm": "left_forearm"}


def _mean(*markers):
    return dict.fromkeys(markers, 1 / len(markers))


def _side(s):
    """Joints of one side; `s` is the markers' L or R."""
    wrist = _mean(f"{s}WRA", f"{s}WRB")
    return {
        # Moved from the ASIS to the hip joint centre, see the reader.
        "upper_leg": _mean(f"{s}ASI"),
        # Lateral epicondyle; the centre lies half a knee width medially, which
        # the files do not give, and the ankle's marker is offset to the same
        # side, so that the knee angle keeps.
        "lower_leg": _mean(f"{s}KNE"),
        "ankle": _mean(f"{s}ANK"),  # lateral malleolus
        "heel": _mean(f"{s}HEE"),  # calcaneus
        "toes": _mean(f"{s}TOE"),  # second metatarsal head
        # Root of the clavicle (the skeleton's joint between neck and upper
        # arm): the sternoclavicular joint, 2-3 cm beside the jugular notch.
        "shoulder": {"CLAV": 0.85, f"{s}SHO": 0.15},
        # Moved from the acromion to the shoulder joint centre.
        "upper_arm": _mean(f"{s}SHO"),
        "lower_arm": _mean(f"{s}ELB"),  # lateral epicondyle
        "wrist": wrist,  # middle of the thumb's and the little finger's
        # The knuckle's marker is about half way from wrist to fingertip.
        "fingertip": {f"{s}FIN": 2.0} | {m: -w for m, w in wrist.items()},
    }


# Joint to the weights of its markers, which sum to one: the 26 joints of
# `keras_pain.signals.kinematics.JOINTS_26`.
JOINTS = {
    "hip": _mean(*CLUSTERS["pelvis"]),
    **{f"left_{name}": weights for name, weights in _side("L").items()},
    **{f"right_{name}": weights for name, weights in _side("R").items()},
    # Tenth thoracic vertebra, as far ahead of its spinous process as the neck
    # of C7, a third of the way to the jugular notch; STRN, its true front, is
    # missing throughout some files.
    "spine": {"T10": 1.0, "CLAV": 1 / 3, "C7": -1 / 3},
    # Middle of the thoracic spine: half way between spine and neck.
    "spine_1": {"T10": 1 / 2, "C7": 1 / 2 - 1 / 3, "CLAV": 1 / 3},
    # The body of the seventh cervical vertebra lies about a third of the way
    # from its spinous process to the jugular notch.
    "neck": {"C7": 2 / 3, "CLAV": 1 / 3},
    "head": _mean(*CLUSTERS["head"]),
    "crown": _mean(*CLUSTERS["head"]),  # moved upwards, see the reader
}

# Beside those with a weight, all that the reader's estimates need.
NEEDED_MARKERS = {
    *(marker for weights in JOINTS.values() for marker in weights),
    *"LASI RASI LPSI RPSI LSHO RSHO C7 T10 LFHD RFHD LBHD RBHD".split(),
}
