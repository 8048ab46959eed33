"""What the released AACSFNet code does to its evaluation, by name.

Each entry is a switch for the table of single frames, in the manner of
`keras_pain.experiments.defects`: fields of the same name mean the same there.
`AS_CODED` lists all that the released code does, in order; its first name is
one of the defects that are not peculiar to this code.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from keras_pain.experiments.protocols import Fold
from keras_pain.models.aacsfnet import AACSFNET_RELEASED_RECIPE, DEFECTS
from keras_pain.models.biscale_cross_vit import THREE_SCALES

_CODE = "released AACSFNet code"
_HIGHEST = 15.0  # PSPI ends at 16

# Methods whose builders have the switch of that name.
_METHODS = {
    "channels_across_batch": ("aacsfnet", "resnet50_ham"),
    "mean_of_normed": ("aacsfnet", "resnet50_ham"),
    "class_token_keys": ("aacsfnet", "biscale_cross_vit"),
    "branches_across_batch": ("aacsfnet",),
}


@dataclasses.dataclass(frozen=True)
class FrameDefect:
    """One switch. Fields that are left out change nothing.

    Args:
        name: Its name, unique among all defects.
        says: What happens, in one line, for headers.
        source: Where it was seen.
        windows: `(samples, seed)` to samples with other labels.
        train: From training samples to those with the defect.
        folds: From all folds to those that are run.
        arguments: Arguments of methods, by method: of the model builder, or
            `recipe`.
        scored: `(y_true, y_pred, batch_size)` to the pair that is scored.
        metrics: From the metrics to those that are printed.
    """

    name: str
    says: str
    source: str = _CODE
    windows: Callable[[Any, int], Any] | None = None
    train: Callable[[Any], Any] | None = None
    folds: Callable[[Sequence[Fold]], list[Fold]] | None = None
    arguments: Mapping[str, Mapping] = dataclasses.field(default_factory=dict)
    scored: Callable[..., tuple[np.ndarray, np.ndarray]] | None = None
    metrics: Callable[[dict], dict] | None = None

    @property
    def only_scoring(self) -> bool:
        """Whether the networks are those of the protocol without it."""
        return self.scored is not None or self.metrics is not None


def _integer_labels(samples, seed: int):
    return dataclasses.replace(samples, y=np.trunc(samples.y))


def _first_person_twice(train):
    first = np.flatnonzero(train.subject == np.sort(train.subject)[0])
    return train.take(np.concatenate([first, np.arange(len(train))]))


def _without_first(folds: Sequence[Fold]) -> list[Fold]:
    first = min(subject for fold in folds for subject in fold.test)
    return [fold for fold in folds if first not in fold.test]


def _zero_tail(y_true, y_pred, batch_size: int):
    kept = np.arange(len(y_true)) < len(y_true) // batch_size * batch_size
    return np.where(kept, y_true, 0), np.where(kept, y_pred, 0)


def _clip(y_true, y_pred, batch_size: int):
    return y_true, np.clip(y_pred, 0.0, _HIGHEST)


def _zero_for_undefined(metrics: dict) -> dict:
    if metrics["pcc"] is not None:
        return metrics
    undefined = {k: v for k, v in metrics["undefined"].items() if k != "pcc"}
    return {**metrics, "pcc": 0.0, "undefined": undefined}


NETWORK_DEFECTS = tuple(
    FrameDefect(
        name,
        DEFECTS[name],
        arguments={method: {name: True} for method in methods},
    )
    for name, methods in _METHODS.items()
) + (
    FrameDefect(
        "three_scales",
        DEFECTS["three_scales"],
        arguments={"aacsfnet": {"patch_sizes": THREE_SCALES}},
    ),
)

PROTOCOL_DEFECTS = (
    FrameDefect(
        "integer_labels",
        "intensities are cut to whole numbers, also those that are tested",
        windows=_integer_labels,
    ),
    FrameDefect(
        "first_person_untested",
        "the first person is trained on in every fold and never tested",
        folds=_without_first,
    ),
    FrameDefect(
        "first_trained_twice",
        "the first training person's frames are loaded twice",
        train=_first_person_twice,
    ),
    FrameDefect(
        "tail_as_zeros",
        "the test frames behind the last full batch are not predicted, and "
        "count as a true 0 predicted as 0",
        scored=_zero_tail,
    ),
    FrameDefect(
        "predictions_clipped",
        "predictions are cut to 0 to 15, though PSPI goes up to 16",
        scored=_clip,
    ),
    FrameDefect(
        "constant_correlates_zero",
        "the PCC of a constant truth or prediction is 0 instead of undefined, "
        "and enters the mean over folds",
        metrics=_zero_for_undefined,
    ),
    FrameDefect(
        "released_schedule",
        "Adam at 0.04, a tenth of it from epochs 10, 20 and 30, for 80 epochs",
        arguments={
            method: {"recipe": AACSFNET_RELEASED_RECIPE}
            for method in ("aacsfnet", "resnet50_ham", "biscale_cross_vit")
        },
    ),
    FrameDefect(
        "misnamed_logs",
        "the log calls the training MSE 'MAE', and the tested loss 'MSE'; it "
        "changes no number",
    ),
)

AACSFNET_DEFECTS: dict[str, FrameDefect] = {
    defect.name: defect for defect in (*NETWORK_DEFECTS, *PROTOCOL_DEFECTS)
}

AS_CODED: tuple[str, ...] = ("epoch_on_test", *AACSFNET_DEFECTS)
