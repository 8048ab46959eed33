"""`keras-pain all`: every script of `reproduce/`, and a page on the results.

A script is run once for each corpus that it names, in a process of its own: on
the raw files where a folder of that name is given, else on a simulated corpus,
and not at all where nothing simulates it.
"""

import ast
import json
import os
import pathlib
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich import progress
from rich.console import Console

import keras_pain
from keras_pain.corpora.base import CORPORA
from keras_pain.errors import ConfigurationError, KerasPainError
from keras_pain.io import write_file
from keras_pain.reports import leakage, page
from keras_pain.simulate import simulator_of

DATA = "KERAS_PAIN_DATA"  # variable with the folder of all corpora
OUT = "results"  # where scripts write without --results_dir
AUDIT = "audit"
_TIMES = "times.json"
# A drawing without results, and what has no recordings of its own.
_NOT_RUN = ("figure_", "own_data")


class Job(NamedTuple):
    """A script on a corpus: its command, or why it is skipped."""

    name: str
    script: str
    command: tuple[str, ...]
    skipped: str = ""


def jobs(
    scripts: pathlib.Path,
    data: pathlib.Path | None,
    *,
    out: str = OUT,
    smoke: bool = False,
    flags: Sequence[str] = (),
) -> list[Job]:
    """What there is to run, in order: tables, ledgers, boards, open data.

    `scripts` is the folder `reproduce`, `data` one whose folders have the names
    of corpora; `smoke` only shows that all of it works, further `flags` are for
    scripts that train. Raises ConfigurationError where there are no scripts.
    """
    command = (sys.executable, "-m", "keras_pain.cli", "audit")
    found = [Job(AUDIT, AUDIT, (*command, f"--out={pathlib.Path(out, AUDIT)}"))]
    for path in sorted(scripts.glob("*.py"), key=_order):
        if not path.stem.startswith(_NOT_RUN):
            found += _of_script(path, data, out, smoke, tuple(flags))
    if len(found) == 1:
        raise ConfigurationError(
            f"{scripts}: holds no script; run this in a clone of the project's "
            "repository"
        )
    return found


def _order(path):
    first, number = re.match(r"([a-z]+)(\d*)", path.stem).groups()
    kinds = ("table", "leaks", "leaderboard", "open")
    kind = kinds.index(first) if first in kinds else len(kinds)
    return kind, int(number or 0), path.stem


