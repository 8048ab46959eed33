"""The flags of the reproduce scripts, each declared once.

Nothing here takes long to import, so that `--help` is quick.
"""

import dataclasses
import sys
from collections.abc import Collection, Sequence

from absl import flags

from keras_pain.errors import ConfigurationError, expanded
from keras_pain.experiments.methods import BALANCES


def _flag(text, default=None, define=flags.DEFINE_string, **arguments):
    """A field of `Options` that is defined as a flag of absl."""
    arguments["help"] = text
    return dataclasses.field(
        default=default, metadata={"define": define, "arguments": arguments}
    )


def _number(text, lower_bound=1, default=None):
    return _flag(text, default, flags.DEFINE_integer, lower_bound=lower_bound)


def _switch(text):
    return _flag(text, False, flags.DEFINE_bool)


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags' values; tests and notebooks give them as arguments."""

    manual_dir: str | None = _flag(
        "Folder of the raw corpus. Without it a small corpus is simulated, "
        "and everything that is written says SIMULATED."
    )
    data_dir: str | None = _flag(
        "Where the TFRecords are, or go. Default: data/tfds/<fingerprint of "
        "the raw files>."
    )
    results_dir: str | None = _flag(
        "Where folds and tables go. Default: results/<script>."
    )
    layout: str | None = _flag(
        "Layout of the raw corpus, where --manual_dir holds several. Default: "
        "the one that fits the paper best."
    )
    protocol: str = _flag(
        "as_published does as the released code does, known defects included; "
        "leak_free has none of them; both runs all protocols of the script.",
        "both",
        flags.DEFINE_enum,
        enum_values=["as_published", "leak_free", "both"],
    )
    methods: Sequence[str] | None = _flag(
        "Methods to run instead of the table's; names of the suite, or "
        "package.module:object for your own. Trivial baselines always run.",
        define=flags.DEFINE_list,
    )
    seeds: Sequence[int] | None = _flag(
        "Random seeds of training, e.g. 0,1,2; folds are the same for all. "
        "Default: those of the script.",
        define=flags.DEFINE_list,
    )
    folds: str = _flag(
        "Folds to run in this call: all, or a:b as in Python.", "all"
    )
    epochs: int | None = _number(
        "Epochs of every training stage. Default: those of the recipes; fewer "
        "on the small simulated corpus, so that it ends in minutes."
    )
    jobs: int = _number(
        "Folds trained at once, in processes of their own. More than 1 makes "
        "training times incomparable.",
        default=1,
    )
    dask: str | None = _flag(
        "Address of a Dask scheduler, tcp://HOST:8786. Its workers, of one "
        "thread each (dask worker --nthreads 1), train the folds instead of "
        "--jobs processes; all see --results_dir."
    )
    submit: Sequence[str] | None = _flag(
        "Hands --jobs shares of the folds to a scheduler of jobs, and the "
        "table after them: slurm, or slurm with parameters of submitit, e.g. "
        "slurm,slurm_partition=cpu,mem_gb=16,timeout_min=600.",
        define=flags.DEFINE_list,
    )
    suite: str | None = _flag(
        "A frozen protocol of suites/, e.g. ui_prmd_loso_v1: its seeds and "
        "protocol are the defaults, and the table says whether it may be cited "
        "as that, or what deviates."
    )
    subjects_file: str | None = _flag(
        "Somebody else's folds, instead of ours: a subjects_*.json of the "
        "suite, or a table (CSV, TSV) with the columns fold, participant_id "
        "and part (train, validation, test; without trained people, all "
        "others are)."
    )
    share: str | None = _flag(
        "One of several shares of the folds, e.g. 3/8: the third of eight "
        "processes or machines that have one --results_dir. Writes no table; "
        "the same command with --collect does. list names the open folds."
    )
    collect: bool = _switch(
        "Trains nothing: writes the table of the folds that are finished."
    )
    deterministic: bool = _switch(
        "Operations that give the same bytes in every run on the same machine; "
        "slower, without XLA, and part of a fold's configuration."
    )
    smoke: bool = _switch(
        "A run of a few people and one epoch, to see that it works."
    )
    keep_paths: bool = _switch(
        "run.json keeps absolute paths, so that other users can explain and "
        "rerun folds. Default: paths outside of the folder are hidden."
    )
    on_bad_file: str | None = _flag(
        "What to do with a raw file that cannot be used. Default: fail; skip "
        "on ui_prmd, whose release has such a file, and on faces, which a "
        "clip may not show.",
        define=flags.DEFINE_enum,
        enum_values=["fail", "skip"],
    )
    # From here on, flags that not every table has a use for.
    challenge_columns: str | None = _flag(
        "Label columns of challenge2020 files (0-based), e.g. "
        "exercise=30,pain=none,protective=31. Default: 30, 31 and 32, "
        "inferred."
    )
    batch_size: int | None = _number(
        "Faces only: samples an update, instead of the recipe's."
    )
    micro_batch: int | None = _number(
        "Faces only: samples in memory at once; gradients are averaged over "
        "--batch_size."
    )
    num_frames: int | None = _number("Faces only: frames of a clip.")
    size: int | None = _number("Faces only: pixels a side.", 16)
    balance: str = _flag(
        "Faces with intensities only: what training does about faces without "
        "pain, which are most. sampling draws as many with as without, weights "
        "lets their errors weigh the same.",
        "none",
        flags.DEFINE_enum,
        enum_values=BALANCES,
    )
    mixed_precision: bool = _switch(
        "Faces only: compute in half precision, for GPUs."
    )
    backbone: str | None = _flag(
        "PEMF only: ConvNeXtTiny, Small, Base, Large or XLarge. Default: "
        "XLarge; Tiny on the simulated corpus."
    )
    backbone_weights: str | None = _flag(
        "PEMF, and single frames of UNBC: imagenet, none (random) or the path "
        "of a file. Default: imagenet; none on the simulated corpus."
    )
    landmarks: str | None = _flag(
        "PEMF only: where 68 landmarks come from, csv:FOLDER, tflite:FILE or "
        "dlib:FILE. Default: the folder Landmarks of the corpus."
    )
    shuffle_labels: bool = _switch(
        "PEMF only: deal the labels to clips at random, so that every score "
        "has to fall to chance; takes a --results_dir of its own."
    )
    exclude_low_expressive: bool = _switch(
        "BioVid only: leave out the 20 people that papers often leave out "
        "because their faces hardly move."
    )
    augment: str = _flag(
        "Single frames only: generated pictures to train on as well, none, "
        "geometric (a substitute without a model), or the folder of a run of "
        "`keras-pain gsff`.",
        "none",
    )


