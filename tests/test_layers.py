"""Every custom layer against plain NumPy, stock Keras layers or PyTorch."""

import inspect
import warnings

import keras
import numpy as np
import pytest

from keras_pain import layers
from keras_pain.errors import ConfigurationError
from keras_pain.layers import (
    AttentionPooling,
    BatchNormalization,
    ChannelAttention,
    ClassTokenAndPositions,
    CrossAttention,
    FoldBodyParts,
    FoldFrames,
    FrameMasking,
    GraphAttention,
    GraphMean,
    GroupedDense,
    GroupedLSTM,
    ImprovedSE,
    JoinBodyParts,
    MaskedSumPooling,
    NormalizeLandmarks,
    OrientedPooling,
    SelectChannels,
    SpatialAttention,
    SplitBodyParts,
    TemporalAttention,
    TimeMaxPooling,
    TransformerEncoder,
    TrilinearUpsampling,
    UnfoldBodyParts,
    UnfoldFrames,
)

BATCH, TIME, PARTS = 3, 7, 13
TOKENS, WIDTH, HEADS, SIZE, HIDDEN = 6, 7, 2, 4, 5  # of the encoder
LENGTHS = np.array([7, 4, 1])
MASK = np.arange(TIME) < LENGTHS[:, None]


def _random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def _fill(layer, seed=1):
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        weight.assign(rng.normal(0, 0.5, size=weight.shape))
    return layer


def _numpy(x):
    return keras.tree.map_structure(keras.ops.convert_to_numpy, x)


# --- All layers: shapes, serialisation, dtype ---

_LSTM = {"units": 3, "groups": 4, "recurrent_activation": "hard_sigmoid"}
_LSTM |= {"return_state": True, "zero_output_for_mask": True}
_CROSS = {"num_heads": 2, "keys": "class_tokens", "dropout": 0.2}
_ENCODER = {"num_heads": 2, "key_dim": 4, "ff_units": 6, "dropout": 0.3}
_ENCODER |= {"norm": "pre", "activation": "gelu", "epsilon": 1e-4}
_ENCODER |= {"torch_init": "linear", "across_batch": True}
SHAPES = {
    FrameMasking: ({"mask_value": 2.0}, (TIME, 3, 2)),
    SplitBodyParts: ({"parts": 4, "features": 3}, (TIME, 14)),
    JoinBodyParts: ({"parts": 4, "features": 3}, (TIME, 4, 3)),
    FoldBodyParts: ({"parts": 4, "features": 3}, (TIME, 14)),
    UnfoldBodyParts: ({"parts": 1, "features": 5}, (TIME, 5)),
    TemporalAttention: ({}, (TIME, 4, 3)),
    AttentionPooling: ({}, [(TIME, 4), (TIME, 4, 3)]),
    MaskedSumPooling: ({}, (TIME, 4, 3)),
    GroupedLSTM: (_LSTM, (TIME, 4, 2)),
    GroupedDense: ({"units": 3}, (TIME, 4, 2)),
    GraphMean: ({"graph": "as_released", "hops": 2}, (TIME, 68, 3)),
    GraphAttention: ({"graph": "as_released", "hops": 2}, (TIME, 68, 3)),
    NormalizeLandmarks: ({}, (TIME, 68, 2)),
    FoldFrames: ({}, (TIME, 4, 3)),
    UnfoldFrames: ({"time": 1}, (4, 3)),
    ImprovedSE: ({"ratio": 2, "shared": False}, (TIME, 4, 3, 6)),
    TrilinearUpsampling: (
        {"size": (2, 2, 2), "output_size": (9, 4, 7), "align_corners": True},
        (TIME, 4, 3, 2),
    ),
    OrientedPooling: ({"axis": "sensors", "bins": 9}, (TIME, 4, 3)),
    BatchNormalization: (
        {"momentum": 0.7, "epsilon": 0.01},
        (TIME, 4, 3),
    ),
    TimeMaxPooling: ({}, (TIME, 4, 3)),
    SelectChannels: ({"start": 1, "stop": -1}, (TIME, 5)),
    ChannelAttention: ({"reduction": 2}, (4, 3, 6)),
    SpatialAttention: ({"kernel_size": 3}, (4, 3, 6)),
    ClassTokenAndPositions: ({}, (4, 6)),
    CrossAttention: (_CROSS, [(4, 6), (3, 6)]),
    TransformerEncoder: (_ENCODER, (TIME, 5)),
}


