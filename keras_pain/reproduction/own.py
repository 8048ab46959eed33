"""Users' own recordings, and open ones: from a folder to a table.

A folder is described by `keras_pain.corpora.folder`. `evaluate` plans and runs
the same folds as the papers' tables, by the same functions, under the protocol
`leak_free`, the only one for such data.
"""

import dataclasses
import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from keras_pain.corpora.base import get_corpus
from keras_pain.corpora.folder.layout import (
    PICTURES,
    Label,
    Tables,
    frame_values,
    read_label,
)
from keras_pain.data import clips as clip_data
from keras_pain.data.prepare import (
    PreparedDataset,
    identify,
    prepare_dataset,
    read_examples,
)
from keras_pain.errors import ConfigurationError, KerasPainError, check_choice
from keras_pain.experiments import method_registry
from keras_pain.experiments.baselines import (
    CLASSICAL,
    FACE_CLASSIFIERS,
    LANDMARK_CLASSIFIERS,
    WINDOW_CLASSIFIERS,
)
from keras_pain.experiments.protocols import GROUP_KFOLD, LEAK_FREE, Subject
from keras_pain.io import marked_title
from keras_pain.models import registry
from keras_pain.models.flops import count_flops
from keras_pain.reports import statistics
from keras_pain.reports.figures import paper_name
from keras_pain.reports.table import (
    ColumnSpec,
    Grid,
    RowSpec,
    Sheet,
    TableSpec,
    read_scores,
)
from keras_pain.reproduction import run as runs
from keras_pain.reproduction.experiment import Experiment
from keras_pain.reproduction.faces import FaceExperiment
from keras_pain.reproduction.flags import Options, OwnOptions
from keras_pain.signals.biosignals import prepared as prepared_signals

_MOST_CLASSES, _USUAL_CLASSES = 50, 10
_RATE = 60.0  # Hz, EmoPain's, for which the networks of windows were made
_TESTED = "test:"  # before names of people and recordings of --test_dir
# Of a run of all fitting methods, those that a first look is worth.
_DEFAULTS = {
    "signals": ("knn", "svm", "random_forest", "banet", "lsfan"),
    "landmarks": ("lr_displacements", "stgcn_lstm"),
    "clip": ("pca_svm", "l3d"),
    "frame": ("pca_svm", "resnet50_ham"),
}
# Of windows; trivial ones are told by the task.
_CLASSICAL = {*CLASSICAL, *WINDOW_CLASSIFIERS} - {"majority", "stratified"}
_NUM_FRAMES = {"landmarks": 20, "faces": 16}
_ENOUGH_MEMORY = 0.8
# Passes over windows that a training step costs, and what is in memory beside
# the windows: scaled and shuffled copies of training, validation and test.
_TRAINING_PASSES, _COPIES = 3.0, 4.0
# Of small layers, in the speed of a large matrix product; of a recurrent layer,
# for each frame of a batch. Measured on two cores.
_EFFICIENCY, _FRAME_SECONDS = 0.05, 2e-4


# --- What is predicted ---


@dataclasses.dataclass(frozen=True)
class Target:
    """A label as methods see it.

    `of` has, by recording, a number or, as in `Label`, times and numbers: class
    indices, or intensities; NaN is missing.
    """

    name: str
    task: str
    class_names: tuple[str, ...]
    of: Mapping[str, float | tuple]

    @property
    def by_frame(self) -> bool:
        return any(isinstance(value, tuple) for value in self.of.values())


def target_of(
    label: Label, task: str | None, class_names: Sequence[str] | None = None
) -> Target:
    """The label as classes or intensities.

    Raises ConfigurationError where it does not suit the task, or is the same
    everywhere; `class_names` are those of the corpus that is trained on.
    """
    values = {
        k: v[1] if isinstance(v, tuple) else v for k, v in label.of.items()
    }
    everything = np.concatenate([np.atleast_1d(v) for v in values.values()])
    known = np.unique(everything[np.isfinite(everything)])
    flag = f"--label {label.name}"
    if not len(known):
        raise ConfigurationError(f"{flag}: is missing in all recordings")
    whole = np.array_equal(known, known.round())
    if task is None:
        few = len(known) <= _USUAL_CLASSES and whole
        task = "class" if label.classes or few else "intensity"
    if label.classes and task != "class":
        raise ConfigurationError(
            f"{flag}: has words ({label.classes[0]}, ...), which have no order "
            f"for --task {task}; number them in recordings.tsv"
        )
    if class_names is None and len(known) < 2:
        text = (
            label.classes[int(known[0])] if label.classes else f"{known[0]:g}"
        )
        raise ConfigurationError(
            f"{flag}: is {text} in all recordings: there is nothing to learn"
        )
    if task == "intensity":
        return Target(label.name, task, (), label.of)
    names = label.classes or tuple(f"{value:g}" for value in known)
    if len(names) > _MOST_CLASSES:
        raise ConfigurationError(
            f"{flag}: has {len(names)} values, too many for classes; give "
            "--task intensity"
        )
    wanted = tuple(class_names or names)
    if unknown := sorted(set(names) - set(wanted)):
        raise ConfigurationError(
            f"{flag}: --test_dir has {unknown[0]!r}, which --manual_dir lacks"
        )
    place = np.array([wanted.index(name) for name in names], float)

    def index(value):
        numbers = np.asarray(value, float)
        at = numbers if label.classes else np.searchsorted(known, numbers)
        at = np.where(np.isfinite(numbers), at, 0).astype(int)
        return np.where(
            np.isfinite(numbers), place[np.minimum(at, len(place) - 1)], np.nan
        )

    of = {
        k: (v[0], index(v[1])) if isinstance(v, tuple) else float(index(v))
        for k, v in label.of.items()
    }
    return Target(label.name, task, wanted, of)


