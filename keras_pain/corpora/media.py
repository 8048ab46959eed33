"""Videos and pictures on disk: decoding with clear errors, and what is odd.

OpenCV itself says nothing: an mp4 file that is cut off either cannot be
opened, or ends early as if that were its length.
"""

import collections
import contextlib
import functools
import mmap
import os
import pathlib
import re
import struct
import tempfile
import warnings
from collections.abc import Iterable, Iterator

import numpy as np

from keras_pain.corpora import base as raw
from keras_pain.corpora.base import Findings, RawFile, StrPath
from keras_pain.corpora.recording import VideoRecording
from keras_pain.errors import BadFileError, KerasPainError, reading
from keras_pain.io import whole_file

STILL_ENDINGS = (".jpg", ".jpeg", ".png")
_COPY_CLIP = "copy it anew or leave it out with --on_bad_file=skip"
_COPY_STILL = "copy it anew or leave the clip out with --on_bad_file=skip"
# An edit list may hide a frame or two of those that the index counts.
_SPARE_FRAMES = 2
_DARK_MEAN = 10.0  # of 255: UNBC has such frames, with no face in sight
# YUV and JPEG round each channel on its own.
_GREY_TOLERANCE = 3
_MOST_PIXELS = 50_000_000  # of a frame: 150 MB decoded
_CUT = "is cut off"
# Containers that are no chain of boxes; what can be decoded decides.
OTHER_VIDEOS = (".avi", ".mkv", ".webm", ".mpg", ".mpeg")
# Boxes of the outermost level; QuickTime's among them.
_BOXES = frozenset(
    b"ftyp styp moov mdat free skip wide pnot moof mfra meta uuid sidx".split()
)
# One size of all samples, or 0 and a table of sizes; the number of samples.
_SIZES = re.compile(rb"stsz\0{4}(.{8})", re.DOTALL)
# The codec of the first track that is a video, and those which OpenCV's wheels
# decode: where nothing comes of one of them, the file is damaged.
_VIDEO_CODEC = re.compile(rb"hdlr.{8}vide.*?stsd.{12}(.{4})", re.DOTALL)
_DECODED = ("avc1", "avc3", "mp4v", "hvc1", "hev1", "vp08", "vp09", "jpeg")
_CODECS = {"av01": "AV1", "vvc1": "VVC", "encv": "an encrypted stream"}
# Modes of Pillow of which RGB keeps every value.
_KEPT = frozenset(("RGB", "L", "1", "P", "RGBA", "LA", "PA"))
_STEP = 8  # every eighth pixel tells as much as all of them


def check_container(path: StrPath) -> str:
    """What the boxes of an mp4 file say against its size, `""` if nothing.

    Walks over the outermost boxes (ISO/IEC 14496-12, section 4.2) without
    decoding: each says how long it is, and `moov`, the index of the frames,
    must be there. Of other videos, by ending, only the size is looked at.
    Raises BadFileError where the file is empty, or none.
    """
    kinds, end = [], 0
    other = pathlib.PurePath(path).suffix.lower() in OTHER_VIDEOS
    with reading(path, cure=_COPY_CLIP), open(path, "rb") as stream:
        size = os.path.getsize(path)
        while end + 8 <= size and not other:
            stream.seek(end)
            length, kind = struct.unpack(">I4s", stream.read(8))
            if kind not in _BOXES and not 8 <= length <= size - end:
                break  # no box, but bytes behind the last one
            if length == 1:  # the true length follows, in 64 bits
                (length,) = struct.unpack(">Q", stream.read(8).ljust(8, b"\0"))
            elif length == 0:  # up to the end of the file
                length = size - end
                if kind == b"mdat" and kind not in kinds:  # with all samples
                    stream.seek(0)
                    length = max(length, 8 + _size_of_samples(stream.read(end)))
            if length < 8:
                break
            kinds.append(kind)
            end += length
    if size == 0:
        raise BadFileError(path, "is empty", _COPY_CLIP, "empty")
    if other:
        return ""
    if not kinds or kinds[0] not in _BOXES:
        cure = "convert it to mp4 (H.264), or copy it anew where it was one"
        raise BadFileError(path, "is no mp4 file", cure, "not_mp4")
    if end > size:
        return f"{_CUT}: {size:,} of at least {end:,} bytes are there"
    if b"moov" not in kinds:
        return f"{_CUT}: it has no index of its frames"
    return f"has {size - end:,} bytes behind its last box" * (end < size)


