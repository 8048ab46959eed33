"""Writes `dummy_data/`: two tiny sequences of two simulated faces.

    python tfds_builders/unbc_mcmaster/make_dummy_data.py

No person's picture is in it.
"""

import pathlib
import shutil
import sys
import tempfile

from keras_pain.corpora import unbc_mcmaster


def main(out: pathlib.Path) -> None:
    """Writes a sequence of a few frames for each of two people."""
    with tempfile.TemporaryDirectory() as folder:
        unbc_mcmaster.simulate(
            folder,
            subjects=2,
            sequences=2,
            frames=5,
            size=(72, 96),
            progress=False,
        )
        made = pathlib.Path(folder, "unbc_mcmaster")
        shutil.copytree(made, out, dirs_exist_ok=True)


if __name__ == "__main__":
    here = pathlib.Path(__file__).parent / "dummy_data"
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here)
