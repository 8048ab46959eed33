"""What a script's samples are and where they come from: windows, or faces."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from keras_pain.data.clips import GENERATED, ClipSet, cut_clips
from keras_pain.data.cut import cut_windows
from keras_pain.data.frames import FrameStore, open_frames
from keras_pain.data.prepare import PreparedDataset, load_recordings
from keras_pain.data.windows import WindowSet
from keras_pain.errors import ConfigurationError
from keras_pain.experiments import classical, clip_methods, neural, trivial
from keras_pain.experiments.fold_data import Samples, class_counts
from keras_pain.experiments.methods import plain_name
from keras_pain.experiments.protocols import Subject, subjects_of
from keras_pain.models.registry import MODELS

_SMOKE_SUBJECTS = 2  # of each split and group
_SMOKE_WINDOWS = 40  # of each subject
_SMOKE_CLIPS = 3  # of each person
_SMOKE_FRAMES = 20
_STRATA = 3  # of intensity, where folds are of clips


class Windows:
    """Windows of movement recordings."""

    noun = "windows"
    flags = ("challenge_columns",)

    def check_method(self, name: str) -> None:
        """Refuses the methods of the suite that cannot see windows.

        Raises:
            ConfigurationError: It is one of them.
        """
        check_method(name, {**classical.METHODS, **neural.METHODS}, self.noun)

    def load(
        self, prepared: PreparedDataset, where: Mapping, smoke: bool
    ) -> list[Mapping]:
        """The recordings that take part."""
        return chosen_recordings(load_recordings(prepared.path), where, smoke)

    def cut(self, loaded: Sequence[Mapping], settings: Mapping, smoke: bool):
        """Unscaled windows of a protocol."""
        windows = cut_windows(loaded, settings)
        return few_windows(windows) if smoke else windows

    def subjects(
        self, loaded: Sequence[Mapping], windows: WindowSet
    ) -> list[Subject]:
        """The people with windows, in strata of group and pain."""
        return subjects_of(loaded, windows.subject)

    def options(self, experiment, options) -> dict[str, Any]:
        """Arguments for every method."""
        return {}

    def smoke_settings(self) -> dict:
        """How windows are cut in a smoke run, over the other settings."""
        return {}

    def identity(self, loaded: Sequence[Mapping]) -> dict:
        """What configurations say of the data beside their fingerprint."""
        return {}

    def remarks(self, loaded: Sequence[Mapping], settings: Mapping):
        """Lines for the table's header."""
        return []


class Faces:
    """Clips or single frames of faces.

    Args:
        noun: What readers call the samples.
        smoke_size: Pixels a side of a smoke run.
        smoke_frames: Frames of a clip there.
        smoke_people: Most people there; None keeps all.
    """

    preparing = "finding the faces of all clips"
    flags = (
        "batch_size", "micro_batch", "num_frames", "size", "mixed_precision",
        "balance", "augment", "exclude_low_expressive",
    )  # fmt: skip

    def __init__(
        self,
        noun: str = "clips",
        smoke_size: int = 32,
        smoke_frames: int = 8,
        smoke_people: int | None = None,
    ):
        self.noun = noun
        self._smoke = {"size": smoke_size, "num_frames": smoke_frames}
        self._smoke_people = smoke_people

    def further_configs(self, options) -> tuple[str, ...]:
        """Further configs of the dataset that a run reads."""
        return ()

    def check_method(self, name: str) -> None:
        """Refuses the methods of the suite that see something else.

        Raises:
            ConfigurationError: It is one of them.
        """
        fits = [
            method
            for method in clip_methods.METHODS
            if MODELS[plain_name(method)].data == self.noun
        ]
        check_method(name, [*trivial.METHODS, *fits], f"{self.noun} of faces")

    def load(
        self, prepared: PreparedDataset, where: Mapping, smoke: bool
    ) -> FrameStore:
        """All pictures of the dataset; `where` is looked at by `cut`."""
        return open_frames(prepared.path)

    def cut(
        self, loaded: FrameStore, settings: Mapping, smoke: bool
    ) -> ClipSet:
        """Labelled samples of a protocol."""
        clips = cut_clips(loaded, **settings)
        if not smoke:
            return clips
        people = np.unique(clips.person)[: self._smoke_people]
        clips = clips.take(np.isin(clips.person, people))
        real = np.flatnonzero(~clips.generated)
        chosen = real[_few(clips.take(real))]
        made = np.flatnonzero(clips.generated)
        return clips.take(np.sort(np.concatenate([chosen, made])))

    def subjects(self, loaded: FrameStore, clips: ClipSet) -> list[Subject]:
        """People; of clips as units, these in strata of their label."""
        ids, first = np.unique(clips.subject, return_index=True)
        if (clips.subject == clips.person).all():
            return [Subject(name, "") for name in ids.tolist()]
        labels = clips.y[first]
        if not clips.num_classes:
            cuts = np.quantile(labels, np.arange(1, _STRATA) / _STRATA)
            labels = np.searchsorted(cuts, labels)
        return [
            Subject(name, str(label))
            for name, label in zip(ids.tolist(), labels, strict=True)
        ]

    def smoke_settings(self) -> dict:
        """Size and number of frames in a smoke run."""
        return dict(self._smoke)

    def identity(self, loaded: FrameStore) -> dict:
        """Which clips take part: a file that was refused may have none."""
        names = "\n".join(
            clip.name
            for clip in loaded.clips
            if not clip.name.startswith(GENERATED)
        )
        return {"clips": hashlib.sha256(names.encode()).hexdigest()[:16]}

    def remarks(self, loaded: FrameStore, settings: Mapping) -> list[str]:
        """How many frames are left out because their face was not found."""
        if not settings.get("faces_only"):
            return []
        kept, every = (
            clips.y[~clips.generated]
            for clips in (
                cut_clips(loaded, **{**settings, "faces_only": only})
                for only in (True, False)
            )
        )
        out, painful = len(every) - len(kept), (every > 0).sum()
        return [
            f"Frames left out because no face was found in them: {out} of "
            f"{len(every)}, {painful - (kept > 0).sum()} of them among the "
            f"{painful} with pain."
        ]

    def options(self, experiment, options) -> dict[str, Any]:
        """Arguments for every method: batch, precision, jitter."""
        return {"options": experiment.clip_options(options)}


