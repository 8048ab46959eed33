"""Seeds of a fold, set without forgetting compiled graphs."""

import random

import keras
import numpy as np


def set_seeds(seed: int) -> None:
    """Seeds what draws initial weights and dropout masks.

    `keras.utils.set_random_seed` also sets TensorFlow's global seed, which
    throws away every compiled graph: each fold would have them optimised anew,
    for seconds. Nothing here draws from that seed: Keras' layers take theirs
    from Python, and batches are drawn by `data.feed` and `data.clip_feed`.

    Args:
        seed: Non-negative, below 2^32.
    """
    if keras.backend.backend() != "tensorflow":
        keras.utils.set_random_seed(seed)
        return
    random.seed(seed)
    np.random.seed(seed)
