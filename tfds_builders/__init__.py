"""TFDS dataset folders; each reads through its module of keras_pain.corpora.

Importing the package registers all of them with TFDS.
"""

import importlib

from keras_pain.corpora.base import CORPORA

for _name in CORPORA:
    importlib.import_module(f"{__name__}.{_name}.{_name}_dataset_builder")
