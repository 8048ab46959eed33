"""How operations are counted: rules by layer class, a walk over the graph.

`keras_pain.models.flops` says what counts and is what users import; the rules
are in `flops_layers.py` (Keras' layers) and `flops_own.py` (the suite's).
"""

import functools
from collections.abc import Callable, Sequence

import keras

from keras_pain.errors import ConfigurationError

Shape = tuple[int, ...]
Rule = Callable[[keras.layers.Layer, Sequence[Shape]], int]

RULES: dict[type, Rule] = {}

# Keras wires the computation of masks, slices and sums of tensors into the
# graph as bare operations: moves of numbers and work by element.
_FREE_OPERATIONS = {
    "Absolute",
    "Add",
    "Any",
    "Cast",
    "Concatenate",
    "Divide",
    "ExpandDims",
    "GetItem",
    "Max",
    "Maximum",
    "Mean",
    "Min",
    "Minimum",
    "Multiply",
    "NotEqual",
    "Repeat",
    "Reshape",
    "Squeeze",
    "Stack",
    "Subtract",
    "Sum",
    "Transpose",
}

# Work by element of backbones in `keras.applications`, not exported by Keras.
_FREE_IN_APPLICATIONS = {"LayerScale", "StochasticDepth"}


def register(*kinds: type) -> Callable[[Rule], Rule]:
    """Registers the decorated function as the rule of layer classes.

    Args:
        *kinds: Layer classes. A subclass does not inherit the rule: what it
            overrides may change its cost.

    Returns:
        A decorator for a function of (layer, shapes of its inputs with the
        batch size in front) that returns the layer's operations.
    """

    def add(rule: Rule) -> Rule:
        for kind in kinds:
            RULES[kind] = rule
        return rule

    return add


def walk(
    model: keras.Model,
    inputs: Sequence,
    count: Callable[[keras.layers.Layer, list], int],
) -> int:
    """Sums `count` over all calls of layers in a model's graph.

    Args:
        model: A functional or sequential model.
        inputs: Its inputs as `keras.KerasTensor`.
        count: Function of (layer, its inputs as `keras.KerasTensor`).

    Returns:
        The sum.

    Raises:
        ConfigurationError: The model is of another kind.
    """
    total = 0

    def visit(layer, *args, **kwargs):
        nonlocal total
        tensors = [
            x
            for x in keras.tree.flatten((args, kwargs))
            if isinstance(x, keras.KerasTensor)
        ]
        total += count(layer, tensors)
        return layer.compute_output_spec(*args, **kwargs)

    if isinstance(model, keras.Sequential):
        (x,) = inputs
        for layer in model.layers:
            x = visit(layer, x)
    elif hasattr(model, "_run_through_graph"):
        # Keras' own walk over the graph, as its `compute_output_spec` uses
        # it: every call of a shared layer is visited, with its own shapes.
        model._run_through_graph(
            inputs, operation_fn=lambda layer: functools.partial(visit, layer)
        )
    else:
        raise ConfigurationError(
            f"cannot count the operations of model {model.name!r}: "
            f"{type(model).__name__} is no functional or sequential model, so "
            "that its layers' shapes are unknown"
        )
    return total


def count_layer(layer: keras.layers.Layer, tensors: Sequence) -> int:
    """Operations of one call of a layer, or of a model inside a model.

    Args:
        layer: The layer.
        tensors: Its inputs as `keras.KerasTensor`, of fixed shapes.

    Returns:
        Number of operations.

    Raises:
        ConfigurationError: There is no rule for the layer's class, or a shape
            is not fixed.
    """
    shapes = [tuple(x.shape) for x in tensors]
    if any(size is None for shape in shapes for size in shape):
        raise ConfigurationError(
            f"cannot count the operations of layer {layer.name!r}: its input "
            f"shape {shapes} is not fixed; build the model with a fixed shape"
        )
    if isinstance(layer, keras.Model):
        return walk(layer, tensors, count_layer)
    kind = type(layer)
    free = _FREE_OPERATIONS
    if isinstance(layer, keras.layers.Layer):
        inside = kind.__module__.startswith("keras.src.applications")
        free = _FREE_IN_APPLICATIONS if inside else ()
    if kind.__name__ in free:
        return 0
    rule = RULES.get(kind)
    if rule is None:
        raise ConfigurationError(
            f"cannot count the operations of layer {layer.name!r}: no rule "
            f"for {kind.__name__}; add one with "
            "keras_pain.models.flops.register"
        )
    return rule(layer, shapes)


def count_shape(layer: keras.layers.Layer, shape: Shape) -> int:
    """`count_layer` for one input of a known shape, for layers in layers."""
    return count_layer(layer, [keras.KerasTensor(shape)])
