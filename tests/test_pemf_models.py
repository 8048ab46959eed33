"""ConvNeXt-LSTM and STGCN-LSTM: their published sizes, parts and defects."""

import sys

import h5py
import keras
import numpy as np
import pytest
from model_checks import gradient_sizes, outputs, refusals

from keras_pain.errors import BadFileError, ConfigurationError
from keras_pain.layers import GraphAttention, GraphMean, NormalizeLandmarks
from keras_pain.models.convnext_lstm import (
    BACKBONES,
    IMAGENET_MEAN,
    IMAGENET_STD,
    VARIANTS,
    ConvNeXtHead,
    ConvNeXtLSTM,
    FrameEncoder,
)
from keras_pain.models.flops import count_flops, weightless
from keras_pain.models.stgcn_lstm import STGCNLSTM
from keras_pain.signals.face_graph import adjacency
from keras_pain.signals.landmarks import front_face, normalise_clip

TIME = 6
SMALL = {"filters": 6, "graph_filters": 5, "temporal_filters": 4}


def _clips(count=3, time=TIME):
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 4, size=(count, time, 68, 2))
    return (60 * front_face() + 150 + noise).astype("float32")


# --- STGCN-LSTM ---


def test_stgcn_sizes():
    with weightless():
        small = STGCNLSTM()
        coded = STGCNLSTM(graph="as_released", aggregation="attention")
        assert count_flops(coded) == pytest.approx(0.872e9, rel=1e-3)
        dead = sum(
            layer.gru.count_params()
            for layer in coded.layers
            if isinstance(layer, GraphAttention)
        )
        assert coded.count_params() - dead == small.count_params()


@pytest.fixture(scope="module")
def coded():
    keras.utils.set_random_seed(0)
    return STGCNLSTM(
        (TIME, 68, 2), graph="as_released", aggregation="attention", **SMALL
    )


def test_the_released_attention_is_a_mean(coded):
    """Same function without the GRUs, all other weights copied."""
    mean = STGCNLSTM((TIME, 68, 2), graph="as_released", **SMALL)
    for layer in mean.layers:
        if layer.weights:
            layer.set_weights(coded.get_layer(layer.name).get_weights())
    x = _clips()
    # Also before the last layer, whose softmax may hide a difference.
    for name in ("block3_scales", "classes"):
        found = [outputs(m, x, name) for m in (coded, mean)]
        assert np.ptp(found[0], axis=0).max() > 1e-4  # clips do differ
        np.testing.assert_allclose(*found, atol=1e-5)


def test_the_released_attention_learns_nothing(coded):
    sizes = gradient_sizes(coded, _clips())
    dead = {path for path in sizes if "/gru/" in path}
    assert len(dead) == 3 * 2 * 3  # blocks, hops; kernels and bias
    assert max(sizes[path] for path in dead) < 1e-7
    assert min(sizes[path] for path in set(sizes) - dead) > 1e-6


def test_the_graph_matters():
    keras.utils.set_random_seed(0)
    corrected = STGCNLSTM((TIME, 68, 2), **SMALL)
    coded = STGCNLSTM((TIME, 68, 2), graph="as_released", **SMALL)
    coded.set_weights(corrected.get_weights())
    x = _clips()
    part = "block1_hop1_neighbours"
    one, two = (outputs(m, x, part) for m in (corrected, coded))
    assert np.abs(one - two).max() > 1e-4


def test_graph_mean_by_hand():
    x = np.random.default_rng(0).normal(size=(2, 3, 68, 4)).astype("float32")
    for graph in ("corrected", "as_released"):
        for hops in (1, 2):
            near = adjacency(graph, hops)
            for kind in (GraphMean, GraphAttention):
                y = outputs(kind(graph, hops), x)
                for point in (0, 30, 67):
                    mean = x[:, :, near[point]].mean(axis=2)
                    np.testing.assert_allclose(y[:, :, point], mean, atol=1e-6)


def test_normalised_layer_is_the_numpy_function():
    x = _clips(time=7)
    y = outputs(NormalizeLandmarks(), x)
    expected = [normalise_clip(clip) for clip in x]
    np.testing.assert_allclose(y, expected, atol=1e-5)
    # Not fooled by half precision, nor by clips without a face.
    half = outputs(NormalizeLandmarks(dtype="mixed_float16"), x + 900)
    np.testing.assert_allclose(half, expected, atol=2e-3)
    nothing = np.zeros((1, 7, 68, 2), "float32")
    assert not outputs(NormalizeLandmarks(), nothing).any()


