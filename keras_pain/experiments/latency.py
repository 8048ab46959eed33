"""How long a prediction takes on this machine."""

import time
from collections.abc import Callable, Sequence

import numpy as np

from keras_pain.data.windows import WindowSet
from keras_pain.errors import ConfigurationError

Predict = Callable[[WindowSet], np.ndarray]

# Timed calls of a batch size, after untimed ones: a network traces a new batch
# shape in the first call, and maybe once more, to generalise it, in the second.
CALLS = 30
_FEWEST = 3
_SECONDS = 10  # no further call is timed after these, except the first three


def measure_latency(
    predict: Predict, windows: WindowSet, batch_sizes: Sequence[int] = (1, 512)
) -> dict[int, float]:
    """Wall time of a prediction, in milliseconds a window.

    It is the whole call that is timed, on this machine and with whatever else
    runs on it, from scaled windows in memory to probabilities in memory;
    making windows of recordings is not part of it. What other machines need
    cannot be read off it.

    `predict` is e.g. `keras_predictor(model)` or a method's `predict_proba`.
    Scaled windows repeat where a batch has more. Returns, by batch size, the
    median time of a call over it. Raises ConfigurationError where there is no
    window, or a number is not positive.
    """
    if not len(windows) or min(batch_sizes) < 1:
        problem = "latency needs at least one window, and batches of at least 1"
        told = f"got {len(windows)} windows, batches of {tuple(batch_sizes)}"
        raise ConfigurationError(f"{problem}; {told}")
    result = {}
    for size in batch_sizes:
        batch = windows.take(np.resize(np.arange(len(windows)), size))
        times = []
        while len(times) < _FEWEST + CALLS:
            if len(times) >= 2 * _FEWEST and sum(times[_FEWEST:]) >= _SECONDS:
                break
            start = time.perf_counter()
            predict(batch)
            times.append(time.perf_counter() - start)
        result[size] = float(1000 * np.median(times[_FEWEST:]) / size)
    return result


def keras_predictor(model) -> Predict:
    """A network's compiled forward pass, of windows to `(n, K)` probabilities.

    `keras.Model.predict` builds a data pipeline and callbacks in every call,
    which takes longer than a small network does.
    """
    import tensorflow as tf

    forward = tf.function(
        lambda x: model(x, training=False), reduce_retracing=True
    )
    return lambda windows: forward(tf.convert_to_tensor(windows.x)).numpy()
