"""The 68 points of the iBUG 300-W annotation, counted from 0.

"Right" and "left" are the person's: the right eye is on the left of a picture
that is not mirrored.
"""

import numpy as np

NUM_POINTS = 68

PARTS: dict[str, range] = {
    "jaw": range(17),
    "right_brow": range(17, 22),
    "left_brow": range(22, 27),
    "nose_bridge": range(27, 31),
    "nose_base": range(31, 36),
    "right_eye": range(36, 42),
    "left_eye": range(42, 48),
    "outer_lips": range(48, 60),
    "inner_lips": range(60, 68),
}

# Eye points run clockwise round either eye, lips clockwise round the mouth.
_EYES = (45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40)

MIRROR: tuple[int, ...] = (
    *(16 - i for i in range(17)),
    *(43 - i for i in range(17, 27)),
    *range(27, 31),
    *(66 - i for i in range(31, 36)),
    *_EYES,
    *(102 - i for i in range(48, 55)),
    *(114 - i for i in range(55, 60)),
    *(124 - i for i in range(60, 65)),
    *(132 - i for i in range(65, 68)),
)
"""Number of every point's counterpart on the other side of the face."""

# One point of each pair and the midline, in distances between the centres of
# the eyes, x to the right and y down from the middle between the eyes.
# Schematic: a frontal face at rest with the lips a little apart.
_HALF = {
    0: (-1.10, 0.10),
    1: (-1.09, 0.34),
    2: (-1.07, 0.58),
    3: (-1.03, 0.83),
    4: (-0.87, 1.29),
    5: (-0.76, 1.44),
    6: (-0.48, 1.66),
    7: (-0.20, 1.78),
    8: (0.00, 1.80),
    17: (-0.91, -0.24),
    18: (-0.81, -0.34),
    19: (-0.65, -0.40),
    20: (-0.45, -0.39),
    21: (-0.20, -0.23),
    27: (0.00, -0.10),
    28: (0.00, 0.12),
    29: (0.00, 0.33),
    30: (0.00, 0.47),
    31: (-0.26, 0.67),
    32: (-0.11, 0.69),
    33: (0.00, 0.70),
    36: (-0.72, -0.01),
    37: (-0.61, -0.07),
    38: (-0.44, -0.08),
    39: (-0.28, 0.01),
    40: (-0.43, 0.04),
    41: (-0.59, 0.04),
    48: (-0.41, 1.04),
    49: (-0.32, 0.98),
    50: (-0.12, 0.91),
    51: (0.00, 0.92),
    57: (0.00, 1.20),
    58: (-0.13, 1.18),
    59: (-0.30, 1.11),
    60: (-0.35, 1.03),
    61: (-0.09, 0.99),
    62: (0.00, 0.99),
    66: (0.00, 1.07),
    67: (-0.10, 1.07),
}


def front_face() -> np.ndarray:
    """A schematic, symmetric face seen from the front.

    Returns:
        `(68, 2)` float32, x to the right and y down, in distances between the
        centres of the eyes, from the middle between them.
    """
    face = np.empty((NUM_POINTS, 2), np.float32)
    for point, (x, y) in _HALF.items():
        face[MIRROR[point]] = -x, y
        face[point] = x, y
    return face


def mirror_points(points: np.ndarray, width: float = 0.0) -> np.ndarray:
    """The points of the flipped picture, each under its own number.

    Args:
        points: `(..., 68, 2)`.
        width: Of the picture in pixels, whose column x becomes column
            width - 1 - x; 0 for points whose x is 0 on the midline.

    Returns:
        `(..., 68, 2)`.
    """
    flipped = np.take(points, MIRROR, axis=-2)
    last = width - 1 if width else 0
    return np.stack([last - flipped[..., 0], flipped[..., 1]], axis=-1)
