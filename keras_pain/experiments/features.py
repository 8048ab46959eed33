"""Features of frames from a frozen network, computed once and kept on disk.

A frozen backbone gives a frame the same features in every epoch, fold and run.
Here all frames of all clips go through it in large batches, and what comes out
is kept under a key that says what went in.

    extractor = FeatureExtractor("ConvNeXtTiny", weights=None, size=96)
    cache = FeatureCache("features")
    x = cache.features(extractor, clips, data=fingerprint)
"""

import functools
import hashlib
import json
import math
import os
import pathlib
import random
import zipfile
from collections.abc import Iterator, Sequence

import keras
import numpy as np

from keras_pain.errors import ConfigurationError
from keras_pain.experiments.atomic import npz_bytes, write_file
from keras_pain.experiments.digests import weights_identity
from keras_pain.models.convnext import FrameEncoder, check_backbone


class FeatureExtractor:
    """A frozen ConvNeXt for frames from 0 to 255.

    The network is built, and its weights are read, when frames first come.

    Args:
        backbone: One of `keras_pain.models.convnext.BACKBONES`.
        weights: None for random ones, `"imagenet"` or the path of a file; see
            `keras_pain.models.convnext.FrameEncoder`.
        size: Pixels a side that the frames are resized to, without regard to
            their proportions, as in the released code.
        batch_size: Frames in one pass.
        normalise_twice: The released code's defect, see `FrameEncoder`.
        seed: Of random weights.

    Raises:
        ConfigurationError: The backbone is unknown, or a number is too small.
    """

    def __init__(
        self,
        backbone: str = "ConvNeXtXLarge",
        weights: str | os.PathLike | None = None,
        *,
        size: int = 224,
        batch_size: int = 64,
        normalise_twice: bool = False,
        seed: int = 0,
    ):
        check_backbone("frame features", backbone)
        if min(size, batch_size) < 1:
            raise ConfigurationError(
                f"frame features: size ({size}) and batch_size ({batch_size}) "
                "must be 1 or more"
            )
        self.backbone = backbone
        self.weights = weights
        self.size = size
        self.batch_size = batch_size
        self.normalise_twice = normalise_twice
        self.seed = seed

    @functools.cached_property
    def network(self) -> keras.Model:
        """The network, `(batch, size, size, 3)` to `(batch, features)`."""
        # Keras draws the seeds of its initialisers here; nobody else is to
        # notice that it did.
        state = random.getstate()
        random.seed(self.seed)
        try:
            return FrameEncoder(
                (self.size, self.size, 3),
                self.backbone,
                weights=self.weights,
                normalise_twice=self.normalise_twice,
            )
        finally:
            random.setstate(state)

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Features of single frames.

        Args:
            frames: `(n, height, width, 3)` uint8 RGB.

        Returns:
            `(n, features)` float32.
        """
        return self.clips([frames])[0]

    def clips(self, clips: Sequence[np.ndarray]) -> np.ndarray:
        """Features of clips; a batch holds frames of several.

        Args:
            clips: n clips of equally many frames, each
                `(frames, height, width, 3)` uint8 RGB. A sequence that reads
                them when they are asked for is only asked once for each.

        Returns:
            `(n, frames, features)` float32.

        Raises:
            ConfigurationError: A clip has another number of frames than the
                first, or is no clip of RGB pictures.
        """
        width = self.network.output_shape[-1]
        if not len(clips):
            return np.zeros((0, 0, width), np.float32)
        parts = [
            keras.ops.convert_to_numpy(
                self.network.predict_on_batch(batch.astype(np.float32))
            )[:count]
            for batch, count in self._batches(clips)
        ]
        flat = np.concatenate(parts).astype(np.float32)
        return flat.reshape(len(clips), -1, width)

    def _batches(self, clips) -> Iterator[tuple[np.ndarray, int]]:
        """Batches of one size, and how many of each one's frames count."""
        waiting, size, length, whole = [], 0, 0, False
        for number in range(len(clips)):
            clip = np.asarray(clips[number])
            length = length or len(clip)
            frames = self._resized(clip, number, length)
            if number == 0:
                # Even batches: one shape, traced once, hardly any padding.
                passes = math.ceil(length * len(clips) / self.batch_size)
                size = math.ceil(length * len(clips) / passes)
            waiting.extend(frames)
            last = number == len(clips) - 1
            while len(waiting) >= size or (last and waiting):
                batch, waiting = np.stack(waiting[:size]), waiting[size:]
                count = len(batch)
                if whole and count < size:
                    empty = [(0, size - count)] + [(0, 0)] * 3
                    batch = np.pad(batch, empty)
                whole = True
                yield batch, count

    def _resized(self, clip, number, length) -> list[np.ndarray]:
        right = clip.ndim == 4 and clip.shape[-1] == 3 and length
        if not right or len(clip) != length:
            raise ConfigurationError(
                f"clip {number} is {clip.shape}; frame features need clips "
                f"({length or 'frames'}, height, width, 3)"
            )
        if clip.shape[1:3] == (self.size, self.size):
            return list(clip)
        import cv2

        shrinks = min(clip.shape[1:3]) > self.size
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        side = (self.size, self.size)
        return [cv2.resize(f, side, interpolation=how) for f in clip]

    def identity(self) -> dict:
        """What the features depend on beside the frames, as JSON.

        Raises:
            BadFileError: The file of weights is missing.
        """
        versions = {
            "keras": keras.__version__,
            "backend": keras.config.backend(),
        }
        if self.weights is None:
            weights = {"random": self.seed, **versions}
        else:
            # Keras checks its own file against the digest it carries.
            weights = weights_identity(self.weights, keras.__version__)
        return {
            "backbone": self.backbone,
            "weights": weights,
            "size": self.size,
            "normalise_twice": self.normalise_twice,
        }


