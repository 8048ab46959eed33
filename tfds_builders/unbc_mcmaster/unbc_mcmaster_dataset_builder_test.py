"""TFDS' own test suite."""

import tensorflow_datasets as tfds

from tfds_builders.unbc_mcmaster import unbc_mcmaster_dataset_builder


class UnbcMcmasterTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = unbc_mcmaster_dataset_builder.Builder
    # The reader takes local paths, not tf.io.gfile's.
    MOCK_OUT_FORBIDDEN_OS_FUNCTIONS = False
    SPLITS = {"train": 2}


if __name__ == "__main__":
    tfds.testing.test_main()
