"""The base portrait, without spectacles, and which of its pixels are what.

The portrait is that of Rear Admiral Grace Hopper by the U.S. Navy (James S.
Davis, 1984), in the public domain as a work of the federal government, which
matplotlib ships among its sample data. All outlines below were placed by hand
on it; x, y are its pixels.
"""

import dataclasses
import functools

import cv2
import numpy as np
from scipy import sparse
from scipy.sparse import linalg

# Both orbits with the spectacles; it is filled smoothly, eyes are drawn anew.
_ORBITS = (
    *((170, 174), (182, 171), (198, 169), (222, 168), (242, 174)),
    *((256, 179), (276, 179), (286, 175), (302, 168), (320, 163)),
    *((344, 163), (366, 176), (366, 194), (348, 196), (344, 207)),
    *((338, 219), (324, 230), (304, 236), (291, 231), (283, 222)),
    *((276, 206), (270, 198), (261, 198), (256, 208), (251, 223)),
    *((240, 235), (222, 240), (207, 235), (194, 224), (186, 206)),
    *((181, 194), (170, 190)),
)
# The old brows, filled as well.
_BROWS = (
    ((188, 158), (205, 154), (228, 154), (246, 164), (246, 176), (188, 176)),
    ((282, 160), (298, 152), (322, 150), (340, 158), (344, 172), (282, 176)),
)
_FACE = (
    *((172, 166), (182, 149), (200, 140), (220, 135), (265, 132), (310, 134)),
    *((334, 142), (348, 153), (357, 168), (364, 184), (372, 184), (377, 200)),
    *((374, 224), (368, 246), (360, 264), (350, 273), (342, 266), (334, 284)),
    *((330, 305), (330, 322), (329, 345), (312, 372), (294, 394), (256, 408)),
    *((240, 395), (212, 352), (206, 325), (204, 300), (199, 285), (190, 266)),
    *((184, 271), (175, 266), (166, 248), (158, 228), (153, 205), (156, 192)),
    *((166, 190),),
)
_HAIR = (
    *((155, 200), (150, 165), (152, 130), (162, 100), (185, 76), (220, 63)),
    *((262, 59), (305, 63), (340, 76), (362, 100), (372, 130), (373, 165)),
    *((369, 196), (362, 186), (354, 168), (346, 155), (332, 144), (310, 136)),
    *((265, 134), (220, 137), (201, 142), (184, 151), (174, 168), (168, 188)),
)
_LONG_HAIR = (
    *((150, 165), (138, 220), (142, 290), (162, 345), (205, 356), (330, 356)),
    *((372, 345), (390, 290), (392, 220), (373, 165), (330, 100), (190, 100)),
)
_BODY = (
    *((200, 316), (190, 335), (160, 347), (110, 364), (60, 385), (40, 402)),
    *((28, 440), (14, 520), (8, 600), (512, 600), (508, 500), (505, 430)),
    *((495, 398), (450, 374), (400, 354), (350, 337), (329, 315)),
)


@dataclasses.dataclass(frozen=True)
class Portrait:
    """Layers of the base portrait, each `(600, 512)`, float32.

    Args:
        skin: Skin, relative to its mean colour, `(600, 512, 3)`.
        smooth_skin: The same without fine wrinkles.
        body: The picture itself, 0..255, `(600, 512, 3)`.
        face_mask: 1 in face, ears and neck.
        hair_mask: 1 in short hair.
        long_hair_mask: 1 where long hair falls, behind all else.
        body_mask: 1 in the clothes.
    """

    skin: np.ndarray
    smooth_skin: np.ndarray
    body: np.ndarray
    face_mask: np.ndarray
    hair_mask: np.ndarray
    long_hair_mask: np.ndarray
    body_mask: np.ndarray


@functools.lru_cache(maxsize=1)
def base_portrait() -> Portrait:
    """The portrait's layers; worked out once for each process."""
    from matplotlib import cbook

    with cbook.get_sample_data("grace_hopper.jpg") as stream:
        data = np.frombuffer(stream.read(), np.uint8)
    rgb = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
    shape = rgb.shape[:2]
    holes = filled(shape, _ORBITS, *_BROWS) > 0.01
    rgb = _fill(cv2.GaussianBlur(rgb, (0, 0), 0.7).astype(np.float32), holes)
    # A little inside of the outline, where no background shines through.
    face = cv2.erode(filled(shape, _FACE), np.ones((5, 5)))
    face = cv2.GaussianBlur(face, (0, 0), 1.2)
    inside = face > 0.99
    mean = rgb[inside].mean(axis=0)
    smooth = cv2.bilateralFilter(rgb, 15, 45, 6)
    return Portrait(
        skin=rgb / mean,
        smooth_skin=smooth / mean,
        body=rgb,
        face_mask=face,
        hair_mask=filled(shape, _HAIR, feather=2.0),
        long_hair_mask=filled(shape, _LONG_HAIR, feather=3.0),
        body_mask=filled(shape, _BODY, feather=1.2),
    )


def filled(
    shape: tuple[int, int], *outlines: tuple, feather: float = 0.0
) -> np.ndarray:
    """1 inside of polygons, 0 outside, float32.

    Args:
        shape: Height and width.
        *outlines: Polygons, `(x, y)` pixels.
        feather: Width of the soft edge, in pixels.
    """
    mask = np.zeros(shape, np.uint8)
    for outline in outlines:
        points = np.round(np.array(outline) * 16).astype(np.int32)
        cv2.fillPoly(mask, [points], 255, cv2.LINE_AA, 4)
    mask = mask.astype(np.float32) / 255
    return cv2.GaussianBlur(mask, (0, 0), feather) if feather else mask


def _fill(rgb: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """The smoothest filling (Laplace's equation), with the skin's grain."""
    around = cv2.dilate(holes.astype(np.uint8), np.ones((9, 9))) > 0
    rim = cv2.GaussianBlur(np.where(around[..., None], 0, rgb), (0, 0), 4)
    weight = cv2.GaussianBlur((~around).astype(np.float32), (0, 0), 4)
    rim = rim / np.maximum(weight, 1e-3)[..., None]
    ys, xs = np.nonzero(holes)
    index = np.full(holes.shape, -1)
    index[ys, xs] = np.arange(len(ys))
    rows, columns = [], []
    known = np.zeros((len(ys), 3))
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        other = index[ys + dy, xs + dx]
        inner = other >= 0
        rows.append(np.flatnonzero(inner))
        columns.append(other[inner])
        known[~inner] += rim[ys + dy, xs + dx][~inner]
    rows, columns = np.concatenate(rows), np.concatenate(columns)
    count = len(ys)
    laplacian = sparse.diags([np.full(count, 4.0)], [0]) - sparse.coo_matrix(
        (np.ones(len(rows)), (rows, columns)), shape=(count, count)
    )
    solution = linalg.splu(laplacian.tocsc()).solve(known)
    grain = np.random.default_rng(0).normal(0, 1, holes.shape)
    grain = cv2.GaussianBlur(grain.astype(np.float32), (0, 0), 1.0)
    grain = grain / grain.std() * 4.0
    out = rgb.copy()
    out[ys, xs] = solution + grain[ys, xs][:, None]
    # No seam where the filling meets the picture.
    soft = cv2.GaussianBlur(out, (0, 0), 1.5)
    seam = cv2.morphologyEx(
        holes.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((5, 5))
    )
    seam = cv2.GaussianBlur(seam.astype(np.float32), (0, 0), 1.5)[..., None]
    return out + (soft - out) * np.clip(seam, 0, 1)
