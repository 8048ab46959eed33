"""The paint of a simulated face: base portrait, folds, eyes, surroundings.

The portrait is that of Rear Admiral Grace Hopper by the U.S. Navy (James S.
Davis, 1984), in the public domain as a work of the federal government, which
matplotlib ships among its sample data. All outlines below were placed by hand
on it; x, y are its pixels. Arguments called `identity` are a `face.Identity`.
"""

import functools
import types
from math import tau

import cv2
import numpy as np
from numpy.random import default_rng
from scipy import sparse
from scipy.sparse import linalg

# Both orbits with the spectacles; it is filled smoothly, eyes are drawn anew.
_ORBITS = """170,174 182,171 198,169 222,168 242,174 256,179 276,179 286,175
302,168 320,163 344,163 366,176 366,194 348,196 344,207 338,219 324,230 304,236
291,231 283,222 276,206 270,198 261,198 256,208 251,223 240,235 222,240 207,235
194,224 186,206 181,194 170,190"""
# The old brows, filled as well.
_BROWS = (
    "188,158 205,154 228,154 246,164 246,176 188,176",
    "282,160 298,152 322,150 340,158 344,172 282,176",
)
_FACE = """172,166 182,149 200,140 220,135 265,132 310,134 334,142 348,153
357,168 364,184 372,184 377,200 374,224 368,246 360,264 350,273 342,266 334,284
330,305 330,322 329,345 312,372 294,394 256,408 240,395 212,352 206,325 204,300
199,285 190,266 184,271 175,266 166,248 158,228 153,205 156,192 166,190"""
_HAIR = """155,200 150,165 152,130 162,100 185,76 220,63 262,59 305,63 340,76
362,100 372,130 373,165 369,196 362,186 354,168 346,155 332,144 310,136 265,134
220,137 201,142 184,151 174,168 168,188"""
_LONG_HAIR = """150,165 138,220 142,290 162,345 205,356 330,356 372,345 390,290
392,220 373,165 330,100 190,100"""
_BODY = """200,316 190,335 160,347 110,364 60,385 40,402 28,440 14,520 8,600
512,600 508,500 505,430 495,398 450,374 400,354 350,337 329,315"""
# Lines on the skin: their width, softness and strength; the action units that
# bring them, with weights at their highest; and their courses.
_FOLDS = (
    # Between the brows: two upright furrows.
    "3 2.4 0.38 4:1 9:0.4; 257,168 256,177 258,186; 272,168 272,186",
    # Across the root of the nose and beside it.
    "3 2.2 0.3 9:1 4:0.2; 257,190 265,188 274,190; 256,197 265,195 275,197;"
    "252,206 256,200; 280,206 276,200",
    # From the wing of the nose to the corner of the mouth.
    "5 3 0.42 10:0.9 9:0.6 12:0.8 6:0.3; 241,240 231,254 222,268 218,280;"
    "295,240 304,254 313,267 318,278",
    # Below the eyes, where the cheek pushes up.
    "4 2.2 0.36 6:0.9 7:0.5 9:0.3; 203,204 214,208 228,207 240,202;"
    "288,202 300,206 314,206 327,201",
    # Crow's feet.
    "2 1.6 0.3 6:1 12:0.3 43:0.2; 196,192 186,187; 196,195 185,196;"
    "197,198 187,204; 334,190 344,185; 334,193 345,194; 333,196 343,202",
)
# Always there: the hollow of the orbit and the fold of the upper lid.
_HOLLOWS = (
    "9 5 0.36; 200,184 212,178 228,178 242,184;286,183 300,176 315,176 328,182",
    "8 4 0.32; 242,186 246,196; 286,185 282,195",
)
# Blood shows through: shadows on skin are reddish.
TINT = np.array([0.82, 1.0, 1.06], np.float32)
# Rows and columns of the portrait that folds and hollows are drawn in.
_REGION = (slice(140, 300), slice(170, 362))
_CORNER = (_REGION[1].start, _REGION[0].start)

