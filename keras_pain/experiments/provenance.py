"""Where a result comes from: versions, commit and hardware."""

import copy
import functools
import importlib.metadata
import os
import pathlib
import platform
import subprocess

PACKAGES = ("keras-pain", "keras", "tensorflow", "numpy", "scikit-learn")


def environment() -> dict:
    """Describe the software and hardware of this process.

    Imports Keras and TensorFlow, to ask for the backend and for GPUs.

    Returns:
        A JSON-able dict: `versions` of Python and of the `PACKAGES` ("" where
        one is not installed); `backend`; `git_commit` of the source tree (""
        outside of git, with the suffix `-dirty` where tracked files were
        changed); `cpu`; `cores`; `gpus`; and `hardware`, the last three as one
        line of text.
    """
    return copy.deepcopy(_environment())


@functools.cache
def _environment() -> dict:
    cpu, cores, gpus = _cpu_name(), os.cpu_count() or 1, _gpu_names()
    plural = "" if cores == 1 else "s"
    return {
        "versions": {
            "python": platform.python_version(),
            **{name.replace("-", "_"): _version(name) for name in PACKAGES},
        },
        "backend": _backend(),
        "git_commit": _git_commit(),
        "cpu": cpu,
        "cores": cores,
        "gpus": gpus,
        "hardware": ", ".join([cpu, f"{cores} core{plural}", *gpus]),
    }


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _backend() -> str:
    import keras

    return keras.config.backend()


def _gpu_names() -> list[str]:
    try:
        import tensorflow as tf
    except ImportError:
        return []
    return [
        tf.config.experimental.get_device_details(device).get(
            "device_name", device.name
        )
        for device in tf.config.list_physical_devices("GPU")
    ]


def _cpu_name() -> str:
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        text = ""
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name" and value.strip():
            return value.strip()
    return platform.processor() or platform.machine() or "unknown processor"


def _git_commit() -> str:
    root = pathlib.Path(__file__).resolve().parents[2]
    top = _git(root, "rev-parse", "--show-toplevel")
    # An installed copy may lie inside somebody else's repository.
    if not top or pathlib.Path(top).resolve() != root:
        return ""
    commit = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")
    if not commit:
        return ""
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}-dirty" if changed else commit


def _git(root: pathlib.Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
