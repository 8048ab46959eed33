"""From a reproduce script's declaration and flags to its table and figures.

A script names a corpus, how windows are cut, the rows of its table and where
the paper's numbers are; everything else is here.
"""

import os

# Before TensorFlow is imported: its start-up notes are not the user's.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from keras_pain.experiments.quiet import start_tensorflow

start_tensorflow()

from keras_pain.reproduction.experiment import Experiment  # noqa: E402
from keras_pain.reproduction.options import Options  # noqa: E402
from keras_pain.reproduction.run import main, reproduce  # noqa: E402

__all__ = ["Experiment", "Options", "main", "reproduce"]
