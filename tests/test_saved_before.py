"""Networks that an older version saved load and predict as they did."""

import json
import pathlib
import sys

import keras
import numpy as np
import pytest

import keras_pain.layers  # noqa: F401  what saved networks name
from keras_pain.experiments.store import FoldKey
from keras_pain.models import MODELS

sys.path.append(str(pathlib.Path(__file__).parent / "golden"))
import make_saved  # noqa: E402

PREDICTIONS = json.loads(make_saved.PREDICTIONS.read_text())


@pytest.mark.parametrize("name", PREDICTIONS)
def test_saved_networks_predict_as_before(name):
    model = keras.models.load_model(make_saved.FOLDER / f"{name}.keras")
    x = make_saved.examples(model.input_shape[1:])
    y = model.predict(x, verbose=0)
    np.testing.assert_allclose(y, PREDICTIONS[name], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", PREDICTIONS)
def test_what_is_built_today_takes_the_same_weights(name):
    saved = keras.models.load_model(make_saved.FOLDER / f"{name}.keras")
    model = MODELS[name].build(**make_saved.NETWORKS[name])
    assert len(model.weights) == len(saved.weights)
    for ours in model.weights:
        # Keras drops the name of a Bidirectional wrapper on loading.
        (theirs,) = (
            weight
            for weight in saved.weights
            if f"/{ours.path}".endswith(f"/{weight.path}")
        )
        assert ours.shape == theirs.shape
        ours.assign(theirs)
    x = make_saved.examples(model.input_shape[1:])
    y = keras.ops.convert_to_numpy(model(x, training=False))
    np.testing.assert_allclose(y, PREDICTIONS[name], rtol=0, atol=1e-6)


def test_finished_folds_of_before_are_taken_over():
    """Another `config()` or path would have every stored fold run anew."""
    stored = json.loads(make_saved.CONFIGS.read_text())
    assert make_saved.configs() == stored
    key = FoldKey("loso", "leak_free", "my:method", 3, "P1/a")
    path = "folds/loso/leak_free/my%3Amethod/seed3/P1%2Fa"
    assert key.path.as_posix() == path
