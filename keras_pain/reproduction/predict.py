"""Trained networks on new recordings: a fold, or all folds of a method.

Recordings are cut and scaled as the fold's own samples were, but over their
whole length and without labels, see `keras_pain.experiments.preprocessing`.
"""

import collections
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
import tensorflow as tf

from keras_pain import io
from keras_pain.corpora import emopain, manifest, media, ui_prmd
from keras_pain.corpora.base import RawFile, shorten
from keras_pain.corpora.emopain.rules import WIDTHS, layout_of_width
from keras_pain.corpora.folder import layout, reader, timing
from keras_pain.corpora.mat import matrix_shape
from keras_pain.corpora.media import list_stills
from keras_pain.data import clips as clip_data
from keras_pain.data.prepare import clip_example
from keras_pain.data.windows import CHANNEL_NAMES, WindowSet, cut_windows
from keras_pain.errors import (
    BadFileError,
    ConfigurationError,
    KerasPainError,
    check_choice,
    reading,
)
from keras_pain.experiments import method_registry, preprocessing
from keras_pain.experiments.baselines import TRIVIAL
from keras_pain.experiments.defects import DISPUTES, Samples
from keras_pain.experiments.features import FeatureExtractor
from keras_pain.experiments.methods import Method
from keras_pain.experiments.metrics import compute_metrics
from keras_pain.experiments.preprocessing import PREPROCESSING_FILE
from keras_pain.experiments.protocols import LEAK_FREE
from keras_pain.experiments.store import RESULT_FILE, ResultStore
from keras_pain.explain.attention import attention_maps, attention_outputs
from keras_pain.models.registry import LANDMARKS
from keras_pain.reports import prediction_figures as figures
from keras_pain.reproduction import presets
from keras_pain.reproduction.presets import NOT_MEDICAL, PRESET_FILE
from keras_pain.signals import landmarks
from keras_pain.signals.biosignals import prepared as prepared_signals

# Arrays of a recording in EmoPain's terms, and tables of their channels.
_ARRAYS = ("angles", "energies", "semg")
_TABLES = (".csv", ".tsv", ".npz", ".parquet")
_ONE = ("activity_instances", "whole_recordings")  # cuts of one movement
_OTHER = "give another recording"
_AGAIN = "run the fold, or save the preset, again"
_TIMED = 32  # samples whose prediction is timed
_SHOWN = 24  # faces of a contact sheet
# What methods see, in messages.
_SEEN = {
    "movement": "EmoPain (.mat), UI-PRMD (.txt) or tables",
    "signals": "tables of signals",
    "landmarks": "68 landmarks a frame (.csv)",
    "faces": "videos, folders of pictures or pictures",
}


class Member(NamedTuple):
    """A trained method, what its fold says of it, and where it lies."""

    method: Method | None  # None where training had one class only
    about: dict
    folder: Path


@dataclasses.dataclass(frozen=True)
class InputOptions:
    """What the user says about a recording.

    For `landmarks`, which a video does not have, see
    `keras_pain.signals.landmarks.LandmarkSource`. A video is cut into clips of
    `clip_seconds`; None takes it for one, as networks of clips were trained.
    """

    rate: float | None = None  # frames a second, where the file does not say
    landmarks: str | None = None
    clip_seconds: float | None = None

    def __post_init__(self):
        for name in ("rate", "clip_seconds"):
            value = getattr(self, name)
            if value is not None and not 0 < value < np.inf:
                text = f"--{name} must be positive, got {value}"
                raise ConfigurationError(text)


@dataclasses.dataclass(frozen=True)
class Reading:
    """A recording of T frames as n samples.

    Of a video or pictures, `pictures` returns its frames.
    """

    path: Path
    samples: Samples  # unscaled, without labels
    spans: np.ndarray  # (n, 2), first frame and end of each sample
    lost: np.ndarray  # (T,) bool, frames without a face or landmarks
    valid: np.ndarray  # (n,), share that is neither padding nor lost
    rate: float | None  # frames a second; None where nobody says
    notes: Sequence[str] = ()  # what was assumed
    pictures: Callable[[], Iterator[np.ndarray]] | None = None
    boxes: np.ndarray | None = None  # (T, 4), in pixels of the pictures
    landmarks: np.ndarray | None = None  # (T, 68, 2), likewise
    crops: bool = False  # whether samples have pictures, not landmarks alone


