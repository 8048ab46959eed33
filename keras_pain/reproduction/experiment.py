"""What a reproduce script declares."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from keras_pain.corpora.biovid import LOW_EXPRESSIVE
from keras_pain.errors import ConfigurationError
from keras_pain.experiments.clip_methods import ClipOptions
from keras_pain.experiments.methods import (
    GENERATED_TOO,
    registered_methods,
    resolve_method,
)
from keras_pain.experiments.protocols import STANDARD_PROTOCOLS, Protocol
from keras_pain.experiments.training import dtype_policy
from keras_pain.experiments.trivial import METHODS as TRIVIAL_REGRESSORS
from keras_pain.reports.tables import RowSpec, TableSpec
from keras_pain.reproduction.material import Faces, Windows
from keras_pain.reproduction.options import Options

if TYPE_CHECKING:
    from keras_pain.reproduction.finished import FinishedRun

_TRIVIAL = ("majority", "stratified", *TRIVIAL_REGRESSORS)


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One table: what it is of, and how its windows are cut.

    Args:
        table: Rows, columns, and where the paper's numbers are.
        corpus: Name of the corpus.
        layouts: Layouts that can fill the table, best first.
        settings: How windows are cut, see `keras_pain.data.cut.cut_windows`;
            part of every fold's configuration.
        augmentation: A kind of `keras_pain.data.augment.augmented`.
        epochs: Epochs of every training stage; None leaves them to the
            recipes.
        simulated_epochs: The same where no raw corpus is given.
        attention: Methods whose attention is drawn for one window.
        where: Values that recordings must have to take part, by key.
        protocols: Protocols, in the order of the table.
        seeds: Seeds where the user gives none.
        join_methods: Whether a user's own method joins the table's, instead of
            replacing them.
        report: Writes what the folds are run for; None writes the table and
            its figures.
        material: What the samples are.
        clips: How networks of faces are trained where that is not in their
            recipes.
        smoke_methods: Methods of a smoke run beside the trivial ones; none
            named means all.
        simulated_settings: Over `settings` where no raw corpus is given, so
            that a small machine ends in minutes.
        config: The dataset's config, of faces.
        simulated_config: The same where no raw corpus is given.
        simulated_corpus: Arguments of the simulator of faces there.
        smoke_corpus: Over these in a smoke run.
        simulated_batch: Samples an update there, of networks of faces.
        simulated_training: Other fields of `ClipOptions` there.
        generated: Which generated pictures a run has, `--augment`.
        pretrained: Whether networks have a ResNet-50 that starts from the
            weights of `--backbone_weights`.
    """

    table: TableSpec
    corpus: str
    layouts: tuple[str, ...]
    settings: Mapping
    augmentation: str = "balanced"
    epochs: int | None = None
    simulated_epochs: int | None = 10
    attention: tuple[str, ...] = ()
    where: Mapping[str, Sequence] = dataclasses.field(default_factory=dict)
    protocols: tuple[Protocol, ...] = STANDARD_PROTOCOLS
    seeds: tuple[int, ...] = (0,)
    join_methods: bool = False
    report: Callable[["FinishedRun"], list[Path]] | None = None
    material: Windows | Faces = Windows()
    clips: ClipOptions = ClipOptions()
    smoke_methods: tuple[str, ...] = ()
    simulated_settings: Mapping = dataclasses.field(default_factory=dict)
    simulated_batch: int | None = None
    simulated_training: Mapping = dataclasses.field(default_factory=dict)
    config: str | None = None
    simulated_config: str | None = None
    simulated_corpus: Mapping = dataclasses.field(default_factory=dict)
    smoke_corpus: Mapping = dataclasses.field(default_factory=dict)
    generated: str = ""
    pretrained: bool = False

    @property
    def flags(self) -> set[str]:
        """Special flags that this table looks at."""
        used = set(self.material.flags)
        if self.corpus != "biovid":
            used.discard("exclude_low_expressive")
        if self.settings.get("level") != "frame":
            used.discard("augment")
        return used | {"backbone_weights"} if self.pretrained else used

    def check_files(self, options: Options) -> None:
        """Looks, before the long work, whether flags can be followed here.

        Raises:
            ConfigurationError: A file is not there, or half precision is not
                for this machine.
        """
        dtype_policy(options.mixed_precision)
        places = {"backbone_weights": options.backbone_weights}
        kind, colon, path = (options.landmarks or "").partition(":")
        if colon:
            places["landmarks"] = path
        for flag, place in places.items():
            if place in (None, "none", "imagenet") or Path(place).exists():
                continue
            raise ConfigurationError(
                f"--{flag}: there is no {place}; give the path of one that is"
            )

    def settings_for(self, options: Options) -> dict:
        """How samples are cut in a run with these flags."""
        settings = dict(self.settings)
        if isinstance(self.material, Faces):
            if options.manual_dir is None:
                settings |= self.simulated_settings
            if options.smoke:
                smoke = self.material.smoke_settings()
                settings |= {k: v for k, v in smoke.items() if k in settings}
            for name in ("num_frames", "size"):
                if getattr(options, name):
                    settings[name] = getattr(options, name)
            if options.exclude_low_expressive and self.corpus == "biovid":
                settings["without"] = sorted(LOW_EXPRESSIVE)
            if self.where:
                settings["where"] = {k: list(v) for k, v in self.where.items()}
        return settings

    def clip_options(self, options: Options) -> ClipOptions:
        """How networks of faces are trained in a run with these flags."""
        batch = options.batch_size
        if batch is None and (options.manual_dir is None or options.smoke):
            batch = self.simulated_batch
        clips = self.clips
        if options.manual_dir is None or options.smoke:
            clips = dataclasses.replace(clips, **self.simulated_training)
        if self.pretrained:
            weights = {"resnet_weights": backbone_weights(options)}
            clips = dataclasses.replace(
                clips, arguments={**clips.arguments, **weights}
            )
        if options.balance != "none":
            clips = dataclasses.replace(clips, balance=options.balance)
        return dataclasses.replace(
            clips,
            batch_size=batch,
            micro_batch=options.micro_batch,
            generated=self.generated,
            mixed_precision=options.mixed_precision,
        )

    def describe(self, options: Options) -> list[str]:
        """Lines about the samples, for the table's header."""
        settings = ", ".join(
            f"{k}={v}" for k, v in self.settings_for(options).items()
            if k not in ("cut", "without") and v not in ("", (), [])
        )  # fmt: skip
        noun = self.material.noun
        if not isinstance(self.material, Faces):
            return [
                f"{noun.capitalize()}: {settings}; augmentation of training "
                f"{noun}: {self.augmentation}."
            ]
        chosen = self.clip_options(options)
        jitter = chosen.jitter
        batch = chosen.batch_size or "the recipes'"
        line = f"Training: batch {batch}"
        if chosen.micro_batch:
            line += f" in micro-batches of {chosen.micro_batch}"
        if chosen.mixed_precision:
            line += ", mixed precision"
        if chosen.balance != "none":
            line += f", zero and more than zero balanced by {chosen.balance}"
        for rate in sorted(set(chosen.learning_rates.values())):
            names = [k for k, v in chosen.learning_rates.items() if v == rate]
            line += (
                f", learning rate {rate:g} for {', '.join(names)} where the "
                "protocol brings no other"
            )
        sizes = ", ".join(
            f"{k}={v}"
            for k, v in chosen.arguments.items()
            if k != "resnet_weights"
        )
        if sizes:
            line += f"; smaller networks ({sizes}, but for what is as coded)"
        left_out = len(self.settings_for(options).get("without", ()))
        people = f" {left_out} people left out." if left_out else ""
        clips = self.settings.get("level") == "clip"
        drawn = f", frames drawn {jitter.sampling}" if clips else ""
        lines = [
            f"{noun.capitalize()}: {settings}.{people}",
            f"{line}; flips {jitter.flip:g}, shifts up to "
            f"{100 * jitter.shift:g} %{drawn}.",
        ]
        if self.generated:
            lines.append(f"Rows with a plus: {self.generated}.")
        if self.pretrained:
            weights = weights_named(chosen.arguments["resnet_weights"])
            lines.append(f"ResNet-50: starts from {weights}.")
        return lines


