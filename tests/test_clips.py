"""Face clips: which frames, decoding, flips and shifts, and who is who."""

import dataclasses
import json

import numpy as np
import pytest
from fake_faces import fake_store

from keras_pain.data.clips import cut_clips, open_frames
from keras_pain.data.feed import (
    STILL,
    Jitter,
    evaluation_clips,
    frame_numbers,
    training_clips,
)
from keras_pain.errors import ConfigurationError, KerasPainError


@pytest.fixture(scope="module")
def store():
    return fake_store()


@pytest.fixture(scope="module")
def clips(store):
    return cut_clips(store, label="vas", num_frames=8, size=40)


def targets(clips):
    return clips.y[:, None]


def test_clips_know_their_frames(store, clips):
    assert len(clips) == 18
    assert clips.count.tolist() == store.num_frames.tolist()
    assert clips.input_shape == (8, 40, 40, 3)
    assert clips.window_id[1] == "s0c1:0"
    assert set(clips.of_subjects(["s2"]).recording) == {"s2c0", "s2c1", "s2c2"}
    by_clip = cut_clips(store, label="vas", unit="clip")
    assert by_clip.subject.tolist() == by_clip.recording.tolist()
    assert by_clip.person.tolist() == clips.subject.tolist()
    left = cut_clips(store, label="vas", without=["s1", "s4"])
    assert set(left.person) == {"s0", "s2", "s3", "s5"}


def test_frames_are_samples_of_their_own(store):
    every = cut_clips(store, label="pspi", level="frame", size=40, every=3)
    assert every.input_shape == (40, 40, 3)
    ids = [f"s0c0:{frame}" for frame in (0, 3, 6, 9)]
    assert every.window_id[:4].tolist() == ids
    settings = {"label": "pspi", "level": "frame", "size": 40}
    faces = cut_clips(store, faces_only=True, **settings)
    assert not any(int(w.split(":")[1]) % 5 == 4 for w in faces.window_id)
    x, _ = next(iter(evaluation_clips(every, targets(every), 4)))
    assert x.shape == (4, 40, 40, 3)


@pytest.mark.parametrize("sampling", ["uniform", "random", "centre"])
def test_sampled_frames_are_in_order_and_of_their_clip(clips, sampling):
    index = np.arange(len(clips))
    rng = np.random.default_rng(0)
    numbers = frame_numbers(clips, index, sampling, rng)
    assert numbers.shape == (18, 8)
    assert (np.diff(numbers, axis=1) >= 0).all()
    inside = numbers - clips.first[:, None]
    assert (inside >= 0).all() and (inside < clips.count[:, None]).all()
    if sampling == "centre":
        assert (np.diff(numbers, axis=1) == 1).all()
    # A clip of one frame repeats it.
    one = dataclasses.replace(clips, count=np.ones_like(clips.count))
    numbers = frame_numbers(one, np.array([3]), sampling, rng)
    assert (numbers == one.first[3]).all()


def test_decoding_in_batches_and_at_once_agree(clips):
    kept = training_clips(clips, targets(clips), 5, seed=3)
    decoded = training_clips(clips, targets(clips), 5, seed=3, limit=0)
    for one, other, _ in zip(kept, decoded, range(5), strict=False):
        for part, same in zip(one, other, strict=True):
            np.testing.assert_array_equal(part, same)


def test_pictures_are_those_of_the_clip(clips):
    x, y = next(iter(evaluation_clips(clips, targets(clips), 18)))
    # JPEG moves a grey by a level or two.
    grey = x[:, :, 30:, 10:].numpy().mean(axis=(1, 2, 3, 4))
    np.testing.assert_allclose(grey, 60 + 15 * y[:, 0].numpy(), atol=3)


def test_every_epoch_sees_every_clip_once_in_another_order(clips):
    batches = iter(training_clips(clips, targets(clips), 5, seed=1))
    orders = [
        np.concatenate([next(batches)[1].numpy()[:, 0] for _ in range(4)])
        for _ in range(2)
    ]
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.sort(clips.y))
    assert (orders[0] != orders[1]).any()


def test_a_seed_gives_the_same_batches(clips):
    one, same, other = (
        next(iter(training_clips(clips, targets(clips), 5, seed=seed)))[0]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert (one.numpy() != other.numpy()).any()


def test_flips_mirror_and_shifts_move_whole_clips(clips):
    def first(jitter):
        jitter = dataclasses.replace(jitter, sampling="uniform")
        batch = next(iter(training_clips(clips, targets(clips), 18, 0, jitter)))
        order = np.argsort(batch[1][:, 0], kind="stable")
        return batch[0].numpy()[order]

    plain = first(STILL)
    flipped = first(Jitter(flip=1.0, shift=0.0))
    np.testing.assert_array_equal(flipped, plain[:, :, :, ::-1])
    moved = first(Jitter(flip=0.0, shift=0.1))
    assert (moved != plain).any()
    for clip, original in zip(moved, plain, strict=True):
        fits = [
            (dy, dx)
            for dy in range(-4, 5)
            for dx in range(-4, 5)
            if np.array_equal(
                clip[:, 4:-4, 4:-4],
                original[:, 4 + dy : 36 + dy, 4 + dx : 36 + dx],
            )
        ]
        assert fits  # one shift for all frames


def test_smaller_pictures_are_resized(clips):
    small = dataclasses.replace(clips, size=20)
    x, y = next(iter(evaluation_clips(small, targets(small), 18)))
    assert x.shape[1:] == (8, 20, 20, 3)
    grey = x[:, :, 15:, 5:].numpy().mean(axis=(1, 2, 3, 4))
    np.testing.assert_allclose(grey, 60 + 15 * y[:, 0].numpy(), atol=3)


@pytest.mark.parametrize(
    "settings",
    [
        {"label": "opr"},
        {"label": "vas", "level": "video"},
        {"label": "vas", "unit": "person"},
        {"label": "vas", "num_frames": 0},
    ],
)
def test_settings_that_do_not_fit_are_named(store, settings):
    with pytest.raises(ConfigurationError):
        cut_clips(store, **settings)


@pytest.mark.parametrize("damage", ["archive", "spans", "found", "cut"])
def test_damaged_pictures_on_disk_get_one_line(tmp_path, damage):
    folder = tmp_path / "pictures"
    folder.mkdir()
    note = {"name": "c", "subject_id": "s", "frames": 2, "labels": {}}
    (folder / "clips.json").write_text(json.dumps([note]))
    (folder / "frames.bin").write_bytes(b"abcd")
    arrays = {"spans": np.array([[0, 2], [2, 4]]), "frame_found": np.ones(2)}
    np.savez(folder / "arrays.npz", **arrays)
    assert open_frames(tmp_path).coded([1]).tolist() == [b"cd"]
    if damage == "archive":
        content = (folder / "arrays.npz").read_bytes()
        (folder / "arrays.npz").write_bytes(content[: len(content) // 2])
    elif damage == "cut":
        (folder / "frames.bin").write_bytes(b"abc")
    else:
        arrays = {k: v for k, v in arrays.items() if damage not in k}
        np.savez(folder / "arrays.npz", **arrays)
    with pytest.raises(KerasPainError, match="delete this folder") as caught:
        open_frames(tmp_path)
    assert str(folder) in str(caught.value)


def test_no_clip_left_is_said(store):
    with pytest.raises(KerasPainError, match="no clip is left"):
        cut_clips(store, label="vas", where={"vas": [99]})
    with pytest.raises(ConfigurationError):
        Jitter(sampling="last")
