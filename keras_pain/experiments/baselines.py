"""Baselines: trivial ones, and KNN, SVM and forest on window statistics."""

import functools
import time
from collections.abc import Callable, Mapping

import numpy as np
from scipy.special import softmax
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from keras_pain.data.windows import WindowSet
from keras_pain.experiments.defects import Samples
from keras_pain.experiments.methods import FitReport, Method


def window_statistics(windows: WindowSet) -> np.ndarray:
    """Range of each angle, mean of each energy and sEMG probe.

    The features of the challenge's KNN and SVM are not public; these 30 are
    the ones the same group describes for its random forest ("RF-frames",
    arXiv 1902.08990v4). `(n, C)` float64, over real frames only, of n windows
    with 26 or 30 channels.
    """
    mask = windows.mask[:, :, None]
    angles = windows.x[:, :, :13]
    high = np.where(mask, angles, -np.inf).max(axis=1)
    low = np.where(mask, angles, np.inf).min(axis=1)
    # Padded frames are zero, so a plain sum leaves them out.
    mean = windows.x[:, :, 13:].sum(axis=1) / windows.length[:, None]
    return np.concatenate([high - low, mean], axis=1).astype(np.float64)


class Baseline(Method):
    """A scikit-learn classifier or regressor.

    It trains without augmented windows: noise and zeroed frames change ranges,
    and no source augments for these.

    Args:
        name: Name of the method.
        make: Called with the seed, returns an unfitted estimator.
        settings: What `make` sets, for the record.
        features: From samples to what the estimator sees of them; None where
            it looks at nothing, so at windows and face clips alike.
        epochs: Of networks; ignored, as are `reuse` and `options`.
    """

    chooses_epoch = False

    def __init__(
        self,
        name: str,
        make: Callable,
        settings: Mapping,
        features: Callable | None = None,
        epochs=None,
        reuse=False,
        options=None,
    ):
        self.name = name
        self._make = make
        self._settings = settings
        self._features = features or (lambda of: np.zeros((len(of), 1)))

    def fit(self, train, validation, seed):
        start = time.perf_counter()
        self._classes = train.num_classes
        self._model = self._make(seed)
        self._model.fit(self._features(train), train.y)
        return FitReport(stages={"fit": time.perf_counter() - start})

    def predict(self, samples: Samples) -> np.ndarray:
        """`(n,)` intensities."""
        return self._model.predict(self._features(samples)).astype(np.float32)

    def predict_proba(self, samples):
        features = self._features(samples)
        if hasattr(self._model, "predict_proba"):
            scores = self._model.predict_proba(features)
        else:
            # SVC has no probabilities; the softmax of its one-vs-rest
            # decisions keeps order and arg max, which is all that is scored.
            decision = self._model.decision_function(features)
            if decision.ndim == 1:
                decision = np.stack([-decision, decision], axis=1)
            scores = softmax(decision, axis=1)
        result = np.zeros((len(samples), self._classes))
        result[:, self._model.classes_] = scores  # classes absent in training
        return result

    def config(self):
        return super().config() | self._settings


# Their estimators, given a seed; what these see; and settings for the record.
_CLASSIFIERS = {
    "majority": (
        lambda seed: DummyClassifier(strategy="prior"),
        None,
        {"strategy": "prior"},
    ),
    "stratified": (
        lambda seed: DummyClassifier(strategy="stratified", random_state=seed),
        None,
        {"strategy": "stratified"},
    ),
    # k and metric from the challenge's baseline images.
    "knn": (
        lambda seed: make_pipeline(
            StandardScaler(), KNeighborsClassifier(1, metric="manhattan")
        ),
        window_statistics,
        {"neighbors": 1, "metric": "manhattan"},
    ),
    # Gaussian kernel and box constraint from an older one of these images; the
    # table says "Sigmoid / Gaussian kernels".
    "svm": (
        lambda seed: make_pipeline(
            StandardScaler(),
            SVC(kernel="rbf", C=0.1, break_ties=True, random_state=seed),
        ),
        window_statistics,
        {"kernel": "rbf", "C": 0.1},
    ),
    # "RF-frames", arXiv 1902.08990v4, Table 2.
    "rf_frames": (
        lambda seed: RandomForestClassifier(30, random_state=seed),
        window_statistics,
        {"trees": 30},
    ),
}
# The text is that of all, so that earlier results keep their place.
_SEEN = {"augment": False, "features": "angle ranges, mean energies, mean sEMG"}
CLASSICAL = {
    name: functools.partial(Baseline, name, make, _SEEN | settings, features)
    for name, (make, features, settings) in _CLASSIFIERS.items()
}
"""Classifiers by name: each returns a new method."""

_RULES = {
    "train_mean": ("mean of the training intensities", "mean", None),
    "train_median": ("median of the training intensities", "median", None),
    "constant_0": ("always 0", "constant", 0),
    "constant_2": ("always 2", "constant", 2),
}
CONSTANTS = {
    name: functools.partial(
        Baseline,
        name,
        lambda seed, of=of: DummyRegressor(strategy=of[0], constant=of[1]),
        {"rule": rule},
    )
    for name, (rule, *of) in _RULES.items()
}
"""Regressors that predict one number, what any other has to beat, by name."""
