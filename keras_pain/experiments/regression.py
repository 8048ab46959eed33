"""Metrics of predicted intensities: of one fold, pooled, and over folds.

A correlation does not exist where the truth or the prediction is constant.
It comes back as None by the rules named in `REGRESSION_RULES`, never as 0.
"""

from collections.abc import Mapping, Sequence

import numpy as np

REGRESSION_METRICS = ("mae", "mse", "rmse", "pcc", "icc")

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
# Differences below this are rounding of single precision.
_CONSTANT = 1e-6


def compute_regression(y_true: np.ndarray, y_pred: np.ndarray) -> dict:
    """Every metric of one set of samples.

    Args:
        y_true: `(n,)` true intensities.
        y_pred: `(n,)` predicted ones.

    Returns:
        A JSON-able dict: mean absolute, mean squared and root mean squared
        error (L3D paper, equations 6-8), Pearson's correlation `pcc`, the
        intraclass correlation `icc` of Shrout and Fleiss' case 3 for one
        rater (consistency of truth and prediction), `support`, and
        `undefined`, which names the rule behind every None.

    Raises:
        ValueError: Shapes do not fit, or numbers are not finite.
    """
    y_true, y_pred = _checked(y_true, y_pred)
    error = y_pred - y_true
    mse = float(np.mean(error**2))
    result = {
        "mae": float(np.mean(np.abs(error))),
        "mse": mse,
        "rmse": float(np.sqrt(mse)),
        "pcc": None,
        "icc": None,
        "support": len(y_true),
    }
    if len(y_true) > 1 and min(np.ptp(y_true), np.ptp(y_pred)) > _CONSTANT:
        result["pcc"] = float(np.corrcoef(y_true, y_pred)[0, 1])
        result["icc"] = icc_3_1(y_true, y_pred)
    result["undefined"] = {
        name: "constant" for name in ("pcc", "icc") if result[name] is None
    }
    return result


def icc_3_1(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Intraclass correlation, case 3, one rater (Shrout and Fleiss, 1979).

    Args:
        y_true: `(n,)` ratings of the one rater, n > 1.
        y_pred: `(n,)` ratings of the other, not both constant.

    Returns:
        (BMS - EMS) / (BMS + EMS), the case of two raters.
    """
    table = np.stack([y_true, y_pred], axis=1).astype(np.float64)
    count = len(table)
    between = 2 * np.var(table.mean(axis=1), ddof=1)
    residual = (
        table
        - table.mean(axis=1, keepdims=True)
        - table.mean(axis=0, keepdims=True)
        + table.mean()
    )
    error = float((residual**2).sum() / (count - 1))
    return float((between - error) / (between + error))


def pool_regression(predictions: Sequence[Mapping[str, np.ndarray]]) -> dict:
    """Metrics over the samples of all folds together, prefix `pooled_`.

    Args:
        predictions: One mapping a fold with `y_true` and `y_pred`.

    Raises:
        ValueError: There is no fold, or a fold's arrays do not fit.
    """
    if not predictions:
        raise ValueError("pooling needs at least one fold, got none")
    metrics = compute_regression(
        np.concatenate([fold["y_true"] for fold in predictions]),
        np.concatenate([fold["y_pred"] for fold in predictions]),
    )
    return {f"pooled_{name}": value for name, value in metrics.items()}


def average_regression(fold_metrics: Sequence[Mapping]) -> dict:
    """Mean over the folds where a metric is defined, prefix `fold_mean_`.

    Args:
        fold_metrics: What `compute_regression` returned, one a fold.

    Returns:
        The `REGRESSION_METRICS` (None where no fold defines one), and
        `fold_mean_n`: how many folds are behind each.

    Raises:
        ValueError: There is no fold.
    """
    if not fold_metrics:
        raise ValueError("averaging needs at least one fold, got none")
    result, counts = {}, {}
    for name in REGRESSION_METRICS:
        defined = [f[name] for f in fold_metrics if f[name] is not None]
        mean = float(np.mean(defined)) if defined else None
        result[f"fold_mean_{name}"] = mean
        counts[name] = len(defined)
    return {**result, "fold_mean_n": counts}


def _checked(y_true, y_pred):
    y_true = np.asarray(y_true, np.float64)
    y_pred = np.asarray(y_pred, np.float64)
    if y_true.ndim != 1 or not len(y_true) or y_true.shape != y_pred.shape:
        raise ValueError(
            "truth and prediction must be (n,) arrays of the same length, at "
            f"least 1; got {y_true.shape} and {y_pred.shape}"
        )
    if not (np.isfinite(y_true).all() and np.isfinite(y_pred).all()):
        raise ValueError(
            "truth and prediction must be finite; the network may have "
            "diverged: lower its learning rate"
        )
    return y_true, y_pred
