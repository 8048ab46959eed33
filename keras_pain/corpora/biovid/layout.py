"""BioVid Heat Pain Database, Part A, on disk: names, classes, people.

Sources: Walter et al., "The BioVid Heat Pain Database", IEEE CYBCO 2013, and
the database's page (stimuli, subjects); folder and file names and the columns
of `samples.csv` as public loaders read them; the subjects left out by
convention of Werner et al., as public lists of them agree.
"""

import re

LAYOUTS = ("part_a",)
FOLDER = "PartA"
VIDEO_FOLDER = "video"
SAMPLES = ("starting_point", "samples.csv")
SAMPLES_COLUMNS = tuple(
    "subject_id subject_name class_id class_name sample_id sample_name".split()
)

FRAME_RATE = 25.0
NUM_FRAMES = 138  # 5.5 s
TOLERATED_FRAMES = (137, 138, 139)
FRAME_SIZE = (1038, 1388)  # height, width

# Index = stimulus level: no pain, then four temperatures, the subject's own.
CLASSES = ("BL1", "PA1", "PA2", "PA3", "PA4")
CLIPS_PER_CLASS = 20

# 071309_w_21-PA4-006.mp4: date and sex and age; class; place in the order of
# presentation (001-080 painful, 081-100 baseline), which says no class.
CLIP_NAME = re.compile(
    r"(?P<subject>\d{6}_[mw]_\d{2,3})-(?P<class>[a-z]+\d+)-(?P<number>\d+)",
    re.IGNORECASE,
)

# In the order of their subject_id, which begins at 1; a star is behind who
# hardly shows pain.
_SUBJECTS = """
071309_w_21 071313_m_41 071614_m_20 071709_w_23 071814_w_23 071911_w_24
072414_m_23 072514_m_27 072609_w_23 072714_m_23 073109_w_28 073114_m_25
080209_w_26 080309_m_29 080314_w_25 080609_w_27 080614_m_24 080709_m_24
080714_m_23 081014_w_27 081609_w_40 081617_m_27 081714_m_36 082014_w_24
082109_m_53 082208_w_45 082315_w_60* 082414_m_64* 082714_m_22 082809_m_26
082814_w_46 082909_m_47* 083009_w_42* 083013_w_47* 083109_m_60* 083114_w_55*
091809_w_43 091814_m_37 091914_m_46* 092009_m_54* 092014_m_56* 092509_w_51*
092514_m_50 092714_m_64* 092808_m_51 092813_w_24 100117_w_36 100214_m_50
100417_m_44 100509_w_43 100514_w_51* 100909_w_65 100914_m_39* 101015_w_43
101114_w_37* 101209_w_61* 101216_m_40 101309_m_48 101514_w_36 101609_m_36
101809_m_59* 101814_m_58 101908_m_61 101916_m_40* 102008_w_22 102214_w_36
102309_m_61 102316_w_50 102414_w_58 102514_w_40 110614_m_42 110810_m_62
110909_m_29 111313_m_64* 111409_w_63 111609_m_65 111914_w_63 112009_w_43
112016_m_25 112209_m_51 112310_m_20 112610_w_60 112809_w_23 112909_w_20
112914_w_51 120514_w_56 120614_w_61*
"""
SUBJECTS = tuple(_SUBJECTS.replace("*", "").split())
# Without these 67 are left.
LOW_EXPRESSIVE = tuple(s[:-1] for s in _SUBJECTS.split() if s.endswith("*"))
