"""The table of PEMF: pictures and landmarks of the same clips."""

import dataclasses
from typing import ClassVar

import numpy as np

from keras_pain.data.clips import LandmarkedFrames, digest, read_landmarks
from keras_pain.experiments.method_registry import check_samples, fed
from keras_pain.experiments.pemf import FINE_TUNED, PemfOptions
from keras_pain.models.convnext_lstm import BACKBONES, check_backbone
from keras_pain.models.registry import FEATURES, LANDMARKS
from keras_pain.reproduction.experiment import described
from keras_pain.reproduction.faces import (
    FaceExperiment,
    backbone_weights,
    is_small,
    weights_named,
)
from keras_pain.reproduction.flags import Options

SHUFFLED = "shuffled"
_SHUFFLE_SEED = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class PemfExperiment(FaceExperiment):
    """Clips of PEMF: pictures and, where a method is fed them, landmarks.

    The simulation's `training` are fields of `PemfOptions`.
    """

    preparing: ClassVar[str] = "bringing all clips into squares"

    @property
    def flags(self):
        names = "batch_size num_frames size backbone backbone_weights landmarks"
        return {*names.split(), "shuffle_labels"}

    def check_method(self, name):
        rest = ["majority", "stratified"], "clips with and without pain"
        check_samples(name, [FEATURES, LANDMARKS], *rest)

    def layout_and_configs(self, options, manual_dir):
        layout, configs = super().layout_and_configs(options, manual_dir)
        methods = options.methods
        if not methods or any(fed(name) == LANDMARKS for name in methods):
            configs.append("landmarks")
        return layout, configs

    def load(self, prepared, smoke):
        """All pictures, with landmarks where these were prepared."""
        frames = super().load(prepared, smoke)
        for further in prepared.further:
            frames = LandmarkedFrames(frames, read_landmarks(further.path))
        return frames

    def settings_for(self, options):
        settings = super().settings_for(options)
        if options.shuffle_labels:
            settings[SHUFFLED] = True
        return settings

    def cut(self, loaded, settings, smoke):
        """Labelled clips; with `shuffled`, of labels dealt at random."""
        known = {k: v for k, v in settings.items() if k != SHUFFLED}
        clips = super().cut(loaded, known, smoke)
        if settings.get(SHUFFLED):
            y = np.random.default_rng(_SHUFFLE_SEED).permutation(clips.y)
            clips = dataclasses.replace(clips, y=y)
        return clips

    def method_arguments(self, options, loaded):
        chosen = self.pemf_options(options)
        if isinstance(loaded, LandmarkedFrames):
            landmarks = digest(loaded, pictures=False)
            chosen = dataclasses.replace(chosen, landmarks=landmarks)
        return {"options": chosen}

    def pemf_options(self, options: Options) -> PemfOptions:
        """How the methods are set in a run with these flags."""
        values = dict(self.simulation.training) if is_small(options) else {}
        backbone = options.backbone or values.get("backbone", "XLarge")
        if f"ConvNeXt{backbone}" in BACKBONES:
            backbone = f"ConvNeXt{backbone}"
        check_backbone("--backbone", backbone)
        if options.batch_size:
            values["batch_size"] = options.batch_size
        weights = backbone_weights(options)
        values |= {"backbone": backbone, "backbone_weights": weights}
        return PemfOptions(**values)

    def describe(self, options):
        settings = self.settings_for(options)
        chosen = self.pemf_options(options)
        weights, side = weights_named(chosen.backbone_weights), settings["size"]
        trained = "frozen"
        if FINE_TUNED in (options.methods or ()):
            trained = f"trained in {FINE_TUNED}, else frozen"
        lines = [
            f"Clips: {settings['num_frames']} frames, as config "
            f"{self.config_for(options)} has them, of {side} x {side} pixels, "
            "and 68 landmarks in each; no pain is the neutral clip, pain any "
            "of the other three.",
            f"Backbone: {chosen.backbone}, {trained}, with {weights}.",
        ]
        if options.landmarks:
            lines.append(f"Landmarks: from {options.landmarks}.")
        if options.shuffle_labels:
            lines.insert(0, "CONTROL: the labels are dealt at random.")
        small = {
            "batch {}": chosen.batch_size,
            "in leak_free, features relative to those of the clip's first "
            "frame": chosen.relative,
            "learning rate {:g}": chosen.learning_rate,
            "LSTM head with {}": described(chosen.head),
            "STGCN-LSTM with {}": described(chosen.graph),
        }
        if text := "; ".join(k.format(v) for k, v in small.items() if v):
            lines.append(f"Instead of the recipes': {text}.")
        return lines
