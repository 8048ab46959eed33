"""TFDS' own test suite."""

import tensorflow_datasets as tfds

from tfds_builders.faces_london import faces_london_dataset_builder


class FacesLondonTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = faces_london_dataset_builder.Builder
    # The reader takes local paths, not tf.io.gfile's.
    MOCK_OUT_FORBIDDEN_OS_FUNCTIONS = False
    SPLITS = {"train": 4}


if __name__ == "__main__":
    tfds.testing.test_main()
