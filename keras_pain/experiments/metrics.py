"""Metrics of one fold, of all folds pooled, and of folds averaged.

Some metrics do not exist everywhere: leave-one-subject-out gives folds without
a single positive window, and a constant has no correlation. They come back as
None by the rules named in `RULES` and `REGRESSION_RULES`, never as a stand-in
number: a 0 for a missing class would punish a perfect fold, and a 1 (as the
released BANet scores such folds) would flatter it.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

_AREAS = ("roc_auc", "pr_auc")
SCALAR_METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "mcc", *_AREAS)
# Means of F1 as released code forms them; only its known defects score them.
DEFECT_METRICS = ("fm", "fm_best")
CLASS_METRICS = ("f1", "precision", "recall")
# Means over classes by their true shares, 0 for what is undefined: what the
# released code of PEMF prints, scikit-learn's "weighted".
WEIGHTED_METRICS = ("weighted_precision", "weighted_recall", "weighted_f1")
# Of classes in order, where the task is of these.
ORDINAL_METRICS = ("weighted_kappa", "class_mae")
REGRESSION_METRICS = ("mae", "mse", "rmse", "pcc", "icc")

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
REGRESSION_RULES = {
    "constant": (
        "PCC and ICC(3,1) are undefined where the truth or the prediction of "
        "a fold is constant; such folds are left out of that metric's mean "
        "over folds, and counted."
    ),
    "pooled_mean": (
        "Pooled over folds, the training mean has a negative PCC: where a "
        "fold's own intensities are high, those of all others are low. That "
        "is arithmetic, not information."
    ),
    "rmse": (
        "RMSE pooled is the root of the pooled MSE; its mean over folds is "
        "not the root of the mean MSE, and never above it."
    ),
}

# Softmax outputs in half precision miss a sum of 1 by about 1e-3.
_SUM_TOLERANCE = 1e-2
# Differences below this are rounding of single precision.
_CONSTANT = 1e-6


def compute_metrics(
    y_true: np.ndarray, probabilities: np.ndarray, num_classes: int
) -> dict:
    """Every metric of one set of classified samples.

    The predicted class is the most probable one, the first of equals. With two
    classes, ROC-AUC and PR-AUC (average precision) rank class 1; with more
    they are the mean, one class against the rest, over the classes present.
    MCC of a constant prediction on two classes is 0, by scikit-learn.

    Args:
        y_true: `(n,)` integer classes in `[0, num_classes)`.
        probabilities: `(n, num_classes)`, rows summing to 1.
        num_classes: At least 2.

    Returns:
        A JSON-able dict: the `SCALAR_METRICS` and `WEIGHTED_METRICS`; a list
        per class for each of the `CLASS_METRICS`; `confusion` (rows true,
        columns predicted); `support` per class; and `undefined`, which names
        the rule (a key of `RULES`) behind every None.

    Raises:
        ValueError: Shapes do not fit, a class is out of range, or the
            probabilities are not finite rows that sum to 1.
    """
    from sklearn import metrics as sk  # a second; tables are declared without

    y_true, probabilities = np.asarray(y_true), np.asarray(probabilities)
    check_probabilities(y_true, probabilities, num_classes)
    probabilities = probabilities.astype(np.float64)
    labels = np.arange(num_classes)
    y_pred = probabilities.argmax(axis=1)
    precision, recall, f1, support = sk.precision_recall_fscore_support(
        y_true, y_pred, labels=labels, zero_division=np.nan
    )
    confusion = sk.confusion_matrix(y_true, y_pred, labels=labels)
    result = dict.fromkeys(SCALAR_METRICS)
    result |= {
        "accuracy": float(np.mean(y_true == y_pred)),
        "macro_f1": float(np.nanmean(f1)),
        "f1": _plain(f1),
        "precision": _plain(precision),
        "recall": _plain(recall),
        "confusion": confusion.tolist(),
        "support": support.tolist(),
    }
    shares = support / support.sum()
    for name in WEIGHTED_METRICS:
        values = np.float64(result[name.removeprefix("weighted_")])
        result[name] = float(np.nansum(shares * values))
    present = np.flatnonzero(support)
    if len(present) > 1:
        result["balanced_accuracy"] = float(np.mean(recall[present]))
        result["mcc"] = float(sk.matthews_corrcoef(y_true, y_pred))
        ranked = [1] if num_classes == 2 else present
        areas = sk.roc_auc_score, sk.average_precision_score
        for name, area in zip(_AREAS, areas, strict=True):
            values = [area(y_true == c, probabilities[:, c]) for c in ranked]
            result[name] = float(np.mean(values))
    undefined = {n: "one_class" for n in SCALAR_METRICS if result[n] is None}
    undefined |= {
        f"{name}[{index}]": "absent_class"
        for name in CLASS_METRICS
        for index, value in enumerate(result[name])
        if value is None
    }
    return {**result, "undefined": undefined}


def compute_ordinal(y_true: np.ndarray, probabilities: np.ndarray) -> dict:
    """The `ORDINAL_METRICS` of classes whose numbers are in order.

    Cohen's kappa with quadratic weights (1968), None where truth and prediction
    are the same one class, and the mean absolute error in classes, both of the
    most probable class. Shapes are as in `compute_metrics`.
    """
    truth, guess = np.asarray(y_true), np.asarray(probabilities).argmax(axis=1)
    classes = np.shape(probabilities)[1]
    observed = np.zeros((classes, classes))
    np.add.at(observed, (truth, guess), 1)
    cost = np.subtract.outer(np.arange(classes), np.arange(classes)) ** 2.0
    chance = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / len(truth)
    expected = (cost * chance).sum()
    kappa = 1 - (cost * observed).sum() / expected if expected else None
    error = float(np.mean(np.abs(truth - guess)))
    return {"weighted_kappa": kappa and float(kappa), "class_mae": error}


def compute_regression(y_true: np.ndarray, y_pred: np.ndarray) -> dict:
    """Every metric of one set of `(n,)` true and predicted intensities.

    Returns a JSON-able dict: mean absolute, mean squared and root mean squared
    error (L3D paper, equations 6-8), Pearson's correlation `pcc`, the
    intraclass correlation `icc` of Shrout and Fleiss' case 3 for one rater
    (consistency of truth and prediction), `support`, and `undefined`, which
    names the rule behind every None. Raises ValueError where shapes do not
    fit, or values are not finite.
    """
    y_true, y_pred = np.float64(y_true), np.float64(y_pred)
    if y_true.ndim != 1 or not len(y_true) or y_true.shape != y_pred.shape:
        raise ValueError(
            "truth and prediction must be (n,) arrays of the same length, at "
            f"least 1; got {y_true.shape} and {y_pred.shape}"
        )
    if not np.isfinite([y_true, y_pred]).all():
        raise ValueError(
            "truth and prediction must be finite; the network may have "
            "diverged: lower its learning rate"
        )
    error = y_pred - y_true
    mse = float(np.mean(error**2))
    result = {
        "mae": float(np.mean(np.abs(error))),
        "mse": mse,
        "rmse": float(np.sqrt(mse)),
        "pcc": None,
        "icc": None,
        "support": len(y_true),
        "undefined": {"pcc": "constant", "icc": "constant"},
    }
    if len(y_true) > 1 and min(np.ptp(y_true), np.ptp(y_pred)) > _CONSTANT:
        result["pcc"] = float(np.corrcoef(y_true, y_pred)[0, 1])
        result["icc"] = icc_3_1(y_true, y_pred)
        result["undefined"] = {}
    return result


def icc_3_1(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Intraclass correlation, case 3, two raters (Shrout and Fleiss, 1979).

    (BMS - EMS) / (BMS + EMS) of `(n,)` ratings each, n > 1, not both constant.
    """
    table = np.stack([y_true, y_pred], axis=1)
    of_target = table.mean(axis=1, keepdims=True)
    between = 2 * np.var(of_target, ddof=1)
    residual = table - of_target - table.mean(axis=0) + table.mean()
    error = float((residual**2).sum() / (len(table) - 1))
    return float((between - error) / (between + error))


