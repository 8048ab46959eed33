"""A simulated person's looks: a handful of numbers drawn from a seed."""

import dataclasses

import numpy as np

from keras_pain.corpora.faces import landmarks

# Rough sRGB means of light to dark skin.
_SKINS = (
    *((206, 164, 142), (198, 150, 122), (184, 134, 104), (160, 110, 82)),
    *((130, 86, 62), (98, 64, 48)),
)
_HAIRS = (
    *((38, 30, 28), (64, 44, 32), (98, 68, 44), (150, 118, 78)),
    *((132, 130, 128), (176, 174, 170)),
)
_CLOTHES = ((40, 46, 60), (96, 44, 48), (52, 84, 70), (120, 120, 128))
_BACKGROUNDS = (
    *((86, 122, 168), (150, 150, 146), (96, 110, 98), (178, 168, 150)),
    *((70, 74, 84), (134, 112, 104)),
)
_IRISES = ((62, 42, 30), (84, 62, 40), (78, 96, 108), (80, 92, 70))


@dataclasses.dataclass(frozen=True)
class Identity:
    """What tells one simulated face from another.

    Ratios are relative to the base portrait (1 leaves it as it is); offsets
    are in its pixels; colours are sRGB, 0..255.

    Args:
        face_width: Ratio of the face's width.
        face_length: Ratio of the distance from the eyes to the chin.
        jaw_width: Further ratio of the width at the chin.
        eye_size: Ratio of eye width.
        eye_opening: Ratio of the height of the open eye.
        eye_spacing: Offset of each eye from the middle.
        brow_height: Upward offset of the brows.
        brow_tilt: Upward offset of the outer ends against the inner ones.
        brow_thickness: Thickness of the brows.
        nose_width: Ratio.
        nose_length: Ratio.
        mouth_width: Ratio.
        lip_thickness: Ratio.
        smoothness: 0 keeps every wrinkle of the portrait, 1 none.
        skin: Mean colour of the skin.
        hair: Colour of hair and brows.
        long_hair: Whether hair falls beside the neck.
        iris: Colour.
        clothes: Colour.
        background: Mean colour.
        background_kind: 0 plain with a gradient, 1 blurred patches, 2 stripes.
        brightness: Of the light, as a factor.
        light_angle: Direction that the light comes from, radians.
        light_contrast: 0 even, 0.5 one side much darker.
        warmth: -1 bluish to 1 reddish light.
        zoom: Size of the head in the picture.
        mirrored: Whether the portrait is mirrored.
        texture_seed: Seed of hair and background texture.
    """

    face_width: float = 1.0
    face_length: float = 1.0
    jaw_width: float = 1.0
    eye_size: float = 1.0
    eye_opening: float = 1.0
    eye_spacing: float = 0.0
    brow_height: float = 0.0
    brow_tilt: float = 0.0
    brow_thickness: float = 6.0
    nose_width: float = 1.0
    nose_length: float = 1.0
    mouth_width: float = 1.0
    lip_thickness: float = 1.0
    smoothness: float = 0.5
    skin: tuple[int, int, int] = _SKINS[1]
    hair: tuple[int, int, int] = _HAIRS[0]
    long_hair: bool = False
    iris: tuple[int, int, int] = _IRISES[0]
    clothes: tuple[int, int, int] = _CLOTHES[0]
    background: tuple[int, int, int] = _BACKGROUNDS[0]
    background_kind: int = 0
    brightness: float = 1.0
    light_angle: float = 0.0
    light_contrast: float = 0.0
    warmth: float = 0.0
    zoom: float = 1.0
    mirrored: bool = False
    texture_seed: int = 0

    def rest(self) -> np.ndarray:
        """This face at rest, not mirrored, on the base portrait's canvas.

        Returns:
            `(68 + E, 2)` float64, x and y of the landmarks and of the extra
            points of `landmarks.EXTRA`.
        """
        face = landmarks.BASE.copy()
        face[36:48] = self._eyes(face[36:48])
        face[17:27, 1] -= self.brow_height
        outward = np.abs(np.arange(17, 27) - 21.5) / 4.5
        face[17:27, 1] -= self.brow_tilt * (outward - 0.5)
        face[27:36] = self._nose(face[27:36])
        face[48:] = self._mouth(face[48:])
        points = np.concatenate([face, landmarks.EXTRA])
        head = len(face) + landmarks.HEAD_EXTRA
        return np.concatenate([self._head(points[:head]), points[head:]])

    def _eyes(self, eyes):
        eyes = eyes.copy()
        for half, side in ((slice(0, 6), -1), (slice(6, 12), 1)):
            centre = eyes[half].mean(axis=0)
            ratio = (self.eye_size, self.eye_size * self.eye_opening)
            eyes[half] = centre + (eyes[half] - centre) * ratio
            eyes[half, 0] += side * self.eye_spacing
        return eyes

    def _nose(self, nose):
        ratio = np.array([self.nose_width, self.nose_length])
        return nose[0] + (nose - nose[0]) * ratio

    def _mouth(self, mouth):
        # The line where the lips meet stays put.
        middle = np.array([268.0, 280.0])
        # A longer nose pushes the mouth down a little.
        down = 30 * (self.nose_length - 1)
        ratio = np.array([self.mouth_width, self.lip_thickness])
        return middle + (mouth - middle) * ratio + (0, down)

    def _head(self, points):
        points = points.copy()
        centre, eye_line = 265.0, 190.0
        below = np.clip((points[:, 1] - eye_line) / 140, 0, 1)
        width = self.face_width * (1 + (self.jaw_width - 1) * below)
        points[:, 0] = centre + (points[:, 0] - centre) * width
        length = np.where(points[:, 1] > eye_line, self.face_length, 1.0)
        points[:, 1] = eye_line + (points[:, 1] - eye_line) * length
        return points


