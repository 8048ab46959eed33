"""Methods of PEMF, what they are fed, and their released defects."""

import dataclasses
import random
import sys
import types

import keras
import numpy as np
import pytest
from fake_faces import split_people
from pemf_clips import pemf_clips, pemf_store, points_of
from sklearn.metrics import balanced_accuracy_score

from keras_pain.data.clips import FrameStore, LandmarkedFrames, digest
from keras_pain.data.feed import CopyJitter, varied_copy
from keras_pain.errors import BadFileError, ConfigurationError, KerasPainError
from keras_pain.experiments import optim, pemf
from keras_pain.experiments.defects import apply_defects
from keras_pain.experiments.features import FeatureExtractor, kept_features
from keras_pain.experiments.method_registry import (
    fed,
    registered_methods,
    resolve_method,
)
from keras_pain.experiments.pemf import (
    ConvNeXtMethod,
    LateFusion,
    PemfOptions,
    STGCNMethod,
    films,
    smote,
)
from keras_pain.signals.landmarks import normalise_clip

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")

GRAPH = {"filters": 6, "graph_filters": 4, "temporal_filters": 3}
MEAN_STD = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.fixture(scope="module", autouse=True)
def small_convnext():
    """Keras' ConvNeXtTiny with one block of few filters a stage."""
    module = sys.modules[keras.applications.ConvNeXtTiny.__module__]
    config = {**module.MODEL_CONFIGS["tiny"]}
    config.update(depths=[1, 1, 1, 1], projection_dims=[4, 6, 8, 10])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(module.MODEL_CONFIGS, "tiny", config)
        yield


@pytest.fixture(scope="module")
def store():
    return pemf_store()


@pytest.fixture(scope="module")
def clips(store):
    return pemf_clips(store)


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    return PemfOptions(
        backbone="ConvNeXtTiny",
        features=str(tmp_path_factory.mktemp("features")),
        batch_size=8,
        learning_rate=3e-3,
        head={"units": 8},
        graph=GRAPH,
    )


@pytest.fixture(scope="module")
def parts(clips):
    return split_people(clips)


@pytest.fixture(scope="module")
def train(parts):
    return parts[0]


# Pictures and landmarks together


def test_clips_without_landmarks_are_left_out_of_both():
    whole, store = pemf_store(2), pemf_store(2, missing=("s0c1",))
    names = [clip.name for clip in store.clips]
    assert len(names) == 7 and "s0c1" not in names
    assert digest(whole) != digest(store)
    assert digest(whole, pictures=False) != digest(store, pictures=False)
    # The pictures are still each clip's own.
    here = store.coded(np.arange(store.first[1], store.first[2]))
    there = whole.coded(np.arange(whole.first[2], whole.first[3]))
    assert (here == there).all()
    rebuild, arguments = store.__reduce__()
    assert digest(rebuild(*arguments)) == digest(store)


def test_landmarks_of_other_files_are_refused(store):
    frames = FrameStore(store.path, store.clips, None, None)
    with pytest.raises(KerasPainError, match="5 frames with landmarks"):
        LandmarkedFrames(frames, {"s0c0": np.zeros((5, 68, 2))})
    with pytest.raises(KerasPainError, match="none of its 24 clips"):
        LandmarkedFrames(frames, {"other": np.zeros((6, 68, 2))})
    del frames.clips[0].frame_labels["landmarks"]
    try:
        with pytest.raises(KerasPainError, match="s0c0: has no landmarks"):
            STGCNMethod("stgcn_lstm").sequences(pemf_clips(frames))
    finally:
        points = store.__reduce__()[1][1]["s0c0"]
        frames.clips[0].frame_labels["landmarks"] = points


# Features


def test_features_are_computed_once_and_found_again(
    clips, options, monkeypatch
):
    method = ConvNeXtMethod("convnext_lstm_a", 1, options)
    first = method.sequences(clips)
    assert first.shape == (24, 4, 10)
    part = method.sequences(clips.of_subjects(["s2"]))
    np.testing.assert_array_equal(part, first[8:12])

    def never(*_):
        raise AssertionError("computed again")

    monkeypatch.setattr(FeatureExtractor, "clips", never)
    pemf._kept.clear()  # as in a new process
    np.testing.assert_array_equal(method.sequences(clips), first)
    with pytest.raises(AssertionError, match="computed again"):
        ConvNeXtMethod(
            "convnext_lstm_a", 1, options, normalise_twice=True
        ).sequences(clips)


