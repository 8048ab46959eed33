"""Writes a simulated UNBC archive: parametric faces of patients.

The real archive is under a signed agreement. Here everybody has a face and a
way of showing pain of their own; action units are drawn in the picture, written
down as a coder would, and make the PSPI; the reports follow the pain with
a person's bias and some noise. It is no substitute for the archive: numbers
obtained on it say nothing about people.

Planted oddities, all seen in copies of the archive: sequence labels in a
doubled folder, leavings of file browsers, and a few nearly black frames.
"""

import dataclasses
import functools
import os
import pathlib

import cv2
import numpy as np

from keras_pain.corpora.faces.identity import draw_identity
from keras_pain.corpora.faces.landmarks import AAM_66
from keras_pain.corpora.faces.render import FaceRenderer
from keras_pain.corpora.simulated import (
    prepare_folder,
    require_ranges,
    write_all,
)
from keras_pain.corpora.unbc_mcmaster import layout as facts
from keras_pain.corpora.unbc_mcmaster.performance import (
    Performance,
    Person,
    cast,
    felt,
    perform,
    sequence_names,
)
from keras_pain.errors import ConfigurationError, KerasPainError

SUBJECTS = {"small": 6, "full": len(facts.SUBJECTS)}
SEQUENCES = {"small": 30, "full": facts.NUM_SEQUENCES}
FRAMES = {"small": 50, "full": facts.NUM_FRAMES / facts.NUM_SEQUENCES}
_MAX_SEQUENCES = 16  # of one person: four movements, two tests, two arms
_DARK_FRAMES = 3
_LEAVINGS = (".DS_Store", "Thumbs.db")
_AAM_NOISE = 0.3  # pixels


@dataclasses.dataclass(frozen=True)
class _Sequence:
    """A sequence to be written.

    Args:
        base: Folder of the archive.
        person: Who is in it.
        name: Of the sequence.
        pain: 0 to 1.
        frames: Number of frames.
        size: Height and width, pixels.
        dark: Number of nearly black frames at its end.
    """

    base: pathlib.Path
    person: Person
    name: str
    pain: float
    frames: int
    size: tuple[int, int]
    dark: int = 0

    def image(self, number: int) -> pathlib.Path:
        name = f"{self.name}{number:03d}.png"
        return self._folder(facts.IMAGES) / name

    def label(self, kind: tuple[str, ...], number: int) -> pathlib.Path:
        pattern = facts.LANDMARKS if kind == facts.AAM else facts.FRAME_LABEL
        name = pattern.format(sequence=self.name, number=number)
        return self._folder(kind) / name

    def scale(self, name: str) -> pathlib.Path:
        doubled = (facts.SEQUENCE_LABELS, facts.SEQUENCE_LABELS, name.upper())
        folder = self.base.joinpath(*doubled, self.person.name)
        return folder / f"{self.name}.txt"

    def _folder(self, kind):
        return self.base.joinpath(*kind, self.person.name, self.name)

    def files(self) -> list[pathlib.Path]:
        """All files of the sequence."""
        numbers = range(1, self.frames + 1)
        kinds = (facts.PSPI, facts.FACS, facts.AAM)
        return [
            *(self.image(n) for n in numbers),
            *(self.label(kind, n) for kind in kinds for n in numbers),
            *(self.scale(name) for name in facts.SCALES),
        ]


def simulate(
    out: str | os.PathLike,
    *,
    layout: str = "all",
    scale: str = "small",
    seed: int = 0,
    subjects: int | None = None,
    sequences: int | None = None,
    frames: int | None = None,
    size: tuple[int, int] = facts.FRAME_SIZE,
    jobs: int | None = None,
    progress: bool = True,
) -> list[pathlib.Path]:
    """Writes `unbc_mcmaster/`: same arguments, same bytes.

    Args:
        out: Folder to write into.
        layout: `"archive"`, or `"all"`.
        scale: `"small"`: 6 subjects, 30 sequences of about 50 frames;
            `"full"`: 25 subjects, 200 sequences, 242 frames each on average.
        seed: Seed of everything random, from 0.
        subjects: Number of subjects, 1 to 25, else that of the scale.
        sequences: Their sequences together, at most 16 a subject, else as many
            a subject as the scale has.
        frames: Mean length of a sequence, else that of the scale; lengths
            differ by a fifth either way.
        size: Height and width of a frame, pixels.
        jobs: Number of processes; None takes one for each core. It has no
            influence on what is written.
        progress: Show a progress bar when standard error is a terminal.

    Returns:
        The files, sorted.

    Raises:
        ConfigurationError: An argument does not fit, or the folder holds
            other files.
        KerasPainError: A file could not be written.
    """
    if layout not in ("all", *facts.LAYOUTS):
        raise ConfigurationError(
            f"layout {layout!r} is unknown; use all or archive"
        )
    if subjects is None:
        subjects = SUBJECTS[scale]
    require_ranges(
        {
            "seed": (seed, 0, 2**31 - 1),
            "subjects": (subjects, 1, len(facts.SUBJECTS)),
            "frame height": (size[0], 32, 4096),
            "frame width": (size[1], 32, 4096),
        }
    )
    if sequences is None:
        sequences = round(SEQUENCES[scale] / SUBJECTS[scale] * subjects)
    length = FRAMES[scale] if frames is None else frames
    require_ranges(
        {
            "sequences": (sequences, subjects, _MAX_SEQUENCES * subjects),
            "frames": (int(length), 2, 800),
        }
    )
    base = pathlib.Path(out, facts.FOLDER)
    plan = _plan(base, cast(subjects, seed), sequences, length, size, seed)
    leavings = [base.joinpath(*facts.IMAGES, name) for name in _LEAVINGS]
    files = [path for sequence in plan for path in sequence.files()]
    note = (
        "UNBC-McMaster Shoulder Pain Expression Archive\n"
        f"scale: {scale}; seed: {seed}; {subjects} subjects, {len(plan)} "
        f"sequences, {sum(s.frames for s in plan)} frames of {size[1]} x "
        f"{size[0]} pixels\n\nOddities planted on purpose:\n"
        "- Sequence_Labels lies in a folder of the same name\n"
        f"- {' and '.join(_LEAVINGS)} in Images\n"
        + "".join(
            f"- {s.name}: the last {s.dark} frames are nearly black\n"
            for s in plan
            if s.dark
        )
    )
    prepare_folder(base, [*files, *leavings], note)
    for path in leavings:
        path.write_bytes(b"simulated leaving of a file browser")
    write_all(
        *(_write_sequence, plan, "Simulating UNBC-McMaster"),
        jobs=jobs,
        progress=progress,
    )
    return sorted(files)


