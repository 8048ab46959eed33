"""What the table of PEMF needs: pictures and landmarks of the same clips."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_pain.data.frames import FrameStore, open_frames
from keras_pain.data.landmarked import LandmarkedFrames, digest, read_landmarks
from keras_pain.data.prepare import PreparedDataset
from keras_pain.experiments import fine_tuned
from keras_pain.experiments.pemf_methods import (
    METHODS,
    PemfOptions,
)
from keras_pain.models.convnext import BACKBONES, check_backbone
from keras_pain.reproduction.experiment import (
    Experiment,
    backbone_weights,
    weights_named,
)
from keras_pain.reproduction.material import Faces, check_method
from keras_pain.reproduction.options import Options

_LANDMARKS = "landmarks"  # the builder's config
_LANDMARKS_VARIABLE = "KERAS_PAIN_LANDMARKS"
_SHUFFLED = "shuffled"
_SHUFFLE_SEED = 0
_FED_LANDMARKS = tuple(name for name in METHODS if "convnext" not in name)


class PemfFaces(Faces):
    """Clips of PEMF: pictures and, where a method is fed them, landmarks."""

    preparing = "bringing all clips into squares"
    flags = (
        "batch_size", "num_frames", "size", "backbone", "backbone_weights",
        "landmarks", "shuffle_labels",
    )  # fmt: skip

    def __init__(self):
        super().__init__("clips", smoke_size=32, smoke_frames=8)
        self._landmarks = ""

    def check_method(self, name: str) -> None:
        """Refuses the methods of the suite that know no classes of clips.

        Raises:
            ConfigurationError: It is one of them.
        """
        fits = ["majority", "stratified", *METHODS, *fine_tuned.METHODS]
        check_method(name, fits, "clips with and without pain")

    def further_configs(self, options: Options) -> tuple[str, ...]:
        methods = options.methods
        if methods and not set(methods) & set(_FED_LANDMARKS):
            return ()
        if options.landmarks:  # the builder takes them from there
            os.environ[_LANDMARKS_VARIABLE] = options.landmarks
        return (_LANDMARKS,)

    def load(
        self, prepared: PreparedDataset, where: Mapping, smoke: bool
    ) -> FrameStore:
        """All pictures, with landmarks where these were prepared."""
        frames = open_frames(prepared.path)
        self._landmarks = ""
        for further in prepared.further:
            points = read_landmarks(further.path)
            frames = LandmarkedFrames(frames, points)
            self._landmarks = digest(frames, pictures=False)
        return frames

    def cut(self, loaded: FrameStore, settings: Mapping, smoke: bool):
        """Labelled clips; with `shuffled`, of labels dealt at random."""
        settings = dict(settings)
        shuffled = settings.pop(_SHUFFLED, False)
        clips = super().cut(loaded, settings, smoke)
        if shuffled:
            y = np.random.default_rng(_SHUFFLE_SEED).permutation(clips.y)
            clips = dataclasses.replace(clips, y=y)
        return clips

    def options(self, experiment, options: Options) -> dict[str, Any]:
        """Arguments for every method."""
        chosen = experiment.pemf_options(options)
        chosen = dataclasses.replace(chosen, landmarks=self._landmarks)
        return {"options": chosen}


@dataclasses.dataclass(frozen=True)
class PemfExperiment(Experiment):
    """A table of both systems.

    Args:
        simulated: Fields of `PemfOptions` where no raw corpus is given, so
            that a small machine ends in minutes.
    """

    simulated: Mapping = dataclasses.field(default_factory=dict)

    def settings_for(self, options: Options) -> dict:
        settings = super().settings_for(options)
        if options.shuffle_labels:
            settings[_SHUFFLED] = True
        return settings

    def pemf_options(self, options: Options) -> PemfOptions:
        """How the methods are set in a run with these flags."""
        small = options.manual_dir is None or options.smoke
        values = dict(self.simulated) if small else {}
        backbone = options.backbone or values.get("backbone", "ConvNeXtXLarge")
        check_backbone("--backbone", _full_name(backbone))
        values["backbone"] = _full_name(backbone)
        values["backbone_weights"] = backbone_weights(options)
        if options.batch_size:
            values["batch_size"] = options.batch_size
        return PemfOptions(**values)

    def config_for(self, options: Options) -> str:
        """Of the dataset with pictures."""
        if options.layout:
            return options.layout
        return self.simulated_config if not options.manual_dir else self.config

    def describe(self, options: Options) -> list[str]:
        settings = self.settings_for(options)
        chosen = self.pemf_options(options)
        weights = weights_named(chosen.backbone_weights)
        tuned = set(options.methods or ()) & set(fine_tuned.METHODS)
        trained = f"trained in {', '.join(tuned)}, else frozen"
        if not tuned:
            trained = "frozen"
        lines = [
            f"Clips: {settings['num_frames']} frames, as config "
            f"{self.config_for(options)} has them, of {settings['size']} x "
            f"{settings['size']} pixels, and 68 landmarks in each; no pain is "
            "the neutral clip, pain any of the other three.",
            f"Backbone: {chosen.backbone}, {trained}, with {weights}.",
        ]
        if options.landmarks:
            lines.append(f"Landmarks: from {options.landmarks}.")
        if options.shuffle_labels:
            lines.insert(0, "CONTROL: the labels are dealt at random.")
        small = []
        if chosen.batch_size:
            small.append(f"batch {chosen.batch_size}")
        if chosen.relative:
            small.append(
                "in leak_free, features relative to those of the clip's first "
                "frame"
            )
        if chosen.learning_rate:
            small.append(f"learning rate {chosen.learning_rate:g}")
        for part, arguments in (
            ("LSTM head", chosen.head),
            ("STGCN-LSTM", chosen.graph),
        ):
            if arguments:
                text = ", ".join(f"{k}={v}" for k, v in arguments.items())
                small.append(f"{part} with {text}")
        if small:
            lines.append(f"Instead of the recipes': {'; '.join(small)}.")
        return lines


def _full_name(backbone: str) -> str:
    full = f"ConvNeXt{backbone}"
    return full if full in BACKBONES else backbone
