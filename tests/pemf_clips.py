"""Small stores of PEMF-like clips: pictures and simulated landmarks."""

import dataclasses

import numpy as np
from fake_faces import fake_store

from keras_pain.data.clips import LandmarkedFrames, cut_clips
from keras_pain.simulate import face as faces
from keras_pain.simulate.pemf import motion_of as perform

CLASSES = ("no pain", "pain")


def points_of(person: int, kind: int, frames: int) -> np.ndarray:
    """`(frames, 68, 2)` landmarks of a simulated clip, in pixels."""
    acted = perform(person, kind, frames)
    rng = np.random.default_rng([person, 9])
    shape = faces.ANCHORS * rng.normal(1, 0.03, 2)
    units = [{u: float(v[t]) for u, v in acted.units.items()}
             for t in range(frames)]  # fmt: skip
    moved = [faces.express(shape, faces.shares(u))[:68] for u in units]
    size = rng.uniform(0.8, 1.2)
    away = 300 * acted.shift[:, None]
    return (size * np.array(moved) + away).astype(np.float32)


def pemf_store(people=6, frames=6, size=32, missing=()):
    """A store whose clips have landmarks and are neutral or one of 3 pains.

    Args:
        people: Participants.
        frames: Frames of each one's first clip.
        size: Pixels a side.
        missing: Names of clips without landmarks.
    """
    store = fake_store(people, 4, frames, size, kinds=4)
    points, clips = {}, []
    for number, clip in enumerate(store.clips):
        kind = int(clip.labels["kind"])
        labels = {**clip.labels, "pain": float(kind > 0)}
        clips.append(dataclasses.replace(clip, labels=labels))
        count = len(clip.frame_labels["found"])
        if clip.name not in missing:
            points[clip.name] = points_of(number // 4, kind, count)
    store.clips = tuple(clips)
    return LandmarkedFrames(store, points)


def pemf_clips(store, num_frames=4, size=32, **arguments):
    """All labelled clips of the store."""
    return cut_clips(
        store,
        label="pain",
        num_frames=num_frames,
        size=size,
        class_names=CLASSES,
        **arguments,
    )
