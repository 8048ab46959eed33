"""Points of one clip: gaps filled, position and size of the face removed."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from keras_pain.errors import KerasPainError
from keras_pain.signals.landmarks.points import NUM_POINTS, PARTS
from keras_pain.signals.landmarks.sources import LandmarkSource


@dataclasses.dataclass(frozen=True)
class LandmarkClip:
    """Landmarks of one clip.

    Args:
        points: `(T, 68, 2)` float32, x and y in pixels, without gaps.
        found: `(T,)` bool, False where a frame's points were interpolated.
    """

    points: np.ndarray
    found: np.ndarray


def landmark_clip(
    source: LandmarkSource,
    frames: Sequence[np.ndarray],
    boxes: np.ndarray | None = None,
    *,
    name: str = "",
) -> LandmarkClip:
    """The landmarks of a clip from any source, gaps filled.

    Args:
        source: From `sources.open_source`.
        frames: `T` pictures, uint8 `(H, W, 3)` RGB.
        boxes: `(T, 4)` faces as x0, y0, x1, y1 in pixels, a NaN row where
            there is none; sources that detect need it.
        name: The clip's name, for files and messages.

    Returns:
        The landmarks.

    Raises:
        KerasPainError: No frame has landmarks, or the source has none of this
            clip.
    """
    points = source.clip(frames, boxes, name)
    try:
        return fill_missing(points)
    except KerasPainError as error:
        raise KerasPainError(f"{name or 'clip'}: {error}") from error


def fill_missing(points: np.ndarray) -> LandmarkClip:
    """Interpolates frames without landmarks, linearly in time.

    Before the first and after the last frame that has some, the nearest
    frame's stand in.

    Args:
        points: `(T, 68, 2)`; a frame with any NaN counts as missing.

    Returns:
        The clip without gaps, and which frames were found.

    Raises:
        KerasPainError: Not a clip of 68 points, or no frame has landmarks.
    """
    points = np.asarray(points, np.float32)
    if points.ndim != 3 or points.shape[1:] != (NUM_POINTS, 2):
        raise KerasPainError(
            f"landmarks of a clip are (frames, {NUM_POINTS}, 2) numbers, not "
            f"{points.shape}"
        )
    found = np.isfinite(points).all(axis=(1, 2))
    if not found.any():
        raise KerasPainError(
            "no landmarks in any frame; look whether the clip shows a face, "
            "or take another source"
        )
    time, known = np.arange(len(points)), np.flatnonzero(found)
    flat = points.reshape(len(points), -1)
    filled = np.stack(
        [np.interp(time, known, column[known]) for column in flat.T], axis=1
    )
    filled = filled.reshape(points.shape).astype(np.float32)
    return LandmarkClip(filled, found)


def normalise_clip(points: np.ndarray) -> np.ndarray:
    """Removes where the face is in the picture and how large it is.

    One shift and one scale for the whole clip, so that movements of the head
    stay in: the median over frames of the centre of the nose, and of the
    distance between the centres of the eyes. The paper's code standardises
    over all clips instead; this needs no other clip.

    Args:
        points: `(T, 68, 2)` without gaps.

    Returns:
        `(T, 68, 2)` float32, in distances between the eyes.

    Raises:
        KerasPainError: The two eyes are in the same place.
    """
    points = np.asarray(points, np.float32)
    nose = [*PARTS["nose_bridge"], *PARTS["nose_base"]]
    right, left = (
        points[:, list(PARTS[eye])].mean(axis=1)
        for eye in ("right_eye", "left_eye")
    )
    scale = np.median(np.linalg.norm(left - right, axis=-1))
    if not scale > 0:
        raise KerasPainError(
            "the landmarks of both eyes are in the same place, so that the "
            "face has no size"
        )
    centre = np.median(points[:, nose].mean(axis=1), axis=0)
    return ((points - centre) / scale).astype(np.float32)
