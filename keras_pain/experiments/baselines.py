"""Baselines: trivial ones, and KNN, SVM and forest on window statistics."""

import functools
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from scipy.special import softmax
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from keras_pain.data.clips import ClipSet, decoded_frames, landmarks_of
from keras_pain.data.windows import WindowSet
from keras_pain.errors import reading
from keras_pain.experiments.defects import Samples
from keras_pain.experiments.methods import FitReport, Method
from keras_pain.signals.landmarks import normalise_clip


def window_statistics(windows: WindowSet) -> np.ndarray:
    """Range of each angle, mean of each energy and sEMG probe.

    The features of the challenge's KNN and SVM are not public; these 30 are
    the ones the same group describes for its random forest ("RF-frames",
    arXiv 1902.08990v4). `(n, C)` float64, over real frames only, of n windows
    with 26 or 30 channels. Of other channels, the windows' own statistics, by
    the channels' types.
    """
    if windows.statistics is not None:
        return windows.statistics.astype(np.float64)
    mask = windows.mask[:, :, None]
    angles = windows.x[:, :, :13]
    high = np.where(mask, angles, -np.inf).max(axis=1)
    low = np.where(mask, angles, np.inf).min(axis=1)
    # Padded frames are zero, so a plain sum leaves them out.
    mean = windows.x[:, :, 13:].sum(axis=1) / windows.length[:, None]
    return np.concatenate([high - low, mean], axis=1).astype(np.float64)


def normalised_points(clips: ClipSet) -> np.ndarray:
    """`(n, T, 68, 2)` landmarks, faces scaled by `normalise_clip`."""
    from keras_pain.data.feed import frame_numbers

    numbers = frame_numbers(clips, np.arange(len(clips)), "uniform")
    points = landmarks_of(clips.frames)[numbers]
    return np.stack([normalise_clip(clip) for clip in points])


def displacements(clips: ClipSet) -> np.ndarray:
    """How each landmark moves away from where it is in the first frame.

    `(n, 680)`: of each coordinate over time the mean, standard deviation, least
    and largest displacement, and the mean size of a step. Faces are scaled by
    the distance of their eyes (`normalise_clip`). So who it is, where, and when
    in the clip, is left out; when matters most where few people are trained on.
    """
    points = normalised_points(clips)
    moved = (points - points[:, :1]).reshape(*points.shape[:2], -1)
    steps = np.abs(np.diff(moved, axis=1)).mean(axis=1)
    over = moved.mean(1), moved.std(1), moved.min(1), moved.max(1)
    return np.concatenate([*over, steps], axis=1)


def grey_pictures(clips: ClipSet) -> np.ndarray:
    """`(n, 4096)` grey pictures of 64 x 64, of a clip its middle frame."""
    import cv2

    numbers = clips.first + clips.count // 2
    small = []
    for pictures in decoded_frames(clips.frames, numbers, clips.size):
        for picture in pictures:
            grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
            grey = cv2.resize(grey, (64, 64), interpolation=cv2.INTER_AREA)
            small.append(grey.ravel())
    return np.stack(small) / 255.0


class Baseline(Method):
    """A scikit-learn classifier or regressor.

    It trains without augmented windows: noise and zeroed frames change ranges,
    and no source augments for these.

    `make`, called with the seed, returns an unfitted estimator; `regressor` is
    the same where intensities are predicted. `settings` are for the record,
    `features` go from samples to what is seen of them; None where it looks at
    nothing, so at windows and face clips alike. The rest is of networks, and
    ignored.
    """

    chooses_epoch = False

    def __init__(
        self,
        name: str,
        make: Callable,
        settings: Mapping,
        features: Callable | None = None,
        regressor: Callable | None = None,
        epochs=None,
        reuse=False,
        options=None,
    ):
        self.name = name
        # Neighbours and support vectors are training samples.
        self.holds_samples = name in ("knn", "svm", "pca_svm")
        self._make, self._regressor = make, regressor or make
        self._settings = settings
        self._features = features or (lambda of: np.zeros((len(of), 1)))

    def fit(self, train, validation, seed):
        start = time.perf_counter()
        make = self._make if train.num_classes else self._regressor
        self._model = make(seed)
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
        result = np.zeros((len(samples), samples.num_classes))
        result[:, self._model.classes_] = scores  # classes absent in training
        return result

    def config(self):
        return super().config() | self._settings

    def save(self, folder):
        # Of a search, what it found.
        found = getattr(self._model, "best_estimator_", self._model)
        save_estimator(found, folder)

    def load(self, folder, config):
        self._model = load_estimator(folder)


