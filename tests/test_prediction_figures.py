"""Figures of predictions: marked, broken where invalid, and lazy on video."""

import numpy as np
import pandas as pd
import pytest

from keras_pain.corpora.media import read_frames, write_mp4
from keras_pain.reports import prediction_figures as figures
from keras_pain.reports.prediction_figures import contact_sheet, plot_timeline

TWO, THREE = ("no pain", "pain"), ("fear", "pain", "rest")


def windows(count, names=TWO):
    """3 s long, a new one every second."""
    table = pd.DataFrame({"start": np.arange(float(count)), "valid": 1.0})
    for number, name in enumerate(names):
        table[f"p_{name}"] = np.linspace(0.1, 0.9, count) * (number + 1) / 3
        table[f"sd_{name}"] = 0.25
    return table.assign(end=table.start + 3, predicted="pain")


@pytest.mark.parametrize("mark", ["", "SIMULATED"])
def test_files_and_titles_say_simulated(tmp_path, drawn, mark):
    place, options = (tmp_path / "f.png", "T"), {"simulated": bool(mark)}
    end = f"f_{mark}.png" if mark else "f.png"
    assert plot_timeline(windows(5), *place, **options).name == end
    faces = np.zeros((1, 8, 8, 3), np.uint8), ["0 s"]
    assert contact_sheet(*faces, *place, **options).name == end
    assert [path.name for path in tmp_path.iterdir()] == [end]
    for figure in drawn:
        assert figure.get_suptitle() == f"{mark}: T".removeprefix(": ")


def test_a_single_window_is_a_line_over_its_span(tmp_path, drawn):
    plot_timeline(windows(1).assign(p_pain=0.9), tmp_path / "t.png", "T")
    axis = drawn[0].axes[0]
    assert axis.lines[0].get_xydata().tolist() == [
        [0, 0.9],
        [1.5, 0.9],
        [3, 0.9],
    ]
    heights = axis.collections[0].get_paths()[0].vertices[:, 1]
    np.testing.assert_allclose([heights.min(), heights.max()], [0.65, 1])


def test_lines_break_at_invalid_windows_and_gaps(tmp_path, drawn):
    table = windows(6).assign(valid=[1, 1, 0.4, 1, 1, 1])
    apart = pd.concat([table, windows(2).assign(start=[20, 21], end=[21, 22])])
    gaps = [(9, 19), (20.5, 21.5)]
    plot_timeline(apart, tmp_path / "t.png", "T", gaps=gaps, note="N")
    line, hidden = drawn[0].axes[0].lines[:2]
    assert list(np.flatnonzero(np.isnan(line.get_ydata()))) == [2, 6]
    assert hidden.get_label() == "window mostly invalid"
    assert hidden.get_xydata().tolist() == [[3.5, table.p_pain[2]]]
    assert drawn[0].get_supxlabel() == "N"
    assert not figures.connected(windows(6), [(3.2, 3.4)]).isna().any(axis=None)


def test_three_classes_differ_without_colour(tmp_path, drawn):
    plot_timeline(windows(50, THREE), tmp_path / "t.png", "T")
    found = [(n.get_label(), n.get_ls()) for n in drawn[0].axes[0].lines]
    assert found == [*zip(THREE, ("-", "--", "-."), strict=True)]
    bands = [n.get_label() for n in drawn[0].axes[0].collections]
    assert bands == ["± standard deviation", *["_± standard deviation"] * 2]


def test_intensities_and_attention_over_frames_and_seconds(tmp_path, drawn):
    table = windows(4, ()).assign(intensity=[2.0, 9, 4, 5], sd=0.5)
    place = table, tmp_path / "t.png", "T"
    options = {"attention": np.array([0.1, np.nan, 0.3, 0.2]), "frame_rate": 2}
    plot_timeline(*place, **options)
    plot_timeline(*place, **options, unit="frame")
    for figure, rate in zip(drawn, (2, 1), strict=True):
        above, below = figure.axes
        assert above.lines[0].get_ydata().tolist() == [2, 9, 4, 5]
        assert above.get_ylim()[1] > 9.4 and above.get_ylabel() == "intensity"
        assert below.lines[0].get_xdata()[-1] == 3.5 / rate
        assert below.get_xlabel() == ("frame" if rate == 1 else "time (s)")
    with pytest.raises(ValueError, match="needs a frame rate"):
        plot_timeline(*place, **options | {"frame_rate": None})


@pytest.mark.parametrize("count, shown", [(1, 1), (40, 24)])
def test_a_contact_sheet_shows_first_and_last(tmp_path, drawn, count, shown):
    names, found = [f"{n}" for n in range(count)], np.arange(count) > 0
    faces = np.zeros((count, 8, 8, 3), np.uint8)
    contact_sheet(faces, names, tmp_path / "s.png", "T", found=found)
    labels = [axis.get_xlabel() for axis in drawn[0].axes if axis.images]
    assert len(labels) == shown and labels[0] == "0\nnot found"
    assert labels[1:][-1:] == names[1:][-1:]


def test_frames_are_drawn_one_at_a_time_in_an_even_size(tmp_path):
    grey = np.full((121, 161, 3), 128, np.uint8)
    boxes = np.array([[20, 40, 90, 100], [np.nan] * 4, [0, 40, 10, 50]])
    points = np.array([[[120, 60]], [[np.nan] * 2], [[5, 5]]])
    faces, source = {"boxes": boxes, "landmarks": points}, iter([grey] * 3)
    made = figures.annotated_frames(source, [0, 1, 2], windows(3), **faces)
    first = next(made)
    assert source.__length_hint__() == 2 and (grey == 128).all()
    assert first.shape == (122 + 48, 162, 3)
    assert (first[38:44, 30:80] != 128).any(axis=(0, 2)).all()  # upper edge
    assert (first[60, 119:123] != 128).any()
    assert (first[70:90, 40:80] == 128).all()
    second, third = made
    assert (second[:122] == 128).all()
    for time, frame in enumerate((first, second, third)):
        marks = np.flatnonzero((frame[-4] == (209, 102, 42)).all(axis=-1))
        assert abs(marks.mean() - 162 * (0.02 + 0.96 * time / 5)) < 2
    path = write_mp4(tmp_path / "v.mp4", [first, second, third], 5)
    assert np.shape(read_frames(path)) == (3, *first.shape)


def test_frames_show_the_usual_class_and_say_simulated():
    def drawn(table, **options):
        one = [np.full((64, 96, 3), 128, np.uint8)], [1.0]
        return next(figures.annotated_frames(*one, table, **options))

    table = windows(3, THREE)
    plain, marked = drawn(table), drawn(table, simulated=True)
    assert (plain[:64] == 128).all() and (marked[:64] != 128).any()
    assert (drawn(table.assign(p_fear=0.5)) == plain).all()
    assert (drawn(table.assign(p_pain=0.5)) != plain).any()
    assert figures.shown_score(table) == "p_pain"
    unknown = drawn(table.assign(valid=0.2))[:80]  # the words
    assert (unknown != plain[:80]).any()