# --- Experiments ---


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Own:
    """What experiments on folders share.

    Args:
        tables: Of the folder; with `tested` also of the one that is tested.
        targets: What is predicted, of each of these.
        own: The user's settings.
        development: People on whom settings were fixed; the report is also
            given without them.
    """

    tables: tuple[Tables, ...] = ()
    targets: tuple[Target, ...] = ()
    own: OwnOptions = OwnOptions()
    development: tuple[str, ...] = ()

    preparing: ClassVar[str] = ""

    def prepare(self, options, console) -> PreparedDataset:
        parts = []
        for number, tables in enumerate(self.tables):
            # Another corpus to test on is a folder.
            corpus = "folder" if number else self.corpus
            files = get_corpus(corpus).find_files(tables.root, tables.kind)
            given = {"reader": self.own.reader}
            content = identify(tables.root, files)
            key = [content, tables.identity(), given]
            key = hashlib.sha256(json.dumps(key).encode()).hexdigest()
            if self.preparing:
                console.print(f"{corpus}: {self.preparing}")
            parts.append(
                prepare_dataset(
                    corpus,
                    manual_dir=tables.root,
                    data_dir=options.data_dir or "data/tfds",
                    layout=f"{tables.kind}_{key[:12]}",
                    on_bad_file=options.on_bad_file,
                    fingerprint=content,
                    given=given,
                )
            )
        return dataclasses.replace(parts[0], further=tuple(parts[1:]))

    def identity(self, loaded) -> dict:
        """Beside the files: the tables and the labels in use."""
        used = [[t.identity() for t in self.tables], self.own.reader]
        for target in self.targets:
            of = {
                k: repr(
                    [
                        np.asarray(part).tolist()
                        for part in v
                        if part is not None
                    ]
                )
                if isinstance(v, tuple)
                else repr(v)
                for k, v in target.of.items()
            }
            used += [target.name, target.task, sorted(of.items())]
        digest = hashlib.sha256(json.dumps(used, default=str).encode())
        tested = {"tested": self.tables[1].root.name} if self.tables[1:] else {}
        return {
            "tables": digest.hexdigest()[:16],
            "label": self.targets[0].name,
            "task": self.targets[0].task,
            # Folds may lack a class: the runner takes it for impossible there.
            "absent_classes": "not predicted",
            **tested,
        }

    def subjects(self, loaded, samples) -> list[Subject]:
        groups = {**self.tables[0].groups}
        people = getattr(samples, "person", samples.subject)
        found = []
        for name in np.unique(people).tolist():
            split = ""
            if self.tables[1:]:
                split = "validation" if name.startswith(_TESTED) else "train"
            group = groups.get(name.removeprefix(_TESTED), "")
            found.append(Subject(name, group, split))
        return found

    def check_method(self, name) -> None:
        found = self.fits()
        if ":" in name:
            data = [registry.WINDOWS] if self.corpus_kind == "signals" else []
            method_registry.check_samples(name, data, (), self.noun)
        elif found.get(name, "is not registered"):
            reason = found.get(name, "is no method of the suite")
            fits = sorted(name for name, why in found.items() if not why)
            raise ConfigurationError(
                f"--methods: {name!r} cannot be used on these {self.noun}: "
                f"{reason}; those that can are {', '.join(fits)}"
            )

    @property
    def corpus_kind(self) -> str:
        return self.tables[0].kind

    def fits(self) -> dict[str, str]:
        """Why methods do not fit the samples, by name; `""` of others."""
        raise NotImplementedError

    def announce(self, tasks, samples, options, console):
        """How many trainings, how long about, in how much memory."""
        [found] = samples.values()
        folds = len({task.key.fold for task in tasks})
        methods = {task.key.method: task for task in tasks}
        seeds = len({task.key.seed for task in tasks})
        text = f"{len(methods)} methods x {folds} folds x {seeds} seeds"
        seconds = _seconds(methods.values(), found) * folds * seeds
        text += f": about {_duration(seconds / options.jobs)} for the networks"
        console.print(f"{text}; about {self.gigabytes(found):.1f} GB")

    def gigabytes(self, samples) -> float:
        """What training will hold."""
        if self.corpus_kind == "signals":
            return 1 + _COPIES * samples.x.nbytes / 2**30
        pixels = len(samples.frames.first) and int(samples.frames.first[-1])
        pixels *= 3 * samples.size**2 if self.corpus_kind == "faces" else 0
        return 1 + min(pixels, clip_data.DECODED_BYTES) / 2**30

    def check_memory(self, gigabytes: float) -> None:
        """Raises ConfigurationError above `--memory_gb`."""
        limit = self.own.memory_gb
        if limit is None:
            pages, size = (
                os.sysconf("SC_PHYS_PAGES"),
                os.sysconf("SC_PAGE_SIZE"),
            )
            limit = _ENOUGH_MEMORY * pages * size / 2**30
        if gigabytes > limit:
            raise ConfigurationError(
                f"training would hold about {gigabytes:.1f} GB, --memory_gb is "
                f"{limit:.1f}: give a lower --rate, a larger --step_seconds, "
                "fewer --channels, or more memory"
            )

    def label_remarks(self, samples) -> list[str]:
        """What is left out, and which folds lack a class."""
        lines = []
        for tables, target in zip(self.tables, self.targets, strict=True):
            gone = [
                name
                for name, value in target.of.items()
                if not np.isfinite(
                    np.asarray(value[1] if isinstance(value, tuple) else value)
                ).any()
            ]
            if gone:
                lines.append(
                    f"Recordings without the label {target.name}, left out: "
                    f"{len(gone)} of {len(tables.rows)}."
                )
            for finding in tables.findings:
                lines.append(f"{finding.rule}: {finding.detail}.")
        if self.tables[1:]:
            both = self.tables[0].groups.keys() & self.tables[1].groups.keys()
            lines.append(
                "People of --test_dir are taken for others than those of "
                f"--manual_dir; {len(both)} have an id that is in both."
            )
        return lines


