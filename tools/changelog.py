#!/usr/bin/env python3
"""Fails where keras_pain has changed since the changelog's last line.

    python tools/changelog.py [FOLDER]    # of a clone; the working tree counts

Compared are the last commit that added a line under the heading "Unreleased"
and what is there now. A shallow clone knows its last commits only: what
changed before cannot be seen, and passes.
"""

import subprocess
import sys

PACKAGE, FILE = "keras_pain", "CHANGELOG.md"


def _git(folder, *arguments) -> str:
    command = ["git", "-C", folder, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=True
    ).stdout


def _unreleased(text: str) -> set[str]:
    """Lines under the heading, without blank ones."""
    _, _, part = text.partition("\n## Unreleased\n")
    return set(filter(str.strip, part.partition("\n## ")[0].splitlines()))


def last_said(folder: str) -> str | None:
    """The commit whose changelog the present one adds nothing to, if any.

    "" where the working tree itself adds a line; None without a history.
    """
    with open(f"{folder}/{FILE}", encoding="utf-8") as file:
        now = _unreleased(file.read())
    commits = _git(folder, "log", "--format=%H", "--", FILE).split()
    for newer, commit in zip(["", *commits], commits, strict=False):
        if now - _unreleased(_git(folder, "show", f"{commit}:{FILE}")):
            return newer
    return commits[-1] if commits else None


def main() -> int:
    """Returns the exit code."""
    folder = sys.argv[1] if len(sys.argv) > 1 else "."
    since = last_said(folder)
    if not since:
        return 0
    changed = _git(folder, "diff", "--name-only", since, "--", PACKAGE).split()
    new = ("ls-files", "--others", "--exclude-standard", "--", PACKAGE)
    changed += _git(folder, *new).split()
    if changed:
        print(
            f"{FILE}: {changed[0]} and {len(changed) - 1} more files changed "
            f"since its last line ({since[:12]}); say under Unreleased what "
            "that means for users",
            file=sys.stderr,
        )
    return bool(changed)


if __name__ == "__main__":
    sys.exit(main())
