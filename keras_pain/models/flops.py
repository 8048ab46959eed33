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

import keras

# Imported for their rules.
from keras_pain.models import flops_layers as _layers  # noqa: F401
from keras_pain.models import flops_own as _own  # noqa: F401
from keras_pain.models.flops_engine import (
    RULES,
    count_layer,
    count_shape,
    register,
    walk,
)

__all__ = [
    "RULES",
    "count_flops",
    "count_layer",
    "count_shape",
    "register",
    "walk",
]


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
    return walk(model, inputs, count_layer)
