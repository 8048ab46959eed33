"""Users' own recordings, and open ones: from a folder to a table.

`evaluate` plans and runs folds as the papers' tables do, by the same functions,
under the protocol `leak_free`, the only one for such data.
"""

import abc
import dataclasses
import datetime
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from keras_pain.corpora.base import get_corpus
from keras_pain.corpora.folder import layout
from keras_pain.corpora.folder.layout import Label, Tables
from keras_pain.data import clips as clip_data
from keras_pain.data.prepare import identify, prepare_dataset, read_examples
from keras_pain.data.windows import WindowSet
from keras_pain.errors import ConfigurationError, KerasPainError, check_choice
from keras_pain.experiments import baselines, method_registry
from keras_pain.experiments.network import fitted_windows
from keras_pain.experiments.pemf import PemfOptions
from keras_pain.experiments.preprocessing import ABSENT
from keras_pain.experiments.protocols import GROUP_KFOLD, LEAK_FREE, Subject
from keras_pain.io import load_object, marked_title, source_sha256
from keras_pain.models.flops import count_flops
from keras_pain.models.registry import (
    CLIPS,
    FEATURES,
    FRAMES,
    LANDMARKS,
    WINDOWS,
)
from keras_pain.reports import calibration, page, statistics
from keras_pain.reports import table as reports
from keras_pain.reports.figures import paper_name
from keras_pain.reports.table import ColumnSpec, RowSpec, TableSpec
from keras_pain.reproduction import run as runs
from keras_pain.reproduction.experiment import Experiment
from keras_pain.reproduction.faces import (
    FaceExperiment,
    backbone_weights,
    weights_named,
)
from keras_pain.reproduction.flags import Options, OwnOptions
from keras_pain.signals.biosignals import prepared as prepared_signals

_MOST_CLASSES, _USUAL_CLASSES = 50, 10
_RATE = 60.0  # Hz, EmoPain's, for which the networks of windows were made
_TESTED = "test:"  # before names of people and recordings of --test_dir
# What a first look is worth: rows where the user names none.
_DEFAULTS = {
    "signals": ("knn", "svm", "random_forest", "banet", "lsfan"),
    "landmarks": ("lr_displacements", "stgcn_lstm"),
    "clip": ("pca_svm", "l3d"),
    "frame": ("pca_svm", "resnet50_ham"),
}
# Of windows; trivial ones are told by the task.
_CLASSICAL = {*baselines.CLASSICAL, *baselines.WINDOW_CLASSIFIERS}
_CLASSICAL -= {"majority", "stratified"}
_LABELS = {  # over those of `paper_name`
    "train_mean": "Training mean",
    "train_median": "Training median",
    "rf_frames": "Random forest of 30",
    "random_forest": "Random forest",
    "logistic_regression": "Logistic regression",
    "lr_displacements": "Logistic regression on displacements",
    "pca_svm": "PCA + SVM",
}
_NUM_FRAMES = {"landmarks": 20, "faces": 16}
# Unsaid: STGCN-LSTM's 1e-4 and 1000 epochs are for 272 clips. On three people
# of BUHMAP-DB ten times the rate learnt in 12 epochs what took it far longer.
_LANDMARK_RATE, _LANDMARK_EPOCHS = 1e-3, 40
_MEMORY_SHARE = 0.8
# Passes over windows that a training step costs, and what is in memory beside
# the windows: scaled and shuffled copies of training, validation and test.
_TRAINING_PASSES, _COPIES = 3.0, 4.0
# Of small layers, in the speed of a large matrix product; of a recurrent layer,
# for each frame of a batch. Measured on two cores.
_EFFICIENCY, _FRAME_SECONDS = 0.05, 2e-4


def target_of(
    label: Label, task: str | None, class_names: Sequence[str] | None = None
) -> Label:
    """The label as class indices or intensities, with its task.

    Raises ConfigurationError where it does not suit the task, or is the same
    everywhere; `class_names` are those of the corpus that is trained on.
    """
    flag = f"--label {label.name}"
    known = np.unique(np.hstack([*label.of.values()]))
    known = known[np.isfinite(known)]
    if not len(known):
        raise ConfigurationError(f"{flag}: is missing in all recordings")
    if task is None:
        few = len(known) <= _USUAL_CLASSES
        few &= np.array_equal(known, known.round())
        task = "class" if label.classes or few else "intensity"
    if label.classes and task != "class":
        raise ConfigurationError(
            f"{flag}: has words ({label.classes[0]}, ...), which have no order "
            f"for --task {task}; number them in recordings.tsv"
        )
    names = label.classes or tuple(f"{value:g}" for value in known)
    if class_names is None and len(known) < 2:
        problem = f"{flag}: is {names[0]} in all recordings"
        raise ConfigurationError(f"{problem}: there is nothing to learn")
    if task == "intensity":
        return label._replace(task=task)
    if len(names) > _MOST_CLASSES:
        problem = f"{flag}: has {len(names)} values, too many for classes"
        raise ConfigurationError(f"{problem}; give --task intensity")
    wanted = tuple(class_names or names)
    if unknown := sorted(set(names) - set(wanted)):
        problem = f"{flag}: --test_dir has {unknown[0]!r}"
        raise ConfigurationError(f"{problem}, which --manual_dir lacks")
    place = np.array([*map(wanted.index, names), np.nan])
    numbers = np.arange(len(names)) if label.classes else known

    def index(values):
        found = np.searchsorted(numbers, np.nan_to_num(values))
        return place[np.where(np.isfinite(values), found, len(names))]

    of = {name: index(values) for name, values in label.of.items()}
    return label._replace(of=of, classes=wanted, task=task)


