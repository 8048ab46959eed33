"""Figures: written, readable, marked, and the same bytes twice."""

import matplotlib
import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from keras_pain.experiments.store import FoldKey, FoldResult, ResultStore
from keras_pain.explain.figures import (
    plot_attention,
    plot_body_weights,
    plot_token_map,
)
from keras_pain.reports.figures import (
    TrainingCurve,
    confusion_panels,
    plot_confusions,
    plot_training_curves,
    training_curves,
)
from keras_pain.reports.table import ColumnSpec, RowSpec, TableSpec, read_scores
from keras_pain.signals.kinematics import ANGLE_NAMES

CHANNELS = [
    *(f"A{n}" for n in range(1, 14)),
    *(f"E{n}" for n in range(1, 14)),
    *(f"sEMG{n}" for n in range(1, 5)),
]
TITLE = "T"
COUNTS = np.array([[90, 10], [4, 6]])
HISTORY = pd.DataFrame(
    {
        "loss": [1.0, 0.5, 0.4],
        "val_loss": [1.1, 0.7, 0.8],
        "accuracy": [0.5, 0.7, 0.9],
        "val_accuracy": [0.5, 0.6, 0.55],
    },
    index=[1, 2, 3],
)


def texts(figure: Figure) -> str:
    found = figure.findobj(lambda artist: hasattr(artist, "get_text"))
    return "\n".join(artist.get_text() for artist in found)


LENGTH = 150


def window():
    frames = np.arange(180)[:, None] / 60
    x = 90 + 30 * np.sin(frames * np.linspace(0.5, 3, 30))
    x[LENGTH:] = 0
    temporal = np.zeros(180)
    temporal[:LENGTH] = np.linspace(1, 2, LENGTH)
    return x, temporal / temporal.sum()


def confusions(path, **options):
    panels = [("A", COUNTS), ("B", COUNTS * 10)]
    return plot_confusions(panels, ("no", "yes"), TITLE, path, **options)


def curves(path, **options):
    curve = TrainingCurve("ALANet", HISTORY, chosen_epoch=2)
    return plot_training_curves([curve], TITLE, path, **options)


def attention(path, **changes):
    x, temporal = window()
    arguments = {"window": x, "length": LENGTH, "temporal": temporal}
    arguments |= {"bodily": np.full((8, 13), 1 / 13), "channel_names": CHANNELS}
    arguments |= {"title": TITLE, "path": path}
    simulated = {"simulated": changes.pop("simulated", False)}
    return plot_attention(*(arguments | changes).values(), **simulated)


@pytest.mark.parametrize("draw", [confusions, curves, attention])
def test_a_figure_is_written_marked_and_repeatable(tmp_path, drawn, draw):
    path = draw(tmp_path / "new" / "figure.png")
    assert path == tmp_path / "new" / "figure.png"
    pixels = matplotlib.image.imread(path)
    assert pixels.shape[0] > 200 and pixels.std() > 0.05
    assert "SIMULATED" not in texts(drawn[-1])

    again = draw(tmp_path / "again.png")
    assert again.read_bytes() == path.read_bytes()

    marked = draw(path, simulated=True)
    assert marked.name == "figure_SIMULATED.png"
    assert drawn[-1].get_suptitle() == "SIMULATED: T"
    assert [p.name for p in path.parent.iterdir()] == [marked.name]
    draw(path)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


LONG = "Protective behaviour of " + "<$a_very_long_name$>" * 12 + "\nand more"


@pytest.mark.parametrize("draw", [confusions, curves, attention])
def test_the_whole_title_lies_in_the_picture(
    tmp_path, drawn, draw, monkeypatch
):
    monkeypatch.setattr(f"{__name__}.TITLE", LONG)
    draw(tmp_path / "a.png", simulated=True)
    figure = drawn[-1]
    words = figure._suptitle.get_text()
    assert "".join(words.split()) == "".join(f"SIMULATED:{LONG}".split())
    extent, canvas = figure._suptitle.get_window_extent(), figure.bbox
    assert canvas.x0 < extent.x0 and extent.x1 < canvas.x1
    assert canvas.y0 < extent.y0 and extent.y1 <= canvas.y1
    # And above all that is drawn.
    assert all(axis.bbox.y1 < extent.y0 for axis in figure.axes)


def test_the_users_settings_of_matplotlib_change_nothing(tmp_path):
    first = confusions(tmp_path / "a.png").read_bytes()
    curve = curves(tmp_path / "b.png").read_bytes()
    own = {"text.usetex": True, "font.size": 30, "savefig.dpi": 10}
    own |= {"axes.facecolor": "black", "savefig.format": "svg"}
    with matplotlib.rc_context(own):
        assert confusions(tmp_path / "c.png").read_bytes() == first
        assert curves(tmp_path / "d.png").read_bytes() == curve
        assert matplotlib.rcParams["text.usetex"] is True


def test_drawing_leaves_the_users_backend_alone(tmp_path):
    import matplotlib.pyplot as plt

    before = plt.get_backend()
    confusions(tmp_path / "a.png")
    assert plt.get_backend() == before and plt.get_fignums() == []


