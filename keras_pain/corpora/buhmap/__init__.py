"""BUHMAP-DB: eight classes of face and head movement, as OpenFace features."""

from keras_pain.corpora.buhmap import layout as facts
from keras_pain.corpora.folder import corpus_of

tables = facts.tables
LAYOUTS, detect_layout, find_files, read_file = corpus_of(
    tables, "landmarks", facts.HASHES
)
