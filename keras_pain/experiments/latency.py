"""How long a prediction takes on this machine."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_pain.data.windows import WindowSet
from keras_pain.errors import ConfigurationError

if TYPE_CHECKING:
    import keras

Predict = Callable[[WindowSet], np.ndarray]

# A network traces a new batch shape in the first call, and may trace it once
# more to generalise it in the second.
_WARM_UP = 3
_FEWEST = 3


def measure_latency(
    predict: Predict,
    windows: WindowSet,
    batch_sizes: Sequence[int] = (1, 512),
    repeats: int = 30,
    seconds: float = 10.0,
) -> dict[int, float]:
    """Wall time of a prediction, in milliseconds a window.

    It is the whole call that is timed, on this machine and with whatever else
    runs on it, from scaled windows in memory to probabilities in memory;
    making windows of recordings is not part of it. What other machines need
    cannot be read off it.

    Args:
        predict: Takes windows, returns `(n, K)` probabilities, e.g.
            `keras_predictor(model)` or a method's `predict_proba`.
        windows: At least one scaled window; repeated where a batch has more.
        batch_sizes: Windows in a call.
        repeats: Timed calls for each batch size, after three untimed ones.
        seconds: No further call is timed for a batch size after these, except
            the first three.

    Returns:
        Batch size to the median time of a call over the batch size.

    Raises:
        ConfigurationError: There is no window, or a number is not positive.
    """
    if not len(windows):
        raise ConfigurationError("latency needs at least one window, got none")
    if min([*batch_sizes, repeats]) < 1:
        raise ConfigurationError(
            "batch sizes and repeats of a latency must be at least 1, got "
            f"{tuple(batch_sizes)} and {repeats}"
        )
    result = {}
    for size in batch_sizes:
        batch = windows.take(np.resize(np.arange(len(windows)), size))
        for _ in range(_WARM_UP):
            predict(batch)
        times: list[float] = []
        while len(times) < repeats and (
            len(times) < _FEWEST or sum(times) < seconds
        ):
            start = time.perf_counter()
            predict(batch)
            times.append(time.perf_counter() - start)
        result[size] = 1000 * statistics.median(times) / size
    return result


def keras_predictor(model: "keras.Model") -> Predict:
    """A network's compiled forward pass, without the set-up of `predict`.

    `keras.Model.predict` builds a data pipeline and callbacks in every call,
    which takes longer than a small network does.

    Args:
        model: A built classifier of `(n, T, C)` windows.

    Returns:
        A function of windows that returns `(n, K)` probabilities.
    """
    import tensorflow as tf

    forward = tf.function(
        lambda x: model(x, training=False), reduce_retracing=True
    )
    return lambda windows: forward(tf.convert_to_tensor(windows.x)).numpy()
