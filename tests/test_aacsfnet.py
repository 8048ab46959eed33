"""AACSFNet: its sizes, the defects of its network, its attention maps."""

import itertools
import math

import keras
import numpy as np
import pytest
from model_checks import refusals
from small_aacsfnet import HAM, VIT, frames, outputs, small

from keras_pain.explain.attention import face_attention
from keras_pain.layers import (
    ChannelAttention,
    CrossAttention,
    SpatialAttention,
    TransformerEncoder,
)
from keras_pain.models.aacsfnet import AACSFNet, BiScaleCrossViT, ResNet50HAM
from keras_pain.models.flops import count_flops, weightless
from keras_pain.models.resnet import ResNet50

# --- Sizes ---


def _count(model, *beginnings):
    """Trained parameters of the layers whose names begin so."""
    return sum(
        math.prod(w.shape)
        for layer in model.layers
        if layer.name.startswith(beginnings)
        for w in layer.trainable_weights
    )


@pytest.fixture(scope="module")
def full():
    """Networks at full size, without their weights' memory."""
    with weightless():
        models = {
            "three": AACSFNet(mode="as_coded"),
            "two": AACSFNet(mode="as_coded", patch_sizes=(32, 16)),
            "corrected": AACSFNet(),
            "ham": ResNet50HAM(mode="as_coded"),
            "vit": BiScaleCrossViT(mode="as_coded"),
        }
    return models


def test_parts_have_the_released_codes_sizes(full):
    for name, whole, vit in (
        ("three", 31_162_845, 5_135_056),
        ("two", 29_637_213, 3_609_424),
    ):
        model = full[name]
        assert _count(model, "") == whole
        assert _count(model, "resnet50") == 23_508_032
        hybrid = ("channel_att", "spatial_att", "maps", "global")
        assert _count(model, *hybrid) == 2_212_988
        assert _count(model, "reduction", "channel_features") == 167_056
        spatial = ("patches", "tokens", "encoder", "token_", "cross")
        assert _count(model, *spatial, "spatial_features") == vit
        assert _count(model, "fusion") == 137_536
        assert _count(model, "head", "intensity") == 2_177
    assert _count(full["ham"], "") == 27_224_505 - 1_336_268
    assert _count(full["vit"], "") == 3_603_649
    # The final norm that the mean makes useless.
    assert _count(full["corrected"], "") == 29_637_213 - 2 * 49


def test_flops_are_those_that_were_measured(full):
    measured = {"three": 13.354e9, "ham": 8.924e9, "vit": 0.867e9}
    for name, expected in measured.items():
        assert count_flops(full[name]) == pytest.approx(expected, rel=1e-3)
    # Across the batch, a face costs the more the larger its batch is.
    per_face = count_flops(full["three"], 32) / 32
    assert per_face > count_flops(full["three"])
    three = count_flops(full["corrected"], 3)
    assert three == 3 * count_flops(full["corrected"])


def test_cross_attention_by_hand():
    scales = [keras.Input((n, 6)) for n in (5, 3)]
    for keys, asked in (("tokens", 8), ("class_tokens", 2)):
        answers, *maps = CrossAttention(2, keys=keys)(scales)
        projections = 2 * (2 * 36) + asked * (2 * 36)
        model = keras.Model(scales, [answers, *maps])
        expected = 2 * (projections + asked * 2 * 6)
        assert count_flops(model) == expected


# --- What the defects do ---


def _moves(model, x, layer):
    """How much the first example's output moves with the second's input."""
    y = x.copy()
    y[1] = 255 - y[1]
    moved = outputs(model, y, layer)[0] - outputs(model, x, layer)[0]
    return np.abs(moved).max()


