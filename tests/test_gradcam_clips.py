"""Grad-CAM over face and time, against networks whose weights are set."""

import keras
import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

from keras_pain.errors import ConfigurationError
from keras_pain.interpret.gradcam_clips import (
    clip_explanation,
    clip_grad_cam,
    place_centres,
    scale_maps,
)
from keras_pain.interpret.sanity import cascading_randomisation
from keras_pain.layers import TrilinearUpsampling
from keras_pain.models.l3d import L3D
from keras_pain.reports.clip_maps import plot_clip_map, plot_scale_maps

# Keras' own conversion to NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")

CLIP = (8, 32, 32, 3)
WEIGHTS = ("global", "elementwise")


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
    x = keras.layers.Conv3D(
        2, (1, 3, 3), padding="same", activation="relu", name="conv"
    )(inputs)
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
    return L3D(
        CLIP,
        widths=(4, 4, 6, 6, 8, 8, 10, 10),
        multi_scale=True,
        attention=True,
    )


@pytest.mark.parametrize("weights", WEIGHTS)
def test_zero_where_the_network_does_not_look(red, clips, weights):
    maps = clip_grad_cam(red, clips[:2], weights=weights)
    assert maps.shape == (2, *CLIP[:3]) and maps.dtype == np.float32
    assert not maps[0].any(), "nothing is red in the first clip"
    inside = maps[1, 3:5, 4:12, 20:28]
    assert inside[:, 1:-1, 1:-1].min() > 0
    around = maps[1].copy()
    around[3:5, 3:13, 19:29] = 0  # interpolation reaches one pixel further
    assert not around.any()
    # 250 less the bias of 100, at a weight of 0.01.
    np.testing.assert_allclose(inside[:, 2, 2], 1.5, rtol=1e-4)
    lowers = clip_grad_cam(red, clips[:2], weights=weights, lowers=True)
    assert not lowers.any(), "no weight is negative"


def test_elementwise_sees_which_places_the_head_weighs(red, clips):
    """A head that looks at the lower half: the mean gradient hides it."""
    layer = red.get_layer("intensity")
    head, bias = layer.get_weights()
    half = head.reshape(8, 16, 16, 2).copy()
    half[:, :8] = 0
    layer.set_weights([half.reshape(-1, 1), bias])
    try:
        found = {
            weights: clip_grad_cam(red, clips[2:], weights=weights)[0]
            for weights in WEIGHTS
        }
    finally:
        layer.set_weights([head, bias])
    assert found["global"][:, :14].any() and found["global"][:, 17:].any()
    assert not found["elementwise"][:, :15].any()
    assert found["elementwise"][:, 17:].any()


def test_the_regressor_and_its_negative_are_each_others_opposite(full, clips):
    up = clip_grad_cam(full, clips[1:])
    head = full.get_layer("intensity")
    kept = head.get_weights()
    head.set_weights([-value for value in kept])
    try:
        down = clip_grad_cam(full, clips[1:], lowers=True)
    finally:
        head.set_weights(kept)
    np.testing.assert_allclose(up, down, atol=1e-6)
    assert up.any()
    one = clip_grad_cam(full, clips[1:2])
    np.testing.assert_allclose(one[0], up[0], atol=1e-6)


def test_a_constant_clip_has_one_value_away_from_its_borders(full):
    still = np.full((1, *CLIP), 128, np.uint8)
    maps = sum(
        clip_grad_cam(full, still, "conv_2", lowers=lowers)
        for lowers in (False, True)
    )
    # What the padding of two convolutions reaches is left out.
    middle = maps[0, 2:6, 5:27, 5:27]
    assert middle[0, 0, 0] > 0
    np.testing.assert_allclose(middle, middle[0, 0, 0], rtol=1e-4)


