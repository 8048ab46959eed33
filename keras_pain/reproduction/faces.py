"""Tables whose samples are clips or single frames of faces."""

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from keras_pain.corpora.base import get_corpus
from keras_pain.corpora.biovid.layout import LOW_EXPRESSIVE
from keras_pain.data.clips import (
    GENERATED,
    ClipSet,
    FrameStore,
    cut_clips,
    open_frames,
)
from keras_pain.errors import ConfigurationError
from keras_pain.experiments.protocols import Subject
from keras_pain.reproduction.experiment import Experiment, described
from keras_pain.reproduction.flags import Options

_SMOKE_CLIPS = 3  # of each person
_SMOKE_FRAMES = 20
_STRATA = 3  # of intensity, where folds are of clips


@dataclasses.dataclass(frozen=True)
class Simulation:
    """What replaces the paper's settings where no raw corpus is given.

    So that a small machine ends in minutes. `corpus` are arguments of its
    simulator, over which `smoke_corpus` go in a smoke run; `settings` and
    `training` (also in a smoke run) go over those of the experiment.
    """

    corpus: Mapping = dataclasses.field(default_factory=dict)
    smoke_corpus: Mapping = dataclasses.field(default_factory=dict)
    config: str | None = None
    settings: Mapping = dataclasses.field(default_factory=dict)
    training: Mapping = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FaceExperiment(Experiment):
    """A table of faces; `settings` are arguments of `cut_clips`.

    `training` are fields of `ClipOptions`, its jitter as those of `Jitter`;
    `smoke_settings` go over the settings in a smoke run. Networks that are
    `pretrained` have a ResNet-50 that starts from the weights of
    `--backbone_weights`, without the flag from the `usual_weights`.
    """

    noun: str = "clips"  # or "frames"
    config: str | None = None  # the dataset's
    training: Mapping = dataclasses.field(default_factory=dict)
    simulation: Simulation = Simulation()
    smoke_settings: Mapping = dataclasses.field(
        default_factory=lambda: {"size": 32, "num_frames": 8}
    )
    smoke_people: int | None = None  # most in a smoke run; None keeps all
    pretrained: bool = False
    usual_weights: str = "imagenet"
    generated: str = ""  # which generated pictures a run has, --augment

    preparing: ClassVar[str] = "finding the faces of all clips"

    # What is not annotated is as in `Experiment`.

    @property
    def flags(self):
        names = "batch_size micro_batch num_frames size balance mixed_precision"
        used = set(names.split())
        if self.corpus == "biovid":
            used.add("exclude_low_expressive")
        if self.settings.get("level") == "frame":
            used.add("augment")
        return used | {"backbone_weights"} if self.pretrained else used

    def check_method(self, name):
        from keras_pain.experiments.baselines import CONSTANTS
        from keras_pain.experiments.method_registry import check_samples

        check_samples(name, [self.noun], CONSTANTS, f"{self.noun} of faces")

    def check_files(self, options):
        """Raises ConfigurationError where a file or a GPU is not there."""
        from keras_pain.experiments.optim import dtype_policy

        dtype_policy(options.mixed_precision)
        places = {
            "backbone_weights": options.backbone_weights,
            "landmarks": (options.landmarks or "").partition(":")[2],
        }
        for flag, place in places.items():
            if place in (None, "", "none", "imagenet") or Path(place).exists():
                continue
            problem = f"--{flag}: there is no {place}"
            raise ConfigurationError(f"{problem}; give the path of one that is")

    def simulator_arguments(self, options):
        smoke = self.simulation.smoke_corpus if options.smoke else {}
        return {**self.simulation.corpus, **smoke}

    def layout_and_configs(self, options, manual_dir):
        """Of the corpus' layouts any will do."""
        layout = get_corpus(self.corpus).detect_layout(manual_dir)
        return layout, [self.config_for(options)]

    def config_for(self, options: Options) -> str | None:
        """The dataset's config in a run with these flags."""
        simulated = options.manual_dir is None and self.simulation.config
        return options.layout or simulated or self.config

    def load(self, prepared, smoke) -> FrameStore:
        """All pictures of the dataset; `where` is looked at by `cut`."""
        return open_frames(prepared.path)

    def settings_for(self, options):
        settings = dict(self.settings)
        if options.manual_dir is None:
            settings |= self.simulation.settings
        if options.smoke:
            known = settings.keys() & self.smoke_settings
            settings |= {name: self.smoke_settings[name] for name in known}
        for name in ("num_frames", "size"):
            if getattr(options, name):
                settings[name] = getattr(options, name)
        if options.exclude_low_expressive and self.corpus == "biovid":
            settings["without"] = sorted(LOW_EXPRESSIVE)
        if self.where:
            settings["where"] = {k: list(v) for k, v in self.where.items()}
        return settings

    def cut(self, loaded, settings, smoke) -> ClipSet:
        clips = cut_clips(loaded, **settings)
        return few_clips(clips, self.smoke_people) if smoke else clips

    def subjects(self, loaded, samples):
        return subjects_of_clips(samples)

    def input(self, prepared, options):
        return {"kind": "faces", **prepared.options}

    def method_arguments(self, options, loaded):
        return {"options": self.clip_options(options)}

    def identity(self, loaded):
        """Which clips take part: a file that was refused may have none."""
        names = [clip.name for clip in loaded.clips]
        names = [name for name in names if not name.startswith(GENERATED)]
        digest = hashlib.sha256("\n".join(names).encode())
        return {"clips": digest.hexdigest()[:16]}

    def clip_options(self, options: Options):
        """How networks are trained in a run: its `ClipOptions`."""
        from keras_pain.data.feed import Jitter
        from keras_pain.experiments.network import ClipOptions

        chosen = dict(self.training)
        if is_small(options):
            chosen |= self.simulation.training
        if options.batch_size:
            chosen["batch_size"] = options.batch_size
        if options.balance != "none":
            chosen["balance"] = options.balance
        if self.pretrained:
            weights = backbone_weights(options, self.usual_weights)
            weights = {"resnet_weights": weights}
            chosen["arguments"] = chosen.get("arguments", {}) | weights
        chosen["jitter"] = Jitter(**chosen.get("jitter", {}))
        return ClipOptions(
            **chosen,
            micro_batch=options.micro_batch,
            generated=self.generated,
            mixed_precision=options.mixed_precision,
        )

    def describe(self, options):
        settings = self.settings_for(options)
        chosen = self.clip_options(options)
        batch = chosen.batch_size or "the recipes'"
        line = f"Training: batch {batch}"
        if chosen.micro_batch:
            line += f" in micro-batches of {chosen.micro_batch}"
        if chosen.mixed_precision:
            line += ", mixed precision"
        if chosen.balance != "none":
            line += f", zero and more than zero balanced by {chosen.balance}"
        for rate in sorted(set(chosen.learning_rates.values())):
            names = [k for k, v in chosen.learning_rates.items() if v == rate]
            line += f", learning rate {rate:g} for {', '.join(names)}"
            line += " where the protocol brings no other"
        arguments = dict(chosen.arguments)
        weights = weights_named(arguments.pop("resnet_weights", None))
        if arguments:
            sizes = described(arguments)
            line += f"; smaller networks ({sizes}, but for what is as coded)"
        left_out, jitter = len(settings.get("without", ())), chosen.jitter
        people = f" {left_out} people left out." if left_out else ""
        clips = settings.get("level") == "clip"
        drawn = f", frames drawn {jitter.sampling}" if clips else ""
        lines = [
            f"{self.noun.capitalize()}: {described(settings)}.{people}",
            f"{line}; flips {jitter.flip:g}, shifts up to "
            f"{100 * jitter.shift:g} %{drawn}.",
        ]
        if self.generated:
            lines.append(f"Rows with a plus: {self.generated}.")
        if self.pretrained:
            lines.append(f"ResNet-50: starts from {weights}.")
        return lines

    def remarks(self, loaded, settings):
        """How many frames are left out because their face was not found."""
        if not settings.get("faces_only"):
            return []
        both = settings, {**settings, "faces_only": False}
        both = [cut_clips(loaded, **given) for given in both]
        kept, every = (clips.y[~clips.generated] for clips in both)
        out, painful = len(every) - len(kept), (every > 0).sum()
        return [
            f"Frames left out because no face was found in them: {out} of "
            f"{len(every)}, {painful - (kept > 0).sum()} of them among the "
            f"{painful} with pain."
        ]


