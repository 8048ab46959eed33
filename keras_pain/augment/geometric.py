"""Changes of a face's outline, light and background without any model.

What PSPI is read from stays as it is: brows, eyes, nose and mouth are neither
moved nor redrawn, and the light changes smoothly over them. The outline of
jaw, cheeks and hair around them is bent, by amounts that differ between
people. The amounts are of this project; no paper uses this.
"""

import importlib.metadata

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter

from keras_pain.augment.prompts import eye_axis
from keras_pain.errors import ConfigurationError
from keras_pain.signals.landmarks import PARTS

VERSION = 1  # raised whenever the same seed comes to make another picture

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


class GeometricGenerator:
    """Changes outline, light and background; needs landmarks only.

    What a generator has says `keras_pain.augment.run.PictureRun`. The strength
    is the share of the largest change; ConfigurationError unless it is 0 to 1.
    """

    method = "geometric"
    reads_prompts = False

    def __init__(self, strength: float = 0.7):
        if not 0 <= strength <= 1:
            text = f"strength must be from 0 to 1, got {strength}"
            raise ConfigurationError(text)
        self.parameters = {"generator": "geometric", "version": VERSION}
        self.parameters["strength"] = strength
        name = "opencv-python-headless"
        try:
            self.versions = {name: importlib.metadata.version(name)}
        except importlib.metadata.PackageNotFoundError:
            self.versions = {"opencv": cv2.__version__}  # another wheel of it

    def generate(self, frames, points, seeds, **not_needed):
        """See `PictureRun`."""
        strength = self.parameters["strength"]
        return [
            change_face(frame, face, strength, seed)[0]
            for frame, face, seed in zip(frames, points, seeds, strict=True)
        ]


def change_face(
    frame: np.ndarray, points: np.ndarray, strength: float, seed: int
) -> tuple[np.ndarray, ...]:
    """Changes one face, `(H, W, 3)` uint8, by a share of the largest change.

    Returns the picture; `(H, W)` bool, the hull of brows, eyes, nose and mouth
    with its rim, where nothing is moved; `(H, W, 2)` float32, from where,
    relative to itself, each pixel was taken, x and y; `(H, W, 3)` float32 by
    which the light was multiplied; `(H, W)` float32 share of new background.
    Raises KerasPainError where the landmarks, `(68, 2)` pixels, are no face.
    """
    random = np.random.default_rng(seed)
    height, width = frame.shape[:2]
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)
    # Places of the picture as places of the face: from the middle between the
    # eyes, to the right and down the face, in distances between the eyes.
    middle, axes, distance = eye_axis(points)
    face = ((grid - middle) @ axes.T / distance).astype(np.float32)

    # What is protected, and 0 there rising smoothly to 1 around it.
    inner = np.delete(points, list(PARTS["jaw"]), axis=0)
    hull = cv2.convexHull(np.rint(inner).astype(np.int32))
    outside = cv2.fillConvexPoly(np.ones((height, width), np.uint8), hull, 0)
    away = cv2.distanceTransform(outside, cv2.DIST_L2, 5) / distance - _RIM
    protected, free = away <= 0, _smooth_step(away / _FADE)

    background = _background(frame, points, face, distance) * free * strength
    background *= _BACKGROUND
    # Two colours that run into each other.
    grey, tint = random.uniform(50, 205, (2, 1)), random.uniform(-1, 1, (2, 3))
    top, bottom = (grey + _WALL_TINT * tint).astype(np.float32)
    fade = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    wall = top + (bottom - top) * fade
    picture = _pixels(frame + background[..., None] * (wall - frame))

    shift = _shift(face, axes, distance, free, strength, random)
    place = (grid + shift).astype(np.float32)
    how = {"borderMode": cv2.BORDER_REFLECT_101}
    moved = cv2.remap(picture, place, None, cv2.INTER_CUBIC, **how)
    moved[protected] = frame[protected]
    gain = _light(face, strength, random)
    return _pixels(moved * gain), protected, shift, gain, background


def _pixels(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _shift(face, axes, distance, free, strength, random):
    """Where each pixel is taken from, relative to itself, in pixels."""
    x, y = face[..., 0], face[..., 1]
    largest = (_JAW, _CHEEKS, _CHIN, _HAIRLINE)
    jaw, cheeks, chin, hairline = random.uniform(-1, 1, 4) * largest
    below, above = _smooth_step(y / 1.6), _smooth_step((-0.2 - y) / 1.2)
    middle = np.exp(-(((y - 0.3) / 0.6) ** 2))
    near = np.exp(-((x / 1.8) ** 4) - ((y - 0.5) / 2.2) ** 4)
    across = x * (jaw * below + cheeks * middle)
    down = chin * below * np.maximum(y, 0) - hairline * above
    sigma, waves = _WAVE_LENGTH * distance, random.standard_normal(face.shape)
    waves = gaussian_filter(waves, (sigma, sigma, 0), mode="reflect")
    waves *= _WAVES / max(np.abs(waves).max(), 1e-9)
    bent = np.stack([across, down], axis=-1) + waves
    shift = bent * (near * free)[..., None] * strength
    shift = (shift @ axes * distance).astype(np.float32)
    while True:
        # The area that a pixel is taken from; below 0 it folds over.
        xy, xx = np.gradient(shift[..., 0])
        yy, yx = np.gradient(shift[..., 1])
        if not ((1 + xx) * (1 + yy) - xy * yx).min() < _MIN_AREA:
            return shift
        shift *= 0.8


def _light(face, strength, random):
    """A gain that rises evenly across the face, with a tint."""
    exposure = random.uniform(-_EXPOSURE, _EXPOSURE)
    angle = random.uniform(0, 2 * np.pi)
    slope = random.uniform(0, _SLOPE)
    tint = random.uniform(-_TINT, _TINT, 3)
    across = face @ np.array([np.cos(angle), np.sin(angle)])
    log = exposure + slope * np.clip(across, -2, 2)
    log = log[..., None] + tint - tint.mean()
    return np.exp(strength * log).astype(np.float32)


def _background(frame, points, face, distance):
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
    # What is surely face: the hull of the landmarks, a little smaller.
    hull = cv2.convexHull(np.float32(points * (size[0] / width)))[:, 0]
    middle = hull.mean(axis=0)
    hull = np.rint(middle + 0.85 * (hull - middle)).astype(np.int32)
    oval = cv2.fillConvexPoly(np.zeros(size[::-1], np.uint8), hull, 1) > 0
    label[oval] = cv2.GC_FGD
    if min(np.mean(~head & ~body), np.mean(oval)) < 0.02:
        return np.zeros((height, width), np.float32)
    label = label.astype(np.uint8)
    cv2.setRNGSeed(0)  # GrabCut starts from random clusters
    models = np.zeros((2, 1, 65))
    cv2.grabCut(small, label, None, *models, 3, cv2.GC_INIT_WITH_MASK)
    matte = np.isin(label, (cv2.GC_BGD, cv2.GC_PR_BGD)).astype(np.float32)
    # Over the rim of hair, through which the old background shines.
    matte = cv2.dilate(matte, np.ones((3, 3)))
    matte = cv2.resize(matte, (width, height))
    return cv2.GaussianBlur(matte, (0, 0), 0.03 * distance)


def _smooth_step(x):
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)
