"""Writes a simulated PEMF: parametric faces, neutral and in pain.

The tree, the sheet and their oddities are the owners'; the pictures are not.
It is no substitute for the database: numbers obtained on it say nothing about
people. Planted oddities, each where there are people enough:

- the first model's posed clip has the Kind "Laser" in the sheet;
- the second model's algometer clip is there twice, as "-1" and "-2";
- the last model's folder is called "Algomer Pain".
"""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Iterator

import numpy as np

from keras_pain.corpora.faces.curves import pspi
from keras_pain.corpora.faces.identity import draw_identity
from keras_pain.corpora.faces.render import FaceRenderer
from keras_pain.corpora.mp4 import write_mp4
from keras_pain.corpora.pemf import layout as facts
from keras_pain.corpora.pemf.performance import (
    Performance,
    coders_votes,
    perform,
)
from keras_pain.corpora.pemf.workbook import mean_sd_text, write_ratings
from keras_pain.corpora.simulated import (
    prepare_folder,
    require_ranges,
    require_size,
    write_all,
)
from keras_pain.errors import ConfigurationError

SUBJECTS = {"small": 10, "full": facts.NUM_SUBJECTS}
SIZES = {"small": (286, 236), "full": (858, 706)}
_FRAME_RATE = 10.0  # not known of the real clips
_JPEG_QUALITY = 92


@dataclasses.dataclass(frozen=True)
class _Clip:
    """A clip to be written.

    Args:
        subject: `"S001"`.
        person_seed: Of the face.
        kind: Index into `KINDS`.
        stills: Folders of its stills.
        videos: Its mp4 files.
        landmarks: Its landmark file, or None.
        frames: Number of frames.
        size: Height and width, pixels.
    """

    subject: str
    person_seed: int
    kind: int
    stills: tuple[pathlib.Path, ...]
    videos: tuple[pathlib.Path, ...]
    landmarks: pathlib.Path | None
    frames: int
    size: tuple[int, int]

    @property
    def name(self) -> str:
        return f"{self.subject}{facts.KINDS[self.kind].suffix}"

    def pictures(self, folder: pathlib.Path) -> list[pathlib.Path]:
        """The stills; their numbers have no leading zeros."""
        numbers = range(1, self.frames + 1)
        return [folder / f"{self.name} {number}.jpg" for number in numbers]

    def files(self) -> list[pathlib.Path]:
        """All files of the clip."""
        stills = [path for f in self.stills for path in self.pictures(f)]
        landmarks = [] if self.landmarks is None else [self.landmarks]
        return [*stills, *self.videos, *landmarks]


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
    """Writes `pemf/`: same arguments, same bytes.

    Args:
        out: Folder to write into.
        layout: `"pictures"` (stills), `"clips"` (mp4) or `"all"`; the sheet is
            there in any case.
        scale: `"small"`: 10 models, 236 x 286 pixels; `"full"`: 68 models,
            706 x 858, as in the database.
        seed: Seed of everything random, from 0.
        subjects: Number of models, 1 to 68, else that of the scale.
        frames: Frames a clip, else 20.
        size: Height and width in pixels, else those of the scale.
        landmarks: Also write the 68 landmarks of each clip, as the authors of
            STGCN-LSTM keep them: one row a frame, 68 columns of text
            `"(x, y)"`, in `Landmarks/<clip>.csv`.
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
    subjects = SUBJECTS[scale] if subjects is None else subjects
    frames = facts.NUM_FRAMES if frames is None else frames
    if layout not in ("all", *facts.LAYOUTS):
        raise ConfigurationError(
            f"layout {layout!r} is unknown; use all, pictures or clips"
        )
    require_ranges(
        {
            "seed": (seed, 0, 2**31 - 1),
            "subjects": (subjects, 1, facts.NUM_SUBJECTS),
            "frames": (frames, 1, 1000),
        }
    )
    size = require_size(SIZES[scale] if size is None else size)
    base = pathlib.Path(out, "pemf")
    layouts = facts.LAYOUTS if layout == "all" else (layout,)
    plan = [
        _Clip(
            *(subject, person_seed, kind),
            *_places(base, layouts, subject, kind, subjects, landmarks),
            *(frames, size),
        )
        for subject, person_seed in _people(subjects, seed)
        for kind in range(len(facts.KINDS))
    ]
    sheet = base / facts.RATINGS_FILE
    files = sorted([sheet, *(f for clip in plan for f in clip.files())])
    note = (
        f"PEMF\nscale: {scale}; seed: {seed}; {subjects} models, {frames} "
        f"frames of {size[1]} x {size[0]} pixels"
    )
    prepare_folder(base, files, note)
    rows = write_all(
        _write_clip, plan, "Simulating PEMF", jobs=jobs, progress=progress
    )
    write_ratings(sheet, rows)
    return files


def _people(subjects: int, seed: int) -> Iterator[tuple[str, int]]:
    """Name and seed of every model."""
    for number in range(1, subjects + 1):
        rng = np.random.default_rng([seed, number])
        yield f"S{number:03d}", int(rng.integers(2**31))


def _places(base, layouts, subject, kind, subjects, landmarks):
    """Folders of stills, mp4 files and the landmark file of a clip."""
    folder, suffix = facts.KINDS[kind].folder, facts.KINDS[kind].suffix
    copies = ("",)
    if suffix == "A" and subject == "S002":
        copies = ("-1", "-2")
    elif suffix == "A" and subject == f"S{subjects:03d}":
        folder = "Algomer Pain"
    pictures, clips = base / "Pictures", base / "Clips"
    stills = [
        pictures / "Modified" / subject / f"{folder}{copy}" / "Colour frames"
        for copy in copies
        if "pictures" in layouts
    ]
    videos = [
        clips / version / subject / folder / f"{folder}{copy} {subject}.mp4"
        for version in facts.VERSIONS
        for copy in copies
        if "clips" in layouts
    ]
    points = base / facts.LANDMARKS / f"{subject}{suffix}.csv"
    return tuple(stills), tuple(videos), points if landmarks else None


def _write_clip(clip: _Clip) -> tuple:
    """Writes the clip's files and returns its row of the sheet."""
    acted = perform(clip.person_seed, clip.kind, clip.frames)
    pictures, points = _draw(clip, acted)
    for folder in clip.stills:
        for path, picture in zip(clip.pictures(folder), pictures, strict=True):
            write_jpeg(path, picture)
    for path in clip.videos:
        write_mp4(path, pictures, _FRAME_RATE)
    if clip.landmarks is not None:
        from keras_pain.signals.landmarks.csv_files import csv_text

        text = csv_text(points)
        clip.landmarks.write_text(text, encoding="utf-8", newline="\n")
    return _row(clip, acted)