def test_weights_of_another_backbone_are_one_line(parts, options, tmp_path):
    path = tmp_path / "other.weights.h5"
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    other.save_weights(path)
    chosen = dataclasses.replace(options, backbone_weights=str(path))
    says = "^.*does not hold the weights of ConvNeXtTiny.*\\Z"
    with pytest.raises(BadFileError, match=says):
        ConvNeXtMethod("convnext_lstm_a", 1, chosen).fit(*parts[:2], 0)


def extractor(weights=None, **arguments):
    arguments = {"size": 32, "batch_size": 8, **arguments}
    return FeatureExtractor("ConvNeXtTiny", weights, **arguments)


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (5, 4, 32, 32, 3), dtype=np.uint8)


class Batches:
    """Stands before a network and writes down what it is fed."""

    def __init__(self, network):
        self.network, self.shapes = network, []

    def predict_on_batch(self, x):
        self.shapes.append(x.shape)
        return self.network(x, training=False)


def test_large_batches_give_each_frame_its_own_features(pictures):
    chosen = extractor()
    expected = [
        keras.ops.convert_to_numpy(chosen.network(clip.astype("float32")))
        for clip in pictures
    ]
    assert np.ptp(expected, axis=(0, 1)).min() > 1e-3  # frames do differ
    chosen.network = spy = Batches(chosen.network)
    features = chosen.clips(iter(pictures), 5)
    assert features.shape == (5, 4, 10) and features.dtype == np.float32
    np.testing.assert_allclose(features, expected, atol=1e-5)
    # 20 frames, at most 8 at a time: three even batches, the last one filled.
    assert spy.shapes == [(7, 32, 32, 3)] * 3
    chosen.clips(pictures[2:3], 1)
    assert spy.shapes[3:] == [(4, 32, 32, 3)]
    with pytest.raises(ConfigurationError, match="'VGG'"):
        FeatureExtractor("VGG")


