"""`--augment`: pictures that a further row of each network is trained on."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from keras_pain.augment import geometric
from keras_pain.augment.gsff.check import FaceCheck
from keras_pain.augment.gsff.landmarks import open_landmarks
from keras_pain.augment.gsff.parts import Parts, RunOptions
from keras_pain.augment.gsff.run import generate
from keras_pain.augment.gsff.sources import from_clips
from keras_pain.augment.gsff.training import GeneratedFrame, load_generated
from keras_pain.data.clips import ClipSet, cut_clips
from keras_pain.data.frames import FrameStore
from keras_pain.data.generated import ExtendedFrames
from keras_pain.data.prepare import PreparedDataset
from keras_pain.errors import ConfigurationError
from keras_pain.signals.faces.detect import FaceDetector

NONE, GEOMETRIC = "none", "geometric"
_FOLDER = "generated"


def with_generated(
    frames: FrameStore,
    augment: str,
    settings: Mapping,
    prepared: PreparedDataset,
    cut: Callable[[], ClipSet],
) -> tuple[FrameStore, str, str]:
    """The frames with generated pictures, and what to call these.

    Args:
        frames: The dataset's.
        augment: `"none"`; `"geometric"`, which makes a picture of every frame
            with pain (unsaid: which frames the paper's pictures are made
            from; frames without pain are plentiful); or the folder that
            `keras-pain gsff` wrote to.
        settings: How samples are cut.
        prepared: The dataset.
        cut: Cuts the run's samples: of them `"geometric"` makes pictures, and
            only those of their people are taken.

    Returns:
        The frames, what the rows are called that train on the pictures, and a
        line for the header; both `""` without pictures.

    Raises:
        ConfigurationError: The samples are clips, the folder is none of a run,
            or its pictures were not made from this dataset's frames.
        BadFileError: A picture cannot be read, or has another size than the
            dataset's.
    """
    if augment == NONE:
        return frames, "", ""
    if settings.get("level") != "frame":
        raise ConfigurationError(
            "--augment is for tables of single frames, this one is of clips"
        )
    samples = cut()
    if augment == GEOMETRIC:
        pictures = _geometric(samples, prepared)
    else:
        pictures = load_generated(augment)
    _check_origin(pictures, frames, augment, settings["label"], prepared)
    here = set(samples.person.tolist())
    pictures = [p for p in pictures if p.subject in here]
    digest = hashlib.sha256()
    for picture in pictures:
        identity = f"{picture.source} {picture.copy} {picture.pspi}"
        digest.update(identity.encode())
        digest.update(Path(picture.path).read_bytes())
    methods = ", ".join(sorted({picture.method for picture in pictures}))
    people = len({picture.subject for picture in pictures})
    note = (
        f"trained on {len(pictures)} generated pictures ({methods}, "
        f"{digest.hexdigest()[:12]}) of {people} people as well, each in the "
        "training folds of its person only"
    )
    label = methods.replace("gsff", "GSFF")
    return ExtendedFrames(frames, pictures), label, note


def _check_origin(
    pictures: Sequence[GeneratedFrame],
    frames: FrameStore,
    augment: str,
    label: str,
    prepared: PreparedDataset,
) -> None:
    """Refuses pictures that were not made from frames of this dataset."""
    cure = f"make them with keras-pain gsff --input {prepared.path}"
    if any(picture.simulated != prepared.simulated for picture in pictures):
        kinds = ("real", "simulated")
        made, here = kinds[not prepared.simulated], kinds[prepared.simulated]
        raise ConfigurationError(
            f"--augment={augment}: its pictures are made from {made} faces, "
            f"this dataset's are {here}; {cure}"
        )
    every = cut_clips(frames, label=label, level="frame")
    known = dict(
        zip(
            every.window_id.tolist(),
            zip(every.person.tolist(), every.y.tolist(), strict=True),
            strict=True,
        )
    )
    for picture in pictures:
        if known.get(picture.frame_id) != (picture.subject, picture.pspi):
            raise ConfigurationError(
                f"--augment={augment}: {picture.path} is of {picture.subject}, "
                f"frame {picture.frame_id or 'unknown'}, PSPI "
                f"{picture.pspi:g}; this dataset has no such frame; {cure}"
            )


def _geometric(
    clips: ClipSet, prepared: PreparedDataset
) -> list[GeneratedFrame]:
    """Pictures of the frames with pain, made once and kept by the dataset."""
    clips = clips.take(clips.y > 0)
    folder = prepared.path / _FOLDER / f"{GEOMETRIC}_{geometric.VERSION}"
    options = RunOptions(simulated=prepared.simulated, progress=True)
    parts = Parts(
        open_landmarks(None),
        geometric.GeometricGenerator(),
        FaceCheck(FaceDetector()),
    )
    sources = list(from_clips(clips))
    generate(sources, folder, parts, options)
    # The folder may hold more: a smoke run takes a few frames only.
    names = {source.name for source in sources}
    return [made for made in load_generated(folder) if made.source in names]
