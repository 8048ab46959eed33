"""Recordings to windows: index arithmetic and one gather, no loop over windows.

Window of 180 frames (3 s at 60 Hz), step 45 (75 % overlap), cut inside one
activity at a time: ISWC 2019, section 3; ALANet section IV.A takes the overlap
from there, and does not say how it segments; its window counts only fit
segments of one exercise, transitions included, so that is the default here.
"""

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Self

import numpy as np

from keras_pain.corpora.emopain.layout import ACTIVITIES
from keras_pain.corpora.recording import MAX_FLICKER, activity_segments
from keras_pain.data import labels as label_rules
from keras_pain.errors import ConfigurationError, KerasPainError, check_choice
from keras_pain.signals.kinematics import ANGLE_NAMES

SEMG_NAMES = ("lower_right", "lower_left", "upper_right", "upper_left")
CHANNEL_NAMES = (
    *(f"angle_{name}" for name in ANGLE_NAMES),
    *(f"energy_{name}" for name in ANGLE_NAMES),
    *(f"semg_{name}" for name in SEMG_NAMES),
)
PROTECTIVE_CLASSES = ("non-protective", "protective")
PAIN_CLASSES = ("healthy", "low pain", "high pain")


class SampleSet:
    """What windows and face clips share: dataclasses of arrays.

    Arrays have one entry a sample; `y`, `subject`, `recording` and `start`,
    the first frame in the recording, are among them.
    """

    def __len__(self) -> int:
        return len(self.y)

    @property
    def num_classes(self) -> int:
        """Number of classes; 0 where intensities are predicted."""
        return len(self.class_names)

    @property
    def window_id(self) -> np.ndarray:
        """`(n,)` text `recording:start`, unique before augmentation."""
        recording = np.strings.add(self.recording.astype(str), ":")
        return np.strings.add(recording, self.start.astype(str))

    def take(self, index: np.ndarray) -> Self:
        """The samples at `index` (positions or a boolean mask)."""
        picked = {name: array[index] for name, array in arrays_of(self)}
        return dataclasses.replace(self, **picked)

    def of_subjects(self, subjects: Iterable[str]) -> Self:
        """The samples of the given subjects, in their order here."""
        return self.take(np.isin(self.subject, list(subjects)))


def arrays_of(samples: SampleSet) -> list[tuple[str, np.ndarray]]:
    """Names and arrays of the fields that have one entry a sample."""
    fields = vars(samples).items()
    return [(k, v) for k, v in fields if isinstance(v, np.ndarray)]


def joined(parts: Sequence[Mapping], problem: str) -> dict[str, np.ndarray]:
    """Arrays of several parts behind each other, by name.

    Raises KerasPainError, with the text `problem`, where there is no sample.
    """
    if not any(len(part["y"]) for part in parts):
        raise KerasPainError(problem)
    return {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}


@dataclasses.dataclass
class WindowSet(SampleSet):
    """n labelled windows of T frames and C channels.

    Without `class_names` intensities are predicted. Of other channels than the
    suite's own, `channels` are type and body part of each; `""` is no part.
    """

    x: np.ndarray  # (n, T, C) float32; frames from `length` on are zero
    y: np.ndarray  # (n,) int64 class index, or float32 intensity
    length: np.ndarray  # (n,) int32, real frames of each window
    subject: np.ndarray  # (n,) participant of each window
    recording: np.ndarray  # (n,) recording of each window
    start: np.ndarray  # (n,) int64, its first frame in the recording
    activity: np.ndarray  # (n,) int32, activity type
    class_names: tuple[str, ...]
    channel_names: tuple[str, ...] = CHANNEL_NAMES
    channels: tuple[tuple[str, str], ...] = ()
    statistics: np.ndarray | None = None  # (n, F) float32, for classical ones

    @property
    def mask(self) -> np.ndarray:
        """`(n, T)` bool, true on real frames."""
        return np.arange(self.x.shape[1]) < self.length[:, None]


