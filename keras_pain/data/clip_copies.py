"""One varied copy of a clip of pictures, all frames alike.

The released ConvNeXt-LSTM code (Ridouan et al., arXiv 2501.06787) trains on
every clip and on one such copy of it. It varies pictures that are standardised
already, so that a brightness of 0.4 is a tenth of what it says, and saturation
and hue are of colours that do not exist; `standardised` does that, too.
"""

import dataclasses

import cv2
import numpy as np


@dataclasses.dataclass(frozen=True)
class CopyJitter:
    """How much a copy differs. Numbers are the released code's.

    Args:
        flip: Probability of a horizontal flip.
        brightness: Most that is added, of a white of 1.
        contrast: Lowest and highest factor (unsaid: the facts at hand name
            the operation only; moderate values).
        saturation: The same (unsaid, likewise).
        hue: Largest turn to each side, of a circle of 1.
        affine: Probability of a shift and rotation.
        shift: Largest shift to each side, as a share of the picture.
        rotation: Largest angle to each side, degrees.
        zoom: Smallest part of a side that is cut out and enlarged.
        cutout: Probability that a rectangle is blanked.
        area: Its smallest and largest share of the picture.
    """

    flip: float = 0.5
    brightness: float = 0.4
    contrast: tuple[float, float] = (0.7, 1.3)
    saturation: tuple[float, float] = (0.7, 1.3)
    hue: float = 0.1
    affine: float = 0.7
    shift: float = 0.2
    rotation: float = 15.0
    zoom: float = 0.8
    cutout: float = 0.5
    area: tuple[float, float] = (0.02, 0.4)


def varied_copy(
    clip: np.ndarray,
    rng: np.random.Generator,
    jitter: CopyJitter = CopyJitter(),
    standardised: tuple[tuple, tuple] | None = None,
) -> np.ndarray:
    """A varied copy of a clip.

    Args:
        clip: `(T, size, size, 3)` uint8 RGB.
        rng: Draws what happens; equally often, whatever happens.
        jitter: How much may happen.
        standardised: Mean and standard deviation a channel, of pictures from
            0 to 1: the copy is varied after these are taken out, and they are
            put back. None varies the pictures themselves.

    Returns:
        `(T, size, size, 3)` float32, from 0 to 255; with `standardised` also
        beyond.
    """
    x = clip.astype(np.float32) / 255
    if standardised is not None:
        mean, std = np.float32(standardised)
        x = (x - mean) / std
    x = _moved(_coloured(x, rng, jitter), rng, jitter)
    if standardised is not None:
        return (x * std + mean) * 255
    return np.clip(x, 0, 1) * 255


def _coloured(x, rng, jitter: CopyJitter):
    import tensorflow as tf

    brightness = rng.uniform(0, jitter.brightness)
    contrast = rng.uniform(*jitter.contrast)
    saturation = rng.uniform(*jitter.saturation)
    hue = rng.uniform(-jitter.hue, jitter.hue)
    x = tf.image.adjust_contrast(x + brightness, contrast)
    x = tf.image.adjust_saturation(x, saturation)
    return tf.image.adjust_hue(x, hue).numpy()


def _moved(x, rng, jitter: CopyJitter):
    size = x.shape[1]
    flipped, moves, blanks = rng.random(3)
    shift = rng.uniform(-jitter.shift, jitter.shift, 2) * size
    angle = rng.uniform(-jitter.rotation, jitter.rotation)
    zoom = rng.uniform(jitter.zoom, 1.0)
    corner = rng.uniform(0, 1 - zoom, 2) * size
    share, shape = rng.uniform(*jitter.area), rng.uniform(-0.7, 0.7)
    place = rng.random(2)
    if flipped < jitter.flip:
        x = x[:, :, ::-1]
    matrix = np.eye(3)
    if moves < jitter.affine:
        middle = (size - 1) / 2
        matrix[:2] = cv2.getRotationMatrix2D((middle, middle), angle, 1.0)
        matrix[:2, 2] += shift
    # Then the cut-out part of the picture fills all of it.
    enlarge = np.diag([1 / zoom, 1 / zoom, 1.0])
    enlarge[:2, 2] = -corner / zoom
    matrix = (enlarge @ matrix)[:2]
    x = np.stack(
        [
            cv2.warpAffine(
                np.ascontiguousarray(frame),
                matrix,
                (size, size),
                borderMode=cv2.BORDER_REPLICATE,
            )
            for frame in x
        ]
    )
    if blanks < jitter.cutout:
        sides = size * np.sqrt(share * np.exp([shape, -shape]))
        height, width = np.clip(sides.round(), 1, size).astype(int)
        top = int(place[0] * (size - height + 1))
        left = int(place[1] * (size - width + 1))
        x[:, top : top + height, left : left + width] = 0
    return x
