"""Trained networks on new recordings: a fold, or all folds of a method.

A recording is read by the corpora's readers, cut as the fold's own samples
were, but over its whole length and without labels, and scaled by the fold's
scaler, see `keras_pain.experiments.preprocessing`.
"""

import dataclasses
import functools
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from rich import progress
from rich.console import Console

from keras_pain.corpora import emopain, manifest, media, ui_prmd
from keras_pain.corpora.base import RawFile
from keras_pain.corpora.emopain.rules import WIDTHS, layout_of_width
from keras_pain.corpora.folder import layout, reader
from keras_pain.corpora.mat import matrix_shape
from keras_pain.data import clips as clip_data
from keras_pain.data.windows import CHANNEL_NAMES, WindowSet, cut_windows
from keras_pain.errors import (
    BadFileError,
    ConfigurationError,
    KerasPainError,
    check_choice,
    reading,
)
from keras_pain.experiments import method_registry, preprocessing
from keras_pain.experiments.defects import Samples
from keras_pain.experiments.features import FeatureExtractor
from keras_pain.experiments.methods import Method
from keras_pain.experiments.preprocessing import PREPROCESSING_FILE
from keras_pain.experiments.store import RESULT_FILE, ResultStore
from keras_pain.explain.attention import attention_maps, attention_outputs
from keras_pain.io import marked, sha256_of, write_file, write_marked
from keras_pain.models.registry import LANDMARKS
from keras_pain.reports import prediction_figures as figures
from keras_pain.reproduction import presets
from keras_pain.reproduction.presets import NOT_MEDICAL, PRESET_FILE
from keras_pain.signals.biosignals import prepared as prepared_signals

_TRIVIAL = ("majority", "stratified", "train_mean", "train_median")
_TRIVIAL += ("constant_0", "constant_2")
# Columns of a recording in EmoPain's terms.
_ARRAYS = ("angles", "energies", "semg")
_TABLES = (".csv", ".tsv", ".npz", ".parquet")


class Member(NamedTuple):
    """A trained method, and what its fold says of it."""

    method: Method
    about: dict
    folder: Path


@dataclasses.dataclass(frozen=True)
class Reading:
    """A recording as a predictor sees it.

    Args:
        path: Its file or folder.
        samples: Unscaled; labels are none.
        frames: What each sample spans, `(n, 2)`, first frame and end.
        valid: `(n,)`, share of these that is no padding, or shows the face.
        rate: Frames a second; None where nobody says.
        lost: `(T,)` bool, frames without a face or landmarks.
        picture: Functions that return frames, and what was found in them:
            `boxes` `(T, 4)`, `landmarks` `(T, 68, 2)`.
        notes: What was assumed.
    """

    path: Path
    samples: Samples
    frames: np.ndarray
    valid: np.ndarray
    rate: float | None
    lost: np.ndarray
    pictures: Callable[[], Iterator[np.ndarray]] | None = None
    boxes: np.ndarray | None = None
    landmarks: np.ndarray | None = None
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class InputOptions:
    """What the user says about a recording.

    Args:
        rate: Frames or samples a second, where the file does not say.
        landmarks: Where landmarks of a video come from, see
            `keras_pain.signals.landmarks.LandmarkSource`.
        clip_seconds: Cuts a video into clips of so many seconds; None takes it
            for one clip, as networks of clips were trained.
    """

    rate: float | None = None
    landmarks: str | None = None
    clip_seconds: float | None = None

    def __post_init__(self):
        for name in ("rate", "clip_seconds"):
            value = getattr(self, name)
            if value is not None and not 0 < value < np.inf:
                raise ConfigurationError(
                    f"--{name} must be positive, got {value}"
                )


# --- From a file to samples ---


def read_input(
    path: str | os.PathLike,
    about: Mapping,
    options: InputOptions = InputOptions(),
    scratch: str | os.PathLike = "",
) -> Reading:
    """Reads a recording for a fold that says `about` itself.

    Features of frames are kept in the folder `scratch`. Raises KerasPainError,
    of one line that names both sides, where it does not fit.
    """
    path = Path(path)
    if not path.exists():
        raise ConfigurationError(f"{path}: there is no such file or folder")
    kind, fed = about["input"].get("kind", ""), _fed(about)
    if kind == "movement":
        return _read_movement(path, about, options)
    if kind == "signals":
        return _read_signals(path, about, options)
    if kind in ("faces", "landmarks"):
        only = kind == "landmarks" or fed == (LANDMARKS,)
        return _read_faces(path, about, options, only, scratch)
    raise KerasPainError(
        f"{about['corpus'] or 'this fold'}: does not say how its recordings "
        "were read; run its script again with another --results_dir"
    )


