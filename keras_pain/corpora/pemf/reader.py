"""A clip of PEMF, a folder of stills or an mp4, to a recording."""

import dataclasses
import functools
import pathlib

import numpy as np

from keras_pain.corpora import mp4
from keras_pain.corpora.files import Finding, RawFile
from keras_pain.corpora.pemf import layout as facts
from keras_pain.corpora.pemf.ratings import Rating
from keras_pain.corpora.stills import list_stills, read_still
from keras_pain.corpora.survey import Survey
from keras_pain.corpora.video import VideoRecording
from keras_pain.errors import BadFileError

MIN_FRAMES = 2  # one picture shows no movement


@dataclasses.dataclass
class PemfRecording(VideoRecording):
    """A clip of PEMF.

    Labels: `pain`, 1 but for the neutral type; `kind`, index into `KINDS`
    (neutral, posed, algometer, laser); `intensity`, mean rating 0 to 8, NaN
    where there is none.

    Args:
        rating: All that the sheet says about it.
    """

    rating: Rating = dataclasses.field(default_factory=Rating)


def read_file(
    raw_file: RawFile, *, min_frames: int = MIN_FRAMES
) -> tuple[PemfRecording, list[Finding]]:
    """Reads one clip to its end, holding one picture at a time.

    Args:
        raw_file: A file of `find_files`.
        min_frames: Fewest frames; shorter clips are refused by the rule
            `too_few_frames`. Others than 20 are kept and reported.

    Returns:
        The recording, without a frame rate: the owners do not say it.

    Raises:
        BadFileError: A picture or the video cannot be used.
    """
    raw_file.check_refusal()
    if raw_file.layout == "clips":
        decode = functools.partial(mp4.read_frames, raw_file.path)
        survey = Survey().watch(mp4.iterate_frames(raw_file.path))
    else:
        decode = functools.partial(read_folder, raw_file.path)
        survey = Survey().watch(map(read_still, list_stills(raw_file.path)))
    if survey.count < min_frames:
        raise BadFileError(
            raw_file.path,
            f"has {survey.count} frame(s), fewer than {min_frames}",
            "leave it out with --on_bad_file=skip",
            rule="too_few_frames",
        )
    findings = [*raw_file.findings]
    if survey.count != facts.NUM_FRAMES:
        detail = f"{survey.count} frames, not {facts.NUM_FRAMES}; kept"
        findings.append(Finding("frame_count", "noted", detail))
    findings += survey.findings()
    kind, rating = raw_file.info["kind"], raw_file.info["rating"]
    recording = PemfRecording(
        name=raw_file.name,
        subject_id=raw_file.subject_id,
        group=raw_file.group,
        num_frames=survey.count,
        decode=decode,
        labels={
            "pain": float(facts.KINDS[kind].pain),
            "kind": float(kind),
            "intensity": rating.intensity,
        },
        findings=findings,
        simulated=raw_file.info["simulated"],
        rating=rating,
    )
    return recording, findings


def check_further(raw_file: RawFile, recording: PemfRecording) -> list[Finding]:
    """Looks at the clip's landmarks, where there is a folder of them.

    Args:
        raw_file: A file of `find_files`.
        recording: What was read from it.

    Returns:
        Why a dataset of landmarks would refuse them; the pictures are of use
        without.
    """
    from keras_pain.signals.landmarks.csv_files import read_csv

    folder = raw_file.root / facts.LANDMARKS
    if not folder.is_dir():
        return []
    path = folder / f"{raw_file.name}.csv"
    try:
        read_csv(path, min(len(recording), facts.NUM_FRAMES))
    except BadFileError as error:
        place = path.relative_to(raw_file.root).as_posix()
        detail = f"{place}: {error.problem}; {error.cure}"
        return [Finding("landmark_file", "noted", detail)]
    return []


def read_folder(folder: pathlib.Path) -> list[np.ndarray]:
    """The pictures of a folder in natural order.

    Args:
        folder: Folder of one clip's stills.

    Returns:
        A list of `(H, W, 3)` uint8, RGB.

    Raises:
        BadFileError: A picture cannot be decoded.
    """
    return [read_still(path) for path in list_stills(folder)]