def _of_script(path, data, out, smoke, flags):
    """A job for each corpus that a script names; one where it needs none."""
    nodes = [*ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    texts = [n.value for n in nodes if isinstance(n, ast.Constant)]
    corpora = dict.fromkeys(t for t in texts if t in (*CORPORA,))
    names = {n.arg for n in nodes if isinstance(n, ast.keyword)}
    names |= {n.id for n in nodes if isinstance(n, ast.Name)}
    chooses = not names.isdisjoint({"choose_corpus", "define_corpus"})
    for corpus in corpora or (None,):
        name = f"{path.stem}_{corpus}" if chooses else path.stem
        command = [sys.executable, str(path), *["--smoke"] * smoke]
        if out != OUT:
            folder = f"{name}_smoke" if smoke else name
            command.append(f"--results_dir={pathlib.Path(out, folder)}")
        if chooses:
            command.append(f"--corpus={corpus}")
        raw, why = data and corpus and data / corpus, ""
        if raw and raw.is_dir():
            command.append(f"--manual_dir={raw}")
        elif corpus:
            try:
                simulator_of(corpus)
            except ConfigurationError:
                where = f"in {data}" if data else "as no folder is given"
                why = f"needs the folder {corpus}/, {where}; see tfds_builders/"
                why += f"{corpus}/README.md, and give --manual_dir"
        command += flags if corpus else ()
        yield Job(name, path.stem, tuple(command), why)


def chosen(found: Sequence[Job], only: Sequence[str] | None) -> list[Job]:
    """Those of these names, or of these scripts; all without any.

    Raises ConfigurationError at a name of none.
    """
    known = {name for job in found for name in (job.name, job.script)}
    for name in only or ():
        if name not in known:
            problem = f"--only: there is no {name}"
            told = f"there are {', '.join(job.name for job in found)}"
            raise ConfigurationError(f"{problem}; {told}")
    wanted = set(only or known)
    return [job for job in found if wanted & {job.name, job.script}]


def run_all(
    only: Sequence[str] | None = None,
    *,
    out: str = OUT,
    manual_dir: str | None = None,
    smoke: bool = False,
    flags: Sequence[str] = (),
) -> int:
    """Runs or resumes everything, then writes the page; returns the exit code.

    It goes on past what fails, names it at the end and returns 1. `manual_dir`
    is the folder of all corpora, else what KERAS_PAIN_DATA says; see `jobs`.
    """
    scripts = pathlib.Path("reproduce")
    if not scripts.is_dir():
        scripts = pathlib.Path(keras_pain.__file__).parents[1] / "reproduce"
    if odd := [flag for flag in flags if not flag.startswith("--")]:
        problem = f"{odd[0]!r} is no flag of the scripts"
        raise ConfigurationError(f"{problem}; name scripts with --only")
    data = manual_dir or os.environ.get(DATA) or None
    if data and not os.path.isdir(data):
        raise ConfigurationError(
            f"{data}: no such folder; give one with --manual_dir or {DATA}"
        )
    data = data and pathlib.Path(data).resolve()
    found = jobs(scripts, data, out=out, smoke=smoke, flags=flags)
    wanted = chosen(found, only)
    todo = [job for job in wanted if not job.skipped]
    console = Console(stderr=True, markup=False, highlight=False)
    record = pathlib.Path(out, _TIMES)
    key = "smoke" if smoke else "whole"
    times = _times(record, key)
    for job in wanted:
        if job.skipped:
            console.print(f"skipped: {job.name}: {job.skipped}")
    console.print(f"{len(todo)} to run: {_left(todo, times)}")
    failed = {}
    try:
        with _bar(console) as bar:
            task = bar.add_task("", total=len(todo), left="")
            for number, job in enumerate(todo):
                begin, left = time.monotonic(), todo[number:]

                def show(line, job=job, left=left, begin=begin):
                    spent = time.monotonic() - begin
                    text = f"{job.name} {line}"[:70]
                    more = _left(left, times, spent)
                    bar.update(task, description=text, left=more)

                log = pathlib.Path(out, "logs", f"{job.name}.log")
                code, last = _run(job, log, show)
                seconds = time.monotonic() - begin
                said = f"ended after {_spelt(seconds)}"
                if code:
                    failed[job.name] = said = f"{last}; see {log}"
                else:
                    times[job.name] = round(seconds, 1)
                    told = dict(_read(record)) | {key: times}
                    write_file(record, json.dumps(told, indent=1).encode())
                bar.update(task, advance=1)
                place = f"{number + 1}/{len(todo)}"
                console.print(f"{place} {job.name}: {said}", soft_wrap=True)
    except KeyboardInterrupt:
        console.print(
            "interrupted: what is finished is kept, the same command goes on "
            "from there"
        )
        return 130
    try:
        for run in sorted(pathlib.Path(out).rglob("run.json")):
            if any(run.parent.glob("folds/*")):
                leakage.write_sheet(run.parent)
        print(page.write([out], pathlib.Path(out, "report", "index.html")))
    except KerasPainError as error:
        failed["page"] = str(error)
    for name, why in failed.items():
        console.print(f"failed: {name}: {why}", soft_wrap=True)
    return 1 if failed else 0


def _bar(console):
    """One line for all, on a terminal."""
    return progress.Progress(
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.description}", markup=False),
        progress.TimeElapsedColumn(),
        progress.TextColumn("{task.fields[left]}", markup=False),
        console=console,
        disable=not console.is_terminal,
    )


def _run(job, log, show):
    """Runs a job, shows its last line; returns its exit code and that line."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "wb") as stream:
        outputs = {"stdout": stream, "stderr": subprocess.STDOUT}
        process = subprocess.Popen(job.command, **outputs)
        while process.poll() is None:
            show(_last(log))
            time.sleep(0.5)
    return process.returncode, _last(log) or f"exit {process.returncode}"


def _last(log):
    with open(log, "rb") as stream:
        stream.seek(max(log.stat().st_size - 2000, 0))
        lines = stream.read().decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in lines[::-1] if line.strip()), "")


def _times(record, key) -> dict[str, float]:
    """Seconds by job: of the last run here, else of docs/measured_2026-11."""
    measured = _read(pathlib.Path(__file__).with_name(_TIMES))
    return dict(measured.get(key, {})) | dict(_read(record).get(key, {}))


def _read(path) -> Mapping:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # only times: whoever lost them waits without an estimate


def _left(todo, times, spent=0.0):
    """About how long jobs take, and of how many that is not known."""
    known = [times[job.name] for job in todo if job.name in times]
    unknown = len(todo) - len(known)
    text = f"about {_spelt(max(sum(known) - spent, 0))} left" if known else ""
    if unknown:
        text += f"{', ' * bool(text)}{unknown} of unknown length"
    return text or "nothing"


def _spelt(seconds):
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
