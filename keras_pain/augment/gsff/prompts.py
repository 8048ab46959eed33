"""From landmarks to the text prompt.

`words`: what the landmarks say is put into words, as many as CLIP reads.
`as_coded`: the released layout. To the user's prompt and a phrase on anatomy
it adds 68 pairs of numbers, of which CLIP reads the first three or so: the
landmarks hardly reach the network that way.
"""

import dataclasses

import numpy as np

from keras_pain.augment.gsff import geometry, released
from keras_pain.augment.gsff.tokens import LIMIT, CountTokens, estimate_tokens
from keras_pain.errors import ConfigurationError

LAYOUTS = ("words", "as_coded")


@dataclasses.dataclass(frozen=True)
class Prompt:
    """The text of one picture and how much of it counts.

    Args:
        text: The text.
        tokens: Tokens of the whole text, both ends included.
        exact: Whether a tokenizer counted them; else they are estimated.
        measures: What `geometry.measure` found; empty where it is not used.
        left_out: Phrases for which there was no room.
        points: Landmarks that survive the cut to 77 tokens; None where the
            text lists none.
    """

    text: str
    tokens: int
    exact: bool
    measures: dict[str, float]
    left_out: tuple[str, ...] = ()
    points: int | None = None


@dataclasses.dataclass(frozen=True)
class PromptBuilder:
    """Builds the prompt of every picture.

    Args:
        layout: One of `LAYOUTS`.
        user_prompt: What the text begins with; None takes the layout's own.
        anatomy: Phrase that the released code adds.
        limit: Tokens that the text encoder reads.

    Raises:
        ConfigurationError: The layout is unknown.
    """

    layout: str = "words"
    user_prompt: str | None = None
    anatomy: str = released.ANATOMY
    limit: int = LIMIT

    def __post_init__(self):
        if self.layout not in LAYOUTS:
            raise ConfigurationError(
                f"prompt must be one of {', '.join(LAYOUTS)}, got "
                f"{self.layout!r}"
            )

    @property
    def begin(self) -> str:
        """What the text begins with."""
        if self.user_prompt is not None:
            return self.user_prompt
        as_coded = self.layout == "as_coded"
        return released.PROMPT if as_coded else released.PERSON

    def describe(self) -> dict:
        """The settings, JSON-able."""
        return {**dataclasses.asdict(self), "user_prompt": self.begin}

    def build(
        self,
        points: np.ndarray,
        shape: tuple[int, ...],
        *,
        measured: bool = True,
        count: CountTokens | None = None,
    ) -> Prompt:
        """The prompt of one picture.

        Args:
            points: `(68, 2)` x, y in pixels.
            shape: Of the picture, height and width first.
            measured: False where the points are a schematic face put in
                place; then only the head's position is put into words.
            count: Counts tokens, both ends included; None estimates.

        Returns:
            The prompt.

        Raises:
            ConfigurationError: The user's prompt alone is too long.
            KerasPainError: No usable landmarks.
        """
        exact, count = count is not None, count or estimate_tokens
        if count(self.begin) > self.limit:
            raise ConfigurationError(
                f"the prompt takes {count(self.begin)} tokens of the "
                f"{self.limit} that the text encoder reads; shorten it: "
                f"{self.begin[:60]!r}"
            )
        if self.layout == "as_coded":
            return self._as_coded(points, shape, count, exact)
        return self._words(points, measured, count, exact)

    def _words(self, points, measured, count, exact) -> Prompt:
        measures = geometry.measure(points)
        if not measured:
            measures = {n: measures[n] for n in geometry.OF_THE_HEAD}
        phrases = geometry.describe(measures, tuple(measures))
        text, left_out = self.begin, []
        for phrase in [*phrases, *self.anatomy.split(", ")]:
            longer = f"{text}, {phrase}" if phrase else text
            if count(longer) > self.limit:
                left_out.append(phrase)
            else:
                text = longer
        return Prompt(text, count(text), exact, measures, tuple(left_out))

    def _as_coded(self, points, shape, count, exact) -> Prompt:
        geometry.eye_axis(points)  # 68 usable points, or an error
        share = np.asarray(points, np.float64) / (shape[1], shape[0])
        head = f"{self.begin}, {self.anatomy}, ["
        pairs = [f"({x:.3f}, {y:.3f})" for x, y in share]
        survive = 0
        for number in range(1, len(pairs) + 1):
            if count(head + ", ".join(pairs[:number])) > self.limit:
                break
            survive = number
        text = head + ", ".join(pairs) + "]"
        return Prompt(text, count(text), exact, {}, points=survive)
