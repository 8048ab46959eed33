"""tf.data batches from arrays in memory, shuffled anew by a seed every epoch.

`fit`'s own shuffle is not used: on TensorFlow, Keras 3.15 repeats one
permutation in every epoch once `set_random_seed` was called.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf


def training_batches(
    arrays: Sequence[np.ndarray], batch_size: int, seed: int
) -> tf.data.Dataset:
    """Endless shuffled batches; epoch e uses a permutation of (seed, e).

    Args:
        arrays: Arrays of equal first dimension n, e.g. `(x, y)`.
        batch_size: Samples a batch; the last one of an epoch may be smaller.
        seed: Non-negative seed.

    Returns:
        Dataset of tuples; pass `steps_per_epoch=num_steps(n, batch_size)`.
    """
    count = len(arrays[0])
    steps = num_steps(count, batch_size)
    tensors = [tf.constant(array) for array in arrays]
    # Whole permutations are drawn, then cut: one gather a batch, and no
    # element-by-element work in Python or in tf.data.
    low, high = seed % (2**31), seed // (2**31)

    def epoch(number):
        draw = tf.random.stateless_uniform(
            [count], [low, high * 2**20 + number], 0, 2**62, tf.int64
        )
        order = tf.argsort(draw, stable=True)
        return tf.data.Dataset.range(steps).map(
            lambda step: order[step * batch_size : (step + 1) * batch_size]
        )

    return (
        tf.data.Dataset.counter()
        .flat_map(epoch)
        .map(lambda index: tuple(tf.gather(t, index) for t in tensors))
        .prefetch(2)
    )


def evaluation_batches(
    arrays: Sequence[np.ndarray], batch_size: int
) -> tf.data.Dataset:
    """One pass in order, for validation and prediction."""
    dataset = tf.data.Dataset.from_tensor_slices(tuple(arrays))
    return dataset.batch(batch_size).prefetch(2)


def num_steps(count: int, batch_size: int) -> int:
    """Batches in one epoch of `count` samples."""
    return -(-count // batch_size)
