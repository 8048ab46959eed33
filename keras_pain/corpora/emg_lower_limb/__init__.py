"""EMG dataset in Lower Limb: sEMG of the thigh and the angle of the knee.

UCI Machine Learning Repository 278 (CC BY 4.0): 22 men walk, sit down and
extend the knee; half of them have an abnormal knee. Read is a folder of one CSV
a recording, plain or .gz, of 18 men, and their list `recordings.csv` with the
columns file, person, group and activity.

Sitting and standing of N01 hold the bytes of N02's, so that nobody knows whose
they are: all four are left out, as two people must not share a recording.
"""

from pathlib import Path

from keras_pain.corpora.base import StrPath, find_base
from keras_pain.corpora.folder import corpus_of
from keras_pain.corpora.folder import layout as lists
from keras_pain.corpora.folder.layout import Channel

LIST = "recordings.csv"
RATE = 1000.0  # samples a second
HASHES = Path(__file__).with_name("sha256.csv")
# Columns of the files; part: the muscles' sides of the thigh.
CHANNELS = (
    Channel("Recto Femoral", "EMG", "mV", RATE, "front"),
    Channel("Biceps Femoral", "EMG", "mV", RATE, "back"),
    Channel("Vasto Medial", "EMG", "mV", RATE, "front"),
    Channel("EMG Semitendinoso", "EMG", "mV", RATE, "back"),
    Channel("Flexo-Extension", "JNTANG", "deg", RATE, "knee"),
)
_NEEDED = ("file", "person", "group", "activity")
_NOTHING = (
    f"no {LIST} here (it holds {{}}); give the folder of the recordings of UCI "
    "278 and their list"
)


def tables(root: StrPath) -> lists.Tables:
    """The recordings, with the label `activity`; raises KerasPainError."""
    base = find_base(root, ((), ("emg_lower_limb",)), _has_list, _NOTHING)
    rows, groups = [], {}
    for row in lists.read_rows(base / LIST, _NEEDED):
        label = {"activity": row["activity"]}
        rows.append(lists.row_of(base, row["file"], row["person"], label))
        groups[row["person"]] = row["group"]
    more = {"channels": CHANNELS, "listing": LIST}
    return lists.make_tables(base, "signals", rows, groups, **more)


def _has_list(folder):
    path = folder / LIST
    rows = lists.read_rows(path, ()) if path.is_file() else []
    return bool(rows) and {"file", "activity"} <= set(rows[0])


_CORPUS = corpus_of(tables, "signals", HASHES)
LAYOUTS, detect_layout, find_files, read_file = _CORPUS
