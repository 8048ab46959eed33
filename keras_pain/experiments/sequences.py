"""Networks of arrays that fit into memory: what is fed, scaled, trained."""

import abc
import dataclasses
import time
from pathlib import Path

import keras
import numpy as np

from keras_pain.data.clips import ClipSet
from keras_pain.data.feed import (
    evaluation_batches,
    num_steps,
    training_batches,
)
from keras_pain.experiments.keys import canonical_json
from keras_pain.experiments.methods import FitReport, Method
from keras_pain.experiments.pemf_inputs import smote
from keras_pain.experiments.reuse import fresh_models, trace
from keras_pain.experiments.seeds import set_seeds
from keras_pain.experiments.training import (
    class_weights,
    make_loss,
    make_optimizer,
    never_xla_on_cpu,
)
from keras_pain.experiments.trainings import (
    keep_training,
    same_training,
    training_key,
)
from keras_pain.models.registry import MODELS

# The released STGCN-LSTM code's `validation_split`.
_SYNTHETIC_SHARE = 0.1
_EVALUATION_BATCH = 64


class SequenceMethod(Method):
    """A network of the registry that sees `(time, ...)` arrays of a clip.

    Args:
        name: Key of `keras_pain.models.registry.MODELS`.
        epochs: Replaces the recipe's number of epochs.
        options: Its `batch_size` and `learning_rate` replace the recipe's.
        reuse: See `keras_pain.experiments.neural.KerasMethod`.
        arguments: Arguments of the model builder, over the entry's.
        last_epoch: Keep the last epoch instead of the best; validation clips
            are not looked at.
        oversample: Balance the classes by SMOTE instead of weights, and take
            the last tenth of what comes out for validation: it is made up.
    """

    def __init__(
        self,
        name: str,
        epochs: int | None,
        options,
        reuse: bool,
        arguments: dict,
        last_epoch: bool = False,
        oversample: bool = False,
    ):
        self.name = name
        self._entry = MODELS[name]
        self.recipe = _changed(self._entry.recipe, options)
        self.epochs = epochs or self.recipe.epochs
        self.options = options
        self.arguments = dict(arguments)
        self.last_epoch = last_epoch
        self.oversample = oversample
        self.chooses_epoch = not last_epoch
        self._reuse = reuse
        self.model: keras.Model | None = None
        self.mean = self.std = None

    @abc.abstractmethod
    def sequences(self, clips: ClipSet) -> np.ndarray:
        """`(n, T, ...)` float32, unscaled."""

    @abc.abstractmethod
    def training_sequences(
        self, clips: ClipSet, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The same with whatever is added to training clips, and classes."""

    @abc.abstractmethod
    def scaled_by(self, train: ClipSet, x: np.ndarray) -> np.ndarray | None:
        """What mean and standard deviation are taken of; None for neither.

        Args:
            train: The training clips.
            x: Their arrays.
        """

    def fit(self, train: ClipSet, validation: ClipSet, seed: int) -> FitReport:
        start = time.perf_counter()
        x, y = self.training_sequences(train, seed)
        self._fit_scale(self.scaled_by(train, x))
        x, weights = self._scaled(x), None
        classes = train.num_classes
        held = None
        if self.oversample:
            x, y = smote(x, y, seed)
            kept = len(y) - max(int(_SYNTHETIC_SHARE * len(y)), 1)
            held = (x[kept:], _one_hot(y[kept:], classes))
            x, y = x[:kept], y[:kept]
        else:
            weights = class_weights(y, classes, self.recipe)
        if held is None and not self.last_epoch:
            held = (
                self._scaled(self.sequences(validation)),
                _one_hot(validation.y, classes),
            )
        targets = _one_hot(y, classes)
        arrays = (x, targets) if weights is None else (x, targets, weights)
        report = FitReport(stages={"inputs": time.perf_counter() - start})
        return self._train(arrays, held, classes, seed, report)

    def predict_proba(self, windows: ClipSet) -> np.ndarray:
        x = self._scaled(self.sequences(windows))
        batches = evaluation_batches((x,), _EVALUATION_BATCH)
        return self.model.predict(batches.map(lambda x: x), verbose=0).astype(
            np.float32
        )

    def config(self) -> dict:
        return {
            "name": self.name,
            "epochs": self.epochs,
            "recipe": self.recipe.settings(),
            "arguments": self.arguments,
            "last_epoch": self.last_epoch,
            "oversample": self.oversample,
        }

    def model_with_scale(self) -> keras.Model:
        """The trained network from unscaled arrays to probabilities."""
        inputs = keras.Input(self.model.input_shape[1:], name="unscaled")
        x = inputs
        if self.mean is not None:
            x = keras.layers.Normalization(
                axis=tuple(range(2, 2 + self.mean.ndim)),
                mean=self.mean,
                variance=self.std**2,
                name="scale",
            )(x)
        return keras.Model(inputs, self.model(x), name=f"{self.name}_scaled")

    def save(self, folder: Path) -> None:
        self.model_with_scale().save(folder / "model.keras")

    def _train(
        self, arrays, held, classes, seed, report: FitReport
    ) -> FitReport:
        set_seeds(seed)
        batch = min(self.recipe.batch_size, len(arrays[0]))
        steps = num_steps(len(arrays[0]), batch)
        self._build(arrays[0].shape[1:], classes, steps)
        settings = canonical_json([self.config(), seed])
        key = training_key(settings, (*arrays, *(held or ())))
        if self._reuse:
            same = same_training(self.name, key, self.model)
            if same is not None:
                return same
        arguments = {
            "x": training_batches(arrays, batch, seed),
            "epochs": self.epochs,
            "steps_per_epoch": steps,
            "shuffle": False,
            "verbose": 0,
        }
        if held is not None:
            batches = evaluation_batches(held, _EVALUATION_BATCH)
            arguments["validation_data"] = batches
        callbacks = self._reporters()
        if not self.last_epoch:
            stop = keras.callbacks.EarlyStopping(
                monitor=self.recipe.monitor,
                patience=self.recipe.patience or self.epochs,
                restore_best_weights=True,
            )
            callbacks.append(stop)
        begin = time.perf_counter()
        trace(self.model, **arguments)
        report.trace_seconds = time.perf_counter() - begin
        begin = time.perf_counter()
        history = self.model.fit(**arguments, callbacks=callbacks).history
        report.stages["network"] = time.perf_counter() - begin
        length = len(history["loss"])
        report.history = [
            {
                "stage": "network",
                "epoch": epoch + 1,
                **{name: float(v[epoch]) for name, v in history.items()},
            }
            for epoch in range(length)
        ]
        report.chosen_epoch = length if self.last_epoch else stop.best_epoch + 1
        if self._reuse:
            keep_training(self.name, key, self.model, report)
        return report

    def _build(self, shape, classes: int, steps: int) -> None:
        # What a protocol changes is in the arrays, not in the network; and an
        # exponential schedule does not depend on the steps of an epoch.
        network = [self.name, self.epochs, self.recipe.settings()]
        key = (
            canonical_json([*network, self.arguments, shape, classes]),
            type(self).__name__,
        )

        def compile_model(model):
            model.compile(
                optimizer=make_optimizer(self.recipe, steps, self.epochs),
                loss=make_loss(self.recipe),
                metrics=["accuracy"],
                jit_compile=never_xla_on_cpu(),
            )

        (self.model,) = fresh_models(
            key,
            lambda: (
                self._entry.build(
                    input_shape=tuple(shape),
                    num_classes=classes,
                    **self.arguments,
                ),
            ),
            compile_model,
            self._reuse,
        )

    def _fit_scale(self, x: np.ndarray | None) -> None:
        """Mean and standard deviation of every number over clips and time."""
        self.mean = self.std = None
        if x is not None:
            self.mean = x.mean((0, 1), dtype=np.float64).astype(np.float32)
            std = x.std((0, 1), dtype=np.float64).astype(np.float32)
            self.std = np.where(std > 0, std, np.float32(1))

    def _scaled(self, x: np.ndarray) -> np.ndarray:
        return x if self.mean is None else (x - self.mean) / self.std

    def _reporters(self) -> list:
        if self.on_epoch is None:
            return []
        return [
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: self.on_epoch(
                    self.name, epoch + 1, self.epochs
                )
            )
        ]


def _changed(recipe, options):
    changes = {
        name: getattr(options, name)
        for name in ("batch_size", "learning_rate")
        if getattr(options, name)
    }
    return dataclasses.replace(recipe, **changes)


def _one_hot(y: np.ndarray, classes: int) -> np.ndarray:
    return np.eye(classes, dtype=np.float32)[y]
