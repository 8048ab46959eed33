"""Raw files to a TFDS dataset on disk, built once, and back into memory."""

import contextlib
import dataclasses
import importlib
import io
import json
import os
import pathlib
import shutil
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from absl import logging

from keras_pain.corpora import base, manifest
from keras_pain.errors import KerasPainError, check_choice, reading

# A folder that a killed build left behind is removed once nobody has written
# to it for so many seconds: another process may be building.
_STALE = 3600


@dataclasses.dataclass(frozen=True)
class PreparedDataset:
    """A dataset that is on disk.

    `options` are what was said about reading the files, as texts; `hashes` are
    SHA-256 of what each recording was read from; `further` are the same raw
    files under other configs, where a run reads several.
    """

    path: pathlib.Path  # folder of its version, for `load_recordings`
    corpus: str
    config: str  # layout of the raw files, or how face clips are cut
    fingerprint: str  # SHA-256 over the raw files that it was built from
    simulated: bool  # whether a simulator wrote any of them
    report: list[dict[str, Any]]  # of each raw file, `FileReport.to_dict`
    reused: bool  # whether it was there already
    options: Mapping[str, str] = dataclasses.field(default_factory=dict)
    hashes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    further: tuple["PreparedDataset", ...] = ()


def prepare_dataset(
    corpus: str,
    *,
    manual_dir: base.StrPath,
    data_dir: base.StrPath,
    layout: str | None = None,
    on_bad_file: str | None = None,
    fingerprint: str | None = None,
    given: Mapping[str, str | None] | None = None,
) -> PreparedDataset:
    """Builds the dataset of a folder of raw files, unless it is there already.

    Args:
        corpus: A name of `keras_pain.corpora.base.CORPORA`.
        manual_dir: Folder of the raw files.
        data_dir: Folder of TFDS datasets.
        layout: Layout of the raw files, and with it the builder's config;
            None detects it. Of face video the config, e.g. `"c112"`; None
            takes the first.
        on_bad_file: `"fail"` or `"skip"`. None leaves it to the environment
            variable `KERAS_PAIN_ON_BAD_FILE`, else to the builder: `"fail"` for
            emopain, `"skip"` for ui_prmd, whose release has a file that cannot
            be used, and for face video, of which a clip may show no face.
        fingerprint: SHA-256 over the raw files, where the caller has asked for
            it already; None takes it, and verifies a manifest.
        given: Options of a builder, e.g. `landmarks`; they come before its
            config's and the environment's.

    Returns:
        Where the dataset is, and what it was built from.

    Raises:
        BadFileError: A file was refused, and `on_bad_file` is `"fail"`.
        KerasPainError: No raw files; they differ from their manifest; or
            `data_dir` holds a dataset built from other files.
    """
    if on_bad_file is not None:
        check_choice("on_bad_file", on_bad_file, base.ON_BAD_FILE)
    base.get_corpus(corpus)  # says which there are
    tfds = _import_tfds()
    name = f"tfds_builders.{corpus}.{corpus}_dataset_builder"
    module = importlib.import_module(name)
    config = module.Builder.config_for(manual_dir, layout)
    with _quiet():  # of a config that is not among the builder's own
        builder = module.Builder(config=config, data_dir=os.fspath(data_dir))
    builder.on_bad_file = on_bad_file
    builder.given = dict(given or {})
    files = builder.find_raw_files(manual_dir)
    fingerprint = fingerprint or identify(manual_dir, files)
    path = pathlib.Path(builder.data_path)
    reused = builder.info.initialized
    if not reused:
        for folder in path.parent.glob(f"incomplete.*_{path.name}"):
            with contextlib.suppress(OSError):  # its build has just ended
                written = [folder, *folder.iterdir()]
                newest = max(file.stat().st_mtime for file in written)
                if time.time() - newest > _STALE:
                    shutil.rmtree(folder)
        settings = {"manual_dir": os.fspath(manual_dir)}
        settings = tfds.download.DownloadConfig(**settings)
        with _quiet():
            builder.download_and_prepare(download_config=settings)
    # Another process may have built it, from other files, in the meantime.
    if problem := _not_reusable(builder, fingerprint):
        raise KerasPainError(f"{path}: {problem}")
    if reused:
        text = f"{path}: reused, it was built from the same files"
        print(text, file=sys.stderr)
    metadata = builder.info.metadata
    return PreparedDataset(
        path=path,
        corpus=corpus,
        config=builder.builder_config.name,
        fingerprint=metadata["fingerprint"],
        simulated=metadata["simulated"],
        report=list(metadata["report"]),
        reused=reused,
        options=dict(metadata.get("options") or {}),
        hashes=manifest.hashes(files),
    )


def identify(manual_dir: base.StrPath, files: Sequence[base.RawFile]) -> str:
    """SHA-256 over raw files, which takes minutes where they are videos.

    Raises KerasPainError where they differ from their manifest.
    """
    given = manual_dir, files
    return manifest.verify_manifest(*given) or manifest.fingerprint(*given)