def read_input(
    path: str | os.PathLike,
    about: Mapping,
    options: InputOptions = InputOptions(),
    scratch: str | os.PathLike = ".",
) -> Reading:
    """Reads a recording for a fold that says `about` itself.

    Features of frames are kept in the folder `scratch`. Raises KerasPainError,
    of one line that names both sides, where it does not fit.
    """
    path, kind = Path(path), about["input"].get("kind")
    if not path.exists():
        raise ConfigurationError(f"{path}: there is no such file or folder")
    check_choice("kind of a fold's recordings", kind, _SEEN)
    if options.clip_seconds and kind in ("movement", "signals"):
        raise ConfigurationError("--clip_seconds is for videos and landmarks")
    try:
        with reading(path, "cannot be read for this network", _OTHER):
            if kind == "movement":
                return _read_movement(path, about, options)
            if kind == "signals":
                return _read_signals(path, about, options)
            return _read_faces(path, about, options, scratch)
    except BadFileError as error:
        if "--on_bad_file" not in error.cure:
            raise
        # That is the cure where one file of a corpus is bad.
        given = error.path, error.problem, _OTHER, error.rule
        raise BadFileError(*given) from error


def _raw_file(path, kind, **info):
    """The file, of nobody: no label may be read off a name."""
    info = {"start": 0.0, "end": None, "labels": {}, "row": {}, **info}
    return RawFile(path, kind, path.stem, path.parent, path.stem, info=info)


def _does_not_fit(path, about, problem):
    """The error of a recording unlike those that were trained on."""
    seen, names = _SEEN[about["input"]["kind"]], about["channels"]
    if names:
        seen += f" of {len(names)} channels ({shorten(names)})"
    name = about["method"]["name"]
    return BadFileError(path, problem, f"{name} was trained on {seen}")


def _repairs(found):
    return [finding.detail for finding in found if finding.action == "repaired"]


def _ending(path):
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _read_movement(path, about, options):
    rate, ending, notes = about["input"]["rate"], _ending(path), ()
    if ending == ".mat":
        columns = matrix_shape(path, "data", sum(WIDTHS.values(), ()))[1]
        kind = layout_of_width(columns)
        if kind is None:
            problem = f"has {columns} columns, unlike any release of EmoPain"
            raise _does_not_fit(path, about, problem)
        recording, found = emopain.read_file(_raw_file(path, kind))
        arrays, notes = vars(recording), _repairs(found)
    elif ending == ".txt":
        file = _raw_file(path, ui_prmd.LAYOUTS[0])
        file.info = {"label": "correct", "exercise": "m00", "repetition": 0}
        recording, found = ui_prmd.read_file(file)
        arrays = vars(recording) | {"semg": None}
        notes = _repairs(found)
    elif ending in _TABLES:
        values, own_rate, notes = _read_table(path, about, rate, options)
        if not 0.98 < own_rate / rate < 1.02:
            problem = f"has {own_rate:g} frames a second, windows are at "
            problem += f"{rate:g}"
            raise BadFileError(path, problem, f"resample it to {rate:g}")
        parts = np.split(values, [13, 26], axis=1)
        arrays = dict(zip(_ARRAYS, parts, strict=True))
    else:
        raise _does_not_fit(path, about, "is no recording of movement")
    arrays = {k: arrays[k] for k in _ARRAYS if arrays[k] is not None}
    if about["channels"] != list(CHANNEL_NAMES):
        arrays.pop("semg", None)
    elif "semg" not in arrays:
        raise _does_not_fit(path, about, "has no sEMG")
    return _windows(path, arrays, about, rate, notes)


