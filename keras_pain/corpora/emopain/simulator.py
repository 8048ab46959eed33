"""Writes simulated EmoPain releases, file by file as their owners lay them out.

The real recordings are under a signed agreement. This simulator lets the way
from raw file to table run anywhere: people of their own size, tempo and habit
move a 26-joint skeleton through the exercises of the corpus; patients protect
themselves; muscles follow the load; four raters disagree. It is no substitute
for the corpus: numbers obtained on it say nothing about people.

Planted oddities (`simulation.quirks`), listed file by file in the
`SIMULATED.txt` of each folder:

- every fame file: NaN in the first energy row; one with surplus columns; one
  patient without sEMG (at scale "full" in all layouts);
- every layout: one MATLAB 7.3 file, one file whose skeleton collapses at the
  end, single-row flicker of the activity label in every third file;
- coordinates at scale "full": some files with 104 columns, some patients with
  pain level -1.
"""

import os
import sys
from pathlib import Path

from keras_pain.corpora.emopain.layout import LAYOUTS, Challenge, Fame
from keras_pain.corpora.emopain.simulation.matfiles import (
    MARKER,
    is_simulated,
    write_mat,
)
from keras_pain.corpora.emopain.simulation.people import Person, cast, ids_of
from keras_pain.corpora.emopain.simulation.performance import perform
from keras_pain.corpora.emopain.simulation.quirks import (
    QUIRKS,
    planted_quirks,
    spoiled,
)
from keras_pain.corpora.emopain.simulation.tables import table_of
from keras_pain.errors import ConfigurationError, KerasPainError

NOTE = "SIMULATED.txt"
# The variable's name differs from file to file in the full release.
_FAME_NAMES = ("{stem}", "data_{id}", "{id}{difficulty}_all", "{id}_new")


def simulate(
    out: str | os.PathLike,
    *,
    layout: str = "all",
    scale: str = "small",
    seed: int = 0,
    subjects: int | None = None,
    with_test: bool = False,
    progress: bool = True,
) -> list[Path]:
    """Writes a simulated corpus: same arguments, same bytes.

    A person moves in the same way in every layout, but has another id in each,
    as in the real releases.

    Args:
        out: Folder to write into; every layout gets a sub-folder of its name.
        layout: One of `LAYOUTS`, or `"all"`.
        scale: `"small"`: 12 people, a recording of about 5,500 frames each;
            `"full"`: 30 people, 46 recordings, about 680,000 frames.
        seed: Seed of everything random, from 0.
        subjects: Limits the number of people (at least 4), keeping patients
            and healthy people in training and validation.
        with_test: Also write the `test` split of the coordinates and the
            challenge layout, which the owners withhold (scale "full" only;
            the full release has no splits and always holds everybody).
        progress: Show a progress bar when standard error is a terminal.

    Returns:
        The `.mat` files, sorted.

    Raises:
        ConfigurationError: An argument does not fit, or a folder already
            holds other `.mat` files.
        KerasPainError: A file could not be written.
    """
    if layout not in (*LAYOUTS, "all"):
        raise ConfigurationError(
            f"layout {layout!r} is unknown; use all, {', '.join(LAYOUTS)}"
        )
    if seed < 0:
        raise ConfigurationError(f"seed must be 0 or more, got {seed}")
    if with_test and scale != "full":
        raise ConfigurationError(
            "only scale 'full' has a test split; drop with_test or use it"
        )
    people = cast(scale, seed, subjects)
    layouts = LAYOUTS if layout == "all" else (layout,)
    plans = {
        name: _plan(Path(out), name, people, scale, seed, with_test)
        for name in layouts
    }
    for name, plan in plans.items():
        _refuse_others(Path(out) / name, plan)
    for name, plan in plans.items():
        folder = Path(out) / name
        _prepare(folder, plan, _note(folder, plan, scale, seed, subjects))
    keys = [
        (person, difficulty)
        for person in people
        for difficulty in person.difficulties
        if any((person.number, difficulty) in plan for plan in plans.values())
    ]
    for person, difficulty in _tracked(keys, progress):
        clean = perform(person, difficulty, scale, seed)
        for name, plan in plans.items():
            if (person.number, difficulty) not in plan:
                continue
            path, variable, quirks = plan[person.number, difficulty]
            recording = spoiled(clean, quirks, seed)
            write_mat(
                path,
                variable,
                table_of(recording, name, quirks),
                hdf5="matlab_7_3" in quirks,
            )
    return sorted(
        path for plan in plans.values() for path, _, _ in plan.values()
    )


def _plan(out, layout, people, scale, seed, with_test):
    """`(path, variable, quirks)` of every recording of a release."""
    ids = ids_of(cast(scale, seed), layout, seed)
    quirks = planted_quirks(people, layout, scale)
    plan = {}
    for person in people:
        if layout != "fame" and person.split == "test" and not with_test:
            continue
        for difficulty in person.difficulties:
            path, name = _place(
                out / layout, layout, person, ids[person.number], difficulty
            )
            key = (person.number, difficulty)
            plan[key] = (path, name, quirks[key])
    return plan


def _place(folder: Path, layout: str, person: Person, name: str, level: str):
    if layout != "fame":
        return folder / person.split / f"{name}{level}.mat", Challenge.key
    stem = f"{name}_{level}"
    pattern = _FAME_NAMES[person.number % len(_FAME_NAMES)]
    variable = pattern.format(stem=stem, id=name, difficulty=level)
    return folder / Fame.folders[person.group] / f"{stem}.mat", variable


def _refuse_others(folder, plan):
    """Never mixes with, or overwrites, other data."""
    paths = {path for path, _, _ in plan.values()}
    for path in sorted(folder.rglob("*.mat")) if folder.is_dir() else ():
        if path not in paths or not is_simulated(path):
            raise ConfigurationError(
                f"{folder} already holds other recordings ({path.name}); "
                f"choose another folder or empty this one"
            )


def _prepare(folder, plan, note):
    try:
        for parent in {path.parent for path, _, _ in plan.values()}:
            parent.mkdir(parents=True, exist_ok=True)
        (folder / NOTE).write_text(note, encoding="utf-8", newline="\n")
    except OSError as error:
        raise KerasPainError(
            f"{folder}: could not be written ({error.strerror or error}); "
            f"free space or choose another folder"
        ) from error


def _note(folder, plan, scale, seed, subjects):
    lines = [
        "SIMULATED, NOT REAL",
        "",
        "These files were written by the simulator of keras_pain. They have",
        "the layout of the EmoPain release named by this folder and hold no",
        "data of any person. Results obtained on them say nothing about",
        "people. Every file carries the words",
        f'"{MARKER}" in its header.',
        "",
        f"scale: {scale}; seed: {seed}; subjects: "
        f"{'all' if subjects is None else subjects}",
        "",
        "Oddities of the real files, planted on purpose:",
    ]
    for path, _, quirks in sorted(plan.values()):
        for quirk in quirks:
            name = path.relative_to(folder).as_posix()
            lines.append(f"- {name}: {quirk}: {QUIRKS[quirk]}")
    return "\n".join(lines) + "\n"


def _tracked(keys, progress):
    from rich.console import Console
    from rich.progress import track

    return track(
        keys,
        "Simulating EmoPain",
        console=Console(stderr=True),
        disable=not (progress and sys.stderr.isatty()),
    )
