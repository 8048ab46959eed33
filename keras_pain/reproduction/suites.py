"""Frozen suites: named protocols, and whether a result may cite one.

A suite is a file `suites/NAME.toml`: the corpus, how samples are cut, the
people of every fold as hashes, labels, metrics, seeds, and the settings of the
methods that were run; it is never changed, a better one gets the next number.
One on an open corpus has a reference beside it, `NAME.json`, the scores of
every person and hashes of all predictions, so that `verify` can tell whether
another machine agrees. Both are written by `tools/freeze_suite.py`.
"""

import contextlib
import hashlib
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from keras_pain import __file__ as package
from keras_pain.errors import ConfigurationError, KerasPainError, reading
from keras_pain.experiments.metrics import compute_metrics, stacked
from keras_pain.experiments.runner import Task
from keras_pain.experiments.store import (
    RUN_FILE,
    FoldResult,
    ResultStore,
    canonical_json,
    first_difference,
)
from keras_pain.reports.table import TableSpec

SUITE = "suite"  # entry of run.json
# What makes a protocol; methods may be added.
_PARTS = (
    *("data", "evaluation", "protocol", "defects", "seeds", "metrics"),
    *("classes", "people", "folds"),
)
# Nobody without the corpus can freeze these.
_OF_FILES = ("fingerprint", "tables", "clips")
_POOLED = ("accuracy", "macro_f1")
# What every suite says, and of which type.
_NEEDED = {"data": dict, "seeds": list, "methods": dict}
_NEEDED |= dict.fromkeys(("evaluation", "protocol", "script"), str)


def folders() -> list[Path]:
    """Where suites are looked for: the current folder's first."""
    known = [Path("suites"), Path(package).parents[1] / "suites"]
    return [folder for folder in known if folder.is_dir()]


def suite_names() -> list[str]:
    """Names of all suites."""
    found = [path for folder in folders() for path in folder.glob("*.toml")]
    return sorted({path.stem for path in found})


def read_suite(name: str) -> dict:
    """A suite, with its `name` and its `path`.

    `name` may be the path of a file of one's own, NAME.toml. Raises
    KerasPainError where there is none, or it is damaged.
    """
    known = [folder / f"{name}.toml" for folder in folders()]
    if name.endswith(".toml"):
        known = [Path(name)]
    path = next((path for path in known if path.is_file()), None)
    if path is None:
        problem = f"there is no suite {name!r}"
        told = f"there are {', '.join(suite_names()) or 'none in this folder'}"
        raise ConfigurationError(f"{problem}; {told}")
    with reading(path, "is no suite", "take the released file"):
        suite = tomllib.loads(path.read_text(encoding="utf-8"))
        for entry, kind in _NEEDED.items():
            if not isinstance(suite.get(entry), kind):
                raise ValueError(f"it has no {entry!r}")
        if not all(type(n) is int and n >= 0 for n in suite["seeds"] or [""]):
            raise ValueError("its seeds are no numbers")
    return {**suite, "name": path.stem, "path": path}


def described(table: TableSpec, tasks: Sequence[Task]) -> dict:
    """What a suite says of a run, from its tasks of one evaluation.

    Compiling and determinism are left out, as they only round otherwise.
    """
    config, folds, people = tasks[0].config, {}, set()
    for task in tasks:
        parts = (task.outer_fold.train, task.outer_fold.validation)
        parts = [sorted(part) for part in (*parts, task.outer_fold.test)]
        folds[task.outer_fold.name] = _sha256(canonical_json(parts).encode())
        people.update(*parts)
    return _plain(
        {
            **{name: config[name] for name in _PARTS[1:4]},
            "data": config["dataset"],
            "seeds": sorted({task.key.seed for task in tasks}),
            "metrics": [*dict.fromkeys(of.metric for of in table.columns)],
            "classes": table.class_names,
            "people": len(people),
            "folds": folds,
            "methods": {t.key.method: t.config["method"] for t in tasks},
        }
    )


