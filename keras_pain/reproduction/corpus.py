"""The data of an experiment: the user's corpus, or a small simulated one."""

import contextlib
import dataclasses
import os
import tempfile
from pathlib import Path

from rich.console import Console

from keras_pain import __version__
from keras_pain.corpora.registry import get_corpus
from keras_pain.data.prepare import PreparedDataset, identify, prepare_dataset
from keras_pain.errors import ConfigurationError, KerasPainError
from keras_pain.reproduction.experiment import Experiment
from keras_pain.reproduction.material import Faces
from keras_pain.reproduction.options import Options


def prepare(
    experiment: Experiment, options: Options, console: Console
) -> PreparedDataset:
    """The corpus as TFRecords: the user's, or a small simulated one."""
    if isinstance(experiment.material, Faces):
        return _prepare_faces(experiment, options, console)
    corpus = get_corpus(experiment.corpus)
    if options.manual_dir is None:
        manual_dir = _simulated_corpus(experiment, console)
    else:
        manual_dir = Path(options.manual_dir)
    if options.challenge_columns:  # the builder takes them from there
        os.environ["KERAS_PAIN_CHALLENGE_COLUMNS"] = options.challenge_columns
    layout = options.layout or _best_layout(corpus, manual_dir, experiment)
    if layout not in experiment.layouts:
        raise ConfigurationError(
            f"{experiment.table.name} cannot be filled from the layout "
            f"{layout!r}, only from {', '.join(experiment.layouts)}"
        )
    return prepare_dataset(
        experiment.corpus,
        manual_dir=manual_dir,
        **_place(options, corpus, manual_dir, layout),
        layout=layout,
        on_bad_file=options.on_bad_file,
    )


def _prepare_faces(
    experiment: Experiment, options: Options, console: Console
) -> PreparedDataset:
    """Cropped faces; of the layouts one is as good as another."""
    config = experiment.config
    if options.manual_dir is None:
        manual_dir = _simulated_faces(experiment, options, console)
        config = experiment.simulated_config or config
    else:
        manual_dir = Path(options.manual_dir)
    corpus = get_corpus(experiment.corpus)
    layout = corpus.detect_layout(manual_dir)
    place = _place(options, corpus, manual_dir, layout)
    console.print(f"{experiment.corpus}: {experiment.material.preparing}")
    configs = [
        options.layout or config,
        *experiment.material.further_configs(options),
    ]
    prepared, *further = [
        prepare_dataset(
            experiment.corpus,
            manual_dir=manual_dir,
            **place,
            layout=name,
            on_bad_file=options.on_bad_file,
        )
        for name in configs
    ]
    return dataclasses.replace(prepared, further=tuple(further))


def _place(options: Options, corpus, manual_dir: Path, layout: str) -> dict:
    """Where the dataset goes; the fingerprint too, where it hangs on that."""
    if options.data_dir is not None:
        return {"data_dir": options.data_dir}
    files = corpus.find_files(manual_dir, layout)
    fingerprint = identify(manual_dir, files)
    data_dir = Path("data", "tfds", fingerprint[:12])
    return {"data_dir": data_dir, "fingerprint": fingerprint}


def _simulated_faces(
    experiment: Experiment, options: Options, console: Console
) -> Path:
    """Writes a simulated corpus of faces, once; whole or not at all."""
    arguments = dict(experiment.simulated_corpus)
    if options.smoke:
        arguments |= experiment.smoke_corpus
    text = "_".join(f"{k}{v}" for k, v in sorted(arguments.items()))
    text = "".join(c for c in text if c.isalnum() or c == "_") or "small"
    name = f"{experiment.corpus}_{text}_seed0_v{__version__}"
    target = Path("data", "simulated", name)
    if not target.is_dir():
        console.print(
            f"no --manual_dir: simulating a small {experiment.corpus} corpus "
            f"in {target}; results will be marked SIMULATED"
        )
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            whole = Path(folder, name)
            get_corpus(experiment.corpus).simulate(whole, seed=0, **arguments)
            # Where another run was faster, its files are the same.
            with contextlib.suppress(OSError):
                os.rename(whole, target)
        if not target.is_dir():
            raise KerasPainError(
                f"{target}: the simulated corpus cannot be written there"
            )
    return target


def _simulated_corpus(experiment: Experiment, console: Console) -> Path:
    """Writes the small simulated corpus, once; whole or not at all."""
    corpus = get_corpus(experiment.corpus)
    if not hasattr(corpus, "simulate"):
        raise ConfigurationError(
            f"{experiment.corpus} cannot be simulated: give the folder of its "
            "raw files with --manual_dir"
        )
    # Another version of the simulator may write other files.
    folder_name = f"{experiment.corpus}_small_seed0_v{__version__}"
    target = Path("data", "simulated", folder_name)
    layout = experiment.layouts[0]
    if not (target / layout).is_dir():
        console.print(
            f"no --manual_dir: simulating a small {experiment.corpus} corpus "
            f"in {target}; results will be marked SIMULATED"
        )
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            corpus.simulate(folder, layout=layout, scale="small", seed=0)
            # Where another run was faster, its files are the same.
            with contextlib.suppress(OSError):
                os.rename(Path(folder, layout), target / layout)
        if not (target / layout).is_dir():
            raise KerasPainError(
                f"{target}: the simulated corpus cannot be written there"
            )
    return target


def _best_layout(corpus, manual_dir: Path, experiment: Experiment) -> str:
    """The layout to read; of several, the experiment's first."""
    if hasattr(corpus, "find_layouts"):
        found = corpus.find_layouts(manual_dir)
        for layout in experiment.layouts:
            if layout in found:
                return layout
    return corpus.detect_layout(manual_dir)