def _read_table(path, about, usual, options):
    """Values of the fold's channels, their rate, and what was assumed."""
    names = about["channels"]
    of_file = about["input"].get("file_channels", names)
    try:
        with reading(path, "cannot be read as a table"):
            try:
                values, times = reader.read_table(path, names)
            except BadFileError as error:
                if error.rule != "channels" or len(of_file) == len(names):
                    raise
                # A matrix, which names no column, has all of the corpus'.
                values, times = reader.read_table(path, of_file)
                values = values[:, [of_file.index(name) for name in names]]
    except BadFileError as error:
        if error.rule != "channels":
            raise
        raise _does_not_fit(path, about, error.problem) from error
    try:
        said = times and timing.rate_of(path, times, usual)
    except BadFileError:
        if not options.rate:
            raise
        said = None
    rate = options.rate or said or usual
    channels = [(name, "MISC", "", rate, "") for name in names]
    file = _raw_file(path, "signals", channels=channels)
    recording, found = reader.READ["signals"](file, values)
    notes = _repairs(found)
    if said:
        taken = "--rate is taken" if options.rate else "that is taken"
        notes.append(f"its times say {said:g} rows a second; {taken}")
    if not (options.rate or said):
        notes.append(
            f"nobody says the file's rate: {usual:g} Hz is assumed, that of "
            "the training recordings (--rate says another)"
        )
    return recording.signals, rate, notes


def _read_signals(path, about, options):
    given = about["input"]
    if _ending(path) not in layout.ENDINGS["signals"]:
        raise _does_not_fit(path, about, "is no table of signals")
    usual, target = given["file_rate"], given["rate"]
    values, rate, notes = _read_table(path, about, usual, options)
    if rate < 0.98 * target:
        problem = f"has {rate:g} samples a second, windows are at {target:g}"
        raise BadFileError(path, problem, "give a recording of a higher rate")
    emg = np.array([channel[1] == "EMG" for channel in given["channels"]])
    with reading(path, f"cannot be resampled from {rate:g} Hz", "mend --rate"):
        signals, sums = prepared_signals(values, emg, rate, target)
    arrays = {"signals": signals, "sums": sums, "label": np.zeros(len(signals))}
    return _windows(path, arrays, about, target, notes)


def _windows(path, arrays, about, rate, notes) -> Reading:
    """All windows of a recording: same length and step, without labels."""
    settings, count = about["settings"], len(next(iter(arrays.values())))
    names = about["class_names"] or ["unknown"]
    cut, length = settings["cut"], settings.get("length", 180)
    given = {"class_names": names, "label": "unknown", "length": length}
    if cut == "signal_windows":
        given = {k: v for k, v in settings.items() if k != "rate"}
    elif cut in _ONE and settings.get("fit") != "pad":
        given["cut"] = "whole_recordings"
    else:
        given |= {"cut": "sliding_windows", "segments": "whole"}
        given["step"] = settings.get("step", 45)
        whole = "none" if cut == "lsfan_windows" else "zero"
        given["padding"] = settings.get("padding", whole)
    recording = {"recording": path.stem, "subject_id": path.stem, **arrays}
    try:
        samples = cut_windows([recording | {"unknown": names[0]}], given)
    except ConfigurationError:
        raise
    except KerasPainError as error:
        problem = f"has {count} frames at {rate:g} Hz, too few for a window of "
        problem += f"{length}"
        raise BadFileError(path, problem, "give a longer recording") from error
    spans = np.stack([samples.start, samples.start + samples.length], axis=1)
    if given["cut"] == "whole_recordings":
        spans = np.array([[0, count]])
    valid, lost = samples.mask.mean(axis=1), np.zeros(count, bool)
    return Reading(path, samples, spans, lost, valid, rate, notes)


