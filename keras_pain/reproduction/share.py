"""A copy of a results folder that is fit for publishing.

What is copied is listed here, and nothing else is, see `share`. Whoever
publishes still decides whether scores of single people may be seen.
"""

import dataclasses
import json
import re
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from keras_pain.errors import ConfigurationError, reading
from keras_pain.experiments import method_registry
from keras_pain.experiments.preprocessing import PREPROCESSING_FILE
from keras_pain.experiments.store import (
    PREDICTIONS_FILE,
    FoldResult,
    ResultStore,
)
from keras_pain.io import SIMULATED, write_file, write_folder
from keras_pain.reports.table import escape_latex
from keras_pain.reproduction.explain import finished_folds
from keras_pain.reproduction.run import OWN, RUN_FILE

MAP_FILE, LIST_FILE = "share_map.json", "SHARED.md"
_REPORTS = ("table", "ledger", "leaderboard", "people", "levels", "leakage")
_TEXTS = (".md", ".tex", ".csv", ".json")
# Figures without people, samples or faces.
_FIGURES = ("confusion", "leaks", "critical_difference", "forest")
_MODELS = (".keras", ".skops")
# A path from the root with a folder in it, or a mark of one.
_PATH = re.compile(r"(?<![\w.:/])/(?:[^\s\"',;:|/]+/)+[^\s\"',;:|/]*|place:\w+")


@dataclasses.dataclass(frozen=True)
class Names:
    """New names of people and recordings, and words that give way to "data".

    In texts only those are replaced that cannot be plain numbers.
    """

    people: Mapping[str, str]
    recordings: Mapping[str, str]
    words: tuple[str, ...] = ()

    @property
    def numbers(self) -> bool:
        """Whether some name could be any number of a text."""
        names = {*self.people, *self.recordings, *self.words}
        return any(name.isdecimal() and name[0] != "0" for name in names)

    def text(self, text: str) -> str:
        """A text in which names are replaced, also as LaTeX has them."""
        new = dict.fromkeys(self.words, "data")
        new |= {**self.people, **self.recordings}
        new = {k: v for k, v in new.items() if not k.isdecimal() or k[0] == "0"}
        new |= {escape_latex(name): of for name, of in new.items()}
        # As names of tables, and labels in LaTeX, have them.
        for gaps, filler in ((r"[^\w-]", "_"), (r"[^A-Za-z0-9-]+", "-")):
            new |= {re.sub(gaps, filler, name): of for name, of in new.items()}
        ordered = sorted(map(re.escape, new), key=len, reverse=True)
        if ordered:
            pattern = rf"(?<![^\W_])(?:{'|'.join(ordered)})(?![^\W_])"
            text = re.sub(pattern, lambda found: new[found[0]], text)
        return _PATH.sub("(path left out)", text)

    def value(self, value, people: bool = False):
        """A JSON value; below entries of people every name is replaced."""
        if isinstance(value, str):
            known = {**self.recordings, **self.people}
            return known.get(value, value) if people else self.text(value)
        if isinstance(value, list):
            return [self.value(one, people) for one in value]
        if isinstance(value, dict):
            return {
                self.value(name, people): self.value(
                    one, people or name in ("subjects", "tested_groups", "fold")
                )
                for name, one in value.items()
            }
        return value


def share(results_dir, out, labels: bool = False) -> Path:
    """Copies what of a reproduce script's results folder can be published.

    People and recordings get new names, whose map stays in the results folder
    (`share_map.json`), so that a later copy has the same. Models that hold
    samples of people, and those of users' own methods, are left out, as are
    hashes of raw files, figures that show people or samples, and every file
    that the suite did not write; `labels` keeps the true label of every sample,
    without which the copy cannot be scored again (its networks still predict).

    Returns the path of the list, in the copy, of what was done and left out.
    Raises KerasPainError where the folder holds no finished fold, or one that
    is damaged, or `out` is no new or empty folder outside of it.
    """
    root, out = Path(results_dir).resolve(), Path(out).resolve()
    keys = finished_folds(results_dir)
    if out.is_relative_to(root):
        problem = f"--out: {out} is inside of {results_dir}"
        raise ConfigurationError(f"{problem}; give a folder outside")
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        problem = f"--out: {out} is there and not empty; give a new folder"
        raise ConfigurationError(problem)
    store = ResultStore(root)
    folds = [store.read(key) for key in keys]
    names, gone = _names(root, folds), {}

    def left(what, why):
        gone.setdefault(why, []).append(what)

    def fill(copy):
        for fold in folds:
            _copy_fold(fold, copy, names, labels, left)
        _copy_reports(root, copy, names, labels, left)
        known = {RUN_FILE, MAP_FILE, "folds", "figures"}
        for path in sorted(root.iterdir()):
            if path.name not in known and not (copy / path.name).exists():
                left(path.suffix or "folders", "other files and folders")
        text = _listed(len(folds), names, labels, gone)
        (copy / LIST_FILE).write_text(text, encoding="utf-8")

    cure = "give another --out"
    write_folder(out, fill, is_complete=lambda: False, cure=cure)
    return out / LIST_FILE


