"""ConvNeXt-LSTM, STGCN-LSTM and both together as methods of PEMF clips.

Ridouan et al., arXiv 2501.06787. See `keras_pain.experiments.defects` for
what the released code does differently. The networks are fed features of frames
or landmarks: arrays in memory that are made once for all clips of a dataset, so
that a fold only picks its rows.
"""

import abc
import dataclasses
import time
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path

import keras
import numpy as np
from sklearn.neighbors import NearestNeighbors

from keras_pain.data.clips import ClipSet, decoded_frames, digest, landmarks_of
from keras_pain.data.feed import Jitter, frame_numbers, varied_copy
from keras_pain.errors import check_choice
from keras_pain.experiments import network
from keras_pain.experiments.features import FeatureExtractor, kept_features
from keras_pain.experiments.methods import FitReport, Method
from keras_pain.experiments.optim import class_weights, set_seeds, trained_once
from keras_pain.models import convnext_lstm
from keras_pain.models.registry import CLIPS, LANDMARKS, MODELS, ModelEntry
from keras_pain.signals.landmarks import normalise_clip

FINE_TUNED = "convnext_lstm_finetuned"

# The released STGCN-LSTM code's `validation_split`.
_SYNTHETIC_SHARE = 0.1
_CHUNK = 16  # clips decoded at once
_COPIES = 2  # version of methods with copies; 1 varied all frames alike

# Features by store, gone with it.
_kept = weakref.WeakKeyDictionary()


@dataclasses.dataclass(frozen=True)
class PemfOptions:
    """What a run or a protocol may set beside the recipes.

    Args:
        features: Folder where features are kept; by default with the dataset.
        last_epoch: Keep the last epoch instead of the best; validation clips
            are not looked at.
        relative: Feed the head what differs from the clip's first frame, in
            which faces are at rest, instead of the features; leaves out who
            it is. Not in the released code.
        standardise: Scale every feature by mean and standard deviation of the
            training frames.
        normalise_twice: The released code's defect, see `FrameEncoder`.
        copies: Whether a varied copy of each training clip's pictures is
            trained on as well, see `films` and `CopyJitter`.
        normalise: Take place and size of the face in each clip away from its
            landmarks.
        displacements: Feed STGCN-LSTM how normalised landmarks move away from
            the first frame, instead of where they are. Not in the released
            code; on BUHMAP-DB people who were never seen are told apart by it.
        scaler: Whose mean and standard deviation every coordinate is scaled
            by: `"train"`, or the released code's `"all_clips"`. There and in
            `copies` other texts raise ConfigurationError.
        oversample: Of landmarks: balance the classes by SMOTE instead of
            weights, and validate on the last tenth of what comes out, which is
            made up, as the released code does.
    """

    backbone: str = "ConvNeXtXLarge"  # of `convnext_lstm.BACKBONES`
    backbone_weights: str | None = None  # random ones, "imagenet" or a file
    features: str | None = None
    batch_size: int | None = None  # clips an update, not the recipes'
    learning_rate: float | None = None  # likewise
    # Arguments of `ConvNeXtHead` and `STGCNLSTM`, over the entries'.
    head: Mapping = dataclasses.field(default_factory=dict)
    graph: Mapping = dataclasses.field(default_factory=dict)
    landmarks: str = ""  # their digest, part of their configurations
    last_epoch: bool = False
    relative: bool = False
    standardise: bool = True
    normalise_twice: bool = False
    copies: str = "none"
    normalise: bool = True
    displacements: bool = False
    scaler: str = "train"
    oversample: bool = False

    def __post_init__(self):
        check_choice("copies", self.copies, ("none", "before", "after"))
        check_choice("scaler", self.scaler, ("train", "all_clips"))


