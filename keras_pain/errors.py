"""Errors that a user can cure; every command prints them as one line."""

import contextlib
import os
from collections.abc import Iterable, Iterator


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


@contextlib.contextmanager
def reading(
    path: str | os.PathLike,
    problem: str = "cannot be read",
    cure: str = "copy it anew",
    rule: str = "bad_file",
) -> Iterator[None]:
    """The boundary of a reader: only the suite's own errors pass.

    A library that parses a damaged file may raise anything. Whatever is raised
    inside becomes a BadFileError that names the file and the library's words.
    """
    try:
        yield
    except KerasPainError:
        raise
    except Exception as error:
        words = " ".join(str(error).split())[:200]
        why = f"{problem} ({type(error).__name__}: {words})"
        raise BadFileError(path, why, cure, rule) from error


class ConfigurationError(KerasPainError):
    """Flags, arguments or an existing results folder that do not fit."""


def check_choice(name: str, value: str, known: Iterable[str]) -> None:
    """Raises ConfigurationError where a setting is none of the known values."""
    if value not in known:
        raise ConfigurationError(
            f"{name} must be one of {', '.join(known)}; got {value!r}"
        )
