"""The figures and checks of a finished fold's network."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from keras_pain import load_model
from keras_pain.corpora.emopain.layout import ACTIVITIES, FRAME_RATE
from keras_pain.data.clips import ClipSet
from keras_pain.data.windows import WindowSet, activity_segments
from keras_pain.errors import ConfigurationError
from keras_pain.experiments.folds import FoldData
from keras_pain.experiments.method_registry import registered_methods
from keras_pain.experiments.network import MODEL_FILE
from keras_pain.experiments.runner import fold_seed
from keras_pain.experiments.store import FoldKey, FoldResult
from keras_pain.explain import figures, sanity
from keras_pain.explain.attention import attention_maps
from keras_pain.explain.maps import TITLES, average_maps, explanations
from keras_pain.io import csv_text, write_marked
from keras_pain.reports.figures import paper_name
from keras_pain.signals.kinematics import ANGLE_NAMES

CHECK_EPOCHS = 5  # our choice: every map is checked against two trainings
MAX_WINDOWS = 300  # our choice: enough for a mean, seconds for gradients
# Our choice, of faces: pictures that are drawn or checked, and layers that are
# checked; more would take hours.
FACES, FACE_LAYERS = 3, 10


@dataclasses.dataclass(frozen=True)
class ExplainOptions:
    """What is explained, and how.

    Without `fold` it is the first of those tested on the most classes, or
    levels of intensity. `check_epochs` are of trainings that the label check
    needs; None takes the fold's own number, but no more than `CHECK_EPOCHS`.
    `axis_labels` are `"real"`, or `"as_released"`, those of the released L-SFAN
    figure (its defect `misordered_axis_labels`).
    """

    methods: Sequence[str] | None = None  # None: all with a finished fold
    protocol: str = "leak_free"
    fold: str | None = None
    seed: int = 0
    out: str | Path | None = None  # `explanations` in the results folder
    checks: bool = True
    check_epochs: int | None = None
    axis_labels: str = "real"


@dataclasses.dataclass(frozen=True)
class FinishedFold:
    """A finished fold and its data, as its method took them."""

    key: FoldKey
    result: FoldResult
    data: FoldData  # scaled windows, channels in the order of the method
    raw_test: WindowSet  # its test windows before scaling, in the same order
    recordings: Mapping[str, Mapping]  # by their names
    simulated: bool

    @functools.cached_property
    def model(self) -> keras.Model:
        """Its network."""
        return load_model(self.result.path / MODEL_FILE)

    @property
    def test(self) -> WindowSet:
        """Its test windows, scaled."""
        return self.data.test

    @staticmethod
    def inputs(windows: WindowSet) -> np.ndarray:
        """What the network sees of windows."""
        return windows.x

    @property
    def settings(self) -> Mapping:
        """How its windows were cut."""
        return self.result.config["dataset"]["windows"]

    @property
    def resampled(self) -> bool:
        """Whether its samples were brought to one length."""
        if self.settings["cut"] == "activity_instances":
            return self.settings.get("fit", "resample") == "resample"
        return self.settings["cut"] == "whole_recordings"

    def movement(self, index: int) -> tuple[np.ndarray | None, float]:
        """The skeletons of a test window, and how many of them are a second.

        `(frames, J, 3)` cm, of resampled windows those of the nearest frames;
        None where the recording has none.
        """
        test = self.test
        begin, length = int(test.start[index]), int(test.length[index])
        recording = self.recordings[str(test.recording[index])]
        end = begin + length
        if self.settings["cut"] == "whole_recordings":
            begin, end = 0, len(recording["angles"])
        elif self.resampled:
            given = self.settings.keys() & {"max_flicker"}
            given = {name: self.settings[name] for name in given}
            begins, ends, _ = activity_segments(recording["activity"], **given)
            end = int(ends[begins == begin][0])
        rate = FRAME_RATE * length / (end - begin)
        joints = recording.get("joints")
        if joints is None or not np.size(joints):
            return None, rate
        frames = np.linspace(begin, end - 1, length).round().astype(int)
        return np.asarray(joints)[frames], rate


@dataclasses.dataclass(frozen=True)
class FaceFold:
    """A finished fold of clips or frames of faces, see `FinishedFold`.

    The network sees the `inputs`: pictures, landmarks or features of frames.
    """

    key: FoldKey
    result: FoldResult
    test: ClipSet  # with the labels that they were tested with
    model: keras.Model
    inputs: Callable[[ClipSet], np.ndarray]
    simulated: bool


class Explained(NamedTuple):
    """What was written of one fold, and lines that say more of it."""

    key: FoldKey
    paths: list[Path]
    notes: list[str]


def explain_fold(
    fold: FinishedFold | FaceFold,
    folder: Path,
    options: ExplainOptions,
    on_progress: Callable[[str, int, int], None] = lambda *step: None,
) -> Explained:
    """Draws the maps of one finished fold's network, and checks them.

    Skeletons as well, where there are joints. `on_progress` is called with what
    is done, steps done, and steps in all. Raises ConfigurationError where a
    user's own network sees something else.
    """
    model, test, of_faces = fold.model, fold.test, isinstance(fold, FaceFold)
    shape = fold.inputs(test.take(np.arange(1))).shape
    seen = getattr(model, "input_shape", None) or ()
    fits = [s in (None, n) for s, n in zip(seen, shape, strict=False)]
    if len(seen) != len(shape) or not all(fits):
        raise ConfigurationError(
            f"{fold.result.path / MODEL_FILE}: is no network from the tested "
            f"samples, of shape {shape[1:]}, so there is no map to draw; name "
            "others with --method"
        )
    kinds = explanations(model)
    # A user's own network cannot be trained from its name in the store.
    labelled = fold.key.method in registered_methods() and not of_faces
    total = len(kinds) + (len(kinds) + 2 * labelled if options.checks else 0)
    done = iter(range(total))

    def step(text):
        on_progress(f"{fold.key.method}: {text}", next(done), total)

    gallery = FaceGallery if of_faces else Gallery
    gallery, paths, notes = gallery(fold, folder, options.axis_labels), [], []
    for kind in kinds:
        step(f"drawing {TITLES[kind.name]}")
        paths += gallery.draw(kind)
    if not options.checks:
        return Explained(fold.key, paths, notes)
    chosen = faces_of if of_faces else sanity.check_windows
    samples = test.take(chosen(test.y, test.num_classes))
    panels = _checks(fold, kinds, samples, labelled, options.check_epochs, step)
    if not labelled:
        notes.append("no check by labels, which only networks of windows have")
    # Every point of the plots: mean, and how many windows showed nothing.
    rows = []
    style = {"note": f"mean over {len(samples)} samples; bars: 10 to 90 %"}
    style["simulated"], name = fold.simulated, paper_name(fold.key.method)
    for kind, panel in zip(kinds, panels, strict=True):
        title = f"{name}: sanity checks of {panel.title}"
        place = title, folder / f"{kind.name}_checks.png"
        paths.append(figures.plot_checks([panel], *place, **style))
        for change, found in {**panel.cascade, **panel.trained}.items():
            shown = ~np.isnan(found.spearman)
            row = {"map": panel.title, "change": change}
            for part, values in found._asdict().items():
                row[part] = f"{values[shown].mean():.4f}" if shown.any() else ""
            row["compared"] = int(shown.sum())
            rows.append({**row, "empty_maps": int((~shown).sum())})
    table = csv_text(list(rows[0]), rows).encode()
    paths.append(write_marked(folder / "checks.csv", table, fold.simulated))
    said = "Spearman/SSIM to the trained network's map: "
    said += figures.reading(panels)
    return Explained(fold.key, paths, [*notes, said])


def faces_of(y: np.ndarray, num_classes: int = 0) -> np.ndarray:
    """Positions of `FACES` samples whose labels rise from least to most."""
    order = np.argsort(y, kind="stable")
    return order[figures.evenly_spread(len(order), FACES)]


def _checks(fold, kinds, samples, labelled, epochs, step):
    """Runs both checks of every kind of map: a step a kind, and two more."""
    model, x, drawn, labels = fold.model, fold.inputs(samples), {}, {}
    common = {"length": getattr(samples, "length", None)}
    common["class_index"] = model.predict(x, verbose=0).argmax(axis=-1)
    few = {"draws": 1, "most": FACE_LAYERS} if common["length"] is None else {}
    for kind in kinds:
        step(f"drawing weights anew for {TITLES[kind.name]}")
        found = sanity.cascading_randomisation(model, x, kind, **common, **few)
        drawn[kind.name] = found
    if labelled:
        method = fold.result.config["method"]
        data = fold.data.augmented, fold.data.validation
        labels = sanity.label_randomisation(
            *(model, x, kinds, fold.key.method, *data),
            seed=fold_seed(fold.key.seed, fold.result.result["fold_number"]),
            epochs=epochs or min(method["epochs"], CHECK_EPOCHS),
            arguments=method.get("arguments"),
            on_training=step,
            **common,
        )
    return [sanity.check_panel(k, v, labels.get(k)) for k, v in drawn.items()]


class Gallery:
    """Draws a network's maps of the last class.

    One window is drawn by itself: of the last class, the one that the network
    is surest of. `axis_labels` is as for `channel_labels`.
    """

    def __init__(
        self, fold: FinishedFold, folder: Path, axis_labels: str = "real"
    ):
        self.fold, self.folder, self.axis_labels = fold, folder, axis_labels
        places = figures.evenly_spread(len(fold.test), MAX_WINDOWS)
        self.test = test = fold.test.take(places)
        last = test.num_classes - 1
        sure = fold.model.predict(test.x, verbose=0)[:, last]
        self.best = best = int(np.where(test.y == last, sure, -1).argmax())
        self.raw = fold.raw_test.x[places[best]]
        self.joints, self.rate = fold.movement(places[best])
        self.window = (
            f"{test.window_id[best]} ({test.class_names[test.y[best]]}, "
            f"p = {sure[best]:.2f})"
        )
        # What maps explain, and whose labels they have.
        self.note = f"of the score of {test.class_names[last]!r}"
        if axis_labels == "as_released":
            self.note += "; axis labels as released, not those of the rows"

    def draw(self, kind: sanity.Explanation) -> Iterator[Path]:
        """Draws all figures of one kind of map; yields their paths."""
        test = self.test
        maps = kind.compute(self.fold.model, test.x, test.num_classes - 1)
        quantity = TITLES[kind.name]
        if kind.name == "saliency":
            quantity = "|gradient|"
        elif kind.name.endswith("attention"):
            quantity = "attention (share)"
        usual = self.fold.settings.get("rate", FRAME_RATE)
        rate = None if self.fold.resampled else usual
        style = {"quantity": quantity, "frame_rate": rate}
        labels = self._labels(kind.axes[-1], maps.shape[-1])
        yield from self._draw_window(kind, maps[self.best], labels, style)
        yield from self._draw_groups(kind, maps, labels, style)

    def _plot(self, kind, to, of, plot, *what, **options) -> Path:
        key = self.fold.key
        return plot(
            *what,
            f"{paper_name(key.method)}, fold {key.fold}: {of}",
            self.folder / f"{kind.name}_{to}.png",
            simulated=self.fold.simulated,
            **options,
        )

    def _draw_window(self, kind, values, labels, style):
        """The window's map over its axes, and on the skeleton."""
        axes, bodily, test = kind.axes, None, self.test
        length, names = int(test.length[self.best]), test.channel_names
        if kind.name.endswith("attention"):
            found = attention_maps(self.fold.model, test.x[[self.best]])
            bodily = found.get("bodily_attention", [None])[0]
        moving = {"frame_rate": self.rate}
        attention = figures.plot_attention, self.raw, length, values, bodily
        panel = figures.MapPanel("", self.window, 1, values)
        average = figures.plot_average_maps, [panel], axes, labels
        heat = figures.plot_time_map, values, length, labels
        # The figure of a map by its axes, and how that is drawn.
        what, options = average, style
        if axes == ("token", "token"):
            what, options = (figures.plot_token_map, values), {}
        elif axes[1:] == ("channel",) or test.channels and len(axes) == 2:
            what, options = heat, {**style, "note": self.note}
        elif axes[0] == "time" and not test.channels:  # the suite's own
            what, options = (*attention, names), moving
        of = f"{TITLES[kind.name]}\non {self.window}"
        title = TITLES[kind.name] if what is average else of
        yield self._plot(kind, "window", title, *what, **options)
        if self.joints is None or not {"part", "channel"} & set(axes):
            return
        quantity = style["quantity"]
        if axes == ("time", "part"):
            if bodily is None:
                return  # over time, every part's weights sum to one
            values = values * bodily.mean(axis=0)
            quantity = "attention over time x over parts"
        if axes[0] == "time":
            values = values[: len(self.joints)]
        if values.any():  # Grad-CAM is zero where nothing speaks for the class
            names = names if "channel" in axes else ANGLE_NAMES
            what = figures.plot_body_weights, self.joints, values, names
            moving["quantity"] = quantity
            yield self._plot(kind, "skeleton", of, *what, **moving)

    def _draw_groups(self, kind, maps, labels, style):
        """Means by class, and by activity and class where there are some."""
        test, axes, classes = self.test, kind.axes, self.test.class_names
        length = test.length if axes[0] == "time" else None
        if not kind.name.endswith("attention"):
            empty = int((maps.reshape(len(maps), -1).max(axis=1) == 0).sum())
            note = f"; {empty} of {len(maps)} maps are zero everywhere"
            style = {**style, "note": self.note + note * (empty > 0)}

        def panels(maps, rows):
            groups = list(zip(rows, test.y.tolist(), strict=True))
            averages = average_maps(maps, groups, length)
            names = (*ACTIVITIES, "")  # -1 is none of them
            return [
                figures.MapPanel(names[row], classes[y], windows, mean)
                for (row, y), (mean, windows) in averages.items()
            ]

        of = f"mean {TITLES[kind.name]} by"
        what = figures.plot_average_maps, panels(maps, [-1] * len(test))
        what = (f"{of} class", *what, axes, labels)
        yield self._plot(kind, "per_class", *what, **style)
        activities = test.activity.tolist()
        if len(set(activities)) < 2:
            return
        if axes == ("token", "token"):
            maps, axes = maps.mean(axis=1), ("token",)  # what each one receives
        what = figures.plot_activity_maps, panels(maps, activities), axes
        what = (f"{of} activity and class", *what, labels, classes)
        yield self._plot(kind, "per_activity", *what, **style)

    def _labels(self, axis, count) -> list[str]:
        """Labels of a map's last axis."""
        if axis == "channel":
            names = self.test.channel_names
            return figures.channel_labels(names, self.axis_labels)
        if axis == "part":
            parts = [part for _, part in self.test.channels]
            return list(dict.fromkeys(parts)) or figures.PART_LABELS
        what = {"unit": "code unit", "token": "feature map"}.get(axis)
        return [f"{what} {number + 1}" for number in range(count)]