class SequenceMethod(network.NetworkMethod):
    """A network of the registry that sees `(time, ...)` arrays of a clip.

    For its arguments see `NetworkMethod`, with `reuse` `trained_once` as well;
    switches replace some of the options.
    """

    # What its builder gets: fixed arguments, and the options of this name.
    fixed: Mapping = {}
    sizes: str
    oversample = False
    mean = std = None

    def __init__(
        self,
        name: str,
        epochs: int | None = None,
        options: PemfOptions = PemfOptions(),
        reuse: bool = False,
        **switches,
    ):
        self.options = dataclasses.replace(options, **switches)
        recipe = MODELS[name].recipe
        for setting in ("batch_size", "learning_rate"):
            if value := getattr(options, setting):
                recipe = dataclasses.replace(recipe, **{setting: value})
        arguments = {**self.fixed, **getattr(options, self.sizes)}
        super().__init__(name, epochs, reuse, recipe=recipe, **arguments)
        self.chooses_epoch = not self.options.last_epoch

    @abc.abstractmethod
    def sequences(self, clips: ClipSet) -> np.ndarray:
        """`(n, T, ...)` float32, unscaled."""

    def varied(self, clips: ClipSet) -> np.ndarray | None:
        """The same of training clips, changed: is trained on as well."""
        return None

    def scaled_by(self, clips: ClipSet, x: np.ndarray) -> np.ndarray | None:
        """What mean and standard deviation are taken of; None for neither.

        `x` are the arrays of the training clips, and what else is trained on.
        """
        return x

    def config(self):
        return super().config() | {
            "last_epoch": self.options.last_epoch,
            "oversample": self.oversample,
        }

    def fit(self, train, validation, seed):
        start = time.perf_counter()
        x, y, classes = self.sequences(train), train.y, train.num_classes
        varied = self.varied(train)
        if varied is not None:
            x, y = np.concatenate([x, varied]), np.concatenate([y, y])
        of = self.scaled_by(train, x)
        self.mean = self.std = None
        if of is not None:  # of every number, over clips and time
            self.mean = np.float32(of.mean((0, 1), np.float64))
            std = np.float32(of.std((0, 1), np.float64))
            self.std = np.where(std > 0, std, np.float32(1))
        x, held, weights = self._scaled(x), None, None
        if self.oversample:
            x, y = smote(x, y, seed)
            kept = len(y) - max(int(_SYNTHETIC_SHARE * len(y)), 1)
            held = x[kept:], network.one_hot(train, y[kept:])
            x, y = x[:kept], y[:kept]
        else:
            weights = class_weights(y, classes, self.recipe)
            if self.chooses_epoch:
                held = self._scaled(self.sequences(validation))
                held = held, network.one_hot(validation)
        arrays = x, network.one_hot(train, y), weights, held
        report = FitReport(stages={"inputs": time.perf_counter() - start})
        set_seeds(seed)
        self.build(x.shape[1:], classes)

        def train_network():
            self.train_arrays(report, *arrays, seed)
            return report

        if not self.reuse:
            return train_network()
        inputs = self.config(), seed, arrays
        return trained_once(self.name, inputs, self.model, train_network)

    def _scaled(self, x):
        return x if self.mean is None else (x - self.mean) / self.std

    def evaluation(self, samples):
        return self.in_order(self._scaled(self.sequences(samples)))

    def model_with_scale(self) -> keras.Model:
        """The trained network from unscaled arrays to probabilities."""
        inputs = x = keras.Input(self.model.input_shape[1:], name="unscaled")
        if self.mean is not None:
            scale = {"mean": self.mean, "variance": self.std**2}
            axis = tuple(range(2, 2 + self.mean.ndim))
            x = keras.layers.Normalization(axis, **scale, name="scale")(x)
        return keras.Model(inputs, self.model(x), name=f"{self.name}_scaled")

    def save(self, folder):
        self.model_with_scale().save(folder / self.model_file)

    def load(self, folder, config):
        super().load(folder, config)  # which scales by itself
        given = {"features": self.options.features}
        self.options = dataclasses.replace(options_of(config), **given)


def options_of(config: Mapping) -> PemfOptions:
    """Options that make what a stored fold's method, by its `config`, sees.

    `backbone_weights` are the entry of a `FeatureExtractor`'s identity.
    """
    given = {"displacements": config.get("displacements", False)}
    for name in ("relative", "normalise"):
        if name in config:
            given[name] = config[name]
    if network_of := config.get("network"):
        given |= {
            "backbone": network_of["backbone"],
            "backbone_weights": network_of["weights"],
            "normalise_twice": network_of["normalise_twice"],
        }
    return PemfOptions(**given)


