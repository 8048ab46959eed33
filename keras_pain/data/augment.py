"""Augmented copies of training windows: jitter, random discarding, balancing.

Source: ISWC 2019 section 3 and BANet section IV.A (kinds and levels); ALANet
section IV.B (the same levels, class-balanced). For use on scaled training
windows only.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from keras_pain.data.windows import WindowSet
from keras_pain.errors import ConfigurationError

LEVELS = (0.05, 0.10, 0.15)
AUGMENTATIONS = ("none", "balanced", "all_copies")


@dataclasses.dataclass(frozen=True)
class Copy:
    """One way to make an augmented copy: `kind` is jitter or discard."""

    kind: str
    level: float


COPIES = tuple(Copy(k, v) for k in ("jitter", "discard") for v in LEVELS)


def jitter(x: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Adds Gaussian noise of standard deviation `sigma` to `(n, T, C)`."""
    noise = rng.standard_normal(x.shape, dtype=np.float32)
    noise *= np.float32(sigma)
    noise += x
    return noise


def discard(
    x: np.ndarray, probability: float, rng: np.random.Generator
) -> np.ndarray:
    """Sets random frames x random body parts of each window to zero.

    A body part is an angle with its energy, or one sEMG probe. Whether a part
    is a joint or a channel, and whether the level is a probability or a count,
    differs between the released programs; ALANet's words are "randomly setting
    the data of some frames and some body parts to 0 with selection
    probability", so each frame and each part is drawn with that probability,
    and their crossings are zeroed.

    Args:
        x: `(n, T, C)`, channels in the order of `CHANNEL_NAMES`.
        probability: Chance of a frame, and of a part.
        rng: Source of randomness.

    Returns:
        `(n, T, C)` copy.
    """
    count, frames, channels = x.shape
    part_of = _part_of_channel(channels)
    chosen_frames = rng.random((count, frames)) < probability
    parts = rng.random((count, part_of.max() + 1)) < probability
    hit = chosen_frames[:, :, None] & parts[:, None, part_of]
    return np.where(hit, np.float32(0), x)


def crop(
    x: np.ndarray, probability: float, rng: np.random.Generator
) -> np.ndarray:
    """Sets a block of each window to zero, as the released L-SFAN code does.

    int(p T) distinct frames and int(p C) distinct channels are drawn, and
    their crossings are zeroed: 9 x 1, 18 x 3 and 27 x 4 of 180 x 30 at the
    three levels.

    Args:
        x: `(n, T, C)`.
        probability: Share p of frames and of channels.
        rng: Source of randomness.

    Returns:
        `(n, T, C)` copy.
    """

    def drawn(size):
        order = rng.random((len(x), size)).argsort(axis=1)
        return order < int(size * probability)

    hit = drawn(x.shape[1])[:, :, None] & drawn(x.shape[2])[:, None, :]
    return np.where(hit, np.float32(0), x)


def balanced_multiplicity(
    counts: Sequence[int], num_copies: int = len(COPIES)
) -> list[int]:
    """How many times each class appears after ALANet's balancing.

    The paper prints only totals; they decode exactly as: every minority class
    appears 1 + 6 times, the majority the smallest whole number of times that
    reaches the largest minority total. 5,334 / 1,106 gives 2 and 7 (10,668 and
    7,742 windows), 226 / 92 / 80 gives 3, 7 and 7 (678, 644 and 560).

    Args:
        counts: Training windows of each class; an absent class may be 0.
        num_copies: Copies that exist besides the original.

    Returns:
        One multiplicity a class, between 1 and `1 + num_copies`.
    """
    counts = np.asarray(counts, dtype=np.int64)
    full = 1 + num_copies
    majority = int(counts.argmax())
    minority = np.delete(counts, majority)
    if not minority.size or not minority.max():
        return [1] * len(counts)
    result = np.full(len(counts), full)
    wanted = -(-full * int(minority.max()) // int(counts[majority]))
    result[majority] = min(max(wanted, 1), full)
    return result.tolist()


def augmented(
    windows: WindowSet, kind: str, seed: int | Sequence[int]
) -> WindowSet:
    """Windows with the copies that a data path adds.

    Args:
        windows: Training windows.
        kind: `"none"`; `"balanced"` (ALANet, section IV.B); `"all_copies"`:
            every window seven times, with L-SFAN's way of cropping.
        seed: Seed of what is random.

    Returns:
        Originals first.

    Raises:
        ConfigurationError: The kind is unknown.
    """
    if kind == "none":
        return windows
    if kind == "all_copies":
        times = [1 + len(COPIES)] * windows.num_classes
        return augment(windows, times, seed, discarding=crop)
    if kind != "balanced":
        raise ConfigurationError(
            f"augmentation must be one of {', '.join(AUGMENTATIONS)}, got "
            f"{kind!r}"
        )
    counts = np.bincount(windows.y, minlength=windows.num_classes)
    return augment(windows, balanced_multiplicity(counts), seed)


def augment(
    windows: WindowSet,
    multiplicity: Sequence[int],
    seed: int | Sequence[int],
    discarding: Callable | None = None,
) -> WindowSet:
    """Originals and, for each class, `multiplicity - 1` distinct copies.

    Which copies a class with fewer than six gets is unsaid. Each window draws
    its own here: giving all of a class the same kind would mark the class by
    its augmentation.

    Args:
        windows: Scaled training windows.
        multiplicity: One number a class, see `balanced_multiplicity`.
        seed: Seed; the same one gives the same windows.
        discarding: `crop`, or None for `discard`.

    Returns:
        Originals first, then the copies kind by kind; padding stays zero.
    """
    rng = np.random.default_rng(seed)
    wanted = np.asarray(multiplicity)[windows.y] - 1
    # Rank of each copy kind in a random order of the window's own.
    order = rng.random((len(windows), len(COPIES))).argsort(axis=1)
    takes = order < wanted[:, None]
    sets = [windows]
    for number, copy in enumerate(COPIES):
        part = windows.take(takes[:, number])
        if not len(part):
            continue
        change = jitter if copy.kind == "jitter" else discarding or discard
        x = change(part.x, copy.level, rng)
        x *= part.mask[:, :, None]
        sets.append(dataclasses.replace(part, x=x))
    return concatenate(sets)


def concatenate(sets: Sequence[WindowSet]) -> WindowSet:
    """Joins window sets of the same channels and classes."""
    names = ("x", "y", "length", "subject", "recording", "start", "activity")
    joined = {k: np.concatenate([getattr(s, k) for s in sets]) for k in names}
    return dataclasses.replace(sets[0], **joined)


def _part_of_channel(channels: int) -> np.ndarray:
    """Body part of each channel: angle and energy of a joint share one."""
    if channels == 26:
        return np.tile(np.arange(13), 2)
    if channels == 30:
        return np.concatenate([np.tile(np.arange(13), 2), np.arange(13, 17)])
    return np.arange(channels)
