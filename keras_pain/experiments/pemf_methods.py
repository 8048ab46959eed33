"""ConvNeXt-LSTM, STGCN-LSTM and both together as methods of PEMF clips.

Ridouan et al., arXiv 2501.06787. See `keras_pain.experiments.pemf_defects` for
what the released code does differently.
"""

import dataclasses
from pathlib import Path

import numpy as np

from keras_pain.data.clips import ClipSet
from keras_pain.errors import ConfigurationError
from keras_pain.experiments.features import FeatureExtractor
from keras_pain.experiments.methods import FitReport, Method
from keras_pain.experiments.pemf_inputs import (
    COPIES,
    all_clips,
    clip_features,
    clip_landmarks,
)
from keras_pain.experiments.sequences import SequenceMethod
from keras_pain.models.convnext_lstm import VARIANTS
from keras_pain.signals.landmarks import mirror_points

SCALERS = ("train", "all_clips")


@dataclasses.dataclass(frozen=True)
class PemfOptions:
    """What a run may set beside the recipes.

    Args:
        backbone: One of `keras_pain.models.convnext.BACKBONES`.
        backbone_weights: None for random ones, `"imagenet"` or a file.
        extraction_batch: Frames in one pass of the backbone.
        features: Folder where features are kept; by default with the dataset.
        batch_size: Replaces the recipes' number of clips an update.
        learning_rate: Replaces the recipes' learning rates.
        relative: Feed the head what differs from the clip's first frame, in
            which faces are at rest, instead of the features; leaves out who
            it is. Not in the released code.
        head: Arguments of `ConvNeXtHead`, over the entries'.
        graph: Arguments of `STGCNLSTM`, likewise.
        landmarks: Digest of the landmarks, part of every configuration.
    """

    backbone: str = "ConvNeXtXLarge"
    backbone_weights: str | None = None
    extraction_batch: int = 64
    features: str | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    relative: bool = False
    head: dict = dataclasses.field(default_factory=dict)
    graph: dict = dataclasses.field(default_factory=dict)
    landmarks: str = ""


class ConvNeXtMethod(SequenceMethod):
    """LSTM layers over the features of a frozen ConvNeXt.

    Args:
        name: `"convnext_lstm_a"` to `"convnext_lstm_d"`.
        epochs: See `SequenceMethod`.
        options: See `PemfOptions`.
        reuse: See `SequenceMethod`.
        last_epoch: See `SequenceMethod`.
        standardise: Scale every feature by mean and standard deviation of the
            training frames.
        normalise_twice: The released code's defect, see `FrameEncoder`.
        relative: Replaces the option of that name.
        copies: Whether a varied copy of each training clip is trained on as
            well: `"none"`; `"before"`, varied before standardisation;
            `"after"`, the released code's order.

    Raises:
        ConfigurationError: There is no such kind of copies.
    """

    def __init__(
        self,
        name: str,
        epochs: int | None = None,
        options: PemfOptions = PemfOptions(),
        reuse: bool = False,
        *,
        last_epoch: bool = False,
        standardise: bool = True,
        relative: bool | None = None,
        normalise_twice: bool = False,
        copies: str = "none",
    ):
        if copies not in COPIES:
            raise ConfigurationError(
                f"{name}: copies must be one of {', '.join(COPIES)}, not "
                f"{copies!r}"
            )
        super().__init__(name, epochs, options, reuse, options.head, last_epoch)
        self.copies = copies
        self.standardise = standardise
        self.relative = options.relative if relative is None else relative
        self.normalise_twice = normalise_twice

    def sequences(self, clips: ClipSet) -> np.ndarray:
        return self._features(clips, "none")

    def training_sequences(self, clips: ClipSet, seed: int):
        x, y = self.sequences(clips), clips.y
        if self.copies == "none":
            return x, y
        varied = self._features(clips, self.copies)
        return np.concatenate([x, varied]), np.concatenate([y, y])

    def scaled_by(self, train: ClipSet, x: np.ndarray) -> np.ndarray | None:
        return x if self.standardise else None

    def config(self) -> dict:
        network = self._extractor(0).identity()
        del network["size"]  # the clips'
        return {
            **super().config(),
            "network": network,
            "standardise": self.standardise,
            "relative": self.relative,
            "copies": self.copies,
        }

    def _extractor(self, size: int) -> FeatureExtractor:
        return FeatureExtractor(
            self.options.backbone,
            self.options.backbone_weights,
            size=max(size, 1),
            batch_size=self.options.extraction_batch,
            normalise_twice=self.normalise_twice,
        )

    def _features(self, clips: ClipSet, copies: str) -> np.ndarray:
        features = clip_features(
            clips,
            self._extractor(clips.size),
            self.options.features,
            copies,
        )
        return features - features[:, :1] if self.relative else features


