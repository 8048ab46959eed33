"""How alike two maps are: rank correlation and structural similarity."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy import ndimage, stats

# Wang et al. 2004, section III.C.
_SIGMA, _TRUNCATE = 1.5, 3.5  # an 11-tap Gaussian, as theirs
_K1, _K2 = 0.01, 0.03


@dataclasses.dataclass(frozen=True)
class Similarity:
    """Of each window's two maps.

    Args:
        spearman: `(..., n)` rank correlation, -1 to 1. NaN where the first
            map is constant and so shows nothing; 0 where only the second is.
        ssim: `(..., n)` structural similarity, at most 1; NaN as above.
    """

    spearman: np.ndarray
    ssim: np.ndarray

    @property
    def mean_spearman(self) -> float:
        """Mean over all windows whose map shows something; else NaN."""
        return _mean(self.spearman)

    @property
    def mean_ssim(self) -> float:
        """Mean over all windows whose map shows something; else NaN."""
        return _mean(self.ssim)


def similarity(
    maps: np.ndarray, others: np.ndarray, length: np.ndarray | None = None
) -> Similarity:
    """Compares the maps of the same windows.

    Args:
        maps: `(n, ...)`.
        others: `(n, ...)`.
        length: `(n,)` real frames of each window, where the first axis of a
            map is time: later ones are left out. None compares whole maps.

    Returns:
        One rank correlation and one SSIM a window.
    """
    rows = []
    for index, (a, b) in enumerate(zip(maps, others, strict=True)):
        if length is not None:
            a, b = a[: length[index]], b[: length[index]]
        if np.ptp(a) == 0:
            rows.append((np.nan, np.nan))
        else:
            rows.append((rank_correlation(a, b), ssim(_scaled(a), _scaled(b))))
    spearman, structural = np.array(rows).T
    return Similarity(spearman, structural)


def stack(parts: Sequence[Similarity]) -> Similarity:
    """Several comparisons as one, along a new first axis."""
    return Similarity(
        np.stack([part.spearman for part in parts]),
        np.stack([part.ssim for part in parts]),
    )


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation of two maps, 0 where one is constant."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(stats.spearmanr(np.ravel(a), np.ravel(b)).statistic)


def ssim(a: np.ndarray, b: np.ndarray, data_range: float = 1.0) -> float:
    """Mean structural similarity of two maps.

    Wang et al., "Image quality assessment: from error visibility to structural
    similarity", IEEE TIP 13(4), 2004, section III: means, variances and
    covariance under a Gaussian of standard deviation 1.5 and 11 taps, with
    K1 = 0.01 and K2 = 0.03. A map shorter than that is mirrored at its ends.

    Args:
        a: A map with any number of axes.
        b: Another of the same shape.
        data_range: Difference of the largest and smallest possible value.

    Returns:
        At most 1, which equal maps have.
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)

    def local_mean(values):
        return ndimage.gaussian_filter(values, _SIGMA, truncate=_TRUNCATE)

    mean_a, mean_b = local_mean(a), local_mean(b)
    variance_a = local_mean(a * a) - mean_a**2
    variance_b = local_mean(b * b) - mean_b**2
    covariance = local_mean(a * b) - mean_a * mean_b
    c1, c2 = (_K1 * data_range) ** 2, (_K2 * data_range) ** 2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    structure = (2 * covariance + c2) / (variance_a + variance_b + c2)
    return float(np.mean(luminance * structure))


def _scaled(values: np.ndarray) -> np.ndarray:
    """Largest magnitude 1; zero, which is "nothing here", stays zero."""
    largest = np.abs(values).max()
    return values / largest if largest else values


def _mean(values: np.ndarray) -> float:
    shown = values[~np.isnan(values)]
    return float(shown.mean()) if shown.size else float("nan")
