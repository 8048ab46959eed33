"""Boxes of faces, as the sources that detect need them."""

import numpy as np

from keras_pain.errors import ConfigurationError


def checked_boxes(
    boxes: np.ndarray | None, count: int, who: str, name: str
) -> np.ndarray:
    """Boxes as numbers, one a frame.

    Args:
        boxes: `(T, 4)`, x0, y0, x1, y1 in pixels, NaN rows without a face.
        count: Frames of the clip.
        who: What needs them, for the message.
        name: Name of the clip, for the message.

    Returns:
        `(T, 4)` float64.

    Raises:
        ConfigurationError: There is not one box for every frame.
    """
    shape = None if boxes is None else np.shape(boxes)
    if shape != (count, 4):
        raise ConfigurationError(
            f"{name or 'clip'}: {who} needs a box of the face, x0 y0 x1 y1, "
            f"for each of its {count} frames, not {shape}"
        )
    return np.asarray(boxes, float)
