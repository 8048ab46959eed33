"""From an experiment and its options to the table and the figures."""

import dataclasses
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from absl import app, flags, logging
from rich.console import Console

from keras_pain.data.prepare import PreparedDataset
from keras_pain.errors import ConfigurationError, KerasPainError
from keras_pain.experiments import runner
from keras_pain.experiments.atomic import write_file
from keras_pain.experiments.defects import resolve_defects, settings_with
from keras_pain.experiments.methods import (
    GENERATED_TOO,
    plain_name,
    resolve_method,
)
from keras_pain.experiments.protocols import Protocol, has_owners_split
from keras_pain.experiments.store import ResultStore
from keras_pain.reproduction.corpus import prepare
from keras_pain.reproduction.experiment import (
    Experiment,
    named_rows,
    with_generated_rows,
    with_methods,
)
from keras_pain.reproduction.finished import FinishedRun, table_report
from keras_pain.reproduction.generated import NONE, with_generated
from keras_pain.reproduction.material import counted
from keras_pain.reproduction.options import (
    ALL_CORPORA,
    Options,
    check_used,
    define_corpus,
    options_of_flags,
    parse_folds,
    show_in_help,
)

_BASES = {
    "as_published": "trained on all others",
    "leak_free": "the epoch is chosen on training subjects set aside for it, "
    "and the test subjects are scored once; methods that choose no epoch "
    "train on those subjects as well",
}
RUN_FILE = "run.json"
_SMOKE_FOLDS = 2  # of a cross-validation


def main(
    *experiments: Experiment, choose_corpus: bool = False, several: bool = False
) -> None:
    """Runs experiments with the flags of the command line.

    With `choose_corpus` the flag `--corpus` says of which corpus; the default
    is that of the first, or with `several` all of them, one after another.

    Problems that the user can cure end it with one line and exit code 1; an
    interrupt says what was kept.
    """
    if choose_corpus:
        corpora = list(dict.fromkeys(e.corpus for e in experiments))
        define_corpus([ALL_CORPORA, *corpora] if several else corpora)
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
            chosen = experiments
            if choose_corpus:
                corpus = flags.FLAGS.corpus
                chosen = [
                    e for e in experiments if corpus in (e.corpus, ALL_CORPORA)
                ]
                if corpus == ALL_CORPORA and options.manual_dir:
                    raise ConfigurationError(
                        "--manual_dir is the folder of one corpus: say which "
                        f"with --corpus={'|'.join(corpora)}"
                    )
            check_used(options, set().union(*(e.flags for e in chosen)))
            for experiment in chosen:
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
        alone = len({e.corpus for e in experiments}) == len(experiments)
        if choose_corpus and flags.FLAGS.corpus == ALL_CORPORA:
            alone = False
        if options.results_dir is None or (choose_corpus and alone):
            return options
        if len(experiments) == 1:
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
    methods = options.methods
    if options.smoke and not methods:
        methods = experiment.smoke_methods
    table = with_methods(experiment.table, methods, experiment.join_methods)
    for row in table.methods:
        resolve_method(row.method)
        experiment.material.check_method(row.method)
        if row.method.endswith(GENERATED_TOO):
            raise ConfigurationError(
                f"--methods: {row.method} is a row that --augment adds; name "
                f"{plain_name(row.method)} and give --augment"
            )
    if results_dir.exists() and not results_dir.is_dir():
        raise ConfigurationError(
            f"{results_dir}: is a file; choose another --results_dir"
        )
    experiment.check_files(options)
    if options.shuffle_labels:
        title = f"CONTROL with labels dealt at random: {table.title}"
        table = dataclasses.replace(table, title=title)
    prepared = prepare(experiment, options, console)
    material = experiment.material
    loaded = material.load(prepared, experiment.where, options.smoke)
    protocols = _protocols(experiment, options)
    settings = experiment.settings_for(options)
    if options.augment != NONE:
        loaded, label, note = with_generated(
            loaded,
            options.augment,
            settings,
            prepared,
            lambda: material.cut(loaded, settings, options.smoke),
        )
        experiment = dataclasses.replace(experiment, generated=note)
        table = with_generated_rows(table, label)
    windows = {
        protocol.name: material.cut(
            loaded,
            settings_with(protocol.defects, settings),
            options.smoke,
        )
        for protocol in protocols
    }
    subjects = {
        protocol: material.subjects(loaded, of_protocol)
        for protocol, of_protocol in windows.items()
    }
    epochs = _epochs(experiment, options)
    seeds = options.seeds or experiment.seeds[: 1 if options.smoke else None]
    tasks = runner.plan(
        subjects,
        evaluations={
            evaluation: [
                row.method
                for row in table.methods
                if row.evaluation == evaluation
            ]
            for evaluation in table.evaluations
        },
        protocols=protocols,
        seeds=seeds,
        dataset={
            "corpus": prepared.corpus,
            "layout": prepared.config,
            "fingerprint": prepared.fingerprint,
            "windows": settings,
            "where": {k: list(v) for k, v in experiment.where.items()},
            "smoke": options.smoke,
            "augmentation": experiment.augmentation,
            **material.identity(loaded),
        },
        epochs=epochs,
        extra=material.options(experiment, options),
        num_folds=_SMOKE_FOLDS if options.smoke else None,
    )
    table = named_rows(table)
    store = ResultStore(results_dir)
    console.print(
        f"{table.name}: {max(map(len, windows.values()))} {material.noun}, "
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
    _write_run_file(results_dir, prepared)
    finished = FinishedRun(
        experiment=experiment,
        table=table,
        tasks=tuple(tasks),
        store=store,
        windows=windows,
        prepared=prepared,
        results_dir=results_dir,
        header=tuple(
            _header(
                experiment,
                prepared,
                windows,
                epochs,
                seeds,
                protocols,
                all(map(has_owners_split, subjects.values())),
                options,
            )
            + material.remarks(loaded, settings)
        ),
        subject_lists=tuple(subject_lists),
    )
    console.print("drawing figures")
    paths = (experiment.report or table_report)(finished)
    _remove_stale(results_dir, [*paths, *subject_lists])
    print(paths[0].read_text())
    console.print(f"wrote {paths[0]} and {len(paths) - 1} more files beside it")
    return paths + subject_lists


def _protocols(experiment: Experiment, options: Options) -> list[Protocol]:
    if options.protocol == "both":
        return list(experiment.protocols)
    chosen = [p for p in experiment.protocols if p.name == options.protocol]
    if not chosen:
        raise ConfigurationError(
            f"--protocol={options.protocol}: {experiment.table.name} has "
            f"{', '.join(p.name for p in experiment.protocols)}"
        )
    return chosen


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
            task.outer_fold
        )
    return [
        write_file(
            results_dir / name, (json.dumps(folds, indent=1) + "\n").encode()
        )
        for name, folds in lists.items()
    ]


