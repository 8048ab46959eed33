"""Whether an output still shows the face where the source has it."""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from keras_pain.augment.gsff.released import MIN_IOU
from keras_pain.errors import ConfigurationError

NO_FACE, MOVED = "no_face", "face_moved"


class Detector(Protocol):
    """Finds faces, as `keras_pain.signals.faces.detect.FaceDetector`."""

    def detect(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """`(n, 5)` boxes x0, y0, x1, y1 and confidence for every frame."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the check found in one output.

    Args:
        iou: Overlap of the face with the source's, 0 without a face.
        reason: "" where the output is good, else `NO_FACE` or `MOVED`.
    """

    iou: float
    reason: str


@dataclasses.dataclass(frozen=True)
class FaceCheck:
    """Rejects outputs without the source's face.

    Args:
        detector: Finds faces.
        min_iou: Least overlap, intersection over union, of the face's box
            with that in the source.

    Raises:
        ConfigurationError: The overlap is no share.
    """

    detector: Detector
    min_iou: float = MIN_IOU

    def __post_init__(self):
        if not 0 <= self.min_iou <= 1:
            raise ConfigurationError(
                f"min_iou must be from 0 to 1, got {self.min_iou}"
            )

    def describe(self) -> dict:
        """The settings, JSON-able."""
        return {"min_iou": self.min_iou}

    def boxes(self, frames: Sequence[np.ndarray]) -> np.ndarray:
        """The largest face of every frame.

        Args:
            frames: uint8 `(H, W, 3)` RGB, n of them.

        Returns:
            `(n, 4)` float32 x0, y0, x1, y1; NaN where there is no face.
        """
        boxes = np.full((len(frames), 4), np.nan, np.float32)
        for index, found in enumerate(self.detector.detect(frames)):
            if len(found):
                size = np.prod(found[:, 2:4] - found[:, :2], axis=1)
                boxes[index] = found[np.argmax(size), :4]
        return boxes

    def judge(
        self, outputs: Sequence[np.ndarray], boxes: np.ndarray
    ) -> list[Verdict]:
        """Looks for the sources' faces in outputs.

        Args:
            outputs: uint8 `(H, W, 3)` RGB, n of them, of their sources' size.
            boxes: `(n, 4)` faces of the sources.

        Returns:
            One verdict an output.
        """
        verdicts = []
        for found, box in zip(
            self.detector.detect(outputs), boxes, strict=True
        ):
            overlap = [iou(other[:4], box) for other in found]
            best = max(overlap, default=0.0)
            reason = MOVED if best < self.min_iou else ""
            verdicts.append(Verdict(best, reason if overlap else NO_FACE))
        return verdicts


def iou(one: np.ndarray, two: np.ndarray) -> float:
    """Intersection over union of two boxes x0, y0, x1, y1."""
    low = np.maximum(one[:2], two[:2])
    high = np.minimum(one[2:], two[2:])
    both = np.prod(np.maximum(high - low, 0))
    union = np.prod(one[2:] - one[:2]) + np.prod(two[2:] - two[:2]) - both
    return float(both / union) if union > 0 else 0.0