def _fed(about):
    return method_registry.all_fed(about["method"]["name"])


def _raw_file(path, kind, **info):
    info = {"start": 0.0, "end": None, "labels": {}, "row": {}, **info}
    # Without a person: what is read of a label has to be nobody's.
    return RawFile(path, kind, path.stem, path.parent, path.stem, info=info)


def _does_not_fit(path, about, problem):
    """The error of a recording that a network was not trained for."""
    kind = about["input"]["kind"]
    wants = {
        "movement": "movement as EmoPain (.mat) or UI-PRMD (.txt) has it, or a "
        f"table of {len(about['channels'])} channels",
        "signals": f"tables of {len(about['channels'])} channels "
        f"({', '.join(about['channels'][:4])}, ...)",
        "landmarks": "68 landmarks a frame (.csv)",
        "faces": "videos, folders of pictures or pictures",
    }[kind]
    name = about["method"]["name"]
    return BadFileError(path, problem, f"{name} was trained on {wants}")


def _ending(path):
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _read_movement(path, about, options):
    names, rate = about["channels"], about["input"]["rate"]
    ending, notes = _ending(path), []
    if ending == ".mat":
        recording = _of_mat(path)
    elif ending == ".txt":
        recording = _of_ui_prmd(path)
    elif ending in _TABLES:
        values, found, notes = _table_of(path, names, rate, about, options)
        if not 0.98 < found / rate < 1.02:
            problem = (
                f"has {found:g} frames a second, {about['method']['name']} "
            )
            problem += f"was trained on {rate:g}"
            raise BadFileError(path, problem, f"resample it to {rate:g}")
        parts = np.split(values, [13, 26], axis=1)
        recording = dict(zip(_ARRAYS, parts, strict=True))
    else:
        raise _does_not_fit(path, about, "is no recording of movement")
    arrays = {k: recording[k] for k in _ARRAYS if recording.get(k) is not None}
    if names != list(CHANNEL_NAMES):
        arrays.pop("semg", None)
    elif "semg" not in arrays:
        raise _does_not_fit(path, about, "has no sEMG")
    simple = {"recording": path.stem, "subject_id": path.stem, **arrays}
    samples = _whole(simple, about)
    return _of_windows(path, samples, about, rate, len(arrays["angles"]), notes)


def _of_mat(path):
    columns = matrix_shape(path, "data", sum(WIDTHS.values(), ()))[1]
    found = layout_of_width(columns)
    if found is None:
        known = ", ".join(map(str, sum(WIDTHS.values(), ())))
        problem = f"has {columns} columns"
        raise BadFileError(path, problem, f"EmoPain's files have {known}")
    return vars(emopain.read_file(_raw_file(path, found))[0])


def _of_ui_prmd(path):
    facts = {"label": "correct", "exercise": "m00", "repetition": 0}
    found = vars(ui_prmd.read_file(_ui_prmd_file(path, facts))[0])
    return {name: found[name] for name in ("angles", "energies")}


def _ui_prmd_file(path, facts):
    file = RawFile(path, ui_prmd.LAYOUTS[0], path.stem, path.parent, path.stem)
    file.info = facts
    return file


def _table_of(path, names, usual, about, options):
    """Values of named channels, their rate, and what was assumed."""
    of_file = about["input"].get("file_channels", names)
    try:
        with reading(path, "cannot be read as a table"):
            try:
                values, times = reader.read_table(path, names)
            except BadFileError as error:
                if error.rule != "channels" or len(of_file) == len(names):
                    raise
                values, times = reader.read_table(path, list(of_file))
                values = values[:, [of_file.index(name) for name in names]]
    except BadFileError as error:
        if error.rule == "channels":
            raise _does_not_fit(path, about, error.problem) from error
        raise
    said = None if times is None else reader.rate_of(path, times)
    if said and options.rate and not 0.98 < said / options.rate < 1.02:
        problem = f"its times say {said:g} rows a second, --rate says "
        problem += f"{options.rate:g}"
        raise BadFileError(path, problem, "leave out --rate")
    rate = options.rate or said or usual
    notes = []
    if not (options.rate or said):
        notes.append(
            f"nobody says the file's rate: {usual:g} Hz is assumed, that of "
            "the training recordings (--rate says another)"
        )
    channels = [layout.Channel(n, "MISC", "", rate, "") for n in names]
    file = _raw_file(path, "signals", channels=[tuple(c) for c in channels])
    recording, found = reader.READ["signals"](file, values)
    notes += [f.detail for f in found if f.action == "repaired"]
    return recording.signals, rate, notes


