"""A user's own folder of recordings: signals, landmarks or faces."""

from keras_pain.corpora.folder.layout import KINDS
from tfds_builders.folder_builder import FolderBuilder, config


class Builder(FolderBuilder):
    """The builder of users' own folders."""

    CORPUS = "folder"
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    The manual directory is a folder of your own recordings:

      dataset_description.json, participants.tsv, recordings.tsv
      channels.tsv (of signals), and the files that recordings.tsv lists

    `keras-pain template signals FOLDER` (or landmarks, faces) writes an
    example, and `keras-pain check folder --manual_dir FOLDER` says what is
    wrong with one.
    """
    BUILDER_CONFIGS = [config(kind) for kind in KINDS]
