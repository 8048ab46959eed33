"""What attention weighs: in windows of movement, and in faces."""

import functools

import keras
import numpy as np

from keras_pain.layers import CrossAttention
from keras_pain.layers.transformer import TransformerEncoder

ATTENTION_LAYERS = ("temporal_attention", "bodily_attention")
_SELF = "self_attention"

_BATCH, _FACES = 512, 32  # results do not depend on them; memory does


def attention_maps(model: keras.Model, x: np.ndarray) -> dict[str, np.ndarray]:
    """What a model's attention weighs in `(n, T, C)` scaled windows.

    By kind: `"temporal_attention"` `(n, T)`, or `(n, T, 13)` where each body
    part has its own; `"bodily_attention"` `(n, F, 13)` (BANet: one map for each
    of F features) or `(n, F)` (ALANet on the whole body: over its F code units,
    not body parts); `"self_attention"` `(n, tokens, tokens)`, the mean over the
    heads of an encoder's first layer: from each token (a row, which sums to
    one) to all tokens. L-SFAN's tokens are its 16 feature maps, not sensors.

    Raises ValueError where the model has none: no layer of `ATTENTION_LAYERS`
    and no `TransformerEncoder`.
    """
    found = _reader(model).predict(x, batch_size=_BATCH, verbose=0)
    if _SELF in found:
        found[_SELF] = found[_SELF].mean(axis=1)
    return found


def attention_outputs(model: keras.Model) -> dict[str, keras.KerasTensor]:
    """What `attention_maps` reads; `"self_attention"` has its heads yet."""
    found = {}
    for layer in model.layers:
        if layer.name in ATTENTION_LAYERS:
            found[layer.name] = layer.output
        elif isinstance(layer, TransformerEncoder) and _SELF not in found:
            if isinstance(layer.output, list | tuple):
                found[_SELF] = layer.output[1]
            else:
                found[_SELF] = _Scores(layer)(layer.input)
    return found


class _Scores(keras.layers.Layer):
    """Reads an encoder's attention: a second call may not have more outputs."""

    def __init__(self, encoder):
        super().__init__(name=_SELF)
        self._encoder = encoder

    def call(self, inputs):
        return self._encoder(inputs, return_attention_scores=True)[1]


# Traced once a model: the sanity checks read the same one again and again.
@functools.lru_cache(maxsize=4)
def _reader(model):
    outputs = attention_outputs(model)
    if not outputs:
        wanted = f"none of {ATTENTION_LAYERS} and no TransformerEncoder"
        raise ValueError(f"{model.name} has {wanted}")
    return keras.Model(model.inputs, outputs)


def face_attention(
    model: keras.Model, frames: np.ndarray
) -> tuple[np.ndarray | None, dict[tuple[int, int], np.ndarray]]:
    """What the attention of AACSFNet, or of one of its parts, weighs.

    The model is from `AACSFNet`, `ResNet50HAM` or `BiScaleCrossViT`, frames
    `(n, height, width, 3)`, RGB from 0 to 255; none depends on another.

    Returns `(n, h, w)` weights from 0 to 1 that the hybrid attention multiplies
    its feature maps with, a place being 32 x 32 pixels; None where there is no
    such attention. And by (asking scale, asked scale), both as sides of a patch
    in pixels: `(n, rows, columns)`, how much the former's class token takes
    from each patch of the latter, the mean over heads; the rest to one goes to
    class tokens. Empty where only these are asked.

    Raises ValueError where the model has neither a layer
    `"spatial_attention"` nor one `"cross_attention"`.
    """
    layers = {layer.name: layer for layer in model.layers}
    wanted = {}
    if "spatial_attention" in layers:
        wanted["spatial"] = layers["spatial_attention"].output
    cross = layers.get("cross_attention")
    if isinstance(cross, CrossAttention):
        wanted["cross"] = cross.output[1:]
    if not wanted:
        none = "no layer 'spatial_attention' or 'cross_attention'"
        raise ValueError(f"{model.name} has {none}")
    reader = keras.Model(model.inputs, wanted)
    found = reader.predict(frames, batch_size=_FACES, verbose=0)
    spatial = found["spatial"][..., 0] if "spatial" in found else None
    patches, grids = {}, {}
    for name, layer in layers.items():
        if name.startswith("patches_"):
            rows, columns = layer.output.shape[1:3]
            # By tokens: no two sizes cut a picture into as many.
            grids[1 + rows * columns] = layer.kernel_size[0], rows, columns
    for i, heads in enumerate(found.get("cross", ())):
        weights, first = heads.mean(axis=1), 0
        asking = grids[cross.input[i].shape[1]][0]
        for tokens in (scale.shape[1] for scale in cross.input):
            asked, rows, columns = grids[tokens]
            if asked == asking:
                continue
            last = first + cross.keys_of(tokens)
            part, first = weights[:, first:last], last
            if part.shape[1] > 1:  # the class token comes first
                patches[asking, asked] = part[:, 1:].reshape(-1, rows, columns)
    return spatial, patches