@dataclasses.dataclass(frozen=True, kw_only=True)
class SignalsExperiment(_Own, Experiment):
    """Windows of a folder's signals."""

    flags: ClassVar[set[str]] = set()

    def _rate(self):
        rate = min(tables.channels[0].rate for tables in self.tables)
        return float(self.own.rate or min(rate, _RATE))

    def _chosen(self, tables):
        """Positions of the channels that are used."""
        names = [channel.name for channel in tables.channels]
        wanted = list(
            self.own.channels or [c.name for c in self.tables[0].channels]
        )
        for name in wanted:
            if name not in names:
                where = " of --test_dir" if tables is not self.tables[0] else ""
                raise ConfigurationError(
                    f"channel {name!r} is not among those{where}: "
                    f"{', '.join(names)}; give --channels that are in both"
                    if where
                    else f"--channels: {name!r} is none of {', '.join(names)}"
                )
        return [names.index(name) for name in wanted]

    def load(self, prepared, smoke):
        target_rate, loaded = self._rate(), []
        parts = (prepared, *prepared.further)
        frames = sum(
            file["seconds"] * target_rate for p in parts for file in p.report
        )
        settings = self.settings_for(Options())
        width = len(self._chosen(self.tables[0]))
        count = frames / settings["step"] * settings["length"] * width
        self.check_memory(1 + _COPIES * 4 * count / 2**30)
        for number, part in enumerate(parts):
            tables, target = self.tables[number], self.targets[number]
            rows = {row.name: row for row in tables.rows}
            index, rate = self._chosen(tables), tables.channels[0].rate
            types = [tables.channels[i].type for i in index]
            emg = np.array([kind == "EMG" for kind in types])
            mark = _TESTED * number
            for _, _, example in read_examples(part.path):
                name = example["recording"].decode()
                signals, sums = prepared_signals(
                    example["signals"][:, index], emg, rate, target_rate
                )
                start = rows[name].start if target.by_frame else 0.0
                label = _at_rate(target.of[name], rate, start)
                loaded.append(
                    {
                        "recording": mark + name,
                        "subject_id": mark + rows[name].subject,
                        "signals": signals,
                        "sums": sums,
                        "label": frame_values(
                            label, len(signals), target_rate, start
                        ),
                    }
                )
        loaded.sort(key=lambda recording: recording["recording"])
        if smoke:
            people = sorted({r["subject_id"] for r in loaded})
            if not self.tables[1:]:
                people = people[:5]
            loaded = [r for r in loaded if r["subject_id"] in people]
        return loaded

    def settings_for(self, options):
        rate, own = self._rate(), self.own
        step = own.step_seconds or own.window_seconds / 4
        channels = self.tables[0].channels
        return {
            "cut": "signal_windows",
            "rate": rate,
            "length": max(round(own.window_seconds * rate), 1),
            "step": max(round(step * rate), 1),
            "channels": [
                [channels[i].name, channels[i].type, channels[i].part]
                for i in self._chosen(self.tables[0])
            ],
            "class_names": list(self.targets[0].class_names),
        }

    def cut(self, loaded, settings, smoke):
        settings = {k: v for k, v in settings.items() if k != "rate"}
        windows = super().cut(
            loaded, settings, smoke and settings["class_names"]
        )
        for tables in self.tables[1:]:
            self._chosen(tables)
        return windows

    def fits(self):
        settings = self.settings_for(Options())
        channels = [tuple(c[1:]) for c in settings["channels"]]
        shape = settings["length"], len(channels)
        return method_registry.fitting(
            [registry.WINDOWS],
            {*_trivial(self.targets[0]), *_CLASSICAL},
            {registry.WINDOWS: shape},
            len(self.targets[0].class_names),
            channels,
        )

    def describe(self, options):
        settings, own = self.settings_for(options), self.own
        types = [c[1] for c in settings["channels"]]
        parts = dict.fromkeys(c[2] for c in settings["channels"] if c[2])
        lines = [
            f"Windows: {own.window_seconds:g} s at {settings['rate']:g} Hz, a "
            f"new one after {settings['step'] / settings['rate']:g} s, the "
            "last one of a recording padded with zeros if it is half full; no "
            "augmentation.",
            f"Channels: {len(types)} ({', '.join(dict.fromkeys(types))}), "
            f"{len(parts) or 'no'} body parts named.",
        ]
        if "EMG" in types:
            lines.append(
                "EMG: band-passed from 20 to 450 Hz, rectified, low-passed at "
                "6 Hz, then resampled; classical methods see mean absolute "
                "value, RMS, waveform length and changes of sign of the EMG as "
                "it was given."
            )
        return lines

    def remarks(self, loaded, settings):
        short = sum(2 * len(r["signals"]) < settings["length"] for r in loaded)
        lines = self.label_remarks(loaded)
        if short:
            lines.append(
                f"Recordings shorter than half a window, left out: {short}."
            )
        return lines


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClipsExperiment(_Own, FaceExperiment):
    """A folder's landmarks or faces, a sample a recording or a frame.

    Pictures have `side` pixels a side unless a flag says otherwise.
    """

    side: int = 224
    preparing: ClassVar[str] = ""

    @property
    def flags(self):
        names = {"num_frames", "batch_size"}
        if self.corpus_kind == "faces":
            names |= {"size", "micro_batch", "mixed_precision", "balance"}
            names |= {"backbone", "backbone_weights"}
        return names

    def load(self, prepared, smoke):
        stores = []
        for number, part in enumerate((prepared, *prepared.further)):
            tables, target = self.tables[number], self.targets[number]
            faces = tables.kind == "faces"
            read = clip_data.open_frames if faces else clip_data.landmark_store
            store, rows = read(part.path), {r.name: r for r in tables.rows}
            rates = {file["name"]: _file_rate(file) for file in part.report}
            of = {}
            for clip, frames in store.numbered:
                value = target.of.get(clip.name, np.nan)
                if isinstance(value, tuple):
                    start, rate = rows[clip.name].start, rates.get(clip.name)
                    value = frame_values(
                        _at_rate(value, rate, start), len(frames), rate, start
                    )
                    if self._level() == "clip":
                        value = _of_clip(value, target.class_names)
                elif self._level() == "frame":
                    value = np.full(len(frames), value)
                of[clip.name] = value
            store = clip_data.with_labels(store, target.name, of)
            if number:
                store = clip_data.renamed(store, _TESTED)
            stores.append(store)
        return clip_data.JoinedFrames(stores) if stores[1:] else stores[0]

    def _level(self):
        if self.corpus_kind == "landmarks":
            return "clip"
        stills = all(
            r.path.suffix.lower() in PICTURES for r in self.tables[0].rows
        )
        frames = stills or self.targets[0].by_frame
        return self.own.level or ("frame" if frames else "clip")

    def settings_for(self, options):
        small = options.smoke and self.corpus_kind == "faces"
        size = options.size or (32 if small else self.side)
        settings = {
            "label": self.targets[0].name,
            "level": self._level(),
            "class_names": list(self.targets[0].class_names),
        }
        if self._level() == "clip":
            frames = options.num_frames or _NUM_FRAMES[self.corpus_kind]
            settings["num_frames"] = frames
        if self.corpus_kind == "faces":
            settings["size"] = size
        return settings

    def method_arguments(self, options, loaded):
        from keras_pain.experiments.pemf import PemfOptions

        weights = runs_backbone(options)
        digest = ""
        if self.corpus_kind == "landmarks":
            digest = clip_data.digest(loaded, pictures=False)
        of_clips = self.clip_options(options)
        of_features = PemfOptions(
            backbone=f"ConvNeXt{options.backbone or 'Tiny'}",
            backbone_weights=weights,
            batch_size=options.batch_size,
            landmarks=digest,
        )
        kinds = (registry.FEATURES, registry.LANDMARKS)

        def arguments(name):
            fed = method_registry.fed(name)
            return {"options": of_features if fed in kinds else of_clips}

        return arguments

    def fits(self):
        clip = self._level() == "clip"
        settings = self.settings_for(Options())
        frames, size = settings.get("num_frames", 0), settings.get("size", 0)
        if self.corpus_kind == "landmarks":
            shapes = {registry.LANDMARKS: (frames, 68, 2)}
            baselines = LANDMARK_CLASSIFIERS
        elif clip:
            shapes = {registry.CLIPS: (frames, size, size, 3)}
            shapes[registry.FEATURES] = (frames, 0)
            baselines = FACE_CLASSIFIERS
        else:
            shapes = {registry.FRAMES: (size, size, 3)}
            baselines = FACE_CLASSIFIERS
        trivial = _trivial(self.targets[0])
        classes = len(self.targets[0].class_names)
        return method_registry.fitting(
            shapes, [*trivial, *baselines], shapes, classes
        )

    def describe(self, options):
        settings = self.settings_for(options)
        if self.corpus_kind == "landmarks":
            return [
                f"Landmarks: 68 points in {settings['num_frames']} evenly "
                "spaced frames of each recording; no augmentation."
            ]
        lines = super().describe(options)
        weights = runs_backbone(options)
        if weights is None:
            lines.append(
                "Weights that papers take from ImageNet start at RANDOM here."
            )
        return lines

    def remarks(self, loaded, settings):
        return self.label_remarks(loaded)


