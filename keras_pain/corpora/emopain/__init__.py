"""EmoPain: the movement corpus of people with chronic low back pain.

The module follows the interface that `keras_pain.corpora.registry` describes.
"""

import os
import pathlib

from keras_pain.corpora.emopain.folders import (
    detect_layout,
    find_files,
    find_layouts,
)
from keras_pain.corpora.emopain.layout import LAYOUTS, ChallengeColumns
from keras_pain.corpora.emopain.reader import (
    parse_challenge_columns,
    read_file,
)

__all__ = [
    "LAYOUTS",
    "ChallengeColumns",
    "detect_layout",
    "find_files",
    "find_layouts",
    "parse_challenge_columns",
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
    with_test: bool = False,
    progress: bool = True,
) -> list[pathlib.Path]:
    """Writes simulated raw files in the owners' layouts.

    Args:
        out: Folder in which `<layout>/` is made.
        layout: One of `LAYOUTS`, or `"all"`.
        scale: `"small"` or `"full"`.
        seed: Same seed, same bytes.
        subjects: Number of people; None leaves it to the scale.
        with_test: Also write the test split that the owners withhold.
        progress: Show a progress bar.

    Returns:
        Paths of the files written.
    """
    from keras_pain.corpora.emopain import simulator

    return simulator.simulate(
        out,
        layout=layout,
        scale=scale,
        seed=seed,
        subjects=subjects,
        with_test=with_test,
        progress=progress,
    )