def _stir(model):
    """Scales and offsets of the normalisations off their starts."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if weight.name in ("gamma", "beta"):
            value = keras.ops.convert_to_numpy(weight)
            weight.assign(value + rng.normal(0, 0.5, size=weight.shape))
    return model


def test_attention_across_the_batch():
    x = frames()
    switches = ("channels_across_batch", "branches_across_batch")
    for one, other in (switches, switches[::-1]):
        # All else as coded: the switch alone decides.
        model = _stir(small(mode="as_coded", **{one: True, other: False}))
        moves = [_moves(model, x, f) for f in ("channel_means", "flatten")]
        if one == "channels_across_batch":
            assert min(moves) > 1e-4
        else:
            assert moves[0] < 1e-5 and moves[1] > 1e-4
        assert np.isfinite(outputs(model, x[:1])).all()


def test_mean_of_a_norm_is_zero_at_the_start():
    x = frames()
    keras.utils.set_random_seed(1)
    mute = ResNet50HAM((64, 64, 3), **HAM, mean_of_normed=True)
    assert np.abs(outputs(mute, x, "channel_means")).max() < 1e-6
    # Without the final norm it would be the encoder's own.
    last = outputs(mute, x, "global_attention_1")
    assert np.abs(last.mean(axis=2)).max() < 1e-6 < np.abs(last).max()
    mended = ResNet50HAM((64, 64, 3), **HAM)
    assert np.ptp(outputs(mended, x, "channel_means"), axis=0).max() > 1e-3


def test_a_single_key_is_no_attention():
    import tensorflow as tf

    rng = np.random.default_rng(0)
    scales = rng.normal(size=(3, 2, 4, 12)).astype("float32")
    cases = ("class_tokens", 2), ("class_tokens", 3), ("tokens", 2)
    for keys, count in cases:
        cross = CrossAttention(2, keys=keys)
        with tf.GradientTape() as tape:
            answers, *maps = cross(list(scales[:count]))
            loss = tf.reduce_sum(answers**2)
        gradient = tape.gradient(loss, cross.query.kernel.value)
        largest = np.abs(gradient.numpy()).max()
        assert largest == 0 if (keys, count) == cases[0] else largest
        for weights in maps:
            np.testing.assert_allclose(np.sum(weights, axis=-1), 1.0, atol=1e-5)


def test_modes_set_the_switches():
    full_size = {**HAM, "embed_dim": 12, "vit_layers": 1}
    for mode, sizes in (("corrected", (32, 16)), ("as_coded", (32, 16, 8))):
        with weightless():
            model = AACSFNet((64, 64, 3), mode=mode, **full_size)
        names = [layer.name for layer in model.layers]
        found = [n for n in names if n.startswith("patches_")]
        assert sorted(found) == sorted(f"patches_{size}" for size in sizes)
        across = mode == "as_coded"
        for name in ("global_attention_1", "fusion_1", "fusion_2"):
            assert model.get_layer(name).across_batch is across
        keys = "class_tokens" if across else "tokens"
        assert model.get_layer("cross_attention").keys == keys
        assert ("global_norm" in names) is across


# --- Attention maps ---


def test_attention_maps():
    x = frames(2, (64, 96, 3))
    model = small(input_shape=(64, 96, 3), patch_sizes=(32, 16, 8))
    found, patches = face_attention(model, x)
    assert found.shape == (2, 2, 3)
    pairs = itertools.permutations((32, 16, 8), 2)
    assert set(patches) == set(pairs)
    taken = dict.fromkeys((32, 16, 8), 0)
    for (asking, asked), weights in patches.items():
        assert weights.shape == (2, 64 // asked, 96 // asked)
        assert (weights > 0).all()
        taken[asking] += weights.sum(axis=(1, 2))
    for of_patches in taken.values():  # class tokens take some, too
        assert ((of_patches > 0.5) & (of_patches < 1)).all()
    np.testing.assert_allclose(
        found, outputs(model, x, "spatial_attention")[..., 0], rtol=1e-4
    )
    # A patch's key decides its place in the map: the order is row by row.
    cross = model.get_layer("cross_attention")
    tokens = cross.input[1]
    key = keras.Model(model.input, [cross.input[0], tokens])(x)
    query = keras.ops.convert_to_numpy(cross.query(key[0][:, :1]))
    keys = keras.ops.convert_to_numpy(cross.key(key[1][:, 1:]))
    heads = [
        (query[..., h : h + 2] * keys[..., h : h + 2]).sum(axis=-1)[0]
        for h in range(0, 12, 2)
    ]
    ratio = np.exp([(head[5] - head[0]) / 2**0.5 for head in heads])
    grid = outputs(keras.Model(model.input, cross.output[1]), x)[0]
    np.testing.assert_allclose(grid[:, 6] / grid[:, 1], ratio, rtol=1e-3)
    mean = pytest.approx(grid[:, 6].mean(), rel=1e-4)
    assert patches[32, 16][0, 0, 5] == mean


def test_attention_maps_of_the_parts():
    x = frames(2)
    spatial, patches = face_attention(ResNet50HAM((64, 64, 3), **HAM), x)
    assert spatial.shape == (2, 2, 2) and not patches
    vit = BiScaleCrossViT((64, 64, 3), **VIT, mode="as_coded")
    assert face_attention(vit, x) == (None, {})
    inputs = keras.Input((4,))
    with pytest.raises(ValueError, match="spatial_attention"):
        face_attention(keras.Model(inputs, keras.layers.Dense(1)(inputs)), x)


# --- Arguments that cannot be ---


test_impossible_arguments_are_named = refusals(
    (lambda: BiScaleCrossViT((24, 64, 3)), "24 x 64 cannot be cut into pa"),
    (lambda: AACSFNet((100, 100, 3)), "cut into patches of 32 x 32; take"),
    (lambda: AACSFNet((100, 100, 3)), "multiples of 32 pixels"),
    (lambda: BiScaleCrossViT(patch_sizes=(16,)), "two or more different"),
    (lambda: BiScaleCrossViT(patch_sizes=(16, 16)), "two or more differe"),
    (lambda: BiScaleCrossViT(embed_dim=20), "multiple of the 6 heads"),
    (lambda: ResNet50HAM((30, 64, 3)), "32 x 32 or larger, not 30 x 64"),
    (lambda: ResNet50HAM((64, 64, 1)), "of colour frames"),
    (lambda: ResNet50HAM((None, 64, 3)), "fixed"),
    (lambda: AACSFNet(mode="mended"), "corrected, as_coded, not 'mended'"),
    (lambda: ResNet50(blocks=(1, 2)), "4 numbers of blocks"),
    (lambda: ChannelAttention(0), "reduction must be 1"),
    (lambda: SpatialAttention(4), "odd, not 4"),
    (lambda: CrossAttention(2, keys="all"), "tokens, class_tokens"),
    (
        lambda: TransformerEncoder(1, 1, 1, torch_init="normal"),
        "xavier, linear, not 'normal'",
    ),
)
