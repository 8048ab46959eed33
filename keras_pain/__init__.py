"""keras_pain: reproductions of published pain recognition systems, in Keras 3.

The package itself imports nothing heavy: TensorFlow and Keras are loaded by the
modules that use them.
"""

import os

# The networks are TensorFlow's, whatever a user's keras.json says. A variable
# that says otherwise is refused by `experiments.provenance.check_backend`.
os.environ["KERAS_BACKEND"] = os.environ.get("KERAS_BACKEND") or "tensorflow"
# TensorFlow's own choice is to use oneDNN only on processors with AVX-512: with
# AVX2, too, it makes convolutions several times as fast.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

__version__ = "0.1.0"


def load_model(path):
    """A network that the suite has saved or converted, as a `keras.Model`.

    Imports Keras, and the layers that the file names. Raises BadFileError
    where the file is missing, damaged or of another kind.
    """
    import zipfile

    from keras_pain.errors import expanded, reading

    path = expanded(os.fspath(path))
    cure = "give a .keras file that the suite has written"
    with reading(path, "cannot be loaded as a network", cure):
        with open(path, "rb") as stream:  # Keras says less of these
            if path.endswith(".keras") and not zipfile.is_zipfile(stream):
                raise ValueError("it is damaged, or no .keras file")
        import keras

        import keras_pain.layers  # noqa: F401  registers them

        return keras.models.load_model(path)


def load(path, **options):
    """Trained networks that predict: of results, of a fold, or a preset.

    See `keras_pain.reproduction.predict.load`, whose arguments these are.
    Imports TensorFlow.
    """
    from keras_pain.errors import expanded

    _start()
    from keras_pain.reproduction import predict

    return predict.load(expanded(os.fspath(path)), **options)


def evaluate(folder, *, label, **options):
    """Compares methods on recordings of one's own, person by person.

    See `keras_pain.reproduction.own.evaluate`, whose arguments these are.
    Imports TensorFlow.
    """
    _start(options.get("deterministic", False))
    from keras_pain.reproduction import own

    return own.evaluate(folder, label=label, **options)


def _start(deterministic=False):
    from absl import logging

    from keras_pain.experiments.provenance import start_tensorflow

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow and TFDS report through absl what only they care about.
    logging.set_verbosity(logging.ERROR)
    start_tensorflow(deterministic)
