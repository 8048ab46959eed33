"""What the dataset builders of this folder have in common.

An example is a whole recording: windows, scaling and label rules belong to a
protocol, not to a dataset. One recording is held in memory at a time.
"""

import contextlib
import dataclasses
import errno
import fcntl
import os
import pathlib
import sys
import types
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import rich.console
import rich.table
import tensorflow_datasets as tfds

from keras_pain.corpora import base, manifest
from keras_pain.errors import (
    ConfigurationError,
    KerasPainError,
    check_choice,
)
from keras_pain.io import unwritable

ON_BAD_FILE_VARIABLE = "KERAS_PAIN_ON_BAD_FILE"
# Order of the owners' splits; a release that has none is all "train", which
# is what users of TFDS ask for.
SPLITS = ("train", "validation", "test")
# What TFDS, or the disk, says where a dataset is already there.
_TAKEN = ("already exists", *map(os.strerror, (errno.ENOTEMPTY, errno.EEXIST)))
_CURE = "free space there, or pass another --data_dir that can be written"


class AbsentError(ConfigurationError):
    """What this config is made of is not there; other configs can be built."""


@dataclasses.dataclass(kw_only=True)
class CorpusConfig(tfds.core.BuilderConfig):
    """A layout of a corpus, and what to do with files that are no good.

    Args:
        layout: Which of the corpus' layouts.
        on_bad_file: `"fail"` ends the build at the first file that is
            refused, `"skip"` leaves it out and reports it. None asks the
            environment variable `KERAS_PAIN_ON_BAD_FILE`, then takes the
            builder's default.
    """

    layout: str
    on_bad_file: str | None = None


def _frames(shape, dtype, encoding):
    shape = (None, *shape)
    return tfds.features.Tensor(shape=shape, dtype=dtype, encoding=encoding)


def signal(*shape: int) -> tfds.features.Tensor:
    """Frames of a shape, stored as raw bytes (lists are ten times slower)."""
    return _frames(shape, np.float32, "bytes")


def labels(dtype: type, *shape: int) -> tfds.features.Tensor:
    """Labels of frames; they hardly change, so that zlib shrinks them."""
    return _frames(shape, dtype, "zlib")


class CorpusBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Builds one corpus of `keras_pain.corpora`.

    A subclass names its `CORPUS` and gives `_info`, `_example` and, where the
    raw files may come from elsewhere than the manual directory, `_raw_folder`.

    `on_bad_file` and `given`, set on an instance, come before its config's.
    """

    CORPUS: ClassVar[str]
    DEFAULT_ON_BAD_FILE: ClassVar[str] = "fail"
    on_bad_file: str | None = None
    given: Mapping[str, str | None] = types.MappingProxyType({})

    def __init__(self, **options: Any):
        super().__init__(**options)
        self._name_split()

    @classmethod
    def config_for(cls, root: str | os.PathLike, layout: str | None) -> str:
        """Name of the config that a user means by a layout, or by None.

        Raises ConfigurationError where there is none of this name, and
        KerasPainError where the folder holds no layout, or several.
        """
        corpus = base.get_corpus(cls.CORPUS)
        return base.resolve_layout(corpus, root, layout)

    def _example(self, recording):
        """The features of a recording."""
        raise NotImplementedError

    def _raw_folder(self, dl_manager):
        """Folder of the raw files."""
        return os.fspath(dl_manager.manual_dir)

    def options(self) -> dict[str, str]:
        """What the user said about reading the files, as texts."""
        return {}

    def _read_options(self):
        """`options` as arguments of the corpus' `read_file`."""
        return dict(self.options())

    def _make_info(self, features, homepage):
        """The dataset's info, with metadata that the build fills in."""
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=None,
            homepage=homepage,
            metadata=tfds.core.MetadataDict(
                fingerprint="",
                simulated=False,
                frame_rate=60.0,
                layout=self.builder_config.layout,
                options={},
                report=[],
            ),
        )

    def _split_generators(self, dl_manager):
        root = self._raw_folder(dl_manager)
        found = self.find_raw_files(root)
        groups = group_by_split(found)
        check_subjects(root, groups)
        # An earlier build with this instance may have failed half way.
        self.info.metadata.update(
            fingerprint=manifest.verify_manifest(root, found)
            or manifest.fingerprint(root, found),
            simulated=False,
            options=self.options(),
            report=[],
        )
        return {
            split: self._generate_examples(root, files)
            for split, files in groups.items()
        }

    def find_raw_files(self, root: str | os.PathLike) -> list[base.RawFile]:
        """The raw files that this config would be built from.

        Raises KerasPainError where there are none.
        """
        corpus = base.get_corpus(self.CORPUS)
        layout = self.builder_config.layout
        return corpus.find_files(
            root, base.resolve_layout(corpus, root, layout)
        )

    def _generate_examples(self, root, files):
        metadata = self.info.metadata
        for recording, report in base.read_corpus(
            self.CORPUS,
            root,
            self.builder_config.layout,
            on_bad_file=self.resolved_on_bad_file(),
            files=files,
            **self._read_options(),
        ):
            metadata["report"].append(report.to_dict())
            if recording is not None:
                # One simulated file is enough for results to say so.
                metadata["simulated"] |= recording.simulated
                yield recording.name, self._example(recording)

    def resolved_on_bad_file(self) -> str:
        """`"fail"` or `"skip"`, whoever said so."""
        choice = (
            self.on_bad_file
            or self.builder_config.on_bad_file
            or os.environ.get(ON_BAD_FILE_VARIABLE)
            or self.DEFAULT_ON_BAD_FILE
        )
        name = f"on_bad_file ({ON_BAD_FILE_VARIABLE} in the environment)"
        check_choice(name, choice, base.ON_BAD_FILE)
        return choice

    def download_and_prepare(self, **arguments: Any) -> None:
        """Builds the dataset as TFDS does, one process at a time.

        One that another process has built in the meantime is taken over. In
        `tfds build` without `--config`, one that cannot be built is left out.

        Raises:
            KerasPainError: Raw files are refused, or the disk is full.
        """
        path = pathlib.Path(self.data_path)
        config = arguments.get("download_config")
        anew = bool(config and config.download_mode.overwrite_dataset)
        if self.info.initialized and not anew:  # it may be read-only
            super().download_and_prepare(**arguments)
            return
        try:
            with _alone(path):
                unfinished = path.exists() and not _is_built(path)
                if unfinished and not anew:
                    raise KerasPainError(
                        f"{path}: is no finished dataset; remove this folder "
                        "or pass another --data_dir"
                    )
                if not self._take_over(path):
                    super().download_and_prepare(**arguments)
        except AbsentError as error:
            if not self._one_of_all():
                raise
            print(f"{self.info.full_name}: skipped; {error}", file=sys.stderr)
        except KerasPainError:
            raise
        except Exception as error:
            # On a disk without locks the first process to finish has won, and
            # its folder stands in the way of ours.
            taken = any(words in str(error) for words in _TAKEN)
            if taken and self._take_over(path):
                return
            # TensorFlow and Beam have errors of their own for a full disk.
            for code in (errno.ENOSPC, errno.EDQUOT):
                if os.strerror(code) in str(error):
                    raise unwritable(
                        path, OSError(code, os.strerror(code)), _CURE
                    ) from error
            if isinstance(error, OSError):
                raise unwritable(path, error, _CURE) from error
            raise

    def _take_over(self, path):
        """Reads a dataset that was built since this builder was made, if so."""
        if self.info.initialized or not _is_built(path):
            return False
        self.info.read_from_directory(path)
        self._name_split()
        print(f"{path}: another process has built it", file=sys.stderr)
        return True

    def _name_split(self):
        """Calls a split `full`, as older versions named it, `train`.

        Only here: the files keep their names.
        """
        splits = self.info.splits
        if list(splits) == ["full"]:
            template = splits["full"].filename_template.replace(
                template="{DATASET}-full.{FILEFORMAT}-{SHARD_X_OF_Y}",
                split=SPLITS[0],
            )
            split = splits["full"].replace(
                name=SPLITS[0], filename_template=template
            )
            self.info.set_splits(tfds.core.splits.SplitDict([split]))

    def _one_of_all(self):
        """Whether this is `tfds build`, and no config was asked for."""
        given, flags = sys.argv[1:], ("-c", "--conf", "--builder_conf")
        name = f"{self.name}/{self.builder_config.name}"
        asked = any(a.startswith(flags) or a.startswith(name) for a in given)
        return "build" in given and not asked

    def _download_and_prepare(self, *args, **kwargs):
        # The step of TFDS that runs only where there is something to build.
        super()._download_and_prepare(*args, **kwargs)
        print_summary(self.info.full_name, self.info.metadata)