def pool(
    predictions: Sequence[Mapping[str, np.ndarray]],
    num_classes: int = 0,
    score: Callable[..., dict] = compute_metrics,
) -> dict:
    """Metrics over the samples of all folds together, prefix `pooled_`.

    `predictions` have a mapping a fold, with `y_true` `(n,)` and
    `probabilities` `(n, num_classes)`, or `y_pred` `(n,)` where `num_classes`
    is 0. `score` stands for `compute_metrics`. Raises ValueError where there
    is no fold, or the arrays do not fit.
    """
    if not predictions:
        raise ValueError("pool needs at least one fold, got none")
    names = ("y_true", "probabilities" if num_classes else "y_pred")
    whole = [np.concatenate([f[name] for f in predictions]) for name in names]
    if num_classes:
        metrics = score(*whole, num_classes)
    else:
        metrics = compute_regression(*whole)
    return {f"pooled_{name}": value for name, value in metrics.items()}


def stacked(predictions: Sequence[Mapping], *more: str) -> list[np.ndarray]:
    """Truth, `probabilities`, `subject` and more arrays, over all folds."""
    names = ("y_true", "probabilities", "subject", *more)
    return [np.concatenate([of[name] for of in predictions]) for name in names]


def average(fold_metrics: Sequence[Mapping]) -> dict:
    """Mean of every metric over the folds where it is defined.

    Returns the metrics with the prefix `fold_mean_` (None where no fold
    defines them), and `fold_mean_n`, the number of folds behind each mean.
    Raises ValueError where there is no fold, or folds differ in classes.
    """
    if not fold_metrics:
        raise ValueError("average needs at least one fold, got none")
    classes = {np.size(fold["support"]) for fold in fold_metrics}
    if len(classes) > 1:
        raise ValueError(f"folds differ in classes: {sorted(classes)}")
    result, counts = {}, {}
    names = SCALAR_METRICS + WEIGHTED_METRICS + DEFECT_METRICS
    names += ORDINAL_METRICS + REGRESSION_METRICS + CLASS_METRICS
    for name in (name for name in names if name in fold_metrics[0]):
        table = np.array([fold[name] for fold in fold_metrics], dtype=float)
        number = np.isfinite(table).sum(axis=0)
        mean = np.nansum(table, axis=0) / np.where(number, number, np.nan)
        result[f"fold_mean_{name}"] = _plain(mean)
        counts[name] = number.tolist()
    return {**result, "fold_mean_n": counts}


