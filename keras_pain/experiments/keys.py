"""What identifies a fold: its key and its configuration."""

import dataclasses
import hashlib
import json
import pathlib
import urllib.parse
from collections.abc import Mapping

import numpy as np


@dataclasses.dataclass(frozen=True, order=True)
class FoldKey:
    """The identity of one fold.

    Args:
        evaluation: How people are split: `"holdout"` or `"loso"`.
        protocol: `"as_published"` or `"leak_free"`.
        method: Name of the method, e.g. `"alanet"`.
        seed: Random seed, at least 0.
        fold: Name of the fold, e.g. the left-out subject.
    """

    evaluation: str
    protocol: str
    method: str
    seed: int
    fold: str

    def __post_init__(self):
        for name in ("evaluation", "protocol", "method", "fold"):
            value = getattr(self, name)
            if not isinstance(value, str) or value.strip(". ") != value:
                raise ValueError(f"{name} is no name for a folder: {value!r}")
            if not value:
                raise ValueError(f"{name} is empty in {self}")
        if type(self.seed) is not int or self.seed < 0:
            raise ValueError(f"seed must be an integer >= 0, got {self.seed!r}")

    @property
    def path(self) -> pathlib.PurePosixPath:
        """The fold's folder, relative to the store."""
        parts = (self.evaluation, self.protocol, self.method)
        return pathlib.PurePosixPath(
            "folds",
            *(urllib.parse.quote(part, safe="") for part in parts),
            f"seed{self.seed}",
            urllib.parse.quote(self.fold, safe=""),
        )


def canonical_json(value) -> str:
    """One text for equal values: sorted keys, no spaces, no NaN.

    Args:
        value: JSON-able; tuples and NumPy numbers count as lists and numbers.

    Returns:
        The text.
    """
    return json.dumps(
        value,
        sort_keys=True,
        separators=(",", ":"),
        allow_nan=False,
        default=plain,
    )


def config_hash(config: Mapping) -> str:
    """sha256 (hex) of the configuration's canonical JSON."""
    return hashlib.sha256(canonical_json(config).encode()).hexdigest()


def first_difference(old: Mapping, new: Mapping) -> str:
    """The first setting, by name, in which two configurations differ.

    Args:
        old: A configuration as read from JSON.
        new: A configuration.

    Returns:
        `"dotted.name: old -> new"`.
    """
    old, new = _flat(old), _flat(json.loads(canonical_json(new)))
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name, "(unset)"), new.get(name, "(unset)")
        if before != after:
            return f"{name}: {_short(before)} -> {_short(after)}"
    return "only the order or type of values differs"


def _flat(value, prefix: str = "") -> dict:
    """Leaves of nested dicts and lists by their dotted names."""
    if isinstance(value, dict) and value:
        items = value.items()
    elif isinstance(value, list) and value:
        items = enumerate(value)
    else:
        return {prefix: json.dumps(value)}
    flat = {}
    for name, inner in items:
        flat.update(_flat(inner, f"{prefix}.{name}" if prefix else str(name)))
    return flat


def _short(text: str, length: int = 60) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."


def plain(value):
    """NumPy arrays and numbers as lists and Python numbers, for `json`."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"not JSON-able: {value!r} ({type(value).__name__})")
