"""EmoPain, body movement: 13 joint angles, 4 muscles, pain behaviour."""

import dataclasses
import os

import numpy as np
import tensorflow_datasets as tfds

from keras_pain.corpora import emopain
from keras_pain.corpora.recording import NUM_BEHAVIOURS
from keras_pain.signals.kinematics import JOINTS_22, JOINTS_26
from tfds_builders.corpus_builder import (
    AbsentError,
    CorpusBuilder,
    CorpusConfig,
    labels,
    signal,
)

_HOMEPAGE = "https://mvrjustid.github.io/EmoPainChallenge2020/"
CHALLENGE_COLUMNS_VARIABLE = "KERAS_PAIN_CHALLENGE_COLUMNS"
_JOINTS = {"fame": len(JOINTS_26), "coordinates": len(JOINTS_22)}
_NUM_RATERS = 4


@dataclasses.dataclass(kw_only=True)
class EmopainConfig(CorpusConfig):
    """A layout of EmoPain.

    Args:
        challenge_columns: Where the challenge2020 files keep their labels, as
            `parse_challenge_columns` reads it. None asks the environment
            variable `KERAS_PAIN_CHALLENGE_COLUMNS`, then takes the default,
            which is inferred, as the owners' description is not public.
    """

    challenge_columns: str | None = None


class Builder(CorpusBuilder):
    """One example is one recording of one participant."""

    CORPUS = "emopain"
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    EmoPain is given out by its owners only, under a signed agreement that
    forbids passing on the data or portions of it; see the homepage. Put the
    files that you receive, with their names and folders unchanged, into the
    manual directory: one layout's own folders, or one folder for each layout:

      fame/           'randomised C/' and 'randomised P/'
      coordinates/    'train/' and 'validation/', 78 or 104 columns
      challenge2020/  'train/' and 'validation/', 30 channels and labels

    Without access, `keras-pain simulate emopain --out <manual directory>`
    writes simulated files of the same form.
    """
    BUILDER_CONFIGS = [
        EmopainConfig(name=name, layout=name, description=description)
        for name, description in (
            ("fame", "Full release: 26 joints and four raters a frame."),
            ("coordinates", "Coordinate package: 22 joints and merged labels."),
            (
                "challenge2020",
                "EmoPain Challenge 2020: 30 channels, merged labels.",
            ),
        )
    ]

    def _info(self):
        layout = self.builder_config.layout
        features = {
            "angles": signal(13),
            "energies": signal(13),
            "semg": signal(4),
            "protective": labels(np.int8),
            "pain_level": labels(np.int8),
            "activity": labels(np.int32),
            "activity_instance": labels(np.int32),
            "subject_id": tfds.features.Text(),
            "group": tfds.features.ClassLabel(names=["healthy", "patient"]),
            "difficulty": tfds.features.Text(),
            "recording": tfds.features.Text(),
            "split": tfds.features.Text(),
        }
        if layout == "fame":
            features["raters"] = labels(np.uint8, _NUM_RATERS, NUM_BEHAVIOURS)
        if layout in _JOINTS:
            features["joints"] = signal(_JOINTS[layout], 3)
        return self._make_info(features, homepage=_HOMEPAGE)

    def options(self) -> dict[str, str]:
        config = self.builder_config
        columns = (
            self.given.get("challenge_columns")
            or config.challenge_columns
            or os.environ.get(CHALLENGE_COLUMNS_VARIABLE)
        )
        if config.layout != "challenge2020" or not columns:
            return {}
        return {"challenge_columns": columns}

    def _read_options(self):
        parse = emopain.parse_challenge_columns
        return {name: parse(text) for name, text in self.options().items()}

    def find_raw_files(self, root):
        layout = self.builder_config.layout
        found = emopain.find_layouts(root)
        if found and layout not in found:
            choices = " or ".join(f"--config={name}" for name in found)
            raise AbsentError(
                f"{root}: holds the layout {', '.join(found)}, not {layout}; "
                f"build with {choices}"
            )
        return super().find_raw_files(root)

    def _example(self, recording):
        names = {"recording": recording.name, "split": recording.split}
        return names | {
            name: getattr(recording, name)
            for name in self.info.features
            if name not in names
        }
