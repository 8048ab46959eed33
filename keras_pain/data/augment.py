"""Scaled windows and augmented copies: jitter, random discarding, balancing.

None of the movement papers states its normalisation. Default: z-score a
channel over the real frames of the training windows. It comes before zero
padding counts as zero, so that padding stays distinguishable, and before
jitter, whose levels (0.05-0.15) only make sense on scaled data: on degrees
they vanish, on sEMG of 0.02 they drown the signal.

Source of the copies: ISWC 2019 section 3 and BANet section IV.A (kinds and
levels); ALANet section IV.B (the same levels, class-balanced).
"""

import dataclasses
import itertools
from collections.abc import Callable, Sequence

import numpy as np
from sklearn.preprocessing import StandardScaler

from keras_pain.data.windows import WindowSet, arrays_of, joined
from keras_pain.errors import check_choice

LEVELS = (0.05, 0.10, 0.15)
NUM_COPIES = 2 * len(LEVELS)  # of one window: jitter and discarding

_CHUNK = 2048  # windows a step: bounds the copy of the real frames


def fit_scaler(samples: WindowSet) -> StandardScaler:
    """Mean and standard deviation of each channel over real frames.

    A channel that never changes (sEMG that was not recorded) is centred and
    left unscaled.
    """
    scaler = StandardScaler()
    for begin in range(0, len(samples), _CHUNK):
        part = samples.take(slice(begin, begin + _CHUNK))
        scaler.partial_fit(part.x[part.mask].astype(np.float64))
    return scaler


def apply_scaler(scaler: StandardScaler, samples: WindowSet) -> WindowSet:
    """Scaled copy of the windows; padded frames stay zero."""
    mean = scaler.mean_.astype(np.float32)
    x = (samples.x - mean) / scaler.scale_.astype(np.float32)
    x *= samples.mask[:, :, None]
    return dataclasses.replace(samples, x=x)


def augmented(
    samples: WindowSet, kind: str, seed: int | Sequence[int]
) -> WindowSet:
    """Windows with the copies that a data path adds, originals first.

    The kind is `"none"`; `"balanced"` (ALANet, section IV.B); `"all_copies"`:
    every window seven times, with L-SFAN's way of cropping. Others raise
    ConfigurationError.
    """
    check_choice("augmentation", kind, ("none", "balanced", "all_copies"))
    if kind == "none":
        return samples
    if kind == "all_copies":
        times = [1 + NUM_COPIES] * samples.num_classes
        return augment(samples, times, seed, crop)
    counts = np.bincount(samples.y, minlength=samples.num_classes)
    return augment(samples, balanced_multiplicity(counts), seed, discard)


def augment(
    samples: WindowSet,
    multiplicity: Sequence[int],
    seed: int | Sequence[int],
    discarding: Callable,
) -> WindowSet:
    """Originals and, for each class, `multiplicity - 1` distinct copies.

    Which copies a class with fewer than six gets is unsaid. Each window draws
    its own here: giving all of a class the same kind would mark the class by
    its augmentation.

    For `multiplicity` see `balanced_multiplicity`; `discarding` is `crop` or
    `discard`. Originals come first, then the copies kind by kind; padding
    stays zero.
    """
    rng = np.random.default_rng(seed)
    wanted = np.asarray(multiplicity)[samples.y] - 1
    # Rank of each kind of copy in a random order of the window's own.
    order = rng.random((len(samples), NUM_COPIES)).argsort(axis=1)
    takes = order < wanted[:, None]
    parts = [samples]
    kinds = itertools.product((jitter, discarding), LEVELS)
    for (change, level), taken in zip(kinds, takes.T, strict=True):
        if taken.any():
            part = samples.take(taken)
            x = change(part.x, level, rng)
            x *= part.mask[:, :, None]
            parts.append(dataclasses.replace(part, x=x))
    whole = joined([dict(arrays_of(part)) for part in parts], "no windows")
    return dataclasses.replace(samples, **whole)


def balanced_multiplicity(counts: Sequence[int]) -> list[int]:
    """How many times each class, 1 to 7, appears after ALANet's balancing.

    The paper prints only totals; they decode exactly as: every minority class
    appears 1 + 6 times, the majority the smallest whole number of times that
    reaches the largest minority total. 5,334 / 1,106 gives 2 and 7 (10,668 and
    7,742 windows), 226 / 92 / 80 gives 3, 7 and 7 (678, 644 and 560).

    `counts` are the training windows of each class, 0 where it is absent.
    """
    full, majority = 1 + NUM_COPIES, np.argmax(counts)
    largest = np.delete(counts, majority).max(initial=0)
    if not largest:
        return [1] * len(counts)
    result = np.full(len(counts), full)
    wanted = -(-full * largest // counts[majority])
    result[majority] = np.clip(wanted, 1, full)
    return result.tolist()


def jitter(x: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Adds Gaussian noise of standard deviation `sigma` to `(n, T, C)`."""
    noise = rng.standard_normal(x.shape, dtype=np.float32)
    noise *= np.float32(sigma)
    noise += x
    return noise


def discard(
    x: np.ndarray, probability: float, rng: np.random.Generator
) -> np.ndarray:
    """Sets random frames x random body parts of `(n, T, C)` windows to zero.

    A body part is an angle with its energy, or one sEMG probe. Whether a part
    is a joint or a channel, and whether the level is a probability or a count,
    differs between the released programs; ALANet's words are "randomly setting
    the data of some frames and some body parts to 0 with selection
    probability", so each frame and each part is drawn with that probability,
    and their crossings are zeroed. Channels are in the order of
    `CHANNEL_NAMES`; a copy is returned.
    """
    count, frames, channels = x.shape
    part = np.arange(channels)  # of each channel
    if channels in (26, 30):  # 13 angles, their energies, and 4 of sEMG
        part[13:] -= 13
    hit = rng.random((count, frames)) < probability
    parts = rng.random((count, part.max() + 1)) < probability
    return np.where(hit[:, :, None] & parts[:, None, part], np.float32(0), x)


def crop(
    x: np.ndarray, probability: float, rng: np.random.Generator
) -> np.ndarray:
    """Sets a block of each window to zero, as the released L-SFAN code does.

    int(p T) distinct frames and int(p C) distinct channels are drawn, and
    their crossings are zeroed: 9 x 1, 18 x 3 and 27 x 4 of 180 x 30 at the
    three levels p. Arguments are those of `discard`.
    """

    def drawn(size):
        order = rng.random((len(x), size)).argsort(axis=1)
        return order < int(size * probability)

    hit = drawn(x.shape[1])[:, :, None] & drawn(x.shape[2])[:, None, :]
    return np.where(hit, np.float32(0), x)
