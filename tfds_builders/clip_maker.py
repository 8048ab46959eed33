"""A raw clip to the coded pictures and labels of one example.

Everything here runs in a worker of a Beam pipeline as well as in the build's
own process; finished clips are kept, and a build that was broken off goes on
from them.
"""

import contextlib
import dataclasses
import functools
import hashlib
import importlib.metadata
import json
import pathlib
from typing import Any

import cv2
import numpy as np

from keras_pain.corpora import manifest
from keras_pain.corpora.base import (
    LEAVE_OUT,
    FileReport,
    Finding,
    RawFile,
    get_corpus,
)
from keras_pain.corpora.recording import VideoRecording
from keras_pain.errors import BadFileError, KerasPainError, reading
from keras_pain.io import npz_bytes, sha256_of, write_file
from keras_pain.signals.faces import (
    FaceDetector,
    NoFaceError,
    face_clip,
    landmark_boxes,
    to_crop,
)
from keras_pain.signals.landmarks import LandmarkSource, landmark_clip

# Counts up whenever the same clip and settings give another example.
_FORMAT = 3
_CACHE_CURE = (
    "free space or choose another --data_dir; finished clips that are there "
    "will not be made again"
)


@dataclasses.dataclass(kw_only=True)
class ClipSettings:
    """What an example is made of.

    Args:
        content: `"faces"`: the face, found and cut out; `"frames"`: whole
            frames, squeezed into a square; `"landmarks"`: 68 points alone.
        size: Pixels a side of a picture.
        margin: What is left around a face, in sides of its box.
        quality: Of the JPEG pictures, 1 to 100.
        every: Look for the face in every so many frames; its place in between
            is interpolated.
        num_frames: Keep so many frames from the first, refuse shorter clips;
            None keeps all.
        landmarks: Where 68 points come from: `csv:FOLDER`, `tflite:FILE` or
            `dlib:FILE`; empty where they are not asked for.
    """

    content: str = "faces"
    size: int = 224
    margin: float = 0.1
    quality: int = 95
    every: int = 1
    num_frames: int | None = None
    landmarks: str | None = ""


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
            self.raw_file.simulated,
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

    Returns the example, None where the clip is refused, and its report.
    """
    kept = load(job.path)
    if kept is None:
        kept = make(job)
        write_file(job.path, _packed(*kept), _CACHE_CURE)
    return kept


def _packed(example, report):
    """A finished clip as an .npz file; texts and numbers are in its notes."""
    notes = {"report": report, "refused": example is None, "plain": {}}
    arrays = {}
    for name, value in (example or {}).items():
        if name == "frames":
            notes["sizes"] = [len(picture) for picture in value]
            arrays["pictures"] = np.frombuffer(b"".join(value), np.uint8)
        elif isinstance(value, np.ndarray):
            arrays[f"array_{name}"] = value
        else:
            notes["plain"][name] = value
    arrays["notes"] = np.frombuffer(json.dumps(notes).encode(), np.uint8)
    return npz_bytes(arrays)


@contextlib.contextmanager
def _if_sound(path):
    """Ends its block early where a finished clip is damaged or missing."""
    with contextlib.suppress(KerasPainError), reading(path):
        yield


def load(
    path: pathlib.Path,
) -> tuple[dict[str, Any] | None, dict[str, Any]] | None:
    """Example and report of a finished clip; None where it is damaged."""
    with _if_sound(path), np.load(path) as arrays:
        notes = json.loads(arrays["notes"].tobytes())
        example = notes["plain"] | {
            name.removeprefix("array_"): arrays[name]
            for name in arrays.files
            if name.startswith("array_")
        }
        if "sizes" in notes:
            ends = np.cumsum(notes["sizes"])
            pictures = np.split(arrays["pictures"], ends[:-1])
            example["frames"] = [part.tobytes() for part in pictures]
        return None if notes["refused"] else example, notes["report"]
    return None


def load_report(path: pathlib.Path) -> dict[str, Any] | None:
    """The report of a finished clip, without its pictures."""
    with _if_sound(path), np.load(path) as arrays:
        return json.loads(arrays["notes"].tobytes())["report"]
    return None


def remove(paths: list[pathlib.Path]) -> None:
    """Deletes finished clips, and the three folders above that are empty."""
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink()
    for level in range(3):
        for folder in {path.parents[level] for path in paths}:
            with contextlib.suppress(OSError):  # other clips are there
                folder.rmdir()


def make(job: ClipJob) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Makes the example and the report of a clip, see `finished`."""
    raw_file = job.raw_file
    corpus = get_corpus(job.corpus)
    counts: dict[str, int] = {}
    try:
        recording, findings = corpus.read_file(raw_file)
        example, counts, more = example_of(raw_file, recording, job.settings)
        findings = [*findings, *more]
    except BadFileError as error:
        recording = example = None
        findings = [raw_file.refused(error)]
    report = FileReport.of(raw_file, recording, findings).to_dict()
    if recording is not None:
        report["frame_rate"] = recording.frame_rate
    return example, report | {"faces": counts}


