"""Who is trained on, who chooses the epoch, who is tested.

Three evaluations, each in two variants:

* hold-out: the owners' training split against their validation split (ALANet,
  section V.A; the challenge's test labels were never released);
* loso: leave one subject out (BANet, section IV; ALANet's LOSOCV);
* cv5: five-fold cross-validation (L3D, section 3.2);
* group_kfold10: the same with another number of folds, of people, for users'
  own recordings.

* `as_published`: trained on all others. The test subjects choose the epoch
  where the defect `epoch_on_test` is on, as in the released BANet code;
* `leak_free`: the epoch is chosen on training subjects set aside for it; the
  test subjects are scored once.
"""

import csv
import dataclasses
import itertools
import json
from collections.abc import Mapping, Sequence

import numpy as np

from keras_pain.corpora.base import shorten
from keras_pain.errors import ConfigurationError, check_choice, reading
from keras_pain.io import read_text

EVALUATIONS = ("holdout", "loso", "cv5")
NUM_FOLDS = {"cv5": 5}
GROUP_KFOLD = "group_kfold"
PROTOCOLS = ("as_published", "leak_free")
_PARTS = ("train", "validation", "test")

# Share of the training subjects that chooses the epoch in `leak_free`; a
# quarter keeps the challenge's 16 : 7 proportion inside its training split.
INNER_SHARE = 0.25

