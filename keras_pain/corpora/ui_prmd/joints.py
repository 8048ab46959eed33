"""Marker positions to the 26 joints of EmoPain, in its axes and unit."""

import numpy as np

from keras_pain.corpora.ui_prmd import layout
from keras_pain.signals.kinematics import JOINTS_26

MM_PER_CM = 10.0


def joints_from_markers(markers: np.ndarray) -> np.ndarray:
    """The joints of `layout.JOINTS`.

    Args:
        markers: `(T, 39, 3)` mm, z up, in the order of `layout.MARKERS`.

    Returns:
        `(T, 26, 3)` float64 cm, Y up, in the order of `JOINTS_26`. A joint is
        NaN where a marker that it needs is, or where two coincide.
    """
    at = {name: markers[:, i] for i, name in enumerate(layout.MARKERS)}
    joints = np.stack(
        [
            sum(
                weight * at[marker] for marker, weight in source.weights.items()
            )
            for source in (layout.JOINTS[name] for name in JOINTS_26)
        ],
        axis=1,
    )
    for name, source in layout.JOINTS.items():
        if source.estimate:
            offset = _ESTIMATES[source.estimate](at, name.split("_")[0])
            joints[:, JOINTS_26.index(name)] += offset
    # A quarter turn about x takes z up to Y up and keeps left and right.
    x, y, z = np.moveaxis(joints, -1, 0)
    return np.stack([x, z, -y], axis=-1) / MM_PER_CM


def _hip_centre(at: dict[str, np.ndarray], side: str) -> np.ndarray:
    """Offset of the hip joint centre from the ASIS of its side."""
    between = at["RASI"] - at["LASI"]
    medial = _unit(between if side == "left" else -between)
    to_front = (at["LASI"] + at["RASI"] - at["LPSI"] - at["RPSI"]) / 2
    up = _unit(np.cross(between, to_front))
    anterior = _unit(np.cross(up, between))
    # One breadth for the whole file: bones do not stretch.
    breadth = np.nanmedian(np.linalg.norm(between, axis=-1))
    return breadth * (0.14 * medial - 0.30 * up - 0.22 * anterior)


def _shoulder_centre(at: dict[str, np.ndarray], side: str) -> np.ndarray:
    """Offset of the glenohumeral centre from the acromion's marker."""
    del side  # the same on both
    breadth = np.nanmedian(np.linalg.norm(at["LSHO"] - at["RSHO"], axis=-1))
    return -0.17 * breadth * _unit(at["C7"] - at["T10"])


def _crown(at: dict[str, np.ndarray], side: str) -> np.ndarray:
    """Offset of the head's top from the head band's centre."""
    del side
    forward = (at["LFHD"] + at["RFHD"] - at["LBHD"] - at["RBHD"]) / 2
    leftward = (at["LFHD"] + at["LBHD"] - at["RFHD"] - at["RBHD"]) / 2
    length = np.nanmedian(np.linalg.norm(forward, axis=-1))
    return 0.5 * length * _unit(np.cross(forward, leftward))


def _unit(vector: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # no direction: NaN, as documented
        return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


_ESTIMATES = {
    "hip_centre": _hip_centre,
    "shoulder_centre": _shoulder_centre,
    "crown": _crown,
}
