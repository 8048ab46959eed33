"""Small stores of drawn pictures: brighter is more pain."""

import cv2
import numpy as np

from keras_pain.data.clips import ClipInfo, FrameStore


def picture(level: float, number: int, size: int = 40) -> np.ndarray:
    """Grey by level, a dark left edge, a black row that moves down."""
    image = np.full((size, size, 3), 60 + 15 * level, np.uint8)
    image[:, :6] = 20
    image[2 * number : 2 * number + 2] = 0
    return image


def spans_of(codes: list[bytes]) -> np.ndarray:
    """`(n, 2)`, where each code begins and ends when they are joined."""
    sizes = np.array([len(code) for code in codes])
    ends = np.cumsum(sizes)
    return np.stack([ends - sizes, ends], axis=1)


def fake_store(people=6, clips=3, frames=10, size=40, seed=0, kinds=0):
    """A `FrameStore` in memory.

    Args:
        people: Participants.
        clips: Clips of each.
        frames: Frames of a person's first clip; each further one has one
            more.
        size: Pixels a side.
        seed: Seed of the intensities.
        kinds: Where positive, the label `kind` is of so many classes.
    """
    rng = np.random.default_rng(seed)
    codes, infos = [], []
    for person in range(people):
        for clip in range(clips):
            level = float(rng.uniform(0, 10))
            labels = {"vas": level}
            if kinds:
                labels["kind"] = float(clip % kinds)
                level = 10 * labels["kind"] / max(kinds - 1, 1)
            count = frames + clip
            codes += [
                cv2.imencode(".jpg", picture(level, n, size))[1].tobytes()
                for n in range(count)
            ]
            infos.append(
                ClipInfo(
                    f"s{person}c{clip}",
                    f"s{person}",
                    labels,
                    {
                        "found": np.arange(count) % 5 != 4,
                        "source": (np.arange(count) % 5 == 4).astype(np.uint8),
                        "pspi": np.linspace(0, level, count),
                    },
                )
            )
    data = np.frombuffer(b"".join(codes), np.uint8)
    return FrameStore("fake", infos, spans_of(codes), data)


def split_people(clips):
    """Four people to train on, one to choose the epoch, one to test."""
    people = (["s0", "s1", "s2", "s3"], ["s4"], ["s5"])
    return tuple(clips.of_subjects(names) for names in people)
