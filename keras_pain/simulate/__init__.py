"""Simulators: made-up recordings in the raw layouts of the corpora.

A module that is named like a corpus and has a function `simulate` is its
simulator. None is a substitute for the corpus: numbers obtained on what it
writes say nothing about people.
"""

import importlib
import importlib.util
import inspect
import os
import pathlib
import types

from keras_pain.errors import ConfigurationError


def simulator_of(corpus: str) -> types.ModuleType:
    """The module that simulates a corpus; ConfigurationError if none does."""
    name = f"{__name__}.{corpus}"
    if importlib.util.find_spec(name):
        module = importlib.import_module(name)
        if hasattr(module, "simulate"):
            return module
    instead = "its recordings are public"
    if corpus == "folder":
        instead = "`keras-pain template` writes an example"
    raise ConfigurationError(f"{corpus} has no simulator; {instead}")


def simulate(
    corpus: str, out: str | os.PathLike, **options
) -> list[pathlib.Path]:
    """Writes a simulated corpus: same options, same bytes.

    The options are those of the corpus' simulator. All have `layout` (one of
    the corpus, or `"all"`), `scale` (`"small"` or `"full"`), `seed` (of
    everything random, from 0), `subjects` (number of people) and `progress`
    (whether to show a bar); those that draw pictures `jobs` (number of
    processes, else one for each core).

    Returns the sorted paths of the recordings' files. Raises ConfigurationError
    where the corpus has no simulator, an option does not fit it, or the folder
    `out` holds other files; KerasPainError where a file cannot be written.
    """
    simulator = simulator_of(corpus)
    taken = inspect.signature(simulator.simulate).parameters
    for name in options.keys() - taken.keys():
        raise ConfigurationError(f"--{name} does not apply to {corpus}")
    return simulator.simulate(out, **options)


def rows_of(table: str) -> list[list[str]]:
    """Cells of a table written as text, a row a line or up to a semicolon.

    What follows a # is a comment.
    """
    lines = table.strip().replace(";", "\n").splitlines()
    return [line.partition("#")[0].split() for line in lines]
