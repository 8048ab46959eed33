"""From an experiment and its options to the table and the figures."""

import dataclasses
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from absl import app, logging
from rich.console import Console

from keras_pain.data.prepare import load_recordings
from keras_pain.errors import ConfigurationError, KerasPainError
from keras_pain.experiments import runner
from keras_pain.experiments.atomic import write_file
from keras_pain.experiments.methods import resolve_method
from keras_pain.experiments.protocols import (
    PROTOCOLS,
    has_owners_split,
    subjects_of,
)
from keras_pain.experiments.store import ResultStore
from keras_pain.reports.tables import write_table
from keras_pain.reproduction.corpus import few_people, few_windows, prepare
from keras_pain.reproduction.experiment import (
    Experiment,
    named_rows,
    with_methods,
)
from keras_pain.reproduction.figures import write_figures
from keras_pain.reproduction.options import (
    Options,
    options_of_flags,
    parse_folds,
    show_in_help,
)

_PROTOCOLS = {
    "as_published": "Protocol as_published: the epoch is chosen on the test "
    "subjects, as the released BANet code does; it leaks.",
    "leak_free": "Protocol leak_free: the epoch is chosen on training subjects "
    "set aside for it; the test subjects are scored once. Methods that "
    "choose no epoch train on those subjects as well.",
}


def main(*experiments: Experiment) -> None:
    """Runs experiments with the flags of the command line.

    Problems that the user can cure end it with one line and exit code 1; an
    interrupt says what was kept.
    """
    show_in_help()

    def run_all(arguments):
        # TensorFlow and TFDS report through absl what only they care about.
        logging.set_verbosity(logging.ERROR)
        try:
            if len(arguments) > 1:
                raise ConfigurationError(
                    f"unexpected argument {arguments[1]!r}; see --help"
                )
            options = options_of_flags()
            for experiment in experiments:
                reproduce(experiment, own_folder(experiment, options))
        except KerasPainError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)
        except KeyboardInterrupt:
            print(
                "interrupted: finished folds are kept, the same command goes "
                "on from there",
                file=sys.stderr,
            )
            sys.exit(130)

    def own_folder(experiment, options):
        """Several tables of one script do not share a results folder."""
        if len(experiments) == 1 or options.results_dir is None:
            return options
        folder = Path(options.results_dir, experiment.table.name)
        return dataclasses.replace(options, results_dir=str(folder))

    app.run(run_all)


