"""Writes a simulated Part A of BioVid: parametric faces that feel heat.

The real videos are under a signed agreement. Here everybody has a face, a
liveliness and a way of showing pain of their own; what is seen grows with the
stimulus level times how much a person shows. It is no substitute for the
corpus: numbers obtained on it say nothing about people.
"""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Iterator

import numpy as np

from keras_pain.corpora.biovid import layout as facts
from keras_pain.corpora.biovid.performance import Person, cast, perform
from keras_pain.corpora.faces.identity import draw_identity
from keras_pain.corpora.faces.render import FaceRenderer
from keras_pain.corpora.mp4 import write_mp4
from keras_pain.corpora.simulated import (
    prepare_folder,
    require_ranges,
    require_size,
    write_all,
)
from keras_pain.errors import ConfigurationError

SUBJECTS = {"small": 5, "full": len(facts.SUBJECTS)}
CLIPS = {"small": 3, "full": facts.CLIPS_PER_CLASS}
SIZES = {"small": (260, 348), "full": facts.FRAME_SIZE}


@dataclasses.dataclass(frozen=True)
class _Clip:
    """A clip to be written.

    Args:
        path: The file.
        person: Who is in it.
        level: Stimulus level.
        number: In the order of presentation.
        frames: Number of frames.
        size: Height and width, pixels.
    """

    path: pathlib.Path
    person: Person
    level: int
    number: int
    frames: int
    size: tuple[int, int]


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
    """Writes `biovid/PartA`: same arguments, same bytes.

    Args:
        out: Folder to write into.
        layout: `"part_a"`, or `"all"`.
        scale: `"small"`: 5 people, 3 clips a class, 348 x 260 pixels;
            `"full"`: 87 people, 20 clips, 1388 x 1038, as in the corpus.
        seed: Seed of everything random, from 0.
        subjects: Number of people, 1 to 87, else that of the scale.
        clips: Clips a person and class, else that of the scale.
        frames: Frames a clip, else 138; fewer sample the 5.5 s more thinly.
        size: Height and width in pixels, else those of the scale.
        jobs: Number of processes; None takes one for each core. It has no
            influence on what is written.
        progress: Show a progress bar when standard error is a terminal.

    Returns:
        The mp4 files, sorted.

    Raises:
        ConfigurationError: An argument does not fit, or the folder holds
            other files.
        KerasPainError: A file could not be written.
    """
    subjects = SUBJECTS[scale] if subjects is None else subjects
    clips = CLIPS[scale] if clips is None else clips
    frames = facts.NUM_FRAMES if frames is None else frames
    if layout not in ("all", *facts.LAYOUTS):
        raise ConfigurationError(
            f"layout {layout!r} is unknown; use all or part_a"
        )
    require_ranges(
        {
            "seed": (seed, 0, 2**31 - 1),
            "subjects": (subjects, 1, len(facts.SUBJECTS)),
            "clips": (clips, 1, facts.CLIPS_PER_CLASS),
            "frames": (frames, 1, 1000),
        }
    )
    size = require_size(SIZES[scale] if size is None else size)
    base = pathlib.Path(out, "biovid", facts.FOLDER)
    people = cast(subjects, seed)
    plan = [
        _Clip(
            base / facts.VIDEO_FOLDER / person.name / f"{name}.mp4",
            *(person, level, number, frames, size),
        )
        for person in people
        for name, level, number in _clips(person, clips)
    ]
    samples = base.joinpath(*facts.SAMPLES)
    note = (
        f"BioVid Heat Pain Database, Part A\nscale: {scale}; seed: {seed}; "
        f"{subjects} people, {clips} clips a class, {frames} frames of "
        f"{size[1]} x {size[0]} pixels"
    )
    prepare_folder(base, [*(clip.path for clip in plan), samples], note)
    samples.write_text(_samples_text(plan), encoding="utf-8", newline="\n")
    write_all(
        _write_clip, plan, "Simulating BioVid", jobs=jobs, progress=progress
    )
    return sorted(clip.path for clip in plan)


def _clips(person: Person, clips: int) -> Iterator[tuple[str, int, int]]:
    """Name, level and number of a person's clips.

    Numbers count the painful stimuli in the order of presentation, which is
    random, and go on with the baselines.
    """
    painful = len(facts.CLASSES) - 1
    rng = np.random.default_rng([person.seed, 2])
    numbers = 1 + rng.permutation(painful * clips).reshape(painful, clips)
    baseline = np.arange(painful * clips, len(facts.CLASSES) * clips) + 1
    for level, row in enumerate([baseline, *np.sort(numbers, axis=1)]):
        for number in row.tolist():
            name = f"{person.name}-{facts.CLASSES[level]}-{number:03d}"
            yield name, level, number


def _samples_text(plan: list[_Clip]) -> str:
    lines = ["\t".join(facts.SAMPLES_COLUMNS)]
    count: dict[str, int] = {}
    for clip in plan:
        name = clip.person.name
        count[name] = count.get(name, 0) + 1
        row = (
            *(clip.person.number, name),
            *(clip.level, facts.CLASSES[clip.level]),
            *(count[name], clip.path.stem),
        )
        lines.append("\t".join(map(str, row)))
    return "\n".join(lines) + "\n"


def _write_clip(clip: _Clip) -> None:
    write_mp4(clip.path, _pictures(clip), facts.FRAME_RATE)


def _pictures(clip: _Clip) -> Iterator[np.ndarray]:
    renderer = _renderer(clip.person.seed, clip.size)
    acted = perform(clip.person, clip.level, clip.number, clip.frames)
    for index in range(clip.frames):
        picture, _ = renderer.draw(
            {unit: float(u[index]) for unit, u in acted.units.items()},
            shift=tuple(acted.shift[index].tolist()),
            roll=float(acted.roll[index]),
            seed=clip.person.seed + 1000 * clip.number + index,
        )
        yield picture


@functools.lru_cache(maxsize=1)  # clips of one person follow one another
def _renderer(seed: int, size: tuple[int, int]) -> FaceRenderer:
    return FaceRenderer(draw_identity(seed), size)
