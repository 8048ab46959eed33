"""The samples of one fold: split by people; windows scaled and augmented.

Prepared once and shared by all methods of the fold.
"""

import collections
import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from sklearn.preprocessing import StandardScaler

from keras_pain.data.augment import apply_scaler, augmented, fit_scaler
from keras_pain.data.clips import ClipSet
from keras_pain.errors import ConfigurationError
from keras_pain.experiments.defects import Samples, apply_defects
from keras_pain.experiments.protocols import Fold

# By kind: (key, owner, value) of the last few things that `kept` made.
_KEPT = {}


@dataclasses.dataclass(frozen=True)
class FoldData:
    """Scaled windows of one fold; `augmented` is what `augment` adds to.

    Face clips are varied while they are fed to a network; theirs has the
    generated pictures, if there are any. `scaler` is what windows were scaled
    by, None of clips.
    """

    train: Samples
    augmented: Samples
    validation: Samples
    test: Samples
    scaler: StandardScaler | None = None

    @property
    def parts(self) -> tuple[Samples, ...]:
        """The samples, in the order above."""
        return self.train, self.augmented, self.validation, self.test


def prepare_fold(
    samples: Samples,
    fold: Fold,
    seed: int,
    augmentation: str = "balanced",
    defects: Sequence[str] = (),
    least: int = 2,
) -> FoldData:
    """Samples of one fold, windows scaled and with augmented training copies.

    Samples are unscaled windows of every subject, or face clips; `seed` is of
    the `augmentation`, a kind of `keras_pain.data.augment.augmented`. Raises
    ConfigurationError where a part has no samples, or training has fewer than
    `least` classes.
    """
    parts = {}
    for name in ("train", "validation", "test"):
        parts[name] = samples.of_subjects(getattr(fold, name))
        if not len(parts[name]):
            problem = f"fold {fold.name}: its {name} subjects have no windows"
            raise ConfigurationError(problem)
    if of_clips := isinstance(samples, ClipSet):
        _keep_from_tests(parts, fold)
    parts["train"] = apply_defects(defects, "train", parts["train"])
    counts = class_counts(parts["train"])
    if samples.num_classes and np.count_nonzero(counts) < least:
        only = samples.class_names[int(np.argmax(counts))]
        raise ConfigurationError(
            f"fold {fold.name}: all {sum(counts)} training samples are "
            f"{only!r}, so there is nothing to learn; use more people, or "
            "another label rule"
        )
    if of_clips:
        parts["augmented"] = parts["train"]
        parts["train"] = parts["train"].take(~parts["train"].generated)
        return FoldData(**parts)

    def with_copies(parts):
        copies = {"augmented": augmented(parts["train"], augmentation, seed)}
        if "augmented_copies_tested" in defects:
            copies["test"] = augmented(parts["test"], "all_copies", [seed, 1])
        return parts | copies

    if first := "augmented_before_scaling" in defects:
        parts = with_copies(parts)
    if "scaler_on_everyone" in defects:
        # The same in every fold, and of the whole corpus with its copies.
        kind = augmentation if first else "none"
        scaler = kept(
            *("scaler", samples.x, kind),
            lambda: fit_scaler(augmented(samples, kind, 0)),
        )
    else:
        scaler = fit_scaler(parts.get("augmented", parts["train"]))
    parts = {k: apply_scaler(scaler, part) for k, part in parts.items()}
    return FoldData(**(parts if first else with_copies(parts)), scaler=scaler)


def _keep_from_tests(parts, fold):
    """Leaves generated pictures to training, of people who only train."""
    train = parts["train"]
    for name in ("validation", "test"):
        parts[name] = parts[name].take(~parts[name].generated)
    both = np.intersect1d(train.person[train.generated], parts["test"].person)
    if len(both):
        raise ConfigurationError(
            f"fold {fold.name}: generated pictures of {both[0]} would be "
            "trained on, who is tested in it"
        )
    # A method that chooses no epoch also trains on those of the validation.
    held_out = np.isin(train.person, parts["validation"].person)
    parts["train"] = train.take(~(train.generated & held_out))


def class_counts(samples: Samples) -> list[int]:
    """Samples of each class; where there are none, of all together."""
    if not samples.num_classes:
        return [len(samples)]
    return np.bincount(samples.y, minlength=samples.num_classes).tolist()


def kept(kind: str, owner, key, make: Callable, most: int = 1):
    """What `make()` returned for this key and very `owner`, or makes it anew.

    The last `most` of each kind are kept in this process; `owner` is what it
    is made of, and `key` what else it depends on.
    """
    entries = _KEPT.setdefault(kind, collections.deque(maxlen=most))
    for known, of, value in entries:
        if known == key and of is owner:
            return value
    entries.append((key, owner, make()))
    return entries[-1][-1]
