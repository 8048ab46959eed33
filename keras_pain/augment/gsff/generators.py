"""What every generator takes and can do."""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from keras_pain.augment.gsff.tokens import CountTokens


@dataclasses.dataclass(frozen=True)
class Batch:
    """n frames of one size, with all that a generator may use.

    Args:
        frames: `(n, H, W, 3)` uint8, RGB.
        points: `(n, 68, 2)` float32 landmarks, x and y in pixels.
        seeds: n seeds of 63 bits, one a picture.
        prompts: n texts; empty for generators that read none.
        names: n names, for depth that is stored by name.
    """

    frames: np.ndarray
    points: np.ndarray
    seeds: Sequence[int]
    prompts: Sequence[str] = ()
    names: Sequence[str] = ()


class Generator(Protocol):
    """Makes one picture from each frame.

    Attributes:
        method: What the pictures are called in manifest and contact sheet.
        reads_prompts: Whether prompts have to be built.
        count_tokens: Counts the tokens of a prompt, None if nothing can.
    """

    method: str
    reads_prompts: bool
    count_tokens: CountTokens | None

    def describe(self) -> dict:
        """Parameters and hash of the model, JSON-able; equal for two
        generators that make the same pictures."""

    def versions(self) -> dict[str, str]:
        """Versions of the packages that it runs on."""

    def generate(self, batch: Batch) -> list[np.ndarray]:
        """n pictures `(H, W, 3)` uint8, of their frames' size.

        A picture depends on its own frame, prompt and seed, not on the others
        of the batch.

        Raises:
            KerasPainError: The generator cannot, and the user can cure it.
        """
