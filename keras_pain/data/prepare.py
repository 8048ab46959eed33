"""Raw files to a TFDS dataset on disk, built once, and back into memory."""

import contextlib
import dataclasses
import importlib
import io
import os
import pathlib
import shutil
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from absl import logging

from keras_pain.corpora import files as corpus_files
from keras_pain.corpora import manifest, registry
from keras_pain.errors import ConfigurationError, KerasPainError

# A folder that a killed build left behind is removed once nobody has written
# to it for so many seconds: another process may be building.
_STALE = 3600
_BIG_FEATURES = ("joints", "raters")


@dataclasses.dataclass(frozen=True)
class PreparedDataset:
    """A dataset that is on disk.

    Args:
        path: Folder of its version, for `load_recordings`.
        corpus: Name of the corpus.
        config: Its config: the layout of the raw files, or how face clips
            are cut.
        fingerprint: SHA-256 over the raw files that it was built from.
        simulated: Whether a simulator wrote any of them.
        report: What was found in each raw file (`FileReport.to_dict`).
        reused: Whether it was there already.
        further: The same raw files under other configs, where a run reads
            several.
    """

    path: pathlib.Path
    corpus: str
    config: str
    fingerprint: str
    simulated: bool
    report: list[dict[str, Any]]
    reused: bool
    further: tuple["PreparedDataset", ...] = ()


def prepare_dataset(
    corpus: str,
    *,
    manual_dir: str | os.PathLike,
    data_dir: str | os.PathLike,
    layout: str | None = None,
    on_bad_file: str | None = None,
    fingerprint: str | None = None,
) -> PreparedDataset:
    """Builds the dataset of a folder of raw files, unless it is there already.

    Args:
        corpus: A name of `keras_pain.corpora.registry.CORPORA`.
        manual_dir: Folder of the raw files.
        data_dir: Folder of TFDS datasets.
        layout: Layout of the raw files, and with it the builder's config;
            None detects it. Of face video the config, e.g. `"c112"`; None
            takes the first.
        on_bad_file: `"fail"` or `"skip"`. None leaves it to the environment
            variable `KERAS_PAIN_ON_BAD_FILE`, else to the builder: `"fail"`
            for emopain, `"skip"` for ui_prmd, whose release has a file that
            cannot be used, and for face video, of which a clip may show no
            face.
        fingerprint: SHA-256 over the raw files, where the caller has asked for
            it already; None takes it, and verifies a manifest.

    Returns:
        Where the dataset is, and what it was built from.

    Raises:
        BadFileError: A file was refused, and `on_bad_file` is `"fail"`.
        KerasPainError: No raw files; they differ from their manifest; or
            `data_dir` holds a dataset built from other files.
    """
    if on_bad_file not in (None, *corpus_files.ON_BAD_FILE):
        raise ConfigurationError(
            f"on_bad_file must be fail or skip, got {on_bad_file!r}"
        )
    registry.get_corpus(corpus)  # says which there are
    builder = _make_builder(corpus, manual_dir, layout, data_dir)
    builder.on_bad_file = on_bad_file
    files = builder.find_raw_files(manual_dir)
    fingerprint = fingerprint or identify(manual_dir, files)
    path = pathlib.Path(builder.data_path)
    reused = path.exists()
    if reused:
        _check_reusable(builder, path, fingerprint)
        _say(f"{path}: reused, it was built from the same files")
    else:
        _remove_stale_builds(path)
        _build(builder, manual_dir)
    metadata = builder.info.metadata
    return PreparedDataset(
        path=path,
        corpus=corpus,
        config=builder.builder_config.name,
        fingerprint=metadata["fingerprint"],
        simulated=metadata["simulated"],
        report=list(metadata["report"]),
        reused=reused,
    )


def identify(
    manual_dir: str | os.PathLike, files: Sequence[corpus_files.RawFile]
) -> str:
    """SHA-256 over raw files, which takes minutes where they are videos.

    Args:
        manual_dir: Folder of the raw files.
        files: The files.

    Raises:
        KerasPainError: They differ from their manifest.
    """
    return manifest.verify_manifest(manual_dir, files) or manifest.fingerprint(
        manual_dir, files
    )


