"""Networks as methods: what they are fed, and one way to train them."""

import abc
import dataclasses
import inspect
import time
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_pain import load_model
from keras_pain.data import feed
from keras_pain.data.windows import WindowSet, arranged, by_parts
from keras_pain.errors import ConfigurationError
from keras_pain.experiments import methods, optim
from keras_pain.experiments.defects import Samples
from keras_pain.models import alanet
from keras_pain.models.registry import MODELS, WINDOWS, ModelEntry, Recipe

MODEL_FILE = "model.keras"  # of a stored fold


class NetworkMethod(methods.Method):
    """A network of the model registry, trained by its recipe.

    After `build` or `fit`, `model` is the network, and `trained` the part of
    it that is trained by itself; mostly all of it.

    The name is a key of `keras_pain.models.registry.MODELS`, whose entry,
    recipe and number of epochs may be replaced. `reuse` shares one traced
    network among all methods of this name and shape in this process: each `fit`
    then ends the use of earlier ones' `model`. `last_epoch` keeps the last
    epoch instead of the best; further arguments go to the model builder, over
    the entry's.
    """

    stage = "network"
    # Samples of arrays in memory that are predicted at once. Results do not
    # depend on it; memory does.
    predicted_at_once = 64
    # Of the builder, where channels are the user's own.
    of_channels: Mapping = {}
    model: keras.Model | None = None
    model_file = MODEL_FILE

    def __init__(
        self,
        name: str,
        epochs: int | None = None,
        reuse: bool = False,
        *,
        entry: ModelEntry | None = None,
        recipe: Recipe | None = None,
        last_epoch: bool = False,
        **arguments,
    ):
        self.name = name
        if last_epoch:
            self.chooses_epoch = False
        self.entry = entry or MODELS[name]
        self.version = self.entry.version
        self.recipe = recipe or self.entry.recipe
        self.epochs = epochs or self.recipe.epochs
        self.reuse = reuse
        self.arguments = arguments
        self.xla = optim.worth_compiling(self.entry.name, self.epochs)

    @abc.abstractmethod
    def evaluation(self, samples: Samples) -> tf.data.Dataset:
        """What the network sees of some samples, in order."""

    def config(self):
        # Left out where an epoch is chosen, as in the first stored folds.
        last = {} if self.chooses_epoch else {"last_epoch": True}
        last |= {"xla": True} if self.xla else {}
        return super().config() | {
            "epochs": self.epochs,
            "recipe": self.recipe.settings(),
            "arguments": self.arguments,
            **last,
        }

    def predict_proba(self, samples):
        batches = self.evaluation(samples)
        return self.model.predict(batches, verbose=0).astype(np.float32)

    def predict(self, samples: Samples) -> np.ndarray:
        """`(n,)` intensities."""
        return self.predict_proba(samples)[:, 0]

    def save(self, folder):
        self.model.save(folder / MODEL_FILE)

    def load(self, folder, config):
        self.model = load_model(folder / self.model_file)

    def build(self, shape: tuple, classes: int | None, accumulate=1) -> None:
        """Sets the network to its initial state, compiled.

        `shape` is that of one sample; `classes` are 0 for intensities, None
        for a reconstruction; `accumulate` are batches an update.
        """
        # What a protocol changes in samples does not matter here.
        settings = NetworkMethod.config(self)
        precision = keras.config.dtype_policy().name
        recipe = self.recipe.of_task(classes or 0)
        self.monitor = recipe.monitor

        def compiled(*made):
            schedule = (recipe, 1, self.epochs, accumulate)
            made[-1].compile(
                optimizer=optim.make_optimizer(*schedule),
                loss=optim.make_loss(recipe, classes or 0),
                metrics={None: None, 0: ["mae"]}.get(classes, ["accuracy"]),
                # XLA makes convolutions on a CPU up to 14 times slower. Keras'
                # own choice is the same today.
                jit_compile=self.xla
                or (False if optim.on_cpu_only() else "auto"),
            )

        self.models = optim.fresh_models(
            repr((type(self), settings, shape, classes, accumulate, precision))
            + repr(self.of_channels),
            lambda: self.networks(tuple(shape), classes),
            compiled,
            self.reuse,
        )
        self.model, self.trained = self.models[0], self.models[-1]

    def networks(self, shape: tuple, classes: int) -> tuple[keras.Model, ...]:
        """The new network first, the part of it that is trained last."""
        given = {} if classes is None else {"num_classes": classes}
        given |= {**self.arguments, **self.of_channels}
        return (self.entry.build(input_shape=shape, **given),)

    def in_order(self, *arrays: np.ndarray) -> tf.data.Dataset:
        """Batches of arrays in memory, to validate on or to predict."""
        return feed.evaluation_batches(arrays, self.predicted_at_once)

    def train_arrays(
        self, report, x, targets, weights, held: tuple | None, seed: int
    ) -> None:
        """Trains on arrays; `held` is `(x, targets)`, see `train`."""
        batch = min(self.recipe.batch_size, len(x))
        arrays = (x, targets) if weights is None else (x, targets, weights)
        batches = feed.training_batches(arrays, batch, seed, self.xla)
        held = held and self.in_order(*held)
        self.train(report, batches, feed.num_steps(len(x), batch), held)

    def train(
        self,
        report: methods.FitReport,
        batches: tf.data.Dataset,
        steps: int,
        held: tf.data.Dataset | None,
    ) -> None:
        """Trains what `build` made, by endless shuffled batches.

        A method that chooses an epoch keeps the weights of the one that is
        best on the batches `held`, and may end before its last epoch. The
        report gets times, history and chosen epoch.
        """
        best = keras.callbacks.EarlyStopping(
            monitor=self.monitor,
            patience=self.recipe.patience or self.epochs,
            restore_best_weights=True,
        )
        callbacks = [best] if self.chooses_epoch else []
        if self.on_epoch is not None:

            def say(epoch, logs):
                self.on_epoch(self.stage, epoch + 1, self.epochs)

            callbacks.append(keras.callbacks.LambdaCallback(on_epoch_end=say))
        arguments = {
            "x": batches,
            "steps_per_epoch": steps,
            "epochs": self.epochs,
            "validation_data": held,
            "shuffle": False,  # the batches are
            "verbose": 0,
        }
        optim.set_steps(self.trained.optimizer, steps)
        start = time.perf_counter()
        optim.trace(self.trained, **arguments)
        begin = time.perf_counter()
        logs = self.trained.fit(**arguments, callbacks=callbacks).history
        report.stages[self.stage] = time.perf_counter() - begin
        report.trace_seconds += begin - start
        for epoch in range(len(logs["loss"])):
            row = {name: float(values[epoch]) for name, values in logs.items()}
            row |= {"stage": self.stage, "epoch": epoch + 1}
            report.history.append(row)
        report.chosen_epoch = len(logs["loss"])
        if self.chooses_epoch:
            report.chosen_epoch = best.best_epoch + 1


