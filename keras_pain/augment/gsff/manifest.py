"""The folder of a run: pictures, settings, and one line a picture.

    <output>/
        run.json            settings; another run's are refused
        manifest.jsonl      a line for every picture, good or rejected
        images/             the good ones
        rejected/           those in which the check missed the face
        summary.json        counts, rejects and frames that were passed over
        contact_sheet.png

Of simulated frames the folders are called `images_SIMULATED` and so on.
A picture is on the disk before its line, and both before the next picture: a
run that is killed goes on where it was.
"""

import hashlib
import json
import os
import pathlib
import secrets
from collections.abc import Mapping

from keras_pain.errors import BadFileError, ConfigurationError, KerasPainError

RUN_FILE, MANIFEST_FILE = "run.json", "manifest.jsonl"
SUMMARY_FILE = "summary.json"
SIMULATED = "SIMULATED"
FORMAT = 1
GOOD, REJECTED = "good", "rejected"

Key = tuple[str, int]
_ANOTHER = "choose another --output or delete this one"


class OutputFolder:
    """What a run has put out so far, and the way to add to it.

    Args:
        path: The folder.
        settings: All that decides what the pictures look like, JSON-able.
        simulated: Whether the frames are simulated.
        versions: Of the software, for the record only.

    Raises:
        ConfigurationError: The folder holds other files, or pictures of a
            run with other settings.
        KerasPainError: It cannot be written to.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        settings: Mapping,
        *,
        simulated: bool = False,
        versions: Mapping[str, str] | None = None,
    ):
        self.path = pathlib.Path(path)
        self.simulated = simulated
        settings = json.loads(json.dumps(dict(settings)))  # as it is read back
        run = {
            "format": FORMAT,
            "settings": settings,
            "simulated": simulated,
            "begun_with": dict(versions or {}),
        }
        if not _is_empty(self.path):
            self._check(run)
        else:
            write_file(self.path / RUN_FILE, _json(run))
        self.lines = _repaired(self.path / MANIFEST_FILE)

    def _check(self, run: dict) -> None:
        old = read_run(self.path)
        there = {**old["settings"], "simulated": old["simulated"]}
        here = {**run["settings"], "simulated": run["simulated"]}
        difference = _difference(there, here)
        if difference:
            raise ConfigurationError(
                f"{self.path}: holds the pictures of another run: "
                f"{difference}; {_ANOTHER}"
            )

    def finished(self) -> dict[Key, dict]:
        """Lines by source and number of the copy, if their file is there."""
        return {
            (line["source"], line["copy"]): line
            for line in self.lines
            if (self.path / line["file"]).is_file()
        }

    def add(self, line: dict, coded: bytes) -> dict:
        """Stores a picture and its line.

        Args:
            line: Provenance; has `source`, `copy` and `status`.
            coded: The picture as PNG.

        Returns:
            The line with `file` and `sha256`.

        Raises:
            KerasPainError: The folder cannot be written to.
        """
        kind = "images" if line["status"] == GOOD else "rejected"
        folder = f"{kind}_{SIMULATED}" if self.simulated else kind
        file = f"{folder}/{line['source']}_{line['copy']:02d}.png"
        digest = hashlib.sha256(coded).hexdigest()
        line = {"file": file, "sha256": digest, **line}
        write_file(self.path / file, coded)
        text = json.dumps(line, allow_nan=False) + "\n"
        try:
            with open(self.path / MANIFEST_FILE, "ab") as stream:
                stream.write(text.encode())
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise _unwritable(self.path / MANIFEST_FILE, error) from error
        self.lines.append(line)
        return line

    def write_summary(self, summary: Mapping) -> None:
        """Writes or replaces `summary.json`."""
        write_file(self.path / SUMMARY_FILE, _json(summary))


def read_run(folder: str | os.PathLike) -> dict:
    """The settings of a run.

    Args:
        folder: Its folder.

    Returns:
        `settings`, `simulated` and `begun_with`.

    Raises:
        ConfigurationError: The folder is none of a run.
    """
    path = pathlib.Path(folder) / RUN_FILE
    try:
        run = json.loads(path.read_bytes())
        fits = run["format"] == FORMAT
        fits = fits and isinstance(run["settings"], dict)
        fits = fits and isinstance(run["simulated"], bool)
    except (OSError, ValueError, KeyError, TypeError):
        fits = False
    if not fits:
        raise ConfigurationError(
            f"{folder}: holds other files and no {RUN_FILE} of this command; "
            f"{_ANOTHER}"
        )
    return run


def read_lines(path: pathlib.Path) -> tuple[list[dict], int]:
    """The whole lines of a manifest.

    Args:
        path: The file; none counts as empty.

    Returns:
        The lines, and how many bytes they take: a last line that a killed
        run left unfinished is not among them.

    Raises:
        BadFileError: Another line is damaged.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return [], 0
    except OSError as error:
        raise BadFileError(
            path, f"cannot be read ({error.strerror})", "see who may read it"
        ) from error
    whole = content.rfind(b"\n") + 1
    lines = []
    for number, text in enumerate(content[:whole].splitlines(), 1):
        try:
            line = json.loads(text)
            line["source"], line["copy"], line["file"], line["status"]
        except (ValueError, KeyError, TypeError) as error:
            raise BadFileError(
                path,
                f"line {number} is damaged",
                "delete this line; its picture is made anew",
            ) from error
        lines.append(line)
    return lines, whole


def write_file(path: pathlib.Path, content: bytes) -> None:
    """Writes or replaces a file, whole or not at all.

    The results store does the same, but is above this package.

    Args:
        path: The file; its folder is made.
        content: Its bytes.

    Raises:
        KerasPainError: It cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise _unwritable(path, error) from error


def _repaired(path: pathlib.Path) -> list[dict]:
    lines, whole = read_lines(path)
    try:
        if path.exists() and path.stat().st_size > whole:
            os.truncate(path, whole)
    except OSError as error:
        raise _unwritable(path, error) from error
    return lines


def _is_empty(folder: pathlib.Path) -> bool:
    if not folder.exists():
        return True
    if not folder.is_dir():
        raise ConfigurationError(f"{folder}: is a file; {_ANOTHER}")
    # A run that was killed while it wrote its first file left a temporary.
    return all(path.suffix == ".tmp" for path in folder.iterdir())


def _difference(there: dict, here: dict, name: str = "") -> str:
    for key in sorted({*there, *here}):
        old, new = there.get(key), here.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            if inner := _difference(old, new, f"{name}{key}."):
                return inner
        elif old != new:
            return f"{name}{key} {old!r} there, {new!r} now"
    return ""


def _json(value: Mapping) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()


def _unwritable(path: pathlib.Path, error: OSError) -> KerasPainError:
    return KerasPainError(
        f"{path}: cannot be written ({error.strerror or error}); free some "
        "space or choose another --output; the same command goes on from what "
        "is there"
    )
