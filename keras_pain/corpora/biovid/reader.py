"""An mp4 of BioVid to a recording."""

import functools

from keras_pain.corpora import mp4
from keras_pain.corpora.biovid import layout as facts
from keras_pain.corpora.files import Finding, RawFile
from keras_pain.corpora.survey import Survey
from keras_pain.corpora.video import VideoRecording
from keras_pain.errors import BadFileError

MIN_FRAMES = 2  # one picture shows no movement


def read_file(
    raw_file: RawFile, *, min_frames: int = MIN_FRAMES
) -> tuple[VideoRecording, list[Finding]]:
    """Reads one clip to its end, holding one frame at a time.

    Args:
        raw_file: A file of `find_files`.
        min_frames: Fewest frames; shorter clips are refused by the rule
            `too_few_frames`.

    Returns:
        The recording, whose label `level` is the stimulus level 0 (none) to 4,
        and what was found.

    Raises:
        BadFileError: The file cannot be used.
    """
    raw_file.check_refusal()
    survey = Survey().watch(mp4.iterate_frames(raw_file.path))
    if survey.count < min_frames:
        raise BadFileError(
            raw_file.path,
            f"has {survey.count} frame(s), fewer than {min_frames}",
            "leave it out with --on_bad_file=skip",
            rule="too_few_frames",
        )
    findings = [
        *raw_file.findings,
        *_frame_count(survey.count),
        *_frame_rate(mp4.frame_rate(raw_file.path)),
        *survey.findings(),
    ]
    recording = VideoRecording(
        name=raw_file.name,
        subject_id=raw_file.subject_id,
        group=raw_file.group,
        num_frames=survey.count,
        decode=functools.partial(mp4.read_frames, raw_file.path),
        frame_rate=facts.FRAME_RATE,
        labels={"level": float(raw_file.info["level"])},
        findings=findings,
        simulated=raw_file.info["simulated"],
    )
    return recording, findings


def _frame_count(count: int) -> list[Finding]:
    if count == facts.NUM_FRAMES:
        return []
    usual = f"{count} frames, not {facts.NUM_FRAMES}"
    if count in facts.TOLERATED_FRAMES:
        return [Finding("frame_count", "noted", f"{usual}: tolerated")]
    low, *_, high = facts.TOLERATED_FRAMES
    detail = f"{usual}, nor {low} to {high}; kept"
    return [Finding("unusual_frame_count", "noted", detail)]


def _frame_rate(rate: float) -> list[Finding]:
    if abs(rate - facts.FRAME_RATE) < 0.01:
        return []
    detail = f"{rate:g} frames a second by its header, not 25; taken as 25"
    return [Finding("frame_rate", "noted", detail)]
