"""The canonical video recording: what every face reader returns.

One sequence of one person with all its labels. Pictures stay on disk until
`frames()` is called, so that a whole corpus can be listed and checked.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from keras_pain.corpora.files import Finding


@dataclasses.dataclass
class VideoRecording:
    """One sequence of T frames.

    Args:
        name: Name of the sequence, unique in its corpus.
        subject_id: Participant.
        group: `"patient"`, `"healthy"` or `""`.
        num_frames: T.
        decode: Returns the T pictures, uint8 `(H, W, 3)` RGB each; raises
            BadFileError where one cannot be read.
        frame_rate: Frames per second; None where the corpus does not say.
        labels: Labels of the whole sequence, NaN where one is missing: UNBC
            `vas`, `opr`, `aff`, `sen`; BioVid `level`; PEMF `pain`, `kind`,
            `intensity`.
        frame_labels: Labels of each frame, `(T, ...)`: UNBC `pspi`, `(T,)`
            float32, and `aus`, `(T, n)` float32.
        landmarks: `(T, 66, 2)` float32, x and y in pixels, NaN where a frame
            has none; None where the corpus has none.
        findings: What reading found.
        simulated: Whether the raw files were written by a simulator.
    """

    name: str
    subject_id: str
    group: str
    num_frames: int
    decode: Callable[[], list[np.ndarray]]
    frame_rate: float | None = None
    labels: dict[str, float] = dataclasses.field(default_factory=dict)
    frame_labels: dict[str, np.ndarray] = dataclasses.field(
        default_factory=dict
    )
    landmarks: np.ndarray | None = None
    findings: list[Finding] = dataclasses.field(default_factory=list)
    simulated: bool = False

    def __len__(self) -> int:
        return self.num_frames

    def frames(self) -> list[np.ndarray]:
        """All pictures, uint8 `(H, W, 3)` RGB, decoded anew at each call.

        Raises:
            BadFileError: A picture or the video cannot be decoded.
        """
        return self.decode()

    @property
    def seconds(self) -> float:
        """Duration, or 0 where the frame rate is not known."""
        return self.num_frames / self.frame_rate if self.frame_rate else 0.0
