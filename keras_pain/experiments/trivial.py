"""Constant predictions of intensity: what any regressor has to beat."""

import time

import numpy as np

from keras_pain.data.clips import ClipSet
from keras_pain.experiments.methods import FitReport, Method


class Constant(Method):
    """Predicts one number for everybody.

    Args:
        name: Name of the method.
        choose: From the `(n,)` training intensities to the number.
        rule: What `choose` does, for the record.
    """

    chooses_epoch = False

    def __init__(self, name: str, choose, rule: str):
        self.name = name
        self._choose = choose
        self._rule = rule

    def fit(self, train: ClipSet, validation: ClipSet, seed: int) -> FitReport:
        start = time.perf_counter()
        self._value = float(self._choose(train.y))
        return FitReport(stages={"fit": time.perf_counter() - start})

    def predict(self, clips: ClipSet) -> np.ndarray:
        return np.full(len(clips), self._value, np.float32)

    def predict_proba(self, windows) -> np.ndarray:
        raise TypeError(f"{self.name} predicts intensities, not classes")

    def config(self) -> dict:
        return {"name": self.name, "rule": self._rule}


METHODS = {
    "train_mean": lambda **_: Constant(
        "train_mean", np.mean, "mean of the training intensities"
    ),
    "train_median": lambda **_: Constant(
        "train_median", np.median, "median of the training intensities"
    ),
    "constant_0": lambda **_: Constant("constant_0", lambda y: 0, "always 0"),
    "constant_2": lambda **_: Constant("constant_2", lambda y: 2, "always 2"),
}
