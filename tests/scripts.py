"""Running the reproduce scripts, and reading what they declare and write."""

import csv
import functools
import importlib.util
import os
import subprocess
import sys

import pytest
from conftest import ROOT
from forks import Forks

from keras_pain.reproduction import Experiment

REPRODUCE = ROOT / "reproduce"
sys.path.append(str(REPRODUCE))  # a script may take another's table over
sys.path.append(str(ROOT / "benchmarks"))  # where `run` finds its rows
FORKS = Forks()
TABLES = sorted(path.stem for path in REPRODUCE.glob("table*.py"))


@functools.cache
def load_script(name, folder="reproduce"):
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(
        name, ROOT / folder / f"{name}.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def experiments_of(name) -> list[Experiment]:
    """The experiments that a script declares."""
    found = []
    for value in vars(load_script(name)).values():
        values = value if isinstance(value, list | tuple) else [value]
        found += [one for one in values if isinstance(one, Experiment)]
    return found


def run_script(name, *arguments, cwd, folder="reproduce", check=True, env=None):
    """Runs a script in a folder; fails with its output where it fails.

    In a fork of a process that has imported what scripts do, but with an
    environment of its own in a new one: Python reads it when it starts.
    """
    command = [ROOT / folder / f"{name}.py", *arguments]
    command = list(map(str, command))
    if env is None:
        done = FORKS.run(command, cwd)
    else:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=cwd,
            capture_output=True,
            text=True,
            env={**os.environ, **env},
        )
    if check:
        check_done(name, done)
    return done


def check_done(name, done):
    """Fails with a script's output where it failed."""
    if done.returncode:
        pytest.fail(f"{name} failed:\n{done.stdout}\n{done.stderr}")


def run_python(code, **options) -> str:
    """What a snippet prints; fails with its error where it fails."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, **options
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows_of(path):
    """Rows of a CSV file."""
    with open(path, newline="") as file:
        return list(csv.DictReader(file))
