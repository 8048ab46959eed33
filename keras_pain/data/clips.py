"""Face clips and single frames as labelled samples, and their pictures.

TFRecords are read in order, whole clips at a time; training wants a few frames
of clips in random order. So the JPEG bytes of a dataset are laid end to end in
one file, once, and read from there by number through a memory map.
"""

import copy
import dataclasses
import hashlib
import json
import math
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from keras_pain import errors
from keras_pain.data import prepare
from keras_pain.data.windows import SampleSet, joined
from keras_pain.io import write_folder
from keras_pain.signals.faces import INTERPOLATED

_FOLDER = "pictures"
# Decoded pictures of a dataset are kept in memory up to this many bytes.
DECODED_BYTES = 2 * 2**30
_DECODE_BATCH = 256


@dataclasses.dataclass(frozen=True)
class ClipInfo:
    """What is known of a clip beside its pictures.

    `labels` are numbers of the whole clip, e.g. `vas`; `frame_labels` arrays
    of one entry a frame, e.g. `pspi`, `found`, and `landmarks`
    `(frames, points, 2)` where there are any.
    """

    name: str
    subject_id: str
    labels: Mapping[str, float]
    frame_labels: Mapping[str, np.ndarray]


class FrameStore:
    """All frames of a dataset, clip after clip.

    `path` is the folder of its version, `clips` are a `ClipInfo` each, `spans`
    `(F, 2)` int64 say where each frame's bytes begin and end in the data,
    `(bytes,)` uint8, a memory map or in memory; None of clips without pictures.
    """

    def __init__(self, path, clips, spans, data):
        self.path = pathlib.Path(path)
        self.clips = tuple(clips)
        self._spans = spans
        self._data = data
        lengths = [len(clip.frame_labels["found"]) for clip in self.clips]
        self.first = np.cumsum([0, *lengths]).astype(np.int64)
        self._decoded = {}

    def __reduce__(self):  # another process maps the file itself
        if not isinstance(self._data, np.memmap):
            return FrameStore, (self.path, self.clips, self._spans, self._data)
        return open_frames, (self.path,)

    @property
    def num_frames(self) -> np.ndarray:
        """`(clips,)` frames of each clip."""
        return np.diff(self.first)

    @property
    def numbered(self) -> Iterator[tuple[ClipInfo, np.ndarray]]:
        """Each clip and the numbers of its frames."""
        parts = np.split(np.arange(self.first[-1]), self.first[1:-1])
        return zip(self.clips, parts, strict=False)

    def coded(self, frames: np.ndarray) -> np.ndarray:
        """JPEG bytes of frames by number, `(n,)` objects."""
        spans = self._spans[np.asarray(frames, np.int64).ravel()].tolist()
        codes = [self._data[begin:end].tobytes() for begin, end in spans]
        return np.array(codes, dtype=object)

    def decoded(self, size: int, limit: int = DECODED_BYTES):
        """All frames, `(F, size, size, 3)` uint8; None if over `limit` bytes.

        They are decoded once and kept, as a tensor in main memory: gathering
        from it does not wait for Python.
        """
        shape = (int(self.first[-1]), size, size, 3)
        if math.prod(shape) > limit:
            return None
        if size not in self._decoded:
            import tensorflow as tf

            pixels, done = np.empty(shape, np.uint8), 0
            for batch in decoded_frames(self, np.arange(shape[0]), size):
                pixels[done : done + len(batch)] = batch
                done += len(batch)
            with tf.device("CPU"):
                self._decoded[size] = tf.constant(pixels)
        return self._decoded[size]


def open_frames(path: str | os.PathLike) -> FrameStore:
    """The frames of a dataset that `prepare_dataset` built, by clip name.

    The first call lays them out in `pictures/` beside the TFRecords. `path` is
    the folder of a version, `PreparedDataset.path`. Raises KerasPainError
    where there is no such dataset, or no room for the file.
    """
    folder = pathlib.Path(path) / _FOLDER
    if not folder.exists():
        prepare.check_built(path)
        # It is complete where another process was faster.
        more = {"is_complete": folder.exists, "cure": "free space there"}
        write_folder(folder, lambda target: _write(target, path), **more)
    cure = "delete this folder, it is written anew from the dataset"
    with errors.reading(folder, cure=cure):
        notes = json.loads((folder / "clips.json").read_text("utf-8"))
        arrays = dict(np.load(folder / "arrays.npz"))
        data = np.memmap(folder / "frames.bin", np.uint8, "r")
        spans, clips, end = arrays.pop("spans"), [], 0
        for note in notes:
            start, end = end, end + note.pop("frames")
            per_frame = {
                name.removeprefix("frame_"): values[start:end]
                for name, values in arrays.items()
            }
            clips.append(ClipInfo(**note, frame_labels=per_frame))
        if spans.shape != (end, 2) or spans.max() > len(data):
            raise ValueError("its files do not belong together")
        return FrameStore(path, clips, spans, data)


