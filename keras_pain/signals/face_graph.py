"""Which of the 68 points are neighbours.

STGCN-LSTM (Ridouan et al., arXiv 2501.06787) works on a hand-drawn
triangulation of the face. There are:

`"corrected"`: a triangulation of our own with the released one's outer ring
    (jaw, brows without their inner ends) and number of edges, 174: the
    Delaunay triangulation of `points.front_face` inside that ring, less the
    edges from 29 to the wings of the nose. It is planar and symmetric but for
    one of the two diagonals between the brows, of which only one can be there.
`"as_released"`: that of the released code (MIT License, Copyright (c) 2022 Md
    Fokhrul Islam, see NOTICE), whose 174 edges are in `stgcn_edges.csv`. It
    takes 1 from points that count from 0 already, so that every edge joins
    the wrong points and point 0 becomes 67. Three edges look misspelt
    (inferred: the graph is not planar, with them replaced it is).
"""

import functools
import pathlib
import re

import numpy as np

from keras_pain.errors import ConfigurationError, check_choice
from keras_pain.signals.landmarks import MIRROR, NUM_POINTS

GRAPHS = ("corrected", "as_released")

Edge = tuple[int, int]

# A point and its neighbours with larger numbers; the mirrored edges are added
# below.
_RIGHT_HALF = """
0: 1 17 36             1: 2 36 41     2: 3 31 41         3: 4 31 48
4: 5 48                5: 6 48 59     6: 7 58 59         7: 8 57 58
8: 57                  17: 18 36      18: 19 36 37       19: 20 37
20: 21 23 37 38        21: 22 27 38 39
27: 28 39              28: 29 39      29: 30 39 40       30: 31 32 33
31: 32 40 41 48 49 50  32: 33 50      33: 50 51
36: 37 41              37: 38 41      38: 39 40 41       39: 40      40: 41
48: 49 59 60           49: 50 59 60 61 67                50: 51 61   51: 61 62
57: 58 66 67           58: 59 67      59: 60 67
61: 62 66 67           62: 66         66: 67
"""
BROW_DIAGONAL = (21, 23)  # the only edge without a mirrored one


@functools.cache
def edges(graph: str = "corrected") -> frozenset[Edge]:
    """The 174 edges of one of `GRAPHS`, (smaller, larger), no self-loops.

    Raises ConfigurationError where the graph is unknown.
    """
    check_choice("graph", graph, GRAPHS)
    pairs = [BROW_DIAGONAL]
    if graph == "as_released":
        file = pathlib.Path(__file__).with_name("stgcn_edges.csv")
        written = np.loadtxt(file, int, delimiter=",", skiprows=2)
        # A negative index counts from the end: point 0 turns into 67.
        pairs = ((written - 1) % NUM_POINTS).tolist()
    else:
        for point, others in re.findall(r"(\d+):([\d\s]+)\b(?!:)", _RIGHT_HALF):
            right = [(int(point), int(other)) for other in others.split()]
            pairs += right + [(MIRROR[a], MIRROR[b]) for a, b in right]
    return frozenset((min(pair), max(pair)) for pair in pairs)


@functools.cache
def adjacency(graph: str = "corrected", hops: int = 1) -> np.ndarray:
    """Who is within so many steps of whom, everybody of themselves included.

    `(68, 68)` bool, symmetric, read-only, of one of `GRAPHS`. Raises
    ConfigurationError where the graph is unknown, or steps are below 1.
    """
    if hops < 1:
        raise ConfigurationError(f"hops must be 1 or more, not {hops}")
    one = np.eye(NUM_POINTS, dtype=int)
    for a, b in edges(graph):
        one[a, b] = one[b, a] = 1
    near = np.linalg.matrix_power(one, hops) > 0
    near.flags.writeable = False
    return near


def mean_weights(graph: str = "corrected", hops: int = 1) -> np.ndarray:
    """The matrix that takes every point's mean over its `adjacency`.

    `(68, 68)` float32; every row sums to one.
    """
    near = adjacency(graph, hops)
    return (near / near.sum(axis=1, keepdims=True)).astype(np.float32)
