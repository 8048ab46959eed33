"""Writes a simulated Part A of BioVid: parametric faces that feel heat.

The real videos are under a signed agreement. Here everybody has a face, a
liveliness and a way of showing pain of their own; what is seen grows with the
stimulus level times how much a person shows.
"""

import os
import pathlib
from typing import NamedTuple

import numpy as np
from numpy.random import default_rng

from keras_pain.corpora.biovid import layout as facts
from keras_pain.corpora.media import write_mp4
from keras_pain.simulate import expressions, folder
from keras_pain.simulate.face import draw_frames

SUBJECTS = {"small": 5, "full": len(facts.SUBJECTS)}
CLIPS = {"small": 3, "full": facts.CLIPS_PER_CLASS}
SIZES = {"small": (260, 348), "full": facts.FRAME_SIZE}
MAX_LEVEL = len(facts.CLASSES) - 1
SECONDS = facts.NUM_FRAMES / facts.FRAME_RATE


class Person(NamedTuple):
    """Somebody who takes part."""

    name: str  # one of `layout.SUBJECTS`
    seed: int  # of the face and of everything the person does
    expressiveness: float  # how much of the strongest pain shows, 0 to 1


def simulate(
    out: str | os.PathLike,
    *,
    layout: str = "all",
    scale: str = "small",
    seed: int = 0,
    subjects: int | None = None,
    clips: int | None = None,
    frames: int | None = None,
    size: tuple[int, int] | None = None,
    jobs: int | None = None,
    progress: bool = True,
) -> list[pathlib.Path]:
    """Writes `biovid/PartA`. See also `keras_pain.simulate.simulate`.

    Args:
        scale: `"small"`: 5 people, 3 clips a class, 348 x 260 pixels;
            `"full"`: 87 people, 20 clips, 1388 x 1038, as in the corpus.
        subjects: Number of people, 1 to 87, else that of the scale.
        clips: Clips a person and class, else that of the scale.
        frames: Frames a clip, else 138; fewer sample the 5.5 s more thinly.
        size: Height and width in pixels, else those of the scale.
    """
    subjects = SUBJECTS[scale] if subjects is None else subjects
    clips = CLIPS[scale] if clips is None else clips
    frames = facts.NUM_FRAMES if frames is None else frames
    folder.check_arguments(
        *(layout, facts.LAYOUTS),
        seed=(seed, 0, folder.MOST_SEED),
        subjects=(subjects, 1, len(facts.SUBJECTS)),
        clips=(clips, 1, facts.CLIPS_PER_CLASS),
        frames=(frames, 1, 1000),
    )
    size = folder.check_size(SIZES[scale] if size is None else size)
    base = pathlib.Path(out, "biovid", facts.FOLDER)
    plan, lines = [], [facts.SAMPLES_COLUMNS]
    for person in draw_people(subjects, seed):
        place = facts.SUBJECTS.index(person.name) + 1
        # Numbers count the painful stimuli in the order of presentation, which
        # is random, and go on with the baselines.
        rng = default_rng([person.seed, 2])
        numbers = 1 + rng.permutation(MAX_LEVEL * clips).reshape(MAX_LEVEL, -1)
        baseline = np.arange(clips) + MAX_LEVEL * clips + 1
        numbers = np.concatenate([baseline, np.sort(numbers, axis=1).ravel()])
        for count, number in enumerate(numbers.tolist()):
            level = count // clips
            kind = facts.CLASSES[level]
            name = f"{person.name}-{kind}-{number:03d}"
            path = base / facts.VIDEO_FOLDER / person.name / f"{name}.mp4"
            plan.append((path, size, person, level, number, frames))
            lines.append((place, person.name, level, kind, count + 1, name))
    files = [path for path, *_ in plan]
    samples = base.joinpath(*facts.SAMPLES)
    note = f"BioVid Heat Pain Database, Part A\nscale: {scale}; seed: {seed}; "
    note += f"{subjects} people, {clips} clips a class, {frames} frames of "
    note += f"{size[1]} x {size[0]} pixels"
    folder.prepare_folder(base, [*files, samples], note)
    text = "".join("\t".join(map(str, line)) + "\n" for line in lines)
    samples.write_bytes(text.encode())
    folder.write_all(_write, plan, "BioVid", base, jobs, progress)
    return sorted(files)


def draw_people(subjects: int, seed: int) -> list[Person]:
    """People in the order of the corpus' `subject_id`.

    As many of them as in the corpus are of low expressiveness; but for that,
    few are part of many.
    """
    names = default_rng([seed, 0]).permutation(facts.SUBJECTS).tolist()
    low = [name for name in names if name in facts.LOW_EXPRESSIVE]
    high = [name for name in names if name not in low]
    few = round(subjects * len(low) / len(names))
    people = []
    for name in sorted(low[:few] + high[: subjects - few]):
        rng = default_rng([seed, 1, facts.SUBJECTS.index(name) + 1])
        own = int(rng.integers(2**31))
        bounds = (0.1, 0.3) if name in low else (0.7, 1)
        people.append(Person(name, own, rng.uniform(*bounds)))
    return people


def motion_of(
    person: Person, level: int, number: int, frames: int
) -> expressions.FaceMotion:
    """A clip of a person, at a level (0 to 4), of some number and length.

    Heat rises for a second or two and stays, so that the face answers in the
    second half of the window, which is always 5.5 s long. Blinks, a passing
    smile and small movements of the head happen at any level.
    """
    rng = default_rng([person.seed, level, number])
    time = np.linspace(0, SECONDS, frames)
    pain = (level / MAX_LEVEL) ** 1.3
    shown = min(1.0, person.expressiveness * pain * rng.uniform(0.7, 1.25))
    onset = rng.uniform(0.1, 0.3)
    apex = onset + rng.uniform(0.1, 0.2)
    release = apex + rng.uniform(0.2, 0.4)
    course = onset, apex, release, release + 0.2
    curve = expressions.intensity_curve(frames, shown, *course)
    units = expressions.pain_units(person.seed, curve)
    # Blinks: a quarter of a second, about one in three seconds.
    starts = np.cumsum(rng.exponential(3, size=6)) - rng.uniform(0, 2)
    since = time - starts[:, None]
    closure = np.minimum(since / 0.08, (0.25 - since) / 0.1)
    units[43] = np.maximum(units[43], closure.clip(0, 1).max(axis=0))
    # In one clip of seven, in pain or not.
    times = 0.1, 0.25, 0.4
    expressions.add_smile(units[12], rng, (0.5, 2), 1 / 7, 0.6, *times)
    drift = expressions.head_drift(
        *(rng, lambda: 2 * np.pi * rng.uniform(0.05, 0.4, 3) * time[:, None]),
        *(1 + 2 * shown, (0.006, 0.006, 1.2)),
    )
    return expressions.FaceMotion(units, *drift)


def _write(clip):
    path, size, *played = clip
    person, _, number, frames = played
    first = person.seed + 1000 * number
    seeds = range(first, first + frames)
    drawn = draw_frames(person.seed, size, motion_of(*played), seeds)
    write_mp4(path, (picture for picture, _ in drawn), facts.FRAME_RATE)
