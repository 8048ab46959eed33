"""Versions, commit and hardware of a run, and TensorFlow's quiet start."""

import contextlib
import copy
import functools
import importlib.metadata
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile

from keras_pain.errors import ConfigurationError

_SOURCES = pathlib.Path(__file__).resolve().parents[1]
PACKAGES = ("keras-pain", "keras", "tensorflow", "numpy", "scikit-learn")


def environment() -> dict:
    """Describes the software and hardware of this process; imports TensorFlow.

    Returns:
        A JSON-able dict: `versions` of Python and of the `PACKAGES` ("" where
        one is not installed); `backend`; `git_commit` of the source tree (""
        outside of git, with the suffix `-dirty` where tracked files were
        changed); `sources_sha256`, of the package's modules; `cpu`; `cores`;
        `gpus`; and `hardware`, the last three as one line of text.
    """
    return copy.deepcopy(_environment())


@functools.cache
def _environment():
    import keras
    import tensorflow as tf

    from keras_pain.corpora.manifest import content_hash

    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        version = ""
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            version = importlib.metadata.version(name)
        versions[name.replace("-", "_")] = version
    cpu = platform.processor() or platform.machine() or "unknown processor"
    with contextlib.suppress(OSError):
        text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
        if found := re.search(r"^model name\s*:[^\S\n]*(\S.*)$", text, re.M):
            cpu = found[1].strip()
    cores = os.cpu_count() or 1
    details = tf.config.experimental.get_device_details
    devices = tf.config.list_physical_devices("GPU")
    gpus = [details(of).get("device_name", of.name) for of in devices]
    plural = "" if cores == 1 else "s"
    return {
        "versions": versions,
        "backend": keras.config.backend(),
        "git_commit": _git_commit(),
        "sources_sha256": content_hash(_SOURCES, ".py"),
        "cpu": cpu,
        "cores": cores,
        "gpus": gpus,
        "hardware": ", ".join([cpu, f"{cores} core{plural}", *gpus]),
    }


def _git_commit():
    root = _SOURCES.parent
    top = _git(root, "rev-parse", "--show-toplevel")
    # An installed copy may lie inside somebody else's repository.
    if not top or pathlib.Path(top).resolve() != root:
        return ""
    commit = ("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    return _git(root, *commit)


def _git(root, *arguments):
    command = ["git", "-C", str(root), *arguments]
    settings = {"stderr": subprocess.DEVNULL, "text": True, "timeout": 10}
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        return subprocess.check_output(command, **settings).strip()
    return ""


def check_backend() -> None:
    """Raises ConfigurationError where Keras is not to run on TensorFlow."""
    backend = os.environ["KERAS_BACKEND"]
    if "keras" in sys.modules:
        backend = sys.modules["keras"].config.backend()
    if backend != "tensorflow":
        raise ConfigurationError(
            f"the backend of Keras is {backend}, on which the suite does not "
            "run: set KERAS_BACKEND=tensorflow"
        )


@contextlib.contextmanager
def quiet_start():
    """Holds back what is written to stderr, and shows it only on an error.

    TensorFlow prints lines about oneDNN and missing CUDA drivers from C++
    before any log level counts; they look like errors and are not. A script
    for another backend of Keras ends here, with one line.
    """
    try:
        check_backend()
    except ConfigurationError as error:
        sys.exit(f"error: {error}")
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


def start_tensorflow(deterministic: bool = False) -> None:
    """Imports TensorFlow and finds its devices without its remarks.

    Keras computes in single precision then, channels last, whatever the
    user's keras.json says. With `deterministic` operations give the same bytes
    in every run on the same machine, for the rest of this process; XLA is off
    then. Another number of cores still adds in another order: one instead of
    two changes L-SFAN by 0.012 after an epoch.

    Raises ConfigurationError at another backend.
    """
    check_backend()
    with quiet_start():
        import keras
        import tensorflow as tf

        tf.config.list_physical_devices()  # it looks for CUDA at first use
        if deterministic:
            tf.config.experimental.enable_op_determinism()
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
