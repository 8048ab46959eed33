"""What a table compares: one interface for networks and classical pipelines.

A method is a model and the recipe that trains it. Users bring their own as
`--methods=my_package.my_module:my_method`, an object with this interface or a
function that returns one.
"""

import abc
import dataclasses
import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_pain.data.windows import WindowSet
from keras_pain.errors import ConfigurationError


@dataclasses.dataclass
class FitReport:
    """What happened in one `fit`.

    Args:
        stages: Wall seconds of each training stage, in order.
        trace_seconds: Wall seconds of tracing networks, which is paid once a
            process and therefore not part of any stage.
        history: One row an epoch: `stage`, `epoch` and the logged values.
        chosen_epoch: Epoch (from 1) whose weights were kept; 0 where a method
            has no epochs.
    """

    stages: dict[str, float] = dataclasses.field(default_factory=dict)
    history: list[dict] = dataclasses.field(default_factory=list)
    chosen_epoch: int = 0
    trace_seconds: float = 0.0


class Method(abc.ABC):
    """One row of a table.

    Attributes:
        name: Short name, used in folders and tables.
        augment: Whether `fit` gets the augmented training windows.
        on_epoch: Called with (stage, epoch, epochs) while training, if set.
    """

    name: str = ""
    augment: bool = False
    on_epoch: Callable[[str, int, int], None] | None = None

    @abc.abstractmethod
    def fit(
        self, train: WindowSet, validation: WindowSet, seed: int
    ) -> FitReport:
        """Trains anew, from scratch.

        Args:
            train: Scaled training windows.
            validation: Scaled windows that may choose the epoch.
            seed: Seed of everything random in the method.
        """

    @abc.abstractmethod
    def predict_proba(self, windows: WindowSet) -> np.ndarray:
        """`(n, num_classes)` class probabilities of scaled windows."""

    def config(self) -> dict:
        """Settings that change the result; JSON values only."""
        return {"name": self.name}

    def save(self, folder: Path) -> None:  # noqa: B027
        """Writes the trained model into `folder`, if it is worth keeping."""


def resolve_method(name: str, **options) -> Method:
    """A new method by its registered name or by `module:object`.

    Args:
        name: A key of `METHODS`, or `package.module:attribute`.
        **options: Passed to the registered factory (`epochs`).

    Raises:
        ConfigurationError: No such method, or the object is not one.
    """
    methods = registered_methods()
    if name in methods:
        return methods[name](**options)
    if ":" not in name:
        raise ConfigurationError(
            f"--methods: {name!r} is not one of {sorted(methods)}, nor of the "
            "form package.module:object"
        )
    module_name, _, attribute = name.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")  # the user's own file in the current folder
    try:
        found = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"--methods: cannot load {name!r}: {error}"
        ) from error
    method = found() if callable(found) else found
    missing = [
        part
        for part in ("name", "fit", "predict_proba")
        if not getattr(method, part, None)
    ]
    if missing:
        raise ConfigurationError(
            f"--methods: {name!r} is not a method: it lacks "
            f"{', '.join(missing)} (see keras_pain.experiments.methods.Method)"
        )
    return method


def registered_methods() -> dict[str, Callable[..., Method]]:
    """All methods of the suite: name to factory."""
    # Imported here: the modules define subclasses of `Method`.
    from keras_pain.experiments import classical, neural

    return {**classical.METHODS, **neural.METHODS}
