"""What `run.py` measures: for each row a reference and the suite's own way."""

import functools
import itertools
import math
import os
import pathlib
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import cv2
import keras
import numpy as np
import tensorflow as tf
from references import (
    Apart,
    branch_model,
    list_of_windows,
    plain_fold,
    torch_pass,
)

from keras_pain.data import clips, feed
from keras_pain.data.prepare import load_recordings, prepare_dataset
from keras_pain.data.windows import cut_windows
from keras_pain.errors import KerasPainError
from keras_pain.experiments import optim, runner
from keras_pain.experiments.features import FeatureExtractor
from keras_pain.experiments.network import WindowMethod
from keras_pain.experiments.protocols import subjects_of
from keras_pain.experiments.store import ResultStore
from keras_pain.models.flops import count_flops
from keras_pain.models.registry import FEATURES, LANDMARKS, MODELS, WINDOWS
from keras_pain.signals.faces import FaceDetector, find_faces
from keras_pain.simulate import simulate

LSFAN_CUT = {"cut": "lsfan_windows"}
VIDEOS = (".avi", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg")


class Skipped(Exception):
    """Why a row cannot be measured here."""


class Run(NamedTuple):
    """What a run was asked for, and a folder of its own."""

    place: pathlib.Path
    quick: bool = False
    videos: str | None = None

    def size(self, whole, quick):
        """One of two sizes of a measurement."""
        return quick if self.quick else whole


class Sides(NamedTuple):
    """Two ways to the same result, each called again and again.

    `work` says how much a call of each does, where not the same; `check`
    raises RuntimeError where their results differ; `note` is printed with the
    ratio; `once` is for calls that go on from the one before, which are made
    once a round; `first` are the seconds of our first call.
    """

    reference: Callable[[], object]
    ours: Callable[[], object]
    work: tuple[float, float] = (1.0, 1.0)
    check: Callable[[], None] = lambda: None
    note: str = ""
    once: bool = False
    first: float = 0.0


class Row(NamedTuple):
    """One row: what is measured, against what, and the ratio to reach.

    `share` prints the ratio in percent, of a ceiling.
    """

    what: str
    reference: str
    sides: Callable[[Run], Sides]
    target: float | None = None
    share: bool = False


def timed(call: Callable, times: int) -> tuple[float, float]:
    """Seconds a call: on the clock, and of all processor cores."""

    def now():
        elsewhere = getattr(call, "processor", 0.0)
        return time.perf_counter(), time.process_time() + elsewhere

    before = now()
    for _ in range(times):
        call()
    clock, processor = np.subtract(now(), before) / times
    return clock, processor


# --- Networks of movement ---


def step(model, x, y, training: bool) -> Callable[[], object]:
    """A call that trains on a batch or predicts it."""
    if training:
        return lambda: model.train_on_batch(x, y)
    return lambda: model.predict_on_batch(x)


def random_batch(model, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets, of either kind of network."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(size, *model.input_shape[1:])).astype("float32")
    return x, np.zeros((size, *model.output_shape[1:]), "float32")


def banet(training: bool, masked: bool, run: Run) -> Sides:
    """All body parts in one pass, against a branch a part."""
    entry, shape = MODELS["banet"], (run.size(180, 8), 30)
    branches = branch_model(shape, dropout=0.5, masked=masked)
    folded = entry.build(input_shape=shape, mask_value=0.0 if masked else None)
    calls = []
    for model in (branches, folded):
        optimizer = optim.make_optimizer(entry.recipe, 1, 1)
        loss = optim.make_loss(entry.recipe, 2)
        model.compile(optimizer=optimizer, loss=loss, jit_compile=False)
        batch = random_batch(model, entry.recipe.batch_size)
        calls.append(step(model, *batch, training))
    return Sides(*calls)


def lsfan(training: bool, batches: Sequence[int], run: Run) -> Sides:
    """A pass over windows in PyTorch, apart, and by the suite's method."""
    try:
        import torch
    except ImportError:
        reason = 'no PyTorch: pip install "keras-pain[torch]"'
        raise Skipped(reason) from None
    rng = np.random.default_rng(0)
    count = run.size(1280, 80)
    x = rng.normal(size=(count, 180, 30)).astype("float32")
    y = rng.integers(0, 2, count)
    one_hot = np.eye(2, dtype="float32")[y]
    method = WindowMethod("lsfan")
    method.build(x.shape[1:], 2)
    weights = optim.class_weights(y, 2, method.recipe)

    def ours(batch):
        if not training:
            fed = feed.evaluation_batches((x,), batch)
            return lambda: method.model.predict(fed, verbose=0)
        fed = feed.training_batches((x, one_hot, weights), batch, 0)
        return epoch(method.model, fed, feed.num_steps(count, batch))

    chosen = []
    for make in (lambda n: Apart(torch_pass, x, y, n, training), ours):
        tried = {}
        for batch in batches if not run.quick else batches[:1]:
            call = make(batch)
            call()
            tried[batch] = min(timed(call, 1)[0] for _ in range(2)), call
        best = min(tried, key=lambda batch: tried[batch][0])
        for batch in tried.keys() - {best}:
            getattr(tried[batch][1], "close", int)()
        chosen.append((best, tried[best][1]))
    note = "batches of {} and {}".format(*(batch for batch, _ in chosen))
    note += f", PyTorch {torch.__version__}"
    return Sides(*(call for _, call in chosen), note=note)


def xla(name: str, run: Run) -> Sides:
    """A training step without XLA, and with it."""
    entry, calls = MODELS[name], []
    recipe = entry.recipe.of_task(2)
    for compiled in (False, True):
        model = entry.build(input_shape=entry.input_shape)
        batch = random_batch(model, min(recipe.batch_size, 40))
        optimizer = optim.make_optimizer(recipe, 1, 1)
        model.compile(optimizer=optimizer, loss="mse", jit_compile=compiled)
        calls.append(step(model, *batch, True))
    return Sides(*calls, first=timed(calls[1], 1)[0])


# --- Data: windows, folds, feeding ---


def corpus(place: pathlib.Path, seeds: int, subjects: int) -> pathlib.Path:
    """A SIMULATED EmoPain in its full layout, some people of each seed."""
    raw, people, seed = place / "raw", set(), 0
    while len(people) < seeds * subjects:
        own = place / f"seed{seed}"
        options = {"layout": "fame", "subjects": subjects, "seed": seed}
        paths = simulate("emopain", own, progress=False, **options)
        seed += 1
        names = {path.stem.split("_")[0] for path in paths}
        if people & names:  # two people of one name: left out
            continue
        people |= names
        for path in paths:
            target = raw / path.relative_to(own)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
    return raw


def built(raw: pathlib.Path, data_dir: pathlib.Path) -> pathlib.Path:
    """The TFDS dataset of such a corpus."""
    options = {"manual_dir": raw / "fame", "layout": "fame"}
    return prepare_dataset("emopain", data_dir=data_dir, **options).path


@functools.cache
def small_corpus(run: Run) -> pathlib.Path:
    """The dataset that several rows share."""
    place = run.place / "small"
    return built(corpus(place, 1, run.size(12, 4)), place / "tfds")


def folds_of(recordings, windows, settings, network: str, epochs: int):
    """Leave-one-subject-out, leak-free, as the runner plans it."""
    return runner.plan(
        subjects_of(recordings, windows.subject),
        evaluations={"loso": [network]},
        protocols=["leak_free"],
        seeds=[0],
        dataset={"fingerprint": "", "windows": dict(settings)},
        epochs=epochs,
    )


def fold(load, settings: Mapping, network: str, place: pathlib.Path) -> Sides:
    """Folds of one epoch with nothing kept, and by the runner.

    What is kept saves the same seconds in every fold, however long it trains.
    Both train on the same batches, so that they must predict the same. `load`
    reads recordings, `settings` say how windows are cut.
    """
    recordings = load()
    windows = cut_windows(recordings, settings)
    tasks = folds_of(recordings, windows, settings, network, 1)
    plain, kept = (itertools.cycle(tasks) for _ in range(2))
    done = ([], [])

    def reference():
        task, own = next(plain), place / f"plain{len(done[0])}"
        plain_fold(load, settings, task, 1, own)
        done[0].append(np.load(own / "probabilities.npy"))

    def ours():
        task = next(kept)
        store = ResultStore(place / f"kept{len(done[1])}", simulated=True)
        runner.run_task(task, windows, store)
        done[1].append(store.read(task.key).predictions["probabilities"])

    return Sides(reference, ours, check=lambda: equal(*done), once=True)


def equal(one: Sequence, two: Sequence) -> None:
    """Raises RuntimeError where two lists of arrays differ."""
    for a, b in zip(one, two, strict=True):
        if a.shape != b.shape or not np.allclose(a, b, atol=1e-4):
            raise RuntimeError("the two ways came to other results")


def fold_row(run: Run) -> Sides:
    """`fold` on the simulated corpus, read from disk."""
    path = small_corpus(run)
    place = pathlib.Path(tempfile.mkdtemp(dir=run.place))
    return fold(lambda: load_recordings(path), LSFAN_CUT, "lsfan", place)


def windows_row(run: Run) -> Sides:
    """Cutting and labelling windows, in a loop and as index arithmetic."""
    recordings = load_recordings(small_corpus(run))

    def ours():
        found = cut_windows(recordings, {"cut": "sliding_windows"})
        return found.x, found.y

    def check():
        equal(list_of_windows(recordings), ours())

    return Sides(lambda: list_of_windows(recordings), ours, check=check)


def epoch(model, batches, steps: int) -> Callable[[], object]:
    """A call that fits for so many steps."""
    options = {"steps_per_epoch": steps, "shuffle": False, "verbose": 0}
    return lambda: model.fit(batches, **options)


def feed_windows(name: str, run: Run) -> Sides:
    """`fit` on arrays in memory, in order, and on the suite's batches."""
    entry = MODELS[name]
    model, size = entry.build(), entry.recipe.batch_size
    model.compile(optimizer="adam", loss=entry.recipe.loss)
    x, y = random_batch(model, run.size(40, 2) * size)
    options = {"batch_size": size, "shuffle": False, "verbose": 0}
    fed = feed.training_batches((x, y), size, 0)
    return Sides(
        lambda: model.fit(x, y, **options), epoch(model, fed, len(x) // size)
    )


def smooth_store(count: int, frames: int, size: int) -> clips.FrameStore:
    """Coded pictures as smooth as faces, twice as many as a clip needs."""
    rng = np.random.default_rng(0)
    codes, infos = [], []
    for number in range(count):
        for _ in range(2 * frames):
            small = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            picture = cv2.resize(small, (size, size))
            quality = [cv2.IMWRITE_JPEG_QUALITY, 95]
            codes.append(cv2.imencode(".jpg", picture, quality)[1].tobytes())
        found = {"found": np.ones(2 * frames, bool)}
        label = {"level": number % 5}
        infos.append(clips.ClipInfo(f"c{number}", "s", label, found))
    sizes = np.array([len(code) for code in codes])
    ends = np.cumsum(sizes)
    spans = np.stack([ends - sizes, ends], axis=1)
    data = np.frombuffer(b"".join(codes), np.uint8)
    return clips.FrameStore("speed", infos, spans, data)


def feed_clips(coded: bool, run: Run) -> Sides:
    """L3D on arrays in memory, and on frames kept decoded or as JPEG."""
    frames, size = run.size((32, 224), (8, 32))
    cut = clips.cut_clips(
        smooth_store(4, frames, size),
        label="level",
        num_frames=frames,
        size=size,
    )
    entry = MODELS["l3d_full"]
    model = entry.build(input_shape=cut.input_shape)
    model.compile(
        optimizer=optim.make_optimizer(entry.recipe, 1, 1),
        loss=optim.make_loss(entry.recipe),
    )
    y = cut.y[:, None]
    x, _ = next(iter(feed.training_clips(cut, y, len(cut), 0)))
    limit = {"limit": 0} if coded else {}
    ways = (
        feed.training_batches((x.numpy(), y), 2, 0),
        feed.training_clips(cut, y, 2, 0, **limit),
    )
    return Sides(*(epoch(model, way, 4) for way in ways))


# --- Faces: finding them, features, networks against the machine's ceilings ---


def frames_of(folder: str, videos: int, frames: int) -> list[list[np.ndarray]]:
    """RGB frames of the first videos of a folder."""
    found = []
    for path in sorted(pathlib.Path(folder).rglob("*")):
        if path.suffix.lower() not in VIDEOS or len(found) == videos:
            continue
        capture = cv2.VideoCapture(os.fspath(path))
        read = (capture.read() for _ in range(frames))
        got = [picture for success, picture in read if success]
        if got:
            found.append([cv2.cvtColor(x, cv2.COLOR_BGR2RGB) for x in got])
    if not found:
        raise KerasPainError(f"{folder}: no video that OpenCV can read there")
    return found


def with_face(frame: np.ndarray, side: int) -> np.ndarray:
    """A frame of one face in a picture of 640 x 480, the face `side` long."""
    box = find_faces([frame])[0, 1:5]
    zoom = side / max(box[2:] - box[:2])
    how = {"interpolation": cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC}
    small = cv2.resize(frame, None, fx=zoom, fy=zoom, **how)[:480, :640]
    height, width = small.shape[:2]
    top, left = (480 - height) // 2, (640 - width) // 2
    edges = (top, 480 - height - top, left, 640 - width - left)
    return cv2.copyMakeBorder(small, *edges, cv2.BORDER_REPLICATE)


def faces(side: int | None, run: Run) -> Sides:
    """One full-size detection a frame, against reduced frames in batches.

    With a `side`, of faces that are so many pixels long, in 640 x 480.
    """
    if run.videos is None:
        raise Skipped("no videos of single people: give --videos")
    from mtcnn import MTCNN

    mtcnn, detector = MTCNN(), FaceDetector()
    films = frames_of(run.videos, *run.size((5, 20), (1, 2)))
    if side:
        films = [[with_face(frame, side) for frame in film] for film in films]
    frames = list(itertools.chain(*films))

    def full_size():
        return [mtcnn.detect_faces(frame) for frame in frames]

    def ours():
        return [found for film in films for found in detector.detect(film)]

    found, apart = [], []
    for frame, boxes in zip(frames, ours(), strict=True):
        true = find_faces([frame])[:, 1:5]
        found.append((len(true) > 0, len(boxes) > 0))
        if all(found[-1]):
            largest = np.subtract(true[:, 2:], true[:, :2]).max(axis=1).argmax()
            off = np.abs(boxes[:, :4] - true[largest]).max(axis=1).min()
            apart.append(off / max(true[largest, 2:] - true[largest, :2]))
    seen, most = np.mean(found, axis=0), (np.median(apart), max(apart))
    note = f"a face in {seen[0]:.0%} and {seen[1]:.0%} of {len(found)} frames; "
    note += "edges {:.1%} of the face apart (median), {:.1%} at most"
    return Sides(full_size, ours, note=note.format(*most))


def features(run: Run) -> Sides:
    """A frozen ConvNeXt: `predict` clip by clip, against large batches."""
    film = np.random.default_rng(0).integers(
        *(0, 256, (run.size(24, 3), run.size(20, 2), 32, 32, 3)), dtype=np.uint8
    )
    network = keras.applications.ConvNeXtTiny(
        include_top=False,
        weights=None,
        input_shape=film.shape[2:],
        pooling="avg",
    )
    weights = run.place / "random.weights.h5"
    network.save_weights(weights)
    extractor = FeatureExtractor("ConvNeXtTiny", weights, 32, batch_size=240)

    def plain():
        return [network.predict(clip, verbose=0) for clip in film]

    def ours():
        return extractor.clips(film, len(film))

    return Sides(plain, ours, check=lambda: equal(plain(), ours()))


def kernel(kind: str, run: Run) -> tuple[Callable[[], object], float]:
    """A dense operation at the machine's best, and its work.

    That is floating point operations (a multiply-add is two), or bytes.
    """
    if kind == "memory":
        count = run.size(2**26, 2**18)
        x = tf.ones(count)
        add = tf.function(lambda x: x + 1.0)
        return lambda: add(x), 2 * 4 * count  # read and written
    if kind == "gemm":
        n = run.size(2048, 128)
        x = tf.random.normal((n, n))
        product = tf.function(tf.matmul)
        return lambda: product(x, x), 2 * n**3
    places, width = (4, 64, 64), run.size(128, 8)
    operation, window = tf.nn.conv2d, (3, 3)
    if kind == "conv3d":
        places, width = (1, 16, 56, 56), run.size(64, 8)
        operation, window = tf.nn.conv3d, (3, 3, 3)
    x = tf.random.normal((*places, width))
    weights = tf.random.normal((*window, width, width))
    strides = [1] * (len(window) + 2)
    convolve = tf.function(lambda x, w: operation(x, w, strides, "SAME"))
    work = 2 * math.prod(places) * math.prod(window) * width**2
    return lambda: convolve(x, weights), work


CEILINGS = ("gemm", "conv2d", "conv3d", "memory")
# By row: the network, the operation that most of its work is, and how many
# samples are in a batch. Features are of the released code's ConvNeXt.
NETWORKS = {
    "l3d": ("l3d_full", "conv3d", 2),
    "c3d": ("c3d", "conv3d", 1),
    "resnet18_lstm": ("resnet18_lstm", "conv2d", 1),
    "aacsfnet": ("aacsfnet", "conv2d", 8),
    "stgcn_lstm": ("stgcn_lstm", "gemm", 10),
    "convnext": ("ConvNeXtXLarge", "gemm", 4),
}


def network(name: str, training: bool, run: Run) -> Sides:
    """Operations a second of a dense kernel, and of a network.

    A training step counts as three forward passes.
    """
    model_name, kind, size = NETWORKS[name]
    if name == "convnext":
        backbone, pixels = run.size((model_name, 224), ("ConvNeXtTiny", 32))
        model = FeatureExtractor(backbone, size=pixels).network
    else:
        entry = MODELS[model_name]
        small = {5: (8, 32, 32, 3), 4: (64, 64, 3)}
        shape = entry.input_shape
        if run.quick and shape[-1] == 3:
            shape = small[len(shape) + 1]
        model = entry.build(input_shape=shape)
        loss = optim.make_loss(entry.recipe)
        optimizer = optim.make_optimizer(entry.recipe, 1, 1)
        model.compile(optimizer=optimizer, loss=loss, jit_compile=False)
    work = count_flops(model, size) * (3 if training else 1)
    call = step(model, *random_batch(model, size), training)
    ceiling, most = kernel(kind, run)
    note = f"{work / 1e9:.3g} GFLOP of {size} samples"
    return Sides(ceiling, call, (most, work), note=note)


# --- All rows ---


def all_rows() -> dict[str, Row]:
    """Rows by name, in the order in which they are measured."""
    part, rows = functools.partial, {}
    for training, what, target in (
        (True, "a training step", 6.5),
        (False, "a prediction", 4.5),
    ):
        kind = "training" if training else "inference"
        for masked in (False, True):
            given = (part(banet, training, masked), None if masked else target)
            rows[f"banet_{kind}" + "_masked" * masked] = Row(
                f"BANet, {what} of 40 windows, {'' if masked else 'un'}masked",
                *("13 branches", *given),
            )
    torch, batches = "PyTorch and its loop", (40, 20, 80, 160, 320)
    for name, what, tried, target in (
        ("training", "training, each at its best batch", batches, 1.35),
        ("training_40", "training, batches of 40", batches[:1], None),
        ("inference", "prediction, each at its best batch", batches, 1.2),
    ):
        sides = part(lsfan, name != "inference", tried)
        rows[f"lsfan_{name}"] = Row(f"L-SFAN, {what}", torch, sides, target)
    for name in MODELS.fed(WINDOWS, LANDMARKS, FEATURES):
        what = f"`{name}`, a training step with XLA"
        rows[f"xla_{name}"] = Row(what, "without XLA", part(xla, name))
    rows["windows"] = Row(
        "Cutting and labelling windows", "a Python list", windows_row
    )
    rows["fold"] = Row(
        "L-SFAN, a fold of one epoch, from the second on",
        "data and network made anew for each",
        fold_row,
    )
    memory = "arrays in memory, in order"
    for name in ("stacked_lstm", "banet", "alanet_autoencoder"):
        what, sides = f"`{name}`, fed by the pipeline", part(feed_windows, name)
        rows[f"feed_{name}"] = Row(what, memory, sides)
    for name, what in (("", "decoded once"), ("_jpeg", "from JPEG")):
        what, sides = f"L3D, clips fed {what}", part(feed_clips, bool(name))
        rows[f"feed_clips{name}"] = Row(what, "arrays in memory", sides)
    for side in (None, 50, 75, 100, 150):
        what, name = "Finding faces", "faces"
        if side:
            what += f" of {side} pixels in 640 x 480"
            name += f"_{side}"
        sides = part(faces, side)
        rows[name] = Row(what, "one full-size detection a frame", sides, 8)
    rows["features"] = Row(
        "Frames through ConvNeXtTiny, 32 pixels", "`predict` a clip", features
    )
    for name, (model, kind, _) in NETWORKS.items():
        for training in (False, True)[: 2 - (name == "convnext")]:
            what = f"`{model}`, {'training' if training else 'prediction'}"
            sides = part(network, name, training)
            end = "training" if training else "inference"
            ceiling = f"a dense {kind}"
            rows[f"{name}_{end}"] = Row(what, ceiling, sides, share=True)
    return rows
