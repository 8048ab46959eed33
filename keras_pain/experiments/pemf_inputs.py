"""What the networks of PEMF are fed: features of frames, or landmarks.

Both are arrays in memory that are made once for all clips of a dataset, so
that a fold only picks its rows.
"""

import functools
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.neighbors import NearestNeighbors

from keras_pain.data.clip_copies import varied_copy
from keras_pain.data.clip_feed import decoded_frames, frame_numbers
from keras_pain.data.clips import ClipSet
from keras_pain.data.frames import FrameStore
from keras_pain.data.landmarked import digest, landmarks_of
from keras_pain.experiments.features import FeatureCache, FeatureExtractor
from keras_pain.models.convnext import IMAGENET_MEAN, IMAGENET_STD
from keras_pain.signals.landmarks import normalise_clip

COPIES = ("none", "before", "after")
_CHUNK = 16  # clips decoded at once


class Films(Sequence):
    """The pictures of clips, decoded when they are asked for in order.

    Args:
        frames: The store.
        numbers: `(n, T)` frame numbers.
        size: Pixels a side.
        copies: `"none"`: the clips; `"before"`: a varied copy of each;
            `"after"`: one that is varied after standardisation, see
            `keras_pain.data.clip_copies`.
        seed: Of the copies.
    """

    def __init__(
        self,
        frames: FrameStore,
        numbers: np.ndarray,
        size: int,
        copies: str = "none",
        seed: int = 0,
    ):
        self._frames, self._numbers, self._size = frames, numbers, size
        self._copies, self._seed = copies, seed
        self._chunk, self._clips = -1, None

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: int) -> np.ndarray:
        """`(T, size, size, 3)`, uint8, or float32 of a copy."""
        chunk, inside = divmod(index, _CHUNK)
        if chunk != self._chunk:
            numbers = self._numbers[chunk * _CHUNK : (chunk + 1) * _CHUNK]
            pictures = list(
                decoded_frames(self._frames, numbers.ravel(), self._size)
            )
            shape = (*numbers.shape, self._size, self._size, 3)
            self._clips = np.concatenate(pictures).reshape(shape)
            self._chunk = chunk
        clip = self._clips[inside]
        if self._copies == "none":
            return clip
        rng = np.random.default_rng([self._seed, index])
        twice = (IMAGENET_MEAN, IMAGENET_STD)
        return varied_copy(
            clip, rng, standardised=twice if self._copies == "after" else None
        )


def clip_features(
    clips: ClipSet,
    extractor: FeatureExtractor,
    folder: Path | None = None,
    copies: str = "none",
) -> np.ndarray:
    """Features of the frames of some clips.

    Those of all clips of the dataset are computed at once and kept, on disk
    and in memory.

    Args:
        clips: n clips.
        extractor: The frozen network, for pictures of the clips' size.
        folder: Where they are kept; by default beside the dataset's files.
        copies: See `Films`.

    Returns:
        `(n, T, features)` float32.
    """
    frames = clips.frames
    place = Path(folder or frames.path / "features")
    settings = (clips.num_frames, clips.size, copies, place)
    kept = _kept.setdefault(frames, {})
    key = (*settings, str(extractor.identity()))
    if key not in kept:
        numbers = frame_numbers(
            all_clips(clips), np.arange(len(frames.clips)), "uniform"
        )
        films = Films(frames, numbers, clips.size, copies)
        what = f"{_digest(frames)} T={clips.num_frames} copies={copies}"
        kept[key] = FeatureCache(place).features(extractor, films, data=what)
    return kept[key][_clip_numbers(clips)]


def clip_landmarks(clips: ClipSet, normalise: bool = True) -> np.ndarray:
    """Landmarks of some clips.

    Args:
        clips: n clips of a store with landmarks.
        normalise: Take the face's place and size in each clip away, see
            `normalise_clip`; else they are in pixels.

    Returns:
        `(n, T, 68, 2)` float32.

    Raises:
        KerasPainError: A clip has no landmarks.
    """
    numbers = frame_numbers(clips, np.arange(len(clips)), "uniform")
    points = landmarks_of(clips.frames)[numbers]
    if not normalise:
        return points
    return np.stack([normalise_clip(clip) for clip in points])


def smote(
    x: np.ndarray, y: np.ndarray, seed: int, neighbours: int = 5
) -> tuple[np.ndarray, np.ndarray]:
    """Made-up samples until all classes are as large as the largest.

    Each lies somewhere between a sample of its class and one of that one's
    nearest neighbours in the class (Chawla et al., JAIR 16, 2002).

    Args:
        x: `(n, ...)`; distances are of the flattened samples.
        y: `(n,)` int64 classes.
        seed: Seed.
        neighbours: Neighbours to choose from; fewer where there are fewer.

    Returns:
        x and y, the made-up samples behind the real ones.
    """
    rng = np.random.default_rng([seed, 53])
    flat = x.reshape(len(x), -1)
    counts = np.bincount(y)
    made, labels = [flat], [y]
    for label in np.flatnonzero(counts):
        missing = counts.max() - counts[label]
        real = flat[y == label]
        if not missing:
            continue
        near = min(neighbours, len(real) - 1) + 1  # itself is the nearest
        index = NearestNeighbors(n_neighbors=near).fit(real)
        others = index.kneighbors(real, return_distance=False)
        base = rng.integers(len(real), size=missing)
        column = rng.integers(min(1, near - 1), near, size=missing)
        step = rng.random((missing, 1), dtype=np.float32)
        start, end = real[base], real[others[base, column]]
        made.append(start + step * (end - start))
        labels.append(np.full(missing, label))
    joined = np.concatenate(made).reshape(-1, *x.shape[1:])
    return joined.astype(x.dtype), np.concatenate(labels)


# Features by store, gone with it.
_kept: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


@functools.lru_cache(maxsize=4)
def _digest(frames: FrameStore) -> str:
    return digest(frames)


def _clip_numbers(clips: ClipSet) -> np.ndarray:
    return np.searchsorted(clips.frames.first, clips.first, "right") - 1


def all_clips(clips: ClipSet) -> ClipSet:
    """Every clip of the dataset that `clips` are of, without its label."""
    frames = clips.frames
    names = np.array([clip.name for clip in frames.clips])
    people = np.array([clip.subject_id for clip in frames.clips])
    return ClipSet(
        frames=frames,
        first=frames.first[:-1],
        count=frames.num_frames,
        y=np.zeros(len(names), np.int64),
        subject=people,
        person=people,
        recording=names,
        num_frames=clips.num_frames,
        size=clips.size,
        class_names=clips.class_names,
    )
