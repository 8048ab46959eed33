"""Errors that a user can cure; every command prints them as one line."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator


class KerasPainError(Exception):
    """A problem with what the user gave; its text says what to do about it."""


class BadFileError(KerasPainError):
    """A raw file that cannot be used.

    The problem and the cure, what the user can do, are phrases; the rule is the
    name, for reports, of the one that refused it.
    """

    def __init__(self, path, problem: str, cure: str, rule: str = "bad_file"):
        self.path = os.fspath(path)
        self.problem, self.cure, self.rule = problem, cure, rule
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
    A lack of memory is called that: the file may be sound.
    """
    try:
        yield
    except KerasPainError:
        raise
    except Exception as error:
        kind = type(error).__name__
        words = getattr(error, "strerror", None) or str(error)
        words = " ".join(words.split())[:200]
        why = f"{problem} ({kind}: {words})"
        if kind in (
            "MemoryError",
            "ResourceExhaustedError",
            "OutOfMemoryError",
        ):
            why, cure = f"there is too little memory ({kind})", "free some"
        raise BadFileError(path, why, cure, rule) from error


class ConfigurationError(KerasPainError):
    """Flags, arguments or an existing results folder that do not fit."""


def check_choice(name: str, value: str, known: Iterable[str]) -> None:
    """Raises ConfigurationError where a setting is none of the known values."""
    if value not in known:
        problem = f"{name} must be one of {', '.join(known)}; got {value!r}"
        raise ConfigurationError(problem)


def expanded(text: str) -> str:
    """A path as a user typed it, with the home folder for `~`.

    Shells leave it in `--flag=~/x`, and in `csv:~/x` anywhere.
    """
    kind, colon, place = text.rpartition(":~")
    if colon and kind.isalpha():
        return f"{kind}:{os.path.expanduser('~' + place)}"
    return os.path.expanduser(text)


def exit_code(run: Callable[[], int | None], name: str) -> int:
    """The boundary of a program: what a user can cure is one line.

    Runs it and returns its exit code, 1 after an error, which is printed
    behind `name`. Names that the user's locale cannot show are escaped.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # notebooks have others
            stream.reconfigure(errors="backslashreplace")
    try:
        return run() or 0
    except BrokenPipeError:  # the reader of our output, e.g. `head`, left
        sys.stderr.close()
        return 1
    except KerasPainError as error:
        text = str(error)
    except OSError as error:  # e.g. a name of 300 characters
        if error.filename is None:
            raise
        text = f"{error.filename}: {error.strerror}; give another path"
    print(f"{name}: {' '.join(text.split())}", file=sys.stderr)
    return 1
