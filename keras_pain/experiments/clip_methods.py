"""Networks of face clips and pictures as methods."""

import dataclasses
import inspect
import time
from pathlib import Path

import keras
import numpy as np

from keras_pain.data.clip_feed import (
    Jitter,
    evaluation_clips,
    training_clips,
)
from keras_pain.data.clips import ClipSet
from keras_pain.data.feed import num_steps
from keras_pain.errors import ConfigurationError
from keras_pain.experiments.digests import weights_identity
from keras_pain.experiments.imbalance import balanced_feed
from keras_pain.experiments.keys import canonical_json
from keras_pain.experiments.methods import GENERATED_TOO, FitReport, Method
from keras_pain.experiments.reuse import fresh_models, trace
from keras_pain.experiments.seeds import set_seeds
from keras_pain.experiments.training import (
    class_weights,
    dtype_policy,
    make_loss,
    make_optimizer,
    never_xla_on_cpu,
    set_steps,
)
from keras_pain.models.entry import ModelEntry
from keras_pain.models.registry import CLIPS, FRAMES, MODELS
from keras_pain.models.resnet50 import IMAGENET_FILE

# Arguments of builders that name pretrained weights, and what "imagenet" is.
_PRETRAINED = {
    "resnet_weights": IMAGENET_FILE,
    "weights": f"keras {keras.__version__}",
}


@dataclasses.dataclass(frozen=True)
class ClipOptions:
    """What a run may set beside the recipe.

    Args:
        batch_size: Replaces the recipe's number of samples an update.
        micro_batch: Samples that are in memory at once; their gradients are
            averaged until `batch_size` are seen. Batch normalisation sees
            micro-batches, so that networks with it come out differently.
        mixed_precision: Compute in half precision, keep weights in single.
        jitter: How training samples are varied.
        balance: What is done about zero intensities, one of
            `keras_pain.experiments.imbalance.BALANCES`.
        learning_rates: By entry, replace those of their recipes; not that
            of a recipe that a protocol brings.
        generated: Which generated pictures there are; part of the
            configuration of those who train on them.
        arguments: Arguments of model builders; each takes those that it
            knows and that neither its entry nor the protocol sets.
    """

    batch_size: int | None = None
    micro_batch: int | None = None
    mixed_precision: bool = False
    jitter: Jitter = Jitter()
    balance: str = "none"
    learning_rates: dict = dataclasses.field(default_factory=dict)
    generated: str = ""
    arguments: dict = dataclasses.field(default_factory=dict)


