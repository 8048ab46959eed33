"""Trivial baselines, and KNN, SVM and forest on window statistics."""

import time

import numpy as np
from scipy.special import softmax
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from keras_pain.data.windows import WindowSet
from keras_pain.experiments.methods import FitReport, Method


def window_statistics(windows: WindowSet) -> np.ndarray:
    """Range of each angle, mean of each energy and sEMG probe.

    The features of the challenge's KNN and SVM are not public; these 30 are
    the ones the same group describes for its random forest ("RF-frames",
    arXiv 1902.08990v4).

    Args:
        windows: n windows with 26 or 30 channels.

    Returns:
        `(n, C)` float64, over real frames only.
    """
    mask = windows.mask[:, :, None]
    angles = windows.x[:, :, :13]
    high = np.where(mask, angles, -np.inf).max(axis=1)
    low = np.where(mask, angles, np.inf).min(axis=1)
    # Padded frames are zero, so a plain sum leaves them out.
    mean = windows.x[:, :, 13:].sum(axis=1) / windows.length[:, None]
    return np.concatenate([high - low, mean], axis=1).astype(np.float64)


class SklearnMethod(Method):
    """A scikit-learn classifier on window statistics.

    Args:
        name: Name of the method.
        make: Called with the seed, returns an unfitted classifier.
        settings: What `make` sets, for the record.
        augment: Whether it trains on augmented windows. Off by default: noise
            and zeroed frames change ranges, and no source augments for these.
    """

    chooses_epoch = False

    def __init__(self, name, make, settings, augment=False):
        self.name = name
        self.augment = augment
        self._make = make
        self._settings = settings

    def fit(
        self, train: WindowSet, validation: WindowSet, seed: int
    ) -> FitReport:
        start = time.perf_counter()
        self._classes = train.num_classes
        self._model = self._make(seed)
        self._model.fit(self._features(train), train.y)
        return FitReport(stages={"fit": time.perf_counter() - start})

    def _features(self, windows: WindowSet) -> np.ndarray:
        return window_statistics(windows)

    def predict_proba(self, windows: WindowSet) -> np.ndarray:
        features = self._features(windows)
        if hasattr(self._model, "predict_proba"):
            scores = self._model.predict_proba(features)
        else:
            # SVC has no probabilities; the softmax of its one-vs-rest
            # decisions keeps order and arg max, which is all that is scored.
            decision = self._model.decision_function(features)
            if decision.ndim == 1:
                decision = np.stack([-decision, decision], axis=1)
            scores = softmax(decision, axis=1)
        result = np.zeros((len(windows), self._classes))
        result[:, self._model.classes_] = scores  # classes absent in training
        return result

    def config(self) -> dict:
        return {
            "name": self.name,
            "augment": self.augment,
            "features": "angle ranges, mean energies, mean sEMG",
            **self._settings,
        }


class DummyMethod(SklearnMethod):
    """One that looks at nothing, and so at windows and face clips alike."""

    def _features(self, windows) -> np.ndarray:
        return np.zeros((len(windows), 1))


def majority(**_) -> SklearnMethod:
    """Always the most frequent class of the training windows."""
    return DummyMethod(
        "majority",
        lambda seed: DummyClassifier(strategy="prior"),
        {"strategy": "prior"},
    )


def stratified(**_) -> SklearnMethod:
    """Random classes in the proportions of the training windows."""
    return DummyMethod(
        "stratified",
        lambda seed: DummyClassifier(strategy="stratified", random_state=seed),
        {"strategy": "stratified"},
    )


def knn(neighbors: int = 1, metric: str = "manhattan", **_) -> SklearnMethod:
    """K nearest neighbours (k = 1, Manhattan: challenge baseline images)."""
    return SklearnMethod(
        "knn",
        lambda seed: make_pipeline(
            StandardScaler(), KNeighborsClassifier(neighbors, metric=metric)
        ),
        {"neighbors": neighbors, "metric": metric},
    )


def svm(kernel: str = "rbf", c: float = 0.1, **_) -> SklearnMethod:
    """Support vector machine (Gaussian kernel, box constraint 0.1: ditto)."""
    return SklearnMethod(
        "svm",
        lambda seed: make_pipeline(
            StandardScaler(),
            SVC(kernel=kernel, C=c, break_ties=True, random_state=seed),
        ),
        {"kernel": kernel, "C": c},
    )


def rf_frames(trees: int = 30, **_) -> SklearnMethod:
    """Random forest of 30 trees ("RF-frames", arXiv 1902.08990v4, Table 2)."""
    return SklearnMethod(
        "rf_frames",
        lambda seed: RandomForestClassifier(trees, random_state=seed),
        {"trees": trees},
    )


METHODS = {
    "majority": majority,
    "stratified": stratified,
    "knn": knn,
    "svm": svm,
    "rf_frames": rf_frames,
}
