"""Every network of the suite: builder, paper, task, recipe.

To add one: a file beside this one, whose builder is decorated with `register`;
a row in `tests/test_models.py`; then
`python -m keras_pain.models.summary --write`.
"""

import dataclasses
import functools
import importlib
import inspect
import pathlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

# Windows of movement `(time, channels)`; face clips `(time, height, width, 3)`
# and frames `(height, width, 3)` in RGB from 0 to 255; 68 facial landmarks
# `(time, 68, 2)`; features of a clip's frames `(time, features)`.
WINDOWS, CLIPS, FRAMES = "windows", "clips", "frames"
LANDMARKS, FEATURES = "landmarks", "features"
DATA = (WINDOWS, CLIPS, FRAMES, LANDMARKS, FEATURES)

PROTECTIVE = "protective behaviour"
PROTECTIVE_AND_PAIN = "protective behaviour; pain level"
RECONSTRUCTION = "reconstruction"
PAIN_INTENSITY = "pain intensity"
PAIN = "pain"

ISWC_2019 = "Wang et al., ISWC 2019"
BANET_2019 = "Wang et al., ACIIW 2019 (arXiv 1904.10824)"
ALANET = "Yuan and Mahmoud, ALANet"
LSFAN_2024 = "Ortigoso-Narro et al., arXiv 2406.16913"
L3D_2024 = "improved 3D CNN (L3D), Comput. Syst. Appl. 2024, 33(2)"
AACSFNET = "Gao et al., AACSFNet"
PEMF_2025 = "Ridouan et al., arXiv 2501.06787"

CLASS_WEIGHTS = ("none", "complement", "balanced")
SCHEDULES = ("exponential", "multistep", "cosine")
_DEFAULTS = ("none", {}, (), None)  # of a recipe's optional fields

# How tables list the files here; others follow by name.
_ORDER = "stacked_lstm banet alanet lsfan conv_lstm l3d aacsfnet".split()
_FOLDER = pathlib.Path(__file__).parent
# `@register("name", KIND_OF_DATA`, the latter left out for windows.
_DECORATOR = re.compile(r'^@register\(\s*"(\w+)"(?:,\s*([A-Z]+)\b)?', re.M)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How one model, or one of its training stages, is trained.

    Args:
        loss: Name of a Keras loss over one-hot targets (classifiers) or over
            the input (autoencoders).
        sources: For every other field where its value comes from; an optional
            one that is left at its default needs none. A text that starts
            with "unsaid:" marks a value that the paper leaves open, and gives
            the reason for ours.
        class_weights: `"none"`; `"complement"`: class c weighs one minus its
            share of the training windows, in a mean weighted by them;
            `"balanced"`: it weighs the inverse of its share.
        loss_options: Arguments of the loss, e.g. Huber's `delta`.
        schedule: How the learning rate falls, `()` if it does not:
            `("exponential", rate, steps)` multiplies it by `rate` after every
            so many steps; `("multistep", epochs, rate)` before each of these
            epochs, counted from 1; `("cosine",)` lets it fall to zero over
            all epochs.

    Raises ValueError where a field has no source, or a value is impossible.
    """

    learning_rate: float
    batch_size: int
    epochs: int
    loss: str
    optimizer: str  # Keras' name; other settings are Keras' defaults
    monitor: str  # quantity whose best epoch is kept
    sources: Mapping[str, str]
    class_weights: str = "none"
    loss_options: Mapping = dataclasses.field(default_factory=dict)
    optimizer_options: Mapping = dataclasses.field(default_factory=dict)
    schedule: tuple = ()
    patience: int | None = None  # epochs without a better one; None trains all

    def __post_init__(self):
        schedule = (*self.schedule, None)[0], (None, *SCHEDULES)
        for value, allowed in ((self.class_weights, CLASS_WEIGHTS), schedule):
            if value not in allowed:
                raise ValueError(f"{value!r} is none of {allowed}")
        sourced = {k for k, text in self.sources.items() if text.strip()}
        unknown = self.sources.keys() - vars(self)
        wrong = self.settings().keys() - sourced | unknown
        if wrong:
            raise ValueError(
                "every field of a recipe, and nothing else, needs a source; "
                f"look at {sorted(wrong)}"
            )

    @classmethod
    def of(cls, **settings: tuple[Any, str]) -> "Recipe":
        """A recipe of `setting=(value, source)`."""
        pairs = zip(*settings.values(), strict=True)
        values, sources = (dict(zip(settings, x, strict=True)) for x in pairs)
        return cls(**values, sources=sources)

    def settings(self) -> dict:
        """The fields without `sources` and what is left at its default."""
        fields = dataclasses.asdict(self)
        del fields["sources"]
        return {k: v for k, v in fields.items() if v not in _DEFAULTS}

    def of_task(self, num_classes: int) -> "Recipe":
        """The recipe where the task is another one than the paper's.

        Unsaid there: a recipe of classes learns intensities by the mean squared
        error, one of intensities learns classes by the cross-entropy, as usual;
        both keep the epoch of the lowest validation loss.
        """
        if ("crossentropy" in self.loss) == bool(num_classes):
            return self
        settings = {"loss": "categorical_crossentropy", "loss_options": {}}
        if not num_classes:
            settings |= {"loss": "mean_squared_error", "class_weights": "none"}
        settings["monitor"] = "val_loss"
        why = dict.fromkeys(settings, "unsaid: of another task, see `of_task`")
        sources = {**self.sources, **why}
        return dataclasses.replace(self, **settings, sources=sources)

    def loss_for(self, num_classes: int) -> str:
        """The name of the Keras loss for this number of classes.

        Over a softmax of two classes, binary and categorical cross-entropy
        are the same number. Over more, binary cross-entropy would treat the
        classes as independent, so that the categorical one stands for it.
        """
        if num_classes > 2 and self.loss == "binary_crossentropy":
            return "categorical_crossentropy"
        return self.loss


@dataclasses.dataclass(frozen=True)
class ModelEntry:
    """One model.

    `arguments` of the builder make this entry, over its defaults. A corpus must
    have `min_channels` for the model to be one of its methods: 26 for angles
    and energies, 30 with sEMG. The released code does not build the
    `shared_layers` anew for every fold; none named means the whole network,
    where somebody measures that defect.
    """

    name: str
    builder: Callable[..., "keras.Model"]
    paper: str
    task: str
    input_shape: tuple[int, ...]  # of one example in the paper, see `data`
    recipe: Recipe
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    published_parameters: int | None = None
    note: str = ""  # what a reader of the count has to know
    autoencoder: str = ""  # entry of the model whose encoder it takes over
    min_channels: int = 26
    shared_layers: tuple[str, ...] = ()
    channel_order: str = "canonical"  # see `keras_pain.data.windows`
    data: str = WINDOWS
    version: int = 1  # see `keras_pain.experiments.methods.Method`

    def build(self, **overrides: Any) -> "keras.Model":
        """A new, untrained model; `overrides` go over the entry's arguments."""
        own = {**self._arguments, "name": self.name}
        return self.builder(**{**own, **overrides})

    @property
    def call(self) -> str:
        """The Python call that builds the entry's model."""
        inside = ", ".join(f"{k}={v!r}" for k, v in self._arguments.items())
        return f"{self.builder.__name__}({inside})"

    @property
    def _arguments(self) -> dict[str, Any]:
        return {"input_shape": self.input_shape, **self.arguments}


