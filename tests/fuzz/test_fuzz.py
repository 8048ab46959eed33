"""A few hundred mutations of every kind of file; more by hand."""

import subprocess
import sys

from conftest import ROOT


def test_damaged_files_are_read_or_refused_in_the_suites_own_words():
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--n=300", "--seed=1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    assert "all 300 (" in last and " 0 escapes), most memory" in last
