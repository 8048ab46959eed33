"""Missing markers: which can be put back, and which make a file useless.

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

import numpy as np

from keras_pain.corpora.files import Finding
from keras_pain.corpora.ui_prmd import layout

MAX_GAP = 25  # frames, a quarter of a second
# A fit that misses the markers it can see by more than this, in mm, is no fit:
# forearms bend and twist by about 15 mm, swapped labels are off by 100.
MAX_MISFIT = 40.0


def repair_markers(
    markers: np.ndarray, max_gap: int = MAX_GAP
) -> tuple[np.ndarray, list[Finding], str]:
    """Puts lost markers back as far as the rules of this module allow.

    Args:
        markers: `(T, 39, 3)` mm as in the file; a marker at 0, 0, 0 or with a
            NaN is lost. Not changed.
        max_gap: Longest gap, in frames, that is bridged.

    Returns:
        The repaired `(T, 39, 3)` float64 markers, the findings, and the
        reason to refuse the file, `""` where there is none.
    """
    markers = np.array(markers, dtype=np.float64)
    markers[np.all(markers == 0, axis=-1)] = np.nan
    lost = ~np.all(np.isfinite(markers), axis=-1)
    markers[lost] = np.nan
    if not lost.any():
        return markers, [], ""
    findings = []
    for rule, filled in _fill_from_clusters(markers).items():
        if filled.any():
            detail = f"{_count(filled)} put back from the rest of the cluster"
            findings.append(Finding(rule, "repaired", detail))
    bridged = _bridge_gaps(markers, max_gap)
    if bridged.any():
        detail = f"{_count(bridged)} bridged"
        findings.append(Finding("short_gap", "repaired", detail))
    still_lost = np.isnan(markers[..., 0])
    needed = np.isin(layout.MARKERS, layout.NEEDED_MARKERS)
    if (still_lost & ~needed).any():
        detail = f"{_count(still_lost & ~needed)} lost; no joint needs them"
        findings.append(Finding("unused_marker", "noted", detail))
    if not (still_lost & needed).any():
        return markers, findings, ""
    problem = (
        f"markers are lost for more than {max_gap} frames at a stretch: "
        f"{_count(still_lost & needed)}"
    )
    return markers, findings, problem


def _count(flags: np.ndarray) -> str:
    """`LASI 3 frames, STRN 20 frames` from `(T, 39)` flags."""
    counts = flags.sum(axis=0)
    return ", ".join(
        f"{layout.MARKERS[i]} {counts[i]} frames"
        for i in np.flatnonzero(counts)
    )


def _columns(cluster: str) -> list[int]:
    return [layout.MARKERS.index(name) for name in layout.CLUSTERS[cluster]]


def _fill_from_clusters(markers: np.ndarray) -> dict[str, np.ndarray]:
    """Fills in place; returns `(T, 39)` flags of what each rule filled."""
    filled = {
        rule: np.zeros(markers.shape[:2], dtype=bool)
        for rule in ("rigid_cluster", "mirrored_cluster")
    }
    for cluster in layout.CLUSTERS:
        columns = _columns(cluster)
        points = markers[:, columns]
        seen = np.isfinite(points[..., 0])
        if seen.all():
            continue
        rule, shape = "rigid_cluster", _mean_shape(points)
        if shape is None and cluster in layout.MIRRORED:
            other = _columns(layout.MIRRORED[cluster])
            rule, shape = "mirrored_cluster", _mean_shape(markers[:, other])
            if shape is not None:
                shape = shape * np.array([-1.0, 1.0, 1.0])
        if shape is None:
            continue
        # One fit for all frames that show the same markers.
        for pattern in np.unique(seen, axis=0):
            if pattern.all() or pattern.sum() < 3:
                continue
            frames = np.flatnonzero(np.all(seen == pattern, axis=1))
            fitted = _fit(shape, points[frames], pattern)
            misfit = np.linalg.norm(fitted - points[frames], axis=-1)
            good = frames[np.nanmax(misfit, axis=1) <= MAX_MISFIT]
            for i in np.flatnonzero(~pattern):
                markers[good, columns[i]] = fitted[np.isin(frames, good), i]
                filled[rule][good, columns[i]] = True
    return filled


def _mean_shape(points: np.ndarray) -> np.ndarray | None:
    """Mean shape `(M, 3)` over the frames of `(T, M, 3)` that show all."""
    whole = points[np.isfinite(points).all(axis=(1, 2))]
    if not len(whole):
        return None
    shape = whole[len(whole) // 2]
    every = np.ones(len(shape), dtype=bool)
    for _ in range(3):  # settles at once: the shapes differ by millimetres
        rotations, _, centres = _rotations(shape, whole, every)
        # Turned back, so that all frames lie on top of one another.
        aligned = np.einsum("tmi,tji->tmj", whole - centres, rotations)
        shape = aligned.mean(axis=0)
    return shape


def _fit(shape: np.ndarray, points: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The shape `(M, 3)` laid onto the seen markers of `(T, M, 3)` points."""
    rotations, centre, centres = _rotations(shape, points, seen)
    return np.einsum("mi,tij->tmj", shape - centre, rotations) + centres


def _rotations(shape, points, seen):
    """Least-squares rotations of a shape onto each frame's points (Kabsch)."""
    centre = shape[seen].mean(axis=0)
    centres = points[:, seen].mean(axis=1, keepdims=True)
    covariance = np.einsum(
        "mi,tmj->tij", shape[seen] - centre, points[:, seen] - centres
    )
    u, _, vt = np.linalg.svd(covariance)
    # A body is never turned inside out.
    u[:, :, 2] *= np.sign(np.linalg.det(u @ vt))[:, None]
    return u @ vt, centre, centres


def _bridge_gaps(markers: np.ndarray, max_gap: int) -> np.ndarray:
    """Bridges in place; returns `(T, 39)` flags of what was bridged."""
    lost = np.isnan(markers[..., 0])
    bridged = np.zeros_like(lost)
    frames = np.arange(len(markers))
    for column in np.flatnonzero(lost.any(axis=0) & ~lost.all(axis=0)):
        gaps = lost[:, column]
        edges = np.flatnonzero(np.diff(gaps, prepend=False, append=False))
        lengths = edges[1::2] - edges[::2]
        short = np.zeros_like(gaps)
        short[gaps] = np.repeat(lengths <= max_gap, lengths)
        for axis in range(3):
            markers[short, column, axis] = np.interp(
                frames[short], frames[~gaps], markers[~gaps, column, axis]
            )
        bridged[:, column] = short
    return bridged
