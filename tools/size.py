#!/usr/bin/env python3
"""Prints the size of the suite: files, lines and tokens of each part.

    python tools/size.py            # the whole, part by part
    python tools/size.py --check    # exits 1 where a budget is exceeded

Tokens are Python's, without comments and layout (line ends, indentation); a
docstring is one token.
"""

import pathlib
import sys
import tokenize

ROOT = pathlib.Path(__file__).resolve().parents[1]
PARTS = ("keras_pain", "tfds_builders", "reproduce", "benchmarks", "tests")
# Most lines, files and tokens of a part.
BUDGETS = {"keras_pain": (37_500, 160, 150_000), "tests": (16_500, None, None)}
_LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


def size_of(paths) -> tuple[int, int, int]:
    """Lines, files and tokens of Python files."""
    lines = tokens = files = 0
    for path in paths:
        with open(path, "rb") as stream:
            tokens += sum(
                token.type not in _LAYOUT
                for token in tokenize.tokenize(stream.readline)
            )
        lines += len(path.read_bytes().splitlines())
        files += 1
    return lines, files, tokens


def main() -> int:
    """Prints the table; returns the exit code."""
    too_big = []
    print(f"{'part':32}{'lines':>8}{'files':>7}{'tokens':>9}")
    for part in PARTS:
        whole = size_of(sorted((ROOT / part).rglob("*.py")))
        print(f"{part:32}{whole[0]:8,}{whole[1]:7}{whole[2]:9,}")
        for found, budget, of in zip(
            whole,
            BUDGETS.get(part, ()),
            ("lines", "files", "tokens"),
            strict=False,
        ):
            if budget is not None and found > budget:
                too_big.append(f"{part} has {found:,} {of}, {budget:,} allowed")
        if part == "keras_pain":
            for folder in sorted(p for p in (ROOT / part).iterdir()):
                if folder.is_dir() and list(folder.rglob("*.py")):
                    inside = size_of(sorted(folder.rglob("*.py")))
                    name = f"  {folder.name}/"
                    print(f"{name:32}{inside[0]:8,}{inside[1]:7}{inside[2]:9,}")
    print(*too_big, sep="\n")
    return 1 if too_big and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