def reproduce(experiment: Experiment, options: Options) -> list[Path]:
    """Prepares the data, runs what the store lacks, writes table and figures.

    Args:
        experiment: The declaration.
        options: The flags.

    Returns:
        Paths of all files written, the table's first.

    Raises:
        KerasPainError: Data, flags or an existing results folder do not fit.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    name = experiment.table.name + ("_smoke" if options.smoke else "")
    results_dir = Path(options.results_dir or "results") / (
        "" if options.results_dir else name
    )
    # What the user may have mistyped is looked at before the long work.
    folds = parse_folds(options.folds)
    table = with_methods(experiment.table, options.methods)
    for row in table.rows:
        resolve_method(row.method)
    if results_dir.exists() and not results_dir.is_dir():
        raise ConfigurationError(
            f"{results_dir}: is a file; choose another --results_dir"
        )
    prepared = prepare(experiment, options, console)
    recordings = load_recordings(prepared.path)
    if experiment.select is not None:
        recordings = [r for r in recordings if experiment.select(r)]
    if options.smoke:
        recordings = few_people(recordings)
    windows = experiment.windows(recordings)
    if options.smoke:
        windows = few_windows(windows)
    subjects = subjects_of(recordings, windows.subject)
    epochs = _epochs(experiment, options)
    protocols = PROTOCOLS if options.protocol == "both" else [options.protocol]
    settings = {**experiment.settings, "smoke": options.smoke}
    tasks = runner.plan(
        subjects,
        evaluations={
            evaluation: [
                row.method for row in table.rows if row.evaluation == evaluation
            ]
            for evaluation in table.evaluations
        },
        protocols=protocols,
        seeds=[int(seed) for seed in options.seeds],
        dataset={
            "corpus": prepared.corpus,
            "layout": prepared.config,
            "fingerprint": prepared.fingerprint,
            "windows": settings,
            "augmentation": experiment.augmentation,
        },
        epochs=epochs,
    )
    table = named_rows(table)
    store = ResultStore(results_dir)
    console.print(
        f"{table.name}: {len(windows)} windows of {len(subjects)} people, "
        f"{len(tasks)} folds to {results_dir}"
    )
    runner.run(
        tasks,
        windows,
        store,
        folds=folds,
        jobs=options.jobs,
    )
    subject_lists = _write_subjects(tasks, results_dir)
    expected = {task.key: task.config for task in tasks}
    paths = write_table(
        table,
        store,
        expected,
        results_dir,
        corpus=prepared.corpus,
        simulated=prepared.simulated,
        header=_header(
            experiment,
            prepared,
            windows,
            settings,
            epochs,
            protocols,
            has_owners_split(subjects),
            options,
        ),
        subject_lists=[path.name for path in subject_lists],
    )
    console.print("drawing figures")
    paths += write_figures(
        table,
        store,
        expected,
        windows,
        results_dir / "figures",
        simulated=prepared.simulated,
        attention=experiment.attention,
    )
    _remove_stale(results_dir, [*paths, *subject_lists])
    print(paths[0].read_text())
    console.print(f"wrote {paths[0]} and {len(paths) - 1} more files beside it")
    return paths + subject_lists


def _epochs(experiment: Experiment, options: Options) -> int | None:
    if options.epochs:
        return options.epochs
    if options.smoke:
        return 1
    if options.manual_dir is None:
        return experiment.simulated_epochs
    return experiment.epochs


def _write_subjects(
    tasks: Iterable[runner.Task], results_dir: Path
) -> list[Path]:
    """Who was in which part of every fold: one file a protocol."""
    lists: dict[str, dict] = {}
    for task in tasks:
        name = f"subjects_{task.key.evaluation}_{task.key.protocol}.json"
        lists.setdefault(name, {})[task.fold.name] = dataclasses.asdict(
            task.fold
        )
    return [
        write_file(
            results_dir / name, (json.dumps(folds, indent=1) + "\n").encode()
        )
        for name, folds in lists.items()
    ]


def _header(
    experiment,
    prepared,
    windows,
    settings,
    epochs,
    protocols,
    split_by_owners,
    options,
) -> list[str]:
    """What a reader has to know before the first number."""
    counts = ", ".join(
        f"{count} {name}"
        for name, count in zip(
            windows.class_names, runner.class_counts(windows), strict=True
        )
    )
    described = ", ".join(
        f"{k}={v}" for k, v in settings.items() if k != "smoke"
    )
    lines = [
        f"Layout {prepared.config}, fingerprint "
        f"{prepared.fingerprint[:12]}: {len(windows)} windows ({counts}) of "
        f"{len(set(windows.subject))} people.",
        f"Windows: {described}; augmentation of training windows: "
        f"{experiment.augmentation}.",
        f"Epochs: {epochs}, instead of the recipes'."
        if epochs
        else "Epochs: those of the recipes.",
        f"Seeds: {', '.join(str(seed) for seed in options.seeds)}.",
        *(_PROTOCOLS[name] for name in protocols),
    ]
    if options.smoke:
        lines.insert(0, "SMOKE RUN: a few people, windows and one epoch.")
    if "holdout" in experiment.table.evaluations and not split_by_owners:
        lines.append(
            "This release has no train / validation split: the test subjects "
            "of the hold-out are drawn by us (seed 0), not the challenge's."
        )
    refused = sum(file["refused"] for file in prepared.report)
    if refused:
        lines.append(f"Raw files refused and left out: {refused}.")
    return lines


def _remove_stale(results_dir: Path, written: list[Path]) -> None:
    """Removes figures and lists of an earlier call with other rows."""
    kept = {path.resolve() for path in written}
    for pattern in ("figures/*.png", "subjects_*.json"):
        for path in results_dir.glob(pattern):
            if path.resolve() not in kept:
                path.unlink()
