"""Writes a simulated UNBC archive: parametric faces of patients.

The real archive is under a signed agreement. Here everybody has a face and a
way of showing pain of their own; action units are drawn in the picture, written
down as a coder would, and make the PSPI; the reports follow the pain with
a person's bias and some noise. How much of what is seen and what is felt belong
together is made up; that most frames show nothing (PSPI 0) and most reports are
low is as in the archive.

Planted oddities, all seen in copies of the archive: sequence labels in a
doubled folder, leavings of file browsers, and a few nearly black frames.
"""

import itertools
import os
import pathlib
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import default_rng

from keras_pain.corpora.unbc_mcmaster import layout as facts
from keras_pain.corpora.unbc_mcmaster.reader import pspi
from keras_pain.simulate import expressions, folder
from keras_pain.simulate.face import AAM_66, draw_frames

SUBJECTS = {"small": 6, "full": len(facts.SUBJECTS)}
SEQUENCES = {"small": 30, "full": facts.NUM_SEQUENCES}
FRAMES = {"small": 50, "full": facts.NUM_FRAMES / facts.NUM_SEQUENCES}
_MAX_SEQUENCES = 16  # of one person: four movements, two tests, two arms
_DARK_FRAMES = 3
_LEAVINGS = (".DS_Store", "Thumbs.db")
_AAM_NOISE = 0.3  # pixels


class Person(NamedTuple):
    """A patient."""

    name: str  # one of `layout.SUBJECTS`
    seed: int  # of the face and of all that the person does
    bias: float  # how much more than others is reported, VAS points


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
    """Writes `unbc_mcmaster/`. See also `keras_pain.simulate.simulate`.

    Args:
        scale: `"small"`: 6 subjects, 30 sequences of about 50 frames;
            `"full"`: 25 subjects, 200 sequences, 242 frames each on average.
        subjects: Number of subjects, 1 to 25, else that of the scale.
        sequences: Their sequences together, at most 16 a subject, else as many
            a subject as the scale has.
        frames: Mean length of a sequence, else that of the scale; lengths
            differ by a fifth either way.
        size: Height and width of a frame, pixels.
    """
    subjects = SUBJECTS[scale] if subjects is None else subjects
    if sequences is None:
        sequences = round(SEQUENCES[scale] / SUBJECTS[scale] * subjects)
    length = FRAMES[scale] if frames is None else frames
    folder.check_arguments(
        *(layout, facts.LAYOUTS),
        seed=(seed, 0, folder.MOST_SEED),
        subjects=(subjects, 1, len(facts.SUBJECTS)),
        frame_height=(size[0], 32, 4096),
        frame_width=(size[1], 32, 4096),
        sequences=(sequences, subjects, _MAX_SEQUENCES * subjects),
        frames=(int(length), 2, 800),
    )
    base = pathlib.Path(out, facts.FOLDER)
    rng = default_rng((seed, 0x5E9))
    people = draw_people(subjects, seed)
    plan, files, darkened = [], [], ""
    for person, count in zip(people, _counts(people, sequences), strict=True):
        names, pains = sequence_names(person, count), pains_of(person, count)
        for name, pain in zip(names, pains.tolist(), strict=True):
            number = max(2, round(length * rng.uniform(0.8, 1.2)))
            dark = 0
            # In the second sequence of the first person only.
            if len(plan) == 1 and number > 4 * _DARK_FRAMES:
                dark = _DARK_FRAMES
                darkened = f"- {name}: the last {dark} frames are nearly black"
            paths = _paths(base, person.name, name, number)
            files += sum(paths.values(), [])
            plan.append((person, name, pain, number, tuple(size), dark, paths))
    leavings = [base.joinpath(*facts.IMAGES, name) for name in _LEAVINGS]
    count = sum(number for _, _, _, number, *_ in plan)
    note = "UNBC-McMaster Shoulder Pain Expression Archive\n"
    note += f"scale: {scale}; seed: {seed}; {subjects} subjects, {len(plan)} "
    note += f"sequences, {count} frames of {size[1]} x {size[0]} pixels\n\n"
    note += "Oddities planted on purpose:\n- Sequence_Labels lies in a folder "
    note += f"of the same name\n- {' and '.join(_LEAVINGS)} in Images\n"
    note += darkened
    folder.prepare_folder(base, [*files, *leavings], note)
    for path in leavings:
        path.write_bytes(b"simulated leaving of a file browser")
    folder.write_all(_write, plan, "UNBC-McMaster", base, jobs, progress)
    return sorted(files)


def draw_people(subjects: int, seed: int) -> list[Person]:
    """People in the order of their number; few are part of many."""
    rng = default_rng((seed, 0x0BC))
    people = []
    for name in sorted(rng.permutation(facts.SUBJECTS)[:subjects].tolist()):
        own = default_rng((seed, facts.SUBJECTS.index(name)))
        bias = float(np.clip(own.normal(0, 0.4), -0.8, 0.8))
        people.append(Person(name, int(own.integers(2**31)), bias))
    return people


def _counts(people: list[Person], sequences: int) -> list[int]:
    """Sequences of each person: even, but for those with few."""
    few = facts.FEW_SEQUENCES if len(people) == len(facts.SUBJECTS) else {}
    most = [few.get(person.name, _MAX_SEQUENCES) for person in people]
    counts = [0] * len(people)
    for _ in range(min(sequences, sum(most))):
        room = [i for i, count in enumerate(counts) if count < most[i]]
        counts[min(room, key=counts.__getitem__)] += 1
    return counts


