"""What a table compares: one interface for networks and classical pipelines.

Users bring their own as `--methods=my_package.my_module:my_method`, an object
with this interface or a function that returns one.
"""

import abc
import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from keras_pain.errors import KerasPainError
from keras_pain.experiments.defects import Samples


@dataclasses.dataclass
class FitReport:
    """What happened in one `fit`.

    `stages` are wall seconds of each training stage, in order; those of tracing
    networks, paid once a process, are in none of them. `history` has a row an
    epoch: `stage`, `epoch` and the logged values. `chosen_epoch` (from 1) is
    the one whose weights were kept; 0 where a method has no epochs.
    """

    stages: dict[str, float] = dataclasses.field(default_factory=dict)
    history: list[dict] = dataclasses.field(default_factory=list)
    chosen_epoch: int = 0
    trace_seconds: float = 0.0


# What networks of faces may do about zero intensities, see `optim`.
BALANCES = ("none", "sampling", "weights")
# Name of a network of frames that is trained on generated pictures as well.
GENERATED_TOO = "_generated"


def plain_name(name: str) -> str:
    """Name of a method without generated pictures."""
    return name.removesuffix(GENERATED_TOO)


class Method(abc.ABC):
    """One row of a table.

    A change that moves the method's numbers raises `version`, so that folds of
    the older one are not taken for its own. One that does not choose an epoch
    by the validation samples is trained on them as well in the protocol
    `leak_free`, where they are of training subjects. `on_epoch` is called with
    (stage, epoch, epochs) while training, if set.
    """

    name: str = ""  # short, used in folders and tables
    version: int = 1
    augment: bool = False  # whether `fit` gets the augmented training samples
    chooses_epoch: bool = True
    on_epoch: Callable[[str, int, int], None] | None = None
    holds_samples: bool = False  # whether `save` writes any, as neighbours do

    @abc.abstractmethod
    def fit(self, train: Samples, validation: Samples, seed: int) -> FitReport:
        """Trains anew, from scratch.

        Windows are scaled; `validation` may choose the epoch, and `seed` is of
        everything random in the method.
        """

    @abc.abstractmethod
    def predict_proba(self, samples: Samples) -> np.ndarray:
        """`(n, num_classes)` class probabilities.

        Where a table is of intensities, `predict` is called instead and
        returns `(n,)` of them.
        """

    def config(self) -> dict:
        """Settings that change the result; JSON values only.

        Version 1 is left out, as in folds from before there were versions.
        """
        version = {"version": self.version} if self.version != 1 else {}
        return {"name": self.name, **version}

    def save(self, folder: Path) -> None:  # noqa: B027
        """Writes the trained model into `folder`, if it is worth keeping."""

    def load(self, folder: Path, config: Mapping) -> None:
        """Makes a new method the trained one that `save` wrote.

        `config` is that of the method that did. Raises KerasPainError where
        the files are missing or damaged, or nothing was saved.
        """
        problem = f"{folder}: {self.name} cannot be loaded: it has no load()"
        raise KerasPainError(problem)
