"""What a reproduce script declares: its table, and where samples come from.

`Experiment` is a table of windows of movement recordings; tables of faces are
`keras_pain.reproduction.faces.FaceExperiment`.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from rich.console import Console

from keras_pain import __version__
from keras_pain.corpora.base import get_corpus
from keras_pain.corpora.emopain.layout import FRAME_RATE
from keras_pain.data.prepare import (
    PreparedDataset,
    identify,
    load_recordings,
    prepare_dataset,
)
from keras_pain.data.windows import WindowSet, cut_windows
from keras_pain.errors import ConfigurationError
from keras_pain.experiments.protocols import (
    STANDARD_PROTOCOLS,
    Protocol,
    Subject,
    subjects_of,
)
from keras_pain.io import remove_leftovers, write_folder
from keras_pain.reports.table import TableSpec
from keras_pain.reproduction.flags import Options

_SMOKE_PEOPLE = 2  # of each group, and split where it counts
_SMOKE_WINDOWS = 8  # of each subject and class


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One table: what it is of, and how its windows are cut.

    By `settings` windows are cut, see `keras_pain.data.windows.cut_windows`;
    they are part of every fold's configuration. Of `where` recordings must have
    the values, by key. `report` writes what the folds are run for, from a
    `keras_pain.reproduction.run.FinishedRun`; None writes table and figures.
    """

    table: TableSpec
    corpus: str
    layouts: tuple[str, ...]  # that can fill the table, best first
    settings: Mapping
    augmentation: str = "balanced"  # a kind of `data.augment.augmented`
    epochs: int | None = None  # of every stage; None leaves them to recipes
    simulated_epochs: int | None = 10  # where no raw corpus is given
    attention: tuple[str, ...] = ()  # methods of which it is drawn
    where: Mapping[str, Sequence] = dataclasses.field(default_factory=dict)
    protocols: tuple[Protocol, ...] = STANDARD_PROTOCOLS  # in the table's order
    seeds: tuple[int, ...] = (0,)  # where the user gives none
    join_methods: bool = False  # whether own ones join the table's methods
    report: Callable[..., list[Path]] | None = None
    smoke_methods: tuple[str, ...] = ()  # beside the trivial ones; () is all

    noun: ClassVar[str] = "windows"  # what readers call the samples
    preparing: ClassVar[str] = ""  # what takes long in a build

    @property
    def flags(self) -> set[str]:
        """Special flags that this table looks at."""
        return {"challenge_columns"}

    def check_method(self, name: str) -> None:
        """Raises ConfigurationError at methods that cannot see the samples."""
        from keras_pain.experiments import baselines
        from keras_pain.experiments.method_registry import check_samples

        known = baselines.CLASSICAL | baselines.WINDOW_CLASSIFIERS
        check_samples(name, ["windows"], known, self.noun)

    def check_files(self, options: Options) -> None:
        """Looks, before the long work, whether flags can be followed here."""

    def prepare(self, options: Options, console: Console) -> PreparedDataset:
        """The corpus as TFRecords: the user's, or a small simulated one."""
        if options.manual_dir is None:
            arguments = self.simulator_arguments(options)
            manual_dir = simulated_folder(self.corpus, arguments, console)
        else:
            manual_dir = Path(options.manual_dir)
        layout, configs = self.layout_and_configs(options, manual_dir)
        data_dir, fingerprint = options.data_dir, None
        if data_dir is None or options.manual_dir is None:
            files = get_corpus(self.corpus).find_files(manual_dir, layout)
            fingerprint = identify(manual_dir, files)
            # Tables simulate one corpus in several sizes, for one --data_dir.
            data_dir = Path(data_dir or "data/tfds", fingerprint[:12])
        if self.preparing:
            console.print(f"{self.corpus}: {self.preparing}")
        names = ("challenge_columns", "landmarks")
        prepared, *further = [
            prepare_dataset(
                self.corpus,
                manual_dir=manual_dir,
                data_dir=data_dir,
                layout=config,
                on_bad_file=options.on_bad_file,
                fingerprint=fingerprint,
                given={name: getattr(options, name) for name in names},
            )
            for config in configs
        ]
        return dataclasses.replace(prepared, further=tuple(further))

    def simulator_arguments(self, options: Options) -> dict[str, Any]:
        """Arguments of the corpus' simulator where no raw corpus is given."""
        return {"layout": self.layouts[0], "scale": "small"}

    def layout_and_configs(
        self, options: Options, manual_dir: Path
    ) -> tuple[str, list[str | None]]:
        """Layout of the raw files, and the dataset's configs that are read.

        Raises ConfigurationError where this layout cannot fill the table.
        """
        corpus = get_corpus(self.corpus)
        layout = options.layout
        if layout is None and hasattr(corpus, "find_layouts"):
            found = corpus.find_layouts(manual_dir)
            layout = next((one for one in self.layouts if one in found), None)
        layout = layout or corpus.detect_layout(manual_dir)
        if layout not in self.layouts:
            raise ConfigurationError(
                f"{self.table.name} cannot be filled from the layout "
                f"{layout!r}, only from {', '.join(self.layouts)}"
            )
        return layout, [layout]

    def load(self, prepared: PreparedDataset, smoke: bool) -> list[Mapping]:
        """The recordings that take part."""
        recordings = load_recordings(prepared.path)
        by_split = "holdout" in self.table.evaluations
        return chosen_recordings(recordings, self.where, smoke, by_split)

    def settings_for(self, options: Options) -> dict:
        """How samples are cut in a run with these flags."""
        return dict(self.settings)

    def cut(
        self, loaded: Sequence[Mapping], settings: Mapping, smoke: bool
    ) -> WindowSet:
        """Unscaled samples of a protocol."""
        return chosen_windows(loaded, settings, smoke)

    def subjects(
        self, loaded: Sequence[Mapping], samples: WindowSet
    ) -> list[Subject]:
        """The people with samples, in the strata that folds keep even."""
        return subjects_of(loaded, samples.subject)

    def method_arguments(self, options: Options, loaded) -> dict[str, Any]:
        """Arguments for every method of the suite."""
        return {}

    def identity(self, loaded) -> dict:
        """What configurations say of the data beside their fingerprint."""
        return {}

    def describe(self, options: Options) -> list[str]:
        """Lines about the samples, for the table's header."""
        cut, copies = described(self.settings_for(options)), self.augmentation
        return [f"Windows: {cut}; augmentation of training windows: {copies}."]

    def input(self, prepared: PreparedDataset, options: Options) -> dict:
        """How raw recordings become samples' frames, for later predictions."""
        units = ("degrees", "degrees^2 / frame^2", "envelope, as in EmoPain")
        units = dict(zip(("angle", "energy", "semg"), units, strict=True))
        return {"kind": "movement", "rate": FRAME_RATE, "units": units}

    def note(self) -> dict:
        """What `explain` needs to load the samples again, beside the data."""
        return {}

    def announce(self, tasks, samples, options: Options, console) -> None:
        """Says, before the folds are run, what they will take."""

    def remarks(self, loaded, settings: Mapping) -> list[str]:
        """Lines for the end of the header."""
        return []