class ConvNeXtMethod(SequenceMethod):
    """LSTM layers over the features of a frozen ConvNeXt."""

    sizes = "head"

    def __init__(self, name: str, *given, **switches):
        super().__init__(name, *given, **switches)
        if self.options.copies != "none":
            self.version = max(self.version, _COPIES)

    def sequences(self, clips):
        return self._features(clips, "none")

    def varied(self, clips):
        copies = self.options.copies
        return None if copies == "none" else self._features(clips, copies)

    def scaled_by(self, clips, x):
        return x if self.options.standardise else None

    def config(self):
        identity = self._extractor(0).identity()
        del identity["size"]  # the clips'
        switches = ("standardise", "relative", "copies")
        switches = {name: getattr(self.options, name) for name in switches}
        return super().config() | {"network": identity, **switches}

    def _extractor(self, size):
        of, twice = self.options, self.options.normalise_twice
        settings = (of.backbone, of.backbone_weights, size)
        return FeatureExtractor(*settings, normalise_twice=twice)

    def _features(self, clips, copies):
        """`(n, T, features)` float32.

        Those of all clips of the dataset are computed at once and kept, on
        disk and in memory.
        """
        frames, extractor = clips.frames, self._extractor(clips.size)
        place = Path(self.options.features or frames.path / "features")
        kept = _kept.setdefault(frames, {})
        key = (clips.num_frames, copies, place, str(extractor.identity()))
        if key not in kept:
            data = f"{digest(frames)} T={clips.num_frames} copies={copies}"
            data += f" {_COPIES}" * (copies != "none")
            everyone = all_clips(clips)
            pictures, count = films(everyone, copies), len(everyone)
            kept[key] = kept_features(place, extractor, pictures, count, data)
        x = kept[key][clips.clip]
        return x - x[:, :1] if self.options.relative else x


class STGCNMethod(SequenceMethod):
    """Graph convolutions over 68 landmarks, then LSTM layers."""

    fixed = {"normalise": False}
    sizes = "graph"

    @property
    def oversample(self):
        return self.options.oversample

    def sequences(self, clips):
        """Landmarks `(n, T, 68, 2)`, in pixels unless they are normalised.

        Raises KerasPainError where a clip has none.
        """
        numbers = frame_numbers(clips, np.arange(len(clips)), "uniform")
        points = landmarks_of(clips.frames)[numbers]
        if not self.options.normalise:
            return points
        points = np.stack([normalise_clip(clip) for clip in points])
        return points - points[:, :1] if self.options.displacements else points

    def scaled_by(self, clips, x):
        if self.options.scaler == "train":
            return x
        return self.sequences(all_clips(clips))

    def config(self):
        moved = {"displacements": True} if self.options.displacements else {}
        return super().config() | {
            **moved,
            "landmarks": self.options.landmarks,
            "normalise": self.options.normalise,
            "scaler": self.options.scaler,
            "mirror": False,  # was an option once
        }


class LateFusion(Method):
    """The mean of the probabilities of both systems; in neither paper.

    Arguments are those of both, see `SequenceMethod`.
    """

    name = "late_fusion"

    def __init__(self, **shared):
        self.parts = (
            ConvNeXtMethod("convnext_lstm_c", **shared),
            STGCNMethod("stgcn_lstm", **shared),
        )
        self.chooses_epoch = self.parts[0].chooses_epoch

    def fit(self, train, validation, seed):
        report = FitReport()
        for part in self.parts:
            if self.on_epoch is not None:
                part.on_epoch = lambda _, *epochs, name=part.name: (
                    self.on_epoch(name, *epochs)
                )
            of_part = part.fit(train, validation, seed)
            report.stages[part.name] = sum(of_part.stages.values())
            report.trace_seconds += of_part.trace_seconds
            for row in of_part.history:
                report.history.append({**row, "stage": part.name})
        return report

    def predict_proba(self, samples):
        return np.mean([p.predict_proba(samples) for p in self.parts], axis=0)

    def config(self):
        parts = {part.name: part.config() for part in self.parts}
        return super().config() | {"parts": parts}

    def save(self, folder):
        for part in self.parts:
            part.model_file = f"{part.name}.keras"
            part.save(folder)

    def load(self, folder, config):
        for part in self.parts:
            part.model_file = f"{part.name}.keras"
            part.load(folder, config["parts"][part.name])


