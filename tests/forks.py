"""Runs scripts in processes that need not import everything anew.

`python tests/forks.py` imports what the reproduce scripts do and waits. For
each line of JSON on its input it forks, and the fork runs the script as
`python script` would: its own arguments, environment, folder, output and exit
status. Imports take seconds of a processor, which most scripts of the tests
would each spend again.
"""

import atexit
import contextlib
import functools
import gc
import json
import os
import runpy
import subprocess
import sys
import tempfile
import threading
import traceback

MODULES = """
    tensorflow keras skops.io tensorflow_datasets.core.reader
    sklearn.ensemble sklearn.neighbors sklearn.svm
    keras_pain.corpora.folder keras_pain.reports.leaderboard
    keras_pain.reproduction.faces keras_pain.reproduction.own
    keras_pain.reproduction.run keras_pain.simulate
"""


class Forks:
    """A process that forks, from its first use to the end of this one."""

    @functools.cached_property
    def _server(self):
        server = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        atexit.register(self._end, server)
        return server

    def _end(self, server):
        server.stdin.close()
        server.wait()

    def run(self, command, cwd) -> subprocess.CompletedProcess:
        """What `subprocess.run` returns of a script and its arguments."""
        with contextlib.ExitStack() as stack:
            files = [
                stack.enter_context(tempfile.NamedTemporaryFile("r"))
                for _ in range(2)
            ]
            request = {"command": list(map(str, command)), "cwd": str(cwd)}
            request["outputs"] = [file.name for file in files]
            request["environment"] = dict(os.environ)
            self._server.stdin.write(json.dumps(request) + "\n")
            self._server.stdin.flush()
            code = int(self._server.stdout.readline())
            out, err = (file.read() for file in files)
        return subprocess.CompletedProcess(command, code, out, err)


def serve():
    """Forks for each line of the input; returns, in a fork, its request."""
    answers = os.dup(1)
    os.dup2(2, 1)  # what modules print at import is no answer
    before = set(os.environ)
    for name in MODULES.split():
        __import__(name)
    added = {k: v for k, v in os.environ.items() if k not in before}
    gc.freeze()
    while line := sys.stdin.readline():
        request = json.loads(line)
        child = os.fork()
        if not child:
            os.close(answers)
            request["environment"] = added | request["environment"]
            return request
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.write(answers, f"{code}\n".encode())
    return None


def become(command, cwd, outputs, environment):
    """Turns this process into one of a script."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for stream, path in enumerate(outputs, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND), stream)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[:] = command
    sys.path[0] = os.path.dirname(command[0])
    code = 0
    try:
        runpy.run_path(command[0], run_name="__main__")
    except SystemExit as end:
        code = end.code or 0
        if not isinstance(code, int):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        traceback.print_exc()
        code = 1
    # As Python ends, but for taking thousands of modules apart.
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    given = serve()
    if given is not None:
        become(**given)