def test_random_weights_are_always_the_same():
    random.seed(3)
    expected = random.random()
    random.seed(3)
    first = extractor().network.get_weights()
    assert random.random() == expected  # nobody else's numbers are used up
    random.seed(4)
    for a, b in zip(first, extractor().network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def unread():
    """Clips that nobody may read."""
    raise AssertionError("clips were read")
    yield


def test_features_on_disk_need_no_network(tmp_path, pictures, monkeypatch):
    first = kept_features(tmp_path, extractor(), pictures, 5, "abc")
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for damaged in (whole[:200], b"", whole.replace(b"abc", b"xyz")):
        path.write_bytes(damaged)
        again = kept_features(tmp_path, extractor(), pictures, 5, "abc")
        np.testing.assert_allclose(again, first, atol=1e-6)
        assert path.read_bytes() == whole
    monkeypatch.setattr(
        "keras_pain.experiments.features.FrameEncoder",
        lambda *_, **__: pytest.fail("the network was built"),
    )
    # How many frames run at once changes no number.
    for size in (8, 2):
        chosen = extractor(batch_size=size)
        again = kept_features(tmp_path, chosen, unread(), 5, "abc")
        np.testing.assert_array_equal(again, first)
    assert [*tmp_path.iterdir()] == [path]
    with pytest.raises(AssertionError, match="were read"):
        kept_features(tmp_path, extractor(), unread(), 5, "abd")


def test_the_identity_holds_all_that_matters(tmp_path):
    weights = [tmp_path / f"{i}.weights.h5" for i in range(3)]
    for path, content in zip(weights, (b"a", b"a", b"b"), strict=True):
        path.write_bytes(content)
    same = extractor(weights[0]).identity()
    # The content counts, not the name.
    assert same == extractor(str(weights[1]), batch_size=3).identity()
    different = [
        same,
        extractor(weights[2]).identity(),
        extractor("imagenet").identity(),
        extractor(None).identity(),
        extractor(None, size=64).identity(),
        extractor(None, normalise_twice=True).identity(),
        FeatureExtractor("ConvNeXtBase", size=32).identity(),
    ]
    assert len({str(identity) for identity in different}) == len(different)
    with pytest.raises(BadFileError, match="no such file of weights"):
        extractor("none.h5").identity()


# Training


def test_features_are_scaled_by_training_clips_only(parts, options):
    train, validation, test = parts
    method = ConvNeXtMethod("convnext_lstm_a", 2, options, True)
    report = method.fit(train, validation, 0)
    x = method.sequences(train)
    np.testing.assert_allclose(method.mean, x.mean((0, 1)), rtol=1e-4)
    assert report.chosen_epoch in (1, 2)
    assert "val_loss" in report.history[0]
    predicted = method.predict_proba(test)
    # The saved network scales by itself.
    whole = method.model_with_scale()(method.sequences(test))
    np.testing.assert_allclose(whole, predicted, atol=1e-5)
    raw = ConvNeXtMethod("convnext_lstm_a", 2, options, True, standardise=False)
    raw.fit(train, validation, 0)
    assert raw.mean is None


def test_both_systems_and_their_mean(parts, options, tmp_path, monkeypatch):
    train, validation, test = parts
    shared = {"epochs": 2, "options": options, "reuse": True}
    fused = LateFusion(**shared)
    report = fused.fit(train, validation, 3)
    stages = {row["stage"] for row in report.history}
    assert stages == {"convnext_lstm_c", "stgcn_lstm"}
    single = STGCNMethod("stgcn_lstm", **shared)
    single.fit(train, validation, 3)
    alone = single.predict_proba(test)
    together = fused.predict_proba(test)
    mean = (alone + fused.parts[0].predict_proba(test)) / 2
    np.testing.assert_allclose(together, mean, atol=1e-6)
    monkeypatch.setattr(optim, "_last", {})
    afresh = LateFusion(**shared)
    afresh.fit(train, validation, 3)
    np.testing.assert_array_equal(afresh.predict_proba(test), together)

    def never(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr(keras.Model, "fit", never)
    again = LateFusion(**shared).fit(train, validation, 3)
    assert again.history == report.history
    with pytest.raises(AssertionError, match="trained again"):
        LateFusion(**shared).fit(train, validation, 4)
    fused.save(tmp_path)
    again = keras.models.load_model(tmp_path / "stgcn_lstm.keras")
    np.testing.assert_allclose(again(single.sequences(test)), alone, atol=1e-4)


def test_landmarks_are_learnt_and_dealt_labels_are_not():
    """People who are not trained on; chance where labels are permuted."""
    people, frames = 24, 8
    points = [points_of(p, k, frames) for p in range(people) for k in range(4)]
    x = np.stack([normalise_clip(clip) for clip in points])
    y = np.tile([0, 1, 1, 1], people)
    test = np.repeat(np.arange(people), 4) >= 16

    class Points(STGCNMethod):
        def sequences(self, clips):
            return clips.x

    def arrays(x, y):  # as much of a `ClipSet` as this needs
        return types.SimpleNamespace(x=x, y=y, num_classes=2)

    options = PemfOptions(learning_rate=3e-3, graph=GRAPH, last_epoch=True)
    scores = []
    for labels in (y, np.random.default_rng(1).permutation(y)):
        method = Points("stgcn_lstm", 14, options, True)
        method.fit(arrays(x[~test], labels[~test]), None, 0)
        predicted = method.predict_proba(arrays(x[test], None)).argmax(1)
        scores.append(balanced_accuracy_score(labels[test], predicted))
    assert scores[0] >= 0.75
    assert 0.3 <= scores[1] <= 0.68


# What the released code does


def test_every_switch_belongs_to_a_method_and_changes_it(options):
    names = (
        "last_epoch scaler_on_all_clips smote_before_validation "
        "normalised_twice jitter_after_standardisation"
    )
    for switch in names.split():
        changes = {
            name: apply_defects([switch], "arguments", {}, name)
            for name in registered_methods()
            # Other tables have the last epoch, too.
            if switch != "last_epoch" or fed(name) in ("features", "landmarks")
        }
        changes = {name: found for name, found in changes.items() if found}
        assert "late_fusion" in changes
        for name, arguments in changes.items():
            assert fed(name) in ("features", "landmarks")
            plain = resolve_method(name, options=options)
            changed = resolve_method(name, options=options, **arguments)
            assert plain.config() != changed.config(), (switch, name)
    # Only methods with copies lose their folds of before these were right.
    method = resolve_method("convnext_lstm_a", options=options)
    assert "version" not in method.config()
    method = resolve_method("convnext_lstm_a", options=options, copies="after")
    assert method.config()["version"] == 2


def test_the_last_epoch_needs_no_validation(train, options):
    method = STGCNMethod("stgcn_lstm", 2, options, True, last_epoch=True)
    report = method.fit(train, None, 0)
    assert report.chosen_epoch == 2 and not method.chooses_epoch
    assert "val_loss" not in report.history[0]


def test_the_scaler_sees_all_clips(clips, train, options):
    means, options = [], dataclasses.replace(options, last_epoch=True)
    for scaler, of in (("train", train), ("all_clips", clips)):
        switches = {"normalise": False, "scaler": scaler}
        method = STGCNMethod("stgcn_lstm", 2, options, True, **switches)
        method.fit(train, None, 0)
        x = method.sequences(of)
        assert x.mean() > 20  # pixels
        np.testing.assert_allclose(method.mean, x.mean((0, 1)), rtol=1e-3)
        means.append(method.mean)
    assert np.abs(means[0] - means[1]).max() > 0.1
    for wrong in ({"scaler": "nobody"}, {"copies": "twice"}):
        with pytest.raises(ConfigurationError, match="must be one of"):
            STGCNMethod("stgcn_lstm", **wrong)


def test_smote_makes_up_clips_of_the_smaller_class():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 3, 2)).astype(np.float32)
    y = np.array([0] * 5 + [1] * 15)
    more, labels = smote(x, y, seed=4)
    assert more.shape == (30, 3, 2) and more.dtype == np.float32
    assert np.bincount(labels).tolist() == [15, 15]
    np.testing.assert_array_equal(more[:20], x)
    # Each on the way from one clip of its class to another.
    low, high = x[:5].min(0), x[:5].max(0)
    made = more[20:]
    assert ((made >= low - 1e-6) & (made <= high + 1e-6)).all()
    assert np.abs(made[:, None] - x[None]).max((2, 3)).min() > 1e-6
    # One real clip has no neighbour: it is repeated.
    alone, _ = smote(x[4:], y[4:], seed=0)
    np.testing.assert_array_equal(alone[16:], np.repeat(x[4:5], 14, 0))


