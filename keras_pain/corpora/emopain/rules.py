"""What is known to be wrong in EmoPain files, and the rule for each.

A rule takes arrays and returns them as they came or repaired; what it did is
added to the findings. One that cannot repair refuses the file: it raises
BadFileError.

Where a release has joints, angles and energies are recomputed from them. The
stored columns differ between releases (degrees or radians, included angle or
its supplement, per frame or per second, first energy NaN or zero), and agree
with the recomputed ones within rounding; a file in which they do not is
reported.
"""

import itertools
from typing import NoReturn

import numpy as np

from keras_pain.corpora import recording
from keras_pain.corpora.base import LEAVE_OUT, Findings, RawFile
from keras_pain.corpora.emopain.layout import Challenge, Coordinates, Fame
from keras_pain.corpora.mat import MAX_COLUMNS, load_matrix
from keras_pain.errors import BadFileError
from keras_pain.signals.kinematics import ANGLE_NAMES, angle_energies

# A quarter of a second at 60 Hz: shorter than any movement that is rated, and
# under a tenth of the three-second windows that all the papers use.
MAX_GAP = 15
# Positions kept to one decimal (0.1 cm) turn the shortest bone of a triplet,
# about 5 cm, by up to 1.5 degrees, and its speed by up to 2.5 degrees a frame.
# Another vertex, sign or unit is off by tens.
TOLERANCE = 2.5
NUM_LABELLERS = 2  # raters of four that make a frame protective
SEMG_NAMES = ("lower right", "lower left", "upper right", "upper left")

# Usual numbers of columns of each layout, widest layout first: a width belongs
# to the first layout whose least it reaches.
WIDTHS = {
    "fame": (Fame.num_columns,),
    "coordinates": Coordinates.num_columns,
    "challenge2020": Challenge.num_columns,
}
# Beyond these a value is no measurement: positions are of a room, in cm or mm.
_LARGEST = {"positions": 1e4, "sEMG": 1e6, "angles": 1e4, "energies": 1e9}
_MAX_NEGATIVE = 0.01  # share of samples; more are no undershoot
# Rigid parts of the body that both joint sets hold.
_LIMBS = """hip left_upper_leg left_lower_leg left_ankle
hip right_upper_leg right_lower_leg right_ankle
left_upper_arm left_lower_arm left_wrist
right_upper_arm right_lower_arm right_wrist
neck head crown"""
_BONES = [b for s in _LIMBS.split("\n") for b in itertools.pairwise(s.split())]
_COLLAPSED, _SOUND = 0.8, 0.97  # shares of the median body size
_CHECK_COLUMNS = "check that the columns are those of this layout"


def layout_of_width(columns: int) -> str | None:
    """The layout whose files have so many columns; None below 30."""
    return next((name for name, ns in WIDTHS.items() if columns >= ns[0]), None)


def _rows(flags):
    """How many rows of `(T, K)` flags have one that is set."""
    return int(flags.any(axis=1).sum())


