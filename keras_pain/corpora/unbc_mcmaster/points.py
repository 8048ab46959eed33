"""Whether landmarks are where a face can have them."""

import numpy as np

from keras_pain.corpora.files import Finding

_EYES, _MOUTH = slice(36, 48), slice(48, 66)
_OUTSIDE = 0.1  # of a picture's side; a chin may well leave the picture


def check_points(
    points: np.ndarray, size: tuple[int, int] | None
) -> tuple[np.ndarray, list[Finding]]:
    """Repairs exchanged columns and notes points far out of the picture.

    Some readers of these files take them as row and column. In a face whose
    head is not laid on its side, the mouth lies below the eyes: where it lies
    beside them in most frames, the columns are exchanged.

    Args:
        points: `(T, 66, 2)`, x and y in pixels, NaN where unknown.
        size: Height and width of the pictures, or None.

    Returns:
        The points, `(T, 66, 2)`, and what was found.
    """
    known = np.isfinite(points).all(axis=(1, 2))
    if not known.any():
        return points, []
    findings = []
    down = points[:, _MOUTH].mean(axis=1) - points[:, _EYES].mean(axis=1)
    beside = np.abs(down[known, 0]) > np.abs(down[known, 1])
    if beside.mean() > 0.5:
        points, down = points[..., ::-1].copy(), down[..., ::-1]
        detail = "the columns are y and x; exchanged"
        findings.append(Finding("landmarks_exchanged", "repaired", detail))
    if (down[known, 1] < 0).mean() > 0.5:
        detail = "the mouth lies above the eyes; kept"
        findings.append(Finding("landmarks_upside_down", "noted", detail))
    if size is not None:
        width_height = np.array(size[::-1])
        far = (points < -_OUTSIDE * width_height) | (
            points > (1 + _OUTSIDE) * width_height
        )
        outside = int(far[known].any(axis=(1, 2)).sum())
        if outside:
            detail = (
                f"{outside} frames with points far out of the picture; kept"
            )
            findings.append(Finding("landmarks_outside", "noted", detail))
    return points, findings
