"""What GSFF tells its generator: a face in words.

`words`: what the landmarks say is put into words, as many as CLIP reads.
`as_coded`: the released layout. To the user's prompt and a phrase on anatomy
it adds 68 pairs of numbers, of which CLIP reads the first three or so: the
landmarks hardly reach the network that way.
"""

import bisect
import dataclasses
from collections.abc import Callable

import numpy as np

from keras_pain.augment import ANATOMY, LAYOUTS, PERSON, PROMPT
from keras_pain.errors import ConfigurationError, KerasPainError
from keras_pain.signals.landmarks import NUM_POINTS, PARTS

LIMIT = 77  # tokens that CLIP's text encoder reads, both ends included

# All lengths are in distances between the centres of the eyes. The limits
# between words are of this project: the outer tenths of what a face mesh
# measures on 48 photographs of 24 people, neutral and smiling (Face Research
# Lab London Set), and for closed eyes the ratio of 0.2 below which Soukupova
# and Cech (2016) count a blink, lowered for eyes that are merely narrow.
BROWS = [*PARTS["right_brow"], *PARTS["left_brow"]]
_JAW = (0, 8, 16)  # right ear, chin, left ear
_NOSE_TIP = 30
_CORNERS = [48, 54]  # of the mouth
_LIPS_OUT, _LIPS_IN = (51, 57), (62, 66)  # upper and lower, in the middle

# For each measure its words and the limits between them; no word says nothing.
# In order of what is kept first where a prompt gets too long.
_WORDS = """
eye_opening: eyes closed < 0.13 < eyes narrowed < 0.20 < eyes open < 0.31 <
    eyes wide open;
mouth_opening: mouth closed < 0.04 < lips slightly parted < 0.10 < mouth open <
    0.30 < mouth wide open;
brow_height: brows lowered < 0.26 < brows relaxed < 0.34 < brows raised;
lip_corners: lip corners down < -0.04 < < 0.08 < lip corners raised;
turn: head turned left < -0.15 < facing the camera < 0.15 < head turned right;
roll: head tilted left < -6 < < 6 < head tilted right;
width_to_height: narrow face < 0.94 < oval face < 1.06 < broad face
"""
# By measure: the limits, and the words.
WORDS = {}
for _row in _WORDS.split(";"):
    _measure, _, _steps = _row.partition(":")
    _steps = [step.strip() for step in _steps.split("<")]
    _limits = tuple(map(float, _steps[1::2]))
    WORDS[_measure.strip()] = _limits, tuple(_steps[::2])
# Points that were not measured one by one still show where the face looks.
OF_THE_HEAD = ("turn", "roll")