def test_confusions_show_counts_and_row_shares(tmp_path, drawn):
    confusions(tmp_path / "a.png")
    shown = texts(drawn[-1])
    for text in ("90\n90%", "10\n10%", "4\n40%", "6\n60%", "900\n90%"):
        assert text in shown
    assert "predicted (windows)" in shown and "true (windows)" in shown
    panels = [("A", np.array([[2.5, 0], [0, 0]]))]
    plot_confusions(panels, ("no", "yes"), "T", tmp_path / "b.png")
    assert "2.5\n100%" in texts(drawn[-1])
    assert "0.0\nnone" in texts(drawn[-1])


def test_confusion_panels_of_a_table(tmp_path):
    store = ResultStore(tmp_path)
    keys = [
        FoldKey("loso", "leak_free", method, seed, fold)
        for method in ("majority", "alanet")
        for seed in (0, 1)
        for fold in ("A", "B")
    ]
    for key in keys[:-1]:
        predictions = {
            "y_true": np.array([0, 0, 1]),
            "probabilities": np.eye(2)[[0, 0, key.seed]],
            "subject": np.array([key.fold] * 3),
            "window_id": np.arange(3),
        }
        store.write(key, {}, {}, predictions)
    rows = [("Majority", "majority", "loso"), ("A", "alanet", "loso")]
    rows = tuple(RowSpec(*row) for row in rows)
    columns = (ColumnSpec("Accuracy", "accuracy"),)
    spec = TableSpec("t", "t", "p", rows, columns, ("no", "yes"))
    [(title, counts)] = confusion_panels(spec, read_scores(store, keys, 2))
    assert title == "Majority\nleak_free"
    # Both folds pooled, mean of the two seeds.
    np.testing.assert_array_equal(counts, [[4, 0], [1, 1]])


def test_curves_mark_the_chosen_epoch(tmp_path, drawn):
    curves(tmp_path / "a.png")
    left, right = drawn[-1].axes
    assert (left.get_ylabel(), right.get_ylabel()) == ("loss", "accuracy")
    assert left.get_xlabel() == "epoch"
    lines = {line.get_label(): line for line in left.lines}
    np.testing.assert_array_equal(lines["training"].get_xdata(), [1, 2, 3])
    shown = lines["validation"].get_ydata()
    np.testing.assert_array_equal(shown, HISTORY["val_loss"])
    assert list(lines["chosen epoch"].get_xdata()) == [2, 2]


def test_curves_of_a_stored_fold(tmp_path):
    rows = [
        {"stage": "autoencoder", "epoch": 1, "loss": 2.0},
        {"stage": "autoencoder", "epoch": 2, "loss": 1.0},
        {"stage": "classifier", "epoch": 1, "loss": 0.7, "val_loss": 0.8},
    ]
    key = FoldKey("loso", "leak_free", "alanet", 0, "A")
    result = {"history": rows, "chosen_epoch": 1}
    fold = FoldResult(key, {}, result, {}, tmp_path)
    first, second = training_curves(fold, "ALANet")
    assert first.label == "ALANet, autoencoder"
    assert first.history.to_dict("list") == {"loss": [2.0, 1.0]}
    assert first.chosen_epoch is None
    assert second.history.to_dict("list") == {"loss": [0.7], "val_loss": [0.8]}
    assert second.chosen_epoch == 1
    plot_training_curves([first, second], "T", tmp_path / "a.png")
    baseline = FoldResult(key, {}, {"history": []}, {}, tmp_path)
    assert training_curves(baseline, "Majority") == []


def test_curves_lie_at_the_epochs_that_were_logged(tmp_path, drawn):
    rows = [
        {"epoch": 1, "loss": 3.0},  # validated every other epoch
        {"epoch": 2, "loss": 2.0, "val_loss": 2.5},
        {"epoch": 4, "loss": 1.0, "val_loss": 1.5},
    ]
    key = FoldKey("loso", "leak_free", "alanet", 0, "A")
    fold = FoldResult(key, {}, {"history": rows}, {}, tmp_path)
    plot_training_curves(training_curves(fold, "A"), "T", tmp_path / "a.png")
    lines = {line.get_label(): line for line in drawn[-1].axes[0].lines}
    assert lines["training"].get_xdata().tolist() == [1, 2, 4]
    assert lines["validation"].get_xdata().tolist() == [2, 4]
    assert lines["validation"].get_ydata().tolist() == [2.5, 1.5]
    # Of many trainings the sheet stays one page.
    many = training_curves(fold, "A") * 52
    plot_training_curves(many, "T", tmp_path / "b.png")
    width, height = drawn[-1].get_size_inches()
    assert height < 16 and width < 25


