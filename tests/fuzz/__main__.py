"""`python -m tests.fuzz`: mutates, reads in another process, counts."""

import argparse
import collections
import contextlib
import importlib.util
import json
import os
import pathlib
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import numpy as np

from keras_pain.errors import KerasPainError

from .mutations import mutate
from .readers import READERS

MEMORY = 2 * 2**30  # bytes a file may take
SECONDS = 60  # and it may last
# Above MEMORY, so that what takes too much is seen and ends all the same.
_ROOM = 3 * 2**30
_A_CHILD = 200  # mutations of one process


class TooLong(BaseException):
    """Not one of those that a reader turns into its own."""


def mutation(reader, number, seed, pristine, place):
    """Writes mutation `number` of a reader's files; returns folder and file."""
    rng = np.random.default_rng(
        [seed, zlib.crc32(reader.name.encode()), number]
    )
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(pristine, place)
    files = sorted(p for p in place.glob(reader.files) if p.is_file())
    path = files[rng.integers(len(files))]
    kind = reader.kind or path.suffix
    path.write_bytes(mutate(path.read_bytes(), kind, rng))
    return path


def look(reader, number, seed, pristine, place) -> dict:
    """What became of one mutation."""
    path = mutation(reader, number, seed, pristine, place)
    _reset_peak()
    before, start = _memory("VmHWM"), time.monotonic()
    what, why = "read", ""

    def late(*_):
        raise TooLong

    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        if reader.read(place, path):
            what = "refused"
    except KerasPainError as error:
        what = "refused"
        if "\n" in str(error):
            what, why = "escape", f"more than a line: {error}"
    except TooLong:
        what, why = "escape", f"took over {SECONDS} s"
    except BaseException as error:
        last = traceback.extract_tb(error.__traceback__)
        own = [f for f in last if "keras_pain" in f.filename] or last
        place_ = f"{pathlib.Path(own[-1].filename).name}:{own[-1].lineno}"
        text = " ".join(str(error).split())[:120]
        what, why = "escape", f"{place_} {type(error).__name__}: {text}"
    finally:
        signal.alarm(0)
    peak = _memory("VmHWM") - before
    if peak > MEMORY:
        what, why = "escape", f"took {peak / 2**30:.1f} GB"
    seconds = time.monotonic() - start
    return {"what": what, "why": why, "peak": peak, "seconds": seconds}


def _memory(name):
    text = pathlib.Path("/proc/self/status").read_text()
    return int(text.partition(f"{name}:")[2].split()[0]) * 1024


def _reset_peak():
    with contextlib.suppress(OSError):
        pathlib.Path("/proc/self/clear_refs").write_text("5")


def child(jobs, seed, folder, stream):
    """Reads mutations one after the other; a line each, before and after."""
    limit = _memory("VmSize") + _ROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    for name, number in jobs:
        print(json.dumps([name, number]), file=stream, flush=True)
        pristine, place = folder / "sound" / name, folder / "now"
        found = look(READERS[name], number, seed, pristine, place)
        print(json.dumps(found), file=stream, flush=True)


def answers(jobs, seed, folder):
    """Yields `(name, number, what became of it)` from processes of its own."""
    jobs = collections.deque(jobs)
    while jobs:
        part = [jobs.popleft() for _ in range(min(_A_CHILD, len(jobs)))]
        reading_end, writing_end = os.pipe()
        process = os.fork()
        if not process:
            os.close(reading_end)
            code = 1
            try:
                with os.fdopen(writing_end, "w") as stream:
                    child(part, seed, folder, stream)
                code = 0
            finally:
                os._exit(code)
        os.close(writing_end)
        done = 0
        with os.fdopen(reading_end, "rb", buffering=0) as stream:
            held = b""
            while True:
                ready, _, _ = select.select([stream], [], [], SECONDS + 15)
                if not ready:
                    os.kill(process, signal.SIGKILL)
                    break
                if not (piece := stream.read(65536)):
                    break
                *lines, held = (held + piece).split(b"\n")
                for line in lines:
                    told = json.loads(line)
                    if isinstance(told, dict):
                        yield *part[done], told
                        done += 1
        status = os.waitpid(process, 0)[1]
        if done < len(part):
            why = f"the process ended (status {status})"
            nothing = {"what": "escape", "why": why, "peak": 0, "seconds": 0}
            yield *part[done], nothing
            jobs.extendleft(reversed(part[done + 1 :]))


def main(arguments=None) -> int:
    """Command line; returns 1 if there is an escape."""
    from rich.console import Console
    from rich.progress import track

    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--n", type=int, default=20_000, help="mutations")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--readers", default=",".join(READERS))
    parser.add_argument(
        "--keep", help="READER:NUMBER, a mutation that is written to ./fuzzed"
    )
    options = parser.parse_args(arguments)
    names = options.readers.split(",")
    if "pth" in names and importlib.util.find_spec("torch") is None:
        print("pth: left out; it needs pip install -e .[torch]")
        names.remove("pth")
    with tempfile.TemporaryDirectory(prefix="fuzz") as folder:
        folder = pathlib.Path(folder)
        if options.keep:
            name, _, number = options.keep.partition(":")
            names = [name]
        for name in names:
            sound = folder / "sound" / name
            sound.mkdir(parents=True)
            READERS[name].build(sound)
            for path in sound.rglob(READERS[name].files):  # all is well so
                if path.is_file():
                    if READERS[name].read(sound, path):
                        raise SystemExit(f"{name}: refuses {path}")
                    break
            else:
                raise SystemExit(f"{name}: no files")
        if options.keep:
            sound = folder / "sound" / name
            place = pathlib.Path("fuzzed")
            arguments = READERS[name], int(number), options.seed, sound, place
            print(mutation(*arguments))
            READERS[name].read(place, mutation(*arguments))
            return 0
        jobs = [
            (names[i % len(names)], i // len(names)) for i in range(options.n)
        ]
        jobs.sort(key=lambda job: names.index(job[0]))
        counts = collections.defaultdict(collections.Counter)
        escapes, peak, slowest = [], 0, 0.0
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with contextlib.suppress(KeyboardInterrupt):  # figures so far
            for name, number, found in track(
                answers(jobs, options.seed, folder),
                "mutations",
                total=len(jobs),
                console=Console(stderr=True),
                disable=not sys.stderr.isatty(),
            ):
                counts[name][found["what"]] += 1
                peak = max(peak, found["peak"])
                slowest = max(slowest, found["seconds"])
                if found["what"] == "escape":
                    escapes.append((name, found["why"], number))
    kinds = collections.defaultdict(list)
    for name, why, number in escapes:
        kinds[name, why.partition(": ")[0]].append((number, why))
    for (name, _), found in kinds.items():
        number, why = found[0]
        print(f"{name}: {why} ({len(found)}, first {name}:{number})")
    total = sum(counts.values(), collections.Counter())
    of_each = "; ".join(
        f"{name} {count.total()} ({count['read']} read, {count['refused']} "
        f"refused, {count['escape']} escapes)"
        for name, count in counts.items()
    )
    print(
        f"{of_each}; all {total.total()} ({total['read']} read, "
        f"{total['refused']} refused, {total['escape']} escapes), most memory "
        f"{peak / 2**20:.0f} MB, slowest {slowest:.1f} s"
    )
    return bool(escapes)


if __name__ == "__main__":
    sys.exit(main())