def deviations(
    suite: Mapping, table: TableSpec, tasks: Sequence[Task], store: ResultStore
) -> Iterator[str]:
    """In what a run is not the suite's, each in some words; nothing if it is.

    Methods that the suite does not have are no deviation.
    """
    tasks = [task for task in tasks if _is_of(suite, task.key)]
    if not tasks:
        yield f"it has no folds of {suite['evaluation']} {suite['protocol']}"
        return
    found = described(table, tasks)
    if store.simulated and not suite.get("simulated"):
        yield "its data are simulated"
    for name in _OF_FILES:
        if name not in suite["data"]:
            found["data"].pop(name, None)
    for name in _PARTS:
        pair = [{name: of[name]} if name in of else {} for of in (suite, found)]
        # Which people a restricted corpus has, a suite may not know.
        if name in suite or name not in ("people", "folds"):
            if text := first_difference(*pair):
                yield text
    both = found["methods"].keys() & suite.get("methods", {}).keys()
    for name in sorted(both):
        pair = (of["methods"][name] for of in (suite, found))
        if text := first_difference(*pair):
            yield f"{name}: {text}"
    if count := sum(not store.contains(task.key) for task in tasks):
        yield f"{count} of {len(tasks)} folds are not finished"


def _is_of(suite, key):
    place = suite["evaluation"], suite["protocol"]
    return place == (key.evaluation, key.protocol)


def fitting_suite(
    table: TableSpec, tasks: Sequence[Task], store: ResultStore
) -> dict | None:
    """The first suite from which a finished run does not deviate, if any."""
    corpus = tasks[0].config["dataset"]["corpus"] if tasks else ""
    for name in suite_names():
        # Whose file it is that is none, does not matter to this run.
        with contextlib.suppress(KerasPainError):
            suite = read_suite(name)
            fits = suite["data"].get("corpus") == corpus
            if fits and not any(deviations(suite, table, tasks, store)):
                return suite
    return None


def cited(
    suite: Mapping, table: TableSpec, tasks: Sequence[Task], store: ResultStore
) -> tuple[str, dict]:
    """Whether a run may be cited as a suite: for a header and `run.json`."""
    found, path = [*deviations(suite, table, tasks, store)], suite["path"]
    text = f"Suite {path.stem} (`{path.name}`, sha256 "
    text += f"{_sha256(path.read_bytes())}): "
    if found:
        text += "this table must not be cited as it, it deviates: "
        text += f"{'; '.join(found)}."
    else:
        text += "no deviation; this table may be cited as it, folds of people "
        tasks = [task for task in tasks if _is_of(suite, task.key)]
        folds = described(table, tasks)["folds"]
        text += f"{_sha256(canonical_json(folds).encode())}."
    return text, {SUITE: {"name": path.stem, "deviations": found}}


def summary(folds: Sequence[FoldResult]) -> dict:
    """What a reference keeps of one method's folds, which are of classes.

    The accuracy of every person, pooled scores, and hashes of all
    probabilities and all predicted classes, in the order of seeds and samples.
    """
    arrays = stacked([fold.predictions for fold in folds], "window_id")
    y, found, person, window = arrays
    sizes = [len(fold.predictions["y_true"]) for fold in folds]
    seed = np.repeat([fold.key.seed for fold in folds], sizes)
    order = np.lexsort((window, seed))
    guess = found.argmax(axis=1)
    right = {p: guess[person == p] == y[person == p] for p in np.unique(person)}
    scores = compute_metrics(y, found, found.shape[1])
    return {
        "folds": len(folds),
        "samples": len(y),
        **{name: float(scores[name]) for name in _POOLED},
        "people": {str(p): float(of.mean()) for p, of in right.items()},
        "classes_sha256": _sha256(guess[order].astype("<i4").tobytes()),
        "predictions_sha256": _sha256(found[order].astype("<f4").tobytes()),
    }


def differences(first: Mapping, second: Mapping) -> dict:
    """Largest difference of any person's accuracy, and of pooled scores."""
    people = [of["people"] for of in (first, second)]
    if people[0].keys() != people[1].keys():
        return {"people": np.inf, "pooled": np.inf}
    most = max(abs(people[0][name] - people[1][name]) for name in people[0])
    pooled = max(abs(first[name] - second[name]) for name in _POOLED)
    return {"people": most, "pooled": pooled}


