"""ConvNeXt-LSTM and STGCN-LSTM on PEMF: pain or none, from a facial clip.

Paper: Ridouan et al., "Improving pain classification using spatio-temporal deep
learning approaches with facial expressions", arXiv 2501.06787. Its tables were
not at hand, so the paper's cells are empty.

    python reproduce/table9_pemf.py                     # simulated
    python reproduce/table9_pemf.py --manual_dir RAW    # the real database
    python reproduce/table9_pemf.py --manual_dir RAW --landmarks=tflite:FILE \\
        --backbone=ConvNeXtXLarge --backbone_weights=convnext_xlarge_notop.h5

Features of the frozen backbone are computed once and kept with the dataset, so
that a second call begins with the training. The simulated run has a small
backbone with random weights, on faces cut out by the detector: enough to tell
simulated grimaces from rest. That it is the labels that are learnt shows where
they are dealt at random:

    python reproduce/table9_pemf.py --protocol=leak_free --shuffle_labels \\
        --results_dir=results/table9_shuffled

The paper's backbone is frozen. `--methods=convnext_lstm_finetuned` trains it as
well, from pictures to classes, which wants a GPU.
"""

from pathlib import Path

from keras_pain.experiments.protocols import LEAK_FREE, Protocol
from keras_pain.reports.table import ColumnSpec, RowSpec, TableSpec
from keras_pain.reproduction import main
from keras_pain.reproduction.faces import Simulation
from keras_pain.reproduction.pemf import PemfExperiment

EVALUATION = "cv5"
TABLE = TableSpec(
    name="table9_pemf",
    title="Pain or none from facial clips, PEMF",
    paper="Ridouan et al., Improving pain classification using "
    "spatio-temporal deep learning approaches with facial expressions, arXiv "
    "2501.06787",
    rows=tuple(
        RowSpec(label, method, EVALUATION)
        for label, method in (
            ("Majority class", "majority"),
            ("Stratified", "stratified"),
            ("ConvNeXt-LSTM a", "convnext_lstm_a"),
            ("ConvNeXt-LSTM b", "convnext_lstm_b"),
            ("ConvNeXt-LSTM c", "convnext_lstm_c"),
            ("ConvNeXt-LSTM d", "convnext_lstm_d"),
            ("STGCN-LSTM, corrected", "stgcn_lstm"),
            ("STGCN-LSTM, as coded", "stgcn_lstm_as_coded"),
            ("Late fusion (c + corrected)", "late_fusion"),
        )
    ),
    columns=(
        ColumnSpec("Accuracy", "accuracy"),
        ColumnSpec("Balanced accuracy", "balanced_accuracy"),
        ColumnSpec("Macro-F1", "macro_f1"),
        ColumnSpec("Weighted precision", "weighted_precision"),
        ColumnSpec("Weighted recall", "weighted_recall"),
        ColumnSpec("Weighted F1", "weighted_f1"),
        ColumnSpec("ROC-AUC", "roc_auc"),
    ),
    class_names=("no pain", "pain"),
    published=Path(__file__).parent / "published" / "pemf.csv",
    notes=(
        "Three of four clips show pain: accuracy alone says little, and so do "
        "precision, recall and F1 weighted by the classes' shares, which both "
        "released programs print; weighted recall is accuracy.",
        "The released code holds out 10 % (ConvNeXt-LSTM) or 20 % (STGCN-"
        "LSTM) of the clips once. In as_published each of five folds holds "
        "out 20 % of the clips, so that every clip is tested once: a single "
        "hold-out of 28 clips has seven without pain.",
        "Late fusion, the mean of both systems' probabilities, is ours.",
    ),
    reference="convnext_lstm_c",
    samples="clips",
)

# What the released code does. No epoch is chosen on the test clips: the last
# one is tested.
AS_PUBLISHED = Protocol(
    "as_published",
    base="as_published",
    defects=(
        "clips_at_random",
        "last_epoch",
        "unscaled",
        "scaler_on_all_clips",
        "smote_before_validation",
        "normalised_twice",
        "jitter_after_standardisation",
    ),
)

EXPERIMENT = PemfExperiment(
    table=TABLE,
    corpus="pemf",
    layouts=("frames",),
    config="frames",
    settings={
        "label": "pain",
        "class_names": TABLE.class_names,
        "num_frames": 20,
        "size": 224,
        "level": "clip",
        "unit": "subject",
    },
    augmentation="none",
    simulated_epochs=8,
    protocols=(AS_PUBLISHED, LEAK_FREE),
    simulation=Simulation(
        corpus={
            "layout": "pictures",
            "subjects": 48,
            "size": (144, 120),
            "landmarks": True,
        },
        smoke_corpus={"subjects": 6},
        config="faces",
        settings={"size": 64},
        training={
            "backbone": "ConvNeXtTiny",
            "learning_rate": 1e-3,
            "relative": True,
            "batch_size": 16,
            "head": {"units": 64},
            "graph": {
                "filters": 16,
                "graph_filters": 16,
                "temporal_filters": 4,
            },
        },
    ),
)

if __name__ == "__main__":
    main(EXPERIMENT)
