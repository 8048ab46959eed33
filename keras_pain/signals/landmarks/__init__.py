"""68 facial landmarks: where they come from, and what is made of them.

points     the numbering, the mirror map, a schematic front face
graph      which points are neighbours, corrected and as released
sources    points of a clip, from files or from a detector
clip       gaps filled, position and size of the face removed
"""

from keras_pain.signals.landmarks.clip import (
    LandmarkClip,
    fill_missing,
    landmark_clip,
    normalise_clip,
)
from keras_pain.signals.landmarks.graph import (
    GRAPHS,
    adjacency,
    edges,
    mean_weights,
)
from keras_pain.signals.landmarks.points import (
    MIRROR,
    NUM_POINTS,
    mirror_points,
)
from keras_pain.signals.landmarks.sources import SOURCES, open_source

__all__ = [
    "GRAPHS",
    "MIRROR",
    "NUM_POINTS",
    "SOURCES",
    "LandmarkClip",
    "adjacency",
    "edges",
    "fill_missing",
    "landmark_clip",
    "mean_weights",
    "mirror_points",
    "normalise_clip",
    "open_source",
]
