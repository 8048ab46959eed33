"""Attention maps read from the named layers of a model."""

import functools

import keras
import numpy as np

from keras_pain.layers.transformer import TransformerEncoder

ATTENTION_LAYERS = ("temporal_attention", "bodily_attention")

_BATCH = 512  # results do not depend on it; memory does
_TOKENS = "tokens"


def attention_maps(model: keras.Model, x: np.ndarray) -> dict[str, np.ndarray]:
    """What a model's attention weighs.

    Args:
        model: A model with at least one layer named in `ATTENTION_LAYERS`, or
            with a `TransformerEncoder`.
        x: `(n, T, C)` scaled windows.

    Returns:
        For each kind of attention that the model has, its weights.
        `"temporal_attention"` `(n, T)`, or `(n, T, 13)` where each body part
        has its own; `"bodily_attention"` `(n, F, 13)` (BANet: one map for
        each of F features) or `(n, F)` (ALANet on the whole body: over its F
        code units, not body parts); `"self_attention"` `(n, tokens, tokens)`,
        the mean over the heads of an encoder's first layer: from each token
        (a row, which sums to one) to all tokens. L-SFAN's tokens are its 16
        feature maps, not sensors.

    Raises:
        ValueError: The model has no attention.
    """
    encoder = encoder_of(model)
    reader = _reader(model)
    found = reader.predict(x, batch_size=_BATCH, verbose=0)
    if encoder is not None:
        tokens = found.pop(_TOKENS)
        _, scores = encoder(
            tokens, training=False, return_attention_scores=True
        )
        scores = keras.ops.convert_to_numpy(scores)
        found["self_attention"] = scores.mean(axis=1)
    return {name: np.asarray(value) for name, value in found.items()}


def encoder_of(model: keras.Model) -> TransformerEncoder | None:
    """The model's self-attention encoder, or None."""
    parts = (p for p in model.layers if isinstance(p, TransformerEncoder))
    return next(parts, None)


# Traced once a model: the sanity checks read the same one again and again.
@functools.lru_cache(maxsize=4)
def _reader(model: keras.Model) -> keras.Model:
    """A model of all that `attention_maps` reads."""
    layers = {layer.name: layer for layer in model.layers}
    outputs = {
        name: layers[name].output for name in ATTENTION_LAYERS if name in layers
    }
    encoder = encoder_of(model)
    if encoder is not None:
        outputs[_TOKENS] = encoder.input
    if not outputs:
        raise ValueError(
            f"{model.name} has none of {ATTENTION_LAYERS} and no "
            "TransformerEncoder"
        )
    return keras.Model(model.inputs, outputs)