def _size_of_samples(head):
    """Bytes of all coded frames and sounds that the index in it lists."""
    total = 0
    for match in _SIZES.finditer(head):
        size, count = struct.unpack(">II", match[1])
        each = np.frombuffer(head[match.end() :][: 4 * count], ">u4")
        total += size * count or int(each.sum())
    return total


def frame_rate(path: StrPath) -> float:
    """Frames per second that a video claims, 0 where it does not say."""
    with _opened(path) as (capture, cv2):
        return float(capture.get(cv2.CAP_PROP_FPS))


def iterate_frames(
    path: StrPath | list[StrPath], found: Findings | None = None
) -> Iterator[np.ndarray]:
    """Decodes a video, or a folder or list of pictures, holding one frame.

    Yields `(H, W, 3)` uint8, RGB; a grey video has three equal channels. What
    is odd about the file as a whole is added to `found` at the end. Raises
    BadFileError where a picture cannot be read, or a video cannot be opened, is
    cut off, or, at its end, where frames could not be decoded.
    """
    found = Findings() if found is None else found
    if not isinstance(path, list) and os.path.isdir(path):
        path = list_stills(pathlib.Path(path))
    if isinstance(path, list):
        ways = collections.Counter()
        for still in path:
            yield read_still(still, ways)
        for way, count in sorted(ways.items()):
            detail = f"{count} of {len(path)} pictures are {way}"
            found.repaired("channels", detail)
        return
    odd, count = check_container(path), 0
    with _opened(path) as (capture, cv2):
        promised = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        while (read := capture.read())[0]:
            count += 1
            yield cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB)
    if count < max(promised - _SPARE_FRAMES, 1):
        with _opened(path) as (capture, cv2):
            capture.set(cv2.CAP_PROP_FORMAT, -1)  # coded frames, as they are
            there = sum(1 for _ in iter(capture.grab, False))
        if odd.startswith(_CUT) or count < max(there - _SPARE_FRAMES, 1):
            there = max(there, promised)
            problem = f"is damaged: {count} of {there} frames can be decoded"
            raise _undecodable(path, problem, "damaged")
        detail = f"{promised} frames by its index, {count} are there; kept"
        found.noted("promised_frames", detail)
    if odd:
        found.noted("container", f"{odd}; what can be decoded is read")


def _undecodable(path, problem, rule):
    """The error of a video: cut off, of an unknown codec, or this problem."""
    cure, odd = _COPY_CLIP, check_container(path)
    with open(path, "rb") as stream:
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            match = _VIDEO_CODEC.search(data)
            codec = match[1].decode("latin-1") if match else _DECODED[0]
    if odd.startswith(_CUT):
        problem, rule = odd, "truncated"
    elif codec not in _DECODED:
        codec = _CODECS.get(codec, repr(codec))
        problem = f"is coded as {codec}, which this OpenCV cannot decode"
        cure, rule = "convert it to H.264", "codec"
    return BadFileError(path, problem, cure, rule)


def read_frames(path: StrPath | list[StrPath]) -> list[np.ndarray]:
    """All frames, see `iterate_frames`."""
    return list(iterate_frames(path))


def read_clip(
    raw_file: RawFile, labels: dict[str, float], rate: float | None = None
) -> tuple[VideoRecording, Findings]:
    """A clip read to its end, one frame held at a time, and what is odd in it.

    Raises BadFileError where it cannot be decoded, or is too short.
    """
    found = Findings()
    count, _, odd = survey(iterate_frames(raw_file.path, found))
    raw_file.check_frames(count)
    frames = functools.partial(read_frames, raw_file.path)
    facts = {"num_frames": count, "frames": frames, "frame_rate": rate}
    facts |= {"labels": labels, "simulated": raw_file.simulated}
    return VideoRecording(**raw_file.person, **facts), found + odd


