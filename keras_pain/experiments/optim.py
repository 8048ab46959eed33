"""How a network is trained: a recipe as Keras objects, weights, seeds, reuse.

Tracing a recurrent network takes seconds, and a leave-one-subject-out run would
pay them for every fold. A kept network gets all of a new one's state (weights,
the seeds of its dropout) and a fresh optimiser, so that a fold comes out the
same alone and after others; a test says so.
"""

import copy
import csv
import functools
import os
import pathlib
import random
from collections.abc import Callable, Sequence

import joblib
import keras
import numpy as np

from keras_pain.errors import BadFileError, ConfigurationError, check_choice
from keras_pain.experiments.methods import BALANCES, FitReport
from keras_pain.io import sha256_of
from keras_pain.layers.base import EpochSchedule
from keras_pain.models import registry
from keras_pain.models.registry import Recipe

# Steps of an epoch in small folds; Table I has 460 on the release. Smoke runs
# have one epoch, and are not to wait for a compiler.
_STEPS = 20
_LEAST = 1.3  # gain of a step: less is not worth another configuration


def make_optimizer(
    recipe: Recipe, steps_per_epoch: int, epochs: int, accumulate: int = 1
) -> keras.optimizers.Optimizer:
    """A new optimiser, as the recipe says, with its learning rate schedule.

    `steps_per_epoch` are micro-batches, where the gradients of `accumulate` of
    them are averaged before each update.
    """
    rate = recipe.learning_rate
    if recipe.schedule:
        kind, *values = recipe.schedule
        if kind == "exponential":
            factor, steps = values
            # A schedule counts micro-batches, not updates.
            decay = keras.optimizers.schedules.ExponentialDecay
            rate = decay(rate, steps * accumulate, factor, staircase=True)
        else:
            rate = EpochSchedule(rate, kind, epochs, steps_per_epoch, *values)
    config = {"learning_rate": rate, **recipe.optimizer_options}
    if accumulate > 1:
        config["gradient_accumulation_steps"] = accumulate
    return type(keras.optimizers.get(recipe.optimizer))(**config)


def set_steps(optimizer: keras.optimizers.Optimizer, steps: int) -> None:
    """Tells a schedule by epochs how many steps these have in a fold."""
    # In half precision Keras wraps the optimiser, to scale the loss.
    rate = getattr(optimizer, "inner_optimizer", optimizer)._learning_rate
    if isinstance(rate, EpochSchedule):
        rate.set_steps(steps)


def make_loss(recipe: Recipe, classes: int = 0) -> keras.losses.Loss | str:
    """The recipe's loss with its options, see `Recipe.loss_for`."""
    name = recipe.loss_for(classes)
    options = dict(recipe.loss_options)
    if recipe.class_weights == "complement":
        options["reduction"] = "mean_with_sample_weight"  # as torch's is
    if not options:
        return name
    class_name = "".join(map(str.title, name.split("_")))
    return keras.losses.get({"class_name": class_name, "config": options})


def on_cpu_only() -> bool:
    """Whether TensorFlow has no GPU to compute on."""
    import tensorflow as tf

    return not tf.config.list_physical_devices("GPU")


@functools.cache
def _measured_compilers():
    path = pathlib.Path(registry.__file__).with_name("compile.csv")
    with open(path, encoding="utf-8") as stream:
        return {row["network"]: row for row in csv.DictReader(stream)}


def worth_compiling(name: str, epochs: int) -> bool:
    """Whether XLA ends a network's training sooner, compiling included.

    By `compile.csv`, which `benchmarks/run.py` measures on a CPU; on a GPU
    cuDNN's kernels stay. Keras' own choice is never to compile an LSTM.
    """
    row = _measured_compilers().get(name)
    if row is None or float(row["gain"]) < _LEAST or not on_cpu_only():
        return False
    step, gain = float(row["step_ms"]) / 1000, float(row["gain"])
    return epochs * (_STEPS * step * (1 - 1 / gain)) > float(row["compile_s"])


def dtype_policy(mixed: bool) -> str:
    """Keras' name for the precision of a network.

    Raises ConfigurationError where mixed precision is not for this machine.
    """
    if not mixed:
        return "float32"
    if not on_cpu_only():
        return "mixed_float16"
    # On a CPU TensorFlow cannot pool volumes in float16, and with oneDNN the
    # gradients of its 3D convolutions in bfloat16 hold NaN, others in every
    # run (seen with TensorFlow 2.21).
    if os.environ.get("TF_ENABLE_ONEDNN_OPTS") != "0":
        raise ConfigurationError(
            "--mixed_precision is for GPUs; on a CPU oneDNN spoils gradients "
            "in bfloat16: leave it out, or set TF_ENABLE_ONEDNN_OPTS=0"
        )
    return "mixed_bfloat16"


def class_weights(
    y: np.ndarray, num_classes: int, recipe: Recipe
) -> np.ndarray | None:
    """`(n,)` float32 weight of each sample; None where all weigh alike.

    As intensities do, of which there are 0 classes.
    """
    if recipe.class_weights == "none" or not num_classes:
        return None
    counts = np.bincount(y, minlength=num_classes)
    if recipe.class_weights == "complement":
        # In single precision, as the first stored results were made.
        of_class = 1 - (counts / counts.sum()).astype(np.float32)
    else:
        of_class = counts.sum() / (num_classes * np.maximum(counts, 1))
    return of_class[y].astype(np.float32)


