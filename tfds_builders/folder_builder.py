"""What the builders of folders have in common: users' own, and open corpora.

A module of its own: TFDS wants one builder in the file that it builds.
"""

import dataclasses
import hashlib
import json
import os
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from keras_pain.corpora.base import RawFile, get_corpus
from keras_pain.corpora.folder.layout import KINDS, read_labels
from keras_pain.errors import check_choice
from keras_pain.io import source_sha256
from tfds_builders.clip_maker import ClipSettings
from tfds_builders.corpus_builder import AbsentError, CorpusBuilder, signal
from tfds_builders.face_builder import FaceBuilder, FaceConfig

_WHAT = {
    "signals": "Signals of any channels and rate, as they were given.",
    "landmarks": "68 facial landmarks in each frame.",
    "faces": "Faces, found and cut out, of 224 x 224 pixels.",
}


def config(kind: str, name: str = "") -> FaceConfig:
    """The config of a kind; under a name of its own for one folder."""
    return FaceConfig(name=name or kind, layout=kind, description=_WHAT[kind])


class FolderBuilder(FaceBuilder, skip_registration=True):
    """Builds one folder; one example is one recording.

    Subclasses name their `CORPUS`, `HOMEPAGE`, and `BUILDER_CONFIGS` of
    `config`. Labels of whole recordings are numbers in the order of the
    metadata's `labels`; those of words are indices into its `classes`. The
    suite prepares a folder under a name with its fingerprint, so that folders
    share a `data_dir`, and reads labels from the tables, which may change.
    """

    DEFAULT_ON_BAD_FILE = "fail"
    HOMEPAGE: ClassVar[str] = ""
    LABELS: ClassVar[tuple[str, ...]] = ()
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    _tables = None

    @classmethod
    def config_for(cls, root: str | os.PathLike, layout: str | None):
        kind, _, mark = (layout or "").partition("_")
        if mark:
            check_choice("layout", kind, KINDS)
            return config(kind, layout)
        return layout or get_corpus(cls.CORPUS).detect_layout(root)

    @property
    def kind(self) -> str:
        """One of `KINDS`."""
        return self.builder_config.layout

    def _info(self):
        text = tfds.features.Text
        features = {"subject_id": text(), "group": text(), "labels": signal()}
        if self.kind == "signals":
            more = {"recording": text(), "signals": signal(None)}
        elif self.kind == "landmarks":
            more = {"name": text(), "landmarks": signal(68, 2)}
            more["found"] = _flags()
        else:
            size = self.builder_config.size
            shape = (size, size, 3)
            picture = tfds.features.Image(shape=shape, encoding_format="jpeg")
            more = {"name": text(), "frames": tfds.features.Sequence(picture)}
            more |= {"found": _flags(), "source": _flags(np.uint8)}
            more["boxes"] = signal(4)
        info = self._make_info(features | more, homepage=self.HOMEPAGE or None)
        info.metadata.update(labels=[], classes={}, channels=[])
        return info

    def settings(self, root: str | os.PathLike) -> ClipSettings:
        return dataclasses.replace(super().settings(root), landmarks="")

    def options(self) -> dict[str, str]:
        options = super().options() if self.kind == "faces" else {}
        if self._tables is not None:
            text = json.dumps(self._tables.identity()).encode()
            options["tables"] = hashlib.sha256(text).hexdigest()
        if reader := self.given.get("reader"):
            options |= {"reader": reader}
            options["reader_sha256"] = source_sha256(reader)
        return options

    def _read_options(self):
        reader = self.given.get("reader")
        return {"reader": reader} if reader else {}

    def find_raw_files(self, root: str | os.PathLike) -> list[RawFile]:
        corpus = get_corpus(self.CORPUS)
        self._tables = tables = corpus.tables(root)
        if tables.kind != self.kind:
            raise AbsentError(
                f"{tables.root}: holds {tables.kind}, not {self.kind}"
            )
        return corpus.find_files(root, self.kind)

    def _split_generators(self, dl_manager):
        generators = super()._split_generators(dl_manager)
        tables = self._tables
        of = read_labels(tables)
        self.info.metadata.update(
            labels=list(of),
            classes={k: list(v.classes) for k, v in of.items() if v.classes},
            channels=[channel._asdict() for channel in tables.channels],
            frame_rate=tables.channels[0].rate
            if tables.channels
            else tables.rate,
        )
        return generators

    def _generate_examples(self, root, files):
        if self.kind == "faces":
            return super()._generate_examples(root, files)
        return CorpusBuilder._generate_examples(self, root, files)

    def _download_and_prepare(self, *args, **kwargs):
        of = FaceBuilder if self.kind == "faces" else CorpusBuilder
        of._download_and_prepare(self, *args, **kwargs)

    def _example(self, recording) -> dict[str, Any]:
        labels = np.array(list(recording.labels.values()), np.float32)
        example = {"labels": labels, "subject_id": recording.subject_id}
        example["group"] = recording.group
        if self.kind == "signals":
            more = {"recording": recording.name, "signals": recording.signals}
        else:
            more = {"name": recording.name, "landmarks": recording.landmarks}
            more["found"] = recording.frame_labels["found"]
        return example | more


def _flags(dtype=np.bool_):
    """A number a frame, shrunk by zlib."""
    return tfds.features.Tensor(shape=(None,), dtype=dtype, encoding="zlib")
