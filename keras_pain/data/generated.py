"""Generated pictures beside the frames that they were made from.

Each is a clip of one frame whose name says what it is, of the person of its
source. Folds give it to training alone, see `experiments.fold_data`.
"""

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np

from keras_pain.data.clips import GENERATED
from keras_pain.data.frames import ClipInfo, FrameStore
from keras_pain.errors import BadFileError
from keras_pain.signals.faces.track import DETECTED

_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 95]


class Picture(Protocol):
    """What is asked of a picture, e.g. a `gsff.training.GeneratedFrame`.

    Attributes:
        path: Its file.
        subject: The person that it shows.
        pspi: Its label.
        source: Name of the frame that it was made from.
        copy: Its number among the pictures of that frame.
    """

    path: object
    subject: str
    pspi: float
    source: str
    copy: int


class ExtendedFrames(FrameStore):
    """The frames of a dataset, and generated pictures after them.

    Args:
        frames: The dataset's.
        pictures: The generated ones.

    Raises:
        BadFileError: A picture cannot be read, or has another size than the
            dataset's.
    """

    def __init__(self, frames: FrameStore, pictures: Sequence[Picture]):
        self._given = frames, tuple(pictures)
        made, infos = [], []
        first = np.frombuffer(frames.coded([0])[0], np.uint8)
        wanted = cv2.imdecode(first, cv2.IMREAD_COLOR).shape
        for picture in pictures:
            made.append(_coded(picture, wanted))
            infos.append(
                ClipInfo(
                    f"{GENERATED}{picture.source}/{picture.copy}",
                    picture.subject,
                    {},
                    {
                        "found": np.ones(1, bool),
                        "source": np.full(1, DETECTED, np.uint8),
                        "pspi": np.array([picture.pspi], np.float32),
                    },
                )
            )
        self._made = np.array(made, object)
        super().__init__(
            frames.path, (*frames.clips, *infos), frames._spans, frames._data
        )

    def coded(self, frames: np.ndarray) -> np.ndarray:
        """JPEG bytes of frames by number, see `FrameStore.coded`.

        The dataset's stay in its memory map, which processes share.
        """
        flat = np.asarray(frames, np.int64).ravel()
        past = flat - self._given[0].first[-1]
        codes = np.empty(len(flat), object)
        codes[past < 0] = super().coded(flat[past < 0])
        codes[past >= 0] = self._made[past[past >= 0]]
        return codes

    def __reduce__(self):  # another process maps the dataset itself
        return ExtendedFrames, self._given


def _coded(picture: Picture, wanted: tuple[int, ...]) -> bytes:
    """A picture as the bytes of a JPEG file."""
    pixels = cv2.imread(str(picture.path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise BadFileError(
            picture.path,
            "is no picture that can be read",
            "make it anew with keras-pain gsff",
        )
    if pixels.shape != wanted:
        (height, width, _), (high, wide, _) = pixels.shape, wanted
        raise BadFileError(
            picture.path,
            f"has {width} x {height} pixels, the dataset's have "
            f"{wide} x {high}",
            "make pictures from this dataset (keras-pain gsff --input)",
        )
    return cv2.imencode(".jpg", pixels, _QUALITY)[1].tobytes()
