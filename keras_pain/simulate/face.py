"""A simulated face: any person, any mix of action units, drawn as a picture.

The 68 points are in the order of iBUG (300-W): jaw 0-16, brows 17-26, nose
27-35, eyes 36-47, outer lips 48-59, inner lips 60-67, from the picture's left
to its right. They were placed by hand on the base portrait (`face_paint`);
x, y are its pixels.

How far a unit moves a point follows the descriptions of the FACS manual (Ekman,
Friesen & Hager, 2002) in direction; the amounts are ours, chosen to look like
that unit on a face whose eyes are 85 pixels apart.
"""

import functools
import types
from collections.abc import Iterable, Iterator, Mapping

import cv2
import numpy as np
from numpy.random import default_rng

from keras_pain.signals import landmarks
from keras_pain.simulate import face_paint, rows_of
from keras_pain.simulate.face_paint import points_of

ACTION_UNITS = (4, 6, 7, 9, 10, 12, 25, 26, 43)
MAX_INTENSITY = {**dict.fromkeys(ACTION_UNITS, 5.0), 43: 1.0}
# The active appearance model of UNBC has all points but the inner corners of
# the mouth.
AAM_66 = np.delete(np.arange(68), (60, 64))
BASE = points_of(
    # Jaw
    "178,190 180,210 184,230 190,252 196,275 204,297 217,315 239,327 267,331"
    " 294,327 316,315 327,297 334,275 341,252 346,230 350,210 352,190"
    # Brows
    " 189,172 201,165 215,163 229,166 245,172"
    " 283,170 298,163 312,160 326,162 340,169"
    # Nose
    " 265,190 266,206 267,221 267,237 246,246 257,250 268,253 279,250 291,245"
    # Eyes
    " 203,193 213,186 227,186 238,194 227,197 213,197"
    " 290,193 300,184 314,184 326,190 314,195 300,195"
    # Lips, outer and inner
    " 229,281 241,276 256,273 267,274 280,273 298,275 311,279 298,288 283,293"
    " 268,294 253,293 240,288"
    " 234,280.5 253,279.3 267,280 283,278 306,278 283,279 267,281 253,280.3"
)
# Points that are no landmarks but that the warp has to hold or move; the cheeks
# are numbers 68 and 69.
_CHEEKS = points_of("207,235 323,233")
_HEAD = points_of(
    "215,145 264,148 314,145 264,172 157,205 168,255 150,140 190,85 262,65"
    " 338,85 374,140 372,205 362,255"
)
_BODY = points_of(
    "207,345 264,365 327,345 110,365 420,365 40,420 264,430 480,420 20,590"
    " 264,590 500,590"
)
ANCHORS = np.concatenate([BASE, _CHEEKS, _HEAD, _BODY])
_ABOVE_BODY = len(ANCHORS) - len(_BODY)
# Upper and lower lid points that lie over one another.
LIDS = ((37, 41), (38, 40), (43, 47), (44, 46))
MIRROR = np.array(landmarks.MIRROR)
# Displacement (right, down) of points at a unit's highest intensity, in pixels
# of the base portrait; those of the picture's left half stand for both halves.
_MOVES = """
 4  17:1,2 18:2,6 19:4,10 20:5,13 21:6,14 27:0,2
 6  17:1,2 36:1.5,-1 48:-2,-2 60:-2,-2 68:0,-11
 9  20:1,4 21:2,6 28:0,-2 29:0,-4 30:0,-5 31:-3,-6 32:-1,-5 33:0,-4
 9  49:0,-2 50:0,-4 51:0,-4 61:0,-3 62:0,-3 68:0,-3
10  31:-4,-3 32:-1,-1 49:-1,-6 50:0,-9 51:0,-8 61:0,-9 62:0,-8.5 60:0,-2
10  48:0,-1 68:0,-3
12  48:-13,-9 60:-13,-9 49:-8,-4 59:-8,-3 50:-3,0 58:-3,0 61:-4,0 67:-4,0
12  51:0,1 62:0,1 31:-2,0 4:-2,0 68:0,-5
25  50:0,-2 51:0,-2 61:0,-2.5 62:0,-2.5 67:0,4 66:0,5 59:0,2 58:0,5 57:0,5
26  3:0,3 4:1,9 5:3,16 6:3,20 7:1,22 8:0,22 48:4,5 60:4,6 49:2,2 59:3,13
26  58:0,19 57:0,20 67:0,18 66:0,20
"""
# The share by which a unit narrows the opening of the eyes at its highest, and
# the upper lid's part of that.
_NARROWS = {6: (0.25, 0.1), 7: (0.45, 0.4), 9: (0.15, 0.3), 43: (0.96, 0.9)}

