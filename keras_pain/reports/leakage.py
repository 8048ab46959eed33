"""The leakage sheet of a table: questions answered from what folds stored.

Questions of Kapoor and Narayanan, "Leakage and the reproducibility crisis in
machine-learning-based science" (Patterns 4(9), 2023), Table 1. What neither
the folds nor the defects that they declare answer is left open.
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from keras_pain.errors import ConfigurationError
from keras_pain.experiments import preprocessing
from keras_pain.experiments import store as stores
from keras_pain.experiments.defects import DEFECTS
from keras_pain.io import marked_title
from keras_pain.reports.table import Grid, Sheet

YES, NO, OPEN = "yes", "no", "only a person can tell"
COLUMNS = ("table", "question", "answer", "evidence", "file")
QUESTIONS = {
    "L1.1": "Is there no test set apart from what was trained or chosen on?",
    "L1.2": "Was preprocessing fitted on training and test together?",
    "L1.3": "Were features selected on training and test together?",
    "L1.4": "Are there duplicates across training and test, or in the test?",
    "L2": "Are there features that a use would not have?",
    "L3.1": "Does training see what comes after the tested?",
    "L3.2": "Do training and test share people, recordings or windows?",
    "L3.3": "Is the test set of another population than the one claimed?",
}
# Where answers were found.
_RESULTS = f"folds/…/{stores.RESULT_FILE}"
_PREDICTIONS = f"folds/…/{stores.PREDICTIONS_FILE}"
_TOLD = f"folds/…/{preprocessing.PREPROCESSING_FILE}"
# What folds declare, and the question that each defect answers with yes.
_DECLARED = {
    "L1.1": ("epoch_on_test", "threshold_on_test"),
    "L1.2": (
        *("scaler_on_everyone", "scaler_on_all_clips"),
        "smote_before_validation",
    ),
    "L1.4": ("augmented_copies_tested",),
    "L3.2": ("windows_at_random", "clips_at_random", "network_shared"),
}


@dataclasses.dataclass
class _Folds:
    """The folds of one evaluation and protocol, of all methods and seeds."""

    results: list[stores.FoldResult]
    told: list[dict]  # their preprocessing; {} of those from before it

    def of(self, name: str) -> list:
        """An entry of the preprocessing of those folds that have it."""
        found = [told.get(name) for told in self.told]
        return [value for value in found if value is not None]

    def people(self) -> list[tuple[stores.FoldResult, set, set, set]]:
        """By fold the people trained on, choosing the epoch, and tested.

        Units of a split may be recordings, whose people the folds that test
        them name; and windows dealt at random are of people whom the split
        has elsewhere.
        """
        person = {}
        for fold in self.results:
            names, who = (fold.predictions[k] for k in ("window_id", "subject"))
            recordings = [name.rpartition(":")[0] for name in names.tolist()]
            person |= dict(zip(recordings, who.tolist(), strict=True))
        found = []
        for fold in self.results:
            subjects = fold.config["subjects"]
            train, chosen = (
                {person.get(name, name) for name in subjects[part]}
                for part in ("train", "validation")
            )
            tested = {*fold.predictions["subject"].tolist()}
            found.append((fold, train, chosen, tested))
        return found


def leakage_sheet(folder) -> pd.DataFrame:
    """The questions and answers of a script's results folder, a row each.

    Columns are `table` (evaluation and protocol), `question`, `answer`
    (`"yes"`, `"no"` or `"only a person can tell"`), `evidence`, a sentence, and
    `file`, where it was found, relative to `folder`; `attrs["simulated"]` says
    whether the data are. Raises KerasPainError where there is no finished fold,
    or one is damaged.
    """
    store, parts = stores.ResultStore(folder), {}
    for key in store.completed():
        fold = store.read(key)
        told = {}
        if (fold.path / preprocessing.PREPROCESSING_FILE).exists():
            told = preprocessing.read(fold.path)
        of = parts.setdefault((key.evaluation, key.protocol), _Folds([], []))
        of.results.append(fold)
        of.told.append(told)
    if not parts:
        raise ConfigurationError(
            f"{folder}: holds no finished fold; give the results folder of a "
            "reproduce script, e.g. results/table8_lsfan"
        )
    rows = []
    for (evaluation, protocol), folds in parts.items():
        for number, question in QUESTIONS.items():
            place = f"{evaluation}, {protocol}", f"{number} {question}"
            rows.append((*place, *_answer(folds, number)))
    frame = pd.DataFrame(rows, columns=COLUMNS)
    simulated = (any(folds.of("simulated")) for folds in parts.values())
    frame.attrs["simulated"] = any(simulated)
    return frame


def write_sheet(folder, out=None) -> list[Path]:
    """Writes `leakage.md`, `.tex`, `.csv` and `.json` into `out`.

    Without one they are written into the folder itself.

    For `folder` and what is raised see `leakage_sheet`. Returns the paths.
    """
    frame, out = leakage_sheet(folder), Path(out or folder)
    simulated = frame.attrs["simulated"]
    title = f"Leakage sheet of {Path(folder).resolve().name}"
    lines = [
        "Questions: Kapoor and Narayanan, Patterns 4(9), 2023. A yes is a "
        "leak; what only a person can tell is left open."
    ]
    heads = [name.title() for name in COLUMNS[1:]]
    grids = [
        Grid(table, heads, [of[[*COLUMNS[1:]]].values.tolist()], left=4)
        for table, of in frame.groupby("table", sort=False)
    ]
    sheet = Sheet("leakage", marked_title(title, simulated), lines, grids)
    rows = frame.to_dict("records")
    return sheet.write(out, "leakage", COLUMNS, rows, simulated)


def _answer(folds, number):
    """What the store shows comes before what the folds declare."""
    answer, text, file = _ANSWERS[number](folds)
    on = {d for of in folds.results for d in of.config.get("defects", ())}
    found = [name for name in _DECLARED.get(number, ()) if name in on]
    if not found:
        return answer, text, file
    says = "; ".join(f"{name}, {DEFECTS[name].says}" for name in found)
    if answer != YES:
        return YES, f"declared: {says}", _RESULTS
    return YES, f"{text}; declared: {says}", file


def _list(names: Sequence[str]) -> str:
    names = sorted(names)
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more


def _no_test_set(folds):
    for fold, _, chosen, tested in folds.people():
        both, epoch = chosen & tested, fold.result.get("chosen_epoch")
        if not tested or both and epoch:
            text = f"{fold.key.method}, fold {fold.key.fold}: its epoch was "
            text += f"chosen on {_list(both)}, tested as well"
            text = text if tested else "nobody is tested"
            return YES, text, _RESULTS
    count = len({fold.key.fold for fold in folds.results})
    text = f"in all of {count} folds those who are tested chose no epoch"
    return NO, text, _RESULTS


def _preprocessing(folds):
    scalers = {}
    for fold, told in zip(folds.results, folds.told, strict=True):
        if scaler := told.get("scaler"):
            if scaler["leaking"]:
                text = f"the scaler of fold {fold.key.fold} is marked leaking"
                return YES, text, _TOLD
            numbers = json.dumps([scaler["mean"], scaler["scale"]])
            people = tuple(sorted(fold.config["subjects"]["train"]))
            scalers.setdefault(numbers, set()).add(people)
    if any(len(people) > 1 for people in scalers.values()):
        text = "folds of different training people have the same scaler"
        return YES, text, _TOLD
    if scalers:
        text = "no scaler is the same for two sets of training people"
        return NO, text, _TOLD
    if folds.of("method"):
        return NO, "nothing is scaled by statistics of samples", _TOLD
    return OPEN, "folds of before scalers were stored", _TOLD


def _selection(folds):
    own = {told["called"] for told in folds.of("method")}
    own = {name for name in own if ":" in name}
    if own or not folds.of("method"):
        return OPEN, f"methods of one's own: {_list(own) or 'unknown'}", _TOLD
    text = "no method of the suite selects features outside of its training"
    text += "; whether people chose channels is for them to say"
    return NO, text, _TOLD


def _duplicates(folds):
    for fold in folds.results:
        names = fold.predictions["window_id"]
        if twice := len(names) - len(np.unique(names)):
            text = f"fold {fold.key.fold}: {twice} tested samples have the name"
            return YES, f"{text} of another", _PREDICTIONS
    for (_, *learnt, tested), told in zip(
        folds.people(), folds.told, strict=True
    ):
        files = told.get("training_files", ())
        both = {*files} & {*told.get("tested_files", ())}
        # Of the same people it is the same file: L1.1 and L3.2 say so.
        if both and tested.isdisjoint(set().union(*learnt)):
            text = f"fold {told['key']['fold']}: {len(both)} files of the same "
            return YES, f"{text}content are trained on and tested", _TOLD
        if twins := told.get("identical_windows"):
            text = f"fold {told['key']['fold']}: {twins} tested windows equal "
            return YES, f"{text}one that was trained on", _TOLD
    windows, files = folds.of("identical_windows"), folds.of("tested_files")
    if not (windows or any(files)):
        return OPEN, "folds hold no hashes of files or windows", _TOLD
    counted = "windows and files" if windows and any(files) else "files"
    counted = counted if any(files) else "windows"
    return NO, f"no two {counted} across training and test are the same", _TOLD


def _illegitimate(folds):
    labels, channels = {*folds.of("label")}, folds.of("channels")
    names = {name for of in channels for name in of}
    if both := labels & names:
        return YES, f"the label {_list(both)} is among the channels", _TOLD
    seen = _list(names) or "pictures or landmarks"
    classes = [" or ".join(of) for of in folds.of("class_names") if of]
    what = _list(labels - {""}) or _list({*classes}) or "an intensity"
    return OPEN, f"predicted is {what} from {seen}", _TOLD


def _temporal(folds):
    answer, text, file = _dependent(folds)
    if answer == YES:
        return YES, f"parts are not ordered in time, and {text}", file
    text = "nobody's recordings are on both sides; when people were recorded "
    return NO, text + "is not in the store", file


def _dependent(folds):
    for fold, train, _, tested in folds.people():
        if both := train & tested:
            text = f"fold {fold.key.fold}: {_list(both)} trained on and tested"
            return YES, text, _PREDICTIONS
    text = "no person who is tested is trained on"
    settings = folds.results[0].config["dataset"].get("windows", {})
    if settings.get("step", 1) < settings.get("length", 0):
        text += "; windows of one person overlap, so that samples are fewer "
        text += "than they look"
    return NO, text, _PREDICTIONS


def _population(folds):
    if any(folds.of("simulated")):
        return YES, "SIMULATED people stand for nobody", _TOLD
    groups = {}
    for of in folds.of("tested_groups"):
        groups |= of
    counts = pd.Series(groups, dtype=object).value_counts().to_dict()
    texts = (f"{n} {group or 'of no group'}" for group, n in counts.items())
    text = ", ".join(texts)
    return OPEN, f"tested are {text or 'people of unknown groups'}", _TOLD


_ANSWERS = {
    "L1.1": _no_test_set,
    "L1.2": _preprocessing,
    "L1.3": _selection,
    "L1.4": _duplicates,
    "L2": _illegitimate,
    "L3.1": _temporal,
    "L3.2": _dependent,
    "L3.3": _population,
}