def described(settings: Mapping) -> str:
    """Settings as a header has them."""
    return ", ".join(
        f"{name}={value}"
        for name, value in settings.items()
        if name not in ("cut", "without") and value not in ("", (), [])
    )


def simulated_folder(name: str, arguments: Mapping, console: Console) -> Path:
    """Folder of a simulated corpus, which is written once.

    `arguments` are of its simulator; raises ConfigurationError without one.
    """
    from keras_pain.simulate import simulate, simulator_of

    try:
        simulator_of(name)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{name} cannot be simulated: give the folder of its raw files "
            "with --manual_dir"
        ) from error
    text = "_".join(f"{k}{v}" for k, v in sorted(arguments.items()))
    text = "".join(c for c in text if c.isalnum() or c == "_")
    # Another version of the simulator may write other files.
    folder = Path("data/simulated", f"{name}_{text}_seed0_v{__version__}")
    remove_leftovers(folder.parent)
    if not folder.is_dir():
        line = f"no --manual_dir: simulating a small {name} corpus in {folder}"
        console.print(f"{line}; results will be marked SIMULATED")
        fill = functools.partial(simulate, name, seed=0, **arguments)
        cure = "free some space there, or give --manual_dir"
        write_folder(folder, fill, is_complete=folder.is_dir, cure=cure)
    return folder


def chosen_recordings(
    recordings: Sequence[Mapping], where: Mapping, smoke: bool, by_split=True
) -> list[Mapping]:
    """Recordings that take part: those `where` says, of few people for smoke.

    These are of every group, and with `by_split` of every owners' split. Raises
    ConfigurationError where none is left.
    """
    chosen = list(recordings)
    for name, known in where.items():
        chosen = [r for r in chosen if r[name] in known]
    if not chosen:
        raise ConfigurationError(
            f"none of {len(recordings)} recordings has {dict(where)}: check "
            "the folder given with --manual_dir"
        )
    return _few_people(chosen, by_split) if smoke else chosen


def chosen_windows(
    recordings: Sequence[Mapping], settings: Mapping, smoke: bool
) -> WindowSet:
    """Windows of recordings; a few of each subject and class for smoke."""
    windows = cut_windows(recordings, settings)
    if not smoke:
        return windows
    chosen = []
    for subject in dict.fromkeys(windows.subject.tolist()):
        of_subject = windows.subject == subject
        for label in range(windows.num_classes):
            index = np.flatnonzero(of_subject & (windows.y == label))
            step = max(len(index) // _SMOKE_WINDOWS, 1)
            chosen.append(index[::step][:_SMOKE_WINDOWS])
    return windows.take(np.sort(np.concatenate(chosen)))


def _few_people(recordings, by_split):
    """Recordings of a few people of each stratum, four at least.

    Leaving one out and setting one aside must leave two to train on.
    """
    people: dict[tuple, dict] = {}  # in the order in which they come
    for r in recordings:
        stratum = (by_split and r["split"], r.get("group"))
        people.setdefault(stratum, {})[r["subject_id"]] = None
    wanted = max(_SMOKE_PEOPLE, -(-4 // len(people)))
    few = {name for of in people.values() for name in list(of)[:wanted]}
    return [r for r in recordings if r["subject_id"] in few]
