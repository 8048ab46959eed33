"""Faces are found, followed and cut out; what is missing is said."""

import pickle

import cv2
import matplotlib.cbook
import numpy as np
import pytest

from keras_pain.errors import ConfigurationError, KerasPainError
from keras_pain.signals import faces
from keras_pain.signals.faces import (
    FaceDetector,
    choose_track,
    face_clip,
    fill_and_smooth,
)


def boxes_at(*places):
    """`(n, 5)` boxes from x, y, side."""
    return np.array(
        [[x, y, x + side, y + side, 0.99] for x, y, side in places], np.float32
    ).reshape(-1, 5)


class FakeDetector:
    """Returns what it is given, and counts the frames it was shown."""

    def __init__(self, detections):
        self.detections, self.shown = detections, 0

    def detect(self, frames):
        self.shown += len(frames)
        return [self.detections[int(frame[0, 0, 0])] for frame in frames]


def numbered(count, size=(120, 160)):
    """Frames that carry their number in a corner."""
    frames = np.full((count, *size, 3), 100, np.uint8)
    frames[:, 0, 0] = np.arange(count)[:, None]
    return list(frames)


# The track


def test_the_larger_of_two_faces_is_kept_and_the_other_counted():
    detections = [
        boxes_at((20 + t, 10, 30), (80 - t, 40, 60)) for t in range(10)
    ]
    track = choose_track(detections)
    assert track.found.all() and track.others == 1
    np.testing.assert_array_equal(track.boxes[:, 0], 80 - np.arange(10))
    shuffled = [d[::-1] if t % 2 else d for t, d in enumerate(detections)]
    np.testing.assert_array_equal(choose_track(shuffled).boxes, track.boxes)


def test_a_large_face_that_only_passes_by_does_not_win():
    detections = [boxes_at((40, 40, 50)) for _ in range(20)]
    for t in range(8, 12):
        passing = boxes_at((20 * (t - 6), 10, 95))
        detections[t] = np.concatenate([passing, detections[t]])
    track = choose_track(detections)
    assert (track.boxes[:, 2] - track.boxes[:, 0] == 50).all()
    assert track.others == 1


def test_a_single_wrong_box_is_no_other_person():
    detections = [boxes_at((40, 40, 50)) for _ in range(20)]
    detections[7] = boxes_at((40, 40, 50), (120, 5, 12))
    assert choose_track(detections).others == 0


def test_one_person_who_moves_to_another_place_is_one_track():
    detections = [boxes_at((10, 40, 50)) for _ in range(10)]
    detections += [boxes_at()] * 2
    detections += [boxes_at((400, 40, 55)) for _ in range(10)]
    track = choose_track(detections)
    assert track.others == 0 and track.found.sum() == 20
    assert track.boxes[0, 0] == 10 and track.boxes[-1, 0] == 400
    # The jump stays a jump: smoothing does not cross it.
    smooth, _ = fill_and_smooth(track.boxes)
    assert smooth[9, 0] == 10 and smooth[12, 0] == 400


def test_missed_frames_lie_between_their_neighbours():
    boxes = np.full((9, 4), np.nan, np.float32)
    boxes[2] = 10, 10, 30, 50  # made square: 40 a side
    boxes[6] = 18, 18, 38, 58
    square, source = fill_and_smooth(boxes)
    assert np.flatnonzero(source == faces.DETECTED).tolist() == [2, 6]
    assert set(source) == {faces.DETECTED, faces.INTERPOLATED}
    assert np.allclose(square[:, 2:] - square[:, :2], 40, atol=1e-3)
    assert np.allclose(square[4], [4, 14, 44, 54], atol=1e-3)
    assert (np.diff(square[:, 0]) >= -1e-4).all()


def test_the_fallback_is_fitted_to_the_detector():
    rng = np.random.default_rng(0)
    centre = 100 + np.cumsum(rng.normal(0, 0.3, (30, 2)), axis=0)
    boxes = np.concatenate([centre - 20, centre + 20], axis=1)
    spare_centre = centre + (0, 6)  # a smaller box, further down
    spare = np.concatenate([spare_centre - 15, spare_centre + 15], axis=1)
    known = boxes.astype(np.float32).copy()
    known[10:20] = np.nan
    spare[19] = np.nan
    square, source = fill_and_smooth(known, spare)
    assert (source[10:19] == faces.FALLBACK).all()
    assert source[19] == faces.INTERPOLATED
    assert np.abs(square - boxes).max() < 1


