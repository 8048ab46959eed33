"""Features of frames from a frozen network, computed once and kept on disk.

A frozen backbone gives a frame the same features in every epoch, fold and run;
they are kept under a key that says what went in.
"""

import dataclasses
import functools
import hashlib
import json
import math
import os
import pathlib
import random
import zipfile
from collections.abc import Iterable, Mapping

import keras
import numpy as np

from keras_pain.errors import KerasPainError
from keras_pain.experiments.optim import weights_identity
from keras_pain.io import npz_bytes, write_file
from keras_pain.models.convnext_lstm import FrameEncoder, check_backbone

_SEED = 0  # of random weights


@dataclasses.dataclass
class FeatureExtractor:
    """A frozen ConvNeXt for frames from 0 to 255.

    The network is built, and its weights are read, when frames first come.
    Weights are None for random ones, `"imagenet"` or the path of a file; or the
    entry of an `identity`, of features that are kept already. Raises
    ConfigurationError at an unknown backbone.
    """

    backbone: str = "ConvNeXtXLarge"  # one of `convnext_lstm.BACKBONES`
    weights: str | os.PathLike | Mapping | None = None
    size: int = 224  # pixels a side of the frames
    batch_size: int = 64  # most frames in one pass
    normalise_twice: bool = False  # a released defect, see `FrameEncoder`

    def __post_init__(self):
        check_backbone("frame features", self.backbone)

    @functools.cached_property
    def network(self) -> keras.Model:
        """The network, `(batch, size, size, 3)` to `(batch, features)`."""
        if isinstance(self.weights, Mapping):
            raise KerasPainError(
                f"features of {self.backbone} are not kept beside the dataset "
                "any more; run the reproduce script again"
            )
        shape, twice = (self.size, self.size, 3), self.normalise_twice
        settings = {"weights": self.weights, "normalise_twice": twice}
        # Keras draws the seeds of its initialisers from Python's generator,
        # which nobody else is to notice.
        state = random.getstate()
        random.seed(_SEED)
        try:
            return FrameEncoder(shape, self.backbone, **settings)
        finally:
            random.setstate(state)

    def clips(self, clips: Iterable[np.ndarray], count: int) -> np.ndarray:
        """Features of clips, `(count, frames, features)` float32.

        A batch holds frames of several. Clips have equally many frames, each
        `(frames, size, size, 3)` RGB from 0 to 255; one is in memory at a time
        if they are made when they are asked for.
        """
        parts, waiting, batch = [], [], 1
        for number, clip in enumerate(clips):
            waiting.extend(clip)
            if number == 0:
                # Even batches: one shape, traced once, hardly any padding.
                frames = len(clip) * count
                batch = math.ceil(frames / math.ceil(frames / self.batch_size))
            while len(waiting) >= batch or (waiting and number == count - 1):
                some, waiting = waiting[:batch], waiting[batch:]
                x = np.zeros((batch, self.size, self.size, 3), np.float32)
                x[: len(some)] = some
                found = self.network.predict_on_batch(x)
                found = keras.ops.convert_to_numpy(found)
                parts.append(found[: len(some)].astype(np.float32))
        flat = np.concatenate(parts)
        return flat.reshape(count, -1, flat.shape[1])

    def identity(self) -> dict:
        """What the features depend on beside the frames, as JSON.

        Raises BadFileError where the file of weights is missing.
        """
        weights, version = self.weights, keras.__version__
        if weights is None:
            backend = keras.config.backend()
            weights = {"random": _SEED, "keras": version, "backend": backend}
        elif not isinstance(weights, Mapping):
            # Keras checks its own file against the digest it carries.
            weights = weights_identity(weights, version)
        return {
            "backbone": self.backbone,
            "weights": weights,
            "size": self.size,
            "normalise_twice": self.normalise_twice,
        }


def kept_features(
    folder: str | os.PathLike,
    extractor: FeatureExtractor,
    clips: Iterable[np.ndarray],
    count: int,
    data: str,
) -> np.ndarray:
    """The clips' features, computed only where they are not on disk yet.

    The folder has a file for each network and dataset; where it is there, the
    network is not built, nor are the `count` clips (see
    `FeatureExtractor.clips`) read. `data` says what these are: the dataset's
    fingerprint, and how they were chosen, cropped and varied; others must have
    another text. Raises KerasPainError where the network cannot be built, or
    the file cannot be written.
    """
    key = {"data": data, "clips": count, **extractor.identity()}
    text = json.dumps(key, sort_keys=True).encode()
    name = f"{extractor.backbone}-{hashlib.sha256(text).hexdigest()[:24]}.npz"
    path = pathlib.Path(folder) / name
    letters = np.frombuffer(text, np.uint8)
    try:
        with np.load(path, allow_pickle=False) as file:
            if np.array_equal(file["key"], letters):
                return file["features"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        pass  # missing or damaged: computed anew
    features = extractor.clips(clips, count)
    write_file(path, npz_bytes({"features": features, "key": letters}))
    return features
