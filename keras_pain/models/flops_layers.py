"""FLOP rules of Keras' own layers; see `keras_pain.models.flops`."""

import math

from keras import layers

from keras_pain.models.flops_engine import count_shape, register

_AXES = ("1D", "2D", "3D")
_FREE = (
    "Activation",
    "Add",
    "Average",
    "BatchNormalization",
    "Concatenate",
    "Dropout",
    "ELU",
    "Flatten",
    "GaussianNoise",
    "GroupNormalization",
    "Identity",
    "InputLayer",
    "LayerNormalization",
    "LeakyReLU",
    "Masking",
    "Maximum",
    "Minimum",
    "Multiply",
    "Normalization",
    "Permute",
    "PReLU",
    "RMSNormalization",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Softmax",
    "Subtract",
    "UnitNormalization",
    *(
        kind + axes
        for axes in _AXES
        for kind in (
            "AveragePooling",
            "Cropping",
            "GlobalAveragePooling",
            "GlobalMaxPooling",
            "MaxPooling",
            "SpatialDropout",
            "ZeroPadding",
        )
    ),
)


@register(*(getattr(layers, name) for name in _FREE))
def _nothing(layer, shapes):
    return 0


@register(layers.UpSampling1D, layers.UpSampling3D)
def _copies(layer, shapes):
    return 0  # of the nearest neighbour


@register(layers.UpSampling2D)
def _upsampling(layer, shapes):
    # A weighted sum of neighbours along one axis, then along the other.
    taps = {"nearest": 0, "bilinear": 2, "bicubic": 4, "lanczos3": 6}
    taps = taps.get(layer.interpolation, 10)  # lanczos5
    batch, height, width, channels = layer.compute_output_shape(shapes[0])
    first = batch * height * shapes[0][2] * channels
    return 2 * taps * (first + batch * height * width * channels)


# --- Products ---


@register(layers.Dense)
def _dense(layer, shapes):
    return 2 * math.prod(shapes[0]) * layer.units


@register(layers.Conv1D, layers.Conv2D, layers.Conv3D)
def _convolution(layer, shapes):
    output = layer.compute_output_shape(shapes[0])
    # The kernel is (*window, channels / groups, filters).
    return 2 * math.prod(output) * math.prod(layer.kernel.shape[:-1])


@register(
    layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose
)
def _transposed_convolution(layer, shapes):
    # The kernel is (*window, filters, channels): every input pixel meets it.
    return 2 * math.prod(shapes[0]) * math.prod(layer.kernel.shape[:-1])


@register(layers.DepthwiseConv1D, layers.DepthwiseConv2D)
def _depthwise(layer, shapes):
    output = layer.compute_output_shape(shapes[0])
    return 2 * math.prod(output) * math.prod(layer.kernel.shape[:-2])


@register(layers.SeparableConv1D, layers.SeparableConv2D)
def _separable(layer, shapes):
    output = layer.compute_output_shape(shapes[0])
    channels = layer.depthwise_kernel.shape[-2] * layer.depth_multiplier
    window = math.prod(layer.depthwise_kernel.shape[:-2])
    places = math.prod(output) // layer.filters
    return 2 * places * channels * (window + layer.filters)


@register(layers.EinsumDense)
def _einsum(layer, shapes):
    # Every letter of the equation is one loop.
    left, output = layer.equation.replace(" ", "").split("->")
    inputs, kernel = left.split(",")
    sizes = dict(zip(kernel, layer.kernel.shape, strict=True))
    rows = math.prod(shapes[0]) // math.prod(
        sizes[letter] for letter in inputs if letter in sizes
    )
    return 2 * rows * math.prod(layer.kernel.shape)


@register(layers.Dot)
def _dot(layer, shapes):
    axes = layer.axes
    first = axes[0] if isinstance(axes, (list, tuple)) else axes
    output = layer.compute_output_shape(shapes)
    return 2 * math.prod(output) * shapes[0][first]


# --- Attention ---


@register(layers.MultiHeadAttention)
def _multi_head(layer, shapes):
    query, value = shapes[:2]
    queries, keys = math.prod(query[:-1]), math.prod(value[:-1])
    inner, outer = (
        math.prod(part.kernel.shape[-2:])  # (features, heads, width of one)
        for part in (layer.query_dense, layer.value_dense)
    )
    projections = sum(
        rows * math.prod(part.kernel.shape)
        for rows, part in (
            (queries, layer.query_dense),
            (keys, layer.key_dense),
            (keys, layer.value_dense),
            (queries, layer.output_dense),
        )
    )
    # Every query meets every key, and every weight its value.
    attention = queries * math.prod(value[1:-1]) * (inner + outer)
    return 2 * (projections + attention)


@register(layers.Attention, layers.AdditiveAttention)
def _attention(layer, shapes):
    query, value = shapes[:2]
    return 2 * math.prod(query[:-1]) * value[1] * (query[-1] + value[-1])


# --- Loops and wrappers ---


def _recurrent(gates: int):
    def count(layer, shapes):
        batch, time, features = shapes[0]
        units = layer.units
        return 2 * batch * time * gates * units * (features + units)

    return count


register(layers.SimpleRNN)(_recurrent(1))
register(layers.GRU)(_recurrent(3))
register(layers.LSTM)(_recurrent(4))


@register(layers.Bidirectional)
def _bidirectional(layer, shapes):
    return sum(
        count_shape(part, shapes[0])
        for part in (layer.forward_layer, layer.backward_layer)
    )


@register(layers.TimeDistributed)
def _time_distributed(layer, shapes):
    batch, time, *rest = shapes[0]
    return count_shape(layer.layer, (batch * time, *rest))