def _trivial(target):
    if target.classes:
        return ("majority", "stratified")
    return ("train_mean", "train_median")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Own(abc.ABC):
    """What experiments on folders share.

    `development` are people on whom settings were fixed; the report is also
    given without them.
    """

    tables: tuple[Tables, ...] = ()  # of the folder, and of one to test on
    targets: tuple[Label, ...] = ()  # what is predicted, of each of these
    own: OwnOptions = OwnOptions()
    development: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Of the recordings: signals, landmarks or faces."""
        return self.tables[0].kind

    def attributes(self) -> dict[str, dict[str, str]]:
        """Group, sex and band of age of people, as far as they are said."""
        found = {"group": {}, "sex": {}, "age": {}}
        for number, tables in enumerate(self.tables):
            for name, of in {"group": tables.groups, **tables.others}.items():
                found[name] |= {_TESTED * number + p: v for p, v in of.items()}
        return found

    def prepare(self, options, console):
        parts = []
        for number, tables in enumerate(self.tables):
            # Another corpus to test on is a folder.
            corpus = "folder" if number else self.corpus
            files = get_corpus(corpus).find_files(tables.root, tables.kind)
            given = {"reader": self.own.reader}
            code = self.own.reader and source_sha256(self.own.reader)
            content = identify(tables.root, files)
            mark = _digest([content, tables.identity(), given, code])[:12]
            parts.append(
                prepare_dataset(
                    corpus,
                    manual_dir=tables.root,
                    data_dir=options.data_dir or "data/tfds",
                    layout=f"{tables.kind}_{mark}",
                    on_bad_file=options.on_bad_file,
                    fingerprint=content,
                    given=given,
                )
            )
        known, *further = ({h: k for k, h in p.hashes.items()} for p in parts)
        for tested in further:
            for shared in sorted(known.keys() & tested, key=tested.get):
                raise ConfigurationError(
                    f"--test_dir: {tested[shared]} has the content of "
                    f"{known[shared]} of --manual_dir: people would be tested "
                    "on what was learnt from them; leave it out of either"
                )
        return dataclasses.replace(parts[0], further=tuple(parts[1:]))

    def identity(self, loaded) -> dict:
        """Beside the files: the tables, as far as they are in use."""
        used = [[tables.identity() for tables in self.tables], self.own.reader]
        for target in self.targets:
            arrays = target.of | {f"t {k}": v for k, v in target.times.items()}
            used += [sorted((k, repr(v.tolist())) for k, v in arrays.items())]
        return {
            "tables": _digest(used)[:16],
            "label": self.targets[0].name,
            "task": self.targets[0].task,
            # Folds may lack a class: the runner takes it for impossible there.
            ABSENT: "not predicted",
            **({"tested": self.tables[1].root.name} if self.tables[1:] else {}),
        }

    def subjects(self, loaded, samples):
        found, several = [], len(self.tables) > 1
        people = getattr(samples, "person", samples.subject)
        for name in np.unique(people).tolist():
            tested = several and name.startswith(_TESTED)
            groups = self.tables[tested].groups
            group = groups.get(name.removeprefix(_TESTED), "")
            split = ("train", "validation")[tested] if several else ""
            found.append(Subject(name, group, split))
        return found

    def check_method(self, name):
        if ":" in name:
            data = [WINDOWS] if self.kind == "signals" else []
            method_registry.check_samples(name, data, (), self.noun)
            return
        if reason := self.fits([name]).get(name, "is no method of the suite"):
            fits = sorted(name for name, why in self.fits().items() if not why)
            raise ConfigurationError(
                f"--methods: {name!r} cannot be used on these {self.noun}: "
                f"{reason}; those that can are {', '.join(fits)}"
            )

    def fits(self, names: Sequence[str] | None = None) -> dict[str, str]:
        """Why methods do not fit the samples, by name; `""` of others.

        `names` are those that are tried, None all of the suite.
        """
        known, shapes, channels = self.sample()
        known = {*_trivial(self.targets[0]), *known}
        given = known, shapes, len(self.targets[0].classes), channels
        return method_registry.fitting(*given, names)

    @abc.abstractmethod
    def sample(self) -> tuple:
        """Baselines that see a sample, its shapes by kind, and its channels."""

    def note(self):
        place = {"folder": str(self.tables[0].root.resolve())}
        place["corpus"] = self.corpus
        return {runs.OWN: {**place, "own": dataclasses.asdict(self.own)}}

    def announce(self, tasks, samples, options, console):
        """How many trainings, how long about, in how much memory."""
        found = next(iter(samples.values()))
        counts = [
            len({getattr(task.key, part) for task in tasks})
            for part in ("method", "fold", "seed")
        ]
        seconds = round(_seconds(tasks, found) / options.jobs)
        console.print(
            "{} methods x {} folds x {} seeds: about ".format(*counts)
            + f"{datetime.timedelta(seconds=seconds)} for the networks, in "
            f"about {self.gigabytes(found):.1f} GB"
        )

    def gigabytes(self, samples) -> float:
        """What training will hold."""
        if self.kind == "signals":
            return 1 + _COPIES * samples.x.nbytes / 2**30
        size = int(samples.frames.first[-1]) * 3 * samples.size**2
        faces = self.kind == "faces"
        return 1 + faces * min(size, clip_data.DECODED_BYTES) / 2**30

    def remarks(self, loaded, settings):
        lines = []
        for tables, target in zip(self.tables, self.targets, strict=True):
            gone = sum(not np.isfinite(v).any() for v in target.of.values())
            if gone:
                text = f"Recordings without the label {target.name}, left out"
                lines.append(f"{text}: {gone} of {len(tables.rows)}.")
            lines += [f"{f.rule}: {f.detail}." for f in tables.findings]
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

    def chosen(self, number: int = 0) -> list:
        """The channels of a folder that are used, and where they are in it.

        Raises ConfigurationError where one is not there.
        """
        channels = self.tables[number].channels
        names = [channel.name for channel in channels]
        usual = [channel.name for channel in self.tables[0].channels]
        wanted = self.own.channels or usual
        if isinstance(wanted, str):
            wanted = wanted.split(",")
        wanted = [name.strip() for name in wanted]
        if lacking := [name for name in wanted if name not in names]:
            where = ("--manual_dir", "--test_dir")[number]
            raise ConfigurationError(
                f"--channels: {lacking[0]!r} is none of {', '.join(names)}, "
                f"the channels of {where}; name some that are there"
            )
        found = [(i := names.index(n), channels[i]) for n in wanted]
        for _, one in found if number else ():
            other = self.tables[0].channels[usual.index(one.name)]
            if (one.type, one.units) != (other.type, other.units):
                raise ConfigurationError(
                    f"channel {one.name!r} is {one.type} in {one.units} in "
                    f"--test_dir, {other.type} in {other.units} in "
                    "--manual_dir; bring both to the same, or leave it out "
                    "with --channels"
                )
        return found

    def settings_for(self, options):
        own, channels = self.own, [channel for _, channel in self.chosen()]
        rate = min(tables.channels[0].rate for tables in self.tables)
        rate = float(own.rate or min(rate, _RATE))
        step = own.step_seconds or own.window_seconds / 4
        return {
            "cut": "signal_windows",
            "rate": rate,
            "length": max(round(own.window_seconds * rate), 1),
            "step": max(round(step * rate), 1),
            "channels": [[c.name, c.type, c.part] for c in channels],
            "class_names": list(self.targets[0].classes),
        }

    def input(self, prepared, options):
        channels = [channel for _, channel in self.chosen()]
        return {
            "kind": "signals",
            "rate": self.settings_for(options)["rate"],
            "file_rate": channels[0].rate,
            "channels": [list(channel) for channel in channels],
            "file_channels": [c.name for c in self.tables[0].channels],
        }

    def load(self, prepared, smoke):
        parts, loaded = (prepared, *prepared.further), []
        settings = self.settings_for(Options())
        rate = settings["rate"]
        self.check_memory(parts, settings)
        for number, part in enumerate(parts):
            tables = self.tables[number]
            rows = {row.name: row for row in tables.rows}
            index, channels = zip(*self.chosen(number), strict=True)
            own_rate = tables.channels[0].rate
            emg = np.array([channel.type == "EMG" for channel in channels])
            target = self.targets[number].at_rate(own_rate)
            for _, _, example in read_examples(part.path):
                name = example["recording"].decode()
                values, row = example["signals"][:, index], rows[name]
                self.targets[number].check(row, len(values), own_rate)
                signals, sums = prepared_signals(values, emg, own_rate, rate)
                y = target.frames(name, len(signals), rate, row.start)
                names = {"recording": name, "subject_id": row.subject}
                names = {k: _TESTED * number + v for k, v in names.items()}
                loaded.append(names | dict(signals=signals, sums=sums, label=y))
        loaded.sort(key=lambda recording: recording["recording"])
        if smoke and not self.tables[1:]:
            people = sorted({r["subject_id"] for r in loaded})[:5]
            loaded = [r for r in loaded if r["subject_id"] in people]
        return loaded

    def check_memory(self, parts, settings) -> None:
        """Raises ConfigurationError where training would hold too much."""
        seconds = sum(file["seconds"] for part in parts for file in part.report)
        count = seconds * settings["rate"] / settings["step"]
        size = settings["length"] * len(settings["channels"]) * 4
        needed = 1 + _COPIES * count * size / 2**30
        if (limit := self.own.memory_gb) is None:
            pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
            limit = _MEMORY_SHARE * pages / 2**30
        if needed > limit:
            raise ConfigurationError(
                f"training would hold about {needed:.1f} GB, --memory_gb is "
                f"{limit:.1f}: give a lower --rate, a larger --step_seconds, "
                "fewer --channels, or more memory"
            )

    def cut(self, loaded, settings, smoke):
        settings = {k: v for k, v in settings.items() if k != "rate"}
        names = settings["class_names"]
        windows = super().cut(loaded, settings, smoke and names)
        if names and len(there := np.unique(windows.y)) < 2:
            raise ConfigurationError(
                f"--label {self.targets[0].name}: all {len(windows)} windows "
                f"are {names[there[0]]}: there is nothing to learn; shorter "
                "windows may hold both"
            )
        return windows

    def sample(self):
        settings = self.settings_for(Options())
        channels = [tuple(c[1:]) for c in settings["channels"]]
        shapes = {WINDOWS: (settings["length"], len(channels))}
        return _CLASSICAL, shapes, channels

    def describe(self, options):
        settings = self.settings_for(options)
        rate, types = settings["rate"], [c[1] for c in settings["channels"]]
        parts = {c[2] for c in settings["channels"] if c[2]}
        lines = [
            f"Windows: {settings['length'] / rate:g} s at {rate:g} Hz, a new "
            f"one after {settings['step'] / rate:g} s, the last one of a "
            "recording padded with zeros if it is half full; no augmentation.",
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
        text = f"Recordings shorter than half a window, left out: {short}."
        return super().remarks(loaded, settings) + [text] * (short > 0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClipsExperiment(_Own, FaceExperiment):
    """A folder's landmarks or faces, a sample a recording or a frame.

    Pictures have `side` pixels a side unless a flag says otherwise.
    """

    side: int = 224

    @property
    def flags(self):
        names = "num_frames batch_size"
        if self.kind == "faces":
            names += " size micro_batch mixed_precision balance"
            names += " backbone_weights"
            names += " backbone" * (self.level == "clip")
        return set(names.split())

    @property
    def level(self) -> str:
        """`"clip"` or `"frame"`: what a sample is."""
        return _level(self.tables[0], self.targets[0], self.own)

    def settings_for(self, options):
        settings = {
            "label": self.targets[0].name,
            "level": self.level,
            "class_names": list(self.targets[0].classes),
        }
        if self.level == "clip":
            usual = _NUM_FRAMES[self.kind]
            settings["num_frames"] = options.num_frames or usual
        if self.kind == "faces":
            side = 32 if options.smoke else self.side
            settings["size"] = options.size or side
        return settings

    def input(self, prepared, options):
        return super().input(prepared, options) | {"kind": self.kind}

    def load(self, prepared, smoke):
        stores = []
        for number, part in enumerate((prepared, *prepared.further)):
            tables, target = self.tables[number], self.targets[number]
            faces = self.kind == "faces"
            read = clip_data.open_frames if faces else clip_data.landmark_store
            store, rows = read(part.path), {r.name: r for r in tables.rows}
            seconds = {file["name"]: file["seconds"] for file in part.report}
            of = {}
            for clip, frames in store.numbered:
                count, name = len(frames), clip.name
                rate = seconds[name] and count / seconds[name]
                row = rows[name]
                target.check(row, count, rate)
                one = target._replace(of={name: target.of[name]}).at_rate(rate)
                values = one.frames(name, count, rate, row.start)
                if self.level == "clip":
                    values = _of_clip(values, target.classes)
                of[name] = values
            store = clip_data.with_labels(store, target.name, of)
            stores.append(clip_data.renamed(store, _TESTED * number))
        return clip_data.JoinedFrames(stores) if stores[1:] else stores[0]

    def method_arguments(self, options, loaded):
        of_points = self.kind == "landmarks"
        digest = clip_data.digest(loaded, pictures=False) if of_points else ""
        of_features = PemfOptions(
            backbone=f"ConvNeXt{options.backbone or 'Tiny'}",
            backbone_weights=backbone_weights(options, self.usual_weights),
            batch_size=options.batch_size,
            learning_rate=_LANDMARK_RATE if of_points else None,
            displacements=of_points,
            landmarks=digest,
        )
        of_clips = self.clip_options(options)

        def arguments(name):
            fed = method_registry.fed(name)
            chosen = of_features if fed in (FEATURES, LANDMARKS) else of_clips
            return {"options": chosen}

        return arguments

    def sample(self):
        settings = self.settings_for(Options())
        frames, size = settings.get("num_frames", 0), settings.get("size", 0)
        if self.kind == "landmarks":
            shapes = {LANDMARKS: (frames, 68, 2)}
            return baselines.LANDMARK_CLASSIFIERS, shapes, ()
        shapes = {FRAMES: (size, size, 3)}
        if self.level == "clip":
            shapes = {CLIPS: (frames, size, size, 3), FEATURES: (frames, 0)}
        return baselines.FACE_CLASSIFIERS, shapes, ()

    def describe(self, options):
        if self.kind == "landmarks":
            frames = self.settings_for(options)["num_frames"]
            return [
                f"Landmarks: 68 points in {frames} evenly spaced frames of "
                "each recording; no augmentation. STGCN-LSTM sees how they "
                "move away from the first frame, and learns at "
                f"{_LANDMARK_RATE:g} instead of the paper's rate."
            ]
        lines = super().describe(options)
        if self.level == "clip":
            weights = backbone_weights(options, self.usual_weights)
            lines.append(f"ConvNeXt: starts from {weights_named(weights)}.")
        return lines


class LandmarkWindows(ClipsExperiment):
    """Clips of landmarks as windows, for what only windows have.

    A sample's channels are the 136 coordinates; classical methods see
    `keras_pain.experiments.baselines.displacements`.
    """

    def cut(self, loaded, settings, smoke):
        clips = super().cut(loaded, settings, smoke=False)
        if smoke:  # few people, but all of theirs: some are a slice apart
            clips = clips.of_subjects(np.unique(clips.person)[:5])
        x, count = baselines.normalised_points(clips), len(clips)
        return WindowSet(
            x=x.reshape(*x.shape[:2], -1).astype(np.float32),
            y=clips.y,
            length=np.full(count, x.shape[1], np.int32),
            subject=clips.person,
            recording=clips.recording,
            start=clips.start,
            activity=np.zeros(count, np.int32),
            class_names=clips.class_names,
            channel_names=tuple(map(str, range(x.shape[2] * 2))),
            channels=(("POS", ""),) * (x.shape[2] * 2),
            statistics=baselines.displacements(clips).astype(np.float32),
        )

    def sample(self):
        return _CLASSICAL, {}, ()

    def method_arguments(self, options, loaded):
        return {}

    def gigabytes(self, samples):
        return 1.0


def _of_clip(values, classes):
    """The label of a clip: that of most frames, or their mean."""
    known = values[np.isfinite(values)]
    if 2 * len(known) < len(values) or not len(known):
        return np.nan
    return np.bincount(known.astype(int)).argmax() if classes else known.mean()


def _digest(value):
    return hashlib.sha256(json.dumps(value, default=str).encode()).hexdigest()


def _seconds(tasks, samples) -> float:
    """Seconds of all trainings of networks, about.

    By their operations and this machine's speed; layers that go from frame to
    frame take a time for each.
    """
    import tensorflow as tf

    x = tf.random.normal((1024, 1024))
    _ = (x @ x).numpy()
    start = time.perf_counter()
    _ = (x @ x @ x @ x).numpy()
    speed = 6 * 1024**3 / (time.perf_counter() - start) * _EFFICIENCY
    total, folds = 0.0, Counter(task.key.method for task in tasks)
    for task in {task.key.method: task for task in tasks}.values():
        method = method_registry.resolve_method(task.method, **task.options)
        if getattr(method, "entry", None) is None:
            continue
        fed, shape = method.entry.data, getattr(samples, "input_shape", None)
        if fed == WINDOWS:
            one, more = fitted_windows(method.entry, samples.take([0]))
            shape, method.of_channels = one.x.shape[1:], more
        elif fed == LANDMARKS:
            shape = (samples.num_frames, 68, 2)
        elif fed == FEATURES:
            continue  # of a frozen backbone, which takes longer than this
        method.build(shape, samples.num_classes)
        steps = method.epochs * len(samples) / method.recipe.batch_size
        kinds = [type(layer).__name__ for layer in method.model.layers]
        recurrent = sum("LSTM" in kind or "GRU" in kind for kind in kinds)
        of_one = steps * recurrent * shape[0] * _FRAME_SECONDS
        passes = _TRAINING_PASSES * method.epochs * len(samples)
        of_one += passes * count_flops(method.model) / speed
        total += of_one * folds[task.key.method]
    return total


def own_experiment(
    folder,
    own: OwnOptions,
    *,
    methods: Sequence[str] | None = None,
    corpus: str = "folder",
    name: str = "",
    title: str = "",
    paper: str = "none; own recordings",
    notes: Sequence[str] = (),
    development: Sequence[str] = (),
    seeds: Sequence[int] = (0,),
    epochs: int | None = None,
    size: int = 224,
) -> SignalsExperiment | ClipsExperiment:
    """The experiment of a folder.

    `name` is of the table and of the results folder, and `methods` are its
    rows. Raises KerasPainError, of one line, where folder, label, task or
    evaluation do not fit.
    """
    if not folder:
        raise ConfigurationError("give the folder of recordings: --manual_dir")
    if not own.label:
        raise ConfigurationError("say what is predicted: --label")
    if own.task is not None:
        check_choice("--task", own.task, ("class", "ordinal", "intensity"))
    for flag in ("rate", "window_seconds", "step_seconds", "memory_gb"):
        value = getattr(own, flag)
        if value is not None and not 0 < value < np.inf:
            raise ConfigurationError(f"--{flag} must be positive, got {value}")
    tables = [get_corpus(corpus).tables(folder)]
    if own.test_dir:
        tables.append(get_corpus("folder").tables(own.test_dir))
    kinds = list(dict.fromkeys(part.kind for part in tables))
    if kinds[1:]:
        problem = f"--test_dir holds {kinds[1]}, --manual_dir {kinds[0]}"
        raise ConfigurationError(f"{problem}; both have to be of one kind")
    if own.reader and kinds == ["faces"]:
        raise ConfigurationError("--reader is for signals and landmarks")
    if own.reader:  # fails before long work
        with method_registry.own_code(own.reader, "--reader"):
            load_object(own.reader, "--reader")
    target = target_of(layout.read_label(tables[0], own.label), own.task)
    targets = [target]
    for part in tables[1:]:
        of = layout.read_label(part, own.label)
        targets.append(target_of(of, target.task, target.classes))
    kind, name = kinds[0], name or f"own_{tables[0].root.name}_{own.label}"
    level = _level(tables[0], target, own)
    noun = "windows" if kind == "signals" else f"{level}s"
    evaluation = _evaluation(own)

    def table(methods):
        return TableSpec(
            name="".join(c if c.isalnum() or c in "-_" else "_" for c in name),
            title=title or f"{tables[0].root.name}: {own.label}",
            paper=paper,
            rows=tuple(
                RowSpec(_LABELS.get(row) or paper_name(row), row, evaluation)
                for row in dict.fromkeys([*_trivial(target), *methods])
            ),
            columns=_columns(target),
            class_names=target.classes,
            notes=tuple(notes),
            reference="",
            samples=noun,
        )

    made, more = SignalsExperiment, {}
    if kind != "signals":
        made, more = ClipsExperiment, {"noun": noun, "side": size}
        more |= {"pretrained": level == "frame", "usual_weights": "none"}
    if kind == "landmarks":
        epochs = epochs or _LANDMARK_EPOCHS
    experiment = made(
        table=table(methods or ()),
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
        **more,
    )
    for number in range(len(tables) * (kind == "signals")):
        experiment.chosen(number)
    if methods is None:
        usual = _DEFAULTS[level if kind == "faces" else kind]
        found = experiment.fits(usual)
        chosen = table(name for name in usual if not found[name])
        experiment = dataclasses.replace(experiment, table=chosen)
    return experiment


def _level(tables, target, own):
    """Whether a sample of faces is a clip or a frame."""
    endings = {row.path.suffix.lower() for row in tables.rows}
    frames = target.by_frame or endings <= {*layout.PICTURES}
    if tables.kind != "faces":
        return "clip"
    return own.level or ("frame" if frames else "clip")


def _evaluation(own):
    if own.test_dir:
        return "holdout"
    kind, _, folds = own.evaluation.partition(":")
    if kind == GROUP_KFOLD:
        if folds.isdecimal() and int(folds) > 1:
            return f"{GROUP_KFOLD}{int(folds)}"
        raise ConfigurationError(
            f"--evaluation: {own.evaluation!r} is not like {GROUP_KFOLD}:10"
        )
    known = ("loso", "holdout", f"{GROUP_KFOLD}:N")
    check_choice("--evaluation", own.evaluation, known)
    return own.evaluation


def _columns(target):
    names = "macro_f1:Macro-F1 accuracy:Accuracy "
    names += "balanced_accuracy:Balanced_accuracy mcc:MCC"
    if target.task == "ordinal":
        names = f"weighted_kappa:Weighted_kappa class_mae:MAE {names}"
    elif target.task == "intensity":
        names = "icc:ICC(3,1) pcc:PCC mae:MAE rmse:RMSE"
    pairs = [text.split(":") for text in names.split()]
    columns = [ColumnSpec(b.replace("_", " "), a) for a, b in pairs]
    if len(target.classes) <= _USUAL_CLASSES:
        columns += [
            ColumnSpec(f"F1 {name}", "f1", index)
            for index, name in enumerate(target.classes)
        ]
    return tuple(columns)


def fitting_methods(corpus: str, folder) -> dict[str, dict[str, str]]:
    """By label of a folder, why methods do not fit it, `""` of those that do.

    A label that cannot be predicted has its problem in place of methods; those
    that are fed something else are left out.
    """
    found, tables = {}, get_corpus(corpus).tables(folder)
    for name in [*tables.columns, *tables.frame_columns()]:
        try:
            own = OwnOptions(label=name)
            of = own_experiment(folder, own, corpus=corpus, methods=()).fits()
            other = (method_registry.NO_BASELINE, method_registry.IS_FED)
            fed = {k for k, why in of.items() if why.startswith(other)}
            found[name] = {k: of[k] for k in of if k not in fed}
        except KerasPainError as error:
            found[name] = {"any method": str(error)}
    return found


def own_report(run: runs.FinishedRun) -> list[Path]:
    """Writes the table, with a line on classes that folds lack.

    Where settings were fixed on some people, also the scores over all people
    and over the others.
    """
    names, texts = run.table.class_names, []
    for task in run.tasks:
        if names and run.store.contains(task.key):
            counts = run.store.read(task.key).result["windows"]["train"]
            gone = [n for n, c in zip(names, counts, strict=True) if not c]
            texts += [f"{task.key.fold} without {', '.join(gone)}"] * bool(gone)
    if texts:
        line = "Classes that nobody else has are not predicted: "
        line += "; ".join(dict.fromkeys(texts)) + "."
        run = dataclasses.replace(run, header=(*run.header, line))
    paths, finished = runs.table_report(run), dict(_finished(run))
    if run.experiment.development:
        paths += _write_people(run)
    if names and finished:
        what = finished, run.experiment.attributes(), run.table.title
        more = {"simulated": run.prepared.simulated}
        paths += calibration.write_calibration(*what, run.results_dir, **more)
    return paths


def _finished(run):
    """Label of each finished method and its folds."""
    for row in run.table.methods:
        keys = [key for key in run.expected if key.method == row.method]
        if all(map(run.store.contains, keys)):
            yield row.label, [run.store.read(key) for key in keys]


def _write_people(run) -> list[Path]:
    out, classes = run.experiment.development, len(run.table.class_names)
    columns = [
        *("Method", "People", "Accuracy [95% over people]", "sd over seeds"),
        *("Macro-F1 [95% over people]", "sd over seeds"),
    ]
    grids = []
    for without in ((), out):
        rows, sources = [], []
        for label, folds in _finished(run):
            cells, key = [label], folds[0].key
            sources.append([(key.evaluation, key.protocol, key.method)])
            for metric in ("accuracy", "macro_f1"):
                found = statistics.subject_scores(folds, metric, classes)
                found = found.of_people(~np.isin(found.subjects, without))
                draws = found.pooled_draws[metric]
                low, high = statistics.percentile_interval(draws)
                mean, sd = found.pooled.mean(), np.nan
                if len(found.pooled) > 1:
                    sd = found.pooled.std(ddof=1)
                cells += [f"{mean:.3f} [{low:.3f}, {high:.3f}]"]
                cells += ["–" if np.isnan(sd) else f"{sd:.3f}"]
            rows.append([label, str(len(found.subjects)), *cells[1:]])
        title = f"Without {', '.join(without)}" if without else "All people"
        more = {"left": 1, "sources": sources}
        grids.append(reports.Grid(title, columns, [rows], **more))
    lines = [
        f"Settings were fixed on {', '.join(out)}, and on nobody else.",
        "Pooled over all samples, mean over seeds; intervals: bootstrap of "
        "people, percentile, the trained networks taken as given.",
    ]
    simulated = run.prepared.simulated
    title = marked_title(f"{run.table.title}: by people", simulated)
    sheet = reports.Sheet("people", title, lines, grids)
    names = ["part", *columns]
    names[4], names[6] = "Accuracy sd", "Macro-F1 sd"
    rows = [
        dict(zip(names, [grid.title, *row], strict=True))
        for grid in grids
        for row in grid.groups[0]
    ]
    return sheet.write(run.results_dir, "people", names, rows, simulated)


class Results:
    """What `evaluate` found; in a notebook it shows its table.

    `run` are the finished folds, `paths` all files, the table's first.
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
        several. NaN is undefined, or not finished.
        """
        check_choice("kind", kind, ("pooled", "fold_mean"))
        run, rows = self.run, {}
        classes = len(run.table.class_names)
        scores = reports.read_scores(run.store, run.expected, classes)
        for row in run.table.methods:
            place = (row.evaluation, LEAK_FREE.name, row.method)
            cells = rows.setdefault(row.label, {})
            for label, metric, index in run.table.columns:
                found = scores.get(place, f"{kind}_{metric}", index)
                cells[label] = np.nan if found is None else found["mean"]
                if found is not None and np.isfinite(found.sd):
                    cells[f"{label} sd"] = found.sd
        frame = pd.DataFrame.from_dict(rows, orient="index")
        frame.index.name = "SIMULATED" if self.simulated else "method"
        return frame

    def compare(self, metric: str = "macro_f1") -> pd.DataFrame:
        """All pairs of methods, paired by person: the suite's statistics.

        Columns: the mean difference over people and its 95 % interval, p of
        the paired test and corrected by Holm, and the rank-biserial effect
        size. Of classes `metric` is one of
        `keras_pain.reports.statistics.POOLED_METRICS`; of intensities the
        difference is that of each person's mean absolute error. Raises
        ConfigurationError where fewer than two methods are finished.
        """
        everyone = dict(_finished(self.run))
        if len(everyone) < 2:
            raise ConfigurationError("a comparison needs two finished methods")
        classes = len(self.run.table.class_names)
        if not classes:
            return statistics.compare_errors(everyone)
        scores = {
            label: statistics.subject_scores(folds, metric, classes)
            for label, folds in everyone.items()
        }
        labels = {found.method: label for label, found in scores.items()}
        rows = []
        for pair in statistics.compare_all([*scores.values()]):
            row = {"first": labels[pair.first], "second": labels[pair.second]}
            of = pair.by_person
            low, high = of.interval or (np.nan, np.nan)
            row |= {"difference": of.value, "low": low, "high": high}
            row |= {"p": of.p, "p_holm": of.p_holm}
            row["rank_biserial"] = pair.rank_biserial
            rows.append({**row, "people": pair.num_subjects})
        return pd.DataFrame(rows)

    def report(self, file) -> Path:
        """Writes all of it as one page; see `keras_pain.reports.page.write`."""
        return page.write([self.run.results_dir], file)

    def __repr__(self) -> str:
        return f"<Results of {self.run.table.title}: {self.paths[0]}>"

    def _repr_markdown_(self):
        return self.paths[0].read_text(encoding="utf-8")


def evaluate(
    folder,
    *,
    label: str,
    methods: Sequence | Mapping | None = None,
    evaluation: str = "loso",
    seeds: Sequence[int] | None = None,
    corpus: str = "folder",
    development: Sequence[str] = (),
    title: str = "",
    **options,
) -> Results:
    """Compares methods on the recordings of a folder, person by person.

    The folder's form is that of `keras_pain.corpora.folder.layout`. Finished
    folds are kept in `results_dir`, and the same call goes on from there.

    Args:
        folder: Folder of the recordings.
        label: Column that is predicted.
        methods: Names of the suite, `module:object`, classes, factories, or
            instances, which are copied for every fold; or a dict of names to
            these, where texts keep their own. None takes a few that fit.
        evaluation: `"loso"`, `"group_kfold:10"` or `"holdout"`.
        seeds: Of training; folds are the same for all. None is 0, or those
            of the `suite`.
        corpus: `"folder"`, or an open corpus of the suite.
        development: People on whom the settings were fixed.
        title: Of the table.
        **options: Fields of `keras_pain.reproduction.flags.OwnOptions` and
            `Options`, e.g. `task`, `test_dir`, `epochs`, `jobs`, `smoke`,
            `results_dir`.

    Raises:
        KerasPainError: Of one line, that says what does not fit and the cure.
    """
    fields = {
        kind: {field.name for field in dataclasses.fields(kind)}
        for kind in (OwnOptions, Options)
    }
    known = set().union(*fields.values())
    if unknown := sorted(options.keys() - known):
        text = f"evaluate has no argument {unknown[0]!r}"
        raise ConfigurationError(f"{text}; it has {', '.join(sorted(known))}")
    given = {"label": label, "evaluation": evaluation, **options}
    seeds = None if seeds is None else tuple(seeds)
    given |= {"manual_dir": os.fspath(folder), "seeds": seeds}
    own, run_options = (
        kind(**{k: v for k, v in given.items() if k in names})
        for kind, names in fields.items()
    )
    if run_options.share:
        raise ConfigurationError("share: that is for the scripts")
    if isinstance(methods, str):
        methods = [methods]
    if methods is not None:
        named = isinstance(methods, Mapping)
        pairs = methods.items() if named else (("", m) for m in methods)
        methods = [
            m if isinstance(m, str) else method_registry.GivenMethod(m, n)
            for n, m in pairs
        ]
    for method in methods or ():
        method_registry.check_given(method, run_options.jobs)
    experiment = own_experiment(
        folder,
        own,
        methods=methods,
        corpus=corpus,
        title=title,
        development=development,
    )
    return Results(*runs.finish(experiment, run_options))
