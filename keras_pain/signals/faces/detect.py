"""MTCNN (Zhang et al., IEEE SPL 23(10), 2016) on whole clips, in batches."""

import itertools
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from keras_pain.errors import ConfigurationError

# Each level of MTCNN's picture pyramid has 0.709 times the size of the one
# before. Reduced by powers of that number, a picture begins its pyramid at a
# level of the full-size one: only the levels of the smallest faces are saved,
# and boxes agree closer with full size than at any other reduction nearby.
PYRAMID_STEP = 0.709
MIN_PIXELS = 20  # a side of the smallest face that MTCNN looks for
_SMALLEST = 40  # a shorter picture leaves the pyramid without a level
_RETRY_STEPS = 2  # about twice the size


class FaceDetector:
    """Finds faces at reduced size; boxes are in pixels of the full size.

    `min_face_size` of the mtcnn package is not offered: release 1.0.0 builds
    the levels that are too small for its first network, and then reports,
    without an error, that there is no face. A smaller `max_side` has the
    effect that one would expect of it.

    Args:
        max_side: Pictures are reduced until their longer side has at most
            this many pixels. The smallest face that is found measures 20 of
            them, a tenth of the picture at the default.
        batch_size: Pictures that go through the networks at once.
        retry: Look again, at about twice the size, at pictures in which there
            seems to be no face.
        device: TensorFlow's name of the device that the networks run on.
    """

    def __init__(
        self,
        max_side: int = 200,
        batch_size: int = 32,
        retry: bool = True,
        device: str = "CPU:0",
    ):
        if max_side < 2 * _SMALLEST or batch_size < 1:
            raise ConfigurationError(
                f"max_side must be at least {2 * _SMALLEST} pixels and "
                f"batch_size at least 1, got {max_side} and {batch_size}"
            )
        self.max_side = max_side
        self.batch_size = batch_size
        self.retry = retry
        self.device = device
        self._mtcnn = None

    def detect(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Looks for faces in every frame.

        Args:
            frames: `(H, W, 3)` uint8 each, RGB.

        Returns:
            One `(n, 5)` float32 array a frame: x0, y0, x1, y1 in pixels, and
            the confidence, of each of the n faces.

        Raises:
            ConfigurationError: A frame is no RGB picture of bytes.
        """
        for frame in frames:
            if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != "uint8":
                raise ConfigurationError(
                    "a frame must be (height, width, 3) uint8, got "
                    f"{frame.shape} {frame.dtype}"
                )
        found = self._detect(frames, range(len(frames)), 0)
        if self.retry:
            # A picture that was not reduced has nothing more to show.
            again = [
                index
                for index, boxes in enumerate(found)
                if not len(boxes) and self._steps(frames[index]) > 0
            ]
            larger = self._detect(frames, again, _RETRY_STEPS)
            for index, boxes in zip(again, larger, strict=True):
                found[index] = boxes
        return found

    def _steps(self, frame: np.ndarray, fewer: int = 0) -> int:
        """Steps of the pyramid by which a frame is reduced."""
        ratio = self.max_side / max(frame.shape[:2])
        steps = int(np.ceil(np.log(ratio) / np.log(PYRAMID_STEP) - 1e-9))
        return max(steps - fewer, 0)

    def _detect(self, frames, indices, fewer: int) -> list[np.ndarray]:
        found = []
        for batch in self._batches(frames, indices):
            size = batch[0].shape[:2]
            scale = PYRAMID_STEP ** self._steps(batch[0], fewer)
            small = [_reduced(frame, scale) for frame in batch]
            back = np.divide(size[::-1] * 2, small[0].shape[1::-1] * 2)
            for boxes in self._run(small):
                boxes[:, :4] *= back
                found.append(boxes.astype(np.float32))
        return found

    def _batches(self, frames, indices) -> Iterator[list[np.ndarray]]:
        """Runs of frames of one size, none longer than a batch."""
        chosen = (frames[index] for index in indices)
        for _, group in itertools.groupby(chosen, lambda frame: frame.shape):
            while batch := list(itertools.islice(group, self.batch_size)):
                yield batch

    def _run(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
        """`(n, 5)` float64 for each picture of one size."""
        if min(pictures[0].shape[:2]) < _SMALLEST:
            return [np.empty((0, 5)) for _ in pictures]
        if self._mtcnn is None:
            from mtcnn import MTCNN  # imports TensorFlow

            self._mtcnn = MTCNN(device=self.device)
        # Rows: number of the picture, box, confidence, five landmarks.
        rows = self._mtcnn.detect_faces(
            list(pictures), box_format="xyxy", output_type="numpy"
        )
        return [
            rows[rows[:, 0] == number, 1:6] for number in range(len(pictures))
        ]


def _reduced(frame: np.ndarray, scale: float) -> np.ndarray:
    if scale == 1:
        return frame
    height, width = (max(round(n * scale), 1) for n in frame.shape[:2])
    return cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
