"""How much faster features of frames come in large batches, and from disk.

The frames of random clips go through a frozen ConvNeXt with random weights:
plainly, Keras' own network and one `predict` a clip, as the released
ConvNeXt-LSTM code does; then large batches through the same network with
depthwise kernels (`keras_pain.experiments.features`); then from the cache. The
same features come out, which is checked.

    python benchmarks/speed_features.py
    python benchmarks/speed_features.py --backbone=ConvNeXtXLarge --size=224

The default, a tiny run, takes about a minute on two cores.
"""

import tempfile
import time

from absl import app, flags

from keras_pain.reproduction.flags import parse_flags

_BACKBONE = flags.DEFINE_string("backbone", "ConvNeXtTiny", "Network.")
_SIZE = flags.DEFINE_integer("size", 32, "Pixels a side.", lower_bound=32)
_CLIPS = flags.DEFINE_integer("num_clips", 24, "Clips.", lower_bound=2)
_FRAMES = flags.DEFINE_integer("num_frames", 20, "Frames.", lower_bound=1)
_BATCH = flags.DEFINE_integer(
    "batch_size", 240, "Frames in one pass.", lower_bound=1
)


def measure(
    backbone: str, size: int, clips: int, frames: int, batch_size: int
) -> tuple[float, float, float]:
    """Seconds of plain calls, of large batches and of a second, cached run.

    Building and tracing the network are not counted.

    Raises:
        RuntimeError: Their features differ.
    """
    import keras
    import numpy as np

    from keras_pain.experiments.features import FeatureExtractor, kept_features

    rng = np.random.default_rng(0)
    shape = (clips, frames, size, size, 3)
    film = rng.integers(0, 256, size=shape, dtype=np.uint8)
    network = getattr(keras.applications, backbone)(
        include_top=False,
        weights=None,
        input_shape=(size, size, 3),
        pooling="avg",
    )

    def plain():
        return [network.predict(clip, verbose=0) for clip in film]

    with tempfile.TemporaryDirectory() as folder:
        weights = f"{folder}/random.weights.h5"
        network.save_weights(weights)
        extractor = FeatureExtractor(
            backbone, weights, size=size, batch_size=batch_size
        )

        def kept():
            return kept_features(
                folder, extractor, film, clips, data="random clips"
            )

        runs = (
            (lambda: network.predict(film[0], verbose=0), plain),
            (lambda: extractor.clips(film, clips),) * 2,
            (kept, kept),
        )
        seconds, features = [], []
        for warm_up, run in runs:
            warm_up()
            begin = time.perf_counter()
            features.append(np.asarray(run()))
            seconds.append(time.perf_counter() - begin)
    for other in features[1:]:
        if not np.allclose(features[0], other, atol=1e-4):
            raise RuntimeError("the features differ")
    return tuple(seconds)


def main(_) -> None:
    settings = (_BACKBONE.value, _SIZE.value, _CLIPS.value, _FRAMES.value)
    plain, batches, cached = measure(*settings, _BATCH.value)
    count = _CLIPS.value * _FRAMES.value
    print(
        f"{_BACKBONE.value}, {count} frames of {_SIZE.value} pixels: "
        f"one predict a clip {count / plain:.1f} frames/s, batches of "
        f"{_BATCH.value} {count / batches:.1f} frames/s, ratio "
        f"{plain / batches:.1f}; again from the cache {1000 * cached:.0f} ms "
        f"instead of {batches:.1f} s"
    )


if __name__ == "__main__":
    app.run(main, flags_parser=parse_flags)