@pytest.mark.parametrize("size", [32, 35])
def test_places_are_centred_on_what_they_see(size):
    """Also where poolings cut off the last pixels."""
    inputs = keras.Input((6, size, size, 1))
    x = inputs
    for number in range(3):
        x = keras.layers.Conv3D(1, 3, padding="same", name=f"conv_{number}")(x)
        x = keras.layers.MaxPooling3D((1, 2, 2), name=f"pool_{number}")(x)
    model = keras.Model(inputs, x)
    for axis, length in ((0, 6), (1, size)):
        # The mean of each window: maxima see only one of its places.
        ramp = np.arange(length, dtype=float)
        shape = [1, 1, 1]
        shape[axis] = length
        values = np.broadcast_to(ramp.reshape(shape), (6, size, size))
        for _ in range(3):
            values = values[:, : values.shape[1] // 2 * 2]
            values = (values[:, ::2] + values[:, 1::2]) / 2
            values = values[..., : values.shape[2] // 2 * 2]
            values = (values[..., ::2] + values[..., 1::2]) / 2
        centres = place_centres(model, "pool_2")
        middle = np.moveaxis(values, axis, 0)[:, 0, 0]
        np.testing.assert_allclose(centres[axis], middle)


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
    assert {k: v.shape for k, v in maps.items()} == dict.fromkeys(
        "BMS", (3, *CLIP[:3])
    )
    features = keras.Model(full.inputs, full.get_layer("relu_6").output)
    mean = keras.ops.convert_to_numpy(features([clips])).mean(axis=-1)
    centres = place_centres(full, "relu_6")
    # Beyond the outermost places the map stays what it is there.
    pixels = np.meshgrid(
        *(
            np.clip(np.arange(size), places[0], places[-1])
            for size, places in zip(CLIP[:3], centres, strict=True)
        ),
        indexing="ij",
    )
    for values, found in zip(mean, maps["M"], strict=True):
        by_scipy = RegularGridInterpolator(centres, values)
        np.testing.assert_allclose(
            by_scipy(np.stack(pixels, axis=-1)), found, atol=1e-5
        )


def test_the_map_depends_on_the_weights(red, clips):
    steps = cascading_randomisation(
        red, clips[2:], clip_explanation(weights="elementwise"), draws=1
    )
    assert [step.layer for step in steps] == ["", "intensity", "conv"]
    assert steps[0].similarity.mean_spearman == pytest.approx(1)
    assert abs(steps[-1].similarity.mean_spearman) < 0.5


def test_what_has_no_map_is_told(full, clips):
    with pytest.raises(ConfigurationError, match="no layer 'nowhere'"):
        clip_grad_cam(full, clips, "nowhere")
    with pytest.raises(ConfigurationError, match="not \\(time, height"):
        clip_grad_cam(full, clips, "flatten")
    with pytest.raises(ConfigurationError, match="weights must be"):
        clip_grad_cam(full, clips, weights="mean")
    with pytest.raises(ConfigurationError, match="no layer 'relu_9'"):
        scale_maps(full, clips, {"XL": "relu_9"})


def test_figures_are_drawn(tmp_path):
    rng = np.random.default_rng(1)
    frames = rng.uniform(0, 255, (12, 16, 20, 3))
    values = rng.random((12, 16, 20))
    path = plot_clip_map(
        frames,
        values,
        "a clip",
        tmp_path / "map.png",
        numbers=np.arange(12) * 2,
        curve=np.linspace(0, 4, 24),
        simulated=True,
    )
    assert path.name == "map_SIMULATED.png" and path.stat().st_size > 10_000
    empty = plot_clip_map(
        frames[:1], 0 * values[:1], "nothing", tmp_path / "zero.png"
    )
    assert empty.name == "zero.png" and empty.exists()
    rows = {"B": values, "S": 0 * values}
    path = plot_scale_maps(frames, rows, "scales", tmp_path / "scales.png")
    assert path.exists()
    with pytest.raises(ValueError, match="B must be"):
        plot_scale_maps(frames[:5], rows, "scales", tmp_path / "x.png")
