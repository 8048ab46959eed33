"""Where a score comes from: gradients, saliency, and Grad-CAM.

All but `scale_maps` need TensorFlow: `keras.ops` has no gradients.
"""

import functools

import keras
import numpy as np
from keras import layers

from keras_pain.errors import ConfigurationError, check_choice
from keras_pain.experiments.provenance import check_backend
from keras_pain.layers import TrilinearUpsampling

WEIGHTS = ("global", "elementwise")
SCALES = {"B": "relu_4", "M": "relu_6", "S": "relu_8"}
"""L3D's large, medium and small scale features (L3D paper, section 2.4)."""

_BATCH = 32  # results do not depend on it; memory does


def activations_and_gradients(
    model: keras.Model,
    x: np.ndarray,
    layer: str | None = None,
    class_index: int | np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """A layer's output and the gradient of a class score with respect to it.

    The score is before the softmax, as Grad-CAM takes it.

    The model goes from `(n, T, C)` scaled windows, or `(n, T, H, W, 3)` clips
    in RGB from 0 to 255, to `(n, classes)`, or to `(n, 1)`, an intensity. The
    layer is named, None for the input itself; the class whose score is
    explained is one for all samples, `(n,)`, or None for the one that the
    network predicts.

    Both are `(n, ...)` float32. Raises ConfigurationError where the backend is
    not TensorFlow, or the model has no such layer or class.
    """
    batches = zip(*_batches(model, x, layer, class_index), strict=True)
    return tuple(map(np.concatenate, batches))


def saliency(
    model: keras.Model,
    x: np.ndarray,
    class_index: int | np.ndarray | None = None,
) -> np.ndarray:
    """How strongly each input value moves the class score: `|gradient|`.

    Simonyan et al., "Deep inside convolutional networks", ICLR workshop 2014,
    section 3. As `activations_and_gradients`; as large as `x`.
    """
    return np.abs(activations_and_gradients(model, x, None, class_index)[1])


def grad_cam(
    model: keras.Model,
    x: np.ndarray,
    layer: str = "feature_maps",
    class_index: int | np.ndarray | None = None,
    weights: str = "global",
    lowers: bool = False,
) -> np.ndarray:
    """Grad-CAM over sensors and time, or over face and time.

    Selvaraju et al., "Grad-CAM", ICCV 2017, equations 1 and 2: every feature
    map weighs as much as the mean over its places of the gradient of the
    class score with respect to it; what remains of the weighted sum above
    zero is the map. The heads of L-SFAN and L3D have other weights for every
    place; `weights="elementwise"` multiplies before it sums over feature maps
    (HiResCAM, Draelos and Carin 2020, arXiv 2011.08891), exact where the head
    is linear: before the cut at zero, `CNN_TAP`'s map sums to the score
    without its bias. The map shows what raises an intensity, or `lowers` it by
    the negative gradient, as section 3.3 has it against a class.

    Args:
        model, x, class_index: As for `activations_and_gradients`.
        layer: Name of a layer with output `(n, T', S, filters)`, of clips
            `(n, T', H', W', filters)`.
        weights: One of `WEIGHTS`.

    Returns `(n, T, S)` or `(n, T, H, W)` float32, not negative: linearly
    interpolated between what the layer's places are centred on. Raises
    ConfigurationError as `activations_and_gradients` does, and where the layer
    has other outputs or `weights` is unknown.
    """
    check_choice("weights", weights, WEIGHTS)
    centres = place_centres(model, layer)
    places = tuple(range(1, 1 + len(centres)))
    found = []
    for features, gradients in _batches(model, x, layer, class_index):
        if lowers:
            gradients = -gradients
        if weights == "global":
            gradients = gradients.mean(axis=places, keepdims=True)
        maps = np.maximum((gradients * features).sum(axis=-1), 0)
        found.append(interpolate(maps, centres, np.shape(x)[1:]))
    return np.concatenate(found)


def scale_maps(model: keras.Model, clips: np.ndarray) -> dict[str, np.ndarray]:
    """What the scales of L3D show of a clip: one map each.

    Of clips `(n, T, H, W, 3)`, RGB from 0 to 255, for each of `SCALES`
    `(n, T, H, W)` float32, the mean over its channels, interpolated as by
    `grad_cam`. Raises ConfigurationError where it is no L3D.
    """
    found = {}
    for name, layer in SCALES.items():
        centres = place_centres(model, layer)
        reader = keras.Model(model.inputs, _layer(model, layer).output)
        features = reader.predict(clips, batch_size=1, verbose=0)
        maps = features.astype(np.float32).mean(axis=-1)
        found[name] = interpolate(maps, centres, clips.shape[1:])
    return found


def interpolate(maps: np.ndarray, centres, sizes) -> np.ndarray:
    """Maps over a layer's places to maps over frames, and sensors or pixels.

    `(n, T', ...)` to `(n, T, ...)` float32, linear between the `centres` (from
    `place_centres`), constant beyond; `sizes` of the input: frames and so on.
    """
    for axis, (places, size) in enumerate(zip(centres, sizes, strict=False), 1):
        numbers = np.arange(len(places))
        position = np.interp(np.arange(size), places, numbers)
        lower = position.astype(int)
        upper = np.minimum(lower + 1, numbers[-1])
        share = (position - lower).astype(np.float32)
        share = share.reshape(-1, *[1] * (maps.ndim - 1 - axis))
        before, behind = maps.take(lower, axis), maps.take(upper, axis)
        maps = (1 - share) * before + share * behind
    return maps


def place_centres(model: keras.Model, layer: str) -> list[np.ndarray]:
    """What of the input lies in the middle of what each place sees.

    Follows convolutions, poolings, padding and trilinear interpolation back
    to the input, of joined features the first. Stretching a map instead would
    misplace L-SFAN's first and last frame by a tenth of a second. Places of
    other layers, where they are more or fewer than before, are spread evenly.

    The layer's output is `(n, T', S', filters)` or `(n, T', H', W', filters)`,
    of single pictures `(n, H', W', filters)`. Returned are positions along each
    axis but the last, e.g. `(T',)` frames. Raises ConfigurationError where
    there is no such layer, or it has other outputs.
    """
    tensor = _layer(model, layer).output
    # Windows have no axis for the filters yet.
    axes = max(len(model.input_shape) - 2, 2)
    if len(tensor.shape) != axes + 2:
        places = "sensors" if axes == 2 else "height, width"
        raise ConfigurationError(
            f"the layer {layer!r} of {model.name} has outputs of shape "
            f"{tuple(tensor.shape[1:])}, not (time, {places}, filters)"
        )
    shape, steps = tensor.shape, []
    while tensor is not model.inputs[0]:
        part, node, _ = tensor._keras_history  # its layer may be used twice
        steps.append((part, part._inbound_nodes[node].input_tensors[0], tensor))
        tensor = steps[-1][1]
    centres = []
    for axis in range(axes):
        first, step = 0.0, 1.0
        for part, *ends in reversed(steps):
            places = []
            for size in (end.shape[1:] for end in ends):
                # Frames of clips that are folded into the batch lose an axis.
                number = axis - (axes == 3 and len(size) == 3)
                known = 0 <= number < len(size)
                places.append(size[number] if known else None)
            offset, stride = _windows(part, number, *places)
            first += offset * step
            step *= stride
        centres.append(first + step * np.arange(shape[1 + axis]))
    return centres


def _windows(part, axis, before, after):
    """Middle of a layer's first window and step to the next, along an axis.

    In places of its input, from 0; it has `before`, the output `after` places.
    """
    if before is None or after is None:
        return 0, 1
    if isinstance(part, layers.ZeroPadding2D | layers.ZeroPadding3D):
        return -part.padding[axis][0], 1
    if isinstance(part, TrilinearUpsampling) and part.align_corners:
        return 0, (before - 1) / max(after - 1, 1)
    size = getattr(part, "kernel_size", getattr(part, "pool_size", ()))
    if not 0 <= axis < len(size) or after > before:
        return 0.5 * before / after - 0.5, before / after
    stride, reach = part.strides[axis], size[axis] - 1
    if hasattr(part, "dilation_rate"):
        reach *= part.dilation_rate[axis]
    if part.padding != "same":
        return reach / 2, stride
    padded = (-(-before // stride) - 1) * stride + reach + 1
    return reach / 2 - max(padded - before, 0) // 2, stride


def _layer(model, name) -> keras.layers.Layer:
    found = {part.name: part for part in model.layers}
    if name in found:
        return found[name]
    problem = f"has no layer {name!r}, so there is no map to draw from it"
    raise ConfigurationError(f"{model.name} {problem}")


def _batches(model, x, layer, class_index):
    """A few samples at a time, see `activations_and_gradients`."""
    check_backend()
    x = np.asarray(x, dtype=np.float32)
    wanted = -1 if class_index is None else class_index
    classes = np.full(len(x), wanted, dtype=np.int64)
    total = model.outputs[0].shape[-1]
    known = (classes >= 0) & (classes < total)
    if class_index is not None and not known.all():
        wanted = f"class_index must lie in 0 to {total - 1}"
        raise ConfigurationError(f"{wanted}, got {class_index}")
    compute = _traced(model, layer)
    size = 1 if x.ndim == 5 else _BATCH  # 32 clips would fill the memory
    for i in range(0, len(x), size):
        part = slice(i, i + size)
        yield [found.numpy() for found in compute(x[part], classes[part])]


# Recurrent networks take seconds to trace; the sanity checks ask the same
# network again and again, with other weights.
@functools.lru_cache(maxsize=4)
def _traced(model, layer):
    """From samples and classes, -1 where predicted, to values and gradients."""
    import tensorflow as tf

    source, to_scores = _scores(model)
    target = model.inputs[0] if layer is None else _layer(model, layer).output
    both = keras.Model(model.inputs, [target, source])

    sample = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)

    @tf.function(input_signature=[sample, tf.TensorSpec((None,), tf.int64)])
    def compute(x, classes):
        with tf.GradientTape() as tape:
            tape.watch(x)
            values, features = both(x, training=False)
            if layer is None:
                values = x
            scores = tf.cast(to_scores(features), tf.float32)
            chosen = tf.where(classes < 0, tf.argmax(scores, axis=-1), classes)
            score = tf.gather(scores, chosen, batch_dims=1)
        none = {"unconnected_gradients": tf.UnconnectedGradients.ZERO}
        gradient = tape.gradient(score, values, **none)
        return tf.cast(values, tf.float32), tf.cast(gradient, tf.float32)

    return compute


def _scores(model):
    """Where the softmax's input comes from, and how it is computed there."""
    last = model.outputs[0]._keras_history.operation
    softmax = getattr(last, "activation", None) is keras.activations.softmax
    if softmax and isinstance(last, layers.Dense):

        def logits(features):
            features = keras.ops.cast(features, "float32")
            return keras.ops.matmul(features, last.kernel) + last.bias

        return last.input, logits
    softmax = softmax or isinstance(last, layers.Softmax)
    return last.input if softmax else model.outputs[0], lambda scores: scores
