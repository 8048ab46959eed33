"""Networks as methods: build, train with the recipe, keep the chosen epoch."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np

from keras_pain.data.channels import arranged
from keras_pain.data.feed import (
    evaluation_batches,
    num_steps,
    training_batches,
)
from keras_pain.data.windows import WindowSet
from keras_pain.experiments.methods import FitReport, Method
from keras_pain.experiments.reuse import fresh_models, trace
from keras_pain.experiments.seeds import set_seeds
from keras_pain.models import alanet
from keras_pain.models.recipe import Recipe
from keras_pain.models.registry import MODELS, RECONSTRUCTION, WINDOWS

_PREDICT_BATCH = 512  # results do not depend on it; memory does


class KerasMethod(Method):
    """A classifier of the model registry, trained by its recipe.

    Args:
        name: Key of `keras_pain.models.registry.MODELS`.
        epochs: Replaces the recipe's number of epochs.
        reuse: Share one traced network among all methods of this name and
            shape in this process: each `fit` then ends the use of earlier
            ones' `model`.
        **arguments: Passed to the model builder.
    """

    augment = True

    def __init__(
        self,
        name: str,
        epochs: int | None = None,
        reuse: bool = False,
        **arguments,
    ):
        self.name = name
        self._entry = MODELS[name]
        self._arguments = arguments
        self._reuse = reuse
        self.recipe = self._entry.recipe
        self.epochs = epochs or self.recipe.epochs
        self.model: keras.Model | None = None
        self._start: Path | None = None

    def fit(
        self, train: WindowSet, validation: WindowSet, seed: int
    ) -> FitReport:
        report = FitReport()
        set_seeds(seed)
        train, validation = self._arranged(train), self._arranged(validation)
        self._build(train)
        if self._start is not None:
            self._take_over(keras.models.load_model(self._start))
        self._train(train, validation, seed, report)
        return report

    def continue_from(self, folder: Path) -> None:
        """Makes `fit` start from the network of another fold.

        That is a defect which the ledger of leaks measures. Of models whose
        released code shares some layers only, these are taken over.

        Args:
            folder: Folder that `save` wrote to.
        """
        self._start = folder / "model.keras"

    def _take_over(self, other: keras.Model) -> None:
        layers = self._entry.shared_layers or [x.name for x in other.layers]
        for name in layers:
            weights = other.get_layer(name).get_weights()
            self.model.get_layer(name).set_weights(weights)

    def _arranged(self, windows: WindowSet) -> WindowSet:
        """The windows with their channels as the model takes them."""
        return arranged(windows, self._entry.channel_order)

    def _build(self, windows: WindowSet) -> None:
        """Sets the networks to their initial state."""

        def build():
            model = self._entry.build(
                input_shape=windows.x.shape[1:],
                num_classes=windows.num_classes,
                **self._arguments,
            )
            return (model,)

        def compile_model(model):
            compile_classifier(model, self.recipe)

        (self.model,) = fresh_models(
            self._key(windows), build, compile_model, self._reuse
        )

    def _train(self, train, validation, seed, report) -> None:
        fit_classifier(
            self.model,
            (train.x, one_hot(train)),
            (validation.x, one_hot(validation)),
            self.recipe,
            self.epochs,
            seed,
            report,
            on_epoch=self.on_epoch,
        )

    def _key(self, windows: WindowSet) -> tuple:
        shape = (*windows.x.shape[1:], windows.num_classes)
        arguments = tuple(sorted(self._arguments.items()))
        return (type(self), self.name, shape, arguments)

    def predict_proba(self, windows: WindowSet) -> np.ndarray:
        batches = evaluation_batches(
            (self._arranged(windows).x,), _PREDICT_BATCH
        )
        return self.model.predict(batches, verbose=0)

    def config(self) -> dict:
        return {
            "name": self.name,
            "epochs": self.epochs,
            "recipe": self.recipe.settings(),
            "arguments": self._arguments,
        }

    def save(self, folder: Path) -> None:
        self.model.save(folder / "model.keras")


class ALANetMethod(KerasMethod):
    """ALANet: an autoencoder first, then attention over its frozen encoder.

    With a frozen encoder the codes of a window never change, so they are
    computed once and only the 171 parameters of the head are trained on them:
    the same numbers as training the whole network with a frozen part, sooner.

    Args:
        name: `"alanet"` or `"alanet_parts"`.
        epochs: Replaces both stages' number of epochs.
        reuse: See `KerasMethod`.
        trainable_encoder: Fine-tune the encoder in the second stage.
        **arguments: Passed to both model builders.
    """

    def __init__(
        self,
        name: str = "alanet",
        epochs: int | None = None,
        reuse: bool = False,
        trainable_encoder: bool = False,
        **arguments,
    ):
        super().__init__(name, epochs, reuse, **arguments)
        self._stage_one = MODELS[self._entry.autoencoder]
        self._stage_one_epochs = epochs or self._stage_one.recipe.epochs
        self._trainable_encoder = trainable_encoder

    # Nobody released an ALANet that goes on from fold to fold.
    continue_from = None

    def _build(self, windows: WindowSet) -> None:
        def build():
            model = self._entry.build(
                input_shape=windows.x.shape[1:],
                num_classes=windows.num_classes,
                trainable_encoder=self._trainable_encoder,
                **self._arguments,
            )
            autoencoder = self._stage_one.build(
                input_shape=windows.x.shape[1:], **self._arguments
            )
            encoder = alanet.alanet_encoder(model)
            trained = model
            if not self._trainable_encoder:
                trained = alanet.alanet_head(model)
            return model, autoencoder, encoder, trained

        def compile_models(model, autoencoder, encoder, trained):
            recipe = self._stage_one.recipe
            autoencoder.compile(
                optimizer=_optimizer(recipe),
                loss=recipe.loss,
                weighted_metrics=[],
            )
            compile_classifier(trained, self.recipe)

        self.model, self._autoencoder, self._encoder, self._trained = (
            fresh_models(
                (*self._key(windows), self._trainable_encoder),
                build,
                compile_models,
                self._reuse,
            )
        )

    def _train(self, train, validation, seed, report) -> None:
        self._pretrain(train, seed, report)
        alanet.transfer_encoder(self._autoencoder, self.model)
        start = time.perf_counter()
        inputs = [self._head_input(part) for part in (train, validation)]
        report.stages["encode"] = time.perf_counter() - start
        fit_classifier(
            self._trained,
            (inputs[0], one_hot(train)),
            (inputs[1], one_hot(validation)),
            self.recipe,
            self.epochs,
            seed,
            report,
            on_epoch=self.on_epoch,
        )

    def _head_input(self, windows: WindowSet) -> np.ndarray:
        """What the trained part takes: codes, or windows when fine-tuning."""
        if self._trainable_encoder:
            return windows.x
        batches = evaluation_batches((windows.x,), _PREDICT_BATCH)
        return self._encoder.predict(batches, verbose=0)

    def _pretrain(self, train: WindowSet, seed: int, report) -> None:
        """Reconstruction of real frames; padded ones carry no weight."""
        recipe = self._stage_one.recipe
        target = alanet.reconstruction_target(self._autoencoder, train.x)
        arrays = (train.x, target, train.mask.astype(np.float32))
        _fit(
            self._autoencoder,
            "autoencoder",
            report,
            x=training_batches(arrays, recipe.batch_size, seed),
            steps_per_epoch=num_steps(len(train), recipe.batch_size),
            epochs=self._stage_one_epochs,
            on_epoch=self.on_epoch,
        )

    def config(self) -> dict:
        return {
            **super().config(),
            "pretrain_epochs": self._stage_one_epochs,
            "pretrain_recipe": self._stage_one.recipe.settings(),
            "trainable_encoder": self._trainable_encoder,
        }


def compile_classifier(model: keras.Model, recipe: Recipe) -> None:
    """Compiles a classifier over one-hot targets as its recipe says."""
    loss = recipe.loss_for(model.output_shape[-1])
    if recipe.class_weights != "none":
        loss = _weighted_loss(loss)
    model.compile(
        optimizer=_optimizer(recipe),
        loss=loss,
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
    )


def fit_classifier(
    model: keras.Model,
    train: Sequence[np.ndarray],
    validation: Sequence[np.ndarray],
    recipe: Recipe,
    epochs: int,
    seed: int,
    report: FitReport,
    on_epoch: Callable | None = None,
) -> None:
    """Trains and leaves the weights of the epoch best on `validation`.

    Args:
        model: Compiled classifier over one-hot targets.
        train: `(x, one-hot y)`; classes weigh as the recipe says.
        validation: `(x, one-hot y)` that chooses the epoch.
        recipe: Batch size, and what chooses the epoch.
        epochs: Number of epochs.
        seed: Seed of the shuffling.
        report: Gets the stage's time, history and chosen epoch.
        on_epoch: Called with ("classifier", epoch, epochs).
    """
    train = [*train, *_weights_of(train[1], recipe)]
    keep_best = keras.callbacks.EarlyStopping(
        monitor=recipe.monitor,
        patience=epochs,  # keeps the best epoch, never stops early
        restore_best_weights=True,
    )
    _fit(
        model,
        "classifier",
        report,
        x=training_batches(train, recipe.batch_size, seed),
        steps_per_epoch=num_steps(len(train[0]), recipe.batch_size),
        epochs=epochs,
        validation_data=evaluation_batches(validation, _PREDICT_BATCH),
        callbacks=[keep_best],
        on_epoch=on_epoch,
    )
    report.chosen_epoch = keep_best.best_epoch + 1


def _weighted_loss(name: str) -> keras.losses.Loss:
    """A loss whose mean over a batch is weighted, as torch's is."""
    loss = keras.losses.get(
        {"class_name": "".join(map(str.title, name.split("_"))), "config": {}}
    )
    loss.reduction = "mean_with_sample_weight"
    return loss


