"""A Vicon text file of UI-PRMD to a recording in EmoPain's terms.

Vicon writes a marker that its cameras lost as 0, 0, 0. Rules, in this order:

- `rigid_cluster`: where three or more markers of its cluster are seen, the
  lost one is put where they say it is, by the least-squares rigid fit of the
  cluster's mean shape.
- `mirrored_cluster`: the same for a forearm that the file never shows whole,
  with the shape of the other one, mirrored. To leave a wrist marker out instead
  would bend the elbow by about 8 degrees, against half a degree for the fit
  (medians over the release, measured by hiding markers that are there).
- `short_gap`: up to `MAX_GAP` frames are bridged by a straight line; at the
  ends of a file the nearest position is held.
- `unused_marker`: gaps of a marker that no joint needs are left alone.
- `long_gap`: anything else refuses the file.
"""

import dataclasses
import gzip
import pathlib

import numpy as np

from keras_pain.corpora.base import LEAVE_OUT, Findings, RawFile
from keras_pain.corpora.folder import note_release
from keras_pain.corpora.recording import Recording, bridge_gaps
from keras_pain.corpora.ui_prmd import layout
from keras_pain.errors import BadFileError, reading
from keras_pain.io import decoded, number_lines
from keras_pain.signals import kinematics

# Of the two exercises that were at hand, m05 and m10.
_HASHES = pathlib.Path(__file__).with_name("sha256.csv")
TARGET_RATE = 60.0  # EmoPain's
# Half a second at 100 Hz: no exercise is done in less. One incorrect episode
# of the release has a single frame.
MIN_FRAMES = 50
MAX_GAP = 25  # frames, a quarter of a second
# A fit that misses the markers it can see by more than this, in mm, is no fit:
# forearms bend and twist by about 15 mm, swapped labels are off by 100.
MAX_MISFIT = 40.0
_MM_PER_CM = 10.0
_LARGEST = 1e5  # mm: no room is larger
_MAX_BYTES = 2**26  # of text: an hour of an exercise
_DOWNLOAD = "download it anew or leave it out with --on_bad_file=skip"


@dataclasses.dataclass(kw_only=True)
class UiPrmdRecording(Recording):
    """A recording of UI-PRMD, which labels execution, not pain.

    `protective` and `pain_level` are -1 throughout: nobody here is in pain,
    and an exercise done incorrectly on purpose is not protective behaviour.
    `activity` is the exercise's number, `activity_instance` the repetition.
    """

    label: str  # "correct" or "incorrect"
    exercise: str  # "m01" to "m10"
    repetition: int  # 1 to 10


def read_file(raw_file: RawFile) -> tuple[UiPrmdRecording, Findings]:
    """Reads one episode: the recording at 60 Hz and what was found.

    Raises BadFileError where it cannot be used.
    """
    raw_file.check_refusal()
    found = Findings(raw_file.findings)
    markers = _read_markers(raw_file.path)
    raw_file.check_frames(len(markers), MIN_FRAMES)
    markers, problem = repair_markers(found, markers)
    if problem:
        raise BadFileError(raw_file.path, problem, LEAVE_OUT, "long_gap")
    joints = joints_from_markers(markers)
    joints = resample(joints, layout.FRAME_RATE, TARGET_RATE)
    angles = kinematics.joint_angles(joints)
    if not np.isfinite(angles).all():
        problem = "two joints lie on one spot, so that an angle is undefined"
        raise BadFileError(raw_file.path, problem, LEAVE_OUT, "undefined_angle")
    info = raw_file.info
    exercise = int(info["exercise"].removeprefix("m"))
    recording = UiPrmdRecording(
        **raw_file.person,
        angles=angles,
        energies=kinematics.angle_energies(angles),
        activity=np.full(len(joints), exercise),
        activity_instance=np.full(len(joints), info["repetition"]),
        joints=joints,
        frame_rate=TARGET_RATE,
        # Text files have no header that could say it.
        simulated=raw_file.simulated,
        **info,
    )
    note_release(found, raw_file, _HASHES)
    return recording, found


def resample(values: np.ndarray, rate: float, target: float) -> np.ndarray:
    """Positions at another frame rate, by straight lines between frames.

    A polyphase filter rings at the ends of an episode and at bridged gaps;
    straight lines stay within 0.2 mm and 0.02 degrees of a cubic spline on the
    release. Values are `(T, ...)`, T >= 2; the result never goes beyond the
    last. Rates are in frames per second.
    """
    count = int(np.floor((len(values) - 1) * target / rate + 1e-9)) + 1
    position = np.arange(count) * (rate / target)
    before = np.minimum(position.astype(int), len(values) - 2)
    share = (position - before).reshape(-1, *[1] * (values.ndim - 1))
    return values[before] * (1 - share) + values[before + 1] * share


