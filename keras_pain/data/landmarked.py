"""Pictures and facial landmarks of the same clips, side by side."""

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Mapping

import numpy as np

from keras_pain.data import prepare
from keras_pain.data.frames import FrameStore
from keras_pain.errors import KerasPainError

LANDMARKS = "landmarks"


class LandmarkedFrames(FrameStore):
    """Frames of a dataset whose clips carry landmarks as well.

    A clip that the other dataset lacks is left out, so that methods of
    pictures and of landmarks are compared on the same clips.

    Args:
        frames: The pictures.
        points: `(T, 68, 2)` landmarks of each clip, by its name, in the order
            of its frames.

    Raises:
        KerasPainError: No clip has landmarks, or another number of them than
            of frames.
    """

    def __init__(self, frames: FrameStore, points: Mapping[str, np.ndarray]):
        starts = frames.first.tolist()
        clips, offsets = [], []
        for number, clip in enumerate(frames.clips):
            if clip.name not in points:
                continue
            of_clip = np.asarray(points[clip.name], np.float32)
            count = starts[number + 1] - starts[number]
            if len(of_clip) != count:
                raise KerasPainError(
                    f"{clip.name}: {len(of_clip)} frames with landmarks, but "
                    f"{count} pictures; build both datasets from the same files"
                )
            labels = {**clip.frame_labels, LANDMARKS: of_clip}
            clips.append(dataclasses.replace(clip, frame_labels=labels))
            offsets.append(np.arange(starts[number], starts[number + 1]))
        if not clips:
            raise KerasPainError(
                f"{frames.path}: none of its {len(frames.clips)} clips has "
                "landmarks; take them from the same files"
            )
        self._parts = frames, dict(points)
        self._kept = np.concatenate(offsets)
        super().__init__(frames.path, clips, None, None)

    def __reduce__(self):
        return LandmarkedFrames, self._parts

    def coded(self, frames: np.ndarray) -> np.ndarray:
        flat = np.asarray(frames, np.int64).ravel()
        return self._parts[0].coded(self._kept[flat])


def landmarks_of(frames: FrameStore) -> np.ndarray:
    """Landmarks of all frames, by the frame's number.

    Args:
        frames: With landmarks in every clip.

    Returns:
        `(F, 68, 2)` float32, x and y in pixels.

    Raises:
        KerasPainError: A clip has none.
    """
    for clip in frames.clips:
        if LANDMARKS not in clip.frame_labels:
            raise KerasPainError(
                f"{clip.name}: has no landmarks, which this method is fed; "
                "build the dataset's config `landmarks` as well"
            )
    points = [clip.frame_labels[LANDMARKS] for clip in frames.clips]
    return np.concatenate(points).astype(np.float32)


def read_landmarks(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Landmarks of a dataset that was built without pictures.

    Args:
        path: Folder of a version, `PreparedDataset.path`.

    Returns:
        `(T, 68, 2)` float32 of each clip, by its name.

    Raises:
        KerasPainError: There is no such dataset.
    """
    path = pathlib.Path(path)
    if not (path / "dataset_info.json").exists():
        raise KerasPainError(
            f"{path}: is no TFDS dataset; build one with `tfds build`"
        )
    builder = prepare._import_tfds().builder_from_directory(path)
    points = {}
    for split in builder.info.splits:
        with prepare._quiet():
            examples = builder.as_dataset(split=split)
        for example in examples.as_numpy_iterator():
            points[example["name"].decode()] = example[LANDMARKS]
    return dict(sorted(points.items()))


def digest(frames: FrameStore, *, pictures: bool = True) -> str:
    """SHA-256 over what the clips hold; other contents, another text.

    Args:
        frames: The clips.
        pictures: Their coded pictures, or else names and landmarks.
    """
    sha = hashlib.sha256()
    for number, clip in enumerate(frames.clips):
        sha.update(clip.name.encode() + b"\0")
        if pictures:
            inside = np.arange(frames.first[number], frames.first[number + 1])
            for code in frames.coded(inside):
                sha.update(code)
        elif LANDMARKS in clip.frame_labels:
            sha.update(np.float32(clip.frame_labels[LANDMARKS]).tobytes())
    return sha.hexdigest()
