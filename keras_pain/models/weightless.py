"""Networks as shapes only, for counting."""

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def weightless() -> Iterator[None]:
    """Models built inside have shapes, but no numbers in memory.

    For counting: 78 million parameters take neither time nor memory. Such a
    model cannot be called. On leaving, Keras forgets its global state (names
    that it gave, the random seed), all but the dtype policy; so not between
    setting a seed and training.

    Yields:
        Nothing.
    """
    policy = keras.config.dtype_policy()
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        # Else Keras would fill in the numbers at the next occasion.
        keras.utils.clear_session(free_memory=False)
        keras.config.set_dtype_policy(policy)