def _read_signals(path, about, options):
    given = about["input"]
    if _ending(path) not in layout.ENDINGS["signals"]:
        raise _does_not_fit(path, about, "is no table of signals")
    names, target = about["channels"], given["rate"]
    usual = given["file_rate"]
    values, rate, notes = _table_of(path, names, usual, about, options)
    if rate < 0.98 * target:
        problem = f"has {rate:g} samples a second, windows are at {target:g}"
        raise BadFileError(path, problem, "give a recording of a higher rate")
    types = [channel[1] for channel in given["channels"]]
    emg = np.array([kind == "EMG" for kind in types])
    signals, sums = prepared_signals(values, emg, rate, target)
    simple = {"recording": path.stem, "subject_id": path.stem}
    simple |= {"signals": signals, "sums": sums}
    samples = _whole(simple, about)
    return _of_windows(path, samples, about, target, len(signals), notes)


def _whole(recording, about) -> WindowSet:
    """All windows of a recording: same length and step, without labels."""
    settings, names = about["settings"], about["class_names"]
    cut, length = settings["cut"], settings.get("length", 180)
    recording = recording | {"unknown": (*names, 0.0)[0]}
    given = {"class_names": names or ("unknown",), "label": "unknown"}
    if not names:
        recording["unknown"] = "unknown"
    if cut == "signal_windows":
        frames = len(recording["signals"])
        recording["label"] = np.zeros(frames)
        given = {k: v for k, v in settings.items() if k != "rate"}
    elif cut == "whole_recordings" or (
        cut == "activity_instances" and settings.get("fit") != "pad"
    ):
        given |= {"cut": "whole_recordings", "length": length}
    else:
        given |= {"cut": "sliding_windows", "segments": "whole"}
        given |= {"length": length, "step": settings.get("step", 45)}
        whole = cut == "lsfan_windows" or settings.get("padding") == "none"
        given["padding"] = "none" if whole else "zero"
    try:
        return cut_windows([recording], given)
    except KerasPainError as error:
        if isinstance(error, ConfigurationError):
            raise
        count = len(recording.get("signals", recording.get("angles", ())))
        raise KerasPainError(
            f"has {count} frames, too few for a window of {length} (of the "
            "network); give a longer recording"
        ) from error


def _of_windows(path, samples, about, rate, count, notes):
    spans = np.stack([samples.start, samples.start + samples.length], axis=1)
    if about["settings"]["cut"] in ("activity_instances", "whole_recordings"):
        spans = np.array([[0, count]])
    valid = samples.mask.mean(axis=1)
    nothing = np.zeros(count, bool)
    notes = tuple(notes)
    return Reading(path, samples, spans, valid, rate, nothing, notes=notes)


