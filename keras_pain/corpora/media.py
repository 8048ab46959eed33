"""Videos and pictures on disk: decoding with clear errors, and what is odd.

OpenCV itself says nothing: an mp4 file that is cut off either cannot be
opened, or ends early as if that were its length.
"""

import contextlib
import functools
import os
import pathlib
import re
import struct
from collections.abc import Iterable, Iterator

import numpy as np

from keras_pain.corpora.base import (
    Findings,
    RawFile,
    StrPath,
    reading,
    shorten,
)
from keras_pain.corpora.recording import VideoRecording
from keras_pain.errors import BadFileError
from keras_pain.io import whole_file

STILL_ENDINGS = (".jpg", ".jpeg", ".png")
_COPY_CLIP = "copy it anew or leave it out with --on_bad_file=skip"
_COPY_STILL = "copy it anew or leave the clip out with --on_bad_file=skip"
# An edit list may hide a frame or two of those that the index counts.
_SPARE_FRAMES = 2
_DARK_MEAN = 10.0  # of 255: UNBC has such frames, with no face in sight
# YUV and JPEG round each channel on its own.
_GREY_TOLERANCE = 3
_STEP = 8  # every eighth pixel tells as much as all of them


def check_container(path: StrPath) -> None:
    """Raises BadFileError where an mp4 file is empty, cut off or none at all.

    Walks over the boxes (ISO/IEC 14496-12, section 4.2) of the outermost
    level, without decoding: each says how long it is, and `moov`, the index
    of the frames, must be there.
    """
    kinds, end = [], 0
    with reading(path, _COPY_CLIP), open(path, "rb") as stream:
        size = os.path.getsize(path)
        while end + 8 <= size:
            stream.seek(end)
            length, kind = struct.unpack(">I4s", stream.read(8))
            if length == 1:  # the true length follows, in 64 bits
                (length,) = struct.unpack(">Q", stream.read(8).ljust(8, b"\0"))
            elif length == 0:  # up to the end of the file
                length = size - end
            if length < 8:
                break
            kinds.append(kind)
            end += length
    if size == 0:
        problem, rule = "is empty", "empty"
    elif not kinds or kinds[0] not in (b"ftyp", b"moov", b"mdat", b"free"):
        problem, rule = "is no mp4 file", "not_mp4"
    elif end > size:
        problem = f"is cut off: {size:,} of at least {end:,} bytes are there"
        rule = "truncated"
    elif b"moov" not in kinds:
        problem, rule = "is cut off: it has no index of its frames", "truncated"
    else:
        return
    raise BadFileError(path, problem, _COPY_CLIP, rule)


def frame_rate(path: StrPath) -> float:
    """Frames per second that a video claims, 0 where it does not say."""
    with _opened(path) as (capture, cv2):
        return float(capture.get(cv2.CAP_PROP_FPS))


def iterate_frames(path: StrPath) -> Iterator[np.ndarray]:
    """Decodes a video, or a folder of pictures; one frame is held at a time.

    Yields:
        `(H, W, 3)` uint8, RGB; a grey video has three equal channels.

    Raises:
        BadFileError: The file cannot be opened, or ends before the number of
            frames that its index promises; raised at the end in that case.
            A picture cannot be read.
    """
    if os.path.isdir(path):
        yield from map(read_still, list_stills(pathlib.Path(path)))
        return
    check_container(path)
    count = 0
    with _opened(path) as (capture, cv2):
        promised = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        while (read := capture.read())[0]:
            count += 1
            yield cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB)
    if count == 0 or count < promised - _SPARE_FRAMES:
        problem = f"is damaged: {count} of its {promised} frames can be decoded"
        raise BadFileError(path, problem, _COPY_CLIP, "damaged")


def read_frames(path: StrPath) -> list[np.ndarray]:
    """All frames, see `iterate_frames`."""
    return list(iterate_frames(path))


def read_clip(
    raw_file: RawFile, labels: dict[str, float], rate: float | None = None
) -> tuple[VideoRecording, Findings]:
    """A clip read to its end, one frame held at a time, and what is odd in it.

    Raises BadFileError where it cannot be decoded, or is too short.
    """
    count, _, odd = survey(iterate_frames(raw_file.path))
    raw_file.check_frames(count)
    recording = VideoRecording(
        **raw_file.person,
        num_frames=count,
        frames=functools.partial(read_frames, raw_file.path),
        frame_rate=rate,
        labels=labels,
        simulated=raw_file.simulated,
    )
    return recording, odd


