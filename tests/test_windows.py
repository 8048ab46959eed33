"""Segments, windows and label rules against plain loops and hand values."""

import numpy as np
import pytest
from fake_recordings import make_recording

from keras_pain.data import labels
from keras_pain.data.windows import (
    CHANNEL_NAMES,
    activity_instances,
    activity_segments,
    sliding_windows,
    whole_recordings,
)
from keras_pain.errors import ConfigurationError, KerasPainError


def runs(*pairs):
    """Activity of consecutive runs given as (value, length)."""
    return np.concatenate([np.full(n, v) for v, n in pairs])


@pytest.mark.parametrize(
    "activity, most, starts, values",
    [
        # It joins the run before it, at the start the one after it.
        ([(1, 100), (0, 1), (1, 50), (3, 12), (2, 80)], 12, [0, 163], [1, 2]),
        ([(5, 3), (1, 40)], 12, [0], [1]),
        ([(1, 9), (0, 1), (1, 9)], 0, [0, 9, 10], [1, 0, 1]),
        ([(1, 5), (2, 6), (3, 2)], 12, [0], [2]),
    ],
)
def test_flicker_joins_another_run(activity, most, starts, values):
    activity = runs(*activity)
    found = activity_segments(activity, max_flicker=most)
    stops = [*starts[1:], len(activity)]
    assert [array.tolist() for array in found] == [starts, stops, values]


def reference_windows(recording, length, step, padding):
    """Windows by the plainest possible loop."""
    frames = np.concatenate(
        [recording[k] for k in ("angles", "energies", "semg")], axis=1
    )
    starts, stops, _ = activity_segments(recording["activity"])
    found = []
    for begin, end in zip(starts, stops, strict=True):
        start = begin
        while True:
            stop = min(start + length, end)
            if padding == "none" and stop - start < length:
                break
            window = np.zeros((length, frames.shape[1]), np.float32)
            window[: stop - start] = frames[start:stop]
            found.append((start, stop - start, window))
            if start + length >= end:
                break
            start += step
    return found


@pytest.mark.parametrize("padding", ["zero", "none"])
@pytest.mark.parametrize("length,step", [(180, 45), (50, 17), (100, 100)])
def test_windows_equal_a_plain_loop(padding, length, step):
    rng = np.random.default_rng(1)
    lengths = rng.integers(20, 500, 12)
    activity = np.repeat(np.arange(12) % 9, lengths)
    recording = make_recording(activity=activity, seed=2)
    windows = sliding_windows(
        [recording], length=length, step=step, padding=padding
    )
    expected = reference_windows(recording, length, step, padding)
    assert len(windows) == len(expected)
    for number, (start, real, window) in enumerate(expected):
        assert windows.start[number] == start
        assert windows.length[number] == real
        np.testing.assert_array_equal(windows.x[number], window)
    assert windows.mask.sum() == windows.length.sum()


def test_no_window_crosses_a_change_of_activity():
    activity = runs((1, 300), (2, 200), (0, 400))
    windows = sliding_windows([make_recording(activity=activity)])
    inside = [
        np.unique(activity[s : s + n]).tolist()
        for s, n in zip(windows.start, windows.length, strict=True)
    ]
    assert all(len(values) == 1 for values in inside)
    assert [v[0] for v in inside] == windows.activity.tolist()


def test_channel_names_and_ids():
    windows = sliding_windows([make_recording("P7_D", 400)])
    assert windows.channel_names == CHANNEL_NAMES and len(CHANNEL_NAMES) == 30
    assert windows.window_id[1] == "P7_D:45"
    assert set(windows.subject) == {"P7"}
    assert len(set(windows.window_id)) == len(windows)


def test_chosen_activities_and_known_labels_only():
    activity = runs((0, 300), (3, 300), (8, 300))
    windows = sliding_windows(
        [make_recording(activity=activity)], activities=[3]
    )
    assert set(windows.activity) == {3}
    protective = runs((0, 500), (-1, 500))
    windows = sliding_windows([make_recording(protective=protective)])
    assert windows.start.max() + 180 <= 500


def test_merged_majority_needs_more_than_half():
    recording = make_recording(protective=runs((1, 90), (0, 90)))
    start, stop = np.array([0, 0]), np.array([180, 179])
    label = labels.window_labels("merged_majority", recording, start, stop)
    assert label.tolist() == [0, 1]


