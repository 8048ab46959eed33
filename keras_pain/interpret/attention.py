"""Attention maps read from the named layers of a model."""

import keras
import numpy as np

ATTENTION_LAYERS = ("temporal_attention", "bodily_attention")


def attention_maps(model: keras.Model, x: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs of a model's attention layers.

    Args:
        model: A model with at least one layer named in `ATTENTION_LAYERS`.
        x: `(n, T, C)` scaled windows.

    Returns:
        For each attention layer that the model has, its weights: temporal
        `(n, T)`, or `(n, T, 13)` where each body part has its own; bodily
        `(n, F, 13)` (BANet: one map for each of F features) or `(n, F)`
        (ALANet on the whole body: over its F code units, not body parts).

    Raises:
        ValueError: The model has no attention layer.
    """
    layers = {layer.name: layer for layer in model.layers}
    outputs = {
        name: layers[name].output for name in ATTENTION_LAYERS if name in layers
    }
    if not outputs:
        raise ValueError(f"{model.name} has none of {ATTENTION_LAYERS}")
    maps = keras.Model(model.inputs, outputs).predict(x, verbose=0)
    return {name: np.asarray(value) for name, value in maps.items()}
