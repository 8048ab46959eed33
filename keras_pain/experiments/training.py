"""What a recipe says, as Keras objects: optimiser, schedule, loss."""

import os

import keras
import numpy as np

from keras_pain.errors import ConfigurationError
from keras_pain.models.recipe import Recipe
from keras_pain.models.schedule import EpochSchedule


def make_optimizer(
    recipe: Recipe, steps_per_epoch: int, epochs: int, accumulate: int = 1
) -> keras.optimizers.Optimizer:
    """The recipe's optimiser with its learning rate schedule.

    Args:
        recipe: The recipe.
        steps_per_epoch: Batches an epoch, micro-batches if they accumulate.
        epochs: Epochs of this training.
        accumulate: Batches whose gradients are averaged before each update.

    Returns:
        A new optimiser.
    """
    # A schedule counts micro-batches, not updates.
    config = {
        "learning_rate": _rate(recipe, steps_per_epoch, epochs, accumulate),
        **recipe.optimizer_options,
    }
    if accumulate > 1:
        config["gradient_accumulation_steps"] = accumulate
    found = keras.optimizers.get(recipe.optimizer)
    return type(found)(**config)


def _rate(recipe: Recipe, steps_per_epoch: int, epochs: int, accumulate: int):
    schedules = keras.optimizers.schedules
    rate = recipe.learning_rate
    if not recipe.schedule:
        return rate
    kind, *values = recipe.schedule
    if kind == "exponential":
        factor, steps = values
        return schedules.ExponentialDecay(
            rate, steps * accumulate, factor, staircase=True
        )
    return EpochSchedule(rate, kind, epochs, steps_per_epoch, *values)


def set_steps(
    optimizer: keras.optimizers.Optimizer, steps_per_epoch: int
) -> None:
    """Tells a kept optimiser's schedule of another number of steps."""
    rate = optimizer._learning_rate
    if isinstance(rate, EpochSchedule):
        rate.set_steps(steps_per_epoch)


def make_loss(recipe: Recipe) -> keras.losses.Loss | str:
    """The recipe's loss with its options."""
    if not recipe.loss_options:
        return recipe.loss
    name = "".join(map(str.title, recipe.loss.split("_")))
    return keras.losses.get(
        {"class_name": name, "config": dict(recipe.loss_options)}
    )


def class_weights(y: np.ndarray, num_classes: int, recipe: Recipe):
    """`(n,)` float32 weight of each sample, None where classes weigh alike."""
    if recipe.class_weights == "none":
        return None
    counts = np.bincount(y, minlength=num_classes)
    if recipe.class_weights == "complement":
        of_class = 1 - counts / counts.sum()
    else:
        of_class = counts.sum() / (num_classes * np.maximum(counts, 1))
    return of_class[y].astype(np.float32)


def on_cpu_only() -> bool:
    """Whether TensorFlow computes, and has no GPU to do it on."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.config.list_physical_devices("GPU")


def never_xla_on_cpu() -> bool | str:
    """`jit_compile` for networks of pictures.

    XLA makes their convolutions on a CPU up to 14 times slower. Keras' own
    choice is the same today; nobody is to depend on that.
    """
    return False if on_cpu_only() else "auto"


def dtype_policy(mixed: bool) -> str:
    """Precision of a network.

    On a CPU TensorFlow cannot pool volumes in float16, and with oneDNN the
    gradients of its 3D convolutions in bfloat16 hold numbers that are none,
    others in every run (seen with TensorFlow 2.21).

    Raises:
        ConfigurationError: It would come to that.
    """
    if not mixed:
        return "float32"
    if not on_cpu_only():
        return "mixed_float16"
    if os.environ.get("TF_ENABLE_ONEDNN_OPTS") != "0":
        raise ConfigurationError(
            "--mixed_precision is for GPUs; on a CPU oneDNN spoils gradients "
            "in bfloat16: leave it out, or set TF_ENABLE_ONEDNN_OPTS=0"
        )
    return "mixed_bfloat16"