def test_all_layers_are_tested():
    public = {getattr(layers, name) for name in layers.__all__}
    # The cell cannot run without its loop; GroupedLSTM covers it.
    assert {*SHAPES, layers.GroupedLSTMCell} == public


@pytest.mark.parametrize("kind", SHAPES, ids=lambda kind: kind.__name__)
def test_layer_contract(kind, tmp_path):
    arguments, shape = SHAPES[kind]
    several = isinstance(shape, list)
    shapes = shape if several else [shape]
    inputs = [keras.Input(s) for s in shapes]
    layer = kind(**arguments, name="tested")
    model = keras.Model(inputs, layer(inputs if several else inputs[0]))
    x = [_random(BATCH, *s) for s in shapes]
    expected = _numpy(model(x))

    # Declared shapes are the real ones, with and without a batch size.
    batched = [(BATCH, *s) for s in shapes]
    declared = layer.compute_output_shape(batched if several else batched[0])
    real = [tuple(a.shape) for a in keras.tree.flatten(expected)]
    flat = [declared] if isinstance(declared[0], int) else list(declared)
    assert flat == real
    symbolic = [tuple(a.shape)[1:] for a in keras.tree.flatten(model.output)]
    assert symbolic == [a[1:] for a in real]

    # Every argument is in the configuration, and survives a file.
    config = layer.get_config()
    parameters = inspect.signature(kind).parameters
    assert set(arguments) == set(parameters) - {"kwargs"}
    for name, value in arguments.items():
        assert config[name] == value
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.models.load_model(path)
    found = _numpy(loaded(x)), expected
    for a, b in zip(*map(keras.tree.flatten, found), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)

    half = kind(**arguments, dtype="mixed_float16")
    x16 = [a.astype("float16") for a in x]
    for a in keras.tree.flatten(_numpy(half(x16 if several else x16[0]))):
        assert a.dtype == np.float16 and np.isfinite(a).all()


# --- Body parts ---


def test_fold_and_unfold_body_parts():
    x = _random(BATCH, TIME, 30)
    masked = keras.layers.Masking()(x * MASK[..., None])
    folded = FoldBodyParts()(masked)
    assert folded.shape == (BATCH * PARTS, TIME, 2)
    for b, c in [(0, 0), (1, 5), (2, 12)]:
        row = b * PARTS + c
        np.testing.assert_array_equal(folded[row, :, 0], masked[b, :, c])
        np.testing.assert_array_equal(folded[row, :, 1], masked[b, :, 13 + c])
        np.testing.assert_array_equal(folded._keras_mask[row], MASK[b])
    unfolded = UnfoldBodyParts()(folded)
    assert unfolded.shape == (BATCH, TIME, PARTS, 2)
    np.testing.assert_array_equal(unfolded, SplitBodyParts()(masked))
    np.testing.assert_array_equal(unfolded._keras_mask, MASK)
    joined = JoinBodyParts()(unfolded)
    np.testing.assert_array_equal(joined, masked[:, :, :26])


def test_too_few_channels_are_refused():
    with pytest.raises(ValueError, match="2 channels of each of 13 parts"):
        FoldBodyParts()(_random(1, TIME, 25))


def test_a_mask_goes_on_ends_or_is_said_to_be_lost():
    masked = keras.layers.Masking()(_random(BATCH, TIME, 26))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        kept = SplitBodyParts()(masked)
        ended = MaskedSumPooling()(kept)
    assert not caught and kept._keras_mask is not None
    assert getattr(ended, "_keras_mask", None) is None
    with pytest.warns(UserWarning, match="destroy the mask"):
        TransformerEncoder(2, 4, 6)(masked)


def test_another_number_of_groups_is_refused():
    with pytest.raises(ConfigurationError, match="needs 3 groups, not 4"):
        GroupedLSTM(2, 3)(_random(BATCH, TIME, 4, 2))


def test_frame_masking():
    x = _random(BATCH, TIME, 4, 2)
    x[:, 2, 1] = 0.0  # a part without signal is no padded frame
    x *= MASK[..., None, None]
    y = FrameMasking()(x)
    np.testing.assert_array_equal(y._keras_mask, MASK)
    np.testing.assert_array_equal(y, x)


