"""The samples of one fold: split by people; windows scaled and augmented.

Prepared once and shared by all methods of the fold.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from sklearn.preprocessing import StandardScaler

from keras_pain.data.augment import augmented
from keras_pain.data.clips import ClipSet
from keras_pain.data.scaling import apply_scaler, fit_scaler
from keras_pain.data.windows import WindowSet
from keras_pain.errors import ConfigurationError
from keras_pain.experiments.defects import Samples, resolve_defects
from keras_pain.experiments.protocols import Fold

_PARTS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True)
class FoldData:
    """Scaled windows of one fold; `augmented` is what `augment` adds to.

    Face clips are varied while they are fed to a network; theirs has the
    generated pictures, if there are any.
    """

    train: Samples
    augmented: Samples
    validation: Samples
    test: Samples


def prepare_fold(
    windows: Samples,
    fold: Fold,
    seed: int,
    augmentation: str = "balanced",
    defects: Sequence[str] = (),
) -> FoldData:
    """Samples of one fold, windows scaled and with augmented training copies.

    Args:
        windows: Unscaled windows of every subject, or face clips.
        fold: Subjects of each part.
        seed: Seed of the augmentation.
        augmentation: A kind of `keras_pain.data.augment.augmented`.
        defects: Known defects to mimic, see `experiments.defects`.

    Raises:
        ConfigurationError: A part has no windows, or training has one class.
    """
    chosen = resolve_defects(defects)
    first = any(defect.augments_first for defect in chosen)
    everyone = any(defect.scaler_sees_everyone for defect in chosen)
    parts = _parts(windows, fold)
    if isinstance(windows, ClipSet):
        _keep_from_tests(parts, fold)
    for defect in chosen:
        if defect.train is not None:
            parts["train"] = defect.train(parts["train"])
    counts = class_counts(parts["train"])
    if windows.num_classes and np.count_nonzero(counts) < 2:
        only = windows.class_names[int(np.argmax(counts))]
        raise ConfigurationError(
            f"fold {fold.name}: all {sum(counts)} training samples are "
            f"{only!r}, so there is nothing to learn; use more people, or "
            "another label rule"
        )
    if isinstance(windows, ClipSet):
        more = parts["train"]
        parts["train"] = more.take(~more.generated)
        return FoldData(augmented=more, **parts)
    raw = parts["train"]
    if first:
        raw = augmented(raw, augmentation, seed)
    if everyone:
        scaler = _scaler_of_everyone(windows, augmentation if first else "none")
    else:
        scaler = fit_scaler(raw)
    scaled = {name: apply_scaler(scaler, p) for name, p in parts.items()}

    def copies(name, kind, number):
        if first:
            return apply_scaler(scaler, augmented(parts[name], kind, number))
        return augmented(scaled[name], kind, number)

    train = (
        apply_scaler(scaler, raw)
        if first
        else augmented(scaled["train"], augmentation, seed)
    )
    if any(defect.tests_copies for defect in chosen):
        scaled["test"] = copies("test", "all_copies", [seed, 1])
    return FoldData(augmented=train, **scaled)


def scale_fold(windows: WindowSet, fold: Fold) -> dict[str, WindowSet]:
    """`train`, `validation` and `test`, scaled on training subjects only.

    Raises:
        ConfigurationError: A part has no windows.
    """
    parts = _parts(windows, fold)
    scaler = fit_scaler(parts["train"])
    return {name: apply_scaler(scaler, part) for name, part in parts.items()}


def _keep_from_tests(parts: dict[str, ClipSet], fold: Fold) -> None:
    """Leaves generated pictures to training, of people who only train.

    Raises:
        ConfigurationError: A person is trained on and tested.
    """
    train = parts["train"]
    for name in ("validation", "test"):
        parts[name] = parts[name].take(~parts[name].generated)
    made = np.unique(train.person[train.generated])
    both = np.intersect1d(made, parts["test"].person)
    if len(both):
        raise ConfigurationError(
            f"fold {fold.name}: generated pictures of {both[0]} would be "
            "trained on, who is tested in it"
        )
    # Who chooses no epoch also trains on the people of the validation.
    held_out = np.isin(train.person, parts["validation"].person)
    parts["train"] = train.take(~(train.generated & held_out))


def class_counts(windows: Samples) -> list[int]:
    """Samples of each class; where there are none, of all together."""
    if not windows.num_classes:
        return [len(windows)]
    return np.bincount(windows.y, minlength=windows.num_classes).tolist()


def _parts(windows: Samples, fold: Fold) -> dict[str, Samples]:
    parts = {}
    for name in _PARTS:
        parts[name] = windows.of_subjects(getattr(fold, name))
        if not len(parts[name]):
            raise ConfigurationError(
                f"fold {fold.name}: its {name} subjects have no windows"
            )
    return parts


# The same for every fold, and as big as the corpus with its copies.
_everyone: list[tuple[np.ndarray, str, StandardScaler]] = []


def _scaler_of_everyone(windows: WindowSet, augmentation: str):
    for x, kind, scaler in _everyone:
        if x is windows.x and kind == augmentation:
            return scaler
    scaler = fit_scaler(augmented(windows, augmentation, 0))
    _everyone[:] = [(windows.x, augmentation, scaler)]
    return scaler
