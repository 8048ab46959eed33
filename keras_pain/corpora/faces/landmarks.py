"""The 68 points of the base portrait and how action units move them.

The order is iBUG's (300-W): jaw 0-16, brows 17-26, nose 27-35, eyes 36-47,
outer lips 48-59, inner lips 60-67, from the picture's left to its right. The
points were placed by hand on the portrait; x, y are its pixels.

How far a unit moves a point follows the descriptions of the FACS manual (Ekman,
Friesen & Hager, 2002) in direction; the amounts are ours, chosen to look like
that unit on a face whose eyes are 85 pixels apart.
"""

from collections.abc import Mapping

import numpy as np

ACTION_UNITS = (4, 6, 7, 9, 10, 12, 25, 26, 43)
MAX_INTENSITY = {**dict.fromkeys(ACTION_UNITS, 5.0), 43: 1.0}

# The active appearance model of UNBC has all points but the inner corners of
# the mouth.
AAM_66 = np.array([i for i in range(68) if i not in (60, 64)])

_JAW = (
    *((178, 190), (180, 210), (184, 230), (190, 252), (196, 275)),
    *((204, 297), (217, 315), (239, 327), (267, 331), (294, 327)),
    *((316, 315), (327, 297), (334, 275), (341, 252), (346, 230)),
    *((350, 210), (352, 190)),
)
_BROWS = (
    *((189, 172), (201, 165), (215, 163), (229, 166), (245, 172)),
    *((283, 170), (298, 163), (312, 160), (326, 162), (340, 169)),
)
_NOSE = (
    *((265, 190), (266, 206), (267, 221), (267, 237)),
    *((246, 246), (257, 250), (268, 253), (279, 250), (291, 245)),
)
_EYES = (
    *((203, 193), (213, 186), (227, 186), (238, 194), (227, 197), (213, 197)),
    *((290, 193), (300, 184), (314, 184), (326, 190), (314, 195), (300, 195)),
)
_MOUTH = (
    *((229, 281), (241, 276), (256, 273), (267, 274), (280, 273), (298, 275)),
    *((311, 279), (298, 288), (283, 293), (268, 294), (253, 293), (240, 288)),
    *((234, 280.5), (253, 279.3), (267, 280), (283, 278), (306, 278)),
    *((283, 279), (267, 281), (253, 280.3)),
)
BASE = np.array(_JAW + _BROWS + _NOSE + _EYES + _MOUTH, dtype=np.float64)

# Points that are no landmarks but that the warp has to hold or move.
_CHEEKS = ((207, 235), (323, 233))
_FOREHEAD = ((215, 145), (264, 148), (314, 145), (264, 172))
_HEAD = (
    *((157, 205), (168, 255), (150, 140), (190, 85), (262, 65), (338, 85)),
    *((374, 140), (372, 205), (362, 255)),
)
_BODY = (
    *((207, 345), (264, 365), (327, 345), (110, 365), (420, 365)),
    *((40, 420), (264, 430), (480, 420), (20, 590), (264, 590), (500, 590)),
)
EXTRA = np.array(_CHEEKS + _FOREHEAD + _HEAD + _BODY, dtype=np.float64)
CHEEKS = slice(0, len(_CHEEKS))
HEAD_EXTRA = len(_CHEEKS) + len(_FOREHEAD) + len(_HEAD)  # the rest is body

# Upper and lower lid points that lie over one another.
LIDS = ((37, 41), (38, 40), (43, 47), (44, 46))


def _both(points: Mapping[int, tuple[float, float]]) -> dict:
    """Adds the mirror image of each point of the picture's left half."""
    mirrored = {MIRROR[i]: (-dx, dy) for i, (dx, dy) in points.items()}
    return {**mirrored, **points}


def _mirror_map() -> np.ndarray:
    pairs = np.arange(68)
    pairs[:17] = 16 - np.arange(17)
    pairs[17:27] = 43 - np.arange(17, 27)
    pairs[31:36] = 66 - np.arange(31, 36)
    pairs[36:48] = (45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40)
    pairs[48:55] = 102 - np.arange(48, 55)
    pairs[55:60] = 114 - np.arange(55, 60)
    pairs[60:65] = 124 - np.arange(60, 65)
    pairs[65:] = 132 - np.arange(65, 68)
    return pairs


MIRROR = _mirror_map()

