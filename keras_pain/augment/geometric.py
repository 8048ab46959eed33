"""Changes of a face's outline, light and background without any model.

What PSPI is read from stays as it is: brows, eyes, nose and mouth are neither
moved nor redrawn, and the light changes smoothly over them. The outline of
jaw, cheeks and hair around them is bent, by amounts that differ between
people. The amounts are of this project; no paper uses this.
"""

import dataclasses
import importlib.metadata

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter

from keras_pain.augment.gsff.generators import Batch
from keras_pain.augment.gsff.geometry import eye_axis, face_coordinates
from keras_pain.errors import ConfigurationError
from keras_pain.signals.landmarks.points import PARTS

VERSION = 1
"""Raised whenever the same seed comes to make another picture."""

# Lengths are in distances between the eyes, amounts at strength 1.
_RIM = 0.06  # that is left alone around brows, eyes, nose and mouth
_FADE = 0.35  # over which the change sets in
_JAW, _CHEEKS, _CHIN, _HAIRLINE = 0.16, 0.08, 0.16, 0.16
_WAVES, _WAVE_LENGTH = 0.05, 0.7
_MIN_AREA = 0.3  # that is left of a pixel which is squeezed
_EXPOSURE, _SLOPE, _TINT = 0.20, 0.22, 0.06  # logarithms of the gain
_BACKGROUND = 0.8  # share of the new background
_WALL_TINT = 30.0  # grey levels by which the colours of a wall differ
_MATTE_SIDE = 160  # pixels at which the background is told from the person


@dataclasses.dataclass(frozen=True)
class Change:
    """A changed picture and what was done to it.

    Args:
        picture: `(H, W, 3)` uint8.
        protected: `(H, W)` bool, the hull of brows, eyes, nose and mouth with
            its rim: nothing is moved there.
        shift: `(H, W, 2)` float32, from where, relative to itself, each pixel
            was taken, x and y.
        gain: `(H, W, 3)` float32 by which the light was multiplied.
        background: `(H, W)` float32 share of new background.
    """

    picture: np.ndarray
    protected: np.ndarray
    shift: np.ndarray
    gain: np.ndarray
    background: np.ndarray


class GeometricGenerator:
    """Changes outline, light and background; needs landmarks only.

    Args:
        strength: Share of the largest change, 0 to 1.

    Raises:
        ConfigurationError: The strength is no share.
    """

    method = "geometric"
    reads_prompts = False
    count_tokens = None

    def __init__(self, strength: float = 0.7):
        if not 0 <= strength <= 1:
            raise ConfigurationError(
                f"strength must be from 0 to 1, got {strength}"
            )
        self.strength = strength

    def describe(self) -> dict:
        """See `Generator.describe`."""
        return {
            "generator": "geometric",
            "version": VERSION,
            "strength": self.strength,
        }

    def versions(self) -> dict[str, str]:
        """See `Generator.versions`."""
        name = "opencv-python-headless"
        try:
            return {name: importlib.metadata.version(name)}
        except importlib.metadata.PackageNotFoundError:
            return {"opencv": cv2.__version__}  # another wheel of it

    def generate(self, batch: Batch) -> list[np.ndarray]:
        """See `Generator.generate`."""
        return [
            change_face(frame, points, self.strength, seed).picture
            for frame, points, seed in zip(
                batch.frames, batch.points, batch.seeds, strict=True
            )
        ]


