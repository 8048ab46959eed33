"""Writes a simulated PEMF: parametric faces, neutral and in pain.

The tree, the sheet and their oddities are the owners'; the pictures are not.
Planted oddities, each where there are people enough:

- the first model's posed clip has the Kind "Laser" in the sheet;
- the second model's algometer clip is there twice, as "-1" and "-2";
- the last model's folder is called "Algomer Pain".

The four types of clip differ in course and in the units they are shown with, so
that they can be told apart: posed pain is there from the start and overdone;
pressure grows slowly and stays around brows and lids; a laser pulse startles
and is over. No distribution of the real clips is known here: the numbers are
made up.
"""

import io
import os
import pathlib
import re
import zipfile

import numpy as np
from numpy.random import default_rng

from keras_pain.corpora.media import write_mp4
from keras_pain.corpora.pemf import layout as facts
from keras_pain.corpora.unbc_mcmaster.reader import pspi
from keras_pain.simulate import expressions, folder, rows_of
from keras_pain.simulate.face import MAX_INTENSITY, draw_frames

SUBJECTS = {"small": 10, "full": facts.NUM_SUBJECTS}
SIZES = {"small": (286, 236), "full": (858, 706)}
_FRAME_RATE = 10.0  # not known of the real clips
_JPEG_QUALITY = 92
# The earliest time that a zip archive can hold.
_STAMP = b"1980-01-01T00:00:00Z"
# In the order of `layout.KINDS`: lowest and highest apex, 0 to 1; as shares of
# the clip the earliest and latest begin of the rise, its duration, that of the
# apex, that of the fall; and how much stronger an action unit is than in pain
# at large.
_COURSES = """
0    0     0    0.1   0.2  0.3   0.2 0.3  0.3                        # neutral
0.85 1    -0.1  0.1   0.2  0.3   1   1    0.5  12:1.3 25:1.4 26:1.8  # posed
0.45 0.85  0    0.15  0.5  0.7   1   1    0.5  9:.6 10:.6 12:.3 25:.2 26:0
0.5  0.95  0.1  0.35  0.05 0.12  0.1 0.3  0.4  9:1.3 10:1.2 12:.5 26:.6 43:1.3
"""


def simulate(
    out: str | os.PathLike,
    *,
    layout: str = "all",
    scale: str = "small",
    seed: int = 0,
    subjects: int | None = None,
    frames: int | None = None,
    size: tuple[int, int] | None = None,
    landmarks: bool = False,
    jobs: int | None = None,
    progress: bool = True,
) -> list[pathlib.Path]:
    """Writes `pemf/`. See also `keras_pain.simulate.simulate`.

    Args:
        layout: `"pictures"` (stills), `"clips"` (mp4) or `"all"`; the sheet is
            there in any case.
        scale: `"small"`: 10 models, 236 x 286 pixels; `"full"`: 68 models,
            706 x 858, as in the database.
        subjects: Number of models, 1 to 68, else that of the scale.
        frames: Frames a clip, else 20.
        size: Height and width in pixels, else those of the scale.
        landmarks: Also write the 68 landmarks of each clip, as the authors of
            STGCN-LSTM keep them: one row a frame, 68 columns of text
            `"(x, y)"`, in `Landmarks/<clip>.csv`.
    """
    subjects = SUBJECTS[scale] if subjects is None else subjects
    frames = facts.NUM_FRAMES if frames is None else frames
    layouts = folder.check_arguments(
        *(layout, facts.LAYOUTS),
        seed=(seed, 0, folder.MOST_SEED),
        subjects=(subjects, 1, facts.NUM_SUBJECTS),
        frames=(frames, 1, 1000),
    )
    layouts += ("landmarks",) * landmarks
    size = folder.check_size(SIZES[scale] if size is None else size)
    base = pathlib.Path(out, "pemf")
    sheet = base / facts.RATINGS_FILE
    plan, files = [], [sheet]
    for number in range(1, subjects + 1):
        rng = default_rng([seed, number])
        person = f"S{number:03d}", int(rng.integers(2**31))
        for kind in range(len(facts.KINDS)):
            places = _places(base, layouts, number, kind, subjects, frames)
            plan.append((*person, kind, frames, size, *places))
            stills, *others = places
            files += sum((*stills, *others), [])
    note = f"PEMF\nscale: {scale}; seed: {seed}; {subjects} models, {frames} "
    note += f"frames of {size[1]} x {size[0]} pixels"
    folder.prepare_folder(base, files, note)
    rows = folder.write_all(_write, plan, "PEMF", base, jobs, progress)
    sheet.write_bytes(_workbook(rows))
    return sorted(files)


def _places(base, layouts, number, kind, subjects, frames):
    """Stills of each folder, mp4 files and landmark files of a clip."""
    name, suffix = facts.KINDS[kind].folder, facts.KINDS[kind].suffix
    subject, copies = f"S{number:03d}", ("",)
    if suffix == "A" and number == 2:
        copies = ("-1", "-2")
    elif suffix == "A" and number == subjects:
        name = "Algomer Pain"
    pictures = base / "Pictures" / "Modified" / subject
    folders = [pictures / f"{name}{copy}/Colour frames" for copy in copies]
    # The numbers have no leading zeros.
    names = [f"{subject}{suffix} {i}.jpg" for i in range(1, frames + 1)]
    stills = [[folder / name for name in names] for folder in folders]
    videos = []
    for version in facts.VERSIONS:
        clips = base / f"Clips/{version}/{subject}/{name}"
        videos += [clips / f"{name}{copy} {subject}.mp4" for copy in copies]
    points = [base / facts.LANDMARKS / f"{subject}{suffix}.csv"]
    kinds = {"pictures": stills, "clips": videos, "landmarks": points}
    return [kinds[kind] if kind in layouts else [] for kind in kinds]