def test_attention_names_the_parts_that_were_looked_at(tmp_path, drawn):
    x, temporal = window()
    bodily = np.full(13, 0.05)
    bodily[12] = 0.4
    attention(tmp_path / "a.png", bodily=bodily)
    above, below, bars = drawn[-1].axes
    assert above.get_ylabel() == "joint angles (degrees)"
    assert below.get_xlabel() == "time (s)"
    labels = [t.get_text() for t in bars.get_yticklabels()]
    assert labels == [name.replace("_", " ") for name in ANGLE_NAMES]
    np.testing.assert_allclose([b.get_width() for b in bars.patches], bodily)
    named = {line.get_label(): line for line in above.lines}
    # The neck is A13, and padding is not drawn.
    np.testing.assert_array_equal(named["neck"].get_ydata(), x[:LENGTH, 12])
    assert named["neck"].get_xdata()[-1] == pytest.approx(149 / 60)
    [line] = [line for line in below.lines if len(line.get_xdata()) > 2]
    np.testing.assert_array_equal(line.get_ydata(), temporal[:LENGTH])


@pytest.mark.parametrize("prefix", ["", "angle_"])
def test_angles_are_found_by_their_names(tmp_path, drawn, prefix):
    # Angles last, so that the position alone cannot find them.
    names = [*CHANNELS[13:], *(f"{prefix}{name}" for name in ANGLE_NAMES)]
    path = tmp_path / "a.png"
    attention(path, bodily=np.eye(13)[12], channel_names=names)
    named = {line.get_label(): line for line in drawn[-1].axes[0].lines}
    neck = window()[0][:LENGTH, 29]
    np.testing.assert_array_equal(named["neck"].get_ydata(), neck)


def test_attention_over_units_is_averaged(tmp_path, drawn):
    bodily = np.random.default_rng(0).dirichlet(np.ones(13), size=8)
    attention(tmp_path / "a.png", bodily=bodily)
    widths = [b.get_width() for b in drawn[-1].axes[2].patches]
    np.testing.assert_allclose(widths, bodily.mean(axis=0))
    # Weights over code units are not called body parts.
    attention(tmp_path / "a.png", bodily=np.full(8, 1 / 8))
    bars = drawn[-1].axes[2]
    assert bars.get_title() == "Code units (not body parts)"
    assert bars.get_yticklabels()[0].get_text() == "code unit 1"


def test_attention_of_every_part_over_time_is_a_map(tmp_path, drawn):
    each = np.repeat(window()[1][:, None], 13, axis=1)
    attention(tmp_path / "a.png", temporal=each, bodily=None)
    [image] = drawn[-1].axes[1].images
    np.testing.assert_allclose(image.get_array(), each[:LENGTH].T)
    assert image.norm.vcenter == pytest.approx(1 / LENGTH)


def test_attention_is_coloured_around_the_even_share(tmp_path, drawn):
    # All but even: pale, not a uniform brown.
    even = np.full((16, 16), 1 / 16)
    even[0, :2] += [1e-4, -1e-4]
    plot_token_map(even, "T", tmp_path / "a.png")
    axis, bar = drawn[-1].axes
    [image] = axis.images
    colours = image.cmap(image.norm(image.get_array()))[..., :3]
    assert colours.min() > 0.85
    assert "even: 0.062" in bar.get_ylabel()
    peak = np.eye(16)
    plot_token_map(peak, "T", tmp_path / "a.png")
    [image] = drawn[-1].axes[0].images
    assert image.norm(1 / 16) == 0.5
    assert (image.norm(0.0), image.norm(1.0)) == (0, 1)


def test_places_on_the_body_have_the_names_that_clinicians_use(tmp_path, drawn):
    rng = np.random.default_rng(0)
    joints = rng.uniform(0, 100, (30, 26, 3))
    names = ["angle_left_knee", "semg_lower_right", "energy_right_elbow"]
    plot_body_weights(joints, [1.0, 3.0, 2.0], names, "T", tmp_path / "a.png")
    shown = texts(drawn[-1])
    for text in ("left knee\nx0.5", "right lumbar muscle\nx1.5", "right elbow"):
        assert text in shown
    assert "times the mean channel's" in drawn[-1].axes[-1].get_ylabel()


@pytest.mark.parametrize(
    "change, says",
    [
        ({"window": np.zeros((180, 29))}, r"\(180, 30\), got \(180, 29\)"),
        ({"length": 0}, "1 to 180, got 0"),
        ({"temporal": np.zeros(90)}, r"got \(90,\)"),
        ({"temporal": np.full(180, np.nan)}, "not finite"),
        ({"bodily": np.zeros((2, 8, 13))}, r"got \(2, 8, 13\)"),
        ({"channel_names": ["x"] * 30}, "neither A1 to A13"),
    ],
)
def test_attention_that_does_not_fit_is_refused(tmp_path, change, says):
    with pytest.raises(ValueError, match=says):
        attention(tmp_path / "a.png", **change)
    assert not any(tmp_path.iterdir())


def test_figures_of_nothing_are_refused(tmp_path):
    path = tmp_path / "a.png"
    with pytest.raises(ValueError, match="at least one panel"):
        plot_confusions([], ("a", "b"), "T", path)
    with pytest.raises(ValueError, match=r"2 x 2, got \(3, 3\)"):
        panels = [("A", np.eye(3))]
        plot_confusions(panels, ("a", "b"), "T", path)
    with pytest.raises(ValueError, match="needs a curve"):
        plot_training_curves([], "T", path)
