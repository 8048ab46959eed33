"""L3D and its comparators against the paper, and their layers by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from model_checks import refusals, trained
from scipy import ndimage

from keras_pain.layers import (
    FoldFrames,
    ImprovedSE,
    TrilinearUpsampling,
    UnfoldFrames,
)
from keras_pain.models.flops import weightless
from keras_pain.models.l3d import (
    C3D,
    L3D,
    L3D_RECIPE,
    WIDTHS,
    ResNetGRU,
    ResNetLSTM,
)
from keras_pain.models.registry import MODELS
from keras_pain.models.resnet import resnet18_maps

CLIP = (8, 32, 32, 3)
NARROW = (4, 4, 6, 6, 8, 8, 10, 10)
BOTH = {"multi_scale": True, "attention": True}


def _random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def _numpy(x):
    return keras.ops.convert_to_numpy(x)


# --- Trilinear interpolation ---


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("new", [(8, 12, 10), (16, 24, 20), (5, 7, 9)])
def test_trilinear_equals_scipy(new, align_corners):
    x = _random(2, 4, 6, 5, 3)
    factors = [b / a for a, b in zip(x.shape[1:4], new, strict=True)]
    options = {"order": 1, "mode": "nearest", "grid_mode": not align_corners}
    expected = ndimage.zoom(x, (1, *factors, 1), **options)
    layer = TrilinearUpsampling(output_size=new, align_corners=align_corners)
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)
    if new[0] % 4 == 0:
        factor = new[0] // 4
        by_factor = TrilinearUpsampling(factor, align_corners=align_corners)
        np.testing.assert_allclose(by_factor(x), expected, atol=1e-5)


def test_trilinear_gradients():
    """Each place's gradient is the sum of its shares in the output."""
    x = tf.constant(_random(1, 2, 3, 1, 2))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = TrilinearUpsampling((2, 1, 3))(x)
    assert y.shape == (1, 4, 3, 3, 2)
    gradient = tape.gradient(y, x)
    # Two frames share four, evenly by symmetry; one column becomes three.
    np.testing.assert_allclose(gradient, np.full(x.shape, 6.0), atol=1e-5)


@pytest.mark.parametrize(
    "arguments", [{"size": (2, 2)}, {"size": 0}, {"output_size": (1, 2)}]
)
def test_trilinear_refuses_impossible_sizes(arguments):
    with pytest.raises(ValueError, match="three axes"):
        TrilinearUpsampling(**arguments)


def test_trilinear_needs_fixed_sizes():
    with pytest.raises(ValueError, match="fixed sizes"):
        TrilinearUpsampling(2)(keras.Input((None, 4, 4, 1)))


# --- Improved SE ---


@pytest.mark.parametrize("shared", [True, False])
def test_improved_se_by_hand(shared):
    x = _random(3, 4, 5, 6, 8)
    layer = ImprovedSE(ratio=3, shared=shared)
    layer.build(x.shape)
    for seed, weight in enumerate(layer.weights):
        weight.assign(_random(*weight.shape, seed=seed + 1))
    k1, b1, k2, b2, *rest = (_numpy(w) for w in layer.weights)
    # FC1 and FC2 of the maxima, then of the means (or the same ones).
    branches = [(k1, b1, k2, b2), tuple(rest) or (k1, b1, k2, b2)]
    assert k1.shape == (8, 2)
    weights = 0.0
    for pooled, (k1, b1, k2, b2) in zip(
        (x.max((1, 2, 3)), x.mean((1, 2, 3))), branches, strict=True
    ):
        hidden = np.maximum(pooled @ k1 + b1, 0)
        weights = weights + 1 / (1 + np.exp(-(hidden @ k2 + b2)))
    np.testing.assert_allclose(layer.channel_weights(x), weights, atol=1e-5)
    expected = x * weights[:, None, None, None]
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)


def test_improved_se_in_float16_survives_many_places():
    x = np.full((1, 16, 56, 56, 4), 100, "float16")
    layer = ImprovedSE(dtype="mixed_float16")
    assert np.isfinite(_numpy(layer(x))).all()
    weights = layer.channel_weights(x)
    assert np.isfinite(_numpy(weights)).all()


