"""Where in a face clip a prediction comes from: Grad-CAM over face and time.

Of the networks whose layers keep clips whole, `(time, height, width,
channels)`: L3D and C3D. TensorFlow backend, see `gradients.py`; `scale_maps`
needs no gradient and runs on any.
"""

from collections.abc import Mapping

import keras
import numpy as np

from keras_pain.errors import ConfigurationError
from keras_pain.interpret.gradcam import (
    WEIGHTS,
    interpolate,
    is_windowed,
    windows_of,
)
from keras_pain.interpret.gradients import activations_and_gradients
from keras_pain.interpret.maps import Explanation
from keras_pain.layers import TrilinearUpsampling

SCALES = {"B": "relu_4", "M": "relu_6", "S": "relu_8"}
"""L3D's large, medium and small scale features (L3D paper, section 2.4)."""

_AXES = ("time", "height", "width")


def clip_grad_cam(
    model: keras.Model,
    clips: np.ndarray,
    layer: str = "feature_maps",
    class_index: int | np.ndarray | None = None,
    weights: str = "global",
    lowers: bool = False,
) -> np.ndarray:
    """Grad-CAM over face and time.

    As `gradcam.grad_cam`, with three axes to average gradients over. Of a
    network that predicts an intensity, the map shows what raises it; Selvaraju
    et al. (ICCV 2017, section 3.3) get what speaks against a class from the
    negative gradient, which here shows what `lowers` the intensity. L3D's head
    has another weight for every place, which the mean gradient hides;
    `weights="elementwise"` keeps them.

    Args:
        model: A network of clips with outputs `(n, 1)`, an intensity, or
            `(n, classes)`.
        clips: `(n, T, H, W, 3)`, RGB from 0 to 255.
        layer: Name of a layer with output `(n, T', H', W', filters)`, e.g.
            `"conv_4"`, `"relu_8"` or `"feature_maps"`.
        class_index: As for `grad_cam`; of an intensity None, or 0.
        weights: `"global"` or `"elementwise"`.
        lowers: Whether to show what lowers the output.

    Returns:
        `(n, T, H, W)` float32, not negative: linearly interpolated between
        the frames and pixels that the layer's places are centred on.

    Raises:
        ConfigurationError: No such layer or class, the layer's outputs are no
            clips, `weights` is unknown, or the backend is not TensorFlow.
    """
    if weights not in WEIGHTS:
        raise ConfigurationError(
            f"weights must be one of {', '.join(WEIGHTS)}, got {weights!r}"
        )
    centres = place_centres(model, layer)
    if class_index is not None:
        class_index = np.broadcast_to(class_index, len(clips))
    found = []
    for i in range(len(clips)):  # 32 clips at once would fill the memory
        features, gradients = activations_and_gradients(
            model,
            clips[i : i + 1],
            layer,
            None if class_index is None else class_index[i : i + 1],
        )
        if lowers:
            gradients = -gradients
        if weights == "global":
            gradients = gradients.mean(axis=(1, 2, 3), keepdims=True)
        maps = np.maximum((gradients * features).sum(axis=-1), 0)
        found.append(_to_clip(maps, centres, clips.shape[1:4]))
    return np.concatenate(found)


def scale_maps(
    model: keras.Model,
    clips: np.ndarray,
    layers: Mapping[str, str] = SCALES,
) -> dict[str, np.ndarray]:
    """What the scales of L3D show of a clip: one map each.

    Args:
        model: L3D, with or without the joining of scales.
        clips: `(n, T, H, W, 3)`, RGB from 0 to 255.
        layers: Name of each scale to its layer.

    Returns:
        For each scale `(n, T, H, W)` float32, the mean over its channels,
        interpolated as by `clip_grad_cam`.

    Raises:
        ConfigurationError: There is no such layer, or its outputs are no
            clips.
    """
    centres = {name: place_centres(model, layers[name]) for name in layers}
    reader = keras.Model(
        model.inputs,
        {name: model.get_layer(layers[name]).output for name in layers},
    )
    found: dict[str, list] = {name: [] for name in layers}
    for i in range(len(clips)):
        clip = np.asarray(clips[i : i + 1], np.float32)
        for name, features in reader([clip], training=False).items():
            features = keras.ops.convert_to_numpy(features)
            maps = features.astype(np.float32).mean(axis=-1)
            found[name].append(_to_clip(maps, centres[name], clips.shape[1:4]))
    return {name: np.concatenate(maps) for name, maps in found.items()}