def one_hot(samples: Samples, y: np.ndarray | None = None) -> np.ndarray:
    """Targets, float32: `(n, classes)`, or `(n, 1)` intensities.

    Of labels `y` instead of the samples' own where they are given.
    """
    y = samples.y if y is None else y
    if samples.num_classes:
        return np.eye(samples.num_classes, dtype=np.float32)[y]
    return y[:, None].astype(np.float32)


class WindowMethod(NetworkMethod):
    """A classifier of movement windows; see `NetworkMethod`."""

    augment = True
    stage = "classifier"
    predicted_at_once = 512
    _start: Path | None = None

    def continue_from(self, folder: Path) -> None:
        """Makes `fit` start from the network that `save` wrote to a folder.

        That is a defect which the ledger of leaks measures. Of models whose
        released code shares some layers only, these are taken over.
        """
        self._start = folder / MODEL_FILE

    def fit(self, train, validation, seed):
        optim.set_seeds(seed)
        report = methods.FitReport()
        _, self.of_channels = fitted_windows(self.entry, train.take([0]))
        self.build(self.x_of(train.take([0])).shape[1:], train.num_classes)
        if self._start is not None:
            other = keras.models.load_model(self._start)
            layers = self.entry.shared_layers
            for name in layers or [layer.name for layer in other.layers]:
                weights = other.get_layer(name).get_weights()
                self.model.get_layer(name).set_weights(weights)
        x, held = self.inputs(train, validation, seed, report)
        weights = optim.class_weights(train.y, train.num_classes, self.recipe)
        held = held, one_hot(validation)
        self.train_arrays(report, x, one_hot(train), weights, held, seed)
        return report

    def inputs(self, train, validation, seed, report) -> list[np.ndarray]:
        """What the trained part sees of both."""
        return [self.x_of(part) for part in (train, validation)]

    def x_of(self, windows: WindowSet) -> np.ndarray:
        """What the network sees of scaled windows."""
        return fitted_windows(self.entry, windows)[0].x

    def evaluation(self, samples):
        return self.in_order(self.x_of(samples))


