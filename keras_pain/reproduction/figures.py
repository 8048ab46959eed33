"""The figures that stand beside a table."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from keras_pain.data.windows import WindowSet
from keras_pain.experiments.fold_data import scale_fold
from keras_pain.experiments.protocols import Fold
from keras_pain.experiments.store import FoldKey, ResultStore
from keras_pain.reports import figures
from keras_pain.reports.aggregate import collect
from keras_pain.reports.attention import plot_attention
from keras_pain.reports.intensity_figures import (
    intensity_panels,
    plot_intensities,
)
from keras_pain.reports.tables import TableSpec

_FIGURE_PROTOCOL = "leak_free"  # of both, the one worth looking at


def write_figures(
    table: TableSpec,
    store: ResultStore,
    expected: Mapping[FoldKey, Mapping],
    windows: Mapping[str, WindowSet],
    out_dir: Path,
    *,
    simulated: bool,
    attention: Sequence[str] = (),
) -> list[Path]:
    """Confusion matrices, training curves, and attention on one window.

    Where intensities are predicted, scatters stand for the matrices. Curves
    and attention are of the first finished fold of each network and protocol;
    the rest pools all folds of the finished rows.

    Args:
        table: The table.
        store: Where its folds are.
        expected: Its folds and their configurations.
        windows: Unscaled windows of every subject, by protocol.
        out_dir: Folder for the PNG files.
        simulated: Whether the corpus is simulated.
        attention: Methods whose attention is drawn.

    Returns:
        Paths of the figures.
    """
    paths = []
    groups = collect(store, expected, len(table.class_names))
    if not table.class_names:
        if found := intensity_panels(table, store, expected):
            paths.append(
                plot_intensities(
                    found,
                    f"{table.title}: predicted intensity",
                    out_dir / "intensity.png",
                    simulated=simulated,
                )
            )
    elif panels := figures.confusion_panels(table, groups):
        paths.append(
            figures.plot_confusions(
                panels,
                table.class_names,
                f"{table.title}: pooled {table.samples}",
                out_dir / "confusion.png",
                simulated=simulated,
                samples=table.samples,
            )
        )
    firsts = _first_folds(store, expected)
    labels = {row.method: row.label for row in table.rows}
    curves = [
        curve
        for key in firsts
        for curve in figures.training_curves(
            store.read(key),
            f"{labels[key.method]}; {key.evaluation}, {key.protocol}, fold "
            f"{key.fold}, seed {key.seed}",
        )
    ]
    if curves:
        paths.append(
            figures.plot_training_curves(
                curves,
                f"{table.title}: training",
                out_dir / "training.png",
                simulated=simulated,
            )
        )
    for key in firsts:
        if key.method in attention:
            of_protocol = windows[key.protocol]
            path = _attention(store, key, of_protocol, out_dir, simulated)
            paths += [path] if path else []
    return paths


def _first_folds(store, expected) -> list[FoldKey]:
    """One finished fold of each evaluation, protocol and method."""
    firsts: dict[tuple, FoldKey] = {}
    for key in expected:
        name = (key.evaluation, key.protocol, key.method)
        if name not in firsts and store.contains(key):
            firsts[name] = key
    return list(firsts.values())


def _attention(store, key, windows, out_dir, simulated) -> Path | None:
    """Attention on the test window that the network is surest of."""
    if key.protocol != _FIGURE_PROTOCOL or key.evaluation != "holdout":
        return None
    result = store.read(key)
    model_file = result.path / "model.keras"
    if not model_file.exists():
        return None
    import keras

    # Its layers register themselves when the registry is imported.
    import keras_pain.models.registry  # noqa: F401
    from keras_pain.interpret.attention import attention_maps

    fold = Fold(**{k: _tuple(v) for k, v in result.config["subjects"].items()})
    test = scale_fold(windows, fold)["test"]
    last = result.predictions["probabilities"][:, -1]
    sure = np.where(test.y == test.num_classes - 1, last, -1)
    index = int(sure.argmax())
    model = keras.models.load_model(model_file)
    maps = attention_maps(model, test.x[index : index + 1])
    raw = windows.of_subjects(fold.test).x[index]
    truth = test.class_names[test.y[index]]
    return plot_attention(
        raw,
        int(test.length[index]),
        maps["temporal_attention"][0],
        maps["bodily_attention"][0] if "bodily_attention" in maps else None,
        [name.removeprefix("angle_") for name in windows.channel_names],
        f"{key.method}: attention on {test.window_id[index]} ({truth}, "
        f"p = {last[index]:.2f})",
        out_dir / f"attention_{key.method}.png",
        simulated=simulated,
    )


def _tuple(value):
    return tuple(value) if isinstance(value, list) else value
