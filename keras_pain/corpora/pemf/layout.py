"""PEMF, the Pain E-Motion Faces database, on disk: folders, names, ratings.

Sources: Fernandes-Magalhaes et al., Behavior Research Methods 2022, doi
10.3758/s13428-022-01992-4 (68 models, four clips each, rating scale 0-8, six
FACS coders); folders, names, the sheet and their oddities as public loaders
read them.
"""

from typing import NamedTuple

# The owners' two archives of pictures; either will do.
LAYOUTS = ("pictures", "clips")
# Preferred sub-folder first: the other one of `Clips` has the duplicates.
VERSIONS = ("Modified", "Original")
ARCHIVES = {"pictures": "Pictures", "clips": "Clips"}
RATINGS_FILE = "PEMF_Database.xlsx"
# A CSV file a clip, `S001P.csv`; not of the owners, but of who measured them.
LANDMARKS = "Landmarks"
RATINGS_SHEET = "Articulo"

NUM_SUBJECTS = 68
NUM_FRAMES = 20
RATING_RANGE = (0.0, 8.0)
AGE_RANGE = (0.0, 120.0)  # years
NUM_CODERS = 6

# Action units that the coders marked, in the order of the sheet's columns.
ACTION_UNITS = (4, 6, 7, 9, 10, 12, 20, 25, 26, 27, 43, 45)
RATINGS_COLUMNS = (
    *("Clip", "Age", "Gender", "Kind", "Intensity"),
    *(f"AU{number}" for number in ACTION_UNITS),
)


class Kind(NamedTuple):
    """One of the four types of clip."""

    suffix: str  # last letter of a clip's name, `S001A`
    folder: str  # name of its folder; only the prefix can be relied upon
    prefix: str  # what the folder's name begins with, in lower case
    pain: int  # 1 where pain is shown, felt or played


# Index = the label `kind`. "Algomer Pain" (S013) is one of the release's typos.
KINDS = (
    Kind("N", "Neutral", "neut", 0),
    Kind("P", "Posed Pain", "pos", 1),
    Kind("A", "Algometer Pain", "alg", 1),
    Kind("L", "Laser Pain", "las", 1),
)


def kind_of(name: str) -> int | None:
    """Index into `KINDS` of the type that a name begins with, or None."""
    name = name.strip().lower()
    fits = (i for i, kind in enumerate(KINDS) if name.startswith(kind.prefix))
    return next(fits, None)
