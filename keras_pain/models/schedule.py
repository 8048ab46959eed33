"""Learning rates that fall with the epochs."""

import math

import keras
from keras import ops

COSINE, MULTISTEP = "cosine", "multistep"


@keras.saving.register_keras_serializable(package="keras_pain")
class EpochSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate by the epochs done, whatever number of steps they have.

    Keras' own schedules count steps. The number of an epoch's differs from
    fold to fold; here it is a variable, so that a network that was traced for
    one fold serves the others.

    Args:
        rate: Learning rate at the start.
        kind: `"cosine"`, down to zero over all epochs; or `"multistep"`.
        epochs: All epochs.
        steps: Steps of an epoch.
        falls: For `"multistep"`, epochs (from 1) from which on the rate is
            multiplied once more.
        factor: By what.
    """

    def __init__(self, rate, kind, epochs, steps, falls=(), factor=0.1):
        self.rate = rate
        self.kind = kind
        self.epochs = epochs
        self.falls = tuple(falls)
        self.factor = factor
        self._steps = keras.Variable(
            float(steps), trainable=False, dtype="float32", name="epoch_steps"
        )

    def set_steps(self, steps: int) -> None:
        """Sets the steps of an epoch."""
        self._steps.assign(float(steps))

    def __call__(self, step):
        done = ops.cast(step, "float32") / self._steps
        if self.kind == COSINE:
            share = ops.minimum(done / self.epochs, 1.0)
            return self.rate * 0.5 * (1.0 + ops.cos(math.pi * share))
        # A step is of epoch e when e - 1 of them are done, but for rounding.
        epoch = ops.floor(done + 1e-4) + 1.0
        count = sum(ops.cast(epoch >= fall, "float32") for fall in self.falls)
        return self.rate * ops.power(self.factor, count)

    def get_config(self) -> dict:
        return {
            "rate": self.rate,
            "kind": self.kind,
            "epochs": self.epochs,
            "steps": float(ops.convert_to_numpy(self._steps)),
            "falls": list(self.falls),
            "factor": self.factor,
        }