@dataclasses.dataclass(frozen=True)
class OwnOptions:
    """Flags of scripts for users' own recordings, beside `Options`."""

    label: str | None = _flag(
        "Column of recordings.tsv, or of the files <file>_labels.tsv, that is "
        "predicted."
    )
    task: str | None = _flag(
        "What the label is. Default: class of words and of up to ten whole "
        "numbers, else intensity.",
        define=flags.DEFINE_enum,
        enum_values=["class", "ordinal", "intensity"],
    )
    evaluation: str = _flag(
        "loso (leave one person out), group_kfold:10 (folds of people), or "
        "holdout (30 % of people).",
        "loso",
    )
    test_dir: str | None = _flag(
        "Folder of another corpus that is tested on, while all of --manual_dir "
        "is trained on."
    )
    rate: float | None = _flag(
        "Signals: frames a second that they are brought to. Default: 60, or "
        "their own where it is lower.",
        define=flags.DEFINE_float,
        lower_bound=1.0,
    )
    window_seconds: float = _flag(
        "Signals: length of a window.", 3.0, flags.DEFINE_float, lower_bound=0.1
    )
    step_seconds: float | None = _flag(
        "Signals: from one window's start to the next. Default: a quarter of "
        "the window.",
        define=flags.DEFINE_float,
        lower_bound=0.01,
    )
    channels: Sequence[str] | None = _flag(
        "Signals: names of the channels to use. Default: all.",
        define=flags.DEFINE_list,
    )
    level: str | None = _flag(
        "Faces: clip (one sample a recording) or frame. Default: frame where "
        "all recordings are single pictures, or the label is of frames.",
        define=flags.DEFINE_enum,
        enum_values=["clip", "frame"],
    )
    reader: str | None = _flag(
        "Signals and landmarks: package.module:function of your own that reads "
        "a file."
    )
    memory_gb: float | None = _flag(
        "Most memory that training may hold. Default: 80 % of this machine's.",
        define=flags.DEFINE_float,
        lower_bound=0.1,
    )


_FIELDS = {field.name: field for field in dataclasses.fields(Options)}
_OWN = {field.name: field for field in dataclasses.fields(OwnOptions)}
_NAMES = list(_FIELDS)
SPECIAL = _NAMES[_NAMES.index("challenge_columns") :]


