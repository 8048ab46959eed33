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
        BadFileError: A picture cannot be read.
    """

    def __init__(self, frames: FrameStore, pictures: Sequence[Picture]):
        self._given = frames, tuple(pictures)
        codes, infos = [], []
        for picture in pictures:
            pixels = cv2.imread(str(picture.path), cv2.IMREAD_COLOR)
            if pixels is None:
                raise BadFileError(
                    picture.path,
                    "is no picture that can be read",
                    "make it anew with keras-pain gsff",
                )
            codes.append(cv2.imencode(".jpg", pixels, _QUALITY)[1].ravel())
            infos.append(
                ClipInfo(
                    f"{GENERATED}{picture.source}/{picture.copy}",
                    picture.subject,
                    {},
                    {
                        "found": np.ones(1, bool),
                        "pspi": np.array([picture.pspi], np.float32),
                    },
                )
            )
        offsets = frames._offsets
        ends = offsets[-1] + np.cumsum([len(code) for code in codes])
        super().__init__(
            frames.path,
            (*frames.clips, *infos),
            np.concatenate([offsets, ends]).astype(np.int64),
            np.concatenate([frames._data, *codes]),
        )

    def __reduce__(self):  # another process maps the dataset itself
        return ExtendedFrames, self._given
