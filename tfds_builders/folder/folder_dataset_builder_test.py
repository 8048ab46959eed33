"""TFDS' own test suite."""

import tensorflow_datasets as tfds

from tfds_builders.folder import folder_dataset_builder


class FolderTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = folder_dataset_builder.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ["signals"]  # what the dummy data are
    # The reader takes local paths, not tf.io.gfile's.
    MOCK_OUT_FORBIDDEN_OS_FUNCTIONS = False
    SPLITS = {"train": 4}


if __name__ == "__main__":
    tfds.testing.test_main()