# The part of the portrait that a picture shows, in its pixels.
_SHOWN = (360.0, 330.0)
_CENTRE = np.array([265.0, 214.0])
_NECK = np.array([265.0, 330.0])
_NOISE = 1.5  # standard deviation of the camera's noise, grey levels


def _all_moves():
    moves = np.zeros((len(ACTION_UNITS), len(ANCHORS), 2))
    mirror = [*landmarks.MIRROR, 69, 68]
    for unit, *items in rows_of(_MOVES):
        row = moves[ACTION_UNITS.index(int(unit))]
        for item in items:
            point, _, move = item.partition(":")
            row[mirror[int(point)]] = points_of(move) * (-1, 1)
            row[int(point)] = points_of(move)
    return moves


_ALL_MOVES = _all_moves()


def shares(action_units: Mapping[int, float]) -> np.ndarray:
    """Intensities as shares of the highest of each of `ACTION_UNITS`, `(9,)`.

    ValueError where one is unknown or beyond its range.
    """
    values = np.zeros(len(ACTION_UNITS))
    for unit, intensity in action_units.items():
        highest, fault = MAX_INTENSITY.get(unit), ""
        if highest is None:
            fault = f"is not drawn; known are {ACTION_UNITS}"
        elif not 0 <= intensity <= highest:
            fault = f"goes from 0 to {highest:g}, got {intensity}"
        if fault:
            raise ValueError(f"action unit {unit} {fault}")
        values[ACTION_UNITS.index(unit)] = intensity / highest
    return values


def express(points: np.ndarray, strengths: np.ndarray) -> np.ndarray:
    """The points of `Identity.rest`, moved by action units of `shares`."""
    moved = points + np.tensordot(strengths, _ALL_MOVES, axes=1)
    left_open, from_above = 1.0, 0.0
    for unit, (share, upper_part) in _NARROWS.items():
        lost = left_open * share * strengths[ACTION_UNITS.index(unit)]
        from_above += lost * upper_part
        left_open -= lost
    from_below = 1.0 - left_open - from_above
    for upper, lower in LIDS:
        opening = moved[lower] - moved[upper]
        moved[upper] += from_above * opening
        moved[lower] -= from_below * opening
    return moved


# What tells one face from another, drawn in this order: near a number, within
# that from it at most; between two; true with a chance; a whole number below;
# or a colour (sRGB) of those listed, each channel off by the first number at
# most. Ratios are relative to the base portrait, offsets in its pixels. Colours
# of skin are rough means of light to dark; brows have that of the hair.
_LOOKS = """
face_width       near 1.0 0.10   # ratio
face_length      near 1.0 0.10   # ratio, from the eyes to the chin
jaw_width        near 1.0 0.12   # further ratio at the chin
eye_size         near 1.12 0.15  # ratio of the width
eye_opening      near 1.15 0.20  # ratio of the height of the open eye
eye_spacing      near 0 4        # offset of each eye from the middle
brow_height      near 2 5        # upward offset
brow_tilt        near 0 5        # the same, of outer against inner ends
brow_thickness   near 6.5 2.5
nose_width       near 0.95 0.15  # ratio
nose_length      near 0.97 0.08  # ratio
mouth_width      near 0.98 0.12  # ratio
lip_thickness    near 1.15 0.3   # ratio
smoothness       between 0.2 1   # 0 keeps every wrinkle, 1 none
skin colour 8 206,164,142 198,150,122 184,134,104 160,110,82 130,86,62 98,64,48
hair colour 8 38,30,28 64,44,32 98,68,44 150,118,78 132,130,128 176,174,170
long_hair        chance 0.45     # whether hair falls beside the neck
iris             colour 8 62,42,30 84,62,40 78,96,108 80,92,70
clothes          colour 16 40,46,60 96,44,48 52,84,70 120,120,128
background       colour 20 86,122,168 150,150,146 96,110,98 178,168,150 \
    70,74,84 134,112,104
background_kind  below 3         # gradient, blurred patches or stripes
brightness       near 0.95 0.15  # of the light, as a factor
light_angle      between 0 6.283185307179586  # where from, radians
light_contrast   between 0 0.25  # 0 even, 0.5 one side much darker
warmth           near 0 1        # -1 bluish to 1 reddish light
zoom             near 1.0 0.12   # size of the head in the picture
mirrored         chance 0.5      # whether the portrait is mirrored
texture_seed     below 2147483648  # of hair and background
"""


