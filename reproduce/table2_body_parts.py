"""ALANet, Table II: every body part encoded separately, hold-out.

Paper: Yuan and Mahmoud, "ALANet: Autoencoder-LSTM for pain and protective
behaviour detection", section V.B, Table II.

    python reproduce/table2_body_parts.py                  # simulated EmoPain
    python reproduce/table2_body_parts.py --manual_dir RAW # the real corpus

Some minutes on 2 CPU cores simulated. With a raw corpus the recipes' epochs
run: hours on a CPU, see --epochs.
"""

import dataclasses
from pathlib import Path

import table1_protective as table1

from keras_pain.reports.table import RowSpec
from keras_pain.reproduction import main

TABLE = dataclasses.replace(
    table1.TABLE,
    name="table2_body_parts",
    title="Every body part encoded separately, hold-out (ALANet, Table II)",
    paper="Yuan and Mahmoud, ALANet: Autoencoder-LSTM for pain and protective "
    "behaviour detection, Table II",
    rows=(
        RowSpec("Majority class", "majority", "holdout"),
        RowSpec("BANet", "banet", "holdout"),
        RowSpec("ALANet, per body part", "alanet_parts", "holdout"),
    ),
    published=Path(__file__).parent / "published" / "alanet_table2.csv",
)

EXPERIMENT = dataclasses.replace(
    table1.EXPERIMENT, table=TABLE, attention=("banet", "alanet_parts")
)

if __name__ == "__main__":
    main(EXPERIMENT)
