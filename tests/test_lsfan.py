"""L-SFAN, its ablations and the rivals: facts beyond the models' contract."""

import keras
import numpy as np
import pytest
from model_checks import fill, outputs, refusals, trained, windows

from keras_pain.models.banet import BANet
from keras_pain.models.conv_lstm import BiLSTM, ConvLSTM, DualStreamLSTM
from keras_pain.models.lsfan import CNN_SAP, CNN_TAP, FEATURE_LAYERS, LSFAN
from keras_pain.models.registry import MODELS, WINDOWS

FRAMES = 27


@pytest.mark.parametrize(
    ("build", "count"),
    [
        (LSFAN, 8_282),
        (CNN_TAP, 2_582),
        (CNN_SAP, 2_966),
        (lambda: CNN_SAP(pooling="as_coded"), 2_966),
    ],
)
def test_parameters(build, count):
    model = build()
    assert trained(model) == count == model.count_params() - 60
    features = [model.get_layer(name) for name in FEATURE_LAYERS]
    assert sum(map(trained, features)) == 1_620
    with_weights = [layer.name for layer in model.layers if layer.weights]
    head = ["encoder"] * (build is LSFAN) + ["probabilities"]
    assert with_weights == [*FEATURE_LAYERS, *head]


def test_parts_of_lsfan():
    model = LSFAN()
    assert trained(model.get_layer("encoder")) == 5_700
    assert trained(model.get_layer("probabilities")) == 962
    assert model.get_layer("feature_maps").output.shape == (None, 42, 30, 16)
    assert model.get_layer("oriented_pooling").output.shape == (None, 30, 16)
    tokens, scores = model.get_layer("encoder").output
    assert tokens.shape == (None, 16, 30) and scores.shape == (None, 5, 16, 16)
    for i in range(1, 5):
        norm = model.get_layer(f"batch_norm_{i}")
        assert (norm.momentum, norm.epsilon) == (0.9, 1e-5)
    encoder = model.get_layer("encoder")
    assert encoder.norm1.epsilon == encoder.norm2.epsilon == 1e-5
    assert (encoder.key_dim, encoder.dropout) == (6, 0.2)


def test_convolutions_start_as_in_torch():
    keras.utils.set_random_seed(0)
    model, channels = LSFAN((FRAMES, 30)), 1
    for i in range(1, 5):
        kernel, bias = model.get_layer(f"conv_{i}").get_weights()
        limit = (9 * channels) ** -0.5
        assert 0.8 * limit < np.abs(kernel).max() <= limit
        assert bias.any() and np.abs(bias).max() <= limit
        assert len({*kernel.ravel(), *bias}) == kernel.size + bias.size
        channels = kernel.shape[-1]
    kernel, bias = model.get_layer("probabilities").get_weights()
    assert 0.9 * 480**-0.5 < np.abs(kernel).max() <= 480**-0.5
    assert 0 < np.abs(bias).max() <= 480**-0.5


@pytest.mark.parametrize("builder", [LSFAN, CNN_TAP, CNN_SAP])
def test_other_numbers_of_sensors(builder):
    model = fill(builder((FRAMES, 26), num_classes=3))
    x = windows(time=FRAMES)[..., :26]
    assert outputs(model, x).shape == (4, 3)
    assert model.get_layer("feature_maps").output.shape[2] == 26
    if builder is LSFAN:
        assert model.get_layer("encoder").key_dim == 6


def test_convolutions_see_neighbouring_sensors_and_frames():
    """Sensors are padded with zeros, frames are not padded."""
    model = CNN_TAP((FRAMES, 30))
    layer = model.get_layer("conv_1")
    kernel = np.zeros(layer.kernel.shape, np.float32)
    kernel[0, 2, 0, 0] = 1.0  # one frame before, the next sensor
    layer.set_weights([kernel, np.zeros(2, np.float32)])
    x = windows(time=FRAMES)
    actual = outputs(model, x, "conv_1")[..., 0]
    expected = np.zeros((4, FRAMES - 2, 30), np.float32)
    expected[:, :, :-1] = x[:, :-2, 1:]
    np.testing.assert_allclose(actual, expected, atol=1e-6)