_MAX_CANVAS = 160  # pixels: larger pictures need no finer drawing
_DARK_MOUTH, _TEETH, _TONGUE = (58, 18, 18), (214, 204, 188), (150, 70, 68)
_SCLERA = np.array((222, 214, 206), np.float32)


def points_of(text: str) -> np.ndarray:
    """`"1,2 3,4.5"` as a float64 array, a row for each group."""
    return np.array([group.split(",") for group in text.split()], np.float64)


def _fixed(points):
    """cv2 takes fixed-point places; a sixteenth of a pixel is enough."""
    return np.round(points * 16).astype(np.int32)


def _blurred(picture, sigma):
    return cv2.GaussianBlur(picture, (0, 0), sigma)


def _soft(mask, blur):
    mask = mask.astype(np.float32) / 255
    return _blurred(mask, blur) if blur > 0.3 else mask


def _filled(shape, *outlines, blur=0.0):
    """1 inside of polygons, 0 outside, float32."""
    mask = np.zeros(shape[:2], np.uint8)
    for line in outlines:
        line = points_of(line) if isinstance(line, str) else line
        cv2.fillPoly(mask, [_fixed(line)], 255, cv2.LINE_AA, 4)
    return _soft(mask, blur)


def _lines(shape, lines, width, blur=0.0):
    """1 on lines, 0 elsewhere, float32."""
    mask = np.zeros(shape[:2], np.uint8)
    lines, width = [_fixed(line) for line in lines], max(1, round(width))
    cv2.polylines(mask, lines, False, 255, width, cv2.LINE_AA, 4)
    return _soft(mask, blur)


def _fold(text):
    """Darkening of the portrait's canvas, 0 none to 1 black, float32."""
    head, *lines = text.split(";")
    width, softness, strength = map(float, head.split()[:3])
    shape = [part.stop - part.start for part in _REGION]
    lines = [points_of(line) - _CORNER for line in lines]
    soft = _lines(shape, lines, width, softness)
    dark = np.zeros(_portrait().face_mask.shape, np.float32)
    dark[_REGION] = soft / soft.max() * strength
    return dark


@functools.lru_cache(maxsize=1)
def fold_maps() -> np.ndarray:
    """How folds darken the base portrait, `(5, 600, 512)`, 1 is black."""
    return np.stack([_fold(fold) for fold in _FOLDS])


def fold_weights(units: dict[int, float]) -> np.ndarray:
    """How much of each fold action units (as shares, 0..1) bring, `(5,)`."""
    items = (fold.split(";")[0].split()[3:] for fold in _FOLDS)
    pairs = ([item.split(":") for item in fold] for fold in items)
    sums = [sum(float(w) * units[int(u)] for u, w in fold) for fold in pairs]
    return np.minimum(sums, 1.0).astype(np.float32)


@functools.lru_cache(maxsize=1)
def _portrait():
    """The portrait's layers, `(600, 512)` or `(600, 512, 3)` float32."""
    from matplotlib import cbook

    with cbook.get_sample_data("grace_hopper.jpg") as stream:
        data = np.frombuffer(stream.read(), np.uint8)
    rgb = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
    shape = rgb.shape[:2]
    holes = _filled(shape, _ORBITS, *_BROWS) > 0.01
    rgb = _fill_smoothly(_blurred(rgb, 0.7).astype(np.float32), holes)
    # A little inside of the outline, where no background shines through.
    face = _blurred(cv2.erode(_filled(shape, _FACE), np.ones((5, 5))), 1.2)
    mean = rgb[face > 0.99].mean(axis=0)
    masks = {"face_mask": face, "hair_mask": _filled(shape, _HAIR, blur=2.0)}
    masks["long_hair_mask"] = _filled(shape, _LONG_HAIR, blur=3.0)
    masks["body_mask"] = _filled(shape, _BODY, blur=1.2)
    smooth = cv2.bilateralFilter(rgb, 15, 45, 6) / mean
    skins = {"skin": rgb / mean, "smooth_skin": smooth}
    return types.SimpleNamespace(body=rgb, **skins, **masks)


