"""Square pictures of a face, cut at fractions of a pixel."""

from collections.abc import Sequence

import cv2
import numpy as np

_RIM = 2  # pixels around a box that interpolation looks at


def crop_faces(
    frames: Sequence[np.ndarray],
    boxes: np.ndarray,
    size: int = 224,
    margin: float = 0.1,
) -> np.ndarray:
    """Cuts one face out of every frame.

    Where the square reaches over the picture's border, the border's pixels
    are repeated. Large faces are reduced by area, small ones enlarged
    linearly.

    Args:
        frames: T pictures `(H, W, 3)` uint8.
        boxes: `(T, 4)` x0, y0, x1, y1 in pixels; of a box that is no square,
            the longer side counts.
        size: Pixels a side of what is returned.
        margin: What is added on each of the four sides, in sides of the box.

    Returns:
        `(T, size, size, 3)` uint8.
    """
    faces = np.empty((len(frames), size, size, 3), np.uint8)
    places = crop_places(boxes, margin)
    for index, (frame, (x, y, side)) in enumerate(
        zip(frames, places, strict=True)
    ):
        faces[index] = _crop(frame, x, y, side, size)
    return faces


def crop_places(boxes: np.ndarray, margin: float = 0.1) -> np.ndarray:
    """Where `crop_faces` cuts.

    Args:
        boxes: `(T, 4)` x0, y0, x1, y1 in pixels.
        margin: As for `crop_faces`.

    Returns:
        `(T, 3)` float64: x, y of the centre, and the side with its margin.
    """
    boxes = np.asarray(boxes, np.float64)
    side = np.max(boxes[:, 2:] - boxes[:, :2], axis=1, keepdims=True)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    side = np.maximum(side * (1 + 2 * margin), 1.0)
    return np.concatenate([centre, side], axis=1)


def to_crop(
    points: np.ndarray,
    boxes: np.ndarray,
    size: int = 224,
    margin: float = 0.1,
) -> np.ndarray:
    """Points of the frames as points of the crops.

    Args:
        points: `(T, n, 2)` x, y in pixels of the frames.
        boxes: `(T, 4)`, `size`, `margin`: as for `crop_faces`.

    Returns:
        `(T, n, 2)` float32, x, y in pixels of the crops.
    """
    places = crop_places(boxes, margin)
    centre, side = places[:, None, :2], places[:, None, 2:]
    scaled = (np.asarray(points) - centre) / side + 0.5
    return (scaled * size).astype(np.float32)


def _crop(frame: np.ndarray, x, y, side: float, size: int) -> np.ndarray:
    height, width = frame.shape[:2]
    reach = side / 2 + _RIM * max(side / size, 1)
    # At least one pixel is left of a box that lies outside of the picture.
    left = int(np.clip(np.floor(x - reach), 0, width - 1))
    top = int(np.clip(np.floor(y - reach), 0, height - 1))
    right = int(np.clip(np.ceil(x + reach), left + 1, width))
    bottom = int(np.clip(np.ceil(y + reach), top + 1, height))
    part = frame[top:bottom, left:right]
    scale = size / side
    wide, high = (max(round(n * scale), 1) for n in part.shape[1::-1])
    part = cv2.resize(
        part,
        (wide, high),
        interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
    )
    # From the corner of the picture's first pixel to that pixel's middle.
    centre = (
        (x - left) * wide / (right - left) - 0.5,
        (y - top) * high / (bottom - top) - 0.5,
    )
    return cv2.getRectSubPix(part, (size, size), centre)
