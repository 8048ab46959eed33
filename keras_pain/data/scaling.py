"""Scaling fitted on training subjects only.

None of the movement papers states its normalisation. Default: z-score a
channel over the real frames of the training windows. It comes before zero
padding counts as zero, so that padding stays distinguishable, and before
jitter, whose levels (0.05-0.15) only make sense on scaled data: on degrees
they vanish, on sEMG of 0.02 they drown the signal.
"""

import dataclasses

import numpy as np
from sklearn.preprocessing import StandardScaler

from keras_pain.data.windows import WindowSet

_CHUNK = 2048  # windows a step: bounds the copy of the real frames


def fit_scaler(windows: WindowSet) -> StandardScaler:
    """Mean and standard deviation of each channel over real frames.

    Args:
        windows: Training windows.

    Returns:
        A fitted `sklearn.preprocessing.StandardScaler` over C channels; a
        channel that never changes (sEMG that was not recorded) is centred and
        left unscaled.
    """
    scaler = StandardScaler()
    for begin in range(0, len(windows), _CHUNK):
        part = windows.take(slice(begin, begin + _CHUNK))
        scaler.partial_fit(part.x[part.mask].astype(np.float64))
    return scaler


def apply_scaler(scaler: StandardScaler, windows: WindowSet) -> WindowSet:
    """Scaled copy of the windows; padded frames stay zero."""
    mean = scaler.mean_.astype(np.float32)
    scale = scaler.scale_.astype(np.float32)
    x = (windows.x - mean) / scale
    x *= windows.mask[:, :, None]
    return dataclasses.replace(windows, x=x)
