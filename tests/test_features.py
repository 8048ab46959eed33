"""Features of frames: large batches, the same numbers, kept on disk."""

import random
import sys

import keras
import numpy as np
import pytest

from keras_pain.errors import BadFileError, ConfigurationError
from keras_pain.experiments.features import (
    FeatureCache,
    FeatureExtractor,
    frame_features,
)

# Keras' own conversion to NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")


@pytest.fixture(autouse=True)
def small_convnext(monkeypatch):
    """Keras' ConvNeXtTiny with one block of few filters a stage."""
    module = sys.modules[keras.applications.ConvNeXtTiny.__module__]
    config = {**module.MODEL_CONFIGS["tiny"]}
    config.update(depths=[1, 1, 1, 1], projection_dims=[4, 6, 8, 10])
    monkeypatch.setitem(module.MODEL_CONFIGS, "tiny", config)


def _extractor(weights=None, **arguments):
    arguments = {"size": 32, "batch_size": 8, **arguments}
    return FeatureExtractor("ConvNeXtTiny", weights, **arguments)


def _clips(count=5, frames=4, side=32):
    rng = np.random.default_rng(0)
    return rng.integers(
        0, 256, size=(count, frames, side, side, 3), dtype=np.uint8
    )


class _Batches:
    """Stands before a network and writes down what it is fed."""

    def __init__(self, network):
        self.network, self.shapes = network, []
        self.output_shape = network.output_shape

    def predict_on_batch(self, x):
        self.shapes.append(x.shape)
        return self.network(x, training=False)


def test_large_batches_give_each_frame_its_own_features():
    clips, extractor = _clips(), _extractor()
    expected = [
        keras.ops.convert_to_numpy(extractor.network(clip.astype("float32")))
        for clip in clips
    ]
    assert np.ptp(expected, axis=(0, 1)).min() > 1e-3  # frames do differ
    extractor.network = spy = _Batches(extractor.network)
    features = extractor.clips(clips)
    assert features.shape == (5, 4, 10) and features.dtype == np.float32
    np.testing.assert_allclose(features, expected, atol=1e-5)
    # 20 frames, at most 8 at a time: three even batches, the last one filled.
    assert spy.shapes == [(7, 32, 32, 3)] * 3
    np.testing.assert_allclose(extractor(clips[2]), expected[2], atol=1e-5)
    assert spy.shapes[3:] == [(4, 32, 32, 3)]


def test_frames_are_resized():
    clips = _clips(2, side=48)
    flat = np.full_like(clips, 90)
    small = np.full((1, 32, 32, 3), 90, np.uint8)
    extractor = _extractor()
    np.testing.assert_allclose(
        extractor.clips(flat)[1, 3], extractor(small)[0], atol=1e-6
    )
    assert extractor.clips(clips).shape == (2, 4, 10)
    assert extractor.clips([]).shape == (0, 0, 10)


def test_clips_that_do_not_fit():
    extractor = _extractor()
    for wrong, message in (
        ([_clips()[0], _clips()[1, :3]], r"clip 1 is \(3, 32, 32, 3\)"),
        ([_clips()[0][..., :1]], r"clip 0 is \(4, 32, 32, 1\)"),
        ([_clips()[0][:0]], r"clip 0 is \(0, 32, 32, 3\)"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            extractor.clips(wrong)
    with pytest.raises(ConfigurationError, match="square frames"):
        frame_features(np.zeros((2, 32, 40, 3), np.uint8), "ConvNeXtTiny")
    with pytest.raises(ConfigurationError, match="'VGG'"):
        FeatureExtractor("VGG")
    with pytest.raises(ConfigurationError, match="batch_size"):
        _extractor(batch_size=0)


def test_random_weights_come_from_the_seed_alone():
    random.seed(3)
    expected = random.random()
    random.seed(3)
    first = _extractor().network.get_weights()
    assert random.random() == expected  # nobody else's numbers are used up
    random.seed(4)
    for a, b in zip(first, _extractor().network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    other = _extractor(seed=1).network.get_weights()
    assert any((a != b).any() for a, b in zip(first, other, strict=True))


def test_frame_features_are_those_of_an_extractor():
    frames = _clips()[0]
    np.testing.assert_allclose(
        frame_features(frames, "ConvNeXtTiny"), _extractor()(frames), atol=1e-6
    )


# --- On disk ---


class _Unread:
    """Clips that nobody may read."""

    def __len__(self):
        return 5

    def __getitem__(self, number):
        raise AssertionError("clips were read")


def test_the_second_run_needs_no_network(tmp_path, monkeypatch):
    cache = FeatureCache(tmp_path / "features")
    first = cache.features(_extractor(), _clips(), data="abc")
    monkeypatch.setattr(
        "keras_pain.experiments.features.FrameEncoder",
        lambda *_, **__: pytest.fail("the network was built"),
    )
    again = cache.features(_extractor(), _Unread(), data="abc")
    np.testing.assert_array_equal(again, first)
    # How many frames run at once changes no number.
    cache.features(_extractor(batch_size=2), _Unread(), data="abc")
    assert len(list(cache.folder.iterdir())) == 1


def test_the_key_holds_all_that_matters(tmp_path):
    weights = [tmp_path / f"{i}.weights.h5" for i in range(3)]
    for path, content in zip(weights, (b"a", b"a", b"b"), strict=True):
        path.write_bytes(content)
    same = [
        _extractor(weights[0]).identity(),
        _extractor(str(weights[1]), batch_size=3).identity(),
    ]
    assert same[0] == same[1]  # the content counts, not the name
    different = [
        same[0],
        _extractor(weights[2]).identity(),
        _extractor("imagenet").identity(),
        _extractor(None).identity(),
        _extractor(None, seed=1).identity(),
        _extractor(None, size=64).identity(),
        _extractor(None, normalise_twice=True).identity(),
        FeatureExtractor("ConvNeXtBase", size=32).identity(),
    ]
    cache = FeatureCache(tmp_path)
    paths = {
        cache.path({"data": data, **identity})
        for identity in different
        for data in ("abc", "abd")
    }
    assert len(paths) == 2 * len(different)
    with pytest.raises(BadFileError, match="no such file of weights"):
        _extractor("none.h5").identity()


def test_damaged_files_are_computed_anew(tmp_path):
    cache, extractor = FeatureCache(tmp_path), _extractor()
    first = cache.features(extractor, _clips(), data="abc")
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for damaged in (whole[:200], b"", whole.replace(b"abc", b"xyz")):
        path.write_bytes(damaged)
        again = cache.features(extractor, _clips(), data="abc")
        np.testing.assert_allclose(again, first, atol=1e-6)
        assert path.read_bytes() == whole
