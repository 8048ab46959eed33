"""Work by element, which some counters of operations add to the products.

`keras_pain.models.flops` counts multiply-adds only. Published numbers often
come from tools that also count biases, normalisations and activations; this
module counts the elements, and whoever compares says how much each weighs.
"""

import math
from collections import Counter

import keras

from keras_pain.layers import ImprovedSE
from keras_pain.models.flops import count_layer, walk

KINDS = (
    "multiply_adds",
    "bias",
    "normalisation",
    "activation",
    "pooling",
    "attention",
)
_PRODUCTS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.Dense,
    keras.layers.DepthwiseConv2D,
)
_POOLING = tuple(
    getattr(keras.layers, f"{kind}{axes}D")
    for axes in (1, 2, 3)
    for kind in (
        "AveragePooling",
        "GlobalAveragePooling",
        "GlobalMaxPooling",
        "MaxPooling",
    )
)
_NORMALISATIONS = (
    keras.layers.BatchNormalization,
    keras.layers.LayerNormalization,
)
_ACTIVATIONS = (
    keras.layers.Activation,
    keras.layers.LeakyReLU,
    keras.layers.ReLU,
    keras.layers.Softmax,
)


def count_work(model: keras.Model) -> Counter:
    """Multiply-adds, and elements by the kind of work done on them.

    Args:
        model: As for `keras_pain.models.flops.count_flops`.

    Returns:
        Numbers for one example by the names in `KINDS`: multiply-adds of all
        products and weighted sums; of dense layers and convolutions, sums
        with a bias; elements normalised; elements that pass an activation;
        elements that a pooling reads; and of `ImprovedSE` three an element:
        its mean, its maximum, its product. Scaling the input is not counted.

    Raises:
        ConfigurationError: As for `count_flops`.
    """
    work = Counter(dict.fromkeys(KINDS, 0))

    def count(layer, tensors):
        if isinstance(layer, keras.Model):
            return walk(layer, tensors, count)
        # Two operations each, see `keras_pain.models.flops`.
        work["multiply_adds"] += count_layer(layer, tensors) // 2
        if isinstance(layer, keras.layers.Layer) and tensors:
            _by_element(layer, tensors, work)
        return 0

    inputs = [
        keras.KerasTensor((1, *x.shape[1:]), dtype=x.dtype)
        for x in model.inputs
    ]
    walk(model, inputs, count)
    return work


def _by_element(layer, tensors, work: Counter) -> None:
    read = math.prod(tensors[0].shape)
    if isinstance(layer, _POOLING):
        work["pooling"] += read
    elif isinstance(layer, _NORMALISATIONS):
        work["normalisation"] += read
    elif isinstance(layer, _ACTIVATIONS):
        work["activation"] += read
    elif isinstance(layer, ImprovedSE):
        work["attention"] += 3 * read
    elif isinstance(layer, _PRODUCTS):
        written = math.prod(layer.compute_output_shape(tensors[0].shape))
        if layer.use_bias:
            work["bias"] += written
        if layer.activation is not keras.activations.linear:
            work["activation"] += written
