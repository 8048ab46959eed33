"""What each known evaluation defect is worth: the ledger of leaks.

For L-SFAN and BANet: the leak-free protocol, then one defect on at a time,
then all, with either mean F1 that the released L-SFAN code prints (`Fm`, `Fm
best`); the change in pooled macro-F1, MCC and accuracy, with intervals.

    python reproduce/leaks.py                             # simulated EmoPain
    python reproduce/leaks.py --manual_dir RAW            # EmoPain
    python reproduce/leaks.py --corpus ui_prmd --manual_dir UI_PRMD

Both networks get the same windows, epochs and folds, so that only the defect
differs. No augmentation of training windows: it is no leak, and multiplies the
time by seven.
"""

from keras_pain.data.windows import PROTECTIVE_CLASSES
from keras_pain.experiments.provenance import quiet_start
from keras_pain.reports.table import ColumnSpec, RowSpec, TableSpec
from keras_pain.reproduction import Experiment, main

with quiet_start():  # it imports TensorFlow
    from keras_pain.reports.ledger import ledger_protocols, ledger_report


def table(corpus: str, classes: tuple[str, ...], notes=()) -> TableSpec:
    """Rows of the ledger; its numbers are changes, see the report."""
    return TableSpec(
        name=f"leaks_{corpus}",
        title=f"What each evaluation defect is worth ({corpus})",
        paper="None: a measurement of this suite",
        rows=(
            RowSpec("Majority class", "majority", "loso"),
            RowSpec("L-SFAN", "lsfan", "loso"),
            RowSpec("BANet", "banet", "loso"),
        ),
        columns=(ColumnSpec("Macro-F1", "macro_f1"),),
        class_names=classes,
        notes=notes,
    )


EMOPAIN = Experiment(
    table=table("emopain", PROTECTIVE_CLASSES),
    corpus="emopain",
    layouts=("fame", "coordinates", "challenge2020"),
    settings={
        "cut": "sliding_windows",
        "length": 180,
        "step": 45,
        "padding": "none",
        "label_rule": "merged_majority",
        "activities": [1, 2, 3, 4, 5],  # the exercises that the papers use
    },
    augmentation="none",
    epochs=12,
    simulated_epochs=12,
    protocols=ledger_protocols(),
    seeds=(0, 1),
    report=ledger_report,
)

# Episodes last 1 to 6 s: windows of 1.5 s, so that one gives several that
# overlap. One exercise, as one label means another thing in another.
UI_PRMD = Experiment(
    table=table(
        "ui_prmd",
        ("correct", "incorrect"),
        ("Exercise m05, sit to stand; nobody here is in pain.",),
    ),
    corpus="ui_prmd",
    layouts=("vicon",),
    settings={
        "cut": "sliding_windows",
        "segments": "whole",
        "label": "label",
        "class_names": ["correct", "incorrect"],
        "length": 90,
        "step": 22,
        "padding": "zero",
    },
    where={"exercise": ("m05",)},
    augmentation="none",
    epochs=8,
    protocols=ledger_protocols(),
    seeds=(0, 1),
    report=ledger_report,
)

if __name__ == "__main__":
    main(EMOPAIN, UI_PRMD, choose_corpus=True)
