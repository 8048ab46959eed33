"""The transformer encoder and oriented pooling against stock layers."""

import keras
import numpy as np
import pytest

from keras_pain.errors import ConfigurationError
from keras_pain.layers import (
    OrientedPooling,
    SelectChannels,
    TransformerEncoder,
)

# Keras' own conversion to NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")

BATCH, TOKENS, WIDTH, HEADS, SIZE, HIDDEN = 3, 6, 7, 2, 4, 5


def _random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def _numpy(x):
    return keras.tree.map_structure(keras.ops.convert_to_numpy, x)


def _encoder(**options):
    layer = TransformerEncoder(HEADS, SIZE, HIDDEN, name="encoder", **options)
    layer.build((None, TOKENS, WIDTH))
    return layer


def _stock_attention(layer, x):
    """`keras.layers.MultiHeadAttention` with the layer's weights."""
    stock = keras.layers.MultiHeadAttention(HEADS, SIZE)
    stock.build(x.shape, x.shape)
    kernel, bias = layer.in_proj.get_weights()
    parts = [
        part
        for i in range(3)
        for part in (
            kernel.reshape(WIDTH, 3, HEADS, SIZE)[:, i],
            bias.reshape(3, HEADS, SIZE)[i],
        )
    ]
    kernel, bias = layer.out_proj.get_weights()
    stock.set_weights([*parts, kernel.reshape(HEADS, SIZE, WIDTH), bias])
    return stock(x, x, return_attention_scores=True)


