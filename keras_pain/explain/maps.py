"""Which maps a network has, and their means over groups of windows."""

import dataclasses
import functools
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import keras
import numpy as np

from keras_pain.explain.attention import attention_maps, attention_outputs
from keras_pain.explain.gradcam import grad_cam, saliency

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

    Args:
        name: A key of `TITLES`; `"hires_cam"` is `grad_cam` with
            `weights="elementwise"`.
        axes: What the axes of one sample's map are: `"time"`, which comes
            first, `"channel"`, `"part"`, `"unit"`, `"token"`, `"height"`,
            `"width"`.
        compute: From the model, scaled windows or clips, and the class of
            each (see `grad_cam`; attention has none) to `(n, *axes)`.
    """

    name: str
    axes: tuple[str, ...]
    compute: Callable[..., np.ndarray]


def explanations(model: keras.Model) -> list[Explanation]:
    """Every map of a network; each has at least one over all of its input.

    Attention where it has some; Grad-CAM, both ways of weighing, where it has
    a layer `"feature_maps"` of clips or with one column a sensor, else
    saliency of windows.

    Returns:
        The explanations, attention first. The bodily attention of a network
        with one map a feature is averaged over the features.
    """
    found = []
    for name, output in attention_outputs(model).items():
        axes = _ATTENTION_AXES[name, len(output.shape)]
        compute = functools.partial(_attention, name, axes == ("part",))
        found.append(Explanation(name, axes, compute))
    axes = ("time", "channel")
    outputs = {layer.name: layer.output for layer in model.layers}
    shape = outputs[FEATURE_MAPS].shape if FEATURE_MAPS in outputs else ()
    if len(shape) == 5:
        axes = ("time", "height", "width")
    elif not shape or shape[2] != model.input_shape[-1]:
        return [*found, Explanation("saliency", axes, saliency)]
    for name, weights in (("grad_cam", "global"), ("hires_cam", "elementwise")):
        compute = functools.partial(_cam, weights)
        found.append(Explanation(name, axes, compute))
    return found


def _attention(name, over_features, model, x, class_index=None):
    weights = attention_maps(model, x)[name]
    return weights.mean(axis=1) if over_features else weights


def _cam(weights, model, x, class_index=None):
    return grad_cam(model, x, FEATURE_MAPS, class_index, weights)


class AverageMap(NamedTuple):
    """The mean map of a group of windows, and how many they are.

    NaN in frames that are padding in every window.
    """

    mean: np.ndarray
    windows: int


def average_maps(
    maps: np.ndarray,
    groups: Sequence[Hashable],
    length: np.ndarray | None = None,
) -> dict[Hashable, AverageMap]:
    """The mean map of each group of windows.

    Frames count from each window's start, and windows are cut every 45
    frames, so a mean over time shows what the network does at the beginning
    and at the end of a window, not in a phase of the movement.

    Args:
        maps: `(n, ...)`.
        groups: `(n,)` group of each window, e.g. its class, its activity, or
            a pair of them.
        length: `(n,)` real frames of each window, where the first axis of a
            map is time; padded frames are left out. None where it is not.

    Returns:
        Averages in sorted order of the groups.
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
