"""Eyes, brows and the open mouth, painted over the warped skin.

They are drawn anew in every frame from the landmarks, because what a closed
eye or mouth hides cannot be had by warping.
"""

import cv2
import numpy as np

from keras_pain.corpora.faces.identity import Identity

_SUB = 16  # cv2 takes fixed-point places; a sixteenth of a pixel is enough
_BITS = 4
_MAX_CANVAS = 160  # pixels: larger pictures need no finer drawing
_DARK_MOUTH = np.array((58, 18, 18), np.float32)
_TEETH = np.array((214, 204, 188), np.float32)
_TONGUE = np.array((150, 70, 68), np.float32)
_SCLERA = np.array((222, 214, 206), np.float32)


def _lagrange(places, count):
    """Values between points of a smooth curve: `(count, len(places))`."""
    at = np.linspace(0, 1, count)
    columns = []
    for i, place in enumerate(places):
        others = [p for j, p in enumerate(places) if j != i]
        columns.append(
            np.prod([(at - p) / (place - p) for p in others], axis=0)
        )
    return np.stack(columns, axis=1)


_FOUR = _lagrange((0, 1 / 3, 2 / 3, 1), 13)
_FIVE = _lagrange((0, 0.25, 0.5, 0.75, 1), 17)


def paint_features(
    rgb: np.ndarray,
    points: np.ndarray,
    identity: Identity,
    unit: float,
    rest_points: np.ndarray,
) -> None:
    """Paints into a picture, in place.

    Args:
        rgb: `(H, W, 3)` float32, 0..255.
        points: `(68, 2)` landmarks in pixels.
        identity: Whose colours.
        unit: Pixels of the picture to one of the base portrait.
        rest_points: `(68, 2)` landmarks of the resting face, for what does
            not change with the expression, in any pixels of the same size.
    """
    for first in (17, 22):
        brow = points[first : first + 5]
        inner_first = first == 22
        _on_patch(rgb, brow, 5 * unit, _brow, identity, unit, inner_first)
    for first in (36, 42):
        part = slice(first, first + 6)
        _on_patch(
            *(rgb, points[part], 8 * unit, _eye),
            *(identity, unit, rest_points[part]),
        )
    _on_patch(rgb, points[48:], 3 * unit, _mouth, unit)


