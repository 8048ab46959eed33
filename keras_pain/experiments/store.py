"""The result store: one fold is one directory, written whole or not at all.

    <root>/folds/<evaluation>/<protocol>/<method>/seed<k>/<fold>/
        result.json        key, configuration, checksums, and what was found
        predictions.npz    y_true, probabilities, subject, window_id
        ...                further files, e.g. model.keras, history.csv

A fold is written to a hidden sibling directory, flushed to the disk and then
renamed, so a run that is killed leaves every finished fold as it was. The
store does not look into the result; reports read these entries of it, all of
them optional: `timings.fit_seconds`, `timings.jobs` (folds that ran at once),
`environment` (see `keras_pain.experiments.provenance`), `history` (one dict an
epoch), `chosen_epoch`, and from the configuration `dataset.fingerprint`.
"""

import dataclasses
import hashlib
import json
import logging
import pathlib
import re
import shutil
import urllib.parse
from collections.abc import Callable, Mapping

import numpy as np

from keras_pain.errors import ConfigurationError, KerasPainError
from keras_pain.experiments import atomic
from keras_pain.experiments.keys import (
    FoldKey,
    canonical_json,
    config_hash,
    first_difference,
    plain,
)

RESULT_FILE = "result.json"
PREDICTIONS_FILE = "predictions.npz"
PREDICTION_ARRAYS = ("y_true", "probabilities", "subject", "window_id")
# Where intensities are predicted.
INTENSITY_ARRAYS = ("y_true", "y_pred", "subject", "window_id")

_FORMAT = 1
_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class FoldResult:
    """A finished fold as it was read back.

    Args:
        key: The fold.
        config: The configuration it was run under.
        result: What the writer handed over: metrics, timings and so on.
        predictions: The arrays of `PREDICTION_ARRAYS`, or `INTENSITY_ARRAYS`.
        path: The fold's folder, which also holds the further files.
    """

    key: FoldKey
    config: dict
    result: dict
    predictions: dict[str, np.ndarray]
    path: pathlib.Path


class ResultStore:
    """Finished folds below one results folder.

    Any number of processes may write different folds at once. If two finish
    the same fold under one configuration, the first one's files stay.

    Args:
        root: The results folder; made by the first write.
    """

    def __init__(self, root):
        self.root = pathlib.Path(root)

    def path(self, key: FoldKey) -> pathlib.Path:
        """The folder of a fold, whether or not it exists."""
        return self.root / key.path

    def contains(self, key: FoldKey) -> bool:
        """Whether the fold is finished, under whichever configuration."""
        return self._record(key) is not None

    def status(self, key: FoldKey, config: Mapping) -> str:
        """Whether a fold still has to be run.

        Args:
            key: The fold.
            config: The configuration it would be run under.

        Returns:
            `"complete"`, or `"missing"`. A damaged fold counts as missing and
            is named in a warning.

        Raises:
            ConfigurationError: The fold is there, but from another
                configuration.
        """
        record = self._record(key)
        if record is None:
            return "missing"
        if record["config_sha256"] != config_hash(config):
            raise ConfigurationError(
                f"{self.root}: was written under another configuration: "
                f"{first_difference(record['config'], config)} (found in "
                f"{key.path}); choose another --results_dir or delete this one"
            )
        return "complete"

    def write(
        self,
        key: FoldKey,
        config: Mapping,
        result: Mapping,
        predictions: Mapping[str, np.ndarray],
        files: Mapping[str, object] | None = None,
        save: Callable[[pathlib.Path], None] | None = None,
    ) -> pathlib.Path:
        """Store a finished fold, whole or not at all.

        Args:
            key: The fold.
            config: Its configuration, JSON-able.
            result: Metrics, timings, provenance; JSON-able, without NaN.
            predictions: `y_true` `(n,)`, `probabilities` `(n, K)`, `subject`
                `(n,)` and `window_id` `(n,)`; no object arrays.
            files: File name to bytes, or to the path of a file to copy.
            save: Called with the folder to write further files into, e.g. a
                model's `save`.

        Returns:
            The fold's folder.

        Raises:
            ConfigurationError: The fold is there from another configuration.
            KerasPainError: The folder cannot be written, e.g. the disk is
                full. Nothing of this fold is left then; others are untouched.
            ValueError: Arrays or file names do not fit.
        """
        files = {**(files or {}), PREDICTIONS_FILE: _npz(predictions)}
        for name, content in files.items():
            if name == RESULT_FILE or not re.fullmatch(r"\w[\w.-]*", name):
                raise ValueError(f"not a name for a file of a fold: {name!r}")
            if not isinstance(content, bytes | bytearray):
                if not pathlib.Path(content).is_file():
                    raise ValueError(f"no such file to store: {content}")
        record = {
            "format": _FORMAT,
            "key": dataclasses.asdict(key),
            "config": config,
            "config_sha256": config_hash(config),
            "result": result,
        }
        canonical_json(record)  # fails before a folder is there

        def fill(folder: pathlib.Path) -> None:
            if save is not None:
                save(folder)
            for name, content in files.items():
                if isinstance(content, bytes | bytearray):
                    (folder / name).write_bytes(content)
                else:
                    shutil.copyfile(content, folder / name)
            text = json.dumps(
                {**record, "files": _checksums(folder)},
                indent=1,
                sort_keys=True,
                allow_nan=False,
                default=plain,
            )
            (folder / RESULT_FILE).write_text(f"{text}\n", encoding="utf-8")

        return atomic.write_folder(
            self.path(key),
            fill,
            is_complete=lambda: self.status(key, config) == "complete",
        )

    def read(self, key: FoldKey) -> FoldResult:
        """Read a finished fold.

        Args:
            key: The fold.

        Returns:
            The fold, its predictions checked against their checksum.

        Raises:
            KerasPainError: The fold is missing or damaged.
        """
        folder = self.path(key)
        record = self._record(key)
        if record is None:
            raise KerasPainError(
                f"{folder}: there is no finished fold here; run it again"
            )
        path = folder / PREDICTIONS_FILE
        expected = record["files"][PREDICTIONS_FILE]["sha256"]
        if _sha256(path) != expected:
            raise KerasPainError(
                f"{path}: was changed after it was written; delete {folder} "
                "and run the fold again"
            )
        with np.load(path, allow_pickle=False) as arrays:
            predictions = {name: arrays[name] for name in arrays.files}
        return FoldResult(
            key, record["config"], record["result"], predictions, folder
        )

    def completed(self) -> list[FoldKey]:
        """Keys of all finished folds, sorted; damaged ones are warned of."""
        keys = []
        pattern = f"folds/*/*/*/seed*/*/{RESULT_FILE}"
        for path in sorted(self.root.glob(pattern)):
            parts = path.relative_to(self.root).parts[1:-1]
            if any(part.startswith(".") for part in parts):
                continue
            *names, seed, fold = map(urllib.parse.unquote, parts)
            if not re.fullmatch(r"seed\d+", seed):
                continue
            try:
                key = FoldKey(*names, int(seed.removeprefix("seed")), fold)
            except ValueError:
                continue  # not written by a store
            if self.path(key) == path.parent and self._record(key) is not None:
                keys.append(key)
        return sorted(keys)

    def _record(self, key: FoldKey) -> dict | None:
        """The fold's result.json, or None where it is missing or damaged."""
        folder = self.path(key)
        try:
            record = json.loads((folder / RESULT_FILE).read_bytes())
            _check_record(record, key, folder)
        except (FileNotFoundError, NotADirectoryError):
            if folder.exists():
                _warn_damaged(folder, f"{RESULT_FILE} is not there")
            return None
        except OSError as error:
            raise KerasPainError(
                f"{folder}: cannot be read ({error.strerror}); check the "
                "permissions of the results folder"
            ) from error
        except ValueError as error:
            _warn_damaged(folder, str(error))
            return None
        return record


