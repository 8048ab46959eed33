"""The FLOP counter against numbers worked out by hand."""

import keras
import pytest
from keras import layers

from keras_pain.errors import ConfigurationError
from keras_pain.layers import GroupedDense, GroupedLSTM, TransformerEncoder
from keras_pain.models import flops
from keras_pain.models.banet import BANet
from keras_pain.models.flops import count_flops, weightless
from keras_pain.models.registry import MODELS
from keras_pain.models.stacked_lstm import StackedLSTM


def _model(shape, *stack):
    x = inputs = keras.Input(shape)
    for layer in stack:
        x = layer(x)
    return keras.Model(inputs, x)


@pytest.mark.parametrize(
    ("shape", "stack", "expected"),
    [
        # The loop trap: 64.8 k if the loop's body is counted once.
        ((180, 30), [layers.LSTM(64)], 8_663_040),
        ((7,), [layers.Dense(5)], 70),
        ((4, 7), [layers.Dense(5)], 280),
        ((10, 3), [layers.Conv1D(4, 3)], 2 * 8 * 4 * 3 * 3),
        (
            (9, 9, 6),
            [layers.Conv2D(8, 3, strides=2, padding="same", groups=2)],
            2 * (5 * 5 * 8) * (3 * 3 * 3),
        ),
        (
            (8, 16, 16, 3),
            [layers.Conv3D(4, (3, 5, 5), padding="same")],
            2 * (8 * 16 * 16 * 4) * (3 * 5 * 5 * 3),
        ),
        ((10, 3, 2), [GroupedLSTM(4, 3)], 2 * 10 * 3 * 16 * (2 + 4)),
        ((10, 3, 4), [GroupedDense(2)], 2 * 10 * 3 * 4 * 2),
        (
            (10, 3),
            [layers.Bidirectional(layers.LSTM(4, return_sequences=True))],
            2 * 2 * 10 * 16 * (3 + 4),
        ),
        ((10, 3), [layers.GRU(4)], 2 * 10 * 12 * (3 + 4)),
        ((10, 3), [layers.SimpleRNN(4)], 2 * 10 * 4 * (3 + 4)),
        (
            (9, 9, 6),
            [layers.SeparableConv2D(5, 3, depth_multiplier=2)],
            2 * 7 * 7 * (6 * 2 * 3 * 3 + 12 * 5),
        ),
        (
            (4, 5, 6),
            [layers.Conv2DTranspose(8, 3, strides=2)],
            2 * (4 * 5 * 6) * (3 * 3 * 8),
        ),
        # Frames of a clip, folded: 5 pictures.
        (
            (5, 8, 8, 3),
            [layers.TimeDistributed(layers.Conv2D(4, 3))],
            5 * 2 * (6 * 6 * 4) * (3 * 3 * 3),
        ),
        ((4, 7), [layers.EinsumDense("abc,cde->abde", (None, 2, 3))], 336),
        # Two weighed neighbours along the height, then along the width.
        (
            (3, 4, 2),
            [layers.UpSampling2D(2, interpolation="bilinear")],
            2 * 2 * (6 * 4 * 2 + 6 * 8 * 2),
        ),
        # Two filters for each of 6 channels.
        (
            (9, 9, 6),
            [layers.DepthwiseConv2D(7, depth_multiplier=2, padding="same")],
            2 * 9 * 9 * 12 * 7 * 7,
        ),
        (
            (8, 6, 4, 3),
            [
                layers.Rescaling(1 / 127.5, offset=-1),
                layers.MaxPooling3D(2, padding="same"),
                layers.BatchNormalization(),
                layers.GlobalAveragePooling3D(),
                layers.LayerNormalization(),
                layers.Dense(1),
            ],
            6,
        ),
        (
            (9, 6),
            [TransformerEncoder(num_heads=2, key_dim=5, ff_units=7)],
            # Projections, queries by keys, weights by values, hidden units.
            2 * 9 * (3 * 6 * 10 + 10 * 6)
            + 2 * (2 * 9 * 9 * 2 * 5)
            + 2 * 9 * (6 * 7 + 7 * 6),
        ),
    ],
)
def test_layers_by_hand(shape, stack, expected):
    model = _model(shape, *stack)
    assert count_flops(model) == expected
    assert count_flops(model, batch_size=6) == 6 * expected


def test_models_by_hand():
    # LSTM 32 three times, then 32 -> 2.
    lstm = 2 * 180 * 128
    assert count_flops(StackedLSTM()) == lstm * (62 + 64 + 64) + 2 * 32 * 2
    # Autoencoder: 30 -> 8 -> 8 -> 30 on every frame.
    frame = 32 * (30 + 8) + 32 * (8 + 8) + 8 * 30
    autoencoder = MODELS["alanet_autoencoder"].build()
    assert count_flops(autoencoder) == 2 * 180 * frame
    # BANet: 13 parts; scores and weighted sum; two 13 x 13; 104 -> 2.
    encoder = 32 * (2 + 8) + 2 * 32 * (8 + 8)
    rest = 2 * 8 * 13 * 13 + 104 * 2
    expected = 2 * (180 * 13 * (encoder + 8 + 8) + rest)
    assert count_flops(BANet()) == expected
    # L-SFAN: four convolutions on 30 sensors, 16 tokens of 30, 480 -> 2.
    pixels = 178 * 2 * 9 + 176 * 4 * 18 + 86 * 8 * 36 + 84 * 16 * 72
    encoder = 16 * (4 * 30 * 30 + 2 * 30 * 30) + 2 * 16 * 16 * 30
    expected = 2 * (30 * pixels + encoder + 480 * 2)
    assert count_flops(MODELS["lsfan"].build()) == expected


