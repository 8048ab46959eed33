"""BioVid Heat Pain Database, Part A: heat at four levels, filmed faces.

The module follows the interface that `keras_pain.corpora.registry` describes.
"""

import os
import pathlib

from keras_pain.corpora.biovid.folders import detect_layout, find_files
from keras_pain.corpora.biovid.layout import (
    CLASSES,
    LAYOUTS,
    LOW_EXPRESSIVE,
    SUBJECTS,
)
from keras_pain.corpora.biovid.reader import read_file

__all__ = [
    "CLASSES",
    "LAYOUTS",
    "LOW_EXPRESSIVE",
    "SUBJECTS",
    "detect_layout",
    "find_files",
    "read_file",
    "simulate",
]


def simulate(
    out: str | os.PathLike,
    *,
    layout: str = "all",
    scale: str = "small",
    seed: int = 0,
    subjects: int | None = None,
    clips: int | None = None,
    frames: int | None = None,
    size: tuple[int, int] | None = None,
    jobs: int | None = None,
    progress: bool = True,
) -> list[pathlib.Path]:
    """Writes a simulated Part A as `biovid/PartA`.

    Args:
        out: Folder to write into.
        layout: `"part_a"`, or `"all"`.
        scale: `"small"`: 5 people, 3 clips a class, 348 x 260 pixels;
            `"full"`: 87 people, 20 clips, 1388 x 1038, as in the corpus.
        seed: Same seed, same bytes.
        subjects: Number of people, else that of the scale.
        clips: Clips of each person and class, else that of the scale.
        frames: Frames a clip, else 138; fewer sample the 5.5 s more thinly.
        size: Height and width in pixels, else those of the scale.
        jobs: Number of processes, else one for each core.
        progress: Show a progress bar.

    Returns:
        Paths of the mp4 files.
    """
    from keras_pain.corpora.biovid import simulator

    return simulator.simulate(
        out,
        layout=layout,
        scale=scale,
        seed=seed,
        subjects=subjects,
        clips=clips,
        frames=frames,
        size=size,
        jobs=jobs,
        progress=progress,
    )
