"""What the released AACSFNet code does to its evaluation, by name.

Each entry is a switch for the table of single frames, see
`keras_pain.experiments.defects`, which finds them by name. `AS_CODED` lists
all that the released code does, in order; its first name is one of the defects
that are not peculiar to this code.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from keras_pain.experiments.defects import Defect
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
    Defect(
        name,
        DEFECTS[name],
        _CODE,
        arguments={method: {name: True} for method in methods},
    )
    for name, methods in _METHODS.items()
) + (
    Defect(
        "three_scales",
        DEFECTS["three_scales"],
        _CODE,
        arguments={"aacsfnet": {"patch_sizes": THREE_SCALES}},
    ),
)

PROTOCOL_DEFECTS = (
    Defect(
        "integer_labels",
        "intensities are cut to whole numbers, also those that are tested",
        _CODE,
        windows=_integer_labels,
    ),
    Defect(
        "first_person_untested",
        "the first person is trained on in every fold and never tested",
        _CODE,
        folds=_without_first,
    ),
    Defect(
        "first_trained_twice",
        "the first training person's frames are loaded twice",
        _CODE,
        train=_first_person_twice,
    ),
    Defect(
        "tail_as_zeros",
        "the test frames behind the last full batch are not predicted, and "
        "count as a true 0 predicted as 0",
        _CODE,
        scored=_zero_tail,
    ),
    Defect(
        "predictions_clipped",
        "predictions are cut to 0 to 15, though PSPI goes up to 16",
        _CODE,
        scored=_clip,
    ),
    Defect(
        "constant_correlates_zero",
        "the PCC of a constant truth or prediction is 0 instead of undefined, "
        "and enters the mean over folds",
        _CODE,
        metrics=_zero_for_undefined,
    ),
    Defect(
        "released_schedule",
        "Adam at 0.04, a tenth of it from epochs 10, 20 and 30, for 80 epochs",
        _CODE,
        arguments={
            method: {"recipe": AACSFNET_RELEASED_RECIPE}
            for method in ("aacsfnet", "resnet50_ham", "biscale_cross_vit")
        },
    ),
    Defect(
        "misnamed_logs",
        "the log calls the training MSE 'MAE', and the tested loss 'MSE'; it "
        "changes no number",
        _CODE,
    ),
)

AACSFNET_DEFECTS: dict[str, Defect] = {
    defect.name: defect for defect in (*NETWORK_DEFECTS, *PROTOCOL_DEFECTS)
}

AS_CODED: tuple[str, ...] = ("epoch_on_test", *AACSFNET_DEFECTS)
