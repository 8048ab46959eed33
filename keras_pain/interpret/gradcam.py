"""Where in a window a class score comes from: Grad-CAM and saliency.

TensorFlow backend only, see `gradients.py`.
"""

import keras
import numpy as np

from keras_pain.errors import ConfigurationError
from keras_pain.interpret.gradients import activations_and_gradients

WEIGHTS = ("global", "elementwise")


def grad_cam(
    model: keras.Model,
    x: np.ndarray,
    layer: str = "feature_maps",
    class_index: int | np.ndarray | None = None,
    weights: str = "global",
) -> np.ndarray:
    """Grad-CAM over sensors and time.

    Selvaraju et al., "Grad-CAM", ICCV 2017, equations 1 and 2: every feature
    map weighs as much as the mean over time and sensors of the gradient of
    the class score with respect to it; what remains of the weighted sum above
    zero is the map. L-SFAN's head has other weights for every sensor, which
    this mean hides; `weights="elementwise"` multiplies before it sums over
    feature maps (HiResCAM, Draelos and Carin 2020, arXiv 2011.08891) and is
    exact where the head is linear: before the cut at zero, `CNN_TAP`'s map
    sums to the score without its bias.

    Args:
        model: A classifier with a layer of feature maps.
        x: `(n, T, C)` scaled windows.
        layer: Name of a layer with output `(n, T', S, filters)`.
        class_index: Class to explain: one for all windows, `(n,)`, or None
            for the one that the network predicts.
        weights: `"global"` or `"elementwise"`.

    Returns:
        `(n, T, S)` float32, not negative: the map in the layer's frames,
        linearly interpolated between the input frames that they are centred
        on.

    Raises:
        ConfigurationError: No such layer or class, `weights` is unknown, or
            the backend is not TensorFlow.
    """
    if weights not in WEIGHTS:
        raise ConfigurationError(
            f"weights must be one of {', '.join(WEIGHTS)}, got {weights!r}"
        )
    features, gradients = activations_and_gradients(
        model, x, layer, class_index
    )
    if features.ndim != 4:
        raise ConfigurationError(
            f"the layer {layer!r} of {model.name} has outputs of shape "
            f"{features.shape[1:]}, not (time, sensors, filters)"
        )
    if weights == "global":
        gradients = gradients.mean(axis=(1, 2), keepdims=True)
    maps = np.maximum((gradients * features).sum(axis=-1), 0)
    return interpolate(maps, frame_centres(model, layer), np.shape(x)[1])


def saliency(
    model: keras.Model,
    x: np.ndarray,
    class_index: int | np.ndarray | None = None,
    times_input: bool = False,
) -> np.ndarray:
    """How strongly each input value moves the class score.

    For networks without a convolutional map. Simonyan et al., "Deep inside
    convolutional networks", ICLR workshop 2014, section 3: the absolute
    gradient. With `times_input`, the gradient times the input, with its sign
    (Shrikumar et al. 2016, arXiv 1605.01713).

    Args:
        model: A classifier.
        x: `(n, T, C)` scaled windows.
        class_index: As for `grad_cam`.
        times_input: Whether to multiply with the input.

    Returns:
        `(n, T, C)` float32.

    Raises:
        ConfigurationError: No such class, or the backend is not TensorFlow.
    """
    values, gradients = activations_and_gradients(
        model, x, class_index=class_index
    )
    return gradients * values if times_input else np.abs(gradients)


def interpolate(
    maps: np.ndarray, centres: np.ndarray, frames: int
) -> np.ndarray:
    """Maps over a layer's frames to maps over input frames.

    Args:
        maps: `(n, T', S)`.
        centres: `(T',)` increasing positions of the layer's frames, in input
            frames.
        frames: T, input frames.

    Returns:
        `(n, T, S)` float32, linear between the centres and constant beyond
        the first and the last of them.
    """
    position = np.interp(np.arange(frames), centres, np.arange(len(centres)))
    lower = np.floor(position).astype(int)
    upper = np.minimum(lower + 1, len(centres) - 1)
    share = (position - lower)[:, None].astype(np.float32)
    return (1 - share) * maps[:, lower] + share * maps[:, upper]


def frame_centres(model: keras.Model, layer: str) -> np.ndarray:
    """The input frame in the middle of what each frame of a layer sees.

    Follows kernels, strides and padding along axis 1. Stretching 42 frames
    over 180 instead, as image resizing does, would misplace L-SFAN's first
    and last frame by six frames, a tenth of a second.

    Args:
        model: A model whose layers up to `layer` form a chain.
        layer: Name of a layer whose axis 1 is time.

    Returns:
        `(T',)` positions in input frames, T' frames of the layer.
    """
    first, step = 0.0, 1.0
    frames = model.input_shape[1]
    for part in model.layers:
        if isinstance(part, keras.layers.ZeroPadding2D):
            first -= part.padding[0][0] * step
            frames += sum(part.padding[0])
        elif is_windowed(part):
            offset, stride, frames = windows_of(part, 0, frames)
            first += offset * step
            step *= stride
        if part.name == layer:
            break
    return first + step * np.arange(model.get_layer(layer).output.shape[1])


def is_windowed(part: keras.layers.Layer) -> bool:
    """Whether a layer is a convolution or a pooling with a window."""
    return hasattr(part, "kernel_size") or hasattr(part, "pool_size")


def windows_of(
    part: keras.layers.Layer, axis: int, places: int
) -> tuple[float, int, int]:
    """Where the windows of a convolution or pooling lie along one axis.

    Args:
        part: The layer.
        axis: Axis of its windows, from 0.
        places: Places of its input along this axis.

    Returns:
        Middle of the first window and step from one to the next, both in
        places of the input, and the number of windows.
    """
    size = getattr(part, "kernel_size", None) or part.pool_size
    stride = part.strides[axis]
    reach = getattr(part, "dilation_rate", (1,) * len(size))[axis]
    reach *= size[axis] - 1
    if part.padding == "same":
        windows = -(-places // stride)
        before = max((windows - 1) * stride + reach + 1 - places, 0) // 2
    else:
        windows = (places - reach - 1) // stride + 1
        before = 0
    return reach / 2 - before, stride, windows
