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

PACKAGES = ("keras-pain", "keras", "tensorflow", "numpy", "scikit-learn")


def environment() -> dict:
    """Describes the software and hardware of this process; imports TensorFlow.

    Returns:
        A JSON-able dict: `versions` of Python and of the `PACKAGES` ("" where
        one is not installed); `backend`; `git_commit` of the source tree (""
        outside of git, with the suffix `-dirty` where tracked files were
        changed); `cpu`; `cores`; `gpus`; and `hardware`, the last three as one
        line of text.
    """
    return copy.deepcopy(_environment())


@functools.cache
def _environment():
    import keras
    import tensorflow as tf

    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        version = ""
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            version = importlib.metadata.version(name)
        versions[name.replace("-", "_")] = version
    cpu = platform.processor() or platform.machine() or "unknown processor"
    with contextlib.suppress(OSError):
        text = pathlib.Path("/proc/cpuinfo").read_text()
        if found := re.search(r"^model name\s*:[^\S\n]*(\S.*)$", text, re.M):
            cpu = found[1].strip()
    cores = os.cpu_count() or 1
    details = tf.config.experimental.get_device_details
    gpus = [
        details(device).get("device_name", device.name)
        for device in tf.config.list_physical_devices("GPU")
    ]
    plural = "" if cores == 1 else "s"
    return {
        "versions": versions,
        "backend": keras.config.backend(),
        "git_commit": _git_commit(),
        "cpu": cpu,
        "cores": cores,
        "gpus": gpus,
        "hardware": ", ".join([cpu, f"{cores} core{plural}", *gpus]),
    }


def _git_commit():
    root = pathlib.Path(__file__).resolve().parents[2]
    top = _git(root, "rev-parse", "--show-toplevel")
    # An installed copy may lie inside somebody else's repository.
    if not top or pathlib.Path(top).resolve() != root:
        return ""
    commit = ("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    return _git(root, *commit)


def _git(root, *arguments):
    command = ["git", "-C", str(root), *arguments]
    try:
        return subprocess.check_output(
            command, stderr=subprocess.DEVNULL, text=True, timeout=10
        ).strip()
    except (OSError, subprocess.SubprocessError):
        return ""


@contextlib.contextmanager
def quiet_start():
    """Holds back what is written to stderr, and shows it only on an error.

    TensorFlow prints lines about oneDNN and missing CUDA drivers from C++
    before any log level counts; they look like errors and are not.
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
