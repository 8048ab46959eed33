"""The result store: one fold is one directory, written whole or not at all.

    <root>/folds/<evaluation>/<protocol>/<method>/seed<k>/<fold>/
        result.json        key, configuration, checksums, and what was found
        predictions.npz    y_true, probabilities (or y_pred, of intensities),
                           subject, window_id; simulated, whether the data are
        ...                further files, e.g. model.keras

A fold is written to a hidden sibling directory, flushed to the disk and then
renamed, so a run that is killed leaves every finished fold as it was. Both
files have `simulated`, so that a copied fold can be told; the configuration has
not, so that folds match older ones. Reports read these entries of a result, all
of them optional: `timings.fit_seconds`, `timings.jobs` (folds that ran at
once), `environment`, `history` (one dict an epoch), `chosen_epoch`, and from
the configuration `dataset.fingerprint`.
"""

import dataclasses
import hashlib
import json
import logging
import pathlib
import urllib.parse
from collections.abc import Callable, Mapping

import numpy as np

from keras_pain import errors
from keras_pain.experiments.metrics import check_probabilities
from keras_pain.io import npz_bytes, sha256_of, write_folder

RESULT_FILE = "result.json"
PREDICTIONS_FILE = "predictions.npz"
# Beside the folds: what was run on which data.
RUN_FILE = "run.json"
COMMAND = "command"  # its entry with the script and its flags
_FORMAT = 1
_SIMULATED = "simulated"
# Entries that readers look into, and their types where they are there.
_ENTRIES = (
    ("timings", "fit_seconds", int | float),
    ("timings", "jobs", int),
    ("environment", "versions", dict),
    ("environment", "hardware", str),
    ("dataset", "fingerprint", str),
)
_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, order=True)
class FoldKey:
    """The identity of one fold, e.g. `loso`, `leak_free`, `alanet`, 0, `P01`.

    Each name must be able to name a folder; the seed is at least 0.
    """

    evaluation: str
    protocol: str
    method: str
    seed: int
    fold: str

    def __post_init__(self):
        for name in ("evaluation", "protocol", "method", "fold"):
            value = getattr(self, name)
            if not value or value.strip(". ") != value:
                raise ValueError(f"{name} cannot name a folder: {value!r}")
        if type(self.seed) is not int or self.seed < 0:
            raise ValueError(f"seed must be an integer >= 0, got {self.seed!r}")

    @property
    def path(self) -> pathlib.PurePosixPath:
        """The fold's folder, relative to the store."""
        parts = [self.evaluation, self.protocol, self.method]
        parts += [f"seed{self.seed}", self.fold]
        quoted = (urllib.parse.quote(part, safe="") for part in parts)
        return pathlib.PurePosixPath("folds", *quoted)


