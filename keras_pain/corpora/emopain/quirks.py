"""What is known to be wrong in EmoPain files, and the rule for each.

Every rule takes arrays and returns `(arrays, Finding or None)`: the arrays as
they came, or repaired. A rule that cannot repair raises `Refusal`. The known
faults are those that users of the releases have written about; the others are
what a wrong export, a wrong layout or a bad copy looks like.
"""

import numpy as np

from keras_pain.corpora.files import Finding

# A quarter of a second at 60 Hz: shorter than any movement that is rated, and
# under a tenth of the three-second windows that all the papers use.
MAX_GAP = 15
SEMG_NAMES = ("lower right", "lower left", "upper right", "upper left")

# Rigid parts of the body that both joint sets hold.
_BONES = (
    ("hip", "left_upper_leg"),
    ("left_upper_leg", "left_lower_leg"),
    ("left_lower_leg", "left_ankle"),
    ("hip", "right_upper_leg"),
    ("right_upper_leg", "right_lower_leg"),
    ("right_lower_leg", "right_ankle"),
    ("left_upper_arm", "left_lower_arm"),
    ("left_lower_arm", "left_wrist"),
    ("right_upper_arm", "right_lower_arm"),
    ("right_lower_arm", "right_wrist"),
    ("neck", "head"),
    ("head", "crown"),
)
_COLLAPSED, _SOUND = 0.8, 0.97  # shares of the median body size


class Refusal(Exception):
    """A fault that no rule repairs; the reader adds the file's name.

    Args:
        rule: The rule that refuses.
        problem: What is wrong, as a phrase.
        cure: What the user can do, as a phrase.
    """

    def __init__(self, rule: str, problem: str, cure: str):
        self.rule = rule
        self.problem = problem
        self.cure = cure
        super().__init__(rule, problem, cure)


def extra_columns(
    matrix: np.ndarray, expected: int
) -> tuple[np.ndarray, Finding | None]:
    """Leaves out columns behind those the layout describes.

    Some files carry more; what they hold is not documented.

    Args:
        matrix: `(T, K)` with at least `expected` columns.
        expected: Number of columns to keep.

    Returns:
        `(T, expected)` and a note.
    """
    extra = matrix.shape[1] - expected
    if extra == 0:
        return matrix, None
    detail = f"{extra} columns behind column {expected} left out"
    return matrix[:, :expected], Finding("extra_columns", "noted", detail)


def matlab_73(version: str) -> tuple[str, Finding | None]:
    """Notes files of MATLAB 7.3, which other readers of EmoPain refuse."""
    if version != "7.3":
        return version, None
    detail = "MATLAB 7.3 (HDF5) file, read as such"
    return version, Finding("matlab_73", "noted", detail)


def wrong_variable(
    variable: str, expected: str | None, others: tuple[str, ...]
) -> tuple[str, Finding | None]:
    """Notes a matrix that was taken though its name or number leaves doubt.

    Args:
        variable: Name of the variable that was taken.
        expected: Name the layout prescribes, or None.
        others: Further variables that would have been usable.
    """
    details = []
    if expected is not None and variable != expected:
        details.append(f"took {variable!r}, there is no {expected!r}")
    if others and variable != expected:
        details.append(f"took {variable!r}, not {', '.join(map(repr, others))}")
    if not details:
        return variable, None
    return variable, Finding("wrong_variable", "noted", "; ".join(details))


def nan_rows(
    values: np.ndarray, what: str, max_gap: int = MAX_GAP
) -> tuple[np.ndarray, Finding | None]:
    """Fills short gaps of a signal by straight lines.

    At the start and end the nearest value is held.

    Args:
        values: `(T, K)`; NaN and infinities are gaps.
        what: What the columns are, for the messages.
        max_gap: Longest gap, in frames, that is filled.

    Raises:
        Refusal: A gap is longer, or nothing but gaps.
    """
    gaps = ~np.isfinite(values)
    if not gaps.any():
        return values, None
    _refuse_long_gaps(gaps, what, max_gap)
    values = values.copy()
    rows = np.arange(len(values))
    for column in np.flatnonzero(gaps.any(axis=0)):
        bad = gaps[:, column]
        values[bad, column] = np.interp(
            rows[bad], rows[~bad], values[~bad, column]
        )
    count = int(gaps.any(axis=1).sum())
    detail = f"{count} rows of {what} with gaps, interpolated"
    return values, Finding("nan_rows", "repaired", detail)


