"""Maps of networks, their averages, and the randomisation checks."""

import dataclasses

import keras
import numpy as np
import pytest

from keras_pain.data.channels import arranged
from keras_pain.data.windows import CHANNEL_NAMES, WindowSet
from keras_pain.errors import ConfigurationError
from keras_pain.interpret.average import average_maps
from keras_pain.interpret.gradcam import frame_centres, grad_cam, interpolate
from keras_pain.interpret.maps import explanations
from keras_pain.interpret.sanity import (
    cascading_randomisation,
    label_randomisation,
)
from keras_pain.interpret.similarity import rank_correlation, similarity, ssim
from keras_pain.models import CNN_TAP, LSFAN, BANet
from keras_pain.reports.maps import channel_labels

FRAMES = 24


@pytest.fixture(scope="module")
def tap():
    keras.utils.set_random_seed(3)
    return CNN_TAP(input_shape=(FRAMES, 30))


@pytest.fixture(scope="module")
def x():
    rng = np.random.default_rng(0)
    return rng.normal(size=(6, FRAMES, 30)).astype(np.float32)


def windows(x, y):
    n = len(x)
    return WindowSet(
        x=x,
        y=np.asarray(y),
        length=np.full(n, FRAMES, np.int32),
        subject=np.full(n, "P1"),
        recording=np.full(n, "P1_N"),
        start=np.arange(n),
        activity=np.arange(n, dtype=np.int32) % 2,
        class_names=("non-protective", "protective"),
    )


def test_hires_cam_of_a_linear_head_is_its_weights_times_its_features(tap, x):
    features = keras.Model(
        tap.inputs, tap.get_layer("feature_maps").output
    ).predict(x, verbose=0)
    kernel, _ = tap.layers[-1].get_weights()  # (sensors x filters, classes)
    frames, sensors, filters = features.shape[1:]
    by_hand = {
        order: kernel[:, 1].reshape(shape)
        for order, shape in {
            "sensor first": (sensors, filters),
            "filter first": (filters, sensors),
        }.items()
    }
    by_hand["filter first"] = by_hand["filter first"].T
    maps = grad_cam(tap, x, class_index=1, weights="elementwise")
    centres = frame_centres(tap, "feature_maps")
    found = [
        np.allclose(
            interpolate(
                np.maximum((features * w / frames).sum(-1), 0), centres, FRAMES
            ),
            maps,
            atol=1e-4 * maps.max(),
        )
        for w in by_hand.values()
    ]
    assert sum(found) == 1, "one of the two orders of flattening is right"


def test_grad_cam_shapes_classes_and_errors(tap, x):
    maps = grad_cam(tap, x)
    assert maps.shape == x.shape and maps.min() >= 0
    predicted = tap.predict(x, verbose=0).argmax(1)
    np.testing.assert_allclose(maps, grad_cam(tap, x, class_index=predicted))
    assert not np.allclose(maps, grad_cam(tap, x, class_index=1 - predicted))
    with pytest.raises(ConfigurationError):
        grad_cam(tap, x, class_index=2)
    with pytest.raises(ConfigurationError):
        grad_cam(tap, x, layer="nothing")
    with pytest.raises(ConfigurationError):
        grad_cam(tap, x, weights="nothing")


def test_every_network_has_a_map_over_time_and_channels(tap):
    kinds = {
        "lsfan": LSFAN(input_shape=(FRAMES, 30)),
        "tap": tap,
        "banet": BANet(input_shape=(FRAMES, 30)),
    }
    names = {k: [e.name for e in explanations(m)] for k, m in kinds.items()}
    assert names["lsfan"] == ["self_attention", "grad_cam", "hires_cam"]
    assert names["tap"] == ["grad_cam", "hires_cam"]
    assert names["banet"] == [
        "temporal_attention",
        "bodily_attention",
        "saliency",
    ]


def test_self_attention_is_a_mean_over_heads(x):
    model = LSFAN(input_shape=(FRAMES, 30))
    (attention, *_) = explanations(model)
    maps = attention.compute(model, x)
    assert maps.shape == (len(x), 16, 16)
    np.testing.assert_allclose(maps.sum(-1), 1, atol=1e-5)


def test_labels_follow_the_real_order():
    kept = arranged(windows(np.zeros((1, FRAMES, 30)), [0]), "semg_first")
    labels = channel_labels(kept.channel_names)
    assert labels[0].startswith("sEMG") and labels[4].startswith("angle")
    released = channel_labels(kept.channel_names, "as_released")
    assert released[0].startswith("angle") and released[-1].startswith("sEMG")
    assert sorted(released) == sorted(labels) != labels
    assert kept.channel_names != CHANNEL_NAMES
    moved = np.arange(30)[None, None] + np.zeros((1, FRAMES, 1))
    x = arranged(windows(moved, [0]), "semg_first").x
    assert x[0, 0].tolist() == [26, 27, 28, 29, *range(26)]
    with pytest.raises(ConfigurationError):
        channel_labels(kept.channel_names, "nothing")


def test_similarity_of_equal_and_of_unrelated_maps():
    rng = np.random.default_rng(1)
    one, other = rng.random((2, 40, 30))
    assert ssim(one, one) == pytest.approx(1)
    assert rank_correlation(one, np.exp(one)) == pytest.approx(1)
    assert abs(ssim(one, other)) < 0.2
    assert abs(rank_correlation(one, other)) < 0.1
    found = similarity(np.ones((1, 5, 5)), one[None, :5, :5])
    assert np.isnan(found.spearman[0])  # a constant map shows nothing


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
    assert steps[0].layer == ""
    assert steps[0].similarity.mean_spearman == pytest.approx(1)
    assert steps[1].similarity.mean_spearman < 0.9
    assert [s.layer for s in steps[1:3]] == [tap.layers[-1].name, *[
        layer.name for layer in reversed(tap.layers[:-1]) if layer.weights
    ][:1]]  # fmt: skip
    for old, new in zip(before, tap.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_label_check_compares_two_trainings(tap, x):
    rng = np.random.default_rng(5)
    data = rng.normal(size=(24, FRAMES, 30)).astype(np.float32)
    y = np.tile([0, 1], 12)
    data[y == 1, :, :5] += 2
    train = windows(data, y)
    found = label_randomisation(
        tap,
        x,
        explanations(tap)[1:],
        "cnn_tap",
        train,
        dataclasses.replace(train),
        seed=0,
        epochs=3,
        class_index=1,
    )["hires_cam"]
    assert found.epochs == 3
    for side in (found.permuted, found.true):
        assert side.spearman.shape == (len(x),)
    assert not np.allclose(found.permuted.ssim, found.true.ssim)