def eye_axis(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Where a face of `(68, 2)` points in pixels is, which way up, how large.

    Returns `(2,)` middle between the eyes; `(2, 2)` rows of unit length, along
    the eyes towards the right of the picture and down the face; pixels between
    the eyes. Raises KerasPainError where there are not 68 finite points, or
    both eyes are in one place.
    """
    points = np.asarray(points, np.float64)
    if points.shape != (NUM_POINTS, 2) or not np.isfinite(points).all():
        text = f"landmarks of a face are ({NUM_POINTS}, 2) numbers, got "
        text += f"{points.shape} or some that are missing"
        raise KerasPainError(text)
    right, left = points[36:48].reshape(2, 6, 2).mean(axis=1)
    distance = float(np.hypot(*(left - right)))
    if not distance > 0:
        raise KerasPainError("the landmarks of both eyes are in one place")
    along = (left - right) / distance
    axes = np.array([along, [-along[1], along[0]]])
    return (left + right) / 2, axes, distance


def measure(points: np.ndarray) -> dict[str, float]:
    """Ratios that describe a face of `(68, 2)` points in pixels.

    `eye_opening` (height by width, mean of both eyes), `mouth_opening` (inner
    height by width), `brow_height`, `lip_corners` (upwards from the middle of
    the lips), `turn` (of the nose from the middle of the jaw, to the right of
    the picture), `roll` (degrees, clockwise in the picture), `width_to_height`
    (ear to ear by brows to chin). Errors are those of `eye_axis`.
    """
    middle, axes, distance = eye_axis(points)
    x, y = ((np.asarray(points, np.float64) - middle) @ axes.T / distance).T
    ear, chin, other_ear = _JAW
    mouth = np.ptp(x[_CORNERS])
    height = y[chin] - y[BROWS].min()

    def ratio(part, whole):  # 0 where landmarks leave it without any extent
        return float(part / whole) if whole > 0 else 0.0

    def opening(first):  # of the eye whose six points begin there
        upper, lower = y[first + 1 : first + 3], y[first + 4 : first + 6]
        return ratio(lower.mean() - upper.mean(), abs(x[first + 3] - x[first]))

    return {
        "eye_opening": (opening(36) + opening(42)) / 2,
        "mouth_opening": ratio(y[_LIPS_IN[1]] - y[_LIPS_IN[0]], mouth),
        "brow_height": float(-y[BROWS].mean()),
        "lip_corners": float(y[[*_LIPS_OUT]].mean() - y[_CORNERS].mean()),
        "turn": float(x[_NOSE_TIP] - (x[ear] + x[other_ear]) / 2),
        "roll": float(np.degrees(np.arctan2(axes[0, 1], axes[0, 0]))),
        "width_to_height": ratio(x[other_ear] - x[ear], height),
    }


@dataclasses.dataclass
class PromptBuilder:
    """Builds the prompts; ConfigurationError where the layout is unknown."""

    layout: str = "words"  # one of `LAYOUTS`
    user_prompt: str | None = None  # begins the text; None: the layout's own
    anatomy: str = ANATOMY  # phrase that the released code adds
    limit: int = LIMIT  # tokens that the text encoder reads

    def __post_init__(self):
        if self.layout not in LAYOUTS:
            text = f"prompt must be one of {', '.join(LAYOUTS)}, got "
            raise ConfigurationError(f"{text}{self.layout!r}")
        if self.user_prompt is None:
            self.user_prompt = PERSON if self.layout == "words" else PROMPT

    def build(
        self,
        points: np.ndarray,
        shape: tuple[int, ...],
        count: Callable[[str], int],
        *,
        measured: bool = True,
    ) -> dict:
        """The prompt of a picture, of `(68, 2)` points x, y in pixels.

        The shape is the picture's, height and width first; `count` counts
        tokens, both ends included. Of points that are not `measured`, a
        schematic face put in place, only the head's position is put into words.

        Returns `text`, its number of `tokens`, the `measures` of its words,
        phrases `left_out` for want of room, and `points`: how many landmarks
        survive the cut to 77 tokens, None where it lists none. Raises
        ConfigurationError where the user's prompt alone is too long;
        KerasPainError where there are none to use.
        """
        text, measures, left_out, survive = self.user_prompt, {}, [], None
        if count(text) > self.limit:
            raise ConfigurationError(
                f"the prompt takes {count(text)} tokens of the {self.limit} "
                f"that the text encoder reads; shorten it: {text[:60]!r}"
            )
        if self.layout == "words":
            measures = measure(points)
            if not measured:
                measures = {name: measures[name] for name in OF_THE_HEAD}
            phrases = [
                words[bisect.bisect(limits, measures[name])]
                for name, (limits, words) in WORDS.items()
                if name in measures
            ]
            for phrase in filter(None, [*phrases, *self.anatomy.split(", ")]):
                longer = f"{text}, {phrase}"
                if count(longer) > self.limit:
                    left_out.append(phrase)
                else:
                    text = longer
        else:
            eye_axis(points)  # 68 usable points, or an error
            share = np.asarray(points, np.float64) / (shape[1], shape[0])
            pairs = [f"({x:.3f}, {y:.3f})" for x, y in share]
            text = f"{text}, {self.anatomy}, ["
            survive = bisect.bisect(
                range(1, NUM_POINTS + 1),
                self.limit,
                key=lambda number: count(text + ", ".join(pairs[:number])),
            )
            text += ", ".join(pairs) + "]"
        # Exact: counted by the model's own tokenizer.
        prompt = {"text": text, "tokens": count(text), "exact": True}
        more = {"left_out": left_out, "points": survive}
        return {**prompt, "measures": measures, **more}