def _fill_smoothly(rgb, holes):
    """The smoothest filling (Laplace's equation), with the skin's grain."""
    around = cv2.dilate(holes.astype(np.uint8), np.ones((9, 9))) > 0
    rim = _blurred(np.where(around[..., None], 0, rgb), 4)
    weight = _blurred((~around).astype(np.float32), 4)
    rim = rim / np.maximum(weight, 1e-3)[..., None]
    ys, xs = np.nonzero(holes)
    count = len(ys)
    index = np.full(holes.shape, -1)
    index[ys, xs] = np.arange(count)
    laplacian = sparse.lil_array((count, count))
    laplacian.setdiag(4.0)
    known = np.zeros((count, 3))
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        other = index[ys + dy, xs + dx]
        inner = other >= 0
        laplacian[np.flatnonzero(inner), other[inner]] = -1.0
        known[~inner] += rim[ys + dy, xs + dx][~inner]
    solution = linalg.splu(laplacian.tocsc()).solve(known)
    grain = default_rng(0).normal(0, 1, holes.shape)
    grain = _blurred(grain.astype(np.float32), 1.0)
    grain = grain / grain.std() * 4.0
    out = rgb.copy()
    out[holes] = solution + grain[holes][:, None]
    # No seam where the filling meets the picture.
    rims = holes.astype(np.uint8)
    rims = cv2.morphologyEx(rims, cv2.MORPH_GRADIENT, np.ones((5, 5)))
    seam = _blurred(rims.astype(np.float32), 1.5)[..., None]
    return out + (_blurred(out, 1.5) - out) * np.clip(seam, 0, 1)


def recoloured(identity) -> np.ndarray:
    """The portrait in the person's colours, `(600, 512, 4)` float32.

    Premultiplied RGB, 0..255, and alpha, 0..1.
    """
    portrait = _portrait()
    share = identity.smoothness
    skin = (1 - share) * portrait.skin + share * portrait.smooth_skin
    # The photograph is contrasty; a simulated light is added later.
    skin = np.sign(skin) * np.abs(skin) ** 0.85 * np.array(identity.skin)
    skin *= 1 - sum(_fold(hollow) for hollow in _HOLLOWS)[..., None] * TINT
    dark = 1 - portrait.body.mean(axis=-1, keepdims=True) / 110
    cloth = portrait.body + np.array(identity.clothes) * np.clip(dark, 0, 1)
    locks = _hair(identity, portrait.hair_mask.shape)
    layers = [(cloth, portrait.body_mask), (skin, portrait.face_mask)]
    layers.append((locks, portrait.hair_mask))
    if identity.long_hair:
        layers.insert(0, (locks * 0.8, portrait.long_hair_mask))
    rgb = np.zeros_like(portrait.body)
    alpha = np.zeros((*rgb.shape[:2], 1), np.float32)
    for colours, mask in layers:
        mask = mask[..., None]
        rgb = colours * mask + rgb * (1 - mask)
        alpha = mask + alpha * (1 - mask)
    return np.concatenate([rgb, alpha], axis=-1).astype(np.float32)


def _hair(identity, shape):
    """Colour of strands of hair, `(*shape, 3)` float32, 0..255."""
    rng = default_rng((identity.texture_seed, 2))
    noise = rng.normal(0, 1, shape).astype(np.float32)
    strands = cv2.GaussianBlur(noise, (0, 0), sigmaX=1.2, sigmaY=9)
    strands /= strands.std()
    y = np.arange(shape[0], dtype=np.float32)[:, None]
    # A sheen across the top of the head.
    relief = 1 + 0.16 * strands + 0.35 * np.exp(-(((y - 95) / 22) ** 2))
    return np.array(identity.hair, np.float32) * relief[..., None]


