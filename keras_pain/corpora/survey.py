"""What is noted about the pictures of a video, whatever corpus it is from."""

from collections.abc import Iterable

import numpy as np

from keras_pain.corpora.files import Finding

DARK_MEAN = 10.0  # of 255: UNBC-McMaster has such frames, with no face in sight
# YUV and JPEG round each channel on its own.
_GREY_TOLERANCE = 3
_STEP = 8  # every eighth pixel tells as much as all of them


class Survey:
    """Counts the frames that pass by, and notes what is odd about them.

    `Survey().watch(frames).findings()` says it all.
    """

    def __init__(self):
        self.count = 0
        self.sizes: dict[tuple[int, int], int] = {}
        self._dark: list[int] = []
        self._grey = 0

    def add(self, frame: np.ndarray) -> None:
        """Looks at one frame.

        Args:
            frame: `(H, W, 3)` uint8.
        """
        self.count += 1
        size = frame.shape[:2]
        self.sizes[size] = self.sizes.get(size, 0) + 1
        sample = frame[::_STEP, ::_STEP].astype(np.int16)
        if sample.mean() < DARK_MEAN:
            self._dark.append(self.count)
        self._grey += bool(np.ptp(sample, axis=-1).max() <= _GREY_TOLERANCE)

    def watch(self, frames: Iterable[np.ndarray]) -> "Survey":
        """Looks at all frames, holding none.

        Args:
            frames: `(H, W, 3)` uint8 each.

        Returns:
            Itself.
        """
        for frame in frames:
            self.add(frame)
        return self

    def findings(self) -> list[Finding]:
        """What was odd: `dark_frames`, `grey` and `frame_sizes`."""
        found = []
        if self._dark:
            detail = (
                f"{len(self._dark)} of {self.count} frames nearly black (mean "
                f"below {DARK_MEAN:g}): {shorten(self._dark)}; kept"
            )
            found.append(Finding("dark_frames", "noted", detail))
        if self.count and self._grey == self.count:
            detail = "grey pictures, read with three equal channels"
            found.append(Finding("grey", "noted", detail))
        if len(self.sizes) > 1:
            sizes = [f"{w} x {h}" for h, w in self.sizes]
            detail = f"frames of several sizes: {shorten(sizes)}; kept"
            found.append(Finding("frame_sizes", "noted", detail))
        return found


def shorten(items: Iterable, limit: int = 4) -> str:
    """`1, 2, 3, 4, ...`: the first few of a list, for a message.

    Args:
        items: What to list.
        limit: Most items that are named.
    """
    items = [str(item) for item in items]
    return ", ".join(items[:limit] + ["..."] * (len(items) > limit))