def sliding_windows(
    recordings: Sequence[Mapping],
    *,
    length: int = 180,
    step: int = 45,
    padding: str = "zero",
    label_rule: str = "merged_majority",
    max_flicker: int = MAX_FLICKER,
    activities: Sequence[int] | None = None,
    segments: str = "type",
    unfinished: str = "keep",
    label: str | None = None,
    class_names: Sequence[str] = PROTECTIVE_CLASSES,
) -> WindowSet:
    """Windows inside each activity segment, with protective labels.

    Args:
        recordings: Recordings as the builders yield them.
        length: Frames a window.
        step: Frames from one window's start to the next.
        padding: `"zero"`: windows start until one reaches the segment's end,
            and what it lacks is zero. `"none"`: only whole windows.
        label_rule: A key of `keras_pain.data.labels.LABEL_RULES`.
        max_flicker: See `activity_segments`.
        activities: Activity types to use; None uses all, transitions included.
        segments: `"type"`: runs of one activity type; `"instance"`: runs of
            one of the release's activity columns; `"whole"`: recordings.
        unfinished: `"drop"` leaves out segments that run to the end of their
            recording, as L-SFAN's parser does by mistake.
        label: Key of each recording's class name, where that and not
            `label_rule` gives the label.
        class_names: One name a class.

    Returns:
        Windows with a known label, in order of recording and time.

    Raises:
        ConfigurationError: A setting is out of range.
        KerasPainError: No window is left.
    """
    _check_length(length, step)
    check_choice("padding", padding, ("zero", "none"))
    check_choice("segments", segments, ("type", "instance", "whole"))
    check_choice("unfinished", unfinished, ("keep", "drop"))

    def cut(recording, frames):
        settings = max_flicker, activities, segments
        begins, ends, types = _segments(recording, *settings)
        if unfinished == "drop":
            whole = ends < len(frames)
            begins, ends, types = begins[whole], ends[whole], types[whole]
        size = ends - begins
        over = np.maximum(size - length, 0)
        if padding == "zero":
            count = -(-over // step) + 1
        else:
            count = np.where(size >= length, over // step + 1, 0)
        # 0, 1, ... in each segment.
        before = np.cumsum(count) - count
        number = np.arange(count.sum()) - np.repeat(before, count)
        starts = np.repeat(begins, count) + step * number
        stops = np.minimum(starts + length, np.repeat(ends, count))
        if label is None:
            y = label_rules.window_labels(label_rule, recording, starts, stops)
        else:
            y = np.full(len(starts), class_names.index(recording[label]))
        x = _padded(frames, starts, stops, length)
        return x, y, starts, stops, np.repeat(types, count)

    wanted = f"windows of {length} frames (padding={padding!r})"
    return _windows(recordings, cut, class_names, wanted)


def activity_instances(
    recordings: Sequence[Mapping],
    *,
    length: int = 180,
    fit: str = "resample",
    max_flicker: int = MAX_FLICKER,
    activities: Sequence[int] | None = tuple(range(1, 9)),
) -> WindowSet:
    """One sample a performed activity, with its pain level (Task 2).

    The challenge gives one label an instance; neither its public description
    nor ALANet says how many frames a sample has. Raises ConfigurationError
    where `fit` is unknown, KerasPainError where no sample is left.

    Args:
        recordings: Recordings as the builders yield them; those without a
            reported pain level are left out.
        length: Frames a sample; unsaid: Task 3's, as ALANet names no other.
        fit: `"resample"` (unsaid; default as it keeps the whole movement)
            brings every segment to `length` frames by linear interpolation;
            `"pad"` keeps its first `length` frames and pads with zeros.
        max_flicker: See `activity_segments`.
        activities: Activity types to use; unsaid: the eight exercises, as an
            instance is of an exercise.
    """
    check_choice("fit", fit, ("resample", "pad"))

    def cut(recording, frames):
        begins, ends, types = _segments(recording, max_flicker, activities)
        y = label_rules.pain_levels(recording, begins, ends)
        stops = begins + length
        if fit == "resample":
            x = _resampled(frames, begins, ends, length)
        else:
            stops = np.minimum(stops, ends)
            x = _padded(frames, begins, stops, length)
        return x, y, begins, stops, types

    wanted = "activity instances with a pain level"
    return _windows(recordings, cut, PAIN_CLASSES, wanted)


def whole_recordings(
    recordings: Sequence[Mapping],
    *,
    label: str,
    class_names: Sequence[str],
    length: int = 180,
) -> WindowSet:
    """One sample a recording, `activity` zero, e.g. an exercise done.

    Recordings have a class name under the key `label`, and are brought to
    `length` frames by linear interpolation. KerasPainError if there is none.
    """

    def cut(recording, frames):
        begins, ends, types = _segments(recording, kind="whole")
        x = _resampled(frames, begins, ends, length)
        y = np.array([class_names.index(recording[label])])
        return x, y, begins, begins + length, types

    return _windows(recordings, cut, class_names, "samples")


def _check_length(length, step):
    if min(length, step) < 1:
        problem = f"window length and step must be positive, got {length}"
        raise ConfigurationError(f"{problem}, {step}")


def signal_windows(
    recordings: Sequence[Mapping],
    *,
    channels: Sequence[Sequence],
    length: int = 180,
    step: int = 45,
    class_names: Sequence[str] = (),
) -> WindowSet:
    """Windows of recordings of any channels; the last one padded if half full.

    A window's class is that of most of its frames, its intensity their mean;
    it is left out where the labels of more than half of them are missing.

    Each recording has `signals` `(T, C)`, `sums` `(T, E, 4)` of its EMG (see
    `keras_pain.signals.biosignals`), and `label`, `(T,)` class indices or
    intensities with NaN for what is missing; `channels` are name, type and body
    part of each, `length` and `step` frames, of a window and from one's start
    to the next. Without `class_names` intensities are predicted. Raises
    ConfigurationError where a setting is out of range, KerasPainError where no
    window is left.
    """
    _check_length(length, step)
    names, types, parts = zip(*channels, strict=True)
    of_type = np.array(types)

    def cut(recording, frames):
        count, label = len(frames), np.asarray(recording["label"], float)
        starts = step * np.arange(-(-max(count - length, 0) // step) + 1)
        stops = np.minimum(starts + length, count)
        full = 2 * (stops - starts) >= length
        starts, stops = starts[full], stops[full]
        size = stops - starts
        known = np.isfinite(label)
        enough = 2 * label_rules.window_sums(known, starts, stops) >= size
        if class_names:
            votes = np.where(known, label, -1)[:, None]
            votes = votes == np.arange(len(class_names))
            y = label_rules.window_sums(votes, starts, stops).argmax(axis=1)
            y = np.where(enough, y, -1)
        else:
            total = np.where(known, label, 0.0)
            total = label_rules.window_sums(total, starts, stops, np.float64)
            number = label_rules.window_sums(known, starts, stops)
            y = np.where(enough, total / np.maximum(number, 1), np.nan)
        x = _padded(frames, starts, stops, length)
        statistics = _statistics(x, starts, stops, of_type, recording["sums"])
        return x, y, starts, stops, np.zeros(len(y), int), statistics

    wanted = f"windows of {length} frames, at least half full, with a label"
    windows = _windows(recordings, cut, class_names, wanted, names)
    channels = tuple(zip(types, parts, strict=True))
    return dataclasses.replace(windows, channels=channels)


def _statistics(x, starts, stops, types, sums):
    """What classical methods see of windows: by the channels' type.

    EMG: mean absolute value, root mean square, waveform length and changes of
    sign, of the raw signal; joint angles: range; others: mean, standard
    deviation and range. `(n, F)`.
    """
    length = stops - starts
    real = (np.arange(x.shape[1]) < length[:, None])[:, :, None]
    found = []
    emg = label_rules.window_sums(sums, starts, stops, np.float64)
    emg[..., :2] /= length[:, None, None]
    emg[..., 1] = np.sqrt(emg[..., 1])
    # Windows may be of unequal length.
    emg[..., 2:] /= length[:, None, None]
    found.append(emg.reshape(len(x), emg.shape[1] * emg.shape[2]))
    others = x[:, :, types != "EMG"].astype(np.float64)
    angles = types[types != "EMG"] == "JNTANG"
    if others.shape[2]:
        high = np.where(real, others, -np.inf).max(axis=1)
        found.append(high - np.where(real, others, np.inf).min(axis=1))
        others = others[:, :, ~angles]
        mean = others.sum(axis=1) / length[:, None]
        spread = np.where(real, others - mean[:, None], 0.0)
        found += [mean, np.sqrt((spread**2).sum(axis=1) / length[:, None])]
    return np.concatenate(found, axis=1).astype(np.float32)


def _segments(recording, max_flicker=0, activities=None, kind="type"):
    if kind == "whole":
        # Of one activity, which such recordings need not number.
        end = np.array([len(recording["angles"])])
        return np.zeros(1, np.int64), end, np.zeros(1, np.int32)
    runs = recording["activity_instance" if kind == "instance" else "activity"]
    begins, ends, types = activity_segments(runs, max_flicker=max_flicker)
    if kind == "instance":
        types = np.asarray(recording["activity"])[begins]
    if activities is None:
        return begins, ends, types
    chosen = np.isin(types, np.asarray(activities))
    return begins[chosen], ends[chosen], types[chosen]


def _padded(frames, starts, stops, length):
    """`(n, length, C)`: spans of at most `length` frames, then zeros."""
    offsets = np.arange(length)
    x = frames.take(starts[:, None] + offsets, axis=0, mode="clip")
    x *= (offsets < (stops - starts)[:, None])[:, :, None]
    return x


def _resampled(frames, begins, ends, length):
    """`(n, length, C)`: each span brought to `length` frames."""
    grid = np.linspace(0.0, 1.0, length)
    position = begins[:, None] + (ends - 1 - begins)[:, None] * grid
    lower = np.floor(position).astype(np.int64)
    weight = (position - lower)[:, :, None].astype(np.float32)
    x = (1 - weight) * frames.take(lower, axis=0, mode="clip")
    x += weight * frames.take(lower + 1, axis=0, mode="clip")
    return x


def _windows(recordings, cut, class_names, wanted, names=CHANNEL_NAMES):
    """All windows with a known label that `cut` gives of each recording."""
    parts, arrays = [], ("angles", "energies", "semg", "signals")
    for recording in recordings:
        frames = [recording[name] for name in arrays if name in recording]
        frames = np.concatenate(frames, axis=1).astype(np.float32)
        x, y, starts, stops, activity, *more = cut(recording, frames)
        known = y >= 0 if class_names else np.isfinite(y)
        part = {
            "x": x[known].astype(np.float32),
            "y": y[known].astype(np.int64 if class_names else np.float32),
            "length": (stops - starts)[known].astype(np.int32),
            "start": starts[known].astype(np.int64),
            "activity": activity[known].astype(np.int32),
        }
        if more:
            part["statistics"] = more[0][known]
        count = len(part["y"])
        part["subject"] = np.full(count, recording["subject_id"])
        part["recording"] = np.full(count, recording["recording"])
        parts.append(part)
    problem = f"none of the {len(parts)} recordings gave {wanted}: check that "
    problem += "this release has the labels (`keras-pain check`), and that "
    columns = joined(parts, f"{problem}recordings are long enough")
    names = tuple(names[: columns["x"].shape[2]])
    more = {"class_names": tuple(class_names), "channel_names": names}
    return WindowSet(**columns, **more)


# L-SFAN uses 21 of the 24 activity columns: not these three, which are no
# movements, and no frame outside of the columns.
LSFAN_ACTIVITIES = tuple(
    number
    for number, name in enumerate(ACTIVITIES)
    if name not in ("other", "sitting_still", "standing_still", "walking")
)
# As the released L-SFAN code cuts the full release (layout `fame`): inside each
# of 21 activity columns, tail dropped; it calls its parser without padding, and
# takes the flags as they are. Channels stay in the order of the suite; L-SFAN's
# own order is a matter of its method, see `arranged`.
lsfan_windows = functools.partial(
    sliding_windows,
    padding="none",
    label_rule="papers_per_frame",
    max_flicker=0,
    activities=LSFAN_ACTIVITIES,
    segments="instance",
)

# Settings of a cut are JSON values, which a fold's configuration holds, so that
# windows can be cut anew from nothing but a finished run.
CUTS = {
    "sliding_windows": sliding_windows,
    "activity_instances": activity_instances,
    "whole_recordings": whole_recordings,
    "lsfan_windows": lsfan_windows,
    "signal_windows": signal_windows,
}


def cut_windows(recordings: Sequence[Mapping], settings: Mapping) -> WindowSet:
    """Cuts recordings into windows, see the functions in `CUTS`.

    `settings` are a key of `CUTS`, under `cut`, and that function's arguments.
    Raises ConfigurationError where `cut` is unknown or a setting is out of
    range, KerasPainError where no window is left.
    """
    settings = dict(settings)
    name = settings.pop("cut", None)
    check_choice("cut", name, CUTS)
    return CUTS[name](recordings, **settings)


def arranged(windows: WindowSet, order: str) -> WindowSet:
    """The windows with their channels, and names of these, in another order.

    `"canonical"` is that of `CHANNEL_NAMES` and leaves them as they are;
    `"semg_first"` puts sEMG before angles and energies, as the files of the
    released L-SFAN code have them. Others raise ConfigurationError.
    """
    check_choice("channel order", order, ("canonical", "semg_first"))
    names = windows.channel_names
    others = [not name.startswith("semg_") for name in names]
    if order == "canonical" or all(others):
        return windows
    index = np.argsort(others, kind="stable")
    x = np.ascontiguousarray(windows.x[:, :, index])
    names = tuple(names[i] for i in index)
    return dataclasses.replace(windows, x=x, channel_names=names)


def by_parts(windows: WindowSet) -> tuple[WindowSet, tuple[int, int]]:
    """Windows of own channels as networks of body parts want them.

    A channel without a part is one of its own; parts with fewer channels than
    others get channels of zeros. Returned are the windows, with the first
    channel of each of the P parts, then the second, up to K; and `(P, K)`.
    """
    places: dict[str, list[int]] = {}
    named = zip(windows.channels, windows.channel_names, strict=True)
    for index, ((_, part), name) in enumerate(named):
        places.setdefault(part or name, []).append(index)
    most, zero = max(map(len, places.values())), windows.x.shape[2]
    filled = [of + [zero] * (most - len(of)) for of in places.values()]
    index = np.transpose(filled).ravel()
    parts = list(places) * most
    names = np.array([*windows.channel_names, "no channel"])[index].tolist()
    kinds = np.array([*(kind for kind, _ in windows.channels), "MISC"])[index]
    return dataclasses.replace(
        windows,
        x=np.pad(windows.x, ((0, 0), (0, 0), (0, 1)))[:, :, index],
        channel_names=tuple(names),
        channels=tuple(zip(kinds.tolist(), parts, strict=True)),
    ), (len(filled), most)
