"""PEMF, Pain E-Motion Faces: neutral faces, and three kinds of pain.

The module follows the interface that `keras_pain.corpora.registry` describes.
"""

import os
import pathlib

from keras_pain.corpora.pemf.folders import detect_layout, find_files
from keras_pain.corpora.pemf.layout import KINDS, LAYOUTS
from keras_pain.corpora.pemf.reader import (
    PemfRecording,
    check_further,
    read_file,
)

__all__ = [
    "KINDS",
    "LAYOUTS",
    "PemfRecording",
    "check_further",
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
    frames: int | None = None,
    size: tuple[int, int] | None = None,
    landmarks: bool = False,
    jobs: int | None = None,
    progress: bool = True,
) -> list[pathlib.Path]:
    """Writes a simulated database as `pemf/`.

    Args:
        out: Folder to write into.
        layout: `"pictures"` (stills), `"clips"` (mp4), or `"all"`.
        scale: `"small"`: 10 models, 236 x 286 pixels; `"full"`: 68 models,
            706 x 858, as in the database.
        seed: Same seed, same bytes.
        subjects: Number of models, else that of the scale.
        frames: Frames a clip, else 20.
        size: Height and width in pixels, else those of the scale.
        landmarks: Also write the 68 landmarks of each clip, as the authors of
            STGCN-LSTM keep them, to `Landmarks/<clip>.csv`.
        jobs: Number of processes, else one for each core.
        progress: Show a progress bar.

    Returns:
        Paths of all files.
    """
    from keras_pain.corpora.pemf import simulator

    return simulator.simulate(
        out,
        layout=layout,
        scale=scale,
        seed=seed,
        subjects=subjects,
        frames=frames,
        size=size,
        landmarks=landmarks,
        jobs=jobs,
        progress=progress,
    )
