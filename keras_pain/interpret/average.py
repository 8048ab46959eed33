"""Maps averaged over the windows of a class or an activity."""

import dataclasses
from collections.abc import Hashable, Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class AverageMap:
    """The mean map of a group of windows.

    Args:
        mean: As one window's map; NaN in frames that are padding in every
            window of the group.
        windows: How many windows there are.
        frames: `(T,)` how many of them are real in each frame; None where the
            map has no time axis.
    """

    mean: np.ndarray
    windows: int
    frames: np.ndarray | None = None


def average_maps(
    maps: np.ndarray,
    groups: Sequence[Hashable],
    length: np.ndarray | None = None,
) -> dict[Hashable, AverageMap]:
    """The mean map of each group of windows.

    Frames count from each window's start, and windows are cut every 45
    frames, so a mean over time shows what the network does at the beginning
    and at the end of a window, not in a phase of the movement.

    Args:
        maps: `(n, ...)`.
        groups: `(n,)` group of each window, e.g. its class, its activity, or
            a pair of them.
        length: `(n,)` real frames of each window, where the first axis of a
            map is time; padded frames are left out. None where it is not.

    Returns:
        One average a group, in sorted order of the groups.
    """
    groups = list(groups)
    if len(groups) != len(maps):
        raise ValueError(f"{len(maps)} maps, but {len(groups)} groups")
    averages = {}
    for group in sorted(set(groups)):
        chosen = np.array([other == group for other in groups])
        part = maps[chosen]
        if length is None:
            averages[group] = AverageMap(part.mean(axis=0), len(part))
            continue
        real = np.arange(maps.shape[1]) < np.asarray(length)[chosen, None]
        frames = real.sum(axis=0)
        extra = (1,) * (maps.ndim - 2)
        total = np.where(real.reshape(*real.shape, *extra), part, 0).sum(axis=0)
        count = np.where(frames, frames, np.nan).reshape(-1, *extra)
        averages[group] = AverageMap(total / count, len(part), frames)
    return averages
