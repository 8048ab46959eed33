"""The methods of the suite by their names, and users' own by theirs.

Networks are those of `keras_pain.models.registry`. Only what a name needs is
imported: a table of movement loads no network of faces.
"""

import contextlib
import copy
import functools
import hashlib
import inspect
import json
import pickle
import re
import sys
import tempfile
import time
import traceback
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import joblib
import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator

from keras_pain.errors import ConfigurationError, KerasPainError
from keras_pain.experiments import baselines as simple
from keras_pain.experiments import methods
from keras_pain.io import load_object, source_sha256
from keras_pain.models import registry

_BASELINES = simple.CLASSICAL | simple.CONSTANTS | simple.OWN_CLASSIFIERS
# What an own method is asked for classes, the first that it has.
_ASKED = ("predict_proba", "decision_function", "predict")
# It names folders and rows; reports escape what means something to them.
_NAME = re.compile(r"[\w(]([^/\\]{0,58}[^/\\. ])?")
# Methods of PEMF that are no single network of the registry, and all that they
# are fed. The fine-tuned one makes the features of its frames itself.
_PEMF = {
    "late_fusion": (registry.LANDMARKS, registry.FEATURES),
    "convnext_lstm_finetuned": (registry.FEATURES,),
}


def fed(name: str) -> str:
    """What a registered network is fed, one of the model registry's `DATA`.

    `""` of baselines, and of names that are not registered.
    """
    entry = registry.MODELS.get(methods.plain_name(name))
    if entry is None or entry.task == registry.RECONSTRUCTION:
        return _PEMF.get(name, ("",))[0]
    generated = name.endswith(methods.GENERATED_TOO)
    return "" if generated and entry.data != registry.FRAMES else entry.data


def all_fed(name: str) -> tuple[str, ...]:
    """All kinds of `DATA` that a method is fed, see `fed`."""
    return _PEMF.get(name, (fed(name),))


def registered_methods() -> list[str]:
    """Names of all methods of the suite."""
    models = registry.MODELS
    generated = [name + methods.GENERATED_TOO for name in models]
    return [*_BASELINES, *filter(fed, (*models, *generated, *_PEMF))]


# How the reasons of `fitting` begin where samples are of another kind.
NO_BASELINE, IS_FED = "is no baseline of such samples", "is fed "


def fitting(
    baselines: Collection[str],
    shapes: Mapping[str, tuple],
    num_classes: int,
    channels: Sequence[tuple[str, str]] = (),
    names: Collection[str] | None = None,
) -> dict[str, str]:
    """Why registered methods do not fit samples, `""` where they do.

    `baselines` are those that can see them; `shapes` of one sample by the kinds
    of `keras_pain.models.registry.DATA` that they are; `num_classes` is 0
    where intensities are predicted; `channels` are type and body part of each,
    of windows. `names` are those that are tried, None all: networks are built.
    """
    found = {}
    for name in registered_methods():
        if names is not None and name not in names:
            continue
        kind, found[name] = fed(name), ""
        kinds = _PEMF.get(name, (kind,))
        if not kind:
            found[name] = "" if name in baselines else NO_BASELINE
        elif set(kinds) - set(shapes) or name.endswith(methods.GENERATED_TOO):
            found[name] = IS_FED + " and ".join(kinds)
        elif name in registry.MODELS:
            entry = registry.MODELS[name]
            try:
                _try_build(entry, shapes[kind], num_classes, channels)
            except ConfigurationError as error:
                found[name] = " ".join(str(error).split())
    return found


def _try_build(entry, shape, num_classes, channels):
    """Builds a network for such samples; raises where it cannot."""
    more = {}
    if entry.data == registry.WINDOWS:
        from keras_pain.data.windows import WindowSet
        from keras_pain.experiments.network import fitted_windows

        x = np.zeros((1, *shape), np.float32)
        of_one = [np.zeros(1, int)] * 6
        names = tuple(map(str, range(len(channels))))
        windows = WindowSet(x, *of_one, (), names, tuple(channels))
        windows, more = fitted_windows(entry, windows)
        shape = windows.x.shape[1:]
    if entry.data == registry.FEATURES:
        shape = (shape[0], 8)  # whichever backbone
    entry.build(input_shape=tuple(shape), num_classes=num_classes, **more)


