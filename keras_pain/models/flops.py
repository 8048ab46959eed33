"""Floating point operations of a forward pass, counted from shapes.

The profilers of TensorFlow and JAX count the body of an LSTM's loop once, so
that 180 steps cost as much as one. This counter knows how often each layer
works. The rule: a multiply-add is two operations, and only matrix products,
convolutions and weighted sums count; biases, activations, normalisations,
pooling, gates and dropout do not. LSTM(64) over 180 frames of 30 channels is
2 * 180 * 4 * 64 * (30 + 64) = 8,663,040. Padded frames count like real ones.
Published numbers often come from tools that count more: `count_work` counts
the elements, and whoever compares says how much each weighs.

A model with its own layers registers a rule for each:

    @flops.register(MyLayer)
    def _my_layer(layer, shapes):
        return 2 * math.prod(shapes[0]) * layer.units
"""

import contextlib
import functools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import keras
from keras import layers

from keras_pain import layers as own
from keras_pain.errors import ConfigurationError

Rule = Callable[[layers.Layer, Sequence[tuple[int, ...]]], int]

KINDS = (
    "multiply_adds",
    "bias",
    "normalisation",
    "activation",
    "pooling",
    "attention",
)

# Keras wires the computation of masks, slices and sums of tensors into the
# graph as bare operations: moves of numbers and work by element.
_FREE_OPERATIONS = (
    "Add Any Cast Concatenate ExpandDims GetItem Mean Multiply NotEqual Repeat "
    "Reshape Squeeze Stack Subtract Sum Transpose"
).split()

# Layers whose work is by element: what each element counts as, if anything.
_BY_ELEMENT = {
    **dict.fromkeys(
        (
            "Add ClassTokenAndPositions Concatenate Dropout Flatten "
            "FoldBodyParts FoldFrames FrameMasking Identity InputLayer "
            "JoinBodyParts Masking MaskedSumPooling Multiply Normalization "
            "NormalizeLandmarks OrientedPooling Permute RepeatVector Rescaling "
            "Reshape SelectChannels SplitBodyParts UnfoldBodyParts "
            "UnfoldFrames ZeroPadding2D"
        ).split()
    ),
    **dict.fromkeys(
        (
            "GlobalAveragePooling1D GlobalAveragePooling2D "
            "GlobalAveragePooling3D MaxPooling2D MaxPooling3D"
        ).split(),
        "pooling",
    ),
    **dict.fromkeys(
        ("BatchNormalization", "LayerNormalization"), "normalisation"
    ),
    **dict.fromkeys(("Activation", "ReLU", "Softmax"), "activation"),
}

RULES: dict[type, Rule] = {}


def count_flops(model: keras.Model, batch_size: int = 1) -> int:
    """Operations of one forward pass, a multiply-add being two.

    Args:
        model: A functional or sequential model with fixed input shapes.

    Raises:
        ConfigurationError: A layer without a rule, or an input whose shape is
            not fixed.
    """
    return _all_work(model, batch_size)["operations"]


def count_work(model: keras.Model) -> Counter:
    """Multiply-adds, and elements by the kind of work done on them.

    Returns:
        Numbers for one example by the names in `KINDS`: multiply-adds of all
        products and weighted sums; of dense layers and convolutions, sums
        with a bias; elements normalised; elements that pass an activation;
        elements that a pooling reads; and of `ImprovedSE` three an element:
        its mean, its maximum, its product. Scaling the input is not counted.

    Raises:
        ConfigurationError: As for `count_flops`.
    """
    work = _all_work(model, 1)
    work["multiply_adds"] = work["operations"] // 2
    return Counter({kind: work[kind] for kind in KINDS})


@contextlib.contextmanager
def weightless() -> Iterator[None]:
    """Models built inside have shapes, but no numbers in memory.

    For counting: 78 million parameters take neither time nor memory. Such a
    model cannot be called. On leaving, Keras forgets its global state (names
    that it gave, the random seed), all but the dtype policy; so not between
    setting a seed and training.
    """
    policy = keras.config.dtype_policy()
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        # Else Keras would fill in the numbers at the next occasion.
        keras.utils.clear_session(free_memory=False)
        keras.config.set_dtype_policy(policy)


def register(*kinds: type) -> Callable[[Rule], Rule]:
    """Registers the decorated function as the rule of layer classes.

    A rule takes the layer and the shapes of its inputs, the batch size in
    front, and returns the layer's operations. A subclass does not inherit it:
    what it overrides may change its cost.
    """

    def add(rule):
        RULES.update(dict.fromkeys(kinds, rule))
        return rule

    return add


def _all_work(model, batch_size):
    return _walk(
        model,
        [
            keras.KerasTensor((batch_size, *x.shape[1:]), x.dtype)
            for x in model.inputs
        ],
    )


def _walk(model, inputs):
    """The work of all calls of layers in a model's graph."""
    work = Counter()

    def visit(layer, *args, **kwargs):
        tensors = [
            x
            for x in keras.tree.flatten((args, kwargs))
            if isinstance(x, keras.KerasTensor)
        ]
        if isinstance(layer, keras.Model):
            work.update(_walk(layer, tensors))
        else:
            work.update(_work_of(layer, [tuple(x.shape) for x in tensors]))
        return layer.compute_output_spec(*args, **kwargs)

    graph = getattr(model, "_functional", model)  # of a sequential model
    if not hasattr(graph, "_run_through_graph"):
        raise ConfigurationError(
            f"cannot count the operations of model {model.name!r}: "
            f"{type(model).__name__} is no functional or sequential model, so "
            "that its layers' shapes are unknown"
        )
    # Keras' own walk over the graph, as its `compute_output_spec` uses it:
    # every call of a shared layer is visited, with its own shapes.
    graph._run_through_graph(
        inputs, operation_fn=lambda layer: functools.partial(visit, layer)
    )
    return work


