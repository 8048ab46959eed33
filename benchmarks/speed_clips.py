"""What the pipeline of face clips costs beside a training step of L3D.

    python benchmarks/speed_clips.py                       # 32 x 224 x 224
    python benchmarks/speed_clips.py --num_frames=8 --size=64 --batch=4

Three ways to feed the same network, in turns in one run: arrays in memory;
frames decoded once and kept; JPEG pictures decoded for every batch. All are
flipped and shifted alike, except the arrays.
"""

import time

import cv2
import keras
import numpy as np
from absl import app, flags

from keras_pain.data.clips import ClipInfo, FrameStore, cut_clips
from keras_pain.data.feed import training_batches, training_clips
from keras_pain.experiments.optim import make_loss, make_optimizer
from keras_pain.models.registry import MODELS
from keras_pain.reproduction.flags import parse_flags

_NETWORK = flags.DEFINE_string("network", "l3d_full", "Network of clips.")
_FRAMES = flags.DEFINE_integer("num_frames", 32, "Frames of a clip.")
_SIZE = flags.DEFINE_integer("size", 224, "Pixels a side.")
_BATCH = flags.DEFINE_integer("batch", 2, "Clips a step.")
_CLIPS = flags.DEFINE_integer("clips", 4, "Clips in all.")
_STEPS = flags.DEFINE_integer("steps", 4, "Steps of each way in a round.")
_ROUNDS = flags.DEFINE_integer("rounds", 3, "Rounds.")


def smooth_store(clips: int, frames: int, size: int) -> FrameStore:
    """Coded pictures as smooth as faces, twice as many as a clip needs."""
    rng = np.random.default_rng(0)
    codes, infos = [], []
    for number in range(clips):
        count = 2 * frames
        for _ in range(count):
            small = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            picture = cv2.resize(small, (size, size))
            coded = cv2.imencode(
                ".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95]
            )
            codes.append(coded[1].tobytes())
        found = {"found": np.ones(count, bool)}
        infos.append(ClipInfo(f"c{number}", "s", {"level": number % 5}, found))
    offsets = np.concatenate([[0], np.cumsum([len(code) for code in codes])])
    data = np.frombuffer(b"".join(codes), np.uint8)
    return FrameStore("speed", infos, offsets, data)


def main(_) -> None:
    store = smooth_store(_CLIPS.value, _FRAMES.value, _SIZE.value)
    clips = cut_clips(
        store, label="level", num_frames=_FRAMES.value, size=_SIZE.value
    )
    entry = MODELS[_NETWORK.value]
    model = entry.build(input_shape=clips.input_shape)
    model.compile(
        optimizer=make_optimizer(entry.recipe, 1, 1),
        loss=make_loss(entry.recipe),
    )
    y = clips.y[:, None]
    batch = _BATCH.value
    x, _ = next(iter(training_clips(clips, y, len(clips), 0)))
    ways = {
        "arrays in memory": training_batches((x.numpy(), y), batch, 0),
        "decoded once": training_clips(clips, y, batch, 0),
        "decoded every time": training_clips(clips, y, batch, 0, limit=0),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(_ROUNDS.value + 1):
        for way, dataset in ways.items():
            batches = iter(dataset)
            model.train_on_batch(*next(batches))  # fills the pipeline
            start = time.perf_counter()
            for _ in range(_STEPS.value):
                model.train_on_batch(*next(batches))
            if number:  # the first round traces
                spent = time.perf_counter() - start
                seconds[way].append(spent / _STEPS.value)
    base = np.median(seconds["arrays in memory"])
    shape = " x ".join(map(str, clips.input_shape[:3]))
    print(f"{_NETWORK.value}, {batch} clips of {shape} a step:")
    for way, values in seconds.items():
        middle = np.median(values)
        print(f"  {way}: {middle:.3f} s, {100 * (middle / base - 1):+.1f} %")


if __name__ == "__main__":
    keras.utils.set_random_seed(0)
    app.run(main, flags_parser=parse_flags)
