"""From a reproduce script's declaration and flags to its table and figures.

A script names a corpus, how windows are cut, the rows of its table and where
the paper's numbers are; everything else is here. TensorFlow is imported when
the flags are parsed, so that `--help` is quick.
"""

import dataclasses
import os
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from absl import app, logging
from absl.flags import FLAGS

from keras_pain.errors import ConfigurationError, exit_code
from keras_pain.experiments.provenance import quiet_start, start_tensorflow
from keras_pain.reproduction.experiment import Experiment
from keras_pain.reproduction.flags import (
    Options,
    OwnOptions,
    check_used,
    define_corpus,
    define_flags,
    define_own_flags,
    options_of_flags,
    own_flags,
    parse_flags,
)
from keras_pain.reproduction.jobs import submit

__all__ = ["Experiment", "Options", "main", "main_own", "reproduce"]

# Before TensorFlow is imported: its start-up notes are not the user's.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

_ALL = "all"


def main(
    *experiments: Experiment,
    choose_corpus: bool = False,
    several: bool = False,
    choose: Callable[[Options], Sequence[Experiment]] | None = None,
    used: Collection[str] = (),
) -> None:
    """Runs experiments with the flags of the command line.

    With `choose_corpus` the flag `--corpus` says of which corpus; the default
    is that of the first, or with `several` all of them, one after another.
    `choose` says which of them a run with these options is of; each has its
    own folder in `--results_dir`, so that another one can be added later.
    `--help` shows special flags that they use, or that are named in `used`.

    Problems that the user can cure end it with one line and exit code 1; an
    interrupt says what was kept.
    """
    define_flags(set(used).union(*(e.flags for e in experiments)))
    corpora = list(dict.fromkeys(e.corpus for e in experiments))
    if choose_corpus:
        define_corpus([_ALL, *corpora] if several else corpora)

    def run_chosen(arguments):
        if len(arguments) > 1:
            what = f"unexpected argument {arguments[1]!r}"
            raise ConfigurationError(f"{what}; see --help")
        options = options_of_flags()
        chosen = choose(options) if choose else experiments
        if choose_corpus and FLAGS.corpus != _ALL:
            chosen = [e for e in chosen if e.corpus == FLAGS.corpus]
        elif choose_corpus and options.manual_dir:
            raise ConfigurationError(
                "--manual_dir is the folder of one corpus: say which with "
                f"--corpus={'|'.join(corpora)}"
            )
        check_used(options, set().union(*(e.flags for e in chosen)))
        if options.submit:
            return submit(options, sys.argv)
        shared = len(chosen if choose_corpus else experiments) > 1
        for experiment in chosen:
            own = options
            if options.results_dir and shared:
                # Several tables do not share a results folder.
                folder = Path(options.results_dir, experiment.table.name)
                own = dataclasses.replace(options, results_dir=str(folder))
            reproduce(experiment, own, sys.argv)

    def run(arguments):
        # TensorFlow and TFDS report through absl what only they care about.
        logging.set_verbosity(logging.ERROR)
        try:
            sys.exit(exit_code(lambda: run_chosen(arguments), "error"))
        except KeyboardInterrupt:
            text = "interrupted: finished folds are kept, the same command goes"
            print(f"{text} on from there", file=sys.stderr)
            sys.exit(130)

    app.run(run, flags_parser=parse_flags)


def main_own(*, used: Collection[str] = (), **given) -> None:
    """Runs a script on recordings of one's own, or on an open corpus.

    `given` are arguments of `own_experiment`, the settings under `own`; without
    any, the flags of `OwnOptions` say all. For `used` see `main`.
    """
    settings = given.pop("own", None)
    if settings is None:
        define_own_flags()

    def chosen(options):
        with quiet_start():  # it imports TensorFlow
            from keras_pain.reproduction.own import own_experiment

        own = own_flags() if settings is None else OwnOptions(**settings)
        arguments = dict(given)
        if options.methods:
            arguments["methods"] = options.methods
        return [own_experiment(options.manual_dir, own, **arguments)]

    main(choose=chosen, used=used)


def reproduce(
    experiment: Experiment, options: Options, command: Sequence[str] = ()
) -> list[Path]:
    """See `keras_pain.reproduction.run.reproduce`, which imports TensorFlow."""
    start_tensorflow()
    from keras_pain.reproduction import run

    return run.reproduce(experiment, options, command)
