"""The command `keras-pain gsff`: its flags, and what it prints.

Nothing heavy is imported before it runs.
"""

import argparse
import contextlib
import os
import pathlib
import sys
from collections.abc import Callable

from keras_pain.augment.gsff import released
from keras_pain.errors import ConfigurationError, KerasPainError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's flags."""
    parser.add_argument(
        "--input",
        required=True,
        help="dataset of faces with PSPI, the folder of its version that "
        "`tfds build` wrote; or a folder of faces, JPEG or PNG",
    )
    parser.add_argument(
        "--output", required=True, help="folder to write to or to go on in"
    )
    parser.add_argument(
        "--generator",
        required=True,
        metavar="KIND",
        help="diffusers:FOLDER or diffusers:OWNER/NAME, a Stable Diffusion 2 "
        "depth model; or geometric, which needs no model and is not GSFF",
    )
    parser.add_argument(
        "--every",
        type=int,
        default=1,
        help="of a dataset: every so many frames of a sequence [1]",
    )
    parser.add_argument(
        "--all_frames",
        action="store_true",
        help="of a dataset: frames without pain, too [PSPI above 0 only]",
    )
    parser.add_argument(
        "--labels",
        help="of a folder of faces: CSV with file, subject, clip, frame, pspi "
        "[labels.csv of the input, if it is there]",
    )
    parser.add_argument(
        "--landmarks",
        metavar="SOURCE",
        help="csv:FILE, csv:FOLDER, tflite:FILE, dlib:FILE or mtcnn, a "
        "schematic face put on five points [landmarks.csv of the input if it "
        "is there, else mtcnn]",
    )
    parser.add_argument(
        "--prompt",
        choices=("words", "as_coded"),
        default="words",
        help="diffusers: the face's geometry in words, or as released: a list "
        "of numbers, of which three or so points are read [words]",
    )
    parser.add_argument(
        "--user_prompt", help="diffusers: what the prompt begins with"
    )
    parser.add_argument(
        "--negative_prompt",
        default=released.NEGATIVE_PROMPT,
        help="diffusers: what to lead away from [defects of pictures]",
    )
    parser.add_argument(
        "--strength",
        type=float,
        default=released.STRENGTH,
        help="how far to go from the source, up to 1 [as released, "
        f"{released.STRENGTH}]",
    )
    parser.add_argument(
        "--guidance",
        type=float,
        default=released.GUIDANCE,
        help="diffusers: weight of the prompt [as released, "
        f"{released.GUIDANCE:g}]",
    )
    parser.add_argument(
        "--steps",
        type=int,
        default=released.STEPS,
        help=f"diffusers: steps [as released, {released.STEPS}]",
    )
    parser.add_argument(
        "--size",
        type=int,
        default=released.SIZE,
        help=f"diffusers: pixels of the longer side [{released.SIZE}]",
    )
    parser.add_argument(
        "--depth",
        default="pipeline",
        help="diffusers: pipeline, none, or npy:FOLDER with a map a picture "
        "[pipeline]",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=released.SEED,
        help=f"of the run [as released, {released.SEED}]",
    )
    parser.add_argument(
        "--same_seed",
        action="store_true",
        help="start every picture from the run's seed itself, as released",
    )
    parser.add_argument(
        "--copies", type=int, default=1, help="pictures a frame [1]"
    )
    parser.add_argument(
        "--batch", type=int, default=4, help="pictures made at once [4]"
    )
    parser.add_argument(
        "--min_iou",
        type=float,
        default=released.MIN_IOU,
        help="least overlap of the face with the source's, else a picture is "
        f"rejected [{released.MIN_IOU}]",
    )
    parser.add_argument(
        "--on_bad_file",
        choices=("fail", "skip"),
        default="skip",
        help="stop at the first frame that cannot be used, or go on [skip]",
    )


SUBCOMMAND = (
    "gsff",
    "Make further pictures of faces for training: GSFF by diffusion, or "
    "geometric changes without a model.",
    add_arguments,
)
"""Its name, its line in `--help`, its flags."""