@pytest.mark.parametrize("norm", ["post", "pre"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_encoder_equals_stock_layers(norm, activation):
    layer = _encoder(norm=norm, activation=activation, epsilon=1e-2)
    for i, weight in enumerate(layer.weights):
        weight.assign(_random(*weight.shape, seed=i))
    x = _random(BATCH, TOKENS, WIDTH, seed=99)
    actual, scores = _numpy(layer(x, return_attention_scores=True))
    np.testing.assert_array_equal(_numpy(layer(x)), actual)

    def norm_with(source, y):
        stock = keras.layers.LayerNormalization(epsilon=1e-2)
        stock.build(y.shape)
        stock.set_weights(source.get_weights())
        return _numpy(stock(y))

    def feed_forward(y):
        (a, b), (c, d) = (
            dense.get_weights() for dense in (layer.linear1, layer.linear2)
        )
        function = keras.activations.get(activation)
        return _numpy(function(keras.ops.convert_to_tensor(y @ a + b))) @ c + d

    if norm == "post":
        attended, expected_scores = _numpy(_stock_attention(layer, x))
        y = norm_with(layer.norm1, x + attended)
        y = norm_with(layer.norm2, y + feed_forward(y))
    else:
        attended, expected_scores = _numpy(
            _stock_attention(layer, norm_with(layer.norm1, x))
        )
        y = x + attended
        y = y + feed_forward(norm_with(layer.norm2, y))
    np.testing.assert_allclose(scores, expected_scores, atol=1e-5)
    np.testing.assert_allclose(scores.sum(axis=-1), 1.0, atol=1e-5)
    np.testing.assert_allclose(actual, y, atol=1e-4)


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_encoder_equals_torch(norm):
    torch = pytest.importorskip("torch", reason="no PyTorch")
    torch.manual_seed(0)
    original = torch.nn.TransformerEncoderLayer(
        8, 2, 5, batch_first=True, norm_first=norm == "pre"
    ).eval()
    layer = TransformerEncoder(2, 4, 5, norm=norm)
    layer.build((None, TOKENS, 8))
    state = {k: v.numpy() for k, v in original.state_dict().items()}
    attention = (
        state["self_attn.in_proj_weight"],
        state["self_attn.in_proj_bias"],
    )
    layer.in_proj.set_weights([attention[0].T, attention[1]])
    for name in ("out_proj", "linear1", "linear2"):
        key = f"self_attn.{name}" if name == "out_proj" else name
        weights = [state[f"{key}.weight"].T, state[f"{key}.bias"]]
        getattr(layer, name).set_weights(weights)
    x = _random(BATCH, TOKENS, 8)
    with torch.no_grad():
        expected = original(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(_numpy(layer(x)), expected, atol=1e-5)


def test_encoder_drops_out_in_four_places():
    x = _random(BATCH, TOKENS, WIDTH)
    names = ("_dropout_attention", "_dropout", "_dropout1", "_dropout2")
    layer = _encoder(dropout=0.5)
    for weight in layer.weights:
        weight.assign(_random(*weight.shape))
    expected = _numpy(layer(x, training=False))
    for name in names:
        for other in names:
            getattr(layer, other).rate = 0.5 if other == name else 0.0
        changed = np.abs(_numpy(layer(x, training=True)) - expected)
        assert changed.max() > 1e-3, name
        repeated = _numpy(layer(x, training=False))
        np.testing.assert_array_equal(repeated, expected)
    # The attention that is shown is the one before dropout.
    layer._dropout_attention.rate = 0.5
    _, scores = layer(x, training=True, return_attention_scores=True)
    np.testing.assert_allclose(_numpy(scores).sum(axis=-1), 1.0, atol=1e-5)


def _assert_uniform(weight, limit):
    values = _numpy(weight)
    assert 0.9 * limit < np.abs(values).max() <= limit, weight.path
    assert abs(values.mean()) < 0.1 * limit, weight.path


@pytest.mark.parametrize("torch_init", [True, False])
def test_encoder_starts_as_said(torch_init):
    keras.utils.set_random_seed(0)
    width, heads, size, hidden = 60, 5, 16, 90
    layer = TransformerEncoder(heads, size, hidden, torch_init=torch_init)
    layer.build((None, TOKENS, width))
    inner = heads * size

    def limit(fan_in, fan_out):
        return fan_in**-0.5 if torch_init else (6 / (fan_in + fan_out)) ** 0.5

    _assert_uniform(layer.in_proj.kernel, (6 / (width + 3 * inner)) ** 0.5)
    _assert_uniform(layer.out_proj.kernel, limit(inner, width))
    _assert_uniform(layer.linear1.kernel, limit(width, hidden))
    _assert_uniform(layer.linear2.kernel, limit(hidden, width))
    for dense in (layer.in_proj, layer.out_proj):
        assert not _numpy(dense.bias).any()
    for dense, fan_in in ((layer.linear1, width), (layer.linear2, hidden)):
        bias = _numpy(dense.bias)
        if torch_init:
            assert 0.8 * fan_in**-0.5 < np.abs(bias).max() <= fan_in**-0.5
        else:
            assert not bias.any()


def test_torch_starts_as_we_think():
    torch = pytest.importorskip("torch", reason="no PyTorch")
    torch.manual_seed(0)
    d, hidden = 60, 90
    layer = torch.nn.TransformerEncoderLayer(d, 5, hidden)
    for name, limit in (
        ("self_attn.in_proj_weight", (6 / (d + 3 * d)) ** 0.5),
        ("self_attn.in_proj_bias", 0.0),
        ("self_attn.out_proj.weight", d**-0.5),
        ("self_attn.out_proj.bias", 0.0),
        ("linear1.weight", d**-0.5),
        ("linear1.bias", d**-0.5),
        ("linear2.weight", hidden**-0.5),
        ("linear2.bias", hidden**-0.5),
    ):
        largest = layer.state_dict()[name].abs().max().item()
        assert 0.9 * limit <= largest <= limit * 1.001, name


def test_encoder_refuses_an_unknown_norm():
    with pytest.raises(ConfigurationError, match="post, pre, not 'middle'"):
        TransformerEncoder(1, 1, 1, norm="middle")


# --- Oriented pooling ---


def test_pooling_removes_the_axis_it_is_named_by():
    x = _random(BATCH, 8, 5, 2)
    for axis, number in (("time", 1), ("sensors", 2)):
        actual = _numpy(OrientedPooling(axis)(x))
        np.testing.assert_allclose(actual, x.mean(axis=number), atol=1e-6)
    with pytest.raises(ConfigurationError, match="time, sensors, not 'space'"):
        OrientedPooling("space")


@pytest.mark.parametrize(("sensors", "bins"), [(30, 42), (26, 7), (5, 5)])
def test_bins_are_means_over_the_positions_they_touch(sensors, bins):
    x = _random(BATCH, 8, sensors, 2)
    actual = _numpy(OrientedPooling("time", bins=bins)(x))
    for i in range(bins):
        first = int(np.floor(i * sensors / bins))
        last = int(np.ceil((i + 1) * sensors / bins))
        expected = x[:, :, first:last].mean(axis=(1, 2))
        np.testing.assert_allclose(actual[:, i], expected, atol=1e-6)


def test_bins_equal_torch():
    torch = pytest.importorskip("torch", reason="no PyTorch")
    x = _random(BATCH, 42, 30, 16)
    pool = torch.nn.AdaptiveAvgPool2d((1, 42))
    expected = pool(torch.from_numpy(x.transpose(0, 3, 1, 2)))[:, :, 0]
    actual = _numpy(OrientedPooling("time", bins=42)(x))
    np.testing.assert_allclose(
        actual.transpose(0, 2, 1), expected.numpy(), atol=1e-6
    )


# --- Channels ---


def test_selected_channels_keep_their_mask():
    x = _random(BATCH, TOKENS, 6)
    x[1, 2:] = 0.0
    masked = keras.layers.Masking()(x)
    for start, stop in ((0, 4), (-2, None), (0, -2)):
        y = SelectChannels(start, stop)(masked)
        np.testing.assert_array_equal(_numpy(y), x[..., start:stop])
        np.testing.assert_array_equal(y._keras_mask, masked._keras_mask)