def _check_record(record, key: FoldKey, folder: pathlib.Path) -> None:
    """Raise ValueError where a result.json and its folder do not fit."""
    if not isinstance(record, dict) or record.get("format") != _FORMAT:
        raise ValueError(f"{RESULT_FILE} has another format")
    kinds = {"config": dict, "config_sha256": str, "result": dict}
    for name, kind in {**kinds, "key": dict, "files": dict}.items():
        if not isinstance(record.get(name), kind):
            raise ValueError(f"{RESULT_FILE} lacks {name!r}")
    if record["key"] != dataclasses.asdict(key):
        raise ValueError(f"{RESULT_FILE} belongs to {record['key']}")
    if PREDICTIONS_FILE not in record["files"]:
        raise ValueError(f"{RESULT_FILE} lacks {PREDICTIONS_FILE!r}")
    for name, entry in record["files"].items():
        path = folder / name
        written = entry.get("bytes") if isinstance(entry, dict) else None
        size = path.stat().st_size if path.is_file() else 0
        if size != written:
            raise ValueError(f"{name}: {size} bytes, {written} were written")


def _warn_damaged(folder: pathlib.Path, problem: str) -> None:
    _LOG.warning(
        "%s: damaged fold, counted as missing (%s)",
        folder,
        " ".join(problem.split()),
    )


def _checksums(folder: pathlib.Path) -> dict[str, dict]:
    return {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": _sha256(path),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _sha256(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _npz(predictions: Mapping[str, np.ndarray]) -> bytes:
    names = set(predictions)
    if names not in (set(PREDICTION_ARRAYS), set(INTENSITY_ARRAYS)):
        raise ValueError(
            f"predictions must hold {sorted(PREDICTION_ARRAYS)}, got "
            f"{sorted(names)}"
        )
    arrays = {name: np.asarray(predictions[name]) for name in sorted(names)}
    if not all(
        array.ndim == (2 if name == "probabilities" else 1)
        for name, array in arrays.items()
    ):
        raise ValueError(
            "predictions must be (n,), the probabilities (n, K), got "
            f"{ {name: array.shape for name, array in arrays.items()} }"
        )
    if len({len(array) for array in arrays.values()}) > 1:
        raise ValueError(
            "predictions differ in length: "
            f"{ {name: len(array) for name, array in arrays.items()} }"
        )
    return atomic.npz_bytes(arrays)
