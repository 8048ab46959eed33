"""What the custom layers and the networks have in common."""

import inspect
import math
from collections.abc import Collection
from typing import ClassVar

import keras
from keras import ops

from keras_pain.errors import ConfigurationError


def require(fits: bool, name: str, text: str) -> None:
    """Raises ConfigurationError about a layer or model, unless it `fits`."""
    if not fits:
        raise ConfigurationError(f"{name}: {text}")


def check_choice(
    name: str, argument: str, value, allowed: Collection[str]
) -> None:
    """Refuses another value of an argument, as `require` does."""
    known = ", ".join(map(str, allowed))
    text = f"{argument} must be one of {known}, not {value!r}"
    require(value in allowed, name, text)


def torch_start(
    fan_in: int, weights: Collection[str] = ("kernel", "bias")
) -> dict:
    """PyTorch's start of a linear layer or convolution, as Keras' arguments.

    U(-b, b) with b = 1 / sqrt(fan_in), the inputs of one unit: features, or
    channels times kernel size (`torch.nn.Linear.reset_parameters`,
    `torch.nn.modules.conv`). One initializer repeats its numbers, so that
    every weight has its own.
    """
    bound, draw = 1.0 / math.sqrt(fan_in), keras.initializers.RandomUniform
    return {f"{name}_initializer": draw(-bound, bound) for name in weights}


class BaseLayer(keras.layers.Layer):
    """What all layers of this package have in common.

    Saved networks name them, and loading finds them. A layer's arguments are
    the annotated attributes of its class, in their order, and its
    configuration is made from them; those that name an activation become the
    function. Other keywords are passed to `keras.layers.Layer`. The output has
    the input's shape where nothing else is said.

    A mask goes through where `keeps_mask` is True, and ends where it is False,
    in layers that make use of it. None: a mask is not expected, and Keras warns
    that it is lost.
    """

    arguments = ()
    keeps_mask: ClassVar[bool | None] = None

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        keras.saving.register_keras_serializable(package="keras_pain")(cls)
        cls.arguments = (*cls.arguments, *inspect.get_annotations(cls))
        kind, order = inspect.Parameter, inspect.Parameter.POSITIONAL_OR_KEYWORD
        given = {name: getattr(cls, name, kind.empty) for name in cls.arguments}
        own = [kind(name, order, default=x) for name, x in given.items()]
        others = kind("kwargs", kind.VAR_KEYWORD)
        cls.__signature__ = inspect.Signature([*own, others])

    def __init__(self, *args, **kwargs):
        given = inspect.signature(type(self)).bind(*args, **kwargs)
        given.apply_defaults()
        super().__init__(**given.arguments.pop("kwargs"))
        for name, value in given.arguments.items():
            if name.endswith("activation"):
                value = keras.activations.get(value)
            setattr(self, name, value)
        # Keras' own guess is that a layer with `compute_mask` knows of masks.
        own = type(self).compute_mask is not BaseLayer.compute_mask
        self.supports_masking = own or self.keeps_mask is not None
        self.set_up()

    def set_up(self) -> None:
        """Refuses impossible arguments, makes what needs no shape."""

    def compute_mask(self, inputs, mask=None):
        return mask if self.keeps_mask else None

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict:
        config = {name: getattr(self, name) for name in self.arguments}
        for name, value in config.items():
            if callable(value):
                config[name] = keras.activations.serialize(value)
        return {**super().get_config(), **config}

    def dense(self, name: str, fan_in: int, units: int, **options):
        """A dense layer of this one's precision, with its weights."""
        options |= {"dtype": self.dtype_policy, "name": name}
        layer = keras.layers.Dense(units, **options)
        layer.build((None, fan_in))
        return layer

    def drop(self, name: str):
        """A dropout layer of this one's precision and rate, `dropout`."""
        dtype = self.dtype_policy
        return keras.layers.Dropout(self.dropout, dtype=dtype, name=name)


@keras.saving.register_keras_serializable(package="keras_pain")
class EpochSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate by the epochs done, whatever number of steps they have.

    Keras' own schedules count steps. How many an epoch has differs from fold
    to fold; here it is a variable, so that a network that was traced for one
    fold serves the others. Saved networks name this class.

    The kind is `"cosine"`, from the `rate` down to zero over all epochs; or
    `"multistep"`, where in the epochs (from 1) of `falls` it is multiplied by
    the factor once more.
    """

    def __init__(self, rate, kind, epochs, steps, falls=(), factor=0.1):
        self.rate, self.kind, self.epochs = rate, kind, epochs
        self.falls, self.factor = list(falls), factor
        kind = {"trainable": False, "dtype": "float32", "name": "epoch_steps"}
        self._steps = keras.Variable(float(steps), **kind)

    def set_steps(self, steps: int) -> None:
        """Sets the steps of an epoch."""
        self._steps.assign(float(steps))

    def __call__(self, step):
        done = ops.cast(step, "float32") / self._steps
        if self.kind == "cosine":
            share = ops.minimum(done / self.epochs, 1.0)
            return self.rate * 0.5 * (1.0 + ops.cos(math.pi * share))
        # A step is of epoch e when e - 1 of them are done, but for rounding.
        epoch = ops.floor(done + 1e-4) + 1.0
        count = sum(ops.cast(epoch >= fall, "float32") for fall in self.falls)
        return self.rate * ops.power(self.factor, count)

    def get_config(self) -> dict:
        config = {**vars(self)}
        steps = float(ops.convert_to_numpy(config.pop("_steps")))
        return {**config, "steps": steps}