def test_sap_pools_what_it_says():
    x, shape = windows(time=FRAMES), (FRAMES, 30)
    for pooling, axes in (("sensors", 2), ("as_coded", 1)):
        model = fill(CNN_SAP(shape, pooling=pooling))
        layers = ("feature_maps", "oriented_pooling")
        maps, pooled = (outputs(model, x, n) for n in layers)
        assert maps.shape == (4, 3, 30, 16) and pooled.shape == (4, 3, 16)
        expected = maps.mean(axis=axes)
        if pooling == "as_coded":  # 30 sensors, ten to a part
            expected = expected.reshape(4, 3, 10, 16).mean(axis=2)
        np.testing.assert_allclose(pooled, expected, atol=1e-5)


def test_dropout_acts_in_training_only():
    model, x = fill(LSFAN((FRAMES, 30))), windows(time=FRAMES)
    encoder = keras.Model(
        model.get_layer("encoder").input, model.get_layer("encoder").output[0]
    )
    tokens = np.random.default_rng(0).normal(size=(2, 16, 30))
    calm = outputs(encoder, tokens)
    assert np.abs(encoder(tokens, training=True) - calm).max() > 1e-2
    assert (outputs(model, x) == outputs(model, x)).all()


# --- Rivals, and BANet ---


@pytest.mark.parametrize(
    ("builder", "frames", "parameters"),
    [(ConvLSTM, 90, 40_940), (BiLSTM, 12, 14_282), (BANet, 12, 2_131)],
)
def test_semg_is_not_used(builder, frames, parameters):
    assert builder((frames, 26)).count_params() == parameters
    model = fill(builder((frames, 30)))
    assert model.count_params() == parameters
    x = windows(time=frames)
    y = x.copy()
    y[0, :, 26:] *= -3.0
    np.testing.assert_allclose(outputs(model, x), outputs(model, y), atol=1e-6)
    y[0, :, 25] += 1.0
    assert np.abs(outputs(model, x) - outputs(model, y)).max() > 1e-4
    if builder is not BANet:
        everything = builder((frames, 30), channels=None)
        assert everything.count_params() > parameters


def test_conv_lstm_shapes():
    model = ConvLSTM()
    shapes = [model.get_layer(f"max_pool_{i}").output.shape for i in (1, 2, 3)]
    assert shapes == [(None, n, 26, 10) for n in (85, 38, 14)]
    assert model.get_layer("steps").output.shape == (None, 14, 260)
    assert ConvLSTM((71, 26)).get_layer("steps").output.shape[1] == 1


def test_dual_streams_stay_apart():
    model = fill(DualStreamLSTM((12, 30)))
    x = windows()
    expected = outputs(model, x, "both_streams")
    assert expected.shape == (4, 32)
    for channel, stream in ((25, slice(0, 24)), (26, slice(24, 32))):
        y = x.copy()
        y[:, :8, channel] += 1.0
        moved = np.abs(outputs(model, y, "both_streams") - expected)
        changed = moved.max(axis=0) > 1e-6
        assert changed[stream].any()
        changed[stream] = False
        assert not changed.any()


# --- Registry ---


def test_least_channels_and_shared_layers():
    movement = {k: v for k, v in MODELS.items() if v.data == WINDOWS}
    for name, entry in movement.items():
        assert entry.min_channels == (30 if name == "dual_stream_lstm" else 26)
        family = name in ("lsfan", "cnn_tap", "cnn_sap")
        assert entry.shared_layers == (FEATURE_LAYERS if family else ())
        frames = 90 if name == "conv_lstm" else FRAMES
        model = entry.build(input_shape=(frames, entry.min_channels))
        assert set(entry.shared_layers) <= {x.name for x in model.layers}


test_impossible_arguments_are_named = refusals(
    (lambda: LSFAN((15, 30)), "at least 16"),
    (lambda: CNN_TAP((None, 30)), "number of frames"),
    (lambda: LSFAN(filters=(2, 4)), r"4 numbers, not \(2, 4\)"),
    (lambda: CNN_SAP(pooling="space"), "sensors, as_coded, not 'space'"),
    (lambda: LSFAN(num_classes=1), "num_classes"),
    (lambda: ConvLSTM((70, 26)), "at least 71"),
    (lambda: ConvLSTM((180, 20)), "26 channels"),
    (lambda: BiLSTM((180, 20)), "26 channels"),
    (lambda: DualStreamLSTM((180, 26)), "needs sEMG.*stacked_lstm"),
    (lambda: DualStreamLSTM((180, 30), semg=0), "needs sEMG"),
    (lambda: DualStreamLSTM((30,)), r"\(time, channels\)"),
)


def test_shortest_window():
    assert outputs(LSFAN((16, 30)), windows(time=16)).shape == (4, 2)