def _read_markers(path):
    """`(T, 39, 3)` numbers of a plain or gzip-compressed text file."""
    packed = path.suffix.lower() == ".gz"
    problem, rule = "cannot be read", "unreadable"
    if packed:
        problem, rule = "is no sound gzip file", "bad_gzip"
    with reading(path, problem, _DOWNLOAD, rule):
        with (gzip.open if packed else open)(path, "rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
    with reading(path, "is not a text file", _DOWNLOAD, "not_text"):
        text = decoded(data)
    if len(data) > _MAX_BYTES:
        problem = f"has more than {_MAX_BYTES:,} bytes of text"
        raise BadFileError(path, problem, _DOWNLOAD, "too_large")
    rows = []
    for number, row in number_lines(path, text, _DOWNLOAD):
        rows.append(row)
        if len(row) != len(rows[0]):
            problem = f"line {number} has {len(row)} values, the first line "
            problem += str(len(rows[0]))
            raise BadFileError(path, problem, _DOWNLOAD, "not_numbers")
    if not rows:
        raise BadFileError(path, "is empty", _DOWNLOAD, "empty")
    values, expected = np.array(rows), 3 * len(layout.MARKERS)
    if values.shape[1] != expected:
        columns = values.shape[1]
        problem = f"has {columns} columns, not {expected} (39 markers x 3)"
        cure = "give the Vicon `Positions` files, not `Angles` or Kinect ones"
        raise BadFileError(path, problem, cure, "wrong_columns")
    largest = np.abs(values[np.isfinite(values)]).max(initial=0.0)
    if largest > _LARGEST:
        problem = f"positions reach {largest:.3g} mm, beyond {_LARGEST:g}"
        raise BadFileError(path, problem, _DOWNLOAD, "out_of_range")
    return values.reshape(len(values), -1, 3)


def repair_markers(
    found: Findings, markers: np.ndarray
) -> tuple[np.ndarray, str]:
    """Puts lost markers back as far as the rules of this module allow.

    Of the `(T, 39, 3)` markers in mm, which are not changed, one at 0, 0, 0 or
    with a NaN is lost. What was repaired is added to `found`.

    Returns the repaired float64 markers, and why to refuse the file, or `""`.
    """
    markers = np.array(markers, dtype=np.float64)
    markers[np.all(markers == 0, axis=-1)] = np.nan
    lost = ~np.all(np.isfinite(markers), axis=-1)
    markers[lost] = np.nan
    if not lost.any():
        return markers, ""
    for rule, filled in _fill_from_clusters(markers).items():
        if filled.any():
            detail = f"{_count(filled)} put back from the rest of the cluster"
            found.repaired(rule, detail)
    values = markers.reshape(len(markers), -1)  # a view
    bridged = bridge_gaps(values, np.isnan(values), MAX_GAP)[:, ::3]
    if bridged.any():
        found.repaired("short_gap", f"{_count(bridged)} bridged")
    lost = np.isnan(markers[..., 0])
    needed = np.isin(layout.MARKERS, list(layout.NEEDED_MARKERS))
    if (lost & ~needed).any():
        detail = f"{_count(lost & ~needed)} lost; no joint needs them"
        found.noted("unused_marker", detail)
    if not (lost & needed).any():
        return markers, ""
    problem = f"markers are lost for more than {MAX_GAP} frames at a stretch: "
    return markers, problem + _count(lost & needed)


def _count(flags):
    """`LASI 3 frames, STRN 20 frames` from `(T, 39)` flags."""
    counts = zip(layout.MARKERS, flags.sum(axis=0), strict=True)
    return ", ".join(f"{name} {n} frames" for name, n in counts if n)


def _columns(cluster):
    return np.array([layout.MARKERS.index(m) for m in layout.CLUSTERS[cluster]])


def _fill_from_clusters(markers):
    """Fills in place; returns `(T, 39)` flags of what each rule filled."""
    filled = {
        rule: np.zeros(markers.shape[:2], dtype=bool)
        for rule in ("rigid_cluster", "mirrored_cluster")
    }
    for cluster in layout.CLUSTERS:
        columns = _columns(cluster)
        points = markers[:, columns]
        rule, shape = "rigid_cluster", _mean_shape(points)
        if shape is None and cluster in layout.MIRRORED:
            other = _columns(layout.MIRRORED[cluster])
            rule, shape = "mirrored_cluster", _mean_shape(markers[:, other])
            if shape is not None:
                shape = shape * (-1.0, 1.0, 1.0)
        if shape is None:
            continue
        seen = np.isfinite(points[..., 0])
        # One fit for all frames that show the same markers.
        for pattern in np.unique(seen, axis=0):
            if pattern.all() or pattern.sum() < 3:
                continue
            frames = np.flatnonzero(np.all(seen == pattern, axis=1))
            rotations, centre, to = _rotations(shape, points[frames], pattern)
            # The whole shape, laid onto the markers that are seen.
            fitted = np.einsum("mi,tij->tmj", shape - centre, rotations) + to
            misfit = np.linalg.norm(fitted - points[frames], axis=-1)
            good = np.nanmax(misfit, axis=1) <= MAX_MISFIT
            place = np.ix_(frames[good], columns[~pattern])
            markers[place] = fitted[good][:, ~pattern]
            filled[rule][place] = True
    return filled


def _mean_shape(points):
    """Mean shape `(M, 3)` over the frames of `(T, M, 3)` that show all."""
    whole = points[np.isfinite(points).all(axis=(1, 2))]
    if not len(whole):
        return None
    shape = whole[len(whole) // 2]
    for _ in range(3):  # settles at once: the shapes differ by millimetres
        rotations, _, centres = _rotations(shape, whole, slice(None))
        # Turned back, so that all frames lie on top of one another.
        aligned = np.einsum("tmi,tji->tmj", whole - centres, rotations)
        shape = aligned.mean(axis=0)
    return shape


def _rotations(shape, points, seen):
    """Least-squares rotations of a shape onto each frame's points (Kabsch)."""
    centre = shape[seen].mean(axis=0)
    centres = points[:, seen].mean(axis=1, keepdims=True)
    pair = shape[seen] - centre, points[:, seen] - centres
    covariance = np.einsum("mi,tmj->tij", *pair)
    u, _, vt = np.linalg.svd(covariance)
    # A body is never turned inside out.
    u[:, :, 2] *= np.sign(np.linalg.det(u @ vt))[:, None]
    return u @ vt, centre, centres


def joints_from_markers(markers: np.ndarray) -> np.ndarray:
    """The joints of `layout.JOINTS`, in EmoPain's axes and unit.

    From `(T, 39, 3)` mm, z up, in the order of `layout.MARKERS`, to `(T, 26,
    3)` float64 cm, Y up, in the order of `JOINTS_26`; NaN where a marker that
    a joint needs is, or where two coincide.
    """
    at = {name: markers[:, i] for i, name in enumerate(layout.MARKERS)}
    joints = []
    for name in kinematics.JOINTS_26:
        joint = sum(weight * at[m] for m, weight in layout.JOINTS[name].items())
        side, _, part = name.partition("_")
        if offset := _OFFSETS.get(part or name):
            joint = joint + offset(at, side)
        joints.append(joint)
    # A quarter turn about x takes z up to Y up and keeps left and right.
    x, y, z = np.moveaxis(np.stack(joints, axis=1), -1, 0)
    return np.stack([x, z, -y], axis=-1) / _MM_PER_CM


def _hip_centre(at, side):
    """Offset of the hip joint centre from the ASIS of its side.

    14 % of the ASIS' distance medial, 30 % distal and 22 % posterior (Bell et
    al., Human Movement Science 8, 1989; J. Biomechanics 23, 1990).
    """
    between = at["RASI"] - at["LASI"]
    medial = _unit(between if side == "left" else -between)
    to_front = (at["LASI"] + at["RASI"] - at["LPSI"] - at["RPSI"]) / 2
    up = _unit(np.cross(between, to_front))
    anterior = _unit(np.cross(up, between))
    return _length(between) * (0.14 * medial - 0.30 * up - 0.22 * anterior)


def _shoulder_centre(at, side):
    """Offset of the glenohumeral centre from the acromion's marker.

    Below it by 17 % of the distance between the acromia (Rab et al., Gait &
    Posture 15, 2002).
    """
    breadth = _length(at["LSHO"] - at["RSHO"])
    return -0.17 * breadth * _unit(at["C7"] - at["T10"])


def _crown(at, side):
    """Offset of the head's top from the head band's centre.

    Extrapolated: half a head band's length along the band's normal.
    """
    forward = (at["LFHD"] + at["RFHD"] - at["LBHD"] - at["RBHD"]) / 2
    leftward = (at["LFHD"] + at["LBHD"] - at["RFHD"] - at["RBHD"]) / 2
    return 0.5 * _length(forward) * _unit(np.cross(forward, leftward))


def _length(vectors):
    """One for the whole file: bones do not stretch."""
    return np.nanmedian(np.linalg.norm(vectors, axis=-1))


def _unit(vector):
    with np.errstate(invalid="ignore"):  # no direction: NaN, as documented
        return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


_OFFSETS = {"upper_leg": _hip_centre, "upper_arm": _shoulder_centre}
_OFFSETS["crown"] = _crown
