"""Reading and writing mp4 files with OpenCV; errors say what is wrong.

OpenCV itself says nothing: a file that is cut off either cannot be opened, or
ends early as if that were its length.
"""

import os
import pathlib
import struct
from collections.abc import Iterable, Iterator

import numpy as np

from keras_pain.errors import BadFileError, KerasPainError

_DOWNLOAD = "copy it anew or leave it out with --on_bad_file=skip"
# An edit list may hide a frame or two of those that the index counts.
_SPARE_FRAMES = 2


def check_container(path: str | os.PathLike) -> None:
    """Raises BadFileError where an mp4 file is empty, cut off or none at all.

    Walks over the boxes (ISO/IEC 14496-12, section 4.2) of the outermost
    level, without decoding: each says how long it is, and `moov`, the index
    of the frames, must be there.

    Args:
        path: The file.

    Raises:
        BadFileError: By rule `unreadable`, `empty`, `not_mp4` or `truncated`.
    """
    try:
        size = os.path.getsize(path)
        with open(path, "rb") as stream:
            kinds, end = _walk(stream, size)
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise BadFileError(path, problem, _DOWNLOAD, rule="unreadable") from (
            error
        )
    if size == 0:
        raise BadFileError(path, "is empty", _DOWNLOAD, rule="empty")
    if not kinds or kinds[0] not in (b"ftyp", b"moov", b"mdat", b"free"):
        raise BadFileError(path, "is no mp4 file", _DOWNLOAD, rule="not_mp4")
    if end > size:
        problem = f"is cut off: {size:,} of at least {end:,} bytes are there"
        raise BadFileError(path, problem, _DOWNLOAD, rule="truncated")
    if b"moov" not in kinds:
        problem = "is cut off: it has no index of its frames"
        raise BadFileError(path, problem, _DOWNLOAD, rule="truncated")


def _walk(stream, size: int) -> tuple[list[bytes], int]:
    """Kinds of the outermost boxes, and where the last one says it ends."""
    kinds, start = [], 0
    while start + 8 <= size:
        stream.seek(start)
        length, kind = struct.unpack(">I4s", stream.read(8))
        if length == 1:  # the true length follows, in 64 bits
            (length,) = struct.unpack(">Q", stream.read(8).ljust(8, b"\0"))
        elif length == 0:  # up to the end of the file
            length = size - start
        if length < 8:
            break
        kinds.append(kind)
        start += length
    return kinds, start


def frame_rate(path: str | os.PathLike) -> float:
    """Frames per second that the file claims, 0 where it does not say.

    Args:
        path: The file.

    Raises:
        BadFileError: It cannot be opened.
    """
    import cv2

    capture = _open(path)
    try:
        return float(capture.get(cv2.CAP_PROP_FPS))
    finally:
        capture.release()


def iterate_frames(path: str | os.PathLike) -> Iterator[np.ndarray]:
    """Decodes a video frame by frame; one is held at a time.

    Args:
        path: The file.

    Yields:
        `(H, W, 3)` uint8, RGB; a grey video has three equal channels.

    Raises:
        BadFileError: The file cannot be opened, or ends before the number of
            frames that its index promises; raised at the end in that case.
    """
    import cv2

    check_container(path)
    capture = _open(path)
    count = 0
    try:
        promised = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        while True:
            success, frame = capture.read()
            if not success:
                break
            count += 1
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    finally:
        capture.release()
    if count == 0 or count < promised - _SPARE_FRAMES:
        problem = f"is damaged: {count} of its {promised} frames can be decoded"
        raise BadFileError(path, problem, _DOWNLOAD, rule="damaged")


def read_frames(path: str | os.PathLike) -> list[np.ndarray]:
    """All frames of a video.

    Args:
        path: The file.

    Returns:
        A list of `(H, W, 3)` uint8, RGB.

    Raises:
        BadFileError: As for `iterate_frames`.
    """
    return list(iterate_frames(path))


def write_mp4(
    path: str | os.PathLike, frames: Iterable[np.ndarray], rate: float
) -> pathlib.Path:
    """Writes an MPEG-4 video: same frames, same bytes.

    OpenCV's wheels come without an H.264 encoder.

    Args:
        path: The file; half a file never has this name.
        frames: `(H, W, 3)` uint8, RGB, all of one size; H and W are even.
        rate: Frames per second.

    Returns:
        The path.

    Raises:
        KerasPainError: It cannot be written.
    """
    cv2 = _quiet_cv2()
    path = pathlib.Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.mp4")
    writer = None
    try:
        for frame in frames:
            if writer is None:
                writer = cv2.VideoWriter(
                    os.fspath(temporary),
                    cv2.VideoWriter_fourcc(*"mp4v"),
                    rate,
                    (frame.shape[1], frame.shape[0]),
                )
            writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        if writer is None:
            raise ValueError("a video needs at least one frame")
        writer.release()
        check_container(temporary)
        os.replace(temporary, path)
    except (OSError, BadFileError) as error:
        raise KerasPainError(
            f"{path}: the video cannot be written ({error}); free space or "
            "choose another folder"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _quiet_cv2():
    """OpenCV, whose FFmpeg says what it thinks of a file only if asked to.

    FFmpeg reads the variable once, when the first video is opened.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    import cv2

    return cv2


def _open(path: str | os.PathLike):
    cv2 = _quiet_cv2()
    capture = cv2.VideoCapture(os.fspath(path))
    if not capture.isOpened():
        problem = "has no video that OpenCV can decode"
        raise BadFileError(path, problem, _DOWNLOAD, rule="undecodable")
    return capture
