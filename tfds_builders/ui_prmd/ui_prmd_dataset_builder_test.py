"""TFDS' own test suite."""

import tensorflow_datasets as tfds

from tfds_builders.ui_prmd import ui_prmd_dataset_builder


class UiPrmdTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = ui_prmd_dataset_builder.Builder
    # The reader takes local paths, not tf.io.gfile's.
    MOCK_OUT_FORBIDDEN_OS_FUNCTIONS = False
    SPLITS = {"train": 4}  # the fifth episode has a single frame


if __name__ == "__main__":
    tfds.testing.test_main()
