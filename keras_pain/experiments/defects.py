"""Known evaluation defects, each a named switch of a protocol.

A defect is a few lines that plug into a run: it changes the windows' settings,
who is who, what the scaler sees, what is tested, how a network starts, or how
predictions are scored. `leak_free` has none of them on. The first group leaks
or flatters whatever the model; the second is what the released L-SFAN code
does on top. Those of the released AACSFNet code are in `aacsfnet_defects`.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from sklearn.metrics import f1_score

from keras_pain.data.clips import ClipSet
from keras_pain.data.windows import WindowSet
from keras_pain.errors import ConfigurationError
from keras_pain.experiments.metrics import compute_metrics
from keras_pain.experiments.pemf_defects import PEMF_SWITCHES
from keras_pain.experiments.protocols import Fold
from keras_pain.experiments.regression import compute_regression

Samples = WindowSet | ClipSet
TEST_BATCH = 32  # released AACSFNet code

_BANET_CODE = "released BANet code"
_LSFAN_CODE = "released L-SFAN code"


@dataclasses.dataclass(frozen=True)
class Defect:
    """One switch. Fields that are left out change nothing.

    Args:
        name: Its key in `DEFECTS`.
        says: What happens, in one line, for headers.
        source: Where it was seen.
        settings: From the windows' settings to those with the defect.
        windows: `(windows, seed)` to windows whose subjects or labels are
            changed.
        folds: From all folds to those that are run.
        fold: From a fold's people to those with the defect.
        train: From training samples to those with the defect.
        scaler_sees_everyone: The scaler is fitted on all windows.
        augments_first: Copies are made before scaling.
        tests_copies: Augmented copies of test windows are tested as well.
        continues: Networks start from the weights of the fold before.
        arguments: Arguments of model builders, by method; of networks of
            faces also their `recipe`.
        probabilities: `(y_true, probabilities)` to those that are scored.
        scored: `(y_true, y_pred, batch_size)` of a fold to the intensities
            that are scored.
        metrics: From the metrics to those that are printed.
    """

    name: str
    says: str
    source: str
    settings: Callable[[Mapping], dict] | None = None
    windows: Callable[[Samples, int], Samples] | None = None
    folds: Callable[[Sequence[Fold]], list[Fold]] | None = None
    fold: Callable[[Fold], Fold] | None = None
    train: Callable[[Samples], Samples] | None = None
    scaler_sees_everyone: bool = False
    augments_first: bool = False
    tests_copies: bool = False
    continues: bool = False
    arguments: Mapping[str, Mapping] = dataclasses.field(default_factory=dict)
    probabilities: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    scored: Callable[..., tuple[np.ndarray, np.ndarray]] | None = None
    metrics: Callable[[dict], dict] | None = None

    @property
    def only_scoring(self) -> bool:
        """Whether the networks are those of the protocol without it."""
        scoring = (self.probabilities, self.scored, self.metrics)
        return any(change is not None for change in scoring)


def _choose_on_test(fold: Fold) -> Fold:
    return dataclasses.replace(fold, validation=fold.test)


def _random_groups(windows: WindowSet, seed: int) -> WindowSet:
    """Windows dealt at random to groups of the subjects' sizes."""
    rng = np.random.default_rng([seed, 41])
    return dataclasses.replace(
        windows, subject=rng.permutation(windows.subject)
    )


def best_threshold(y_true: np.ndarray, positive: np.ndarray) -> float:
    """The threshold on P(class 1) with the highest macro-F1.

    Args:
        y_true: `(n,)` 0 / 1.
        positive: `(n,)` probabilities of class 1.

    Returns:
        One of 0.01, 0.02, ..., 0.99; of equals the nearest to 0.5.
    """
    grid = np.linspace(0.01, 0.99, 99)
    scores = [
        f1_score(
            y_true, positive > t, labels=[0, 1], average="macro",
            zero_division=0,
        )
        for t in grid
    ]  # fmt: skip
    order = np.lexsort((np.abs(grid - 0.5), -np.round(scores, 12)))
    return float(grid[order[0]])