def _write_run_file(results_dir: Path, prepared: PreparedDataset) -> None:
    """Notes where the data are, for those who look at a fold later."""
    note = {
        "dataset": str(prepared.path.resolve()),
        "corpus": prepared.corpus,
        "layout": prepared.config,
        "fingerprint": prepared.fingerprint,
        "simulated": prepared.simulated,
    }
    text = json.dumps(note, indent=1) + "\n"
    write_file(results_dir / RUN_FILE, text.encode())


def _header(
    experiment,
    prepared,
    windows,
    epochs,
    seeds,
    protocols,
    split_by_owners,
    options,
) -> list[str]:
    """What a reader has to know before the first number."""
    lines = [
        f"Layout {prepared.config}, fingerprint {prepared.fingerprint[:12]}: "
        f"{counted(windows, experiment.material.noun)}.",
        *experiment.describe(options),
        f"Epochs: {epochs}, instead of the recipes'."
        if epochs
        else "Epochs: those of the recipes.",
        f"Seeds: {', '.join(str(seed) for seed in seeds)}.",
        *map(_protocol_line, protocols),
    ]
    if options.smoke:
        lines.insert(
            0,
            "SMOKE RUN: a few people and samples, one epoch.",
        )
    if "holdout" in experiment.table.evaluations and not split_by_owners:
        lines.append(
            "This release has no train / validation split: the test subjects "
            "of the hold-out are drawn by us (seed 0), not the challenge's."
        )
    refused = {
        file["path"]
        for part in (prepared, *prepared.further)
        for file in part.report
        if file["refused"]
    }
    if refused:
        lines.append(f"Raw files refused and left out: {len(refused)}.")
    return lines


def _protocol_line(protocol: Protocol) -> str:
    line = f"Protocol {protocol.name}: {_BASES[protocol.base]}"
    defects = resolve_defects(protocol.defects)
    if not defects:
        return f"{line}. No known defect is on."
    on = "; ".join(f"{d.name} ({d.says})" for d in defects)
    return f"{line}. Known defects that are on: {on}."


def _remove_stale(results_dir: Path, written: list[Path]) -> None:
    """Removes figures and lists of an earlier call with other rows."""
    kept = {path.resolve() for path in written}
    for pattern in ("figures/*.png", "subjects_*.json"):
        for path in results_dir.glob(pattern):
            if path.resolve() not in kept:
                path.unlink()
