"""What the landmarks say about a face, as ratios and as words.

All lengths are in distances between the centres of the eyes. The limits
between words are of this project: the outer tenths of what a face mesh
measures on 48 photographs of 24 people, neutral and smiling (Face Research Lab
London Set), and for closed eyes the ratio of 0.2 below which Soukupova and
Cech (2016) count a blink, lowered for eyes that are merely narrow.
"""

from collections.abc import Mapping

import numpy as np

from keras_pain.errors import KerasPainError
from keras_pain.signals.landmarks.points import NUM_POINTS, PARTS

BROWS = [*PARTS["right_brow"], *PARTS["left_brow"]]
_JAW = (0, 8, 16)  # right ear, chin, left ear
_NOSE_TIP = 30
_CORNERS = [48, 54]  # of the mouth
_LIPS_OUT, _LIPS_IN = (51, 57), (62, 66)  # upper and lower, in the middle

# For each measure: (upper limit, word); the last word has none. "" says
# nothing. In order of what is kept first where a prompt gets too long.
_INF = float("inf")
WORDS = {
    "eye_opening": (
        (0.13, "eyes closed"),
        (0.20, "eyes narrowed"),
        (0.31, "eyes open"),
        (_INF, "eyes wide open"),
    ),
    "mouth_opening": (
        (0.04, "mouth closed"),
        (0.10, "lips slightly parted"),
        (0.30, "mouth open"),
        (_INF, "mouth wide open"),
    ),
    "brow_height": (
        (0.26, "brows lowered"),
        (0.34, "brows relaxed"),
        (_INF, "brows raised"),
    ),
    "lip_corners": (
        (-0.04, "lip corners down"),
        (0.08, ""),
        (_INF, "lip corners raised"),
    ),
    "turn": (
        (-0.15, "head turned left"),
        (0.15, "facing the camera"),
        (_INF, "head turned right"),
    ),
    "roll": (
        (-6.0, "head tilted left"),
        (6.0, ""),
        (_INF, "head tilted right"),
    ),
    "width_to_height": (
        (0.94, "narrow face"),
        (1.06, "oval face"),
        (_INF, "broad face"),
    ),
}
# Points that were not measured one by one still show where the face looks.
OF_THE_HEAD = ("turn", "roll")


def eye_axis(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Where a face is, which way up, and how large.

    Args:
        points: `(68, 2)` x, y in pixels.

    Returns:
        `(2,)` middle between the eyes; `(2, 2)` rows of unit length, along
        the eyes towards the right of the picture and down the face; pixels
        between the eyes.

    Raises:
        KerasPainError: Not 68 finite points, or eyes in one place.
    """
    points = np.asarray(points, np.float64)
    if points.shape != (NUM_POINTS, 2) or not np.isfinite(points).all():
        raise KerasPainError(
            f"landmarks of a face are ({NUM_POINTS}, 2) numbers, got "
            f"{points.shape} or some that are missing"
        )
    right, left = (
        points[list(PARTS[eye])].mean(axis=0)
        for eye in ("right_eye", "left_eye")
    )
    distance = float(np.hypot(*(left - right)))
    if not distance > 0:
        raise KerasPainError("the landmarks of both eyes are in one place")
    along = (left - right) / distance
    axes = np.array([along, [-along[1], along[0]]])
    return (left + right) / 2, axes, distance


def face_coordinates(places: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Places of the picture as places of the face.

    Args:
        places: `(..., 2)` x, y in pixels.
        points: `(68, 2)` landmarks in pixels.

    Returns:
        `(..., 2)` float64: from the middle between the eyes, to the right and
        down the face, in distances between the eyes.
    """
    middle, axes, distance = eye_axis(points)
    return (np.asarray(places, np.float64) - middle) @ axes.T / distance


def measure(points: np.ndarray) -> dict[str, float]:
    """Ratios that describe a face.

    Args:
        points: `(68, 2)` x, y in pixels.

    Returns:
        `eye_opening` (height by width, mean of both eyes), `mouth_opening`
        (inner height by width), `brow_height`, `lip_corners` (upwards from
        the middle of the lips), `turn` (of the nose from the middle of the
        jaw, to the right of the picture), `roll` (degrees, clockwise in the
        picture), `width_to_height` (ear to ear by brows to chin).

    Raises:
        KerasPainError: No usable landmarks.
    """
    points = np.asarray(points, np.float64)
    face = face_coordinates(points, points)
    x, y = face.T
    ear, chin, other_ear = _JAW
    along = eye_axis(points)[1][0]
    mouth = np.ptp(x[_CORNERS])
    height = y[chin] - y[BROWS].min()
    return {
        "eye_opening": (_eye(face, 36) + _eye(face, 42)) / 2,
        "mouth_opening": _ratio(y[_LIPS_IN[1]] - y[_LIPS_IN[0]], mouth),
        "brow_height": float(-y[BROWS].mean()),
        "lip_corners": float(y[[*_LIPS_OUT]].mean() - y[_CORNERS].mean()),
        "turn": float(x[_NOSE_TIP] - (x[ear] + x[other_ear]) / 2),
        "roll": float(np.degrees(np.arctan2(along[1], along[0]))),
        "width_to_height": _ratio(x[other_ear] - x[ear], height),
    }


def describe(
    measures: Mapping[str, float], names: tuple[str, ...] = tuple(WORDS)
) -> list[str]:
    """The words for measures, the most important first.

    Args:
        measures: From `measure`.
        names: Those to put into words.

    Returns:
        Phrases of two to four words.
    """
    phrases = []
    for name in WORDS:
        if name in names:
            value = measures[name]
            phrases.append(next(w for top, w in WORDS[name] if value < top))
    return [phrase for phrase in phrases if phrase]


def _eye(face: np.ndarray, first: int) -> float:
    """Height by width of the eye whose six points begin at `first`."""
    upper = face[[first + 1, first + 2], 1].mean()
    lower = face[[first + 4, first + 5], 1].mean()
    return _ratio(lower - upper, abs(face[first + 3, 0] - face[first, 0]))


def _ratio(part: float, whole: float) -> float:
    """The part by the whole; 0 where landmarks leave it without any extent."""
    return float(part / whole) if whole > 0 else 0.0