def write_mp4(
    path: StrPath, frames: Iterable[np.ndarray], rate: float
) -> pathlib.Path:
    """Writes an MPEG-4 video: same frames, same bytes.

    OpenCV's wheels come without an H.264 encoder.

    Args:
        path: The file; half a file never has this name.
        frames: `(H, W, 3)` uint8, RGB, all of one size; H and W are even.
        rate: Frames per second.
    """
    cv2 = _quiet_cv2()
    writer = None
    # OpenCV goes by the ending, which the temporary file has, too.
    with whole_file(path, "free space or choose another folder") as temporary:
        for frame in frames:
            writer = writer or cv2.VideoWriter(
                os.fspath(temporary),
                cv2.VideoWriter_fourcc(*"mp4v"),
                rate,
                (frame.shape[1], frame.shape[0]),
            )
            writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        if writer is None:
            raise ValueError("a video needs at least one frame")
        writer.release()
        try:
            check_container(temporary)
        except BadFileError as error:
            raise OSError(error.problem) from error
    return pathlib.Path(path)


def _quiet_cv2():
    """OpenCV, whose FFmpeg says what it thinks of a file only if asked to.

    FFmpeg reads the variable once, when the first video is opened.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    import cv2

    return cv2


@contextlib.contextmanager
def _opened(path):
    cv2 = _quiet_cv2()
    capture = cv2.VideoCapture(os.fspath(path))
    try:
        if not capture.isOpened():
            problem = "has no video that OpenCV can decode"
            raise BadFileError(path, problem, _COPY_CLIP, "undecodable")
        yield capture, cv2
    finally:
        capture.release()


def natural_key(path: StrPath) -> list[tuple[int, int, str]]:
    """Sort key of a file's name by which `frame 9` comes before `frame 10`."""
    name = os.path.basename(os.fspath(path)).lower()
    return [
        (0, int(part), "") if part.isdigit() else (1, 0, part)
        for part in re.split(r"(\d+)", name)
        if part
    ]


def list_stills(folder: pathlib.Path) -> list[pathlib.Path]:
    """The pictures of a folder in natural order, without `._x.jpg`."""
    stills = (
        path
        for path in folder.iterdir()
        if path.suffix.lower() in STILL_ENDINGS
        and not path.name.startswith(".")
    )
    return sorted(stills, key=natural_key)


def read_still(path: StrPath) -> np.ndarray:
    """Decodes one JPEG or PNG file to `(H, W, 3)` uint8, RGB.

    It is turned upright as its EXIF data say; grey pictures get three equal
    channels, an alpha channel is dropped. Pillow, unlike OpenCV, says when a
    file is cut off; OpenCV paints the rest grey.

    Raises BadFileError by rule `empty`, `truncated`, `undecodable` or
    `unreadable`.
    """
    from PIL import Image, ImageOps

    with decoding(path, _COPY_STILL):
        if os.path.getsize(path) == 0:
            raise BadFileError(path, "is empty", _COPY_STILL, "empty")
        with Image.open(path) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


@contextlib.contextmanager
def decoding(path: StrPath, cure: str) -> Iterator[None]:
    """What reading or Pillow raises here becomes a BadFileError of the file."""
    try:
        yield
    except (OSError, SyntaxError, ValueError) as error:
        problem, rule = "is no picture that can be decoded", "undecodable"
        if isinstance(error, OSError) and error.strerror:
            problem, rule = f"cannot be read ({error.strerror})", "unreadable"
        elif "truncated" in str(error) or "premature" in str(error):
            problem, rule = "is cut off", "truncated"
        raise BadFileError(path, problem, cure, rule) from error


def read_stills(paths: Iterable[StrPath]) -> list[np.ndarray]:
    """Decodes pictures, see `read_still`."""
    return [read_still(path) for path in paths]


def survey(
    frames: Iterable[np.ndarray],
) -> tuple[int, list[tuple[int, int]], Findings]:
    """Looks at all frames of a video, holding none, and notes what is odd.

    Returns:
        Number of frames; heights and widths, in the order of their
        appearance; findings `dark_frames`, `grey` and `frame_sizes`.
    """
    found, count, sizes, dark, grey = Findings(), 0, {}, [], 0
    for count, frame in enumerate(frames, start=1):
        sizes[frame.shape[:2]] = None
        sample = frame[::_STEP, ::_STEP].astype(np.int16)
        if sample.mean() < _DARK_MEAN:
            dark.append(count)
        grey += np.ptp(sample, axis=-1).max() <= _GREY_TOLERANCE
    found.listed(
        "dark_frames",
        dark,
        f"{{n}} of {count} frames nearly black (mean below {_DARK_MEAN:g}): "
        "{}; kept",
    )
    if count and grey == count:
        found.noted("grey", "grey pictures, read with three equal channels")
    if len(sizes) > 1:
        shown = shorten(f"{w} x {h}" for h, w in sizes)
        found.noted("frame_sizes", f"frames of several sizes: {shown}; kept")
    return count, list(sizes), found
