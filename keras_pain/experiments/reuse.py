"""Networks traced once per shape and re-initialised for every fold.

Tracing a recurrent network takes seconds, and a leave-one-subject-out run would
pay them for every fold. A kept network gets all of a new one's state (weights,
the seeds of its dropout) and a fresh optimiser, so that a fold comes out the
same alone and after others; a test says so.
"""

from collections.abc import Callable, Hashable, Sequence

import keras
import numpy as np

Models = tuple[keras.Model, ...]

# Models, and their optimisers' variables as they start.
_kept: dict[Hashable, tuple[Models, list[list[np.ndarray]]]] = {}


def fresh_models(
    key: Hashable,
    build: Callable[[], Models],
    compile_models: Callable[..., None],
    reuse: bool,
) -> Models:
    """New compiled models, or kept ones in the state of new ones.

    Args:
        key: What tells the models of one kind and shape from others.
        build: Builds them; draws their initial weights.
        compile_models: Compiles them; called with the models.
        reuse: Whether to keep them, and to use kept ones.

    Returns:
        The models in their initial state.
    """
    models = build()
    if reuse and key in _kept:
        kept, starts = _kept[key]
        for old, new in zip(kept, models, strict=True):
            _assign(old.variables, [v.value for v in new.variables])
        for optimizer, start in zip(_optimizers(kept), starts, strict=True):
            _assign(optimizer.variables, start)
        return kept
    compile_models(*models)
    if reuse:
        optimizers = _optimizers(models)
        _kept[key] = models, [_values(o.variables) for o in optimizers]
    return models


def _optimizers(models: Models) -> list[keras.optimizers.Optimizer]:
    """The compiled models' optimisers, with all of their variables made."""
    optimizers = []
    for model in models:
        if model.compiled:
            model.optimizer.build(model.trainable_variables)
            optimizers.append(model.optimizer)
    return optimizers


def trace(model: keras.Model, **fit_arguments) -> None:
    """Traces a model's training and validation steps, and undoes the step.

    Args:
        model: A compiled model in its initial state.
        **fit_arguments: What its `fit` will get.
    """
    if getattr(model, "train_function", None) is not None:
        return
    _optimizers((model,))
    _make_metrics(model)
    variables = [*model.variables, *model.optimizer.variables]
    before = _values(variables)
    arguments = {**fit_arguments, "steps_per_epoch": 1, "epochs": 1}
    model.fit(**{**arguments, "callbacks": None})
    _assign(variables, before)


def _make_metrics(model: keras.Model) -> None:
    """Makes the variables of loss and metrics.

    Made while a training step is traced, they would have it traced twice.
    """
    (shape,) = [output.shape for output in model.outputs]
    y = keras.ops.zeros([size or 1 for size in shape])
    model.compute_loss(None, y, y)
    model.compute_metrics(None, y, y)
    model.reset_metrics()


def _values(variables: Sequence[keras.Variable]) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(v.value) for v in variables]


def _assign(variables, values) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
