"""Maps of windows and of face clips, against networks whose weights are set."""

import keras
import numpy as np
import pytest
from fake_recordings import make_windows
from numpy.lib.stride_tricks import sliding_window_view
from scipy.interpolate import RegularGridInterpolator

from keras_pain.data.windows import CHANNEL_NAMES, arranged
from keras_pain.errors import ConfigurationError
from keras_pain.explain.attention import attention_maps
from keras_pain.explain.figures import (
    channel_labels,
    plot_clip_map,
    plot_scale_maps,
)
from keras_pain.explain.gradcam import (
    WEIGHTS,
    grad_cam,
    interpolate,
    place_centres,
    saliency,
    scale_maps,
)
from keras_pain.explain.maps import (
    Explanation,
    average_maps,
    explanations,
    spatial_layer,
)
from keras_pain.explain.sanity import (
    cascading_randomisation,
    label_randomisation,
    similarity,
    ssim,
)
from keras_pain.layers import TrilinearUpsampling
from keras_pain.layers.transformer import TransformerEncoder
from keras_pain.models.l3d import L3D
from keras_pain.models.registry import MODELS

FRAMES = 24
PARTS = (FRAMES, 13)


def network(name, frames=FRAMES):
    keras.utils.set_random_seed(3)
    return MODELS[name].build(input_shape=(frames, 30))


@pytest.fixture(scope="module")
def tap():
    return network("cnn_tap")


@pytest.fixture(scope="module")
def banet():
    return network("banet")


@pytest.fixture(scope="module")
def x():
    rng = np.random.default_rng(0)
    return rng.normal(size=(6, FRAMES, 30)).astype(np.float32)


def features_of(model, x):
    features = model.get_layer("feature_maps").output
    return keras.Model(model.inputs, features).predict(x, verbose=0)


# --- Attention ---


@pytest.mark.parametrize(
    "name, temporal, bodily",
    [
        ("banet", PARTS, (8, 13)),
        ("banet_temporal", PARTS, None),
        ("banet_bodily", None, (8, 13)),
        ("alanet", (FRAMES,), (8,)),
        ("alanet_parts", PARTS, (8, 13)),
    ],
)
def test_maps_of_every_attention_model(x, name, temporal, bodily):
    padded = x[:3].copy()
    padded[1, 15:] = 0
    padded[:, 3:6, [0, 13, 5, 18]] = 0  # parts vanish in some real frames
    maps = attention_maps(network(name), padded)
    shapes = {"temporal_attention": temporal, "bodily_attention": bodily}
    shapes = {kind: (3, *shape) for kind, shape in shapes.items() if shape}
    assert {kind: value.shape for kind, value in maps.items()} == shapes
    if temporal:
        weights = maps["temporal_attention"]
        np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
        assert not weights[1, 15:].any()
        assert (weights[:, :15] > 0).all() and (weights[0] > 0).all()
    if bodily:
        total = maps["bodily_attention"].sum(axis=-1)
        np.testing.assert_allclose(total, 1, atol=1e-5)


def test_maps_survive_saving(tmp_path, banet, x):
    banet.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    after = attention_maps(loaded, x)
    for name, value in attention_maps(banet, x).items():
        np.testing.assert_allclose(after[name], value, atol=1e-6)


def test_self_attention_is_a_mean_over_heads(tap, x):
    maps = attention_maps(network("lsfan"), x)["self_attention"]
    assert maps.shape == (len(x), 16, 16)
    np.testing.assert_allclose(maps.sum(-1), 1, atol=1e-5)
    # Also of an encoder that nobody asked for its attention.
    encoder = TransformerEncoder(num_heads=2, key_dim=2, ff_units=4)
    inputs = keras.Input((FRAMES, 30))
    plain = keras.Model(inputs, keras.layers.Flatten()(encoder(inputs)))
    _, scores = encoder(x, return_attention_scores=True)
    found = explanations(plain)[0].compute(plain, x)
    np.testing.assert_allclose(found, np.mean(scores, axis=1), atol=1e-6)
    with pytest.raises(ValueError, match="cnn_tap"):
        attention_maps(tap, x)