def run(args: argparse.Namespace, start_tensorflow: Callable[[], None]) -> int:
    """Makes the pictures and prints what became of them.

    Args:
        args: Of `add_arguments`.
        start_tensorflow: Imports TensorFlow, on which the detector of faces
            runs, without its remarks.

    Returns:
        The exit code, 0.

    Raises:
        KerasPainError: There is no good picture, or what the parts raise.
    """
    from keras_pain.augment.gsff import landmarks, sources
    from keras_pain.augment.gsff.check import FaceCheck
    from keras_pain.augment.gsff.manifest import OutputFolder
    from keras_pain.augment.gsff.parts import Parts, RunOptions
    from keras_pain.augment.gsff.prompts import PromptBuilder
    from keras_pain.augment.gsff.run import generate, settings_of
    from keras_pain.augment.gsff.sheet import contact_sheet
    from keras_pain.signals.faces.detect import FaceDetector

    _check_folders(pathlib.Path(args.input), pathlib.Path(args.output))

    def start() -> None:
        # MTCNN provokes an error, which it handles, where it sees no face.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        start_tensorflow()
        _leave_gpu_to_torch()

    # What is checked quickly comes first: a model takes its time to load.
    frames = _frames(args, start)
    points = landmarks.open_landmarks(args.landmarks, args.input)
    options = RunOptions(
        seed=args.seed,
        same_seed=args.same_seed,
        copies=args.copies,
        batch=args.batch,
        skip_bad=args.on_bad_file == "skip",
        simulated=sources.is_simulated(args.input),
        progress=True,
    )
    check = FaceCheck(FaceDetector(), args.min_iou)
    prompts = PromptBuilder(args.prompt, args.user_prompt)
    generator = _generator(args)
    if all(frame.pspi is None for frame in frames):
        note = "no labels (--labels): its pictures can go into no training fold"
        print(f"{args.input}: {note}", file=sys.stderr)
    start()
    parts = Parts(points, generator, check, prompts)
    summary = generate(frames, args.output, parts, options)
    folder = OutputFolder(
        args.output, settings_of(parts, options), simulated=options.simulated
    )
    sheet = contact_sheet(folder, frames)
    _print_summary(summary, points, folder, frames)
    print(sheet)
    if not summary.good:
        raise KerasPainError(
            f"{args.output}: all {len(summary.rejected)} pictures were "
            "rejected; look at them, then take less --strength or --min_iou "
            "and another --output"
        )
    return 0


def _frames(args: argparse.Namespace, start: Callable[[], None]) -> list:
    from keras_pain.augment.gsff import sources

    if sources.is_dataset(args.input):
        if args.labels is not None:
            raise ConfigurationError(
                "--labels is for folders of faces; a dataset has its own"
            )
        start()  # TensorFlow Datasets may read it
        return sources.of_dataset(args.input, args.every, args.all_frames)
    if args.every != 1 or args.all_frames:
        raise ConfigurationError(
            "--every and --all_frames choose from a dataset; --input "
            f"{args.input} is none: it has no dataset_info.json"
        )
    return sources.find_sources(args.input, args.labels)


def _generator(args: argparse.Namespace):
    kind, _, model = args.generator.partition(":")
    if args.generator == "geometric":
        from keras_pain.augment.geometric import GeometricGenerator

        return GeometricGenerator(args.strength)
    if kind == "diffusers" and model:
        from keras_pain.augment.gsff.depth import open_depth
        from keras_pain.augment.gsff.diffusion import DiffusersGenerator

        return DiffusersGenerator(
            model,
            strength=args.strength,
            guidance=args.guidance,
            steps=args.steps,
            negative_prompt=args.negative_prompt,
            size=args.size,
            depth=open_depth(args.depth),
        )
    raise ConfigurationError(
        "--generator is diffusers:FOLDER, diffusers:OWNER/NAME or geometric, "
        f"not {args.generator!r}"
    )


def _leave_gpu_to_torch() -> None:
    """TensorFlow would take all of its memory; faces are found without it."""
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):  # it is in use already
        tf.config.set_visible_devices([], "GPU")


def _check_folders(source: pathlib.Path, target: pathlib.Path) -> None:
    if target.resolve().is_relative_to(source.resolve()):
        raise ConfigurationError(
            f"--output {target} is inside of --input: its pictures would be "
            "taken for sources; choose a folder beside it"
        )


def _print_summary(summary, points, folder, frames) -> None:
    mark = "SIMULATED, " if folder.simulated else ""
    print(
        f"{folder.path}: {mark}{summary.good} good pictures, "
        f"{len(summary.rejected)} rejected; {summary.made} made now, "
        f"{summary.kept} were there"
    )
    reasons = [reason for *_, reason in summary.rejected]
    for reason in sorted(set(reasons)):
        names = [f"{s}_{c:02d}" for s, c, r in summary.rejected if r == reason]
        print(f"rejected, {reason.replace('_', ' ')}: {_some(names)}")
    problems = sorted({problem for _, problem in summary.skipped})
    for problem in problems:
        names = [name for name, p in summary.skipped if p == problem]
        print(f"passed over, {problem}: {_some(names)}")
    for note, count in sorted(summary.notes.items()):
        print(f"noted, {note}: {count} frames")
    given = all(frame.points is not None for frame in frames)
    if not given and not getattr(points, "measured", True):
        print(
            "noted, landmarks are a schematic face put on five points; give "
            "measured ones with --landmarks"
        )


def _some(names: list[str], limit: int = 5) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return f"{len(names)}: {', '.join(names[:limit])}{more}"
