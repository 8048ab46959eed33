"""Generated pictures on their way into training.

Tables take them through `experiments.fold_data`, which keeps them from
validation and test; `for_training` does so for a training loop of one's own.

A generated picture shows the person of its source. In a validation or test
fold it would measure how well a network knows its own pictures; and if it is
trained on while its source's person is tested, the person is not left out.
"""

import dataclasses
import os
import pathlib
from collections.abc import Iterable, Sequence

from keras_pain.augment.gsff.manifest import (
    GOOD,
    MANIFEST_FILE,
    read_lines,
    read_run,
)
from keras_pain.augment.gsff.sources import check_pspi
from keras_pain.errors import BadFileError, ConfigurationError


@dataclasses.dataclass(frozen=True)
class GeneratedFrame:
    """A good picture of a run.

    Args:
        path: Its PNG file.
        subject: Participant of the source.
        frame_id: `clip:frame` of the source, as `ClipSet.window_id`.
        pspi: Label, the source's.
        source: Name of the source.
        copy: Its number among the pictures of that source.
        method: `gsff`, or what made it.
        simulated: Whether the source was simulated.
    """

    path: pathlib.Path
    subject: str
    frame_id: str
    pspi: float
    source: str
    copy: int
    method: str
    simulated: bool


def load_generated(folder: str | os.PathLike) -> list[GeneratedFrame]:
    """The good pictures of a run that have a label and a subject.

    Args:
        folder: What the run wrote to.

    Returns:
        Sorted by source and copy.

    Raises:
        ConfigurationError: It is no such folder, or a label is no PSPI.
        BadFileError: A picture is missing, there is no good one, or they have
            no labels or subjects.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise BadFileError(folder, "is no folder", "run keras-pain gsff first")
    simulated = read_run(folder)["simulated"]
    latest = {
        (line["source"], line["copy"]): line
        for line in read_lines(folder / MANIFEST_FILE)[0]
    }
    frames = []
    for (source, copy), line in sorted(latest.items()):
        if line["status"] != GOOD:
            continue
        path = folder / line["file"]
        if not path.is_file():
            raise BadFileError(
                path, "is gone", "run the same command again; it is made anew"
            )
        if line.get("pspi") is None or not line.get("subject"):
            raise BadFileError(
                path,
                "has no label or subject",
                "run the command into another folder, with --labels",
            )
        clip, number = line.get("clip", ""), line.get("frame", "")
        frames.append(
            GeneratedFrame(
                path=path,
                subject=line["subject"],
                frame_id=f"{clip}:{number}" if clip else "",
                pspi=check_pspi(line["pspi"], f"{path}"),
                source=source,
                copy=copy,
                method=line["method"],
                simulated=simulated,
            )
        )
    if not frames:
        raise BadFileError(
            folder, "holds no good picture", "see its summary.json"
        )
    return frames


def for_training(
    generated: Sequence[GeneratedFrame],
    train_subjects: Iterable[str],
    validation_subjects: Iterable[str] = (),
    test_subjects: Iterable[str] = (),
) -> list[GeneratedFrame]:
    """Those pictures that a fold may be trained on.

    Args:
        generated: All pictures.
        train_subjects: People who are trained on.
        validation_subjects: People on whom the epoch is chosen.
        test_subjects: People who are tested on; they may be the same as those
            of the validation, as in the released code.

    Returns:
        The pictures of the training people, in order.

    Raises:
        ConfigurationError: Somebody is in training and in validation or test,
            or a picture's person is in none of the three: then the pictures
            are of another dataset.
    """
    train = set(train_subjects)
    others = {*validation_subjects, *test_subjects}
    both = sorted(train & others)
    if both:
        raise ConfigurationError(
            "generated pictures need folds by person, but "
            f"{', '.join(both[:3])} is trained on and validated or tested on"
        )
    strangers = sorted({g.subject for g in generated} - train - others)
    if strangers:
        raise ConfigurationError(
            f"generated pictures show {', '.join(strangers[:3])}, who is in "
            "no fold; take pictures made from this dataset"
        )
    chosen = [frame for frame in generated if frame.subject in train]
    assert_training_only(chosen, others)
    return chosen


def assert_training_only(
    generated: Iterable[GeneratedFrame], held_out: Iterable[str]
) -> None:
    """Refuses pictures of people who are held out.

    Args:
        generated: Pictures that are about to be trained on.
        held_out: People of validation and test.

    Raises:
        ConfigurationError: A picture shows one of them.
    """
    held_out = set(held_out)
    for frame in generated:
        if frame.subject in held_out:
            raise ConfigurationError(
                f"{frame.path}: was made from a frame of {frame.subject}, who "
                "is held out for validation or test; generated pictures go "
                "into training folds only"
            )
