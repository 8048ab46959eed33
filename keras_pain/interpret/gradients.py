"""Class scores and their gradients, on the TensorFlow backend.

`keras.ops` has no gradients, so the maps of `gradcam.py` need a
`tf.GradientTape`; on another backend they raise a one-line error.
"""

import functools
from collections.abc import Callable

import keras
import numpy as np

from keras_pain.errors import ConfigurationError

_BATCH = 32  # results do not depend on it; memory does


def activations_and_gradients(
    model: keras.Model,
    x: np.ndarray,
    layer: str | None = None,
    class_index: int | np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """A layer's output and the gradient of a class score with respect to it.

    The score is the one before the softmax, as Grad-CAM takes it: behind it
    the gradient vanishes where the network is sure.

    Args:
        model: A classifier from `(n, T, C)` to `(n, classes)`.
        x: `(n, T, C)` scaled windows.
        layer: Name of the layer; None for the input itself.
        class_index: The class whose score is explained: one for all windows,
            `(n,)`, or None for the one that the network predicts.

    Returns:
        Output and gradient, both `(n, ...)` float32.

    Raises:
        ConfigurationError: The backend is not TensorFlow, or the model has no
            such layer or class.
    """
    if keras.backend.backend() != "tensorflow":
        raise ConfigurationError(
            "maps from gradients need the TensorFlow backend, this is "
            f"{keras.backend.backend()}: set KERAS_BACKEND=tensorflow"
        )
    if layer is not None and layer not in {part.name for part in model.layers}:
        raise ConfigurationError(
            f"{model.name} has no layer {layer!r}, so there is no map to "
            "draw from it"
        )
    x = np.asarray(x, dtype=np.float32)
    classes = _classes(model, len(x), class_index)
    compute = _traced(model, layer)
    parts = [
        compute(x[i : i + _BATCH], classes[i : i + _BATCH])
        for i in range(0, len(x), _BATCH)
    ]
    values, gradients = zip(*parts, strict=True)
    return np.concatenate(values), np.concatenate(gradients)


def _classes(model, count: int, class_index) -> np.ndarray:
    """`(count,)` class of each window; -1 where it is the predicted one."""
    wanted = -1 if class_index is None else class_index
    classes = np.broadcast_to(np.asarray(wanted, dtype=np.int64), (count,))
    total = model.output_shape[-1]
    if class_index is not None and not (
        0 <= classes.min() and classes.max() < total
    ):
        raise ConfigurationError(
            f"class_index must lie in 0 to {total - 1}, got {class_index}"
        )
    return classes


# Recurrent networks take seconds to trace; the sanity checks ask the same
# network again and again, with other weights.
@functools.lru_cache(maxsize=4)
def _traced(model: keras.Model, layer: str | None) -> Callable:
    import tensorflow as tf

    source, to_scores = _scores(model)
    target = model.inputs[0] if layer is None else model.get_layer(layer).output
    both = keras.Model(model.inputs, [target, source])

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, *model.input_shape[1:]), tf.float32),
            tf.TensorSpec((None,), tf.int64),
        ]
    )
    def compute(x, classes):
        with tf.GradientTape() as tape:
            tape.watch(x)
            values, features = both(x, training=False)
            if layer is None:
                values = x
            scores = tf.cast(to_scores(features), tf.float32)
            chosen = tf.where(classes < 0, tf.argmax(scores, axis=-1), classes)
            score = tf.gather(scores, chosen, batch_dims=1)
        gradient = tape.gradient(
            score, values, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return tf.cast(values, tf.float32), tf.cast(gradient, tf.float32)

    return compute


def _scores(model: keras.Model):
    """Where the softmax's input comes from, and how it is computed there."""
    last = next(part for part in model.layers if part.output is model.output)
    softmax = keras.activations.softmax
    if getattr(last, "activation", None) is not softmax:
        if isinstance(last, keras.layers.Softmax):
            return last.input, lambda scores: scores
        return model.output, lambda scores: scores
    if isinstance(last, keras.layers.Dense):
        return (
            last.input,
            lambda features: (
                keras.ops.matmul(
                    keras.ops.cast(features, "float32"), last.kernel
                )
                + last.bias
            ),
        )
    return last.input, lambda scores: scores  # layers.Activation("softmax")