def compared(reference: Mapping, found: Mapping) -> tuple[bool, str]:
    """Whether a method's summary agrees with its reference, and in words."""
    for name, text in (
        ("predictions_sha256", "equal to the last byte"),
        ("classes_sha256", "the same classes, probabilities rounded"),
    ):
        if reference[name] == found[name]:
            return True, text
    sizes = [
        "{folds} folds with {samples} samples".format(**of)
        for of in (found, reference)
    ]
    if sizes[0] != sizes[1]:
        return False, f"has {sizes[0]}, the reference {sizes[1]}"
    off, allowed = differences(reference, found), reference["tolerance"]
    texts = [
        f"{what} by up to {off[name]:.3f} (allowed {allowed[name]:.3f})"
        for name, what in (("people", "a person"), ("pooled", "pooled scores"))
    ]
    agrees = all(off[name] <= allowed[name] + 1e-9 for name in off)
    word = "within the tolerance" if agrees else "NOT within the tolerance"
    return agrees, f"{word}: differs for {', '.join(texts)}"


def verify(
    name: str,
    *,
    manual_dir: str | None = None,
    results_dir: str | None = None,
    flags: Sequence[str] = (),
) -> list[str]:
    """Compares a run of a suite with the reference; returns lines to print.

    With `manual_dir` the suite's script is run or resumed first, with further
    `flags`; else `results_dir` has to hold what it wrote. Raises KerasPainError
    where the run fails, or one of its methods does not agree.
    """
    suite = read_suite(name)
    path = suite["path"].with_suffix(".json")
    if not path.is_file():
        raise ConfigurationError(
            f"the suite {name} has no reference: nobody who has its corpus "
            "has published one; its scripts take --suite all the same"
        )
    with reading(path, "is no reference", "take the released file"):
        reference = json.loads(path.read_text(encoding="utf-8"))["methods"]
    root = Path(results_dir or Path("results", f"verify_{suite['name']}"))
    if manual_dir:
        script = Path(suite["script"])
        if not script.is_file():
            script = Path(package).parents[1] / script
        words = [*suite.get("flags", ()), *flags, f"--suite={name}"]
        words += [f"--manual_dir={manual_dir}", f"--results_dir={root}"]
        words = [sys.executable, str(script), *words]
        if subprocess.run(words, stdout=subprocess.DEVNULL).returncode:
            raise KerasPainError(f"{script}: failed, see above")
    lines, wrong, seen = [], [], set()  # of methods; what does not agree
    for note in sorted(root.rglob(RUN_FILE)):
        with reading(note, cure="run it again, with --manual_dir"):
            told = json.loads(note.read_text(encoding="utf-8")).get(SUITE)
            if not told or told["name"] != suite["name"]:
                continue
            for deviation in told["deviations"]:
                wrong.append(f"{note.parent}: deviates: {deviation}")
        store, folds = ResultStore(note.parent), {}
        for key in store.completed():
            if _is_of(suite, key) and key.seed in suite["seeds"]:
                folds.setdefault(key.method, []).append(store.read(key))
        for method in sorted(folds.keys() & reference.keys()):
            found = summary(folds[method])
            with reading(path, "is no reference", "take the released file"):
                agrees, text = compared(reference[method], found)
            (lines if agrees else wrong).append(f"{method}: {text}")
            seen.add(method)
    if not seen:
        problem = f"{root}: holds no run of the suite {name}"
        cure = "give --manual_dir, the folder of its corpus, to run it"
        raise ConfigurationError(f"{problem}; {cure}")
    lines += [f"{method}: not run" for method in sorted({*reference} - seen)]
    if wrong:
        print(*lines, *wrong, sep="\n")
        raise KerasPainError(f"{suite['name']}: this machine does not agree")
    count = f"{len(seen)} of {len(reference)} methods"
    return [*lines, f"{suite['name']}: this machine agrees in {count}"]


def _plain(value):
    """JSON's types, without what is empty, of files, or of compiling."""
    if isinstance(value, Mapping):
        kept = {str(k): _plain(v) for k, v in value.items()}
        empty, others = (None, {}, []), ("xla", "pretrain_xla", "landmarks")
        kept = {k: v for k, v in kept.items() if k not in others}
        return {k: v for k, v in kept.items() if v not in empty}
    return json.loads(canonical_json(value))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