class STGCNMethod(SequenceMethod):
    """Graph convolutions over 68 landmarks, then LSTM layers.

    Args:
        name: `"stgcn_lstm"` or `"stgcn_lstm_as_coded"`.
        epochs: See `SequenceMethod`.
        options: See `PemfOptions`.
        reuse: See `SequenceMethod`.
        last_epoch: See `SequenceMethod`.
        normalise: Take place and size of the face in each clip away.
        scaler: Whose mean and standard deviation every coordinate is scaled
            by: `"train"`, or the released code's `"all_clips"`.
        oversample: Balance the classes by SMOTE and validate on the last
            tenth of what comes out, as the released code does.
        mirror: Train on the mirrored clips as well.

    Raises:
        ConfigurationError: There is no such scaler.
    """

    def __init__(
        self,
        name: str,
        epochs: int | None = None,
        options: PemfOptions = PemfOptions(),
        reuse: bool = False,
        *,
        last_epoch: bool = False,
        normalise: bool = True,
        scaler: str = "train",
        oversample: bool = False,
        mirror: bool = False,
    ):
        if scaler not in SCALERS or (mirror and not normalise):
            raise ConfigurationError(
                f"{name}: scaler must be one of {', '.join(SCALERS)}, and "
                "mirror needs normalise"
            )
        super().__init__(
            name,
            epochs,
            options,
            reuse,
            {"normalise": False, **options.graph},
            last_epoch,
            oversample,
        )
        self.normalise = normalise
        self.scaler = scaler
        self.mirror = mirror

    def sequences(self, clips: ClipSet) -> np.ndarray:
        return clip_landmarks(clips, self.normalise)

    def training_sequences(self, clips: ClipSet, seed: int):
        x, y = self.sequences(clips), clips.y
        if not self.mirror:
            return x, y
        return np.concatenate([x, mirror_points(x)]), np.concatenate([y, y])

    def scaled_by(self, train: ClipSet, x: np.ndarray) -> np.ndarray:
        if self.scaler == "train":
            return x
        return self.sequences(all_clips(train))

    def config(self) -> dict:
        return {
            **super().config(),
            "landmarks": self.options.landmarks,
            "normalise": self.normalise,
            "scaler": self.scaler,
            "mirror": self.mirror,
        }


class LateFusion(Method):
    """The mean of the probabilities of both systems; in neither paper.

    Args:
        epochs: Replaces both recipes' number of epochs.
        options: See `PemfOptions`.
        reuse: See `SequenceMethod`.
        variant: Of ConvNeXt-LSTM.
        **switches: Arguments of either system, to whom it belongs.
    """

    name = "late_fusion"

    def __init__(
        self,
        epochs: int | None = None,
        options: PemfOptions = PemfOptions(),
        reuse: bool = False,
        variant: str = "c",
        **switches,
    ):
        shared = (epochs, options, reuse)
        common = {k: v for k, v in switches.items() if k == "last_epoch"}
        frames = {k: v for k, v in switches.items() if k in _FRAME_SWITCHES}
        points = {k: v for k, v in switches.items() if k not in common | frames}
        self.parts = (
            ConvNeXtMethod(
                f"convnext_lstm_{variant}", *shared, **common, **frames
            ),
            STGCNMethod("stgcn_lstm", *shared, **common, **points),
        )
        self.chooses_epoch = self.parts[0].chooses_epoch

    def fit(self, train: ClipSet, validation: ClipSet, seed: int) -> FitReport:
        report = FitReport()
        for part in self.parts:
            part.on_epoch = self.on_epoch
            of_part = part.fit(train, validation, seed)
            report.stages[part.name] = sum(of_part.stages.values())
            report.trace_seconds += of_part.trace_seconds
            report.history += [
                {**row, "stage": part.name} for row in of_part.history
            ]
        return report

    def predict_proba(self, windows: ClipSet) -> np.ndarray:
        return np.mean([p.predict_proba(windows) for p in self.parts], axis=0)

    def config(self) -> dict:
        parts = {part.name: part.config() for part in self.parts}
        return {"name": self.name, "parts": parts}

    def save(self, folder: Path) -> None:
        for part in self.parts:
            part.model_with_scale().save(folder / f"{part.name}.keras")


_FRAME_SWITCHES = ("standardise", "relative", "normalise_twice", "copies")


def _method(kind, name: str):
    return lambda **options: kind(name, **options)


METHODS = {
    **{
        f"convnext_lstm_{variant}": _method(
            ConvNeXtMethod, f"convnext_lstm_{variant}"
        )
        for variant in VARIANTS
    },
    **{
        name: _method(STGCNMethod, name)
        for name in ("stgcn_lstm", "stgcn_lstm_as_coded")
    },
    "late_fusion": LateFusion,
}
