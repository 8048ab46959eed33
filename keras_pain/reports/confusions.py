"""Confusion matrices of many people at once, and the scores they hold."""

from collections.abc import Sequence

import numpy as np

from keras_pain.errors import ConfigurationError

# Of the scalar metrics, those that depend on the confusion matrix alone.
POOLED_METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "mcc")


def confusions_by_subject(
    y_true: np.ndarray,
    y_pred: np.ndarray,
    subject: np.ndarray,
    subjects: Sequence[str],
    num_classes: int,
) -> np.ndarray:
    """One confusion matrix a person.

    Args:
        y_true: `(n,)` true classes in `[0, num_classes)`.
        y_pred: `(n,)` predicted classes.
        subject: `(n,)` person of each window.
        subjects: The S people, in the order wanted; each occurs in `subject`.
        num_classes: Number of classes K.

    Returns:
        `(S, K, K)` int64 counts of windows, rows true, columns predicted.

    Raises:
        ConfigurationError: A window is of nobody in `subjects`, or somebody
            there has no window.
        ValueError: A class is out of range.
    """
    classes = np.stack([y_true, y_pred]).astype(np.int64)
    if classes.size and not 0 <= classes.min() <= classes.max() < num_classes:
        raise ValueError(
            f"classes must lie in [0, {num_classes}), got {classes.min()} to "
            f"{classes.max()}"
        )
    names = np.asarray(subjects)
    found = np.unique(subject)
    if odd := sorted(set(found.tolist()) ^ set(names.tolist())):
        raise ConfigurationError(
            f"predictions and the list of subjects differ in {', '.join(odd)};"
            " give the subjects that were tested, and all of their windows"
        )
    order = np.argsort(names)
    row = order[np.searchsorted(names, subject, sorter=order)]
    flat = (row * num_classes + classes[0]) * num_classes + classes[1]
    size = len(names) * num_classes**2
    shape = (len(names), num_classes, num_classes)
    return np.bincount(flat, minlength=size).reshape(shape)


def scores_of(confusions: np.ndarray) -> dict[str, np.ndarray]:
    """Scores of many confusion matrices at once.

    They are those of `keras_pain.experiments.metrics.compute_metrics`, with
    NaN where it says None: precision without predictions, recall without true
    windows, F1 of a class in neither; and balanced accuracy and MCC where the
    truth holds one class only. MCC of a constant prediction is 0.

    Args:
        confusions: `(..., K, K)` counts, rows true; no matrix is all zero.

    Returns:
        `accuracy`, `balanced_accuracy`, `macro_f1` (mean F1 of the classes
        present in truth or prediction) and `mcc`, each of shape `(...)`;
        `precision`, `recall` and `f1`, each `(..., K)`.
    """
    counts = np.asarray(confusions, dtype=np.float64)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    true, predicted = counts.sum(axis=-1), counts.sum(axis=-2)
    total, correct = true.sum(axis=-1), hits.sum(axis=-1)
    recall = _ratio(hits, true)
    f1 = _ratio(2 * hits, true + predicted)
    several = (true > 0).sum(axis=-1) > 1
    # Gorodkin's R_K (2004), which is MCC for two classes.
    covariance = correct * total - (true * predicted).sum(axis=-1)
    spread_true = total**2 - (true**2).sum(axis=-1)
    spread_predicted = total**2 - (predicted**2).sum(axis=-1)
    scale = np.sqrt(spread_true * spread_predicted)
    constant = spread_predicted == 0
    mcc = np.where(constant, 0.0, _ratio(covariance, scale))
    return {
        "accuracy": _ratio(correct, total),
        "balanced_accuracy": np.where(several, _present_mean(recall), np.nan),
        "macro_f1": _present_mean(f1),
        "mcc": np.where(several, mcc, np.nan),
        "precision": _ratio(hits, predicted),
        "recall": recall,
        "f1": f1,
    }


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """`above / below`, NaN where `below` is zero."""
    return above / np.where(below == 0, np.nan, below)


def _present_mean(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis of what is not NaN; NaN where all is."""
    defined = np.isfinite(values)
    total = np.where(defined, values, 0.0).sum(axis=-1)
    return _ratio(total, defined.sum(axis=-1))
