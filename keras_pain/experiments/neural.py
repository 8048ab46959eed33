"""Networks as methods: build, train with the recipe, keep the chosen epoch."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np

from keras_pain.data.feed import (
    evaluation_batches,
    num_steps,
    training_batches,
)
from keras_pain.data.windows import WindowSet
from keras_pain.experiments.methods import FitReport, Method
from keras_pain.models import alanet
from keras_pain.models.recipe import Recipe
from keras_pain.models.registry import MODELS, RECONSTRUCTION

_PREDICT_BATCH = 512  # results do not depend on it; memory does


class KerasMethod(Method):
    """A classifier of the model registry, trained by its recipe.

    Args:
        name: Key of `keras_pain.models.registry.MODELS`.
        epochs: Replaces the recipe's number of epochs.
        **arguments: Passed to the model builder.
    """

    augment = True

    def __init__(self, name: str, epochs: int | None = None, **arguments):
        self.name = name
        self._entry = MODELS[name]
        self._arguments = arguments
        self.recipe = self._entry.recipe
        self.epochs = epochs or self.recipe.epochs
        self.model: keras.Model | None = None

    def fit(
        self, train: WindowSet, validation: WindowSet, seed: int
    ) -> FitReport:
        report = FitReport()
        keras.backend.clear_session()
        keras.utils.set_random_seed(seed)
        self.model = self.build(train)
        train_classifier(
            self.model,
            (train.x, one_hot(train)),
            (validation.x, one_hot(validation)),
            self.recipe,
            self.epochs,
            seed,
            report,
            on_epoch=self.on_epoch,
        )
        return report

    def build(self, windows: WindowSet) -> keras.Model:
        """The untrained model for windows of this shape."""
        return self._entry.build(
            input_shape=windows.x.shape[1:],
            num_classes=windows.num_classes,
            **self._arguments,
        )

    def predict_proba(self, windows: WindowSet) -> np.ndarray:
        return self.model.predict(
            evaluation_batches((windows.x,), _PREDICT_BATCH), verbose=0
        )

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
        trainable_encoder: Fine-tune the encoder in the second stage.
        **arguments: Passed to both model builders.
    """

    def __init__(
        self,
        name: str = "alanet",
        epochs: int | None = None,
        trainable_encoder: bool = False,
        **arguments,
    ):
        super().__init__(name, epochs, **arguments)
        self._autoencoder = MODELS[self._entry.autoencoder]
        self._pretrain_epochs = epochs or self._autoencoder.recipe.epochs
        self._trainable_encoder = trainable_encoder

    def fit(
        self, train: WindowSet, validation: WindowSet, seed: int
    ) -> FitReport:
        report = FitReport()
        keras.backend.clear_session()
        keras.utils.set_random_seed(seed)
        self.model = self._entry.build(
            input_shape=train.x.shape[1:],
            num_classes=train.num_classes,
            trainable_encoder=self._trainable_encoder,
            **self._arguments,
        )
        autoencoder = self._autoencoder.build(
            input_shape=train.x.shape[1:], **self._arguments
        )
        self._pretrain(autoencoder, train, seed, report)
        alanet.transfer_encoder(autoencoder, self.model)
        model, prepare = self.model, lambda windows: windows.x
        if not self._trainable_encoder:
            encoder = alanet.alanet_encoder(self.model)
            model = alanet.alanet_head(self.model)

            def prepare(windows):
                batches = evaluation_batches((windows.x,), _PREDICT_BATCH)
                return encoder.predict(batches, verbose=0)

        start = time.perf_counter()
        codes, validation_codes = prepare(train), prepare(validation)
        report.stages["encode"] = time.perf_counter() - start
        train_classifier(
            model,
            (codes, one_hot(train)),
            (validation_codes, one_hot(validation)),
            self.recipe,
            self.epochs,
            seed,
            report,
            on_epoch=self.on_epoch,
        )
        return report

    def _pretrain(self, autoencoder, train, seed, report) -> None:
        """Reconstruction of real frames; padded ones carry no weight."""
        recipe = self._autoencoder.recipe
        start = time.perf_counter()
        autoencoder.compile(
            optimizer=_optimizer(recipe), loss=recipe.loss, weighted_metrics=[]
        )
        weights = train.mask.astype(np.float32)
        target = alanet.reconstruction_target(autoencoder, train.x)
        arrays = (train.x, target, weights)
        history = autoencoder.fit(
            training_batches(arrays, recipe.batch_size, seed),
            steps_per_epoch=num_steps(len(train), recipe.batch_size),
            epochs=self._pretrain_epochs,
            shuffle=False,  # the batches are shuffled already
            verbose=0,
            callbacks=_callbacks(
                "autoencoder", self._pretrain_epochs, self.on_epoch
            ),
        )
        report.stages["autoencoder"] = time.perf_counter() - start
        report.history += _rows("autoencoder", history)

    def config(self) -> dict:
        return {
            **super().config(),
            "pretrain_epochs": self._pretrain_epochs,
            "pretrain_recipe": self._autoencoder.recipe.settings(),
            "trainable_encoder": self._trainable_encoder,
        }


def train_classifier(
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
        model: Classifier over one-hot targets.
        train: `(x, one-hot y)`.
        validation: `(x, one-hot y)` that chooses the epoch.
        recipe: Optimiser, batch size, loss and what chooses the epoch.
        epochs: Number of epochs.
        seed: Seed of the shuffling.
        report: Gets the stage's time, history and chosen epoch.
        on_epoch: Called with ("classifier", epoch, epochs).
    """
    start = time.perf_counter()
    model.compile(
        optimizer=_optimizer(recipe),
        loss=recipe.loss_for(train[1].shape[1]),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
    )
    keep_best = keras.callbacks.EarlyStopping(
        monitor=recipe.monitor,
        patience=epochs,  # keeps the best epoch, never stops early
        restore_best_weights=True,
    )
    history = model.fit(
        training_batches(train, recipe.batch_size, seed),
        steps_per_epoch=num_steps(len(train[0]), recipe.batch_size),
        epochs=epochs,
        validation_data=evaluation_batches(validation, _PREDICT_BATCH),
        shuffle=False,
        verbose=0,
        callbacks=[keep_best, *_callbacks("classifier", epochs, on_epoch)],
    )
    report.stages["classifier"] = time.perf_counter() - start
    report.history += _rows("classifier", history)
    report.chosen_epoch = keep_best.best_epoch + 1


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
    if entry.task != RECONSTRUCTION
}
