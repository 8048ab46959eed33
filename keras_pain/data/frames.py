"""The coded face pictures of a whole dataset, each at hand by its number.

TFRecords are read in order, whole clips at a time; training wants a few frames
of clips in random order. So the JPEG bytes are laid end to end in one file,
once for each dataset, and read from there through a memory map.
"""

import dataclasses
import json
import os
import pathlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from keras_pain.data import prepare
from keras_pain.errors import KerasPainError

_FOLDER = "pictures"
# Decoded pictures of a dataset are kept in memory up to this many bytes.
DECODED_BYTES = 2 * 2**30


@dataclasses.dataclass(frozen=True)
class ClipInfo:
    """What is known of a clip beside its pictures.

    Args:
        name: Its name.
        subject_id: Participant.
        labels: Numbers of the whole clip, e.g. `vas`.
        frame_labels: Arrays of one entry a frame, e.g. `pspi`, `found`, and
            `landmarks` `(frames, points, 2)` where there are any.
    """

    name: str
    subject_id: str
    labels: Mapping[str, float]
    frame_labels: Mapping[str, np.ndarray]


class FrameStore:
    """All frames of a dataset, clip after clip.

    Args:
        path: Folder of the dataset's version.
        clips: Clips in order.
        spans: `(F, 2)` int64, where each frame's bytes begin and end.
        data: `(bytes,)` uint8, usually a memory map.
    """

    def __init__(self, path, clips, spans, data):
        self.path = pathlib.Path(path)
        self.clips: tuple[ClipInfo, ...] = tuple(clips)
        self._spans = spans
        self._data = data
        lengths = [len(clip.frame_labels["found"]) for clip in self.clips]
        self.first = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        self._decoded: dict = {}

    def __reduce__(self):  # another process maps the file itself
        return open_frames, (self.path,)

    @property
    def num_frames(self) -> np.ndarray:
        """`(clips,)` frames of each clip."""
        return np.diff(self.first)

    def coded(self, frames: np.ndarray) -> np.ndarray:
        """JPEG bytes of frames by number, `(n,)` objects."""
        flat = np.asarray(frames, np.int64).ravel()
        return np.array(
            [self._data[a:b].tobytes() for a, b in self._spans[flat].tolist()],
            dtype=object,
        )

    def decoded(self, size: int, limit: int = DECODED_BYTES):
        """All frames as `(F, size, size, 3)` uint8, None where over `limit`.

        They are decoded once and kept, as a tensor in main memory: gathering
        from it does not wait for Python.

        Args:
            size: Pixels a side.
            limit: Bytes that they may take.
        """
        count = int(self.first[-1])
        if count * size * size * 3 > limit:
            return None
        if size not in self._decoded:
            import tensorflow as tf

            with tf.device("CPU"):
                self._decoded[size] = tf.constant(self._decode_all(size))
        return self._decoded[size]

    def _decode_all(self, size: int) -> np.ndarray:
        from keras_pain.data.clip_feed import decoded_frames

        count = int(self.first[-1])
        pixels = np.empty((count, size, size, 3), np.uint8)
        done = 0
        for batch in decoded_frames(self, np.arange(count), size):
            pixels[done : done + len(batch)] = batch
            done += len(batch)
        return pixels


def open_frames(path: str | os.PathLike) -> FrameStore:
    """The frames of a dataset that `prepare_dataset` built.

    The first call lays them out in `pictures/` beside the TFRecords.

    Args:
        path: Folder of a version, `PreparedDataset.path`.

    Returns:
        The frames, sorted by clip name.

    Raises:
        KerasPainError: There is no such dataset, or no room for the file.
    """
    folder = pathlib.Path(path) / _FOLDER
    if not folder.exists():
        _lay_out(pathlib.Path(path), folder)
    try:
        notes = json.loads((folder / "clips.json").read_text())
        arrays = np.load(folder / "arrays.npz")
        data = np.memmap(folder / "frames.bin", np.uint8, "r")
    except (OSError, ValueError, KeyError) as error:
        raise KerasPainError(
            f"{folder}: cannot be read ({error}); delete this folder, it is "
            "written anew from the dataset"
        ) from error
    per_frame = {
        name.removeprefix("frame_"): values
        for name, values in arrays.items()
        if name.startswith("frame_")
    }
    ends = np.cumsum([note["frames"] for note in notes])
    clips = [
        ClipInfo(
            note["name"],
            note["subject_id"],
            note["labels"],
            {k: v[end - note["frames"] : end] for k, v in per_frame.items()},
        )
        for note, end in zip(notes, ends.tolist(), strict=True)
    ]
    return FrameStore(path, clips, arrays["spans"], data)


def _lay_out(path: pathlib.Path, folder: pathlib.Path) -> None:
    """Writes the file under another name and renames it when it is whole."""
    try:
        with tempfile.TemporaryDirectory(dir=path) as temporary:
            target = pathlib.Path(temporary, _FOLDER)
            target.mkdir()
            _write(target, _examples(path))
            try:
                target.rename(folder)
            except OSError:
                if not folder.exists():  # else another process was faster
                    raise
    except OSError as error:
        raise KerasPainError(
            f"{folder}: cannot be written ({error}); free space there"
        ) from error


def _write(folder: pathlib.Path, examples: Iterable[dict[str, Any]]) -> None:
    """Pictures as they come, one clip in memory at a time; notes by name."""
    clips = []
    with open(folder / "frames.bin", "wb") as file:
        end = 0
        for example in examples:
            sizes = [file.write(frame) for frame in example.pop("frames")]
            ends = end + np.cumsum(sizes, dtype=np.int64)
            end = int(ends[-1])
            clips.append(_notes(example, np.stack([ends - sizes, ends], 1)))
    clips.sort(key=lambda clip: clip[0]["name"])
    # A clip may have as many frames as some other list has entries.
    names = set.intersection(*(set(per_frame) for _, per_frame in clips))
    arrays = {
        name: np.concatenate([per_frame[name] for _, per_frame in clips])
        for name in sorted(names)
    }
    np.savez(folder / "arrays.npz", **arrays)
    notes = [note for note, _ in clips]
    (folder / "clips.json").write_text(json.dumps(notes))


def _notes(example: dict[str, Any], spans: np.ndarray):
    """What is said of a clip, and arrays of one entry a frame."""
    count, labels, per_frame = len(spans), {}, {"spans": spans}
    for name, value in example.items():
        if name in ("name", "subject_id"):
            continue
        if np.ndim(value) and len(value) == count:
            per_frame[f"frame_{name}"] = value
        elif np.ndim(value) == 0 and not isinstance(value, bytes):
            labels[name] = float(value)
    note = {
        "name": example["name"],
        "subject_id": example["subject_id"],
        "frames": count,
        "labels": labels,
    }
    return note, per_frame


def _examples(path: pathlib.Path) -> Iterator[dict[str, Any]]:
    """Clips of all splits, with their pictures still coded."""
    if not (path / "dataset_info.json").exists():
        raise KerasPainError(
            f"{path}: is no TFDS dataset; build one with `tfds build`"
        )
    tfds = prepare._import_tfds()
    builder = tfds.builder_from_directory(path)
    decoders = {"frames": tfds.decode.SkipDecoding()}
    for split in builder.info.splits:
        with prepare._quiet():
            examples = builder.as_dataset(split=split, decoders=decoders)
        for example in examples.as_numpy_iterator():
            for name in ("name", "subject_id"):
                example[name] = example[name].decode()
            yield example
