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
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import keras
from keras import layers

from keras_pain import layers as own
from keras_pain.errors import ConfigurationError

Rule = Callable[[layers.Layer, Sequence[tuple[int, ...]]], int]

KINDS = tuple(
    "multiply_adds bias normalisation activation pooling attention".split()
)

# Keras wires the computation of masks, slices and sums of tensors into the
# graph as bare operations: moves of numbers and work by element.
_FREE_OPERATIONS = (
    "Absolute Add Any Cast Concatenate Divide ExpandDims GetItem Max Maximum "
    "Mean Min Minimum Multiply NotEqual Repeat Reshape Squeeze Stack Subtract "
    "Sum Transpose"
).split()

# Keras' layers whose work is by element, by the module they are of: what each
# element counts as, if anything.
_BY_ELEMENT = {
    "activations": "activation",
    "merging": None,
    "normalization": "normalisation",
    "pooling": "pooling",
    "regularization": None,
    "reshaping": None,
}
_OWN = {own.BatchNormalization: "normalization", own.TimeMaxPooling: "pooling"}

RULES: dict[type, Rule] = {}


def count_flops(model: keras.Model, batch_size: int = 1) -> int:
    """Operations of one forward pass, a multiply-add being two.

    Args:
        model: A functional or sequential model with fixed input shapes.

    Raises ConfigurationError where a layer has no rule, or the shape of an
    input is not fixed.
    """
    return _all_work(model, batch_size)["operations"]


def count_work(model: keras.Model) -> Counter:
    """Multiply-adds, and elements by the kind of work done on them.

    Returns numbers for one example by the names in `KINDS`: multiply-adds of
    all products and weighted sums; of dense layers and convolutions, sums with
    a bias; elements normalised; elements that pass an activation; elements that
    a pooling reads; and of `ImprovedSE` three an element: its mean, its
    maximum, its product. Scaling the input is not counted. Raises
    ConfigurationError as `count_flops` does.
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
    shapes = [(batch_size, *x.shape[1:]) for x in model.inputs]
    dtypes = [x.dtype for x in model.inputs]
    return _walk(model, list(map(keras.KerasTensor, shapes, dtypes)))


def _walk(model, inputs):
    """The work of all calls of layers in a model's graph."""
    work = Counter()

    def visit(layer, *args, **kwargs):
        given = keras.tree.flatten((args, kwargs))
        tensors = [x for x in given if isinstance(x, keras.KerasTensor)]
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
        text = f"{problem}its input shape {shapes} is not fixed"
        raise ConfigurationError(f"{text}; build the model with a fixed shape")
    kind = type(layer)
    if kind in RULES:
        return RULES[kind](layer, shapes)
    is_layer = isinstance(layer, layers.Layer)
    # Keras does not export these of its ConvNeXt.
    free = ("LayerScale", "StochasticDepth") if is_layer else _FREE_OPERATIONS
    if kind.__name__ in free or _module(layer) in _BY_ELEMENT:
        return 0
    raise ConfigurationError(
        f"{problem}no rule for {kind.__name__}; add one with "
        "keras_pain.models.flops.register"
    )


def _module(layer):
    """Keras' name of a group of layers, e.g. `"pooling"`, or None."""
    if type(layer) in _OWN:
        return _OWN[type(layer)]
    found = re.match(r"keras\.src\.layers\.(\w+)", type(layer).__module__)
    # What a wrapper costs is up to the layer inside.
    return found and not isinstance(layer, layers.Wrapper) and found[1]


def _work_of(layer, shapes):
    """Operations of one call of a layer, and elements by the kind of work."""
    work = Counter(operations=_operations(layer, shapes))
    if not shapes:
        return work
    read = math.prod(shapes[0])
    work[_BY_ELEMENT.get(_module(layer))] += read
    if isinstance(layer, own.ImprovedSE):
        work["attention"] += 3 * read
    if hasattr(layer, "kernel") and hasattr(layer, "use_bias"):
        written = math.prod(layer.compute_output_shape(shapes[0]))
        linear = layer.activation is keras.activations.linear
        work["bias"] += layer.use_bias * written
        work["activation"] += (not linear) * written
    return work


register(
    *(layers.Identity, layers.InputLayer, layers.Masking),
    *(layers.Normalization, layers.Rescaling, own.ClassTokenAndPositions),
    *(own.FoldBodyParts, own.FoldFrames, own.FrameMasking, own.JoinBodyParts),
    *(own.MaskedSumPooling, own.NormalizeLandmarks, own.OrientedPooling),
    *(own.SelectChannels, own.SplitBodyParts, own.UnfoldBodyParts),
    own.UnfoldFrames,
)(lambda layer, shapes: 0)