def test_multi_head_attention():
    query, value = keras.Input((5, 6)), keras.Input((7, 4))
    attend = layers.MultiHeadAttention(3, key_dim=2, value_dim=8)
    model = keras.Model([query, value], attend(query, value))
    projections = 5 * 6 * 6 + 7 * 4 * 6 + 7 * 4 * 24 + 5 * 24 * 6
    products = 5 * 7 * 3 * (2 + 8)
    assert count_flops(model) == 2 * (projections + products)


def test_layers_by_element_are_free_but_not_what_they_wrap():
    stack = [
        layers.LeakyReLU(),
        layers.GroupNormalization(2),
        layers.SpatialDropout1D(0.2),
        layers.AveragePooling1D(2),
        layers.Cropping1D((1, 0)),
        layers.UpSampling1D(2),
    ]
    assert count_flops(_model((8, 4), *stack)) == 0
    wrapped = layers.SpectralNormalization(layers.Dense(3))
    with pytest.raises(ConfigurationError, match="SpectralNormalization"):
        count_flops(_model((4,), wrapped))


def test_attention_between_two_inputs():
    query, value = keras.Input((5, 6)), keras.Input((7, 4))
    weighed = layers.Attention()([query, layers.Dense(6)(value)])
    model = keras.Model([query, value], weighed)
    assert count_flops(model) == 2 * (7 * 4 * 6 + 5 * 7 * 12)


def test_backbone_of_keras_applications():
    # Liu et al., CVPR 2022, table 1: 4.5 G multiply-adds.
    with weightless():
        backbone = keras.applications.ConvNeXtTiny(
            weights=None, include_top=False, pooling="avg"
        )
        inputs = keras.Input((224, 224, 3))
        model = keras.Model(inputs, layers.Dense(1)(backbone(inputs)))
        assert count_flops(model) / 2 == pytest.approx(4.5e9, rel=0.012)


def test_shared_layers_count_at_every_call():
    shared, inputs = layers.Dense(5), keras.Input((5,))
    model = keras.Model(inputs, shared(shared(inputs)))
    assert count_flops(model) == 2 * 50


def test_nested_models_count():
    inner = _model((4, 3), layers.LSTM(2))
    sequential = keras.Sequential([keras.Input((4, 3)), layers.LSTM(2)])
    a, b = keras.Input((4, 3)), keras.Input((4, 3))
    joined = layers.Concatenate()([inner(a), sequential(b), inner(b)])
    model = keras.Model([a, b], layers.Dense(1)(joined))
    one = 2 * 4 * 8 * 5
    assert count_flops(inner) == count_flops(sequential) == one
    assert count_flops(model) == 3 * one + 2 * 6


def test_counting_leaves_the_model_alone():
    model = StackedLSTM((24, 30))
    lstm = model.get_layer("lstm_1")
    count_flops(model, batch_size=2)
    assert lstm.output.shape == (None, 24, 32)


class _Unchanged:
    def call(self, x):
        return x

    def compute_output_shape(self, input_shape):
        return input_shape


def test_unknown_layer_is_named():
    class Strange(_Unchanged, layers.Layer):
        pass

    model = _model((3,), Strange(name="odd"))
    with pytest.raises(ConfigurationError, match="'odd'.*Strange"):
        count_flops(model)
    flops.register(Strange)(lambda layer, shapes: 3 * shapes[0][-1])
    try:
        assert count_flops(model) == 9
    finally:
        del flops.RULES[Strange]


def test_unfixed_time_is_named():
    model = _model((None, 3), layers.LSTM(2, name="endless"))
    with pytest.raises(ConfigurationError, match="'endless'.*not fixed"):
        count_flops(model)


def test_products_outside_layers_are_refused():
    inputs = keras.Input((3, 3))
    model = keras.Model(inputs, keras.ops.matmul(inputs, inputs))
    with pytest.raises(ConfigurationError, match="Matmul"):
        count_flops(model)


def test_subclassed_models_are_refused():
    class Opaque(_Unchanged, keras.Model):
        pass

    model = _model((3,), Opaque(name="opaque"))
    with pytest.raises(ConfigurationError, match="'opaque'"):
        count_flops(model)


def test_weightless_models_count_and_leave_nothing_behind():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        with weightless():
            model = MODELS["lsfan"].build()
            counts = model.count_params(), count_flops(model)
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")
    assert all(weight._value is None for weight in model.weights)
    real = MODELS["lsfan"].build()
    assert counts == (real.count_params(), count_flops(real))
    # Building another does not fill the first one's weights in.
    assert all(weight._value is None for weight in model.weights)