def fitted_windows(
    entry: ModelEntry, windows: WindowSet
) -> tuple[WindowSet, dict]:
    """Windows as a network of the registry wants them, and builder arguments.

    The suite's own channels come in the order that it was written for. Those
    of others are put by body parts where it looks at these, and with EMG last
    where it has a stream for it; it sees all of them.
    """
    if not windows.channels:
        return arranged(windows, entry.channel_order), {}
    known = inspect.signature(entry.builder).parameters
    by_part = entry.arguments.get("body_parts", "body_parts" not in known)
    if "body" in known and by_part:
        windows, body = by_parts(windows)
        return windows, {"body": body}
    if "semg" not in known:
        return windows, {"channels": None} if "channels" in known else {}
    emg = [kind in ("EMG", "ENVELOPE") for kind, _ in windows.channels]
    order = np.argsort(emg, kind="stable").tolist()
    changed = {"x": windows.x[:, :, order]}
    for name in ("channels", "channel_names"):
        changed[name] = tuple(getattr(windows, name)[i] for i in order)
    return dataclasses.replace(windows, **changed), {"semg": sum(emg)}


class ALANetMethod(WindowMethod):
    """ALANet: an autoencoder first, then attention over its frozen encoder.

    With a frozen encoder the codes of a window never change, so they are
    computed once and only the 171 parameters of the head are trained on them:
    the same numbers as training the whole network with a frozen part, sooner.
    With `trainable_encoder` the second stage fine-tunes it. Other arguments
    are those of `NetworkMethod`, for both stages.
    """

    # Nobody released an ALANet that goes on from fold to fold.
    continue_from = None

    def __init__(self, name: str, trainable_encoder: bool = False, **arguments):
        self.trainable_encoder = trainable_encoder
        super().__init__(name, trainable_encoder=trainable_encoder, **arguments)
        self.xla &= trainable_encoder  # else the head alone is trained
        # The first stage, which reconstructs frames.
        self.first = WindowMethod(self.entry.autoencoder, **arguments)
        self.first.chooses_epoch = False
        self.first.stage = "autoencoder"

    def config(self):
        return super().config() | {
            "arguments": self.first.arguments,
            "pretrain_epochs": self.first.epochs,
            "pretrain_recipe": self.first.recipe.settings(),
            "trainable_encoder": self.trainable_encoder,
            **({"pretrain_xla": True} if self.first.xla else {}),
        }

    def networks(self, shape, classes):
        (model,) = super().networks(shape, classes)
        if self.trainable_encoder:
            return (model,)
        return model, alanet.alanet_encoder(model), alanet.alanet_head(model)

    def build(self, shape, classes, accumulate=1):
        super().build(shape, classes)
        self.first.of_channels = self.of_channels
        self.first.build(shape, None)

    def inputs(self, train, validation, seed, report):
        """Codes of the encoder that was trained first, or windows."""
        self.first.on_epoch = self.on_epoch
        x, held = self.x_of(train), self.x_of(validation)
        target = alanet.reconstruction_target(self.first.model, x)
        # Padded frames carry no weight.
        weights = train.mask.astype(np.float32)
        self.first.train_arrays(report, x, target, weights, None, seed)
        alanet.transfer_encoder(self.first.model, self.model)
        start = time.perf_counter()
        inputs = [x, held]
        if not self.trainable_encoder:
            encode = self.models[1].predict
            inputs = [encode(self.in_order(x), verbose=0) for x in inputs]
        report.stages["encode"] = time.perf_counter() - start
        return inputs


@dataclasses.dataclass(frozen=True)
class ClipOptions:
    """What a run may set beside the recipe.

    Gradients of micro-batches, which are in memory at once, are averaged until
    `batch_size` samples are seen. Batch normalisation sees micro-batches, so
    that networks with it come out differently. `learning_rates`, by entry,
    replace those of their recipes; not that of a recipe that a protocol brings.
    Of `arguments` each model builder takes those that it knows and that neither
    its entry nor the protocol sets.
    """

    batch_size: int | None = None  # samples an update; None is the recipe's
    micro_batch: int | None = None
    mixed_precision: bool = False  # compute in half, keep weights in single
    jitter: feed.Jitter = feed.Jitter()
    balance: str = "none"  # of zero intensities, one of `methods.BALANCES`
    learning_rates: Mapping = dataclasses.field(default_factory=dict)
    generated: str = ""  # which generated pictures there are
    arguments: Mapping = dataclasses.field(default_factory=dict)