def register(name: str, data: str = WINDOWS, **fields: Any) -> Callable:
    """Makes the decorated builder a model of the registry.

    The files here are searched for the text of this decorator, so that
    `MODELS` knows all names without importing them: write the name as text and
    the kind of data, unless it is windows, as the constant of this module.

    Args:
        **fields: Others of `ModelEntry`. `input_shape` is the default of the
            builder's argument.

    Returns the decorator; it returns the builder.
    """

    def add(builder):
        shape = inspect.signature(builder).parameters["input_shape"].default
        own = {"input_shape": shape, "data": data, **fields}
        _entries[name] = ModelEntry(name, builder, **own)
        _known()[name] = builder.__module__, data
        return builder

    return add


class _Models(Mapping):
    """Entries by name; a file is imported when one of its own is asked for."""

    def __getitem__(self, name: str) -> ModelEntry:
        if name not in _entries:
            importlib.import_module(_known()[name][0])
        return _entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_known())

    def __len__(self) -> int:
        return len(_known())

    def __contains__(self, name) -> bool:
        return name in _known()

    def fed(self, *data: str) -> list[str]:
        """Names of the models that are fed one of these; imports none."""
        return [name for name, (_, kind) in _known().items() if kind in data]


_entries: dict[str, ModelEntry] = {}
MODELS: Mapping[str, ModelEntry] = _Models()


@functools.cache
def _known():
    """Module and kind of data by model; `register` adds those from outside."""
    stems = sorted(path.stem for path in _FOLDER.glob("*.py"))
    known = {}
    for stem in dict.fromkeys([*_ORDER, *stems]):
        text = (_FOLDER / f"{stem}.py").read_text(encoding="utf-8")
        for name, data in _DECORATOR.findall(text):
            known[name] = f"{__package__}.{stem}", globals()[data or "WINDOWS"]
    return known
