"""UNBC-McMaster shoulder pain archive: filmed patients, pain frame by frame.

The module follows the interface that `keras_pain.corpora.registry` describes.
"""

import os
import pathlib

from keras_pain.corpora.unbc_mcmaster.folders import detect_layout, find_files
from keras_pain.corpora.unbc_mcmaster.layout import (
    CODED_UNITS,
    LAYOUTS,
    SCALES,
    SUBJECTS,
)
from keras_pain.corpora.unbc_mcmaster.reader import UnbcRecording, read_file

__all__ = [
    "CODED_UNITS",
    "LAYOUTS",
    "SCALES",
    "SUBJECTS",
    "UnbcRecording",
    "detect_layout",
    "find_files",
    "read_file",
    "simulate",
]


def simulate(out: str | os.PathLike, **options) -> list[pathlib.Path]:
    """Writes a simulated archive; see `simulator.simulate`."""
    from keras_pain.corpora.unbc_mcmaster import simulator

    return simulator.simulate(out, **options)
