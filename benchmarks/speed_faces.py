"""How fast faces are found, and how well, in a folder of videos.

    python benchmarks/speed_faces.py --data_dir=videos

Two ways of finding the face alternate in one run, as the machine's speed
drifts: the suite's detector (pictures reduced, in batches), and one call of
MTCNN's `detect_faces` for each full-size frame. Printed are frames a second and
the ratio, in how many frames a face is seen, and how far the boxes are apart:
the largest distance between corresponding edges, in percent of the face's side,
for the detector's squares alone and for the smoothed squares that are cut out.
The crops of `--figure` show what networks get to see. Needs any videos of
single people.

On 5 clips of 75 frames of 360 x 288 pixels of the GRID corpus (Cooke et al.,
JASA 2006), on 2 CPU cores shared with other work: a face in every frame; 8.6
times as many frames a second as one by one (4.8 to 13.3 by clip); what is cut
out is apart by 0.8 % of the face's side (median), 2.8 % at most. With
`--every=3`: 35 times, 0.8 % and 2.7 %.
"""

import os
import pathlib
import time
from collections.abc import Sequence
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np
from absl import app, flags
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from keras_pain.errors import KerasPainError
from keras_pain.reproduction.flags import parse_flags
from keras_pain.signals.faces import (
    FaceClip,
    FaceDetector,
    as_boxes,
    choose_track,
    face_clip,
    fill_and_smooth,
    looked_at,
    squares,
    track_of_some,
)

_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Folder of videos.", required=True
)
_FRAMES = flags.DEFINE_integer("frames", 75, "Frames of each video, at most.")
_VIDEOS = flags.DEFINE_integer("videos", 5, "Videos, at most.")
_REPEATS = flags.DEFINE_integer("repeats", 3, "Measurements of each video.")
_EVERY = flags.DEFINE_integer("every", 1, "Look at every so many frames.")
_MAX_SIDE = flags.DEFINE_integer("max_side", 200, "Pixels, after reduction.")
_FIGURE = flags.DEFINE_string("figure", None, "PNG file of crops to write.")