def _trivial(target):
    names = ("majority", "stratified") if target.class_names else ()
    return names or ("train_mean", "train_median")


def runs_backbone(options: Options) -> str | None:
    """Pretrained weights of own recordings: none unless they are given."""
    weights = options.backbone_weights or "none"
    return None if weights == "none" else weights


def _at_rate(label, rate, start):
    """Rows without times get those of frames at `rate`."""
    if isinstance(label, tuple) and label[0] is None and rate:
        # The file is of the whole recording, its rows are its frames.
        return np.arange(len(label[1])) / rate, label[1]
    return label


def _file_rate(file):
    return file["frames"] / file["seconds"] if file["seconds"] else None


def _of_clip(values, class_names):
    """The label of a clip: that of most frames, or their mean."""
    known = values[np.isfinite(values)]
    if 2 * len(known) < len(values) or not len(known):
        return np.nan
    if not class_names:
        return float(known.mean())
    return float(np.bincount(known.astype(int)).argmax())


# --- How long ---


def _seconds(tasks, samples) -> float:
    """Seconds of one fold of all networks, about.

    By their operations and this machine's speed; layers that go from frame to
    frame take a time for each.
    """
    import tensorflow as tf

    x = tf.random.normal((1024, 1024))
    _ = (x @ x).numpy()
    start = time.perf_counter()
    _ = (x @ x @ x @ x).numpy()
    speed = 6 * 1024**3 / (time.perf_counter() - start) * _EFFICIENCY
    total = 0.0
    for task in tasks:
        method = method_registry.resolve_method(task.method, **task.options)
        if not hasattr(method, "entry"):
            continue
        fed, shape = method.entry.data, getattr(samples, "input_shape", None)
        if fed == registry.WINDOWS:
            from keras_pain.experiments.network import fitted_channels

            one = fitted_channels(method.entry, samples.take([0]))
            shape, method.of_channels = one[0].shape[1:], one[1]
        elif fed == registry.LANDMARKS:
            shape = (samples.num_frames, 68, 2)
        elif fed == registry.FEATURES:
            continue  # of a frozen backbone, which takes longer than this
        method.build(shape, samples.num_classes)
        steps = method.epochs * len(samples) / method.recipe.batch_size
        kinds = [type(layer).__name__ for layer in method.model.layers]
        recurrent = sum("LSTM" in kind or "GRU" in kind for kind in kinds)
        total += steps * recurrent * shape[0] * _FRAME_SECONDS
        passes = _TRAINING_PASSES * method.epochs * len(samples)
        total += passes * count_flops(method.model) / speed
    return total