# --- Maps from gradients ---


@pytest.fixture(scope="module")
def conv():
    """A convolution, a mean over time, and a linear head."""
    keras.utils.set_random_seed(2)
    inputs = keras.Input((12, 5))
    maps = keras.layers.Reshape((12, 5, 1))(inputs)
    named = {"activation": "relu", "name": "feature_maps"}
    maps = keras.layers.Conv2D(3, (3, 1), **named)(maps)
    pooled = keras.layers.Flatten()(keras.ops.mean(maps, axis=1))
    outputs = keras.layers.Dense(2, activation="softmax")(pooled)
    return keras.Model(inputs, outputs)


def test_grad_cam_weighs_maps_by_their_mean_gradient(conv):
    x = np.random.default_rng(3).normal(size=(4, 12, 5)).astype(np.float32)
    features = features_of(conv, x)
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
        model = network(name, 40)
    else:
        inputs = keras.Input((40, 3, 1))
        x = keras.layers.Conv2D(1, (5, 1), (2, 1), "same")(inputs)
        x = keras.layers.MaxPooling2D((2, 1), name="feature_maps")(x)
        model = keras.Model(inputs, x)
    layer = model.get_layer("feature_maps")
    model = keras.Model(model.inputs, layer.output)
    for weight in model.weights:  # no unit is off, so that all frames count
        weight.assign(np.ones(weight.shape))
    centres = place_centres(model, "feature_maps")[0]
    base = np.ones((1, *model.input_shape[1:]), np.float32)
    changed = np.repeat(base, 40, axis=0)
    changed[np.arange(40), np.arange(40)] += 1
    moved = model.predict(changed, verbose=0) - model.predict(base, verbose=0)
    seen = np.abs(moved).sum(axis=(2, 3)) > 1e-6  # (input, layer) frames
    for frame in range(1, seen.shape[1] - 1):  # "same" cuts those at the ends
        reach = np.flatnonzero(seen[:, frame])
        assert centres[frame] == (reach[0] + reach[-1]) / 2


def test_saliency_is_the_gradient_and_leaves_padding_out(banet):
    inputs = keras.Input((6, 2))
    flat = keras.layers.Flatten()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(3, "softmax")(flat))
    x = np.random.default_rng(4).normal(size=(3, 6, 2)).astype(np.float32)
    kernel = model.layers[-1].get_weights()[0]
    expected = kernel[:, [2, 0, 1]].T.reshape(3, 6, 2)
    found = saliency(model, x, np.array([2, 0, 1]))
    np.testing.assert_allclose(found, np.abs(expected), atol=1e-6)
    padded = np.ones((1, FRAMES, 30), np.float32)
    padded[:, 16:] = 0
    found = saliency(banet, padded)
    assert found[:, :16].any() and not found[:, 16:].any()
    assert not found[..., 26:].any(), "BANet does not see sEMG"


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
    model = network("banet", 12)
    x = np.random.default_rng(7).normal(size=(3, 12, 30)).astype(np.float32)
    temporal, bodily, _ = explanations(model)

    def cascade(kind):
        found = cascading_randomisation(model, x, kind, draws=1)
        return {layer: one.mean_spearman for layer, one in found.items()}

    found, other = map(cascade, (temporal, bodily))
    for layer in ("", "probabilities", "bodily_attention", "bodily_hidden"):
        assert found[layer] == pytest.approx(1)
    assert found["temporal_attention"] < 0.99
    assert other["probabilities"] == pytest.approx(1)
    assert other["bodily_attention"] < 0.99


