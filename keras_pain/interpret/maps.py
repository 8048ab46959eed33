"""Which maps a network has, each as one function of model and windows."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np

from keras_pain.interpret.attention import attention_maps, encoder_of
from keras_pain.interpret.gradcam import grad_cam, saliency
from keras_pain.signals.kinematics import ANGLE_NAMES

FEATURE_MAPS = "feature_maps"
AXES = (
    "time",
    "channel",
    "part",
    "unit",
    "token",
    "height",
    "width",
)


@dataclasses.dataclass(frozen=True)
class Explanation:
    """One kind of map.

    Args:
        name: `"temporal_attention"`, `"bodily_attention"`,
            `"self_attention"`, `"grad_cam"`, `"hires_cam"` (`grad_cam` with
            `weights="elementwise"`) or `"saliency"`.
        axes: What the axes of one window's map are, each one of `AXES`. Time
            comes first.
        compute: From the model, `(n, T, C)` scaled windows and the class of
            each (see `grad_cam`; attention has none) to `(n, *axes)`.
    """

    name: str
    axes: tuple[str, ...]
    compute: Callable[..., np.ndarray]

    @property
    def over_time(self) -> bool:
        """Whether the first axis of a window's map is time."""
        return self.axes[0] == "time"


def explanations(model: keras.Model) -> list[Explanation]:
    """Every map of a network; each has at least one over time and channels.

    Attention where it has some; Grad-CAM, both ways of weighing, where it has
    a layer `"feature_maps"` with one column a sensor, else saliency.

    Args:
        model: A classifier.

    Returns:
        The explanations, attention first. The bodily attention of a network
        with one map a feature is averaged over the features.
    """
    found = []
    layers = {layer.name: layer for layer in model.layers}
    for name in ("temporal_attention", "bodily_attention"):
        if name in layers:
            shape = layers[name].output.shape[1:]
            found.append(_attention(name, shape))
    if encoder_of(model) is not None:
        found.append(
            Explanation(
                "self_attention",
                ("token", "token"),
                lambda model, x, class_index=None: attention_maps(model, x)[
                    "self_attention"
                ],
            )
        )
    features = layers.get(FEATURE_MAPS)
    channels = model.input_shape[-1]
    if features is not None and features.output.shape[2] == channels:
        found.append(_cam("grad_cam", "global"))
        found.append(_cam("hires_cam", "elementwise"))
    else:
        found.append(Explanation("saliency", ("time", "channel"), saliency))
    return found


def _cam(name: str, weights: str) -> Explanation:
    def compute(model, x, class_index=None):
        return grad_cam(model, x, FEATURE_MAPS, class_index, weights)

    return Explanation(name, ("time", "channel"), compute)


def _attention(name: str, shape: tuple) -> Explanation:
    width = shape[-1]
    if name == "temporal_attention":
        axes = ("time",) if len(shape) == 1 else ("time", "part")
    else:
        # A width of 13 is a body part a column only where there is a row a
        # feature; ALANet on the whole body weighs the units of its code.
        axes = ("part",) if len(shape) == 2 else ("unit",)
    if "part" in axes and width != len(ANGLE_NAMES):
        raise ValueError(f"{name} has {width} columns, not one a body part")

    def compute(model, x, class_index=None):
        weights = attention_maps(model, x)[name]
        if axes == ("part",):
            return weights.mean(axis=1)
        return weights

    return Explanation(name, axes, compute)
