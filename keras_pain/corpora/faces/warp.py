"""A smooth dense warp through scattered points (thin-plate spline)."""

import functools

import cv2
import numpy as np


def thin_plate_map(
    here: np.ndarray,
    there: np.ndarray,
    size: tuple[int, int],
    step: int,
    stiffness: float = 0.05,
) -> np.ndarray:
    """Where each pixel of a picture comes from, for `cv2.remap`.

    The spline of Bookstein (IEEE TPAMI 11(6), 1989), solved for the points and
    evaluated on a coarse grid, between whose nodes it is linear.
    `scipy.interpolate.RBFInterpolator` gives the same numbers; its set-up and
    float64 evaluation take longer than all else that a frame needs.

    Args:
        here: `(P, 2)` x, y of the points in the picture to be drawn.
        there: `(P, 2)` the same points in the picture to be warped.
        size: Height and width of the picture to be drawn.
        step: Distance of the grid's nodes, pixels.
        stiffness: Ridge that lets points that lie close together give way, in
            units of the spline's kernel at unit distance.

    Returns:
        x and y, `(height, width, 2)` float32.
    """
    scale = float(max(size))
    here, there = here / scale, there / scale
    count = len(here)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(here, here)
    system[np.arange(count), np.arange(count)] += stiffness / scale
    system[:count, count] = system[count, :count] = 1
    system[:count, count + 1 :] = here
    system[count + 1 :, :count] = here.T
    target = np.concatenate([there, np.zeros((3, 2))])
    solution = np.linalg.solve(system, target)
    nodes, shape = _nodes(size, step)
    nodes = nodes / np.float32(scale)
    # einsum, as many-threaded matrix products of this size wait more than work.
    values = np.einsum(
        "np,pc->nc",
        _kernel(nodes, here.astype(np.float32)),
        solution[:count].astype(np.float32),
    )
    values += solution[count] + nodes @ solution[count + 1 :]
    values = (values * scale).astype(np.float32).reshape(*shape, 2)
    dense = cv2.resize(
        values, None, fx=step, fy=step, interpolation=cv2.INTER_LINEAR
    )
    height, width = size
    dense = dense[step : step + height, step : step + width]
    return np.ascontiguousarray(dense)


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """r^2 log r of all pairs, `(A, B)`."""
    squared = (a[:, None, 0] - b[:, 0]) ** 2 + (a[:, None, 1] - b[:, 1]) ** 2
    np.maximum(squared, 1e-12, out=squared)
    return 0.5 * squared * np.log(squared)


@functools.lru_cache(maxsize=16)
def _nodes(size: tuple[int, int], step: int):
    """Places of the nodes, `(N, 2)` float32, one row and column beyond each
    edge, where `cv2.resize` takes them to lie; and their `(rows, columns)`."""
    y, x = (
        (np.arange(-1, -(-length // step) + 1) + 0.5) * step - 0.5
        for length in size
    )
    nodes = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return nodes.astype(np.float32), (len(y), len(x))