def _write(folder, path):
    """Pictures as they come, one clip in memory at a time; notes by name."""
    clips, end = [], 0
    with open(folder / "frames.bin", "wb") as file:
        for _, _, example in prepare.read_examples(path, coded=["frames"]):
            sizes = [file.write(frame) for frame in example.pop("frames")]
            ends = end + np.cumsum(sizes, dtype=np.int64)
            end = int(ends[-1])
            note = {k: example.pop(k).decode() for k in ("name", "subject_id")}
            note |= {"frames": len(sizes), "labels": {}}
            per_frame = {"spans": np.stack([ends - sizes, ends], 1)}
            for name, value in example.items():
                if np.ndim(value) and len(value) == len(sizes):
                    per_frame[f"frame_{name}"] = value
                elif np.ndim(value) == 0 and not isinstance(value, bytes):
                    note["labels"][name] = float(value)
            clips.append((note, per_frame))
    clips.sort(key=lambda clip: clip[0]["name"])
    notes, per_frame = zip(*clips, strict=True)
    # A clip may have as many frames as some other list has entries.
    names = sorted(set.intersection(*map(set, per_frame)))
    arrays = {k: np.concatenate([of[k] for of in per_frame]) for k in names}
    np.savez(folder / "arrays.npz", **arrays)
    (folder / "clips.json").write_text(json.dumps(notes), "utf-8")


