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
from keras_pain.reports.table import ColumnSpec, RowSpec, TableSpec
from keras_pain.reproduction import Experiment, Options, OwnOptions, main
from keras_pain.reproduction.flags import define_corpus

METHODS = ("rf_frames", "logistic_regression")
EXERCISES = ("own_exercise", "other_exercise", "other_exercise_known")


def ui_prmd(protocols, report) -> Experiment:
    """Windows of 1.5 s, half of it overlapping, of two exercises."""
    labels = ("Majority class", "Random forest", "Logistic regression")
    rows = zip(labels, ("majority", *METHODS), strict=True)
    classes = ("correct", "incorrect")
    return Experiment(
        table=TableSpec(
            name="ledger_ui_prmd",
            title="Disputed choices, UI-PRMD m05 and m10",
            paper="None: a measurement of this suite",
            rows=tuple(RowSpec(*row, "loso") for row in rows),
            columns=(ColumnSpec("Macro-F1", "macro_f1"),),
            class_names=classes,
        ),
        corpus="ui_prmd",
        layouts=("vicon",),
        settings={
            "cut": "sliding_windows",
            "segments": "whole",
            "label": "label",
            "class_names": list(classes),
            "length": 90,
            "step": 45,
        },
        where={"exercise": ("m05", "m10")},
        augmentation="none",
        epochs=8,
        protocols=protocols(),
        seeds=(0, 1, 2),
        report=report,
    )


def chosen(options: Options) -> list[Experiment]:
    """The one that `--corpus` names."""
    with quiet_start():  # it imports TensorFlow
        from keras_pain.reports.ledger import dispute_protocols, ledger_report
        from keras_pain.reproduction import own

    report = functools.partial(ledger_report, disputes=True)
    corpus = flags.FLAGS.corpus
    if corpus == "ui_prmd":
        return [ui_prmd(dispute_protocols, report)]
    settings = {"label": "class"}
    if corpus == "emg_lower_limb":
        settings = {"label": "activity", "window_seconds": 2.0, "rate": 30.0}
        settings["step_seconds"] = 1.0
    found = own.own_experiment(
        options.manual_dir,
        OwnOptions(**settings),
        corpus=corpus,
        methods=METHODS,
        name=f"ledger_{corpus}",
        title=f"Disputed choices, {corpus}",
        seeds=(0, 1, 2),
        epochs=10,
    )
    without = EXERCISES
    if corpus == "buhmap":
        found = own.LandmarkWindows(**vars(found))
        without += ("no_overlap",)  # a window is a whole recording
    rows = [row for row in found.table.rows if row.method != "stratified"]
    table = dataclasses.replace(found.table, rows=tuple(rows))
    more = {"protocols": dispute_protocols(*without), "report": report}
    return [dataclasses.replace(found, table=table, **more)]


if __name__ == "__main__":
    define_corpus(["ui_prmd", "buhmap", "emg_lower_limb"])
    main(choose=chosen)
