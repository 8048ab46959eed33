"""ConvNeXt-LSTM and STGCN-LSTM as methods, and their released defects."""

import dataclasses
import sys

import keras
import numpy as np
import pytest
from pemf_clips import pemf_clips, pemf_store, points_of
from sklearn.metrics import balanced_accuracy_score

from keras_pain.data.clip_copies import CopyJitter, varied_copy
from keras_pain.data.frames import FrameStore
from keras_pain.data.landmarked import LandmarkedFrames, digest
from keras_pain.errors import BadFileError, ConfigurationError, KerasPainError
from keras_pain.experiments import pemf_inputs, trainings
from keras_pain.experiments.defects import resolve_defects
from keras_pain.experiments.features import FeatureExtractor
from keras_pain.experiments.methods import resolve_method
from keras_pain.experiments.pemf_inputs import Films, smote
from keras_pain.experiments.pemf_methods import (
    METHODS,
    ConvNeXtMethod,
    LateFusion,
    PemfOptions,
    STGCNMethod,
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


def parts(clips):
    return (
        clips.of_subjects(["s0", "s1", "s2", "s3"]),
        clips.of_subjects(["s4"]),
        clips.of_subjects(["s5"]),
    )


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
    np.testing.assert_array_equal(
        method.sequences(clips.of_subjects(["s2"])), first[8:12]
    )

    def never(*_):
        raise AssertionError("computed again")

    monkeypatch.setattr(FeatureExtractor, "clips", never)
    pemf_inputs._kept.clear()  # as in a new process
    np.testing.assert_array_equal(method.sequences(clips), first)
    with pytest.raises(AssertionError, match="computed again"):
        ConvNeXtMethod(
            "convnext_lstm_a", 1, options, normalise_twice=True
        ).sequences(clips)


def test_weights_of_another_backbone_are_one_line(clips, options, tmp_path):
    path = tmp_path / "other.weights.h5"
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save_weights(
        path
    )
    chosen = dataclasses.replace(options, backbone_weights=str(path))
    with pytest.raises(BadFileError) as error:
        ConvNeXtMethod("convnext_lstm_a", 1, chosen).fit(*parts(clips)[:2], 0)
    assert "does not hold the weights of ConvNeXtTiny" in str(error.value)
    assert "\n" not in str(error.value)


# Training


def test_features_are_scaled_by_training_clips_only(clips, options):
    train, validation, test = parts(clips)
    method = ConvNeXtMethod("convnext_lstm_a", 2, options)
    report = method.fit(train, validation, 0)
    x = method.sequences(train)
    np.testing.assert_allclose(method.mean, x.mean((0, 1)), rtol=1e-4)
    assert report.chosen_epoch in (1, 2)
    assert "val_loss" in report.history[0]
    predicted = method.predict_proba(test)
    # The saved network scales by itself.
    whole = method.model_with_scale()(method.sequences(test))
    np.testing.assert_allclose(whole, predicted, atol=1e-5)
    raw = ConvNeXtMethod("convnext_lstm_a", 1, options, standardise=False)
    raw.fit(train, validation, 0)
    assert raw.mean is None


def test_both_systems_and_their_mean(clips, options, tmp_path, monkeypatch):
    train, validation, test = parts(clips)
    shared = (2, options, True)
    fused = LateFusion(*shared)
    report = fused.fit(train, validation, 3)
    assert {row["stage"] for row in report.history} == {
        "convnext_lstm_c",
        "stgcn_lstm",
    }
    single = STGCNMethod("stgcn_lstm", *shared)
    single.fit(train, validation, 3)
    alone = single.predict_proba(test)
    np.testing.assert_allclose(
        fused.predict_proba(test),
        (alone + fused.parts[0].predict_proba(test)) / 2,
        atol=1e-6,
    )
    monkeypatch.setattr(trainings, "_last", {})
    afresh = LateFusion(*shared)
    afresh.fit(train, validation, 3)
    np.testing.assert_array_equal(
        afresh.predict_proba(test), fused.predict_proba(test)
    )

    def never(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr(keras.Model, "fit", never)
    again = LateFusion(*shared).fit(train, validation, 3)
    assert again.history == report.history
    with pytest.raises(AssertionError, match="trained again"):
        LateFusion(*shared).fit(train, validation, 4)
    fused.save(tmp_path)
    again = keras.models.load_model(tmp_path / "stgcn_lstm.keras")
    np.testing.assert_allclose(again(single.sequences(test)), alone, atol=1e-4)


def test_landmarks_are_learnt_and_dealt_labels_are_not():
    """People who are not trained on; chance where labels are permuted."""
    people, frames = 24, 8
    x = np.stack([points_of(p, k, frames) for p in range(people)
                  for k in range(4)])  # fmt: skip
    y = np.tile([0, 1, 1, 1], people)
    person = np.repeat(np.arange(people), 4)
    test = person >= 16

    class Points(STGCNMethod):
        def sequences(self, clips):
            return np.stack([normalise_clip(clip) for clip in clips.x])

        def training_sequences(self, clips, seed):
            return self.sequences(clips), clips.y

    scores = []
    for labels in (y, np.random.default_rng(1).permutation(y)):
        method = Points(
            "stgcn_lstm",
            14,
            PemfOptions(learning_rate=3e-3, graph=GRAPH),
            True,
            last_epoch=True,
        )
        train = Arrays(x[~test], labels[~test])
        method.fit(train, None, 0)
        predicted = method.predict_proba(Arrays(x[test], None)).argmax(1)
        scores.append(balanced_accuracy_score(labels[test], predicted))
    assert scores[0] >= 0.75
    assert 0.3 <= scores[1] <= 0.68


class Arrays:
    """As much of a `ClipSet` as that test needs."""

    num_classes = 2

    def __init__(self, x, y):
        self.x, self.y = x, y


# What the released code does


def test_every_switch_belongs_to_a_method_and_changes_it(options):
    names = (
        "last_epoch",
        "scaler_on_all_clips",
        "smote_before_validation",
        "normalised_twice",
        "jitter_after_standardisation",
    )
    for defect in resolve_defects(names):
        assert set(defect.arguments) <= set(METHODS)
        assert "late_fusion" in defect.arguments
        for name, arguments in defect.arguments.items():
            plain = resolve_method(name, options=options)
            changed = resolve_method(name, options=options, **arguments)
            assert plain.config() != changed.config(), (defect.name, name)


def test_the_last_epoch_needs_no_validation(clips, options):
    train = parts(clips)[0]
    method = STGCNMethod("stgcn_lstm", 2, options, True, last_epoch=True)
    report = method.fit(train, None, 0)
    assert report.chosen_epoch == 2 and not method.chooses_epoch
    assert "val_loss" not in report.history[0]


def test_the_scaler_sees_all_clips(clips, options):
    train = parts(clips)[0]
    means = []
    for scaler, of in (("train", train), ("all_clips", clips)):
        method = STGCNMethod(
            "stgcn_lstm", 1, options, True, last_epoch=True,
            normalise=False, scaler=scaler,
        )  # fmt: skip
        method.fit(train, None, 0)
        x = method.sequences(of)
        assert x.mean() > 20  # pixels
        np.testing.assert_allclose(method.mean, x.mean((0, 1)), rtol=1e-3)
        means.append(method.mean)
    assert np.abs(means[0] - means[1]).max() > 0.1
    with pytest.raises(ConfigurationError, match="scaler must be one of"):
        STGCNMethod("stgcn_lstm", scaler="nobody")


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


def test_validation_after_smote_is_made_up(clips, options, monkeypatch):
    train = parts(clips)[0]
    method = STGCNMethod("stgcn_lstm", 1, options, oversample=True)
    seen = {}

    def train_on(arrays, held, classes, seed, report):
        seen.update(arrays=arrays, held=held)

    monkeypatch.setattr(method, "_train", train_on)
    method.fit(train, None, 0)
    x, targets = seen["arrays"]  # no class weights
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
    np.testing.assert_array_equal(usual[0], usual[2])  # all frames alike
    still = CopyJitter(0, 0, (1, 1), (1, 1), 0, 0, 0, 0, 1, 0)
    np.testing.assert_allclose(
        varied_copy(clip, np.random.default_rng(0), still), clip, atol=0.6
    )
    numbers = np.arange(8).reshape(2, 4)
    films = [
        np.stack(list(Films(clips.frames, numbers, 32, "after")))
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*films)
    assert np.abs(films[0][0] - films[0][1]).mean() > 1  # each its own


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


def test_training_clips_come_with_a_copy_each(clips, options):
    train = parts(clips)[0]
    method = ConvNeXtMethod("convnext_lstm_a", 1, options, copies="after")
    x, y = method.training_sequences(train, 0)
    assert len(x) == len(y) == 2 * len(train)
    np.testing.assert_array_equal(y[: len(train)], y[len(train) :])
    assert np.abs(x[: len(train)] - x[len(train) :]).mean() > 1e-3
    with pytest.raises(ConfigurationError, match="copies must be one of"):
        ConvNeXtMethod("convnext_lstm_a", copies="twice")


def test_the_backbone_can_be_trained_as_well(clips, options, tmp_path):
    train, validation, test = parts(clips)
    small = dataclasses.replace(options, head={"units": 4}, batch_size=4)
    method = resolve_method("convnext_lstm_finetuned", epochs=1, options=small)
    method.fit(train, validation, 0)
    encoder = method.model.get_layer("encoder")
    assert encoder.trainable_weights
    probabilities = method.predict_proba(test)
    assert probabilities.shape == (len(test), 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-4)
    assert method.config()["arguments"]["backbone"] == small.backbone