class FaceGallery(Gallery):
    """Draws a network's maps of faces: of the last class, or of intensity.

    Of clips the surest with the highest label; of frames three with rising
    labels; of landmarks and features of frames the mean by class.
    """

    def __init__(self, fold: FaceFold, folder: Path, *_):
        self.fold, self.folder = fold, folder

    def draw(self, kind):
        """Draws the figure of one kind of map; yields its path."""
        test, title, what = self.fold.test, TITLES[kind.name], kind.axes
        if what == ("height", "width"):
            test = test.take(faces_of(test.y))
        elif what == ("time", "height", "width"):
            found = self.fold.result.predictions
            sure = found.get("y_pred", found.get("probabilities"))
            sure = sure.reshape(len(test), -1)[:, -1]
            best = np.where(test.y == test.y.max(), sure, -np.inf).argmax()
            test = test.take(best[None])
        x, names = self.fold.inputs(test), test.class_names
        maps = kind.compute(self.fold.model, x, max(test.num_classes - 1, 0))
        names = [names[int(y)] if names else f"intensity {y:g}" for y in test.y]
        if what == ("height", "width"):
            maps = [{title: values} for values in maps]
            parts = zip(names, x.astype(np.uint8), maps, strict=True)
            faces = [figures.AttendedFace(*part) for part in parts]
            what = figures.plot_attended_faces, faces
            yield self._plot(kind, "faces", title, *what)
        elif what == ("time", "height", "width"):
            of = f"{title}, {test.window_id[0]} ({names[0]})"
            what = figures.plot_clip_map, x[0], maps[0]
            yield self._plot(kind, "clip", of, *what, quantity=title)
        else:
            if what == ("time",):
                maps = maps / np.maximum(maps.sum(axis=1, keepdims=True), 1e-30)
                title = f"share of {title}"
            panels = [
                figures.MapPanel("", name, count, mean)
                for name, (mean, count) in average_maps(maps, names).items()
            ]
            labels = [f"point {number + 1}" for number in range(maps.shape[-1])]
            what = figures.plot_average_maps, panels, kind.axes, labels
            style = {"frame_rate": None, "quantity": title}
            of = f"mean {title} by class"
            yield self._plot(kind, "per_class", of, *what, **style)
