"""From an experiment and its options to the table and the figures."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
from rich.console import Console

from keras_pain import io, load_model
from keras_pain.corpora.base import shorten
from keras_pain.corpora.folder import SHARED
from keras_pain.data.prepare import PreparedDataset
from keras_pain.errors import ConfigurationError, reading
from keras_pain.experiments import method_registry, runner
from keras_pain.experiments.baselines import TRIVIAL
from keras_pain.experiments.defects import resolve_defects, settings_with
from keras_pain.experiments.folds import Samples, class_counts, prepare_fold
from keras_pain.experiments.methods import GENERATED_TOO, plain_name
from keras_pain.experiments.protocols import (
    LEAK_FREE,
    Fold,
    Protocol,
    has_owners_split,
    read_folds,
)
from keras_pain.experiments.store import (
    COMMAND,
    RUN_FILE,
    FoldKey,
    ResultStore,
    first_difference,
)
from keras_pain.explain.attention import attention_maps
from keras_pain.explain.figures import plot_attention
from keras_pain.reports import figures
from keras_pain.reports.table import RowSpec, TableSpec, write_table
from keras_pain.reproduction.experiment import Experiment
from keras_pain.reproduction.flags import Options, parse_folds, parse_share
from keras_pain.reproduction.suites import cited, fitting_suite, read_suite

OWN = "own"  # its entry about own recordings
_BASES = {
    "as_published": "trained on all others",
    "leak_free": "the epoch is chosen on training subjects set aside for it, "
    "and the test subjects are scored once; methods that choose no epoch "
    "train on those subjects as well",
}
_SMOKE_FOLDS = 2  # of a cross-validation


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """The folds of one script, as far as they are run."""

    experiment: Experiment
    table: TableSpec  # the experiment's, with the user's methods
    tasks: tuple[runner.Task, ...]  # all folds that it consists of
    store: ResultStore
    samples: Mapping[str, Samples]  # unscaled, of every person, by protocol
    prepared: PreparedDataset
    results_dir: Path
    header: tuple[str, ...]  # what to know before the first number
    subject_lists: tuple[Path, ...]  # files with the people of every fold

    @property
    def expected(self) -> dict[FoldKey, dict]:
        """The folds and their configurations."""
        return {task.key: task.config for task in self.tasks}


def reproduce(
    experiment: Experiment, options: Options, command: Sequence[str] = ()
) -> list[Path]:
    """Prepares the data, runs what the store lacks, writes table and figures.

    `command` are script and flags, by which a fold can be run again.

    Returns paths of all files written, the table's first. Raises KerasPainError
    where data, flags or an existing results folder do not fit.
    """
    return finish(experiment, options, command)[1]


def finish(
    experiment: Experiment, options: Options, command: Sequence[str] = ()
) -> tuple[FinishedRun | None, list[Path]]:
    """See `reproduce`; returns the finished run as well, None of a share."""
    # Paths are shown as they are: brackets in them are no markup.
    plain = {"highlight": False, "soft_wrap": True, "markup": False}
    console = Console(stderr=True, **plain)
    name = experiment.table.name + ("_smoke" if options.smoke else "")
    results_dir = Path(options.results_dir or Path("results", name))
    # What the user may have mistyped is looked at before the long work.
    folds, share = parse_folds(options.folds), parse_share(options.share)
    if share and options.collect:
        problem = "--share trains a part of the folds, --collect trains nothing"
        raise ConfigurationError(f"{problem}; give one of them")
    suite = read_suite(options.suite) if options.suite else None
    split = read_folds(options.subjects_file) if options.subjects_file else None
    table = _table(experiment, options)
    if split:
        table = _of_one_evaluation(table, len(split))
    if results_dir.exists() and not results_dir.is_dir():
        problem = f"{results_dir}: is a file; choose another --results_dir"
        raise ConfigurationError(problem)
    experiment.check_files(options)

    prepared = experiment.prepare(options, console)
    loaded = experiment.load(prepared, options.smoke)
    protocols = _protocols(experiment, options, suite)
    settings = experiment.settings_for(options)
    if options.augment != "none":
        # Only here: its generators are many modules.
        from keras_pain.augment.training import with_generated

        loaded, label, note = with_generated(
            loaded,
            options.augment,
            settings,
            prepared,
            lambda: experiment.cut(loaded, settings, options.smoke),
        )
        experiment = dataclasses.replace(experiment, generated=note)
        table = with_generated_rows(table, label)
    samples, subjects = {}, {}
    for protocol in protocols:
        changed = settings_with(protocol.defects, settings)
        cut = experiment.cut(loaded, changed, options.smoke)
        samples[protocol.name] = cut
        subjects[protocol.name] = experiment.subjects(loaded, cut)
    evaluations = {evaluation: [] for evaluation in table.evaluations}
    for row in table.methods:
        evaluations[row.evaluation].append(row.method)
    usual = suite["seeds"] if suite else experiment.seeds
    seeds = options.seeds or tuple(usual[: 1 if options.smoke else None])
    epochs = experiment.epochs
    if options.manual_dir is None:
        epochs = experiment.simulated_epochs
    epochs = options.epochs or (1 if options.smoke else epochs)

    tasks = runner.plan(
        subjects,
        evaluations=evaluations,
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
            **experiment.identity(loaded),
        },
        epochs=epochs,
        extra=experiment.method_arguments(options, loaded),
        num_folds=_SMOKE_FOLDS if options.smoke else None,
        split=split,
        deterministic=options.deterministic,
    )
    results_dir.mkdir(parents=True, exist_ok=True)  # fails before long work
    store = ResultStore(results_dir, prepared.simulated)
    text = f"{table.name}: {max(map(len, samples.values()))} {experiment.noun}"
    console.print(f"{text}, {len(tasks)} folds to {results_dir}")
    _check_note(results_dir, experiment.note())
    todo = [task for task in tasks if not store.contains(task.key)]
    if todo:
        experiment.announce(todo, samples, options, console)
    about = {
        "corpus": prepared.corpus,
        "input": experiment.input(prepared, options),
        "hashes": prepared.hashes,
        "groups": {f["subject_id"]: f["group"] for f in prepared.report},
    }
    more = {"folds": folds, "jobs": options.jobs, "dask": options.dask}
    more["about"] = about
    if share == (0, 0):
        print(*(task.name for task in todo), sep="\n")
        print(f"{len(todo)} of {len(tasks)} folds are open")
        return None, []
    if share:
        tasks = runner.share_of(tasks, *share)
    if not options.collect:
        runner.run(tasks, samples, store, **more)
    if share:
        text = f"--share {options.share}: {len(tasks)} folds are finished"
        console.print(text)
        return None, []
    hide = None if options.keep_paths else results_dir
    note = {COMMAND: list(command), **experiment.note()}
    # One that nobody asked for is named where nothing deviates.
    suite = suite or fitting_suite(table, tasks, store)
    line, of_suite = cited(suite, table, tasks, store) if suite else ("", {})
    note |= of_suite
    lists = _write_notes(tasks, prepared, results_dir, note, hide)
    header = [
        *(["SMOKE RUN: a few people and samples, one epoch."] * options.smoke),
        f"Layout {prepared.config}, fingerprint {prepared.fingerprint[:12]}: "
        f"{_counted(samples, experiment.noun)}.",
        *experiment.describe(options),
        f"Epochs: {epochs}, instead of the recipes'."
        if epochs
        else "Epochs: those of the recipes.",
        *(["Deterministic operations, without XLA."] * options.deterministic),
        f"Seeds: {', '.join(map(str, seeds))}, of training: folds are the same "
        "for every seed.",
        *map(_protocol_line, protocols),
        *([line] if line else []),
    ]
    if path := options.subjects_file:
        said = f"{Path(path).name} (sha256 {io.sha256_of(path)[:12]})"
        header.append(f"Folds of people are those of {said}.")
    split_by_owners = all(map(has_owners_split, subjects.values()))
    if "holdout" in table.evaluations and not (split_by_owners or split):
        header.append(
            "This release has no train / validation split: the test subjects "
            "of the hold-out are drawn by us (seed 0), not the challenge's."
        )
    parts = (prepared, *prepared.further)
    files = [file for part in parts for file in part.report]
    found = [(file["path"], of) for file in files for of in file["findings"]]
    refused = {k: of["rule"] for k, of in found if of["action"] == "refused"}
    if refused:
        said = shorten(f"{k} ({rule})" for k, rule in refused.items())
        text = f"Raw files refused and left out: {len(refused)}: {said}."
        header.append(text)
    details = [of["detail"] for _, of in found if of["rule"] == SHARED]
    header += [f"{detail}." for detail in details]
    finished = FinishedRun(
        experiment=experiment,
        table=_named_rows(table),
        tasks=tuple(tasks),
        store=store,
        samples=samples,
        prepared=prepared,
        results_dir=results_dir,
        header=(*header, *experiment.remarks(loaded, settings)),
        subject_lists=lists,
    )
    console.print("drawing figures")
    paths = (experiment.report or table_report)(finished)
    # Figures of an earlier call with other rows go; lists of subjects stay,
    # they are of folds that stay as well.
    kept = {path.resolve() for path in paths}
    for path in results_dir.glob("figures/*.png"):
        if path.resolve() not in kept:
            path.unlink()
    print(paths[0].read_text(encoding="utf-8"))
    console.print(f"wrote {paths[0]} and {len(paths) - 1} more files beside it")
    return finished, [*paths, *lists]


def _check_note(results_dir, note):
    """Refuses a folder whose folds are of other settings of own recordings."""
    path = results_dir / RUN_FILE
    if not (note and path.exists()):
        return
    with reading(path, cure="remove it, or choose another --results_dir"):
        old = json.loads(path.read_text(encoding="utf-8"))
    pair = [dict(of.get(OWN, {}).get("own", {})) for of in (old, note)]
    for of in pair:
        of.pop("memory_gb", None)  # changes no result
        if of.get("test_dir"):
            of["test_dir"] = io.hidden_argument(of["test_dir"])
    if pair[0] and (text := first_difference(*pair)):
        problem = f"{results_dir}: holds folds of other settings ({text})"
        raise ConfigurationError(f"{problem}; choose another --results_dir")


def _hidden(note, base):
    """The note of a run without absolute paths, see `read_note`."""
    further = [io.hidden_place(part, base) for part in note["further"]]
    note = {**note, "further": further}
    note["dataset"] = io.hidden_place(note["dataset"], base)
    note[COMMAND] = [io.hidden_argument(word) for word in note[COMMAND]]
    if OWN in note:
        own = {**note[OWN]["own"]}
        if own["test_dir"]:
            own["test_dir"] = io.hidden_argument(own["test_dir"])
        folder = io.hidden_place(note[OWN]["folder"], base)
        note[OWN] = {**note[OWN], "folder": folder, "own": own}
    return note


def read_note(results_dir) -> dict:
    """The note of a run, with its paths as they are here.

    Raises KerasPainError where it is missing or damaged, or a path is not
    known.
    """
    base = Path(results_dir)
    path = base / RUN_FILE
    again = "run the reproduce script again (finished folds are kept)"
    with reading(path, "does not say where the data are", again):
        note = json.loads(path.read_text(encoding="utf-8"))
        note["dataset"] = io.shown_place(note["dataset"], base)
        further = note.get("further", ())
        note["further"] = [io.shown_place(part, base) for part in further]
        words = note.get(COMMAND, ())
        note[COMMAND] = [io.shown_argument(word, base) for word in words]
        if OWN in note:
            own, folder = note[OWN]["own"], note[OWN]["folder"]
            if own["test_dir"]:
                own["test_dir"] = io.shown_argument(own["test_dir"], base)
            note[OWN]["folder"] = io.shown_place(folder, base)
    return note


def _write_notes(tasks, prepared, results_dir, more, hide) -> tuple[Path, ...]:
    """Writes who was in which part of every fold, and where the data are.

    One file a protocol, whose paths are returned, and one about the data,
    whose paths are hidden below the folder `hide`, if there is one.
    """
    notes: dict[str, dict] = {}
    for task in tasks:
        name = f"subjects_{task.key.evaluation}_{task.key.protocol}.json"
        people = dataclasses.asdict(task.outer_fold)
        people["simulated"] = prepared.simulated
        notes.setdefault(name, {})[task.fold.name] = people
    lists = tuple(results_dir / name for name in notes)
    notes[RUN_FILE] = {
        "dataset": str(prepared.path.resolve()),
        "further": [str(part.path.resolve()) for part in prepared.further],
        "corpus": prepared.corpus,
        "layout": prepared.config,
        "fingerprint": prepared.fingerprint,
        "simulated": prepared.simulated,
        **more,
    }
    if hide:
        notes[RUN_FILE] = _hidden(notes[RUN_FILE], hide)
    for name, note in notes.items():
        text = json.dumps(note, indent=1) + "\n"
        io.write_file(results_dir / name, text.encode())
    return lists


def table_report(run: FinishedRun) -> list[Path]:
    """Writes the table and the figures beside it; Markdown comes first.

    Of the experiment's `attention` methods one window of the first fold is
    among these.
    """
    folder, simulated = run.results_dir / "figures", run.prepared.simulated
    paths = write_table(
        run.table,
        run.store,
        run.expected,
        run.results_dir,
        corpus=run.prepared.corpus,
        simulated=simulated,
        header=run.header,
        subject_lists=[path.name for path in run.subject_lists],
    )
    what = run.table, run.store, run.expected, folder
    paths += figures.write_figures(*what, simulated=simulated)
    for key in figures.first_folds(run.store, run.expected):
        place = (key.protocol, key.evaluation)
        shown = key.method in run.experiment.attention
        if shown and place == (LEAK_FREE.name, "holdout"):
            model = stored_network(run.store, key)
            if model is not None:
                paths.append(_draw_attention(run, key, model, folder))
    return paths


def stored_network(store: ResultStore, key: FoldKey) -> keras.Model | None:
    """The network that a finished fold stored, or None."""
    path = store.path(key) / "model.keras"
    return load_model(path) if path.exists() else None


def _draw_attention(run, key, model, folder) -> Path:
    """Attention on the test window that the network is surest of."""
    result, windows = run.store.read(key), run.samples[key.protocol]
    fold = Fold(**result.config["subjects"])
    test = prepare_fold(windows, fold, 0, "none").test
    last = result.predictions["probabilities"][:, -1]
    index = int(np.where(test.y == test.num_classes - 1, last, -1).argmax())
    maps = attention_maps(model, test.x[[index]])
    return plot_attention(
        windows.of_subjects(fold.test).x[index],
        int(test.length[index]),
        maps["temporal_attention"][0],
        maps.get("bodily_attention", [None])[0],
        windows.channel_names,
        f"{figures.paper_name(key.method)}: attention on "
        f"{test.window_id[index]} ({test.class_names[test.y[index]]}, "
        f"p = {last[index]:.2f})",
        folder / f"attention_{key.method}.png",
        simulated=run.prepared.simulated,
    )


def _table(experiment, options) -> TableSpec:
    """The table with the methods that are run; refuses those that do not fit.

    Trivial rows always stay. Where the experiment says so, methods of the
    user's own are added to all rows, unless some of the suite are named too.
    """
    table = experiment.table
    usual = options.smoke and experiment.smoke_methods
    methods = options.methods or usual
    if methods:
        if experiment.join_methods and all(":" in name for name in methods):
            usual = usual or [row.method for row in table.methods]
            methods = [*usual, *methods]
        labels = {row.method: row.label for row in table.rows}
        rows = []
        for evaluation in table.evaluations:
            of_table = [r for r in table.methods if r.evaluation == evaluation]
            trivial = [r.method for r in of_table if r.method in TRIVIAL]
            rows += [
                RowSpec(labels.get(method, method), method, evaluation)
                for method in dict.fromkeys([*trivial, *methods])
            ]
        table = dataclasses.replace(table, rows=tuple(rows))
    names = {}
    for row in table.methods:
        name = method_registry.resolve_method(row.method).name
        if names.setdefault(name, row.method) != row.method:
            raise ConfigurationError(
                f"--methods: {names[name]} and {row.method} are both called "
                f"{name!r}; give one of them another name"
            )
        experiment.check_method(row.method)
        if row.method.endswith(GENERATED_TOO):
            problem = f"--methods: {row.method} is a row that --augment adds"
            cure = f"name {plain_name(row.method)} and give --augment"
            raise ConfigurationError(f"{problem}; {cure}")
    if options.shuffle_labels:
        title = f"CONTROL with labels dealt at random: {table.title}"
        table = dataclasses.replace(table, title=title)
    return table


def _of_one_evaluation(table, folds):
    """The rows that somebody's split is for: one fold is a hold-out."""
    wanted = [e for e in table.evaluations if (e == "holdout") == (folds == 1)]
    wanted = (wanted or table.evaluations)[0]
    rows = tuple(row for row in table.rows if row.evaluation == wanted)
    return dataclasses.replace(table, rows=rows)


