"""How far trainings get below the error of a constant prediction."""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from keras_pain.reports.canvas import save_figure

_COLOURS = ("#1f5a99", "#d1662a", "#3a8a4d", "#8b4a9c")


@dataclasses.dataclass(frozen=True)
class RelativeLoss:
    """The mean squared errors of one training, beside a constant's.

    Args:
        label: What was trained.
        training: `(epochs,)` on the training samples.
        validation: `(epochs,)` on those that choose the epoch.
        training_constant: What the mean of the training samples, always
            predicted, has on them.
        validation_constant: The same, on those that choose the epoch.
    """

    label: str
    training: Sequence[float]
    validation: Sequence[float]
    training_constant: float
    validation_constant: float


def plot_relative_losses(
    losses: Sequence[RelativeLoss],
    title: str,
    path,
    *,
    simulated: bool = False,
) -> pathlib.Path:
    """Training and validation error, each in parts of the constant's.

    Args:
        losses: One line each in either panel; of several with one label
            the lines are thin, and a thick one is their median.
        title: Title of the figure.
        path: Where to write; `_SIMULATED` is put before the suffix where
            that holds.
        simulated: Whether the data are simulated.

    Returns:
        The path written.

    Raises:
        ValueError: There is nothing to draw.
    """
    if not losses:
        raise ValueError("plot_relative_losses needs a training, got none")
    figure = Figure((9.5, 4.0), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for number, label in enumerate(dict.fromkeys(v.label for v in losses)):
        same = [loss for loss in losses if loss.label == label]
        colour = _COLOURS[number % len(_COLOURS)]
        _lines(axes[0], label, colour, [
            np.asarray(v.training, float) / v.training_constant for v in same
        ])  # fmt: skip
        _lines(axes[1], label, colour, [
            np.asarray(v.validation, float) / v.validation_constant
            for v in same
        ])  # fmt: skip
    for axis, words in zip(axes, ("training", "validation"), strict=True):
        axis.axhline(
            1, color="#555555", linestyle="--", linewidth=1,
            label="mean of training, always",
        )  # fmt: skip
        axis.set_title(words, fontsize=10)
        axis.set_xlabel("epoch")
        axis.set_yscale("log")
        for which in (axis.yaxis.set_major_formatter,
                      axis.yaxis.set_minor_formatter):  # fmt: skip
            which(ScalarFormatter())
        axis.tick_params(axis="y", which="both", labelsize=8)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(alpha=0.3, which="both")
    axes[0].set_ylabel("mean squared error / a constant's")
    axes[0].legend(fontsize=8)
    return save_figure(figure, title, path, simulated)


def _lines(axis, label: str, colour: str, curves: list[np.ndarray]) -> None:
    longest = max(map(len, curves))
    # A training that was stopped stays where it was.
    whole = [np.pad(c, (0, longest - len(c)), mode="edge") for c in curves]
    axis.plot(
        np.arange(1, longest + 1),
        np.median(whole, axis=0),
        marker="o",
        markersize=3.5,
        color=colour,
        label=label if len(curves) == 1 else f"{label}: median",
    )
    for curve in curves if len(curves) > 1 else ():
        axis.plot(
            np.arange(1, len(curve) + 1),
            curve,
            color=colour,
            linewidth=0.7,
            alpha=0.6,
        )
