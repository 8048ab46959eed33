"""Progress of a run: fold, time left, and the score so far."""

import numpy as np
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from keras_pain.experiments.keys import FoldKey


class RunProgress:
    """A bar on a terminal, one line a fold elsewhere.

    Args:
        console: Where it is shown; stays quiet in the epochs when that is no
            terminal.
        total: Folds to run.
    """

    def __init__(self, console: Console, total: int):
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._bar = self._progress.add_task("folds", total=total)
        self._confusions: dict[tuple, np.ndarray] = {}
        self._folds: dict[tuple, int] = {}

    def __enter__(self) -> "RunProgress":
        self._progress.start()
        return self

    def __exit__(self, *_) -> None:
        self._progress.stop()

    def on_epoch(self, name: str):
        """A callback that shows the epoch of the fold that is running."""

        def show(stage, epoch, epochs):
            self._progress.update(
                self._bar, description=f"{name} {stage} {epoch}/{epochs}"
            )

        return show

    def done(self, key: FoldKey, name: str, metrics: dict) -> None:
        """Shows a finished fold: its macro-F1, and that of all so far."""
        row = (key.evaluation, key.protocol, key.method, key.seed)
        if "confusion" not in metrics:
            self._show(f"{name}: MAE {metrics['mae']:.3f}")
            return
        counts = np.asarray(metrics["confusion"])
        self._confusions[row] = self._confusions.get(row, 0) + counts
        self._folds[row] = self._folds.get(row, 0) + 1
        value = metrics["macro_f1"]
        text = f"{name}: macro-F1 "
        text += "undefined" if value is None else f"{value:.3f}"
        if self._folds[row] > 1:
            pooled = _macro_f1(self._confusions[row])
            text += f"; of these {self._folds[row]} folds {pooled:.3f}"
        self._show(text)

    def _show(self, text: str) -> None:
        self._progress.update(self._bar, advance=1, description=text)
        if self._progress.disable:
            self._console.print(text, highlight=False, soft_wrap=True)


def _macro_f1(counts: np.ndarray) -> float:
    """Mean F1 of the classes in truth or prediction."""
    seen = counts.sum(axis=0) + counts.sum(axis=1)
    present = seen > 0
    return float(np.mean(2 * np.diag(counts)[present] / seen[present]))