def check_samples(
    name: str, data: Collection[str], baselines: Collection[str], noun: str
) -> None:
    """Refuses a method of the suite that cannot see a table's samples.

    That is a ConfigurationError. `data` are what networks that can are fed,
    `baselines` the names of those that can, `noun` what readers call the
    samples. A user's own method, by its `module:object`, may pass.
    """
    fits = [*baselines, *(n for n in registered_methods() if fed(n) in data)]
    if ":" not in name and name not in fits:
        raise ConfigurationError(
            f"--methods: {name!r} cannot be used on {noun}; those that can are "
            f"{', '.join(sorted(fits))}"
        )
    if ":" in name and registry.WINDOWS not in data:
        if resolve_method(name).of_arrays:
            text = f"--methods: {name}: fit(X, y) is for windows"
            told = f"for {noun} it has to be fit(train, validation, seed)"
            raise ConfigurationError(f"{text}; {told}")


def resolve_method(name: str, **options) -> methods.Method:
    """A new method by its registered name or by `module:object`.

    Options are arguments of a registered method, e.g. `epochs`. Raises
    ConfigurationError where there is no such method, the object is not one,
    or it takes the name of one of ours.
    """
    if (factory := _factory(name)) is not None:
        return factory(**options)
    if ":" in name:
        return OwnMethod(name)
    text = f"--methods: {name!r} is not one of {sorted(registered_methods())}"
    raise ConfigurationError(f"{text}, nor of the form package.module:object")


def load_method(name: str, folder: Path, config: Mapping) -> methods.Method:
    """The trained method of a stored fold, by what `resolve_method` was given.

    A scikit-learn estimator of the user's own is known by its file. Raises
    KerasPainError where nothing that can be loaded was stored.
    """
    if _factory(name) is None and (folder / simple.ESTIMATOR_FILE).exists():
        given = GivenMethod(simple.load_estimator(folder), config["name"])
        return OwnMethod(given)
    if name.startswith("given:"):
        raise KerasPainError(
            f"{folder}: {config['name']} was given as an object and is no "
            "scikit-learn estimator; name it as module:object to load its folds"
        )
    method = resolve_method(name)
    method.load(folder, config)
    return method


class GivenMethod(str):
    """A method that is an object: a text like `given:MyMethod`, and `what`."""

    def __new__(cls, what, name=""):
        kind = what if hasattr(what, "__name__") else type(what)
        self = super().__new__(cls, f"given:{name or kind.__name__}")
        self.what, self.given_name = what, name
        return self

    def __reduce__(self):
        return GivenMethod, (self.what, self.given_name)


# Of methods without any other identity: no run but this one knows them.
_UNKNOWN = uuid.uuid4().hex