def _is_built(path):
    return (path / "dataset_info.json").exists()


@contextlib.contextmanager
def _alone(path):
    """Waits until no other process, in any container, builds this version.

    Neither the lock nor a folder without a dataset is left behind.
    """
    file = path.with_name(f".{path.name}.lock")
    while (lock := _locked(path, file)) is None:
        pass
    try:
        yield
    finally:
        with lock, contextlib.suppress(OSError):
            file.unlink()  # while it is still ours
            path.parent.rmdir()


def _locked(path, file):
    """The open and locked file; None if its last owner has just removed it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as unless_locked:
        try:
            lock = unless_locked.enter_context(open(file, "wb"))
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{path}: waiting for its other builder", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError:
            pass  # a disk without locks
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock.fileno()), os.stat(file)):
                unless_locked.pop_all()
                return lock
    return None


def group_by_split(files: list[base.RawFile]) -> dict[str, list[base.RawFile]]:
    """Files of one layout by TFDS split, in the order of `SPLITS`.

    One that lies beside the split folders, which its corpus refuses, goes to
    the first split, to be reported there.
    """
    named = [split for split in SPLITS if any(f.split == split for f in files)]
    groups = {split: [] for split in named or SPLITS[:1]}
    for file in files:
        split = file.split if file.split in groups else next(iter(groups))
        groups[split].append(file)
    return groups


def check_subjects(root: str, groups: dict[str, list[base.RawFile]]) -> None:
    """Raises KerasPainError where a participant is in two splits.

    Files that are refused by name do not count.
    """
    split_of: dict[str, str] = {}
    for split, files in groups.items():
        for file in files:
            other = split_of.get(file.subject_id, split)
            if file.refusal is None:
                split_of[file.subject_id] = split
                if other != split:
                    raise KerasPainError(
                        f"{root}: participant {file.subject_id} is in {other} "
                        f"and in {split} ({file.relative}): what is learnt "
                        "from a person must not be tested on the same person; "
                        "put the files back as their owners sent them"
                    )


def print_summary(name: str, metadata: dict[str, Any]) -> None:
    """Prints how many files were read, and what was done to them."""
    report = metadata["report"]
    rules: dict[tuple[str, str], list[str]] = {}
    for file in report:
        for finding in file["findings"]:
            if finding["action"] in ("repaired", "refused"):
                key = (finding["action"], finding["rule"])
                last = file["path"].rsplit("/", 1)[-1]
                # Of a folder of stills the last name says little.
                shown = last if "." in last else file["name"]
                rules.setdefault(key, []).append(shown)
    refused = sum(file["refused"] for file in report)
    console = rich.console.Console(file=sys.stderr)
    kind = "SIMULATED " if metadata["simulated"] else ""
    console.print()  # leaves the line of the progress bar
    console.print(
        f"{name}: {len(report) - refused} {kind}recordings, "
        f"{sum(file['frames'] for file in report):,} frames, {refused} files "
        f"refused; fingerprint {metadata['fingerprint'][:12]}",
        highlight=False,
        soft_wrap=True,
    )
    if not rules:
        return
    table = rich.table.Table("action", "rule", "files", "first of them")
    for (action, rule), names in sorted(rules.items()):
        table.add_row(action, rule, str(len(names)), names[0])
    console.print(table)