class ClipMethod(Method):
    """A network of the registry that sees clips or pictures of faces.

    Args:
        name: Key of `keras_pain.models.registry.MODELS`.
        epochs: Replaces the recipe's number of epochs.
        options: See `ClipOptions`.
        recipe: Replaces the entry's.
        reuse: See `keras_pain.experiments.neural.KerasMethod`.
        entry: Replaces that of the registry.
        generated: Whether it is trained on generated pictures as well, where
            a run has any; its name says so.
        **arguments: Passed to the model builder.
    """

    def __init__(
        self,
        name: str,
        epochs: int | None = None,
        options: ClipOptions = ClipOptions(),
        recipe=None,
        reuse: bool = False,
        entry: ModelEntry | None = None,
        generated: bool = False,
        **arguments,
    ):
        self.name = name + GENERATED_TOO if generated else name
        self.augment = generated
        self._entry = entry or MODELS[name]
        self._options = options
        known = inspect.signature(self._entry.builder).parameters
        known = known.keys() - self._entry.arguments.keys()
        shared = {k: v for k, v in options.arguments.items() if k in known}
        self._arguments = {**shared, **arguments}
        self.recipe = recipe or self._entry.recipe
        if recipe is None and name in options.learning_rates:
            self.recipe = dataclasses.replace(
                self.recipe, learning_rate=options.learning_rates[name]
            )
        self.epochs = epochs or self.recipe.epochs
        self._reuse = reuse
        self.model: keras.Model | None = None

    def fit(self, train: ClipSet, validation: ClipSet, seed: int) -> FitReport:
        set_seeds(seed)
        batch, steps, accumulate = self._batches(len(train))
        self._build(train, steps, accumulate)
        if train.num_classes:
            feed = {
                "weights": class_weights(
                    train.y, train.num_classes, self.recipe
                )
            }
        else:
            feed = balanced_feed(train.y, self._options.balance)
        report = FitReport()
        stop = keras.callbacks.EarlyStopping(
            monitor=self.recipe.monitor,
            patience=self.recipe.patience or self.epochs,
            restore_best_weights=True,
        )
        arguments = {
            "x": training_clips(
                train, _targets(train), batch, seed, self._options.jitter,
                steps=steps, **feed,
            ),
            "validation_data": evaluation_clips(
                validation, _targets(validation), batch
            ),
            "epochs": self.epochs,
            "steps_per_epoch": steps,
            "shuffle": False,
            "verbose": 0,
        }  # fmt: skip
        start = time.perf_counter()
        trace(self.model, **arguments)
        begin = time.perf_counter()
        history = self.model.fit(
            **arguments, callbacks=[stop, *self._reporters()]
        )
        report.trace_seconds = begin - start
        report.stages["network"] = time.perf_counter() - begin
        report.history = _rows(history)
        report.chosen_epoch = stop.best_epoch + 1
        return report

    def predict(self, clips: ClipSet) -> np.ndarray:
        """`(n,)` intensities."""
        return self._outputs(clips)[:, 0]

    def predict_proba(self, windows: ClipSet) -> np.ndarray:
        return self._outputs(windows)

    def config(self) -> dict:
        options = dataclasses.asdict(self._options)
        del options["arguments"], options["learning_rates"]
        if not self.augment:
            del options["generated"]
        arguments = dict(self._arguments)
        for name, imagenet in _PRETRAINED.items():
            if arguments.get(name) is not None:
                arguments[name] = weights_identity(arguments[name], imagenet)
        return {
            "name": self.name,
            "epochs": self.epochs,
            "recipe": self.recipe.settings(),
            "arguments": arguments,
            "options": options,
        }

    def save(self, folder: Path) -> None:
        # Uncompiled: the optimiser's state is twice the network.
        model = keras.Model(
            self.model.inputs, self.model.outputs, name=self.model.name
        )
        model.save(folder / "model.keras")

    def _batches(self, count: int) -> tuple[int, int, int]:
        """Samples a step at most; steps an epoch, and an update."""
        wanted = self._options.batch_size or self.recipe.batch_size
        micro = min(self._options.micro_batch or wanted, wanted)
        if wanted % micro:
            raise ConfigurationError(
                f"--batch_size ({wanted}) must be a multiple of --micro_batch "
                f"({micro})"
            )
        # As many updates as without micro-batches, all of equally many steps:
        # none goes on in the next epoch.
        updates = num_steps(count, wanted)
        accumulate = num_steps(num_steps(count, updates), micro)
        accumulate = max(min(accumulate, count // updates), 1)
        return micro, updates * accumulate, accumulate

    def _build(self, clips: ClipSet, steps: int, accumulate: int) -> None:
        """Sets the network to its initial state."""
        key = (
            canonical_json(self.config()),
            clips.input_shape,
            clips.num_classes,
            accumulate,
        )
        (self.model,) = fresh_models(
            key,
            lambda: (self._new_model(clips),),
            lambda model: self._compile(model, clips, steps, accumulate),
            self._reuse,
        )
        set_steps(self.model.optimizer, steps)

    def _new_model(self, clips: ClipSet) -> keras.Model:
        policy = dtype_policy(self._options.mixed_precision)
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(policy)
        try:
            arguments = dict(self._arguments)
            if clips.num_classes:
                arguments["num_classes"] = clips.num_classes
            return self._entry.build(input_shape=clips.input_shape, **arguments)
        finally:
            keras.config.set_dtype_policy(before)

    def _compile(
        self, model: keras.Model, clips: ClipSet, steps: int, accumulate: int
    ) -> None:
        model.compile(
            optimizer=make_optimizer(
                self.recipe, steps, self.epochs, accumulate
            ),
            loss=make_loss(self.recipe),
            metrics=["accuracy" if clips.num_classes else "mae"],
            jit_compile=never_xla_on_cpu(),
        )

    def _outputs(self, clips: ClipSet) -> np.ndarray:
        batch = self._batches(len(clips))[0]
        pictures = evaluation_clips(clips, np.zeros(len(clips)), batch)
        return self.model.predict(
            pictures.map(lambda x, y: x), verbose=0
        ).astype(np.float32)

    def _reporters(self) -> list:
        if self.on_epoch is None:
            return []
        return [
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: self.on_epoch(
                    "network", epoch + 1, self.epochs
                )
            )
        ]


def _targets(clips: ClipSet) -> np.ndarray:
    if clips.num_classes:
        return np.eye(clips.num_classes, dtype=np.float32)[clips.y]
    return clips.y[:, None].astype(np.float32)


def _rows(history: keras.callbacks.History) -> list[dict]:
    columns = history.history
    return [
        {
            "stage": "network",
            "epoch": epoch + 1,
            **{name: float(values[epoch]) for name, values in columns.items()},
        }
        for epoch in range(len(next(iter(columns.values()))))
    ]


def _method(name: str, generated: bool = False):
    return lambda **options: ClipMethod(name, generated=generated, **options)


_PLAIN = {
    name: _method(name)
    for name, entry in MODELS.items()
    if entry.data in (CLIPS, FRAMES)
}
METHODS = _PLAIN | {
    name + GENERATED_TOO: _method(name, generated=True)
    for name in _PLAIN
    if MODELS[name].data == FRAMES
}
