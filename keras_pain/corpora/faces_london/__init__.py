"""Face Research Lab London Set: photographs, neutral or smiling."""

from keras_pain.corpora.faces_london import layout as facts
from keras_pain.corpora.folder import corpus_of

tables = facts.tables
LAYOUTS, detect_layout, find_files, read_file = corpus_of(
    tables, "faces", facts.HASHES
)