def load_recordings(
    path: str | os.PathLike, with_joints: bool = False, with_raters: bool = True
) -> list[dict[str, Any]]:
    """Reads a dataset of whole recordings into memory.

    Args:
        path: Folder of a version, `PreparedDataset.path`.
        with_joints: Whether to read the joint positions, which are two thirds
            of the data.
        with_raters: Whether to read the raters' labels, where there are any.

    Returns:
        One dict a recording, sorted by split (in the owners' order) and name:
        a NumPy array for every signal and per-frame label, `str` for texts and
        classes (`group`, `label`), `int` for numbers. `split` is the TFDS
        split: `"full"` where the release has none.

    Raises:
        KerasPainError: There is no dataset in this folder.
    """
    tfds = _import_tfds()
    if not (pathlib.Path(path) / "dataset_info.json").exists():
        raise KerasPainError(
            f"{path}: is no TFDS dataset; build one with `tfds build`"
        )
    builder = tfds.builder_from_directory(path)
    features = builder.info.features
    left_out = {
        name
        for name, wanted in zip(
            _BIG_FEATURES, (with_joints, with_raters), strict=True
        )
        if not wanted
    }
    decoders = tfds.decode.PartialDecoding(
        {name: True for name in features if name not in left_out}
    )
    recordings = []
    for split in builder.info.splits:
        with _quiet():
            examples = builder.as_dataset(split=split, decoders=decoders)
        of_split = [
            _plain(example, features) | {"split": split}
            for example in examples.as_numpy_iterator()
        ]
        recordings += sorted(of_split, key=lambda r: r["recording"])
    return recordings


def _plain(example: dict[str, Any], features) -> dict[str, Any]:
    """TFDS' bytes and class numbers as strings."""
    plain = {}
    for name, value in example.items():
        if hasattr(features[name], "int2str"):
            plain[name] = features[name].int2str(int(value))
        elif isinstance(value, bytes):
            plain[name] = value.decode()
        elif np.ndim(value) == 0:
            plain[name] = int(value)
        else:
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


def _make_builder(corpus, manual_dir, layout, data_dir):
    _import_tfds()
    module = importlib.import_module(
        f"tfds_builders.{corpus}.{corpus}_dataset_builder"
    )
    config = module.Builder.config_for(manual_dir, layout)
    return module.Builder(config=config, data_dir=os.fspath(data_dir))


def _build(builder, manual_dir) -> None:
    tfds = _import_tfds()
    config = tfds.download.DownloadConfig(manual_dir=os.fspath(manual_dir))
    try:
        with _quiet():
            builder.download_and_prepare(download_config=config)
    except OSError as error:
        raise KerasPainError(
            f"{builder.data_path}: the dataset cannot be built ({error}); "
            "free space there or pass another --data_dir"
        ) from error


def _check_reusable(builder, path: pathlib.Path, fingerprint: str) -> None:
    if not (path / "dataset_info.json").exists():
        raise KerasPainError(
            f"{path}: is no finished dataset; remove this folder or pass "
            "another --data_dir"
        )
    metadata = builder.info.metadata
    if metadata.get("fingerprint") != fingerprint:
        raise KerasPainError(
            f"{path}: was built from other files: pass another --data_dir, or "
            "rebuild it with `tfds build --overwrite`"
        )
    then, now = metadata.get("options") or {}, builder.options()
    if then != now:
        other = ", ".join(
            f"{name} {str(then.get(name))[:12]} instead of "
            f"{str(now.get(name))[:12]}"
            for name in sorted({*then, *now})
            if then.get(name) != now.get(name)
        )
        raise KerasPainError(
            f"{path}: was built with other options ({other}): pass another "
            "--data_dir, or rebuild it with `tfds build --overwrite`"
        )
    refused = [file for file in metadata["report"] if file["refused"]]
    if refused and builder.resolved_on_bad_file() == "fail":
        raise KerasPainError(
            f"{path}: was built without {len(refused)} refused files, the "
            f"first of them {refused[0]['path']}; pass --on_bad_file=skip to "
            "use it, or another --data_dir"
        )


def _remove_stale_builds(path: pathlib.Path) -> None:
    for folder in path.parent.glob(f"incomplete.*_{path.name}"):
        newest = max(p.stat().st_mtime for p in [folder, *folder.iterdir()])
        if time.time() - newest > _STALE:
            shutil.rmtree(folder, ignore_errors=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr)