def _operations(layer, shapes):
    """Operations of one call of a layer."""
    problem = f"cannot count the operations of layer {layer.name!r}: "
    if any(None in shape for shape in shapes):
        raise ConfigurationError(
            f"{problem}its input shape {shapes} is not fixed; build the model "
            "with a fixed shape"
        )
    kind = type(layer)
    if kind in RULES:
        return RULES[kind](layer, shapes)
    is_layer = isinstance(layer, layers.Layer)
    # Keras does not export the layer scale of its ConvNeXt.
    if kind.__name__ in (["LayerScale"] if is_layer else _FREE_OPERATIONS):
        return 0
    raise ConfigurationError(
        f"{problem}no rule for {kind.__name__}; add one with "
        "keras_pain.models.flops.register"
    )


def _work_of(layer, shapes):
    """Operations of one call of a layer, and elements by the kind of work."""
    work = Counter(operations=_operations(layer, shapes))
    if not shapes:
        return work
    read = math.prod(shapes[0])
    work[_BY_ELEMENT.get(type(layer).__name__)] += read
    if isinstance(layer, own.ImprovedSE):
        work["attention"] += 3 * read
    if hasattr(layer, "kernel") and hasattr(layer, "activation"):
        written = math.prod(layer.compute_output_shape(shapes[0]))
        linear = layer.activation is keras.activations.linear
        work["bias"] += layer.use_bias * written
        work["activation"] += (not linear) * written
    return work


# --- Rules of Keras' layers ---

register(
    *(getattr(layers, name, None) or getattr(own, name) for name in _BY_ELEMENT)
)(lambda layer, shapes: 0)


@register(layers.Dense, own.GroupedDense)
def _dense(layer, shapes):
    return 2 * math.prod(shapes[0]) * layer.units


@register(layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.DepthwiseConv2D)
def _convolution(layer, shapes):
    # The kernel is (*window, channels / groups, filters), of a depthwise layer
    # (*window, channels, filters of each).
    each = isinstance(layer, layers.DepthwiseConv2D)
    window = math.prod(layer.kernel.shape[: -1 - each])
    return 2 * math.prod(layer.compute_output_shape(shapes[0])) * window


@register(layers.Attention)
def _attention(layer, shapes):
    query, value = shapes[:2]
    return 2 * math.prod(query[:-1]) * value[1] * (query[-1] + value[-1])


@register(layers.GRU, layers.LSTM, own.GroupedLSTM)
def _recurrent(layer, shapes):
    gates = 3 if isinstance(layer, layers.GRU) else 4
    width = shapes[0][-1] + layer.units
    return 2 * math.prod(shapes[0][:-1]) * gates * layer.units * width


@register(layers.Bidirectional)
def _bidirectional(layer, shapes):
    parts = (layer.forward_layer, layer.backward_layer)
    return sum(_operations(part, shapes[:1]) for part in parts)


# --- Rules of the suite's layers ---


@register(own.TemporalAttention, own.AttentionPooling)
def _weighted_sum(layer, shapes):
    return 2 * max(map(math.prod, shapes))  # features, not weights or mask


@register(own.TransformerEncoder)
def _transformer_encoder(layer, shapes):
    places, width = math.prod(shapes[0][:2]), shapes[0][2]
    inner = layer.num_heads * layer.key_dim
    projections = 4 * width * inner + 2 * width * layer.ff_units
    # Every query meets every key, and every weight its value.
    attention = 2 * shapes[0][not layer.across_batch] * inner
    return 2 * places * (projections + attention)


@register(own.CrossAttention)
def _cross_attention(layer, shapes):
    batch, _, width = shapes[0]
    scales, asked = len(shapes), sum(layer.keys_of(s[1]) for s in shapes)
    # Query and output of the class tokens, key and value of who is asked.
    projections = 2 * (scales + asked) * width**2
    # Each scale asks all but its own.
    return 2 * batch * (projections + (scales - 1) * asked * 2 * width)


@register(own.ChannelAttention, own.ImprovedSE)
def _channel_attention(layer, shapes):
    # Two dense layers, in ImprovedSE for the maxima and for the means.
    branches = 1 + isinstance(layer, own.ImprovedSE)
    batch, *_, channels = shapes[0]
    return 2 * branches * batch * 2 * channels * layer.units


@register(own.SpatialAttention)
def _spatial_attention(layer, shapes):
    return _convolution(layer.conv, [(*shapes[0][:-1], 2)])


@register(own.TrilinearUpsampling)
def _trilinear(layer, shapes):
    # Two neighbours along one axis after the other.
    total, current = 0, list(shapes[0])
    for axis, size in enumerate(layer.compute_output_shape(shapes[0])):
        if size != current[axis]:
            current[axis] = size
            total += 2 * 2 * math.prod(current)
    return total


@register(own.GraphMean)
def _graph_mean(layer, shapes):
    # As the product with the whole matrix that it is.
    return 2 * math.prod(shapes[0]) * shapes[0][2]


@register(own.GraphAttention)
def _graph_attention(layer, shapes):
    batch, time, points, features = shapes[0]
    logits = _recurrent(layer.gru, [(batch, time, points * features)])
    return logits + _graph_mean(layer, shapes)