def test_stgcn_does_not_depend_on_the_face_s_place():
    x = _clips()
    model = STGCNLSTM((TIME, 68, 2), **SMALL)
    expected = outputs(model, x)
    moved = outputs(model, 1.7 * x - 40)
    np.testing.assert_allclose(moved, expected, atol=1e-5)
    plain = STGCNLSTM((TIME, 68, 2), normalise=False, **SMALL)
    plain.set_weights(model.get_weights())
    normal = np.stack([normalise_clip(clip) for clip in x])
    np.testing.assert_allclose(outputs(plain, normal), expected, atol=1e-5)


# --- ConvNeXt-LSTM: the head ---


def test_heads_are_four_different_ones():
    names = {
        variant: [
            layer.name
            for layer in ConvNeXtHead((4, 3), variant=variant, units=4).layers
        ]
        for variant in VARIANTS
    }
    assert names == {
        "a": ["features", "lstm_1", "lstm_2", "dense", "classes"],
        "b": ["features", "bi_lstm_1", "bi_lstm_2", "dense", "classes"],
        "c": (
            "features bi_lstm_1 bi_lstm_2 lstm_3 dense dropout classes".split()
        ),
        "d": ["features", "lstm_1", "attention", "lstm_2", "dense", "classes"],
    }


# --- ConvNeXt-LSTM: the backbone ---


@pytest.mark.parametrize(
    ("backbone", "parameters", "features", "gflops"),
    [("ConvNeXtTiny", 27_820_128, 768, 8.91)]
    + [("ConvNeXtXLarge", 348_147_968, 2048, 121.84)],
)
def test_backbone_sizes(backbone, parameters, features, gflops):
    with weightless():
        encoder = FrameEncoder(backbone=backbone)
        assert encoder.count_params() == parameters
        assert encoder.output_shape == (None, features)
        assert count_flops(encoder) / 1e9 == pytest.approx(gflops, abs=0.005)
    assert len(BACKBONES) == 5


def _pictures(*count):
    rng = np.random.default_rng(0)
    size = (*(count or (2,)), 32, 32, 3)
    return rng.integers(0, 256, size=size).astype("float32")


def test_backbone_normalises_pictures_itself(small_convnext):
    encoder = FrameEncoder((32, 32, 3), "ConvNeXtTiny")
    prestem = encoder.layers[1]
    expected = (_pictures() / 255 - IMAGENET_MEAN) / IMAGENET_STD
    np.testing.assert_allclose(
        outputs(prestem, _pictures()), expected, atol=1e-3
    )
    # The defect: contrast shrinks 255 * 0.225 = 58 times.
    twice = FrameEncoder((32, 32, 3), "ConvNeXtTiny", normalise_twice=True)
    first = twice.get_layer("first_normalisation")
    shrunk = outputs(prestem, outputs(first, _pictures()))
    np.testing.assert_allclose(outputs(first, _pictures()), expected, atol=1e-3)
    ratio = expected.std(axis=(0, 1, 2)) / shrunk.std(axis=(0, 1, 2))
    np.testing.assert_allclose(ratio, 255 * np.array(IMAGENET_STD), rtol=1e-3)
    assert ratio.mean() == pytest.approx(58, abs=1)