def is_small(options: Options) -> bool:
    """Whether a run is simulated or to see that it works."""
    return options.manual_dir is None or options.smoke


def backbone_weights(options: Options, usual: str = "imagenet") -> str | None:
    """Pretrained weights to start from: `"imagenet"`, a path, or None.

    `usual` are those of a full run without the flag.
    """
    default = "none" if is_small(options) else usual
    weights = options.backbone_weights or default
    return None if weights == "none" else weights


def weights_named(weights: str | None) -> str:
    """What a header calls them."""
    text = "RANDOM weights, so that its rows say nothing about a trained one"
    known = {None: text, "imagenet": "ImageNet weights"}
    return known.get(weights, "the weights of the given file")


def subjects_of_clips(clips: ClipSet) -> list[Subject]:
    """People; of clips as units, these in strata of their label."""
    ids, first = np.unique(clips.subject, return_index=True)
    if (clips.subject == clips.person).all():
        return [Subject(name, "") for name in ids.tolist()]
    labels = clips.y[first]
    if not clips.num_classes:
        cuts = np.quantile(labels, np.arange(1, _STRATA) / _STRATA)
        labels = np.searchsorted(cuts, labels)
    return list(map(Subject, ids.tolist(), map(str, labels)))


def few_clips(clips: ClipSet, most_people: int | None) -> ClipSet:
    """A few samples of each person, spread over labels; all generated ones."""
    people = np.unique(clips.person)[:most_people]
    clips = clips.take(np.isin(clips.person, people))
    wanted = _SMOKE_CLIPS if clips.num_frames else _SMOKE_FRAMES
    chosen = [np.flatnonzero(clips.generated)]
    for person in people.tolist():
        index = np.flatnonzero((clips.person == person) & ~clips.generated)
        index = index[np.argsort(clips.y[index], kind="stable")]
        places = np.linspace(0, len(index) - 1, min(wanted, len(index)))
        chosen.append(index[np.unique(places.round().astype(int))])
    return clips.take(np.sort(np.concatenate(chosen)))
