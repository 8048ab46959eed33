"""tf.data batches of face clips: which frames, decoded, flipped, shifted."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from keras_pain.data.clips import ClipSet
from keras_pain.data.feed import num_steps
from keras_pain.data.frames import DECODED_BYTES, FrameStore
from keras_pain.errors import ConfigurationError

SAMPLING = ("uniform", "centre", "random")
_DECODE_BATCH = 256


@dataclasses.dataclass(frozen=True)
class Jitter:
    """How training clips are varied; all frames of a clip alike.

    Args:
        flip: Probability of a horizontal flip.
        shift: Largest shift to each side, as a share of the picture's; edges
            are repeated.
        sampling: How training frames are drawn, one of `SAMPLING`.
    """

    flip: float = 0.5
    shift: float = 0.04
    sampling: str = "random"

    def __post_init__(self):
        if not (0 <= self.flip <= 1 and 0 <= self.shift < 1):
            raise ConfigurationError(
                "flip must be from 0 to 1 and shift from 0 to below 1, got "
                f"{self.flip}, {self.shift}"
            )
        if self.sampling not in SAMPLING:
            raise ConfigurationError(
                f"sampling must be one of {', '.join(SAMPLING)}, got "
                f"{self.sampling!r}"
            )


STILL = Jitter(flip=0.0, shift=0.0, sampling="uniform")


def frame_numbers(
    clips: ClipSet, index: np.ndarray, sampling: str, rng=None
) -> np.ndarray:
    """Which frames of the chosen clips a network sees.

    Args:
        clips: The clips.
        index: `(b,)` positions of the chosen ones.
        sampling: `"uniform"`: the middles of T equal parts of the clip;
            `"random"`: one frame of each part; `"centre"`: T frames in a row
            around its middle. A shorter clip repeats frames.
        rng: Generator for `"random"`.

    Returns:
        `(b, T)` int64 numbers of frames in order of time.

    Raises:
        ConfigurationError: There is no such sampling.
    """
    if sampling not in SAMPLING:
        raise ConfigurationError(
            f"sampling must be one of {', '.join(SAMPLING)}, got {sampling!r}"
        )
    wanted = max(clips.num_frames, 1)
    first, count = clips.first[index, None], clips.count[index, None]
    steps = np.arange(wanted)[None, :]
    if sampling == "centre":
        start = (count - wanted) // 2
        inside = np.clip(start + steps, 0, count - 1)
    else:
        place = np.full((1, 1), 0.5)
        if sampling == "random":
            place = rng.random((len(first), wanted))
        inside = ((steps + place) * count / wanted).astype(np.int64)
    return first + np.minimum(inside, count - 1)


def training_clips(
    clips: ClipSet,
    targets: np.ndarray,
    batch_size: int,
    seed: int,
    jitter: Jitter = Jitter(),
    weights: np.ndarray | None = None,
    limit: int = DECODED_BYTES,
    steps: int | None = None,
    chances: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Endless shuffled batches; epoch e uses draws of (seed, e).

    Batches of an epoch are as even as can be: a last one of two clips would
    spoil the statistics of batch normalisation just before validation.

    Args:
        clips: n training clips.
        targets: `(n, ...)` float32.
        batch_size: Clips a batch, at most.
        seed: Non-negative seed.
        jitter: How they are varied.
        weights: `(n,)` float32 or None.
        limit: See `FrameStore.decoded`.
        steps: Batches an epoch, from 1 to n; None: as few as can be.
        chances: `(n,)`, with sum 1: an epoch is n draws with these chances;
            None: each clip once.

    Returns:
        Dataset of (pictures 0..255 float32, targets[, weights]).
    """
    steps = steps or num_steps(len(clips), batch_size)

    def batches():
        epoch = 0
        while True:
            rng = np.random.default_rng([seed, epoch])
            order = rng.permutation(len(clips))
            if chances is not None:
                order = rng.choice(len(clips), len(clips), p=chances)
            for index in np.array_split(order, steps):
                yield index, *_draws(clips, index, jitter, rng)
            epoch += 1

    return _pipeline(clips, targets, batches, weights, limit).prefetch(2)