def _identity(own, has_config):
    """What tells an object that was given from another one.

    Its parameters, or else attributes, where it has no `config`, and its
    source; where these are not to be had, the process, so that its folds cannot
    be taken up again.
    """
    found, text = {}, _source(type(own))
    if text:
        found["source_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    if has_config:
        return found
    if hasattr(own, "get_params"):
        return found | {"parameters": repr(sorted(own.get_params().items()))}
    with contextlib.suppress(Exception):  # whatever pickling them raises
        if text:
            return found | {"attributes": joblib.hash(vars(own))}
    return {NOT_RESUMED: _UNKNOWN}


def _source(kind):
    """The text of a class; in a notebook that of its cell; `""` of none."""
    with contextlib.suppress(OSError, TypeError):
        return inspect.getsource(kind)
    for part in filter(inspect.isfunction, vars(kind).values()):
        with contextlib.suppress(OSError, TypeError):
            return "".join(inspect.findsource(part)[0])
    return ""


NOT_RESUMED = "only_in_process"


def check_given(method: str, jobs: int) -> None:
    """Says whether a given object's folds can be taken up by another run.

    Raises KerasPainError where it cannot go to other processes, for `jobs`.
    """
    if not isinstance(method, GivenMethod):
        return
    if jobs > 1:
        with own_code(f"{method}: it cannot be sent to other processes"):
            # A list: a class would only be wrapped in another class.
            pickle.dumps(joblib.wrap_non_picklable_objects([method.what]))
    if NOT_RESUMED in resolve_method(method).config():
        print(
            f"{method}: has no config(), no get_params() and no source or "
            "attributes that can be read; its folds cannot be taken up by "
            "another run",
            file=sys.stderr,
        )


class OwnMethod:
    """A user's own method, whatever its form, with the interface `Method`.

    `path` is `module:object`: an instance, which is copied before any fit, or
    a class or function without arguments that returns one. It is a `Method`,
    or has scikit-learn's `fit(X, y)`: X `(n, frames * channels)` float32 are
    the scaled windows, flattened, and y their classes, from 0. Probabilities
    are `(n, classes)`, columns as in `classes_` if there is one, or `(n,)` of
    the last of two; without any, decisions, or classes, are taken. `of_arrays`
    says whether it has `fit(X, y)`.
    """

    def __init__(self, path: str):
        with own_code(path):
            own = self._own = _load(path)
            asked = [part for part in _ASKED if hasattr(own, part)]
            fits = hasattr(own, "fit")
            self.of_arrays = bool(fits and asked) and _takes_arrays(own)
            # Keras counts the models that it names.
            name = getattr(type(own) if self.of_arrays else own, "name", None)
            if self.of_arrays and not isinstance(name, str):
                name = path.partition(":")[2]
            # Two of one class are told apart by the names they are given.
            name = getattr(path, "given_name", "") or name
        parts = {"name": name, "fit": fits, "predict_proba": asked}
        if missing := [part for part, has in parts.items() if not has]:
            problem = f"is not a method: it lacks {', '.join(missing)}"
        elif not (_NAME.fullmatch(str(name)) and str(name).isprintable()):
            problem = f"has the name {str(name)[:80]!r}; up to 60 characters "
            problem += "without / and \\ make one, with a letter or digit "
            problem += "first, and no dot or blank last"
        elif _factory(name) is not None:
            problem = f"calls itself {name!r}, which is a method of the suite; "
            problem += "give it a name of its own"
        else:
            self.name, self._path, self._asked = str(name), path, asked
            self.augment = getattr(own, "augment", False)
            self.holds_samples = getattr(own, "holds_samples", False)
            chooses = getattr(own, "chooses_epoch", True)
            self.chooses_epoch = chooses and not self.of_arrays
            return
        raise ConfigurationError(f"--methods: {path[:80]!r} {problem}")

    def __getattr__(self, name):
        if name.startswith("_"):  # in a copy that is not filled yet
            raise AttributeError(name)
        return getattr(self._own, name)

    def fit(self, train, validation, seed):
        """See `Method`; entries of the report are JSON's."""
        start = time.perf_counter()
        if self.of_arrays:
            import keras

            keras.utils.set_random_seed(seed)  # also Python's and NumPy's
            report = self._own.fit(self._seen(train), train.y.copy())
        else:
            with contextlib.suppress(AttributeError):
                self._own.on_epoch = self.on_epoch
            report = self._own.fit(train, validation, seed)
        if not isinstance(report, methods.FitReport):
            return methods.FitReport({"fit": time.perf_counter() - start})
        text = json.dumps(vars(report), default=float)
        # NaN, of a loss for example, is no JSON.
        told = json.loads(text, parse_constant=lambda _: None)
        return methods.FitReport(**told)

    def predict(self, samples) -> np.ndarray:
        """`(n,)` intensities."""
        said = np.asarray(self._own.predict(self._seen(samples)), float)
        return said[:, 0] if said.shape == (len(samples), 1) else said

    def predict_proba(self, samples) -> np.ndarray:
        """`(n, classes)` probabilities; the metrics check that they are."""
        asked, names = self._asked[0], samples.class_names
        said = np.asarray(getattr(self._own, asked)(self._seen(samples)))
        one = said.size == len(samples)
        said = said.ravel() if one else said
        whole = said.dtype.kind != "f" or np.array_equal(said, said.round())
        if one and asked == "predict" and whole:
            return np.eye(len(names))[self._classes(said, names)]
        said = said if said.dtype.kind == "f" else said.astype(float)
        if asked == "decision_function":
            said = np.stack([-said, said], axis=1) if one else said
            said = softmax(said, axis=1)
        elif one and len(names) == 2:
            said = np.stack([1 - said, said], axis=1)
        columns = getattr(self._own, "classes_", None)
        if columns is None:
            return said
        result = np.zeros((len(samples), len(names)), said.dtype)
        result[:, self._classes(columns, names)] = said  # some may be absent
        return result

    def config(self) -> dict:
        """Settings, and the hash of the file that `path` points to.

        So an edited method is not taken for the one whose results are stored.
        """
        with own_code(self._path):
            has = not self.of_arrays and hasattr(self._own, "config")
            config = {"name": self.name, **(self._own.config() if has else {})}
            json.dumps(config, allow_nan=False)  # fails before the long work
            if isinstance(self._path, GivenMethod):
                return config | _identity(self._own, has)
            return config | {"source_sha256": source_sha256(self._path)}

    def save(self, folder):
        """See `Method`; estimators of scikit-learn's own types are stored."""
        if not self.of_arrays and hasattr(self._own, "save"):
            with own_code(self._path):
                self._own.save(folder)
        elif self.of_arrays and isinstance(self._own, BaseEstimator):
            # Of what skops does not know there is nothing to predict with.
            with contextlib.suppress(Exception):
                simple.save_estimator(self._own, folder)

    def load(self, folder, config):
        """See `Method`; the user's own may return the trained object."""
        if not callable(getattr(self._own, "load", None)):
            problem = f"{folder}: {self._path} cannot predict"
            raise KerasPainError(f"{problem}: it has no load(folder)")
        with own_code(self._path):
            self._own = self._own.load(folder) or self._own

    def _seen(self, samples):
        flat = self.of_arrays
        return samples.x.reshape(len(samples), -1).copy() if flat else samples

    def _classes(self, labels, names):
        """Positions of classes, given as numbers, texts of these or names."""
        known = {str(k): k for k in range(len(names))} | {"False": 0, "True": 1}
        known |= {name: k for k, name in enumerate(names)}
        texts = [str(v).removesuffix(".0") for v in np.ravel(labels).tolist()]
        if unknown := set(texts) - known.keys():
            raise ValueError(
                f"{min(unknown)[:40]!r} is none of the classes 0 to "
                f"{len(names) - 1} ({', '.join(names)})"
            )
        return [known[text] for text in texts]


@contextlib.contextmanager
def own_code(what: str, flag: str = "--methods") -> Iterator[None]:
    """The boundary of users' code: what it raises becomes one line.

    `what`, which begins with `module:object` and was given with `flag`, is
    named, with the line of the user's file; the traceback goes to a temporary
    file that is named too.
    """
    try:
        yield
    except KerasPainError:
        raise
    except (Exception, SystemExit) as error:
        module = what.partition(":")[0].rpartition(".")[2]
        lines = [
            f"{frame.filename}:{frame.lineno}"
            for frame in traceback.extract_tb(error.__traceback__)
            if Path(frame.filename).stem == module
        ]
        words = " ".join(str(error).split())[:300]
        with tempfile.NamedTemporaryFile(
            "w", prefix="keras_pain_", suffix=".log", delete=False
        ) as log:
            traceback.print_exception(error, file=log)
        raise KerasPainError(
            f"{flag}: {what[:200]}: {type(error).__name__}: {words} "
            f"({', '.join([*lines[-1:], f'traceback in {log.name}'])}); "
            "finished folds are kept"
        ) from error


def _load(path):
    """What `module:object` means: a copy, or a new one, not fitted yet."""
    given = isinstance(path, GivenMethod)
    found = path.what if given else load_object(path, "--methods")
    made = found
    while inspect.isclass(made) or callable(made) and not hasattr(made, "fit"):
        try:
            if inspect.isbuiltin(made):  # os:abort
                raise TypeError("it is Python's own")
            inspect.signature(made).bind()
        except (TypeError, ValueError) as error:
            raise ConfigurationError(
                f"--methods: {path[:80]!r} is not a method, nor a class or "
                f"function that makes one without arguments: {error}"
            ) from error
        made = made()
    return made if inspect.isclass(found) else copy.deepcopy(made)


def _takes_arrays(method):
    """Whether its `fit` is scikit-learn's, of X and y."""
    signature = inspect.signature(method.fit)
    with contextlib.suppress(TypeError):
        signature.bind(None, None)
        return not {"validation", "seed"} & signature.parameters.keys()
    return False


def _factory(name):
    if name in _BASELINES:
        return _BASELINES[name]
    # Imported here: networks load Keras, and those of PEMF a ConvNeXt.
    if fed(name) in (registry.FEATURES, registry.LANDMARKS):
        from keras_pain.experiments.pemf import pemf_method

        return functools.partial(pemf_method, name)
    if fed(name):
        from keras_pain.experiments.network import network_method

        return functools.partial(network_method, name)
    return None