class Identity(types.SimpleNamespace):
    """A face, by the names of `_LOOKS`."""

    def rest(self) -> np.ndarray:
        """Landmarks and extra points at rest, `(68 + E, 2)` float64.

        Not mirrored, on the base portrait's canvas.
        """
        points = ANCHORS.copy()
        for eye, side in ((points[36:42], -1), (points[42:48], 1)):
            centre = eye.mean(axis=0)
            ratio = (self.eye_size, self.eye_size * self.eye_opening)
            eye[:] = centre + (eye - centre) * ratio
            eye[:, 0] += side * self.eye_spacing
        brows = points[17:27]
        brows[:, 1] -= self.brow_height
        outward = np.abs(np.arange(17, 27) - 21.5) / 4.5
        brows[:, 1] -= self.brow_tilt * (outward - 0.5)
        top = points[27].copy()
        nose = (points[27:36] - top) * (self.nose_width, self.nose_length)
        points[27:36] = top + nose
        # Where the lips meet stays; a longer nose pushes them down a little.
        middle = np.array([268.0, 280.0])
        lips = (points[48:68] - middle) * (self.mouth_width, self.lip_thickness)
        points[48:68] = middle + lips + (0, 30 * (self.nose_length - 1))

        head = points[:_ABOVE_BODY]
        centre, eye_line = 265.0, 190.0
        below = np.clip((head[:, 1] - eye_line) / 140, 0, 1)
        width = self.face_width * (1 + (self.jaw_width - 1) * below)
        head[:, 0] = centre + (head[:, 0] - centre) * width
        length = np.where(head[:, 1] > eye_line, self.face_length, 1.0)
        head[:, 1] = eye_line + (head[:, 1] - eye_line) * length
        return points


def draw_identity(seed: int) -> Identity:
    """A person's looks: the same seed, the same person."""
    rng = default_rng((seed, 0xFACE))
    draws = {
        "near": lambda m, most: m + most * np.clip(rng.normal(), -2, 2) / 2,
        "between": rng.uniform,
        "chance": lambda chance: rng.random() < chance,
        "below": lambda number: rng.integers(int(number)),
    }
    looks = {}
    for name, how, *numbers in rows_of(_LOOKS):
        if how == "colour":
            spread, colours = int(numbers[0]), numbers[1:]
            colour = points_of(colours[rng.integers(len(colours))])[0]
            jitter = rng.integers(-spread, spread + 1, 3)
            looks[name] = tuple(np.clip(colour + jitter, 0, 255).tolist())
        else:
            looks[name] = draws[how](*map(float, numbers))
    return Identity(**looks)


