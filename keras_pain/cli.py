"""The `keras-pain` command: its subcommands, their flags, what they run.

Whatever a subcommand needs is imported when it runs, so that `--help` is
instant.
"""

import argparse
import functools
import inspect
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Sequence

from keras_pain import __version__
from keras_pain.augment import command as gsff
from keras_pain.corpora.base import CORPORA, get_corpus
from keras_pain.errors import ConfigurationError, exit_code, expanded
from keras_pain.experiments.provenance import start_tensorflow

# Those of `keras_pain.reports.feasible`, which needs NumPy.
_SCALAR = ("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "mcc")
_BY_CLASS = ("f1", "precision", "recall")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line, `argv` without the program's name.

    Returns the exit code: 0, or 1 where the user has something to cure
    (argparse itself exits with 2 at unknown flags).
    """
    # TensorFlow's start-up notes are not the user's.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    argv = sys.argv[1:] if argv is None else argv
    parser = build_parser()
    args = parser.parse_args([_with_underscores(a) for a in argv])
    for name, value in vars(args).items():
        if isinstance(value, str):
            setattr(args, name, expanded(value))

    def run():
        heavy = (_audit, _all, _report, _rerun, _leakage, _share, _verify)
        if args.run in (*heavy, _convert, _explain):
            start_tensorflow()
        return args.run(args)

    return exit_code(run, parser.prog)


def _with_underscores(argument):
    """`--manual-dir=x-y` -> `--manual_dir=x-y`; both spellings are taken."""
    if not argument.startswith("--"):
        return argument
    name, equals, value = argument[2:].partition("=")
    return f"--{name.replace('-', '_')}{equals}{value}"


def build_parser() -> argparse.ArgumentParser:
    """The parser of all subcommands; flags are spelled with underscores."""
    parser = argparse.ArgumentParser(
        prog="keras-pain",
        description="Reproductions of published pain recognition systems.",
        allow_abbrev=False,
    )
    version = f"keras-pain {__version__}"
    parser.add_argument("--version", action="version", version=version)
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name, run, text):
        """Adds a subcommand; returns its parser."""
        more = {"description": text, "allow_abbrev": False}
        added = subparsers.add_parser(name, help=text, **more)
        added.set_defaults(run=run)
        return added

    text = "Write raw files of simulated people in a corpus' own layout."
    add = command("simulate", _simulate, text).add_argument
    corpus = {"metavar": "CORPUS", "help": ", ".join(CORPORA)}
    add("corpus", **corpus)
    add("--out", required=True, help="folder in which <layout>/ is made")
    text = "how much of the corpus; full is as much as there is [small]"
    add("--scale", choices=("small", "full"), default="small", help=text)
    add("--layout", default="all", help="a layout of the corpus, or all [all]")
    add("--seed", type=int, default=0, help="[0]")
    add("--subjects", type=int, help="number of people, else that of the scale")
    switch = {"action": "store_const", "const": True}  # else None: not given
    text = "emopain: also write the test split, which the owners withhold"
    add("--with_test", **switch, help=text)
    add("--frames", type=int, help="videos: frames of each, else their usual")
    text = "pemf: also write the 68 landmarks of every clip as CSV"
    add("--landmarks", **switch, help=text)
    text = "videos: of a frame, in pixels, else that of the scale"
    add("--size", type=_size, metavar="WIDTHxHEIGHT", help=text)
    add("--jobs", type=int, help="videos: processes, else one for each core")

    text = "List the raw files of a corpus, and what is wrong with which."
    add = command("check", _check, text).add_argument
    add("corpus", **corpus)
    add("--manual_dir", required=True, help="folder of the raw files")
    add("--layout", help="layout to read; left out, each one that is there")
    text = "stop at the first refused file, or list it and go on [skip]"
    add("--on_bad_file", choices=("fail", "skip"), default="skip", help=text)
    text = "store path, size and sha256 of every file beside the files"
    add("--write_manifest", action="store_true", help=text)
    add("--json", metavar="FILE", help="write a report; - writes it to stdout")
    text = "emopain: 0-based label columns of the challenge2020 layout, e.g. "
    text += "exercise=30,pain=none,protective=31"
    add("--challenge_columns", metavar="NAME=COLUMN,...", help=text)

    text = "Write an example of a folder of your own recordings, explained."
    add = command("template", _template, text).add_argument
    add("kind", choices=("signals", "landmarks", "faces"), help="of recordings")
    add("folder", help="a new folder")

    text = "Run or resume all scripts of reproduce/, and write a page on them."
    add = command("all", _all, text).add_argument
    text = "a few people and one epoch, to see that it works"
    add("--smoke", action="store_true", help=text)
    names = {
        "metavar": "NAME,...",
        "type": lambda t: t.split(",") if t else None,
    }
    add("--only", **names, help="these, by script [all]")
    add("--out", default="results", help="folder of results [results]")
    text = "folder that holds emopain/, ui_prmd/ and others, as far as you "
    text += "have them [that of KERAS_PAIN_DATA]; without one a corpus is "
    text += "simulated"
    add("--manual_dir", help=text)
    text = "further flags of the scripts, behind --, e.g. -- --jobs=2"
    add("flags", nargs="*", help=text)

    text = "Write one HTML page on results: tables, figures, how they came."
    add = command("report", _report, text).add_argument
    add("results", nargs="+", help="results folders, or folders of some")
    add("--out", default="results/report/index.html", help="[%(default)s]")

    text = "List the folds of a reproduce script that are not run yet."
    add = command("tasks", _tasks, text).add_argument
    add("script", help="e.g. reproduce/table1_protective.py")
    add("flags", nargs=argparse.REMAINDER, help="flags of the script")

    text = "Recompute what the papers claim, row by row; builds networks."
    add = command("audit", _audit, text).add_argument
    text = "folder for audit.md, .tex, .csv and .json [print the table only]"
    add("--out", help=text)

    text = "Look whether a confusion matrix fits the metrics a paper prints."
    add = command("audit-metrics", _audit_metrics, text).add_argument
    text = "samples of each class, two or three, e.g. 2651,182"
    add("--counts", required=True, type=_numbers, help=text)
    for name in _SCALAR:
        add(f"--{name}", help="as printed, e.g. 0.851 or 85.1%%")
    for name in _BY_CLASS:
        text = "of each class as printed, e.g. 0.91,0.26; - for none"
        add(f"--{name}", type=lambda t: t.split(","), help=text)
    text = "the numbers are means over so many folds [1]"
    add("--folds", type=int, default=1, help=text)

    text = "Answer the questions of a leakage taxonomy from a results folder."
    add = command("leakage", _leakage, text).add_argument
    add("results_dir", help="results folder of a reproduce script")
    text = "folder for leakage.md, .tex, .csv, .json [RESULTS_DIR]"
    add("--out", help=text)

    text = "Copy a results folder for publishing, without ids and samples."
    add = command("share", _share, text).add_argument
    add("results_dir", help="results folder of a reproduce script")
    add("--out", required=True, help="a new folder outside of it")
    text = "keep the true label of every sample, without which there is no "
    text += "scoring again [leave them out]"
    add("--labels", action="store_true", help=text)

    text = "Run one finished fold again, and say whether it is the same."
    add = command("rerun", _rerun, text).add_argument
    add("fold", help="the fold's folder, e.g. results/table8_lsfan/folds/...")

    text = "Say by method whether this machine agrees with a suite's stored "
    text += "results: to the byte, in classes, or a tolerance; else exit "
    text += "code 1."
    add = command("verify", _verify, text).add_argument
    add("suite", help="a suite with a reference, e.g. ui_prmd_loso_v1")
    text = "folder of its corpus, to run it first [compare --results_dir only]"
    add("--manual_dir", help=text)
    add("--results_dir", help="of that run [results/verify_SUITE]")
    text = "further flags of its script, behind --, e.g. -- --jobs=2"
    add("flags", nargs="*", help=text)

    text = "List the models: paper, task, input, parameters, FLOPs."
    command("models", _models, text)

    text = "Turn a checkpoint that authors released into a Keras model."
    add = command("convert", _convert, text).add_argument
    add("model", choices=("lsfan",), help="whose checkpoint")
    add("source", help="the released .pth file")
    add("target", help="the .keras file to write")

    text = "Draw where the networks of a results folder look, and check it."
    add = command("explain", _explain, text).add_argument
    add("results_dir", help="results folder of a reproduce script")
    text = "networks; left out, all that have a finished fold"
    add("--method", dest="methods", **names, help=text)
    text = "its name; left out, the first that was tested on most classes"
    add("--fold", help=text)
    add("--protocol", default="leak_free", help="of the fold [leak_free]")
    add("--seed", type=int, default=0, help="of the fold [0]")
    add("--out", help="folder to write to [RESULTS_DIR/explanations]")
    text = "epochs of the two trainings that the label check needs [those of "
    text += "the fold, 5 at most]"
    add("--check_epochs", type=int, metavar="N", help=text)
    switch = {"dest": "checks", "action": "store_false"}
    add("--no_checks", **switch, help="draw the maps only")
    text = "as_released: channels are labelled as in the released L-SFAN "
    text += "figure, in the wrong order (defect misordered_axis_labels) [real]"
    ways = ("real", "as_released")
    add("--axis_labels", choices=ways, default="real", help=text)

    text = "Predict a new recording with trained networks."
    predict = command("predict", _predict, text)
    add = predict.add_argument
    _add_networks(predict)
    add("recording", help="file, or folder of pictures")
    add("--out", required=True, help="folder to write to")
    text = "frames or samples a second, where the file does not say"
    add("--rate", type=float, help=text)
    text = "of a video: where 68 landmarks come from, tflite:FILE or dlib:FILE"
    add("--landmarks", help=text)
    text = "cut a video into clips of so many seconds [one clip]"
    add("--clip_seconds", type=float, help=text)
    text = "also write a video with face, score and curve"
    add("--annotate", action="store_true", help=text)

    text = "Save trained networks as a preset, or for other programs."
    export = command("export", _export, text)
    _add_networks(export)
    export.add_argument("out", help="a new folder")
    text = "[preset, with a model card; keras_pain.load reads it]"
    forms = ("preset", "onnx", "saved_model")
    export.add_argument("--format", choices=forms, default="preset", help=text)

    name, text, add_arguments = gsff.SUBCOMMAND
    run = functools.partial(gsff.run, start_tensorflow=start_tensorflow)
    add_arguments(command(name, run, text))
    return parser


def _add_networks(parser):
    """Arguments that say which networks."""
    add = parser.add_argument
    text = "folder of results, of one fold or of a preset, or a preset's name"
    add("networks", help=text)
    add("--method", help="of a results folder [the one of the best score]")
    add("--protocol", help="of its folds [leak_free]")
    add("--evaluation", help="of its folds [that of most folds]")
    add("--seed", type=int, help="of its folds [all]")
    add("--fold", help="a single one [all]")
    text = "file of the pretrained weights of a frozen backbone"
    add("--backbone_weights", help=text)


def _loaded(args):
    """The predictor that the arguments of `_add_networks` name."""
    import keras_pain

    names = "method protocol evaluation seed fold backbone_weights".split()
    given = {name: getattr(args, name) for name in names}
    return keras_pain.load(args.networks, **given)


def _size(text):
    """`320x240`, as users write it, to height and width."""
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not like 320x240")
    return int(height), int(width)


def _simulate(args):
    from keras_pain.simulate import simulate, simulator_of

    corpus = get_corpus(args.corpus)
    simulator = simulator_of(args.corpus)
    if args.layout not in ("all", *corpus.LAYOUTS):
        raise ConfigurationError(
            f"--layout={args.layout}: {args.corpus} has the layouts "
            f"{', '.join(corpus.LAYOUTS)}, or all"
        )
    given = {k: v for k, v in vars(args).items() if v is not None}
    del given["run"]
    paths = simulate(given.pop("corpus"), **given, progress=True)
    size = sum(pathlib.Path(path).stat().st_size for path in paths) / 1e6
    print(f"{len(paths)} SIMULATED files, {size:,.1f} MB, in {args.out}")
    if "size" in inspect.signature(simulator.simulate).parameters:
        from keras_pain.simulate.contact_sheet import write_corpus_sheet

        print(write_corpus_sheet(args.corpus, args.out))


def _check(args) -> int:
    from keras_pain.corpora import check
    from keras_pain.io import unwritable

    corpus = get_corpus(args.corpus)
    names = ("on_bad_file", "write_manifest")
    options = {name: getattr(args, name) for name in names}
    if args.challenge_columns is not None:
        if not hasattr(corpus, "parse_challenge_columns"):
            said = f"--challenge_columns does not apply to {args.corpus}"
            raise ConfigurationError(said)
        columns = corpus.parse_challenge_columns(args.challenge_columns)
        options["challenge_columns"] = columns
    checks = []
    for layout in check.layouts_to_check(corpus, args.manual_dir, args.layout):
        place = corpus, args.manual_dir, layout
        result = check.check_layout(*place, **options)
        checks.append(result)
        if args.json != "-":
            check.print_check(result)
    text = json.dumps([result.to_dict() for result in checks], indent=2) + "\n"
    if args.json == "-":
        sys.stdout.write(text)
    elif args.json is not None:
        try:
            pathlib.Path(args.json).write_text(text, encoding="utf-8")
        except OSError as error:
            cure = "give another path with --json"
            raise unwritable(args.json, error, cure) from error
    if hasattr(corpus, "tables") and args.json != "-":
        _say_what_fits(args.corpus, args.manual_dir)
    for result in checks:
        if result.error is not None:
            problem = " ".join(str(result.error).split())
            print(f"keras-pain: {problem}", file=sys.stderr)
    return int(any(result.failed for result in checks))


def _say_what_fits(corpus, manual_dir):
    """Which methods can see the recordings, for each of their labels."""
    start_tensorflow()
    from keras_pain.reproduction import own

    for label, found in own.fitting_methods(corpus, manual_dir).items():
        fits = [name for name, why in found.items() if not why]
        print(f"--label {label}: {', '.join(fits) or 'nothing fits'}")
        reasons = {}
        for name, why in found.items():
            reasons.setdefault(why, []).append(name)
        for why, names in reasons.items():
            if why:
                print(f"  not {', '.join(names)}: {why}")


def _template(args):
    from keras_pain.simulate.template import write_template

    paths = write_template(args.kind, args.folder)
    print(f"{len(paths)} SIMULATED recordings in {args.folder}; its README.md")
    print("explains every file. Next:")
    print(f"  keras-pain check folder --manual_dir {args.folder}")
    flags = f"--manual_dir {args.folder} --label pain"
    print(f"  python reproduce/own_data.py {flags}")


def _numbers(text):
    """`2651,182`, as users write it."""
    numbers = text.split(",")
    if not all(number.strip().isdecimal() for number in numbers):
        raise argparse.ArgumentTypeError(f"{text!r} is not like 2651,182")
    return [int(number) for number in numbers]


def _audit(args):
    from keras_pain.reports import audit

    rows = audit.run()
    sheet = audit.sheet(rows)
    print(sheet.markdown())
    if args.out:
        paths = sheet.write(args.out, "audit", [*rows[0]], rows, False)
        print(*paths, sep="\n")


def _audit_metrics(args):
    from keras_pain.reports import feasible

    given = {name: getattr(args, name) for name in _SCALAR}
    printed = {name: [text] for name, text in given.items() if text}
    given = {name: getattr(args, name) for name in _BY_CLASS}
    printed |= {name: texts for name, texts in given.items() if texts}
    print(feasible.report(args.counts, printed, args.folds))


def _all(args) -> int:
    from keras_pain.reproduction.everything import run_all

    options = vars(args)
    del options["run"]
    return run_all(options.pop("only"), **options)


def _report(args):
    from keras_pain.reports import page

    path = page.write(args.results, args.out)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


def _tasks(args) -> int:
    if not (args.script.endswith(".py") and os.path.isfile(args.script)):
        raise ConfigurationError(
            f"{args.script}: is no script; give one of reproduce/, e.g. "
            "reproduce/table1_protective.py"
        )
    command = [sys.executable, args.script, *args.flags, "--share=list"]
    return subprocess.call(command)


def _rerun(args):
    from keras_pain.reproduction.rerun import rerun

    found = rerun(args.fold)
    print(*found.reasons, sep="\n", end="\n" * bool(found.reasons))
    print(f"{args.fold}: {found.verdict}")


def _leakage(args):
    from keras_pain.reports import leakage

    path, *paths = leakage.write_sheet(args.results_dir, args.out)
    print(path.read_text(encoding="utf-8"))
    print(path, *paths, sep="\n")


def _share(args):
    from keras_pain.reproduction.share import share

    path = share(args.results_dir, args.out, labels=args.labels)
    print(path.read_text(encoding="utf-8"))


def _verify(args):
    from keras_pain.reproduction import suites

    given = {"manual_dir": args.manual_dir, "results_dir": args.results_dir}
    print(*suites.verify(args.suite, **given, flags=args.flags), sep="\n")


def _models(args):
    from keras_pain.models.summary import print_registry

    print_registry()


def _convert(args):
    from keras_pain.models import checkpoints

    checkpoints.check_target(args.target)
    model, summary = checkpoints.convert_lsfan(args.source)
    checkpoints.save_new(model, args.target)
    print(f"{args.target}: {summary} keras_pain.load_model reads it.")


def _explain(args):
    from keras_pain.reproduction.explain import ExplainOptions, explain

    options = vars(args)
    del options["run"]
    explained = explain(options.pop("results_dir"), ExplainOptions(**options))
    for one in explained:
        print(*one.paths, sep="\n")
    for one in explained:
        for note in one.notes:
            print(f"{one.key.method}, fold {one.key.fold}, {note}")


def _predict(args):
    predictor = _loaded(args)
    from keras_pain.reproduction.presets import NOT_MEDICAL

    names = ("rate", "landmarks", "clip_seconds", "annotate")
    given = {name: getattr(args, name) for name in names}
    table, paths = predictor.write(args.recording, args.out, **given)
    print(table.round(3).to_string(index=False, max_rows=12))
    for note in (NOT_MEDICAL, *table.attrs["notes"]):
        print(f"note: {note}")
    latency = table.attrs["latency"]
    print(
        f"{latency['ms_a_sample']:.2f} ms a sample, "
        f"{latency['ms_a_frame']:.3f} ms a frame: one network of "
        f"{len(predictor.members)}, reading the file not counted"
    )
    print(*paths, sep="\n")


def _export(args):
    predictor = _loaded(args)
    from keras_pain.reproduction import presets

    if args.format == "preset":
        print(predictor.save_to_preset(args.out))
        return
    for path, difference in presets.export(predictor, args.format, args.out):
        print(f"{path}: differs from Keras by {difference:.1e} at most")


if __name__ == "__main__":
    sys.exit(main())