def test_validation_after_smote_is_made_up(train, options, monkeypatch):
    method = STGCNMethod("stgcn_lstm", 1, options, oversample=True)
    seen = {}

    def train_on(report, *arrays):
        seen.update(arrays=arrays[:3], held=arrays[3])

    monkeypatch.setattr(method, "train_arrays", train_on)
    method.fit(train, None, 0)
    x, targets, weights = seen["arrays"]
    assert weights is None
    real = method._scaled(method.sequences(train))
    np.testing.assert_array_equal(x[: len(train)], real)
    held, held_targets = seen["held"]
    assert len(x) + len(held) == 24 and len(held) == 2
    assert held_targets[:, 0].all()  # nobody in pain
    differences = np.abs(held[:, None] - real[None]).max((2, 3, 4))
    assert differences.min() > 1e-6


def test_normalised_twice_flattens_the_features(clips, options):
    spreads = [
        ConvNeXtMethod("convnext_lstm_a", 1, options, normalise_twice=twice)
        .sequences(clips)
        .std((0, 1))
        .mean()
        for twice in (False, True)
    ]
    assert spreads[1] < 0.5 * spreads[0]


def test_copies_are_varied_before_or_after_standardisation(clips):
    clip = np.full((3, 32, 32, 3), 120, np.uint8)
    clip[:, :, 16:] = (200, 60, 30)
    usual = varied_copy(clip, np.random.default_rng(3))
    coded = varied_copy(clip, np.random.default_rng(3), standardised=MEAN_STD)
    assert usual.min() >= 0 and usual.max() <= 255
    assert np.abs(usual - coded).mean() > 5
    assert np.abs(usual[0] - usual[2]).mean() > 1  # each frame its own
    still = CopyJitter(0, 0, (1, 1), (1, 1), 0, 0, 0, 0, 1, 0)
    same = varied_copy(clip, np.random.default_rng(0), still)
    np.testing.assert_allclose(same, clip, atol=0.6)
    # A cut out of the middle; zeros come in from outside.
    ball = np.zeros((1, 33, 33, 3), np.uint8)
    ball[:, 15:18, 15:18] = 255
    zoomed = dataclasses.replace(still, zoom=0.5)
    made = varied_copy(ball, np.random.default_rng(0), zoomed)[0, ..., 0]
    np.testing.assert_allclose(made, made[::-1, ::-1], atol=1)
    assert made.sum() > 1.2 * ball[..., 0].sum()
    moved = dataclasses.replace(still, affine=1, shift=0.5)
    made = varied_copy(clip + 0, np.random.default_rng(1), moved)
    assert (made == 0).all(-1).any() and (made > 100).any()
    # Factors are 0.8 to U(0.8, 1.2) of the distance to a channel's mean.
    grey = dataclasses.replace(still, contrast=(0.8, 1.2))
    many = np.repeat(clip[:1] // 2, 300, axis=0)
    made = varied_copy(many, np.random.default_rng(2), grey)
    spread = made[..., 0].std((1, 2)) / many[..., 0].std((1, 2))
    assert 0.799 < spread.min() < 0.81 and 1.1 < spread.max() < 1.2
    assert spread.mean() == pytest.approx(0.9, abs=0.02)
    two = clips.take(np.arange(2))
    made = [np.stack(list(films(two, "after"))) for _ in range(2)]
    np.testing.assert_array_equal(*made)
    assert np.abs(made[0][0] - made[0][1]).mean() > 1  # each its own


def test_features_relative_to_the_first_frame_leave_out_who_it_is(
    clips, options
):
    plain = ConvNeXtMethod("convnext_lstm_a", 1, options).sequences(clips)
    chosen = dataclasses.replace(options, relative=True)
    moved = ConvNeXtMethod("convnext_lstm_a", 1, chosen).sequences(clips)
    assert not moved[:, 0].any()
    np.testing.assert_allclose(moved + plain[:, :1], plain, atol=1e-5)
    fixed = ConvNeXtMethod("convnext_lstm_a", 1, chosen, relative=False)
    np.testing.assert_array_equal(fixed.sequences(clips), plain)


def test_training_clips_come_with_a_copy_each(parts, options, monkeypatch):
    train = parts[0]
    method = ConvNeXtMethod("convnext_lstm_a", 1, options, copies="after")
    x = method.sequences(train)
    copies = method.varied(train)
    assert copies.shape == x.shape
    assert np.abs(copies - x).mean() > 1e-3
    seen = []
    monkeypatch.setattr(
        method, "train_arrays", lambda _, *arrays: seen.extend(arrays[:3])
    )
    method.fit(*parts[:2], 0)
    fed, targets, weights = seen
    assert len(fed) == len(targets) == len(weights) == 2 * len(train)
    np.testing.assert_array_equal(*np.split(targets, 2))


def test_the_backbone_can_be_trained_as_well(store, options):
    train, validation, test = split_people(pemf_clips(store, num_frames=2))
    small = dataclasses.replace(options, head={"units": 4}, batch_size=4)
    method = resolve_method("convnext_lstm_finetuned", epochs=1, options=small)
    method.fit(train, validation, 0)
    encoder = method.model.get_layer("encoder")
    assert encoder.trainable_weights
    probabilities = method.predict_proba(test)
    assert probabilities.shape == (len(test), 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-4)
    assert method.config()["arguments"]["backbone"] == small.backbone
