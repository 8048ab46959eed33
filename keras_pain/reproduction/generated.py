"""`--augment`: pictures that networks of single frames are trained on, too."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from keras_pain.augment.geometric import GeometricGenerator
from keras_pain.augment.gsff.check import FaceCheck
from keras_pain.augment.gsff.landmarks import open_landmarks
from keras_pain.augment.gsff.parts import Parts, RunOptions
from keras_pain.augment.gsff.run import generate
from keras_pain.augment.gsff.sources import from_clips
from keras_pain.augment.gsff.training import load_generated
from keras_pain.data.clips import cut_clips
from keras_pain.data.frames import FrameStore
from keras_pain.data.generated import ExtendedFrames
from keras_pain.data.prepare import PreparedDataset
from keras_pain.errors import ConfigurationError
from keras_pain.signals.faces.detect import FaceDetector

NONE, GEOMETRIC = "none", "geometric"


def with_generated(
    frames: FrameStore,
    augment: str,
    settings: Mapping,
    prepared: PreparedDataset,
) -> tuple[FrameStore, str]:
    """The frames with generated pictures, and what to call these.

    Args:
        frames: The dataset's.
        augment: `"none"`; `"geometric"`, which makes a picture of every frame
            with pain (unsaid: which frames the paper's pictures are made
            from; frames without pain are plentiful); or the folder that
            `keras-pain gsff` wrote to.
        settings: How samples are cut.
        prepared: The dataset.

    Returns:
        The frames, and a line for the header, `""` without pictures.

    Raises:
        ConfigurationError: The samples are clips, the folder is none of a run,
            or its people are not of this dataset.
    """
    if augment == NONE:
        return frames, ""
    if settings.get("level") != "frame":
        raise ConfigurationError(
            "--augment is for tables of single frames, this one is of clips"
        )
    folder = Path(augment)
    if augment == GEOMETRIC:
        folder = _geometric(frames, settings, prepared)
    pictures = load_generated(folder)
    people = {clip.subject_id for clip in frames.clips}
    strangers = sorted({p.subject for p in pictures} - people)
    if strangers:
        raise ConfigurationError(
            f"--augment={augment}: its pictures show {strangers[0]}, who is "
            "not in this dataset; generate from its frames"
        )
    digest = hashlib.sha256()
    for picture in pictures:
        identity = f"{picture.source} {picture.copy} {picture.pspi}"
        digest.update(identity.encode())
        digest.update(Path(picture.path).read_bytes())
    methods = ", ".join(sorted({picture.method for picture in pictures}))
    return ExtendedFrames(frames, pictures), (
        f"{len(pictures)} generated pictures ({methods}, "
        f"{digest.hexdigest()[:12]}) of {len({p.subject for p in pictures})} "
        "people, each in the training folds of its person only"
    )


def _geometric(frames, settings, prepared: PreparedDataset) -> Path:
    """Pictures of the frames with pain, made once and kept."""
    clips = cut_clips(frames, **settings)
    clips = clips.take(clips.y > 0)
    every = settings.get("every", 1)
    key = f"{prepared.fingerprint[:12]}_{prepared.config}_{every}"
    folder = Path("data", "generated", f"geometric_{key}")
    options = RunOptions(simulated=prepared.simulated, progress=True)
    parts = Parts(
        open_landmarks(None), GeometricGenerator(), FaceCheck(FaceDetector())
    )
    generate(list(from_clips(clips)), folder, parts, options)
    return folder
