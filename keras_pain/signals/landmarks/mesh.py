"""From MediaPipe's face mesh of 468 points to the 68 of iBUG.

The mesh has many points on every contour; of these the map takes the ones that
are nearest to where annotators put the 68. Jaw: steps of equal length along
the mesh's oval from ear to chin. Brows: the upper border, at the inner end the
lower one. Bridge: from between the eyes to the tip in equal steps. Lips: where
the mesh's contour is as far from the middle as the 68's. It is symmetric.
"""

import numpy as np

from keras_pain.signals.landmarks.points import NUM_POINTS

MESH_POINTS = 468

# fmt: off
MESH_TO_68: tuple[int, ...] = (
    # jaw, from the right ear over the chin (152) to the left ear
    127, 234, 93, 132, 172, 136, 149, 148, 152,
    377, 378, 365, 397, 361, 323, 454, 356,
    # right brow from its outer end, left brow from its inner end
    70, 63, 105, 66, 55,  285, 296, 334, 293, 300,
    # bridge of the nose downwards, base of the nose
    168, 197, 5, 4,  98, 97, 2, 326, 327,
    # right eye from its outer corner, left eye from its inner corner
    33, 160, 158, 133, 153, 144,  362, 385, 387, 263, 373, 380,
    # outer lips from the right corner over the upper lip
    61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91,
    # inner lips likewise
    78, 82, 13, 312, 308, 317, 14, 87,
)
# fmt: on


def mesh_to_68(mesh: np.ndarray) -> np.ndarray:
    """The 68 points of a mesh.

    Args:
        mesh: `(..., 468, n)`; the refined mesh's further points may follow.

    Returns:
        `(..., 68, n)`.
    """
    points = np.take(mesh, MESH_TO_68, axis=-2)
    assert points.shape[-2] == NUM_POINTS
    return points