def evaluation_clips(
    clips: ClipSet,
    targets: np.ndarray,
    batch_size: int,
    sampling: str = "uniform",
    weights: np.ndarray | None = None,
    limit: int = DECODED_BYTES,
) -> tf.data.Dataset:
    """One pass in order, unvaried."""
    still = dataclasses.replace(STILL, sampling=sampling)

    def batches():
        for start in range(0, len(clips), batch_size):
            index = np.arange(start, min(start + batch_size, len(clips)))
            yield index, *_draws(clips, index, still, np.random.default_rng(0))

    dataset = _pipeline(clips, targets, batches, weights, limit)
    steps = num_steps(len(clips), batch_size)
    return dataset.apply(
        tf.data.experimental.assert_cardinality(steps)
    ).prefetch(2)


def decoded_frames(
    frames: FrameStore, numbers: np.ndarray, size: int
) -> Iterator[np.ndarray]:
    """Frames by number, decoded in parallel, in batches of uint8."""
    dataset = (
        tf.data.Dataset.from_tensor_slices(numbers.astype(np.int64))
        .batch(_DECODE_BATCH)
        .map(lambda number: _coded(frames, number))
        .unbatch()
        .map(
            lambda code: _decode(code, size),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        .batch(_DECODE_BATCH)
        .prefetch(1)
    )
    return dataset.as_numpy_iterator()


def _draws(clips: ClipSet, index, jitter: Jitter, rng):
    """Frame numbers and, for each clip, the rows and columns to take."""
    numbers = frame_numbers(clips, index, jitter.sampling, rng)
    size = clips.size
    reach = round(jitter.shift * size)
    shift = rng.integers(-reach, reach + 1, (2, len(index), 1))
    rows, columns = np.clip(np.arange(size) + shift, 0, size - 1)
    flipped = rng.random(len(index)) < jitter.flip
    columns[flipped] = columns[flipped, ::-1]
    return numbers, rows.astype(np.int32), columns.astype(np.int32)


def _pipeline(clips, targets, batches, weights, limit) -> tf.data.Dataset:
    frames, size = clips.frames, clips.size
    pixels = frames.decoded(size, limit)
    targets = np.asarray(targets, np.float32)
    index = tf.TensorSpec((None,), tf.int64)
    plane = tf.TensorSpec((None, size), tf.int32)
    numbers = tf.TensorSpec((None, max(clips.num_frames, 1)), tf.int64)
    drawn = tf.data.Dataset.from_generator(
        batches, output_signature=(index, numbers, plane, plane)
    )

    def pictures(index, numbers, rows, columns):
        if pixels is not None:
            x = tf.gather(pixels, numbers)
        else:
            codes = _coded(frames, tf.reshape(numbers, [-1]))
            x = tf.map_fn(
                lambda code: _decode(code, size),
                codes,
                fn_output_signature=tf.TensorSpec((size, size, 3), tf.uint8),
                parallel_iterations=32,
            )
        shape = tf.concat([tf.shape(numbers), [size, size, 3]], 0)
        x = tf.reshape(x, shape)
        x = tf.gather(x, rows, axis=2, batch_dims=1)
        x = tf.gather(x, columns, axis=3, batch_dims=1)
        x = tf.ensure_shape(x, (None, numbers.shape[1], size, size, 3))
        if not clips.num_frames:
            x = x[:, 0]
        x = tf.cast(x, tf.float32)
        y = tf.gather(tf.constant(targets), index)
        if weights is None:
            return x, y
        return x, y, tf.gather(tf.constant(weights, tf.float32), index)

    return drawn.map(
        pictures, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )


def _coded(frames: FrameStore, numbers):
    codes = tf.numpy_function(
        frames.coded, [numbers], tf.string, stateful=False
    )
    return tf.ensure_shape(codes, (None,))


def _decode(code, size: int):
    picture = tf.io.decode_jpeg(code, channels=3)
    height, width = tf.shape(picture)[0], tf.shape(picture)[1]

    def resized():
        area = tf.image.resize(picture, (size, size), "area")
        return tf.cast(tf.round(area), tf.uint8)

    same = tf.logical_and(tf.equal(height, size), tf.equal(width, size))
    picture = tf.cond(same, lambda: picture, resized)
    return tf.ensure_shape(picture, (size, size, 3))
