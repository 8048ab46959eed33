"""What a table compares: one interface for networks and classical pipelines.

A method is a model and the recipe that trains it. Users bring their own as
`--methods=my_package.my_module:my_method`, an object with this interface or a
function that returns one.
"""

import abc
import dataclasses
import hashlib
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


# Name of a network of frames that is trained on generated pictures as well.
GENERATED_TOO = "_generated"


def plain_name(name: str) -> str:
    """Name of a method without generated pictures."""
    return name.removesuffix(GENERATED_TOO)


class Method(abc.ABC):
    """One row of a table.

    Attributes:
        name: Short name, used in folders and tables.
        augment: Whether `fit` gets the augmented training windows.
        chooses_epoch: Whether `fit` uses the validation windows. One that does
            not is trained on them as well in the protocol `leak_free`, where
            they are of training subjects.
        on_epoch: Called with (stage, epoch, epochs) while training, if set.
    """

    name: str = ""
    augment: bool = False
    chooses_epoch: bool = True
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
        """`(n, num_classes)` class probabilities of scaled windows.

        Where a table is of intensities, `predict` is called instead and
        returns `(n,)` of them.
        """

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
        ConfigurationError: No such method, the object is not one, or it takes
            the name of one of ours.
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
    if method.name in methods:
        raise ConfigurationError(
            f"--methods: {name!r} calls itself {method.name!r}, which is a "
            "method of the suite; give it a name of its own"
        )
    return method


def method_config(method: Method, name: str) -> dict:
    """What identifies a method in a fold's configuration.

    A user's own method need not have a `config`; the hash of the file that
    `name` points to stands in, so that an edited method is never taken for the
    one whose results are stored.

    Args:
        method: The method.
        name: What `resolve_method` was given.
    """
    config = method.config() if hasattr(method, "config") else {}
    config = {"name": method.name, **config}
    if ":" in name:
        module = importlib.import_module(name.partition(":")[0])
        source = Path(module.__file__).read_bytes()
        config["source_sha256"] = hashlib.sha256(source).hexdigest()
    return config


def registered_methods() -> dict[str, Callable[..., Method]]:
    """All methods of the suite: name to factory."""
    # Imported here: the modules define subclasses of `Method`.
    from keras_pain.experiments import (
        classical,
        clip_methods,
        fine_tuned,
        neural,
        pemf_methods,
        trivial,
    )

    return {
        **classical.METHODS,
        **trivial.METHODS,
        **neural.METHODS,
        **clip_methods.METHODS,
        **pemf_methods.METHODS,
        **fine_tuned.METHODS,
    }