def test_a_cascade_resets_batch_statistics():
    model = network("cnn_tap")
    layer = model.get_layer("batch_norm_4")
    layer.set_weights([w + 1 for w in layer.get_weights()])
    seen = []

    def compute(network, x, class_index):
        seen.append(network.get_layer("batch_norm_4").get_weights())
        return x

    kind = Explanation("grad_cam", ("time", "channel"), compute)
    x = np.random.default_rng(8).normal(size=(2, 24, 30))
    steps = cascading_randomisation(model, x, kind, draws=1)
    changed = list(steps).index("batch_norm_4")
    # The trained network comes first, then the steps.
    np.testing.assert_array_equal(seen[changed], layer.get_weights())
    gamma, beta, mean, variance = seen[changed + 1]
    assert (gamma == 1).all() and (variance == 1).all()
    assert not beta.any() and not mean.any()


def test_hires_cam_of_a_linear_head_is_its_weights_times_its_features(tap, x):
    features = features_of(tap, x)
    weights = tap.layers[-1].get_weights()[0][:, 1]  # sensors x filters
    frames, sensors, filters = features.shape[1:]
    maps = grad_cam(tap, x, class_index=1, weights="elementwise")
    centres = place_centres(tap, "feature_maps")
    found, one = [], weights.reshape(sensors, filters)
    for by_hand in (one, weights.reshape(filters, sensors).T):
        expected = np.maximum((features * by_hand / frames).sum(-1), 0)
        expected = interpolate(expected, centres, (FRAMES, 30))
        found.append(np.allclose(expected, maps, atol=1e-4 * maps.max()))
    assert sum(found) == 1, "one of the two orders of flattening is right"


def test_grad_cam_is_of_the_predicted_class(tap, x):
    maps = grad_cam(tap, x)
    assert maps.shape == x.shape and maps.min() >= 0
    predicted = tap.predict(x, verbose=0).argmax(1)
    np.testing.assert_allclose(maps, grad_cam(tap, x, class_index=predicted))
    assert not np.allclose(maps, grad_cam(tap, x, class_index=1 - predicted))


@pytest.mark.parametrize(
    "name, names",
    [
        ("lsfan", ["self_attention", "grad_cam", "hires_cam"]),
        ("cnn_tap", ["grad_cam", "hires_cam"]),
        ("banet", ["temporal_attention", "bodily_attention", "saliency"]),
    ],
)
def test_every_network_has_a_map_over_time_and_channels(name, names):
    kinds = explanations(network(name))
    assert [kind.name for kind in kinds] == names
    assert kinds[-1].axes == ("time", "channel")


def test_labels_follow_the_real_order():
    kept = arranged(make_windows(np.zeros((1, FRAMES, 30)), [0]), "semg_first")
    labels = channel_labels(kept.channel_names)
    assert labels[0].startswith("sEMG") and labels[4].startswith("angle")
    released = channel_labels(kept.channel_names, "as_released")
    assert released[0].startswith("angle") and released[-1].startswith("sEMG")
    assert sorted(released) == sorted(labels) != labels
    assert kept.channel_names != CHANNEL_NAMES
    moved = np.arange(30)[None, None] + np.zeros((1, FRAMES, 1))
    x = arranged(make_windows(moved, [0]), "semg_first").x
    assert x[0, 0].tolist() == [26, 27, 28, 29, *range(26)]
    with pytest.raises(ConfigurationError):
        channel_labels(kept.channel_names, "nothing")


def test_similarity_of_equal_and_of_unrelated_maps():
    rng = np.random.default_rng(1)
    one, other = rng.random((2, 40, 30))
    flat = np.ones_like(one)
    maps, others = [one, one, one, flat], [np.exp(one), other, flat, one]
    assert ssim(one, one) == pytest.approx(1)
    assert abs(ssim(one, other)) < 0.2
    alike, unlike, second, first = similarity(maps, others).spearman
    assert alike == pytest.approx(1) and abs(unlike) < 0.1
    assert second == 0 and np.isnan(first)  # a constant map shows nothing


