"""UNBC-McMaster Shoulder Pain Expression Archive: pain in moving a shoulder."""

from typing import Any

import tensorflow_datasets as tfds

from keras_pain.corpora.unbc_mcmaster import layout as facts
from tfds_builders.corpus_builder import signal
from tfds_builders.face_builder import FaceBuilder, size_configs


class Builder(FaceBuilder):
    """One example is one sequence: one movement of one person's shoulder."""

    CORPUS = "unbc_mcmaster"
    HOMEPAGE = "https://www.jeffcohn.net/Resources/"
    LABELS = ("vas", "opr", "aff", "sen")
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    The archive is given out by its owners for non-commercial research, under
    an agreement signed by an institution; see the homepage. Put the files
    that you receive, with their names and folders unchanged, into the manual
    directory:

      Images/042-ll042/ll042t1aaaff/ll042t1aaaff001.png
      Frame_Labels/PSPI/..., Frame_Labels/FACS/...
      AAM_landmarks/...
      Sequence_Labels/VAS/..., OPR, AFF, SEN

    Without access, `keras-pain simulate unbc_mcmaster --out <manual
    directory>` writes simulated files of the same form.
    """
    BUILDER_CONFIGS = size_configs("Sequences with a PSPI for each frame")

    def more_features(self) -> dict[str, Any]:
        return {
            "aus": signal(len(facts.CODED_UNITS)),
            "landmarks": signal(facts.NUM_LANDMARKS, 2),
        }
