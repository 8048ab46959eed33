"""Kills smoke runs at random moments, and looks at what is left.

    python -m tests.kill --n 50
    python -m tests.kill --shares 8 --killed 2

A run is killed a few times in a row, by SIGKILL to all of its processes: at
any moment from its first second on, while the corpus is simulated and built,
folds are trained (`--jobs` 1 and 2), or tables and figures are drawn. The same
command then ends it, and what it wrote must equal what a run wrote that nobody
disturbed: tables, lists of subjects and predictions, and nothing hidden beside.

With `--shares` as many processes start at once, each with its share of the
folds, on one results folder and one data set that none of them has built yet;
`--killed` of them are killed and started again, and `--collect` writes the
table, which must equal that of the one process.
"""

import argparse
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import golden  # noqa: E402

TABLE, OF_MANY_FOLDS = "table1_protective", "table3_pain_level"
FLAGS = ("--smoke", "--methods=majority,knn,stacked_lstm")
DRAWING = b"drawing figures"
KILLS = 5  # of one run


def start(
    cwd: pathlib.Path,
    results: str,
    *flags: str,
    table: str = TABLE,
    log: str = "stderr",
) -> subprocess.Popen:
    """A run in a process group of its own; stderr goes to a file."""
    script = str(ROOT / "reproduce" / f"{table}.py")
    command = [script, *FLAGS, f"--results_dir={results}", *flags]
    with open(cwd / log, "wb") as stream:
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=cwd,
            stdout=subprocess.DEVNULL,
            stderr=stream,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )


def wait(run, cwd, seconds=None, after_drawing=None) -> bool:
    """Whether the run ended by itself before its time; kills it if not."""
    end = time.monotonic() + (seconds or 3600)
    while run.poll() is None:
        if after_drawing is not None and DRAWING in read(cwd):
            end = min(end, time.monotonic() + after_drawing)
            after_drawing = None
        if time.monotonic() >= end:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
            return False
        time.sleep(0.02)
    return True


def read(cwd) -> bytes:
    return (cwd / "stderr").read_bytes()


def main(arguments=None) -> int:
    """Command line; returns 1 if a run differs or fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.kill")
    parser.add_argument("--n", type=int, default=50, help="kills")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shares", type=int, help="processes at once")
    parser.add_argument("--killed", type=int, default=2, help="of the shares")
    options = parser.parse_args(arguments)
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="kill") as folder:
        whole = pathlib.Path(folder, "whole")
        whole.mkdir()
        begun = time.monotonic()
        table = OF_MANY_FOLDS if options.shares else TABLE
        run, drawing = start(whole, "results", table=table), None
        while run.poll() is None:
            if drawing is None and DRAWING in read(whole):
                drawing = time.monotonic()
            time.sleep(0.02)
        if run.returncode:
            raise SystemExit(read(whole).decode())
        ended = time.monotonic()
        report(f"undisturbed: {ended - begun:.0f} s")
        if options.shares:
            cwd = pathlib.Path(folder, "shares")
            cwd.mkdir()
            in_shares(cwd, options.shares, options.killed, rng)
            faults = compare(whole / "results", cwd / "results")
            print(*faults, sep="\n", end="\n" * bool(faults))
            print(
                f"{options.shares} processes at once, {options.killed} killed: "
                f"{len(faults)} differences from one process"
            )
            return bool(faults)
        kills = runs = late = failed = 0
        faults = []
        while kills < options.n:
            # The first builds everything anew, the others share its data.
            cwd = pathlib.Path(folder, "first" if runs == 0 else "whole")
            cwd.mkdir(exist_ok=True)
            results = f"killed{runs}"
            for _ in range(min(KILLS, options.n - kills)):
                run = start(cwd, results, f"--jobs={rng.choice((1, 2))}")
                seconds = rng.uniform(1, ended - begun)
                after = None
                if rng.random() < 0.4:
                    seconds, after = None, rng.uniform(0, ended - drawing)
                if wait(run, cwd, seconds, after):
                    break
                kills += 1
                late += DRAWING in read(cwd)
            else:
                run = start(cwd, results)
                wait(run, cwd)
            runs += 1
            if run.returncode:
                failed += 1
                faults.append(read(cwd).decode().strip()[-400:])
            found = compare(whole / "results", cwd / results)
            faults += found
            report(f"{kills} kills of {runs} runs: {found or 'the same'}")
    for fault in faults:
        print(fault)
    print(
        f"{kills} kills of {runs} runs, {late} while tables and figures were "
        f"drawn: {failed} not resumed, {len(faults) - failed} differences from "
        "a run that was not killed"
    )
    return bool(faults)


def in_shares(cwd: pathlib.Path, count: int, killed: int, rng) -> None:
    """Runs all shares at once, kills some, starts these again, collects."""

    def share(number):
        flag, log = f"--share={number}/{count}", f"stderr{number}"
        return start(cwd, "results", flag, table=OF_MANY_FOLDS, log=log)

    def check(run, log):
        if run.wait():
            raise SystemExit((cwd / log).read_text(errors="replace"))

    runs = {number: share(number) for number in range(1, count + 1)}
    victims = rng.sample(sorted(runs), killed)
    for number in victims:
        time.sleep(rng.uniform(5, 40))
        if runs[number].poll() is None:
            os.killpg(runs[number].pid, signal.SIGKILL)
            runs[number].wait()
            report(f"killed {number} of {count}")
        runs[number] = share(number)
    for number, run in runs.items():
        check(run, f"stderr{number}")
    last = start(cwd, "results", "--collect", table=OF_MANY_FOLDS)
    check(last, "stderr")


def report(text):
    print(text, file=sys.stderr, flush=True)


def compare(whole: pathlib.Path, killed: pathlib.Path) -> list[str]:
    """What differs between two results folders, a line each."""
    one, two = golden.files_of(whole), golden.files_of(killed)
    faults = [
        f"only in one: {name}" for name in sorted(one.keys() ^ two.keys())
    ]
    for name in sorted(one.keys() & two.keys()):
        faults += golden.differences(name, one[name], two[name])
    figures = [
        {p.relative_to(of) for p in of.rglob("*.png")} for of in (whole, killed)
    ]
    faults += [f"only in one: {name}" for name in figures[0] ^ figures[1]]
    simulated = killed.parent / "data" / "simulated"
    hidden = [*killed.rglob(".*"), *simulated.glob(".*")]
    return faults + [f"left over: {path}" for path in hidden]


if __name__ == "__main__":
    sys.exit(main())
