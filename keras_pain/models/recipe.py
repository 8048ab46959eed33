"""How a model is trained, with the source of every number."""

import dataclasses
from collections.abc import Mapping

UNSAID = "unsaid:"
CLASS_WEIGHTS = ("none", "complement")


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
        class_weights: `"none"`, or `"complement"`: class c weighs one minus
            its share of the training windows, in a mean weighted by them.
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

    def __post_init__(self):
        names = {field.name for field in dataclasses.fields(self)}
        names.remove("sources")
        if self.class_weights == "none" and "class_weights" not in self.sources:
            names.remove("class_weights")
        if self.class_weights not in CLASS_WEIGHTS:
            raise ValueError(
                f"class_weights must be one of {', '.join(CLASS_WEIGHTS)}, "
                f"got {self.class_weights!r}"
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
        del fields["sources"]
        if self.class_weights == "none":
            del fields["class_weights"]
        return fields

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
