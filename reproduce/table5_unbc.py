"""The improved L3D against C3D and the literature on UNBC: the paper's Table 2.

python reproduce/table5_unbc.py                    # simulated
python reproduce/table5_unbc.py --manual_dir RAW   # the real corpus
"""

from pathlib import Path

from keras_pain.reproduction import main
from keras_pain.reproduction.l3d import l3d_experiment

EXPERIMENT = l3d_experiment(
    "table5_unbc",
    "Pain intensity",
    "unbc_mcmaster",
    (("C3D", "c3d"), ("L3D + both (full)", "l3d_full")),
    Path(__file__).parent / "published" / "l3d_table2_unbc.csv",
    literature=(
        ("RNN-HCRF", "rnn_hcrf"),
        ("Manifold trajectories", "manifold_trajectories"),
        ("ML", "ml"),
        ("CNN-RNN", "cnn_rnn"),
        ("DeepFaceLift", "deep_face_lift"),
    ),
    simulated_epochs=3,  # of C3D, 78 million parameters, on two cores
    notes=(
        "Rows without ours are numbers that the paper took from other papers, "
        "each with its own protocol.",
    ),
)

if __name__ == "__main__":
    main(EXPERIMENT)
