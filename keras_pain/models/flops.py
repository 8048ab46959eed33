"""Floating point operations of a forward pass, counted from shapes.

The profilers of TensorFlow and JAX count the body of an LSTM's loop once, so
that 180 steps cost as much as one. This counter knows how often each layer
works. The rule: a multiply-add is two operations, and only matrix products,
convolutions and weighted sums count; biases, activations, normalisations,
pooling, gates and dropout do not. LSTM(64) over 180 frames of 30 channels is
2 * 180 * 4 * 64 * (30 + 64) = 8,663,040. Padded frames count like real ones.

A model with its own layers registers a rule for each:

    @flops.register(MyLayer)
    def _my_layer(layer, shapes):
        return 2 * math.prod(shapes[0]) * layer.units
"""

import functools
import math
from collections.abc import Callable, Sequence

import keras

from keras_pain import layers
from keras_pain.errors import ConfigurationError

Shape = tuple[int, ...]
Rule = Callable[[keras.layers.Layer, Sequence[Shape]], int]

_RULES: dict[type, Rule] = {}

# Keras wires the computation of masks into the graph as bare operations.
_MASK_OPERATIONS = {"Any", "GetItem", "NotEqual", "Repeat", "Reshape"}


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
            _RULES[kind] = rule
        return rule

    return add


def count_flops(model: keras.Model, batch_size: int = 1) -> int:
    """Operations of one forward pass.

    Args:
        model: A functional or sequential model with fixed input shapes.
        batch_size: Number of examples in the pass.

    Returns:
        Number of operations, a multiply-add being two.

    Raises:
        ConfigurationError: A layer without a rule, or an input whose shape is
            not fixed.
    """
    inputs = [
        keras.KerasTensor((batch_size, *x.shape[1:]), dtype=x.dtype)
        for x in model.inputs
    ]
    return _count_model(model, inputs)


def _count_model(model: keras.Model, inputs: list) -> int:
    total = 0

    def visit(layer, *args, **kwargs):
        nonlocal total
        tensors = [
            x
            for x in keras.tree.flatten((args, kwargs))
            if isinstance(x, keras.KerasTensor)
        ]
        total += _count_layer(layer, tensors)
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


def _count_layer(layer: keras.layers.Layer, tensors: list) -> int:
    shapes = [tuple(x.shape) for x in tensors]
    if any(size is None for shape in shapes for size in shape):
        raise ConfigurationError(
            f"cannot count the operations of layer {layer.name!r}: its input "
            f"shape {shapes} is not fixed; build the model with a fixed shape"
        )
    if isinstance(layer, keras.Model):
        return _count_model(layer, tensors)
    kind = type(layer)
    is_layer = isinstance(layer, keras.layers.Layer)
    if not is_layer and kind.__name__ in _MASK_OPERATIONS:
        return 0
    rule = _RULES.get(kind)
    if rule is None:
        raise ConfigurationError(
            f"cannot count the operations of layer {layer.name!r}: no rule "
            f"for {kind.__name__}; add one with "
            "keras_pain.models.flops.register"
        )
    return rule(layer, shapes)


@register(
    keras.layers.Activation,
    keras.layers.Add,
    keras.layers.BatchNormalization,
    keras.layers.Concatenate,
    keras.layers.Dropout,
    keras.layers.Flatten,
    keras.layers.InputLayer,
    keras.layers.Masking,
    keras.layers.MaxPooling2D,
    keras.layers.Multiply,
    keras.layers.Permute,
    keras.layers.ReLU,
    keras.layers.RepeatVector,
    keras.layers.Reshape,
    keras.layers.Softmax,
    keras.layers.ZeroPadding2D,
    layers.FoldBodyParts,
    layers.FrameMasking,
    layers.JoinBodyParts,
    layers.MaskedSumPooling,
    layers.OrientedPooling,
    layers.SelectChannels,
    layers.SplitBodyParts,
    layers.UnfoldBodyParts,
)
def _nothing(layer, shapes):
    return 0


@register(keras.layers.Dense)
def _dense(layer, shapes):
    return 2 * math.prod(shapes[0]) * layer.units


@register(keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
def _convolution(layer, shapes):
    output = layer.compute_output_shape(shapes[0])
    # The kernel is (*window, channels / groups, filters).
    return 2 * math.prod(output) * math.prod(layer.kernel.shape[:-1])


@register(keras.layers.LSTM)
def _lstm(layer, shapes):
    batch, time, features = shapes[0]
    units = layer.units
    return 2 * batch * time * 4 * units * (features + units)


@register(keras.layers.Bidirectional)
def _bidirectional(layer, shapes):
    return sum(
        _count_layer(part, [keras.KerasTensor(shapes[0])])
        for part in (layer.forward_layer, layer.backward_layer)
    )


@register(layers.GroupedLSTM)
def _grouped_lstm(layer, shapes):
    batch, time, groups, features = shapes[0]
    units = layer.units
    return 2 * batch * time * groups * 4 * units * (features + units)


@register(layers.GroupedDense)
def _grouped_dense(layer, shapes):
    return 2 * math.prod(shapes[0]) * layer.units


@register(layers.TemporalAttention)
def _temporal_attention(layer, shapes):
    return 2 * math.prod(shapes[0])


@register(layers.AttentionPooling)
def _attention_pooling(layer, shapes):
    return 2 * math.prod(shapes[1])


@register(layers.TransformerEncoder)
def _transformer_encoder(layer, shapes):
    batch, tokens, width = shapes[0]
    inner = layer.num_heads * layer.key_dim
    projections = 4 * width * inner + 2 * width * layer.ff_units
    # Every query meets every key, and every weight its value.
    attention = 2 * tokens * inner
    return 2 * batch * tokens * (projections + attention)
