"""keras_pain: reproductions of published pain recognition systems, in Keras 3.

The package itself imports nothing heavy: TensorFlow and Keras are loaded by the
modules that use them.
"""

__version__ = "0.1.0"
