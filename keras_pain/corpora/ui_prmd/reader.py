"""A Vicon text file of UI-PRMD to a recording in EmoPain's terms."""

import dataclasses
import gzip
import io
import pathlib
import zlib

import numpy as np

from keras_pain.corpora.files import Finding, RawFile
from keras_pain.corpora.recording import (
    NUM_BEHAVIOURS,
    NUM_SEMG,
    UNKNOWN,
    Recording,
)
from keras_pain.corpora.ui_prmd import layout
from keras_pain.corpora.ui_prmd.joints import joints_from_markers
from keras_pain.corpora.ui_prmd.markers import MAX_GAP, repair_markers
from keras_pain.errors import BadFileError
from keras_pain.signals.kinematics import angle_energies, joint_angles

TARGET_RATE = 60.0  # EmoPain's
MIN_FRAMES = 50  # half a second: no exercise is done in less
_DOWNLOAD = "download it anew or leave it out with --on_bad_file=skip"
_LEAVE_OUT = "leave it out with --on_bad_file=skip"


@dataclasses.dataclass
class UiPrmdRecording(Recording):
    """A recording of UI-PRMD, which labels execution, not pain.

    `protective` and `pain_level` are -1 throughout: nobody here is in pain,
    and an exercise done incorrectly on purpose is not protective behaviour.
    `activity` is the exercise's number, `activity_instance` the repetition.

    Args:
        label: `"correct"` or `"incorrect"`.
        exercise: `"m01"` to `"m10"`.
        repetition: 1 to 10.
    """

    label: str = ""
    exercise: str = ""
    repetition: int = 0


def read_file(
    raw_file: RawFile,
    *,
    min_frames: int = MIN_FRAMES,
    max_gap: int = MAX_GAP,
) -> tuple[UiPrmdRecording, list[Finding]]:
    """Reads one episode.

    Args:
        raw_file: A file of `find_files`.
        min_frames: Fewest frames (at 100 Hz) of an episode; shorter ones are
            refused by the rule `too_few_frames`. One incorrect episode of the
            release has a single frame.
        max_gap: Longest gap, in frames, that is bridged where a marker is
            lost and its cluster cannot tell where it is.

    Returns:
        The recording at 60 Hz and what was found.

    Raises:
        BadFileError: The file cannot be used.
    """
    raw_file.check_refusal()
    markers = _read_markers(raw_file.path)
    if len(markers) < min_frames:
        raise BadFileError(
            raw_file.path,
            f"has {len(markers)} frame(s), fewer than {min_frames}",
            _LEAVE_OUT,
            rule="too_few_frames",
        )
    markers, findings, problem = repair_markers(markers, max_gap)
    if problem:
        raise BadFileError(raw_file.path, problem, _LEAVE_OUT, rule="long_gap")
    joints = resample(
        joints_from_markers(markers), layout.FRAME_RATE, TARGET_RATE
    )
    angles = joint_angles(joints)
    if not np.isfinite(angles).all():
        raise BadFileError(
            raw_file.path,
            "two joints lie on one spot, so that an angle is undefined",
            _LEAVE_OUT,
            rule="undefined_angle",
        )
    frames = len(joints)
    info = raw_file.info
    exercise = int(info["exercise"].removeprefix("m"))
    recording = UiPrmdRecording(
        name=raw_file.name,
        subject_id=raw_file.subject_id,
        group=raw_file.group,
        difficulty=raw_file.difficulty,
        split=raw_file.split,
        angles=angles.astype(np.float32),
        energies=angle_energies(angles).astype(np.float32),
        semg=np.zeros((frames, NUM_SEMG), np.float32),  # not recorded
        protective=np.full(frames, UNKNOWN, np.int8),
        pain_level=np.full(frames, UNKNOWN, np.int8),
        activity=np.full(frames, exercise, np.int32),
        activity_instance=np.full(frames, info["repetition"], np.int32),
        raters=np.zeros((frames, 0, NUM_BEHAVIOURS), np.uint8),
        joints=joints.astype(np.float32),
        frame_rate=TARGET_RATE,
        simulated=info["simulated"],
        label=info["label"],
        exercise=info["exercise"],
        repetition=info["repetition"],
    )
    return recording, [*raw_file.findings, *findings]


def resample(values: np.ndarray, rate: float, target: float) -> np.ndarray:
    """Positions at another frame rate, by straight lines between frames.

    A polyphase filter (`scipy.signal.resample_poly`) rings at the ends of an
    episode and at bridged gaps; human movement at 100 Hz needs none. On the
    release, straight lines stay within 0.2 mm and 0.02 degrees of a cubic
    spline.

    Args:
        values: `(T, ...)`, T >= 2.
        rate: Frames per second of `values`.
        target: Frames per second wanted.

    Returns:
        `(T', ...)`, from the first frame on, never beyond the last.
    """
    count = int(np.floor((len(values) - 1) * target / rate + 1e-9)) + 1
    position = np.arange(count) * (rate / target)
    before = np.minimum(position.astype(int), len(values) - 2)
    share = (position - before).reshape(-1, *[1] * (values.ndim - 1))
    return values[before] * (1 - share) + values[before + 1] * share


def _read_markers(path: pathlib.Path) -> np.ndarray:
    """`(T, 39, 3)` numbers of a plain or gzip-compressed text file."""
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        text = data.decode("ascii")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        problem, rule = _unreadable(error)
        raise BadFileError(path, problem, _DOWNLOAD, rule=rule) from error
    if not text.strip():
        raise BadFileError(path, "is empty", _DOWNLOAD, rule="empty")
    try:
        values = np.loadtxt(io.StringIO(text), delimiter=",", ndmin=2)
    except ValueError as error:
        raise BadFileError(
            path, _bad_line(text), _DOWNLOAD, rule="not_numbers"
        ) from error
    expected = 3 * len(layout.MARKERS)
    if values.shape[1] != expected:
        raise BadFileError(
            path,
            f"has {values.shape[1]} columns, not {expected} (39 markers x 3)",
            "give the Vicon `Positions` files, not `Angles` or Kinect ones",
            rule="wrong_columns",
        )
    return values.reshape(len(values), -1, 3)


def _unreadable(error: Exception) -> tuple[str, str]:
    if isinstance(error, UnicodeDecodeError):
        return "is not a text file", "not_text"
    if isinstance(error, EOFError):
        return "is cut off before the end of the gzip stream", "truncated"
    if isinstance(error, gzip.BadGzipFile | zlib.error):
        return f"is no sound gzip file ({error})", "bad_gzip"
    return f"cannot be read ({error.strerror})", "unreadable"


def _bad_line(text: str) -> str:
    """Names the first line that is no row of as many numbers as the first."""
    rows = [line.split(",") for line in text.splitlines()]
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            return (
                f"line {number} has {len(row)} values, the first line has "
                f"{len(rows[0])}"
            )
        for value in row:
            try:
                float(value)
            except ValueError:
                return f"line {number} holds {value.strip()[:20]!r}, no number"
    return "is no table of numbers"
