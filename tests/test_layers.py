"""Every custom layer against plain NumPy or stock Keras layers."""

import inspect

import keras
import numpy as np
import pytest

from keras_pain import layers
from keras_pain.layers import (
    AttentionPooling,
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
    TransformerEncoder,
    TrilinearUpsampling,
    UnfoldBodyParts,
    UnfoldFrames,
)

# Keras' own conversion to NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")

BATCH, TIME, PARTS = 3, 7, 13
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

SHAPES = {
    FrameMasking: ({"mask_value": 2.0}, (TIME, 3, 2)),
    SplitBodyParts: ({"parts": 4}, (TIME, 10)),
    JoinBodyParts: ({"parts": 4}, (TIME, 4, 2)),
    FoldBodyParts: ({"parts": 4}, (TIME, 10)),
    UnfoldBodyParts: ({"parts": 1}, (TIME, 5)),
    TemporalAttention: ({}, (TIME, 4, 3)),
    AttentionPooling: ({}, [(TIME, 4), (TIME, 4, 3)]),
    MaskedSumPooling: ({}, (TIME, 4, 3)),
    GroupedLSTM: (
        {
            "units": 3,
            "groups": 4,
            "recurrent_activation": "hard_sigmoid",
            "return_state": True,
            "zero_output_for_mask": True,
        },
        (TIME, 4, 2),
    ),
    GroupedDense: ({"units": 3}, (TIME, 4, 2)),
    GraphMean: ({"graph": "as_coded", "hops": 2}, (TIME, 68, 3)),
    GraphAttention: ({"graph": "as_coded", "hops": 2}, (TIME, 68, 3)),
    NormalizeLandmarks: ({}, (TIME, 68, 2)),
    FoldFrames: ({}, (TIME, 4, 3)),
    UnfoldFrames: ({"time": 1}, (4, 3)),
    ImprovedSE: ({"ratio": 2, "shared": False}, (TIME, 4, 3, 6)),
    TrilinearUpsampling: (
        {
            "size": (2, 2, 2),
            "output_size": (9, 4, 7),
            "align_corners": True,
        },
        (TIME, 4, 3, 2),
    ),
    OrientedPooling: ({"axis": "sensors", "bins": 9}, (TIME, 4, 3)),
    SelectChannels: ({"start": 1, "stop": -1}, (TIME, 5)),
    ChannelAttention: ({"reduction": 2}, (4, 3, 6)),
    SpatialAttention: ({"kernel_size": 3}, (4, 3, 6)),
    ClassTokenAndPositions: ({}, (4, 6)),
    CrossAttention: (
        {"num_heads": 2, "keys": "class_tokens"},
        [(4, 6), (3, 6)],
    ),
    TransformerEncoder: (
        {
            "num_heads": 2,
            "key_dim": 4,
            "ff_units": 6,
            "dropout": 0.3,
            "norm": "pre",
            "activation": "gelu",
            "epsilon": 1e-4,
            "torch_init": "linear",
            "across_batch": True,
        },
        (TIME, 5),
    ),
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
    if kind.__init__ is not keras.layers.Layer.__init__:
        parameters = inspect.signature(kind.__init__).parameters
        assert set(arguments) == set(parameters) - {"self", "kwargs"}
    for name, value in arguments.items():
        assert config[name] == value
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.models.load_model(path)
    for a, b in zip(
        keras.tree.flatten(_numpy(loaded(x))),
        keras.tree.flatten(expected),
        strict=True,
    ):
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
    with pytest.raises(ValueError, match="13 angles and 13 energies"):
        FoldBodyParts()(_random(1, TIME, 25))


def test_frame_masking():
    x = _random(BATCH, TIME, 4, 2)
    x[:, 2, 1] = 0.0  # a part without signal is no padded frame
    x *= MASK[..., None, None]
    y = FrameMasking()(x)
    np.testing.assert_array_equal(y._keras_mask, MASK)
    np.testing.assert_array_equal(y, x)


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
    np.testing.assert_allclose(
        sums[0], (x * MASK[..., None, None]).sum(axis=1), atol=1e-5
    )


def test_window_without_a_real_frame_gets_no_weight():
    x = _random(1, TIME, 4, 3)
    weights = TemporalAttention()(x, mask=np.zeros((1, TIME), bool))
    np.testing.assert_array_equal(weights, np.zeros((1, TIME, 4)))


def test_attention_pooling_by_hand():
    weights, x = _random(BATCH, TIME, 4), _random(BATCH, TIME, 4, 3, seed=2)
    np.testing.assert_allclose(
        AttentionPooling()([weights, x]),
        np.einsum("btg,btgf->bgf", weights, x),
        atol=1e-5,
    )
    np.testing.assert_allclose(
        AttentionPooling()([weights[..., 0], x[:, :, 0]]),
        np.einsum("bt,btf->bf", weights[..., 0], x[:, :, 0]),
        atol=1e-5,
    )


# --- Groups ---


@pytest.mark.parametrize("zeros", [False, True])
def test_grouped_lstm_equals_separate_lstms(zeros):
    x, units = _random(BATCH, TIME, PARTS, 2), 8
    options = {"return_state": True, "zero_output_for_mask": zeros}
    grouped = GroupedLSTM(units, PARTS, **options)
    grouped.build(x.shape)
    _fill(grouped)
    cell = grouped.loop.cell
    weights = [
        _numpy(w) for w in (grouped.kernel, cell.recurrent_kernel, grouped.bias)
    ]
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
        np.testing.assert_allclose(
            actual[:, :, c], dense(x[:, :, c]), atol=1e-5
        )
