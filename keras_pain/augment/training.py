"""Generated pictures on their way into training, and nowhere else.

A generated picture shows the person of its source. In a validation or test
fold it would measure how well a network knows its own pictures; and if it is
trained on while its source's person is tested, the person is not left out:
`experiments.folds` keeps it from both.
"""

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np

from keras_pain.augment import run as runs
from keras_pain.augment.geometric import VERSION, GeometricGenerator
from keras_pain.augment.sources import check_pspi, from_clips, open_landmarks
from keras_pain.data import clips as clip_sets
from keras_pain.data.clips import ClipSet, FrameStore, JoinedFrames
from keras_pain.data.prepare import PreparedDataset
from keras_pain.errors import BadFileError, ConfigurationError, reading
from keras_pain.signals.faces import DETECTED, FaceDetector

GEOMETRIC = "geometric"


@dataclasses.dataclass(frozen=True)
class GeneratedFrame:
    """A good picture of a run, a PNG file, and facts of its source."""

    path: pathlib.Path
    subject: str
    frame_id: str  # `ClipSet.window_id`
    pspi: float
    source: str
    copy: int  # the number among the pictures of a source
    method: str  # what made it, e.g. `gsff`
    simulated: bool


def load_generated(folder: str | os.PathLike) -> list[GeneratedFrame]:
    """The good pictures in the folder of a run, by source and copy.

    Raises ConfigurationError where it is no such folder, or a label is no PSPI;
    BadFileError where a picture is missing, there is no good one, or they have
    no labels or subjects.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise BadFileError(folder, "is no folder", "run keras-pain gsff first")
    simulated = runs.read_run(folder)["simulated"]
    lines, _ = runs.read_lines(folder / runs.MANIFEST_FILE)
    latest = {(line["source"], line["copy"]): line for line in lines}
    frames = []
    for (source, copy), line in sorted(latest.items()):
        if line["status"] != runs.GOOD:
            continue
        path, subject = folder / line["file"], line.get("subject")
        if not path.is_file():
            cure = "run the same command again; it is made anew"
            raise BadFileError(path, "is gone", cure)
        if line.get("pspi") is None or not subject:
            cure = "run the command into another folder, with --labels"
            raise BadFileError(path, "has no label or subject", cure)
        clip = line.get("clip")
        frame_id = f"{clip}:{line.get('frame', '')}" if clip else ""
        pspi, method = check_pspi(line["pspi"], str(path)), line["method"]
        facts = path, subject, frame_id, pspi, source, copy, method, simulated
        frames.append(GeneratedFrame(*facts))
    if frames:
        return frames
    raise BadFileError(folder, "holds no good picture", "see its summary.json")


class ExtendedFrames(JoinedFrames):
    """The frames of a dataset, and generated pictures after them.

    Raises BadFileError where a picture cannot be read, or has another size than
    the dataset's.
    """

    def __init__(self, frames: FrameStore, pictures: Sequence[GeneratedFrame]):
        made, infos = [], []
        first = np.frombuffer(frames.coded([0])[0], np.uint8)
        high, wide, _ = cv2.imdecode(first, cv2.IMREAD_COLOR).shape
        cure = "make it anew with keras-pain gsff"
        for picture in pictures:
            path = picture.path
            with reading(path, cure=cure):
                data = np.frombuffer(path.read_bytes(), np.uint8)
                pixels = cv2.imdecode(data, cv2.IMREAD_COLOR)
            if pixels is None:
                raise BadFileError(path, "is no picture that can be read", cure)
            height, width, _ = pixels.shape
            if (height, width) != (high, wide):
                problem = f"has {width} x {height} pixels, the dataset's have "
                again = "make them from this dataset (keras-pain gsff --input)"
                raise BadFileError(path, f"{problem}{wide} x {high}", again)
            quality = [cv2.IMWRITE_JPEG_QUALITY, 95]
            made.append(cv2.imencode(".jpg", pixels, quality)[1].tobytes())
            labels = {"found": np.ones(1, bool), "source": np.uint8([DETECTED])}
            labels["pspi"] = np.float32([picture.pspi])
            name = f"{clip_sets.GENERATED}{picture.source}/{picture.copy}"
            infos.append(clip_sets.ClipInfo(name, picture.subject, {}, labels))
        # The dataset's stay in its memory map, which processes share.
        ends = np.cumsum([0, *map(len, made)])
        spans = np.stack([ends[:-1], ends[1:]], axis=1)
        data = np.frombuffer(b"".join(made), np.uint8)
        pictures = FrameStore(frames.path, infos, spans, data)
        super().__init__([frames, pictures])


def with_generated(
    frames: FrameStore,
    augment: str,
    settings: Mapping,
    prepared: PreparedDataset,
    cut: Callable[[], ClipSet],
) -> tuple[FrameStore, str, str]:
    """The frames of a dataset with generated pictures, and what to call these.

    `augment` is `"geometric"`, which makes a picture of every frame with pain
    (unsaid: which frames the paper's pictures are made from; frames without
    pain are plentiful); or the folder of `keras-pain gsff`. The settings tell
    how samples are cut; `cut` cuts the run's: of them `"geometric"` makes
    pictures, and only those of their people are taken.

    Returns the frames, what the rows are called that train on the pictures, and
    a line for the header. Raises ConfigurationError where the samples are
    clips, the folder is none of a run, or its pictures were not made from this
    dataset's frames; BadFileError as `ExtendedFrames` does.
    """
    if settings.get("level") != "frame":
        text = "--augment is for tables of single frames, this one is of clips"
        raise ConfigurationError(text)
    samples, own = cut(), augment == GEOMETRIC
    pictures = _geometric(samples, prepared) if own else load_generated(augment)
    cure = f"make them with keras-pain gsff --input {prepared.path}"
    if any(picture.simulated != prepared.simulated for picture in pictures):
        kinds = ("real", "simulated")
        made, here = kinds[not prepared.simulated], kinds[prepared.simulated]
        raise ConfigurationError(
            f"--augment={augment}: its pictures are made from {made} faces, "
            f"this dataset's are {here}; {cure}"
        )
    label = settings["label"]
    every = clip_sets.cut_clips(frames, label=label, level="frame")
    labels = zip(every.person.tolist(), every.y.tolist(), strict=True)
    known = dict(zip(every.window_id.tolist(), labels, strict=True))
    for picture in pictures:
        if known.get(picture.frame_id) != (picture.subject, picture.pspi):
            raise ConfigurationError(
                f"--augment={augment}: {picture.path} is of {picture.subject}, "
                f"frame {picture.frame_id or 'unknown'}, PSPI "
                f"{picture.pspi:g}; this dataset has no such frame; {cure}"
            )
    here = set(samples.person.tolist())
    pictures = [p for p in pictures if p.subject in here]
    digest = hashlib.sha256()
    for picture in pictures:
        identity = f"{picture.source} {picture.copy} {picture.pspi}"
        digest.update(identity.encode() + picture.path.read_bytes())
    methods = ", ".join(sorted({picture.method for picture in pictures}))
    people = len({picture.subject for picture in pictures})
    note = f"trained on {len(pictures)} generated pictures ({methods}, "
    note += f"{digest.hexdigest()[:12]}) of {people} people as well, each in "
    note += "the training folds of its person only"
    label = methods.replace("gsff", "GSFF")
    return ExtendedFrames(frames, pictures), label, note


def _geometric(clips: ClipSet, prepared) -> list[GeneratedFrame]:
    """Pictures of the frames with pain, made once and kept by the dataset."""
    sources = from_clips(clips.take(clips.y > 0))
    folder = prepared.path / "generated" / f"{GEOMETRIC}_{VERSION}"
    parts = open_landmarks(None), GeometricGenerator(), FaceDetector()
    run = runs.PictureRun(*parts, simulated=prepared.simulated)
    runs.generate(sources, folder, run)
    # The folder may hold more: a smoke run takes a few frames only.
    names = {source.name for source in sources}
    return [made for made in load_generated(folder) if made.source in names]
