"""Metrics of one fold, of all folds pooled, and of folds averaged.

Leave-one-subject-out gives folds without a single positive window, where some
metrics do not exist. They come back as None by the rules named in `RULES`,
never as a stand-in number: a 0 for a missing class would punish a perfect
fold, and a 1 (as the released BANet scores such folds) would flatter it.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from sklearn import metrics as sk

SCALAR_METRICS = (
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "mcc",
    "roc_auc",
    "pr_auc",
)
CLASS_METRICS = ("f1", "precision", "recall")

RULES = {
    "absent_class": (
        "F1 of a class that is in neither the truth nor the predictions of a "
        "fold is undefined there, and so are precision without predictions "
        "and recall without true windows; such folds are left out of that "
        "metric's mean over folds, and counted."
    ),
    "macro_f1": (
        "Macro-F1 is the mean F1 of the classes present in truth or "
        "prediction, so a fold of healthy windows scores 1 when all are "
        "recognised and falls by false alarms. Where every person has one "
        "class only, means of F1 over folds say little: read the pooled ones."
    ),
    "pooled_ranks": (
        "Pooled ROC-AUC and PR-AUC rank the scores of different folds' models "
        "against each other. Where folds leave people out, whoever scores by "
        "the training share of a class ranks backwards, so that a majority "
        "row lies below 0.5: that is arithmetic, not information."
    ),
    "one_class": (
        "Balanced accuracy, MCC, ROC-AUC and PR-AUC are undefined in a fold "
        "whose truth holds one class only; such folds are left out of the "
        "mean over folds, and counted."
    ),
}

# Softmax outputs in half precision miss a sum of 1 by about 1e-3.
_SUM_TOLERANCE = 1e-2


def compute_metrics(
    y_true: np.ndarray, probabilities: np.ndarray, num_classes: int
) -> dict:
    """Every metric of one set of windows.

    The predicted class is the most probable one, the first of equals. With two
    classes, ROC-AUC and PR-AUC (average precision) rank class 1; with more
    they are the mean, one class against the rest, over the classes present.
    MCC of a constant prediction on two classes is 0, by scikit-learn.

    Args:
        y_true: `(n,)` integer classes in `[0, num_classes)`.
        probabilities: `(n, num_classes)`, rows summing to 1.
        num_classes: Number of classes, at least 2.

    Returns:
        A JSON-able dict: the `SCALAR_METRICS`; a list per class for each of
        the `CLASS_METRICS`; `confusion` (rows true, columns predicted);
        `support` per class; and `undefined`, which names the rule (a key of
        `RULES`) behind every None.

    Raises:
        ValueError: Shapes do not fit, a class is out of range, or the
            probabilities are not finite rows that sum to 1.
    """
    y_true, probabilities = _checked(y_true, probabilities, num_classes)
    labels = np.arange(num_classes)
    y_pred = probabilities.argmax(axis=1)
    precision, recall, f1, support = sk.precision_recall_fscore_support(
        y_true, y_pred, labels=labels, zero_division=np.nan
    )
    result = {
        "accuracy": float(np.mean(y_true == y_pred)),
        "balanced_accuracy": None,
        "macro_f1": float(np.nanmean(f1)),
        "mcc": None,
        "roc_auc": None,
        "pr_auc": None,
        "f1": _plain(f1),
        "precision": _plain(precision),
        "recall": _plain(recall),
        "confusion": sk.confusion_matrix(
            y_true, y_pred, labels=labels
        ).tolist(),
        "support": support.tolist(),
    }
    present = np.flatnonzero(support)
    if len(present) > 1:
        result["balanced_accuracy"] = float(np.mean(recall[present]))
        result["mcc"] = float(sk.matthews_corrcoef(y_true, y_pred))
        ranked = [1] if num_classes == 2 else present
        for name, score in (
            ("roc_auc", sk.roc_auc_score),
            ("pr_auc", sk.average_precision_score),
        ):
            values = [score(y_true == c, probabilities[:, c]) for c in ranked]
            result[name] = float(np.mean(values))
    result["undefined"] = _undefined(result)
    return result


def pool(
    predictions: Sequence[Mapping[str, np.ndarray]],
    num_classes: int,
    score: Callable[..., dict] = compute_metrics,
) -> dict:
    """Metrics over the windows of all folds together.

    Args:
        predictions: One mapping a fold with `y_true` `(n,)` and
            `probabilities` `(n, num_classes)`.
        num_classes: Number of classes.
        score: `compute_metrics`, or what stands for it.

    Returns:
        `compute_metrics` of the joined windows, every name with the prefix
        `pooled_`.

    Raises:
        ValueError: There is no fold, or a fold's arrays do not fit.
    """
    if not predictions:
        raise ValueError("pool needs at least one fold, got none")
    checked = [
        _checked(fold["y_true"], fold["probabilities"], num_classes)
        for fold in predictions
    ]
    metrics = score(
        np.concatenate([y for y, _ in checked]),
        np.concatenate([p for _, p in checked]),
        num_classes,
    )
    return {f"pooled_{name}": value for name, value in metrics.items()}


def average(fold_metrics: Sequence[Mapping]) -> dict:
    """Mean over folds of every metric, over the folds where it is defined.

    Args:
        fold_metrics: What `compute_metrics` returned, one a fold.

    Returns:
        The `SCALAR_METRICS` and `CLASS_METRICS` with the prefix `fold_mean_`
        (None where no fold defines them), and `fold_mean_n`, which holds for
        each the number of folds behind the mean.

    Raises:
        ValueError: There is no fold, or folds differ in classes.
    """
    if not fold_metrics:
        raise ValueError("average needs at least one fold, got none")
    classes = {len(fold["support"]) for fold in fold_metrics}
    if len(classes) > 1:
        raise ValueError(f"folds differ in classes: {sorted(classes)}")
    result, counts = {}, {}
    for name in SCALAR_METRICS + CLASS_METRICS:
        table = np.array([fold[name] for fold in fold_metrics], dtype=float)
        defined = np.isfinite(table)
        number = defined.sum(axis=0)
        total = np.where(defined, table, 0.0).sum(axis=0)
        mean = total / np.where(number, number, np.nan)
        result[f"fold_mean_{name}"] = _plain(mean)
        counts[name] = number.tolist()
    return {**result, "fold_mean_n": counts}


def _checked(y_true, probabilities, num_classes):
    y_true, probabilities = np.asarray(y_true), np.asarray(probabilities)
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2, got {num_classes}")
    if y_true.ndim != 1 or not len(y_true):
        raise ValueError(
            f"y_true must be a non-empty (n,) array, got {y_true.shape}"
        )
    if probabilities.shape != (len(y_true), num_classes):
        raise ValueError(
            f"probabilities must be ({len(y_true)}, {num_classes}), got "
            f"{probabilities.shape}"
        )
    if not np.issubdtype(y_true.dtype, np.integer):
        raise ValueError(f"y_true must be integers, got {y_true.dtype}")
    if y_true.min() < 0 or y_true.max() >= num_classes:
        raise ValueError(
            f"y_true must lie in [0, {num_classes}), got "
            f"{y_true.min()} to {y_true.max()}"
        )
    probabilities = probabilities.astype(np.float64)
    # A comparison with NaN is false, so this catches NaN and infinity too.
    fits = np.abs(probabilities.sum(axis=1) - 1) <= _SUM_TOLERANCE
    fits &= (probabilities >= 0).all(axis=1)
    if not fits.all():
        row = int(np.argmin(fits))
        raise ValueError(
            "probabilities must be finite, at least 0 and sum to 1 in every "
            f"row; row {row} is {probabilities[row].tolist()} "
            f"({int((~fits).sum())} such rows)"
        )
    return y_true.astype(np.int64), probabilities


def _plain(values):
    """NumPy numbers as Python ones, NaN as None."""
    if np.ndim(values):
        return [_plain(value) for value in values]
    return None if np.isnan(values) else float(values)


def _undefined(result: dict) -> dict:
    names = {n: "one_class" for n in SCALAR_METRICS if result[n] is None}
    for name in CLASS_METRICS:
        for index, value in enumerate(result[name]):
            if value is None:
                names[f"{name}[{index}]"] = "absent_class"
    return names
