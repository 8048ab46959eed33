"""Which maps a network has, and their means over groups of windows."""

import dataclasses
import functools
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import keras
import numpy as np

from keras_pain.explain.attention import attention_maps, attention_outputs
from keras_pain.explain.gradcam import grad_cam, saliency
from keras_pain.models.registry import FEATURES

FEATURE_MAPS = "feature_maps"
TITLES = {
    "temporal_attention": "temporal attention",
    "bodily_attention": "bodily attention",
    "self_attention": "self-attention",
    "grad_cam": "Grad-CAM",
    "hires_cam": "HiResCAM",
    "saliency": "saliency",
}
# By the dimensions of the layer's output. A width of 13 is a body part a
# column only where there is a row a feature; ALANet on the whole body weighs
# the units of its code.
_ATTENTION_AXES = {
    ("temporal_attention", 2): ("time",),
    ("temporal_attention", 3): ("time", "part"),
    ("bodily_attention", 2): ("unit",),
    ("bodily_attention", 3): ("part",),
    ("self_attention", 4): ("token", "token"),
}


@dataclasses.dataclass(frozen=True)
class Explanation:
    """One kind of map.

    Axes of one sample's map are `"time"`, which comes first, `"channel"`,
    `"part"`, `"unit"`, `"token"`, `"point"`, `"height"`, `"width"`. `compute`
    goes from the model, its inputs, and the class of each (see `grad_cam`;
    attention has none) to `(n, *axes)`.
    """

    name: str  # a key of `TITLES`; `"hires_cam"` weighs `"elementwise"`
    axes: tuple[str, ...]
    compute: Callable[..., np.ndarray]


def explanations(model: keras.Model) -> list[Explanation]:
    """Every map of a network; each has at least one over all of its input.

    First attention, of windows; Grad-CAM, both ways of weighing, where it has
    a `spatial_layer`, else saliency. The kind of input is told from its shape,
    and of windows its name. Bodily attention is averaged over features.
    """
    found, shape, layer = [], model.input_shape, spatial_layer(model)
    # Tokens of a face are no places that can be drawn.
    outputs = attention_outputs(model) if len(shape) == 3 else {}
    for name, output in outputs.items():
        axes = _ATTENTION_AXES[name, len(output.shape)]
        compute = functools.partial(_attention, name, axes == ("part",))
        found.append(Explanation(name, axes, compute))
    axes = ("time", "channel")
    if len(shape) == 5:
        axes = ("time", "height", "width")
    elif len(shape) == 4 and shape[-1] == 3:
        axes = ("height", "width")
    elif len(shape) == 4:  # landmarks
        axes, layer = ("time", "point"), None
    elif model.inputs[0].name == FEATURES:
        axes = ("time",)
    if layer is None:
        compute = functools.partial(_saliency, len(axes))
        return [*found, Explanation("saliency", axes, compute)]
    for name, weights in (("grad_cam", "global"), ("hires_cam", "elementwise")):
        compute = functools.partial(_cam, layer, weights)
        found.append(Explanation(name, axes, compute))
    return found


def spatial_layer(model: keras.Model) -> str | None:
    """The layer that Grad-CAM reads, by name; None where there is none.

    `FEATURE_MAPS`, else the last that everything passes through, with several
    filters over places of the input; of windows one column a sensor.
    """
    source = model.input_shape
    named = [part for part in model.layers if part.name == FEATURE_MAPS]
    for part in named or reversed(model.layers):
        shared = len(part._inbound_nodes) != 1  # by several places
        shape = () if shared else getattr(part.output, "shape", ())
        if len(shape) != max(len(source), 4) or shape[-1] == 1:
            continue
        if len(source) == 3:
            fits = None not in shape[1:] and shape[2] == source[-1]
        else:  # neither a copy of the input nor one value of all
            few = shape[-1] == source[-1] or set(shape[1:-1]) == {1}
            fits = None not in shape[1:] and (named or not few)
        if fits and not _leads_past(model, part.output):
            return part.name
    return None


def _leads_past(model, layer_output):
    """Whether the output depends on the input by another way as well."""
    waiting, seen = list(model.outputs), {id(layer_output)}
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        part, node, _ = tensor._keras_history
        sources = part._inbound_nodes[node].input_tensors
        if not sources:
            return True
        waiting += sources
    return False


def _attention(name, over_features, model, x, class_index=None):
    weights = attention_maps(model, x)[name]
    return weights.mean(axis=1) if over_features else weights


def _cam(layer, weights, model, x, class_index=None):
    return grad_cam(model, x, layer, class_index, weights)


def _saliency(axes, model, x, class_index=None):
    """Of all colours, coordinates or features of a place the strongest."""
    found = saliency(model, x, class_index)
    return found.max(axis=-1) if found.ndim > 1 + axes else found


class AverageMap(NamedTuple):
    """The mean map of so many windows; NaN in frames that are all padding."""

    mean: np.ndarray
    windows: int


def average_maps(
    maps: np.ndarray,
    groups: Sequence[Hashable],
    length: np.ndarray | None = None,
) -> dict[Hashable, AverageMap]:
    """The mean map of each group of windows, in sorted order.

    Frames count from each window's start, so that means over time tell of the
    beginning and end of windows, not of phases of the movement.

    Maps are `(n, ...)`, groups `(n,)`, e.g. classes or activities. `length`,
    `(n,)` real frames of each window, is given of maps over time, whose padded
    frames are left out.
    """
    padding = np.zeros(maps.shape, bool)
    if length is not None:
        padding[np.arange(maps.shape[1]) >= np.asarray(length)[:, None]] = True
    masked = np.ma.masked_array(maps, padding)
    averages = {}
    for group in sorted(set(groups)):
        part = masked[[other == group for other in groups]]
        mean = part.mean(axis=0).filled(np.nan)
        averages[group] = AverageMap(mean, len(part))
    return averages