@pytest.mark.parametrize("trainable", [True, False])
def test_sensor_batch_normalization_is_keras_own(trainable, tmp_path):
    """Output, gradients and statistics; files of the one fit the other."""
    import tensorflow as tf

    x = 3 + _random(5, TIME, 4, 3)
    direction = _random(*x.shape, seed=3)
    found = []
    for kind in (keras.layers.BatchNormalization, BatchNormalization):
        options = {"momentum": 0.9, "epsilon": 1e-5, "trainable": trainable}
        layer = kind(**options, name="norm")
        layer.build(x.shape)
        for weight in _fill(layer).weights:
            weight.assign(abs(weight))
        inputs = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            y = layer(inputs, training=True)
            loss = tf.reduce_sum(y * direction)
        weights = [weight.value for weight in layer.trainable_weights]
        gradients = tape.gradient(loss, [inputs, *weights])
        calm = layer(x, training=False)
        found.append([y, calm, *gradients, *layer.weights])
        assert len(gradients) == 1 + 2 * trainable
        model = keras.Sequential([keras.Input(x.shape[1:]), layer])
        path = tmp_path / f"{len(found)}"
        model.save_weights(f"{path}.weights.h5")
        model.save(f"{path}.keras")
        loaded = keras.models.load_model(f"{path}.keras")
        assert type(loaded.layers[0]) is kind
        np.testing.assert_allclose(loaded(x), calm, atol=1e-6)
    theirs, ours = map(_numpy, found)
    for a, b in zip(theirs, ours, strict=True):
        np.testing.assert_allclose(b, a, atol=2e-5)
    assert np.ptp(ours[2]) > 1e-3
    model.load_weights(tmp_path / "1.weights.h5")
    np.testing.assert_allclose(model(x), theirs[1], atol=1e-6)


def test_time_max_pooling_is_keras_own():
    x = _random(BATCH, TIME, 4, 3)
    expected = keras.layers.MaxPooling2D((2, 1))(x)
    np.testing.assert_array_equal(TimeMaxPooling()(x), expected)


# --- Attention ---


def _softmax(scores, mask):
    weights = np.where(mask, np.exp(scores - scores.max()), 0.0)
    return weights / weights.sum(axis=1, keepdims=True)


def test_temporal_attention_by_hand():
    x = _random(BATCH, TIME, 4, 3)
    layer = TemporalAttention()
    layer.build(x.shape)
    kernel, bias = (_numpy(w) for w in _fill(layer).weights)
    scores = np.einsum("btgf,gf->btg", x, kernel) + bias
    expected = _softmax(scores, MASK[..., None])
    actual = _numpy(layer(x, mask=MASK))
    np.testing.assert_allclose(actual, expected, atol=1e-6)
    assert (actual[~MASK] == 0.0).all()
    np.testing.assert_allclose(actual.sum(axis=1), 1.0, atol=1e-6)


def test_temporal_attention_is_a_convolution_of_width_one():
    x = _random(BATCH, TIME, 3)
    layer, conv = TemporalAttention(), keras.layers.Conv1D(1, 1)
    layer.build(x.shape), conv.build(x.shape)
    kernel, bias = (_numpy(w) for w in _fill(layer).weights)
    conv.set_weights([kernel[0][None, :, None], bias])
    expected = keras.ops.softmax(conv(x), axis=1)[..., 0]
    np.testing.assert_allclose(layer(x), expected, atol=1e-6)


def test_temporal_attention_starts_as_a_convolution():
    keras.utils.set_random_seed(0)
    layer, conv = TemporalAttention(), keras.layers.Conv1D(1, 1)
    layer.build((None, TIME, 4000, 3)), conv.build((None, TIME, 3))
    limit = np.sqrt(6 / (3 + 1))
    drawn = np.abs(_numpy(layer.kernel))
    assert 0.99 * limit < drawn.max() <= limit
    assert np.abs(_numpy(conv.kernel)).max() <= limit


def test_garbage_behind_the_mask_changes_nothing():
    x = _random(BATCH, TIME, 4, 3)
    garbage = np.where(MASK[..., None, None], x, 1e4).astype("float32")
    attention = TemporalAttention()
    pooled = []
    for data in (x, garbage):
        weights = attention(data, mask=MASK)
        pooled.append(_numpy(AttentionPooling()([weights, data])))
    np.testing.assert_allclose(pooled[0], pooled[1], atol=1e-6)
    sums = [_numpy(MaskedSumPooling()(d, mask=MASK)) for d in (x, garbage)]
    np.testing.assert_array_equal(sums[0], sums[1])
    expected = (x * MASK[..., None, None]).sum(axis=1)
    np.testing.assert_allclose(sums[0], expected, atol=1e-5)


def test_window_without_a_real_frame_gets_no_weight():
    x = _random(1, TIME, 4, 3)
    weights = TemporalAttention()(x, mask=np.zeros((1, TIME), bool))
    np.testing.assert_array_equal(weights, np.zeros((1, TIME, 4)))