def _duration(seconds):
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


# --- Tables ---


def own_experiment(
    folder,
    own: OwnOptions,
    *,
    methods: Sequence[str] | None = None,
    corpus: str = "folder",
    name: str = "",
    title: str = "",
    paper: str = "None: own recordings",
    notes: Sequence[str] = (),
    development: Sequence[str] = (),
    seeds: Sequence[int] = (0,),
    epochs: int | None = None,
    size: int = 224,
) -> "SignalsExperiment | ClipsExperiment":
    """The experiment of a folder.

    `name` is of the table and of the results folder, and `methods` are its
    rows. Raises KerasPainError, of one line, where folder, label, task or
    evaluation do not fit.
    """
    if not folder:
        raise ConfigurationError("give the folder of recordings: --manual_dir")
    if not own.label:
        raise ConfigurationError("say what is predicted: --label")
    tables = [get_corpus(corpus).tables(folder)]
    if own.test_dir:
        tables.append(get_corpus("folder").tables(own.test_dir))
        if tables[1].kind != tables[0].kind:
            raise ConfigurationError(
                f"--test_dir holds {tables[1].kind}, --manual_dir "
                f"{tables[0].kind}; both have to be of one kind"
            )
    targets = []
    for part in tables:
        known = targets[0].class_names or None if targets else None
        task = targets[0].task if targets else own.task
        targets.append(target_of(read_label(part, own.label), task, known))
    evaluation = _evaluation(own)
    target, kind = targets[0], tables[0].kind
    if own.reader and kind == "faces":
        raise ConfigurationError("--reader is for signals and landmarks")
    trivial = _trivial(target)
    noun = {"signals": "windows", "landmarks": "clips", "faces": "clips"}[kind]
    name = name or f"own_{tables[0].root.name}_{own.label}"
    table = TableSpec(
        name="".join(c if c.isalnum() or c in "-_" else "_" for c in name),
        title=title or f"{tables[0].root.name}: {own.label}",
        paper=paper,
        rows=tuple(
            RowSpec(_NAMES.get(n) or paper_name(n), n, evaluation)
            for n in trivial
        ),
        columns=_columns(target),
        class_names=target.class_names,
        notes=tuple(notes),
        reference="",
        samples=noun,
    )
    made = SignalsExperiment if kind == "signals" else ClipsExperiment
    experiment = made(
        table=table,
        corpus=corpus,
        layouts=(kind,),
        settings={},
        augmentation="none",
        epochs=epochs,
        protocols=(LEAK_FREE,),
        seeds=tuple(seeds),
        report=own_report,
        tables=tuple(tables),
        targets=tuple(targets),
        own=own,
        development=tuple(development),
        **({"noun": noun, "side": size} if kind != "signals" else {}),
    )
    if kind == "signals":
        for part in tables:
            experiment._chosen(part)
    elif experiment._level() == "frame":
        table = dataclasses.replace(table, samples="frames")
        experiment = dataclasses.replace(experiment, table=table, noun="frames")
    usual = kind if kind != "faces" else experiment._level()
    if methods is None:
        found = experiment.fits()
        methods = [n for n in _DEFAULTS[usual] if not found.get(n, "")]
    labels = dict.fromkeys([*trivial, *methods])
    rows = tuple(
        RowSpec(_NAMES.get(n) or paper_name(n), n, evaluation) for n in labels
    )
    table = dataclasses.replace(experiment.table, rows=rows)
    return dataclasses.replace(experiment, table=table)