# The paper freezes the backbone; this is what it would be worth to train it,
# on a machine that can.
_FINE_TUNED_ENTRY = ModelEntry(
    name=FINE_TUNED,
    builder=convnext_lstm.ConvNeXtLSTM,
    paper="Ridouan et al., arXiv 2501.06787, its backbone trained as well",
    task="pain",
    input_shape=(20, 224, 224, 3),
    recipe=dataclasses.replace(
        convnext_lstm.CONVNEXT_LSTM_RECIPE,
        learning_rate=1e-4,
        patience=10,
        sources={
            **convnext_lstm.CONVNEXT_LSTM_RECIPE.sources,
            "learning_rate": "ours: a tenth of the head's, so that pretrained "
            "weights are not thrown away in the first steps",
            "patience": "ours: fine-tuned networks overfit within few epochs",
        },
    ),
    arguments={"trainable_backbone": True},
    data=CLIPS,
)


def pemf_method(
    name: str, options: PemfOptions = PemfOptions(), **arguments
) -> Method:
    """A method of PEMF clips by its registered name."""
    if name == LateFusion.name:
        return LateFusion(options=options, **arguments)
    if name == FINE_TUNED:
        jitter = Jitter(flip=0.5, shift=0.0, sampling="uniform")
        return network.ClipMethod(
            name,
            options=network.ClipOptions(options.batch_size, jitter=jitter),
            entry=_FINE_TUNED_ENTRY,
            backbone=options.backbone,
            weights=options.backbone_weights,
            **options.head,
            **arguments,
        )
    method = STGCNMethod if MODELS[name].data == LANDMARKS else ConvNeXtMethod
    return method(name, options=options, **arguments)


def films(clips: ClipSet, copies: str = "none") -> Iterator[np.ndarray]:
    """The pictures of clips, decoded a few clips at a time.

    With copies of `"before"` a varied copy of each, with `"after"` one that is
    varied after standardisation. Yields `(T, size, size, 3)`, uint8, or float32
    of a copy.
    """
    twice = None
    if copies == "after":
        twice = convnext_lstm.IMAGENET_MEAN, convnext_lstm.IMAGENET_STD
    for start in range(0, len(clips), _CHUNK):
        index = np.arange(start, min(start + _CHUNK, len(clips)))
        numbers = frame_numbers(clips, index, "uniform")
        pictures = decoded_frames(clips.frames, numbers.ravel(), clips.size)
        pictures = np.concatenate(list(pictures))
        pictures = pictures.reshape(*numbers.shape, *pictures.shape[1:])
        for number, clip in zip(index, pictures, strict=True):
            if copies != "none":
                rng = np.random.default_rng([0, number])
                clip = varied_copy(clip, rng, standardised=twice)
            yield clip


def smote(
    x: np.ndarray, y: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Made-up samples until all classes are as large as the largest.

    Each lies somewhere between a sample of its class and one of that one's
    five nearest neighbours in the class, fewer where there are fewer (Chawla
    et al., JAIR 16, 2002); distances are of the flattened samples. `x` is
    `(n, ...)`, `y` `(n,)` int64; those made up come behind the real ones.
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
        near = min(5, len(real) - 1) + 1  # itself is the nearest
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


def all_clips(clips: ClipSet) -> ClipSet:
    """Every clip of the dataset that `clips` are of, without its label."""
    frames = clips.frames
    names = np.array([clip.name for clip in frames.clips])
    people = np.array([clip.subject_id for clip in frames.clips])
    return dataclasses.replace(
        clips,
        first=frames.first[:-1],
        count=frames.num_frames,
        y=np.zeros(len(names), np.int64),
        subject=people,
        person=people,
        recording=names,
    )
