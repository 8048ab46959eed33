"""Frames whose face is a red square, and parts that know it."""

import dataclasses
import re

import cv2
import numpy as np

from keras_pain import cli
from keras_pain.augment.run import PictureRun, generate
from keras_pain.augment.sources import Source, encode_png
from keras_pain.signals.landmarks import front_face

SIDE = 96
PIECE = re.compile(r"[^\W\d_]+|\d|[^\s\w]+|_+")
POINTS = front_face() * 20 + (48, 40)


def count_tokens(text):
    """Tokens as CLIP's tokenizer counts digits and signs; both ends."""
    pieces = PIECE.findall(text)
    return 2 + sum(1 + (len(piece) - 1) // 6 for piece in pieces)


def red_square(number=0, side=SIDE):
    """A grey picture with a red square, told apart by one corner."""
    picture = np.full((side, side, 3), 120, np.uint8)
    picture[24:80, 24:72] = (220, 30, 30)
    picture[:4, :4] = number
    return picture


def sources(count=3, subjects=("s0", "s1", "s2"), **changes):
    """Labelled frames with their landmarks."""
    return [
        Source(
            f"clip{i}/{i:03d}",
            lambda i=i: encode_png(red_square(i)),
            subject=subjects[i % len(subjects)],
            clip=f"clip{i}",
            frame=str(i),
            pspi=float(i),
            points=POINTS,
        )
        for i in range(count)
    ]


class RedDetector:
    """Takes what is red for the face."""

    def detect(self, frames):
        found = []
        for frame in frames:
            red = (frame[..., 0] > 150) & (frame[..., 1] < 90)
            y, x = np.nonzero(red)
            box = [x.min(), y.min(), x.max(), y.max(), 1] if len(x) else []
            found.append(np.reshape(np.float32(box), (-1, 5)))
        return found


def points_csv(path, names, points=POINTS):
    """Writes the same landmarks for every name to a file; returns its path."""
    columns = (f"{a}{i}" for i in range(len(points)) for a in "xy")
    rows = [["file", *columns], *([name, *points.ravel()] for name in names)]
    path.write_text("\n".join(",".join(map(str, row)) for row in rows))
    return path


class NoPoints:
    """A source of landmarks that finds none."""

    def clip(self, frames, boxes=None, name=""):
        return np.full((len(frames), 68, 2), np.nan, np.float32)


class BoxPoints:
    """Puts a schematic face into the box of the detected one."""

    def clip(self, frames, boxes=None, name=""):
        face = front_face()
        face = (face - face.min(0)) / np.ptp(face, axis=0)
        return np.stack([face * (b[2:] - b[:2]) + b[:2] for b in boxes])


class Roll:
    """Moves a picture down; by more than its height leaves nothing."""

    method = "roll"
    reads_prompts = False

    versions = {"opencv": cv2.__version__}

    def __init__(self, pixels=0):
        self.parameters = {"generator": "roll", "pixels": pixels}
        self.seeds = []

    def generate(self, frames, points, seeds, prompts, names):
        self.seeds += seeds
        pixels = self.parameters["pixels"]
        outputs = np.zeros_like(frames)
        outputs[:, pixels:] = frames[:, : SIDE - pixels]
        return list(outputs)


def parts(generator=None, landmarks=None, **options):
    """A run with a generator that copies, if none is given."""
    return PictureRun(
        landmarks or NoPoints(), generator or Roll(), RedDetector(), **options
    )


def run(tmp_path, using=None, name="out", count=3, **options):
    """Makes pictures of some sources in a folder."""
    using = dataclasses.replace(using or parts(), **options)
    return generate(sources(count), tmp_path / name, using)


def command(capsys, *argv):
    """Exit code, what was printed, and the errors of `keras-pain gsff`."""
    code = cli.main(["gsff", *map(str, argv)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err.strip().splitlines()