_NAMES = {
    "majority": "Majority class",
    "stratified": "Stratified random",
    "train_mean": "Training mean",
    "train_median": "Training median",
    "knn": "KNN",
    "svm": "SVM",
    "rf_frames": "Random forest of 30",
    "random_forest": "Random forest",
    "lr_displacements": "Logistic regression on displacements",
    "pca_svm": "PCA + SVM",
}


def _evaluation(own):
    if own.test_dir:
        return "holdout"
    kind, _, folds = own.evaluation.partition(":")
    if kind == GROUP_KFOLD and folds.isdecimal() and int(folds) > 1:
        return f"{GROUP_KFOLD}{int(folds)}"
    if kind == GROUP_KFOLD:
        raise ConfigurationError(
            f"--evaluation: {own.evaluation!r} is not like {GROUP_KFOLD}:10"
        )
    known = ("loso", "holdout", f"{GROUP_KFOLD}:N")
    check_choice("--evaluation", own.evaluation, known)
    return own.evaluation


def _columns(target):
    if target.task == "intensity":
        names = {"icc": "ICC(3,1)", "pcc": "PCC", "mae": "MAE", "rmse": "RMSE"}
        return tuple(ColumnSpec(label, name) for name, label in names.items())
    names = {
        "macro_f1": "Macro-F1",
        "accuracy": "Accuracy",
        "balanced_accuracy": "Balanced accuracy",
        "mcc": "MCC",
    }
    if target.task == "ordinal":
        names = {"weighted_kappa": "Weighted kappa", "class_mae": "MAE"} | names
    columns = [ColumnSpec(label, name) for name, label in names.items()]
    if len(target.class_names) <= 8:
        columns += [
            ColumnSpec(f"F1 {name}", "f1", index)
            for index, name in enumerate(target.class_names)
        ]
    return tuple(columns)


def own_report(run: runs.FinishedRun) -> list[Path]:
    """Writes the table, and scores over people with and without those on whom
    settings were fixed, if there are any."""
    absent = _absent_classes(run)
    if absent:
        run = dataclasses.replace(run, header=(*run.header, absent))
    paths = runs.table_report(run)
    if run.experiment.development:
        paths += _write_people(run)
    return paths


def _absent_classes(run):
    """A line on folds whose training has no sample of some class."""
    names, texts = run.table.class_names, {}
    for task in run.tasks:
        if names and run.store.contains(task.key):
            counts = run.store.read(task.key).result["windows"]["train"]
            gone = [n for n, c in zip(names, counts, strict=True) if not c]
            if gone:
                texts[task.key.fold] = ", ".join(gone)
    if texts:
        folds = "; ".join(
            f"{fold} without {gone}" for fold, gone in texts.items()
        )
        return f"Classes that nobody else has are not predicted: {folds}."
    return ""