def frame_features(
    frames: np.ndarray,
    backbone: str = "ConvNeXtXLarge",
    weights: str | os.PathLike | None = None,
    batch_size: int = 64,
) -> np.ndarray:
    """Features of frames at their own size.

    Args:
        frames: `(n, side, side, 3)` uint8 RGB.
        backbone: See `FeatureExtractor`.
        weights: See `FeatureExtractor`.
        batch_size: Frames in one pass.

    Returns:
        `(n, features)` float32.

    Raises:
        ConfigurationError: The frames are not square, or the backbone is
            unknown.
    """
    if frames.ndim != 4 or frames.shape[1] != frames.shape[2]:
        raise ConfigurationError(
            f"frame features need square frames, not {frames.shape}; give "
            "FeatureExtractor a size to have them resized"
        )
    extractor = FeatureExtractor(
        backbone, weights, size=frames.shape[1], batch_size=batch_size
    )
    return extractor(frames)


class FeatureCache:
    """Features on disk, one file for each network and dataset.

    Args:
        folder: Where the files are; made when the first is written.
    """

    def __init__(self, folder: str | os.PathLike):
        self.folder = pathlib.Path(folder)

    def features(
        self,
        extractor: FeatureExtractor,
        clips: Sequence[np.ndarray],
        *,
        data: str,
    ) -> np.ndarray:
        """The clips' features, computed only where they are not there yet.

        Args:
            extractor: The network; not built where the file is there.
            clips: See `FeatureExtractor.clips`; not read in that case.
            data: What the clips are: the dataset's fingerprint, and how they
                were chosen, cropped and varied. Clips that differ must have
                different texts.

        Returns:
            `(n, frames, features)` float32.

        Raises:
            KerasPainError: The network cannot be built, or the file cannot
                be written.
        """
        key = {"data": data, "clips": len(clips), **extractor.identity()}
        text = json.dumps(key, sort_keys=True)
        path = self.path(key)
        found = _read(path, text)
        if found is not None:
            return found
        features = extractor.clips(clips)
        write_file(
            path, npz_bytes({"features": features, "key": _letters(text)})
        )
        return features

    def path(self, key: dict) -> pathlib.Path:
        """Where the features of a key are.

        Args:
            key: JSON-able, all that they depend on.
        """
        text = json.dumps(key, sort_keys=True)
        name = hashlib.sha256(text.encode()).hexdigest()[:24]
        return self.folder / f"{key.get('backbone', 'features')}-{name}.npz"


def _read(path: pathlib.Path, key: str) -> np.ndarray | None:
    """The features of a whole file with this key, else None."""
    try:
        with np.load(path, allow_pickle=False) as file:
            same = np.array_equal(file["key"], _letters(key))
            return file["features"] if same else None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None  # missing or damaged: computed anew


def _letters(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), np.uint8)
