"""UI-PRMD: rehabilitation exercises done correctly and incorrectly."""

import numpy as np
import tensorflow_datasets as tfds

from keras_pain.signals.kinematics import JOINTS_26
from tfds_builders.corpus_builder import CorpusBuilder, CorpusConfig, signal
from tfds_builders.ui_prmd import download


class Builder(CorpusBuilder):
    """One example is one repetition of one exercise by one person."""

    CORPUS = "ui_prmd"
    # The release holds an episode of one frame: real data are like that.
    DEFAULT_ON_BAD_FILE = "skip"
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    UI-PRMD is in the public domain. Unpack the owners' archives 'Segmented
    Movements.zip' and 'Incorrect Segmented Movements.zip' into the manual
    directory, so that it holds

      Segmented Movements/Vicon/Positions/m01_s01_e01_positions.txt
      Incorrect Segmented Movements/Vicon/Positions/
          m01_s01_e01_positions_inc.txt

    and so on; the files may be compressed (.txt.gz). Where the manual
    directory is empty or missing, the archives are looked for on the owners'
    site.
    """
    BUILDER_CONFIGS = [
        CorpusConfig(
            name="vicon",
            layout="vicon",
            description="39 Vicon markers, turned into EmoPain's 26 joints.",
        )
    ]

    def _info(self):
        return self._make_info(
            {
                "angles": signal(13),
                "energies": signal(13),
                "joints": signal(len(JOINTS_26), 3),
                "label": tfds.features.ClassLabel(
                    names=["correct", "incorrect"]
                ),
                "exercise": tfds.features.Text(),
                "repetition": tfds.features.Scalar(dtype=np.int32),
                "subject_id": tfds.features.Text(),
                "recording": tfds.features.Text(),
            },
            homepage=download.HOMEPAGE,
        )

    def _raw_folder(self, dl_manager):
        return download.raw_folder(dl_manager)

    def _example(self, recording):
        return {"recording": recording.name} | {
            name: getattr(recording, name)
            for name in self.info.features
            if name != "recording"
        }
