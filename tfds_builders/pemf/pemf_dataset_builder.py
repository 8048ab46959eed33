"""PEMF, Pain E-Motion Faces: neutral faces, and three kinds of pain."""

import dataclasses
import os
import pathlib

import tensorflow_datasets as tfds

from keras_pain.corpora import manifest
from keras_pain.corpora.base import RawFile
from keras_pain.corpora.pemf import layout as facts
from tfds_builders.clip_maker import ClipSettings
from tfds_builders.corpus_builder import AbsentError
from tfds_builders.face_builder import FaceBuilder, FaceConfig

LANDMARKS_VARIABLE = "KERAS_PAIN_LANDMARKS"


@dataclasses.dataclass(kw_only=True)
class PemfConfig(FaceConfig):
    """What an example of PEMF is made of.

    Args:
        landmarks: Where the 68 points of the content `"landmarks"` come from:
            `csv:FOLDER`, `tflite:FILE` or `dlib:FILE`. None asks the
            environment variable `KERAS_PAIN_LANDMARKS`, then takes the folder
            `Landmarks` beside the owners' archives, one CSV file a clip.
    """

    num_frames: int | None = facts.NUM_FRAMES
    landmarks: str | None = None


class Builder(FaceBuilder):
    """One example is one clip: one person, neutral or in one kind of pain."""

    CORPUS = "pemf"
    HOMEPAGE = "https://doi.org/10.3758/s13428-022-01992-4"
    LABELS = ("pain", "kind", "intensity")
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    The database is openly on OSF (https://osf.io/3hgca), and no agreement is
    signed; its licence is said there. Unpack its archives, with names and
    folders unchanged, into the manual directory:

      PEMF_Database.xlsx
      Pictures/Modified/S001/Neutral/Colour frames/*.jpg
      Clips/Modified/S001/Neutral/Neutral S001.mp4

    Either of Pictures and Clips will do. Without access, `keras-pain simulate
    pemf --out <manual directory>` writes simulated files of the same form.
    """
    BUILDER_CONFIGS = [
        PemfConfig(name=content, content=content, description=description)
        for content, description in (
            ("frames", "20 whole frames, squeezed to 224 x 224 pixels."),
            ("faces", "20 faces, found and cut out, of 224 x 224 pixels."),
            ("landmarks", "68 facial landmarks in each of 20 frames."),
        )
    ]
    _landmarks = ""

    def settings(self, root: str | os.PathLike) -> ClipSettings:
        settings = super().settings(root)
        landmarks = self._find_landmarks(root)
        return dataclasses.replace(settings, landmarks=landmarks)

    def options(self) -> dict[str, str]:
        options = super().options()
        kind, _, path = self._landmarks.partition(":")
        if path:
            # The fingerprint of the raw files does not cover them.
            fingerprint = manifest.content_hash(path, ".csv")
            options |= {"landmarks": kind, "landmarks_sha256": fingerprint}
        return options

    def find_raw_files(self, root: str | os.PathLike) -> list[RawFile]:
        self._landmarks = self._find_landmarks(root)
        return super().find_raw_files(root)

    def _find_landmarks(self, root):
        """Where the points come from, `csv:FOLDER` for example."""
        if self.builder_config.content != "landmarks":
            return ""
        source = (
            self.given.get("landmarks")
            or self.builder_config.landmarks
            or os.environ.get(LANDMARKS_VARIABLE)
        )
        if source:
            return source
        folder = super().find_raw_files(root)[0].root / facts.LANDMARKS
        if folder.is_dir():
            return f"csv:{folder}"
        raise AbsentError(
            f"{pathlib.Path(root)}: PEMF has no landmarks of its own; set "
            f"{LANDMARKS_VARIABLE} to csv:FOLDER, tflite:FILE or dlib:FILE, "
            f"or put a CSV file for each clip into {folder.name}/ there"
        )