def _names(root, folds) -> Names:
    """New names, as an earlier map has them, else dealt at random."""
    people, recordings, words = set(), set(), set()
    for fold in folds:
        people |= {*fold.predictions["subject"].tolist()}
        ids = fold.predictions["window_id"].tolist()
        recordings |= {name.rpartition(":")[0] for name in ids}
        subjects = fold.config["subjects"]
        for part in ("train", "validation", "test"):
            people |= {*subjects[part]}
        words.add(fold.config["dataset"].get("tested", ""))
    path = root / RUN_FILE
    if path.exists():
        with reading(path):
            own = json.loads(path.read_text(encoding="utf-8")).get(OWN, {})
            places = own.get("folder", ""), own.get("own", {}).get("test_dir")
            # Titles have the folder's name.
            words |= {Path(place).name for place in places if place}
            words |= {*own.get("words", ())}
    recordings -= people  # clips may be the units of a split
    old, path = {}, root / MAP_FILE
    if path.exists():
        with reading(path, cure="remove it, for new names"):
            old = json.loads(path.read_text(encoding="utf-8"))
    new = {}
    for kind, found in (("person", people), ("recording", recordings)):
        known = new[kind] = {**old.get(kind, {})}
        # At random: the order of ids would tell them.
        waiting = sorted(found - known.keys())
        secrets.SystemRandom().shuffle(waiting)
        for name in waiting:
            known[name] = f"{kind}{len(known) + 1:03d}"
    write_file(path, (json.dumps(new, indent=1) + "\n").encode())
    return Names(new["person"], new["recording"], tuple(sorted(words - {""})))


def _copy_fold(
    fold: FoldResult, copy: Path, names: Names, labels: bool, left: Callable
):
    """Writes a fold under its new name, in the form of a result store."""
    name = names.people.get(fold.key.fold, fold.key.fold)
    key = dataclasses.replace(fold.key, fold=name)
    arrays = dict(fold.predictions)
    arrays["subject"] = [names.people[one] for one in arrays["subject"]]
    both = {**names.people, **names.recordings}
    pairs = [name.rpartition(":") for name in arrays["window_id"].tolist()]
    arrays["window_id"] = [f"{both[name]}:{start}" for name, _, start in pairs]
    if not labels:
        del arrays["y_true"]
        left(PREDICTIONS_FILE, "true labels of samples (--labels keeps them)")
    told, own = {}, True
    if (fold.path / PREPROCESSING_FILE).exists():
        path = fold.path / PREPROCESSING_FILE
        told = json.loads(path.read_text(encoding="utf-8"))
        own = ":" in told["method"]["called"]
        for name in ("training_files", "tested_files"):
            told[name] = []
        left(PREPROCESSING_FILE, "hashes of raw files")
    holds = fold.result.get("holds_samples_of_people", own)
    if not own and not holds:  # those from before results said it
        called = method_registry.resolve_method(told["method"]["called"])
        holds = getattr(called, "holds_samples", False)
    simulated = bool(told.get("simulated"))

    def save(folder):
        if told:
            text = json.dumps(names.value(told), indent=1) + "\n"
            (folder / PREPROCESSING_FILE).write_text(text, encoding="utf-8")
        for path in sorted(fold.path.rglob("*")):
            if path.suffix not in _MODELS or not path.is_file():
                continue
            if own or holds:
                why = "models that hold samples of people, or may"
                left(f"{fold.key.method}/{path.name}", why)
                continue
            place = folder / path.relative_to(fold.path)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)

    config, result = names.value(fold.config), names.value(fold.result)
    ResultStore(copy, simulated).write(key, config, result, arrays, save)


def _copy_reports(root, copy, names, labels, left):
    own = {}
    if (root / RUN_FILE).exists():
        note = json.loads((root / RUN_FILE).read_text(encoding="utf-8"))
        own = note.pop(OWN, {})
        kept = ("corpus", "layout", "fingerprint", "simulated")
        note = {name: note[name] for name in kept if name in note}
        text = json.dumps({**note, "shared": True}, indent=1) + "\n"
        (copy / RUN_FILE).write_text(text, encoding="utf-8")
        left(RUN_FILE, "paths and the command of the run")
    for path in sorted(root.glob("*")):
        stem = path.stem.removesuffix(f"_{SIMULATED}")
        if path.name.startswith("subjects_") and path.suffix == ".json":
            value = json.loads(path.read_text(encoding="utf-8"))
            text = json.dumps(names.value(value, True), indent=1) + "\n"
        elif stem in _REPORTS and path.suffix in _TEXTS:
            if names.numbers:
                why = "reports, as ids are numbers that cannot be told from "
                left(path.name, f"{why}others")
                continue
            text = names.text(path.read_text(encoding="utf-8"))
        else:
            continue
        (copy / path.name).write_text(text, encoding="utf-8")
    for path in sorted(root.glob("figures/*")):
        stem = path.stem.removesuffix(f"_{SIMULATED}")
        if stem in _FIGURES and path.suffix == ".png" and not own:
            (copy / "figures").mkdir(exist_ok=True)
            shutil.copyfile(path, copy / "figures" / path.name)
        else:
            left(stem, "figures that may show names, faces or samples")


def _listed(count, names, labels, gone):
    lines = [
        "# Shared results",
        "",
        f"{count} folds of {len(names.people)} people, who have other names "
        "here; the map of names is not part of this copy.",
        "",
        "Left out or changed:",
        "",
    ]
    for why, what in gone.items():
        kinds = ", ".join(dict.fromkeys(names.text(one) for one in what))
        files = f"{len(what)} file{'s' * (len(what) > 1)}"
        lines.append(f"- {why}: {files} ({kinds})")
    lines += [
        "",
        "Still there, by people's new names: predictions, scores and groups"
        + (", and the true label of every sample." if labels else "."),
        "Weights of networks may hold more of those they were trained on than "
        "can be seen.",
    ]
    return "\n".join(lines) + "\n"
