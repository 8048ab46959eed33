"""Real recordings of ten people: correct or incorrect exercise, LOSO.

Nobody in UI-PRMD is in pain. It shows that readers, windows, folds, training
and metrics work on real signals; no paper of this suite reports on it, so the
paper's column is empty. Chance macro-F1 is 0.50.

Data: Vakanski et al., "A Data Set of Human Body Movements for Physical
Rehabilitation Exercises", Data 3(1):2, 2018.

    python reproduce/open_ui_prmd.py --manual_dir UI_PRMD --exercises m05,m10

One table an exercise and one over all of them, each in a folder of its own,
also below `--results_dir`; without `--exercises`, all that the folder has. One
sample an episode, as its label is the episode's; no augmentation, as the
classes are equally frequent; 40 epochs for every network. Two exercises with
`--protocol leak_free --jobs 2` took 38 minutes on 2 CPU cores that had other
work, too.
"""

from absl import flags

from keras_pain.corpora import ui_prmd
from keras_pain.errors import ConfigurationError, check_choice
from keras_pain.reports.table import ColumnSpec, RowSpec, TableSpec
from keras_pain.reproduction import Experiment, Options, main

EXERCISES = {
    f"m{number:02d}": name.replace("_", " ")
    for number, name in enumerate(ui_prmd.EXERCISES[1:], start=1)
}
CLASSES = ("correct", "incorrect")
# One sample an episode, brought to 180 frames.
SETTINGS = {
    "cut": "whole_recordings",
    "label": "label",
    "class_names": CLASSES,
    "length": 180,
}


def table(exercise: str) -> TableSpec:
    """The table of one exercise, or over all that are run."""
    what = (
        f"{exercise} ({EXERCISES[exercise]})" if exercise else "all exercises"
    )
    return TableSpec(
        name=f"open_ui_prmd_{exercise or 'all'}",
        title=f"UI-PRMD {what}: correct or incorrect, leave one subject out",
        paper="No paper of this suite; data: Vakanski et al., Data 3(1):2, "
        "2018",
        rows=tuple(
            RowSpec(label, method, "loso")
            for label, method in (
                ("Majority class", "majority"),
                ("Stratified random", "stratified"),
                ("KNN", "knn"),
                ("SVM", "svm"),
                ("Random forest", "rf_frames"),
                ("Stacked-LSTM", "stacked_lstm"),
                ("BANet", "banet"),
                ("ALANet", "alanet"),
                ("ALANet, per body part", "alanet_parts"),
            )
        ),
        columns=(
            ColumnSpec("Macro-F1", "macro_f1"),
            ColumnSpec("Accuracy", "accuracy"),
            ColumnSpec("F1 correct", "f1", 0),
            ColumnSpec("F1 incorrect", "f1", 1),
            ColumnSpec("MCC", "mcc"),
            ColumnSpec("ROC-AUC", "roc_auc"),
        ),
        class_names=CLASSES,
        notes=("Chance macro-F1 is 0.50: both classes are equally frequent.",),
    )


def experiment(*exercises: str) -> Experiment:
    """One exercise, or several in one table."""
    return Experiment(
        table=table(exercises[0] if len(exercises) == 1 else ""),
        corpus="ui_prmd",
        layouts=("vicon",),
        settings=SETTINGS,
        where={"exercise": exercises},
        augmentation="none",
        epochs=40,
    )


EXPERIMENTS = tuple(map(experiment, EXERCISES))


def chosen(options: Options) -> list[Experiment]:
    """Each exercise asked for, or of which both classes are there, and all."""
    names = flags.FLAGS.exercises
    if options.manual_dir is None:
        return list(EXPERIMENTS)  # it says that there have to be files
    files = ui_prmd.find_files(options.manual_dir)
    there = {(file.info["exercise"], file.info["label"]) for file in files}
    found = [e for e in EXERCISES if {(e, c) for c in CLASSES} <= there]
    if not found:
        raise ConfigurationError(
            f"{options.manual_dir}: has no exercise that was done both "
            "correctly and incorrectly"
        )
    for name in names or ():
        check_choice("--exercises", name, found)
    wanted = [e for e in found if e in (names or found)]
    together = [experiment(*wanted)] if wanted[1:] else []
    return [*map(experiment, wanted), *together]


if __name__ == "__main__":
    flags.DEFINE_list(
        "exercises",
        None,
        "Exercises to run, e.g. m05,m10. Default: all that the folder has.",
    )
    main(*EXPERIMENTS, choose=chosen)