def draw_frames(
    person_seed: int, size: tuple[int, int], motion, seeds: Iterable[int]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pictures and landmarks of a clip, see `FaceRenderer.draw`.

    The motion is an `expressions.FaceMotion`; a seed, of the camera's noise, is
    taken before each picture.
    """
    renderer, units = _renderer(person_seed, size), motion.units.items()
    for index, seed in zip(range(len(motion.roll)), seeds, strict=False):
        now = {unit: values[index] for unit, values in units}
        shift, roll = motion.shift[index], motion.roll[index]
        yield renderer.draw(now, shift=shift, roll=roll, seed=seed)


@functools.lru_cache(maxsize=1)  # clips of one person follow one another
def _renderer(seed, size):
    return FaceRenderer(draw_identity(seed), size)


class FaceRenderer:
    """Draws one person, in pictures of some height and width, pixels."""

    def __init__(self, identity: Identity, size: tuple[int, int] = (240, 320)):
        height, width = size
        if min(height, width) < 32:
            raise ValueError(f"size must be 32 x 32 or more, got {size}")
        self.identity = identity
        self.size = height, width
        self._scale = identity.zoom * min(height / _SHOWN[0], width / _SHOWN[1])
        self._offset = np.array([width, height]) / 2 - self._scale * _CENTRE
        self._rest = identity.rest()
        self._source_scale = min(1.0, self._scale)
        self._source = self._scaled(face_paint.recoloured(identity))
        maps = [self._scaled(fold) for fold in face_paint.fold_maps()]
        self._shading = np.stack(maps, axis=-1)
        self._background = face_paint.background(identity, self.size)
        self._light = face_paint.light(identity, self.size)

    def _scaled(self, picture):
        scale, how = self._source_scale, cv2.INTER_AREA
        if scale == 1:
            return picture
        return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=how)

    def draw(
        self,
        action_units: Mapping[int, float],
        *,
        shift: tuple[float, float] = (0.0, 0.0),
        roll: float = 0.0,
        seed: int | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """One picture of the person, and its landmarks.

        Action units have intensities from 0, as missing ones, to
        `MAX_INTENSITY`. The head is moved right and down, by shares of the
        picture's width and height, and rolled clockwise, degrees; the seed is
        of the camera's noise, None draws without.

        These are `(height, width, 3)` uint8 RGB and `(68, 2)` float32, x and y
        in pixels in the iBUG-68 order.
        """
        strengths = shares(action_units)
        points = self._placed(express(self._rest, strengths), shift, roll)
        anchors = (ANCHORS + 0.5) * self._source_scale - 0.5
        step = max(3, round(min(self.size) / 60))
        places = thin_plate_map(points, anchors, self.size, step)
        units = dict(zip(ACTION_UNITS, strengths, strict=True))
        weights, source = face_paint.fold_weights(units), self._source
        if weights.any():
            dark = (self._shading @ weights)[..., None] * face_paint.TINT
            source = source.copy()
            source[..., :3] *= 1 - dark
        layers = cv2.remap(source, places, None, cv2.INTER_LINEAR)
        rgb, alpha = layers[..., :3], layers[..., 3:]
        points, rest = points[:68], self._rest[:68] * self._scale
        face_paint.paint_features(rgb, points, self.identity, self._scale, rest)
        rgb += self._background * (1 - alpha)
        rgb *= self._light
        if self.identity.mirrored:
            rgb = rgb[:, ::-1]
            points = points[MIRROR] * (-1, 1) + (self.size[1] - 1, 0)
        if seed is not None:
            rng, shape = default_rng(seed), (*self.size, 1)
            rgb += _NOISE * rng.standard_normal(shape, dtype=np.float32)
        picture = np.clip(np.rint(rgb), 0, 255).astype(np.uint8)
        return np.ascontiguousarray(picture), points.astype(np.float32)

    def _placed(self, points, shift, roll):
        """From the base portrait to the picture, head moved, body not."""
        move = np.array(shift) * self.size[::-1]
        angle = np.deg2rad(roll)
        if self.identity.mirrored:  # the picture is mirrored at the end
            move[0], angle = -move[0], -angle
        cos, sin = np.cos(angle), np.sin(angle)
        turn = np.array([[cos, sin], [-sin, cos]])  # for rows; y is down
        turned = (points[:_ABOVE_BODY] - _NECK) @ turn + _NECK
        scaled = np.concatenate([turned, points[_ABOVE_BODY:]]) * self._scale
        # Shoulders follow the head a little.
        scaled[:_ABOVE_BODY] += move
        scaled[_ABOVE_BODY:] += 0.4 * move
        return scaled + self._offset


def thin_plate_map(
    here: np.ndarray, there: np.ndarray, size, step: int, stiffness=0.05
) -> np.ndarray:
    """Where each pixel of a picture comes from, for `cv2.remap`.

    The spline of Bookstein (IEEE TPAMI 11(6), 1989), solved for the points and
    evaluated on a coarse grid, `step` pixels wide, between whose nodes it is
    linear. `scipy.interpolate.RBFInterpolator` gives the same numbers; its
    set-up and float64 evaluation take longer than all else that a frame needs.

    Points are `(P, 2)` x, y, `here` in the picture to be drawn, of some height
    and width, `there` in the one to be warped. The stiffness is a ridge that
    lets points that lie close together give way, in units of the spline's
    kernel at unit distance. Returns `(*size, 2)` float32.
    """
    scale = float(max(size))
    here, there = here / scale, there / scale
    count = len(here)
    bending = _kernel(here, here) + stiffness / scale * np.eye(count)
    affine = np.insert(here, 0, 1, axis=1)
    system = np.block([[bending, affine], [affine.T, np.zeros((3, 3))]])
    solution = np.linalg.solve(system, np.pad(there, ((0, 3), (0, 0))))
    nodes, shape = _nodes(size, step)
    nodes = nodes / np.float32(scale)
    # einsum, as many-threaded matrix products of this size wait more than work.
    kernel = _kernel(nodes, here.astype(np.float32))
    values = np.einsum("np,pc->nc", kernel, solution[:count].astype(np.float32))
    values += solution[count] + nodes @ solution[count + 1 :]
    values = (values * scale).astype(np.float32).reshape(*shape, 2)
    dense = cv2.resize(values, None, fx=step, fy=step)
    return dense[step : step + size[0], step : step + size[1]]


def _kernel(a, b):
    """r^2 log r of all pairs, `(A, B)`."""
    squared = (a[:, None, 0] - b[:, 0]) ** 2 + (a[:, None, 1] - b[:, 1]) ** 2
    np.maximum(squared, 1e-12, out=squared)
    return 0.5 * squared * np.log(squared)


@functools.lru_cache(maxsize=16)
def _nodes(size, step):
    """Places of the nodes, `(N, 2)` float32, one row and column beyond each
    edge, where `cv2.resize` takes them to lie; and their `(rows, columns)`."""
    numbers = (np.arange(-1, -(-length // step) + 1) for length in size)
    y, x = ((number + 0.5) * step - 0.5 for number in numbers)
    nodes = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return nodes.astype(np.float32), (len(y), len(x))
