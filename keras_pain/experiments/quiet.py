"""Keeping TensorFlow's remarks about itself off the user's screen."""

import contextlib
import os
import sys
import tempfile


@contextlib.contextmanager
def quiet_start():
    """Holds back what is written to stderr, and shows it only on an error.

    TensorFlow prints lines about oneDNN and missing CUDA drivers from C++
    before any log level counts; they look like errors and are none.
    """
    try:
        stderr = sys.stderr.fileno()
        kept = os.dup(stderr)
    except (OSError, ValueError, AttributeError):
        yield  # no real stderr, as in some notebooks: nothing to hold back
        return
    with tempfile.TemporaryFile() as held:
        sys.stderr.flush()
        os.dup2(held.fileno(), stderr)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, stderr)
            os.close(kept)


def start_tensorflow() -> None:
    """Imports TensorFlow and finds its devices without its remarks."""
    with quiet_start():
        import tensorflow as tf

        tf.config.list_physical_devices()  # it looks for CUDA at first use