def test_averages_leave_padding_out():
    maps = np.ones((3, 4, 2))
    maps[1] = 3
    maps[1, 2:] = 100  # padding
    found = average_maps(maps, ["a", "a", "b"], np.array([4, 2, 4]))
    assert found["a"].windows == 2 and found["b"].windows == 1
    assert found["a"].mean[:, 0].tolist() == [2, 2, 1, 1]


def test_cascade_starts_at_one_and_loses_the_map(tap, x):
    (grad, *_) = explanations(tap)
    before = [w.copy() for w in tap.get_weights()]
    steps = cascading_randomisation(tap, x, grad, class_index=1, draws=2)
    layers = [layer.name for layer in reversed(tap.layers) if layer.weights]
    assert list(steps) == ["", *layers]
    assert steps[""].mean_spearman == pytest.approx(1)
    assert steps[layers[0]].mean_spearman < 0.9
    np.testing.assert_equal(tap.get_weights(), before)


def test_label_check_compares_two_trainings(tap, x):
    rng = np.random.default_rng(5)
    data = rng.normal(size=(24, FRAMES, 30)).astype(np.float32)
    y = np.tile([0, 1], 12)
    data[y == 1, :, :5] += 2
    train = make_windows(data, y)
    what = tap, x, explanations(tap)[1:], "cnn_tap", train, train
    found = label_randomisation(*what, seed=0, epochs=3, class_index=1)
    found = found["hires_cam"]
    assert list(found) == ["true labels, 3 epochs", "permuted labels, 3 epochs"]
    true, permuted = found.values()
    assert true.spearman.shape == permuted.spearman.shape == (len(x),)
    assert not np.allclose(permuted.ssim, true.ssim)


CLIP = (8, 32, 32, 3)


@pytest.fixture(scope="module")
def clips():
    """A dark clip, one with a red patch in it, and one of noise."""
    x = np.full((3, *CLIP), 20, np.float32)
    x[1, 3:5, 4:12, 20:28, 0] = 250
    x[2] = np.random.default_rng(0).uniform(0, 255, CLIP)
    return x


@pytest.fixture(scope="module")
def red():
    """Sees red places alone, each worth as much: the amount of red."""
    inputs = keras.Input(CLIP)
    named = {"padding": "same", "activation": "relu", "name": "conv"}
    x = keras.layers.Conv3D(2, (1, 3, 3), **named)(inputs)
    maps = keras.layers.MaxPooling3D((1, 2, 2), name="feature_maps")(x)
    flat = keras.layers.Flatten()(maps)
    model = keras.Model(inputs, keras.layers.Dense(1, name="intensity")(flat))
    kernel = np.zeros((1, 3, 3, 3, 2), np.float32)
    kernel[0, 1, 1, 0, 0] = 1  # the second filter sees nothing
    model.get_layer("conv").set_weights([kernel, np.array([-100.0, 0.0])])
    head = np.full((8 * 16 * 16 * 2, 1), 0.01, np.float32)
    model.get_layer("intensity").set_weights([head, np.array([2.0])])
    return model


@pytest.fixture(scope="module")
def full():
    keras.utils.set_random_seed(4)
    widths = (4, 4, 6, 6, 8, 8, 10, 10)
    return L3D(CLIP, widths=widths, multi_scale=True, attention=True)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_zero_where_the_network_does_not_look(red, clips, weights):
    maps = grad_cam(red, clips[:2], weights=weights)
    assert maps.shape == (2, *CLIP[:3]) and maps.dtype == np.float32
    assert not maps[0].any(), "nothing is red in the first clip"
    inside = maps[1, 3:5, 4:12, 20:28]
    assert inside[:, 1:-1, 1:-1].min() > 0
    around = maps[1].copy()
    around[3:5, 3:13, 19:29] = 0  # interpolation reaches one pixel further
    assert not around.any()
    # 250 less the bias of 100, at a weight of 0.01.
    np.testing.assert_allclose(inside[:, 2, 2], 1.5, rtol=1e-4)
    lowers = grad_cam(red, clips[:2], weights=weights, lowers=True)
    assert not lowers.any(), "no weight is negative"