def _on_patch(rgb, points, margin, paint, *rest):
    """Paints on an enlarged patch around some points and puts it back."""
    height, width = rgb.shape[:2]
    low = np.floor(points.min(axis=0) - margin).astype(int)
    high = np.ceil(points.max(axis=0) + margin).astype(int) + 1
    x0, y0 = np.clip(low, 0, (width, height))
    x1, y1 = np.clip(high, 0, (width, height))
    if x1 - x0 < 2 or y1 - y0 < 2:
        return  # out of the picture
    factor = int(np.clip(_MAX_CANVAS // (x1 - x0), 1, 4))
    patch = rgb[y0:y1, x0:x1]
    large = cv2.resize(
        patch, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR
    )
    # Pixel centres lie at whole numbers in both pictures.
    moved = (points - (x0, y0) + 0.5) * factor - 0.5
    before = large.copy()
    paint(large, moved, factor, *rest)
    change = cv2.resize(
        large - before,
        (patch.shape[1], patch.shape[0]),
        interpolation=cv2.INTER_AREA,
    )
    rgb[y0:y1, x0:x1] = patch + change


def _fixed(points):
    return np.round(points * _SUB).astype(np.int32)


def _polygon(shape, points, blur=0.0):
    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(mask, [_fixed(points)], 255, cv2.LINE_AA, _BITS)
    return _soft(mask, blur)


def _line(shape, points, width, blur=0.0):
    mask = np.zeros(shape[:2], np.uint8)
    cv2.polylines(
        mask,
        [_fixed(points)],
        False,
        255,
        max(1, round(width)),
        cv2.LINE_AA,
        _BITS,
    )
    return _soft(mask, blur)


def _soft(mask, blur):
    mask = mask.astype(np.float32) / 255
    return cv2.GaussianBlur(mask, (0, 0), blur) if blur > 0.3 else mask


def _blend(canvas, mask, colour, opacity=1.0):
    alpha = (mask * opacity)[..., None]
    canvas += (np.asarray(colour, np.float32) - canvas) * alpha


def _brow(canvas, brow, factor, identity, unit, inner_first):
    size = unit * factor  # canvas pixels to one of the base portrait
    middle = _FIVE @ brow
    tangent = np.gradient(middle, axis=0)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-6
    # Thick at the inner end, thin at the outer one.
    inner = np.linspace(0, 1, len(middle))
    inner = 1 - inner if inner_first else inner
    half = identity.brow_thickness / 2 * size * (0.35 + 0.65 * inner)
    outline = np.concatenate(
        [
            middle - normal * half[:, None],
            (middle + normal * half[:, None])[::-1],
        ]
    )
    mask = _polygon(canvas.shape, outline, 1.3 * size)
    # Grey brows do not shine.
    colour = np.minimum(np.array(identity.hair), identity.skin) * 0.75
    _blend(canvas, mask, colour, 0.8)


def _eye(canvas, eye, factor, identity, unit, rest):
    size = unit * factor
    skin = np.array(identity.skin, np.float32)
    upper = _FOUR @ eye[[0, 1, 2, 3]]
    lower = _FOUR @ eye[[0, 5, 4, 3]]
    opening = float(np.linalg.norm((eye[1] + eye[2] - eye[4] - eye[5]) / 2))
    at_rest = float(
        np.linalg.norm((rest[1] + rest[2] - rest[4] - rest[5]) / 2) * factor
    )
    openness = np.clip(opening / max(at_rest, 1e-6), 0, 1)
    outline = np.concatenate([upper, lower[::-1]])
    inside = _polygon(canvas.shape, outline, 0.4 * size)
    shade = 0.55 + 0.45 * np.minimum(skin.mean() / 170, 1)
    _blend(canvas, inside, _SCLERA * shade)
    centre = eye[[1, 2, 4, 5]].mean(axis=0)
    # The iris keeps its size; lids cover it.
    width = float(np.linalg.norm(rest[3] - rest[0])) * factor
    radius = 0.24 * width
    spot = centre - (0, 0.12 * (at_rest - opening))
    for part, colour in ((1.0, identity.iris), (0.5, (16, 12, 12))):
        disc = np.zeros(canvas.shape[:2], np.uint8)
        cv2.circle(
            disc,
            tuple(int(v) for v in _fixed(spot)),
            int(radius * part * _SUB),
            255,
            -1,
            cv2.LINE_AA,
            _BITS,
        )
        _blend(canvas, inside * _soft(disc, 0.5 * size), colour)
    glint = _line(
        canvas.shape, spot[None] + np.array([[-0.3, -0.3]]) * radius, 1.6 * size
    )
    _blend(canvas, inside * glint, (255, 255, 255), 0.8)
    # The upper lid's shadow and lashes, the lower lid's edge, its fold.
    dark = np.array((34, 22, 20), np.float32)
    _blend(
        canvas, _line(canvas.shape, upper, 2.6 * size, 0.6 * size), dark, 0.85
    )
    _blend(
        canvas,
        _line(canvas.shape, lower, 1.2 * size, 0.6 * size),
        skin * 0.45,
        0.6,
    )
    fold = upper + (0, -(2.5 + 4.0 * openness) * size)
    fold_mask = _line(canvas.shape, fold[2:-2], 1.4 * size, 0.9 * size)
    _blend(canvas, fold_mask, skin * 0.45, 0.5 * openness)


def _mouth(canvas, lips, factor, unit):
    size = unit * factor
    upper = _FIVE @ lips[[12, 13, 14, 15, 16]]
    lower = _FIVE @ lips[[12, 19, 18, 17, 16]]
    gap = np.maximum(np.linalg.norm(lower - upper, axis=1), 0)
    opening = float(gap.max())
    visible = float(np.clip((opening / size - 2.0) / 2.5, 0, 1))
    if visible == 0:
        return
    outline = np.concatenate([upper, lower[::-1]])
    inside = _polygon(canvas.shape, outline, 0.5 * size) * visible
    _blend(canvas, inside, _DARK_MOUTH)
    toward = (lower - upper) / (gap[:, None] + 1e-6)
    deep = np.minimum(0.55 * gap, 6.5 * size)[:, None]
    teeth = np.concatenate([upper[3:-3], (upper + toward * deep)[3:-3][::-1]])
    _blend(
        canvas, inside * _polygon(canvas.shape, teeth, 0.7 * size), _TEETH, 0.85
    )
    if opening > 9 * size:
        top = lower - toward * np.minimum(0.35 * gap, 7 * size)[:, None]
        tongue = np.concatenate([top[3:-3], lower[3:-3][::-1]])
        mask = inside * _polygon(canvas.shape, tongue, 1.5 * size)
        _blend(canvas, mask, _TONGUE, 0.8)
