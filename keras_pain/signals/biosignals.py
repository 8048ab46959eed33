"""Signals of any kind and rate, brought to the frame rate of the networks.

EMG becomes its linear envelope before it is resampled (band-pass, rectify,
low-pass: De Luca, J. Appl. Biomech. 13(2), 1997; SENIAM's band); other signals
are resampled with an anti-aliasing filter. What classical methods want of the
raw EMG (Hudgins et al., IEEE Trans. Biomed. Eng. 40(1), 1993) is kept as sums
of each frame, which add up to those of any window.
"""

import fractions

import numpy as np
from scipy import signal

from keras_pain.errors import ConfigurationError

# Hz. Unsaid in the suite's papers, whose EMG is an envelope already: SENIAM's
# recommendation for the band, and what follows movements for the envelope.
BAND = (20.0, 450.0)
CUTOFF = 6.0
EMG_STATISTICS = ("mav", "rms", "wl", "zc")


def band_passed(
    emg: np.ndarray, rate: float, band: tuple[float, float] = BAND
) -> np.ndarray:
    """EMG `(T, E)` without drift and noise; zero phase, fourth order.

    The upper end is at most 0.45 of the rate. Raises ConfigurationError where
    the rate is too low for raw EMG.
    """
    low, high = band[0], min(band[1], 0.45 * rate)
    if high < 2 * low:
        raise ConfigurationError(
            f"EMG at {rate:g} Hz cannot be raw, which needs {4.5 * low:g} Hz "
            "and more; call channels that are envelopes already ENVELOPE"
        )
    passed = signal.butter(2, (low, high), "bandpass", fs=rate, output="sos")
    return _filtered(passed, emg)


def envelope(
    passed: np.ndarray, rate: float, cutoff: float = CUTOFF
) -> np.ndarray:
    """Linear envelope `(T, E)`, never negative, of band-passed EMG."""
    low = signal.butter(2, cutoff, fs=rate, output="sos")
    return np.maximum(_filtered(low, np.abs(passed)), 0.0)


def resampled(values: np.ndarray, rate: float, target: float) -> np.ndarray:
    """`(T, ...)` samples at another rate, with an anti-aliasing filter.

    The first sample stays the first; lines through both ends continue the
    signal beyond them, so that levels keep. Rates are a second.
    """
    if rate == target:
        return values
    ratio = fractions.Fraction(target / rate).limit_denominator(10_000)
    up, down = ratio.numerator, ratio.denominator
    return signal.resample_poly(values, up, down, axis=0, padtype="line")


def emg_sums(emg: np.ndarray, rate: float, target: float) -> np.ndarray:
    """What a window's statistics are made of, for each frame at `target`.

    Of raw EMG `(T, E)`: `(T', E, 4)` means over the samples of a frame
    of `|x|` and `x^2`, sums of `|x_i - x_(i-1)|` and of changes of sign.
    """
    before = np.concatenate([emg[:1], emg[:-1]])
    turned = np.signbit(emg) != np.signbit(before)
    parts = [np.abs(emg), emg**2, np.abs(emg - before), turned]
    parts = np.stack(parts, axis=-1)
    count = int(np.ceil(len(emg) * target / rate - 1e-9))
    edges = np.round(np.arange(count + 1) * rate / target).astype(int)
    edges = np.minimum(edges, len(emg))
    total = np.cumsum(parts, axis=0, dtype=np.float64)
    total = np.concatenate([np.zeros_like(total[:1]), total])
    sums = total[edges[1:]] - total[edges[:-1]]
    sums[..., :2] /= np.maximum(np.diff(edges), 1)[:, None, None]
    return sums.astype(np.float32)


def prepared(
    values: np.ndarray, emg: np.ndarray, rate: float, target: float
) -> tuple[np.ndarray, np.ndarray]:
    """Signals as networks see them, and the sums of their EMG.

    Of `(T, C)` values without gaps, and `(C,)` bool, which channels are raw
    EMG: `(T', C)` float32 at the rate `target`, EMG as its envelope, and
    `(T', E, 4)`, see `emg_sums`.
    """
    values = np.array(values, np.float64)
    sums = np.zeros((0, 0, len(EMG_STATISTICS)), np.float32)
    if emg.any():
        sums = emg_sums(values[:, emg], rate, target)
        values[:, emg] = envelope(band_passed(values[:, emg], rate), rate)
    frames = resampled(values, rate, target)
    frames[:, emg] = np.maximum(frames[:, emg], 0.0)
    if not emg.any():
        sums = np.zeros((len(frames), 0, len(EMG_STATISTICS)), np.float32)
    # Both round up, so that they are as many; rounding may differ by one.
    count = min(len(frames), len(sums))
    return frames[:count].astype(np.float32), sums[:count]


def _filtered(sections, values):
    """Forwards and backwards; a short recording gets a shorter start."""
    padded = min(3 * (2 * len(sections) + 1), len(values) - 1)
    return signal.sosfiltfilt(sections, values, axis=0, padlen=max(padded, 0))