# Participants of the challenge: 10 + 6 train, 4 + 3 validation.
HOLDOUT_SHARE = 7 / 23


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How people are split, and which `defects` are mimicked.

    `notes` are sentences for headers: why defects are assumed, and what
    released code does that is not mimicked.
    """

    name: str  # what folders and tables call it
    base: str = "leak_free"  # one of `PROTOCOLS`
    defects: tuple[str, ...] = ()  # keys of `defects.DEFECTS`, in order
    assumed: tuple[str, ...] = ()  # those of them that no released code shows
    notes: tuple[str, ...] = ()


LEAK_FREE = Protocol("leak_free")
# Of tables 1 to 3.
AS_PUBLISHED = Protocol(
    "as_published",
    "as_published",
    ("epoch_on_test", "no_mask_padding"),
    assumed=("epoch_on_test",),
    notes=(
        "epoch_on_test is known of BANet, whose released code does it, and "
        "assumed of all others: no code of theirs was released. ALANet's "
        "section V.A has a training set and a validation set that evaluates, "
        "and no third that could choose; its settings are BANet's.",
        "Not mimicked of the released BANet code: batches always in the same "
        "order (shuffle=False); F1 of a class rounded to two decimals in each "
        "fold before the mean, and 1 in a fold without that class.",
    ),
)
STANDARD_PROTOCOLS = (AS_PUBLISHED, LEAK_FREE)


@dataclasses.dataclass(frozen=True)
class Subject:
    """A participant as protocols see one.

    Splits keep the strata, e.g. `"patient"`, in proportion; `split` is the
    owners', or `""`.
    """

    id: str
    stratum: str
    split: str = ""


@dataclasses.dataclass(frozen=True)
class Fold:
    """Subject ids of one fold; `validation` is where the epoch is chosen."""

    name: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def check(self, protocol: str) -> None:
        """Raises ConfigurationError where a subject is in two parts.

        Only `"leak_free"` forbids it for validation and test.
        """
        for one, other in itertools.combinations(_PARTS, 2):
            both = set(getattr(self, one)) & set(getattr(self, other))
            if both and (one == "train" or protocol == "leak_free"):
                raise ConfigurationError(
                    f"fold {self.name}: subjects {sorted(both)} are in both "
                    f"{one} and {other}"
                )


def make_folds(
    subjects: Sequence[Subject],
    evaluation: str,
    protocol: str,
    seed: int = 0,
    num_folds: int | None = None,
    split: Mapping[str, Mapping] | None = None,
) -> list[Fold]:
    """Folds of one evaluation under one protocol.

    Raises ConfigurationError at unknown names, and too few subjects.

    Args:
        subjects: Everyone with at least one window.
        evaluation: One of `EVALUATIONS`, or `group_kfold` and a number.
        protocol: One of `PROTOCOLS`.
        seed: Draws the parts of a cross-validation, the inner validation
            subjects, and the hold-out subjects where the release has no split.
        num_folds: Of a cross-validation, where not as many as its name says.
        split: The folds instead, from `read_folds`; people who choose the
            epoch are drawn where it names none.

    Returns:
        Checked folds; for `"loso"` one a subject, named by the subject; of a
        cross-validation those named `fold0` and so on.
    """
    own = evaluation.removeprefix(GROUP_KFOLD)
    if own == evaluation or not own.isdecimal():
        check_choice("evaluation", evaluation, EVALUATIONS)
    check_choice("protocol", protocol, PROTOCOLS)
    found = sorted({subject.id for subject in subjects})
    if len(found) < 2:
        raise ConfigurationError(
            f"only one subject has windows ({', '.join(found) or 'none'}): a "
            "split by subject needs at least two; simulate or provide more"
        )
    outer = {}  # by name of the fold: people to train on, people to test
    if split:
        outer = {n: _people_of(n, of, subjects) for n, of in split.items()}
    elif evaluation == "holdout":
        outer = {"holdout": _holdout(subjects, seed)}
    elif evaluation != "loso":
        wanted = num_folds or NUM_FOLDS.get(evaluation) or int(own)
        if len(subjects) < wanted:
            raise ConfigurationError(
                f"{wanted}-fold cross-validation needs at least {wanted} "
                f"subjects, found {len(subjects)}; simulate or provide more"
            )
        rng = np.random.default_rng([seed, 5])
        dealt = []
        for stratum in _strata(subjects):
            dealt += [stratum[i] for i in rng.permutation(len(stratum))]
        parts = [dealt[number::wanted] for number in range(wanted)]
        for number, test in enumerate(parts):
            others = [o for part in parts if part is not test for o in part]
            outer[f"fold{number}"] = others, test
    else:
        # Patients first, then controls, each by id: the order of the released
        # L-SFAN's folds, which matters where they share a network.
        ordered = sorted(subjects, key=lambda s: s.id)
        ordered.sort(key=lambda s: s.stratum.startswith("healthy"))
        outer = {s.id: ([o for o in ordered if o != s], [s]) for s in ordered}
    folds = []
    for number, (name, (train, test, *named)) in enumerate(outer.items()):
        validation = test
        if named:
            validation = named[0]
        elif protocol == "leak_free":
            train, validation = _drawn(train, INNER_SHARE, (seed, number))
        parts = (train, validation, test)
        fold = Fold(name, *(tuple(s.id for s in part) for part in parts))
        fold.check(protocol)
        folds.append(fold)
    return folds


def _holdout(subjects, seed):
    """The owners' split; where there is none, one drawn by `seed`."""
    train = [s for s in subjects if s.split == "train"]
    test = [s for s in subjects if s.split == "validation"]
    if train and test:
        return train, test
    if train or test:
        raise ConfigurationError(
            "hold-out needs subjects in both the train and the validation "
            f"split; found {len(train)} and {len(test)}"
        )
    return _drawn(subjects, HOLDOUT_SHARE, (seed, 23))


