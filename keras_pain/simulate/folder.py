"""What every simulator does around its files.

A folder of simulated files says so in `SIMULATED.txt`, and is never mixed with
other files: somebody might take it for the real corpus.
"""

import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from keras_pain.corpora.base import SIMULATED_NOTE
from keras_pain.errors import ConfigurationError, check_choice
from keras_pain.io import remove_leftovers, tracked, unwritable, write_file

# The highest seed of people: below it their own seeds are drawn.
MOST_SEED = 2**31 - 1
CURE = "free space or choose another folder"
_MANIFEST = "keras_pain_manifest.csv"
PREAMBLE = """SIMULATED, NOT REAL

The files below this folder were written by the simulator of
keras_pain. They have the layout of the corpus that is named below
and hold no data of any person. Results obtained on them say
nothing about people.

"""


def check_arguments(
    layout: str, layouts: Sequence[str], **ranges: tuple[int, ...]
) -> tuple[str, ...]:
    """The layouts to write: one of the corpus', or `"all"`.

    ConfigurationError where it is unknown or, by argument, a value is below the
    lowest or, if there is one, above the highest.
    """
    check_choice("layout", layout, ("all", *layouts))
    for name, (value, low, *high) in ranges.items():
        if value < low or high and value > high[0]:
            most = f"to {high[0]}" if high else "or more"
            text = f"{name} must be {low} {most}, got {value}"
            raise ConfigurationError(text)
    return tuple(layouts) if layout == "all" else (layout,)


def check_size(size: Sequence[int]) -> tuple[int, int]:
    """Height and width; ConfigurationError where one is below 32, or odd.

    Videos store colour for two by two pixels.
    """
    if len(size) != 2 or any(side < 32 or side % 2 for side in size):
        text = f"size must be two even numbers of 32 or more, got {size}"
        raise ConfigurationError(text)
    return tuple(size)


def prepare_folder(
    base: pathlib.Path, files: Sequence[pathlib.Path], note: str
) -> None:
    """`make_folder` of a face corpus; ConfigurationError where others lie."""
    known, ours = set(files), (base / SIMULATED_NOTE).exists()
    for where, _, names in os.walk(base):
        for name in names:
            planned = pathlib.Path(where, name) in known
            planned |= name in (SIMULATED_NOTE, _MANIFEST)
            # Hidden ones are leftovers of writers and of file browsers.
            if not (name.startswith(".") or (ours and planned)):
                refuse(base, f"files ({name})")
    make_folder(base, files, PREAMBLE + note)


def refuse(base: pathlib.Path, what: str) -> NoReturn:
    """Raises the ConfigurationError of a folder that holds something else."""
    cure = "choose another folder or empty this one"
    raise ConfigurationError(f"{base} already holds other {what}; {cure}")


def make_folder(
    base: pathlib.Path, files: Sequence[pathlib.Path], note: str
) -> None:
    """Makes the folders of files, and the note; KerasPainError if it cannot."""
    try:
        for parent in {path.parent for path in files}:
            parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(base, error, CURE) from error
    write_file(base / SIMULATED_NOTE, f"{note.strip()}\n".encode(), CURE)


def write_all(
    write: Callable[[Any], Any],
    tasks: Sequence[Any],
    what: str,
    base: str | os.PathLike,
    jobs: int | None,
    progress: bool,
) -> list[Any]:
    """What `write` returns for each task, on several cores, in their order.

    It writes one recording, which depends on its task alone, and is a function
    of a module, so that other processes find it. `what`, the corpus, is the
    title of the progress bar, shown where `progress` and standard error is a
    terminal; `jobs` the number of processes, None one for each core.
    KerasPainError where the folder `base` cannot be written into.
    """
    import joblib
    from threadpoolctl import threadpool_limits

    jobs = min(joblib.cpu_count() if jobs is None else jobs, len(tasks))
    title, total = f"Simulating {what}", len(tasks)
    # The matrices of a picture are small: threads would wait for each other,
    # and sum in another order on another machine.
    try:
        backend = {"n_jobs": jobs, "inner_max_num_threads": 1}
        with threadpool_limits(1), joblib.parallel_config("loky", **backend):
            run = joblib.Parallel(return_as="generator")
            done = run(joblib.delayed(write)(task) for task in tasks)
            results = list(tracked(done, title, progress, total=total))
        # Workers of a run that was killed may have written for a while.
        for folder, _, _ in os.walk(base):
            remove_leftovers(pathlib.Path(folder))
        return results
    except OSError as error:
        raise unwritable(base, error, CURE) from error
