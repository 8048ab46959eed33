"""The flags that every reproduce script shares."""

import dataclasses
import sys
from collections.abc import Collection, Sequence

from absl import flags

from keras_pain.errors import ConfigurationError
from keras_pain.experiments.imbalance import BALANCES

flags.DEFINE_string(
    "manual_dir",
    None,
    "Folder of the raw corpus. Without it a small corpus is simulated, and "
    "everything that is written says SIMULATED.",
)
flags.DEFINE_string(
    "data_dir",
    None,
    "Where the TFRecords are, or go. Default: data/tfds/<fingerprint of the "
    "raw files>.",
)
flags.DEFINE_string(
    "results_dir", None, "Where folds and tables go. Default: results/<script>."
)
flags.DEFINE_string(
    "layout",
    None,
    "Layout of the raw corpus, where --manual_dir holds several. Default: the "
    "one that fits the paper best.",
)
flags.DEFINE_enum(
    "protocol",
    "both",
    ["as_published", "leak_free", "both"],
    "as_published does as the released code does, known defects included; "
    "leak_free has none of them; both runs all protocols of the script.",
)
flags.DEFINE_list(
    "methods",
    None,
    "Methods to run instead of the table's; names of the suite, or "
    "package.module:object for your own. Trivial baselines always run.",
)
flags.DEFINE_list(
    "seeds", None, "Random seeds, e.g. 0,1,2. Default: those of the script."
)
flags.DEFINE_string(
    "folds", "all", "Folds to run in this call: all, or a:b as in Python."
)
flags.DEFINE_integer(
    "epochs",
    None,
    "Epochs of every training stage. Default: those of the recipes; fewer on "
    "the small simulated corpus, so that it ends in minutes.",
    lower_bound=1,
)
flags.DEFINE_integer(
    "jobs",
    1,
    "Folds trained at once, in processes of their own. More than 1 makes "
    "training times incomparable.",
    lower_bound=1,
)
flags.DEFINE_bool(
    "smoke", False, "A run of a few people and one epoch, to see that it works."
)
flags.DEFINE_enum(
    "on_bad_file",
    None,
    ["fail", "skip"],
    "What to do with a raw file that cannot be used. Default: fail; skip on "
    "ui_prmd, whose release has such a file, and on faces, which a clip may "
    "not show.",
)

