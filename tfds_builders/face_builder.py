"""What the builders of face video have in common.

An example is a whole clip: its pictures coded as JPEG, and its labels. Making
one takes seconds, and a corpus holds thousands: a Beam pipeline spreads them
over processes or machines, and finished clips are kept under `data_dir` until
the dataset is complete, so that a build that was broken off goes on.
"""

import dataclasses
import os
import pathlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import rich.console
import rich.progress
import tensorflow_datasets as tfds

from keras_pain.corpora.base import RawFile, get_corpus
from keras_pain.errors import BadFileError, ConfigurationError, KerasPainError
from keras_pain.experiments.provenance import check_backend
from tfds_builders import clip_maker
from tfds_builders.clip_maker import ClipJob, ClipSettings
from tfds_builders.corpus_builder import (
    CorpusBuilder,
    CorpusConfig,
    labels,
    print_summary,
    signal,
)

_CACHE = "keras_pain_clips"


@dataclasses.dataclass(kw_only=True)
class FaceConfig(CorpusConfig, ClipSettings):
    """How clips are turned into examples.

    Args:
        layout: Layout of the raw files; empty finds out which one is there.
    """

    layout: str = ""

    def __post_init__(self):
        if not (
            self.content in ("faces", "frames", "landmarks")
            and 1 <= self.size <= 4096
            and 0 <= self.margin <= 2
            and 1 <= self.quality <= 100
            and self.every >= 1
        ):
            raise ConfigurationError(
                f"config {self.name!r}: content must be faces, frames or "
                "landmarks, size 1 to 4096 pixels, margin 0 to 2, quality 1 "
                "to 100 and every at least 1"
            )


def size_configs(what: str) -> list[FaceConfig]:
    """A config for each size of crop; `what` describes a clip."""
    return [
        FaceConfig(
            name=f"c{size}",
            size=size,
            description=f"{what}; faces of {size} x {size} pixels.",
        )
        for size in (224, 112)
    ]