def check_probabilities(y_true, probabilities, num_classes: int) -> None:
    """Raises ValueError where they are not `(n,)` and `(n, num_classes)`."""
    shape = y_true.shape
    if y_true.ndim != 1 or not len(y_true):
        raise ValueError(f"y_true must be a non-empty (n,) array, got {shape}")
    if probabilities.shape != (*shape, num_classes):
        problem = f"probabilities must be {(*shape, num_classes)}"
        raise ValueError(f"{problem}, got {probabilities.shape}")
    low, high = y_true.min(), y_true.max()
    if y_true.dtype.kind not in "iu" or low < 0 or high >= num_classes:
        problem = f"y_true must lie in [0, {num_classes}), got {low} to {high}"
        raise ValueError(f"{problem}, and be integers, got {y_true.dtype}")
    # A comparison with NaN is false, so this catches NaN and infinity too.
    sums = probabilities.sum(axis=1, dtype=np.float64)
    fits = np.abs(sums - 1) <= _SUM_TOLERANCE
    fits &= (probabilities >= 0).all(axis=1)
    if not fits.all():
        row = int(np.argmin(fits))
        raise ValueError(
            "probabilities must be finite, at least 0 and sum to 1 in every "
            f"row; row {row} is {probabilities[row].tolist()} "
            f"({np.sum(~fits)} such rows)"
        )


def _plain(values):
    """NumPy numbers as Python ones, NaN as None."""
    if np.ndim(values):
        return [_plain(value) for value in values]
    return None if np.isnan(values) else float(values)
