"""Networks traced once per shape and re-initialised for every fold.

Tracing a recurrent network takes seconds, and a leave-one-subject-out run would
pay them for every fold. A kept network gets all of a new one's state (weights,
the seeds of its dropout) and a fresh optimiser, so that a fold comes out the
same alone and after others; a test says so.
"""

from collections.abc import Callable, Hashable, Sequence

import keras
import numpy as np

_kept: dict[Hashable, tuple[keras.Model, ...]] = {}


def fresh_models(
    key: Hashable,
    build: Callable[[], tuple[keras.Model, ...]],
    reuse: bool,
) -> tuple[keras.Model, ...]:
    """New models, or kept ones in the state of new ones.

    Args:
        key: What tells the models of one kind and shape from others.
        build: Builds and compiles them; draws their initial weights.
        reuse: Whether to keep them, and to use kept ones.

    Returns:
        The models in their initial state.
    """
    models = build()
    if not reuse:
        return models
    if key not in _kept:
        _kept[key] = models
        return models
    for old, new in zip(_kept[key], models, strict=True):
        _assign(old.variables, _values(new.variables))
        optimizer = getattr(old, "optimizer", None)
        if optimizer is not None and optimizer.built:
            new.optimizer.build(new.trainable_variables)
            _assign(old.optimizer.variables, _values(new.optimizer.variables))
    return _kept[key]


def trace(model: keras.Model, **fit_arguments) -> None:
    """Traces a model's training and validation steps, and undoes the step.

    Args:
        model: A compiled model in its initial state.
        **fit_arguments: What its `fit` will get.
    """
    if getattr(model, "train_function", None) is not None:
        return
    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    before = _values(variables)
    arguments = {**fit_arguments, "steps_per_epoch": 1, "epochs": 1}
    model.fit(**{**arguments, "callbacks": None})
    _assign(variables, before)


def _values(variables: Sequence[keras.Variable]) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(v.value) for v in variables]


def _assign(variables, values) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