def load_recordings(
    path: base.StrPath, with_joints: bool = False
) -> list[dict[str, Any]]:
    """Reads a dataset of whole recordings into memory.

    `path` is the folder of a version, `PreparedDataset.path`; joint positions
    are two thirds of the data. Raises KerasPainError where there is no dataset.

    Returns:
        One dict a recording, sorted by split (in the owners' order) and name:
        a NumPy array for every signal and per-frame label, `str` for texts and
        classes (`group`, `label`, the owners' `split` or ""), `int` for
        numbers.
    """
    left_out = () if with_joints else ("joints",)
    recordings = [
        _plain(example, features) | {"split": split}
        for split, features, example in read_examples(path, left_out=left_out)
    ]
    splits = list(dict.fromkeys(r["split"] for r in recordings))
    recordings.sort(key=lambda r: (splits.index(r["split"]), r["recording"]))
    return recordings


def read_examples(
    path: base.StrPath,
    *,
    left_out: Collection[str] = (),
    coded: Collection[str] = (),
) -> Iterator[tuple[str, Mapping, dict[str, Any]]]:
    """Examples of a dataset: the owners' split or "", features, NumPy values.

    Features in `left_out` are not read; pictures in `coded` stay coded. Raises
    KerasPainError where there is no dataset in this folder.
    """
    check_built(path)
    tfds = _import_tfds()
    cure = "build it anew with `tfds build --overwrite --file_format=tfrecord`"
    with reading(path, cure=cure):
        builder = tfds.builder_from_directory(path)
        features = builder.info.features
        decoders = {name: tfds.decode.SkipDecoding() for name in coded}
        form = builder.info.file_format.value
        by_index = form != "tfrecord"
        if by_index and coded:
            raise KerasPainError(f"{path}: has pictures as {form}; {cure}")
        if left_out and not by_index:
            wanted = {name: True for name in features if name not in left_out}
            decoders = tfds.decode.PartialDecoding(wanted)
        report = (builder.info.metadata or {}).get("report", ())
        owners = {file["split"] for file in report}
        for split in builder.info.splits:
            of_owners = split if split in owners else ""
            with _quiet():
                if by_index:  # array_record, which is no tf.data.Dataset
                    examples = builder.as_data_source(split, decoders=decoders)
                else:
                    of = builder.as_dataset(split=split, decoders=decoders)
                    examples = of.as_numpy_iterator()
            for example in examples:
                kept = {k: v for k, v in example.items() if k not in left_out}
                yield of_owners, features, kept


def clip_example(
    raw_file: base.RawFile, recording, options: Mapping[str, str]
) -> tuple[dict[str, Any], list[base.Finding]]:
    """A video as a face builder with these options makes an example of it.

    `options` are those of a `PreparedDataset`, with `content` and `landmarks`.
    Raises BadFileError where none can be made.
    """
    from tfds_builders.clip_maker import ClipSettings, example_of

    given = {}
    for field in dataclasses.fields(ClipSettings):
        text = options.get(field.name)
        if field.name in ("content", "landmarks"):
            given[field.name] = text
        elif text is not None:
            given[field.name] = json.loads(text.replace("None", "null"))
    example, _, found = example_of(raw_file, recording, ClipSettings(**given))
    return example, found


def check_built(path: base.StrPath) -> None:
    """Raises KerasPainError where a folder holds no TFDS dataset."""
    if not pathlib.Path(path, "dataset_info.json").exists():
        problem = f"{path}: is no TFDS dataset; build one with `tfds build`"
        raise KerasPainError(problem)


def _plain(example, features):
    """TFDS' bytes and class numbers as strings."""
    plain = {}
    for name, value in example.items():
        if hasattr(features[name], "int2str"):
            value = features[name].int2str(int(value))
        elif isinstance(value, bytes):
            value = value.decode()
        elif np.ndim(value) == 0:
            value = int(value)
        plain[name] = value
    return plain


def _import_tfds():
    # Both before TensorFlow is loaded, which happens when TFDS needs it.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow_datasets as tfds

    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    return tfds


@contextlib.contextmanager
def _quiet():
    """Keeps TFDS' remarks about itself from the user."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        # What it prints while building says nothing that our summary does not.
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.set_verbosity(verbosity)


def _not_reusable(builder, fingerprint):
    """Why the dataset that is there is not the one asked for, if so."""
    other = "pass another --data_dir, or rebuild it with "
    other += "`tfds build --overwrite`"
    metadata = builder.info.metadata
    if metadata.get("fingerprint") != fingerprint:
        return f"was built from other files: {other}"
    then, now = metadata.get("options") or {}, builder.options()
    for name in sorted({*then, *now}):
        old, new = (str(of.get(name)) for of in (then, now))
        if old != new:
            changes = f"{name} {old[:12]} instead of {new[:12]}"
            return f"was built with other options ({changes}): {other}"
    refused = [file for file in metadata["report"] if file["refused"]]
    if refused and builder.resolved_on_bad_file() == "fail":
        return (
            f"was built without {len(refused)} refused files, the first of "
            f"them {refused[0]['path']}; pass --on_bad_file=skip to use it, "
            "or another --data_dir"
        )
    return None
