"""The improved L3D against three networks on BioVid: the paper's Table 3.

python reproduce/table6_biovid.py                    # simulated
python reproduce/table6_biovid.py --manual_dir RAW   # the real corpus
"""

from pathlib import Path

from keras_pain.reproduction import main
from keras_pain.reproduction.l3d import l3d_experiment

EXPERIMENT = l3d_experiment(
    "table6_biovid",
    "Pain intensity",
    "biovid",
    (
        ("ResNet18-LSTM", "resnet18_lstm"),
        ("ResNet18-GRU", "resnet18_gru"),
        ("C3D", "c3d"),
        ("L3D + both (full)", "l3d_full"),
    ),
    Path(__file__).parent / "published" / "l3d_table3_biovid.csv",
    smoke=("resnet18_gru", "l3d_full"),
    # An update of C3D's 78 million parameters takes a second on two cores.
    simulated_epochs=2,
    simulated_batch=8,
)

if __name__ == "__main__":
    main(EXPERIMENT)