def _read_faces(path, about, options, scratch):
    fed = method_registry.all_fed(about["method"]["name"])
    of_points = about["input"]["kind"] == "landmarks" or fed == (LANDMARKS,)
    if _ending(path) == ".csv" and not path.is_dir():
        if not of_points:
            problem = "is a table, not a video or picture"
            raise _does_not_fit(path, about, problem)
        rate, shown = options.rate or landmarks.csv_rate(path), {}
        file = _raw_file(path, "landmarks", rate=rate)
        recording, found = reader.READ["landmarks"](file)
        example = {"landmarks": recording.landmarks, **recording.frame_labels}
    else:
        kinds = ["landmarks"] if of_points else [about["input"]["content"]]
        if LANDMARKS in fed and not of_points:
            kinds.append("landmarks")
        file = _raw_file(path, "faces", rate=options.rate)
        given = path, about, options, kinds, file
        recording, example, found, shown = _look_for_faces(*given)
    rate, settings = recording.frame_rate or options.rate, about["settings"]
    settings = {
        k: v
        for k, v in settings.items()
        if k not in ("where", "without", "shuffled")
    }
    settings |= {"unit": "subject", "label": "unknown"}
    store, lost = _in_memory(path.stem, example, scratch), ~example["found"]
    frames = settings.get("level") == "frame"
    label = {path.stem: np.zeros(len(lost)) if frames else 0.0}
    try:
        store = clip_data.with_labels(store, "unknown", label)
        samples = clip_data.cut_clips(store, **settings)
    except KerasPainError as error:
        problem = f"has no face in any of {len(lost)} frames"
        cure = "give one that shows a face"
        raise BadFileError(path, problem, cure) from error
    if options.clip_seconds:
        samples = _cut_into_clips(path, samples, rate, options.clip_seconds)
    spans = np.stack([samples.start, samples.start + samples.count], axis=1)
    share = np.cumsum([0, *~lost])
    valid = (share[spans[:, 1]] - share[spans[:, 0]]) / samples.count
    notes = [finding.detail for finding in found if finding.action != "checked"]
    return Reading(path, samples, spans, lost, valid, rate, notes, **shown)


def _look_for_faces(path, about, options, kinds, file):
    """Reads pictures as the builders do; what can be shown of them as well."""
    still = path.suffix.lower() in layout.PICTURES
    if not (path.is_dir() or still or path.suffix.lower() in layout.VIDEOS):
        raise _does_not_fit(path, about, "is no video or picture")
    if "landmarks" in kinds and not options.landmarks:
        raise ConfigurationError(
            f"{path}: {about['method']['name']} sees landmarks; give a CSV "
            "file of them, or say where those of a video come from: "
            "--landmarks csv:FOLDER, tflite:FILE or dlib:FILE"
        )
    recording, found = reader.READ["faces"](file)
    example = {}
    shown = {"pictures": functools.partial(media.iterate_frames, path)}
    if still:
        shown = {"pictures": functools.partial(media.iterate_frames, [path])}
    for content in kinds:
        source = options.landmarks if content == "landmarks" else ""
        given = about["input"] | {"content": content, "landmarks": source}
        made, more = clip_example(file, recording, given)
        example |= made
        found += more
        if content == "landmarks":
            shown["landmarks"] = made["landmarks"]
        shown |= {"boxes": made["boxes"]} if "boxes" in made else {}
    return recording, example, found, {**shown, "crops": "frames" in example}


def _in_memory(name, example, scratch):
    """A store of one clip."""
    codes = example.get("frames", ())
    ends = np.cumsum([len(code) for code in codes], dtype=np.int64)
    spans = np.stack([np.append(0, ends[:-1]), ends], axis=1) if codes else None
    source = example.get("source", ~example["found"]).astype(np.uint8)
    labels = {"found": example["found"], "source": source}
    if LANDMARKS in example:
        labels[LANDMARKS] = example[LANDMARKS]
    clip = clip_data.ClipInfo(name, name, {}, labels)
    data = np.frombuffer(b"".join(codes), np.uint8)
    return clip_data.FrameStore(scratch, [clip], spans, data)


