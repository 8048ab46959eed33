"""Face clips and single frames as labelled samples, without their pictures."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from keras_pain.data.frames import FrameStore
from keras_pain.errors import ConfigurationError, KerasPainError
from keras_pain.signals.faces.track import INTERPOLATED

UNITS = ("subject", "clip")
LEVELS = ("clip", "frame")
# Names of generated pictures begin so, see `keras_pain.data.generated`.
GENERATED = "generated/"


@dataclasses.dataclass
class ClipSet:
    """n labelled samples of T frames each, by the numbers of their frames.

    Args:
        frames: The pictures of the whole dataset.
        first: `(n,)` int64, number of each sample's first frame.
        count: `(n,)` int64, frames that it may be drawn from.
        y: `(n,)` float32 intensity, or int64 class index.
        subject: `(n,)` what folds keep together: participants, or clips.
        person: `(n,)` participant.
        recording: `(n,)` clip.
        num_frames: T, frames that a network sees; 0 for single pictures.
        size: Pixels a side.
        class_names: One name a class; empty where intensities are predicted.
    """

    frames: FrameStore
    first: np.ndarray
    count: np.ndarray
    y: np.ndarray
    subject: np.ndarray
    person: np.ndarray
    recording: np.ndarray
    num_frames: int
    size: int
    class_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.y)

    @property
    def num_classes(self) -> int:
        """Number of classes; 0 where intensities are predicted."""
        return len(self.class_names)

    @property
    def generated(self) -> np.ndarray:
        """`(n,)` bool, true of generated pictures."""
        return np.strings.startswith(self.recording.astype(str), GENERATED)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample as a network sees it."""
        picture = (self.size, self.size, 3)
        return (self.num_frames, *picture) if self.num_frames else picture

    @property
    def window_id(self) -> np.ndarray:
        """`(n,)` text `clip:frame`, the frame counted in its clip."""
        clip = np.searchsorted(self.frames.first, self.first, "right") - 1
        number = (self.first - self.frames.first[clip]).astype(str)
        separator = np.full(len(self), ":")
        return np.strings.add(
            np.strings.add(self.recording.astype(str), separator), number
        )

    def take(self, index: np.ndarray) -> "ClipSet":
        """The samples at `index` (positions or a boolean mask)."""
        names = (
            "first", "count", "y", "subject", "person", "recording",
        )  # fmt: skip
        picked = {name: getattr(self, name)[index] for name in names}
        return dataclasses.replace(self, **picked)

    def of_subjects(self, subjects: Iterable[str]) -> "ClipSet":
        """The samples of the given subjects, in their order here."""
        return self.take(np.isin(self.subject, list(subjects)))


def cut_clips(
    frames: FrameStore,
    *,
    label: str,
    num_frames: int = 32,
    size: int = 224,
    level: str = "clip",
    unit: str = "subject",
    class_names: Sequence[str] = (),
    every: int = 1,
    faces_only: bool = False,
    where: Mapping[str, Sequence] | None = None,
    without: Sequence[str] = (),
) -> ClipSet:
    """Labelled samples of a dataset of faces.

    Args:
        frames: From `open_frames`.
        label: Key of the label: of the clip, or, on the level of frames, of
            each frame.
        num_frames: Frames that a network sees of a clip.
        size: Pixels a side.
        level: `"clip"`: one sample a clip; `"frame"`: one a frame.
        unit: What folds keep together: `"subject"`, or `"clip"`, which lets
            clips of one person be in training and test.
        class_names: One name a class, where the label is a class index.
        every: On the level of frames, every so many of a clip.
        faces_only: On the level of frames, those only whose face was found,
            by the detector or by landmarks: no guess between two others.
        where: Values that labels of clips must have, by key.
        without: Participants who are left out.

    Returns:
        Samples in order of clip and time; those without a label are left out.

    Raises:
        ConfigurationError: A setting is out of range, or no clip has such a
            label.
        KerasPainError: No sample is left.
    """
    if level not in LEVELS or unit not in UNITS:
        raise ConfigurationError(
            f"level must be one of {', '.join(LEVELS)} and unit one of "
            f"{', '.join(UNITS)}; got {level!r}, {unit!r}"
        )
    if min(num_frames, size, every) < 1:
        raise ConfigurationError(
            "num_frames, size and every must be positive, got "
            f"{num_frames}, {size}, {every}"
        )
    made = any(clip.name.startswith(GENERATED) for clip in frames.clips)
    if made and (level, unit) != ("frame", "subject"):
        raise ConfigurationError(
            "generated pictures are for single frames in folds by subject: "
            "else a picture of a tested person could be trained on"
        )
    of_level = "labels" if level == "clip" else "frame_labels"
    known = {k for clip in frames.clips for k in getattr(clip, of_level)}
    if label not in known:
        raise ConfigurationError(
            f"{frames.path}: no {level} has a label {label!r}; there are "
            f"{', '.join(sorted(known)) or 'none'}"
        )
    columns = {k: [] for k in ("first", "count", "y", "person", "recording")}
    starts = frames.first.tolist()
    for clip, start, stop in zip(
        frames.clips, starts, starts[1:], strict=False
    ):
        wanted = all(clip.labels[k] in v for k, v in (where or {}).items())
        if not wanted or clip.subject_id in without:
            continue
        if level == "clip":
            number = np.array([start])
            y = np.array([clip.labels[label]])
        else:
            number = np.arange(start, stop, every)
            y = np.asarray(clip.frame_labels[label], np.float64)[::every]
            if faces_only:
                source = np.asarray(clip.frame_labels["source"])[::every]
                seen = source != INTERPOLATED
                number, y = number[seen], y[seen]
        keep = np.isfinite(y)
        number, y = number[keep], y[keep]
        columns["first"].append(number)
        columns["count"].append(
            np.full(len(number), stop - start if level == "clip" else 1)
        )
        columns["y"].append(y)
        columns["person"].append(np.full(len(number), clip.subject_id))
        columns["recording"].append(np.full(len(number), clip.name))
    joined = {k: np.concatenate(v) for k, v in columns.items() if v}
    if not joined or not len(joined["y"]):
        raise KerasPainError(
            f"{frames.path}: no {level} is left that has a label {label!r}"
        )
    kind = np.int64 if class_names else np.float32
    joined["y"] = joined["y"].astype(kind)
    of_unit = joined["person"] if unit == "subject" else joined["recording"]
    return ClipSet(
        frames=frames,
        subject=of_unit,
        num_frames=num_frames if level == "clip" else 0,
        size=size,
        class_names=tuple(class_names),
        **joined,
    )