ENDINGS = (".avi", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg")


class Comparison(NamedTuple):
    """Two ways of finding the face of one clip of T frames."""

    seconds: np.ndarray  # (repeats,) a frame, by `FaceDetector`
    reference_seconds: np.ndarray  # (repeats,), by a call for each frame
    ratio: np.ndarray  # (repeats,), how many times as fast
    found: np.ndarray  # (n,) bool, face seen in the frames looked at
    reference_found: np.ndarray  # (T,) bool, by a call for each frame
    # Distances of the edge that is furthest off, in percent of the side: of
    # the detectors' own boxes, made square, in frames in which both saw the
    # face; and (T,) of the smoothed squares that are cut out
    raw: np.ndarray
    cut: np.ndarray


def compare(
    frames: Sequence[np.ndarray],
    detector: FaceDetector,
    mtcnn,
    *,
    repeats: int = 1,
    every: int = 1,
) -> Comparison:
    """Finds the face of a clip of one person in both ways, in turns.

    Args:
        frames: T pictures `(H, W, 3)` uint8, RGB.
        detector: Ours, which looks at `every` so many frames.
        mtcnn: A `mtcnn.MTCNN`, which looks at each by itself.
        repeats: Measurements of each; the machine's speed may drift, so that
            only the ratio within a repeat says something.
        every: See `detector`.
    """
    looked = looked_at(len(frames), every)
    chosen = [frames[index] for index in looked]

    def full_size():
        found = [
            mtcnn.detect_faces(frame, box_format="xyxy", output_type="numpy")
            for frame in frames
        ]
        return [boxes[:, 1:6].astype(np.float32) for boxes in found]

    # Networks are loaded and warm before the first measurement.
    detector.detect(chosen)
    mtcnn.detect_faces(frames[0])
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        ours = detector.detect(chosen)
        middle = time.perf_counter()
        theirs = full_size()
        times.append((middle - start, time.perf_counter() - middle))
    seconds, reference_seconds = np.array(times).T / len(frames)
    mine = track_of_some(len(frames), looked, ours)
    reference = choose_track(theirs)
    both = mine.found & reference.found

    def apart(a, b):
        return 100 * np.abs(a - b).max(axis=1) / squares(b)[:, 2]

    return Comparison(
        seconds,
        reference_seconds,
        reference_seconds / seconds,
        mine.found[looked],
        reference.found,
        apart(*(as_boxes(squares(t.boxes[both])) for t in (mine, reference))),
        apart(*(fill_and_smooth(t.boxes)[0] for t in (mine, reference))),
    )


def read_videos(folder: str) -> dict[str, list[np.ndarray]]:
    """Frames of the first videos of a folder, by file name."""
    paths = sorted(
        path
        for path in pathlib.Path(folder).rglob("*")
        if path.suffix.lower() in ENDINGS
    )
    videos = {}
    for path in paths[: _VIDEOS.value]:
        capture = cv2.VideoCapture(os.fspath(path))
        frames = []
        while len(frames) < _FRAMES.value:
            success, frame = capture.read()
            if not success:
                break
            frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
        if frames:
            videos[path.stem] = frames
    if not videos:
        raise KerasPainError(
            f"{folder}: no video that OpenCV can read; give another --data_dir"
        )
    return videos


def draw(videos: dict[str, list[np.ndarray]], clips: dict[str, FaceClip], path):
    """A row for each video: one whole frame, and crops along the clip."""
    columns = 6
    figure = Figure(figsize=(1.7 * columns, 1.6 * len(videos)))
    axes = figure.subplots(len(videos), columns, squeeze=False)
    for row, (name, clip) in zip(axes, clips.items(), strict=True):
        x0, y0, x1, y1 = clip.boxes[0]
        row[0].imshow(videos[name][0])
        row[0].plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], color="lime")
        row[0].set_title(name, fontsize=9)
        last = len(clip.faces) - 1
        for axis, at in zip(
            row[1:], np.linspace(0, last, columns - 1).astype(int), strict=True
        ):
            axis.imshow(clip.faces[at])
            axis.set_title(f"frame {at}", fontsize=9)
        for axis in row:
            axis.axis("off")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def add_row(table: Table, name: str, results: list[Comparison]) -> None:
    """Medians over the repeats of one video, or of all."""

    def joined(field):
        return np.concatenate([getattr(result, field) for result in results])

    table.add_row(
        name,
        str(len(joined("cut"))),
        f"{1 / np.median(joined('seconds')):.0f}",
        f"{1 / np.median(joined('reference_seconds')):.1f}",
        f"{np.median(joined('ratio')):.1f}",
        f"{100 * joined('found').mean():.0f} %",
        *(
            f"{np.median(joined(field)):.1f}  {joined(field).max():.1f}"
            for field in ("raw", "cut")
        ),
    )


def main(_):
    console = Console(width=100)
    try:
        videos = read_videos(_DATA_DIR.value)
        detector = FaceDetector(max_side=_MAX_SIDE.value)
    except KerasPainError as error:
        raise SystemExit(f"error: {error}") from error
    from mtcnn import MTCNN  # imports TensorFlow

    mtcnn = MTCNN()
    options = {"repeats": _REPEATS.value, "every": _EVERY.value}
    table = Table(
        *("video", "frames", "frames/s", "one by one", "ratio", "seen"),
        *("boxes apart, %\nmedian  max", "cut out apart, %\nmedian  max"),
    )
    results = []
    for name, frames in videos.items():
        results.append(compare(frames, detector, mtcnn, **options))
        add_row(table, name, results[-1:])
    add_row(table, "all", results)
    console.print(table)
    seen = np.concatenate([result.reference_found for result in results])
    cut = np.concatenate([result.cut for result in results])
    console.print(
        f"One by one, a face is seen in {100 * seen.mean():.1f} % of the "
        "frames. Of the squares that are cut out, "
        f"{100 * np.mean(cut <= 3):.1f} % agree within 3 % of the face.",
        highlight=False,
    )
    if _FIGURE.value:
        clips = {
            name: face_clip(frames, detector, every=_EVERY.value)
            for name, frames in videos.items()
        }
        draw(videos, clips, _FIGURE.value)


if __name__ == "__main__":
    app.run(main, flags_parser=parse_flags)
