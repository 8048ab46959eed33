"""What every simulator of a picture corpus does around the pictures.

A folder of simulated files says so in `SIMULATED.txt`, and is never mixed with
other files: somebody might take it for the real corpus.
"""

import os
import pathlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keras_pain.errors import ConfigurationError, KerasPainError

NOTE = "SIMULATED.txt"
_MANIFEST = "keras_pain_manifest.csv"


def is_simulated(base: str | os.PathLike) -> bool:
    """Whether a simulator wrote the files below a folder.

    Args:
        base: Folder in which the layout begins.
    """
    return (pathlib.Path(base) / NOTE).exists()


def require_ranges(limits: Mapping[str, tuple[int, int, int]]) -> None:
    """Raises ConfigurationError where an argument is out of its range.

    Args:
        limits: Argument to its value, the lowest and the highest.
    """
    for name, (value, low, high) in limits.items():
        if not low <= value <= high:
            raise ConfigurationError(
                f"{name} must be {low} to {high}, got {value}"
            )


def require_size(size: Sequence[int]) -> tuple[int, int]:
    """Height and width of pictures, once sure that they will do.

    Args:
        size: Height and width in pixels.

    Raises:
        ConfigurationError: One is below 32, or odd: videos store colour for
            two by two pixels.
    """
    if len(size) != 2 or any(side < 32 or side % 2 for side in size):
        raise ConfigurationError(
            f"size must be two even numbers of 32 or more, got {size}"
        )
    return int(size[0]), int(size[1])


def prepare_folder(
    base: pathlib.Path, files: Sequence[pathlib.Path], note: str
) -> None:
    """Makes the folders of the files to be written, and the note.

    Args:
        base: Folder in which the layout begins.
        files: What is going to be written.
        note: What the note says about it, behind its first lines.

    Raises:
        ConfigurationError: The folder holds other files.
        KerasPainError: It cannot be written to.
    """
    _refuse_others(base, set(files))
    text = (
        "SIMULATED, NOT REAL\n\n"
        "The files below this folder were written by the simulator of\n"
        "keras_pain. They have the layout of the corpus that is named below\n"
        "and hold no data of any person. Results obtained on them say\n"
        f"nothing about people.\n\n{note.strip()}\n"
    )
    try:
        for parent in {path.parent for path in files} | {base}:
            parent.mkdir(parents=True, exist_ok=True)
        (base / NOTE).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise KerasPainError(
            f"{base}: could not be written ({error.strerror or error}); free "
            "space or choose another folder"
        ) from error


def _refuse_others(base: pathlib.Path, files: set[pathlib.Path]) -> None:
    if not base.is_dir():
        return
    ours = is_simulated(base)
    for where, _, names in os.walk(base):
        for name in names:
            path = pathlib.Path(where, name)
            known = path in files or name in (NOTE, _MANIFEST)
            if not (ours and known):
                raise ConfigurationError(
                    f"{base} already holds other files ({name}); choose "
                    "another folder or empty this one"
                )


def write_all(
    write: Callable[[Any], Any],
    tasks: Sequence[Any],
    what: str,
    *,
    jobs: int | None = None,
    progress: bool = True,
) -> list[Any]:
    """Draws and writes clip after clip, on several cores at once.

    Args:
        write: Writes one clip; a function of a module, so that other processes
            find it. What it writes must hang on its task alone.
        tasks: What it is called with.
        what: What the progress bar says.
        jobs: Number of processes; None takes one for each core.
        progress: Show a bar where standard error is a terminal.

    Returns:
        What `write` returned, in the order of the tasks.
    """
    import joblib
    from rich.console import Console
    from rich.progress import track
    from threadpoolctl import threadpool_limits

    jobs = min(joblib.cpu_count() if jobs is None else jobs, len(tasks))
    # The matrices of a picture are small: threads would wait for each other,
    # and sum in another order on another machine.
    with (
        threadpool_limits(1),
        joblib.parallel_config("loky", n_jobs=jobs, inner_max_num_threads=1),
    ):
        run = joblib.Parallel(return_as="generator")
        results = run(joblib.delayed(write)(task) for task in tasks)
        return list(
            track(
                results,
                what,
                total=len(tasks),
                console=Console(stderr=True),
                disable=not (progress and sys.stderr.isatty()),
            )
        )