def decoded_frames(
    frames: FrameStore, numbers: np.ndarray, size: int
) -> Iterator[np.ndarray]:
    """Frames by number, decoded in parallel, in batches of uint8."""
    import tensorflow as tf

    return (
        tf.data.Dataset.from_tensor_slices(numbers.astype(np.int64))
        .batch(_DECODE_BATCH)
        .map(lambda number: coded_pictures(frames, number))
        .unbatch()
        .map(
            lambda code: decoded_picture(code, size),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        .batch(_DECODE_BATCH)
        .prefetch(1)
        .as_numpy_iterator()
    )


def coded_pictures(frames: FrameStore, numbers):
    """JPEG bytes of `(n,)` frames inside a tf.data pipeline."""
    import tensorflow as tf

    given = frames.coded, [numbers], tf.string
    codes = tf.numpy_function(*given, stateful=False)
    return tf.ensure_shape(codes, (None,))


def decoded_picture(code, size: int):
    """`(size, size, 3)` uint8 of JPEG bytes inside a tf.data pipeline."""
    import tensorflow as tf

    picture = tf.io.decode_jpeg(code, channels=3)

    def resized():
        area = tf.image.resize(picture, (size, size), "area")
        return tf.cast(tf.round(area), tf.uint8)

    same = tf.reduce_all(tf.equal(tf.shape(picture)[:2], size))
    picture = tf.cond(same, lambda: picture, resized)
    return tf.ensure_shape(picture, (size, size, 3))


# Names of generated pictures begin so, see `keras_pain.augment.training`.
GENERATED = "generated/"


@dataclasses.dataclass
class ClipSet(SampleSet):
    """n labelled samples of T frames each, by the numbers of their frames."""

    frames: FrameStore  # the pictures of the whole dataset
    first: np.ndarray  # (n,) int64, number of each sample's first frame
    count: np.ndarray  # (n,) int64, frames that it may be drawn from
    y: np.ndarray  # (n,) float32 intensity, or int64 class index
    subject: np.ndarray  # (n,) what folds keep together: people, or clips
    person: np.ndarray  # (n,) participant
    recording: np.ndarray  # (n,) clip
    num_frames: int  # T, frames that a network sees; 0 for single pictures
    size: int  # pixels a side
    class_names: tuple[str, ...] = ()  # empty where intensities are predicted

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
    def clip(self) -> np.ndarray:
        """`(n,)` number of each sample's clip in `frames`."""
        return np.searchsorted(self.frames.first, self.first, "right") - 1

    @property
    def start(self) -> np.ndarray:
        """`(n,)` each sample's first frame, counted in its clip."""
        return self.first - self.frames.first[self.clip]


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
    """Labelled samples of a dataset of faces, in order of clip and time.

    Args:
        frames: From `open_frames`.
        label: Key of the label: of the clip, or, on the level of frames, of
            each frame. Samples without it are left out.
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

    Raises:
        ConfigurationError: A setting is out of range, or no clip has such a
            label.
        KerasPainError: No sample is left.
    """
    errors.check_choice("level", level, ("clip", "frame"))
    errors.check_choice("unit", unit, ("subject", "clip"))
    if min(num_frames, size, every) < 1:
        text = f"num_frames, size and every must be positive, got {num_frames}"
        raise errors.ConfigurationError(f"{text}, {size}, {every}")
    made = any(clip.name.startswith(GENERATED) for clip in frames.clips)
    if made and (level, unit) != ("frame", "subject"):
        raise errors.ConfigurationError(
            "generated pictures are for single frames in folds by subject: "
            "else a picture of a tested person could be trained on"
        )
    of_level = "labels" if level == "clip" else "frame_labels"
    known = {k for clip in frames.clips for k in getattr(clip, of_level)}
    if label not in known:
        problem = f"{frames.path}: no {level} has a label {label!r}"
        told = f"there are {', '.join(sorted(known)) or 'none'}"
        raise errors.ConfigurationError(f"{problem}; {told}")
    parts = []
    for clip, number in frames.numbered:
        wanted = all(clip.labels[k] in v for k, v in (where or {}).items())
        if not wanted or clip.subject_id in without:
            continue
        y = np.atleast_1d(np.float64(getattr(clip, of_level)[label]))
        length = 1
        if level == "clip":
            number, length = number[:1], len(number)
        else:
            number, y = number[::every], y[::every]
            if faces_only:
                source = np.asarray(clip.frame_labels["source"])[::every]
                y = np.where(source == INTERPOLATED, np.nan, y)
        keep = np.isfinite(y)
        columns = {"count": length, "person": clip.subject_id}
        columns["recording"] = clip.name
        columns = {k: np.full(keep.sum(), v) for k, v in columns.items()}
        parts.append({"first": number[keep], "y": y[keep], **columns})
    problem = f"no {level} is left that has a label {label!r}"
    arrays = joined(parts, f"{frames.path}: {problem}")
    arrays["y"] = arrays["y"].astype(np.int64 if class_names else np.float32)
    return ClipSet(
        frames=frames,
        subject=arrays["person" if unit == "subject" else "recording"],
        num_frames=num_frames if level == "clip" else 0,
        size=size,
        class_names=tuple(class_names),
        **arrays,
    )


LANDMARKS = "landmarks"


class LandmarkedFrames(FrameStore):
    """Frames of a dataset whose clips carry landmarks as well.

    A clip that the other dataset lacks is left out, so that methods of
    pictures and of landmarks are compared on the same clips.

    `points` are `(T, 68, 2)` landmarks of each clip, by its name, in the order
    of its frames. Raises KerasPainError where no clip has any, or another
    number of them than of frames.
    """

    def __init__(self, frames: FrameStore, points: Mapping[str, np.ndarray]):
        clips, kept = [], []
        for clip, numbers in frames.numbered:
            if clip.name not in points:
                continue
            of_clip = np.asarray(points[clip.name], np.float32)
            if len(of_clip) != len(numbers):
                raise errors.KerasPainError(
                    f"{clip.name}: {len(of_clip)} frames with landmarks, but "
                    f"{len(numbers)} pictures; build both datasets from the "
                    "same files"
                )
            labels = {**clip.frame_labels, LANDMARKS: of_clip}
            clips.append(dataclasses.replace(clip, frame_labels=labels))
            kept.append(numbers)
        if not clips:
            raise errors.KerasPainError(
                f"{frames.path}: none of its {len(frames.clips)} clips has "
                "landmarks; take them from the same files"
            )
        self._parts = frames, dict(points)
        self._kept = np.concatenate(kept)
        super().__init__(frames.path, clips, None, None)

    def __reduce__(self):
        return LandmarkedFrames, self._parts

    def coded(self, frames: np.ndarray) -> np.ndarray:
        flat = np.asarray(frames, np.int64).ravel()
        return self._parts[0].coded(self._kept[flat])


def landmarks_of(frames: FrameStore) -> np.ndarray:
    """Landmarks of all frames, `(F, 68, 2)` float32, x and y in pixels.

    Raises KerasPainError where a clip has none.
    """
    points = []
    for clip in frames.clips:
        if LANDMARKS not in clip.frame_labels:
            problem = f"{clip.name}: has no landmarks, which this method is fed"
            cure = "build the dataset's config `landmarks` as well"
            raise errors.KerasPainError(f"{problem}; {cure}")
        points.append(clip.frame_labels[LANDMARKS])
    return np.concatenate(points, dtype=np.float32)


def landmark_store(path: str | os.PathLike) -> FrameStore:
    """Clips of landmarks alone, of a dataset without pictures.

    `path` is as for `read_landmarks`.
    """
    clips = []
    for _, _, example in prepare.read_examples(path):
        frames = {name: example[name] for name in ("found", LANDMARKS)}
        name, person = (example[k].decode() for k in ("name", "subject_id"))
        clips.append(ClipInfo(name, person, {}, frames))
    clips.sort(key=lambda clip: clip.name)
    return FrameStore(path, clips, None, None)


def with_labels(frames: FrameStore, name: str, of: Mapping) -> FrameStore:
    """The same clips, with one label and no other.

    `of` has, by clip, a number, or `(frames,)` numbers; NaN is missing.
    """
    clips = []
    for clip in frames.clips:
        value, number = of[clip.name], {}
        if np.ndim(value):
            number = {name: np.asarray(value, np.float32)}
        labels = {} if number else {name: float(value)}
        number = {**clip.frame_labels, **number}
        made = dataclasses.replace(clip, labels=labels, frame_labels=number)
        clips.append(made)
    return _with_clips(frames, clips)


def renamed(frames: FrameStore, prefix: str) -> FrameStore:
    """The same clips, with a text before their names and their people's."""
    clips = [
        dataclasses.replace(
            clip, name=prefix + clip.name, subject_id=prefix + clip.subject_id
        )
        for clip in frames.clips
    ]
    return _with_clips(frames, clips)


def _with_clips(frames, clips):
    changed = copy.copy(frames)
    changed.clips = tuple(clips)
    return changed


class JoinedFrames(FrameStore):
    """The clips of several datasets, one behind the other.

    Features are kept beside the first of them.
    """

    def __init__(self, stores: Sequence[FrameStore]):
        self._stores = tuple(stores)
        clips = [clip for store in self._stores for clip in store.clips]
        super().__init__(stores[0].path, clips, None, None)
        sizes = [int(store.first[-1]) for store in self._stores]
        self._begin = np.cumsum([0, *sizes])

    def __reduce__(self):
        return JoinedFrames, (self._stores,)

    def coded(self, frames: np.ndarray) -> np.ndarray:
        flat = np.asarray(frames, np.int64).ravel()
        codes = np.empty(len(flat), object)
        for number, store in enumerate(self._stores):
            begin, end = self._begin[number : number + 2]
            mine = (flat >= begin) & (flat < end)
            codes[mine] = store.coded(flat[mine] - begin)
        return codes


def read_landmarks(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Landmarks of a dataset without pictures: `(T, 68, 2)` by clip name.

    `path` is the folder of a version, `PreparedDataset.path`. Raises
    KerasPainError where there is no such dataset.
    """
    examples = [example for _, _, example in prepare.read_examples(path)]
    examples.sort(key=lambda example: example["name"])
    return {of["name"].decode(): of[LANDMARKS] for of in examples}


def digest(frames: FrameStore, *, pictures: bool = True) -> str:
    """SHA-256 over what the clips hold; other contents, another text.

    Of their coded pictures, or else of their names and landmarks.
    """
    sha = hashlib.sha256()
    for clip, numbers in frames.numbered:
        sha.update(clip.name.encode() + b"\0")
        if pictures:
            sha.update(b"".join(frames.coded(numbers)))
        elif LANDMARKS in clip.frame_labels:
            sha.update(np.float32(clip.frame_labels[LANDMARKS]).tobytes())
    return sha.hexdigest()