flags.DEFINE_string(
    "challenge_columns",
    None,
    "Label columns of challenge2020 files (0-based), e.g. "
    "exercise=30,pain=none,protective=31. Default: 30, 31 and 32, inferred.",
)
flags.DEFINE_integer(
    "batch_size",
    None,
    "Faces only: samples an update, instead of the recipe's.",
    lower_bound=1,
)
flags.DEFINE_integer(
    "micro_batch",
    None,
    "Faces only: samples in memory at once; gradients are averaged over "
    "--batch_size.",
    lower_bound=1,
)
flags.DEFINE_integer(
    "num_frames", None, "Faces only: frames of a clip.", lower_bound=1
)
flags.DEFINE_integer("size", None, "Faces only: pixels a side.", lower_bound=16)
flags.DEFINE_bool(
    "exclude_low_expressive",
    False,
    "BioVid only: leave out the 20 people that papers often leave out because "
    "their faces hardly move.",
)
flags.DEFINE_enum(
    "balance",
    "none",
    BALANCES,
    "Faces with intensities only: what training does about faces without "
    "pain, which are most. sampling draws as many with as without, weights "
    "lets their errors weigh the same.",
)
flags.DEFINE_string(
    "backbone",
    None,
    "PEMF only: ConvNeXtTiny, Small, Base, Large or XLarge. Default: XLarge; "
    "Tiny on the simulated corpus.",
)
flags.DEFINE_string(
    "backbone_weights",
    None,
    "PEMF, and single frames of UNBC: imagenet, none (random) or the path of a "
    "file. Default: imagenet; none on the simulated corpus.",
)
flags.DEFINE_string(
    "landmarks",
    None,
    "PEMF only: where 68 landmarks come from, csv:FOLDER, tflite:FILE or "
    "dlib:FILE. Default: the folder Landmarks of the corpus.",
)
flags.DEFINE_bool(
    "shuffle_labels",
    False,
    "PEMF only: deal the labels to clips at random, so that every score has to "
    "fall to chance; takes a --results_dir of its own.",
)
flags.DEFINE_string(
    "augment",
    "none",
    "Single frames only: generated pictures to train on as well, none, "
    "geometric (a substitute without a model), or the folder of a run of "
    "`keras-pain gsff`.",
)
flags.DEFINE_bool(
    "mixed_precision",
    False,
    "Faces only: compute in half precision, for GPUs.",
)


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of a reproduce script; see their help texts."""

    manual_dir: str | None = None
    data_dir: str | None = None
    results_dir: str | None = None
    layout: str | None = None
    protocol: str = "both"
    methods: Sequence[str] | None = None
    seeds: Sequence[int] | None = None
    folds: str = "all"
    epochs: int | None = None
    jobs: int = 1
    smoke: bool = False
    on_bad_file: str | None = None
    challenge_columns: str | None = None
    batch_size: int | None = None
    micro_batch: int | None = None
    num_frames: int | None = None
    size: int | None = None
    balance: str = "none"
    mixed_precision: bool = False
    backbone: str | None = None
    backbone_weights: str | None = None
    landmarks: str | None = None
    shuffle_labels: bool = False
    exclude_low_expressive: bool = False
    augment: str = "none"


_OPTIONS = tuple(field.name for field in dataclasses.fields(Options))
ALL_CORPORA = "all"
# Those that not every script has a use for.
_SPECIAL = (
    "challenge_columns",
    "batch_size",
    "micro_batch",
    "num_frames",
    "size",
    "balance",
    "mixed_precision",
    "backbone",
    "backbone_weights",
    "landmarks",
    "shuffle_labels",
    "exclude_low_expressive",
    "augment",
)


def check_used(options: Options, used: Collection[str]) -> None:
    """Refuses flags that would change nothing.

    Args:
        options: The flags.
        used: Names of the special ones that the script looks at.

    Raises:
        ConfigurationError: Another one is set.
    """
    for name in _SPECIAL:
        default = getattr(Options, name)
        if name not in used and getattr(options, name) != default:
            can = [f"--{name}" for name in _SPECIAL if name in used]
            raise ConfigurationError(
                f"--{name} changes nothing in this table; of the special "
                f"flags it has {', '.join(can) or 'none'}"
            )


def define_corpus(corpora: Sequence[str]) -> None:
    """Adds the flag `--corpus`, for scripts that know several."""
    flags.DEFINE_enum("corpus", corpora[0], list(corpora), "Corpus to run on.")
    flags.FLAGS.register_key_flag_for_module(sys.argv[0], flags.FLAGS["corpus"])


def show_in_help() -> None:
    """Makes `--help` of a script show these flags, not only absl's own."""
    for name in _OPTIONS:
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flags.FLAGS[name])


def options_of_flags() -> Options:
    values = {name: flags.FLAGS[name].value for name in _OPTIONS}
    if values["seeds"] is not None:
        values["seeds"] = _parse_seeds(values["seeds"])
    return Options(**values)


def _parse_seeds(texts: Sequence[str]) -> tuple[int, ...]:
    try:
        seeds = tuple(dict.fromkeys(int(text) for text in texts))
    except ValueError:
        raise ConfigurationError(
            f"--seeds: {','.join(texts)!r} is not a list of whole numbers, "
            "e.g. 0,1,2"
        ) from None
    if not seeds or min(seeds) < 0:
        raise ConfigurationError("--seeds: give at least one, none negative")
    return seeds


def parse_folds(text: str) -> slice | None:
    if text == "all":
        return None
    try:
        begin, _, end = text.partition(":")
        if ":" not in text:
            return slice(int(begin), int(begin) + 1)
        return slice(int(begin or 0), int(end) if end else None)
    except ValueError:
        raise ConfigurationError(
            f"--folds: {text!r} is neither all, nor a number, nor a:b"
        ) from None
