"""From the frames of a clip to pictures of one face, and what was done."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from keras_pain.errors import KerasPainError
from keras_pain.signals.faces.crop import crop_faces
from keras_pain.signals.faces.detect import FaceDetector
from keras_pain.signals.faces.track import (
    DETECTED,
    FALLBACK,
    INTERPOLATED,
    choose_track,
    fill_and_smooth,
)

# From the box around 66 or 68 landmarks, which end at the brows, to that of
# MTCNN, which goes up to the forehead: shares of the landmarks' height.
_FOREHEAD = 0.3


class NoFaceError(KerasPainError):
    """A clip in which nobody's face can be seen.

    Args:
        looked: Number of frames that were looked at.
    """

    def __init__(self, looked: int):
        self.looked = looked
        self.problem = f"no face was found in any of {looked} frames"
        super().__init__(looked)

    def __str__(self) -> str:
        return (
            f"{self.problem}; leave the clip out, or see whether its pictures "
            "are upright and lit, and the face a tenth of them or more"
        )


@dataclasses.dataclass(frozen=True)
class FaceClip:
    """The face of a clip of T frames.

    Args:
        faces: `(T, size, size, 3)` uint8, RGB.
        boxes: `(T, 4)` float32, x0, y0, x1, y1 in pixels of the frames: the
            squares around the face, without the margin.
        found: `(T,)` bool, where the detector saw the face.
        source: `(T,)` uint8, where a box is from: 0 the detector, 1 its
            neighbours in time, 2 the fallback.
        others: Number of other faces in the clip.
        findings: `(rule, action, detail)` of what is worth a line in a
            report; the fields of `keras_pain.corpora.files.Finding`.
    """

    faces: np.ndarray
    boxes: np.ndarray
    found: np.ndarray
    source: np.ndarray
    others: int
    findings: tuple[tuple[str, str, str], ...]

    def counts(self) -> dict[str, int]:
        """Frames by the source of their box, and the number of others."""
        return {
            "found": int(np.sum(self.source == DETECTED)),
            "interpolated": int(np.sum(self.source == INTERPOLATED)),
            "fallback": int(np.sum(self.source == FALLBACK)),
            "others": self.others,
        }


def face_clip(
    frames: Sequence[np.ndarray],
    detector: FaceDetector,
    *,
    fallback: np.ndarray | None = None,
    size: int = 224,
    margin: float = 0.1,
    every: int = 1,
) -> FaceClip:
    """Follows one face through a clip and cuts it out of every frame.

    Args:
        frames: T pictures `(H, W, 3)` uint8, RGB.
        detector: Finds faces in single pictures.
        fallback: `(T, 4)` boxes to use in frames in which the detector sees no
            face; rows of NaN where there are none.
        size: Pixels a side of the crops.
        margin: What is added on each side, in sides of the face.
        every: Look for faces in every so many frames and in the last one;
            those between count as interpolated.

    Returns:
        The face.

    Raises:
        NoFaceError: No face in any frame, and no fallback.
        ConfigurationError: A frame is no RGB picture of bytes.
    """
    count = len(frames)
    looked = sorted({*range(0, count, every), count - 1} - {-1})
    detections = [np.empty((0, 5), np.float32)] * count
    seen = detector.detect([frames[index] for index in looked])
    for index, boxes in zip(looked, seen, strict=True):
        detections[index] = boxes
    track = choose_track(detections)
    spare = np.full((count, 4), np.nan, np.float32)
    if fallback is not None:  # for frames that were looked at in vain
        spare[looked] = fallback[looked]
    if not (track.found | np.isfinite(spare).all(axis=1)).any():
        raise NoFaceError(len(looked))
    boxes, source = fill_and_smooth(track.boxes, spare)
    return FaceClip(
        faces=crop_faces(frames, boxes, size, margin),
        boxes=boxes,
        found=track.found,
        source=source,
        others=track.others,
        findings=tuple(_findings(source, track.others, len(looked))),
    )


def landmark_boxes(landmarks: np.ndarray) -> np.ndarray:
    """Boxes around facial landmarks, of the extent that MTCNN's have.

    Args:
        landmarks: `(T, n, 2)` x, y in pixels, NaN where a point is missing.

    Returns:
        `(T, 4)` float32 x0, y0, x1, y1; NaN where all points are missing.
    """
    points = np.asarray(landmarks, np.float64)
    known = np.isfinite(points).all(axis=2)
    low = np.where(known[..., None], points, np.inf).min(axis=1)
    high = np.where(known[..., None], points, -np.inf).max(axis=1)
    low[:, 1] -= _FOREHEAD * (high[:, 1] - low[:, 1])
    boxes = np.concatenate([low, high], axis=1)
    boxes[~known.any(axis=1)] = np.nan
    return boxes.astype(np.float32)


def _findings(source: np.ndarray, others: int, looked: int):
    count = len(source)
    skipped = count - looked
    if skipped:
        yield (
            "frames_skipped",
            "noted",
            f"faces were looked for in {looked} of {count} frames",
        )
    missed = int(np.sum(source == INTERPOLATED)) - skipped
    if missed:
        yield (
            "face_missed",
            "repaired",
            f"no face seen in {missed} of {count} frames: its place is taken "
            "from the frames before and after",
        )
    spare = int(np.sum(source == FALLBACK))
    if spare:
        yield (
            "face_fallback",
            "repaired",
            f"no face seen in {spare} of {count} frames: its place is taken "
            "from the landmarks",
        )
    if others:
        yield (
            "other_faces",
            "noted",
            f"{others} other face(s); the largest and steadiest is kept",
        )
