"""TFDS' own test suite, once a config: their splits differ."""

import tensorflow_datasets as tfds

from tfds_builders.emopain import emopain_dataset_builder
from tfds_builders.emopain.make_dummy_data import FAME, SPLITS


class _EmopainTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = emopain_dataset_builder.Builder
    # SciPy and h5py read from local paths, not through tf.io.gfile.
    MOCK_OUT_FORBIDDEN_OS_FUNCTIONS = False


class FameTest(_EmopainTest):
    BUILDER_CONFIG_NAMES_TO_TEST = ["fame"]
    SPLITS = {"train": len(FAME)}


class CoordinatesTest(_EmopainTest):
    BUILDER_CONFIG_NAMES_TO_TEST = ["coordinates"]
    SPLITS = {split: len(names) for split, names in SPLITS.items()}


class Challenge2020Test(_EmopainTest):
    BUILDER_CONFIG_NAMES_TO_TEST = ["challenge2020"]
    SPLITS = {split: len(names) for split, names in SPLITS.items()}


# Only its subclasses have splits to test.
del _EmopainTest

if __name__ == "__main__":
    tfds.testing.test_main()
