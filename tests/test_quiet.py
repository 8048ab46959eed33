"""What is held back at start-up comes out when something breaks."""

import subprocess
import sys

CODE = """
import os
from keras_pain.experiments.quiet import quiet_start

with quiet_start():
    os.write(2, b"a remark of a library")
    {then}
os.write(2, b"after")
"""


def run(then):
    return subprocess.run(
        [sys.executable, "-c", CODE.format(then=then)],
        capture_output=True,
        text=True,
    )


def test_remarks_are_held_back():
    done = run("pass")
    assert done.returncode == 0 and done.stderr == "after"


def test_errors_show_everything():
    done = run("raise ImportError('broken')")
    assert done.returncode == 1
    assert "a remark of a library" in done.stderr
    assert "ImportError: broken" in done.stderr