def test_smoothing_takes_away_trembling_and_single_errors():
    rng = np.random.default_rng(0)
    boxes = np.tile([50.0, 50, 90, 90], (40, 1))
    boxes += rng.normal(0, 1, boxes.shape)
    boxes[17] = 50, 50, 105, 105
    square, _ = fill_and_smooth(boxes)
    steps = np.abs(np.diff(square, axis=0))
    assert steps.max() < 1.5 < np.abs(np.diff(boxes, axis=0)).max()


# Crops


def gradient(height=60, width=80):
    """Red grows with x, green with y, so that a pixel says where it is from."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 2, y * 2, 0 * x], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("size", [24, 64])
def test_a_crop_shows_what_the_box_encloses(size):
    box = np.array([[20.5, 10.25, 52.5, 42.25]])
    [crop] = faces.crop_faces([gradient()], box, size=size, margin=0.25)
    # With the margin: 12.5 to 60.5 and 2.25 to 50.25, at pixel centres.
    middles = 12.5 + (np.arange(size) + 0.5) / size * 48 - 0.5
    inside = slice(2, -2)
    assert np.abs(crop[0, inside, 0] / 2 - middles[inside]).max() < 0.8
    middles = 2.25 + (np.arange(size) + 0.5) / size * 48 - 0.5
    assert np.abs(crop[inside, 0, 1] / 2 - middles[inside]).max() < 0.8
    points = faces.to_crop([[[20.5, 10.25]]], box, size=size, margin=0.25)
    np.testing.assert_allclose(points, size / 6, rtol=1e-5)


def test_a_crop_over_the_border_repeats_it():
    frame = np.full((40, 40, 3), 7, np.uint8)
    boxes = np.array([[-30, -30, 20, 20], [25, 25, 60, 60], [90, 90, 99, 99]])
    crops = faces.crop_faces([frame] * 3, boxes, size=32)
    assert crops.shape == (3, 32, 32, 3) and (crops == 7).all()


# Clips


def test_a_clip_says_what_was_done():
    detections = [boxes_at((60, 40, 40)) for _ in range(12)]
    detections[3] = detections[4] = boxes_at()
    clip = face_clip(numbered(12), FakeDetector(detections), size=32)
    assert clip.faces.shape == (12, 32, 32, 3)
    counts = {"found": 10, "interpolated": 2, "fallback": 0, "others": 0}
    assert clip.counts() == counts
    assert (clip.found == (clip.source != faces.INTERPOLATED)).all()
    [(rule, action, detail)] = clip.findings
    assert (rule, action) == ("face_missed", "repaired")
    assert "2 of 12 frames" in detail


def test_a_fallback_stands_in_for_the_detector():
    landmarks = np.full((6, 66, 2), np.nan, np.float32)
    landmarks[1:] = np.random.default_rng(0).uniform(50, 90, (66, 2))
    spare = faces.landmark_boxes(landmarks)
    assert np.isnan(spare[0]).all() and np.isfinite(spare[1:]).all()
    none = [boxes_at()] * 6
    clip = face_clip(numbered(6), FakeDetector(none), fallback=spare, size=16)
    assert clip.counts()["fallback"] == 5 and not clip.found.any()
    assert [f[0] for f in clip.findings] == ["face_missed", "face_fallback"]


@pytest.mark.parametrize("fallback", [None, np.full((4, 4), np.nan)])
def test_a_clip_without_a_face_gets_one_line(fallback):
    none = FakeDetector([boxes_at()] * 4)
    with pytest.raises(faces.NoFaceError, match="in any of 4 frames") as caught:
        face_clip(numbered(4), none, fallback=fallback)
    assert isinstance(caught.value, KerasPainError)
    assert "\n" not in str(caught.value)
    copied = pickle.loads(pickle.dumps(caught.value))  # of a worker process
    assert str(copied) == str(caught.value)
    assert copied.problem == caught.value.problem


def test_looking_at_every_third_frame_costs_a_third():
    detections = [boxes_at((30 + 2 * t, 40, 40)) for t in range(14)]
    every, third = FakeDetector(detections), FakeDetector(detections)
    whole = face_clip(numbered(14), every, size=16)
    sparse = face_clip(numbered(14), third, size=16, every=3)
    assert every.shown == 14 and third.shown == 6  # the last one as well
    assert sparse.found.sum() == 6
    assert np.abs(sparse.boxes - whole.boxes)[3:-3].max() < 0.6
    assert [f[0] for f in sparse.findings] == ["frames_skipped"]


def test_a_clip_of_one_frame_is_a_clip():
    clip = face_clip(numbered(1), FakeDetector([boxes_at((9, 9, 30))]), size=8)
    np.testing.assert_allclose(clip.boxes, [[9, 9, 39, 39]])


# The detector itself, on a portrait in the public domain


@pytest.fixture(scope="module")
def portrait():
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        coded = np.frombuffer(file.read(), np.uint8)
    return cv2.cvtColor(cv2.imdecode(coded, 1), cv2.COLOR_BGR2RGB)


@pytest.fixture(scope="module")
def detector():
    return FaceDetector()


def test_a_face_is_found_where_it_is_at_any_size(portrait, detector):
    [whole] = FaceDetector(max_side=2000).detect([portrait])
    side = (whole[0, 3] - whole[0, 1]).item()
    flipped = portrait[:, ::-1].copy()
    half = cv2.resize(portrait, None, fx=0.5, fy=0.5)
    found = detector.detect([portrait, half, flipped, portrait[:300]])
    assert [len(boxes) for boxes in found] == [1, 1, 1, 1]
    assert all(boxes.dtype == np.float32 for boxes in found)
    assert np.abs(found[0] - whole)[0, :4].max() < 0.04 * side
    assert np.abs(2 * found[1] - whole)[0, :4].max() < 0.06 * side
    width = portrait.shape[1]
    mirrored = width - found[2][0, [2, 0]]
    assert np.abs(mirrored - whole[0, [0, 2]]).max() < 0.06 * side


def test_a_batch_finds_what_single_frames_do(portrait, detector):
    shifted = np.roll(portrait, 40, axis=1)
    black = np.zeros_like(portrait)
    frames = [portrait, black, shifted, portrait]
    together = FaceDetector(batch_size=3).detect(frames)
    assert len(together[1]) == 0
    for frame, boxes in zip(frames, together, strict=True):
        [alone] = detector.detect([frame])
        np.testing.assert_allclose(boxes, alone, atol=0.05)
    assert together[2][0, 0] == pytest.approx(together[0][0, 0] + 40, abs=4)


def test_a_small_face_is_found_at_the_second_look(portrait):
    frame = np.full((900, 1100, 3), 128, np.uint8)
    small = cv2.resize(portrait, (144, 170), interpolation=cv2.INTER_AREA)
    frame[200:370, 300:444] = small  # the face has 70 pixels, once 11
    [once] = FaceDetector()._detect([frame], 0)
    [twice] = FaceDetector().detect([frame])
    assert len(once) == 0 and len(twice) == 1
    assert 300 < twice[0, 0] < 444 and 200 < twice[0, 1] < 370


def test_pictures_are_reduced_by_steps_of_the_pyramid():
    detector = FaceDetector(max_side=200)
    for side in (60, 199, 200, 201, 320, 1388):
        frame = np.empty((50, side, 3), np.uint8)
        reduced = side * faces.PYRAMID_STEP ** detector._steps(frame)
        assert reduced <= 200.001
        assert side <= 200 or reduced > 200 * faces.PYRAMID_STEP


def test_tiny_pictures_and_bad_arguments(detector):
    tiny = np.zeros((8, 300, 3), np.uint8)
    assert [len(boxes) for boxes in detector.detect([tiny])] == [0]
    assert detector.detect([]) == []
    for frame in (tiny[..., 0], tiny.astype(np.float32), np.dstack([tiny] * 2)):
        with pytest.raises(ConfigurationError, match="uint8, got"):
            detector.detect([frame])
    with pytest.raises(ConfigurationError, match="max_side"):
        FaceDetector(max_side=10)
