"""tf.data batches of windows and of face clips, shuffled by a seed every epoch.

`fit`'s own shuffle is not used: on TensorFlow, Keras 3.15 repeats one
permutation in every epoch once `set_random_seed` was called.
"""

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np
import tensorflow as tf

from keras_pain.data import clips as clip_data
from keras_pain.errors import check_choice


def training_batches(
    arrays: Sequence[np.ndarray], batch_size: int, seed: int, whole=False
) -> tf.data.Dataset:
    """Endless shuffled batches of arrays of equal first dimension n.

    Epoch e uses a permutation of (seed, e); its last batch may be smaller.
    Pass `steps_per_epoch=num_steps(n, batch_size)`. With `whole`, the last
    batch is filled up with samples of weight 0, so that a compiled step sees
    one shape, and the others in it weigh more: a mean over the batch is the
    same. Weights, the third of the arrays, are added if there are none.
    """
    count = len(arrays[0])
    steps = num_steps(count, batch_size)
    tensors = [tf.constant(array) for array in arrays]
    missing = steps * batch_size - count if whole else 0
    if whole and len(tensors) < 3:
        tensors.append(tf.ones(count))
    # Whole permutations are drawn, then cut: one gather a batch, and no
    # element-by-element work in Python or in tf.data.
    low, high = seed % (2**31), seed // (2**31)

    def epoch(number):
        key = [low, high * 2**20 + number]
        draw = tf.random.stateless_uniform([count], key, 0, 2**62, tf.int64)
        order = tf.argsort(draw, stable=True)
        order = tf.concat([order, order[:missing]], 0)
        numbers = tf.data.Dataset.range(steps)
        return numbers.map(lambda i: order[i * batch_size :][:batch_size])

    batches = tf.data.Dataset.counter().flat_map(epoch)
    gathered = batches.map(lambda i: tuple(tf.gather(t, i) for t in tensors))
    if whole:
        share = np.ones((steps, batch_size), np.float32)
        share[-1] = batch_size / (batch_size - missing)
        share[-1, batch_size - missing :] = 0
        shares = tf.data.Dataset.from_tensor_slices(share).repeat()

        def weighted(batch, share):
            x, y, weights = batch
            lower = [1] * (len(weights.shape) - 1)
            return x, y, weights * tf.reshape(share, [batch_size, *lower])

        gathered = tf.data.Dataset.zip(gathered, shares).map(weighted)
    return gathered.prefetch(2)


def evaluation_batches(
    arrays: Sequence[np.ndarray], batch_size: int
) -> tf.data.Dataset:
    """One pass in order, for validation and prediction."""
    dataset = tf.data.Dataset.from_tensor_slices(tuple(arrays))
    return dataset.batch(batch_size).prefetch(2)