@register(layers.Dense, own.GroupedDense)
def _dense(layer, shapes):
    return 2 * math.prod(shapes[0]) * layer.units


@register(
    *(layers.Conv1D, layers.Conv2D, layers.Conv3D),
    *(layers.DepthwiseConv1D, layers.DepthwiseConv2D),
)
def _convolution(layer, shapes):
    # The kernel is (*window, channels / groups, filters), of a depthwise layer
    # (*window, channels, filters of each).
    each = isinstance(layer, layers.DepthwiseConv1D | layers.DepthwiseConv2D)
    window = math.prod(layer.kernel.shape[: -1 - each])
    return 2 * math.prod(layer.compute_output_shape(shapes[0])) * window


@register(
    layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose
)
def _transposed_convolution(layer, shapes):
    # The kernel is (*window, filters, channels): every input pixel meets it.
    return 2 * math.prod(shapes[0]) * math.prod(layer.kernel.shape[:-1])


@register(layers.SeparableConv1D, layers.SeparableConv2D)
def _separable(layer, shapes):
    places = math.prod(layer.compute_output_shape(shapes[0])) // layer.filters
    *window, channels, each = layer.depthwise_kernel.shape
    return 2 * places * channels * each * (math.prod(window) + layer.filters)


@register(layers.UpSampling2D)
def _upsampling(layer, shapes):
    # A weighted sum of neighbours along one axis, then along the other.
    taps = {"nearest": 0, "bilinear": 2, "bicubic": 4, "lanczos3": 6}
    taps = taps.get(layer.interpolation, 10)  # lanczos5
    batch, height, width, channels = layer.compute_output_shape(shapes[0])
    return 2 * taps * batch * height * (shapes[0][2] + width) * channels


@register(layers.EinsumDense)
def _einsum(layer, shapes):
    # Every letter of the equation is one loop.
    inputs, kernel = layer.equation.split("->")[0].split(",")
    sizes = dict(zip(kernel.strip(), layer.kernel.shape, strict=True))
    summed = math.prod(sizes.get(letter, 1) for letter in inputs)
    return 2 * math.prod(shapes[0]) // summed * math.prod(layer.kernel.shape)


@register(layers.Dot)
def _dot(layer, shapes):
    axes = layer.axes
    first = axes if isinstance(axes, int) else axes[0]
    return 2 * math.prod(layer.compute_output_shape(shapes)) * shapes[0][first]


@register(layers.Attention, layers.AdditiveAttention)
def _attention(layer, shapes):
    query, value = shapes[:2]
    return 2 * math.prod(query[:-1]) * value[1] * (query[-1] + value[-1])


@register(layers.MultiHeadAttention)
def _multi_head(layer, shapes):
    query, value = shapes[:2]
    total = _einsum(layer.query_dense, [query])
    total += _einsum(layer.key_dense, [value])
    total += _einsum(layer.value_dense, [value])
    mixed = (*query[:-1], layer.num_heads, layer.value_dense.kernel.shape[-1])
    total += _einsum(layer.output_dense, [mixed])
    # Every query meets every key, and every weight its value.
    size = layer.query_dense.kernel.shape[-1] + mixed[-1]
    places = math.prod(query[:-1]) * math.prod(value[1:-1])
    return total + 2 * places * layer.num_heads * size


@register(layers.SimpleRNN, layers.GRU, layers.LSTM, own.GroupedLSTM)
def _recurrent(layer, shapes):
    gates = {layers.SimpleRNN: 1, layers.GRU: 3}.get(type(layer), 4)
    width = shapes[0][-1] + layer.units
    return 2 * math.prod(shapes[0][:-1]) * gates * layer.units * width


@register(layers.Bidirectional)
def _bidirectional(layer, shapes):
    parts = (layer.forward_layer, layer.backward_layer)
    return sum(_operations(part, shapes[:1]) for part in parts)


@register(layers.TimeDistributed)
def _time_distributed(layer, shapes):
    batch, time, *rest = shapes[0]
    if isinstance(layer.layer, keras.Model):
        one = keras.KerasTensor((batch * time, *rest))
        return _walk(layer.layer, [one])["operations"]
    return _operations(layer.layer, [(batch * time, *rest)])


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
