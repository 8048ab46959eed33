"""Stored angles, energies and labels against what they ought to be.

Which of the two is used: where a release has joints, angles and energies are
recomputed from them. The stored columns differ between releases (degrees or
radians, included angle or its supplement, per frame or per second, first
energy NaN or zero); recomputed ones have one convention everywhere, and
nothing is lost, as the stored ones agree with them within rounding in a sound
file. A file in which they do not agree is reported.
"""

import numpy as np

from keras_pain.corpora.emopain.quirks import Refusal
from keras_pain.corpora.files import Finding
from keras_pain.signals.kinematics import ANGLE_NAMES, angle_energies

# Positions kept to one decimal (0.1 cm) turn the shortest bone of a triplet,
# about 5 cm, by up to 1.5 degrees, and its speed by up to 2.5 degrees a frame.
# Another vertex, sign or unit is off by tens.
TOLERANCE = 2.5
NUM_LABELLERS = 2  # raters of four that make a frame protective


def stored_angles(
    stored: np.ndarray, recomputed: np.ndarray, used: str = "recomputed"
) -> tuple[np.ndarray, Finding]:
    """Compares stored angles with those from the joints.

    Args:
        stored: `(T, 13)` degrees.
        recomputed: `(T, 13)` degrees.
        used: Which of the two the recording gets, for the report.

    Returns:
        Absolute differences and the finding: `"checked"`, or `"noted"` beyond
        the tolerance.
    """
    return _compare("stored_angles", stored, recomputed, "degrees", used)


def stored_energies(
    stored: np.ndarray, recomputed: np.ndarray, used: str = "recomputed"
) -> tuple[np.ndarray, Finding]:
    """Compares stored energies with squared differences of the angles.

    An error of the angle enters the energy times the speed, so the square
    roots are compared: speeds, in degrees a frame. The first row, which has
    no predecessor, is left out.

    Args:
        stored: `(T, 13)` degrees^2 / frame^2.
        recomputed: `(T, 13)` in the same unit.
        used: Which of the two the recording gets, for the report.

    Returns:
        Absolute differences of the speeds and the finding, as `stored_angles`.
    """
    speeds = (np.sqrt(np.abs(e[1:])) for e in (stored, recomputed))
    return _compare("stored_energies", *speeds, "degrees/frame", used)


def _compare(rule, stored, recomputed, unit, used):
    difference = np.abs(stored - recomputed)
    finite = np.isfinite(difference)
    if not finite.any():
        finding = Finding(rule, "noted", f"stored ones are NaN; {used} used")
        return difference, finding
    known = np.where(finite, difference, 0.0)
    largest = float(known.max())
    joint = ANGLE_NAMES[int(known.max(axis=0).argmax())]
    detail = f"largest difference {largest:.3g} {unit} ({joint})"
    if largest <= TOLERANCE:
        return difference, Finding(rule, "checked", detail)
    rows = int((known > TOLERANCE).any(axis=1).sum())
    detail += f", {rows} rows over {TOLERANCE:g}; {used} used"
    return difference, Finding(rule, "noted", detail)


def from_appended(
    angles: np.ndarray, energies: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Columns 79-104 of the coordinate package in the suite's convention.

    Users of the package appended them: the supplement of the included angle
    in radians, and (60 x its difference)^2.

    Args:
        angles: `(T, 13)` radians.
        energies: `(T, 13)` radians^2 / second^2.

    Returns:
        Degrees and degrees^2 / frame^2.
    """
    return 180.0 - np.degrees(angles), np.degrees(1 / 60) ** 2 * energies


def angle_unit(
    angles: np.ndarray, energies: np.ndarray
) -> tuple[np.ndarray, np.ndarray, Finding | None]:
    """Makes sure that columns without joints to check them hold angles.

    Nobody moves with every joint folded under four degrees, so a file whose
    largest value is pi or less is in radians: its angles are converted, and
    its energies computed anew, as their unit is unknown then.

    Args:
        angles: `(T, 13)` as stored.
        energies: `(T, 13)` as stored.

    Returns:
        Angles in degrees, energies, and what was done.

    Raises:
        Refusal: The values are no angles, or an energy is negative.
    """
    low, high = float(angles.min()), float(angles.max())
    cure = "check that the columns are those of this layout (--layout)"
    if low < -0.5 or high > 180.5:
        problem = f"columns 1 to 13 are no angles: {low:.4g} to {high:.4g}"
        raise Refusal("angle_unit", problem, cure)
    if energies.min() < 0:
        problem = f"columns 14 to 26 are no energies: {energies.min():.4g}"
        raise Refusal("angle_unit", problem, cure)
    if high > np.pi + 0.01:
        return angles, energies, None
    degrees = np.degrees(angles)
    detail = "angles in radians turned to degrees, energies computed anew"
    finding = Finding("angle_unit", "repaired", detail)
    return degrees, angle_energies(degrees), finding


def merge_raters(
    raters: np.ndarray, group: str
) -> tuple[np.ndarray, Finding | None]:
    """Merged protective label: at least two raters marked any behaviour.

    Healthy controls count as not protective throughout, as in the papers.
    Source: BANet, section III.A; Stacked-LSTM (ISWC 2019), labels.

    Args:
        raters: `(T, 4, 7)` ratings 0 / 1 / 2.
        group: `"patient"` or `"healthy"`.

    Returns:
        `(T,)` 0 / 1, and a finding where marks of a control were dropped.
    """
    marked = (raters > 0).any(axis=2).sum(axis=1) >= NUM_LABELLERS
    if group == "patient" or not marked.any():
        return marked.astype(np.int64), None
    detail = f"{int(marked.sum())} protective rows of a control set to 0"
    finding = Finding("healthy_protective", "repaired", detail)
    return np.zeros(len(marked), np.int64), finding


def given_protective(
    protective: np.ndarray, group: str
) -> tuple[np.ndarray, Finding | None]:
    """Notes protective rows of a healthy control; they stay as given."""
    count = int((protective == 1).sum())
    if group == "patient" or not count:
        return protective, None
    detail = f"{count} protective rows of a control, kept as given"
    return protective, Finding("healthy_protective", "noted", detail)


def given_pain(
    pain: np.ndarray, group: str
) -> tuple[np.ndarray, Finding | None]:
    """Pain levels as given; an unreported level of a control is 0.

    Args:
        pain: `(T,)` 0 healthy, 1 low, 2 high, -1 not reported.
        group: `"patient"` or `"healthy"`.

    Returns:
        The levels, and a note where they contradict the group.
    """
    if group == "healthy":
        pain = np.where(pain == -1, 0, pain)
    odd = pain > 0 if group == "healthy" else pain == 0
    if not odd.any():
        return pain, None
    detail = f"{int(odd.sum())} rows of a {group} person say otherwise, kept"
    return pain, Finding("pain_level", "noted", detail)