def _plan(base, people, sequences, length, size, seed) -> list[_Sequence]:
    rng = np.random.default_rng((seed, 0x5E9))
    plan = []
    for person, count in zip(people, _counts(people, sequences), strict=True):
        names = sequence_names(person, count)
        for name, pain in zip(names, felt(person, count), strict=True):
            frames = max(2, round(length * rng.uniform(0.8, 1.2)))
            dark = 0
            # In the second sequence of the first person only.
            if len(plan) == 1 and frames > 4 * _DARK_FRAMES:
                dark = _DARK_FRAMES
            plan.append(
                _Sequence(
                    *(base, person, name, float(pain), frames),
                    *(tuple(size), dark),
                )
            )
    return plan


def _counts(people: list[Person], sequences: int) -> list[int]:
    """Sequences of each person: even, but for those with few."""
    counts = [
        facts.FEW_SEQUENCES.get(person.name, _MAX_SEQUENCES)
        if len(people) == len(facts.SUBJECTS)
        else _MAX_SEQUENCES
        for person in people
    ]
    wanted = np.zeros(len(people), int)
    while wanted.sum() < min(sequences, sum(counts)):
        room = [i for i, most in enumerate(counts) if wanted[i] < most]
        wanted[min(room, key=lambda i: wanted[i])] += 1
    return wanted.tolist()


def _write_sequence(sequence: _Sequence) -> None:
    acted = perform(
        sequence.person, sequence.name, sequence.pain, sequence.frames
    )
    renderer = _renderer(sequence.person.seed, sequence.size)
    rng = np.random.default_rng([sequence.person.seed, *acted.name.encode(), 9])
    scores = acted.pspi
    try:
        for name, value in acted.scales.items():
            _write_text(sequence.scale(name), f"{value:16.7e}\n")
        for index in range(sequence.frames):
            number = index + 1
            picture, points = _draw(renderer, acted, index, rng)
            if index >= sequence.frames - sequence.dark:
                picture = picture // 40
            _write_picture(sequence.image(number), picture)
            points = points[AAM_66] + rng.normal(0, _AAM_NOISE, (66, 2))
            lines = (f"{x:16.7e}{y:16.7e}\n" for x, y in points)
            _write_text(sequence.label(facts.AAM, number), "".join(lines))
            score = f"{scores[index]:16.7e}\n"
            _write_text(sequence.label(facts.PSPI, number), score)
            coded = "".join(
                f"{unit:16.7e}{values[index]:16.7e}{0:16.7e}{0:16.7e}\n"
                for unit, values in acted.coded.items()
                if values[index] > 0
            )
            _write_text(sequence.label(facts.FACS, number), coded)
    except OSError as error:
        raise KerasPainError(
            f"{sequence.base}: could not be written ({error.strerror or error})"
            "; free space or choose another folder"
        ) from error


def _draw(renderer, acted: Performance, index: int, rng):
    return renderer.draw(
        {unit: float(values[index]) for unit, values in acted.units.items()},
        shift=tuple(acted.shift[index].tolist()),
        roll=float(acted.roll[index]),
        seed=int(rng.integers(2**31)),
    )


def _write_text(path: pathlib.Path, text: str) -> None:
    path.write_text(text, encoding="ascii", newline="\n")


def _write_picture(path: pathlib.Path, picture: np.ndarray) -> None:
    _, data = cv2.imencode(".png", picture[..., ::-1])
    path.write_bytes(data.tobytes())


@functools.lru_cache(maxsize=1)  # sequences of one person follow one another
def _renderer(seed: int, size: tuple[int, int]) -> FaceRenderer:
    return FaceRenderer(draw_identity(seed), size)