def draw_identity(seed: int) -> Identity:
    """A person's looks: the same seed, the same person."""
    rng = np.random.default_rng((seed, 0xFACE))

    def near(middle, spread):
        return float(middle + spread * np.clip(rng.normal(), -2, 2) / 2)

    def one_of(colours, spread):
        colour = np.array(colours[rng.integers(len(colours))])
        jitter = rng.integers(-spread, spread + 1, 3)
        return tuple(int(c) for c in np.clip(colour + jitter, 0, 255))

    return Identity(
        face_width=near(1.0, 0.10),
        face_length=near(1.0, 0.10),
        jaw_width=near(1.0, 0.12),
        eye_size=near(1.12, 0.15),
        eye_opening=near(1.15, 0.20),
        eye_spacing=near(0, 4),
        brow_height=near(2, 5),
        brow_tilt=near(0, 5),
        brow_thickness=near(6.5, 2.5),
        nose_width=near(0.95, 0.15),
        nose_length=near(0.97, 0.08),
        mouth_width=near(0.98, 0.12),
        lip_thickness=near(1.15, 0.3),
        smoothness=float(rng.uniform(0.2, 1.0)),
        skin=one_of(_SKINS, 8),
        hair=one_of(_HAIRS, 8),
        long_hair=bool(rng.random() < 0.45),
        iris=one_of(_IRISES, 8),
        clothes=one_of(_CLOTHES, 16),
        background=one_of(_BACKGROUNDS, 20),
        background_kind=int(rng.integers(3)),
        brightness=near(0.95, 0.15),
        light_angle=float(rng.uniform(0, 2 * np.pi)),
        light_contrast=float(rng.uniform(0.0, 0.25)),
        warmth=near(0.0, 1.0),
        zoom=near(1.0, 0.12),
        mirrored=bool(rng.random() < 0.5),
        texture_seed=int(rng.integers(2**31)),
    )
