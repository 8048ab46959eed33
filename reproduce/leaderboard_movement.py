"""Every movement method under one leak-free protocol, with statistics.

    python reproduce/leaderboard_movement.py              # simulated EmoPain
    python reproduce/leaderboard_movement.py --manual_dir RAW
    python reproduce/leaderboard_movement.py --corpus ui_prmd --manual_dir DIR
    python reproduce/leaderboard_movement.py --methods my_file:MyMethod

Leave one subject out. All methods get the same windows and folds; networks
have the same number of epochs. A method of your own joins with its row and its
p-values.
"""

from keras_pain.data.windows import PROTECTIVE_CLASSES
from keras_pain.experiments.protocols import LEAK_FREE
from keras_pain.experiments.provenance import quiet_start
from keras_pain.reports.table import ColumnSpec, RowSpec, TableSpec
from keras_pain.reproduction import Experiment, main

with quiet_start():  # it imports TensorFlow
    from keras_pain.reproduction.leaderboard import (
        leaderboard_report,
        movement_methods,
    )


# Of a smoke run, which ends within a minute: one network of each paper.
SMOKE_METHODS = (
    *("knn", "svm", "rf_frames"),
    *("stacked_lstm", "banet", "alanet", "lsfan"),
)


def table(name, title, classes, channels, notes=()) -> TableSpec:
    """One row a registered method."""
    return TableSpec(
        name=name,
        title=title,
        paper="None: a comparison by this suite",
        rows=tuple(
            RowSpec(method, method, "loso")
            for method in movement_methods(channels)
        ),
        columns=(ColumnSpec("Macro-F1", "macro_f1"),),
        class_names=classes,
        notes=notes,
    )


EMOPAIN = Experiment(
    table=table(
        "leaderboard_emopain",
        "Protective behaviour, leave one subject out, leak-free",
        PROTECTIVE_CLASSES,
        channels=30,
    ),
    corpus="emopain",
    layouts=("challenge2020", "coordinates", "fame"),
    settings={
        "cut": "sliding_windows",
        "length": 180,
        "step": 45,
        "padding": "zero",
        "label_rule": "merged_majority",
        "activities": [1, 2, 3, 4, 5],  # the exercises that the papers use
    },
    simulated_epochs=4,
    smoke_methods=SMOKE_METHODS,
    protocols=(LEAK_FREE,),
    seeds=(0, 1, 2),
    join_methods=True,
    report=leaderboard_report,
)

CLASSES = ("correct", "incorrect")
UI_PRMD = Experiment(
    table=table(
        "leaderboard_ui_prmd",
        "UI-PRMD m05 and m10, correct or incorrect, leave one subject out",
        CLASSES,
        channels=26,
        notes=(
            "Chance macro-F1 is 0.50: both classes are equally frequent. "
            "Without sEMG there is no row for the dual-stream LSTM.",
        ),
    ),
    corpus="ui_prmd",
    layouts=("vicon",),
    # One sample an episode, brought to 180 frames.
    settings={
        "cut": "whole_recordings",
        "label": "label",
        "class_names": CLASSES,
        "length": 180,
    },
    where={"exercise": ("m05", "m10")},
    augmentation="none",
    epochs=20,
    smoke_methods=SMOKE_METHODS,
    protocols=(LEAK_FREE,),
    seeds=(0, 1, 2),
    join_methods=True,
    report=leaderboard_report,
)

if __name__ == "__main__":
    main(EMOPAIN, UI_PRMD, choose_corpus=True)