def _cut_into_clips(path, samples, rate, seconds):
    if not samples.num_frames:
        text = "--clip_seconds is for networks of clips; this one sees frames"
        raise ConfigurationError(text)
    if not rate:
        problem, cure = "does not say its frame rate", "give --rate with it"
        raise BadFileError(path, problem, cure)
    length, count = max(round(seconds * rate), 1), int(samples.count[0])
    begins = np.arange(0, max(count - length // 2, 1), length)
    whole = samples.take(np.zeros(len(begins), int))
    sizes = np.minimum(begins + length, count) - begins
    first = samples.first[0] + begins
    return dataclasses.replace(whole, first=first, count=sizes)


class Predictor:
    """Trained methods of one name: those of one fold, or of several.

    Attributes:
        members: One or more.
        about: What the first one's fold says of it.
        chosen: What was chosen for the user.
        notes: What a user has to know before the first number.
        store: Of the results folder that they come from, if they do.
    """

    def __init__(
        self,
        members: Sequence[Member],
        chosen: Sequence[str] = (),
        store: ResultStore | None = None,
    ):
        self.members, self.store = list(members), store
        self.about = members[0].about
        self.chosen, self.notes = list(chosen), _notes(self.members)
        self.name = self.about["method"]["name"]
        self.class_names = tuple(self.about["class_names"])

    @property
    def simulated(self) -> bool:
        """Whether any network was trained on simulated data."""
        return any(member.about["simulated"] for member in self.members)

    def save_to_preset(self, folder: str | os.PathLike) -> Path:
        """See `keras_pain.reproduction.presets.save_to_preset`."""
        return presets.save_to_preset(self, folder)

    def predict(self, path: str | os.PathLike, **options) -> pd.DataFrame:
        """What the networks say about a recording.

        Args:
            path: A file, or a folder of pictures.
            **options: See `InputOptions`.

        Returns:
            A row a window, clip or frame: `start` and `end` in seconds (in
            frames where the rate is unknown), `p_<class>` and `sd_<class>` over
            networks, `predicted`; or `intensity` and `sd`; `valid`, the share
            of frames that are no padding and show what is looked at.
            `attrs["notes"]` are remarks, `attrs["unit"]` is `"s"` or `"frame"`.

        Raises:
            KerasPainError: Of one line, where the recording does not fit.
        """
        with tempfile.TemporaryDirectory() as scratch:
            given = InputOptions(**options)
            found = read_input(path, self.about, given, scratch)
            return self.table(found, self.scores(found.samples))

    def scores(self, samples: Samples) -> np.ndarray:
        """`(members, n, classes)` probabilities, or `(members, n)`."""
        members = io.tracked(self.members, "predicting")
        return np.stack([member_scores(of, samples) for of in members])

    def table(self, found: Reading, scores: np.ndarray) -> pd.DataFrame:
        """See `predict`."""
        begin, end = found.spans.T / (found.rate or 1)
        columns: dict[str, Any] = {"start": begin, "end": end}
        parts = {"p": scores.mean(axis=0)}
        if len(scores) > 1:
            parts["sd"] = scores.std(axis=0)
        for part, values in parts.items():
            if not self.class_names:
                columns["intensity" if part == "p" else part] = values
            for index, name in enumerate(self.class_names):
                columns[f"{part}_{name}"] = values[:, index]
        if self.class_names:
            best = parts["p"].argmax(axis=1)
            columns["predicted"] = np.array(self.class_names)[best]
        frame = pd.DataFrame(columns | {"valid": found.valid})
        notes = [*self.chosen, *self.notes, *found.notes]
        files = [member.about["training_files"] for member in self.members]
        digests = {manifest.input_hash(found.path)}
        if found.path.is_dir():  # of pictures, each of which may be known
            digests |= set(map(manifest.input_hash, list_stills(found.path)))
        if trained := sum(not digests.isdisjoint(of) for of in files):
            text = f"{found.path} is among the training recordings of {trained}"
            text += f" of {len(files)} networks: this is no test of them"
            notes.insert(0, text)
        if not found.rate:
            text = "start and end are frames"
            notes.append(f"{text}: nobody says their rate (--rate does)")
        frame.attrs["notes"] = notes
        frame.attrs["unit"] = "s" if found.rate else "frame"
        return frame

    def attention(self, found: Reading) -> np.ndarray | None:
        """`(T,)`, attention over the frames of a recording; None without any.

        The mean over windows that a frame is in, and over networks; 1 is that
        of a network that looks at all frames alike.
        """
        total, count = 0, len(found.lost)
        for member in self.members:
            model = getattr(member.method, "model", None)
            of_windows = model and isinstance(found.samples, WindowSet)
            if not of_windows or "temporal_attention" not in attention_outputs(
                model
            ):
                return None
            windows = preprocessing.scaled(member.about, found.samples)
            maps = attention_maps(model, member.method.x_of(windows))
            maps = maps["temporal_attention"]
            maps = maps.reshape(*maps.shape[:2], -1).mean(axis=2)
            total = total + maps * maps.shape[1] / len(self.members)
        summed, seen = np.zeros(count), np.zeros(count)
        for (begin, end), values in zip(found.spans, total, strict=True):
            at = np.arange(end - begin)
            if end - begin > len(values):  # the window was resampled
                at = np.linspace(0, len(values) - 1, end - begin)
            summed[begin:end] += np.interp(at, np.arange(len(values)), values)
            seen[begin:end] += 1
        return np.where(seen > 0, summed / np.maximum(seen, 1), np.nan)

    def write(
        self,
        path: str | os.PathLike,
        out: str | os.PathLike,
        *,
        annotate: bool = False,
        **options,
    ) -> tuple[pd.DataFrame, list[Path]]:
        """Predicts a recording; writes numbers, figures and maybe a video.

        Args:
            path: The recording.
            out: Folder to write to.
            annotate: Whether a video with scores in it is written, too.
            **options: See `InputOptions`.

        Returns:
            The table, see `predict`, with `attrs["latency"]`, milliseconds a
            sample and a frame of one network; and the paths of all files.
        """
        path, out, given = Path(path), Path(out), InputOptions(**options)
        if out.exists() and not out.is_dir():
            raise ConfigurationError(f"--out: {out} is a file; give a folder")
        with tempfile.TemporaryDirectory() as scratch:
            found = read_input(path, self.about, given, scratch)
            if annotate and found.pictures is None:
                raise ConfigurationError(f"--annotate: {path} is no video")
            table = self.table(found, self.scores(found.samples))
            few = np.arange(min(len(found.samples), _TIMED))
            start = time.perf_counter()
            member_scores(self.members[0], found.samples.take(few))
            took = 1000 * (time.perf_counter() - start)
        frames = len(np.unique(np.concatenate(_frames_of(found.spans[few]))))
        latency = {"ms_a_sample": took / len(few), "ms_a_frame": took / frames}
        table.attrs["latency"] = latency
        simulated, rate = self.simulated, found.rate or 1.0
        for name in ("faces.png", "annotated.mp4"):  # of an earlier recording
            for mark in (False, True):
                io.marked(out / name, mark).unlink(missing_ok=True)
        text = table.to_csv(index=False, float_format="%.6g").encode()
        paths = [io.write_marked(out / "predictions.csv", text, simulated)]
        note = {
            "recording": str(path),
            "sha256": manifest.input_hash(path),
            "networks": [str(member.folder) for member in self.members],
            **table.attrs,
            "notes": [NOT_MEDICAL, *table.attrs["notes"]],
            "simulated": simulated,
        }
        text = json.dumps(note, indent=1).encode() + b"\n"
        paths.append(io.write_file(out / "predictions.json", text))
        unit, title = table.attrs["unit"], f"{self.name}: {path.name}"
        shown = {"class_names": self.class_names, "simulated": simulated}
        edges = np.diff(np.concatenate([[0], found.lost, [0]]))
        place = out / "timeline.png", title
        figure = figures.plot_timeline(
            *(table, *place),
            attention=self.attention(found),
            frame_rate=found.rate,
            gaps=(np.flatnonzero(edges).reshape(-1, 2) / rate).tolist(),
            unit=unit,
            note=NOT_MEDICAL,
            **shown,
        )
        paths.append(figure)
        if found.crops:
            paths.append(self._write_faces(found, table, out, title))
        if annotate:
            made = figures.annotated_frames(
                *(found.pictures(), np.arange(len(found.lost)) / rate, table),
                boxes=found.boxes,
                landmarks=found.landmarks,
                unit=unit,
                note=NOT_MEDICAL.partition(";")[0],
                **shown,
            )
            place = io.marked(out / "annotated.mp4", simulated)
            paths.append(media.write_mp4(place, made, found.rate or 25.0))
        return table, paths

    def _write_faces(self, found, table, out, title):
        """A contact sheet of the faces that were looked at, with scores."""
        column = figures.shown_score(table, self.class_names)
        frames_of, values = _frames_of(found.spans), table[column].to_numpy()
        rows = np.repeat(np.arange(len(table)), list(map(len, frames_of)))
        numbers, first = np.unique(np.concatenate(frames_of), return_index=True)
        chosen = np.linspace(0, len(numbers) - 1, _SHOWN).round().astype(int)
        chosen = np.unique(chosen)
        numbers, scores = numbers[chosen], values[rows[first[chosen]]]
        frames, size = found.samples.frames, found.samples.size
        faces = clip_data.decoded_frames(frames, numbers, size)
        place = "{:.1f} s" if found.rate else "frame {:.0f}"
        places = map(place.format, numbers / (found.rate or 1))
        pairs = zip(places, scores, strict=True)
        return figures.contact_sheet(
            np.concatenate(list(faces)),
            [f"{place}: {score:.2f}" for place, score in pairs],
            out / "faces.png",
            f"{title}, {column.replace('p_', 'p ')}",
            found=~found.lost[numbers],
            simulated=self.simulated,
            note=NOT_MEDICAL,
        )


def _frames_of(spans):
    return [np.arange(*span) for span in spans]


def member_scores(member: Member, samples: Samples) -> np.ndarray:
    """`(n, classes)` probabilities, or `(n,)` intensities, of one method.

    Samples are unscaled. As in the runner, a class that nobody in training
    had has probability 0 where folds may lack one.
    """
    about, classes = member.about, len(member.about["class_names"])
    seen = np.array(about["seen"], int)
    if member.method is None:
        return np.eye(classes)[np.full(len(samples), seen[0])]
    samples = preprocessing.scaled(about, samples)
    predict = member.method.predict_proba if classes else member.method.predict
    said = np.asarray(predict(samples), float)
    if about["absent_classes"]:
        said = preprocessing.without_unseen(said, seen, classes)
    return said


def _notes(members):
    about, notes = members[0].about, []
    cut = about["settings"].get("cut", "")
    if any(member.about["simulated"] for member in members):
        text = "SIMULATED: trained on simulated people, so that the numbers "
        notes.append(f"{text}mean nothing")
    if about["defects"]:
        notes.append(
            f"trained under the protocol {about['key']['protocol']}, whose "
            f"scores leak ({', '.join(about['defects'])}); leak_free is the "
            "one to believe"
        )
    if cut in _ONE:
        line = "trained on one activity or exercise at a time"
        notes.append(f"{line}: the recording is taken for one")
    elif cut in ("sliding_windows", "lsfan_windows"):
        notes.append(
            "trained inside labelled activities, so that transitions between "
            "them are unseen; here windows go over the whole recording"
        )
    return notes


def load(
    path: str | os.PathLike,
    *,
    method: str | None = None,
    protocol: str | None = None,
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
        protocol, evaluation, seed, fold: Of its folds; those of the protocol
            `leak_free` and of the evaluation with most folds are taken, of all
            seeds, where these are not given.
        backbone_weights: File of the pretrained weights of frozen backbones,
            which folds do not hold.

    Raises:
        KerasPainError: Nothing that can predict is there, it is damaged or of
            another version.
    """
    path, shipped = Path(path), Path(__file__).parents[1] / "presets"
    if not path.exists() and (shipped / path / PRESET_FILE).exists():
        path = shipped / path
    if not path.is_dir():
        names = ", ".join(sorted(p.name for p in shipped.glob("*/")))
        raise ConfigurationError(
            f"{path}: there is no such folder; give that of results, of a fold "
            f"or of a preset, or one of the suite's presets ({names or 'none'})"
        )
    # It warns of many traced functions; here every network has its own.
    tf.get_logger().setLevel("ERROR")
    notes, store = [], None
    wanted = {"protocol": protocol, "method": method, "evaluation": evaluation}
    wanted |= {"seed": seed, "fold": fold}
    if (path / PRESET_FILE).exists():
        files = presets.read_preset(path)["members"]
        files = {path / name: entries for name, entries in files.items()}
    else:
        folders = [path]
        if not (path / RESULT_FILE).exists():
            store = ResultStore(path)
            folders, notes = _chosen(store, wanted)
        elif len(up := path.resolve().parents) > 5 and up[4].name == "folds":
            store = ResultStore(up[5])
        files = {}
        for folder in folders:
            with reading(folder / RESULT_FILE, cure=_AGAIN):
                files[folder] = io.read_json(folder / RESULT_FILE)["files"]
    with reading(path, "cannot be loaded", _AGAIN):
        members = [
            _member(folder, entries, backbone_weights)
            for folder, entries in files.items()
        ]
        predictor = Predictor(members, notes, store)
        _check_alike(path, members, wanted)
        return predictor


def _check_alike(path, members, wanted):
    """Raises where networks do not belong together, or others were wanted."""
    names = ("input", "settings", "channels", "class_names", "task")
    first = members[0].about
    for _, about, folder in members:
        for name in names:
            if about[name] != first[name]:
                problem = f"has other {name} than {members[0].folder.name}"
                raise BadFileError(folder, problem, _AGAIN)
        for part, value in wanted.items():
            known = about["key"].get(part, "all")  # a preset's of all folds
            if value is not None and str(known) != str(value):
                text = f"{path}: is of {part} {known}, not of --{part} {value}"
                cure = "give the results folder to choose from"
                raise ConfigurationError(f"{text}; {cure}")


def _member(folder, files, backbone_weights):
    """Loads what a fold stored, whose `files` have to be as it wrote them."""
    if PREPROCESSING_FILE in files:
        for name, entry in files.items():
            with reading(folder / name, cure=_AGAIN):
                if io.sha256_of(folder / name) != entry["sha256"]:
                    problem = "was changed after it was written (its SHA-256)"
                    raise BadFileError(folder / name, problem, _AGAIN)
    about = preprocessing.read(folder)
    if on := {of.name for of in DISPUTES}.intersection(about["defects"]):
        raise ConfigurationError(
            f"{folder}: was trained under {min(on)}, whose people were scaled "
            f"or split as none is here; give a fold of {LEAK_FREE.name}"
        )
    if len(about["seen"]) == 1 and about["class_names"]:
        return Member(None, about, folder)
    name = about["method"]["called"]
    method = method_registry.load_method(name, folder, about["method"])
    for part in (method, *getattr(method, "parts", ())):
        of = getattr(part, "options", None)
        known = getattr(of, "backbone_weights", None)
        if isinstance(known, Mapping):
            weights = _weights(folder, known, backbone_weights)
            part.options = dataclasses.replace(of, backbone_weights=weights)
    return Member(method, about, folder)


def _weights(folder, identity, given):
    """The frozen backbone's weights, whose identity the fold says."""
    if given is None and {"random", "imagenet"} & identity.keys():
        return "imagenet" if "imagenet" in identity else None
    if given and FeatureExtractor(weights=given).identity()["weights"] == (
        identity
    ):
        return given
    (kind, text), *_ = identity.items()
    raise ConfigurationError(
        f"{folder}: its backbone had the weights {kind} {str(text)[:16]}, "
        "which it does not hold; give their file with --backbone_weights"
    )


def _chosen(store, wanted):
    """Folders of the folds of one method, and what was chosen for the user."""
    keys, notes = store.completed(), []
    wanted = {**wanted, "protocol": wanted["protocol"] or LEAK_FREE.name}
    if not keys:
        raise ConfigurationError(
            f"{store.root}: holds no finished fold; give the results folder of "
            "a reproduce script, e.g. results/table8_lsfan"
        )
    for part, value in wanted.items():
        if value is not None:
            known = sorted({str(getattr(key, part)) for key in keys})
            check_choice(f"{store.root}: --{part}", str(value), known)
            keys = [k for k in keys if str(getattr(k, part)) == str(value)]
    counts = collections.Counter(key.evaluation for key in keys)
    [(most, _)] = counts.most_common(1)
    keys = [key for key in keys if key.evaluation == most]
    names = list(dict.fromkeys(key.method for key in keys))
    names = [name for name in names if name not in TRIVIAL] or names
    best = names[0]
    if len(names) > 1:
        best = max(names, key=lambda name: _score(store, keys, name))
        notes.append(
            f"{best} is taken, of {', '.join(names)}: the best pooled score of "
            "its test people (--method names another)"
        )
    return [store.path(key) for key in keys if key.method == best], notes


def _score(store, keys, name):
    """Macro-F1, or minus the mean absolute error, of a method's test people."""
    found = [store.read(key).predictions for key in keys if key.method == name]
    whole = {k: np.concatenate([of[k] for of in found]) for k in found[0]}
    if "y_pred" in whole:
        return -float(np.abs(whole["y_true"] - whole["y_pred"]).mean())
    pair = whole["y_true"], whole["probabilities"]
    return compute_metrics(*pair, pair[1].shape[1])["macro_f1"]