def _weights_of(targets: np.ndarray, recipe: Recipe) -> list[np.ndarray]:
    """A weight a window where the recipe weighs classes, else nothing."""
    if recipe.class_weights == "none":
        return []
    of_class = 1 - targets.mean(axis=0)
    return [(targets @ of_class).astype(np.float32)]


def _fit(model, stage, report, on_epoch=None, callbacks=(), **arguments):
    """`model.fit`, with its tracing and its training timed apart."""
    # The batches are shuffled already.
    arguments = {**arguments, "shuffle": False, "verbose": 0}
    start = time.perf_counter()
    trace(model, **arguments)
    begin = time.perf_counter()
    reported = _callbacks(stage, arguments["epochs"], on_epoch)
    history = model.fit(**arguments, callbacks=[*callbacks, *reported])
    report.stages[stage] = time.perf_counter() - begin
    report.trace_seconds += begin - start
    report.history += _rows(stage, history)


def one_hot(windows: WindowSet) -> np.ndarray:
    """`(n, num_classes)` float32 targets."""
    return np.eye(windows.num_classes, dtype=np.float32)[windows.y]


def _optimizer(recipe: Recipe) -> keras.optimizers.Optimizer:
    return keras.optimizers.get(
        {
            "class_name": recipe.optimizer,
            "config": {"learning_rate": recipe.learning_rate},
        }
    )


def _callbacks(stage: str, epochs: int, on_epoch: Callable | None) -> list:
    if on_epoch is None:
        return []
    return [
        keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: on_epoch(stage, epoch + 1, epochs)
        )
    ]


def _rows(stage: str, history: keras.callbacks.History) -> list[dict]:
    columns = history.history
    return [
        {
            "stage": stage,
            "epoch": epoch + 1,
            **{name: float(values[epoch]) for name, values in columns.items()},
        }
        for epoch in range(len(next(iter(columns.values()))))
    ]


def _method(name: str) -> Callable[..., Method]:
    kind = ALANetMethod if MODELS[name].autoencoder else KerasMethod
    return lambda **options: kind(name, **options)


METHODS = {
    name: _method(name)
    for name, entry in MODELS.items()
    if entry.task != RECONSTRUCTION and entry.data == WINDOWS
}