def _refuse_long_gaps(gaps: np.ndarray, what: str, max_gap: int) -> None:
    if gaps.all():
        raise Refusal(
            "nan_rows",
            f"{what} holds no number, only NaN",
            "take the file as its owners distribute it",
        )
    rows = np.arange(len(gaps))[:, None]
    last_good = np.maximum.accumulate(np.where(gaps, -1, rows), axis=0)
    runs = np.where(gaps, rows - last_good, 0)
    if runs.max() > max_gap:
        end = int(runs.max(axis=1).argmax())
        start = end - int(runs.max()) + 1
        raise Refusal(
            "nan_rows",
            f"{what} is missing (NaN or infinite) in rows {start + 1} to "
            f"{end + 1}, longer than the {max_gap} frames that are filled in",
            "leave the file out with --on_bad_file=skip",
        )


def nan_first_energy_row(
    energies: np.ndarray,
) -> tuple[np.ndarray, Finding | None]:
    """Sets the first energy row, which has no predecessor, to zero.

    The full release has NaN there.

    Args:
        energies: `(T, 13)`.
    """
    if np.isfinite(energies[0]).all():
        return energies, None
    energies = energies.copy()
    energies[0] = np.where(np.isfinite(energies[0]), energies[0], 0.0)
    detail = "first row of energies is NaN, set to 0"
    return energies, Finding("nan_first_energy_row", "repaired", detail)


def zero_semg(
    semg: np.ndarray, action: str = "keep"
) -> tuple[np.ndarray, Finding | None]:
    """Finds sEMG channels that are zero throughout: lost probes.

    Some patients of the full release have no sEMG at all. Their movement and
    ratings are sound, so the file is kept, and reported, by default.

    Args:
        semg: `(T, 4)`.
        action: `"keep"` or `"refuse"` (a file without any sEMG).

    Raises:
        Refusal: All channels are zero and `action` is `"refuse"`.
    """
    zero = ~semg.any(axis=0)
    if not zero.any():
        return semg, None
    if zero.all():
        detail = "all four sEMG channels are zero throughout"
        if action == "refuse":
            raise Refusal("zero_semg", detail, "read it with zero_semg='keep'")
    else:
        names = [n for n, z in zip(SEMG_NAMES, zero, strict=True) if z]
        detail = f"sEMG {', '.join(names)} is zero throughout"
    return semg, Finding("zero_semg", "noted", detail)


def negative_semg(
    semg: np.ndarray, max_share: float = 0.01
) -> tuple[np.ndarray, Finding | None]:
    """Sets single negative samples of the rectified envelope to zero.

    Resampling lets a rectified envelope undershoot now and then. Many negative
    samples are no envelope at all, but raw sEMG or another column.

    Args:
        semg: `(T, 4)`.
        max_share: Largest share of negative samples that is repaired.

    Raises:
        Refusal: The share is larger.
    """
    share = float(np.mean(semg < 0))
    if share == 0:
        return semg, None
    if share > max_share:
        raise Refusal(
            "negative_semg",
            f"{share:.0%} of the sEMG samples are negative, so these are no "
            "rectified envelopes",
            "check that the columns are those of this layout",
        )
    detail = f"{int((semg < 0).sum())} negative sEMG samples set to 0"
    return np.maximum(semg, 0.0), Finding("negative_semg", "repaired", detail)


def collapsed_skeleton(
    joints: np.ndarray, joint_names: tuple[str, ...]
) -> tuple[np.ndarray, Finding | None]:
    """Cuts off the end of a file where the skeleton shrinks to the origin.

    The sum of rigid bone lengths does not depend on the posture. Where its
    last value is under 80 % of the recording's median, the rows back to the
    last one of 97 % are cut, so that the first shrinking rows go as well.

    Args:
        joints: `(T, J, 3)`.
        joint_names: Names of the J joints.

    Returns:
        The leading rows that are sound, and what was cut.

    Raises:
        Refusal: The body has no size, or no row is sound.
    """
    index = {name: number for number, name in enumerate(joint_names)}
    near = [index[a] for a, _ in _BONES]
    far = [index[b] for _, b in _BONES]
    bones = np.linalg.norm(joints[:, near] - joints[:, far], axis=-1)
    size = bones.sum(axis=1)
    median = np.median(size)
    if median == 0:
        raise Refusal(
            "collapsed_skeleton",
            "all joints lie on one point in most rows",
            "check that the columns are those of this layout",
        )
    if size[-1] >= _COLLAPSED * median:
        return joints, None
    keep = int(np.flatnonzero(size >= _SOUND * median)[-1]) + 1
    detail = f"rows {keep + 1} to {len(joints)} cut off: the skeleton collapses"
    return joints[:keep], Finding("collapsed_skeleton", "repaired", detail)


