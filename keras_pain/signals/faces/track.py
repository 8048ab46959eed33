"""One face a clip: boxes linked through time, the best track, smooth squares.

A person who is filmed for a study fills a good part of every frame; faces of
others, on a poster or in a mirror, are smaller, or come and go.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter1d, median_filter
from scipy.optimize import linear_sum_assignment

# Steps of a face between two frames in which it is found, in sides of it: one
# side at once, and half a side more for every frame in between.
_STEP, _STEP_MORE = 1.0, 0.5
_RATIO = 1.6  # of two sides of one face
# Boxes that are seen more rarely are errors of the detector, not people.
_OTHER_SHARE = 0.1
_MEDIAN, _SIGMA = 5, 1.0  # frames
_FORBIDDEN = 1e6

DETECTED, INTERPOLATED, FALLBACK = 0, 1, 2


@dataclasses.dataclass(frozen=True)
class FaceTrack:
    """Where one face is in a clip of T frames.

    Args:
        boxes: `(T, 4)` float32, x0, y0, x1, y1 in pixels; NaN in frames in
            which the face was not found.
        found: `(T,)` bool.
        others: Number of other faces in the clip.
    """

    boxes: np.ndarray
    found: np.ndarray
    others: int


def choose_track(detections: Sequence[np.ndarray]) -> FaceTrack:
    """The largest and steadiest face of a clip.

    Boxes of neighbouring frames are linked where they are near each other and
    of similar size, at least distance in all (Hungarian algorithm). The track
    with the greatest sum of sides, times its steadiness, is kept: large, seen
    often, moving little. Tracks of similar size that never appear beside it
    are taken for the same person, who left the picture or moved too fast.

    Args:
        detections: `(n, 5)` a frame, as `FaceDetector.detect` returns them.

    Returns:
        The face; none of its frames is `found` where there is no face.
    """
    boxes = np.full((len(detections), 4), np.nan, np.float32)
    tracks = sorted(_link(detections), key=_score, reverse=True)
    others = 0
    for index, track in enumerate(tracks):
        taken = np.isfinite(boxes[track.frames, 0]).any()
        if index == 0 or not taken and _similar(tracks[0], track):
            boxes[track.frames] = track.boxes
        elif len(track.frames) >= _OTHER_SHARE * len(detections):
            others += 1
    return FaceTrack(boxes, np.isfinite(boxes[:, 0]), others)


def squares(boxes: np.ndarray) -> np.ndarray:
    """Boxes as centre and side, the longer of both sides.

    Args:
        boxes: `(T, 4)` x0, y0, x1, y1.

    Returns:
        `(T, 3)` float64 x, y of the centre, and side.
    """
    boxes = np.asarray(boxes, np.float64)
    corner, opposite = boxes[:, :2], boxes[:, 2:]
    side = np.max(opposite - corner, axis=1, keepdims=True)
    return np.concatenate([(corner + opposite) / 2, side], axis=1)


def as_boxes(places: np.ndarray) -> np.ndarray:
    """Squares as boxes.

    Args:
        places: `(T, 3)`, as `squares` returns them.

    Returns:
        `(T, 4)` float32 x0, y0, x1, y1.
    """
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

    Args:
        boxes: `(T, 4)` x0, y0, x1, y1, NaN where there is none.
        fallback: `(T, 4)` boxes of another origin, NaN where there are none.

    Returns:
        `(T, 4)` float32 square boxes, and `(T,)` uint8 where they are from:
        `DETECTED`, `INTERPOLATED` or `FALLBACK`.

    Raises:
        ValueError: There is no box at all.
    """
    known = squares(boxes)
    source = np.full(len(known), INTERPOLATED, np.uint8)
    found = np.isfinite(known).all(axis=1)
    source[found] = DETECTED
    if fallback is not None:
        spare = squares(fallback)
        there = np.isfinite(spare).all(axis=1)
        spare = _calibrated(spare, known, there & found)
        use = there & ~found
        known[use], source[use] = spare[use], FALLBACK
    at = np.flatnonzero(source != INTERPOLATED)
    if not len(at):
        raise ValueError("no box in any frame")
    filled = np.stack(
        [np.interp(np.arange(len(known)), at, row[at]) for row in known.T],
        axis=1,
    )
    smooth = np.concatenate([_smooth(part) for part in _split(filled)])
    return as_boxes(smooth), source


@dataclasses.dataclass
class _Link:
    frames: list[int]
    boxes: list[np.ndarray]
    last: np.ndarray  # x, y, side

    @property
    def sides(self) -> np.ndarray:
        return squares(np.array(self.boxes))[:, 2]


def _link(detections: Sequence[np.ndarray]) -> list[_Link]:
    tracks: list[_Link] = []
    for frame, found in enumerate(detections):
        if not len(found):
            continue
        places = squares(found[:, :4])
        cost = np.array([_cost(t, frame, places) for t in tracks])
        free = set(range(len(found)))
        if tracks:
            for row, column in zip(*linear_sum_assignment(cost), strict=True):
                if cost[row, column] < _FORBIDDEN:
                    free.remove(column)
                    tracks[row].frames.append(frame)
                    tracks[row].boxes.append(found[column, :4])
                    tracks[row].last = places[column]
        for index in sorted(free):
            tracks.append(_Link([frame], [found[index, :4]], places[index]))
    return tracks


def _cost(track: _Link, frame: int, places: np.ndarray) -> np.ndarray:
    """Distance in sides, from the last box of a track to each place."""
    side = (places[:, 2] + track.last[2]) / 2
    offset = places[:, :2] - track.last[:2]
    distance = np.hypot(*offset.T) / np.maximum(side, 1e-6)
    gap = frame - track.frames[-1] - 1
    ratio = np.maximum(places[:, 2], track.last[2]) / np.maximum(
        np.minimum(places[:, 2], track.last[2]), 1e-6
    )
    fits = (distance <= _STEP + _STEP_MORE * gap) & (ratio <= _RATIO)
    return np.where(fits, distance, _FORBIDDEN)


def _score(track: _Link) -> float:
    places = squares(np.array(track.boxes))
    steps = np.hypot(*np.diff(places[:, :2], axis=0).T)
    unsteady = steps.mean() / places[:, 2].mean() if len(steps) else 1.0
    return float(places[:, 2].sum() / (1 + unsteady))


def _similar(one: _Link, two: _Link) -> bool:
    a, b = np.median(one.sides), np.median(two.sides)
    return max(a, b) <= _RATIO * min(a, b)


def _calibrated(
    spare: np.ndarray, known: np.ndarray, both: np.ndarray
) -> np.ndarray:
    """The spare squares as the detector would have drawn them."""
    if not both.any():
        return spare
    side = spare[both, 2:]
    shift = np.median((known[both, :2] - spare[both, :2]) / side, axis=0)
    scale = np.median(known[both, 2:] / side)
    centre = spare[:, :2] + shift * spare[:, 2:]
    return np.concatenate([centre, scale * spare[:, 2:]], axis=1)


def _split(places: np.ndarray) -> list[np.ndarray]:
    steps = np.hypot(*np.diff(places[:, :2], axis=0).T)
    jumps = np.flatnonzero(steps > 0.5 * places[1:, 2])
    return np.split(places, jumps + 1)


def _smooth(places: np.ndarray) -> np.ndarray:
    steady = median_filter(places, (_MEDIAN, 1), mode="nearest")
    return gaussian_filter1d(steady, _SIGMA, axis=0, mode="nearest")
