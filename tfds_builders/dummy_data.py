"""What the scripts that write `dummy_data/` have in common."""

import pathlib
import shutil
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from keras_pain.simulate import simulate


def copy_simulated(corpus: str, out: pathlib.Path, **options: Any) -> None:
    """Simulates a corpus into a folder; no person's picture is in it."""
    with tempfile.TemporaryDirectory() as folder:
        simulate(corpus, folder, progress=False, **options)
        shutil.copytree(pathlib.Path(folder, corpus), out, dirs_exist_ok=True)


def run(script: str, main: Callable[[pathlib.Path], None]) -> None:
    """Writes into the folder that the user names, else beside the script."""
    here = pathlib.Path(script).parent / "dummy_data"
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here)
