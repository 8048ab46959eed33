"""All parts together: from frames to checked pictures with their provenance."""

import collections
import dataclasses
import hashlib
import importlib.metadata
import itertools
import os
import sys
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

import keras_pain
from keras_pain.augment.gsff.generators import Batch
from keras_pain.augment.gsff.landmarks import (
    complete,
    describe_landmarks,
    points_of,
)
from keras_pain.augment.gsff.manifest import GOOD, REJECTED, OutputFolder
from keras_pain.augment.gsff.parts import Parts, RunOptions, RunSummary
from keras_pain.augment.gsff.pictures import Picture, decode, encode_png
from keras_pain.augment.gsff.prompts import Prompt
from keras_pain.augment.gsff.sources import Source
from keras_pain.errors import (
    BadFileError,
    ConfigurationError,
    KerasPainError,
)
from keras_pain.signals.faces.clip import landmark_boxes


@dataclasses.dataclass(frozen=True)
class _Job:
    """A picture to be made, and what it is made from."""

    source: Source
    copy: int
    seed: int
    digest: str
    picture: Picture
    points: np.ndarray
    box: np.ndarray
    prompt: Prompt | None


def settings_of(parts: Parts, options: RunOptions) -> dict:
    """All that decides what the pictures look like, JSON-able."""
    settings = {
        "method": parts.generator.method,
        "generator": parts.generator.describe(),
        "landmarks": describe_landmarks(parts.landmarks),
        "check": parts.check.describe(),
        "seed": options.seed,
        "same_seed": options.same_seed,
    }
    if parts.generator.reads_prompts:
        settings["prompt"] = parts.prompts.describe()
    return settings


def generate(
    sources: Iterable[Source],
    output: str | os.PathLike,
    parts: Parts,
    options: RunOptions | None = None,
) -> RunSummary:
    """Makes pictures from frames; goes on from what a folder already holds.

    Args:
        sources: The frames.
        output: Folder to write to, see `manifest`.
        parts: The parts.
        options: How many, from which seeds.

    Returns:
        What there is now.

    Raises:
        ConfigurationError: The folder is another run's, or holds a frame of
            the same name with other content or another label; two frames have
            one name.
        KerasPainError: No frame can be used, or the generator cannot run.
    """
    options = options or RunOptions()
    sources = list(sources)
    counts = collections.Counter(source.name for source in sources)
    if not sources or max(counts.values()) > 1:
        name = counts.most_common(1)
        raise ConfigurationError(
            f"two frames are called {name[0][0]}" if name else "no frames"
        )
    settings = settings_of(parts, options)
    folder = OutputFolder(
        output,
        settings,
        simulated=options.simulated,
        versions=_versions(parts),
    )
    run = _Run(folder, parts, options, settings["landmarks"])
    run.all(sources)
    return run.summary(counts)