def balanced_shares(y: np.ndarray) -> np.ndarray:
    """`(n,)` shares, sum 1, by which zero and more than zero weigh the same.

    The released AACSFNet code holds weights for the many faces without pain
    and never uses them; what the paper did is unsaid. Ours treats all levels
    above zero as one group: single ones are too rare to be repeated as often
    as zero occurs.
    """
    pain = (np.asarray(y) > 0).astype(int)
    counts = np.bincount(pain)
    return 1 / (counts[pain] * np.count_nonzero(counts))


def balanced_feed(y: np.ndarray, balance: str) -> dict[str, np.ndarray]:
    """What `training_clips` gets for `(n,)` training intensities.

    By `balance` they are `{}` (`"none"`); `{"chances": (n,)}` (`"sampling"`):
    an epoch draws as many samples of either group; or `{"weights": (n,)
    float32, of mean 1}` (`"weights"`): errors of either group weigh the same.
    Others raise ConfigurationError.
    """
    check_choice("--balance", balance, BALANCES)
    if balance == "none":
        return {}
    shares = balanced_shares(y)
    if balance == "sampling":
        return {"chances": shares}
    return {"weights": (len(shares) * shares).astype(np.float32)}


def set_seeds(seed: int) -> None:
    """Seeds what draws initial weights and dropout masks.

    `keras.utils.set_random_seed` also sets TensorFlow's global seed, which
    throws away every compiled graph: each fold would have them optimised anew,
    for seconds. Nothing here draws from that seed: Keras' layers take theirs
    from Python, and batches are drawn by `keras_pain.data`.
    """
    random.seed(seed)
    np.random.seed(seed)


# By key: models, and their optimisers' variables as they start.
_kept = {}


def fresh_models(
    key: str,
    build: Callable[[], Sequence[keras.Model]],
    compile_models: Callable[..., None],
    reuse: bool,
) -> Sequence[keras.Model]:
    """New compiled models, or kept ones in the state of new ones.

    `key` tells models of one kind and shape from others; `build` draws their
    initial weights, and `compile_models` is called with them. `reuse` keeps
    them, and uses those that are kept.
    """
    models = build()
    if reuse and key in _kept:
        kept, starts = _kept[key]
        for old, new in zip(kept, models, strict=True):
            _assign(old.variables, [v.value for v in new.variables])
        for optimizer, start in zip(_optimizers(kept), starts, strict=True):
            _assign(optimizer.variables, start)
        return kept
    compile_models(*models)
    if reuse:
        starts = [_values(o.variables) for o in _optimizers(models)]
        _kept[key] = models, starts
    return models


def trace(model: keras.Model, **fit_arguments) -> None:
    """Traces a new model's training and validation steps, and undoes the step.

    `fit_arguments` are what its `fit` will get.
    """
    if getattr(model, "train_function", None) is not None:
        return
    _optimizers((model,))
    # Variables of loss and metrics; made while a training step is traced, they
    # would have it traced twice.
    y = keras.ops.zeros([size or 1 for size in model.output_shape])
    model.compute_loss(None, y, y)
    model.compute_metrics(None, y, y)
    model.reset_metrics()
    variables = [*model.variables, *model.optimizer.variables]
    before = _values(variables)
    if model.jit_compile is True:
        # Only training steps have one shape in all folds.
        model.make_train_function()
        model.jit_compile = False
    once = {"steps_per_epoch": 1, "validation_steps": 1, "epochs": 1}
    model.fit(**{**fit_arguments, **once})
    _assign(variables, before)


def _optimizers(models):
    """The compiled models' optimisers, with all of their variables made."""
    compiled = [model for model in models if model.compiled]
    for model in compiled:
        model.optimizer.build(model.trainable_variables)
    return [model.optimizer for model in compiled]


def _values(variables):
    return [keras.ops.convert_to_numpy(v.value) for v in variables]


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


# The last training of each network, by name: its key, weights and report.
_last = {}


def trained_once(
    name: str, inputs, model: keras.Model, train: Callable[[], FitReport]
) -> FitReport:
    """Trains a network, or takes over its last training if that was the same.

    A fusion of two systems trains both of them; where they have just been
    trained as rows of their own, they would only come out the same.

    `inputs` are all that the result depends on: settings, seed, arrays; `model`
    is trained by `train`, whose report is returned, or gets the weights.
    """
    key = joblib.hash(inputs)
    if name in _last and _last[name][0] == key:
        model.set_weights(_last[name][1])
    else:
        report = train()
        _last[name] = key, model.get_weights(), report
    return copy.deepcopy(_last[name][2])


def weights_identity(source: str | os.PathLike, imagenet: str) -> dict:
    """What tells pretrained weights from others, wherever their file lies.

    Their source is the path of a file, or `"imagenet"`, which stands for those
    that `imagenet` names. Raises BadFileError where the file is missing.
    """
    if source == "imagenet":
        return {"imagenet": imagenet}
    path = pathlib.Path(source)
    if not path.is_file():
        problem = "no such file of weights"
        raise BadFileError(path, problem, "give the path of one")
    about = path.stat()
    return {"sha256": _digest(path, about.st_size, about.st_mtime_ns)}


@functools.lru_cache
def _digest(path, size, changed):
    """Files of weights have gigabytes, and are asked for in every fold."""
    return sha256_of(path)
