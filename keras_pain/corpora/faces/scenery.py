"""What is around a simulated face: background, light, hair's texture."""

import cv2
import numpy as np

from keras_pain.corpora.faces.identity import Identity


def background(identity: Identity, size: tuple[int, int]) -> np.ndarray:
    """`(height, width, 3)` float32, 0..255, sharpness as behind a portrait."""
    height, width = size
    rng = np.random.default_rng((identity.texture_seed, 1))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    across = x / width * np.cos(angle) + y / height * np.sin(angle)
    relief = 0.25 * (across - across.mean())
    if identity.background_kind == 1:
        patches = rng.uniform(-1, 1, (5, 7)).astype(np.float32)
        relief += 0.35 * cv2.resize(
            patches, (width, height), interpolation=cv2.INTER_CUBIC
        )
    elif identity.background_kind == 2:
        period = rng.uniform(0.12, 0.3)
        phase = rng.uniform(0, 2 * np.pi)
        relief += 0.12 * np.sin(2 * np.pi * across / period + phase)
    colour = np.array(identity.background, np.float32)
    return np.clip(colour * (1 + relief[..., None]), 0, 255).astype(np.float32)


def light(identity: Identity, size: tuple[int, int]) -> np.ndarray:
    """Factors `(height, width, 3)` float32: brightness, direction, tint."""
    height, width = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    # Even beyond the head; the gradient lies on it.
    x = np.tanh((x / width - 0.5) * 4) * np.cos(identity.light_angle)
    y = np.tanh((y / height - 0.5) * 4) * np.sin(identity.light_angle)
    even = identity.brightness * (1 + identity.light_contrast * (x + y))
    tint = np.array([1 + 0.06 * identity.warmth, 1, 1 - 0.08 * identity.warmth])
    return (np.clip(even, 0.25, 1.7)[..., None] * tint).astype(np.float32)


def hair(identity: Identity, shape: tuple[int, int]) -> np.ndarray:
    """Colour of strands of hair, `(*shape, 3)` float32, 0..255."""
    rng = np.random.default_rng((identity.texture_seed, 2))
    noise = rng.normal(0, 1, shape).astype(np.float32)
    strands = cv2.GaussianBlur(noise, (0, 0), sigmaX=1.2, sigmaY=9)
    strands /= strands.std()
    y = np.arange(shape[0], dtype=np.float32)[:, None]
    # A sheen across the top of the head.
    sheen = 0.35 * np.exp(-(((y - 95) / 22) ** 2))
    relief = 1 + 0.16 * strands + sheen
    return np.array(identity.hair, np.float32) * relief[..., None]