def test_elementwise_sees_which_places_the_head_weighs(red, clips):
    """A head that looks at the lower half: the mean gradient hides it."""
    model = keras.models.clone_model(red)
    model.set_weights(red.get_weights())
    head, bias = model.get_layer("intensity").get_weights()
    half = head.reshape(8, 16, 16, 2)
    half[:, :8] = 0
    model.get_layer("intensity").set_weights([half.reshape(-1, 1), bias])
    mean, each = (grad_cam(model, clips[2:], weights=w)[0] for w in WEIGHTS)
    assert mean[:, :14].any() and mean[:, 17:].any()
    assert not each[:, :15].any() and each[:, 17:].any()


def test_the_regressor_and_its_negative_are_each_others_opposite(full, clips):
    up = grad_cam(full, clips[1:])
    model = keras.models.clone_model(full)
    model.set_weights(full.get_weights())
    head = model.get_layer("intensity")
    head.set_weights([-value for value in head.get_weights()])
    down = grad_cam(model, clips[1:], lowers=True)
    np.testing.assert_allclose(up, down, atol=1e-6)
    assert up.any()
    one = grad_cam(full, clips[1:2])
    np.testing.assert_allclose(one[0], up[0], atol=1e-6)


def test_a_constant_clip_has_one_value_away_from_its_borders(full):
    still = np.full((1, *CLIP), 128, np.uint8)
    both = (grad_cam(full, still, "conv_2", lowers=x) for x in (False, True))
    maps = sum(both)
    # What the padding of two convolutions reaches is left out.
    middle = maps[0, 2:6, 5:27, 5:27]
    assert middle[0, 0, 0] > 0
    np.testing.assert_allclose(middle, middle[0, 0, 0], rtol=1e-4)