def motion_of(
    person_seed: int, kind: int, frames: int
) -> expressions.FaceMotion:
    """A clip of a person, of a kind (index into `layout.KINDS`)."""
    rng = default_rng([person_seed, 3, kind])
    course = rows_of(_COURSES)[kind]
    factors = dict(item.split(":") for item in course[9:])
    lowest, highest, *bounds, fall = map(float, course[:9])
    onset = rng.uniform(*bounds[:2])
    apex = onset + rng.uniform(*bounds[2:4])
    release = apex + rng.uniform(*bounds[4:])
    peak = rng.uniform(lowest, highest)
    times = onset, apex, release, release + fall
    curve = expressions.intensity_curve(frames, peak, *times)
    units = expressions.pain_units(person_seed, curve)
    # Nobody's face is quite still, and some look friendly at rest.
    units[12] = units[12] + rng.uniform(0, 0.8)
    for unit, values in units.items():
        values = values * float(factors.get(str(unit), 1))
        units[unit] = np.clip(values, 0, MAX_INTENSITY[unit])
    blinked = bool(rng.random() < 0.3)
    if blinked:
        first = int(rng.integers(max(1, frames - 2)))
        units[43][first : first + 2] = 1.0
    sway = rng.normal(0, 1, 3) * (1 + curve.max())
    course = np.sin(np.linspace(0, np.pi * rng.uniform(0.3, 1.2), frames))
    shift, roll = 0.01 * np.outer(course, sway[:2]), 1.5 * course * sway[2]
    return expressions.FaceMotion(units, shift, roll, blinked)


def _write(clip):
    """Writes the clip's files and returns its row of the sheet."""
    from PIL import Image

    from keras_pain.signals.landmarks import csv_text

    subject, person_seed, kind, frames, size, stills, videos, landmarks = clip
    motion = motion_of(person_seed, kind, frames)
    # The renderer fits the head into the shorter side, but portraits cut off
    # the shoulders: it draws a square, whose middle is kept.
    height, width = size
    side = max(height, width)
    left = (side - width) // 2
    first = person_seed + 100 * kind
    seeds = range(first, first + frames)
    drawn = draw_frames(person_seed, (height, side), motion, seeds)
    pictures, points = zip(*drawn, strict=True)
    pictures = [picture[:, left : left + width] for picture in pictures]
    for paths in stills:
        for path, picture in zip(paths, pictures, strict=True):
            Image.fromarray(picture).save(path, quality=_JPEG_QUALITY)
    for path in videos:
        write_mp4(path, pictures, _FRAME_RATE)
    for path in landmarks:
        path.write_bytes(csv_text(np.stack(points) - (left, 0)).encode())
    return _row(subject, person_seed, kind, motion)


def _row(subject, person_seed, kind, motion):
    """The clip's row of the sheet; observers rate what can be seen."""
    rng = default_rng([person_seed, 5])
    age, gender = int(rng.integers(18, 40)), rng.choice(["Female", "Male"])
    rng = default_rng([person_seed, 6, kind])
    seen = float(np.max(pspi(motion.units))) / 16
    low, high = facts.RATING_RANGE
    rating = np.clip(0.3 + high * seen + rng.normal(0, 0.3), low, high)
    rating = f"{rating:.2f} ({rng.uniform(0.6, 2.6):.3f})".replace(".", ",")
    name = subject + facts.KINDS[kind].suffix
    written = facts.KINDS[kind].folder
    written = "Laser" if name == "S001P" else written.removesuffix(" Pain")
    # How many coders would mark a unit: the stronger it was, the more.
    rng = default_rng([person_seed + kind, 4])
    units, shown = facts.ACTION_UNITS, {**motion.units, 45: 5 * motion.blinked}
    highest = np.array([MAX_INTENSITY.get(unit, 5) for unit in units])
    seen = [np.max(shown.get(unit, 0)) for unit in units] / highest
    chances = np.clip(1.6 * seen, 0, 0.95)
    votes = rng.binomial(facts.NUM_CODERS, chances).tolist()
    return (name, age, str(gender), written, rating, *votes)


def _workbook(rows):
    """The ratings sheet as the owners wrote it: same rows, same bytes."""
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = facts.RATINGS_SHEET
    for row in (facts.RATINGS_COLUMNS, *rows):
        sheet.append(row)
    clocked, out = io.BytesIO(), io.BytesIO()
    book.save(clocked)
    # Without the time at which it was written.
    with zipfile.ZipFile(clocked) as source, zipfile.ZipFile(out, "w") as bare:
        for name in source.namelist():
            time = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
            data = re.sub(time, _STAMP, source.read(name))
            bare.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()