def _draw(
    clip: _Clip, acted: Performance
) -> tuple[list[np.ndarray], np.ndarray]:
    """Pictures and `(T, 68, 2)` landmarks.

    The renderer fits the head into the shorter side, but portraits cut off
    the shoulders: it draws a square, whose middle is kept.
    """
    height, width = clip.size
    renderer = _renderer(clip.person_seed, (height, max(height, width)))
    left = (max(height, width) - width) // 2
    pictures, landmarks = [], []
    for t in range(clip.frames):
        picture, points = renderer.draw(
            {unit: float(values[t]) for unit, values in acted.units.items()},
            shift=tuple(acted.shift[t].tolist()),
            roll=float(acted.roll[t]),
            seed=clip.person_seed + 100 * clip.kind + t,
        )
        pictures.append(picture[:, left : left + width])
        landmarks.append(points - (left, 0))
    return pictures, np.stack(landmarks)


@functools.lru_cache(maxsize=1)  # clips of one person follow one another
def _renderer(seed: int, size: tuple[int, int]) -> FaceRenderer:
    return FaceRenderer(draw_identity(seed), size)


def write_jpeg(path: pathlib.Path, picture: np.ndarray) -> None:
    """Writes a picture: same picture, same bytes.

    Args:
        path: The file.
        picture: `(H, W, 3)` uint8, RGB.
    """
    from PIL import Image

    Image.fromarray(picture).save(path, quality=_JPEG_QUALITY)


def _row(clip: _Clip, acted: Performance) -> tuple:
    """The clip's row of the sheet; observers rate what can be seen."""
    rng = np.random.default_rng([clip.person_seed, 5])
    age, gender = int(rng.integers(18, 40)), rng.choice(["Female", "Male"])
    rng = np.random.default_rng([clip.person_seed, 6, clip.kind])
    seen = float(np.max(pspi(acted.units))) / 16
    low, high = facts.RATING_RANGE
    rating = np.clip(0.3 + high * seen + rng.normal(0, 0.3), low, high)
    kind = facts.KINDS[clip.kind]
    written = kind.folder.removesuffix(" Pain")
    if clip.name == "S001P":
        written = "Laser"
    votes = coders_votes(
        acted,
        facts.ACTION_UNITS,
        facts.NUM_CODERS,
        clip.person_seed + clip.kind,
    )
    rating_text = mean_sd_text(float(rating), rng.uniform(0.6, 2.6))
    return (clip.name, age, str(gender), written, rating_text, *votes)