def write_mp4(
    path: StrPath, frames: Iterable[np.ndarray], rate: float
) -> pathlib.Path:
    """Writes an MPEG-4 video: same frames, same bytes; half a file never stays.

    OpenCV's wheels come without an H.264 encoder. Frames are `(H, W, 3)` uint8,
    RGB, all of one size; H and W are even. The rate is in frames per second.
    """
    cv2, writer = _quiet_cv2(), None
    codec = cv2.VideoWriter_fourcc(*"mp4v")
    # OpenCV goes by the ending, which the temporary file has, too.
    cure, stack = "free space or choose another folder", contextlib.ExitStack()
    with whole_file(path, cure) as temporary, stack:
        name = _plain_name(temporary, stack)
        for frame in frames:
            if writer is None:
                writer = cv2.VideoWriter(name, codec, rate, frame.shape[1::-1])
            writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        if writer is None:
            raise ValueError("a video needs at least one frame")
        writer.release()
        try:
            problem = check_container(temporary)
        except BadFileError as error:
            problem = error.problem
        if problem:
            raise OSError(problem)
    return pathlib.Path(path)


def _quiet_cv2():
    """OpenCV, which with its FFmpeg says what it thinks only if asked to."""
    # FFmpeg reads it once, when the first video is opened.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2


def _plain_name(path, stack):
    """A name for OpenCV: absolute, as `x:` is a protocol, and UTF-8.

    Of one that is not, on which it crashes, a link that goes with the stack.
    """
    name = os.fspath(pathlib.Path(path).absolute())  # its `..` are kept
    if name.encode(errors="ignore").decode() != name:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        os.symlink(name, link := os.path.join(folder, "video.mp4"))
        name = link.encode().decode()  # raises where that is none either
    return name


@contextlib.contextmanager
def _opened(path):
    cv2 = _quiet_cv2()
    with reading(path, cure=_COPY_CLIP), contextlib.ExitStack() as stack:
        # No other of its readers: one takes a name with digits for a series.
        capture = cv2.VideoCapture(_plain_name(path, stack), cv2.CAP_FFMPEG)
        stack.callback(capture.release)
        if not capture.isOpened():
            problem = "has no video that OpenCV can decode"
            raise _undecodable(path, problem, "undecodable")
        sides = cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT
        _check_size(path, *map(capture.get, sides))
        yield capture, cv2


def _check_size(path, width, height):
    """Raises BadFileError where a picture is too large to be decoded."""
    if width * height > _MOST_PIXELS:
        problem = f"is {width:,.0f} x {height:,.0f} pixels, more than any frame"
        cure = f"reduce it or {raw.LEAVE_OUT}"
        raise BadFileError(path, problem, cure, "too_large")


def natural_key(path: StrPath) -> list[tuple[int, int, str]]:
    """Sort key of a file's name by which `frame 9` comes before `frame 10`."""
    name = os.path.basename(os.fspath(path)).lower()
    parts = filter(None, re.split(r"(\d+)", name))
    return [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in parts]


def list_stills(folder: pathlib.Path) -> list[pathlib.Path]:
    """The pictures of a folder in natural order, without `._x.jpg`."""
    stills = (p for p in folder.iterdir() if p.suffix.lower() in STILL_ENDINGS)
    return sorted((p for p in stills if p.name[0] != "."), key=natural_key)


