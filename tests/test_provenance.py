"""Where a run comes from, and what is held back when it starts."""

import json
import subprocess
import sys

import numpy as np
import pytest

from keras_pain.experiments import provenance
from keras_pain.reports.table import Scores, software_remarks

CODE = """
import os
from keras_pain.experiments.provenance import quiet_start

with quiet_start():
    os.write(2, b"a remark of a library")
    {then}
os.write(2, b"after")
"""


@pytest.mark.parametrize("then", ["pass", "raise ImportError('broken')"])
def test_remarks_are_held_back_unless_there_is_an_error(then):
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(then=then)],
        capture_output=True,
        text=True,
    )
    if then == "pass":
        assert done.returncode == 0 and done.stderr == "after"
    else:
        assert done.returncode == 1
        assert "a remark of a library" in done.stderr
        assert "ImportError: broken" in done.stderr


def test_environment_names_versions_and_hardware():
    found = provenance.environment()
    json.dumps(found)
    assert found["versions"]["numpy"] == np.__version__
    assert found["versions"]["keras"] and found["backend"]
    assert found["cpu"] in found["hardware"]
    assert found["cores"] >= 1
    found["versions"]["numpy"] = "changed"
    assert provenance.environment()["versions"]["numpy"] == np.__version__


def test_folds_of_two_states_of_the_sources_are_noted(tmp_path, monkeypatch):
    one = provenance.environment()
    (tmp_path / "a.py").write_text("one")
    monkeypatch.setattr(provenance, "_SOURCES", tmp_path)
    two = provenance._environment.__wrapped__()
    assert len({len(e["sources_sha256"]) for e in (one, two)} - {64}) == 0
    assert "sources_sha256" not in str(one["versions"])  # no configuration

    def remarks(*environments):
        found = Scores(None, None, {}, list(environments), "")
        return [r for r in software_remarks(found) if "states of" in r]

    assert remarks(one, one) == remarks(two) == []
    assert len(remarks(one, two)) == 1
    assert one["sources_sha256"][:12] in remarks(one, two)[0]
    assert "unknown" in remarks(one, {"hardware": "of an older fold"})[0]


def test_git_commit_is_empty_outside_of_the_repository(monkeypatch):
    monkeypatch.setattr(provenance, "_git", lambda root, *_: "/elsewhere")
    assert provenance._git_commit() == ""