def _read_faces(path, about, options, only_landmarks, scratch):
    # Imported here: the detector is a network, and a builder's module TFDS.
    from tfds_builders.clip_maker import ClipSettings, example_of

    given, settings = about["input"], dict(about["settings"])
    table = _ending(path) == ".csv" and not path.is_dir()
    fed, pictures, boxes = _fed(about), None, None
    if table and not only_landmarks:
        raise _does_not_fit(path, about, "is a table, not a video or picture")
    if table:
        recording, found = reader.READ["landmarks"](
            _raw_file(path, "landmarks", rate=options.rate)
        )
        example = {"landmarks": recording.landmarks}
        example |= {"found": recording.frame_labels["found"]}
    else:
        known = (*layout.ENDINGS["faces"],)
        if not path.is_dir() and path.suffix.lower() not in known:
            raise _does_not_fit(path, about, "is no video or picture")
        file = _raw_file(path, "faces", rate=options.rate)
        recording, found = reader.READ["faces"](file)
        pictures = functools.partial(media.iterate_frames, path)
        if path.suffix.lower() in layout.PICTURES:
            pictures = functools.partial(media.iterate_frames, [path])
        kinds = ["landmarks"] if only_landmarks else [given["content"]]
        if LANDMARKS in fed and not only_landmarks:
            kinds.append("landmarks")
        if "landmarks" in kinds and not options.landmarks:
            raise ConfigurationError(
                f"{path}: {about['method']['name']} sees landmarks; give a "
                "CSV file of them, or say where those of a video come from: "
                "--landmarks csv:FOLDER, tflite:FILE or dlib:FILE"
            )
        example = {}
        for content in kinds:
            how = _clip_settings(ClipSettings, given, content)
            if content == "landmarks":
                how = dataclasses.replace(how, landmarks=options.landmarks)
            made, _, more = example_of(file, recording, how)
            example |= made
            found += more
        boxes = example.get("boxes")
    rate = recording.frame_rate or options.rate
    lost = ~np.asarray(example["found"], bool)
    store = _store(path.stem, example, only_landmarks, scratch)
    settings = {
        k: v for k, v in settings.items() if k not in ("where", "without")
    }
    settings |= {"unit": "subject", "label": "unknown"}
    settings.pop("shuffled", None)
    frames = settings.get("level") == "frame"
    values = np.zeros(len(lost)) if frames else 0.0
    store = clip_data.with_labels(store, "unknown", {path.stem: values})
    try:
        samples = clip_data.cut_clips(store, **settings)
    except KerasPainError as error:
        problem = f"has no face in any of {len(lost)} frames"
        raise BadFileError(
            path, problem, "give one that shows a face"
        ) from error
    if options.clip_seconds:
        samples = _cut_into_clips(path, samples, rate, options.clip_seconds)
    spans = np.stack([samples.start, samples.start + samples.count], axis=1)
    share = np.cumsum([0, *~lost])
    valid = (share[spans[:, 1]] - share[spans[:, 0]]) / samples.count
    notes = tuple(f.detail for f in found if f.action != "checked")
    points = example.get("landmarks") if pictures else None
    if points is not None and "frames" in example and "boxes" in example:
        points = None  # in the crops' pixels
    place = (path, samples, spans, valid, rate, lost)
    return Reading(*place, pictures, boxes, points, notes)


def _clip_settings(kind, given, content):
    """How clips were made into pictures; the builder's texts as numbers."""
    numbers = {}
    for field in dataclasses.fields(kind):
        text = given.get(field.name)
        if field.name in ("size", "quality", "every", "num_frames") and text:
            numbers[field.name] = None if text == "None" else int(text)
    margin = {"margin": float(given["margin"])} if "margin" in given else {}
    return kind(content=content, landmarks="", **numbers, **margin)


def _store(name, example, only_landmarks, scratch):
    """One clip in memory."""
    codes = [] if only_landmarks else example["frames"]
    ends = np.cumsum([len(code) for code in codes], dtype=np.int64)
    begins = ends - [len(code) for code in codes]
    frame_labels = {"found": np.asarray(example["found"])}
    source = example.get("source", ~frame_labels["found"])
    frame_labels["source"] = np.asarray(source, np.uint8)
    if "landmarks" in example:
        frame_labels[clip_data.LANDMARKS] = example["landmarks"]
    clip = clip_data.ClipInfo(name, name, {}, frame_labels)
    data = np.frombuffer(b"".join(codes), np.uint8)
    spans = np.stack([begins, ends], axis=1) if codes else None
    return clip_data.FrameStore(scratch or ".", [clip], spans, data)


