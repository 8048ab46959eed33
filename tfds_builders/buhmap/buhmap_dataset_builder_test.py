"""TFDS' own test suite."""

import tensorflow_datasets as tfds

from tfds_builders.buhmap import buhmap_dataset_builder


class BuhmapTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = buhmap_dataset_builder.Builder
    # The reader takes local paths, not tf.io.gfile's.
    MOCK_OUT_FORBIDDEN_OS_FUNCTIONS = False
    SPLITS = {"train": 4}


if __name__ == "__main__":
    tfds.testing.test_main()
