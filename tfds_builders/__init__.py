"""TFDS dataset folders; each reads through its module of keras_pain.corpora."""