def with_generated_rows(table: TableSpec, label: str) -> TableSpec:
    """The table with a row of generated pictures behind each network's."""
    known, rows = method_registry.registered_methods(), []
    for row in table.rows:
        rows.append(row)
        more = row.method + GENERATED_TOO
        if more in known:
            rows.append(RowSpec(f"{row.label} + {label}", more, row.evaluation))
    return dataclasses.replace(table, rows=tuple(dict.fromkeys(rows)))


def _named_rows(table):
    """The table with the names of methods that were given as a path."""
    rows = list(table.rows)
    for index, row in enumerate(rows):
        if ":" in row.method:
            name = method_registry.resolve_method(row.method).name
            rows[index] = row._replace(method=name, label=name)
    return dataclasses.replace(table, rows=tuple(rows))


def _protocols(experiment, options, suite) -> list[Protocol]:
    wanted, known = options.protocol, experiment.protocols
    if suite and wanted == "both":
        wanted = suite["protocol"]
    chosen = [p for p in known if wanted in (p.name, "both")]
    if not chosen:
        raise ConfigurationError(
            f"--protocol={wanted}: {experiment.table.name} has "
            f"{', '.join(p.name for p in known)}"
        )
    return chosen


def _counted(samples, noun) -> str:
    """Samples of each class, for each protocol that has its own."""
    protocols: dict[str, list[str]] = {}
    for protocol, chosen in samples.items():
        if hasattr(chosen, "generated"):
            chosen = chosen.take(~chosen.generated)
        y, counts = chosen.y, map(str, class_counts(chosen))
        if chosen.class_names:
            named = zip(counts, chosen.class_names, strict=True)
            counts = ", ".join(map(" ".join, named))
        else:
            counts = f"intensity {y.min():g} to {y.max():g}"
            counts += f", mean {y.mean():.2f}"
        people = len(set(getattr(chosen, "person", chosen.subject)))
        text = f"{len(chosen)} {noun} ({counts}) of {people} people"
        protocols.setdefault(text, []).append(protocol)
    if len(protocols) == 1:
        return next(iter(protocols))
    return "; ".join(f"{', '.join(v)}: {k}" for k, v in protocols.items())


def _protocol_line(protocol) -> str:
    known, assumed = [], []
    for defect in resolve_defects(protocol.defects):
        of = assumed if defect.name in protocol.assumed else known
        of.append(f"{defect.name} ({defect.says})")
    words = [f"Protocol {protocol.name}: {_BASES[protocol.base]}."]
    if not protocol.defects:
        words.append("No known defect is on.")
    if known:
        words.append(f"Known defects that are on: {'; '.join(known)}.")
    if assumed:
        words.append(f"Assumed, not known: {'; '.join(assumed)}.")
    return " ".join([*words, *protocol.notes])
