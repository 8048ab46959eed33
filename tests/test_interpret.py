"""Attention maps: shapes, sums, and nothing on padding."""

import keras
import numpy as np
import pytest

from keras_pain.interpret.attention import attention_maps
from keras_pain.models.registry import MODELS

SHAPES = {
    "banet": {
        "temporal_attention": (3, 24, 13),
        "bodily_attention": (3, 8, 13),
    },
    "banet_temporal": {"temporal_attention": (3, 24, 13)},
    "banet_bodily": {"bodily_attention": (3, 8, 13)},
    "alanet": {"temporal_attention": (3, 24), "bodily_attention": (3, 8)},
    "alanet_parts": {
        "temporal_attention": (3, 24, 13),
        "bodily_attention": (3, 8, 13),
    },
}


@pytest.mark.parametrize("name", SHAPES)
def test_maps_of_every_attention_model(name):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 24, 30)).astype(np.float32)
    x[1, 15:] = 0
    model = MODELS[name].build(input_shape=(24, 30))
    maps = attention_maps(model, x)
    assert {k: v.shape for k, v in maps.items()} == SHAPES[name]
    if "temporal_attention" in maps:
        weights = maps["temporal_attention"]
        np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
        assert not weights[1, 15:].any()
    if "bodily_attention" in maps:
        total = maps["bodily_attention"].sum(axis=-1)
        np.testing.assert_allclose(total, 1, atol=1e-5)


def test_maps_survive_saving(tmp_path):
    model = MODELS["banet"].build(input_shape=(24, 30))
    x = np.random.default_rng(1).standard_normal((2, 24, 30))
    before = attention_maps(model, x)
    model.save(tmp_path / "model.keras")
    after = attention_maps(keras.models.load_model(tmp_path / "model.keras"), x)
    for name, value in before.items():
        np.testing.assert_allclose(after[name], value, atol=1e-6)


def test_a_model_without_attention_is_named():
    model = MODELS["stacked_lstm"].build(input_shape=(24, 30))
    with pytest.raises(ValueError, match="stacked_lstm"):
        attention_maps(model, np.zeros((1, 24, 30)))