def backbone_weights(options: Options) -> str | None:
    """Pretrained weights to start from: `"imagenet"`, a path, or None."""
    weights = options.backbone_weights
    if weights is None:
        small = options.manual_dir is None or options.smoke
        weights = "none" if small else "imagenet"
    return None if weights == "none" else weights


def weights_named(weights: str | None) -> str:
    """What a header calls them."""
    return {
        None: "RANDOM weights, so that its rows say nothing about a trained "
        "one",
        "imagenet": "ImageNet weights",
    }.get(weights, "the weights of the given file")


def with_methods(
    table: TableSpec, methods: Sequence[str] | None, join: bool = False
) -> TableSpec:
    """The table with the user's methods; trivial rows always stay.

    With `join`, methods of the user's own are added to all rows of the table,
    unless some of the suite are named as well.
    """
    if not methods:
        return table
    if join and all(":" in method for method in methods):
        ours = dict.fromkeys(row.method for row in table.methods)
        methods = [*ours, *methods]
    labels = {row.method: row.label for row in table.rows}
    rows = []
    for evaluation in table.evaluations:
        trivial = [
            row.method
            for row in table.methods
            if row.evaluation == evaluation and row.method in _TRIVIAL
        ]
        for method in dict.fromkeys([*trivial, *methods]):
            label = labels.get(method, method)
            rows.append(RowSpec(label, method, evaluation))
    return dataclasses.replace(table, rows=tuple(rows))


def with_generated_rows(table: TableSpec, label: str) -> TableSpec:
    """The table with a row of generated pictures behind each network's."""
    rows = []
    for row in table.rows:
        rows.append(row)
        more = row.method + GENERATED_TOO
        if more in registered_methods():
            rows.append(
                dataclasses.replace(
                    row, method=more, label=f"{row.label} + {label}"
                )
            )
    return dataclasses.replace(table, rows=tuple(dict.fromkeys(rows)))


def named_rows(table: TableSpec) -> TableSpec:
    """The table with the names of methods that were given as a path."""
    rows = []
    for row in table.rows:
        if ":" in row.method:
            name = resolve_method(row.method).name
            row = dataclasses.replace(row, method=name, label=name)
        rows.append(row)
    return dataclasses.replace(table, rows=tuple(rows))
