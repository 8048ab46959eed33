"""Writes `dummy_data/`: ten tiny clips of two simulated faces.

    python tfds_builders/biovid/make_dummy_data.py

No person's picture is in it.
"""

import pathlib
import shutil
import sys
import tempfile

from keras_pain.corpora import biovid


def main(out: pathlib.Path) -> None:
    """Writes a clip of four frames for each level of two people."""
    with tempfile.TemporaryDirectory() as folder:
        biovid.simulate(
            folder,
            subjects=2,
            clips=1,
            frames=4,
            size=(96, 128),
            progress=False,
        )
        made = pathlib.Path(folder, "biovid", "PartA")
        shutil.copytree(made, out / "PartA", dirs_exist_ok=True)


if __name__ == "__main__":
    here = pathlib.Path(__file__).parent / "dummy_data"
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here)