class _Run:
    def __init__(self, folder, parts: Parts, options: RunOptions, landmarks):
        self.folder, self.parts, self.options = folder, parts, options
        self.landmarks = landmarks
        self.done = folder.finished()
        self.kept = self.made = 0
        self.skipped: list[tuple[str, str]] = []
        self.last_problem: BadFileError | None = None
        self.versions = _versions(parts)

    def all(self, sources: Sequence[Source]) -> None:
        jobs = self._jobs(self._shown(sources))
        size = self.options.batch
        same = itertools.groupby(jobs, lambda j: j.picture.pixels.shape)
        for _, group in same:
            while batch := list(itertools.islice(group, size)):
                self._make(batch)

    def summary(self, names) -> RunSummary:
        lines = [v for v in self.done.values() if v["source"] in names]
        if not lines:
            raise KerasPainError(
                f"none of {len(names)} frames can be used, the last one: "
                f"{self.last_problem}"
            )
        rejected = [v for v in lines if v["status"] == REJECTED]
        notes = {(v["source"], n) for v in lines for n in v["notes"]}
        summary = RunSummary(
            made=self.made,
            kept=self.kept,
            good=len(lines) - len(rejected),
            rejected=tuple(
                sorted((v["source"], v["copy"], v["reason"]) for v in rejected)
            ),
            skipped=tuple(self.skipped),
            notes=dict(collections.Counter(n for _, n in sorted(notes))),
        )
        self.folder.write_summary(dataclasses.asdict(summary))
        return summary

    def _shown(self, sources: Sequence[Source]) -> Iterable[Source]:
        from rich.console import Console
        from rich.progress import track

        return track(
            sources,
            "pictures",
            console=Console(stderr=True),
            disable=not (self.options.progress and sys.stderr.isatty()),
        )

    def _jobs(self, sources: Iterable[Source]) -> Iterator[_Job]:
        for source in sources:
            try:
                yield from self._jobs_of(source)
            except BadFileError as error:
                if not self.options.skip_bad:
                    raise
                self.skipped.append((source.name, error.problem))
                self.last_problem = error

    def _jobs_of(self, source: Source) -> Iterator[_Job]:
        coded = source.read()
        digest = hashlib.sha256(coded).hexdigest()
        missing = []
        for copy in range(self.options.copies):
            line = self.done.get((source.name, copy))
            if line is None:
                missing.append(copy)
            else:
                self._check_same(line, source, digest)
                self.kept += 1
        if not missing:
            return
        picture = decode(coded, source.name)
        box = self.parts.check.boxes([picture.pixels])[0]
        points = points_of(source, picture.pixels, box, self.parts.landmarks)
        if not np.isfinite(box).all():
            box = landmark_boxes(points[None])[0]
        prompt = self._prompt(source, points, picture.pixels.shape)
        for copy in missing:
            seed = self.options.seed
            if not self.options.same_seed:
                seed = image_seed(seed, source.name, copy)
            yield _Job(source, copy, seed, digest, picture, points, box, prompt)

    def _prompt(self, source, points, shape) -> Prompt | None:
        generator = self.parts.generator
        if not generator.reads_prompts:
            return None
        stored = source.points is not None
        measured = stored or getattr(self.parts.landmarks, "measured", True)
        return self.parts.prompts.build(
            points, shape, measured=measured, count=generator.count_tokens
        )

    def _check_same(self, line: dict, source: Source, digest: str) -> None:
        points = line["points_sha256"]
        if source.points is not None:
            points = _hash_of(complete(source.points))
        for what, old, new in (
            ("content", line["source_sha256"], digest),
            ("label", line["pspi"], source.pspi),
            ("subject", line["subject"], source.subject),
            ("set of landmarks", line["points_sha256"], points),
        ):
            if old != new:
                raise ConfigurationError(
                    f"{self.folder.path}: was made from a frame "
                    f"{source.name} with another {what}; choose another "
                    "--output or delete this one"
                )

    def _make(self, jobs: Sequence[_Job]) -> None:
        outputs = self.parts.generator.generate(
            Batch(
                frames=np.stack([job.picture.pixels for job in jobs]),
                points=np.stack([job.points for job in jobs]),
                seeds=[job.seed for job in jobs],
                prompts=[job.prompt.text for job in jobs if job.prompt],
                names=[job.source.name for job in jobs],
            )
        )
        boxes = np.stack([job.box for job in jobs])
        verdicts = self.parts.check.judge(outputs, boxes)
        for job, output, verdict in zip(jobs, outputs, verdicts, strict=True):
            line = {
                "status": REJECTED if verdict.reason else GOOD,
                "reason": verdict.reason,
                "iou": round(verdict.iou, 4),
                **self._provenance(job),
            }
            line = self.folder.add(line, encode_png(output))
            self.done[job.source.name, job.copy] = line
            self.made += 1

    def _provenance(self, job: _Job) -> dict:
        source, prompt = job.source, job.prompt
        line = {
            "source": source.name,
            "source_sha256": job.digest,
            "subject": source.subject,
            "clip": source.clip,
            "frame": source.frame,
            "pspi": source.pspi,
            "copy": job.copy,
            "seed": job.seed,
            "method": self.parts.generator.method,
            "parameters": self.parts.generator.describe(),
            "landmarks": (
                self.landmarks if source.points is None else "with the frame"
            ),
            "points_sha256": _hash_of(job.points),
            "notes": list(job.picture.notes),
            "versions": self.versions,
        }
        if prompt is not None:
            line["prompt"] = dataclasses.asdict(prompt)
        return line


def image_seed(seed: int, name: str, copy: int) -> int:
    """The seed of one picture: hangs on nothing but these.

    Args:
        seed: Seed of the run.
        name: The frame's.
        copy: Number of the picture among those of its frame.

    Returns:
        63 bits.
    """
    text = f"{seed}\n{name}\n{copy}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8]) >> 1


def _hash_of(points: np.ndarray) -> str:
    return hashlib.sha256(points.astype(np.float32).tobytes()).hexdigest()


def _versions(parts: Parts) -> dict[str, str]:
    return {
        "keras_pain": keras_pain.__version__,
        "numpy": np.__version__,
        "pillow": importlib.metadata.version("pillow"),
        **parts.generator.versions(),
    }
