"""A script's shares as jobs of a scheduler."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from keras_pain.errors import ConfigurationError
from keras_pain.reproduction.flags import Options

# Each may be given; networks of movement need less.
_LIMITS = {"cpus_per_task": 2, "mem_gb": 8, "timeout_min": 480}


def submit(options: Options, command: Sequence[str]) -> None:
    """Hands `options.jobs` shares to a scheduler, and the table after them.

    `options.submit` are the scheduler, "slurm", and parameters of submitit;
    "local" stands for processes of this machine. Every job is the same command
    with a share of the folds, or with `--collect`. Logs go to `jobs` in the
    folder of results.

    Raises ConfigurationError without submitit or the scheduler, or where it
    does not take the parameters.
    """
    try:
        from submitit import AutoExecutor
    except ImportError as error:
        text = "--submit: needs pip install keras-pain[cluster]"
        raise ConfigurationError(text) from error
    cluster, *given = options.submit
    limits = dict(_LIMITS)
    for name, _, value in (parameter.partition("=") for parameter in given):
        limits[name] = int(value) if value.isdecimal() else value
    name, count = Path(command[0]).stem, options.jobs
    folder = Path(options.results_dir or Path("results", name), "jobs")
    script = [sys.executable, os.path.abspath(command[0]), *command[1:]]
    script += ["--submit=", "--jobs=1"]  # the last one counts

    def jobs(commands, **more):
        executor = AutoExecutor(folder, cluster=cluster)
        executor.update_parameters(name=name, **limits, **more)
        return executor.map_array(subprocess.check_call, commands)

    try:
        parts = [f"--share={i + 1}/{count}" for i in range(count)]
        shares = jobs([[*script, part] for part in parts])
        after = {}
        if cluster == "slurm":
            ids = ":".join(job.job_id for job in shares)
            after = {"slurm_dependency": f"afterany:{ids}"}
        else:
            for job in shares:
                job.wait()
        (last,) = jobs([[*script, "--collect"]], **after)
    except (AssertionError, NameError, RuntimeError, ValueError) as error:
        raise ConfigurationError(f"--submit: {error}") from error
    print(
        f"{count} shares are submitted; job {last.job_id} writes the table, "
        f"logs go to {folder}"
    )
