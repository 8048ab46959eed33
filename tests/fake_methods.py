"""Methods for tests of the runner: instant, deterministic, observable."""

import functools
import os
import pathlib
import signal
import time

import numpy as np
import pandas
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

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


class DyingMethod(MeanMethod):
    """Kills its process in the first fold of all, in mid-training."""

    name = "dying_method"

    def fit(self, train, validation, seed):
        marker = pathlib.Path(os.environ["DIES_ONCE"])
        if not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().fit(train, validation, seed)


class GrowingMethod(MeanMethod):
    """Keeps 200 MB a fold, as networks do, and notes its process."""

    name = "growing_method"
    kept = []

    def fit(self, train, validation, seed):
        self.kept.append(np.ones(25_000_000))
        time.sleep(0.6)  # joblib looks once a second
        (pathlib.Path(os.environ["PROCESSES"]) / str(os.getpid())).touch()
        return super().fit(train, validation, seed)


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


class Plain:
    """By scikit-learn's habits: ranks by the distance to the class means."""

    fits = 0
    says = staticmethod(lambda p: p)  # from (n, 2) to what is returned

    def fit(self, X, y):
        assert X.ndim == 2 and set(y.tolist()) == {0, 1}
        self.fits += 1
        assert self.fits == 1, "an instance was not copied"
        self.means = np.stack([X[y == k].mean(axis=0) for k in (0, 1)])
        X[:], y[:] = np.nan, 0  # harms nobody else
        return self

    def predict_proba(self, X):
        distance = np.square(X[:, None] - self.means).mean(axis=2)
        score = np.exp(-distance)
        return self.says(score / score.sum(axis=1, keepdims=True))


def saying(says, **attributes):
    """A factory of `Plain` that returns its probabilities in another form."""
    kinds = {"says": staticmethod(says), **attributes}
    return lambda: type("Said", (Plain,), kinds)()


instance = Plain()
column = saying(lambda p: p[:, 1])
narrow = saying(lambda p: p[:, 1:])
lists = saying(lambda p: p.tolist())
frame = saying(lambda p: pandas.DataFrame(p))
turned = saying(lambda p: p[:, ::-1], classes_=["protective", "0"])
logits = saying(np.log)
nan = saying(lambda p: p * np.nan)
short = saying(lambda p: p[1:])
texts = saying(lambda p: [["yes", "no"]] * len(p))
named = saying(lambda p: p, name="x" * 400)
dotted = saying(lambda p: p, name="..")
marked = saying(lambda p: p, name="[red]")
forest = RandomForestClassifier(5)
pipeline = make_pipeline(StandardScaler(), LinearSVC())
machine = functools.partial(SVC, C=2)


class Labels:
    """Has `predict` only; its labels are names of classes."""

    form = staticmethod(lambda k: ["non-protective", "protective"][k])

    def fit(self, X, y):
        self.plain = Plain().fit(X, y)

    def predict(self, X):
        return [self.form(k) for k in self.plain.predict_proba(X).argmax(1)]


class Digits(Labels):
    form = staticmethod(str)


class Broken(Plain):
    def predict_proba(self, X):
        raise RuntimeError("my\nbug")


def network():
    import keras

    model = keras.Sequential([keras.layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    return model
