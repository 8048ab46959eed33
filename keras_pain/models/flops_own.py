"""FLOP rules of the suite's own layers; see `keras_pain.models.flops`."""

import math

from keras_pain import layers
from keras_pain.models.flops_engine import count_shape, register


@register(
    layers.ClassTokenAndPositions,
    layers.FoldBodyParts,
    layers.FoldFrames,
    layers.FrameMasking,
    layers.JoinBodyParts,
    layers.MaskedSumPooling,
    layers.NormalizeLandmarks,
    layers.OrientedPooling,
    layers.SelectChannels,
    layers.SplitBodyParts,
    layers.UnfoldBodyParts,
    layers.UnfoldFrames,
)
def _nothing(layer, shapes):
    return 0


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
    if layer.across_batch:
        batch, tokens = tokens, batch
    inner = layer.num_heads * layer.key_dim
    projections = 4 * width * inner + 2 * width * layer.ff_units
    # Every query meets every key, and every weight its value.
    attention = 2 * tokens * inner
    return 2 * batch * tokens * (projections + attention)


@register(layers.ChannelAttention)
def _channel_attention(layer, shapes):
    batch, *_, channels = shapes[0]
    return 2 * batch * 2 * channels * layer.hidden_units


@register(layers.SpatialAttention)
def _spatial_attention(layer, shapes):
    return 2 * math.prod(shapes[0][:-1]) * 2 * layer.kernel_size**2


@register(layers.CrossAttention)
def _cross_attention(layer, shapes):
    batch, _, width = shapes[0]
    scales, counts = len(shapes), [layer.keys_of(s[1]) for s in shapes]
    # Query and output of the class tokens, key and value of who is asked.
    projections = 2 * (scales + sum(counts)) * width**2
    # Each scale asks all but its own.
    attention = (scales - 1) * sum(counts) * 2 * width
    return 2 * batch * (projections + attention)


@register(layers.ImprovedSE)
def _improved_se(layer, shapes):
    # FC1 and FC2, for the maxima and for the means.
    batch, *_, channels = shapes[0]
    return 2 * 2 * batch * 2 * channels * layer.units


@register(layers.TrilinearUpsampling)
def _trilinear(layer, shapes):
    # Two neighbours along one axis after the other.
    total, current = 0, list(shapes[0])
    new = layer.compute_output_shape(shapes[0])
    for axis in (1, 2, 3):
        if new[axis] != current[axis]:
            current[axis] = new[axis]
            total += 2 * 2 * math.prod(current)
    return total


@register(layers.GraphMean)
def _graph_mean(layer, shapes):
    # As the product with the whole matrix that it is.
    return 2 * math.prod(shapes[0]) * shapes[0][2]


@register(layers.GraphAttention)
def _graph_attention(layer, shapes):
    batch, time, points, features = shapes[0]
    logits = count_shape(layer.gru, (batch, time, points * features))
    return logits + _graph_mean(layer, shapes)
