"""The ledger of leaks: its protocols, and the report on their folds."""

from collections.abc import Sequence
from pathlib import Path

from keras_pain.errors import KerasPainError
from keras_pain.experiments.defects import LEAKS
from keras_pain.experiments.protocols import LEAK_FREE, Protocol
from keras_pain.reports.ledger import change, condition
from keras_pain.reports.ledger_document import write_ledger
from keras_pain.reproduction.finished import FinishedRun

NONE, ALL = "none", "all of these"
_SCORING = tuple(defect.name for defect in LEAKS if defect.only_scoring)
_TRAINING = tuple(
    defect.name for defect in LEAKS if defect.name not in _SCORING
)


def ledger_protocols() -> tuple[Protocol, ...]:
    """Leak-free, each leak that changes a run alone, and all together.

    Leaks of scoring need no run of their own: they score the predictions of
    the leak-free one.
    """
    single = [
        Protocol(f"leak_free+{name}", defects=(name,)) for name in _TRAINING
    ]
    return (LEAK_FREE, *single, Protocol("leak_free+all", defects=_all_leaks()))


def _all_leaks() -> tuple[str, ...]:
    return tuple(defect.name for defect in LEAKS)


def ledger_report(run: FinishedRun) -> list[Path]:
    """Writes the ledger of a run under `ledger_protocols`.

    Raises:
        KerasPainError: Folds are missing; which, and what to do.
    """
    missing = [key for key in run.expected if not run.store.contains(key)]
    if missing:
        raise KerasPainError(
            f"{run.results_dir}: {len(missing)} of {len(run.expected)} folds "
            "are not run yet; the ledger is written when the same command "
            "without --folds has run them"
        )
    ledger = {
        row.label: _changes(run, row.method)
        for row in run.table.rows
        if row.method not in ("majority", "stratified")
    }
    seeds = len({key.seed for key in run.expected})
    drawn = f" and seeds ({seeds})" if seeds > 1 else " (one seed)"
    return write_ledger(
        ledger,
        {defect.name: defect.says for defect in LEAKS},
        run.results_dir,
        title=run.table.title,
        corpus=run.prepared.corpus,
        simulated=run.prepared.simulated,
        header=[
            line for line in run.header if "Protocol leak_free+" not in line
        ],
        remarks=(
            *run.table.notes,
            f"Intervals: people{drawn} drawn with "
            "replacement 2,000 times, the same ones with and without the "
            "defect; predictions are grouped by the person who moved, also "
            "where windows were split at random.",
            "Intervals take the trained networks as given: where a defect "
            "needs networks of its own, part of a change is what any training "
            "anew would move, and one or two seeds hardly tell them apart.",
            "threshold_on_test tunes the threshold in every draw, too: its "
            "macro-F1 cannot fall, its interval cannot reach below zero, and "
            "with few people it is shifted upwards, since draws have fewer "
            "different people to fit.",
            "With one epoch there is no epoch to choose: epoch_on_test is "
            "zero then by construction.",
            "epoch_on_test keeps the training people of leak_free: only who "
            "chooses the epoch changes.",
            "The leaks of scoring, "
            f"{' and '.join(_SCORING)}, are applied to the leak-free "
            "predictions.",
        ),
    )


def _changes(run: FinishedRun, method: str) -> dict:
    """What each leak changes for one method."""
    subjects = sorted({str(s) for s in run.windows[LEAK_FREE.name].subject})
    clean = _predictions(run, method, LEAK_FREE.name)
    base = condition(clean, (), subjects)
    sides = {NONE: base}
    for name in _all_leaks():
        if name in _SCORING:
            sides[name] = condition(clean, (name,), subjects)
        else:
            folds = _predictions(run, method, f"leak_free+{name}")
            sides[name] = condition(folds, (name,), subjects)
    folds = _predictions(run, method, "leak_free+all")
    sides[ALL] = condition(folds, _all_leaks(), subjects)
    return {name: change(base, side) for name, side in sides.items()}


def _predictions(run: FinishedRun, method: str, protocol: str) -> Sequence:
    """Predictions of every fold, by seed."""
    seeds: dict[int, list] = {}
    for key in run.expected:
        if (key.method, key.protocol) == (method, protocol):
            seeds.setdefault(key.seed, []).append(
                run.store.read(key).predictions
            )
    return [seeds[seed] for seed in sorted(seeds)]