def test_attention_pooling_by_hand():
    weights, x = _random(BATCH, TIME, 4), _random(BATCH, TIME, 4, 3, seed=2)
    one = weights[..., 0], x[:, :, 0]
    for pair, rule in (((weights, x), "btg,btgf->bgf"), (one, "bt,btf->bf")):
        found, expected = AttentionPooling()([*pair]), np.einsum(rule, *pair)
        np.testing.assert_allclose(found, expected, atol=1e-5)


# --- Groups ---


@pytest.mark.parametrize("zeros", [False, True])
def test_grouped_lstm_equals_separate_lstms(zeros):
    x, units = _random(BATCH, TIME, PARTS, 2), 8
    options = {"return_state": True, "zero_output_for_mask": zeros}
    grouped = GroupedLSTM(units, PARTS, **options)
    grouped.build(x.shape)
    _fill(grouped)
    recurrent = grouped.loop.cell.recurrent_kernel
    weights = _numpy([grouped.kernel, recurrent, grouped.bias])
    sequence, hidden, carry = _numpy(grouped(x, mask=MASK))
    for c in range(PARTS):
        lstm = keras.layers.LSTM(units, return_sequences=True, **options)
        lstm.build((None, TIME, 2))
        lstm.set_weights([w[c] for w in weights])
        expected = _numpy(lstm(x[:, :, c], mask=MASK))
        np.testing.assert_allclose(sequence[:, :, c], expected[0], atol=1e-5)
        np.testing.assert_allclose(hidden[:, c], expected[1], atol=1e-5)
        np.testing.assert_allclose(carry[:, c], expected[2], atol=1e-5)
    last = sequence[np.arange(BATCH), LENGTHS - 1]
    np.testing.assert_allclose(hidden, last, atol=1e-6)
    assert (sequence[~MASK] == 0.0).all() == zeros


def test_grouped_lstm_starts_as_separate_lstms():
    keras.utils.set_random_seed(0)
    grouped = GroupedLSTM(8, PARTS)
    grouped.build((None, TIME, PARTS, 2))
    lstm = keras.layers.LSTM(8)
    lstm.build((None, TIME, 2))
    limit = np.sqrt(6 / (2 + 32))
    kernel = _numpy(grouped.kernel)
    assert 0.9 * limit < np.abs(kernel).max() <= limit
    assert len(np.unique(kernel)) == kernel.size  # no group repeats another
    for group in _numpy(grouped.loop.cell.recurrent_kernel):
        np.testing.assert_allclose(group @ group.T, np.eye(8), atol=1e-5)
    for group in _numpy(grouped.bias):
        np.testing.assert_array_equal(group, lstm.get_weights()[2])


def test_grouped_dense_equals_separate_dense():
    x = _random(BATCH, TIME, 4, 3)
    grouped = GroupedDense(5)
    grouped.build(x.shape)
    kernel, bias = (_numpy(w) for w in _fill(grouped).weights)
    actual = _numpy(grouped(x))
    for c in range(4):
        dense = keras.layers.Dense(5)
        dense.build((None, 3))
        dense.set_weights([kernel[c], bias[c]])
        expected = dense(x[:, :, c])
        np.testing.assert_allclose(actual[:, :, c], expected, atol=1e-5)


# --- Transformer encoder ---


def _encoder(**options):
    layer = TransformerEncoder(HEADS, SIZE, HIDDEN, name="encoder", **options)
    layer.build((None, TOKENS, WIDTH))
    return layer


def _stock_attention(layer, x):
    """`keras.layers.MultiHeadAttention` with the layer's weights."""
    stock = keras.layers.MultiHeadAttention(HEADS, SIZE)
    stock.build(x.shape, x.shape)
    kernel, bias = layer.in_proj.get_weights()
    kernel = kernel.reshape(WIDTH, 3, HEADS, SIZE)
    bias = bias.reshape(3, HEADS, SIZE)
    parts = [part for i in range(3) for part in (kernel[:, i], bias[i])]
    kernel, bias = layer.out_proj.get_weights()
    stock.set_weights([*parts, kernel.reshape(HEADS, SIZE, WIDTH), bias])
    return stock(x, x, return_attention_scores=True)


