"""The UNBC-McMaster Shoulder Pain Expression Archive on disk.

Sources: Lucey et al., "Painful data", IEEE FG 2011 (25 patients, 200 sequences,
48,398 frames, action units, 66 landmarks, scales); folder and file names as
public loaders read them. What the two columns behind unit and intensity in
some FACS files mean is documented nowhere that was read.
"""

import re

LAYOUTS = ("archive",)
FOLDER = "unbc_mcmaster"
FRAME_SIZE = (240, 320)  # height, width
NUM_SEQUENCES, NUM_FRAMES = 200, 48398

# Folders below the one that the user names, step by step.
IMAGES = ("Images",)
PSPI = ("Frame_Labels", "PSPI")
FACS = ("Frame_Labels", "FACS")
AAM = ("AAM_landmarks",)
TREES = {"images": IMAGES, "pspi": PSPI, "facs": FACS, "aam": AAM}
SEQUENCE_LABELS = "Sequence_Labels"
# Per-sequence scale to its range: visual analogue scale, observer's rating,
# affective and sensory verbal scale.
SCALES = {"vas": (0, 10), "opr": (0, 5), "aff": (0, 15), "sen": (0, 15)}
# The one that tables are made of. The ranges of the others nobody confirms.
NEEDED_SCALE = "vas"

SUBJECT = re.compile(r"\d{3}-(?P<code>[a-z]{2}\d{3})", re.IGNORECASE)
SEQUENCE = re.compile(
    r"(?P<code>[a-z]{2}\d{3})t(?P<test>\d)(?P<movement>[a-z]{2})"
    r"(?P<side>aff|unaff)",
    re.IGNORECASE,
)
FRAME_NUMBER = re.compile(r"(?P<sequence>.*?)(?P<number>\d{3,4})")
FRAME_LABEL = "{sequence}{number:03d}_facs.txt"
LANDMARKS = "{sequence}{number:03d}_aam.txt"

# Units coded throughout; files also hold a few codes of 0, 15, 27 and 50.
CODED_UNITS = (4, 6, 7, 9, 10, 12, 20, 25, 26, 43)
INTENSITY_MAX = 5  # of a unit, FACS' E
PSPI_MAX = 16
NUM_LANDMARKS = 66

SUBJECTS = tuple(
    """
    042-ll042 043-jh043 047-jl047 048-aa048 049-bm049 052-dr052 059-fn059
    064-ak064 066-mg066 080-bn080 092-ch092 095-tv095 096-bg096 097-gf097
    101-mg101 103-jk103 106-nm106 107-hs107 108-th108 109-ib109 115-jy115
    120-kz120 121-vw121 123-jh123 124-dn124
    """.split()
)
# The letters and digits that names of sequences begin with.
SUBJECT_OF = {subject.partition("-")[2]: subject for subject in SUBJECTS}
# The one of them who is known to have two sequences only.
FEW_SEQUENCES = {"059-fn059": 2}
