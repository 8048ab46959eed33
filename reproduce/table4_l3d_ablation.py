"""L3D and what its two additions are worth: the paper's Table 1.

    python reproduce/table4_l3d_ablation.py            # simulated, both corpora
    python reproduce/table4_l3d_ablation.py --corpus unbc_mcmaster \\
        --manual_dir RAW                               # the real corpus

With a real corpus the flags are the paper's: 32 frames of 224 x 224 pixels,
batch 100, early stopping; `--micro_batch 10` fits a smaller GPU.
"""

from pathlib import Path

from keras_pain.reproduction import main
from keras_pain.reproduction.l3d import l3d_experiment

PUBLISHED = Path(__file__).parent / "published"
ROWS = (
    ("L3D", "l3d"),
    ("L3D + multi-scale fusion", "l3d_multi_scale"),
    ("L3D + improved SE", "l3d_se"),
    ("L3D + both (full)", "l3d_full"),
)

EXPERIMENTS = [
    l3d_experiment(
        f"table4_{short}",
        "Ablation of the improved L3D",
        corpus,
        ROWS,
        PUBLISHED / f"l3d_table1_{short}.csv",
    )
    for short, corpus in (("unbc", "unbc_mcmaster"), ("biovid", "biovid"))
]

if __name__ == "__main__":
    main(*EXPERIMENTS, choose_corpus=True, several=True)