def read_still(
    path: StrPath, ways: collections.Counter | None = None
) -> np.ndarray:
    """Decodes one JPEG or PNG file to `(H, W, 3)` uint8, RGB.

    Pillow, unlike OpenCV, says when a file is cut off. Counted in `ways`: the
    picture is turned upright as its EXIF data say, palettes are looked up, 1
    bit becomes 0 and 255, grey gets three equal channels, an even alpha channel
    is dropped; of 16 bits the upper 8 are taken, unless they may hold 15 or
    fewer. What has no one value in RGB is refused. Raises BadFileError by rule
    `empty`, `truncated`, `undecodable`, `colour`, `too_large` or `unreadable`.
    """
    from PIL import Image, ImageOps

    def unfit(problem):
        cure = "save it as RGB with 8 bits a channel and without transparency"
        return BadFileError(path, problem, cure, "colour")

    with decoding(path, _COPY_STILL), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow thinks of odd headers
        if os.path.getsize(path) == 0:
            raise BadFileError(path, "is empty", _COPY_STILL, "empty")
        with Image.open(path) as image:
            _check_size(path, *image.size)
            mode, deep = image.mode, ";16" in f"{image.mode} {image.tile}"
            if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
                raise unfit(f"holds {image.n_frames} pictures, not one")
            if mode not in _KEPT and not mode.startswith("I;16"):
                raise unfit(f"has pixels of the kind {mode}")
            done, turned = [], 1
            # A camera's notes may be damaged where the pixels are not.
            with contextlib.suppress(Exception):
                turned = image.getexif().get(0x0112, 1)
            if turned in range(2, 9):
                image = ImageOps.exif_transpose(image)
                done.append("turned upright by their EXIF data")
            if mode.startswith("I;16"):
                values = np.asarray(image) >> 8
                image = Image.fromarray(values.astype(np.uint8))
            if image.has_transparency_data:
                if np.ptp(np.asarray(image.convert("RGBA"))[..., 3]):
                    raise unfit(f"is {mode} and transparent in places")
                mode = f"{mode} of even transparency"
            if mode != "RGB":
                done.append(f"{mode}, read as RGB")
            pixels = np.asarray(image.convert("RGB"))
            if deep:
                done.append("16 bits deep, read by the upper 8")
                if pixels.max() < 128 and not _is_16_bits(path):
                    raise unfit("is 16 bits deep, the highest without use")
        with Image.open(path) as image:
            image.verify()  # a PNG's checksums, at which no decoder looks
    if ways is not None:
        ways.update(done)
    return pixels


def _is_16_bits(path):
    """Whether a PNG says that the upper bits are in use, or none are."""
    data, cv2 = pathlib.Path(path).read_bytes(), _quiet_cv2()
    values = cv2.imdecode(np.frombuffer(data, "u1"), cv2.IMREAD_UNCHANGED)
    stated = b"sBIT" in data.partition(b"IDAT")[0]
    return stated or not np.atleast_3d(values)[..., :3].any()


@contextlib.contextmanager
def decoding(path: StrPath, cure: str) -> Iterator[None]:
    """What reading or Pillow raises here becomes a BadFileError of the file."""
    try:
        yield
    except KerasPainError:
        raise
    except Exception as error:
        problem, rule = "is no picture that can be decoded", "undecodable"
        if isinstance(error, OSError) and error.strerror:
            problem, rule = f"cannot be read ({error.strerror})", "unreadable"
        elif "truncated" in str(error) or "premature" in str(error):
            problem, rule = "is cut off", "truncated"
        elif "exceeds limit" in str(error):  # Pillow's, of decompression bombs
            problem, rule = "has more pixels than any frame", "too_large"
        raise BadFileError(path, problem, cure, rule) from error


def survey(
    frames: Iterable[np.ndarray],
) -> tuple[int, list[tuple[int, int]], Findings]:
    """Looks at all frames of a video, holding none, and notes what is odd.

    Returns the number of frames; heights and widths, in the order of their
    appearance; findings `dark_frames`, `grey` and `frame_sizes`.
    """
    found, count, sizes, dark, grey = Findings(), 0, {}, [], 0
    for count, frame in enumerate(frames, start=1):
        sizes[frame.shape[:2]] = None
        sample = frame[::_STEP, ::_STEP].astype(np.int16)
        if sample.mean() < _DARK_MEAN:
            dark.append(count)
        grey += np.ptp(sample, axis=-1).max() <= _GREY_TOLERANCE
    said = f"{{n}} of {count} frames nearly black (mean below {_DARK_MEAN:g})"
    found.listed("dark_frames", dark, said + ": {}; kept")
    if count and grey == count:
        found.noted("grey", "grey pictures, read with three equal channels")
    if len(sizes) > 1:
        shown = raw.shorten(f"{w} x {h}" for h, w in sizes)
        found.noted("frame_sizes", f"frames of several sizes: {shown}; kept")
    return count, list(sizes), found
