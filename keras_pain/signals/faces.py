"""From the frames of a clip to pictures of one face.

Detect: MTCNN (Zhang et al., IEEE SPL 23(10), 2016) on whole clips, in batches.
Track: boxes are linked through time, the best track is kept. A person who is
filmed for a study fills a good part of every frame; faces of others, on a
poster or in a mirror, are smaller, or come and go. Cut: smooth squares, at
fractions of a pixel.
"""

import functools
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from keras_pain.errors import ConfigurationError, KerasPainError

# Each level of MTCNN's picture pyramid has 0.709 times the size of the one
# before. Reduced by powers of that number, a picture begins its pyramid at a
# level of the full-size one: only the levels of the smallest faces are saved,
# and boxes agree closer with full size than at any other reduction nearby.
PYRAMID_STEP = 0.709
_SMALLEST = 40  # a shorter picture leaves the pyramid without a level
_RETRY_STEPS = 2  # about twice the size
# A face that is shorter than that after reduction is looked at once more, alone
# and at full size: its box would be 3 to 6 % of the face off, it is 2 % then.
_SMALL, _CLOSE = 30, 100  # pixels; sides of the face, of the picture of it


class FaceDetector:
    """Finds faces at reduced size; boxes are in pixels of the full size.

    Pictures are reduced until their longer side has at most `max_side` pixels;
    the smallest face that is found measures 20 of them, a tenth of the picture
    at the default. Those in which there seems to be no face are looked at
    again, at about twice the size. `batch_size` pictures go through the
    networks at once. Small faces are looked at once more, at full size.

    `min_face_size` of the mtcnn package is not offered: release 1.0.0 builds
    the levels that are too small for its first network, and then reports,
    without an error, that there is no face. A smaller `max_side` does instead.
    """

    def __init__(self, max_side: int = 200, batch_size: int = 32):
        if max_side < 2 * _SMALLEST or batch_size < 1:
            raise ConfigurationError(
                f"max_side must be at least {2 * _SMALLEST} pixels and "
                f"batch_size at least 1, got {max_side} and {batch_size}"
            )
        self.max_side, self.batch_size = max_side, batch_size

    def detect(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Looks for faces in every frame, `(H, W, 3)` uint8 each, RGB.

        Returns one `(n, 5)` float32 array a frame: x0, y0, x1, y1 in pixels,
        and the confidence, of each of the n faces. Raises ConfigurationError
        where a frame is no RGB picture of bytes.
        """
        for frame in frames:
            if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != "uint8":
                text = "a frame must be (height, width, 3) uint8, got "
                text += f"{frame.shape} {frame.dtype}"
                raise ConfigurationError(text)
        found = self._detect(frames, 0)
        # A picture that was not reduced has nothing more to show.
        empty = (i for i, boxes in enumerate(found) if not len(boxes))
        again = [i for i in empty if self._steps(frames[i])]
        larger = self._detect([frames[i] for i in again], _RETRY_STEPS)
        for index, boxes in zip(again, larger, strict=True):
            found[index] = boxes
        self._look_closer(frames, found)
        return found

    def _look_closer(self, frames, found):
        """Boxes of small faces anew, each in a picture of twice its side."""
        faces, pictures = [], []
        for frame, boxes in zip(frames, found, strict=True):
            scale = PYRAMID_STEP ** self._steps(frame)
            for box in boxes if scale < 1 else ():
                side = max(box[2:4] - box[:2])
                if 0 < side * scale < _SMALL:
                    start = (box[:2] + box[2:4]) / 2 - side
                    zoom = _CLOSE / (2 * side)
                    how = np.column_stack([zoom * np.eye(2), -zoom * start])
                    pictures.append(cv2.warpAffine(frame, how, (_CLOSE,) * 2))
                    faces.append((box, side, zoom, np.tile(start, 2)))
        closer = self._detect(pictures, 0)
        for (box, side, zoom, start), boxes in zip(faces, closer, strict=True):
            boxes = boxes[:, :4] / zoom + start
            off = np.abs(boxes - box[:4]).sum(axis=1)
            if len(off) and off.min() < side:  # else it is another one
                box[:4] = boxes[off.argmin()]

    def _steps(self, frame, fewer=0):
        """Steps of the pyramid by which a frame is reduced."""
        ratio = self.max_side / max(frame.shape[:2])
        steps = int(np.ceil(np.log(ratio) / np.log(PYRAMID_STEP) - 1e-9))
        return max(steps - fewer, 0)

    def _detect(self, frames, fewer):
        found = []
        shapes = itertools.groupby(frames, lambda frame: frame.shape)
        for (height, width, _), group in shapes:
            while batch := list(itertools.islice(group, self.batch_size)):
                scale = PYRAMID_STEP ** self._steps(batch[0], fewer)
                if scale < 1:
                    side = [max(round(n * scale), 1) for n in (width, height)]
                    how = {"interpolation": cv2.INTER_AREA}
                    batch = [cv2.resize(f, side, **how) for f in batch]
                reduced = batch[0].shape[1::-1]
                rows = np.empty((0, 6))
                if min(reduced) >= _SMALLEST:
                    rows = find_faces(batch)
                for number in range(len(batch)):
                    boxes = rows[rows[:, 0] == number, 1:6]
                    boxes[:, :4] *= np.divide((width, height) * 2, reduced * 2)
                    found.append(boxes.astype(np.float32))
        return found


def find_faces(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """MTCNN's faces in pictures of one size, a row each.

    Number of the picture, x0, y0, x1, y1, confidence, five x and five y, of
    the eyes, the nose and the corners of the mouth.
    """
    form = {"box_format": "xyxy", "output_type": "numpy"}
    return _mtcnn().detect_faces(pictures, **form)


@functools.cache
def _mtcnn():
    from mtcnn import MTCNN  # imports TensorFlow

    return MTCNN(device="CPU:0")


# Steps of a face between two frames in which it is found, in sides of it: one
# side at once, and half a side more for every frame in between.
_STEP, _STEP_MORE = 1.0, 0.5
_RATIO = 1.6  # of two sides of one face
# Boxes that are seen more rarely are errors of the detector, not people.
_OTHER_SHARE = 0.1
_FORBIDDEN = 1e6

DETECTED, INTERPOLATED, FALLBACK = 0, 1, 2


class FaceTrack(NamedTuple):
    """Where one face is in a clip of T frames."""

    boxes: np.ndarray  # (T, 4) float32, x0, y0, x1, y1; NaN where not found
    found: np.ndarray  # (T,) bool
    others: int  # number of other faces in the clip


def choose_track(detections: Sequence[np.ndarray]) -> FaceTrack:
    """The largest and steadiest face of a clip.

    Boxes of neighbouring frames are linked where they are near each other and
    of similar size, at least distance in all (Hungarian algorithm). The track
    with the greatest sum of sides, times its steadiness, is kept: large, seen
    often, moving little. Tracks of similar size that never appear beside it
    are taken for the same person, who left the picture or moved too fast.

    Detections are `(n, 5)` a frame, see `FaceDetector.detect`; where there is
    no face, no frame is `found`.
    """
    boxes = np.full((len(detections), 4), np.nan, np.float32)
    tracks = sorted(_link(detections), key=_score, reverse=True)
    others, first = 0, None
    for frames, places in tracks:
        taken = np.isfinite(boxes[frames, 0]).any()
        side = np.median(squares(np.array(places))[:, 2])
        first = first or side
        if not taken and max(first, side) <= _RATIO * min(first, side):
            boxes[frames] = places
        elif len(frames) >= _OTHER_SHARE * len(detections):
            others += 1
    return FaceTrack(boxes, np.isfinite(boxes[:, 0]), others)


def squares(boxes: np.ndarray) -> np.ndarray:
    """`(T, 3)` float64: x, y of the centre, and the longer side of boxes."""
    boxes = np.asarray(boxes, np.float64)
    corner, opposite = boxes[:, :2], boxes[:, 2:]
    side = np.max(opposite - corner, axis=1, keepdims=True)
    return np.concatenate([(corner + opposite) / 2, side], axis=1)


def as_boxes(places: np.ndarray) -> np.ndarray:
    """`(T, 4)` float32 x0, y0, x1, y1 of what `squares` returns."""
    centre, half = places[:, :2], places[:, 2:] / 2
    boxes = np.concatenate([centre - half, centre + half], axis=1)
    return boxes.astype(np.float32)


def fill_and_smooth(
    boxes: np.ndarray, fallback: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """A square in every frame, from the frames in which there is a box.

    Frames without a box take the fallback's, moved and scaled by the median
    difference of both in the frames that have both; else the square between
    those of the neighbours, or that of the nearest frame at the clip's ends.
    A running median of 5 frames and a Gaussian of 1 frame then take away the
    trembling of the detector, but not across jumps by half a face.

    Of boxes and fallback, `(T, 4)` x0, y0, x1, y1, NaN where there is none:
    `(T, 4)` float32 square boxes, and `(T,)` uint8 where they are from,
    `DETECTED`, `INTERPOLATED` or `FALLBACK`. ValueError where there is no box.
    """
    from scipy.ndimage import gaussian_filter1d, median_filter

    known = squares(boxes)
    source = np.full(len(known), INTERPOLATED, np.uint8)
    found = np.isfinite(known).all(axis=1)
    source[found] = DETECTED
    if fallback is not None:
        spare = squares(fallback)
        there = np.isfinite(spare).all(axis=1)
        use, both = there & ~found, there & found
        if both.any():  # as the detector would have drawn them
            side = spare[both, 2:]
            shift = (known[both, :2] - spare[both, :2]) / side
            spare[:, :2] += np.median(shift, axis=0) * spare[:, 2:]
            spare[:, 2:] *= np.median(known[both, 2:] / side)
        known[use], source[use] = spare[use], FALLBACK
    at = np.flatnonzero(source != INTERPOLATED)
    if not len(at):
        raise ValueError("no box in any frame")
    time = np.arange(len(known))
    filled = np.stack([np.interp(time, at, row[at]) for row in known.T], axis=1)
    steps = np.hypot(*np.diff(filled[:, :2], axis=0).T)
    jumps = np.flatnonzero(steps > 0.5 * filled[1:, 2])
    smooth = []
    for part in np.split(filled, jumps + 1):
        steady = median_filter(part, (5, 1), mode="nearest")
        smooth.append(gaussian_filter1d(steady, 1.0, axis=0, mode="nearest"))
    return as_boxes(np.concatenate(smooth)), source


def _link(detections):
    """Frames and boxes of each track, two lists."""
    from scipy.optimize import linear_sum_assignment

    tracks = []
    for frame, found in enumerate(detections):
        if not len(found):
            continue
        places = squares(found[:, :4])
        free = set(range(len(found)))
        if tracks:
            cost = np.array([_cost(track, frame, places) for track in tracks])
            for row, column in zip(*linear_sum_assignment(cost), strict=True):
                if cost[row, column] < _FORBIDDEN:
                    free.remove(column)
                    tracks[row][0].append(frame)
                    tracks[row][1].append(found[column, :4])
        tracks += [([frame], [found[i, :4]]) for i in sorted(free)]
    return tracks


def _cost(track, frame, places):
    """Distance in sides, from the last box of a track to each place."""
    (*last, size), sides = squares(track[1][-1][None])[0], places[:, 2]
    distance = np.hypot(*(places[:, :2] - last).T)
    distance /= np.maximum((sides + size) / 2, 1e-6)
    gap = frame - track[0][-1] - 1
    ratio = np.maximum(sides, size) / np.minimum(sides, size).clip(1e-6)
    fits = (distance <= _STEP + _STEP_MORE * gap) & (ratio <= _RATIO)
    return np.where(fits, distance, _FORBIDDEN)


def _score(track):
    places = squares(np.array(track[1]))
    steps = np.hypot(*np.diff(places[:, :2], axis=0).T)
    unsteady = steps.mean() / places[:, 2].mean() if len(steps) else 1.0
    return float(places[:, 2].sum() / (1 + unsteady))


_RIM = 2  # pixels around a box that interpolation looks at


def crop_faces(
    frames: Sequence[np.ndarray],
    boxes: np.ndarray,
    size: int = 224,
    margin: float = 0.1,
) -> np.ndarray:
    """Cuts one face out of every frame.

    Where the square reaches over the picture's border, the border's pixels are
    repeated. Large faces are reduced by area, small ones enlarged linearly.

    Of T pictures `(H, W, 3)` uint8 and `(T, 4)` boxes x0, y0, x1, y1 in pixels,
    of which the longer side counts: `(T, size, size, 3)` uint8. The margin, in
    sides of the box, is added on each of its four sides.
    """
    faces = np.empty((len(frames), size, size, 3), np.uint8)
    places = _crop_places(boxes, margin)
    for face, frame, place in zip(faces, frames, places, strict=True):
        face[:] = _crop(frame, *place, size)
    return faces


def _crop_places(boxes, margin):
    """`(T, 3)` float64: centre and side, margin included, of what is cut."""
    places = squares(boxes)
    places[:, 2] = np.maximum(places[:, 2] * (1 + 2 * margin), 1.0)
    return places


def to_crop(
    points: np.ndarray, boxes: np.ndarray, size: int = 224, margin: float = 0.1
) -> np.ndarray:
    """Points of the frames as points of the crops.

    Both are `(T, n, 2)`, x, y in pixels, those returned float32; for the other
    arguments see `crop_faces`.
    """
    places = _crop_places(boxes, margin)
    centre, side = places[:, None, :2], places[:, None, 2:]
    scaled = (np.asarray(points) - centre) / side + 0.5
    return (scaled * size).astype(np.float32)


def _crop(frame, x, y, side, size):
    centre, edge = np.array([x, y]), np.array(frame.shape[1::-1])
    reach = side / 2 + _RIM * max(side / size, 1)
    # At least one pixel is left of a box that lies outside of the picture.
    low = np.clip(np.floor(centre - reach), 0, edge - 1).astype(int)
    high = np.clip(np.ceil(centre + reach), low + 1, edge).astype(int)
    part = frame[low[1] : high[1], low[0] : high[0]]
    scale = size / side
    shape = [max(round(n * scale), 1) for n in part.shape[1::-1]]
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    part = cv2.resize(part, shape, interpolation=how)
    # From the corner of the picture's first pixel to that pixel's middle.
    centre = (centre - low) * shape / (high - low) - 0.5
    return cv2.getRectSubPix(part, (size, size), centre.tolist())


class NoFaceError(KerasPainError):
    """A clip in which nobody's face can be seen, in so many frames."""

    def __init__(self, looked: int):
        self.problem = f"no face was found in any of {looked} frames"
        super().__init__(looked)  # what it is made of again in another process

    def __str__(self) -> str:
        return (
            f"{self.problem}; leave the clip out, or see whether its pictures "
            "are upright and lit, and the face a tenth of them or more"
        )


# Rule, action, and what is said of a number, of frames, of those looked at.
_FINDINGS = (
    "frames_skipped noted faces were looked for in {2} of {1} frames",
    "face_missed repaired no face seen in {0} of {1} frames: its place is "
    "taken from the frames before and after",
    "face_fallback repaired no face seen in {0} of {1} frames: its place is "
    "taken from the landmarks",
    "other_faces noted {0} other face(s); the largest and steadiest is kept",
)


class FaceClip(NamedTuple):
    """The face of a clip of T frames."""

    faces: np.ndarray  # (T, size, size, 3) uint8, RGB
    # (T, 4) float32, x0, y0, x1, y1 in pixels of the frames: the squares
    # around the face, without the margin
    boxes: np.ndarray
    found: np.ndarray  # (T,) bool, where the detector saw the face
    source: np.ndarray  # (T,) uint8, DETECTED, INTERPOLATED or FALLBACK
    others: int  # number of other faces in the clip
    looked: int  # number of frames that were looked at

    def counts(self) -> dict[str, int]:
        """Frames by the source of their box, and the number of others."""
        counts = np.bincount(self.source, minlength=3).tolist()
        names = ("found", "interpolated", "fallback", "others")
        return dict(zip(names, (*counts, self.others), strict=True))

    @property
    def findings(self) -> list[tuple[str, str, str]]:
        """What is worth a line in a report, as `corpora.base.Finding`s."""
        count, counts = len(self.source), self.counts()
        skipped = count - self.looked
        missed = counts["interpolated"] - skipped
        numbers = skipped, missed, counts["fallback"], self.others
        return [
            tuple(text.format(number, count, self.looked).split(maxsplit=2))
            for number, text in zip(numbers, _FINDINGS, strict=True)
            if number
        ]


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

    Of T pictures `(H, W, 3)` uint8, RGB; for size and margin see `crop_faces`.
    Where the detector sees no face, `(T, 4)` fallback boxes stand in; rows of
    NaN where there are none. Faces are looked for in `every` so many frames and
    in the last one; those between count as interpolated.

    Raises NoFaceError where there is no face in any frame and no fallback,
    ConfigurationError where a frame is no RGB picture of bytes.
    """
    count = len(frames)
    looked = looked_at(count, every)
    seen = detector.detect([frames[index] for index in looked])
    track = track_of_some(count, looked, seen)
    spare = np.full((count, 4), np.nan, np.float32)
    if fallback is not None:  # for frames that were looked at in vain
        spare[looked] = fallback[looked]
    if not (track.found | np.isfinite(spare).all(axis=1)).any():
        raise NoFaceError(len(looked))
    boxes, source = fill_and_smooth(track.boxes, spare)
    seen = track.found, source, track.others, len(looked)
    return FaceClip(crop_faces(frames, boxes, size, margin), boxes, *seen)


def looked_at(count, every):
    """Numbers of the frames in which faces are looked for."""
    return sorted({*range(0, count, every), count - 1} - {-1})


def track_of_some(count, looked, seen):
    """The track of a clip from what was seen in the frames looked at."""
    detections = [np.empty((0, 5), np.float32)] * count
    for index, boxes in zip(looked, seen, strict=True):
        detections[index] = boxes
    return choose_track(detections)


def landmark_boxes(landmarks: np.ndarray) -> np.ndarray:
    """Boxes around facial landmarks, of the extent that MTCNN's have.

    Of `(T, n, 2)` x, y in pixels, NaN where a point is missing: `(T, 4)`
    float32 x0, y0, x1, y1, NaN where all are.
    """
    points = np.asarray(landmarks, np.float64)
    known = np.isfinite(points).all(axis=2)
    low = np.where(known[..., None], points, np.inf).min(axis=1)
    high = np.where(known[..., None], points, -np.inf).max(axis=1)
    # Landmarks end at the brows, MTCNN's boxes at the forehead.
    low[:, 1] -= 0.3 * (high[:, 1] - low[:, 1])
    boxes = np.concatenate([low, high], axis=1)
    boxes[~known.any(axis=1)] = np.nan
    return boxes.astype(np.float32)
