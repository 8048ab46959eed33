"""BioVid Heat Pain Database, Part A: faces under heat of four levels."""

import tensorflow_datasets as tfds

from tfds_builders.face_builder import FaceBuilder, size_configs


class Builder(FaceBuilder):
    """One example is one clip: one stimulus to one person."""

    CORPUS = "biovid"
    HOMEPAGE = "https://www.nit.ovgu.de/BioVid.html"
    LABELS = ("level",)
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    BioVid is given out by its owners for non-commercial research, under a
    signed agreement; see the homepage. Put the folder PartA, with its names
    and folders unchanged, into the manual directory:

      PartA/video/071309_w_21/071309_w_21-PA4-006.mp4
      PartA/starting_point/samples.csv

    Without access, `keras-pain simulate biovid --out <manual directory>`
    writes simulated files of the same form.
    """
    BUILDER_CONFIGS = size_configs("Clips of 5.5 s, levels 0 to 4")