@pytest.mark.parametrize("size", [32, 35])
def test_places_are_centred_on_what_they_see(size):
    """Also where poolings cut off the last pixels."""
    x = inputs = keras.Input((6, size, size, 1))
    for number in range(3):
        x = keras.layers.Conv3D(1, 3, padding="same")(x)
        x = keras.layers.MaxPooling3D((1, 2, 2), name=f"pool_{number}")(x)
    time, height, width = place_centres(keras.Model(inputs, x), "pool_2")
    np.testing.assert_array_equal(time, np.arange(6))
    # The mean of each window: maxima see only one of its places.
    middle = np.arange(size, dtype=float)
    for _ in range(3):
        middle = middle[: len(middle) // 2 * 2].reshape(-1, 2).mean(axis=1)
    np.testing.assert_allclose(height, middle)
    np.testing.assert_allclose(width, middle)


def test_interpolated_places_lie_between():
    inputs = keras.Input((4, 8, 8, 2))
    x = keras.layers.MaxPooling3D(2)(inputs)
    for align in (False, True):
        y = TrilinearUpsampling(2, align_corners=align, name=f"up_{align}")(x)
        time, height, _ = place_centres(keras.Model(inputs, y), f"up_{align}")
        if align:
            np.testing.assert_allclose(time, 0.5 + np.arange(4) * 2 / 3)
        else:
            np.testing.assert_allclose(time, np.arange(4))
            np.testing.assert_allclose(height, np.arange(8))


def test_scales_are_the_channels_means(full, clips):
    maps = scale_maps(full, clips)
    shapes = dict.fromkeys("BMS", (3, *CLIP[:3]))
    assert {scale: found.shape for scale, found in maps.items()} == shapes
    features = keras.Model(full.inputs, full.get_layer("relu_6").output)
    mean = keras.ops.convert_to_numpy(features([clips])).mean(axis=-1)
    centres = place_centres(full, "relu_6")
    # Beyond the outermost places the map stays what it is there.
    pixels = [
        np.clip(np.arange(size), places[0], places[-1])
        for size, places in zip(CLIP[:3], centres, strict=True)
    ]
    pixels = np.stack(np.meshgrid(*pixels, indexing="ij"), axis=-1)
    for values, found in zip(mean, maps["M"], strict=True):
        expected = RegularGridInterpolator(centres, values)(pixels)
        np.testing.assert_allclose(expected, found, atol=1e-5)


def test_the_map_depends_on_the_weights(red, clips):
    _, hires = explanations(red)
    assert hires.axes == ("time", "height", "width")
    steps = cascading_randomisation(red, clips[2:], hires, draws=1)
    assert list(steps) == ["", "intensity", "conv"]
    assert steps[""].mean_spearman == pytest.approx(1)
    assert abs(steps["conv"].mean_spearman) < 0.5


def test_what_has_no_map_is_told(monkeypatch, tap, x, full, red, clips):
    for model, samples, wrong, says in (
        (tap, x, {"class_index": 2}, "0 to 1, got 2"),
        (tap, x, {"layer": "nothing"}, "no layer 'nothing'"),
        (tap, x, {"layer": "probabilities"}, r"not \(time, sensors, filters\)"),
        (tap, x, {"weights": "nothing"}, "weights must be"),
        (full, clips, {"layer": "nowhere"}, "no layer 'nowhere'"),
        (full, clips, {"layer": "flatten"}, r"not \(time, height, width, fil"),
    ):
        with pytest.raises(ConfigurationError, match=says):
            grad_cam(model, samples, **wrong)
    with pytest.raises(ConfigurationError, match="no layer 'relu_4'"):
        scale_maps(red, clips)
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(ConfigurationError, match="backend of Keras is jax"):
        saliency(tap, x)


def test_figures_are_drawn(tmp_path):
    rng = np.random.default_rng(1)
    frames = rng.uniform(0, 255, (12, 16, 20, 3))
    values = rng.random((12, 16, 20))
    recording = {"numbers": np.arange(12) * 2, "curve": np.linspace(0, 4, 24)}
    path = tmp_path / "map.png"
    path = plot_clip_map(frames, values, "T", path, simulated=True, **recording)
    assert path.name == "map_SIMULATED.png" and path.stat().st_size > 10_000
    path = tmp_path / "zero.png"
    assert plot_clip_map(frames[:1], 0 * values[:1], "T", path) == path
    assert path.exists()
    rows = {"B": values, "S": 0 * values}
    path = plot_scale_maps(frames, rows, "scales", tmp_path / "scales.png")
    assert path.exists()
    with pytest.raises(ValueError, match="B must be"):
        plot_scale_maps(frames[:5], rows, "scales", tmp_path / "x.png")


def test_networks_of_ones_own_have_places_too():
    """Noise before the picture of a window, frames in the batch, a shape."""
    inputs = keras.Input((12, 5))
    x = keras.layers.GaussianNoise(0.1)(inputs)
    x = keras.layers.Reshape((12, 5, 1))(x)
    x = keras.layers.Conv2D(4, (5, 1), (2, 1), name="mine")(x)
    x = keras.layers.Flatten()(x)
    model = keras.Model(inputs, keras.layers.Dense(2, "softmax")(x))
    assert spatial_layer(model) == "mine"
    assert [e.name for e in explanations(model)] == ["grad_cam", "hires_cam"]
    time, sensors = place_centres(model, "mine")
    np.testing.assert_allclose(time, [2, 4, 6, 8])
    np.testing.assert_allclose(sensors, np.arange(5))
    small = {"input_shape": (4, 64, 64, 3), "widths": (2, 2, 2, 2)}
    folded = MODELS["resnet18_gru"].build(**small)
    time, rows, _ = place_centres(folded, "feature_maps")
    np.testing.assert_allclose(time, np.arange(4))
    assert len(rows) == 2 and rows[1] - rows[0] == 32
    plain = keras.Model(inputs, keras.layers.Flatten()(inputs))
    assert spatial_layer(plain) is None
