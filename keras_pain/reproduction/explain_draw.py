"""The figures of one kind of map: one window, skeleton, classes, activities."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_pain.corpora.emopain.layout import ACTIVITIES
from keras_pain.reports.attention import plot_attention
from keras_pain.reports.average_maps import (
    MapPanel,
    plot_activity_maps,
    plot_average_maps,
)
from keras_pain.reports.body_weights import plot_body_weights
from keras_pain.reports.maps import (
    channel_labels,
    plot_time_map,
    plot_token_map,
    words,
)
from keras_pain.reproduction.gallery import QUANTITIES, TITLES, Gallery
from keras_pain.reproduction.window_frames import (
    window_joints,
    window_rate,
)
from keras_pain.signals.kinematics import ANGLE_NAMES

if TYPE_CHECKING:
    from keras_pain.interpret.maps import Explanation


def draw_maps(gallery: Gallery, kind: "Explanation") -> list[Path]:
    """All figures of one kind of map.

    Args:
        gallery: The network and where its figures go.
        kind: The kind of map.

    Returns:
        Paths of the figures.
    """
    maps = gallery.maps(kind)
    paths = _of_one_window(gallery, kind, maps)
    paths += _of_skeleton(gallery, kind, maps)
    return paths + _of_groups(gallery, kind, maps)


def _of_one_window(gallery, kind, maps) -> list[Path]:
    fold, values = gallery.finished, maps[gallery.best]
    index = gallery.places[gallery.best]
    length = int(fold.data.test.length[index])
    path = gallery.folder / f"{kind.name}_window.png"
    title = gallery.title(f"{TITLES[kind.name]}\non {gallery.of_window()}")
    common = {"simulated": fold.simulated}
    if kind.axes == ("time", "channel"):
        return [
            plot_time_map(
                values,
                length,
                channel_labels(
                    fold.data.test.channel_names, gallery.axis_labels
                ),
                title,
                path,
                frame_rate=gallery.frame_rate,
                quantity=QUANTITIES[kind.name],
                note=_note(gallery, kind),
                **common,
            )
        ]
    if kind.axes == ("token", "token"):
        return [plot_token_map(values, title, path, **common)]
    if not kind.over_time:
        panel = MapPanel("", gallery.of_window(), 1, values)
        return [
            plot_average_maps(
                [panel],
                kind.axes,
                _labels(gallery, kind, maps),
                gallery.title(TITLES[kind.name]),
                path,
                quantity=QUANTITIES[kind.name],
                **common,
            )
        ]
    return [
        plot_attention(
            fold.raw_test.x[index],
            length,
            values,
            _bodily(gallery),
            [n.removeprefix("angle_") for n in fold.raw_test.channel_names],
            title,
            path,
            frame_rate=window_rate(fold, index),
            **common,
        )
    ]


def _bodily(gallery) -> np.ndarray | None:
    """Bodily attention on the window that is drawn, if the network has it."""
    from keras_pain.interpret.attention import attention_maps

    index = gallery.places[gallery.best]
    x = gallery.finished.data.test.x[index : index + 1]
    weights = attention_maps(gallery.model, x).get("bodily_attention")
    return None if weights is None else weights[0]


def _of_skeleton(gallery, kind, maps) -> list[Path]:
    index = gallery.places[gallery.best]
    joints = window_joints(gallery.finished, index)
    if joints is None or not {"part", "channel"} & set(kind.axes):
        return []
    values, names = maps[gallery.best], ANGLE_NAMES
    text = QUANTITIES[kind.name]
    if kind.axes == ("time", "channel"):
        names = gallery.finished.data.test.channel_names
    elif kind.axes == ("time", "part"):
        bodily = _bodily(gallery)
        if bodily is None:
            return []  # over time, every part's weights sum to one
        values = values * bodily.mean(axis=0)
        text = "attention over time x over parts"
    if kind.over_time:
        values = values[: len(joints)]
    if not values.any():
        return []  # of Grad-CAM where nothing speaks for the class
    return [
        plot_body_weights(
            joints,
            values,
            names,
            gallery.title(f"{TITLES[kind.name]}\non {gallery.of_window()}"),
            gallery.folder / f"{kind.name}_skeleton.png",
            simulated=gallery.finished.simulated,
            frame_rate=window_rate(gallery.finished, index),
            quantity=text,
        )
    ]


def _of_groups(gallery, kind, maps) -> list[Path]:
    from keras_pain.interpret.average import average_maps

    fold = gallery.finished
    test = fold.data.test.take(gallery.places)
    labels = _labels(gallery, kind, maps)
    length = test.length if kind.over_time else None
    common = {
        "simulated": fold.simulated,
        "frame_rate": gallery.frame_rate,
        "quantity": QUANTITIES[kind.name],
        "note": _empty_note(gallery, kind, maps),
    }

    def panels(maps, groups, axes):
        averages = average_maps(maps, groups, length)
        return [
            MapPanel(
                _activity(activity),
                test.class_names[y],
                average.windows,
                average.mean,
            )
            for (activity, y), average in averages.items()
        ]

    paths = [
        plot_average_maps(
            panels(maps, [(-1, y) for y in test.y.tolist()], kind.axes),
            kind.axes,
            labels,
            gallery.title(f"mean {TITLES[kind.name]} by class"),
            gallery.folder / f"{kind.name}_per_class.png",
            **common,
        )
    ]
    if len(set(test.activity.tolist())) < 2:
        return paths
    axes = kind.axes
    if axes == ("token", "token"):
        maps, axes = maps.mean(axis=1), ("token",)  # what each one receives
    groups = list(zip(test.activity.tolist(), test.y.tolist(), strict=True))
    paths.append(
        plot_activity_maps(
            panels(maps, groups, axes),
            axes,
            labels,
            test.class_names,
            gallery.title(f"mean {TITLES[kind.name]} by activity and class"),
            gallery.folder / f"{kind.name}_per_activity.png",
            **common,
        )
    )
    return paths


def _labels(gallery, kind, maps) -> Sequence[str]:
    """Labels of a map's last axis."""
    last = kind.axes[-1]
    if last == "channel":
        names = gallery.finished.data.test.channel_names
        return channel_labels(names, gallery.axis_labels)
    if last == "part":
        return [words(name) for name in ANGLE_NAMES]
    what = {"unit": "code unit", "token": "feature map", "time": ""}[last]
    return [f"{what} {number + 1}" for number in range(maps.shape[-1])]


def _activity(number: int) -> str:
    return "" if number < 0 else ACTIVITIES[number]


def _note(gallery, kind) -> str:
    """What the map explains, and whose labels it has."""
    name = gallery.finished.data.test.class_names[-1]
    text = f"of the score of {name!r}"
    if gallery.axis_labels == "as_released":
        text += "; axis labels as released, not those of the rows"
    return text


def _empty_note(gallery, kind, maps) -> str:
    if kind.name.endswith("attention"):
        return ""
    empty = int((maps.reshape(len(maps), -1).max(axis=1) == 0).sum())
    text = _note(gallery, kind)
    if empty:
        text += f"; {empty} of {len(maps)} maps are zero everywhere"
    return text
