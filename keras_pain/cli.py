"""The `keras-pain` command.

A subcommand is one entry of `COMMANDS`: how it adds its flags and what it
runs. Whatever it needs is imported when it runs, so that `--help` is instant.
"""

import argparse
import dataclasses
import importlib
import inspect
import json
import pathlib
import sys
from collections.abc import Callable, Sequence

from keras_pain import __version__
from keras_pain.augment.gsff import command as gsff
from keras_pain.corpora.registry import CORPORA, get_corpus
from keras_pain.errors import ConfigurationError, KerasPainError
from keras_pain.experiments import quiet

_Arguments = Callable[[argparse.ArgumentParser], None]
_Run = Callable[[argparse.Namespace], int]


@dataclasses.dataclass(frozen=True)
class Command:
    """A subcommand.

    Args:
        name: What the user types.
        help: One line for `--help`.
        add_arguments: Adds its flags to a parser, spelled with underscores.
        run: Does the work and returns the exit code.
    """

    name: str
    help: str
    add_arguments: _Arguments
    run: _Run


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        argv: Arguments without the program's name; None takes the process'.

    Returns:
        Exit code: 0, or 1 where the user has something to cure (argparse
        itself exits with 2 at unknown flags).
    """
    argv = sys.argv[1:] if argv is None else argv
    args = build_parser().parse_args([_with_underscores(a) for a in argv])
    try:
        return args.run(args)
    except KerasPainError as error:
        print(f"keras-pain: {_one_line(error)}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of our output, e.g. `head`, left
        sys.stderr.close()
        return 1


def build_parser() -> argparse.ArgumentParser:
    """The parser of all subcommands."""
    parser = argparse.ArgumentParser(
        prog="keras-pain",
        description="Reproductions of published pain recognition systems.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action="version", version=f"keras-pain {__version__}"
    )
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        subparser = subparsers.add_parser(
            command.name,
            help=command.help,
            description=command.help,
            allow_abbrev=False,
        )
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    return parser


def _with_underscores(argument: str) -> str:
    """`--manual-dir=x-y` -> `--manual_dir=x-y`; both spellings are taken."""
    if not argument.startswith("--"):
        return argument
    name, equals, value = argument[2:].partition("=")
    return f"--{name.replace('-', '_')}{equals}{value}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _simulate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("corpus", choices=sorted(CORPORA))
    parser.add_argument(
        "--out", required=True, help="folder in which <layout>/ is made"
    )
    parser.add_argument(
        "--scale",
        choices=("small", "full"),
        default="small",
        help="how much of the corpus; full is as much as there is [small]",
    )
    parser.add_argument(
        "--layout", default="all", help="a layout of the corpus, or all [all]"
    )
    parser.add_argument("--seed", type=int, default=0, help="[0]")
    parser.add_argument(
        "--subjects", type=int, help="number of people, else that of the scale"
    )
    parser.add_argument(
        "--with_test",
        action="store_const",
        const=True,
        help="emopain: also write the test split, which the owners withhold",
    )
    parser.add_argument(
        "--frames", type=int, help="videos: frames of each, else their usual"
    )
    parser.add_argument(
        "--landmarks",
        action="store_const",
        const=True,
        help="pemf: also write the 68 landmarks of every clip as CSV",
    )
    parser.add_argument(
        "--size",
        type=_size,
        metavar="WIDTHxHEIGHT",
        help="videos: of a frame, in pixels, else that of the scale",
    )
    parser.add_argument(
        "--jobs", type=int, help="videos: processes, else one for each core"
    )


def _size(text: str) -> tuple[int, int]:
    """`320x240`, as users write it, to height and width."""
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not like 320x240")
    return int(height), int(width)


def _simulate(args: argparse.Namespace) -> int:
    corpus = get_corpus(args.corpus)
    if not hasattr(corpus, "simulate"):
        raise ConfigurationError(
            f"{args.corpus} has no simulator; its recordings are public"
        )
    if args.layout not in ("all", *corpus.LAYOUTS):
        raise ConfigurationError(
            f"--layout={args.layout}: {args.corpus} has the layouts "
            f"{', '.join(corpus.LAYOUTS)}, or all"
        )
    names = ("with_test", "frames", "landmarks", "size", "jobs")
    given = {name: getattr(args, name) for name in names}
    options = {k: v for k, v in given.items() if v is not None}
    simulator = importlib.import_module(f"{corpus.__name__}.simulator")
    taken = inspect.signature(simulator.simulate).parameters
    for name in options.keys() - taken.keys():
        raise ConfigurationError(f"--{name} does not apply to {args.corpus}")
    paths = corpus.simulate(
        args.out,
        layout=args.layout,
        scale=args.scale,
        seed=args.seed,
        subjects=args.subjects,
        progress=True,
        **options,
    )
    size = sum(pathlib.Path(path).stat().st_size for path in paths) / 1e6
    print(f"{len(paths)} SIMULATED files, {size:,.1f} MB, in {args.out}")
    if "size" in taken:  # it draws pictures
        from keras_pain.corpora.faces.sheet import write_corpus_sheet

        print(write_corpus_sheet(args.corpus, args.out))
    return 0


def _check_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("corpus", choices=sorted(CORPORA))
    parser.add_argument(
        "--manual_dir", required=True, help="folder of the raw files"
    )
    parser.add_argument(
        "--layout", help="layout to read; left out, each one that is there"
    )
    parser.add_argument(
        "--on_bad_file",
        choices=("fail", "skip"),
        default="skip",
        help="stop at the first refused file, or list it and go on [skip]",
    )
    parser.add_argument(
        "--write_manifest",
        action="store_true",
        help="store path, size and sha256 of every file beside the files",
    )
    parser.add_argument(
        "--json", metavar="FILE", help="write a report; - writes it to stdout"
    )
    parser.add_argument(
        "--challenge_columns",
        metavar="NAME=COLUMN,...",
        help="emopain: 0-based label columns of the challenge2020 layout, "
        "e.g. exercise=30,pain=none,protective=31",
    )


def _check(args: argparse.Namespace) -> int:
    from keras_pain.corpora import check

    corpus = get_corpus(args.corpus)
    options = {}
    if args.challenge_columns is not None:
        if not hasattr(corpus, "parse_challenge_columns"):
            raise ConfigurationError(
                f"--challenge_columns does not apply to {args.corpus}"
            )
        options["challenge_columns"] = corpus.parse_challenge_columns(
            args.challenge_columns
        )
    checks = []
    for layout in check.layouts_to_check(corpus, args.manual_dir, args.layout):
        result = check.check_layout(
            corpus,
            args.manual_dir,
            layout,
            on_bad_file=args.on_bad_file,
            write_manifest=args.write_manifest,
            **options,
        )
        checks.append(result)
        if args.json != "-":
            check.print_check(result)
    if args.json is not None:
        _write_json(args.json, [result.to_dict() for result in checks])
    for result in checks:
        if result.error is not None:
            line = " ".join(result.error.split())
            print(f"keras-pain: {line}", file=sys.stderr)
    return int(any(result.failed for result in checks))


def _write_json(path: str, report: list) -> None:
    text = json.dumps(report, indent=2) + "\n"
    if path == "-":
        sys.stdout.write(text)
        return
    try:
        pathlib.Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise KerasPainError(
            f"{path}: the report cannot be written ({error.strerror}); give "
            "another path with --json"
        ) from error


def _models_arguments(parser: argparse.ArgumentParser) -> None:
    del parser  # no flags


def _models(args: argparse.Namespace) -> int:
    del args
    from keras_pain.models.summary import print_registry

    print_registry()
    return 0


def _convert_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", choices=("lsfan",), help="whose checkpoint")
    parser.add_argument("source", help="the released .pth file")
    parser.add_argument("target", help="the .keras file to write")


def _convert(args: argparse.Namespace) -> int:
    quiet.start_tensorflow()
    from keras_pain.models import lsfan_checkpoint as checkpoint

    checkpoint.check_target(args.target)
    conversion = checkpoint.convert_lsfan(args.source)
    checkpoint.save_conversion(conversion, args.target)
    print(f"{args.target}: {conversion.summary()}")
    return 0


def _explain_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "results_dir", help="results folder of a reproduce script"
    )
    parser.add_argument(
        "--method",
        metavar="NAME,...",
        help="networks; left out, all that have a finished fold",
    )
    parser.add_argument(
        "--fold",
        help="its name; left out, the first with test windows of every class",
    )
    parser.add_argument(
        "--protocol", default="leak_free", help="of the fold [leak_free]"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the fold [0]")
    parser.add_argument(
        "--out", help="folder to write to [RESULTS_DIR/explanations]"
    )
    parser.add_argument(
        "--check_epochs",
        type=int,
        metavar="N",
        help="epochs of the two trainings that the label check needs [those "
        "of the fold, 5 at most]",
    )
    parser.add_argument(
        "--no_checks", action="store_true", help="draw the maps only"
    )
    parser.add_argument(
        "--axis_labels",
        choices=("real", "as_released"),
        default="real",
        help="as_released: channels are labelled as in the released L-SFAN "
        "figure, in the wrong order (defect misordered_axis_labels) [real]",
    )


def _explain(args: argparse.Namespace) -> int:
    from keras_pain.reproduction.explain import ExplainOptions, explain

    explained = explain(
        args.results_dir,
        ExplainOptions(
            methods=args.method.split(",") if args.method else None,
            protocol=args.protocol,
            fold=args.fold,
            seed=args.seed,
            out=args.out,
            checks=not args.no_checks,
            check_epochs=args.check_epochs,
            axis_labels=args.axis_labels,
        ),
    )
    for one in explained:
        for path in one.paths:
            print(path)
    for one in explained:
        if one.reading:
            print(
                f"{one.key.method}, fold {one.key.fold}, Spearman/SSIM to the "
                f"trained network's map: {one.reading}"
            )
    return 0


COMMANDS = (
    Command(
        "simulate",
        "Write raw files of simulated people in a corpus' own layout.",
        _simulate_arguments,
        _simulate,
    ),
    Command(
        "check",
        "List the raw files of a corpus, and what is wrong with which.",
        _check_arguments,
        _check,
    ),
    Command(
        "models",
        "List the models: paper, task, input, parameters, FLOPs.",
        _models_arguments,
        _models,
    ),
    Command(
        "convert",
        "Turn a checkpoint that authors released into a Keras model.",
        _convert_arguments,
        _convert,
    ),
    Command(
        "explain",
        "Draw where the networks of a results folder look, and check it.",
        _explain_arguments,
        _explain,
    ),
    Command(*gsff.SUBCOMMAND, lambda a: gsff.run(a, quiet.start_tensorflow)),
)


if __name__ == "__main__":
    sys.exit(main())
