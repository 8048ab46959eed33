"""EMG dataset in Lower Limb: three activities, by the muscles of the thigh."""

from keras_pain.corpora.emg_lower_limb import layout as facts
from keras_pain.corpora.folder import corpus_of

tables = facts.tables
LAYOUTS, detect_layout, find_files, read_file = corpus_of(
    tables, "signals", facts.HASHES
)