def _tune_threshold(y_true, probabilities):
    """Probabilities whose arg max is the decision at the best threshold."""
    if probabilities.shape[1] != 2:
        raise ConfigurationError(
            "threshold_on_test needs two classes, this task has "
            f"{probabilities.shape[1]}"
        )
    positive = np.asarray(probabilities[:, 1], np.float64)
    cut = best_threshold(y_true, positive)
    # Monotone, so that ranks and with them ROC-AUC and PR-AUC stay.
    above = positive > cut
    moved = np.where(
        above,
        0.5 + 0.5 * (positive - cut) / (1 - cut) + 1e-9,
        0.5 * positive / cut - 1e-9,
    ).clip(0, 1)
    return np.stack([1 - moved, moved], axis=1)


def _precision_for_f1(metrics: dict) -> dict:
    """The last class's F1 is its precision, and enters the mean."""
    precision = metrics["precision"][-1]
    if precision is None and metrics["f1"][-1] is not None:
        precision = 0.0  # scikit-learn's, where nothing is predicted
    f1 = [*metrics["f1"][:-1], precision]
    known = [value for value in f1 if value is not None]
    return {**metrics, "f1": f1, "macro_f1": float(np.mean(known))}


def _label_rule(changes: Mapping[str, str]) -> Callable[[Mapping], dict]:
    def change(settings):
        rule = settings.get("label_rule", "papers_per_frame")
        if rule not in changes:
            raise ConfigurationError(
                f"this defect cannot be switched on over label rule {rule!r}"
            )
        return {**settings, "label_rule": changes[rule]}

    return change


LEAKS = (
    Defect(
        "epoch_on_test",
        "the epoch is chosen on the test subjects",
        _BANET_CODE,
        fold=_choose_on_test,
    ),
    Defect(
        "scaler_on_everyone",
        "the scaler is fitted on all subjects, the tested ones included",
        _LSFAN_CODE,
        scaler_sees_everyone=True,
    ),
    Defect(
        "network_shared",
        "the network is not re-initialised between folds (of L-SFAN: its "
        "convolutions)",
        _LSFAN_CODE + "; proved by its released weights",
        continues=True,
    ),
    Defect(
        "augmented_copies_tested",
        "augmented copies of the test windows are tested as well",
        _LSFAN_CODE,
        tests_copies=True,
    ),
    Defect(
        "windows_at_random",
        "overlapping windows are split at random instead of by subject; its "
        "'subjects' are random groups of the same sizes",
        "frequent in the field; not in the code of these papers",
        windows=_random_groups,
    ),
    Defect(
        "precision_as_f1",
        "the precision of the last class is printed as its F1, and enters "
        "the mean F1",
        _LSFAN_CODE + ": recall_score_one calls precision_score",
        metrics=_precision_for_f1,
    ),
    Defect(
        "threshold_on_test",
        "the decision threshold is tuned on the test predictions",
        _LSFAN_CODE + ", its 'best' metrics",
        probabilities=_tune_threshold,
    ),
)

LSFAN_DEFECTS = (
    Defect(
        "shifted_rater_columns",
        "the raters' columns are read one too late",
        _LSFAN_CODE + ", label_parser",
        settings=_label_rule(
            {
                "papers_per_frame": "lsfan_shifted",
                "lsfan_same_behaviour": "lsfan_as_coded",
            }
        ),
    ),
    Defect(
        "same_behaviour_agreement",
        "raters must agree on the same behaviour",
        _LSFAN_CODE + ", label_parser",
        settings=_label_rule(
            {
                "papers_per_frame": "lsfan_same_behaviour",
                "lsfan_shifted": "lsfan_as_coded",
            }
        ),
    ),
    Defect(
        "wrong_rater_slice",
        "labels are those of parser.py without padding, whose rater columns "
        "and threshold are wrong (instead of label_parser's)",
        _LSFAN_CODE + ", parser; not in the order that its readme gives",
        settings=_label_rule({"papers_per_frame": "lsfan_parser"}),
    ),
    Defect(
        "unfinished_activity_dropped",
        "an activity that runs to the end of its file is dropped",
        _LSFAN_CODE + ", joint_parser",
        settings=lambda settings: {**settings, "unfinished": "drop"},
    ),
    Defect(
        "augmented_before_scaling",
        "noise is added to degrees and volts, before scaling, and the scaler "
        "sees the copies",
        _LSFAN_CODE + ", order of its readme",
        augments_first=True,
    ),
    Defect(
        "pooling_over_time",
        "2D-CNN-SAP averages time and stretches 30 sensors to 42 bins",
        _LSFAN_CODE + ", CNN_SAP",
        arguments={"cnn_sap": {"pooling": "as_coded"}},
    ),
    Defect(
        "scheduler_never_stepped",
        "the learning-rate schedule is created and never stepped; its factor "
        "is 1, so this changes nothing here either",
        _LSFAN_CODE,
    ),
    Defect(
        "misordered_axis_labels",
        "the axes of attention figures name the channels in another order "
        "than the data have; figures only (`keras-pain explain "
        "--axis_labels=as_released`)",
        _LSFAN_CODE + ", Grad-CAM figure",
    ),
)

