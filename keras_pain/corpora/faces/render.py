"""Draws a simulated face: any identity, any mix of action units."""

from collections.abc import Mapping

import cv2
import numpy as np

from keras_pain.corpora.faces import landmarks
from keras_pain.corpora.faces.features import paint_features
from keras_pain.corpora.faces.identity import Identity
from keras_pain.corpora.faces.portrait import Portrait, base_portrait
from keras_pain.corpora.faces.scenery import background, hair, light
from keras_pain.corpora.faces.shading import (
    REGION,
    TINT,
    shading_maps,
    shading_weights,
)
from keras_pain.corpora.faces.warp import thin_plate_map

# The part of the portrait that a picture shows, in its pixels.
_SHOWN = (360.0, 330.0)
_CENTRE = np.array([265.0, 214.0])
_NECK = np.array([265.0, 330.0])
_NOISE = 1.5  # standard deviation of the camera's noise, grey levels


class FaceRenderer:
    """Draws one person.

    Args:
        identity: The person.
        size: Height and width of the pictures, pixels.
    """

    def __init__(self, identity: Identity, size: tuple[int, int] = (240, 320)):
        height, width = size
        if min(height, width) < 32:
            raise ValueError(f"size must be 32 x 32 or more, got {size}")
        self.identity = identity
        self.size = (int(height), int(width))
        self._scale = identity.zoom * min(height / _SHOWN[0], width / _SHOWN[1])
        self._offset = np.array([width, height]) / 2 - self._scale * _CENTRE
        self._rest = identity.rest()
        self._source_scale = min(1.0, self._scale)
        self._source = self._scaled(_recoloured(identity))
        maps = [self._scaled(_embedded(m)) for m in shading_maps()[1]]
        self._shading = np.stack(maps, axis=-1)
        self._background = background(identity, self.size)
        self._light = light(identity, self.size)
        self._step = max(3, round(min(self.size) / 60))

    def _scaled(self, picture):
        if self._source_scale == 1:
            return picture
        return cv2.resize(
            picture,
            None,
            fx=self._source_scale,
            fy=self._source_scale,
            interpolation=cv2.INTER_AREA,
        )

    def draw(
        self,
        action_units: Mapping[int, float],
        *,
        shift: tuple[float, float] = (0.0, 0.0),
        roll: float = 0.0,
        seed: int | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """One picture of the person.

        Args:
            action_units: Unit to intensity: 4, 6, 7, 9, 10, 12, 25, 26 in
                0..5, 43 in 0..1; missing ones are 0.
            shift: Of the head, right and down, as shares of the picture's
                width and height.
            roll: Of the head, degrees clockwise.
            seed: Seed of the camera's noise; None draws without.

        Returns:
            The picture, `(height, width, 3)` uint8 RGB, and the landmarks,
            `(68, 2)` float32, x and y in pixels in the iBUG-68 order.

        Raises:
            ValueError: A unit is unknown or beyond its range.
        """
        strengths = landmarks.shares(action_units)
        moved = landmarks.express(self._rest, strengths)
        points = self._placed(moved, shift, roll)
        anchors = np.concatenate([landmarks.BASE, landmarks.EXTRA])
        source = (anchors + 0.5) * self._source_scale - 0.5
        places = thin_plate_map(points, source, self.size, self._step)
        layers = cv2.remap(
            self._shaded(strengths), places, None, cv2.INTER_LINEAR
        )
        rgb, alpha = np.ascontiguousarray(layers[..., :3]), layers[..., 3:]
        paint_features(
            rgb,
            points[:68],
            self.identity,
            self._scale,
            self._rest[:68] * self._scale,
        )
        rgb += self._background * (1 - alpha)
        rgb *= self._light
        if self.identity.mirrored:
            rgb = rgb[:, ::-1]
        if seed is not None:
            noise = np.random.default_rng(seed).standard_normal(
                rgb.shape[:2], dtype=np.float32
            )
            rgb = rgb + _NOISE * noise[..., None]
        picture = np.clip(np.rint(rgb), 0, 255).astype(np.uint8)
        return np.ascontiguousarray(picture), self._seen(points[:68])

    def _shaded(self, strengths):
        units = dict(zip(landmarks.ACTION_UNITS, strengths, strict=True))
        weights = shading_weights(units)
        if not weights.any():
            return self._source
        layers = self._source.copy()
        layers[..., :3] *= 1 - (self._shading @ weights)[..., None] * TINT
        return layers

    def _placed(self, points, shift, roll):
        """From the base portrait to the picture, head moved, body not."""
        height, width = self.size
        move = np.array([shift[0] * width, shift[1] * height])
        angle = np.deg2rad(roll)
        if self.identity.mirrored:  # the picture is mirrored at the end
            move[0], angle = -move[0], -angle
        cos, sin = np.cos(angle), np.sin(angle)
        turn = np.array([[cos, sin], [-sin, cos]])  # for rows; y is down
        head = len(landmarks.BASE) + landmarks.HEAD_EXTRA
        turned = (points[:head] - _NECK) @ turn + _NECK
        # Shoulders follow the head a little.
        scaled = np.concatenate([turned, points[head:]]) * self._scale
        scaled[:head] += move
        scaled[head:] += 0.4 * move
        return scaled + self._offset

    def _seen(self, points):
        if self.identity.mirrored:
            points = points[landmarks.MIRROR]
            points = np.stack(
                [self.size[1] - 1 - points[:, 0], points[:, 1]], axis=1
            )
        return points.astype(np.float32)


def _embedded(shading_map):
    """A map of `REGION` on the whole portrait's canvas."""
    shape = base_portrait().face_mask.shape
    canvas = np.zeros(shape, np.float32)
    canvas[REGION] = shading_map
    return canvas


def _recoloured(identity: Identity) -> np.ndarray:
    """The portrait in the person's colours: premultiplied RGB and alpha.

    Returns:
        `(600, 512, 4)` float32; colours 0..255, alpha 0..1.
    """
    portrait: Portrait = base_portrait()
    share = identity.smoothness
    skin = (1 - share) * portrait.skin + share * portrait.smooth_skin
    # The photograph is contrasty; a simulated light is added later.
    skin = np.sign(skin) * np.abs(skin) ** 0.85 * np.array(identity.skin)
    skin[REGION] *= 1 - shading_maps()[0][..., None] * TINT
    dark = portrait.body.mean(axis=-1, keepdims=True)
    cloth = portrait.body + np.array(identity.clothes) * np.clip(
        1 - dark / 110, 0, 1
    )
    locks = hair(identity, portrait.hair_mask.shape)
    layers = [
        (cloth, portrait.body_mask),
        (skin, portrait.face_mask),
        (locks, portrait.hair_mask),
    ]
    if identity.long_hair:
        layers.insert(0, (locks * 0.8, portrait.long_hair_mask))
    rgb = np.zeros_like(portrait.body)
    alpha = np.zeros((*rgb.shape[:2], 1), np.float32)
    for colours, mask in layers:
        mask = mask[..., None]
        rgb = colours * mask + rgb * (1 - mask)
        alpha = mask + alpha * (1 - mask)
    return np.concatenate([rgb, alpha], axis=-1).astype(np.float32)