def _cut_into_clips(path, samples, rate, seconds):
    if not samples.num_frames:
        raise ConfigurationError(
            "--clip_seconds is for networks of clips; this one sees frames"
        )
    if not rate:
        raise BadFileError(
            path, "does not say its frame rate", "give --rate with it"
        )
    length, count = max(round(seconds * rate), 1), int(samples.count[0])
    begins = np.arange(0, max(count - length // 2, 1), length)
    whole = samples.take(np.zeros(len(begins), int))
    sizes = np.minimum(begins + length, count) - begins
    first = samples.first[0] + begins
    return dataclasses.replace(whole, first=first, count=sizes)


# --- Predictors ---


class Predictor:
    """Trained methods of one name: those of one fold, or of several.

    Attributes:
        members: One or more.
        name: Of the method.
        class_names: Empty where intensities are predicted.
        notes: What a user has to know before the first number.
        store: Of the results folder that they come from, if they do.
    """

    def __init__(
        self,
        members: Sequence[Member],
        notes: Sequence[str] = (),
        store: ResultStore | None = None,
    ):
        self.members, self.store = list(members), store
        self.about = members[0].about
        self.notes = [*notes, *_notes(self.members)]

    @property
    def name(self) -> str:
        return self.about["method"]["name"]

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(self.about["class_names"])

    @property
    def simulated(self) -> bool:
        """Whether any network was trained on simulated data."""
        return any(member.about["simulated"] for member in self.members)

    def save_to_preset(self, folder: str | os.PathLike) -> Path:
        """See `keras_pain.reproduction.presets.save_to_preset`."""
        return presets.save_to_preset(self, folder)

    def read(self, path, **options) -> Reading:
        """Reads a recording; `options` are those of `InputOptions`."""
        with tempfile.TemporaryDirectory() as scratch:
            given = InputOptions(**options)
            return read_input(path, self.about, given, scratch)

    def predict(
        self, path, on_member: Callable | None = None, **options
    ) -> pd.DataFrame:
        """What the networks say about a recording.

        Args:
            path: A file, or a folder of pictures.
            on_member: Called after each network, with how many are done.
            **options: See `InputOptions`.

        Returns:
            A row a window, clip or frame: `start` and `end` in seconds (in
            frames where the rate is unknown), `p_<class>` and `sd_<class>`
            over networks, `predicted`; or `intensity` and `sd`; `valid`, the
            share of frames that are no padding and show what is looked at.
            `attrs["notes"]` are remarks, `attrs["unit"]` is `"s"` or
            `"frame"`.

        Raises:
            KerasPainError: Of one line, where the recording does not fit.
        """
        with tempfile.TemporaryDirectory() as scratch:
            given = InputOptions(**options)
            found = read_input(path, self.about, given, scratch)
            said = self.scores(found.samples, on_member)
        return self.table(found, said)

    def scores(
        self, samples: Samples, on_member: Callable | None = None
    ) -> np.ndarray:
        """`(members, n, classes)` probabilities, or `(members, n)`."""
        said = []
        for number, member in enumerate(self.members):
            said.append(member_scores(member, samples))
            if on_member is not None:
                on_member(number + 1)
        return np.stack(said)

    def table(self, found: Reading, said: np.ndarray) -> pd.DataFrame:
        """See `predict`."""
        spans = found.frames / (found.rate or 1)
        columns: dict[str, Any] = {"start": spans[:, 0], "end": spans[:, 1]}
        mean, sd = said.mean(axis=0), said.std(axis=0)
        several = len(said) > 1
        for index, name in enumerate(self.class_names):
            columns[f"p_{name}"] = mean[:, index]
        for index, name in enumerate(self.class_names * several):
            columns[f"sd_{name}"] = sd[:, index]
        if self.class_names:
            best = mean.argmax(axis=1)
            columns["predicted"] = np.array(self.class_names)[best]
        else:
            columns["intensity"] = mean
            columns |= {"sd": sd} if several else {}
        frame = pd.DataFrame(columns | {"valid": found.valid})
        notes = [*self.notes, *found.notes]
        digest = manifest.input_hash(found.path)
        files = [member.about["training_files"] for member in self.members]
        trained = sum(digest in of for of in files)
        if trained:
            notes.insert(
                0,
                f"{found.path} is among the training recordings of {trained} "
                f"of {len(files)} networks: this is no test of them",
            )
        unit = "s" if found.rate else "frame"
        frame.attrs |= {"notes": notes, "unit": unit}
        return frame

    def attention(self, found: Reading) -> np.ndarray | None:
        """`(T,)`, attention over the frames of a recording; None without any.

        The mean over windows that a frame is in, and over networks; 1 is that
        of a network that looks at all frames alike.
        """
        samples, total = found.samples, 0
        if not isinstance(samples, WindowSet) or len(found.lost) < 2:
            return None
        for member in self.members:
            model = getattr(member.method, "model", None)
            if model is None or not hasattr(member.method, "x_of"):
                return None
            if "temporal_attention" not in attention_outputs(model):
                return None
            x = member.method.x_of(preprocessing.scaled(member.about, samples))
            maps = attention_maps(model, x)["temporal_attention"]
            if maps.ndim == 3:
                maps = maps.mean(axis=2)
            total = total + maps * maps.shape[1] / len(self.members)
        return _over_frames(found, total)


def _over_frames(found, maps):
    """Means over windows, at each frame of a recording."""
    count = len(found.lost)
    summed, seen = np.zeros(count), np.zeros(count)
    for (begin, end), values in zip(found.frames, maps, strict=True):
        places = np.arange(begin, end)
        if len(places) > len(values):  # resampled
            at = np.linspace(0, len(values) - 1, len(places))
            values = np.interp(at, np.arange(len(values)), values)
        summed[places] += values[: len(places)]
        seen[places] += 1
    return np.where(seen > 0, summed / np.maximum(seen, 1), np.nan)


def member_scores(member: Member, samples: Samples) -> np.ndarray:
    """`(n, classes)` probabilities, or `(n,)` intensities, of one method.

    Samples are unscaled. As in the runner, a class that nobody in training
    had has probability 0 where folds may lack one.
    """
    about, classes = member.about, len(member.about["class_names"])
    seen = np.array(about["seen"], int)
    if classes and len(seen) == 1:
        return np.eye(classes)[np.full(len(samples), seen[0])]
    samples = preprocessing.scaled(about, samples)
    predict = member.method.predict_proba if classes else member.method.predict
    said = np.asarray(predict(samples), float)
    if about["absent_classes"]:
        said = preprocessing.without_unseen(said, seen, classes)
    return said


def _notes(members):
    about, notes = members[0].about, []
    if any(member.about["simulated"] for member in members):
        notes.append(
            "SIMULATED: trained on simulated people, so that the numbers mean "
            "nothing"
        )
    scalers = (member.about["scaler"] or {} for member in members)
    leaking = any(of.get("leaking") for of in scalers)
    if leaking or any(member.about["defects"] for member in members):
        defects = ", ".join(about["defects"])
        notes.append(
            f"trained under the protocol {about['key']['protocol']}, whose "
            f"scores leak ({defects}); leak_free is the protocol to believe"
        )
    segments = about["settings"].get("cut")
    if segments in ("sliding_windows", "lsfan_windows") and (
        about["settings"].get("segments") != "whole"
    ):
        notes.append(
            "trained inside labelled activities, so that transitions between "
            "them are unseen; here windows go over the whole recording"
        )
    elif segments in ("activity_instances", "whole_recordings"):
        notes.append(
            "trained on one activity or exercise at a time: the recording is "
            "taken for one"
        )
    return notes


# --- Finding them ---


def load(
    path: str | os.PathLike,
    *,
    method: str | None = None,
    protocol: str = "leak_free",
    evaluation: str | None = None,
    seed: int | None = None,
    fold: str | None = None,
    backbone_weights: str | None = None,
) -> Predictor:
    """Loads the networks of a results folder, of one fold, or a preset.

    Args:
        path: Folder of results, of one of its folds, or of a preset; or the
            name of a preset that comes with the suite.
        method: Name of the method, of a results folder; None takes the one of
            the best pooled score.
        protocol, evaluation, seed, fold: Of its folds; all of the evaluation
            of most folds are taken, of all seeds, where these are not given.
        backbone_weights: File of the pretrained weights of frozen backbones,
            which folds do not hold.

    Raises:
        KerasPainError: Nothing that can predict is there, it is damaged or of
            another version.
    """
    path = Path(path)
    if not path.exists() and (shipped() / path).is_dir():
        path = shipped() / path
    if not path.is_dir():
        names = ", ".join(sorted(p.name for p in shipped().glob("*/")))
        raise ConfigurationError(
            f"{path}: there is no such folder; give that of results, of a fold "
            f"or of a preset, or one of the suite's presets ({names or 'none'})"
        )
    if (path / PRESET_FILE).exists():
        about = read_preset(path)
        folders = [path / name for name in about["members"]]
        for folder in folders:
            _verify(folder, about["members"][folder.name])
        notes, store = [], None
    elif (path / RESULT_FILE).exists() or (path / PREPROCESSING_FILE).exists():
        folders, notes, store = [path], [], _store_above(path)
        _verify(path, _result(path)["files"])
    else:
        store = ResultStore(path)
        given = (method, protocol, evaluation, seed, fold)
        keys, notes = _chosen(store, *given)
        folders = [store.path(key) for key in keys]
        for folder in folders:
            _verify(folder, _result(folder)["files"])
    members = [_member(folder, backbone_weights) for folder in folders]
    return Predictor(members, notes, store)


def shipped() -> Path:
    """Folder of the presets that come with the suite."""
    return Path(__file__).parents[1] / "presets"


def read_preset(folder: Path) -> dict:
    """What a preset says of itself.

    Raises BadFileError where it is damaged or of another version.
    """
    path = folder / PRESET_FILE
    with reading(path, "is no preset", "save it anew"):
        about = json.loads(path.read_text(encoding="utf-8"))
        if about["format"] != 1:
            problem = f"is of format {about['format']}, this version reads 1"
            raise BadFileError(path, problem, "use the version that wrote it")
        if not about["members"]:
            raise ValueError("it has no members")
    return about


def _result(folder):
    path = folder / RESULT_FILE
    with reading(path, "is no result of a fold", "run the fold again"):
        return json.loads(path.read_text(encoding="utf-8"))


def _store_above(folder):
    """The store that a fold's folder lies in; None of a copied one."""
    parents = folder.resolve().parents
    inside = len(parents) > 5 and parents[4].name == "folds"
    return ResultStore(parents[5]) if inside else None


def _verify(folder, files):
    """Raises BadFileError where a file is not as it was written."""
    for name, entry in files.items():
        path = folder / name
        with reading(path, cure="run the fold, or save the preset, again"):
            if sha256_of(path) != entry["sha256"]:
                problem = "was changed after it was written (sha256 differs)"
                cure = "run the fold, or save the preset, again"
                raise BadFileError(path, problem, cure)


def _member(folder, backbone_weights):
    about = preprocessing.read(folder)
    if len(about["seen"]) == 1 and about["class_names"]:
        return Member(None, about, folder)
    name = about["method"]["called"]
    method = method_registry.load_method(name, folder, about["method"])
    for part in (method, *getattr(method, "parts", ())):
        of = getattr(part, "options", None)
        known = getattr(of, "backbone_weights", None)
        if isinstance(known, Mapping):
            weights = _weights(folder, known, backbone_weights)
            given = {"backbone_weights": weights}
            part.options = dataclasses.replace(of, **given)
    return Member(method, about, folder)


def _weights(folder, identity, given):
    """The frozen backbone's weights, whose identity the fold says."""
    if given is None:
        if "random" in identity:
            return None
        if "imagenet" in identity:
            return "imagenet"
    elif FeatureExtractor(weights=given).identity()["weights"] == identity:
        return given
    (kind, text), *_ = identity.items()
    raise ConfigurationError(
        f"{folder}: its backbone had the weights {kind} {str(text)[:16]}, "
        "which it does not hold; give their file with --backbone_weights"
    )


def _chosen(store, method, protocol, evaluation, seed, fold):
    """Keys of the folds of one method, and what was chosen for the user."""
    keys, root = store.completed(), store.root
    if not keys:
        raise ConfigurationError(
            f"{root}: holds no finished fold; give the results folder of a "
            "reproduce script, e.g. results/table8_lsfan"
        )

    def only(part, wanted, flag):
        nonlocal keys
        known = sorted({str(getattr(key, part)) for key in keys})
        if wanted is not None:
            check_choice(f"{root}: --{flag}", str(wanted), known)
            keys = [k for k in keys if str(getattr(k, part)) == str(wanted)]

    only("protocol", protocol, "protocol")
    only("method", method, "method")
    only("evaluation", evaluation, "evaluation")
    only("seed", seed, "seed")
    only("fold", fold, "fold")
    notes, counts = [], {}
    for key in keys:
        counts[key.evaluation] = counts.get(key.evaluation, 0) + 1
    if len(counts) > 1:
        most = max(counts, key=counts.get)
        keys = [key for key in keys if key.evaluation == most]
    names = list(dict.fromkeys(key.method for key in keys))
    others = [name for name in names if name not in _TRIVIAL] or names
    best = max(others, key=lambda name: _score(store, keys, name))
    if len(others) > 1:
        notes.append(
            f"{best} is taken, of {', '.join(others)}: the best pooled score "
            "of its test people (--method names another)"
        )
    return [key for key in keys if key.method == best], notes


def _score(store, keys, name):
    """Macro-F1, or minus the mean absolute error, of a method's test people."""
    from keras_pain.experiments.metrics import compute_metrics

    found = [store.read(key).predictions for key in keys if key.method == name]
    y = np.concatenate([of["y_true"] for of in found])
    if "y_pred" in found[0]:
        said = np.concatenate([of["y_pred"] for of in found])
        return -float(np.abs(y - said).mean())
    said = np.concatenate([of["probabilities"] for of in found])
    return compute_metrics(y, said, said.shape[1])["macro_f1"]


# --- The command ---

_TIMED = 32  # samples whose prediction is timed
_SHOWN = 24  # faces of a contact sheet


def predict_file(
    predictor: Predictor,
    path: str | os.PathLike,
    out: str | os.PathLike,
    *,
    annotate: bool = False,
    **options,
) -> tuple[pd.DataFrame, list[Path]]:
    """Predicts a recording; writes numbers, figures and, if asked, a video.

    Args:
        predictor: From `load`.
        path: The recording.
        out: Folder to write to.
        annotate: Whether a video with scores in it is written, too.
        **options: See `InputOptions`.

    Returns:
        The table, see `Predictor.predict`, and the paths that were written.
    """
    path, out, given = Path(path), Path(out), InputOptions(**options)
    simulated, title = (
        predictor.simulated,
        f"{predictor.name}: {Path(path).name}",
    )
    console = Console(stderr=True)
    quiet = {"console": console, "disable": not console.is_terminal}
    scratch = tempfile.TemporaryDirectory()
    with scratch as place, progress.Progress(**quiet) as bar:
        task = bar.add_task("reading", total=len(predictor.members) + 1)
        found = read_input(path, predictor.about, given, place)
        if annotate and found.pictures is None:
            raise ConfigurationError(f"--annotate: {path} is no video")
        bar.update(task, advance=1, description="predicting")

        def done(number):
            bar.update(task, completed=number + 1)

        said = predictor.scores(found.samples, done)
        few = found.samples.take(np.arange(min(len(found.samples), _TIMED)))
        start = time.perf_counter()
        member_scores(predictor.members[0], few)
        each = (time.perf_counter() - start) / len(few)
    table = predictor.table(found, said)
    frames = max(int(np.diff(found.frames[: len(few)]).sum()), 1)
    latency = {"ms_a_sample": 1000 * each, "ms_a_frame": 1000 * each * len(few)}
    latency["ms_a_frame"] /= frames
    table.attrs["latency"] = latency
    text = table.to_csv(index=False, float_format="%.6g").encode()
    paths = [write_marked(out / "predictions.csv", text, simulated)]
    note = {
        "recording": str(path),
        "sha256": manifest.input_hash(path),
        "networks": [str(member.folder) for member in predictor.members],
        "unit": table.attrs["unit"],
        "latency": latency,
        "notes": [NOT_MEDICAL, *table.attrs["notes"]],
        "simulated": simulated,
    }
    text = json.dumps(note, indent=1) + "\n"
    paths.append(write_file(out / "predictions.json", text.encode()))
    rate = found.rate or 1.0
    place = marked(out / "timeline.png", simulated)
    paths.append(
        figures.plot_timeline(
            table,
            out / "timeline.png",
            title,
            class_names=predictor.class_names,
            attention=predictor.attention(found),
            frame_rate=found.rate,
            gaps=[(a / rate, b / rate) for a, b in _runs_of(found.lost)],
            unit=table.attrs["unit"],
            simulated=simulated,
            note=NOT_MEDICAL,
        )
    )
    shown = {"class_names": predictor.class_names, "simulated": simulated}
    if found.pictures is not None and found.boxes is not None:
        paths.append(_sheet(found, table, out, title, shown))
    if annotate:
        times = np.arange(len(found.lost)) / rate
        made = figures.annotated_frames(
            found.pictures(),
            times,
            table,
            boxes=found.boxes,
            landmarks=found.landmarks,
            unit=table.attrs["unit"],
            **shown,
        )
        place = marked(out / "annotated.mp4", simulated)
        paths.append(media.write_mp4(place, made, found.rate or 25.0))
    return table, paths


def _sheet(found, table, out, title, shown):
    """A contact sheet of the faces that were looked at, with scores."""
    names = shown["class_names"]
    column = figures.shown_score(table, names)
    samples, count = found.samples, len(found.lost)
    numbers = np.unique(np.linspace(0, count - 1, _SHOWN).round().astype(int))
    rows = np.searchsorted(found.frames[:, 0], numbers, "right") - 1
    inside = (rows >= 0) & (numbers < found.frames[rows, 1])
    numbers, rows = numbers[inside], rows[inside]
    faces = clip_data.decoded_frames(samples.frames, numbers, samples.size)
    rate = found.rate or 1
    place = "{:.1f} s" if found.rate else "frame {:.0f}"
    texts = [
        f"{place.format(number / rate)}: {table[column][row]:.2f}"
        for number, row in zip(numbers, rows, strict=True)
    ]
    return figures.contact_sheet(
        np.concatenate(list(faces)),
        texts,
        out / "faces.png",
        f"{title}, {column.replace('p_', 'p ')}",
        found=~found.lost[numbers],
        simulated=shown["simulated"],
    )


def _runs_of(flags):
    """First frames and ends of runs of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags, [0]])))
    return edges.reshape(-1, 2)