FACE_DEFECTS = (
    Defect(
        "clips_at_random",
        "clips are split at random instead of by subject, so that the same "
        "people are in training and test",
        "papers that do not say how clips were grouped; released PEMF code",
        settings=lambda settings: {**settings, "unit": "clip"},
    ),
)

PEMF_DEFECTS = tuple(
    Defect(name, says, source, arguments=arguments)
    for name, says, source, arguments in PEMF_SWITCHES
)

DEFECTS: dict[str, Defect] = {
    d.name: d for d in (*LEAKS, *LSFAN_DEFECTS, *FACE_DEFECTS, *PEMF_DEFECTS)
}


def resolve_defects(names: Sequence[str]) -> tuple[Defect, ...]:
    """Defects by name.

    Raises:
        ConfigurationError: There is no such defect.
    """
    known = DEFECTS
    if not known.keys() >= set(names):
        # Imported here: the networks that they are of load Keras.
        from keras_pain.experiments.aacsfnet_defects import AACSFNET_DEFECTS

        known = {**DEFECTS, **AACSFNET_DEFECTS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigurationError(
            f"no defect is called {unknown[0]!r}; there are {', '.join(known)}"
        )
    return tuple(known[name] for name in names)


def settings_with(defects: Sequence[str], settings: Mapping) -> dict:
    """The windows' settings under these defects."""
    for defect in resolve_defects(defects):
        if defect.settings is not None:
            settings = defect.settings(settings)
    return dict(settings)


def scored_intensities(
    y_true: np.ndarray,
    y_pred: np.ndarray,
    defects: Sequence[str] = (),
    batch_size: int = TEST_BATCH,
) -> tuple[np.ndarray, np.ndarray]:
    """What is scored of one fold's `(n,)` intensities under these defects."""
    for defect in resolve_defects(defects):
        if defect.scored is not None:
            y_true, y_pred = defect.scored(y_true, y_pred, batch_size)
    return y_true, y_pred


def score(
    y_true: np.ndarray,
    probabilities: np.ndarray,
    num_classes: int,
    defects: Sequence[str] = (),
    batch_size: int = TEST_BATCH,
) -> dict:
    """`compute_metrics` or `compute_regression` under these defects.

    Args:
        y_true: `(n,)` classes, or intensities.
        probabilities: `(n, num_classes)`, or `(n,)` predicted intensities.
        num_classes: Number of classes; 0 where intensities are predicted.
        defects: Names of defects.
        batch_size: Samples that are tested at once, where that matters.

    Returns:
        What these return, changed by them.
    """
    chosen = resolve_defects(defects)
    if num_classes:
        for defect in chosen:
            if defect.probabilities is not None:
                probabilities = defect.probabilities(y_true, probabilities)
        metrics = compute_metrics(y_true, probabilities, num_classes)
    else:
        metrics = compute_regression(
            *scored_intensities(y_true, probabilities, defects, batch_size)
        )
    for defect in chosen:
        if defect.metrics is not None:
            metrics = defect.metrics(metrics)
    return metrics
