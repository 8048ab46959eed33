"""The methods of the suite by their names, and users' own by theirs.

Networks are those of `keras_pain.models.registry`. Only what a name needs is
imported: a table of movement loads no network of faces.
"""

import functools
import importlib
import sys
from collections.abc import Collection
from pathlib import Path

from keras_pain.errors import ConfigurationError
from keras_pain.experiments.baselines import CLASSICAL, CONSTANTS
from keras_pain.experiments.methods import GENERATED_TOO, Method, plain_name
from keras_pain.io import sha256_of
from keras_pain.models.registry import (
    FEATURES,
    FRAMES,
    LANDMARKS,
    MODELS,
    RECONSTRUCTION,
)

_BASELINES = CLASSICAL | CONSTANTS
# Methods of PEMF that are no single network of the registry. The fine-tuned
# one makes the features of its frames itself.
_PEMF = {"late_fusion": LANDMARKS, "convnext_lstm_finetuned": FEATURES}


def fed(name: str) -> str:
    """What a registered network is fed, one of the model registry's `DATA`.

    `""` of baselines, and of names that are not registered.
    """
    entry = MODELS.get(plain_name(name))
    if entry is None or entry.task == RECONSTRUCTION:
        return _PEMF.get(name, "")
    generated = name.endswith(GENERATED_TOO)
    return "" if generated and entry.data != FRAMES else entry.data


def registered_methods() -> list[str]:
    """Names of all methods of the suite."""
    generated = [name + GENERATED_TOO for name in MODELS]
    networks = [name for name in (*MODELS, *generated, *_PEMF) if fed(name)]
    return [*_BASELINES, *networks]


def check_samples(
    name: str, data: Collection[str], baselines: Collection[str], noun: str
) -> None:
    """Refuses a method of the suite that cannot see a table's samples.

    Args:
        name: As `resolve_method` takes it; a user's own method may pass.
        data: What networks that can are fed.
        baselines: Names of the baselines that can.
        noun: What readers call the samples.

    Raises:
        ConfigurationError: It cannot.
    """
    if ":" in name or name in baselines or fed(name) in data:
        return
    fits = [*baselines, *(n for n in registered_methods() if fed(n) in data)]
    raise ConfigurationError(
        f"--methods: {name!r} cannot be used on {noun}; those that can are "
        f"{', '.join(sorted(fits))}"
    )


def resolve_method(name: str, **options) -> Method:
    """A new method by its registered name or by `module:object`.

    Options are arguments of a registered method, e.g. `epochs`. Raises
    ConfigurationError where there is no such method, the object is not one,
    or it takes the name of one of ours.
    """
    factory = _factory(name)
    if factory is not None:
        return factory(**options)
    if ":" not in name:
        raise ConfigurationError(
            f"--methods: {name!r} is not one of "
            f"{sorted(registered_methods())}, nor of the form "
            "package.module:object"
        )
    module_name, _, attribute = name.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")  # the user's own file in the current folder
    try:
        found = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"--methods: cannot load {name!r}: {error}"
        ) from error
    method = found() if callable(found) else found
    missing = [
        part
        for part in ("name", "fit", "predict_proba")
        if not getattr(method, part, None)
    ]
    if missing:
        raise ConfigurationError(
            f"--methods: {name!r} is not a method: it lacks "
            f"{', '.join(missing)} (see keras_pain.experiments.methods.Method)"
        )
    if _factory(method.name) is not None:
        raise ConfigurationError(
            f"--methods: {name!r} calls itself {method.name!r}, which is a "
            "method of the suite; give it a name of its own"
        )
    return method


def _factory(name):
    if name in _BASELINES:
        return _BASELINES[name]
    # Imported here: networks load Keras, and those of PEMF a ConvNeXt.
    if fed(name) in (FEATURES, LANDMARKS):
        from keras_pain.experiments.pemf import pemf_method

        return functools.partial(pemf_method, name)
    if fed(name):
        from keras_pain.experiments.network import network_method

        return functools.partial(network_method, name)
    return None


def method_config(method: Method, name: str) -> dict:
    """What identifies a method in a fold's configuration.

    A user's own method need not have a `config`; the hash of the file that
    `name`, what `resolve_method` was given, points to stands in, so that an
    edited method is never taken for the one whose results are stored.
    """
    config = method.config() if hasattr(method, "config") else {}
    config = {"name": method.name, **config}
    if ":" in name:
        module = importlib.import_module(name.partition(":")[0])
        config["source_sha256"] = sha256_of(Path(module.__file__))
    return config
