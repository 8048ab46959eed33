"""Errors that a user can cure; every command prints them as one line."""

import os
from collections.abc import Iterable


class KerasPainError(Exception):
    """A problem with what the user gave; its text says what to do about it."""


class BadFileError(KerasPainError):
    """A raw file that cannot be used.

    Args:
        path: The file.
        problem: What is wrong with it, as a phrase.
        cure: What the user can do, as a phrase.
        rule: Name of the rule that refused it, for reports.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        problem: str,
        cure: str,
        rule: str = "bad_file",
    ):
        self.path = os.fspath(path)
        self.problem = problem
        self.cure = cure
        self.rule = rule
        super().__init__(self.path, problem, cure)

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}; {self.cure}"


class ConfigurationError(KerasPainError):
    """Flags, arguments or an existing results folder that do not fit."""


def check_choice(name: str, value: str, known: Iterable[str]) -> None:
    """Raises ConfigurationError where a setting is none of the known values."""
    if value not in known:
        raise ConfigurationError(
            f"{name} must be one of {', '.join(known)}; got {value!r}"
        )
