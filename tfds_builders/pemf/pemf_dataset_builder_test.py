"""TFDS' own test suite."""

import tensorflow_datasets as tfds

from tfds_builders.pemf import pemf_dataset_builder


class PemfTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = pemf_dataset_builder.Builder
    # The reader takes local paths, not tf.io.gfile's.
    MOCK_OUT_FORBIDDEN_OS_FUNCTIONS = False
    SPLITS = {"train": 4}


if __name__ == "__main__":
    tfds.testing.test_main()
