"""Where AACSFNet and its parts look: over the face, and between the scales."""

import dataclasses
from collections.abc import Mapping

import keras
import numpy as np

from keras_pain.layers import CrossAttention

_SPATIAL, _CROSS = "spatial_attention", "cross_attention"
_BATCH = 32  # results do not depend on it; memory does


@dataclasses.dataclass(frozen=True)
class FaceAttention:
    """The attention of n frames; None or empty is what the model has not.

    None of it depends on the other frames, as coded or not.

    Args:
        spatial: `(n, h, w)` weights from 0 to 1 that the hybrid attention
            multiplies its feature maps with; a place is 32 x 32 pixels.
        channels: `(n, channels)` weights from 0 to 1 of the feature maps.
        patches: By (asking scale, asked scale), both as sides of a patch in
            pixels: `(n, rows, columns)`, how much the former's class token
            takes from each patch of the latter, the mean over heads. What is
            missing to the sum of `between` goes to the asked class token.
            Empty where only class tokens are asked.
        between: `(n, scales, scales)`, how much each scale (a row, which sums
            to one) takes from each other one altogether; in the order of
            `sizes`. With two scales there is no choice: ones.
        sizes: Patch sizes in pixels, in the model's order.
    """

    spatial: np.ndarray | None
    channels: np.ndarray | None
    patches: Mapping[tuple[int, int], np.ndarray]
    between: np.ndarray | None
    sizes: tuple[int, ...]


def attention_maps(model: keras.Model, frames: np.ndarray) -> FaceAttention:
    """What the attention of AACSFNet, or of one of its parts, weighs.

    Args:
        model: From `AACSFNet`, `ResNet50HAM` or `BiScaleCrossViT`.
        frames: `(n, height, width, 3)`, RGB from 0 to 255.

    Returns:
        The maps, see `FaceAttention`.

    Raises:
        ValueError: The model has neither a layer `"spatial_attention"` nor
            one `"cross_attention"`.
    """
    layers = {layer.name: layer for layer in model.layers}
    wanted = {}
    if _SPATIAL in layers:
        wanted[_SPATIAL] = layers[_SPATIAL].output
        wanted["channel_attention"] = layers["channel_attention"].output
    if isinstance(layers.get(_CROSS), CrossAttention):
        for i, scores in enumerate(layers[_CROSS].output[1:]):
            wanted[f"{_CROSS}_{i}"] = scores
    if not wanted:
        raise ValueError(
            f"{model.name} has no layer {_SPATIAL!r} or {_CROSS!r}"
        )
    reader = keras.Model(model.inputs, wanted)
    found = reader.predict(frames, batch_size=_BATCH, verbose=0)
    spatial = channels = between = None
    sizes, patches = (), {}
    if _SPATIAL in found:
        spatial = found[_SPATIAL][..., 0]
        channels = found["channel_attention"][:, 0, 0]
    if _CROSS in layers:
        sizes, grids = _scales(layers)
        scores = [
            found[f"{_CROSS}_{i}"].mean(axis=1) for i in range(len(sizes))
        ]
        patches, between = _of_scales(layers[_CROSS], sizes, grids, scores)
    return FaceAttention(spatial, channels, patches, between, sizes)


def _scales(layers) -> tuple[tuple[int, ...], list[tuple[int, int]]]:
    """Patch sizes and grids in the order of the cross attention's inputs."""
    found = {}
    for name, layer in layers.items():
        if name.startswith("patches_"):
            grid = layer.output.shape[1:3]
            found[grid[0] * grid[1]] = layer.kernel_size[0], grid
    # No two sizes cut a picture into as many patches.
    ordered = [found[x.shape[1] - 1] for x in layers[_CROSS].input]
    return tuple(size for size, _ in ordered), [grid for _, grid in ordered]


def _of_scales(layer: CrossAttention, sizes, grids, scores):
    """`patches` and `between` from `(n, keys)` attention of each scale."""
    count = len(scores[0])
    between = np.zeros((count, len(sizes), len(sizes)), np.float32)
    patches = {}
    for i, row in enumerate(scores):
        first = 0
        for j, (rows, columns) in enumerate(grids):
            if i == j:
                continue
            part = row[:, first : first + layer.keys_of(1 + rows * columns)]
            first += part.shape[1]
            between[:, i, j] = part.sum(axis=1)
            if part.shape[1] > 1:
                # The class token comes first.
                grid = part[:, 1:].reshape(count, rows, columns)
                patches[sizes[i], sizes[j]] = grid
    return patches, between
