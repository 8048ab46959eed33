"""What the registry knows of one network."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import keras

from keras_pain.models.recipe import Recipe

# Windows of movement `(time, channels)`; face clips `(time, height, width, 3)`
# and frames `(height, width, 3)` in RGB from 0 to 255; 68 facial landmarks
# `(time, 68, 2)`; features of a clip's frames `(time, features)`.
WINDOWS, CLIPS, FRAMES = "windows", "clips", "frames"
LANDMARKS, FEATURES = "landmarks", "features"
DATA = (WINDOWS, CLIPS, FRAMES, LANDMARKS, FEATURES)


@dataclasses.dataclass(frozen=True)
class ModelEntry:
    """One model.

    Args:
        name: Key in `MODELS`.
        builder: Function that returns the model.
        paper: Whose architecture it is.
        task: What it predicts.
        input_shape: Of one example in the paper, see `data`.
        recipe: How it is trained.
        arguments: Arguments of the builder that make this entry, over its
            defaults.
        published_parameters: Parameter count that the paper prints, if any.
        note: What a reader of the count has to know.
        autoencoder: Entry of the model whose encoder this one takes over, or
            "".
        min_channels: Channels that a corpus must have for the model to be one
            of its methods: 26 for angles and energies, 30 with sEMG.
        shared_layers: Layers that the released code does not build anew for
            every fold; none named means the whole network, where somebody
            measures that defect.
        channel_order: Order of the channels that it is fed, see
            `keras_pain.data.channels`.
        data: What it is fed, one of `DATA`.
    """

    name: str
    builder: Callable[..., keras.Model]
    paper: str
    task: str
    input_shape: tuple[int, ...]
    recipe: Recipe
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    published_parameters: int | None = None
    note: str = ""
    autoencoder: str = ""
    min_channels: int = 26
    shared_layers: tuple[str, ...] = ()
    channel_order: str = "canonical"
    data: str = WINDOWS

    def build(self, **overrides: Any) -> keras.Model:
        """A new, untrained model.

        Args:
            **overrides: Arguments of the builder, over the entry's own.

        Returns:
            The model.
        """
        arguments = {
            "input_shape": self.input_shape,
            **self.arguments,
            "name": self.name,
        }
        return self.builder(**{**arguments, **overrides})

    @property
    def call(self) -> str:
        """The Python call that builds the entry's model."""
        arguments = {"input_shape": self.input_shape, **self.arguments}
        inside = ", ".join(f"{k}={v!r}" for k, v in arguments.items())
        return f"{self.builder.__name__}({inside})"
