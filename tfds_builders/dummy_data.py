"""What the scripts that write `dummy_data/` have in common."""

import gzip
import pathlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from keras_pain.corpora.base import SIMULATED_NOTE
from keras_pain.simulate import simulate

NOTE = "Dummy data for the tests: every number is invented.\n"


def copy_simulated(corpus: str, out: pathlib.Path, **options: Any) -> None:
    """Simulates a corpus into a folder; no person's picture is in it."""
    with tempfile.TemporaryDirectory() as folder:
        simulate(corpus, folder, progress=False, **options)
        shutil.copytree(pathlib.Path(folder, corpus), out, dirs_exist_ok=True)


def write_files(out: pathlib.Path, files: Mapping[str, str | bytes]) -> None:
    """Writes files by their paths below a folder, and that it is made up.

    gzip-compressed where the name says so.
    """
    for place, content in {SIMULATED_NOTE: NOTE, **files}.items():
        if isinstance(content, str):
            content = content.encode()
        if place.endswith(".gz"):
            content = gzip.compress(content, mtime=0)
        path = out / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def csv_of(header: str, rows: np.ndarray, digits: int) -> str:
    """A CSV table of numbers, rounded."""
    lines = [",".join(f"{v:g}" for v in row) for row in rows.round(digits)]
    return "\n".join([header, *lines, ""])


def run(script: str, main: Callable[[pathlib.Path], None]) -> None:
    """Writes into the folder that the user names, else beside the script."""
    here = pathlib.Path(script).parent / "dummy_data"
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here)