# Displacement (right, down) of points at the unit's highest intensity, in
# pixels of the base portrait.
_MOVES = {
    4: _both(
        {
            **{17: (1, 2), 18: (2, 6), 19: (4, 10), 20: (5, 13), 21: (6, 14)},
            27: (0, 2),
        }
    ),
    6: _both({17: (1, 2), 36: (1.5, -1), 48: (-2, -2), 60: (-2, -2)}),
    9: _both(
        {
            **{20: (1, 4), 21: (2, 6), 28: (0, -2), 29: (0, -4), 30: (0, -5)},
            **{31: (-3, -6), 32: (-1, -5), 33: (0, -4)},
            **{49: (0, -2), 50: (0, -4), 51: (0, -4), 61: (0, -3)},
            62: (0, -3),
        }
    ),
    10: _both(
        {
            **{31: (-4, -3), 32: (-1, -1), 49: (-1, -6), 50: (0, -9)},
            **{51: (0, -8), 61: (0, -9), 62: (0, -8.5), 60: (0, -2)},
            48: (0, -1),
        }
    ),
    12: _both(
        {
            **{48: (-13, -9), 60: (-13, -9), 49: (-8, -4), 59: (-8, -3)},
            **{50: (-3, 0), 58: (-3, 0), 61: (-4, 0), 67: (-4, 0)},
            **{51: (0, 1), 62: (0, 1), 31: (-2, 0), 4: (-2, 0)},
        }
    ),
    25: _both(
        {
            **{50: (0, -2), 51: (0, -2), 61: (0, -2.5), 62: (0, -2.5)},
            **{67: (0, 4), 66: (0, 5), 59: (0, 2), 58: (0, 5), 57: (0, 5)},
        }
    ),
    26: _both(
        {
            **{3: (0, 3), 4: (1, 9), 5: (3, 16), 6: (3, 20), 7: (1, 22)},
            **{8: (0, 22), 48: (4, 5), 60: (4, 6), 49: (2, 2), 59: (3, 13)},
            **{58: (0, 19), 57: (0, 20), 67: (0, 18), 66: (0, 20)},
        }
    ),
}
# How far the cheeks rise, in the same unit.
_CHEEK_RISE = {6: 11.0, 9: 3.0, 10: 3.0, 12: 5.0}
# The share by which a unit narrows the opening of the eyes at its highest.
_NARROWS = {6: 0.25, 7: 0.45, 9: 0.15, 43: 0.96}
# The upper lid's part of that.
_UPPER_SHARE = {6: 0.1, 7: 0.4, 9: 0.3, 43: 0.9}


def _dense_moves() -> np.ndarray:
    moves = np.zeros((len(ACTION_UNITS), len(BASE) + len(EXTRA), 2))
    for row, unit in enumerate(ACTION_UNITS):
        for point, move in _MOVES.get(unit, {}).items():
            moves[row, point] = move
        rise = _CHEEK_RISE.get(unit, 0.0)
        moves[row, len(BASE) : len(BASE) + len(_CHEEKS), 1] = -rise
    return moves


MOVES = _dense_moves()


def shares(action_units: Mapping[int, float]) -> np.ndarray:
    """Intensities as shares of each unit's highest.

    Args:
        action_units: Unit to intensity, 0..5, or 0..1 for unit 43; missing
            units are 0.

    Returns:
        `(9,)` float64 in the order of `ACTION_UNITS`, each 0..1.

    Raises:
        ValueError: A unit is unknown or beyond its range.
    """
    values = np.zeros(len(ACTION_UNITS))
    for unit, intensity in action_units.items():
        if unit not in MAX_INTENSITY:
            raise ValueError(
                f"action unit {unit} is not drawn; known are {ACTION_UNITS}"
            )
        if not 0 <= intensity <= MAX_INTENSITY[unit]:
            raise ValueError(
                f"action unit {unit} goes from 0 to "
                f"{MAX_INTENSITY[unit]:g}, got {intensity}"
            )
        values[ACTION_UNITS.index(unit)] = intensity / MAX_INTENSITY[unit]
    return values


def express(points: np.ndarray, strengths: np.ndarray) -> np.ndarray:
    """Moves the points of a resting face as its action units do.

    Args:
        points: `(68 + E, 2)` landmarks and extra points at rest, in pixels of
            the base portrait.
        strengths: `(9,)` of `shares`.

    Returns:
        The moved points, `(68 + E, 2)`.
    """
    moved = points + np.tensordot(strengths, MOVES, axes=1)
    by_unit = dict(zip(ACTION_UNITS, strengths, strict=True))
    left_open, from_above = 1.0, 0.0
    for unit, share in _NARROWS.items():
        lost = left_open * share * by_unit[unit]
        from_above += lost * _UPPER_SHARE[unit]
        left_open -= lost
    from_below = 1.0 - left_open - from_above
    for upper, lower in LIDS:
        opening = moved[lower] - moved[upper]
        moved[upper] += from_above * opening
        moved[lower] -= from_below * opening
    return moved
