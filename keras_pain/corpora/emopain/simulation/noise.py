"""Smooth random curves: sway, tremor and the ripple of an envelope."""

import numpy as np
import scipy.fft

from keras_pain.corpora.emopain.layout import FRAME_RATE


def smooth_noise(
    rng: np.random.Generator,
    frames: int,
    columns: int,
    low: float,
    high: float,
) -> np.ndarray:
    """Gaussian noise limited to a frequency band, of unit variance.

    Args:
        rng: Source of randomness.
        frames: Number of frames T at 60 Hz.
        columns: Number of independent curves K.
        low: Lower edge of the band, Hz.
        high: Upper edge of the band, Hz.

    Returns:
        `(T, K)` float64, standard deviation about 1.
    """
    # Padded by two seconds, as the transform is periodic: without it the last
    # frame would continue in the first one.
    size = scipy.fft.next_fast_len(frames + 2 * int(FRAME_RATE), real=True)
    spectrum = scipy.fft.rfft(rng.standard_normal((size, columns)), axis=0)
    frequency = scipy.fft.rfftfreq(size, 1 / FRAME_RATE)
    band = 1 / np.sqrt(1 + (frequency / high) ** 8)
    band *= (frequency / (frequency + low)) ** 2
    gain = np.sqrt(np.mean(band**2))
    curves = scipy.fft.irfft(spectrum * band[:, None], size, axis=0)
    return curves[:frames] / gain


def smooth_steps(track: np.ndarray, seconds: float) -> np.ndarray:
    """A per-frame track with its steps rounded off.

    Args:
        track: `(T,)` or `(T, K)` values.
        seconds: Width of the averaging window.

    Returns:
        An array of the same shape: two passes of a moving average.
    """
    width = max(1, round(seconds * FRAME_RATE) | 1)
    half = width // 2
    for _ in range(2):
        padded = np.pad(
            track, [(half + 1, half)] + [(0, 0)] * (track.ndim - 1), "edge"
        )
        total = np.cumsum(padded, axis=0)
        track = (total[width:] - total[:-width]) / width
    return track
