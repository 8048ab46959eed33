"""The figures and checks of a finished fold's network."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

# Its layers register themselves when the registry is imported.
import keras_pain.models.registry  # noqa: F401
from keras_pain.corpora.emopain.layout import ACTIVITIES, FRAME_RATE
from keras_pain.data.windows import WindowSet, activity_segments
from keras_pain.experiments.folds import FoldData
from keras_pain.experiments.method_registry import registered_methods
from keras_pain.experiments.runner import fold_seed
from keras_pain.experiments.store import FoldKey, FoldResult
from keras_pain.explain import figures
from keras_pain.explain.attention import attention_maps
from keras_pain.explain.maps import (
    TITLES,
    Explanation,
    average_maps,
    explanations,
)
from keras_pain.explain.sanity import (
    cascading_randomisation,
    check_panel,
    check_windows,
    label_randomisation,
)
from keras_pain.io import csv_text, write_file
from keras_pain.signals.kinematics import ANGLE_NAMES

MODEL_FILE = "model.keras"
CHECK_EPOCHS = 5  # our choice: every map is checked against two trainings
MAX_WINDOWS = 300  # our choice: enough for a mean, seconds for gradients


@dataclasses.dataclass(frozen=True)
class ExplainOptions:
    """What is explained, and how.

    Args:
        methods: Names of networks; None takes all that have a finished fold.
        protocol: Protocol of the folds.
        fold: Name of the fold. None takes the first that has test windows of
            every class, else the first.
        seed: Seed of the folds.
        out: Folder for the files; None takes `explanations` in the results
            folder.
        checks: Whether to run the sanity checks.
        check_epochs: Epochs of the trainings that the label check needs; None
            takes the fold's own number, but no more than `CHECK_EPOCHS`.
        axis_labels: `"real"`, or `"as_released"` for the labels of the
            released L-SFAN figure (its defect `misordered_axis_labels`).
    """

    methods: Sequence[str] | None = None
    protocol: str = "leak_free"
    fold: str | None = None
    seed: int = 0
    out: str | Path | None = None
    checks: bool = True
    check_epochs: int | None = None
    axis_labels: str = "real"


@dataclasses.dataclass(frozen=True)
class FinishedFold:
    """A finished fold and its data, as its method took them.

    Args:
        key: The fold.
        result: What the store holds of it.
        data: Scaled windows; channels in the order of the method.
        raw_test: Its test windows before scaling, in the same order.
        recordings: By their names.
        simulated: Whether the corpus is simulated.
    """

    key: FoldKey
    result: FoldResult
    data: FoldData
    raw_test: WindowSet
    recordings: Mapping[str, Mapping]
    simulated: bool

    @property
    def resampled(self) -> bool:
        """Whether its samples were brought to one length."""
        settings = self.result.config["dataset"]["windows"]
        if settings["cut"] == "activity_instances":
            return settings.get("fit", "resample") == "resample"
        return settings["cut"] == "whole_recordings"

    def movement(self, index: int) -> tuple[np.ndarray | None, float]:
        """The skeletons of a test window, and its frames a second.

        Returns:
            `(frames, J, 3)` cm, of resampled windows those of the nearest
            frames, None where the recording has none; and how many of them
            are a second, also where they were resampled.
        """
        test, settings = (
            self.data.test,
            self.result.config["dataset"]["windows"],
        )
        length, begin = int(test.length[index]), int(test.start[index])
        recording = self.recordings[str(test.recording[index])]
        end = begin + length
        if settings["cut"] == "whole_recordings":
            begin, end = 0, len(recording["angles"])
        elif self.resampled:
            given = {k: v for k, v in settings.items() if k == "max_flicker"}
            begins, ends, _ = activity_segments(recording["activity"], **given)
            end = int(ends[begins == begin][0])
        rate = FRAME_RATE * length / (end - begin)
        joints = recording.get("joints")
        if joints is None or not np.size(joints):
            return None, rate
        frames = np.linspace(begin, end - 1, length).round().astype(int)
        return np.asarray(joints)[frames], rate


class Explained(NamedTuple):
    """What was written of one fold, and the checks in one line, or ""."""

    key: FoldKey
    paths: list[Path]
    reading: str


def explain_fold(
    fold: FinishedFold,
    folder: Path,
    options: ExplainOptions,
    on_progress: Callable[[str, int, int], None] = lambda *step: None,
) -> Explained:
    """Draws the maps of one finished fold's network, and checks them.

    Where recordings have joints, skeletons are drawn, too. `on_progress` is
    called with what is done, steps done, and steps in all.
    """
    model = keras.models.load_model(fold.result.path / MODEL_FILE)
    kinds = explanations(model)
    total = len(kinds) + (len(kinds) + 2 if options.checks else 0)
    done = iter(range(total))

    def step(text):
        on_progress(f"{fold.key.method}: {text}", next(done), total)

    gallery = Gallery(fold, model, folder, options.axis_labels)
    paths = []
    for kind in kinds:
        step(f"drawing {TITLES[kind.name]}")
        paths += gallery.draw(kind)
    if not options.checks:
        return Explained(fold.key, paths, "")
    test = fold.data.test
    windows = test.take(check_windows(test.y, test.num_classes))
    panels = _checks(fold, model, kinds, windows, options.check_epochs, step)
    for kind, panel in zip(kinds, panels, strict=True):
        path = figures.plot_checks(
            [panel],
            f"{fold.key.method}: sanity checks of {panel.title}",
            folder / f"{kind.name}_checks.png",
            simulated=fold.simulated,
            note=f"mean over {len(windows)} windows; bars: 10 to 90 %",
        )
        paths.append(path)
    # Every point of the plots: mean, and how many windows showed nothing.
    rows = []
    for panel in panels:
        for change, found in {**panel.cascade, **panel.trained}.items():
            shown = ~np.isnan(found.spearman)
            row = {"map": panel.title, "change": change}
            for name, values in found._asdict().items():
                row[name] = f"{values[shown].mean():.4f}" if shown.any() else ""
            row["compared"] = int(shown.sum())
            rows.append({**row, "empty_maps": int((~shown).sum())})
    table = csv_text(list(rows[0]), rows).encode()
    paths.append(write_file(folder / "checks.csv", table))
    return Explained(fold.key, paths, figures.reading(panels))


def _checks(fold, model, kinds, windows, epochs, step):
    """Runs both checks of every kind of map: a step a kind, and two more."""
    common = {
        "length": windows.length,
        "class_index": model.predict(windows.x, verbose=0).argmax(axis=-1),
    }
    cascades = {}
    for kind in kinds:
        step(f"drawing weights anew for {TITLES[kind.name]}")
        cascades[kind.name] = cascading_randomisation(
            model, windows.x, kind, **common
        )
    labels = {}
    method = fold.result.config["method"]
    # A user's own network cannot be trained from its name in the store.
    if fold.key.method in registered_methods():
        labels = label_randomisation(
            model,
            windows.x,
            kinds,
            fold.key.method,
            fold.data.augmented,
            fold.data.validation,
            seed=fold_seed(fold.key.seed, fold.result.result["fold_number"]),
            epochs=epochs or min(method["epochs"], CHECK_EPOCHS),
            arguments=method.get("arguments"),
            on_training=step,
            **common,
        )
    return [
        check_panel(name, cascade, labels.get(name))
        for name, cascade in cascades.items()
    ]


class Gallery:
    """Draws a network's maps of the last class.

    One window is drawn by itself: of the last class, the one that the network
    is surest of. `axis_labels` is as for `channel_labels`.
    """

    def __init__(
        self,
        fold: FinishedFold,
        model: keras.Model,
        folder: Path,
        axis_labels: str = "real",
    ):
        self.fold, self.model, self.folder = fold, model, folder
        self.axis_labels = axis_labels
        places = figures.evenly_spread(len(fold.data.test), MAX_WINDOWS)
        self.test = test = fold.data.test.take(places)
        last = test.num_classes - 1
        sure = model.predict(test.x, verbose=0)[:, last]
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

    def draw(self, kind: Explanation) -> Iterator[Path]:
        """Draws all figures of one kind of map; yields their paths."""
        maps = kind.compute(self.model, self.test.x, self.test.num_classes - 1)
        quantity = TITLES[kind.name]
        if kind.name == "saliency":
            quantity = "|gradient|"
        elif kind.name.endswith("attention"):
            quantity = "attention (share)"
        rate = None if self.fold.resampled else FRAME_RATE
        style = {"quantity": quantity, "frame_rate": rate}
        labels = self._labels(kind.axes[-1], maps.shape[-1])
        yield from self._draw_window(kind, maps[self.best], labels, style)
        yield from self._draw_groups(kind, maps, labels, style)

    def _plot(self, kind, to, of, plot, *what, **options) -> Path:
        return plot(
            *what,
            f"{self.fold.key.method}, fold {self.fold.key.fold}: {of}",
            self.folder / f"{kind.name}_{to}.png",
            simulated=self.fold.simulated,
            **options,
        )

    def _draw_window(self, kind, values, labels, style):
        """The window's map over its axes, and on the skeleton."""
        axes, title, bodily = kind.axes, TITLES[kind.name], None
        length, names = int(self.test.length[self.best]), ANGLE_NAMES
        of, moving = f"{title}\non {self.window}", {"frame_rate": self.rate}
        if kind.name.endswith("attention"):
            one = self.test.x[self.best : self.best + 1]
            found = attention_maps(self.model, one)
            bodily = found.get("bodily_attention", [None])[0]
        if axes == ("time", "channel"):
            names = self.test.channel_names
            what = figures.plot_time_map, values, length, labels
            yield self._plot(kind, "window", of, *what, note=self.note, **style)
        elif axes == ("token", "token"):
            what = figures.plot_token_map, values
            yield self._plot(kind, "window", of, *what)
        elif axes[0] == "time":
            what = self.raw, length, values, bodily, self.test.channel_names
            what = figures.plot_attention, *what
            yield self._plot(kind, "window", of, *what, **moving)
        else:
            panels = [figures.MapPanel("", self.window, 1, values)]
            what = figures.plot_average_maps, panels, axes, labels
            yield self._plot(kind, "window", title, *what, **style)

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
            what = figures.plot_body_weights, self.joints, values, names
            moving["quantity"] = quantity
            yield self._plot(kind, "skeleton", of, *what, **moving)

    def _draw_groups(self, kind, maps, labels, style):
        test, axes = self.test, kind.axes
        length = test.length if axes[0] == "time" else None
        if not kind.name.endswith("attention"):
            empty = int((maps.reshape(len(maps), -1).max(axis=1) == 0).sum())
            note = f"; {empty} of {len(maps)} maps are zero everywhere"
            style = {**style, "note": self.note + note * (empty > 0)}

        def panels(maps, rows):
            groups = list(zip(rows, test.y.tolist(), strict=True))
            averages = average_maps(maps, groups, length)
            return [
                figures.MapPanel(
                    "" if row < 0 else ACTIVITIES[row],
                    test.class_names[y],
                    windows,
                    mean,
                )
                for (row, y), (mean, windows) in averages.items()
            ]

        mean = f"mean {TITLES[kind.name]} by"
        what = panels(maps, [-1] * len(test)), axes, labels
        names = kind, "per_class", f"{mean} class", figures.plot_average_maps
        yield self._plot(*names, *what, **style)
        activities = test.activity.tolist()
        if len(set(activities)) < 2:
            return
        if axes == ("token", "token"):
            maps, axes = maps.mean(axis=1), ("token",)  # what each one receives
        what = panels(maps, activities), axes, labels, test.class_names
        names = kind, "per_activity", f"{mean} activity and class"
        yield self._plot(*names, figures.plot_activity_maps, *what, **style)

    def _labels(self, axis, count) -> list[str]:
        """Labels of a map's last axis."""
        if axis == "channel":
            names = self.test.channel_names
            return figures.channel_labels(names, self.axis_labels)
        if axis == "part":
            return figures.PART_LABELS
        what = {"unit": "code unit", "token": "feature map"}.get(axis)
        return [f"{what} {number + 1}" for number in range(count)]