def clip_explanation(
    layer: str = "feature_maps", weights: str = "global"
) -> Explanation:
    """Grad-CAM of clips for `keras_pain.interpret.sanity`.

    Args:
        layer: As for `clip_grad_cam`.
        weights: As for `clip_grad_cam`.
    """
    return Explanation(
        f"grad_cam_{layer}",
        _AXES,
        lambda model, clips, class_index=None: clip_grad_cam(
            model, clips, layer, class_index, weights
        ),
    )


def place_centres(
    model: keras.Model, layer: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The frames and pixels in the middle of what each place sees.

    Follows convolutions, poolings and trilinear interpolation back to the
    input, and of joined features the first: the others were brought to its
    size. Where a pooling cut off the last pixels, as of 70 pixels halved
    twice, stretching the map over the whole picture would misplace it.

    Args:
        model: A network of clips.
        layer: Name of a layer with output `(n, T', H', W', filters)`.

    Returns:
        `(T',)`, `(H',)` and `(W',)` positions in frames and pixels.

    Raises:
        ConfigurationError: There is no such layer, or its outputs are no
            clips.
    """
    by_name = {part.name: part for part in model.layers}
    if layer not in by_name:
        raise ConfigurationError(
            f"{model.name} has no layer {layer!r}, so there is no map to "
            "draw from it"
        )
    path = _path(model, by_name[layer])
    shape = by_name[layer].output.shape
    if len(shape) != 5 or any(len(part.output.shape) != 5 for part in path):
        raise ConfigurationError(
            f"the layer {layer!r} of {model.name} has outputs of shape "
            f"{tuple(shape[1:])}, not (time, height, width, filters) of a clip"
        )
    centres = []
    for axis in range(3):
        first, step = 0.0, 1.0
        for part in path:
            if is_windowed(part):
                places = _first(part.input).shape[1 + axis]
                offset, stride, _ = windows_of(part, axis, places)
            elif isinstance(part, TrilinearUpsampling):
                offset, stride = _stretch(part, axis)
            else:
                continue
            first += offset * step
            step *= stride
        centres.append(first + step * np.arange(shape[1 + axis]))
    return tuple(centres)


def _to_clip(maps: np.ndarray, centres, sizes) -> np.ndarray:
    """`(n, T', H', W')` to `(n, T, H, W)`, one axis after the other."""
    for axis, (places, size) in enumerate(zip(centres, sizes, strict=True)):
        moved = np.moveaxis(maps, 1 + axis, 1)
        flat = moved.reshape(*moved.shape[:2], -1)
        flat = interpolate(flat, places, size)
        moved = flat.reshape(len(maps), size, *moved.shape[2:])
        maps = np.moveaxis(moved, 1, 1 + axis)
    return np.ascontiguousarray(maps, np.float32)


def _path(model: keras.Model, last: keras.layers.Layer) -> list:
    """Layers from the input to this one; of several inputs, the first's."""
    makers = {id(part.output): part for part in model.layers}
    path = [last]
    while not isinstance(path[0], keras.layers.InputLayer):
        path.insert(0, makers[id(_first(path[0].input))])
    return path


def _first(tensors):
    return tensors[0] if isinstance(tensors, list) else tensors


def _stretch(part: TrilinearUpsampling, axis: int) -> tuple[float, float]:
    """First place and step of an interpolation, in places of its input."""
    old, new = part.input.shape[1 + axis], part.output.shape[1 + axis]
    if part.align_corners:
        return 0.0, (old - 1) / max(new - 1, 1)
    return 0.5 * old / new - 0.5, old / new