def integer_labels(
    values: np.ndarray, low: int, high: int, what: str, max_gap: int = MAX_GAP
) -> tuple[np.ndarray, Finding | None]:
    """Labels as integers: rounds float noise, fills short gaps.

    A gap takes the label before it. Values up to 0.01 off an integer are
    float noise; anything else is no label column.

    Args:
        values: `(T,)` or `(T, K)`.
        low: Smallest label.
        high: Largest label.
        what: What the columns are, for the messages.
        max_gap: Longest gap, in frames, that is filled.

    Returns:
        int64 labels of the same shape, and what was repaired.

    Raises:
        Refusal: Fractional labels, labels out of range, or a long gap.
    """
    shape = values.shape
    values = values.reshape(len(values), -1)
    gaps = ~np.isfinite(values)
    done = []
    if gaps.any():
        _refuse_long_gaps(gaps, what, max_gap)
        rows = np.arange(len(values))[:, None]
        source = np.maximum.accumulate(np.where(gaps, -1, rows), axis=0)
        source = np.where(source < 0, np.argmin(gaps, axis=0), source)
        values = np.take_along_axis(values, source, axis=0)
        done.append(f"{int(gaps.any(axis=1).sum())} rows filled")
    labels = np.rint(values)
    error = np.abs(values - labels)
    wrong = (error > 0.01) | (labels < low) | (labels > high)
    if wrong.any():
        raise Refusal(
            "integer_labels",
            f"{what} holds {values[wrong][0]:.6g}, where labels are the "
            f"integers {low} to {high}",
            "check that the columns are those of this layout",
        )
    if error.any():
        done.append(f"{int(error.any(axis=1).sum())} rows rounded")
    labels = labels.astype(np.int64).reshape(shape)
    if not done:
        return labels, None
    detail = f"{what}: {', '.join(done)}"
    return labels, Finding("integer_labels", "repaired", detail)


def overlapping_flags(
    flags: np.ndarray,
) -> tuple[np.ndarray, Finding | None]:
    """One activity a frame; of several flags the first column wins.

    Args:
        flags: `(T, K)` 0 / 1.

    Returns:
        `(T,)` 1-based column of the flag, 0 where none is set, and a note.
    """
    on = flags > 0
    instance = np.where(on.any(axis=1), on.argmax(axis=1) + 1, 0)
    count = int((on.sum(axis=1) > 1).sum())
    if not count:
        return instance, None
    detail = f"{count} rows with several activities, the first column taken"
    return instance, Finding("overlapping_flags", "repaired", detail)


def activity_flicker(
    activity: np.ndarray,
) -> tuple[np.ndarray, Finding | None]:
    """Gives single rows of another activity to the run before them.

    One frame, 17 ms, is no activity; such rows would cut a segment in two.
    Longer flicker is a choice of the protocol, made when windows are cut.

    Args:
        activity: `(T,)` integer labels.
    """
    starts = np.flatnonzero(np.diff(activity, prepend=activity[:1] - 1))
    lengths = np.diff(starts, append=len(activity))
    single = lengths == 1
    if not single.any() or single.all():
        return activity, None
    # The last longer run before each single one; the next, at the start.
    source = np.maximum.accumulate(np.where(single, -1, np.arange(len(starts))))
    source = np.where(source < 0, np.argmin(single), source)
    repaired = np.repeat(activity[starts][source], lengths)
    count = int((repaired != activity).sum())
    if not count:
        return activity, None
    detail = f"{count} single rows of another activity merged"
    return repaired, Finding("activity_flicker", "repaired", detail)