def sequence_names(person: Person, count: int) -> list[str]:
    """Names of a person's sequences: tests of both arms, active and passive."""
    movements, arms = ("aa", "af", "ae", "ai"), ("aff", "unaff")
    kinds = itertools.product(movements, (1, 2), arms)
    code = person.name.partition("-")[2]
    names = [f"{code}t{test}{what}{side}" for what, test, side in kinds]
    rng = default_rng((person.seed, 1))
    return sorted(rng.permutation(names)[:count].tolist())


def pains_of(person: Person, count: int) -> np.ndarray:
    """Pain of a person's sequences, `(count,)`, 0 to 1, two fifths of it 0.

    The others are spread over the scale, so that a few people already cover
    it; in the archive high values are rarer.
    """
    rng = default_rng((person.seed, 2))
    painful = int(np.ceil(0.6 * count))
    spread = (np.arange(painful) + rng.uniform(0, 1, painful)) / painful
    pain = np.concatenate([0.1 + 0.9 * spread, np.zeros(count - painful)])
    return rng.permutation(pain)


def _paths(base, person, name, frames):
    """All files of a sequence, by kind."""

    def tree(parts, pattern):
        folder, of = base.joinpath(*parts, person, name), {"sequence": name}
        numbers = range(1, frames + 1)
        return [folder / pattern.format(**of, number=n) for n in numbers]

    doubled = base.joinpath(*2 * (facts.SEQUENCE_LABELS,))
    scales = [doubled / scale.upper() / person for scale in facts.SCALES]
    return {
        "image": tree(facts.IMAGES, "{sequence}{number:03d}.png"),
        "pspi": tree(facts.PSPI, facts.FRAME_LABEL),
        "facs": tree(facts.FACS, facts.FRAME_LABEL),
        "aam": tree(facts.AAM, facts.LANDMARKS),
        "scales": [place / f"{name}.txt" for place in scales],
    }


def motion_of(
    person: Person, name: str, pain: float, frames: int
) -> expressions.FaceMotion:
    """A sequence of a person, of some name, pain (0 to 1) and length."""
    rng = default_rng([person.seed, *name.encode()])
    onset = rng.uniform(0.15, 0.4)
    apex = onset + rng.uniform(0.08, 0.12)
    release = apex + 0.05 + 0.15 * pain
    course = onset, apex, release, release + 0.12
    curve = expressions.intensity_curve(frames, pain, *course)
    units = expressions.pain_units(person.seed, curve)
    # In one sequence of six, in pain or not.
    times = 0.08, 0.16, 0.25
    expressions.add_smile(units[12], rng, (0.8, 2.5), 1 / 6, 0.7, *times)
    coded = {unit: np.round(values) for unit, values in units.items()}
    coded[43] = (units[43] >= 0.5).astype(np.float64)
    # Blinks: two frames shut, one half open; coders of pain leave them out.
    closed = np.zeros(frames + 3)
    starts = np.flatnonzero(rng.random(frames) < 1 / 60)
    closed[starts] = closed[starts + 1] = 1.0
    closed[starts + 2] = np.maximum(closed[starts + 2], 0.5)
    units[43] = np.maximum(units[43], closed[:frames])
    time = np.arange(frames)[:, None]
    drift = expressions.head_drift(
        *(rng, lambda: 2 * np.pi * time / rng.uniform(25, 120, 3)),
        *(1 + pain, (0.012, 0.012, 1.5)),
    )
    # What the person and an observer say; who feels nothing says so.
    bias = person.bias if pain > 0 else 0.0
    verbal = bias * 15 / facts.SCALES["vas"][1]
    reports, more = {}, (bias, 0.0, verbal, verbal)
    for number, (scale, (low, high)) in enumerate(facts.SCALES.items()):
        spread = 0.3 if scale in ("vas", "opr") else 1.0
        said = np.round(high * pain + more[number] + rng.normal(0, spread))
        reports[scale] = float(np.clip(said, low, high)) + 0.0  # no -0
    noted = {"coded": coded, "pspi": pspi(coded), "scales": reports}
    return expressions.FaceMotion(units, *drift, **noted)


def _write(sequence):
    person, name, pain, frames, size, dark, paths = sequence
    motion = motion_of(person, name, pain, frames)
    rng = default_rng([person.seed, *name.encode(), 9])
    noise_seeds = iter(lambda: int(rng.integers(2**31)), None)
    pictures = draw_frames(person.seed, size, motion, noise_seeds)
    reports = motion.scales.values()
    for path, value in zip(paths["scales"], reports, strict=True):
        _write_rows(path, [(value,)])
    for index, (picture, points) in enumerate(pictures):
        if index >= frames - dark:
            picture = picture // 40
        _, data = cv2.imencode(".png", picture[..., ::-1])
        paths["image"][index].write_bytes(data.tobytes())
        points = points[AAM_66] + rng.normal(0, _AAM_NOISE, (66, 2))
        _write_rows(paths["aam"][index], points)
        _write_rows(paths["pspi"][index], [(motion.pspi[index],)])
        coded = {unit: v[index] for unit, v in motion.coded.items() if v[index]}
        rows = [(unit, value, 0, 0) for unit, value in coded.items()]
        _write_rows(paths["facs"][index], rows)


def _write_rows(path, rows):
    lines = ("".join(f"{value:16.7e}" for value in row) + "\n" for row in rows)
    path.write_bytes("".join(lines).encode())