def define_flags(used: Collection[str]) -> None:
    """Defines all flags; a script's `--help` shows the special ones it uses."""
    for name, field in _FIELDS.items():
        arguments = field.metadata["arguments"]
        field.metadata["define"](name, default=field.default, **arguments)
        if name in used or name not in SPECIAL:
            _show_in_help(name)


def define_own_flags(*without: str) -> None:
    """Defines the flags of `OwnOptions`, but for those that a script sets."""
    for name, field in _OWN.items():
        if name not in without:
            arguments = field.metadata["arguments"]
            field.metadata["define"](name, default=field.default, **arguments)
            _show_in_help(name)


def own_flags(**given) -> OwnOptions:
    """Their values, once they are parsed; `given` are those a script sets."""
    defined = {n: flags.FLAGS[n].value for n in _OWN if n in flags.FLAGS}
    if place := defined.get("test_dir"):
        defined["test_dir"] = expanded(place)
    return OwnOptions(**(defined | given))


def define_corpus(corpora: Sequence[str]) -> None:
    """Defines `--corpus`, for scripts that know several."""
    flags.DEFINE_enum("corpus", corpora[0], list(corpora), "Corpus to run on.")
    _show_in_help("corpus")


def _show_in_help(name: str) -> None:
    """Makes the `--help` of this script show a flag, not only absl's own."""
    flags.FLAGS.register_key_flag_for_module(sys.argv[0], flags.FLAGS[name])


def parse_flags(arguments: list[str]) -> list[str]:
    """As absl does, but help is no failure, and an error takes one line."""
    try:
        return flags.FLAGS(arguments)
    except SystemExit:  # after help is printed; absl's exit code is 1
        sys.exit(0)
    except flags.Error as error:
        problem = " ".join(str(error).split())
        sys.exit(f"error: {problem}; see --help")


def options_of_flags() -> Options:
    """The flags' values, once they are parsed.

    Raises ConfigurationError where `--seeds`, `--folds` or `--methods` cannot
    be read.
    """
    values = {name: flags.FLAGS[name].value for name in _FIELDS}
    for name, value in values.items():
        if isinstance(value, str):
            values[name] = expanded(value)
    if values["seeds"] is not None:
        values["seeds"] = _parse_seeds(values["seeds"])
    parse_folds(values["folds"])
    parse_share(values["share"])
    if values["methods"] is not None and not all(values["methods"] or [""]):
        text = "--methods: names no method"
        raise ConfigurationError(f"{text}, or an empty one between two commas")
    return Options(**values)


def check_used(options: Options, used: Collection[str]) -> None:
    """Refuses flags that would change nothing.

    Raises ConfigurationError where a special one is set that is not `used`.
    """
    for name in SPECIAL:
        if name not in used and getattr(options, name) != _FIELDS[name].default:
            can = [f"--{name}" for name in SPECIAL if name in used]
            problem = f"--{name} changes nothing in this table"
            told = f"of the special flags it has {', '.join(can) or 'none'}"
            raise ConfigurationError(f"{problem}; {told}")


def _parse_seeds(texts: Sequence[str]) -> tuple[int, ...]:
    try:
        seeds = tuple(dict.fromkeys(int(text) for text in texts))
    except ValueError:
        problem = f"--seeds: {','.join(texts)!r} is not a list of whole numbers"
        raise ConfigurationError(f"{problem}, e.g. 0,1,2") from None
    if not seeds or min(seeds) < 0:
        raise ConfigurationError("--seeds: give at least one, none negative")
    return seeds


def parse_share(text: str | None) -> tuple[int, int] | None:
    """`"3/8"` as (3, 8), `"list"` as (0, 0); None of None.

    Raises ConfigurationError where there is no such share.
    """
    if text in (None, "list"):
        return text and (0, 0)
    number, _, count = text.partition("/")
    if number.isdecimal() and count.isdecimal():
        share = int(number), int(count)
        if 1 <= share[0] <= share[1]:
            return share
    problem = f"--share: {text!r} is none like 3/8, from 1/8 to 8/8"
    raise ConfigurationError(problem)


def parse_folds(text: str) -> slice | None:
    """`"all"` as None, `"3"` and `"a:b"` as a slice of fold numbers."""
    if text == "all":
        return None
    try:
        begin, colon, end = text.partition(":")
        if colon:
            return slice(int(begin or 0), int(end) if end else None)
        if begin.startswith("-"):
            raise ValueError
        return slice(int(begin), int(begin) + 1)
    except ValueError:
        problem = f"--folds: {text!r} is neither all, nor a number, nor a:b"
        raise ConfigurationError(problem) from None
