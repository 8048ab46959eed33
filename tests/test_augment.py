"""Scaling, augmented copies and ALANet's class balance."""

import itertools

import numpy as np
import pytest
from fake_recordings import make_recording

from keras_pain.data import augment
from keras_pain.data.augment import apply_scaler, fit_scaler
from keras_pain.data.windows import sliding_windows


@pytest.fixture(scope="module")
def windows():
    activity = np.repeat([1, 2, 3, 4], [700, 95, 400, 130])
    protective = np.repeat([0, 1, 0], [500, 300, 525])
    marks = {"activity": activity, "protective": protective}
    recordings = (make_recording(f"P{n}_N", seed=n, **marks) for n in range(4))
    return sliding_windows(list(recordings))


def test_scaler_sees_real_frames_only(windows):
    scaler = fit_scaler(windows)
    frames = windows.x[windows.mask]
    np.testing.assert_allclose(scaler.mean_, frames.mean(0), rtol=1e-4)
    scaled = apply_scaler(scaler, windows)
    real = scaled.x[scaled.mask]
    np.testing.assert_allclose(real.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(real.std(0), 1, atol=1e-3)
    assert not scaled.x[~scaled.mask].any()


def test_scaler_of_a_channel_that_never_changes(windows):
    flat = windows.take(np.arange(len(windows)))
    flat.x = flat.x.copy()
    flat.x[:, :, 26:] = 0
    scaled = apply_scaler(fit_scaler(flat), flat)
    assert np.isfinite(scaled.x).all() and not scaled.x[:, :, 26:].any()


# Section IV.B: 18,410 windows in task 3 and 1,882 samples in task 2.
@pytest.mark.parametrize(
    "counts, wanted, total",
    [
        ([5334, 1106], [10668, 7742], 18410),
        ([226, 92, 80], [678, 644, 560], 1882),
    ],
)
def test_alanet_totals_are_met_exactly(windows, counts, wanted, total):
    times = augment.balanced_multiplicity(counts)
    assert (np.multiply(counts, times)).tolist() == wanted
    assert sum(wanted) == total
    # Windows really come out in those numbers.
    label = np.repeat(np.arange(len(counts)), counts)
    tiny = windows.take(np.zeros(len(label), int))
    tiny.x, tiny.y = tiny.x[:, :4, :], label
    tiny.length = np.minimum(tiny.length, 4)
    result = augment.augment(tiny, times, 0, augment.discard)
    assert np.bincount(result.y).tolist() == wanted


@pytest.mark.parametrize(
    "counts,wanted", [([10, 0], [1, 1]), ([5, 5], [7, 7]), ([3, 90], [7, 1])]
)
def test_multiplicity_at_the_edges(counts, wanted):
    assert augment.balanced_multiplicity(counts) == wanted


def test_each_copy_of_a_window_is_of_another_kind(windows, monkeypatch):
    made = []

    def record(name):
        def change(x, level, rng):
            made.append((name, level, len(x)))
            return x + 1.0

        return change

    monkeypatch.setattr(augment, "jitter", record("jitter"))
    monkeypatch.setattr(augment, "discard", record("discard"))
    scaled = apply_scaler(fit_scaler(windows), windows)
    result = augment.augment(scaled, [7, 7], 0, augment.discard)
    assert len(result) == 7 * len(windows)
    kinds = itertools.product(("jitter", "discard"), (0.05, 0.10, 0.15))
    assert [m[:2] for m in made] == list(kinds)
    assert {m[2] for m in made} == {len(windows)}
    assert not result.x[~result.mask].any(), "padding was touched"


def test_jitter_has_the_level_asked_for(windows):
    x = np.zeros((50, 180, 30), np.float32)
    noise = augment.jitter(x, 0.10, np.random.default_rng(0))
    assert noise.dtype == np.float32
    assert noise.std() == pytest.approx(0.10, rel=0.02)
    assert abs(noise.mean()) < 0.001


def test_discard_zeroes_crossings_of_frames_and_parts():
    x = np.ones((400, 180, 30), np.float32)
    result = augment.discard(x, 0.15, np.random.default_rng(0))
    assert set(np.unique(result)) == {0.0, 1.0}
    assert (result == 0).mean() == pytest.approx(0.15**2, rel=0.1)
    # An angle and its energy fall out together.
    np.testing.assert_array_equal(result[:, :, :13], result[:, :, 13:26])
    # In one window every hit frame loses the same parts.
    for window in result[:20]:
        patterns = {tuple(row) for row in window if (row == 0).any()}
        assert len(patterns) <= 1


def test_augmentation_follows_its_seed(windows):
    scaled = apply_scaler(fit_scaler(windows), windows)
    one = augment.augment(scaled, [2, 7], 1, augment.discard)
    same = augment.augment(scaled, [2, 7], 1, augment.discard)
    other = augment.augment(scaled, [2, 7], 2, augment.discard)
    np.testing.assert_array_equal(one.x, same.x)
    assert len(other) == len(one) and not np.array_equal(other.x, one.x)
    np.testing.assert_array_equal(one.x[: len(scaled)], scaled.x)