# --- The paper's table 4 ---


SIZES = {"resnet18_lstm": 15.03, "resnet18_gru": 14.86, "c3d": 77.98}
SIZES |= {"l3d": 1.07, "l3d_full": 3.04}


@pytest.mark.parametrize(("name", "millions"), SIZES.items())
def test_published_sizes(name, millions):
    with weightless():
        model = MODELS[name].build()
    # Batch-norm statistics are not parameters in PyTorch's counters.
    assert round(trained(model) / 1e6, 2) == millions
    assert MODELS[name].published_parameters == round(millions * 1e6)


def test_plain_widths():
    with weightless():
        sizes = [trained(L3D(widths="plain", **more)) for more in ({}, BOTH)]
    assert sizes == [1_052_273, 3_280_717]
    assert set(WIDTHS["plain"]) == {8, 16, 32, 64, 128}


def test_shapes_at_the_papers_size():
    with weightless():
        plain, full = L3D(), L3D(**BOTH)
        no_pool = L3D(**BOTH, head_pool=(1, 1, 1))
    assert plain.get_layer("relu_4").output.shape[1:] == (16, 56, 56, 32)
    assert plain.get_layer("relu_6").output.shape[1:] == (8, 28, 28, 64)
    assert plain.get_layer("relu_8").output.shape[1:] == (4, 14, 14, 96)
    assert plain.get_layer("pool_8b").output.shape[1:] == (1, 3, 3, 96)
    assert full.get_layer("feature_maps").output.shape[1:] == (16, 56, 56, 192)
    # Factors 2 and 4, as in figure 4.
    assert full.get_layer("upsample_8").output.shape[1:] == (16, 56, 56, 96)
    # Why there is an invented pooling: the paper's whole model has 3.04 M.
    assert no_pool.get_layer("intensity").count_params() > 9.6e6


def test_additions_can_be_had_one_by_one():
    def kinds(model):
        return {type(layer) for layer in model.layers}

    with weightless():
        plain, scales, attention, both = (
            kinds(MODELS[name].build())
            for name in ("l3d", "l3d_multi_scale", "l3d_se", "l3d_full")
        )
    assert not {ImprovedSE, TrilinearUpsampling} & plain
    assert TrilinearUpsampling in scales and ImprovedSE not in scales
    assert ImprovedSE in attention and TrilinearUpsampling not in attention
    assert {ImprovedSE, TrilinearUpsampling} <= both


# --- Other sizes ---


@pytest.mark.parametrize("build", [L3D, C3D, ResNetLSTM, ResNetGRU])
@pytest.mark.parametrize(
    "shape", [(16, 112, 112, 3), (5, 50, 37, 3), (1, 32, 32, 3), (2, 1, 1, 3)]
)
def test_other_sizes_are_taken(build, shape):
    with weightless():
        assert build(shape).output_shape == (None, 1)
        if build is L3D:
            model = L3D(shape, **BOTH)
            large = model.get_layer("relu_4").output.shape
            assert model.get_layer("feature_maps").output.shape[:4] == large[:4]
        maps = build(shape).get_layer("feature_maps").output
    # Time, height, width and channels, for Grad-CAM.
    assert len(maps.shape) == 5 and min(maps.shape[1:]) >= 1


test_impossible_arguments_are_named = refusals(
    (lambda: L3D((32, 224, 3)), "colour clips"),
    (lambda: C3D((None, 64, 64, 3)), "fixed"),
    (lambda: ResNetGRU((8, 64, 64, 1)), "colour clips"),
    (lambda: L3D(CLIP, widths="wide"), "'fitted' or 'plain'"),
    (lambda: L3D(CLIP, widths=(8, 8)), "8 positive numbers"),
    (lambda: L3D(CLIP, widths=(8,) * 7 + (0,)), "8 positive numbers"),
    (lambda: L3D(CLIP, head_pool=(0, 2, 2)), "head_pool"),
    (lambda: C3D(CLIP, units=(0,)), "positive"),
    (lambda: ResNetLSTM(CLIP, widths=(4, 8)), "four positive"),
)


