"""The detector beside one call of MTCNN for each full-size frame."""

import dataclasses
import time
from collections.abc import Sequence

import numpy as np

from keras_pain.signals.faces.detect import FaceDetector
from keras_pain.signals.faces.track import (
    as_boxes,
    choose_track,
    fill_and_smooth,
    squares,
)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two ways of finding the face of one clip of T frames.

    Args:
        seconds: `(repeats,)` a frame, by `FaceDetector`.
        reference_seconds: `(repeats,)` a frame, by a call for each frame.
        found: `(n,)` bool, whether the face was seen in the frames that were
            looked at.
        reference_found: `(T,)` bool, by a call for each frame.
        raw: Distances of the detectors' own boxes, made square, in frames in
            which both saw the face: of the edge that is furthest off, in
            percent of the side.
        cut: `(T,)`, those of the smoothed squares that are cut out.
    """

    seconds: np.ndarray
    reference_seconds: np.ndarray
    found: np.ndarray
    reference_found: np.ndarray
    raw: np.ndarray
    cut: np.ndarray

    @property
    def ratio(self) -> np.ndarray:
        """How many times as fast, in each repeat."""
        return self.reference_seconds / self.seconds


def compare(
    frames: Sequence[np.ndarray],
    detector: FaceDetector,
    mtcnn,
    *,
    repeats: int = 1,
    every: int = 1,
) -> Comparison:
    """Finds the face of a clip in both ways, in turns.

    Args:
        frames: T pictures `(H, W, 3)` uint8, RGB, of one person.
        detector: Ours.
        mtcnn: A `mtcnn.MTCNN`.
        repeats: Measurements of each; the machine's speed may drift, so that
            only the ratio within a repeat says something.
        every: Let ours look at every so many frames.

    Returns:
        Times and boxes side by side.
    """
    looked = sorted({*range(0, len(frames), every), len(frames) - 1})
    chosen = [frames[index] for index in looked]
    # Networks are loaded and warm before the first measurement.
    detector.detect(chosen)
    mtcnn.detect_faces(frames[0])
    seconds, reference_seconds = [], []
    for _ in range(repeats):
        start = time.perf_counter()
        ours = detector.detect(chosen)
        seconds.append((time.perf_counter() - start) / len(frames))
        start = time.perf_counter()
        theirs = [_full_size(mtcnn, frame) for frame in frames]
        reference_seconds.append((time.perf_counter() - start) / len(frames))
    spread = [np.empty((0, 5), np.float32)] * len(frames)
    for index, boxes in zip(looked, ours, strict=True):
        spread[index] = boxes
    mine, reference = choose_track(spread), choose_track(theirs)
    both = mine.found & reference.found
    return Comparison(
        seconds=np.array(seconds),
        reference_seconds=np.array(reference_seconds),
        found=mine.found[looked],
        reference_found=reference.found,
        raw=_apart(
            as_boxes(squares(mine.boxes[both])),
            as_boxes(squares(reference.boxes[both])),
        ),
        cut=_apart(
            fill_and_smooth(mine.boxes)[0],
            fill_and_smooth(reference.boxes)[0],
        ),
    )


def _full_size(mtcnn, frame: np.ndarray) -> np.ndarray:
    found = mtcnn.detect_faces(frame, box_format="xyxy", output_type="numpy")
    return found[:, 1:6].astype(np.float32)


def _apart(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    side = squares(theirs)[:, 2]
    return 100 * np.abs(ours - theirs).max(axis=1) / side
