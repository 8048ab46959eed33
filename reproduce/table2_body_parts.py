"""ALANet, Table II: every body part encoded separately, hold-out.

Paper: Yuan and Mahmoud, "ALANet: Autoencoder-LSTM for pain and protective
behaviour detection", section V.B, Table II.

    python reproduce/table2_body_parts.py                  # simulated EmoPain
    python reproduce/table2_body_parts.py --manual_dir RAW # the real corpus

Some minutes on 2 CPU cores simulated. With a raw corpus the recipes' epochs
run: hours on a CPU, see --epochs.
"""

from pathlib import Path

from keras_pain.data.windows import PROTECTIVE_CLASSES
from keras_pain.reports.tables import ColumnSpec, RowSpec, TableSpec
from keras_pain.reproduction import Experiment, main

TABLE = TableSpec(
    name="table2_body_parts",
    title="Every body part encoded separately, hold-out (ALANet, Table II)",
    paper="Yuan and Mahmoud, ALANet: Autoencoder-LSTM for pain and protective "
    "behaviour detection, Table II",
    rows=(
        RowSpec("Majority class", "majority", "holdout"),
        RowSpec("BANet", "banet", "holdout"),
        RowSpec("ALANet, per body part", "alanet_parts", "holdout"),
    ),
    columns=(
        ColumnSpec("Accuracy", "accuracy"),
        ColumnSpec("F1 non-protective", "f1", 0),
        ColumnSpec("F1 protective", "f1", 1),
        ColumnSpec("Macro-F1", "macro_f1"),
        ColumnSpec("Balanced accuracy", "balanced_accuracy"),
        ColumnSpec("MCC", "mcc"),
        ColumnSpec("ROC-AUC", "roc_auc"),
        ColumnSpec("PR-AUC", "pr_auc"),
    ),
    class_names=PROTECTIVE_CLASSES,
    published=Path(__file__).parent / "published" / "alanet_table2.csv",
)

# Section IV.A: sliding windows with 75 % overlap, majority label.
SETTINGS = {
    "cut": "sliding_windows",
    "length": 180,
    "step": 45,
    "padding": "zero",
    "label_rule": "merged_majority",
}

EXPERIMENT = Experiment(
    table=TABLE,
    corpus="emopain",
    layouts=("challenge2020", "coordinates", "fame"),
    settings=SETTINGS,
    simulated_epochs=6,
    attention=("banet", "alanet_parts"),
)

if __name__ == "__main__":
    main(EXPERIMENT)