def example_of(
    raw_file: RawFile, recording: VideoRecording, settings: ClipSettings
) -> tuple[dict[str, Any], dict[str, int], list[Finding]]:
    """The example of a recording that was read, counts of faces, findings.

    Raises BadFileError where it cannot be made.
    """
    frames = recording.frames()
    keep, findings = _frames_to_keep(raw_file, len(frames), settings)
    frames = frames[:keep]
    example = {
        "name": recording.name,
        "subject_id": recording.subject_id,
        "group": recording.group,
        "labels": np.array(list(recording.labels.values()), np.float32),
        "pspi": np.full(keep, np.nan, np.float32),
        **recording.labels,
        **{k: v[:keep] for k, v in recording.frame_labels.items()},
    }
    if settings.content == "frames":
        shape, counts = (settings.size, settings.size), {}
        pictures = [
            cv2.resize(frame, shape, interpolation=cv2.INTER_AREA)
            for frame in frames
        ]
        found = np.ones(keep, bool)
        example |= {"found": found, "source": np.zeros(keep, np.uint8)}
    else:
        landmarks, fallback = recording.landmarks, None
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


def _frames_to_keep(raw_file, count, settings):
    wanted = settings.num_frames
    if wanted is None or count == wanted:
        return count, []
    if count < wanted:
        problem = f"has {count} frames, fewer than {wanted}"
        raise BadFileError(raw_file.path, problem, LEAVE_OUT, "too_few_frames")
    detail = f"{count} frames; the first {wanted} are kept"
    return wanted, [Finding("frames_cut", "repaired", detail)]


def _face(raw_file, frames, fallback, settings):
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
            raw_file.path, error.problem, LEAVE_OUT, rule="no_face"
        ) from error


def _points(raw_file, frames, clip, settings):
    boxes = None if clip is None else clip.boxes
    try:
        points = landmark_clip(
            _source(settings.landmarks), frames, boxes, name=raw_file.name
        )
    except BadFileError:
        raise
    except KerasPainError as error:
        raise BadFileError(
            raw_file.path, str(error), LEAVE_OUT, rule="no_landmarks"
        ) from error
    source = np.where(points.found, 0, 1).astype(np.uint8)
    return {"landmarks": points.points, "found": points.found, "source": source}


@functools.cache  # one for each process
def _detector():
    return FaceDetector()


@functools.cache
def _source(text: str):
    return LandmarkSource(text)


def _landmarks_fingerprint(text, name):
    """What the points depend on beside the clip: a file, or a model."""
    kind, _, path = text.partition(":")
    file = pathlib.Path(path, f"{name}.csv") if kind == "csv" else path
    try:
        return sha256_of(file)
    except OSError:  # there is none, or its reader says what is missing
        return ""


def _jpeg(picture, quality):
    picture = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    return cv2.imencode(".jpg", picture, options)[1].tobytes()