class Rules(Findings):
    """What was found in one file, and the rules that find it."""

    def __init__(self, raw_file: RawFile):
        super().__init__(raw_file.findings)
        self.file = raw_file
        self.simulated = False  # whether the file's header says so

    def refuse(
        self, rule: str, problem: str, cure: str = _CHECK_COLUMNS
    ) -> NoReturn:
        """Raises BadFileError for a fault that no rule repairs."""
        raise BadFileError(self.file.path, problem, cure, rule)

    def load_table(
        self, prefer: str | None = None, several: str = "refuse"
    ) -> np.ndarray:
        """The matrix, `(T, K)` float64, if it can be this layout's.

        T is 2 or more, K the layout's width or more. For `prefer` and
        `several` see `load_matrix`.
        """
        layout, usual = self.file.layout, WIDTHS[self.file.layout]
        choice = {"widths": usual, "prefer": prefer, "several": several}
        matrix = load_matrix(self.file.path, min_columns=usual[0], **choice)
        name, (rows, columns) = matrix.variable, matrix.values.shape
        transposed = rows in usual and columns > rows and columns not in usual
        fitting = layout_of_width(columns)
        if columns > MAX_COLUMNS or transposed:
            shape = f"{name!r} is {rows} x {columns}"
            problem = f"{shape}, so rows and columns are exchanged"
            self.refuse("wrong_shape", problem, "save it with one frame a row")
        if fitting != layout:
            problem = f"{name!r} has {columns} columns, as in layout {fitting},"
            cure = f"move it to a folder of its own and give --layout={fitting}"
            self.refuse("wrong_shape", f"{problem} not {layout}", cure)
        if rows < 2:
            problem = f"{name!r} has {rows} rows, a recording needs 2"
            self.refuse("too_short", problem, LEAVE_OUT)
        self._refuse_nothing_but_nan(~np.isfinite(matrix.values), repr(name))
        if matrix.version == "7.3":  # which other readers of EmoPain refuse
            self.noted("matlab_73", "HDF5 (MATLAB 7.3) file, read as such")
        elif matrix.version == "HDF5":
            detail = f"not MATLAB's HDF5: {rows} frames x {columns} columns"
            self.noted("frames_axis", detail)
        if matrix.behind:
            self.noted("bytes_behind", f"{matrix.behind} bytes left out")
        if name != prefer:
            others = ", ".join(map(repr, matrix.others))
            doubts = [f"took {name!r}, not {others}"] if others else []
            if prefer:
                doubts.insert(0, f"took {name!r}, there is no {prefer!r}")
            if doubts:
                self.noted("wrong_variable", "; ".join(doubts))
        self.simulated = matrix.simulated
        return matrix.values

    def extra_columns(self, matrix: np.ndarray, expected: int) -> np.ndarray:
        """Leaves out columns behind the layout's, which nobody documents."""
        extra = matrix.shape[1] - expected
        if extra > 0:
            detail = f"{extra} columns behind column {expected} left out"
            self.noted("extra_columns", detail)
        return matrix[:, :expected]

    def nan_rows(self, values: np.ndarray, what: str) -> np.ndarray:
        """Bridges gaps (NaN, infinities) of up to `MAX_GAP` frames.

        A longer one refuses the file, and so does a value that is far out of
        any scale. Values are `(T, K)`; messages call the columns `what`.
        """
        gaps = ~np.isfinite(values)
        largest = np.abs(values[~gaps]).max(initial=0.0)
        if largest > _LARGEST[what]:
            problem = f"{what} reach {largest:.3g}, beyond {_LARGEST[what]:g}"
            self.refuse("out_of_range", problem)
        if not gaps.any():
            return values
        self._refuse_long_gaps(gaps, what)
        values = values.copy()
        recording.bridge_gaps(values, gaps, MAX_GAP)
        detail = f"{_rows(gaps)} rows of {what} with gaps, interpolated"
        self.repaired("nan_rows", detail)
        return values

    def _refuse_nothing_but_nan(self, gaps, what):
        if gaps.all():
            problem = f"{what} holds no number, only NaN"
            cure = "take the file as its owners distribute it"
            self.refuse("nan_rows", problem, cure)

    def _refuse_long_gaps(self, gaps, what):
        self._refuse_nothing_but_nan(gaps, what)
        lengths = recording.run_lengths(gaps).max(axis=1)
        longest, start = lengths.max(), lengths.argmax()
        # One value is no signal, however short the file.
        if longest > MAX_GAP or longest >= len(gaps) - 1:
            rows = f"rows {start + 1} to {start + longest}"
            problem = f"{what} is missing (NaN or infinite) in {rows}; "
            problem += f"filled in are up to {MAX_GAP} frames, and two or more"
            self.refuse("nan_rows", f"{problem} must be there", LEAVE_OUT)

    def nan_first_energy_row(self, energies: np.ndarray) -> np.ndarray:
        """Sets the first row of energies, without predecessor, to zero.

        The full release has NaN there.
        """
        if np.isfinite(energies[0]).all():
            return energies
        energies = energies.copy()
        energies[0, ~np.isfinite(energies[0])] = 0.0
        detail = "first row of energies is NaN, set to 0"
        self.repaired("nan_first_energy_row", detail)
        return energies

    def zero_semg(self, semg: np.ndarray) -> np.ndarray:
        """Notes channels of sEMG that are zero throughout: lost probes.

        Some patients of the full release have no sEMG at all, and are kept.
        """
        names = np.array(SEMG_NAMES)[~semg.any(axis=0)]
        which = f"sEMG {', '.join(names)} is"
        if len(names) == len(SEMG_NAMES):
            which = "all four sEMG channels are"
        if len(names):
            self.noted("zero_semg", f"{which} zero throughout")
        return semg

    def negative_semg(self, semg: np.ndarray) -> np.ndarray:
        """Sets single negative samples of the rectified sEMG envelope to zero.

        Resampling lets it undershoot now and then. More than 1 % are raw sEMG
        or another column.
        """
        share = float(np.mean(semg < 0))
        if share == 0:
            return semg
        if share > _MAX_NEGATIVE:
            problem = f"{share:.0%} of the sEMG samples are negative, so these "
            self.refuse("negative_semg", problem + "are no rectified envelopes")
        detail = f"{int((semg < 0).sum())} negative sEMG samples set to 0"
        self.repaired("negative_semg", detail)
        return np.maximum(semg, 0.0)

    def collapsed_skeleton(
        self, joints: np.ndarray, joint_names: tuple[str, ...]
    ) -> np.ndarray:
        """Cuts off the end of a file where the skeleton shrinks to the origin.

        The sum of rigid bone lengths does not depend on the posture. Where its
        last value is under 80 % of the recording's median, the rows back to the
        last one of 97 % are cut, so that the first shrinking rows go as well.
        Joints are `(T, J, 3)`.
        """
        near, far = np.vectorize(joint_names.index)(_BONES).T
        bones = np.linalg.norm(joints[:, near] - joints[:, far], axis=-1)
        size = bones.sum(axis=1)
        median = np.median(size)
        if median == 0:
            problem = "all joints lie on one point in most rows"
            self.refuse("collapsed_skeleton", problem)
        if size[-1] >= _COLLAPSED * median:
            return joints
        keep = int(np.flatnonzero(size >= _SOUND * median)[-1]) + 1
        self.file.check_frames(keep)
        cut = f"rows {keep + 1} to {len(joints)} cut off"
        self.repaired("collapsed_skeleton", f"{cut}: the skeleton collapses")
        return joints[:keep]

    def integer_labels(
        self, values: np.ndarray, low: int, high: int, what: str
    ) -> np.ndarray:
        """Labels as int64: rounds float noise, fills gaps up to `MAX_GAP`.

        A gap takes the label before it. Values up to 0.01 off an integer are
        float noise; anything else, or one beyond `low` to `high`, refuses the
        file. Values are `(T,)` or `(T, K)`; messages call them `what`.
        """
        shape = values.shape
        values = values.reshape(len(values), -1)
        gaps = ~np.isfinite(values)
        done = []
        if gaps.any():
            self._refuse_long_gaps(gaps, what)
            source = np.where(gaps, -1, np.indices(gaps.shape)[0])
            source = np.maximum.accumulate(source, axis=0)
            source = np.where(source < 0, np.argmin(gaps, axis=0), source)
            values = np.take_along_axis(values, source, axis=0)
            done.append(f"{_rows(gaps)} rows filled")
        labels = np.rint(values)
        error = np.abs(values - labels)
        wrong = (error > 0.01) | (labels < low) | (labels > high)
        if wrong.any():
            problem = f"{what} holds {values[wrong][0]:.6g}, where labels are"
            problem += f" the integers {low} to {high}"
            self.refuse("integer_labels", problem)
        if error.any():
            done.append(f"{_rows(error)} rows rounded")
        if done:
            self.repaired("integer_labels", f"{what}: {', '.join(done)}")
        return labels.astype(np.int64).reshape(shape)

    def overlapping_flags(self, flags: np.ndarray) -> np.ndarray:
        """Column, from 1, of the first of `(T, K)` flags that is on, else 0."""
        on = flags > 0
        count = int((on.sum(axis=1) > 1).sum())
        if count:
            rows = f"{count} rows with several activities, the first column"
            self.repaired("overlapping_flags", f"{rows} taken")
        return np.where(on.any(axis=1), on.argmax(axis=1) + 1, 0)

    def activity_flicker(self, activity: np.ndarray) -> np.ndarray:
        """Gives single rows of other `(T,)` labels to the run before them.

        One frame, 17 ms, is no activity; such rows would cut a segment in two.
        Longer flicker is a choice of the protocol, made when windows are cut.
        """
        if np.diff(activity).all():  # no row is of the one before
            return activity
        segments = recording.activity_segments(activity, max_flicker=1)
        starts, stops, values = segments
        repaired = np.repeat(values, stops - starts)
        count = int((repaired != activity).sum())
        if count:
            detail = f"{count} single rows of another activity merged"
            self.repaired("activity_flicker", detail)
        return repaired

    def stored_columns(
        self,
        kind: str,
        stored: np.ndarray,
        recomputed: np.ndarray,
        used: str = "recomputed",
    ) -> None:
        """Compares stored `(T, 13)` columns with those from joints or angles.

        An error of the angle enters the energy times the speed, so of energies
        the square roots are compared: speeds, in degrees a frame. Their first
        row, which has no predecessor, is left out. The finding is `"checked"`,
        or `"noted"` beyond `TOLERANCE`. `kind` is `"angles"`, in degrees, or
        `"energies"`; `used` says which columns the recording gets.
        """
        rule, unit = f"stored_{kind}", "degrees"
        if kind == "energies":
            unit, both = "degrees/frame", (stored, recomputed)
            stored, recomputed = (np.sqrt(np.abs(e[1:])) for e in both)
        difference = np.abs(stored - recomputed)
        if not np.isfinite(difference).any():
            self.noted(rule, f"stored ones are NaN; {used} used")
            return
        known = np.where(np.isfinite(difference), difference, 0.0)
        largest = float(known.max())
        joint = ANGLE_NAMES[int(known.max(axis=0).argmax())]
        detail = f"largest difference {largest:.3g} {unit} ({joint})"
        if largest <= TOLERANCE:
            self.checked(rule, detail)
        else:
            over = f"{_rows(known > TOLERANCE)} rows over {TOLERANCE:g}"
            self.noted(rule, f"{detail}, {over}; {used} used")

    def angle_unit(
        self, angles: np.ndarray, energies: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Stored `(T, 13)` angles and energies, where no joints check them.

        A file whose largest angle is pi or less is in radians: its angles are
        converted, and its energies computed anew. Angles that were scaled (none
        is above 1, or the stored energies are of others), values that are no
        angles, and negative energies refuse it.
        """
        low, high = float(angles.min()), float(angles.max())
        problem = None
        if low < -0.5 or high > 180.5:
            problem = f"columns 1 to 13 are no angles: {low:.4g} to {high:.4g}"
        elif energies.min() < 0:
            problem = f"columns 14 to 26 are no energies: {energies.min():.4g}"
        if problem:
            self.refuse("angle_unit", problem, f"{_CHECK_COLUMNS} (--layout)")
        degrees = angles if high > np.pi + 0.01 else np.degrees(angles)
        recomputed = angle_energies(degrees)
        if degrees is angles:
            self.stored_columns("energies", energies, recomputed, "stored")
            return angles, energies
        speeds, stored = (np.sqrt(e[1:]) for e in (recomputed, energies))
        # Degrees or radians, a frame or a second; a spike counts but little.
        units = np.outer((1, np.degrees(1)), (1, 1 / 60)).reshape(-1, 1, 1)
        errors = np.minimum(np.abs(units * stored - speeds), speeds)
        errors = errors.sum(axis=(1, 2))
        if high <= 1 or errors.min() > speeds.sum() / 4:
            problem = f"columns 1 to 13 reach {high:.4g}, no degrees or radians"
            self.refuse("angle_unit", problem, "give the angles in degrees")
        detail = "angles in radians turned to degrees, energies computed anew"
        self.repaired("angle_unit", detail)
        energies = units.flat[errors.argmin()] ** 2 * energies
        self.stored_columns("energies", energies, recomputed)
        return degrees, recomputed

    def merge_raters(self, raters: np.ndarray) -> np.ndarray:
        """Protective, `(T,)` 0 / 1, of `(T, 4, 7)` ratings 0 / 1 / 2.

        Two of the raters must have marked any behaviour. Healthy controls
        count as not protective throughout, as in the papers. Source: BANet,
        section III.A; Stacked-LSTM (ISWC 2019), labels.
        """
        marked = (raters > 0).any(axis=2).sum(axis=1) >= NUM_LABELLERS
        count = int(marked.sum())
        if self.file.group != "patient" and count:
            detail = f"{count} protective rows of a control set to 0"
            self.repaired("healthy_protective", detail)
            marked = np.zeros_like(marked)
        return marked.astype(np.int64)

    def given_pain(self, pain: np.ndarray) -> np.ndarray:
        """Pain levels as given; an unreported level of a control is 0.

        They are `(T,)`, 0 healthy, 1 low, 2 high, -1 not reported.
        """
        group = self.file.group
        if group == "healthy":
            pain = np.where(pain == -1, 0, pain)
        odd = pain > 0 if group == "healthy" else pain == 0
        if odd.any():
            detail = f"{int(odd.sum())} rows of a {group} person say otherwise"
            self.noted("pain_level", f"{detail}, kept")
        return pain