def _write_people(run) -> list[Path]:
    out = run.experiment.development
    grids = []
    for title, without in (
        ("All people", ()),
        (f"Without {', '.join(out)}", out),
    ):
        rows = []
        for row in run.table.methods:
            keys = [k for k in run.expected if k.method == row.method]
            if not all(map(run.store.contains, keys)):
                continue
            folds = [run.store.read(key) for key in keys]
            cells = [row.label]
            for metric in ("accuracy", "macro_f1"):
                found = statistics.subject_scores(
                    folds, metric, len(run.table.class_names)
                )
                found = without_people(found, without)
                low, high = statistics.percentile_interval(
                    found.pooled_draws[metric]
                )
                seeds = (
                    found.pooled.std(ddof=1) if len(found.pooled) > 1 else None
                )
                cells.append(
                    f"{found.pooled.mean():.3f} [{low:.3f}, {high:.3f}]"
                )
                cells.append("–" if seeds is None else f"{seeds:.3f}")
            cells.append(str(len(found.subjects)))
            rows.append(cells)
        columns = [
            *("Method", "Accuracy [95% over people]", "sd over seeds"),
            *("Macro-F1 [95% over people]", "sd over seeds", "People"),
        ]
        grids.append(Grid(title, columns, [rows], left=1))
    lines = [
        f"Settings were fixed on {', '.join(out)}, and on nobody else.",
        "Pooled over all samples, mean over seeds; intervals: bootstrap of "
        "people, percentile, the trained networks taken as given.",
    ]
    simulated = run.prepared.simulated
    title = marked_title(f"{run.table.title}: by people", simulated)
    sheet = Sheet("people", title, lines, grids)
    names = ["people", *grids[0].columns]
    rows = [
        dict(zip(names, [grid.title, *row], strict=False))
        for grid in grids
        for group in grid.groups
        for row in group
    ]
    return sheet.write(run.results_dir, "people", names, rows, simulated)


def without_people(
    scores: statistics.SubjectScores, people: Sequence[str]
) -> statistics.SubjectScores:
    """The scores of the others; pooled ones are computed anew."""
    kept = ~np.isin(scores.subjects, people)
    confusions = scores.confusions[:, kept]
    pooled = statistics.scores_of(confusions.sum(axis=1))[scores.metric]
    return dataclasses.replace(
        scores,
        subjects=tuple(np.array(scores.subjects)[kept].tolist()),
        values=scores.values[:, kept],
        confusions=confusions,
        pooled=pooled,
    )


def fitting_methods(corpus: str, folder) -> dict[str, dict[str, str]]:
    """By label of a folder, why methods do not fit it, `""` of those that do.

    A label that cannot be predicted has its problem in place of methods.
    """
    found, tables = {}, get_corpus(corpus).tables(folder)
    for name in [*tables.columns, *tables.frame_columns()]:
        try:
            experiment = own_experiment(
                folder, OwnOptions(label=name), corpus=corpus, methods=()
            )
            found[name] = {
                method: why
                for method, why in experiment.fits().items()
                if "is no baseline" not in why and "is fed" not in why
            }
        except KerasPainError as error:
            found[name] = {"any method": str(error)}
    return found


# --- In Python ---


class Results:
    """What `evaluate` found; in a notebook it shows its table.

    Attributes:
        run: The finished folds, a `keras_pain.reproduction.run.FinishedRun`.
        paths: All files that were written, the table's first.
    """

    def __init__(self, run: runs.FinishedRun, paths: Sequence[Path]):
        self.run, self.paths = run, list(paths)

    @property
    def simulated(self) -> bool:
        """Whether any of the recordings is simulated."""
        return self.run.prepared.simulated

    def table(self, kind: str = "pooled") -> pd.DataFrame:
        """One row a method, one column a metric: means over seeds.

        `kind` is `"pooled"` over the samples of all folds, or `"fold_mean"`.
        Columns `... sd` are standard deviations over seeds, where there are
        several. NaN is undefined.
        """
        check_choice("kind", kind, ("pooled", "fold_mean"))
        run = self.run
        scores = read_scores(
            run.store, run.expected, len(run.table.class_names)
        )
        rows = {}
        for row in run.table.methods:
            place = (row.evaluation, LEAK_FREE.name, row.method)
            cells = rows.setdefault(row.label, {})
            for column in run.table.columns:
                name = f"{kind}_{column.metric}"
                found = scores.get(place, name, column.class_index)
                cells[column.label] = np.nan if found is None else found["mean"]
                if found is not None and np.isfinite(found.sd):
                    cells[f"{column.label} sd"] = found.sd
        frame = pd.DataFrame.from_dict(rows, orient="index")
        frame.index.name = "SIMULATED" if self.simulated else "method"
        return frame

    def compare(self, metric: str | None = None) -> pd.DataFrame:
        """All pairs of methods, paired by person: the suite's statistics.

        Columns: the mean difference over people and its 95 % interval, p of
        the paired test and corrected by Holm, and the rank-biserial effect
        size. Of classes `metric` is one of
        `keras_pain.reports.statistics.POOLED_METRICS`, macro-F1 by default; of
        intensities it is the absolute error. Raises ConfigurationError where
        fewer than two methods are finished, or people are too few.
        """
        run, everyone = self.run, []
        classes = len(run.table.class_names)
        for row in run.table.methods:
            keys = [k for k in run.expected if k.method == row.method]
            if all(map(run.store.contains, keys)):
                everyone.append((row.label, [run.store.read(k) for k in keys]))
        if len(everyone) < 2:
            raise ConfigurationError("a comparison needs two finished methods")
        if not classes:
            return _compare_errors(everyone)
        scores = [
            statistics.subject_scores(folds, metric or "macro_f1", classes)
            for _, folds in everyone
        ]
        labels = {
            s.method: label
            for s, (label, _) in zip(scores, everyone, strict=True)
        }
        rows = [
            {
                "first": labels[pair.first],
                "second": labels[pair.second],
                "difference": pair.by_person.value,
                "low": (pair.by_person.interval or (np.nan,) * 2)[0],
                "high": (pair.by_person.interval or (np.nan,) * 2)[1],
                "p": pair.by_person.p,
                "p_holm": pair.by_person.p_holm,
                "rank_biserial": pair.rank_biserial,
                "people": pair.num_subjects,
            }
            for pair in statistics.compare_all(scores)
        ]
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        return f"<Results of {self.run.table.title}: {self.paths[0]}>"

    def _repr_markdown_(self):
        return self.paths[0].read_text(encoding="utf-8")


