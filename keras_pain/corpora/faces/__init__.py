"""Simulated faces: people, expressions of pain, and pictures of them."""

from keras_pain.corpora.faces.curves import (
    Expression,
    draw_expression,
    intensity_curve,
    pspi,
)
from keras_pain.corpora.faces.identity import Identity, draw_identity
from keras_pain.corpora.faces.landmarks import AAM_66, ACTION_UNITS
from keras_pain.corpora.faces.render import FaceRenderer

__all__ = (
    "AAM_66",
    "ACTION_UNITS",
    "Expression",
    "FaceRenderer",
    "Identity",
    "draw_expression",
    "draw_identity",
    "intensity_curve",
    "pspi",
)
