"""What a run is put together from, and what it tells at the end."""

import dataclasses

from keras_pain.augment.gsff import released
from keras_pain.augment.gsff.check import FaceCheck
from keras_pain.augment.gsff.generators import Generator
from keras_pain.augment.gsff.prompts import PromptBuilder
from keras_pain.errors import ConfigurationError
from keras_pain.signals.landmarks.sources import LandmarkSource


@dataclasses.dataclass(frozen=True)
class Parts:
    """The replaceable parts; the depth source is one of the generator's.

    Args:
        landmarks: Where the 68 points come from.
        generator: Makes the pictures.
        check: Looks at them, and finds faces for landmark sources.
        prompts: Builds the prompts, where the generator reads any.
    """

    landmarks: LandmarkSource
    generator: Generator
    check: FaceCheck
    prompts: PromptBuilder = dataclasses.field(default_factory=PromptBuilder)


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """How many pictures, from which seeds.

    Args:
        seed: Seed of the run.
        same_seed: Every picture starts from `seed` itself, as in the released
            code; else from one of its own that is drawn from it.
        copies: Pictures a frame.
        batch: Pictures made at once; changes no picture.
        skip_bad: Pass over frames that cannot be used; else stop at one.
        simulated: The frames are simulated.
        progress: Show a bar where standard error is a terminal.
    """

    seed: int = released.SEED
    same_seed: bool = False
    copies: int = 1
    batch: int = 4
    skip_bad: bool = True
    simulated: bool = False
    progress: bool = False

    def __post_init__(self):
        if min(self.copies, self.batch) < 1 or not 0 <= self.seed < 2**63:
            raise ConfigurationError(
                "copies and batch must be at least 1 and seed from 0 to "
                f"2^63 - 1, got {self.copies}, {self.batch}, {self.seed}"
            )
        if self.same_seed and self.copies > 1:
            raise ConfigurationError(
                "copies from the same seed are equal; take --copies 1 or "
                "leave --same_seed out"
            )


@dataclasses.dataclass(frozen=True)
class RunSummary:
    """What is in the folder after a run.

    Args:
        made: Pictures that this call made, good or not.
        kept: Pictures that were there before.
        good: Good pictures of these frames.
        rejected: `(source, copy, reason)` of the others.
        skipped: `(source, problem)` of frames that could not be used.
        notes: Frames by what had to be changed in them.
    """

    made: int
    kept: int
    good: int
    rejected: tuple[tuple[str, int, str], ...]
    skipped: tuple[tuple[str, str], ...]
    notes: dict[str, int]
