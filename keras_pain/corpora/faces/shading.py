"""Furrows, folds and hollows of the face, as darkening of the base portrait."""

import functools

import cv2
import numpy as np

# Lines (x, y pixels of the portrait), their width, softness and strength.
_LINES = {
    # Between the brows: two upright furrows.
    "brow_furrow": (
        (((257, 168), (256, 177), (258, 186)), ((272, 168), (272, 186))),
        *(3, 2.4, 0.38),
    ),
    # Across the root of the nose and beside it.
    "nose_wrinkle": (
        (
            ((257, 190), (265, 188), (274, 190)),
            ((256, 197), (265, 195), (275, 197)),
            ((252, 206), (256, 200)),
            ((280, 206), (276, 200)),
        ),
        *(3, 2.2, 0.30),
    ),
    # From the wing of the nose to the corner of the mouth.
    "nasolabial": (
        (
            ((241, 240), (231, 254), (222, 268), (218, 280)),
            ((295, 240), (304, 254), (313, 267), (318, 278)),
        ),
        *(5, 3.0, 0.42),
    ),
    # Below the eyes, where the cheek pushes up.
    "lower_lid": (
        (
            ((203, 204), (214, 208), (228, 207), (240, 202)),
            ((288, 202), (300, 206), (314, 206), (327, 201)),
        ),
        *(4, 2.2, 0.36),
    ),
    # Crow's feet.
    "outer_corner": (
        (
            ((196, 192), (186, 187)),
            ((196, 195), (185, 196)),
            ((197, 198), (187, 204)),
            ((334, 190), (344, 185)),
            ((334, 193), (345, 194)),
            ((333, 196), (343, 202)),
        ),
        *(2, 1.6, 0.3),
    ),
    # Always there: the hollow of the orbit and the fold of the upper lid.
    "orbit": (
        (
            ((200, 184), (212, 178), (228, 178), (242, 184)),
            ((286, 183), (300, 176), (315, 176), (328, 182)),
        ),
        *(9, 5.0, 0.36),
    ),
    "inner_corner": (
        (((242, 186), (246, 196)), ((286, 185), (282, 195))),
        *(8, 4.0, 0.32),
    ),
}
_ALWAYS = ("orbit", "inner_corner")
# Blood shows through: shadows on skin are reddish.
TINT = np.array([0.82, 1.0, 1.06], np.float32)
# Shading to the action units that bring it, with weights at their highest.
_BROUGHT_BY = {
    "brow_furrow": {4: 1.0, 9: 0.4},
    "nose_wrinkle": {9: 1.0, 4: 0.2},
    "nasolabial": {10: 0.9, 9: 0.6, 12: 0.8, 6: 0.3},
    "lower_lid": {6: 0.9, 7: 0.5, 9: 0.3},
    "outer_corner": {6: 1.0, 12: 0.3, 43: 0.2},
}
# Rows and columns of the portrait that any of it touches.
REGION = (slice(140, 300), slice(170, 362))


@functools.lru_cache(maxsize=1)
def shading_maps() -> tuple[np.ndarray, np.ndarray]:
    """Darkening of the region `REGION`.

    Returns:
        What is always there, `(h, w)`, and the maps of `_BROUGHT_BY`,
        `(5, h, w)`; float32, 0 none to 1 black.
    """
    maps = {name: _draw(*line) for name, line in _LINES.items()}
    always = sum(maps[name] for name in _ALWAYS)
    return always, np.stack([maps[name] for name in _BROUGHT_BY])


def shading_weights(units: dict[int, float]) -> np.ndarray:
    """How much of each map the action units bring.

    Args:
        units: Unit to its share of the highest intensity, 0..1.

    Returns:
        `(5,)` float32, 0..1.
    """
    return np.array(
        [
            min(1.0, sum(w * units[u] for u, w in brought.items()))
            for brought in _BROUGHT_BY.values()
        ],
        dtype=np.float32,
    )


def _draw(lines, width, softness, strength):
    rows, columns = REGION
    canvas = np.zeros(
        (rows.stop - rows.start, columns.stop - columns.start), np.uint8
    )
    for line in lines:
        points = (np.array(line) - (columns.start, rows.start)) * 16
        cv2.polylines(
            canvas,
            [points.astype(np.int32)],
            False,
            255,
            width,
            cv2.LINE_AA,
            4,
        )
    soft = cv2.GaussianBlur(canvas.astype(np.float32) / 255, (0, 0), softness)
    return soft / soft.max() * strength
