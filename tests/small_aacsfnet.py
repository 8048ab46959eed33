"""AACSFNet at a size that runs in a moment, and faces to feed it."""

import keras
import numpy as np
from model_checks import outputs  # noqa: F401  for those who feed it

from keras_pain.models.aacsfnet import AACSFNet

RESNET = {"width": 4, "blocks": (1, 1, 1, 1)}
HAM = {**RESNET, "maps": 12, "ff_units": 10, "global_layers": 1}
VIT = {"patch_sizes": (16, 8), "embed_dim": 12, "vit_layers": 1}
SMALL = {**HAM, **VIT, "input_shape": (64, 64, 3)}


def frames(count=3, shape=(64, 64, 3), seed=0):
    """Each of its own colour, brightness and large spots."""
    rng = np.random.default_rng(seed)
    height, width, channels = shape
    colour = rng.uniform(0, 255, size=(count, 1, 1, channels))
    spots = rng.uniform(0, 255, size=(count, height // 16, width // 16, 1))
    spots = spots.repeat(16, axis=1).repeat(16, axis=2)
    noise = rng.uniform(0, 255, size=(count, *shape))
    return (0.4 * colour + 0.4 * spots + 0.2 * noise).astype("float32")


def small(seed=1, **options):
    keras.utils.set_random_seed(seed)
    return AACSFNet(**{**SMALL, **options})
