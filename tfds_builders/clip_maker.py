"""A raw clip to the coded pictures and labels of one example.

Everything here runs in a worker of a Beam pipeline as well as in the build's
own process; finished clips are kept, and a build that was broken off goes on
from them.
"""

import dataclasses
import functools
import hashlib
import importlib.metadata
import json
import os
import pathlib
from typing import Any

import cv2
import numpy as np

from keras_pain.corpora import manifest, registry
from keras_pain.corpora.files import FileReport, Finding, RawFile
from keras_pain.corpora.video import VideoRecording
from keras_pain.errors import BadFileError, KerasPainError
from keras_pain.signals.faces.clip import (
    NoFaceError,
    face_clip,
    landmark_boxes,
)
from keras_pain.signals.faces.crop import to_crop
from keras_pain.signals.faces.detect import FaceDetector
from keras_pain.signals.landmarks.clip import landmark_clip
from keras_pain.signals.landmarks.sources import open_source
from tfds_builders import clip_cache

# Counts up whenever the same clip and settings give another example.
_FORMAT = 2
_LEAVE_OUT = "leave it out with --on_bad_file=skip"


@dataclasses.dataclass(frozen=True)
class ClipSettings:
    """What an example is made of.

    Args:
        content: `"faces"`: the face, found and cut out; `"frames"`: whole
            frames, squeezed into a square; `"landmarks"`: no pictures, 68
            points.
        size: Pixels a side of a picture.
        margin: What is left around a face, in sides of its box.
        quality: Of the JPEG pictures, 1 to 100.
        every: Look for the face in every so many frames.
        num_frames: Keep so many frames from the first; clips that have fewer
            are refused. None keeps all of any number.
        landmarks: Where 68 points come from: `csv:FOLDER`, `tflite:FILE` or
            `dlib:FILE`; empty where they are not asked for.
    """

    content: str = "faces"
    size: int = 224
    margin: float = 0.1
    quality: int = 95
    every: int = 1
    num_frames: int | None = None
    landmarks: str = ""


@dataclasses.dataclass(frozen=True)
class ClipJob:
    """A clip to be made, or that has been made before.

    Args:
        corpus: Name of its corpus.
        raw_file: The clip.
        settings: What it is made into.
        cache: Folder of finished clips.
    """

    corpus: str
    raw_file: RawFile
    settings: ClipSettings
    cache: str

    @functools.cached_property
    def path(self) -> pathlib.Path:
        """File of the finished clip: other bytes or settings, another file."""
        settings = dataclasses.asdict(self.settings)
        facts = [
            *(_FORMAT, self.corpus, self.raw_file.name, settings),
            manifest.fingerprint(self.raw_file.path.parent, [self.raw_file]),
            # Labels may be in tables that many clips share.
            repr(sorted(self.raw_file.info.items())),
            _landmarks_fingerprint(self.settings.landmarks, self.raw_file.name),
            importlib.metadata.version("mtcnn"),
            cv2.__version__,
        ]
        key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
        return pathlib.Path(self.cache, key[:2], f"{key}.npz")


def finished(job: ClipJob) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """The example of a clip, made where no earlier build has made it.

    Args:
        job: The clip.

    Returns:
        The example, or None where the clip is refused; and its report.
    """
    kept = clip_cache.load(job.path)
    if kept is None:
        kept = make(job)
        clip_cache.save(job.path, *kept)
    return kept