@pytest.mark.parametrize("norm", ["post", "pre"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_encoder_equals_stock_layers(norm, activation):
    layer = _fill(_encoder(norm=norm, activation=activation, epsilon=1e-2))
    x = _random(BATCH, TOKENS, WIDTH, seed=99)
    actual, scores = _numpy(layer(x, return_attention_scores=True))
    np.testing.assert_array_equal(_numpy(layer(x)), actual)

    def norm_with(source, y):
        stock = keras.layers.LayerNormalization(epsilon=1e-2)
        stock.build(y.shape)
        stock.set_weights(source.get_weights())
        return _numpy(stock(y))

    def feed_forward(y):
        a, b = layer.linear1.get_weights()
        c, d = layer.linear2.get_weights()
        function = keras.activations.get(activation)
        return _numpy(function(keras.ops.convert_to_tensor(y @ a + b))) @ c + d

    if norm == "post":
        attended, expected_scores = _numpy(_stock_attention(layer, x))
        y = norm_with(layer.norm1, x + attended)
        y = norm_with(layer.norm2, y + feed_forward(y))
    else:
        normed = norm_with(layer.norm1, x)
        attended, expected_scores = _numpy(_stock_attention(layer, normed))
        y = x + attended
        y = y + feed_forward(norm_with(layer.norm2, y))
    np.testing.assert_allclose(scores, expected_scores, atol=1e-5)
    np.testing.assert_allclose(scores.sum(axis=-1), 1.0, atol=1e-5)
    np.testing.assert_allclose(actual, y, atol=1e-4)


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_encoder_equals_torch(norm):
    torch = pytest.importorskip("torch", reason="no PyTorch")
    from aacsfnet_torch import copy_encoder

    torch.manual_seed(0)
    original = torch.nn.TransformerEncoderLayer(
        8, 2, 5, batch_first=True, norm_first=norm == "pre"
    ).eval()
    layer = TransformerEncoder(2, 4, 5, norm=norm)
    layer.build((None, TOKENS, 8))
    copy_encoder(original, layer)
    x = _random(BATCH, TOKENS, 8)
    with torch.no_grad():
        expected = original(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(_numpy(layer(x)), expected, atol=1e-5)


def test_encoder_drops_out_in_four_places():
    x = _random(BATCH, TOKENS, WIDTH)
    names = ("_dropout_attention", "_dropout", "_dropout1", "_dropout2")
    layer = _fill(_encoder(dropout=0.5))
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


def test_encoder_starts_as_in_torch():
    keras.utils.set_random_seed(0)
    width, heads, size, hidden = 60, 5, 16, 90
    layer = TransformerEncoder(heads, size, hidden)
    layer.build((None, TOKENS, width))
    inner = heads * size
    _assert_uniform(layer.in_proj.kernel, (6 / (width + 3 * inner)) ** 0.5)
    _assert_uniform(layer.out_proj.kernel, inner**-0.5)
    _assert_uniform(layer.linear1.kernel, width**-0.5)
    _assert_uniform(layer.linear2.kernel, hidden**-0.5)
    for dense in (layer.in_proj, layer.out_proj):
        assert not _numpy(dense.bias).any()
    for dense, fan_in in ((layer.linear1, width), (layer.linear2, hidden)):
        bias = _numpy(dense.bias)
        assert 0.8 * fan_in**-0.5 < np.abs(bias).max() <= fan_in**-0.5


def test_torch_starts_as_we_think():
    torch = pytest.importorskip("torch", reason="no PyTorch")
    torch.manual_seed(0)
    d, hidden = 60, 90
    layer = torch.nn.TransformerEncoderLayer(d, 5, hidden)
    for name, weight, bias in (
        ("self_attn.in_proj_", (6 / (d + 3 * d)) ** 0.5, 0.0),
        ("self_attn.out_proj.", d**-0.5, 0.0),
        ("linear1.", d**-0.5, d**-0.5),
        ("linear2.", hidden**-0.5, hidden**-0.5),
    ):
        for kind, limit in (("weight", weight), ("bias", bias)):
            largest = layer.state_dict()[name + kind].abs().max().item()
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
    expected = expected.numpy().transpose(0, 2, 1)
    np.testing.assert_allclose(actual, expected, atol=1e-6)


# --- Channels ---


def test_selected_channels_keep_their_mask():
    x = _random(BATCH, TOKENS, 6)
    x[1, 2:] = 0.0
    masked = keras.layers.Masking()(x)
    for start, stop in ((0, 4), (-2, None), (0, -2)):
        y = SelectChannels(start, stop)(masked)
        np.testing.assert_array_equal(_numpy(y), x[..., start:stop])
        np.testing.assert_array_equal(y._keras_mask, masked._keras_mask)