def change_face(
    frame: np.ndarray, points: np.ndarray, strength: float, seed: int
) -> Change:
    """Changes one face.

    Args:
        frame: `(H, W, 3)` uint8, RGB.
        points: `(68, 2)` landmarks, x and y in pixels.
        strength: Share of the largest change, 0 to 1.
        seed: Same seed, same change.

    Returns:
        The change.

    Raises:
        KerasPainError: The landmarks are no face.
    """
    random = np.random.default_rng(seed)
    height, width = frame.shape[:2]
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)
    face = face_coordinates(grid, points).astype(np.float32)
    protected, free = _protection(points, (height, width))
    background = _background(frame, points, face) * free * strength
    background *= _BACKGROUND
    picture = _replaced(frame, background, random)
    shift = _shift(points, face, free, strength, random)
    place = (grid + shift).astype(np.float32)
    moved = cv2.remap(
        picture, place, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    moved[protected] = frame[protected]
    gain = _light(face, strength, random)
    lit = np.clip(np.rint(moved * gain), 0, 255).astype(np.uint8)
    return Change(lit, protected, shift, gain, background)


def _protection(points, shape) -> tuple[np.ndarray, np.ndarray]:
    """The protected area, and 0 there rising smoothly to 1 around it."""
    distance = eye_axis(points)[2]
    inner = np.delete(points, list(PARTS["jaw"]), axis=0)
    hull = cv2.convexHull(np.rint(inner).astype(np.int32))
    outside = cv2.fillConvexPoly(np.ones(shape, np.uint8), hull, 0)
    away = cv2.distanceTransform(outside, cv2.DIST_L2, 5) / distance - _RIM
    return away <= 0, _smooth_step(away / _FADE)


def _shift(points, face, free, strength, random) -> np.ndarray:
    """Where each pixel is taken from, relative to itself, in pixels."""
    _, axes, distance = eye_axis(points)
    x, y = face[..., 0], face[..., 1]
    jaw, cheeks, chin, hairline = random.uniform(-1, 1, 4) * (
        _JAW, _CHEEKS, _CHIN, _HAIRLINE
    )  # fmt: skip
    below, above = _smooth_step(y / 1.6), _smooth_step((-0.2 - y) / 1.2)
    middle = np.exp(-(((y - 0.3) / 0.6) ** 2))
    near = np.exp(-((x / 1.8) ** 4) - ((y - 0.5) / 2.2) ** 4)
    bent = np.stack(
        [
            x * (jaw * below + cheeks * middle),
            chin * below * np.maximum(y, 0) - hairline * above,
        ],
        axis=-1,
    )
    sigma = _WAVE_LENGTH * distance
    waves = gaussian_filter(
        random.standard_normal(face.shape), (sigma, sigma, 0), mode="reflect"
    )
    waves *= _WAVES / max(np.abs(waves).max(), 1e-9)
    shift = (bent + waves) * (near * free)[..., None] * strength
    shift = (shift @ axes * distance).astype(np.float32)
    while _least_area(shift) < _MIN_AREA:
        shift *= 0.8
    return shift


def _least_area(shift: np.ndarray) -> float:
    """The least area that a pixel is taken from; below 0 it folds over."""
    xy, xx = np.gradient(shift[..., 0])
    yy, yx = np.gradient(shift[..., 1])
    return float(((1 + xx) * (1 + yy) - xy * yx).min())


def _light(face, strength, random) -> np.ndarray:
    """A gain that rises evenly across the face, with a tint."""
    exposure = random.uniform(-_EXPOSURE, _EXPOSURE)
    angle = random.uniform(0, 2 * np.pi)
    slope = random.uniform(0, _SLOPE)
    tint = random.uniform(-_TINT, _TINT, 3)
    across = face @ np.array([np.cos(angle), np.sin(angle)])
    log = exposure + slope * np.clip(across, -2, 2)
    log = log[..., None] + tint - tint.mean()
    return np.exp(strength * log).astype(np.float32)


def _background(frame, points, face) -> np.ndarray:
    """Share of background in each pixel: GrabCut (Rother et al., 2004).

    It is told where a head can be; a picture that is all head has none.
    """
    height, width = frame.shape[:2]
    scale = min(_MATTE_SIDE / max(height, width), 1.0)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    x, y = np.moveaxis(cv2.resize(face, size), -1, 0)
    head = (x / 1.35) ** 2 + ((y - 0.2) / 2.4) ** 2 < 1
    body = (y > 1.5) & (np.abs(x) < 0.7 + 1.2 * np.maximum(y - 1.5, 0))
    label = np.where(head | body, cv2.GC_PR_FGD, cv2.GC_PR_BGD)
    rim = np.ones_like(head)
    rim[2:-2, 2:-2] = False
    label[rim & ~head & ~body] = cv2.GC_BGD
    oval = _outline(points * (size[0] / width), small.shape[:2])
    label[oval] = cv2.GC_FGD
    if min(np.mean(~head & ~body), np.mean(oval)) < 0.02:
        return np.zeros((height, width), np.float32)
    label = label.astype(np.uint8)
    cv2.setRNGSeed(0)  # GrabCut starts from random clusters
    models = np.zeros((2, 1, 65))
    cv2.grabCut(
        small, label, None, *models, 3, cv2.GC_INIT_WITH_MASK
    )  # fmt: skip
    matte = np.isin(label, (cv2.GC_BGD, cv2.GC_PR_BGD)).astype(np.float32)
    # Over the rim of hair, through which the old background shines.
    matte = cv2.dilate(matte, np.ones((3, 3)))
    matte = cv2.resize(matte, (width, height))
    return cv2.GaussianBlur(matte, (0, 0), 0.03 * eye_axis(points)[2])


def _outline(points, shape) -> np.ndarray:
    """What is surely face: the hull of the landmarks, a little smaller."""
    hull = cv2.convexHull(np.asarray(points, np.float32))[:, 0]
    middle = hull.mean(axis=0)
    hull = np.rint(middle + 0.85 * (hull - middle)).astype(np.int32)
    return cv2.fillConvexPoly(np.zeros(shape, np.uint8), hull, 1) > 0


def _replaced(frame, share, random) -> np.ndarray:
    """The picture on a background of two colours that run into each other."""
    height, width = share.shape
    grey, tint = random.uniform(50, 205, (2, 1)), random.uniform(-1, 1, (2, 3))
    top, bottom = (grey + _WALL_TINT * tint).astype(np.float32)
    fade = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    wall = np.broadcast_to(top + (bottom - top) * fade, (height, width, 3))
    mixed = frame + share[..., None] * (wall - frame)
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def _smooth_step(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)