@dataclasses.dataclass(frozen=True)
class FoldResult:
    """A finished fold as it was read back.

    `result` and `predictions` are what `ResultStore.write` was given; `path`
    is the fold's folder, which also holds the further files.
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
        simulated: Whether the folds that are written are of simulated data.
    """

    def __init__(self, root, simulated: bool = False):
        self.root = pathlib.Path(root)
        self.simulated = bool(simulated)

    def path(self, key: FoldKey) -> pathlib.Path:
        """The folder of a fold, whether or not it exists."""
        return self.root / key.path

    def contains(self, key: FoldKey) -> bool:
        """Whether the fold is finished, under whichever configuration."""
        return self._record(key) is not None

    def status(self, key: FoldKey, config: Mapping) -> str:
        """`"complete"`, or `"missing"` where a fold still has to be run.

        A damaged fold counts as missing and is named in a warning; one from
        another configuration raises ConfigurationError.
        """
        if (record := self._record(key)) is None:
            return "missing"
        if record["config_sha256"] != config_hash(config):
            difference = first_difference(record["config"], config)
            raise errors.ConfigurationError(
                f"{self.root}: was written under another configuration: "
                f"{difference} (found in {key.path}); choose another "
                "--results_dir or delete this one"
            )
        return "complete"

    def write(
        self,
        key: FoldKey,
        config: Mapping,
        result: Mapping,
        predictions: Mapping[str, np.ndarray],
        save: Callable[[pathlib.Path], None] | None = None,
    ) -> pathlib.Path:
        """Stores a finished fold, whole or not at all; returns its folder.

        Args:
            key: The fold.
            config: Its configuration, JSON-able.
            result: Metrics, timings, provenance; JSON-able, without NaN.
            predictions: `y_true` `(n,)`, `probabilities` `(n, K)` or `y_pred`
                `(n,)`, `subject` `(n,)` and `window_id` `(n,)`.
            save: Called with the folder to write further files into.

        Raises:
            ConfigurationError: The fold is there from another configuration.
            KerasPainError: The folder cannot be written; nothing of this fold
                is left then.
            ValueError: An array holds objects.
        """
        arrays = npz_bytes({_SIMULATED: self.simulated, **predictions})
        record = {
            "format": _FORMAT,
            "key": dataclasses.asdict(key),
            "config": config,
            "config_sha256": config_hash(config),
            "result": result,
            _SIMULATED: self.simulated,
        }
        canonical_json(record)  # fails before a folder is there

        def fill(folder):
            if save is not None:
                save(folder)
            (folder / PREDICTIONS_FILE).write_bytes(arrays)
            record["files"] = {
                path.relative_to(folder).as_posix(): {
                    "bytes": path.stat().st_size,
                    "sha256": sha256_of(path),
                }
                for path in sorted(folder.rglob("*"))
                if path.is_file()
            }
            text = _dumps(record, indent=1) + "\n"
            (folder / RESULT_FILE).write_text(text, encoding="utf-8")

        return write_folder(
            self.path(key),
            fill,
            is_complete=lambda: self.status(key, config) == "complete",
        )

    def read(self, key: FoldKey) -> FoldResult:
        """A finished fold, its predictions checked against their checksum.

        Raises KerasPainError where it is missing or damaged.
        """
        folder = self.path(key)
        if (record := self._record(key)) is None:
            text = f"{folder}: there is no finished fold here; run it again"
            raise errors.KerasPainError(text)
        path = folder / PREDICTIONS_FILE
        cure = f"delete {folder} and run the fold again"
        with errors.reading(path, "holds no predictions", cure):
            if sha256_of(path) != record["files"][PREDICTIONS_FILE]["sha256"]:
                problem = "was changed after it was written"
                raise errors.BadFileError(path, problem, cure)
            with np.load(path, allow_pickle=False) as arrays:
                predictions = dict(arrays)
            predictions.pop(_SIMULATED, None)
            _check(predictions)
        config, result = record["config"], record["result"]
        return FoldResult(key, config, result, predictions, folder)

    def completed(self) -> list[FoldKey]:
        """Keys of all finished folds, sorted; damaged ones are warned of."""
        keys = []
        for path in self.root.glob(f"folds/*/*/*/seed*/*/{RESULT_FILE}"):
            parts = path.relative_to(self.root).parts[1:-1]
            *names, seed, fold = map(urllib.parse.unquote, parts)
            try:
                key = FoldKey(*names, int(seed.removeprefix("seed")), fold)
            except ValueError:
                continue  # not written by a store, or not yet whole
            if self.path(key) == path.parent and self.contains(key):
                keys.append(key)
        return sorted(keys)

    def _record(self, key):
        """The fold's result.json, or None where it is missing or damaged."""
        folder = self.path(key)
        try:
            text = (folder / RESULT_FILE).read_bytes()
            record = json.loads(text, parse_constant=_refuse_nan)
            if record["format"] != _FORMAT:
                raise ValueError("another format")
            if record["key"] != dataclasses.asdict(key):
                raise ValueError(f"{RESULT_FILE} is of {record['key']}")
            told = {**record["config"], **record["result"]}
            if not isinstance(told.get("defects", []), list):
                raise ValueError("defects is no list")
            for part, name, kind in _ENTRIES:
                value = (told.get(part) or {}).get(name)
                if not isinstance(value, kind | None):
                    raise ValueError(f"{part}.{name} is {value!r}")
            record["config_sha256"]
            record["files"][PREDICTIONS_FILE]["sha256"]
            for name, entry in record["files"].items():
                if (size := (folder / name).stat().st_size) != entry["bytes"]:
                    raise ValueError(f"{name} has {size} bytes")
            return record
        except (FileNotFoundError, NotADirectoryError) as error:
            if not folder.exists():
                return None
            problem = f"{pathlib.Path(error.filename).name} is not there"
        except OSError as error:
            raise errors.KerasPainError(
                f"{folder}: cannot be read ({error.strerror}); check the "
                "permissions of the results folder"
            ) from error
        except (
            *(ValueError, LookupError, TypeError, AttributeError),
            *(ArithmeticError, RecursionError),
        ) as error:
            problem = " ".join(f"{type(error).__name__}: {error}".split())
        said = "%s: damaged fold, counted as missing (%s)"
        _LOG.warning(said, folder, problem)
        return None


def _refuse_nan(text):
    raise ValueError(f"{text} is no JSON")


def _check(predictions):
    """Raises ValueError where arrays are not those that a fold stores."""
    if "y_true" not in predictions:
        raise ValueError("a copy that was shared without labels")
    if not predictions.keys() & {"probabilities", "y_pred"}:
        raise ValueError("no predictions")
    count = len(predictions["y_true"])
    for name, array in predictions.items():
        text = name in ("subject", "window_id")
        fits = array.ndim == (2 if name == "probabilities" else 1)
        fits = fits and len(array) == count
        if not (fits and (text or np.isfinite(array).all())):
            raise ValueError(f"{name} is {array.dtype} {array.shape}")
    if (found := predictions.get("probabilities")) is not None:
        check_probabilities(predictions["y_true"], found, found.shape[1])


def canonical_json(value) -> str:
    """One text for equal values: sorted keys, no spaces, no NaN.

    Tuples and NumPy numbers count as lists and numbers.
    """
    return _dumps(value, separators=(",", ":"))


def config_hash(config: Mapping) -> str:
    """sha256 (hex) of the configuration's canonical JSON."""
    return hashlib.sha256(canonical_json(config).encode()).hexdigest()


def first_difference(old: Mapping, new: Mapping) -> str:
    """The first entry in which two settings differ, "" where none does."""
    old, new = (_flat(json.loads(canonical_json(of))) for of in (old, new))
    for name in sorted(old.keys() | new.keys()):
        pair = [of.get(name, "(unset)") for of in (old, new)]
        if pair[0] != pair[1]:
            cut = [t if len(t) <= 60 else t[:57] + "..." for t in pair]
            return f"{name}: {cut[0]} -> {cut[1]}"
    return ""


def _flat(value, prefix=""):
    """JSON texts of the leaves of nested dicts and lists, by dotted name."""
    if isinstance(value, list):
        value = dict(enumerate(value)) or value
    if not isinstance(value, dict) or not value:
        return {prefix: json.dumps(value)}
    flat = {}
    for name, inner in value.items():
        flat |= _flat(inner, f"{prefix}.{name}" if prefix else str(name))
    return flat


def _dumps(value, **layout):
    def plain(value):
        if isinstance(value, np.ndarray | np.generic):
            return value.tolist()
        raise TypeError(f"not JSON-able: {value!r} ({type(value).__name__})")

    settings = {"sort_keys": True, "allow_nan": False, "default": plain}
    return json.dumps(value, **settings, **layout)