ESTIMATOR_FILE = "estimator.skops"  # of a stored fold


def save_estimator(estimator, folder: Path) -> None:
    """Writes a scikit-learn estimator, without pickle.

    Raises ValueError, or what skops raises, where it has parts that skops does
    not know.
    """
    from skops import io

    packed = zipfile.ZIP_DEFLATED
    io.dump(estimator, folder / ESTIMATOR_FILE, compression=packed)


def load_estimator(folder: Path):
    """What `save_estimator` wrote: of scikit-learn's own types only.

    Raises BadFileError where the file is missing, damaged, or of other types.
    """
    from skops import io

    path = folder / ESTIMATOR_FILE
    with reading(path, "cannot be loaded", "run its fold again"):
        # Those that skops does not trust by itself, e.g. nodes of trees.
        types = io.get_untrusted_types(file=path)
        others = [name for name in types if not name.startswith("sklearn.")]
        if others:
            raise ValueError(f"holds {others[0]}, which is not scikit-learn's")
        return io.load(path, trusted=types)


def _scaled(make):
    """What makes an estimator, of standardised features."""
    return lambda seed: make_pipeline(StandardScaler(), make(seed))


_SVM = {"kernel": "rbf", "C": 0.1}
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
        _scaled(lambda _: KNeighborsClassifier(1, metric="manhattan")),
        window_statistics,
        {"neighbors": 1, "metric": "manhattan"},
        _scaled(lambda _: KNeighborsRegressor(1, metric="manhattan")),
    ),
    # Gaussian kernel and box constraint from an older one of these images; the
    # table says "Sigmoid / Gaussian kernels".
    "svm": (
        _scaled(lambda seed: SVC(**_SVM, break_ties=True, random_state=seed)),
        window_statistics,
        _SVM,
        _scaled(lambda _: SVR(**_SVM)),
    ),
    # "RF-frames", arXiv 1902.08990v4, Table 2.
    "rf_frames": (
        lambda seed: RandomForestClassifier(30, random_state=seed),
        window_statistics,
        {"trees": 30},
        lambda seed: RandomForestRegressor(30, random_state=seed),
    ),
}
# The text is that of all, so that earlier results keep their place.
_SEEN = {"augment": False, "features": "angle ranges, mean energies, mean sEMG"}
CLASSICAL = {
    name: functools.partial(
        Baseline, name, make, _SEEN | settings, features, *regressor
    )
    for name, (make, features, settings, *regressor) in _CLASSIFIERS.items()
}
"""Classifiers of windows by name: each returns a new method."""

_BY_TYPE = "statistics by the channels' type"


def _linear(name, features, of):
    """Logistic regression; ridge regression of intensities; by its name."""
    make = _scaled(lambda _: LogisticRegression(max_iter=5000))
    more = {"features": features, "C": 1.0}, of, _scaled(lambda _: Ridge())
    return {name: functools.partial(Baseline, name, make, *more)}


# Ours: what a network has to beat on recordings of one's own.
WINDOW_CLASSIFIERS = {
    "random_forest": functools.partial(
        Baseline,
        "random_forest",
        lambda seed: RandomForestClassifier(300, random_state=seed),
        {"features": _BY_TYPE, "trees": 300},
        window_statistics,
        lambda seed: RandomForestRegressor(300, random_state=seed),
    ),
    **_linear("logistic_regression", _BY_TYPE, window_statistics),
}
LANDMARK_CLASSIFIERS = _linear(
    "lr_displacements", "statistics of displacements", displacements
)
_SEARCHED = {"C": [0.01, 0.1, 1.0, 10.0, 100.0], "kernel": ["linear", "rbf"]}


def _pca_svm(seed, svm=SVC):
    """Eigenfaces; the SVM is set by three folds of the training pictures."""
    steps = [("pca", PCA(0.99, random_state=seed)), ("svm", svm())]
    grid = {f"svm__{name}": values for name, values in _SEARCHED.items()}
    return GridSearchCV(Pipeline(steps), grid, cv=3)


FACE_CLASSIFIERS = {
    "pca_svm": functools.partial(
        Baseline,
        "pca_svm",
        _pca_svm,
        {"features": "grey, 64 x 64", "variance": 0.99, "searched": _SEARCHED},
        grey_pictures,
        functools.partial(_pca_svm, svm=SVR),
    )
}
"""Those of windows, of landmarks and of pictures by name."""
OWN_CLASSIFIERS = WINDOW_CLASSIFIERS | LANDMARK_CLASSIFIERS | FACE_CLASSIFIERS

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
TRIVIAL = ("majority", "stratified", *CONSTANTS)
"""Methods that look at nothing."""