class FaceBuilder(CorpusBuilder, skip_registration=True):
    """Builds one corpus of face video.

    A subclass names its `CORPUS`, `HOMEPAGE` and a clip's `LABELS`.
    """

    # A build of a day does not end because one clip of thousands has no face.
    DEFAULT_ON_BAD_FILE = "skip"
    HOMEPAGE: ClassVar[str]
    LABELS: ClassVar[tuple[str, ...]]
    _with_beam = False

    @classmethod
    def config_for(cls, root: str | os.PathLike, layout: str | None) -> str:
        names = [config.name for config in cls.BUILDER_CONFIGS]
        if layout is None:
            return names[0]
        if layout not in names:
            raise ConfigurationError(
                f"{layout!r} is no config of {cls.CORPUS}; known are "
                f"{', '.join(names)}"
            )
        return layout

    def more_features(self) -> dict[str, Any]:
        """Features that only this corpus has."""
        return {}

    def _info(self):
        config = self.builder_config
        features = {
            "name": tfds.features.Text(),
            "subject_id": tfds.features.Text(),
            "found": labels(np.bool_),
            "source": labels(np.uint8),
            "pspi": signal(),
            **{
                name: tfds.features.Scalar(dtype=np.float32)
                for name in self.LABELS
            },
            **self.more_features(),
        }
        if config.content == "landmarks":
            features["landmarks"] = signal(68, 2)
        else:
            features["frames"] = tfds.features.Sequence(
                tfds.features.Image(
                    shape=(config.size, config.size, 3), encoding_format="jpeg"
                )
            )
        if config.content == "faces":
            features["boxes"] = signal(4)
        return self._make_info(features, homepage=self.HOMEPAGE)

    def settings(self, root: str | os.PathLike) -> ClipSettings:
        """How clips in the folder `root` are turned into examples."""
        names = [field.name for field in dataclasses.fields(ClipSettings)]
        config = self.builder_config
        return ClipSettings(**{name: getattr(config, name) for name in names})

    def options(self) -> dict[str, str]:
        names = ("content", "size", "margin", "quality", "every", "num_frames")
        return {name: str(getattr(self.builder_config, name)) for name in names}

    def find_raw_files(self, root: str | os.PathLike) -> list[RawFile]:
        corpus = get_corpus(self.CORPUS)
        layout = self.builder_config.layout or corpus.detect_layout(root)
        return corpus.find_files(root, layout)

    def _jobs(self, root, files):
        cache = pathlib.Path(self._data_dir_root, _CACHE, self.CORPUS)
        settings = self.settings(root)
        return [
            ClipJob(self.CORPUS, file, settings, os.fspath(cache))
            for file in files
        ]

    def _generate_examples(self, root, files):
        jobs = self._jobs(root, files)
        self._all_jobs += jobs
        self.info.metadata["layout"] = files[0].layout
        names = tuple(self.info.features)
        fail = self.resolved_on_bad_file() == "fail"
        if not self._with_beam:
            return self._one_by_one(jobs, names, fail)
        beam = tfds.core.lazy_imports.apache_beam
        # Reshuffled, or a runner may keep a run of clips to one worker.
        return (
            beam.Create(jobs)
            | beam.Reshuffle()
            | beam.FlatMap(examples_of, names=names, fail=fail)
        )

    def _one_by_one(self, jobs, names, fail):
        for job in rich.progress.track(
            jobs,
            description=f"{self.info.full_name}",
            console=rich.console.Console(stderr=True),
            disable=not sys.stderr.isatty(),
        ):
            yield from examples_of(job, names, fail)
        self._finish_reports()  # TFDS cannot write a split without examples

    def _download_and_prepare(self, dl_manager, download_config):
        if self.builder_config.content == "faces":
            check_backend()  # the detector is a network of Keras
        self._all_jobs: list[ClipJob] = []
        self._with_beam = bool(
            download_config.beam_options or download_config.beam_runner
        )
        tfds.disable_progress_bar()  # ours knows how many clips there are
        try:
            tfds.core.GeneratorBasedBuilder._download_and_prepare(
                self, dl_manager, download_config
            )
        except KerasPainError:
            raise
        except Exception as error:
            # Beam hides what a worker raised in pages of its own.
            refused = [r for r in self._reports() if r["refused"]]
            fail = self.resolved_on_bad_file() == "fail"
            if refused and (fail or len(refused) == len(self._all_jobs)):
                raise _refusal(self._all_jobs, refused[0]) from error
            raise
        self._finish_reports()
        clip_maker.remove([job.path for job in self._all_jobs])
        print_summary(self.info.full_name, self.info.metadata)

    def _reports(self):
        reports = [clip_maker.load_report(job.path) for job in self._all_jobs]
        return [dict(report) for report in reports if report]

    def _finish_reports(self):
        """Gathers what workers found, which may run on other machines."""
        reports = self._reports()
        rates = [r.pop("frame_rate", None) for r in reports]
        self.info.metadata.update(
            report=reports,
            simulated=any(report["simulated"] for report in reports),
            frame_rate=next((rate for rate in rates if rate), None),
        )
        if reports and all(report["refused"] for report in reports):
            detail = _refused_finding(reports[0])["detail"]
            raise KerasPainError(
                f"{self.info.full_name}: all {len(reports)} clips were "
                f"refused, the first, {reports[0]['path']}, because {detail}"
            )


def examples_of(
    job: ClipJob, names: Sequence[str], fail: bool
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The examples of one clip, at most one, with the features `names`.

    A clip that is refused raises BadFileError if `fail`, else is left out.
    """
    example, report = clip_maker.finished(job)
    if example is not None:
        yield example["name"], {name: example[name] for name in names}
    elif fail:
        raise _refusal([job], report)


def _refused_finding(report):
    [finding] = [f for f in report["findings"] if f["action"] == "refused"]
    return finding


def _refusal(jobs, report):
    """The error that refused one of the clips, made anew from its report."""
    files = (job.raw_file for job in jobs)
    path = next(f.path for f in files if f.relative == report["path"])
    finding = _refused_finding(report)
    problem, _, cure = finding["detail"].rpartition("; ")
    return BadFileError(path, problem, cure, rule=finding["rule"])
