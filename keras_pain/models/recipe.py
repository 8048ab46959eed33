"""How a model is trained, with the source of every number."""

import dataclasses
from collections.abc import Mapping

UNSAID = "unsaid:"
CLASS_WEIGHTS = ("none", "complement", "balanced")
SCHEDULES = ("exponential", "multistep", "cosine")
_OPTIONAL = {
    "class_weights": "none",
    "loss_options": {},
    "optimizer_options": {},
    "schedule": (),
    "patience": None,
}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Training settings of one model or of one training stage.

    Args:
        learning_rate: Constant learning rate.
        batch_size: Windows a step.
        epochs: Passes over the training windows.
        loss: Name of a Keras loss over one-hot targets (classifiers) or over
            the input (autoencoders).
        optimizer: Name of a Keras optimizer; its other settings are Keras'
            defaults.
        monitor: Quantity whose best epoch is kept.
        class_weights: `"none"`; `"complement"`: class c weighs one minus its
            share of the training windows, in a mean weighted by them;
            `"balanced"`: it weighs the inverse of its share.
        loss_options: Arguments of the loss, e.g. Huber's `delta`.
        optimizer_options: Arguments of the optimizer beside the rate.
        schedule: How the learning rate falls, `()` if it does not:
            `("exponential", rate, steps)` multiplies it by `rate` after every
            so many steps; `("multistep", epochs, rate)` before each of these
            epochs, counted from 1; `("cosine",)` lets it fall to zero over
            all epochs.
        patience: Epochs without a better `monitor` that end the training;
            None trains all epochs.
        sources: For every field above, where its value comes from; a field
            that is left at its default needs none. A text
            that starts with "unsaid:" marks a value that the paper leaves
            open, and gives the reason for ours.
    """

    learning_rate: float
    batch_size: int
    epochs: int
    loss: str
    optimizer: str
    monitor: str
    sources: Mapping[str, str]
    class_weights: str = "none"
    loss_options: Mapping = dataclasses.field(default_factory=dict)
    optimizer_options: Mapping = dataclasses.field(default_factory=dict)
    schedule: tuple = ()
    patience: int | None = None

    def __post_init__(self):
        names = {field.name for field in dataclasses.fields(self)}
        names.remove("sources")
        names -= self._defaults() - set(self.sources)
        if self.class_weights not in CLASS_WEIGHTS:
            raise ValueError(
                f"class_weights must be one of {', '.join(CLASS_WEIGHTS)}, "
                f"got {self.class_weights!r}"
            )
        if self.schedule and self.schedule[0] not in SCHEDULES:
            raise ValueError(
                f"schedule must be one of {', '.join(SCHEDULES)}, got "
                f"{self.schedule[0]!r}"
            )
        wrong = names.symmetric_difference(self.sources)
        empty = {k for k, text in self.sources.items() if not text.strip()}
        if wrong or empty:
            raise ValueError(
                "every field of a recipe, and nothing else, needs a source; "
                f"look at {sorted(wrong | empty)}"
            )

    def settings(self) -> dict:
        """The fields without their sources."""
        fields = dataclasses.asdict(self)
        for name in {"sources", *self._defaults()}:
            del fields[name]
        return fields

    def _defaults(self) -> set[str]:
        """The optional fields that are as nearly all recipes have them."""
        return {
            field.name
            for field in dataclasses.fields(self)
            if field.name in _OPTIONAL
            and getattr(self, field.name) == _OPTIONAL[field.name]
        }

    def unsaid(self) -> dict[str, str]:
        """Reasons for the values that the paper leaves open, by field."""
        return {
            name: text.removeprefix(UNSAID).strip()
            for name, text in self.sources.items()
            if text.startswith(UNSAID)
        }

    def loss_for(self, num_classes: int) -> str:
        """The loss for this number of classes.

        Over a softmax of two classes, binary and categorical cross-entropy
        are the same number. Over more, binary cross-entropy would treat the
        classes as independent, so that the categorical one stands for it.

        Args:
            num_classes: Number of classes of the task.

        Returns:
            Name of a Keras loss.
        """
        if num_classes > 2 and self.loss == "binary_crossentropy":
            return "categorical_crossentropy"
        return self.loss