def check_method(name: str, fits: Collection[str], noun: str) -> None:
    if ":" not in name and name not in fits:
        raise ConfigurationError(
            f"--methods: {name!r} cannot be used on {noun}; those that can "
            f"are {', '.join(sorted(fits))}"
        )


def chosen_recordings(
    recordings: Sequence[Mapping], where: Mapping, smoke: bool
) -> list[Mapping]:
    """Recordings that take part: those `where` says, of few people for smoke.

    Raises:
        ConfigurationError: None is left.
    """
    chosen = [
        recording
        for recording in recordings
        if all(recording[key] in values for key, values in where.items())
    ]
    if not chosen:
        raise ConfigurationError(
            f"none of {len(recordings)} recordings has {dict(where)}: check "
            "the folder given with --manual_dir"
        )
    return few_people(chosen) if smoke else chosen


def counted(samples: Mapping[str, Samples], noun: str) -> str:
    """Samples of each class, for each protocol that has its own."""
    texts: dict[str, list[str]] = {}
    for protocol, of_protocol in samples.items():
        made = getattr(of_protocol, "generated", None)
        if made is not None and made.any():
            of_protocol = of_protocol.take(~made)
        if of_protocol.class_names:
            counts = ", ".join(
                f"{count} {name}"
                for name, count in zip(
                    of_protocol.class_names,
                    class_counts(of_protocol),
                    strict=True,
                )
            )
        else:
            y = of_protocol.y
            counts = (
                f"intensity {y.min():g} to {y.max():g}, mean {y.mean():.2f}"
            )
        people = getattr(of_protocol, "person", of_protocol.subject)
        text = (
            f"{len(of_protocol)} {noun} ({counts}) of {len(set(people))} people"
        )
        texts.setdefault(text, []).append(protocol)
    if len(texts) == 1:
        return next(iter(texts))
    return "; ".join(f"{', '.join(v)}: {k}" for k, v in texts.items())


def _few(clips: ClipSet) -> np.ndarray:
    """Positions of a few samples of each person, spread over their labels."""
    wanted = _SMOKE_CLIPS if clips.num_frames else _SMOKE_FRAMES
    chosen = []
    for person in dict.fromkeys(clips.person.tolist()):
        index = np.flatnonzero(clips.person == person)
        index = index[np.argsort(clips.y[index], kind="stable")]
        places = np.linspace(0, len(index) - 1, min(wanted, len(index)))
        chosen.append(index[np.unique(places.round().astype(int))])
    return np.sort(np.concatenate(chosen))


def few_people(recordings: Sequence[Mapping]) -> list[Mapping]:
    """Recordings of a few people of each split and group, four at least.

    Leaving one out and setting one aside must leave two to train on.
    """
    strata = {(r["split"], r.get("group")) for r in recordings}
    wanted = max(_SMOKE_SUBJECTS, -(-4 // max(len(strata), 1)))
    kept: dict[tuple, set] = {stratum: set() for stratum in strata}
    result = []
    for recording in recordings:
        people = kept[recording["split"], recording.get("group")]
        if recording["subject_id"] in people or len(people) < wanted:
            people.add(recording["subject_id"])
            result.append(recording)
    return result


def few_windows(windows: WindowSet) -> WindowSet:
    """Evenly spaced windows of each subject and class."""
    chosen = []
    for subject in dict.fromkeys(windows.subject.tolist()):
        for label in range(windows.num_classes):
            index = np.flatnonzero(
                (windows.subject == subject) & (windows.y == label)
            )
            step = max(len(index) // (_SMOKE_WINDOWS // 2), 1)
            chosen.append(index[::step][: _SMOKE_WINDOWS // 2])
    return windows.take(np.sort(np.concatenate(chosen)))