def num_steps(count: int, batch_size: int) -> int:
    """Batches in one epoch of `count` samples."""
    return -(-count // batch_size)


SAMPLING = ("uniform", "centre", "random")


@dataclasses.dataclass(frozen=True)
class Jitter:
    """How training clips are varied; all frames of a clip alike."""

    flip: float = 0.5  # probability of a horizontal flip
    shift: float = 0.04  # most to each side, as its share; edges are repeated
    sampling: str = "random"  # of training frames, one of `SAMPLING`

    def __post_init__(self):
        check_choice("sampling", self.sampling, SAMPLING)


STILL = Jitter(flip=0.0, shift=0.0, sampling="uniform")


def frame_numbers(
    clips: clip_data.ClipSet, index: np.ndarray, sampling: str, rng=None
) -> np.ndarray:
    """Which frames of the clips at `(b,)` positions a network sees.

    `(b, T)` int64 numbers in order of time: `"uniform"`, the middles of T
    equal parts of the clip; `"random"`, one frame of each part, drawn by
    `rng`; `"centre"`, T frames in a row around its middle. A shorter clip
    repeats frames. Another `sampling` raises ConfigurationError.
    """
    check_choice("sampling", sampling, SAMPLING)
    wanted = max(clips.num_frames, 1)
    first, count = clips.first[index, None], clips.count[index, None]
    steps = np.arange(wanted)[None, :]
    if sampling == "centre":
        inside = np.clip((count - wanted) // 2 + steps, 0, count - 1)
    else:
        place = np.full((1, 1), 0.5)
        if sampling == "random":
            place = rng.random((len(first), wanted))
        inside = ((steps + place) * count / wanted).astype(np.int64)
    return first + np.minimum(inside, count - 1)


def training_clips(
    clips: clip_data.ClipSet,
    targets: np.ndarray,
    batch_size: int,
    seed: int,
    jitter: Jitter = Jitter(),
    weights: np.ndarray | None = None,
    limit: int = clip_data.DECODED_BYTES,
    steps: int | None = None,
    chances: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Endless shuffled batches; epoch e uses draws of (seed, e).

    Batches of an epoch are as even as can be: a last one of two clips would
    spoil the statistics of batch normalisation just before validation.

    Of n clips targets are `(n, ...)` and weights `(n,)`, float32. An epoch has
    `steps` batches, from 1 to n, or as few as can be, of at most `batch_size`
    clips; with `chances`, `(n,)` of sum 1, it is n draws, else each clip once.
    For `limit` see `FrameStore.decoded`. Returns a dataset of (pictures 0..255
    float32, targets[, weights]).
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

    return _pipeline(clips, targets, batches, weights, limit)


def evaluation_clips(
    clips: clip_data.ClipSet, targets: np.ndarray, batch_size: int
) -> tf.data.Dataset:
    """One pass in order, unvaried; see `training_clips`."""
    steps = num_steps(len(clips), batch_size)

    def batches():
        for step in range(steps):
            index = np.arange(len(clips))[step * batch_size :][:batch_size]
            yield index, *_draws(clips, index, STILL, np.random.default_rng(0))

    known = tf.data.experimental.assert_cardinality(steps)
    return _pipeline(clips, targets, batches).apply(known)


def _draws(clips, index, jitter, rng):
    """Frame numbers and, for each clip, the rows and columns to take."""
    numbers = frame_numbers(clips, index, jitter.sampling, rng)
    size = clips.size
    reach = round(jitter.shift * size)
    shift = rng.integers(-reach, reach + 1, (2, len(index), 1))
    rows, columns = np.clip(np.arange(size) + shift, 0, size - 1)
    flipped = rng.random(len(index)) < jitter.flip
    columns[flipped] = columns[flipped, ::-1]
    return numbers, rows.astype(np.int32), columns.astype(np.int32)


def _pipeline(clips, targets, batches, weights=None, *limit):
    frames, size = clips.frames, clips.size
    pixels = frames.decoded(size, *limit)
    wanted = [targets] if weights is None else [targets, weights]
    wanted = [np.asarray(array, np.float32) for array in wanted]
    index = tf.TensorSpec((None,), tf.int64)
    plane = tf.TensorSpec((None, size), tf.int32)
    numbers = tf.TensorSpec((None, max(clips.num_frames, 1)), tf.int64)
    form = (index, numbers, plane, plane)
    drawn = tf.data.Dataset.from_generator(batches, output_signature=form)

    def pictures(index, numbers, rows, columns):
        if pixels is not None:
            x = tf.gather(pixels, numbers)
        else:
            x = tf.map_fn(
                lambda code: clip_data.decoded_picture(code, size),
                clip_data.coded_pictures(frames, tf.reshape(numbers, [-1])),
                fn_output_signature=tf.uint8,
                parallel_iterations=32,
            )
            x = tf.reshape(x, [-1, numbers.shape[1], size, size, 3])
        x = tf.gather(x, rows, axis=2, batch_dims=1)
        x = tf.gather(x, columns, axis=3, batch_dims=1)
        x = tf.ensure_shape(x, (None, numbers.shape[1], size, size, 3))
        if not clips.num_frames:
            x = x[:, 0]
        x = tf.cast(x, tf.float32)
        return x, *(tf.gather(tf.constant(array), index) for array in wanted)

    order = {"num_parallel_calls": tf.data.AUTOTUNE, "deterministic": True}
    return drawn.map(pictures, **order).prefetch(2)


@dataclasses.dataclass(frozen=True)
class CopyJitter:
    """How much a copy of a clip differs. Numbers are the released code's.

    The released ConvNeXt-LSTM code (Ridouan et al., arXiv 2501.06787) trains
    on every clip and on one such copy of it. A frame has its own contrast,
    saturation, hue, zoom and blank rectangle; flip, brightness, shift and
    rotation are the clip's. It varies pictures that are standardised already,
    so that a brightness of 0.4 is a tenth of what it says, and saturation and
    hue are of colours that do not exist; `standardised` of `varied_copy` does
    that, too. Ours are the random numbers, and the rectangle's shape.

    The factors of contrast and saturation are from the first to a number that
    is drawn from the first to the second; the turn of the hue to each side is
    up to a number that is drawn from 0 to `hue`, of a circle of 1.
    """

    flip: float = 0.5  # probability of a horizontal flip
    brightness: float = 0.4  # most that is added, of a white of 1
    contrast: tuple[float, float] = (0.8, 1.2)
    saturation: tuple[float, float] = (0.8, 1.2)
    hue: float = 0.1
    affine: float = 0.7  # probability of shift and rotation; 0 comes in
    shift: float = 0.2  # most to each side, as a share of the picture
    rotation: float = 15.0  # most to each side, degrees
    zoom: float = 0.8  # smallest part of a side, cut out and enlarged
    cutout: float = 0.5  # probability that a rectangle is blanked
    area: tuple[float, float] = (0.02, 0.4)  # its share of the picture


def varied_copy(
    clip: np.ndarray,
    rng: np.random.Generator,
    jitter: CopyJitter = CopyJitter(),
    standardised: tuple[tuple, tuple] | None = None,
) -> np.ndarray:
    """A varied copy of a clip, `(T, size, size, 3)` uint8 RGB, as float32.

    Of `rng` as much is drawn whatever happens. With `standardised`, mean and
    standard deviation a channel of pictures from 0 to 1, the copy is varied
    after these are taken out, and they are put back; what is returned may then
    be beyond 0 to 255.
    """
    x = clip.astype(np.float32) / 255
    if standardised is not None:
        mean, std = np.float32(standardised)
        x = (x - mean) / std
    x = x + rng.uniform(0, jitter.brightness)
    x = _moved(np.stack([_coloured(f, rng, jitter) for f in x]), rng, jitter)
    if standardised is not None:
        return (x * std + mean) * 255
    return np.clip(x, 0, 1) * 255


def _coloured(frame, rng, jitter):
    for kind in ("contrast", "saturation"):
        low, high = getattr(jitter, kind)
        factor = rng.uniform(low, rng.uniform(low, high))
        frame = getattr(tf.image, f"adjust_{kind}")(frame, factor)
    turn = rng.uniform(0, jitter.hue)
    return tf.image.adjust_hue(frame, rng.uniform(-turn, turn)).numpy()


def _moved(x, rng, jitter):
    count, size = x.shape[:2]
    flipped, moves, blanks = rng.random(3)
    shift = rng.uniform(-jitter.shift, jitter.shift, 2) * size
    angle = rng.uniform(-jitter.rotation, jitter.rotation)
    middle = (size - 1) / 2
    matrix = np.eye(3)
    if moves < jitter.affine:
        matrix[:2] = cv2.getRotationMatrix2D((middle, middle), angle, 1.0)
        matrix[:2, 2] += shift
    if flipped < jitter.flip:
        x = x[:, :, ::-1]
    zooms, frames = rng.uniform(jitter.zoom, 1.0, count), []
    for frame, zoom in zip(x, zooms, strict=True):
        # Then the middle of the picture fills all of it.
        enlarge = np.diag([1 / zoom, 1 / zoom, 1.0])
        enlarge[:2, 2] = middle - middle / zoom
        frame = np.ascontiguousarray(frame)
        moved = (enlarge @ matrix)[:2]
        frames.append(cv2.warpAffine(frame, moved, (size, size)))
    share = rng.uniform(*jitter.area, count)
    shape, place = rng.uniform(-0.7, 0.7, count), rng.random((2, count))
    if blanks < jitter.cutout:
        sides = size * np.sqrt(share * np.exp([shape, -shape]))
        sides = np.clip(sides.round(), 1, size).astype(int)
        starts = (place * (size - sides + 1)).astype(int)
        places = zip(frames, *starts, *(starts + sides), strict=True)
        for frame, top, left, bottom, right in places:
            frame[top:bottom, left:right] = 0
    return np.stack(frames)
