"""Methods for tests of the runner: instant, deterministic, observable."""

import numpy as np

from keras_pain.experiments.methods import FitReport


class MeanMethod:
    """Ranks windows by the distance of their mean to the class means."""

    name = "mean_method"
    augment = True

    def fit(self, train, validation, seed):
        self._means = np.stack(
            [
                train.x[train.y == k].mean(axis=(0, 1))
                for k in range(train.num_classes)
            ]
        )
        self._noise = np.random.default_rng(seed).normal(0, 1e-3)
        self.seen = set(train.subject), set(validation.subject)
        return FitReport(stages={"fit": 0.5})

    def predict_proba(self, windows):
        means = windows.x.mean(axis=1)
        distance = np.linalg.norm(means[:, None] - self._means, axis=2)
        score = np.exp(-distance - self._noise * np.arange(len(self._means)))
        return score / score.sum(axis=1, keepdims=True)


class FailingMethod(MeanMethod):
    """Stops in the middle, as a bug in a user's method would."""

    name = "failing_method"

    def fit(self, train, validation, seed):
        raise RuntimeError("the method broke")


class ContinuingMethod(MeanMethod):
    """Counts the folds that its network has been through."""

    name = "continuing_method"
    _fits = 0

    def continue_from(self, folder):
        self._fits = int((folder / "fits.txt").read_text())

    def fit(self, train, validation, seed):
        self._fits += 1
        return super().fit(train, validation, seed)

    def save(self, folder):
        (folder / "fits.txt").write_text(str(self._fits))


not_a_method = 42