def make(job: ClipJob) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Makes the example of a clip.

    Args:
        job: The clip.

    Returns:
        As for `finished`.
    """
    raw_file = job.raw_file
    corpus = registry.get_corpus(job.corpus)
    counts: dict[str, int] = {}
    try:
        recording, findings = corpus.read_file(raw_file)
        example, counts, more = _example(raw_file, recording, job.settings)
        findings = [*findings, *more]
    except BadFileError as error:
        recording = example = None
        findings = [raw_file.refused(error)]
    report = FileReport.of(raw_file, recording, findings).to_dict()
    if recording is not None:
        report["frame_rate"] = recording.frame_rate
    return example, report | {"faces": counts}


def _example(
    raw_file: RawFile, recording: VideoRecording, settings: ClipSettings
) -> tuple[dict[str, Any], dict[str, int], list[Finding]]:
    frames = recording.frames()
    keep, findings = _frames_to_keep(raw_file, len(frames), settings)
    frames = frames[:keep]
    example = {
        "name": recording.name,
        "subject_id": recording.subject_id,
        "pspi": np.full(keep, np.nan, np.float32),
        **recording.labels,
        **{k: v[:keep] for k, v in recording.frame_labels.items()},
    }
    if settings.content == "frames":
        pictures, counts = [_squeezed(f, settings.size) for f in frames], {}
        found = np.ones(keep, bool)
        example |= {"found": found, "source": np.zeros(keep, np.uint8)}
    else:
        landmarks = recording.landmarks
        fallback = None
        if landmarks is not None:
            landmarks = landmarks[:keep]
            fallback = landmark_boxes(landmarks)
        if settings.landmarks.startswith("csv:"):
            clip, counts = None, {}
        else:
            clip = _face(raw_file, frames, fallback, settings)
            counts = clip.counts()
            findings += [Finding(*finding) for finding in clip.findings]
        if settings.content == "landmarks":
            pictures = None
            example |= _points(raw_file, frames, clip, settings)
        else:
            pictures = clip.faces
            example |= {
                name: getattr(clip, name)
                for name in ("found", "source", "boxes")
            }
            if landmarks is not None:
                example["landmarks"] = to_crop(
                    landmarks, clip.boxes, settings.size, settings.margin
                )
    if pictures is not None:
        example["frames"] = [_jpeg(p, settings.quality) for p in pictures]
    return example, counts, findings


def _frames_to_keep(raw_file, count: int, settings: ClipSettings):
    wanted = settings.num_frames
    if wanted is None or count == wanted:
        return count, []
    if count < wanted:
        problem = f"has {count} frames, fewer than {wanted}"
        raise BadFileError(
            raw_file.path, problem, _LEAVE_OUT, rule="too_few_frames"
        )
    detail = f"{count} frames; the first {wanted} are kept"
    return wanted, [Finding("frames_cut", "repaired", detail)]


def _face(raw_file, frames, fallback, settings: ClipSettings):
    try:
        return face_clip(
            frames,
            _detector(),
            fallback=fallback,
            size=settings.size,
            margin=settings.margin,
            every=settings.every,
        )
    except NoFaceError as error:
        raise BadFileError(
            raw_file.path, error.problem, _LEAVE_OUT, rule="no_face"
        ) from error


def _points(raw_file, frames, clip, settings: ClipSettings) -> dict[str, Any]:
    boxes = None if clip is None else clip.boxes
    try:
        points = landmark_clip(
            _source(settings.landmarks), frames, boxes, name=raw_file.name
        )
    except BadFileError:
        raise
    except KerasPainError as error:
        raise BadFileError(
            raw_file.path, str(error), _LEAVE_OUT, rule="no_landmarks"
        ) from error
    source = np.where(points.found, 0, 1).astype(np.uint8)
    return {
        "landmarks": points.points,
        "found": points.found,
        "source": source,
    }


@functools.cache  # one for each process
def _detector() -> FaceDetector:
    return FaceDetector()


@functools.cache
def _source(text: str):
    return open_source(text)


def _landmarks_fingerprint(text: str, name: str) -> str:
    """What the points depend on beside the clip: a file, or a model."""
    if not text:
        return ""
    kind, _, path = text.partition(":")
    file = pathlib.Path(path, f"{name}.csv") if kind == "csv" else path
    return _digest(os.fspath(file))


def _digest(path: str) -> str:
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:  # its reader says what is missing
        return ""


def _squeezed(frame: np.ndarray, size: int) -> np.ndarray:
    return cv2.resize(frame, (size, size), interpolation=cv2.INTER_AREA)


def _jpeg(picture: np.ndarray, quality: int) -> bytes:
    _, coded = cv2.imencode(
        ".jpg",
        cv2.cvtColor(picture, cv2.COLOR_RGB2BGR),
        [cv2.IMWRITE_JPEG_QUALITY, quality],
    )
    return coded.tobytes()
