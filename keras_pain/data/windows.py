"""Recordings to windows: index arithmetic and one gather, no loop over windows.

Window of 180 frames (3 s at 60 Hz), step 45 (75 % overlap): ISWC 2019, section
3; ALANet section IV.A takes the overlap from there.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from keras_pain.data import labels as label_rules
from keras_pain.data.segments import MAX_FLICKER, activity_segments
from keras_pain.errors import ConfigurationError, KerasPainError
from keras_pain.signals.kinematics import ANGLE_NAMES

SEMG_NAMES = ("lower_right", "lower_left", "upper_right", "upper_left")
CHANNEL_NAMES = (
    *(f"angle_{name}" for name in ANGLE_NAMES),
    *(f"energy_{name}" for name in ANGLE_NAMES),
    *(f"semg_{name}" for name in SEMG_NAMES),
)
PROTECTIVE_CLASSES = ("non-protective", "protective")
SEGMENTS = ("type", "instance", "whole")
PAIN_CLASSES = ("healthy", "low pain", "high pain")


@dataclasses.dataclass
class WindowSet:
    """n labelled windows of T frames and C channels.

    Args:
        x: `(n, T, C)` float32; frames from `length` on are zero.
        y: `(n,)` int64 class index.
        length: `(n,)` int32, real frames of each window.
        subject: `(n,)` participant of each window.
        recording: `(n,)` recording of each window.
        start: `(n,)` int64, its first frame in the recording.
        activity: `(n,)` int32, activity type.
        class_names: One name a class.
        channel_names: One name a channel.
    """

    x: np.ndarray
    y: np.ndarray
    length: np.ndarray
    subject: np.ndarray
    recording: np.ndarray
    start: np.ndarray
    activity: np.ndarray
    class_names: tuple[str, ...]
    channel_names: tuple[str, ...] = CHANNEL_NAMES

    def __len__(self) -> int:
        return len(self.y)

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def mask(self) -> np.ndarray:
        """`(n, T)` bool, true on real frames."""
        return np.arange(self.x.shape[1]) < self.length[:, None]

    @property
    def window_id(self) -> np.ndarray:
        """`(n,)` text `recording:start`, unique before augmentation."""
        separator = np.full(len(self), ":")
        number = self.start.astype(str)
        return np.strings.add(
            np.strings.add(self.recording.astype(str), separator), number
        )

    def take(self, index: np.ndarray) -> "WindowSet":
        """The windows at `index` (positions or a boolean mask)."""
        names = ("x", "y", "length", "subject", "recording", "start")
        picked = {k: getattr(self, k)[index] for k in (*names, "activity")}
        return dataclasses.replace(self, **picked)

    def of_subjects(self, subjects: Iterable[str]) -> "WindowSet":
        """The windows of the given participants, in their order here."""
        return self.take(np.isin(self.subject, list(subjects)))


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
        Windows in order of recording and time; those whose label is unknown
        are left out.

    Raises:
        ConfigurationError: A setting is out of range.
        KerasPainError: No window is left.
    """
    if length < 1 or step < 1:
        raise ConfigurationError(
            f"window length and step must be positive, got {length}, {step}"
        )
    if padding not in ("zero", "none"):
        raise ConfigurationError(
            f"padding must be 'zero' or 'none', got {padding!r}"
        )
    if segments not in SEGMENTS or unfinished not in ("keep", "drop"):
        raise ConfigurationError(
            f"segments must be one of {', '.join(SEGMENTS)}, and unfinished "
            f"keep or drop; got {segments!r}, {unfinished!r}"
        )
    parts = []
    for recording in recordings:
        begins, ends, types = _segments(
            recording, max_flicker, activities, segments
        )
        if unfinished == "drop":
            whole = ends < len(recording["angles"])
            begins, ends, types = begins[whole], ends[whole], types[whole]
        size = ends - begins
        over = np.maximum(size - length, 0)
        if padding == "zero":
            count = -(-over // step) + 1
        else:
            count = np.where(size >= length, over // step + 1, 0)
        starts = np.repeat(begins, count) + step * _ranges(count)
        stops = np.minimum(starts + length, np.repeat(ends, count))
        if label is None:
            y = label_rules.window_labels(label_rule, recording, starts, stops)
        else:
            y = np.full(len(starts), class_names.index(recording[label]))
        offsets = np.arange(length)
        x = _gather(_frames(recording), starts[:, None] + offsets)
        x *= (offsets < (stops - starts)[:, None])[:, :, None]
        parts.append(
            _part(recording, x, y, starts, stops, np.repeat(types, count))
        )
    return _join(
        parts,
        tuple(class_names),
        f"windows of {length} frames (padding={padding!r})",
    )


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
    nor ALANet says how many frames a sample has.

    Args:
        recordings: Recordings as the builders yield them.
        length: Frames a sample; unsaid: Task 3's, as ALANet names no other.
        fit: `"resample"` (unsaid; default as it keeps the whole movement)
            brings every segment to `length` frames by linear interpolation;
            `"pad"` keeps its first `length` frames and pads with zeros.
        max_flicker: See `activity_segments`.
        activities: Activity types to use; unsaid: the eight exercises, as an
            instance is of an exercise.

    Returns:
        Samples in order of recording and time; recordings without a reported
        pain level are left out.

    Raises:
        ConfigurationError: `fit` is unknown.
        KerasPainError: No sample is left.
    """
    if fit not in ("resample", "pad"):
        raise ConfigurationError(
            f"fit must be 'resample' or 'pad', got {fit!r}"
        )
    parts = []
    for recording in recordings:
        begins, ends, types = _segments(recording, max_flicker, activities)
        label = label_rules.pain_levels(recording, begins, ends)
        frames = _frames(recording)
        if fit == "resample":
            x = _resample(frames, begins, ends, length)
            stops = begins + length
        else:
            offsets = np.arange(length)
            stops = np.minimum(begins + length, ends)
            x = _gather(frames, begins[:, None] + offsets)
            x *= (offsets < (stops - begins)[:, None])[:, :, None]
        parts.append(_part(recording, x, label, begins, stops, types))
    return _join(parts, PAIN_CLASSES, "activity instances with a pain level")


def whole_recordings(
    recordings: Sequence[Mapping],
    *,
    label: str,
    class_names: Sequence[str],
    length: int = 180,
) -> WindowSet:
    """One sample a recording that carries one label, e.g. an exercise done.

    Args:
        recordings: Recordings with a class name under the key `label`.
        label: The key.
        class_names: One name a class.
        length: Frames a sample; recordings are brought to it by linear
            interpolation.

    Returns:
        One sample a recording; `activity` is zero.

    Raises:
        KerasPainError: There is no recording.
    """
    parts = []
    for recording in recordings:
        frames = _frames(recording)
        begin, end = np.array([0]), np.array([len(frames)])
        x = _resample(frames, begin, end, length)
        y = np.array([class_names.index(recording[label])])
        parts.append(_part(recording, x, y, begin, begin + length, np.zeros(1)))
    return _join(parts, tuple(class_names), "samples")


def _segments(recording, max_flicker, activities, kind="type"):
    if kind == "whole":
        # Of one activity, which such recordings need not number.
        end = np.array([len(recording["angles"])])
        return np.zeros(1, np.int64), end, np.zeros(1, np.int32)
    runs_of = "activity_instance" if kind == "instance" else "activity"
    begins, ends, types = activity_segments(
        recording[runs_of], max_flicker=max_flicker
    )
    if kind == "instance":
        types = np.asarray(recording["activity"])[begins]
    if activities is None:
        return begins, ends, types
    chosen = np.isin(types, np.asarray(activities))
    return begins[chosen], ends[chosen], types[chosen]


def _frames(recording) -> np.ndarray:
    """`(T, C)` float32: angles, energies and, where recorded, sEMG."""
    parts = [recording["angles"], recording["energies"]]
    if "semg" in recording:
        parts.append(recording["semg"])
    return np.concatenate(parts, axis=1).astype(np.float32)


def _gather(frames: np.ndarray, index: np.ndarray) -> np.ndarray:
    return frames[np.minimum(index, len(frames) - 1)]


def _resample(frames, begins, ends, length: int) -> np.ndarray:
    """`(n, length, C)`: each span brought to `length` frames."""
    grid = np.linspace(0.0, 1.0, length)
    position = begins[:, None] + (ends - 1 - begins)[:, None] * grid
    lower = np.floor(position).astype(np.int64)
    weight = (position - lower)[:, :, None].astype(np.float32)
    x = (1 - weight) * _gather(frames, lower)
    x += weight * _gather(frames, lower + 1)
    return x


def _ranges(counts: np.ndarray) -> np.ndarray:
    """0..counts[0]-1, 0..counts[1]-1, ... in one array."""
    total = np.cumsum(counts)
    return np.arange(total[-1] if len(total) else 0) - np.repeat(
        total - counts, counts
    )


def _part(recording, x, label, starts, stops, activity) -> dict:
    known = label >= 0
    count = int(known.sum())
    return {
        "x": x[known].astype(np.float32),
        "y": label[known].astype(np.int64),
        "length": (stops - starts)[known].astype(np.int32),
        "subject": np.full(count, recording["subject_id"]),
        "recording": np.full(count, recording["recording"]),
        "start": starts[known].astype(np.int64),
        "activity": activity[known].astype(np.int32),
    }


def _join(parts: list[dict], class_names, wanted: str) -> WindowSet:
    if not sum(len(part["y"]) for part in parts):
        raise KerasPainError(
            f"none of the {len(parts)} recordings gave {wanted}: check that "
            "this release has the labels (`keras-pain check`), and that "
            "recordings are long enough"
        )
    columns = {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}
    channels = CHANNEL_NAMES[: columns["x"].shape[2]]
    return WindowSet(**columns, class_names=class_names, channel_names=channels)