def _shares(size):
    """x and y of the pixels, as shares of the picture."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    return x / size[1], y / size[0]


def background(identity, size: tuple[int, int]) -> np.ndarray:
    """`(height, width, 3)` float32, 0..255, sharpness as behind a portrait."""
    rng = default_rng((identity.texture_seed, 1))
    x, y = _shares(size)
    angle = rng.uniform(0, tau)
    across = x * np.cos(angle) + y * np.sin(angle)
    relief = 0.25 * (across - across.mean())
    if identity.background_kind == 1:
        patches = rng.uniform(-1, 1, (5, 7)).astype(np.float32)
        how = cv2.INTER_CUBIC
        relief += 0.35 * cv2.resize(patches, size[::-1], interpolation=how)
    elif identity.background_kind == 2:
        period, phase = rng.uniform((0.12, 0), (0.3, tau))
        relief += 0.12 * np.sin(tau * across / period + phase)
    colour = np.array(identity.background, np.float32)
    return np.clip(colour * (1 + relief[..., None]), 0, 255).astype(np.float32)


def light(identity, size: tuple[int, int]) -> np.ndarray:
    """Factors `(height, width, 3)` float32: brightness, direction, tint."""
    x, y = _shares(size)
    # Even beyond the head; the gradient lies on it.
    x = np.tanh((x - 0.5) * 4) * np.cos(identity.light_angle)
    y = np.tanh((y - 0.5) * 4) * np.sin(identity.light_angle)
    even = identity.brightness * (1 + identity.light_contrast * (x + y))
    tint = np.array([1 + 0.06 * identity.warmth, 1, 1 - 0.08 * identity.warmth])
    return (np.clip(even, 0.25, 1.7)[..., None] * tint).astype(np.float32)


def paint_features(
    rgb: np.ndarray, points: np.ndarray, identity, unit: float, rest: np.ndarray
) -> None:
    """Paints eyes, brows and the open mouth into a picture, in place.

    They are drawn anew in every frame from the landmarks, because what a closed
    eye or mouth hides cannot be had by warping. The picture is `(H, W, 3)`
    float32, 0..255; `points` are `(68, 2)` landmarks in its pixels, of which
    `unit` are one of the base portrait; `rest` those of the resting face, for
    what does not change with the expression.
    """
    for part, margin, paint, *details in (
        (slice(17, 22), 5, _brow, 1),
        (slice(22, 27), 5, _brow, -1),
        (slice(36, 42), 8, _eye, rest[36:42], unit),
        (slice(42, 48), 8, _eye, rest[42:48], unit),
        (slice(48, 68), 3, _mouth),
    ):
        # On an enlarged patch around the points, which is put back.
        place = points[part]
        low = np.floor(place.min(axis=0) - margin * unit)
        high = np.ceil(place.max(axis=0) + margin * unit) + 1
        corners = np.clip([low, high], 0, rgb.shape[1::-1]).astype(int)
        (x0, y0), (x1, y1) = corners.tolist()
        if x1 - x0 < 2 or y1 - y0 < 2:
            continue  # out of the picture
        factor = min(max(_MAX_CANVAS // (x1 - x0), 1), 4)
        patch = rgb[y0:y1, x0:x1]
        large = cv2.resize(patch, None, fx=factor, fy=factor)
        # Pixel centres lie at whole numbers in both pictures.
        moved = (place - (x0, y0) + 0.5) * factor - 0.5
        before = large.copy()
        paint(large, moved, unit * factor, identity, *details)
        size, area = patch.shape[1::-1], {"interpolation": cv2.INTER_AREA}
        rgb[y0:y1, x0:x1] = patch + cv2.resize(large - before, size, **area)


def _between(places, count):
    """Weights of points for points between on a smooth curve (Lagrange's)."""
    at = np.linspace(0, 1, count)
    columns = [
        np.prod([(at - p) / (place - p) for p in places if p != place], axis=0)
        for place in places
    ]
    return np.stack(columns, axis=1)


_FOUR = _between((0, 1 / 3, 2 / 3, 1), 13)
_FIVE = _between((0, 0.25, 0.5, 0.75, 1), 17)


def _blend(canvas, mask, colour, opacity=1.0):
    alpha = (mask * opacity)[..., None]
    canvas += (np.asarray(colour, np.float32) - canvas) * alpha


# In these functions `size` is canvas pixels to one of the base portrait.


def _brow(canvas, brow, size, identity, outwards):
    middle = _FIVE @ brow
    tangent = np.gradient(middle, axis=0)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-6
    # Thick at the inner end, thin at the outer one.
    inner = np.linspace(0, 1, len(middle))[::outwards]
    half = identity.brow_thickness / 2 * size * (0.35 + 0.65 * inner)
    side = normal * half[:, None]
    outline = np.concatenate([middle - side, (middle + side)[::-1]])
    mask = _filled(canvas.shape, outline, blur=1.3 * size)
    # Grey brows do not shine.
    colour = np.minimum(np.array(identity.hair), identity.skin) * 0.75
    _blend(canvas, mask, colour, 0.8)


def _eye(canvas, eye, size, identity, rest, unit):
    factor, shape = round(size / unit), canvas.shape
    skin = np.array(identity.skin, np.float32)
    upper = _FOUR @ eye[[0, 1, 2, 3]]
    lower = _FOUR @ eye[[0, 5, 4, 3]]

    def height(lids):
        middle = (lids[1] + lids[2] - lids[4] - lids[5]) / 2
        return float(np.linalg.norm(middle))

    opening, at_rest = height(eye), height(rest) * factor
    openness = np.clip(opening / max(at_rest, 1e-6), 0, 1)
    outline = np.concatenate([upper, lower[::-1]])
    inside = _filled(shape, outline, blur=0.4 * size)
    shade = 0.55 + 0.45 * np.minimum(skin.mean() / 170, 1)
    _blend(canvas, inside, _SCLERA * shade)
    # The iris keeps its size; lids cover it.
    radius = 0.24 * (float(np.linalg.norm(rest[3] - rest[0])) * factor)
    spot = eye[[1, 2, 4, 5]].mean(axis=0) - (0, 0.12 * (at_rest - opening))
    for part, colour in ((1.0, identity.iris), (0.5, (16, 12, 12))):
        disc, place = np.zeros(shape[:2], np.uint8), _fixed(spot).tolist()
        reach = int(radius * part * 16)
        cv2.circle(disc, place, reach, 255, -1, cv2.LINE_AA, 4)
        _blend(canvas, inside * _soft(disc, 0.5 * size), colour)
    glint = _lines(shape, [spot[None] - 0.3 * radius], 1.6 * size)
    _blend(canvas, inside * glint, (255, 255, 255), 0.8)
    fold = upper + (0, -(2.5 + 4.0 * openness) * size)
    for line, width, blur, colour, opacity in (
        # The upper lid's shadow and lashes, the lower lid's edge, its fold.
        (upper, 2.6, 0.6, (34, 22, 20), 0.85),
        (lower, 1.2, 0.6, skin * 0.45, 0.6),
        (fold[2:-2], 1.4, 0.9, skin * 0.45, 0.5 * openness),
    ):
        mask = _lines(shape, [line], width * size, blur * size)
        _blend(canvas, mask, colour, opacity)


def _mouth(canvas, lips, size, identity):
    shape = canvas.shape
    upper = _FIVE @ lips[[12, 13, 14, 15, 16]]
    lower = _FIVE @ lips[[12, 19, 18, 17, 16]]
    gap = np.linalg.norm(lower - upper, axis=1)
    opening = float(gap.max())
    visible = float(np.clip((opening / size - 2.0) / 2.5, 0, 1))
    if visible == 0:
        return

    def inside_of(one, other, blur):
        outline = np.concatenate([one, other[::-1]])
        return _filled(shape, outline, blur=blur * size)

    inside = inside_of(upper, lower, 0.5) * visible
    _blend(canvas, inside, _DARK_MOUTH)
    toward = (lower - upper) / (gap[:, None] + 1e-6)

    def paint(one, other, blur, colour, opacity):
        mask = inside * inside_of(one[3:-3], other[3:-3], blur)
        _blend(canvas, mask, colour, opacity)

    bite = upper + toward * np.minimum(0.55 * gap, 6.5 * size)[:, None]
    paint(upper, bite, 0.7, _TEETH, 0.85)
    if opening > 9 * size:
        top = lower - toward * np.minimum(0.35 * gap, 7 * size)[:, None]
        paint(top, lower, 1.5, _TONGUE, 0.8)
