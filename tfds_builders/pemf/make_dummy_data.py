"""Writes `dummy_data/`: four tiny clips of a simulated face.

    python tfds_builders/pemf/make_dummy_data.py

No person's picture is in it.
"""

import pathlib
import shutil
import sys
import tempfile

from keras_pain.corpora import pemf


def main(out: pathlib.Path) -> None:
    """Writes the stills, the landmarks and the sheet of one person."""
    with tempfile.TemporaryDirectory() as folder:
        pemf.simulate(
            folder,
            layout="pictures",
            subjects=1,
            size=(80, 66),
            landmarks=True,
            progress=False,
        )
        shutil.copytree(pathlib.Path(folder, "pemf"), out, dirs_exist_ok=True)


if __name__ == "__main__":
    here = pathlib.Path(__file__).parent / "dummy_data"
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here)