class ClipMethod(NetworkMethod):
    """A network that sees clips or pictures of faces; see `NetworkMethod`.

    `recipe` may name the entry whose recipe replaces this one's. With
    `generated` it is trained on generated pictures as well, where a run has
    any; its name says so.
    """

    def __init__(
        self,
        name: str,
        epochs: int | None = None,
        options: ClipOptions = ClipOptions(),
        recipe: Recipe | str | None = None,
        entry: ModelEntry | None = None,
        generated: bool = False,
        **arguments,
    ):
        entry = entry or MODELS[name]
        rate = options.learning_rates.get(name)
        if isinstance(recipe, str):
            recipe = MODELS[recipe].recipe
        elif recipe is None and rate is not None:
            recipe = dataclasses.replace(entry.recipe, learning_rate=rate)
        known = inspect.signature(entry.builder).parameters.keys()
        known = known - entry.arguments.keys() - arguments.keys()
        arguments |= {k: v for k, v in options.arguments.items() if k in known}
        super().__init__(name, epochs, entry=entry, recipe=recipe, **arguments)
        self.name = name + methods.GENERATED_TOO if generated else name
        self.augment = generated
        self.options = options

    def config(self):
        options = dataclasses.asdict(self.options)
        del options["arguments"], options["learning_rates"]
        if not self.augment:
            del options["generated"]
        arguments = dict(self.arguments)
        for name in {"resnet_weights", "weights"} & arguments.keys():
            imagenet = f"keras {keras.__version__}"
            if name == "resnet_weights":
                # Imported here: movement needs no ResNet.
                from keras_pain.models.resnet import IMAGENET_FILE as imagenet
            if (source := arguments[name]) is not None:
                arguments[name] = optim.weights_identity(source, imagenet)
        return super().config() | {"arguments": arguments, "options": options}

    def save(self, folder):
        # Uncompiled: the optimiser's state is twice the network.
        model = self.model
        model = keras.Model(model.inputs, model.outputs, name=model.name)
        model.save(folder / MODEL_FILE)

    def load(self, folder, config):
        super().load(folder, config)
        # The released AACSFNet attends across a batch.
        names = ("batch_size", "micro_batch")
        sizes = {name: config["options"][name] for name in names}
        self.options = dataclasses.replace(self.options, **sizes)

    def fit(self, train, validation, seed):
        optim.set_seeds(seed)
        classes = train.num_classes
        batch, steps, accumulate = self.batches(len(train))
        self.build(train.input_shape, classes, accumulate)
        if classes:
            weights = optim.class_weights(train.y, classes, self.recipe)
            balance = {"weights": weights}
        else:
            balance = optim.balanced_feed(train.y, self.options.balance)
        sources = train, one_hot(train), batch, seed, self.options.jitter
        batches = feed.training_clips(*sources, steps=steps, **balance)
        held = feed.evaluation_clips(validation, one_hot(validation), batch)
        report = methods.FitReport()
        self.train(report, batches, steps, held)
        return report

    def build(self, shape, classes, accumulate=1):
        policy = keras.config.dtype_policy()
        mixed = self.options.mixed_precision
        keras.config.set_dtype_policy(optim.dtype_policy(mixed))
        try:
            super().build(shape, classes, accumulate)
        finally:
            keras.config.set_dtype_policy(policy)

    def evaluation(self, samples):
        batch = self.batches(len(samples))[0]
        zeros = np.zeros(len(samples))
        return feed.evaluation_clips(samples, zeros, batch).map(lambda x, y: x)

    def batches(self, count: int) -> tuple[int, int, int]:
        """Samples a step at most; steps an epoch, and an update."""
        wanted = self.options.batch_size or self.recipe.batch_size
        micro = min(self.options.micro_batch or wanted, wanted)
        if wanted % micro:
            raise ConfigurationError(
                f"--batch_size ({wanted}) must be a multiple of --micro_batch "
                f"({micro})"
            )
        # As many updates as without micro-batches, all of equally many steps:
        # none goes on in the next epoch.
        updates = feed.num_steps(count, wanted)
        accumulate = feed.num_steps(feed.num_steps(count, updates), micro)
        accumulate = max(min(accumulate, count // updates), 1)
        return micro, updates * accumulate, accumulate


def network_method(name: str, **options) -> NetworkMethod:
    """A registered network of windows, clips or pictures as a method."""
    plain = methods.plain_name(name)
    if MODELS[plain].data != WINDOWS:
        return ClipMethod(plain, generated=plain != name, **options)
    if MODELS[plain].autoencoder:
        return ALANetMethod(name, **options)
    return WindowMethod(name, **options)
