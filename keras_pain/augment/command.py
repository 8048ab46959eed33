"""The command `keras-pain gsff`: its flags, and what it prints.

Nothing heavy is imported before it runs.
"""

import argparse
import contextlib
import dataclasses
import os
import pathlib
import re
import sys
from collections.abc import Callable

from keras_pain import augment as gsff
from keras_pain.errors import ConfigurationError, KerasPainError

# Of each flag its name and help.
_HELP = f"""
input: dataset of faces with PSPI, the folder of its version that `tfds build`
    wrote; or a folder of faces, JPEG or PNG
output: folder to write to or to go on in
generator: diffusers:FOLDER or diffusers:OWNER/NAME, a Stable Diffusion 2 depth
    model; or geometric, which needs no model and is not GSFF
labels: of a folder of faces: CSV with file, subject, clip, frame, pspi
    [labels.csv of the input, if it is there]
landmarks: csv:FILE, csv:FOLDER, tflite:FILE, dlib:FILE or mtcnn, a schematic
    face put on five points [landmarks.csv of the input if it is there, else
    mtcnn]
every: of a dataset: every so many frames of a sequence [1]
all_frames: of a dataset: frames without pain, too [PSPI above 0 only]
prompt: diffusers: the face's geometry in words, or as released: a list of
    numbers, of which three or so points are read [words]
user_prompt: diffusers: what the prompt begins with
negative_prompt: diffusers: what to lead away from [defects of pictures]
strength: how far to go from the source, to 1 [as released, {gsff.STRENGTH}]
guidance: diffusers: weight of the prompt [as released, {gsff.GUIDANCE:g}]
steps: diffusers: steps [as released, {gsff.STEPS}]
size: diffusers: pixels of the longer side [{gsff.SIZE}]
depth: diffusers: pipeline, none, npy:FOLDER with a map a picture [pipeline]
seed: of the run [as released, {gsff.SEED}]
same_seed: every picture from the run's own seed, as released
copies: pictures a frame [1]
batch: pictures made at once [4]
min_iou: least overlap of the face with the source's, else a picture is rejected
    [{gsff.MIN_IOU}]
on_bad_file: stop at the first frame that cannot be used, or go on [skip]
"""
# None where not listed, ... where it must be given; its type is the flag's, and
# of several it is the first.
_DEFAULTS = {
    **{"input": ..., "output": ..., "generator": ..., "every": 1, "batch": 4},
    **{"all_frames": False, "same_seed": False, "copies": 1, "seed": gsff.SEED},
    **{"prompt": gsff.LAYOUTS, "negative_prompt": gsff.NEGATIVE_PROMPT},
    **{"strength": gsff.STRENGTH, "guidance": gsff.GUIDANCE},
    **{"steps": gsff.STEPS, "size": gsff.SIZE, "depth": "pipeline"},
    **{"min_iou": gsff.MIN_IOU, "on_bad_file": ("skip", "fail")},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's flags."""
    for name, text in re.findall(r"^(\w+): (.*(?:\n    .*)*)", _HELP, re.M):
        default = _DEFAULTS.get(name)
        more = {"default": default, "type": type(default)}
        if default is ...:
            more = {"required": True}
        elif default is False:
            more = {"action": "store_true"}
        elif isinstance(default, tuple):
            more = {"default": default[0], "choices": default}
        elif default is None:
            more = {}
        parser.add_argument(f"--{name}", help=" ".join(text.split()), **more)


SUBCOMMAND = (
    "gsff",
    "Make further pictures of faces for training: GSFF by diffusion, or "
    "geometric changes without a model.",
    add_arguments,
)
"""Its name, its line in `--help`, its flags."""


def run(args: argparse.Namespace, start_tensorflow: Callable[[], None]) -> int:
    """Makes the pictures and prints what became of them.

    `start_tensorflow` imports TensorFlow, on which the detector of faces runs,
    without its remarks. Returns the exit code, 0. Raises KerasPainError where
    there is no good picture, or what the parts raise.
    """
    from keras_pain.augment import sources
    from keras_pain.augment.prompts import PromptBuilder
    from keras_pain.augment.run import PictureRun, contact_sheet, generate
    from keras_pain.signals.faces import FaceDetector

    output = pathlib.Path(args.output)
    if output.resolve().is_relative_to(pathlib.Path(args.input).resolve()):
        raise ConfigurationError(
            f"--output {output} is inside of --input: its pictures would be "
            "taken for sources; choose a folder beside it"
        )

    def start() -> None:
        # MTCNN provokes an error, which it handles, where it sees no face.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        start_tensorflow()
        import tensorflow as tf

        # It would take all of the GPU's memory, which is torch's; faces are
        # found without it.
        with contextlib.suppress(RuntimeError):  # it is in use already
            tf.config.set_visible_devices([], "GPU")

    # What is checked quickly comes first: a model takes its time to load.
    if sources.is_dataset(args.input):
        if args.labels is not None:
            text = "--labels is for folders of faces; a dataset has its own"
            raise ConfigurationError(text)
        start()  # TensorFlow Datasets may read it
        frames = sources.of_dataset(args.input, args.every, args.all_frames)
    elif args.every != 1 or args.all_frames:
        problem = "--every and --all_frames choose from a dataset"
        told = f"--input {args.input} is none: it has no dataset_info.json"
        raise ConfigurationError(f"{problem}; {told}")
    else:
        frames = sources.find_sources(args.input, args.labels)
    points = sources.open_landmarks(args.landmarks, args.input)
    prompts = PromptBuilder(args.prompt, args.user_prompt)
    names = "min_iou seed same_seed copies batch".split()
    settings = {name: getattr(args, name) for name in names}
    settings["skip_bad"] = args.on_bad_file == "skip"
    settings["simulated"] = sources.is_simulated(args.input)
    parts = {"detector": FaceDetector(), "prompts": prompts}
    run = PictureRun(points, None, **parts, **settings)
    run = dataclasses.replace(run, generator=_generator(args))
    if all(frame.pspi is None for frame in frames):
        note = "no labels (--labels): its pictures can go into no training fold"
        print(f"{args.input}: {note}", file=sys.stderr)
    start()
    summary = generate(frames, output, run)
    sheet = contact_sheet(output, frames)
    good, rejected = summary["good"], summary["rejected"]
    print(
        f"{output}: {'SIMULATED, ' if run.simulated else ''}{good} good "
        f"pictures, {len(rejected)} rejected; {summary['made']} made now, "
        f"{summary['kept']} were there"
    )
    named = [(f"{s}_{c:02d}", r.replace("_", " ")) for s, c, r in rejected]
    _print_by_reason("rejected", named)
    _print_by_reason("passed over", summary["skipped"])
    for note, count in sorted(summary["notes"].items()):
        print(f"noted, {note}: {count} frames")
    given = all(frame.points is not None for frame in frames)
    if not given and isinstance(points, sources.DetectorPoints):
        note = "landmarks are a schematic face put on five points; give "
        print(f"noted, {note}measured ones with --landmarks")
    print(sheet)
    if not good:
        raise KerasPainError(
            f"{args.output}: all {len(rejected)} pictures were rejected; look "
            "at them, then take less --strength or --min_iou and another "
            "--output"
        )
    return 0


def _print_by_reason(what, named) -> None:
    """A line a reason, with the first five of its names."""
    for reason in sorted({reason for _, reason in named}):
        names = [name for name, other in named if other == reason]
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        print(f"{what}, {reason}: {len(names)}: {', '.join(names[:5])}{more}")


def _generator(args):
    kind, _, model = args.generator.partition(":")
    if args.generator == "geometric":
        from keras_pain.augment.geometric import GeometricGenerator

        return GeometricGenerator(args.strength)
    if kind == "diffusers" and model:
        from keras_pain.augment.diffusion import Depth, DiffusersGenerator

        names = "strength guidance steps negative_prompt size".split()
        settings = {name: getattr(args, name) for name in names}
        return DiffusersGenerator(model, depth=Depth(args.depth), **settings)
    text = "--generator is diffusers:FOLDER, diffusers:OWNER/NAME or geometric"
    raise ConfigurationError(f"{text}, not {args.generator!r}")