def test_the_two_orders_of_the_papers_differ():
    raters = np.zeros((100, 4, 7), np.uint8)
    raters[:50, 0, 0] = 1  # two raters, 50 frames each, never together
    raters[50:, 1, 3] = 2
    recording = make_recording(frames=100, raters=raters)
    span = np.array([0]), np.array([100])
    assert labels.window_labels("papers", recording, *span) == 1
    assert labels.window_labels("papers_per_frame", recording, *span) == 0
    raters[:, :2, 0] = 1
    assert labels.window_labels("papers_per_frame", recording, *span) == 1


def test_lsfan_reads_shifted_columns():
    span = np.array([0]), np.array([10])

    def label(mark, instance=0):
        raters = np.zeros((10, 4, 7), np.uint8)
        for rater, behaviour, value in mark:
            raters[:, rater, behaviour] = value
        recording = make_recording(
            frames=10,
            raters=raters,
            activity_instance=np.full(10, instance, np.int32),
        )
        return labels.window_labels("lsfan_as_coded", recording, *span)[0]

    # Guarding of raters 1 and 2: the first is never read.
    assert label([(0, 0, 2), (1, 0, 2)]) == 0
    # Guarding of raters 2 and 3 arrives as the seventh behaviour.
    assert label([(1, 0, 1), (2, 0, 1)]) == 1
    # One rater's guarding and a one-leg stand count as two raters.
    assert label([(1, 0, 1)], instance=1) == 1
    # Two raters must agree on the same behaviour.
    assert label([(0, 2, 1), (1, 3, 1)]) == 0
    assert label([(0, 3, 1), (1, 3, 1)]) == 1
    # One rater alone counts for the first behaviour read, with value 2.
    assert label([(0, 1, 2)]) == 1
    assert label([(0, 1, 1)]) == 0


def test_rules_that_need_raters_say_so():
    recording = make_recording()
    del recording["raters"]
    with pytest.raises(ConfigurationError, match="merged_majority"):
        sliding_windows([recording], label_rule="papers")
    with pytest.raises(ConfigurationError, match="label rule must be"):
        sliding_windows([recording], label_rule="nonsense")


def test_instances_resample_a_whole_movement():
    activity = runs((0, 100), (3, 401), (0, 50))
    recording = make_recording(activity=activity)
    ramp = np.arange(551, dtype=np.float32)
    recording["angles"] = np.repeat(ramp[:, None], 13, axis=1)
    recording["pain_level"] = np.full(551, 2, np.int8)
    windows = activity_instances([recording], length=81)
    assert len(windows) == 1 and windows.y.tolist() == [2]
    expected = np.linspace(100, 500, 81)
    np.testing.assert_allclose(windows.x[0, :, 0], expected, rtol=1e-5)
    padded = activity_instances([recording], length=500, fit="pad")
    assert padded.length.tolist() == [401]
    assert not padded.x[0, 401:].any()


def test_instances_without_pain_level_are_left_out():
    known = make_recording("C1_N", activity=runs((3, 300)))
    unknown = make_recording("P1_N", activity=runs((3, 300)))
    unknown["pain_level"][:] = -1
    assert set(activity_instances([known, unknown]).subject) == {"C1"}
    with pytest.raises(KerasPainError, match="pain level"):
        activity_instances([unknown])


def test_all_windows_too_short_is_one_clear_line():
    short = make_recording(activity=runs((1, 100), (2, 120)))
    with pytest.raises(KerasPainError, match="long enough") as error:
        sliding_windows([short], padding="none")
    assert "\n" not in str(error.value)
    assert len(sliding_windows([short])) == 2  # zero padded


@pytest.mark.parametrize(
    "cut, setting",
    [
        (sliding_windows, {"step": 0}),
        (sliding_windows, {"padding": "mirror"}),
        (activity_instances, {"fit": "crop"}),
    ],
)
def test_settings_out_of_range(cut, setting):
    with pytest.raises(ConfigurationError, match=next(iter(setting))):
        cut([make_recording()], **setting)


def test_whole_recordings_carry_one_label():
    first = {**make_recording("s01_a", 157), "label": "incorrect"}
    second = {**make_recording("s02_b", 300), "label": "correct"}
    windows = whole_recordings(
        [first, second], label="label", class_names=("correct", "incorrect")
    )
    assert windows.y.tolist() == [1, 0]
    assert windows.x.shape == (2, 180, 30) and windows.mask.all()
    np.testing.assert_allclose(windows.x[1, 0, :13], second["angles"][0])
    np.testing.assert_allclose(windows.x[1, -1, :13], second["angles"][-1])