def test_weights_from_files(small_convnext, tmp_path):
    source = keras.applications.ConvNeXtTiny(
        include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg"
    )
    rng = np.random.default_rng(0)
    for weight in source.weights:
        # All parts count, also those that start near zero.
        if "normalization/" not in weight.path:
            weight.assign(rng.normal(0, 0.5, size=weight.shape))
    expected = outputs(source, _pictures())
    path = tmp_path / "mine.weights.h5"
    source.save_weights(path)
    # Keras' own files have the older layout.
    legacy = sys.modules["keras.src.legacy.saving.legacy_h5_format"]
    old = tmp_path / "convnext_tiny_notop.h5"
    with h5py.File(old, "w") as file:
        legacy.save_weights_to_hdf5_group(file, source)
    for weights in (path, str(old)):
        loaded = FrameEncoder((32, 32, 3), "ConvNeXtTiny", weights=weights)
        kinds = {type(layer) for layer in loaded.layers}
        assert keras.layers.DepthwiseConv2D in kinds  # not Keras' slow ones
        assert keras.layers.Conv2D not in kinds
        assert loaded.count_params() == source.count_params()
        np.testing.assert_allclose(
            outputs(loaded, _pictures()), expected, atol=1e-4
        )
        with pytest.raises(BadFileError, match="weights of ConvNeXtBase") as e:
            FrameEncoder((32, 32, 3), "ConvNeXtBase", weights=weights)
        assert "\n" not in str(e.value) and str(weights) in str(e.value)
    old.write_bytes(b"nothing")
    with pytest.raises(BadFileError, match="does not hold"):
        FrameEncoder((32, 32, 3), "ConvNeXtTiny", weights=old)
    with pytest.raises(BadFileError, match="convnext_tiny_notop.h5 and give"):
        FrameEncoder((32, 32, 3), "ConvNeXtTiny", weights="none.h5")


def test_weights_that_cannot_be_fetched(small_convnext, monkeypatch):
    def offline(name, url, **_):
        raise Exception(f"URL fetch failure on {url}: None -- [Errno -2]")

    monkeypatch.setattr(small_convnext.file_utils, "get_file", offline)
    monkeypatch.setenv("KERAS_HOME", "/cache")
    with pytest.raises(ConfigurationError) as caught:
        FrameEncoder((32, 32, 3), "ConvNeXtTiny", weights="imagenet")
    message = str(caught.value)
    assert "\n" not in message
    assert "convnext_tiny_notop.h5 elsewhere and put it into" in message
    assert "/cache/models" in message.replace("\\", "/")


# --- ConvNeXt-LSTM: the whole ---


def _whole(**arguments):
    return ConvNeXtLSTM(
        (3, 32, 32, 3), backbone="ConvNeXtTiny", units=4, **arguments
    )


def test_end_to_end(small_convnext, tmp_path):
    model, x = _whole(), _pictures(2, 3)
    # Frames are seen one by one.
    np.testing.assert_allclose(
        outputs(model, x, "frame_features")[1],
        outputs(model.get_layer("encoder"), x[1]),
        atol=1e-5,
    )
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.models.load_model(path)
    np.testing.assert_equal(loaded.get_weights(), model.get_weights())
    np.testing.assert_allclose(outputs(loaded, x), outputs(model, x), atol=1e-6)
    head = ConvNeXtHead((3, 10), units=4)
    assert len(loaded.trainable_weights) == len(head.trainable_weights)


@pytest.mark.parametrize("trainable", [False, True])
def test_the_backbone_is_trained_where_asked_for(small_convnext, trainable):
    model = _whole(variant="a", trainable_backbone=trainable)
    encoder = model.get_layer("encoder")
    before = encoder.get_weights()
    model.compile("sgd", "categorical_crossentropy", run_eagerly=True)
    model.train_on_batch(_pictures(2, 3), np.eye(2, dtype="float32"))
    changed = [
        (a != b).any()
        for a, b in zip(before, encoder.get_weights(), strict=True)
    ]
    assert any(changed) == trainable


# --- Arguments that cannot be ---


test_impossible_arguments_are_named = refusals(
    (lambda: STGCNLSTM((20, 67, 2)), r"\(20, 67, 2\)"),
    (lambda: STGCNLSTM((None, 68, 2)), "fixed number of frames"),
    (lambda: STGCNLSTM(graph="line"), "'line'"),
    (lambda: STGCNLSTM(aggregation="max"), "'max'"),
    (lambda: STGCNLSTM(units=(3,)), r"units=\(3,\)"),
    (lambda: STGCNLSTM(num_classes=1), "num_classes=1"),
    (lambda: ConvNeXtHead(variant="e"), "a, b, c, d, not 'e'"),
    (lambda: ConvNeXtHead((20,)), r"\(20,\)"),
    (lambda: ConvNeXtLSTM(backbone="ResNet50"), "'ResNet50'"),
    (lambda: ConvNeXtLSTM(variant="e"), "'e'"),
    (lambda: ConvNeXtLSTM((224, 224, 3)), r"\(224, 224, 3\)"),
    (lambda: ConvNeXtLSTM((20, 16, 16, 3)), "32 pixels"),
)