def _compare_errors(everyone):
    """Pairs of methods by the mean absolute error of each person."""
    errors = {}
    for label, folds in everyone:
        parts = [
            pd.DataFrame(
                {
                    "person": fold.predictions["subject"],
                    "error": np.abs(
                        fold.predictions["y_true"] - fold.predictions["y_pred"]
                    ),
                }
            )
            for fold in folds
        ]
        errors[label] = pd.concat(parts).groupby("person")["error"].mean()
    names, rows = list(errors), []
    for index, first in enumerate(names):
        for second in names[index + 1 :]:
            differences = (errors[first] - errors[second]).to_numpy()
            p, _ = statistics.paired_test(differences)
            low, high = statistics.mean_interval(differences)
            rows.append(
                {
                    "first": first,
                    "second": second,
                    "difference": differences.mean(),
                    "low": low,
                    "high": high,
                    "p": p,
                    "rank_biserial": statistics.effect_sizes(differences)[0],
                    "people": len(differences),
                }
            )
    frame = pd.DataFrame(rows)
    frame.insert(6, "p_holm", statistics.holm(frame["p"]))
    return frame


def evaluate(
    folder,
    *,
    label: str,
    methods: Sequence | Mapping | None = None,
    evaluation: str = "loso",
    seeds: Sequence[int] = (0,),
    corpus: str = "folder",
    name: str = "",
    title: str = "",
    paper: str = "None: own recordings",
    notes: Sequence[str] = (),
    development: Sequence[str] = (),
    **options,
) -> Results:
    """Compares methods on the recordings of a folder, person by person.

    The folder's form is that of `keras_pain.corpora.folder.layout`. Finished
    folds are kept in `results_dir`, and the same call goes on from there.

    Args:
        folder: Folder of the recordings.
        label: Column that is predicted.
        methods: Names of the suite, `module:object`, classes, factories, or
            instances, which are copied for every fold; or these by name. None
            takes a few that fit.
        evaluation: `"loso"`, `"group_kfold:10"` or `"holdout"`.
        seeds: Of training; folds are the same for all.
        corpus: `"folder"`, or an open corpus of the suite.
        name, title, paper, notes: Of the table.
        development: People on whom the settings were fixed.
        **options: Fields of `keras_pain.reproduction.flags.OwnOptions` and
            `Options`, e.g. `task`, `test_dir`, `epochs`, `jobs`, `smoke`,
            `results_dir`.

    Returns:
        The finished folds as `Results`.

    Raises:
        KerasPainError: Of one line, that says what does not fit and the cure.
    """
    fields = {field.name for field in dataclasses.fields(OwnOptions)}
    known = {field.name for field in dataclasses.fields(Options)}
    if unknown := sorted(options.keys() - fields - known):
        raise ConfigurationError(
            f"evaluate has no argument {unknown[0]!r}; it has "
            f"{', '.join(sorted(fields | known))}"
        )
    own = {k: v for k, v in options.items() if k in fields}
    own = OwnOptions(label=label, evaluation=evaluation, **own)
    given = {k: v for k, v in options.items() if k in known - fields}
    given = Options(manual_dir=os.fspath(folder), **given)
    if isinstance(methods, Mapping):
        methods = [
            method_registry.GivenMethod(m, n) for n, m in methods.items()
        ]
    elif isinstance(methods, str):
        methods = [methods]
    chosen = methods and [
        m if isinstance(m, str) else method_registry.GivenMethod(m)
        for m in methods
    ]
    experiment = own_experiment(
        folder,
        own,
        methods=chosen,
        corpus=corpus,
        name=name,
        title=title,
        paper=paper,
        notes=notes,
        development=development,
        seeds=seeds,
    )
    return run_experiment(experiment, given)


def run_experiment(experiment, options: Options) -> Results:
    """`evaluate` of an experiment that is planned already."""
    for row in experiment.table.methods:
        if isinstance(row.method, method_registry.GivenMethod):
            _check_given(row.method, options.jobs)
    return Results(*runs.finish(experiment, options))


def _check_given(method, jobs):
    """Whether an object can go to other processes, and be taken up again."""
    if jobs > 1:
        from joblib.externals import cloudpickle

        try:
            cloudpickle.dumps(method.what)
        except Exception as error:
            raise KerasPainError(
                f"{method}: cannot be sent to other processes "
                f"({type(error).__name__}: {str(error)[:200]}); give jobs=1"
            ) from error
    found = method_registry.resolve_method(method).config()
    if method_registry.NOT_RESUMED in found:
        print(
            f"{method}: has no config(), no get_params() and no source; its "
            "folds cannot be taken up by another run",
        )
