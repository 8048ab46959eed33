"""TFDS' own test suite."""

import tensorflow_datasets as tfds

from tfds_builders.emg_lower_limb import emg_lower_limb_dataset_builder


class EmgLowerLimbTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = emg_lower_limb_dataset_builder.Builder
    # The reader takes local paths, not tf.io.gfile's.
    MOCK_OUT_FORBIDDEN_OS_FUNCTIONS = False
    SPLITS = {"train": 4}


if __name__ == "__main__":
    tfds.testing.test_main()
