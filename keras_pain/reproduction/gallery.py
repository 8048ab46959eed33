"""A network's figures: of which windows they are, and their names."""

import dataclasses
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_pain.reproduction.rebuild import FinishedFold
from keras_pain.reproduction.window_frames import FRAME_RATE, resampled

if TYPE_CHECKING:
    import keras

    from keras_pain.interpret.maps import Explanation

MAX_WINDOWS = 300  # our choice: enough for a mean, seconds for gradients
TITLES = {
    "temporal_attention": "temporal attention",
    "bodily_attention": "bodily attention",
    "self_attention": "self-attention",
    "grad_cam": "Grad-CAM",
    "hires_cam": "HiResCAM",
    "saliency": "saliency",
}
QUANTITIES = {
    **{name: "attention (share)" for name in TITLES if "attention" in name},
    "grad_cam": "Grad-CAM",
    "hires_cam": "HiResCAM",
    "saliency": "|gradient|",
}


@dataclasses.dataclass(frozen=True)
class Gallery:
    """One network's figures.

    Args:
        finished: The fold.
        model: Its network.
        folder: Folder for the files.
        axis_labels: See `channel_labels`.
    """

    finished: FinishedFold
    model: "keras.Model"
    folder: Path
    axis_labels: str = "real"

    @cached_property
    def places(self) -> np.ndarray:
        """Positions of the test windows that are averaged over."""
        count = len(self.finished.data.test)
        spread = np.linspace(0, count - 1, min(count, MAX_WINDOWS))
        return spread.round().astype(int)

    @property
    def best(self) -> int:
        """Of `places`, the one of the last class the network is surest of."""
        last = self.finished.data.test.num_classes - 1
        y = self.finished.data.test.y[self.places]
        sure = np.where(y == last, self._probabilities[:, last], -1)
        return int(sure.argmax())

    @cached_property
    def _probabilities(self) -> np.ndarray:
        x = self.finished.data.test.x[self.places]
        return self.model.predict(x, verbose=0)

    @property
    def frame_rate(self) -> float | None:
        return None if resampled(self.finished) else FRAME_RATE

    def maps(self, kind: "Explanation") -> np.ndarray:
        """`(n, ...)` maps of the windows at `places`, for the last class."""
        test = self.finished.data.test
        return kind.compute(
            self.model, test.x[self.places], test.num_classes - 1
        )

    def title(self, text: str) -> str:
        key = self.finished.key
        return f"{key.method}, fold {key.fold}: {text}"

    def of_window(self) -> str:
        """Which window `best` is, in words."""
        test, index = self.finished.data.test, self.places[self.best]
        last = self._probabilities[self.best, -1]
        return (
            f"{test.window_id[index]} ({test.class_names[test.y[index]]}, "
            f"p = {last:.2f})"
        )
