"""Disputed choices of a protocol, each switched on alone, on open recordings.

May a person be scaled by their own recordings? Does a model carry over to
another exercise, or another person? What do overlapping windows add, and folds
of windows with even classes? `leak_free` is trained with another seed as well,
so that what any training anew moves has a row of its own.

    python reproduce/ledger_open.py --corpus ui_prmd --manual_dir UI_PRMD
    python reproduce/ledger_open.py --corpus buhmap --manual_dir BUHMAP
    python reproduce/ledger_open.py --corpus emg_lower_limb --manual_dir EMG

Nobody in these is in pain. A forest of 30 trees and logistic regression, both
on statistics of windows; `--methods lsfan` trains a network instead.
"""

import dataclasses
import functools

from absl import flags

from keras_pain.experiments.provenance import quiet_start
from keras_pain.reports.table import RowSpec
from keras_pain.reproduction import Experiment, Options, OwnOptions, main
from keras_pain.reproduction.flags import define_corpus

METHODS = ("rf_frames", "logistic_regression")


def ui_prmd(leaks: Experiment) -> Experiment:
    """That of the leaks, of two exercises and windows that overlap by half."""
    labels = ("Majority class", "Random forest of 30", "Logistic regression")
    rows = zip(labels, ("majority", *METHODS), strict=True)
    settings = {**leaks.settings, "step": 45}
    del settings["padding"]
    table = dataclasses.replace(
        leaks.table,
        name="ledger_ui_prmd",
        title="Disputed choices, UI-PRMD m05 and m10",
        rows=tuple(RowSpec(*row, "loso") for row in rows),
        notes=(),
    )
    return dataclasses.replace(
        leaks,
        table=table,
        settings=settings,
        where={"exercise": ("m05", "m10")},
        seeds=(0, 1, 2),
    )


def of_own(corpus: str, manual_dir: str | None) -> tuple[Experiment, list[str]]:
    """That of a folder's recordings, and the disputes that it cannot have."""
    with quiet_start():
        from keras_pain.reproduction import own

    settings = {"label": "class"}
    if corpus == "emg_lower_limb":
        settings = {"label": "activity", "window_seconds": 2.0, "rate": 30.0}
        settings["step_seconds"] = 1.0
    found = own.own_experiment(
        manual_dir,
        OwnOptions(**settings),
        corpus=corpus,
        methods=METHODS,
        name=f"ledger_{corpus}",
        title=f"Disputed choices, {corpus}",
        seeds=(0, 1, 2),
        epochs=10,
    )
    without = ["own_exercise", "other_exercise", "other_exercise_known"]
    if corpus == "buhmap":
        found = own.LandmarkWindows(**vars(found))
        without.append("no_overlap")  # a window is a whole recording
    rows = [row for row in found.table.rows if row.method != "stratified"]
    table = dataclasses.replace(found.table, rows=tuple(rows))
    return dataclasses.replace(found, table=table), without


def chosen(options: Options) -> list[Experiment]:
    """The one that `--corpus` names."""
    with quiet_start():  # it imports TensorFlow
        import leaks

        from keras_pain.reports.ledger import dispute_protocols, ledger_report

    found, without = ui_prmd(leaks.UI_PRMD), []
    if flags.FLAGS.corpus != "ui_prmd":
        found, without = of_own(flags.FLAGS.corpus, options.manual_dir)
    report = functools.partial(ledger_report, disputes=True)
    protocols = dispute_protocols(*without)
    return [dataclasses.replace(found, protocols=protocols, report=report)]


if __name__ == "__main__":
    define_corpus(["ui_prmd", "buhmap", "emg_lower_limb"])
    main(choose=chosen)