def read_folds(path) -> dict[str, dict[str, list[str]]]:
    """Somebody's folds by name: ids of people in `train`, `validation`, `test`.

    From a `subjects_*.json` of the suite, or a table of text, whose commas,
    semicolons or tabs divide the columns fold, participant_id and part (none:
    test). No training people means all others. Raises BadFileError where it is
    neither.
    """
    cure = "see --subjects_file in --help"
    with reading(path, "holds no folds of people", cure):
        text = read_text(path)
        if text.lstrip().startswith("{"):
            told = json.loads(text)
        else:
            mark = next((mark for mark in "\t;" if mark in text), ",")
            table = csv.DictReader(text.splitlines(), delimiter=mark)
            columns = {"fold": "", "part": "test", "participant_id": ""}
            if not {"fold", "participant_id"} <= {*(table.fieldnames or ())}:
                needs = "it needs the columns fold, participant_id, and part"
                raise ValueError(needs)
            told = {}
            for row in table:
                name, part, person = (
                    (row.get(column) or usual).strip()
                    for column, usual in columns.items()
                )
                parts = told.setdefault(name, {})
                parts.setdefault(part.lower(), []).append(person)
        found = {}
        for name, parts in told.items():
            if odd := parts.keys() - {*_PARTS, "name", "simulated"}:
                raise ValueError(f"fold {name!r} has a part {min(odd)!r}")
            # A list may have ids that are numbers.
            parts = {p: [*map(str, parts.get(p, ()))] for p in _PARTS}
            if not parts["test"]:
                raise ValueError(f"fold {name!r} tests nobody")
            if not name or name.strip(". ") != name:
                raise ValueError(f"a fold cannot be called {name!r}")
            if parts["validation"] == parts["test"]:  # as published
                parts["validation"] = []
            found[name] = parts
        if not found:
            raise ValueError("it names no fold")
    return found


def _people_of(name, parts, subjects):
    """Subjects to train on and to test, and those who choose, if named."""
    known = {subject.id: subject for subject in subjects}
    for part in _PARTS:
        if unknown := sorted({*parts[part]} - known.keys()):
            raise ConfigurationError(
                f"--subjects_file: fold {name}: {unknown[0]!r} has no samples "
                f"here; there are {shorten(sorted(known))}"
            )
    if not parts["train"]:
        others = known.keys() - {*parts["test"], *parts["validation"]}
        parts = {**parts, "train": others}
    chosen = ("train", "test", *["validation"] * bool(parts["validation"]))
    return [[known[i] for i in sorted({*parts[part]})] for part in chosen]


def _strata(subjects):
    """Subjects of each stratum, by id."""
    ordered = sorted(subjects, key=lambda s: (s.stratum, s.id))
    groups = itertools.groupby(ordered, key=lambda s: s.stratum)
    return [list(group) for _, group in groups]


def _drawn(subjects, share, seed):
    """Subjects that stay, and about `share` of each stratum; both by id."""
    if len(subjects) < 2:
        raise ConfigurationError(
            "setting people aside who choose the epoch needs two or more to "
            f"train on in every fold, got {[s.id for s in subjects]}; take a "
            "corpus of more people, or, in a paper's table, "
            "--protocol=as_published"
        )
    rng = np.random.default_rng(seed)
    drawn = set()
    for stratum in _strata(subjects):
        ids = [subject.id for subject in stratum]
        wanted = min(max(round(share * len(ids)), 1), len(ids) - 1)
        drawn.update(rng.permutation(ids)[:wanted].tolist())
    if not drawn:  # every stratum has one member
        drawn.add(rng.choice(sorted(s.id for s in subjects)).item())
    parts = [], []
    for subject in sorted(subjects, key=lambda subject: subject.id):
        parts[subject.id in drawn].append(subject)
    return parts


def subjects_of(
    recordings: Sequence[Mapping], with_windows: Sequence[str]
) -> list[Subject]:
    """Subjects of recordings that have windows, with stratum and split.

    The stratum is group and highest pain level: a patient with high pain
    should not be the only one of the kind on one side of a split.
    """
    last, levels = {}, {}
    for recording in recordings:
        subject = recording["subject_id"]
        level = int(np.max(recording.get("pain_level", -1)))
        levels[subject] = max(levels.get(subject, -1), level)
        last[subject] = recording
    found = []
    for name in sorted(last.keys() & set(with_windows)):
        stratum = f"{last[name].get('group', '')}{levels[name]}"
        found.append(Subject(name, stratum, last[name].get("split", "")))
    return found


def has_owners_split(subjects: Sequence[Subject]) -> bool:
    """Whether the release says who is for training and who for validation."""
    return {"train", "validation"} <= {subject.split for subject in subjects}