# --- Frames in one pass ---


def test_folded_frames_equal_time_distributed():
    x = _random(2, 3, 33, 40, 3)
    picture = keras.Input(x.shape[2:])
    trunk = keras.Model(picture, resnet18_maps(picture, (4, 6, 8, 10)))
    rng = np.random.default_rng(2)
    for weight in trunk.weights:
        if weight.name == "moving_mean":
            weight.assign(rng.normal(0, 0.1, size=weight.shape))
    assert trunk.output_shape == (None, 2, 2, 10)
    folded = UnfoldFrames(3)(trunk(FoldFrames()(x)))
    # A loop over the frames, as `keras.layers.TimeDistributed` has it.
    expected = keras.layers.TimeDistributed(trunk)(x)
    np.testing.assert_allclose(folded, expected, atol=1e-5)


def test_resnet18_is_the_published_one():
    inputs = keras.Input((224, 224, 3))
    with weightless():
        x = resnet18_maps(inputs)
        x = keras.layers.GlobalAveragePooling2D()(x)
        model = keras.Model(inputs, keras.layers.Dense(1000)(x))
    # torchvision's documentation of resnet18: 11,689,512.
    assert trained(model) == 11_689_512


# --- Training ---


def _first_step(scaled_head: bool) -> float:
    """How far one step of Adam on the last layer moves the intensity."""
    keras.utils.set_random_seed(3)
    model = L3D(CLIP, widths=NARROW, scaled_head=scaled_head, **BOTH)
    x = np.random.default_rng(0).uniform(0, 255, size=(2, *CLIP))
    before = _numpy(model(x))
    assert np.abs(before).max() < 5  # both start alike
    for layer in model.layers[:-1]:
        layer.trainable = False
    model.compile(
        keras.optimizers.Adam(1e-3), "mean_squared_error", run_eagerly=True
    )
    model.train_on_batch(x, np.array([[9.0], [10.0]]))
    return float(np.abs(_numpy(model(x)) - before).mean())


def test_a_step_of_adam_does_not_throw_the_full_model_off():
    features = 4 * 4 * 4 * (6 + 8 + 10)
    wild, steady = _first_step(False), _first_step(True)
    assert wild / steady == pytest.approx(features**0.5, rel=0.15)


# --- Accumulated gradients ---


def _train(accumulate: int, batch_norm: bool) -> list[np.ndarray]:
    """Two updates by eight clips each, `accumulate` micro-batches an update."""
    keras.utils.set_random_seed(3)
    clip = (4, 16, 16, 3)
    options = {"units": 8, "batch_norm": batch_norm}
    options |= {} if batch_norm else BOTH
    model = L3D(clip, widths=NARROW, **options)
    steps = accumulate if accumulate > 1 else None
    optimizer = keras.optimizers.Adam(1e-3, gradient_accumulation_steps=steps)
    model.compile(
        optimizer,
        keras.losses.Huber(**L3D_RECIPE.loss_options),
        run_eagerly=True,  # a graph takes longer to trace than to run
    )
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 255, size=(16, *clip)).astype("float32")
    y = rng.uniform(0, 10, size=(16, 1)).astype("float32")
    model.fit(
        x, y, batch_size=8 // accumulate, epochs=1, shuffle=False, verbose=0
    )
    assert int(optimizer.iterations) == 2
    return [_numpy(w) for w in model.trainable_weights]


def _difference(batch_norm: bool) -> float:
    """Largest difference of a weight; an update moves it by about 1e-3."""
    whole, micro = _train(1, batch_norm), _train(4, batch_norm)
    return max(
        float(np.abs(a - b).max()) for a, b in zip(whole, micro, strict=True)
    )


def test_accumulated_gradients_equal_a_large_batch():
    assert _difference(batch_norm=False) < 1e-5


def test_batch_normalisation_sees_micro_batches():
    """Accumulation is no substitute for the large batch then, see `L3D`."""
    assert _difference(batch_norm=True) > 1e-4
