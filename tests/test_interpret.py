"""Maps against numbers worked out by hand, and what they depend on."""

import keras
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from keras_pain.errors import ConfigurationError
from keras_pain.interpret.attention import attention_maps
from keras_pain.interpret.gradcam import frame_centres, grad_cam, saliency
from keras_pain.interpret.maps import Explanation, explanations
from keras_pain.interpret.sanity import cascading_randomisation
from keras_pain.interpret.similarity import ssim
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


@pytest.fixture(scope="module")
def conv():
    """A convolution, a mean over time, and a linear head."""
    keras.utils.set_random_seed(2)
    inputs = keras.Input((12, 5))
    maps = keras.layers.Reshape((12, 5, 1))(inputs)
    maps = keras.layers.Conv2D(
        3, (3, 1), activation="relu", name="feature_maps"
    )(maps)
    pooled = keras.layers.Flatten()(keras.ops.mean(maps, axis=1))
    outputs = keras.layers.Dense(2, activation="softmax")(pooled)
    return keras.Model(inputs, outputs)


def test_grad_cam_weighs_maps_by_their_mean_gradient(conv):
    x = np.random.default_rng(3).normal(size=(4, 12, 5)).astype(np.float32)
    features = keras.Model(
        conv.inputs, conv.get_layer("feature_maps").output
    ).predict(x, verbose=0)
    # Of the score before the softmax; each of ten frames has a tenth.
    gradient = conv.layers[-1].get_weights()[0][:, 1].reshape(5, 3) / 10
    expected = np.maximum(features @ gradient.mean(axis=0), 0)
    maps = grad_cam(conv, x, class_index=1)
    # A frame of the layer is centred one frame later in the input.
    np.testing.assert_allclose(maps[:, 1:11], expected, atol=1e-6)
    np.testing.assert_array_equal(maps[:, 0], maps[:, 1])
    assert maps.max() > 0


@pytest.mark.parametrize("name", ["lsfan", "conv_same"])
def test_layer_frames_are_centred_on_what_they_see(name):
    if name == "lsfan":
        model = MODELS["lsfan"].build(input_shape=(40, 30))
    else:
        inputs = keras.Input((40, 3, 1))
        x = keras.layers.Conv2D(1, (5, 1), (2, 1), "same")(inputs)
        x = keras.layers.MaxPooling2D((2, 1), name="feature_maps")(x)
        model = keras.Model(inputs, x)
    layer = model.get_layer("feature_maps")
    model = keras.Model(model.inputs, layer.output)
    for weight in model.weights:  # no unit is off, so that all frames count
        weight.assign(np.ones(weight.shape))
    centres = frame_centres(model, "feature_maps")
    base = np.ones((1, *model.input_shape[1:]), np.float32)
    changed = np.repeat(base, 40, axis=0)
    changed[np.arange(40), np.arange(40)] += 1
    moved = model.predict(changed, verbose=0) - model.predict(base, verbose=0)
    seen = np.abs(moved).sum(axis=(2, 3)) > 1e-6  # (input, layer) frames
    for frame in range(1, seen.shape[1] - 1):  # "same" cuts those at the ends
        reach = np.flatnonzero(seen[:, frame])
        assert centres[frame] == (reach[0] + reach[-1]) / 2


def test_saliency_is_the_gradient_and_leaves_padding_out():
    inputs = keras.Input((6, 2))
    outputs = keras.layers.Dense(3, activation="softmax")(
        keras.layers.Flatten()(inputs)
    )
    model = keras.Model(inputs, outputs)
    x = np.random.default_rng(4).normal(size=(3, 6, 2)).astype(np.float32)
    kernel = model.layers[-1].get_weights()[0]
    expected = kernel[:, [2, 0, 1]].T.reshape(3, 6, 2)
    found = saliency(model, x, np.array([2, 0, 1]))
    np.testing.assert_allclose(found, np.abs(expected), atol=1e-6)
    found = saliency(model, x, np.array([2, 0, 1]), times_input=True)
    np.testing.assert_allclose(found, expected * x, atol=1e-6)
    padded = np.ones((1, 12, 30), np.float32)
    padded[:, 8:] = 0
    found = saliency(MODELS["banet"].build(input_shape=(12, 30)), padded)
    assert found[:, :8].any() and not found[:, 8:].any()
    assert not found[..., 26:].any(), "BANet does not see sEMG"


def test_other_backends_are_told(monkeypatch):
    model = MODELS["cnn_tap"].build(input_shape=(24, 30))
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ConfigurationError, match="TensorFlow backend"):
        saliency(model, np.zeros((1, 24, 30)))


def test_ssim_is_the_formula_of_wang_et_al():
    rng = np.random.default_rng(6)
    a, noise = rng.random((2, 20, 30))
    b = a + 0.5 * noise
    taps = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    weights = np.outer(taps, taps) / taps.sum() ** 2

    def local(values):
        mirrored = np.pad(values, 5, mode="symmetric")
        patches = sliding_window_view(mirrored, (11, 11))
        return (patches * weights).sum(axis=(2, 3))

    means = local(a), local(b)
    variances = local(a * a) - means[0] ** 2, local(b * b) - means[1] ** 2
    covariance = local(a * b) - means[0] * means[1]
    expected = (2 * means[0] * means[1] + 1e-4) * (2 * covariance + 9e-4)
    expected /= means[0] ** 2 + means[1] ** 2 + 1e-4
    expected /= variances[0] + variances[1] + 9e-4
    assert 0.3 < expected.mean() < 0.9
    assert ssim(a, b) == pytest.approx(expected.mean(), abs=1e-9)


def test_attention_does_not_depend_on_later_layers():
    keras.utils.set_random_seed(0)
    model = MODELS["banet"].build(input_shape=(12, 30))
    x = np.random.default_rng(7).normal(size=(3, 12, 30)).astype(np.float32)
    temporal, bodily, _ = explanations(model)
    steps = {
        kind.name: {
            step.layer: step.similarity.mean_spearman
            for step in cascading_randomisation(model, x, kind, draws=1)
        }
        for kind in (temporal, bodily)
    }
    found = steps["temporal_attention"]
    for layer in ("", "probabilities", "bodily_attention", "bodily_hidden"):
        assert found[layer] == pytest.approx(1)
    assert found["temporal_attention"] < 0.99
    found = steps["bodily_attention"]
    assert found["probabilities"] == pytest.approx(1)
    assert found["bodily_attention"] < 0.99


def test_a_cascade_resets_batch_statistics():
    model = MODELS["cnn_tap"].build(input_shape=(24, 30))
    layer = model.get_layer("batch_norm_4")
    layer.set_weights([w + 1 for w in layer.get_weights()])
    seen = []

    def compute(network, x, class_index):
        seen.append(network.get_layer("batch_norm_4").get_weights())
        return x

    kind = Explanation("grad_cam", ("time", "channel"), compute)
    x = np.random.default_rng(8).normal(size=(2, 24, 30))
    steps = cascading_randomisation(model, x, kind, draws=1)
    changed = [step.layer for step in steps].index("batch_norm_4")
    # The trained network comes first, then the steps.
    np.testing.assert_array_equal(seen[changed], layer.get_weights())
    gamma, beta, mean, variance = seen[changed + 1]
    assert (gamma == 1).all() and (variance == 1).all()
    assert not beta.any() and not mean.any()
